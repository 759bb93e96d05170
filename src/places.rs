//! Where outside addresses are, and whose network they are in: from MaxMind DB files of the owner, when there are any.
//!
//! Asked only for addresses that somebody looks at. Nothing of a file is kept in memory but a few numbers and the last
//! answers; each question is a few dozen small reads, which the page cache serves. A file from a stranger can say what it
//! likes: every walk is bounded. Format: MaxMind DB 2.0.

use crate::addr::Ip;
use crate::table::bounded::Bounded;
use crate::time::WallTime;
use crate::wire::clean_text;
use serde::Serialize;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Stands before the description at the end of a file.
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
/// The description begins at most so far from the end.
const LAST: u64 = 128 * 1024;
/// Zeroes between the tree and the data.
const GAP: u64 = 16;
/// Values that one question may pass over, and how deep they may lie.
const STEPS: u32 = 4000;
const DEPTH: u32 = 16;
/// Longest text, bytes.
const TEXT: u64 = 300;
/// Answers kept.
const KEPT: usize = 512;

/// What is known of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// City, English.
    pub city: Option<String>,
    /// Country, English.
    pub country: Option<String>,
    /// Its two letters.
    pub country_code: Option<String>,
    /// Number of the network (autonomous system).
    pub as_number: Option<u64>,
    /// Who runs that.
    pub as_name: Option<String>,
}

/// The files of the settings, open.
pub struct Places {
    paths: Vec<PathBuf>,
    open: Vec<(Option<SystemTime>, io::Result<Database>)>,
    answers: Bounded<Ip, Place>,
}

impl Places {
    /// The files, opened when first asked.
    pub fn new(paths: &[PathBuf]) -> Self {
        Places { paths: paths.to_vec(), open: Vec::new(), answers: Bounded::new(KEPT) }
    }

    /// What is known of `ip`; `None` when nothing is.
    pub fn of(&mut self, ip: Ip) -> Option<Place> {
        self.follow();
        if self.answers.get(&ip).is_none() {
            let mut place = Place::default();
            self.open
                .iter()
                .filter_map(|(_, open)| open.as_ref().ok())
                .for_each(|db| db.tell(ip, &mut place));
            self.answers.entry(ip, || place);
        }
        self.answers.get(&ip).filter(|place| **place != Place::default()).cloned()
    }

    /// Opens files that are others than before: updates replace them.
    fn follow(&mut self) {
        let changed = |path: &PathBuf| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let now: Vec<_> = self.paths.iter().map(changed).collect();
        if self.open.len() == now.len() && self.open.iter().zip(&now).all(|((then, _), now)| then == now) {
            return;
        }
        self.open = now.into_iter().zip(&self.paths).map(|(at, path)| (at, Database::open(path))).collect();
        for ((_, open), path) in self.open.iter().zip(&self.paths) {
            if let Err(error) = open {
                log::warn!("network.geoip: {}: {error}", path.display());
            }
        }
        self.answers = Bounded::new(KEPT);
    }
}

/// One file.
pub struct Database {
    file: File,
    nodes: u64,
    /// Bytes of a node: two records.
    node: u64,
    /// Where the data begins.
    data: u64,
    v6: bool,
    /// What the file says it is, such as `GeoLite2-City`.
    pub kind: String,
    /// When it was made.
    pub built: WallTime,
}

/// A value's type, its size (entries of a map or array), and where its content begins.
#[derive(Clone, Copy)]
struct Head {
    kind: u8,
    size: u64,
    at: u64,
}

/// Types of values.
const POINTER: u8 = 1;
const STRING: u8 = 2;
const MAP: u8 = 7;
const ARRAY: u8 = 11;
const BOOL: u8 = 14;

