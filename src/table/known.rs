//! What is known of the network: hosts, devices, names, gateways. Everything a detector may ask about.
//!
//! Who owns an address: ARP senders, neighbour advertisements and DHCP say so (strong); a frame's source address
//! suggests it (weak). A station that carries outside addresses, or more than `ROUTER_IPS` inside IPv4 ones nobody
//! confirmed, is a router: from then on only strong evidence gives it an address.

use super::bounded::{Bounded, Slot};
use super::devices::{Device, DeviceKey, MAX_NAME, NameSource};
use super::flows::{Flow, Side, proto};
use super::habits::{Habits, host_number, name_number, net_number};
use super::hosts::Host;
use super::traits::Source;
use crate::addr::{Inside, Ip, MacAddr};
use crate::event::{DeviceDetails, DeviceRecord};
use crate::time::{SECOND, Timestamp, WallTime};
use crate::wire::dns::registered_domain;
use std::collections::BTreeMap;

/// Unconfirmed inside addresses behind one station that make it a router.
const ROUTER_IPS: u16 = 8;
/// Ports from here on are not offered but taken for one conversation: the lowest that systems choose from for TCP; for
/// UDP, where whoever speaks second looks like a server, the highest that well-known services use.
const HIGHEST_TCP: u16 = 32_768;
/// See `HIGHEST_TCP`.
const HIGHEST_UDP: u16 = 10_000;
/// Gateways remembered.
const MAX_GATEWAYS: usize = 16;
/// A looked-up name is good for this long after the last answer, microseconds.
const NAME_LIFE: i64 = 86_400 * SECOND;

/// Devices whose habits are kept, at most: 1.9 MB.
const MAX_HABITS: usize = 2048;

/// How many entries each table may hold; follows from the memory budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Flows.
    pub flows: usize,
    /// Hosts.
    pub hosts: usize,
    /// Devices.
    pub devices: usize,
    /// Looked-up names.
    pub names: usize,
    /// Outside places whose bytes of the last hour are kept.
    pub places: usize,
    /// Keys of each table of a detector.
    pub keys: usize,
    /// Bytes for stream heads.
    pub stream_bytes: usize,
    /// Bytes for fragments.
    pub fragment_bytes: usize,
}

impl Caps {
    /// The caps for a budget of `mib` MiB, which is what everything takes when all tables are full. Of 24 MiB: flows take
    /// 4 (16,896 of 224 bytes), hosts, names, devices with their habits and stream heads about 5, the detectors the rest.
    pub fn from_memory(mib: u32) -> Caps {
        let mib = mib.clamp(4, 4096) as usize;
        Caps {
            flows: mib * 704,
            hosts: mib * 192,
            devices: (mib * 48).max(256),
            names: mib * 192,
            places: mib * 24,
            keys: mib * 88,
            stream_bytes: (mib << 20) / 20,
            fragment_bytes: (mib << 20) / 48,
        }
    }
}

/// The tables of [`crate::detect::Lookup`].
pub struct Known {
    /// What is ours.
    pub inside: Inside,
    /// Addresses.
    pub hosts: Bounded<Ip, Host>,
    /// Stations.
    pub devices: Bounded<DeviceKey, Device>,
    /// What devices usually do.
    pub habits: Habits,
    /// The station that carried an outside address last.
    router: Slot,
    /// Station addresses that devices took on later.
    pub(super) aliases: Bounded<MacAddr, DeviceKey>,
    /// Searches for a device's former self in this second.
    pub(super) joins: u32,
    /// Since when something was heard without a break: silences count from there.
    pub(super) heard_since: Timestamp,
    /// The last round of [`Known::on_minute`].
    pub(super) minute_at: Timestamp,
    names: Bounded<Ip, (Box<str>, Timestamp)>,
    gateways: Vec<Ip>,
    learned_before: u64,
    names_given: BTreeMap<MacAddr, String>,
    important: Vec<MacAddr>,
    online: i64,
    learning_since: Option<Timestamp>,
    now: Timestamp,
    offset: i64,
    hour: i64,
}

impl Known {
    /// Empty tables.
    pub fn new(caps: Caps, inside: Inside, gateways: Vec<Ip>) -> Self {
        Known {
            inside,
            hosts: Bounded::new(caps.hosts),
            devices: Bounded::new(caps.devices),
            habits: Habits::new(caps.devices.min(MAX_HABITS)),
            router: Slot::MAX,
            aliases: Bounded::new(caps.devices),
            joins: 0,
            heard_since: Timestamp::MIN,
            minute_at: Timestamp::MIN,
            names: Bounded::new(caps.names),
            gateways,
            learned_before: 0,
            names_given: BTreeMap::new(),
            important: Vec::new(),
            online: 300 * SECOND,
            learning_since: None,
            now: Timestamp::MIN,
            offset: 0,
            hour: 0,
        }
    }

