//! `cleartext_credentials`: a password travels so that everybody on the way can read it.
//!
//! Evidence: the log-in itself, as FTP, Telnet, SMTP, POP3, IMAP, HTTP, SNMP, MQTT, LDAP or VNC show it. Whose
//! password that is, is told; the password is never kept. What the server answers decides: a password that it refused is not one,
//! so a failed log-in is low (and nothing when it comes from outside: guesses are `brute_force`). When no answer comes
//! within `wait_seconds`, nobody knows, and inside that is low.
//!
//! Known false alarms: none by mistake, but many devices at home know no better: cameras, printers and old routers log
//! in over plain HTTP. Inside it is therefore medium. Two things that homes are full of are low inside: MQTT between
//! plugs and their broker, one alert per broker, and reading with the SNMP community `public`, which printer drivers do
//! all day, one alert per reader.

use super::settings::settings;
use super::window::{Pace, Tick};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::Flow;
use crate::wire::credential::{Protocol, Seen};
use crate::wire::login::Outcome;
use crate::wire::{ldap, mqtt};
use crate::words::{say, words};
use std::collections::VecDeque;

settings! {
    /// Settings of `cleartext_credentials`.
    CleartextCredentialsSettings {
        /// How long the server's answer is waited for, seconds, 1 to 60; servers take up to a few seconds to refuse.
        wait_seconds: u32 = 5, 1..=60;
        /// Whether the alert names the user. Without it you know the device only.
        show_user: bool = true;
    }
}

/// What the server said to a log-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Let in.
    Accepted,
    /// Wrong name or password.
    Refused,
    /// Something: a page, which does not say what became of the form.
    Something,
    /// Nothing in time.
    Nothing,
}

impl Answer {
    fn of(accepted: bool) -> Answer {
        if accepted { Answer::Accepted } else { Answer::Refused }
    }
}

/// Log-ins that wait for their answer; a flood of them is judged without.
const MAX_WAITING: usize = 64;

/// A log-in without an answer.
struct Waiting {
    client: (Ip, u16),
    server: (Ip, u16),
    inside: [bool; 2],
    seen: Seen,
    since: Tick,
}

/// What one client showed one server.
#[derive(Default)]
struct Shown {
    times: u32,
    refused: u32,
    told: Option<Severity>,
    pace: Pace,
}

/// See the module.
pub struct CleartextCredentials {
    settings: CleartextCredentialsSettings,
    waiting: VecDeque<Waiting>,
    shown: Bounded<(Ip, Ip, Protocol), Shown>,
}

impl Detector for CleartextCredentials {
    const KIND: Kind = Kind {
        id: "cleartext_credentials",
        severity: Severity::High,
        mitre: &["T1040", "T1552"],
        en: Texts {
            title: "Readable password",
            what: "A device sent a password without encryption. Everybody on the way, at home or on the internet, can read it.",
            why: "A log-in with its password was seen in the clear.",
            harmless: "Older cameras, printers and routers know no better; inside your own network the risk is small.",
            todo: "Use the encrypted form of the service (HTTPS, FTPS or SFTP, SSH instead of Telnet, TLS for mail), then change the password, and do not use it anywhere else.",
            silence: "Mute cleartext_credentials with this source and this target.",
        },
        nl: Texts {
            title: "Leesbaar wachtwoord",
            what: "Een apparaat heeft een wachtwoord onversleuteld verstuurd. Iedereen onderweg, thuis of op internet, kan het lezen.",
            why: "Er is een aanmelding gezien waarvan het wachtwoord leesbaar was.",
            harmless: "Oudere camera's, printers en routers kunnen niet anders; binnen uw eigen netwerk is het risico klein.",
            todo: "Gebruik de versleutelde vorm van de dienst (HTTPS, FTPS of SFTP, SSH in plaats van Telnet, TLS voor e-mail), wijzig daarna het wachtwoord en gebruik het nergens anders.",
            silence: "Demp cleartext_credentials met deze bron en dit doel.",
        },
    };
    const INTEREST: u64 = interest::CREDENTIAL
        | interest::MQTT
        | interest::LDAP
        | interest::LOGIN
        | interest::HTTP
        | interest::FLOW_ENDED
        | interest::SECOND;
    type Settings = CleartextCredentialsSettings;

