//! `kerberos_abuse`: somebody collects tickets to crack at leisure, or guesses names and passwords at a domain controller.
//!
//! Evidence, per client host and within one window:
//! - tickets for many services under RC4 or DES (kerberoasting); tickets for computers do not count unless only weak
//!   encryption was asked for, since nobody can guess a computer's password;
//! - log-ins answered although nothing was proven, for several users, under weak encryption (AS-REP roasting);
//! - a user who got AES before and now asks for weak encryption only, from the same host (a stolen hash at work);
//! - refusals for a wrong password, or for users that do not exist, well above what succeeds.
//!
//! A first request without proof that is answered "prove it" is how every log-in begins and counts for nothing.
//!
//! Known false alarms: a service with an old password; a domain of the year 2003, where every ticket is RC4; a security
//! scanner. Not one: a morning of log-ins, file servers and printers, a password mistyped three times.

use super::settings::settings;
use super::window::{Distinct, Pace, Tick};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Evidence, Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::Flow;
use crate::wire::kerberos::{Exchange, Offers, Principal, Said, error, is_weak};
use crate::words::{Sentence, say};

settings! {
    /// Settings of `kerberos_abuse`.
    KerberosAbuseSettings {
        /// Different services for which one host gets weakly encrypted tickets within `seconds`. 3 to 30; a log-in needs
        /// two or three services, and those are computers.
        services: u32 = 5, 3..=30;
        /// The same for tickets under strong encryption, services of users only. 8 to 30; an inventory of the domain takes
        /// that many, and so does roasting where RC4 is switched off.
        strong_services: u32 = 20, 8..=30;
        /// Users whose answer came without proof, within `seconds`. 2 to 16; one such account may be an old mistake.
        roasted_users: u32 = 3, 2..=16;
        /// Wrong passwords of one host within `seconds`. 4 to 30; people give up or are locked out earlier.
        failures: u32 = 8, 4..=30;
        /// Users at whom one host fails, within `seconds`, that make it a spray. 3 to 16.
        spray_users: u32 = 5, 3..=16;
        /// Users unknown to the domain that one host asks for, within `seconds`. 5 to 30; a typo is one.
        unknown_users: u32 = 10, 5..=30;
        /// The window, seconds, 30 to 3600.
        seconds: u32 = 300, 30..=3600;
    }
}

/// What is known of a user on a host, as bits of its weight.
mod user {
    pub const BARE: u8 = 1;
    pub const PROVEN: u8 = 2;
    pub const HAD_AES: u8 = 4;
}

/// Ways of abuse; each is an incident of its own.
#[derive(Clone, Copy, Debug)]
enum Way {
    Roast,
    StrongRoast,
    AnswerRoast,
    Downgrade,
    Guess,
    Enumerate,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::Roast | Way::StrongRoast => "kerberoasting",
            Way::AnswerRoast => "AS-REP roasting",
            Way::Downgrade => "downgrade",
            Way::Guess => "password guessing",
            Way::Enumerate => "user enumeration",
        }
    }

    /// Only what this way is: the stages of an attack are told by it.
    fn mitre(self) -> &'static [&'static str] {
        match self {
            Way::Roast | Way::StrongRoast => &["T1558.003"],
            Way::AnswerRoast => &["T1558.004"],
            Way::Downgrade => &["T1550.002"],
            Way::Guess => &["T1110.003"],
            Way::Enumerate => &["T1087.002"],
        }
    }
}

/// What one host does: about 1.4 KB; only hosts that speak Kerberos have one.
#[derive(Default)]
struct Client {
    users: Distinct<16>,
    last_user: u32,
    /// The latest request offered weak encryption only, at log-in and for services.
    weak_only: [bool; 2],
    weak_services: Distinct<32>,
    strong_services: Distinct<32>,
    roasted: Distinct<16>,
    failed: Distinct<32>,
    failed_users: Distinct<16>,
    unknown: Distinct<32>,
    accepted: Distinct<16>,
    number: u32,
    paces: [Pace; 6],
}

