//! The LAN's own protocols: arp_spoof, duplicate_ip, rogue_dhcp, dhcp_starvation, mac_flood, rogue_ra,
//! name_poisoning, dns_spoof, icmp_redirect, new_device.

use super::{Scenario, alert, raises, silent};
use crate::traffic::dhcp::{Dhcp, message};
use crate::traffic::home::{background, culprit, gateway, lan, lan6, nas};
use crate::traffic::names;
use crate::traffic::packet::{Host, group};
use crate::traffic::trace::Trace;
use crate::traffic::{DAY, HOUR, MIN, MS, SEC};
use std::net::{Ipv4Addr, Ipv6Addr};

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
        "duplicate_ip",
        &[alert("duplicate_ip", "", "192.168.1.30")],
        "Printer and tablet both answer when somebody asks for 192.168.1.30, every 8 s.",
        |t| two_answer(t, 8),
    ),
    silent(
        "duplicate_ip_under",
        "A second station answers for the printer's address once: it had it before and has just woken up.",
        |t| two_answer(t, 1),
    ),
    silent(
        "duplicate_ip_harmless",
        "A released address is given to another station; a failover announces a virtual address three times.",
        failover,
    ),
    raises(
        "duplicate_ip_ipv6",
        &[alert("duplicate_ip", "", "fd00:0:0:1::1e")],
        "A tablet declines the IPv6 address that it was given by DHCPv6, because the printer has it.",
        declined6,
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
        "dhcp_starvation",
        &[alert("dhcp_starvation", "3c:37:12:00:01:42", "")],
        "One station sends 60 DISCOVERs in 6 s, each in another name; the router offers until it has nothing left.",
        |t| starve(t, 60, false),
    ),
    silent(
        "dhcp_starvation_under",
        "One station asks in 12 names in 6 s: a bridge with a few clients.",
        |t| starve(t, 12, false),
    ),
    silent(
        "dhcp_starvation_harmless",
        "After a power cut 50 devices ask for an address within 8 s, each in its own name, and get one.",
        power_cut,
    ),
    raises(
        "dhcp_starvation_ipv6",
        &[alert("dhcp_starvation", "3c:37:12:00:01:42", "")],
        "One station sends 60 DHCPv6 SOLICITs in 6 s, each with another client identifier.",
        |t| starve(t, 60, true),
    ),
    raises(
        "mac_flood",
        &[alert("mac_flood", "", "")],
        "600 frames in 3 s between stations and hosts that are all made up, as a switch is flooded.",
        |t| made_up_stations(t, 600),
    ),
    silent("mac_flood_under", "90 frames in 3 s from made-up stations.", |t| made_up_stations(t, 90)),
    silent(
        "mac_flood_harmless",
        "A school: 240 telephones with private addresses and laptops of known makers appear within 8 s.",
        school,
    ),
    raises(
        "rogue_ra",
        &[alert("rogue_ra", "3c:37:12:00:01:42", "")],
        "The router advertises itself each minute; then another station offers a prefix of its own, ten times.",
        |t| advertisements(t, 1_800, lan_local(66)),
    ),
    silent(
        "rogue_ra_under",
        "The router advertises itself each minute, stops for a restart, and comes back under another address.",
        router_restarts,
    ),
    silent(
        "rogue_ra_harmless",
        "Beside the router a Thread border router advertises its mesh's prefix, without a default route.",
        |t| advertisements(t, 0, lan_local(66)),
    ),
    raises(
        "rogue_ra_kill",
        &[alert("rogue_ra", "3c:37:12:00:01:42", "")],
        "A station advertises in the router's name and address that it is no router any more.",
        |t| advertisements(t, 0, Host { mac: culprit().mac, ..lan_local(1) }),
    ),
    raises(
        "rogue_ra_flood",
        &[alert("rogue_ra", "", "")],
        "400 routers in 2 s, all made up, each with a prefix of its own.",
        router_flood,
    )
    .also(&["icmp_flood", "mac_flood"]),
    raises(
        "name_poisoning",
        &[alert("name_poisoning", "192.168.1.66", "")],
        "A host answers by LLMNR and NetBIOS, with its own address, for four names that two others mistyped.",
        |t| answers_names(t, &["filesrv", "fileserver1", "printsvr", "intranett"]),
    ),
    silent(
        "name_poisoning_under",
        "A host answers for its own name by LLMNR and NetBIOS, four times.",
        |t| answers_names(t, &["desktop-66"; 4]),
    ),
    silent(
        "name_poisoning_harmless",
        "The gateway passes on what eight devices of another network say by mDNS; a server announces three names of its own.",
        passes_mdns,
    ),
    raises(
        "name_poisoning_wpad",
        &[alert("name_poisoning", "192.168.1.66", "")],
        "A host answers once for wpad.",
        |t| answers_names(t, &["wpad"]),
    ),
    raises(
        "name_poisoning_ipv6",
        &[alert("name_poisoning", "fe80::42", "")],
        "A host answers by LLMNR over IPv6 for three names.",
        answers_names6,
    ),
    raises(
        "dns_spoof",
        &[alert("dns_spoof", "3c:37:12:00:01:42", "192.168.1.20")],
        "A station answers six of the laptop's questions in the router's name before the router does.",
        |t| forged(t, Some(culprit().mac), lan(20), gateway()),
    ),
    silent("dns_spoof_under", "A mirror port shows six questions and their answers twice.", |t| {
        forged(t, None, lan(20), gateway())
    }),
    silent(
        "dns_spoof_harmless",
        "Questions repeated after a second, and asked of two servers at once, with other addresses in each answer.",
        repeated_questions,
    ),
    raises(
        "dns_spoof_unasked",
        &[alert("dns_spoof", "192.168.1.66", "192.168.1.20")],
        "A host that was not asked answers four of the laptop's questions under its own address.",
        unasked_server,
    ),
    raises(
        "dns_spoof_ipv6",
        &[alert("dns_spoof", "", "fd00:0:0:1::14")],
        "Answers to six questions over IPv6 are forged on the way: two come for each.",
        |t| forged(t, Some(gateway().mac), lan6(20), crate::traffic::home::outside("2001:db8:53::53")),
    ),
    raises(
        "icmp_redirect",
        &[alert("icmp_redirect", "3c:37:12:00:01:42", "192.168.1.20")],
        "A station redirects the laptop's traffic to itself in the router's name, every 2 s.",
        |t| redirects(t, culprit().mac, gateway(), culprit()),
    ),
    silent(
        "icmp_redirect_under",
        "A host that forwards by accident redirects the laptop to the router.",
        |t| redirects(t, nas().mac, nas(), gateway()),
    ),
    silent(
        "icmp_redirect_harmless",
        "The router itself redirects the laptop to the VPN gateway beside it.",
        |t| redirects(t, gateway().mac, gateway(), lan(2)),
    ),
    raises(
        "icmp_redirect_ipv6",
        &[alert("icmp_redirect", "3c:37:12:00:01:42", "fd00:0:0:1::14")],
        "A station redirects the laptop's IPv6 traffic to itself in the router's name, every 2 s.",
        redirects6,
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

/// `count` requests for an address in 6 s by one station, each in the name of another client.
fn starve(t: &mut Trace, count: u32, v6: bool) {
    background(t, 0, 40 * SEC, 8);
    for i in 0..count {
        let at = 20 * SEC + i64::from(i) * 6 * SEC / i64::from(count);
        let [_, _, high, low] = (i * 7_919).to_be_bytes();
        let client = [2, 0x13, 0x37, 9, high, low];
        if v6 {
            let from = Host { ttl: 1, ..lan_local(66) };
            let mut solicit = vec![1, 9, high, low, 0, 1, 0, 10, 0, 3, 0, 1];
            solicit.extend(client);
            solicit.extend([0, 8, 0, 2, 0, 0]);
            t.udp(at, from.port(546), group("ff02::1:2").port(547), &solicit);
            continue;
        }
        let discover = Dhcp::new(message::DISCOVER, 0x9000 + i, client);
        let from = culprit().with_ip(Ipv4Addr::UNSPECIFIED);
        t.udp(at, from.port(68), group("255.255.255.255").port(67), &discover.bytes());
        let offer = Dhcp {
            kind: message::OFFER,
            yiaddr: lan(100 + i as u8).v4(),
            server: Some(gateway().v4()),
            ..discover
        };
        t.udp(at + 3 * MS, gateway().port(67), group("255.255.255.255").port(68), &offer.bytes());
    }
}

fn power_cut(t: &mut Trace) {
    background(t, 0, 40 * SEC, 8);
    for n in 100..150u8 {
        let at = 20 * SEC + i64::from(n - 100) * 160 * MS;
        t.lease(at, lan(n), gateway(), &Dhcp { name: "device", ..Dhcp::new(0, 0, lan(n).mac) });
    }
}

fn made_up_stations(t: &mut Trace, frames: i64) {
    background(t, 0, 40 * SEC, 8);
    for i in 0..frames {
        let mac = |bytes: Vec<u8>| -> [u8; 6] { bytes.try_into().expect("six bytes") };
        let (from, to) = (mac(t.rng.bytes(6)), mac(t.rng.bytes(6)));
        let ip = |bits: u64| Ipv4Addr::from_bits(bits as u32);
        let (from, to) = (Host::new(from, ip(t.rng.next())), Host::new(to, ip(t.rng.next())));
        let syn = crate::traffic::packet::Segment { flags: 2, ..Default::default() };
        t.tcp(20 * SEC + i * 3 * SEC / frames, from.port(1_000), to.port(80), syn);
    }
}

fn school(t: &mut Trace) {
    background(t, 0, 40 * SEC, 8);
    for i in 0..240u32 {
        let private = [0xda, 0x31, 7, 0, (i >> 8) as u8, i as u8];
        let mac = if i % 3 == 0 { [0xa4, 0x83, 0xe7, 1, (i >> 8) as u8, i as u8] } else { private };
        let host = Host::new(mac, Ipv4Addr::new(192, 168, 1, (i % 200 + 40) as u8));
        t.arp_ask(20 * SEC + i64::from(i) * 33 * MS, host, gateway().v4());
    }
}

/// Host `n` of the LAN under its link-local address.
fn lan_local(n: u8) -> Host {
    lan(n).with_ip(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n.into()))
}

