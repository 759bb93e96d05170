//! Habits: what each device usually does, learned over days, so that what it does for the first time stands out.
//!
//! Per device: destinations (the registered domain, else the network), ports and applications it uses elsewhere, ports it
//! serves, and how much it moves on a usual day. Days are counted in time that this monitor has watched, earlier runs
//! included, not on the wall clock: a clock that is set, or wrong by years, ages nothing and forgets nothing. A device's own
//! days are those of them on which it was seen.
//!
//! - In its first days a device is learned: all it does becomes usual. After that something new becomes usual only when it
//!   was seen on several days, see `facts`.
//! - A device that is frozen (a grave alert is open about it) learns nothing, and what was new that day is forgotten.
//! - It is settled when it has few destinations, one of them used on several days, and took to new ones on at most one of
//!   the last seven days. Phones and PCs never are: they are busy, and not judged by destinations. Nor is what slept all
//!   week.
//!
//! Bounds: about 900 bytes a device, at most as many as the cap says (2,048 are 1.9 MB). A full table lets in one new device
//! a second, in place of the one with the fewest days (then the one unseen for longest): made-up addresses push out
//! each other, not what was learned.

mod bytes;
mod facts;

use super::bounded::Bounded;
use super::devices::DeviceKey;
use crate::addr::Ip;
use crate::event::{HabitRecord, Learning};
use facts::{Moment, Novelty, Offer, Place, Seen, Set, Use, Way};
use std::fmt::Write;

/// Destinations kept per device.
const PLACES: usize = 32;
/// Ports and applications kept per device.
const WAYS: usize = 16;
/// Served ports kept per device.
const OFFERS: usize = 16;
/// Pairs of device and destination whose last hour is counted.
const MAX_HOURS: usize = 512;
/// Clients that are known to scan.
const MAX_SCANNERS: usize = 16;
/// A client that scanned is not believed to use services for this long, seconds.
const SCANNER_S: u64 = 3600;
/// Days since 1 of a device unseen for this many days count for nothing when room is needed.
const FORGOTTEN_DAYS: u16 = 60;
/// An upload below this in an hour is nobody's backup, bytes.
const MUCH: u64 = 32 << 20;
/// The last seven days in a device's days of growth, without today.
const WEEK: u8 = 0xfe;
const DAY_S: u64 = 86_400;

/// When something is a habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Days on which a device is learned.
    pub learning_days: u16,
    /// Days on which something must be seen afterwards to become usual.
    pub confirm_days: u8,
    /// Most destinations of a settled device.
    pub few_places: u8,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { learning_days: 7, confirm_days: 3, few_places: 16 }
    }
}

/// How well a device is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// On this day of its learning time.
    Learning(u16),
    /// It does few things, and nothing new.
    Settled,
    /// Too varied to judge by where it goes.
    Busy,
}

/// Something new about a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// It is settled.
    pub settled: bool,
    /// Days on which it was seen.
    pub days: u16,
    /// The destination is new, today for the so-manieth day.
    pub place: Option<u8>,
    /// The port, or what is spoken on it, is new.
    pub way: bool,
    /// Destinations (or, of an offer, services) that are usual for it.
    pub usual: u8,
}

/// A contact with another host.
#[derive(Clone, Copy, Debug)]
pub struct Contact {
    /// Registered domains, the better one first, see [`name_number`]; zero: none.
    pub names: [u32; 2],
    /// See [`net_number`]; `None` when the destination does not matter (the router).
    pub net: Option<u32>,
    /// Port and application, see [`way_numbers`].
    pub ways: [u32; 2],
    /// Who opened it is known for sure; else it is noted only.
    pub sure: bool,
}

/// What a device sent to a destination that is not usual for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upload {
    /// Bytes sent there in the last hour.
    pub up: u64,
    /// Bytes received from there in the last hour.
    pub down: u64,
    /// Bytes sent today to all destinations that are not usual.
    pub strange_up: u64,
    /// Bytes received today from those.
    pub strange_down: u64,
    /// Bytes it sends out on a usual day.
    pub usual: u64,
    /// Days on which it was seen.
    pub days: u16,
}

