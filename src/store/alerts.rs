//! Alerts in the file: committing, looking up, filtering, acknowledging.

use super::handle::{Handle, Op};
use super::schema::{ALERTS, LAST_ALERT, META};
use super::{AlertFilter, AlertPage, StoreError};
use crate::addr::{Ip, MacAddr};
use crate::alert::{Acknowledgement, AlertRecord, Severity, Subject};
use crate::time::WallTime;
use redb::{ReadTransaction, ReadableTable, WriteTransaction};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::VecDeque;

/// How many alerts a viewer that comes back can be told have grown; beyond it, it sees the newest.
const RECENT: usize = 1024;

/// At most this many alerts per answer, to bound memory.
const PAGE: usize = 1000;

/// What redb needs per record beside the value: key, offset, and its share of the branches.
pub(super) const OVERHEAD: u64 = 16;

/// Numbers about the alerts held.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    /// Open ones by severity.
    pub(super) open: [u64; 4],
    /// How many.
    pub(super) alerts: u64,
    /// What they take, roughly, before redb's slack.
    pub(super) bytes: u64,
    /// Highest id ever given.
    pub(super) last_id: u64,
}

impl Counts {
    /// How many are acknowledged (`Some(true)`), open (`Some(false)`), or either.
    pub(super) fn in_state(&self, acknowledged: Option<bool>) -> u64 {
        let open = self.open.iter().sum();
        match acknowledged {
            None => self.alerts,
            Some(false) => open,
            Some(true) => self.alerts.saturating_sub(open),
        }
    }

    fn add(&mut self, bytes: &[u8]) -> Option<State> {
        self.alerts += 1;
        self.bytes += bytes.len() as u64 + OVERHEAD;
        let state = State::of(bytes);
        if let Some(severity) = state.as_ref().and_then(State::open) {
            self.open[severity as usize] += 1;
        }
        state
    }
    fn remove(&mut self, bytes: &[u8]) {
        self.alerts = self.alerts.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes.len() as u64 + OVERHEAD);
        if let Some(severity) = State::of(bytes).as_ref().and_then(State::open) {
            let open = &mut self.open[severity as usize];
            *open = open.saturating_sub(1);
        }
    }
}

/// Ids in the order in which they were last raised or grew, newest at the back.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<u64>);

impl Recent {
    fn touch(&mut self, id: u64) {
        // Nearly always a recent one: searched from the back.
        if let Some(at) = self.0.iter().rposition(|other| *other == id) {
            self.0.remove(at);
        }
        if self.0.len() == RECENT {
            self.0.pop_front();
        }
        self.0.push_back(id);
    }

    /// Ids touched after `id` last was; all of them when it is not among them.
    fn after(&self, id: u64) -> impl Iterator<Item = u64> + '_ {
        let from = self.0.iter().rposition(|other| *other == id).map_or(0, |at| at + 1);
        self.0.iter().skip(from).copied()
    }
}

/// The parts of a record that filters look at; the rest is skipped over.
#[derive(Deserialize)]
struct Head<'a> {
    time: WallTime,
    last_time: WallTime,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    severity: Severity,
    source: Option<Subject>,
    target: Option<Subject>,
    #[serde(borrow)]
    summary: Cow<'a, str>,
    #[serde(borrow, default)]
    summary_nl: Cow<'a, str>,
    acknowledged: Option<Acknowledgement>,
}

/// Only what [`Counts`] needs.
#[derive(Deserialize)]
struct State {
    severity: Severity,
    last_time: WallTime,
    acknowledged: Option<serde::de::IgnoredAny>,
}

impl State {
    /// `None` when it cannot be read.
    fn of(bytes: &[u8]) -> Option<State> {
        serde_json::from_slice(bytes).ok()
    }
    fn open(&self) -> Option<Severity> {
        self.acknowledged.is_none().then_some(self.severity)
    }
}

/// When the alert in `bytes` was last seen; `None` when it cannot be read.
pub(super) fn last_time(bytes: &[u8]) -> Option<WallTime> {
    State::of(bytes).map(|state| state.last_time)
}

