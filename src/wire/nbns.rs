//! NetBIOS name service (RFC 1002): who says which name is theirs.

use super::{Parsed, be16};
use crate::addr::Ip;
use crate::counters::Reject;

/// One name service message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Transaction id.
    pub id: u16,
    /// Response bit.
    pub response: bool,
    /// 0 query, 5 registration, 6 release, 8 refresh.
    pub opcode: u8,
    /// The decoded name without its suffix and padding, cleaned: bytes of printable ASCII.
    pub name: NetbiosName,
    /// The sixteenth byte: 0x00 workstation, 0x20 file server, 0x1b/0x1c/0x1d domain roles.
    pub suffix: u8,
    /// Address in the answer or registration.
    pub address: Option<Ip>,
}

/// Up to fifteen printable ASCII characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetbiosName {
    len: u8,
    bytes: [u8; 15],
}

impl NetbiosName {
    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("")
    }
}

const HEADER: usize = 12;
/// A name on the wire: length 32, two letters for each of sixteen bytes, and the end or a scope.
const ENCODED: usize = 32;
/// Record types: name, node status, and the empty record of a refusal.
const NB: u16 = 0x20;
const NULL: u16 = 0x0a;
const NBSTAT: u16 = 0x21;

/// Reads a message (UDP port 137).
pub fn parse(payload: &[u8]) -> Parsed<Message> {
    let (Some(flags), Some(32)) = (be16(payload, 2), payload.get(HEADER).copied()) else {
        return Parsed::No;
    };
    // Query, registration, release, wait, refresh (8, and 9 as some write it), multi-homed registration.
    let opcode = (flags >> 11 & 0xf) as u8;
    if !matches!(opcode, 0 | 5..=9 | 15) {
        return Parsed::No;
    }
    Parsed::or_bad(read(payload, flags & 0x8000 != 0, opcode), Reject::NbnsMalformed)
}

fn read(payload: &[u8], response: bool, opcode: u8) -> Option<Message> {
    let counts = [4, 6, 8, 10].map(|at| be16(payload, at).unwrap_or(0));
    let (name, suffix, after) = name(payload)?;
    let (kind, class) = (be16(payload, after)?, be16(payload, after + 2)?);
    if !matches!(kind, NB | NBSTAT | NULL) || class != 1 {
        return None;
    }
    let address = match counts {
        // A response begins with its record.
        [0, answers, ..] if answers > 0 => record_address(payload, after, kind),
        // A registration asks for the name and adds the record, whose own name points back.
        [1, .., extra] if extra > 0 => additional_address(payload, after + 4),
        _ => None,
    };
    Some(Message { id: be16(payload, 0)?, response, opcode, name, suffix, address })
}

/// The name after the header (RFC 1001, 14.1), its suffix, and where the bytes after it begin.
fn name(payload: &[u8]) -> Option<(NetbiosName, u8, usize)> {
    let letters = payload.get(HEADER + 1..HEADER + 1 + ENCODED)?;
    let mut decoded = [0; 16];
    for (byte, pair) in decoded.iter_mut().zip(letters.chunks_exact(2)) {
        let [high, low] = [pair[0], pair[1]].map(|letter| letter.wrapping_sub(b'A'));
        if high > 15 || low > 15 {
            return None;
        }
        *byte = high << 4 | low;
    }
    let mut name = NetbiosName::default();
    let padded = &decoded[..15];
    let end = padded.iter().rposition(|b| !matches!(b, b' ' | 0)).map_or(0, |last| last + 1);
    for byte in padded[..end].iter().filter(|b| matches!(b, b' '..=b'~')) {
        name.bytes[usize::from(name.len)] = *byte;
        name.len += 1;
    }
    Some((name, decoded[15], skip_scope(payload, HEADER + 1 + ENCODED)?))
}

/// Steps over the labels of a scope to the byte after the end of the name.
fn skip_scope(payload: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *payload.get(at)? {
            0 => return Some(at + 1),
            label @ 1..=63 => at += 1 + usize::from(label),
            _ => return None,
        }
    }
}

