//! The clock of a replay: from the stamps in capture files, which jump and run backwards, to engine time, which
//! never does.

use crate::time::{SECOND, Timestamp, WallTime};

/// Engine time of the first frame: one day, so that "a little earlier" is not negative.
const START: Timestamp = Timestamp::from_secs(86_400);
/// Steps back below this are frames out of order (several capture queues, merged files), not a clock that was set.
const REORDERING: i64 = SECOND;
/// Steps ahead above this pass as this much. A week expires everything the engine keeps, as a gap in a capture
/// should; the years between stitched files, or from a stamp of zero to today, are no time that anyone watched.
const LONGEST_GAP: i64 = 7 * 86_400 * SECOND;

/// Maps wall stamps to engine time and owns the offset between the two.
#[derive(Clone, Debug, Default)]
pub struct TraceClock {
    last: Option<Timestamp>,
    offset: i64,
}

impl TraceClock {
    /// The engine time of a frame stamped `wall`; never before the one returned last.
    ///
    /// - A stamp less than a second back is reordering: the moment is the last one, the offset stays.
    /// - A stamp further back is a clock that was set: time goes on from the last moment with a new offset.
    /// - A stamp more than a week ahead lets a week pass; the rest goes into the offset.
    #[inline]
    pub fn map(&mut self, wall: WallTime) -> Timestamp {
        let last = match self.last {
            Some(last) => last,
            None => self.join(wall, START),
        };
        let at = wall.engine(self.offset);
        let step = at.micros().saturating_sub(last.micros());
        let at = match step {
            0..=LONGEST_GAP => at,
            ..0 if step > -REORDERING => last,
            ..0 => self.join(wall, last),
            _ => self.join(wall, last.plus(LONGEST_GAP)),
        };
        self.last = Some(at);
        at
    }

    /// Wall time minus engine time in microseconds, as of the last frame.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// Lets `wall` be the moment `at`.
    #[cold]
    fn join(&mut self, wall: WallTime, at: Timestamp) -> Timestamp {
        self.offset = wall.micros().saturating_sub(at.micros());
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_700_000_000 * SECOND;

    fn map(clock: &mut TraceClock, micros: i64) -> i64 {
        clock.map(WallTime::from_micros(micros)).micros() - START.micros()
    }

    #[test]
    fn ordinary_time_passes_as_stamped_and_wall_time_comes_back() {
        let mut clock = TraceClock::default();
        assert_eq!(map(&mut clock, NOW), 0);
        assert_eq!(map(&mut clock, NOW + 1_500_000), 1_500_000);
        let at = clock.map(WallTime::from_micros(NOW + 2 * SECOND));
        assert_eq!(at.wall(clock.offset()).micros(), NOW + 2 * SECOND);
    }

    #[test]
    fn frames_out_of_order_take_the_last_moment() {
        let mut clock = TraceClock::default();
        map(&mut clock, NOW);
        map(&mut clock, NOW + 500_000);
        assert_eq!(map(&mut clock, NOW + 1), 500_000);
        assert_eq!(map(&mut clock, NOW + 600_000), 600_000);
        assert_eq!(clock.offset(), NOW - START.micros());
    }

    #[test]
    fn a_clock_set_back_goes_on_from_the_last_moment() {
        let mut clock = TraceClock::default();
        map(&mut clock, NOW);
        assert_eq!(map(&mut clock, 0), 0);
        assert_eq!(map(&mut clock, 3 * SECOND), 3 * SECOND);
        let at = clock.map(WallTime::from_micros(4 * SECOND));
        assert_eq!(at.wall(clock.offset()).micros(), 4 * SECOND);
    }

    #[test]
    fn a_jump_of_years_is_a_week() {
        let mut clock = TraceClock::default();
        map(&mut clock, 0);
        assert_eq!(map(&mut clock, NOW), LONGEST_GAP);
        assert_eq!(map(&mut clock, NOW + 5), LONGEST_GAP + 5);
        assert_eq!(map(&mut clock, NOW + 5 + LONGEST_GAP), 2 * LONGEST_GAP + 5);
    }

    proptest! {
        #[test]
        fn engine_time_never_runs_backwards(stamps in prop::collection::vec(any::<i64>(), 1..50)) {
            let mut clock = TraceClock::default();
            let mut last = START;
            for stamp in stamps {
                let at = clock.map(WallTime::from_micros(stamp));
                prop_assert!(at >= last && at.since(last) <= LONGEST_GAP);
                last = at;
            }
        }
    }
}
