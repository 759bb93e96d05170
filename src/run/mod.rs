//! `run`: opens everything, owns everything, and drives it with a handful of tasks on the one thread.
//!
//! Each interface is a task that drains its frames straight into the engine; a ticker brings the second; a task
//! answers commands; HTTP has its own tasks. They share the [`Monitor`] in a `RefCell` that nobody holds across an
//! await, so there is no lock and no waiting.

mod backup;
mod claim;
mod front;
mod lists;
mod monitor;
mod report;
mod selftest;
mod settings;
mod tasks;

pub use backup::restore_store;
pub use claim::ResetFile;
pub use front::dashboard;
pub use lists::{ListStatus, Lists, Loading};
pub use monitor::{Kept, Monitor};
pub use report::kinds;

use crate::addr::{Inside, Ip, MacAddr, Prefix};
use crate::capture::filter::Exclusions;
use crate::capture::interfaces::{self, Interface};
use crate::capture::live::{Live, LiveConfig, LiveError, LiveState, Method};
use crate::command::Command;
use crate::config::{Auth, Config, Server, Source};
use crate::engine::{self, Engine};
use crate::http::{self, App, AuthMode, Limits, Setup};
use crate::logs::{complain, say};
use crate::places::Places;
use crate::store::{AlertFilter, Store, StoreError};
use crate::table::Caps;
use crate::table::habits::Rules;
use crate::time::{self, SECOND, WallTime};
use crate::{machine, service};
use async_signal::{Signal, Signals};
use smol::channel::Receiver;
use smol::future::FutureExt as _;
use smol::stream::StreamExt as _;
use smol::{Async, Timer};
use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};
use tasks::Tasks;

/// Frames per turn of a capture task; then others get theirs. About two milliseconds of work.
const FRAMES_PER_TURN: usize = 4096;
/// Alerts of earlier runs this far back still count for the risk of their devices, microseconds; at most so many.
const REMEMBERED: i64 = 7 * 86_400 * SECOND;
const REMEMBERED_ALERTS: usize = 500;
/// Open files beside the connections of browsers: programs on this machine, those who are told that it is full, the store,
/// the interfaces.
const OTHER_FILES: u32 = 512;
/// Commands that may wait.
const COMMANDS: usize = 64;

/// Why the monitor cannot run.
#[derive(Debug)]
pub enum RunError {
    /// No interface was named and none can be chosen.
    NoInterface,
    /// An interface cannot be opened.
    Capture(LiveError),
    /// The store cannot be used.
    Store(StoreError),
    /// The settings of a detector or a list are wrong.
    Settings(String),
    /// The dashboard's address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// The system refused something basic.
    System(&'static str, io::Error),
    /// A task panicked, by what it does.
    Defect(&'static str),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::NoInterface => f.write_str(
                "no network interface to listen on was found; name one with --interface or capture.interfaces",
            ),
            RunError::Capture(error) => error.fmt(f),
            RunError::Store(error) => error.fmt(f),
            RunError::Settings(problem) => f.write_str(problem),
            RunError::Listen(address, error) => write!(
                f,
                "cannot listen on {address}: {error}; choose another with dashboard.host and dashboard.port"
            ),
            RunError::System(doing, error) => write!(f, "{doing}: {error}"),
            RunError::Defect(does) => {
                write!(f, "a defect in this program ended what is in charge of {does}; please report the line above")
            }
        }
    }
}

impl std::error::Error for RunError {}

impl From<StoreError> for RunError {
    fn from(error: StoreError) -> Self {
        RunError::Store(error)
    }
}

/// An engine as the settings want it.
pub fn engine(config: &Config, more: engine::Settings) -> Result<Engine, RunError> {
    Engine::new(engine_settings(config, more)).map_err(|problem| RunError::Settings(problem.to_string()))
}

