//! The two processes of standalone mode, a viewer that reconnects as a browser does, and what they tell.

use crate::client;
use crate::lab::{self, until};
use netmonitor::time::{self, SECOND, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Where the dashboard is, in a network of its own.
pub const DASHBOARD: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);

/// Its address.
pub fn dashboard() -> SocketAddr {
    SocketAddr::from(DASHBOARD)
}

/// A process of netmonitor, killed when dropped.
pub struct Side {
    child: Child,
    log: PathBuf,
}

impl Side {
    /// `netmonitor run` with its files in `folder`, in `mode`.
    pub fn monitor(folder: &Path, mode: &str, environment: &[(&str, &str)]) -> Side {
        Side::start(folder, &["run", "--interface", "mon0"], mode, environment)
    }

    /// `netmonitor dashboard`.
    pub fn front(folder: &Path, environment: &[(&str, &str)]) -> Side {
        Side::start(folder, &["dashboard"], "standalone", environment)
    }

    fn start(folder: &Path, arguments: &[&str], mode: &str, environment: &[(&str, &str)]) -> Side {
        let log = folder.join(format!("{}.log", arguments[0]));
        let kept = File::options().create(true).append(true).open(&log).expect("a file");
        let child = Command::new(lab::binary())
            .args(arguments)
            .env("DASHBOARD_SERVER", mode)
            .env("NETMONITOR_STORE_PATH", folder.join("store.redb"))
            .env("NETMONITOR_DASHBOARD_HOST", "127.0.0.1")
            .env("NETMONITOR_DASHBOARD_PORT", DASHBOARD.1.to_string())
            .env("NETMONITOR_LOG_LEVEL", "warn")
            .env("RUNTIME_DIRECTORY", folder.join("run"))
            .env_remove("NOTIFY_SOCKET")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(kept.try_clone().expect("the same file"))
            .stderr(kept)
            .spawn()
            .expect("the binary starts");
        Side { child, log }
    }

    /// Everything that this and earlier ones wrote.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).expect("a file")
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal that is no end.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("our own child");
    }

    /// Pulls its plug.
    pub fn kill(mut self) {
        self.end();
    }

    /// SIGTERM; whether it ended in order, and how long that took.
    pub fn stop(mut self) -> (bool, Duration) {
        let began = time::monotonic();
        self.signal(Signal::TERM);
        let status = until("the end after SIGTERM", 10, || self.child.try_wait().expect("our own child"));
        (status.success(), Duration::from_micros(time::monotonic().since(began).unsigned_abs()))
    }

    fn end(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            eprintln!("{}:\n{}", self.log.display(), self.said());
        }
    }
}

/// Waits until the dashboard answers 200 to `/healthz`.
pub fn ready() {
    until("an answer 200 to /healthz", 20, || {
        let there = TcpStream::connect(dashboard()).is_ok();
        (there && client::get(dashboard(), "/healthz").status == 200).then_some(())
    });
}

/// An event that came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// Its name.
    pub name: String,
    /// What it says.
    pub data: Value,
}

#[derive(Default)]
struct Heard {
    events: Vec<Seen>,
    alerts: BTreeSet<u64>,
    /// The last event id, as a browser keeps it; the first one ever.
    last: Option<u64>,
    first: Option<u64>,
    connections: u64,
    refused: Vec<u16>,
}

