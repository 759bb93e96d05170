//! Shared counting: distinct values, rates and regularity over sliding windows.
//!
//! Every window is a value of fixed size without a heap part, made to be the value of a
//! [`Bounded`](crate::table::bounded::Bounded) table: steady state allocates nothing, and a flood saturates.

use crate::time::{SECOND, Timestamp};

/// Tenths of a second of engine time, wrapping after thirteen years: a quarter of the memory of a [`Timestamp`] pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick(u32);

impl Tick {
    /// The tick that `at` lies in.
    pub const fn of(at: Timestamp) -> Tick {
        Tick(at.micros().div_euclid(SECOND / 10) as u32)
    }
    /// Tenths of a second since `earlier`; zero when `earlier` is later.
    pub const fn since(self, earlier: Tick) -> u32 {
        let gone = self.0.wrapping_sub(earlier.0);
        if gone > u32::MAX / 2 { 0 } else { gone }
    }
    /// Whether `earlier` is at most `seconds` ago.
    pub const fn within(self, earlier: Tick, seconds: u32) -> bool {
        self.since(earlier) <= seconds.saturating_mul(10)
    }
}

/// Remembers the first sight of a key in eight bytes, so that only a key that comes again with another value costs a
/// table entry: a flood from made-up addresses never comes again. Direct-mapped; a newer key takes the place of an older
/// one.
#[derive(Clone, Debug)]
pub struct Door {
    places: Vec<(u32, u32)>,
}

impl Door {
    /// Room for `keys` first sights, rounded up to a power of two.
    pub fn new(keys: usize) -> Self {
        Door { places: vec![(0, 0); keys.next_power_of_two()] }
    }

    /// The value that `key` came with first, when that is another than `value` by `same`; else it is remembered (with
    /// the larger value, when they are the same) and `None`.
    pub fn knock(&mut self, key: u64, value: u32, same: impl FnOnce(u32, u32) -> bool) -> Option<u32> {
        let (tag, place) = self.place(key);
        if place.0 != tag {
            *place = (tag, value);
            return None;
        }
        if !same(place.1, value) {
            return Some(place.1);
        }
        place.1 = place.1.max(value);
        None
    }

    /// Forgets `key` when it came with `value`.
    pub fn forget(&mut self, key: u64, value: u32) {
        let (tag, place) = self.place(key);
        if *place == (tag, value) {
            *place = (0, 0);
        }
    }

    fn place(&mut self, key: u64) -> (u32, &mut (u32, u32)) {
        let at = key as usize & (self.places.len() - 1);
        ((key >> 32) as u32 | 1, &mut self.places[at])
    }
}

/// Lets something happen at most once a second, so that a growing incident is not rebuilt for every packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace(Option<Tick>);

impl Pace {
    /// Whether it is time again; if so, the second begins anew.
    pub fn due(&mut self, now: Tick) -> bool {
        let due = self.0.is_none_or(|last| now.since(last) >= 10);
        if due {
            self.0 = Some(now);
        }
        due
    }
    /// Whether it ever happened.
    pub fn begun(&self) -> bool {
        self.0.is_some()
    }
    /// Whether it happened at most `seconds` ago.
    pub fn within(&self, now: Tick, seconds: u32) -> bool {
        self.0.is_some_and(|last| now.within(last, seconds))
    }
}

/// Up to `N` distinct values, each with when it was last seen and a weight. Full, it forgets the value seen longest ago.
#[derive(Clone, Copy, Debug)]
pub struct Distinct<const N: usize> {
    len: u16,
    values: [u32; N],
    seen: [Tick; N],
    weights: [u8; N],
}

impl<const N: usize> Default for Distinct<N> {
    fn default() -> Self {
        Distinct { len: 0, values: [0; N], seen: [Tick(0); N], weights: [0; N] }
    }
}