/// What an engine is made from; `more` is what the machine says.
fn engine_settings(config: &Config, more: engine::Settings) -> engine::Settings {
    let mut inside = config.network.inside();
    if config.network.home.is_empty() {
        more.inside.prefixes().iter().for_each(|prefix| inside.add(*prefix));
    }
    engine::Settings {
        caps: Caps::from_memory(config.network.memory_mib),
        inside,
        gateways: config.network.gateways.clone(),
        quiet_period_s: u64::from(config.detect.quiet_period_s),
        allow: config.detect.allow.clone(),
        detect: config.kinds.clone(),
        online_s: config.devices.online_seconds,
        names: config.devices.names.clone(),
        habits: Rules {
            learning_days: config.detect.learning_days,
            confirm_days: config.detect.confirm_days,
            few_places: config.detect.few_destinations,
        },
        important: config.devices.important.clone(),
        ..more
    }
}

/// The interfaces to listen on, and why.
pub fn chosen_interfaces(config: &Config, all: &[Interface]) -> Result<(Vec<String>, String), RunError> {
    if !config.capture.interfaces.is_empty() {
        return Ok((config.capture.interfaces.clone(), "named in the settings".to_owned()));
    }
    let route = interfaces::default_route();
    let (name, why) = interfaces::choose(all, route.as_deref()).ok_or(RunError::NoInterface)?;
    Ok((vec![name], why))
}

/// Opens one interface the way the settings say; `auto` falls back from the ring to pnet.
pub fn open_interface(config: &Config, name: &str, number: u8, all: &[Interface]) -> Result<Live, LiveError> {
    let capture = &config.capture;
    let own: Vec<Ip> = all.iter().flat_map(|i| i.addresses.iter().map(|(ip, _)| *ip)).collect();
    let live = |method| LiveConfig {
        interface: name.to_owned(),
        number,
        method,
        ring_mib: capture.memory_mib,
        promiscuous: capture.promiscuous,
        exclusions: Exclusions {
            networks: capture.exclude_hosts.clone(),
            ports: capture.exclude_ports.clone(),
            own: if capture.exclude_self { own.clone() } else { Vec::new() },
            own_port: (capture.exclude_self && config.dashboard.server != Server::Off)
                .then_some(config.dashboard.port)
                .filter(|port| *port != 0),
        },
    };
    match capture.source {
        Source::Ring => Live::open(live(Method::Ring)),
        Source::Pnet => Live::open(live(Method::Pnet)),
        Source::Auto => match Live::open(live(Method::Ring)) {
            Err(error @ LiveError::System { .. }) => {
                log::warn!("{error}; falling back to pnet_datalink, which costs more processor time");
                Live::open(live(Method::Pnet))
            }
            other => other,
        },
    }
}

/// Captures, detects, stores and serves until a signal says stop.
pub fn run(config: Config) -> Result<(), RunError> {
    let all = interfaces::list();
    let (names, why) = chosen_interfaces(&config, &all)?;
    say(&format!("listening on {} ({why})", names.join(", ")));
    let lives = (0u8..)
        .zip(&names)
        .map(|(number, name)| open_interface(&config, name, number, &all))
        .collect::<Result<Vec<Live>, LiveError>>()
        .map_err(RunError::Capture)?;
    let (store, notices) = Store::open(&config.store.path, config.store_options(), time::wall())?;
    notices.iter().for_each(|notice| log::warn!("{notice}"));
    let store = Arc::new(store);
    let engine = live_engine(&config, &names, &all, &store)?;
    let mut monitor = Monitor::new(engine, store, "live", &config.store.path);
    let home = Inside::new(networks(&names, &all));
    monitor.watch_lists(Lists::new(&config, home.clone(), random()?));
    monitor.keep_settings(config.clone(), engine::Settings { inside: home, ..engine::Settings::default() });
    for live in &lives {
        monitor.add_interface(live.interface(), live.method());
    }
    let tasks = Tasks::on(Rc::default());
    smol::block_on(tasks.beside(async {
        let served = serve(&config, &mut monitor, &all)?;
        let monitor = Rc::new(RefCell::new(monitor));
        for (number, live) in lives.into_iter().enumerate() {
            tasks.spawn("capturing", capture(live, number, monitor.clone()));
        }
        tasks.spawn("bringing the second", tick(monitor.clone()));
        if !config.feeds.lists.is_empty() {
            tasks.spawn("following lists", follow_lists(monitor.clone()));
        }
        if config.dashboard.server != Server::Off {
            let (app, store) = (served.app.clone(), monitor.borrow().store());
            let reset = config.dashboard.reset_file.clone();
            tasks.spawn("password resets", claim::watch(app, store, reset));
        }
        service::notify("READY=1");
        until_stopped(&tasks, &monitor, served).await
    }))
}

