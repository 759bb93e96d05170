//! Siemens S7 over TPKT and COTP (RFC 1006, port 102): the function of each job.

use super::framed::{Gaps, Length};
use super::industrial::{Act, Protocol, Said, hear};
use super::talk::{Conversation, Heard, Side};

/// Whether a TPKT with COTP begins here, as S7 opens it: a connect request with the parameters that RDP does not send,
/// or data that holds an S7 message.
pub fn looks_message(bytes: &[u8]) -> bool {
    match body(bytes) {
        Some((0xe0 | 0xd0, rest)) => matches!(rest.get(5..7), Some([0xc0..=0xc2, 1 | 2])),
        Some((0xf0, rest)) => matches!(rest.get(1..3), Some([0x32, 1..=3 | 7] | [0x72, 1..=3])),
        _ => false,
    }
}

/// Length of the TPKT that begins here.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let &[3, 0, high, low] = bytes.get(..4)? else { return None };
    Some(usize::from(u16::from_be_bytes([high, low]))).filter(|length| *length >= 7)
}

fn length(bytes: &[u8]) -> Length {
    Length::of(message_length(bytes), bytes, 4)
}

/// Kind of the COTP message, and what follows it.
fn body(bytes: &[u8]) -> Option<(u8, &[u8])> {
    message_length(bytes)?;
    let kind = *bytes.get(5)?;
    Some((kind & 0xf0, bytes.get(6..)?))
}

/// Reads a message. `None`: nothing that is asked or commanded.
fn request(bytes: &[u8], side: Side) -> Option<Said> {
    let (0xf0, [_, s7 @ ..]) = body(bytes)? else { return None };
    let (act, function) = match s7 {
        [0x32, 1, ..] => (job(*s7.get(10)?)?, u16::from(s7[10])),
        [0x72, 1..=3, _, _, 0x31, _, _, high, low, ..] => {
            let function = u16::from_be_bytes([*high, *low]);
            (plus(function)?, function)
        }
        _ => return None,
    };
    Some(Said { side, protocol: Protocol::S7, act, function, unit: 0 })
}

/// What a job does, by its function.
fn job(function: u8) -> Option<Act> {
    Some(match function {
        0x04 | 0x1d..=0x1f => Act::Read,
        0x05 => Act::Write,
        // Programs are loaded, started (0x28) and stopped (0x29).
        0x1a..=0x1c | 0x28 | 0x29 => Act::Control,
        _ => return None,
    })
}

/// What a request of the newer protocol does.
fn plus(function: u16) -> Option<Act> {
    Some(match function {
        0x054c | 0x0586 | 0x04bb => Act::Read,
        0x0542 | 0x04f2 => Act::Write,
        _ => return None,
    })
}

/// A connection.
#[derive(Debug, Default)]
pub struct Session(Gaps);

impl Conversation for Session {
    type Said<'a> = Said;

    fn begins(_: Side, bytes: &[u8], _: u16) -> bool {
        looks_message(bytes)
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said)) -> Heard {
        hear(&mut self.0, (side, bytes), length, request, say)
    }

    fn lost(&mut self, side: Side) {
        self.0.lost(side);
    }
}
