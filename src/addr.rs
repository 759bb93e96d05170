//! Addresses: MAC, IP and prefix as small copyable values, and the set of prefixes that counts as "inside".

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

pub mod vendor;

/// An Ethernet address. All zero means "none seen" (raw IP links have no MAC).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// No address: the link carries none, or none was seen.
    pub const NONE: MacAddr = MacAddr([0; 6]);
    /// ff:ff:ff:ff:ff:ff
    pub const BROADCAST: MacAddr = MacAddr([0xff; 6]);

    /// Whether this is a real station's address: set, and not a group address.
    pub const fn is_station(self) -> bool {
        !self.is_none() && !self.is_group()
    }
    /// Whether no address is known.
    pub const fn is_none(self) -> bool {
        u64_of(self.0) == 0
    }
    /// Group bit: multicast or broadcast.
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }
    /// Locally administered bit: made up by software, as phones' private addresses are.
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 != 0
    }
    /// The address in the low 48 bits.
    pub const fn as_u64(self) -> u64 {
        u64_of(self.0)
    }
}

const fn u64_of(b: [u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, b[0], b[1], b[2], b[3], b[4], b[5]])
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddr {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a MAC address such as 02:00:00:aa:bb:cc");
        let mut bytes = [0u8; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut bytes {
            let part = parts.next().filter(|p| p.len() == 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
        }
        if parts.next().is_some() { Err(wrong()) } else { Ok(MacAddr(bytes)) }
    }
}

/// An IPv4 or IPv6 address in 128 bits; IPv4 as `::ffff:a.b.c.d`, so one key type serves every table.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ip(u128);

const V4_MAPPED: u128 = 0xffff_0000_0000;

impl Ip {
    /// `::`, which no host owns.
    pub const UNSPECIFIED: Ip = Ip(0);

    /// From the four bytes of an IPv4 header.
    pub const fn v4(bytes: [u8; 4]) -> Ip {
        Ip(V4_MAPPED | u32::from_be_bytes(bytes) as u128)
    }
    /// From the sixteen bytes of an IPv6 header.
    pub const fn v6(bytes: [u8; 16]) -> Ip {
        Ip(u128::from_be_bytes(bytes))
    }
    /// The 128 bits, IPv4 mapped.
    pub const fn bits(self) -> u128 {
        self.0
    }
    /// From 128 bits, IPv4 mapped.
    pub const fn from_bits(bits: u128) -> Ip {
        Ip(bits)
    }
    /// Whether this is an IPv4 address.
    pub const fn is_v4(self) -> bool {
        self.0 >> 32 == V4_MAPPED >> 32
    }
    /// The IPv4 bits, when it is one.
    pub const fn v4_bits(self) -> Option<u32> {
        if self.is_v4() { Some(self.0 as u32) } else { None }
    }
    /// As the standard library's type.
    pub const fn std(self) -> IpAddr {
        match self.v4_bits() {
            Some(bits) => IpAddr::V4(Ipv4Addr::from_bits(bits)),
            None => IpAddr::V6(Ipv6Addr::from_bits(self.0)),
        }
    }
    /// 0.0.0.0 or ::
    pub const fn is_unspecified(self) -> bool {
        self.0 == 0 || self.0 == V4_MAPPED
    }
    /// 224.0.0.0/4 or ff00::/8
    pub const fn is_multicast(self) -> bool {
        match self.v4_bits() {
            Some(bits) => bits >> 28 == 0xe,
            None => self.0 >> 120 == 0xff,
        }
    }
    /// 255.255.255.255
    pub const fn is_limited_broadcast(self) -> bool {
        self.0 == V4_MAPPED | 0xffff_ffff
    }
    /// 127.0.0.0/8 or ::1
    pub const fn is_loopback(self) -> bool {
        match self.v4_bits() {
            Some(bits) => bits >> 24 == 127,
            None => self.0 == 1,
        }
    }
    /// 169.254.0.0/16 or fe80::/10
    pub const fn is_link_local(self) -> bool {
        match self.v4_bits() {
            Some(bits) => bits >> 16 == 0xa9fe,
            None => self.0 >> 118 == 0xfe80 >> 6,
        }
    }
    /// Whether one host can own it: not unspecified, multicast or limited broadcast.
    pub const fn is_unicast(self) -> bool {
        !self.is_unspecified() && !self.is_multicast() && !self.is_limited_broadcast()
    }
}

impl From<IpAddr> for Ip {
    fn from(ip: IpAddr) -> Ip {
        match ip {
            IpAddr::V4(v4) => Ip::v4(v4.octets()),
            IpAddr::V6(v6) => Ip::v6(v6.octets()),
        }
    }
}

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.std(), f)
    }
}

impl fmt::Debug for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Ip {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed: Result<IpAddr, _> = text.parse();
        parsed.map(Ip::from).map_err(|_| format!("{text:?} is not an IP address"))
    }
}

/// An IP prefix, IPv4 mapped (`10.0.0.0/8` has 104 bits).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    bits: u128,
    len: u8,
}

