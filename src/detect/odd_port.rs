//! `odd_port`: a service speaks another protocol than its port is for, as tunnels and back doors do to pass a firewall.
//!
//! Evidence: what the server itself says first (so a scanner's question is nothing), against the port. Told by how much of
//! a surprise it is:
//! - medium, to the outside: SSH, FTP or a remote desktop on a port that is neither theirs nor a usual second choice;
//!   anything recognised on 22 or 53 that is not theirs; HTTP on the port of another service; DNS over TCP on 80, 443 or
//!   another odd port;
//! - low: HTTP on 443, TLS on 80 (portals of hotels, careless programs), SSH on a usual second choice, DNS over UDP on
//!   another port, SSH on 53, 80 or 443 inside, and our own SSH or FTP offered to the outside on another port;
//! - nothing: HTTP and TLS inside, and on any high port with a name; whatever is not recognised, for half of all telephone
//!   and game programs speak their own language on 443.
//!
//! Known false alarms: a server of your own on an unusual port; SSH of a code host over 443 (left out by name).

use super::settings::settings;
use super::window::{Distinct, Pace};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part, text_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{Flow, State, proto};
use crate::wire::spoken::Protocol;
use crate::words::say;

settings! {
    /// Settings of `odd_port`.
    OddPortSettings {
        /// Ports on which any protocol may be spoken: your own servers.
        ports: Vec<u16> = Vec::new();
        /// Addresses, and domains with all below them, that may speak anything anywhere.
        allow: Vec<String> = ALLOW.iter().map(|d| (*d).to_owned()).collect();
    }
}

/// Code hosts that offer SSH on 443 for those behind firewalls.
const ALLOW: [&str; 4] = ["altssh.bitbucket.org", "altssh.gitlab.com", "ssh.github.com", "ssh.dev.azure.com"];
/// Second choices that people make for SSH.
const SSH_PORTS: [u16; 10] = [222, 2022, 2200, 2222, 2223, 2224, 8022, 10_022, 22_022, 22_222];
const FTP_PORTS: [u16; 6] = [21, 990, 2021, 2100, 2121, 8021];
/// Ports below 1024 on which HTTP is nothing special.
const HTTP_PORTS: [u16; 10] = [80, 81, 82, 83, 88, 280, 591, 593, 631, 880];
/// Ports of services that begin with TLS, and of those that often do.
const TLS_PORTS: [u16; 24] = [
    25, 110, 143, 389, 443, 444, 465, 563, 587, 614, 636, 853, 880, 981, 989, 990, 991, 992, 993, 994, 995,
    832, 902, 1023,
];
/// Passing on of what was asked elsewhere, DNS over TLS and QUIC, and the local relatives.
const DNS_PORTS: [u16; 7] = [53, 137, 853, 5353, 5355, 5335, 5054];
const SSH: u16 = 22;
const DNS: u16 = 53;
const WEB: [u16; 2] = [80, 443];

/// Peers of one host, protocol and port.
#[derive(Default)]
struct Peers {
    seen: Distinct<16>,
    number: u32,
    pace: Pace,
}

/// See the module.
pub struct OddPort {
    settings: OddPortSettings,
    peers: Bounded<(Ip, Protocol, u16), Peers>,
}

