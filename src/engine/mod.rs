//! The engine: frames in, events out. Sans-IO; live capture, replay and every test drive this one type.
//!
//! [`Engine::on_frame`] does all that one frame asks for in one call: decode, tables, detectors, alerts. Work that
//! time brings (expiry, rates, growth of alerts) is done once a second of engine time, in bounded steps.

mod habits;
mod hints;
mod inspect;
mod local;
mod report;
mod risk;
mod talk;
mod transport;
mod view;
mod watch;

pub use report::Totals;

use crate::addr::{Inside, Ip, MacAddr};
use crate::alert::desk;
use crate::alert::{AlertRecord, Allow, Mute};
use crate::capture::Frame;
use crate::counters::{Counters, Reject};
use crate::detect::settings::Problem;
use crate::event::{Event, TrafficPoint};
use crate::feeds::Feeds;
use crate::observe::{BurstSeen, FragmentSeen, Loose, Observation, SensorSecond, SensorState};
use crate::table::crowd::{self, Stations};
use crate::table::devices::DeviceKey;
use crate::table::flows::{Flow, FlowKey, Flows, Inspect, State, proto};
use crate::table::habits::Rules;
use crate::table::reach::Reach;
use crate::table::reassembly::{Fragments, Odd};
use crate::table::{Caps, Known, Lookup};
use crate::time::{SECOND, Timestamp};
use crate::wire::ip::IpPacket;
use crate::wire::{self, Body, Packet, Transport};
use habits::PER_SECOND;
use inspect::Readers;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use view::{Copies, View, is_pppoe};
use watch::Watch;

/// Seconds of traffic kept at one-second resolution for the first screen.
pub const HISTORY_SECONDS: usize = 300;
/// Idle inside and outside hosts are forgotten after this, microseconds.
const HOST_LIFE: [i64; 2] = [86_400 * SECOND, 3_600 * SECOND];
/// Device events per second: a flood of new stations must not become a flood of events.
const DEVICE_EVENTS: usize = 32;
/// A gap longer than this is swept as one whole pass over each table.
const LONGEST_GAP: i64 = 16;

/// Half of the window in which a station counts as heard of, microseconds.
const STATIONS_HALF: i64 = 600 * SECOND;
/// IP protocols that carry others or routes, in any number: IGMP, IP in IP, 6in4, RSVP, GRE, ESP, AH, no next header,
/// EIGRP, OSPF, PIM, IPComp, VRRP, L2TP, SCTP, UDP-Lite.
const CARRIERS: [u8; 16] = [2, 4, 41, 46, 47, 50, 51, 59, 88, 89, 103, 108, 112, 115, 132, 136];

/// What an engine is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Caps of the tables.
    pub caps: Caps,
    /// What is ours.
    pub inside: Inside,
    /// Gateways known from the settings.
    pub gateways: Vec<Ip>,
    /// Stations that are this machine.
    pub own: Vec<MacAddr>,
    /// Whether silence means something.
    pub live: bool,
    /// More of the same within this many seconds is the same alert.
    pub quiet_period_s: u64,
    /// What is meant to be so.
    pub allow: Vec<Allow>,
    /// Number of the first alert.
    pub next_alert_id: u64,
    /// Seconds learned in earlier runs.
    pub learned_s: u64,
    /// A device silent for longer than this many seconds is offline.
    pub online_s: u32,
    /// Names of devices by MAC.
    pub names: BTreeMap<MacAddr, String>,
    /// Devices that must not fall silent, by MAC.
    pub important: Vec<MacAddr>,
    /// When something that a device does is a habit.
    pub habits: Rules,
    /// The checked section `[detect]`.
    pub detect: toml::Table,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            caps: Caps::from_memory(24),
            inside: Inside::default(),
            gateways: Vec::new(),
            own: Vec::new(),
            live: false,
            quiet_period_s: 3600,
            allow: Vec::new(),
            next_alert_id: 1,
            learned_s: 0,
            online_s: 300,
            names: BTreeMap::new(),
            important: Vec::new(),
            habits: Rules::default(),
            detect: toml::Table::new(),
        }
    }
}

