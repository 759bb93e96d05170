//! Standalone mode: the monitor behind its Unix socket, `netmonitor dashboard` in front, both the real binary, in a
//! network namespace. Every answer as in embedded mode; either may be killed at any moment, and whoever stays misses no
//! alert.
//!
//! `NETMONITOR_TEST_KILLS` sets how often each is killed; 10 without it.
#![cfg(all(feature = "live", feature = "store", feature = "http"))]

mod client;
mod lab;
mod traffic;

#[path = "standalone/process.rs"]
mod process;
#[path = "lab/scans.rs"]
mod scans;

#[allow(dead_code, reason = "this test keeps its own pace")]
#[path = "traffic/send.rs"]
mod send;

use lab::{on_a_cable, until};
use netmonitor::time;
use process::{Browser, Side, dashboard, log_in, now, ready, seconds_since, stored};
use rustix::process::Signal;
use scans::{Stop, scan_for_ever};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;
use traffic::rng::Rng;

/// Every scan is an alert of its own.
const EVERY_ALERT: (&str, &str) = ("NETMONITOR_DETECT_STORM_ENABLED", "false");
const NO_PASSWORD: (&str, &str) = ("NETMONITOR_DASHBOARD_AUTH", "none");

/// GET; status, what tells how to read the answer, and the answer.
fn get(path: &str, headers: &str) -> client::Answer {
    client::ask(dashboard(), "GET", path, headers, None)
}

