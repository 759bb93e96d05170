//! The monitor while it runs: engine, store and dashboard side by side, and what passes between them.
//!
//! An alert is committed before anyone hears of it, so whatever a viewer saw survives a power cut. That an alert
//! grew is told at once and committed with the next new alert or within [`GROWTH_SECONDS`]: an attack that goes on
//! must not write to the card every second.

use super::lists::{Lists, Loading};
use super::report;
use super::settings::InForce;
use crate::alert::AlertRecord;
use crate::capture::live::{LiveStats, Method};
use crate::command::{Command, Span};
use crate::engine::Engine;
use crate::event::{Clock, DeviceRecord, Event, Interface, System, TrafficPoint};
use crate::http::App;
use crate::machine::Machine;
use crate::observe::{ListState, SensorState};
use crate::store::{Store, StoreError};
use crate::time::{self, SECOND, Timestamp, WallTime};
use crate::words::Sentence;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Name in the store of the seconds learned so far.
pub const LEARNED: &str = "learned_seconds";
/// Growth of alerts is committed at least this often.
const GROWTH_SECONDS: u64 = 10;
/// Devices and the learned time are saved this often.
const SAVE_SECONDS: u64 = 300;
/// Habits are saved this often: they change with every day, not with every minute.
const HABIT_SECONDS: u64 = 3600;
/// After this many seconds everything that only starting up needed has run.
const SETTLED_SECONDS: u64 = 3;
/// The sensor looks at itself this often.
const SENSOR_SECONDS: u64 = 10;
/// Health counters are renewed this often.
const HEALTH_SECONDS: u64 = 2;
/// A wall clock that moved by more than this against the monotonic one was set.
const CLOCK_STEP: i64 = 2 * SECOND;
/// Alerts that wait for a store that cannot write.
const MAX_WAITING: usize = 1000;

/// One interface as capture reported it last.
struct Port {
    shown: Interface,
    stats: LiveStats,
    read_at: Timestamp,
    turn_at: Timestamp,
}

/// Engine, store and dashboard.
pub struct Monitor {
    /// The engine; capture feeds it.
    pub engine: Engine,
    pub(super) store: Arc<Store>,
    pub(super) app: Option<Arc<App>>,
    pub(super) mode: &'static str,
    pub(super) machine: Machine,
    pub(super) system: System,
    pub(super) started: WallTime,
    pub(super) host: String,
    pub(super) began: Timestamp,
    pub(super) recent: Vec<AlertRecord>,
    /// How many were open when they were read: who acknowledges tells the store alone.
    open: BTreeMap<&'static str, u64>,
    pub(super) clock: Clock,
    pub(super) store_problem: Option<Sentence>,
    pub(super) lists: Option<Lists>,
    pub(super) settings: Option<InForce>,
    ports: Vec<Port>,
    waiting: BTreeMap<u64, AlertRecord>,
    seconds: u64,
    alerts_changed: bool,
    /// What mutes had hidden when it was last saved.
    hidden: Vec<(u64, u64)>,
}

impl Monitor {
    /// A monitor of `mode` (`live` or `replay`); `disk` is where the store is.
    pub fn new(engine: Engine, store: Arc<Store>, mode: &'static str, disk: &Path) -> Self {
        Monitor {
            engine,
            store,
            app: None,
            mode,
            machine: Machine::new(disk),
            system: System::default(),
            started: time::wall(),
            host: crate::machine::host_name(),
            began: time::monotonic(),
            recent: Vec::new(),
            open: BTreeMap::new(),
            clock: Clock::default(),
            store_problem: None,
            lists: None,
            settings: None,
            ports: Vec::new(),
            waiting: BTreeMap::new(),
            seconds: 0,
            alerts_changed: true,
            hidden: Vec::new(),
        }
    }

    /// The store.
    pub fn store(&self) -> Arc<Store> {
        self.store.clone()
    }

    /// Loads the lists.
    pub fn watch_lists(&mut self, mut lists: Lists) {
        self.engine.set_feeds(lists.load().into());
        self.lists = Some(lists);
        self.tell_lists();
    }

    /// What changed of the lists, to be read; `None` while nothing did.
    pub fn changed_lists(&self) -> Option<Loading> {
        self.lists.as_ref().and_then(Lists::begin)
    }

