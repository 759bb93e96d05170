//! Events: what leaves the engine for browsers, the store and the terminal.

use crate::alert::{Alert, AlertRecord, Severity};
use crate::time::WallTime;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the engine has to say; drained by whoever drives it.
#[derive(Clone, Debug)]
pub enum Event {
    /// A new alert.
    Alert(Alert),
    /// An alert grew: more of the same. At most one a second per alert.
    AlertGrown(Alert),
    /// A device appeared or changed (by its id in the devices table).
    Device(Box<DeviceRecord>),
    /// Ten seconds of traffic are complete; seconds without any are left out.
    Traffic(TrafficPoint),
}

/// The first screen, and the `snapshot` event once a second.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Snapshot {
    /// The program.
    pub monitor: Monitor,
    /// What comes in.
    pub capture: Capture,
    /// How much flows.
    pub traffic: Traffic,
    /// The machine.
    pub system: System,
    /// What is wrong.
    pub alerts: Alerts,
    /// Who moves most, over the last minute; at most 10, most bytes first.
    pub top_talkers: Vec<Talker>,
    /// Outside places that moved most in the last hour; at most 10, most bytes first.
    pub top_destinations: Vec<Destination>,
    /// What was spoken most in the last hour; at most 10, most bytes first.
    pub applications: Vec<Application>,
    /// Who is there.
    pub devices: Devices,
}

/// The program itself.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Monitor {
    /// Version of netmonitor.
    pub version: &'static str,
    /// `live` or `replay`.
    pub mode: &'static str,
    /// `ok` or `degraded`.
    pub status: &'static str,
    /// Why degraded, in words.
    pub problems: Vec<String>,
    /// The same in Dutch.
    pub problems_nl: Vec<String>,
    /// Host name of this machine.
    pub host: String,
    /// Now.
    pub time: WallTime,
    /// When this process began.
    pub started: WallTime,
    /// Seconds since.
    pub uptime_seconds: u64,
    /// Browsers that watch live.
    pub viewers: u32,
    /// How far this monitor has learned the network.
    pub learning: Learning,
    /// Whether the time is right.
    pub clock: Clock,
    /// How fresh the lists of known bad addresses and names are.
    pub feeds: FeedsNow,
}

/// The wall clock of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Clock {
    /// Whether it follows a time server; unknown where the machine does not say.
    pub synchronised: Option<bool>,
    /// The program that keeps it right, when one is known to run.
    pub source: Option<&'static str>,
    /// Times it was set while this ran.
    pub steps: u64,
    /// By how many seconds, the last time.
    pub last_step_seconds: Option<i64>,
    /// When that was.
    pub last_step: Option<WallTime>,
}

/// The lists of known bad addresses and names, in three numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeedsNow {
    /// Lists in use.
    pub lists: u32,
    /// Of those, lists that could not be read or fetched.
    pub problems: u32,
    /// Seconds since the oldest of the fetched ones was fetched.
    pub oldest_age_seconds: Option<i64>,
}

/// How far the monitor has learned what is usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Learning {
    /// Day of the learning time, at most `of`.
    pub day: u16,
    /// Days of the learning time.
    pub of: u16,
    /// It is over for whatever was there from the start.
    pub done: bool,
    /// Devices that are still being learned, or are paused in it.
    pub devices_learning: u32,
    /// Devices whose habits are known, settled and busy ones.
    pub devices_known: u32,
}

/// What comes in.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Capture {
    /// One per interface (or file).
    pub interfaces: Vec<Interface>,
    /// Frames seen since start.
    pub packets: u64,
    /// Bytes seen since start.
    pub bytes: u64,
    /// Frames understood.
    pub decoded: u64,
    /// Frames refused.
    pub rejected: u64,
    /// Frames lost: kernel, ring and our own.
    pub dropped: u64,
    /// Frames seen in the last second.
    pub packets_per_second: f64,
    /// Frames lost in the last second.
    pub dropped_per_second: f64,
    /// What this sensor sees, in words: `mirror`, `own`, `one_way`, `silent`, `unknown`.
    pub sees: &'static str,
    /// What else there is to know of how it sees: `doubled` (each frame comes twice), `tagged` (VLAN), `pppoe`.
    pub notes: Vec<&'static str>,
}

