//! Lists of known bad addresses and names as the running monitor has them: what `netmonitor feeds update` compiled, and
//! files of this machine. Both are looked at again and again; what changed is read in small pieces, between other work.

use crate::addr::Inside;
use crate::config::{Config, FeedList};
use crate::feeds::compiled::{Compiled, Loader, Source};
use crate::feeds::{Builder, Category, Feeds, Format, Part, Report};
use crate::fetch::kept::{self, Stamp, stamp};
use crate::time::{self, SECOND, WallTime};
use crate::words::{Sentence, say, words};
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So much of a file is read in one turn: a millisecond or two on a small board.
const PIECE: usize = 64 * 1024;
/// A file larger than this is not a list.
const LARGEST: u64 = 256 << 20;

/// The configured lists and how they stood when last read.
pub struct Lists {
    wanted: Vec<FeedList>,
    file: PathBuf,
    own: Inside,
    key: u64,
    compiled: Option<Held>,
    compiled_problem: Option<Sentence>,
    /// What was made of the files here, when nothing compiled covers them.
    local: Option<Arc<Part>>,
    read: Vec<ListStatus>,
    stamps: Option<Stamps>,
}

/// What was loaded from the compiled file.
#[derive(Clone)]
struct Held {
    parts: Vec<Arc<Part>>,
    sources: Vec<Source>,
}

/// How the files were: the compiled one, and each list that is a file.
#[derive(Clone, PartialEq, Eq)]
struct Stamps {
    compiled: Option<Stamp>,
    local: Vec<Option<Stamp>>,
}

/// One list, for the health page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListStatus {
    /// Its name in alerts.
    pub name: String,
    /// What it is about.
    pub category: Category,
    /// How it is written.
    pub format: Format,
    /// Indicators taken.
    pub taken: u64,
    /// Lines that are no indicator.
    pub unreadable: u64,
    /// Indicators refused: private or own addresses, networks too wide, top-level domains.
    pub refused: u64,
    /// Indicators that traffic does not show, such as hashes of files.
    pub skipped: u64,
    /// When it was fetched, or last found unchanged; of a file: its last change.
    pub time: Option<WallTime>,
    /// Seconds since.
    pub age_seconds: Option<i64>,
    /// What is wrong with it, in words.
    pub problem: Option<String>,
    /// The same in Dutch.
    pub problem_nl: Option<String>,
    /// Both.
    #[serde(skip)]
    pub said: Option<Sentence>,
    /// Whether it is fetched, and so should stay young.
    #[serde(skip)]
    pub fetched: bool,
}

impl ListStatus {
    fn suffers(&mut self, problem: Option<Sentence>) {
        (self.problem, self.problem_nl) = Sentence::both(problem.as_ref());
        self.said = problem;
    }

    fn of(list: &FeedList, report: Report, time: Option<WallTime>) -> Self {
        ListStatus {
            name: list.name(),
            category: list.category(),
            format: list.format(),
            taken: report.taken,
            unreadable: report.unreadable,
            refused: report.refused,
            skipped: report.skipped,
            time,
            fetched: list.url.is_some(),
            ..ListStatus::default()
        }
    }
}

/// Files on their way in; `step` it until it is done.
pub struct Loading {
    stamps: Stamps,
    own: Inside,
    key: u64,
    wanted: Vec<FeedList>,
    file: PathBuf,
    compiled: Option<Held>,
    compiled_problem: Option<Sentence>,
    stage: Stage,
    builder: Option<Builder>,
    read: Vec<ListStatus>,
}

enum Stage {
    /// The compiled file, so far.
    Compiled(File, Box<Loader>),
    /// The list of this number, so far; `None` before it is opened.
    Local(usize, Option<BufReader<File>>),
    Done,
}

impl Lists {
    /// The lists of the settings; `own` is never listed, `key` keys the hashes of what is compiled here.
    pub fn new(config: &Config, own: Inside, key: u64) -> Self {
        Lists {
            wanted: config.feeds.lists.clone(),
            file: kept::compiled_path(&config.feeds.dir),
            own,
            key,
            compiled: None,
            compiled_problem: None,
            local: None,
            read: Vec::new(),
            stamps: None,
        }
    }

    /// How each list stood when last read.
    pub fn status(&self) -> Vec<ListStatus> {
        let now = time::wall();
        let age = |then: WallTime| (now.micros() - then.micros()).max(0) / SECOND;
        let aged = |list: &ListStatus| ListStatus { age_seconds: list.time.map(age), ..list.clone() };
        self.read.iter().map(aged).collect()
    }

