//! From the text of lists to sorted entries.

use super::lines::{self, Format, Said};
use super::name::ascii_name;
use super::{Category, Head, List, NAMES, PRINTS, Part, URLS, V4, V4_RANGES, V6_RANGES, WIDTHS, hash, url};
use crate::addr::{Inside, Ip, Prefix};
use crate::wire::dns::registered_domain;
use serde::{Deserialize, Serialize};

/// Most lists that can be told apart; later ones are counted to the last.
const MAX_LISTS: usize = 255;
/// Shortest prefixes taken: wider ones are mistakes or lists of unused space.
const WIDEST_V4: u32 = 1 << 24;
const WIDEST_V6: u128 = 1 << 112;

/// What became of the lines of one list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Indicators taken.
    pub taken: u64,
    /// Lines without an indicator that can be read.
    pub unreadable: u64,
    /// Indicators refused: private or own addresses, ranges too wide, top-level domains and shared suffixes.
    pub refused: u64,
    /// Indicators that traffic does not show, such as hashes of files.
    pub skipped: u64,
}

impl Report {
    /// Adds the counts of another piece of the list.
    pub fn add(&mut self, other: Report) {
        self.taken += other.taken;
        self.unreadable += other.unreadable;
        self.refused += other.refused;
        self.skipped += other.skipped;
    }
}

/// Collects lists.
pub struct Builder {
    key: u64,
    own: Inside,
    lists: Vec<List>,
    v4: Vec<(u32, u8)>,
    v4_ranges: Vec<(u32, u32, u8)>,
    v6: Vec<(u128, u128, u8)>,
    /// Names, URLs and prints: hash and list.
    hashed: [Vec<u64>; 3],
}

impl Builder {
    /// An empty one. `key` keys the hashes (any number; the same one gives the same result), `own` is never listed.
    pub fn new(key: u64, own: &Inside) -> Self {
        let mut own = own.clone();
        for text in Inside::DEFAULT.iter().chain(&["0.0.0.0/8", "224.0.0.0/3", "ff00::/8", "::/96"]) {
            own.add(text.parse().expect("a prefix written here"));
        }
        Builder {
            key,
            own,
            lists: Vec::new(),
            v4: Vec::new(),
            v4_ranges: Vec::new(),
            v6: Vec::new(),
            hashed: Default::default(),
        }
    }

    /// Adds the text of one list (or a part of it, whole lines) under its name.
    pub fn add(&mut self, list: &str, category: Category, format: Format, text: &str) -> Report {
        let mut report = Report::default();
        for line in text.lines() {
            lines::read(format, line, &mut |said| match self.take(said, list, category) {
                _ if said == Said::Skipped => report.skipped += 1,
                Some(true) => report.taken += 1,
                Some(false) => report.refused += 1,
                None => report.unreadable += 1,
            });
        }
        report
    }

    fn number(&mut self, name: &str, category: Category, of_url: bool) -> u8 {
        let same = |list: &List| list.name == name && list.of_url == of_url && list.category == category;
        let at = self.lists.iter().position(same).unwrap_or_else(|| {
            if self.lists.len() < MAX_LISTS {
                self.lists.push(List { name: name.to_owned(), category, of_url, off: false });
            }
            self.lists.len() - 1
        });
        u8::try_from(at).unwrap_or(u8::MAX)
    }

    /// Takes one indicator: `Some(taken)`, or `None` when it is none.
    fn take(&mut self, said: Said<'_>, list: &str, category: Category) -> Option<bool> {
        match said {
            Said::Address(text) => {
                let prefix = text.parse().or_else(|_| url::split(text).0.parse()).ok()?;
                let list = self.number(list, category, false);
                Some(self.prefix(&prefix, list))
            }
            Said::Host(text) => self.host(text, list, category, false),
            Said::Site(text) => self.host(text, list, category, true),
            Said::Link(text, live) => self.link(text, live, list, category),
            Said::Print(text) => {
                let hash = hash(self.key, text.bytes().map(|b| b.to_ascii_lowercase()));
                let list = self.number(list, category, false);
                self.hashed[2].push(hash << 8 | u64::from(list));
                Some(true)
            }
            Said::Skipped => Some(false),
            Said::Unreadable => None,
        }
    }

    fn host(&mut self, text: &str, list: &str, category: Category, of_url: bool) -> Option<bool> {
        if let Ok(prefix) = text.parse::<Prefix>() {
            let list = self.number(list, category, false);
            return Some(self.prefix(&prefix, list));
        }
        let host = url::split(text).0;
        if let Ok(prefix) = host.parse::<Prefix>() {
            let list = self.number(list, category, false);
            return Some(self.prefix(&prefix, list));
        }
        let name = ascii_name(host.trim_start_matches("*.").trim_matches('.'))?;
        // Whole top-level domains and suffixes that strangers share are never meant.
        let parent = name.split_once('.').map(|(_, parent)| parent)?;
        let shared = registered_domain(&name) == name && registered_domain(&format!("x.{name}")) != name;
        if parent.is_empty() || shared {
            return Some(false);
        }
        let hash = hash(self.key, name.bytes().rev());
        let list = self.number(list, category, of_url);
        self.hashed[0].push(hash << 8 | u64::from(list));
        Some(true)
    }

