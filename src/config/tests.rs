//! Tests of the settings.

use super::layers::variable;
use super::*;
use crate::feeds::{Category, Format};
use std::collections::BTreeSet;

fn no_environment() -> std::iter::Empty<(String, String)> {
    std::iter::empty()
}

fn from_file(text: &str) -> Result<Config, ConfigError> {
    Config::from_layers(Some((Path::new("config.toml"), text)), no_environment(), &[])
}

fn from_environment(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_layers(None, pairs, &[])
}

fn error(text: &str) -> String {
    let words = from_file(text).err().unwrap_or_else(|| panic!("accepted: {text}")).to_string();
    assert!(!words.contains('\n'), "{words}");
    words
}

#[test]
fn the_example_holds_every_key_with_its_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.toml.example");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, example()).unwrap();
    }
    let file = std::fs::read_to_string(&path).unwrap();
    assert!(file == example(), "run this test with UPDATE_EXPECTED=1 after a change of keys");

    let (read, default) = (from_file(&file).unwrap(), Config::default());
    let values = |config: &Config| -> Vec<(String, String)> {
        config.explain().into_iter().map(|(key, value, _)| (key, value)).collect()
    };
    assert_eq!(values(&read), values(&default));
    assert!(
        read.explain().iter().all(|(_, _, origin)| matches!(origin, Origin::File(..))),
        "no key is missing"
    );
    assert!(default.explain().iter().all(|(_, _, origin)| *origin == Origin::Default));
    assert!(file.lines().all(|line| line.chars().count() <= 120), "lines fit a screen");
}

/// Another value that the key accepts, as text.
fn other_value(value: &toml::Value, key: &str) -> Option<String> {
    let text = match (key, value) {
        ("capture.source", _) => "ring".into(),
        ("dashboard.server", _) => "off".into(),
        ("dashboard.host", _) => "127.0.0.1".into(),
        ("dashboard.auth", _) => return None,
        ("dashboard.max_viewers" | "dashboard.max_connections", _) => "199".into(),
        ("log.level", _) => "debug".into(),
        (_, toml::Value::String(_)) => "/tmp/x".into(),
        (_, toml::Value::Boolean(b)) => (!b).to_string(),
        (_, toml::Value::Integer(n)) => {
            let near = [n + 1, n - 1].map(|n| n.to_string());
            near.into_iter()
                .find(|text| Config::from_layers(None, no_environment(), &[(key, text.clone())]).is_ok())?
        }
        (_, toml::Value::Float(f)) => {
            let near = [f * 1.01, f * 0.99].map(|f| f.to_string());
            near.into_iter()
                .find(|text| Config::from_layers(None, no_environment(), &[(key, text.clone())]).is_ok())?
        }
        _ => return None,
    };
    Some(text)
}

#[test]
fn the_environment_and_the_command_line_set_every_scalar() {
    let mut tried = 0;
    for known in layers::known() {
        for (key, _, default) in known.keys() {
            let full = format!("{}.{key}", known.name);
            let Some(text) = other_value(default, &full) else { continue };
            let name = variable(&full);
            let in_force = |config: Config| -> (String, Origin) {
                let all = config.explain();
                let mut changed = all.into_iter().filter(|(_, _, origin)| *origin != Origin::Default);
                let (changed_key, value, origin) = changed.next().unwrap();
                assert_eq!((changed_key, changed.next()), (full.clone(), None));
                (value.trim_matches('"').to_owned(), origin)
            };
            let mut pairs = vec![(name.as_str(), text.as_str())];
            let extra = [("NETMONITOR_DASHBOARD_MAX_VIEWERS", "1")];
            if full == "dashboard.max_connections" {
                pairs.extend(extra);
                assert_eq!(from_environment(&pairs).unwrap().dashboard.max_connections, 199);
                continue;
            }
            let (value, origin) = in_force(from_environment(&pairs).unwrap());
            assert_eq!((value, origin), (text.clone(), Origin::Environment(name)));
            let line = Config::from_layers(None, no_environment(), &[(&full, text.clone())]).unwrap();
            assert_eq!(in_force(line), (text, Origin::CommandLine));
            tried += 1;
        }
    }
    assert!(tried > 25, "{tried}");
}