/// One interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Interface {
    /// Name, such as `eth0`.
    pub name: String,
    /// `ring`, `pnet` or `file`.
    pub source: &'static str,
    /// Whether frames can come.
    pub up: bool,
    /// Frames received.
    pub packets: u64,
    /// Bytes of the frames read, as long as they were on the wire.
    pub bytes: u64,
    /// Frames dropped by the kernel before we could read them.
    pub dropped: u64,
    /// What is wrong with it, in words.
    pub problem: Option<String>,
    /// The same in Dutch.
    pub problem_nl: Option<String>,
}

/// How much flows. "In" is to inside hosts from outside, "out" the other way, "internal" inside to inside.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Traffic {
    /// Bytes per second, last second.
    pub in_bytes_per_second: f64,
    /// Bytes per second, last second.
    pub out_bytes_per_second: f64,
    /// Bytes per second, last second.
    pub internal_bytes_per_second: f64,
    /// Flows in the table.
    pub flows: u64,
    /// The last five minutes, one point a second, oldest first: only in `/api/dashboard`, empty in the event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<TrafficPoint>,
}

/// One second (or longer step) of traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct TrafficPoint {
    /// Start of the step.
    pub time: WallTime,
    /// Bytes from outside to inside.
    pub bytes_in: u64,
    /// Bytes from inside to outside.
    pub bytes_out: u64,
    /// Bytes inside to inside (and whatever else).
    pub bytes_internal: u64,
    /// Packets from outside to inside.
    pub packets_in: u64,
    /// Packets from inside to outside.
    pub packets_out: u64,
    /// Packets inside to inside.
    pub packets_internal: u64,
    /// Frames dropped.
    pub dropped: u64,
}

impl TrafficPoint {
    /// Adds the counts of another step; the time stays.
    pub fn add(&mut self, other: &TrafficPoint) {
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.bytes_internal += other.bytes_internal;
        self.packets_in += other.packets_in;
        self.packets_out += other.packets_out;
        self.packets_internal += other.packets_internal;
        self.dropped += other.dropped;
    }

    /// Packets in all.
    pub fn packets(&self) -> u64 {
        self.packets_in + self.packets_out + self.packets_internal
    }
}

/// The machine under it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct System {
    /// CPU of this process over the last second, percent of one core.
    pub cpu_percent: f64,
    /// Resident memory of this process.
    pub memory_bytes: u64,
    /// Temperature of the processor, when there is a sensor.
    pub temperature_celsius: Option<f64>,
    /// Whether the board says that its voltage is too low; unknown where it does not say.
    pub under_voltage: Option<bool>,
    /// Whether the board slows itself down now, for heat or voltage; unknown where it does not say.
    pub throttled: Option<bool>,
    /// One-minute load average.
    pub load: f64,
    /// Free bytes where the store is.
    pub disk_free_bytes: Option<u64>,
    /// Size of the store file.
    pub store_bytes: u64,
    /// Bytes written to the store today.
    pub written_today_bytes: u64,
}

/// What is wrong.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Alerts {
    /// Open (not acknowledged) alerts by severity name.
    pub open: BTreeMap<&'static str, u64>,
    /// The newest, at most 20: only in `/api/dashboard`, empty in the event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<AlertRecord>,
}

impl Alerts {
    /// No open alert of any severity.
    pub fn none_open() -> BTreeMap<&'static str, u64> {
        Severity::ALL.iter().map(|s| (s.name(), 0)).collect()
    }
}

