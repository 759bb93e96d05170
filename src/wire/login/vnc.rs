//! RFB, the protocol of VNC (RFC 6143, 7.1): whether a desktop is shown to anyone. Log-in outcomes are read elsewhere.

use super::super::credential::{Protocol, Seen};
use super::super::talk::{Conversation, Heard, Side};
use super::Said;

/// Length of `RFB 003.008\n`.
const VERSION: usize = 12;
/// Security type "None".
const NONE: u8 = 1;

/// A connection up to the choice of how to prove oneself.
#[derive(Debug, Default)]
pub struct Vnc {
    versions: [bool; 2],
    offers_none: bool,
}

impl Conversation for Vnc {
    type Said<'a> = Said<'a>;

    fn begins(side: Side, bytes: &[u8], _port: u16) -> bool {
        side == Side::Server && is_version(bytes)
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Heard {
        if !std::mem::replace(&mut self.versions[side as usize], true) {
            return if is_version(bytes) { Heard::Took(VERSION) } else { Heard::Enough };
        }
        match (side, bytes) {
            // Version 3.3: the server decides.
            (Side::Server, [0, 0, 0, kind]) => self.offers_none = *kind == NONE,
            (Side::Server, [count, kinds @ ..]) if kinds.len() == usize::from(*count) => {
                self.offers_none = kinds.contains(&NONE);
                return Heard::Took(bytes.len());
            }
            (Side::Client, [NONE]) if self.offers_none => {}
            _ => return Heard::Enough,
        }
        if self.offers_none {
            let seen = Seen { accepted: Some(true), ..Seen::new(Protocol::Vnc, b"") };
            say(Said::Credential(seen));
        }
        Heard::Enough
    }
}

fn is_version(bytes: &[u8]) -> bool {
    bytes.len() >= VERSION && bytes.starts_with(b"RFB 00") && bytes[VERSION - 1] == b'\n'
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Turn, told};
    use super::*;
    use Turn::{C, S};

    #[test]
    fn only_a_desktop_without_any_password_is_told() {
        let begin = [S("RFB 003.008\n"), C("RFB 003.008\n")];
        let of = |rest: &[Turn<'_>]| told::<Vnc>(&[&begin[..], rest].concat());
        assert_eq!(of(&[S("\u{2}\u{1}\u{2}"), C("\u{1}")]), ["VNC ", "enough"]);
        assert_eq!(of(&[S("\u{2}\u{1}\u{2}"), C("\u{2}")]), ["enough"]);
        assert_eq!(of(&[S("\0\0\0\u{1}")]), ["VNC ", "enough"]);
        assert_eq!(of(&[S("\0\0\0\u{2}")]), ["enough"]);
    }
}
