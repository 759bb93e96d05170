//! The captures in `tests/detect` are what the maker makes, byte for byte: none was edited, none is left over.

mod traffic;

use std::collections::BTreeSet;
use std::io::Read;
use std::path::PathBuf;

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "detect"].iter().collect()
}

#[test]
fn the_maker_reproduces_every_committed_capture() {
    for scenario in traffic::scenarios::all() {
        let path = folder().join(scenario.file_name());
        let file = std::fs::File::open(&path).unwrap_or_else(|e| {
            panic!("{}: {e}; run `cargo run --example traffic -- captures tests/detect`", path.display())
        });
        // Unpacked, because another release of the compressor may pack the same bytes differently.
        let mut kept = Vec::new();
        flate2::read::GzDecoder::new(file).read_to_end(&mut kept).expect("a committed capture is whole");
        assert!(scenario.pcap() == kept, "{} differs from what the maker makes", path.display());
    }
    let list = std::fs::read_to_string(folder().join("feed_match.list")).expect("the list is committed");
    assert_eq!(list, traffic::scenarios::FEED_LIST);
}

#[test]
fn every_committed_capture_belongs_to_a_scenario() {
    let known: BTreeSet<String> = traffic::scenarios::all().iter().map(|s| s.file_name()).collect();
    for entry in std::fs::read_dir(folder()).expect("tests/detect is there") {
        let name = entry.expect("an entry").file_name().into_string().expect("a plain name");
        assert!(!name.contains(".pcap") || known.contains(&name), "no scenario makes {name}");
    }
}

#[test]
fn every_kind_has_an_alarm_a_near_miss_and_a_harmless_look_alike() {
    let scenarios = traffic::scenarios::all();
    let find = |name: &str| scenarios.iter().find(|s| s.name == name);
    for scenario in &scenarios {
        let raises = |s: &traffic::scenarios::Scenario, kind: &str| s.alerts.iter().any(|a| a.kind == kind);
        let Some(kind) = scenario.alerts.iter().map(|a| a.kind).find(|k| scenario.name.starts_with(k)) else {
            // A look-alike of a kind that tells of others' alerts may raise those.
            let quiet = scenario.name.ends_with("_under") || scenario.name.ends_with("_harmless");
            assert!(scenario.alerts.is_empty() || quiet, "{} raises another kind", scenario.name);
            continue;
        };
        assert!(find(kind).is_some_and(|s| raises(s, kind)), "{kind}");
        for suffix in ["under", "harmless"] {
            let name = format!("{kind}_{suffix}");
            assert!(find(&name).is_some_and(|s| !raises(s, kind)), "{name}");
        }
    }
}
