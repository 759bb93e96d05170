//! Detection: one file per kind, one list of them, and what they share.

use crate::addr::{Inside, Ip};
use crate::alert::{Evidence, Finding, Findings, Severity, Subject};
use crate::feeds::Feeds;
use crate::observe::Observation;
use crate::time::Timestamp;
use crate::words::{Sentence, words};
use settings::{Problem, Section};
use std::sync::Arc;
use window::{Tick, mix};

#[cfg(test)]
pub(crate) mod bench;
mod familiar;
mod letters;
pub mod settings;
pub mod window;

pub use crate::table::Lookup;

/// The list of detectors: one word each, in the order in which they look at an observation. Makes their modules, the
/// struct that holds them, and what the configuration and the catalogue are told.
macro_rules! detectors {
    ($($id:ident::$detector:ident,)*) => {
        $(pub mod $id;)*

        /// Every detector that is on, with its state.
        pub struct Detectors {
            $($id: Option<$id::$detector>,)*
        }

        /// What any detector wants to see.
        const WANTED: u64 = 0 $(| <$id::$detector as Detector>::INTEREST)*;

        /// What each kind says about itself, in the order of the list.
        pub static KINDS: &[Kind] = &[$(<$id::$detector as Detector>::KIND,)*];

        /// Each kind's section of the configuration, in the order of the list.
        pub static SECTIONS: &[Section] = &[$(Section {
            id: stringify!($id),
            defaults: settings::defaults::<<$id::$detector as Detector>::Settings>,
            check: settings::check::<<$id::$detector as Detector>::Settings>,
            docs: settings::docs::<<$id::$detector as Detector>::Settings>,
            ranges: <<$id::$detector as Detector>::Settings as Settings>::ranges,
        },)*];

        impl Detectors {
            /// Builds every detector that is on. `detect` is the `[detect]` table with a sub-table per kind; what is
            /// missing takes its default. Tables are capped by `keys` entries.
            pub fn new(detect: &toml::Table, keys: usize) -> Result<Self, Problem> {
                Ok(Detectors { $($id: build::<$id::$detector>(detect, stringify!($id), keys)?,)* })
            }

            /// Builds those anew whose section differs between the two tables, with their state empty; all others go on
            /// with what they have counted. On a problem nothing is changed.
            pub fn rebuild(
                &mut self,
                before: &toml::Table,
                after: &toml::Table,
                keys: usize,
                feeds: Option<&Arc<Feeds>>,
            ) -> Result<(), Problem> {
                $(let $id = if before.get(stringify!($id)) == after.get(stringify!($id)) {
                    None
                } else {
                    Some(build::<$id::$detector>(after, stringify!($id), keys)?)
                };)*
                $(if let Some(mut fresh) = $id {
                    if let (Some(detector), Some(feeds)) = (&mut fresh, feeds) {
                        detector.set_feeds(feeds);
                    }
                    self.$id = fresh;
                })*
                Ok(())
            }

            /// Shows one observation to whoever wants it.
            #[inline]
            pub fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
                let bit = observation.interest();
                if bit & WANTED == 0 {
                    return;
                }
                $(if bit & <$id::$detector as Detector>::INTEREST != 0
                    && let Some(detector) = &mut self.$id
                {
                    detector.observe(cx, observation, out);
                })*
            }

            /// Swaps in another set of lists, for whoever asks them.
            pub fn set_feeds(&mut self, feeds: &Arc<Feeds>) {
                $(if let Some(detector) = &mut self.$id {
                    detector.set_feeds(feeds);
                })*
            }
        }
    };
}

detectors! {
    port_scan::PortScan,
    host_sweep::HostSweep,
    service_probe::ServiceProbe,
    syn_flood::SynFlood,
    udp_flood::UdpFlood,
    icmp_flood::IcmpFlood,
    amplification::Amplification,
    fragment_attack::FragmentAttack,
    dhcp_starvation::DhcpStarvation,
    mac_flood::MacFlood,
    new_device::NewDevice,
    device_gone::DeviceGone,
    identity_change::IdentityChange,
    arp_spoof::ArpSpoof,
    duplicate_ip::DuplicateIp,
    rogue_dhcp::RogueDhcp,
    rogue_ra::RogueRa,
    name_poisoning::NamePoisoning,
    dns_spoof::DnsSpoof,
    icmp_redirect::IcmpRedirect,
    beaconing::Beaconing,
    dga::Dga,
    dns_tunnel::DnsTunnel,
    icmp_tunnel::IcmpTunnel,
    iot_botnet::IotBotnet,
    cryptomining::Cryptomining,
    anonymizer::Anonymizer,
    odd_port::OddPort,
    upnp_exposure::UpnpExposure,
    brute_force::BruteForce,
    lateral_movement::LateralMovement,
    smb_abuse::SmbAbuse,
    ransomware::Ransomware,
    kerberos_abuse::KerberosAbuse,
    directory_abuse::DirectoryAbuse,
    feed_match::FeedMatch,
    industrial_write::IndustrialWrite,
    iot_abuse::IotAbuse,
    new_service::NewService,
    new_behaviour::NewBehaviour,
    outbound_volume::OutboundVolume,
    capture_loss::CaptureLoss,
    blind::Blind,
    cleartext_credentials::CleartextCredentials,
    sensitive_data::SensitiveData,
    weak_tls::WeakTls,
    web_attack::WebAttack,
    suspicious_agent::SuspiciousAgent,
    http_flood::HttpFlood,
    sensor_trouble::SensorTrouble,
    attack_chain::AttackChain,
    storm::Storm,
}

