//! NetBIOS name service (RFC 1002): who says which name is theirs.

use super::Parsed;
use crate::addr::Ip;

/// One name service message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Transaction id.
    pub id: u16,
    /// Response bit.
    pub response: bool,
    /// 0 query, 5 registration, 6 release, 8 refresh.
    pub opcode: u8,
    /// The decoded name without its suffix and padding, cleaned: bytes of printable ASCII.
    pub name: NetbiosName,
    /// The sixteenth byte: 0x00 workstation, 0x20 file server, 0x1b/0x1c/0x1d domain roles.
    pub suffix: u8,
    /// Address in the answer or registration.
    pub address: Option<Ip>,
}

/// Up to fifteen printable ASCII characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetbiosName {
    len: u8,
    bytes: [u8; 15],
}

impl NetbiosName {
    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("")
    }
}

/// Reads a message (UDP port 137).
pub fn parse(_payload: &[u8]) -> Parsed<Message> {
    Parsed::No
}
