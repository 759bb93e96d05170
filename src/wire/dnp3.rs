//! DNP3 (IEEE 1815) over TCP: link frames with checksums between the bytes; only a frame's head is read.

use super::industrial::{Act, Protocol, Said};

/// Length of the link header with its checksum.
const HEADER: usize = 10;

/// Whether a link frame begins here: sync bytes, a possible length, and the header's checksum is right.
pub fn looks_frame(bytes: &[u8]) -> bool {
    match bytes.get(..HEADER) {
        Some(head) => head[..2] == [5, 0x64] && head[2] >= 5 && crc(&head[..8]).to_le_bytes() == head[8..],
        None => false,
    }
}

/// Length of the frame that begins here on the wire: each 16 bytes of user data carry two of checksum.
pub fn frame_length(bytes: &[u8]) -> Option<usize> {
    let user = usize::from(*bytes.get(2)?).checked_sub(5)?;
    Some(HEADER + user + user.div_ceil(16) * 2)
}

/// Reads a frame whose head is there: at least three bytes of user data. `None`: nothing that a master commands.
pub fn frame(bytes: &[u8]) -> Option<Said> {
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
    Some(Said { protocol: Protocol::Dnp3, act, function: function.into(), unit })
}

/// Checksum of link headers: polynomial 0x3d65, reflected, inverted.
fn crc(bytes: &[u8]) -> u16 {
    let sum = bytes.iter().fold(0u16, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |s, _| if s & 1 == 1 { s >> 1 ^ 0xa6bc } else { s >> 1 })
    });
    !sum
}