/// See the module.
pub struct KerberosAbuse {
    settings: KerberosAbuseSettings,
    clients: Bounded<Ip, Client>,
}

impl Detector for KerberosAbuse {
    const KIND: Kind = Kind {
        id: "kerberos_abuse",
        severity: Severity::High,
        mitre: &["T1558.003", "T1558.004", "T1110.003", "T1087.002", "T1550.002"],
        en: Texts {
            title: "Attack on domain log-ins",
            what: "A computer collects log-in tickets of the Windows domain in order to crack passwords from them, or tries names and passwords at the domain controller.",
            why: "Within a few minutes it asked for weakly protected tickets of many services or users, or was refused far more often than let in.",
            harmless: "A service or device that still uses an old password, a security scan of your own, or a very old domain.",
            todo: "Find out who uses the source. Give accounts of services long random passwords, switch RC4 off in the domain, and require pre-authentication for every account.",
            silence: "Mute kerberos_abuse with this computer as the source.",
        },
        nl: Texts {
            title: "Aanval op domeinaanmeldingen",
            what: "Een computer verzamelt aanmeldtickets van het Windows-domein om er wachtwoorden uit te kraken, of probeert namen en wachtwoorden bij de domeincontroller.",
            why: "Binnen enkele minuten vroeg hij zwak beveiligde tickets van veel diensten of gebruikers op, of werd hij veel vaker geweigerd dan toegelaten.",
            harmless: "Een dienst of apparaat met een verouderd wachtwoord, een eigen beveiligingsscan, of een heel oud domein.",
            todo: "Zoek uit wie er achter de bron zit. Geef accounts van diensten lange willekeurige wachtwoorden, zet RC4 uit in het domein en eis pre-authenticatie voor elk account.",
            silence: "Demp kerberos_abuse met deze computer als bron.",
        },
    };
    const INTEREST: u64 = interest::KERBEROS;
    type Settings = KerberosAbuseSettings;

