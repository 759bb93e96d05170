//! A dashboard over invented data: a store in memory and a loop that answers commands, on a thread of its own.

#![allow(dead_code, reason = "each user takes what it needs")]

use netmonitor::alert::{AlertRecord, Severity, Subject};
use netmonitor::command::{Command, Span, Stage};
use netmonitor::event::{
    Alerts, DeviceRecord, Interface, NameRecord, Snapshot, System, Talker, TrafficPoint,
};
use netmonitor::http::{self, App, AuthMode, Limits, Setup};
use netmonitor::store::{Options, Store, StoreStats};
use netmonitor::time::{self, WallTime};
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
    let mut devices: Vec<DeviceRecord> = (1..=24).map(device).collect();
    while let Ok(order) = orders.recv().await {
        match order {
            Command::Devices(reply) => reply(devices.clone()),
            Command::Device(id, reply) => reply(devices.iter().find(|d| d.id == id).cloned()),
            Command::ChangeDevice(id, change, reply) => {
                let device = devices.iter_mut().find(|d| d.id == id);
                reply(device.map(|device| {
                    if let Some(name) = change.name {
                        device.name = (!name.is_empty()).then_some(name);
                    }
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
            Command::SelfTest(reply) => reply(vec![
                Stage {
                    stage: "parser",
                    passed: true,
                    microseconds: 3,
                    detail: "decoded".into(),
                    detail_nl: "ontcijferd".into(),
                },
                Stage {
                    stage: "detector",
                    passed: true,
                    microseconds: 2,
                    detail: "found".into(),
                    detail_nl: "gevonden".into(),
                },
                Stage {
                    stage: "store",
                    passed: true,
                    microseconds: 900,
                    detail: "kept".into(),
                    detail_nl: "bewaard".into(),
                },
            ]),
        }
    }
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
        "clock": { "time": time::wall(), "steps": 0 },
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
    snapshot.devices.total = 24;
    snapshot.devices.online = 20;
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

/// One device.
pub fn device(n: u64) -> DeviceRecord {
    let now = time::wall();
    DeviceRecord {
        id: format!("0200000000{n:02x}"),
        macs: vec![format!("02:00:00:00:00:{n:02x}")],
        ips: vec![format!("192.168.1.{n}")],
        label: format!("device-{n}"),
        names: vec![NameRecord { name: format!("device-{n}"), source: "dhcp".into() }],
        kind: ["phone", "computer", "printer", "camera", "unknown"][n as usize % 5].into(),
        first_seen: WallTime::from_micros(now.micros() - 86_400 * time::SECOND),
        last_seen: now,
        online: n <= 20,
        bytes_in_today: n * 1_000_000,
        bytes_out_today: n * 90_000,
        ..DeviceRecord::default()
    }
}

/// One alert.
pub fn alert(id: u64) -> AlertRecord {
    let now = time::wall();
    let kinds = ["port_scan", "arp_spoof", "ssh_guessing", "dns_tunnel"];
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
        count: 1,
        source: Some(Subject::ip(format!("192.168.1.{}", 1 + id % 20).parse().expect("an address"))),
        target: Some(Subject::endpoint("192.168.1.250".parse().expect("an address"), 22)),
        summary: format!("invented alert {id}"),
        summary_nl: format!("verzonnen melding {id}"),
        evidence,
        mitre: vec!["T1046".into()],
        acknowledged: None,
    }
}
