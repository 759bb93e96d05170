//! What stays on the LAN: ARP, ICMP and neighbour discovery, DHCP, and the names that hosts give themselves.

use super::{Carried, Engine};
use crate::addr::{Ip, MacAddr};
use crate::observe::{
    ArpSeen, DhcpSeen, DnsSeen, Loose, NeighborSeen, Observation, RedirectSeen, RouterSeen, SsdpSeen,
};
use crate::table::devices::NameSource;
use crate::table::flows::{FlowKey, State, proto};
use crate::table::traits::is_made_up;
use crate::wire::arp::Arp;
use crate::wire::icmp::{self, Meaning, Message, Quoted};
use crate::wire::udp::Datagram;
use crate::wire::{Parsed, dhcp, dns, nbns, portmap, ssdp};

/// What an echo carries; the length is the packet's when a capture cut it.
fn load_of(carried: Carried<'_>, message: &Message<'_>) -> icmp::Load {
    let headers = if message.v6 { 48 } else { 28 };
    let len = carried.ip.len.saturating_sub(headers).max(message.payload.len() as u32);
    icmp::load(message.payload, len)
}

impl Engine {
    pub(super) fn on_arp(&mut self, arp: Arp, frame_mac: MacAddr, frame_to: MacAddr) {
        // Told before the tables change: detectors compare the claim with what was known.
        self.tell(&Observation::Arp(&ArpSeen { arp, frame_mac, frame_to }));
        self.claims(arp.sender_mac, Some(arp.sender_ip));
    }

    fn tell(&mut self, observation: &Observation<'_>) {
        self.watch.tell(self.now, &self.known, observation);
    }

    fn claims(&mut self, mac: MacAddr, ip: Option<Ip>) {
        if let Some((_, key)) = self.known.claims(mac, ip) {
            self.tell_device(key, ip);
        }
    }

    pub(super) fn on_icmp(&mut self, carried: Carried<'_>, message: &Message<'_>) {
        let (source, target) = (carried.ip.src, carried.ip.dst);
        // Told before the tables change: a claim is compared with what was known.
        match message.meaning() {
            Meaning::EchoRequest(..) => {
                self.count_loose(carried, Loose::Ask);
                let load = load_of(carried, message);
                self.tell(&Observation::Echo { source, target, load });
            }
            Meaning::EchoReply(..) => {
                self.count_loose(carried, Loose::Reply);
                let load = load_of(carried, message);
                self.tell(&Observation::EchoReply { source, target, load });
            }
            Meaning::Unreachable { about: Some(about), .. } => {
                if !self.refused(about, carried.vlan) {
                    self.count_loose(carried, Loose::Icmp);
                }
            }
            Meaning::NeighborSolicitation { source_mac, .. } => {
                self.count_loose(carried, Loose::Neighbor);
                self.claims(source_mac, Some(source));
            }
            Meaning::NeighborAdvertisement { target: ip, target_mac, router, solicited, override_cache } => {
                self.count_loose(carried, Loose::Neighbor);
                let mac = if target_mac.is_none() { carried.mac } else { target_mac };
                let seen = NeighborSeen { ip, mac, router, solicited, override_cache };
                self.tell(&Observation::Neighbor(&seen));
                self.claims(mac, Some(ip));
            }
            Meaning::RouterAdvertisement { lifetime_s, source_mac, options } => {
                let (prefix, dns_server) = icmp::advertised(options);
                let seen = RouterSeen { ip: source, mac: carried.mac, lifetime_s, prefix, dns_server };
                self.tell(&Observation::Router(&seen));
                self.claims(if source_mac.is_none() { carried.mac } else { source_mac }, Some(source));
                if lifetime_s > 0 {
                    self.known.add_gateway(source);
                }
            }
            Meaning::Redirect { gateway, destination } => {
                let seen = RedirectSeen { source, mac: carried.mac, target, gateway, destination };
                self.tell(&Observation::Redirect(&seen));
            }
            Meaning::Unreachable { about: None, .. } | Meaning::Other => {
                self.count_loose(carried, Loose::Icmp);
            }
        }
        self.touch(carried);
    }

    /// An ICMP error says that the first packets of a flow were not wanted. False when there is no such flow.
    fn refused(&mut self, about: Quoted, vlan: u16) -> bool {
        if !matches!(about.protocol, proto::TCP | proto::UDP) {
            return false;
        }
        let key =
            FlowKey::new((about.src, about.src_port), (about.dst, about.dst_port), about.protocol, vlan);
        let Some(slot) = self.flows.find(&key) else { return false };
        let Some(flow) = self.flows.at_mut(slot) else { return false };
        if flow.state == State::Opened && flow.client == about.src {
            flow.state = State::Refused;
            self.tell_flow(slot, Observation::FlowRefused);
        }
        true
    }

