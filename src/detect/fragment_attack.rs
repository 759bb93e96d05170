//! `fragment_attack`: fragments that no honest sender makes: to crash a receiver, to hide from who looks, or to fill its
//! memory.
//!
//! Evidence, per receiver within a minute: parts that overlap others with other bytes, first parts too short for the
//! headers above them, parts whose place cannot be, and datagrams that were never finished.
//!
//! Unfinished datagrams and overlaps also come from loss: fragments that get lost before the sensor, and numbers that
//! come round again too soon. So they count only when they outweigh the datagrams that were finished meanwhile.
//! Known false alarms: a link that carries packets of less than 276 bytes, such as some radio links.

use super::settings::settings;
use super::window::{Distinct, Halves, Pace};
use super::{Context, Detector, Kind, Texts, between, evidence, from_where, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{FragmentSeen, Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::reassembly::Odd;
use crate::words::say;

settings! {
    /// Settings of `fragment_attack`.
    FragmentAttackSettings {
        /// Odd fragments or unfinished datagrams to one host within `seconds`. 5 to 1000; a healthy network has none for
        /// weeks, a lossy one a few.
        odd: u32 = 20, 5..=1000;
        /// The window, seconds, 10 to 600.
        seconds: u32 = 60, 10..=600;
    }
}

/// What came to one host: about 120 bytes.
struct Target {
    /// Overlaps, tiny first parts, impossible parts, unfinished datagrams; finished ones of all hosts.
    counts: Halves<5>,
    sources: Distinct<8>,
    last_source: Ip,
    completed: u64,
    pace: Pace,
}

/// See the module.
pub struct FragmentAttack {
    settings: FragmentAttackSettings,
    targets: Bounded<Ip, Target>,
}

impl Detector for FragmentAttack {
    const KIND: Kind = Kind {
        id: "fragment_attack",
        severity: Severity::High,
        mitre: &["T1499.004", "T1027"],
        en: Texts {
            title: "Malformed packet pieces",
            what: "A device is being sent packets cut into pieces that do not fit together. This is done to crash it, to fill its memory, or to slip past a firewall.",
            why: "Within a minute many pieces overlapped, were far too small, could not belong to any packet, or were never completed.",
            harmless: "A very bad connection that loses many pieces, or a radio link with unusually small packets.",
            todo: "Look at who sends them. If it is one of your devices and nobody is testing there, disconnect it. Keep the software of the receiving device up to date.",
            silence: "Mute fragment_attack with the receiving device as the target.",
        },
        nl: Texts {
            title: "Misvormde pakketdelen",
            what: "Een apparaat krijgt pakketten die in stukken zijn geknipt die niet op elkaar passen. Dat gebeurt om het te laten vastlopen, om het geheugen te vullen of om een firewall te omzeilen.",
            why: "Binnen een minuut overlapten veel stukken elkaar, waren ze veel te klein, konden ze bij geen enkel pakket horen of bleven pakketten onvolledig.",
            harmless: "Een zeer slechte verbinding die veel stukken verliest, of een radioverbinding met ongewoon kleine pakketten.",
            todo: "Kijk wie ze verstuurt. Is het een van uw apparaten en wordt daar niets getest, koppel het dan los. Houd de software van het ontvangende apparaat bij.",
            silence: "Demp fragment_attack met het ontvangende apparaat als doel.",
        },
    };
    const INTEREST: u64 = interest::FRAGMENT;
    type Settings = FragmentAttackSettings;

    fn new(settings: &FragmentAttackSettings, keys: usize) -> Self {
        FragmentAttack { settings: settings.clone(), targets: Bounded::new((keys / 16).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        if let Observation::Fragment(seen) = observation {
            self.odd(cx, seen, out);
        }
    }
}

impl FragmentAttack {
    fn odd(&mut self, cx: &Context<'_>, seen: &FragmentSeen, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        let (target, _) = self.targets.entry(seen.target, || Target::new(seen.completed));
        let finished = seen.completed.saturating_sub(target.completed);
        target.completed = seen.completed;
        let mut more = [0, 0, 0, 0, u32::try_from(finished).unwrap_or(u32::MAX)];
        more[seen.odd as usize] = 1;
        target.counts.add(now, s.seconds, more);
        target.last_source = seen.source;
        *target.sources.seen(ip_part(seen.source) as u32, now).0 = 1;
        let [overlaps, tiny, impossible, unfinished, completed] = target.counts.totals(now, s.seconds);
        let lossy = completed > (overlaps + unfinished).saturating_mul(2);
        let odd = tiny + impossible + if lossy { 0 } else { overlaps + unfinished };
        if odd < s.odd || !target.pace.due(now) {
            return;
        }
        let sources = target.sources.within(now, s.seconds).0;
        let from = from_where(sources, seen.source);
        let summary = say!(
            "{} was sent {odd} malformed or unfinished fragments by {from}",
            "{} kreeg {odd} misvormde of onvolledige pakketdelen van {from}",
            seen.target;
            from
        );
        let evidence = evidence! {
            "odd" => odd, "threshold" => s.odd, "window_s" => s.seconds, "overlapping" => overlaps,
            "tiny_first" => tiny, "impossible" => impossible, "unfinished" => unfinished, "completed" => completed,
        };
        let source = (sources == 1).then(|| Subject::ip(target.last_source));
        let finding = Self::KIND.finding(Severity::High, &[ip_part(seen.target)], summary, evidence);
        out.push(between(finding, source, Some(Subject::ip(seen.target))));
    }
}

impl Target {
    fn new(completed: u64) -> Self {
        let (counts, sources, last_source) = (Halves::default(), Distinct::default(), Ip::UNSPECIFIED);
        Target { counts, sources, last_source, completed, pace: Pace::default() }
    }
}

/// The place of each oddity among the counts.
const _: () = assert!(Odd::Overlap as usize == 0 && Odd::Tiny as usize == 1);
const _: () = assert!(Odd::Impossible as usize == 2 && Odd::Unfinished as usize == 3);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip};

    fn see(b: &mut Bench<FragmentAttack>, source: &str, target: &str, odd: Odd, completed: u64) {
        b.see(&Observation::Fragment(&FragmentSeen {
            source: ip(source),
            target: ip(target),
            odd,
            completed,
        }));
        b.wait(0.2);
    }

    #[test]
    fn each_oddity_is_one_alert_that_names_both_sides() {
        for odd in [Odd::Overlap, Odd::Tiny, Odd::Impossible, Odd::Unfinished] {
            let mut b = Bench::<FragmentAttack>::new();
            for _ in 0..60 {
                see(&mut b, "fd00::66", "fd00::a", odd, 0);
            }
            assert_eq!((b.alerts(), b.last().severity), (1, Severity::High), "{odd:?}");
            assert_eq!(b.last().source, Some(Subject::ip(ip("fd00::66"))));
            assert_eq!(b.last().target, Some(Subject::ip(ip("fd00::a"))));
        }
    }

    #[test]
    fn a_lossy_network_and_a_few_accidents_are_none() {
        let mut b = Bench::<FragmentAttack>::new();
        for i in 0..300u64 {
            see(&mut b, "10.0.0.5", "10.0.0.9", Odd::Unfinished, i * 10);
            see(&mut b, "10.0.0.5", "10.0.0.9", Odd::Overlap, i * 10);
        }
        b.wait(200.0);
        for _ in 0..19 {
            see(&mut b, "10.0.0.5", "10.0.0.8", Odd::Tiny, 3000);
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_flood_of_made_up_targets_stays_within_its_table() {
        let mut b = Bench::<FragmentAttack>::with(&FragmentAttackSettings::default(), 64);
        for i in 0..20_000u32 {
            let target = Ip::v4((i + 1).to_be_bytes());
            let seen = FragmentSeen { source: ip("10.0.0.5"), target, odd: Odd::Tiny, completed: 0 };
            b.see(&Observation::Fragment(&seen));
        }
        assert!(b.found.is_empty() && b.detector.targets.len() <= 16);
    }
}
