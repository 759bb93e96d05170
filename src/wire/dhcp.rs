//! DHCPv4 (RFC 2131, 2132) and DHCPv6 (RFC 8415).

use super::read::Reader;
use super::{Parsed, be32};
use crate::addr::{Ip, MacAddr};
use crate::counters::Reject;

/// The fixed part of BOOTP (RFC 951): everything before the options.
const FIXED: usize = 236;
const MAGIC_COOKIE: u32 = 0x6382_5363;
/// Relay messages unwrapped around a DHCPv6 message; real networks have one or two.
const MAX_RELAYS: usize = 4;

/// DHCPv4 message types (option 53).
pub mod kind {
    #![allow(missing_docs)]
    pub const DISCOVER: u8 = 1;
    pub const OFFER: u8 = 2;
    pub const REQUEST: u8 = 3;
    pub const DECLINE: u8 = 4;
    pub const ACK: u8 = 5;
    pub const NAK: u8 = 6;
    pub const RELEASE: u8 = 7;
    pub const INFORM: u8 = 8;
}

/// A DHCPv4 message as far as inventory and detectors need it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// BOOTP op: 1 request, 2 reply.
    pub op: u8,
    /// Option 53, see [`kind`]; 0 when absent (plain BOOTP).
    pub kind: u8,
    /// Transaction id.
    pub xid: u32,
    /// Client hardware address.
    pub client_mac: MacAddr,
    /// ciaddr: what the client has.
    pub client_ip: Ip,
    /// yiaddr: what the server gives.
    pub your_ip: Ip,
    /// giaddr: relay agent.
    pub relay_ip: Ip,
    /// Option 54.
    pub server_id: Option<Ip>,
    /// Option 50.
    pub requested_ip: Option<Ip>,
    /// First router of option 3.
    pub router: Option<Ip>,
    /// First server of option 6.
    pub dns_server: Option<Ip>,
    /// Option 12, as bytes of a stranger.
    pub host_name: &'a [u8],
    /// Option 60.
    pub vendor_class: &'a [u8],
    /// Option 55: the order is a fingerprint.
    pub parameters: &'a [u8],
    /// Option 61: what the client wants to be known by; begins with a hardware type, or 255 before a DUID.
    pub client_id: &'a [u8],
}

/// A DHCPv6 message.
#[derive(Clone, Copy, Debug)]
pub struct Message6<'a> {
    /// Message type: 1 solicit, 2 advertise, 3 request, 7 reply, …
    pub kind: u8,
    /// Transaction id.
    pub xid: u32,
    /// Client DUID (option 1).
    pub client_duid: &'a [u8],
    /// Server DUID (option 2).
    pub server_duid: &'a [u8],
    /// First label of the client FQDN (option 39).
    pub host_name: &'a [u8],
    /// First address of the first IA_NA.
    pub address: Option<Ip>,
    /// First server of option 23.
    pub dns_server: Option<Ip>,
}

/// Reads DHCPv4 (ports 67, 68). BOOTP without options counts, with `kind` 0.
pub fn parse(payload: &[u8]) -> Parsed<Message<'_>> {
    match payload {
        [1 | 2, _, 0..=16, ..] => Parsed::or_bad(options(payload), Reject::DhcpMalformed),
        _ => Parsed::No,
    }
}

fn options(payload: &[u8]) -> Option<Message<'_>> {
    let mut message = fixed(payload.get(..FIXED)?)?;
    if be32(payload, FIXED) != Some(MAGIC_COOKIE) {
        return Some(message);
    }
    let overload = message.area(&payload[FIXED + 4..])?;
    // Options that found no room go on in the fields for file and server name (RFC 2131, 4.1).
    if overload & 1 != 0 {
        message.area(&payload[108..FIXED])?;
    }
    if overload & 2 != 0 {
        message.area(&payload[44..108])?;
    }
    Some(message)
}

fn fixed(bytes: &[u8]) -> Option<Message<'_>> {
    let ip = |at: usize| ip4(bytes.get(at..)?);
    let ethernet = bytes[1] == 1 && bytes[2] == 6;
    Some(Message {
        op: bytes[0],
        kind: 0,
        xid: be32(bytes, 4)?,
        client_mac: if ethernet { MacAddr(bytes[28..34].try_into().ok()?) } else { MacAddr::NONE },
        client_ip: ip(12)?,
        your_ip: ip(16)?,
        relay_ip: ip(24)?,
        server_id: None,
        requested_ip: None,
        router: None,
        dns_server: None,
        host_name: &[],
        vendor_class: &[],
        parameters: &[],
        client_id: &[],
    })
}

/// The first address of a list.
fn ip4(list: &[u8]) -> Option<Ip> {
    list.first_chunk::<4>().map(|b| Ip::v4(*b))
}

