//! What goes, and when: limits by age and by size, applied a little at a time.
//!
//! A Pi has no battery clock, so the wall clock may be wrong by years. Age is therefore counted from the newest
//! record or the clock, whichever is earlier, and only while the clock is believed. See [`Trust`].

use super::alerts;
use super::handle::{Handle, Known, Op};
use super::records;
use super::schema::{ALERTS, DEVICES, HABITS, SERIES};
use super::{Options, StoreError};
use crate::event::DeviceRecord;
use crate::time::WallTime;
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// How long each series is kept, seconds, finest first: a day and two hours for the 24 h view, a week and a day for
/// 7 d, five weeks for 30 d, and a bit more than a year. 34,000 points in all, about 3 MB.
pub(super) const KEEP: [i64; 4] = [26 * HOUR, 8 * DAY, 35 * DAY, 400 * DAY];

/// Devices not seen for this long go, unless the owner named or marked them.
const DEVICE_KEEP: i64 = 400 * DAY;

/// At most this many devices are kept; phones change their address, so a public network makes thousands a year.
const DEVICES_MAX: u64 = 10_000;

/// At most this many records are deleted per tick, so that a tick stays in the milliseconds.
const PER_TICK: usize = 200;

/// Ticks between looks at whether something is too old.
const LOOK_EVERY: u32 = 60;

/// Seconds between sweeps over all alerts and devices.
const SWEEP_EVERY: i64 = HOUR;

/// redb grows its file by doubling and its pages are about two thirds full, so this part of the largest size may be
/// data: 2/5.
const fn budget(max_bytes: u64) -> u64 {
    max_bytes / 5 * 2
}

/// Bytes of one point of a series: key, seven sums, offsets.
const POINT_BYTES: u64 = 80;

/// Bytes of a device's habits, at most; few have that many.
const HABIT_BYTES: u64 = 900;

/// Whether the wall clock is believed.
///
/// It is when it is within a day of the newest record at the start, and moves by less than a day from tick to tick.
/// After a jump of more than a day nothing is deleted until it ran on smoothly for an hour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trust {
    /// The tick before; none yet for an empty store, which any clock may begin.
    last: Option<i64>,
    /// Seconds of smooth running still to go.
    wait: i64,
}

impl Trust {
    /// `newest` is the time of the newest record, zero when there is none.
    pub(super) fn new(now: WallTime, newest: i64) -> Self {
        if newest == 0 {
            return Trust { last: None, wait: 0 };
        }
        let apart = (now.secs() - newest).abs();
        Trust { last: Some(now.secs()), wait: if apart > DAY { HOUR } else { 0 } }
    }

    /// Tells the time; call about once a second. Whether it is believed.
    pub(super) fn tick(&mut self, now: WallTime) -> bool {
        let moved = now.secs().saturating_sub(self.last.unwrap_or(now.secs()));
        self.last = Some(now.secs());
        if moved.abs() > DAY {
            self.wait = HOUR;
        } else if self.wait > 0 {
            // A suspended machine or a small step counts as one minute at most.
            self.wait -= moved.clamp(0, 60);
        }
        self.wait <= 0
    }
}

/// How far retention has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    ticks: u32,
    /// There was more to do than one tick allows.
    behind: bool,
    /// Next alert to look at, while a sweep goes on.
    at: Option<u64>,
    /// When the last sweep began, seconds.
    swept: Option<i64>,
}

impl Handle {
    /// One step: deletes at most [`PER_TICK`] records (and as many devices) that are too old or too many.
    pub(super) fn retain(
        &mut self,
        progress: &mut Progress,
        options: &Options,
        now: WallTime,
    ) -> Result<(), StoreError> {
        progress.ticks = progress.ticks.wrapping_add(1);
        let sweep_due = progress.swept.is_none_or(|at| (now.secs() - at).abs() >= SWEEP_EVERY);
        if sweep_due {
            progress.swept = Some(now.secs());
            progress.at = Some(0);
            self.sweep_devices(self.reference(now))?;
        }
        if !progress.behind && progress.at.is_none() && !progress.ticks.is_multiple_of(LOOK_EVERY) {
            return Ok(());
        }
        let reference = self.reference(now);
        let alert_cutoff = reference - i64::from(options.alert_days) * DAY;
        let from = progress.at;
        let over = budget(options.max_bytes);
        let (doomed, next) = self.read(|txn| {
            let mut doomed = Doomed::default();
            doomed.old_points(txn, reference)?;
            let next = doomed.old_alerts(txn, from, alert_cutoff)?;
            Ok((doomed, next))
        })?;
        progress.at = next;
        self.delete(&doomed)?;
        progress.behind = doomed.full() | self.shrink(over)?;
        Ok(())
    }

    /// Ages count from here: the newest record, or the clock when it is earlier.
    fn reference(&self, now: WallTime) -> i64 {
        now.secs().min(self.known.newest)
    }

    fn delete(&mut self, doomed: &Doomed) -> Result<(), StoreError> {
        if doomed.points.is_empty() && doomed.alerts.is_empty() {
            return Ok(());
        }
        self.known.counts = self.batched(|txn, known| {
            let mut counts = known.counts;
            for (step, start) in &doomed.points {
                txn.open_table(SERIES[*step])?.remove(start)?;
            }
            for id in &doomed.alerts {
                alerts::delete(txn, &mut counts, *id)?;
            }
            Ok(counts)
        })?;
        Ok(())
    }

