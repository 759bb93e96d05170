//! Reconnaissance: port_scan, host_sweep, service_probe.

use super::{Scenario, alert, raises, silent};
use crate::traffic::conversation::Conversation;
use crate::traffic::home::{SITES, background, culprit, gateway, lan, lan6, nas, outside};
use crate::traffic::names::{self, rtype};
use crate::traffic::packet::{End, Host, Segment, flag, group};
use crate::traffic::talk::{FAR, NEAR, SSDP_SEARCH};
use crate::traffic::trace::Trace;
use crate::traffic::{MIN, MS, SEC};
use std::net::Ipv4Addr;

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[
    raises(
        "port_scan",
        &[alert("port_scan", "192.168.1.66", "192.168.1.10")],
        "A host tries 100 TCP ports of the file server with SYNs in 5 s; 97 are refused, 3 open and reset.",
        |t| syn_scan(t, culprit(), nas()),
    ),
    silent(
        "port_scan_under",
        "A host uses 3 open ports of the file server and is refused at 3 others within a minute.",
        under,
    ),
    silent(
        "port_scan_harmless",
        "A browser opens 60 connections to 8 sites in 20 s, 12 at once to one; a UDP traceroute of 36 probes follows.",
        browser_and_traceroute,
    ),
    raises(
        "port_scan_udp",
        &[alert("port_scan", "192.168.1.66", "192.168.1.10")],
        "60 UDP ports of the file server in 30 s; one in three is answered by port unreachable.",
        udp_scan,
    ),
    raises(
        "port_scan_fin",
        &[alert("port_scan", "192.168.1.66", "192.168.1.10")],
        "FIN scan: 60 ports in 6 s by bare FIN segments, closed ports answer RST.",
        |t| stray_scan(t, flag::FIN),
    ),
    raises(
        "port_scan_null",
        &[alert("port_scan", "192.168.1.66", "192.168.1.10")],
        "NULL scan: 60 ports in 6 s by segments without any flag.",
        |t| stray_scan(t, 0),
    ),
    raises(
        "port_scan_xmas",
        &[alert("port_scan", "192.168.1.66", "192.168.1.10")],
        "XMAS scan: 60 ports in 6 s by segments with FIN, PSH and URG.",
        |t| stray_scan(t, flag::FIN | flag::PSH | flag::URG),
    ),
    raises(
        "port_scan_ack",
        &[alert("port_scan", "192.168.1.66", "192.168.1.10")],
        "ACK scan: 60 ports in 6 s by bare ACKs that belong to no connection, all answered by RST.",
        |t| stray_scan(t, flag::ACK),
    ),
    raises(
        "port_scan_connect",
        &[alert("port_scan", "192.168.1.66", "192.168.1.10")],
        "Connect scan: 60 ports in 12 s, one in ten open, connected to and closed.",
        connect_scan,
    ),
    raises(
        "port_scan_slow",
        &[alert("port_scan", "192.168.1.66", "192.168.1.10")],
        "Slow scan: 90 ports in 57 minutes, one about each 38 s, refused.",
        slow_scan,
    ),
    raises(
        "port_scan_ipv6",
        &[alert("port_scan", "fd00:0:0:1::42", "fd00:0:0:1::a")],
        "100 TCP ports of the file server in 5 s over IPv6.",
        |t| syn_scan(t, lan6(66), lan6(10)),
    ),
    raises(
        "port_scan_vlan",
        &[alert("port_scan", "192.168.1.66", "192.168.1.10")],
        "100 TCP ports in 5 s inside VLAN 20.",
        |t| {
            t.vlan = Some(20);
            syn_scan(t, culprit(), nas());
        },
    ),
    raises(
        "host_sweep",
        &[alert("host_sweep", "192.168.1.66", "")],
        "A host tries TCP port 445 on 80 addresses of the next network in 16 s; 74 are silent, 4 refuse, 2 answer.",
        tcp_sweep,
    ),
    silent(
        "host_sweep_under",
        "A host tries port 445 on 6 addresses in a minute, 4 of them silent, and pings 5.",
        sweep_under,
    ),
    silent(
        "host_sweep_harmless",
        "A router boots and asks for its 40 neighbours, who all answer; mDNS and SSDP searches; a printer search of 7.",
        discovery,
    ),
    raises(
        "host_sweep_ping",
        &[alert("host_sweep", "192.168.1.66", "")],
        "A host pings 120 addresses of the next network in 12 s; 6 answer.",
        ping_sweep,
    ),
    raises(
        "host_sweep_arp",
        &[alert("host_sweep", "192.168.1.66", "")],
        "A host asks by ARP for all 253 addresses of its network in 13 s; 8 answer.",
        arp_sweep,
    ),
    raises(
        "host_sweep_ipv6",
        &[alert("host_sweep", "fd00:0:0:1::42", "")],
        "A host tries TCP port 22 on 60 IPv6 addresses in 12 s; 3 refuse.",
        tcp_sweep6,
    ),
    raises(
        "service_probe",
        &[alert("service_probe", "192.168.1.66", "192.168.1.10")],
        "A scanner asks five services of the file server who they are, as scanners ask, within 12 s.",
        |t| probes(t, culprit(), nas()),
    ),
    silent(
        "service_probe_under",
        "A person with a terminal types HELP to one service of the file server, and an empty request to another.",
        terminal,
    ),
    silent(
        "service_probe_harmless",
        "A monitor looks at seven services of the file server every half minute, three times.",
        service_monitor,
    ),
    raises(
        "service_probe_system",
        &[alert("service_probe", "192.168.1.66", "192.168.1.10")],
        "The segments by which operating systems are told apart: NULL, SYN-FIN-URG-PSH, ACK and XMAS, at two ports.",
        system_probe,
    ),
    raises(
        "service_probe_ipv6",
        &[alert("service_probe", "fd00:0:0:1::42", "fd00:0:0:1::a")],
        "The same five services, over IPv6.",
        |t| probes(t, lan6(66), lan6(10)),
    ),
];