/// The router's prefix, and that of somebody else.
const PREFIXES: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 0), Ipv6Addr::new(0xfd66, 0x66, 0, 0, 0, 0, 0, 0)];

fn advertisements(t: &mut Trace, lifetime: u16, other: Host) {
    background(t, 0, 5 * MIN, 12);
    for i in 0..5 {
        t.advertise(SEC + i * MIN, lan_local(1), 1_800, Some(PREFIXES[0]));
    }
    for i in 0..10 {
        t.advertise(
            3 * MIN + i * 4 * SEC,
            other,
            lifetime,
            (other.ip != lan_local(1).ip).then_some(PREFIXES[1]),
        );
    }
}

fn router_restarts(t: &mut Trace) {
    background(t, 0, 5 * MIN, 12);
    t.advertise(SEC, lan_local(1), 1_800, Some(PREFIXES[0]));
    t.advertise(MIN, lan_local(1), 0, Some(PREFIXES[0]));
    let again = lan(1).with_ip(Ipv6Addr::new(0xfe80, 0, 0, 0, 1, 2, 3, 4));
    for i in 0..4 {
        t.advertise(3 * MIN + i * 16 * SEC, again, 1_800, Some(PREFIXES[1]));
    }
}

fn router_flood(t: &mut Trace) {
    background(t, 0, 40 * SEC, 8);
    t.advertise(SEC, lan_local(1), 1_800, Some(PREFIXES[0]));
    for i in 0..400u16 {
        let [high, low] = i.to_be_bytes();
        let router = Host::new(
            [0, 0x18, t.rng.next() as u8, 0, high, low],
            Ipv6Addr::new(0xfe80, 0, 0, 0, 2, 3, 4, i),
        );
        t.advertise(
            20 * SEC + i64::from(i) * 5 * MS,
            router,
            65_535,
            Some(Ipv6Addr::new(0x2a01, i, 0, 0, 0, 0, 0, 0)),
        );
    }
}

