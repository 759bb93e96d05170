//! Remote desktop (MS-RDPBCGR 2.2.1.1): the first message of each side, which is readable whatever follows.

use super::be16;
use super::talk::{Conversation, Heard, Side};

/// What the first message of a side says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A client wants in.
    Asks {
        /// The user it names in its cookie, at most nine characters; empty when it names none.
        user: &'a [u8],
        /// Protection it can do: bits 1 TLS, 2 network level authentication; 0 only RDP's own.
        protocols: u32,
    },
    /// The server takes one.
    Takes {
        /// The protection taken.
        protocol: u32,
    },
    /// The server refuses, mostly because it insists on more protection.
    Refuses {
        /// Why.
        code: u32,
    },
}

/// Whether a connection request of X.224 begins here that is RDP's: it carries a cookie or a negotiation, which those of
/// other protocols over TPKT do not.
pub fn looks_request(bytes: &[u8]) -> bool {
    matches!(request(bytes), Some(Said::Asks { .. }))
}

/// Reads the first message of the client.
pub fn request(bytes: &[u8]) -> Option<Said<'_>> {
    let options = x224(bytes, 0xe0)?;
    let (mut user, mut rest) = (&[][..], options);
    if let Some(cookie) = options.strip_prefix(b"Cookie: ") {
        let end = cookie.windows(2).position(|w| w == b"\r\n")?;
        user = cookie[..end].strip_prefix(b"mstshash=").unwrap_or_default();
        rest = &cookie[end + 2..];
    }
    match negotiation(rest) {
        Some((1, protocols)) => Some(Said::Asks { user, protocols }),
        None if rest.len() < options.len() => Some(Said::Asks { user, protocols: 0 }),
        _ => None,
    }
}

/// Reads the first message of the server.
pub fn answer(bytes: &[u8]) -> Option<Said<'_>> {
    match negotiation(x224(bytes, 0xd0)?) {
        Some((2, protocol)) => Some(Said::Takes { protocol }),
        Some((3, code)) => Some(Said::Refuses { code }),
        Some(_) => None,
        None => Some(Said::Takes { protocol: 0 }),
    }
}

/// What follows the fixed part of an X.224 connect message of this code, over TPKT (RFC 1006).
fn x224(bytes: &[u8], code: u8) -> Option<&[u8]> {
    let length = usize::from(be16(bytes, 2)?);
    let message = bytes.get(..length)?;
    let fits = message.get(..2)? == [3, 0] && length >= 11 && usize::from(message[4]) + 5 == length;
    (fits && message[5] & 0xf0 == code).then(|| &message[11..])
}

/// Kind and value of a negotiation: kind, flags, length 8, four bytes.
fn negotiation(bytes: &[u8]) -> Option<(u8, u32)> {
    let bytes: &[u8; 8] = bytes.get(..8)?.try_into().ok()?;
    let value = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    (bytes[2..4] == [8, 0]).then_some((bytes[0], value))
}

/// The first two messages of a connection.
#[derive(Debug, Default)]
pub struct Session;

impl Conversation for Session {
    type Said<'a> = Said<'a>;

    fn begins(side: Side, bytes: &[u8], _: u16) -> bool {
        side == Side::Client && looks_request(bytes)
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Heard {
        let said = if side == Side::Client { request(bytes) } else { answer(bytes) };
        let Some(said) = said else { return Heard::Enough };
        say(said);
        if side == Side::Client { Heard::Took(bytes.len()) } else { Heard::Enough }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn connect(code: u8, options: &[u8]) -> Vec<u8> {
        let length = options.len() as u8 + 11;
        [&[3, 0, 0, length, length - 5, code, 0, 0, 0, 0, 0][..], options].concat()
    }

    #[test]
    fn the_user_and_the_protection_are_read() {
        let bytes = connect(0xe0, b"Cookie: mstshash=anna\r\n\x01\0\x08\0\x03\0\0\0");
        assert_eq!(request(&bytes), Some(Said::Asks { user: b"anna", protocols: 3 }));
        let bytes = connect(0xe0, b"\x01\0\x08\0\x01\0\0\0");
        assert_eq!(request(&bytes), Some(Said::Asks { user: b"", protocols: 1 }));
        assert!(Session::begins(Side::Client, &bytes, 40_000));
        assert_eq!(answer(&connect(0xd0, b"\x02\x1f\x08\0\x02\0\0\0")), Some(Said::Takes { protocol: 2 }));
        assert_eq!(answer(&connect(0xd0, b"\x03\0\x08\0\x05\0\0\0")), Some(Said::Refuses { code: 5 }));
    }

    #[test]
    fn a_connect_request_to_a_controller_is_not_remote_desktop() {
        assert!(!looks_request(&connect(0xe0, &[0xc0, 1, 10, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2])));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            for bytes in [bytes.clone(), connect(0xe0, &bytes), connect(0xd0, &bytes)] {
                request(&bytes);
                answer(&bytes);
            }
        }
    }
}
