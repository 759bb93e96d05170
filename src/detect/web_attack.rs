//! `web_attack`: somebody tries to break into a web server with what they ask it for.
//!
//! Evidence: signs of SQL injection, cross-site scripting, path traversal, command injection, Log4Shell, XML external
//! entities, forged server requests or web shells in readable requests (see `wire::http::attack`). One sign is often an
//! accident and nothing is said; two different ones in one request, or of one kind of attack by one client at one server
//! within `seconds`, are medium. An answer that shows that it worked (a system file, the output of a command, an error
//! of the database) is high, and so are many such requests of a host inside, which is then no visitor but infected or in
//! somebody's hands. What a host inside does to many servers is one alert.
//!
//! Known false alarms: a security check of your own; a forum about SQL or shell scripts without encryption. Not one: a
//! search for "select a union", an author who posts a page with a script in it, database tools that send statements.

use super::settings::settings;
use super::window::{Distinct, Pace, Tick};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::Flow;
use crate::wire::http::attack::{Seen, Signs};
use crate::words::{Sentence, Words, say, words};

settings! {
    /// Settings of `web_attack`.
    WebAttackSettings {
        /// Signs of different kinds that make an attack, 2 to 6; those that nobody writes by accident count two.
        signs: u32 = 2, 2..=6;
        /// Within how many seconds, 10 to 86400: attackers try one after the other.
        seconds: u32 = 600, 10..=86_400;
        /// Requests with signs of one host inside from which on it is high, 2 to 1000.
        many: u32 = 10, 2..=1000;
    }
}

/// What one client tried at one server.
#[derive(Clone, Copy, Default)]
struct Tried {
    signs: Signs,
    requests: u32,
    since: Tick,
    proof: Option<&'static str>,
}

/// The incident: what one visitor does to one server, or one host inside to any.
#[derive(Default)]
struct Attacker {
    requests: u32,
    servers: Distinct<16>,
    told: Option<Severity>,
    pace: Pace,
}

/// See the module.
pub struct WebAttack {
    settings: WebAttackSettings,
    tried: Bounded<(Ip, Ip), Tried>,
    attackers: Bounded<(Ip, Ip), Attacker>,
}

impl Detector for WebAttack {
    const KIND: Kind = Kind {
        id: "web_attack",
        severity: Severity::Medium,
        mitre: &["T1190", "T1505.003"],
        en: Texts {
            title: "Attack on a web server",
            what: "Someone sends a web server requests that are made to break into it.",
            why: "Requests held several different signs of an attack; with severity high, the answer shows that it worked, or a device inside keeps trying.",
            harmless: "You, or someone you asked, checks the security of your own server.",
            todo: "If it worked, take the server off the network and look for what was changed. Otherwise bring its software up to date and close it to the internet if it need not be reached from there. If the source is a device of yours, examine that first.",
            silence: "Mute web_attack with this source and this target.",
        },
        nl: Texts {
            title: "Aanval op een webserver",
            what: "Iemand stuurt een webserver verzoeken die bedoeld zijn om binnen te dringen.",
            why: "De verzoeken bevatten verschillende kenmerken van een aanval; bij ernst hoog laat het antwoord zien dat het lukte, of blijft een apparaat binnen uw netwerk het proberen.",
            harmless: "U, of iemand die u dat vroeg, controleert de beveiliging van uw eigen server.",
            todo: "Is het gelukt, haal de server dan van het netwerk en zoek uit wat er is veranderd. Werk anders de software bij en sluit de server af voor internet als hij van daar niet bereikbaar hoeft te zijn. Is de bron een apparaat van uzelf, onderzoek dat dan eerst.",
            silence: "Demp web_attack met deze bron en dit doel.",
        },
    };
    const INTEREST: u64 = interest::WEB_ATTACK;
    type Settings = WebAttackSettings;

