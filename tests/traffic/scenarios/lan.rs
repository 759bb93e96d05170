//! The LAN's own protocols: arp_spoof, rogue_dhcp, new_device.

use super::{Scenario, alert, raises, silent};
use crate::traffic::dhcp::{Dhcp, message};
use crate::traffic::home::{background, culprit, gateway, lan, lan6, nas};
use crate::traffic::packet::{Host, group};
use crate::traffic::trace::Trace;
use crate::traffic::{DAY, HOUR, MIN, MS, SEC};
use std::net::Ipv4Addr;

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[
    raises(
        "arp_spoof",
        &[alert("arp_spoof", "3c:37:12:00:01:42", "192.168.1.10")],
        "A station tells the laptop every 2 s for a minute that the file server is at its own MAC; the server is alive.",
        |t| spoof(t, nas()),
    ),
    silent(
        "arp_spoof_under",
        "Every host announces its own address once, and the gateway twice; nobody claims another's.",
        announcements,
    ),
    silent(
        "arp_spoof_harmless",
        "A failover moves a virtual address to the standby after the first has died; DHCP gives a released address to another.",
        failover,
    ),
    raises(
        "arp_spoof_gateway",
        &[alert("arp_spoof", "3c:37:12:00:01:42", "192.168.1.1")],
        "A station claims the gateway's address to laptop and phone every 2 s for a minute while the gateway goes on.",
        |t| spoof(t, gateway()),
    ),
    raises(
        "arp_spoof_nd",
        &[alert("arp_spoof", "3c:37:12:00:01:42", "fd00:0:0:1::1")],
        "Neighbour advertisements with override, every 2 s for a minute, move the router's IPv6 address to another MAC.",
        neighbor_spoof,
    ),
    raises(
        "rogue_dhcp",
        &[alert("rogue_dhcp", "192.168.1.66", "")],
        "After two days of leases from the router a second host offers leases too, with itself as router.",
        rogue,
    ),
    silent(
        "rogue_dhcp_under",
        "Two days of leases; then three DISCOVERs, answered by the router alone, and one NAK.",
        one_server,
    ),
    silent(
        "rogue_dhcp_harmless",
        "Two days of leases renewed; a relay passes a second network's requests to the same server.",
        relay,
    ),
    raises(
        "new_device",
        &[alert("new_device", "dc:a6:32:01:02:03", "")],
        "On the third day a station never seen before takes a lease and looks around.",
        |t| newcomer(t, 2 * DAY + 11 * HOUR),
    ),
    silent(
        "new_device_under",
        "The station comes three hours after the monitor: everything is new then, so nothing is.",
        |t| newcomer(t, 3 * HOUR),
    ),
    silent("new_device_harmless", "A known device is away for two days and comes back.", comes_back),
];

fn spoof(t: &mut Trace, victim: Host) {
    background(t, 0, 100 * SEC, 16);
    t.arp(5 * SEC, lan(20), victim);
    t.arp(6 * SEC, lan(21), victim);
    t.arp(7 * SEC, lan(20), culprit());
    for i in 0..30 {
        let at = 30 * SEC + i * 2 * SEC;
        t.arp_claim(at, culprit().mac, victim.v4(), lan(20));
        if victim == gateway() {
            t.arp_claim(at + 20 * MS, culprit().mac, victim.v4(), lan(21));
        }
        // The victim is alive and says so.
        if i % 3 == 0 {
            t.ping(at + 500 * MS, victim, lan(22), i as u16);
            t.pong(at + 501 * MS, lan(22), victim, i as u16);
        }
        if i % 5 == 0 {
            t.arp(at + 700 * MS, lan(23), victim);
        }
    }
}

fn announcements(t: &mut Trace) {
    background(t, 0, 100 * SEC, 14);
    for (i, n) in [10u8, 20, 21, 22, 23, 30, 66, 1, 1].into_iter().enumerate() {
        t.arp_announce(15 * SEC + i as i64 * 7 * SEC, lan(n));
    }
    t.arp(80 * SEC, lan(20), nas());
}