    /// Reads every list. One that cannot be read is left out and says why in its status.
    pub fn load(&mut self) -> Feeds {
        self.stamps = None;
        match self.begin() {
            Some(mut loading) => {
                while loading.step() {}
                self.take(loading)
            }
            None => Feeds::default(),
        }
    }

    /// Begins to read what changed; `None` while nothing did.
    pub fn begin(&self) -> Option<Loading> {
        let local = |list: &FeedList| list.path.as_deref().and_then(stamp);
        let fetched = self.wanted.iter().any(|list| list.url.is_some());
        let stamps = Stamps {
            // Without a list no file is looked for.
            compiled: (fetched || !self.wanted.is_empty()).then(|| stamp(&self.file)).flatten(),
            local: self.wanted.iter().map(local).collect(),
        };
        if self.stamps.as_ref() == Some(&stamps) {
            return None;
        }
        let mut loading = Loading {
            own: self.own.clone(),
            key: self.key,
            wanted: self.wanted.clone(),
            file: self.file.clone(),
            compiled: self.compiled.clone(),
            compiled_problem: self.compiled_problem.clone(),
            stage: Stage::Local(0, None),
            builder: None,
            read: Vec::new(),
            stamps,
        };
        let before = self.stamps.as_ref().and_then(|stamps| stamps.compiled);
        match loading.stamps.compiled {
            same if same == before => {}
            None => (loading.compiled, loading.compiled_problem) = (None, None),
            Some((_, size)) if size > LARGEST => {
                loading.refuse(&words("is larger than 256 MiB", "is groter dan 256 MiB").into());
            }
            Some((_, size)) => match File::open(&self.file) {
                Ok(file) => loading.stage = Stage::Compiled(file, Box::new(Loader::new(size))),
                Err(error) => {
                    loading.refuse(&say!("cannot be read: {error}", "is niet te lezen: {error}"));
                }
            },
        }
        Some(loading)
    }

    /// Takes what was read: from now on it is what there is.
    pub fn take(&mut self, loading: Loading) -> Feeds {
        self.compiled_problem = loading.compiled_problem;
        self.compiled = loading.compiled;
        self.local = loading.builder.map(|builder| Arc::new(builder.build()));
        self.stamps = Some(loading.stamps);
        self.read = loading.read;
        for (status, list) in self.read.iter_mut().zip(&self.wanted) {
            if list.url.is_some() && self.compiled_problem.is_some() {
                status.suffers(self.compiled_problem.clone());
            }
        }
        let compiled = self.compiled.iter().flat_map(|held| &held.parts);
        let parts = compiled.filter(|part| !part.head.local || self.local.is_none());
        Feeds::new(parts.chain(&self.local).cloned().collect())
    }
}

