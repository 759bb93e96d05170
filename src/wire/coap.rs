//! CoAP (RFC 7252) over UDP 5683: requests and answers of small devices.

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A request.
    Request {
        /// 1 GET, 2 POST, 3 PUT, 4 DELETE, …
        method: u8,
        /// The first part of the path; empty when there is none.
        path: &'a [u8],
    },
    /// An answer.
    Answer {
        /// Class and detail: 2.05 is 0x45.
        code: u8,
    },
}

/// Reads a datagram. `None`: not CoAP, or an empty message.
pub fn message(bytes: &[u8]) -> Option<Said<'_>> {
    let &[first, code, _, _, ref rest @ ..] = bytes else { return None };
    let options = rest.get(usize::from(first & 0x0f)..)?;
    if first >> 6 != 1 || first & 0x0f > 8 {
        return None;
    }
    match (code >> 5, code & 0x1f) {
        (0, method @ 1..=7) => Some(Said::Request { method, path: path(options)? }),
        (2 | 4 | 5, 0..=10 | 12 | 13 | 15 | 31) => Some(Said::Answer { code }),
        _ => None,
    }
}

/// The first option 11. `None` when the options are not well-formed.
fn path(mut rest: &[u8]) -> Option<&[u8]> {
    let mut number = 0;
    while let Some((&first, after)) = rest.split_first().filter(|(first, _)| **first != 0xff) {
        let (delta, after) = extended(first >> 4, after)?;
        let (length, after) = extended(first & 0x0f, after)?;
        let (value, after) = after.split_at_checked(length)?;
        number += delta;
        if number == 11 {
            return Some(value);
        }
        rest = after;
    }
    Some(&[])
}

/// A delta or length: 13 and 14 say that one or two bytes follow.
fn extended(nibble: u8, rest: &[u8]) -> Option<(usize, &[u8])> {
    match (nibble, rest) {
        (13, [byte, rest @ ..]) => Some((usize::from(*byte) + 13, rest)),
        (14, [high, low, rest @ ..]) => Some((usize::from(u16::from_be_bytes([*high, *low])) + 269, rest)),
        (0..=12, rest) => Some((nibble.into(), rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_with_its_path_and_an_answer_are_read() {
        let get = b"\x42\x01\x12\x34\xaa\xbb\x39localhost\x8b.well-known\x04core";
        assert_eq!(message(get), Some(Said::Request { method: 1, path: b".well-known" }));
        assert_eq!(message(&[0x60, 0x45, 0, 1, 0xff, b'x']), Some(Said::Answer { code: 0x45 }));
        assert_eq!(message(&[0x40, 0, 0, 1]), None, "a ping");
        assert_eq!(message(&[0x41, 1, 0, 1, 0, 0xf0]), None, "a reserved delta");
        assert_eq!(message(b"\x80\x01\0\x01"), None, "version 2");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            message(&bytes);
            message(&[&[0x40, 1, 0, 1][..], &bytes].concat());
        }
    }
}
