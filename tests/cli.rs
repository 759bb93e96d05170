//! Black-box tests of the commands: exit codes, one-line errors, what is printed, and the environment.
#![cfg(all(feature = "live", feature = "store", feature = "http"))]

mod client;
mod lab;
mod traffic;

use lab::{BINARY, Viewer, skip, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;
use traffic::scenarios;

/// What a command did.
#[derive(Debug)]
struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Done {
    /// It failed with this code, printed one line on standard error, and this is it.
    #[track_caller]
    fn refused(&self, code: i32) -> &str {
        assert_eq!((self.code, self.err.lines().count()), (Some(code), 1), "{self:?}");
        assert!(self.err.starts_with("netmonitor: "), "{self:?}");
        &self.err
    }

    /// It worked and had nothing to complain of; this is what it printed.
    #[track_caller]
    fn fine(&self) -> &str {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        &self.out
    }

    /// The JSON lines of a type.
    fn lines(&self, kind: &str) -> Vec<Value> {
        let lines = self.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("only JSON"));
        lines.filter(|line| line["type"] == kind).collect()
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).stdin(Stdio::null());
    command
}

fn done(command: &mut Command) -> Done {
    let output = command.output().expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn run(arguments: &[&str]) -> Done {
    done(&mut command(arguments))
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The text of a path that a command line takes.
fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn is_root(what: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip(&format!("{what} needs root"));
    }
    root
}

/// A pcap of a scan that raises one alert, and how many packets are in it.
fn scan() -> (Vec<u8>, u64) {
    let pcap = scenarios::named("port_scan").expect("a scenario").pcap();
    let mut packets = 0;
    let mut at = 24;
    while at < pcap.len() {
        at += 16 + u32::from_le_bytes(pcap[at + 8..at + 12].try_into().expect("four bytes")) as usize;
        packets += 1;
    }
    (pcap, packets)
}

/// The same packets in a pcapng file.
fn as_pcapng(pcap: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let len = (12 + body.len().next_multiple_of(4)) as u32;
        for part in [&kind.to_le_bytes()[..], &len.to_le_bytes(), body] {
            file.extend_from_slice(part);
        }
        file.resize(file.len().next_multiple_of(4), 0);
        file.extend_from_slice(&len.to_le_bytes());
    };
    let section = [&0x1a2b_3c4du32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    block(0x0a0d_0d0a, &section);
    block(1, &[1, 0, 0, 0, 0, 0, 4, 0]);
    let mut rest = &pcap[24..];
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().expect("four bytes"));
        let micros = u64::from(word(0)) * 1_000_000 + u64::from(word(4));
        let len = word(8) as usize;
        let stamp = [((micros >> 32) as u32).to_le_bytes(), (micros as u32).to_le_bytes()].concat();
        block(6, &[&[0; 4][..], &stamp, &rest[8..16 + len]].concat());
        rest = &rest[16 + len..];
    }
    file
}