impl Detector for OddPort {
    const KIND: Kind = Kind {
        id: "odd_port",
        severity: Severity::Medium,
        mitre: &["T1571", "T1572"],
        en: Texts {
            title: "Wrong language on a port",
            what: "A service is used on a port that is meant for something else. Tunnels and back doors do that, because firewalls let the ports of the web and of name look-ups pass.",
            why: "What the server said first belongs to another protocol than its port.",
            harmless: "A server that someone put on an unusual port on purpose, a tunnel home for journeys, the log-in page of a hotel.",
            todo: "Ask whose server this is. If nobody knows, find out which program on the device uses it and what for.",
            silence: "Add the address or domain to allow, or the port to ports, under [detect.odd_port]; or mute odd_port with this source and target.",
        },
        nl: Texts {
            title: "Verkeerde taal op een poort",
            what: "Een dienst wordt gebruikt op een poort die voor iets anders is bedoeld. Tunnels en achterdeurtjes doen dat, omdat firewalls de poorten van het web en van naamaanvragen doorlaten.",
            why: "Wat de server als eerste zei, hoort bij een ander protocol dan zijn poort.",
            harmless: "Een server die iemand met opzet op een ongewone poort heeft gezet, een tunnel naar huis voor onderweg, de inlogpagina van een hotel.",
            todo: "Vraag van wie deze server is. Weet niemand het, zoek dan uit welk programma op het apparaat hem gebruikt en waarvoor.",
            silence: "Zet het adres of domein bij allow, of de poort bij ports, onder [detect.odd_port]; of demp odd_port met deze bron en dit doel.",
        },
    };
    const INTEREST: u64 = interest::SPOKEN;
    type Settings = OddPortSettings;

    fn new(settings: &OddPortSettings, keys: usize) -> Self {
        OddPort { settings: settings.clone(), peers: Bounded::new((keys / 16).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::Spoken(flow, protocol) = observation else { return };
        // Of a flow that was met in its middle nobody knows which end is the server.
        if flow.state == State::Midstream || self.settings.ports.contains(&flow.server_port) {
            return;
        }
        if let Some(severity) = surprise(cx, flow, *protocol)
            && !self.allowed(cx, flow.server)
        {
            self.found(cx, flow, *protocol, severity, out);
        }
    }
}

/// How much of a surprise a protocol is on the port of a flow; `None` when it is none.
fn surprise(cx: &Context<'_>, flow: &Flow, protocol: Protocol) -> Option<Severity> {
    use Protocol::{Dns, Ftp, Http, Rdp, Ssh, Tls};
    let port = flow.server_port;
    let home = match protocol {
        Ssh => port == SSH,
        Http => HTTP_PORTS.contains(&port),
        Tls => TLS_PORTS.contains(&port),
        Dns => DNS_PORTS.contains(&port),
        Ftp => FTP_PORTS.contains(&port),
        Rdp => (3388..=3400).contains(&port),
        Protocol::WireGuard | Protocol::OpenVpn | Protocol::Ike => true,
    };
    if home || !flow.server.is_unicast() {
        return None;
    }
    let (ours, theirs) = (cx.inside.contains(flow.client), cx.inside.contains(flow.server));
    match (ours, theirs) {
        (true, true) => inside(protocol, port),
        // Somebody outside uses what one of us offers there.
        (false, true) => matches!(protocol, Ssh | Ftp | Rdp).then_some(Severity::Low),
        // Nobody inside: settings that do not know the network; only the plain cases.
        (true | false, false) => to_outside(cx, flow, protocol),
    }
}

fn inside(protocol: Protocol, port: u16) -> Option<Severity> {
    let web_or_dns = WEB.contains(&port) || port == DNS;
    match protocol {
        Protocol::Ssh if web_or_dns => Some(Severity::Low),
        Protocol::Http | Protocol::Tls if port == SSH || port == DNS => Some(Severity::Low),
        _ => None,
    }
}

fn to_outside(cx: &Context<'_>, flow: &Flow, protocol: Protocol) -> Option<Severity> {
    let port = flow.server_port;
    let taken = port == SSH || port == DNS;
    let named = || cx.lookup.asked_as(flow.server).is_some();
    match protocol {
        Protocol::Ssh if SSH_PORTS.contains(&port) => Some(Severity::Low),
        Protocol::Ssh | Protocol::Ftp | Protocol::Rdp => Some(Severity::Medium),
        Protocol::Dns if flow.protocol == proto::UDP => Some(Severity::Low),
        Protocol::Dns => Some(Severity::Medium),
        Protocol::Http | Protocol::Tls if taken => Some(Severity::Medium),
        Protocol::Http if WEB.contains(&port) => Some(Severity::Low),
        Protocol::Http if port < 1024 => Some(Severity::Medium),
        Protocol::Tls if WEB.contains(&port) || port < 1024 => Some(Severity::Low),
        // Worms fetch themselves by HTTP from an address without a name, on a port drawn by lot.
        Protocol::Http if port >= 10_000 && !named() => Some(Severity::Low),
        _ => None,
    }
}

const fn usual(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Ssh => SSH,
        Protocol::Http => 80,
        Protocol::Tls => 443,
        Protocol::Ftp => 21,
        Protocol::Rdp => 3389,
        _ => DNS,
    }
}

impl OddPort {
    fn allowed(&self, cx: &Context<'_>, server: Ip) -> bool {
        let name = cx.lookup.asked_as(server);
        self.settings.allow.iter().any(|entry| match entry.parse::<Ip>() {
            Ok(ip) => ip == server,
            Err(_) => name
                .and_then(|name| name.strip_suffix(entry.as_str()))
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
        })
    }

