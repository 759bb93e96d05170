//! Known-bad addresses, domains, URLs and TLS fingerprints, compact and ready to be asked: what `feed_match` compares
//! traffic with.
//!
//! `lines` reads the text of lists as people publish them, [`Builder`] collects indicators, [`compiled`] is the form in
//! which a whole set of lists is kept in one file. Reading files is the caller's. A [`Feeds`] never changes; another one
//! is swapped in as a whole.
//!
//! A [`Part`] is one block of bytes: sorted entries of a fixed size, big-endian so that bytes sort as numbers do, the
//! number of the list last. IPv4 addresses take 5 bytes, their ranges 9, IPv6 ranges 33, domains, URLs and
//! fingerprints 8 (56 bits of a keyed hash), so that 1.5 million indicators stay below 14 MB. A wrong match of a hash
//! has a chance of one in 5 x 10^10 per lookup at that size.

mod builder;
pub mod compiled;
mod lines;
mod name;
mod url;

pub use builder::{Builder, Report};
pub use lines::Format;

use crate::addr::Ip;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What kind of trouble a list is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Not said.
    #[default]
    Other,
    /// Command and control of malware.
    C2,
    /// Places that malware comes from.
    Malware,
    /// Fraud.
    Phishing,
    /// Sources of attacks.
    Attack,
    /// Doors of the Tor network: no harm in themselves.
    Tor,
}

impl Category {
    /// As settings and evidence write it.
    pub const fn name(self) -> &'static str {
        match self {
            Category::Other => "other",
            Category::C2 => "c2",
            Category::Malware => "malware",
            Category::Phishing => "phishing",
            Category::Attack => "attack",
            Category::Tor => "tor",
        }
    }
}

/// The list that an indicator stands on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub category: Category,
    /// Only a URL at this host or address is listed: others there may be harmless.
    pub of_url: bool,
    /// Left out of the settings since it was compiled: matches nothing.
    #[serde(skip)]
    pub off: bool,
}

/// The sections of a part.
const V4: usize = 0;
const V4_RANGES: usize = 1;
const V6_RANGES: usize = 2;
const NAMES: usize = 3;
const URLS: usize = 4;
const PRINTS: usize = 5;
/// Bytes of an entry, by section.
const WIDTHS: [usize; 6] = [5, 9, 33, 8, 8, 8];
/// IPv6 ranges may lie inside one another: so many are looked at.
const NESTED: usize = 4;

/// What is known of a part beside its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Compiled from files of this machine, rather than fetched.
    pub local: bool,
    /// Key of the hashes.
    pub key: u64,
    /// Its lists; an entry names one by number.
    pub lists: Vec<List>,
    /// Entries by section.
    counts: [u32; 6],
}

impl Head {
    /// Bytes of all sections; `None` when that is beyond any memory.
    fn size(&self) -> Option<usize> {
        let sizes = self.counts.iter().zip(WIDTHS).map(|(count, width)| u64::from(*count) * width as u64);
        usize::try_from(sizes.sum::<u64>()).ok()
    }
}

/// A set of lists that was compiled together.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// What is known of it.
    pub head: Head,
    entries: Vec<u8>,
}

/// The indicators of all lists.
#[derive(Clone, Debug, Default)]
pub struct Feeds {
    parts: Vec<Arc<Part>>,
}

impl Feeds {
    /// All of these together; what several list, the first one does.
    pub fn new(parts: Vec<Arc<Part>>) -> Self {
        Feeds { parts: parts.into_iter().filter(|part| !part.entries.is_empty()).collect() }
    }

    /// The list that holds `ip`. One about Tor only when no other does.
    pub fn address(&self, ip: Ip) -> Option<&List> {
        let mut lists = self.parts.iter().flat_map(|part| part.address(ip));
        let first = lists.next()?;
        let other = std::iter::once(first).chain(lists).find(|list| list.category != Category::Tor);
        other.or(Some(first))
    }

    /// Whether `ip` is on a list of category `tor`.
    pub fn is_tor(&self, ip: Ip) -> bool {
        self.parts.iter().flat_map(|part| part.address(ip)).any(|list| list.category == Category::Tor)
    }

