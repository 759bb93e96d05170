//! What every detector brings with it, which no compiler knows: its file, a capture that must raise it with the
//! expected alerts beside it, texts in English and Dutch, settings whose ranges hold their defaults and whose docs say
//! what they are.

use netmonitor::detect::{KINDS, SECTIONS, Texts};
use std::path::PathBuf;

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Fails with everything that is wrong at once.
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} things are missing or wrong:\n  {}", wrong.len(), wrong.join("\n  "));
}

#[test]
fn every_kind_has_its_file_its_capture_and_what_is_expected_of_it() {
    let mut wrong = Vec::new();
    for kind in KINDS {
        let id = kind.id;
        let captures = [format!("tests/detect/{id}.pcap"), format!("tests/detect/{id}.pcap.gz")];
        if !captures.iter().any(|c| root(c).is_file()) {
            wrong.push(format!("{id}: a capture that raises it, {}", captures.join(" or ")));
        }
        let expected = format!("tests/detect/{id}.expected");
        match std::fs::read_to_string(root(&expected)) {
            Ok(text) if text.contains(id) => {}
            Ok(_) => wrong.push(format!("{id}: {expected} does not raise it")),
            Err(_) => wrong.push(format!("{id}: the alerts of that capture, {expected}")),
        }
        let source = std::fs::read_to_string(root(&format!("src/detect/{id}.rs"))).unwrap_or_default();
        if !source.starts_with(&format!("//! `{id}`:")) {
            wrong.push(format!("{id}: src/detect/{id}.rs that opens with what it notices"));
        }
        // Those of the sensor itself, and of servers, hold no state per host.
        let keyed = !matches!(id, "capture_loss" | "blind" | "sensor_trouble" | "rogue_dhcp");
        let words = ["false alarm", if keyed { "fn a_flood_" } else { "#[test]" }];
        for word in words.iter().filter(|word| !source.contains(**word)) {
            wrong.push(format!("{id}: src/detect/{id}.rs has no {word:?}"));
        }
    }
    none(&wrong);
}

#[test]
fn every_kind_explains_itself_in_two_languages() {
    let mut wrong = Vec::new();
    let fields = |t: &Texts| {
        [
            ("title", t.title),
            ("what", t.what),
            ("why", t.why),
            ("harmless", t.harmless),
            ("todo", t.todo),
            ("silence", t.silence),
        ]
    };
    for kind in KINDS {
        for ((name, en), (_, nl)) in fields(&kind.en).into_iter().zip(fields(&kind.nl)) {
            let sentence = |text: &str| name == "title" || (text.len() > 30 && text.ends_with('.'));
            if en.is_empty() || nl.is_empty() || en == nl || !sentence(en) || !sentence(nl) {
                wrong.push(format!("{}: {name} must be a sentence in both languages", kind.id));
            }
        }
        if kind.mitre.iter().any(|m| !m.starts_with('T') || m.len() < 5) {
            wrong.push(format!("{}: ATT&CK ids look like T1046 or T1557.002", kind.id));
        }
    }
    none(&wrong);
}

#[test]
fn every_setting_is_documented_and_its_default_is_valid() {
    let mut wrong = Vec::new();
    for (section, kind) in SECTIONS.iter().zip(KINDS) {
        assert_eq!(section.id, kind.id, "sections and kinds come from one list");
        let defaults = (section.defaults)();
        if let Err(problem) = (section.check)(&defaults) {
            wrong.push(format!("{}: {problem}", section.id));
        }
        if defaults.get("enabled").and_then(toml::Value::as_bool) != Some(true) {
            wrong.push(format!("{}: enabled = true", section.id));
        }
        let docs = (section.docs)();
        for (key, value) in &defaults {
            let doc = docs.iter().find(|(name, _)| name == key).map(|(_, doc)| doc.as_str()).unwrap_or("");
            let number = value.is_integer() || value.is_float();
            if doc.len() < 15 || (number && !doc.contains(" to ")) {
                wrong.push(format!("{}.{key}: a doc with unit, range and reason", section.id));
            }
            let mut beyond = defaults.clone();
            beyond.insert(key.clone(), toml::Value::Integer(-1));
            if number && (section.check)(&beyond).is_ok() {
                wrong.push(format!("{}.{key}: takes -1, so it has no range", section.id));
            }
        }
    }
    none(&wrong);
}

#[test]
fn detectors_are_formatted_although_the_list_hides_them_from_cargo_fmt() {
    let files: Vec<PathBuf> = KINDS
        .iter()
        .map(|kind| root(&format!("src/detect/{}.rs", kind.id)))
        .filter(|p| p.is_file())
        .collect();
    let rustfmt =
        std::process::Command::new("rustfmt").args(["--check", "--edition", "2024"]).args(&files).output();
    let Ok(output) = rustfmt else { return };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "run rustfmt on src/detect/*.rs:\n{said}");
}