#[test]
fn every_command_explains_itself() {
    let help = run(&["--help"]);
    let listed = help.fine().split("Commands:").nth(1).expect("commands").lines();
    let commands: Vec<&str> = listed
        .filter(|l| l.starts_with("  ") && !l.starts_with("   "))
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    for known in ["run", "replay", "check", "interfaces", "config", "password"] {
        assert!(commands.contains(&known), "{known} in {commands:?}");
    }
    for name in commands {
        let help = run(&[name, "--help"]);
        assert!(help.fine().starts_with(&format!("Usage: netmonitor {name}")), "{help:?}");
    }
    assert_eq!(run(&["--version"]).fine(), format!("netmonitor {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_use_is_told_in_one_line_and_is_exit_code_2() {
    let wrong: [&[&str]; 12] = [
        &[],
        &["bogus"],
        &["--bogus"],
        &["run", "--bogus"],
        &["run", "--interface"],
        &["run", "eth0"],
        &["replay"],
        &["replay", "--config"],
        &["check", "--config", "a", "--config", "b"],
        &["interfaces", "eth0"],
        &["config", "--json"],
        &["password", "secret"],
    ];
    for arguments in wrong {
        let done = run(arguments);
        assert!(done.refused(2).contains("--help"), "{done:?}");
        assert_eq!(done.out, "", "{arguments:?}");
    }
    let mut raw = Command::new(BINARY);
    done(raw.arg(OsStr::from_bytes(b"\xff"))).refused(2);
}

#[test]
fn settings_in_force_are_printed_with_where_they_came_from() {
    let folder = folder();
    let file = folder.path().join("config.toml");
    fs::write(&file, "[store]\n\nmax_mib = 64\n").expect("written");
    let shown = done(
        command(&["config", "--config", text(&file)])
            .env("DASHBOARD_SERVER", "Gunicorn")
            .env("DASHBOARD_HOST", "127.0.0.1")
            .env("DASHBOARD_PORT", "9090")
            .env("DASHBOARD_WORKERS", "4")
            .env("NETMONITOR_DETECT_PORT_SCAN_PORTS", "33")
            .env("LOG_LEVEL", "DEBUG"),
    );
    let origin = |setting: &str| {
        let line = shown.fine().lines().find(|line| line.starts_with(setting));
        line.and_then(|line| line.split("  # ").nth(1))
            .unwrap_or_else(|| panic!("{setting}: {shown:?}"))
            .to_owned()
    };
    assert_eq!(origin("store.max_mib = 64 "), format!("{}:3", file.display()));
    assert_eq!(origin("store.alert_days = 365 "), "default");
    assert_eq!(origin("detect.port_scan.ports = 33 "), "environment NETMONITOR_DETECT_PORT_SCAN_PORTS");
    assert_eq!(origin("dashboard.server = \"gunicorn\" "), "environment DASHBOARD_SERVER");
    assert_eq!(origin("dashboard.host = \"127.0.0.1\" "), "environment DASHBOARD_HOST");
    assert_eq!(origin("dashboard.port = 9090 "), "environment DASHBOARD_PORT");
    assert_eq!(origin("log.level = \"debug\" "), "environment LOG_LEVEL");
}

#[test]
fn wrong_settings_are_told_by_key_and_line() {
    let folder = folder();
    let file = folder.path().join("config.toml");
    let path = text(&file);
    for (settings, line, word) in [
        ("[store]\nmax_mb = 64\n", 2, "store.max_mb"),
        ("[store]\n\nmax_mib = \"big\"\n", 3, "store.max_mib"),
        ("[dashboard]\nport = 99999\n", 2, "dashboard.port"),
        ("[dashboard]\nauth = \"none\"\n", 2, "dashboard.host"),
        ("[[[\n", 1, "config.toml"),
    ] {
        fs::write(&file, settings).expect("written");
        for name in ["run", "config", "interfaces", "password"] {
            let told = run(&[name, "--config", path]);
            let told = told.refused(1);
            assert!(told.contains(&format!("{path}:{line}: ")) && told.contains(word), "{told}");
        }
        let checked = run(&["check", "--config", path]);
        assert!(checked.code == Some(1) && checked.out.starts_with("wrong  settings"), "{checked:?}");
    }
    let missing = run(&["config", "--config", "/nonexistent/config.toml"]);
    assert!(missing.refused(1).contains("/nonexistent/config.toml"), "{missing:?}");
    let wrong = done(command(&["config"]).env("NETMONITOR_STORE_MAX_MB", "1"));
    assert!(wrong.refused(1).contains("NETMONITOR_STORE_MAX_MB"), "{wrong:?}");
}

/// `check` with everything right, where `lo` may be listened on.
fn check(folder: &Path) -> Command {
    let mut command = command(&["check"]);
    command
        .env("NETMONITOR_CAPTURE_INTERFACES", "lo")
        .env("NETMONITOR_STORE_PATH", folder.join("store.redb"))
        .env("NETMONITOR_DASHBOARD_HOST", "127.0.0.1")
        .env("NETMONITOR_DASHBOARD_PORT", "0");
    command
}

#[test]
fn check_says_of_each_part_what_is_right() {
    if !is_root("listening on an interface") {
        return;
    }
    let folder = folder();
    let checked = done(&mut check(folder.path()));
    let parts = ["settings", "capture", "detectors", "store", "dashboard"];
    assert_eq!(checked.fine().lines().count(), parts.len(), "{checked:?}");
    for (line, part) in checked.out.lines().zip(parts) {
        assert!(line.starts_with(&format!("ok     {part}")), "{line}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "looking changes nothing");
}

#[test]
fn check_says_of_each_part_what_is_wrong() {
    if !is_root("listening on an interface") {
        return;
    }
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), "not a store, but long enough to be taken for one").expect("written");
    fs::write(path("config.toml"), "[feeds]\nlists = [{ path = \"/nonexistent.list\" }]\n").expect("written");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let below_a_file = path("file").join("store.redb");
    for (name, value, part, word) in [
        ("NETMONITOR_CAPTURE_INTERFACES", "eht0", "capture", "eht0"),
        ("NETMONITOR_STORE_PATH", text(&below_a_file), "store", "file"),
        ("NETMONITOR_STORE_PATH", text(folder.path()), "store", text(folder.path())),
        ("NETMONITOR_STORE_PATH", text(&path("file")), "store", "file"),
        ("NETMONITOR_DASHBOARD_PORT", port.as_str(), "dashboard", port.as_str()),
    ] {
        let checked = done(check(folder.path()).env(name, value));
        let wrong: Vec<&str> = checked.out.lines().filter(|l| l.starts_with("wrong")).collect();
        assert_eq!((checked.code, checked.err.as_str()), (Some(1), ""), "{name}={value}: {checked:?}");
        let [line] = wrong[..] else { panic!("{name}={value}: {checked:?}") };
        assert!(line.starts_with(&format!("wrong  {part}")) && line.contains(word), "{line}");
    }
    assert!(path("file").exists(), "a damaged store is set aside by `run`, not by looking");
    let checked = done(check(folder.path()).args(["--config", text(&path("config.toml"))]));
    assert!(
        checked.code == Some(1) && checked.out.contains("wrong  list        nonexistent: /nonexistent.list"),
        "{checked:?}"
    );
}

#[test]
fn without_rights_run_and_check_name_the_remedy() {
    if !is_root("giving up rights") {
        return;
    }
    let folder = folder();
    // A path that everyone may walk, with a store that nobody may make.
    let program = folder.path().join("netmonitor");
    fs::copy(BINARY, &program).expect("copied");
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    let as_nobody = |name: &str| {
        let mut command = Command::new(&program);
        command.args([name]).envs(check(folder.path()).get_envs().filter_map(|(k, v)| Some((k, v?))));
        done(command.uid(65_534).gid(65_534))
    };
    let run = as_nobody("run");
    assert!(run.refused(1).contains("setcap cap_net_raw+ep"), "{run:?}");
    let checked = as_nobody("check");
    let wrong: Vec<&str> = checked.out.lines().filter(|l| l.starts_with("wrong")).collect();
    assert!(wrong.len() == 2 && wrong[0].contains("setcap") && wrong[1].contains("store"), "{checked:?}");
    assert_eq!(checked.code, Some(1));
}

#[test]
fn run_that_cannot_begin_says_why_in_one_line() {
    if !is_root("listening on an interface") {
        return;
    }
    let folder = folder();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    fs::write(folder.path().join("file"), "").expect("written");
    let below_a_file = folder.path().join("file/store.redb");
    for (name, value, word) in [
        ("NETMONITOR_CAPTURE_INTERFACES", "eht0", "there is no interface"),
        ("NETMONITOR_STORE_PATH", text(&below_a_file), "file"),
        ("NETMONITOR_DASHBOARD_PORT", port.as_str(), "dashboard.port"),
    ] {
        let mut command = command(&["run"]);
        command.envs(check(folder.path()).get_envs().filter_map(|(k, v)| Some((k, v?)))).env(name, value);
        let told = done(command.env("RUNTIME_DIRECTORY", folder.path()));
        assert!(told.refused(1).contains(word), "{told:?}");
    }
}

#[test]
fn interfaces_are_listed_with_the_one_that_run_would_choose() {
    let shown = done(command(&["interfaces"]).env("NETMONITOR_CAPTURE_INTERFACES", "lo"));
    let lines: Vec<&str> = shown.fine().lines().collect();
    assert!(lines[0].starts_with("INTERFACE ") && lines[0].ends_with("ADDRESSES"), "{shown:?}");
    assert!(lines.iter().any(|l| l.starts_with("lo ") && l.contains("127.0.0.1/8")), "{shown:?}");
    assert_eq!(lines.last(), Some(&"run would listen on lo: named in the settings"));
}

#[test]
fn replay_reads_pcap_pcapng_gzip_and_standard_input_alike() {
    let folder = folder();
    let (pcap, packets) = scan();
    let mut seen = Vec::new();
    for (name, bytes) in [
        ("a.pcap", pcap.clone()),
        ("a.pcapng", as_pcapng(&pcap)),
        ("a.pcap.gz", scenarios::gzip(&pcap)),
        ("a.pcapng.gz", scenarios::gzip(&as_pcapng(&pcap))),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        seen.push(run(&["replay", "--json", text(&path)]));
        let file = fs::File::open(&path).expect("just written");
        seen.push(done(command(&["replay", "-", "--json"]).stdin(file)));
        let (reading, mut writing) = std::io::pipe().expect("a pipe");
        let bytes = fs::read(&path).expect("just written");
        let sending = thread::spawn(move || writing.write_all(&bytes));
        seen.push(done(command(&["replay", "--json", "-"]).stdin(reading)));
        sending.join().expect("joined").expect("all of it was read");
    }
    let first = seen[0].lines("alert");
    assert_eq!((first.len(), &first[0]["kind"]), (1, &"port_scan".into()));
    for done in &seen {
        done.fine();
        assert_eq!(
            (done.lines("alert"), done.lines("alert_update")),
            (first.clone(), seen[0].lines("alert_update"))
        );
        let summary = &done.lines("summary")[0];
        assert_eq!((&summary["packets"], &summary["files"]), (&packets.into(), &1.into()));
    }
    let plain = run(&["replay", text(&folder.path().join("a.pcap"))]);
    let last = plain.fine().lines().last().unwrap_or_default();
    assert!(last.starts_with(&format!("{packets} packets")) && plain.out.contains("port_scan"), "{plain:?}");
}

#[test]
fn replay_plays_all_there_is_before_the_damage_and_every_other_file() {
    let folder = folder();
    let (pcap, packets) = scan();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        text(&path).to_owned()
    };
    let cut = write("cut.pcap", &pcap[..pcap.len() - 10]);
    let mut wrong = pcap.clone();
    wrong.extend([0xff; 40]);
    let wrong = write("wrong.pcap", &wrong);
    let packed = scenarios::gzip(&pcap);
    let packed = write("packed.pcap.gz", &packed[..packed.len() - 20]);
    for (path, whole) in
        [(&cut, packets - 1..=packets - 1), (&wrong, packets..=packets), (&packed, 1..=packets)]
    {
        let done = run(&["replay", "--json", path]);
        let told = done.refused(1);
        assert!(told.contains(path.as_str()) && told.contains("broken at"), "{told}");
        let summary = &done.lines("summary")[0];
        assert!(whole.contains(&summary["packets"].as_u64().expect("a count")), "{path}: {summary}");
    }
    assert_eq!(run(&["replay", "--json", &cut]).lines("alert").len(), 1, "found before the damage");

    let good = write("good.pcap", &pcap);
    let text_file = write("notes.txt", b"these are no packets");
    let empty = write("empty.pcap", b"");
    let done = run(&["replay", "--json", &cut, &text_file, "/nonexistent.pcap", &empty, &good]);
    assert_eq!((done.code, done.err.lines().count()), (Some(1), 4), "{done:?}");
    for (line, word) in
        done.err.lines().zip(["broken at", "not a capture file", "/nonexistent.pcap", "is empty"])
    {
        assert!(line.starts_with("netmonitor: ") && line.contains(word), "{line}");
    }
    assert_eq!(done.lines("summary")[0]["packets"], 2 * packets - 1);
    let both = run(&["replay", "--json", &good, &good]);
    both.fine();
    assert_eq!(
        (&both.lines("summary")[0]["files"], &both.lines("summary")[0]["packets"]),
        (&2.into(), &(2 * packets).into())
    );
}

#[test]
fn nobody_reading_on_is_no_failure() {
    let folder = folder();
    let (pcap, _) = scan();
    let path = folder.path().join("a.pcap");
    fs::write(&path, pcap).expect("written");
    let all: [&[&str]; 7] = [
        &["--help"],
        &["--version"],
        &["config"],
        &["interfaces"],
        &["check"],
        &["replay", text(&path)],
        &["replay", "--json", text(&path)],
    ];
    for arguments in all {
        let (reading, writing) = std::io::pipe().expect("a pipe");
        drop(reading);
        let mut command = command(arguments);
        command.envs(check(folder.path()).get_envs().filter_map(|(k, v)| Some((k, v?)))).stdout(writing);
        let done = done(&mut command);
        // `check` may find something wrong here; that is still its to say.
        let codes: &[i32] = if arguments == ["check"] { &[0, 1] } else { &[0] };
        assert!(codes.contains(&done.code.unwrap_or(-1)) && done.err.is_empty(), "{arguments:?}: {done:?}");
    }
}

#[test]
fn run_goes_on_when_nobody_reads_what_it_says() {
    lab::on_a_cable(|_| {
        let folder = folder();
        let address = SocketAddr::from(([127, 0, 0, 1], 8099));
        let (reading, writing) = std::io::pipe().expect("a pipe");
        drop(reading);
        let mut command = command(&["run", "--interface", "mon0"]);
        command
            .env("NETMONITOR_STORE_PATH", folder.path().join("store.redb"))
            .env("NETMONITOR_DASHBOARD_HOST", "127.0.0.1")
            .env("NETMONITOR_DASHBOARD_PORT", "8099")
            .env("RUNTIME_DIRECTORY", folder.path())
            .stdout(writing.try_clone().expect("a duplicate"))
            .stderr(writing);
        let mut server = Server { child: command.spawn().expect("the binary starts"), address };
        until("an answer", 10, || {
            assert_eq!(server.child.try_wait().expect("our own child"), None, "it ended");
            std::net::TcpStream::connect(address).ok()
        });
        until("an answer 200", 5, || (client::get(address, "/healthz").status == 200).then_some(()));
        assert_eq!(server.end(Signal::TERM), Some(0));
    });
}

/// A program that serves, killed when dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(command: &mut Command) -> Server {
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let line = lines.find_map(|line| Some(line.split_once("dashboard: http://")?.1.to_owned()));
        thread::spawn(move || lines.for_each(drop));
        let address = line.and_then(|line| line.split('/').next()?.parse().ok());
        let mut server = Server { child, address: SocketAddr::from(([0; 4], 0)) };
        server.address = address.unwrap_or_else(|| panic!("no address told: {:?}", server.child.try_wait()));
        server
    }

    fn end(mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), signal).expect("our own child");
        until("the end", 2, || self.child.try_wait().expect("our own child")).code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn replay_serves_its_result_on_this_machine_without_a_password_until_interrupted() {
    let folder = folder();
    let (pcap, packets) = scan();
    let whole = folder.path().join("a.pcap");
    fs::write(&whole, &pcap).expect("written");
    let cut = folder.path().join("cut.pcap");
    fs::write(&cut, &pcap[..pcap.len() - 10]).expect("written");
    for (file, name, code) in [(&whole, "NETMONITOR_DASHBOARD_PORT", 0), (&cut, "DASHBOARD_PORT", 1)] {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let server = Server::start(command(&["replay", "--serve", text(file)]).env(name, free.to_string()));
        assert_eq!(server.address, SocketAddr::from(([127, 0, 0, 1], free)));
        let shown = client::get(server.address, "/api/dashboard");
        assert_eq!(shown.status, 200, "{shown:?}");
        let shown = shown.json();
        assert_eq!(shown["monitor"]["mode"], "replay");
        assert_eq!(shown["capture"]["packets"], packets - code);
        assert_eq!(shown["alerts"]["recent"][0]["kind"], "port_scan");
        assert_eq!(client::get(server.address, "/").status, 200);
        let viewer = Viewer::watch(server.address, "");
        thread::sleep(Duration::from_millis(3300));
        let snapshots = viewer.seen().iter().filter(|e| e.name == "snapshot").count();
        assert!((4..=5).contains(&snapshots), "one at once, then one a second: {snapshots}");
        let signal = if code == 0 { Signal::INT } else { Signal::TERM };
        assert_eq!(server.end(signal), Some(code as i32), "exit code");
    }
}