    /// A URL lists itself; and its host, where something is there now and no strangers share the host.
    fn link(&mut self, text: &str, live: bool, list: &str, category: Category) -> Option<bool> {
        let (host, path) = url::split(text);
        let whole = matches!(path, "" | "/");
        let is_address = host.parse::<Ip>().is_ok();
        let name = if is_address { host.to_owned() } else { ascii_name(host.trim_matches('.'))? };
        if whole {
            return if url::is_shared(&name) { Some(false) } else { self.host(host, list, category, false) };
        }
        // An address inside is refused with everything on it.
        if live && !url::is_shared(&name) && self.host(host, list, category, true) == Some(false) {
            return Some(false);
        }
        let hash = url::hash(self.key, &name, path);
        let list = self.number(list, category, false);
        self.hashed[1].push(hash << 8 | u64::from(list));
        Some(true)
    }

    fn prefix(&mut self, prefix: &Prefix, list: u8) -> bool {
        let (first, last) = (prefix.first(), prefix.last());
        let overlaps = |own: &Prefix| own.first() <= last && first <= own.last();
        if self.own.prefixes().iter().any(overlaps) {
            return false;
        }
        match (Ip::from_bits(first).v4_bits(), Ip::from_bits(last).v4_bits()) {
            (Some(from), Some(to)) if from == to => self.v4.push((from, list)),
            (Some(from), Some(to)) if to - from < WIDEST_V4 => self.v4_ranges.push((from, to, list)),
            (None, None) if last - first < WIDEST_V6 => self.v6.push((first, last, list)),
            _ => return false,
        }
        true
    }

    /// Sorts, drops what is covered already, and gives the result.
    pub fn build(mut self) -> Part {
        self.sort();
        let [names, urls, prints] = &self.hashed;
        let mut counts = [0; WIDTHS.len()];
        for (section, count) in [
            (V4, self.v4.len()),
            (V4_RANGES, self.v4_ranges.len()),
            (V6_RANGES, self.v6.len()),
            (NAMES, names.len()),
            (URLS, urls.len()),
            (PRINTS, prints.len()),
        ] {
            counts[section] = count as u32;
        }
        let head = Head { local: false, key: self.key, lists: self.lists, counts };
        let mut entries = Vec::with_capacity(head.size().unwrap_or(0));
        for (ip, list) in &self.v4 {
            entries.extend(ip.to_be_bytes());
            entries.push(*list);
        }
        for (from, to, list) in &self.v4_ranges {
            entries.extend([from.to_be_bytes(), to.to_be_bytes()].as_flattened());
            entries.push(*list);
        }
        for (from, to, list) in &self.v6 {
            entries.extend([from.to_be_bytes(), to.to_be_bytes()].as_flattened());
            entries.push(*list);
        }
        self.hashed.iter().flatten().for_each(|n| entries.extend(n.to_be_bytes()));
        Part { head, entries }
    }

    /// Of several lists the one that says most comes first: a host itself before one with a bad URL. What is about Tor
    /// stands beside the others: both are asked for.
    fn sort(&mut self) {
        let weak: Vec<bool> = self.lists.iter().map(|list| list.of_url).collect();
        let tor: Vec<bool> = self.lists.iter().map(|list| list.category == Category::Tor).collect();
        let (weak, tor) = (|n: u8| weak[usize::from(n)], |n: u8| tor[usize::from(n)]);
        self.v4.sort_unstable_by_key(|(ip, list)| (*ip, tor(*list), *list));
        self.v4.dedup_by(|b, a| b.0 == a.0 && tor(b.1) == tor(a.1));
        self.v4_ranges.sort_unstable();
        let mut next = Some(0);
        self.v4_ranges.retain_mut(|(from, to, _)| {
            // A range inside an earlier one is covered; an overlap is cut, so that ranges stay apart and sorted.
            let Some(free) = next.filter(|next| *next <= *to) else { return false };
            *from = free.max(*from);
            next = to.checked_add(1);
            true
        });
        self.v6.sort_unstable_by_key(|(from, to, list)| (*from, *to, tor(*list), *list));
        self.v6.dedup_by(|b, a| b.1 <= a.1 && tor(b.2) == tor(a.2));
        for hashes in &mut self.hashed {
            hashes.sort_unstable_by_key(|n| (*n >> 8, weak(*n as u8), *n as u8));
            hashes.dedup_by_key(|n| *n >> 8);
        }
    }
}
