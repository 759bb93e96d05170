//! What the settings page shows of every key: value, origin, documentation, what is allowed, and whether it may be changed.

use super::layers::Known;
use super::page::{Applies, Fixed};
use super::{Config, Origin};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use toml::Value;

/// What each setting means in Dutch, by key. English comes from the place where it is declared.
const DUTCH: &str = include_str!("dutch.json");

/// A text that no word of ours is, to be told which are.
const NO_WORD: &str = "?";

/// Words that are understood, and of which one that says the same is shown.
const SYNONYMS: [&str; 3] = ["critical", "warning", "gunicorn"];

impl Config {
    /// Every key in force, in the order of the example. `live` is false where no monitor could take a change.
    pub fn describe(&self, live: bool) -> Vec<Json> {
        let docs =
            |known: &Known| known.keys().map(|(key, doc, default)| (key, doc, default.clone())).collect();
        let mut section = (String::new(), Vec::<(&str, String, Value)>::new());
        let dutch: BTreeMap<String, String> = serde_json::from_str(DUTCH).expect("a test reads it");
        let mut all = Vec::new();
        for (known, key, value, origin) in self.layers.keys() {
            if section.0 != known.name {
                section = (known.name.clone(), docs(known));
            }
            let name = &key[known.name.len() + 1..];
            let Some((_, doc, default)) = section.1.iter().find(|(own, ..)| *own == name) else { continue };
            let editable = if live { self.editable(&key) } else { Err(Fixed::NotLive) };
            let mut entry = json!({
                "section": known.name,
                "key": key,
                "value": shown(&key, value),
                "default": shown(&key, default),
                "origin": origin_code(&origin),
                "from": origin.to_string(),
                "doc": doc,
                "doc_nl": dutch.get(&key).or_else(|| dutch.get(name)),
                "editable": editable.is_ok(),
                "applies": editable.or(super::page::applies(&key)).unwrap_or(Applies::Restart),
                "fixed": editable.err(),
            });
            self.describe_type(&mut entry, known, &key, default);
            if matches!(origin, Origin::Page(..)) {
                let (value, from) = match self.layers.without_page(&key) {
                    Some((value, origin)) => (value, origin.to_string()),
                    None => (default, Origin::Default.to_string()),
                };
                entry["without_page"] = json!({ "value": shown(&key, value), "from": from });
            }
            all.push(entry);
        }
        all
    }

    /// Type and what is allowed, found out by the checks themselves.
    fn describe_type(&self, entry: &mut Json, known: &Known, key: &str, default: &Value) {
        let accepts = |value: Value| self.layers.checked(key, &Value::Array(vec![value])).is_ok();
        let kind = match default {
            Value::Integer(_) => "integer",
            Value::Float(_) => "number",
            Value::Boolean(_) => "boolean",
            Value::Array(_) if accepts(toml::Table::new().into()) => "rules",
            Value::Array(_) if accepts(Value::Integer(1)) => "numbers",
            Value::Array(_) => "texts",
            Value::Table(_) => "names",
            _ => "text",
        };
        entry["type"] = kind.into();
        if let Some((low, high)) = known.range(key.rsplit('.').next().unwrap_or(key)) {
            (entry["minimum"], entry["maximum"]) = (number(low), number(high));
        }
        let refusal = match kind {
            "text" => self.layers.checked(key, &Value::String(NO_WORD.to_owned())).err(),
            _ => None,
        };
        let words = refusal.as_deref().and_then(|text| text.split_once("is not one of "));
        if let Some((_, words)) = words {
            let choices = words.split(", ").filter(|word| !SYNONYMS.contains(word)).collect();
            (entry["type"], entry["choices"]) = ("choice".into(), choices);
        }
    }
}

/// A whole number where it is one.
fn number(value: f64) -> Json {
    if value.fract() == 0.0 { json!(value as i64) } else { json!(value) }
}

const fn origin_code(origin: &Origin) -> &'static str {
    match origin {
        Origin::Default => "default",
        Origin::File(..) => "file",
        Origin::Page(..) => "page",
        Origin::Environment(_) => "environment",
        Origin::CommandLine => "command_line",
    }
}

/// The value as the page may see it: an address of a list may carry a key or password, which stays here.
pub(super) fn shown(key: &str, value: &Value) -> Json {
    let mut json = json!(value);
    if key == "feeds.lists" {
        let urls = json.as_array_mut().into_iter().flatten().filter_map(|list| list.get_mut("url"));
        urls.for_each(|url| *url = without_secrets(url.as_str().unwrap_or_default()).into());
    }
    json
}

/// A URL without user, password and what follows a question mark.
fn without_secrets(url: &str) -> String {
    let (plain, query) = url.split_once('?').map_or((url, ""), |(plain, _)| (plain, "?…"));
    let Some((scheme, rest)) = plain.split_once("://") else { return format!("{plain}{query}") };
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = host.rsplit_once('@').map_or(host.to_owned(), |(_, host)| format!("…@{host}"));
    format!("{scheme}://{host}{path}{query}")
}