/// The networks that the interfaces named are in.
fn networks(names: &[String], all: &[Interface]) -> Vec<Prefix> {
    let addresses = all.iter().filter(|i| names.contains(&i.name)).flat_map(|i| &i.addresses);
    addresses.filter_map(|(ip, len)| Prefix::new(*ip, *len)).collect()
}

/// A number that no stranger knows.
fn random() -> Result<u64, RunError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| RunError::System("no random numbers", io::Error::other(error)))?;
    Ok(u64::from_ne_bytes(bytes))
}

/// The engine of a live monitor: what the interfaces say of the network, and what earlier runs stored.
fn live_engine(
    config: &Config,
    names: &[String],
    all: &[Interface],
    store: &Store,
) -> Result<Engine, RunError> {
    let listening = all.iter().filter(|i| names.contains(&i.name));
    let own: Vec<MacAddr> = listening.map(|i| i.mac).filter(|mac| !mac.is_none()).collect();
    let mut engine = engine(
        config,
        engine::Settings {
            inside: Inside::new(networks(names, all)),
            own,
            live: true,
            next_alert_id: store.next_alert_id(),
            learned_s: store.setting(monitor::LEARNED)?.and_then(|s| s.parse().ok()).unwrap_or(0),
            ..engine::Settings::default()
        },
    )?;
    engine.set_offset(time::wall().micros() - time::monotonic().micros());
    engine.on_tick(time::monotonic());
    store.devices()?.iter().for_each(|device| engine.restore_device(device));
    let unread = engine.restore_habits(store.habits()?);
    if unread > 0 {
        log::warn!("store: the habits of {unread} devices cannot be read; they are learned anew");
    }
    let lately = AlertFilter {
        since: Some(WallTime::from_micros(time::wall().micros() - REMEMBERED)),
        ..AlertFilter::default()
    };
    let alerts = store.alerts(&lately, None, REMEMBERED_ALERTS)?.alerts;
    alerts.iter().rev().for_each(|alert| engine.restore_alert(alert));
    engine.set_mutes(store.mutes()?);
    Ok(engine)
}

/// What asks the monitor: browsers, unless there is no dashboard, and programs on this machine.
struct Served {
    app: Arc<App>,
    listener: Option<Async<TcpListener>>,
    socket: Option<service::Socket>,
    commands: Receiver<Command>,
}

/// Opens the dashboard when it is wanted, and the local socket in any case.
fn serve(config: &Config, monitor: &mut Monitor, all: &[Interface]) -> Result<Served, RunError> {
    let server = config.dashboard.server;
    let listener = if server == Server::Embedded { Some(listen(config, all)?) } else { None };
    let (app, commands) = match server {
        Server::Off => app(config, monitor.store(), AuthMode::Password, None, false)?,
        Server::Embedded | Server::Standalone => claimable(config, monitor)?,
    };
    monitor.show_on(app.clone(), kinds(config));
    let dir = service::run_dir();
    let socket = match service::open_socket(&dir, server == Server::Standalone) {
        Ok(socket) => Some(socket),
        Err(error) if server == Server::Standalone => {
            return Err(RunError::System("the socket for `netmonitor dashboard` cannot be opened", error));
        }
        Err(error) => {
            let path = service::socket_path(&dir);
            log::warn!("{}: {error}; `netmonitor export` and others cannot ask this monitor", path.display());
            None
        }
    };
    Ok(Served { app, listener, socket, commands })
}

/// Listens where the settings say, and says where a browser finds it.
fn listen(config: &Config, all: &[Interface]) -> Result<Async<TcpListener>, RunError> {
    let dashboard = &config.dashboard;
    let address = SocketAddr::new(dashboard.host.0, dashboard.port);
    let listener = http::bind(address).map_err(|error| RunError::Listen(address, error))?;
    let port = listener.get_ref().local_addr().map_or(dashboard.port, |a| a.port());
    for url in urls(dashboard.host.0, port, all) {
        say(&format!("dashboard: {url}"));
    }
    Ok(listener)
}

