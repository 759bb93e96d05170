//! Observations: what a frame meant. The engine makes them, detectors read them.

use crate::addr::{Ip, MacAddr};
use crate::alert::{Alert, Finding};
use crate::table::devices::DeviceKey;
use crate::table::flows::{Flow, Side};
use crate::table::habits::{Fresh, Upload};
use crate::table::identity::Change;
use crate::wire::{
    arp::Arp, coap, dhcp, dns, http, icmp, industrial, kerberos, ldap, login, mqtt, nbns, portmap, rdp, rpc, rtsp, smb,
    spoken::Protocol, ssdp, stratum, tls,
};

/// What a frame, or the passing of time, meant. Most frames mean nothing new and make none.
#[derive(Clone, Copy, Debug)]
pub enum Observation<'a> {
    /// The first packet of a flow (TCP: a SYN; UDP and others: the first datagram). Midstream TCP is not opened.
    FlowOpened(&'a Flow),
    /// The server's first answer: SYN-ACK, or the first datagram back.
    FlowAnswered(&'a Flow),
    /// TCP handshake completed by the client.
    FlowEstablished(&'a Flow),
    /// RST in answer to a SYN, or an ICMP unreachable about the flow's first packets.
    FlowRefused(&'a Flow),
    /// The flow is over: FIN, RST, silence or eviction. Comes once per flow, also for midstream and refused ones.
    FlowEnded(&'a Flow),
    /// A TCP segment that belongs to no flow and cannot open one: FIN, NULL, XMAS, Maimon, bare ACK, SYN-FIN.
    /// (RST and SYN-ACK without a flow are `Backscatter`.)
    Stray(Stray),
    /// RST or SYN-ACK that belongs to no flow: answers to somebody else's spoofing.
    Backscatter(Stray),
    /// Any ARP message.
    Arp(&'a ArpSeen),
    /// An IPv6 neighbour advertisement.
    Neighbor(&'a NeighborSeen),
    /// An ICMP or ICMPv6 echo request.
    Echo {
        /// Who pings.
        source: Ip,
        /// Who is pinged.
        target: Ip,
        /// What it carries.
        load: icmp::Load,
    },
    /// An ICMP or ICMPv6 echo reply.
    EchoReply {
        /// Who answers.
        source: Ip,
        /// Who had asked.
        target: Ip,
        /// What it carries.
        load: icmp::Load,
    },
    /// A DNS message over UDP or TCP port 53.
    Dns(&'a DnsSeen<'a>),
    /// An mDNS or LLMNR message.
    LocalName(&'a DnsSeen<'a>),
    /// A NetBIOS name service message.
    Nbns {
        /// Sender.
        source: Ip,
        /// Receiver.
        target: Ip,
        /// What it says.
        message: &'a nbns::Message,
    },
    /// A DHCPv4 message.
    Dhcp(&'a DhcpSeen<'a>),
    /// A DHCPv6 message.
    Dhcp6 {
        /// Sender's station.
        mac: MacAddr,
        /// Sender.
        source: Ip,
        /// What it says.
        message: &'a dhcp::Message6<'a>,
    },
    /// An SSDP message: a search, an announcement, or the answer to a search.
    Ssdp(&'a SsdpSeen<'a>),
    /// A TLS ClientHello, over TCP or inside QUIC (`flow.app` tells).
    TlsClient(&'a Flow, &'a tls::ClientHello),
    /// A TLS ServerHello, with the certificate when readable.
    TlsServer(&'a Flow, &'a tls::ServerHello),
    /// The first HTTP request head of a connection.
    HttpRequest(&'a Flow, &'a http::Request),
    /// Status code of an HTTP response, each one of the connection.
    HttpStatus(&'a Flow, u16),
    /// An SSH identification string: software, and whether the server sent it.
    Ssh(&'a Flow, &'a str, bool),
    /// A server said in the clear what it thinks of a log-in.
    Login(&'a Flow, login::Service, login::Outcome),
    /// A line between a miner and its pool.
    Stratum(&'a Flow, &'a stratum::Said<'a>),
    /// A request to a router for an open port, or its answer (NAT-PMP, PCP).
    PortMapping {
        /// Sender.
        source: Ip,
        /// Receiver.
        target: Ip,
        /// What it says.
        message: portmap::Message,
    },
    /// The server (TCP) or the client (UDP) of a flow spoke for the first time, and it is known what.
    Spoken(&'a Flow, Protocol),
    /// Something said over SMB. Log-in outcomes come as `Login` too; calls through pipes come as `Rpc`.
    Smb(&'a Flow, &'a smb::Said<'a>),
    /// A Kerberos message, over UDP or TCP.
    Kerberos(&'a Flow, &'a kerberos::Said<'a>),
    /// An LDAP message, or one of CLDAP over UDP.
    Ldap(&'a Flow, &'a ldap::Said<'a>),
    /// The first message of a side of remote desktop.
    Rdp(&'a Flow, &'a rdp::Said<'a>),
    /// A request of Modbus, DNP3, IEC-104, S7 or BACnet.
    Industrial(&'a Flow, &'a industrial::Said),
    /// A client of an MQTT broker logs in, publishes or subscribes; or the broker's answer to a log-in.
    Mqtt(&'a Flow, &'a mqtt::Said<'a>),
    /// A CoAP message and who sent it.
    Coap(&'a Flow, Side, &'a coap::Said<'a>),
    /// An RTSP message.
    Rtsp(&'a Flow, &'a rtsp::Said<'a>),
    /// A DCE/RPC message, over TCP or in an SMB pipe.
    Rpc(&'a Flow, &'a rpc::Said),
    /// A device does something that it never did before, or sends out more than it usually does.
    Habit(&'a HabitSeen<'a>),
    /// A station never seen before by this monitor.
    DeviceNew(&'a DeviceSeen),
    /// An alert was raised, or one that is open became more severe.
    Alert(&'a Alert),
    /// An incident beyond the budget of alerts; it is told nowhere else.
    Folded(&'a Finding),
    /// The clock was set by so many seconds.
    ClockStep {
        /// How far; negative is back.
        seconds: i64,
        /// The sensor's own clock; otherwise that of a capture file.
        live: bool,
    },
    /// What the sensor reads of itself, every few seconds while it runs.
    Sensor(&'a SensorState<'a>),
    /// Something happened to a known device: it took another station address, is not what it was, or is silent.
    DeviceChanged(&'a DeviceChanged<'a>),
    /// Once a second of engine time: what capture itself did in that second.
    Second(&'a SensorSecond),
}

/// The kinds of observation as bits, for a detector's `INTEREST`.
pub mod interest {
    #![allow(missing_docs)]
    pub const FLOW_OPENED: u64 = 1 << 0;
    pub const FLOW_ANSWERED: u64 = 1 << 1;
    pub const FLOW_ESTABLISHED: u64 = 1 << 2;
    pub const FLOW_REFUSED: u64 = 1 << 3;
    pub const FLOW_ENDED: u64 = 1 << 4;
    pub const STRAY: u64 = 1 << 5;
    pub const BACKSCATTER: u64 = 1 << 6;
    pub const ARP: u64 = 1 << 7;
    pub const NEIGHBOR: u64 = 1 << 8;
    pub const ECHO: u64 = 1 << 9;
    pub const DNS: u64 = 1 << 10;
    pub const LOCAL_NAME: u64 = 1 << 11;
    pub const DHCP: u64 = 1 << 12;
    pub const TLS: u64 = 1 << 13;
    pub const HTTP: u64 = 1 << 14;
    pub const SSH: u64 = 1 << 15;
    pub const LOGIN: u64 = 1 << 16;
    pub const DEVICE: u64 = 1 << 17;
    pub const SECOND: u64 = 1 << 18;
    pub const STRATUM: u64 = 1 << 31;
    pub const PORT_MAPPING: u64 = 1 << 32;
    pub const SPOKEN: u64 = 1 << 34;
    pub const ALERT: u64 = 1 << 40;
    pub const SENSOR: u64 = 1 << 41;
    pub const SMB: u64 = 1 << 19;
    pub const KERBEROS: u64 = 1 << 21;
    pub const LDAP: u64 = 1 << 22;
    pub const RDP: u64 = 1 << 23;
    pub const INDUSTRIAL: u64 = 1 << 35;
    pub const MQTT: u64 = 1 << 36;
    pub const IOT: u64 = 1 << 37;
    pub const RPC: u64 = 1 << 20;
    pub const HABIT: u64 = 1 << 39;
    pub const SSDP: u64 = 1 << 33;
    pub const DEVICE_CHANGED: u64 = 1 << 38;
}

impl Observation<'_> {
    /// The bit of [`interest`] that this observation carries.
    #[inline]
    pub const fn interest(&self) -> u64 {
        match self {
            Observation::FlowOpened(_) => interest::FLOW_OPENED,
            Observation::FlowAnswered(_) => interest::FLOW_ANSWERED,
            Observation::FlowEstablished(_) => interest::FLOW_ESTABLISHED,
            Observation::FlowRefused(_) => interest::FLOW_REFUSED,
            Observation::FlowEnded(_) => interest::FLOW_ENDED,
            Observation::Stray(_) => interest::STRAY,
            Observation::Backscatter(_) => interest::BACKSCATTER,
            Observation::Arp(_) => interest::ARP,
            Observation::Neighbor(_) => interest::NEIGHBOR,
            Observation::Echo { .. } | Observation::EchoReply { .. } => interest::ECHO,
            Observation::Dns(_) => interest::DNS,
            Observation::LocalName(_) | Observation::Nbns { .. } => interest::LOCAL_NAME,
            Observation::Dhcp(_) | Observation::Dhcp6 { .. } => interest::DHCP,
            Observation::Ssdp(_) => interest::SSDP,
            Observation::TlsClient(..) | Observation::TlsServer(..) => interest::TLS,
            Observation::HttpRequest(..) | Observation::HttpStatus(..) => interest::HTTP,
            Observation::Ssh(..) => interest::SSH,
            Observation::Login(..) => interest::LOGIN,
            Observation::Stratum(..) => interest::STRATUM,
            Observation::PortMapping { .. } => interest::PORT_MAPPING,
            Observation::Spoken(..) => interest::SPOKEN,
            Observation::Alert(_) | Observation::Folded(_) => interest::ALERT,
            Observation::ClockStep { .. } | Observation::Sensor(_) => interest::SENSOR,
            Observation::Smb(..) => interest::SMB,
            Observation::Kerberos(..) => interest::KERBEROS,
            Observation::Ldap(..) => interest::LDAP,
            Observation::Rdp(..) => interest::RDP,
            Observation::Industrial(..) => interest::INDUSTRIAL,
            Observation::Mqtt(..) => interest::MQTT,
            Observation::Coap(..) | Observation::Rtsp(..) => interest::IOT,
            Observation::Rpc(..) => interest::RPC,
            Observation::Habit(_) => interest::HABIT,
            Observation::DeviceNew(_) => interest::DEVICE,
            Observation::DeviceChanged(_) => interest::DEVICE_CHANGED,
            Observation::Second(_) => interest::SECOND,
        }
    }
}

/// A TCP segment outside any flow.
#[derive(Clone, Copy, Debug)]
pub struct Stray {
    /// Sender.
    pub source: Ip,
    /// Receiver.
    pub target: Ip,
    /// Sender's port.
    pub source_port: u16,
    /// Receiver's port.
    pub target_port: u16,
    /// TCP control bits.
    pub flags: u8,
}

/// An ARP message, with what the frame around it said and what the table held before.
#[derive(Clone, Copy, Debug)]
pub struct ArpSeen {
    /// The message.
    pub arp: Arp,
    /// Source of the Ethernet frame.
    pub frame_mac: MacAddr,
    /// Destination of the Ethernet frame.
    pub frame_to: MacAddr,
}

/// A neighbour advertisement.
#[derive(Clone, Copy, Debug)]
pub struct NeighborSeen {
    /// Address claimed.
    pub ip: Ip,
    /// Station that claims it: the target link address option, else the frame's source.
    pub mac: MacAddr,
    /// The sender says it is a router.
    pub router: bool,
    /// Answers a solicitation.
    pub solicited: bool,
    /// Replaces what caches hold.
    pub override_cache: bool,
}

/// A DNS-like message between two hosts.
#[derive(Clone, Copy, Debug)]
pub struct DnsSeen<'a> {
    /// Who asks (the receiver of a response).
    pub client: Ip,
    /// Who is asked (the sender of a response).
    pub server: Ip,
    /// The server's port: 53, 5353 or 5355.
    pub port: u16,
    /// Station that sent the frame.
    pub mac: MacAddr,
    /// The message.
    pub message: &'a dns::Message<'a>,
}

/// A DHCP message and who carried it.
#[derive(Clone, Copy, Debug)]
pub struct DhcpSeen<'a> {
    /// Source of the frame.
    pub mac: MacAddr,
    /// Source of the packet.
    pub source: Ip,
    /// The message.
    pub message: &'a dhcp::Message<'a>,
}

/// An SSDP message and who carried it.
#[derive(Clone, Copy, Debug)]
pub struct SsdpSeen<'a> {
    /// Station that sent the frame.
    pub mac: MacAddr,
    /// Sender.
    pub source: Ip,
    /// Receiver: the group 239.255.255.250 or ff0x::c, or one host.
    pub target: Ip,
    /// Sender's port.
    pub source_port: u16,
    /// Receiver's port.
    pub target_port: u16,
    /// The message.
    pub message: &'a ssdp::Message<'a>,
}

/// A station seen for the first time.
#[derive(Clone, Copy, Debug)]
pub struct DeviceSeen {
    /// Its address.
    pub mac: MacAddr,
    /// Its IP, when the first frame carried one.
    pub ip: Option<Ip>,
    /// Registered vendor.
    pub vendor: Option<&'static str>,
}

/// The sensor's own readings.
#[derive(Clone, Copy, Debug, Default)]
pub struct SensorState<'a> {
    /// Free bytes where the store is.
    pub disk_free_bytes: Option<u64>,
    /// Why the store cannot be written.
    pub store_problem: Option<&'a str>,
    /// Temperature of the processor.
    pub temperature_celsius: Option<f64>,
    /// The board says that its voltage is too low.
    pub under_voltage: bool,
    /// Lists of known bad addresses and names.
    pub lists: &'a [ListState<'a>],
}

/// How one list stands.
#[derive(Clone, Copy, Debug)]
pub struct ListState<'a> {
    /// Its name.
    pub name: &'a str,
    /// What is wrong with it.
    pub problem: Option<&'a str>,
    /// Hours since it was fetched; unknown for files that someone else keeps.
    pub age_hours: Option<u64>,
}

/// Something new about a device, after its learning time.
#[derive(Clone, Copy, Debug)]
pub struct HabitSeen<'a> {
    /// The device.
    pub device: DeviceKey,
    /// The address it used.
    pub ip: Ip,
    /// The name of the other side, when it has one.
    pub name: Option<&'a str>,
    /// What is new.
    pub what: Habit<'a>,
}

/// What is new about a device.
#[derive(Clone, Copy, Debug)]
pub enum Habit<'a> {
    /// It opened a flow to a destination, or by a port or protocol, that is not usual for it. Once a day per flow.
    Contact(&'a Flow, Fresh),
    /// It serves a port that it did not serve before. Once.
    Offer(&'a Flow, Fresh),
    /// It sent more to a destination that is not usual for it; by what flow, and what that adds up to. Again and again
    /// while it goes on.
    Upload(&'a Flow, Upload),
}

/// A device to which something happened.
#[derive(Clone, Copy, Debug)]
pub struct DeviceChanged<'a> {
    /// What it was first met as.
    pub key: DeviceKey,
    /// The station address it uses now; NONE where the link shows none.
    pub mac: MacAddr,
    /// The address it used last.
    pub ip: Option<Ip>,
    /// The name people know it by.
    pub name: Option<&'a str>,
    /// Registered vendor.
    pub vendor: Option<&'static str>,
    /// What happened.
    pub change: &'a Change,
}

/// What the sensor did in one second.
#[derive(Clone, Copy, Debug, Default)]
pub struct SensorSecond {
    /// Frames received.
    pub frames: u64,
    /// Frames the kernel or the ring dropped.
    pub dropped: u64,
    /// Unicast frames between two stations other than the sensor's own.
    pub foreign_unicast: u64,
    /// Broadcast and multicast frames, and the sensor's own.
    pub own_or_group: u64,
    /// TCP segments with payload whose ACK came but whose bytes were never seen (lost before the sensor).
    pub ack_gaps: u64,
    /// TCP segments with payload seen.
    pub tcp_data: u64,
    /// TCP flows alive with packets one way only, and both ways, seen in this second.
    pub one_way_flows: u32,
    /// See `one_way_flows`.
    pub two_way_flows: u32,
    /// An interface is down or gone.
    pub link_down: bool,
    /// Whether this is live capture: silence means something only there.
    pub live: bool,
}
