//! The alert desk, for every kind: its own capture raises it once per incident; a mute and an entry of the allow-list hide
//! exactly it, counted; nothing broad hides what must be heard.

use netmonitor::addr::{Ip, Prefix};
use netmonitor::alert::{Alert, Allow, Mute, Party, Severity, Subject};
use netmonitor::capture::trace_clock::TraceClock;
use netmonitor::capture::{Frame, pcap::CaptureFile};
use netmonitor::detect::KINDS;
use netmonitor::engine::{Engine, Settings};
use netmonitor::event::Event;
use netmonitor::feeds::{Builder, Category, Feeds, Format};
use netmonitor::time::WallTime;
use std::path::PathBuf;
use std::sync::Arc;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/detect").join(name)
}

/// The settings that lie beside the capture of `id`, if any.
fn settings(id: &str) -> Settings {
    let text = std::fs::read_to_string(file(&format!("{id}.toml"))).unwrap_or_default();
    let whole: toml::Table = text.parse().expect("settings beside a capture are valid");
    let detect = whole.get("detect").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    let important = whole.get("devices").and_then(|d| d.get("important")?.as_array());
    let mac = |value: &toml::Value| value.as_str().and_then(|mac| mac.parse().ok()).expect("a MAC address");
    let important = important.into_iter().flatten().map(mac).collect();
    Settings { detect, important, ..Settings::default() }
}

/// Plays the capture of `id`; gives its alerts and how many findings were hidden.
fn play(id: &str, mutes: Vec<Mute>, allow: Vec<Allow>) -> (Vec<Alert>, u64) {
    let mut engine = Engine::new(Settings { allow, ..settings(id) }).expect("valid settings");
    let mut lists = Builder::new(0, &Default::default());
    if let Ok(text) = std::fs::read_to_string(file(&format!("{id}.list"))) {
        lists.add("known", Category::Other, Format::Auto, &text);
    }
    engine.set_feeds(Arc::new(Feeds::new(vec![Arc::new(lists.build())])));
    engine.set_mutes(mutes);
    let mut capture = CaptureFile::open(&file(&format!("{id}.pcap.gz"))).expect("every kind has its capture");
    let mut clock = TraceClock::default();
    let mut alerts = Vec::new();
    while let Some(raw) = capture.next().expect("our own captures are whole") {
        let at = clock.map(raw.wall);
        engine.set_offset(clock.offset());
        let (link, data, wire_len, interface) = (raw.link, raw.data, raw.wire_len, raw.interface);
        engine.on_frame(&Frame { at, link, data, wire_len, vlan: 0, interface });
        while let Some(event) = engine.poll_event() {
            if let Event::Alert(alert) = event {
                alerts.push(alert);
            }
        }
    }
    engine.finish();
    let hidden = engine.totals().findings_hidden;
    (alerts.into_iter().filter(|a| a.kind == id).collect(), hidden)
}

fn address(party: &Option<Subject>) -> Option<Ip> {
    party.as_ref().and_then(|p| p.ip)
}

fn mute(kind: Option<&str>, source: Option<Ip>, target: Option<Ip>) -> Mute {
    Mute {
        id: 1,
        kind: kind.map(str::to_owned),
        source: source.map(Party::Ip),
        target: target.map(Party::Ip),
        port: None,
        until: None,
        reason: String::new(),
        created: WallTime::default(),
        hidden: 0,
    }
}

/// The same parties as far as they are known.
fn parties(alert: &Alert) -> (Option<Ip>, Option<Ip>) {
    (address(&alert.source), address(&alert.target))
}

#[test]
fn each_incident_is_one_alert_and_rules_hide_exactly_what_they_name() {
    let mut wrong = Vec::new();
    for kind in KINDS {
        let id = kind.id;
        let (alerts, _) = play(id, Vec::new(), Vec::new());
        let Some(first) = alerts.first() else {
            wrong.push(format!("{id}: its capture does not raise it"));
            continue;
        };
        let (source, target) = parties(first);
        let exact = source.is_some() || target.is_some();
        let loud = first.severity == Severity::Critical || matches!(id, "feed_match" | "arp_spoof");
        let left = |alerts: &[Alert]| alerts.iter().filter(|a| parties(a) == (source, target)).count();

        let (muted, hidden) = play(id, vec![mute(Some(id), source, target)], Vec::new());
        if exact || !loud {
            if left(&muted) > 0 || hidden == 0 {
                wrong.push(format!(
                    "{id}: a mute of kind and parties leaves {} of it, hid {hidden}",
                    left(&muted)
                ));
            }
        } else if muted.is_empty() {
            wrong.push(format!("{id}: a mute of the kind alone hides it"));
        }
        let net = |ip: Option<Ip>| ip.and_then(|ip| Prefix::new(ip, if ip.is_v4() { 24 } else { 64 }));
        let allow = Allow { kind: Some(id.to_owned()), source: net(source), target: net(target), port: None };
        let (allowed, hidden) = play(id, Vec::new(), vec![allow]);
        if (exact || !loud) && (left(&allowed) > 0 || hidden == 0) {
            wrong.push(format!("{id}: an allow-list with its networks leaves {} of it", left(&allowed)));
        }
        // A chain rests on alerts; those that are muted are none.
        if let (Some(source), true) = (source, loud && id != "attack_chain") {
            let (broad, _) = play(id, vec![mute(None, Some(source), None)], Vec::new());
            if left(&broad) == 0 {
                wrong.push(format!("{id}: a mute of its source alone hides it"));
            }
        }
        let (other, hidden) = play(id, vec![mute(Some("no_such_kind"), source, target)], Vec::new());
        if other.len() != alerts.len() || hidden > 0 {
            wrong.push(format!("{id}: a mute of another kind changes it"));
        }
    }
    assert!(wrong.is_empty(), "{} complaints:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_same_parties_are_told_of_once_within_the_quiet_period() {
    // Where a host has many things to be told of, each is another incident; the evidence tells them apart.
    let manifold =
        ["odd_port", "new_service", "new_behaviour", "smb_abuse", "anonymizer", "cleartext_credentials"];
    for kind in KINDS.iter().filter(|k| !manifold.contains(&k.id)) {
        let (alerts, _) = play(kind.id, Vec::new(), Vec::new());
        for (i, alert) in alerts.iter().enumerate() {
            let again = alerts[..i].iter().find(|a| (&a.source, &a.target) == (&alert.source, &alert.target));
            assert!(
                again.is_none(),
                "{}: told twice:\n{}\n{}",
                kind.id,
                alerts[0].summary.en,
                alert.summary.en
            );
        }
    }
}
