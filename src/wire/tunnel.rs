//! Tunnels that are seen through: GRE (RFC 2784, 2890) with ERSPAN and transparent Ethernet, VXLAN (RFC 7348), IP in
//! IP and 6in4.

use super::ip::{self, protocol};
use super::link::{self as link_layer, ethertype};
use super::{Body, Link, Packet, Transport};

/// How many tunnels inside one another are followed.
pub const MAX_DEPTH: u8 = 3;

/// Destination port of VXLAN.
const VXLAN_PORT: u16 = 4789;

/// The IP packet inside `outer`, itself met at `depth`, behind the same link. `None` when `outer` is no tunnel, carries
/// something else, is malformed or too deep: then the outer packet stands.
#[inline]
pub(super) fn inner<'a>(link: Link, outer: &Transport<'a>, depth: u8) -> Option<Packet<'a>> {
    match outer {
        Transport::Other(protocol::IPV4 | protocol::IPV6 | protocol::GRE, _) => enter(link, outer, depth),
        Transport::Udp(datagram) if datagram.dst_port == VXLAN_PORT => enter(link, outer, depth),
        _ => None,
    }
}

#[cold]
fn enter<'a>(link: Link, outer: &Transport<'a>, depth: u8) -> Option<Packet<'a>> {
    let depth = depth + 1;
    match *outer {
        _ if depth > MAX_DEPTH => None,
        Transport::Other(protocol::IPV4, payload) => ip::v4(link, payload, depth).ok(),
        Transport::Other(protocol::IPV6, payload) => ip::v6(link, payload, depth).ok(),
        Transport::Other(protocol::GRE, payload) => gre(link, payload, depth),
        Transport::Udp(datagram) => vxlan(link, datagram.payload, depth),
        _ => None,
    }
}

/// The IP packet in an Ethernet frame that a tunnel carries. Stations and VLAN stay those of `link`.
pub(super) fn ethernet<'a>(link: Link, carried: &'a [u8], depth: u8) -> Option<Packet<'a>> {
    let (h, rest) = carried.split_first_chunk::<14>()?;
    network(link, u16::from_be_bytes([h[12], h[13]]), rest, depth)
}

fn network<'a>(link: Link, kind: u16, rest: &'a [u8], depth: u8) -> Option<Packet<'a>> {
    let packet = link_layer::network(link, kind, rest, depth).ok()?;
    matches!(packet.body, Body::Ip(_)).then_some(Packet { vlan: link.vlan, ..packet })
}

/// GRE version 0. Version 1 (PPTP) carries PPP, mostly encrypted; source routing (RFC 1701) is extinct.
fn gre<'a>(link: Link, payload: &'a [u8], depth: u8) -> Option<Packet<'a>> {
    const CHECKSUM: u16 = 0x8000;
    const ROUTING: u16 = 0x4000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    const VERSION: u16 = 0x0007;
    const ERSPAN_II: u16 = 0x88be;
    const ERSPAN_III: u16 = 0x22eb;
    let ([a, b, c, d], rest) = payload.split_first_chunk()?;
    let flags = u16::from_be_bytes([*a, *b]);
    if flags & (VERSION | ROUTING) != 0 {
        return None;
    }
    let options = 4 * (flags & (CHECKSUM | KEY | SEQUENCE)).count_ones() as usize;
    let rest = rest.get(options..)?;
    match u16::from_be_bytes([*c, *d]) {
        ethertype::TRANSPARENT_ETHERNET => ethernet(link, rest, depth),
        // ERSPAN type I has neither a sequence number nor a header of its own.
        ERSPAN_II if flags & SEQUENCE == 0 => ethernet(link, rest, depth),
        ERSPAN_II => ethernet(link, rest.get(8..)?, depth),
        ERSPAN_III => {
            let platform_part = if rest.get(11)? & 1 != 0 { 8 } else { 0 };
            ethernet(link, rest.get(12 + platform_part..)?, depth)
        }
        kind => network(link, kind, rest, depth),
    }
}

