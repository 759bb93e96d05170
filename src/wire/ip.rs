//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers, extension headers and fragments. Checksums are not verified: offload
//! makes those of captured frames wrong.

use super::tunnel;
use super::{Body, Link, Packet, Transport, icmp, tcp, udp};
use crate::addr::Ip;
use crate::counters::Reject;

/// IP protocol numbers (IANA) that are read here.
pub mod protocol {
    #![allow(missing_docs)]
    pub const HOP_BY_HOP: u8 = 0;
    pub const ICMP: u8 = 1;
    pub const IPV4: u8 = 4;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const IPV6: u8 = 41;
    pub const ROUTING: u8 = 43;
    pub const FRAGMENT: u8 = 44;
    pub const GRE: u8 = 47;
    pub const AUTHENTICATION: u8 = 51;
    pub const ICMPV6: u8 = 58;
    pub const DESTINATION_OPTIONS: u8 = 60;
    pub const MOBILITY: u8 = 135;
    pub const HIP: u8 = 139;
    pub const SHIM6: u8 = 140;
}

/// Extension headers in one IPv6 packet. RFC 8200 section 4.1 recommends seven at most.
const MAX_EXTENSIONS: usize = 8;

/// The longest datagram that fragments can make.
const MAX_DATAGRAM: usize = 65_535;

/// An IP packet as far as the tables need it.
#[derive(Clone, Copy, Debug)]
pub struct IpPacket<'a> {
    /// Source address.
    pub src: Ip,
    /// Destination address.
    pub dst: Ip,
    /// TTL or hop limit.
    pub ttl: u8,
    /// The protocol above, after extension headers.
    pub protocol: u8,
    /// How many tunnels were seen through to get here; MAC addresses then belong to the tunnel, not to these hosts.
    pub depth: u8,
    /// Length on the wire in bytes, header included; for byte counts. The captured part may be shorter.
    pub len: u32,
    /// What it carries.
    pub transport: Transport<'a>,
}

/// One fragment of a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    /// Identification field.
    pub id: u32,
    /// The protocol of the whole datagram.
    pub protocol: u8,
    /// Offset of this part, in bytes.
    pub offset: u32,
    /// More fragments follow.
    pub more: bool,
    /// This part's captured bytes; fewer than `len` when the frame was cut.
    pub data: &'a [u8],
    /// This part's length on the wire.
    pub len: u32,
}

/// Reads an IP packet of either version, by its first nibble, behind `link` (see [`v4`]).
pub(super) fn either<'a>(link: Link, bytes: &'a [u8], depth: u8) -> Result<Packet<'a>, Reject> {
    match bytes.first().ok_or(Reject::IpTruncated)? >> 4 {
        4 => v4(link, bytes, depth),
        6 => v6(link, bytes, depth),
        _ => Err(Reject::IpMalformed),
    }
}

/// Reads an IPv4 packet behind `link` and returns both as one: a packet built once, in place, is not moved from level
/// to level (half of the work otherwise).
///
/// Bytes after the total length are padding; a total length of zero, which segmentation offload leaves in captures
/// of one's own host, means everything there is.
#[inline]
pub(super) fn v4<'a>(link: Link, bytes: &'a [u8], depth: u8) -> Result<Packet<'a>, Reject> {
    let h: &[u8; 20] = bytes.first_chunk().ok_or(Reject::IpTruncated)?;
    let header = usize::from(h[0] & 0x0f) * 4;
    let len = match u16::from_be_bytes([h[2], h[3]]) {
        0 => bytes.len(),
        total => usize::from(total),
    };
    if h[0] >> 4 != 4 || header < h.len() || len < header {
        return Err(Reject::IpMalformed);
    }
    let payload = bytes.get(header..len.min(bytes.len())).ok_or(Reject::IpTruncated)?;
    let place = u16::from_be_bytes([h[6], h[7]]);
    let transport = if place & 0x3fff == 0 {
        transport(h[9], payload, len - header)
    } else {
        fragment(Fragment {
            id: u32::from(u16::from_be_bytes([h[4], h[5]])),
            protocol: h[9],
            offset: u32::from(place & 0x1fff) * 8,
            more: place & 0x2000 != 0,
            data: payload,
            len: (len - header) as u32,
        })
    };
    if let Some(inner) = tunnel::inner(link, &transport, depth) {
        return Ok(inner);
    }
    let (src, dst) = (Ip::v4([h[12], h[13], h[14], h[15]]), Ip::v4([h[16], h[17], h[18], h[19]]));
    let ip = IpPacket { src, dst, ttl: h[8], protocol: h[9], depth, len: len as u32, transport };
    Ok(link.with(Body::Ip(ip)))
}

