//! `brute_force`: somebody guesses passwords.
//!
//! Evidence: failed log-ins per source, target and service. Readable protocols say so themselves (`Login`); HTTP says
//! 401 or 403, LDAP 49. For SSH and RDP (on any port) it is the shape of the session: it ended after the key exchange with no more in it than a
//! refused log-in needs. Measured with OpenSSH 9.2 (three host keys, post-quantum key exchange) and libssh, in bytes of
//! payload up/down:
//! - refused: 3,021/2,889 (OpenSSH), 2,313/3,097 (key only), 1,255/1,901 and 1,744/1,839 (hydra), 2,581-2,885/2,336-2,448
//!   (OpenSSH 5, three tries);
//! - let in, running `true`: 3,441/3,733 (password), 3,741/4,129 (key);
//! - host key scan, no log-in: 1,105/1,177 to 2,337/2,497.
//!
//! So at most 3,300 up and 3,600 down is a failure, at least 1,000 each so that a look at the banner is none. What the
//! same pair brings to an end successfully counts against it: failures must be more than twice the successes.
//!
//! Known false alarms: a program with an old password; scripts that run tiny commands over SSH against dropbear or with
//! libssh more often than every 40 s, which look the same from outside. Not one: a mistyped password, git, rsync,
//! cameras with digest authentication (each 401 is followed by a 200).

use super::settings::settings;
use super::window::{Distinct, Pace};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{App, Flow, State, proto};
use crate::time::SECOND;
use crate::wire::ldap;
use crate::wire::login::{Outcome, Service};
use crate::words::{Sentence, say};

settings! {
    /// Settings of `brute_force`.
    BruteForceSettings {
        /// Failed log-ins of one source at one target within `seconds`. 4 to 30; people give up or remember earlier.
        failures: u32 = 8, 4..=30;
        /// Answers 401 or 403 over HTTP within `seconds`. 8 to 30; one page can hold a dozen refused pictures.
        http_failures: u32 = 20, 8..=30;
        /// The window, seconds, 30 to 3600.
        seconds: u32 = 300, 30..=3600;
        /// Targets at which one source fails, within the window, that make it a spray. 3 to 16; it tries few passwords at
        /// each so that no single target notices.
        spray_targets: u32 = 5, 3..=16;
        /// Most payload of a failed SSH session from the client, bytes. 1000 to 20000; see the measurements above.
        ssh_most_up: u32 = 3300, 1000..=20_000;
        /// Most payload of a failed SSH session from the server, bytes. 1000 to 20000.
        ssh_most_down: u32 = 3600, 1000..=20_000;
    }
}

/// Least payload in either direction for a session that got as far as a log-in.
const SSH_LEAST: u32 = 1000;
/// A refused RDP log-in with network level authentication is a TLS handshake and a few kilobytes; a desktop is hundreds.
const RDP_BYTES: std::ops::RangeInclusive<u32> = 800..=8000;

/// What is guessed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Door {
    Ssh,
    Rdp,
    Http,
    Ldap,
    Login(Service),
}

impl Door {
    fn name(self) -> &'static str {
        match self {
            Door::Ssh => "SSH",
            Door::Rdp => "RDP",
            Door::Http => "HTTP",
            Door::Ldap => "LDAP",
            Door::Login(service) => service.name(),
        }
    }
}

/// Attempts of one source at one door of one target: about 450 bytes.
#[derive(Default)]
struct Attempts {
    failed: Distinct<32>,
    accepted: Distinct<16>,
    number: u32,
}

/// What one source fails at in all.
#[derive(Default)]
struct Guesser {
    targets: Distinct<16>,
    failed: Distinct<16>,
    number: u32,
    pace: Pace,
}

/// See the module.
pub struct BruteForce {
    settings: BruteForceSettings,
    attempts: Bounded<(Ip, Ip, Door), Attempts>,
    guessers: Bounded<(Ip, Door), Guesser>,
}

impl Detector for BruteForce {
    const KIND: Kind = Kind {
        id: "brute_force",
        severity: Severity::High,
        mitre: &["T1110.001", "T1110.003"],
        en: Texts {
            title: "Password guessing",
            what: "Someone is trying one password after another to get into a device.",
            why: "Within a few minutes many log-ins failed, or many short sessions ended just where a wrong password ends them.",
            harmless: "A program, phone or backup that still uses an old password, or a script that opens very many short sessions.",
            todo: "Find out who is behind the source. Make sure the target has a strong password or accepts keys only, that it cannot be reached from the internet, and that none of the attempts got in.",
            silence: "Mute brute_force with this source and this target.",
        },
        nl: Texts {
            title: "Wachtwoorden raden",
            what: "Iemand probeert het ene na het andere wachtwoord om een apparaat binnen te komen.",
            why: "Binnen enkele minuten mislukten veel aanmeldingen, of eindigden veel korte sessies precies waar een fout wachtwoord ze laat eindigen.",
            harmless: "Een programma, telefoon of back-up met een verouderd wachtwoord, of een script dat heel veel korte sessies opent.",
            todo: "Zoek uit wie er achter de bron zit. Zorg dat het doel een sterk wachtwoord heeft of alleen sleutels toelaat en niet vanaf internet bereikbaar is, en ga na of geen enkele poging is gelukt.",
            silence: "Demp brute_force met deze bron en dit doel.",
        },
    };
    const INTEREST: u64 = interest::LOGIN | interest::LDAP | interest::HTTP | interest::FLOW_ENDED;
    type Settings = BruteForceSettings;