/// VXLAN: the I flag says that the network identifier is valid; the last byte is reserved and zero.
fn vxlan<'a>(link: Link, payload: &'a [u8], depth: u8) -> Option<Packet<'a>> {
    let (h, carried) = payload.split_first_chunk::<8>()?;
    if h[0] & 0x08 == 0 || h[7] != 0 {
        return None;
    }
    ethernet(link, carried, depth)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Ip;
    use crate::wire::ip::IpPacket;
    use etherparse::PacketBuilder;

    fn inner_v4() -> Vec<u8> {
        let mut out = Vec::new();
        PacketBuilder::ipv4([10, 9, 9, 1], [10, 9, 9, 2], 64)
            .tcp(1234, 80, 1, 512)
            .write(&mut out, b"x")
            .unwrap();
        out
    }

    fn inner_v6() -> Vec<u8> {
        let mut out = Vec::new();
        PacketBuilder::ipv6([1; 16], [2; 16], 64).tcp(1234, 80, 1, 512).write(&mut out, b"x").unwrap();
        out
    }

    fn inner_ethernet() -> Vec<u8> {
        [&[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x08, 0][..], &inner_v4()].concat()
    }

    fn over(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut h = vec![0x45, 0];
        h.extend_from_slice(&(payload.len() as u16 + 20).to_be_bytes());
        h.extend_from_slice(&[0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        h.extend_from_slice(payload);
        h
    }

    fn over_vxlan(flags: u8, inner: &[u8]) -> Vec<u8> {
        let mut udp = vec![0xc0, 0, 0x12, 0xb5];
        udp.extend_from_slice(&(inner.len() as u16 + 16).to_be_bytes());
        udp.extend_from_slice(&[0, 0, flags, 0, 0, 0, 0, 0, 42, 0]);
        udp.extend_from_slice(inner);
        over(protocol::UDP, &udp)
    }

    #[track_caller]
    fn packet(bytes: &[u8]) -> IpPacket<'_> {
        match ip::either(Link::default(), bytes, 0).unwrap().body {
            Body::Ip(ip) => ip,
            body => panic!("{body:?}"),
        }
    }

    /// Depth reached, and whether it ended at the innermost TCP segment.
    #[track_caller]
    fn seen(bytes: &[u8]) -> (u8, bool) {
        let p = packet(bytes);
        (p.depth, matches!(p.transport, Transport::Tcp(t) if t.dst_port == 80 && t.payload == b"x"))
    }

    #[test]
    fn ip_in_ip_and_6in4_show_the_inner_hosts() {
        assert_eq!(seen(&over(protocol::IPV4, &inner_v4())), (1, true));
        let bytes = over(protocol::IPV6, &inner_v6());
        assert_eq!(seen(&bytes), (1, true));
        let p = packet(&bytes);
        assert_eq!((p.src, p.len), (Ip::v6([1; 16]), inner_v6().len() as u32));
    }

    #[test]
    fn gre_is_entered_whatever_its_optional_fields() {
        for (flags, options) in [(0x00, 0), (0x80, 4), (0x20, 4), (0x10, 4), (0xb0, 12)] {
            let header = |kind: [u8; 2]| [&[flags, 0, kind[0], kind[1]][..], &vec![0; options]].concat();
            assert_eq!(seen(&over(protocol::GRE, &[header([8, 0]), inner_v4()].concat())), (1, true));
            assert_eq!(seen(&over(protocol::GRE, &[header([0x86, 0xdd]), inner_v6()].concat())), (1, true));
            let bridged = [header([0x65, 0x58]), inner_ethernet()].concat();
            assert_eq!(seen(&over(protocol::GRE, &bridged)), (1, true));
        }
    }

    #[test]
    fn mirrored_traffic_in_erspan_is_read() {
        let one = [&[0, 0, 0x88, 0xbe][..], &inner_ethernet()].concat();
        let two = [&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1][..], &[0x10; 8], &inner_ethernet()].concat();
        let three =
            [&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1][..], &[0x20; 11], &[1], &[0; 8], &inner_ethernet()].concat();
        for payload in [one, two, three] {
            assert_eq!(seen(&over(protocol::GRE, &payload)), (1, true));
        }
    }

    #[test]
    fn pptp_stays_gre() {
        let bytes = over(protocol::GRE, &[0x30, 0x01, 0x88, 0x0b, 0, 4, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4]);
        let p = packet(&bytes);
        assert!(matches!(p.transport, Transport::Other(protocol::GRE, _)) && p.depth == 0);
    }

    #[test]
    fn vxlan_is_entered_only_with_a_valid_identifier_and_inner_frame() {
        assert_eq!(seen(&over_vxlan(0x08, &inner_ethernet())), (1, true));
        for (flags, inner) in [(0x00, inner_ethernet()), (0x08, vec![0xee; 60])] {
            let bytes = over_vxlan(flags, &inner);
            let p = packet(&bytes);
            assert!(matches!(p.transport, Transport::Udp(d) if d.dst_port == VXLAN_PORT), "{p:?}");
            assert_eq!(p.depth, 0);
        }
    }

    #[test]
    fn tunnels_are_followed_no_deeper_than_the_limit() {
        let mut bytes = inner_v4();
        for level in 1..=10u8 {
            bytes = over(protocol::IPV4, &bytes);
            let innermost = level <= MAX_DEPTH;
            assert_eq!(seen(&bytes), (level.min(MAX_DEPTH), innermost), "{level} tunnels");
        }
    }
}
