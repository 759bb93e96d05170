//! The page's words: what the monitor can name has words in both languages, no entry was left in English, and the page
//! shows nobody a text that stands in the code instead of among the words.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Files of a folder whose names pass, with their text.
fn files(folder: &str, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(root(folder)).expect("the folder is there");
    let names = entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| wanted(name)).collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), read(&format!("{folder}/{name}")))).collect()
}

/// Fails with everything that is wrong at once.
fn none(what: &str, wrong: &BTreeSet<String>) {
    let list: Vec<&str> = wrong.iter().map(String::as_str).collect();
    assert!(wrong.is_empty(), "{what}: {}\n  {}", wrong.len(), list.join("\n  "));
}

/// The strings, names and signs of a script, comments left out. A string begins with its quote.
fn tokens(script: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = script;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '/' if rest.starts_with("//") => {
                rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
                continue;
            }
            '/' if rest.starts_with("/*") => {
                rest = &rest[rest.find("*/").map_or(rest.len(), |at| at + 2)..];
                continue;
            }
            '"' | '`' => {
                let mut escaped = false;
                let end = rest[1..].find(|c: char| {
                    let ends = c == first && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                });
                end.map_or(rest.len(), |at| at + 2)
            }
            c if c.is_alphanumeric() || c == '_' => {
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
            }
            c => c.len_utf8(),
        };
        if !first.is_whitespace() {
            let text = &rest[..len];
            // What a string says; its end quote is of no use.
            let text =
                if matches!(first, '"' | '`') { text[..len - 1].replace("\\\"", "\"") } else { text.into() };
            found.push(text);
        }
        rest = &rest[len..];
    }
    found
}

/// Every entry of the words files: English and Dutch by id.
fn words() -> BTreeMap<String, (String, String)> {
    let mut words = BTreeMap::new();
    for (file, text) in files("assets", |name| name.starts_with("words_") && name.ends_with(".js")) {
        for entry in tokens(&text).windows(6) {
            let [id, colon, open, en, comma, nl] = entry else { unreachable!("six") };
            let strings = [en, nl].iter().all(|s| s.starts_with('"'));
            if (colon.as_str(), open.as_str(), comma.as_str()) == (":", "[", ",") && strings {
                let bare = |s: &str| s.trim_start_matches('"').to_owned();
                let twice = words.insert(bare(id), (bare(en), bare(nl)));
                assert!(twice.is_none(), "{file}: {id} stands twice");
            }
        }
    }
    assert!(words.len() > 500, "{} words were read", words.len());
    words
}

/// What stands between `begin` and the next `end`.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let from = text.find(begin).unwrap_or_else(|| panic!("{begin} is there")) + begin.len();
    &text[from..from + text[from..].find(end).expect("it ends")]
}

/// The text of a source before its tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

/// Keys of evidence in a source: `"key" =>` inside `evidence! { … }`, and what is inserted later.
fn keys_of(source: &str) -> BTreeSet<String> {
    let tokens = tokens(code(source));
    let mut keys = BTreeSet::new();
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        let before = |n: usize| at.checked_sub(n).map_or("", |at| tokens[at].as_str());
        match token.as_str() {
            "{" if depth > 0 || (before(1) == "!" && before(2) == "evidence") => depth += 1,
            "}" if depth > 0 => depth -= 1,
            text if text.starts_with('"') => {
                let arrow = tokens.get(at + 1).is_some_and(|t| t == "=") && tokens[at + 2] == ">";
                let inserted = before(1) == "(" && before(2) == "insert" && before(4) == "evidence";
                if (depth > 0 && arrow) || inserted {
                    keys.insert(text[1..].to_owned());
                }
            }
            _ => {}
        }
    }
    keys
}

/// The evidence of every alert that the scenarios raise.
fn evidence() -> Vec<serde_json::Map<String, serde_json::Value>> {
    let expected = files("tests/detect", |name| name.ends_with(".expected"));
    let lines = expected.iter().flat_map(|(_, text)| text.lines());
    lines.filter_map(|line| serde_json::from_str(&line[line.find("| {")? + 2..]).ok()).collect()
}

/// The id under which the page looks for the words of a key: as `assets/alert_detail.js` does, without unit and limit.
fn id_of(key: &str) -> String {
    let units = ["_s", "_ms", "_percent", "_bits"];
    let bare = units.iter().find_map(|unit| key.strip_suffix(unit)).unwrap_or(key);
    let parts: Vec<&str> = bare.split('_').filter(|part| *part != "threshold").collect();
    parts.join("_")
}

