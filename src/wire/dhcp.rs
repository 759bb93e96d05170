//! DHCPv4 (RFC 2131, 2132) and DHCPv6 (RFC 8415).

use super::Parsed;
use crate::addr::{Ip, MacAddr};

/// DHCPv4 message types (option 53).
pub mod kind {
    #![allow(missing_docs)]
    pub const DISCOVER: u8 = 1;
    pub const OFFER: u8 = 2;
    pub const REQUEST: u8 = 3;
    pub const DECLINE: u8 = 4;
    pub const ACK: u8 = 5;
    pub const NAK: u8 = 6;
    pub const RELEASE: u8 = 7;
    pub const INFORM: u8 = 8;
}

/// A DHCPv4 message as far as inventory and detectors need it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// BOOTP op: 1 request, 2 reply.
    pub op: u8,
    /// Option 53, see [`kind`]; 0 when absent (plain BOOTP).
    pub kind: u8,
    /// Transaction id.
    pub xid: u32,
    /// Client hardware address.
    pub client_mac: MacAddr,
    /// ciaddr: what the client has.
    pub client_ip: Ip,
    /// yiaddr: what the server gives.
    pub your_ip: Ip,
    /// giaddr: relay agent.
    pub relay_ip: Ip,
    /// Option 54.
    pub server_id: Option<Ip>,
    /// Option 50.
    pub requested_ip: Option<Ip>,
    /// First router of option 3.
    pub router: Option<Ip>,
    /// First server of option 6.
    pub dns_server: Option<Ip>,
    /// Option 12, as bytes of a stranger.
    pub host_name: &'a [u8],
    /// Option 60.
    pub vendor_class: &'a [u8],
    /// Option 55: the order is a fingerprint.
    pub parameters: &'a [u8],
}

/// A DHCPv6 message.
#[derive(Clone, Copy, Debug)]
pub struct Message6<'a> {
    /// Message type: 1 solicit, 2 advertise, 3 request, 7 reply, …
    pub kind: u8,
    /// Transaction id.
    pub xid: u32,
    /// Client DUID (option 1).
    pub client_duid: &'a [u8],
    /// Server DUID (option 2).
    pub server_duid: &'a [u8],
    /// First label of the client FQDN (option 39).
    pub host_name: &'a [u8],
    /// First address of the first IA_NA.
    pub address: Option<Ip>,
    /// First server of option 23.
    pub dns_server: Option<Ip>,
}

/// Reads DHCPv4 (ports 67, 68).
pub fn parse(_payload: &[u8]) -> Parsed<Message<'_>> {
    Parsed::No
}

/// Reads DHCPv6 (ports 546, 547).
pub fn parse6(_payload: &[u8]) -> Parsed<Message6<'_>> {
    Parsed::No
}
