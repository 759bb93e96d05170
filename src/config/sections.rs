//! The sections and their keys: each with its documentation, default and range, written once.
//!
//! `config.toml.example` is made from this file and from the detectors' settings.

use crate::addr::{Inside, Ip, MacAddr, Prefix};
use crate::detect::Settings;
use crate::detect::settings::{self, Section};
use crate::feeds::{Category, Format};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// Declares a section: each key with its doc, type, default and, for numbers, its range.
macro_rules! section {
    ($(#[$meta:meta])* $name:ident {
        $($(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr $(, $low:literal ..= $high:literal)?;)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        // The texts are those of the example file, where an address is no link.
        #[allow(rustdoc::bare_urls)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $key: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($key: $default,)* }
            }
        }

        impl Settings for $name {
            fn enabled(&self) -> bool {
                true
            }
            fn ranges() -> &'static [(&'static str, f64, f64)] {
                &[$($((stringify!($key), $low as f64, $high as f64),)?)*]
            }
            fn docs() -> &'static [(&'static str, &'static str)] {
                &[$((stringify!($key), concat!($($doc, "\n"),+)),)*]
            }
        }
    };
}

section! {
    /// Where frames come from.
    Capture {
        /// Interfaces to listen on, by name. Empty: chosen at the start (`netmonitor interfaces` shows which, and why).
        interfaces: Vec<String> = Vec::new();
        /// How frames are read: "ring" (a ring shared with the kernel, cheapest), "pnet" (two system calls a frame,
        /// works everywhere), "auto" (the ring, and pnet where there is none).
        source: Source = Source::Auto;
        /// Whether frames for others are read too. Off, only this machine's own traffic is seen.
        promiscuous: bool = true;
        /// Ring per interface that frames wait in while the card is written to, MiB. 2 holds a sixth of a second of a
        /// full 100 Mbit/s link. It counts in full as memory of this process; lost frames are counted and shown.
        memory_mib: u32 = 2, 1..=256;
        /// Networks or addresses that are not looked at, such as a backup server's.
        exclude_hosts: Vec<Prefix> = Vec::new();
        /// TCP and UDP ports that are not looked at.
        exclude_ports: Vec<u16> = Vec::new();
        /// Whether the traffic between this dashboard and its viewers is left out: it would show itself.
        exclude_self: bool = true;
    }
}

section! {
    /// What is ours.
    Network {
        /// Networks that count as inside. Empty: the private ranges and the networks of the interfaces.
        home: Vec<Prefix> = Vec::new();
        /// Memory for the tables of flows, hosts and detectors, MiB. When it is used up, what was idle longest goes.
        memory_mib: u32 = 24, 8..=1024;
        /// Addresses of routers, where they cannot be learned by listening.
        gateways: Vec<Ip> = Vec::new();
        /// MaxMind DB files that say where outside addresses are and whose, for the dashboard: city or country, and ASN, such as
        /// ["/var/lib/GeoIP/GeoLite2-City.mmdb", "/var/lib/GeoIP/GeoLite2-ASN.mmdb"]. Held in memory once
        /// somebody looks: Country and ASN are some 20 MB together, City is 60. Empty: nothing is looked up.
        geoip: Vec<PathBuf> = Vec::new();
    }
}

impl Network {
    /// What is inside, as far as the settings say.
    pub fn inside(&self) -> Inside {
        match self.home.as_slice() {
            [] => Inside::default(),
            home => Inside::new(home.to_vec()),
        }
    }
}

section! {
    /// When an alert is raised. Each kind has a section of its own below.
    Detect {
        /// Seconds in which the same incident adds to its alert instead of raising a new one.
        quiet_period_s: u32 = 3600, 10..=604_800;
        /// Days on which a device is seen before what it does for the first time is told. A week has seen most habits.
        learning_days: u16 = 7, 1..=90;
        /// Days after that on which something new must be seen to become usual. One would learn an attacker overnight.
        confirm_days: u8 = 3, 1..=30;
        /// Destinations of a device up to which it counts as settled, so that a new one is told. Cameras and plugs have
        /// one to five, a phone hundreds.
        few_destinations: u8 = 16, 1..=24;
        /// What is meant to be so and raises nothing, such as { kind = "port_scan", source = "192.168.1.5" } or
        /// { kind = "outbound_volume", target = "203.0.113.0/24" }: kind, source, target (address or network) and port
        /// (the target's), all that are given must fit. feed_match, arp_spoof and what is critical are hidden only
        /// where kind and source or target are given.
        allow: Vec<crate::alert::Allow> = Vec::new();
    }
}

section! {
    /// Who is there.
    Devices {
        /// Seconds without a frame after which a device counts as offline. Phones sleep for minutes.
        online_seconds: u32 = 300, 30..=86_400;
        /// Names by MAC address, such as { "02:00:00:00:00:01" = "Printer" }. A name given in the dashboard wins.
        names: BTreeMap<MacAddr, String> = BTreeMap::new();
        /// MAC addresses of devices that must not fall silent, such as ["02:00:00:00:00:01"]: `device_gone` tells when one
        /// does. The dashboard marks others.
        important: Vec<MacAddr> = Vec::new();
    }
}

