//! The systemd units: how exposed they are by systemd's own measure, what `netmonitor units` makes of settings, and that
//! the program tells systemd what a unit of Type=notify with a watchdog waits for.
//!
//! Needs `systemd-analyze` for the first and the loopback interface with the right to capture for the last. Without them
//! a test says `SKIPPED: …` on standard error and passes, unless `NETMONITOR_REQUIRE_ALL=1`. That the units really run
//! is tried by `packaging/try`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const BINARY: &str = env!("CARGO_BIN_EXE_netmonitor");
/// Ten times the exposure that a unit may have.
const EXPOSURE: &str = "--threshold=15";

fn skip(why: &str) {
    eprintln!("SKIPPED: {why}");
    assert_ne!(std::env::var("NETMONITOR_REQUIRE_ALL").as_deref(), Ok("1"), "all tests are required");
}

/// `netmonitor units` below `root`, with `settings` in its configuration file; what it says.
fn units(root: &Path, settings: &str, more: &[&str]) -> String {
    let folder = root.join("etc/netmonitor");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("config.toml"), settings).expect("written");
    said(command(root).args(more).output().expect("it runs"))
}

fn command(root: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["units", "--root"]).arg(root);
    command
}

fn said(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Every file below `root`, by its path there.
fn files(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let name = path.strip_prefix(root).expect("below it").display().to_string();
                found.insert(name, text);
            }
        }
    }
    found
}

/// The text of a unit that was written.
fn unit(root: &Path, name: &str) -> String {
    fs::read_to_string(root.join("etc/systemd/system").join(name)).expect("it was written")
}

fn has_line(unit: &str, line: &str) -> bool {
    unit.lines().any(|there| there == line)
}

const STANDALONE: &str = "[dashboard]\nserver = \"standalone\"\n";

#[test]
fn no_unit_is_more_exposed_than_1_5() {
    let analyze = |arguments: &[&str], unit: &Path| {
        Command::new("systemd-analyze").arg("security").args(arguments).arg(unit).output()
    };
    let root = tempfile::tempdir().expect("a folder");
    units(root.path(), STANDALONE, &[]);
    let written = root.path().join("etc/systemd/system");
    for folder in [Path::new("systemd"), &written] {
        for name in ["netmonitor.service", "netmonitor-dashboard.service", "netmonitor-feeds.service"] {
            let arguments = ["--offline=true", EXPOSURE, "--no-pager"];
            let Ok(output) = analyze(&arguments, &folder.join(name)) else {
                return skip(
                    "systemd-analyze is missing (systemd); how exposed the units are was not measured",
                );
            };
            let told = String::from_utf8_lossy(&output.stdout);
            let verdict = told.lines().last().unwrap_or_default();
            assert!(output.status.success(), "{verdict}\n{}", String::from_utf8_lossy(&output.stderr));
            assert!(verdict.contains("exposure level"), "{told}");
        }
    }
}

#[test]
fn the_units_of_the_mode_are_written_once_and_for_all() {
    let root = tempfile::tempdir().expect("a folder");
    let told = units(root.path(), "", &[]);
    for command in ["systemctl daemon-reload", "systemctl enable", "systemctl restart netmonitor.service"] {
        assert!(told.contains(command), "{told}");
    }
    let embedded = files(root.path());
    let names: Vec<&str> = embedded.keys().map(String::as_str).collect();
    let expected = [
        "etc/netmonitor/config.toml",
        "etc/systemd/system/netmonitor-feeds.service",
        "etc/systemd/system/netmonitor-feeds.timer",
        "etc/systemd/system/netmonitor.service",
        "etc/sysusers.d/netmonitor.conf",
    ];
    assert_eq!(names, expected);
    units(root.path(), "", &[]);
    assert_eq!(files(root.path()), embedded, "a second time changes nothing");
}

#[test]
fn switching_modes_is_one_command_there_and_back() {
    let root = tempfile::tempdir().expect("a folder");
    units(root.path(), "# mine\n[dashboard]\nport = 8081\n", &[]);
    let embedded = files(root.path());
    let told = said(command(root.path()).args(["--server", "standalone"]).output().expect("it runs"));
    // The monitor gives the port up before the dashboard takes it.
    let order = ["restart netmonitor.service", "restart netmonitor-dashboard.service"];
    let order = order.map(|command| told.find(command).unwrap_or_else(|| panic!("{command}: {told}")));
    assert!(order[0] < order[1], "{told}");
    let settings = fs::read_to_string(root.path().join("etc/netmonitor/config.toml")).expect("there");
    assert_eq!(settings, "# mine\n[dashboard]\nserver = \"standalone\"\nport = 8081\n");
    assert!(has_line(&unit(root.path(), "netmonitor-dashboard.service"), "Wants=netmonitor.service"));

    // As `systemctl enable` leaves it.
    let wants = root.path().join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants).expect("a folder");
    let link = wants.join("netmonitor-dashboard.service");
    std::os::unix::fs::symlink("../netmonitor-dashboard.service", &link).expect("a link");
    let told = said(command(root.path()).args(["--server", "embedded"]).output().expect("it runs"));
    assert!(told.contains("systemctl stop netmonitor-dashboard.service"), "{told}");
    assert!(fs::symlink_metadata(&link).is_err(), "it would start at the next boot");
    let mut back = files(root.path());
    let settings = "# mine\n[dashboard]\nserver = \"embedded\"\nport = 8081\n";
    assert_eq!(back.insert("etc/netmonitor/config.toml".into(), String::new()).as_deref(), Some(settings));
    let mut before = embedded;
    before.insert("etc/netmonitor/config.toml".into(), String::new());
    assert_eq!(back, before);
}