fn build<D: Detector>(detect: &toml::Table, id: &str, keys: usize) -> Result<Option<D>, Problem> {
    let empty = toml::Table::new();
    let section = match detect.get(id) {
        None => &empty,
        Some(toml::Value::Table(table)) => table,
        Some(_) => {
            return Err(Problem { key: Some(id.to_owned()), message: format!("write it as [detect.{id}]") });
        }
    };
    let settings: D::Settings = settings::read(section).map_err(|p| Problem {
        key: Some(format!("{id}.{}", p.key.unwrap_or_default())),
        message: p.message,
    })?;
    Ok(settings.enabled().then(|| D::new(&settings, keys)))
}

/// What makes findings one incident, as a number: the same parts give the same number in every run.
pub fn incident(parts: &[u64]) -> u64 {
    parts.iter().fold(0x6e65_746d_6f6e, |hash, part| mix(hash ^ mix(*part)))
}

/// An address as a part of an [`incident`], or as a value in a window.
pub const fn ip_part(ip: Ip) -> u64 {
    let bits = ip.bits();
    mix((bits >> 64) as u64 ^ mix(bits as u64))
}

/// Text as a part of an [`incident`].
pub fn text_part(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// An alert's evidence: keys with numbers or words.
macro_rules! evidence {
    ($($key:literal => $value:expr),* $(,)?) => {{
        let mut map = crate::alert::Evidence::new();
        $(map.insert($key.to_owned(), serde_json::json!($value));)*
        map
    }};
}
pub(crate) use evidence;

impl Kind {
    /// A finding of this kind; the incident is told by the parts.
    fn finding(&self, severity: Severity, parts: &[u64], summary: Sentence, evidence: Evidence) -> Finding {
        Finding {
            kind: self.id,
            severity,
            source: None,
            target: None,
            incident: incident(parts),
            summary,
            evidence,
            mitre: self.mitre,
        }
    }
}

/// Where packets come from: the only source, or many.
fn from_where(sources: u32, last: Ip) -> Sentence {
    match sources {
        1 => Sentence::same(last),
        _ => words("many addresses", "veel adressen").into(),
    }
}

/// A kind in the words of a sentence: by its title.
pub fn titled(id: &str) -> Sentence {
    let kind = KINDS.iter().find(|kind| kind.id == id);
    let [en, nl] = [kind.map(|k| k.en.title), kind.map(|k| k.nl.title)].map(|title| title.unwrap_or(id));
    Sentence { en: format!("“{en}”"), nl: format!("“{nl}”") }
}

/// Sets who acts and on whom.
fn between(finding: Finding, source: Option<Subject>, target: Option<Subject>) -> Finding {
    Finding { source, target, ..finding }
}

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

impl Context<'_> {
    /// Now, in tenths of a second.
    pub fn tick(&self) -> Tick {
        Tick::of(self.now)
    }
    /// `ours` when `ip` is inside, `theirs` otherwise.
    pub fn by_side(&self, ip: Ip, ours: Severity, theirs: Severity) -> Severity {
        if self.inside.contains(ip) { ours } else { theirs }
    }
}

/// One kind of detection.
pub trait Detector: Sized {
    /// What it says about itself.
    const KIND: Kind;
    /// The observations it wants, bits of [`crate::observe::interest`].
    const INTEREST: u64;
    /// Its section `[detect.<id>]`.
    type Settings: Default + Clone + serde::Serialize + serde::de::DeserializeOwned + Settings;

    /// A detector with its state empty; tables are capped by `keys` entries.
    fn new(settings: &Self::Settings, keys: usize) -> Self;
    /// Looks at one observation.
    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut crate::alert::Findings);
    /// Takes the lists of known bad addresses and names, at the start and whenever they change.
    fn set_feeds(&mut self, _feeds: &Arc<Feeds>) {}
}

/// What is checked of a detector's settings.
pub trait Settings {
    /// Whether the kind is on.
    fn enabled(&self) -> bool;
    /// Key, lowest and highest allowed value of each number.
    fn ranges() -> &'static [(&'static str, f64, f64)];
    /// Key and its documentation, every key.
    fn docs() -> &'static [(&'static str, &'static str)];
}
