//! A lab for the real binary: two network namespaces joined by a cable, the monitor in the one, whoever sends in the
//! other. Everything is taken down again when a test ends, by panic too, and nothing leaves the machine.
//!
//! Needs root and `ip`. Without them a test says `SKIPPED: …` on standard error and passes, unless
//! `NETMONITOR_REQUIRE_ALL=1`.
#![allow(dead_code, reason = "each test uses its own part of the lab")]

use netmonitor::time::{self, SECOND, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// The binary that was built with the tests.
pub const BINARY: &str = env!("CARGO_BIN_EXE_netmonitor");

/// The binary under test; `NETMONITOR_TEST_BINARY` names another one, such as the release.
pub fn binary() -> String {
    std::env::var("NETMONITOR_TEST_BINARY").unwrap_or_else(|_| BINARY.to_owned())
}

/// Memory and processor time are looked at: tests of one program must not overlap.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Says that a test cannot run here.
pub fn skip(why: &str) {
    eprintln!("SKIPPED: {why}");
    assert_ne!(std::env::var("NETMONITOR_REQUIRE_ALL").as_deref(), Ok("1"), "all tests are required");
}

/// `ip` with arguments; whether it worked.
pub fn ip(arguments: &str) -> bool {
    Command::new("ip").args(arguments.split_whitespace()).output().is_ok_and(|o| o.status.success())
}

/// Waits until `done` gives something; panics with `what` when it takes longer than `seconds`.
pub fn until<T>(what: &str, seconds: i64, mut done: impl FnMut() -> Option<T>) -> T {
    let end = time::monotonic().plus(seconds * SECOND);
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(time::monotonic() < end, "{what}: not within {seconds} s");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Two namespaces: `mon0` in the near one is joined with `gen0` in the far one.
pub struct Cable {
    near: String,
    far: String,
}

/// Runs `test` in the near namespace of a fresh cable.
pub fn on_a_cable(test: impl FnOnce(&Cable) + Send) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let name = |end| format!("netmonitor-{end}-{}", std::process::id());
    let cable = Cable { near: name("near"), far: name("far") };
    if !rustix::process::geteuid().is_root()
        || ![&cable.near, &cable.far].iter().all(|n| ip(&format!("netns add {n}")))
    {
        return skip("needs root and network namespaces (`ip netns add`)");
    }
    within(&cable.near, || {
        assert!(ip("link set lo up"));
        cable.lay();
        test(&cable);
    });
}

impl Cable {
    /// Lays the cable; call in the near namespace, when there is none (any more).
    pub fn lay(&self) {
        // Once inside, so that IPv6 is off there before the interface comes.
        self.far(|| assert!(ip("link set lo up")));
        assert!(ip(&format!("link add mon0 type veth peer name gen0 netns {}", self.far)));
        self.far(|| assert!(ip("link set gen0 up")));
        assert!(ip("link set mon0 up"));
    }

    /// Runs `work` in the far namespace, on a thread of its own.
    pub fn far<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        within(&self.far, work)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.near));
        ip(&format!("netns del {}", self.far));
    }
}

