//! Traffic series: four resolutions, each holding the sums of the finer ones.
//!
//! A point is added to its bucket of every resolution at once, so sums are equal at each of them at all times. A
//! point of the past (the clock stepped back) joins the bucket of its own time.

use super::handle::{Handle, Op};
use super::schema::{SERIES, Sums};
use super::{Step, StoreError};
use crate::event::TrafficPoint;
use crate::time::{SECOND, WallTime};
use redb::{ReadTransaction, ReadableTable};

/// At most this many points per answer, to bound memory.
const PAGE: usize = 5000;

/// Seconds of a step, in the order of [`SERIES`].
pub(super) const STEP_SECONDS: [u64; 4] = [10, 60, 900, 3600];

impl Step {
    /// Every step, finest first.
    pub const ALL: [Step; 4] = [Step::Seconds10, Step::Minute, Step::Quarter, Step::Hour];

    /// Its length in seconds.
    pub const fn seconds(self) -> u64 {
        STEP_SECONDS[self as usize]
    }
}

impl Handle {
    pub(super) fn add_traffic(&mut self, point: &TrafficPoint) -> Result<(), StoreError> {
        let second = point.time.secs().max(0).unsigned_abs();
        self.batched(|txn, _| {
            for (definition, step) in SERIES.into_iter().zip(STEP_SECONDS) {
                let mut table = txn.open_table(definition)?;
                let start = second - second % step;
                let before = table.get(start)?.map_or([0; 7], |sums| sums.value());
                table.insert(start, added(before, sums(point)))?;
            }
            Ok(())
        })?;
        self.known.newest = self.known.newest.max(point.time.secs());
        Ok(())
    }

    pub(super) fn traffic(
        &mut self,
        step: Step,
        since: WallTime,
        until: WallTime,
    ) -> Result<Vec<TrafficPoint>, StoreError> {
        let (from, to) = (first_second(since), first_second(until));
        if from >= to {
            return Ok(Vec::new());
        }
        self.read(|txn| {
            let table = txn.open_table(SERIES[step as usize])?;
            let mut points = Vec::new();
            for entry in table.range(from..to)?.take(PAGE) {
                let (start, sums) = entry?;
                points.push(point(start.value(), sums.value()));
            }
            Ok(points)
        })
    }
}

/// Seconds since 1970, rounded up: keys are whole seconds.
fn first_second(time: WallTime) -> u64 {
    let up = i64::from(time.micros().rem_euclid(SECOND) > 0);
    u64::try_from(time.secs().saturating_add(up)).unwrap_or(0)
}

/// The newest second of the finest series; zero when there is none.
pub(super) fn newest(txn: &ReadTransaction) -> Op<i64> {
    let newest = txn.open_table(SERIES[0])?.last()?.map_or(0, |(start, _)| start.value());
    Ok(i64::try_from(newest).unwrap_or(0))
}

fn sums(p: &TrafficPoint) -> Sums {
    [p.bytes_in, p.bytes_out, p.bytes_internal, p.packets_in, p.packets_out, p.packets_internal, p.dropped]
}

fn added(a: Sums, b: Sums) -> Sums {
    std::array::from_fn(|i| a[i].saturating_add(b[i]))
}

fn point(start: u64, sums: Sums) -> TrafficPoint {
    let [bytes_in, bytes_out, bytes_internal, packets_in, packets_out, packets_internal, dropped] = sums;
    let time = WallTime::from_micros(i64::try_from(start).unwrap_or(0).saturating_mul(SECOND));
    TrafficPoint {
        time,
        bytes_in,
        bytes_out,
        bytes_internal,
        packets_in,
        packets_out,
        packets_internal,
        dropped,
    }
}
