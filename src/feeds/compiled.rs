//! A whole set of lists in one file: made by `netmonitor feeds update`, loaded by `run`.
//!
//! ```text
//! 16 bytes  "netmonitor-feeds"
//!  4        version, big-endian: 1
//!  4        length of the header, big-endian
//!           header, JSON: when it was made, heads of the parts, the lists it was made from
//!           entries of each part, as they are in memory
//! 32        SHA-256 of all before
//! ```

use super::{Category, Format, Head, Part, Report};
use crate::time::WallTime;
use crate::words::{Sentence, say, words};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

const MAGIC: &[u8; 16] = b"netmonitor-feeds";
const VERSION: u32 = 1;
const START: usize = MAGIC.len() + 8;
const DIGEST: usize = 32;
/// Longest header: 255 lists with long names take a tenth of it.
const MAX_HEADER: usize = 1 << 20;

/// A list that went into the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its path or URL.
    pub from: String,
    /// How it was read.
    pub format: Format,
    /// What it is about.
    pub category: Category,
    /// What became of its lines.
    pub report: Report,
    /// When it was fetched, or last found unchanged; of a file: its last change.
    pub time: WallTime,
    /// Of a file: time of its last change, microseconds, and size.
    pub stamp: Option<(i64, u64)>,
}

/// What a file holds.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// When it was made.
    pub made: WallTime,
    /// The indicators.
    pub parts: Vec<Part>,
    /// The lists they came from.
    pub sources: Vec<Source>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    made: WallTime,
    parts: Vec<Head>,
    sources: Vec<Source>,
}

/// Why a file cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It begins with something else.
    NotOurs,
    /// Another version wrote it.
    Version(u32),
    /// What it says of itself makes no sense.
    Header,
    /// It ends too early or too late.
    Length,
    /// Its checksum is another.
    Checksum,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said().en)
    }
}

impl Damage {
    /// In words that go on from the name of the file.
    pub fn said(&self) -> Sentence {
        match self {
            Damage::NotOurs => {
                words("is no file of compiled lists", "is geen bestand met verwerkte lijsten").into()
            }
            Damage::Version(version) => say!(
                "has version {version}, this program reads {VERSION}",
                "heeft versie {version}, dit programma leest {VERSION}"
            ),
            Damage::Header => {
                words("is damaged: its header makes no sense", "is beschadigd: het begin klopt niet").into()
            }
            Damage::Length => {
                words("is damaged: its length is wrong", "is beschadigd: de lengte klopt niet").into()
            }
            Damage::Checksum => {
                words("is damaged: its checksum is wrong", "is beschadigd: het controlegetal klopt niet")
                    .into()
            }
        }
    }
}

impl std::error::Error for Damage {}

impl Compiled {
    /// Writes the file piece by piece.
    pub fn write(&self, write: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
        let heads = self.parts.iter().map(|part| part.head.clone()).collect();
        let header = Header { made: self.made, parts: heads, sources: self.sources.clone() };
        let header = serde_json::to_vec(&header)?;
        let mut digest = Sha256::new();
        let mut put = |bytes: &[u8]| {
            digest.update(bytes);
            write(bytes)
        };
        put(MAGIC)?;
        put(&VERSION.to_be_bytes())?;
        put(&(header.len() as u32).to_be_bytes())?;
        put(&header)?;
        self.parts.iter().try_for_each(|part| put(&part.entries))?;
        let digest = digest.finalize();
        write(&digest)
    }
}

/// Takes a file in pieces of any size, so that reading it can stop and go on.
pub struct Loader {
    length: u64,
    taken: u64,
    digest: Sha256,
    /// Bytes of what comes before the entries, and of the checksum behind them.
    edge: Vec<u8>,
    header_length: Option<usize>,
    compiled: Option<Compiled>,
    part: usize,
}

impl Loader {
    /// For a file of `length` bytes.
    pub fn new(length: u64) -> Self {
        Loader {
            length,
            taken: 0,
            digest: Sha256::new(),
            edge: Vec::new(),
            header_length: None,
            compiled: None,
            part: 0,
        }
    }

