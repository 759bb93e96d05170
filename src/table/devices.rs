//! Devices: stations of our own network, by the MAC address they were first met with (by IP address where the link shows
//! no MAC).
//!
//! Memory of one: about 350 bytes by itself, which is all that a made-up station of a flood has; about 1.9 KB for a
//! phone or a computer with names, traits, ports, peers, a week of days, a day of hours and the domains it asks for; 6.5 KB at
//! the most, when every list is full of the longest texts. A full table of 1,152 ordinary devices takes 2.1 MB.

use super::activity::{Activity, Presence, Service};
use super::kinds::{self, Clue};
use super::traits::{self, Source, Traits};
use crate::addr::{Ip, MacAddr, vendor};
use crate::event::{
    AskedRecord, DayRecord, DeviceDetails, DeviceRecord, HourRecord, NameRecord, PeerRecord, ServiceRecord,
};
use crate::time::{SECOND, Timestamp, WallTime};
use crate::words::Sentence;

pub use super::name_source::NameSource;

/// Addresses remembered per device; a router or a container host has more, its oldest fall out.
const MAX_IPS: usize = 8;
/// Names remembered per device.
const MAX_NAMES: usize = 6;
/// Station addresses remembered per device.
const MAX_MACS: usize = 8;
/// Two station addresses of one device that take turns within this time are two devices after all, microseconds.
const TURN: i64 = 3600 * SECOND;
/// A name is cut here, in characters.
pub const MAX_NAME: usize = 63;

/// What a device is known by, for ever: a phone that takes another station address keeps its first one here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeviceKey {
    /// Its station address.
    Mac(MacAddr),
    /// Its IP address, on links without station addresses.
    Ip(Ip),
}

impl DeviceKey {
    /// The id in URLs: `02000000aabb`, or `ip-` and the address with `.` and `:` as `-`.
    pub fn id(&self) -> String {
        match self {
            DeviceKey::Mac(mac) => mac.to_string().replace(':', ""),
            DeviceKey::Ip(ip) => format!("ip-{}", ip.to_string().replace(['.', ':'], "-")),
        }
    }

    /// The key whose [`DeviceKey::id`] this is, when it names a station.
    pub fn of_station_id(id: &str) -> Option<DeviceKey> {
        if id.len() != 12 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let bits = u64::from_str_radix(id, 16).ok()?.to_be_bytes();
        Some(DeviceKey::Mac(MacAddr([bits[2], bits[3], bits[4], bits[5], bits[6], bits[7]])))
    }

    /// The station address, if that is what it is known by.
    pub fn mac(&self) -> Option<MacAddr> {
        match self {
            DeviceKey::Mac(mac) => Some(*mac),
            DeviceKey::Ip(_) => None,
        }
    }
}

/// What the owner may change of a device; `None` leaves it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceChange {
    /// Name; empty removes it.
    pub name: Option<String>,
    /// Notes.
    pub notes: Option<String>,
    /// Important.
    pub important: Option<bool>,
    /// The owner knows it; giving it a name says so too.
    pub known: Option<bool>,
}

/// One device.
#[derive(Clone, Debug)]
pub struct Device {
    /// First seen, wall time (survives restarts).
    pub first_seen: WallTime,
    /// First frame in this run; [`Timestamp::MIN`] for one that an earlier run knew.
    pub first_at: Timestamp,
    /// Last seen.
    pub last_at: Timestamp,
    /// The station address it uses now; NONE where the link shows none.
    pub mac: MacAddr,
    /// Every station address it used, latest first; empty while it has had only one.
    pub macs: Vec<MacAddr>,
    /// Its addresses, most recent first.
    pub ips: Vec<Ip>,
    /// Names seen, best source first.
    pub names: Vec<(NameSource, Box<str>)>,
    /// What it lets slip of what it is.
    pub traits: Traits,
    /// When it is there.
    pub presence: Presence,
    /// It carries traffic of outside addresses: a router.
    pub routes: bool,
    /// How many frames with another inside source came through it that ARP never confirmed.
    pub borrowed: u16,
    /// Never to be taken for the same as another: it was, and both spoke in turns.
    pub apart: bool,
    /// Since when it has had the DHCP face that it has now.
    pub face_at: Timestamp,
    /// DHCP faces that it has had, as numbers, at most four.
    pub faces: Vec<u64>,
    /// Hour (since 1970) that was counted in last; the byte counts are of its day.
    hour: i64,
    bytes_in_today: u64,
    bytes_out_today: u64,
    activity: Option<Box<Activity>>,
    kind: Option<Box<(kinds::Kind, Sentence)>>,
    macs_why: Option<Box<Sentence>>,
    turns: u8,
    turned_at: Timestamp,
    name: Option<Box<str>>,
    given: Option<Box<str>>,
    notes: Box<str>,
    important: bool,
    known: bool,
    must_stay: bool,
    /// Something that tells its kind has changed.
    unjudged: bool,
    /// Changed since it was last told of.
    pub dirty: bool,
}