/// A viewer that stays: it reconnects with `Last-Event-ID`, as a browser does, but sooner.
pub struct Browser {
    heard: Arc<Mutex<Heard>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Browser {
    /// Opens the page; `headers` are those of its session.
    pub fn open(headers: &str) -> Browser {
        let (heard, stop) = (Arc::<Mutex<Heard>>::default(), Arc::<AtomicBool>::default());
        let (keep, ended, headers) = (heard.clone(), stop.clone(), headers.to_owned());
        let thread = thread::spawn(move || {
            while !ended.load(Relaxed) {
                watch(&keep, &headers, &ended);
                thread::sleep(Duration::from_millis(20));
            }
        });
        Browser { heard, stop, thread: Some(thread) }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Every event so far.
    pub fn events(&self) -> Vec<Seen> {
        self.heard().events.clone()
    }

    /// How many streams it has had.
    pub fn connections(&self) -> u64 {
        self.heard().connections
    }

    /// The statuses other than 200 that it was given.
    pub fn refused(&self) -> Vec<u16> {
        self.heard().refused.clone()
    }

    /// The ids of all alerts it was told of.
    pub fn alerts(&self) -> BTreeSet<u64> {
        self.heard().alerts.clone()
    }

    /// The newest alert when it first came: those after it are owed to it.
    pub fn since(&self) -> u64 {
        until("an event with an id", 10, || self.heard().first)
    }

    /// What came around the first of these alerts that it was not told of.
    pub fn around(&self, missed: u64) -> String {
        let events = self.events();
        let after = |event: &Seen| event.name == "alert" && event.data["id"].as_u64() > Some(missed);
        let at = events.iter().position(after).unwrap_or(events.len());
        let line = |event: &Seen| {
            let [id, state, lagged, detail, last] =
                ["id", "state", "lagged", "detail", "last"].map(|name| event.data[name].clone());
            format!("{} {} id {id} {state} {lagged} {detail} {last}\n", event.at.micros() / 1000, event.name)
        };
        events[at.saturating_sub(20)..events.len().min(at + 5)].iter().map(line).collect()
    }

    /// Waits for an event that fits, among those that came after `after`.
    pub fn wait_for(&self, what: &str, after: Timestamp, fits: impl Fn(&Seen) -> bool) -> Seen {
        until(what, 15, || self.heard().events.iter().find(|e| e.at > after && fits(e)).cloned())
    }

    /// Waits for a status.
    pub fn wait_for_state(&self, state: &str, after: Timestamp) -> Seen {
        self.wait_for(state, after, |event| event.name == "status" && event.data["state"] == state)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One connection, to its end.
fn watch(heard: &Mutex<Heard>, headers: &str, stop: &AtomicBool) {
    let lock = || heard.lock().unwrap_or_else(|e| e.into_inner());
    let Ok(mut stream) = TcpStream::connect(dashboard()) else { return };
    stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a limit");
    let last = lock().last.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
    let request = format!("GET /api/events HTTP/1.1\r\nhost: localhost\r\n{headers}{last}\r\n");
    if stream.write_all(request.as_bytes()).is_err() {
        return;
    }
    let head = client::read(&mut stream, true);
    if head.status != 200 {
        if head.status > 0 {
            lock().refused.push(head.status);
        }
        return;
    }
    {
        let mut heard = lock();
        heard.connections += 1;
        let data = serde_json::json!({ "last": heard.last });
        heard.events.push(Seen { at: time::monotonic(), name: "(opened)".to_owned(), data });
    }
    let mut reader = BufReader::new(stream);
    let (mut name, mut data, mut id, mut line) = (String::new(), String::new(), None, String::new());
    while !stop.load(Relaxed) {
        match reader.read_line(&mut line) {
            Ok(0) => return,
            Ok(_) => {}
            // What came of the line so far is kept.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => return,
        }
        match line.trim_end().split_once(':') {
            Some(("event", value)) => name = value.trim().to_owned(),
            Some(("data", value)) => data.push_str(value.trim()),
            Some(("id", value)) => id = value.trim().parse().ok(),
            None if !data.is_empty() => {
                let data = serde_json::from_str(&std::mem::take(&mut data)).expect("JSON");
                let event = Seen { at: time::monotonic(), name: std::mem::take(&mut name), data };
                let mut heard = lock();
                if let Some(id) = id.take() {
                    heard.last = Some(id);
                    heard.first = heard.first.or(Some(id));
                    if event.name == "alert" {
                        heard.alerts.insert(id);
                    }
                }
                let lagged = event.data["lagged"].is_u64();
                heard.events.push(event);
                if lagged {
                    // It was too slow itself, and asks for what it lost, as the page does.
                    return;
                }
            }
            _ => {}
        }
        line.clear();
    }
}

/// Every alert in the store, by id.
pub fn stored(headers: &str) -> BTreeSet<u64> {
    let (mut all, mut path) = (BTreeSet::new(), "/api/alerts?limit=500".to_owned());
    loop {
        let page = client::ask(dashboard(), "GET", &path, headers, None).json();
        all.extend(page["alerts"].as_array().expect("a list").iter().filter_map(|a| a["id"].as_u64()));
        match &page["next_cursor"] {
            Value::Null => return all,
            Value::String(cursor) => path = format!("/api/alerts?limit=500&cursor={cursor}"),
            cursor => path = format!("/api/alerts?limit=500&cursor={cursor}"),
        }
    }
}

/// Sets the password with the claim code in `folder`, or logs in with it: the header lines of a viewer.
pub fn log_in(folder: &Path) -> String {
    let code = fs::read_to_string(folder.join("run/claim-code")).unwrap_or_default();
    let (path, body) = match code.trim() {
        "" => ("/api/session", r#"{"password":"a password for tests"}"#.to_owned()),
        code => ("/api/claim", format!(r#"{{"code":"{code}","password":"a password for tests"}}"#)),
    };
    let answer = client::ask(dashboard(), "POST", path, "", Some(&body));
    assert_eq!(answer.status, 204, "{path}: {answer:?}");
    format!("cookie: {}\r\n", answer.cookie())
}

/// A moment ago.
pub fn now() -> Timestamp {
    time::monotonic()
}

/// Seconds since.
pub fn seconds_since(then: Timestamp) -> f64 {
    time::monotonic().since(then) as f64 / SECOND as f64
}
