//! Where outside addresses are, and whose network they are in: from MaxMind DB files of the owner, when there are any.
//!
//! Asked only for addresses that somebody looks at. A file is held in memory as it is, from the first question on;
//! without files nothing is held and nothing is looked up. What is written in one is cleaned like a name on the wire.

use crate::addr::Ip;
use crate::time::WallTime;
use crate::wire::clean_text;
use maxminddb::{Reader, path};
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A larger file has no place in the memory of a small board.
const LARGEST: u64 = 128 << 20;
/// Longest text, characters.
const TEXT: usize = 100;

/// What is known of an outside address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// City, in English.
    pub city: Option<String>,
    /// Country, in English.
    pub country: Option<String>,
    /// Country, two letters (ISO 3166-1).
    pub country_code: Option<String>,
    /// Number of the autonomous system.
    pub as_number: Option<u64>,
    /// Whose network it is.
    pub as_name: Option<String>,
}

/// The files, read again when one is another than before.
pub struct Places {
    paths: Vec<PathBuf>,
    open: Vec<(Option<SystemTime>, io::Result<Database>)>,
}

impl Places {
    /// The files named in the settings; read when first asked.
    pub fn new(paths: &[PathBuf]) -> Self {
        Places { paths: paths.to_vec(), open: Vec::new() }
    }

    /// What the files say of `ip`; `None` when they say nothing.
    pub fn of(&mut self, ip: Ip) -> Option<Place> {
        self.follow();
        let mut place = Place::default();
        self.open.iter().filter_map(|(_, open)| open.as_ref().ok()).for_each(|db| db.tell(ip, &mut place));
        (place != Place::default()).then_some(place)
    }

    fn follow(&mut self) {
        let changed = |path: &PathBuf| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let now: Vec<_> = self.paths.iter().map(changed).collect();
        if self.open.len() == now.len() && self.open.iter().zip(&now).all(|((then, _), now)| then == now) {
            return;
        }
        // The old ones go first: two sets need not fit.
        self.open.clear();
        self.open = now.into_iter().zip(&self.paths).map(|(at, path)| (at, Database::open(path))).collect();
        for ((_, open), path) in self.open.iter().zip(&self.paths) {
            if let Err(error) = open {
                log::warn!("network.geoip: {}: {error}", path.display());
            }
        }
    }
}

/// One MaxMind DB file.
pub struct Database(Reader<Vec<u8>>);

impl Database {
    /// Reads a file; the error says what is wrong with it.
    pub fn open(path: &Path) -> io::Result<Database> {
        if std::fs::metadata(path)?.len() > LARGEST {
            return Err(io::Error::other("larger than 128 MiB"));
        }
        let reader = Reader::from_source(std::fs::read(path)?);
        reader.map(Database).map_err(|_| io::Error::other("is no MaxMind DB file; fetch it again"))
    }

    /// What it holds, such as `GeoLite2-City`.
    pub fn kind(&self) -> String {
        clean_text(self.0.metadata().database_type.as_bytes(), TEXT)
    }

    /// When it was made.
    pub fn built(&self) -> WallTime {
        let seconds = i64::try_from(self.0.metadata().build_epoch).unwrap_or(0);
        WallTime::from_micros(seconds.saturating_mul(crate::time::SECOND))
    }

    /// How old it is.
    pub fn days(&self) -> u64 {
        let age = crate::time::wall().secs() - self.built().secs();
        age.max(0) as u64 / 86_400
    }

    /// Adds what this file says of `ip` and no other has said.
    fn tell(&self, ip: Ip, place: &mut Place) {
        let Ok(found) = self.0.lookup(ip.std()) else { return };
        let or = |known: &mut Option<String>, path: &[maxminddb::PathElement<'_>]| {
            let text = || found.decode_path::<&str>(path).ok().flatten();
            *known = known.take().or_else(|| text().map(|text| clean_text(text.as_bytes(), TEXT)));
        };
        or(&mut place.city, &path!["city", "names", "en"]);
        or(&mut place.country, &path!["country", "names", "en"]);
        or(&mut place.country_code, &path!["country", "iso_code"]);
        or(&mut place.as_name, &path!["autonomous_system_organization"]);
        let number =
            || found.decode_path::<u32>(&path!["autonomous_system_number"]).ok().flatten().map(u64::from);
        place.as_number = place.as_number.or_else(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    const STRING: u8 = 2;
    const MAP: u8 = 7;
    const ARRAY: u8 = 11;
    const BOOL: u8 = 14;
    /// Stands before the description at the end of a file.
    const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

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
        let wide = u64::from(value).to_be_bytes();
        let length =
            [(5, 2), (6, 4), (9, 8)].into_iter().find(|(k, _)| *k == kind).expect("a kind of number").1;
        [head(kind, length), wide[8 - length..].to_vec()].concat()
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
            ("build_epoch", number(9, 1_767_225_600)),
            ("binary_format_major_version", number(5, 2)),
            ("binary_format_minor_version", number(5, 0)),
            ("languages", [head(ARRAY, 1), text("en")].concat()),
            ("description", map(&[("en", text("made by hand"))])),
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
            assert_eq!((database.kind().as_str(), database.built().secs()), ("Test-City", 1_767_225_600));
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