impl Device {
    /// A device first met now.
    pub fn new(now: Timestamp, wall: WallTime) -> Self {
        Device {
            first_seen: wall,
            first_at: now,
            last_at: now,
            mac: MacAddr::NONE,
            macs: Vec::new(),
            ips: Vec::new(),
            names: Vec::new(),
            traits: Traits::default(),
            presence: Presence::default(),
            routes: false,
            borrowed: 0,
            apart: false,
            face_at: now,
            faces: Vec::new(),
            hour: wall.secs().div_euclid(3600),
            bytes_in_today: 0,
            bytes_out_today: 0,
            activity: None,
            kind: None,
            macs_why: None,
            turns: 0,
            turned_at: Timestamp::MIN,
            name: None,
            given: None,
            notes: "".into(),
            important: false,
            known: false,
            must_stay: false,
            unjudged: true,
            dirty: true,
        }
    }

    /// Counts bytes of today; `hour` is since 1970.
    #[inline]
    pub fn count(&mut self, hour: i64, received: u32, sent: u32) {
        if hour != self.hour {
            self.begin_hour(hour);
        }
        self.bytes_in_today += u64::from(received);
        self.bytes_out_today += u64::from(sent);
    }

    #[cold]
    fn begin_hour(&mut self, hour: i64) {
        let before = std::mem::replace(&mut self.hour, hour);
        let [received, sent] = self.today();
        let (day, new_day) = (before.div_euclid(24), hour.div_euclid(24) != before.div_euclid(24));
        if received + sent > 0 {
            self.activity().hours.close(before, [received, sent], new_day);
        }
        if new_day {
            (self.bytes_in_today, self.bytes_out_today) = (0, 0);
            if let Some(activity) = &mut self.activity {
                activity.hours.begin([0, 0]);
            }
            if received + sent > 0 && hour > before {
                self.activity().close_day(day, received, sent);
            }
        }
    }

    fn today(&self) -> [u64; 2] {
        [self.bytes_in_today, self.bytes_out_today]
    }

    fn day(&self) -> i64 {
        self.hour.div_euclid(24)
    }

    /// What it does in connections; made when it first does something.
    pub fn activity(&mut self) -> &mut Activity {
        self.activity.get_or_insert_default()
    }

    /// It answered on a port.
    pub fn serves(&mut self, port: u16, tcp: bool, outside: bool) {
        let day = self.day();
        if self.activity().serves(port, tcp, outside, day) {
            (self.unjudged, self.dirty) = (true, true);
        }
    }

    /// Notes a trait.
    pub fn shows(&mut self, source: Source, text: &[u8]) {
        if self.traits.add(source, text) {
            self.unjudged |= source.tells_kind();
            self.dirty = true;
        }
    }

    /// What kind of device it was last judged to be.
    pub fn kind(&self) -> Option<kinds::Kind> {
        self.kind.as_ref().map(|kind| kind.0)
    }

    /// It carries the traffic of outside addresses.
    #[inline]
    pub fn carries(&mut self) {
        if !self.routes {
            (self.routes, self.unjudged, self.dirty) = (true, true, true);
        }
    }

