//! The alert desk: the one place where findings become alerts.
//!
//! A finding that is muted or allowed is counted and hidden. One whose kind and incident are already open and not quiet for
//! longer than the quiet period grows that alert. Anything else becomes a new alert with the next number, as long as
//! the budget of alerts per minute lasts; beyond it, incidents are folded: they stay open, are told to whoever counts the
//! storm, and become alerts of their own when they go on after it. Critical ones have a budget of their own, and every
//! kind a small one, so that a storm of one kind hides no other. At most
//! [`MAX_OPEN`] incidents are open at a time; when a new one needs room, the one that was quiet longest is closed
//! (the alert stays in the store, more of the same would raise a new one).

use super::{Alert, Allow, Finding, History, Mute, Severity, Subject};
use crate::addr::{Ip, MacAddr, Prefix};
use crate::time::{SECOND, Timestamp, WallTime};
use hashbrown::HashMap;

/// Incidents open at a time.
pub const MAX_OPEN: usize = 1024;

/// Kinds that nothing broad may hide, as nothing critical.
const PROTECTED: [&str; 2] = ["feed_match", "arp_spoof"];
/// The kind that tells of what was folded; it needs no budget.
pub const STORM: &str = "storm";

/// What became of a finding.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// A new alert.
    Raised(Box<Alert>),
    /// More of an alert that is open.
    Grew,
    /// A mute or an allow-list hid it.
    Hidden,
    /// There are too many: it is open, and not told as an alert of its own.
    Folded,
}

/// The rules by which findings are hidden or folded.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// More of the same within this many seconds is the same alert.
    pub quiet_period_s: u64,
    /// New alerts per minute; as many critical ones beside them. `None`: as many as come.
    pub per_minute: Option<u32>,
    /// What is meant to be so.
    pub allow: Vec<Allow>,
}

struct Open {
    alert: Alert,
    /// Not told yet, and without a number.
    folded: bool,
    grew: bool,
    told_at: Timestamp,
}

/// Dedup, quiet periods, mutes and numbers.
pub struct Desk {
    open: HashMap<(&'static str, u64), Open>,
    mutes: Vec<Mute>,
    allow: Vec<Allow>,
    hidden: u64,
    folded: u64,
    quiet_period: i64,
    budgets: Budgets,
    next_id: u64,
    raised: u64,
}

/// So many a minute, all of them at once if need be. Once it is overdrawn, nothing is allowed until half a minute passed
/// in which nobody asked in vain.
#[derive(Clone, Copy)]
struct Budget {
    /// What one costs, microseconds of the minute.
    cost: i64,
    /// Everything up to here is spent.
    spent: Timestamp,
    overdrawn: bool,
}

impl Budget {
    const MINUTE: i64 = 60 * SECOND;

    fn new(per_minute: u32) -> Self {
        let cost = Self::MINUTE / i64::from(per_minute.max(1));
        Budget { cost, spent: Timestamp::MIN, overdrawn: false }
    }

    fn allows(&self, now: Timestamp) -> bool {
        let limit = if self.overdrawn { Self::MINUTE / 2 } else { Self::MINUTE };
        self.spent.max(now).plus(self.cost).since(now) <= limit
    }

    fn spend(&mut self, now: Timestamp) -> bool {
        self.overdrawn = !self.allows(now);
        self.spent =
            if self.overdrawn { now.plus(Self::MINUTE) } else { self.spent.max(now).plus(self.cost) };
        !self.overdrawn
    }
}

/// What may be told as alerts of their own.
struct Budgets {
    /// Of ordinary and of critical alerts; `None`: as many as come.
    all: Option<[Budget; 2]>,
    kinds: HashMap<&'static str, Budget>,
}

impl Budgets {
    /// New alerts per minute of one kind that a storm of others leaves.
    const OF_KIND: u32 = 5;

    fn spend(&mut self, now: Timestamp, kind: &'static str, severity: Severity) -> bool {
        let Some(all) = &mut self.all else { return true };
        let own = self.kinds.entry(kind).or_insert_with(|| Budget::new(Self::OF_KIND)).spend(now);
        all[usize::from(severity == Severity::Critical)].spend(now) || own || kind == STORM
    }
}

impl Desk {
    /// A desk that gives the first alert the number `next_id`.
    pub fn new(next_id: u64, rules: Rules) -> Self {
        let seconds = i64::try_from(rules.quiet_period_s).unwrap_or(i64::MAX / SECOND);
        let all = rules.per_minute.map(|n| [Budget::new(n); 2]);
        Desk {
            open: HashMap::new(),
            mutes: Vec::new(),
            allow: rules.allow,
            hidden: 0,
            folded: 0,
            quiet_period: seconds.saturating_mul(SECOND),
            budgets: Budgets { all, kinds: HashMap::new() },
            next_id,
            raised: 0,
        }
    }

