//! `upnp_exposure`: a device makes itself reachable from the internet, by asking the router for an open port, or by
//! answering UPnP searches from outside.
//!
//! Evidence: UPnP `AddPortMapping` and `AddAnyPortMapping` (the SOAPAction of the request), NAT-PMP and PCP requests that
//! are not for taking a mapping away; an SSDP answer from one of ours to an outside address. One alert per device for
//! all the ports it asks for, one for SSDP.
//!
//! Known false alarms, and most of what will be seen: consoles, torrent clients, video calls and home servers do this by
//! design. It stays medium, for a camera or printer that does it stands open to the world.

use super::settings::settings;
use super::window::{Distinct, Pace};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::wire::portmap::Message;
use crate::wire::ssdp::Method;
use crate::words::{say, words};

settings! {
    /// Settings of `upnp_exposure`.
    UpnpExposureSettings {
        /// Devices (addresses) that may ask the router for ports: consoles, a home server.
        allow: Vec<String> = Vec::new();
    }
}

/// What one device asked for.
#[derive(Default)]
struct Asked {
    ports: Distinct<16>,
    granted: bool,
    pace: Pace,
}

/// What is told of a request.
struct Wish {
    protocol: &'static str,
    /// Port on the router, when it is known.
    outer: Option<u16>,
    inner: Option<u16>,
    granted: bool,
}

/// See the module.
pub struct UpnpExposure {
    settings: UpnpExposureSettings,
    devices: Bounded<Ip, Asked>,
    searched: Bounded<Ip, Pace>,
}