fn failover(t: &mut Trace) {
    background(t, 0, 20 * MIN, 40);
    let (first, standby) = (lan(40), lan(41));
    let shared = Ipv4Addr::new(192, 168, 1, 45);
    for i in 0..10 {
        let at = 10 * SEC + i * 20 * SEC;
        t.arp(at, lan(20), first.with_ip(shared));
        t.ping(at + SEC, lan(20), first.with_ip(shared), i as u16);
        t.pong(at + SEC + 300, first.with_ip(shared), lan(20), i as u16);
    }
    // The first dies at 200 s; the standby takes over with the three announcements that such software sends.
    for i in 0..3 {
        t.arp_announce(260 * SEC + i * SEC, standby.with_ip(shared));
    }
    for i in 0..10 {
        let at = 270 * SEC + i * 20 * SEC;
        t.arp(at, lan(20), standby.with_ip(shared));
        t.ping(at + SEC, lan(20), standby.with_ip(shared), i as u16);
        t.pong(at + SEC + 300, standby.with_ip(shared), lan(20), i as u16);
    }
    reassigned(t);
}

/// A guest leaves and gives its address back; the next guest is given the same one.
fn reassigned(t: &mut Trace) {
    let (guest, next) = (lan(50), Host::new([0x78, 0x2b, 0xcb, 0, 9, 9], lan(50).v4()));
    let base = Dhcp { name: "guest", ..Dhcp::new(0, 0, guest.mac) };
    t.lease(30 * SEC, guest, gateway(), &base);
    t.arp(60 * SEC, guest, gateway());
    let release = Dhcp {
        ciaddr: guest.v4(),
        server: Some(gateway().v4()),
        ..Dhcp::new(message::RELEASE, 7, guest.mac)
    };
    t.udp(8 * MIN, guest.port(68), gateway().port(67), &release.bytes());
    t.lease(12 * MIN, next, gateway(), &Dhcp { name: "visitor", ..base });
    t.arp(12 * MIN + 5 * SEC, next, gateway());
    t.arp(13 * MIN, gateway(), next);
}

fn neighbor_spoof(t: &mut Trace) {
    background(t, 0, 100 * SEC, 12);
    let (router, laptop) = (lan6(1), lan6(20));
    t.neighbor_ask(5 * SEC, laptop, router.v6());
    t.neighbor(5 * SEC + 400, router, laptop, router.v6(), 0xe0);
    for i in 0..30 {
        let at = 30 * SEC + i * 2 * SEC;
        t.neighbor(at, lan6(66), laptop, router.v6(), 0x20);
        if i % 4 == 0 {
            t.ping(at + 500 * MS, router, lan6(22), i as u16);
            t.pong(at + 501 * MS, lan6(22), router, i as u16);
            t.neighbor_ask(at + 800 * MS, lan6(23), router.v6());
            t.neighbor(at + 801 * MS, router, lan6(23), router.v6(), 0xe0);
        }
    }
}

/// Two days of a quiet network: a few hosts take leases, renew them each half day, and now and then do something.
fn two_days(t: &mut Trace) {
    for (i, n) in [10u8, 20, 21, 22, 23, 30].into_iter().enumerate() {
        let base = Dhcp {
            name: ["nas", "laptop", "phone", "tv", "camera", "printer"][i],
            ..Dhcp::new(0, 0, [0; 6])
        };
        let base = Dhcp { client: lan(n).mac, ..base };
        t.lease(MIN + i as i64 * 40 * SEC, lan(n), gateway(), &base);
        for half_day in 1..5 {
            let at = half_day * 12 * HOUR + t.rng.range(0, 3 * HOUR);
            t.renew(at, lan(n), gateway(), &base);
        }
    }
    let mut at = 10 * MIN;
    while at < 2 * DAY + 10 * HOUR {
        background(t, at, at + 2 * MIN, 2);
        at += t.rng.range(2 * HOUR, 5 * HOUR);
    }
}

fn rogue(t: &mut Trace) {
    two_days(t);
    let start = 2 * DAY + 11 * HOUR;
    background(t, start, start + 3 * MIN, 10);
    for i in 0..4u8 {
        let client = lan(120 + i);
        let at = start + MIN + i64::from(i) * 20 * SEC;
        let base =
            Dhcp { name: "visitor", ..Dhcp::new(message::DISCOVER, 0x7000 + u32::from(i), client.mac) };
        t.dhcp(at, client, &base);
        for (server, delay) in [(culprit(), 3 * MS), (gateway(), 30 * MS)] {
            let offer = Dhcp { kind: message::OFFER, yiaddr: client.v4(), server: Some(server.v4()), ..base };
            t.dhcp(at + delay, server, &offer);
        }
        let request =
            Dhcp { kind: message::REQUEST, yiaddr: client.v4(), server: Some(culprit().v4()), ..base };
        t.dhcp(at + 40 * MS, client, &request);
        t.dhcp(at + 44 * MS, culprit(), &Dhcp { kind: message::ACK, ..request });
        t.arp_announce(at + SEC, client);
    }
}

