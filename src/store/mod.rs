//! The store: one redb file. Alerts, mutes and settings commit durably at once; series in batches.
//!
//! This folder alone names redb.

use crate::alert::{Acknowledgement, AlertRecord, Mute, Severity};
use crate::event::{DeviceRecord, TrafficPoint};
use crate::time::WallTime;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How the store behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// redb's page cache, bytes.
    pub cache_bytes: usize,
    /// Largest size of the file; the oldest records go first.
    pub max_bytes: u64,
    /// Alerts older than this many days are deleted.
    pub alert_days: u32,
    /// Seconds between durable commits of series and other batched writes.
    pub flush_seconds: u32,
}

/// What can go wrong, in words that name the file and the remedy.
#[derive(Debug)]
pub enum StoreError {
    /// Another process has the file open.
    Locked(PathBuf),
    /// The file was written by a newer netmonitor (its schema version, ours).
    Newer(PathBuf, u64, u64),
    /// Reading or writing failed.
    Failed(PathBuf, String),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for StoreError {}

/// Which alerts. All fields that are set must match.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertFilter {
    /// Raised or last seen at or after.
    pub since: Option<WallTime>,
    /// Raised before.
    pub until: Option<WallTime>,
    /// Any of these severities (empty = all).
    pub severity: Vec<Severity>,
    /// Any of these kinds (empty = all).
    pub kind: Vec<String>,
    /// Source ip, mac or name, exact (case ignored).
    pub source: Option<String>,
    /// Target ip, mac or name, exact (case ignored).
    pub target: Option<String>,
    /// Only open (`Some(false)`) or only acknowledged (`Some(true)`).
    pub acknowledged: Option<bool>,
    /// Substring of summary, kind, addresses, names; case ignored.
    pub text: Option<String>,
}

/// A page of alerts, newest (highest id) first.
#[derive(Clone, Debug, Default)]
pub struct AlertPage {
    /// The alerts.
    pub alerts: Vec<AlertRecord>,
    /// Give this as `before` to get the next page; `None` at the end.
    pub next: Option<u64>,
    /// How many match in all.
    pub total: u64,
}

/// Resolution of a traffic series, by the seconds of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// 10 s.
    Seconds10,
    /// 1 min.
    Minute,
    /// 15 min.
    Quarter,
    /// 1 h.
    Hour,
}

/// What the store has done, for the health page.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct StoreStats {
    /// Size of the file.
    pub file_bytes: u64,
    /// Durable commits since start.
    pub durable_commits: u64,
    /// Batched (not yet durable) commits since start.
    pub batched_commits: u64,
    /// Bytes written since midnight UTC, restarts included.
    pub written_today_bytes: u64,
    /// Alerts held.
    pub alerts: u64,
    /// Writes that failed since start.
    pub failed_writes: u64,
}

/// The store. Cheap to share (`Arc`); every method may block on the disk.
pub struct Store {}

#[allow(unused_variables, missing_docs)]
impl Store {
    /// Opens or creates the file. A corrupt one is set aside as `<path>.corrupt-<time>` and a new one begun; a newer
    /// one is refused. The strings are what the log should say loudly.
    pub fn open(path: &Path, options: Options, now: WallTime) -> Result<(Store, Vec<String>), StoreError> {
        unimplemented!()
    }
    /// A store in memory, for `replay --serve` and tests.
    pub fn in_memory(options: Options) -> Result<Store, StoreError> {
        unimplemented!()
    }
    /// One more than the highest alert id ever given, deleted ones included.
    pub fn next_alert_id(&self) -> u64 {
        unimplemented!()
    }
    /// Inserts or replaces alerts (an acknowledgement already there stays), durable when this returns.
    pub fn commit_alerts(&self, alerts: &[AlertRecord]) -> Result<(), StoreError> {
        unimplemented!()
    }
    pub fn alert(&self, id: u64) -> Result<Option<AlertRecord>, StoreError> {
        unimplemented!()
    }
    /// Alerts with an id below `before`, newest first, at most `limit`.
    pub fn alerts(
        &self,
        filter: &AlertFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<AlertPage, StoreError> {
        unimplemented!()
    }
    /// For a viewer that last saw alert `id`: every alert raised after it, and every older one that grew since the
    /// last time alert `id` was seen; oldest first, at most `limit` (the newest ones).
    pub fn alerts_since_id(&self, id: u64, limit: usize) -> Result<Vec<AlertRecord>, StoreError> {
        unimplemented!()
    }
    /// Durable. `None` when there is no such alert.
    pub fn acknowledge(&self, id: u64, ack: Acknowledgement) -> Result<Option<AlertRecord>, StoreError> {
        unimplemented!()
    }
    /// Durable, one commit. Returns how many.
    pub fn acknowledge_matching(
        &self,
        filter: &AlertFilter,
        ack: Acknowledgement,
    ) -> Result<u64, StoreError> {
        unimplemented!()
    }
    /// Open alerts by severity name; all four names present. Kept in memory, cheap.
    pub fn open_counts(&self) -> BTreeMap<&'static str, u64> {
        unimplemented!()
    }
    /// Durable; gives it an id (the one passed is ignored).
    pub fn add_mute(&self, mute: Mute) -> Result<Mute, StoreError> {
        unimplemented!()
    }
    /// Durable; false when there is none.
    pub fn delete_mute(&self, id: u64) -> Result<bool, StoreError> {
        unimplemented!()
    }
    pub fn mutes(&self) -> Result<Vec<Mute>, StoreError> {
        unimplemented!()
    }
    /// Batched: the new totals of hidden findings.
    pub fn set_hidden(&self, hidden: &[(u64, u64)]) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Batched: inserts or replaces.
    pub fn save_devices(&self, devices: &[DeviceRecord]) -> Result<(), StoreError> {
        unimplemented!()
    }
    pub fn devices(&self) -> Result<Vec<DeviceRecord>, StoreError> {
        unimplemented!()
    }
    /// Batched: adds a 10-second point and rolls it up.
    pub fn add_traffic(&self, point: &TrafficPoint) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Points of `step` with `since <= time < until`, oldest first, at most 5,000.
    pub fn traffic(
        &self,
        step: Step,
        since: WallTime,
        until: WallTime,
    ) -> Result<Vec<TrafficPoint>, StoreError> {
        unimplemented!()
    }
    /// A small value by name (password hash, learning seconds, …).
    pub fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        unimplemented!()
    }
    /// Durable; `None` deletes.
    pub fn set_setting(&self, key: &str, value: Option<&str>) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Call about once a second: makes batches durable when due, applies retention in bounded steps.
    pub fn tick(&self, now: WallTime) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Makes everything durable; call before the process ends.
    pub fn flush(&self) -> Result<(), StoreError> {
        unimplemented!()
    }
    pub fn stats(&self) -> StoreStats {
        unimplemented!()
    }
}
