//! `attack_chain`: alerts about one host that together are an attack from its beginning towards its end.
//!
//! Evidence: alerts of medium severity or above about one host that reach several stages of an attack in their order within a
//! day: looking around, getting in, moving on, being steered, doing harm. The stage of an alert is that of its ATT&CK
//! technique. A host that was broken into counts as the target of that alert; in all others it is the source.
//!
//! Known false alarms: a security test; an administrator's machine that scans, logs in and copies.

use super::settings::settings;
use super::{Context, Detector, Kind, Texts, evidence, ip_part, titled};
use crate::addr::Ip;
use crate::alert::{Alert, Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::time::{SECOND, Timestamp};
use crate::words::{Sentence, Words, say, words};

settings! {
    /// Settings of `attack_chain`.
    AttackChainSettings {
        /// Stages that must be reached in order. 2 to 5; two are often one act seen twice.
        stages: u32 = 3, 2..=5;
        /// Hours within which they belong together. 1 to 168; intruders who hurry need minutes, patient ones a day.
        hours: u32 = 24, 1..=168;
    }
}

/// Alerts remembered per host.
const STEPS: usize = 16;
/// The stages, in their order.
const STAGES: [Words; 5] = [
    words("looking around", "rondkijken"),
    words("getting in", "binnendringen"),
    words("moving on", "verder trekken"),
    words("being steered", "bestuurd worden"),
    words("doing harm", "schade doen"),
];
/// Where each technique belongs (attack.mitre.org, enterprise and ICS; sub-techniques with their technique).
const TECHNIQUES: &[(&str, u8)] = &[
    ("T1595", 0),
    ("T1046", 0),
    ("T1018", 0),
    ("T1135", 0),
    ("T1087", 0),
    ("T1069", 0),
    ("T1482", 0),
    ("T1016", 0),
    ("T1110", 1),
    ("T1190", 1),
    ("T1557", 1),
    ("T1558", 1),
    ("T1003", 1),
    ("T1040", 1),
    ("T1078", 1),
    ("T1552", 1),
    ("T1212", 1),
    ("T1505", 1),
    ("T1021", 2),
    ("T1210", 2),
    ("T1550", 2),
    ("T1569", 2),
    ("T1570", 2),
    ("T1047", 2),
    ("T1053", 2),
    ("T1071", 3),
    ("T1090", 3),
    ("T1095", 3),
    ("T1105", 3),
    ("T1568", 3),
    ("T1571", 3),
    ("T1572", 3),
    ("T1573", 3),
    ("T1102", 3),
    ("T1041", 4),
    ("T1048", 4),
    ("T1567", 4),
    ("T1030", 4),
    ("T1486", 4),
    ("T1496", 4),
    ("T1498", 4),
    ("T1499", 4),
    ("T1565", 4),
    ("T0836", 4),
    ("T0855", 4),
];

/// Kinds that tell of a door left open, and not of a step through it: whoever sends a readable password is the victim.
const DOORS: [&str; 3] = ["cleartext_credentials", "sensitive_data", "weak_tls"];

/// The stage of a technique.
fn stage_of(mitre: &[&str]) -> Option<u8> {
    let main =
        |id: &str| TECHNIQUES.iter().find(|(t, _)| *t == id.split('.').next().unwrap_or(id)).map(|(_, s)| *s);
    mitre.iter().find_map(|id| main(id))
}

#[derive(Clone, Copy)]
struct Step {
    at: Timestamp,
    stage: u8,
    kind: &'static str,
}

/// The longest run of steps whose stages rise; steps are in the order of time.
fn chain(steps: &[Step]) -> Vec<Step> {
    let mut best: Vec<Vec<Step>> = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        let before = (0..i).filter(|j| steps[*j].stage < step.stage).max_by_key(|j| best[*j].len());
        let mut run = before.map_or_else(Vec::new, |j| best[j].clone());
        run.push(*step);
        best.push(run);
    }
    best.into_iter().rev().max_by_key(Vec::len).unwrap_or_default()
}

/// See the module.
pub struct AttackChain {
    settings: AttackChainSettings,
    hosts: Bounded<Ip, Vec<Step>>,
}

