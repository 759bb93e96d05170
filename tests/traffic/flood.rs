//! A flood of random five-tuples, one frame each, written as it is made, with one known-bad connection in its midst:
//! tables must saturate, memory must not, and the bad one must still be found.

use super::home::{lan, outside};
use super::packet::{Host, Segment, flag};
use super::rng::Rng;
use super::trace::{Trace, write_frame, write_header};
use super::{MS, SEC};
use std::io::{self, Write};
use std::net::Ipv4Addr;

/// Frames per second of trace time.
const RATE: i64 = 100_000;

/// The known-bad address, on the list that `feed_match` loads.
pub const BAD: &str = "203.0.113.66";

/// Writes a pcap of `flows` five-tuples, and a TLS visit of 192.168.1.30 to [`BAD`] half way.
pub fn write(out: &mut impl Write, flows: u64) -> io::Result<()> {
    write_header(out)?;
    let mut rng = Rng::named("flood");
    for flow in 0..flows {
        let at = flow as i64 * SEC / RATE;
        if flow == flows / 2 {
            // The visit takes 200 ms; the flood stands still meanwhile so that time never runs backwards.
            write_visit(out, at)?;
        }
        let at = if flow >= flows / 2 { at + 300 * MS } else { at };
        let mut t = Trace::named("");
        random_frame(&mut t, &mut rng, at, flow as u16);
        for frame in t.into_frames() {
            write_frame(out, &frame)?;
        }
    }
    out.flush()
}

fn write_visit(out: &mut impl Write, at: i64) -> io::Result<()> {
    let mut t = Trace::named("flood visit");
    t.https(at, lan(30), outside(BAD), "c2.bad.example", 400, 900);
    t.into_frames().iter().try_for_each(|frame| write_frame(out, frame))
}

fn random_frame(t: &mut Trace, rng: &mut Rng, at: i64, ident: u16) {
    t.ident = ident;
    let (a, b) = (rng.next(), rng.next());
    // Sources and targets spread over 10.0.0.0/8 and 96.0.0.0/6, never over the known-bad address.
    let from = Host::new(
        [2, 0, 0, 0, (a >> 8) as u8 & 3, a as u8],
        Ipv4Addr::from_bits(0x0a00_0000 | (a >> 40) as u32),
    );
    let to = Host::new(outside(BAD).mac, Ipv4Addr::from_bits(0x6000_0000 | (b >> 38) as u32));
    let (from, to) = (from.port((a >> 16) as u16 | 1), to.port((b >> 16) as u16 | 1));
    if b & 1 == 0 {
        t.tcp(at, from, to, Segment { flags: flag::SYN, seq: a as u32, ..Segment::default() });
    } else {
        t.udp(at, from, to, &a.to_be_bytes());
    }
}