#[test]
fn a_port_in_use_is_told_by_replay_too() {
    let folder = folder();
    let path = folder.path().join("a.pcap");
    fs::write(&path, scan().0).expect("written");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let told = done(command(&["replay", "--serve", text(&path)]).env("NETMONITOR_DASHBOARD_PORT", port));
    assert!(told.refused(1).contains("dashboard.port"), "{told:?}");
}

#[test]
fn the_password_command_sets_the_password_that_opens_the_dashboard() {
    let folder = folder();
    let password = |typed: &str| {
        let (reading, mut writing) = std::io::pipe().expect("a pipe");
        writing.write_all(typed.as_bytes()).expect("a pipe holds a line");
        drop(writing);
        let mut command = command(&["password"]);
        command.env("RUNTIME_DIRECTORY", folder.path().join("run"));
        done(command.env("NETMONITOR_STORE_PATH", folder.path().join("store.redb")).stdin(reading))
    };
    password("short\n").refused(1);
    password("").refused(1);
    password("correct horse\n").fine();
    lab::on_a_cable(|_| {
        let monitor = lab::Monitor::start(folder.path(), &[]);
        assert!(!monitor.said().iter().any(|line| line.contains("claim code")), "it has a password");
        let login = |word: &str| {
            let body = format!(r#"{{"password":"{word}"}}"#);
            client::ask(monitor.address, "POST", "/api/session", "", Some(&body)).status
        };
        assert_eq!((login("battery staple"), login("correct horse")), (401, 204));
        password("another one\n").fine();
        assert_eq!((login("correct horse"), login("another one")), (401, 204), "at once, while it runs");
    });
}

#[test]
fn the_names_of_the_python_version_work() {
    lab::on_a_cable(|_| {
        let folder = folder();
        let logs = folder.path().join("logs");
        let mut lines = Vec::new();
        for level in ["INFO", "WARNING"] {
            let environment = [("LOG_DIR", text(&logs)), ("LOG_LEVEL", level), ("DASHBOARD_WORKERS", "4")];
            let monitor = lab::Monitor::start(folder.path(), &environment);
            monitor.json("/healthz", "");
            let forged = b"GET /x%0A2026-01-01T00:00:00Z%20\"10.0.0.1\"\xc3\xa9?secret HTTP/1.1\r\nhost: localhost\r\n\r\n";
            client::raw(monitor.address, forged);
            let (status, _, said) = monitor.stop();
            assert!(status.success(), "{status}: {said:#?}");
            let told = |word: &str| said.iter().filter(|line| line.contains(word)).count();
            let expected = usize::from(level == "INFO");
            assert_eq!((told("DASHBOARD_WORKERS"), told("stopping")), (expected, expected), "{said:#?}");
            lines = fs::read_to_string(logs.join("netmonitor.log"))
                .expect("a log")
                .lines()
                .map(str::to_owned)
                .collect();
        }
        let kept = lines.iter().filter(|l| l.contains("DASHBOARD_WORKERS")).count();
        assert_eq!(kept, 1, "{lines:#?}");
        let requests = fs::read_to_string(logs.join("dashboard_access.log")).expect("a log of requests");
        assert!(requests.lines().filter(|l| l.contains("/healthz")).count() >= 2, "{requests}");
        for line in requests.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [_, client, method, path, status, bytes, ms] = fields[..] else {
                panic!("seven fields: {line}")
            };
            assert_eq!((client, method, &path[..1]), ("127.0.0.1", "GET", "/"), "{line}");
            assert!(status.parse::<u16>().is_ok() && bytes.parse::<u64>().is_ok(), "{line}");
            assert!(ms.parse::<f64>().is_ok() && !line.contains("secret"), "{line}");
        }
        assert!(logs.join("dashboard_error.log").exists());
    });
}
