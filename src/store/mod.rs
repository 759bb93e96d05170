//! The store: one redb file. Alerts, mutes and settings commit durably at once; series in batches.
//!
//! This folder alone names redb.

mod alerts;
mod audit;
mod backend;
mod error;
mod handle;
mod kept;
mod matching;
mod records;
mod retention;
mod schema;
mod series;
#[cfg(test)]
mod tests;

pub use audit::AuditRecord;
pub use error::StoreError;

use crate::alert::query::Query;
use crate::alert::{Acknowledgement, AlertRecord, Mute, Severity};
use crate::event::{DeviceRecord, TrafficPoint};
use crate::time::WallTime;
use backend::{Medium, Meter};
use handle::{Cause, Handle, Source};
use retention::{Progress, Trust};
use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Version of the schema that this program writes; an older one is migrated, a newer one is not read.
pub const SCHEMA: u64 = schema::version(schema::MIGRATIONS);

/// How the store behaves.
#[derive(Clone, Copy, Debug)]
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
    /// Acknowledged at exactly this moment: all that one order acknowledged.
    pub acknowledged_at: Option<WallTime>,
    /// What was typed.
    pub query: Query,
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
    /// Of those, by what caused them; since start on the day of the start.
    pub written_today_by: Written,
    /// Alerts held.
    pub alerts: u64,
    /// Writes that failed since start.
    pub failed_writes: u64,
}

/// Bytes written, by what caused the write. Batched writes reach the card with the next durable one, whatever that is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Written {
    /// Alerts raised, grown, acknowledged.
    pub alerts: u64,
    /// Settings, mutes, sessions.
    pub settings: u64,
    /// Traffic, devices, habits.
    pub history: u64,
}

impl AlertFilter {
    /// Whether every alert matches.
    pub fn is_empty(&self) -> bool {
        *self == AlertFilter::default()
    }

    /// Which state is wanted when nothing else matters.
    fn state_only(&self) -> Option<Option<bool>> {
        let (acknowledged, query) = (self.acknowledged, self.query.clone());
        let plain = *self == AlertFilter { acknowledged, query, ..AlertFilter::default() };
        match (self.acknowledged, self.query.state_only().filter(|_| plain)?) {
            (None, state) | (state, None) => Some(state),
            (a, b) => (a == b).then_some(a),
        }
    }
}

/// The store. Cheap to share (`Arc`); every method may block on the disk.
pub struct Store {
    inner: Mutex<Inner>,
}

struct Inner {
    handle: Handle,
    options: Options,
    trust: Trust,
    progress: Progress,
    /// When batches were last made durable.
    flushed: WallTime,
    /// Day (since 1970) of `before`.
    day: u64,
    /// Bytes written on `day` before the meter stood at `mark`.
    before: u64,
    mark: u64,
    /// Grows with every change of an alert; makes `total` reusable from page to page.
    changes: u64,
    total: Option<(AlertFilter, u64, u64)>,
}

