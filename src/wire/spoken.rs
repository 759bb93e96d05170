//! What a service speaks, by the first bytes it says itself: strict signatures, whatever the port.
//!
//! A server's own words are looked at, so that a scanner's request to a port that answers something else is nothing.

use super::{Parsed, be16, dns, http};

/// A protocol that was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RFC 4253.
    Ssh,
    /// RFC 9112.
    Http,
    /// RFC 8446 and before.
    Tls,
    /// RFC 1035.
    Dns,
    /// RFC 959.
    Ftp,
    /// MS-RDPBCGR.
    Rdp,
    /// WireGuard.
    WireGuard,
    /// OpenVPN.
    OpenVpn,
    /// IKE (RFC 7296).
    Ike,
}

impl Protocol {
    /// Name for people and evidence.
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::Ssh => "SSH",
            Protocol::Http => "HTTP",
            Protocol::Tls => "TLS",
            Protocol::Dns => "DNS",
            Protocol::Ftp => "FTP",
            Protocol::Rdp => "RDP",
            Protocol::WireGuard => "WireGuard",
            Protocol::OpenVpn => "OpenVPN",
            Protocol::Ike => "IKE",
        }
    }
}

/// What the first TCP payload of a server says that it speaks.
#[inline]
pub fn by_server(bytes: &[u8]) -> Option<Protocol> {
    match bytes {
        [b'S', b'S', b'H', b'-', b'1' | b'2', b'.', ..] => Some(Protocol::Ssh),
        [b'H', b'T', b'T', b'P', b'/', ..] => http::status_of(bytes).map(|_| Protocol::Http),
        // ServerHello or an alert, of any version since SSL 3.0.
        [22, 3, 0..=4, 0..=0x41, _, 2, ..] | [21, 3, 0..=4, 0, 2, 1 | 2, _] => Some(Protocol::Tls),
        [b'2', b'2', b'0', b' ' | b'-', ..] => says_ftp(bytes).then_some(Protocol::Ftp),
        // TPKT, and in it an X.224 connection confirm that negotiates (2.2.1.2).
        [3, 0, 0, 19, 14, 0xd0, 0, 0, _, _, _, 2 | 3, _, 8, 0, ..] => Some(Protocol::Rdp),
        _ => is_dns_stream(bytes).then_some(Protocol::Dns),
    }
}

fn says_ftp(bytes: &[u8]) -> bool {
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    line.len() <= 512 && line.windows(3).any(|w| w.eq_ignore_ascii_case(b"ftp"))
}

/// A whole DNS answer behind its length: the length fits, it is read to its end, and it answers one question.
fn is_dns_stream(bytes: &[u8]) -> bool {
    be16(bytes, 0).is_some_and(|len| usize::from(len) + 2 == bytes.len())
        && matches!(dns::parse(&bytes[2..]), Parsed::Yes(m) if m.response && m.opcode == 0 && m.counts[0] == 1
            && m.question.is_some_and(|q| q.class == 1))
}

/// What the first datagram of a client says that it speaks.
#[inline]
pub fn by_datagram(bytes: &[u8]) -> Option<Protocol> {
    const INITIATION: usize = 148;
    match bytes {
        // Type 1, three reserved bytes (WireGuard, 5.4.2).
        [1, 0, 0, 0, ..] if bytes.len() == INITIATION => Some(Protocol::WireGuard),
        // P_CONTROL_HARD_RESET_CLIENT_V2 (7) or _V3 (10), key 0, and the lengths that it has without protection, with
        // tls-auth by SHA-1, SHA-256 (tls-crypt, too) or SHA-512.
        [0x38, ..] if matches!(bytes.len(), 42 | 54 | 86) => Some(Protocol::OpenVpn),
        [0x38, _, _, _, _, _, _, _, _, 0, 0, 0, 0, 0] => Some(Protocol::OpenVpn),
        [0x50, ..] if (300..1200).contains(&bytes.len()) && opens_v3(bytes) => Some(Protocol::OpenVpn),
        // A plain question: no flags but "recursion wanted", one question, at most one additional record.
        [_, _, 0 | 1, 0 | 0x10 | 0x20, 0, 1, 0, 0, 0, 0, 0, 0 | 1, ..] => {
            is_question(bytes).then_some(Protocol::Dns)
        }
        _ => is_ike(bytes).then_some(Protocol::Ike),
    }
}