    fn found(
        &mut self,
        cx: &Context<'_>,
        flow: &Flow,
        protocol: Protocol,
        severity: Severity,
        out: &mut Findings,
    ) {
        let now = cx.tick();
        let (client, server, port) = (flow.client, flow.server, flow.server_port);
        // What one of us does with many peers, or many do with one of us, is one thing; and a page that everyone is led to is.
        let serves = cx.inside.contains(server) && !cx.inside.contains(client);
        let page = severity == Severity::Low && WEB.contains(&port) && protocol != Protocol::Ssh;
        let (who, peer) = if serves || page { (server, client) } else { (client, server) };
        // A resolver that hides is tried on one port after another.
        let place = if protocol == Protocol::Dns { 0 } else { port };
        let (peers, _) = self.peers.entry((who, protocol, place), Peers::default);
        let (weight, new) = peers.seen.seen(ip_part(peer) as u32, now);
        *weight = 1;
        peers.number = peers.number.saturating_add(u32::from(new));
        if !peers.pace.due(now) {
            return;
        }
        let name = cx.lookup.asked_as(server);
        let whom = name.map_or_else(|| server.to_string(), |n| format!("{n} ({server})"));
        let (spoken, transport) = (protocol.name(), if flow.protocol == proto::UDP { "UDP" } else { "TCP" });
        let summary = say!(
            "{client} speaks {spoken} with {whom} on {transport} port {port}",
            "{client} spreekt {spoken} met {whom} op {transport}-poort {port}"
        );
        let evidence = evidence! {
            "protocol" => spoken, "port" => port, "usual_port" => usual(protocol), "transport" => transport,
            "peers" => peers.number, "threshold" => 1,
        };
        let parts = [ip_part(who), text_part(spoken), u64::from(place)];
        let finding = Self::KIND.finding(severity, &parts, summary, evidence);
        let target = Subject {
            ip: Some(server),
            port: Some(port),
            name: name.map(str::to_owned),
            ..Subject::default()
        };
        out.push(between(finding, Some(Subject::ip(client)), Some(target)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, tcp, udp};

    const AWAY: &str = "203.0.113.44";
    const MEDIUM: Option<Severity> = Some(Severity::Medium);
    const LOW: Option<Severity> = Some(Severity::Low);

    fn said(client: &str, server: &str, port: u16, protocol: Protocol) -> Option<Severity> {
        let mut b = Bench::<OddPort>::new();
        b.known.names.insert(ip("203.0.113.45"), "tv.example".into());
        b.known.names.insert(ip("203.0.113.46"), "ssh.github.com".into());
        b.see(&Observation::Spoken(&tcp(client, server, port), protocol));
        b.found.last().map(|f| f.severity)
    }

    #[test]
    fn surprises_to_the_outside_are_told_by_how_great_they_are() {
        use Protocol::*;
        for (protocol, port, want) in [
            (Ssh, 22, None),
            (Ssh, 443, MEDIUM),
            (Ssh, 53, MEDIUM),
            (Ssh, 4_711, MEDIUM),
            (Ssh, 2222, LOW),
            (Http, 80, None),
            (Http, 8080, None),
            (Http, 443, LOW),
            (Http, 53, MEDIUM),
            (Http, 22, MEDIUM),
            (Http, 995, MEDIUM),
            (Http, 47_382, LOW),
            (Tls, 443, None),
            (Tls, 8443, None),
            (Tls, 993, None),
            (Tls, 31_337, None),
            (Tls, 80, LOW),
            (Tls, 53, MEDIUM),
            (Dns, 53, None),
            (Dns, 443, MEDIUM),
            (Ftp, 21, None),
            (Ftp, 8888, MEDIUM),
            (Rdp, 3389, None),
            (Rdp, 443, MEDIUM),
            (WireGuard, 53, None),
        ] {
            for pair in [("10.0.0.66", AWAY), ("fd00::66", "2001:db8::44")] {
                assert_eq!(said(pair.0, pair.1, port, protocol), want, "{protocol:?} on {port}");
            }
        }
        assert_eq!(said("10.0.0.66", "203.0.113.45", 47_382, Http), None, "it has a name");
        assert_eq!(said("10.0.0.66", "203.0.113.46", 443, Ssh), None, "a code host");
    }

    #[test]
    fn inside_the_house_hardly_anything_is_odd_and_offers_to_the_outside_are_noted() {
        use Protocol::*;
        for (protocol, port, want) in
            [(Http, 8123, None), (Tls, 4_443, None), (Ssh, 2022, None), (Ssh, 443, LOW), (Http, 443, None)]
        {
            assert_eq!(said("10.0.0.5", "10.0.0.9", port, protocol), want, "{protocol:?} on {port}");
        }
        assert_eq!(said(AWAY, "10.0.0.9", 2244, Ssh), LOW);
        assert_eq!(said(AWAY, "10.0.0.9", 8123, Http), None);
    }

    #[test]
    fn many_peers_are_one_alert_each_way_and_middles_are_not_judged() {
        let mut b = Bench::<OddPort>::new();
        for i in 0..30 {
            b.see(&Observation::Spoken(&tcp("10.0.0.66", &format!("203.0.113.{i}"), 443), Protocol::Ssh));
            b.see(&Observation::Spoken(&tcp(&format!("203.0.113.{i}"), "10.0.0.9", 2244), Protocol::Ssh));
            b.see(&Observation::Spoken(&udp("10.0.0.66", 40_000, AWAY, 5300 + i), Protocol::Dns));
            b.see(&Observation::Spoken(&tcp(&format!("10.0.0.{i}"), AWAY, 443), Protocol::Http));
            b.wait(3.0);
        }
        assert_eq!(b.alerts(), 4);
        assert!(b.found.iter().any(|f| f.evidence["peers"] == 30));
        let mut middle = Bench::<OddPort>::new();
        let mut flow = tcp("10.0.0.66", AWAY, 443);
        flow.state = State::Midstream;
        middle.see(&Observation::Spoken(&flow, Protocol::Ssh));
        assert!(middle.found.is_empty());
    }

    #[test]
    fn ports_and_places_that_are_allowed_stay_quiet() {
        let settings = OddPortSettings { ports: vec![4711], allow: vec![AWAY.into()], ..Default::default() };
        let mut b = Bench::<OddPort>::with(&settings, 64);
        b.see(&Observation::Spoken(&tcp("10.0.0.66", "203.0.113.9", 4711), Protocol::Ssh));
        b.see(&Observation::Spoken(&tcp("10.0.0.66", AWAY, 443), Protocol::Ssh));
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_made_up_hosts_stays_within_its_table() {
        let mut b = Bench::<OddPort>::with(&OddPortSettings::default(), 64);
        for i in 0..5_000u32 {
            let client = Ip::v4((0x0a00_0000 + i).to_be_bytes()).to_string();
            b.see(&Observation::Spoken(&tcp(&client, AWAY, 443), Protocol::Ssh));
        }
        assert!(b.detector.peers.len() <= 16);
    }
}
