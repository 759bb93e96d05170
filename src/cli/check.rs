//! `netmonitor check`: would `run` work? Settings, permission, interface, store, dashboard, lists, one line each.

use super::{Outcome, read_config, units};
use crate::capture::interfaces;
use crate::config::{Config, Server};
use crate::logs::say;
use crate::places::Database;
use crate::run;
use crate::service;
use crate::store::{Store, StoreError};
use argh::FromArgs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// validate settings, permissions, interface, store and lists; exit 1 if `run` would not work
#[derive(FromArgs)]
#[argh(subcommand, name = "check")]
pub(super) struct Check {
    #[argh(option)]
    /// settings file (default: /etc/netmonitor/config.toml when it exists)
    config: Option<PathBuf>,
}

/// A dashboard on this machine answers within this.
const PATIENCE: Duration = Duration::from_secs(2);

/// What one part is like: right, or wrong, in words.
type Verdict = Result<String, String>;

impl Check {
    pub(super) fn start(self) -> Outcome {
        let config = match read_config(self.config.as_ref(), &[]) {
            Ok(config) => config,
            Err(error) => {
                say(&format!("wrong  settings    {error}"));
                return Ok(ExitCode::FAILURE);
            }
        };
        let settings = match &config.file {
            Some(path) => format!("{} is valid", path.display()),
            None => "no file; defaults and environment are valid".to_owned(),
        };
        let mut parts: Vec<(&str, Verdict)> = vec![("settings", Ok(settings))];
        let aside = |warning: &String| ("settings", Ok(format!("{warning}; `run` goes on without it")));
        parts.extend(config.warnings.iter().map(aside));
        let page = config.page_values().len();
        if page > 0 {
            parts.push(("settings", Ok(format!("{}: {page} set on the page", config.page_path().display()))));
        }
        parts.extend(capture(&config).into_iter().map(|verdict| ("capture", verdict)));
        parts.push((
            "detectors",
            run::engine(&config, Default::default()).map_or_else(
                |error| Err(error.to_string()),
                |_| Ok(format!("{} kinds", crate::detect::KINDS.len())),
            ),
        ));
        parts.push(("store", store(&config)));
        parts.push(("dashboard", dashboard(&config)));
        parts.push(("reset file", Ok(reset_file(&config))));
        parts.extend(socket(&config).map(|verdict| ("socket", verdict)));
        parts.extend(units::state(&config).map(|verdict| ("units", verdict)));
        parts.extend(lists(&config).into_iter().map(|verdict| ("list", verdict)));
        parts.extend(config.network.geoip.iter().map(|path| ("places", places(path))));
        for (part, verdict) in &parts {
            match verdict {
                Ok(text) => say(&format!("ok     {part:<10}  {text}")),
                Err(text) => say(&format!("wrong  {part:<10}  {text}")),
            }
        }
        let wrong = parts.iter().any(|(_, verdict)| verdict.is_err());
        Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn capture(config: &Config) -> Vec<Verdict> {
    let all = interfaces::list();
    let (names, why) = match run::chosen_interfaces(config, &all) {
        Ok(chosen) => chosen,
        Err(error) => return vec![Err(error.to_string())],
    };
    let open = |name: &String| match run::open_interface(config, name, 0, &all) {
        Ok(_) => Ok(format!("{name} can be listened on ({why})")),
        Err(error) => Err(error.to_string()),
    };
    names.iter().map(open).collect()
}

fn store(config: &Config) -> Verdict {
    let path = &config.store.path;
    if !path.exists() {
        let folder = path.ancestors().skip(1).find(|p| p.exists()).unwrap_or(path);
        let writable = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK);
        return match writable {
            Ok(()) if !folder.is_dir() => {
                Err(format!("{} cannot be made: {} is no directory", path.display(), folder.display()))
            }
            Ok(()) => Ok(format!("{} will be made", path.display())),
            Err(error) => Err(format!("{} cannot be made: {}: {error}", path.display(), folder.display())),
        };
    }
    match Store::look(path, &config.store_options()) {
        Ok((alerts, bytes)) => Ok(format!("{}: {alerts} alerts, {bytes} bytes", path.display())),
        Err(StoreError::Locked(path)) => Ok(format!("{} is in use by a running monitor", path.display())),
        Err(error) => Err(error.to_string()),
    }
}

fn dashboard(config: &Config) -> Verdict {
    let dashboard = &config.dashboard;
    let address = SocketAddr::new(dashboard.host.0, dashboard.port);
    match (dashboard.server, TcpListener::bind(address)) {
        (Server::Off, _) => Ok("off".to_owned()),
        (_, Ok(_)) => Ok(format!("{address} is free")),
        (Server::Standalone, Err(error)) if error.kind() == ErrorKind::AddrInUse && answers(address) => {
            Ok(format!("{address} is served, by `netmonitor dashboard` as it seems"))
        }
        (_, Err(error)) if error.kind() == ErrorKind::AddrInUse => {
            Err(format!("{address} is in use, perhaps by a running monitor; dashboard.port chooses another"))
        }
        (_, Err(error)) => Err(format!("{address}: {error}")),
    }
}

/// What the file is up to that takes a forgotten password away.
fn reset_file(config: &Config) -> String {
    let path = &config.dashboard.reset_file;
    match run::ResetFile::look(path, None) {
        run::ResetFile::Absent => {
            format!("{} is not there; making it resets a forgotten password", path.display())
        }
        run::ResetFile::Asks(path, _) | run::ResetFile::Used(path) => {
            format!("{} is there: it takes the password away, once", path.display())
        }
    }
}

/// Whether a dashboard of netmonitor answers there.
pub(super) fn answers(address: SocketAddr) -> bool {
    let ask = || -> io::Result<String> {
        let ip = if address.ip().is_unspecified() { IpAddr::from([127, 0, 0, 1]) } else { address.ip() };
        let mut stream = TcpStream::connect_timeout(&SocketAddr::new(ip, address.port()), PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains("\"uptime_seconds\""))
}

/// In standalone mode: the socket between the two processes.
fn socket(config: &Config) -> Option<Verdict> {
    if config.dashboard.server != Server::Standalone {
        return None;
    }
    let path = service::socket_path(&service::run_dir());
    Some(match UnixStream::connect(&path) {
        Ok(_) => Ok(format!("{}: the monitor answers", path.display())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            Ok(format!("{}: no monitor runs; `netmonitor run` opens it", path.display()))
        }
        Err(error) => Err(format!(
            "{}: {error}; `netmonitor dashboard` must run as the monitor's user or in its group",
            path.display()
        )),
    })
}

fn places(path: &Path) -> Verdict {
    match Database::open(path) {
        Ok(database) => Ok(format!("{}: {}, {} days old", path.display(), database.kind(), database.days())),
        Err(error) => Err(format!("{}: {error}; network.geoip names it", path.display())),
    }
}

fn lists(config: &Config) -> Vec<Verdict> {
    let mut lists = run::Lists::new(config, crate::addr::Inside::default(), 0);
    lists.load();
    let verdict = |status: run::ListStatus| match status.problem {
        Some(problem) => Err(format!("{}: {problem}", status.name)),
        None => Ok(format!(
            "{}: {} indicators, {} lines not understood, {} refused",
            status.name, status.taken, status.unreadable, status.refused
        )),
    };
    lists.status().into_iter().map(verdict).collect()
}