    /// From now on what was read is what is matched with.
    pub fn take_lists(&mut self, loading: Loading) {
        if let Some(lists) = &mut self.lists {
            self.engine.set_feeds(lists.take(loading).into());
            self.tell_lists();
        }
    }

    fn tell_lists(&self) {
        for status in self.lists.iter().flat_map(Lists::status) {
            match &status.problem {
                Some(problem) => log::warn!("list {}: {problem}", status.name),
                None => log::info!("list {}: {} indicators", status.name, status.taken),
            }
        }
    }

    /// Adds an interface; its number is the order of adding.
    pub fn add_interface(&mut self, name: &str, method: Method) {
        let source = match method {
            Method::Ring => "ring",
            Method::Pnet => "pnet",
        };
        let shown = Interface { name: name.to_owned(), source, up: true, ..Interface::default() };
        let long_ago = Timestamp::MIN;
        self.ports.push(Port { shown, stats: LiveStats::default(), read_at: long_ago, turn_at: long_ago });
    }

    /// Shows this monitor on a dashboard; `kinds` is the catalogue in English and Dutch.
    pub fn show_on(&mut self, app: Arc<App>, kinds: (String, String)) {
        app.set_kinds(kinds.0, kinds.1);
        self.app = Some(app);
        self.show();
    }

    /// What capture says of an interface after a turn in which it gave `bytes`; its counters are asked for twice a
    /// second.
    pub fn on_interface(
        &mut self,
        number: usize,
        bytes: u64,
        problem: Option<Sentence>,
        now: Timestamp,
        stats: impl FnOnce() -> LiveStats,
    ) {
        let Some(port) = self.ports.get_mut(number) else { return };
        port.turn_at = now;
        port.shown.bytes += bytes;
        let up = problem.is_none();
        let changed = up != port.shown.up;
        if changed || now.since(port.read_at) >= SECOND / 2 {
            let stats = stats();
            self.engine.on_dropped(stats.dropped.saturating_sub(port.stats.dropped));
            (port.stats, port.read_at) = (stats, now);
            port.shown.packets = stats.received;
            port.shown.dropped = stats.dropped;
        }
        // It may be down first and gone later.
        (port.shown.problem, port.shown.problem_nl) = Sentence::both(problem.as_ref());
        if changed {
            log::info!("{} is {}", port.shown.name, if up { "back" } else { "down" });
            port.shown.up = up;
            let down = self.ports.iter().all(|port| !port.shown.up);
            self.engine.on_link(down);
        }
    }

    /// Whether every interface had a turn after `then`; each has one twice a second, also while its link is down.
    pub fn had_turns_since(&self, then: Timestamp) -> bool {
        self.ports.iter().all(|port| port.turn_at > then)
    }

    pub(super) fn interfaces(&self) -> Vec<Interface> {
        self.ports.iter().map(|port| port.shown.clone()).collect()
    }

    /// Passes on what the engine has to tell: to the store first, then to viewers and the log.
    pub fn settle(&mut self) {
        let (mut raised, mut grown) = (Vec::new(), Vec::new());
        while let Some(event) = self.engine.poll_event() {
            match event {
                Event::Alert(alert) => raised.push(alert.record(self.engine.offset())),
                Event::AlertGrown(alert) => grown.push(alert.record(self.engine.offset())),
                Event::Device(device) => {
                    if let Some(app) = &self.app {
                        app.publish_device(&device);
                    }
                }
                Event::Traffic(point) => {
                    let added = self.store.add_traffic(&point);
                    self.stored(added);
                }
            }
        }
        for record in raised.iter().chain(&grown) {
            if self.waiting.len() < MAX_WAITING || self.waiting.contains_key(&record.id) {
                self.waiting.insert(record.id, record.clone());
            }
        }
        if !raised.is_empty() {
            self.commit();
        }
        for record in &raised {
            log::warn!("{} {}: {}", record.severity.name(), record.kind, record.summary);
        }
        self.alerts_changed |= !raised.is_empty() || !grown.is_empty();
        if let Some(app) = &self.app {
            raised.iter().chain(&grown).for_each(|record| app.publish_alert(record));
        }
    }

    fn commit(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let waiting: Vec<AlertRecord> = self.waiting.values().cloned().collect();
        let committed = self.store.commit_alerts(&waiting);
        if committed.is_ok() {
            self.waiting.clear();
        }
        self.stored(committed);
    }

