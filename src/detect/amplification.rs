//! `amplification`: services that answer small questions with large answers are made to flood somebody.
//!
//! The attacker asks in the victim's name, so each side sees its half. Evidence:
//! - the victim gets datagrams from the ports of such services (DNS, NTP, SSDP, memcached, CLDAP, CharGen, …) that it never
//!   asked for: the "server" opened the flow. Hundreds within ten seconds, from several servers or large;
//! - one of ours is the reflector: to one outside address it answers many times more bytes than it was asked.
//!
//! Known false alarms: a mirror port that shows only what comes in (then `blind` says so); a game or telephony server that
//! answers status questions of one very busy outside address. Not one: answers to a search by multicast (SSDP,
//! WS-Discovery), clocks and old resolvers that ask from the port they also answer from, a telephone or console behind
//! them: they come by the dozen, not by the hundred.

use super::settings::settings;
use super::window::{Distinct, Pace, Rate};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{Flow, Side, proto};
use crate::words::say;

settings! {
    /// Settings of `amplification`.
    AmplificationSettings {
        /// Answers nobody asked for, or answers of one of our servers to one outside address, within ten seconds. 100 to
        /// 100000; a search for devices brings a few dozen.
        datagrams: u32 = 500, 100..=100_000;
        /// How many times larger than the questions the answers of one of our servers are, in bytes of payload. 2 to 100; DNS
        /// among honest people stays below four.
        factor: u32 = 5, 2..=100;
        /// From how many servers unasked answers come at least, unless they are large. 2 to 8.
        reflectors: u32 = 3, 2..=8;
    }
}

/// UDP services known to answer with more than they were asked (US-CERT TA14-017A and later findings).
const SERVICES: [(u16, &str); 31] = [
    (17, "QOTD"),
    (19, "CharGen"),
    (53, "DNS"),
    (111, "portmapper"),
    (123, "NTP"),
    (137, "NetBIOS"),
    (161, "SNMP"),
    (177, "XDMCP"),
    (389, "CLDAP"),
    (427, "SLP"),
    (500, "IKE"),
    (520, "RIP"),
    (623, "IPMI"),
    (1434, "SQL Server browser"),
    (1604, "Citrix browser"),
    (1900, "SSDP"),
    (3283, "Apple Remote Desktop"),
    (3702, "WS-Discovery"),
    (4500, "IKE"),
    (5093, "Sentinel licences"),
    (5353, "mDNS"),
    (5683, "CoAP"),
    (10001, "Ubiquiti discovery"),
    (11211, "memcached"),
    (17185, "VxWorks debugger"),
    (27015, "game server"),
    (32414, "Plex discovery"),
    (33848, "Jenkins discovery"),
    (37810, "video recorder"),
    (41794, "Crestron"),
    (64738, "Mumble"),
];

/// Payload from which an unasked answer is large: several times what any honest question weighs.
const LARGE: u64 = 400;
/// Where question and answer use one port, unasked datagrams up to this size may be questions.
const QUESTION: u32 = 200;
/// Bytes within ten seconds below which a server of ours hurts nobody.
const HARMLESS_BYTES: u64 = 200_000;

/// The name of a service that can be made to amplify.
pub(super) fn service(port: u16) -> Option<&'static str> {
    let at = SERVICES.binary_search_by_key(&port, |(port, _)| *port).ok()?;
    Some(SERVICES[at].1)
}

/// Whether a flow that its "client" opened is an answer of such a service.
pub(super) fn is_answer(flow: &Flow) -> bool {
    let same = flow.client_port == flow.server_port;
    service(flow.client_port).is_some() && (!same || average(flow, Side::Client) > QUESTION)
}

/// Average payload of one side's datagrams.
pub(super) fn average(flow: &Flow, side: Side) -> u32 {
    match side {
        Side::Client => flow.payload_up / flow.packets_up.max(1),
        Side::Server => flow.payload_down / flow.packets_down.max(1),
    }
}

/// What one victim gets: about 220 bytes.
#[derive(Default)]
struct Victim {
    datagrams: Rate<10>,
    bytes: Rate<10>,
    reflectors: Distinct<8>,
    last: Ip,
    pace: Pace,
}

