//! `netmonitor export` and `netmonitor password` as people use them: from a store, and from a monitor that runs.

mod client;
mod fake;

use netmonitor::alert::AlertRecord;
use netmonitor::event::TrafficPoint;
use netmonitor::http::{self, AuthMode};
use netmonitor::service;
use netmonitor::store::{Options, Store};
use netmonitor::time::{self, SECOND, WallTime};
use serde_json::{Value, json};
use smol::{Async, LocalExecutor};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::rc::Rc;

/// Runs the program with its files in `dir`.
fn netmonitor(dir: &Path, arguments: &str, input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_netmonitor"))
        .args(arguments.split(' '))
        .env_clear()
        .env("RUNTIME_DIRECTORY", dir)
        .env("NETMONITOR_STORE_PATH", dir.join("netmonitor.redb"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // It may end without reading.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What it exported, as rows.
fn rows(dir: &Path, arguments: &str) -> Vec<Value> {
    let output = netmonitor(dir, &format!("export {arguments} --format json"), "");
    assert!(output.status.success(), "{arguments}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{arguments}: {e}"))
}

fn ago(seconds: i64) -> WallTime {
    WallTime::from_micros(time::wall().micros() - seconds * SECOND)
}

/// Alert `id` was raised `id` minutes ago.
fn alert(id: u64) -> AlertRecord {
    let at = ago(id as i64 * 60);
    AlertRecord { time: at, last_time: at, ..fake::alert(id) }
}

/// 1,200 alerts, 24 devices, and two hours of traffic.
fn fill(store: &Store) {
    let mut alerts: Vec<AlertRecord> = (1..=1200).map(alert).collect();
    alerts[0].summary = "=HYPERLINK(\"x\"), said \"they\"".into();
    store.commit_alerts(&alerts).expect("kept");
    store.save_devices(&(1..=24).map(fake::device).collect::<Vec<_>>()).expect("kept");
    for n in 0..720 {
        let point =
            TrafficPoint { time: ago(n * 10), bytes_in: 1000, packets_in: 1, ..TrafficPoint::default() };
        store.add_traffic(&point).expect("kept");
    }
    store.flush().expect("kept");
}

fn open(dir: &Path) -> Store {
    let options = Options { cache_bytes: 1 << 20, max_bytes: 64 << 20, alert_days: 30, flush_seconds: 60 };
    Store::open(&dir.join("netmonitor.redb"), options, time::wall()).expect("a store").0
}

/// What holds of every export, wherever the records come from.
fn exports_everything(dir: &Path) {
    let alerts = rows(dir, "alerts");
    let ids: Vec<u64> = alerts.iter().map(|a| a["id"].as_u64().expect("an id")).collect();
    assert_eq!(ids, (1..=1200).rev().collect::<Vec<_>>(), "each once, newest first");
    assert_eq!(rows(dir, "alerts --since 10m").len(), 9);
    assert_eq!(rows(dir, "alerts --until 1d"), Vec::<Value>::new());
    let since = ago(1210 * 60);
    assert_eq!(rows(dir, &format!("alerts --since {since} --until 1199m")).len(), 2);

    let filtered = rows(dir, "alerts --filter sev:>=high,low");
    assert_eq!(filtered.len(), 900, "fetched page by page, the filter kept");
    assert!(filtered.iter().all(|a| a["severity"] != "medium"));
    assert_eq!(rows(dir, "alerts --filter -src:192.168.1.0/28").len(), 300);

    assert_eq!(rows(dir, "devices").len(), 24);
    assert_eq!(rows(dir, "devices --until 2d").len(), 0);

    let sum = |rows: &[Value]| rows.iter().map(|p| p["bytes_in"].as_u64().expect("bytes")).sum::<u64>();
    for (arguments, step) in [("traffic --since 23h", 10), ("traffic --since 6d", 60), ("traffic", 3600)] {
        let points = rows(dir, arguments);
        assert_eq!(sum(&points), 720_000, "{arguments}");
        assert!(points.iter().all(|p| p["step_seconds"] == step), "{arguments}");
        assert!(points.is_sorted_by_key(|p| p["time"].as_str().map(str::to_owned)), "{arguments}");
    }

    let output = netmonitor(dir, "export alerts", "");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!((lines.len(), lines[1201]), (1202, ""));
    assert!(lines[0].starts_with("id,time,last_time,kind,"), "{}", lines[0]);
    assert!(lines[1200].contains("\"'=HYPERLINK(\"\"x\"\"), said \"\"they\"\"\""), "{}", lines[1200]);
}

#[test]
fn everything_comes_out_of_a_store_that_nobody_uses() {
    let dir = tempfile::tempdir().expect("a folder");
    fill(&open(dir.path()));
    exports_everything(dir.path());
}

/// A dashboard over invented data with its local socket in `dir`; runs `test` and ends.
fn with_monitor(dir: &Path, auth: AuthMode, test: impl FnOnce(&fake::Fake)) {
    let fake = fake::start(|setup| setup.auth = auth);
    let socket = service::open_socket(dir, false).expect("a socket");
    let (listener, app) = (socket.listener.try_clone().expect("a copy"), fake.app.clone());
    let local = std::thread::spawn(move || {
        let executor = Rc::new(LocalExecutor::new());
        let listener = Async::new(listener).expect("a socket");
        smol::block_on(executor.run(http::serve_local(executor.clone(), listener, app)));
    });
    test(&fake);
    drop(fake);
    local.join().expect("it ends with the monitor");
}

#[test]
fn everything_comes_out_of_a_monitor_that_runs_without_logging_in() {
    let dir = tempfile::tempdir().expect("a folder");
    with_monitor(dir.path(), AuthMode::Password, |fake| {
        fill(&fake.store);
        exports_everything(dir.path());
        assert_eq!(client::get(fake.address, "/api/alerts").status, 401, "others still need to");
    });
}

#[test]
fn an_empty_export_is_valid_and_a_wrong_one_says_what_is_wrong() {
    let dir = tempfile::tempdir().expect("a folder");
    let missing = netmonitor(dir.path(), "export alerts", "");
    assert_eq!(missing.status.code(), Some(1));
    assert!(said(&missing).contains("no monitor runs"), "{}", said(&missing));
    assert!(!dir.path().join("netmonitor.redb").exists(), "asking makes no store");

    let store = open(dir.path());
    let locked = netmonitor(dir.path(), "export alerts", "");
    assert_eq!(locked.status.code(), Some(1));
    assert!(said(&locked).contains("cannot be asked"), "{}", said(&locked));
    drop(store);

    for what in ["alerts", "devices", "traffic"] {
        assert_eq!(rows(dir.path(), what), Vec::<Value>::new(), "{what}");
        let csv = netmonitor(dir.path(), &format!("export {what}"), "");
        assert_eq!(String::from_utf8_lossy(&csv.stdout).matches("\r\n").count(), 1, "a header for {what}");
    }
    for wrong in [
        "export",
        "export flows",
        "export alerts --format xml",
        "export alerts --since yesterday",
        "export alerts --since 1h --until 2h",
        "export alerts extra",
        "export alerts --filter colour:red",
        "export devices --filter sev:high",
    ] {
        let output = netmonitor(dir.path(), wrong, "");
        assert_eq!(output.status.code(), Some(2), "{wrong}: {}", said(&output));
        assert_eq!(said(&output).lines().count(), 1, "{wrong}: {}", said(&output));
    }
}

#[test]
fn a_password_is_set_while_the_monitor_runs_and_those_inside_must_log_in_again() {
    let dir = tempfile::tempdir().expect("a folder");
    with_monitor(dir.path(), AuthMode::Password, |fake| {
        assert!(!fake.app.claimed());
        let short = netmonitor(dir.path(), "password", "short\n");
        assert_eq!(short.status.code(), Some(1), "{}", said(&short));
        for password in ["first password", "second password"] {
            let output = netmonitor(dir.path(), "password", &format!("{password}\n"));
            assert!(output.status.success(), "{}", said(&output));
            let body = json!({ "password": password }).to_string();
            let inside = client::ask(fake.address, "POST", "/api/session", "", Some(&body));
            assert_eq!(inside.status, 204, "{inside:?}");
            let cookie = format!("cookie: {}\r\n", inside.cookie());
            assert_eq!(client::ask(fake.address, "GET", "/api/alerts", &cookie, None).status, 200);
            let other = netmonitor(dir.path(), "password", "an interlude\n");
            assert!(other.status.success(), "{}", said(&other));
            assert_eq!(client::ask(fake.address, "GET", "/api/alerts", &cookie, None).status, 401);
        }
        let body = json!({ "new": "without the old one" }).to_string();
        let refused = client::ask(fake.address, "POST", "/api/password", "", Some(&body));
        assert_eq!(refused.status, 401, "only the socket does without: {refused:?}");
    });
    let output = netmonitor(dir.path(), "password", "on the store\n");
    assert!(output.status.success(), "{}", said(&output));
    assert!(open(dir.path()).setting(http::password::SETTING).expect("read").is_some());
}
