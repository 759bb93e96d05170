//! Traits: what a device lets slip of what it is, by DHCP, mDNS, SSDP, HTTP, TLS and SSH.
//!
//! Bounds: each source keeps so many texts of so many characters (`Source::room`). Of a source that holds one, the
//! latest counts; of the others the first ones stay, so a stranger cannot wear out memory or push out what is known. At
//! the most about 3 KB; a phone has four traits, a television ten.

use super::devices::MAX_NAME;
use crate::event::TraitRecord;

/// Longest text of a trait, characters.
const MAX_TEXT: usize = 64;
/// Options listed of a parameter request list; the longest in use have about 25.
const MAX_OPTIONS: usize = 32;

/// Where a trait was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// DHCP vendor class (option 60).
    DhcpClass,
    /// DHCP parameter request list (option 55), as numbers with commas: which options, in which order, tells operating
    /// systems apart.
    DhcpOptions,
    /// Something that stays when the station address changes: a DUID, a UUID, a serial number in mDNS.
    Id,
    /// A service it announces in mDNS, such as `_ipp._tcp`.
    Service,
    /// A model, as a service announces it.
    Model,
    /// A category that a protocol defines: `upnp MediaRenderer`, `homekit 5`.
    Category,
    /// SERVER of SSDP.
    Server,
    /// User-Agent of HTTP.
    Agent,
    /// Software of its SSH server.
    Ssh,
    /// JA4 of its TLS clients.
    Tls,
}

impl Source {
    const ALL: [Source; 10] = [
        Source::DhcpClass,
        Source::DhcpOptions,
        Source::Id,
        Source::Service,
        Source::Model,
        Source::Category,
        Source::Server,
        Source::Agent,
        Source::Ssh,
        Source::Tls,
    ];

    /// Its name in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Source::DhcpClass => "dhcp_class",
            Source::DhcpOptions => "dhcp_options",
            Source::Id => "id",
            Source::Service => "mdns_service",
            Source::Model => "model",
            Source::Category => "category",
            Source::Server => "ssdp_server",
            Source::Agent => "user_agent",
            Source::Ssh => "ssh",
            Source::Tls => "ja4",
        }
    }

    /// How many texts of this source are kept.
    const fn room(self) -> usize {
        match self {
            Source::DhcpClass | Source::DhcpOptions | Source::Server | Source::Ssh => 1,
            Source::Agent => 3,
            Source::Id | Source::Model | Source::Category | Source::Tls => 4,
            Source::Service => 12,
        }
    }

    /// Whether more of it tells what kind of device this is.
    pub const fn tells_kind(self) -> bool {
        !matches!(self, Source::Id | Source::Tls)
    }
}

/// The traits of one device, in the order of [`Source`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traits(Vec<(Source, Box<str>)>);

impl Traits {
    /// Takes in a trait (cleaned and cut here); true when that is new.
    pub fn add(&mut self, source: Source, text: &[u8]) -> bool {
        let longest = if source == Source::DhcpOptions { 4 * MAX_OPTIONS } else { MAX_TEXT };
        let text = crate::wire::clean_text(text, longest);
        let text = text.trim();
        let mut same = self.0.iter_mut().filter(|(s, _)| *s == source);
        if text.is_empty() || same.any(|(_, t)| **t == *text) {
            return false;
        }
        let held = self.of(source).count();
        if held >= source.room() {
            if source.room() > 1 {
                return false;
            }
            self.0.retain(|(s, _)| *s != source);
        }
        let at = self.0.partition_point(|(s, _)| *s <= source);
        self.0.insert(at, (source, text.into()));
        true
    }

    /// Drops what a source said: it says nothing any more.
    pub fn forget(&mut self, source: Source) {
        self.0.retain(|(s, _)| *s != source);
    }

    /// Every trait.
    pub fn iter(&self) -> impl Iterator<Item = (Source, &str)> {
        self.0.iter().map(|(source, text)| (*source, &**text))
    }

