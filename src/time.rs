//! Time: what the engine reckons with, what people read, and the only reads of the clock.
//!
//! The engine runs on [`Timestamp`]: microseconds that never run backwards, from the monotonic clock when live
//! and from the frames' own stamps in a replay. People read [`WallTime`]: microseconds of Unix time. The two are
//! joined by one offset that `run` (or the replay) owns, so a clock that jumps never expires a table.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;

/// A moment in engine time, in microseconds; the origin is arbitrary, the order is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest moment there is: "long ago".
    pub const MIN: Timestamp = Timestamp(i64::MIN / 4);

    /// A moment from microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Timestamp(micros)
    }

    /// A moment from whole seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Timestamp(secs * SECOND)
    }

    /// Microseconds since the origin.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Microseconds from `earlier` to here; zero when `earlier` is later.
    pub const fn since(self, earlier: Timestamp) -> i64 {
        let d = self.0.saturating_sub(earlier.0);
        if d < 0 { 0 } else { d }
    }

    /// This moment moved by `micros`, without overflow.
    #[must_use]
    pub const fn plus(self, micros: i64) -> Self {
        Timestamp(self.0.saturating_add(micros))
    }

    /// This moment as wall time, `offset` being wall time minus engine time in microseconds.
    pub const fn wall(self, offset: i64) -> WallTime {
        WallTime(self.0.saturating_add(offset))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, d: Duration) -> Timestamp {
        self.plus(i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
    }
}

/// A moment as people write it: microseconds since 1970-01-01T00:00:00Z. Written and read as RFC 3339 in UTC
/// with six decimals (`2026-01-02T03:04:05.678901Z`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(i64);

impl WallTime {
    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        WallTime(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// The engine time of this moment, `offset` being wall time minus engine time.
    pub const fn engine(self, offset: i64) -> Timestamp {
        Timestamp(self.0.saturating_sub(offset))
    }

    /// Reads RFC 3339: a date, `T` or a space, a time with any number of decimals (cut to six), `Z` or an
    /// offset. A date alone means midnight UTC. Returns `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (date, rest) = text.split_at_checked(10)?;
        let mut parts = date.split('-').map(digits);
        let (y, m, d) = (parts.next()??, parts.next()??, parts.next()??);
        if !(1..=12).contains(&m) || !(1..=31).contains(&d) || parts.next().is_some() {
            return None;
        }
        let midnight = days_from_civil(y, m, d) * 86_400;
        if rest.is_empty() {
            return Some(WallTime(midnight * SECOND));
        }
        let rest = rest.strip_prefix(['T', 't', ' '])?;
        let zone_at = rest.find(['Z', 'z', '+', '-'])?;
        let (clock, zone) = rest.split_at(zone_at);
        let (clock, decimals) = clock.split_once('.').unwrap_or((clock, "0"));
        let mut hms = clock.split(':').map(digits);
        let (h, min, s) = (hms.next()??, hms.next()??, hms.next().unwrap_or(Some(0))?);
        if h > 23
            || min > 59
            || s > 60
            || hms.next().is_some()
            || !decimals.bytes().all(|b| b.is_ascii_digit())
        {
            return None;
        }
        let micros: i64 = format!("{decimals:0<6.6}").parse().ok()?;
        let shift = match zone {
            "Z" | "z" => 0,
            _ => {
                let (zh, zm) = zone.get(1..)?.split_once(':')?;
                let seconds = digits(zh)? * 3600 + digits(zm)? * 60;
                if zone.starts_with('-') { -seconds } else { seconds }
            }
        };
        let seconds = midnight + h * 3600 + min * 60 + s - shift;
        Some(WallTime(seconds * SECOND + micros))
    }
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
const fn days_from_civil(y: i64, m: i64, d: i64) -> i64 {
    let y = if m <= 2 { y - 1 } else { y };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (m + if m > 2 { -3 } else { 9 }) + 2) / 5 + d - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// The date of a number of days since 1970-01-01.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + if m <= 2 { 1 } else { 0 }, m, doy - (153 * mp + 2) / 5 + 1)
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, micros) = (self.0.div_euclid(SECOND), self.0.rem_euclid(SECOND));
        let (y, m, d) = civil_from_days(secs.div_euclid(86_400));
        let s = secs.rem_euclid(86_400);
        write!(f, "{y:04}-{m:02}-{d:02}T{:02}:{:02}:{:02}.{micros:06}Z", s / 3600, s / 60 % 60, s % 60)
    }
}

impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WallTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        WallTime::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not an RFC 3339 time")))
    }
}

/// Reads the monotonic clock. Engine time of a live monitor: one hour at the first read in this process, so
/// that "a little earlier" is never negative.
#[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn monotonic() -> Timestamp {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(Instant::now);
    Timestamp::from_secs(3600) + start.elapsed()
}

/// Reads the wall clock; a clock before 1970 reads as 1970.
#[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn wall() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    WallTime(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_is_written_and_read_back() {
        for micros in [0, 1, 1_767_323_045_678_901, -1, 951_782_400_000_000, 4_102_444_799_999_999] {
            let wall = WallTime(micros);
            assert_eq!(WallTime::parse(&wall.to_string()), Some(wall), "{wall}");
        }
        assert_eq!(WallTime(1_767_323_045_678_901).to_string(), "2026-01-02T03:04:05.678901Z");
    }

    #[test]
    fn rfc_3339_variants_are_understood() {
        let at = WallTime::parse("2026-01-02T03:04:05Z").expect("plain");
        assert_eq!(WallTime::parse("2026-01-02 04:04:05.0+01:00"), Some(at));
        assert_eq!(WallTime::parse("2026-01-02").map(WallTime::micros), Some(1_767_312_000_000_000));
        for bad in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-01-02T25:00:00Z",
            "2026-01-02T03:04:05",
            "2026-01-02T1:2:3.xZ",
        ] {
            assert_eq!(WallTime::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn engine_time_never_counts_backwards() {
        let (a, b) = (Timestamp::from_secs(5), Timestamp::from_secs(7));
        assert_eq!(b.since(a), 2 * SECOND);
        assert_eq!(a.since(b), 0);
        assert!(monotonic() <= monotonic());
    }
}
