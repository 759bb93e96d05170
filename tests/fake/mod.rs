//! A dashboard over invented data: a store in memory and a loop that answers commands, on a thread of its own.

#![allow(dead_code, reason = "each user takes what it needs")]

use netmonitor::alert::{AlertRecord, HistoryRecord, Severity, Subject};
use netmonitor::command::{Command, SettingsRefusal, Span, Stage};
use netmonitor::event::{
    Alerts, Application, AskedRecord, DayRecord, Destination, DeviceDetails, DeviceRecord, HourRecord,
    Interface, NameRecord, PeerRecord, ServiceRecord, Snapshot, System, Talker, TrafficPoint,
};
use netmonitor::http::{self, App, AuthMode, Limits, Setup};
use netmonitor::store::{Options, Store, StoreStats};
use netmonitor::time::{self, WallTime};
use netmonitor::words::Sentence;
use smol::LocalExecutor;
use smol::channel::Receiver;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

/// The code that claims it.
pub const CLAIM: &str = "ABCD-1234";

/// A dashboard that runs.
pub struct Fake {
    /// Where it listens.
    pub address: SocketAddr,
    /// What the loop would hold.
    pub app: Arc<App>,
    /// Its store.
    pub store: Arc<Store>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    /// Keeps five minutes of traffic.
    pub fn snapshot_traffic(&self) {
        let history = snapshot(1).traffic.history;
        history.iter().step_by(10).for_each(|point| self.store.add_traffic(point).expect("memory"));
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.app.shutdown();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A store that holds nothing.
pub fn store() -> Arc<Store> {
    let options = Options { cache_bytes: 1 << 20, max_bytes: 64 << 20, alert_days: 30, flush_seconds: 60 };
    Arc::new(Store::in_memory(options).expect("a store in memory"))
}

/// An app without password, as `change` wants it, and where its commands come out.
pub fn app(store: &Arc<Store>, change: impl FnOnce(&mut Setup)) -> (Arc<App>, Receiver<Command>) {
    let (commands, orders) = smol::channel::bounded(64);
    let mut setup = Setup {
        store: store.clone(),
        commands,
        auth: AuthMode::None,
        claim_code: Some(CLAIM.to_owned()),
        session_days: 30,
        limits: Limits::default(),
        host: "pi".to_owned(),
        public_hosts: vec!["monitor.example".to_owned()],
        trusted_proxies: Vec::new(),
        replay: false,
    };
    change(&mut setup);
    (App::new(setup).expect("an app"), orders)
}

/// Starts one on a free port of the loopback.
pub fn start(change: impl FnOnce(&mut Setup)) -> Fake {
    start_on(store(), change)
}

/// Starts one over a store there is.
pub fn start_on(store: Arc<Store>, change: impl FnOnce(&mut Setup)) -> Fake {
    let (app, orders) = app(&store, change);
    app.set_snapshot(snapshot(1));
    app.set_health(health());
    app.set_kinds(r#"{"kinds":[{"id":"port_scan","title":"Port scan"}]}"#.into(), r#"{"kinds":[]}"#.into());
    let listener = http::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let address = listener.get_ref().local_addr().expect("bound");
    let served = app.clone();
    let thread = std::thread::spawn(move || run(listener, served, orders));
    Fake { address, app, store, thread: Some(thread) }
}

/// Serves on the calling thread until shut down.
pub fn run(listener: smol::Async<std::net::TcpListener>, app: Arc<App>, orders: Receiver<Command>) {
    let executor = Rc::new(LocalExecutor::new());
    smol::block_on(executor.run(async {
        executor.spawn(obey(orders)).detach();
        http::serve(executor.clone(), listener, app).await;
    }));
}

async fn obey(orders: Receiver<Command>) {
    let mut devices: Vec<DeviceRecord> = (1..=how_many()).map(device).collect();
    while let Ok(order) = orders.recv().await {
        match order {
            Command::Devices(reply) => reply(devices.clone()),
            Command::Device(id, reply) => {
                let device = devices.iter().find(|d| d.id == id).cloned();
                reply(device.map(|d| DeviceRecord { more: Some(details()), ..d }));
            }
            Command::ChangeDevice(id, change, reply) => {
                let device = devices.iter_mut().find(|d| d.id == id);
                reply(device.map(|device| {
                    if let Some(name) = change.name {
                        device.known = Some(device.known == Some(true) || !name.is_empty());
                        device.name = (!name.is_empty()).then_some(name);
                        device.label = device.name.clone().unwrap_or(device.names[0].name.clone());
                    }
                    device.known = change.known.or(device.known);
                    device.notes = change.notes.unwrap_or(std::mem::take(&mut device.notes));
                    device.important = change.important.unwrap_or(device.important);
                    device.clone()
                }));
            }
            Command::Talkers(span, limit, reply) => {
                let ago = if span == Span::Recent { 5400 } else { 86_400 };
                let since = WallTime::from_micros(time::wall().micros() - ago * time::SECOND);
                reply((since, talkers().into_iter().take(limit).collect()));
            }
            Command::Mutes(_) => {}
            Command::Settings(reply) => reply(settings()),
            Command::OrderSettings(.., reply) => reply(Err(SettingsRefusal::NotLive)),
            Command::Backup(reply) => {
                let config = netmonitor::config::Config::default();
                reply(Ok(netmonitor::restore::made(&config, &devices, &[], "fake", time::wall())));
            }
            Command::Restore(_, wanted, reply) => {
                let config = netmonitor::config::Config::default();
                let plan = netmonitor::restore::plan(&wanted, &config, &devices, &[], time::wall());
                reply(plan.map(|plan| plan.told(wanted.apply)));
            }
            Command::SelfTest(_, reply) => reply(vec![
                Stage::new("capture", true, 0, Sentence::same("eth0 is listened on")),
                Stage::new("parser", true, 3, Sentence::same("decoded")),
                Stage::new("detector", true, 2, Sentence::same("found")),
                Stage::new("store", true, 900, Sentence::same("kept")),
            ]),
        }
    }
}

/// The defaults, which nobody can change here.
pub fn settings() -> serde_json::Value {
    let mut all = netmonitor::config::Config::default().describe(false);
    all.iter_mut().for_each(|setting| setting["pending"] = false.into());
    let page = "/var/lib/netmonitor/settings.toml";
    serde_json::json!({ "live": false, "file": null, "page_file": page, "settings": all, "changes": [] })
}

/// Devices there are: 24, or as many as `FAKE_DEVICES` says.
fn how_many() -> u64 {
    std::env::var("FAKE_DEVICES").ok().and_then(|n| n.parse().ok()).unwrap_or(24)
}

/// Health as a monitor would tell it.
pub fn health() -> serde_json::Value {
    serde_json::json!({
        "capture": {
            "frames": { "received": 12_345, "bytes": 9_876_543, "decoded": 12_300, "rejected": 45, "cut": 0 },
            "rejected_by_reason": { "tcp_truncated": 40, "dns_malformed": 5 },
            "dropped": 0,
            "sees": "mirror",
            "interfaces": [Interface { name: "eth0".into(), source: "ring", up: true, ..Interface::default() }],
        },
        "system": System::default(),
        "store": StoreStats::default(),
        "monitor": {
            "version": netmonitor::VERSION,
            "mode": "live",
            "started": time::wall(),
            "uptime_seconds": 60,
            "learned_seconds": 60,
        },
        "tables": { "flows": 120, "flows_evicted": 0, "devices": 24 },
        "feeds": null,
        "clock": {
            "time": time::wall(),
            "steps": 0,
            "synchronised": true,
            "source": "systemd-timesyncd",
            "last_step_seconds": null,
            "last_step": null,
        },
        "problems": [],
    })
}

/// A snapshot, its numbers moving with `n`.
pub fn snapshot(n: u64) -> Snapshot {
    let now = time::wall();
    let wave = (n as f64 / 7.0).sin().abs();
    let mut snapshot = Snapshot::default();
    snapshot.monitor.version = env!("CARGO_PKG_VERSION");
    snapshot.monitor.mode = "live";
    snapshot.monitor.status = "ok";
    snapshot.monitor.host = "pi".into();
    snapshot.monitor.time = now;
    snapshot.monitor.started = WallTime::from_micros(now.micros() - n as i64 * time::SECOND);
    snapshot.monitor.uptime_seconds = n;
    snapshot.monitor.clock.synchronised = Some(true);
    snapshot.monitor.feeds.lists = 2;
    snapshot.monitor.feeds.oldest_age_seconds = Some(7200);
    snapshot.monitor.learning.day = 2;
    snapshot.monitor.learning.of = 7;
    snapshot.capture.interfaces = vec![Interface {
        name: "eth0".into(),
        source: "ring",
        up: true,
        packets: n * 900,
        ..Interface::default()
    }];
    snapshot.capture.packets = n * 900;
    snapshot.capture.bytes = n * 700_000;
    snapshot.capture.decoded = n * 899;
    snapshot.capture.packets_per_second = 900.0 * wave;
    snapshot.capture.sees = "mirror";
    snapshot.traffic.in_bytes_per_second = 5_000_000.0 * wave;
    snapshot.traffic.out_bytes_per_second = 400_000.0 * (1.0 - wave);
    snapshot.traffic.internal_bytes_per_second = 90_000.0;
    snapshot.traffic.flows = 120;
    snapshot.traffic.history = (0..300).map(|s| point(now, 300 - s)).collect();
    snapshot.system.cpu_percent = 3.0;
    snapshot.system.memory_bytes = 9 << 20;
    snapshot.system.load = 0.2;
    snapshot.system.under_voltage = Some(n % 20 < 10);
    snapshot.system.throttled = Some(n % 20 < 10);
    snapshot.alerts = Alerts { open: Alerts::none_open(), recent: Vec::new() };
    snapshot.top_talkers = talkers();
    snapshot.top_destinations = destinations();
    snapshot.applications = applications();
    snapshot.devices.total = how_many();
    snapshot.devices.online = how_many() - 4;
    snapshot.devices.unknown = how_many() / 3;
    snapshot.devices.list = (1..=24).map(device).collect();
    snapshot
}

fn point(now: WallTime, ago: i64) -> TrafficPoint {
    let bytes = (ago % 60 * 80_000).unsigned_abs();
    TrafficPoint {
        time: WallTime::from_micros((now.secs() - ago) * time::SECOND),
        bytes_in: bytes,
        bytes_out: bytes / 9,
        bytes_internal: 40_000,
        packets_in: bytes / 900,
        packets_out: bytes / 1800,
        packets_internal: 60,
        dropped: 0,
    }
}

fn talkers() -> Vec<Talker> {
    let talker = |n: u64| Talker {
        ip: format!("192.168.1.{n}"),
        mac: Some(format!("02:00:00:00:00:{n:02x}")),
        name: Some(format!("device-{n}")),
        inside: true,
        in_bytes_per_second: 900_000.0 / n as f64,
        out_bytes_per_second: 40_000.0 / n as f64,
        bytes_in: 90_000_000 / n,
        bytes_out: 4_000_000 / n,
        ..Talker::default()
    };
    (1..=10).map(talker).collect()
}

fn destinations() -> Vec<Destination> {
    let names =
        ["video.example", "a-very-long-name-of-a-content-network-edge-node-17.cdn.example", "mail.example"];
    let one = |n: u64| Destination {
        name: names.get(n as usize - 1).map(|name| (*name).to_owned()),
        ip: format!("203.0.113.{n}"),
        client: format!("192.168.1.{n}"),
        client_name: Some(format!("device-{n}")),
        bytes_in_minute: 9_000_000 / n,
        bytes_out_minute: 400_000 / n,
        bytes_in_hour: 900_000_000 / n,
        bytes_out_hour: 40_000_000 / n,
    };
    (1..=7).map(one).collect()
}

fn applications() -> Vec<Application> {
    let one = |(n, id): (usize, &str)| Application {
        id: id.to_owned(),
        bytes_in_minute: 9_000_000 / (n as u64 + 1),
        bytes_out_minute: 400_000 / (n as u64 + 1),
        bytes_in_hour: 900_000_000 / (n as u64 + 1),
        bytes_out_hour: 40_000_000 / (n as u64 + 1),
    };
    ["https", "quic", "imap_tls", "dns", "tcp/8009", "ssh"].into_iter().enumerate().map(one).collect()
}

/// What the page of one device shows besides.
fn details() -> DeviceDetails {
    let now = time::wall().secs();
    let at = |ago: i64, unit: i64| WallTime::from_micros((now / unit - ago) * unit * time::SECOND);
    let hour = |ago: i64| HourRecord {
        hour: at(ago, 3600),
        bytes_in: (ago * 7 % 24 * 3_000_000).unsigned_abs(),
        bytes_out: (ago * 5 % 24 * 400_000).unsigned_abs(),
    };
    let day = |ago: i64| DayRecord {
        day: at(ago, 86_400),
        bytes_in: (ago * 90_000_000).unsigned_abs(),
        bytes_out: (ago * 9_000_000).unsigned_abs(),
    };
    let asked = |n: u32| AskedRecord {
        domain: format!("site-{n}.example"),
        times: 90 / n,
        last_hour: at(i64::from(n), 3600),
    };
    DeviceDetails {
        hours: (0..24).map(|h| if h > 6 { 200 } else { 10 }).collect(),
        services: vec![ServiceRecord {
            protocol: "tcp".into(),
            port: 631,
            outside: false,
            last_day: at(0, 86_400),
        }],
        peers: vec![PeerRecord {
            ip: "203.0.113.1".into(),
            name: Some("video.example".into()),
            bytes: 5_000_000,
        }],
        days: (1..=7).map(day).collect(),
        last_hours: (0..24).rev().filter(|ago| *ago != 3).map(hour).collect(),
        asked: (1..=9).map(asked).collect(),
        ..DeviceDetails::default()
    }
}

/// One device.
pub fn device(n: u64) -> DeviceRecord {
    let now = time::wall();
    DeviceRecord {
        id: format!("02000000{n:04x}"),
        macs: vec![format!("02:00:00:00:{:02x}:{:02x}", n >> 8, n & 255)],
        ips: vec![format!("192.168.{}.{}", 1 + n / 250, n % 250)],
        label: format!("device-{n}"),
        names: vec![NameRecord { name: format!("device-{n}"), source: "dhcp".into() }],
        kind: ["phone", "computer", "printer", "camera", "unknown"][n as usize % 5].into(),
        first_seen: WallTime::from_micros(now.micros() - 86_400 * time::SECOND),
        last_seen: now,
        online: n <= 20 || n > 24,
        known: Some(!n.is_multiple_of(3)),
        vendor: Some(["AVM", "Apple", "Espressif"][n as usize % 3].into()),
        risk: Some((n * 7 % 60) as u8),
        routes: Some(n == 1),
        bytes_in_today: n * 1_000_000,
        bytes_out_today: n * 90_000,
        ..DeviceRecord::default()
    }
}

/// One alert.
pub fn alert(id: u64) -> AlertRecord {
    let now = time::wall();
    let kinds = ["port_scan", "arp_spoof", "brute_force", "dns_tunnel"];
    let severities = [Severity::High, Severity::Critical, Severity::Medium, Severity::Low];
    let which = id as usize % 4;
    let mut evidence = serde_json::Map::new();
    evidence.insert("ports".into(), 25.into());
    evidence.insert("window_s".into(), 4.into());
    AlertRecord {
        id,
        time: now,
        last_time: now,
        kind: kinds[which].into(),
        severity: severities[which],
        count: 1 + id % 3 * 40,
        source: Some(Subject {
            mac: format!("02:00:00:00:00:{:02x}", 1 + id % 20).parse().ok(),
            name: Some(format!("device-{}", 1 + id % 20)),
            ..Subject::ip(format!("192.168.1.{}", 1 + id % 20).parse().expect("an address"))
        }),
        target: Some(Subject::endpoint("192.168.1.250".parse().expect("an address"), 22)),
        summary: format!("invented alert {id}"),
        summary_nl: format!("verzonnen melding {id}"),
        evidence,
        mitre: vec!["T1046".into()],
        history: (!id.is_multiple_of(3)).then(|| HistoryRecord {
            step_seconds: 16,
            counts: (0..2 + id as u32 % 22).map(|n| (n * 7 + id as u32) % 5 * n).collect(),
        }),
        acknowledged: None,
    }
}
