//! `netmonitor feeds` against a publisher on the loopback: the real binary fetches, refuses, keeps and compiles, and
//! what it compiled is matched in a replay and picked up by a monitor that runs.
#![cfg(all(feature = "live", feature = "store", feature = "http"))]

mod client;
mod lab;

use lab::BINARY;
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// What the publisher answers to a path.
#[derive(Clone, Default)]
struct Page {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Before the body.
    pause: Duration,
    /// Promised beyond the body that comes.
    missing: usize,
}

fn page(body: &str) -> Page {
    Page { status: 200, body: body.into(), ..Page::default() }
}

fn redirect(to: String) -> Page {
    Page { status: 302, headers: vec![("Location", to)], ..Page::default() }
}

/// A publisher of lists. Serves until the test's process ends.
struct Publisher {
    address: SocketAddr,
    pages: Arc<Mutex<HashMap<String, Page>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Publisher {
    fn new(tls: bool) -> Publisher {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("bound");
        let publisher = Publisher { address, pages: Arc::default(), asked: Arc::default() };
        let (pages, asked) = (publisher.pages.clone(), publisher.asked.clone());
        let tls = tls.then(tls_config);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (pages, asked, tls) = (pages.clone(), asked.clone(), tls.clone());
                std::thread::spawn(move || match tls {
                    None => answer(stream, &pages, &asked),
                    Some(config) => {
                        let session = rustls::ServerConnection::new(config).expect("a session");
                        answer(rustls::StreamOwned::new(session, stream), &pages, &asked);
                    }
                });
            }
        });
        publisher
    }

    fn put(&self, path: &str, page: Page) {
        self.pages.lock().expect("lock").insert(path.to_owned(), page);
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Heads of the requests so far.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("lock").clone()
    }
}