/// Bytes of today, and of a usual day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Volume {
    today: u64,
    usual: u64,
}

impl Volume {
    /// The day is over: a quarter of the usual day is the last one, but one monstrous day makes no habit.
    fn roll(&mut self, first: bool, learned: bool) {
        let today = self.today.min(if first { u64::MAX } else { self.usual.saturating_mul(4).max(MUCH) });
        if learned {
            self.usual = if first { today } else { self.usual / 4 * 3 + today / 4 };
        }
        self.today = 0;
    }
}

/// What one device usually does.
#[derive(Clone, Debug, Default, PartialEq)]
struct Baseline {
    /// Days on which it was seen.
    days: u16,
    /// The last of them, as a day of the monitor.
    last_day: u16,
    /// Minute of the monitor in which it was seen last.
    minute: u32,
    /// It learns nothing before this minute.
    frozen: u32,
    /// Days on which it took to something new, the lowest bit is today.
    growth: u8,
    /// It has more destinations than are kept.
    overflows: bool,
    up: Volume,
    down: Volume,
    strange: [u64; 2],
    places: Set<Place, PLACES>,
    ways: Set<Way, WAYS>,
    offers: Set<Offer, OFFERS>,
}

/// What went to one destination and back in the last hour, in quarters.
#[derive(Clone, Copy, Default)]
struct Hour {
    quarter: u32,
    up: [u64; 4],
    down: [u64; 4],
}

impl Hour {
    fn add(&mut self, quarter: u32, up: u64, down: u64) {
        let gone = quarter.saturating_sub(self.quarter).min(4) as usize;
        self.up.rotate_right(gone);
        self.down.rotate_right(gone);
        self.up[..gone].fill(0);
        self.down[..gone].fill(0);
        self.quarter = quarter;
        self.up[0] += up;
        self.down[0] += down;
    }
}

/// The habits of all devices.
pub struct Habits {
    rules: Rules,
    devices: Bounded<DeviceKey, Baseline>,
    hours: Bounded<(DeviceKey, u32), Hour>,
    scanners: Vec<(Ip, u64)>,
    /// Seconds watched, earlier runs included.
    now: u64,
    /// What is added to the seconds told, so that time never runs back over what is stored.
    shift: u64,
    /// When a full table last let in a device.
    admitted: u64,
    evicted: u64,
}

impl Habits {
    /// Nothing known; at most `devices` devices.
    pub fn new(devices: usize) -> Self {
        Habits {
            rules: Rules::default(),
            devices: Bounded::new(devices),
            hours: Bounded::new(MAX_HOURS),
            scanners: Vec::new(),
            now: 0,
            shift: 0,
            admitted: 0,
            evicted: 0,
        }
    }

    /// When something is a habit.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// When something is a habit.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Moves time on: seconds watched, earlier runs included.
    pub fn set_now(&mut self, learned_s: u64) {
        self.now = self.now.max(learned_s.saturating_add(self.shift));
    }

    /// Day of the monitor, from 1.
    pub fn day(&self) -> u16 {
        u16::try_from(self.now / DAY_S + 1).unwrap_or(u16::MAX)
    }

    /// Devices known, and how many had to go.
    pub fn held(&self) -> (usize, u64) {
        (self.devices.len(), self.evicted)
    }

    fn minute(&self) -> u32 {
        u32::try_from(self.now / 60).unwrap_or(u32::MAX)
    }

    fn moment(&self, of: &Baseline) -> Moment {
        Moment {
            day: self.day(),
            learning: of.days <= self.rules.learning_days,
            frozen: of.frozen > self.minute(),
            confirm: self.rules.confirm_days,
        }
    }

