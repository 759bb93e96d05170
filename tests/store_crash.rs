//! Kills a process that commits alerts, at random moments, and holds the store to what the process was promised.
//!
//! `NETMONITOR_TEST_KILLS` sets how often; 20 without it.
#![cfg(feature = "store")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use netmonitor::alert::{AlertRecord, Severity};
use netmonitor::store::{Options, Store};
use netmonitor::time::{self, WallTime};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Set for the child: the file to write.
const CHILD: &str = "NETMONITOR_TEST_CRASH_FILE";

fn options() -> Options {
    // Large enough that retention deletes nothing, however often and fast the child writes.
    Options { cache_bytes: 1 << 20, max_bytes: 8 << 30, alert_days: 365, flush_seconds: 1 }
}

fn open(path: &Path) -> (Store, Vec<String>) {
    Store::open(path, options(), time::wall()).unwrap()
}

fn alert(id: u64, now: WallTime) -> AlertRecord {
    AlertRecord {
        id,
        time: now,
        last_time: now,
        kind: "port_scan".into(),
        severity: Severity::High,
        count: 1,
        source: None,
        target: None,
        summary: "x".repeat((id % 3000) as usize),
        summary_nl: String::new(),
        evidence: serde_json::Map::new(),
        mitre: Vec::new(),
        history: None,
        acknowledged: None,
    }
}

/// Commits alerts and batches until it is killed; each line names an id that is durable.
fn commit_for_ever(path: &Path) {
    let (store, _) = open(path);
    let mut out = std::io::stdout();
    loop {
        let now = time::wall();
        let first = store.next_alert_id();
        let batch: Vec<AlertRecord> = (first..first + 1 + first % 4).map(|id| alert(id, now)).collect();
        store.commit_alerts(&batch).unwrap();
        for alert in &batch {
            writeln!(out, "id {}", alert.id).unwrap();
        }
        out.flush().unwrap();
        let point = netmonitor::event::TrafficPoint { time: now, bytes_in: 1, ..Default::default() };
        store.add_traffic(&point).unwrap();
        store.tick(now).unwrap();
    }
}

#[test]
fn a_killed_process_loses_nothing_it_was_promised() {
    if let Some(path) = std::env::var_os(CHILD) {
        return commit_for_ever(Path::new(&path));
    }
    let kills: u64 = std::env::var("NETMONITOR_TEST_KILLS").map_or(20, |n| n.parse().unwrap());
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("store.redb");
    let mut promised = 0;
    let mut random = time::wall().micros().unsigned_abs();
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_killed_process_loses_nothing_it_was_promised", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reader = std::thread::spawn(move || {
            let ids = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("id ")?.parse().ok());
            ids.max().unwrap_or(0)
        });
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_micros(20_000 + (random >> 33) % 80_000));
        child.kill().unwrap();
        child.wait().unwrap();
        promised = promised.max(reader.join().unwrap());

        let (store, notices) = open(&path);
        assert_eq!(notices, Vec::<String>::new(), "kill {kill}");
        assert!(store.next_alert_id() > promised, "kill {kill}");
        let held = (1..=promised).filter(|id| store.alert(*id).unwrap().is_some()).count();
        assert_eq!(held as u64, promised, "kill {kill}");
        let open: u64 = store.open_counts().values().sum();
        assert_eq!(open, store.stats().alerts, "kill {kill}");
    }
    assert!(promised > kills, "the child hardly ran: {promised}");
}
