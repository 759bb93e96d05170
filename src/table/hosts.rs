//! Hosts: every address that takes part, what it moves, and which device it belongs to.

use super::bounded::Slot;
use crate::time::{SECOND, Timestamp};

/// Length of a rate window, microseconds: long enough to be calm, short enough to be "now".
const WINDOW: i64 = 10 * SECOND;
/// Rate windows per hour.
const WINDOWS_PER_HOUR: u32 = 360;

/// One address.
#[derive(Clone, Debug)]
pub struct Host {
    /// Whether it is one of ours.
    pub inside: bool,
    /// The device that owns it, when the link shows one (a hint into the device table, checked before use).
    pub device: Option<Slot>,
    /// First packet from or to it.
    pub first_at: Timestamp,
    /// Last packet from it; [`Timestamp::MIN`] while it has only been spoken to.
    pub last_sent_at: Timestamp,
    /// Bytes it received.
    pub bytes_in: u64,
    /// Bytes it sent.
    pub bytes_out: u64,
    /// How fast it receives.
    pub rate_in: Rate,
    /// How fast it sends.
    pub rate_out: Rate,
}

impl Host {
    /// A host first met at `now`.
    pub fn new(now: Timestamp, inside: bool) -> Self {
        Host {
            inside,
            device: None,
            first_at: now,
            last_sent_at: Timestamp::MIN,
            bytes_in: 0,
            bytes_out: 0,
            rate_in: Rate::default(),
            rate_out: Rate::default(),
        }
    }

    /// Counts bytes it sent.
    #[inline]
    pub fn sent(&mut self, now: Timestamp, bytes: u32) {
        self.last_sent_at = now;
        self.bytes_out += u64::from(bytes);
        self.rate_out.add(now, bytes);
    }

    /// Counts bytes it received.
    #[inline]
    pub fn received(&mut self, now: Timestamp, bytes: u32) {
        self.bytes_in += u64::from(bytes);
        self.rate_in.add(now, bytes);
    }
}

/// Bytes per second over about the last ten seconds, and bytes of this hour and the one before; without arithmetic
/// per idle second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    window: u32,
    current: u32,
    previous: u32,
    this_hour: u64,
    last_hour: u64,
}

impl Rate {
    /// Adds bytes at `now`.
    #[inline]
    pub fn add(&mut self, now: Timestamp, bytes: u32) {
        self.roll(window_of(now));
        self.current = self.current.saturating_add(bytes);
        self.this_hour += u64::from(bytes);
    }

    #[inline]
    fn roll(&mut self, window: u32) {
        if window != self.window {
            self.previous = if window == self.window.wrapping_add(1) { self.current } else { 0 };
            self.current = 0;
            let hours = (window / WINDOWS_PER_HOUR).wrapping_sub(self.window / WINDOWS_PER_HOUR);
            if hours > 0 {
                self.last_hour = if hours == 1 { self.this_hour } else { 0 };
                self.this_hour = 0;
            }
            self.window = window;
        }
    }

    /// Bytes since [`recent_since`]`(now)`: one to two hours.
    pub fn recent(mut self, now: Timestamp) -> u64 {
        self.roll(window_of(now));
        self.this_hour + self.last_hour
    }

    /// Bytes per second at `now`.
    pub fn per_second(mut self, now: Timestamp) -> f64 {
        self.roll(window_of(now));
        let part = now.micros().rem_euclid(WINDOW) as f64 / WINDOW as f64;
        (f64::from(self.previous) * (1.0 - part) + f64::from(self.current)) / 10.0
    }
}

/// Start of the hour before the one that goes on at `now`: since when [`Rate::recent`] counts.
pub fn recent_since(now: Timestamp) -> Timestamp {
    const HOUR: i64 = 3600 * SECOND;
    Timestamp::from_micros((now.micros().div_euclid(HOUR) - 1) * HOUR)
}

fn window_of(now: Timestamp) -> u32 {
    (now.micros().div_euclid(WINDOW) & i64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_a_steady_rate_and_silence_has_none() {
        let mut rate = Rate::default();
        for tenth in 0..600 {
            rate.add(Timestamp::from_micros(1_000_000_000 + tenth * SECOND / 10), 100);
        }
        let now = Timestamp::from_micros(1_000_000_000 + 60 * SECOND);
        assert!((rate.per_second(now) - 1000.0).abs() < 20.0, "{}", rate.per_second(now));
        assert_eq!(rate.per_second(now.plus(30 * SECOND)), 0.0);
    }

    #[test]
    fn recent_bytes_are_those_of_this_hour_and_the_one_before() {
        let mut rate = Rate::default();
        let at = |minute: i64| Timestamp::from_secs(1_800_000 + minute * 60);
        for (minute, bytes) in [(1, 1), (59, 10), (61, 100), (179, 1000)] {
            rate.add(at(minute), bytes);
        }
        assert_eq!(rate.recent(at(179)), 1100);
        assert_eq!(recent_since(at(179)), at(60));
        assert_eq!(rate.recent(at(181)), 1000);
        assert_eq!(rate.recent(at(300)), 0);
    }
}