    fn new(settings: &BruteForceSettings, keys: usize) -> Self {
        BruteForce {
            settings: settings.clone(),
            attempts: Bounded::new((keys / 4).max(16)),
            guessers: Bounded::new((keys / 8).max(16)),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::Login(flow, service, Outcome::Failed) => {
                self.failed(cx, flow, Door::Login(*service), out);
            }
            Observation::Login(flow, service, Outcome::Accepted) => {
                self.accepted(cx, flow, Door::Login(*service));
            }
            // 49: invalid credentials.
            Observation::Ldap(flow, ldap::Said::Bound { code: 49 }) => self.failed(cx, flow, Door::Ldap, out),
            Observation::Ldap(flow, ldap::Said::Bound { code: 0 }) => self.accepted(cx, flow, Door::Ldap),
            Observation::HttpStatus(flow, 401 | 403) => self.failed(cx, flow, Door::Http, out),
            Observation::HttpStatus(flow, 200..=399) => self.accepted(cx, flow, Door::Http),
            Observation::FlowEnded(flow) => match self.shape(flow) {
                Some((door, true)) => self.failed(cx, flow, door, out),
                Some((door, false)) => self.accepted(cx, flow, door),
                None => {}
            },
            _ => {}
        }
    }
}

impl BruteForce {
    /// Whether an encrypted session ended like a refused log-in.
    fn shape(&self, flow: &Flow) -> Option<(Door, bool)> {
        let s = &self.settings;
        let (up, down) = (flow.payload_up, flow.payload_down);
        if flow.protocol != proto::TCP || matches!(flow.state, State::Midstream | State::Refused) {
            return None;
        }
        if flow.app == App::Ssh {
            let logged_in = up > s.ssh_most_up || down > s.ssh_most_down;
            (up >= SSH_LEAST && down >= SSH_LEAST).then_some((Door::Ssh, !logged_in))
        } else if flow.server_port == 3389 || flow.app == App::Rdp {
            let short = flow.last_at.since(flow.opened_at) < 20 * SECOND;
            (down >= *RDP_BYTES.start()).then_some((Door::Rdp, short && RDP_BYTES.contains(&down)))
        } else {
            None
        }
    }

    fn accepted(&mut self, cx: &Context<'_>, flow: &Flow, door: Door) {
        if let Some(attempts) = self.attempts.get_mut(&(flow.client, flow.server, door)) {
            attempts.number = attempts.number.wrapping_add(1);
            *attempts.accepted.seen(attempts.number, cx.tick()).0 = 1;
        }
    }