impl Detector for AttackChain {
    const KIND: Kind = Kind {
        id: "attack_chain",
        severity: Severity::Critical,
        mitre: &[],
        en: Texts {
            title: "Attack in several steps",
            what: "Alerts about one device fit together as the steps of one attack.",
            why: "Within a day they reached several stages in the order in which intruders work: look around, get in, move on, be steered from outside, do harm.",
            harmless: "A security test that you know of, or an administrator's computer that does all of this for its work.",
            todo: "Disconnect the device from the network now, leave it switched on, and look at its alerts one by one. Change the passwords that were used on it.",
            silence: "Mute attack_chain with this device as the source.",
        },
        nl: Texts {
            title: "Aanval in meerdere stappen",
            what: "Meldingen over één apparaat passen bij elkaar als de stappen van één aanval.",
            why: "Binnen een dag werden meerdere fasen bereikt in de volgorde waarin indringers werken: rondkijken, binnenkomen, verder trekken, van buitenaf bestuurd worden, schade doen.",
            harmless: "Een beveiligingstest waar u van weet, of de computer van een beheerder die dit alles voor zijn werk doet.",
            todo: "Haal het apparaat nu van het netwerk, laat het aan staan en bekijk de meldingen één voor één. Wijzig de wachtwoorden die erop zijn gebruikt.",
            silence: "Demp attack_chain met dit apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::ALERT;
    type Settings = AttackChainSettings;

    fn new(settings: &AttackChainSettings, keys: usize) -> Self {
        AttackChain { settings: settings.clone(), hosts: Bounded::new((keys / 8).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::Alert(alert) = observation else { return };
        if alert.severity < Severity::Medium {
            return;
        }
        let Some(stage) = stage_of(alert.mitre).filter(|_| !DOORS.contains(&alert.kind)) else { return };
        let ip = |party: &Option<Subject>| party.as_ref().and_then(|p| p.ip);
        let source = ip(&alert.source);
        // Whoever was broken into may be who goes on; only our own can be.
        let victim = ip(&alert.target).filter(|ip| matches!(stage, 1 | 2) && cx.inside.contains(*ip));
        for host in [source, victim.filter(|v| Some(*v) != source)].into_iter().flatten() {
            self.step(cx, host, stage, alert, out);
        }
    }
}

impl AttackChain {
    fn step(&mut self, cx: &Context<'_>, host: Ip, stage: u8, alert: &Alert, out: &mut Findings) {
        let (steps, _) = self.hosts.entry(host, Vec::new);
        let window = i64::from(self.settings.hours) * 3600 * SECOND;
        steps.retain(|s| cx.now.since(s.at) <= window);
        // Of the same kind the first counts: more of it is no step.
        if steps.iter().any(|s| s.kind == alert.kind && s.stage == stage) {
            return;
        }
        if steps.len() == STEPS {
            steps.remove(0);
        }
        steps.push(Step { at: cx.now, stage, kind: alert.kind });
        let chain = chain(steps);
        if chain.len() < self.settings.stages as usize {
            return;
        }
        let took = cx.now.since(chain[0].at) / SECOND;
        let stages: Vec<Sentence> = chain.iter().map(Step::text).collect();
        let (stages, span) = (Sentence::list(&stages, ", "), span(took));
        let summary = say!(
            "{host} went through {} steps of an attack in {span}: {stages}",
            "{host} doorliep {} stappen van een aanval in {span}: {stages}",
            chain.len();
            span, stages
        );
        let evidence = evidence! {
            "stages" => chain.len(), "threshold_stages" => self.settings.stages, "window_s" => window / SECOND,
            "seconds" => took, "kinds" => chain.iter().map(|s| s.kind).collect::<Vec<_>>(), "alerts" => steps.len(),
        };
        let mut finding = Self::KIND.finding(Severity::Critical, &[ip_part(host)], summary, evidence);
        finding.source = Some(Subject::ip(host));
        out.push(finding);
    }
}

impl Step {
    /// The stage, and the kind of alert that showed it.
    fn text(&self) -> Sentence {
        let stage = STAGES[usize::from(self.stage)];
        let kind = titled(self.kind);
        say!("{stage} ({kind})", "{stage} ({kind})"; stage, kind)
    }
}

/// Seconds in the unit people would use.
fn span(seconds: i64) -> Sentence {
    match seconds {
        0..120 => say!("{seconds} s", "{seconds} s"),
        120..7200 => say!("{} min", "{} min", seconds / 60),
        _ => say!("{} h", "{} uur", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Evidence;
    use crate::detect::KINDS;
    use crate::detect::bench::{Bench, ip};

    fn alert(kind: &'static str, source: &str, target: &str) -> Alert {
        let known = KINDS.iter().find(|k| k.id == kind).expect("a kind");
        let (at, last_at) = (Timestamp::default(), Timestamp::default());
        Alert {
            id: 1,
            at,
            last_at,
            count: 1,
            history: crate::alert::History::default(),
            kind,
            severity: Severity::High,
            source: Some(Subject::ip(ip(source))),
            target: Some(Subject::ip(ip(target))),
            summary: Sentence::default(),
            evidence: Evidence::new(),
            mitre: known.mitre,
        }
    }

    fn see(b: &mut Bench<AttackChain>, kind: &'static str, source: &str, target: &str) {
        b.see(&Observation::Alert(&alert(kind, source, target)));
        b.wait(3600.0);
    }

    #[test]
    fn stages_in_order_are_a_chain_and_all_at_once_or_backwards_are_none() {
        let mut b = Bench::<AttackChain>::new();
        see(&mut b, "beaconing", "192.168.1.5", "203.0.113.5");
        see(&mut b, "brute_force", "192.168.1.5", "192.168.1.9");
        see(&mut b, "port_scan", "192.168.1.5", "192.168.1.9");
        see(&mut b, "host_sweep", "192.168.1.5", "192.168.1.9");
        assert!(b.found.is_empty(), "backwards is no attack's order");
        see(&mut b, "brute_force", "192.168.1.7", "192.168.1.9");
        see(&mut b, "port_scan", "192.168.1.6", "192.168.1.9");
        see(&mut b, "brute_force", "192.168.1.6", "192.168.1.9");
        see(&mut b, "beaconing", "192.168.1.6", "203.0.113.5");
        assert_eq!(b.alerts(), 1);
        assert_eq!(b.last().source, Some(Subject::ip(ip("192.168.1.6"))));
        assert_eq!(b.last().evidence["kinds"], serde_json::json!(["port_scan", "brute_force", "beaconing"]));
    }

    #[test]
    fn who_was_broken_into_goes_on_as_the_attacker() {
        let mut b = Bench::<AttackChain>::new();
        see(&mut b, "brute_force", "203.0.113.9", "192.168.1.9");
        see(&mut b, "beaconing", "192.168.1.9", "203.0.113.9");
        see(&mut b, "syn_flood", "192.168.1.9", "203.0.113.80");
        assert_eq!((b.alerts(), b.last().source.clone()), (1, Some(Subject::ip(ip("192.168.1.9")))));
    }

    #[test]
    fn what_is_older_than_a_day_is_forgotten() {
        let mut b = Bench::<AttackChain>::new();
        see(&mut b, "port_scan", "192.168.1.6", "192.168.1.9");
        see(&mut b, "brute_force", "192.168.1.6", "192.168.1.9");
        b.wait(86_400.0);
        see(&mut b, "beaconing", "192.168.1.6", "203.0.113.5");
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_readable_password_is_no_step_of_the_one_who_sends_it() {
        let mut b = Bench::<AttackChain>::new();
        for kind in ["port_scan", "cleartext_credentials", "weak_tls"] {
            see(&mut b, kind, "192.168.1.5", "192.168.1.9");
        }
        assert!(b.found.is_empty());
    }

    #[test]
    fn every_kind_that_has_a_technique_has_a_stage_or_none_on_purpose() {
        let without: Vec<_> = KINDS
            .iter()
            .filter(|k| !k.mitre.is_empty() && stage_of(k.mitre).is_none())
            .map(|k| k.id)
            .collect();
        // A new device or an exposed service is a door, not a step through it; a device that is gone or changed is a sign
        // of something, by nobody in particular.
        let on_purpose = ["new_device", "device_gone", "identity_change", "blind"];
        assert!(without.iter().all(|id| on_purpose.contains(id)), "{without:?}");
    }

    #[test]
    fn a_flood_of_sources_stays_bounded() {
        let mut b = Bench::<AttackChain>::with(&AttackChainSettings::default(), 256);
        for i in 0..10_000u32 {
            let source = Ip::v4((0x0a00_0000 + i).to_be_bytes()).to_string();
            b.see(&Observation::Alert(&alert("port_scan", &source, "192.168.1.9")));
        }
        assert!(b.detector.hosts.len() <= 32);
    }
}