    /// The list that holds `name` or a domain above it, and the domain it holds. `name` is lower case.
    pub fn domain<'n>(&self, name: &'n str) -> Option<(&List, &'n str)> {
        let name = name.trim_end_matches('.');
        self.parts.iter().find_map(|part| part.domain(name))
    }

    /// The list that holds exactly this URL. `host` is lower case; `target` begins with a slash, or is what a client asks
    /// a proxy for.
    pub fn url(&self, host: &str, target: &str) -> Option<&List> {
        self.parts.iter().find_map(|part| part.hashed(URLS, url::hash(part.head.key, host, target)))
    }

    /// The list that holds this JA3 (32 lower-case hexadecimal digits).
    pub fn ja3(&self, ja3: &str) -> Option<&List> {
        self.parts.iter().find_map(|part| part.hashed(PRINTS, hash(part.head.key, ja3.bytes())))
    }

    /// Addresses (and ranges of them) and domains held.
    pub fn counts(&self) -> (usize, usize) {
        let sum = |sections: &[usize]| -> u64 {
            let counts = self.parts.iter().map(|part| part.head.counts);
            counts.map(|counts| sections.iter().map(|s| u64::from(counts[*s])).sum::<u64>()).sum()
        };
        (sum(&[V4, V4_RANGES, V6_RANGES]) as usize, sum(&[NAMES]) as usize)
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Bytes of the entries.
    pub fn memory(&self) -> usize {
        self.parts.iter().map(|part| part.entries.capacity()).sum()
    }
}

impl Part {
    fn section(&self, section: usize) -> Section<'_> {
        let before = self.head.counts.iter().zip(WIDTHS).take(section);
        let start: usize = before.map(|(count, width)| *count as usize * width).sum();
        let width = WIDTHS[section];
        let end = start + self.head.counts[section] as usize * width;
        Section { bytes: self.entries.get(start..end).unwrap_or_default(), width }
    }

    fn list(&self, entry: &[u8]) -> Option<&List> {
        let list = self.head.lists.get(usize::from(*entry.last()?))?;
        (!list.off).then_some(list)
    }

    /// Every list that holds `ip`.
    fn address(&self, ip: Ip) -> impl Iterator<Item = &List> {
        let (exact, ranges, len) = match ip.v4_bits() {
            Some(_) => (self.section(V4), self.section(V4_RANGES), 4),
            None => (Section::default(), self.section(V6_RANGES), 16),
        };
        let bits = ip.bits().to_be_bytes();
        let key = move |entry: &[u8], from: usize| -> std::cmp::Ordering {
            entry[from * len..(from + 1) * len].cmp(&bits[16 - len..])
        };
        let first = exact.partition(|entry| key(entry, 0).is_lt());
        let same = (first..exact.len()).map(move |at| exact.entry(at)).take_while(move |e| key(e, 0).is_eq());
        let last = ranges.partition(|entry| key(entry, 0).is_le());
        let near = (last.saturating_sub(NESTED)..last).rev().map(move |at| ranges.entry(at));
        let around = near.filter(move |entry| key(entry, 1).is_ge());
        same.chain(around).filter_map(|entry| self.list(entry))
    }

    fn domain<'n>(&self, name: &'n str) -> Option<(&List, &'n str)> {
        if self.head.counts[NAMES] == 0 {
            return None;
        }
        let mut state = self.head.key;
        for (at, byte) in name.bytes().enumerate().rev() {
            if byte == b'.'
                && let Some(list) = self.hashed(NAMES, finish(state))
            {
                return Some((list, &name[at + 1..]));
            }
            state = step(state, byte);
        }
        self.hashed(NAMES, finish(state)).map(|list| (list, name))
    }

    fn hashed(&self, section: usize, hash: u64) -> Option<&List> {
        let section = self.section(section);
        let bytes = (hash << 8).to_be_bytes();
        let at = section.partition(|entry| entry[..7] < bytes[..7]);
        let entry = (at < section.len()).then(|| section.entry(at))?;
        if entry[..7] == bytes[..7] { self.list(entry) } else { None }
    }
}

/// Sorted entries of one size.
#[derive(Clone, Copy, Default)]
struct Section<'a> {
    bytes: &'a [u8],
    width: usize,
}

impl<'a> Section<'a> {
    fn len(&self) -> usize {
        self.bytes.len().checked_div(self.width).unwrap_or(0)
    }