    fn new(settings: &WebAttackSettings, keys: usize) -> Self {
        WebAttack {
            settings: settings.clone(),
            tried: Bounded::new((keys / 4).max(16)),
            attackers: Bounded::new((keys / 8).max(16)),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        if let Observation::WebAttack(flow, seen) = observation {
            self.tries(cx, flow, seen, out);
        }
    }
}

impl WebAttack {
    fn tries(&mut self, cx: &Context<'_>, flow: &Flow, seen: &Seen, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        let (tried, new) = self.tried.entry((flow.client, flow.server), Tried::default);
        if new || !now.within(tried.since, s.seconds) {
            *tried = Tried { since: now, ..Tried::default() };
        }
        tried.signs = tried.signs.with(seen.signs);
        tried.requests = tried.requests.saturating_add(u32::from(seen.proof.is_none()));
        tried.proof = tried.proof.or(seen.proof);
        let weight = seen.signs.weight().max(tried.signs.of_one_kind());
        // A single sign whose success shows is no accident either.
        if weight < s.signs && tried.proof.is_none() {
            return;
        }
        let tried = *tried;
        // An infected host tries one server after the other: that is one incident.
        let key = (flow.client, if flow.inside[0] { flow.client } else { flow.server });
        let (attacker, _) = self.attackers.entry(key, Attacker::default);
        attacker.requests = attacker.requests.saturating_add(u32::from(seen.proof.is_none()));
        *attacker.servers.seen(ip_part(flow.server) as u32, now).0 = 1;
        let insists = flow.inside[0] && attacker.requests >= s.many;
        let severity = if tried.proof.is_some() || insists { Severity::High } else { Severity::Medium };
        let worse = attacker.told.is_none_or(|told| told < severity);
        if !(attacker.pace.due(now) || worse) {
            return;
        }
        attacker.told = attacker.told.max(Some(severity));
        let kinds: Vec<Sentence> =
            tried.signs.groups().into_iter().map(|group| in_dutch(group.name()).into()).collect();
        let kinds = Sentence::list(&kinds, ", ");
        let worked = tried.proof.map(in_dutch).map_or_else(
            Sentence::default,
            |proof| say!("; the answer shows {proof}", "; het antwoord toont {proof}"; proof),
        );
        let summary = say!(
            "{} attacks the web server {} ({kinds}){worked}",
            "{} valt de webserver {} aan ({kinds}){worked}",
            flow.client,
            flow.server;
            kinds, worked
        );
        let evidence = evidence! {
            "attacks" => kinds.en, "signs" => tried.signs.texts(), "weight" => weight, "threshold" => s.signs,
            "requests" => tried.requests.max(attacker.requests), "servers" => attacker.servers.held(now, s.seconds),
            "window_s" => s.seconds, "proof" => tried.proof,
        };
        let finding = Self::KIND.finding(severity, &[ip_part(key.0), ip_part(key.1)], summary, evidence);
        let target = Subject::endpoint(flow.server, flow.server_port);
        out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
    }
}

/// Names of attacks and of what proves them, which the wire gives in English. What is no everyday word keeps its name.
fn in_dutch(english: &'static str) -> Words {
    let dutch = match english {
        "SQL injection" => "SQL-injectie",
        "path traversal" => "uitbreken uit de map",
        "command injection" => "ingevoegde opdrachten",
        "XML external entity" => "verwijzing naar buiten in XML",
        "server-side request forgery" => "de server laten bellen",
        "web shell" => "achterdeur op de webserver",
        "server error" => "fout van de server",
        "the content of a system file" => "de inhoud van een systeembestand",
        "the output of a command" => "de uitvoer van een opdracht",
        "an error of the database" => "een fout van de database",
        "the script, unchanged" => "het script, ongewijzigd",
        "cloud metadata" => "gegevens van de cloud",
        name => name,
    };
    words(english, dutch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{self, Bench, ip, tcp};
    use crate::table::flows::proto;

    fn tries(b: &mut Bench<WebAttack>, client: &str, signs: Signs, proof: Option<&'static str>) {
        let mut flow = tcp(client, "192.168.1.10", 80);
        flow.inside = [b.inside.contains(ip(client)), true];
        b.see(&Observation::WebAttack(&flow, &Seen { signs, proof }));
        b.wait(2.0);
    }

    #[test]
    fn two_different_signs_are_medium_and_proof_is_high_in_one_alert() {
        let mut b = Bench::<WebAttack>::new();
        tries(&mut b, "203.0.113.9", Signs::UNION, None);
        tries(&mut b, "203.0.113.9", Signs::UNION, None);
        assert!(b.found.is_empty(), "the same sign twice");
        tries(&mut b, "203.0.113.9", Signs::SCHEMA, None);
        assert_eq!(b.last().severity, Severity::Medium);
        tries(&mut b, "203.0.113.9", Signs::UNION, Some("an error of the database"));
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
        assert!(b.last().summary.en.contains("an error of the database"));
    }

    #[test]
    fn one_sign_that_nobody_writes_by_accident_is_enough() {
        let mut b = Bench::<WebAttack>::new();
        tries(&mut b, "203.0.113.9", Signs::JNDI, None);
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
    }

    #[test]
    fn a_host_inside_that_keeps_trying_is_high_and_a_visitor_from_outside_is_not() {
        for (client, want) in [("192.168.1.66", Severity::High), ("203.0.113.9", Severity::Medium)] {
            let mut b = Bench::<WebAttack>::new();
            (0..20).for_each(|_| tries(&mut b, client, Signs::DOTS.with(Signs::FILE), None));
            assert_eq!((b.alerts(), b.last().severity), (1, want), "{client}");
        }
    }

    #[test]
    fn an_infected_host_that_tries_many_servers_is_one_alert() {
        let mut b = Bench::<WebAttack>::new();
        for i in 0..30 {
            let mut flow = tcp("192.168.1.66", &format!("203.0.113.{i}"), 80);
            flow.inside = [true, false];
            b.see(&Observation::WebAttack(&flow, &Seen { signs: Signs::FETCH, proof: None }));
            b.wait(2.0);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
        assert_eq!(b.last().evidence["servers"].as_u64(), Some(16));
    }

    #[test]
    fn accidents_of_different_kinds_do_not_add_up_unless_in_one_request() {
        let mut b = Bench::<WebAttack>::new();
        for signs in [Signs::SCRIPT, Signs::DOTS, Signs::QUOTE, Signs::SHELL] {
            tries(&mut b, "192.168.1.20", signs, None);
        }
        assert!(b.found.is_empty());
        tries(&mut b, "192.168.1.20", Signs::SHELL.with(Signs::FILE), None);
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn signs_far_apart_do_not_add_up() {
        let mut b = Bench::<WebAttack>::new();
        tries(&mut b, "203.0.113.9", Signs::UNION, None);
        b.wait(700.0);
        tries(&mut b, "203.0.113.9", Signs::SCHEMA, None);
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_made_up_sources_stays_within_its_table() {
        let mut b = Bench::<WebAttack>::with(&Default::default(), 64);
        for i in 0..5_000u32 {
            let flow = bench::flow(Ip::v4(i.to_be_bytes()), 4000, ip("10.0.0.9"), 80, proto::TCP);
            b.see(&Observation::WebAttack(&flow, &Seen { signs: Signs::UNION, proof: None }));
        }
        assert!(b.found.is_empty() && b.detector.tried.len() <= 16 && b.detector.attackers.len() <= 16);
    }
}