impl<'a> Message<'a> {
    /// The DUID inside option 61 (RFC 4361, 6.1), the same that the client uses with DHCPv6.
    pub fn duid(&self) -> Option<&'a [u8]> {
        match self.client_id {
            [255, _, _, _, _, duid @ ..] if duid.len() > 4 => Some(duid),
            _ => None,
        }
    }

    /// Reads one area of options and returns option 52 (which other fields hold options too). A missing end mark is
    /// forgiven, an option that does not fit is not. Of an option given twice the first counts.
    fn area(&mut self, bytes: &'a [u8]) -> Option<u8> {
        let (mut rest, mut overload) = (Reader(bytes), 0);
        while let Some(code) = rest.u8() {
            if code == 0 {
                continue;
            }
            if code == 255 {
                break;
            }
            let value = rest.counted8()?;
            match (code, value) {
                (52, [which]) => overload = *which,
                _ => self.option(code, value),
            }
        }
        Some(overload)
    }

    fn option(&mut self, code: u8, value: &'a [u8]) {
        let text = match code {
            12 => &mut self.host_name,
            60 => &mut self.vendor_class,
            55 => &mut self.parameters,
            61 => &mut self.client_id,
            _ => return self.address_option(code, value),
        };
        if text.is_empty() {
            *text = value;
        }
    }

    fn address_option(&mut self, code: u8, value: &[u8]) {
        let field = match code {
            3 => &mut self.router,
            6 => &mut self.dns_server,
            50 => &mut self.requested_ip,
            54 => &mut self.server_id,
            53 => {
                if self.kind == 0 {
                    self.kind = value.first().copied().unwrap_or(0);
                }
                return;
            }
            _ => return,
        };
        *field = field.or(ip4(value));
    }
}

/// Reads DHCPv6 (ports 546, 547). Of a relayed message it is the one inside that is read.
pub fn parse6(payload: &[u8]) -> Parsed<Message6<'_>> {
    let mut inner = payload;
    for _ in 0..=MAX_RELAYS {
        match inner {
            [1..=11, ..] => return Parsed::or_bad(options6(inner), Reject::DhcpMalformed),
            // RELAY-FORW and RELAY-REPL: hops, link and peer address, then options with the message in number 9.
            [12 | 13, ..] => match relayed(inner) {
                Some(message) => inner = message,
                None => return Parsed::Bad(Reject::DhcpMalformed),
            },
            _ => return Parsed::No,
        }
    }
    Parsed::Bad(Reject::DhcpMalformed)
}

fn relayed(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = Reader(bytes.get(34..)?);
    loop {
        if let (9, message) = option6(&mut rest)? {
            return Some(message);
        }
    }
}

fn option6<'a>(rest: &mut Reader<'a>) -> Option<(u16, &'a [u8])> {
    Some((rest.u16()?, rest.counted16()?))
}

fn options6(bytes: &[u8]) -> Option<Message6<'_>> {
    let mut message = Message6 {
        kind: bytes[0],
        xid: be32(bytes, 0)? & 0x00ff_ffff,
        client_duid: &[],
        server_duid: &[],
        host_name: &[],
        address: None,
        dns_server: None,
    };
    let mut rest = Reader(&bytes[4..]);
    while !rest.is_empty() {
        let (code, value) = option6(&mut rest)?;
        match code {
            1 => message.client_duid = value,
            2 => message.server_duid = value,
            3 if message.address.is_none() => message.address = leased(value),
            23 => message.dns_server = message.dns_server.or(ip6(value)),
            39 => message.host_name = first_label(value).unwrap_or(&[]),
            _ => {}
        }
    }
    Some(message)
}

/// The first address inside an IA_NA: its identifier and two times come first.
fn leased(association: &[u8]) -> Option<Ip> {
    let mut rest = Reader(association.get(12..)?);
    loop {
        if let (5, address) = option6(&mut rest)? {
            return ip6(address);
        }
    }
}

fn ip6(list: &[u8]) -> Option<Ip> {
    list.first_chunk::<16>().map(|b| Ip::v6(*b))
}

