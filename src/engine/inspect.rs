//! What is spoken inside a flow: the first bytes of each side, put together over segments where one is not enough.
//!
//! The common case costs nothing: the first segment is parsed where it lies. Only when a protocol says "more" are
//! bytes copied, within the budget of [`Streams`].

use super::talk::Talks;
use super::{Carried, Engine};
use crate::observe::Observation;
use crate::table::bounded::Bounded;
use crate::table::flows::{App, Inspect, Side};
use crate::table::reassembly::Streams;
use crate::table::traits::Source;
use crate::wire::login::Service;
use crate::wire::tcp::Segment;
use crate::wire::udp::Datagram;
use crate::wire::{Parsed, bacnet, coap, dns, kerberos, ldap, probe, quic, snmp, spoken, ssdp, ssh, tls};

/// Longest beginning of one side that is gathered: a ClientHello with post-quantum keys and a server's certificates
/// fit.
const HEAD_BYTES: usize = 16 * 1024;
/// QUIC connections whose ClientHello is being gathered.
const MAX_QUIC: usize = 64;
/// A QUIC connection begins within this many datagrams of its flow.
const QUIC_DATAGRAMS: u32 = 4;
/// Server segments of a log-in protocol that are looked at; the talk after that is not about logging in.
const LOGIN_SEGMENTS: u32 = 64;

/// State of half-read beginnings.
pub(super) struct Readers {
    /// Taken out while its bytes are being read.
    streams: Option<Streams>,
    quic: Bounded<u32, quic::Initial>,
    pub(super) talks: Talks,
}

/// What came of looking at the beginning of one side.
#[derive(PartialEq)]
enum Look {
    /// Nothing more to read here.
    Done,
    /// More bytes are needed.
    More,
}

impl Readers {
    pub(super) fn new(stream_bytes: usize) -> Self {
        Readers {
            streams: Some(Streams::new(stream_bytes / 2, HEAD_BYTES)),
            quic: Bounded::new(MAX_QUIC),
            talks: Talks::new(stream_bytes / 2),
        }
    }

    /// The flow in `slot` is over. (One that is pushed out of its table leaves its heads to be pushed out in turn.)
    pub(super) fn forget(&mut self, slot: u32, inspect: Inspect) {
        if inspect.has(Inspect::TALKS) {
            self.talks.forget(slot);
        }
        for side in [Side::Client, Side::Server] {
            if inspect.has(bits(side).1) {
                self.drop_head(slot, side);
            }
        }
    }

    fn drop_head(&mut self, slot: u32, side: Side) {
        if let Some(streams) = &mut self.streams {
            streams.drop_stream(key(slot, side));
        }
    }

    /// Heads under way.
    pub(super) fn held(&self) -> usize {
        self.streams.as_ref().map_or(0, Streams::len)
    }
}

fn key(slot: u32, side: Side) -> u64 {
    u64::from(slot) << 1 | side as u64
}

fn bits(side: Side) -> (u8, u8) {
    match side {
        Side::Client => (Inspect::CLIENT_DONE, Inspect::CLIENT_GATHERS),
        Side::Server => (Inspect::SERVER_DONE, Inspect::SERVER_GATHERS),
    }
}

impl Engine {
    pub(super) fn inspect_tcp(&mut self, slot: u32, side: Side, segment: &Segment<'_>, carried: Carried<'_>) {
        let Some(flow) = self.flows.at(slot) else { return };
        if side == Side::Server && flow.payload_down == segment.payload_len {
            self.tell_spoken(slot, spoken::by_server(segment.payload));
        }
        let Some(flow) = self.flows.at(slot) else { return };
        if flow.inspect.has(Inspect::TALKS) {
            if side == Side::Server {
                self.inspect_answer(slot, segment.payload);
            }
            return self.hear(slot, side, segment, carried);
        }
        let (done, gathers) = bits(side);
        if flow.inspect.has(done) {
            if side == Side::Server {
                self.inspect_answer(slot, segment.payload);
            }
            return;
        }
        let gathering = flow.inspect.has(gathers);
        if !gathering
            && side == Side::Client
            && let Some((name, sure)) = probe::scanner(segment.payload)
        {
            self.tell_flow(slot, |flow| Observation::Probe(flow, name, sure));
        }
        if !gathering && self.begins_talk(slot, side, segment, carried) {
            return;
        }
        let look = if gathering {
            self.look_gathered(slot, side, segment, carried)
        } else {
            self.look(slot, side, segment.payload, false, carried)
        };
        if look == Look::More && !gathering {
            if let Some(streams) = &mut self.readers.streams {
                streams.start(key(slot, side), segment.seq);
                streams.push(key(slot, side), segment.seq, segment.payload);
            }
        } else if look == Look::Done && gathering {
            self.readers.drop_head(slot, side);
        }
        if let Some(flow) = self.flows.at_mut(slot) {
            flow.inspect.set(if look == Look::Done { done } else { gathers });
        }
    }