fn one_server(t: &mut Trace) {
    two_days(t);
    let start = 2 * DAY + 11 * HOUR;
    background(t, start, start + 2 * MIN, 6);
    for i in 0..3u8 {
        let at = start + 20 * SEC + i64::from(i) * 15 * SEC;
        let discover = Dhcp::new(message::DISCOVER, 0x7100 + u32::from(i), lan(20).mac);
        t.dhcp(at, lan(20), &discover);
        let offer =
            Dhcp { kind: message::OFFER, yiaddr: lan(20).v4(), server: Some(gateway().v4()), ..discover };
        t.dhcp(at + 30 * MS, gateway(), &offer);
    }
    let nak = Dhcp { server: Some(gateway().v4()), ..Dhcp::new(message::NAK, 0x7200, lan(21).mac) };
    t.dhcp(start + 80 * SEC, gateway(), &nak);
}

fn relay(t: &mut Trace) {
    two_days(t);
    let (start, relay) = (2 * DAY + 11 * HOUR, lan(5));
    background(t, start, start + 4 * MIN, 8);
    for i in 0..5u8 {
        let at = start + MIN + i64::from(i) * 25 * SEC;
        let client = Host::new([0x78, 0x2b, 0xcb, 0, 7, i], Ipv4Addr::new(192, 168, 7, 100 + i));
        let giaddr = Ipv4Addr::new(192, 168, 7, 1);
        let base = Dhcp { giaddr, ..Dhcp::new(message::DISCOVER, 0x7300 + u32::from(i), client.mac) };
        let given = Dhcp { yiaddr: client.v4(), server: Some(gateway().v4()), ..base };
        let steps = [
            (message::DISCOVER, base, true),
            (message::OFFER, given, false),
            (message::REQUEST, given, true),
            (message::ACK, given, false),
        ];
        for (step, (kind, m, up)) in steps.into_iter().enumerate() {
            let at = at + step as i64 * 20 * MS;
            let bytes = Dhcp { kind, ..m }.bytes();
            let (from, to) = if up { (relay, gateway()) } else { (gateway(), relay) };
            t.udp(at, from.port(67), to.port(67), &bytes);
            // The relay passes the server's answer on, on the second network, under its address there.
            if !up {
                let near = relay.with_ip(giaddr);
                t.udp(at + 2 * MS, near.port(67), group("255.255.255.255").port(68), &bytes);
            }
        }
    }
}

fn newcomer(t: &mut Trace, arrives: i64) {
    two_days(t);
    let new = Host::new([0xdc, 0xa6, 0x32, 1, 2, 3], Ipv4Addr::new(192, 168, 1, 77));
    let base = Dhcp { name: "unknown-pi", vendor: "dhcpcd-9.4.1:Linux", ..Dhcp::new(0, 0, new.mac) };
    t.lease(arrives, new, gateway(), &base);
    t.arp(arrives + 3 * SEC, new, gateway());
    t.lookup(arrives + 4 * SEC, new, gateway(), "mirror.example", "198.51.100.40");
    t.https(
        arrives + 5 * SEC,
        new,
        crate::traffic::home::outside("198.51.100.40"),
        "mirror.example",
        500,
        3_000,
    );
    t.mdns_service(arrives + 6 * SEC, new, "unknown-pi.local", "_ssh._tcp.local", 22);
    background(t, arrives + 10 * SEC, arrives + MIN, 3);
}

fn comes_back(t: &mut Trace) {
    two_days(t);
    let away = lan(77);
    let base = Dhcp { name: "tablet", ..Dhcp::new(0, 0, away.mac) };
    t.lease(20 * MIN, away, gateway(), &base);
    t.arp(30 * MIN, away, gateway());
    t.lease(2 * DAY + 11 * HOUR, away, gateway(), &base);
    t.arp(2 * DAY + 11 * HOUR + MIN, away, gateway());
    background(t, 2 * DAY + 11 * HOUR, 2 * DAY + 11 * HOUR + MIN, 3);
}