#[test]
fn every_key_of_evidence_has_words() {
    let words = words();
    let mut keys: BTreeSet<String> = evidence().iter().flat_map(|e| e.keys().cloned()).collect();
    for folder in ["src/detect", "src/engine"] {
        for (_, text) in files(folder, |name| name.ends_with(".rs")) {
            keys.extend(keys_of(&text));
        }
    }
    assert!(keys.len() > 200, "{} keys were read", keys.len());
    let ids = keys.iter().map(|key| id_of(key)).filter(|id| !id.is_empty());
    none("keys without words", &ids.filter(|id| !words.contains_key(&format!("evidence.{id}"))).collect());
}

#[test]
fn values_of_evidence_that_are_words_are_told_in_dutch() {
    // Keys whose values the monitor chooses, and the values that are names in either language.
    let chosen = [
        "answer", "attacks", "by", "category", "evidence", "messages", "new", "proof", "reasons", "role",
        "seen_in", "servers", "sign", "signs", "sources", "trouble", "way", "why",
    ];
    let names = [
        "ARP",
        "AS-REP roasting",
        "DCSync",
        "JA3",
        "Log4Shell",
        "WMI",
        "Zerologon",
        "kerberoasting",
        "or 1=1",
        "phishing",
        "ping",
        "pings",
        "union select",
    ];
    let words = words();
    let mut wrong = BTreeSet::new();
    for evidence in evidence() {
        for value in chosen.iter().filter_map(|key| evidence.get(*key)) {
            let texts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            for text in texts.iter().filter_map(serde_json::Value::as_str) {
                let told = |text: &str| {
                    let number = text.rsplit_once(' ').filter(|(_, n)| n.parse::<u32>().is_ok());
                    names.contains(&text)
                        || text.parse::<u32>().is_ok()
                        || words.contains_key(&format!("value.{text}"))
                        || number.is_some_and(|(what, _)| words.contains_key(&format!("value.{what} #")))
                };
                if !told(text) && !text.split(", ").all(told) {
                    wrong.insert(text.to_owned());
                }
            }
        }
    }
    none("values without words", &wrong);
}

#[test]
fn kinds_of_devices_and_where_things_were_seen_have_words() {
    let words = words();
    let of = |prefix: &str, text: &str| {
        let strings = tokens(text).into_iter().filter(|token| token.starts_with('"'));
        strings.map(|token| format!("{prefix}.{}", &token[1..])).collect::<Vec<_>>()
    };
    let devices = read("src/table/name_source.rs");
    let names = between(&devices, "impl NameSource {", "\n    }\n");
    let traits = read("src/table/traits.rs");
    let mut ids = of("kind", between(&read("src/table/kinds.rs"), "\nkinds! {", "\n}"));
    ids.extend(of("source", names));
    ids.extend(of("trait", between(&traits, "pub const fn name(self)", "\n    }\n")));
    ids.extend(netmonitor::alert::Severity::ALL.map(|severity| format!("severity.{}", severity.name())));
    assert!(ids.len() > 30, "{ids:?}");
    none("without words", &ids.into_iter().filter(|id| !words.contains_key(id)).collect());
}

/// Sources below a folder.
fn sources(folder: &str) -> Vec<String> {
    let mut found: Vec<String> =
        files(folder, |name| name.ends_with(".rs")).into_iter().map(|f| f.1).collect();
    for entry in std::fs::read_dir(root(folder)).expect("the folder is there") {
        let entry = entry.expect("an entry");
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(sources(&format!("{folder}/{}", entry.file_name().to_string_lossy())));
        }
    }
    found
}

#[test]
fn every_refusal_has_words() {
    let words = words();
    let mut codes = BTreeSet::new();
    for source in sources("src/http") {
        for call in tokens(code(&source)).windows(12) {
            let name = call[3].as_str();
            let refusal = call[0] == "Refusal" && call[1] == ":" && matches!(name, "new" | "busy");
            // The code is the first word of the call: a status before it is no string.
            let code = call[4..].iter().take_while(|t| *t != ")").find_map(|t| t.strip_prefix('"'));
            if let Some(code) = code.filter(|code| refusal && !code.contains(' ')) {
                codes.insert(format!("refusal.{code}"));
            }
        }
    }
    assert!(codes.len() > 20, "{codes:?}");
    none("refusals without words", &codes.into_iter().filter(|id| !words.contains_key(id)).collect());
}

