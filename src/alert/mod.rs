//! Alerts: what is raised, and the one place that dedups, mutes and numbers them.

pub mod desk;
pub mod history;
pub mod party;
pub mod query;

pub use history::{History, HistoryRecord};
pub use party::Party;

use crate::addr::{Ip, MacAddr, Prefix};
use crate::time::{Timestamp, WallTime};
use crate::words::Sentence;
use serde::{Deserialize, Serialize};

/// How bad it is. Ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth a look today.
    Medium,
    /// Worth a look now.
    High,
    /// Act now.
    Critical,
}

impl Severity {
    /// Every severity, lowest first.
    pub const ALL: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// `low`, `medium`, `high`, `critical`.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

/// One side of an alert: who acts, or whom it acts on. Everything is optional; the engine fills in what it knows
/// (MAC and name of an address) when the alert is raised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// IP address.
    pub ip: Option<Ip>,
    /// Station address, when the frame's link shows it.
    pub mac: Option<MacAddr>,
    /// Port, when it matters.
    pub port: Option<u16>,
    /// Name people know it by (cleaned).
    pub name: Option<String>,
}

impl Subject {
    /// A host.
    pub fn ip(ip: Ip) -> Self {
        Subject { ip: Some(ip), ..Self::default() }
    }
    /// A host and a port.
    pub fn endpoint(ip: Ip, port: u16) -> Self {
        Subject { ip: Some(ip), port: Some(port), ..Self::default() }
    }
    /// A station.
    pub fn mac(mac: MacAddr) -> Self {
        Subject { mac: Some(mac), ..Self::default() }
    }
    /// A station that uses an address.
    pub fn station(mac: MacAddr, ip: Option<Ip>) -> Self {
        Subject { ip, mac: Some(mac), ..Self::default() }
    }
    /// Something that has only a name (a domain, an interface).
    pub fn name(name: impl Into<String>) -> Self {
        Subject { name: Some(name.into()), ..Self::default() }
    }
}

/// What was counted, in how long, against which threshold. Keys are lower case with units (`window_s`).
pub type Evidence = serde_json::Map<String, serde_json::Value>;

/// What a detector hands to the sink.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Kind id, such as `port_scan`.
    pub kind: &'static str,
    /// How bad.
    pub severity: Severity,
    /// Who acts; `None` when nobody in particular.
    pub source: Option<Subject>,
    /// Whom it acts on.
    pub target: Option<Subject>,
    /// What makes two findings the same incident, beside the kind: usually the source's address and what it does.
    pub incident: u64,
    /// One sentence for people.
    pub summary: Sentence,
    /// The numbers.
    pub evidence: Evidence,
    /// ATT&CK technique ids.
    pub mitre: &'static [&'static str],
}

/// An alert, in engine time.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Grows by one per alert, for ever.
    pub id: u64,
    /// When it was raised.
    pub at: Timestamp,
    /// When it was last seen going on.
    pub last_at: Timestamp,
    /// How often it was seen.
    pub count: u64,
    /// When.
    pub history: History,
    /// Kind id.
    pub kind: &'static str,
    /// How bad.
    pub severity: Severity,
    /// Who acts.
    pub source: Option<Subject>,
    /// Whom it acts on.
    pub target: Option<Subject>,
    /// One sentence.
    pub summary: Sentence,
    /// The numbers.
    pub evidence: Evidence,
    /// ATT&CK technique ids.
    pub mitre: &'static [&'static str],
}

impl Alert {
    /// The form that is printed, stored and sent; `offset` is wall time minus engine time, microseconds.
    pub fn record(&self, offset: i64) -> AlertRecord {
        AlertRecord {
            id: self.id,
            time: self.at.wall(offset),
            last_time: self.last_at.wall(offset),
            kind: self.kind.to_owned(),
            severity: self.severity,
            count: self.count,
            source: self.source.clone(),
            target: self.target.clone(),
            summary: self.summary.en.clone(),
            summary_nl: self.summary.nl.clone(),
            evidence: self.evidence.clone(),
            mitre: self.mitre.iter().map(|m| (*m).to_owned()).collect(),
            history: self.history.record(),
            acknowledged: None,
        }
    }
}

/// An alert as it is printed by `replay --json`, stored, and sent to browsers. Field order is the JSON's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertRecord {
    /// Id.
    pub id: u64,
    /// First seen.
    pub time: WallTime,
    /// Last seen.
    pub last_time: WallTime,
    /// Kind id.
    pub kind: String,
    /// How bad.
    pub severity: Severity,
    /// How often it was seen.
    pub count: u64,
    /// Who acts.
    pub source: Option<Subject>,
    /// Whom it acts on.
    pub target: Option<Subject>,
    /// One sentence, English.
    pub summary: String,
    /// The same in Dutch. Empty, and left out of the JSON, in records from before there was one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary_nl: String,
    /// The numbers.
    pub evidence: Evidence,
    /// ATT&CK technique ids.
    pub mitre: Vec<String>,
    /// How its count grew; `None` while it was seen once, in records of before this was kept, and in `replay --json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<HistoryRecord>,
    /// Set when someone acknowledged it. Left out of the JSON while unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
}

/// Who said "seen", when, and what they noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// When.
    pub time: WallTime,
    /// Note, cleaned, at most 500 characters.
    pub note: String,
    /// By whom: a name of an account or a token. Left out where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}
/// "Do not show me this": hides later findings that match all the fields that are set. At least one of `kind` and
/// `source`/`target` must be set. Never hides critical findings, `feed_match` or `arp_spoof` unless `kind` names
/// exactly that kind and a source or target is set too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// Grows by one per mute.
    pub id: u64,
    /// Kind id.
    pub kind: Option<String>,
    /// Who acts.
    pub source: Option<Party>,
    /// Whom it acts on.
    pub target: Option<Party>,
    /// Target port.
    pub port: Option<u16>,
    /// Ends then; `None` = until deleted.
    pub until: Option<WallTime>,
    /// Why, in the owner's words; at most 500 characters.
    pub reason: String,
    /// When it was made.
    pub created: WallTime,
    /// How many findings it has hidden.
    pub hidden: u64,
}

/// "This is meant to be so": an entry of the settings that hides findings for good. The same
/// things are beyond it and a [`Mute`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// Kind id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Who may act: an address or a network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Prefix>,
    /// On whom: an address or a network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Prefix>,
    /// Target port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// Where detectors put what they find; the engine empties it after each observation.
#[derive(Debug, Default)]
pub struct Findings {
    found: Vec<Finding>,
}

impl Findings {
    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        self.found.push(finding);
    }
    /// Takes the oldest.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Finding> {
        if self.found.is_empty() { None } else { Some(self.found.remove(0)) }
    }
    /// Takes all.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Finding> {
        self.found.drain(..)
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}
