//! Devices: stations of our own network, by MAC address (by IP address where the link shows no MAC).

use crate::addr::{Ip, MacAddr, vendor};
use crate::event::{DeviceRecord, NameRecord};
use crate::time::{Timestamp, WallTime};

/// Addresses remembered per device; a router or a container host has more, its oldest fall out.
const MAX_IPS: usize = 8;
/// Names remembered per device.
const MAX_NAMES: usize = 6;
/// A name is cut here, in characters.
pub const MAX_NAME: usize = 63;
/// What a device is known by.
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

    /// The station address, if that is what it is known by.
    pub fn mac(&self) -> Option<MacAddr> {
        match self {
            DeviceKey::Mac(mac) => Some(*mac),
            DeviceKey::Ip(_) => None,
        }
    }
}

/// Where a name was seen; ordered by how much it tells, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameSource {
    /// The host name a device asked DHCP for.
    Dhcp,
    /// The name it answers to in mDNS.
    Mdns,
    /// Its NetBIOS name.
    Nbns,
    /// Its LLMNR name.
    Llmnr,
}

impl NameSource {
    fn name(self) -> &'static str {
        match self {
            NameSource::Dhcp => "dhcp",
            NameSource::Mdns => "mdns",
            NameSource::Nbns => "nbns",
            NameSource::Llmnr => "llmnr",
        }
    }
    fn parse(name: &str) -> Option<Self> {
        [NameSource::Dhcp, NameSource::Mdns, NameSource::Nbns, NameSource::Llmnr]
            .into_iter()
            .find(|s| s.name() == name)
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
}

/// One device.
#[derive(Clone, Debug)]
pub struct Device {
    /// First seen, wall time (survives restarts).
    pub first_seen: WallTime,
    /// Last seen.
    pub last_at: Timestamp,
    /// Its addresses, most recent first.
    pub ips: Vec<Ip>,
    /// Names seen, best source first.
    pub names: Vec<(NameSource, Box<str>)>,
    /// It carries traffic of outside addresses: a router.
    pub routes: bool,
    /// How many frames with another inside source came through it that ARP never confirmed.
    pub borrowed: u16,
    /// Day (since 1970) that the byte counts are of.
    day: i64,
    bytes_in_today: u64,
    bytes_out_today: u64,
    name: Option<Box<str>>,
    given: Option<Box<str>>,
    notes: Box<str>,
    important: bool,
    /// Changed since it was last told of.
    pub dirty: bool,
}

impl Device {
    /// A device first met now.
    pub fn new(now: Timestamp, wall: WallTime) -> Self {
        Device {
            first_seen: wall,
            last_at: now,
            ips: Vec::new(),
            names: Vec::new(),
            routes: false,
            borrowed: 0,
            day: wall.secs().div_euclid(86_400),
            bytes_in_today: 0,
            bytes_out_today: 0,
            name: None,
            given: None,
            notes: "".into(),
            important: false,
            dirty: true,
        }
    }

    /// Counts bytes of today; `offset` is wall time minus engine time.
    #[inline]
    pub fn count(&mut self, day: i64, received: u32, sent: u32) {
        if day != self.day {
            (self.day, self.bytes_in_today, self.bytes_out_today) = (day, 0, 0);
        }
        self.bytes_in_today += u64::from(received);
        self.bytes_out_today += u64::from(sent);
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
        self.dirty = true;
    }

    /// The name that the settings give it; one given in the dashboard wins.
    pub fn set_given(&mut self, name: Option<&str>) {
        self.given = name.map(Into::into);
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
            self.name = (!name.is_empty()).then(|| name.into());
        }
        if let Some(notes) = &change.notes {
            self.notes = clean(notes, 2000).into();
        }
        if let Some(important) = change.important {
            self.important = important;
        }
        self.dirty = true;
    }

    /// The form that is stored and sent.
    pub fn record(&self, key: DeviceKey, now: Timestamp, offset: i64, online: bool) -> DeviceRecord {
        let vendor = key.mac().and_then(vendor::of);
        let today = now.wall(offset).secs().div_euclid(86_400) == self.day;
        let fallback = || match (vendor, self.ips.first()) {
            (Some(vendor), _) => vendor.to_owned(),
            (None, Some(ip)) => ip.to_string(),
            (None, None) => key.id(),
        };
        DeviceRecord {
            id: key.id(),
            macs: key.mac().iter().map(MacAddr::to_string).collect(),
            ips: self.ips.iter().map(Ip::to_string).collect(),
            label: self.shown().map_or_else(fallback, str::to_owned),
            name: self.name.as_deref().map(str::to_owned),
            names: self
                .names
                .iter()
                .map(|(s, n)| NameRecord { name: n.to_string(), source: s.name().to_owned() })
                .collect(),
            vendor: vendor.map(str::to_owned),
            random_mac: key.mac().is_some_and(MacAddr::is_local),
            kind: if self.routes { "router" } else { "unknown" }.to_owned(),
            kind_why: self.routes.then(|| "carries the traffic of outside addresses".to_owned()),
            first_seen: self.first_seen,
            last_seen: self.last_at.wall(offset),
            online,
            bytes_in_today: if today { self.bytes_in_today } else { 0 },
            bytes_out_today: if today { self.bytes_out_today } else { 0 },
            risk: None,
            risk_why: Vec::new(),
            notes: self.notes.to_string(),
            important: self.important,
            habits: None,
        }
    }

    /// The device of a stored record, and its key; `None` when the record names neither.
    pub fn restore(record: &DeviceRecord, offset: i64) -> Option<(DeviceKey, Device)> {
        let ips: Vec<Ip> = record.ips.iter().filter_map(|ip| ip.parse().ok()).take(MAX_IPS).collect();
        let key = match record.macs.first().and_then(|mac| mac.parse().ok()) {
            Some(mac) => DeviceKey::Mac(mac),
            None => DeviceKey::Ip(*ips.first()?),
        };
        let mut device = Device::new(record.last_seen.engine(offset), record.first_seen);
        device.day = record.last_seen.secs().div_euclid(86_400);
        device.bytes_in_today = record.bytes_in_today;
        device.bytes_out_today = record.bytes_out_today;
        device.ips = ips;
        device.names = record
            .names
            .iter()
            .filter_map(|n| Some((NameSource::parse(&n.source)?, n.name.as_str().into())))
            .take(MAX_NAMES)
            .collect();
        device.routes = record.kind == "router";
        device.name = record.name.as_deref().map(Into::into);
        device.notes = record.notes.as_str().into();
        device.important = record.important;
        device.dirty = false;
        Some((key, device))
    }
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