impl Loading {
    /// Reads a piece; whether there is more.
    pub fn step(&mut self) -> bool {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Compiled(file, loader) => self.compiled_piece(file, loader),
            Stage::Local(0, None) => self.survey(),
            Stage::Local(at, reader) => self.local_piece(at, reader),
            Stage::Done => Stage::Done,
        };
        !matches!(self.stage, Stage::Done)
    }

    fn compiled_piece(&mut self, mut file: File, mut loader: Box<Loader>) -> Stage {
        let mut piece = [0; PIECE];
        let problem = match file.read(&mut piece) {
            Ok(0) => match loader.finish() {
                Ok(compiled) => {
                    self.compiled = Some(self.held(compiled));
                    self.compiled_problem = None;
                    return Stage::Local(0, None);
                }
                Err(damage) => damage.said(),
            },
            Ok(read) => match loader.push(&piece[..read]) {
                Ok(()) => return Stage::Compiled(file, loader),
                Err(damage) => damage.said(),
            },
            Err(error) => say!("cannot be read: {error}", "is niet te lezen: {error}"),
        };
        self.refuse(&problem);
        Stage::Local(0, None)
    }

    /// What was loaded before stays.
    fn refuse(&mut self, why: &Sentence) {
        let stays = if self.compiled.is_some() {
            words("; what was loaded before stays", "; wat al geladen was blijft")
        } else {
            words("", "")
        };
        let file = self.file.display();
        self.compiled_problem = Some(say!(
            "{file} {why}: run `netmonitor feeds update`{stays}",
            "{file} {why}: voer `netmonitor feeds update` uit{stays}";
            why, stays
        ));
    }

    /// What no longer stands in the settings matches nothing.
    fn held(&self, compiled: Compiled) -> Held {
        let wanted = |name: &str| self.wanted.iter().any(|list| list.name() == name);
        let part = |mut part: Part| {
            part.head.lists.iter_mut().for_each(|list| list.off = !wanted(&list.name));
            Arc::new(part)
        };
        Held { parts: compiled.parts.into_iter().map(part).collect(), sources: compiled.sources }
    }

    /// What the compiled file tells of each list, and whether it covers the files here as they are now.
    fn survey(&mut self) -> Stage {
        let sources = self.compiled.as_ref().map_or(&[][..], |held| &held.sources);
        let source = |list: &FeedList| {
            let from = kept::origin(list);
            sources.iter().find(|s| s.name == list.name() && s.from == from && s.format == list.format())
        };
        let local = |source: &&Source| source.stamp.is_some();
        let covered = self.wanted.iter().zip(&self.stamps.local).filter(|(list, _)| list.path.is_some()).all(
            |(list, stamp)| {
                source(list)
                    .is_some_and(|source| source.stamp == *stamp && source.category == list.category())
            },
        );
        let known = self.wanted.iter().filter(|list| list.path.is_some()).count();
        let covered = covered && sources.iter().filter(local).count() == known;
        let status = |list: &FeedList| match source(list) {
            Some(source) => ListStatus::of(list, source.report, Some(source.time)),
            None => {
                let mut status = ListStatus::of(list, Report::default(), None);
                let problem = words(
                    "was not fetched yet: run `netmonitor feeds update`",
                    "is nog niet opgehaald: voer `netmonitor feeds update` uit",
                );
                status.suffers(Some(problem.into()));
                status
            }
        };
        self.read = self.wanted.iter().map(status).collect();
        if covered {
            return Stage::Done;
        }
        self.builder = Some(Builder::new(self.key, &self.own));
        self.next_local(0)
    }

    /// Opens the first list from number `at` on that is a file.
    fn next_local(&mut self, at: usize) -> Stage {
        for (at, list) in self.wanted.iter().enumerate().skip(at) {
            let Some(path) = &list.path else { continue };
            let time = self.stamps.local[at].map(|(nanos, _)| WallTime::from_micros(nanos / 1000));
            self.read[at] = ListStatus::of(list, Report::default(), time);
            match open(path) {
                Ok(reader) => return Stage::Local(at + 1, Some(reader)),
                Err(error) => {
                    self.read[at].suffers(Some(Sentence::same(format_args!("{}: {error}", path.display()))));
                }
            }
        }
        Stage::Done
    }

    /// `next` is one more than the number of the list that is being read.
    fn local_piece(&mut self, next: usize, reader: Option<BufReader<File>>) -> Stage {
        let (Some(mut reader), Some(builder)) = (reader, &mut self.builder) else { return Stage::Done };
        let (list, status) = (&self.wanted[next - 1], &mut self.read[next - 1]);
        let more = read_lines(&mut reader, |text| {
            let report = builder.add(&status.name, list.category(), list.format(), text);
            status.taken += report.taken;
            status.unreadable += report.unreadable;
            status.refused += report.refused;
            status.skipped += report.skipped;
        });
        match more {
            Ok(true) => Stage::Local(next, Some(reader)),
            Ok(false) => self.next_local(next),
            Err(error) => {
                status.suffers(Some(Sentence::same(error)));
                self.next_local(next)
            }
        }
    }
}

fn open(path: &Path) -> io::Result<BufReader<File>> {
    let file = File::open(path)?;
    if file.metadata()?.len() > LARGEST {
        return Err(io::Error::other("larger than 256 MiB; this is not a list"));
    }
    Ok(BufReader::with_capacity(PIECE, file))
}

