//! The real binary replays the capture of every scenario. Its alerts are compared with a text that people can read
//! (`tests/detect/<name>.expected`, rewritten by `UPDATE_EXPECTED=1`), and, so that nobody can rewrite the truth, with
//! the scenario table: what must be raised is raised, by whom and on whom; what is harmless stays below medium.

mod traffic;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use traffic::scenarios::{self, Expect, Scenario};

const BINARY: &str = env!("CARGO_BIN_EXE_netmonitor");

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "detect"].iter().collect()
}

/// Whether this build replays at all.
fn can_replay() -> bool {
    let help = Command::new(BINARY).args(["replay", "--help"]).output().expect("the binary starts");
    help.status.success() && String::from_utf8_lossy(&help.stdout).contains("--json")
}

/// The settings of a scenario: its own file, or its kind's, if there is one.
fn settings(name: &str) -> Option<PathBuf> {
    let mut stem = name;
    loop {
        let path = folder().join(format!("{stem}.toml"));
        if path.is_file() {
            return Some(path);
        }
        stem = stem.rsplit_once('_')?.0;
    }
}

/// What `replay --json` prints about a capture, the clock of the replay itself left out.
fn replay(scenario: &Scenario) -> Vec<Value> {
    let mut command = Command::new(BINARY);
    // In the folder of the captures, so that settings name the list of bad addresses by its plain name.
    command.current_dir(folder()).args(["replay", "--json", &scenario.file_name()]);
    if let Some(path) = settings(scenario.name) {
        command.arg("--config").arg(path);
    }
    let output = command.output().expect("the binary starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "replay of {}: {errors}", scenario.name);
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    text.lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("one JSON object per line");
            if let Some(summary) = line.as_object_mut() {
                summary.remove("seconds");
            }
            line
        })
        .collect()
}

fn is(line: &Value, kind: &str) -> bool {
    line["type"] == kind
}

/// The alerts as they ended: raised, and grown by later `alert_update` lines.
fn final_alerts(lines: &[Value]) -> Vec<Value> {
    let mut alerts: BTreeMap<u64, Value> = BTreeMap::new();
    for line in lines.iter().filter(|l| is(l, "alert") || is(l, "alert_update")) {
        let id = line["id"].as_u64().expect("an alert has an id");
        let kept = alerts.entry(id).or_insert_with(|| line.clone());
        for key in ["count", "last_time", "evidence"] {
            kept[key] = line[key].clone();
        }
    }
    alerts.into_values().collect()
}

/// `192.168.1.66:22 (aa:bb:cc:dd:ee:ff, name)`, as much of it as is known.
fn subject(value: &Value) -> String {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let (ip, port) = (text("ip"), value["port"].as_u64());
    let mut out = ip.unwrap_or_else(|| "-".to_owned());
    if let Some(port) = port {
        out += &format!(" port {port}");
    }
    let more: Vec<String> = [text("mac"), text("name")].into_iter().flatten().collect();
    if more.is_empty() { out } else { format!("{out} ({})", more.join(", ")) }
}

/// One line per alert, for people and for `diff`.
fn readable(lines: &[Value]) -> String {
    let mut out = String::new();
    for alert in final_alerts(lines) {
        let text = |key: &str| alert[key].as_str().unwrap_or("?").to_owned();
        let (source, target) = (subject(&alert["source"]), subject(&alert["target"]));
        out += &format!(
            "{} {} {} | {source} -> {target} | {} x | {} | {}\n",
            text("time"),
            text("kind"),
            text("severity"),
            alert["count"],
            text("summary"),
            alert["evidence"]
        );
    }
    if out.is_empty() { "nothing\n".to_owned() } else { out }
}

fn matches(alert: &Value, expect: &Expect) -> bool {
    let side = |subject: &Value, wanted: &str| {
        wanted.is_empty() || ["ip", "mac", "name"].iter().any(|key| subject[*key] == wanted)
    };
    alert["kind"] == expect.kind
        && side(&alert["source"], expect.source)
        && side(&alert["target"], expect.target)
}