    /// Works out anew what kind of device it is, if something that tells has changed.
    pub fn judge(&mut self, vendor: Option<&str>) {
        if !std::mem::take(&mut self.unjudged) {
            return;
        }
        let ports: Vec<String> = self.services().iter().map(port_text).collect();
        let told = self.traits.iter().filter(|(s, _)| s.tells_kind()).map(|(s, t)| (Clue::Trait(s), t));
        let mut evidence: Vec<kinds::Evidence<'_>> = told.collect();
        evidence.extend(self.names.iter().map(|(_, n)| (Clue::Name, &**n)));
        evidence.extend(ports.iter().map(|p| (Clue::Port, &**p)));
        evidence.extend(vendor.map(|v| (Clue::Vendor, v)));
        if self.routes {
            evidence.push((Clue::Routes, ""));
        }
        self.kind = kinds::judge(&evidence).map(Box::new);
    }

    fn services(&self) -> &[Service] {
        self.activity.as_ref().map_or(&[], |a| &a.services)
    }

    /// Takes on another station address, or goes back to a former one. False when the two take turns: then they are
    /// two devices, and this one keeps `own`, the first.
    pub fn speaks_as(&mut self, mac: MacAddr, own: MacAddr, now: Timestamp) -> bool {
        self.turns = if now.since(self.turned_at) < TURN { self.turns + 1 } else { 0 };
        self.turned_at = now;
        if self.turns >= 2 {
            (self.mac, self.apart, self.macs_why, self.turns) = (own, true, None, 0);
            self.macs.clear();
            self.dirty = true;
            return false;
        }
        self.takes(mac);
        true
    }

    fn takes(&mut self, mac: MacAddr) {
        if self.macs.is_empty() {
            self.macs.push(self.mac);
        }
        self.macs.retain(|m| *m != mac);
        self.macs.insert(0, mac);
        self.macs.truncate(MAX_MACS);
        self.mac = mac;
        self.dirty = true;
    }

    /// `other`, met later under another station address, turned out to be this device.
    pub fn absorb(&mut self, other: Device, why: Sentence) {
        self.takes(other.mac);
        (self.turns, self.turned_at) = (0, other.first_at);
        self.last_at = self.last_at.max(other.last_at);
        other.ips.iter().rev().for_each(|ip| _ = self.uses(*ip));
        for (source, name) in &other.names {
            self.called(*source, name);
        }
        self.traits.absorb(&other.traits);
        if let Some(activity) = other.activity {
            self.activity().absorb(*activity);
        }
        self.count(other.hour, 0, 0);
        self.bytes_in_today += other.bytes_in_today;
        self.bytes_out_today += other.bytes_out_today;
        self.macs_why = Some(Box::new(why));
        (self.unjudged, self.dirty) = (true, true);
    }

    /// Whether its owner wants to know when it is gone.
    pub fn is_important(&self) -> bool {
        self.important || self.must_stay
    }

    /// Whether its owner says that he knows it, here or in the settings.
    pub fn is_known(&self) -> bool {
        self.known || self.given.is_some()
    }

    /// Notes that it uses `ip`; true when that is new.
    pub fn uses(&mut self, ip: Ip) -> bool {
        match self.ips.iter().position(|known| *known == ip) {
            Some(0) => false,
            Some(at) => {
                self.ips[..=at].rotate_right(1);
                false
            }
            None => {
                self.ips.insert(0, ip);
                self.ips.truncate(MAX_IPS);
                self.dirty = true;
                true
            }
        }
    }

    /// Notes a name (cleaned, cut by the caller); the latest name of a source replaces its former one.
    pub fn called(&mut self, source: NameSource, name: &str) {
        if name.is_empty() || self.names.iter().any(|(s, n)| *s == source && **n == *name) {
            return;
        }
        self.names.retain(|(s, _)| *s != source);
        self.names.push((source, name.into()));
        self.names.sort_by_key(|(s, _)| *s);
        self.names.truncate(MAX_NAMES);
        (self.unjudged, self.dirty) = (true, true);
    }

    /// What the settings say of it: its name (one given in the dashboard wins), and whether it must not fall silent.
    pub fn set_given(&mut self, name: Option<&str>, important: bool) {
        self.given = name.map(Into::into);
        self.must_stay = important;
    }

    /// The name to show people: the owner's, else the best one seen.
    pub fn shown(&self) -> Option<&str> {
        let own = self.name.as_deref().or(self.given.as_deref());
        own.or_else(|| self.names.first().map(|(_, n)| &**n))
    }