/// Runs `work` on a thread in a namespace. What it opens or starts stays there.
fn within<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> T {
    let enter = || {
        let namespace = fs::File::open(format!("/run/netns/{name}")).expect("the namespace just made");
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may");
        // The kernel's own neighbour discovery would be counted among the frames sent.
        fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").ok();
        work()
    };
    thread::scope(|s| s.spawn(enter).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// A running `netmonitor run`, killed when dropped.
pub struct Monitor {
    child: Child,
    /// Where its dashboard is.
    pub address: SocketAddr,
    /// From its start to the first answer 200 of `/healthz`.
    pub ready_after: Duration,
    said: Arc<Mutex<Vec<String>>>,
    readers: Vec<thread::JoinHandle<()>>,
}

impl Monitor {
    /// Starts it on `mon0` with its files in `folder`; `environment` is more of it.
    pub fn start(folder: &Path, environment: &[(&str, &str)]) -> Monitor {
        Self::start_with(folder, &[], environment)
    }

    /// The same, with more arguments.
    pub fn start_with(folder: &Path, more: &[&str], environment: &[(&str, &str)]) -> Monitor {
        let began = time::monotonic();
        let mut child = Command::new(binary())
            .args(["run", "--interface", "mon0"])
            .args(more)
            .env("NETMONITOR_STORE_PATH", folder.join("store.redb"))
            .env("NETMONITOR_DASHBOARD_HOST", "127.0.0.1")
            .env("NETMONITOR_DASHBOARD_PORT", "0")
            .env("RUNTIME_DIRECTORY", folder.join("run"))
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let out = Box::new(child.stdout.take().expect("piped"));
        let err = Box::new(child.stderr.take().expect("piped"));
        let readers = [out as Box<dyn Read + Send>, err].map(|pipe| keep_lines(pipe, said.clone())).into();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut monitor = Monitor { child, address: nowhere, ready_after: Duration::ZERO, said, readers };
        monitor.address =
            until("the dashboard's address", 20, || monitor.find("dashboard: http://")?.parse().ok());
        until("an answer 200", 20, || {
            (monitor.try_get("/healthz").is_some_and(|a| a.status == 200)).then_some(())
        });
        monitor.ready_after = Duration::from_micros(time::monotonic().since(began).unsigned_abs());
        monitor
    }

    /// What follows `start` on a line that it wrote, up to a blank or slash.
    pub fn find(&mut self, start: &str) -> Option<String> {
        if let Ok(Some(status)) = self.child.try_wait() {
            panic!("ended with {status}: {:#?}", self.said());
        }
        let said = self.said();
        let rest = said.iter().find_map(|line| line.strip_prefix(start))?;
        Some(rest.split([' ', '/']).next().unwrap_or_default().to_owned())
    }

    /// Every line that it wrote so far.
    pub fn said(&self) -> MutexGuard<'_, Vec<String>> {
        self.said.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// GET, where the monitor may be gone.
    fn try_get(&self, path: &str) -> Option<super::client::Answer> {
        TcpStream::connect(self.address).ok()?;
        Some(super::client::get(self.address, path))
    }

    /// Sets the password with the printed claim code, logs in with it, and returns the header lines of a viewer.
    pub fn claim(&mut self) -> String {
        let code = self.find("claim code: ").expect("printed before the dashboard answers");
        let claim = format!(r#"{{"code":"{code}","password":"a password for tests"}}"#);
        let claimed = super::client::ask(self.address, "POST", "/api/claim", "", Some(&claim));
        assert_eq!(claimed.status, 204, "{claimed:?}");
        let login = r#"{"password":"a password for tests"}"#;
        let session = super::client::ask(self.address, "POST", "/api/session", "", Some(login));
        assert_eq!(session.status, 204, "{session:?}");
        format!("cookie: {}\r\n", session.cookie())
    }

    /// GET as the viewer with these header lines; the JSON of an answer 200.
    pub fn json(&self, path: &str, viewer: &str) -> Value {
        let answer = super::client::ask(self.address, "GET", path, viewer, None);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// The names of its threads.
    pub fn threads(&self) -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        tasks.flatten().map(|task| name(task).trim().to_owned()).collect()
    }

    /// Processor time so far, milliseconds.
    pub fn cpu(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        // utime and stime in ticks of 10 ms, fields 14 and 15 of proc(5).
        fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number") * 10).sum()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A field of its `/proc/<pid>/status` in KiB: `VmRSS`, `VmHWM`.
    pub fn memory(&self, field: &str) -> u64 {
        memory(self.child.id(), field).expect("it runs")
    }

    /// Pulls its plug; what it wrote until then.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("our own child");
        self.child.wait().expect("our own child");
        self.rest()
    }

    /// SIGTERM: how it ended, how long that took, and what it wrote.
    pub fn stop(mut self) -> (ExitStatus, Duration, Vec<String>) {
        let began = time::monotonic();
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("our own child");
        let status = until("the end after SIGTERM", 10, || self.child.try_wait().expect("our own child"));
        let took = Duration::from_micros(time::monotonic().since(began).unsigned_abs());
        (status, took, self.rest())
    }

    fn rest(&mut self) -> Vec<String> {
        for reader in self.readers.drain(..) {
            reader.join().expect("pipes end");
        }
        std::mem::take(&mut *self.said())
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A field of `/proc/<pid>/status` in KiB; `None` when the process has ended.
pub fn memory(pid: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

fn keep_lines(pipe: Box<dyn Read + Send>, said: Arc<Mutex<Vec<String>>>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            said.lock().unwrap_or_else(|e| e.into_inner()).push(line);
        }
    })
}

/// An event that a viewer received whole, and when.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When its last byte came.
    pub at: Timestamp,
    /// `alert`, `snapshot`, ….
    pub name: String,
    /// What it says.
    pub data: Value,
}

/// Someone who watches `/api/events` until the stream ends.
pub struct Viewer {
    seen: Arc<Mutex<Vec<Seen>>>,
    reading: thread::JoinHandle<()>,
}

impl Viewer {
    /// Connects with these header lines; returns when the stream has begun.
    pub fn watch(address: SocketAddr, headers: &str) -> Viewer {
        let mut stream = super::client::connect(address);
        let request = format!("GET /api/events HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let head = super::client::read(&mut stream, true);
        assert_eq!((head.status, head.header("content-type")), (200, "text/event-stream"), "{head:?}");
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let keep = seen.clone();
        Viewer { seen, reading: thread::spawn(move || receive(stream, &keep)) }
    }

    /// What it received so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// What it received until the stream ended.
    pub fn until_the_end(self) -> Vec<Seen> {
        self.reading.join().expect("well-formed events");
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(|e| e.into_inner()))
    }
}

/// Collects events; one counts when its blank line came.
fn receive(stream: TcpStream, seen: &Mutex<Vec<Seen>>) {
    let (mut name, mut data) = (String::new(), String::new());
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        match line.split_once(':') {
            Some(("event", value)) => name = value.trim().to_owned(),
            Some(("data", value)) => data.push_str(value.trim()),
            None if line.is_empty() && !data.is_empty() => {
                let at = time::monotonic();
                let event = Seen {
                    at,
                    name: std::mem::take(&mut name),
                    data: serde_json::from_str(&data).expect("JSON"),
                };
                data.clear();
                seen.lock().unwrap_or_else(|e| e.into_inner()).push(event);
            }
            _ => {}
        }
    }
}
