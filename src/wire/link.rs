//! Link layers: Ethernet II, 802.3/LLC/SNAP, VLAN tags, PPPoE, MPLS, raw IP, null/loopback, Linux cooked v1 and v2,
//! 802.11 with and without radiotap.

use super::{Body, Link, LinkType, Packet, arp, ip, tunnel};
use crate::addr::MacAddr;
use crate::counters::Reject;

/// EtherTypes (IEEE 802 Numbers, IANA) that are read here.
pub mod ethertype {
    #![allow(missing_docs)]
    pub const IPV4: u16 = 0x0800;
    pub const ARP: u16 = 0x0806;
    pub const TRANSPARENT_ETHERNET: u16 = 0x6558;
    pub const VLAN: u16 = 0x8100;
    pub const IPV6: u16 = 0x86dd;
    pub const MPLS: u16 = 0x8847;
    pub const MPLS_MULTICAST: u16 = 0x8848;
    pub const PPPOE_SESSION: u16 = 0x8864;
    pub const QINQ: u16 = 0x88a8;
    pub const QINQ_OLD: u16 = 0x9100;
}

/// Tags and shims (VLAN, PPPoE, MPLS, LLC) in one frame. Real frames have at most four (QinQ over PPPoE over LLC);
/// the rest is room for what nobody thought of.
const MAX_TAGS: usize = 8;

/// Labels in one MPLS stack; deployed stacks have two to six.
const MAX_LABELS: usize = 8;

/// Values below are a length (IEEE 802.3) or unassigned, not an EtherType.
const FIRST_ETHERTYPE: u16 = 0x0600;

/// Decodes a frame from its link header on.
#[inline]
pub fn decode(link: LinkType, frame: &[u8]) -> Result<Packet<'_>, Reject> {
    match link {
        LinkType::Ethernet => ethernet(frame),
        LinkType::RawIp => ip::either(Link::default(), frame, 0),
        LinkType::Null => null(frame),
        LinkType::LinuxCooked => cooked(frame),
        LinkType::LinuxCooked2 => cooked2(frame),
        LinkType::Ieee80211 => wifi(frame),
        LinkType::Radiotap => radiotap(frame),
        LinkType::Other(_) => Err(Reject::LinkUnsupported),
    }
}

#[inline]
fn between(src_mac: MacAddr, dst_mac: MacAddr) -> Link {
    Link { src_mac, dst_mac, vlan: 0 }
}

#[inline]
fn mac(b: &[u8], at: usize) -> MacAddr {
    b.get(at..).and_then(|b| b.first_chunk()).map_or(MacAddr::NONE, |b| MacAddr(*b))
}

#[inline]
fn ethernet(bytes: &[u8]) -> Result<Packet<'_>, Reject> {
    let (h, rest) = bytes.split_first_chunk::<14>().ok_or(Reject::LinkTruncated)?;
    let link = between(mac(h, 6), mac(h, 0));
    // Nearly every frame is untagged IP: a branch leads it straight to its header.
    match u16::from_be_bytes([h[12], h[13]]) {
        ethertype::IPV4 => ip::v4(link, rest, 0),
        ethertype::IPV6 => ip::v6(link, rest, 0),
        kind => network(link, kind, rest, 0),
    }
}

