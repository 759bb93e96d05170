//! ICMP (RFC 792), ICMPv6 (RFC 4443) and neighbour discovery (RFC 4861).

use super::{MacAddr, be16, ip};
use crate::addr::Ip;
use crate::counters::Reject;

/// An ICMP or ICMPv6 message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Whether this is ICMPv6.
    pub v6: bool,
    /// Type field, unchanged.
    pub kind: u8,
    /// Code field, unchanged.
    pub code: u8,
    /// Bytes 4 to 8: id and sequence, gateway, flags or nothing.
    word: [u8; 4],
    /// Bytes after the 8-byte header (after the 4-byte header for ICMPv6 neighbour discovery).
    pub payload: &'a [u8],
}

/// What an echo carries, as far as it tells a ping from a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Bytes of data, also when the capture cut them.
    pub len: u32,
    /// The data in 32 bits, the time that ping writes in front left out; 0 when they are filling.
    pub digest: u32,
    /// Short, or filling as ping makes it: bytes that count up, or a pattern that repeats.
    pub filling: bool,
}

/// Data up to this length are not looked at: every ping by default is shorter.
const SHORT_LOAD: usize = 56;
/// ping keeps its time in up to 16 bytes, some put an identification behind it.
const TIME_BYTES: usize = 24;
/// Longest pattern that repeats: Windows writes 23 letters.
const LONGEST_PATTERN: usize = 32;
/// Bytes that are looked at.
const LOOKED_AT: usize = 256;

/// What the data of an echo are; `len` is their length on the wire.
pub fn load(data: &[u8], len: u32) -> Load {
    let filling = Load { len, digest: 0, filling: true };
    if data.len() <= SHORT_LOAD {
        return filling;
    }
    let data = &data[TIME_BYTES..data.len().min(TIME_BYTES + LOOKED_AT)];
    let counts_up = || data.windows(2).all(|w| w[1] == w[0].wrapping_add(1));
    let repeats = |every: usize| data.iter().skip(every).zip(data).all(|(a, b)| a == b);
    if counts_up() || (1..=LONGEST_PATTERN.min(data.len() / 2)).any(repeats) {
        return filling;
    }
    let digest = data.iter().fold(0x811c_9dc5u32, |hash, b| (hash ^ u32::from(*b)).wrapping_mul(0x0100_0193));
    Load { digest, filling: false, ..filling }
}

impl<'a> Message<'a> {
    /// What it means, where we look further. Read on demand: the answer is larger than any transport header, and
    /// every packet would carry its weight.
    pub fn meaning(&self) -> Meaning<'a> {
        let [a, b, c, d] = self.word;
        let (id, sequence) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        match (self.v6, self.kind) {
            (false, kind::ECHO_REQUEST) | (true, kind::V6_ECHO_REQUEST) => Meaning::EchoRequest(id, sequence),
            (false, kind::ECHO_REPLY) | (true, kind::V6_ECHO_REPLY) => Meaning::EchoReply(id, sequence),
            (false, kind::UNREACHABLE) => {
                Meaning::Unreachable { about: quoted(self.payload), port: self.code == 3 }
            }
            (true, kind::V6_UNREACHABLE) => {
                Meaning::Unreachable { about: quoted(self.payload), port: self.code == 4 }
            }
            (false, kind::REDIRECT) => match quoted(self.payload) {
                Some(about) => Meaning::Redirect { gateway: Ip::v4(self.word), destination: about.dst },
                None => Meaning::Other,
            },
            (true, kind) => neighbor_discovery(kind, self.payload).unwrap_or(Meaning::Other),
            _ => Meaning::Other,
        }
    }
}

/// The messages that matter to tables and detectors.
#[derive(Clone, Copy, Debug)]
pub enum Meaning<'a> {
    /// Echo request: id, sequence.
    EchoRequest(u16, u16),
    /// Echo reply: id, sequence.
    EchoReply(u16, u16),
    /// Destination unreachable about a datagram of ours; `port` is true for "port unreachable".
    Unreachable {
        /// The flow the error is about, when the quoted header could be read.
        about: Option<Quoted>,
        /// ICMP code 3, ICMPv6 code 4.
        port: bool,
    },
    /// Redirect (ICMP type 5, ICMPv6 type 137) towards a gateway, for a destination.
    Redirect {
        /// The proposed next hop.
        gateway: Ip,
        /// Whose traffic is redirected.
        destination: Ip,
    },
    /// Neighbour solicitation for `target`, with the sender's link address when given.
    NeighborSolicitation {
        /// The address asked for.
        target: Ip,
        /// Source link-layer address option.
        source_mac: MacAddr,
    },
    /// Neighbour advertisement.
    NeighborAdvertisement {
        /// The address claimed.
        target: Ip,
        /// Target link-layer address option; NONE when absent.
        target_mac: MacAddr,
        /// R flag: the sender is a router.
        router: bool,
        /// S flag: answers a solicitation.
        solicited: bool,
        /// O flag: replaces what caches hold.
        override_cache: bool,
    },
    /// Router advertisement; its options are in `payload`.
    RouterAdvertisement {
        /// Router lifetime, seconds; 0 = not a default router.
        lifetime_s: u16,
        /// Source link-layer address option; NONE when absent.
        source_mac: MacAddr,
        /// The options as they stand.
        options: &'a [u8],
    },
    /// Anything else.
    Other,
}

