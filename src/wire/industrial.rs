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
