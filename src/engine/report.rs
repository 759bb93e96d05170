//! What the engine shows of itself: the snapshot, the devices, the totals of the health page.

use super::Engine;
use crate::addr::{Ip, vendor};
use crate::alert::Mute;
use crate::counters::Counters;
use crate::event::{
    Application, Destination, DeviceRecord, Devices, Learning, Talker, Traffic, TrafficPoint,
};
use crate::table::Lookup;
use crate::table::devices::{Device, DeviceChange, DeviceKey};
use crate::table::hosts::{Host, recent_since};
use crate::table::reassembly::FragmentCounts;
use crate::time::{SECOND, Timestamp};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Table sizes and other totals, for the health page and the summary of a replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Flows seen since the start.
    pub flows_seen: u64,
    /// Flows in the table.
    pub flows: usize,
    /// Flows it can hold.
    pub flows_capacity: usize,
    /// Flows pushed out by newer ones.
    pub flows_evicted: u64,
    /// Hosts in the table.
    pub hosts: usize,
    /// Hosts it can hold.
    pub hosts_capacity: usize,
    /// Hosts pushed out by newer ones.
    pub hosts_evicted: u64,
    /// Devices in the table.
    pub devices: usize,
    /// Devices it can hold.
    pub devices_capacity: usize,
    /// Devices pushed out by newer ones.
    pub devices_evicted: u64,
    /// Devices whose habits are known or being learned.
    pub habits: usize,
    /// Devices whose habits were pushed out.
    pub habits_evicted: u64,
    /// Looked-up names in the table.
    pub names: usize,
    /// Looked-up names pushed out.
    pub names_evicted: u64,
    /// Stream heads under way.
    pub streams: usize,
    /// Conversations read message by message, and the bytes that wait for more.
    pub talks: usize,
    /// See `talks`.
    pub talk_bytes: usize,
    /// Alerts raised since the start.
    pub alerts_raised: u64,
    /// Findings hidden by mutes since the start.
    pub findings_hidden: u64,
    /// Incidents folded in storms since the start.
    pub findings_folded: u64,
}

impl Engine {
    /// The frame counters.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Table sizes and other totals.
    pub fn totals(&self) -> Totals {
        let (names, names_evicted) = self.known.names_held();
        let (habits, habits_evicted) = self.known.habits.held();
        Totals {
            flows_seen: self.flows_seen,
            flows: self.flows.len(),
            flows_capacity: self.flows.capacity(),
            flows_evicted: self.flows.evicted(),
            hosts: self.known.hosts.len(),
            hosts_capacity: self.known.hosts.capacity(),
            hosts_evicted: self.known.hosts.evicted(),
            devices: self.known.devices.len(),
            devices_capacity: self.known.devices.capacity(),
            devices_evicted: self.known.devices.evicted(),
            habits,
            habits_evicted,
            names,
            names_evicted,
            streams: self.readers.held(),
            talks: self.readers.talks.len(),
            talk_bytes: self.readers.talks.held(),
            alerts_raised: self.watch.desk.raised(),
            findings_hidden: self.watch.hidden(),
            findings_folded: self.watch.desk.folded(),
        }
    }

    /// Seconds learned, earlier runs included.
    pub fn learned(&self) -> u64 {
        self.known.learning_for()
    }

    /// The mutes with how much each has hidden.
    pub fn mutes(&self) -> &[Mute] {
        self.watch.desk.mutes()
    }

    /// What flows: rates of the last full second; with the last five minutes when `history`.
    pub fn traffic(&self, history: bool) -> Traffic {
        let last = self.last_second();
        Traffic {
            in_bytes_per_second: last.bytes_in as f64,
            out_bytes_per_second: last.bytes_out as f64,
            internal_bytes_per_second: last.bytes_internal as f64,
            flows: self.flows.len() as u64,
            history: if history { self.history.iter().copied().collect() } else { Vec::new() },
        }
    }