/// Ports that scanners try first, and after them a run of others.
fn ports(n: usize) -> impl Iterator<Item = u16> {
    const FIRST: [u16; 12] = [22, 80, 443, 21, 23, 25, 110, 139, 445, 3306, 3389, 8080];
    FIRST.into_iter().chain((1..).map(|i| 1_000 + i * 37)).take(n)
}

fn is_open(port: u16) -> bool {
    matches!(port, 22 | 80 | 443)
}

/// A SYN to an open port, its answer, and the scanner's RST.
fn half_open(t: &mut Trace, at: i64, client: End, server: End) {
    let (seq, theirs) = (t.rng.next() as u32, t.rng.next() as u32);
    t.tcp(at, client, server, Segment { flags: flag::SYN, seq, ..Segment::default() });
    let (flags, ack) = (flag::SYN | flag::ACK, seq.wrapping_add(1));
    t.tcp(at + NEAR, server, client, Segment { flags, seq: theirs, ack, ..Segment::default() });
    t.tcp(at + NEAR + 60, client, server, Segment { flags: flag::RST, seq: ack, ..Segment::default() });
}

fn syn_scan(t: &mut Trace, from: Host, to: Host) {
    background(t, 0, 40 * SEC, 8);
    let source = from.port(t.rng.port());
    for (i, port) in ports(100).enumerate() {
        let at = 20 * SEC + i as i64 * 50 * MS;
        if is_open(port) {
            half_open(t, at, source, to.port(port));
        } else {
            t.refused(at, NEAR, source, to.port(port));
        }
    }
}

fn under(t: &mut Trace) {
    background(t, 0, 80 * SEC, 12);
    for (i, port) in [22, 80, 443, 8_443, 5_000, 9_000].into_iter().enumerate() {
        let (at, from) = (10 * SEC + i as i64 * 8 * SEC, culprit().port(40_000 + i as u16));
        if is_open(port) {
            let mut c = Conversation::open(t, at, NEAR, from, nas().port(port));
            c.client("hello\r\n");
            c.server("not you\r\n");
            c.close(true);
        } else {
            t.refused(at, NEAR, from, nas().port(port));
        }
    }
}

fn browser_and_traceroute(t: &mut Trace) {
    background(t, 0, 90 * SEC, 10);
    for i in 0..60 {
        let (name, ip) = SITES[if i % 5 == 0 { 0 } else { i % SITES.len() }];
        let at = 10 * SEC + (i / 12) as i64 * 4 * SEC + t.rng.range(0, 300 * MS);
        t.https(at, lan(20), outside(ip), name, 400, 900);
    }
    traceroute(t, 50 * SEC);
}

/// Probes to rising ports with rising hop limits; each router on the way says "time exceeded", the goal "no such port".
fn traceroute(t: &mut Trace, start: i64) {
    let goal = outside("198.51.100.11");
    for probe in 0..36u16 {
        let hop = (probe / 3 + 1) as u8;
        let at = start + i64::from(probe) * 60 * MS;
        let from = Host { ttl: hop, ..lan(20) }.port(51_000 + probe);
        t.udp(at, from, goal.port(33_434 + probe), &[0x40; 32]);
        if hop == 1 {
            t.udp_error(at + NEAR, gateway(), 11, 0, from, goal.port(33_434 + probe));
        } else if hop < 12 {
            let router = outside(&format!("192.0.2.{hop}"));
            t.udp_error(at + FAR, router, 11, 0, from, goal.port(33_434 + probe));
        } else {
            t.udp_error(at + FAR, goal, 3, 3, from, goal.port(33_434 + probe));
        }
    }
}

