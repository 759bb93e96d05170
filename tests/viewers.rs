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

#[allow(dead_code, reason = "only the two processes are of use here")]
#[path = "standalone/process.rs"]
mod process;

#[allow(dead_code, reason = "the frames come from the library, not from a file")]
#[path = "traffic/send.rs"]
mod send;

use crowd::{Crowd, percentile};
use lab::{Cable, Monitor, on_a_cable, until};
use netmonitor::time::{self, SECOND};
use process::{Side, dashboard, ready};
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
const FILES: u64 = (VIEWERS + STALLED + TOO_MANY + 500) as u64;
/// Slowest 1 in 100, microseconds.
const DELAY: i64 = 250_000;
/// Resident memory, KiB: of a release in all (`NETMONITOR_TEST_BINARY=target/release/netmonitor`), of any other build what
/// it has beside its code, which is several times as large there.
const MEMORY: u64 = 16 << 10;
const BESIDE_CODE: u64 = 8 << 10;

/// What the crowd looks at.
struct Dashboard {
    address: SocketAddr,
    headers: String,
    /// Its processes; none when they are not ours to look at.
    processes: Vec<(&'static str, u32)>,
}

impl Dashboard {
    /// Of the process that takes most.
    fn memory(&self, field: &str) -> u64 {
        let all = self.processes.iter().filter_map(|(_, pid)| lab::memory(*pid, field));
        all.max().unwrap_or(0)
    }
    /// Its memory in words.
    fn resident(&self) -> String {
        let resident = |(name, pid): &(&str, u32)| {
            let [all, own, code, ring] = ["VmRSS", "RssAnon", "RssFile", "RssShmem"]
                .map(|field| lab::memory(*pid, field).unwrap_or(0));
            format!("{name} resident {all} KiB (own {own}, code {code}, ring {ring})")
        };
        self.processes.iter().map(resident).collect::<Vec<_>>().join(", ")
    }
    fn health(&self) -> serde_json::Value {
        let answer = client::ask(self.address, "GET", "/api/health", &self.headers, None);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }
    fn viewers(&self) -> u64 {
        let health = self.health();
        let here = health["front"]["viewers"].as_u64();
        here.or(health["monitor"]["dashboard"]["viewers"].as_u64()).expect("a count")
    }
}

/// Every file that the whole crowd needs; says so where it may not have them.
fn enough_files() -> bool {
    let enough = crowd::allow_files(FILES);
    if !enough {
        lab::skip("needs more open files than the hard limit (`ulimit -Hn`) allows");
    }
    enough
}

#[test]
fn a_thousand_viewers_see_every_second_while_no_frame_is_lost() {
    if !enough_files() {
        return;
    }
    if let Ok(address) = std::env::var("NETMONITOR_CROWD_AT") {
        let set = |name| std::env::var(name).unwrap_or_default();
        let headers = set("NETMONITOR_CROWD_HEADERS").replace("\\r\\n", "\r\n");
        let pid = set("NETMONITOR_CROWD_PID").parse().ok();
        let processes = pid.map(|pid| ("it", pid)).into_iter().collect();
        return everything(&Dashboard {
            address: address.parse().expect("ADDRESS:PORT"),
            headers,
            processes,
        });
    }
    on_a_cable(|cable| {
        let folder = tempfile::tempdir().expect("a folder");
        // The monitor raises its own limit; a service begins with 1,024.
        crowd::allow_few_files();
        let monitor = Monitor::start(folder.path(), &[("NETMONITOR_DASHBOARD_AUTH", "none")]);
        assert!(crowd::allow_files(FILES));
        let processes = vec![("monitor", monitor.pid())];
        let dashboard = Dashboard { address: monitor.address, headers: String::new(), processes };
        with_traffic(cable, &dashboard, || everything(&dashboard));
        println!("most memory of all this: {} KiB, threads {:?}", monitor.memory("VmHWM"), monitor.threads());
        let (status, took, said) = monitor.stop();
        assert!(status.success() && took < Duration::from_secs(3), "{status} after {took:?}: {said:#?}");
    });
}

#[test]
fn so_they_do_in_standalone_mode() {
    if std::env::var_os("NETMONITOR_CROWD_AT").is_some() || !enough_files() {
        return;
    }
    on_a_cable(|cable| {
        let folder = tempfile::tempdir().expect("a folder");
        crowd::allow_few_files();
        let environment = [("NETMONITOR_DASHBOARD_AUTH", "none")];
        let monitor = Side::monitor(folder.path(), "standalone", &environment);
        let front = Side::front(folder.path(), &environment);
        assert!(crowd::allow_files(FILES));
        ready();
        let processes = vec![("monitor", monitor.pid()), ("dashboard", front.pid())];
        let dashboard = Dashboard { address: dashboard(), headers: String::new(), processes };
        with_traffic(cable, &dashboard, || everything(&dashboard));
        println!("most memory of all this: {} KiB", dashboard.memory("VmHWM"));
        for side in [front, monitor] {
            let (ended, took) = side.stop();
            assert!(ended && took < Duration::from_secs(3), "{took:?}");
        }
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
    println!("before: {}", dashboard.resident());
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

/// Does `work` and judges what the crowd saw meanwhile. Others may want the processors too: it may be late twice.
fn every_second_is_seen(when: &str, dashboard: &Dashboard, crowd: &Crowd, work: impl Fn()) {
    let seen = (0..3).map(|_| seen(when, dashboard, crowd, &work));
    let late: Vec<i64> = seen.take_while(|p99| *p99 >= DELAY).collect();
    assert!(late.len() < 3, "{when}: p99 {late:?} us");
}

/// The delay of the slowest 1 in 100.
fn seen(when: &str, dashboard: &Dashboard, crowd: &Crowd, work: impl Fn()) -> i64 {
    crowd.forget();
    let began = time::monotonic();
    work();
    // At least this long, so that there is something to judge.
    let rest = 5 * SECOND - time::monotonic().since(began);
    thread::sleep(Duration::from_micros(rest.max(0).unsigned_abs()));
    let (snapshots, delays) = crowd.saw_every_second();
    let [p50, p99, most] = [0.5, 0.99, 1.0].map(|p| percentile(&delays, p));
    println!(
        "{when}: each of {} viewers saw all of {snapshots} snapshots; delay p50 {p50} us, p99 {p99} us, most {most} us; {}",
        crowd.present(),
        dashboard.resident(),
    );
    let release = std::env::var_os("NETMONITOR_TEST_BINARY").is_some();
    let (field, most) = if release { ("VmRSS", MEMORY) } else { ("RssAnon", BESIDE_CODE) };
    assert!(dashboard.memory(field) < most, "{when}: too large: {}", dashboard.resident());
    p99
}

fn requests_are_answered_whole(dashboard: &Dashboard) {
    if Command::new("ab").arg("-V").output().is_err() {
        return lab::skip("ab is missing (apache2-utils), requests beside viewers were not tried");
    }
    for path in ["/api/dashboard", "/login"] {
        for at_once in ["50", "200"] {
            let mut ab = Command::new("ab");
            // -l: a snapshot that comes in between may have another length.
            ab.args(["-lq", "-n", "1000", "-c", at_once]);
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
    let before = dashboard.resident();
    let stalled = crowd::stalled(dashboard.address, &dashboard.headers, STALLED);
    let began = time::monotonic();
    until("all seats are taken", 5, || (dashboard.viewers() == VIEWERS as u64).then_some(()));
    let during = dashboard.resident();
    until("the stalled ones are gone", 15, || {
        thread::sleep(Duration::from_millis(100));
        (dashboard.viewers() <= (VIEWERS - STALLED) as u64).then_some(())
    });
    println!(
        "{STALLED} stalled viewers were let go within {} ms; before {before}, with them {during}, after {}",
        time::monotonic().since(began) / 1000,
        dashboard.resident(),
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
