//! "Test my alarm": a canary that takes the way of every alert, and leaves nothing behind.
//!
//! A made-up port scan between documentation addresses (RFC 5737) is decoded by the real parser and found by a real
//! detector with the settings in force, in an engine of its own, so that no count and no alert of the network is touched.
//! The alert that comes out is written durably to the store, under a name of its own, and read back. The dashboard then
//! sends its mark through the event stream.

use super::engine_settings;
use super::monitor::Monitor;
use crate::capture::Frame;
use crate::command::Stage;
use crate::config::Config;
use crate::detect::titled;
use crate::engine::{self, Engine};
use crate::event::Event;
use crate::store::Store;
use crate::table::Caps;
use crate::time::{self, SECOND, Timestamp};
use crate::wire::{self, LinkType};
use crate::words::{Sentence, say, words};
use serde_json::json;

/// Name in the store of the last canary.
const KEPT: &str = "selftest";
/// The kind whose detector is tried.
const KIND: &str = "port_scan";
/// Ports beyond the threshold, so that the detector must speak.
const BEYOND: u64 = 10;

/// An Ethernet frame with a TCP segment that carries nothing.
type Segment = [u8; 54];

impl Monitor {
    pub(super) fn self_test(&self, mark: &str) -> Vec<Stage> {
        let config = self.settings.as_ref().map(|settings| &settings.config);
        let config = config.cloned().unwrap_or_default();
        let frames = frames(&config);
        let (detected, alert) = detector(config, &frames);
        let record = json!({ "mark": mark, "alert": alert }).to_string();
        vec![self.capturing(), parser(&frames), detected, store(&self.store, &record, self.mode == "live")]
    }

    /// Whether frames can come at all: an alarm that hears nothing tells nothing.
    fn capturing(&self) -> Stage {
        let interfaces = self.interfaces();
        let up = interfaces.iter().filter(|i| i.up).map(|i| i.name.as_str()).collect::<Vec<_>>().join(", ");
        let (passed, detail) = match (self.mode, up.is_empty()) {
            ("live", false) => (true, say!("{up} is listened on", "er wordt meegeluisterd op {up}")),
            ("live", true) => (false, words("no interface is up", "geen enkele aansluiting werkt").into()),
            _ => {
                let recorded = words(
                    "recorded traffic: nothing is captured",
                    "opgenomen verkeer: er wordt niet meegeluisterd",
                );
                (true, recorded.into())
            }
        };
        Stage::new("capture", passed, 0, detail)
    }
}

/// Looks at as many ports as the threshold in force wants and some more, each refused.
fn frames(config: &Config) -> Vec<Segment> {
    let threshold = config.kinds.get(KIND).and_then(|kind| kind.get("ports")?.as_integer()).unwrap_or(30);
    let ports = (threshold.unsigned_abs() + BEYOND).min(60_000);
    (1..=ports).flat_map(|port| [asks(port as u16), refuses(port as u16)]).collect()
}

fn parser(frames: &[Segment]) -> Stage {
    let began = time::monotonic();
    let decoded = frames.iter().filter(|frame| wire::decode(LinkType::Ethernet, &frame[..]).is_ok()).count();
    let all = frames.len();
    let detail =
        say!("{decoded} of {all} frames were understood", "{decoded} van de {all} pakketten zijn begrepen");
    Stage::new("parser", decoded == all, time::monotonic().since(began).unsigned_abs(), detail)
}

