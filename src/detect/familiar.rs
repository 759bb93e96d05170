//! Who has dealt with whom before: a bounded memory of pairs, so that what is done every day is told from what is new.

use super::ip_part;
use super::window::{Tick, mix};
use crate::addr::Ip;
use crate::table::bounded::Bounded;

/// A pair is familiar once its first meeting lies this many seconds back: longer than an attack takes to spread.
const AGE: u32 = 3600;
/// A pair that has not met for so many seconds is forgotten: a month, so that monthly chores stay familiar.
const LIFE: u32 = 32 * 86_400;

/// Pairs of hosts with their first and latest meeting. Full, it forgets the pair that was longest without one.
pub struct Familiar {
    pairs: Bounded<u64, (Tick, Tick)>,
}

impl Familiar {
    /// Room for `pairs`.
    pub fn new(pairs: usize) -> Self {
        Familiar { pairs: Bounded::new(pairs) }
    }

    /// Notes that `client` deals with `server`, and says whether it did so before.
    pub fn meet(&mut self, client: Ip, server: Ip, now: Tick) -> bool {
        let key = mix(ip_part(client) ^ ip_part(server).rotate_left(17));
        let ((first, last), _) = self.pairs.entry(key, || (now, now));
        if !now.within(*last, LIFE) {
            *first = now;
        }
        *last = now;
        !now.within(*first, AGE)
    }

    /// Pairs remembered.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn a_pair_becomes_familiar_after_an_hour_and_strange_again_after_a_long_silence() {
        let ip = |last| Ip::v4([10, 0, 0, last]);
        let at = |seconds| Tick::of(Timestamp::from_secs(seconds));
        let mut familiar = Familiar::new(4);
        assert!(!familiar.meet(ip(1), ip(2), at(0)) && !familiar.meet(ip(1), ip(2), at(3000)));
        assert!(familiar.meet(ip(1), ip(2), at(3700)), "an hour after the first meeting");
        assert!(!familiar.meet(ip(2), ip(1), at(3700)), "the other way round is another pair");
        assert!(familiar.meet(ip(1), ip(2), at(86_400 * 20)));
        assert!(!familiar.meet(ip(1), ip(2), at(86_400 * 60)));
    }
}