/// A host by what it moves.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Talker {
    /// Address.
    pub ip: String,
    /// Station address, when known.
    pub mac: Option<String>,
    /// Name, when known.
    pub name: Option<String>,
    /// Vendor, when known.
    pub vendor: Option<String>,
    /// Whether it is one of ours.
    pub inside: bool,
    /// Bytes per second it received.
    pub in_bytes_per_second: f64,
    /// Bytes per second it sent.
    pub out_bytes_per_second: f64,
    /// Bytes it received since first seen.
    pub bytes_in: u64,
    /// Bytes it sent since first seen.
    pub bytes_out: u64,
}

/// An outside place: a host, or the hosts of one domain.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Destination {
    /// The name that was looked up (DNS) or asked for (TLS, QUIC, HTTP); the registered domain when there were several.
    pub name: Option<String>,
    /// The address used last.
    pub ip: String,
    /// The address of ours that used it last.
    pub client: String,
    /// The name of that.
    pub client_name: Option<String>,
    /// Bytes that came from it in the last minute.
    pub bytes_in_minute: u64,
    /// Bytes that went to it in the last minute.
    pub bytes_out_minute: u64,
    /// Bytes that came from it in the last hour.
    pub bytes_in_hour: u64,
    /// Bytes that went to it in the last hour.
    pub bytes_out_hour: u64,
}

/// What is spoken, by what was recognised.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Application {
    /// `https`, `quic`, `dns`, … or the port of what nobody recognised: `tcp/8009`.
    pub id: String,
    /// Bytes from outside, or from the server within, in the last minute.
    pub bytes_in_minute: u64,
    /// Bytes the other way in the last minute.
    pub bytes_out_minute: u64,
    /// Bytes from outside, or from the server within, in the last hour.
    pub bytes_in_hour: u64,
    /// Bytes the other way in the last hour.
    pub bytes_out_hour: u64,
}

/// Who is there.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Devices {
    /// Devices known.
    pub total: u64,
    /// Seen in the last five minutes.
    pub online: u64,
    /// First seen in the last 24 hours.
    pub new_today: u64,
    /// Not yet known to the owner.
    pub unknown: u64,
    /// At most 24, online ones first, then most recently seen: only in `/api/dashboard`, empty in the event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<DeviceRecord>,
}

/// One device, as `/api/devices` gives it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct DeviceRecord {
    /// Stable id: the MAC without colons (`02000000aabb`), or `ip-` and the address where no MAC is visible.
    pub id: String,
    /// Station addresses, the one in use first, at most 8: a phone changes its own.
    pub macs: Vec<String>,
    /// Why several station addresses are taken for one device.
    #[serde(default)]
    pub macs_why: Option<String>,
    /// The same in Dutch.
    #[serde(default)]
    pub macs_why_nl: Option<String>,
    /// IP addresses, most recent first, at most 8.
    pub ips: Vec<String>,
    /// The name to show: the owner's, else the best one seen, else vendor or address.
    pub label: String,
    /// Name the owner gave.
    pub name: Option<String>,
    /// Names seen on the wire and where each came from.
    pub names: Vec<NameRecord>,
    /// Registered vendor of the MAC.
    pub vendor: Option<String>,
    /// Whether the MAC is random (locally administered).
    pub random_mac: bool,
    /// Kind of device; `unknown` allowed.
    pub kind: String,
    /// What the kind rests on.
    pub kind_why: Option<String>,
    /// The same in Dutch.
    #[serde(default)]
    pub kind_why_nl: Option<String>,
    /// Whether it carries the traffic of outside addresses; `None` in records of before this was kept apart.
    #[serde(default)]
    pub routes: Option<bool>,
    /// Family of its operating system, when DHCP tells.
    #[serde(default)]
    pub system: Option<String>,
    /// First seen.
    pub first_seen: WallTime,
    /// Last seen.
    pub last_seen: WallTime,
    /// Seen in the last five minutes.
    pub online: bool,
    /// Bytes received today (since midnight UTC).
    pub bytes_in_today: u64,
    /// Bytes sent today.
    pub bytes_out_today: u64,
    /// Risk 0-100; `None` while no score is kept.
    pub risk: Option<u8>,
    /// The kinds of alerts that the risk comes from, heaviest first, each with its share: `port_scan 35`.
    #[serde(default)]
    pub risk_why: Vec<String>,
    /// Owner's notes.
    pub notes: String,
    /// Owner says: tell me when it is gone.
    pub important: bool,
    /// Owner says that he knows it, or gave it a name; `None` in records of before this was kept.
    #[serde(default)]
    pub known: Option<bool>,
    /// The longest silence of the last week, seconds; `None` while none was seen.
    #[serde(default)]
    pub usual_gap_seconds: Option<u32>,
    /// What it usually does; `None` while it has done nothing.
    #[serde(default)]
    pub habits: Option<HabitRecord>,
    /// More about it: in the answer about one device and in the store, not in lists and events.
    #[serde(default, flatten)]
    pub more: Option<DeviceDetails>,
}