    /// Notes whether the store could do what it was asked; says so once per trouble.
    pub(super) fn stored(&mut self, result: Result<(), StoreError>) {
        match result {
            Ok(()) => self.store_problem = None,
            Err(error) => {
                if self.store_problem.is_none() {
                    log::error!("{error}");
                }
                self.store_problem = Some(error.said());
            }
        }
    }

    /// Once a second: time for the engine, the store, and everyone who watches.
    pub fn on_second(&mut self, now: Timestamp) {
        self.seconds += 1;
        if self.mode == "live" {
            self.follow_clock(now);
            self.engine.on_tick(now);
        }
        self.settle();
        if self.seconds.is_multiple_of(GROWTH_SECONDS) {
            self.commit();
            self.save_hidden();
        }
        if self.seconds.is_multiple_of(SAVE_SECONDS) && self.mode == "live" {
            self.save();
        }
        if self.seconds.is_multiple_of(HABIT_SECONDS) && self.mode == "live" {
            self.save_habits();
        }
        let ticked = self.store.tick(time::wall());
        self.stored(ticked);
        self.system = self.machine.read(now);
        let stats = self.store.stats();
        self.system.store_bytes = stats.file_bytes;
        self.system.written_today_bytes = stats.written_today_bytes;
        if self.seconds.is_multiple_of(SENSOR_SECONDS) {
            self.watch_self();
        }
        self.show();
        if self.seconds == SETTLED_SECONDS {
            crate::pages::release_code();
        }
    }

    /// Shows the engine how the sensor itself stands.
    fn watch_self(&mut self) {
        (self.clock.synchronised, self.clock.source) = crate::machine::clock_keeper(Path::new("/"));
        let lists = self.lists.as_ref().map(Lists::status).unwrap_or_default();
        let lists: Vec<ListState<'_>> = lists
            .iter()
            .map(|list| ListState {
                name: &list.name,
                problem: list.said.as_ref(),
                age_hours: list.age_seconds.filter(|_| list.fetched).map(|age| age.unsigned_abs() / 3600),
            })
            .collect();
        self.engine.on_sensor(&SensorState {
            disk_free_bytes: self.system.disk_free_bytes,
            store_problem: self.store_problem.as_ref(),
            temperature_celsius: self.system.temperature_celsius,
            under_voltage: self.system.under_voltage.unwrap_or(false),
            lists: &lists,
        });
    }

    /// Follows the wall clock; a step is told of and expires nothing.
    fn follow_clock(&mut self, now: Timestamp) {
        let offset = time::wall().micros() - now.micros();
        let step = offset - self.engine.offset();
        if step.abs() > CLOCK_STEP {
            self.clock.steps += 1;
            self.clock.last_step_seconds = Some(step / SECOND);
            self.clock.last_step = Some(time::wall());
            let text = format!("the clock was set by {} s", step / SECOND);
            log::info!("{text}");
            if let Some(app) = &self.app {
                app.publish_status("clock", Some(&text));
            }
        }
        self.engine.set_offset(offset);
    }

    /// Gives the dashboard what it shows.
    fn show(&mut self) {
        let Some(app) = self.app.clone() else { return };
        let open = self.store.open_counts();
        if std::mem::take(&mut self.alerts_changed) || open != self.open {
            self.open = open;
            self.recent = report::recent(&self.store);
        }
        app.set_snapshot(self.snapshot(app.viewers()));
        if self.seconds.is_multiple_of(HEALTH_SECONDS) {
            app.set_health(self.health());
        }
    }

    fn save_habits(&mut self) {
        let saved = self.store.save_habits(&self.engine.stored_habits());
        self.stored(saved);
    }

    fn save(&mut self) {
        // Habits have a table of their own.
        let plain = |device| DeviceRecord { habits: None, ..device };
        let devices: Vec<DeviceRecord> = self.engine.full_devices().map(plain).collect();
        let saved = self.store.save_devices(&devices);
        self.stored(saved);
        let learned = self.engine.learned().to_string();
        let saved = self.store.set_setting(LEARNED, Some(&learned));
        self.stored(saved);
        self.save_hidden();
    }

    /// What mutes have hidden, when it is more than before: whoever made one looks soon whether it does.
    fn save_hidden(&mut self) {
        let hidden: Vec<(u64, u64)> = self.engine.mutes().iter().map(|m| (m.id, m.hidden)).collect();
        if hidden != self.hidden {
            let saved = self.store.set_hidden(&hidden);
            self.stored(saved);
            self.hidden = hidden;
        }
    }