/// Frames in, events out.
pub struct Engine {
    counters: Counters,
    flows: Flows,
    known: Known,
    reach: Reach,
    fragments: Option<Box<Fragments>>,
    loose: crowd::Loose,
    stations: Stations,
    stations_turn: Timestamp,
    readers: Readers,
    watch: Watch,
    own: Vec<MacAddr>,
    now: Timestamp,
    next_second: Timestamp,
    next_minute: Timestamp,
    minute_frames: u64,
    flows_seen: u64,
    sensor: SensorSecond,
    live: bool,
    view: View,
    copies: Copies,
    point: TrafficPoint,
    ten_seconds: TrafficPoint,
    history: VecDeque<TrafficPoint>,
    /// Flows whose ends' habits are to be told of them, of one sweep.
    due: Vec<FlowKey>,
}

/// One IP packet with what the engine needs of the frame around it.
#[derive(Clone, Copy)]
struct Carried<'a> {
    ip: &'a IpPacket<'a>,
    /// The station that sent the frame; NONE when a tunnel hides it.
    mac: MacAddr,
    vlan: u16,
}

impl Engine {
    /// An engine with empty tables; the problem says what is wrong with the detectors' settings.
    pub fn new(settings: Settings) -> Result<Self, Problem> {
        let caps = settings.caps;
        let mut known = Known::new(caps, settings.inside, settings.gateways);
        known.set_learned(settings.learned_s);
        known.set_devices(settings.online_s, settings.names, settings.important);
        known.habits.set_rules(settings.habits);
        let rules =
            desk::Rules { quiet_period_s: settings.quiet_period_s, per_minute: None, allow: settings.allow };
        let watch =
            Watch::new(&settings.detect, caps.keys, settings.next_alert_id, rules, settings.own.clone())?;
        Ok(Engine {
            counters: Counters::default(),
            flows: Flows::new(caps.flows),
            known,
            reach: Reach::new(caps.places),
            fragments: Some(Box::new(Fragments::new(caps.fragment_bytes))),
            loose: crowd::Loose::default(),
            stations: Stations::default(),
            stations_turn: Timestamp::MIN,
            readers: Readers::new(caps.stream_bytes),
            watch,
            own: settings.own,
            now: Timestamp::MIN,
            next_second: Timestamp::MIN,
            next_minute: Timestamp::MIN,
            minute_frames: 0,
            flows_seen: 0,
            sensor: SensorSecond { live: settings.live, ..SensorSecond::default() },
            live: settings.live,
            view: View::default(),
            copies: Copies::default(),
            point: TrafficPoint::default(),
            ten_seconds: TrafficPoint::default(),
            history: VecDeque::new(),
            due: Vec::new(),
        })
    }

    /// Wall time minus engine time, microseconds. Whoever owns the clock says when it changes.
    pub fn set_offset(&mut self, offset: i64) {
        let before = self.known.offset();
        if offset == before {
            return;
        }
        let seconds = offset.saturating_sub(before) / SECOND;
        self.known.set_offset(offset);
        if seconds != 0 && self.now != Timestamp::MIN {
            let step = Observation::ClockStep { seconds, live: self.live };
            self.watch.tell(self.now, &self.known, &step);
        }
    }

    /// Takes in what the sensor reads of itself; call every few seconds.
    pub fn on_sensor(&mut self, state: &SensorState<'_>) {
        self.watch.tell(self.now, &self.known, &Observation::Sensor(state));
    }

    /// Remembers an alert of an earlier run, oldest first: for the risk of its devices.
    pub fn restore_alert(&mut self, alert: &AlertRecord) {
        self.watch.risk.restore(&self.known, alert);
    }

    /// Wall time minus engine time, microseconds.
    pub fn offset(&self) -> i64 {
        self.known.offset()
    }

    /// The latest moment the engine has seen.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Replaces the mutes.
    pub fn set_mutes(&mut self, mutes: Vec<Mute>) {
        self.watch.desk.set_mutes(mutes);
    }

    /// Swaps in another set of lists of known bad addresses and names.
    pub fn set_feeds(&mut self, feeds: Arc<Feeds>) {
        self.watch.detectors.set_feeds(&feeds);
    }