impl<const N: usize> Distinct<N> {
    /// The weight of `value`, which is marked as seen now; a value not seen before begins at 0. The flag says so.
    pub fn seen(&mut self, value: u32, now: Tick) -> (&mut u8, bool) {
        let len = usize::from(self.len);
        let (at, new) = match self.values[..len].iter().position(|v| *v == value) {
            Some(at) => (at, false),
            None if len < N => {
                self.len += 1;
                (len, true)
            }
            None => (self.oldest(now), true),
        };
        if new {
            self.values[at] = value;
            self.weights[at] = 0;
        }
        self.seen[at] = now;
        (&mut self.weights[at], new)
    }

    /// The weight of `value` when it is held; its time stays.
    pub fn weight_mut(&mut self, value: u32) -> Option<&mut u8> {
        let at = self.values[..usize::from(self.len)].iter().position(|v| *v == value)?;
        Some(&mut self.weights[at])
    }

    fn oldest(&self, now: Tick) -> usize {
        (0..N).max_by_key(|i| (now.since(self.seen[*i]), N - i)).unwrap_or(0)
    }

    /// How many values with a weight were seen in the last `seconds`, and the sum of their weights.
    pub fn within(&self, now: Tick, seconds: u32) -> (u32, u32) {
        let recent = (0..usize::from(self.len)).filter(|i| now.within(self.seen[*i], seconds));
        recent.fold((0, 0), |(count, sum), i| {
            (count + u32::from(self.weights[i] > 0), sum + u32::from(self.weights[i]))
        })
    }

    /// How many values are held that were seen in the last `seconds`, whatever their weight.
    pub fn held(&self, now: Tick, seconds: u32) -> u32 {
        (0..usize::from(self.len)).filter(|i| now.within(self.seen[*i], seconds)).count() as u32
    }
}

/// Distinct values over a long window, by estimate: two bitmaps that take turns, each for half the window. Good to
/// 5 % up to about 250 values, saturating near 1,000.
#[derive(Clone, Copy, Debug, Default)]
pub struct Coarse {
    began: Tick,
    halves: [[u64; 4]; 2],
}

impl Coarse {
    /// Notes a value.
    pub fn add(&mut self, value: u32, now: Tick, window_seconds: u32) {
        self.slide(now, window_seconds);
        let bit = (mix(u64::from(value) + 1) >> 56) as usize;
        self.halves[0][bit / 64] |= 1 << (bit % 64);
    }

    /// About how many distinct values were noted in the window.
    pub fn estimate(&mut self, now: Tick, window_seconds: u32) -> u32 {
        self.slide(now, window_seconds);
        let set: u32 = (0..4).map(|i| (self.halves[0][i] | self.halves[1][i]).count_ones()).sum();
        let free = f64::from(256 - set).max(0.5);
        (256.0 * (256.0 / free).ln()).round() as u32
    }

    fn slide(&mut self, now: Tick, window_seconds: u32) {
        let gone = now.since(self.began) / (window_seconds.max(2) * 5);
        if gone > 0 {
            self.halves[1] = if gone == 1 { self.halves[0] } else { [0; 4] };
            self.halves[0] = [0; 4];
            self.began = now;
        }
    }
}

/// `C` counters over a window, in two halves that take turns: what they hold is between half a window and a whole one
/// old.
#[derive(Clone, Copy, Debug)]
pub struct Halves<const C: usize> {
    began: Tick,
    halves: [[u32; C]; 2],
}

impl<const C: usize> Default for Halves<C> {
    fn default() -> Self {
        Halves { began: Tick(0), halves: [[0; C]; 2] }
    }
}

impl<const C: usize> Halves<C> {
    /// Adds to each counter.
    pub fn add(&mut self, now: Tick, window_seconds: u32, add: [u32; C]) {
        self.slide(now, window_seconds);
        for (held, more) in self.halves[0].iter_mut().zip(add) {
            *held = held.saturating_add(more);
        }
    }

    /// Each counter over the window.
    pub fn totals(&mut self, now: Tick, window_seconds: u32) -> [u32; C] {
        self.slide(now, window_seconds);
        std::array::from_fn(|i| self.halves[0][i].saturating_add(self.halves[1][i]))
    }