#[test]
fn every_key_has_a_doc_and_a_variable_of_its_own_and_every_number_a_range() {
    let mut variables = BTreeSet::new();
    for known in layers::known() {
        for (key, doc, default) in known.keys() {
            let full = format!("{}.{key}", known.name);
            assert!(doc.len() > 15, "{full}: {doc}");
            assert!(variables.insert(variable(&full)), "{full}");
            if default.is_integer() || default.is_float() {
                for extreme in ["-1000000000000", "1000000000000"] {
                    let result = Config::from_layers(None, no_environment(), &[(&full, extreme.to_owned())]);
                    let words = result.err().unwrap_or_else(|| panic!("{full} = {extreme}")).to_string();
                    assert!(words.contains("out of range"), "{words}");
                }
            }
        }
    }
}

#[test]
fn later_layers_win() {
    let file = Some((Path::new("config.toml"), "[dashboard]\nport = 1\nmax_viewers = 7\nsession_days = 9\n"));
    let environment = [
        ("DASHBOARD_PORT", "2"),
        ("NETMONITOR_DASHBOARD_PORT", "3"),
        ("NETMONITOR_DASHBOARD_MAX_VIEWERS", "8"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config =
        Config::from_layers(file, environment.into_iter(), &[("dashboard.max_viewers", "11".into())])
            .unwrap();
    let dashboard = &config.dashboard;
    assert_eq!((dashboard.port, dashboard.max_viewers, dashboard.session_days), (3, 11, 9));
    let explained = config.explain();
    let origin = |key: &str| explained.iter().find(|(k, ..)| k == key).unwrap().2.to_string();
    assert_eq!(origin("dashboard.port"), "environment NETMONITOR_DASHBOARD_PORT");
    assert_eq!(origin("dashboard.session_days"), "config.toml:4");
    assert_eq!(origin("dashboard.max_viewers"), "command line");
    assert_eq!(origin("dashboard.host"), "default");
}

#[test]
fn an_error_names_its_line_its_key_and_what_is_allowed() {
    assert_eq!(
        error("# x\n[capture]\nsource = \"foo\"\n"),
        "config.toml:3: capture.source: \"foo\" is not one of auto, ring, pnet"
    );
    assert_eq!(
        error("[capture]\nsorce = \"ring\""),
        "config.toml:2: capture.sorce: no such key; did you mean source?"
    );
    assert_eq!(
        error("\n[captur]\nsource = 1"),
        "config.toml:2: captur: no such section; did you mean capture?"
    );
    assert_eq!(
        error("[detect.port_scam]\nenabled = true"),
        "config.toml:1: detect.port_scam: no such key; did you mean port_scan?"
    );
    assert_eq!(
        error("[capture]\n\nmemory_mib = 0"),
        "config.toml:3: capture.memory_mib: 0 is out of range: 1 to 256 is allowed"
    );
    assert_eq!(
        error("[capture]\npromiscuous = \"yes\""),
        "config.toml:2: capture.promiscuous: \"yes\" is not true or false"
    );
    assert_eq!(
        error("capture.memory_mib = \"4\""),
        "config.toml:1: capture.memory_mib: \"4\" is not a whole number"
    );
    assert_eq!(error("capture = 4"), "config.toml:1: capture: a section; write it as [capture]");
    assert_eq!(
        error("[network]\nhome = [\n  \"10.0.0.0/8\",\n  \"here\",\n]"),
        "config.toml:2: network.home: \"here\" is not a network such as 192.168.1.0/24 or 2001:db8::/32"
    );
    assert_eq!(
        error("[capture]\nexclude_ports = [70000]"),
        "config.toml:2: capture.exclude_ports: 70000 is not a number from 0 to 65535"
    );
    assert_eq!(
        error("[dashboard]\nhost = \"here\""),
        "config.toml:2: dashboard.host: \"here\" is not an IP address or \"localhost\""
    );
    assert_eq!(
        error("[devices]\nnames = { printer = \"Printer\" }"),
        "config.toml:2: devices.names: \"printer\" is not a MAC address such as 02:00:00:aa:bb:cc"
    );
    let list = error("[[feeds.lists]]\npath = \"a\"\n\n[[feeds.lists]]\npath = \"b\"\nkidn = \"ip\"");
    assert!(
        list.starts_with("config.toml:1: feeds.lists: kidn: no such key; allowed: one of name, path, url,"),
        "{list}"
    );
    let missing = error("[[feeds.lists]]\nname = \"a\"");
    assert!(missing.contains("feeds.lists") && missing.contains("path"), "{missing}");
    let syntax = error("[capture]\nsource = \n");
    assert!(syntax.starts_with("config.toml:2: "), "{syntax}");
    let twice = error("[capture]\nsource = \"ring\"\nsource = \"ring\"");
    assert!(twice.starts_with("config.toml:3: ") && twice.contains("duplicate"), "{twice}");
    let first = error("[log]\nlevel = \"loud\"\n[capture]\nsource = \"foo\"");
    assert!(first.starts_with("config.toml:2: log.level"), "the first one of the file: {first}");
}

#[test]
fn an_error_of_the_environment_or_the_command_line_names_it() {
    let words = |pairs: &[(&str, &str)]| from_environment(pairs).err().unwrap().to_string();
    assert_eq!(
        words(&[("NETMONITOR_LOG_LEVL", "info")]),
        "environment NETMONITOR_LOG_LEVL: no such setting; did you mean NETMONITOR_LOG_LEVEL?"
    );
    assert_eq!(
        words(&[("NETMONITOR_DASHBOARD_PORT", "http")]),
        "environment NETMONITOR_DASHBOARD_PORT: dashboard.port: \"http\" is not a whole number"
    );
    assert_eq!(
        words(&[("DASHBOARD_PORT", "99999")]),
        "environment DASHBOARD_PORT: dashboard.port: 99999 is out of range: 0 to 65535 is allowed"
    );
    assert_eq!(
        words(&[("NETMONITOR_DEVICES_NAMES", "a")]),
        "environment NETMONITOR_DEVICES_NAMES: devices.names: can be set in the file only"
    );
    assert_eq!(
        words(&[("NETMONITOR_CAPTURE_EXCLUDE_PORTS", "22,70000")]),
        "environment NETMONITOR_CAPTURE_EXCLUDE_PORTS: capture.exclude_ports: 70000 is not a number from 0 to 65535"
    );
    let line = Config::from_layers(None, no_environment(), &[("capture.source", "x".into())]);
    assert_eq!(
        line.err().unwrap().to_string(),
        "command line: capture.source: \"x\" is not one of auto, ring, pnet"
    );
}

#[test]
fn lists_come_from_the_environment_with_commas() {
    let config = from_environment(&[
        ("NETMONITOR_CAPTURE_INTERFACES", "eth0, 1"),
        ("NETMONITOR_CAPTURE_EXCLUDE_PORTS", "22,80"),
        ("NETMONITOR_NETWORK_HOME", "10.0.0.0/8,2001:db8::/32"),
        ("NETMONITOR_NETWORK_GATEWAYS", ""),
        ("NETMONITOR_TEST_ANYTHING", "1"),
        ("NETMONITOR_REQUIRE_ALL", "1"),
    ])
    .unwrap();
    assert_eq!(config.capture.interfaces, ["eth0", "1"]);
    assert_eq!(config.capture.exclude_ports, [22, 80]);
    assert_eq!(config.network.home.len(), 2);
    assert!(config.network.gateways.is_empty());
    let one = from_environment(&[("NETMONITOR_CAPTURE_INTERFACES", "1")]).unwrap();
    assert_eq!(one.capture.interfaces, ["1"], "a name that looks like a number");
}

#[test]
fn names_of_the_python_version_work() {
    let config = from_environment(&[
        ("DASHBOARD_SERVER", "Gunicorn"),
        ("DASHBOARD_HOST", "localhost"),
        ("DASHBOARD_PORT", "9000"),
        ("DASHBOARD_WORKERS", "4"),
        ("LOG_DIR", "/var/log/netmonitor"),
        ("LOG_LEVEL", "WARNING"),
    ])
    .unwrap();
    assert_eq!(config.dashboard.server, Server::Standalone);
    assert!(config.dashboard.host.0.is_loopback());
    assert_eq!(config.dashboard.port, 9000);
    assert_eq!((config.log.dir.to_str(), config.log.level), (Some("/var/log/netmonitor"), Level::Warn));
    assert!(config.notices.len() == 1 && config.notices[0].contains("DASHBOARD_WORKERS"));
    assert_eq!(
        from_environment(&[("DASHBOARD_HOST", "")]).unwrap().dashboard.host,
        Dashboard::default().host
    );
}

#[test]
fn no_password_is_for_this_machine_alone() {
    let words = error("[dashboard]\nauth = \"none\"");
    assert!(words.starts_with("config.toml:2: dashboard.auth: ") && words.contains("loopback"), "{words}");
    for host in ["127.0.0.1", "::1", "[::1]", "localhost", "127.9.9.9"] {
        assert!(from_file(&format!("[dashboard]\nauth = \"none\"\nhost = \"{host}\"")).is_ok(), "{host}");
    }
    let words = error("[dashboard]\nmax_viewers = 3000");
    assert!(words.starts_with("config.toml:2: dashboard.max_viewers: 3000 is more than"), "{words}");
}

#[test]
fn the_kinds_get_what_was_set_and_every_default() {
    let config = from_file("[detect]\nquiet_period_s = 60\n[detect.port_scan]\nenabled = false\n").unwrap();
    assert_eq!(config.detect.quiet_period_s, 60);
    assert_eq!(config.kinds["port_scan"]["enabled"].as_bool(), Some(false));
    assert_eq!(config.kinds.len(), SECTIONS.len());
    assert!(crate::detect::Detectors::new(&config.kinds, 64).is_ok());
    for kind in SECTIONS {
        assert_eq!(config.kinds[kind.id].as_table().unwrap().len(), (kind.defaults)().len());
    }
}

#[test]
fn a_feed_needs_a_path_only() {
    let text = "[[feeds.lists]]\npath = \"/etc/bad.txt\"\n[[feeds.lists]]\npath = \"b\"\nname = \"mine\"";
    let config = from_file(text).unwrap();
    let [first, second] = &config.feeds.lists[..] else { panic!("{:?}", config.feeds) };
    assert_eq!((first.path.as_deref(), first.name()), (Some(Path::new("/etc/bad.txt")), "bad".to_owned()));
    assert_eq!((second.path.as_deref(), second.name()), (Some(Path::new("b")), "mine".to_owned()));
    let unknown = error("[[feeds.lists]]\npath = \"b\"\nkind = \"ip\"");
    assert!(unknown.contains("kind"), "{unknown}");
}

#[test]
fn a_file_that_was_asked_for_must_be_there() {
    let missing = Config::load(Some(Path::new("/nowhere/config.toml")), no_environment(), &[]);
    let words = missing.err().unwrap().to_string();
    assert!(words.starts_with("/nowhere/config.toml: cannot be read: "), "{words}");
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "[dashboard]\nport = 0\n").unwrap();
    let config = Config::load(Some(&path), no_environment(), &[]).unwrap();
    assert_eq!((config.dashboard.port, config.file.as_deref()), (0, Some(path.as_path())));
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(Config::load(Some(&path), no_environment(), &[]).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_strange(text in "[\\[\\]a-z.=\"\\n0-9{},# ]{0,80}", name in "[A-Z_]{0,20}") {
        if let Err(error) = from_file(&text) {
            proptest::prop_assert!(!error.to_string().contains('\n'));
        }
        let _ = from_environment(&[(&format!("NETMONITOR_{name}"), &text)]);
        let _ = from_environment(&[("LOG_DIR", &text), ("DASHBOARD_HOST", &text)]);
    }
}

#[test]
fn lists_as_tables_take_their_form_and_subject_from_their_publisher() {
    let text = "[[feeds.lists]]\nurl = \"https://feodotracker.abuse.ch/downloads/ipblocklist.csv\"\n\
        [[feeds.lists]]\nname = \"t\"\nurl = \"http://a.example/x\"\nformat = \"tor\"\ncategory = \"attack\"\n";
    let config = Config::from_layers(Some((Path::new("t"), text)), std::iter::empty(), &[]).expect("valid");
    let [first, second] = &config.feeds.lists[..] else { panic!("two lists") };
    assert_eq!((first.name().as_str(), first.format()), ("feodotracker.abuse.ch", Format::Feodotracker));
    assert_eq!((first.category(), second.category()), (Category::C2, Category::Attack));
}

#[test]
fn lists_that_cannot_be_meant_are_refused_with_what_is_wrong() {
    for (lists, wanted) in [
        ("{ name = \"a\" }", "neither a path nor a url"),
        ("{ path = \"a\", url = \"https://b.example\" }", "both"),
        ("{ url = \"ftp://b.example\" }", "https://"),
        ("{ path = \"a\", format = \"xml\" }", "feodotracker"),
        ("{ path = \"x/a.txt\" }, { path = \"y/a.txt\" }", "twice"),
    ] {
        let text = format!("[feeds]\nlists = [{lists}]\n");
        let error = Config::from_layers(Some((Path::new("t"), &text)), std::iter::empty(), &[]).err();
        let error = error.expect("refused").to_string();
        assert!(error.contains(wanted) && error.contains("feeds.lists"), "{error}");
    }
}
