//! How much there is to worry about each device: a score from 0 to 100, from the alerts about it, which fades.

use crate::alert::{Alert, AlertRecord, Severity, Subject};
use crate::table::bounded::Bounded;
use crate::table::devices::DeviceKey;
use crate::table::{Known, Lookup};
use crate::time::{SECOND, Timestamp};

/// An alert counts half as much after this long.
const HALF_LIFE: i64 = 24 * 3600 * SECOND;
/// Kinds remembered per device; of each kind the heaviest counts.
const KINDS: usize = 12;
/// Below this a score of its own is not worth naming.
const FADED: f64 = 1.0;

struct Weight {
    kind: Box<str>,
    points: f64,
    at: Timestamp,
}

impl Weight {
    fn now(&self, now: Timestamp) -> f64 {
        let age = now.since(self.at).max(0) as f64 / HALF_LIFE as f64;
        self.points * (-age).exp2()
    }
}

/// The scores of all devices.
pub(super) struct Risk {
    devices: Bounded<DeviceKey, Vec<Weight>>,
}

/// What one alert adds for whoever acts: half of it for whoever it is done to.
fn points(severity: Severity) -> f64 {
    match severity {
        Severity::Critical => 60.0,
        Severity::High => 35.0,
        Severity::Medium => 15.0,
        Severity::Low => 3.0,
    }
}

impl Risk {
    pub(super) fn new(devices: usize) -> Self {
        Risk { devices: Bounded::new(devices.max(64)) }
    }

    pub(super) fn raised(&mut self, now: Timestamp, known: &Known, alert: &Alert) {
        self.add(known, now, alert.kind, alert.severity, [&alert.source, &alert.target]);
    }

    pub(super) fn restore(&mut self, known: &Known, alert: &AlertRecord) {
        let at = alert.time.engine(known.offset());
        self.add(known, at, &alert.kind, alert.severity, [&alert.source, &alert.target]);
    }

    fn add(
        &mut self,
        known: &Known,
        at: Timestamp,
        kind: &str,
        severity: Severity,
        of: [&Option<Subject>; 2],
    ) {
        for (party, share) in of.into_iter().zip([1.0, 0.5]) {
            let Some(key) = party.as_ref().and_then(|p| device_of(known, p)) else { continue };
            let (weights, _) = self.devices.entry(key, Vec::new);
            let points = points(severity) * share;
            match weights.iter_mut().find(|w| *w.kind == *kind) {
                Some(weight) if weight.now(at) > points => {}
                Some(weight) => (weight.points, weight.at) = (points, at),
                None => {
                    if weights.len() == KINDS {
                        weights.sort_by(|a, b| b.now(at).total_cmp(&a.now(at)));
                        weights.truncate(KINDS - 1);
                    }
                    weights.push(Weight { kind: kind.into(), points, at });
                }
            }
        }
    }

    /// The score of a device and what it comes from, heaviest first. A device without alerts has 0.
    pub(super) fn of(&self, key: &DeviceKey, now: Timestamp) -> (u8, Vec<String>) {
        let Some(weights) = self.devices.get(key) else { return (0, Vec::new()) };
        let mut parts: Vec<(f64, &str)> =
            weights.iter().map(|w| (w.now(now), &*w.kind)).filter(|(points, _)| *points >= FADED).collect();
        parts.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let calm: f64 = parts.iter().map(|(points, _)| 1.0 - points / 100.0).product();
        let score = ((1.0 - calm) * 100.0).round().clamp(0.0, 100.0) as u8;
        (score, parts.into_iter().map(|(points, kind)| format!("{kind} {points:.0}")).collect())
    }
}

fn device_of(known: &Known, party: &Subject) -> Option<DeviceKey> {
    let by_ip = party.ip.and_then(|ip| known.device_of(ip));
    by_ip.or_else(|| party.mac.map(DeviceKey::Mac)).filter(|key| known.devices.get(key).is_some())
}
