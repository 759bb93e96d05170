//! The real binary replays a flood of random five-tuples with one known-bad connection in its midst: memory stays what
//! it is however long the flood, and the connection is found.
//!
//! `NETMONITOR_TEST_FLOOD` sets the number of flows of one more flood, such as 10000000.
#![cfg(all(feature = "live", feature = "store", feature = "http"))]

mod traffic;

use serde_json::Value;
use std::fs;
use std::io::{BufWriter, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;
use traffic::flood;

/// Most that the process may ever hold, KiB.
const MOST: u64 = 32 * 1024;
/// Most that a flood four times as long may hold more, KiB.
const GROWTH: u64 = 2 * 1024;

/// Ends with the test, by panic too.
struct Replay(Child);

impl Drop for Replay {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Replay {
    /// The most memory that it held so far, KiB; 0 when it has ended.
    fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        line.split_whitespace().next().map_or(0, |number| number.parse().expect("a number"))
    }
}

/// The peak of memory in KiB over a flood, and the lines printed.
fn peak_of(flows: u64) -> (u64, Vec<Value>) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("bad.txt"), format!("{}\n", flood::BAD)).expect("written");
    fs::write(folder.path().join("config.toml"), "[feeds]\nlists = [{ path = \"bad.txt\" }]\n")
        .expect("written");
    let child = Command::new(env!("CARGO_BIN_EXE_netmonitor"))
        .args(["replay", "-", "--json", "--config", "config.toml"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut replay = Replay(child.expect("the binary starts"));
    let input = replay.0.stdin.take().expect("piped");
    let mut output = replay.0.stdout.take().expect("piped");
    let sending = thread::spawn(move || {
        let mut input = BufWriter::with_capacity(1 << 16, input);
        let written = flood::write(&mut input, flows).and_then(|()| input.flush());
        // If it ended early, its exit code tells.
        drop(written);
    });
    let reading = thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).expect("UTF-8");
        text
    });
    // The mark only rises; looking often until the very end sees all but its last millisecond.
    let mut peak = 0;
    let status = loop {
        peak = peak.max(replay.peak());
        if let Some(status) = replay.0.try_wait().expect("our own child") {
            break status;
        }
        thread::sleep(Duration::from_millis(1));
    };
    sending.join().expect("sent");
    assert!(status.success(), "{status}");
    let text = reading.join().expect("read");
    (peak, text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
}

/// Replays a flood and checks what was found in it; the peak of memory in KiB.
fn check(flows: u64) -> u64 {
    let (peak, lines) = peak_of(flows);
    let summary = lines.last().expect("a summary");
    println!("{flows} flows: at most {peak} KiB, {} s", summary["seconds"]);
    assert_eq!((&summary["type"], summary["rejected"].as_u64()), (&"summary".into(), Some(0)));
    assert!(summary["packets"].as_u64() > Some(flows), "{summary}");
    let found = lines.iter().find(|l| l["type"] == "alert" && l["kind"] == "feed_match");
    let found = found.unwrap_or_else(|| panic!("the known-bad connection among {flows} was missed"));
    assert_eq!(
        (&found["source"]["ip"], &found["target"]["ip"]),
        (&"192.168.1.30".into(), &flood::BAD.into())
    );
    assert!(peak < MOST, "{peak} KiB over {flows} flows");
    peak
}

#[test]
fn memory_stays_what_it_is_however_long_the_flood_and_the_known_bad_is_found() {
    let short = check(1_000_000);
    let long = check(4_000_000);
    assert!(long.abs_diff(short) < GROWTH, "{short} KiB over one million flows, {long} KiB over four");
    if let Ok(flows) = std::env::var("NETMONITOR_TEST_FLOOD") {
        let longest = check(flows.parse().expect("a number"));
        assert!(
            longest.abs_diff(short) < GROWTH,
            "{short} KiB over one million flows, {longest} KiB over {flows}"
        );
    }
}
