//! What a device does: at which hours, how long it is silent, on which ports it answers, with whom it moves most bytes.
//!
//! All of it has a fixed size: 56 bytes for the hours and silences of every device, and for those that take part in
//! connections a box with at most `MAX_SERVICES` ports, `MAX_PEERS` peers, `MAX_DAYS` days, 216 bytes for the last 24 hours,
//! and `MAX_ASKED` domains for those that ask for names (0.7 KB as names are, 1.4 KB at the most). Nothing here is touched per packet: presence
//! moves once a minute, the rest when a flow is answered or over.

use crate::addr::Ip;
use crate::time::Timestamp;

/// Ports remembered per device; the one not seen for longest makes room.
const MAX_SERVICES: usize = 16;
/// Peers remembered per device. Space-saving: a new one takes the place and the count of the smallest.
const MAX_PEERS: usize = 8;
/// Days of bytes kept, without the running one.
const MAX_DAYS: usize = 7;
/// Hours of bytes kept, the running one included.
const HOURS: usize = 24;
/// Domains remembered that a device asked for; the one not asked for longest makes room.
const MAX_ASKED: usize = 16;
/// Longest domain that is remembered, bytes.
const MAX_DOMAIN: usize = 64;
/// What an hour of presence adds to its slot; each day takes an eighth. A device that is there every day tends to 248.
const PRESENT: u8 = 31;

/// When a device is usually there, and how long its silences last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Presence by hour of the day (UTC), 0 to 255.
    pub hours: [u8; 24],
    /// The longest silence of each of the last seven days, minutes.
    gaps: [u16; 7],
    /// Hour since 1970 of the last presence noted.
    hour: i32,
    /// Last frame when presence was last noted; [`Timestamp::MIN`] before the first time in this run.
    pub seen_at: Timestamp,
}

impl Default for Presence {
    fn default() -> Self {
        Presence { hours: [0; 24], gaps: [0; 7], hour: 0, seen_at: Timestamp::MIN }
    }
}

impl Presence {
    /// It was there in this hour (since 1970).
    pub fn there(&mut self, hour: i64) {
        let hour = i32::try_from(hour).unwrap_or(0);
        if hour == self.hour {
            return;
        }
        let passed = i64::from(hour) - i64::from(self.hour);
        if passed > 0 && self.hour > 0 {
            self.pass(passed);
        }
        self.hour = hour;
        let slot = &mut self.hours[hour.rem_euclid(24) as usize];
        *slot = slot.saturating_add(PRESENT);
    }

    /// Every slot that came by loses an eighth; every day that begins forgets the silences of a week ago.
    fn pass(&mut self, hours: i64) {
        for step in 1..=hours.min(24 * 30) {
            let hour = i64::from(self.hour) + step;
            let slot = &mut self.hours[hour.rem_euclid(24) as usize];
            *slot -= slot.div_ceil(8);
            if hour.rem_euclid(24) == 0 {
                self.gaps[hour.div_euclid(24).rem_euclid(7) as usize] = 0;
            }
        }
    }

    /// A silence of so many minutes is over.
    pub fn silent(&mut self, minutes: i64) {
        let minutes = minutes.max(0);
        let today = &mut self.gaps[(self.hour.div_euclid(24)).rem_euclid(7) as usize];
        *today = (*today).max(u16::try_from(minutes).unwrap_or(u16::MAX));
    }

    /// The longest silence of the last week, minutes.
    pub fn usual_gap(&self) -> u16 {
        self.gaps.iter().copied().max().unwrap_or(0)
    }

    /// From the store: the hours, the longest silence, and the hour of the last presence.
    pub fn restore(hours: &[u8], gap: u16, hour: i64) -> Presence {
        let mut presence = Presence { hour: i32::try_from(hour).unwrap_or(0), ..Presence::default() };
        for (slot, value) in presence.hours.iter_mut().zip(hours) {
            *slot = *value;
        }
        presence.silent(i64::from(gap));
        presence
    }
}

