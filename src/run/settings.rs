//! Settings while the monitor runs: changed from the page, kept, put in force, and taken back.

use super::monitor::Monitor;
use super::{engine_settings, kinds};
use crate::command::{SettingsOrder, SettingsRefusal};
use crate::config::Config;
use crate::config::page::{self, Applies, Values};
use crate::engine;
use crate::time::{self, WallTime};
use crate::words::Sentence;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Name in the store of the latest changes.
const CHANGES: &str = "settings.changes";
/// Changes that are remembered and can be taken back.
const REMEMBERED: usize = 10;

/// The settings in force, and how they came to be so.
pub struct InForce {
    pub(super) config: Config,
    /// What the interfaces say, for the engine.
    more: engine::Settings,
    /// What can change at the next start only, as it was at this one.
    at_start: BTreeMap<String, Value>,
    changes: Vec<Change>,
    live: bool,
    /// Said until the next change: what was wrong with the page's file.
    pub(super) problem: Option<Sentence>,
}

/// One change on the page.
#[derive(Clone, Serialize, Deserialize)]
struct Change {
    time: WallTime,
    who: String,
    keys: Vec<Changed>,
}

/// One key of a change.
#[derive(Clone, Serialize, Deserialize)]
struct Changed {
    key: String,
    /// In force before and after.
    was: Value,
    now: Value,
    /// What the page had set before; `null` when it had not.
    page: Value,
}

impl InForce {
    /// The settings that the monitor was made from; `live` when they may be changed.
    pub fn new(config: Config, more: engine::Settings, live: bool) -> Self {
        let at_start = values(&config, |key| page::applies(key) == Ok(Applies::Restart));
        InForce { config, more, at_start, changes: Vec::new(), live, problem: None }
    }

    /// As `/api/settings` answers it.
    fn describe(&self) -> Value {
        let mut settings = self.config.describe(self.live);
        for entry in &mut settings {
            let start = entry["key"].as_str().and_then(|key| self.at_start.get(key));
            entry["pending"] = start.is_some_and(|start| *start != entry["value"]).into();
        }
        let shown = |change: &Change| {
            let keys = |c: &Changed| json!({ "key": c.key, "was": c.was, "now": c.now });
            let keys: Vec<Value> = change.keys.iter().map(keys).collect();
            json!({ "time": change.time, "who": change.who, "keys": keys })
        };
        let changes: Vec<Value> = self.changes.iter().rev().map(shown).collect();
        json!({
            "live": self.live,
            "file": self.config.file.as_ref().map(|path| path.display().to_string()),
            "page_file": self.config.page_path().display().to_string(),
            "settings": settings,
            "changes": changes,
        })
    }

    /// What is to be in force, and the changes that are remembered then.
    fn next(&self, who: String, order: SettingsOrder) -> Result<(Config, Vec<Change>), SettingsRefusal> {
        if !self.live {
            return Err(SettingsRefusal::NotLive);
        }
        let mut changes = self.changes.clone();
        let config = match order {
            SettingsOrder::Change(wanted) => {
                let config = self.config.changed(&wanted).map_err(SettingsRefusal::Wrong)?;
                let keys = self.differences(&config);
                if !keys.is_empty() {
                    changes.push(Change { time: time::wall(), who, keys });
                }
                config
            }
            SettingsOrder::Undo => {
                let last = changes.pop().ok_or(SettingsRefusal::NothingToUndo)?;
                let mut values = self.config.page_values();
                last.keys.iter().for_each(|changed| put_back(&mut values, changed));
                self.config.with_page(&values).map_err(SettingsRefusal::Wrong)?
            }
        };
        let surplus = changes.len().saturating_sub(REMEMBERED);
        changes.drain(..surplus);
        Ok((config, changes))
    }