    fn new(settings: &CleartextCredentialsSettings, keys: usize) -> Self {
        CleartextCredentials {
            settings: settings.clone(),
            waiting: VecDeque::new(),
            shown: Bounded::new((keys / 4).max(16)),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::Credential(flow, seen) => self.seen(cx, flow, seen, out),
            Observation::Mqtt(flow, mqtt::Said::Connect { password: true, .. }) => {
                self.seen(cx, flow, &Seen::new(Protocol::Mqtt, b""), out);
            }
            Observation::Ldap(flow, ldap::Said::Bind { name, how: ldap::Proof::Password }) => {
                self.seen(cx, flow, &Seen::new(Protocol::Ldap, name), out);
            }
            _ if self.waiting.is_empty() => {}
            Observation::Login(flow, _, outcome) => {
                self.answered(cx, flow, Answer::of(*outcome == Outcome::Accepted), out);
            }
            Observation::Ldap(flow, ldap::Said::Bound { code }) => {
                self.answered(cx, flow, Answer::of(*code == 0), out);
            }
            Observation::HttpStatus(flow, 401 | 403 | 407) => self.answered(cx, flow, Answer::Refused, out),
            Observation::HttpStatus(flow, 200..) => self.answered(cx, flow, Answer::Something, out),
            Observation::FlowEnded(flow) => self.answered(cx, flow, Answer::Nothing, out),
            Observation::Second(_) => {
                while let Some(waiting) = self.waiting.pop_front() {
                    if cx.tick().within(waiting.since, self.settings.wait_seconds) {
                        return self.waiting.push_front(waiting);
                    }
                    self.judge(cx, &waiting, Answer::Nothing, out);
                }
            }
            _ => {}
        }
    }
}