/// Redirects of the laptop in the name of `router`, by station `mac`, to `hop`; the router is known from its leases.
fn redirects(t: &mut Trace, mac: [u8; 6], router: Host, hop: Host) {
    t.lease(SEC, lan(20), gateway(), &Dhcp { name: "laptop", ..Dhcp::new(0, 0, lan(20).mac) });
    background(t, 3 * SEC, 50 * SEC, 8);
    for n in [1, 2, 10, 66u8] {
        t.arp(5 * SEC + i64::from(n) * MS, lan(20), lan(n));
    }
    for i in 0..10 {
        let goal = crate::traffic::home::outside("198.51.100.11");
        t.redirect(20 * SEC + i * 2 * SEC, mac, router, lan(20), goal, hop);
    }
}

fn redirects6(t: &mut Trace) {
    background(t, 0, 50 * SEC, 8);
    t.advertise(SEC, lan_local(1), 1_800, Some(PREFIXES[0]));
    t.neighbor_ask(5 * SEC, lan6(20), lan_local(66).v6());
    t.neighbor(5 * SEC + 400, lan_local(66), lan6(20), lan_local(66).v6(), 0x60);
    for i in 0..10 {
        let goal = crate::traffic::home::outside("2001:db8:9::9");
        t.redirect(20 * SEC + i * 2 * SEC, culprit().mac, lan_local(1), lan6(20), goal, lan_local(66));
    }
}

