//! The layers that settings come from, laid over one another: defaults, file, settings page, environment, command line.
//!
//! Every value is checked where it enters, so that an error can say where it came from.

use super::sections::CORE;
use super::{ConfigError, Origin};
use crate::detect::SECTIONS;
use crate::detect::settings::Section;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use toml::Value;
use toml::de::DeTable;

/// What every variable of ours begins with.
const PREFIX: &str = "NETMONITOR_";

/// Variables with our prefix that are no settings: switches of the test scripts.
const NOT_OURS: [&str; 2] = ["NETMONITOR_REQUIRE_ALL", "NETMONITOR_TEST_"];

/// Names that the Python version of this program knew, and the keys they set.
const LEGACY: [(&str, &str); 5] = [
    ("DASHBOARD_SERVER", "dashboard.server"),
    ("DASHBOARD_HOST", "dashboard.host"),
    ("DASHBOARD_PORT", "dashboard.port"),
    ("LOG_DIR", "log.dir"),
    ("LOG_LEVEL", "log.level"),
];

/// Said about a name of the Python version that has no meaning here.
const WORKERS: &str = "DASHBOARD_WORKERS is set but not needed: one thread serves every viewer";

/// A section by its full name.
#[derive(Clone)]
pub(super) struct Known {
    /// `capture`, `detect.port_scan`, …
    pub(super) name: String,
    section: &'static Section,
    defaults: toml::Table,
}

/// Every section, those of the kinds behind `[detect]`.
pub(super) fn known() -> Vec<Known> {
    let known =
        |name: String, section: &'static Section| Known { name, section, defaults: (section.defaults)() };
    let mut all = Vec::new();
    for section in CORE {
        all.push(known(section.id.to_owned(), section));
        if section.id == "detect" {
            all.extend(SECTIONS.iter().map(|kind| known(format!("detect.{}", kind.id), kind)));
        }
    }
    all
}

impl Known {
    /// The lowest and highest value of a number.
    pub(super) fn range(&self, key: &str) -> Option<(f64, f64)> {
        (self.section.ranges)().iter().find(|(name, ..)| *name == key).map(|(_, low, high)| (*low, *high))
    }

    /// Key, documentation and default, in the order of declaration.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&'static str, String, &Value)> {
        (self.section.docs)().into_iter().map(|(key, doc)| (key, doc, &self.defaults[key]))
    }
}

/// Every key with its value and where that came from.
#[derive(Clone)]
pub(super) struct Layers {
    known: Vec<Known>,
    /// At most one value per layer, the one in force last.
    set: BTreeMap<String, Vec<(Value, Origin)>>,
    /// What the log should say.
    pub(super) notices: Vec<String>,
}

impl Layers {
    /// The defaults.
    pub(super) fn new() -> Self {
        Layers { known: known(), set: BTreeMap::new(), notices: Vec::new() }
    }

    /// Lays a file's text over what is there.
    pub(super) fn file(&mut self, text: &str, path: &Path) -> Result<(), ConfigError> {
        let path: Arc<Path> = path.into();
        for (line, key, value) in self.read(text, &path)? {
            self.put(&key, value, Origin::File(path.clone(), line))?;
        }
        Ok(())
    }

    /// Puts the text of the settings page's file in the place of what was set there before. What is wrong in it is left
    /// out and told; the rest counts.
    pub(super) fn page(&mut self, text: &str, path: &Path) -> Vec<ConfigError> {
        self.set.retain(|_, values| {
            values.retain(|(_, origin)| !matches!(origin, Origin::Page(..)));
            !values.is_empty()
        });
        let path: Arc<Path> = path.into();
        let found = match self.read(text, &path) {
            Ok(found) => found,
            Err(error) => return vec![error],
        };
        let put = |(line, key, value): (usize, String, Value)| {
            let origin = Origin::Page(path.clone(), line);
            match super::page::applies(&key) {
                Err(_) if self.find(&key).is_ok() => {
                    let message = "is not for the settings page; set it in config.toml".to_owned();
                    Err(ConfigError { origin: Some(origin), key, message })
                }
                _ => self.put(&key, value, origin),
            }
        };
        found.into_iter().map(put).filter_map(Result::err).collect()
    }