/// Counts the alerts, and finds the most recent ones and the newest time (seconds).
pub(super) fn load(txn: &ReadTransaction) -> Op<(Counts, Recent, i64)> {
    let table = txn.open_table(ALERTS)?;
    let mut counts = Counts::default();
    let mut newest = 0;
    // The newest by time of last growth: twice as many as needed are kept and cut back now and then.
    let mut grown: Vec<(WallTime, u64)> = Vec::new();
    for entry in table.iter()? {
        let (id, value) = entry?;
        counts.last_id = id.value();
        if let Some(state) = counts.add(value.value()) {
            newest = newest.max(state.last_time.secs());
            grown.push((state.last_time, id.value()));
        }
        if grown.len() == 2 * RECENT {
            grown.sort_unstable();
            grown.drain(..RECENT);
        }
    }
    grown.sort_unstable();
    let skip = grown.len().saturating_sub(RECENT);
    let recent = Recent(grown.into_iter().skip(skip).map(|(_, id)| id).collect());
    let given = txn.open_table(META)?.get(LAST_ALERT)?.map_or(0, |v| v.value());
    counts.last_id = counts.last_id.max(given);
    Ok((counts, recent, newest))
}

impl Handle {
    pub(super) fn commit_alerts(&mut self, alerts: &[AlertRecord]) -> Result<(), StoreError> {
        if alerts.is_empty() {
            return Ok(());
        }
        self.known.counts = self.durable(|txn, known| {
            let mut counts = known.counts;
            let mut table = txn.open_table(ALERTS)?;
            for alert in alerts {
                let mut bytes = encode(alert);
                if let Some(old) = table.get(alert.id)? {
                    counts.remove(old.value());
                    if alert.acknowledged.is_none() {
                        bytes = acknowledged_as_before(alert, old.value()).unwrap_or(bytes);
                    }
                }
                counts.add(&bytes);
                table.insert(alert.id, bytes.as_slice())?;
                counts.last_id = counts.last_id.max(alert.id);
            }
            if counts.last_id > known.counts.last_id {
                txn.open_table(META)?.insert(LAST_ALERT, counts.last_id)?;
            }
            Ok(counts)
        })?;
        for alert in alerts {
            self.known.recent.touch(alert.id);
            self.known.newest = self.known.newest.max(alert.last_time.secs());
        }
        Ok(())
    }

    pub(super) fn alert(&mut self, id: u64) -> Result<Option<AlertRecord>, StoreError> {
        self.read(|txn| {
            let found = txn.open_table(ALERTS)?.get(id)?;
            Ok(found.and_then(|value| decode(value.value())))
        })
    }

    /// `known_total` spares the scan that counts.
    pub(super) fn alerts(
        &mut self,
        filter: &AlertFilter,
        before: Option<u64>,
        limit: usize,
        known_total: Option<u64>,
    ) -> Result<AlertPage, StoreError> {
        let limit = limit.min(PAGE);
        let matcher = Matcher::new(filter);
        self.read(|txn| {
            let table = txn.open_table(ALERTS)?;
            let mut page = AlertPage { total: known_total.unwrap_or(0), ..AlertPage::default() };
            let first = if known_total.is_some() { before.unwrap_or(u64::MAX) } else { u64::MAX };
            for entry in table.range(..first)?.rev() {
                let (id, value) = entry?;
                if !matcher.matches(value.value()) {
                    continue;
                }
                page.total += u64::from(known_total.is_none());
                if before.is_some_and(|before| id.value() >= before) {
                    continue;
                }
                if page.alerts.len() < limit {
                    page.alerts.extend(decode(value.value()));
                } else if page.next.is_none() {
                    page.next = page.alerts.last().map(|alert| alert.id);
                    if known_total.is_some() {
                        break;
                    }
                }
            }
            Ok(page)
        })
    }

    pub(super) fn alerts_since_id(&mut self, id: u64, limit: usize) -> Result<Vec<AlertRecord>, StoreError> {
        let limit = limit.min(PAGE);
        let mut grown: Vec<u64> = self.known.recent.after(id).filter(|other| *other < id).collect();
        self.read(|txn| {
            let table = txn.open_table(ALERTS)?;
            let mut found = Vec::new();
            for entry in table.range(id.saturating_add(1)..)?.rev().take(limit) {
                found.extend(decode(entry?.1.value()));
            }
            grown.sort_unstable_by(|a, b| b.cmp(a));
            for older in grown.iter().take(limit - found.len()) {
                found.extend(table.get(older)?.and_then(|value| decode(value.value())));
            }
            found.reverse();
            Ok(found)
        })
    }

