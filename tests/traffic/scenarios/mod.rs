//! The scenarios: for every kind one that must raise it (`port_scan`), one that stays clearly under its threshold
//! (`port_scan_under`), one harmless look-alike (`port_scan_harmless`), and variants (`port_scan_udp`).
//!
//! A scenario's row in the table of its file is its birth certificate: what it is and what must come of it. All are
//! made here, from nothing; their licence is the project's.

use super::trace::Trace;
use std::io::Write;

mod access;
mod command;
mod covert;
mod devices;
mod domain;
mod floods;
mod gear;
mod habits;
mod lan;
mod malware;
pub mod plaintext;
mod recon;
mod sensor;
mod together;
mod windows;

/// An alert that a scenario must raise.
#[derive(Clone, Copy, Debug)]
pub struct Expect {
    /// Kind.
    pub kind: &'static str,
    /// Who acts: IP or MAC address or name; empty when any will do.
    pub source: &'static str,
    /// Whom it acts on, likewise.
    pub target: &'static str,
}

/// A scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Name, also of its capture.
    pub name: &'static str,
    /// What it must raise; when empty, nothing of severity medium or above.
    pub alerts: &'static [Expect],
    /// Kinds that may come too, because they are true as well.
    pub also: &'static [&'static str],
    /// What it is, and how it is made.
    pub about: &'static str,
    /// Makes it.
    pub make: fn(&mut Trace),
}

impl Scenario {
    /// The same, and these kinds may come too.
    const fn also(self, also: &'static [&'static str]) -> Scenario {
        Scenario { also, ..self }
    }

    /// The file in `tests/detect` that keeps its capture.
    pub fn file_name(&self) -> String {
        format!("{}.pcap.gz", self.name)
    }

    /// Its capture.
    pub fn pcap(&self) -> Vec<u8> {
        let mut trace = Trace::named(self.name);
        (self.make)(&mut trace);
        trace.into_pcap()
    }
}

/// A row that must raise `kind`.
const fn raises(
    name: &'static str,
    alerts: &'static [Expect],
    about: &'static str,
    make: fn(&mut Trace),
) -> Scenario {
    Scenario { name, alerts, also: &[], about, make }
}

/// A row that must stay silent.
const fn silent(name: &'static str, about: &'static str, make: fn(&mut Trace)) -> Scenario {
    Scenario { name, alerts: &[], also: &[], about, make }
}

/// An alert of `kind`, by `source` on `target`.
const fn alert(kind: &'static str, source: &'static str, target: &'static str) -> Expect {
    Expect { kind, source, target }
}

/// All scenarios, in the order of the catalogue.
pub fn all() -> Vec<Scenario> {
    [
        recon::TABLE,
        floods::TABLE,
        lan::TABLE,
        access::TABLE,
        windows::TABLE,
        domain::TABLE,
        malware::TABLE,
        command::TABLE,
        covert::TABLE,
        plaintext::TABLE,
        devices::TABLE,
        habits::TABLE,
        gear::TABLE,
        sensor::TABLE,
        together::TABLE,
    ]
    .concat()
}

/// The scenario of this name.
pub fn named(name: &str) -> Option<Scenario> {
    all().into_iter().find(|s| s.name == name)
}

/// A capture gzip'd, as it is kept in the repository.
pub fn gzip(pcap: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(pcap).and_then(|()| encoder.finish()).expect("a vector takes everything")
}

/// The list of known-bad addresses and names that `feed_match` and the demo load: documentation ranges
/// (RFC 5737, RFC 3849) and reserved names (RFC 6761) only.
pub const FEED_LIST: &str = "\
# Known-bad addresses and domains for the tests; all of them from ranges reserved for documentation.
203.0.113.66
203.0.113.128/29
2001:db8:bad::66
bad.example
evil.test
";
