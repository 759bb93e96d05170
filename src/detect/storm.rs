//! `storm`: so many alerts at once that they are told as one.
//!
//! Evidence: incidents beyond the budget of new alerts per minute (the alert desk holds it). They are counted here by kind
//! and by who acts; each becomes an alert of its own when it goes on after the storm. Critical alerts have a budget
//! of their own, so that a storm of small ones hides none.
//!
//! Known false alarms: none; but what is behind it may be harmless: a scanner of your own, or a network that was joined
//! with another.

use super::settings::{Problem, settings};
use super::{Context, Detector, Kind, Texts, evidence, titled};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::time::{SECOND, Timestamp};
use crate::words::{Sentence, say};
use std::collections::BTreeMap;

/// A storm is over when nothing was folded for this long.
const LULL: i64 = 600 * SECOND;
/// One who acts this often, and more than all others, is behind it.
const MANY: u64 = 5;
/// Who acts, told apart.
const SOURCES: usize = 64;

settings! {
    /// Settings of `storm`.
    StormSettings {
        /// New alerts per minute beyond which they are folded into one, and as many critical ones beside them. 5 to 1000; a
        /// person can read about thirty.
        per_minute: u32 = 30, 5..=1000;
    }
}

/// New alerts per minute that the settings allow; `None` when the kind is off.
pub fn budget(detect: &toml::Table) -> Result<Option<u32>, Problem> {
    let storm = super::build::<Storm>(detect, "storm", SOURCES)?;
    Ok(storm.map(|storm| storm.per_minute))
}

/// See the module.
pub struct Storm {
    per_minute: u32,
    began: Timestamp,
    last: Timestamp,
    folded: u64,
    kinds: BTreeMap<&'static str, u64>,
    sources: Bounded<Ip, u64>,
}

impl Detector for Storm {
    const KIND: Kind = Kind {
        id: "storm",
        severity: Severity::High,
        mitre: &[],
        en: Texts {
            title: "Storm of alerts",
            what: "So much is noticed at once that it is told here in one alert instead of in hundreds.",
            why: "More new alerts came in a minute than the settings allow. They are counted by kind; the busiest sources are named.",
            harmless: "A security scanner of your own, a load test, or two networks that were just joined.",
            todo: "Look at the alerts that came just before this one: they tell how it began. Deal with the busiest source first.",
            silence: "Mute the kind and source behind it, or raise per_minute of storm in the settings.",
        },
        nl: Texts {
            title: "Storm van meldingen",
            what: "Er valt zoveel tegelijk op dat het hier in één melding staat in plaats van in honderden.",
            why: "In één minuut kwamen er meer nieuwe meldingen dan de instellingen toestaan. Ze zijn per soort geteld; de drukste bronnen staan erbij.",
            harmless: "Een eigen beveiligingsscan, een belastingstest, of twee netwerken die net zijn samengevoegd.",
            todo: "Bekijk de meldingen die hier vlak voor kwamen: die laten zien hoe het begon. Pak eerst de drukste bron aan.",
            silence: "Demp de soort en de bron die erachter zitten, of verhoog per_minute van storm in de instellingen.",
        },
    };
    const INTEREST: u64 = interest::ALERT;
    type Settings = StormSettings;

    fn new(settings: &StormSettings, _keys: usize) -> Self {
        Storm {
            per_minute: settings.per_minute,
            began: Timestamp::MIN,
            last: Timestamp::MIN,
            folded: 0,
            kinds: BTreeMap::new(),
            sources: Bounded::new(SOURCES),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::Folded(finding) = observation else { return };
        if self.folded == 0 || cx.now.since(self.last) > LULL {
            (self.began, self.folded) = (cx.now, 0);
            self.kinds.clear();
            self.sources = Bounded::new(SOURCES);
        }
        self.last = cx.now;
        self.folded += 1;
        *self.kinds.entry(finding.kind).or_default() += 1;
        if let Some(ip) = finding.source.as_ref().and_then(|s| s.ip) {
            *self.sources.entry(ip, || 0).0 += 1;
        }
        self.tell(cx, out);
    }
}

impl Storm {
    fn tell(&self, cx: &Context<'_>, out: &mut Findings) {
        let mut sources: Vec<(Ip, u64)> = self.sources.iter().map(|(ip, n)| (*ip, *n)).collect();
        sources.sort_by_key(|(ip, n)| (std::cmp::Reverse(*n), *ip));
        let busiest = sources.first().filter(|(_, n)| *n >= MANY && 2 * n > self.folded).map(|(ip, _)| *ip);
        let seconds = cx.now.since(self.began) / SECOND;
        let kinds: Vec<Sentence> = self.kinds.iter().map(|(kind, n)| counted(kind, *n)).collect();
        let kinds = Sentence::list(&kinds, ", ");
        let summary = say!(
            "More than {} new alerts in a minute: from here on they are counted in this one ({kinds})",
            "Meer dan {} nieuwe meldingen in een minuut: vanaf hier worden ze in deze ene geteld ({kinds})",
            self.per_minute;
            kinds
        );
        let named: Vec<String> = sources.iter().take(10).map(|(ip, _)| ip.to_string()).collect();
        let evidence = evidence! {
            "incidents" => self.folded, "seconds" => seconds, "kinds" => self.kinds, "sources" => sources.len(),
            "busiest" => named, "threshold_per_minute" => self.per_minute,
        };
        // One storm is one alert, even when it outlasts the quiet period.
        let mut finding =
            Self::KIND.finding(Severity::High, &[self.began.micros() as u64], summary, evidence);
        finding.source = busiest.map(Subject::ip);
        out.push(finding);
    }
}

/// A kind and how many of it.
fn counted(kind: &str, n: u64) -> Sentence {
    let kind = titled(kind);
    say!("{n} times {kind}", "{n} keer {kind}"; kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Evidence, Finding};
    use crate::detect::bench::{Bench, ip};
    use crate::detect::ip_part;

    fn folded(kind: &'static str, source: Ip) -> Finding {
        Finding {
            kind,
            severity: Severity::High,
            source: Some(Subject::ip(source)),
            target: None,
            incident: ip_part(source),
            summary: Sentence::default(),
            evidence: Evidence::new(),
            mitre: &[],
        }
    }

    #[test]
    fn a_flood_of_incidents_is_one_alert_that_counts_by_kind_and_names_the_busiest() {
        let mut b = Bench::<Storm>::new();
        for i in 0..1000u32 {
            let source = if i % 3 == 0 { Ip::v4(i.to_be_bytes()) } else { ip("10.0.0.5") };
            b.see(&Observation::Folded(&folded(if i % 2 == 0 { "port_scan" } else { "host_sweep" }, source)));
            b.wait(0.5);
        }
        assert_eq!(b.alerts(), 1);
        assert_eq!(b.last().evidence["kinds"]["port_scan"], 500);
        assert_eq!(b.last().source, Some(Subject::ip(ip("10.0.0.5"))));
        assert!(b.detector.sources.len() <= SOURCES);
        b.wait(700.0);
        b.see(&Observation::Folded(&folded("port_scan", ip("10.0.0.6"))));
        assert_eq!((b.alerts(), b.last().evidence["incidents"].clone()), (2, 1.into()), "the next storm");
    }
}
