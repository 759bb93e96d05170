//! Hints at what a device is: what its DHCP, mDNS, SSDP, HTTP, TLS and SSH let slip, gathered as traits; and what follows
//! when they say that a device is another one than it seemed.

use super::{Carried, Engine};
use crate::addr::{Ip, MacAddr};
use crate::observe::{DeviceChanged, Observation};
use crate::table::devices::{DeviceKey, NameSource};
use crate::table::flows::Side;
use crate::table::identity::Change;
use crate::table::traits::{Source, hex};
use crate::wire::{dhcp, dns, ssdp};

/// Records of an mDNS message that are looked at.
const RECORDS: usize = 32;
/// Strings of a TXT record that are looked at; AirPlay has about 20.
const STRINGS: usize = 32;

/// TXT keys that name a model, and those that name the one device for ever (RFC 6763; each service defines its own).
const MODEL_KEYS: [&str; 7] = ["model", "md", "ty", "usb_mdl", "am", "rpmd", "product"];
const ID_KEYS: [&str; 5] = ["deviceid", "id", "uuid", "serialnumber", "mac"];

impl Engine {
    pub(super) fn tell_change(&mut self, key: DeviceKey, change: &Change) {
        let Some(device) = self.known.devices.get(&key) else { return };
        let seen = DeviceChanged {
            key,
            mac: device.mac,
            ip: device.ips.first().copied(),
            name: device.shown(),
            vendor: device.vendor(key),
            change,
        };
        self.watch.tell(self.now, &self.known, &Observation::DeviceChanged(&seen));
    }

    /// Looks whether the station `mac` is a device that is known under another address.
    pub(super) fn join(&mut self, mac: MacAddr) {
        if mac.is_local()
            && let Some((key, change)) = self.known.join(mac)
        {
            self.tell_change(key, &change);
        }
    }

    pub(super) fn on_dhcp_client(&mut self, message: &dhcp::Message<'_>) {
        let mac = message.client_mac;
        let change = self.known.asks_dhcp(message);
        self.known.called(mac, NameSource::Dhcp, message.host_name);
        self.join(mac);
        if let Some(change) = change {
            let key = self.known.key_of(mac);
            self.tell_change(key, &change);
        }
    }

    pub(super) fn on_dhcp6_client(&mut self, mac: MacAddr, message: &dhcp::Message6<'_>) {
        let from_client = matches!(message.kind, 1 | 3..=6 | 8 | 9 | 11);
        if from_client && message.client_duid.len() > 4 {
            self.known.shows(mac, Source::Id, format!("duid {}", hex(message.client_duid)).as_bytes());
            self.join(mac);
        }
    }

    /// What a device announces in mDNS. Some routers repeat what others announce: with the addresses of those.
    pub(super) fn learn_services(&mut self, carried: Carried<'_>, message: &dns::Message<'_>) {
        let (mac, source) = (carried.mac, carried.ip.src);
        let address = |record: dns::Record<'_>| match record.data {
            dns::Data::Address(ip) => Some(ip),
            _ => None,
        };
        let mut addresses = message.records().take(RECORDS).filter_map(address).peekable();
        let own = match addresses.peek() {
            Some(_) => addresses.any(|ip: Ip| ip == source),
            None => !self.known.routes(mac),
        };
        if !own {
            return;
        }
        for record in message.records().take(RECORDS).filter(|r| r.ttl > 0) {
            let owner = record.name.as_str();
            match record.data {
                dns::Data::Name(name) if owner == "_services._dns-sd._udp.local" => {
                    self.offers(mac, name.as_str());
                }
                dns::Data::Name(_) => _ = self.offers(mac, owner),
                dns::Data::Bytes(text) if record.rtype == dns::rtype::TXT => {
                    let service = owner.find("._").map_or("", |at| &owner[at + 1..]);
                    if let Some(service) = self.offers(mac, service) {
                        self.learn_text(mac, service, text);
                    }
                }
                _ => {}
            }
        }
    }

    /// Notes a service by its domain name (`_ipp._tcp.local`); returns its type when it is one.
    fn offers<'a>(&mut self, mac: MacAddr, name: &'a str) -> Option<&'a str> {
        let service = name.strip_suffix(".local")?;
        let kind = service.starts_with('_') && (service.ends_with("._tcp") || service.ends_with("._udp"));
        if !kind || service.matches('.').count() != 1 {
            return None;
        }
        self.known.shows(mac, Source::Service, service.as_bytes());
        Some(service)
    }

    /// Key and value strings of a service's TXT record (RFC 6763, section 6).
    fn learn_text(&mut self, mac: MacAddr, service: &str, mut text: &[u8]) {
        for _ in 0..STRINGS {
            let Some((len, rest)) = text.split_first() else { return };
            let (string, after) = rest.split_at(usize::from(*len).min(rest.len()));
            text = after;
            let Some(at) = string.iter().position(|b| *b == b'=') else { continue };
            let (key, value) = (&string[..at], &string[at + 1..]);
            let is = |known: &str| key.eq_ignore_ascii_case(known.as_bytes());
            if MODEL_KEYS.iter().any(|k| is(k)) {
                self.known.shows(mac, Source::Model, value);
            } else if ID_KEYS.iter().any(|k| is(k)) && value.len() >= 8 {
                self.known.shows(mac, Source::Id, value);
            } else if is("fn") && service == "_googlecast._tcp" {
                self.known.called(mac, NameSource::Friendly, value);
            } else if is("ci") && service == "_hap._tcp" {
                self.known.shows(mac, Source::Category, &[b"homekit ", value].concat());
            }
        }
    }

    /// What a device says of itself in SSDP: `urn:schemas-upnp-org:device:MediaRenderer:1` and its server software.
    pub(super) fn learn_ssdp(&mut self, mac: MacAddr, message: &ssdp::Message<'_>) {
        if message.method == ssdp::Method::Search || message.nts == "ssdp:byebye" {
            return;
        }
        self.known.shows(mac, Source::Server, message.server.as_bytes());
        let subject = message.subject();
        let kind = subject.split_once(":device:").and_then(|(_, kind)| kind.split(':').next());
        if let Some(kind) = kind.or(subject.contains(":dial:").then_some("dial")) {
            self.known.shows(mac, Source::Category, format!("upnp {kind}").as_bytes());
        }
        let uuid = message.usn.strip_prefix("uuid:").and_then(|usn| usn.split("::").next());
        if let Some(uuid) = uuid.filter(|uuid| uuid.len() >= 8) {
            self.known.shows(mac, Source::Id, uuid.as_bytes());
        }
    }

    /// What one side of a flow let slip.
    pub(super) fn slips(&mut self, slot: u32, side: Side, source: Source, text: &str) {
        if let Some(flow) = self.flows.at(slot) {
            self.known.slips(flow, side, source, text);
        }
    }
}
