//! `netmonitor password`: sets the dashboard's password, from the terminal or standard input.

use super::local::Local;
use super::{Outcome, read_config};
use crate::http::password;
use crate::logs::say;
use crate::service;
use crate::store::Store;
use crate::time;
use argh::FromArgs;
use rustix::termios::{self, LocalModes, OptionalActions};
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// set the dashboard password (asked for on a terminal, else read from standard input)
#[derive(FromArgs)]
#[argh(subcommand, name = "password")]
pub(super) struct Password {
    #[argh(option)]
    /// settings file (default: /etc/netmonitor/config.toml when it exists)
    config: Option<PathBuf>,
}

impl Password {
    pub(super) fn start(self) -> Outcome {
        let config = read_config(self.config.as_ref(), &[])?;
        let chosen = if io::stdin().is_terminal() { twice("new password: ")? } else { line()? };
        let hash = password::hash(&chosen)?;
        let socket = service::socket_path(&service::run_dir());
        match Local::reach(&socket) {
            Ok(monitor) => {
                monitor.ask("POST", "/api/password", Some(&serde_json::json!({ "new": chosen })))?;
            }
            Err(unreached) => {
                let (store, _) = Store::open(&config.store.path, config.store_options(), time::wall())
                    .map_err(|error| format!("{error} (the monitor at {}: {unreached})", socket.display()))?;
                password::keep(&store, &hash)?;
            }
        }
        say("the password is set; everyone who was logged in must log in again");
        Ok(ExitCode::SUCCESS)
    }
}

/// A line of standard input.
pub(super) fn line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks twice, without showing what is typed.
pub(super) fn twice(prompt: &str) -> Result<String, Box<dyn std::error::Error>> {
    let first = hidden(prompt)?;
    let second = hidden("once more: ")?;
    if first == second { Ok(first) } else { Err("the two differ; nothing was changed".into()) }
}

/// Asks without showing what is typed.
pub(super) fn hidden(prompt: &str) -> io::Result<String> {
    eprint!("{prompt}");
    io::stderr().flush()?;
    let stdin = io::stdin();
    let shown = termios::tcgetattr(&stdin)?;
    let mut quiet = shown.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    termios::tcsetattr(&stdin, OptionalActions::Now, &quiet)?;
    let typed = line();
    termios::tcsetattr(&stdin, OptionalActions::Now, &shown)?;
    eprintln!();
    typed
}
