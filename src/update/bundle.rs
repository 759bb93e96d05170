//! The file of an update: an uncompressed tar archive of `manifest.json` and the parts it names, in its order, beside it a
//! minisign signature of the whole, `FILE.minisig`.
//!
//! Nothing in it is believed, or even taken apart, before the signature over all of it is. What is written afterwards is
//! held against the digests of the manifest that was signed, so a file that is swapped meanwhile does not get through.

use super::UpdateError;
use flate2::read::GzDecoder;
use minisign_verify::{PublicKey, Signature};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Component, Path, PathBuf};

/// Where the key is that updates must be signed with, below the root.
pub const PUBLIC_KEY: &str = "usr/share/netmonitor/update.pub";
/// What the manifest says it is.
pub const FORMAT: &str = "netmonitor-update";
/// Grows with every change that an older program would misread.
const VERSION: u32 = 1;
/// The name of the root's part.
const ROOT: &str = "root";
/// What the names of the boot folder's parts begin with.
const BOOT: &str = "boot/";
/// Largest manifest, bytes; it comes first, behind a head of 512.
const MANIFEST: usize = 64 * 1024;
/// Bytes read at a time.
pub const PIECE: usize = 256 * 1024;

/// What a bundle says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// Form of the bundle.
    pub version: u32,
    /// Release that it brings, such as `1.2.3`.
    pub release: String,
    /// Processor, as `std::env::consts::ARCH` has it.
    pub arch: String,
    /// Boards that it is for, as their device tree calls them (`raspberrypi,4-model-b`); empty: all of that processor.
    #[serde(default)]
    pub boards: Vec<String>,
    /// Schema of the store that the release writes.
    pub schema: u64,
    /// The parts, in the order of the archive.
    pub parts: Vec<Part>,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// `root`, or `boot/` and the file's name there.
    pub name: String,
    /// Bytes, unpacked.
    pub size: u64,
    /// SHA-256 of those, hexadecimal.
    pub sha256: String,
    /// Whether it is packed by gzip.
    #[serde(default)]
    pub gzip: bool,
}

impl Part {
    /// Where a file of the boot folder goes in it; `None` for the root.
    pub fn boot_file(&self) -> Option<PathBuf> {
        self.name.strip_prefix(BOOT).map(PathBuf::from)
    }

    fn check(&self) -> Result<(), String> {
        let plain = |file: PathBuf| {
            file.components().all(|part| matches!(part, Component::Normal(_)))
                && file.components().count() <= 4
        };
        let named = self.name == ROOT
            || self.boot_file().is_some_and(|file| !file.as_os_str().is_empty() && plain(file));
        if !named || self.sha256.len() != 64 {
            return Err(format!("it has a part {:?} that cannot be", self.name));
        }
        Ok(())
    }
}

/// A bundle whose signature is right.
#[derive(Debug)]
pub struct Bundle {
    path: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
}

impl Bundle {
    /// Checks the signature over all of `path` with the key in `key`.
    pub fn open(path: &Path, key: &Path) -> Result<Bundle, UpdateError> {
        let text = |path: &Path, what: &str| {
            let read = fs::read_to_string(path);
            read.map_err(|error| UpdateError::Signature(format!("{what} {}: {error}", path.display())))
        };
        let mut name = path.as_os_str().to_owned();
        name.push(".minisig");
        let signature = PathBuf::from(name);
        let wrong = |path: &Path, error| UpdateError::Signature(format!("{}: {error}", path.display()));
        let public =
            PublicKey::decode(text(key, "the key for updates,")?.trim()).map_err(|e| wrong(key, e))?;
        let signed =
            Signature::decode(&text(&signature, "the signature,")?).map_err(|e| wrong(&signature, e))?;
        let start = verified(path, &public, &signed)?;
        let manifest = manifest(&start).map_err(UpdateError::Bundle)?;
        Ok(Bundle { path: path.to_owned(), manifest })
    }