/// The addresses and ports of the packet that an ICMP error quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// Source of the quoted packet.
    pub src: Ip,
    /// Destination of the quoted packet.
    pub dst: Ip,
    /// Its IP protocol.
    pub protocol: u8,
    /// Source port, 0 when the protocol has none.
    pub src_port: u16,
    /// Destination port, 0 when the protocol has none.
    pub dst_port: u16,
}

/// The types that are read further, of ICMP and of ICMPv6.
mod kind {
    pub const ECHO_REPLY: u8 = 0;
    pub const UNREACHABLE: u8 = 3;
    pub const REDIRECT: u8 = 5;
    pub const ECHO_REQUEST: u8 = 8;

    pub const V6_UNREACHABLE: u8 = 1;
    pub const V6_ECHO_REQUEST: u8 = 128;
    pub const V6_ECHO_REPLY: u8 = 129;
    pub const V6_ROUTER_SOLICITATION: u8 = 133;
    pub const V6_ROUTER_ADVERTISEMENT: u8 = 134;
    pub const V6_NEIGHBOR_SOLICITATION: u8 = 135;
    pub const V6_NEIGHBOR_ADVERTISEMENT: u8 = 136;
    pub const V6_REDIRECT: u8 = 137;
}

/// Neighbour discovery options that are read (RFC 4861, section 4.6; RFC 8106).
mod option {
    pub const SOURCE_LINK_ADDRESS: u8 = 1;
    pub const TARGET_LINK_ADDRESS: u8 = 2;
    pub const PREFIX: u8 = 3;
    pub const NAME_SERVERS: u8 = 25;
}

/// Reads an ICMP message.
pub fn parse(bytes: &[u8]) -> Result<Message<'_>, Reject> {
    let (h, payload) = bytes.split_first_chunk::<8>().ok_or(Reject::IcmpTruncated)?;
    Ok(Message { v6: false, kind: h[0], code: h[1], word: [h[4], h[5], h[6], h[7]], payload })
}

/// Reads an ICMPv6 message. Neighbour discovery shorter than its fixed part is truncated.
pub fn parse_v6(bytes: &[u8]) -> Result<Message<'_>, Reject> {
    let (h, after) = bytes.split_first_chunk::<8>().ok_or(Reject::IcmpTruncated)?;
    let discovery = matches!(h[0], kind::V6_ROUTER_SOLICITATION..=kind::V6_REDIRECT);
    let payload = if discovery { &bytes[4..] } else { after };
    if discovery && neighbor_discovery(h[0], payload).is_none() {
        return Err(Reject::IcmpTruncated);
    }
    Ok(Message { v6: true, kind: h[0], code: h[1], word: [h[4], h[5], h[6], h[7]], payload })
}

/// The messages of RFC 4861, section 4, after their four-byte ICMPv6 header; `None` when the fixed part is cut.
fn neighbor_discovery(kind: u8, b: &[u8]) -> Option<Meaning<'_>> {
    let flags = *b.first()?;
    Some(match kind {
        kind::V6_ROUTER_ADVERTISEMENT => {
            let options = b.get(12..)?;
            let source_mac = link_address(options, option::SOURCE_LINK_ADDRESS);
            Meaning::RouterAdvertisement { lifetime_s: be16(b, 2)?, source_mac, options }
        }
        kind::V6_NEIGHBOR_SOLICITATION => Meaning::NeighborSolicitation {
            target: ip::address(b, 4)?,
            source_mac: link_address(b.get(20..)?, option::SOURCE_LINK_ADDRESS),
        },
        kind::V6_NEIGHBOR_ADVERTISEMENT => Meaning::NeighborAdvertisement {
            target: ip::address(b, 4)?,
            target_mac: link_address(b.get(20..)?, option::TARGET_LINK_ADDRESS),
            router: flags & 0x80 != 0,
            solicited: flags & 0x40 != 0,
            override_cache: flags & 0x20 != 0,
        },
        kind::V6_REDIRECT => {
            Meaning::Redirect { gateway: ip::address(b, 4)?, destination: ip::address(b, 20)? }
        }
        _ => Meaning::Other,
    })
}