impl Store {
    /// Opens or creates the file. A corrupt one is set aside as `<path>.corrupt-<time>` and a new one begun. An older one is
    /// migrated, and a copy left of it; a newer one is refused, unless such a copy is there to go back to. The strings are what the log should say loudly.
    pub fn open(path: &Path, options: Options, now: WallTime) -> Result<(Store, Vec<String>), StoreError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true).mode(0o750).create(folder).map_err(|e| StoreError::io(folder, &e))?;
        }
        let was_empty = path.metadata().is_ok_and(|file| file.len() == 0);
        let (store, mut notices) = Self::on(path, backend::file(path), options, now)?;
        if was_empty {
            notices.insert(0, format!("store {}: was empty; a new one begun", path.display()));
        }
        Ok((store, notices))
    }

    /// A store in memory, for `replay --serve` and tests.
    pub fn in_memory(options: Options) -> Result<Store, StoreError> {
        let path = Path::new("(memory)");
        Ok(Self::on(path, backend::memory(), options, WallTime::default())?.0)
    }

    /// Alerts in an existing file, and its size in bytes. A damaged file stays where it is.
    pub fn look(path: &Path, options: &Options) -> Result<(u64, u64), StoreError> {
        if path.metadata().is_ok_and(|file| file.is_file() && file.len() == 0) {
            return Ok((0, 0));
        }
        let (medium, meter) = (backend::file(path), Arc::new(Meter::default()));
        Source { path: path.to_owned(), medium, meter, cache_bytes: options.cache_bytes }.look()
    }

    fn on(
        path: &Path,
        medium: Medium,
        options: Options,
        now: WallTime,
    ) -> Result<(Store, Vec<String>), StoreError> {
        let meter = Arc::new(Meter::default());
        let source = Source { path: path.to_owned(), medium, meter, cache_bytes: options.cache_bytes };
        let (handle, notices) = Handle::open(source, now)?;
        let (day, before) = handle.known.written;
        let today = day_of(now);
        let inner = Inner {
            options,
            trust: Trust::new(now, handle.known.newest),
            progress: Progress::default(),
            flushed: now,
            day: today,
            before: if day == today { before } else { 0 },
            mark: 0,
            changes: 0,
            total: None,
            handle,
        };
        Ok((Store { inner: Mutex::new(inner) }, notices))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic in between leaves at worst numbers that the next opening counts again.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more than the highest alert id ever given, deleted ones included.
    pub fn next_alert_id(&self) -> u64 {
        self.inner().handle.known.counts.last_id + 1
    }

    /// Inserts or replaces alerts (an acknowledgement already there stays), durable when this returns.
    pub fn commit_alerts(&self, alerts: &[AlertRecord]) -> Result<(), StoreError> {
        let mut inner = self.inner();
        inner.changes += 1;
        inner.handle.commit_alerts(alerts)
    }

    /// One alert.
    pub fn alert(&self, id: u64) -> Result<Option<AlertRecord>, StoreError> {
        self.inner().handle.alert(id)
    }

    /// Alerts with an id below `before`, newest first, at most `limit` (and never more than 1,000). A filter by more
    /// than state looks at every alert once to count them: 30-70 ms for 100,000 of them on a desktop; further pages
    /// of the same filter cost what they show.
    pub fn alerts(
        &self,
        filter: &AlertFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<AlertPage, StoreError> {
        let mut inner = self.inner();
        let changes = inner.changes;
        let by_state = filter.state_only().map(|state| inner.handle.known.counts.in_state(state));
        let known_total = match &inner.total {
            _ if by_state.is_some() => by_state,
            Some((same, at, total)) if *at == changes && same == filter => Some(*total),
            _ => None,
        };
        let page = inner.handle.alerts(filter, before, limit, known_total)?;
        inner.total = Some((filter.clone(), changes, page.total));
        Ok(page)
    }

    /// For a viewer that last saw alert `id`: every alert raised after it, and every older one that grew since the
    /// last time alert `id` was seen; oldest first, at most `limit` (the newest ones). Of those that grew, the last
    /// 1,024 are known.
    pub fn alerts_since_id(&self, id: u64, limit: usize) -> Result<Vec<AlertRecord>, StoreError> {
        self.inner().handle.alerts_since_id(id, limit)
    }

    /// Durable. `None` takes the acknowledgement back; answers `None` when there is no such alert.
    pub fn acknowledge(
        &self,
        id: u64,
        ack: impl Into<Option<Acknowledgement>>,
    ) -> Result<Option<AlertRecord>, StoreError> {
        let mut inner = self.inner();
        inner.changes += 1;
        inner.handle.acknowledge(id, ack.into().as_ref())
    }

    /// Durable, one commit. Returns how many alerts that match and were open are now acknowledged; with `None`, how many
    /// that were acknowledged are open again.
    pub fn acknowledge_matching(
        &self,
        filter: &AlertFilter,
        ack: impl Into<Option<Acknowledgement>>,
    ) -> Result<u64, StoreError> {
        let mut inner = self.inner();
        inner.changes += 1;
        inner.handle.acknowledge_matching(filter, ack.into().as_ref())
    }

    /// Open alerts by severity name; all four names present. Kept in memory, cheap.
    pub fn open_counts(&self) -> BTreeMap<&'static str, u64> {
        let open = self.inner().handle.known.counts.open;
        Severity::ALL.iter().map(|severity| (severity.name(), open[*severity as usize])).collect()
    }

    /// Durable; gives it an id (the one passed is ignored).
    pub fn add_mute(&self, mute: Mute) -> Result<Mute, StoreError> {
        self.inner().handle.add_mute(mute)
    }

    /// Durable; the mute as it is then, `None` when there is none.
    pub fn change_mute(&self, id: u64, change: impl FnOnce(&mut Mute)) -> Result<Option<Mute>, StoreError> {
        self.inner().handle.change_mute(id, change)
    }

    /// Durable; false when there is none.
    pub fn delete_mute(&self, id: u64) -> Result<bool, StoreError> {
        self.inner().handle.delete_mute(id)
    }

    /// All mutes, ended ones included, in the order they were made.
    pub fn mutes(&self) -> Result<Vec<Mute>, StoreError> {
        self.inner().handle.mutes()
    }

    /// Batched: the new totals of hidden findings, by mute id.
    pub fn set_hidden(&self, hidden: &[(u64, u64)]) -> Result<(), StoreError> {
        self.inner().handle.set_hidden(hidden)
    }

    /// Batched: inserts or replaces.
    pub fn save_devices(&self, devices: &[DeviceRecord]) -> Result<(), StoreError> {
        self.inner().handle.save_devices(devices)
    }

    /// All devices, by id.
    pub fn devices(&self) -> Result<Vec<DeviceRecord>, StoreError> {
        self.inner().handle.devices()
    }

    /// Batched: the habits of all devices by id, in the form of [`crate::table::habits`]; those of others go. Writes
    /// what changed.
    pub fn save_habits(&self, habits: &BTreeMap<String, Vec<u8>>) -> Result<(), StoreError> {
        self.inner().handle.save_habits(habits)
    }

    /// The habits of all devices, by id.
    pub fn habits(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.inner().handle.habits()
    }

    /// Batched: adds an entry to the audit log, which numbers it (the id passed is ignored); the newest 2,000 stay.
    pub fn add_audit(&self, record: AuditRecord) -> Result<(), StoreError> {
        self.inner().handle.add_audit(record)
    }

    /// Entries of the audit log with an id below `before`, newest first, at most `limit`.
    pub fn audit(&self, before: Option<u64>, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        self.inner().handle.audit(before, limit)
    }

    /// Batched: adds a 10-second point and rolls it up.
    pub fn add_traffic(&self, point: &TrafficPoint) -> Result<(), StoreError> {
        self.inner().handle.add_traffic(point)
    }

    /// Points of `step` with `since <= time < until`, oldest first, at most 5,000.
    pub fn traffic(
        &self,
        step: Step,
        since: WallTime,
        until: WallTime,
    ) -> Result<Vec<TrafficPoint>, StoreError> {
        self.inner().handle.traffic(step, since, until)
    }

    /// A small value by name (password hash, learning seconds, …).
    pub fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.inner().handle.setting(key)
    }

    /// Durable; `None` deletes.
    pub fn set_setting(&self, key: &str, value: Option<&str>) -> Result<(), StoreError> {
        self.set_settings(&[(key, value)])
    }

    /// The same of several: all of them or none.
    pub fn set_settings(&self, all: &[(&str, Option<&str>)]) -> Result<(), StoreError> {
        self.inner().handle.set_settings(all)
    }

    /// Keeps other limits from now on; what is too old or too much goes in the next minutes.
    pub fn set_limits(&self, max_bytes: u64, alert_days: u32, flush_seconds: u32) {
        let mut inner = self.inner();
        inner.options = Options { max_bytes, alert_days, flush_seconds, ..inner.options };
    }

    /// Call about once a second: makes batches durable when due, applies retention in bounded steps.
    pub fn tick(&self, now: WallTime) -> Result<(), StoreError> {
        self.inner().tick(now)
    }

    /// Makes everything durable; call before the process ends.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.inner().flush()
    }

    /// What it has done.
    pub fn stats(&self) -> StoreStats {
        let inner = self.inner();
        StoreStats {
            file_bytes: inner.handle.meter().length(),
            durable_commits: inner.handle.durable_commits,
            batched_commits: inner.handle.batched_commits,
            written_today_bytes: inner.written_today(),
            written_today_by: inner.handle.written,
            alerts: inner.handle.known.counts.alerts,
            failed_writes: inner.handle.failed_writes,
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(error) = self.flush() {
            log::error!("{error}");
        }
    }
}

/// Days since 1970 in UTC.
fn day_of(now: WallTime) -> u64 {
    u64::try_from(now.secs().div_euclid(86_400)).unwrap_or(0)
}

impl Inner {
    fn written_today(&self) -> u64 {
        self.before + (self.handle.meter().written() - self.mark)
    }

    fn tick(&mut self, now: WallTime) -> Result<(), StoreError> {
        self.handle.now = now;
        let today = day_of(now);
        if today != self.day {
            (self.day, self.before, self.mark) = (today, 0, self.handle.meter().written());
            self.handle.written = Written::default();
        }
        let believed = self.trust.tick(now);
        if believed {
            let alerts = self.handle.known.counts.alerts;
            self.handle.retain(&mut self.progress, &self.options, now)?;
            self.changes += u64::from(alerts != self.handle.known.counts.alerts);
        }
        let since = (now.secs() - self.flushed.secs()).unsigned_abs();
        if since >= u64::from(self.options.flush_seconds) {
            self.flushed = now;
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if !self.handle.dirty {
            return Ok(());
        }
        let (day, bytes) = (self.day, self.written_today());
        self.handle.durable(Cause::History, |txn, _| records::set_written(txn, day, bytes))?;
        self.handle.dirty = false;
        Ok(())
    }
}