    /// While there is more than `budget` bytes: the oldest records go, at most [`PER_TICK`]. Whether more must go.
    fn shrink(&mut self, budget: u64) -> Result<bool, StoreError> {
        let others = self.read(|txn| {
            let habits = txn.open_table(HABITS)?.len()? * HABIT_BYTES;
            SERIES
                .into_iter()
                .try_fold(habits, |n, table| Ok(n + txn.open_table(table)?.len()? * POINT_BYTES))
        })?;
        let mut live = self.known.device_bytes + self.known.counts.bytes + others;
        if live <= budget {
            return Ok(false);
        }
        let before = self.known.counts.alerts;
        self.known.counts = self.batched(|txn, known| {
            let mut known = Known { counts: known.counts, ..Known::default() };
            for _ in 0..PER_TICK {
                if live <= budget || !delete_oldest(txn, &mut known, &mut live)? {
                    break;
                }
            }
            Ok(known.counts)
        })?;
        log::debug!("store: {} of the oldest alerts deleted for space", before - self.known.counts.alerts);
        Ok(live > budget)
    }

    fn sweep_devices(&mut self, reference: i64) -> Result<(), StoreError> {
        let mut gone = self.read(|txn| stale_devices(txn, reference))?;
        gone.truncate(PER_TICK);
        if gone.is_empty() {
            return Ok(());
        }
        self.known.device_bytes = self.batched(|txn, known| {
            let mut total = known.device_bytes;
            let mut table = txn.open_table(DEVICES)?;
            for id in &gone {
                if let Some(old) = table.remove(id.as_str())? {
                    total = total.saturating_sub(records::size(id, old.value()));
                }
            }
            Ok(total)
        })?;
        Ok(())
    }
}

/// What one tick deletes.
#[derive(Debug, Default)]
struct Doomed {
    points: Vec<(usize, u64)>,
    alerts: Vec<u64>,
}

impl Doomed {
    fn full(&self) -> bool {
        self.points.len() >= PER_TICK || self.alerts.len() >= PER_TICK
    }

    fn old_points(&mut self, txn: &ReadTransaction, reference: i64) -> Op<()> {
        for (step, keep) in KEEP.into_iter().enumerate() {
            let Ok(cutoff) = u64::try_from(reference - keep) else { continue };
            let table = txn.open_table(SERIES[step])?;
            for entry in table.range(..cutoff)?.take(PER_TICK - self.points.len()) {
                self.points.push((step, entry?.0.value()));
            }
        }
        Ok(())
    }

    /// Looks at [`PER_TICK`] alerts from id `from` on; gives where to go on, `None` at the end.
    fn old_alerts(&mut self, txn: &ReadTransaction, from: Option<u64>, cutoff: i64) -> Op<Option<u64>> {
        let Some(from) = from else { return Ok(None) };
        let mut next = None;
        for entry in txn.open_table(ALERTS)?.range(from..)?.take(PER_TICK) {
            let (id, value) = entry?;
            if alerts::last_time(value.value()).is_none_or(|at| at.secs() < cutoff) {
                self.alerts.push(id.value());
            }
            next = Some(id.value().saturating_add(1));
        }
        Ok(next)
    }
}

/// Deletes the record with the oldest time among the first alert and the first point of each series.
fn delete_oldest(txn: &WriteTransaction, known: &mut Known, live: &mut u64) -> Op<bool> {
    let alert = first(txn, ALERTS, |id, value| (alerts::last_time(value).map_or(0, WallTime::secs), id))?;
    let mut oldest: Option<(i64, usize, u64)> = None;
    for (step, table) in SERIES.into_iter().enumerate() {
        if let Some(start) = txn.open_table(table)?.first()?.map(|(start, _)| start.value()) {
            let time = i64::try_from(start).unwrap_or(i64::MAX);
            if oldest.is_none_or(|(other, ..)| time < other) {
                oldest = Some((time, step, start));
            }
        }
    }
    match (alert, oldest) {
        (None, None) => return Ok(false),
        (Some((time, id)), point) if point.is_none_or(|(other, ..)| time <= other) => {
            let before = known.counts.bytes;
            alerts::delete(txn, &mut known.counts, id)?;
            *live = live.saturating_sub(before - known.counts.bytes);
        }
        (_, Some((_, step, start))) => {
            txn.open_table(SERIES[step])?.remove(start)?;
            *live = live.saturating_sub(POINT_BYTES);
        }
        (Some(_), None) => {}
    }
    Ok(true)
}

fn first<T>(
    txn: &WriteTransaction,
    table: TableDefinition<u64, &[u8]>,
    f: impl FnOnce(u64, &[u8]) -> T,
) -> Op<Option<T>> {
    let table = txn.open_table(table)?;
    let first = table.first()?;
    Ok(first.map(|(key, value)| f(key.value(), value.value())))
}

/// Devices to forget: not seen for long, or the longest unseen of too many. Those the owner cares about stay.
fn stale_devices(txn: &ReadTransaction, reference: i64) -> Op<Vec<String>> {
    let table = txn.open_table(DEVICES)?;
    let surplus = usize::try_from(table.len()?.saturating_sub(DEVICES_MAX)).unwrap_or(usize::MAX);
    let mut seen: Vec<(i64, String)> = Vec::new();
    for entry in table.iter()? {
        let Some(device) = records::decode::<DeviceRecord>(entry?.1.value()) else { continue };
        let last = device.last_seen.secs();
        let cared_for = device.name.is_some() || device.important || !device.notes.is_empty();
        if !cared_for && (surplus > 0 || last < reference - DEVICE_KEEP) {
            seen.push((last, device.id));
        }
    }
    seen.sort_unstable();
    let stale = seen.iter().filter(|(last, _)| *last < reference - DEVICE_KEEP).count();
    seen.truncate(stale.max(surplus));
    Ok(seen.into_iter().map(|(_, id)| id).collect())
}
