//! Settings: defaults, file, settings page, environment and command line, checked before anything runs.
//!
//! `sections` says what can be set; `layers` where it comes from; `page` what the settings page may change and where it
//! keeps that; `describe` is what it shows. A value that is wrong is an error of one line that
//! names its place, its key and what is allowed.

mod describe;
mod layers;
pub mod page;
mod sections;
#[cfg(test)]
mod tests;

pub use sections::{
    Auth, Capture, Dashboard, Detect, Devices, FeedList, Feeds, Host, Level, Log, Network, Server, Source,
    Store,
};

use crate::detect::{SECTIONS, settings};
use layers::Layers;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where settings are when no `--config` says otherwise.
pub const PATH: &str = "/etc/netmonitor/config.toml";

/// Larger files are not settings.
const LARGEST: u64 = 1 << 20;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of a file.
    File(Arc<Path>, usize),
    /// The settings page: a line of its file.
    Page(Arc<Path>, usize),
    /// A variable of the environment.
    Environment(String),
    /// An option of the command line.
    CommandLine,
}

impl Origin {
    /// Of two layers the higher wins.
    const fn rank(&self) -> u8 {
        match self {
            Origin::Default => 0,
            Origin::File(..) => 1,
            Origin::Page(..) => 2,
            Origin::Environment(_) => 3,
            Origin::CommandLine => 4,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path, line) => write!(f, "{}:{line}", path.display()),
            Origin::Page(path, line) => write!(f, "{}:{line} (settings page)", path.display()),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::CommandLine => f.write_str("command line"),
        }
    }
}

/// What is wrong with a setting, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it is; `None` when it is no single place.
    pub origin: Option<Origin>,
    /// Full key (`capture.source`); empty when it is no single key.
    pub key: String,
    /// What is wrong, and what is allowed.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

/// Every setting, checked.
#[derive(Clone)]
pub struct Config {
    /// Where frames come from.
    pub capture: Capture,
    /// What is ours.
    pub network: Network,
    /// When an alert is raised.
    pub detect: Detect,
    /// A table per kind with every key of `[detect.<kind>]`, as [`crate::detect::Detectors::new`] takes it.
    pub kinds: toml::Table,
    /// Who is there.
    pub devices: Devices,
    /// Where history is kept.
    pub store: Store,
    /// The pages in the browser.
    pub dashboard: Dashboard,
    /// What it says about itself.
    pub log: Log,
    /// Lists of known bad addresses and names.
    pub feeds: Feeds,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// What the log should say about the settings.
    pub notices: Vec<String>,
    /// What the log should say loudly: the settings page's file is damaged.
    pub warnings: Vec<String>,
    layers: Layers,
}