/// The options of a neighbour discovery message: type, and the bytes after type and length. Ends at the first that
/// is cut or has no length.
pub fn options(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let [kind, units] = *bytes.first_chunk()?;
        let body = bytes.get(2..usize::from(units) * 8)?;
        bytes = &bytes[body.len() + 2..];
        Some((kind, body))
    })
}

/// What a router advertisement hands out: its first prefix with its length (RFC 4861, 4.6.2), and its first name server
/// (RFC 8106, 5.1).
pub fn advertised(bytes: &[u8]) -> (Option<(Ip, u8)>, Option<Ip>) {
    let (mut prefix, mut dns_server) = (None, None);
    for (kind, body) in options(bytes) {
        match kind {
            option::PREFIX => prefix = prefix.or(ip::address(body, 14).map(|net| (net, body[0]))),
            option::NAME_SERVERS => dns_server = dns_server.or(ip::address(body, 6)),
            _ => {}
        }
    }
    (prefix, dns_server)
}

fn link_address(bytes: &[u8], wanted: u8) -> MacAddr {
    let body = options(bytes).find(|(kind, body)| *kind == wanted && body.len() == 6);
    body.and_then(|(_, body)| body.first_chunk()).map_or(MacAddr::NONE, |b| MacAddr(*b))
}

