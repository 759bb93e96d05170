//! What holds for every frame: decoding ends without a panic whatever the bytes, and on frames that are valid it
//! agrees with an independent decoder (etherparse) about addresses, ports, protocol and payload.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use netmonitor::addr::Ip;
use netmonitor::wire::{self, Body, LinkType, Packet, Transport};
use proptest::prelude::*;

const LINKS: [LinkType; 8] = [
    LinkType::Ethernet,
    LinkType::RawIp,
    LinkType::Null,
    LinkType::LinuxCooked,
    LinkType::LinuxCooked2,
    LinkType::Ieee80211,
    LinkType::Radiotap,
    LinkType::Other(9),
];

/// What both decoders must agree about: addresses, hop limit, protocol, ports, TCP sequence and flags, payload.
#[derive(Debug, PartialEq)]
struct Essence {
    src: Ip,
    dst: Ip,
    ttl: u8,
    protocol: u8,
    ports: Option<(u16, u16)>,
    sequence: Option<(u32, u32, u8, u16)>,
    payload: Vec<u8>,
}

fn ours(packet: &Packet<'_>) -> Option<Essence> {
    let Body::Ip(ip) = packet.body else { return None };
    let (ports, sequence, payload) = match ip.transport {
        Transport::Tcp(t) => {
            (Some((t.src_port, t.dst_port)), Some((t.seq, t.ack, t.flags, t.window)), t.payload)
        }
        Transport::Udp(u) => (Some((u.src_port, u.dst_port)), None, u.payload),
        Transport::Icmp(m) => (None, None, m.payload),
        _ => return None,
    };
    let payload = payload.to_vec();
    Some(Essence { src: ip.src, dst: ip.dst, ttl: ip.ttl, protocol: ip.protocol, ports, sequence, payload })
}

fn theirs(frame: &[u8]) -> Option<Essence> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let (src, dst, ttl) = match packet.net? {
        NetSlice::Ipv4(v4) => {
            let h = v4.header();
            (Ip::v4(h.source()), Ip::v4(h.destination()), h.ttl())
        }
        NetSlice::Ipv6(v6) => {
            let h = v6.header();
            (Ip::v6(h.source()), Ip::v6(h.destination()), h.hop_limit())
        }
        NetSlice::Arp(_) => return None,
    };
    let (protocol, ports, sequence, payload) = match packet.transport? {
        TransportSlice::Tcp(t) => {
            let sequence = (t.sequence_number(), t.acknowledgment_number(), t.slice()[13], t.window_size());
            (6, Some((t.source_port(), t.destination_port())), Some(sequence), t.payload().to_vec())
        }
        TransportSlice::Udp(u) => {
            (17, Some((u.source_port(), u.destination_port())), None, u.payload().to_vec())
        }
        TransportSlice::Icmpv4(m) => (1, None, None, m.payload().to_vec()),
        TransportSlice::Icmpv6(m) => (58, None, None, m.payload().to_vec()),
        TransportSlice::Igmp(_) => return None,
    };
    Some(Essence { src, dst, ttl, protocol, ports, sequence, payload })
}

/// Touches every part of a decoded packet that could lie outside the frame.
fn walk(frame: &[u8], link: LinkType) {
    let Ok(packet) = wire::decode(link, frame) else { return };
    assert!(packet.vlan < 4095);
    let Body::Ip(ip) = packet.body else { return };
    assert!(ip.depth <= wire::tunnel::MAX_DEPTH);
    let (captured, on_wire) = match ip.transport {
        Transport::Tcp(t) => (t.payload.len(), t.payload_len),
        Transport::Udp(u) => (u.payload.len(), u.payload_len),
        Transport::Fragment(f) => (f.data.len(), f.len),
        Transport::Icmp(m) => {
            let _ = (m.meaning(), wire::icmp::options(m.payload).count());
            (m.payload.len(), ip.len)
        }
        Transport::Other(_, payload) => (payload.len(), ip.len),
        Transport::Bad(_) => return,
    };
    assert!(captured as u64 <= u64::from(on_wire) && on_wire <= ip.len, "{ip:?}");
}

#[derive(Clone, Copy, Debug)]
enum Upper {
    Tcp(u16, u16, u32, u8),
    Udp(u16, u16),
    Ping(u16, u16),
}