impl Database {
    /// Opens a file, when it is one.
    pub fn open(path: &Path) -> io::Result<Database> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let no = || io::Error::other("is no MaxMind DB file; fetch it again");
        let mut end = vec![0; length.min(LAST) as usize];
        let from = length - end.len() as u64;
        file.read_exact_at(&mut end, from)?;
        let marker = end.windows(MARKER.len()).rposition(|window| window == MARKER).ok_or_else(no)?;
        let about = length - (end.len() - marker - MARKER.len()) as u64;
        let mut database = Database {
            file,
            nodes: 0,
            node: 0,
            // Pointers of the description count from its own start.
            data: about,
            v6: false,
            kind: String::new(),
            built: WallTime::default(),
        };
        let number = |key: &str| database.find(about, &[key]).and_then(|at| database.number(at));
        let (nodes, bits, version) = (number("node_count"), number("record_size"), number("ip_version"));
        let built = number("build_epoch").and_then(|seconds| i64::try_from(seconds).ok());
        let kind = database.find(about, &["database_type"]).and_then(|at| database.text(at));
        let node = bits.filter(|bits| matches!(bits, 24 | 28 | 32)).ok_or_else(no)? / 4;
        database.nodes = nodes.filter(|n| *n < 1 << 32).ok_or_else(no)?;
        database.node = node;
        database.data = database.nodes * node + GAP;
        database.v6 = version == Some(6);
        database.kind = kind.unwrap_or_default();
        database.built = WallTime::from_micros(built.unwrap_or(0).saturating_mul(crate::time::SECOND));
        if database.data > about { Err(no()) } else { Ok(database) }
    }

    /// Days since it was made.
    pub fn days(&self) -> u64 {
        let age = crate::time::wall().secs() - self.built.secs();
        age.max(0) as u64 / 86_400
    }

    /// Adds what is known of `ip`.
    fn tell(&self, ip: Ip, place: &mut Place) {
        let Some(at) = self.record(ip) else { return };
        let text = |path: &[&str]| self.find(at, path).and_then(|at| self.text(at));
        let or = |known: &mut Option<String>, path: &[&str]| {
            *known = known.take().or_else(|| text(path));
        };
        or(&mut place.city, &["city", "names", "en"]);
        or(&mut place.country, &["country", "names", "en"]);
        or(&mut place.country_code, &["country", "iso_code"]);
        or(&mut place.as_name, &["autonomous_system_organization"]);
        let number = || self.find(at, &["autonomous_system_number"]).and_then(|at| self.number(at));
        place.as_number = place.as_number.or_else(number);
    }

    /// Where the data of `ip` begins.
    fn record(&self, ip: Ip) -> Option<u64> {
        let (bits, length) = match (ip.v4_bits(), self.v6) {
            (Some(v4), false) => (u128::from(v4) << 96, 32),
            // In a tree for both, IPv4 lies below ::/96.
            (Some(v4), true) => (u128::from(v4), 128),
            (None, true) => (ip.bits(), 128),
            (None, false) => return None,
        };
        let mut node = 0;
        for depth in 0..length {
            if node >= self.nodes {
                break;
            }
            node = self.child(node, bits >> (127 - depth) & 1 == 1)?;
        }
        let at = node.checked_sub(self.nodes + GAP)?;
        Some(self.data + at)
    }

    fn child(&self, node: u64, right: bool) -> Option<u64> {
        let mut bytes = [0; 8];
        let bytes = bytes.get_mut(..self.node as usize)?;
        self.file.read_exact_at(bytes, node * self.node).ok()?;
        let big = |bytes: &[u8]| bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b));
        Some(match (self.node, right) {
            // 28 bits: the middle byte holds the highest four of both.
            (7, false) => u64::from(bytes[3] >> 4) << 24 | big(&bytes[..3]),
            (7, true) => u64::from(bytes[3] & 0xf) << 24 | big(&bytes[4..]),
            (n, false) => big(&bytes[..n as usize / 2]),
            (n, true) => big(&bytes[n as usize / 2..]),
        })
    }

    /// Reads the head of a value; a pointer's size is where it points.
    fn head(&self, at: u64) -> Option<Head> {
        let mut bytes = [0; 6];
        let read = self.file.read_at(&mut bytes, at).ok()?;
        let first = *bytes[..read].first()?;
        let rest = |from: usize, count: usize| -> Option<u64> {
            let bytes = bytes[..read].get(from..from + count)?;
            Some(bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
        };
        if first >> 5 == POINTER {
            let (length, high) = (usize::from(first >> 3 & 3) + 1, u64::from(first & 7));
            let low = rest(1, length)?;
            let to = match length {
                1 => high << 8 | low,
                2 => (high << 16 | low) + 2048,
                3 => (high << 24 | low) + 526_336,
                _ => low,
            };
            return Some(Head { kind: POINTER, size: self.data + to, at: at + 1 + length as u64 });
        }
        let extended = first >> 5 == 0;
        let kind =
            if extended { 7 + u8::try_from(rest(1, 1)?).ok().filter(|n| *n < 200)? } else { first >> 5 };
        let from = 1 + usize::from(extended);
        let (size, more) = match first & 31 {
            29 => (29 + rest(from, 1)?, 1),
            30 => (285 + rest(from, 2)?, 2),
            31 => (65_821 + rest(from, 3)?, 3),
            size => (u64::from(size), 0),
        };
        Some(Head { kind, size, at: at + (from + more) as u64 })
    }

    /// The head of a value, behind a pointer if it is one. Pointers never lead to pointers.
    fn value(&self, at: u64) -> Option<Head> {
        let head = self.head(at)?;
        if head.kind == POINTER {
            self.head(head.size).filter(|head| head.kind != POINTER)
        } else {
            Some(head)
        }
    }

    /// Where the next value begins.
    fn after(&self, at: u64, steps: &mut u32, depth: u32) -> Option<u64> {
        *steps = steps.checked_sub(1)?;
        let head = self.head(at)?;
        let inner = match head.kind {
            POINTER | BOOL => return Some(head.at),
            MAP => head.size * 2,
            ARRAY => head.size,
            _ => return head.at.checked_add(head.size),
        };
        let depth = depth.checked_sub(1)?;
        (0..inner).try_fold(head.at, |at, _| self.after(at, steps, depth))
    }

    /// The value under these keys, one map in another.
    fn find(&self, mut at: u64, path: &[&str]) -> Option<u64> {
        let mut steps = STEPS;
        for wanted in path {
            let map = self.value(at).filter(|head| head.kind == MAP)?;
            let mut key = map.at;
            at = (0..map.size).find_map(|_| {
                let found = self.text(key);
                let value = self.after(key, &mut steps, DEPTH);
                match (found, value) {
                    (Some(found), Some(value)) if found == *wanted => Some(Some(value)),
                    (Some(_), Some(value)) => match self.after(value, &mut steps, DEPTH) {
                        Some(next) => {
                            key = next;
                            None
                        }
                        None => Some(None),
                    },
                    _ => Some(None),
                }
            })??;
        }
        Some(at)
    }

    fn text(&self, at: u64) -> Option<String> {
        let head = self.value(at).filter(|head| head.kind == STRING && head.size <= TEXT)?;
        let mut bytes = vec![0; head.size as usize];
        self.file.read_exact_at(&mut bytes, head.at).ok()?;
        Some(clean_text(&bytes, 100))
    }

    /// An unsigned number of up to eight bytes.
    fn number(&self, at: u64) -> Option<u64> {
        let head = self.value(at).filter(|head| matches!(head.kind, 5 | 6 | 9) && head.size <= 8)?;
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes[8 - head.size as usize..], head.at).ok()?;
        Some(u64::from_be_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn head(kind: u8, size: usize) -> Vec<u8> {
        let (size, more) = if size < 29 { (size as u8, vec![]) } else { (29, vec![(size - 29) as u8]) };
        let mut out = if kind < 8 { vec![kind << 5 | size] } else { vec![size, kind - 7] };
        out.extend(more);
        out
    }

    fn text(text: &str) -> Vec<u8> {
        [head(STRING, text.len()), text.into()].concat()
    }

    fn number(kind: u8, value: u32) -> Vec<u8> {
        [head(kind, 4), value.to_be_bytes().to_vec()].concat()
    }

    fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let inner = entries.iter().flat_map(|(key, value)| [text(key), value.clone()].concat());
        head(MAP, entries.len()).into_iter().chain(inner).collect()
    }

    /// A file of the smallest kind: what `network/length` (IPv4) is, in a tree for both families.
    fn file(record_bits: u32, network: u32, length: u32, data: &[u8]) -> Vec<u8> {
        let depth = 96 + length;
        let (nodes, mut out) = (depth, Vec::new());
        for at in 0..depth {
            let right = at >= 96 && network >> (127 - at) & 1 == 1;
            let on = if at + 1 == depth { nodes + 16 } else { at + 1 };
            let (left, right) = if right { (nodes, on) } else { (on, nodes) };
            match record_bits {
                24 => out.extend([&left.to_be_bytes()[1..], &right.to_be_bytes()[1..]].concat()),
                28 => {
                    out.extend(&left.to_be_bytes()[1..]);
                    out.push(((left >> 24) << 4 | right >> 24) as u8);
                    out.extend(&right.to_be_bytes()[1..]);
                }
                _ => out.extend([left.to_be_bytes(), right.to_be_bytes()].concat()),
            }
        }
        out.extend([0; 16]);
        out.extend(data);
        out.extend(MARKER);
        out.extend(map(&[
            ("node_count", number(6, nodes)),
            ("record_size", number(5, record_bits)),
            ("ip_version", number(5, 6)),
            ("database_type", text("Test-City")),
            ("build_epoch", number(6, 1_767_225_600)),
        ]));
        out
    }

    fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(bytes).expect("written");
        file
    }

    fn city() -> Vec<u8> {
        let names = |name: &str| map(&[("de", text("x")), ("en", text(name))]);
        let other = [head(ARRAY, 2), text("a"), head(BOOL, 1)].concat();
        let country = map(&[("names", names("Netherlands")), ("iso_code", text("NL"))]);
        // The key `country` stands elsewhere, as in real files, and is pointed at.
        let data = map(&[("other", other), ("city", map(&[("names", names("Delft\u{202e}"))]))]);
        let mut data = data;
        data[0] += 1;
        let key_at = data.len() + 2 + country.len();
        data.extend([1 << 5 | (key_at >> 8) as u8, key_at as u8]);
        data.extend(country);
        data.extend(text("country"));
        data
    }

    #[test]
    fn an_address_is_found_in_trees_of_every_record_size_and_others_are_not() {
        for bits in [24, 28, 32] {
            let file = written(&file(bits, 0xcb00_7100, 24, &city()));
            let database = Database::open(file.path()).expect("a database");
            assert_eq!((database.kind.as_str(), database.built.secs()), ("Test-City", 1_767_225_600));
            let mut places = Places::new(&[file.path().to_owned()]);
            let place = places.of("203.0.113.77".parse().expect("ip")).expect("known");
            assert_eq!(place.city.as_deref(), Some("Delft"), "cleaned, {bits}");
            assert_eq!(
                (place.country.as_deref(), place.country_code.as_deref()),
                (Some("Netherlands"), Some("NL"))
            );
            for other in ["203.0.112.77", "203.0.114.1", "2001:db8::1", "::1"] {
                assert_eq!(places.of(other.parse().expect("ip")), None, "{other}");
            }
        }
    }

    #[test]
    fn a_file_of_networks_adds_to_one_of_places_and_a_new_file_is_followed() {
        let asn = map(&[
            ("autonomous_system_number", number(6, 64_500)),
            ("autonomous_system_organization", text("Example Net")),
        ]);
        let (one, two) =
            (written(&file(24, 0xcb00_7100, 24, &city())), written(&file(28, 0xcb00_0000, 16, &asn)));
        let mut places = Places::new(&[one.path().to_owned(), two.path().to_owned()]);
        let ip = "203.0.113.77".parse().expect("ip");
        let place = places.of(ip).expect("known");
        assert_eq!((place.as_number, place.as_name.as_deref()), (Some(64_500), Some("Example Net")));
        assert_eq!(place.city.as_deref(), Some("Delft"));
        std::fs::remove_file(one.path()).expect("removed");
        assert_eq!(places.of(ip).expect("known").city, None);
    }

    #[test]
    fn what_is_no_database_is_refused() {
        for bytes in [&b""[..], b"hello", MARKER, &[MARKER, b"\xe1\x41a"].concat()] {
            assert!(Database::open(written(bytes).path()).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_damage_breaks_a_question(at in 0usize..2000, with in any::<u8>(), noise in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut bytes = file(24, 0xcb00_7100, 24, &[city(), noise.clone()].concat());
            let at = at % bytes.len();
            bytes[at] = with;
            let mut places = Places::new(&[written(&bytes).path().to_owned()]);
            let _ = places.of("203.0.113.77".parse().expect("ip"));
            let noisy = written(&file(28, 0xcb00_7100, 24, &noise));
            let _ = Places::new(&[noisy.path().to_owned()]).of("203.0.113.77".parse().expect("ip"));
        }
    }
}