    /// Line, full key and value of everything that a text sets.
    fn read(&self, text: &str, path: &Arc<Path>) -> Result<Vec<(usize, String, Value)>, ConfigError> {
        let line = |offset: usize| {
            1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|b| **b == b'\n').count()
        };
        let syntax = |error: toml::de::Error| ConfigError {
            origin: Some(Origin::File(path.clone(), error.span().map_or(1, |span| line(span.start)))),
            key: String::new(),
            message: error.message().replace('\n', "; "),
        };
        let spans = DeTable::parse(text).map_err(syntax)?;
        let values: toml::Table = text.parse().map_err(syntax)?;
        let mut found = Vec::new();
        self.walk("", spans.get_ref(), &values, &mut found);
        found.sort_by_key(|(offset, ..)| *offset);
        Ok(found.into_iter().map(|(offset, key, value)| (line(offset), key, value)).collect())
    }

    /// Collects offset, full key and value of all that is no section.
    fn walk(
        &self,
        prefix: &str,
        spans: &DeTable<'_>,
        values: &toml::Table,
        found: &mut Vec<(usize, String, Value)>,
    ) {
        for (key, span) in spans.iter() {
            let name = key.get_ref().as_ref();
            let full = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
            let Some(value) = values.get(name) else { continue };
            match (span.get_ref().as_table(), value) {
                (Some(inner), Value::Table(table)) if self.is_section(&full) => {
                    self.walk(&full, inner, table, found);
                }
                _ => found.push((key.span().start, full, value.clone())),
            }
        }
    }

    fn is_section(&self, name: &str) -> bool {
        self.known.iter().any(|known| known.name == name)
    }

    /// Lays the environment over what is there.
    pub(super) fn environment(
        &mut self,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<(), ConfigError> {
        let variables: BTreeMap<String, String> = variables.collect();
        for (name, key) in LEGACY {
            // An empty one means "not set", as it did there; case did not matter there.
            if let Some(text) = variables.get(name).filter(|text| !text.is_empty()) {
                let word = matches!(key, "dashboard.server" | "log.level");
                let text = if word { text.to_lowercase() } else { text.clone() };
                self.text(key, &text, Origin::Environment(name.to_owned()))?;
            }
        }
        if variables.contains_key("DASHBOARD_WORKERS") {
            self.notices.push(WORKERS.to_owned());
        }
        let ours: BTreeMap<String, String> =
            self.keys().map(|(_, full, ..)| (variable(&full), full)).collect();
        for (name, text) in &variables {
            if !name.starts_with(PREFIX) || NOT_OURS.iter().any(|other| name.starts_with(other)) {
                continue;
            }
            let origin = Origin::Environment(name.clone());
            match ours.get(name) {
                Some(key) => self.text(key, text, origin)?,
                None => {
                    let message = format!("no such setting{}", hint(name, ours.keys().map(String::as_str)));
                    return Err(ConfigError { origin: Some(origin), key: String::new(), message });
                }
            }
        }
        Ok(())
    }

    /// Sets a key from text, as the environment and the command line have it: lists with commas.
    pub(super) fn text(&mut self, key: &str, text: &str, origin: Origin) -> Result<(), ConfigError> {
        let default = match self.find(key) {
            Ok((_, default)) => default.clone(),
            Err(message) => return Err(ConfigError { origin: Some(origin), key: key.to_owned(), message }),
        };
        let readings = readings(&default, text).map_err(|message| ConfigError {
            origin: Some(origin.clone()),
            key: key.to_owned(),
            message,
        })?;
        let mut result = Ok(());
        for value in readings {
            let next = self.put(key, value, origin.clone());
            if next.is_ok() {
                return next;
            }
            result = result.and(next);
        }
        result
    }

    fn put(&mut self, key: &str, value: Value, origin: Origin) -> Result<(), ConfigError> {
        match self.checked(key, &value) {
            Ok(()) => {
                let values = self.set.entry(key.to_owned()).or_default();
                values.retain(|(_, other)| other.rank() != origin.rank());
                values.push((value, origin));
                values.sort_by_key(|(_, origin)| origin.rank());
                Ok(())
            }
            Err(message) => Err(ConfigError { origin: Some(origin), key: key.to_owned(), message }),
        }
    }

    /// Whether a key may have this value; if not, what is wrong and what is allowed.
    pub(super) fn checked(&self, key: &str, value: &Value) -> Result<(), String> {
        let (known, default) = self.find(key)?;
        same_type(default, value)?;
        let name = key.rsplit_once('.').map_or(key, |(_, name)| name);
        let alone = toml::Table::from_iter([(name.to_owned(), value.clone())]);
        (known.section.check)(&alone).map_err(|problem| plain(&problem.message))
    }

    /// The section and default of a key, or what is wrong with the key.
    pub(super) fn find(&self, key: &str) -> Result<(&Known, &Value), String> {
        let by_name = |name: &str| self.known.iter().find(|known| known.name == name);
        if by_name(key).is_some() {
            return Err(format!("a section; write it as [{key}]"));
        }
        let section = key.rsplit_once('.').and_then(|(section, name)| Some((by_name(section)?, name)));
        let Some((known, name)) = section else {
            let hint = hint(key, self.known.iter().map(|known| known.name.as_str()));
            return Err(format!("no such section{hint}"));
        };
        if let Some(default) = known.defaults.get(name) {
            return Ok((known, default));
        }
        let keys: Vec<&str> = known.defaults.keys().map(String::as_str).collect();
        let kinds = SECTIONS.iter().map(|kind| kind.id).filter(|_| known.name == "detect");
        match hint(name, keys.iter().copied().chain(kinds)) {
            hint if hint.is_empty() => Err(format!("no such key; [{}] has {}", known.name, keys.join(", "))),
            hint => Err(format!("no such key{hint}")),
        }
    }

    /// Section, full key, value and origin of every key, in the order of the example.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&Known, String, &Value, Origin)> {
        self.known.iter().flat_map(move |known| {
            known.keys().map(move |(key, _, default)| {
                let full = format!("{}.{key}", known.name);
                match self.set.get(&full).and_then(|values| values.last()) {
                    Some((value, origin)) => (known, full, value, origin.clone()),
                    None => (known, full, default, Origin::Default),
                }
            })
        })
    }

    /// The values of a section, defaults included.
    pub(super) fn section(&self, name: &str) -> toml::Table {
        let keys = self.keys().filter(|(known, ..)| known.name == name);
        keys.map(|(_, full, value, _)| (full[name.len() + 1..].to_owned(), value.clone())).collect()
    }

    /// Where the value of a key came from.
    pub(super) fn origin(&self, key: &str) -> Origin {
        let last = self.set.get(key).and_then(|values| values.last());
        last.map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// What a key would be without the settings page, and where that came from; `None` for the default.
    pub(super) fn without_page(&self, key: &str) -> Option<&(Value, Origin)> {
        self.set.get(key)?.iter().rev().find(|(_, origin)| !matches!(origin, Origin::Page(..)))
    }

    /// What the settings page set.
    pub(super) fn page_values(&self) -> BTreeMap<String, Value> {
        self.values_from(|origin| matches!(origin, Origin::Page(..)))
    }

    /// What the file set.
    pub(super) fn file_values(&self) -> BTreeMap<String, Value> {
        self.values_from(|origin| matches!(origin, Origin::File(..)))
    }

    fn values_from(&self, wanted: impl Fn(&Origin) -> bool) -> BTreeMap<String, Value> {
        let own = |(key, values): (&String, &Vec<(Value, Origin)>)| {
            Some((key.clone(), values.iter().find(|(_, origin)| wanted(origin))?.0.clone()))
        };
        self.set.iter().filter_map(own).collect()
    }

    /// What is in force for a key; `None` when there is no such key.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        let (_, default) = self.find(key).ok()?;
        Some(self.set.get(key).and_then(|values| values.last()).map_or(default, |(value, _)| value))
    }
}

