//! ICMP (RFC 792), ICMPv6 (RFC 4443) and neighbour discovery (RFC 4861).

use super::MacAddr;
use crate::addr::Ip;

/// An ICMP or ICMPv6 message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Whether this is ICMPv6.
    pub v6: bool,
    /// Type field, unchanged.
    pub kind: u8,
    /// Code field, unchanged.
    pub code: u8,
    /// What it means, where we look further.
    pub meaning: Meaning<'a>,
    /// Bytes after the 8-byte header (after the 4-byte header for ICMPv6 neighbour discovery).
    pub payload: &'a [u8],
}

/// The messages that matter to tables and detectors.
#[derive(Clone, Copy, Debug)]
pub enum Meaning<'a> {
    /// Echo request: id, sequence.
    EchoRequest(u16, u16),
    /// Echo reply: id, sequence.
    EchoReply(u16, u16),
    /// Destination unreachable about a datagram of ours; `port` is true for "port unreachable".
    Unreachable {
        /// The flow the error is about, when the quoted header could be read.
        about: Option<Quoted>,
        /// ICMP code 3, ICMPv6 code 4.
        port: bool,
    },
    /// Redirect (ICMP type 5, ICMPv6 type 137) towards a gateway, for a destination.
    Redirect {
        /// The proposed next hop.
        gateway: Ip,
        /// Whose traffic is redirected.
        destination: Ip,
    },
    /// Neighbour solicitation for `target`, with the sender's link address when given.
    NeighborSolicitation {
        /// The address asked for.
        target: Ip,
        /// Source link-layer address option.
        source_mac: MacAddr,
    },
    /// Neighbour advertisement.
    NeighborAdvertisement {
        /// The address claimed.
        target: Ip,
        /// Target link-layer address option; NONE when absent.
        target_mac: MacAddr,
        /// R flag: the sender is a router.
        router: bool,
        /// S flag: answers a solicitation.
        solicited: bool,
        /// O flag: replaces what caches hold.
        override_cache: bool,
    },
    /// Router advertisement; its options are in `payload`.
    RouterAdvertisement {
        /// Router lifetime, seconds; 0 = not a default router.
        lifetime_s: u16,
        /// Source link-layer address option; NONE when absent.
        source_mac: MacAddr,
        /// The options as they stand.
        options: &'a [u8],
    },
    /// Anything else.
    Other,
}

/// The addresses and ports of the packet that an ICMP error quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// Source of the quoted packet.
    pub src: Ip,
    /// Destination of the quoted packet.
    pub dst: Ip,
    /// Its IP protocol.
    pub protocol: u8,
    /// Source port, 0 when the protocol has none.
    pub src_port: u16,
    /// Destination port, 0 when the protocol has none.
    pub dst_port: u16,
}