/// The body of an answer to one that takes gzip; whether it was packed.
fn packed(path: &str, headers: &str) -> (bool, Vec<u8>) {
    let mut stream = client::connect(dashboard());
    let wants = "host: localhost\r\nconnection: close\r\naccept-encoding: gzip\r\n";
    stream.write_all(format!("GET {path} HTTP/1.1\r\n{wants}{headers}\r\n").as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("all of it");
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    (head.contains("\r\ncontent-encoding: gzip\r\n"), answer.split_off(end))
}

/// The names in an answer, without what is beside them in standalone mode.
fn names(value: &Value) -> BTreeSet<String> {
    let object = value.as_object().into_iter().flatten();
    object.map(|(name, _)| name.clone()).filter(|name| name != "front").collect()
}

/// What both modes must have in common, route by route.
fn answers(headers: &str) -> Vec<(String, u16, String, BTreeSet<String>)> {
    let mut all = Vec::new();
    for path in [
        "/healthz",
        "/login",
        "/favicon.ico",
        "/",
        "/alerts",
        "/devices",
        "/devices/020000000001",
        "/history",
        "/health",
        "/settings",
        "/account",
        "/kiosk",
        "/kiosk?token=wrong",
        "/api/dashboard",
        "/api/dashboard?x=1",
        "/api/alerts",
        "/api/alerts?limit=0",
        "/api/alerts?format=csv",
        "/api/alerts?format=json",
        "/api/alerts/1",
        "/api/alerts/99999",
        "/api/mutes",
        "/api/devices",
        "/api/devices/nobody",
        "/api/traffic?range=1h",
        "/api/talkers",
        "/api/places",
        "/api/kinds",
        "/api/kinds?lang=nl",
        "/api/settings",
        "/api/health",
        "/api/session",
        "/api/sessions",
        "/api/accounts",
        "/api/tokens",
        "/api/audit",
        "/api/openapi.json",
        "/api/events?last_event_id=x",
        "/metrics",
        "/static/nothing.js",
        "/nothing",
        "/api/nothing",
        "/api/%64ashboard",
    ] {
        for headers in [headers, ""] {
            let answer = get(path, headers);
            let kind = [
                "content-type",
                "content-disposition",
                "location",
                "allow",
                "www-authenticate",
                "cache-control",
                "content-security-policy",
            ]
            .map(|name| answer.header(name).to_owned())
            .join("; ");
            let body = serde_json::from_str(&answer.body).unwrap_or_default();
            all.push((format!("{path} {}", !headers.is_empty()), answer.status, kind, names(&body)));
        }
    }
    for (method, path) in [
        ("PUT", "/api/alerts"),
        ("POST", "/api/dashboard"),
        ("DELETE", "/healthz"),
        ("OPTIONS", "/api/events"),
    ] {
        let answer = client::ask(dashboard(), method, path, headers, None);
        all.push((
            format!("{method} {path}"),
            answer.status,
            answer.header("allow").to_owned(),
            BTreeSet::new(),
        ));
    }
    for path in ["/api/dashboard", "/", "/api/kinds", "/healthz", "/login"] {
        let answer = client::ask(dashboard(), "HEAD", path, headers, None);
        let length = answer.header("content-length") != "0" && !answer.header("content-length").is_empty();
        all.push((format!("HEAD {path}"), answer.status, length.to_string(), BTreeSet::new()));
    }
    all
}

#[test]
fn every_answer_is_as_in_embedded_mode() {
    on_a_cable(|cable| {
        let folder = tempfile::tempdir().expect("a folder");
        let embedded = Side::monitor(folder.path(), "embedded", &[EVERY_ALERT]);
        ready();
        let viewer = log_in(folder.path());
        let stop = AtomicBool::new(false);
        thread::scope(|s| {
            let _stop = Stop(&stop);
            s.spawn(|| cable.far(|| scan_for_ever(&stop)));
            until("alerts", 20, || (stored(&viewer).len() > 3).then_some(()));
        });
        until("a first count of counters", 5, || {
            (names(&get("/api/health", &viewer).json()).len() > 3).then_some(())
        });
        let expected = answers(&viewer);
        let same = [
            "/api/alerts?limit=3",
            "/api/alerts?format=csv",
            "/api/alerts/1",
            "/api/kinds",
            "/api/openapi.json",
            "/alerts",
        ];
        let bodies = same.map(|path| (get(path, &viewer).body, packed(path, &viewer)));
        assert!(bodies.iter().all(|(plain, _)| plain.len() > 100));
        assert!(embedded.stop().0);

        let _monitor = Side::monitor(folder.path(), "gunicorn", &[EVERY_ALERT]);
        let front =
            Side::front(folder.path(), &[("DASHBOARD_WORKERS", "4"), ("NETMONITOR_LOG_LEVEL", "info")]);
        ready();
        until("a first count of counters", 5, || {
            (names(&get("/api/health", &viewer).json()).len() > 3).then_some(())
        });
        for (here, there) in answers(&viewer).iter().zip(&expected) {
            assert_eq!(here, there);
        }
        for (path, (plain, small)) in same.iter().zip(&bodies) {
            assert!(get(path, &viewer).body == *plain, "{path}");
            assert!(packed(path, &viewer) == *small, "{path}, packed");
        }
        let health = get("/api/health", &viewer).json();
        assert_eq!(health["front"]["monitor_away"], false, "{health}");
        assert!(get("/metrics", &viewer).body.contains("\nnetmonitor_front_subscriptions 1\n"));
        assert!(front.said().contains("DASHBOARD_WORKERS"), "{}", front.said());
        assert!(front.said().contains("dashboard: http://127.0.0.1:8080/"), "{}", front.said());
    });
}

#[test]
fn whatever_is_changed_through_the_front_is_changed_in_the_monitor_and_told_to_viewers() {
    on_a_cable(|cable| {
        let folder = tempfile::tempdir().expect("a folder");
        let monitor = Side::monitor(folder.path(), "standalone", &[EVERY_ALERT]);
        let _front = Side::front(folder.path(), &[]);
        ready();
        let owner = log_in(folder.path());
        let send = |who: &str, method: &str, path: &str, body: &str, wanted: u16| {
            let answer = client::ask(dashboard(), method, path, who, Some(body).filter(|b| !b.is_empty()));
            assert_eq!(answer.status, wanted, "{method} {path}: {answer:?}");
            answer
        };
        let browser = Browser::open(&owner);
        browser.wait_for("a snapshot", time::Timestamp::MIN, |event| event.name == "snapshot");
        let stop = AtomicBool::new(false);
        thread::scope(|s| {
            let _stop = Stop(&stop);
            s.spawn(|| cable.far(|| scan_for_ever(&stop)));
            browser.wait_for("an alert", time::Timestamp::MIN, |event| event.name == "alert");
        });

        let began = now();
        let tried = send(&owner, "POST", "/api/selftest", r#"{"nonce":"mark-1"}"#, 200).json();
        assert_eq!((tried["passed"].as_bool(), tried["nonce"].as_str()), (Some(true), Some("mark-1")));
        browser.wait_for("the canary", began, |event| {
            event.name == "status" && event.data["nonce"] == "mark-1" && event.data["detail"] == "self_test"
        });
        let changes = r#"{"detect.port_scan.ports":42}"#;
        send(&owner, "PATCH", "/api/settings", changes, 200);
        browser.wait_for("word of the settings", began, |e| e.data["detail"] == "settings_changed");
        let ports = |answer: client::Answer| {
            let all = answer.json()["settings"].as_array().expect("settings").clone();
            all.iter().find(|s| s["key"] == "detect.port_scan.ports").expect("listed")["value"].clone()
        };
        assert_eq!(ports(get("/api/settings", &owner)), 42);
        send(&owner, "POST", "/api/settings/undo", "{}", 200);
        assert_ne!(ports(get("/api/settings", &owner)), 42);

        let device = get("/api/devices", &owner).json()["devices"][0]["id"].as_str().expect("one").to_owned();
        let named = now();
        send(&owner, "PATCH", &format!("/api/devices/{device}"), r#"{"name":"Printer"}"#, 200);
        browser.wait_for("the new name", named, |e| e.name == "device" && e.data["name"] == "Printer");
        send(&owner, "POST", "/api/alerts/1/ack", r#"{"note":"mine"}"#, 200);
        let mute = send(&owner, "POST", "/api/mutes", r#"{"kind":"port_scan"}"#, 201).json();
        send(&owner, "DELETE", &format!("/api/mutes/{}", mute["id"]), "", 204);

        // Others: a viewer who may only look, a program with a token, a wall.
        let account = r#"{"name":"sam","password":"a password of hers"}"#;
        let account = send(&owner, "POST", "/api/accounts", account, 201).json();
        let answer =
            send("", "POST", "/api/session", r#"{"name":"sam","password":"a password of hers"}"#, 204);
        let sam = format!("cookie: {}\r\n", answer.cookie());
        assert_eq!(get("/api/dashboard", &sam).status, 200);
        send(&sam, "POST", "/api/selftest", "", 403);
        let hers = Browser::open(&sam);
        hers.wait_for("a snapshot", time::Timestamp::MIN, |event| event.name == "snapshot");
        let token = send(&owner, "POST", "/api/tokens", r#"{"name":"a wall","scope":"kiosk"}"#, 201).json();
        let secret = token["token"].as_str().expect("told once");
        let wall = format!("authorization: Bearer {secret}\r\n");
        assert_eq!((get("/api/dashboard", &wall).status, get("/api/mutes", &wall).status), (200, 403));
        let opened = get(&format!("/kiosk?token={secret}"), "");
        assert_eq!((opened.status, opened.header("location")), (303, "/kiosk"));
        let kiosk = format!("cookie: {}\r\n", opened.cookie());
        assert_eq!((get("/kiosk", &kiosk).status, get("/api/dashboard", &kiosk).status), (200, 200));
        send(&owner, "DELETE", &format!("/api/tokens/{}", token["id"]), "", 204);
        assert_eq!((get("/api/dashboard", &wall).status, get("/api/dashboard", &kiosk).status), (401, 401));
        send(&owner, "DELETE", &format!("/api/accounts/{}", account["id"]), "", 204);
        assert_eq!(get("/api/dashboard", &sam).status, 401);
        until("her stream ends with her account", 5, || hers.refused().contains(&401).then_some(()));
        assert_eq!(get("/api/dashboard", &owner).status, 200);
        assert!(monitor.stop().0);
    });
}

/// Ports that anything in this network namespace listens on.
fn listening() -> Vec<String> {
    let mut table = fs::read_to_string("/proc/thread-self/net/tcp").expect("readable");
    table += &fs::read_to_string("/proc/thread-self/net/tcp6").unwrap_or_default();
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields.filter(|f| f.get(3) == Some(&"0A")).map(|f| f[1].to_owned()).collect()
}

#[test]
fn the_monitor_judges_viewers_and_they_see_live_what_happens() {
    on_a_cable(|cable| {
        let folder = tempfile::tempdir().expect("a folder");
        let monitor = Side::monitor(folder.path(), "standalone", &[EVERY_ALERT]);
        until("the socket", 20, || folder.path().join("run/monitor.sock").exists().then_some(()));
        assert_eq!(listening(), Vec::<String>::new(), "the monitor listens on no port");
        assert!(monitor.said().contains("claim code: "), "{}", monitor.said());
        let front = Side::front(folder.path(), &[]);
        ready();
        for forged in [
            "x-forwarded-for: 127.0.0.1",
            "x-netmonitor-for: 127.0.0.1",
            "x-forwarded-for:",
            "cookie: session=1",
        ] {
            for path in ["/api/dashboard", "/api/alerts", "/api/events", "/api/health", "/metrics"] {
                assert_eq!(get(path, &format!("{forged}\r\n")).status, 401, "{path} with {forged}");
            }
        }
        let claim = r#"{"code":"AAAA-AAAA","password":"a password of theirs"}"#;
        assert_eq!(client::ask(dashboard(), "POST", "/api/claim", "", Some(claim)).status, 403);
        let viewer = log_in(folder.path());
        let foreign = "host: evil.example\r\nconnection: close\r\n";
        let rebound = client::raw(
            dashboard(),
            format!("GET /api/dashboard HTTP/1.1\r\n{foreign}{viewer}\r\n").as_bytes(),
        );
        assert_eq!(rebound.status, 421);
        let forged = format!("{viewer}origin: http://evil.example\r\n");
        assert_eq!(client::ask(dashboard(), "POST", "/api/selftest", &forged, None).status, 403);
        assert_eq!(client::ask(dashboard(), "POST", "/api/selftest", &viewer, None).json()["passed"], true);

        let browser = Browser::open(&viewer);
        browser.since();
        thread::sleep(Duration::from_secs(4));
        let snapshots = browser.events().iter().filter(|e| e.name == "snapshot").count();
        assert!((4..=6).contains(&snapshots), "one at once and one a second, not {snapshots}");
        let began = now();
        let stop = AtomicBool::new(false);
        thread::scope(|s| {
            let _stop = Stop(&stop);
            s.spawn(|| cable.far(|| scan_for_ever(&stop)));
            browser.wait_for("an alert", began, |event| event.name == "alert");
            println!("the first alert after {:.3} s of scanning", seconds_since(began));
        });
        let whole = || get("/api/dashboard", &viewer).json();
        let shown = || {
            let whole = whole();
            let alerts = whole["alerts"]["recent"].as_array().map_or(0, Vec::len);
            (alerts > 0 && whole["capture"]["packets"].as_u64() > Some(20)).then_some(())
        };
        until("the whole snapshot moves on", 5, shown);

        let ended = browser.connections();
        assert_eq!(client::ask(dashboard(), "DELETE", "/api/session", &viewer, None).status, 204);
        until("the stream ends with its session", 5, || browser.refused().contains(&401).then_some(()));
        assert_eq!(browser.connections(), ended);
        assert_eq!(get("/api/dashboard", &viewer).status, 401);
        assert!(front.stop().0 && monitor.stop().0);
    });
}

#[test]
fn while_the_monitor_is_away_those_inside_stay_and_it_all_goes_on_when_it_is_back() {
    on_a_cable(|_| {
        let folder = tempfile::tempdir().expect("a folder");
        let monitor = Side::monitor(folder.path(), "standalone", &[]);
        let front = Side::front(folder.path(), &[]);
        ready();
        let viewer = log_in(folder.path());
        let browser = Browser::open(&viewer);
        browser.since();
        browser.wait_for("a snapshot", now(), |event| event.name == "snapshot");
        assert_eq!((get("/", &viewer).status, get("/api/dashboard", &viewer).status), (200, 200));

        let killed = now();
        monitor.kill();
        let away = browser.wait_for_state("away", killed);
        assert!(away.data["since"].is_string(), "{away:?}");
        let answer = get("/api/dashboard", &viewer);
        assert!(answer.status == 200 && !answer.header("age").is_empty(), "{answer:?}");
        assert_eq!(get("/", &viewer).status, 200);
        let refused = get("/api/alerts", &viewer);
        assert_eq!((refused.status, refused.header("retry-after")), (503, "2"));
        assert_eq!(refused.json()["error"]["code"], "monitor_away");
        let health = get("/healthz", "");
        assert_eq!((health.status, health.json()["reason"].as_str()), (503, Some("monitor_away")));
        // Nobody new.
        assert_eq!(get("/api/dashboard", "").status, 503);
        assert_eq!(get("/api/events", "cookie: session=2\r\n").status, 503);
        assert_eq!((get("/", "").status, get("/", "").header("location")), (303, "/login"));
        let login = r#"{"password":"a password for tests"}"#;
        assert_eq!(client::ask(dashboard(), "POST", "/api/session", "", Some(login)).status, 503);
        assert_eq!(get("/login", "").status, 200);
        // A page that is loaded now is told at once.
        let late = Browser::open(&viewer);
        late.wait_for_state("away", killed);
        let repeated = now();
        browser.wait_for_state("away", repeated);

        let back = now();
        let monitor = Side::monitor(folder.path(), "standalone", &[]);
        for browser in [&browser, &late] {
            browser.wait_for_state("live", back);
            browser.wait_for("a snapshot", back, |event| event.name == "snapshot");
        }
        println!("live again {:.2} s after the monitor was started", seconds_since(back));
        assert_eq!((browser.connections(), late.connections()), (1, 1), "the streams stayed");
        assert_eq!(get("/api/alerts", &viewer).status, 200);
        assert!(get("/api/dashboard", &viewer).header("age").is_empty());

        // A monitor that hangs is away, too, and its front does not hang with it.
        let hung = now();
        monitor.signal(Signal::STOP);
        browser.wait_for_state("away", hung);
        let asked = now();
        assert_eq!(get("/api/dashboard", &viewer).status, 200);
        assert_eq!(get("/api/alerts", &viewer).status, 503);
        assert!(seconds_since(asked) < 4.0);
        monitor.signal(Signal::CONT);
        browser.wait_for_state("live", asked);

        let killed = now();
        front.kill();
        let front = Side::front(folder.path(), &[]);
        ready();
        assert_eq!(get("/api/dashboard", &viewer).status, 200, "sessions are the monitor's");
        browser.wait_for_state("live", killed);
        assert_eq!(browser.connections(), 2);
        let (ended, took) = front.stop();
        assert!(ended && took < Duration::from_secs(2), "{took:?}");
        browser.wait_for_state("closing", killed);
        assert!(monitor.stop().0);
    });
}

fn kill_either_again_and_again(kills: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let environment = [EVERY_ALERT, NO_PASSWORD];
    let (start, begin) = (
        || Side::monitor(folder.path(), "standalone", &environment),
        || Side::front(folder.path(), &environment),
    );
    let (mut monitor, mut front) = (start(), begin());
    ready();
    let browsers: Vec<Browser> = (0..3).map(|_| Browser::open("")).collect();
    let since: Vec<u64> = browsers.iter().map(Browser::since).collect();
    let seed = time::wall().to_string();
    println!("moments by {seed:?}");
    let mut rng = Rng::named(&seed);
    for _ in 0..kills {
        thread::sleep(Duration::from_millis(rng.below(500)));
        monitor.kill();
        monitor = start();
        thread::sleep(Duration::from_millis(rng.below(500)));
        front.kill();
        front = begin();
    }
    ready();
    let back = now();
    for browser in &browsers {
        browser.wait_for("a snapshot", back, |event| event.name == "snapshot");
    }
    // Twice what the last alert may take.
    thread::sleep(Duration::from_secs(2));
    let stored = stored("");
    for (browser, since) in browsers.iter().zip(since) {
        let told = browser.alerts();
        // What was raised while the list was read may still be on its way.
        let newest = told.last().copied().unwrap_or_default();
        let missed: Vec<&u64> =
            stored.iter().filter(|id| **id > since && **id <= newest && !told.contains(id)).collect();
        let around = missed.first().map(|first| browser.around(**first));
        assert!(missed.is_empty(), "committed and not told: {missed:?}; {}", around.unwrap_or_default());
        let behind = stored.last().copied().unwrap_or_default().saturating_sub(newest);
        assert!(behind < 50, "{behind} alerts behind");
        assert!(told.len() as u64 > kills, "hardly anything was told: {}", told.len());
        let left_out =
            browser.events().iter().filter(|e| e.data["detail"] == "older_alerts_left_out").count();
        assert_eq!(left_out, 0, "resuming was cut short");
        let lagged = browser.events().iter().filter(|e| e.data["lagged"].is_u64()).count();
        println!(
            "{} of {} alerts told, over {} streams; too slow itself {lagged} times",
            told.len(),
            stored.len(),
            browser.connections()
        );
    }
}

#[test]
fn whoever_stays_misses_no_alert_whichever_process_is_killed() {
    let kills = std::env::var("NETMONITOR_TEST_KILLS").map_or(10, |n| n.parse().expect("a number"));
    on_a_cable(|cable| {
        let stop = AtomicBool::new(false);
        thread::scope(|s| {
            let _stop = Stop(&stop);
            s.spawn(|| cable.far(|| scan_for_ever(&stop)));
            kill_either_again_and_again(kills);
        });
    });
}

fn ab(arguments: &[&str], viewer: &str) {
    let cookie = viewer.trim().trim_start_matches("cookie: ");
    let output = Command::new("ab")
        .args(arguments)
        .args(["-C", cookie, "http://127.0.0.1:8080/api/dashboard"])
        .output();
    let report = String::from_utf8(output.expect("ab runs").stdout).expect("text");
    let number = |name: &str| -> f64 {
        let line = report.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{name}: {report}"));
        line[name.len()..].trim().split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default()
    };
    assert!(number("Document Length:") > 1000.0, "{report}");
    assert!(number("Complete requests:") == 1000.0 && !report.contains("Non-2xx"), "{report}");
    // A document that is another length than the first is a newer snapshot, not a failure.
    let failed = report.lines().find(|l| l.contains("Connect:") && l.contains("Length:"));
    let counts = failed.map(|l| l.trim().trim_matches(['(', ')']).to_owned()).unwrap_or_default();
    let real = counts
        .split(',')
        .filter(|part| !part.contains("Length"))
        .all(|part| part.trim().ends_with(": 0") || part.is_empty());
    assert!(real, "{report}");
    println!("ab {}: {} requests/s", arguments.join(" "), number("Requests per second:"));
}

#[test]
fn a_crowd_gets_whole_documents_from_two_threads_and_little_memory() {
    if Command::new("ab").arg("-V").output().is_err() {
        return lab::skip("ab is missing (apache2-utils)");
    }
    on_a_cable(|_| {
        let folder = tempfile::tempdir().expect("a folder");
        let _monitor = Side::monitor(folder.path(), "standalone", &[]);
        let front = Side::front(folder.path(), &[]);
        ready();
        let viewer = log_in(folder.path());
        let resident = |what: &str| {
            let kib = lab::memory(front.pid(), "VmRSS").expect("it runs");
            println!("the dashboard's memory, {what}: {kib} KiB");
            kib
        };
        thread::sleep(Duration::from_secs(4));
        resident("idle");
        ab(&["-q", "-n", "1000", "-c", "50"], &viewer);
        ab(&["-q", "-n", "1000", "-c", "200"], &viewer);
        assert!(resident("after the crowd") < 32 * 1024);
        let mut comm = String::new();
        let tasks = fs::read_dir(format!("/proc/{}/task", front.pid())).expect("it runs");
        let count = tasks
            .flatten()
            .map(|task| fs::File::open(task.path().join("comm")).expect("a name").read_to_string(&mut comm))
            .count();
        assert_eq!(count, 2, "the main thread and async-io's: {comm}");
    });
}