/// The wrapped key of tls-crypt-v2 ends with its own length.
fn opens_v3(bytes: &[u8]) -> bool {
    let wrapped = be16(bytes, bytes.len() - 2).map_or(0, usize::from);
    (200..bytes.len()).contains(&wrapped)
}

fn is_question(bytes: &[u8]) -> bool {
    matches!(dns::parse(bytes), Parsed::Yes(m) if m.question.is_some_and(|q| q.class == 1 && q.name.as_str().contains('.')))
}

/// The first message of IKE: no responder yet, a known version and exchange, its own length; after four zero bytes on
/// port 4500.
fn is_ike(bytes: &[u8]) -> bool {
    let message = bytes.strip_prefix(&[0; 4]).unwrap_or(bytes);
    let (Some(head), true) = (message.get(8..28), message.len() <= 3000) else { return false };
    let length = u32::from_be_bytes([head[16], head[17], head[18], head[19]]);
    head[..8] == [0; 8]
        && matches!((head[9], head[10]), (0x20, 34) | (0x10, 2 | 4))
        && length as usize == message.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer() -> Vec<u8> {
        let message = b"\x12\x34\x81\x80\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x10\0\x01";
        [&(message.len() as u16).to_be_bytes(), &message[..]].concat()
    }

    #[test]
    fn services_are_known_by_what_they_say() {
        for (bytes, want) in [
            (&b"SSH-2.0-OpenSSH_9.6\r\n"[..], Some(Protocol::Ssh)),
            (b"HTTP/1.1 200 OK\r\n\r\n", Some(Protocol::Http)),
            (b"\x16\x03\x03\0\x7a\x02\0\0\x76", Some(Protocol::Tls)),
            (b"\x15\x03\x03\0\x02\x02\x28", Some(Protocol::Tls)),
            (b"220 ProFTPD Server ready.\r\n", Some(Protocol::Ftp)),
            (b"220 mail.example ESMTP\r\n", None),
            (b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\x1f\x08\0\x02\0\0\0", Some(Protocol::Rdp)),
            (&answer(), Some(Protocol::Dns)),
            (&answer()[..20], None),
            (b"GET / HTTP/1.1\r\n", None),
            (b"\x16\x03\x03\0\x7a\x01", None),
            (b"", None),
        ] {
            assert_eq!(by_server(bytes), want, "{bytes:?}");
        }
    }

    #[test]
    fn tunnels_are_known_by_their_first_datagram() {
        let mut wireguard = [7; 148];
        wireguard[..4].copy_from_slice(&[1, 0, 0, 0]);
        assert_eq!(by_datagram(&wireguard), Some(Protocol::WireGuard));
        assert_eq!(by_datagram(&wireguard[..147]), None);
        assert_eq!(by_datagram(b"\x38abcdefgh\0\0\0\0\0"), Some(Protocol::OpenVpn));
        assert_eq!(by_datagram(b"\x38abcdefghijklmn"), None);
        let mut ike = [&[9; 8][..], &[0; 8], &[33, 0x20, 34, 8, 0, 0, 0, 0, 0, 0, 0, 40], &[5; 12]].concat();
        assert_eq!(by_datagram(&ike), Some(Protocol::Ike));
        assert_eq!(by_datagram(&[&[0; 4], &ike[..]].concat()), Some(Protocol::Ike));
        ike[27] = 41;
        assert_eq!(by_datagram(&ike), None);
        assert_eq!(by_datagram(&answer()[2..]), None, "an answer asks nothing");
        let mut question = answer()[2..].to_vec();
        question[2..4].copy_from_slice(&[1, 0]);
        assert_eq!(by_datagram(&question), Some(Protocol::Dns));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), first in 0u8..=0x50) {
            let marked = [&[first], &bytes[..]].concat();
            let _ = (by_server(&bytes), by_datagram(&bytes), by_server(&marked), by_datagram(&marked));
        }
    }
}