/// Reads what an EtherType announces behind `link`, through tags and shims: the innermost VLAN id, and the network
/// layer. `depth` tunnels were entered before.
#[inline(never)]
pub(super) fn network<'a>(
    mut link: Link,
    mut kind: u16,
    mut rest: &'a [u8],
    mut depth: u8,
) -> Result<Packet<'a>, Reject> {
    for _ in 0..MAX_TAGS {
        (kind, rest) = match kind {
            ethertype::IPV4 => return ip::v4(link, rest, depth),
            ethertype::IPV6 => return ip::v6(link, rest, depth),
            ethertype::ARP => return Ok(link.with(Body::Arp(arp::parse(rest)?))),
            ethertype::VLAN | ethertype::QINQ | ethertype::QINQ_OLD => {
                let ([a, b, c, d], rest) = rest.split_first_chunk().ok_or(Reject::LinkTruncated)?;
                // Id 0 only carries a priority, 4095 is reserved.
                let id = u16::from_be_bytes([*a, *b]) & 0xfff;
                link.vlan = if matches!(id, 1..=4094) { id } else { link.vlan };
                (u16::from_be_bytes([*c, *d]), rest)
            }
            ethertype::PPPOE_SESSION => {
                depth = deeper(depth)?;
                match pppoe(rest)? {
                    Some(inner) => inner,
                    None => return Ok(link.with(Body::Other(kind))),
                }
            }
            ethertype::MPLS | ethertype::MPLS_MULTICAST => return mpls(link, kind, rest, deeper(depth)?),
            // The length is not needed: IP has its own, and padding is cut by that.
            0..=1500 => match llc(rest)? {
                (snap, rest) if snap >= FIRST_ETHERTYPE => (snap, rest),
                (dsap, _) => return Ok(link.with(Body::Other(dsap))),
            },
            1501..FIRST_ETHERTYPE => return Ok(link.with(Body::Other(0))),
            _ => return Ok(link.with(Body::Other(kind))),
        };
    }
    Err(Reject::TooDeep)
}

fn deeper(depth: u8) -> Result<u8, Reject> {
    if depth < tunnel::MAX_DEPTH { Ok(depth + 1) } else { Err(Reject::TooDeep) }
}

/// 802.2 LLC: the EtherType behind a SNAP header (RFC 1042, IEEE 802.1H), or the DSAP, and what follows.
fn llc(rest: &[u8]) -> Result<(u16, &[u8]), Reject> {
    let h: &[u8; 3] = rest.first_chunk().ok_or(Reject::LinkTruncated)?;
    if *h != [0xaa, 0xaa, 0x03] {
        return Ok((u16::from(h[0]), rest));
    }
    let (h, inner) = rest.split_first_chunk::<8>().ok_or(Reject::LinkTruncated)?;
    match [h[3], h[4], h[5]] {
        [0, 0, 0] | [0, 0, 0xf8] => Ok((u16::from_be_bytes([h[6], h[7]]), inner)),
        _ => Ok((0xaa, rest)),
    }
}

/// PPPoE session (RFC 2516): the EtherType that matches the PPP protocol, `None` for link control and the like.
fn pppoe(rest: &[u8]) -> Result<Option<(u16, &[u8])>, Reject> {
    let (h, inner) = rest.split_first_chunk::<8>().ok_or(Reject::TunnelMalformed)?;
    if h[0] != 0x11 || h[1] != 0 {
        return Err(Reject::TunnelMalformed);
    }
    Ok(match [h[6], h[7]] {
        [0x00, 0x21] => Some((ethertype::IPV4, inner)),
        [0x00, 0x57] => Some((ethertype::IPV6, inner)),
        _ => None,
    })
}

/// MPLS (RFC 3032). The stack does not name what it carries: the first nibble does (RFC 4928), and zero begins the
/// control word of an Ethernet pseudo-wire (RFC 4448). What fits neither is only counted.
fn mpls<'a>(link: Link, kind: u16, mut rest: &'a [u8], depth: u8) -> Result<Packet<'a>, Reject> {
    for _ in 0..MAX_LABELS {
        let ([_, _, bottom, _], after) = rest.split_first_chunk().ok_or(Reject::TunnelMalformed)?;
        rest = after;
        if bottom & 1 == 0 {
            continue;
        }
        return match rest.first().map(|b| b >> 4) {
            Some(4 | 6) => ip::either(link, rest, depth),
            Some(0) => {
                let inner = rest.get(4..).and_then(|carried| tunnel::ethernet(link, carried, depth));
                Ok(inner.unwrap_or(link.with(Body::Other(kind))))
            }
            _ => Ok(link.with(Body::Other(kind))),
        };
    }
    Err(Reject::TooDeep)
}