    pub(super) fn acknowledge(
        &mut self,
        id: u64,
        ack: Acknowledgement,
    ) -> Result<Option<AlertRecord>, StoreError> {
        if self.alert(id)?.is_none() {
            return Ok(None);
        }
        let (counts, alert) = self.durable(|txn, known| {
            let mut counts = known.counts;
            let alert = acknowledge_in(txn, &mut counts, id, &ack)?;
            Ok((counts, alert))
        })?;
        self.known.counts = counts;
        Ok(alert)
    }

    pub(super) fn acknowledge_matching(
        &mut self,
        filter: &AlertFilter,
        ack: &Acknowledgement,
    ) -> Result<u64, StoreError> {
        let open = AlertFilter { acknowledged: Some(false), ..filter.clone() };
        if filter.acknowledged == Some(true) {
            return Ok(0);
        }
        let matcher = Matcher::new(&open);
        let ids: Vec<u64> = self.read(|txn| {
            let mut ids = Vec::new();
            for entry in txn.open_table(ALERTS)?.iter()? {
                let (id, value) = entry?;
                if matcher.matches(value.value()) {
                    ids.push(id.value());
                }
            }
            Ok(ids)
        })?;
        if ids.is_empty() {
            return Ok(0);
        }
        self.known.counts = self.durable(|txn, known| {
            let mut counts = known.counts;
            for id in &ids {
                acknowledge_in(txn, &mut counts, *id, ack)?;
            }
            Ok(counts)
        })?;
        Ok(ids.len() as u64)
    }
}

/// Deletes one alert; false when there is none.
pub(super) fn delete(txn: &WriteTransaction, counts: &mut Counts, id: u64) -> Op<bool> {
    let mut table = txn.open_table(ALERTS)?;
    let removed = table.remove(id)?;
    if let Some(old) = &removed {
        counts.remove(old.value());
    }
    Ok(removed.is_some())
}

fn acknowledge_in(
    txn: &WriteTransaction,
    counts: &mut Counts,
    id: u64,
    ack: &Acknowledgement,
) -> Op<Option<AlertRecord>> {
    let mut table = txn.open_table(ALERTS)?;
    let Some(old) = table.get(id)?.map(|value| value.value().to_vec()) else { return Ok(None) };
    let Some(mut alert) = decode(&old) else { return Ok(None) };
    alert.acknowledged = Some(ack.clone());
    let bytes = encode(&alert);
    counts.remove(&old);
    counts.add(&bytes);
    table.insert(id, bytes.as_slice())?;
    Ok(Some(alert))
}

fn encode(alert: &AlertRecord) -> Vec<u8> {
    serde_json::to_vec(alert).expect("a record has text keys and no failing serializer")
}

/// The record; one that cannot be read is left out rather than hiding all the others.
fn decode(bytes: &[u8]) -> Option<AlertRecord> {
    let read = serde_json::from_slice(bytes);
    read.inspect_err(|error| log::warn!("store: an alert cannot be read: {error}")).ok()
}

/// `alert` with the acknowledgement that `old` has, if it has one.
fn acknowledged_as_before(alert: &AlertRecord, old: &[u8]) -> Option<Vec<u8>> {
    let old: Head<'_> = serde_json::from_slice(old).ok()?;
    let acknowledged = Some(old.acknowledged?);
    Some(encode(&AlertRecord { acknowledged, ..alert.clone() }))
}

/// A filter made ready: text in lower case, addresses parsed.
struct Matcher<'a> {
    filter: &'a AlertFilter,
    everything: bool,
    source: Option<Party>,
    target: Option<Party>,
    text: Option<String>,
    /// For each condition that allows it: JSON of which one must occur in the stored bytes for a match.
    needles: Vec<Vec<String>>,
}

