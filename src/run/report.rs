//! What the monitor says of itself: the snapshot, the health counters, the catalogue of kinds, the canary.

use super::lists::Lists;
use super::monitor::Monitor;
use crate::alert::AlertRecord;
use crate::capture::Frame;
use crate::command::Stage;
use crate::config::Config;
use crate::detect::{KINDS, Kind, titled};
use crate::engine::{Engine, Settings};
use crate::event::{self, Event, Snapshot};
use crate::store::{AlertFilter, Store};
use crate::time::{self, SECOND, Timestamp};
use crate::wire::LinkType;
use crate::words::{Sentence, say, words};
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
        let (mut problems, mut problems_nl): (Vec<String>, Vec<String>) =
            interfaces.iter().filter_map(|i| i.problem.clone().zip(i.problem_nl.clone())).unzip();
        problems.extend(self.store_problem.as_ref().map(|problem| problem.en.clone()));
        problems_nl.extend(self.store_problem.as_ref().map(|problem| problem.nl.clone()));
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

    pub(super) fn health(&self) -> Value {
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
            "clock": { "time": time::wall(), "steps": self.clock_steps },
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

/// Sends a made-up port scan between documentation addresses through an engine of its own.
pub(super) fn canary() -> Vec<Stage> {
    const PORTS: u16 = 40;
    let began = time::monotonic();
    let Ok(mut engine) = Engine::new(Settings::default()) else { return Vec::new() };
    for port in 1..=PORTS {
        let data = syn([192, 0, 2, 1], [192, 0, 2, 2], port);
        let at = Timestamp::from_micros(3600 * SECOND + i64::from(port) * SECOND / 10);
        engine.on_frame(&Frame {
            at,
            link: LinkType::RawIp,
            data: &data,
            wire_len: data.len() as u32,
            vlan: 0,
            interface: 0,
        });
    }
    let took = time::monotonic().since(began).unsigned_abs();
    let decoded = engine.counters().decoded;
    let alert = std::iter::from_fn(|| engine.poll_event()).find_map(|event| match event {
        Event::Alert(alert) => Some(alert),
        _ => None,
    });
    let parsed = say!(
        "{decoded} of {PORTS} frames were understood",
        "{decoded} van de {PORTS} pakketten zijn begrepen"
    );
    let passed = alert.is_some();
    let found = alert.map_or(words("nothing was raised", "er kwam geen melding").into(), |alert| {
        let (kind, sentence) = (titled(alert.kind), alert.summary);
        say!("raised {kind}: {sentence}", "meldde {kind}: {sentence}"; kind, sentence)
    });
    let stage = |stage, passed, Sentence { en: detail, nl: detail_nl }| Stage {
        stage,
        passed,
        microseconds: took,
        detail,
        detail_nl,
    };
    vec![stage("parser", decoded == u64::from(PORTS), parsed), stage("detector", passed, found)]
}

/// A bare IPv4 TCP SYN.
fn syn(source: [u8; 4], target: [u8; 4], port: u16) -> [u8; 40] {
    let mut packet = [0u8; 40];
    packet[..10].copy_from_slice(&[0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6]);
    packet[12..16].copy_from_slice(&source);
    packet[16..20].copy_from_slice(&target);
    packet[20..22].copy_from_slice(&40_000u16.to_be_bytes());
    packet[22..24].copy_from_slice(&port.to_be_bytes());
    packet[32..34].copy_from_slice(&[0x50, 0x02]);
    packet
}