section! {
    /// Where history is kept.
    Store {
        /// The file. Its folder is made when missing.
        path: PathBuf = "/var/lib/netmonitor/netmonitor.redb".into();
        /// Cache for reading the file, KiB. More does not make it faster.
        cache_kib: u32 = 1024, 256..=65_536;
        /// Largest size of the file, MiB. The oldest records go first.
        max_mib: u32 = 256, 8..=65_536;
        /// Days that alerts are kept.
        alert_days: u32 = 365, 1..=3650;
        /// Seconds between writes of traffic history to the card. A power cut loses at most that much of it; alerts
        /// are always written at once. 60 writes about 120 MB a day, 600 about 15 MB.
        flush_seconds: u32 = 60, 1..=3600;
    }
}

section! {
    /// The pages in the browser.
    Dashboard {
        /// "embedded" (served by `netmonitor run`), "standalone" (by `netmonitor dashboard`, a process of its own;
        /// "gunicorn" means the same), "off".
        server: Server = Server::Embedded;
        /// Address to listen on: "0.0.0.0" and "::" are every one, "127.0.0.1" is this machine only.
        host: Host = Host(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        /// Port to listen on; 0 takes any free one.
        port: u16 = 8080, 0..=65_535;
        /// "password", or "none", which is accepted with a loopback address in `host` only.
        auth: Auth = Auth::Password;
        /// Browsers that can watch live at the same time; at most max_connections.
        max_viewers: u32 = 1000, 1..=10_000;
        /// Connections at the same time, three quarters of them from one address at most. More are told to come back.
        max_connections: u32 = 2048, 8..=20_000;
        /// Days after which a login ends.
        session_days: u32 = 30, 1..=365;
        /// Names under which this dashboard is reached, beside its addresses and host name. Others are refused, so
        /// that a web page elsewhere cannot pose as it.
        public_hosts: Vec<String> = Vec::new();
        /// Addresses and networks of reverse proxies in front of this dashboard, such as ["127.0.0.1"]: what they say in
        /// X-Forwarded-For, -Proto, -Host and -Prefix is believed. Name nothing else here: whoever is named can claim any
        /// address for its clients. nginx/netmonitor.conf is an example of such a proxy.
        trusted_proxies: Vec<Prefix> = Vec::new();
    }
}

section! {
    /// What it says about itself.
    Log {
        /// "off", "error", "warn", "info", "debug" or "trace".
        level: Level = Level::Info;
        /// Folder for log files, bounded in size. Empty: the journal only.
        dir: PathBuf = PathBuf::new();
    }
}

section! {
    /// Lists of known bad addresses, names, URLs and TLS fingerprints.
    Feeds {
        /// The lists. None are fetched unless they stand here. Each has a `path` (a file on this machine) or a `url`
        /// (`netmonitor feeds update` fetches it; netmonitor-feeds.timer does so once a day), and may have a `name` (what
        /// alerts call it), a `format`, a `category`, `allow_private` and `ca_file`:
        ///
        ///   format         "auto" (by the publisher's address, else told line by line: addresses, networks, domains, URLs,
        ///                  hosts files, filter lists), "plain", "hosts", "cidr", "feodotracker", "urlhaus", "threatfox",
        ///                  "sslbl", "openphish", "tor", "drop"
        ///   category       "c2", "malware", "phishing", "attack", "tor" (always low), "other"; left out, by the format
        ///   allow_private  true where the list is on a server of your own network; others are refused there
        ///   ca_file        certificates (PEM) to trust for this list instead of the public ones
        ///
        /// Well-known public lists, ready to be used instead of `lists = []` (mind their terms of use):
        ///
        ///   [[feeds.lists]]
        ///   name = "Feodo Tracker"
        ///   url = "https://feodotracker.abuse.ch/downloads/ipblocklist.csv"
        ///   [[feeds.lists]]
        ///   name = "URLhaus"
        ///   url = "https://urlhaus.abuse.ch/downloads/csv_online/"
        ///   [[feeds.lists]]
        ///   name = "ThreatFox"
        ///   url = "https://threatfox.abuse.ch/export/csv/recent/"
        ///   [[feeds.lists]]
        ///   name = "SSLBL JA3"
        ///   url = "https://sslbl.abuse.ch/blacklist/ja3_fingerprints.csv"
        ///   [[feeds.lists]]
        ///   name = "Spamhaus DROP"
        ///   url = "https://www.spamhaus.org/drop/drop_v4.json"
        ///   [[feeds.lists]]
        ///   name = "OpenPhish"
        ///   url = "https://openphish.com/feed.txt"
        ///   [[feeds.lists]]
        ///   name = "Tor exits"
        ///   url = "https://check.torproject.org/torbulkexitlist"
        lists: Vec<FeedList> = Vec::new();
        /// Seconds between looks at whether a list, or what `netmonitor feeds update` compiled, has changed.
        reload_seconds: u32 = 60, 1..=86_400;
        /// Folder for what is fetched and compiled.
        dir: PathBuf = "/var/lib/netmonitor/feeds".into();
        /// Largest list that is fetched, unpacked, MiB. More is refused and the list kept as it was.
        max_mib: u32 = 64, 1..=1024;
        /// Seconds that one list may take to come.
        timeout_seconds: u32 = 60, 1..=3600;
    }
}

/// Declares an enum that is written as one lower-case word.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])+ $(#[serde(alias = $alias:literal)])* $variant:ident,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name {
            $($(#[doc = $doc])+ $(#[serde(alias = $alias)])* $variant,)*
        }
    };
}

