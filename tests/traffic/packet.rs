//! Frames layer by layer, checksums right: Ethernet, VLAN (802.1Q), ARP (RFC 826), IPv4 (RFC 791), IPv6 (RFC 8200),
//! UDP, TCP (RFC 9293), ICMP (RFC 792), ICMPv6 (RFC 4443), neighbour discovery (RFC 4861).

use super::trace::Trace;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An Ethernet address.
pub type Mac = [u8; 6];

/// All stations.
pub const BROADCAST: Mac = [0xff; 6];

/// A host as the sensor sees it: behind a router, `mac` is the router's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// Station that sends and takes its frames.
    pub mac: Mac,
    /// Address.
    pub ip: IpAddr,
    /// Hop limit of what it sends, as it passes the sensor.
    pub ttl: u8,
}

/// A host and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl Host {
    /// A host on the LAN.
    pub fn new(mac: Mac, ip: impl Into<IpAddr>) -> Host {
        Host { mac, ip: ip.into(), ttl: 64 }
    }
    /// The same station under another address.
    pub fn with_ip(self, ip: impl Into<IpAddr>) -> Host {
        Host { ip: ip.into(), ..self }
    }
    /// A port of it.
    pub fn port(self, port: u16) -> End {
        End { host: self, port }
    }
    /// The IPv4 address; a scenario that asks an IPv6 host for it is wrong.
    pub fn v4(self) -> Ipv4Addr {
        match self.ip {
            IpAddr::V4(ip) => ip,
            IpAddr::V6(ip) => panic!("{ip} is not IPv4"),
        }
    }
    /// The IPv6 address; a scenario that asks an IPv4 host for it is wrong.
    pub fn v6(self) -> Ipv6Addr {
        match self.ip {
            IpAddr::V6(ip) => ip,
            IpAddr::V4(ip) => panic!("{ip} is not IPv6"),
        }
    }
}

/// A multicast group (or the limited broadcast) as a destination.
pub fn group(ip: &str) -> Host {
    let ip: IpAddr = ip.parse().expect("a group address written in a scenario");
    let mac = match ip {
        IpAddr::V4(v4) if v4.is_broadcast() => BROADCAST,
        IpAddr::V4(v4) => {
            let [_, b, c, d] = v4.octets();
            [0x01, 0x00, 0x5e, b & 0x7f, c, d]
        }
        IpAddr::V6(v6) => {
            let o = v6.octets();
            [0x33, 0x33, o[12], o[13], o[14], o[15]]
        }
    };
    Host { mac, ip, ttl: 1 }
}

/// TCP control bits.
pub mod flag {
    pub const FIN: u8 = 1;
    pub const SYN: u8 = 2;
    pub const RST: u8 = 4;
    pub const PSH: u8 = 8;
    pub const ACK: u8 = 16;
    pub const URG: u8 = 32;
}

/// A TCP segment's own fields.
#[derive(Clone, Copy, Debug, Default)]
pub struct Segment<'a> {
    /// Control bits.
    pub flags: u8,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Options, a multiple of four bytes.
    pub options: &'a [u8],
    /// Data.
    pub data: &'a [u8],
    /// Zero bytes of data after `data`.
    pub zeros: usize,
}

/// The Internet checksum (RFC 1071) of `parts` laid end to end; all but the last of even length.
pub fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The sum of a transport segment with its pseudo-header; `len` counts bytes that follow `segment` as zeros too.
fn transport_sum(from: IpAddr, to: IpAddr, proto: u8, segment: &[u8], len: usize) -> u16 {
    let tail = (len as u32).to_be_bytes();
    let proto = [0, 0, 0, proto];
    match (from, to) {
        (IpAddr::V4(a), IpAddr::V4(b)) => checksum(&[&a.octets(), &b.octets(), &proto, &tail, segment]),
        (IpAddr::V6(a), IpAddr::V6(b)) => checksum(&[&a.octets(), &b.octets(), &tail, &proto, segment]),
        _ => panic!("a packet from {from} to {to}"),
    }
}