/// What a device usually does, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct HabitRecord {
    /// `learning`, `settled` (does few things, so a new one is told), `busy` (too varied to judge by where it goes), or
    /// `paused` (learns nothing while a grave alert is open about it).
    pub state: String,
    /// Day of its learning time: days on which it was seen, at most `of`.
    pub day: u16,
    /// Days of the learning time.
    pub of: u16,
    /// Destinations that are usual for it.
    pub destinations: u32,
    /// Ports that it usually serves, such as `tcp/443`.
    pub services: Vec<String>,
    /// Bytes it sends out of the network on a usual day; `None` on its first.
    pub usual_out_bytes: Option<u64>,
    /// Bytes it receives from outside on a usual day.
    pub usual_in_bytes: Option<u64>,
}

/// What only the page of one device shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct DeviceDetails {
    /// What it lets slip of what it is.
    pub traits: Vec<TraitRecord>,
    /// How usual it is that it is there, by hour of the day (UTC): 24 numbers of 0 to 255.
    pub hours: Vec<u8>,
    /// Ports on which it answers, at most 16.
    pub services: Vec<ServiceRecord>,
    /// With whom it moves most bytes, most first, at most 8.
    pub peers: Vec<PeerRecord>,
    /// Bytes of the days before this one, latest first, at most 7.
    pub days: Vec<DayRecord>,
    /// Bytes of the last 24 hours with any, this one included, oldest first.
    #[serde(default)]
    pub last_hours: Vec<HourRecord>,
    /// Registered domains that it looked up lately, most asked first, at most 16.
    #[serde(default)]
    pub asked: Vec<AskedRecord>,
}

/// A trait of a device and where it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct TraitRecord {
    /// `dhcp_class`, `dhcp_options`, `id`, `mdns_service`, `model`, `category`, `ssdp_server`, `user_agent`, `ssh`, `ja4`.
    pub source: String,
    /// What was said, cleaned.
    pub value: String,
}

/// A port on which a device answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct ServiceRecord {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Port.
    pub port: u16,
    /// Whether it answered somebody outside.
    pub outside: bool,
    /// Day when it last did.
    pub last_day: WallTime,
}

/// A peer of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct PeerRecord {
    /// Address.
    pub ip: String,
    /// Name, when known.
    pub name: Option<String>,
    /// Bytes moved in both directions, older days counting half of the next.
    pub bytes: u64,
}

/// Bytes of one day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct DayRecord {
    /// Start of the day, UTC.
    pub day: WallTime,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

/// Bytes of one hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct HourRecord {
    /// Start of the hour, UTC.
    pub hour: WallTime,
    /// Bytes received, to the KiB.
    pub bytes_in: u64,
    /// Bytes sent, to the KiB.
    pub bytes_out: u64,
}

/// A domain that a device looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct AskedRecord {
    /// The registered domain.
    pub domain: String,
    /// How often lately: halved every day.
    pub times: u32,
    /// The hour in which it last did.
    pub last_hour: WallTime,
}

/// A name and where it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct NameRecord {
    /// The name, cleaned.
    pub name: String,
    /// `friendly` (as a service shows itself to people), `dhcp`, `mdns`, `nbns`, `llmnr`, `dns`, `sni`.
    pub source: String,
}