fn detector(mut config: Config, frames: &[Segment]) -> (Stage, Option<String>) {
    let began = time::monotonic();
    let stage = |passed, detail| {
        Stage::new("detector", passed, time::monotonic().since(began).unsigned_abs(), detail)
    };
    let mut note = words("", "");
    let kind = config.kinds.get_mut(KIND).and_then(toml::Value::as_table_mut);
    if let Some(enabled) = kind.and_then(|kind| kind.get_mut("enabled"))
        && enabled.as_bool() == Some(false)
    {
        *enabled = true.into();
        note = words(
            " (this kind is switched off in the settings; it was tried nevertheless)",
            " (dit soort staat uit in de instellingen; het is toch geprobeerd)",
        );
    }
    config.detect.allow.clear();
    let settings = engine_settings(&config, engine::Settings::default());
    let mut engine = match Engine::new(engine::Settings { caps: Caps::from_memory(4), ..settings }) {
        Ok(engine) => engine,
        Err(problem) => return (stage(false, Sentence::same(problem)), None),
    };
    for (at, data) in (0..).zip(frames) {
        engine.on_frame(&Frame {
            at: Timestamp::from_micros(3600 * SECOND + at * 1000),
            link: LinkType::Ethernet,
            data,
            wire_len: data.len() as u32,
            vlan: 0,
            interface: 0,
        });
    }
    let alert = std::iter::from_fn(|| engine.poll_event()).find_map(|event| match event {
        Event::Alert(alert) if alert.kind == KIND => Some(alert),
        _ => None,
    });
    match alert {
        Some(alert) => {
            let (kind, sentence) = (titled(alert.kind), &alert.summary);
            let record = serde_json::to_string(&alert.record(engine.offset())).ok();
            (
                stage(
                    true,
                    say!("raised {kind}: {sentence}{note}", "meldde {kind}: {sentence}{note}"; kind, sentence, note),
                ),
                record,
            )
        }
        None => (stage(false, words("nothing was raised", "er kwam geen melding").into()), None),
    }
}

fn store(store: &Store, record: &str, live: bool) -> Stage {
    let began = time::monotonic();
    let read = store.set_setting(KEPT, Some(record)).and_then(|()| store.setting(KEPT));
    let same = matches!(&read, Ok(Some(text)) if text == record);
    let detail = match read {
        Ok(_) if same && live => words(
            "the alert was written durably and read back",
            "de melding is blijvend bewaard en teruggelezen",
        )
        .into(),
        Ok(_) if same => words(
            "the alert was kept in memory and read back: this is recorded traffic",
            "de melding is in het geheugen bewaard en teruggelezen: dit is opgenomen verkeer",
        )
        .into(),
        Ok(_) => words(
            "what was read back is not what was written",
            "wat is teruggelezen is niet wat er geschreven is",
        )
        .into(),
        Err(error) => error.said(),
    };
    Stage::new("store", same, time::monotonic().since(began).unsigned_abs(), detail)
}

/// A SYN to a port.
fn asks(port: u16) -> Segment {
    segment([1, 2], [40_000, port], 0x02)
}

/// The RST that a closed port answers it with.
fn refuses(port: u16) -> Segment {
    segment([2, 1], [port, 40_000], 0x14)
}

fn segment(hosts: [u8; 2], ports: [u16; 2], flags: u8) -> Segment {
    let mut frame = [0u8; 54];
    frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, hosts[1], 2, 0, 0, 0, 0, hosts[0], 8, 0]);
    frame[14..24].copy_from_slice(&[0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6]);
    frame[26..30].copy_from_slice(&[192, 0, 2, hosts[0]]);
    frame[30..34].copy_from_slice(&[192, 0, 2, hosts[1]]);
    frame[34..36].copy_from_slice(&ports[0].to_be_bytes());
    frame[36..38].copy_from_slice(&ports[1].to_be_bytes());
    frame[46..48].copy_from_slice(&[0x50, flags]);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canary_is_found_at_every_threshold_and_with_the_kind_off() {
        for text in ["ports = 10", "ports = 60", "enabled = false"] {
            let text = format!("[detect.port_scan]\n{text}");
            let file = Some((std::path::Path::new("x.toml"), text.as_str()));
            let config = Config::from_layers(file, std::iter::empty(), &[]).expect("valid");
            let frames = frames(&config);
            assert!(parser(&frames).passed, "{text}");
            let (stage, alert) = detector(config, &frames);
            assert!(
                stage.passed && alert.is_some_and(|a| a.contains("192.0.2.1")),
                "{text}: {}",
                stage.detail
            );
            assert_eq!(stage.detail.contains("switched off"), text.contains("false"));
        }
    }

    #[test]
    fn a_parser_that_does_not_understand_fails_its_stage() {
        let mut frames = frames(&Config::default());
        frames[3][14] = 0x4f;
        assert!(!parser(&frames).passed);
        assert!(!detector(Config::default(), &frames[..3]).0.passed, "three ports are no scan");
    }
}