    /// Moves time on.
    #[inline]
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
        self.learning_since.get_or_insert(now);
    }

    /// Now.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Wall time minus engine time, microseconds; and what follows from it.
    pub fn set_offset(&mut self, offset: i64) {
        self.offset = offset;
    }

    /// Wall time minus engine time, microseconds.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// Once a second: what changes slowly.
    pub fn on_second(&mut self) {
        self.hour = self.now.wall(self.offset).secs().div_euclid(3600);
        self.joins = 0;
    }

    /// What the settings say of devices: silent for longer than this many seconds is offline; names by MAC; those
    /// that must not fall silent.
    pub fn set_devices(&mut self, online_s: u32, names: BTreeMap<MacAddr, String>, important: Vec<MacAddr>) {
        self.important = important;
        self.online = i64::from(online_s) * SECOND;
        self.names_given = names;
    }

    /// Whether a device was heard of lately.
    pub fn is_online(&self, device: &Device) -> bool {
        self.now.since(device.last_at) < self.online
    }

    /// The form of a device that lists and events show.
    pub fn record(&self, key: DeviceKey, device: &Device) -> DeviceRecord {
        let record = device.record(key, self.now, self.offset, self.is_online(device));
        DeviceRecord { habits: self.habits.record(key), ..record }
    }

    /// What only the page of one device shows.
    pub fn more(&self, device: &Device) -> Option<DeviceDetails> {
        let hour = self.now.wall(self.offset).secs().div_euclid(3600);
        Some(device.details(hour, |ip| super::Lookup::name_of(self, ip).map(str::to_owned)))
    }

    /// Puts back a device that an earlier run stored, unless it is there already.
    pub fn restore(&mut self, record: &DeviceRecord) {
        let Some((key, mut device)) = Device::restore(record, self.offset) else { return };
        // A record may be left of a station that turned out to be another device.
        let aliased = key.mac().is_some_and(|mac| self.aliases.get(&mac).is_some());
        if aliased || self.devices.find(&key).is_some() {
            return;
        }
        for mac in device.macs.iter().filter(|mac| key != DeviceKey::Mac(**mac)) {
            self.devices.remove(&DeviceKey::Mac(*mac));
            self.alias(*mac, key);
        }
        self.give(key, &mut device);
        self.devices.insert_new(key, device);
    }

    /// Works out what kind of device it is, if something that tells has changed.
    pub fn judge(&mut self, key: DeviceKey) {
        if let Some(device) = self.devices.get_mut(&key) {
            device.judge(device.vendor(key));
        }
    }

    /// Tells a device what the settings say of it.
    fn give(&self, key: DeviceKey, device: &mut Device) {
        let Some(mac) = key.mac() else { return };
        let name = self.names_given.get(&mac).map(String::as_str);
        device.set_given(name, self.important.contains(&mac));
    }

    /// Seconds learned in earlier runs of this monitor.
    pub fn set_learned(&mut self, seconds: u64) {
        self.learned_before = seconds;
    }

    /// The slot of `ip`'s host, made when it is new; `hint` is tried first.
    #[inline]
    pub fn host_slot(&mut self, ip: Ip, hint: Slot) -> Slot {
        if self.hosts.key_at(hint) == Some(&ip) {
            return hint;
        }
        if let Some(slot) = self.hosts.find(&ip) {
            return slot;
        }
        let host = Host::new(self.now, self.inside.contains(ip));
        self.hosts.insert_new(ip, host).0
    }

    /// Counts a packet from `src`'s host. `mac` is who sent the frame, NONE when the link or a tunnel hides it.
    /// Returns the device's slot and key when this made a new device.
    #[inline]
    pub fn sent(&mut self, slot: Slot, mac: MacAddr, bytes: u32) -> Option<(Slot, DeviceKey)> {
        let now = self.now;
        let host = self.hosts.at_mut(slot)?;
        host.sent(now, bytes);
        let (inside, device) = (host.inside, host.device);
        if let Some(at) = device {
            let ip = self.hosts.key_at(slot).copied()?;
            if self.is_same_station(at, mac, ip) {
                self.count(at, 0, bytes);
                return None;
            }
        }
        if inside { self.attribute(slot, mac, bytes) } else { self.passes(mac) }
    }

    #[inline]
    fn is_same_station(&self, at: Slot, mac: MacAddr, ip: Ip) -> bool {
        if !mac.is_none() {
            return self.devices.at(at).is_some_and(|device| device.mac == mac);
        }
        match self.devices.key_at(at) {
            Some(DeviceKey::Mac(_)) => true,
            Some(DeviceKey::Ip(known)) => *known == ip,
            None => false,
        }
    }

    #[inline]
    fn count(&mut self, at: Slot, received: u32, sent: u32) {
        let (hour, now) = (self.hour, self.now);
        if let Some(device) = self.devices.at_mut(at) {
            device.count(hour, received, sent);
            if sent > 0 {
                device.last_at = now;
            }
        }
    }

    /// Counts a packet to a host.
    #[inline]
    pub fn received(&mut self, slot: Slot, bytes: u32) {
        let now = self.now;
        if let Some(host) = self.hosts.at_mut(slot) {
            host.received(now, bytes);
            if let Some(at) = host.device {
                self.count(at, bytes, 0);
            }
        }
    }

    /// An outside address came in a frame of `mac`: that station routes.
    fn passes(&mut self, mac: MacAddr) -> Option<(Slot, DeviceKey)> {
        if !mac.is_station() {
            return None;
        }
        // Every packet from outside comes here, nearly all through one router.
        let same = self.devices.at(self.router).is_some_and(|device| device.mac == mac && device.routes);
        let (at, new) = if same { (self.router, false) } else { self.device_slot(DeviceKey::Mac(mac)) };
        self.router = at;
        if let Some(device) = self.devices.at_mut(at) {
            device.carries();
            device.last_at = self.now;
        }
        new.then_some((at, DeviceKey::Mac(mac)))
    }

    /// Weak evidence: an inside address came in a frame of `mac`.
    fn attribute(&mut self, slot: Slot, mac: MacAddr, bytes: u32) -> Option<(Slot, DeviceKey)> {
        let ip = *self.hosts.key_at(slot)?;
        let key = if mac.is_station() { DeviceKey::Mac(mac) } else { DeviceKey::Ip(ip) };
        if matches!(key, DeviceKey::Ip(_)) && !mac.is_none() {
            return None;
        }
        let (at, new) = self.device_slot(key);
        let device = self.devices.at_mut(at)?;
        device.last_at = self.now;
        if device.borrowed < ROUTER_IPS && !device.routes {
            // IPv6 hosts take new addresses for their own privacy; IPv4 ones do not.
            if device.uses(ip) && !new && ip.is_v4() {
                device.borrowed += 1;
            }
            self.bind(slot, at);
        }
        self.count(at, 0, bytes);
        new.then_some((at, key))
    }

    fn bind(&mut self, slot: Slot, at: Slot) {
        if let Some(host) = self.hosts.at_mut(slot) {
            host.device = Some(at);
        }
    }

    /// Strong evidence: `mac` says that `ip` is its own. Returns the device when it is new.
    pub fn claims(&mut self, mac: MacAddr, ip: Option<Ip>) -> Option<(Slot, DeviceKey)> {
        if !mac.is_station() {
            return None;
        }
        let key = DeviceKey::Mac(mac);
        let (at, new) = self.device_slot(key);
        let now = self.now;
        if let Some(device) = self.devices.at_mut(at) {
            device.last_at = now;
        }
        if let Some(ip) = ip.filter(|ip| ip.is_unicast() && self.inside.contains(*ip)) {
            let slot = self.host_slot(ip, Slot::MAX);
            if let Some(device) = self.devices.at_mut(at)
                && !device.uses(ip)
                && device.borrowed > 0
                && device.borrowed < ROUTER_IPS
            {
                device.borrowed -= 1;
            }
            if let Some(host) = self.hosts.at_mut(slot) {
                host.last_sent_at = now;
            }
            self.bind(slot, at);
        }
        new.then_some((at, key))
    }

    fn device_slot(&mut self, key: DeviceKey) -> (Slot, bool) {
        let found = match key {
            DeviceKey::Mac(mac) => self.station(mac).filter(|slot| self.goes_on(*slot, mac)),
            DeviceKey::Ip(_) => self.devices.find(&key),
        };
        if let Some(slot) = found {
            return (slot, false);
        }
        let mut device = Device::new(self.now, self.now.wall(self.offset));
        device.mac = key.mac().unwrap_or(MacAddr::NONE);
        self.give(key, &mut device);
        (self.devices.insert_new(key, device).0, true)
    }

    /// The device whose address a flow's side is, by the slot that the flow remembers; `None` when that is another's by now.
    fn device_at(&mut self, slot: Slot, ip: Ip) -> Option<&mut Device> {
        if self.hosts.key_at(slot) != Some(&ip) {
            return None;
        }
        let at = self.hosts.at(slot)?.device?;
        self.devices.at_mut(at).filter(|device| device.ips.contains(&ip))
    }

    /// A server of ours answered.
    pub fn serves(&mut self, flow: &Flow) {
        let tcp = flow.protocol == proto::TCP;
        let highest = if tcp { HIGHEST_TCP } else { HIGHEST_UDP };
        if flow.inside[1]
            && (1..highest).contains(&flow.server_port)
            && let Some(device) = self.device_at(flow.hosts[1], flow.server)
        {
            device.serves(flow.server_port, tcp, !flow.inside[0]);
        }
    }

    /// The device at `ip` looked a name up.
    pub fn asked(&mut self, ip: Ip, name: &str) {
        let domain = registered_domain(name);
        if !domain.contains('.') || domain.ends_with(".arpa") || domain.ends_with(".local") {
            return;
        }
        let hour = self.hour;
        let at = self.hosts.get(&ip).filter(|host| host.inside).and_then(|host| host.device);
        if let Some(device) = at.and_then(|at| self.devices.at_mut(at)).filter(|d| d.ips.contains(&ip)) {
            device.activity().asks(domain, hour);
        }
    }

    /// A flow is over: who of ours moved how much with whom.
    pub fn moved(&mut self, flow: &Flow) {
        let bytes = flow.bytes_up + flow.bytes_down;
        let sides = [(flow.client, flow.server), (flow.server, flow.client)];
        for (side, (own, peer)) in sides.into_iter().enumerate() {
            if flow.inside[side]
                && peer.is_unicast()
                && flow.packets_up > 0
                && flow.packets_down > 0
                && let Some(device) = self.device_at(flow.hosts[side], own)
            {
                device.activity().talked(peer, bytes);
            }
        }
    }

    /// A trait that a flow's client, or its server, let slip.
    pub fn slips(&mut self, flow: &Flow, side: Side, source: Source, text: &str) {
        let (side, ip) = match side {
            Side::Client => (0, flow.client),
            Side::Server => (1, flow.server),
        };
        if flow.inside[side]
            && let Some(device) = self.device_at(flow.hosts[side], ip)
        {
            device.shows(source, text.as_bytes());
        }
    }

    /// A name that the station `mac` gave itself.
    pub fn called(&mut self, mac: MacAddr, source: NameSource, name: &[u8]) {
        if let Some(device) = self.station(mac).and_then(|at| self.devices.at_mut(at)) {
            device.called(source, &crate::wire::clean_text(name, MAX_NAME));
        }
    }

    /// A name that the host `ip` gave itself.
    pub fn called_at(&mut self, ip: Ip, source: NameSource, name: &[u8]) {
        let at = self.hosts.get(&ip).and_then(|h| h.device);
        if let Some(device) = at.and_then(|at| self.devices.at_mut(at)) {
            device.called(source, &crate::wire::clean_text(name, MAX_NAME));
        }
    }

    /// `name` was looked up and answered with `ip`.
    pub fn answered(&mut self, ip: Ip, name: &str) {
        if !ip.is_unicast() || name.is_empty() {
            return;
        }
        let now = self.now;
        let (entry, new) = self.names.entry(ip, || (name.into(), now));
        entry.1 = now;
        if !new && *entry.0 != *name {
            entry.0 = name.into();
        }
    }

    /// `ip` is a gateway: DHCP, a router advertisement or the settings say so.
    pub fn add_gateway(&mut self, ip: Ip) {
        if ip.is_unicast() && !self.gateways.contains(&ip) && self.gateways.len() < MAX_GATEWAYS {
            self.gateways.push(ip);
        }
    }

    /// Looked-up names held, and how many were pushed out.
    pub fn names_held(&self) -> (usize, u64) {
        (self.names.len(), self.names.evicted())
    }
}

