//! IEC 60870-5-104: telecontrol over TCP; one control station, many substations.

use super::framed::{Gaps, Length};
use super::industrial::{Act, Protocol, Said, hear};
use super::talk::{Conversation, Heard, Side};

/// Its port; elsewhere only the message that starts the transfer is taken as a sign.
const PORT: u16 = 2404;
/// STARTDT act.
const START: [u8; 6] = [0x68, 4, 7, 0, 0, 0];

/// Whether a frame begins here: start byte, a possible length, a control field that fits it.
pub fn looks_frame(bytes: &[u8]) -> bool {
    let Some(&[start, length, control, ..]) = bytes.get(..6) else { return false };
    let fits = match control & 3 {
        1 => length == 4 && control == 1,
        3 => length == 4 && matches!(control, 0x07 | 0x0b | 0x13 | 0x23 | 0x43 | 0x83),
        _ => length >= 10,
    };
    start == 0x68 && length <= 253 && fits
}

fn length(bytes: &[u8]) -> Length {
    Length::of(bytes.get(1).filter(|_| looks_frame(bytes)).map(|n| usize::from(*n) + 2), bytes, 6)
}

/// Reads a frame. `None`: nothing that a control station asks or commands.
fn request(bytes: &[u8], side: Side) -> Option<Said> {
    let head: &[u8; 12] = bytes.get(..12)?.try_into().ok()?;
    // Only numbered frames carry data; only activation and deactivation come from the control station.
    let (numbered, cause) = (head[2] & 1 == 0, head[8] & 0x3f);
    if !numbered || !matches!(cause, 5 | 6 | 8) {
        return None;
    }
    let act = match head[6] {
        45..=51 | 58..=64 | 110..=113 => Act::Write,
        105 | 120..=127 => Act::Control,
        100..=102 => Act::Read,
        _ => return None,
    };
    let unit = u16::from_le_bytes([head[10], head[11]]);
    Some(Said { side, protocol: Protocol::Iec104, act, function: head[6].into(), unit })
}

/// A connection.
#[derive(Debug, Default)]
pub struct Session(Gaps);

impl Conversation for Session {
    type Said<'a> = Said;

    fn begins(_: Side, bytes: &[u8], port: u16) -> bool {
        looks_frame(bytes) && (port == PORT || bytes.starts_with(&START))
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said)) -> Heard {
        hear(&mut self.0, (side, bytes), length, request, say)
    }

    fn lost(&mut self, side: Side) {
        self.0.lost(side);
    }
}
