//! QUIC Initial packets (RFC 9000, 9001; version 2: RFC 9369): the ClientHello inside is readable by anyone.
//!
//! Initials are encrypted with keys that follow from the client's first destination connection id and a published
//! salt, against meddling on the path and not against reading.

mod keys;

use super::read::Reader;
use super::{
    Parsed,
    tls::{self, ClientHello, MAX_HELLO},
};
use crate::counters::Reject;
use keys::Keys;

/// Packets looked at in one datagram: clients send an Initial with 0-RTT or a Handshake packet after it.
const MAX_PACKETS: usize = 4;
/// Client datagrams looked at in one connection.
const MAX_DATAGRAMS: u8 = 16;
/// Pieces of the ClientHello kept. Browsers shuffle theirs into a few dozen.
const MAX_PIECES: usize = 128;
/// Longest connection id of versions 1 and 2.
const MAX_ID: u8 = 20;

/// Collects the CRYPTO frames of one connection's client Initials until the ClientHello is whole.
///
/// Holds at most [`MAX_HELLO`] bytes of it and looks at no more than sixteen datagrams.
#[derive(Clone, Debug, Default)]
pub struct Initial {
    keys: Option<Keys>,
    crypto: Vec<u8>,
    /// Begin and end of the parts of `crypto` that have come.
    pieces: Vec<(usize, usize)>,
    datagrams: u8,
}

impl Initial {
    /// Takes one client datagram. `Yes` with the ClientHello (JA4 begins with `q`), `More` while parts are missing.
    pub fn datagram(&mut self, payload: &[u8]) -> Parsed<ClientHello> {
        self.datagrams = self.datagrams.saturating_add(1);
        if self.datagrams > MAX_DATAGRAMS {
            return Parsed::No;
        }
        let mut rest = payload;
        let mut packets = 0;
        for _ in 0..MAX_PACKETS {
            let Some((packet, after)) = long_packet(rest) else { break };
            rest = after;
            packets += 1;
            if packet.is_some_and(|initial| self.take(&initial).is_none()) {
                return Parsed::Bad(Reject::QuicMalformed);
            }
        }
        match (packets, self.datagrams) {
            // 0-RTT that overtook its Initial is a packet, too: the Initial may yet come.
            (0, 1) => Parsed::No,
            _ => {
                let whole = self.contiguous();
                tls::client_hello_in_quic(&self.crypto[..whole])
            }
        }
    }

    /// Opens one Initial and keeps its CRYPTO frames.
    fn take(&mut self, packet: &Packet<'_>) -> Option<()> {
        if let Some(plain) = self.keys.as_ref().and_then(|keys| keys.open(packet.bytes, packet.number_at)) {
            return self.frames(&plain);
        }
        // The first Initial, or the first after a Retry, which changes the id that the keys come from. The message
        // itself stays the same, so what was gathered may stay.
        let keys = Keys::of_client(packet.version, packet.destination);
        let plain = keys.open(packet.bytes, packet.number_at)?;
        self.keys = Some(keys);
        self.frames(&plain)
    }

    /// Reads the frames that an Initial may hold (RFC 9000, 17.2.2).
    fn frames(&mut self, plain: &[u8]) -> Option<()> {
        let mut rest = Reader(plain);
        while let Some(kind) = rest.u8() {
            match kind {
                0 | 1 => {}
                2 | 3 => acknowledgement(&mut rest, kind == 3)?,
                6 => {
                    let (offset, len) = (variable(&mut rest)?, variable(&mut rest)?);
                    self.piece(offset, rest.take(len)?)?;
                }
                // CONNECTION_CLOSE: nothing that follows matters.
                0x1c => return Some(()),
                _ => return None,
            }
        }
        Some(())
    }

    fn piece(&mut self, offset: usize, data: &[u8]) -> Option<()> {
        let end = offset.checked_add(data.len())?;
        if end > MAX_HELLO + 4 || self.pieces.len() == MAX_PIECES {
            return None;
        }
        if self.crypto.len() < end {
            self.crypto.resize(end, 0);
        }
        self.crypto[offset..end].copy_from_slice(data);
        self.pieces.push((offset, end));
        Some(())
    }

    /// How many bytes have come without a gap.
    fn contiguous(&mut self) -> usize {
        self.pieces.sort_unstable();
        self.pieces
            .iter()
            .fold(0, |reached, (begin, end)| if *begin <= reached { reached.max(*end) } else { reached })
    }
}

