//! IEC 60870-5-104: telecontrol over TCP; one control station, many substations.

use super::industrial::{Act, Protocol, Said};

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

/// Length of the frame that begins here.
pub fn frame_length(bytes: &[u8]) -> Option<usize> {
    let &[0x68, length @ 4..=253] = bytes.get(..2)? else { return None };
    Some(usize::from(length) + 2)
}

/// Reads a whole frame. `None`: nothing that a control station asks or commands.
pub fn frame(bytes: &[u8]) -> Option<Said> {
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
    Some(Said { protocol: Protocol::Iec104, act, function: head[6].into(), unit })
}
