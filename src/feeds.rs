//! Known-bad addresses and domains, compact and ready to be asked: what `feed_match` compares traffic with.
//!
//! Reads the text of lists as people publish them: one indicator a line, hosts files, CIDR lists, URLs, filter lists
//! (`||name^`), with comments. Reading files is the caller's; a [`Builder`] takes text, [`Builder::build`] gives an
//! immutable [`Feeds`] that is swapped in as a whole.
//!
//! Sizes: IPv4 ranges take 9 bytes, IPv6 ranges 33, domains 8 (56 bits of a keyed hash and the number of the list), so that
//! 1.5 million indicators stay below 14 MB. A wrong match of a hash has a chance of one in 5 x 10^10 per lookup at that size.

use crate::addr::{Inside, Ip, Prefix};
use crate::wire::dns::registered_domain;

/// Most lists that can be told apart; later ones are counted to the last.
const MAX_LISTS: usize = 255;
/// Shortest prefixes taken: wider ones are mistakes or lists of unused space.
const WIDEST_V4: u32 = 1 << 24;
const WIDEST_V6: u128 = 1 << 112;

/// The indicators of all lists.
#[derive(Clone, Debug, Default)]
pub struct Feeds {
    lists: Vec<String>,
    v4: Vec<(u32, u32)>,
    v4_list: Vec<u8>,
    v6: Vec<(u128, u128, u8)>,
    names: Vec<u64>,
    key: u64,
}

/// What became of the lines of one list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Indicators taken.
    pub taken: u64,
    /// Lines that are neither an address nor a domain.
    pub unreadable: u64,
    /// Indicators refused: private or own addresses, ranges too wide, top-level domains and shared suffixes.
    pub refused: u64,
}

/// Collects lists.
pub struct Builder {
    feeds: Feeds,
    v4: Vec<(u32, u32, u8)>,
    own: Inside,
}

impl Builder {
    /// An empty one. `key` keys the hashes (any number; the same one gives the same result), `own` is never listed.
    pub fn new(key: u64, own: &Inside) -> Self {
        let mut own = own.clone();
        for text in Inside::DEFAULT.iter().chain(&["0.0.0.0/8", "224.0.0.0/3", "ff00::/8", "::/96"]) {
            own.add(text.parse().expect("a prefix written here"));
        }
        Builder { feeds: Feeds { key, ..Feeds::default() }, v4: Vec::new(), own }
    }

    /// Adds the text of one list (or a part of it, whole lines) under its name.
    pub fn add(&mut self, list: &str, text: &str) -> Report {
        let number = match self.feeds.lists.iter().position(|l| l == list) {
            Some(at) => at,
            None if self.feeds.lists.len() < MAX_LISTS => {
                self.feeds.lists.push(list.to_owned());
                self.feeds.lists.len() - 1
            }
            None => MAX_LISTS - 1,
        } as u8;
        let mut report = Report::default();
        for line in text.lines() {
            self.line(line, number, &mut report);
        }
        report
    }

    fn line(&mut self, line: &str, list: u8, report: &mut Report) {
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with(['#', ';', '!', '/']) || line.starts_with("[Ad") {
            return;
        }
        let line = line.split(['#', ';']).next().unwrap_or("");
        let mut words = line.split([' ', '\t', ',', '"']).filter(|w| !w.is_empty());
        let Some(first) = words.next() else { return };
        let sink =
            matches!(first, "0.0.0.0" | "127.0.0.1" | "::" | "::1" | "255.255.255.255" | "fe80::1%lo0");
        let mut took = |builder: &mut Self, word: &str| match builder.word(word, list) {
            Some(true) => report.taken += 1,
            Some(false) => report.refused += 1,
            None => report.unreadable += 1,
        };
        if !sink {
            return took(self, first);
        }
        // A hosts file: the address is a sink, the names are what it is about; the machine's own are no indicators.
        for word in
            words.filter(|w| w.contains('.') && !w.starts_with("localhost") && w.parse::<Ip>().is_err())
        {
            took(self, word);
        }
    }