    /// The device as of now, and what holds at the moment; `None` when there is no room for it.
    fn enter(&mut self, key: DeviceKey) -> Option<(&mut Baseline, Moment)> {
        if self.devices.get(&key).is_none() {
            self.make_room()?;
            let new = Baseline { days: 1, last_day: self.day(), ..Baseline::default() };
            self.devices.insert_new(key, new);
        }
        let (day, minute) = (self.day(), self.minute());
        let device = self.devices.get_mut(&key)?;
        device.minute = minute;
        if device.last_day != day {
            device.begin_day(day, device.frozen <= minute);
        }
        let moment = self.moment(self.devices.get(&key)?);
        Some((self.devices.get_mut(&key)?, moment))
    }

    fn make_room(&mut self) -> Option<()> {
        if self.devices.len() < self.devices.capacity() {
            return Some(());
        }
        if self.admitted == self.now {
            return None;
        }
        self.admitted = self.now;
        let old = self.day().saturating_sub(FORGOTTEN_DAYS);
        let worth = |b: &Baseline| (if b.last_day < old { 0 } else { b.days }, b.minute);
        let (key, _) = self.devices.iter().min_by_key(|(_, b)| worth(b))?;
        let key = *key;
        self.devices.remove(&key);
        self.evicted += 1;
        Some(())
    }

    /// The device was seen.
    pub fn seen(&mut self, key: DeviceKey) {
        self.enter(key);
    }

    /// The device talked to another host; what is new about that, once a day, after its learning time.
    pub fn contact(&mut self, key: DeviceKey, contact: &Contact) -> Option<Fresh> {
        let (device, now) = self.enter(key)?;
        let place = contact.net.map_or(Novelty::Usual, |net| {
            let before = device.places.held().len();
            let (novelty, lost) = device.places.contact(contact.names, net, &now);
            let grew = lost || device.places.held().len() > before;
            device.overflows |= lost && now.learning;
            device.growth |= u8::from(grew && device.days > 1);
            novelty
        });
        let mut way = false;
        for what in contact.ways.into_iter().filter(|what| *what != 0) {
            way |= matches!(device.ways.takes(what, &now), Novelty::New(_));
        }
        let place = if let Novelty::New(days) = place { Some(days) } else { None };
        let told = contact.sure && !now.learning && !now.frozen && (place.is_some() || way);
        let (days, usual) = (device.days, device.usual_places());
        let settled = told && self.standing(key) == Some(Standing::Settled);
        told.then_some(Fresh { settled, days, place, way, usual })
    }

    /// A client got an answer from (`used`: both sent data on) a port of the device; something when that makes a service
    /// that it did not have, once.
    pub fn offers(
        &mut self,
        key: DeviceKey,
        (protocol, port): (u8, u16),
        client: Ip,
        used: bool,
    ) -> Option<Fresh> {
        let used = used && !self.scanners.iter().any(|(ip, _)| *ip == client);
        let minute = (self.minute() & 0xffff) as u16;
        let (device, now) = self.enter(key)?;
        if !used && !now.learning {
            return None;
        }
        let varied = device.offers.is_full() && port >= 1024;
        let client = (number(client.bits().to_be_bytes()) & 0xffff) as u16;
        let fresh = device.offers.used(Use { port, protocol, client, minute }, &now);
        let (days, usual) = (device.days, device.usual_offers());
        let settled = fresh && self.standing(key) == Some(Standing::Settled);
        (fresh && !varied).then_some(Fresh { settled, days, place: None, way: false, usual })
    }

    /// Whether a destination, by name (zero: none) or by network, is usual for a device that was learned.
    pub fn is_usual(&self, key: DeviceKey, name: u32, net: u32) -> bool {
        let device = self.devices.get(&key).filter(|device| device.days > self.rules.learning_days);
        device.is_some_and(|device| device.places.knows([name, 0], net))
    }

