//! DNP3 (IEEE 1815) over TCP: link frames with checksums between the bytes; only a frame's head is read.

use super::framed::{Gaps, Length};
use super::industrial::{Act, Protocol, Said, hear};
use super::talk::{Conversation, Heard, Side};

/// Length of the link header with its checksum.
const HEADER: usize = 10;

/// Whether a link frame begins here: sync bytes, a possible length, and the header's checksum is right.
pub fn looks_frame(bytes: &[u8]) -> bool {
    match bytes.get(..HEADER) {
        Some(head) => head[..2] == [5, 0x64] && head[2] >= 5 && crc(&head[..8]).to_le_bytes() == head[8..],
        None => false,
    }
}

/// Length of a frame on the wire: each 16 bytes of user data carry two of checksum.
fn length(bytes: &[u8]) -> Length {
    let whole = bytes.get(2).filter(|_| looks_frame(bytes)).map(|n| {
        let user = usize::from(*n) - 5;
        HEADER + user + user.div_ceil(16) * 2
    });
    Length::of(whole, bytes, HEADER)
}

/// Reads a frame. `None`: nothing that a master commands.
fn request(bytes: &[u8], side: Side) -> Option<Said> {
    let head = bytes.get(..HEADER + 3)?;
    // Transport octet with FIR, application control, function code. Only the master sets DIR.
    let (from_master, first) = (head[3] & 0x80 != 0, head[10] & 0x40 != 0);
    if !from_master || !first || head[2] < 8 {
        return None;
    }
    let function = head[12];
    let act = match function {
        1 => Act::Read,
        2..=12 => Act::Write,
        13..=19 => Act::Control,
        25..=31 => Act::Write,
        _ => return None,
    };
    let unit = u16::from_le_bytes([head[4], head[5]]);
    Some(Said { side, protocol: Protocol::Dnp3, act, function: function.into(), unit })
}

/// Checksum of link headers: polynomial 0x3d65, reflected, inverted.
fn crc(bytes: &[u8]) -> u16 {
    let sum = bytes.iter().fold(0u16, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |s, _| if s & 1 == 1 { s >> 1 ^ 0xa6bc } else { s >> 1 })
    });
    !sum
}

/// A connection.
#[derive(Debug, Default)]
pub struct Session(Gaps);

impl Conversation for Session {
    type Said<'a> = Said;

    fn begins(_: Side, bytes: &[u8], _: u16) -> bool {
        looks_frame(bytes)
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said)) -> Heard {
        hear(&mut self.0, (side, bytes), length, request, say)
    }

    fn lost(&mut self, side: Side) {
        self.0.lost(side);
    }
}