    /// Applies what the owner changed.
    pub fn change(&mut self, change: &DeviceChange) {
        let clean = |text: &str, max| crate::wire::clean_text(text.trim().as_bytes(), max);
        if let Some(name) = &change.name {
            let name = clean(name, MAX_NAME);
            self.known |= !name.is_empty();
            self.name = (!name.is_empty()).then(|| name.into());
        }
        if let Some(notes) = &change.notes {
            self.notes = clean(notes, 2000).into();
        }
        if let Some(important) = change.important {
            self.important = important;
        }
        if let Some(known) = change.known {
            self.known = known;
        }
        self.dirty = true;
    }

    /// The name from this source; empty when there is none.
    pub fn name_from(&self, source: NameSource) -> &str {
        self.names.iter().find(|(s, _)| *s == source).map_or("", |(_, name)| name)
    }

    /// The form that is stored and sent, without its details.
    pub fn record(&self, key: DeviceKey, now: Timestamp, offset: i64, online: bool) -> DeviceRecord {
        let vendor = self.vendor(key);
        let today = now.wall(offset).secs().div_euclid(86_400) == self.day();
        let fallback = || match (vendor, self.ips.first()) {
            (Some(vendor), _) => vendor.to_owned(),
            (None, Some(ip)) => ip.to_string(),
            (None, None) => key.id(),
        };
        let name = |(source, name): &(NameSource, Box<str>)| NameRecord {
            name: name.to_string(),
            source: source.name().to_owned(),
        };
        let system =
            traits::system(self.traits.first(Source::DhcpClass), self.traits.first(Source::DhcpOptions));
        let (macs_why, macs_why_nl) = Sentence::both(self.macs_why.as_deref());
        let (kind_why, kind_why_nl) = Sentence::both(self.kind.as_ref().map(|k| &k.1));
        DeviceRecord {
            id: key.id(),
            macs: self.stations(key).iter().map(MacAddr::to_string).collect(),
            macs_why,
            macs_why_nl,
            ips: self.ips.iter().map(Ip::to_string).collect(),
            label: self.shown().map_or_else(fallback, str::to_owned),
            name: self.name.as_deref().map(str::to_owned),
            names: self.names.iter().map(name).collect(),
            vendor: vendor.map(str::to_owned),
            random_mac: self.stations(key).first().is_some_and(|mac| mac.is_local()),
            kind: self.kind.as_ref().map_or("unknown", |k| k.0.name()).to_owned(),
            kind_why,
            kind_why_nl,
            routes: Some(self.routes),
            system: system.map(str::to_owned),
            first_seen: self.first_seen,
            last_seen: self.last_at.wall(offset),
            online,
            bytes_in_today: if today { self.bytes_in_today } else { 0 },
            bytes_out_today: if today { self.bytes_out_today } else { 0 },
            risk: None,
            risk_why: Vec::new(),
            notes: self.notes.to_string(),
            important: self.important,
            known: Some(self.is_known()),
            usual_gap_seconds: Some(self.presence.usual_gap()).filter(|m| *m > 0).map(|m| u32::from(m) * 60),
            habits: None,
            more: None,
        }
    }

    /// The rest of it in this hour (since 1970); `name_of` knows names of addresses.
    pub fn details(&self, hour: i64, name_of: impl Fn(Ip) -> Option<String>) -> DeviceDetails {
        let none = Activity::default();
        let activity = self.activity.as_deref().unwrap_or(&none);
        let day = |day: i64| WallTime::from_micros(day * 86_400 * SECOND);
        let service = |s: &Service| ServiceRecord {
            protocol: if s.tcp { "tcp" } else { "udp" }.to_owned(),
            port: s.port,
            outside: s.outside,
            last_day: day(i64::from(s.day)),
        };
        let peer =
            |(ip, bytes): &(Ip, u64)| PeerRecord { ip: ip.to_string(), name: name_of(*ip), bytes: *bytes };
        let of_day = |(d, received, sent): &(i64, u64, u64)| DayRecord {
            day: day(*d),
            bytes_in: *received,
            bytes_out: *sent,
        };
        let of_hour = |(hour, [bytes_in, bytes_out]): (i64, [u64; 2])| HourRecord {
            hour: WallTime::from_micros(hour * 3600 * SECOND),
            bytes_in,
            bytes_out,
        };
        let running = Some((self.hour, activity.hours.running(self.today())))
            .filter(|(h, bytes)| *bytes != [0; 2] && (hour - 23..=hour).contains(h));
        let asked = |(domain, times, hour): &(Box<str>, u32, i32)| AskedRecord {
            domain: domain.to_string(),
            times: *times,
            last_hour: WallTime::from_micros(i64::from(*hour) * 3600 * SECOND),
        };
        DeviceDetails {
            traits: self.traits.records(),
            hours: self.presence.hours.to_vec(),
            services: activity.services.iter().map(service).collect(),
            peers: activity.peers.iter().map(peer).collect(),
            days: activity.days.iter().map(of_day).collect(),
            last_hours: activity
                .hours
                .over(self.hour)
                .filter(|(h, _)| *h > hour - 24)
                .chain(running)
                .map(of_hour)
                .collect(),
            asked: activity.asked.iter().map(asked).collect(),
        }
    }

