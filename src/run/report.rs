//! What the monitor says of itself: the snapshot, the health counters, the catalogue of kinds.

use super::lists::Lists;
use super::monitor::Monitor;
use crate::alert::{AlertRecord, Severity};
use crate::config::Config;
use crate::detect::{KINDS, Kind};
use crate::event::{self, Snapshot};
use crate::store::{AlertFilter, Store};
use crate::time::{self, SECOND};
use crate::words::Sentence;
use serde_json::{Value, json};

/// Rows of each list on the first screen.
const TALKERS: usize = 10;
const RECENT: usize = 20;
const DEVICES: usize = 24;

/// The newest alerts.
pub(super) fn recent(store: &Store) -> Vec<AlertRecord> {
    match store.alerts(&AlertFilter::default(), None, RECENT) {
        Ok(page) => page.alerts,
        Err(error) => {
            log::error!("{error}");
            Vec::new()
        }
    }
}

impl Monitor {
    pub(super) fn snapshot(&self, viewers: u32) -> Snapshot {
        let counters = self.engine.counters();
        let last = self.engine.last_second();
        let interfaces = self.interfaces();
        let (problems, problems_nl): (Vec<String>, Vec<String>) =
            self.problems().map(|(_, said)| (said.en, said.nl)).unzip();
        let now =
            if self.mode == "live" { time::wall() } else { self.engine.now().wall(self.engine.offset()) };
        Snapshot {
            monitor: event::Monitor {
                version: crate::VERSION,
                mode: self.mode,
                status: if problems.is_empty() { "ok" } else { "degraded" },
                problems,
                problems_nl,
                host: self.host.clone(),
                time: now,
                started: self.started,
                uptime_seconds: (time::monotonic().since(self.began) / SECOND).unsigned_abs(),
                viewers,
                learning: self.engine.learning(),
                clock: self.clock,
                feeds: self.feeds_now(),
            },
            capture: event::Capture {
                dropped: interfaces.iter().map(|i| i.dropped).sum(),
                interfaces,
                packets: counters.frames,
                bytes: counters.bytes,
                decoded: counters.decoded,
                rejected: counters.rejected,
                packets_per_second: last.packets() as f64,
                dropped_per_second: last.dropped as f64,
                sees: self.engine.sees(),
                notes: self.engine.sees_notes(),
            },
            traffic: self.engine.traffic(true),
            system: self.system.clone(),
            alerts: event::Alerts { open: self.store.open_counts(), recent: self.recent.clone() },
            top_talkers: self.engine.talkers(TALKERS),
            top_destinations: self.engine.destinations(TALKERS),
            applications: self.engine.applications(TALKERS),
            devices: self.engine.devices_now(DEVICES),
        }
    }

    /// In one word, for the LED of a board: `alert` is a grave alert that nobody has acknowledged.
    pub(super) fn state(&self) -> &'static str {
        let open = self.store.open_counts();
        let grave = [Severity::High, Severity::Critical];
        if !self.interfaces().iter().any(|interface| interface.problem.is_none()) {
            "degraded"
        } else if grave.iter().any(|severity| open.get(severity.name()).is_some_and(|count| *count > 0)) {
            "alert"
        } else {
            "capturing"
        }
    }

    /// Why the monitor is degraded: what kind of trouble, and what it says.
    fn problems(&self) -> impl Iterator<Item = (&'static str, Sentence)> {
        let interfaces = self.interfaces().into_iter();
        let interfaces =
            interfaces.filter_map(|i| Sentence::of(i.problem.as_deref(), i.problem_nl.as_deref()));
        let settings = self.settings.as_ref().and_then(|settings| settings.problem.clone());
        let interfaces = interfaces.map(|text| ("interface", text));
        let store = self.store_problem.clone().map(|text| ("store", text));
        interfaces.chain(store).chain(settings.map(|text| ("settings", text)))
    }

    fn feeds_now(&self) -> event::FeedsNow {
        let lists = self.lists.as_ref().map(Lists::status).unwrap_or_default();
        event::FeedsNow {
            lists: lists.len() as u32,
            problems: lists.iter().filter(|list| list.problem.is_some()).count() as u32,
            oldest_age_seconds: lists.iter().filter(|l| l.fetched).filter_map(|l| l.age_seconds).max(),
        }
    }

    pub(super) fn health(&self) -> Value {
        let mut clock = json!(self.clock);
        clock["time"] = json!(time::wall());
        let problem =
            |(code, said): (_, Sentence)| json!({ "code": code, "text": said.en, "text_nl": said.nl });
        let counters = self.engine.counters();
        let rejected: serde_json::Map<String, Value> =
            counters.reasons().map(|(name, count)| (name.to_owned(), count.into())).collect();
        let interfaces = self.interfaces();
        let mut tables = json!(self.engine.totals());
        tables["fragments"] = json!(self.engine.fragment_counts());
        json!({
            "capture": {
                "frames": {
                    "received": counters.frames,
                    "bytes": counters.bytes,
                    "decoded": counters.decoded,
                    "rejected": counters.rejected,
                    "cut": counters.cut,
                },
                "rejected_by_reason": rejected,
                "dropped": interfaces.iter().map(|i| i.dropped).sum::<u64>(),
                "sees": self.engine.sees(),
                "notes": self.engine.sees_notes(),
                "interfaces": interfaces,
            },
            "system": self.system,
            "store": self.store.stats(),
            "monitor": {
                "version": crate::VERSION,
                "mode": self.mode,
                "started": self.started,
                "uptime_seconds": time::monotonic().since(self.began) / SECOND,
                "learned_seconds": self.engine.learned(),
                "learning": self.engine.learning(),
            },
            "tables": tables,
            "feeds": self.lists.as_ref().map(Lists::status),
            "clock": clock,
            "problems": self.problems().map(problem).collect::<Vec<_>>(),
        })
    }
}

/// The catalogue of kinds as `/api/kinds` gives it, in English and Dutch.
pub fn kinds(config: &Config) -> (String, String) {
    let all = |dutch: bool| {
        let kinds: Vec<Value> = KINDS.iter().map(|kind| kind_json(kind, dutch, config)).collect();
        json!({ "kinds": kinds }).to_string()
    };
    (all(false), all(true))
}

fn kind_json(kind: &Kind, dutch: bool, config: &Config) -> Value {
    let texts = if dutch { &kind.nl } else { &kind.en };
    let settings = config.kinds.get(kind.id).map_or(Value::Null, |s| json!(s));
    json!({
        "id": kind.id,
        "severity": kind.severity,
        "mitre": kind.mitre,
        "title": texts.title,
        "what": texts.what,
        "why": texts.why,
        "harmless": texts.harmless,
        "todo": texts.todo,
        "silence": texts.silence,
        "enabled": settings["enabled"],
        "settings": settings,
    })
}