    /// The texts of a source.
    pub fn of(&self, source: Source) -> impl Iterator<Item = &str> {
        self.iter().filter(move |(s, _)| *s == source).map(|(_, text)| text)
    }

    /// The first text of a source; empty when there is none.
    pub fn first(&self, source: Source) -> &str {
        self.of(source).next().unwrap_or("")
    }

    /// Takes in another device's, which turned out to be this one.
    pub fn absorb(&mut self, other: &Traits) {
        for (source, text) in other.iter() {
            self.add(source, text.as_bytes());
        }
    }

    /// As stored and sent.
    pub fn records(&self) -> Vec<TraitRecord> {
        self.iter().map(|(s, t)| TraitRecord { source: s.name().to_owned(), value: t.to_owned() }).collect()
    }

    /// From the store.
    pub fn restore(records: &[TraitRecord]) -> Traits {
        let mut traits = Traits::default();
        for record in records {
            if let Some(source) = Source::ALL.into_iter().find(|s| s.name() == record.source) {
                traits.add(source, record.value.as_bytes());
            }
        }
        traits
    }
}

/// A parameter request list as text: `1,3,6,15`.
pub fn options_text(list: &[u8]) -> String {
    let numbers: Vec<String> = list.iter().take(MAX_OPTIONS).map(u8::to_string).collect();
    numbers.join(",")
}

/// How much two parameter request lists have in common, percent: options in both of options in either.
pub fn alike(a: &str, b: &str) -> u32 {
    let set = |text: &str| {
        let mut bits = [0u128; 2];
        for n in text.split(',').filter_map(|n| n.parse::<u8>().ok()) {
            bits[usize::from(n >> 7)] |= 1 << (n & 127);
        }
        bits
    };
    let (a, b) = (set(a), set(b));
    let both: u32 = (0..2).map(|i| (a[i] & b[i]).count_ones()).sum();
    let either: u32 = (0..2).map(|i| (a[i] | b[i]).count_ones()).sum();
    (100 * both).checked_div(either).unwrap_or(100)
}

/// The family of operating systems that a DHCP client belongs to, when vendor class or parameter list tells.
pub fn system(class: &str, options: &str) -> Option<&'static str> {
    let class_says = [
        ("MSFT", "Windows"),
        ("android-dhcp", "Android"),
        ("AAPLBSDPC", "Apple"),
        ("Mac OS", "Apple"),
        ("dhcpcd-5", "Android"),
        ("dhcpcd", "Linux"),
        ("udhcp", "embedded Linux"),
        ("systemd", "Linux"),
        ("Linux", "Linux"),
        ("FreeBSD", "BSD"),
    ];
    let list_says = [
        ("1,121,3,6,15", "Apple"),
        ("1,3,6,15,119,252", "Apple"),
        ("1,3,6,15,31,33,43,44,46,47", "Windows"),
        ("1,15,3,6,44,46,47,31,33", "Windows"),
        ("1,3,6,15,26,28,51,58,59", "Android"),
        ("1,33,3,6,15,26,28,51,58,59", "Android"),
        ("1,2,6,12,15,26,28", "Linux"),
        ("1,28,2,3,15,6", "Linux"),
    ];
    let by_class = class_says.iter().find(|(start, _)| class.starts_with(start));
    let by_list = || list_says.iter().find(|(start, _)| options.starts_with(start));
    by_class.or_else(by_list).map(|(_, system)| *system)
}

/// Whether DHCP comes from what starts a machine (PXE and its kin), not from the system that it will run.
pub fn is_boot_loader(class: &[u8]) -> bool {
    [&b"PXEClient"[..], b"HTTPClient", b"U-Boot", b"AAPLBSDPC", b"iPXE"].iter().any(|b| class.starts_with(b))
}

