//! Flows: who talks to whom, who opened it, how far it got.

use super::bounded::{Bounded, Slot};
use crate::addr::Ip;
use crate::time::{SECOND, Timestamp};
pub use crate::wire::talk::Side;
use crate::wire::tcp::flag;
use std::hash::{Hash, Hasher};

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
    #[allow(missing_docs)]
    Snmp,
    #[allow(missing_docs)]
    Stratum,
    #[allow(missing_docs)]
    Kerberos,
    #[allow(missing_docs)]
    Ldap,
    #[allow(missing_docs)]
    Rdp,
    #[allow(missing_docs)]
    Modbus,
    #[allow(missing_docs)]
    Smb,
    #[allow(missing_docs)]
    Dnp3,
    #[allow(missing_docs)]
    Iec104,
    #[allow(missing_docs)]
    S7,
    #[allow(missing_docs)]
    Bacnet,
    #[allow(missing_docs)]
    Coap,
    #[allow(missing_docs)]
    Rtsp,
    #[allow(missing_docs)]
    Rpc,
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
    /// What the engine has yet to read of this flow; its own business.
    pub(crate) inspect: Inspect,
    /// Next sequence number expected from the client, and from the server; 0 before the first segment.
    pub(crate) next_seq: [u32; 2],
    /// The first bytes that were skipped on the way from the client, and from the server: from, up to; equal: none.
    pub(crate) hole: [(u32, u32); 2],
    /// Slots of client and server in the host table, a hint that is checked before use.
    pub(crate) hosts: [Slot; 2],
    /// Whether client and server are ours.
    pub inside: [bool; 2],
    /// What of it the habits of its ends were told.
    pub(crate) told: Told,
    /// The low halves of `bytes_up` and `bytes_down` when they were last counted, see [`super::reach`].
    pub(crate) counted: [u32; 2],
}

/// What of a flow the habits of its ends were told so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Day of the monitor on which it was last counted as a contact of its client, 0 for none.
    pub(crate) contact: u16,
    /// Day on which it was last counted as a use of its server.
    pub(crate) served: u16,
    /// KiB from the client, and from the server, that were counted.
    pub(crate) kib: [u32; 2],
}

/// What of a flow was already read, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inspect(u8);

impl Inspect {
    pub(crate) const CLIENT_DONE: u8 = 1;
    pub(crate) const SERVER_DONE: u8 = 2;
    pub(crate) const CLIENT_GATHERS: u8 = 4;
    pub(crate) const SERVER_GATHERS: u8 = 8;
    pub(crate) const FIN_CLIENT: u8 = 16;
    pub(crate) const FIN_SERVER: u8 = 32;
    pub(crate) const ENDED: u8 = 64;
    /// A conversation is being read, see [`crate::wire::talk`].
    pub(crate) const TALKS: u8 = 128;

    pub(crate) fn has(self, bits: u8) -> bool {
        self.0 & bits == bits
    }
    pub(crate) fn set(&mut self, bits: u8) {
        self.0 |= bits;
    }
    pub(crate) fn clear(&mut self, bits: u8) {
        self.0 &= !bits;
    }
}

/// The five-tuple and the VLAN, the same for both directions: the lower endpoint comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowKey {
    /// Addresses and ports stand apart: as pairs they would take 64 bytes for 36.
    ips: [Ip; 2],
    ports: [u16; 2],
    protocol: u8,
    vlan: u16,
}

impl FlowKey {
    /// The key of a packet from `src` to `dst`.
    #[inline]
    pub fn new(src: (Ip, u16), dst: (Ip, u16), protocol: u8, vlan: u16) -> Self {
        let (low, high) = if src <= dst { (src, dst) } else { (dst, src) };
        FlowKey { ips: [low.0, high.0], ports: [low.1, high.1], protocol, vlan }
    }
}

impl Hash for FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ports = u64::from(self.ports[0]) << 48 | u64::from(self.ports[1]) << 32;
        state.write_u64(ports | u64::from(self.protocol) << 16 | u64::from(self.vlan));
        state.write_u128(self.ips[0].bits());
        state.write_u128(self.ips[1].bits());
    }
}

/// No slot known.
pub(crate) const NO_SLOT: Slot = Slot::MAX;

