//! The test network, 192.168.1.0/24 behind one router, and the ordinary traffic behind every scenario.

use super::packet::{Host, group};
use super::trace::Trace;
use super::{MS, SEC};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// First three bytes of stations: AVM, Apple, Intel, HP, Dell, Samsung.
const OUIS: [[u8; 3]; 6] = [
    [0x3c, 0x37, 0x12],
    [0xa4, 0x83, 0xe7],
    [0x00, 0x1b, 0x21],
    [0x3c, 0x52, 0x82],
    [0x78, 0x2b, 0xcb],
    [0x8c, 0x77, 0x12],
];

/// Host `n` of the LAN.
pub fn lan(n: u8) -> Host {
    let [a, b, c] = OUIS[usize::from(n) % OUIS.len()];
    Host::new([a, b, c, 0, 1, n], Ipv4Addr::new(192, 168, 1, n))
}

/// Host `n` of the LAN under its global IPv6 address.
pub fn lan6(n: u8) -> Host {
    lan(n).with_ip(Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, n.into()))
}

/// Router, DHCP server and resolver.
pub fn gateway() -> Host {
    lan(1)
}

/// The file server: SSH, web, FTP.
pub fn nas() -> Host {
    lan(10)
}

/// The host that misbehaves.
pub fn culprit() -> Host {
    lan(66)
}

/// A host behind the gateway.
pub fn outside(ip: &str) -> Host {
    let ip: IpAddr = ip.parse().expect("an address written in a scenario");
    Host { mac: gateway().mac, ip, ttl: 54 }
}

/// Sites that the background visits.
pub const SITES: [(&str, &str); 8] = [
    ("www.news.example", "198.51.100.11"),
    ("mail.example", "198.51.100.12"),
    ("shop.example", "198.51.100.13"),
    ("cdn.shop.example", "198.51.100.14"),
    ("video.example", "198.51.100.15"),
    ("weather.example", "198.51.100.16"),
    ("maps.example", "198.51.100.17"),
    ("static.news.example", "198.51.100.18"),
];

/// Ordinary traffic between `from` and `to`: about `visits` visits of two people to ordinary sites at irregular
/// moments, with the look-ups before them, a ping, ARP, the clock, and the file server at work.
pub fn background(t: &mut Trace, from: i64, to: i64, visits: usize) {
    let (laptop, phone) = (lan(20), lan(21));
    t.arp(from + 200 * MS, laptop, gateway());
    t.arp(from + 900 * MS, phone, gateway());
    t.arp(from + 1_300 * MS, nas(), gateway());
    t.ntp(from + 1_500 * MS, nas(), outside("192.0.2.123"));
    for visit in 0..visits {
        let who = if t.rng.below(3) == 0 { phone } else { laptop };
        let (name, ip) = t.rng.pick(&SITES);
        let at = t.rng.range(from + 2 * SEC, (to - 3 * SEC).max(from + 3 * SEC));
        let (up, down) = (t.rng.range(300, 900) as usize, t.rng.range(900, 6_000) as usize);
        let found = t.lookup(at, who, gateway(), name, ip);
        t.https(found + 2 * MS, who, outside(ip), name, up, down);
        if visit % 5 == 4 {
            t.ping(at + 700 * MS, laptop, nas(), visit as u16);
            t.pong(at + 700 * MS + 250, nas(), laptop, visit as u16);
        }
    }
    t.mdns_service(from + 1_100 * MS, lan(30), "printer.local", "_ipp._tcp.local", 631);
    t.udp(
        from + 1_700 * MS,
        lan(22).port(50_123),
        group("239.255.255.250").port(1900),
        super::talk::SSDP_SEARCH,
    );
}
