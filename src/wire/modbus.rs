//! Modbus/TCP (Modbus Messaging on TCP/IP Implementation Guide V1.0b): heads of requests and answers.

use super::be16;
use super::talk::{Conversation, Heard, Side};

/// Length of the header that every message begins with (MBAP, section 3.1.3).
const HEADER: usize = 7;
/// A unit, a function and 252 bytes of data (section 4.1).
const LONGEST: usize = 254;

/// A message's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Who speaks.
    pub side: Side,
    /// The device behind the address.
    pub unit: u8,
    /// Function code; 128 is added in a refusal.
    pub function: u8,
}

impl Said {
    /// Whether the request changes something: coils, registers, files, or the device's state.
    pub fn writes(&self) -> bool {
        self.side == Side::Client && matches!(self.function, 5 | 6 | 8 | 15 | 16 | 21 | 22 | 23)
    }
}

/// A Modbus connection.
#[derive(Debug, Default)]
pub struct Session;

/// The length of the message, counted from its unit on; `None` when this is no Modbus.
fn length(bytes: &[u8]) -> Option<usize> {
    let length = usize::from(be16(bytes, 4)?);
    (be16(bytes, 2)? == 0 && (2..=LONGEST).contains(&length)).then_some(length)
}

impl Conversation for Session {
    type Said<'a> = Said;

    fn begins(side: Side, bytes: &[u8], port: u16) -> bool {
        side == Side::Client && port == 502 && length(bytes).is_some()
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said)) -> Heard {
        let mut at = 0;
        while let Some(message) = bytes.get(at..).filter(|rest| rest.len() > HEADER) {
            let Some(length) = length(message) else { return Heard::Enough };
            say(Said { side, unit: message[HEADER - 1], function: message[HEADER] });
            at += HEADER - 1 + length;
        }
        Heard::Took(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_among_reads_is_seen_even_when_a_message_is_cut() {
        let read = [0, 1, 0, 0, 0, 6, 9, 3, 0, 0, 0, 1];
        let write = [0, 2, 0, 0, 0, 6, 9, 6, 0, 4, 0, 1];
        let both = [read, write].concat();
        assert!(Session::begins(Side::Client, &read, 502) && !Session::begins(Side::Client, &read, 80));
        let mut said = Vec::new();
        let heard = Session.hear(Side::Client, &both[..15], &mut |s| said.push(s));
        assert_eq!((heard, said.len()), (Heard::Took(12), 1));
        assert_eq!(Session.hear(Side::Client, &both[12..], &mut |s| said.push(s)), Heard::Took(12));
        assert_eq!(said.iter().map(Said::writes).collect::<Vec<_>>(), [false, true]);
        assert_eq!(Session.hear(Side::Client, b"GET / HTTP/1.1", &mut |_| ()), Heard::Enough);
    }
}
