//! Port scans without end, each by a source of its own, so that each is an alert of its own.

use crate::send;
use crate::traffic::home::{culprit, nas};
use crate::traffic::packet::{Segment, flag};
use crate::traffic::trace::{Frame, Trace};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// Ports that one source tries: enough for an alert, and for it to grow.
const PORTS: u16 = 30;
/// Between two scans.
const PAUSE: Duration = Duration::from_millis(10);

/// Stops the sender when the test ends, by panic too.
pub struct Stop<'a>(pub &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn scan_by(source: Ipv4Addr) -> Vec<Frame> {
    let mut t = Trace::named("kill");
    for port in 1..=PORTS {
        let syn = Segment { flags: flag::SYN, seq: 7, ..Segment::default() };
        t.tcp(i64::from(port), culprit().with_ip(source).port(40_000), nas().port(port), syn);
    }
    t.into_frames()
}

/// One scan after another, each by a source of its own, until told to stop.
pub fn scan_for_ever(stop: &AtomicBool) {
    let mut sender = send::open("gen0").expect("an interface");
    for n in 0.. {
        for frame in scan_by(Ipv4Addr::from_bits(0x0a00_0001 + n)) {
            // A full queue loses a frame of a scan; the next scan comes.
            let _ = sender.send_to(&frame.data, None);
        }
        thread::sleep(PAUSE);
        if stop.load(Relaxed) {
            return;
        }
    }
}