impl Flow {
    /// A flow whose first packet goes from `client` to `server`.
    pub fn open(now: Timestamp, client: (Ip, u16), server: (Ip, u16), protocol: u8, vlan: u16) -> Self {
        Flow {
            client: client.0,
            server: server.0,
            client_port: client.1,
            server_port: server.1,
            protocol,
            vlan,
            state: State::Opened,
            app: App::Unknown,
            opened_at: now,
            last_at: now,
            bytes_up: 0,
            bytes_down: 0,
            packets_up: 0,
            packets_down: 0,
            payload_up: 0,
            payload_down: 0,
            ttl: 0,
            first_flags: 0,
            inspect: Inspect::default(),
            next_seq: [0; 2],
            hole: [(0, 0); 2],
            hosts: [NO_SLOT; 2],
            inside: [false; 2],
            told: Told::default(),
            counted: [0; 2],
        }
    }

    /// Which side `src` is.
    #[inline]
    pub fn side(&self, src: (Ip, u16)) -> Side {
        if self.client == src.0 && self.client_port == src.1 { Side::Client } else { Side::Server }
    }

    /// Counts a packet of `bytes` IP bytes with `payload` bytes above the transport header.
    #[inline]
    pub fn count(&mut self, now: Timestamp, side: Side, bytes: u32, payload: u32) {
        self.last_at = now;
        match side {
            Side::Client => {
                self.bytes_up += u64::from(bytes);
                self.packets_up = self.packets_up.saturating_add(1);
                self.payload_up = self.payload_up.saturating_add(payload);
            }
            Side::Server => {
                self.bytes_down += u64::from(bytes);
                self.packets_down = self.packets_down.saturating_add(1);
                self.payload_down = self.payload_down.saturating_add(payload);
            }
        }
    }

    /// How long this flow may be silent before it is over, in microseconds: unanswered 10 s (TCP) and 30 s (others),
    /// established TCP 15 min, other answered ones 2 min, closed and refused ones linger 5 s for their stragglers.
    pub fn patience(&self) -> i64 {
        let seconds = match (self.state, self.protocol) {
            (State::Closed | State::Refused, _) => 5,
            (State::Opened | State::HalfOpen, proto::TCP) => 10,
            (State::Established | State::Midstream, proto::TCP) => 900,
            (State::Opened, _) => 30,
            _ => 120,
        };
        seconds * SECOND
    }

    /// Whether it has been silent for longer than its patience.
    #[inline]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.last_at) > self.patience()
    }

    /// Applies the control bits of a segment from `side`, and says what changed.
    pub fn tcp_step(&mut self, side: Side, flags: u8) -> TcpStep {
        let (syn, ack, rst, fin) =
            (flags & flag::SYN != 0, flags & flag::ACK != 0, flags & flag::RST != 0, flags & flag::FIN != 0);
        match (self.state, side) {
            (State::Opened, Side::Server) if rst => self.to(State::Refused, TcpStep::Refused),
            (State::Opened, Side::Server) if syn && ack => self.to(State::HalfOpen, TcpStep::Answered),
            (State::Opened | State::HalfOpen | State::Established | State::Midstream, _) if rst => {
                self.to(State::Closed, TcpStep::Ended)
            }
            (State::HalfOpen, Side::Client) if ack && !syn => {
                self.to(State::Established, TcpStep::Established)
            }
            (State::Opened, Side::Client) if ack && !syn && self.packets_down > 0 => {
                self.to(State::Midstream, TcpStep::Nothing)
            }
            (State::Established | State::Midstream, _) if fin => {
                self.inspect.set(if side == Side::Client {
                    Inspect::FIN_CLIENT
                } else {
                    Inspect::FIN_SERVER
                });
                if self.inspect.has(Inspect::FIN_CLIENT | Inspect::FIN_SERVER) {
                    return self.to(State::Closed, TcpStep::Ended);
                }
                TcpStep::Nothing
            }
            _ => TcpStep::Nothing,
        }
    }

    fn to(&mut self, state: State, step: TcpStep) -> TcpStep {
        self.state = state;
        step
    }

    /// Follows the sequence numbers of a segment from `side`, `length` counting SYN and FIN too. True when the other
    /// side acknowledges bytes that were never seen: they were lost before the sensor.
    pub fn follow(&mut self, side: Side, seq: u32, ack: Option<u32>, length: u32) -> bool {
        let (own, other) = (side as usize, 1 - side as usize);
        self.sent(own, seq, length);
        let Some(ack) = ack.filter(|_| self.next_seq[other] != 0) else { return false };
        let beyond = ahead(ack, self.next_seq[other]);
        if beyond {
            self.next_seq[other] = ack;
        }
        let (from, to) = self.hole[other];
        let skipped = from != to && !ahead(to, ack);
        if skipped {
            self.hole[other] = (0, 0);
        }
        beyond || skipped
    }

    /// Notes what one side sent, and the first hole it leaves: order may be lost, so a hole is a loss only once its
    /// bytes are acknowledged without having come by.
    fn sent(&mut self, own: usize, seq: u32, length: u32) {
        let (next, end) = (self.next_seq[own], seq.wrapping_add(length));
        let (from, to) = self.hole[own];
        if from == to && next != 0 && length > 0 && ahead(seq, next) {
            self.hole[own] = (next, seq);
        } else if from != to && !ahead(seq, from) && ahead(end, from) {
            self.hole[own] = if ahead(to, end) { (end, to) } else { (0, 0) };
        }
        if next == 0 || ahead(end, next) {
            self.next_seq[own] = end;
        }
    }
}