/// The address of the record whose type is at `at`: after type, class, time to live, length and flags.
fn record_address(payload: &[u8], at: usize, kind: u16) -> Option<Ip> {
    let holds_address = kind == NB && be16(payload, at + 8)? >= 6;
    let bytes = payload.get(at + 12..at + 16).filter(|_| holds_address)?;
    Some(Ip::v4(bytes.try_into().ok()?))
}

fn additional_address(payload: &[u8], at: usize) -> Option<Ip> {
    let pointer = be16(payload, at)? == 0xc000 | HEADER as u16;
    let kind = be16(payload, at + 2)?;
    record_address(payload, at + 2, kind).filter(|_| pointer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(flags: u16, counts: [u16; 4], name: &str, suffix: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xab, 0xcd];
        bytes.extend(flags.to_be_bytes());
        counts.iter().for_each(|c| bytes.extend(c.to_be_bytes()));
        bytes.push(32);
        let padded = format!("{name:<15}");
        for byte in padded.bytes().chain([suffix]) {
            bytes.extend([b'A' + (byte >> 4), b'A' + (byte & 15)]);
        }
        bytes.push(0);
        bytes.extend(body);
        bytes
    }

    fn registration() -> Vec<u8> {
        let record = [0, 0x20, 0, 1, 0xc0, 12, 0, 0x20, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, 0, 0, 10, 0, 0, 7];
        message(0x2910, [1, 0, 0, 1], "OFFICE-PC", 0x20, &record)
    }

    fn yes(bytes: &[u8]) -> Message {
        match parse(bytes) {
            Parsed::Yes(message) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn queries_registrations_and_responses_give_name_suffix_and_address() {
        let query = yes(&message(0x0110, [1, 0, 0, 0], "WPAD", 0, &[0, 0x20, 0, 1]));
        assert_eq!((query.id, query.response, query.opcode, query.suffix), (0xabcd, false, 0, 0));
        assert_eq!((query.name.as_str(), query.address), ("WPAD", None));

        let registered = yes(&registration());
        assert_eq!((registered.opcode, registered.suffix, registered.name.as_str()), (5, 0x20, "OFFICE-PC"));
        assert_eq!(registered.address, Some(Ip::v4([10, 0, 0, 7])));

        let record = [0, 0x20, 0, 1, 0, 0, 0, 165, 0, 6, 0, 0, 10, 0, 0, 66];
        let answer = yes(&message(0x8500, [0, 1, 0, 0], "WPAD", 0, &record));
        assert_eq!((answer.response, answer.address), (true, Some(Ip::v4([10, 0, 0, 66]))));
    }

    #[test]
    fn node_status_has_a_name_and_no_address_and_scopes_are_stepped_over() {
        let mut status = message(0, [1, 0, 0, 0], "*", 0, &[0, 0x21, 0, 1]);
        assert_eq!((yes(&status).name.as_str(), yes(&status).address), ("*", None));
        status.splice(45..46, [3, b'l', b'a', b'n', 0]);
        assert_eq!(yes(&status).name.as_str(), "*");
    }

    #[test]
    fn a_refusal_is_a_response_without_address() {
        let refusal = yes(&message(0x8583, [0, 1, 0, 0], "GONE", 0, &[0, 10, 0, 1, 0, 0, 0, 0, 0, 0]));
        assert_eq!((refusal.response, refusal.address), (true, None));
    }

    #[test]
    fn names_keep_only_printable_characters() {
        assert_eq!(
            yes(&message(0, [1, 0, 0, 0], "A\x01B\x7f C\0\0", 0, &[0, 32, 0, 1])).name.as_str(),
            "AB C"
        );
    }

    #[test]
    fn letters_out_of_range_are_malformed_and_other_traffic_is_not_nbns() {
        let mut bytes = registration();
        bytes[13] = b'Q';
        assert!(matches!(parse(&bytes), Parsed::Bad(Reject::NbnsMalformed)));
        assert!(matches!(parse(&registration()[..40]), Parsed::Bad(Reject::NbnsMalformed)));
        assert!(matches!(parse(b"hello"), Parsed::No));
        assert!(matches!(parse(&[0xff; 60]), Parsed::No));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn a_damaged_message_is_survived(at: usize, byte: u8, cut in 0..80usize) {
            let mut bytes = registration();
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(cut);
            let _ = parse(&bytes);
        }
    }
}
