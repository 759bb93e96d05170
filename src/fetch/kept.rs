//! The folder of fetched lists: what each stood like when it came, and the file compiled from all of them. A file is
//! replaced as a whole or not at all.

use crate::config::FeedList;
use crate::feeds::Report;
use crate::time::WallTime;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// How a file stood: time of its last change, nanoseconds since 1970, and size.
pub type Stamp = (i64, u64);

/// End of the name of a file that is still being written.
const UNFINISHED: &str = ".part";

/// How a file stands now; `None` when there is none.
pub fn stamp(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok()?;
    let since = meta.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some((i64::try_from(since.as_nanos()).unwrap_or(i64::MAX), meta.len()))
}

/// The file that all lists are compiled to.
pub fn compiled_path(dir: &Path) -> PathBuf {
    dir.join("compiled.feeds")
}

/// Where a list comes from, as the compiled file names it.
pub fn origin(list: &FeedList) -> String {
    let path = list.path.as_ref().map(|path| path.display().to_string());
    path.or_else(|| list.url.clone()).unwrap_or_default()
}

/// What is known of a fetched list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// The server's word for this version of it.
    pub etag: Option<String>,
    /// When the server says it changed.
    pub last_modified: Option<String>,
    /// When it was fetched, or last found unchanged.
    pub fetched: Option<WallTime>,
    /// What became of its lines.
    pub report: Report,
    /// Why the last attempt failed.
    pub problem: Option<String>,
}

/// The folder, held by one update at a time.
pub struct Folder {
    dir: PathBuf,
    kept: BTreeMap<String, Kept>,
    _lock: File,
}

impl Folder {
    /// Opens the folder, which is made when missing, for this process alone.
    pub fn open(dir: &Path) -> io::Result<Folder> {
        fs::create_dir_all(dir)?;
        let lock = File::create(dir.join("lock"))?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|error| {
            match error {
                rustix::io::Errno::WOULDBLOCK => io::Error::other("another update is at work; wait for it"),
                error => error.into(),
            }
        })?;
        for entry in fs::read_dir(dir)?.flatten() {
            if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Folder { dir: dir.to_owned(), kept: state(dir), _lock: lock })
    }

    /// What is known of a list.
    pub fn kept(&mut self, list: &FeedList) -> &mut Kept {
        self.kept.entry(key(list)).or_default()
    }

    /// The text of a list as it was fetched.
    pub fn text(&self, list: &FeedList) -> PathBuf {
        self.dir.join(key(list))
    }

    /// Where a list is written while it comes.
    pub fn unfinished(&self, list: &FeedList) -> PathBuf {
        self.dir.join(key(list) + UNFINISHED)
    }

    /// Forgets lists that are no longer wanted, and keeps what is known of the others.
    pub fn close(mut self, wanted: &[FeedList]) -> io::Result<()> {
        let keys: Vec<String> = wanted.iter().filter(|list| list.url.is_some()).map(key).collect();
        self.kept.retain(|key, _| keys.contains(key));
        for entry in fs::read_dir(&self.dir)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".list") && !keys.contains(&name) {
                fs::remove_file(entry.path())?;
            }
        }
        let text = serde_json::to_vec_pretty(&self.kept)?;
        replace(&state_path(&self.dir), |file| file.write_all(&text))
    }
}

fn state_path(dir: &Path) -> PathBuf {
    dir.join("state.json")
}

/// What was known when the last update ended, by file of each list. Nothing where that cannot be read: every list is then
/// fetched again.
fn state(dir: &Path) -> BTreeMap<String, Kept> {
    let text = fs::read(state_path(dir)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Why the last attempt to fetch this list failed, if it did.
pub fn last_problem(dir: &Path, list: &FeedList) -> Option<String> {
    state(dir).remove(&key(list))?.problem
}

/// A list's file: its name as far as that can stand in a file's, and a number made of its URL, so that another URL begins
/// anew.
fn key(list: &FeedList) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = list.name().chars().map(plain).take(40).collect();
    let number = crate::detect::text_part(&format!("{} {}", list.name(), origin(list)));
    format!("{name}-{number:016x}.list")
}

/// Writes a file beside its place, makes it durable, and puts it there in one step.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    let beside = PathBuf::from(name);
    let mut file = File::create(&beside)?;
    write(&mut file)?;
    file.sync_all()?;
    put(&beside, path)
}

/// Puts a durable file in its place.
pub fn put(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    let dir = to.parent().unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}
