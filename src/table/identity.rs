//! Which station addresses are one device, and which device is not what it was.
//!
//! A phone makes up a new station address now and then. A station with such an address is taken for a device that is
//! already known when both give the same identifier, or the same DHCP host name, parameter list and vendor class, or the same
//! mDNS name that is no factory default. Only if exactly one device fits, and it was silent before the new one spoke first:
//! two phones that are there at the same time stay two, and two addresses that take turns later are parted for good.
//!
//! A device keeps the key it was first met with. `MAX_JOINS` searches a second bound the cost in a flood.

use super::bounded::Slot;
use super::devices::{Device, DeviceKey, NameSource};
use super::known::Known;
use super::traits::{self, Source};
use crate::addr::MacAddr;
use crate::time::{SECOND, Timestamp};
use crate::wire::dhcp;
use crate::words::{Sentence, say};

/// Searches for a device's former self, per second.
const MAX_JOINS: u32 = 16;
/// A new station address is taken for a known device within this time of its first frame, microseconds.
const JOIN_WITHIN: i64 = 600 * SECOND;
/// A device that was not seen for longer than this is not taken up again, microseconds.
const JOIN_AFTER: i64 = 60 * 86_400 * SECOND;
/// A device must have had one face for so long before another one is news, microseconds.
const ESTABLISHED: i64 = 60 * SECOND;
/// Parameter lists with less than this in common, percent, are not those of one system before and after an update.
const ALIKE: u32 = 50;
/// DHCP faces remembered: a computer that starts one of two systems has two.
const MAX_FACES: usize = 4;
/// Silent important devices told of per minute.
const MAX_SILENT: usize = 64;
/// An important device is told of when it has been silent for this many minutes; the detector knows better.
const SILENT: i64 = 5;
const MINUTE: i64 = 60 * SECOND;

/// What happened to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This station address turned out to be the device's new one.
    Joined {
        /// The new address.
        mac: MacAddr,
        /// In words.
        why: Sentence,
    },
    /// It asks DHCP as another system and under another name than before, and never did so.
    Identity(Box<Faces>),
    /// An important device is silent; told once a minute.
    Silent {
        /// For how long, seconds.
        seconds: u64,
        /// Since when: the last frame.
        since: Timestamp,
        /// The longest silence of the last week, seconds.
        usual: u64,
        /// For how long the device is known, seconds.
        known: u64,
    },
}

/// How a device asked DHCP before, and how it does now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faces {
    /// Before.
    pub before: Face,
    /// Now.
    pub after: Face,
    /// How much the two parameter lists have in common, percent.
    pub alike: u32,
}

/// How a device asks DHCP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Face {
    /// Host name.
    pub name: String,
    /// Vendor class.
    pub class: String,
    /// Parameter request list.
    pub options: String,
    /// Family of the operating system, when the above tell.
    pub system: Option<&'static str>,
}

impl Face {
    fn of(device: &Device) -> Face {
        let (class, options) =
            (device.traits.first(Source::DhcpClass), device.traits.first(Source::DhcpOptions));
        Face {
            name: device.name_from(NameSource::Dhcp).to_owned(),
            class: class.to_owned(),
            options: options.to_owned(),
            system: traits::system(class, options),
        }
    }

    /// Whether both cannot be the same machine before and after an update or a change of name.
    fn clashes(&self, other: &Face) -> bool {
        let both = |a: &str, b: &str| !a.is_empty() && !b.is_empty();
        let renamed = both(&self.name, &other.name) && !self.name.eq_ignore_ascii_case(&other.name);
        let systems = self.system.is_some() && other.system.is_some() && self.system != other.system;
        let lists =
            both(&self.options, &other.options) && traits::alike(&self.options, &other.options) < ALIKE;
        renamed && (systems || lists) && self.options != other.options
    }

