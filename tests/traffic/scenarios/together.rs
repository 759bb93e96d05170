//! The whole picture: attack_chain, storm.

use super::{Scenario, alert, raises, silent};
use crate::traffic::conversation::Conversation;
use crate::traffic::home::{background, culprit, lan, lan6, nas, outside};
use crate::traffic::packet::{Host, Segment, flag};
use crate::traffic::talk::FAR;
use crate::traffic::tls;
use crate::traffic::trace::Trace;
use crate::traffic::{MIN, MS, SEC};

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[
    raises(
        "attack_chain",
        &[
            alert("attack_chain", "192.168.1.66", ""),
            alert("port_scan", "192.168.1.66", "192.168.1.10"),
            alert("brute_force", "192.168.1.66", "192.168.1.10"),
            alert("beaconing", "192.168.1.66", "198.51.100.77"),
        ],
        "One host scans the file server, guesses its password, and from then on calls a server outside each 30 s.",
        |t| steps(t, culprit(), culprit(), culprit()),
    ),
    silent(
        "attack_chain_under",
        "A scan of a dozen ports, two wrong passwords and a handful of calls: each below what any detector tells of.",
        few_steps,
    )
    .also(&["odd_port"]),
    raises(
        "attack_chain_harmless",
        &[
            alert("port_scan", "192.168.1.66", ""),
            alert("brute_force", "192.168.1.23", ""),
            alert("beaconing", "192.168.1.30", ""),
        ],
        "The same three acts by three hosts that have nothing to do with one another: three alerts, no chain.",
        |t| steps(t, culprit(), lan(23), lan(30)),
    ),
    raises(
        "storm",
        &[alert("storm", "", ""), alert("port_scan", "", "192.168.1.10")],
        "A scan of the file server hidden among 48 made-up sources, each of which asks 30 ports within a minute.",
        |t| decoys(t, 48),
    )
    .also(&["host_sweep", "syn_flood", "mac_flood"]),
    raises(
        "storm_under",
        &[alert("port_scan", "", "192.168.1.10")],
        "The same among 12 sources: each is told.",
        |t| decoys(t, 12),
    ),
    raises(
        "storm_harmless",
        &[alert("port_scan", "192.168.1.66", "")],
        "One scanner that asks 30 ports of each of 16 hosts, over IPv4 and IPv6: an alert grows, no storm.",
        inventory,
    )
    .also(&["host_sweep", "service_probe"]),
];

fn knock(t: &mut Trace, at: i64, from: Host, to: Host, port: u16) {
    let seq = t.rng.next() as u32;
    let from_port = t.rng.port();
    t.tcp(at, from.port(from_port), to.port(port), Segment { flags: flag::SYN, seq, ..Segment::default() });
    let (flags, ack) = (flag::RST | flag::ACK, seq.wrapping_add(1));
    t.tcp(at + 300, to.port(port), from.port(from_port), Segment { flags, ack, ..Segment::default() });
}

fn steps(t: &mut Trace, scanner: Host, guesser: Host, caller: Host) {
    background(t, 0, 14 * MIN, 20);
    for port in 1..60u16 {
        knock(t, 20 * SEC + i64::from(port) * 300 * MS, scanner, nas(), port);
    }
    for i in 0..20 {
        t.ssh_failed(60 * SEC + i * 4 * SEC, guesser, nas(), 1);
    }
    for i in 0..22 {
        let from = caller.port(t.rng.port());
        let mut c =
            Conversation::open(t, 3 * MIN + i * 30 * SEC, FAR, from, outside("198.51.100.77").port(443));
        let report = tls::sealed(&mut c.trace.rng, 180);
        c.client(report);
        let order = tls::sealed(&mut c.trace.rng, 60);
        c.server(order);
        c.close(true);
    }
}

fn few_steps(t: &mut Trace) {
    background(t, 0, 10 * MIN, 20);
    for port in 20..28u16 {
        knock(t, 20 * SEC + i64::from(port) * 300 * MS, culprit(), nas(), port);
    }
    for i in 0..2 {
        t.ssh_failed(60 * SEC + i * 9 * SEC, culprit(), nas(), 1);
    }
    for i in 0..5 {
        t.https(3 * MIN + i * 70 * SEC, culprit(), outside("198.51.100.77"), "update.example", 200, 600);
    }
}

fn decoys(t: &mut Trace, sources: u8) {
    background(t, 0, 2 * MIN, 10);
    for port in 1..=30u16 {
        for source in 0..sources {
            let from = outside(&format!("198.51.101.{}", 10 + source));
            let at = 20 * SEC + i64::from(port) * SEC + i64::from(source) * 9 * MS;
            knock(t, at, from, nas(), 1_000 + port);
        }
    }
}

fn inventory(t: &mut Trace) {
    background(t, 0, 4 * MIN, 10);
    for host in 0..16u8 {
        for port in 1..=30u16 {
            let at = 20 * SEC + i64::from(host) * 4 * SEC + i64::from(port) * 100 * MS;
            knock(t, at, culprit(), lan(100 + host), port);
            if host < 4 {
                knock(t, at + 50 * MS, lan6(66), lan6(100 + host), port);
            }
        }
    }
}