impl<'a> Matcher<'a> {
    fn new(filter: &'a AlertFilter) -> Self {
        let source = filter.source.as_deref().map(Party::new);
        let target = filter.target.as_deref().map(Party::new);
        let json = |key: &str, value: &dyn std::fmt::Display| format!("\"{key}\":\"{value}\"");
        let mut needles: Vec<Vec<String>> = vec![
            filter.kind.iter().map(|kind| json("kind", kind)).collect(),
            filter.severity.iter().map(|severity| json("severity", &severity.name())).collect(),
        ];
        for party in [&source, &target].into_iter().flatten() {
            match party {
                Party::Ip(ip) => needles.push(vec![json("ip", ip)]),
                Party::Mac(mac) => needles.push(vec![json("mac", mac)]),
                Party::Name(_) => {}
            }
        }
        needles.retain(|any| !any.is_empty());
        Matcher {
            filter,
            everything: filter.is_empty(),
            source,
            target,
            text: filter.text.as_ref().map(|text| text.to_lowercase()).filter(|text| !text.is_empty()),
            needles,
        }
    }

    fn matches(&self, bytes: &[u8]) -> bool {
        self.everything
            || (self.may_match(bytes)
                && serde_json::from_slice(bytes).is_ok_and(|head| self.matches_head(&head)))
    }

    /// A cheap look that spares most of the parsing: false only when the alert cannot match.
    fn may_match(&self, bytes: &[u8]) -> bool {
        let Ok(json) = str::from_utf8(bytes) else { return false };
        self.needles.iter().all(|any| any.iter().any(|needle| json.contains(needle.as_str())))
            && self.text.as_ref().is_none_or(|text| {
                // Plain ASCII is stored as it is; anything else is looked at closely.
                let plain = |b: u8| b.is_ascii_alphanumeric() || b" .:-_/".contains(&b);
                !json.is_ascii() || !text.bytes().all(plain) || contains_ignoring_case(bytes, text.as_bytes())
            })
    }

    fn matches_head(&self, head: &Head<'_>) -> bool {
        let filter = self.filter;
        filter.since.is_none_or(|since| head.time >= since || head.last_time >= since)
            && filter.until.is_none_or(|until| head.time < until)
            && (filter.severity.is_empty() || filter.severity.contains(&head.severity))
            && (filter.kind.is_empty() || filter.kind.iter().any(|kind| *kind == head.kind))
            && filter.acknowledged.is_none_or(|wanted| wanted == head.acknowledged.is_some())
            && self.source.as_ref().is_none_or(|party| party.is(head.source.as_ref()))
            && self.target.as_ref().is_none_or(|party| party.is(head.target.as_ref()))
            && self.text.as_ref().is_none_or(|text| mentions(head, text))
    }
}

/// Whether `needle`, which is in lower case, occurs in `hay`.
fn contains_ignoring_case(hay: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else { return true };
    let upper = first.to_ascii_uppercase();
    hay.windows(needle.len()).any(|at| (at[0] == *first || at[0] == upper) && at.eq_ignore_ascii_case(needle))
}

/// Whom a filter names: an address or a name.
enum Party {
    Ip(Ip),
    Mac(MacAddr),
    Name(String),
}

impl Party {
    fn new(text: &str) -> Party {
        let text = text.trim();
        if let Ok(ip) = text.parse() {
            Party::Ip(ip)
        } else if let Ok(mac) = text.parse() {
            Party::Mac(mac)
        } else {
            Party::Name(text.to_lowercase())
        }
    }

    fn is(&self, subject: Option<&Subject>) -> bool {
        subject.is_some_and(|subject| match self {
            Party::Ip(ip) => subject.ip == Some(*ip),
            Party::Mac(mac) => subject.mac == Some(*mac),
            Party::Name(name) => subject.name.as_ref().is_some_and(|n| n.to_lowercase() == *name),
        })
    }
}

fn mentions(head: &Head<'_>, text: &str) -> bool {
    let has = |hay: &str| hay.to_lowercase().contains(text);
    has(&head.summary)
        || has(&head.summary_nl)
        || has(&head.kind)
        || [&head.source, &head.target].into_iter().flatten().any(|subject| {
            subject.name.as_deref().is_some_and(has)
                || subject.ip.is_some_and(|ip| has(&ip.to_string()))
                || subject.mac.is_some_and(|mac| has(&mac.to_string()))
        })
}
