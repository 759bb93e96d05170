//! Lists of known bad addresses and names: read from their files, and read again when a file changes.

use crate::addr::Inside;
use crate::config::Config;
use crate::feeds::{Builder, Feeds};
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// A list is read in pieces of whole lines of about this size, so that a large one is never in memory as text.
const PIECE: usize = 256 * 1024;
/// A file larger than this is not a list.
const LARGEST: u64 = 256 << 20;

/// The configured lists and how they stood when last read.
pub struct Lists {
    lists: Vec<(PathBuf, String)>,
    own: Inside,
    key: u64,
    read: Vec<ListStatus>,
    stamps: Vec<Option<(SystemTime, u64)>>,
}

/// One list, for the health page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListStatus {
    /// Its name in alerts.
    pub name: String,
    /// Indicators taken.
    pub taken: u64,
    /// Lines that are no indicator.
    pub unreadable: u64,
    /// Indicators refused: private or own addresses, networks too wide, top-level domains.
    pub refused: u64,
    /// What is wrong with it, in words.
    pub problem: Option<String>,
}

impl Lists {
    /// The lists of the settings; `own` is never listed, `key` keys the hashes of names.
    pub fn new(config: &Config, own: Inside, key: u64) -> Self {
        let name = |path: &Path, name: &str| match name {
            "" => path.file_stem().map_or_else(|| "list".to_owned(), |n| n.to_string_lossy().into_owned()),
            name => name.to_owned(),
        };
        let lists: Vec<_> =
            config.feeds.lists.iter().map(|l| (l.path.clone(), name(&l.path, &l.name))).collect();
        let stamps = vec![None; lists.len()];
        Lists { lists, own, key, read: Vec::new(), stamps }
    }

    /// How each list stood when last read.
    pub fn status(&self) -> &[ListStatus] {
        &self.read
    }

    /// Reads every list. One that cannot be read is left out and says why in its status.
    pub fn load(&mut self) -> Arc<Feeds> {
        let mut builder = Builder::new(self.key, &self.own);
        self.stamps = self.lists.iter().map(|(path, _)| stamp(path)).collect();
        self.read.clear();
        for (path, name) in &self.lists {
            let mut status = ListStatus { name: name.clone(), ..ListStatus::default() };
            if let Err(error) = read(path, &mut builder, &mut status) {
                status.problem = Some(format!("{}: {error}", path.display()));
            }
            self.read.push(status);
        }
        Arc::new(builder.build())
    }

    /// Reads every list again when a file is another than before; `None` while nothing changed.
    pub fn reload(&mut self) -> Option<Arc<Feeds>> {
        let changed = self.lists.iter().zip(&self.stamps).any(|((path, _), then)| stamp(path) != *then);
        changed.then(|| self.load())
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

fn read(path: &Path, builder: &mut Builder, status: &mut ListStatus) -> io::Result<()> {
    let file = File::open(path)?;
    if file.metadata()?.len() > LARGEST {
        return Err(io::Error::other("larger than 256 MiB; this is not a list"));
    }
    let mut reader = BufReader::with_capacity(PIECE, file);
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        let more = reader.read_until(b'\n', &mut piece)?;
        if piece.len() >= PIECE / 2 || (more == 0 && !piece.is_empty()) {
            let report = builder.add(&status.name, &String::from_utf8_lossy(&piece));
            status.taken += report.taken;
            status.unreadable += report.unreadable;
            status.refused += report.refused;
            piece.clear();
        }
        if more == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(dir: &Path) -> Lists {
        let text = format!("[feeds]\nlists = [{{ path = \"{}/bad.txt\" }}]\n", dir.display());
        let config =
            Config::from_layers(Some((Path::new("t"), &text)), std::iter::empty(), &[]).expect("valid");
        Lists::new(&config, Inside::default(), 7)
    }

    #[test]
    fn a_list_is_read_named_after_its_file_and_read_again_when_it_changes() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("bad.txt");
        std::fs::write(&path, "203.0.113.66\nbad.example\n# comment\n10.0.0.1\n").expect("written");
        let mut lists = lists(dir.path());
        let feeds = lists.load();
        assert_eq!(feeds.address("203.0.113.66".parse().expect("ip")), Some("bad"));
        assert_eq!((lists.status()[0].taken, lists.status()[0].refused), (2, 1));
        assert!(lists.reload().is_none());
        std::fs::write(&path, "203.0.113.77\n").expect("written");
        let feeds = lists.reload().expect("it changed");
        assert!(feeds.address("203.0.113.66".parse().expect("ip")).is_none());
    }

    #[test]
    fn a_list_that_cannot_be_read_says_why() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut lists = lists(dir.path());
        lists.load();
        assert!(lists.status()[0].problem.as_ref().is_some_and(|p| p.contains("bad.txt")));
    }
}
