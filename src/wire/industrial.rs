//! What control systems are told: one view for Modbus, DNP3, IEC 60870-5-104, S7 and BACnet.

use super::framed::{Gaps, Length};
use super::talk::{Heard, Side};

/// A protocol of control systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    #[allow(missing_docs)]
    Modbus,
    #[allow(missing_docs)]
    Dnp3,
    #[allow(missing_docs)]
    Iec104,
    #[allow(missing_docs)]
    S7,
    #[allow(missing_docs)]
    Bacnet,
}

impl Protocol {
    /// Name for people and evidence.
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::Modbus => "Modbus",
            Protocol::Dnp3 => "DNP3",
            Protocol::Iec104 => "IEC-104",
            Protocol::S7 => "S7",
            Protocol::Bacnet => "BACnet",
        }
    }
}

/// What a message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Asks for values.
    Read,
    /// Changes values or switches something.
    Write,
    /// Stops, restarts, silences or reprograms the device.
    Control,
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Who asks: mostly the client, but a DNP3 outstation may be the one who calls.
    pub side: Side,
    /// Which protocol.
    pub protocol: Protocol,
    /// What it does.
    pub act: Act,
    /// The protocol's own number of the function, service or type.
    pub function: u16,
    /// Unit, station or common address; 0 where there is none.
    pub unit: u16,
}

/// Reads frames of which only the front matters, and says what is asked in them.
pub(super) fn hear(
    gaps: &mut Gaps,
    (side, bytes): (Side, &[u8]),
    length: impl Fn(&[u8]) -> Length,
    request: impl Fn(&[u8], Side) -> Option<Said>,
    say: &mut dyn FnMut(Said),
) -> Heard {
    /// What the heads of all these protocols fit in.
    const HEAD: usize = 24;
    gaps.read(side, bytes, HEAD, length, |frame| {
        if let Some(said) = request(frame, side) {
            say(said);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::talk::Conversation;
    use crate::wire::{bacnet, dnp3, iec104, modbus, s7};
    use proptest::prelude::*;

    fn said<C: for<'a> Conversation<Said<'a> = Said>>(side: Side, bytes: &[u8]) -> Vec<(Act, u16, u16)> {
        let mut said = Vec::new();
        assert!(C::begins(side, bytes, 2404), "{bytes:02x?}");
        let heard = C::default().hear(side, bytes, &mut |s| said.push((s.act, s.function, s.unit)));
        assert_eq!(heard, Heard::Took(bytes.len()));
        said
    }

    #[test]
    fn a_breaker_operated_by_dnp3_is_a_write_and_what_the_outstation_answers_is_nothing() {
        // Link header 05 64, 20 bytes, from master 1 to outstation 10; direct operate of a control relay.
        let operate =
            [0x05, 0x64, 0x08, 0xc4, 0x0a, 0x00, 0x01, 0x00, 0xfc, 0x42, 0xc0, 0xc0, 0x05, 0x00, 0x00];
        assert_eq!(said::<dnp3::Session>(Side::Client, &operate), [(Act::Write, 5, 10)]);
        let answer =
            [0x05, 0x64, 0x08, 0x44, 0x01, 0x00, 0x0a, 0x00, 0x15, 0x2b, 0xc0, 0xc0, 0x81, 0x00, 0x00];
        assert_eq!(dnp3::Session::begins(Side::Server, &answer, 20_000), dnp3::looks_frame(&answer));
        assert!(!dnp3::looks_frame(&[0x05, 0x64, 0x08, 0xc4, 0x0a, 0x00, 0x01, 0x00, 0, 0]));
    }

    #[test]
    fn a_command_of_iec_104_is_a_write_and_its_confirmation_is_nothing() {
        let start = [0x68, 4, 7, 0, 0, 0];
        let command = |cause| [0x68, 14, 0, 0, 0, 0, 45, 1, cause, 0, 3, 0, 1, 0, 0, 1];
        assert_eq!(
            said::<iec104::Session>(Side::Client, &[&start[..], &command(6)].concat()),
            [(Act::Write, 45, 3)]
        );
        assert_eq!(said::<iec104::Session>(Side::Server, &command(7)), []);
    }

    #[test]
    fn a_write_and_a_stop_of_s7_are_told_apart_from_reads_and_answers() {
        let job = |kind: u8, function: u8| {
            [3, 0, 0, 20, 2, 0xf0, 0x80, 0x32, kind, 0, 0, 0, 1, 0, 1, 0, 0, function, 0, 0]
        };
        let all = [job(1, 0x04), job(1, 0x05), job(1, 0x29)].concat();
        let acts: Vec<Act> = said::<s7::Session>(Side::Client, &all).iter().map(|s| s.0).collect();
        assert_eq!(acts, [Act::Read, Act::Write, Act::Control]);
        assert_eq!(said::<s7::Session>(Side::Server, &job(3, 0x05)), []);
        let connect = [3, 0, 0, 22, 17, 0xe0, 0, 0, 0, 1, 0, 0xc0, 1, 10, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2];
        assert_eq!(said::<s7::Session>(Side::Client, &connect), []);
    }

    #[test]
    fn bacnet_is_read_behind_addresses_of_networks() {
        let act = |bytes: &[u8]| bacnet::message(bytes, Side::Client).map(|s| (s.act, s.function));
        assert_eq!(act(&[0x81, 0x0a, 0, 10, 1, 4, 0, 5, 1, 15]), Some((Act::Write, 15)));
        let routed = [0x81, 0x0a, 0, 17, 1, 0x24, 0, 9, 1, 5, 255, 0, 5, 1, 20, 0x09, 0x00];
        assert_eq!(act(&routed), Some((Act::Control, 20)));
        assert_eq!(act(&[0x81, 0x0b, 0, 8, 1, 0, 0x10, 8]), None, "who is there");
        assert_eq!(act(&[0x81, 0x0a, 0, 11, 1, 4, 0, 5, 1, 15]), None, "another length");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..120), kind in 0usize..5) {
            let starts: [&[u8]; 5] = [&[], &[5, 0x64], &[0x68], &[3, 0, 0, 20, 2, 0xf0, 0x80, 0x32, 1], &[0x81, 0x0a, 0, 40]];
            let bytes = [starts[kind], &bytes].concat();
            bacnet::message(&bytes, Side::Client);
            for side in [Side::Client, Side::Server] {
                modbus::Session::default().hear(side, &bytes, &mut |_| ());
                dnp3::Session::default().hear(side, &bytes, &mut |_| ());
                iec104::Session::default().hear(side, &bytes, &mut |_| ());
                s7::Session::default().hear(side, &bytes, &mut |_| ());
            }
        }
    }
}