/// BSD loopback: the address family of the capturing host, in that host's byte order.
fn null(bytes: &[u8]) -> Result<Packet<'_>, Reject> {
    let (h, rest) = bytes.split_first_chunk::<4>().ok_or(Reject::LinkTruncated)?;
    let family = match u32::from_le_bytes(*h) {
        // Families are small: a large value is one of the other byte order.
        swapped if swapped > 0xffff => swapped.swap_bytes(),
        family => family,
    };
    match family {
        2 => ip::v4(Link::default(), rest, 0),
        // AF_INET6 of Linux; NetBSD and OpenBSD; FreeBSD; macOS.
        10 | 24 | 28 | 30 => ip::v6(Link::default(), rest, 0),
        _ => Ok(Link::default().with(Body::Other(0))),
    }
}

/// Linux cooked capture v1: packet type, ARPHRD type, address length, address, protocol.
fn cooked(bytes: &[u8]) -> Result<Packet<'_>, Reject> {
    let (h, rest) = bytes.split_first_chunk::<16>().ok_or(Reject::LinkTruncated)?;
    let src_mac = if h[4..6] == [0, 6] { mac(h, 6) } else { MacAddr::NONE };
    cooked_payload(src_mac, u16::from_be_bytes([h[14], h[15]]), rest)
}

/// Linux cooked capture v2: protocol, interface, ARPHRD type, packet type, address length, address.
fn cooked2(bytes: &[u8]) -> Result<Packet<'_>, Reject> {
    let (h, rest) = bytes.split_first_chunk::<20>().ok_or(Reject::LinkTruncated)?;
    let src_mac = if h[11] == 6 { mac(h, 12) } else { MacAddr::NONE };
    cooked_payload(src_mac, u16::from_be_bytes([h[0], h[1]]), rest)
}

fn cooked_payload(src_mac: MacAddr, protocol: u16, rest: &[u8]) -> Result<Packet<'_>, Reject> {
    /// Linux's own number for an LLC frame; like it, those below the EtherTypes are no lengths.
    const ETH_P_802_2: u16 = 4;
    let link = between(src_mac, MacAddr::NONE);
    match protocol {
        ETH_P_802_2 | FIRST_ETHERTYPE.. => network(link, protocol, rest, 0),
        _ => Ok(link.with(Body::Other(0))),
    }
}

/// Radiotap: little-endian length of the header at offset 2; the 802.11 frame follows.
fn radiotap(frame: &[u8]) -> Result<Packet<'_>, Reject> {
    let h: &[u8; 8] = frame.first_chunk().ok_or(Reject::LinkTruncated)?;
    let length = usize::from(u16::from_le_bytes([h[2], h[3]]));
    if h[0] != 0 || length < h.len() {
        return Err(Reject::TunnelMalformed);
    }
    wifi(frame.get(length..).ok_or(Reject::LinkTruncated)?)
}