/// A dashboard that viewers reach, and how to claim it.
fn claimable(config: &Config, monitor: &Monitor) -> Result<(Arc<App>, Receiver<Command>), RunError> {
    let mode = if config.dashboard.auth == Auth::None { AuthMode::None } else { AuthMode::Password };
    let code = service::new_claim_code()
        .map_err(|error| RunError::System("no random numbers", io::Error::other(error)))?;
    let (app, commands) = app(config, monitor.store(), mode, Some(code.clone()), false)?;
    claim::reset(&app, &monitor.store(), &config.dashboard.reset_file, &code);
    if !app.claimed() {
        claim::show(&code);
    }
    Ok((app, commands))
}

fn app(
    config: &Config,
    store: Arc<Store>,
    auth: AuthMode,
    claim_code: Option<String>,
    replay: bool,
) -> Result<(Arc<App>, Receiver<Command>), RunError> {
    let (sender, commands) = smol::channel::bounded(COMMANDS);
    let app = App::new(Setup {
        store,
        commands: sender,
        auth,
        claim_code,
        session_days: config.dashboard.session_days,
        limits: limits(config),
        host: machine::host_name(),
        public_hosts: config.dashboard.public_hosts.clone(),
        trusted_proxies: config.dashboard.trusted_proxies.clone(),
        replay,
    })?;
    if !config.network.geoip.is_empty() {
        app.set_places(Places::new(&config.network.geoip));
    }
    Ok((app, commands))
}

/// The caps of the settings, lowered where the system lets this process open fewer files than they need.
fn limits(config: &Config) -> Limits {
    let (connections, viewers) = (config.dashboard.max_connections, config.dashboard.max_viewers);
    let files = service::allow_files(connections.saturating_add(OTHER_FILES));
    let possible = files.saturating_sub(OTHER_FILES).clamp(8, connections);
    if possible < connections {
        log::warn!(
            "this process may open {files} files (ulimit -Hn, LimitNOFILE=): {possible} connections at the same time \
             instead of dashboard.max_connections = {connections}"
        );
    }
    Limits::new(possible, viewers)
}

/// Where a browser finds the dashboard.
fn urls(host: IpAddr, port: u16, all: &[Interface]) -> Vec<String> {
    let url = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => format!("http://{ip}:{port}/"),
        IpAddr::V6(ip) => format!("http://[{ip}]:{port}/"),
    };
    if !host.is_unspecified() {
        return vec![url(host)];
    }
    let addresses = all.iter().filter(|i| i.up && !i.loopback).flat_map(|i| &i.addresses);
    let mut urls: Vec<String> =
        addresses.map(|(ip, _)| *ip).filter(|ip| ip.is_v4()).map(|ip| url(ip.std())).collect();
    urls.push(url(IpAddr::from([127, 0, 0, 1])));
    urls
}

/// Drains one interface into the engine, for ever.
async fn capture(mut live: Live, number: usize, monitor: Rc<RefCell<Monitor>>) {
    loop {
        let pause = async { _ = Timer::after(Duration::from_millis(500)).await };
        live.readable().or(pause).await;
        drain(&mut live, number, &mut monitor.borrow_mut());
        smol::future::yield_now().await;
    }
}

/// One turn of an interface: at most [`FRAMES_PER_TURN`] frames, and what follows from them.
fn drain(live: &mut Live, number: usize, monitor: &mut Monitor) {
    let now = time::monotonic();
    let offset = monitor.engine.offset();
    let mut bytes = 0;
    let drained = live.drain(FRAMES_PER_TURN, now, offset, |frame| {
        bytes += u64::from(frame.wire_len);
        monitor.engine.on_frame(&frame);
    });
    if let Err(error) = &drained {
        log::warn!("{error}; waiting for it to come back");
    }
    let problem = match live.state() {
        LiveState::Open => None,
        LiveState::Waiting { why, .. } => Some(why.clone()),
    };
    monitor.on_interface(number, bytes, problem, now, || live.stats());
    monitor.settle();
}

/// Takes new lists when their files change, read in pieces between other work.
async fn follow_lists(monitor: Rc<RefCell<Monitor>>) {
    let mut looked = time::monotonic();
    loop {
        // The setting may change while this waits.
        Timer::after(Duration::from_secs(1)).await;
        let every = i64::from(monitor.borrow().reload_seconds()) * SECOND;
        if time::monotonic().since(looked) < every {
            continue;
        }
        looked = time::monotonic();
        let Some(mut loading) = monitor.borrow().changed_lists() else { continue };
        while loading.step() {
            smol::future::yield_now().await;
        }
        monitor.borrow_mut().take_lists(loading);
    }
}