/// Steps over what an ACK frame holds; each range takes two bytes at least, so the packet bounds their number.
fn acknowledgement(rest: &mut Reader<'_>, congestion: bool) -> Option<()> {
    let (_largest, _delay) = (variable(rest)?, variable(rest)?);
    let ranges = variable(rest)?;
    variable(rest)?;
    for _ in 0..ranges {
        let (_gap, _range) = (variable(rest)?, variable(rest)?);
    }
    for _ in 0..if congestion { 3 } else { 0 } {
        variable(rest)?;
    }
    Some(())
}

/// An Initial packet: its bytes alone, and where its packet number begins.
struct Packet<'a> {
    version: Version,
    destination: &'a [u8],
    bytes: &'a [u8],
    number_at: usize,
}

/// The versions whose Initials can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Version {
    fn of(bytes: [u8; 4]) -> Option<Version> {
        match u32::from_be_bytes(bytes) {
            1 => Some(Version::One),
            0x6b33_43cf => Some(Version::Two),
            _ => None,
        }
    }

    /// Version 2 numbers its packet types differently, so that nobody relies on them.
    fn is_initial(self, first: u8) -> bool {
        (first >> 4 & 3) == if self == Version::One { 0 } else { 1 }
    }

    /// A Retry has no length, and clients do not send it.
    fn is_retry(self, first: u8) -> bool {
        (first >> 4 & 3) == if self == Version::One { 3 } else { 0 }
    }
}

/// Whether `payload` looks like a long-header QUIC Initial of a known version: cheap, no decryption.
#[inline]
pub fn looks_initial(payload: &[u8]) -> bool {
    match payload {
        [first @ 0xc0..=0xff, a, b, c, d, 0..=MAX_ID, _, ..] => {
            Version::of([*a, *b, *c, *d]).is_some_and(|version| version.is_initial(*first))
        }
        _ => false,
    }
}

/// The packet at the start of `bytes`, when it has a long header of a known version, and what follows it. The packet
/// is `None` when it is not an Initial.
fn long_packet(bytes: &[u8]) -> Option<(Option<Packet<'_>>, &[u8])> {
    let mut rest = Reader(bytes);
    let first = rest.u8().filter(|first| first & 0xc0 == 0xc0)?;
    let version = Version::of(rest.take(4)?.try_into().ok()?)?;
    let destination = rest.counted8()?;
    let source = rest.counted8()?;
    if version.is_retry(first) || destination.len().max(source.len()) > usize::from(MAX_ID) {
        return None;
    }
    let initial = version.is_initial(first);
    if initial {
        let token = variable(&mut rest)?;
        rest.take(token)?;
    }
    let len = variable(&mut rest)?;
    let number_at = bytes.len() - rest.0.len();
    rest.take(len)?;
    let packet = Packet { version, destination, bytes: &bytes[..number_at + len], number_at };
    Some((initial.then_some(packet), rest.0))
}

