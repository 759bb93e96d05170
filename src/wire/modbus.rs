//! Modbus/TCP (Modbus Messaging on TCP/IP Implementation Guide V1.0b): heads of requests.

use super::be16;
use super::framed::{Gaps, Length};
use super::industrial::{Act, Protocol, Said, hear};
use super::talk::{Conversation, Heard, Side};

/// Length of the header that every message begins with (MBAP, section 3.1.3), without the unit.
const HEADER: usize = 6;
/// A unit, a function and 252 bytes of data (section 4.1).
const LONGEST: usize = 254;

fn length(bytes: &[u8]) -> Length {
    let whole = be16(bytes, 4).map(usize::from).filter(|n| (2..=LONGEST).contains(n));
    let ours = be16(bytes, 2).is_none_or(|protocol| protocol == 0);
    Length::of(whole.filter(|_| ours).map(|n| n + HEADER), bytes, HEADER)
}

/// Reads a request; answers say nothing new.
fn request(bytes: &[u8], side: Side) -> Option<Said> {
    let &[unit, function, ref data @ ..] = bytes.get(HEADER..)? else { return None };
    let act = match function {
        1..=4 | 7 | 11 | 12 | 17 | 20 | 24 | 43 => Act::Read,
        5 | 6 | 15 | 16 | 21..=23 => Act::Write,
        // Diagnostics: restart and falling silent change the device, the rest are counters and echoes.
        8 if matches!(data, [0, 1 | 4, ..]) => Act::Control,
        8 => Act::Read,
        90 => schneider(data)?,
        _ => return None,
    };
    (side == Side::Client).then_some(Said {
        side,
        protocol: Protocol::Modbus,
        act,
        function: function.into(),
        unit: unit.into(),
    })
}

/// What Schneider's tools ask within function 90: session, code.
fn schneider(data: &[u8]) -> Option<Act> {
    Some(match data.get(1)? {
        0x23 | 0x29 => Act::Write,
        0x30..=0x32 | 0x40 | 0x41 => Act::Control,
        _ => Act::Read,
    })
}

/// A Modbus connection.
#[derive(Debug, Default)]
pub struct Session(Gaps);

impl Conversation for Session {
    type Said<'a> = Said;

    fn begins(side: Side, bytes: &[u8], port: u16) -> bool {
        side == Side::Client && port == 502 && matches!(length(bytes), Length::Is(_))
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said)) -> Heard {
        hear(&mut self.0, (side, bytes), length, request, say)
    }

    fn lost(&mut self, side: Side) {
        self.0.lost(side);
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
        let (mut session, mut said) = (Session::default(), Vec::new());
        assert!(Session::begins(Side::Client, &read, 502) && !Session::begins(Side::Client, &read, 80));
        let heard = session.hear(Side::Client, &both[..15], &mut |s| said.push(s));
        assert_eq!((heard, said.len()), (Heard::Took(12), 1));
        assert_eq!(session.hear(Side::Client, &both[12..], &mut |s| said.push(s)), Heard::Took(12));
        assert_eq!(
            said.iter().map(|s| (s.act, s.unit)).collect::<Vec<_>>(),
            [(Act::Read, 9), (Act::Write, 9)]
        );
        assert_eq!(session.hear(Side::Client, b"GET / HTTP/1.1", &mut |_| ()), Heard::Enough);
    }

    #[test]
    fn restart_and_silence_are_control_and_an_echo_is_not() {
        let act = |body: &[u8]| {
            let bytes = [&[0, 1, 0, 0, 0, body.len() as u8 + 1, 1][..], body].concat();
            request(&bytes, Side::Client).map(|s| s.act)
        };
        assert_eq!(act(&[8, 0, 1, 0, 0]), Some(Act::Control));
        assert_eq!(act(&[8, 0, 0, 1, 2]), Some(Act::Read));
        assert_eq!(act(&[0x5a, 1, 0x41]), Some(Act::Control));
        assert_eq!(act(&[0x83, 2]), None);
    }
}
