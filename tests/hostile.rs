//! Five hundred hostile names go through the program; nothing that hides text or turns it around comes out of any answer.

mod client;
mod traffic;

use client::get;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

/// `replay --serve` of the names.
struct Replay {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Replay {
    fn start() -> Replay {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("hostile.pcap");
        std::fs::write(&file, traffic::hostile::pcap()).expect("written");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let mut child = Command::new(env!("CARGO_BIN_EXE_netmonitor"))
            .args(["replay", "--serve"])
            .arg(&file)
            .env("NETMONITOR_DASHBOARD_PORT", free.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("dashboard: http://")), "it serves");
        std::thread::spawn(move || lines.for_each(drop));
        Replay { child, address: SocketAddr::from(([127, 0, 0, 1], free)), _folder: folder }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What no text of a stranger may hold: controls, and what is not seen but turns around what stands beside it.
fn treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
}

/// Every text in `value`, keys included.
fn texts<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.iter().for_each(|(key, item)| {
            found.push(key);
            texts(item, found);
        }),
        _ => {}
    }
}

#[test]
fn no_answer_carries_control_or_direction_characters_or_endless_text() {
    let replay = Replay::start();
    let devices = get(replay.address, "/api/devices").json();
    let ids: Vec<String> =
        devices["devices"].as_array().expect("a list").iter().map(|d| text(&d["id"])).collect();
    assert!(ids.len() >= traffic::hostile::NAMES, "{} devices", ids.len());
    let alerts = get(replay.address, "/api/alerts?state=all&limit=500").json();
    let list = alerts["alerts"].as_array().expect("a list");
    assert!(list.len() > 100, "{} alerts", list.len());
    let mut paths: Vec<String> =
        ["dashboard", "devices", "alerts?state=all&limit=500", "talkers", "health", "traffic?range=1h"]
            .map(|path| format!("/api/{path}"))
            .into();
    paths.extend(ids.iter().map(|id| format!("/api/devices/{id}")));
    paths.extend(list.iter().take(50).map(|alert| format!("/api/alerts/{}", alert["id"])));
    let mut markup = 0;
    for path in paths {
        let answer = get(replay.address, &path);
        assert_eq!(answer.status, 200, "{path}");
        let value = answer.json();
        let mut found = Vec::new();
        texts(&value, &mut found);
        for text in found {
            assert!(!text.contains(treacherous), "{path}: {text:?}");
            assert!(text.chars().count() < 2000, "{path}: {} characters", text.chars().count());
            markup += usize::from(text.contains("<script>") || text.contains("onerror"));
        }
    }
    assert!(markup > 100, "the names are there, as the text they are: {markup}");
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[test]
fn no_cell_of_the_exports_is_a_formula_or_breaks_its_line() {
    let replay = Replay::start();
    let csv = get(replay.address, "/api/alerts?state=all&format=csv");
    assert!(csv.header("content-type").starts_with("text/csv"), "{:?}", csv.headers);
    let lines: Vec<&str> = csv.body.lines().collect();
    assert!(lines.len() > 100, "{} lines", lines.len());
    for line in &lines {
        assert!(!line.contains(|c| treacherous(c) && c != '\t'), "{line:?}");
        // Outside of quotes a comma ends a cell.
        let (mut quoted, mut begins) = (false, true);
        for c in line.chars() {
            assert!(!begins || !"=+@\t".contains(c), "a formula: {line:?}");
            begins = c == '"' && begins || c == ',' && !quoted;
            quoted ^= c == '"';
        }
        assert!(!quoted, "an open quote: {line:?}");
    }
}