    fn failed(&mut self, cx: &Context<'_>, flow: &Flow, door: Door, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        let (attempts, _) = self.attempts.entry((flow.client, flow.server, door), Attempts::default);
        attempts.number = attempts.number.wrapping_add(1);
        *attempts.failed.seen(attempts.number, now).0 = 1;
        let failed = attempts.failed.within(now, s.seconds).0;
        let accepted = attempts.accepted.within(now, s.seconds).0;
        if failed <= accepted * 2 {
            return;
        }
        let threshold = if door == Door::Http { s.http_failures } else { s.failures };
        let (guesser, _) = self.guessers.entry((flow.client, door), Guesser::default);
        *guesser.targets.seen(ip_part(flow.server) as u32, now).0 = 1;
        guesser.number = guesser.number.wrapping_add(1);
        *guesser.failed.seen(guesser.number, now).0 = 1;
        let targets = guesser.targets.within(now, s.seconds).0;
        let in_all = guesser.failed.within(now, s.seconds).0.max(failed);
        let spray = targets >= s.spray_targets && in_all >= threshold.min(16);
        if (failed < threshold && !spray) || !guesser.pace.due(now) {
            return;
        }
        let number = guesser.number;
        let place =
            if spray { say!("{targets} hosts", "{targets} apparaten") } else { Sentence::same(flow.server) };
        let summary = say!(
            "{} failed {in_all} times or more to log in at {place} by {}",
            "{} kon {in_all} keer of vaker niet inloggen op {place} via {}",
            flow.client,
            door.name();
            place
        );
        let evidence = evidence! {
            "failures" => failed.max(in_all), "failures_in_all" => number, "accepted" => accepted,
            "threshold" => threshold, "window_s" => s.seconds, "service" => door.name(),
            "targets" => targets, "spray" => spray,
        };
        let parts = [ip_part(flow.client), super::text_part(door.name())];
        let finding = Self::KIND.finding(Severity::High, &parts, summary, evidence);
        let target = Subject::endpoint(flow.server, flow.server_port);
        out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{self, Bench, ip, tcp};

    fn ssh(server: &str, port: u16, up: u32, down: u32) -> Flow {
        let mut flow = tcp("203.0.113.40", server, port);
        (flow.app, flow.state) = (App::Ssh, State::Closed);
        (flow.payload_up, flow.payload_down) = (up, down);
        flow
    }

    #[test]
    fn ssh_guessing_is_found_on_any_port_by_the_shape_of_its_sessions() {
        for (up, down) in [(3021, 2889), (2313, 3097), (1255, 1901), (2885, 2448)] {
            let mut b = Bench::<BruteForce>::new();
            for _ in 0..11 {
                b.see(&Observation::FlowEnded(&ssh("10.0.0.9", 902, up, down)));
                b.wait(6.5);
            }
            assert_eq!((b.alerts(), b.last().severity), (1, Severity::High), "{up}/{down}");
            assert_eq!(b.last().target.as_ref().and_then(|t| t.port), Some(902));
        }
    }

    #[test]
    fn seven_failures_and_failures_far_apart_are_none() {
        let mut b = Bench::<BruteForce>::new();
        let flow = tcp("10.0.0.5", "10.0.0.9", 21);
        for i in 0..40 {
            b.see(&Observation::Login(&flow, Service::Ftp, Outcome::Failed));
            b.wait(match i {
                0..6 => 1.0,
                6 => 310.0,
                _ => 45.0,
            });
        }
        assert!(b.found.is_empty());
    }

    #[test]
    fn readable_failures_are_counted_also_within_one_session() {
        let mut b = Bench::<BruteForce>::new();
        let flow = tcp("192.168.56.1", "192.168.56.101", 21);
        for _ in 0..30 {
            b.see(&Observation::Login(&flow, Service::Ftp, Outcome::Failed));
            b.wait(2.0);
        }
        assert_eq!((b.alerts(), b.last().evidence["service"].as_str()), (1, Some("FTP")));
    }

    #[test]
    fn short_rdp_sessions_on_an_odd_port_are_guesses_and_desktops_are_not() {
        let mut b = Bench::<BruteForce>::new();
        let mut flow = tcp("203.0.113.40", "10.0.0.9", 33_890);
        (flow.app, flow.state) = (App::Rdp, State::Closed);
        for down in [400_000, 1_900] {
            for _ in 0..10 {
                (flow.payload_up, flow.payload_down) = (1_500, down);
                b.see(&Observation::FlowEnded(&flow));
                b.wait(5.0);
            }
            assert_eq!(b.alerts(), usize::from(down < 8_000));
            b.wait(400.0);
        }
    }

    #[test]
    fn a_spray_over_many_hosts_is_one_alert() {
        let mut b = Bench::<BruteForce>::new();
        for i in 0..30 {
            b.see(&Observation::FlowEnded(&ssh(&format!("10.0.0.{}", i % 10), 22, 3021, 2889)));
            b.wait(2.0);
        }
        assert_eq!((b.alerts(), b.last().evidence["spray"].as_bool()), (1, Some(true)));
    }

    #[test]
    fn git_monitoring_scans_and_digest_cameras_stay_quiet() {
        let mut b = Bench::<BruteForce>::new();
        for _ in 0..60 {
            b.see(&Observation::FlowEnded(&ssh("10.0.0.9", 22, 3441, 3733)));
            b.see(&Observation::FlowEnded(&ssh("10.0.0.9", 22, 6000, 90_000)));
            b.see(&Observation::FlowEnded(&ssh("10.0.0.10", 22, 0, 43)));
            let camera = tcp("10.0.0.5", "10.0.0.7", 80);
            b.see(&Observation::HttpStatus(&camera, 401));
            b.see(&Observation::HttpStatus(&camera, 200));
            b.wait(4.0);
        }
        // Two mistyped passwords, then in.
        b.see(&Observation::FlowEnded(&ssh("10.0.0.11", 22, 3021, 2889)));
        b.see(&Observation::FlowEnded(&ssh("10.0.0.11", 22, 3021, 2889)));
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_flood_of_random_sources_stays_within_its_tables() {
        let mut b = Bench::<BruteForce>::with(&BruteForceSettings::default(), 64);
        for i in 0..20_000u32 {
            let flow = bench::flow(Ip::v4(i.to_be_bytes()), 4000, ip("10.0.0.9"), 21, proto::TCP);
            b.see(&Observation::Login(&flow, Service::Ftp, Outcome::Failed));
        }
        assert!(b.found.is_empty() && b.detector.attempts.len() <= 16 && b.detector.guessers.len() <= 16);
    }
}
