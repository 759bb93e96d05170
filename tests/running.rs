//! The program as it runs: `netmonitor run` in a network namespace, a viewer in another, a cable between them.
//!
//! Needs root and `ip`. Without them a test says `SKIPPED: …` on standard error and passes, unless
//! `NETMONITOR_REQUIRE_ALL=1`.

mod client;

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

const MONITOR: &str = "10.99.0.1";
const PORT: u16 = 8080;

fn ip(arguments: &str) -> bool {
    Command::new("ip").args(arguments.split_whitespace()).output().is_ok_and(|o| o.status.success())
}

/// Two namespaces and a cable between them; gone when dropped.
struct Lan {
    monitor: String,
    viewer: String,
}

impl Lan {
    /// `None` where it cannot be made.
    fn new() -> Option<Lan> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Relaxed);
        let name = |side| format!("netmonitor-{side}{number}-{}", std::process::id());
        let lan = Lan { monitor: name("m"), viewer: name("v") };
        let Lan { monitor, viewer } = &lan;
        if !rustix::process::geteuid().is_root() || !ip(&format!("netns add {monitor}")) {
            eprintln!("SKIPPED: needs root and network namespaces (`ip netns add`)");
            assert_ne!(std::env::var("NETMONITOR_REQUIRE_ALL").as_deref(), Ok("1"), "all tests are required");
            std::mem::forget(lan);
            return None;
        }
        for command in [
            format!("netns add {viewer}"),
            format!("-n {monitor} link set lo up"),
            format!("-n {monitor} link add lan0 type veth peer name lan0 netns {viewer}"),
            format!("-n {monitor} addr add {MONITOR}/24 dev lan0"),
            format!("-n {viewer} addr add 10.99.0.2/24 dev lan0"),
            format!("-n {monitor} link set lan0 up"),
            format!("-n {viewer} link set lan0 up"),
        ] {
            assert!(ip(&command), "ip {command}");
        }
        Some(lan)
    }

    /// Runs `work` on a thread of its own at the viewer's end.
    fn at_viewer<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let path = format!("/run/netns/{}", self.viewer);
        let thread = std::thread::spawn(move || {
            let namespace = std::fs::File::open(path).expect("the namespace just made");
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), network).expect("root may enter it");
            work()
        });
        thread.join().expect("the viewer's work")
    }

    /// The program at the monitor's end, its files in `dir`.
    fn program(&self, dir: &Path, arguments: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.monitor, env!("CARGO_BIN_EXE_netmonitor")]);
        command.args(arguments.split(' '));
        command.env("RUNTIME_DIRECTORY", dir).env("NETMONITOR_STORE_PATH", dir.join("netmonitor.redb"));
        command.env("NETMONITOR_DASHBOARD_PORT", PORT.to_string()).env_remove("NOTIFY_SOCKET");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for name in [&self.monitor, &self.viewer] {
            ip(&format!("netns del {name}"));
        }
    }
}

/// A monitor that runs; ends with a signal.
struct Running(Child);

impl Running {
    fn start(lan: &Lan, dir: &Path) -> Running {
        let log = std::fs::File::create(dir.join("log")).expect("a file");
        let mut command = lan.program(dir, "run --interface lan0");
        let settings = dir.join("config.toml");
        if settings.exists() {
            command.arg("--config").arg(settings);
        }
        let child = command.stderr(log).spawn().expect("it starts");
        let running = Running(child);
        wait_until("the monitor listens", || dir.join("monitor.sock").exists());
        running
    }

    fn stop(mut self) -> bool {
        self.signal();
        self.0.wait().is_ok_and(|status| status.success())
    }

    // `ip netns exec` becomes the program, so this is its process.
    fn signal(&self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal();
        let _ = self.0.wait();
    }
}

