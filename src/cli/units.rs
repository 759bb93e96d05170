//! `netmonitor units`: the systemd units for the mode and the paths of the settings; switches modes, and looks whether it
//! worked.
//!
//! What stands in `systemd/` is what a package installs and what is rendered from. A unit that a package installed as the
//! settings want it is left to the package, so that the next version can better it.

mod render;
mod server;

use super::check::answers;
use super::{Outcome, read_config};
use crate::config::{Config, PATH, Server};
use crate::logs::say;
use crate::service;
use argh::FromArgs;
use render::Rendering;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

/// write the systemd units for the mode of the settings (dashboard.server) and say what to run next; doing it twice
/// changes nothing
#[derive(FromArgs)]
#[argh(subcommand, name = "units")]
pub(super) struct Units {
    #[argh(option)]
    /// the folder that is / for the units, such as that of an image (default: /)
    root: Option<PathBuf>,
    #[argh(option)]
    /// settings file (default: /etc/netmonitor/config.toml when it exists)
    config: Option<PathBuf>,
    #[argh(option)]
    /// first set dashboard.server in the settings file: embedded, standalone or off
    server: Option<String>,
    #[argh(switch)]
    /// run what is to be run next as well, and see whether monitor and dashboard answer
    apply: bool,
}

const MONITOR: &str = "netmonitor.service";
const DASHBOARD: &str = "netmonitor-dashboard.service";
const TIMER: &str = "netmonitor-feeds.timer";
/// Where the program belongs.
const PROGRAM: &str = "/usr/bin/netmonitor";
/// Units of a package, and those of the owner, which win.
const SHIPPED: &str = "usr/lib/systemd/system";
const OWN: &str = "etc/systemd/system";
/// The first line of what is written here.
const MARK: &str =
    "# Written by \"netmonitor units\" from the settings in force; run it again when they change.\n";
/// A monitor with a large store on a slow card is up within this.
const PATIENCE_SECONDS: u32 = 60;

impl Units {
    pub(super) fn start(self) -> Outcome {
        let root = self.root.clone().unwrap_or_else(|| PathBuf::from("/"));
        if self.apply && root != Path::new("/") {
            return Err("--apply is for this machine; leave out --root".into());
        }
        let settings = match &self.config {
            Some(path) => Some(path.clone()),
            None => Some(root.join(PATH.trim_start_matches('/'))).filter(|path| path.exists()),
        };
        if let Some(wanted) = &self.server {
            let path = settings.clone().unwrap_or_else(|| root.join(PATH.trim_start_matches('/')));
            server::set(&path, wanted)?;
            say(&format!("{}: dashboard.server is {wanted:?}", path.display()));
            return Units { server: None, ..self }.start();
        }
        let config = read_config(settings.as_ref(), &[])?;
        let rendering = Rendering::of(&config, &program(&root), self.config.as_deref());
        let left = leave(&root, &config)?;
        for (name, text) in rendering.units() {
            if name != DASHBOARD || config.dashboard.server == Server::Standalone {
                put(&root, &format!("{OWN}/{name}"), &format!("{SHIPPED}/{name}"), &text)?;
            }
        }
        put(&root, "etc/sysusers.d/netmonitor.conf", "usr/lib/sysusers.d/netmonitor.conf", render::USERS)?;
        let next = next(&config, &rendering, &root, left);
        if self.apply {
            return apply(&config, &next);
        }
        say("next, as root (or `netmonitor units --apply`):");
        next.iter().for_each(|command| say(&format!("  {}", command.join(" "))));
        Ok(ExitCode::SUCCESS)
    }
}

/// The path in the units: that of this program where an administrator installs programs, else where it belongs.
fn program(root: &Path) -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let installed = own.starts_with("/usr") || own.starts_with("/opt");
    if installed && root == Path::new("/") { own } else { PROGRAM.into() }
}

/// Whether systemd starts the dashboard of its own.
fn dashboard_enabled(root: &Path) -> bool {
    fs::symlink_metadata(root.join(OWN).join("multi-user.target.wants").join(DASHBOARD)).is_ok()
}

/// Takes back what standalone mode needs where it is not the mode; whether there was any of it.
fn leave(root: &Path, config: &Config) -> io::Result<bool> {
    if config.dashboard.server == Server::Standalone {
        return Ok(false);
    }
    let own = root.join(OWN).join(DASHBOARD);
    let ours = fs::read_to_string(&own).is_ok_and(|text| text.starts_with(MARK));
    let enabled = dashboard_enabled(root);
    if enabled {
        fs::remove_file(root.join(OWN).join("multi-user.target.wants").join(DASHBOARD))?;
    }
    if ours {
        fs::remove_file(&own)?;
        say(&format!("{}: removed, the mode is no longer standalone", own.display()));
    }
    Ok(enabled || ours)
}