/// Somebody asks for the printer's address eight times, and another station answers the first `other` times too.
fn two_answer(t: &mut Trace, other: i64) {
    background(t, 0, 90 * SEC, 10);
    let tablet = lan(44).with_ip(lan(30).v4());
    for i in 0..8 {
        let (at, asker) = (10 * SEC + i * 8 * SEC, lan(20 + (i % 3) as u8));
        t.arp(at, asker, lan(30));
        if i < other {
            t.arp_claim(at + 900, tablet.mac, tablet.v4(), asker);
        }
    }
}

fn declined6(t: &mut Trace) {
    background(t, 0, 40 * SEC, 8);
    let mut decline = vec![9, 1, 2, 3, 0, 1, 0, 10, 0, 3, 0, 1];
    decline.extend(lan(44).mac);
    decline.extend([0, 3, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 24]);
    decline.extend(lan6(30).v6().octets());
    decline.extend([0; 8]);
    t.udp(20 * SEC, lan_local(44).port(546), group("ff02::1:2").port(547), &decline);
}

/// Two hosts ask for each of these names by LLMNR and NetBIOS; one answers them all.
fn answers_names(t: &mut Trace, asked: &[&str]) {
    background(t, 0, 60 * SEC, 8);
    let liar = culprit();
    t.arp(10 * SEC, lan(20), liar);
    for (i, name) in asked.iter().enumerate() {
        let (at, id) = (15 * SEC + i as i64 * 5 * SEC, 0x4000 + i as u16);
        let who = lan(20 + (i % 2) as u8);
        let ask = who.port(50_000 + id % 1_000);
        t.udp(at, ask, group("224.0.0.252").port(5355), &names::llmnr_query(id, name, names::rtype::A));
        t.udp(at + 4 * MS, liar.port(5355), ask, &names::llmnr_answer(id, name, liar.ip));
        let all = Host { mac: [0xff; 6], ..lan(255) };
        t.udp(at + SEC, who.port(137), all.port(137), &names::netbios_query(id, name));
        t.udp(at + SEC + 5 * MS, liar.port(137), who.port(137), &names::netbios_answer(id, name, liar.v4()));
    }
}

fn answers_names6(t: &mut Trace) {
    background(t, 0, 60 * SEC, 8);
    for (i, name) in ["filesrv", "printsvr", "intranett"].iter().enumerate() {
        let (at, id) = (15 * SEC + i as i64 * 5 * SEC, 0x4000 + i as u16);
        let (ask, liar) = (lan_local(20).port(50_100 + i as u16), lan_local(66));
        t.udp(at, ask, group("ff02::1:3").port(5355), &names::llmnr_query(id, name, names::rtype::AAAA));
        t.udp(at + 4 * MS, liar.port(5355), ask, &names::llmnr_answer(id, name, liar.ip));
    }
}

