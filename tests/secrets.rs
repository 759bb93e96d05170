//! A password, a card number or a key that passes by is in nothing that netmonitor writes: not in what `replay` prints,
//! not in its log at the finest level, not in an event.

mod traffic;

use netmonitor::capture::Frame;
use netmonitor::engine::{Engine, Settings};
use netmonitor::time::Timestamp;
use netmonitor::wire::LinkType;
use std::process::Command;
use traffic::scenarios::{self, plaintext};
use traffic::trace::Trace;

fn assert_silent(what: &str, text: &str) {
    for secret in plaintext::SECRETS {
        assert!(!text.contains(secret), "{what} holds {secret}");
    }
}

#[test]
fn no_secret_is_in_what_is_printed_or_logged_or_told() {
    let shown = |name: &str| name.starts_with("cleartext_credentials") || name.starts_with("sensitive_data");
    let mut told = 0;
    for scenario in scenarios::all().into_iter().filter(|s| shown(s.name)) {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let pcap = scenario.pcap();
        let bytes = String::from_utf8_lossy(&pcap).into_owned();
        let there = plaintext::SECRETS.iter().any(|secret| bytes.contains(secret));
        assert!(there || scenario.alerts.is_empty() || scenario.name.contains("telnet"), "{}", scenario.name);
        std::fs::write(file.path(), &pcap).expect("a written capture");
        let output = Command::new(env!("CARGO_BIN_EXE_netmonitor"))
            .args(["replay", "--json"])
            .arg(file.path())
            .env("RUST_LOG", "trace")
            .output()
            .expect("the binary starts");
        assert!(output.status.success());
        assert_silent(scenario.name, &String::from_utf8_lossy(&output.stdout));
        assert_silent(scenario.name, &String::from_utf8_lossy(&output.stderr));
        let mut engine = Engine::new(Settings::default()).expect("an engine");
        let mut trace = Trace::named(scenario.name);
        (scenario.make)(&mut trace);
        for frame in trace.into_frames() {
            engine.on_frame(&Frame {
                at: Timestamp::from_micros(frame.at),
                link: LinkType::Ethernet,
                vlan: 0,
                wire_len: frame.wire_len,
                data: &frame.data,
                interface: 0,
            });
        }
        engine.finish();
        while let Some(event) = engine.poll_event() {
            told += 1;
            assert_silent(scenario.name, &format!("{event:?}"));
        }
    }
    assert!(told > 50, "events were looked through");
}