fn udp_scan(t: &mut Trace) {
    background(t, 0, 60 * SEC, 8);
    let source = culprit().port(t.rng.port());
    for (i, port) in [53, 69, 123, 137, 161, 500, 514, 1_900].into_iter().chain(2_000..2_052).enumerate() {
        let at = 20 * SEC + i as i64 * 500 * MS;
        t.udp(at, source, nas().port(port), &[0; 8]);
        if i % 3 == 0 {
            t.udp_error(at + NEAR, nas(), 3, 3, source, nas().port(port));
        }
    }
}

fn stray_scan(t: &mut Trace, flags: u8) {
    background(t, 0, 40 * SEC, 8);
    let source = culprit().port(t.rng.port());
    for (i, port) in ports(60).enumerate() {
        let (at, seq) = (20 * SEC + i as i64 * 100 * MS, t.rng.next() as u32);
        let target = nas().port(port);
        t.tcp(at, source, target, Segment { flags, seq, ack: seq ^ 0x55, ..Segment::default() });
        // An open port does not answer FIN, NULL and XMAS; to an ACK every port answers RST.
        if flags == flag::ACK {
            t.tcp(
                at + NEAR,
                target,
                source,
                Segment { flags: flag::RST, seq: seq ^ 0x55, ..Segment::default() },
            );
        } else if !is_open(port) {
            let flags = flag::RST | flag::ACK;
            t.tcp(at + NEAR, target, source, Segment { flags, ack: seq, ..Segment::default() });
        }
    }
}

fn connect_scan(t: &mut Trace) {
    background(t, 0, 40 * SEC, 8);
    for (i, port) in ports(60).enumerate() {
        let (at, from) = (20 * SEC + i as i64 * 200 * MS, culprit().port(45_000 + i as u16));
        if i % 10 == 0 {
            Conversation::open(t, at, NEAR, from, nas().port(port)).close(true);
        } else {
            t.refused(at, NEAR, from, nas().port(port));
        }
    }
}

fn slow_scan(t: &mut Trace) {
    background(t, 0, 58 * MIN, 60);
    for (i, port) in ports(90).enumerate() {
        let at = 30 * SEC + i as i64 * 38 * SEC + t.rng.range(0, 34 * SEC);
        let from = culprit().port(t.rng.port());
        t.refused(at, NEAR, from, nas().port(port));
    }
}

/// Host `n` of the network behind the gateway.
fn next_network(n: u8) -> Host {
    Host { ttl: 63, ..gateway().with_ip(Ipv4Addr::new(192, 168, 2, n)) }
}

fn tcp_sweep(t: &mut Trace) {
    background(t, 0, 60 * SEC, 8);
    for n in 1..=80u8 {
        let at = 20 * SEC + i64::from(n) * 200 * MS;
        let (from, to) = (culprit().port(t.rng.port()), next_network(n).port(445));
        match n {
            17 | 34 | 51 | 68 => t.refused(at, NEAR, from, to),
            20 | 40 => half_open(t, at, from, to),
            _ => t.syn(at, from, to),
        }
    }
}

fn tcp_sweep6(t: &mut Trace) {
    background(t, 0, 60 * SEC, 8);
    for n in 1..=60u8 {
        let at = 20 * SEC + i64::from(n) * 200 * MS;
        let from = lan6(66).port(t.rng.port());
        let to = outside(&format!("2001:db8:5::{n:x}")).port(22);
        if n % 20 == 0 { t.refused(at, FAR, from, to) } else { t.syn(at, from, to) }
    }
}

fn sweep_under(t: &mut Trace) {
    background(t, 0, 80 * SEC, 10);
    for n in 1..=6u8 {
        let (at, from) = (10 * SEC + i64::from(n) * 9 * SEC, culprit().port(t.rng.port()));
        let to = next_network(n).port(445);
        if n % 3 == 0 { t.refused(at, NEAR, from, to) } else { t.syn(at, from, to) }
    }
    for n in 20..25u8 {
        t.ping(15 * SEC + i64::from(n) * SEC, culprit(), lan(n), n.into());
    }
}