/// The environment name of a key.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// What `text` can mean for a key with this default, likeliest first.
fn readings(default: &Value, text: &str) -> Result<Vec<Value>, String> {
    let text = text.trim();
    let items = || text.split(',').map(str::trim).filter(|item| !item.is_empty());
    Ok(match default {
        Value::String(_) => vec![Value::String(text.to_owned())],
        Value::Boolean(_) => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => vec![Value::Boolean(true)],
            "false" | "no" | "off" | "0" => vec![Value::Boolean(false)],
            _ => return Err(format!("{text:?} is not true or false")),
        },
        Value::Integer(_) => {
            vec![Value::Integer(text.parse().map_err(|_| format!("{text:?} is not a whole number"))?)]
        }
        Value::Float(_) => {
            vec![Value::Float(text.parse().map_err(|_| format!("{text:?} is not a number"))?)]
        }
        Value::Array(_) => {
            let words = Value::Array(items().map(|item| Value::String(item.to_owned())).collect());
            let numbers: Result<Vec<Value>, _> =
                items().map(|item| item.parse().map(Value::Integer)).collect();
            numbers.ok().map(Value::Array).into_iter().chain([words]).collect()
        }
        _ => return Err("can be set in the file only".to_owned()),
    })
}

/// Whether `value` is of the type of `default`; a whole number will do where a fraction may stand.
fn same_type(default: &Value, value: &Value) -> Result<(), String> {
    let wanted = match default {
        Value::Float(_) if value.is_integer() => return Ok(()),
        same if same.same_type(value) => return Ok(()),
        Value::String(_) => "text in quotes",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Array(_) => "a list in square brackets",
        _ => "a table in curly braces",
    };
    Err(format!("{} is not {wanted}", short(&value.to_string())))
}

/// What serde says, in words for people.
fn plain(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    for (start, quote, unknown) in
        [("unknown variant `", "\"", " is not"), ("unknown field `", "", ": no such key; allowed:")]
    {
        if let Some((given, allowed)) =
            line.strip_prefix(start).and_then(|rest| rest.split_once("`, expected "))
        {
            let allowed = allowed.replace('`', "");
            return format!("{quote}{}{quote}{unknown} {allowed}", short(given));
        }
    }
    let words =
        [("invalid type: ", ""), ("invalid value: ", ""), ("integer ", ""), ("string ", ""), ("`", "")];
    let line = words.iter().fold(line, |line, (from, to)| line.replace(from, to));
    let types = [
        ("u16", "a number from 0 to 65535"),
        ("u32", "a whole number from 0"),
        ("a string", "text in quotes"),
    ];
    types
        .iter()
        .fold(line, |line, (from, to)| line.replace(&format!(", expected {from}"), &format!(" is not {to}")))
}

/// Not more than fits a line.
fn short(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// `; did you mean …?` with the nearest of the names, or nothing when none is near.
fn hint<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> String {
    let nearest = names.map(|name| (distance(given, name), name)).min();
    match nearest {
        Some((edits, name)) if edits <= 1 + name.len() / 4 => format!("; did you mean {name}?"),
        _ => String::new(),
    }
}

/// Edits (insert, delete, replace) from one to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(100).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = corner + usize::from(from != *to);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