    /// Adds a segment to the beginning that is being gathered, and looks at it again.
    fn look_gathered(&mut self, slot: u32, side: Side, segment: &Segment<'_>, carried: Carried<'_>) -> Look {
        let Some(mut streams) = self.readers.streams.take() else { return Look::Done };
        let key = key(slot, side);
        let bytes = streams.push(key, segment.seq, segment.payload);
        let full = bytes.len() >= HEAD_BYTES;
        let look = if bytes.is_empty() { Look::More } else { self.look(slot, side, bytes, full, carried) };
        let lost = !streams.contains(key);
        self.readers.streams = Some(streams);
        if full || lost { Look::Done } else { look }
    }

    /// What a server says later in a flow about a log-in, in protocols that are no conversations.
    #[inline]
    fn inspect_answer(&mut self, slot: u32, payload: &[u8]) {
        let Some(flow) = self.flows.at(slot) else { return };
        match flow.app {
            App::Login(service) if flow.packets_down <= LOGIN_SEGMENTS => {
                if let Some(outcome) = service.outcome(payload) {
                    self.watch.tell(self.now, &self.known, &Observation::Login(flow, service, outcome));
                }
            }
            _ => {}
        }
    }

    /// Looks at what one side has said so far; `last` means that no more will be gathered.
    fn look(&mut self, slot: u32, side: Side, bytes: &[u8], last: bool, carried: Carried<'_>) -> Look {
        let Some(flow) = self.flows.at(slot) else { return Look::Done };
        let (app, port) = (flow.app, flow.server_port);
        if port == 53 {
            return self.look_dns(bytes, carried, slot);
        }
        if tls::looks_handshake(bytes) {
            return self.look_tls(slot, side, bytes, last);
        }
        if ssh::looks_banner(bytes) {
            return self.look_ssh(slot, side, bytes);
        }
        if app == App::Unknown
            && let Some(service) = Service::of_port(port)
        {
            self.set_app(slot, App::Login(service));
        }
        if side == Side::Server {
            self.inspect_answer(slot, bytes);
        }
        Look::Done
    }

    fn set_app(&mut self, slot: u32, app: App) {
        if let Some(flow) = self.flows.at_mut(slot) {
            flow.app = app;
        }
    }

    fn tell_spoken(&mut self, slot: u32, protocol: Option<spoken::Protocol>) {
        if let Some(protocol) = protocol {
            self.tell_flow(slot, |flow| Observation::Spoken(flow, protocol));
        }
    }

    fn look_dns(&mut self, bytes: &[u8], carried: Carried<'_>, slot: u32) -> Look {
        let parsed = dns::parse_stream(bytes);
        if let Parsed::Yes(message) = &parsed {
            self.set_app(slot, App::Dns);
            self.on_message(carried, message, 53);
        }
        self.unread(parsed)
    }

    fn set_tls(&mut self, slot: u32) {
        // Remote desktop stays what it is when it goes on under TLS.
        if self.flows.at(slot).is_some_and(|flow| flow.app != App::Rdp) {
            self.set_app(slot, App::Tls);
        }
    }

    fn look_tls(&mut self, slot: u32, side: Side, bytes: &[u8], last: bool) -> Look {
        match side {
            Side::Client => match tls::client_hello(bytes) {
                Parsed::Yes(hello) => {
                    self.set_tls(slot);
                    self.slips(slot, Side::Client, Source::Tls, &hello.ja4);
                    self.told_name(slot, hello.server_name.as_deref());
                    self.slips(slot, Side::Client, Source::Tls, &hello.ja4);
                    self.tell_flow(slot, |flow| Observation::TlsClient(flow, &hello));
                    Look::Done
                }
                other => self.unread(other),
            },
            Side::Server => match tls::server_hello(bytes, last) {
                Parsed::Yes(hello) => {
                    self.set_tls(slot);
                    self.tell_flow(slot, |flow| Observation::TlsServer(flow, &hello));
                    Look::Done
                }
                other => self.unread(other),
            },
        }
    }

    fn look_ssh(&mut self, slot: u32, side: Side, bytes: &[u8]) -> Look {
        match ssh::banner(bytes) {
            Parsed::Yes(software) => {
                self.set_app(slot, App::Ssh);
                if side == Side::Server {
                    self.slips(slot, side, Source::Ssh, &software);
                }
                self.tell_flow(slot, |flow| Observation::Ssh(flow, &software, side == Side::Server));
                Look::Done
            }
            other => self.unread(other),
        }
    }

