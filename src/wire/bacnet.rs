//! BACnet/IP (ASHRAE 135, annex J; UDP 47808): the service that is asked for.

use super::industrial::{Act, Protocol, Said};
use super::read::Reader;
use super::talk::Side;

/// Reads a datagram. `None`: not BACnet, or nothing that is asked or commanded.
pub fn message(bytes: &[u8], side: Side) -> Option<Said> {
    let (act, function) = asked(bytes)?;
    Some(Said { side, protocol: Protocol::Bacnet, act, function: function.into(), unit: 0 })
}

fn asked(bytes: &[u8]) -> Option<(Act, u8)> {
    let mut r = Reader(bytes);
    let (kind, function) = (r.u8()?, r.u8()?);
    let length = usize::from(r.u16()?);
    if kind != 0x81 || length != bytes.len() {
        return None;
    }
    match function {
        0x04 => drop(r.take(6)?),
        // Distribute broadcast, unicast, broadcast.
        0x09..=0x0b => {}
        // The tables of a broadcast device are rewritten.
        0x01 | 0x08 => return Some((Act::Control, function)),
        _ => return None,
    }
    network(&mut r)?;
    service(&mut r)
}

/// Passes over the network layer (clause 6.2); `None` for messages between routers.
fn network(r: &mut Reader<'_>) -> Option<()> {
    let (version, control) = (r.u8()?, r.u8()?);
    if version != 1 || control & 0x80 != 0 {
        return None;
    }
    let addressed = control & 0x20 != 0;
    if addressed {
        r.u16()?;
        r.counted8()?;
    }
    if control & 0x08 != 0 {
        r.u16()?;
        r.counted8()?;
    }
    if addressed {
        r.u8()?;
    }
    Some(())
}

fn service(r: &mut Reader<'_>) -> Option<(Act, u8)> {
    let first = r.u8()?;
    match first >> 4 {
        0 => {
            r.take(if first & 8 != 0 { 4 } else { 2 })?;
            let service = r.u8()?;
            let act = match service {
                5 | 6 | 12 | 14 | 26 | 28 => Act::Read,
                7..=11 | 15 | 16 => Act::Write,
                17 | 20 => Act::Control,
                _ => return None,
            };
            Some((act, service))
        }
        1 if r.u8()? == 10 => Some((Act::Write, 10)),
        _ => None,
    }
}