    /// Takes one indicator: `Some(taken)`, or `None` when it is none.
    fn word(&mut self, word: &str, list: u8) -> Option<bool> {
        let word = word.strip_prefix("||").map_or(word, |w| w.split(['^', '$']).next().unwrap_or(w));
        let word = word.split_once("://").map_or(word, |(_, rest)| rest);
        if let Ok(prefix) = word.parse::<Prefix>() {
            return Some(self.prefix(&prefix, list));
        }
        let host = word.split(['/', '?']).next().unwrap_or(word);
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let host = match host.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or(v6),
            None if host.matches(':').count() == 1 => host.split(':').next().unwrap_or(host),
            None => host,
        };
        if let Ok(prefix) = host.parse::<Prefix>() {
            return Some(self.prefix(&prefix, list));
        }
        let name = ascii_name(host.trim_start_matches("*.").trim_matches('.'))?;
        // Whole top-level domains and suffixes that strangers share are never meant.
        let parent = name.split_once('.').map(|(_, parent)| parent)?;
        let shared = registered_domain(&name) == name && registered_domain(&format!("x.{name}")) != name;
        if parent.is_empty() || shared {
            return Some(false);
        }
        let hash = self.feeds.hash_of(&name);
        self.feeds.names.push(hash << 8 | u64::from(list));
        Some(true)
    }

    fn prefix(&mut self, prefix: &Prefix, list: u8) -> bool {
        let (first, last) = (prefix.first(), prefix.last());
        let overlaps = |own: &Prefix| own.first() <= last && first <= own.last();
        if self.own.prefixes().iter().any(overlaps) {
            return false;
        }
        match (Ip::from_bits(first).v4_bits(), Ip::from_bits(last).v4_bits()) {
            (Some(from), Some(to)) if to - from < WIDEST_V4 => self.v4.push((from, to, list)),
            (None, None) if last - first < WIDEST_V6 => self.feeds.v6.push((first, last, list)),
            _ => return false,
        }
        true
    }

    /// Sorts, drops what is covered already, and gives the result.
    pub fn build(mut self) -> Feeds {
        self.v4.sort_unstable();
        let mut feeds = self.feeds;
        for (from, to, list) in self.v4 {
            // A range inside an earlier one is covered; an overlap is cut, so that ranges stay apart and sorted.
            let next = feeds.v4.last().map_or(Some(0), |(_, last)| last.checked_add(1));
            if let Some(next) = next.filter(|next| *next <= to) {
                feeds.v4.push((from.max(next), to));
                feeds.v4_list.push(list);
            }
        }
        feeds.v6.sort_unstable();
        feeds.v6.dedup_by(|b, a| b.1 <= a.1);
        feeds.names.sort_unstable();
        feeds.names.dedup_by_key(|n| *n >> 8);
        feeds.v4.shrink_to_fit();
        feeds.v4_list.shrink_to_fit();
        feeds.v6.shrink_to_fit();
        feeds.names.shrink_to_fit();
        feeds
    }
}

impl Feeds {
    /// The list that holds `ip`.
    pub fn address(&self, ip: Ip) -> Option<&str> {
        let list = match ip.v4_bits() {
            Some(bits) => {
                let at = self.v4.partition_point(|(from, _)| *from <= bits).checked_sub(1)?;
                (bits <= self.v4[at].1).then(|| self.v4_list[at])
            }
            None => {
                let at = self.v6.partition_point(|(from, ..)| *from <= ip.bits()).checked_sub(1)?;
                // Ranges may lie inside one another: look a few back.
                let before = self.v6[at.saturating_sub(4)..=at].iter().rev();
                before.filter(|(_, to, _)| ip.bits() <= *to).map(|(.., list)| *list).next()
            }
        };
        self.lists.get(usize::from(list?)).map(String::as_str)
    }

