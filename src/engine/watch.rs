//! From observation to event: detectors, the alert desk, the queue of what there is to tell.

use crate::addr::Ip;
use crate::alert::desk::{Desk, Outcome};
use crate::alert::{Finding, Findings, Severity, Subject};
use crate::detect::settings::Problem;
use crate::detect::{Context, Detectors};
use crate::event::Event;
use crate::observe::Observation;
use crate::table::{Known, Lookup};
use crate::time::Timestamp;
use std::collections::VecDeque;

/// Detectors and what becomes of their findings.
pub(super) struct Watch {
    pub(super) detectors: Detectors,
    pub(super) desk: Desk,
    pub(super) events: VecDeque<Event>,
    findings: Findings,
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
        quiet_period_s: u64,
    ) -> Result<Self, Problem> {
        Ok(Watch {
            detectors: Detectors::new(detect, keys)?,
            desk: Desk::new(next_id, quiet_period_s),
            events: VecDeque::new(),
            findings: Findings::default(),
            accused: Vec::new(),
        })
    }

    /// Shows every detector that cares an observation, and takes in what they find.
    #[inline]
    pub(super) fn tell(&mut self, now: Timestamp, known: &Known, observation: &Observation<'_>) {
        let cx = Context { now, inside: &known.inside, lookup: known };
        self.detectors.observe(&cx, observation, &mut self.findings);
        if !self.findings.is_empty() {
            self.take_findings(now, known);
        }
    }

    fn take_findings(&mut self, now: Timestamp, known: &Known) {
        for finding in self.findings.drain() {
            let wall = now.wall(known.offset());
            let accused = accused(&finding);
            let outcome = self.desk.take(now, wall, finding, |party| complete(party, known));
            if outcome != Outcome::Hidden && self.accused.len() < MAX_ACCUSED {
                self.accused.extend(accused);
            }
            if let Outcome::Raised(alert) = outcome {
                self.events.push_back(Event::Alert(*alert));
            }
        }
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