    fn unread<T>(&mut self, parsed: Parsed<T>) -> Look {
        match parsed {
            Parsed::More => Look::More,
            Parsed::Bad(reason) => {
                self.counters.reject(reason);
                Look::Done
            }
            Parsed::Yes(_) | Parsed::No => Look::Done,
        }
    }

    #[inline]
    pub(super) fn inspect_udp(
        &mut self,
        slot: u32,
        side: Side,
        datagram: &Datagram<'_>,
        carried: Carried<'_>,
    ) {
        let (Some(flow), payload) = (self.flows.at(slot), datagram.payload) else { return };
        if payload.is_empty() {
            return;
        }
        // The lower port tells; both directions of DNS, and of mDNS where both are 5353, come here.
        let app = match datagram.src_port.min(datagram.dst_port) {
            53 => App::Dns,
            67 | 68 => App::Dhcp,
            88 => App::Kerberos,
            123 => App::Ntp,
            137 => App::Nbns,
            161 => App::Snmp,
            389 => App::Ldap,
            1900 => App::Ssdp,
            546 | 547 => return self.on_dhcp6(carried, payload),
            5351 => return self.on_port_mapping(carried, payload),
            // Answers to what was asked of a group begin a flow of their own.
            _ => match if datagram.src_port == 5355 { 5355 } else { flow.server_port } {
                5353 => App::Mdns,
                5355 => App::Llmnr,
                5683 => App::Coap,
                47808 => App::Bacnet,
                _ if flow.inspect.has(Inspect::CLIENT_DONE) => return,
                _ if ssdp::looks_answer(payload) => App::Ssdp,
                _ if side == Side::Client => {
                    return self.inspect_quic(slot, payload);
                }
                _ => return,
            },
        };
        if flow.app != app {
            self.set_app(slot, app);
        }
        match app {
            App::Dns => self.on_dns(carried, payload, 53),
            App::Mdns => self.on_dns(carried, payload, 5353),
            App::Llmnr => self.on_dns(carried, payload, 5355),
            App::Dhcp => self.on_dhcp(carried, payload),
            App::Nbns => self.on_nbns(carried, payload),
            App::Ssdp => self.on_ssdp(carried, datagram),
            _ => self.on_said(slot, side, app, payload),
        }
    }

    /// Datagrams that are messages of a flow.
    fn on_said(&mut self, slot: u32, side: Side, app: App, payload: &[u8]) {
        match app {
            App::Snmp if side == Side::Client => {
                if let Some(seen) = snmp::community(payload) {
                    self.tell_flow(slot, |flow| Observation::Credential(flow, &seen));
                }
            }
            App::Kerberos => {
                if let Some(said) = kerberos::message(payload) {
                    self.tell_flow(slot, |flow| Observation::Kerberos(flow, &said));
                }
            }
            App::Ldap => {
                if let Some(said) = ldap::message(payload) {
                    self.tell_flow(slot, |flow| Observation::Ldap(flow, &said));
                }
            }
            App::Coap => {
                if let Some(said) = coap::message(payload) {
                    self.tell_flow(slot, |flow| Observation::Coap(flow, side, &said));
                }
            }
            App::Bacnet => {
                if let Some(said) = bacnet::message(payload, side) {
                    self.tell_flow(slot, |flow| Observation::Industrial(flow, &said));
                }
            }
            _ => {}
        }
    }

    fn inspect_quic(&mut self, slot: u32, payload: &[u8]) {
        let sent = self.flows.at(slot).map_or(0, |f| f.packets_up);
        if sent <= 1 {
            self.tell_spoken(slot, spoken::by_datagram(payload));
            // Whatever was gathered under this slot was another connection's.
            self.readers.quic.remove(&slot);
        }
        // Only the first datagram must look like one: what follows it may be parts in any order.
        let begun = self.readers.quic.get_mut(&slot).is_some();
        let parsed = if begun || (sent <= QUIC_DATAGRAMS && quic::looks_initial(payload)) {
            self.readers.quic.entry(slot, quic::Initial::default).0.datagram(payload)
        } else {
            Parsed::No
        };
        if let Parsed::Yes(hello) = &parsed {
            self.set_app(slot, App::Quic);
            self.told_name(slot, hello.server_name.as_deref());
            self.tell_flow(slot, |flow| Observation::TlsClient(flow, hello));
        }
        if self.unread(parsed) == Look::Done {
            self.readers.quic.remove(&slot);
            if let Some(flow) = self.flows.at_mut(slot) {
                flow.inspect.set(Inspect::CLIENT_DONE);
            }
        }
    }
}
