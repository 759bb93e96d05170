//! A thousand viewers in front of the real binary while it captures: each gets every second's snapshot in time, no frame
//! is lost for it, it stays small, those that stall are let go, and those that come when it is full are told so.
//!
//! The figures are printed. `NETMONITOR_CROWD_AT=ADDRESS:PORT` (and `NETMONITOR_CROWD_PID`, `NETMONITOR_CROWD_HEADERS`)
//! turns the same crowd on a dashboard that already runs, without traffic.
#![cfg(all(feature = "live", feature = "store", feature = "http"))]

mod client;
mod crowd;
mod lab;
mod traffic;

#[allow(dead_code, reason = "the frames come from the library, not from a file")]
#[path = "traffic/send.rs"]
mod send;

use crowd::{Crowd, percentile};
use lab::{Cable, Monitor, on_a_cable, until};
use netmonitor::time::{self, SECOND};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;
use traffic::home::background;
use traffic::trace::{Frame, Trace};

/// Browsers that watch at the same time, with the settings as they are.
const VIEWERS: usize = 1000;
/// How long they are watched.
const SECONDS: u64 = 8;
/// Frames per second on the wire meanwhile.
const RATE: u64 = 5_000;
/// Those that stop reading, and those that come when all seats are taken.
const STALLED: usize = 50;
const TOO_MANY: usize = 5_000;
/// Slowest 1 in 100, microseconds.
const DELAY: i64 = 250_000;
/// Resident memory, KiB.
const MEMORY: u64 = 16_000_000 / 1024;

/// What the crowd looks at.
struct Dashboard {
    address: SocketAddr,
    headers: String,
    /// 0 when it is not ours to look at.
    pid: u32,
}

impl Dashboard {
    fn memory(&self, field: &str) -> Option<u64> {
        lab::memory(self.pid, field)
    }
    fn health(&self) -> serde_json::Value {
        let answer = client::ask(self.address, "GET", "/api/health", &self.headers, None);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }
    fn viewers(&self) -> u64 {
        self.health()["monitor"]["dashboard"]["viewers"].as_u64().expect("a count")
    }
}

#[test]
fn a_thousand_viewers_see_every_second_while_no_frame_is_lost() {
    if !crowd::allow_files((VIEWERS + STALLED + TOO_MANY + 500) as u64) {
        return lab::skip("needs more open files than the hard limit (`ulimit -Hn`) allows");
    }
    if let Ok(address) = std::env::var("NETMONITOR_CROWD_AT") {
        let set = |name| std::env::var(name).unwrap_or_default();
        let headers = set("NETMONITOR_CROWD_HEADERS").replace("\\r\\n", "\r\n");
        let pid = set("NETMONITOR_CROWD_PID").parse().unwrap_or(0);
        return everything(&Dashboard { address: address.parse().expect("ADDRESS:PORT"), headers, pid });
    }
    on_a_cable(|cable| {
        let folder = tempfile::tempdir().expect("a folder");
        let monitor = Monitor::start(folder.path(), &[("NETMONITOR_DASHBOARD_AUTH", "none")]);
        let dashboard = Dashboard { address: monitor.address, headers: String::new(), pid: monitor.pid() };
        with_traffic(cable, &dashboard, || everything(&dashboard));
        println!("most memory of all this: {} KiB", monitor.memory("VmHWM"));
        let (status, took, said) = monitor.stop();
        assert!(status.success() && took < Duration::from_secs(3), "{status} after {took:?}: {said:#?}");
    });
}

