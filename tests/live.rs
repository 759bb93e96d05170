//! The real binary on a live interface: what it sees at 50,000 frames a second, how soon a viewer is told of a scan,
//! what it costs, how it takes the loss of its interface, and how it ends.
#![cfg(all(feature = "live", feature = "store", feature = "http"))]

mod client;
mod lab;
mod traffic;

#[allow(dead_code, reason = "the frames come from the library, not from a file")]
#[path = "traffic/send.rs"]
mod send;

use lab::{Cable, Monitor, Viewer, ip, on_a_cable, until};
use netmonitor::time::{self, SECOND, Timestamp};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::thread;
use std::time::Duration;
use traffic::home::{background, culprit, nas};
use traffic::packet::{Segment, flag};
use traffic::trace::{Frame, Trace};

/// Frames per second, and for how long.
const RATE: u64 = 50_000;
const SECONDS: u64 = 10;
/// The scan begins after so many frames; one in so many is a probe.
const SCAN_AFTER: usize = 200_000;
const ONE_IN: usize = 500;
/// Probes; the alert is due with the 20th port (`detect.port_scan.ports`).
const PROBES: usize = 60;
const DUE_WITH: usize = 20;
/// Browsers that watch meanwhile.
const VIEWERS: usize = 5;

fn ordinary() -> Vec<Frame> {
    let mut t = Trace::named("live");
    background(&mut t, 0, 600 * traffic::SEC, 60);
    t.into_frames()
}

fn probes() -> Vec<Frame> {
    let mut t = Trace::named("live scan");
    for port in 1..=PROBES as u16 {
        let syn = Segment { flags: flag::SYN, seq: 7, ..Segment::default() };
        t.tcp(i64::from(port), culprit().port(40_000 + port), nas().port(port), syn);
    }
    t.into_frames()
}

/// Everything that is sent, in order, and how much of it until the probe with which the alert is due.
fn with_a_scan<'a>(ordinary: &'a [Frame], probes: &'a [Frame]) -> (Vec<&'a [u8]>, usize) {
    let mut all: Vec<&[u8]> =
        ordinary.iter().cycle().take((RATE * SECONDS) as usize).map(|f| f.data.as_slice()).collect();
    let places = (SCAN_AFTER..).step_by(ONE_IN);
    for (place, probe) in places.zip(probes) {
        all[place] = &probe.data;
    }
    (all, SCAN_AFTER + (DUE_WITH - 1) * ONE_IN + 1)
}

/// Sends from the far end; when the probe was sent with which the alert is due.
fn send_all(cable: &Cable, frames: &[&[u8]], due: usize) -> Timestamp {
    let mut sent_at = time::monotonic();
    let sent = cable.far(|| {
        let mut sender = send::open("gen0").expect("an interface");
        let first = send::send_on(&mut *sender, &frames[..due], RATE, 0.0);
        sent_at = time::monotonic();
        let rest = send::send_on(&mut *sender, &frames[due..], RATE, 0.0);
        let bytes: usize = frames.iter().map(|frame| frame.len()).sum();
        let mean = bytes / frames.len();
        println!("sent frames of {mean} bytes on average for {:.2} s", first.seconds + rest.seconds);
        first.refused + rest.refused
    });
    assert_eq!(sent, 0, "the kernel took every frame");
    sent_at
}

/// Frames that were received, and those that found the ring full.
fn frames_seen(health: &Value) -> (u64, u64) {
    let dropped = health["capture"]["interfaces"][0]["dropped"].as_u64().expect("a count");
    (health["capture"]["frames"]["received"].as_u64().expect("a count"), dropped)
}

/// The delay until a viewer was told of the scan, microseconds.
fn told_after(viewer: &Viewer, sent_at: Timestamp) -> i64 {
    let scan = |e: &lab::Seen| e.name == "alert" && e.data["kind"] == "port_scan";
    let seen = viewer.seen().into_iter().find(scan).expect("the scan was told");
    assert_eq!(seen.data["source"]["ip"], "192.168.1.66", "{seen:?}");
    seen.at.since(sent_at)
}

/// Ends within two seconds, whoever hangs on the line.
fn ends_in_order(monitor: Monitor) {
    let _silent = client::connect(monitor.address);
    let mut slow = client::connect(monitor.address);
    slow.write_all(b"POST /api/session HTTP/1.1\r\nhost: localhost\r\ncontent-length: 50\r\n\r\n{")
        .expect("sent");
    thread::sleep(Duration::from_millis(50));
    let (status, took, said) = monitor.stop();
    assert!(status.success() && took < Duration::from_secs(2), "{status} after {took:?}: {said:#?}");
    println!("ended {took:?} after SIGTERM");
}

#[test]
fn every_frame_of_a_busy_link_is_seen_and_a_scan_among_them_is_told_within_a_second() {
    on_a_cable(|cable| {
        // The ring holds a tenth of a second of this; where others want the processor too, that can pass.
        let dropped: Vec<u64> = (0..3).map(|_| busy_link(cable)).take_while(|dropped| *dropped > 0).collect();
        assert!(dropped.len() < 3, "dropped each time: {dropped:?}");
    });
}