/// Whether sequence number `a` lies after `b`, within a window of 2^30 (RFC 9293, 3.4).
fn ahead(a: u32, b: u32) -> bool {
    let d = a.wrapping_sub(b);
    d != 0 && d < 1 << 30
}

/// What a segment changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpStep {
    /// Nothing that matters.
    Nothing,
    /// SYN-ACK came.
    Answered,
    /// The client completed the handshake.
    Established,
    /// RST in answer to the SYN.
    Refused,
    /// RST, or the second FIN.
    Ended,
}

/// The flow table: at most its capacity; when full, CLOCK evicts the flow that was not used for longest.
pub type Flows = Bounded<FlowKey, Flow>;

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> Flow {
        let ip = |t: &str| t.parse().expect("ip");
        Flow::open(Timestamp::from_secs(1), (ip("10.0.0.1"), 4000), (ip("10.0.0.2"), 80), proto::TCP, 0)
    }

    #[test]
    fn both_directions_have_one_key() {
        let (a, b) = ((Ip::v4([10, 0, 0, 1]), 4000), (Ip::v4([10, 0, 0, 2]), 80));
        assert_eq!(FlowKey::new(a, b, 6, 0), FlowKey::new(b, a, 6, 0));
        assert_ne!(FlowKey::new(a, b, 6, 0), FlowKey::new(a, b, 6, 5));
    }

    #[test]
    fn a_connection_opens_and_closes() {
        let mut f = flow();
        assert_eq!(f.tcp_step(Side::Server, flag::SYN | flag::ACK), TcpStep::Answered);
        assert_eq!(f.tcp_step(Side::Client, flag::ACK), TcpStep::Established);
        assert_eq!(f.tcp_step(Side::Client, flag::FIN | flag::ACK), TcpStep::Nothing);
        assert_eq!(f.tcp_step(Side::Server, flag::FIN | flag::ACK), TcpStep::Ended);
        assert_eq!(f.state, State::Closed);
    }

    #[test]
    fn a_refused_syn_is_refused_and_a_scanners_rst_ends_a_half_open_flow() {
        let mut f = flow();
        assert_eq!(f.tcp_step(Side::Server, flag::RST | flag::ACK), TcpStep::Refused);
        let mut f = flow();
        f.tcp_step(Side::Server, flag::SYN | flag::ACK);
        assert_eq!(f.tcp_step(Side::Client, flag::RST), TcpStep::Ended);
    }

    #[test]
    fn an_ack_beyond_what_was_seen_is_a_gap_and_counts_once() {
        let mut f = flow();
        f.follow(Side::Client, 100, None, 1);
        f.follow(Side::Server, 500, Some(101), 1);
        assert!(!f.follow(Side::Client, 101, Some(501), 50));
        assert!(!f.follow(Side::Server, 501, Some(151), 0));
        assert!(f.follow(Side::Server, 501, Some(300), 0), "bytes 151..300 never came by");
        assert!(!f.follow(Side::Server, 501, Some(300), 0));
        // A segment is skipped, later ones come by, all is acknowledged.
        assert!(!f.follow(Side::Client, 400, Some(501), 100));
        assert!(f.follow(Side::Server, 501, Some(500), 0), "bytes 300..400 never came by");
        // Order lost, and a retransmission: nothing is missing.
        assert!(!f.follow(Side::Client, 600, Some(501), 100));
        assert!(!f.follow(Side::Server, 501, Some(500), 0));
        assert!(!f.follow(Side::Client, 500, Some(501), 100));
        assert!(!f.follow(Side::Server, 501, Some(700), 0));
    }
}