    /// Goes on under other rules. What is open stays open; a budget starts anew when it changes.
    pub fn set_rules(&mut self, rules: Rules) {
        let fresh = Desk::new(0, rules);
        (self.allow, self.quiet_period) = (fresh.allow, fresh.quiet_period);
        let cost = |budgets: &Budgets| budgets.all.map(|all| all[0].cost);
        if cost(&self.budgets) != cost(&fresh.budgets) {
            self.budgets = fresh.budgets;
        }
    }

    /// Alerts raised since the start.
    pub fn raised(&self) -> u64 {
        self.raised
    }

    /// Whether the next new alert would be folded; a caller keeps a copy of the finding then.
    pub fn is_full(&self, now: Timestamp) -> bool {
        self.budgets.all.iter().flatten().any(|budget| !budget.allows(now))
    }

    /// Findings hidden by mutes and allow-lists since the start.
    pub fn hidden(&self) -> u64 {
        self.hidden
    }

    /// Incidents folded in storms since the start.
    pub fn folded(&self) -> u64 {
        self.folded
    }

    /// Replaces the mutes.
    pub fn set_mutes(&mut self, mutes: Vec<Mute>) {
        self.mutes = mutes;
    }

    /// The mutes with how much each has hidden.
    pub fn mutes(&self) -> &[Mute] {
        &self.mutes
    }