    /// The list that holds `name` or a domain above it, and the domain it holds. `name` is lower case.
    pub fn domain<'n>(&self, name: &'n str) -> Option<(&str, &'n str)> {
        if self.names.is_empty() {
            return None;
        }
        let name = name.trim_end_matches('.');
        let mut state = self.key;
        for (at, byte) in name.bytes().enumerate().rev() {
            if byte == b'.'
                && let Some(list) = self.named(finish(state))
            {
                return Some((list, &name[at + 1..]));
            }
            state = step(state, byte);
        }
        self.named(finish(state)).map(|list| (list, name))
    }

    fn named(&self, hash: u64) -> Option<&str> {
        let at = self.names.partition_point(|n| *n >> 8 < hash);
        let found = self.names.get(at).filter(|n| **n >> 8 == hash)?;
        self.lists.get(usize::from(*found as u8)).map(String::as_str)
    }

    fn hash_of(&self, name: &str) -> u64 {
        finish(name.bytes().rev().fold(self.key, step))
    }

    /// Addresses (ranges) and domains held.
    pub fn counts(&self) -> (usize, usize) {
        (self.v4.len() + self.v6.len(), self.names.len())
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.counts() == (0, 0)
    }

    /// Bytes of the arrays.
    pub fn memory(&self) -> usize {
        self.v4.capacity() * 8 + self.v4_list.capacity() + self.v6.capacity() * 48 + self.names.capacity() * 8
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

/// A domain as it stands on the wire: lower case, other scripts in punycode. `None` when it is no domain.
fn ascii_name(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    for label in text.split('.') {
        if !name.is_empty() {
            name.push('.');
        }
        if label.is_ascii() {
            name.push_str(&label.to_ascii_lowercase());
        } else {
            name.push_str("xn--");
            punycode(&label.to_lowercase().chars().collect::<Vec<char>>(), &mut name)?;
        }
    }
    let ok = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let top = name.rsplit('.').next()?;
    let valid = name.len() <= 253 && name.split('.').all(ok) && !top.bytes().all(|b| b.is_ascii_digit());
    valid.then_some(name)
}

/// Appends the punycode of a label (RFC 3492, 6.3).
fn punycode(label: &[char], out: &mut String) -> Option<()> {
    let start = out.len();
    out.extend(label.iter().filter(|c| c.is_ascii()));
    let basic = (out.len() - start) as u32;
    let (mut done, mut n, mut delta, mut bias) = (basic, 128u32, 0u32, 72u32);
    if basic > 0 {
        out.push('-');
    }
    while (done as usize) < label.len() && label.len() <= 63 {
        let next = label.iter().map(|c| *c as u32).filter(|c| *c >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(done + 1)?)?;
        n = next;
        for c in label.iter().map(|c| *c as u32) {
            delta = delta.checked_add(u32::from(c < n))?;
            if c == n {
                push_number(delta, bias, out);
                bias = adapt(delta, done + 1, done == basic);
                delta = 0;
                done += 1;
            }
        }
        delta = delta.checked_add(1)?;
        n += 1;
    }
    Some(())
}

fn push_number(mut q: u32, bias: u32, out: &mut String) {
    let digit = |d: u32| if d < 26 { (b'a' + d as u8) as char } else { (b'0' + (d - 26) as u8) as char };
    for k in (36u32..).step_by(36) {
        let t = k.saturating_sub(bias).clamp(1, 26);
        if q < t {
            break;
        }
        out.push(digit(t + (q - t) % (36 - t)));
        q = (q - t) / (36 - t);
    }
    out.push(digit(q));
}

fn adapt(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > 35 * 26 / 2 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Ip {
        text.parse().expect("test address")
    }

    #[test]
    fn every_usual_form_of_list_is_understood() {
        let mut b = Builder::new(7, &Inside::default());
        let text = "\u{feff}# comment\n! filter list\n[Adblock Plus]\n\n198.51.100.7\n198.51.100.64/28 ; drop list\n\
            203.0.113.5:8080\n2001:db8:bad::/48\n[2001:db9::7]:443\n0.0.0.0 ads.example.com tracker.example.com # two\n\
            127.0.0.1 localhost\n||evil.example.org^$third-party\nhttp://user@Mal.Example.NET.:81/a/b?c\n*.wild.example\n\
            bücher.example\n\"8.8.4.4\",\"2026-01-01\",\"x\"\nnot a domain\n";
        let report = b.add("test", text);
        assert_eq!((report.taken, report.unreadable, report.refused), (12, 1, 0));
        let feeds = b.build();
        for address in
            ["198.51.100.7", "198.51.100.79", "203.0.113.5", "2001:db8:bad::1", "2001:db9::7", "8.8.4.4"]
        {
            assert_eq!(feeds.address(ip(address)), Some("test"), "{address}");
        }
        for address in ["198.51.100.8", "198.51.100.80", "2001:db8:bae::", "10.0.0.1"] {
            assert_eq!(feeds.address(ip(address)), None, "{address}");
        }
        for (name, listed) in [
            ("a.b.tracker.example.com", "tracker.example.com"),
            ("evil.example.org", "evil.example.org"),
            ("mal.example.net.", "mal.example.net"),
            ("x.wild.example", "wild.example"),
            ("www.xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(feeds.domain(name), Some(("test", listed)), "{name}");
        }
        for name in ["example.com", "ads.example.com.evil", "xads.example.com", "localhost"] {
            assert_eq!(feeds.domain(name), None, "{name}");
        }
    }

    #[test]
    fn own_addresses_wide_ranges_and_shared_suffixes_are_refused() {
        let own = Inside::new(vec!["203.0.113.0/24".parse().expect("prefix")]);
        let mut b = Builder::new(7, &own);
        let report = b.add(
            "t",
            "192.168.0.0/16\n10.1.2.3\n203.0.113.9\n0.0.0.0/0\n8.0.0.0/7\n224.0.0.0/4\nco.uk\nfe80::1\n",
        );
        assert_eq!((report.taken, report.refused), (0, 8));
        assert!(b.build().is_empty());
    }

    #[test]
    fn overlapping_ranges_stay_findable_and_small() {
        let mut b = Builder::new(7, &Inside::default());
        b.add("a", "198.51.100.0/24\n198.51.100.7\n198.51.0.0/16\n198.51.100.0/24\n");
        b.add("b", "198.51.200.1\n198.52.0.0\n2001:db8::/32\n2001:db8:1::/48\n");
        let feeds = b.build();
        assert_eq!(feeds.counts(), (3, 0));
        assert_eq!(feeds.address(ip("198.51.200.1")), Some("a"));
        assert_eq!(feeds.address(ip("198.52.0.0")), Some("b"));
        assert_eq!(feeds.address(ip("2001:db8:1::5")), Some("b"));
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
        b.add("big", &text);
        let feeds = b.build();
        assert_eq!(feeds.counts(), (500_000, 1_000_000));
        assert!(feeds.memory() <= 14_000_000, "{}", feeds.memory());
        assert!(feeds.domain("host4.example4.com").is_some() && feeds.domain("host4.example5.com").is_none());
    }
}