/// A port on which a device answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// Port.
    pub port: u16,
    /// TCP; else UDP.
    pub tcp: bool,
    /// It answered somebody outside.
    pub outside: bool,
    /// Day (since 1970) when it last did.
    pub day: i32,
}

/// What takes part in connections has besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Ports on which it answers.
    pub services: Vec<Service>,
    /// With whom it moves most bytes: both directions, most first, halved every day.
    pub peers: Vec<(Ip, u64)>,
    /// Bytes received and sent on the days before this one, latest first: day (since 1970), received, sent.
    pub days: Vec<(i64, u64, u64)>,
    /// Bytes by the hour.
    pub hours: Hours,
    /// Domains that it asked for: how often (halved every day), and in which hour last; most often first.
    pub asked: Vec<(Box<str>, u32, i32)>,
}

/// KiB received and sent in each of the last hours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hours {
    /// Hour (since 1970) of the latest one that is over.
    last: i32,
    kib: [[u32; 2]; HOURS],
    /// Bytes of the day when the running hour began.
    base: [u64; 2],
}

impl Hours {
    /// The hour is over: the bytes of the day so far, and whether the day is over too.
    pub fn close(&mut self, hour: i64, today: [u64; 2], day_over: bool) {
        let moved = self.running(today);
        self.set(hour, moved);
        self.base = if day_over { [0; 2] } else { today };
    }

    /// Bytes of the running hour.
    pub fn running(&self, today: [u64; 2]) -> [u64; 2] {
        [0, 1].map(|way| today[way].saturating_sub(self.base[way]))
    }

    /// Begins an hour of which nothing is known: after a restart, or when the clock was set back.
    pub fn begin(&mut self, today: [u64; 2]) {
        self.base = today;
    }

    /// An hour that is over, from here or from the store; hours come in their order.
    pub fn set(&mut self, hour: i64, bytes: [u64; 2]) {
        let hour = i32::try_from(hour).unwrap_or(0);
        let passed = hour.saturating_sub(self.last).clamp(0, HOURS as i32);
        for back in 0..passed {
            self.kib[(hour - back).rem_euclid(HOURS as i32) as usize] = [0; 2];
        }
        if passed > 0 {
            self.last = hour;
            let kib = bytes.map(|n| u32::try_from(n.div_ceil(1024)).unwrap_or(u32::MAX));
            self.kib[hour.rem_euclid(HOURS as i32) as usize] = kib;
        }
    }

    /// The hours that are over with bytes in them, of the 23 before `now` (hour since 1970), oldest first.
    pub fn over(&self, now: i64) -> impl Iterator<Item = (i64, [u64; 2])> {
        let hours = (now - HOURS as i64 + 1)..now;
        let last = i64::from(self.last);
        let kept = hours.filter(move |hour| *hour <= last && *hour > last - HOURS as i64);
        let bytes = kept.map(|hour| {
            let kib = self.kib[hour.rem_euclid(HOURS as i64) as usize];
            (hour, kib.map(|n| u64::from(n) << 10))
        });
        bytes.filter(|(_, bytes)| *bytes != [0; 2])
    }
}

impl Activity {
    /// It answered; true when that port is new.
    pub fn serves(&mut self, port: u16, tcp: bool, outside: bool, day: i64) -> bool {
        let day = i32::try_from(day).unwrap_or(0);
        if let Some(known) = self.services.iter_mut().find(|s| s.port == port && s.tcp == tcp) {
            let more = outside && !known.outside;
            (known.day, known.outside) = (day, known.outside || outside);
            return more;
        }
        if self.services.len() >= MAX_SERVICES
            && let Some(oldest) = (0..MAX_SERVICES).min_by_key(|i| self.services[*i].day)
        {
            if self.services[oldest].day == day {
                return false;
            }
            self.services.swap_remove(oldest);
        }
        self.services.push(Service { port, tcp, outside, day });
        true
    }

