//! The example of nginx in front of the dashboard (`nginx/netmonitor.conf`), with a real nginx and the real binary: TLS, a
//! path prefix, live events, whose request it is, and who is not believed.
#![cfg(all(feature = "live", feature = "store", feature = "http"))]

mod client;
mod lab;

#[allow(dead_code, reason = "only the two processes are of use here")]
#[path = "standalone/process.rs"]
mod process;

use lab::{Monitor, on_a_cable, skip, until};
use process::{Side, log_in, ready};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const EXAMPLE: &str = include_str!("../nginx/netmonitor.conf");
/// The name in the example.
const SITE: &str = "https://monitor.example/netmonitor";

/// A running nginx, ended when dropped.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGKILL to the master alone would leave its worker behind.
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

impl Nginx {
    /// Starts it on the example, changed where the example says CHANGE alone.
    fn start(folder: &Path) -> Nginx {
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name).display().to_string());
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args([
                "-days",
                "2",
                "-subj",
                "/CN=monitor.example",
                "-addext",
                "subjectAltName=DNS:monitor.example",
            ])
            .args(["-keyout", &key, "-out", &cert])
            .output()
            .expect("openssl runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut site = EXAMPLE.to_owned();
        for (there, here) in [("/etc/ssl/netmonitor/cert.pem", &cert), ("/etc/ssl/netmonitor/key.pem", &key)]
        {
            assert_eq!(site.matches(there).count(), 1, "{there}");
            site = site.replace(there, here);
        }
        let at = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {at}/{kind};\n"))
            .concat();
        let whole = format!(
            "user root; daemon off; pid {at}/nginx.pid; error_log {at}/error.log;\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}{site}\n}}\n"
        );
        let settings = folder.join("nginx.conf");
        fs::write(&settings, whole).expect("written");
        let child =
            Command::new("nginx").arg("-c").arg(&settings).arg("-e").arg(folder.join("error.log")).spawn();
        let mut nginx = Nginx(child.expect("nginx starts"));
        until("nginx listens", 10, || {
            let log = || fs::read_to_string(folder.join("error.log")).unwrap_or_default();
            assert!(nginx.0.try_wait().expect("our own child").is_none(), "nginx ended: {}", log());
            std::net::TcpStream::connect("127.0.0.1:443").ok()
        });
        nginx
    }
}