impl CleartextCredentials {
    fn seen(&mut self, cx: &Context<'_>, flow: &Flow, seen: &Seen, out: &mut Findings) {
        let waiting = Waiting {
            client: (flow.client, flow.client_port),
            server: (flow.server, flow.server_port),
            inside: flow.inside,
            seen: seen.clone(),
            since: cx.tick(),
        };
        if seen.accepted.is_some() || matches!(seen.protocol, Protocol::Snmp | Protocol::Vnc) {
            return self.judge(cx, &waiting, seen.accepted.map_or(Answer::Something, Answer::of), out);
        }
        if self.waiting.len() == MAX_WAITING
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.judge(cx, &oldest, Answer::Nothing, out);
        }
        self.waiting.push_back(waiting);
    }

    /// The server answered (or the flow ended) whatever waits on this flow.
    fn answered(&mut self, cx: &Context<'_>, flow: &Flow, answer: Answer, out: &mut Findings) {
        let ends = ((flow.client, flow.client_port), (flow.server, flow.server_port));
        while let Some(at) = self.waiting.iter().position(|w| (w.client, w.server) == ends) {
            let Some(waiting) = self.waiting.remove(at) else { return };
            self.judge(cx, &waiting, answer, out);
        }
    }

    fn severity(login: &Waiting, answer: Answer) -> Option<Severity> {
        let [from_inside, to_inside] = login.inside;
        let homely = login.seen.default || login.seen.protocol == Protocol::Mqtt;
        Some(match (answer, from_inside && to_inside) {
            (Answer::Refused, _) if !from_inside => return None,
            (Answer::Refused, _) | (Answer::Nothing, true) => Severity::Low,
            (_, true) if homely => Severity::Low,
            (_, true) => Severity::Medium,
            (_, false) if login.seen.default => Severity::Medium,
            // Whether it was right nobody knows, and strangers guess.
            (Answer::Something | Answer::Nothing, false) if !from_inside => Severity::Medium,
            (_, false) => Severity::High,
        })
    }

    fn judge(&mut self, cx: &Context<'_>, login: &Waiting, answer: Answer, out: &mut Findings) {
        let Some(severity) = Self::severity(login, answer) else { return };
        let (client, server, protocol) = (login.client.0, login.server.0, login.seen.protocol);
        let (who, whom) = match protocol {
            // Drivers ask whole networks with `public`: that is one incident of the one who asks.
            _ if login.seen.default => (client, client),
            // Every plug in the house logs in to the one broker.
            Protocol::Mqtt if login.inside == [true; 2] => (server, server),
            _ => (client, server),
        };
        let (shown, _) = self.shown.entry((who, whom, protocol), Shown::default);
        shown.times = shown.times.saturating_add(1);
        shown.refused = shown.refused.saturating_add(u32::from(answer == Answer::Refused));
        let worse = shown.told.is_none_or(|told| told < severity);
        if !(shown.pace.due(cx.tick()) || worse) {
            return;
        }
        shown.told = shown.told.max(Some(severity));
        let name = Some(login.seen.user.as_str()).filter(|user| self.settings.show_user && !user.is_empty());
        let whose = name.map_or_else(
            || words("a password", "een wachtwoord").into(),
            |user| say!("the password of {user}", "het wachtwoord van {user}"),
        );
        let summary = match (protocol, login.seen.default) {
            (Protocol::Vnc, _) => say!(
                "{server} shows its desktop to {client} without any password",
                "{server} toont zijn scherm aan {client} zonder wachtwoord"
            ),
            (Protocol::Snmp, true) => say!(
                "{client} reads {server} over SNMP with the well-known word public",
                "{client} leest {server} uit via SNMP met het algemeen bekende woord public"
            ),
            (Protocol::Snmp, false) => say!(
                "{client} sends its SNMP community readable to {server}",
                "{client} stuurt zijn SNMP-wachtwoord leesbaar naar {server}"
            ),
            _ => say!(
                "{client} sends {whose} readable over {} to {server}",
                "{client} stuurt {whose} leesbaar via {} naar {server}",
                protocol.name();
                whose
            ),
        };
        let evidence = evidence! {
            "protocol" => protocol.name(), "user" => name, "times" => shown.times, "refused" => shown.refused,
            "answer" => format!("{answer:?}").to_lowercase(), "wait_s" => self.settings.wait_seconds,
        };
        let parts = [ip_part(who), ip_part(whom), super::text_part(protocol.name())];
        let finding = Self::KIND.finding(severity, &parts, summary, evidence);
        let target = Subject::endpoint(server, login.server.1);
        out.push(between(finding, Some(Subject::ip(client)), Some(target)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, tcp};
    use crate::observe::SensorSecond;
    use crate::wire::login::Service;

    fn flow(client: &str, server: &str) -> Flow {
        let mut flow = tcp(client, server, 21);
        flow.inside = [client, server].map(|end| crate::addr::Inside::default().contains(ip(end)));
        flow
    }

    fn login(b: &mut Bench<CleartextCredentials>, flow: &Flow, user: &str, outcome: Option<Outcome>) {
        b.see(&Observation::Credential(flow, &Seen::new(Protocol::Ftp, user.as_bytes())));
        if let Some(outcome) = outcome {
            b.see(&Observation::Login(flow, Service::Ftp, outcome));
        }
        b.wait(10.0);
        b.see(&Observation::Second(&SensorSecond::default()));
    }

    #[test]
    fn where_it_goes_and_what_came_of_it_decide_how_bad_it_is() {
        use Outcome::{Accepted, Failed};
        for (client, server, outcome, want) in [
            ("192.168.1.5", "203.0.113.9", Some(Accepted), Some(Severity::High)),
            ("192.168.1.5", "203.0.113.9", None, Some(Severity::High)),
            ("192.168.1.5", "192.168.1.9", Some(Accepted), Some(Severity::Medium)),
            ("fd00::5", "fd00::9", None, Some(Severity::Low)),
            ("fd00::5", "fd00::9", Some(Accepted), Some(Severity::Medium)),
            ("192.168.1.5", "192.168.1.5", Some(Accepted), Some(Severity::Medium)),
            ("192.168.1.5", "203.0.113.9", Some(Failed), Some(Severity::Low)),
            ("203.0.113.9", "192.168.1.5", Some(Accepted), Some(Severity::High)),
            ("203.0.113.9", "192.168.1.5", Some(Failed), None),
        ] {
            let mut b = Bench::<CleartextCredentials>::new();
            login(&mut b, &flow(client, server), "anna", outcome);
            assert_eq!(b.found.first().map(|f| f.severity), want, "{client} {server} {outcome:?}");
        }
    }

    #[test]
    fn many_log_ins_of_one_client_are_one_alert_that_names_the_user_unless_told_not_to() {
        let mut b = Bench::<CleartextCredentials>::new();
        for _ in 0..20 {
            login(&mut b, &flow("192.168.1.5", "192.168.1.9"), "anna", Some(Outcome::Accepted));
        }
        assert_eq!((b.alerts(), b.last().evidence["user"].as_str()), (1, Some("anna")));
        let settings = CleartextCredentialsSettings { show_user: false, ..Default::default() };
        let mut b = Bench::<CleartextCredentials>::with(&settings, 4096);
        login(&mut b, &flow("192.168.1.5", "192.168.1.9"), "anna", None);
        assert!(!format!("{:?}", b.last()).contains("anna"));
    }

    #[test]
    fn directories_and_brokers_are_told_by_what_they_say() {
        let mut b = Bench::<CleartextCredentials>::new();
        let flow = flow("192.168.1.5", "192.168.1.9");
        b.see(&Observation::Ldap(&flow, &ldap::Said::Bind { name: b"cn=anna", how: ldap::Proof::Anonymous }));
        b.see(&Observation::Ldap(&flow, &ldap::Said::Bind { name: b"cn=anna", how: ldap::Proof::Password }));
        b.see(&Observation::Ldap(&flow, &ldap::Said::Bound { code: 0 }));
        assert_eq!((b.alerts(), b.last().evidence["user"].as_str()), (1, Some("cn=anna")));
        let connect = |password| mqtt::Said::Connect { user: true, password, client_id: b"plug" };
        b.see(&Observation::Mqtt(&flow, &connect(false)));
        assert_eq!(b.detector.waiting.len(), 0);
        b.see(&Observation::Mqtt(&flow, &connect(true)));
        b.see(&Observation::Login(&flow, Service::Mqtt, Outcome::Accepted));
        assert_eq!((b.alerts(), b.last().severity), (2, Severity::Low), "a plug and its broker");
    }

    #[test]
    fn a_web_page_that_refuses_is_told_from_one_that_lets_in() {
        for (status, want) in [(401, Severity::Low), (200, Severity::Medium), (302, Severity::Medium)] {
            let mut b = Bench::<CleartextCredentials>::new();
            let flow = flow("192.168.1.5", "192.168.1.1");
            b.see(&Observation::Credential(&flow, &Seen::new(Protocol::HttpBasic, b"admin")));
            b.see(&Observation::HttpStatus(&flow, status));
            assert_eq!((b.alerts(), b.last().severity), (1, want), "{status}");
        }
    }

    #[test]
    fn reading_printers_with_public_is_low_and_one_alert_for_all_of_them() {
        let mut b = Bench::<CleartextCredentials>::new();
        for i in 1..100 {
            let flow = flow("192.168.1.5", &format!("192.168.1.{i}"));
            b.see(&Observation::Credential(&flow, &Seen { default: true, ..Seen::new(Protocol::Snmp, b"") }));
            b.wait(2.0);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Low));
        b.see(&Observation::Credential(&flow("192.168.1.5", "192.168.1.9"), &Seen::new(Protocol::Snmp, b"")));
        assert_eq!(b.last().severity, Severity::Medium);
    }

    #[test]
    fn the_answer_is_waited_for_no_longer_than_the_settings_say() {
        let settings = CleartextCredentialsSettings { wait_seconds: 30, ..Default::default() };
        let mut b = Bench::<CleartextCredentials>::with(&settings, 4096);
        login(&mut b, &flow("192.168.1.5", "192.168.1.9"), "anna", None);
        assert!(b.found.is_empty());
        b.wait(25.0);
        b.see(&Observation::Second(&SensorSecond::default()));
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn a_flood_of_made_up_log_ins_stays_within_its_tables() {
        let mut b = Bench::<CleartextCredentials>::with(&Default::default(), 64);
        for i in 0..20_000u32 {
            let mut flow = flow("192.168.1.5", "192.168.1.9");
            flow.server = Ip::v4(i.to_be_bytes());
            b.see(&Observation::Credential(&flow, &Seen::new(Protocol::Ftp, b"x")));
        }
        assert!(b.detector.shown.len() <= 16 && b.detector.waiting.len() <= MAX_WAITING);
    }
}