    /// Bytes moved to and from a peer.
    pub fn talked(&mut self, peer: Ip, bytes: u64) {
        let at = match self.peers.iter().position(|(ip, _)| *ip == peer) {
            Some(at) => at,
            None if self.peers.len() < MAX_PEERS => {
                self.peers.push((peer, 0));
                self.peers.len() - 1
            }
            None => {
                self.peers[MAX_PEERS - 1].0 = peer;
                MAX_PEERS - 1
            }
        };
        self.peers[at].1 = self.peers[at].1.saturating_add(bytes);
        let mut at = at;
        while at > 0 && self.peers[at - 1].1 < self.peers[at].1 {
            self.peers.swap(at - 1, at);
            at -= 1;
        }
    }

    /// It asked for a name of this domain.
    pub fn asks(&mut self, domain: &str, hour: i64) {
        let hour = i32::try_from(hour).unwrap_or(0);
        let mut at = match self.asked.iter().position(|(known, ..)| **known == *domain) {
            Some(at) => at,
            None if domain.len() > MAX_DOMAIN => return,
            None => {
                if self.asked.len() >= MAX_ASKED
                    && let Some(oldest) = (0..MAX_ASKED).min_by_key(|i| (self.asked[*i].2, self.asked[*i].1))
                {
                    self.asked.remove(oldest);
                }
                self.asked.push((domain.into(), 0, hour));
                self.asked.len() - 1
            }
        };
        self.asked[at].1 = self.asked[at].1.saturating_add(1);
        self.asked[at].2 = hour;
        while at > 0 && self.asked[at - 1].1 < self.asked[at].1 {
            self.asked.swap(at - 1, at);
            at -= 1;
        }
    }

    /// A day is over.
    pub fn close_day(&mut self, day: i64, received: u64, sent: u64) {
        self.days.retain(|(d, ..)| *d < day);
        self.days.insert(0, (day, received, sent));
        self.days.truncate(MAX_DAYS);
        for (_, bytes) in &mut self.peers {
            *bytes /= 2;
        }
        for (_, times, _) in &mut self.asked {
            *times = times.div_ceil(2);
        }
    }

    /// The days of a stored record, latest first.
    pub fn restore_days(&mut self, days: impl Iterator<Item = (i64, u64, u64)>) {
        self.days = days.take(MAX_DAYS).collect();
    }

    /// Takes in another device's, which turned out to be this one.
    pub fn absorb(&mut self, other: Activity) {
        for s in other.services {
            self.serves(s.port, s.tcp, s.outside, i64::from(s.day));
        }
        for (ip, bytes) in other.peers {
            self.talked(ip, bytes);
        }
        for (domain, times, hour) in other.asked {
            self.restore_asked(&domain, times, i64::from(hour));
        }
    }