impl Prefix {
    /// The prefix of `ip` with `len` bits of its own family; `None` when `len` is too long. Host bits are cleared.
    pub fn new(ip: Ip, len: u8) -> Option<Prefix> {
        let len = if ip.is_v4() { (len <= 32).then(|| len + 96)? } else { (len <= 128).then_some(len)? };
        Some(Prefix { bits: ip.bits() & mask(len), len })
    }
    /// Whether `ip` lies inside.
    pub const fn contains(&self, ip: Ip) -> bool {
        ip.bits() & mask(self.len) == self.bits
    }
    /// First address, as mapped bits.
    pub const fn first(&self) -> u128 {
        self.bits
    }
    /// Last address, as mapped bits.
    pub const fn last(&self) -> u128 {
        self.bits | !mask(self.len)
    }
    /// The last address of an IPv4 prefix shorter than /31: its directed broadcast.
    pub fn broadcast(&self) -> Option<Ip> {
        (Ip(self.bits).is_v4() && self.len < 127).then_some(Ip(self.last()))
    }
}

const fn mask(len: u8) -> u128 {
    if len == 0 { 0 } else { u128::MAX << (128 - len) }
}

impl FromStr for Prefix {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a network such as 192.168.1.0/24 or 2001:db8::/32");
        let (ip, len) = match text.split_once('/') {
            Some((ip, len)) => (ip.parse::<Ip>().map_err(|_| wrong())?, len.parse().map_err(|_| wrong())?),
            None => {
                let ip = text.parse::<Ip>().map_err(|_| wrong())?;
                (ip, if ip.is_v4() { 32 } else { 128 })
            }
        };
        Prefix::new(ip, len).ok_or_else(wrong)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ip = Ip(self.bits);
        write!(f, "{ip}/{}", if ip.is_v4() { self.len - 96 } else { self.len })
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text form in serde for a type that has `Display` and `FromStr`.
macro_rules! serde_as_text {
    ($($t:ty),*) => {$(
        impl Serialize for $t {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $t {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
serde_as_text!(MacAddr, Ip, Prefix);

/// The networks that count as inside: ours to protect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    prefixes: Vec<Prefix>,
    /// The IPv4 ones again, as network and mask: most questions are about IPv4, and this is asked of every new flow.
    v4: Vec<(u32, u32)>,
}

impl Inside {
    /// Private use, shared (CGN), link-local and unique-local ranges: RFC 1918, 6598, 3927, 4193, 4291.
    pub const DEFAULT: [&'static str; 8] = [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
    ];

    /// Inside is exactly `prefixes`.
    pub fn new(prefixes: Vec<Prefix>) -> Self {
        let mut inside = Inside { prefixes: Vec::new(), v4: Vec::new() };
        prefixes.into_iter().for_each(|prefix| inside.add(prefix));
        inside
    }

    /// Adds a network, such as the global IPv6 prefix the interface carries.
    pub fn add(&mut self, prefix: Prefix) {
        if !self.prefixes.contains(&prefix) {
            self.prefixes.push(prefix);
            if let Some(network) = Ip(prefix.bits).v4_bits().filter(|_| prefix.len >= 96) {
                self.v4.push((network, mask(prefix.len) as u32));
            }
        }
    }

    /// The networks, in the order given.
    pub fn prefixes(&self) -> &[Prefix] {
        &self.prefixes
    }

    /// Whether `ip` is inside. Multicast and broadcast count as inside: they do not leave the LAN.
    pub fn contains(&self, ip: Ip) -> bool {
        if !ip.is_unicast() {
            return true;
        }
        match ip.v4_bits() {
            Some(bits) => self.v4.iter().any(|(network, mask)| bits & mask == *network),
            None => self.prefixes.iter().any(|p| p.contains(ip)),
        }
    }
}

impl Default for Inside {
    fn default() -> Self {
        Inside::new(Self::DEFAULT.iter().map(|t| t.parse().expect("a prefix written above")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_text() {
        for text in ["10.1.2.3", "2001:db8::1", "::1", "255.255.255.255"] {
            assert_eq!(text.parse::<Ip>().expect(text).to_string(), text);
        }
        assert_eq!("02:00:00:AA:bb:cc".parse::<MacAddr>().expect("mac").to_string(), "02:00:00:aa:bb:cc");
        for bad in ["02:00", "02:00:00:aa:bb:cg", "02:00:00:aa:bb:cc:dd", "+2:00:00:aa:bb:cc0"] {
            assert!(bad.parse::<MacAddr>().is_err(), "{bad}");
        }
    }

    #[test]
    fn prefixes_clear_host_bits_and_keep_families_apart() {
        let p: Prefix = "192.168.1.77/24".parse().expect("prefix");
        assert_eq!(p.to_string(), "192.168.1.0/24");
        assert!(
            p.contains("192.168.1.255".parse().expect("ip"))
                && !p.contains("192.168.2.0".parse().expect("ip"))
        );
        let all6: Prefix = "::/0".parse().expect("prefix");
        assert!(all6.contains("2001:db8::1".parse().expect("ip")));
        assert!("10.0.0.0/33".parse::<Prefix>().is_err() && "x/8".parse::<Prefix>().is_err());
    }

    #[test]
    fn a_prefix_longer_than_its_address_is_refused_whatever_its_length() {
        for text in ["192.168.1.0/33", "192.168.1.0/240", "192.168.1.0/256", "2001:db8::/129"] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
    }

    #[test]
    fn private_ranges_are_inside_and_the_internet_is_not() {
        let inside = Inside::default();
        for text in
            ["10.9.9.9", "172.31.0.1", "192.168.0.1", "fe80::1", "fd00::1", "224.0.0.251", "255.255.255.255"]
        {
            assert!(inside.contains(text.parse().expect("ip")), "{text}");
        }
        for text in ["8.8.8.8", "172.32.0.1", "2a00::1"] {
            assert!(!inside.contains(text.parse().expect("ip")), "{text}");
        }
    }
}