/// A variable-length integer (RFC 9000, 16).
fn variable(rest: &mut Reader<'_>) -> Option<usize> {
    let first = rest.u8()?;
    let mut value = u64::from(first & 0x3f);
    for byte in rest.take((1 << (first >> 6)) - 1)? {
        value = value << 8 | u64::from(*byte);
    }
    usize::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::keys::tests::{RFC_ID, rfc_packet, seal};
    use super::*;
    use crate::wire::tls::tests::sample_client;
    use proptest::prelude::*;

    /// A client Initial of `version` to `id`, sealed with the keys of `keyed`.
    fn initial(version: Version, keyed: &[u8], id: &[u8], number: u8, frames: &[u8]) -> Vec<u8> {
        let (first, wire) = match version {
            Version::One => (0xc3, [0, 0, 0, 1]),
            Version::Two => (0xd3, [0x6b, 0x33, 0x43, 0xcf]),
        };
        let mut header = vec![first];
        header.extend(wire);
        header.push(id.len() as u8);
        header.extend(id);
        header.extend([1, 7, 2, b't', b'k']); // source id and token
        header.extend((0x4000 | (frames.len() + 20) as u16).to_be_bytes());
        header.extend([0, 0, 0, number]);
        seal(&Keys::of_client(version, keyed), &header, frames)
    }

    fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
        let mut frame = vec![6];
        frame.extend((0x4000 | offset as u16).to_be_bytes());
        frame.extend((0x4000 | data.len() as u16).to_be_bytes());
        frame.extend(data);
        frame
    }

    fn yes(parsed: Parsed<ClientHello>) -> ClientHello {
        match parsed {
            Parsed::Yes(hello) => hello,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_example_of_the_specification_names_its_server() {
        let packet = rfc_packet();
        assert!(looks_initial(&packet));
        let hello = yes(Initial::default().datagram(&packet));
        assert_eq!(
            (hello.server_name.as_deref(), hello.alpn.as_deref()),
            (Some("example.com"), Some("alpn"))
        );
        assert!(hello.ja4.starts_with("q13d0211an_"), "{}", hello.ja4);
    }

    #[test]
    fn pieces_in_any_order_over_several_datagrams_of_either_version_make_one_hello() {
        let hello = sample_client("pieces.example");
        let (a, b, c) = (&hello[..40], &hello[40..200], &hello[200..]);
        for version in [Version::One, Version::Two] {
            let mut gather = Initial::default();
            let ack = [2, 5, 0, 1, 0, 3, 3];
            let first = [&[0, 1][..], &crypto(200, c), &[0; 9], &ack].concat();
            assert_eq!(gather.datagram(&initial(version, &RFC_ID, &RFC_ID, 0, &first)), Parsed::More);
            // From its second flight on a client writes to the id that the server chose; the keys stay.
            let second = [crypto(0, a), crypto(20, &hello[20..90])].concat();
            assert_eq!(gather.datagram(&initial(version, &RFC_ID, b"server", 1, &second)), Parsed::More);
            let third = initial(version, &RFC_ID, b"server", 2, &crypto(40, b));
            assert_eq!(yes(gather.datagram(&third)).server_name.as_deref(), Some("pieces.example"));
        }
    }

    #[test]
    fn after_a_retry_the_keys_come_from_the_new_id() {
        let hello = sample_client("retry.example");
        let mut gather = Initial::default();
        let first = initial(Version::One, &RFC_ID, &RFC_ID, 0, &crypto(0, &hello[..50]));
        assert_eq!(gather.datagram(&first), Parsed::More);
        let again = initial(Version::One, b"retried!", b"retried!", 1, &crypto(0, &hello));
        assert_eq!(yes(gather.datagram(&again)).server_name.as_deref(), Some("retry.example"));
    }

    #[test]
    fn what_is_not_an_initial_is_told_apart_from_what_does_not_open() {
        let mut packet = rfc_packet();
        for other in [&b""[..], b"\x40short header", &packet[..20], &[0xc0, 0, 0, 0, 0, 8, 1, 2, 3]] {
            assert_eq!(Initial::default().datagram(other), Parsed::No, "{other:?}");
        }
        let overtaken = [&[0xd3, 0, 0, 0, 1, 2, 8, 8, 1, 7, 0x1e][..], &[0; 30]].concat();
        assert_eq!(Initial::default().datagram(&overtaken), Parsed::More, "0-RTT before the Initial");
        packet[900] ^= 1;
        assert_eq!(Initial::default().datagram(&packet), Parsed::Bad(Reject::QuicMalformed));
        packet[0] |= 0x20;
        assert!(!looks_initial(&packet), "a handshake packet");
        assert!(!looks_initial(b"\xc0\0\0\0\x02\x08aaaaaaaaaaaa"), "an unknown version");
    }

    #[test]
    fn a_hello_that_never_ends_is_given_up() {
        let open_end = |offset| initial(Version::One, &RFC_ID, &RFC_ID, 0, &crypto(offset, &[1, 0, 0x30, 0]));
        let mut gather = Initial::default();
        let outcomes: Vec<_> = (0..300).map(|_| gather.datagram(&open_end(0))).collect();
        assert_eq!(outcomes[15], Parsed::More);
        assert!(outcomes[16..].iter().all(|outcome| *outcome == Parsed::No));
        assert!(gather.crypto.len() <= MAX_HELLO + 4 && gather.pieces.len() <= MAX_PIECES);
        let far = [&[6, 0x80, 0, 0x40, 1, 4][..], &[0; 30]].concat();
        let beyond = initial(Version::One, &RFC_ID, &RFC_ID, 0, &far);
        assert_eq!(Initial::default().datagram(&beyond), Parsed::Bad(Reject::QuicMalformed));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (looks_initial(&bytes), Initial::default().datagram(&bytes));
            let _ = Initial::default().frames(&bytes);
            let long = [&[0xc3, 0, 0, 0, 1], &bytes[..]].concat();
            let _ = Initial::default().datagram(&long);
        }

        #[test]
        fn frames_made_up_by_somebody_who_has_the_keys_are_survived(
            frames in proptest::collection::vec(any::<u8>(), 4..200),
        ) {
            let mut gather = Initial::default();
            let _ = gather.datagram(&initial(Version::One, &RFC_ID, &RFC_ID, 0, &frames));
            let _ = gather.datagram(&initial(Version::One, &RFC_ID, &RFC_ID, 1, &frames));
            prop_assert!(gather.crypto.len() <= MAX_HELLO + 4);
        }
    }
}