/// Does `work` while frames pass; then every one of them must have been seen.
fn with_traffic(cable: &Cable, dashboard: &Dashboard, work: impl FnOnce()) {
    let mut trace = Trace::named("viewers");
    background(&mut trace, 0, 600 * traffic::SEC, 60);
    let ordinary: Vec<Frame> = trace.into_frames();
    let frames: Vec<&[u8]> = ordinary.iter().map(|f| f.data.as_slice()).collect();
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|s| {
        s.spawn(|| {
            cable.far(|| {
                let mut sender = send::open("gen0").expect("an interface");
                while !stop.load(Relaxed) {
                    sent.fetch_add(send::send_on(&mut *sender, &frames, RATE, 0.5).frames, Relaxed);
                }
            });
        });
        // A panic in here must end the sender too.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        stop.store(true, Relaxed);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let sent = sent.load(Relaxed);
    until("every frame is counted", 6, || {
        let capture = dashboard.health()["capture"].clone();
        let (received, dropped) = (&capture["frames"]["received"], &capture["interfaces"][0]["dropped"]);
        let all = received.as_u64()? + dropped.as_u64()? >= sent;
        all.then(|| {
            println!("frames sent {sent}, received {received}, dropped {dropped}");
            assert_eq!((received.as_u64(), dropped.as_u64()), (Some(sent), Some(0)), "none lost");
        })
    });
}

fn everything(dashboard: &Dashboard) {
    println!("resident before: {:?} KiB", dashboard.memory("VmRSS"));
    // All seats taken, fifty of them by viewers that stall.
    let crowd = Crowd::gather(dashboard.address, &dashboard.headers, VIEWERS - STALLED);
    every_second_is_seen("beside stalled viewers", dashboard, &crowd, || stalled_ones_go(dashboard));
    drop(crowd);
    until("they left", 5, || (dashboard.viewers() == 0).then_some(()));
    let began = time::monotonic();
    let crowd = Crowd::gather(dashboard.address, &dashboard.headers, VIEWERS);
    println!("{VIEWERS} viewers came in {} ms", time::monotonic().since(began) / 1000);
    every_second_is_seen("watching", dashboard, &crowd, || thread::sleep(Duration::from_secs(SECONDS)));
    every_second_is_seen("beside ab", dashboard, &crowd, || requests_are_answered_whole(dashboard));
    every_second_is_seen("beside 5,000 refused", dashboard, &crowd, || too_many_are_told(dashboard));
    assert_eq!(crowd.present(), VIEWERS, "all stayed");
}

fn every_second_is_seen(when: &str, dashboard: &Dashboard, crowd: &Crowd, work: impl FnOnce()) {
    crowd.forget();
    let began = time::monotonic();
    work();
    // At least this long, so that there is something to judge.
    let rest = 5 * SECOND - time::monotonic().since(began);
    thread::sleep(Duration::from_micros(rest.max(0).unsigned_abs()));
    let (snapshots, delays) = crowd.saw_every_second();
    let [p50, p99, most] = [0.5, 0.99, 1.0].map(|p| percentile(&delays, p));
    println!(
        "{when}: each of {} viewers saw all of {snapshots} snapshots; delay p50 {p50} us, p99 {p99} us, most {most} us; \
         resident {:?} KiB",
        crowd.present(),
        dashboard.memory("VmRSS"),
    );
    assert!(p99 < DELAY, "{when}: p99 {p99} us");
    assert!(dashboard.memory("VmRSS").is_none_or(|resident| resident < MEMORY), "{when}: too large");
}

fn requests_are_answered_whole(dashboard: &Dashboard) {
    if Command::new("ab").arg("-V").output().is_err() {
        return lab::skip("ab is missing (apache2-utils), requests beside viewers were not tried");
    }
    for path in ["/api/dashboard", "/login"] {
        for at_once in ["50", "200"] {
            let mut ab = Command::new("ab");
            ab.args(["-q", "-n", "1000", "-c", at_once]);
            for line in dashboard.headers.lines().filter(|line| !line.is_empty()) {
                ab.args(["-H", line]);
            }
            let output = ab.arg(format!("http://{}{path}", dashboard.address)).output().expect("ab runs");
            let report = String::from_utf8_lossy(&output.stdout).into_owned();
            let field = |name: &str| {
                let line = report.lines().find_map(|l| l.trim().strip_prefix(name));
                line.unwrap_or_else(|| panic!("{name}: {report}"))
                    .split_whitespace()
                    .next()
                    .unwrap_or("")
                    .to_owned()
            };
            println!(
                "ab -n 1000 -c {at_once} {path}: {} of 1000, {} failed, {} bytes each, {}/s, 95 % within {} ms",
                field("Complete requests:"),
                field("Failed requests:"),
                field("Document Length:"),
                field("Requests per second:"),
                field("95%"),
            );
            assert_eq!(
                (&*field("Complete requests:"), &*field("Failed requests:")),
                ("1000", "0"),
                "{report}"
            );
            assert!(!report.contains("Non-2xx") && field("Document Length:") != "0", "{report}");
        }
    }
}

fn stalled_ones_go(dashboard: &Dashboard) {
    let before = dashboard.memory("VmRSS");
    let stalled = crowd::stalled(dashboard.address, &dashboard.headers, STALLED);
    let began = time::monotonic();
    until("all seats are taken", 5, || (dashboard.viewers() == VIEWERS as u64).then_some(()));
    let during = dashboard.memory("VmRSS");
    until("the stalled ones are gone", 15, || {
        thread::sleep(Duration::from_millis(100));
        (dashboard.viewers() <= (VIEWERS - STALLED) as u64).then_some(())
    });
    println!(
        "{STALLED} stalled viewers were let go within {} ms; resident {before:?} before, {during:?} with them, {:?} after",
        time::monotonic().since(began) / 1000,
        dashboard.memory("VmRSS"),
    );
    drop(stalled);
}

fn too_many_are_told(dashboard: &Dashboard) {
    let began = time::monotonic();
    let answers = crowd::told(dashboard.address, &dashboard.headers, TOO_MANY);
    let took = time::monotonic().since(began) / 1000;
    let polite = |answer: &&Result<String, std::io::Error>| {
        answer.as_ref().is_ok_and(|text| {
            let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
            let head = head.to_lowercase();
            let json: Option<serde_json::Value> = serde_json::from_str(body).ok();
            head.starts_with("http/1.1 503 ")
                && head.contains("\r\nretry-after: ")
                && json.is_some_and(|json| json["error"]["code"].is_string())
        })
    };
    let refused = answers.iter().filter(polite).count();
    let odd: Vec<_> = answers.iter().filter(|a| !polite(a)).take(3).collect();
    println!("{refused} of {TOO_MANY} more were refused with 503 and Retry-After in {took} ms");
    assert_eq!(refused, TOO_MANY, "{odd:?}");
}
