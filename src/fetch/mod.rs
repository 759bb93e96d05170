//! `netmonitor feeds update`: fetches the lists of the settings, keeps what is worth keeping, and compiles all of them to
//! the one file that `run` loads.
//!
//! It runs in a process of its own, where waiting for a server hurts nobody; `run` never fetches. A list that cannot be
//! fetched, or that came as something else than a list, leaves the one before in place and does not stop the others.

mod client;
pub mod kept;
mod names;

use crate::addr::Inside;
use crate::config::{Config, FeedList};
use crate::feeds::compiled::{Compiled, Source};
use crate::feeds::{Builder, Report};
use crate::time::{self, WallTime};
use client::{Answer, Limits, Version};
use kept::{Folder, Kept};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

/// A list is read in pieces of whole lines of about this size.
const PIECE: usize = 256 * 1024;
/// Of a list that loses more than half of its indicators the old version stays; below this many it may lose all but one.
const FEW: u64 = 20;

/// What became of one list.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// `new`, `unchanged`, `file` (of this machine), `failed`.
    pub state: &'static str,
    /// What became of its lines; of a list that failed: those of the version that stays.
    pub report: Report,
    /// Why it failed, and what to do.
    pub problem: Option<String>,
}

/// Fetches and compiles. `own` is never listed; `force` takes lists that lost most of what they had.
pub fn update(config: &Config, own: &Inside, force: bool) -> io::Result<Vec<Outcome>> {
    let feeds = &config.feeds;
    let mut folder = Folder::open(&feeds.dir)?;
    let limits = Limits { bytes: u64::from(feeds.max_mib) << 20, seconds: feeds.timeout_seconds };
    let mut outcomes: Vec<Outcome> = Vec::new();
    for list in &feeds.lists {
        let outcome = match &list.path {
            Some(path) => local(list, path, own),
            None => remote(list, &mut folder, own, limits, force),
        };
        outcomes.push(outcome);
    }
    compile(&feeds.lists, &mut folder, own, &feeds.dir)?;
    folder.close(&feeds.lists)?;
    Ok(outcomes)
}

fn local(list: &FeedList, path: &Path, own: &Inside) -> Outcome {
    let (report, problem) = match examine(list, path, own) {
        Ok(report) => (report, None),
        Err(problem) => (Report::default(), Some(format!("{}: {problem}", path.display()))),
    };
    let state = if problem.is_some() { "failed" } else { "file" };
    Outcome { name: list.name(), state, report, problem }
}

fn remote(list: &FeedList, folder: &mut Folder, own: &Inside, limits: Limits, force: bool) -> Outcome {
    let fetched = try_remote(list, folder, own, limits, force);
    let kept = folder.kept(list);
    let (state, problem) = match fetched {
        Ok(state) => (state, None),
        Err(problem) => ("failed", Some(problem)),
    };
    kept.problem.clone_from(&problem);
    Outcome { name: list.name(), state, report: kept.report, problem }
}

fn try_remote(
    list: &FeedList,
    folder: &mut Folder,
    own: &Inside,
    limits: Limits,
    force: bool,
) -> Result<&'static str, String> {
    let (text, beside) = (folder.text(list), folder.unfinished(list));
    let here = |error: io::Error| format!("{}: {error}", beside.display());
    let before = folder.kept(list).clone();
    let known = Version { etag: before.etag.clone(), last_modified: before.last_modified.clone() };
    let known = text.exists().then_some(known);
    let mut file = File::create(&beside).map_err(here)?;
    let answer = client::fetch(list, known.as_ref(), limits, &mut file);
    let taken = answer.and_then(|answer| match answer {
        Answer::Unchanged => Ok(None),
        Answer::New(version) => {
            let report = examine(list, &beside, own)?;
            compare(&before, report, force)?;
            file.sync_all().and_then(|()| kept::put(&beside, &text)).map_err(here)?;
            Ok(Some((version, report)))
        }
    });
    let _ = fs::remove_file(&beside);
    let kept = folder.kept(list);
    match taken? {
        None => {
            kept.fetched = Some(time::wall());
            Ok("unchanged")
        }
        Some((version, report)) => {
            let Version { etag, last_modified } = version;
            *kept = Kept { etag, last_modified, fetched: Some(time::wall()), report, problem: None };
            Ok("new")
        }
    }
}