    /// Makes everything durable; the last thing before the process ends.
    pub fn stop(&mut self) {
        if self.mode != "live" {
            return;
        }
        self.engine.finish();
        self.settle();
        self.commit();
        self.save();
        self.save_habits();
        let flushed = self.store.flush();
        self.stored(flushed);
    }

    /// Answers a question or carries out an order.
    pub fn obey(&mut self, command: Command) {
        match command {
            Command::Devices(reply) => reply(self.engine.devices()),
            Command::Device(id, reply) => reply(self.engine.device(&id)),
            Command::ChangeDevice(id, change, reply) => {
                let record = self.engine.change_device(&id, &change);
                if let Some(record) = &record {
                    let plain = DeviceRecord { habits: None, ..record.clone() };
                    let saved = self.store.save_devices(&[plain]);
                    let flushed = saved.and_then(|()| self.store.flush());
                    self.stored(flushed);
                }
                reply(record);
            }
            Command::Talkers(span, limit, reply) => {
                let (since, talkers) = self.engine.most_bytes(span == Span::Recent, limit);
                reply((since.wall(self.engine.offset()), talkers));
            }
            Command::Mutes(mutes) => {
                // The engine's counts are ahead of the stored ones.
                let counts: BTreeMap<u64, u64> =
                    self.engine.mutes().iter().map(|m| (m.id, m.hidden)).collect();
                let mutes = mutes.into_iter().map(|mut mute| {
                    mute.hidden = mute.hidden.max(counts.get(&mute.id).copied().unwrap_or(0));
                    mute
                });
                self.engine.set_mutes(mutes.collect());
            }
            Command::SelfTest(mark, reply) => reply(self.self_test(&mark)),
            Command::Settings(reply) => reply(self.describe_settings()),
            Command::OrderSettings(who, order, reply) => reply(self.order_settings(who, order)),
            Command::Backup(reply) => reply(self.backup()),
            Command::Restore(who, wanted, reply) => reply(self.restore(who, &wanted)),
        }
        self.alerts_changed = true;
    }
}

/// What a replay found, for a dashboard that shows it afterwards.
#[derive(Default)]
pub struct Kept {
    /// Alerts by id, as they last stood.
    pub alerts: BTreeMap<u64, AlertRecord>,
    /// Ten-second steps of traffic.
    pub traffic: Vec<TrafficPoint>,
    /// Devices by id, as they last stood.
    pub devices: BTreeMap<String, DeviceRecord>,
}

impl Kept {
    pub(super) fn keep_in(&self, store: &Store) -> Result<(), StoreError> {
        let alerts: Vec<AlertRecord> = self.alerts.values().cloned().collect();
        store.commit_alerts(&alerts)?;
        self.traffic.iter().try_for_each(|point| store.add_traffic(point))?;
        store.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn one_interface_without_turns_is_enough_to_leave_the_watchdog_unfed() {
        let config = Config::default();
        let engine = crate::run::engine(&config, Default::default()).expect("defaults");
        let store = Arc::new(Store::in_memory(config.store_options()).expect("memory"));
        let mut monitor = Monitor::new(engine, store, "live", Path::new("."));
        let [fed, later, much_later] = [10, 20, 30].map(Timestamp::from_secs);
        assert!(monitor.had_turns_since(fed), "a replay has no interface");
        monitor.add_interface("eth0", Method::Ring);
        monitor.add_interface("eth1", Method::Ring);
        assert!(!monitor.had_turns_since(fed));
        let turn = |monitor: &mut Monitor, number, now| {
            monitor.on_interface(number, 0, None, now, LiveStats::default)
        };
        turn(&mut monitor, 0, later);
        assert!(!monitor.had_turns_since(fed), "the other one hangs");
        turn(&mut monitor, 1, later);
        assert!(monitor.had_turns_since(fed));
        turn(&mut monitor, 0, much_later);
        assert!(!monitor.had_turns_since(later), "the other one hangs since");
        let down = Some(crate::words::say!("down", "weg"));
        monitor.on_interface(1, 0, down, much_later, LiveStats::default);
        assert!(monitor.had_turns_since(later), "a link that is down is waited for, and hangs nothing");
    }
}
