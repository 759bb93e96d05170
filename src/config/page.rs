//! What the settings page may change, and the file beside the store in which that survives.
//!
//! The file is a layer between `config.toml` and the environment. It is written whole and atomically, and goes through the
//! checks of every other file: what is wrong in it never stops the monitor, it is set aside and told.

use super::layers::Layers;
use super::{Config, LARGEST, Origin};
use crate::words::{Sentence, say};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use toml::Value;

/// The name of the file, in the folder of the store.
const NAME: &str = "settings.toml";

/// What stands on top of it.
const HEAD: &str = "\
# What was set on netmonitor's settings page. It wins over config.toml; the environment wins over it.
# The monitor writes this file anew at every change there; to go back to config.toml, delete it and restart.
";

/// When a change of a setting is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Applies {
    /// At once.
    Now,
    /// After the next start.
    Restart,
}

/// Why the settings page does not change a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fixed {
    /// A wrong value could lock the owner out of the page.
    LockOut,
    /// It is read once, while the monitor opens what it needs.
    Start,
    /// A variable of the environment wins over the page.
    Environment,
    /// The command line wins over the page.
    CommandLine,
    /// There is no monitor behind this page: recorded or invented traffic.
    NotLive,
}

impl Fixed {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Fixed::LockOut => {
                "is not changed on the page: a wrong value could lock you out; set it in config.toml"
            }
            Fixed::Start => "is read once at the start; set it in config.toml",
            Fixed::Environment => "is set by the environment, which wins over the page",
            Fixed::CommandLine => "is set on the command line, which wins over the page",
            Fixed::NotLive => "cannot be changed here: no live monitor stands behind this page",
        }
    }
}

/// Whether the settings page may change a key, and when that is in force.
pub fn applies(key: &str) -> Result<Applies, Fixed> {
    match key {
        "dashboard.session_days" => Ok(Applies::Restart),
        "network.home" | "network.gateways" | "feeds.reload_seconds" | "log.level" => Ok(Applies::Now),
        "store.alert_days" | "store.max_mib" | "store.flush_seconds" => Ok(Applies::Now),
        _ if key.starts_with("detect.") || key.starts_with("devices.") => Ok(Applies::Now),
        "store.path" => Err(Fixed::LockOut),
        _ if key.starts_with("dashboard.") => Err(Fixed::LockOut),
        _ => Err(Fixed::Start),
    }
}

/// What the settings page set, by full key.
pub type Values = BTreeMap<String, Value>;

/// What is wrong with a change, by key; under `""` what is no single key.
pub type Problems = BTreeMap<String, String>;

impl Config {
    /// Where the settings page keeps what it changed.
    pub fn page_path(&self) -> PathBuf {
        self.store.path.with_file_name(NAME)
    }

    /// What the settings page set.
    pub fn page_values(&self) -> Values {
        self.layers.page_values()
    }

    /// What config.toml set, as it may leave this machine, and those values that may not because they may carry a key or
    /// password.
    pub fn file_values(&self) -> (BTreeMap<String, Json>, BTreeMap<String, Json>) {
        let all = self.layers.file_values();
        let shown: BTreeMap<String, Json> =
            all.iter().map(|(key, value)| (key.clone(), super::describe::shown(key, value))).collect();
        let whole = all.iter().map(|(key, value)| (key.clone(), serde_json::json!(value)));
        let secret = whole.filter(|(key, value)| shown[key] != *value).collect();
        (shown, secret)
    }

    /// What is in force for a key, and as it may leave this machine; `None` when there is no such key.
    pub fn in_force(&self, key: &str) -> Option<(Json, Json)> {
        self.layers.value(key).map(|value| (serde_json::json!(value), super::describe::shown(key, value)))
    }

    /// Why a key cannot be changed on the page, if so; else when a change is in force.
    pub fn editable(&self, key: &str) -> Result<Applies, Fixed> {
        match self.layers.origin(key) {
            Origin::Environment(_) => Err(Fixed::Environment),
            Origin::CommandLine => Err(Fixed::CommandLine),
            _ => applies(key),
        }
    }