/// An IP packet without link layer; `zeros` more bytes are to follow `payload`.
pub fn ip(from: Host, to: Host, proto: u8, ident: u16, payload: &[u8], zeros: usize) -> Vec<u8> {
    let len = payload.len() + zeros;
    let mut p = Vec::with_capacity(40 + payload.len());
    match (from.ip, to.ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            p.extend([0x45, 0]);
            p.extend(((len + 20) as u16).to_be_bytes());
            p.extend(ident.to_be_bytes());
            p.extend([0x40, 0, from.ttl, proto, 0, 0]);
            p.extend(a.octets());
            p.extend(b.octets());
            let sum = checksum(&[&p]);
            p[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            p.extend([0x60, 0, 0, 0]);
            p.extend((len as u16).to_be_bytes());
            p.extend([proto, from.ttl]);
            p.extend(a.octets());
            p.extend(b.octets());
        }
        (a, b) => panic!("a packet from {a} to {b}"),
    }
    p.extend(payload);
    p
}

/// A TCP segment with its checksum.
pub fn tcp(from: End, to: End, s: &Segment) -> Vec<u8> {
    let mut t = Vec::with_capacity(20 + s.options.len() + s.data.len());
    t.extend(from.port.to_be_bytes());
    t.extend(to.port.to_be_bytes());
    t.extend(s.seq.to_be_bytes());
    t.extend(s.ack.to_be_bytes());
    t.extend([(5 + s.options.len() as u8 / 4) << 4, s.flags, 0xfa, 0xf0, 0, 0, 0, 0]);
    t.extend(s.options);
    t.extend(s.data);
    let sum = transport_sum(from.host.ip, to.host.ip, 6, &t, t.len() + s.zeros);
    t[16..18].copy_from_slice(&sum.to_be_bytes());
    t
}

/// A UDP datagram with its checksum.
pub fn udp(from: End, to: End, data: &[u8]) -> Vec<u8> {
    let mut u = Vec::with_capacity(8 + data.len());
    u.extend(from.port.to_be_bytes());
    u.extend(to.port.to_be_bytes());
    u.extend(((8 + data.len()) as u16).to_be_bytes());
    u.extend([0, 0]);
    u.extend(data);
    let sum = match transport_sum(from.host.ip, to.host.ip, 17, &u, u.len()) {
        0 => 0xffff,
        sum => sum,
    };
    u[6..8].copy_from_slice(&sum.to_be_bytes());
    u
}

/// An ICMP or ICMPv6 message, after the hosts' family, with its checksum; `rest` is the four bytes after it.
pub fn icmp(from: Host, to: Host, (kind, code): (u8, u8), rest: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut m = vec![kind, code, 0, 0];
    m.extend(rest);
    m.extend(data);
    let sum = match from.ip {
        IpAddr::V4(_) => checksum(&[&m]),
        IpAddr::V6(_) => transport_sum(from.ip, to.ip, 58, &m, m.len()),
    };
    m[2..4].copy_from_slice(&sum.to_be_bytes());
    m
}

/// What an ARP message says.
#[derive(Clone, Copy, Debug)]
pub struct Arp {
    /// 1 asks, 2 answers.
    pub operation: u16,
    /// Sender's station.
    pub sender_mac: Mac,
    /// Sender's address.
    pub sender_ip: Ipv4Addr,
    /// Target's station.
    pub target_mac: Mac,
    /// Target's address.
    pub target_ip: Ipv4Addr,
}

impl Trace {
    /// Adds an Ethernet frame.
    pub fn ethernet(&mut self, at: i64, from: Mac, to: Mac, ethertype: u16, payload: &[u8], zeros: usize) {
        let mut frame = Vec::with_capacity(18 + payload.len());
        frame.extend(to);
        frame.extend(from);
        if let Some(vlan) = self.vlan {
            frame.extend([0x81, 0]);
            frame.extend(vlan.to_be_bytes());
        }
        frame.extend(ethertype.to_be_bytes());
        frame.extend(payload);
        self.push(at, frame, zeros);
    }

