//! Settings over HTTP on the real program: changed, in force at once, kept over a restart, taken back; wrong ones named.
//! And the self-test and the counters of a real monitor. Needs root and `ip`; see `lab`.
#![cfg(all(feature = "live", feature = "store", feature = "http"))]

mod client;
mod lab;
#[path = "traffic/send.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod send;

use lab::{Monitor, on_a_cable, until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Changes settings as the viewer with these header lines.
fn change(monitor: &Monitor, viewer: &str, changes: &Value) -> client::Answer {
    client::ask(monitor.address, "PATCH", "/api/settings", viewer, Some(&changes.to_string()))
}

fn undo(monitor: &Monitor, viewer: &str) -> client::Answer {
    client::ask(monitor.address, "POST", "/api/settings/undo", viewer, Some("{}"))
}

/// One setting of an answer.
fn setting(answer: &Value, key: &str) -> Value {
    let all = answer["settings"].as_array().expect("settings");
    all.iter().find(|setting| setting["key"] == key).unwrap_or_else(|| panic!("no {key}")).clone()
}

fn in_force(answer: &Value, key: &str) -> (Value, String) {
    let setting = setting(answer, key);
    (setting["value"].clone(), setting["origin"].as_str().unwrap_or_default().to_owned())
}

/// SYNs from the far end to so many ports of an address nobody has.
fn scan(cable: &lab::Cable, last: u8, ports: u16) {
    cable.far(|| {
        let syn = |port: u16| {
            let mut frame = [0u8; 54];
            frame[..14].copy_from_slice(&[2, 0, 0, 0, 9, 9, 2, 0, 0, 0, 9, last, 8, 0]);
            frame[14..24].copy_from_slice(&[0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6]);
            frame[26..30].copy_from_slice(&[10, 77, 0, last]);
            frame[30..34].copy_from_slice(&[10, 77, 0, 200]);
            frame[34..36].copy_from_slice(&40_000u16.to_be_bytes());
            frame[36..38].copy_from_slice(&port.to_be_bytes());
            frame[46..48].copy_from_slice(&[0x50, 0x02]);
            frame
        };
        let syns: Vec<[u8; 54]> = (1..=ports).map(syn).collect();
        let frames: Vec<&[u8]> = syns.iter().map(|frame| &frame[..]).collect();
        let sent = send::send("gen0", &frames, 500, 0.0).expect("the interface is there");
        assert_eq!(sent.frames, u64::from(ports));
    });
}

fn scanners(monitor: &Monitor, viewer: &str) -> BTreeSet<String> {
    let alerts = monitor.json("/api/alerts?kind=port_scan", viewer);
    let source = |a: &Value| a["source"]["ip"].as_str().unwrap_or_default().to_owned();
    alerts["alerts"].as_array().expect("alerts").iter().map(source).collect()
}

#[test]
fn a_threshold_changed_on_the_page_counts_at_once_survives_a_restart_and_is_taken_back() {
    on_a_cable(|cable| {
        let dir = tempfile::tempdir().expect("a folder");
        let mut monitor = Monitor::start(dir.path(), &[]);
        let viewer = monitor.claim();
        let before = monitor.json("/api/settings", &viewer);
        assert_eq!(in_force(&before, "detect.port_scan.ports").1, "default");

        let answer =
            change(&monitor, &viewer, &json!({ "detect.port_scan.ports": 60, "log.level": "debug" }));
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(in_force(&answer.json(), "detect.port_scan.ports"), (json!(60), "page".into()));
        scan(cable, 5, 25);
        let answer = change(&monitor, &viewer, &json!({ "detect.port_scan.ports": 10 }));
        assert_eq!(answer.status, 200, "{answer:?}");
        scan(cable, 6, 20);
        until("20 ports are a scan now", 10, || (!scanners(&monitor, &viewer).is_empty()).then_some(()));
        assert_eq!(
            scanners(&monitor, &viewer),
            BTreeSet::from(["10.77.0.6".to_owned()]),
            "25 with 60 were none"
        );

        let kept = fs::read_to_string(dir.path().join("settings.toml")).expect("kept beside the store");
        assert!(kept.contains("[detect.port_scan]\nports = 10\n"), "{kept}");
        drop(monitor);
        let monitor = Monitor::start(dir.path(), &[]);
        let after = monitor.json("/api/settings", &viewer);
        assert_eq!(in_force(&after, "detect.port_scan.ports"), (json!(10), "page".into()));
        assert_eq!(in_force(&after, "log.level"), (json!("debug"), "page".into()));
        assert_eq!(after["changes"].as_array().map(Vec::len), Some(2));
        assert_eq!(after["changes"][0]["keys"][0]["was"], 60);

        let back = undo(&monitor, &viewer).json();
        assert_eq!(in_force(&back, "detect.port_scan.ports"), (json!(60), "page".into()));
        let back = undo(&monitor, &viewer).json();
        assert_eq!(in_force(&back, "detect.port_scan.ports").1, "default");
        assert_eq!(in_force(&back, "log.level").1, "default");
        let nothing = undo(&monitor, &viewer);
        assert_eq!(
            (nothing.status, nothing.json()["error"]["code"].clone()),
            (409, json!("nothing_to_undo"))
        );
    });
}

#[test]
fn wrong_changes_are_named_field_by_field_and_change_nothing() {
    on_a_cable(|_| {
        let dir = tempfile::tempdir().expect("a folder");
        let mut monitor = Monitor::start(dir.path(), &[("NETMONITOR_DETECT_DGA_ENABLED", "false")]);
        let viewer = monitor.claim();
        let wrong = json!({
            "detect.port_scan.ports": 1,
            "detect.port_scan.prots": 30,
            "network.home": ["192.168.1.0/240"],
            "dashboard.max_viewers": 81,
            "store.path": "/tmp/x",
            "capture.source": "pnet",
            "detect.dga.enabled": true,
            "devices.online_seconds": "soon",
            "detect.quiet_period_s": 600,
        });
        let answer = change(&monitor, &viewer, &wrong);
        assert_eq!(answer.status, 400, "{answer:?}");
        let fields = answer.json()["error"]["fields"].clone();
        let named: Vec<&String> = fields.as_object().expect("fields").keys().collect();
        let expected: Vec<&String> = wrong.as_object().expect("keys").keys().collect();
        let expected: Vec<&String> = expected.into_iter().filter(|k| *k != "detect.quiet_period_s").collect();
        assert_eq!(named, expected, "{fields:#}");
        let says = |key: &str, words: &str| {
            assert!(fields[key].as_str().is_some_and(|t| t.contains(words)), "{key}: {}", fields[key]);
        };
        says("detect.port_scan.ports", "is allowed");
        says("detect.port_scan.prots", "did you mean ports?");
        says("dashboard.max_viewers", "lock you out");
        says("detect.dga.enabled", "environment");
        says("devices.online_seconds", "not a whole number");
        let now = monitor.json("/api/settings", &viewer);
        assert_eq!(
            in_force(&now, "detect.quiet_period_s"),
            (json!(3600), "default".into()),
            "all or nothing"
        );
        assert!(!dir.path().join("settings.toml").exists());
        let dga = setting(&now, "detect.dga.enabled");
        assert_eq!((&dga["fixed"], &dga["editable"]), (&json!("environment"), &json!(false)));
        assert_eq!(dga["from"], "environment NETMONITOR_DETECT_DGA_ENABLED");
        for body in ["[]", "{}", "{"] {
            let answer = client::ask(monitor.address, "PATCH", "/api/settings", &viewer, Some(body));
            assert_eq!(answer.status, 400, "{body}");
        }
    });
}

#[test]
fn a_damaged_file_of_the_page_is_set_aside_loudly_and_what_is_right_in_it_counts() {
    on_a_cable(|_| {
        let dir = tempfile::tempdir().expect("a folder");
        let text = "[detect.port_scan]\nports = 33\n[dashboard]\nport = 1\n[detect.dga]\nenabled = 7\n";
        fs::write(dir.path().join("settings.toml"), text).expect("written");
        let mut monitor = Monitor::start(dir.path(), &[]);
        let viewer = monitor.claim();
        let aside = |dir: &Path| {
            let names = fs::read_dir(dir).expect("there").flatten().map(|f| f.file_name());
            names.filter(|n| n.to_string_lossy().starts_with("settings.toml.invalid-")).count()
        };
        assert_eq!(aside(dir.path()), 1);
        let now = monitor.json("/api/settings", &viewer);
        assert_eq!(in_force(&now, "detect.port_scan.ports"), (json!(33), "page".into()));
        assert_eq!(in_force(&now, "detect.dga.enabled").1, "default");
        let problem = until("the page says so", 10, || {
            let health = monitor.json("/api/health", &viewer);
            health["problems"].as_array()?.iter().find(|p| p["code"] == "settings").cloned()
        });
        let words = problem["text"].as_str().expect("words").to_owned();
        assert!(words.contains("dashboard.port") && words.contains("detect.dga.enabled"), "{words}");
        assert!(monitor.said().iter().any(|line| line.contains("settings made on the page are damaged")));
        let kept = fs::read_to_string(dir.path().join("settings.toml")).expect("what was right");
        assert!(kept.contains("ports = 33") && !kept.contains("port = 1"), "{kept}");
        drop(monitor);
        fs::write(dir.path().join("settings.toml"), "not [ toml").expect("written");
        let monitor = Monitor::start(dir.path(), &[]);
        assert_eq!(in_force(&monitor.json("/api/settings", &viewer), "detect.port_scan.ports").1, "default");
        assert_eq!(aside(dir.path()), 2);
    });
}

#[test]
fn home_networks_names_and_retention_are_in_force_at_once() {
    on_a_cable(|cable| {
        let dir = tempfile::tempdir().expect("a folder");
        let mut monitor = Monitor::start(dir.path(), &[]);
        let viewer = monitor.claim();
        scan(cable, 7, 3);
        let device = |monitor: &Monitor| {
            let all = monitor.json("/api/devices", &viewer);
            all["devices"].as_array()?.iter().find(|d| d["macs"][0] == "02:00:00:00:09:07").cloned()
        };
        until("the station is known", 10, || device(&monitor));
        let changes = json!({
            "devices.names": { "02:00:00:00:09:07": "Printer upstairs" },
            "devices.important": ["02:00:00:00:09:07"],
            "network.home": ["10.77.0.0/24"],
            "network.gateways": ["10.77.0.1"],
            "store.alert_days": 30,
            "detect.allow": [{ "kind": "port_scan", "source": "10.77.0.7" }],
        });
        let answer = change(&monitor, &viewer, &changes);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(device(&monitor).expect("known")["label"], "Printer upstairs");
        let kept = fs::read_to_string(dir.path().join("settings.toml")).expect("kept");
        for (key, value) in changes.as_object().expect("keys") {
            assert_eq!(in_force(&answer.json(), key), (value.clone(), "page".into()), "{kept}");
        }
        scan(cable, 7, 60);
        scan(cable, 8, 60);
        until("another scans", 10, || scanners(&monitor, &viewer).contains("10.77.0.8").then_some(()));
        assert!(!scanners(&monitor, &viewer).contains("10.77.0.7"), "this one may");
        let back = change(&monitor, &viewer, &json!({ "devices.names": null, "detect.allow": null }));
        assert_eq!(back.status, 200, "{back:?}");
        assert_ne!(device(&monitor).expect("known")["label"], "Printer upstairs");
        drop(monitor);
        let monitor = Monitor::start(dir.path(), &[]);
        let after = monitor.json("/api/settings", &viewer);
        assert_eq!(in_force(&after, "network.home"), (json!(["10.77.0.0/24"]), "page".into()));
    });
}

#[test]
fn the_alarm_is_tested_through_every_stage_and_leaves_nothing_behind() {
    on_a_cable(|_| {
        let dir = tempfile::tempdir().expect("a folder");
        let mut monitor = Monitor::start(dir.path(), &[]);
        let viewer = monitor.claim();
        let counts = |monitor: &Monitor| {
            let health = monitor.json("/api/health", &viewer);
            [health["store"]["alerts"].clone(), health["tables"]["alerts_raised"].clone()]
        };
        let before = counts(&monitor);
        let listening = lab::Viewer::watch(monitor.address, &viewer);
        let body = json!({ "nonce": "abc-123" }).to_string();
        let answer = client::ask(monitor.address, "POST", "/api/selftest", &viewer, Some(&body)).json();
        let stages: Vec<&str> =
            answer["stages"].as_array().expect("stages").iter().filter_map(|s| s["stage"].as_str()).collect();
        assert_eq!(stages, ["capture", "parser", "detector", "store", "stream"]);
        assert_eq!((&answer["passed"], &answer["nonce"]), (&json!(true), &json!("abc-123")), "{answer:#}");
        let mine =
            |event: &lab::Seen| event.data["nonce"] == "abc-123" && event.data["detail"] == "self_test";
        until("the canary comes to a viewer", 2, || listening.seen().iter().any(mine).then_some(()));
        assert_eq!(counts(&monitor), before);
        let bad = client::ask(monitor.address, "POST", "/api/selftest", &viewer, Some("{\"nonce\":\"<b>\"}"));
        assert_eq!(bad.status, 400);
        assert!(lab::ip("link set mon0 down"));
        until("a pulled plug fails the first stage", 10, || {
            let answer = client::ask(monitor.address, "POST", "/api/selftest", &viewer, None).json();
            (answer["passed"] == false && answer["stages"][0]["passed"] == false).then_some(())
        });
    });
}

/// Every name of a counter of health has words for its title and for what it means, in both languages.
#[test]
fn every_counter_of_a_real_monitor_has_words() {
    on_a_cable(|_| {
        let dir = tempfile::tempdir().expect("a folder");
        let list = dir.path().join("list.txt");
        fs::write(&list, "203.0.113.9\n").expect("written");
        let config = dir.path().join("config.toml");
        fs::write(&config, format!("[[feeds.lists]]\npath = {list:?}\n")).expect("written");
        let mut monitor =
            Monitor::start_with(dir.path(), &["--config", config.to_str().expect("UTF-8")], &[]);
        let viewer = monitor.claim();
        let health = until("health is told", 10, || {
            Some(monitor.json("/api/health", &viewer)).filter(|h| h["capture"].is_object())
        });
        let mut names = BTreeSet::new();
        gather(&health, "", &mut names);
        let reasons = netmonitor::counters::Reject::ALL.iter();
        names.extend(reasons.map(|reason| format!("capture.rejected_by_reason.{}", reason.name())));
        let words = include_str!("../assets/words_health.js");
        let has = |id: &str| words.contains(&format!("\"{id}\": ["));
        // The longest end of the path that has words counts: `frames.bytes` before `bytes`.
        let known = |start: &str, path: &str| {
            let ends = std::iter::successors(Some(path), |p| p.split_once('.').map(|(_, rest)| rest));
            ends.into_iter().any(|end| has(&format!("{start}.{end}")))
        };
        let missing: Vec<String> = names
            .iter()
            // The Dutch of another stands under its name.
            .filter(|path| !path.ends_with("_nl"))
            .flat_map(|path| ["health", "why"].map(|start| (start, path)))
            .filter(|(start, path)| !known(start, path))
            .map(|(start, path)| format!("{start}.{path}"))
            .collect();
        assert!(missing.is_empty(), "assets/words_health.js lacks {missing:#?}");
    });
}

/// The paths of everything that is neither object nor list, without the names of entries.
fn gather(value: &Value, path: &str, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            // What ends so is the Dutch of the sentence beside it.
            for (key, value) in map.iter().filter(|(key, _)| !key.ends_with("_nl")) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                gather(value, &path, names);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| gather(value, path, names)),
        _ => drop(names.insert(path.to_owned())),
    }
}
