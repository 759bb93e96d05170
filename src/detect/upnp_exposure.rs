//! `upnp_exposure`: a device makes itself reachable from the internet, by asking the router for an open port, or by
//! answering UPnP searches from outside.
//!
//! Evidence: UPnP `AddPortMapping` and `AddAnyPortMapping` (the SOAPAction of the request), NAT-PMP and PCP requests that
//! are not for taking a mapping away; SSDP between one of ours and an outside address, answered. One alert per device for
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
use crate::table::flows::{Flow, proto};
use crate::wire::portmap::Message;

settings! {
    /// Settings of `upnp_exposure`.
    UpnpExposureSettings {
        /// Devices (addresses) that may ask the router for ports: consoles, a home server.
        allow: Vec<String> = Vec::new();
    }
}

const SSDP: u16 = 1900;

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
    const INTEREST: u64 =
        interest::HTTP | interest::PORT_MAPPING | interest::FLOW_OPENED | interest::FLOW_ANSWERED;
    type Settings = UpnpExposureSettings;

    fn new(settings: &UpnpExposureSettings, keys: usize) -> Self {
        let keys = (keys / 16).max(16);
        UpnpExposure { settings: settings.clone(), devices: Bounded::new(keys), searched: Bounded::new(keys) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::HttpRequest(flow, request) => {
                if request.soap_action.as_deref().is_some_and(opens_port) && cx.inside.contains(flow.server) {
                    let wish = Wish { protocol: "UPnP", outer: None, inner: None, granted: false };
                    self.asked(cx, flow.client, flow.server, &wish, out);
                }
            }
            Observation::PortMapping { source, target, message } => {
                self.mapping(cx, *source, *target, message, out);
            }
            Observation::FlowOpened(flow) | Observation::FlowAnswered(flow)
                if flow.protocol == proto::UDP =>
            {
                let opened = matches!(observation, Observation::FlowOpened(_));
                if let Some((device, stranger)) = answers_search(cx, flow, opened) {
                    self.search(cx, device, stranger, out);
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

/// The device of ours that answers a search, and who searched: it speaks from the port of SSDP to an outside address.
fn answers_search(cx: &Context<'_>, flow: &Flow, opened: bool) -> Option<(Ip, Ip)> {
    let (device, stranger) = if !opened && flow.server_port == SSDP {
        (flow.server, flow.client)
    } else if opened && flow.client_port == SSDP && flow.server_port != SSDP {
        (flow.client, flow.server)
    } else {
        return None;
    };
    let across = cx.inside.contains(device) && !cx.inside.contains(stranger);
    (across && stranger.is_unicast() && device.is_unicast()).then_some((device, stranger))
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
        let port = wish.outer.or(wish.inner).map_or_else(|| "a port".to_owned(), |p| format!("port {p}"));
        let summary = format!("{device} asked the router {router} by {} to open {port}", wish.protocol);
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
        let summary = format!("{device} answers UPnP searches from the internet, to {stranger}");
        let evidence = evidence! { "protocol" => "SSDP", "port" => SSDP, "threshold" => 1 };
        let finding = Self::KIND.finding(Severity::Medium, &[ip_part(device), 1], summary, evidence);
        out.push(between(finding, Some(Subject::ip(device)), Some(Subject::ip(stranger))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, tcp, udp};
    use crate::wire::http::Request;

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

    #[test]
    fn answers_to_searches_from_outside_are_told_once_per_device() {
        let mut b = Bench::<UpnpExposure>::new();
        for i in 0..20 {
            let stranger = format!("203.0.113.{i}");
            b.see(&Observation::FlowAnswered(&udp(&stranger, 40_000, "192.168.1.66", 1900)));
            b.see(&Observation::FlowOpened(&udp(&stranger, 40_000, "192.168.1.67", 1900)));
            b.wait(2.0);
        }
        assert_eq!(b.alerts(), 1, "a search that nobody answers is nothing");
        b.see(&Observation::FlowOpened(&udp("192.168.1.68", 1900, "203.0.113.9", 40_000)));
        assert_eq!(b.alerts(), 2);
        for target in ["239.255.255.250", "192.168.1.20"] {
            b.see(&Observation::FlowOpened(&udp("192.168.1.69", 1900, target, 40_000)));
            b.see(&Observation::FlowAnswered(&udp("192.168.1.69", 40_000, target, 1900)));
        }
        assert_eq!(b.alerts(), 2);
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
            b.see(&Observation::FlowAnswered(&udp("203.0.113.9", 40_000, &device, 1900)));
        }
        assert!(b.detector.devices.len() <= 16 && b.detector.searched.len() <= 16);
    }
}