#[test]
fn every_setting_is_named_and_explained_in_both_languages() {
    let example = read("config.toml.example");
    let page = read("src/config/dutch.json");
    let words = words();
    let mut section = "";
    let (mut missing, mut nameless) = (BTreeSet::new(), BTreeSet::new());
    for line in example.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| id_like(key)) {
            let titles = [format!("setting.{section}.{key}"), format!("setting.any.{key}")];
            let key = format!("{section}.{key}");
            if !key.ends_with(".enabled") && !titles.iter().any(|id| words.contains_key(id)) {
                nameless.insert(key.clone());
            }
            if !key.ends_with(".enabled") && !page.contains(&format!("\n \"{key}\":")) {
                missing.insert(key);
            }
        }
    }
    none("settings without Dutch words in src/config/dutch.json", &missing);
    none("settings without a name in assets/words_settings.js or words_detectors.js", &nameless);
}

/// Whether this is the key of a setting, and no example of a list.
fn id_like(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn no_entry_was_left_in_english() {
    // Words that are the same in both languages, names and units.
    let same = [
        "7 d",
        "Account",
        "Code",
        "30 d",
        "CPU",
        "Dashboard",
        "EternalBlue",
        "Filter",
        "Frames",
        "MITRE ATT&CK",
        "Machine",
        "Monitor",
        "Open",
        "malware",
        "phishing",
        "Tor",
        "ring",
        "Later",
        "Ring",
        "Routers",
        "Cache",
        "Detector",
        "KiB",
        "MiB",
        "min",
        "ms",
        "%",
        "s",
        "Online",
        "MAC",
        "bytes",
        "Bytes",
        "camera",
        "computer",
        "d",
        "lamp",
        "laptop",
        "live",
        "Live",
        "model",
        "netmonitor",
        "offline",
        "online",
        "printer",
        "protocol",
        "router",
        "server",
        "servers",
        "tablet",
        "transport",
    ];
    let words = words();
    let proper = |id: &str| id.starts_with("app.") || id.starts_with("way.");
    let left = words.iter().filter(|(id, (en, nl))| en == nl && !proper(id) && !same.contains(&en.as_str()));
    none("the same in both languages", &left.map(|(id, (en, _))| format!("{id}: {en}")).collect());
    let empty = words.iter().filter(|(_, (en, nl))| en.is_empty() || nl.is_empty());
    none("empty", &empty.map(|(id, _)| id.clone()).collect());
}

#[test]
fn both_languages_fill_in_the_same_values() {
    let holes = |text: &str| {
        let parts = text.split('{').skip(1);
        parts.filter_map(|part| Some(part.split_once('}')?.0.to_owned())).collect::<BTreeSet<_>>()
    };
    let words = words();
    let differ = words.iter().filter(|(_, (en, nl))| holes(en) != holes(nl));
    none("other values", &differ.map(|(id, _)| id.clone()).collect());
}

#[test]
fn the_page_shows_no_text_that_stands_in_its_code() {
    let shown = |text: &str| {
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        letters > 1
            && !["netmonitor", "JSON"].contains(&text)
            && text.chars().all(|c| c.is_alphabetic() || " ,.:!?…’'-".contains(c))
    };
    let known = words();
    let mut wrong = BTreeSet::new();
    let views = files("assets", |name| {
        name.ends_with(".js") && !name.starts_with("words_") && !name.starts_with("icons")
    });
    for (file, text) in views {
        let tokens = tokens(&text);
        for at in 0..tokens.len() {
            // What is shown or read out without being a child.
            let attribute = ["\"aria-label", "title", "placeholder", "alt"].contains(&tokens[at].as_str());
            if attribute && tokens.get(at + 1).is_some_and(|t| t == ":") {
                let said = tokens.get(at + 2).and_then(|t| t.strip_prefix('"')).filter(|said| shown(said));
                // A card of a list is given the names of its words.
                let said = said.filter(|said| !known.contains_key(*said));
                wrong.extend(said.map(|said| format!("{file}: {said}")));
            }
            // h("tag", { … }, "text", …): every string that is a child by itself.
            if !(tokens[at] == "h" && tokens.get(at + 1).is_some_and(|t| t == "(")) {
                continue;
            }
            let (mut depth, mut argument) = (0, 0);
            for (i, token) in tokens.iter().enumerate().skip(at + 1) {
                match token.as_str() {
                    "(" | "{" | "[" => depth += 1,
                    ")" | "}" | "]" => depth -= 1,
                    "," if depth == 1 => argument += 1,
                    text if depth == 1 && argument > 1 && text.starts_with('"') => {
                        let alone = matches!(tokens[i - 1].as_str(), "," | "?" | ":")
                            && matches!(tokens[i + 1].as_str(), "," | ")" | ":");
                        if alone && shown(&text[1..]) {
                            wrong.insert(format!("{file}: {}", &text[1..]));
                        }
                    }
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
        }
    }
    none("texts in the code", &wrong);
}