/// IEEE 802.11: the LLC payload of whole, unencrypted data frames. Management, control, encrypted, aggregated and
/// fragmented frames are only counted.
fn wifi(frame: &[u8]) -> Result<Packet<'_>, Reject> {
    const TO_DS: u8 = 0x01;
    const FROM_DS: u8 = 0x02;
    const MORE_FRAGMENTS: u8 = 0x04;
    const PROTECTED: u8 = 0x40;
    const ORDER: u8 = 0x80;
    let [kind, flags]: [u8; 2] = *frame.first_chunk().ok_or(Reject::LinkTruncated)?;
    // Version 0, type 2: data.
    if kind & 0x0f != 0x08 {
        return Ok(Link::default().with(Body::Other(0)));
    }
    let mut header = 24;
    let (dst, src) = match flags & (TO_DS | FROM_DS) {
        0 => (4, 10),
        TO_DS => (16, 10),
        FROM_DS => (4, 16),
        _ => {
            header = 30;
            (16, 24)
        }
    };
    let quality = kind & 0x80 != 0;
    let control = header;
    if quality {
        header += if flags & ORDER != 0 { 6 } else { 2 };
    }
    let rest = frame.get(header..).ok_or(Reject::LinkTruncated)?;
    let part = flags & MORE_FRAGMENTS != 0 || frame[22] & 0x0f != 0;
    let aggregated = quality && frame[control] & 0x80 != 0;
    let empty = kind & 0x40 != 0;
    let stations = between(mac(frame, src), mac(frame, dst));
    if part || aggregated || empty || flags & PROTECTED != 0 {
        return Ok(stations.with(Body::Other(0)));
    }
    network(stations, 0, rest, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Ip;
    use crate::wire::Transport;
    use etherparse::PacketBuilder;

    const STATION: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const PEER: [u8; 6] = [2, 0, 0, 0, 0, 2];

    fn ip_bytes() -> Vec<u8> {
        let mut out = Vec::new();
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(4000, 53).write(&mut out, b"abc").unwrap();
        out
    }

    fn ip6_bytes() -> Vec<u8> {
        let mut out = Vec::new();
        PacketBuilder::ipv6([1; 16], [2; 16], 64).udp(4000, 53).write(&mut out, b"abc").unwrap();
        out
    }

    fn frame(parts: &[&[u8]]) -> Vec<u8> {
        [&PEER[..], &STATION, &parts.concat()].concat()
    }

    fn payload(packet: &Packet<'_>) -> Vec<u8> {
        match packet.body {
            Body::Ip(ip) => match ip.transport {
                Transport::Udp(d) => d.payload.to_vec(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    fn depth(packet: &Packet<'_>) -> u8 {
        if let Body::Ip(ip) = packet.body { ip.depth } else { panic!("{packet:?}") }
    }

    #[track_caller]
    fn other(link: LinkType, bytes: &[u8]) -> u16 {
        match decode(link, bytes).unwrap().body {
            Body::Other(kind) => kind,
            body => panic!("{body:?}"),
        }
    }

    #[test]
    fn ethernet_gives_both_stations_and_the_packet() {
        let bytes = frame(&[&[0x08, 0x00], &ip_bytes()]);
        let p = decode(LinkType::Ethernet, &bytes).unwrap();
        assert_eq!((p.src_mac, p.dst_mac, p.vlan), (MacAddr(STATION), MacAddr(PEER), 0));
        assert_eq!(payload(&p), b"abc");
        assert_eq!(decode(LinkType::Ethernet, &bytes[..13]).unwrap_err(), Reject::LinkTruncated);
    }

    #[test]
    fn the_innermost_vlan_id_is_reported() {
        let tags: [(&[u8], u16); 5] = [
            (&[0x81, 0, 0x60, 7], 7),
            (&[0x88, 0xa8, 0, 100, 0x81, 0, 0, 8], 8),
            (&[0x91, 0, 0, 100, 0x91, 0, 0, 9], 9),
            (&[0x81, 0, 0xe0, 0], 0),
            (&[0x81, 0, 0, 5, 0x81, 0, 0xe0, 0], 5),
        ];
        for (tag, vlan) in tags {
            let bytes = frame(&[tag, &[0x86, 0xdd], &ip6_bytes()]);
            let p = decode(LinkType::Ethernet, &bytes).unwrap();
            assert_eq!((p.vlan, payload(&p), depth(&p)), (vlan, b"abc".to_vec(), 0), "{tag:x?}");
        }
        let endless = frame(&[&[0x81, 0, 0, 1].repeat(20)]);
        assert_eq!(decode(LinkType::Ethernet, &endless).unwrap_err(), Reject::TooDeep);
        let cut = frame(&[&[0x81, 0, 0, 1]]);
        assert_eq!(decode(LinkType::Ethernet, &cut).unwrap_err(), Reject::LinkTruncated);
    }

    #[test]
    fn llc_frames_give_the_snap_ethertype_or_their_dsap() {
        let snap = [0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0];
        let bytes = frame(&[&[0, 39], &snap, &ip_bytes()]);
        assert_eq!(payload(&decode(LinkType::Ethernet, &bytes).unwrap()), b"abc");
        let spanning_tree = frame(&[&[0, 38, 0x42, 0x42, 3], &[0; 35]]);
        assert_eq!(other(LinkType::Ethernet, &spanning_tree), 0x42);
        let cisco = frame(&[&[0, 38, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0], &[0; 30]]);
        assert_eq!(other(LinkType::Ethernet, &cisco), 0xaa);
        assert_eq!(other(LinkType::Ethernet, &frame(&[&[0x88, 0xcc, 1, 2]])), 0x88cc);
        assert_eq!(other(LinkType::Ethernet, &frame(&[&[0x05, 0xff, 1, 2]])), 0);
        assert_eq!(decode(LinkType::Ethernet, &frame(&[&[0, 3, 1]])).unwrap_err(), Reject::LinkTruncated);
    }

    #[test]
    fn pppoe_sessions_are_seen_through() {
        let session = |ppp: [u8; 2]| [&[0x88, 0x64, 0x11, 0, 0, 1, 0, 33][..], &ppp].concat();
        let v4 = frame(&[&session([0, 0x21]), &ip_bytes()]);
        let p = decode(LinkType::Ethernet, &v4).unwrap();
        assert_eq!((payload(&p), depth(&p)), (b"abc".to_vec(), 1));
        let v6 = frame(&[&session([0, 0x57]), &ip6_bytes()]);
        assert_eq!(payload(&decode(LinkType::Ethernet, &v6).unwrap()), b"abc");
        assert_eq!(other(LinkType::Ethernet, &frame(&[&session([0xc0, 0x21]), &[0; 8]])), 0x8864);
        let odd = frame(&[&[0x88, 0x64, 0x22, 0, 0, 1, 0, 33, 0, 0x21], &ip_bytes()]);
        assert_eq!(decode(LinkType::Ethernet, &odd).unwrap_err(), Reject::TunnelMalformed);
    }

    #[test]
    fn mpls_labels_lead_to_ip_or_to_a_pseudo_wire() {
        let stack: &[u8] = &[0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64];
        for inner in [ip_bytes(), ip6_bytes()] {
            let bytes = frame(&[stack, &inner]);
            let p = decode(LinkType::Ethernet, &bytes).unwrap();
            assert_eq!((payload(&p), depth(&p)), (b"abc".to_vec(), 1));
        }
        let inner = frame(&[&[0x81, 0, 0, 9, 0x08, 0], &ip_bytes()]);
        let wire = frame(&[stack, &[0, 0, 0, 0], &inner]);
        assert_eq!(payload(&decode(LinkType::Ethernet, &wire).unwrap()), b"abc");
        assert_eq!(other(LinkType::Ethernet, &frame(&[stack, &[0xf0; 30]])), 0x8847);
        let endless = frame(&[&[0x88, 0x47], &[0, 1, 0, 64].repeat(20)]);
        assert_eq!(decode(LinkType::Ethernet, &endless).unwrap_err(), Reject::TooDeep);
    }

    #[test]
    fn arp_is_read_and_other_hardware_refused() {
        let mut arp = vec![0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2];
        arp.extend([2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2]);
        let bytes = frame(&[&arp, &[0; 18]]);
        let Body::Arp(a) = decode(LinkType::Ethernet, &bytes).unwrap().body else { panic!() };
        assert_eq!((a.operation, a.sender_mac, a.target_mac), (2, MacAddr(STATION), MacAddr(PEER)));
        assert_eq!((a.sender_ip, a.target_ip), (Ip::v4([10, 0, 0, 1]), Ip::v4([10, 0, 0, 2])));
        arp[3] = 6;
        assert!(decode(LinkType::Ethernet, &frame(&[&arp])).is_ok(), "IEEE 802 is Ethernet too");
        arp[3] = 15;
        assert_eq!(decode(LinkType::Ethernet, &frame(&[&arp])).unwrap_err(), Reject::ArpMalformed);
    }

    #[test]
    fn loopback_families_are_known_in_both_byte_orders() {
        for (family, inner) in
            [(2, ip_bytes()), (10, ip6_bytes()), (24, ip6_bytes()), (28, ip6_bytes()), (30, ip6_bytes())]
        {
            for order in [u32::to_le_bytes(family), u32::to_be_bytes(family)] {
                let bytes = [&order[..], &inner].concat();
                let p = decode(LinkType::Null, &bytes).unwrap();
                assert_eq!((payload(&p), p.src_mac), (b"abc".to_vec(), MacAddr::NONE));
            }
        }
        assert_eq!(other(LinkType::Null, &[7, 0, 0, 0, 1]), 0);
    }

    #[test]
    fn cooked_captures_keep_the_source_station() {
        let v1 = [&[0, 0, 0, 1, 0, 6][..], &STATION, &[0, 0, 0x08, 0], &ip_bytes()].concat();
        let v2 = [&[0x08, 0, 0, 0, 0, 0, 0, 2, 0, 1, 4, 6][..], &STATION, &[0, 0], &ip_bytes()].concat();
        for (link, bytes) in [(LinkType::LinuxCooked, v1), (LinkType::LinuxCooked2, v2)] {
            let p = decode(link, &bytes).unwrap();
            assert_eq!((p.src_mac, p.dst_mac), (MacAddr(STATION), MacAddr::NONE));
            assert_eq!(payload(&p), b"abc");
            assert_eq!(decode(link, &bytes[..15]).unwrap_err(), Reject::LinkTruncated);
        }
        let unnumbered = [&[0, 4, 0xff, 0xfe, 0, 0][..], &[9; 8], &[0x08, 0], &ip_bytes()].concat();
        assert_eq!(decode(LinkType::LinuxCooked, &unnumbered).unwrap().src_mac, MacAddr::NONE);
    }

    #[test]
    fn wifi_data_frames_give_their_stations_by_direction() {
        let snap = [0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0];
        let (a, b, c, d) =
            ([2, 0, 0, 0, 0, 0xa], [2, 0, 0, 0, 0, 0xb], [2, 0, 0, 0, 0, 0xc], [2, 0, 0, 0, 0, 0xd]);
        for (flags, dst, src) in [(0, a, b), (1, c, b), (2, a, c), (3, c, d)] {
            for quality in [false, true] {
                let mut bytes = vec![if quality { 0x88 } else { 0x08 }, flags, 0, 0];
                bytes.extend([a, b, c].concat());
                bytes.extend([0x10, 0]);
                bytes.extend(if flags == 3 { &d[..] } else { &[] });
                bytes.extend(if quality { &[0u8, 0][..] } else { &[] });
                bytes.extend([&snap[..], &ip_bytes()].concat());
                let p = decode(LinkType::Ieee80211, &bytes).unwrap();
                assert_eq!((p.dst_mac, p.src_mac), (MacAddr(dst), MacAddr(src)), "{flags} {quality}");
                assert_eq!(payload(&p), b"abc");
                let tapped = [&[0, 0, 12, 0, 0, 0, 0, 0, 1, 2, 3, 4][..], &bytes].concat();
                assert_eq!(payload(&decode(LinkType::Radiotap, &tapped).unwrap()), b"abc");
                bytes[1] |= 0x40;
                assert_eq!(other(LinkType::Ieee80211, &bytes), 0, "encrypted");
            }
        }
        assert_eq!(other(LinkType::Ieee80211, &[0x80, 0, 0, 0]), 0, "beacon");
        assert_eq!(decode(LinkType::Ieee80211, &[0x08, 0, 0, 0]).unwrap_err(), Reject::LinkTruncated);
    }

    #[test]
    fn an_unknown_link_type_is_named_as_such() {
        assert_eq!(decode(LinkType::Other(147), &[0; 60]).unwrap_err(), Reject::LinkUnsupported);
    }
}