    /// What the page set otherwise in `next`.
    fn differences(&self, next: &Config) -> Vec<Changed> {
        let (before, after) = (self.config.page_values(), next.page_values());
        let differs = |key: &str| before.get(key) != after.get(key);
        let (was, mut now) = (values(&self.config, differs), values(next, differs));
        let changed = |(key, was): (String, Value)| {
            let now = now.remove(&key).unwrap_or_default();
            Changed { page: json!(before.get(&key)), key, was, now }
        };
        was.into_iter().map(changed).collect()
    }
}

/// The values in force of some keys, as the page sees them.
fn values(config: &Config, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, Value> {
    let key = |entry: &Value| entry["key"].as_str().unwrap_or_default().to_owned();
    let all = config.describe(true).into_iter();
    all.map(|mut entry| (key(&entry), entry["value"].take())).filter(|(key, _)| wanted(key)).collect()
}

fn put_back(values: &mut Values, changed: &Changed) {
    match toml::Value::try_from(&changed.page) {
        Ok(value) if !changed.page.is_null() => drop(values.insert(changed.key.clone(), value)),
        _ => drop(values.remove(&changed.key)),
    }
}

impl Monitor {
    /// Keeps the settings that this monitor was made from, to show them and, when live, to change them.
    pub fn keep_settings(&mut self, config: Config, more: engine::Settings) {
        let mut settings = InForce::new(config, more, self.mode == "live");
        let kept = self.store.setting(CHANGES).ok().flatten();
        settings.changes = kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        if settings.live {
            settings.problem = settings.config.set_page_aside(time::wall().secs());
            settings.problem.iter().for_each(|problem| log::error!("{}", problem.en));
        }
        self.settings = Some(settings);
    }

    /// What `/api/settings` answers.
    pub(super) fn describe_settings(&self) -> Value {
        self.settings.as_ref().map(InForce::describe).unwrap_or_default()
    }

    /// Changes settings, or takes the last change back: all of it or nothing.
    pub(super) fn order_settings(
        &mut self,
        who: String,
        order: SettingsOrder,
    ) -> Result<Value, SettingsRefusal> {
        let settings = self.settings.as_ref().ok_or(SettingsRefusal::NotLive)?;
        let (config, changes) = settings.next(who.clone(), order)?;
        let (before, more) = (settings.config.clone(), settings.more.clone());
        let told = settings.differences(&config);
        if told.is_empty() {
            return Ok(self.describe_settings());
        }
        config.keep_page().map_err(|error| {
            SettingsRefusal::NotKept(format!("{} cannot be written: {error}", config.page_path().display()))
        })?;
        if let Err(problem) = self.put_in_force(&before, &config, &more) {
            // Nothing has changed, so the next start must not find it changed either.
            let _ = before.keep_page();
            return Err(SettingsRefusal::NotKept(problem));
        }
        for changed in &told {
            log::info!("settings: {who} changed {} from {} to {}", changed.key, changed.was, changed.now);
        }
        let kept = serde_json::to_string(&changes)
            .map_or(Ok(()), |text| self.store.set_setting(CHANGES, Some(&text)));
        self.stored(kept);
        if let Some(settings) = &mut self.settings {
            (settings.config, settings.changes, settings.problem) = (config, changes, None);
        }
        if let Some(app) = &self.app {
            app.publish_status("live", Some("settings_changed"));
        }
        Ok(self.describe_settings())
    }

    fn put_in_force(
        &mut self,
        before: &Config,
        after: &Config,
        more: &engine::Settings,
    ) -> Result<(), String> {
        let settings = |config| engine_settings(config, more.clone());
        self.engine.change(&settings(before), settings(after)).map_err(|problem| problem.to_string())?;
        let store = after.store_options();
        self.store.set_limits(store.max_bytes, store.alert_days, store.flush_seconds);
        if before.log.level != after.log.level {
            crate::logs::set_level(&after.log);
        }
        if let Some(app) = &self.app {
            let (en, nl) = kinds(after);
            app.set_kinds(en, nl);
        }
        Ok(())
    }

    /// Seconds between looks at the lists.
    pub(super) fn reload_seconds(&self) -> u32 {
        self.settings.as_ref().map_or(60, |settings| settings.config.feeds.reload_seconds)
    }
}
