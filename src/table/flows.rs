//! Flows: who talks to whom, who opened it, how far it got.

use crate::addr::Ip;
use crate::time::Timestamp;

/// IP protocol numbers used here.
pub mod proto {
    #![allow(missing_docs)]
    pub const ICMP: u8 = 1;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const ICMPV6: u8 = 58;
}

/// How far a flow got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum State {
    /// Opened by the client (SYN or first datagram); nothing came back yet.
    #[default]
    Opened,
    /// TCP: the server answered SYN-ACK; the client has not completed the handshake.
    HalfOpen,
    /// TCP: handshake complete. UDP and others: both sides have spoken.
    Established,
    /// TCP picked up in its middle: the opening was not seen, the direction is a guess from the ports.
    Midstream,
    /// RST in answer to the SYN, or an ICMP unreachable about it.
    Refused,
    /// FIN or RST after establishment.
    Closed,
}

/// The application, by what was spoken (content first, port only where nothing readable comes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub enum App {
    #[default]
    #[allow(missing_docs)]
    Unknown,
    #[allow(missing_docs)]
    Dns,
    #[allow(missing_docs)]
    Mdns,
    #[allow(missing_docs)]
    Llmnr,
    #[allow(missing_docs)]
    Nbns,
    #[allow(missing_docs)]
    Dhcp,
    #[allow(missing_docs)]
    Tls,
    #[allow(missing_docs)]
    Quic,
    #[allow(missing_docs)]
    Http,
    #[allow(missing_docs)]
    Ssh,
    #[allow(missing_docs)]
    Ntp,
    #[allow(missing_docs)]
    Ssdp,
    /// A log-in protocol recognised by its port, see `wire::login`.
    Login(crate::wire::login::Service),
}

/// One flow. "Client" opened it, "server" was asked; `up` is client to server.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Who opened it.
    pub client: Ip,
    /// Who was asked.
    pub server: Ip,
    /// Port of the client (0 for protocols without ports).
    pub client_port: u16,
    /// Port of the server.
    pub server_port: u16,
    /// IP protocol, see [`proto`].
    pub protocol: u8,
    /// VLAN id, 0 when untagged.
    pub vlan: u16,
    /// How far it got.
    pub state: State,
    /// What is spoken.
    pub app: App,
    /// First packet.
    pub opened_at: Timestamp,
    /// Last packet.
    pub last_at: Timestamp,
    /// IP bytes from the client.
    pub bytes_up: u64,
    /// IP bytes from the server.
    pub bytes_down: u64,
    /// Packets from the client.
    pub packets_up: u32,
    /// Packets from the server.
    pub packets_down: u32,
    /// Transport payload bytes from the client, at most `u32::MAX`.
    pub payload_up: u32,
    /// Transport payload bytes from the server.
    pub payload_down: u32,
    /// TTL or hop limit of the client's first packet.
    pub ttl: u8,
    /// TCP flags of the client's first packet.
    pub first_flags: u8,
}
