//! `anonymizer`: a device hides whom it talks to, or asks for names past the network's own resolver.
//!
//! Evidence, by service:
//! - Tor: an address on a list of its relays or exits; a certificate for `www.<drawn>.net` issued by `www.<other drawn>.com` (TLS 1.2 and older); the fingerprint of its
//!   client; or connections to two drawn names `www.<drawn>.com` that were never looked up;
//! - WireGuard, OpenVPN and IKE by their first datagram (OpenVPN over TCP by its port), to the outside;
//! - DNS over TLS, QUIC (port 853) or HTTPS, by the names of the large resolvers or their addresses, unless the host is a resolver or router;
//! - proxies: CONNECT to the outside, and the relays of the large providers, by name.
//!
//! Always low: each is legal and mostly wanted, but who looks after the network should know of it. One alert per host and
//! service. Known false alarms: telephones that call over the wireless LAN use IKE (names of operators are left out); a
//! browser that switched to DNS over HTTPS by itself.

use super::letters::look_drawn;
use super::settings::settings;
use super::window::{Distinct, Pace};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part, text_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::feeds::Feeds;
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{Flow, proto};
use crate::wire::spoken::Protocol;
use crate::wire::tls::{Certificate, ClientHello};
use crate::words::say;
use std::sync::Arc;

settings! {
    /// Settings of `anonymizer`.
    AnonymizerSettings {
        /// Drawn names that were never looked up, of one host within an hour, that make it Tor. 2 to 16; one may be a name
        /// that was looked up before this monitor began.
        drawn_names: u32 = 2, 2..=16;
        /// Tell of resolvers over TLS and HTTPS, too.
        resolvers: bool = true;
        /// Addresses, and domains with all below them, that may be used: your own VPN, the resolver you chose.
        allow: Vec<String> = Vec::new();
    }
}

/// The JA3 of Tor's client, published by JA3's authors.
const TOR_JA3: &str = "e7d705a3286e19ea42f587b344ee6865";
/// Public resolvers over HTTPS and TLS.
const RESOLVERS: [&str; 22] = [
    "adguard-dns.com",
    "adguard-dns.io",
    "chrome.cloudflare-dns.com",
    "cloudflare-dns.com",
    "controld.com",
    "dns.adguard.com",
    "dns.alidns.com",
    "dns.google",
    "dns.google.com",
    "dns.mullvad.net",
    "dns.nextdns.io",
    "dns.quad9.net",
    "dns.sb",
    "dns.switch.ch",
    "dns10.quad9.net",
    "dns0.eu",
    "dns11.quad9.net",
    "dns9.quad9.net",
    "doh.opendns.com",
    "doh.pub",
    "mozilla.cloudflare-dns.com",
    "one.one.one.one",
];
/// Their addresses, for programs that ask them by number.
const RESOLVER_ADDRESSES: [Ip; 8] = [
    Ip::v4([1, 0, 0, 1]),
    Ip::v4([1, 1, 1, 1]),
    Ip::v4([8, 8, 4, 4]),
    Ip::v4([8, 8, 8, 8]),
    Ip::v4([9, 9, 9, 9]),
    Ip::v4([94, 140, 14, 14]),
    Ip::v4([149, 112, 112, 112]),
    Ip::v4([208, 67, 222, 222]),
];
/// Relays that hide a user's address.
const RELAYS: [&str; 4] =
    ["mask-api.icloud.com", "mask-h2.icloud.com", "mask.icloud.com", "tunnel.googlezip.net"];
const HOUR: u32 = 3600;
const DNS_OVER_TLS: u16 = 853;
const OPENVPN: u16 = 1194;