impl Config {
    /// Reads the settings: defaults, then `path` (or [`PATH`] if it exists), then what the settings page kept beside the
    /// store, then the environment, then `command_line` (full key and text, such as `("capture.interfaces",
    /// "eth0,eth1")`).
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        command_line: &[(&str, String)],
    ) -> Result<Config, ConfigError> {
        let file = match path {
            Some(path) => Some((path, read(path)?)),
            None if Path::new(PATH).exists() => Some((Path::new(PATH), read(Path::new(PATH))?)),
            None => None,
        };
        let text = file.as_ref().map(|(path, text)| (*path, text.as_str()));
        Ok(Self::from_layers(text, environment, command_line)?.with_kept_page())
    }

    /// The same, with the text of the file (and its name for errors) at hand, and without the settings page.
    pub fn from_layers(
        file: Option<(&Path, &str)>,
        environment: impl Iterator<Item = (String, String)>,
        command_line: &[(&str, String)],
    ) -> Result<Config, ConfigError> {
        let mut layers = Layers::new();
        if let Some((path, text)) = file {
            layers.file(text, path)?;
        }
        layers.environment(environment)?;
        for (key, text) in command_line {
            layers.text(key, text, Origin::CommandLine)?;
        }
        Self::of(layers, file.map(|(path, _)| path.to_owned()))
    }

    fn of(mut layers: Layers, file: Option<PathBuf>) -> Result<Config, ConfigError> {
        let kinds = SECTIONS
            .iter()
            .map(|kind| (kind.id.to_owned(), layers.section(&format!("detect.{}", kind.id)).into()))
            .collect();
        let config = Config {
            capture: section(&layers, "capture")?,
            network: section(&layers, "network")?,
            detect: section(&layers, "detect")?,
            kinds,
            devices: section(&layers, "devices")?,
            store: section(&layers, "store")?,
            dashboard: section(&layers, "dashboard")?,
            log: section(&layers, "log")?,
            feeds: section(&layers, "feeds")?,
            file,
            notices: std::mem::take(&mut layers.notices),
            warnings: Vec::new(),
            layers,
        };
        config.check()?;
        Ok(config)
    }

    /// What one key alone cannot tell.
    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, message: String| {
            Err(ConfigError { origin: Some(self.layers.origin(key)), key: key.to_owned(), message })
        };
        let dashboard = &self.dashboard;
        let Host(host) = dashboard.host;
        if dashboard.auth == Auth::None && !host.is_loopback() && dashboard.server != Server::Off {
            let message = format!(
                "\"none\" is allowed only when dashboard.host is a loopback address such as 127.0.0.1, not {host}: \
                 everyone who reaches this machine could look and change"
            );
            return wrong("dashboard.auth", message);
        }
        if dashboard.max_viewers > dashboard.max_connections {
            let message = format!(
                "{} is more than dashboard.max_connections = {}; raise that too",
                dashboard.max_viewers, dashboard.max_connections
            );
            return wrong("dashboard.max_viewers", message);
        }
        let mut names = std::collections::BTreeSet::new();
        for list in &self.feeds.lists {
            if let Some(problem) = list.problem() {
                return wrong("feeds.lists", problem);
            }
            if !names.insert(list.name()) {
                return wrong(
                    "feeds.lists",
                    format!("{:?} stands there twice; give each its own name", list.name()),
                );
            }
        }
        Ok(())
    }

    /// Every key, its value as it would stand in the file, and where it came from; in the order of the example.
    pub fn explain(&self) -> Vec<(String, String, Origin)> {
        self.layers.keys().map(|(_, key, value, origin)| (key, value.to_string(), origin)).collect()
    }

    /// The store's options.
    #[cfg(feature = "store")]
    pub fn store_options(&self) -> crate::store::Options {
        crate::store::Options {
            cache_bytes: self.store.cache_kib as usize * 1024,
            max_bytes: u64::from(self.store.max_mib) << 20,
            alert_days: self.store.alert_days,
            flush_seconds: self.store.flush_seconds,
        }
    }
}

impl Default for Config {
    /// The defaults, whatever the machine says.
    fn default() -> Self {
        Self::from_layers(None, std::iter::empty(), &[]).expect("a test holds the defaults valid")
    }
}

/// A commented file with every key at its default: `config.toml.example`.
pub fn example() -> String {
    let mut text = String::from(
        "# netmonitor's settings. Every key stands here with its default; leave out what you do not change.\n\
         # Copy it to /etc/netmonitor/config.toml. Environment variables win over it: NETMONITOR_CAPTURE_SOURCE\n\
         # sets capture.source. `netmonitor check` says whether all is well, `netmonitor config` what is in force.\n",
    );
    for known in layers::known() {
        text.push_str(&format!("\n[{}]\n", known.name));
        for (key, doc, default) in known.keys() {
            for line in doc.lines() {
                text.push_str(&format!("# {}\n", line.trim()));
            }
            text.push_str(&format!("{key} = {}\n", on_lines(default)));
        }
    }
    text
}

/// A value as it stands in the example: a list that is too long for a line gets a line per entry.
fn on_lines(value: &toml::Value) -> String {
    /// Longest line of the example, with room for the key.
    const LINE: usize = 90;
    let text = value.to_string();
    match value.as_array() {
        Some(list) if text.len() > LINE => {
            let entries: String = list.iter().map(|entry| format!("    {entry},\n")).collect();
            format!("[\n{entries}]")
        }
        _ => text,
    }
}

fn section<S>(layers: &Layers, name: &str) -> Result<S, ConfigError>
where
    S: crate::detect::Settings + Default + serde::Serialize + serde::de::DeserializeOwned,
{
    settings::read(&layers.section(name)).map_err(|problem| ConfigError {
        origin: None,
        key: name.to_owned(),
        message: problem.to_string(),
    })
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let wrong = |message: String| ConfigError {
        origin: None,
        key: String::new(),
        message: format!("{}: {message}", path.display()),
    };
    let size = path.metadata().map_err(|e| wrong(format!("cannot be read: {e}")))?.len();
    if size > LARGEST {
        return Err(wrong("larger than 1 MiB; this is no file of settings".to_owned()));
    }
    std::fs::read_to_string(path).map_err(|e| wrong(format!("cannot be read: {e}")))
}