    /// The last second that is complete; empty when nothing came in it.
    pub fn last_second(&self) -> TrafficPoint {
        let start = self.next_second.plus(-2 * SECOND).wall(self.offset());
        self.history.back().filter(|p| p.time >= start).copied().unwrap_or_default()
    }

    /// The hosts that move most now, most bytes per second first; hosts that are idle now follow by what they moved
    /// since they were first seen.
    pub fn talkers(&self, limit: usize) -> Vec<Talker> {
        let rate = |h: &Host| h.rate_in.per_second(self.now) + h.rate_out.per_second(self.now);
        let mut hosts: Vec<_> =
            self.known.hosts.iter().map(|(ip, h)| (rate(h), h.bytes_in + h.bytes_out, ip, h)).collect();
        let order = |a: &(f64, u64, &Ip, _), b: &(f64, u64, &Ip, _)| {
            b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)).then(a.2.cmp(b.2))
        };
        if hosts.len() > limit && limit > 0 {
            hosts.select_nth_unstable_by(limit - 1, order);
            hosts.truncate(limit);
        }
        hosts.sort_by(order);
        hosts.into_iter().take(limit).map(|(_, _, ip, host)| self.talker(*ip, host)).collect()
    }

    /// The hosts that moved most bytes, most first: in this hour and the one before when `recent`, else since each was
    /// first seen. With it, the moment before which none of these bytes moved.
    pub fn most_bytes(&self, recent: bool, limit: usize) -> (Timestamp, Vec<Talker>) {
        let moved = |h: &Host| match recent {
            true => (h.rate_in.recent(self.now), h.rate_out.recent(self.now)),
            false => (h.bytes_in, h.bytes_out),
        };
        let mut hosts: Vec<_> = self.known.hosts.iter().map(|(ip, h)| (moved(h), ip, h)).collect();
        let first = hosts.iter().map(|(_, _, h)| h.first_at).min().unwrap_or(self.now);
        hosts.retain(|((received, sent), ..)| received + sent > 0);
        hosts.sort_unstable_by_key(|((received, sent), ip, _)| (Reverse(received + sent), *ip));
        let talker = |((bytes_in, bytes_out), ip, host): ((u64, u64), &Ip, &Host)| Talker {
            bytes_in,
            bytes_out,
            ..self.talker(*ip, host)
        };
        let talkers = hosts.into_iter().take(limit).map(talker).collect();
        let since = if recent { first.max(recent_since(self.now)) } else { first };
        (since, talkers)
    }

    /// The outside places that moved most in the last hour.
    pub fn destinations(&self, limit: usize) -> Vec<Destination> {
        self.reach.destinations(self.now, limit, |ip| self.known.name_of(ip).map(str::to_owned))
    }

    /// What was spoken most in the last hour, by bytes of TCP and UDP.
    pub fn applications(&self, limit: usize) -> Vec<Application> {
        self.reach.applications(self.now, limit)
    }

    fn talker(&self, ip: Ip, host: &Host) -> Talker {
        Talker {
            ip: ip.to_string(),
            mac: self.known.mac_of(ip).map(|m| m.to_string()),
            name: self.known.name_of(ip).map(str::to_owned),
            vendor: self.known.mac_of(ip).and_then(vendor::of).map(str::to_owned),
            inside: host.inside,
            in_bytes_per_second: host.rate_in.per_second(self.now),
            out_bytes_per_second: host.rate_out.per_second(self.now),
            bytes_in: host.bytes_in,
            bytes_out: host.bytes_out,
        }
    }

    /// How many devices there are; with at most `list` of them, online and most recently seen first.
    pub fn devices_now(&self, list: usize) -> Devices {
        let today = self.now.wall(self.offset()).micros() - 86_400 * SECOND;
        let mut devices = Devices::default();
        for (_, device) in self.known.devices.iter() {
            devices.total += 1;
            devices.online += u64::from(self.known.is_online(device));
            devices.new_today += u64::from(device.first_seen.micros() > today);
            devices.unknown += u64::from(!device.is_known());
        }
        if list > 0 {
            devices.list = self.newest_devices(list);
        }
        devices
    }

    /// Every device, most recently seen first, without details.
    pub fn devices(&self) -> Vec<DeviceRecord> {
        self.newest_devices(usize::MAX)
    }

    /// Every device with all that is known of it, as it is stored.
    pub fn full_devices(&self) -> impl Iterator<Item = DeviceRecord> {
        let full = |(key, device): (&DeviceKey, &Device)| DeviceRecord {
            more: self.known.more(device),
            ..self.record(*key, device)
        };
        self.known.devices.iter().map(full)
    }

    fn newest_devices(&self, limit: usize) -> Vec<DeviceRecord> {
        let mut sorted: Vec<_> = self.known.devices.iter().collect();
        sorted.sort_by_key(|(key, device)| (std::cmp::Reverse(device.last_at), **key));
        sorted.into_iter().take(limit).map(|(key, device)| self.record(*key, device)).collect()
    }

    /// One device with all that is known of it: by its id, or by a station address (without colons) that it took on later.
    pub fn device(&mut self, id: &str) -> Option<DeviceRecord> {
        let key = self.key_of(id)?;
        let device = self.known.devices.get(&key)?;
        Some(DeviceRecord { more: self.known.more(device), ..self.record(key, device) })
    }

    /// A device with its risk.
    pub(super) fn record(&self, key: DeviceKey, device: &Device) -> DeviceRecord {
        let (score, why) = self.watch.risk.of(&key, self.now);
        DeviceRecord { risk: Some(score), risk_why: why, ..self.known.record(key, device) }
    }

    /// Applies what the owner changed of a device.
    pub fn change_device(&mut self, id: &str, change: &DeviceChange) -> Option<DeviceRecord> {
        let key = self.key_of(id)?;
        self.known.devices.get_mut(&key)?.change(change);
        self.device(id)
    }

    fn key_of(&mut self, id: &str) -> Option<DeviceKey> {
        match DeviceKey::of_station_id(id) {
            Some(DeviceKey::Mac(mac)) => Some(self.known.key_of(mac)),
            _ => self.known.devices.iter().map(|(key, _)| *key).find(|key| key.id() == id),
        }
    }

    /// Puts back a device that an earlier run stored.
    pub fn restore_device(&mut self, record: &DeviceRecord) {
        self.known.restore(record);
    }

    /// What is to be stored of every device's habits, by the device's id.
    pub fn stored_habits(&self) -> BTreeMap<String, Vec<u8>> {
        let habits = &self.known.habits;
        habits.keys().filter_map(|key| Some((key.id(), habits.stored(*key)?))).collect()
    }

    /// Puts back habits that an earlier run stored, after its devices; those of devices that are gone are left out.
    /// Returns how many could not be read.
    pub fn restore_habits(&mut self, stored: Vec<(String, Vec<u8>)>) -> usize {
        let stored: BTreeMap<String, Vec<u8>> = stored.into_iter().collect();
        let known: Vec<_> = self.known.devices.iter().map(|(key, _)| *key).collect();
        let (learned, mut unread) = (self.learned(), 0);
        for (key, bytes) in known.into_iter().filter_map(|key| Some((key, stored.get(&key.id())?))) {
            unread += usize::from(!self.known.habits.restore(key, bytes, learned));
        }
        unread
    }

    /// How far the network was learned.
    pub fn learning(&self) -> Learning {
        self.known.habits.learning()
    }

    /// What became of fragments.
    pub fn fragment_counts(&self) -> FragmentCounts {
        self.fragments.as_ref().map(|f| f.counts()).unwrap_or_default()
    }

    /// What this sensor sees, judged over the last minute or so: `mirror` (others' traffic), `own` (its own and
    /// broadcast only), `one_way` (one direction of others' connections), `silent`, or `unknown` while it is too early.
    pub fn sees(&self) -> &'static str {
        self.view.verdict()
    }

    /// What else there is to know of how it sees: `doubled`, `tagged`, `pppoe`.
    pub fn sees_notes(&self) -> Vec<&'static str> {
        self.view.notes()
    }
}