words! {
    /// How frames are read.
    Source {
        /// The ring, or pnet where there is none.
        Auto,
        /// The kernel's ring.
        Ring,
        /// `pnet_datalink`.
        Pnet,
    }
}

words! {
    /// Who serves the dashboard.
    Server {
        /// `netmonitor run`.
        Embedded,
        /// `netmonitor dashboard`.
        #[serde(alias = "gunicorn")]
        Standalone,
        /// Nobody.
        Off,
    }
}

words! {
    /// Who may look.
    Auth {
        /// Whoever knows the password.
        Password,
        /// Everyone on this machine.
        None,
    }
}

words! {
    /// How much is said.
    Level {
        /// Nothing.
        Off,
        /// What is broken.
        #[serde(alias = "critical")]
        Error,
        /// What may break.
        #[serde(alias = "warning")]
        Warn,
        /// What happens.
        Info,
        /// Why it happens.
        Debug,
        /// Everything.
        Trace,
    }
}

impl Level {
    /// As the `log` package has it.
    pub const fn filter(self) -> log::LevelFilter {
        match self {
            Level::Off => log::LevelFilter::Off,
            Level::Error => log::LevelFilter::Error,
            Level::Warn => log::LevelFilter::Warn,
            Level::Info => log::LevelFilter::Info,
            Level::Debug => log::LevelFilter::Debug,
            Level::Trace => log::LevelFilter::Trace,
        }
    }
}

/// One list of known bad addresses, names, URLs or fingerprints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedList {
    /// What alerts call it. Empty: the file's name, or the URL's host.
    pub name: String,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Where it is fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How it is written.
    pub format: Format,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// Whether it may come from an address that is not public.
    pub allow_private: bool,
    /// Certificates to trust instead of the public ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

impl FeedList {
    /// What alerts call it.
    pub fn name(&self) -> String {
        let named = (!self.name.is_empty()).then(|| self.name.clone());
        let stem = || Some(self.path.as_ref()?.file_stem()?.to_string_lossy().into_owned());
        let host = || Some(self.url.as_ref()?.split('/').nth(2)?.to_owned());
        named.or_else(stem).or_else(host).unwrap_or_else(|| "list".to_owned())
    }

    /// How it is written, as far as that is known.
    pub fn format(&self) -> Format {
        match (self.format, &self.url) {
            (Format::Auto, Some(url)) => Format::of_url(url),
            (format, _) => format,
        }
    }

    /// What it is about.
    pub fn category(&self) -> Category {
        self.category.unwrap_or(self.format().category())
    }

    /// What is wrong with it.
    pub(super) fn problem(&self) -> Option<String> {
        let name = self.name();
        match (&self.path, &self.url) {
            (None, None) => Some(format!("{name:?} has neither a path nor a url; give it one")),
            (Some(_), Some(_)) => Some(format!("{name:?} has both a path and a url; leave one out")),
            (None, Some(url)) if !url.starts_with("https://") && !url.starts_with("http://") => {
                Some(format!("{name:?}: url {url:?} must begin with https:// or http://"))
            }
            _ => None,
        }
    }
}

/// An address to listen on, or `localhost`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host(pub IpAddr);

impl Serialize for Host {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.eq_ignore_ascii_case("localhost") {
            return Ok(Host(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        }
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        let address = bare.parse().map(Host);
        address
            .map_err(|_| serde::de::Error::custom(format!("{text:?} is not an IP address or \"localhost\"")))
    }
}

const fn section<S>(id: &'static str) -> Section
where
    S: Settings + Default + Serialize + serde::de::DeserializeOwned,
{
    Section { id, defaults: settings::defaults::<S>, check: settings::check::<S>, docs: docs::<S> }
}

/// The documentation of `S`, with the range of each number behind it.
fn docs<S: Settings>() -> Vec<(&'static str, String)> {
    let mut docs = settings::docs::<S>();
    for (key, doc) in &mut docs {
        if let Some((_, low, high)) = S::ranges().iter().find(|(name, ..)| name == key) {
            doc.push_str(&format!("\n{low} to {high}."));
        }
    }
    docs
}

/// Every section but those of the kinds, in the order of the example.
pub(super) static CORE: &[Section] = &[
    section::<Capture>("capture"),
    section::<Network>("network"),
    section::<Detect>("detect"),
    section::<Devices>("devices"),
    section::<Store>("store"),
    section::<Dashboard>("dashboard"),
    section::<Log>("log"),
    section::<Feeds>("feeds"),
];
