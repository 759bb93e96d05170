//! Bytes -> checked views -> meaning. One protocol per file; nothing here allocates per frame, panics or loops.
//!
//! [`decode`] takes a frame from link to transport and returns a [`Packet`] that borrows from it. The application
//! protocols (`dns`, `dhcp`, `tls`, …) are functions from a payload to a view, called by the engine where ports or
//! first bytes suggest them.

pub mod arp;
pub mod bacnet;
mod base64;
mod ber;
pub mod coap;
pub mod credential;
pub mod dhcp;
pub mod dnp3;
pub mod dns;
mod framed;
pub mod http;
pub mod icmp;
pub mod iec104;
pub mod industrial;
pub mod ip;
pub mod kerberos;
pub mod ldap;
pub mod link;
mod little;
pub mod login;
pub mod modbus;
pub mod mqtt;
pub mod nbns;
pub mod ntlm;
pub mod portmap;
pub mod probe;
pub mod quic;
pub mod rdp;
mod read;
pub mod rpc;
pub mod rtsp;
pub mod s7;
pub mod smb;
pub mod snmp;
pub mod spoken;
pub mod ssdp;
pub mod ssh;
pub mod stratum;
pub mod talk;
pub mod tcp;
pub mod tls;
pub mod tunnel;
pub mod udp;
pub mod utf16;

use crate::addr::{Ip, MacAddr};
use crate::counters::Reject;

/// The link types that captures and interfaces come with (tcpdump.org LINKTYPE values).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// LINKTYPE_ETHERNET (1).
    Ethernet,
    /// Raw IPv4 or IPv6 (101, 228, 229, and 12/14 as old BSDs wrote it).
    RawIp,
    /// LINKTYPE_NULL (0) and LINKTYPE_LOOP (108): a four-byte address family first, in either byte order.
    Null,
    /// LINKTYPE_LINUX_SLL (113).
    LinuxCooked,
    /// LINKTYPE_LINUX_SLL2 (276).
    LinuxCooked2,
    /// LINKTYPE_IEEE802_11 (105).
    Ieee80211,
    /// LINKTYPE_IEEE802_11_RADIOTAP (127).
    Radiotap,
    /// Another value: frames are counted, not decoded.
    Other(u16),
}

impl LinkType {
    /// From a LINKTYPE value of a capture file.
    pub const fn from_pcap(value: u16) -> LinkType {
        match value {
            1 => LinkType::Ethernet,
            12 | 14 | 101 | 228 | 229 => LinkType::RawIp,
            0 | 108 => LinkType::Null,
            113 => LinkType::LinuxCooked,
            276 => LinkType::LinuxCooked2,
            105 => LinkType::Ieee80211,
            127 => LinkType::Radiotap,
            other => LinkType::Other(other),
        }
    }
}

/// What a frame says, from its link header to its transport header. Borrows the frame.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Source station; [`MacAddr::NONE`] where the link has none.
    pub src_mac: MacAddr,
    /// Destination station or group; [`MacAddr::NONE`] where the link has none.
    pub dst_mac: MacAddr,
    /// The innermost VLAN id (1..=4094), 0 when untagged or priority-tagged.
    pub vlan: u16,
    /// What the frame carries.
    pub body: Body<'a>,
}

/// The part of a [`Packet`] that the link tells, on its way to the body. Small, so that it travels in registers.
#[derive(Clone, Copy, Default)]
struct Link {
    src_mac: MacAddr,
    dst_mac: MacAddr,
    vlan: u16,
}

impl Link {
    #[inline]
    fn with(self, body: Body<'_>) -> Packet<'_> {
        Packet { src_mac: self.src_mac, dst_mac: self.dst_mac, vlan: self.vlan, body }
    }
}

/// What lies above the link.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// ARP for IPv4 over Ethernet.
    Arp(arp::Arp),
    /// IPv4 or IPv6; the innermost when tunnels were seen through.
    Ip(ip::IpPacket<'a>),
    /// A known or unknown protocol that is only counted, by EtherType (or 802.2 DSAP below 1536; 0 when neither).
    Other(u16),
}

/// What IP carries.
#[derive(Clone, Copy, Debug)]
pub enum Transport<'a> {
    /// A TCP segment.
    Tcp(tcp::Segment<'a>),
    /// A UDP datagram.
    Udp(udp::Datagram<'a>),
    /// An ICMP or ICMPv6 message.
    Icmp(icmp::Message<'a>),
    /// A fragment, not yet reassembled (also a first one: reassembly decides).
    Fragment(ip::Fragment<'a>),
    /// Another IP protocol, by number, with its payload.
    Other(u8, &'a [u8]),
    /// The transport header is missing or broken; the addresses still count.
    Bad(Reject),
}

/// Decodes one frame as far as it goes. `Err` means that not even a network header could be read.
///
/// A transport that cannot be read is `Ok` with [`Transport::Bad`]. Tunnels (GRE, VXLAN, IP in IP, 6in4, PPPoE, MPLS)
/// are seen through, at most [`tunnel::MAX_DEPTH`] deep.
#[inline]
pub fn decode(link: LinkType, frame: &[u8]) -> Result<Packet<'_>, Reject> {
    link::decode(link, frame)
}

/// Decodes the payload of reassembled fragments: `protocol` over `payload`, between `src` and `_dst`. Tunnels are not
/// entered: their inner addresses have no place in a [`Transport`].
pub fn decode_reassembled<'a>(src: Ip, _dst: Ip, protocol: u8, payload: &'a [u8]) -> Transport<'a> {
    ip::reassembled(src, protocol, payload)
}

/// Big-endian 16 bits at `at`; `None` past the end.
#[inline]
pub fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Big-endian 32 bits at `at`; `None` past the end.
#[inline]
pub fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Cleans text that a stranger wrote: keeps printable characters other than bidi and zero-width controls, turns
/// anything else into nothing, and cuts at `max` characters. Bytes that are not UTF-8 are read as Latin-1.
pub fn clean_text(bytes: &[u8], max: usize) -> String {
    let keep = |c: &char| {
        !c.is_control()
            && !matches!(*c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{061c}')
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => text.chars().filter(keep).take(max).collect(),
        Err(_) => bytes.iter().map(|b| *b as char).filter(keep).take(max).collect(),
    }
}

/// The outcome of looking for one protocol in bytes that may be the start of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<T> {
    /// It is this, and here it is.
    Yes(T),
    /// It may be this; more bytes are needed to say.
    More,
    /// It is something else.
    No,
    /// It claims to be this, and breaks the format.
    Bad(Reject),
}

impl<T> Parsed<T> {
    /// Goes on with what was found; the other outcomes stay as they are.
    pub fn and_then<U>(self, next: impl FnOnce(T) -> Parsed<U>) -> Parsed<U> {
        match self {
            Parsed::Yes(found) => next(found),
            Parsed::More => Parsed::More,
            Parsed::No => Parsed::No,
            Parsed::Bad(why) => Parsed::Bad(why),
        }
    }

    /// `Yes` with what was read, `Bad` for this reason when it could not be.
    pub fn or_bad(read: Option<T>, why: Reject) -> Parsed<T> {
        read.map_or(Parsed::Bad(why), Parsed::Yes)
    }
}
