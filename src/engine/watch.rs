//! From observation to event: detectors, the alert desk, the queue of what there is to tell.

use super::risk::Risk;
use crate::addr::{Ip, MacAddr};
use crate::alert::desk::{Desk, Outcome, Rules};
use crate::alert::{Finding, Findings, Severity, Subject};
use crate::detect::settings::Problem;
use crate::detect::{Context, Detectors, storm};
use crate::event::Event;
use crate::feeds::Feeds;
use crate::observe::Observation;
use crate::table::{Known, Lookup};
use crate::time::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// What the sensor does itself and must not be told of: it fetches lists, sends word, and serves pages.
const OWN_DOING: [&str; 5] = ["beaconing", "outbound_volume", "new_behaviour", "new_service", "anonymizer"];

/// Detectors and what becomes of their findings.
pub(super) struct Watch {
    pub(super) detectors: Detectors,
    pub(super) desk: Desk,
    pub(super) events: VecDeque<Event>,
    pub(super) risk: Risk,
    findings: Findings,
    /// The lists in force, for detectors that are built later.
    pub(super) feeds: Option<Arc<Feeds>>,
    own: Vec<MacAddr>,
    own_hidden: u64,
    /// Who was found to act since the habits were last told.
    pub(super) accused: Vec<Accused>,
}

/// One of ours, or anyone who scans, that an alert is about.
pub(super) struct Accused {
    pub(super) ip: Ip,
    /// The alert is of high severity or above.
    pub(super) grave: bool,
    /// It looks for open ports.
    pub(super) scans: bool,
}

/// Accusations that wait; the engine hears them with the next flow that is told of.
const MAX_ACCUSED: usize = 64;

impl Watch {
    pub(super) fn new(
        detect: &toml::Table,
        keys: usize,
        next_id: u64,
        rules: Rules,
        own: Vec<MacAddr>,
    ) -> Result<Self, Problem> {
        let rules = Rules { per_minute: storm::budget(detect)?, ..rules };
        Ok(Watch {
            detectors: Detectors::new(detect, keys)?,
            desk: Desk::new(next_id, rules),
            events: VecDeque::new(),
            risk: Risk::new(keys / 2),
            findings: Findings::default(),
            feeds: None,
            own,
            own_hidden: 0,
            accused: Vec::new(),
        })
    }

    /// Shows every detector that cares an observation, and takes in what they find.
    #[inline]
    pub(super) fn tell(&mut self, now: Timestamp, known: &Known, observation: &Observation<'_>) {
        let cx = Context { now, inside: &known.inside, lookup: known };
        self.detectors.observe(&cx, observation, &mut self.findings);
        if !self.findings.is_empty() {
            self.take_findings(&cx, known);
        }
    }

    /// Findings become alerts, and alerts may be findings again: a chain of them, or a storm.
    fn take_findings(&mut self, cx: &Context<'_>, known: &Known) {
        while let Some(finding) = self.findings.next() {
            if self.is_own_doing(&finding, known) {
                self.own_hidden += 1;
                continue;
            }
            let wall = cx.now.wall(known.offset());
            let accused = accused(&finding);
            let kept = self.desk.is_full(cx.now).then(|| finding.clone());
            let outcome = self.desk.take(
                cx.now,
                wall,
                finding,
                |party| complete(party, known),
                |party, mac| same_device(party, mac, known),
            );
            if outcome != Outcome::Hidden && self.accused.len() < MAX_ACCUSED {
                self.accused.extend(accused);
            }
            match outcome {
                Outcome::Raised(alert) => {
                    self.risk.raised(cx.now, known, &alert);
                    self.detectors.observe(cx, &Observation::Alert(&alert), &mut self.findings);
                    self.events.push_back(Event::Alert(*alert));
                }
                Outcome::Folded => {
                    if let Some(finding) = kept {
                        self.detectors.observe(cx, &Observation::Folded(&finding), &mut self.findings);
                    }
                }
                Outcome::Grew | Outcome::Hidden => {}
            }
        }
    }

    fn is_own_doing(&self, finding: &Finding, known: &Known) -> bool {
        let source = finding.source.as_ref();
        OWN_DOING.contains(&finding.kind)
            && source
                .and_then(|s| s.mac.or_else(|| known.mac_of(s.ip?)))
                .is_some_and(|mac| self.own.contains(&mac))
    }

    /// Findings that were hidden: by mutes, by allow-lists, and because the sensor does it itself.
    pub(super) fn hidden(&self) -> u64 {
        self.desk.hidden() + self.own_hidden
    }

    /// Tells of alerts that grew; of all of them at the end.
    pub(super) fn tell_grown(&mut self, now: Timestamp, all: bool) {
        self.events.extend(self.desk.grown(now, all).into_iter().map(Event::AlertGrown));
    }
}

/// Whom a finding accuses, when that matters for what is learned of devices.
fn accused(finding: &Finding) -> Option<Accused> {
    let ip = finding.source.as_ref()?.ip?;
    let grave = finding.severity >= Severity::High;
    let scans = matches!(finding.kind, "port_scan" | "host_sweep");
    (grave || scans).then_some(Accused { ip, grave, scans })
}

/// Fills in what the tables know of a party.
fn complete(party: &mut Subject, known: &Known) {
    let Some(ip) = party.ip else { return };
    if party.mac.is_none() {
        party.mac = known.mac_of(ip);
    }
    if party.name.is_none() {
        party.name = known.name_of(ip).map(str::to_owned);
    }
}

/// Whether a party is the device that uses or used a station address.
fn same_device(party: &Subject, mac: MacAddr, known: &Known) -> bool {
    let own = party.ip.and_then(|ip| known.device_of(ip));
    let own = own.or_else(|| party.mac.map(|mac| known.device_by_mac(mac)));
    own.is_some_and(|own| own == known.device_by_mac(mac))
}