    fn new(settings: &KerberosAbuseSettings, keys: usize) -> Self {
        KerberosAbuse { settings: settings.clone(), clients: Bounded::new((keys / 16).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::Kerberos(flow, said) = observation else { return };
        let parties = parties(flow);
        let (client, _) = self.clients.entry(parties.0, Client::default);
        let found = client.judge(&self.settings, cx.tick(), said);
        if let Some(found) = found {
            out.push(finding(&self.settings, parties, found));
        }
    }
}

/// Client and server; over UDP a capture may begin with the answer.
fn parties(flow: &Flow) -> (Ip, Ip, u16) {
    if flow.client_port == 88 && flow.server_port != 88 {
        (flow.server, flow.client, 88)
    } else {
        (flow.client, flow.server, flow.server_port)
    }
}

fn part(name: &Principal<'_>) -> u32 {
    let parts = name.first.iter().chain(b"/").chain(name.second);
    parts.fold(0x811c_9dc5, |hash, b| (hash ^ u32::from(b.to_ascii_lowercase())).wrapping_mul(0x0100_0193))
}

/// Services that run under a computer's own account, whose password is random.
fn is_computer(service: &Principal<'_>) -> bool {
    const CLASSES: [&[u8]; 12] = [
        b"krbtgt",
        b"host",
        b"cifs",
        b"ldap",
        b"dns",
        b"gc",
        b"rpcss",
        b"wsman",
        b"termsrv",
        b"restrictedkrbhost",
        b"kadmin",
        b"e3514235-4b06-11d1-ab04-00c04fc2dcd2",
    ];
    service.first.ends_with(b"$") || CLASSES.iter().any(|class| service.first.eq_ignore_ascii_case(class))
}

/// What came of a message: the way, how much of it, and an example.
struct Found {
    way: Way,
    number: u32,
    others: u32,
    example: String,
}

impl Client {
    fn judge(&mut self, s: &KerberosAbuseSettings, now: Tick, said: &Said<'_>) -> Option<Found> {
        match said {
            Said::Asked { exchange, client, proves, offers, .. } => {
                self.asked(now, *exchange, client, *proves, *offers);
                None
            }
            Said::Granted { exchange: Exchange::Login, client, answer, .. } => {
                self.let_in(s, now, client, is_weak(*answer))
            }
            Said::Granted { service, ticket, .. } => self.ticket(s, now, service, is_weak(*ticket)),
            Said::Refused { code, client, .. } => self.refused(s, now, *code, client),
        }
    }

    fn asked(&mut self, now: Tick, exchange: Exchange, client: &Principal<'_>, proves: bool, offers: Offers) {
        self.weak_only[usize::from(exchange == Exchange::Service)] = offers.weak && !offers.strong;
        if exchange == Exchange::Login {
            self.last_user = part(client);
            let (known, _) = self.users.seen(self.last_user, now);
            *known = *known & user::HAD_AES | if proves { user::PROVEN } else { user::BARE };
        }
    }

    fn let_in(
        &mut self,
        s: &KerberosAbuseSettings,
        now: Tick,
        client: &Principal<'_>,
        weak: bool,
    ) -> Option<Found> {
        let who = part(client);
        let known = self.users.weight_mut(who).map_or(0, |bits| {
            let before = *bits;
            *bits |= if weak { 0 } else { user::HAD_AES };
            before
        });
        let example = || client.text();
        if known & user::BARE != 0 && weak {
            *self.roasted.seen(who, now).0 = 1;
            let number = self.roasted.within(now, s.seconds).0;
            return self.found(now, Way::AnswerRoast, number >= s.roasted_users, number, example);
        }
        self.number = self.number.wrapping_add(1);
        *self.accepted.seen(self.number, now).0 = 1;
        let downgrade = weak && self.weak_only[0] && known & user::HAD_AES != 0;
        self.found(now, Way::Downgrade, downgrade, 1, example)
    }

    fn ticket(
        &mut self,
        s: &KerberosAbuseSettings,
        now: Tick,
        service: &Principal<'_>,
        weak: bool,
    ) -> Option<Found> {
        if service.first.eq_ignore_ascii_case(b"krbtgt") || is_computer(service) && !self.weak_only[1] {
            return None;
        }
        let (services, way, least) = if weak {
            (&mut self.weak_services, Way::Roast, s.services)
        } else {
            (&mut self.strong_services, Way::StrongRoast, s.strong_services)
        };
        *services.seen(part(service), now).0 = 1;
        let number = services.within(now, s.seconds).0;
        self.found(now, way, number >= least, number, || service.text())
    }

    fn refused(
        &mut self,
        s: &KerberosAbuseSettings,
        now: Tick,
        code: i64,
        client: &Principal<'_>,
    ) -> Option<Found> {
        let who = if client.first.is_empty() { self.last_user } else { part(client) };
        let accepted = self.accepted.within(now, s.seconds).0;
        self.number = self.number.wrapping_add(1);
        match code {
            error::PREAUTH_FAILED | error::CLIENT_REVOKED => {
                *self.failed.seen(self.number, now).0 = 1;
                *self.failed_users.seen(who, now).0 = 1;
                let failed = self.failed.within(now, s.seconds).0;
                let users = self.failed_users.within(now, s.seconds).0;
                let enough = failed >= s.failures || users >= s.spray_users;
                self.found(now, Way::Guess, enough && failed > accepted * 2, failed, || client.text())
            }
            error::C_PRINCIPAL_UNKNOWN => {
                *self.unknown.seen(who, now).0 = 1;
                let unknown = self.unknown.within(now, s.seconds).0;
                let enough = unknown >= s.unknown_users && unknown > accepted * 2;
                self.found(now, Way::Enumerate, enough, unknown, || client.text())
            }
            _ => None,
        }
    }

    fn found(
        &mut self,
        now: Tick,
        way: Way,
        enough: bool,
        number: u32,
        example: impl FnOnce() -> String,
    ) -> Option<Found> {
        if !enough || !self.paces[way as usize].due(now) {
            return None;
        }
        let others = self.failed_users.held(now, 3600);
        Some(Found { way, number, others, example: example() })
    }
}

impl Found {
    fn sentence(&self, client: Ip, server: Ip) -> Sentence {
        let Found { number, others, example, .. } = self;
        match self.way {
            Way::Roast => say!(
                "{client} collected weakly encrypted tickets of {number} services from {server}",
                "{client} verzamelde zwak versleutelde tickets van {number} diensten bij {server}"
            ),
            Way::StrongRoast => say!(
                "{client} collected tickets of {number} services from {server}",
                "{client} verzamelde tickets van {number} diensten bij {server}"
            ),
            Way::AnswerRoast => say!(
                "{client} got log-in answers of {number} users from {server} without proof",
                "{client} kreeg van {server} inlogantwoorden van {number} gebruikers zonder bewijs"
            ),
            Way::Downgrade => say!(
                "{client} logged {example} in at {server} with RC4 where AES was used before",
                "{client} logde {example} in bij {server} met RC4, waar eerder AES werd gebruikt"
            ),
            Way::Guess => say!(
                "{client} gave {number} wrong passwords of {others} users to {server}",
                "{client} gaf {server} {number} verkeerde wachtwoorden van {others} gebruikers"
            ),
            Way::Enumerate => say!(
                "{client} asked {server} for {number} users that do not exist",
                "{client} vroeg {server} naar {number} gebruikers die niet bestaan"
            ),
        }
    }
}

fn finding(
    s: &KerberosAbuseSettings,
    (client, server, port): (Ip, Ip, u16),
    found: Found,
) -> crate::alert::Finding {
    let way = found.way;
    let threshold = match way {
        Way::Roast => s.services,
        Way::StrongRoast => s.strong_services,
        Way::AnswerRoast => s.roasted_users,
        Way::Downgrade => 1,
        Way::Guess => s.failures,
        Way::Enumerate => s.unknown_users,
    };
    let summary = found.sentence(client, server);
    let Found { number, others, example, .. } = found;
    let severity = match way {
        Way::StrongRoast | Way::Downgrade => Severity::Medium,
        _ => Severity::High,
    };
    let mut evidence: Evidence = evidence! {
        "way" => way.name(), "number" => number, "threshold" => threshold, "window_s" => s.seconds,
    };
    // Servers of Windows leave the name out of a refusal.
    if !example.is_empty() {
        evidence.insert("example".to_owned(), example.into());
    }
    if matches!(way, Way::Guess) {
        evidence.insert("users".to_owned(), others.into());
        evidence.insert("spray".to_owned(), (others >= s.spray_users).into());
    }
    let parts = [ip_part(client), super::text_part(way.name())];
    let mut finding = KerberosAbuse::KIND.finding(severity, &parts, summary, evidence);
    finding.mitre = way.mitre();
    between(finding, Some(Subject::ip(client)), Some(Subject::endpoint(server, port)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{self, Bench, ip, tcp};
    use crate::wire::kerberos::RC4;

    const AES: i32 = 18;

    fn name<'a>(first: &'a str, second: &'a str) -> Principal<'a> {
        Principal { first: first.as_bytes(), second: second.as_bytes() }
    }

    fn see(b: &mut Bench<KerberosAbuse>, said: &Said<'_>) {
        b.see(&Observation::Kerberos(&tcp("10.0.0.66", "10.0.0.2", 88), said));
        b.wait(1.0);
    }

    fn asks(b: &mut Bench<KerberosAbuse>, who: &str, proves: bool, weak: bool) {
        let offers = Offers { weak: true, strong: !weak };
        let (exchange, client) = (Exchange::Login, name(who, ""));
        see(b, &Said::Asked { exchange, client, service: name("krbtgt", "X"), realm: b"X", proves, offers });
    }

    fn let_in(b: &mut Bench<KerberosAbuse>, who: &str, answer: i32) {
        let (exchange, client) = (Exchange::Login, name(who, ""));
        see(b, &Said::Granted { exchange, client, service: name("krbtgt", "X"), ticket: AES, answer });
    }

    fn ticket(b: &mut Bench<KerberosAbuse>, service: Principal<'_>, ticket: i32) {
        let exchange = Exchange::Service;
        see(b, &Said::Granted { exchange, client: name("anna", ""), service, ticket, answer: AES });
    }

    fn refuse(b: &mut Bench<KerberosAbuse>, code: i64) {
        see(b, &Said::Refused { code, client: Principal::default(), service: Principal::default() });
    }

    #[test]
    fn weak_tickets_of_many_services_are_one_alert() {
        let mut b = Bench::<KerberosAbuse>::new();
        for i in 0..12 {
            ticket(&mut b, name("MSSQLSvc", &format!("db{i}:1433")), RC4);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
        assert_eq!(b.last().source, Some(Subject::ip(ip("10.0.0.66"))));
    }

    #[test]
    fn a_morning_of_log_ins_and_computers_with_old_tickets_is_none() {
        let mut b = Bench::<KerberosAbuse>::new();
        for i in 0..30 {
            let who = format!("user{i}");
            asks(&mut b, &who, false, false);
            refuse(&mut b, error::PREAUTH_REQUIRED);
            asks(&mut b, &who, true, false);
            let_in(&mut b, &who, AES);
            ticket(&mut b, name("cifs", &format!("pc{i}")), RC4);
            ticket(&mut b, name("HTTP", &format!("web{}", i % 6)), AES);
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn answers_without_proof_for_several_users_are_found_and_one_is_not() {
        let mut b = Bench::<KerberosAbuse>::new();
        for i in 0..4 {
            assert_eq!(b.alerts(), usize::from(i > 2));
            asks(&mut b, &format!("svc{i}"), false, true);
            let_in(&mut b, &format!("svc{i}"), RC4);
        }
        assert_eq!(b.last().evidence["way"].as_str(), Some("AS-REP roasting"));
    }

    #[test]
    fn guessing_spraying_and_unknown_names_are_put_down_to_the_client() {
        for (code, users, way) in [
            (error::PREAUTH_FAILED, 1, "password guessing"),
            (error::PREAUTH_FAILED, 20, "password guessing"),
            (error::C_PRINCIPAL_UNKNOWN, 20, "user enumeration"),
        ] {
            let mut b = Bench::<KerberosAbuse>::new();
            for i in 0..20 {
                asks(&mut b, &format!("user{}", i % users), true, false);
                refuse(&mut b, code);
            }
            assert_eq!((b.alerts(), b.last().evidence["way"].as_str()), (1, Some(way)), "{users}");
        }
    }

    #[test]
    fn a_password_mistyped_and_a_busy_terminal_server_are_none() {
        let mut b = Bench::<KerberosAbuse>::new();
        for i in 0..40 {
            let who = format!("user{i}");
            asks(&mut b, &who, true, false);
            if i % 4 == 0 {
                refuse(&mut b, error::PREAUTH_FAILED);
                asks(&mut b, &who, true, false);
            }
            let_in(&mut b, &who, AES);
        }
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_user_who_had_aes_and_now_uses_only_rc4_is_worth_a_look() {
        let mut b = Bench::<KerberosAbuse>::new();
        asks(&mut b, "old", true, true);
        let_in(&mut b, "old", RC4);
        asks(&mut b, "anna", true, false);
        let_in(&mut b, "anna", AES);
        assert!(b.found.is_empty());
        asks(&mut b, "anna", true, true);
        let_in(&mut b, "anna", RC4);
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
    }

    #[test]
    fn a_flood_of_made_up_clients_stays_within_its_table() {
        let mut b = Bench::<KerberosAbuse>::with(&KerberosAbuseSettings::default(), 64);
        let said = Said::Refused { code: 24, client: Principal::default(), service: Principal::default() };
        for i in 0..20_000u32 {
            let flow = bench::flow(Ip::v4(i.to_be_bytes()), 4000, ip("10.0.0.2"), 88, 17);
            b.see(&Observation::Kerberos(&flow, &said));
        }
        assert!(b.found.is_empty() && b.detector.clients.len() <= 16);
    }
}