/// What is wrong with the outcome of a scenario; empty when nothing is.
fn judge(scenario: &Scenario) -> Vec<String> {
    let name = scenario.name;
    let lines = replay(scenario);
    let mut wrong = Vec::new();
    if lines != replay(scenario) {
        wrong.push(format!("{name}: two replays differ"));
    }
    if lines.last().is_none_or(|l| !is(l, "summary") || l["packets"].as_u64().unwrap_or(0) == 0) {
        wrong.push(format!("{name}: no summary line, or no packets in it"));
    }
    let alerts = final_alerts(&lines);
    for expect in scenario.alerts {
        if !alerts.iter().any(|a| matches(a, expect)) {
            wrong.push(format!("{name}: no {expect:?} in\n{}", readable(&lines)));
        }
    }
    // An alarm of another kind is a false one, in every scenario.
    for alert in &alerts {
        let kind = alert["kind"].as_str().unwrap_or_default();
        let asked_for = scenario.alerts.iter().any(|e| e.kind == kind) || scenario.also.contains(&kind);
        if !asked_for && alert["severity"] != "low" {
            wrong.push(format!("{name}: false alarm {}", readable(std::slice::from_ref(alert))));
        }
    }
    wrong.extend(alerts.iter().filter_map(|alert| dutch(name, alert)));
    wrong.extend(compare(&folder().join(format!("{name}.expected")), &readable(&lines)));
    wrong
}

/// What is wrong with the Dutch sentence of an alert: it is there, it is another than the English one, and it names the
/// same numbers and addresses.
fn dutch(scenario: &str, alert: &Value) -> Option<String> {
    let text = |key: &str| alert[key].as_str().unwrap_or_default();
    let (en, nl) = (text("summary"), text("summary_nl"));
    let facts = |sentence: &str| {
        let word = |c: char| !(c.is_alphanumeric() || ".:_-".contains(c));
        let ends = |c: char| ".:-".contains(c);
        let words = sentence.split(word).map(|w| w.trim_matches(ends));
        let mut facts: Vec<String> =
            words.filter(|w| w.contains(|c: char| c.is_ascii_digit())).map(str::to_owned).collect();
        facts.sort();
        facts
    };
    let wrong = nl.is_empty() || nl == en || facts(en) != facts(nl);
    wrong.then(|| format!("{scenario}: the Dutch sentence of {}:\n  {en}\n  {nl}", text("kind")))
}

/// Compares with the expected file, or rewrites it when asked to.
fn compare(path: &Path, found: &str) -> Option<String> {
    if std::env::var_os("UPDATE_EXPECTED").is_some_and(|v| v == "1") {
        fs::write(path, found).expect("tests/detect can be written");
        return None;
    }
    let expected = fs::read_to_string(path).unwrap_or_else(|e| format!("({e})\n"));
    let file = path.display();
    (expected != found).then(|| format!("{file}\n--- expected\n{expected}--- found\n{found}"))
}

#[test]
fn every_scenario_raises_what_it_must_and_nothing_else() {
    if !can_replay() {
        eprintln!("SKIPPED: this build of netmonitor has no `replay --json`; no detection was tested");
        return;
    }
    let queue = Mutex::new(scenarios::all());
    let wrong = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(1, |n| n.get());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(scenario) =
                    queue.lock().map(|mut q| q.pop()).expect("no worker panics with it")
                {
                    let found = judge(&scenario);
                    wrong.lock().expect("no worker panics with it").extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("all workers are done");
    assert!(wrong.is_empty(), "{} complaints:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_expected_file_is_left_over() {
    let known: Vec<String> = scenarios::all().iter().map(|s| format!("{}.expected", s.name)).collect();
    for entry in fs::read_dir(folder()).expect("tests/detect is there") {
        let name = entry.expect("an entry").file_name().into_string().expect("a plain name");
        assert!(!name.ends_with(".expected") || known.contains(&name), "no scenario has {name}");
    }
}