fn tls_config() -> Arc<rustls::ServerConfig> {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let file = |name: &str| format!("{}/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let certificate = CertificateDer::from_pem_file(file("cert.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(file("key.pem")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth();
    Arc::new(config.with_single_cert(vec![certificate], key).expect("they fit"))
}

fn answer(mut stream: impl Read + Write, pages: &Mutex<HashMap<String, Page>>, asked: &Mutex<Vec<String>>) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
    asked.lock().expect("lock").push(head.clone());
    let mut page =
        pages.lock().expect("lock").get(&path).cloned().unwrap_or(Page { status: 404, ..Page::default() });
    let etag =
        page.headers.iter().find(|(name, _)| *name == "ETag").map(|(_, value)| value.to_ascii_lowercase());
    if etag.is_some_and(|etag| head.contains(&format!("if-none-match: {etag}"))) {
        page = Page { status: 304, ..Page::default() };
    }
    let length = page.body.len() + page.missing;
    let mut text = format!("HTTP/1.1 {} X\r\nContent-Length: {length}\r\nConnection: close\r\n", page.status);
    for (name, value) in &page.headers {
        text += &format!("{name}: {value}\r\n");
    }
    let _ = stream.write_all(format!("{text}\r\n").as_bytes());
    let _ = stream.flush();
    std::thread::sleep(page.pause);
    let _ = stream.write_all(&page.body);
    let _ = stream.flush();
}

/// A folder with settings.
struct Place {
    dir: TempDir,
}

impl Place {
    /// Lists as they stand in the settings, more keys of `[feeds]` before them.
    fn new(keys: &str, lists: &[String]) -> Place {
        let place = Place { dir: tempfile::tempdir().expect("a folder") };
        place.set(keys, lists);
        place
    }

    fn set(&self, keys: &str, lists: &[String]) {
        let dir = self.dir.path().display();
        let lists = lists.join(", ");
        let text = format!(
            "[feeds]\ndir = \"{dir}/feeds\"\n{keys}\nlists = [{lists}]\n[store]\npath = \"{dir}/s.redb\"\n"
        );
        fs::write(self.dir.path().join("config.toml"), text).expect("written");
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(BINARY);
        command.args(arguments.split(' ')).arg("--config").arg(self.dir.path().join("config.toml"));
        command.env_remove("NOTIFY_SOCKET");
        command
    }

    /// Exit code, what was printed, and what was complained of.
    fn update(&self, more: &str) -> (i32, Value, String) {
        let output = self.command(&format!("feeds update --json{more}")).output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let printed = serde_json::from_str(&text).unwrap_or(Value::Null);
        (output.status.code().unwrap_or(-1), printed, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// The lists as `status` tells of them.
    fn status(&self) -> Vec<Value> {
        let output = self.command("feeds status --json").output().expect("it runs");
        let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        status["lists"].as_array().expect("lists").clone()
    }

    fn compiled(&self) -> Vec<u8> {
        fs::read(self.dir.path().join("feeds/compiled.feeds")).expect("a compiled file")
    }

    /// Files that an update should not leave behind.
    fn unfinished(&self) -> usize {
        let files = fs::read_dir(self.dir.path().join("feeds")).expect("a folder");
        files.flatten().filter(|f| f.file_name().to_string_lossy().ends_with(".part")).count()
    }
}

fn list(name: &str, url: &str) -> String {
    format!("{{ name = \"{name}\", url = \"{url}\", allow_private = true }}")
}

fn addresses(count: u32) -> String {
    (0..count).map(|i| format!("203.0.{}.{}\n", 113 + i / 256, i % 256)).collect()
}

#[test]
fn lists_come_are_compiled_and_asked_for_again_only_when_they_changed() {
    let publisher = Publisher::new(false);
    publisher.put(
        "/a",
        Page { headers: vec![("ETag", "\"v1\"".into())], ..page("203.0.113.66\n198.51.100.0/24\n") },
    );
    publisher.put("/moved", redirect("/b".into()));
    publisher.put("/b", page("bad.example\nhttp://shop.example/x\n"));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"evil.test\n").expect("memory");
    let packed = packed.finish().expect("memory");
    publisher
        .put("/c.gz", Page { body: packed, headers: vec![("Content-Encoding", "gzip".into())], ..page("") });
    let lists =
        [("a", "/a"), ("b", "/moved"), ("c", "/c.gz")].map(|(name, path)| list(name, &publisher.url(path)));
    let place = Place::new("", &lists);
    assert!(
        place
            .status()
            .iter()
            .all(|list| list["problem"].as_str().is_some_and(|p| p.contains("feeds update")))
    );
    let (code, printed, errors) = place.update("");
    assert_eq!((code, errors.as_str()), (0, ""), "{printed}");
    let taken: Vec<u64> = place.status().iter().filter_map(|list| list["taken"].as_u64()).collect();
    assert_eq!(taken, [2, 2, 1]);
    assert!(place.status().iter().all(|l| l["problem"].is_null() && l["age_seconds"].as_i64() < Some(60)));
    let (code, printed, _) = place.update("");
    assert_eq!((code, &printed["lists"][0]["state"]), (0, &Value::from("unchanged")), "{printed}");
    assert!(publisher.asked().iter().any(|head| head.contains("if-none-match: \"v1\"")));
    assert!(publisher.asked().iter().all(|head| head.contains("user-agent: netmonitor/")));
    assert_eq!(place.unfinished(), 0);
}

#[test]
fn what_is_no_list_leaves_the_old_one_and_does_not_stop_the_others() {
    let publisher = Publisher::new(false);
    publisher.put("/good", page("203.0.113.1\n"));
    publisher.put("/bad", page("203.0.113.66\nbad.example\n"));
    let lists = [list("good", &publisher.url("/good")), list("bad", &publisher.url("/bad"))];
    let place = Place::new("max_mib = 1\ntimeout_seconds = 2\n", &lists);
    assert_eq!(place.update("").0, 0);
    let large = "203.0.113.77\n".repeat(100_000);
    for (case, page, wanted) in [
        ("a page", page(" <!DOCTYPE html><html>203.0.113.9\n"), "web page"),
        ("nothing", page(" \n"), "empty"),
        ("no indicator", page("hello\nworld\n"), "no indicator"),
        ("an archive", page("PK\u{3}\u{4}203.0.113.9\n"), "ZIP"),
        ("too large", page(&large), "max_mib"),
        ("cut off", Page { missing: 10, ..page("203.0.113.9\n") }, "try again"),
        ("slow", Page { pause: Duration::from_secs(6), ..page("203.0.113.9\n") }, "timeout_seconds"),
        ("gone", Page { status: 404, ..Page::default() }, "404"),
        ("round and round", redirect("/bad".into()), "redirects"),
    ] {
        publisher.put("/bad", page);
        let (code, printed, errors) = place.update("");
        assert_eq!(code, 1, "{case}: {printed}");
        assert!(errors.contains("list bad: ") && errors.contains(wanted), "{case}: {errors}");
        assert_eq!(printed["lists"][0]["problem"], Value::Null, "{case}");
        let status = place.status();
        assert_eq!(status[1]["taken"], 2, "{case}: the old one stays");
        assert!(status[1]["problem"].as_str().is_some_and(|p| p.contains(wanted)), "{case}: {status:?}");
        assert_eq!(place.unfinished(), 0, "{case}");
    }
    publisher.put("/bad", page("203.0.113.67\n"));
    assert_eq!(place.update("").0, 0);
    assert!(place.status()[1]["problem"].is_null(), "it came again");
}

#[test]
fn a_list_that_lost_most_of_its_entries_is_taken_by_force_only() {
    let publisher = Publisher::new(false);
    publisher.put("/a", page(&addresses(100)));
    let place = Place::new("", &[list("a", &publisher.url("/a"))]);
    assert_eq!(place.update("").0, 0);
    publisher.put("/a", page(&addresses(49)));
    let (code, _, errors) = place.update("");
    assert!(code == 1 && errors.contains("100 before, 49 now") && errors.contains("--force"), "{errors}");
    assert_eq!(place.status()[0]["taken"], 100);
    assert_eq!(place.update(" --force").0, 0);
    assert_eq!(place.status()[0]["taken"], 49);
    publisher.put("/a", page(&addresses(25)));
    assert_eq!(place.update("").0, 0, "half may go");
}

#[test]
fn nothing_inside_is_asked_unless_its_list_says_so_and_then_only_that_host() {
    let publisher = Publisher::new(false);
    publisher.put("/a", page("203.0.113.66\n"));
    publisher.put("/there", redirect(format!("http://localhost:{}/a", publisher.address.port())));
    let url = publisher.url("/a");
    let place = Place::new("", &[format!("{{ name = \"a\", url = \"{url}\" }}")]);
    let (code, _, errors) = place.update("");
    assert!(code == 1 && errors.contains("allow_private"), "{errors}");
    place.set("", &[list("a", &publisher.url("/there"))]);
    assert!(publisher.asked().is_empty());
    let (code, _, errors) = place.update("");
    assert!(code == 1 && errors.contains("no public address"), "{errors}");
    assert_eq!(publisher.asked().len(), 1, "the redirect was not followed");
}

#[test]
fn a_server_is_trusted_by_its_certificate() {
    let publisher = Publisher::new(true);
    publisher.put("/a", page("203.0.113.66\n"));
    let url = format!("https://{}/a", publisher.address);
    let place = Place::new("", &[list("a", &url)]);
    let (code, _, errors) = place.update("");
    assert!(code == 1 && errors.contains("trusted"), "{errors}");
    let certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/cert.pem");
    let trusted = list("a", &url).replace(" }", &format!(", ca_file = \"{certificate}\" }}"));
    place.set("", &[trusted]);
    assert_eq!(place.update("").0, 0);
    assert_eq!(place.status()[0]["taken"], 1);
}

#[test]
fn what_was_compiled_is_matched_in_a_replay() {
    let publisher = Publisher::new(false);
    publisher.put("/a", page("203.0.113.66\n"));
    let place = Place::new("", &[list("a", &publisher.url("/a"))]);
    assert_eq!(place.update("").0, 0);
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/detect/feed_match.pcap.gz");
    let replay = || place.command(&format!("replay --json {capture}")).output().expect("it runs");
    let text = String::from_utf8(replay().stdout).expect("UTF-8");
    assert!(text.contains("\"feed_match\"") && text.contains("\"list\":\"a\""), "{text}");
    let mut compiled = place.compiled();
    let last = compiled.len() - 40;
    compiled[last] ^= 1;
    fs::write(place.dir.path().join("feeds/compiled.feeds"), compiled).expect("written");
    let refused = replay();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("damaged"), "{refused:?}");
}

#[test]
fn two_updates_at_once_do_not_mix() {
    let publisher = Publisher::new(false);
    publisher.put("/a", Page { pause: Duration::from_secs(2), ..page("203.0.113.66\n") });
    let place = Place::new("", &[list("a", &publisher.url("/a"))]);
    let mut first = place.command("feeds update").spawn().expect("it starts");
    until("the first one asks", || !publisher.asked().is_empty());
    let (code, _, errors) = place.update("");
    assert!(code == 1 && errors.contains("another update"), "{errors}");
    assert!(first.wait().is_ok_and(|status| status.success()));
}

fn until(what: &str, mut there: impl FnMut() -> bool) {
    lab::until(what, 15, || there().then_some(()));
}

/// Asks the monitor's local socket.
fn health(dir: &Path) -> Option<Value> {
    let mut stream = std::os::unix::net::UnixStream::connect(dir.join("monitor.sock")).ok()?;
    stream.write_all(b"GET /api/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

#[test]
fn a_monitor_that_runs_takes_new_lists_and_keeps_the_old_ones_when_the_file_is_damaged() {
    if !rustix::process::geteuid().is_root() {
        return lab::skip("listening needs root");
    }
    let publisher = Publisher::new(false);
    publisher.put("/a", page("203.0.113.66\n"));
    let place = Place::new("reload_seconds = 1\n", &[list("a", &publisher.url("/a"))]);
    let dir = place.dir.path();
    let mut run = place.command("run --interface lo");
    run.env("RUNTIME_DIRECTORY", dir).env("NETMONITOR_DASHBOARD_SERVER", "off");
    let log = fs::File::create(dir.join("log")).expect("a file");
    let mut running = run.stderr(log).stdout(std::process::Stdio::null()).spawn().expect("it starts");
    let feed = || health(dir).map_or(Value::Null, |health| health["feeds"][0].clone());
    until("it says what is missing", || {
        feed()["problem"].as_str().is_some_and(|p| p.contains("feeds update"))
    });
    assert_eq!(place.update("").0, 0);
    until("the list is in", || feed()["taken"] == 1 && feed()["problem"].is_null());
    let file = dir.join("feeds/compiled.feeds");
    let mut damaged = place.compiled();
    damaged.truncate(damaged.len() - 1);
    fs::write(&file, damaged).expect("written");
    until("damage is told", || feed()["problem"].as_str().is_some_and(|p| p.contains("damaged")));
    assert_eq!(feed()["taken"], 1, "what was loaded stays");
    publisher.put("/a", page("203.0.113.66\n203.0.113.67\n"));
    assert_eq!(place.update("").0, 0);
    until("the next one is in", || feed()["taken"] == 2 && feed()["problem"].is_null());
    rustix::process::kill_process(rustix::process::Pid::from_child(&running), rustix::process::Signal::TERM)
        .expect("sent");
    assert!(running.wait().is_ok_and(|status| status.success()));
}