impl super::Lookup for Known {
    fn mac_of(&self, ip: Ip) -> Option<MacAddr> {
        let at = self.hosts.get(&ip)?.device?;
        let device = self.devices.at(at)?;
        (device.ips.contains(&ip) && !device.mac.is_none()).then_some(device.mac)
    }

    fn device_of(&self, ip: Ip) -> Option<DeviceKey> {
        let at = self.hosts.get(&ip)?.device?;
        self.devices.at(at)?.ips.contains(&ip).then(|| self.devices.key_at(at).copied())?
    }

    fn ip_of(&self, mac: MacAddr) -> Option<Ip> {
        let key = DeviceKey::Mac(mac);
        let key = self.aliases.get(&mac).filter(|_| self.devices.get(&key).is_none()).unwrap_or(&key);
        self.devices.get(key)?.ips.first().copied()
    }

    fn name_of(&self, ip: Ip) -> Option<&str> {
        let at = self.hosts.get(&ip).and_then(|h| h.device);
        let own =
            at.and_then(|at| self.devices.at(at)).filter(|d| d.ips.contains(&ip)).and_then(Device::shown);
        own.or_else(|| self.asked_as(ip))
    }

    fn asked_as(&self, ip: Ip) -> Option<&str> {
        let (name, at) = self.names.get(&ip)?;
        (self.now.since(*at) < NAME_LIFE).then_some(&**name)
    }

