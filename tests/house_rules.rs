//! House rules of the code itself: module docs, import levels, sizes of files and functions, one place for `unsafe`
//! and for each package that must not spread.

use std::fs;
use std::path::{Path, PathBuf};

/// Level of each module, as `src/lib.rs` explains them.
const LEVELS: &[(&str, u32)] = &[
    ("time", 0),
    ("counters", 0),
    ("words", 0),
    ("addr", 0),
    ("wire", 1),
    ("alert", 1),
    ("capture", 2),
    ("event", 2),
    ("csv", 3),
    ("table", 3),
    ("observe", 4),
    ("feeds", 4),
    ("detect", 5),
    ("backup", 5),
    ("command", 5),
    ("store", 5),
    ("bus", 5),
    ("engine", 6),
    ("config", 7),
    ("fetch", 8),
    ("http", 8),
    ("logs", 8),
    ("machine", 8),
    ("pages", 8),
    ("places", 8),
    ("restore", 8),
    ("service", 8),
    ("update", 8),
    ("run", 9),
    ("cli", 10),
];

/// Lines of a file without its tests, and of a function.
const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 60;

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    collect(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut found);
    found.sort();
    assert!(found.len() > 40, "the sources are where they are expected");
    found
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).expect("a readable source");
            found.push((path, text));
        }
    }
}

/// The lines before the file's tests.
fn product(text: &str) -> impl Iterator<Item = &str> {
    let tests = text.lines().position(|l| l.trim() == "#[cfg(test)]").filter(|at| {
        text.lines().nth(at + 1).is_some_and(|l| l.trim_start().starts_with("mod ") && l.contains('{'))
    });
    text.lines().take(tests.unwrap_or(usize::MAX))
}

fn module(path: &Path) -> String {
    let inside = path.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).expect("a source");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn level(module: &str) -> Option<u32> {
    LEVELS.iter().find(|(name, _)| *name == module).map(|(_, level)| *level)
}

#[test]
fn every_file_says_what_it_is_for() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{} must open with //! docs", path.display());
    }
}

#[test]
fn every_module_imports_only_from_its_level_or_below() {
    for (path, text) in sources() {
        let own = module(&path);
        if own == "lib" || own == "main" {
            continue;
        }
        let level_here =
            level(&own).unwrap_or_else(|| panic!("{own} has no level; give it one in src/lib.rs and here"));
        let docs = |line: &&str| !line.trim_start().starts_with("//");
        for line in product(&text).filter(docs) {
            for after in line.split("crate::").skip(1) {
                let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if let Some(level_there) = level(&name) {
                    assert!(
                        level_there <= level_here,
                        "{}: {own} ({level_here}) uses {name} ({level_there})",
                        path.display()
                    );
                }
            }
        }
    }
}

#[test]
fn files_and_functions_stay_small() {
    for (path, text) in sources() {
        let lines = product(&text).count();
        assert!(
            lines <= FILE_LINES,
            "{} has {lines} lines without tests; {FILE_LINES} are allowed",
            path.display()
        );
        let mut begun: Option<(usize, usize, &str)> = None;
        for (at, line) in product(&text).enumerate() {
            let indent = line.len() - line.trim_start().len();
            let bare = line.trim_start();
            let is_function = [
                "fn ",
                "pub fn ",
                "async fn ",
                "pub async fn ",
                "pub(crate) fn ",
                "pub(super) fn ",
                "const fn ",
                "pub const fn ",
            ]
            .iter()
            .any(|start| bare.starts_with(start));
            match begun {
                None if is_function && !bare.ends_with(';') && !bare.ends_with('}') => {
                    begun = Some((at, indent, bare))
                }
                Some((first, depth, head)) if indent == depth && (bare == "}" || bare.starts_with("};")) => {
                    let length = at - first + 1;
                    assert!(
                        length <= FUNCTION_LINES,
                        "{}:{}: {length} lines: {head}",
                        path.display(),
                        first + 1
                    );
                    begun = None;
                }
                _ => {}
            }
        }
    }
}

#[test]
fn unsafe_is_in_two_files_and_every_block_says_why() {
    for (path, text) in sources() {
        let used = product(&text).any(|l| {
            let code = l.split("//").next().unwrap_or("");
            code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl")
        });
        let home = path.ends_with("capture/ring.rs") || path.ends_with("pages.rs");
        assert!(!used || home, "{}: unsafe belongs in capture/ring.rs (or pages.rs)", path.display());
        if used {
            let blocks = text.matches("unsafe {").count();
            let reasons = text.matches("SAFETY").count();
            assert!(reasons >= blocks, "{}: {blocks} unsafe blocks, {reasons} reasons", path.display());
        }
    }
}

#[test]
fn packages_stay_in_the_folder_that_is_theirs() {
    let homes: &[(&str, &[&str])] = &[
        ("redb::", &["store"]),
        ("hyper::", &["http"]),
        ("tide::", &["http"]),
        ("http_types::", &["http"]),
        ("async_sse::", &["http"]),
        ("pnet_datalink::", &["capture"]),
        ("argh::", &["cli"]),
        ("env_logger::", &["logs"]),
        ("ureq::", &["fetch"]),
    ];
    for (path, text) in sources() {
        let own = module(&path);
        for (package, allowed) in homes {
            let named = product(&text).any(|l| !l.trim_start().starts_with("//") && l.contains(package));
            assert!(
                !named || allowed.contains(&own.as_str()),
                "{}: {package} belongs in {allowed:?}",
                path.display()
            );
        }
    }
}

#[test]
fn the_core_knows_no_sockets_files_threads_locks_or_tasks() {
    let core = [
        "time", "counters", "addr", "wire", "alert", "event", "table", "observe", "feeds", "detect", "engine",
    ];
    let forbidden = [
        "std::fs",
        "std::net::Tcp",
        "std::net::Udp",
        "std::thread",
        "std::sync::Mutex",
        "async fn",
        "smol::",
        "std::process",
    ];
    for (path, text) in sources() {
        if !core.contains(&module(&path).as_str()) {
            continue;
        }
        for line in product(&text).filter(|l| !l.trim_start().starts_with("//")) {
            let found = forbidden.iter().find(|word| line.contains(**word));
            assert!(found.is_none(), "{}: {found:?} in the core: {line}", path.display());
        }
    }
}
