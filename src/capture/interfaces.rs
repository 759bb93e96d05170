//! The machine's interfaces, and which of them to capture on when nobody said.

use crate::addr::{Ip, MacAddr};
use std::fs;
use std::path::Path;

/// One interface as the system describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its own address; [`MacAddr::NONE`] where the link has none.
    pub mac: MacAddr,
    /// Its IP addresses with the length of their networks.
    pub addresses: Vec<(Ip, u8)>,
    /// Set up by the administrator.
    pub up: bool,
    /// The cable is in, or the station is associated.
    pub carrier: bool,
    /// The machine talking to itself.
    pub loopback: bool,
    /// Wi-Fi.
    pub wireless: bool,
    /// Has hardware behind it; bridges, tunnels and containers' pairs have none.
    pub hardware: bool,
    /// Part of a bridge or bond, which has the address instead.
    pub member: bool,
    /// Link speed in Mbit/s, where the driver knows.
    pub speed: Option<u32>,
    /// Frames received since it was made.
    pub rx_packets: u64,
}

/// Every interface, by name.
pub fn list() -> Vec<Interface> {
    let mut all: Vec<Interface> =
        pnet_datalink::interfaces().iter().map(|raw| describe(raw, Path::new("/sys/class/net"))).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// Frames an interface has received; asked for twice, this is its rate.
pub fn rx_packets(name: &str) -> Option<u64> {
    fs::read_to_string(Path::new("/sys/class/net").join(name).join("statistics/rx_packets"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

fn describe(raw: &pnet_datalink::NetworkInterface, sys: &Path) -> Interface {
    let sys = sys.join(&raw.name);
    let number = |file: &str| fs::read_to_string(sys.join(file)).ok()?.trim().parse::<i64>().ok();
    Interface {
        name: raw.name.clone(),
        mac: raw.mac.map_or(MacAddr::NONE, |mac| MacAddr(mac.octets())),
        addresses: raw.ips.iter().map(|net| (Ip::from(net.ip()), net.prefix())).collect(),
        up: raw.is_up(),
        carrier: number("carrier") == Some(1),
        loopback: raw.is_loopback(),
        wireless: sys.join("wireless").exists() || sys.join("phy80211").exists(),
        hardware: sys.join("device").exists(),
        member: sys.join("master").exists(),
        speed: number("speed").and_then(|mbit| u32::try_from(mbit).ok()).filter(|mbit| *mbit > 0),
        rx_packets: number("statistics/rx_packets").and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
    }
}

/// The interface that the default route goes through: IPv4 first, then IPv6. Asked below `self`, which the unit's
/// ProcSubset=pid leaves in sight.
pub fn default_route() -> Option<String> {
    let v4 = fs::read_to_string("/proc/self/net/route").unwrap_or_default();
    let v6 = fs::read_to_string("/proc/self/net/ipv6_route").unwrap_or_default();
    route_v4(&v4).or_else(|| route_v6(&v6))
}

/// Reads `/proc/net/route`: `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, numbers in hexadecimal but the
/// metric.
fn route_v4(table: &str) -> Option<String> {
    let default = |line: &str| {
        let f: Vec<&str> = line.split_whitespace().collect();
        let usable = u32::from_str_radix(f.get(3)?, 16).ok()? & u32::from(libc::RTF_UP) != 0;
        let all = f.get(1)? == f.get(7)? && *f.get(1)? == "00000000";
        (usable && all).then_some((f.get(6)?.parse::<u32>().ok()?, f[0].to_owned()))
    };
    table.lines().skip(1).filter_map(default).min().map(|(_, name)| name)
}

/// Reads `/proc/net/ipv6_route`: destination, its length, source, its length, next hop, metric, references, use,
/// flags, interface; all in hexadecimal.
fn route_v6(table: &str) -> Option<String> {
    const REJECT: u32 = 0x0200;
    let default = |line: &str| {
        let f: Vec<&str> = line.split_whitespace().collect();
        let name = *f.get(9)?;
        let all = f[1] == "00" && f[0].bytes().all(|b| b == b'0');
        let usable = u32::from_str_radix(f[8], 16).ok()? & REJECT == 0 && name != "lo";
        (usable && all).then_some((u32::from_str_radix(f[5], 16).ok()?, name.to_owned()))
    };
    table.lines().filter_map(default).min().map(|(_, name)| name)
}

/// The interface to capture on, and why, in words. Never loopback.
///
/// A wired one with carrier and without an address while the default route goes elsewhere: a second cable that nobody
/// can talk over comes from a mirror port. Else the one the default route goes through; else a wired one with
/// carrier, then Wi-Fi, then what has no hardware (bridges, tunnels, containers' pairs); among equals the one with
/// most traffic.
pub fn choose(all: &[Interface], default_route: Option<&str>) -> Option<(String, String)> {
    let working = |i: &&Interface| i.up && !i.loopback;
    let silent = |i: &Interface| i.addresses.iter().all(|(ip, _)| ip.is_link_local());
    let mirror = |i: &&Interface| i.carrier && kind_rank(i) == 2 && !i.member && silent(i);
    let routed = all.iter().filter(working).find(|i| Some(i.name.as_str()) == default_route);
    let mirrors =
        all.iter().filter(working).filter(mirror).filter(|i| Some(i.name.as_str()) != default_route);
    if let (Some(_), Some(i)) = (routed, mirrors.max_by_key(|i| i.rx_packets)) {
        return Some((i.name.clone(), "it has a cable and no address: a mirror port".into()));
    }
    if let Some(i) = routed {
        return Some((i.name.clone(), "the default route goes through it".into()));
    }
    let rank = |i: &&Interface| (i.carrier, kind_rank(i), i.rx_packets);
    let best = all.iter().filter(working).max_by_key(rank)?;
    let kind = match kind_rank(best) {
        2 => "the wired interface",
        1 => "the Wi-Fi interface",
        _ => "an interface without hardware, there being no other",
    };
    let carrier = if best.carrier { "with carrier and most traffic" } else { "though it has no carrier yet" };
    Some((best.name.clone(), format!("no default route; {kind} {carrier}")))
}

fn kind_rank(i: &Interface) -> u8 {
    const VIRTUAL: [&str; 9] = ["veth", "docker", "br-", "virbr", "cni", "flannel", "tun", "tap", "wg"];
    let made_up = VIRTUAL.iter().any(|prefix| i.name.starts_with(prefix)) || !i.hardware;
    if made_up { 0 } else { 2 - u8::from(i.wireless) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Ip {
        text.parse::<std::net::IpAddr>().expect("an address").into()
    }

    fn interface(name: &str, hardware: bool, carrier: bool, rx_packets: u64) -> Interface {
        let (name, wireless) = (name.to_owned(), name.starts_with("wl"));
        let loopback = name == "lo";
        Interface {
            name,
            hardware,
            carrier,
            rx_packets,
            wireless,
            loopback,
            up: true,
            addresses: vec![(address("10.0.0.9"), 24)],
            ..Interface::default()
        }
    }

    fn chosen(all: &[Interface], route: Option<&str>) -> String {
        choose(all, route).map(|(name, _)| name).unwrap_or_default()
    }

    #[test]
    fn the_default_route_decides_and_its_absence_leaves_the_busiest_cable() {
        let mut all = [
            interface("lo", false, true, 9_999_999),
            interface("docker0", false, true, 999_999),
            interface("veth12", false, true, 99_999),
            interface("wlan0", true, true, 50_000),
            interface("eth0", true, true, 10),
            interface("eth1", true, true, 20),
            interface("eth2", true, false, 30),
        ];
        assert_eq!(chosen(&all, Some("wlan0")), "wlan0");
        assert_eq!(chosen(&all, None), "eth1");
        all[5].up = false;
        assert_eq!(chosen(&all, Some("eth1")), "eth0");
        assert_eq!(chosen(&all[..4], None), "wlan0");
        assert_eq!(chosen(&all[..3], None), "docker0");
        assert_eq!(chosen(&all[..1], None), "");
    }

    #[test]
    fn a_second_cable_without_an_address_is_a_mirror_port() {
        let mut all = [
            interface("eth0", true, true, 10_000),
            interface("eth1", true, true, 5),
            interface("eth2", true, false, 0),
            interface("wlan0", true, true, 50),
        ];
        all[1].addresses = vec![(address("fe80::1"), 64)];
        all[2].addresses.clear();
        assert_eq!(chosen(&all, Some("eth0")), "eth1");
        assert_eq!(chosen(&all, Some("wlan0")), "eth1");
        // Before there is a way out, nobody knows which cable is which.
        assert_eq!(chosen(&all, None), "eth0");
        all[1].member = true;
        assert_eq!(chosen(&all, Some("eth0")), "eth0", "a bridge's port has no address either");
        all[1].member = false;
        all[1].carrier = false;
        assert_eq!(chosen(&all, Some("eth0")), "eth0");
    }

    #[test]
    fn default_routes_are_found_in_the_kernels_tables() {
        let v4 = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
            eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
            eth1\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        assert_eq!(route_v4(v4).as_deref(), Some("eth0"));
        assert_eq!(route_v4("Iface\nbroken line"), None);
        let zero = "0".repeat(32);
        let v6 = format!(
            "fe80{zeros} 40 {zero} 00 {zero} 00000100 1 0 00000001 eth0\n\
             {zero} 00 {zero} 00 {gateway} 00000400 1 0 00000003 eth1\n\
             {zero} 00 {zero} 00 {zero} ffffffff 1 0 00200200 lo\n",
            zeros = "0".repeat(28),
            gateway = format_args!("fe80{}1", "0".repeat(27)),
        );
        assert_eq!(route_v6(&v6).as_deref(), Some("eth1"));
    }

    #[test]
    fn this_machines_loopback_is_listed() {
        let all = list();
        let lo = all.iter().find(|i| i.loopback).expect("a loopback interface");
        assert!(lo.mac.is_none() && !lo.hardware);
    }
}
