//! The alert desk: the one place where findings become alerts.
//!
//! A finding whose kind and incident are already open and not quiet for longer than the quiet period grows that
//! alert; a muted one is counted and hidden; anything else becomes a new alert with the next number. At most
//! [`MAX_OPEN`] incidents are open at a time; when a new one needs room, the one that was quiet longest is closed
//! (the alert stays in the store, more of the same would raise a new one).

use super::{Alert, Finding, Mute, Subject};
use crate::time::{SECOND, Timestamp, WallTime};
use hashbrown::HashMap;

/// Incidents open at a time.
pub const MAX_OPEN: usize = 1024;

/// Severity or kind that no broad mute may hide.
const PROTECTED: [&str; 2] = ["feed_match", "arp_spoof"];

/// What became of a finding.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// A new alert.
    Raised(Box<Alert>),
    /// More of an alert that is open.
    Grew,
    /// A mute hid it.
    Hidden,
}

struct Open {
    alert: Alert,
    grew: bool,
    told_at: Timestamp,
}

/// Dedup, quiet periods, mutes and numbers.
pub struct Desk {
    open: HashMap<(&'static str, u64), Open>,
    mutes: Vec<Mute>,
    hidden: u64,
    quiet_period: i64,
    next_id: u64,
    raised: u64,
}

impl Desk {
    /// A desk that gives the first alert the number `next_id`; `quiet_period_s` in seconds.
    pub fn new(next_id: u64, quiet_period_s: u64) -> Self {
        let quiet_period = i64::try_from(quiet_period_s).unwrap_or(i64::MAX / SECOND).saturating_mul(SECOND);
        Desk { open: HashMap::new(), mutes: Vec::new(), hidden: 0, quiet_period, next_id, raised: 0 }
    }

    /// Alerts raised since the start.
    pub fn raised(&self) -> u64 {
        self.raised
    }

    /// Findings hidden by mutes since the start.
    pub fn hidden(&self) -> u64 {
        self.hidden
    }

    /// Replaces the mutes.
    pub fn set_mutes(&mut self, mutes: Vec<Mute>) {
        self.mutes = mutes;
    }

    /// The mutes with how much each has hidden.
    pub fn mutes(&self) -> &[Mute] {
        &self.mutes
    }

    /// Takes a finding in; `complete` fills in what the tables know of a party, for new alerts only.
    pub fn take(
        &mut self,
        now: Timestamp,
        wall: WallTime,
        finding: Finding,
        complete: impl Fn(&mut Subject),
    ) -> Outcome {
        if let Some(mute) = self.mutes.iter_mut().find(|m| hides(m, wall, &finding)) {
            mute.hidden += 1;
            self.hidden += 1;
            return Outcome::Hidden;
        }
        let key = (finding.kind, finding.incident);
        if let Some(open) = self.open.get_mut(&key)
            && now.since(open.alert.last_at) <= self.quiet_period
        {
            grow(open, now, finding);
            return Outcome::Grew;
        }
        self.make_room();
        let alert = self.alert(now, finding, complete);
        self.open.insert(key, Open { alert: alert.clone(), grew: false, told_at: now });
        Outcome::Raised(Box::new(alert))
    }

    fn alert(&mut self, now: Timestamp, f: Finding, complete: impl Fn(&mut Subject)) -> Alert {
        let id = self.next_id;
        self.next_id += 1;
        self.raised += 1;
        let (mut source, mut target) = (f.source, f.target);
        source.iter_mut().chain(&mut target).for_each(complete);
        Alert {
            id,
            at: now,
            last_at: now,
            count: 1,
            kind: f.kind,
            severity: f.severity,
            source,
            target,
            summary: f.summary,
            evidence: f.evidence,
            mitre: f.mitre,
        }
    }

    fn make_room(&mut self) {
        if self.open.len() < MAX_OPEN {
            return;
        }
        let quietest = self.open.iter().min_by_key(|(_, o)| (o.alert.last_at, o.alert.id)).map(|(k, _)| *k);
        if let Some(key) = quietest {
            self.open.remove(&key);
        }
    }

    /// The alerts that grew and were last told of at least a second ago (all that grew, when `all`), by id.
    pub fn grown(&mut self, now: Timestamp, all: bool) -> Vec<Alert> {
        let mut grown: Vec<Alert> = Vec::new();
        for open in self.open.values_mut().filter(|o| o.grew) {
            if all || now.since(open.told_at) >= SECOND {
                open.grew = false;
                open.told_at = now;
                grown.push(open.alert.clone());
            }
        }
        grown.sort_by_key(|a| a.id);
        grown
    }
}

fn grow(open: &mut Open, now: Timestamp, finding: Finding) {
    let alert = &mut open.alert;
    alert.count += 1;
    alert.last_at = now;
    alert.evidence = finding.evidence;
    alert.summary = finding.summary;
    alert.severity = alert.severity.max(finding.severity);
    open.grew = true;
}

fn hides(mute: &Mute, wall: WallTime, f: &Finding) -> bool {
    let address = |s: &Option<Subject>| s.as_ref().and_then(|s| s.ip);
    let exact = mute.kind.is_some() && (mute.source.is_some() || mute.target.is_some());
    let protected = f.severity == super::Severity::Critical || PROTECTED.contains(&f.kind);
    (!protected || exact)
        && (mute.kind.is_some() || mute.source.is_some() || mute.target.is_some())
        && mute.until.is_none_or(|until| wall < until)
        && mute.kind.as_deref().is_none_or(|kind| kind == f.kind)
        && mute.source.is_none_or(|ip| address(&f.source) == Some(ip))
        && mute.target.is_none_or(|ip| address(&f.target) == Some(ip))
        && mute.port.is_none_or(|port| f.target.as_ref().and_then(|t| t.port) == Some(port))
}

#[cfg(test)]
mod tests {
    use super::super::{Evidence, Severity};
    use super::*;