fn discovery(t: &mut Trace) {
    background(t, 0, 60 * SEC, 8);
    for n in 2..42u8 {
        t.arp(10 * SEC + i64::from(n) * 70 * MS, gateway(), lan(n));
    }
    for i in 0..4 {
        let at = 25 * SEC + i * SEC;
        let from = lan(20).port(52_000 + i as u16);
        t.udp(at, from, group("239.255.255.250").port(1900), SSDP_SEARCH);
        for n in [1u8, 10, 22, 23] {
            let answer = b"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nST: upnp:rootdevice\r\n\r\n";
            t.udp(at + i64::from(n) * 20 * MS, lan(n).port(1900), from, answer);
        }
    }
    let question = names::mdns_query("_services._dns-sd._udp.local", rtype::PTR);
    t.udp(30 * SEC, lan(20).port(5353), group("224.0.0.251").port(5353), &question);
    for n in 10..22u8 {
        t.mdns_service(
            30 * SEC + i64::from(n) * 15 * MS,
            lan(n),
            &format!("device-{n}.local"),
            "_http._tcp.local",
            80,
        );
    }
    for n in 30..37u8 {
        let (at, from) = (40 * SEC + i64::from(n) * 100 * MS, lan(20).port(t.rng.port()));
        if n == 30 {
            Conversation::open(t, at, NEAR, from, lan(n).port(9100)).close(true);
        } else {
            t.refused(at, NEAR, from, lan(n).port(9100));
        }
    }
}

fn ping_sweep(t: &mut Trace) {
    background(t, 0, 50 * SEC, 8);
    for n in 1..=120u8 {
        let at = 20 * SEC + i64::from(n) * 100 * MS;
        t.ping(at, culprit(), next_network(n), n.into());
        if n % 20 == 0 {
            t.pong(at + NEAR, next_network(n), culprit(), n.into());
        }
    }
}

fn arp_sweep(t: &mut Trace) {
    background(t, 0, 50 * SEC, 8);
    for n in (1..=254u8).filter(|n| *n != 66) {
        let at = 20 * SEC + i64::from(n) * 50 * MS;
        if matches!(n, 1 | 10 | 20 | 21 | 22 | 23 | 30 | 31) {
            t.arp(at, culprit(), lan(n));
        } else {
            t.arp_ask(at, culprit(), lan(n).v4());
        }
    }
}

/// A connection on which the client says one thing and the server answers another.
fn exchange(t: &mut Trace, at: i64, client: End, server: End, said: &[u8], answer: &[u8]) {
    let mut c = Conversation::open(t, at, NEAR, client, server);
    if !said.is_empty() {
        c.client(said);
    }
    c.server(answer);
    c.close(true);
}

const BANNER: &[u8] = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n";
const NOT_FOUND: &[u8] = b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n";

fn probes(t: &mut Trace, from: Host, to: Host) {
    background(t, 0, 50 * SEC, 8);
    let said: [(u16, &[u8], &[u8]); 6] = [
        (22, b"", BANNER),
        (80, b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        (80, b"GET /nice%20ports%2C/Tri%6Eity.txt%2ebak HTTP/1.0\r\n\r\n", NOT_FOUND),
        (5_000, b"OPTIONS / HTTP/1.0\r\n\r\n", NOT_FOUND),
        (9_000, b"HELP\r\n", b"ERR\r\n"),
        (9_001, b"\r\n\r\n", b"ERR\r\n"),
    ];
    for (i, (port, said, answer)) in said.into_iter().enumerate() {
        let (at, client) = (20 * SEC + i as i64 * 2 * SEC, from.port(44_000 + i as u16));
        exchange(t, at, client, to.port(port), said, answer);
    }
}

fn terminal(t: &mut Trace) {
    background(t, 0, 50 * SEC, 8);
    exchange(t, 20 * SEC, lan(20).port(44_000), nas().port(9_000), b"HELP\r\n", b"ERR\r\n");
    exchange(t, 30 * SEC, lan(20).port(44_001), nas().port(80), b"GET / HTTP/1.0\r\n\r\n", NOT_FOUND);
}

fn service_monitor(t: &mut Trace) {
    background(t, 0, 100 * SEC, 8);
    for round in 0..3 {
        for (i, port) in [21, 22, 25, 80, 143, 445, 3_306].into_iter().enumerate() {
            let at = 10 * SEC + round * 30 * SEC + i as i64 * 500 * MS;
            let client = lan(31).port(45_000 + round as u16 * 10 + i as u16);
            exchange(t, at, client, nas().port(port), b"", b"220 ready\r\n");
        }
    }
}

fn system_probe(t: &mut Trace) {
    background(t, 0, 50 * SEC, 8);
    let flags =
        [0, flag::SYN | flag::FIN | flag::URG | flag::PSH, flag::ACK, flag::FIN | flag::PSH | flag::URG];
    for (i, flags) in flags.into_iter().enumerate() {
        for (n, port) in [22u16, 1].into_iter().enumerate() {
            let at = 20 * SEC + i as i64 * 100 * MS + n as i64 * 25 * MS;
            let (from, to) = (culprit().port(46_000 + (i * 2 + n) as u16), nas().port(port));
            let seq = t.rng.next() as u32;
            t.tcp(at, from, to, Segment { flags, seq, ..Segment::default() });
            if !is_open(port) {
                let answer = Segment { flags: flag::RST | flag::ACK, ack: seq, ..Segment::default() };
                t.tcp(at + NEAR, to, from, answer);
            }
        }
    }
}
