//! The test bench of detectors: hand-made observations, a clock that is turned by hand, and what was found.

use super::{Context, Detector, Lookup, Settings};
use crate::addr::{Inside, Ip, MacAddr};
use crate::alert::{Finding, Findings};
use crate::observe::Observation;
use crate::table::devices::DeviceKey;
use crate::table::flows::{Flow, proto};
use crate::time::{SECOND, Timestamp, WallTime};
use std::collections::HashMap;

/// What the tables would answer.
#[derive(Default)]
pub struct Known {
    pub macs: HashMap<Ip, MacAddr>,
    pub names: HashMap<Ip, String>,
    pub gateways: Vec<Ip>,
    pub alive: Vec<Ip>,
    pub learning_s: u64,
    pub wall_s: i64,
}

impl Lookup for Known {
    fn mac_of(&self, ip: Ip) -> Option<MacAddr> {
        self.macs.get(&ip).copied()
    }
    fn device_of(&self, ip: Ip) -> Option<DeviceKey> {
        self.macs.get(&ip).copied().map(DeviceKey::Mac)
    }
    fn ip_of(&self, mac: MacAddr) -> Option<Ip> {
        self.macs.iter().find(|(_, known)| **known == mac).map(|(ip, _)| *ip)
    }
    fn name_of(&self, ip: Ip) -> Option<&str> {
        self.asked_as(ip)
    }
    fn asked_as(&self, ip: Ip) -> Option<&str> {
        self.names.get(&ip).map(String::as_str)
    }
    fn is_gateway(&self, ip: Ip) -> bool {
        self.gateways.contains(&ip)
    }
    fn alive_within(&self, ip: Ip, _seconds: u32) -> bool {
        self.alive.contains(&ip)
    }
    fn wall(&self) -> WallTime {
        WallTime::from_micros(self.wall_s * SECOND)
    }
    fn learning_for(&self) -> u64 {
        self.learning_s
    }
}

/// A detector on the bench.
pub struct Bench<D: Detector> {
    pub detector: D,
    pub now: Timestamp,
    pub inside: Inside,
    pub known: Known,
    pub found: Vec<Finding>,
}

impl<D: Detector> Bench<D> {
    pub fn new() -> Self {
        Self::with(&D::Settings::default(), 4096)
    }
    pub fn with(settings: &D::Settings, keys: usize) -> Self {
        assert!(settings.enabled());
        let known = Known { learning_s: 3600, ..Known::default() };
        let now = Timestamp::from_secs(10_000);
        Bench { detector: D::new(settings, keys), now, inside: Inside::default(), known, found: Vec::new() }
    }
    pub fn see(&mut self, observation: &Observation<'_>) {
        if observation.interest() & D::INTEREST == 0 {
            return;
        }
        let mut out = Findings::default();
        let cx = Context { now: self.now, inside: &self.inside, lookup: &self.known };
        self.detector.observe(&cx, observation, &mut out);
        self.found.extend(out.drain());
    }
    pub fn wait(&mut self, seconds: f64) {
        self.now = self.now.plus((seconds * SECOND as f64) as i64);
    }
    /// Incidents: findings with equal ids are one alert.
    pub fn alerts(&self) -> usize {
        let ids: std::collections::HashSet<u64> = self.found.iter().map(|f| f.incident).collect();
        ids.len()
    }
    pub fn last(&self) -> &Finding {
        self.found.last().expect("something was found")
    }
}

pub fn ip(text: &str) -> Ip {
    text.parse().expect("test address")
}

pub fn mac(last: u8) -> MacAddr {
    MacAddr([0x02, 0, 0, 0, 0, last])
}

/// A TCP flow that was just opened; times are of no matter to most detectors.
pub fn tcp(client: &str, server: &str, port: u16) -> Flow {
    flow(ip(client), 40_000, ip(server), port, proto::TCP)
}

pub fn udp(client: &str, client_port: u16, server: &str, port: u16) -> Flow {
    flow(ip(client), client_port, ip(server), port, proto::UDP)
}

pub fn flow(client: Ip, client_port: u16, server: Ip, server_port: u16, protocol: u8) -> Flow {
    let open = Flow::open(Timestamp::default(), (client, client_port), (server, server_port), protocol, 0);
    Flow { bytes_up: 60, packets_up: 1, ttl: 64, first_flags: 2, ..open }
}
