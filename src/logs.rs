//! Logs: one line per happening to standard error, which the journal keeps; and to a bounded file when wanted.

use crate::config::Log;
use crate::time;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Target of the line per request.
const ACCESS: &str = "dashboard_access";
/// Where the dashboard's own lines come from.
const DASHBOARD: &str = "netmonitor::http";
/// A log file is set aside as `.old` at this size; so a log takes at most twice as much.
const LARGEST: u64 = 4 << 20;

/// The level in force, as a number of [`log::LevelFilter`].
static LEVEL: AtomicUsize = AtomicUsize::new(log::LevelFilter::Info as usize);

/// Which process this is: two must not write the same file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// Monitor and dashboard in one.
    Whole,
    /// The monitor, its dashboard elsewhere.
    Monitor,
    /// The dashboard of a monitor elsewhere.
    Dashboard,
}

/// Starts logging as the settings say.
pub fn start(log: &Log, process: Process) -> io::Result<()> {
    let mut builder = env_logger::Builder::new();
    // What the level lets through is judged line by line, as it may change.
    builder.filter_level(log::LevelFilter::Trace);
    // The libraries below speak of their own affairs at these levels.
    builder.filter_module("tide", log::LevelFilter::Warn).filter_module("polling", log::LevelFilter::Warn);
    builder
        .filter_module("async_io", log::LevelFilter::Warn)
        .filter_module("tracing", log::LevelFilter::Warn);
    // The journal stamps lines itself.
    let stamped = std::env::var_os("JOURNAL_STREAM").is_none() || !log.dir.as_os_str().is_empty();
    let mut dashboard = None;
    if !log.dir.as_os_str().is_empty() {
        let open = |name, mirrored| LogFile::open(log.dir.join(name), mirrored);
        if process != Process::Dashboard {
            builder.target(env_logger::Target::Pipe(Box::new(open("netmonitor.log", true)?)));
        }
        if process != Process::Monitor {
            builder.filter_module(ACCESS, log::LevelFilter::Debug);
            let files = [open("dashboard_access.log", false)?, open("dashboard_error.log", false)?];
            dashboard = Some(files.map(Mutex::new));
        }
    }
    builder.format(move |out, record| {
        let level = record.level().as_str().to_ascii_lowercase();
        let stamp = if stamped { format!("{} ", time::wall()) } else { String::new() };
        let access = record.target() == ACCESS;
        if (!access || dashboard.is_none()) && record.level() as usize > LEVEL.load(Relaxed) {
            return Ok(());
        }
        // Every line of that log is about a request; what it is worth, its status says.
        let line = match access {
            true => format!("{stamp}{}\n", record.args()),
            false => format!("{stamp}{level}: {}\n", record.args()),
        };
        if let Some([requests, errors]) = &dashboard {
            let error = record.target().starts_with(DASHBOARD) && record.level() <= log::Level::Warn;
            if access || error {
                let file = if access { requests } else { errors };
                file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())?;
            }
            if access {
                return Ok(());
            }
        }
        out.write_all(line.as_bytes())
    });
    builder.try_init().map_err(io::Error::other)?;
    set_level(log);
    Ok(())
}

/// How much is said from now on. The line per request goes to its file whatever the level is.
pub fn set_level(log: &Log) {
    let level = log.level.filter();
    LEVEL.store(level as usize, Relaxed);
    let least = if log.dir.as_os_str().is_empty() { log::LevelFilter::Off } else { log::LevelFilter::Debug };
    log::set_max_level(level.max(least));
}

/// A line on standard output. Unlike `println!` it does not panic when nobody reads on: that is no failure of ours.
pub fn say(line: &str) {
    let _ = io::stdout().write_all(format!("{line}\n").as_bytes());
}

/// A line on standard error, in the same way.
pub fn complain(line: &str) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Writes to a file that never grows beyond [`LARGEST`], and to standard error when `mirrored`.
struct LogFile {
    mirrored: bool,
    path: PathBuf,
    file: File,
    size: u64,
}

impl LogFile {
    fn open(path: PathBuf, mirrored: bool) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let file = append(&path).or_else(|error| {
            // Of the other mode's process, which runs as another user; the folder is shared.
            let denied = error.kind() == io::ErrorKind::PermissionDenied;
            let aside = denied && std::fs::rename(&path, path.with_extension("log.old")).is_ok();
            if aside { append(&path) } else { Err(error) }
        })?;
        let size = file.metadata()?.len();
        Ok(LogFile { mirrored, path, file, size })
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    let wrong =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}; see log.dir", path.display()));
    OpenOptions::new().append(true).create(true).open(path).map_err(wrong)
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.size + bytes.len() as u64 > LARGEST {
            std::fs::rename(&self.path, self.path.with_extension("log.old"))?;
            self.file = append(&self.path)?;
            self.size = 0;
        }
        if self.mirrored {
            // The journal may be gone; the file is what was asked for.
            let _ = io::stderr().write_all(bytes);
        }
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_file_is_bounded() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("logs/netmonitor.log");
        let mut log = LogFile::open(path.clone(), false).expect("opened");
        log.size = LARGEST - 5;
        log.write_all(b"the last straw\n").expect("written");
        assert_eq!(std::fs::read(&path).expect("there"), b"the last straw\n");
        assert!(path.with_extension("log.old").exists());
    }
}