/// Flags, then a name in DNS form (RFC 4704).
fn first_label(fqdn: &[u8]) -> Option<&[u8]> {
    Reader(fqdn.get(1..)?).counted8()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bootp(options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; FIXED];
        bytes[..3].copy_from_slice(&[2, 1, 6]);
        bytes[4..8].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
        bytes[16..20].copy_from_slice(&[10, 0, 0, 9]);
        bytes[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
        bytes.extend(MAGIC_COOKIE.to_be_bytes());
        bytes.extend(options);
        bytes
    }

    fn offer() -> Vec<u8> {
        let mut options = vec![53, 1, kind::OFFER, 0, 54, 4, 10, 0, 0, 1, 3, 8, 10, 0, 0, 1, 10, 0, 0, 2];
        options.extend([6, 4, 9, 9, 9, 9, 50, 4, 10, 0, 0, 9, 12, 3, b'p', b'i', b'x', 60, 2, b'v', b'c']);
        options.extend([55, 3, 1, 3, 6, 255]);
        bootp(&options)
    }

    fn yes(bytes: &[u8]) -> Message<'_> {
        match parse(bytes) {
            Parsed::Yes(message) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_offer_says_who_gives_what_to_whom() {
        let bytes = offer();
        let m = yes(&bytes);
        assert_eq!((m.op, m.kind, m.xid), (2, kind::OFFER, 0xdeadbeef));
        assert_eq!(m.client_mac, MacAddr([2, 0, 0, 0, 0, 9]));
        assert_eq!((m.your_ip, m.requested_ip), (Ip::v4([10, 0, 0, 9]), Some(Ip::v4([10, 0, 0, 9]))));
        assert_eq!((m.server_id, m.router), (Some(Ip::v4([10, 0, 0, 1])), Some(Ip::v4([10, 0, 0, 1]))));
        assert_eq!(m.dns_server, Some(Ip::v4([9, 9, 9, 9])));
        assert_eq!((m.host_name, m.vendor_class, m.parameters), (&b"pix"[..], &b"vc"[..], &[1, 3, 6][..]));
    }

    #[test]
    fn a_client_identifier_may_hold_the_identifier_of_dhcpv6() {
        let bytes = bootp(&[61, 11, 255, 1, 2, 3, 4, 0, 4, 9, 8, 7, 6, 255]);
        assert_eq!(yes(&bytes).duid(), Some(&[0, 4, 9, 8, 7, 6][..]));
        let bytes = bootp(&[61, 7, 1, 2, 0, 0, 0, 0, 9, 255]);
        assert_eq!((yes(&bytes).client_id.len(), yes(&bytes).duid()), (7, None), "its station address");
        assert_eq!(yes(&bootp(&[61, 3, 255, 1, 2])).duid(), None);
    }

    #[test]
    fn options_go_on_in_the_file_and_server_name_fields() {
        let mut bytes = bootp(&[52, 1, 3, 255]);
        bytes[108..113].copy_from_slice(&[53, 1, kind::ACK, 255, 0]);
        bytes[44..50].copy_from_slice(&[12, 3, b'n', b'a', b's', 255]);
        assert_eq!((yes(&bytes).kind, yes(&bytes).host_name), (kind::ACK, &b"nas"[..]));
        bytes[242] = 1;
        assert_eq!(yes(&bytes).host_name, b"", "only the file field was named");
    }

    #[test]
    fn a_missing_end_is_forgiven_and_an_option_past_the_end_is_not() {
        assert_eq!(yes(&bootp(&[53, 1, 1])).kind, kind::DISCOVER);
        assert!(matches!(parse(&bootp(&[53, 1, 1, 12, 9, b'x'])), Parsed::Bad(Reject::DhcpMalformed)));
        assert!(matches!(parse(&offer()[..200]), Parsed::Bad(Reject::DhcpMalformed)));
        assert!(matches!(parse(b"\x05other"), Parsed::No));
    }

    #[test]
    fn bootp_without_options_and_addresses_of_other_media_are_read() {
        let mut bytes = bootp(&[]);
        bytes[1..3].copy_from_slice(&[6, 16]);
        bytes.truncate(FIXED);
        assert_eq!((yes(&bytes).kind, yes(&bytes).client_mac), (0, MacAddr::NONE));
    }

    fn reply6() -> Vec<u8> {
        let mut bytes = vec![7, 1, 2, 3, 0, 1, 0, 2, 0xaa, 0xbb, 0, 2, 0, 1, 0xcc];
        bytes.extend([0, 3, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 24]);
        bytes.extend([0xfd; 16]);
        bytes.extend([0; 8]);
        bytes.extend([0, 23, 0, 16]);
        bytes.extend([0xfc; 16]);
        bytes.extend([0, 39, 0, 9, 0, 3, b'n', b'a', b's', 3, b'l', b'a', b'n']);
        bytes
    }

    #[test]
    fn a_dhcpv6_reply_is_read_also_inside_relay_messages() {
        let mut bytes = reply6();
        for _ in 0..3 {
            let Parsed::Yes(m) = parse6(&bytes) else { panic!() };
            assert_eq!((m.kind, m.xid, m.client_duid), (7, 0x010203, &[0xaa, 0xbb][..]));
            assert_eq!((m.server_duid, m.host_name), (&[0xcc][..], &b"nas"[..]));
            assert_eq!((m.address, m.dns_server), (Some(Ip::v6([0xfd; 16])), Some(Ip::v6([0xfc; 16]))));
            let mut relay = vec![12; 34];
            relay.extend([0, 18, 0, 1, 7, 0, 9]);
            relay.extend((bytes.len() as u16).to_be_bytes());
            relay.extend(&bytes);
            bytes = relay;
        }
        bytes.pop();
        assert!(matches!(parse6(&bytes), Parsed::Bad(Reject::DhcpMalformed)));
        assert!(matches!(parse6(&[99, 0, 0, 0]), Parsed::No));
        assert!(matches!(parse6(&[]), Parsed::No));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = (parse(&bytes), parse6(&bytes), parse(&bootp(&bytes)));
        }

        #[test]
        fn damaged_messages_are_survived(at: usize, byte: u8, cut in 0..300usize) {
            for mut bytes in [offer(), reply6()] {
                let at = at % bytes.len();
                bytes[at] = byte;
                bytes.truncate(cut);
                let _ = (parse(&bytes), parse6(&bytes));
            }
        }
    }
}
