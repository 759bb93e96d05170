//! Floods: syn_flood, udp_flood, icmp_flood, fragment_attack, amplification.

use super::{Scenario, alert, raises, silent};
use crate::traffic::conversation::Conversation;
use crate::traffic::home::{SITES, background, culprit, gateway, lan, lan6, nas, outside};
use crate::traffic::names;
use crate::traffic::packet::{End, Host, Segment, flag, group};
use crate::traffic::talk::{FAR, NEAR, SSDP_SEARCH};
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
    raises(
        "udp_flood",
        &[alert("udp_flood", "192.168.1.66", "203.0.113.9")],
        "One host sends 5,600 datagrams in a second to one port of an outside host, which never answers.",
        |t| udp_stream(t, culprit(), outside("203.0.113.9"), 5_600),
    ),
    silent(
        "udp_flood_under",
        "One host streams 1,500 datagrams a second for two seconds to a recorder that does not answer.",
        |t| udp_stream(t, lan(23), nas(), 3_000),
    ),
    silent(
        "udp_flood_harmless",
        "A QUIC download of 5,400 datagrams in a second, a video call both ways, television by multicast.",
        streams,
    ),
    raises(
        "udp_flood_spoofed",
        &[alert("udp_flood", "", "192.168.1.10")],
        "3,100 datagrams in two seconds to random ports of the file server from made-up outside addresses.",
        udp_spoofed,
    )
    .also(&["port_scan"]),
    raises(
        "udp_flood_ipv6",
        &[alert("udp_flood", "fd00:0:0:1::42", "fd00:0:0:1::a")],
        "One host sends 3,300 datagrams in three seconds over IPv6, each from another port; all are refused.",
        udp_ports6,
    ),
    raises(
        "icmp_flood",
        &[alert("icmp_flood", "192.168.1.66", "192.168.1.10")],
        "One host pings the file server 280 times a second for 6.5 s; each ping is answered.",
        |t| pings(t, culprit(), nas(), 280, 6_500),
    ),
    silent("icmp_flood_under", "One host pings the file server 120 times a second for 6 s.", |t| {
        pings(t, lan(20), nas(), 120, 6)
    }),
    silent(
        "icmp_flood_harmless",
        "A monitor pings 40 hosts twice a second, all of which answer, and mtr traces a route, ten probes a second.",
        monitoring,
    ),
    raises(
        "icmp_flood_ipv6",
        &[alert("icmp_flood", "fd00:0:0:1::42", "fd00:0:0:1::a")],
        "2,200 echo requests in two seconds over IPv6, none answered.",
        |t| pings6(t, 2_200),
    ),
    raises(
        "icmp_flood_smurf",
        &[alert("icmp_flood", "", "192.168.1.20")],
        "2,300 echo replies from 60 hosts in four seconds to a laptop that asked none of them.",
        smurf,
    ),
    raises(
        "fragment_attack",
        &[alert("fragment_attack", "192.168.1.66", "192.168.1.10")],
        "40 datagrams in 20 s whose second part overlaps the first with other bytes (teardrop).",
        |t| fragments(t, culprit(), nas(), &[(0, true, 512), (256, false, 400)], 40),
    ),
    silent("fragment_attack_under", "8 datagrams in 4 s of which the second part never comes.", |t| {
        fragments(t, culprit(), nas(), &[(0, true, 512)], 8)
    }),
    silent(
        "fragment_attack_harmless",
        "300 large datagrams in two and three parts, some out of order or repeated, one in ten without its last part.",
        lossy_fragments,
    ),
    raises(
        "fragment_attack_tiny",
        &[alert("fragment_attack", "192.168.1.66", "192.168.1.10")],
        "50 datagrams in 25 s in parts of 8 and 24 bytes, so that the ports are not in the first.",
        |t| fragments(t, culprit(), nas(), &[(0, true, 8), (8, true, 24), (32, false, 8)], 50),
    ),
    raises(
        "fragment_attack_ipv6",
        &[alert("fragment_attack", "fd00:0:0:1::42", "fd00:0:0:1::a")],
        "60 first parts over IPv6 in 30 s, never followed by the rest, and then silence.",
        |t| fragments(t, lan6(66), lan6(10), &[(0, true, 1_024)], 60),
    ),
    raises(
        "amplification",
        &[alert("amplification", "", "192.168.1.20")],
        "900 large DNS answers in three seconds from 120 resolvers that the laptop never asked.",
        |t| reflected(t, lan(20), 53, 900),
    ),
    silent(
        "amplification_under",
        "120 NTP answers in three seconds from servers that were never asked.",
        |t| reflected(t, lan(20), 123, 120),
    ),
    silent(
        "amplification_harmless",
        "A search for devices that 40 hosts answer from port 1900, three times; 300 look-ups with large answers.",
        searches,
    ),
    raises(
        "amplification_reflector",
        &[alert("amplification", "192.168.1.10", "203.0.113.50")],
        "The file server's clock service answers an outside address 100 times for each small question, eight times.",
        reflector,
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

fn udp_stream(t: &mut Trace, from: Host, to: Host, datagrams: i64) {
    background(t, 0, 30 * SEC, 6);
    let (from, to, seconds) = (from.port(40_000), to.port(8_000), if datagrams > 5_000 { 1 } else { 2 });
    for i in 0..datagrams {
        t.udp(15 * SEC + i * seconds * SEC / datagrams, from, to, &[0x58; 32]);
    }
}

fn streams(t: &mut Trace) {
    background(t, 0, 30 * SEC, 6);
    t.snap = 96;
    let (from, to) = (lan(20).port(50_111), outside("198.51.100.15").port(443));
    t.quic_open(9 * SEC, from, to, "video.example");
    for i in 0..5_400 {
        t.udp(10 * SEC + i * 180, to, from, &[0x40; 40]);
        if i % 10 == 0 {
            t.udp(10 * SEC + i * 180 + 90, from, to, &[0x40; 8]);
        }
    }
    let (ours, theirs) = (lan(21).port(50_222), outside("198.51.100.90").port(3_478));
    let channel = group("239.1.1.7").port(5_004);
    for i in 0..400 {
        t.udp(15 * SEC + i * 2 * MS, ours, theirs, &[0x80; 24]);
        t.udp(15 * SEC + i * 2 * MS + 700, theirs, ours, &[0x80; 24]);
        t.udp(15 * SEC + i * 2 * MS + 900, gateway().port(5_004), channel, &[0x47; 40]);
    }
}

/// A made-up outside address.
fn made_up(t: &mut Trace) -> Host {
    let ip = Ipv4Addr::from_bits(0x1800_0000 | t.rng.below(1 << 24) as u32);
    Host { ttl: 50, ..gateway().with_ip(ip) }
}

fn udp_spoofed(t: &mut Trace) {
    background(t, 0, 30 * SEC, 6);
    for i in 0..3_100 {
        let from = made_up(t).port(4_000);
        let to = nas().port(t.rng.port());
        t.udp(15 * SEC + i * 580, from, to, &[]);
    }
}

fn udp_ports6(t: &mut Trace) {
    background(t, 0, 30 * SEC, 6);
    for i in 0..3_300u16 {
        t.udp(15 * SEC + i64::from(i) * 900, lan6(66).port(2_000 + i), lan6(10).port(9), &[]);
    }
}

fn pings(t: &mut Trace, from: Host, to: Host, rate: i64, millis: i64) {
    background(t, 0, 30 * SEC, 6);
    for i in 0..rate * millis / 1_000 {
        let at = 15 * SEC + i * SEC / rate;
        t.ping(at, from, to, i as u16);
        t.pong(at + 150, to, from, i as u16);
    }
}

fn pings6(t: &mut Trace, count: i64) {
    background(t, 0, 30 * SEC, 6);
    for i in 0..count {
        t.icmp(15 * SEC + i * 900, lan6(66), lan6(10), (128, 0), [0, 1, (i >> 8) as u8, i as u8], &[]);
    }
}

fn monitoring(t: &mut Trace) {
    background(t, 0, 30 * SEC, 6);
    for i in 0..16u16 {
        for n in 40..80u8 {
            let at = 10 * SEC + i64::from(i) * 500 * MS + i64::from(n) * MS;
            t.ping(at, nas(), lan(n), i);
            t.pong(at + 300, lan(n), nas(), i);
        }
    }
    for i in 0..100u16 {
        let at = 12 * SEC + i64::from(i) * 100 * MS;
        t.ping(at, Host { ttl: (i % 10) as u8 + 1, ..lan(20) }, outside("198.51.100.11"), i);
        t.icmp(at + FAR, outside(&format!("192.0.2.{}", i % 10 + 1)), lan(20), (11, 0), [0; 4], &[0x45; 28]);
    }
}

fn smurf(t: &mut Trace) {
    background(t, 0, 30 * SEC, 6);
    for i in 0..2_300u16 {
        let (at, from) = (15 * SEC + i64::from(i) * 1_700, lan(100 + (i % 60) as u8));
        t.icmp(at, from, lan(20), (0, 0), [9, 9, 0, 1], &[0x61; 8]);
    }
}

/// `count` datagrams of the same parts, two a second: offset, whether more follow, length.
fn fragments(t: &mut Trace, from: Host, to: Host, parts: &[(u16, bool, usize)], count: i64) {
    background(t, 0, 100 * SEC, 8);
    for i in 0..count {
        for (n, (offset, more, len)) in parts.iter().enumerate() {
            let data = vec![n as u8 + 1; *len];
            t.fragment(15 * SEC + i * 500 * MS + n as i64 * 300, from, to, (i as u32, *offset, *more), &data);
        }
    }
}

fn lossy_fragments(t: &mut Trace) {
    background(t, 0, 100 * SEC, 8);
    t.snap = 1_600;
    for i in 0..300u32 {
        let at = 15 * SEC + i64::from(i) * 150 * MS;
        let parts = if i % 3 == 0 {
            vec![(0, true), (1_480, true), (2_960, false)]
        } else {
            vec![(0, true), (1_480, false)]
        };
        for (n, (offset, more)) in parts.into_iter().enumerate() {
            let late = if i % 7 == 0 && n == 0 { 2 * MS } else { 0 };
            if i % 10 != 9 || more {
                let at = at + n as i64 * 200 + late;
                t.fragment(at, nas(), lan(20), (i, offset, more), &[0x33; 1_480]);
                if i % 20 == 0 && more {
                    t.fragment(at + 50, nas(), lan(20), (i, offset, more), &[0x33; 1_480]);
                }
            }
        }
    }
}

fn reflected(t: &mut Trace, victim: Host, port: u16, datagrams: i64) {
    background(t, 0, 30 * SEC, 6);
    for i in 0..datagrams {
        let from = outside(&format!("198.51.{}.{}", 101 + i % 2, 10 + i / 2 % 60)).port(port);
        t.udp(15 * SEC + i * 3 * SEC / datagrams, from, victim.port(31_000), &[0x61; 440]);
    }
}

fn searches(t: &mut Trace) {
    background(t, 0, 40 * SEC, 6);
    for i in 0..3 {
        let (at, from) = (10 * SEC + i * 3 * SEC, lan(20).port(52_000 + i as u16));
        t.udp(at, from, group("239.255.255.250").port(1_900), SSDP_SEARCH);
        for n in 100..140u8 {
            t.udp(at + i64::from(n) * 5 * MS, lan(n).port(1_900), from, &[0x48; 300]);
        }
    }
    for i in 0..300u16 {
        let at = 20 * SEC + i64::from(i) * 30 * MS;
        let (from, to) = (lan(20).port(20_000 + i), outside("198.51.100.53").port(53));
        let name = SITES[usize::from(i % 8)].0;
        t.udp(at, from, to, &names::query(i, name, names::rtype::A));
        let answers: Vec<_> =
            (1..12).map(|n| (name, names::Data::Ip(outside(&format!("198.51.100.{n}")).ip))).collect();
        t.udp(at + FAR, to, from, &names::response(i, name, names::rtype::A, 0, &answers));
    }
}

fn reflector(t: &mut Trace) {
    background(t, 0, 30 * SEC, 6);
    for i in 0..8u16 {
        let at = 15 * SEC + i64::from(i) * 500 * MS;
        let (from, to) = (outside("203.0.113.50").port(80), nas().port(123));
        t.udp(at, from, to, &[0x17, 0, 3, 0x2a, 0, 0, 0, 0]);
        for answer in 0..100 {
            t.udp(at + 1_000 + answer * 200, to, from, &[0xd7; 440]);
        }
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