/// Sends everything past a monitor with viewers; how many frames it had to drop.
fn busy_link(cable: &Cable) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let mut monitor = Monitor::start(folder.path(), &[]);
    println!("first answer 200 {:?} after the start", monitor.ready_after);
    assert_eq!(client::get(monitor.address, "/api/dashboard").status, 401, "locked until claimed");
    let code = folder.path().join("run/claim-code");
    let kept = fs::read_to_string(&code).expect("the claim code is kept for its owner");
    assert_eq!(Some(kept.trim().to_owned()), monitor.find("claim code: "));
    let session = monitor.claim();
    until("a used claim code is gone", 5, || (!code.exists()).then_some(()));
    let viewers: Vec<Viewer> = (0..VIEWERS).map(|_| Viewer::watch(monitor.address, &session)).collect();
    let (ordinary, probes) = (ordinary(), probes());
    let (frames, due) = with_a_scan(&ordinary, &probes);
    let before = monitor.cpu();
    let (sent_at, threads) = thread::scope(|s| {
        let sending = s.spawn(|| send_all(cable, &frames, due));
        let mut most = Vec::new();
        while !sending.is_finished() {
            let now = monitor.threads();
            most = if now.len() > most.len() { now } else { most };
            thread::sleep(Duration::from_millis(20));
        }
        (sending.join().expect("sent"), most)
    });
    println!(
        "CPU {} % of a core, resident {} KiB, at most {} KiB, threads {threads:?}",
        (monitor.cpu() - before) / (10 * SECONDS),
        monitor.memory("VmRSS"),
        monitor.memory("VmHWM"),
    );
    assert!(threads.len() <= 2, "the main thread and the reactor's: {threads:?}");

    let sent = frames.len() as u64;
    // The counters are renewed every other second.
    thread::sleep(Duration::from_secs(3));
    let (received, dropped) = frames_seen(&monitor.json("/api/health", &session));
    println!("received {received}, dropped {dropped}");
    assert_eq!(received + dropped, sent, "every frame is accounted for");

    let delays: Vec<i64> = viewers.iter().map(|v| told_after(v, sent_at)).collect();
    println!("the scan was told {delays:?} us after the probe with which it was due");
    assert!(delays.iter().all(|delay| *delay < SECOND), "{delays:?}");
    let page = monitor.json("/api/alerts?kind=port_scan&source=192.168.1.66", &session);
    assert_eq!(page["total"], 1, "{page}");
    ends_in_order(monitor);
    dropped
}

#[test]
fn a_lost_interface_is_shown_costs_nothing_and_is_taken_up_again() {
    on_a_cable(|cable| {
        let folder = tempfile::tempdir().expect("a folder");
        let monitor = Monitor::start(folder.path(), &[("NETMONITOR_DASHBOARD_AUTH", "none")]);
        let status = || {
            let shown = monitor.json("/api/dashboard", "");
            (shown["monitor"]["status"] == "ok", shown["monitor"]["problems"].to_string())
        };
        let viewer = Viewer::watch(monitor.address, "");
        let ordinary = ordinary();
        let frames: Vec<&[u8]> = ordinary.iter().take(500).map(|f| f.data.as_slice()).collect();
        let mut sent = 0;
        for (lose, regain) in [("link set mon0 down", "link set mon0 up"), ("link del mon0", "")] {
            sent += cable.far(|| send::send("gen0", &frames, 5_000, 0.0)).expect("sent").frames;
            thread::sleep(Duration::from_millis(100));
            assert!(ip(lose));
            let problems = until("the problem is shown", 5, || Some(status()).filter(|(ok, _)| !ok)).1;
            assert!(problems.contains("mon0"), "{problems}");
            assert_eq!(client::get(monitor.address, "/healthz").status, 503);
            let before = monitor.cpu();
            thread::sleep(Duration::from_secs(4));
            let spent = monitor.cpu() - before;
            println!("{lose}: {problems}; {spent} ms of CPU in four seconds");
            assert!(spent <= 200, "{spent} ms of CPU in four seconds of waiting");
            let problems = status().1;
            let gone = problems.contains("there is no interface");
            assert_eq!(gone, regain.is_empty(), "what is wrong now, not what was: {problems}");
            if regain.is_empty() {
                cable.lay()
            } else {
                assert!(ip(regain))
            }
            until("capture goes on", 8, || status().0.then_some(()));
            assert_eq!(client::get(monitor.address, "/healthz").status, 200);
        }
        sent += cable.far(|| send::send("gen0", &frames, 5_000, 0.0)).expect("sent").frames;
        until("every frame is seen", 6, || {
            let (received, dropped) = frames_seen(&monitor.json("/api/health", ""));
            (received == sent && dropped == 0).then_some(())
        });
        assert!(!viewer.seen().is_empty(), "the viewer stayed");
        ends_in_order(monitor);
    });
}