    /// Takes a finding in; `complete` fills in what the tables know of a party, for new alerts only; `same` says whether
    /// a party is the device of a station, for mutes that name one.
    pub fn take(
        &mut self,
        now: Timestamp,
        wall: WallTime,
        finding: Finding,
        complete: impl Fn(&mut Subject),
        same: impl Fn(&Subject, MacAddr) -> bool,
    ) -> Outcome {
        if let Some(mute) = self.mutes.iter_mut().find(|m| mutes(m, wall, &finding, &same)) {
            mute.hidden += 1;
            self.hidden += 1;
            return Outcome::Hidden;
        }
        if self.allow.iter().any(|a| allows(a, &finding)) {
            self.hidden += 1;
            return Outcome::Hidden;
        }
        let key = (finding.kind, finding.incident);
        if let Some(open) = self.open.get_mut(&key)
            && now.since(open.alert.last_at) <= self.quiet_period
        {
            grow(open, now, finding);
            if !open.folded {
                return Outcome::Grew;
            }
            if !self.budgets.spend(now, key.0, open.alert.severity) {
                open.grew = false;
                return Outcome::Grew;
            }
            // The storm has passed and this goes on.
            (open.folded, open.grew, open.told_at) = (false, false, now);
            open.alert.id = self.next_id;
            (self.next_id, self.raised) = (self.next_id + 1, self.raised + 1);
            return Outcome::Raised(Box::new(open.alert.clone()));
        }
        self.make_room();
        let folded = !self.budgets.spend(now, finding.kind, finding.severity);
        let id = if folded { 0 } else { self.next_id };
        let alert = alert(id, now, finding, complete);
        self.open.insert(key, Open { alert: alert.clone(), folded, grew: false, told_at: now });
        if folded {
            self.folded += 1;
            return Outcome::Folded;
        }
        (self.next_id, self.raised) = (self.next_id + 1, self.raised + 1);
        Outcome::Raised(Box::new(alert))
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
        for open in self.open.values_mut().filter(|o| o.grew && !o.folded) {
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

fn alert(id: u64, now: Timestamp, f: Finding, complete: impl Fn(&mut Subject)) -> Alert {
    let (mut source, mut target) = (f.source, f.target);
    source.iter_mut().chain(&mut target).for_each(complete);
    Alert {
        id,
        at: now,
        last_at: now,
        count: 1,
        history: History::default(),
        kind: f.kind,
        severity: f.severity,
        source,
        target,
        summary: f.summary,
        evidence: f.evidence,
        mitre: f.mitre,
    }
}

fn grow(open: &mut Open, now: Timestamp, finding: Finding) {
    let alert = &mut open.alert;
    alert.count += 1;
    alert.history.add(alert.at, now);
    alert.last_at = now;
    alert.evidence = finding.evidence;
    alert.summary = finding.summary;
    alert.severity = alert.severity.max(finding.severity);
    open.grew = true;
}

fn mutes(mute: &Mute, wall: WallTime, f: &Finding, same: impl Fn(&Subject, MacAddr) -> bool) -> bool {
    mute.until.is_none_or(|until| wall < until)
        && (mute.kind.is_some() || mute.source.is_some() || mute.target.is_some())
        && (mute.kind.is_some() && (mute.source.is_some() || mute.target.is_some()) || !protected(f))
        && about(mute.kind.as_deref(), mute.port, f)
        && mute.source.is_none_or(|party| party.is(f.source.as_ref(), &same))
        && mute.target.is_none_or(|party| party.is(f.target.as_ref(), &same))
}

fn allows(allow: &Allow, f: &Finding) -> bool {
    let within = |net: Option<Prefix>| {
        move |ip: Option<Ip>| net.is_none_or(|net| ip.is_some_and(|ip| net.contains(ip)))
    };
    (allow.kind.is_some() || allow.source.is_some() || allow.target.is_some())
        && (allow.kind.is_some() && (allow.source.is_some() || allow.target.is_some()) || !protected(f))
        && about(allow.kind.as_deref(), allow.port, f)
        && between(f, within(allow.source), within(allow.target))
}

/// Only a rule that names the kind and a party hides this.
fn protected(f: &Finding) -> bool {
    f.severity == Severity::Critical || PROTECTED.contains(&f.kind)
}

fn about(kind: Option<&str>, port: Option<u16>, f: &Finding) -> bool {
    kind.is_none_or(|kind| kind == f.kind)
        && port.is_none_or(|port| f.target.as_ref().and_then(|t| t.port) == Some(port))
}

fn between(f: &Finding, source: impl Fn(Option<Ip>) -> bool, target: impl Fn(Option<Ip>) -> bool) -> bool {
    let address = |s: &Option<Subject>| s.as_ref().and_then(|s| s.ip);
    source(address(&f.source)) && target(address(&f.target))
}

#[cfg(test)]
mod tests {
    use super::super::{Evidence, Severity};
    use super::*;
    use crate::words::Sentence;

    fn finding(kind: &'static str, incident: u64) -> Finding {
        Finding {
            kind,
            severity: Severity::High,
            source: Some(Subject::ip("10.0.0.5".parse().expect("ip"))),
            target: Some(Subject::endpoint("10.0.0.9".parse().expect("ip"), 22)),
            incident,
            summary: Sentence::same("s"),
            evidence: Evidence::new(),
            mitre: &[],
        }
    }

    fn rules(quiet_period_s: u64) -> Rules {
        Rules { quiet_period_s, ..Rules::default() }
    }

    fn take(desk: &mut Desk, secs: i64, f: Finding) -> Outcome {
        desk.take(
            Timestamp::from_secs(secs),
            WallTime::from_micros(secs * SECOND),
            f,
            |_| (),
            |party, mac| mac == STATION && party.ip == Some(moves_to(secs)),
        )
    }

    /// A station whose address changes.
    const STATION: MacAddr = MacAddr([2, 0, 0, 0, 0, 5]);

    fn moves_to(secs: i64) -> Ip {
        if secs < 50 { "10.0.0.5" } else { "10.0.0.6" }.parse().expect("ip")
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
        let mut desk = Desk::new(7, rules(60));
        assert!(matches!(take(&mut desk, 0, finding("port_scan", 1)), Outcome::Raised(a) if a.id == 7));
        for t in 1..=60 {
            assert_eq!(take(&mut desk, t, finding("port_scan", 1)), Outcome::Grew);
        }
        assert!(matches!(take(&mut desk, 60, finding("port_scan", 2)), Outcome::Raised(a) if a.id == 8));
        assert!(matches!(take(&mut desk, 121, finding("port_scan", 1)), Outcome::Raised(a) if a.id == 9));
    }

    #[test]
    fn growth_is_told_once_a_second_and_wholly_at_the_end() {
        let mut desk = Desk::new(1, rules(3600));
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
        let mut desk = Desk::new(1, rules(60));
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
    fn a_mute_of_a_station_follows_it_and_leaves_its_old_address_to_others() {
        let from = |ip: &str, incident| Finding {
            source: Some(Subject::ip(ip.parse().expect("ip"))),
            ..finding("port_scan", incident)
        };
        let mut desk = Desk::new(1, rules(60));
        desk.set_mutes(vec![mute(None, Some("02:00:00:00:00:05"))]);
        assert_eq!(take(&mut desk, 1, from("10.0.0.5", 1)), Outcome::Hidden);
        assert!(matches!(take(&mut desk, 1, from("10.0.0.6", 2)), Outcome::Raised(_)));
        assert_eq!(take(&mut desk, 60, from("10.0.0.6", 3)), Outcome::Hidden, "it moved");
        assert!(matches!(take(&mut desk, 60, from("10.0.0.5", 4)), Outcome::Raised(_)), "another has it now");
        desk.set_mutes(vec![mute(Some("port_scan"), Some("10.0.0.0/29"))]);
        assert_eq!(take(&mut desk, 61, from("10.0.0.7", 5)), Outcome::Hidden, "the whole network");
        assert!(matches!(take(&mut desk, 61, from("10.0.0.8", 6)), Outcome::Raised(_)));
    }

    #[test]
    fn an_alert_remembers_when_it_was_seen() {
        let mut desk = Desk::new(1, rules(3600));
        (0..5).for_each(|_| drop(take(&mut desk, 0, finding("port_scan", 1))));
        take(&mut desk, 20, finding("port_scan", 1));
        let grown = desk.grown(Timestamp::from_secs(30), true);
        let record = grown[0].record(0).history.expect("it grew");
        assert_eq!((record.counts[0], record.counts[20], record.counts.len()), (5, 1, 21));
    }

    #[test]
    fn a_broad_mute_never_silences_what_must_be_heard() {
        let mut desk = Desk::new(1, rules(60));
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
        let mut desk = Desk::new(1, rules(60));
        for i in 0..3 * MAX_OPEN as u64 {
            take(&mut desk, i as i64, finding("port_scan", i));
        }
        assert!(desk.open.len() <= MAX_OPEN);
        assert_eq!(desk.raised(), 3 * MAX_OPEN as u64);
    }

    #[test]
    fn a_storm_is_folded_and_what_goes_on_after_it_is_told() {
        let mut desk = Desk::new(1, Rules { per_minute: Some(10), ..rules(3600) });
        let outcomes: Vec<Outcome> = (0..100).map(|i| take(&mut desk, 1, finding("port_scan", i))).collect();
        assert!(outcomes[..10].iter().all(|o| matches!(o, Outcome::Raised(_))));
        assert!(outcomes[10..].iter().all(|o| *o == Outcome::Folded));
        assert_eq!((desk.raised(), desk.folded()), (10, 90));
        let critical = Finding { severity: Severity::Critical, ..finding("ransomware", 1) };
        assert!(matches!(take(&mut desk, 1, critical), Outcome::Raised(_)), "a storm hides nothing critical");
        assert!(matches!(take(&mut desk, 1, finding(STORM, 1)), Outcome::Raised(_)), "nor the storm itself");
        assert!(
            desk.grown(Timestamp::from_secs(9), true).is_empty(),
            "what was folded has no number to grow under"
        );
        assert_eq!(take(&mut desk, 2, finding("port_scan", 50)), Outcome::Grew, "unheard as yet");
        assert!(matches!(take(&mut desk, 3, finding("dns_tunnel", 1)), Outcome::Raised(_)), "another kind");
        let Outcome::Raised(alert) = take(&mut desk, 90, finding("port_scan", 50)) else {
            panic!("it goes on after the storm")
        };
        assert_eq!((alert.id, alert.count, alert.at), (14, 3, Timestamp::from_secs(1)));
        assert_eq!(take(&mut desk, 91, finding("port_scan", 50)), Outcome::Grew);
    }

    #[test]
    fn an_allow_list_hides_networks_but_not_what_must_be_heard() {
        let allow = |kind: Option<&str>, source: &str| Allow {
            kind: kind.map(str::to_owned),
            source: Some(source.parse().expect("network")),
            ..Allow::default()
        };
        let mut desk = Desk::new(1, Rules { allow: vec![allow(None, "10.0.0.0/24")], ..rules(60) });
        assert_eq!(take(&mut desk, 1, finding("port_scan", 1)), Outcome::Hidden);
        assert!(matches!(take(&mut desk, 1, finding("feed_match", 1)), Outcome::Raised(_)));
        let scan = vec![allow(Some("port_scan"), "10.0.0.6"), allow(Some("feed_match"), "10.0.0.5")];
        let mut desk = Desk::new(1, Rules { allow: scan, ..rules(60) });
        assert!(matches!(take(&mut desk, 1, finding("port_scan", 1)), Outcome::Raised(_)));
        assert_eq!(take(&mut desk, 1, finding("feed_match", 1)), Outcome::Hidden, "it is named exactly");
        let mut desk = Desk::new(1, Rules { allow: vec![Allow::default()], ..rules(60) });
        assert!(
            matches!(take(&mut desk, 1, finding("port_scan", 1)), Outcome::Raised(_)),
            "empty says nothing"
        );
    }
}
