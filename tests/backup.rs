//! Backup and restore as people use them: of a store, of a monitor that runs, by command and over HTTP; and what is no
//! backup changes nothing.

mod client;
mod fake;
mod lab;

use lab::{Monitor, on_a_cable};
use netmonitor::alert::Mute;
use netmonitor::event::DeviceRecord;
use netmonitor::http::{AuthMode, password};
use netmonitor::store::{Options, Store};
use netmonitor::time;
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const PASSPHRASE: &str = "four words do very well\n";

/// Runs the program with its files in `dir`.
fn netmonitor(dir: &Path, arguments: &str, input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_netmonitor"))
        .args(arguments.split(' '))
        .current_dir(dir)
        .env_clear()
        .env("RUNTIME_DIRECTORY", dir.join("run"))
        .env("NETMONITOR_STORE_PATH", dir.join("store.redb"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn worked(dir: &Path, arguments: &str, input: &str) -> String {
    let output = netmonitor(dir, arguments, input);
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn refused(dir: &Path, arguments: &str, input: &str) -> String {
    let output = netmonitor(dir, arguments, input);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{arguments}: {said}");
    said
}

fn open(dir: &Path) -> Store {
    let options = Options { cache_bytes: 1 << 20, max_bytes: 64 << 20, alert_days: 30, flush_seconds: 60 };
    Store::open(&dir.join("store.redb"), options, time::wall()).expect("a store").0
}

fn mute(kind: &str, until: Option<time::WallTime>) -> Mute {
    Mute {
        id: 0,
        kind: Some(kind.to_owned()),
        source: Some("02:00:00:00:00:01".parse().expect("a station")),
        target: None,
        port: None,
        until,
        reason: "the backup at night".into(),
        created: time::wall(),
        hidden: 7,
    }
}

/// A store whose owner has said something of it.
fn fill(dir: &Path) {
    let store = open(dir);
    let mut devices: Vec<DeviceRecord> = (1..=5).map(fake::device).collect();
    for device in &mut devices {
        (device.name, device.notes, device.important, device.known) =
            (None, String::new(), false, Some(false));
    }
    (devices[0].name, devices[0].known) = (Some("Télé".to_owned()), Some(true));
    (devices[1].notes, devices[1].important) = ("two\nlines".to_owned(), true);
    store.save_devices(&devices).expect("kept");
    store.add_mute(mute("port_scan", None)).expect("kept");
    store.add_mute(mute("syn_flood", time::WallTime::parse("2020-01-01"))).expect("kept");
    password::keep(&store, &password::hash("the first password").expect("a hash")).expect("kept");
    fs::write(dir.join("settings.toml"), "[detect]\nquiet_period_s = 77\n").expect("kept");
    fs::write(
        dir.join("config.toml"),
        "[dashboard]\nport = 8181\n[detect.port_scan]\nports = 33\n\
         [[feeds.lists]]\nurl = \"https://example.org/list?key=sesame\"\n",
    )
    .expect("kept");
}

#[test]
fn a_backup_brings_settings_names_and_mutes_to_another_monitor_and_a_second_time_nothing() {
    let (from, to) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    fill(from.path());
    let said = worked(from.path(), "backup it.json --config config.toml", "");
    assert!(said.contains("2 devices, 1 mutes") && said.contains("no secrets"), "{said}");
    let text = fs::read_to_string(from.path().join("it.json")).expect("written");
    assert!(!text.contains("argon2id") && !text.contains("sesame"), "no secrets: {text}");
    let file = from.path().join("it.json");
    let restore = format!("restore {}", file.display());

    let store = open(to.path());
    store
        .save_devices(&[DeviceRecord { name: None, notes: "mine".into(), ..fake::device(1) }])
        .expect("kept");
    drop(store);
    let plan = worked(to.path(), &format!("{restore} --dry-run"), "");
    assert!(plan.contains("Télé") && plan.contains("dashboard.port = 8181"), "{plan}");
    assert!(!to.path().join("settings.toml").exists(), "a dry run changes nothing");
    let done = worked(to.path(), &restore, "");
    assert!(done.contains("5 changes, done"), "{done}");

    let store = open(to.path());
    let devices = store.devices().expect("read");
    assert_eq!(devices.len(), 2);
    assert_eq!(
        (devices[0].name.as_deref(), &*devices[0].notes),
        (Some("Télé"), "mine"),
        "what it does not hold stays"
    );
    assert_eq!((&*devices[1].notes, devices[1].important), ("two\nlines", true));
    let mutes = store.mutes().expect("read");
    assert_eq!(mutes.len(), 1, "the one that had ended stayed behind");
    assert_eq!((mutes[0].kind.as_deref(), mutes[0].hidden), (Some("port_scan"), 0));
    assert_eq!(store.setting(password::SETTING).expect("read"), None);
    drop(store);
    let settings = fs::read_to_string(to.path().join("settings.toml")).expect("kept");
    assert!(settings.contains("quiet_period_s = 77") && settings.contains("ports = 33"), "{settings}");
    assert!(!settings.contains("8181"), "what could lock one out is told, not set");
    if rustix::process::geteuid().is_root() {
        let service = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::chown(service.path(), Some(7777), Some(7777)).expect("root may");
        worked(service.path(), &restore, "");
        for name in ["store.redb", "settings.toml"] {
            let owner = fs::metadata(service.path().join(name)).expect("made").uid();
            assert_eq!(owner, 7777, "{name} is the service's, not root's");
        }
    }
    assert!(worked(to.path(), &restore, "").contains("everything was so already"));
    let through = worked(from.path(), "backup -", "");
    assert!(worked(to.path(), "restore - --dry-run", &through).contains("0 changes"));
}

#[test]
fn secrets_come_over_with_the_passphrase_alone() {
    let (from, to) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    fill(from.path());
    refused(from.path(), "backup it.json --secrets", "too short\n");
    assert!(!from.path().join("it.json").exists());
    worked(from.path(), "backup it.json --secrets --config config.toml", PASSPHRASE);
    let text = fs::read_to_string(from.path().join("it.json")).expect("written");
    assert!(!text.contains("sesame") && !text.contains("the first password") && !text.contains("$4096$"));
    let file = from.path().join("it.json");
    let restore = format!("restore {}", file.display());
    let said = refused(to.path(), &format!("{restore} --secrets"), "some other passphrase\n");
    assert!(said.contains("not the passphrase"), "{said}");
    let empty = open(to.path());
    assert!(empty.devices().expect("read").is_empty(), "a wrong passphrase changes nothing at all");
    drop(empty);
    let done = worked(to.path(), &format!("{restore} --secrets"), PASSPHRASE);
    assert!(done.contains("sesame") && done.contains("everyone must log in again"), "{done}");
    let kept = open(to.path()).setting(password::SETTING).expect("read").expect("a password");
    assert!(password::verify(&kept, "the first password"));
}

#[test]
fn what_is_no_backup_changes_nothing_and_is_said_in_one_line() {
    let dir = tempfile::tempdir().expect("a folder");
    fill(dir.path());
    worked(dir.path(), "backup it.json", "");
    let whole: Value =
        serde_json::from_slice(&fs::read(dir.path().join("it.json")).expect("read")).expect("JSON");
    let other = tempfile::tempdir().expect("a folder");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut copy = whole.clone();
        change(&mut copy);
        copy.to_string()
    };
    let nothing = tempfile::tempdir().expect("a folder");
    assert!(refused(nothing.path(), "backup it.json", "").contains("there is no store"));
    for (text, named) in [
        (String::new(), "not a whole backup"),
        (whole.to_string()[..400].to_owned(), "not a whole backup"),
        ("{}".to_owned(), "does not say"),
        (with(&|b| b["version"] = 2.into()), "update netmonitor first"),
        (with(&|b| b["surprise"] = 1.into()), "surprise"),
        (with(&|b| b["settings"]["detect.quiet_period_s"] = 5.into()), "detect.quiet_period_s"),
        (with(&|b| b["devices"][0]["name"] = "x".repeat(1000).into()), "too long"),
        (" ".repeat(3 << 20), "larger than"),
    ] {
        fs::write(other.path().join("bad.json"), &text).expect("written");
        let said = refused(other.path(), "restore bad.json", "");
        assert!(said.contains(named), "{named}: {said}");
    }
    let unknown = with(&|b| b["settings"]["detect.no_such_key"] = 5.into());
    fs::write(other.path().join("old.json"), unknown).expect("written");
    let told = worked(other.path(), "restore old.json", "");
    assert!(
        told.contains("detect.no_such_key = 5"),
        "a setting that is gone is told, the rest restored: {told}"
    );
}

#[test]
fn only_the_administrator_takes_backups_and_secrets_ask_for_his_password() {
    let fake = fake::start(|setup| setup.auth = AuthMode::Password);
    let send = |method: &str, path: &str, who: &str, body: Value| {
        client::ask(fake.address, method, path, who, Some(&body.to_string()))
    };
    assert_eq!(client::get(fake.address, "/api/backup").status, 401);
    let claimed = send("POST", "/api/claim", "", json!({ "code": fake::CLAIM, "password": "long enough" }));
    let owner = format!("cookie: {}\r\n", claimed.cookie());
    send("POST", "/api/accounts", &owner, json!({ "name": "guest", "password": "long enough too" }));
    let guest = send("POST", "/api/session", "", json!({ "name": "guest", "password": "long enough too" }));
    let guest = format!("cookie: {}\r\n", guest.cookie());
    assert_eq!(client::ask(fake.address, "GET", "/api/backup", &guest, None).status, 403);
    assert_eq!(send("POST", "/api/restore", &guest, json!({ "backup": {} })).status, 403);

    let plain = client::ask(fake.address, "GET", "/api/backup", &owner, None);
    assert!(
        plain.status == 200 && plain.header("content-disposition").contains("netmonitor-fake-"),
        "{plain:?}"
    );
    let asked = |password: &str| {
        send("POST", "/api/backup", &owner, json!({ "passphrase": PASSPHRASE, "password": password }))
    };
    assert_eq!(send("POST", "/api/backup", &owner, json!({ "passphrase": PASSPHRASE })).status, 400);
    assert_eq!(asked("not it").status, 401);
    let sealed = asked("long enough");
    assert_eq!(sealed.status, 200, "{sealed:?}");

    let restore = |more: Value| {
        let mut body = json!({ "backup": sealed.json() });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        send("POST", "/api/restore", &owner, body)
    };
    assert_eq!(restore(json!({})).json()["secrets"]["state"], "closed");
    let wrong = restore(json!({ "passphrase": "something else here" }));
    assert_eq!((wrong.status, &wrong.json()["error"]["code"]), (422, &json!("wrong_passphrase")));
    let plan = restore(json!({ "passphrase": PASSPHRASE })).json();
    assert_eq!(plan["secrets"], json!({ "state": "open", "viewers": 1, "tokens": 0 }));
    assert_eq!(
        restore(json!({ "passphrase": PASSPHRASE, "apply": true })).status,
        400,
        "a password is needed"
    );
    assert_eq!(send("DELETE", "/api/accounts/2", &owner, json!({})).status, 204);
    let done = restore(json!({ "passphrase": PASSPHRASE, "apply": true, "password": "long enough" }));
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(client::ask(fake.address, "GET", "/api/backup", &owner, None).status, 401, "all sessions end");
    let again = send("POST", "/api/session", "", json!({ "name": "guest", "password": "long enough too" }));
    assert_eq!(again.status, 204, "the account is back: {again:?}");

    let owner = send("POST", "/api/session", "", json!({ "password": "long enough" }));
    let owner = format!("cookie: {}\r\n", owner.cookie());
    let log = client::ask(fake.address, "GET", "/api/audit", &owner, None).json();
    let said: Vec<(&str, &str)> = log["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|e| (e["action"].as_str().unwrap_or_default(), e["result"].as_str().unwrap_or_default()))
        .collect();
    let of = |action: &str| said.iter().filter(|(a, r)| *a == action && *r == "ok").count();
    assert_eq!((of("backed_up"), of("restored")), (1, 1), "plans are not written down: {said:?}");
    assert!(said.contains(&("restored", "wrong_passphrase")), "{said:?}");
}

#[test]
fn a_body_as_large_as_a_backup_is_taken_where_backups_are_and_nowhere_else() {
    let fake = fake::start(|_| {});
    let post = |path: &str, size: usize| {
        let body = json!({ "backup": { "x": "y".repeat(size) } }).to_string();
        client::ask(fake.address, "POST", path, "", Some(&body)).status
    };
    assert_eq!(post("/api/restore", 1 << 20), 400, "read, and no backup");
    assert_eq!(post("/api/restore", 3 << 20), 413);
    assert_eq!(post("/api/mutes", 1 << 20), 413);
}

#[test]
fn a_running_monitor_gives_and_takes_a_backup_at_once() {
    on_a_cable(|cable| {
        let (dir, from) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        fill(from.path());
        worked(from.path(), "backup it.json --config config.toml", "");
        let file = from.path().join("it.json");
        let monitor = Monitor::start(dir.path(), &[("NETMONITOR_DASHBOARD_AUTH", "none")]);
        cable.far(|| ());
        let done = worked(dir.path(), &format!("restore {}", file.display()), "");
        assert!(done.contains("5 changes, done"), "{done}");
        let devices = monitor.json("/api/devices", "");
        let names: Vec<&str> = devices["devices"]
            .as_array()
            .expect("devices")
            .iter()
            .filter_map(|d| d["name"].as_str())
            .collect();
        assert_eq!(names, ["Télé"]);
        assert_eq!(monitor.json("/api/mutes", "")["mutes"][0]["kind"], "port_scan");
        let settings = monitor.json("/api/settings", "");
        let ports = settings["settings"]
            .as_array()
            .expect("settings")
            .iter()
            .find(|s| s["key"] == "detect.port_scan.ports");
        assert_eq!(ports.expect("it is there")["value"], 33);
        worked(dir.path(), "backup again.json", "");
        let again: Value =
            serde_json::from_slice(&fs::read(dir.path().join("again.json")).expect("read")).expect("JSON");
        assert_eq!(again["devices"].as_array().map(Vec::len), Some(2));
        assert_eq!(again["settings"]["detect.quiet_period_s"], 77);
        drop(monitor);
        assert_eq!(open(dir.path()).devices().expect("read").len(), 2, "kept");
    });
}
