//! How the count of an alert grew in time: a few buckets that grow wider as time goes on.

use crate::time::{SECOND, Timestamp};
use serde::{Deserialize, Serialize};

/// Buckets at most. When the last one is full, two become one and each is twice as wide.
pub const BUCKETS: usize = 24;

/// Counts per step since the alert was raised. Takes 104 bytes per open alert, however long it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Seconds per step: a power of two.
    step: u32,
    counts: [u32; BUCKETS],
}

impl Default for History {
    /// The first sight of it, in steps of a second.
    fn default() -> Self {
        let mut counts = [0; BUCKETS];
        counts[0] = 1;
        History { step: 1, counts }
    }
}

impl History {
    /// It was seen again, at `now`.
    pub fn add(&mut self, raised: Timestamp, now: Timestamp) {
        let seconds = u64::try_from(now.since(raised) / SECOND).unwrap_or(0);
        while seconds / u64::from(self.step) >= BUCKETS as u64 {
            if self.step > u32::MAX / 2 {
                return;
            }
            self.widen();
        }
        let count = &mut self.counts[(seconds / u64::from(self.step)) as usize];
        *count = count.saturating_add(1);
    }

    fn widen(&mut self) {
        self.step *= 2;
        for at in 0..BUCKETS {
            let pair = self.counts.get(2 * at..2 * at + 2).unwrap_or_default();
            self.counts[at] = pair.iter().fold(0, |sum, n| sum.saturating_add(*n));
        }
    }

    /// As it is stored and sent; `None` while there was only the first sight.
    pub fn record(&self) -> Option<HistoryRecord> {
        let used = self.counts.iter().rposition(|n| *n > 0)? + 1;
        let counts = self.counts[..used].to_vec();
        (counts != [1]).then_some(HistoryRecord { step_seconds: self.step, counts })
    }
}

/// Counts per step since the alert's `time`, oldest first, at most 24; steps after the last one had none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRecord {
    /// Seconds per step.
    pub step_seconds: u32,
    /// Counts.
    pub counts: Vec<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_single_sight_has_no_history_and_a_second_one_has() {
        let mut history = History::default();
        assert_eq!(history.record(), None);
        history.add(Timestamp::from_secs(10), Timestamp::from_secs(13));
        let record = history.record().expect("two sights");
        assert_eq!((record.step_seconds, record.counts), (1, vec![1, 0, 0, 1]));
    }

    #[test]
    fn steps_double_when_time_goes_on_and_keep_the_shape() {
        let mut history = History::default();
        let raised = Timestamp::from_secs(0);
        (1..=23).for_each(|s| history.add(raised, Timestamp::from_secs(s)));
        assert_eq!(history.record().expect("some").counts, vec![1; 24]);
        history.add(raised, Timestamp::from_secs(24));
        let record = history.record().expect("some");
        assert_eq!(record.step_seconds, 2);
        assert_eq!(record.counts, [vec![2; 12], vec![1]].concat());
        history.add(raised, Timestamp::from_secs(400 * 86_400));
        assert_eq!(history.record().expect("some").counts[0], 25);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_whatever_the_times(mut seconds in prop::collection::vec(0i64..10_000_000, 1..80)) {
            seconds.sort_unstable();
            let mut history = History::default();
            for s in &seconds {
                history.add(Timestamp::from_secs(5), Timestamp::from_secs(5 + s));
            }
            let record = history.record().expect("some");
            prop_assert_eq!(record.counts.iter().sum::<u32>() as usize, seconds.len() + 1);
            prop_assert!(record.counts.len() <= BUCKETS);
            let last = seconds.last().copied().unwrap_or(0);
            let at = last as usize / record.step_seconds as usize;
            prop_assert_eq!(at, record.counts.len() - 1, "the last step holds the last sight");
        }
    }
}