    /// These settings with what the page kept; what is wrong in its file is left out and warned of.
    pub(super) fn with_kept_page(self) -> Config {
        let path = self.page_path();
        let read = match path.metadata() {
            Ok(file) if file.len() > LARGEST => Err("larger than 1 MiB".to_owned()),
            // Not in a folder: the store says so, too, and better.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return self;
            }
            _ => fs::read_to_string(&path).map_err(|error| error.to_string()),
        };
        match read {
            Ok(text) => self.with_page_text(&text, &path),
            Err(problem) => {
                let warning = format!("{}: {problem}; it does not count", path.display());
                Config { warnings: vec![warning], ..self }
            }
        }
    }

    fn with_page_text(self, text: &str, path: &Path) -> Config {
        let mut layers = self.layers.clone();
        let mut warnings: Vec<String> = layers.page(text, path).iter().map(|e| format!("{e}")).collect();
        match Config::of(layers, self.file.clone()) {
            Ok(config) => Config { notices: self.notices, warnings, ..config },
            Err(error) => {
                warnings.push(error.to_string());
                Config { warnings, ..self }
            }
        }
    }

    /// Moves a damaged file of the page aside and keeps what was valid in it. What the log and the page should say.
    pub fn set_page_aside(&mut self, now: i64) -> Option<Sentence> {
        if self.warnings.is_empty() {
            return None;
        }
        let path = self.page_path();
        let why = std::mem::take(&mut self.warnings).join("; ");
        let aside = free_name(&path, now);
        let moved = fs::rename(&path, &aside);
        let values = self.page_values();
        let kept = moved.and_then(|()| if values.is_empty() { Ok(()) } else { write(&path, &values) });
        Some(match kept {
            Ok(()) => say!(
                "settings made on the page are damaged ({why}); set aside as {}",
                "instellingen die op de pagina zijn gemaakt zijn beschadigd ({why}); opzijgezet als {}",
                aside.display()
            ),
            Err(error) => say!(
                "settings made on the page are damaged ({why}); not set aside: {error}",
                "instellingen die op de pagina zijn gemaakt zijn beschadigd ({why}); niet opzijgezet: {error}"
            ),
        })
    }

    /// These settings after a change on the page: `null` takes a key back to what it is without the page. All or
    /// nothing; the problems name every key that is wrong.
    pub fn changed(&self, changes: &BTreeMap<String, Json>) -> Result<Config, Problems> {
        let mut values = self.page_values();
        let mut problems = Problems::new();
        for (key, json) in changes {
            let value = self.layers.find(key).map(drop).and_then(|()| self.wanted(key, json));
            match value {
                // What is so without the page need not be kept by it.
                Ok(Some(value)) if value == self.beneath(key) => drop(values.remove(key)),
                Ok(Some(value)) => drop(values.insert(key.clone(), value)),
                Ok(None) => drop(values.remove(key)),
                Err(problem) => drop(problems.insert(key.clone(), problem)),
            }
        }
        if problems.is_empty() { self.with_page(&values) } else { Err(problems) }
    }

    /// What a key is without the page.
    fn beneath(&self, key: &str) -> Value {
        let default = || self.layers.find(key).ok().map(|(_, default)| default.clone());
        let set = self.layers.without_page(key).map(|(value, _)| value.clone());
        set.or_else(default).unwrap_or(Value::Boolean(false))
    }

    fn wanted(&self, key: &str, json: &Json) -> Result<Option<Value>, String> {
        self.editable(key).map_err(|fixed| fixed.words().to_owned())?;
        if json.is_null() {
            return Ok(None);
        }
        let value = Value::try_from(json).map_err(|_| "null cannot stand inside a value".to_owned())?;
        self.layers.checked(key, &value)?;
        Ok(Some(value))
    }

    /// These settings with other values of the page.
    pub fn with_page(&self, values: &Values) -> Result<Config, Problems> {
        let mut layers: Layers = self.layers.clone();
        let whole = |error: &super::ConfigError| (error.key.clone(), error.message.clone());
        let problems: Problems = layers.page(&text(values), &self.page_path()).iter().map(whole).collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        let config = Config::of(layers, self.file.clone()).map_err(|e| Problems::from([whole(&e)]))?;
        Ok(Config { notices: self.notices.clone(), ..config })
    }

    /// Keeps what the page set where the next start finds it.
    pub fn keep_page(&self) -> io::Result<()> {
        write(&self.page_path(), &self.page_values())
    }
}

/// The text of the file.
fn text(values: &Values) -> String {
    let mut text = HEAD.to_owned();
    let mut section = "";
    // Section by section: `detect.allow` and `detect.confirm_days` have those of the kinds between them.
    let mut sorted: Vec<(&str, &str, &Value)> = Vec::new();
    for (key, value) in values {
        let (of, name) = key.rsplit_once('.').unwrap_or(("", key));
        sorted.push((of, name, value));
    }
    sorted.sort_by_key(|(of, name, _)| (*of, *name));
    for (of, name, value) in sorted {
        if of != section {
            text.push_str(&format!("\n[{of}]\n"));
            section = of;
        }
        text.push_str(&format!("{name} = {value}\n"));
    }
    text
}

/// Writes so that after a power cut either the old file or the new one is there, whole.
fn write(path: &Path, values: &Values) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let fresh = path.with_extension("toml.new");
    let mut file = File::create(&fresh)?;
    file.write_all(text(values).as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(folder)?.sync_all()
}

/// `<path>.invalid-<seconds>`, with a number behind it when that is taken.
fn free_name(path: &Path, now: i64) -> PathBuf {
    let named = |suffix: String| path.with_file_name(format!("{NAME}.invalid-{suffix}"));
    let numbered = (2..1000).map(|n| named(format!("{now}-{n}")));
    let mut names = std::iter::once(named(now.to_string())).chain(numbered);
    names.find(|name| !name.exists()).unwrap_or_else(|| named(now.to_string()))
}
