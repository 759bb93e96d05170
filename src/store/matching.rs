//! Whether a stored alert matches a filter, looking at no more of its bytes than it takes.

use super::AlertFilter;
use crate::addr::{Ip, Prefix};
use crate::alert::query::{Query, Range, Seen, Sides, Term, Test, Who};
use crate::alert::{Acknowledgement, Party, Severity, Subject};
use crate::time::WallTime;
use serde::Deserialize;
use std::borrow::Cow;

/// The parts of a record that filters look at; the rest is skipped over.
#[derive(Deserialize)]
pub(super) struct Head<'a> {
    id: u64,
    time: WallTime,
    last_time: WallTime,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    severity: Severity,
    count: u64,
    source: Option<Subject>,
    target: Option<Subject>,
    #[serde(borrow)]
    summary: Cow<'a, str>,
    #[serde(borrow, default)]
    summary_nl: Cow<'a, str>,
    pub(super) acknowledged: Option<Acknowledgement>,
}

/// A filter made ready.
pub(super) struct Matcher<'a> {
    filter: &'a AlertFilter,
    everything: bool,
    /// The fields of the filter that say the same as a term, and its query.
    query: Query,
    /// For each condition that allows it: what must occur in the stored bytes for a match.
    needs: Vec<Need>,
    /// The lowest and the highest number that can match.
    ids: Range,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(filter: &'a AlertFilter) -> Self {
        let mut query = filter.query.clone();
        let mut also = |test| query.terms.push(Term::is(test));
        if !filter.kind.is_empty() {
            also(Test::Kind(filter.kind.clone()));
        }
        if !filter.severity.is_empty() {
            also(Test::Severity(filter.severity.clone()));
        }
        if let Some(acknowledged) = filter.acknowledged {
            also(Test::State([!acknowledged, acknowledged]));
        }
        for (text, source) in [(&filter.source, true), (&filter.target, false)] {
            let sides = Sides { source, target: !source };
            text.iter().for_each(|text| also(Test::Party(sides, vec![Who::exactly(text)])));
        }
        if let Some(text) = filter.text.as_deref().filter(|text| !text.is_empty()) {
            also(Test::Text(text.to_lowercase()));
        }
        let needs =
            query.terms.iter().filter(|term| !term.not).filter_map(|term| Need::of(&term.test)).collect();
        let ids = query.ids();
        Matcher { filter, everything: filter.is_empty(), query, needs, ids }
    }

    /// No alert below the first or above the second matches.
    pub(super) fn ids(&self) -> Range {
        self.ids
    }

    pub(super) fn matches(&self, bytes: &[u8]) -> bool {
        self.everything
            || self.may_match(bytes)
                && serde_json::from_slice(bytes).is_ok_and(|head| self.matches_head(&head))
    }

    /// A cheap look that spares most of the parsing: false only when the alert cannot match.
    fn may_match(&self, bytes: &[u8]) -> bool {
        self.needs.is_empty()
            || str::from_utf8(bytes).is_ok_and(|json| self.needs.iter().all(|n| n.met(json)))
    }

    fn matches_head(&self, head: &Head<'_>) -> bool {
        let filter = self.filter;
        let acknowledged = head.acknowledged.as_ref();
        filter.since.is_none_or(|since| head.time >= since || head.last_time >= since)
            && filter.until.is_none_or(|until| head.time < until)
            && filter.acknowledged_at.is_none_or(|at| acknowledged.is_some_and(|ack| ack.time == at))
            && self.query.matches(&Seen {
                id: head.id,
                kind: &head.kind,
                severity: head.severity,
                count: head.count,
                source: head.source.as_ref(),
                target: head.target.as_ref(),
                summary: [&head.summary, &head.summary_nl],
                acknowledged: acknowledged.is_some(),
            })
    }
}

/// Any of these must occur in the bytes of a record for one of its conditions to hold.
#[derive(Default)]
struct Need {
    /// As they stand.
    exact: Vec<String>,
    /// Whatever their case; plain ASCII in lower case.
    loose: Vec<String>,
}