/// See the module.
pub struct Anonymizer {
    settings: AnonymizerSettings,
    /// Drawn names per host.
    drawn: Bounded<Ip, Distinct<16>>,
    told: Bounded<(Ip, &'static str), (Pace, u32)>,
    /// Hosts of ours that answer others' look-ups.
    resolvers: Bounded<Ip, ()>,
    feeds: Option<Arc<Feeds>>,
}

impl Detector for Anonymizer {
    const KIND: Kind = Kind {
        id: "anonymizer",
        severity: Severity::Low,
        mitre: &["T1090.003", "T1572"],
        en: Texts {
            title: "Hidden connection",
            what: "A device uses Tor, a VPN, a proxy, or a name service of its own. What it does on the internet is then hidden from this monitor and from the network's filters.",
            why: "A connection has the characteristic beginning, name or port of such a service.",
            harmless: "A VPN for work or privacy, a browser with private name look-ups, a telephone that calls over the wireless LAN. Mostly wanted.",
            todo: "Ask whether someone set it up. On a device that nobody operates, such as a camera or a television, it is a reason to look closer.",
            silence: "Add the address or domain to allow under [detect.anonymizer], or mute anonymizer with this device as source.",
        },
        nl: Texts {
            title: "Verborgen verbinding",
            what: "Een apparaat gebruikt Tor, een VPN, een proxy of een eigen naamdienst. Wat het op internet doet, is dan verborgen voor deze monitor en voor de filters van het netwerk.",
            why: "Een verbinding heeft het kenmerkende begin, de naam of de poort van zo'n dienst.",
            harmless: "Een VPN voor werk of privacy, een browser met eigen naamdienst, een telefoon die via wifi belt. Meestal is het gewenst.",
            todo: "Vraag na of iemand dit heeft ingesteld. Bij een apparaat dat niemand bedient, zoals een camera of televisie, is het reden om beter te kijken.",
            silence: "Zet het adres of domein bij allow onder [detect.anonymizer], of demp anonymizer met dit apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::TLS
        | interest::SPOKEN
        | interest::HTTP
        | interest::DNS
        | interest::FLOW_ESTABLISHED
        | interest::FLOW_ANSWERED;
    type Settings = AnonymizerSettings;

    fn new(settings: &AnonymizerSettings, keys: usize) -> Self {
        Anonymizer {
            settings: settings.clone(),
            drawn: Bounded::new((keys / 16).max(16)),
            told: Bounded::new((keys / 8).max(16)),
            resolvers: Bounded::new(16),
            feeds: None,
        }
    }

    fn set_feeds(&mut self, feeds: &Arc<Feeds>) {
        self.feeds = Some(feeds.clone());
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::Dns(seen)
                if seen.message.response
                    && cx.inside.contains(seen.server)
                    && cx.inside.contains(seen.client) =>
            {
                self.resolvers.entry(seen.server, || ());
            }
            Observation::TlsClient(flow, hello) => {
                if let Some(service) = self.by_hello(cx, flow, hello) {
                    self.found(cx, flow, service, out);
                }
            }
            Observation::TlsServer(flow, hello) if hello.certificate.as_ref().is_some_and(is_tor) => {
                self.found(cx, flow, "Tor", out);
            }
            Observation::HttpRequest(flow, request) if request.method == "CONNECT" => {
                self.found(cx, flow, "a proxy", out);
            }
            Observation::Spoken(flow, protocol) => match protocol {
                Protocol::WireGuard => self.found(cx, flow, "WireGuard", out),
                Protocol::OpenVpn => self.found(cx, flow, "OpenVPN", out),
                Protocol::Ike if !is_operator(cx, flow) => self.found(cx, flow, "IPsec", out),
                _ => {}
            },
            Observation::FlowEstablished(flow) if flow.protocol == proto::TCP => {
                if self.feeds.as_ref().is_some_and(|feeds| feeds.is_tor(flow.server)) {
                    self.found(cx, flow, "Tor", out);
                }
                self.by_port(cx, flow, out);
            }
            Observation::FlowAnswered(flow) if flow.protocol == proto::UDP => self.by_port(cx, flow, out),
            _ => {}
        }
    }
}

/// The gateway of a telephone operator for calls over any network (3GPP TS 23.003, 19.4.2.9).
fn is_operator(cx: &Context<'_>, flow: &Flow) -> bool {
    cx.lookup.asked_as(flow.server).is_some_and(|name| name.contains("3gppnetwork") || name.contains("epdg"))
}

/// The part that Tor draws: `www.`, eight letters or more of base32 (fewer in old versions), and the ending.
fn drawn_part<'a>(name: &'a str, ending: &str) -> Option<&'a str> {
    let label = name.strip_prefix("www.")?.strip_suffix(ending)?;
    let base32 = label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
    (base32 && (4..=25).contains(&label.len())).then_some(label)
}

fn is_tor(certificate: &Certificate) -> bool {
    let subject = drawn_part(&certificate.subject, ".net");
    let issuer = drawn_part(&certificate.issuer, ".com");
    // Two different names that no person registered together; one of them at least looks it.
    matches!((subject, issuer), (Some(a), Some(b)) if a != b && (look_drawn(a) || look_drawn(b)))
}