fn wait_until(what: &str, mut there: impl FnMut() -> bool) {
    for _ in 0..150 {
        if there() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("not within 15 s: {what}");
}

fn exported(lan: &Lan, dir: &Path, what: &str) -> Vec<Value> {
    let mut command = lan.program(dir, &format!("export {what} --format json"));
    let Output { status, stdout, stderr } = command.stdout(Stdio::piped()).output().expect("it runs");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    serde_json::from_slice(&stdout).expect("JSON")
}

fn dashboard() -> SocketAddr {
    SocketAddr::new(MONITOR.parse().expect("an address"), PORT)
}

/// Frames that the monitor counted, from its local socket.
fn frames(dir: &Path) -> u64 {
    let mut stream = UnixStream::connect(dir.join("monitor.sock")).expect("it listens");
    let request = b"GET /api/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let health: Value = serde_json::from_str(body).expect("JSON");
    health["capture"]["frames"]["received"].as_u64().unwrap_or(0)
}

/// Hundreds of connections that come and go, as a scanner or a page that reloads and reloads would make them.
fn burst() -> usize {
    let connect = |_: &u32| TcpStream::connect_timeout(&dashboard(), Duration::from_secs(2)).is_ok();
    (0..400).filter(connect).count()
}

#[test]
fn viewers_of_the_dashboard_are_not_counted_and_raise_nothing_and_scanners_do() {
    let Some(lan) = Lan::new() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let running = Running::start(&lan, dir.path());

    assert_eq!(lan.at_viewer(burst), 400);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(exported(&lan, dir.path(), "alerts"), Vec::<Value>::new());
    let counted = frames(dir.path());
    assert!(counted < 100, "{counted} of some 3,000 packets of ours were counted");

    lan.at_viewer(|| {
        for port in 1..=200 {
            let closed = SocketAddr::new(dashboard().ip(), port);
            let _ = TcpStream::connect_timeout(&closed, Duration::from_millis(200));
        }
    });
    wait_until("a scan of other ports is seen", || !exported(&lan, dir.path(), "alerts").is_empty());
    let alerts = exported(&lan, dir.path(), "alerts");
    assert_eq!(alerts[0]["kind"], "port_scan", "{alerts:?}");
    assert!(alerts.iter().all(|a| a["target"]["port"] != PORT), "{alerts:?}");
    assert!(running.stop());
}

#[test]
fn viewers_are_counted_where_the_settings_say_so() {
    let Some(lan) = Lan::new() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("config.toml"), "[capture]\nexclude_self = false\n").expect("written");
    let running = Running::start(&lan, dir.path());
    assert_eq!(lan.at_viewer(burst), 400);
    wait_until("each of 400 connections is more than a packet", || frames(dir.path()) > 1000);
    assert!(running.stop());
}

#[test]
fn the_claim_code_goes_once_it_was_used_and_the_socket_when_the_monitor_stops() {
    let Some(lan) = Lan::new() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let running = Running::start(&lan, dir.path());
    let kept = dir.path().join("claim-code");
    let code = std::fs::read_to_string(&kept).expect("a claim code");
    let claim = json!({ "code": code.trim(), "password": "a password of mine" }).to_string();
    let answer = lan.at_viewer(move || client::ask(dashboard(), "POST", "/api/claim", "", Some(&claim)));
    assert_eq!(answer.status, 204, "{answer:?}");
    wait_until("the claim code is gone", || !kept.exists());
    assert!(running.stop());
    assert!(!dir.path().join("monitor.sock").exists());
    assert_eq!(exported(&lan, dir.path(), "alerts"), Vec::<Value>::new(), "the store answers now");

    let running = Running::start(&lan, dir.path());
    assert!(!kept.exists(), "nothing is left to claim");
    let second = lan.program(dir.path(), "run --interface lan0").output().expect("it runs");
    assert_eq!(second.status.code(), Some(1), "one store, one monitor");
    assert!(dir.path().join("monitor.sock").exists(), "the first one's socket stays");
    assert!(running.stop());
}

#[test]
fn a_file_on_the_boot_partition_takes_a_forgotten_password_away() {
    let Some(lan) = Lan::new() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let (kept, file) = (dir.path().join("claim-code"), dir.path().join("reset-password"));
    let settings = format!("[dashboard]\nreset_file = {:?}\n", file.to_str().expect("UTF-8"));
    std::fs::write(dir.path().join("config.toml"), settings).expect("written");
    let post = |path: &'static str, body: Value| {
        lan.at_viewer(move || client::ask(dashboard(), "POST", path, "", Some(&body.to_string())))
    };
    let code = || std::fs::read_to_string(&kept).expect("a claim code").trim().to_owned();

    let running = Running::start(&lan, dir.path());
    let claimed = post("/api/claim", json!({ "code": code(), "password": "one that is forgotten" }));
    let header = format!("cookie: {}\r\n", claimed.cookie());
    assert_eq!(claimed.status, 204);
    assert!(running.stop());
    std::fs::write(&file, "").expect("the owner puts it there");

    let running = Running::start(&lan, dir.path());
    assert!(!file.exists(), "it is used up");
    assert_eq!(post("/api/session", json!({ "password": "one that is forgotten" })).status, 409);
    let inside = lan.at_viewer(move || client::ask(dashboard(), "GET", "/api/alerts", &header, None));
    assert_eq!(inside.status, 401, "who was logged in is out");
    assert_eq!(post("/api/claim", json!({ "code": code(), "password": "a new one to keep" })).status, 204);
    assert!(running.stop());

    let running = Running::start(&lan, dir.path());
    assert_eq!(post("/api/session", json!({ "password": "a new one to keep" })).status, 204);
    assert!(running.stop());
    let log = std::fs::read_to_string(dir.path().join("log")).expect("a log");
    assert!(!log.contains("is reset"), "{log}");
}