/// Gives about a piece of whole lines; whether there may be more.
fn read_lines(reader: &mut impl BufRead, mut take: impl FnMut(&str)) -> io::Result<bool> {
    let mut piece = Vec::with_capacity(PIECE);
    while piece.len() < PIECE {
        if reader.read_until(b'\n', &mut piece)? == 0 {
            take(&String::from_utf8_lossy(&piece));
            return Ok(false);
        }
    }
    take(&String::from_utf8_lossy(&piece));
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn lists(dir: &Path, more: &str) -> Lists {
        let (name, dir) = (Path::new("t"), dir.display());
        let text = format!("[feeds]\ndir = \"{dir}\"\nlists = [{{ path = \"{dir}/bad.txt\" }}{more}]\n");
        let config = Config::from_layers(Some((name, &text)), std::iter::empty(), &[]).expect("valid");
        Lists::new(&config, Inside::default(), 7)
    }

    fn reload(lists: &mut Lists) -> Option<Feeds> {
        let mut loading = lists.begin()?;
        while loading.step() {}
        Some(lists.take(loading))
    }

    fn holds(feeds: &Feeds, address: &str) -> Option<String> {
        feeds.address(address.parse().expect("ip")).map(|list| list.name.clone())
    }

    fn write_compiled(dir: &Path, sources: Vec<Source>, texts: &[(&str, bool, &str)]) {
        let part = |(name, local, text): &(&str, bool, &str)| {
            let mut builder = Builder::new(5, &Inside::default());
            builder.add(name, Category::Other, Format::Auto, text);
            let mut part = builder.build();
            part.head.local = *local;
            part
        };
        let compiled = Compiled { parts: texts.iter().map(part).collect(), sources, ..Compiled::default() };
        let mut file = File::create(kept::compiled_path(dir)).expect("created");
        compiled.write(&mut |bytes| file.write_all(bytes)).expect("written");
    }

    #[test]
    fn a_list_is_read_named_after_its_file_and_read_again_when_it_changes() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("bad.txt");
        std::fs::write(&path, "203.0.113.66\nbad.example\n# comment\n10.0.0.1\n").expect("written");
        let mut lists = lists(dir.path(), "");
        let feeds = lists.load();
        assert_eq!(holds(&feeds, "203.0.113.66").as_deref(), Some("bad"));
        assert_eq!((lists.status()[0].taken, lists.status()[0].refused), (2, 1));
        assert!(reload(&mut lists).is_none());
        std::fs::write(&path, "203.0.113.77\n").expect("written");
        let feeds = reload(&mut lists).expect("it changed");
        assert!(holds(&feeds, "203.0.113.66").is_none() && holds(&feeds, "203.0.113.77").is_some());
    }

    #[test]
    fn a_list_that_cannot_be_read_says_why() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut lists = lists(dir.path(), "");
        lists.load();
        assert!(lists.status()[0].problem.as_ref().is_some_and(|p| p.contains("bad.txt")));
    }

    #[test]
    fn a_large_list_is_read_in_many_pieces() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let text: String = (0..100_000).map(|i| format!("host{i}.example{i}.com\n")).collect();
        std::fs::write(dir.path().join("bad.txt"), text).expect("written");
        let lists = lists(dir.path(), "");
        let mut loading = lists.begin().expect("new");
        let steps = std::iter::from_fn(|| loading.step().then_some(())).count();
        assert!(steps > 30, "{steps}");
        assert_eq!(loading.read[0].taken, 100_000);
    }

    #[test]
    fn compiled_and_own_lists_are_one_set_and_damage_leaves_the_old_one() {
        let dir = tempfile::tempdir().expect("temporary folder");
        std::fs::write(dir.path().join("bad.txt"), "203.0.113.66\n").expect("written");
        let url = ", { name = \"far\", url = \"https://example.org/list\" }";
        let mut lists = lists(dir.path(), url);
        lists.load();
        assert!(lists.status()[1].problem.as_ref().is_some_and(|p| p.contains("feeds update")));
        let far = Source { name: "far".into(), from: "https://example.org/list".into(), ..Source::default() };
        write_compiled(
            dir.path(),
            vec![far.clone()],
            &[("far", false, "203.0.113.77\n"), ("gone", false, "203.0.113.88\n")],
        );
        let feeds = reload(&mut lists).expect("a compiled file came");
        assert_eq!(holds(&feeds, "203.0.113.66").as_deref(), Some("bad"), "not covered, so read here");
        assert_eq!(holds(&feeds, "203.0.113.77").as_deref(), Some("far"));
        assert_eq!(holds(&feeds, "203.0.113.88"), None, "no longer in the settings");
        assert_eq!(lists.status()[1].problem, None);
        let file = kept::compiled_path(dir.path());
        let mut bytes = std::fs::read(&file).expect("read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).expect("written");
        let feeds = reload(&mut lists).expect("another file");
        assert_eq!(holds(&feeds, "203.0.113.77").as_deref(), Some("far"), "the old set stays");
        assert!(
            lists.status()[1].problem.as_ref().is_some_and(|p| p.contains("damaged")),
            "{:?}",
            lists.status()
        );
        assert!(reload(&mut lists).is_none(), "not again while it is the same file");
    }

    #[test]
    fn a_compiled_file_covers_own_lists_until_one_of_them_changes() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("bad.txt");
        std::fs::write(&path, "203.0.113.66\n").expect("written");
        let from = path.display().to_string();
        let bad = Source { name: "bad".into(), from, stamp: stamp(&path), ..Source::default() };
        // What the compiled file holds differs, to tell who was asked.
        write_compiled(dir.path(), vec![bad], &[("bad", true, "203.0.113.99\n")]);
        let mut lists = lists(dir.path(), "");
        assert!(holds(&lists.load(), "203.0.113.99").is_some());
        std::fs::write(&path, "203.0.113.67\n").expect("written");
        let feeds = reload(&mut lists).expect("changed");
        assert!(holds(&feeds, "203.0.113.67").is_some() && holds(&feeds, "203.0.113.99").is_none());
    }
}