    /// Hands every part to `take`, in order, unpacked. What is handed over is not believed before `take` has read it to
    /// its end without an error.
    pub fn parts(
        &self,
        mut take: impl FnMut(&Part, &mut dyn Read) -> Result<(), UpdateError>,
    ) -> Result<(), UpdateError> {
        let broken = |error: io::Error| UpdateError::Bundle(error.to_string());
        let file = File::open(&self.path).map_err(UpdateError::file(&self.path))?;
        let mut archive = tar::Archive::new(file);
        let mut entries = archive.entries().map_err(broken)?;
        entries.next();
        for part in &self.manifest.parts {
            let missing = || UpdateError::Bundle(format!("part {} is missing", part.name));
            let entry = entries.next().ok_or_else(missing)?.map_err(broken)?;
            if entry.path().map_err(broken)?.as_os_str() != part.name.as_str() {
                return Err(missing());
            }
            let plain: Box<dyn Read> =
                if part.gzip { Box::new(GzDecoder::new(entry)) } else { Box::new(entry) };
            let mut checked = Checked { from: plain, part, left: part.size, digest: Sha256::new() };
            take(part, &mut checked)?;
        }
        Ok(())
    }
}

impl Manifest {
    /// Bytes of the root.
    pub fn root_size(&self) -> u64 {
        self.parts.iter().filter(|part| part.name == ROOT).map(|part| part.size).sum()
    }

    /// Bytes of the boot folder.
    pub fn boot_size(&self) -> u64 {
        self.parts.iter().filter(|part| part.name != ROOT).map(|part| part.size).sum()
    }
}

/// Reads the whole file past the signature; its first bytes, when that is right.
fn verified(path: &Path, key: &PublicKey, signature: &Signature) -> Result<Vec<u8>, UpdateError> {
    let wrong = |error: minisign_verify::Error| {
        UpdateError::Signature(format!("{} is not signed with the key of this card: {error}", path.display()))
    };
    let mut verifier = key.verify_stream(signature).map_err(wrong)?;
    let mut file = File::open(path).map_err(UpdateError::file(path))?;
    let (mut start, mut piece) = (Vec::new(), vec![0; PIECE]);
    loop {
        let read = file.read(&mut piece).map_err(UpdateError::file(path))?;
        if read == 0 {
            break;
        }
        verifier.update(&piece[..read]);
        let room = (MANIFEST + 512 - start.len()).min(read);
        start.extend_from_slice(&piece[..room]);
    }
    verifier.finalize().map_err(|_| {
        UpdateError::Signature(format!(
            "{} is not signed with the key of this card, or it is damaged or cut off",
            path.display()
        ))
    })?;
    Ok(start)
}

fn manifest(start: &[u8]) -> Result<Manifest, String> {
    let mut archive = tar::Archive::new(Cursor::new(start));
    let mut entries = archive.entries().map_err(|error| error.to_string())?;
    let entry = entries.next().ok_or("it is empty")?.map_err(|error| error.to_string())?;
    let named = entry.path().is_ok_and(|path| path.as_os_str() == "manifest.json");
    if !named || entry.size() > MANIFEST as u64 {
        return Err("its first part is no manifest".to_owned());
    }
    let mut text = Vec::new();
    entry.take(MANIFEST as u64).read_to_end(&mut text).map_err(|error| error.to_string())?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| format!("manifest.json: {error}"))?;
    if manifest.format != FORMAT || manifest.version != VERSION {
        return Err(format!("it is of another form ({} {})", manifest.format, manifest.version));
    }
    manifest.parts.iter().try_for_each(Part::check)?;
    if manifest.parts.iter().filter(|part| part.name == ROOT).count() != 1 || manifest.boot_size() == 0 {
        return Err("it has no root or no boot folder".to_owned());
    }
    Ok(manifest)
}

/// A part as it is read: its end is an error unless it is what the manifest says.
struct Checked<'a> {
    from: Box<dyn Read + 'a>,
    part: &'a Part,
    left: u64,
    digest: Sha256,
}

impl Read for Checked<'_> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let wrong = |what: &str| {
            io::Error::new(io::ErrorKind::InvalidData, format!("part {} {what}", self.part.name))
        };
        if piece.is_empty() {
            return Ok(0);
        }
        let read = self.from.read(piece)?;
        if read > 0 {
            self.left = self.left.checked_sub(read as u64).ok_or_else(|| wrong("is too long"))?;
            self.digest.update(&piece[..read]);
            return Ok(read);
        }
        if self.left > 0 {
            return Err(wrong("is cut off"));
        }
        match hex(self.digest.clone()) == self.part.sha256 {
            true => Ok(0),
            false => Err(wrong("is damaged")),
        }
    }
}

/// A digest as the manifest has it.
pub fn hex(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