/// Makes `own` (below `root`) say `text`, or be absent where the package's `shipped` says it already.
fn put(root: &Path, own: &str, shipped: &str, text: &str) -> io::Result<()> {
    let (own, shipped) = (root.join(own), root.join(shipped));
    let there = match fs::read_to_string(&own) {
        Ok(there) => Some(there),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(named(&own, error)),
    };
    let ours = there.as_ref().is_some_and(|there| there.starts_with(MARK));
    if fs::read_to_string(&shipped).is_ok_and(|shipped| shipped == text) {
        if ours {
            fs::remove_file(&own).map_err(|error| named(&own, error))?;
            say(&format!("{}: removed", own.display()));
        } else if there.is_some() {
            say(&format!("{}: left as it is; it was not written by `netmonitor units`", own.display()));
        }
        say(&format!("{}: right as installed", shipped.display()));
        return Ok(());
    }
    let text = format!("{MARK}{text}");
    if there.as_ref() == Some(&text) {
        say(&format!("{}: unchanged", own.display()));
        return Ok(());
    }
    if there.is_some() && !ours {
        let aside = own.with_added_extension("old");
        fs::rename(&own, &aside).map_err(|error| named(&own, error))?;
        say(&format!("{}: what was there is kept as {}", own.display(), aside.display()));
    }
    let folder = own.parent().unwrap_or(root);
    fs::create_dir_all(folder).map_err(|error| named(folder, error))?;
    fs::write(&own, text).map_err(|error| named(&own, error))?;
    say(&format!("{}: written", own.display()));
    Ok(())
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The commands that put the units in force, in their order: the port is given up before the other takes it.
fn next(config: &Config, rendering: &Rendering, root: &Path, left: bool) -> Vec<Vec<String>> {
    let mut commands: Vec<Vec<String>> = Vec::new();
    let mut add = |words: &[&str]| commands.push(words.iter().map(|word| (*word).to_owned()).collect());
    let program = rendering.program.display().to_string();
    if !root.join(program.trim_start_matches('/')).exists() {
        let own = std::env::current_exe().unwrap_or_default();
        add(&["install", "-m", "755", &own.display().to_string(), &program]);
    }
    add(&["systemd-sysusers"]);
    for folder in rendering.folders() {
        add(&[
            "install",
            "-d",
            "-o",
            "netmonitor",
            "-g",
            "netmonitor",
            "-m",
            "770",
            &folder.display().to_string(),
        ]);
    }
    if left {
        add(&["systemctl", "stop", DASHBOARD]);
    }
    add(&["systemctl", "daemon-reload"]);
    let standalone = config.dashboard.server == Server::Standalone;
    let units: &[&str] = if standalone { &[MONITOR, TIMER, DASHBOARD] } else { &[MONITOR, TIMER] };
    add(&[&["systemctl", "enable"], units].concat());
    for unit in units {
        add(&["systemctl", "restart", unit]);
    }
    commands
}

fn apply(config: &Config, commands: &[Vec<String>]) -> Outcome {
    for command in commands {
        say(&format!("+ {}", command.join(" ")));
        let status = Command::new(&command[0]).args(&command[1..]).status();
        let status = status.map_err(|error| format!("{}: {error}", command[0]))?;
        // What is stopped may never have run.
        if !status.success() && command[1..].first().is_none_or(|verb| verb != "stop") {
            return Err(
                format!("`{}` failed; `journalctl -u netmonitor` may say why", command.join(" ")).into()
            );
        }
    }
    let mut wrong = String::new();
    for _ in 0..PATIENCE_SECONDS {
        match working(config) {
            Ok(told) => {
                say(&told);
                return Ok(ExitCode::SUCCESS);
            }
            Err(problem) => wrong = problem,
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    Err(format!("{wrong}; `journalctl -u netmonitor -u netmonitor-dashboard` may say why").into())
}

/// Whether the units of the mode run and answer, in words.
fn working(config: &Config) -> Result<String, String> {
    let active = |unit: &str| {
        let status = Command::new("systemctl").args(["is-active", "--quiet", unit]).status();
        if status.is_ok_and(|status| status.success()) { Ok(()) } else { Err(format!("{unit} does not run")) }
    };
    active(MONITOR)?;
    let socket = service::socket_path(&service::run_dir());
    UnixStream::connect(&socket).map_err(|error| format!("{}: {error}", socket.display()))?;
    let address = SocketAddr::new(config.dashboard.host.0, config.dashboard.port);
    match config.dashboard.server {
        Server::Off => return Ok("ok: the monitor runs, without a dashboard".to_owned()),
        Server::Standalone => active(DASHBOARD)?,
        Server::Embedded => {}
    }
    if !answers(address) {
        return Err(format!("no dashboard answers at {address}"));
    }
    Ok(match config.dashboard.server {
        Server::Standalone => {
            format!("ok: the monitor runs, and the dashboard in a process of its own at {address}")
        }
        _ => format!("ok: the monitor runs, and serves the dashboard at {address}"),
    })
}

/// How the units on this machine fit the settings; nothing where there are none.
pub(super) fn state(config: &Config) -> Option<Result<String, String>> {
    let root = Path::new("/");
    let installed = |name: &str| {
        let own = fs::read_to_string(root.join(OWN).join(name));
        own.or_else(|_| fs::read_to_string(root.join(SHIPPED).join(name))).ok()
    };
    let there = installed(MONITOR)?;
    let standalone = config.dashboard.server == Server::Standalone;
    if standalone != dashboard_enabled(root) {
        let is = if standalone { "not enabled" } else { "enabled" };
        let mode = if standalone { "is" } else { "is not" };
        return Some(Err(format!(
            "{DASHBOARD} is {is}, but dashboard.server {mode} \"standalone\"; `netmonitor units --apply` puts it right"
        )));
    }
    let file = config.file.as_deref().filter(|file| *file != Path::new(PATH));
    let wanted = Rendering::of(config, &program(root), file).units();
    let wanted = wanted.into_iter().find(|(name, _)| *name == MONITOR).map(|(_, text)| text);
    let same = wanted.is_some_and(|wanted| there.strip_prefix(MARK).unwrap_or(&there) == wanted);
    Some(Ok(match same {
        true => format!("{MONITOR} is as the settings want it"),
        false => format!("{MONITOR} is not as `netmonitor units` writes it for these settings"),
    }))
}