/// Whether many devices have this name from the factory, so that it tells two of them apart badly.
pub fn is_default_name(name: &str) -> bool {
    const DEFAULTS: [&str; 14] = [
        "iphone",
        "ipad",
        "ipod",
        "android",
        "galaxy",
        "localhost",
        "unknown",
        "macbook",
        "apple-watch",
        "watch",
        "raspberrypi",
        "pixel",
        "phone",
        "debian",
    ];
    let name = name.to_ascii_lowercase();
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | ' '));
    bare.len() < 4 || DEFAULTS.contains(&bare)
}

/// Whether a name is a random one that browsers make up to hide addresses (`<uuid>.local`).
pub fn is_made_up(name: &str) -> bool {
    let parts: Vec<usize> = name.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && name.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// Bytes as hexadecimal, at most [`MAX_NAME`] characters.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(MAX_NAME / 2).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_latest_class_counts_and_the_first_services_stay() {
        let mut t = Traits::default();
        assert!(t.add(Source::DhcpClass, b"MSFT 5.0") && t.add(Source::DhcpClass, b"android-dhcp-14"));
        assert_eq!(t.of(Source::DhcpClass).collect::<Vec<_>>(), ["android-dhcp-14"]);
        for n in 0..100 {
            t.add(Source::Service, format!("_s{n}._tcp").as_bytes());
        }
        assert!(!t.add(Source::Service, b"_s3._tcp"), "known");
        assert_eq!((t.of(Source::Service).count(), t.first(Source::Service)), (12, "_s0._tcp"));
    }

    #[test]
    fn hostile_texts_are_cleaned_and_cut() {
        let mut t = Traits::default();
        t.add(Source::Model, "<b>TV\u{202e}\u{7}</b>".as_bytes());
        assert_eq!(t.first(Source::Model), "<b>TV</b>", "shown as text, never as markup");
        assert!(t.add(Source::Server, &vec![b'x'; 65_536]));
        assert_eq!(t.first(Source::Server).len(), MAX_TEXT);
        assert!(!t.add(Source::Agent, b" \r\n\0 "));
    }

    #[test]
    fn lists_are_compared_as_sets_and_systems_are_told() {
        assert_eq!(options_text(&[1, 3, 6, 15]), "1,3,6,15");
        assert_eq!(alike("1,3,6,15", "15,6,3,1"), 100);
        assert!(alike("1,121,3,6,15,119,252", "1,121,3,6,15,108,114,119,252") > 70, "a system update");
        let (windows, phone) = ("1,3,6,15,31,33,43,44,46,47,119,121,249,252", "1,3,6,15,26,28,51,58,59,43");
        assert!(alike(windows, phone) < 50);
        assert_eq!((system("MSFT 5.0", ""), system("", windows)), (Some("Windows"), Some("Windows")));
        assert_eq!((system("", phone), system("", "1,121,3,6,15,119,252")), (Some("Android"), Some("Apple")));
        assert_eq!(system("who", "7"), None);
    }

    #[test]
    fn factory_names_and_made_up_names_are_known() {
        for name in ["iPhone", "iPad-2", "android", "Galaxy", "pc", "Pixel-7"] {
            assert!(is_default_name(name), "{name}");
        }
        assert!(!is_default_name("Annas-iPhone") && !is_default_name("desktop-4f2k1"));
        assert!(is_made_up("0f8fad5b-d9cb-469f-a165-70867728950e") && !is_made_up("living-room-tv"));
    }

    proptest! {
        #[test]
        fn whatever_comes_stays_within_its_bounds(adds in proptest::collection::vec((0..10usize, proptest::collection::vec(any::<u8>(), 0..200)), 0..200)) {
            let mut t = Traits::default();
            for (source, text) in &adds {
                t.add(Source::ALL[*source], text);
            }
            for source in Source::ALL {
                prop_assert!(t.of(source).count() <= source.room());
            }
            let short = t.iter().all(|(s, text)| s == Source::DhcpOptions || text.chars().count() <= MAX_TEXT);
            prop_assert!(short);
            prop_assert!(t.0.is_sorted_by_key(|(s, _)| *s));
            prop_assert_eq!(Traits::restore(&t.records()), t);
        }
    }
}