    /// The device sent `up` bytes to a destination outside and received `down`; the sums when the destination is not
    /// usual for it and its learning time is over.
    pub fn moved(
        &mut self,
        key: DeviceKey,
        (names, net): ([u32; 2], u32),
        up: u64,
        down: u64,
    ) -> Option<Upload> {
        let quarter = u32::try_from(self.now / 900).unwrap_or(u32::MAX);
        let (device, now) = self.enter(key)?;
        device.up.today += up;
        device.down.today += down;
        let usual = device.places.knows(names, net);
        if !usual {
            device.strange[0] += up;
            device.strange[1] += down;
        }
        let [strange_up, strange_down] = device.strange;
        let (usual_day, days) = (device.up.usual, device.days);
        let place = names.into_iter().find(|name| *name != 0).unwrap_or(net);
        let (hour, _) = self.hours.entry((key, place), Hour::default);
        hour.add(quarter, up, down);
        let (up, down) = (hour.up.iter().sum(), hour.down.iter().sum());
        if up >= MUCH {
            self.enter(key)?.0.places.much(names, net);
        }
        let told = !usual && !now.learning;
        told.then_some(Upload { up, down, strange_up, strange_down, usual: usual_day, days })
    }

    /// The device learns nothing for `seconds`, and what was new today is forgotten.
    pub fn freeze(&mut self, key: DeviceKey, seconds: u64) {
        let until = u32::try_from((self.now + seconds) / 60).unwrap_or(u32::MAX);
        if let Some((device, now)) = self.enter(key) {
            if !now.frozen {
                device.places.forget(now.day);
                device.ways.forget(now.day);
                device.offers.forget(now.day);
            }
            device.frozen = device.frozen.max(until);
        }
    }

    /// This client is scanning: what it is answered makes no service.
    pub fn scans(&mut self, client: Ip) {
        let now = self.now;
        self.scanners.retain(|(ip, at)| *ip != client && now.saturating_sub(*at) < SCANNER_S);
        if self.scanners.len() == MAX_SCANNERS {
            self.scanners.remove(0);
        }
        self.scanners.push((client, now));
    }

    /// Once a second: what scanned long ago may use services again.
    pub fn on_second(&mut self, learned_s: u64) {
        self.set_now(learned_s);
        let now = self.now;
        self.scanners.retain(|(_, at)| now.saturating_sub(*at) < SCANNER_S);
    }

    /// How well a device is known; `None` when it never did anything.
    pub fn standing(&self, key: DeviceKey) -> Option<Standing> {
        let device = self.devices.get(&key)?;
        let few = device.usual_places() <= self.rules.few_places && !device.overflows;
        let steady = (device.growth & WEEK).count_ones() <= 1 && device.is_regular(self.rules.confirm_days);
        Some(match device.days {
            days if days <= self.rules.learning_days => Standing::Learning(days),
            _ if few && steady => Standing::Settled,
            _ => Standing::Busy,
        })
    }

    /// What is shown of a device's habits.
    pub fn record(&self, key: DeviceKey) -> Option<HabitRecord> {
        let device = self.devices.get(&key)?;
        let standing = self.standing(key)?;
        let state = match standing {
            _ if device.frozen > self.minute() => "paused",
            Standing::Learning(_) => "learning",
            Standing::Settled => "settled",
            Standing::Busy => "busy",
        };
        let usual = device.offers.held().iter().filter(|o| o.seen.has(Seen::USUAL));
        let mut services: Vec<(u16, u8)> = usual.map(|o| (o.port, o.protocol)).collect();
        services.sort_unstable();
        let named = |(port, protocol)| format!("{}/{port}", if protocol == 17 { "udp" } else { "tcp" });
        let learned = device.days > 1;
        Some(HabitRecord {
            state: state.to_owned(),
            day: device.days.min(self.rules.learning_days),
            of: self.rules.learning_days,
            destinations: u32::from(device.usual_places()),
            services: services.into_iter().map(named).collect(),
            usual_out_bytes: learned.then_some(device.up.usual),
            usual_in_bytes: learned.then_some(device.down.usual),
        })
    }

    /// Devices whose habits are known or being learned.
    pub fn keys(&self) -> impl Iterator<Item = &DeviceKey> {
        self.devices.iter().map(|(key, _)| key)
    }

    /// How far the network as a whole was learned.
    pub fn learning(&self) -> Learning {
        let of = self.rules.learning_days;
        let known = self.devices.iter().filter(|(_, device)| device.days > of).count();
        Learning {
            day: self.day().min(of),
            of,
            done: self.day() > of,
            devices_learning: (self.devices.len() - known) as u32,
            devices_known: known as u32,
        }
    }