    fn slide(&mut self, now: Tick, window_seconds: u32) {
        let gone = now.since(self.began) / (window_seconds.max(2) * 5);
        if gone > 0 {
            self.halves[1] = if gone == 1 { self.halves[0] } else { [0; C] };
            self.halves[0] = [0; C];
            self.began = now;
        }
    }
}

/// Events per second over the last `S` seconds.
#[derive(Clone, Copy, Debug)]
pub struct Rate<const S: usize> {
    second: i64,
    counts: [u32; S],
}

impl<const S: usize> Default for Rate<S> {
    fn default() -> Self {
        Rate { second: i64::MIN / 2, counts: [0; S] }
    }
}

impl<const S: usize> Rate<S> {
    /// Counts `n` events now.
    pub fn add(&mut self, now: Timestamp, n: u32) {
        self.slide(now);
        let at = self.second.rem_euclid(S as i64) as usize;
        self.counts[at] = self.counts[at].saturating_add(n);
    }

    /// Events in the last `S` seconds, the running one included.
    pub fn total(&mut self, now: Timestamp) -> u64 {
        self.slide(now);
        self.counts.iter().map(|c| u64::from(*c)).sum()
    }

    /// How many seconds in a row, up to the last whole one, had more than `above` events.
    pub fn sustained(&mut self, now: Timestamp, above: u32) -> u32 {
        self.slide(now);
        let count = |back: i64| self.counts[(self.second - back).rem_euclid(S as i64) as usize];
        (1..S as i64).take_while(|back| count(*back) > above).count() as u32
    }

    /// The largest number of events in one second of the window.
    pub fn peak(&self) -> u32 {
        self.counts.iter().copied().max().unwrap_or(0)
    }

    fn slide(&mut self, now: Timestamp) {
        let second = now.micros().div_euclid(SECOND);
        let gone = second.saturating_sub(self.second).clamp(0, S as i64);
        for step in 1..=gone {
            self.counts[(second - gone + step).rem_euclid(S as i64) as usize] = 0;
        }
        self.second = self.second.max(second);
    }
}

/// How regular something is: the last 32 intervals, their median, and the median absolute deviation from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Regular {
    len: u8,
    next: u8,
    values: [u32; 32],
}

impl Regular {
    /// Adds one interval (any unit).
    pub fn add(&mut self, value: u32) {
        self.values[usize::from(self.next)] = value;
        self.next = (self.next + 1) % 32;
        self.len = (self.len + 1).min(32);
    }

