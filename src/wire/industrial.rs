//! What control systems are told: one view for Modbus, DNP3, IEC 60870-5-104, S7 and BACnet.

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
    /// A device refuses what it was asked.
    Refusal,
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Which protocol.
    pub protocol: Protocol,
    /// What it does.
    pub act: Act,
    /// The protocol's own number of the function, service or type.
    pub function: u16,
    /// Unit, station or common address; 0 where there is none.
    pub unit: u16,
}