    /// What is to be stored of a device.
    pub fn stored(&self, key: DeviceKey) -> Option<Vec<u8>> {
        self.devices.get(&key).map(Baseline::to_bytes)
    }

    /// Puts back what an earlier run stored; false when the bytes are none of ours. `learned_s` is the time watched so
    /// far.
    pub fn restore(&mut self, key: DeviceKey, stored: &[u8], learned_s: u64) -> bool {
        let Some(device) = Baseline::from_bytes(stored) else { return false };
        // Time that is stored elsewhere, and may be lost, never runs back over the days that are counted here.
        let seen = u64::from(device.minute) * 60;
        self.shift = self.shift.max(seen.saturating_sub(learned_s));
        self.set_now(learned_s);
        if self.devices.get(&key).is_none() && self.make_room().is_some() {
            self.devices.insert_new(key, device);
        }
        true
    }
}

impl Baseline {
    /// A day on which it is seen begins; of what was learned yesterday remains what is usual.
    fn begin_day(&mut self, day: u16, learns: bool) {
        let first = self.days == 1;
        self.up.roll(first, learns);
        self.down.roll(first, learns);
        self.strange = [0; 2];
        self.last_day = day;
        if learns {
            self.growth <<= 1;
            self.days = self.days.saturating_add(1);
        }
    }

    /// Whether there is a destination that it uses day after day.
    fn is_regular(&self, days: u8) -> bool {
        self.places.held().iter().any(|p| p.seen.has(Seen::USUAL) && p.seen.days >= days)
    }

    fn usual_places(&self) -> u8 {
        self.places.held().iter().filter(|p| p.seen.has(Seen::USUAL)).count() as u8
    }

    fn usual_offers(&self) -> u8 {
        self.offers.held().iter().filter(|o| o.seen.has(Seen::USUAL)).count() as u8
    }
}

/// Text and bytes as numbers that are the same in every run: FNV-1a.
struct Fnv(u32);

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        text.bytes().for_each(|byte| self.add(byte));
        Ok(())
    }
}

impl Fnv {
    fn add(&mut self, byte: u8) {
        self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
}

/// Bytes as a number that is not zero.
fn number(bytes: impl IntoIterator<Item = u8>) -> u32 {
    let mut hash = Fnv(0x811c_9dc5);
    bytes.into_iter().for_each(|byte| hash.add(byte));
    hash.0.max(1)
}

/// A registered domain as a number that is not zero; case does not matter.
pub fn name_number(domain: &str) -> u32 {
    number(domain.bytes().map(|b| b.to_ascii_lowercase()))
}

/// The network of an outside address (/24, /48) as a number that is odd for IPv6 and even, not zero, for IPv4.
pub fn net_number(ip: Ip) -> u32 {
    match ip.is_v4() {
        true => (number((ip.bits() >> 8).to_be_bytes()) & !1).max(2),
        false => number((ip.bits() >> 80).to_be_bytes()) | 1,
    }
}

/// A single host (a device of ours, by what it is known by) as a number.
pub fn host_number(key: Option<DeviceKey>, ip: Ip) -> u32 {
    let host = match key.and_then(|key| key.mac()) {
        Some(mac) => number(mac.as_u64().to_be_bytes()),
        None => number(ip.bits().to_be_bytes()),
    };
    (host & !1).max(2)
}

/// Port and application as numbers; ports made up for one connection are all the same, and zero is nothing readable.
pub fn way_numbers(protocol: u8, port: u16, app: Option<&dyn std::fmt::Debug>) -> [u32; 2] {
    let port = if port >= 32_768 { u16::MAX } else { port };
    let [high, low] = port.to_be_bytes();
    let spoken = app.map_or(0, |app| {
        let mut hash = Fnv(0x811c_9dc5);
        // A hasher takes everything.
        let _ = write!(hash, "{app:?}");
        hash.0.max(1)
    });
    [number([protocol, high, low]), spoken]
}

#[cfg(test)]
mod tests;