    /// How many intervals are held.
    pub fn len(&self) -> u32 {
        u32::from(self.len)
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many intervals lie within `percent` of `median`.
    pub fn near(&self, median: u32, percent: u32) -> u32 {
        let wide = u64::from(median) * u64::from(percent);
        let held = &self.values[..usize::from(self.len)];
        held.iter().filter(|v| u64::from(v.abs_diff(median)) * 100 <= wide).count() as u32
    }

    /// Median, and median absolute deviation; zeros when empty.
    pub fn median_and_spread(&self) -> (u32, u32) {
        let mut sorted = self.values;
        let held = &mut sorted[..usize::from(self.len)];
        let Some(median) = middle(held) else { return (0, 0) };
        for value in &mut *held {
            *value = value.abs_diff(median);
        }
        (median, middle(held).unwrap_or(0))
    }
}

fn middle(values: &mut [u32]) -> Option<u32> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// Spreads a value over 64 bits; fixed, so that replays and incident ids repeat.
pub const fn mix(value: u64) -> u64 {
    let x = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(tenths: i64) -> Tick {
        Tick::of(Timestamp::from_micros(tenths * SECOND / 10))
    }

    #[test]
    fn distinct_values_leave_the_window_when_not_seen_again() {
        let mut d = Distinct::<8>::default();
        for i in 0..4 {
            *d.seen(i, at(10 * i64::from(i))).0 = 2;
        }
        assert_eq!(d.within(at(30), 60), (4, 8));
        assert_eq!(d.within(at(30), 1), (2, 4));
        assert!(!d.seen(0, at(40)).1);
        assert_eq!(d.within(at(50), 1), (1, 2));
    }

    #[test]
    fn a_door_opens_for_who_comes_again_with_something_else() {
        let mut door = Door::new(8);
        let same = |a: u32, b: u32| a & 0xff == b & 0xff;
        assert_eq!(door.knock(mix(1), 5, same), None);
        assert_eq!(door.knock(mix(1), 0x105, same), None, "the same again, heavier");
        assert_eq!(door.knock(mix(1), 6, same), Some(0x105));
        door.forget(mix(1), 0x105);
        assert_eq!(door.knock(mix(1), 6, same), None);
    }

    #[test]
    fn a_full_distinct_window_forgets_the_oldest() {
        let mut d = Distinct::<4>::default();
        for i in 0..100 {
            *d.seen(i, at(i64::from(i))).0 = 1;
        }
        assert_eq!(d.within(at(100), 60), (4, 4));
        assert!(d.weight_mut(99).is_some() && d.weight_mut(95).is_none());
    }

    #[test]
    fn the_coarse_estimate_follows_the_truth_and_slides() {
        let mut c = Coarse::default();
        for i in 0..60 {
            c.add(i * 7, at(0), 3600);
            c.add(i * 7, at(0), 3600);
        }
        assert!((54..=66).contains(&c.estimate(at(0), 3600)), "{}", c.estimate(at(0), 3600));
        assert!(c.estimate(at(18_000), 3600) > 50, "half a window later they still count");
        assert_eq!(c.estimate(at(54_001), 3600), 0);
    }

    #[test]
    fn a_rate_is_sustained_only_without_a_gap() {
        let mut r = Rate::<8>::default();
        for s in 100..106 {
            r.add(Timestamp::from_secs(s), if s == 102 { 1 } else { 300 });
        }
        assert_eq!(r.sustained(Timestamp::from_secs(106), 200), 3);
        assert_eq!(r.peak(), 300);
        assert_eq!(r.total(Timestamp::from_secs(200)), 0);
    }

    #[test]
    fn regular_intervals_have_a_small_spread_and_random_ones_a_large() {
        let (mut even, mut odd) = (Regular::default(), Regular::default());
        for i in 0..40u64 {
            even.add(60_000 + (mix(i) % 6_000) as u32);
            odd.add((mix(i) % 120_000) as u32);
        }
        let share = |r: &Regular| f64::from(r.median_and_spread().1) / f64::from(r.median_and_spread().0);
        assert!(share(&even) < 0.05 && share(&odd) > 0.3, "{} {}", share(&even), share(&odd));
    }

    #[test]
    fn counters_in_halves_last_at_least_half_a_window() {
        let mut h = Halves::<2>::default();
        h.add(at(100), 60, [3, 5]);
        assert_eq!(h.totals(at(399), 60), [3, 5]);
        assert_eq!(h.totals(at(400), 60), [3, 5]);
        assert_eq!(h.totals(at(701), 60), [0, 0]);
    }

    proptest! {
        #[test]
        fn windows_never_count_more_than_happened(steps in proptest::collection::vec((0i64..100, 0u32..50), 1..200)) {
            let (mut d, mut r, mut c) = (Distinct::<16>::default(), Rate::<10>::default(), Coarse::default());
            let mut now = 1_000i64;
            let mut seen = Vec::new();
            for (gap, value) in steps {
                now += gap;
                let time = Timestamp::from_micros(now * SECOND / 10);
                *d.seen(value, at(now)).0 = 1;
                r.add(time, 1);
                c.add(value, at(now), 10);
                seen.push((now, value));
                let recent: std::collections::HashSet<u32> =
                    seen.iter().filter(|(t, _)| now - t <= 100).map(|(_, v)| *v).collect();
                let (count, _) = d.within(at(now), 10);
                prop_assert_eq!(count as usize, recent.len().min(16));
                let in_rate = seen.iter().filter(|(t, _)| now / 10 - t / 10 < 10).count();
                prop_assert_eq!(r.total(time), in_rate as u64);
                prop_assert!(c.estimate(at(now), 10) <= 80);
            }
        }
    }
}