/// curl from a loopback address: status, head, body.
fn curl(folder: &Path, from: &str, arguments: &[&str]) -> (u16, String, String) {
    let output = Command::new("curl")
        .args(["-s", "-S", "-i", "--max-time", "10", "--interface", from, "--resolve"])
        .args(["monitor.example:443:127.0.0.1", "--cacert"])
        .arg(folder.join("cert.pem"))
        .args(arguments)
        .output()
        .expect("curl runs");
    let text = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    assert_ne!(status, 0, "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    (status, head.to_lowercase(), body.to_owned())
}

fn login<'a>(password: &'a str, body: &'a mut String) -> [&'a str; 4] {
    *body = format!(r#"{{"password":"{password}"}}"#);
    ["-H", "content-type: application/json", "-d", body]
}

/// Whether the example can be tried here.
fn possible() -> bool {
    let there = |program: &str, argument: &str| Command::new(program).arg(argument).output().is_ok();
    let possible = there("nginx", "-v") && there("openssl", "version") && there("curl", "-V");
    if !possible {
        skip("nginx, openssl or curl is missing, the example for nginx was not tried");
    }
    possible
}

/// What the example asks to set, and logs in `logs`.
fn settings(logs: &str) -> [(&str, &str); 4] {
    [
        ("NETMONITOR_DASHBOARD_PORT", "8080"),
        ("NETMONITOR_DASHBOARD_TRUSTED_PROXIES", "127.0.0.1"),
        ("NETMONITOR_DASHBOARD_PUBLIC_HOSTS", "monitor.example"),
        ("LOG_DIR", logs),
    ]
}

/// All of it, in front of a dashboard that has its password.
fn everything(folder: &Path, logs: &str) {
    let _nginx = Nginx::start(folder);
    let access = || fs::read_to_string(Path::new(logs).join("dashboard_access.log")).expect("a log");
    pages_are_below_the_prefix(folder);
    let cookie = logging_in_sets_a_cookie_for_there_alone(folder);
    events_come_as_they_happen(folder, &cookie);
    guessers_are_told_apart(folder);
    sessions_tell_whose_they_are(folder, &cookie);
    strangers_are_not_believed(folder, &cookie, &access);
}

#[test]
fn behind_nginx_everything_is_below_the_prefix_live_and_each_client_is_told_from_others() {
    if !possible() {
        return;
    }
    on_a_cable(|_| {
        let folder = tempfile::tempdir().expect("a folder");
        let logs = folder.path().join("logs").display().to_string();
        let mut monitor = Monitor::start(folder.path(), &settings(&logs));
        monitor.claim();
        everything(folder.path(), &logs);
    });
}

#[test]
fn behind_nginx_it_is_the_same_in_standalone_mode() {
    if !possible() {
        return;
    }
    on_a_cable(|_| {
        let folder = tempfile::tempdir().expect("a folder");
        let logs = folder.path().join("logs").display().to_string();
        let _monitor = Side::monitor(folder.path(), "standalone", &settings(&logs));
        let _front = Side::front(folder.path(), &settings(&logs));
        ready();
        log_in(folder.path());
        everything(folder.path(), &logs);
    });
}

fn pages_are_below_the_prefix(folder: &Path) {
    let ask = |path: &str| curl(folder, "127.0.0.20", &[&format!("{SITE}{path}")]);
    let (status, _, page) = ask("/login");
    assert!(status == 200 && page.contains(r#"<base href="/netmonitor/">"#), "{status}: {page}");
    let (script, sheet) = (addressed(&page, "src=\""), addressed(&page, "rel=\"stylesheet\" href=\""));
    for file in [script, sheet] {
        let (status, head, _) = ask(&format!("/{file}"));
        assert!(file.starts_with("static/") && status == 200, "{file}: {head}");
    }
    let (status, head, _) = ask("/alerts");
    let to_login = head.lines().any(|line| line == "location: /netmonitor/login?next=/alerts");
    assert!(status == 303 && to_login, "{head}");
    assert_eq!(ask("/api/dashboard").0, 401);
    let (status, head, _) = curl(folder, "127.0.0.20", &["https://monitor.example/netmonitor"]);
    assert!(status == 301 && head.contains("/netmonitor/"), "{head}");
}

/// What follows `mark` in a document, up to the next quote.
fn addressed<'a>(page: &'a str, mark: &str) -> &'a str {
    let at = page.find(mark).unwrap_or_else(|| panic!("{mark}: {page}")) + mark.len();
    page[at..].split('"').next().unwrap_or_default()
}

fn logging_in_sets_a_cookie_for_there_alone(folder: &Path) -> String {
    let mut body = String::new();
    let mut arguments = login("a password for tests", &mut body).to_vec();
    let url = format!("{SITE}/api/session");
    arguments.extend(["-H", "origin: https://monitor.example", &url]);
    let (status, head, _) = curl(folder, "127.0.0.20", &arguments);
    let cookie = head.lines().find_map(|l| l.strip_prefix("set-cookie: ")).unwrap_or_default();
    assert!(status == 204 && cookie.contains("; path=/netmonitor/;"), "{head}");
    assert!(cookie.contains("; secure") && cookie.contains("; httponly"), "{cookie}");
    let cookie = format!("cookie: {}", cookie.split(';').next().unwrap_or_default());
    let (status, _, text) = curl(folder, "127.0.0.20", &["-H", &cookie, &format!("{SITE}/api/dashboard")]);
    let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(status == 200 && answer["monitor"]["version"].is_string(), "{text}");
    cookie
}

fn events_come_as_they_happen(folder: &Path, cookie: &str) {
    let mut viewer = Command::new("curl")
        .args(["-s", "-N", "--max-time", "20", "--resolve", "monitor.example:443:127.0.0.1", "--cacert"])
        .arg(folder.join("cert.pem"))
        .args(["-H", cookie, &format!("{SITE}/api/events")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl runs");
    let mut lines = BufReader::new(viewer.stdout.take().expect("piped")).lines().map_while(Result::ok);
    // The first comes with the head; those that follow must not wait in a buffer of 4 KB until that is full.
    lines.find(|line| line == "event:snapshot").expect("a snapshot at once");
    for _ in 0..3 {
        let began = netmonitor::time::monotonic();
        lines.find(|line| line == "event:snapshot").expect("one a second");
        let took = netmonitor::time::monotonic().since(began);
        assert!(took < 2_000_000, "{took} us");
    }
    viewer.kill().expect("our own child");
    viewer.wait().expect("our own child");
}

fn guessers_are_told_apart(folder: &Path) {
    let url = format!("{SITE}/api/session");
    let attempt = |from: &str, password: &str| {
        let mut body = String::new();
        let mut arguments = login(password, &mut body).to_vec();
        arguments.push(&url);
        curl(folder, from, &arguments).0
    };
    let told: Vec<u16> = (0..8).map(|_| attempt("127.0.0.21", "a guess of mine")).collect();
    assert!(told.contains(&401) && told.last() == Some(&429), "{told:?}");
    assert_eq!(attempt("127.0.0.22", "a password for tests"), 204, "another client of the same proxy");
}

fn sessions_tell_whose_they_are(folder: &Path, cookie: &str) {
    let (status, _, text) = curl(folder, "127.0.0.20", &["-H", cookie, &format!("{SITE}/api/sessions")]);
    let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let sessions = answer["sessions"].as_array().unwrap_or_else(|| panic!("{status}: {text}"));
    let current = sessions.iter().find(|session| session["current"] == true).expect("the one that asks");
    assert_eq!(current["address"], "127.0.0.20", "{text}");
}

fn strangers_are_not_believed(folder: &Path, cookie: &str, access: &dyn Fn() -> String) {
    let claims =
        ["-H", "x-forwarded-for: 127.0.0.99", "-H", "x-forwarded-prefix: /evil", "-H", "host: localhost"];
    let ask = |from: &str, more: &[&str], url: &str| curl(folder, from, &[more, &[url]].concat());
    let (status, _, page) = ask("127.0.0.23", &claims, "http://127.0.0.1:8080/login?direct");
    assert!(status == 200 && page.contains(r#"<base href="/">"#), "{page}");
    let (status, _, page) = ask("127.0.0.24", &claims[..4], &format!("{SITE}/login"));
    assert!(status == 200 && page.contains(r#"<base href="/netmonitor/">"#), "{page}");
    let log = access();
    for client in ["127.0.0.20", "127.0.0.21", "127.0.0.23", "127.0.0.24"] {
        assert!(log.lines().any(|line| line.split(' ').nth(1) == Some(client)), "{client}: {log}");
    }
    assert!(!log.contains("127.0.0.99"), "{log}");
    let page = format!("{SITE}/login");
    assert_eq!(ask("127.0.0.25", &["-H", "host: evil.example"], &page).0, 421);
    let from_elsewhere = ["-H", "origin: https://evil.example", "-H", cookie];
    assert_eq!(ask("127.0.0.25", &from_elsewhere, &format!("{SITE}/api/dashboard")).0, 403);
    let post = [&from_elsewhere[..], &["-X", "POST"]].concat();
    assert_eq!(ask("127.0.0.25", &post, &format!("{SITE}/api/selftest")).0, 403);
}