fn upper() -> impl Strategy<Value = Upper> {
    prop_oneof![
        any::<(u16, u16, u32, u8)>().prop_map(|(s, d, seq, flags)| Upper::Tcp(s, d, seq, flags)),
        any::<(u16, u16)>()
            .prop_filter("VXLAN is another matter", |(_, d)| *d != 4789)
            .prop_map(|(s, d)| Upper::Udp(s, d)),
        any::<(u16, u16)>().prop_map(|(id, seq)| Upper::Ping(id, seq)),
    ]
}

prop_compose! {
    /// A valid Ethernet frame, tagged or not, of either IP version, padded as a network card would.
    fn valid_frame()(
        macs in any::<([u8; 6], [u8; 6])>(),
        tags in proptest::collection::vec(0u16..4095, 0..3),
        addresses in any::<([u8; 16], [u8; 16])>(),
        v6: bool,
        ttl: u8,
        upper in upper(),
        payload in proptest::collection::vec(any::<u8>(), 0..300),
    ) -> (Vec<u8>, u16) {
        let link = PacketBuilder::ethernet2(macs.0, macs.1);
        let first = |a: [u8; 16]| [a[0], a[1], a[2], a[3]];
        let ip = match (v6, tags[..].split_last()) {
            (true, None) => link.ipv6(addresses.0, addresses.1, ttl),
            (false, None) => link.ipv4(first(addresses.0), first(addresses.1), ttl),
            (v6, Some((inner, outer))) => {
                let id = |v: u16| v.try_into().unwrap();
                let link = match outer.first() {
                    Some(outer) => link.double_vlan(id(*outer), id(*inner)),
                    None => link.single_vlan(id(*inner)),
                };
                if v6 {
                    link.ipv6(addresses.0, addresses.1, ttl)
                } else {
                    link.ipv4(first(addresses.0), first(addresses.1), ttl)
                }
            }
        };
        let mut frame = Vec::new();
        match upper {
            Upper::Tcp(s, d, seq, flags) => {
                let mut tcp = ip.tcp(s, d, seq, 1024);
                if flags & 1 != 0 { tcp = tcp.syn(); }
                if flags & 2 != 0 { tcp = tcp.ack(seq ^ 0x5555); }
                if flags & 4 != 0 { tcp = tcp.fin(); }
                if flags & 8 != 0 { tcp = tcp.psh(); }
                tcp.write(&mut frame, &payload).unwrap();
            }
            Upper::Udp(s, d) => ip.udp(s, d).write(&mut frame, &payload).unwrap(),
            Upper::Ping(id, seq) if v6 => ip.icmpv6_echo_request(id, seq).write(&mut frame, &payload).unwrap(),
            Upper::Ping(id, seq) => ip.icmpv4_echo_request(id, seq).write(&mut frame, &payload).unwrap(),
        }
        while frame.len() < 60 { frame.push(0); }
        let vlan = tags.iter().rev().find(|id| **id != 0).copied().unwrap_or(0);
        (frame, vlan)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn valid_frames_mean_the_same_to_an_independent_decoder((frame, vlan) in valid_frame()) {
        let packet = wire::decode(LinkType::Ethernet, &frame).unwrap();
        let expected = theirs(&frame);
        prop_assert!(expected.is_some());
        prop_assert_eq!(ours(&packet), expected);
        prop_assert_eq!(packet.vlan, vlan);
        prop_assert_eq!(packet.src_mac.0.as_slice(), &frame[6..12]);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for link in LINKS {
            walk(&bytes, link);
        }
    }

    #[test]
    fn mutated_frames_never_panic(
        (frame, _) in valid_frame(),
        edits in proptest::collection::vec((0usize..80, any::<u8>()), 1..6),
        keep in 0usize..400,
    ) {
        let mut frame = frame;
        for (at, value) in edits {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        frame.truncate(keep);
        walk(&frame, LinkType::Ethernet);
        for link in LINKS {
            walk(frame.get(14..).unwrap_or_default(), link);
        }
    }

    #[test]
    fn a_frame_cut_anywhere_gives_a_prefix_or_a_refusal((frame, _) in valid_frame(), keep in 0usize..400) {
        let whole = ours(&wire::decode(LinkType::Ethernet, &frame).unwrap()).unwrap();
        let cut = &frame[..keep.min(frame.len())];
        if let Ok(packet) = wire::decode(LinkType::Ethernet, cut) && let Some(part) = ours(&packet) {
            prop_assert!(whole.payload.starts_with(&part.payload));
            prop_assert_eq!(Essence { payload: Vec::new(), ..part }, Essence { payload: Vec::new(), ..whole });
        }
    }

    #[test]
    fn errors_that_quote_a_cut_packet_never_panic(
        (frame, _) in valid_frame(),
        protocol in prop_oneof![Just(0u8), Just(43), Just(44), Just(51), Just(60), any::<u8>()],
        header in prop_oneof![Just((1u8, 1u8)), Just((58, 1)), Just((58, 137)), Just((1, 5)), Just((1, 3))],
        keep in 0usize..120,
    ) {
        // The frame without its link header is the quote; its protocol is made to announce an extension header.
        let mut quote = frame[14..].to_vec();
        let at = if quote[0] >> 4 == 6 { 6 } else { 9 };
        quote[at] = protocol;
        quote.truncate(keep);
        let mut bytes = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, header.0, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        bytes.extend([header.1, 4, 0, 0, 0, 0, 0, 0]);
        bytes.extend(quote);
        walk(&bytes, LinkType::RawIp);
    }

    #[test]
    fn any_stack_of_shims_and_tunnels_ends(
        parts in proptest::collection::vec(prop_oneof![
            Just(vec![0x81, 0, 0, 1]),
            Just(vec![0x88, 0x64, 0x11, 0, 0, 1, 0, 9, 0, 0x21]),
            Just(vec![0x88, 0x47, 0, 1, 1, 64]),
            Just(vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 4, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]),
            Just(vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 47, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]),
            Just(vec![0, 0, 0x65, 0x58]),
            Just(vec![0, 0, 0x08, 0x00]),
            Just(vec![0x08, 0]),
            Just(vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ], 0..60),
    ) {
        let bytes = parts.concat();
        for link in LINKS {
            walk(&bytes, link);
            walk(&[&[0; 12], &bytes[..]].concat(), link);
        }
    }
}

/// `cargo test --release --no-default-features --test decode_properties -- --ignored --nocapture`, or the same binary
/// under callgrind: nanoseconds per frame, link header to five-tuple.
#[test]
#[ignore = "a measurement, not a check"]
fn time_per_frame() {
    let payload = [0x55; 100];
    let mut frames = vec![Vec::new(); 4];
    let ether = || PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let v4 = || ether().ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    v4().tcp(40000, 443, 1, 512).write(&mut frames[0], &payload).unwrap();
    v4().udp(40000, 53).write(&mut frames[1], &payload).unwrap();
    ether().ipv6([1; 16], [2; 16], 64).tcp(40000, 443, 1, 512).write(&mut frames[2], &payload).unwrap();
    let tagged = ether().single_vlan(7.try_into().unwrap()).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    tagged.tcp(40000, 443, 1, 512).write(&mut frames[3], &payload).unwrap();
    let rounds = std::env::var("ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(1_000_000u32);
    let kind = std::env::var("KIND").ok().and_then(|k| k.parse::<usize>().ok());
    let names = ["v4 tcp", "v4 udp", "v6 tcp", "vlan v4 tcp"];
    let wanted = |i: &usize| kind.is_none_or(|k| k == *i);
    for (name, frame) in (0..4).filter(wanted).map(|i| (names[i], &frames[i])) {
        let begin = netmonitor::time::monotonic();
        let mut sum = 0u64;
        for _ in 0..rounds {
            sum = sum.wrapping_add(five_tuple(std::hint::black_box(frame)));
        }
        let micros = netmonitor::time::monotonic().since(begin);
        println!("{name}: {:.1} ns ({sum})", micros as f64 * 1000.0 / f64::from(rounds));
    }
}

#[inline(never)]
fn five_tuple(frame: &[u8]) -> u64 {
    let Ok(Packet { body: Body::Ip(ip), .. }) = wire::decode(LinkType::Ethernet, frame) else { return 0 };
    let ports = match &ip.transport {
        Transport::Tcp(t) => u64::from(t.src_port) << 16 | u64::from(t.dst_port),
        Transport::Udp(u) => u64::from(u.src_port) << 16 | u64::from(u.dst_port),
        _ => 0,
    };
    ports ^ ip.src.bits() as u64 ^ ip.dst.bits() as u64 ^ u64::from(ip.protocol)
}