impl Anonymizer {
    fn by_hello(&mut self, cx: &Context<'_>, flow: &Flow, hello: &ClientHello) -> Option<&'static str> {
        if hello.ja3 == TOR_JA3 {
            return Some("Tor");
        }
        if flow.server_port == 443 && RESOLVER_ADDRESSES.contains(&flow.server) {
            return self.by_resolver(cx, flow);
        }
        let name = hello.server_name.as_deref()?;
        if RELAYS.contains(&name) {
            return Some("a relay");
        }
        let below = |domain: &&str| {
            name.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if RESOLVERS.iter().any(below) {
            return self.by_resolver(cx, flow);
        }
        let label = drawn_part(name, ".com").filter(|label| look_drawn(label))?;
        if cx.lookup.asked_as(flow.server) == Some(name) || cx.inside.contains(flow.server) {
            return None;
        }
        let now = cx.tick();
        let (names, _) = self.drawn.entry(flow.client, Distinct::default);
        *names.seen(text_part(label) as u32, now).0 = 1;
        (names.within(now, HOUR).0 >= self.settings.drawn_names).then_some("Tor")
    }

    fn by_resolver(&self, cx: &Context<'_>, flow: &Flow) -> Option<&'static str> {
        let tls = flow.server_port == DNS_OVER_TLS;
        (self.settings.resolvers && !tls && !self.resolves(cx, flow.client)).then_some("DNS over HTTPS")
    }

    fn by_port(&mut self, cx: &Context<'_>, flow: &Flow, out: &mut Findings) {
        match flow.server_port {
            DNS_OVER_TLS if self.settings.resolvers && !self.resolves(cx, flow.client) => {
                self.found(cx, flow, "DNS over TLS", out);
            }
            OPENVPN if flow.protocol == proto::TCP => self.found(cx, flow, "OpenVPN", out),
            _ => {}
        }
    }

    /// Whether a host is itself the network's resolver, which may ask whom it likes.
    fn resolves(&self, cx: &Context<'_>, client: Ip) -> bool {
        cx.lookup.is_gateway(client) || self.resolvers.get(&client).is_some()
    }

    fn allowed(&self, server: Ip, name: Option<&str>) -> bool {
        self.settings.allow.iter().any(|entry| match entry.parse::<Ip>() {
            Ok(ip) => ip == server,
            Err(_) => name
                .and_then(|name| name.strip_suffix(entry.as_str()))
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
        })
    }

    fn found(&mut self, cx: &Context<'_>, flow: &Flow, service: &'static str, out: &mut Findings) {
        let name = cx.lookup.asked_as(flow.server);
        if cx.inside.contains(flow.server) || !flow.server.is_unicast() || self.allowed(flow.server, name) {
            return;
        }
        let ((pace, number), _) = self.told.entry((flow.client, service), Default::default);
        *number = number.saturating_add(1);
        if !pace.due(cx.tick()) {
            return;
        }
        let place = name.map_or_else(|| flow.server.to_string(), |n| format!("{n} ({})", flow.server));
        let summary = say!("{} uses {service} at {place}", "{} gebruikt {service} bij {place}", flow.client);
        let evidence = evidence! {
            "service" => service, "connections" => *number, "port" => flow.server_port, "threshold" => 1,
        };
        let parts = [ip_part(flow.client), text_part(service)];
        let finding = Self::KIND.finding(Severity::Low, &parts, summary, evidence);
        let name = name.map(str::to_owned);
        let target =
            Subject { ip: Some(flow.server), port: Some(flow.server_port), name, ..Subject::default() };
        out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, tcp, udp};
    use crate::wire::tls::ServerHello;

    const AWAY: &str = "203.0.113.90";

    fn hello(b: &mut Bench<Anonymizer>, client: &str, server: &str, name: &str) {
        let hello = ClientHello { server_name: Some(name.into()), ..ClientHello::default() };
        b.see(&Observation::TlsClient(&tcp(client, server, 443), &hello));
        b.wait(2.0);
    }
    fn services(b: &Bench<Anonymizer>) -> Vec<&str> {
        b.found.iter().filter_map(|f| f.evidence["service"].as_str()).collect()
    }

    #[test]
    fn tor_is_known_by_its_certificate_its_fingerprint_and_names_nobody_looked_up() {
        for (subject, issuer, alerts) in [
            ("www.g6ghvisevf3ibuu5.net", "www.xkgk7fdx362yyyxib.com", 1),
            ("www.example.net", "www.example.com", 0),
            ("www.g6ghvisevf3ibuu5.net", "www.g6ghvisevf3ibuu5.com", 0),
            ("www.shop.net", "www.trust.com", 0),
        ] {
            let mut b = Bench::<Anonymizer>::new();
            let certificate =
                Certificate { subject: subject.into(), issuer: issuer.into(), ..Certificate::default() };
            let hello = ServerHello { certificate: Some(certificate), ..ServerHello::default() };
            b.see(&Observation::TlsServer(&tcp("10.0.0.66", AWAY, 9001), &hello));
            assert_eq!(b.alerts(), alerts, "{subject}");
        }
        let mut b = Bench::<Anonymizer>::new();
        hello(&mut b, "10.0.0.66", AWAY, "www.q4cyamnc6mtokjurvdclt.com");
        assert!(b.found.is_empty(), "one may have been looked up before");
        hello(&mut b, "10.0.0.66", "203.0.113.91", "www.wxzkqpjvtb.com");
        assert_eq!((services(&b), b.last().severity), (vec!["Tor"], Severity::Low));
        let mut known = Bench::<Anonymizer>::new();
        let ja3 = ClientHello { ja3: TOR_JA3.into(), ..ClientHello::default() };
        known.see(&Observation::TlsClient(&tcp("10.0.0.66", AWAY, 443), &ja3));
        assert_eq!(services(&known), ["Tor"]);
    }

    #[test]
    fn vpns_are_told_once_per_host_and_service_when_they_lead_outside() {
        let mut b = Bench::<Anonymizer>::new();
        for server in [AWAY, "203.0.113.91", "10.0.0.3", "2001:db8::5"] {
            for client in ["10.0.0.66", "10.0.0.67"] {
                b.see(&Observation::Spoken(&udp(client, 40_000, server, 51_820), Protocol::WireGuard));
                b.wait(5.0);
            }
        }
        assert_eq!(b.alerts(), 2);
        b.see(&Observation::Spoken(&udp("10.0.0.66", 500, AWAY, 500), Protocol::Ike));
        b.see(&Observation::FlowEstablished(&tcp("10.0.0.66", AWAY, 1194)));
        assert_eq!(b.alerts(), 4);
        b.known.names.insert(ip("203.0.113.99"), "epdg.epc.mnc004.mcc204.pub.3gppnetwork.org".into());
        b.see(&Observation::Spoken(&udp("10.0.0.70", 500, "203.0.113.99", 500), Protocol::Ike));
        assert_eq!(b.alerts(), 4, "a telephone call");
    }

    #[test]
    fn resolvers_past_the_networks_own_are_told_but_not_the_networks_own() {
        let mut b = Bench::<Anonymizer>::new();
        b.known.gateways.push(ip("10.0.0.1"));
        for client in ["10.0.0.66", "10.0.0.1"] {
            hello(&mut b, client, AWAY, "mozilla.cloudflare-dns.com");
            b.see(&Observation::FlowEstablished(&tcp(client, AWAY, 853)));
        }
        hello(&mut b, "10.0.0.66", AWAY, "a.dns.nextdns.io");
        hello(&mut b, "10.0.0.66", AWAY, "notdns.google.example");
        hello(&mut b, "10.0.0.66", "9.9.9.9", "harmless.example");
        b.see(&Observation::FlowEstablished(&tcp("10.0.0.67", "10.0.0.1", 853)));
        assert_eq!(b.alerts(), 2);
        assert_eq!(services(&b), ["DNS over HTTPS", "DNS over TLS", "DNS over HTTPS", "DNS over HTTPS"]);
    }

    #[test]
    fn what_is_allowed_and_names_that_were_looked_up_stay_quiet() {
        let allow = vec!["vpn.work.example".to_owned(), AWAY.to_owned()];
        let mut b = Bench::<Anonymizer>::with(&AnonymizerSettings { allow, ..Default::default() }, 64);
        b.known.names.insert(ip("203.0.113.91"), "ams.vpn.work.example".into());
        for server in [AWAY, "203.0.113.91"] {
            b.see(&Observation::Spoken(&udp("10.0.0.66", 40_000, server, 51_820), Protocol::WireGuard));
        }
        for i in 0..9u8 {
            let (server, name) =
                (format!("198.51.100.{i}"), format!("www.wxzkqpjvt{}.com", (b'b' + i) as char));
            b.known.names.insert(ip(&server), name.clone());
            hello(&mut b, "10.0.0.66", &server, &name);
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_flood_of_hosts_stays_within_its_tables() {
        let mut b = Bench::<Anonymizer>::with(&AnonymizerSettings::default(), 64);
        for i in 0..5_000u32 {
            let client = Ip::v4((0x0a00_0000 + i).to_be_bytes()).to_string();
            b.see(&Observation::Spoken(&udp(&client, 40_000, AWAY, 51_820), Protocol::WireGuard));
            hello(&mut b, &client, AWAY, "www.wxzkqpjvtb.com");
        }
        assert!(b.detector.told.len() <= 16 && b.detector.drawn.len() <= 16);
    }
}
