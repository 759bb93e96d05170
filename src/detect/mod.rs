//! Detection: one file per kind, one list of them, and what they share.

use crate::addr::Inside;
use crate::alert::Severity;
use crate::observe::Observation;
use crate::time::Timestamp;

pub mod window;

pub use crate::table::Lookup;

/// What every detector says about itself, for people.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The id that alerts carry, such as `port_scan`.
    pub id: &'static str,
    /// Usual severity.
    pub severity: Severity,
    /// ATT&CK technique ids.
    pub mitre: &'static [&'static str],
    /// English texts.
    pub en: Texts,
    /// Dutch texts.
    pub nl: Texts,
}

/// The five texts of a kind, and its title. Plain sentences for a person who is no network engineer.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Texts {
    /// A few words: "Port scan".
    pub title: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Why it fired: what was counted.
    pub why: &'static str,
    /// Harmless causes.
    pub harmless: &'static str,
    /// What to do now.
    pub todo: &'static str,
    /// How to silence exactly this.
    pub silence: &'static str,
}

/// What a detector may know beside the observation.
pub struct Context<'a> {
    /// Now.
    pub now: Timestamp,
    /// What is ours.
    pub inside: &'a Inside,
    /// What the tables know of hosts, names, gateways.
    pub lookup: &'a dyn Lookup,
}

/// One kind of detection.
pub trait Detector: Sized {
    /// What it says about itself.
    const KIND: Kind;
    /// The observations it wants, bits of [`crate::observe::interest`].
    const INTEREST: u32;
    /// Its section `[detect.<id>]`.
    type Settings: Default + Clone + serde::Serialize + serde::de::DeserializeOwned + Settings;

    /// A detector with its state empty; tables are capped by `keys` entries.
    fn new(settings: &Self::Settings, keys: usize) -> Self;
    /// Looks at one observation.
    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut crate::alert::Findings);
}

/// What is checked of a detector's settings.
pub trait Settings {
    /// Whether the kind is on.
    fn enabled(&self) -> bool;
    /// Key, lowest and highest allowed value of each number.
    fn ranges() -> &'static [(&'static str, f64, f64)];
}