fn passes_mdns(t: &mut Trace) {
    background(t, 0, 60 * SEC, 8);
    for i in 0..8u8 {
        let name = format!("speaker-{i}.local");
        let ip = Ipv4Addr::new(192, 168, 7, 20 + i);
        let answer = names::mdns_answer(&[(&name, names::Data::Ip(ip.into()))]);
        t.udp(15 * SEC + i64::from(i) * SEC, gateway().port(5353), group("224.0.0.251").port(5353), &answer);
    }
    for (i, name) in ["nas.local", "photos.local", "music.local"].iter().enumerate() {
        let answer = names::mdns_answer(&[(*name, names::Data::Ip(nas().ip))]);
        t.udp(30 * SEC + i as i64 * SEC, nas().port(5353), group("224.0.0.251").port(5353), &answer);
    }
}

/// The laptop looks up six names, each answered twice: first by `forger` in the server's name with an address of its own,
/// or, without one, by the same frame once more.
fn forged(t: &mut Trace, forger: Option<[u8; 6]>, laptop: Host, server: Host) {
    background(t, 0, 60 * SEC, 10);
    for i in 0..6u16 {
        let at = 20 * SEC + i64::from(i) * 3 * SEC;
        let (name, from) = (format!("www.bank{i}.example"), laptop.port(40_000 + i));
        let (right, wrong) = ("198.51.100.9".parse(), "203.0.113.200".parse());
        let query = names::query(0x5000 + i, &name, names::rtype::A);
        let answer =
            |ip| names::response(0x5000 + i, &name, names::rtype::A, 0, &[(&name, names::Data::Ip(ip))]);
        let right = answer(right.expect("an address"));
        t.udp(at, from, server.port(53), &query);
        if let Some(mac) = forger {
            let liar = Host { mac, ..server };
            t.udp(at + 2 * MS, liar.port(53), from, &answer(wrong.expect("an address")));
        } else {
            t.udp(at + 5, from, server.port(53), &query);
            t.udp(at + 15 * MS + 5, server.port(53), from, &right);
        }
        t.udp(at + 15 * MS, server.port(53), from, &right);
    }
}

fn repeated_questions(t: &mut Trace) {
    background(t, 0, 60 * SEC, 10);
    let second = crate::traffic::home::outside("198.51.100.53");
    for i in 0..12u16 {
        let at = 15 * SEC + i64::from(i) * 3 * SEC;
        let (name, from) = (format!("cdn{i}.video.example"), lan(20).port(41_000 + i));
        let query = names::query(0x6000 + i, &name, names::rtype::A);
        let other = if i % 2 == 0 { gateway() } else { second };
        for (n, server) in [gateway(), other].into_iter().enumerate() {
            let ip = Ipv4Addr::new(198, 51, 100, 20 + n as u8).into();
            let answer =
                names::response(0x6000 + i, &name, names::rtype::A, 0, &[(&name, names::Data::Ip(ip))]);
            let at = at + n as i64 * SEC;
            t.udp(at, from, server.port(53), &query);
            t.udp(at + 1_200 * MS, server.port(53), from, &answer);
        }
    }
}

fn unasked_server(t: &mut Trace) {
    background(t, 0, 60 * SEC, 10);
    t.arp(10 * SEC, lan(20), culprit());
    for i in 0..4u16 {
        let at = 20 * SEC + i64::from(i) * 4 * SEC;
        let (name, from) = (format!("www.shop{i}.example"), lan(20).port(42_000 + i));
        t.udp(at, from, gateway().port(53), &names::query(0x7000 + i, &name, names::rtype::A));
        for (wait, server, ip) in [(3, culprit(), "203.0.113.200"), (14, gateway(), "198.51.100.9")] {
            let ip = ip.parse().expect("an address");
            let answer =
                names::response(0x7000 + i, &name, names::rtype::A, 0, &[(&name, names::Data::Ip(ip))]);
            t.udp(at + wait * MS, server.port(53), from, &answer);
        }
    }
}
