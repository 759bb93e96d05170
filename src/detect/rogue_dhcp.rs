//! `rogue_dhcp`: a second DHCP server hands out addresses.
//!
//! Evidence: OFFER and ACK messages by server identifier. The first server that is seen answering is taken for the
//! right one; another that answers while the first is in use is the rogue, unless it is the known gateway and the first
//! is not: then the first was. With `allow` set, every server that is not in it is a rogue. A server on the station of
//! a known one (one router, many networks) is known too; relays do not matter, the server identifier counts.
//!
//! Known false alarms: a real second server (add both to `allow`), a phone that shares its connection by mistake.

use super::settings::settings;
use super::window::{Pace, Tick};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::{Ip, MacAddr};
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{DhcpSeen, Observation, interest};
use crate::table::bounded::Bounded;
use crate::wire::dhcp::kind;
use crate::words::say;

settings! {
    /// Settings of `rogue_dhcp`.
    RogueDhcpSettings {
        /// Addresses of the servers that may answer. Empty: the first one seen is the right one.
        allow: Vec<Ip> = Vec::new();
        /// A known server that has been silent for so many hours no longer protects against a successor. 1 to 720; leases
        /// are renewed within a day.
        forget_hours: u32 = 24, 1..=720;
    }
}

/// One server.
#[derive(Default)]
struct Server {
    mac: MacAddr,
    last: Tick,
    answers: u32,
    rogue: bool,
    pace: Pace,
}

/// See the module.
pub struct RogueDhcp {
    settings: RogueDhcpSettings,
    servers: Bounded<Ip, Server>,
    rogues: u32,
}

/// Most servers kept; a network has one or two, the rest is an attack.
const SERVERS: usize = 64;
/// From this many rogues on they are one incident: somebody makes up servers.
const MANY: u32 = 8;

impl Detector for RogueDhcp {
    const KIND: Kind = Kind {
        id: "rogue_dhcp",
        severity: Severity::High,
        mitre: &["T1557.003"],
        en: Texts {
            title: "Foreign DHCP server",
            what: "A second device is handing out network settings. Whoever follows them may send all traffic through that device.",
            why: "It answered a request for an address although another server does that job here.",
            harmless: "A second router plugged in the wrong way round, a phone or laptop that shares its connection, or a new router that has just replaced the old one.",
            todo: "Find the device by its hardware address. If it is a router of your own, switch its DHCP server off. Then let the affected devices reconnect.",
            silence: "If both servers are yours, add their addresses to allow under [detect.rogue_dhcp].",
        },
        nl: Texts {
            title: "Vreemde DHCP-server",
            what: "Een tweede apparaat deelt netwerkinstellingen uit. Wie die overneemt, stuurt mogelijk al zijn verkeer via dat apparaat.",
            why: "Het beantwoordde een verzoek om een adres, terwijl een andere server dat hier al doet.",
            harmless: "Een tweede router die verkeerd om is aangesloten, een telefoon of laptop die zijn verbinding deelt, of een nieuwe router die de oude net heeft vervangen.",
            todo: "Zoek het apparaat op aan de hand van het hardware-adres. Is het een eigen router, zet de DHCP-server daarop dan uit. Laat de getroffen apparaten daarna opnieuw verbinding maken.",
            silence: "Zijn beide servers van u, zet hun adressen dan bij allow onder [detect.rogue_dhcp].",
        },
    };
    const INTEREST: u64 = interest::DHCP;
    type Settings = RogueDhcpSettings;

    fn new(settings: &RogueDhcpSettings, _keys: usize) -> Self {
        RogueDhcp { settings: settings.clone(), servers: Bounded::new(SERVERS), rogues: 0 }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::Dhcp(seen) = observation else { return };
        let server = seen.message.server_id.unwrap_or(seen.source);
        let answers = seen.message.op == 2 && matches!(seen.message.kind, kind::OFFER | kind::ACK);
        if !answers || !server.is_unicast() || self.settings.allow.contains(&server) {
            return;
        }
        let now = cx.tick();
        let rogue = match self.servers.get(&server) {
            Some(known) => known.rogue.then_some(server),
            None => self.judge(cx, server, seen.mac),
        };
        let (entry, new) = self.servers.entry(server, Server::default);
        (entry.last, entry.answers) = (now, entry.answers.saturating_add(1));
        if new {
            entry.mac = seen.mac;
        }
        if let Some(rogue) = rogue {
            self.raise(cx, rogue, seen, out);
        }
    }
}

impl RogueDhcp {
    /// Which server is the rogue, now that `newcomer` answers for the first time.
    fn judge(&self, cx: &Context<'_>, newcomer: Ip, mac: MacAddr) -> Option<Ip> {
        if !self.settings.allow.is_empty() {
            return Some(newcomer);
        }
        let (now, forget) = (cx.tick(), self.settings.forget_hours * 3600);
        let in_use = || self.servers.iter().filter(|(_, s)| !s.rogue && now.within(s.last, forget));
        let (first, _) = in_use().max_by_key(|(_, s)| s.answers)?;
        if mac.is_station() && in_use().any(|(_, s)| s.mac == mac) {
            return None;
        }
        let first_was = cx.lookup.is_gateway(newcomer) && !cx.lookup.is_gateway(*first);
        Some(if first_was { *first } else { newcomer })
    }