#[test]
fn paths_and_ports_of_the_settings_are_in_the_units() {
    let root = tempfile::tempdir().expect("a folder");
    let settings = "[store]\npath = \"/srv/my data/netmonitor.redb\"\n[feeds]\ndir = \"/srv/lists\"\n\
                    [log]\ndir = \"/home/pi/100%\"\n[dashboard]\nport = 80\n";
    let told = units(root.path(), settings, &[]);
    assert!(told.contains("install -d -o netmonitor -g netmonitor -m 770 /srv/lists"), "{told}");
    let monitor = unit(root.path(), "netmonitor.service");
    for line in [
        "ExecStart=/usr/bin/netmonitor run",
        "ReadWritePaths=\"/srv/my data\"",
        "ReadWritePaths=/srv/lists",
        "ProtectHome=tmpfs",
        "BindPaths=\"/home/pi/100%%\"",
        "CapabilityBoundingSet=CAP_NET_RAW CAP_NET_BIND_SERVICE",
        "AmbientCapabilities=CAP_NET_RAW CAP_NET_BIND_SERVICE",
    ] {
        assert!(has_line(&monitor, line), "{line}\n{monitor}");
    }
    let feeds = unit(root.path(), "netmonitor-feeds.service");
    assert!(
        has_line(&feeds, "ReadWritePaths=/srv/lists") && has_line(&feeds, "CapabilityBoundingSet="),
        "{feeds}"
    );
    let other = root.path().join("mine.toml");
    fs::write(&other, STANDALONE).expect("written");
    let mut command = command(root.path());
    command.arg("--config").arg(&other).env("NETMONITOR_DASHBOARD_PORT", "443");
    said(command.output().expect("it runs"));
    let monitor = unit(root.path(), "netmonitor.service");
    assert!(has_line(&monitor, &format!("ExecStart=/usr/bin/netmonitor run --config {}", other.display())));
    assert!(has_line(&monitor, "Environment=NETMONITOR_DASHBOARD_PORT=443"), "{monitor}");
    assert!(
        has_line(&monitor, "CapabilityBoundingSet=CAP_NET_RAW"),
        "the dashboard listens, not the monitor"
    );
    let dashboard = unit(root.path(), "netmonitor-dashboard.service");
    assert!(has_line(&dashboard, "AmbientCapabilities=CAP_NET_BIND_SERVICE"), "{dashboard}");
    assert!(has_line(&dashboard, "PrivateUsers=no"), "{dashboard}");
}

#[test]
fn a_unit_of_the_package_is_left_to_the_package_and_one_of_the_owner_is_kept_aside() {
    let root = tempfile::tempdir().expect("a folder");
    let shipped = root.path().join("usr/lib/systemd/system");
    let own = root.path().join("etc/systemd/system");
    units(root.path(), "", &[]);
    fs::create_dir_all(&shipped).expect("a folder");
    let text = unit(root.path(), "netmonitor.service");
    let (_mark, text) = text.split_once('\n').expect("lines");
    fs::write(shipped.join("netmonitor.service"), text).expect("written");
    units(root.path(), "", &[]);
    assert!(!own.join("netmonitor.service").exists(), "it would hide the next version of the package");
    units(root.path(), "[dashboard]\nport = 80\n", &[]);
    assert!(own.join("netmonitor.service").exists(), "the package's lacks a right");
    units(root.path(), "", &[]);
    assert!(!own.join("netmonitor.service").exists());
    fs::write(own.join("netmonitor-feeds.timer"), "[Timer]\nOnCalendar=weekly\n").expect("written");
    units(root.path(), "", &[]);
    let kept = fs::read_to_string(own.join("netmonitor-feeds.timer.old")).expect("kept");
    assert_eq!(kept, "[Timer]\nOnCalendar=weekly\n");
}

#[test]
fn systemd_hears_that_it_is_ready_then_that_it_lives_then_that_it_stops() {
    let dir = tempfile::tempdir().expect("a folder");
    let socket = dir.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).expect("bound");
    systemd.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    let mut command = Command::new(BINARY);
    command.args(["run", "--interface", "lo"]).env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "2000000");
    command.env("RUNTIME_DIRECTORY", dir.path()).env("NETMONITOR_STORE_PATH", dir.path().join("store.redb"));
    command.env("NETMONITOR_DASHBOARD_HOST", "127.0.0.1").env("NETMONITOR_DASHBOARD_PORT", "0");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut heard = || {
        let mut message = [0; 256];
        systemd.recv(&mut message).ok().map(|length| String::from_utf8_lossy(&message[..length]).into_owned())
    };
    let mut first = heard();
    if first.is_none() && child.try_wait().is_ok_and(|ended| ended.is_some()) {
        return skip("no right to capture on lo; what systemd hears was not tried");
    }
    for expected in ["READY=1", "WATCHDOG=1", "WATCHDOG=1"] {
        assert_eq!(first.take().or_else(&mut heard).as_deref(), Some(expected));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it lives");
    let last = std::iter::from_fn(heard).find(|message| message != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
    assert!(child.wait().is_ok_and(|status| status.success()), "a stop is no failure");
}