impl Need {
    /// `None` when the condition cannot be told from the bytes.
    fn of(test: &Test) -> Option<Need> {
        let json = |key: &str, value: &str| format!("\"{key}\":\"{value}");
        let mut need = Need::default();
        match test {
            Test::Text(text) => need.loose.push(plain(text)?),
            Test::Kind(kinds) => need.exact.extend(kinds.iter().map(|kind| json("kind", kind))),
            Test::Severity(all) => need.exact.extend(all.iter().map(|s| json("severity", s.name()))),
            Test::State([false, true]) => need.exact.push("\"acknowledged\":".to_owned()),
            Test::Party(_, who) => {
                for one in who {
                    match one {
                        Who::Party(Party::Ip(ip)) => need.exact.push(json("ip", &format!("{ip}\""))),
                        Who::Party(Party::Station(mac)) => need.exact.push(json("mac", &mac.to_string())),
                        Who::Party(Party::Network(network)) => {
                            need.exact.push(json("ip", &beginning(network)?))
                        }
                        Who::Named(name) | Who::Like(name) => need.loose.push(plain(name)?),
                    }
                }
            }
            Test::State(_) | Test::Port(_) | Test::Id(_) | Test::Count(_) => return None,
        }
        Some(need)
    }

    fn met(&self, json: &str) -> bool {
        self.exact.iter().any(|needle| json.contains(needle.as_str()))
            || !self.loose.is_empty()
                // Case reaches beyond ASCII there, and is looked at closely.
                && (!json.is_ascii()
                    || self.loose.iter().any(|text| contains_ignoring_case(json.as_bytes(), text.as_bytes())))
    }
}

/// The text when JSON writes it as it is.
fn plain(text: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b" .:-_/".contains(&b);
    text.bytes().all(plain).then(|| text.to_owned())
}

/// What every address of an IPv4 network begins with in writing: its whole octets.
fn beginning(network: &Prefix) -> Option<String> {
    let octets = |bits| Some(Ip::from_bits(bits).v4_bits()?.to_be_bytes());
    let (first, last) = (octets(network.first())?, octets(network.last())?);
    let same = first.iter().zip(&last).take_while(|(a, b)| a == b).take(3);
    Some(same.map(|(octet, _)| format!("{octet}.")).collect())
}

/// Whether `needle`, which is in lower case, occurs in `hay`.
fn contains_ignoring_case(hay: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else { return true };
    let upper = first.to_ascii_uppercase();
    hay.windows(needle.len()).any(|at| (at[0] == *first || at[0] == upper) && at.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertRecord;
    use proptest::prelude::*;

    fn record(id: u64, ip: &str, name: &str, acknowledged: bool) -> AlertRecord {
        let note = Acknowledgement { time: WallTime::from_micros(7), note: String::new(), by: None };
        AlertRecord {
            id,
            time: WallTime::default(),
            last_time: WallTime::default(),
            kind: ["port_scan", "arp_spoof"][id as usize % 2].into(),
            severity: Severity::ALL[id as usize % 4],
            count: id * 3,
            source: Some(Subject { name: Some(name.into()), ..Subject::ip(ip.parse().expect("ip")) }),
            target: Some(Subject::endpoint("10.0.0.9".parse().expect("ip"), 22)),
            summary: format!("{ip} and {name}"),
            summary_nl: format!("{ip} en {name}"),
            evidence: serde_json::Map::new(),
            mitre: Vec::new(),
            history: None,
            acknowledged: acknowledged.then_some(note),
        }
    }

    proptest! {
        #[test]
        fn the_cheap_look_never_hides_what_matches(
            id in 0u64..40,
            ip in prop::sample::select(vec!["10.1.2.3", "110.1.2.3", "10.0.0.10", "fd00::1", "::1"]),
            name in prop::sample::select(vec!["TV", "tv \"big\"", "Küche", "a\\b", "10.1.2.3"]),
            acknowledged: bool,
            text in prop::sample::select(vec![
                "tv", "KÜCHE", "src:k", "src:10.0.0.0/8", "src:10.1.0.0/15", "ip:10.0.0.0/29", "dst:10.0.0.9",
                "ip:0.0.0.0/0", "src:fd00::/8", "sev:>=high", "kind:port_scan", "state:acknowledged", "state:open",
                "-tv", "-src:10.0.0.0/8", "id:>=20", "port:22", "count:<50", "src:\"a\\\\b\"", "\"tv \\\"big\\\"\"",
                "ip:tv,fd00::1",
            ]),
        ) {
            let record = record(id, ip, name, acknowledged);
            let query = Query::parse(text, &["port_scan", "arp_spoof"]).expect("a filter");
            let filter = AlertFilter { query: query.clone(), ..AlertFilter::default() };
            let bytes = serde_json::to_vec(&record).expect("json");
            let wanted = query.matches(&Seen {
                id,
                kind: &record.kind,
                severity: record.severity,
                count: record.count,
                source: record.source.as_ref(),
                target: record.target.as_ref(),
                summary: [&record.summary, &record.summary_nl],
                acknowledged,
            });
            prop_assert_eq!(Matcher::new(&filter).matches(&bytes), wanted);
        }
    }
}