/// What one of ours answers one outside address: about 150 bytes.
#[derive(Default)]
struct Reflector {
    answers: Rate<10>,
    up: Rate<10>,
    down: Rate<10>,
    pace: Pace,
}

/// See the module.
pub struct Amplification {
    settings: AmplificationSettings,
    victims: Bounded<Ip, Victim>,
    reflectors: Bounded<(Ip, Ip), Reflector>,
}

impl Detector for Amplification {
    const KIND: Kind = Kind {
        id: "amplification",
        severity: Severity::Critical,
        mitre: &["T1498.002"],
        en: Texts {
            title: "Amplified flood",
            what: "Other people's servers are being tricked into sending large answers to someone who never asked, to clog that connection. Either you are the victim, or one of your devices is being misused for it.",
            why: "Within ten seconds hundreds of answers came that nobody had asked for, or one of your devices sent far more than it was asked for to one address on the internet.",
            harmless: "Hardly any. The monitor may be seeing only one direction of the traffic, so that it misses the questions.",
            todo: "If you are the victim, call your internet provider: only they can hold it back. If one of your devices is being misused, close its port in the router and switch the service off or update it.",
            silence: "Mute amplification with the flooded device as the target, or with the misused device as the source.",
        },
        nl: Texts {
            title: "Versterkte stortvloed",
            what: "Servers van anderen worden misleid om grote antwoorden te sturen naar iemand die niets heeft gevraagd, zodat die verbinding dichtslibt. Of u bent het slachtoffer, of een van uw apparaten wordt ervoor misbruikt.",
            why: "Binnen tien seconden kwamen er honderden antwoorden waar niemand om had gevraagd, of stuurde een van uw apparaten veel meer dan waarom werd gevraagd naar één adres op internet.",
            harmless: "Nauwelijks. Mogelijk ziet de monitor maar één richting van het verkeer en mist hij daardoor de vragen.",
            todo: "Bent u het slachtoffer, bel dan uw internetprovider: alleen die kan het tegenhouden. Wordt een van uw apparaten misbruikt, sluit dan de poort in de router en zet de dienst uit of werk die bij.",
            silence: "Demp amplification met het bestookte apparaat als doel, of met het misbruikte apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::FLOW_OPENED | interest::FLOW_ANSWERED | interest::BURST;
    type Settings = AmplificationSettings;

    fn new(settings: &AmplificationSettings, keys: usize) -> Self {
        Amplification {
            settings: settings.clone(),
            victims: Bounded::new((keys / 8).max(16)),
            reflectors: Bounded::new((keys / 8).max(16)),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::FlowOpened(flow) if flow.protocol == proto::UDP && is_answer(flow) => {
                self.unasked(cx, flow, 1, out);
            }
            Observation::Steps(flow, Side::Client, more)
                if is_answer(flow) && flow.packets_down < flow.packets_up / 20 + 1 =>
            {
                self.unasked(cx, flow, *more, out);
            }
            Observation::FlowAnswered(flow) if reflects(flow) => self.answered(cx, flow, 1, out),
            Observation::Steps(flow, Side::Server, more) if reflects(flow) => {
                self.answered(cx, flow, *more, out);
            }
            _ => {}
        }
    }
}

/// Whether one of ours answers somebody outside on such a port.
fn reflects(flow: &Flow) -> bool {
    flow.protocol == proto::UDP && flow.inside == [false, true] && service(flow.server_port).is_some()
}

impl Amplification {
    fn unasked(&mut self, cx: &Context<'_>, flow: &Flow, more: u32, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        if !flow.server.is_unicast() {
            return;
        }
        let (victim, _) = self.victims.entry(flow.server, Victim::default);
        victim.datagrams.add(cx.now, more);
        victim.bytes.add(cx.now, average(flow, Side::Client).saturating_mul(more));
        *victim.reflectors.seen(ip_part(flow.client) as u32, now).0 = 1;
        victim.last = flow.client;
        let datagrams = victim.datagrams.total(cx.now);
        if datagrams < u64::from(s.datagrams) {
            return;
        }
        let (bytes, reflectors) = (victim.bytes.total(cx.now), victim.reflectors.within(now, 10).0);
        // One peer alone that keeps sending from the port it is sent to is a tunnel with one busy direction.
        let large = bytes / datagrams >= LARGE && flow.client_port != flow.server_port;
        if (reflectors < s.reflectors && !large) || !victim.pace.due(now) {
            return;
        }
        let name = service(flow.client_port).unwrap_or("UDP");
        let many = if reflectors >= 8 { "many".to_owned() } else { reflectors.to_string() };
        let servers = match reflectors {
            1 => say!("1 servers", "1 server"),
            8.. => say!("many servers", "veel servers"),
            _ => say!("{reflectors} servers", "{reflectors} servers"),
        };
        let summary = say!(
            "{} gets {datagrams} {name} answers ({} kB) in ten seconds that it never asked for, from {servers}",
            "{} krijgt in tien seconden {datagrams} {name}-antwoorden ({} kB) waar het nooit om vroeg, van {servers}",
            flow.server,
            bytes / 1000;
            servers
        );
        let evidence = evidence! {
            "role" => "victim", "datagrams" => datagrams, "threshold" => s.datagrams, "bytes" => bytes,
            "window_s" => 10, "servers" => many, "service" => name, "service_port" => flow.client_port,
        };
        let severity = cx.by_side(flow.server, Severity::Critical, Severity::High);
        let source = (reflectors == 1).then(|| Subject::endpoint(victim.last, flow.client_port));
        let finding = Self::KIND.finding(severity, &[1, ip_part(flow.server)], summary, evidence);
        out.push(between(finding, source, Some(Subject::ip(flow.server))));
    }

    fn answered(&mut self, cx: &Context<'_>, flow: &Flow, more: u32, out: &mut Findings) {
        let s = &self.settings;
        let (r, _) = self.reflectors.entry((flow.server, flow.client), Reflector::default);
        let asked = u64::from(flow.payload_up) * u64::from(more) / u64::from(flow.packets_down.max(1));
        r.answers.add(cx.now, more);
        r.up.add(cx.now, u32::try_from(asked).unwrap_or(u32::MAX));
        r.down.add(cx.now, average(flow, Side::Server).saturating_mul(more));
        let answers = r.answers.total(cx.now);
        if answers < u64::from(s.datagrams) {
            return;
        }
        let (up, down) = (r.up.total(cx.now), r.down.total(cx.now));
        let amplified = down >= up.saturating_mul(s.factor.into()) && down >= HARMLESS_BYTES;
        if !amplified || !r.pace.due(cx.tick()) {
            return;
        }
        let name = service(flow.server_port).unwrap_or("UDP");
        let summary = say!(
            "{} is misused to flood {}: {answers} {name} answers, {} kB for {} kB of questions in ten seconds",
            "{} wordt misbruikt om {} te overspoelen: {answers} {name}-antwoorden, {} kB op {} kB aan vragen in tien seconden",
            flow.server,
            flow.client,
            down / 1000,
            up / 1000
        );
        let evidence = evidence! {
            "role" => "reflector", "datagrams" => answers, "threshold" => s.datagrams, "bytes" => down,
            "bytes_asked" => up, "factor" => down / up.max(1), "factor_threshold" => s.factor, "window_s" => 10,
            "service" => name, "service_port" => flow.server_port,
        };
        let finding = Self::KIND.finding(Severity::Critical, &[2, ip_part(flow.server)], summary, evidence);
        let source = Subject::endpoint(flow.server, flow.server_port);
        out.push(between(finding, Some(source), Some(Subject::ip(flow.client))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{self, Bench, ip, udp};

    fn answer(from: Ip, port: u16, to: &str, to_port: u16, payload: u32) -> Flow {
        let mut flow = bench::flow(from, port, ip(to), to_port, proto::UDP);
        flow.payload_up = payload;
        flow
    }

    fn outside(i: u32) -> Ip {
        Ip::v4((0x5000_0000 + i * 7919).to_be_bytes())
    }

    #[test]
    fn unasked_answers_of_many_servers_are_one_critical_alert_about_the_victim() {
        for port in [53, 123, 1900, 11211, 389, 19, 4500] {
            let mut b = Bench::<Amplification>::new();
            for i in 0..5_000 {
                b.see(&Observation::FlowOpened(&answer(outside(i % 300), port, "10.10.10.10", 24_000, 204)));
                b.wait(0.0002);
            }
            assert_eq!((b.alerts(), b.last().severity), (1, Severity::Critical), "{port}");
            assert!(b.last().source.is_none());
            assert_eq!(b.last().target, Some(Subject::ip(ip("10.10.10.10"))));
        }
    }

    #[test]
    fn one_server_that_never_stops_is_counted_by_its_steps() {
        let mut b = Bench::<Amplification>::new();
        let mut flow = answer(ip("203.0.113.9"), 11211, "2001:db8::9", 80, 1400);
        (flow.client, flow.packets_up) = (ip("2001:db8:ffff::1"), 1);
        b.see(&Observation::FlowOpened(&flow));
        for n in 1..20u32 {
            (flow.packets_up, flow.payload_up) = (256 * n, 256 * n * 1400);
            b.see(&Observation::Steps(&flow, Side::Client, 256));
            b.wait(0.1);
        }
        assert_eq!(b.alerts(), 1);
        assert_eq!(b.last().source, Some(Subject::endpoint(ip("2001:db8:ffff::1"), 11211)));
    }

    #[test]
    fn a_server_of_ours_that_answers_far_more_than_asked_is_named() {
        let mut b = Bench::<Amplification>::new();
        let mut flow = bench::flow(ip("203.0.113.50"), 80, ip("192.168.1.10"), 123, proto::UDP);
        flow.inside = [false, true];
        for n in 1..20u32 {
            (flow.packets_up, flow.payload_up) = (n * 8, n * 64);
            (flow.packets_down, flow.payload_down) = (n * 256, n * 256 * 440);
            b.see(&Observation::Steps(&flow, Side::Server, 256));
            b.wait(0.2);
        }
        assert_eq!(b.alerts(), 1);
        assert_eq!(b.last().source, Some(Subject::endpoint(ip("192.168.1.10"), 123)));
        assert_eq!(b.last().target, Some(Subject::ip(ip("203.0.113.50"))));
    }

    #[test]
    fn searches_clocks_downloads_and_a_busy_name_server_are_none() {
        let mut b = Bench::<Amplification>::new();
        for i in 0..2_000u32 {
            // Forty devices answer a search each two seconds; clocks ask from the port they answer on.
            if i % 50 == 0 {
                b.see(&Observation::FlowOpened(&answer(outside(i % 40), 1900, "192.168.1.5", 50_123, 350)));
            }
            b.see(&Observation::FlowOpened(&answer(outside(i), 123, "192.168.1.5", 123, 48)));
            let mut dns = udp("203.0.113.8", 5_000 + i as u16, "192.168.1.53", 53);
            dns.inside = [false, true];
            (dns.payload_up, dns.payload_down, dns.packets_down) = (40, 130, 1);
            b.see(&Observation::FlowAnswered(&dns));
            b.wait(0.01);
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_flood_of_made_up_victims_stays_within_its_tables() {
        let mut b = Bench::<Amplification>::with(&AmplificationSettings::default(), 64);
        for i in 0..20_000u32 {
            let target = outside(i).to_string();
            b.see(&Observation::FlowOpened(&answer(outside(1), 53, &target, 4_000, 500)));
            let mut flow = bench::flow(outside(i), 80, ip("192.168.1.10"), 53, proto::UDP);
            flow.inside = [false, true];
            b.see(&Observation::FlowAnswered(&flow));
        }
        assert!(b.found.is_empty() && b.detector.victims.len() <= 16 && b.detector.reflectors.len() <= 16);
    }

    #[test]
    fn services_are_in_order() {
        assert!(SERVICES.windows(2).all(|w| w[0].0 < w[1].0));
        assert_eq!((service(53), service(443)), (Some("DNS"), None));
    }
}
