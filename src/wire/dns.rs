//! DNS messages (RFC 1035, 6895), as DNS, mDNS (RFC 6762) and LLMNR (RFC 4795) use them.

use super::Parsed;
use crate::addr::Ip;

/// A domain name in dotted text: lower case, without the final dot, at most 253 bytes, every byte that is not
/// printable ASCII (or is a dot inside a label) replaced by `?`. Lives on the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name {
    len: u8,
    bytes: [u8; 253],
}

impl Name {
    /// The root: an empty name.
    pub const ROOT: Name = Name { len: 0, bytes: [0; 253] };

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("")
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Record types that are looked into.
pub mod rtype {
    #![allow(missing_docs)]
    pub const A: u16 = 1;
    pub const CNAME: u16 = 5;
    pub const NULL: u16 = 10;
    pub const PTR: u16 = 12;
    pub const MX: u16 = 15;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const HTTPS: u16 = 65;
    pub const ANY: u16 = 255;
}

/// A checked DNS message: header, first question, and records that are read on demand.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Transaction id.
    pub id: u16,
    /// QR bit.
    pub response: bool,
    /// Opcode.
    pub opcode: u8,
    /// Response code (low four bits).
    pub rcode: u8,
    /// TC bit.
    pub truncated: bool,
    /// First question, when there is one.
    pub question: Option<Question>,
    /// Counts of the four sections.
    pub counts: [u16; 4],
    /// Length of the message on the wire.
    pub len: u32,
    bytes: &'a [u8],
    records_at: usize,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name asked for.
    pub name: Name,
    /// Record type asked for, see [`rtype`].
    pub rtype: u16,
    /// Class, without mDNS' unicast bit.
    pub class: u16,
}

/// One resource record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Which section: 1 answer, 2 authority, 3 additional.
    pub section: u8,
    /// Owner name.
    pub name: Name,
    /// Type.
    pub rtype: u16,
    /// Time to live, seconds.
    pub ttl: u32,
    /// Content.
    pub data: Data<'a>,
}

/// The content of a record.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// A or AAAA.
    Address(Ip),
    /// CNAME, PTR: the name pointed at.
    Name(Name),
    /// SRV: target and port.
    Service(Name, u16),
    /// TXT, NULL and everything else, as bytes.
    Bytes(&'a [u8]),
}

/// Reads a message (over TCP: without the length prefix). Malformed counts or names give `Bad`.
pub fn parse(_payload: &[u8]) -> Parsed<Message<'_>> {
    Parsed::No
}

impl<'a> Message<'a> {
    /// The records after the questions, in order; ends at the first malformed one, at most 64.
    pub fn records(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let _ = (self.bytes, self.records_at);
        std::iter::empty()
    }
}