    /// Adds an IP packet.
    pub fn ip(&mut self, at: i64, from: Host, to: Host, proto: u8, payload: &[u8], zeros: usize) {
        let packet = ip(from, to, proto, self.ident, payload, zeros);
        self.ident = self.ident.wrapping_add(1);
        let ethertype = if from.ip.is_ipv4() { 0x0800 } else { 0x86dd };
        self.ethernet(at, from.mac, to.mac, ethertype, &packet, zeros);
    }

    /// Adds a TCP segment.
    pub fn tcp(&mut self, at: i64, from: End, to: End, segment: Segment) {
        let has_data = !segment.data.is_empty() || segment.zeros > 0;
        if has_data && self.lose_one_in != 0 && self.rng.below(self.lose_one_in) == 0 {
            return;
        }
        self.ip(at, from.host, to.host, 6, &tcp(from, to, &segment), segment.zeros);
    }

    /// Adds a UDP datagram.
    pub fn udp(&mut self, at: i64, from: End, to: End, data: &[u8]) {
        self.ip(at, from.host, to.host, 17, &udp(from, to, data), 0);
    }

    /// Adds one part of a UDP datagram: its identification, its offset in bytes and whether more follow.
    pub fn fragment(
        &mut self,
        at: i64,
        from: Host,
        to: Host,
        (id, offset, more): (u32, u16, bool),
        data: &[u8],
    ) {
        let mut part = Vec::new();
        if from.ip.is_ipv6() {
            part.extend([17, 0]);
            part.extend((offset | u16::from(more)).to_be_bytes());
            part.extend(id.to_be_bytes());
        }
        part.extend(data);
        let proto = if from.ip.is_ipv6() { 44 } else { 17 };
        let mut packet = ip(from, to, proto, id as u16, &part, 0);
        if from.ip.is_ipv4() {
            packet[6..8].copy_from_slice(&((offset / 8) | (u16::from(more) << 13)).to_be_bytes());
            packet[10..12].fill(0);
            let sum = checksum(&[&packet[..20]]);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        let ethertype = if from.ip.is_ipv4() { 0x0800 } else { 0x86dd };
        self.ethernet(at, from.mac, to.mac, ethertype, &packet, 0);
    }

    /// Adds an IPv6 router advertisement to all: lifetime in seconds, and the prefix it hands out.
    pub fn advertise(&mut self, at: i64, router: Host, lifetime: u16, prefix: Option<Ipv6Addr>) {
        let mut data = vec![0; 8];
        data.extend([1, 1]);
        data.extend(router.mac);
        if let Some(prefix) = prefix {
            data.extend([3, 4, 64, 0xc0, 0, 1, 0x51, 0x80, 0, 0, 0x38, 0x40, 0, 0, 0, 0]);
            data.extend(prefix.octets());
        }
        let [high, low] = lifetime.to_be_bytes();
        let from = Host { ttl: 255, ..router };
        self.icmp(at, from, group("ff02::1"), (134, 0), [64, 0, high, low], &data);
    }

    /// Adds a redirect in the name of `router`, in a frame of station `from`: traffic of `victim` to `target` should go
    /// through `hop`.
    pub fn redirect(&mut self, at: i64, from: Mac, router: Host, victim: Host, target: Host, hop: Host) {
        let router = Host { mac: from, ttl: 255, ..router };
        match (hop.ip, target.ip) {
            (IpAddr::V4(next), IpAddr::V4(_)) => {
                let original = ip(
                    victim,
                    target,
                    17,
                    self.ident,
                    &udp(victim.port(4_000), target.port(53), &[0; 12]),
                    0,
                );
                self.icmp(at, router, victim, (5, 1), next.octets(), &original);
            }
            (IpAddr::V6(next), IpAddr::V6(goal)) => {
                let data = [next.octets(), goal.octets()].concat();
                self.icmp(at, router, victim, (137, 0), [0; 4], &data);
            }
            (a, b) => panic!("a redirect of {b} to {a}"),
        }
    }

    /// Adds an ICMP or ICMPv6 message.
    pub fn icmp(&mut self, at: i64, from: Host, to: Host, kind: (u8, u8), rest: [u8; 4], data: &[u8]) {
        let proto = if from.ip.is_ipv4() { 1 } else { 58 };
        self.ip(at, from, to, proto, &icmp(from, to, kind, rest, data), 0);
    }

    /// Adds an echo request with the 56 bytes that ping sends.
    pub fn ping(&mut self, at: i64, from: Host, to: Host, sequence: u16) {
        self.echo(at, from, to, sequence, [8, 128]);
    }

    /// Adds the reply to [`Trace::ping`].
    pub fn pong(&mut self, at: i64, from: Host, to: Host, sequence: u16) {
        self.echo(at, from, to, sequence, [0, 129]);
    }

    fn echo(&mut self, at: i64, from: Host, to: Host, sequence: u16, kinds: [u8; 2]) {
        let [high, low] = sequence.to_be_bytes();
        let data: Vec<u8> = (0..56).collect();
        let kind = kinds[usize::from(from.ip.is_ipv6())];
        self.icmp(at, from, to, (kind, 0), [0x4e, 0x4d, high, low], &data);
    }

    /// Adds an ICMP error from `router` to `to` about a UDP datagram that `to` sent to `target`.
    pub fn udp_error(&mut self, at: i64, router: Host, kind: u8, code: u8, to: End, target: End) {
        let original = ip(to.host, target.host, 17, self.ident, &udp(to, target, &[0; 12]), 0);
        self.icmp(at, router, to.host, (kind, code), [0; 4], &original);
    }

    /// Adds an ARP message in a frame from `from` to `to`.
    pub fn arp_frame(&mut self, at: i64, from: Mac, to: Mac, arp: Arp) {
        let mut m = vec![0, 1, 8, 0, 6, 4];
        m.extend(arp.operation.to_be_bytes());
        m.extend(arp.sender_mac);
        m.extend(arp.sender_ip.octets());
        m.extend(arp.target_mac);
        m.extend(arp.target_ip.octets());
        self.ethernet(at, from, to, 0x0806, &m, 0);
    }

    /// Adds "who has `target`", from `from` to all.
    pub fn arp_ask(&mut self, at: i64, from: Host, target: Ipv4Addr) {
        let arp = Arp {
            operation: 1,
            sender_mac: from.mac,
            sender_ip: from.v4(),
            target_mac: [0; 6],
            target_ip: target,
        };
        self.arp_frame(at, from.mac, BROADCAST, arp);
    }

    /// Adds "`ip` is at `mac`", from station `mac` to `to`.
    pub fn arp_claim(&mut self, at: i64, mac: Mac, ip: Ipv4Addr, to: Host) {
        let arp =
            Arp { operation: 2, sender_mac: mac, sender_ip: ip, target_mac: to.mac, target_ip: to.v4() };
        self.arp_frame(at, mac, to.mac, arp);
    }

    /// Adds a question and its answer: `from` looks for `target`.
    pub fn arp(&mut self, at: i64, from: Host, target: Host) {
        self.arp_ask(at, from, target.v4());
        self.arp_claim(at + 300, target.mac, target.v4(), from);
    }

    /// Adds a gratuitous announcement of `host` to all.
    pub fn arp_announce(&mut self, at: i64, host: Host) {
        self.arp_ask(at, host, host.v4());
    }

    /// Adds a neighbour advertisement: `claimed` is at station `from.mac`. `flags`: 0x80 router, 0x40 solicited, 0x20
    /// override.
    pub fn neighbor(&mut self, at: i64, from: Host, to: Host, claimed: Ipv6Addr, flags: u8) {
        let mut data = claimed.octets().to_vec();
        data.extend([2, 1]);
        data.extend(from.mac);
        let from = Host { ttl: 255, ..from };
        self.icmp(at, from, to, (136, 0), [flags, 0, 0, 0], &data);
    }

    /// Adds a neighbour solicitation for `target`.
    pub fn neighbor_ask(&mut self, at: i64, from: Host, target: Ipv6Addr) {
        let o = target.octets();
        let to = group(&format!("ff02::1:ff{:02x}:{:02x}{:02x}", o[13], o[14], o[15]));
        let mut data = o.to_vec();
        data.extend([1, 1]);
        data.extend(from.mac);
        let from = Host { ttl: 255, ..from };
        self.icmp(at, from, to, (135, 0), [0; 4], &data);
    }
}
