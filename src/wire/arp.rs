//! ARP for IPv4 over Ethernet (RFC 826, RFC 5227).

use super::{MacAddr, be16};
use crate::addr::Ip;
use crate::counters::Reject;

/// An ARP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// 1 request, 2 reply; other values survive.
    pub operation: u16,
    /// Sender hardware address.
    pub sender_mac: MacAddr,
    /// Sender protocol address; unspecified in a probe.
    pub sender_ip: Ip,
    /// Target hardware address.
    pub target_mac: MacAddr,
    /// Target protocol address.
    pub target_ip: Ip,
}

impl Arp {
    /// Sender and target are the same address: an announcement.
    pub fn is_gratuitous(&self) -> bool {
        self.sender_ip == self.target_ip
    }
}

/// Reads an ARP message.
pub fn parse(bytes: &[u8]) -> Result<Arp, Reject> {
    let b: &[u8; 28] = bytes.first_chunk().ok_or(Reject::ArpMalformed)?;
    // Hardware type 6 is IEEE 802, which some systems write behind LLC/SNAP (RFC 1042).
    if !matches!(b[..6], [0, 1 | 6, 8, 0, 6, 4]) {
        return Err(Reject::ArpMalformed);
    }
    let mac = |at: usize| MacAddr([b[at], b[at + 1], b[at + 2], b[at + 3], b[at + 4], b[at + 5]]);
    let ip = |at: usize| Ip::v4([b[at], b[at + 1], b[at + 2], b[at + 3]]);
    Ok(Arp {
        operation: be16(b, 6).ok_or(Reject::ArpMalformed)?,
        sender_mac: mac(8),
        sender_ip: ip(14),
        target_mac: mac(18),
        target_ip: ip(24),
    })
}