    /// Its station addresses, the one in use first.
    fn stations(&self, key: DeviceKey) -> Vec<MacAddr> {
        if self.macs.is_empty() { key.mac().into_iter().collect() } else { self.macs.clone() }
    }

    /// The registered maker, by the first of its station addresses that has one.
    pub fn vendor(&self, key: DeviceKey) -> Option<&'static str> {
        key.mac().and_then(vendor::of).or_else(|| self.macs.iter().find_map(|mac| vendor::of(*mac)))
    }

    /// The device of a stored record, and its key; `None` when the record names neither.
    pub fn restore(record: &DeviceRecord, offset: i64) -> Option<(DeviceKey, Device)> {
        let ips: Vec<Ip> = record.ips.iter().filter_map(|ip| ip.parse().ok()).take(MAX_IPS).collect();
        let macs: Vec<MacAddr> =
            record.macs.iter().filter_map(|mac| mac.parse().ok()).take(MAX_MACS).collect();
        let key = match macs.last() {
            Some(mac) => DeviceKey::of_station_id(&record.id).unwrap_or(DeviceKey::Mac(*mac)),
            None => DeviceKey::Ip(*ips.first()?),
        };
        let mut device = Device::new(record.last_seen.engine(offset), record.first_seen);
        (device.first_at, device.face_at) = (Timestamp::MIN, Timestamp::MIN);
        device.hour = record.last_seen.secs().div_euclid(3600);
        device.bytes_in_today = record.bytes_in_today;
        device.bytes_out_today = record.bytes_out_today;
        device.ips = ips;
        let name = |n: &NameRecord| {
            let cleaned = crate::wire::clean_text(n.name.as_bytes(), MAX_NAME);
            Some((NameSource::parse(&n.source)?, cleaned.into()))
        };
        device.names = record.names.iter().filter_map(name).take(MAX_NAMES).collect();
        device.routes = record.routes.unwrap_or(record.kind == "router");
        let why = Sentence::of(record.kind_why.as_deref(), record.kind_why_nl.as_deref()).unwrap_or_default();
        device.kind = kinds::Kind::parse(&record.kind).map(|kind| Box::new((kind, why)));
        // Records of before there was Dutch are judged anew, for the words.
        device.unjudged = device.kind.is_none() || record.kind_why_nl.is_none();
        device.name = record.name.as_deref().map(Into::into);
        device.notes = record.notes.as_str().into();
        device.important = record.important;
        device.known = record.known.unwrap_or(record.name.is_some() || record.important);
        device.mac = macs.first().copied().unwrap_or(MacAddr::NONE);
        device.macs = if macs.len() > 1 { macs } else { Vec::new() };
        device.macs_why =
            Sentence::of(record.macs_why.as_deref(), record.macs_why_nl.as_deref()).map(Box::new);
        device.restore_details(record);
        device.dirty = false;
        Some((key, device))
    }

    fn restore_details(&mut self, record: &DeviceRecord) {
        let none = DeviceDetails::default();
        let more = record.more.as_ref().unwrap_or(&none);
        self.traits = Traits::restore(&more.traits);
        let gap = u16::try_from(record.usual_gap_seconds.unwrap_or(0) / 60).unwrap_or(u16::MAX);
        self.presence = Presence::restore(&more.hours, gap, record.last_seen.secs().div_euclid(3600));
        let day = |at: WallTime| at.secs().div_euclid(86_400);
        for s in &more.services {
            self.activity().serves(s.port, s.protocol == "tcp", s.outside, day(s.last_day));
        }
        for (ip, bytes) in more.peers.iter().filter_map(|p| Some((p.ip.parse().ok()?, p.bytes))) {
            self.activity().talked(ip, bytes);
        }
        if !more.days.is_empty() {
            let days = more.days.iter().map(|d| (day(d.day), d.bytes_in, d.bytes_out));
            self.activity().restore_days(days);
        }
        for asked in &more.asked {
            let domain = crate::wire::clean_text(asked.domain.as_bytes(), MAX_NAME);
            self.activity().restore_asked(&domain, asked.times, asked.last_hour.secs().div_euclid(3600));
        }
        self.restore_hours(&more.last_hours);
    }

    /// The hours of a stored record; its last one may go on.
    fn restore_hours(&mut self, hours: &[HourRecord]) {
        let (today, now) = (self.today(), self.hour);
        if hours.is_empty() && today == [0; 2] {
            return;
        }
        let kept = &mut self.activity().hours;
        kept.begin(today);
        for h in hours {
            let (hour, bytes) = (h.hour.secs().div_euclid(3600), [h.bytes_in, h.bytes_out]);
            if hour == now {
                kept.begin([0, 1].map(|way| today[way].saturating_sub(bytes[way])));
            } else {
                kept.set(hour, bytes);
            }
        }
    }
}