    /// Takes what there is to tell, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.watch.events.pop_front()
    }

    /// Looks at one frame.
    pub fn on_frame(&mut self, frame: &Frame<'_>) {
        self.advance(frame.at);
        self.counters.frames += 1;
        self.counters.bytes += u64::from(frame.wire_len);
        self.counters.cut += u64::from((frame.data.len() as u64) < u64::from(frame.wire_len));
        self.sensor.frames += 1;
        match wire::decode(frame.link, frame.data) {
            Ok(packet) => {
                self.counters.decoded += 1;
                self.on_packet(&packet, frame);
            }
            Err(reason) => {
                self.counters.rejected += 1;
                self.counters.reject(reason);
            }
        }
    }

    /// Lets time pass without a frame; call about once a second.
    pub fn on_tick(&mut self, now: Timestamp) {
        self.advance(now);
    }

    /// Frames that capture lost since the last call.
    pub fn on_dropped(&mut self, frames: u64) {
        self.sensor.dropped += frames;
        self.point.dropped += frames;
    }

    /// An interface went down or came back.
    pub fn on_link(&mut self, down: bool) {
        self.sensor.link_down = down;
    }

    /// The end of a replay: tells of every alert that grew, and closes the last ten seconds of traffic.
    pub fn finish(&mut self) {
        self.on_second();
        self.watch.tell_grown(self.now, true);
        self.close_ten_seconds();
    }

    #[inline]
    fn advance(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
        self.known.set_now(self.now);
        if self.now >= self.next_second {
            self.on_second();
        }
    }

    fn on_packet(&mut self, packet: &Packet<'_>, frame: &Frame<'_>) {
        let to_group = packet.dst_mac.is_group();
        let ours = |mac: MacAddr| !mac.is_none() && self.own.contains(&mac);
        if to_group || ours(packet.src_mac) || ours(packet.dst_mac) {
            self.sensor.own_or_group += 1;
        } else {
            self.sensor.foreign_unicast += 1;
        }
        if self.stations.is_new(packet.src_mac) {
            self.watch.tell(self.now, &self.known, &Observation::Station(packet.src_mac));
        }
        match &packet.body {
            Body::Arp(arp) => {
                self.count_traffic(true, true, frame.wire_len);
                self.on_arp(*arp, packet.src_mac, packet.dst_mac);
            }
            Body::Ip(ip) => {
                let mac = if ip.depth == 0 { packet.src_mac } else { MacAddr::NONE };
                let vlan = if packet.vlan == 0 { frame.vlan } else { packet.vlan };
                self.sensor.tagged += u64::from(vlan != 0);
                self.sensor.pppoe += u64::from(ip.depth > 0 && is_pppoe(frame));
                self.on_ip(Carried { ip, mac, vlan });
            }
            Body::Other(_) => self.count_traffic(true, true, frame.wire_len),
        }
    }

    fn on_ip(&mut self, carried: Carried<'_>) {
        match &carried.ip.transport {
            Transport::Tcp(segment) => self.on_tcp(carried, segment),
            Transport::Udp(datagram) => self.on_udp(carried, datagram),
            Transport::Icmp(message) => self.on_icmp(carried, message),
            Transport::Fragment(fragment) => self.on_fragment(carried, fragment),
            Transport::Other(protocol, _) => {
                if !CARRIERS.contains(protocol) {
                    self.count_loose(carried, Loose::Unreadable);
                }
                self.touch(carried);
            }
            Transport::Bad(reason) => {
                self.counters.reject(*reason);
                match reason {
                    Reject::ExtensionMalformed => self.count_loose(carried, Loose::Unreadable),
                    Reject::FragmentMalformed => {
                        self.tell_odd(carried.ip.src, carried.ip.dst, Odd::Impossible)
                    }
                    _ => {}
                }
                self.touch(carried);
            }
        }
    }

    fn on_fragment(&mut self, carried: Carried<'_>, fragment: &wire::ip::Fragment<'_>) {
        let Some(mut fragments) = self.fragments.take() else { return };
        let ip = carried.ip;
        match fragments.add(self.now, ip.src, ip.dst, fragment) {
            Some(whole) => {
                let transport = wire::decode_reassembled(ip.src, ip.dst, fragment.protocol, whole);
                if !matches!(transport, Transport::Fragment(_)) {
                    self.on_ip(Carried { ip: &IpPacket { transport, ..*ip }, ..carried });
                }
            }
            None => self.touch(carried),
        }
        let odd = fragments.take_odd();
        self.fragments = Some(fragments);
        if let Some((source, target, odd)) = odd {
            self.tell_odd(source, target, odd);
        }
    }

    fn give_up_fragments(&mut self) {
        while let Some((source, target)) = self.fragments.as_mut().and_then(|f| f.give_up(self.now)) {
            self.tell_odd(source, target, Odd::Unfinished);
        }
    }

    fn tell_odd(&mut self, source: Ip, target: Ip, odd: Odd) {
        let completed = self.fragment_counts().completed;
        let seen = FragmentSeen { source, target, odd, completed };
        self.watch.tell(self.now, &self.known, &Observation::Fragment(&seen));
    }

    /// Counts a packet that belongs to no flow towards its target; told of in steps.
    fn count_loose(&mut self, carried: Carried<'_>, class: Loose) {
        let (source, target) = (carried.ip.src, carried.ip.dst);
        // Discovery goes to many groups, one per address looked for: they are one place.
        let place = if target.is_multicast() { Ip::UNSPECIFIED } else { target };
        if self.loose.add(place, class as u8) {
            let seen = BurstSeen { source, target, class, packets: crowd::STEP };
            self.watch.tell(self.now, &self.known, &Observation::Burst(&seen));
        }
    }

    /// Counts a packet that belongs to no flow.
    fn touch(&mut self, carried: Carried<'_>) {
        let ip = carried.ip;
        let (from_inside, to_inside) =
            (self.known.inside.contains(ip.src), self.known.inside.contains(ip.dst));
        self.count_traffic(from_inside, to_inside, ip.len);
        if ip.src.is_unicast() {
            let slot = self.known.host_slot(ip.src, u32::MAX);
            self.sent(slot, ip.src, carried.mac, ip.len);
        }
        if ip.dst.is_unicast() && self.known.hosts.get(&ip.dst).is_some() {
            let slot = self.known.host_slot(ip.dst, u32::MAX);
            self.known.received(slot, ip.len);
        }
    }

    /// Counts bytes that a host sent; a station met for the first time is told of.
    #[inline]
    fn sent(&mut self, slot: u32, ip: Ip, mac: MacAddr, bytes: u32) {
        if let Some((_, key)) = self.known.sent(slot, mac, bytes) {
            self.tell_device(key, Some(ip));
        }
    }

    fn tell_device(&mut self, key: DeviceKey, ip: Option<Ip>) {
        let ip = ip.filter(|ip| self.known.inside.contains(*ip) && ip.is_unicast());
        if let DeviceKey::Mac(mac) = key {
            let seen = crate::observe::DeviceSeen { mac, ip, vendor: crate::addr::vendor::of(mac) };
            self.watch.tell(self.now, &self.known, &Observation::DeviceNew(&seen));
        }
    }

    #[inline]
    fn count_traffic(&mut self, from_inside: bool, to_inside: bool, bytes: u32) {
        let p = &mut self.point;
        let (total, packets) = match (from_inside, to_inside) {
            (false, true) => (&mut p.bytes_in, &mut p.packets_in),
            (true, false) => (&mut p.bytes_out, &mut p.packets_out),
            _ => (&mut p.bytes_internal, &mut p.packets_internal),
        };
        *total += u64::from(bytes);
        *packets += 1;
    }

    /// What the passing of a second (or more) brings.
    fn on_second(&mut self) {
        let started = self.next_second;
        let passed = if started == Timestamp::MIN { 1 } else { self.now.since(started) / SECOND + 1 };
        self.next_second = Timestamp::from_micros(self.now.micros() / SECOND * SECOND + SECOND);
        self.known.on_second();
        if self.now.since(self.stations_turn) > STATIONS_HALF {
            self.stations_turn = self.now;
            self.stations.turn();
        }
        self.give_up_fragments();
        // What ended in a gap without frames belongs to the day before it.
        self.sweep(usize::try_from(passed.clamp(1, LONGEST_GAP)).unwrap_or(1));
        self.known.habits.on_second(self.known.learning_for());
        let fresh =
            SensorSecond { live: self.live, link_down: self.sensor.link_down, ..SensorSecond::default() };
        let second = std::mem::replace(&mut self.sensor, fresh);
        self.watch.tell(self.now, &self.known, &Observation::Second(&second));
        self.view.add(self.now, &second);
        self.minute_frames += second.frames;
        if self.now >= self.next_minute {
            self.on_minute(second.link_down);
        }
        self.close_second(started);
        self.watch.tell_grown(self.now, false);
        self.tell_changed_devices();
    }

    /// Once a minute: presence of devices, and which important ones are silent.
    fn on_minute(&mut self, link_down: bool) {
        self.next_minute = self.now.plus(60 * SECOND);
        let heard = std::mem::take(&mut self.minute_frames) > 0 && !link_down;
        for (key, change) in self.known.on_minute(heard) {
            self.tell_change(key, &change);
        }
    }

    /// Expiry in bounded steps: a sixteenth of each table per second that passed.
    fn sweep(&mut self, seconds: usize) {
        let (now, mut one_way, mut two_way) = (self.now, 0, 0);
        let mut steps = (self.flows.len() * seconds).div_ceil(LONGEST_GAP as usize).max(256);
        let (mut due, today) = (std::mem::take(&mut self.due), self.known.habits.day());
        loop {
            let Engine { flows, known, reach, .. } = self;
            let gone = flows.sweep(&mut steps, |key, flow| {
                reach.count(now, flow, |ip| known.asked_as(ip));
                if due.len() < PER_SECOND && habits::is_due(flow, today) {
                    due.push(*key);
                }
                let active = flow.protocol == proto::TCP && now.since(flow.last_at) < LONGEST_GAP * SECOND;
                if active && flow.packets_up + flow.packets_down >= 4 {
                    let both = flow.packets_up > 0 && flow.packets_down > 0;
                    *if both { &mut two_way } else { &mut one_way } += 1;
                }
                flow.is_over(now)
            });
            let Some((_, flow)) = gone else { break };
            self.tell_ended(flow);
        }
        self.tell_habits(&mut due);
        self.due = due;
        (self.sensor.one_way_flows, self.sensor.two_way_flows) = (one_way, two_way);
        let mut steps = (self.known.hosts.len() * seconds).div_ceil(64).max(64);
        let over = |_: &Ip, h: &mut crate::table::hosts::Host| {
            now.since(h.last_sent_at.max(h.first_at)) > HOST_LIFE[usize::from(!h.inside)]
        };
        while self.known.hosts.sweep(&mut steps, over).is_some() {}
    }

    fn tell_ended(&mut self, mut flow: Flow) {
        self.reach.count(self.now, &mut flow, |ip| self.known.asked_as(ip));
        if !flow.inspect.has(Inspect::ENDED) {
            flow.inspect.set(Inspect::ENDED);
            self.known.moved(&flow);
            self.tell_last(&flow);
            self.watch.tell(self.now, &self.known, &Observation::FlowEnded(&flow));
        }
    }

    /// `end` is where the second that is over ends.
    fn close_second(&mut self, end: Timestamp) {
        if end == Timestamp::MIN {
            return;
        }
        let start = end.plus(-SECOND).wall(self.offset());
        let point = TrafficPoint { time: start, ..std::mem::take(&mut self.point) };
        if self.history.len() == HISTORY_SECONDS {
            self.history.pop_front();
        }
        self.history.push_back(point);
        let slot = crate::time::WallTime::from_micros(start.micros().div_euclid(10 * SECOND) * 10 * SECOND);
        if slot != self.ten_seconds.time {
            self.close_ten_seconds();
            self.ten_seconds.time = slot;
        }
        self.ten_seconds.add(&point);
    }

    fn close_ten_seconds(&mut self) {
        let point = std::mem::take(&mut self.ten_seconds);
        if point.packets() + point.dropped > 0 {
            self.watch.events.push_back(Event::Traffic(point));
        }
    }

    fn tell_changed_devices(&mut self) {
        let dirty = self.known.devices.iter().filter(|(_, d)| d.dirty).map(|(key, _)| *key);
        let keys: Vec<DeviceKey> = dirty.take(DEVICE_EVENTS).collect();
        for key in keys {
            if let Some(device) = self.known.devices.get_mut(&key) {
                device.dirty = false;
            }
            self.known.judge(key);
            if let Some(device) = self.known.devices.get(&key) {
                let record = self.record(key, device);
                self.watch.events.push_back(Event::Device(Box::new(record)));
            }
        }
    }

    fn insert_flow(&mut self, key: FlowKey, flow: Flow) -> u32 {
        self.flows_seen += 1;
        let (slot, gone) = self.flows.insert_new(key, flow);
        if let Some((_, gone)) = gone {
            self.tell_ended(gone);
        }
        slot
    }

    /// Whether a flow that stands in the table is in fact another, older one.
    fn is_stale(flow: &Flow, now: Timestamp, opens: bool) -> bool {
        flow.is_over(now) || (opens && matches!(flow.state, State::Closed | State::Refused))
    }
}