    /// The next piece.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), Damage> {
        self.taken += bytes.len() as u64;
        while !bytes.is_empty() {
            let wanted = self.wanted();
            if wanted == 0 {
                return Err(Damage::Length);
            }
            let (now, later) = bytes.split_at(wanted.min(bytes.len()));
            bytes = later;
            self.take(now)?;
        }
        Ok(())
    }

    /// How many bytes belong to what is read now.
    fn wanted(&self) -> usize {
        match (&self.compiled, self.header_length) {
            (None, None) => START - self.edge.len(),
            (None, Some(length)) => START + length - self.edge.len(),
            (Some(compiled), _) => match compiled.parts.get(self.part) {
                Some(part) => part.head.size().unwrap_or(0) - part.entries.len(),
                None => DIGEST - self.edge.len(),
            },
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Damage> {
        let Some(compiled) = &mut self.compiled else {
            self.digest.update(bytes);
            self.edge.extend_from_slice(bytes);
            return match self.wanted() {
                0 => self.begin(),
                _ => Ok(()),
            };
        };
        match compiled.parts.get_mut(self.part) {
            Some(part) => {
                self.digest.update(bytes);
                part.entries.extend_from_slice(bytes);
                self.skip_full();
            }
            None => self.edge.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn skip_full(&mut self) {
        let Some(compiled) = &self.compiled else { return };
        let full = |part: &Part| part.head.size() == Some(part.entries.len());
        self.part += compiled.parts[self.part..].iter().take_while(|part| full(part)).count();
    }

    /// What stands before the entries is there.
    fn begin(&mut self) -> Result<(), Damage> {
        let number = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|i| self.edge[at + i]));
        if self.header_length.is_none() {
            if !self.edge.starts_with(MAGIC) {
                return Err(Damage::NotOurs);
            }
            if number(MAGIC.len()) != VERSION {
                return Err(Damage::Version(number(MAGIC.len())));
            }
            let length = number(MAGIC.len() + 4) as usize;
            if length > MAX_HEADER || length == 0 {
                return Err(Damage::Header);
            }
            self.header_length = Some(length);
            return Ok(());
        }
        let header: Header = serde_json::from_slice(&self.edge[START..]).map_err(|_| Damage::Header)?;
        let sizes = header.parts.iter().map(|head| head.size().map(|size| size as u64));
        let entries: u64 = sizes.sum::<Option<u64>>().ok_or(Damage::Header)?;
        if (self.edge.len() + DIGEST) as u64 + entries != self.length {
            return Err(Damage::Length);
        }
        let part = |head: Head| Part { entries: Vec::with_capacity(head.size().unwrap_or(0)), head };
        let parts = header.parts.into_iter().map(part).collect();
        self.compiled = Some(Compiled { made: header.made, parts, sources: header.sources });
        self.edge = Vec::new();
        self.skip_full();
        Ok(())
    }

    /// The end of the file: what it holds, when all of it came and is what was written.
    pub fn finish(self) -> Result<Compiled, Damage> {
        if self.taken != self.length || self.wanted() != 0 {
            return Err(Damage::Length);
        }
        if self.digest.finalize().as_slice() != self.edge {
            return Err(Damage::Checksum);
        }
        self.compiled.ok_or(Damage::Length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Builder, Feeds};
    use super::*;
    use crate::addr::Inside;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn file() -> Vec<u8> {
        let mut builder = Builder::new(9, &Inside::default());
        builder.add(
            "a",
            Category::C2,
            Format::Auto,
            "203.0.113.7\n198.51.100.0/24\nbad.example\nhttp://x.example/y\n",
        );
        let empty = Builder::new(3, &Inside::default()).build();
        let source = Source { name: "a".into(), ..Source::default() };
        let compiled =
            Compiled { parts: vec![empty, builder.build()], sources: vec![source], ..Compiled::default() };
        let mut bytes = Vec::new();
        compiled.write(&mut |piece| std::io::Write::write_all(&mut bytes, piece)).expect("memory");
        bytes
    }

    fn load(bytes: &[u8], piece: usize) -> Result<Compiled, Damage> {
        let mut loader = Loader::new(bytes.len() as u64);
        bytes.chunks(piece).try_for_each(|piece| loader.push(piece))?;
        loader.finish()
    }

    #[test]
    fn what_was_written_is_read_back_in_pieces_of_any_size() {
        let bytes = file();
        for piece in [1, 7, 64, bytes.len()] {
            let compiled = load(&bytes, piece).expect("whole");
            assert_eq!(compiled.sources[0].name, "a");
            let feeds = Feeds::new(compiled.parts.into_iter().map(Arc::new).collect());
            let hit = feeds.address("198.51.100.9".parse().expect("ip")).expect("listed");
            assert_eq!((hit.name.as_str(), hit.category), ("a", Category::C2));
            assert!(feeds.domain("www.bad.example").is_some() && feeds.url("x.example", "/y").is_some());
        }
    }

    #[test]
    fn any_byte_changed_and_any_end_cut_off_is_noticed() {
        let bytes = file();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            assert!(load(&changed, 100).is_err(), "byte {at}");
            assert!(load(&bytes[..at], 100).is_err(), "cut at {at}");
        }
        assert_eq!(load(&[&bytes[..], b"x"].concat(), 100).err(), Some(Damage::Length));
        let mut newer = bytes;
        newer[19] = 2;
        assert_eq!(load(&newer, 9).err(), Some(Damage::Version(2)));
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_loader(noise in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..400, piece in 1usize..50) {
            let bytes = file();
            let bytes = [&bytes[..cut.min(bytes.len())], &noise].concat();
            let _ = load(&bytes, piece);
        }
    }
}
