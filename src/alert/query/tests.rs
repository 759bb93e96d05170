//! Tests of the filter language.

use super::*;
use proptest::prelude::*;

const KINDS: [&str; 3] = ["port_scan", "arp_spoof", "dns_tunnel"];

fn read(text: &str) -> Query {
    Query::parse(text, &KINDS).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    Query::parse(text, &KINDS).expect_err(text)
}

fn subject(ip: &str, mac: Option<&str>, port: Option<u16>, name: Option<&str>) -> Subject {
    Subject {
        ip: ip.parse().ok(),
        mac: mac.map(|mac| mac.parse().expect("mac")),
        port,
        name: name.map(str::to_owned),
    }
}

/// Whether an alert of `Living Room TV` against a camera over IPv6 matches.
fn matches(text: &str) -> bool {
    let tv = subject("192.168.1.20", Some("02:00:00:00:00:14"), None, Some("Living Room TV"));
    let camera = subject("fd00::31", None, Some(554), Some("camera"));
    read(text).matches(&Seen {
        id: 41,
        kind: "port_scan",
        severity: Severity::High,
        count: 120,
        source: Some(&tv),
        target: Some(&camera),
        summary: [
            "192.168.1.20 tried 25 ports, see http://example.org/a",
            "192.168.1.20 probeerde 25 poorten",
        ],
        acknowledged: false,
    })
}

#[test]
fn every_token_tells_what_it_names_from_everything_else() {
    for (yes, no) in [
        ("kind:port_scan", "kind:arp_spoof"),
        ("kind:arp_spoof,port_scan", "kind:arp_spoof,dns_tunnel"),
        ("sev:high", "sev:low,medium,critical"),
        ("sev:>=medium", "sev:>high"),
        ("severity:<critical", "sev:<=medium"),
        ("state:open", "state:acknowledged"),
        ("state:all", "-state:all"),
        ("src:192.168.1.20", "dst:192.168.1.20"),
        ("src:192.168.0.0/16", "src:192.168.2.0/24"),
        ("dst:fd00::/8", "src:fd00::/8"),
        ("ip:fd00::31,10.0.0.1", "ip:10.0.0.0/8"),
        ("src:02:00:00:00:00:14", "dst:02-00-00-00-00-14"),
        ("src:\"living room tv\"", "src:\"living room radio\""),
        ("src:living", "dst:living"),
        ("ip:CAMERA", "ip:printer"),
        ("port:554", "port:22,80"),
        ("port:>=500", "port:<554"),
        ("id:7,41", "id:>41"),
        ("id:<=41", "id:<41"),
        ("count:>=100", "count:<100"),
        ("tried ports", "tried doors"),
        ("\"tried 25\"", "\"25 tried\""),
        ("fd00::31", "fd00::32"),
        ("02:00:00:00:00:14", "02:00:00:00:00:15"),
        ("http://example.org", "https://example.org"),
        ("", "-tried"),
        ("-kind:arp_spoof -sev:low", "-ip:192.168.1.0/24"),
        ("KIND:Port_Scan from:tv to:camera", "kind:port_scan -living"),
    ] {
        assert!(matches(yes), "{yes}");
        assert!(!matches(no), "{no}");
    }
}

#[test]
fn what_is_not_understood_is_named_with_what_is_allowed() {
    for (text, named, allowed) in [
        ("colour:red", "colour:", "kind:, sev:, state:"),
        ("kind:port_scam", "kind:port_scam", "arp_spoof"),
        ("sev:worst", "sev:worst", "critical"),
        ("sev:>", "sev:>", ">=medium"),
        ("state:shut", "state:shut", "acknowledged"),
        ("src:10.0.0.300", "src:10.0.0.300", "network"),
        ("ip:10.0.0.0/33", "ip:10.0.0.0/33", "network"),
        ("dst:02:00", "dst:02:00", "MAC"),
        ("kind:", "kind:", "needs a value"),
        ("src:,", "src:", "needs a value"),
        ("port:70000", "port:70000", "a port"),
        ("id:-1", "id:-1", "numbers"),
        ("count:+5", "count:+5", "how often"),
    ] {
        let error = refused(text);
        assert!(error.contains(named) && error.contains(allowed), "{text}: {error}");
    }
    assert!(refused(&"a ".repeat(MOST_TERMS + 1)).contains("terms"));
    assert!(refused(&"a".repeat(LONGEST + 1)).contains("bytes"));
}

#[test]
fn quotes_keep_colons_commas_and_spaces() {
    let text = |q: &str| match &read(q).terms[..] {
        [Term { not: false, test: Test::Text(text) }] => text.clone(),
        other => panic!("{q}: {other:?}"),
    };
    assert_eq!(text("\"colour:red\""), "colour:red");
    assert_eq!(text(r#""say \"hi\" \\ now""#), r#"say "hi" \ now"#);
    assert_eq!(text("\"never closed, "), "never closed, ");
    assert_eq!(text("a,b"), "a,b");
    let Test::Party(_, who) = &read("src:\"a, b\",c,\"10.0.0\"").terms[0].test else { panic!() };
    assert_eq!(who, &["a, b", "c", "10.0.0"].map(|name| Who::Like(name.into())));
    assert!(read("- \"\" -\"\"").terms.is_empty());
}

#[test]
fn a_query_of_a_state_alone_says_which() {
    for (text, state) in [
        ("", Some(None)),
        ("state:all", Some(None)),
        ("state:open,acknowledged", Some(None)),
        ("state:open", Some(Some(false))),
        ("-state:open", Some(Some(true))),
        ("state:acknowledged", Some(Some(true))),
        ("-state:all", None),
        ("state:open tv", None),
    ] {
        assert_eq!(read(text).state_only(), state, "{text}");
    }
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,4}",
        "[ ,:\"\\\\<>=/.-]{1,3}",
        "\\PC{0,3}",
        (0..TOKENS.len()).prop_map(|at| format!("{}:", TOKENS[at].0)),
        prop::sample::select(vec!["port_scan", "high", "open", "10.0.0.0/8", "fd00::1", "02:00:00:00:00:01"])
            .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn anything_is_read_or_refused_in_words_and_reads_the_same_when_written(
        pieces in prop::collection::vec(piece(), 0..12)
    ) {
        let text = pieces.concat();
        match Query::parse(&text, &KINDS) {
            Ok(query) => {
                let written = query.to_string();
                let again = Query::parse(&written, &KINDS);
                prop_assert_eq!(again.as_ref(), Ok(&query), "{} became {}", text, written);
            }
            Err(error) => prop_assert!(error.len() > 10),
        }
    }

    #[test]
    fn a_term_and_its_opposite_never_agree(name in 0..TOKENS.len(), value in "[a-z0-9.:/<>=]{1,8}") {
        let text = format!("{}:{value}", TOKENS[name].0);
        if Query::parse(&text, &KINDS).is_ok() {
            prop_assert_ne!(matches(&text), matches(&format!("-{text}")));
        }
    }
}