/// Reads an IPv6 packet, as [`v4`] does. A payload length of zero means everything there is: jumbograms
/// and segmentation offload.
#[inline]
pub(super) fn v6<'a>(link: Link, bytes: &'a [u8], depth: u8) -> Result<Packet<'a>, Reject> {
    let (h, rest) = bytes.split_first_chunk::<40>().ok_or(Reject::IpTruncated)?;
    if h[0] >> 4 != 6 {
        return Err(Reject::IpMalformed);
    }
    let len = match u16::from_be_bytes([h[4], h[5]]) {
        0 => rest.len(),
        stated => usize::from(stated),
    };
    let payload = &rest[..len.min(rest.len())];
    // The common protocols need no walk.
    let (protocol, transport) = match h[6] {
        plain @ (protocol::TCP | protocol::UDP | protocol::ICMPV6) => (plain, transport(plain, payload, len)),
        next => v6_upper(next, payload, len),
    };
    if let Some(inner) = tunnel::inner(link, &transport, depth) {
        return Ok(inner);
    }
    let (src, dst) = (address(h, 8).unwrap_or_default(), address(h, 24).unwrap_or_default());
    let ip = IpPacket { src, dst, ttl: h[7], protocol, depth, len: (h.len() + len) as u32, transport };
    Ok(link.with(Body::Ip(ip)))
}

/// The IPv6 address at `at`.
#[inline]
pub(super) fn address(bytes: &[u8], at: usize) -> Option<Ip> {
    bytes.get(at..)?.first_chunk().map(|b| Ip::v6(*b))
}

fn fragment(f: Fragment<'_>) -> Transport<'_> {
    let (offset, len) = (f.offset as usize, f.len as usize);
    if len == 0 || offset + len > MAX_DATAGRAM || (f.more && !len.is_multiple_of(8)) {
        return Transport::Bad(Reject::FragmentMalformed);
    }
    Transport::Fragment(f)
}

/// The size of the extension header `next` that begins `rest`: `None` when that is no extension header, or a fragment
/// header; past any end when it is cut.
#[inline]
fn extension_size(next: u8, rest: &[u8]) -> Option<usize> {
    let (unit, more) = match next {
        protocol::HOP_BY_HOP
        | protocol::ROUTING
        | protocol::DESTINATION_OPTIONS
        | protocol::MOBILITY
        | protocol::HIP
        | protocol::SHIM6 => (8, 1),
        protocol::AUTHENTICATION => (4, 2),
        _ => return None,
    };
    Some(rest.get(1).map_or(usize::MAX, |length| unit * (usize::from(*length) + more)))
}

/// Walks the extension headers that begin with `next`; the protocol above them, and its transport. `len` is the
/// length of `rest` on the wire.
fn v6_upper(mut next: u8, mut rest: &[u8], mut len: usize) -> (u8, Transport<'_>) {
    for _ in 0..MAX_EXTENSIONS {
        let size = match extension_size(next, rest) {
            Some(size) => size,
            None if next == protocol::FRAGMENT => match v6_fragment(rest, len) {
                // A whole datagram behind a fragment header (RFC 6946).
                Some(f) if f.offset == 0 && !f.more => 8,
                Some(f) => return (f.protocol, fragment(f)),
                None => break,
            },
            None => return (next, transport(next, rest, len)),
        };
        let Some(after) = rest.get(size..) else { break };
        len -= rest.len() - after.len();
        (next, rest) = (rest[0], after);
    }
    (next, Transport::Bad(Reject::ExtensionMalformed))
}

fn v6_fragment(rest: &[u8], len: usize) -> Option<Fragment<'_>> {
    let (h, data) = rest.split_first_chunk::<8>()?;
    let place = u16::from_be_bytes([h[2], h[3]]);
    Some(Fragment {
        id: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
        protocol: h[0],
        offset: u32::from(place & 0xfff8),
        more: place & 1 != 0,
        data,
        len: (len - h.len()) as u32,
    })
}

/// Reads the transport header of `protocol` over `payload`, whose length on the wire is `len`, never less than
/// `payload.len()`. Tunnels are left as they stand.
#[inline(always)]
pub fn transport(protocol: u8, payload: &[u8], len: usize) -> Transport<'_> {
    match protocol {
        protocol::TCP => tcp::parse(payload, len).map_or_else(Transport::Bad, Transport::Tcp),
        protocol::UDP => udp::parse(payload, len).map_or_else(Transport::Bad, Transport::Udp),
        protocol::ICMP => icmp::parse(payload).map_or_else(Transport::Bad, Transport::Icmp),
        protocol::ICMPV6 => icmp::parse_v6(payload).map_or_else(Transport::Bad, Transport::Icmp),
        _ => Transport::Other(protocol, payload),
    }
}