    fn entry(&self, at: usize) -> &'a [u8] {
        &self.bytes[at * self.width..(at + 1) * self.width]
    }

    /// How many entries from the start are `before`.
    fn partition(&self, before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if before(self.entry(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

fn step(state: u64, byte: u8) -> u64 {
    let x = (state ^ u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^ (x >> 29)
}

/// 56 bits.
fn finish(state: u64) -> u64 {
    let x = (state ^ (state >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (x ^ (x >> 32)) >> 8
}

fn hash(key: u64, bytes: impl Iterator<Item = u8>) -> u64 {
    finish(bytes.fold(key, step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Inside;

    fn ip(text: &str) -> Ip {
        text.parse().expect("test address")
    }

    fn add(builder: &mut Builder, list: &str, text: &str) -> Report {
        builder.add(list, Category::Other, Format::Auto, text)
    }

    fn feeds(builder: Builder) -> Feeds {
        Feeds::new(vec![Arc::new(builder.build())])
    }

    fn named<'f>(feeds: &'f Feeds, address: &str) -> Option<&'f str> {
        feeds.address(ip(address)).map(|list| list.name.as_str())
    }

    #[test]
    fn every_usual_form_of_list_is_understood() {
        let mut b = Builder::new(7, &Inside::default());
        let text = "\u{feff}# comment\n! filter list\n[Adblock Plus]\n\n198.51.100.7\n198.51.100.64/28 ; drop list\n\
            203.0.113.5:8080\n2001:db8:bad::/48\n[2001:db9::7]:443\n0.0.0.0 ads.example.com tracker.example.com # two\n\
            127.0.0.1 localhost\n||evil.example.org^$third-party\nhttp://user@Mal.Example.NET.:81/a/b?c\n*.wild.example\n\
            bücher.example\n\"8.8.4.4\",\"2026-01-01\",\"x\"\nnot a domain\n";
        let report = add(&mut b, "test", text);
        assert_eq!((report.taken, report.unreadable, report.refused), (12, 1, 0));
        let feeds = feeds(b);
        for address in
            ["198.51.100.7", "198.51.100.79", "203.0.113.5", "2001:db8:bad::1", "2001:db9::7", "8.8.4.4"]
        {
            assert_eq!(named(&feeds, address), Some("test"), "{address}");
        }
        for address in ["198.51.100.8", "198.51.100.80", "2001:db8:bae::", "10.0.0.1"] {
            assert_eq!(named(&feeds, address), None, "{address}");
        }
        for (name, listed) in [
            ("a.b.tracker.example.com", "tracker.example.com"),
            ("evil.example.org", "evil.example.org"),
            ("mal.example.net.", "mal.example.net"),
            ("x.wild.example", "wild.example"),
            ("www.xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(
                feeds.domain(name).map(|(list, held)| (list.name.as_str(), held)),
                Some(("test", listed)),
                "{name}"
            );
        }
        for name in ["example.com", "ads.example.com.evil", "xads.example.com", "localhost"] {
            assert!(feeds.domain(name).is_none(), "{name}");
        }
    }

    #[test]
    fn own_addresses_wide_ranges_and_shared_suffixes_are_refused() {
        let own = Inside::new(vec!["203.0.113.0/24".parse().expect("prefix")]);
        let mut b = Builder::new(7, &own);
        let report = add(
            &mut b,
            "t",
            "192.168.0.0/16\n10.1.2.3\n203.0.113.9\n0.0.0.0/0\n8.0.0.0/7\n224.0.0.0/4\nco.uk\nfe80::1\n",
        );
        assert_eq!((report.taken, report.refused), (0, 8));
        assert!(feeds(b).is_empty());
    }

    #[test]
    fn overlapping_ranges_stay_findable_and_small() {
        let mut b = Builder::new(7, &Inside::default());
        add(&mut b, "a", "198.51.100.0/24\n198.51.100.7\n198.51.0.0/16\n198.51.100.0/24\n");
        add(&mut b, "b", "198.51.200.1\n198.52.0.0\n2001:db8::/32\n2001:db8:1::/48\n");
        let feeds = feeds(b);
        assert_eq!(feeds.counts(), (5, 0), "an address inside a range is kept: it may be on another list");
        assert_eq!(named(&feeds, "198.51.200.1"), Some("b"), "the list that says it most exactly");
        assert_eq!(named(&feeds, "198.52.0.0"), Some("b"));
        assert_eq!(named(&feeds, "2001:db8:1::5"), Some("b"));
    }

    #[test]
    fn a_million_and_a_half_indicators_fit_in_fourteen_megabytes() {
        let mut b = Builder::new(7, &Inside::default());
        let mut text = String::new();
        for i in 0..1_500_000u32 {
            use std::fmt::Write;
            let _ = if i % 3 == 0 {
                writeln!(text, "{}", Ip::v4((0x4000_0000 + i * 3).to_be_bytes()))
            } else {
                writeln!(text, "host{i}.example{}.com", i % 1000)
            };
        }
        add(&mut b, "big", &text);
        let feeds = feeds(b);
        assert_eq!(feeds.counts(), (500_000, 1_000_000));
        assert!(feeds.memory() <= 14_000_000, "{}", feeds.memory());
        assert!(feeds.domain("host4.example4.com").is_some() && feeds.domain("host4.example5.com").is_none());
    }

    #[test]
    fn a_url_lists_itself_and_its_host_unless_strangers_share_that() {
        let mut b = Builder::new(7, &Inside::default());
        let text = "https://Shop.Example:8443/x/y?z=1#top\nhttp://raw.githubusercontent.com/a/b.exe\nhttp://whole.example/\n\
            http://203.0.113.9:81/i\nhttp://10.0.0.1/i\n";
        let report = b.add("u", Category::Malware, Format::Urlhaus, text);
        assert_eq!((report.taken, report.refused), (4, 1));
        b.add(
            "gone",
            Category::Malware,
            Format::Urlhaus,
            "\"1\",\"\",\"http://gone.example/i\",\"offline\"\n",
        );
        let feeds = feeds(b);
        assert!(feeds.url("shop.example", "/x/y?z=1").is_some());
        assert!(
            feeds.url("shop.example", "http://shop.example:8443/x/y?z=1").is_some(),
            "as a proxy is asked"
        );
        assert!(feeds.url("shop.example", "/x/y").is_none());
        assert!(feeds.url("gone.example", "/i").is_some() && feeds.domain("gone.example").is_none());
        assert!(feeds.url("raw.githubusercontent.com", "/a/b.exe").is_some());
        assert!(feeds.domain("raw.githubusercontent.com").is_none());
        assert_eq!(feeds.domain("www.shop.example").map(|(list, _)| list.of_url), Some(true));
        assert_eq!(feeds.domain("whole.example").map(|(list, _)| list.of_url), Some(false));
        assert_eq!(feeds.address(ip("203.0.113.9")).map(|list| list.category), Some(Category::Malware));
    }

    #[test]
    fn what_is_worse_than_tor_is_told_first_and_tor_is_still_known() {
        let mut b = Builder::new(7, &Inside::default());
        b.add("tor", Category::Tor, Format::Tor, "203.0.113.1\n203.0.113.2\n2001:db8::1\n");
        b.add("c2", Category::C2, Format::Auto, "203.0.113.2\n2001:db8::1\n");
        let feeds = feeds(b);
        for (address, list, tor) in
            [("203.0.113.1", "tor", true), ("203.0.113.2", "c2", true), ("2001:db8::1", "c2", true)]
        {
            assert_eq!((named(&feeds, address), feeds.is_tor(ip(address))), (Some(list), tor), "{address}");
        }
        assert!(!feeds.is_tor(ip("203.0.113.3")));
    }

    #[test]
    fn fingerprints_are_found_and_a_list_that_is_off_matches_nothing() {
        let mut b = Builder::new(7, &Inside::default());
        b.add(
            "ja3",
            Category::C2,
            Format::Sslbl,
            "0123456789ABCDEF0123456789abcdef,2026-01-01,2026-01-02,X\n",
        );
        let mut part = b.build();
        let found = |part: &Part| {
            Feeds::new(vec![Arc::new(part.clone())]).ja3("0123456789abcdef0123456789abcdef").is_some()
        };
        assert!(found(&part));
        part.head.lists[0].off = true;
        assert!(!found(&part));
    }
}
