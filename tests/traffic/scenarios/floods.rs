//! Floods: syn_flood.

use super::{Scenario, alert, raises, silent};
use crate::traffic::conversation::Conversation;
use crate::traffic::home::{background, culprit, gateway, nas, outside};
use crate::traffic::packet::{End, Host, Segment, flag};
use crate::traffic::talk::{FAR, NEAR};
use crate::traffic::trace::Trace;
use crate::traffic::{MS, SEC};
use std::net::Ipv4Addr;

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[
    raises(
        "syn_flood",
        &[alert("syn_flood", "192.168.1.66", "192.168.1.10")],
        "One host sends 400 SYNs/s for 8 s to the file server's web port; one in three is answered, none completed.",
        one_source,
    ),
    silent(
        "syn_flood_under",
        "One host leaves 30 half-open connections per second for 10 s: a broken client.",
        under,
    ),
    silent(
        "syn_flood_harmless",
        "A busy web server: 260 connections/s from 400 clients for 6 s, each answered, used and closed.",
        busy_server,
    ),
    raises(
        "syn_flood_spoofed",
        &[alert("syn_flood", "", "192.168.1.10")],
        "400 SYNs/s for 8 s to the file server from addresses that are made up; their answers go nowhere.",
        spoofed,
    ),
];

/// A SYN, and its answer when `answered`; nothing more ever comes.
fn half(t: &mut Trace, at: i64, from: End, to: End, answered: bool) {
    let seq = t.rng.next() as u32;
    t.tcp(at, from, to, Segment { flags: flag::SYN, seq, ..Segment::default() });
    if answered {
        let (flags, ack, seq) = (flag::SYN | flag::ACK, seq.wrapping_add(1), t.rng.next() as u32);
        t.tcp(at + NEAR, to, from, Segment { flags, seq, ack, ..Segment::default() });
    }
}

fn one_source(t: &mut Trace) {
    background(t, 0, 50 * SEC, 8);
    for i in 0..3_200u16 {
        let (at, from) = (20 * SEC + i64::from(i) * 2_500, culprit().port(10_000 + i));
        half(t, at, from, nas().port(80), i % 3 == 0);
    }
}

fn under(t: &mut Trace) {
    background(t, 0, 50 * SEC, 8);
    for i in 0..300u16 {
        let (at, from) = (20 * SEC + i64::from(i) * 33 * MS, culprit().port(10_000 + i));
        half(t, at, from, nas().port(80), true);
    }
}

fn busy_server(t: &mut Trace) {
    background(t, 0, 40 * SEC, 6);
    for i in 0..1_560u16 {
        let at = 20 * SEC + i64::from(i) * 3_850;
        let client = outside(&format!("198.51.{}.{}", 101 + i % 2, 20 + i / 2 % 200));
        let mut c = Conversation::open(t, at, FAR, client.port(20_000 + i), nas().port(80));
        c.client("GET / HTTP/1.1\r\nHost: nas.example\r\n\r\n");
        c.server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        c.close(true);
    }
}

fn spoofed(t: &mut Trace) {
    background(t, 0, 50 * SEC, 8);
    for i in 0..3_200i64 {
        let made_up = 0x1800_0000 | t.rng.below(1 << 24) as u32;
        let from = Host { ttl: 50, ..gateway().with_ip(Ipv4Addr::from_bits(made_up)) };
        let from = from.port(t.rng.port());
        half(t, 20 * SEC + i * 2_500, from, nas().port(80), i % 3 == 0);
    }
}