    pub(super) fn on_dhcp(&mut self, carried: Carried<'_>, payload: &[u8]) {
        let message = match dhcp::parse(payload) {
            Parsed::Yes(message) => message,
            Parsed::Bad(reason) => return self.counters.reject(reason),
            Parsed::More | Parsed::No => return,
        };
        if message.op == 1 {
            self.claims(message.client_mac, Some(message.client_ip));
            self.on_dhcp_client(&message);
        }
        let seen = DhcpSeen { mac: carried.mac, source: carried.ip.src, message: &message };
        self.tell(&Observation::Dhcp(&seen));
        if message.kind == dhcp::kind::ACK {
            self.claims(message.client_mac, Some(message.your_ip));
            if let Some(router) = message.router {
                self.known.add_gateway(router);
            }
        }
    }

    pub(super) fn on_dhcp6(&mut self, carried: Carried<'_>, payload: &[u8]) {
        match dhcp::parse6(payload) {
            Parsed::Yes(message) => {
                if message.kind < 12 && !message.host_name.is_empty() {
                    self.known.called(carried.mac, NameSource::Dhcp, message.host_name);
                }
                self.on_dhcp6_client(carried.mac, &message);
                self.tell(&Observation::Dhcp6 {
                    mac: carried.mac,
                    source: carried.ip.src,
                    message: &message,
                });
            }
            Parsed::Bad(reason) => self.counters.reject(reason),
            Parsed::More | Parsed::No => {}
        }
    }

    /// A DNS message, or one of its relatives on the LAN (`port` 5353 or 5355).
    pub(super) fn on_dns(&mut self, carried: Carried<'_>, payload: &[u8], port: u16) {
        match dns::parse(payload) {
            Parsed::Yes(message) => self.on_message(carried, &message, port),
            Parsed::Bad(reason) => self.counters.reject(reason),
            Parsed::More | Parsed::No => {}
        }
    }

    pub(super) fn on_message(&mut self, carried: Carried<'_>, message: &dns::Message<'_>, port: u16) {
        let (src, dst) = (carried.ip.src, carried.ip.dst);
        let (client, server) = if message.response { (dst, src) } else { (src, dst) };
        let seen = DnsSeen { client, server, port, mac: carried.mac, message };
        if port == 53 {
            if message.response {
                self.learn_names(message);
            } else if let Some(question) = &message.question {
                self.known.asked(client, question.name.as_str());
            }
            self.tell(&Observation::Dns(&seen));
        } else {
            if message.response {
                self.learn_local_names(carried, message, port);
                if port == 5353 {
                    self.learn_services(carried, message);
                }
                self.join(carried.mac);
            }
            self.tell(&Observation::LocalName(&seen));
        }
    }

    fn learn_names(&mut self, message: &dns::Message<'_>) {
        let Some(question) = &message.question else { return };
        for record in message.records().filter(|r| r.section == 1).take(16) {
            if let dns::Data::Address(ip) = record.data {
                self.known.answered(ip, question.name.as_str());
            }
        }
    }

    /// A host that gives its own address under a name is called that.
    fn learn_local_names(&mut self, carried: Carried<'_>, message: &dns::Message<'_>, port: u16) {
        let source = if port == 5353 { NameSource::Mdns } else { NameSource::Llmnr };
        for record in message.records().take(32) {
            if matches!(record.data, dns::Data::Address(ip) if ip == carried.ip.src) {
                let name = record.name.as_str();
                let name = name.strip_suffix(".local").unwrap_or(name);
                if !is_made_up(name) {
                    self.known.called(carried.mac, source, name.as_bytes());
                }
            }
        }
    }

    /// A request to a router for an open port, or its answer.
    pub(super) fn on_port_mapping(&mut self, carried: Carried<'_>, payload: &[u8]) {
        if let Parsed::Yes(message) = portmap::parse(payload) {
            let (source, target) = (carried.ip.src, carried.ip.dst);
            self.tell(&Observation::PortMapping { source, target, message });
        }
    }

    pub(super) fn on_nbns(&mut self, carried: Carried<'_>, payload: &[u8]) {
        /// The suffix that a machine's own name carries as a file server; 0x00 is also used by work groups.
        const MACHINE: u8 = 0x20;
        match nbns::parse(payload) {
            Parsed::Yes(message) => {
                let own = message.address == Some(carried.ip.src) && message.suffix == MACHINE;
                if own && (message.response || message.opcode == 5) {
                    self.known.called(carried.mac, NameSource::Nbns, message.name.as_str().as_bytes());
                }
                let (source, target) = (carried.ip.src, carried.ip.dst);
                self.tell(&Observation::Nbns { source, target, message: &message });
            }
            Parsed::Bad(reason) => self.counters.reject(reason),
            Parsed::More | Parsed::No => {}
        }
    }

    pub(super) fn on_ssdp(&mut self, carried: Carried<'_>, datagram: &Datagram<'_>) {
        if let Parsed::Yes(message) = ssdp::parse(datagram.payload) {
            self.learn_ssdp(carried.mac, &message);
            let seen = SsdpSeen {
                mac: carried.mac,
                source: carried.ip.src,
                target: carried.ip.dst,
                source_port: datagram.src_port,
                target_port: datagram.dst_port,
                message: &message,
            };
            self.tell(&Observation::Ssdp(&seen));
        }
    }
}
