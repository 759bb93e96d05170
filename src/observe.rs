//! Observations: what a frame meant. The engine makes them, detectors read them.

use crate::addr::{Ip, MacAddr};
use crate::alert::{Alert, Finding};
use crate::table::devices::DeviceKey;
use crate::table::flows::{Flow, Side};
use crate::table::habits::{Fresh, Upload};
use crate::table::identity::Change;
use crate::table::reassembly::Odd;
use crate::wire::{
    arp::Arp, coap, credential, dhcp, dns, http, icmp, industrial, kerberos, ldap, login, mqtt, nbns,
    portmap, rdp, rpc, rtsp, smb, spoken::Protocol, ssdp, stratum, tls,
};
use crate::words::Sentence;

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
    /// An HTTP request head, each one of the connection.
    HttpRequest(&'a Flow, &'a http::Request),
    /// Another piece of an HTTP request whose head or body is not yet whole.
    HttpUnfinished(&'a Flow),
    /// Status code of an HTTP response, each one of the connection.
    HttpStatus(&'a Flow, u16),
    /// An SSH identification string: software, and whether the server sent it.
    Ssh(&'a Flow, &'a str, bool),
    /// A server said in the clear what it thinks of a log-in.
    Login(&'a Flow, login::Service, login::Outcome),
    /// A password that could be read; never the password.
    Credential(&'a Flow, &'a credential::Seen),
    /// Text that people or programs wrote, readable on the way: requests, the beginnings of bodies, mail.
    Content(&'a Flow, &'a [u8]),
    /// Signs of an attack in an HTTP request, or their proof in its answer.
    WebAttack(&'a Flow, &'a http::attack::Seen),
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
    /// A UDP flow went on: the 2nd, 4th, 8th, … 256th and then every 256th datagram of one side. The number is how many
    /// came since the one before.
    Steps(&'a Flow, Side, u32),
    /// Another 32 packets to one host that belong to no flow.
    Burst(&'a BurstSeen),
    /// The source of a frame was not heard of for ten minutes or more. Also group addresses, which no station has.
    Station(MacAddr),
    /// A fragment, or what became of some, that no honest sender makes.
    Fragment(&'a FragmentSeen),
    /// An ICMP or ICMPv6 redirect.
    Redirect(&'a RedirectSeen),
    /// An IPv6 router advertisement.
    Router(&'a RouterSeen),
    /// The first bytes of a client are those of a scanner that wants to know what answers: which one, and whether they
    /// prove it alone.
    Probe(&'a Flow, &'static str, bool),
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
    pub const CREDENTIAL: u64 = 1 << 24;
    pub const CONTENT: u64 = 1 << 25;
    pub const WEB_ATTACK: u64 = 1 << 26;
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
    pub const BURST: u64 = 1 << 27;
    pub const FRAGMENT: u64 = 1 << 28;
    pub const ICMP: u64 = 1 << 29;
    pub const ROUTER: u64 = 1 << 30;
    pub const STATION: u64 = 1 << 43;
    pub const PROBE: u64 = 1 << 44;
}

impl<'a> Observation<'a> {
    /// What an HTTP connection said.
    pub(crate) fn of_http(flow: &'a Flow, said: &'a http::talk::Said<'a>) -> Observation<'a> {
        use http::talk::Said;
        match said {
            Said::Request(request) => Observation::HttpRequest(flow, request),
            Said::Status(status) => Observation::HttpStatus(flow, *status),
            Said::Unfinished => Observation::HttpUnfinished(flow),
            Said::Credential(seen) => Observation::Credential(flow, seen),
            Said::Attack(seen) => Observation::WebAttack(flow, seen),
            Said::Content(text) => Observation::Content(flow, text),
        }
    }

    /// What a log-in conversation said.
    pub(crate) fn of_login(flow: &'a Flow, said: &'a login::Said<'a>) -> Observation<'a> {
        match said {
            login::Said::Credential(seen) => Observation::Credential(flow, seen),
            login::Said::Outcome(service, outcome) => Observation::Login(flow, *service, *outcome),
            login::Said::Content(text) => Observation::Content(flow, text),
        }
    }
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
            Observation::HttpRequest(..) | Observation::HttpStatus(..) | Observation::HttpUnfinished(_) => {
                interest::HTTP
            }
            Observation::Credential(..) => interest::CREDENTIAL,
            Observation::Content(..) => interest::CONTENT,
            Observation::WebAttack(..) => interest::WEB_ATTACK,
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
            Observation::Steps(..) | Observation::Burst(_) => interest::BURST,
            Observation::Station(_) => interest::STATION,
            Observation::Fragment(_) => interest::FRAGMENT,
            Observation::Redirect(_) => interest::ICMP,
            Observation::Router(_) => interest::ROUTER,
            Observation::Probe(..) => interest::PROBE,
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

/// What a packet outside any flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loose {
    /// An echo request.
    Ask = 0,
    /// An echo reply.
    Reply = 1,
    /// IPv6 neighbour discovery other than router advertisements, and multicast listener reports.
    Neighbor = 2,
    /// Any other ICMP message that is about no flow.
    Icmp = 3,
    /// A protocol that is no transport, tunnel or routing protocol, or headers that hide it.
    Unreadable = 4,
}

/// Many packets to one host that belong to no flow; the last of them speaks for all.
#[derive(Clone, Copy, Debug)]
pub struct BurstSeen {
    /// Sender of the last one.
    pub source: Ip,
    /// Receiver.
    pub target: Ip,
    /// What they are.
    pub class: Loose,
    /// How many came since the last time.
    pub packets: u32,
}

/// Something odd about fragments.
#[derive(Clone, Copy, Debug)]
pub struct FragmentSeen {
    /// Sender.
    pub source: Ip,
    /// Receiver.
    pub target: Ip,
    /// What is odd.
    pub odd: Odd,
    /// Datagrams that were made whole so far, all hosts together: shows a network on which fragments are lost.
    pub completed: u64,
}

/// "Send that through another router."
#[derive(Clone, Copy, Debug)]
pub struct RedirectSeen {
    /// Who says so.
    pub source: Ip,
    /// Station that sent the frame; NONE when a tunnel hides it.
    pub mac: MacAddr,
    /// Who is told.
    pub target: Ip,
    /// The next hop it should take.
    pub gateway: Ip,
    /// For what destination.
    pub destination: Ip,
}

/// A router advertisement.
#[derive(Clone, Copy, Debug)]
pub struct RouterSeen {
    /// The router's address on the link.
    pub ip: Ip,
    /// Station that sent the frame.
    pub mac: MacAddr,
    /// For how many seconds it offers itself as a default router; 0: not, or no longer.
    pub lifetime_s: u16,
    /// The first prefix it hands out, and its length.
    pub prefix: Option<(Ip, u8)>,
    /// The first name server it hands out.
    pub dns_server: Option<Ip>,
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
    pub store_problem: Option<&'a Sentence>,
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
    pub problem: Option<&'a Sentence>,
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
    /// Frames with a VLAN tag.
    pub tagged: u64,
    /// Frames of a PPPoE session.
    pub pppoe: u64,
    /// Of a sample of TCP segments with payload: how many were looked at, and how many had come by a moment before.
    pub sampled: u32,
    /// See `sampled`.
    pub repeated: u32,
    /// TCP flows alive with packets one way only, and both ways, seen in this second.
    pub one_way_flows: u32,
    /// See `one_way_flows`.
    pub two_way_flows: u32,
    /// An interface is down or gone.
    pub link_down: bool,
    /// Whether this is live capture: silence means something only there.
    pub live: bool,
}