    fn is_gateway(&self, ip: Ip) -> bool {
        if self.gateways.contains(&ip) {
            return true;
        }
        let at = self.hosts.get(&ip).and_then(|h| h.device);
        at.and_then(|at| self.devices.at(at)).is_some_and(|d| d.routes && d.ips.contains(&ip))
    }

    fn alive_within(&self, ip: Ip, seconds: u32) -> bool {
        self.hosts.get(&ip).is_some_and(|h| self.now.since(h.last_sent_at) <= i64::from(seconds) * SECOND)
    }

    fn wall(&self) -> WallTime {
        self.now.wall(self.offset)
    }

    fn is_usual(&self, ours: Ip, theirs: Ip) -> bool {
        let Some(key) = self.device_of(ours) else { return false };
        if self.inside.contains(theirs) {
            return self.habits.is_usual(key, 0, host_number(self.device_of(theirs), theirs));
        }
        let name = self.asked_as(theirs).map_or(0, |name| name_number(registered_domain(name)));
        self.habits.is_usual(key, name, net_number(theirs))
    }

    fn learning_for(&self) -> u64 {
        let here = self.learning_since.map_or(0, |since| self.now.since(since) / SECOND);
        self.learned_before + u64::try_from(here).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Lookup;
    use super::*;

    const PHONE: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const ROUTER: MacAddr = MacAddr([2, 0, 0, 0, 0, 254]);

    fn known() -> Known {
        let mut known = Known::new(Caps::from_memory(24), Inside::default(), Vec::new());
        known.set_now(Timestamp::from_secs(100));
        known
    }

    fn sends(known: &mut Known, mac: MacAddr, ip: &str) {
        let slot = known.host_slot(ip.parse().expect("an address"), Slot::MAX);
        known.sent(slot, mac, 100);
    }

    fn owner(known: &Known, ip: &str) -> Option<MacAddr> {
        known.mac_of(ip.parse().expect("an address"))
    }

    #[test]
    fn a_phone_that_changes_its_ipv6_address_daily_keeps_them_all() {
        let mut known = known();
        for day in 1..=30 {
            sends(&mut known, PHONE, &format!("fd00::{day:x}"));
            assert_eq!(owner(&known, &format!("fd00::{day:x}")), Some(PHONE), "day {day}");
        }
        assert_eq!(known.devices.len(), 1);
    }

    #[test]
    fn whoever_carries_the_internet_is_a_gateway_and_owns_what_it_claims_only() {
        let mut known = known();
        sends(&mut known, ROUTER, "198.51.100.7");
        sends(&mut known, ROUTER, "10.9.9.9");
        known.claims(ROUTER, Some("10.0.0.1".parse().expect("an address")));
        assert_eq!(owner(&known, "10.0.0.1"), Some(ROUTER));
        assert!(known.is_gateway("10.0.0.1".parse().expect("an address")));
        assert_eq!(owner(&known, "198.51.100.7"), None);
        assert_eq!(owner(&known, "10.9.9.9"), None, "a host behind it");
    }

    #[test]
    fn an_inside_router_does_not_collect_the_addresses_behind_it() {
        let mut known = known();
        for host in 1..=100 {
            sends(&mut known, ROUTER, &format!("10.5.0.{host}"));
        }
        assert_eq!(owner(&known, "10.5.0.100"), None);
        sends(&mut known, PHONE, "10.0.0.5");
        assert_eq!(owner(&known, "10.0.0.5"), Some(PHONE));
    }

    #[test]
    fn an_address_that_moves_to_another_station_is_that_one_s() {
        let mut known = known();
        sends(&mut known, PHONE, "10.0.0.5");
        sends(&mut known, ROUTER, "10.0.0.5");
        assert_eq!(owner(&known, "10.0.0.5"), Some(ROUTER));
    }
}
