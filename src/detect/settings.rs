//! Settings of detectors: declared once, with default, range and reason; checked before any detector is built.

use super::Settings;
use serde::{Serialize, de::DeserializeOwned};

/// One section `[detect.<id>]`, without its type: what the configuration needs to know of it.
#[derive(Clone, Copy)]
pub struct Section {
    /// The detector's id, and the name of its section.
    pub id: &'static str,
    /// Every key with its default.
    pub defaults: fn() -> toml::Table,
    /// Whether a table (some or all of the keys) is valid.
    pub check: fn(&toml::Table) -> Result<(), Problem>,
    /// Key and what it means: unit, range, reason. In the order in which they are declared.
    pub docs: fn() -> Vec<(&'static str, String)>,
    /// Key, lowest and highest value of each number.
    pub ranges: fn() -> &'static [(&'static str, f64, f64)],
}

/// What is wrong with a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, when one can be named.
    pub key: Option<String>,
    /// What is wrong with it and what is allowed.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{key}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// The defaults of `S` as a table.
pub fn defaults<S: Settings + Default + Serialize>() -> toml::Table {
    toml::Table::try_from(S::default()).expect("settings are a flat struct of plain values")
}

/// Reads and checks a section; keys that are missing take their defaults.
pub fn read<S: Settings + Default + Serialize + DeserializeOwned>(table: &toml::Table) -> Result<S, Problem> {
    let known = defaults::<S>();
    if let Some(key) = table.keys().find(|key| !known.contains_key(*key)) {
        let keys: Vec<&str> = known.keys().map(String::as_str).collect();
        let message = format!("no such key; there are {}", keys.join(", "));
        return Err(Problem { key: Some(key.clone()), message });
    }
    for (key, value) in table {
        check_one::<S>(key, value)?;
    }
    table
        .clone()
        .try_into()
        .map_err(|e: toml::de::Error| Problem { key: None, message: e.message().to_owned() })
}

/// Checks one key by itself, so that an error of type or range can name it.
fn check_one<S: Settings + DeserializeOwned>(key: &str, value: &toml::Value) -> Result<(), Problem> {
    let problem = |message: String| Problem { key: Some(key.to_owned()), message };
    let number = value.as_float().or(value.as_integer().map(|n| n as f64));
    let range = S::ranges().iter().find(|(name, ..)| *name == key);
    if let (Some(number), Some((_, low, high))) = (number, range)
        && !(*low..=*high).contains(&number)
    {
        return Err(problem(format!("{number} is out of range: {low} to {high} is allowed")));
    }
    let mut alone = toml::Table::new();
    alone.insert(key.to_owned(), value.clone());
    let read: Result<S, toml::de::Error> = alone.try_into();
    read.map(drop).map_err(|e| problem(e.message().to_owned()))
}

/// Checks a section.
pub fn check<S: Settings + Default + Serialize + DeserializeOwned>(
    table: &toml::Table,
) -> Result<(), Problem> {
    read::<S>(table).map(drop)
}

/// The keys of `S` with what each means.
pub fn docs<S: Settings>() -> Vec<(&'static str, String)> {
    S::docs().iter().map(|(key, lines)| (*key, lines.trim().to_owned())).collect()
}

/// Declares a detector's settings: each key with its doc, type, default and, for numbers, its range. `enabled` is
/// added to every one.
macro_rules! settings {
    ($(#[$meta:meta])* $name:ident {
        $($(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr $(, $low:literal ..= $high:literal)?;)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            /// Whether this kind is on.
            pub enabled: bool,
            $($(#[doc = $doc])+ pub $key: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { enabled: true, $($key: $default,)* }
            }
        }

        impl crate::detect::Settings for $name {
            fn enabled(&self) -> bool {
                self.enabled
            }
            fn ranges() -> &'static [(&'static str, f64, f64)] {
                &[$($((stringify!($key), $low as f64, $high as f64),)?)*]
            }
            fn docs() -> &'static [(&'static str, &'static str)] {
                &[("enabled", "Whether this kind is on."), $((stringify!($key), concat!($($doc, "\n"),+)),)*]
            }
        }
    };
}
pub(crate) use settings;

#[cfg(test)]
mod tests {
    use super::*;

    settings! {
        /// Settings for these tests.
        Sample {
            /// How many; 5 to 60.
            count: u32 = 20, 5..=60;
            /// A list.
            names: Vec<String> = Vec::new();
        }
    }

    fn table(text: &str) -> toml::Table {
        text.parse().expect("test table")
    }

    #[test]
    fn a_problem_names_the_key_and_what_is_allowed() {
        let key = |text: &str| check::<Sample>(&table(text)).expect_err(text).key;
        assert_eq!(key("count = 4"), Some("count".into()));
        assert_eq!(key("count = \"many\""), Some("count".into()));
        assert_eq!(key("cuont = 7"), Some("cuont".into()));
        assert_eq!(key("enabled = 1"), Some("enabled".into()));
        assert!(check::<Sample>(&table("count = 61")).expect_err("range").message.contains("5 to 60"));
    }

    #[test]
    fn missing_keys_take_defaults_and_given_ones_win() {
        let read: Sample = read(&table("count = 7\nnames = [\"a\"]")).expect("valid");
        assert!(read.enabled && read.count == 7 && read.names == ["a"]);
        assert_eq!(defaults::<Sample>()["count"].as_integer(), Some(20));
        assert_eq!(docs::<Sample>()[1], ("count", "How many; 5 to 60.".to_owned()));
    }
}