/// The flow that an error is about. Errors quote at least the IP header and eight bytes more (RFC 792), of which the
/// ports of TCP, UDP, DCCP, SCTP and UDP-Lite are the first four.
fn quoted(bytes: &[u8]) -> Option<Quoted> {
    let (src, dst, protocol, upper, first) = ip::quoted(bytes)?;
    let ports = upper.first_chunk::<4>().filter(|_| first && matches!(protocol, 6 | 17 | 33 | 132 | 136));
    let [a, b, c, d] = ports.copied().unwrap_or_default();
    let (src_port, dst_port) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    Some(Quoted { src, dst, protocol, src_port, dst_port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pings_send_is_filling_and_other_data_are_told_apart() {
        let time = [0x5a, 1, 2, 3, 4, 5, 6, 7, 9, 1, 1, 4, 0, 0, 0, 0];
        let letters: Vec<u8> = (0..1400).map(|i| b'a' + (i % 23) as u8).collect();
        let counting: Vec<u8> = time.into_iter().chain((16..1400u32).map(|i| i as u8)).collect();
        let pattern: Vec<u8> = time.into_iter().chain([0xde, 0xad, 0xbe, 0xef].repeat(90)).collect();
        for data in [&letters, &counting, &pattern, &vec![0; 900], &counting[..57].to_vec(), &vec![7; 10]] {
            assert!(load(data, data.len() as u32).filling, "{:?}", &data[..10]);
        }
        let text = |n: u32| (0..200u32).map(|i| ((i * i * n) >> 3) as u8).collect::<Vec<u8>>();
        let (one, other) = (load(&text(7), 200), load(&text(9), 200));
        assert!(!one.filling && !other.filling && one.digest != other.digest);
        assert_eq!(one, load(&text(7), 200));
    }
    use etherparse::PacketBuilder;

    const STATION: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const TARGET: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];

    fn quote_v4() -> Vec<u8> {
        let mut out = Vec::new();
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(4000, 161).write(&mut out, b"").unwrap();
        out
    }

    #[test]
    fn echoes_carry_id_and_sequence_in_both_versions() {
        let body = [0, 0, 0, 0, 0x12, 0x34, 0, 5, 1, 2, 3];
        let with = |kind: u8| [&[kind][..], &body[1..]].concat();
        for (v6, request, reply) in [(false, 8, 0), (true, 128, 129)] {
            let read = if v6 { parse_v6 } else { parse };
            let bytes = with(request);
            let m = read(&bytes).unwrap();
            assert!(matches!(m.meaning(), Meaning::EchoRequest(0x1234, 5)), "{m:?}");
            assert_eq!((m.v6, m.kind, m.payload), (v6, request, &[1, 2, 3][..]));
            assert!(matches!(read(&with(reply)).unwrap().meaning(), Meaning::EchoReply(0x1234, 5)));
            assert_eq!(read(&body[..7]).unwrap_err(), Reject::IcmpTruncated);
        }
    }

    #[test]
    fn unreachables_name_the_flow_they_are_about() {
        let bytes = [&[3, 3, 0, 0, 0, 0, 0, 0][..], &quote_v4()].concat();
        let Meaning::Unreachable { about: Some(q), port: true } = parse(&bytes).unwrap().meaning() else {
            panic!()
        };
        assert_eq!((q.src, q.dst), (Ip::v4([10, 0, 0, 1]), Ip::v4([10, 0, 0, 2])));
        assert_eq!((q.protocol, q.src_port, q.dst_port), (17, 4000, 161));

        let mut quote = Vec::new();
        PacketBuilder::ipv6([1; 16], [2; 16], 64).tcp(4001, 22, 0, 0).write(&mut quote, b"").unwrap();
        let bytes = [&[1, 4, 0, 0, 0, 0, 0, 0][..], &quote[..48]].concat();
        let Meaning::Unreachable { about: Some(q), port: true } = parse_v6(&bytes).unwrap().meaning() else {
            panic!()
        };
        assert_eq!((q.protocol, q.src_port, q.dst_port, q.src), (6, 4001, 22, Ip::v6([1; 16])));

        let host = [3, 1, 0, 0, 0, 0, 0, 0, 0x45, 0];
        let m = parse(&host).unwrap();
        assert!(matches!(m.meaning(), Meaning::Unreachable { about: None, port: false }));
    }

    #[test]
    fn a_quoted_later_fragment_has_no_ports() {
        let mut quote = quote_v4();
        quote[7] = 9;
        let q = quoted(&quote).unwrap();
        assert_eq!((q.protocol, q.src_port, q.dst_port), (17, 0, 0));
    }

    #[test]
    fn redirects_name_gateway_and_destination() {
        let bytes = [&[5, 1, 0, 0, 10, 0, 0, 254][..], &quote_v4()].concat();
        let Meaning::Redirect { gateway, destination } = parse(&bytes).unwrap().meaning() else { panic!() };
        assert_eq!((gateway, destination), (Ip::v4([10, 0, 0, 254]), Ip::v4([10, 0, 0, 2])));
        let bytes = [&[137, 0, 0, 0, 0, 0, 0, 0][..], &TARGET, &[2; 16]].concat();
        let Meaning::Redirect { gateway, destination } = parse_v6(&bytes).unwrap().meaning() else {
            panic!()
        };
        assert_eq!((gateway, destination), (Ip::v6(TARGET), Ip::v6([2; 16])));
    }

    #[test]
    fn neighbour_discovery_gives_targets_flags_and_stations() {
        let option = |kind: u8| [&[14, 1, 0, 0, 0, 0, 0, 0, kind, 1][..], &STATION].concat();
        let bytes = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &TARGET, &option(1)].concat();
        let Meaning::NeighborSolicitation { target, source_mac } = parse_v6(&bytes).unwrap().meaning() else {
            panic!()
        };
        assert_eq!((target, source_mac), (Ip::v6(TARGET), MacAddr(STATION)));

        let bytes = [&[136, 0, 0, 0, 0xa0, 0, 0, 0][..], &TARGET, &option(2)].concat();
        let m = parse_v6(&bytes).unwrap();
        let Meaning::NeighborAdvertisement { target, target_mac, router, solicited, override_cache } =
            m.meaning()
        else {
            panic!()
        };
        assert_eq!((target, target_mac), (Ip::v6(TARGET), MacAddr(STATION)));
        assert_eq!((router, solicited, override_cache), (true, false, true));
        assert_eq!(m.payload, &bytes[4..]);

        let bytes = [&[134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0][..], &option(1)].concat();
        let m = parse_v6(&bytes).unwrap();
        let Meaning::RouterAdvertisement { lifetime_s, source_mac, options } = m.meaning() else { panic!() };
        assert_eq!((lifetime_s, source_mac, options.len()), (1800, MacAddr(STATION), 16));
        assert_eq!(parse_v6(&bytes[..12]).unwrap_err(), Reject::IcmpTruncated);
    }

    #[test]
    fn an_advertisement_tells_its_first_prefix_and_name_server() {
        let prefix = [&[3, 4, 64, 0xc0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0][..], &TARGET].concat();
        let servers = [&[25, 3, 0, 0, 0, 0, 0, 60][..], &[7; 16]].concat();
        let both = [&prefix[..], &servers, &prefix].concat();
        assert_eq!(advertised(&both), (Some((Ip::v6(TARGET), 64)), Some(Ip::v6([7; 16]))));
        for cut in 0..both.len() {
            let _ = advertised(&both[..cut]);
        }
        assert_eq!(advertised(&[3, 1, 64, 0, 0, 0, 0, 0]), (None, None));
    }

    #[test]
    fn options_without_length_or_end_stop_the_walk() {
        for bytes in [&[1u8, 0, 1, 1, 0, 0, 0, 0, 0, 0][..], &[1, 2, 0, 0, 0, 0, 0, 0], &[1]] {
            assert_eq!(options(bytes).count(), 0, "{bytes:?}");
        }
    }
}
