//! What this sensor sees: everyone's traffic, its own only, one direction, or nothing.

use crate::observe::SensorSecond;
use crate::time::{SECOND, Timestamp};

/// Length of one half of the view, microseconds.
const HALF: i64 = 30 * SECOND;
/// Fewer than one frame in this many between other stations is an accident (a switch that has yet to learn a port).
const FOREIGN: u64 = 20;

/// What kinds of frames came lately: the half minute under way and the one before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct View {
    halves: [Seen; 2],
    since: Option<Timestamp>,
    whole: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    frames: u64,
    foreign: u64,
    one_way: u64,
    two_way: u64,
}

impl View {
    pub(super) fn add(&mut self, now: Timestamp, second: &SensorSecond) {
        let since = *self.since.get_or_insert(now);
        if now.since(since) >= HALF {
            self.halves = [Seen::default(), self.halves[0]];
            (self.since, self.whole) = (Some(now), true);
        }
        let half = &mut self.halves[0];
        half.frames += second.frames;
        half.foreign += second.foreign_unicast;
        half.one_way += u64::from(second.one_way_flows);
        half.two_way += u64::from(second.two_way_flows);
    }

    pub(super) fn verdict(&self) -> &'static str {
        let sum = |of: fn(&Seen) -> u64| self.halves.iter().map(of).sum::<u64>();
        let (frames, foreign) = (sum(|s| s.frames), sum(|s| s.foreign));
        let mirrors = foreign * FOREIGN > frames;
        let one_way = sum(|s| s.one_way) > 4 * sum(|s| s.two_way) + 20;
        match (mirrors, one_way, self.whole) {
            (true, true, _) => "one_way",
            (true, false, _) => "mirror",
            (false, _, false) => "unknown",
            (false, _, true) if frames == 0 => "silent",
            (false, _, true) => "own",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(second: SensorSecond) -> &'static str {
        let mut view = View::default();
        for s in 0..60 {
            view.add(Timestamp::from_secs(1000 + s), &second);
        }
        view.verdict()
    }

    #[test]
    fn each_way_of_seeing_has_its_word() {
        let own =
            SensorSecond { frames: 100, own_or_group: 99, foreign_unicast: 1, ..SensorSecond::default() };
        let mirror = SensorSecond { foreign_unicast: 50, two_way_flows: 3, ..own };
        let half = SensorSecond { foreign_unicast: 50, one_way_flows: 9, ..own };
        assert_eq!(seen(SensorSecond::default()), "silent");
        assert_eq!(seen(own), "own");
        assert_eq!(seen(mirror), "mirror");
        assert_eq!(seen(half), "one_way");
        assert_eq!(View::default().verdict(), "unknown", "too early to say");
    }
}