impl Detector for UpnpExposure {
    const KIND: Kind = Kind {
        id: "upnp_exposure",
        severity: Severity::Medium,
        mitre: &["T1133", "T1557"],
        en: Texts {
            title: "Device opens itself to the internet",
            what: "A device had the router open a port, or answers searches from the internet, so that strangers can reach it.",
            why: "It sent the router a request for an open port (UPnP, NAT-PMP or PCP), or exchanged UPnP search messages with an outside address.",
            harmless: "Game consoles, torrent programs, video calls and home servers do this by design, and often only while they run.",
            todo: "If you do not know what the port is for, switch UPnP off in the router, or remove the mapping there. Cameras, printers and recorders should never be open to the internet.",
            silence: "Add the device to allow under [detect.upnp_exposure], or mute upnp_exposure with this device as source.",
        },
        nl: Texts {
            title: "Apparaat stelt zich open voor internet",
            what: "Een apparaat liet de router een poort openen, of antwoordt op zoekvragen vanaf internet, zodat vreemden het kunnen bereiken.",
            why: "Het stuurde de router een verzoek om een open poort (UPnP, NAT-PMP of PCP), of wisselde UPnP-zoekberichten uit met een adres buiten het netwerk.",
            harmless: "Spelcomputers, torrentprogramma's, videobellen en thuisservers doen dit van zichzelf, en vaak alleen zolang ze aan staan.",
            todo: "Weet u niet waar de poort voor dient, zet UPnP in de router dan uit of verwijder de doorverwijzing daar. Camera's, printers en recorders horen nooit open te staan voor internet.",
            silence: "Zet het apparaat bij allow onder [detect.upnp_exposure], of demp upnp_exposure met dit apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::HTTP | interest::PORT_MAPPING | interest::SSDP;
    type Settings = UpnpExposureSettings;

    fn new(settings: &UpnpExposureSettings, keys: usize) -> Self {
        let keys = (keys / 16).max(16);
        UpnpExposure { settings: settings.clone(), devices: Bounded::new(keys), searched: Bounded::new(keys) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::HttpRequest(flow, request)
                if request.soap_action.as_deref().is_some_and(opens_port)
                    && cx.inside.contains(flow.server) =>
            {
                let wish = Wish { protocol: "UPnP", outer: None, inner: None, granted: false };
                self.asked(cx, flow.client, flow.server, &wish, out);
            }
            Observation::PortMapping { source, target, message } => {
                self.mapping(cx, *source, *target, message, out);
            }
            Observation::Ssdp(seen) if seen.message.method == Method::Answer => {
                let across = cx.inside.contains(seen.source) && !cx.inside.contains(seen.target);
                if across && seen.target.is_unicast() {
                    self.search(cx, seen.source, seen.target, out);
                }
            }
            _ => {}
        }
    }
}

/// Whether a SOAP action of an Internet gateway opens a port, by the first or second version of the service.
fn opens_port(action: &str) -> bool {
    let action = action.trim_matches('"');
    let to_gateway = action.starts_with("urn:schemas-upnp-org:service:WAN");
    to_gateway && (action.ends_with("#AddPortMapping") || action.ends_with("#AddAnyPortMapping"))
}

impl UpnpExposure {
    fn allowed(&self, device: Ip) -> bool {
        self.settings.allow.iter().any(|entry| entry.parse::<Ip>() == Ok(device))
    }

    fn mapping(&mut self, cx: &Context<'_>, source: Ip, target: Ip, m: &Message, out: &mut Findings) {
        if m.lifetime_s == 0 {
            return;
        }
        let (device, router) = if m.result.is_some() { (target, source) } else { (source, target) };
        let granted = m.result == Some(0);
        // A refusal opens nothing; an answer to a question that was not seen counts.
        if (m.result.is_some() && !granted) || !cx.inside.contains(device) {
            return;
        }
        let outer = Some(m.outer).filter(|port| *port != 0);
        let wish = Wish { protocol: m.protocol, outer, inner: Some(m.inner), granted };
        self.asked(cx, device, router, &wish, out);
    }

    fn asked(&mut self, cx: &Context<'_>, device: Ip, router: Ip, wish: &Wish, out: &mut Findings) {
        if self.allowed(device) {
            return;
        }
        let now = cx.tick();
        let (asked, _) = self.devices.entry(device, Asked::default);
        *asked.ports.seen(u32::from(wish.inner.unwrap_or(0)), now).0 = 1;
        asked.granted |= wish.granted;
        if !wish.granted && !asked.pace.due(now) {
            return;
        }
        let port = wish
            .outer
            .or(wish.inner)
            .map_or_else(|| words("a port", "een poort").into(), |p| say!("port {p}", "poort {p}"));
        let summary = say!(
            "{device} asked the router {router} by {} to open {port}",
            "{device} vroeg de router {router} via {} om {port} te openen",
            wish.protocol;
            port
        );
        let ports = asked.ports.held(now, 86_400);
        let evidence = evidence! {
            "protocol" => wish.protocol, "outside_port" => wish.outer, "device_port" => wish.inner,
            "ports" => ports, "granted" => asked.granted, "threshold" => 1,
        };
        let finding = Self::KIND.finding(Severity::Medium, &[ip_part(device), 0], summary, evidence);
        out.push(between(finding, Some(Subject::ip(device)), Some(Subject::ip(router))));
    }

    fn search(&mut self, cx: &Context<'_>, device: Ip, stranger: Ip, out: &mut Findings) {
        if self.allowed(device) || !self.searched.entry(device, Pace::default).0.due(cx.tick()) {
            return;
        }
        let summary = say!(
            "{device} answers UPnP searches from the internet, to {stranger}",
            "{device} antwoordt op UPnP-zoekvragen van internet, aan {stranger}"
        );
        let evidence = evidence! { "protocol" => "SSDP", "threshold" => 1 };
        let finding = Self::KIND.finding(Severity::Medium, &[ip_part(device), 1], summary, evidence);
        out.push(between(finding, Some(Subject::ip(device)), Some(Subject::ip(stranger))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, mac, tcp};
    use crate::observe::SsdpSeen;
    use crate::wire::http::Request;
    use crate::wire::{Parsed, ssdp};

    const ROUTER: &str = "192.168.1.1";

    fn soap(b: &mut Bench<UpnpExposure>, client: &str, action: &str) {
        let request =
            Request { method: "POST".into(), soap_action: Some(action.into()), ..Request::default() };
        b.see(&Observation::HttpRequest(&tcp(client, ROUTER, 49_000), &request));
        b.wait(5.0);
    }
    fn map(b: &mut Bench<UpnpExposure>, device: &str, inner: u16, lifetime_s: u32, result: Option<u16>) {
        let message = Message { protocol: "NAT-PMP", transport: 6, inner, outer: inner, lifetime_s, result };
        let (a, z) = (ip(device), ip(if device.contains(':') { "fe80::1" } else { ROUTER }));
        let (source, target) = if result.is_some() { (z, a) } else { (a, z) };
        b.see(&Observation::PortMapping { source, target, message });
        b.wait(2.0);
    }

    #[test]
    fn a_device_that_asks_for_ports_is_one_alert_however_it_asks() {
        let mut b = Bench::<UpnpExposure>::new();
        soap(&mut b, "192.168.1.66", "\"urn:schemas-upnp-org:service:WANIPConnection:1#AddPortMapping\"");
        soap(&mut b, "192.168.1.66", "urn:schemas-upnp-org:service:WANPPPConnection:2#AddAnyPortMapping");
        map(&mut b, "192.168.1.66", 8080, 3600, None);
        map(&mut b, "192.168.1.66", 8080, 3600, Some(0));
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
        assert_eq!(b.last().evidence["granted"], true);
        assert_eq!(b.last().evidence["outside_port"], 8080);
        map(&mut b, "fd00::7", 8080, 3600, None);
        assert_eq!(b.alerts(), 2);
    }

    #[test]
    fn other_actions_deletions_and_refusals_are_nothing() {
        let mut b = Bench::<UpnpExposure>::new();
        for action in [
            "\"urn:schemas-upnp-org:service:WANIPConnection:1#DeletePortMapping\"",
            "\"urn:schemas-upnp-org:service:WANIPConnection:1#GetExternalIPAddress\"",
            "\"urn:schemas-upnp-org:service:RenderingControl:1#SetVolume\"",
            "\"urn:schemas-sonos-com:service:X:1#AddPortMapping\"",
        ] {
            soap(&mut b, "192.168.1.66", action);
        }
        map(&mut b, "192.168.1.66", 8080, 0, None);
        map(&mut b, "192.168.1.66", 8080, 3600, Some(2));
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    fn answer(b: &mut Bench<UpnpExposure>, source: &str, target: &str, bytes: &[u8]) {
        let Parsed::Yes(message) = ssdp::parse(bytes) else { panic!("test message") };
        let (source, target) = (ip(source), ip(target));
        let (source_port, target_port) = (1900, 40_000);
        let seen = SsdpSeen { mac: mac(6), source, target, source_port, target_port, message: &message };
        b.see(&Observation::Ssdp(&seen));
        b.wait(2.0);
    }
    const ANSWER: &[u8] =
        b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nUSN: uuid:1\r\nLOCATION: http://192.168.1.66/\r\n\r\n";

    #[test]
    fn answers_to_searches_from_outside_are_told_once_per_device() {
        let mut b = Bench::<UpnpExposure>::new();
        for i in 0..20 {
            answer(&mut b, "192.168.1.66", &format!("203.0.113.{i}"), ANSWER);
            answer(&mut b, "192.168.1.67", "192.168.1.20", ANSWER);
            let search = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nST: ssdp:all\r\n\r\n";
            answer(&mut b, &format!("203.0.113.{i}"), "192.168.1.68", search);
        }
        assert_eq!(b.alerts(), 1);
        assert_eq!(b.last().source.as_ref().and_then(|s| s.ip), Some(ip("192.168.1.66")));
    }

    #[test]
    fn a_device_that_is_allowed_may_ask() {
        let settings = UpnpExposureSettings { allow: vec!["192.168.1.66".into()], ..Default::default() };
        let mut b = Bench::<UpnpExposure>::with(&settings, 64);
        map(&mut b, "192.168.1.66", 8080, 3600, None);
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_made_up_devices_stays_within_its_tables() {
        let mut b = Bench::<UpnpExposure>::with(&UpnpExposureSettings::default(), 64);
        for i in 0..5_000u32 {
            let device = Ip::v4((0x0a00_0000 + i).to_be_bytes()).to_string();
            map(&mut b, &device, 80, 60, None);
            answer(&mut b, &device, "203.0.113.9", ANSWER);
        }
        assert!(b.detector.devices.len() <= 16 && b.detector.searched.len() <= 16);
    }
}
