//! Pulls the plug (kill -9) of the real binary at random moments while alerts are being raised. Whatever a viewer or
//! the log was told of must be there after the next start, the same, and the store must open as if nothing happened.
//!
//! `NETMONITOR_TEST_KILLS` sets how often; 25 without it.
#![cfg(all(feature = "live", feature = "store", feature = "http"))]

mod client;
mod lab;
mod traffic;

#[path = "lab/scans.rs"]
mod scans;

#[allow(dead_code, reason = "this test keeps its own pace")]
#[path = "traffic/send.rs"]
mod send;

use lab::{Monitor, Viewer, on_a_cable};
use netmonitor::time;
use scans::{Stop, scan_for_ever};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;
use traffic::rng::Rng;

/// What a viewer was told of an alert: its kind and its source.
type Told = BTreeMap<u64, (Value, Value)>;

fn essence(alert: &Value) -> (Value, Value) {
    (alert["kind"].clone(), alert["source"]["ip"].clone())
}

/// Every alert in the store, by id.
fn stored(monitor: &Monitor) -> Told {
    let mut all = Told::new();
    let mut path = "/api/alerts?limit=500".to_owned();
    loop {
        let page = monitor.json(&path, "");
        for alert in page["alerts"].as_array().expect("a list") {
            all.insert(alert["id"].as_u64().expect("an id"), essence(alert));
        }
        match &page["next_cursor"] {
            Value::Null => return all,
            Value::String(cursor) => path = format!("/api/alerts?limit=500&cursor={cursor}"),
            cursor => path = format!("/api/alerts?limit=500&cursor={cursor}"),
        }
    }
}

/// The sources of the scans that the log tells of. Any other warning is a notice, and there should be none.
fn logged(lines: &[String]) -> BTreeSet<String> {
    let warnings = lines.iter().filter_map(|l| l.split_once("warn: ").or_else(|| l.split_once("error: ")));
    let source = |(_, text): (&str, &str)| {
        let scan = text.split_once(" port_scan: ").unwrap_or_else(|| panic!("a notice: {text}")).1;
        scan.split(' ').next().unwrap_or_default().to_owned()
    };
    warnings.map(source).collect()
}

fn check_each(monitor: &Monitor, told: &Told, kill: u64) {
    for (id, essence_then) in told {
        let answer = client::get(monitor.address, &format!("/api/alerts/{id}"));
        assert_eq!(answer.status, 200, "alert {id} was told and is gone after kill {kill}");
        assert_eq!(&essence(&answer.json()), essence_then, "alert {id} after kill {kill}");
    }
}

fn kill_again_and_again(kills: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    // Every scan is to be an alert of its own.
    let environment = [
        ("NETMONITOR_DASHBOARD_AUTH", "none"),
        ("NETMONITOR_LOG_LEVEL", "warn"),
        ("NETMONITOR_DETECT_STORM_ENABLED", "false"),
    ];
    let seed = time::wall().to_string();
    println!("moments by {seed:?}");
    let mut rng = Rng::named(&seed);
    let (mut told, mut log, mut last) = (Told::new(), BTreeSet::new(), Told::new());
    let mut slowest = Duration::ZERO;
    for kill in 0..kills {
        let monitor = Monitor::start(folder.path(), &environment);
        slowest = slowest.max(monitor.ready_after);
        check_each(&monitor, &last, kill);
        let viewer = Viewer::watch(monitor.address, "");
        thread::sleep(Duration::from_millis(rng.below(500)));
        log.extend(logged(&monitor.kill()));
        last.clear();
        for alert in viewer.until_the_end().iter().filter(|e| e.name == "alert") {
            let id = alert.data["id"].as_u64().expect("an id");
            last.insert(id, essence(&alert.data));
            let before = told.insert(id, essence(&alert.data));
            assert!(before.is_none_or(|b| b == essence(&alert.data)), "alert {id} became another");
        }
    }
    let monitor = Monitor::start(folder.path(), &environment);
    let stored = stored(&monitor);
    let lost: Vec<_> = told.iter().filter(|(id, essence)| stored.get(id) != Some(essence)).collect();
    assert!(lost.is_empty(), "told and lost: {lost:?}");
    let sources: BTreeSet<&str> = stored.values().filter_map(|(_, source)| source.as_str()).collect();
    let lost: Vec<_> = log.iter().filter(|source| !sources.contains(source.as_str())).collect();
    assert!(lost.is_empty(), "logged and lost: {lost:?}");
    println!(
        "{kills} kills: {} alerts told, {} logged, {} stored, all there; slowest start {slowest:?}",
        told.len(),
        log.len(),
        stored.len()
    );
    assert!(told.len() as u64 > kills, "hardly anything was told: {}", told.len());
    logged(&monitor.kill());
}

#[test]
fn what_was_told_survives_the_plug_being_pulled() {
    let kills = std::env::var("NETMONITOR_TEST_KILLS").map_or(25, |n| n.parse().expect("a number"));
    on_a_cable(|cable| {
        let stop = AtomicBool::new(false);
        thread::scope(|s| {
            let _stop = Stop(&stop);
            s.spawn(|| cable.far(|| scan_for_ever(&stop)));
            kill_again_and_again(kills);
        });
    });
}