    fn raise(&mut self, cx: &Context<'_>, rogue: Ip, seen: &DhcpSeen<'_>, out: &mut Findings) {
        let forget = self.settings.forget_hours * 3600;
        let now = cx.tick();
        let right =
            self.servers.iter().find(|(ip, s)| !s.rogue && **ip != rogue && now.within(s.last, forget));
        let right = right.map(|(ip, _)| ip.to_string());
        let Some(server) = self.servers.get_mut(&rogue) else { return };
        if !server.rogue {
            server.rogue = true;
            self.rogues = self.rogues.saturating_add(1);
        }
        if !server.pace.due(now) {
            return;
        }
        let instead = right.as_ref().map(|ip| say!(" besides {ip}", " naast {ip}")).unwrap_or_default();
        let summary = say!(
            "{rogue} hands out network settings{instead}",
            "{rogue} deelt netwerkinstellingen uit{instead}";
            instead
        );
        let message = seen.message;
        let evidence = evidence! {
            "answers" => server.answers, "threshold" => 1, "known_server" => right, "servers" => self.servers.len(),
            "offered_ip" => message.your_ip.to_string(), "offered_router" => message.router.map(|ip| ip.to_string()),
            "offered_dns" => message.dns_server.map(|ip| ip.to_string()),
        };
        let part = if self.rogues > MANY { 0 } else { ip_part(rogue) };
        let mac = self.servers.get(&rogue).map_or(MacAddr::NONE, |s| s.mac);
        let finding = Self::KIND.finding(Severity::High, &[part], summary, evidence);
        let source = Subject { ip: Some(rogue), mac: mac.is_station().then_some(mac), ..Subject::default() };
        let client = message.client_mac;
        out.push(between(finding, Some(source), client.is_station().then(|| Subject::mac(client))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, mac};
    use crate::wire::dhcp::Message;

    fn answer(b: &mut Bench<RogueDhcp>, server: Ip, station: MacAddr, kind: u8) {
        let message = Message {
            op: 2,
            kind,
            xid: 1,
            client_mac: mac(50),
            client_ip: Ip::UNSPECIFIED,
            your_ip: ip("192.168.50.102"),
            relay_ip: Ip::UNSPECIFIED,
            server_id: Some(server),
            requested_ip: None,
            router: Some(server),
            dns_server: None,
            host_name: b"",
            vendor_class: b"",
            parameters: b"",
            client_id: b"",
        };
        b.see(&Observation::Dhcp(&DhcpSeen { mac: station, source: server, message: &message }));
    }

    #[test]
    fn the_newcomer_is_the_rogue_and_one_alert() {
        let mut b = Bench::<RogueDhcp>::new();
        for _ in 0..4 {
            answer(&mut b, ip("192.168.50.254"), mac(1), kind::OFFER);
            answer(&mut b, ip("192.168.50.254"), mac(1), kind::ACK);
        }
        assert!(b.found.is_empty(), "one server is how it should be");
        b.wait(9.0);
        for _ in 0..3 {
            answer(&mut b, ip("192.168.50.1"), mac(66), kind::OFFER);
            answer(&mut b, ip("192.168.50.254"), mac(1), kind::ACK);
            b.wait(2.0);
        }
        assert_eq!((b.alerts(), b.found.len()), (1, 3));
        assert_eq!(
            b.last().source.as_ref().map(|s| (s.ip, s.mac)),
            Some((Some(ip("192.168.50.1")), Some(mac(66))))
        );
    }

    #[test]
    fn a_gateway_that_answers_second_makes_the_first_the_rogue() {
        let mut b = Bench::<RogueDhcp>::new();
        b.known.gateways.push(ip("192.168.1.1"));
        answer(&mut b, ip("192.168.1.66"), mac(66), kind::OFFER);
        answer(&mut b, ip("192.168.1.1"), mac(1), kind::OFFER);
        assert_eq!(b.last().source.as_ref().and_then(|s| s.ip), Some(ip("192.168.1.66")));
        answer(&mut b, ip("192.168.1.1"), mac(1), kind::ACK);
        assert_eq!(b.found.len(), 1);
    }

    #[test]
    fn allowed_servers_one_router_with_many_networks_and_successors_are_quiet() {
        let allow = vec![ip("10.0.0.1"), ip("10.0.0.2")];
        let mut b = Bench::<RogueDhcp>::with(&RogueDhcpSettings { allow, ..Default::default() }, 64);
        answer(&mut b, ip("10.0.0.1"), mac(1), kind::ACK);
        answer(&mut b, ip("10.0.0.2"), mac(2), kind::ACK);
        assert!(b.found.is_empty());
        answer(&mut b, ip("10.0.0.3"), mac(3), kind::ACK);
        assert_eq!(b.alerts(), 1, "not in the list");
        let mut b = Bench::<RogueDhcp>::new();
        answer(&mut b, ip("10.0.1.1"), mac(1), kind::ACK);
        answer(&mut b, ip("10.0.2.1"), mac(1), kind::ACK);
        b.wait(25.0 * 3600.0);
        answer(&mut b, ip("192.168.0.1"), mac(9), kind::ACK);
        assert!(b.found.is_empty());
    }

    #[test]
    fn made_up_servers_end_in_one_incident_and_a_full_table() {
        let mut b = Bench::<RogueDhcp>::new();
        for i in 0..5_000u32 {
            let [_, x, y, z] = i.to_be_bytes();
            answer(&mut b, Ip::v4([10, x, y, z.max(1)]), MacAddr([2, 2, 2, x, y, z]), kind::ACK);
        }
        assert!(b.alerts() <= MANY as usize + 1 && b.detector.servers.len() <= SERVERS, "{}", b.alerts());
    }
}