/// Whether a file is a list in the form that it should have.
fn examine(list: &FeedList, path: &Path, own: &Inside) -> Result<Report, String> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    io::Read::read_to_end(&mut io::Read::take(file, 1024), &mut start).map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&start);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.is_empty() {
        return Err("is empty; look at its page whether it has moved".to_owned());
    }
    if text.starts_with('<') {
        return Err("is a web page, not a list; the publisher may want a key or has moved it".to_owned());
    }
    if start.starts_with(b"PK\x03\x04") {
        return Err("is a ZIP archive; use the publisher's plain text or CSV".to_owned());
    }
    let mut builder = Builder::new(0, own);
    let report = add(&mut builder, list, path).map_err(|error| error.to_string())?;
    if report.taken == 0 {
        let (read, of) = (report.unreadable, report.refused + report.skipped);
        return Err(format!(
            "holds no indicator ({read} lines not understood, {of} not usable); is its format right?"
        ));
    }
    Ok(report)
}

fn compare(before: &Kept, now: Report, force: bool) -> Result<(), String> {
    let (had, has) = (before.report.taken, now.taken);
    if force || had < FEW || has * 2 >= had {
        return Ok(());
    }
    Err(format!(
        "lost more than half of its indicators ({had} before, {has} now), so the old one stays; \
         take the new one with `netmonitor feeds update --force` if that is right"
    ))
}

/// Adds a file to what is compiled.
fn add(builder: &mut Builder, list: &FeedList, path: &Path) -> io::Result<Report> {
    let mut reader = BufReader::with_capacity(PIECE, File::open(path)?);
    let (mut report, mut piece) = (Report::default(), Vec::with_capacity(PIECE));
    loop {
        let more = reader.read_until(b'\n', &mut piece)?;
        if piece.len() >= PIECE || more == 0 {
            let text = String::from_utf8_lossy(&piece);
            report.add(builder.add(&list.name(), list.category(), list.format(), &text));
            piece.clear();
        }
        if more == 0 {
            return Ok(report);
        }
    }
}

/// Fetches what `url` names into `out`, at most `bytes` in `seconds`; the owner named it, so it may be on his own network.
/// The error is for people.
pub fn file(
    url: &str,
    ca_file: Option<&Path>,
    bytes: u64,
    seconds: u32,
    out: &mut dyn io::Write,
) -> Result<(), String> {
    let wanted = FeedList {
        url: Some(url.to_owned()),
        allow_private: true,
        ca_file: ca_file.map(Path::to_owned),
        ..FeedList::default()
    };
    let fetched = client::fetch(&wanted, None, client::Limits { bytes, seconds }, out);
    // What lists may do about it is of no use here.
    fetched.map(drop).map_err(|why| why.split(';').next().unwrap_or_default().to_owned())
}

/// Compiles everything that is here: fetched lists and files apart, so that files that change need not wait.
fn compile(lists: &[FeedList], folder: &mut Folder, own: &Inside, dir: &Path) -> io::Result<()> {
    let mut compiled = Compiled { made: time::wall(), ..Compiled::default() };
    for local in [false, true] {
        let mut key = [0; 8];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        let mut builder = Builder::new(u64::from_ne_bytes(key), own);
        for list in lists.iter().filter(|list| list.path.is_some() == local) {
            let path = list.path.clone().unwrap_or_else(|| folder.text(list));
            let stamp = kept::stamp(&path);
            let Some(at) = stamp.map(|(nanos, _)| WallTime::from_micros(nanos / 1000)) else { continue };
            compiled.sources.push(Source {
                name: list.name(),
                from: kept::origin(list),
                format: list.format(),
                category: list.category(),
                report: add(&mut builder, list, &path)?,
                time: folder.kept(list).fetched.unwrap_or(at),
                stamp: stamp.filter(|_| local),
            });
        }
        let mut part = builder.build();
        part.head.local = local;
        compiled.parts.push(part);
    }
    kept::replace(&kept::compiled_path(dir), |file| {
        let mut out = io::BufWriter::new(file);
        compiled.write(&mut |bytes| out.write_all(bytes))?;
        out.flush()
    })
}