/// What reassembled fragments carry: extension headers may still come before the transport of IPv6.
pub(super) fn reassembled(src: Ip, protocol: u8, payload: &[u8]) -> Transport<'_> {
    if src.is_v4() {
        transport(protocol, payload, payload.len())
    } else {
        v6_upper(protocol, payload, payload.len()).1
    }
}

/// The protocol, its bytes and whether they are its first, of a packet that an ICMP error quotes; addresses first.
pub(super) fn quoted(bytes: &[u8]) -> Option<(Ip, Ip, u8, &[u8], bool)> {
    match bytes.first()? >> 4 {
        4 => {
            let h: &[u8; 20] = bytes.first_chunk()?;
            let upper = bytes.get(usize::from(h[0] & 0x0f) * 4..)?;
            let first = u16::from_be_bytes([h[6], h[7]]) & 0x1fff == 0;
            let (src, dst) = ([h[12], h[13], h[14], h[15]], [h[16], h[17], h[18], h[19]]);
            Some((Ip::v4(src), Ip::v4(dst), h[9], upper, first))
        }
        6 => {
            let (h, mut rest) = bytes.split_first_chunk::<40>()?;
            let (mut next, mut first) = (h[6], true);
            for _ in 0..MAX_EXTENSIONS {
                let size = match extension_size(next, rest) {
                    Some(size) => size,
                    None if next == protocol::FRAGMENT => {
                        first &= v6_fragment(rest, rest.len())?.offset == 0;
                        8
                    }
                    None => break,
                };
                (next, rest) = (*rest.first()?, rest.get(size..)?);
            }
            Some((address(h, 8)?, address(h, 24)?, next, rest, first))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{IpFragOffset, Ipv4Header, Ipv6FragmentHeader, PacketBuilder};

    #[test]
    fn a_quoted_packet_that_ends_where_an_extension_should_begin_is_not_read() {
        let mut bytes = [0u8; 40];
        (bytes[0], bytes[6]) = (0x60, 0);
        assert!(quoted(&bytes).is_none());
    }

    fn v4_udp(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 61).udp(4000, 53).write(&mut out, payload).unwrap();
        out
    }

    fn v6_udp(extensions: &[(u8, Vec<u8>)], payload: &[u8]) -> Vec<u8> {
        let mut upper: Vec<u8> = vec![0x0f, 0xa0, 0, 53];
        upper.extend_from_slice(&(payload.len() as u16 + 8).to_be_bytes());
        upper.extend_from_slice(&[0, 0]);
        upper.extend_from_slice(payload);
        let mut next = protocol::UDP;
        for (kind, bytes) in extensions.iter().rev() {
            let mut header = bytes.clone();
            header[0] = next;
            header.extend_from_slice(&upper);
            (upper, next) = (header, *kind);
        }
        let mut out = vec![0x60, 0, 0, 0];
        out.extend_from_slice(&(upper.len() as u16).to_be_bytes());
        out.extend_from_slice(&[next, 64]);
        out.extend_from_slice(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        out.extend_from_slice(&[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        out.extend_from_slice(&upper);
        out
    }

    fn packet(bytes: &[u8], depth: u8) -> Result<IpPacket<'_>, Reject> {
        either(Link::default(), bytes, depth).map(|packet| match packet.body {
            Body::Ip(ip) => ip,
            body => panic!("{body:?}"),
        })
    }

    fn udp_of<'a>(p: &IpPacket<'a>) -> udp::Datagram<'a> {
        match p.transport {
            Transport::Udp(d) => d,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn padding_after_the_total_length_is_no_payload() {
        let mut bytes = v4_udp(b"abc");
        bytes.extend_from_slice(&[0; 15]);
        let p = packet(&bytes, 0).unwrap();
        assert_eq!((p.src, p.dst), ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()));
        assert_eq!((p.ttl, p.protocol, p.depth, p.len), (61, 17, 0, 31));
        let d = udp_of(&p);
        assert_eq!((d.src_port, d.dst_port, d.payload, d.payload_len), (4000, 53, &b"abc"[..], 3));
    }

    #[test]
    fn a_cut_frame_decodes_as_far_as_it_goes_and_keeps_its_length() {
        let whole = v4_udp(&[7; 500]);
        let p = packet(&whole[..60], 0).unwrap();
        let d = udp_of(&p);
        assert_eq!((d.payload.len(), d.payload_len, p.len), (32, 500, 528));
        assert!(matches!(packet(&whole[..25], 0).unwrap().transport, Transport::Bad(Reject::UdpTruncated)));
        assert_eq!(packet(&whole[..19], 0).unwrap_err(), Reject::IpTruncated);
        assert_eq!(packet(&[], 0).unwrap_err(), Reject::IpTruncated);
    }

    #[test]
    fn a_total_length_of_zero_means_the_rest() {
        let mut bytes = v4_udp(b"offloaded");
        bytes[2..4].fill(0);
        assert_eq!(udp_of(&packet(&bytes, 0).unwrap()).payload, b"offloaded");
        let mut bytes = v6_udp(&[], b"offloaded");
        bytes[4..6].fill(0);
        assert_eq!(udp_of(&packet(&bytes, 0).unwrap()).payload, b"offloaded");
    }

    #[test]
    fn options_of_ipv4_are_stepped_over() {
        let udp = &v4_udp(b"xyz")[20..];
        let mut header = Ipv4Header::new(11, 64, 17.into(), [10, 0, 0, 1], [10, 0, 0, 2]).unwrap();
        header.options = [0x94, 4, 0, 0].into();
        header.set_payload_len(udp.len()).unwrap();
        let mut bytes = header.to_bytes().to_vec();
        bytes.extend_from_slice(udp);
        assert_eq!(udp_of(&packet(&bytes, 0).unwrap()).payload, b"xyz");
        assert_eq!(packet(&bytes[..22], 0).unwrap_err(), Reject::IpTruncated);
    }

    #[test]
    fn lengths_that_contradict_each_other_are_malformed() {
        for (at, value) in [(0, 0x44), (0, 0x55), (3, 19)] {
            let mut bytes = v4_udp(b"abc");
            bytes[at] = value;
            assert_eq!(packet(&bytes, 0).unwrap_err(), Reject::IpMalformed, "byte {at} = {value}");
        }
        assert_eq!(v6(Link::default(), &[0x40; 40], 0).unwrap_err(), Reject::IpMalformed);
    }

    #[test]
    fn fragments_of_both_versions_carry_id_offset_and_protocol() {
        let mut bytes = v4_udp(&[1; 16]);
        bytes[4..8].copy_from_slice(&[0x12, 0x34, 0x20, 0x02]);
        let p = packet(&bytes, 0).unwrap();
        let Transport::Fragment(f) = p.transport else { panic!("{p:?}") };
        assert_eq!((f.id, f.protocol, f.offset, f.more, f.data.len(), f.len), (0x1234, 17, 16, true, 24, 24));

        let fragment = Ipv6FragmentHeader::new(0.into(), IpFragOffset::try_new(3).unwrap(), false, 77);
        let bytes = v6_udp(&[(protocol::FRAGMENT, fragment.to_bytes().to_vec())], b"abc");
        let p = packet(&bytes, 0).unwrap();
        let Transport::Fragment(f) = p.transport else { panic!("{p:?}") };
        assert_eq!((f.id, f.protocol, f.offset, f.more, f.len, p.protocol), (77, 17, 24, false, 11, 17));
    }

    #[test]
    fn fragments_that_cannot_be_are_told_apart() {
        // Longer than a datagram can be (ping of death), and an inner part that is no multiple of eight.
        for (place, payload) in [([0x1f, 0xff], 16), ([0x20, 0x00], 15)] {
            let mut bytes = v4_udp(&vec![0; payload]);
            bytes[6..8].copy_from_slice(&place);
            let p = packet(&bytes, 0).unwrap();
            assert!(matches!(p.transport, Transport::Bad(Reject::FragmentMalformed)), "{p:?}");
        }
    }

    #[test]
    fn an_atomic_fragment_is_a_whole_datagram() {
        let bytes = v6_udp(&[(protocol::FRAGMENT, vec![0, 0, 0, 0, 0, 0, 0, 9])], b"abc");
        assert_eq!(udp_of(&packet(&bytes, 0).unwrap()).payload, b"abc");
    }

    #[test]
    fn extension_headers_are_walked_to_the_transport() {
        let chain = [
            (protocol::HOP_BY_HOP, vec![0; 8]),
            (protocol::ROUTING, [vec![0, 2], vec![0; 22]].concat()),
            (protocol::AUTHENTICATION, [vec![0, 4], vec![0; 22]].concat()),
            (protocol::DESTINATION_OPTIONS, vec![0; 8]),
        ];
        let bytes = v6_udp(&chain, b"abc");
        let p = packet(&bytes, 0).unwrap();
        let d = udp_of(&p);
        assert_eq!((p.protocol, d.payload, d.payload_len, p.len), (17, &b"abc"[..], 3, 40 + 64 + 11));
        let cut = packet(&bytes[..60], 0).unwrap();
        assert!(matches!(cut.transport, Transport::Bad(Reject::ExtensionMalformed)));
    }

    #[test]
    fn an_endless_chain_of_extension_headers_is_refused() {
        let bytes = v6_udp(&vec![(protocol::DESTINATION_OPTIONS, vec![0; 8]); 40], b"abc");
        let p = packet(&bytes, 0).unwrap();
        assert!(matches!(p.transport, Transport::Bad(Reject::ExtensionMalformed)));
    }
}