    fn finding(kind: &'static str, incident: u64) -> Finding {
        Finding {
            kind,
            severity: Severity::High,
            source: Some(Subject::ip("10.0.0.5".parse().expect("ip"))),
            target: Some(Subject::endpoint("10.0.0.9".parse().expect("ip"), 22)),
            incident,
            summary: "s".into(),
            evidence: Evidence::new(),
            mitre: &[],
        }
    }

    fn take(desk: &mut Desk, secs: i64, f: Finding) -> Outcome {
        desk.take(Timestamp::from_secs(secs), WallTime::from_micros(secs * SECOND), f, |_| ())
    }

    fn mute(kind: Option<&str>, source: Option<&str>) -> Mute {
        Mute {
            id: 1,
            kind: kind.map(str::to_owned),
            source: source.map(|s| s.parse().expect("ip")),
            target: None,
            port: None,
            until: Some(WallTime::from_micros(100 * SECOND)),
            reason: String::new(),
            created: WallTime::default(),
            hidden: 0,
        }
    }

    #[test]
    fn one_incident_is_one_alert_until_it_was_quiet_long_enough() {
        let mut desk = Desk::new(7, 60);
        assert!(matches!(take(&mut desk, 0, finding("port_scan", 1)), Outcome::Raised(a) if a.id == 7));
        for t in 1..=60 {
            assert_eq!(take(&mut desk, t, finding("port_scan", 1)), Outcome::Grew);
        }
        assert!(matches!(take(&mut desk, 60, finding("port_scan", 2)), Outcome::Raised(a) if a.id == 8));
        assert!(matches!(take(&mut desk, 121, finding("port_scan", 1)), Outcome::Raised(a) if a.id == 9));
    }

    #[test]
    fn growth_is_told_once_a_second_and_wholly_at_the_end() {
        let mut desk = Desk::new(1, 3600);
        take(&mut desk, 0, finding("port_scan", 1));
        take(&mut desk, 0, finding("port_scan", 1));
        assert!(desk.grown(Timestamp::from_micros(500_000), false).is_empty());
        let grown = desk.grown(Timestamp::from_secs(1), false);
        assert_eq!((grown.len(), grown[0].count), (1, 2));
        take(&mut desk, 1, finding("port_scan", 1));
        assert_eq!(desk.grown(Timestamp::from_secs(1), true)[0].count, 3);
        assert!(desk.grown(Timestamp::from_secs(9), true).is_empty());
    }

    #[test]
    fn a_mute_hides_counts_and_ends() {
        let mut desk = Desk::new(1, 60);
        desk.set_mutes(vec![mute(Some("port_scan"), Some("10.0.0.5"))]);
        assert_eq!(take(&mut desk, 1, finding("port_scan", 1)), Outcome::Hidden);
        assert!(matches!(take(&mut desk, 2, finding("host_sweep", 1)), Outcome::Raised(_)));
        assert_eq!(desk.mutes()[0].hidden, 1);
        assert!(
            matches!(take(&mut desk, 100, finding("port_scan", 1)), Outcome::Raised(_)),
            "it has expired"
        );
    }

    #[test]
    fn a_broad_mute_never_silences_what_must_be_heard() {
        let mut desk = Desk::new(1, 60);
        desk.set_mutes(vec![mute(None, Some("10.0.0.5"))]);
        assert!(matches!(take(&mut desk, 1, finding("feed_match", 1)), Outcome::Raised(_)));
        let critical = Finding { severity: Severity::Critical, ..finding("syn_flood", 1) };
        assert!(matches!(take(&mut desk, 1, critical), Outcome::Raised(_)));
        assert_eq!(take(&mut desk, 1, finding("port_scan", 1)), Outcome::Hidden);
        desk.set_mutes(vec![mute(Some("feed_match"), None)]);
        assert!(matches!(take(&mut desk, 1, finding("feed_match", 2)), Outcome::Raised(_)));
    }

    #[test]
    fn a_flood_of_incidents_stays_bounded() {
        let mut desk = Desk::new(1, 60);
        for i in 0..3 * MAX_OPEN as u64 {
            take(&mut desk, i as i64, finding("port_scan", i));
        }
        assert!(desk.open.len() <= MAX_OPEN);
        assert_eq!(desk.raised(), 3 * MAX_OPEN as u64);
    }
}