fn port_text(service: &Service) -> String {
    format!("{}/{}", if service.tcp { "tcp" } else { "udp" }, service.port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SECOND;

    #[test]
    fn a_device_survives_the_store() {
        let key = DeviceKey::Mac("b8:27:eb:01:02:03".parse().expect("mac"));
        let mut device = Device::new(Timestamp::from_secs(10), WallTime::from_micros(1_700_000_000 * SECOND));
        device.uses("10.0.0.7".parse().expect("ip"));
        device.called(NameSource::Mdns, "pi.local");
        device.called(NameSource::Dhcp, "pi");
        device.change(&DeviceChange {
            name: Some(" Hall\u{202e} ".into()),
            notes: None,
            important: Some(true),
            known: None,
        });
        let offset = 1_700_000_000 * SECOND - 10 * SECOND;
        let record = device.record(key, Timestamp::from_secs(10), offset, true);
        assert_eq!((record.label.as_str(), record.id.as_str()), ("Hall", "b827eb010203"));
        assert_eq!(record.names[0].source, "dhcp", "what it asked DHCP for tells most");
        let (key2, again) = Device::restore(&record, offset).expect("restored");
        assert_eq!(key2, key);
        assert_eq!(again.record(key, Timestamp::from_secs(10), offset, true), record);
    }

    #[test]
    fn what_a_device_does_and_says_survives_the_store_too() {
        let key = DeviceKey::Mac("b8:27:eb:01:02:03".parse().expect("mac"));
        let wall = WallTime::from_micros(1_700_000_000 * SECOND);
        let mut device = Device::new(Timestamp::from_secs(10), wall);
        device.mac = "b8:27:eb:01:02:03".parse().expect("mac");
        device.shows(Source::Service, b"_ipp._tcp");
        device.shows(Source::Model, "<b>HP\u{202e} LaserJet 400".as_bytes());
        device.called(NameSource::Friendly, "Print room");
        device.presence.there(1_700_000_000 / 3600);
        device.presence.silent(77);
        device.count(19_674 * 24 + 7, 10, 20);
        device.serves(631, true, false);
        device.count(19_675 * 24 + 20, 3000, 0);
        device.count(19_675 * 24 + 22, 30, 40);
        device.activity().asks("example.org", 19_675 * 24 + 22);
        device.activity().talked(Ip::v4([10, 0, 0, 9]), 1234);
        device.judge(device.vendor(key));
        let offset = 1_700_000_000 * SECOND - 10 * SECOND;
        let full = |d: &Device| DeviceRecord {
            more: Some(d.details(1_700_000_000 / 3600, |_| None)),
            ..d.record(key, Timestamp::from_secs(10), offset, true)
        };
        let record = full(&device);
        let hours: Vec<u64> = record.more.iter().flat_map(|m| &m.last_hours).map(|h| h.bytes_in).collect();
        assert_eq!(hours, [3072, 30], "the day before is 37 hours ago");
        assert_eq!((record.kind.as_str(), record.usual_gap_seconds), ("printer", Some(77 * 60)));
        let text = serde_json::to_string(&record).expect("serialises");
        let read: DeviceRecord = serde_json::from_str(&text).expect("reads back");
        assert_eq!(read, record);
        let (_, again) = Device::restore(&read, offset).expect("restored");
        assert_eq!(full(&again), record);
    }

    #[test]
    fn a_device_is_known_once_its_owner_says_so_or_names_it() {
        let mut device = Device::new(Timestamp::from_secs(1), WallTime::default());
        assert!(!device.is_known());
        device.change(&DeviceChange { name: Some("TV".into()), ..DeviceChange::default() });
        assert!(device.is_known());
        device.change(&DeviceChange { known: Some(false), ..DeviceChange::default() });
        assert!(!device.is_known(), "and may take it back");
        device.set_given(Some("from the settings"), false);
        assert!(device.is_known());
    }

    #[test]
    fn hours_are_of_their_own_day_and_a_clock_set_back_makes_none() {
        let wall = WallTime::from_micros(19_675 * 86_400 * SECOND);
        let mut device = Device::new(Timestamp::from_secs(10), wall);
        let first = 19_675 * 24;
        for (hour, bytes) in [(22, 2048), (23, 4096), (24, 1024), (25, 512), (24, 100), (26, 50)] {
            device.count(first + hour, bytes, 0);
        }
        let details = device.details(first + 26, |_| None);
        let hours: Vec<(i64, u64)> =
            details.last_hours.iter().map(|h| (h.hour.secs() / 3600 - first, h.bytes_in)).collect();
        assert_eq!(hours, [(22, 2048), (23, 4096), (24, 1024), (25, 1024), (26, 50)]);
        assert_eq!((details.days.len(), details.days[0].bytes_in), (1, 6144));
    }

    #[test]
    fn a_record_of_an_older_version_is_restored() {
        let old = r#"{"id":"3c3712000001","macs":["3c:37:12:00:00:01"],"ips":["192.168.1.1"],"label":"fritz","name":null,
            "names":[{"name":"fritz","source":"dhcp"}],"vendor":"AVM","random_mac":false,"kind":"router",
            "kind_why":"carries the traffic of outside addresses","first_seen":"2026-01-01T00:00:00Z",
            "last_seen":"2026-02-01T00:00:00Z","online":true,"bytes_in_today":1,"bytes_out_today":2,"risk":null,
            "notes":"","important":true}"#;
        let record: DeviceRecord = serde_json::from_str(old).expect("reads");
        assert_eq!(record.more, None);
        let (key, device) = Device::restore(&record, 0).expect("restored");
        assert_eq!(key.id(), "3c3712000001");
        assert!(device.routes && device.is_important() && device.mac == MacAddr([0x3c, 0x37, 0x12, 0, 0, 1]));
    }

    #[test]
    fn names_of_strangers_are_cleaned_and_few() {
        let mut device = Device::new(Timestamp::from_secs(1), WallTime::default());
        for n in 0..1000u32 {
            for source in [NameSource::Dhcp, NameSource::Mdns, NameSource::Friendly] {
                let name = format!("<img src=x onerror=alert({n})>\u{202e}{}", "x".repeat(65_536));
                device.called(source, &crate::wire::clean_text(name.as_bytes(), MAX_NAME));
            }
        }
        assert_eq!(device.names.len(), 3);
        assert!(device.names.iter().all(|(_, n)| n.chars().count() <= MAX_NAME && !n.contains('\u{202e}')));
    }

    #[test]
    fn a_device_is_small() {
        assert!(std::mem::size_of::<Device>() <= 448, "{}", std::mem::size_of::<Device>());
    }

    #[test]
    fn addresses_are_the_most_recent_eight() {
        let mut device = Device::new(Timestamp::from_secs(1), WallTime::default());
        for n in 0..20 {
            assert!(device.uses(Ip::v4([10, 0, 0, n])));
        }
        assert_eq!(device.ips.len(), MAX_IPS);
        assert!(!device.uses(Ip::v4([10, 0, 0, 15])));
        assert_eq!(device.ips[0], Ip::v4([10, 0, 0, 15]));
    }
}