    /// As a number, without what changes with a version.
    fn number(&self) -> u64 {
        let text = self.name.bytes().chain([0]).chain(self.system.unwrap_or(&self.class).bytes());
        text.fold(0xcbf2_9ce4_8422_2325, |h, b| {
            (h ^ u64::from(b.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

impl Known {
    /// The slot of the device that uses or used this station address.
    pub(super) fn station(&mut self, mac: MacAddr) -> Option<Slot> {
        if let Some(slot) = self.devices.find(&DeviceKey::Mac(mac)) {
            return Some(slot);
        }
        let key = *self.aliases.get(&mac)?;
        self.devices.find(&key)
    }

    /// What the device of a station is known by; the station itself when it is not known.
    pub fn key_of(&mut self, mac: MacAddr) -> DeviceKey {
        let key = self.station(mac).and_then(|slot| self.devices.key_at(slot).copied());
        key.unwrap_or(DeviceKey::Mac(mac))
    }

    /// Whether this station carries the traffic of outside addresses.
    pub fn routes(&mut self, mac: MacAddr) -> bool {
        self.station(mac).and_then(|slot| self.devices.at(slot)).is_some_and(|device| device.routes)
    }

    /// Whether the device in `slot` goes on as `mac`; `false` when that address is another device after all.
    pub(super) fn goes_on(&mut self, slot: Slot, mac: MacAddr) -> bool {
        let now = self.now();
        let Some(own) = self.devices.key_at(slot).and_then(DeviceKey::mac) else { return true };
        let Some(device) = self.devices.at_mut(slot) else { return true };
        if device.mac == mac || device.speaks_as(mac, own, now) {
            return true;
        }
        let gone: Vec<MacAddr> =
            self.aliases.iter().filter(|(_, k)| **k == DeviceKey::Mac(own)).map(|(m, _)| *m).collect();
        for alias in gone {
            self.aliases.remove(&alias);
        }
        mac == own
    }

    /// Notes a trait of the station `mac`.
    pub fn shows(&mut self, mac: MacAddr, source: Source, text: &[u8]) {
        if let Some(device) = self.station(mac).and_then(|at| self.devices.at_mut(at)) {
            device.shows(source, text);
        }
    }

    /// What a client's DHCP message tells of it. Boot loaders are passed over: they say nothing of the system that follows.
    pub fn asks_dhcp(&mut self, message: &dhcp::Message<'_>) -> Option<Change> {
        if traits::is_boot_loader(message.vendor_class) || message.parameters.is_empty() {
            return None;
        }
        let now = self.now();
        let slot = self.station(message.client_mac)?;
        let device = self.devices.at_mut(slot)?;
        let before = Face::of(device);
        device
            .called(NameSource::Dhcp, &crate::wire::clean_text(message.host_name, super::devices::MAX_NAME));
        if message.vendor_class.is_empty() {
            device.traits.forget(Source::DhcpClass);
        }
        device.shows(Source::DhcpClass, message.vendor_class);
        device.shows(Source::DhcpOptions, traits::options_text(message.parameters).as_bytes());
        if let Some(duid) = message.duid() {
            device.shows(Source::Id, format!("duid {}", traits::hex(duid)).as_bytes());
        }
        let after = Face::of(device);
        if before.options.is_empty() || before == after {
            return None;
        }
        if !before.clashes(&after) {
            return None;
        }
        let (old, new) = (before.number(), after.number());
        let established = now.since(device.face_at) >= ESTABLISHED;
        let seen = device.faces.contains(&new);
        device.face_at = now;
        for face in [old, new] {
            if !device.faces.contains(&face) {
                device.faces.insert(0, face);
                device.faces.truncate(MAX_FACES);
            }
        }
        let alike = traits::alike(&before.options, &after.options);
        (established && !seen).then(|| Change::Identity(Box::new(Faces { before, after, alike })))
    }

    /// Whether the station `mac` is a device that is known under another address: then it becomes that.
    pub fn join(&mut self, mac: MacAddr) -> Option<(DeviceKey, Change)> {
        let key = DeviceKey::Mac(mac);
        let new = self.devices.get(&key)?;
        let young = new.first_at > Timestamp::MIN && self.now().since(new.first_at) < JOIN_WITHIN;
        let joins = mac.is_local() && young && !new.apart && new.macs.is_empty() && !new.routes;
        if !joins || self.joins >= MAX_JOINS {
            return None;
        }
        self.joins += 1;
        let (old_key, why) = self.former_self(key, self.devices.get(&key)?)?;
        let absorbed = self.devices.remove(&key)?;
        let at = self.devices.find(&old_key)?;
        let ips = absorbed.ips.clone();
        let device = self.devices.at_mut(at)?;
        let why = say!(
            "{why}; {} was silent when {mac} came",
            "{why}; {} was stil toen {mac} verscheen",
            device.mac;
            why
        );
        device.absorb(absorbed, why.clone());
        for ip in ips {
            if let Some(host) = self.hosts.get_mut(&ip) {
                host.device = Some(at);
            }
        }
        self.alias(mac, old_key);
        Some((old_key, Change::Joined { mac, why }))
    }

    /// The one device that `new` can have been before, and why.
    fn former_self(&self, key: DeviceKey, new: &Device) -> Option<(DeviceKey, Sentence)> {
        let others = self.devices.iter().filter(|(k, _)| **k != key);
        let mut fits = others.filter_map(|(k, old)| Some((*k, old, same(new, old)?)));
        let (old_key, old, why) = fits.next()?;
        let alone = fits.next().is_none();
        let gap = new.first_at.since(old.last_at);
        let can = !old.apart && !old.routes && old_key.mac().is_some() && (0..JOIN_AFTER).contains(&gap);
        (alone && can).then_some((old_key, why))
    }

    /// From now on `mac` is the device of `key`.
    pub(super) fn alias(&mut self, mac: MacAddr, key: DeviceKey) {
        match self.aliases.get_mut(&mac) {
            Some(known) => *known = key,
            None => _ = self.aliases.insert_new(mac, key),
        }
    }

    /// Once a minute: who was there, and which important devices are silent. `heard` says whether anything was.
    pub fn on_minute(&mut self, heard: bool) -> Vec<(DeviceKey, Change)> {
        let now = self.now();
        let wall = now.wall(self.offset());
        if !heard || now.since(self.minute_at) > 3 * MINUTE {
            self.heard_since = now;
        }
        let (heard_since, last) = (self.heard_since, self.minute_at);
        self.minute_at = now;
        let mut silent = Vec::new();
        for (key, device) in self.devices.iter_mut() {
            let seen = device.last_at.max(heard_since);
            let silence = now.since(seen) / MINUTE;
            if device.last_at > last {
                device.presence.there(wall.secs().div_euclid(3600));
                let before = device.presence.seen_at.max(heard_since);
                device.presence.silent(device.last_at.since(before) / MINUTE - 1);
                device.presence.seen_at = device.last_at;
            } else if silence >= SILENT && heard && device.is_important() && silent.len() < MAX_SILENT {
                let usual = u64::from(device.presence.usual_gap()) * 60;
                let known = wall.secs().saturating_sub(device.first_seen.secs());
                let (seconds, known) = (silence.unsigned_abs() * 60, known.max(0).unsigned_abs());
                silent.push((*key, Change::Silent { seconds, since: device.last_at, usual, known }));
            }
        }
        silent
    }
}

/// Why both may be one device; `None` when nothing says so.
fn same(new: &Device, old: &Device) -> Option<Sentence> {
    let (n, o) = (&new.traits, &old.traits);
    if let Some(id) = n.of(Source::Id).find(|id| o.of(Source::Id).any(|other| other == *id)) {
        return Some(say!("both have the identifier {id}", "beide hebben het kenmerk {id}"));
    }
    let equal = |source| n.first(source) == o.first(source);
    let (name, options) = (new.name_from(NameSource::Dhcp), n.first(Source::DhcpOptions));
    let asks_alike = equal(Source::DhcpOptions) && equal(Source::DhcpClass);
    if !name.is_empty() && !options.is_empty() && asks_alike && name == old.name_from(NameSource::Dhcp) {
        return Some(say!(
            "both ask DHCP under the name {name} for the options {options}",
            "beide vragen via DHCP onder de naam {name} om de opties {options}"
        ));
    }
    let name = new.name_from(NameSource::Mdns);
    let contradicts = !options.is_empty() && !o.first(Source::DhcpOptions).is_empty() && !asks_alike;
    let own = !traits::is_default_name(name) && name == old.name_from(NameSource::Mdns);
    (own && !contradicts)
        .then(|| say!("both answer to the mDNS name {name}", "beide luisteren naar de mDNS-naam {name}"))
}

#[cfg(test)]
mod tests {
    use super::super::known::Caps;
    use super::super::{Lookup, bounded::Slot as HostSlot};
    use super::*;
    use crate::addr::Inside;
    use crate::wire::Parsed;
    use proptest::prelude::*;

    const IPHONE: &[u8] = &[1, 121, 3, 6, 15, 108, 114, 119, 252];
    const WINDOWS: &[u8] = &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252];

    fn random(n: u8) -> MacAddr {
        MacAddr([0xda, 0, 0, 0, 0, n])
    }

    fn fixed(n: u8) -> MacAddr {
        MacAddr([0, 0x1b, 0x21, 0, 0, n])
    }

    struct Net(Known, i64);

    impl Net {
        fn new() -> Net {
            let mut net = Net(Known::new(Caps::from_memory(24), Inside::default(), Vec::new()), 1_000_000);
            net.wait(0);
            net
        }
        fn wait(&mut self, seconds: i64) {
            self.1 += seconds;
            self.0.set_now(Timestamp::from_secs(self.1));
            self.0.on_second();
        }
        fn sends(&mut self, mac: MacAddr, ip: &str) -> bool {
            let slot = self.0.host_slot(ip.parse().expect("an address"), HostSlot::MAX);
            self.0.sent(slot, mac, 100).is_some()
        }
        fn asks(&mut self, mac: MacAddr, name: &str, class: &str, options: &[u8]) -> Option<Change> {
            self.0.claims(mac, None);
            let bytes = discover(mac, name, class, options);
            let Parsed::Yes(message) = dhcp::parse(&bytes) else { panic!("no message") };
            let change = self.0.asks_dhcp(&message);
            change.or_else(|| self.0.join(mac).map(|(_, change)| change))
        }
        fn device_of(&self, ip: &str) -> Option<DeviceKey> {
            self.0.device_of(ip.parse().expect("an address"))
        }
    }

    fn full(known: &Known, key: DeviceKey) -> crate::event::DeviceRecord {
        let device = known.devices.get(&key).expect("known");
        crate::event::DeviceRecord { more: known.more(device), ..known.record(key, device) }
    }

    fn discover(mac: MacAddr, name: &str, class: &str, options: &[u8]) -> Vec<u8> {
        let mut m = vec![0; 236];
        m[..3].copy_from_slice(&[1, 1, 6]);
        m[28..34].copy_from_slice(&mac.0);
        m.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 1]);
        for (code, value) in [(12, name.as_bytes()), (60, class.as_bytes()), (55, options)] {
            m.extend([code, value.len() as u8]);
            m.extend(value);
        }
        m.push(255);
        m
    }

    #[test]
    fn a_phone_with_a_new_address_stays_the_device_it_was() {
        let mut net = Net::new();
        net.asks(random(1), "Annas-iPhone", "", IPHONE);
        net.sends(random(1), "10.0.0.7");
        net.wait(86_400);
        let change = net.asks(random(2), "Annas-iPhone", "", IPHONE);
        assert!(matches!(change, Some(Change::Joined { mac, .. }) if mac == random(2)), "{change:?}");
        assert!(!net.sends(random(2), "10.0.0.8"), "nothing new");
        assert_eq!(net.0.devices.len(), 1);
        assert_eq!(net.device_of("10.0.0.8"), Some(DeviceKey::Mac(random(1))), "the key stays");
        assert_eq!(net.0.mac_of("10.0.0.8".parse().expect("ip")), Some(random(2)));
        let record = full(&net.0, DeviceKey::Mac(random(1)));
        assert_eq!(record.macs, [random(2).to_string(), random(1).to_string()]);
        assert!(record.macs_why.as_deref().is_some_and(|why| why.contains("Annas-iPhone")));
    }

    #[test]
    fn two_phones_that_are_there_at_once_stay_two() {
        let mut net = Net::new();
        net.asks(random(1), "iPhone", "", IPHONE);
        net.wait(10);
        net.sends(random(1), "10.0.0.7");
        net.asks(random(2), "iPhone", "", IPHONE);
        net.wait(5);
        net.sends(random(1), "10.0.0.7");
        net.sends(random(2), "10.0.0.8");
        net.wait(5);
        net.sends(random(1), "10.0.0.7");
        net.sends(random(2), "10.0.0.8");
        assert_eq!(net.0.devices.len(), 2, "they take turns");
        assert_ne!(net.device_of("10.0.0.7"), net.device_of("10.0.0.8"));
        net.wait(100_000);
        net.asks(random(3), "iPhone", "", IPHONE);
        assert_eq!(net.0.devices.len(), 3, "it could be either of them");
    }

    #[test]
    fn a_registered_address_is_never_another_device() {
        let mut net = Net::new();
        net.asks(fixed(1), "laptop", "MSFT 5.0", WINDOWS);
        net.wait(5_000);
        assert_eq!(net.asks(fixed(2), "laptop", "MSFT 5.0", WINDOWS), None);
        assert_eq!(net.0.devices.len(), 2);
    }

    #[test]
    fn another_fingerprint_or_another_name_is_another_phone() {
        let mut net = Net::new();
        net.asks(random(1), "Annas-iPhone", "", IPHONE);
        net.wait(5_000);
        assert_eq!(net.asks(random(2), "Bens-iPhone", "", IPHONE), None);
        assert_eq!(net.asks(random(3), "Annas-iPhone", "android-dhcp-14", &[1, 3, 6, 15, 26]), None);
        assert_eq!(net.asks(random(4), "", "", IPHONE), None, "no name, no proof");
        assert_eq!(net.0.devices.len(), 4);
    }

    #[test]
    fn another_system_under_another_name_is_told_once_and_updates_are_not() {
        let mut net = Net::new();
        assert_eq!(net.asks(fixed(1), "reception", "MSFT 5.0", WINDOWS), None);
        net.wait(3_600);
        assert_eq!(net.asks(fixed(1), "frontdesk", "MSFT 5.0", WINDOWS), None, "renamed");
        assert_eq!(net.asks(fixed(1), "frontdesk", "MSFT 5.0", &WINDOWS[..12]), None, "updated");
        assert_eq!(net.asks(fixed(1), "", "PXEClient:Arch:00007", &[1, 2, 3, 128, 129, 130]), None, "boots");
        let linux = [1, 2, 6, 12, 15, 26, 28, 121, 3, 33, 40, 41, 42];
        let change = net.asks(fixed(1), "kali", "", &linux);
        let Some(Change::Identity(faces)) = change else { panic!("{change:?}") };
        assert_eq!((faces.before.system, faces.after.system), (Some("Windows"), Some("Linux")));
        net.wait(3_600);
        assert_eq!(net.asks(fixed(1), "frontdesk", "MSFT 5.0", WINDOWS), None, "back, as before");
        net.wait(3_600);
        assert_eq!(net.asks(fixed(1), "kali", "", &linux), None, "two systems on one machine");
    }

    #[test]
    fn joined_devices_survive_the_store() {
        let mut net = Net::new();
        net.asks(random(1), "Annas-iPhone", "", IPHONE);
        let key = DeviceKey::Mac(random(1));
        let stale = full(&net.0, key);
        net.wait(86_400);
        net.asks(random(2), "Annas-iPhone", "", IPHONE);
        net.sends(random(2), "10.0.0.8");
        let mut left = full(&net.0, key);
        let text = serde_json::to_string(&left).expect("serialises");
        left = serde_json::from_str(&text).expect("reads back");
        let single = crate::event::DeviceRecord {
            id: DeviceKey::Mac(random(2)).id(),
            macs: vec![random(2).to_string()],
            ..stale.clone()
        };
        for order in [[&left, &single], [&single, &left]] {
            let mut again = Net::new();
            order.into_iter().for_each(|record| again.0.restore(record));
            assert_eq!(again.0.devices.len(), 1);
            again.0.claims(random(2), None);
            assert_eq!(again.0.devices.len(), 1, "the new address is known");
            assert_eq!(full(&again.0, key).macs, left.macs);
        }
    }

    #[test]
    fn an_important_device_that_falls_silent_is_told_with_its_usual_silence() {
        let mut net = Net::new();
        net.sends(fixed(1), "10.0.0.5");
        let important = super::super::devices::DeviceChange { important: Some(true), ..Default::default() };
        net.0.devices.get_mut(&DeviceKey::Mac(fixed(1))).expect("known").change(&important);
        for minute in 0..600 {
            net.wait(60);
            if minute % 10 == 0 {
                net.sends(fixed(1), "10.0.0.5");
            }
            let told = net.0.on_minute(true);
            assert!(
                minute < 20 || told.iter().all(|(_, c)| matches!(c, Change::Silent { usual: 480..=600, .. })),
                "{told:?}"
            );
        }
        for _ in 0..60 {
            net.wait(60);
            net.0.on_minute(false);
        }
        net.wait(60);
        assert!(net.0.on_minute(true).is_empty(), "the sensor itself was deaf");
        (0..30).for_each(|_| {
            net.wait(60);
            net.0.on_minute(true);
        });
        net.wait(60);
        let told = net.0.on_minute(true);
        assert!(matches!(told[..], [(_, Change::Silent { seconds: 1800..=1920, .. })]), "{told:?}");
    }

    proptest! {
        #[test]
        fn whatever_stations_say_tables_stay_bounded(steps in proptest::collection::vec((any::<u8>(), 0..4u8, 0..3u8, 0..200i64), 0..300)) {
            let mut net = Net::new();
            for (n, name, what, wait) in steps {
                net.wait(wait);
                let name = ["iPhone", "Annas-iPhone", "<b>\u{202e}x", ""][usize::from(name)];
                match what {
                    0 => { net.asks(random(n), name, "", IPHONE); }
                    1 => { net.sends(random(n), &format!("10.0.0.{n}")); }
                    _ => { net.0.called(random(n), NameSource::Mdns, name.as_bytes()); net.0.join(random(n)); }
                }
            }
            prop_assert!(net.0.devices.len() <= 256);
            for (key, device) in net.0.devices.iter() {
                prop_assert!(device.macs.len() <= 8 && device.macs.len() != 1);
                prop_assert!(device.macs.is_empty() || device.macs[0] == device.mac);
                let again = Device::restore(&full(&net.0, *key), net.0.offset());
                prop_assert_eq!(again.map(|(k, _)| k), Some(*key));
            }
        }
    }
}