    /// A domain of a stored record.
    pub fn restore_asked(&mut self, domain: &str, times: u32, hour: i64) {
        self.asks(domain, hour);
        if let Some(known) = self.asked.iter_mut().find(|(known, ..)| **known == *domain) {
            known.1 = known.1.saturating_add(times.saturating_sub(1));
        }
        self.asked.sort_by_key(|(_, times, _)| std::cmp::Reverse(*times));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hours_of_every_day_stand_out_and_habits_given_up_fade() {
        let mut p = Presence::default();
        for day in 20_000..20_060i64 {
            p.there(day * 24 + 8);
            if day < 20_030 {
                p.there(day * 24 + 22);
            }
        }
        assert!(p.hours[8] > 200 && p.hours[22] < 20 && p.hours[3] == 0, "{:?}", p.hours);
    }

    #[test]
    fn the_longest_silence_of_a_week_counts() {
        let mut p = Presence::default();
        p.there(20_000 * 24);
        p.silent(600);
        p.there(20_003 * 24);
        p.silent(20);
        assert_eq!(p.usual_gap(), 600);
        p.there(20_008 * 24);
        assert_eq!(p.usual_gap(), 20, "a week later");
        assert_eq!(Presence::restore(&p.hours, 20, 20_008 * 24).usual_gap(), 20);
    }

    #[test]
    fn the_largest_peers_stay_among_many_small_ones() {
        let mut a = Activity::default();
        for n in 0..2_000u32 {
            a.talked(Ip::v4([10, 0, (n >> 8) as u8, n as u8]), 10);
            a.talked(Ip::v4([192, 0, 2, 1]), 5_000);
        }
        assert_eq!((a.peers.len(), a.peers[0]), (MAX_PEERS, (Ip::v4([192, 0, 2, 1]), 10_000_000)));
    }

    #[test]
    fn ports_are_few_and_old_ones_make_room() {
        let mut a = Activity::default();
        for port in 0..100 {
            a.serves(port, true, false, 1);
        }
        assert_eq!(a.services.len(), MAX_SERVICES);
        assert!(a.serves(22, true, false, 2) && !a.serves(22, true, false, 3) && a.serves(22, true, true, 3));
        assert_eq!(a.services.len(), MAX_SERVICES);
    }

    #[test]
    fn the_last_24_hours_are_kept_and_older_ones_forgotten() {
        let mut hours = Hours::default();
        let mut today = [0, 0];
        for hour in 480_000..480_050i64 {
            today = [today[0] + (hour as u64 - 479_999) * 1024, today[1] + 1];
            let day_over = (hour + 1) % 24 == 0;
            hours.close(hour, today, day_over);
            today = if day_over { [0, 0] } else { today };
        }
        let over: Vec<_> = hours.over(480_050).collect();
        assert_eq!(
            (over.len(), over[0], over[22]),
            (23, (480_027, [28 * 1024, 1024]), (480_049, [50 * 1024, 1024]))
        );
        assert_eq!(hours.over(480_060).count(), 13, "ten hours of silence later");
        assert_eq!(hours.over(480_100).count(), 0);
        hours.begin([9 * 1024, 0]);
        hours.close(480_070, [16 * 1024, 0], false);
        assert_eq!(
            hours.over(480_071).collect::<Vec<_>>(),
            [(480_048, [49 * 1024, 1024]), (480_049, [50 * 1024, 1024]), (480_070, [7 * 1024, 0])]
        );
    }

    #[test]
    fn the_domains_asked_for_most_stay_and_the_oldest_make_room() {
        let mut a = Activity::default();
        for n in 0..100 {
            a.asks(&format!("site{n}.example"), 480_000 + n);
            a.asks("mail.example", 480_000 + n);
        }
        assert_eq!((a.asked.len(), &*a.asked[0].0, a.asked[0].1), (MAX_ASKED, "mail.example", 100));
        assert!(a.asked.iter().any(|(d, ..)| &**d == "site99.example"));
        a.asks(&"x".repeat(200), 480_200);
        assert!(a.asked.iter().all(|(d, ..)| d.len() <= MAX_DOMAIN));
    }

    proptest! {
        #[test]
        fn activity_stays_within_its_bounds(steps in proptest::collection::vec((0..3u8, any::<u16>(), any::<u64>(), 0i64..60_000), 0..300)) {
            let (mut a, mut p) = (Activity::default(), Presence::default());
            for (what, port, bytes, day) in steps {
                match what {
                    0 => { a.serves(port, bytes % 2 == 0, bytes % 3 == 0, day); }
                    1 => a.talked(Ip::v4([10, 0, (port >> 8) as u8, port as u8]), bytes),
                    _ => a.close_day(day, bytes, bytes),
                }
                p.there(day * 7);
                p.silent(bytes as i64);
            }
            prop_assert!(a.services.len() <= MAX_SERVICES && a.peers.len() <= MAX_PEERS && a.days.len() <= MAX_DAYS);
            prop_assert!(a.peers.is_sorted_by(|x, y| x.1 >= y.1));
        }
    }
}