/// Brings the second and the snapshot. Feeds systemd's watchdog as long as every interface gets its turns: a monitor that
/// no longer captures shall not look alive because its clock ticks.
async fn tick(monitor: Rc<RefCell<Monitor>>) {
    let mut seconds = Timer::interval(Duration::from_micros(SECOND.unsigned_abs()));
    let watchdog = service::watchdog_interval();
    let mut fed = time::monotonic();
    let mut told = "";
    while seconds.next().await.is_some() {
        let now = time::monotonic();
        monitor.borrow_mut().on_second(now);
        let state = monitor.borrow().state();
        if state != told {
            told = state;
            if let Err(error) = service::keep_state(&service::run_dir(), state) {
                log::info!("{}: {error}", service::run_dir().display());
            }
        }
        let due =
            watchdog.is_some_and(|every| u128::from(now.since(fed).unsigned_abs()) >= every.as_micros());
        if due && monitor.borrow().had_turns_since(fed) {
            service::notify("WATCHDOG=1");
            fed = now;
        }
    }
}

/// Answers commands and serves until a signal; then says good-bye and makes everything durable.
async fn until_stopped(
    tasks: &Tasks,
    monitor: &Rc<RefCell<Monitor>>,
    served: Served,
) -> Result<(), RunError> {
    let mut signals = Signals::new([Signal::Term, Signal::Int])
        .map_err(|error| RunError::System("signals cannot be received", error))?;
    let stop = async { drop(signals.next().await) };
    let Served { app, listener, socket, commands } = served;
    tasks.spawn("answering commands", obey(commands, monitor.clone()));
    if let Some(socket) = &socket {
        let listening = socket.listener.try_clone().and_then(Async::new);
        let listening =
            listening.map_err(|error| RunError::System("the local socket cannot be used", error))?;
        tasks.spawn("the local socket", http::serve_local(tasks.executor(), listening, app.clone()));
    }
    match listener {
        Some(listener) => {
            let serving = http::serve(tasks.executor(), listener, app.clone());
            let stop = async {
                stop.await;
                app.shutdown();
                std::future::pending().await
            };
            serving.or(stop).await;
        }
        None => {
            stop.await;
            app.shutdown();
        }
    }
    drop(socket);
    service::notify("STOPPING=1");
    log::info!("stopping");
    monitor.borrow_mut().stop();
    Ok(())
}

async fn obey(commands: Receiver<Command>, monitor: Rc<RefCell<Monitor>>) {
    while let Ok(command) = commands.recv().await {
        let mut this = monitor.borrow_mut();
        this.obey(command);
        this.settle();
    }
}

/// Shows what a replay found at `127.0.0.1`, without a password, until a signal.
pub fn serve_replay(config: &Config, engine: Engine, kept: Kept) -> Result<(), RunError> {
    let store = Arc::new(Store::in_memory(config.store_options())?);
    kept.keep_in(&store)?;
    let mut monitor = Monitor::new(engine, store, "replay", &PathBuf::from("."));
    let tasks = Tasks::on(Rc::default());
    smol::block_on(tasks.beside(async {
        let address = SocketAddr::from(([127, 0, 0, 1], config.dashboard.port));
        let listener = http::bind(address).map_err(|error| RunError::Listen(address, error))?;
        let address = listener.get_ref().local_addr().unwrap_or(address);
        let (app, commands) = app(config, monitor.store(), AuthMode::None, None, true)?;
        monitor.show_on(app.clone(), kinds(config));
        monitor.keep_settings(config.clone(), engine::Settings::default());
        monitor.on_second(time::monotonic());
        let monitor = Rc::new(RefCell::new(monitor));
        tasks.spawn("bringing the second", tick(monitor.clone()));
        complain(&format!("dashboard: http://{address}/ (until interrupted)"));
        let served = Served { app, listener: Some(listener), socket: None, commands };
        until_stopped(&tasks, &monitor, served).await
    }))
}
