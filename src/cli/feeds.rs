//! `netmonitor feeds`: fetches the lists of the settings, and says how they stand.

use super::{Outcome, read_config};
use crate::addr::{Inside, Prefix};
use crate::capture::interfaces;
use crate::config::Config;
use crate::fetch::{self, kept};
use crate::logs::{complain, say};
use crate::run;
use crate::time::{SECOND, WallTime};
use argh::FromArgs;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// fetch lists of known bad addresses and names, or show how they stand
#[derive(FromArgs)]
#[argh(subcommand, name = "feeds")]
pub(super) struct Feeds {
    #[argh(subcommand)]
    command: Command,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum Command {
    Update(Update),
    Status(Status),
}

/// fetch every list that has a url, and compile all lists for `run`, which takes them by itself; exit 1 if any failed
#[derive(FromArgs)]
#[argh(subcommand, name = "update")]
struct Update {
    #[argh(option)]
    /// settings file (default: /etc/netmonitor/config.toml when it exists)
    config: Option<PathBuf>,
    #[argh(switch)]
    /// print what became of each list as JSON
    json: bool,
    #[argh(switch)]
    /// take lists that lost more than half of their indicators
    force: bool,
}

/// show each list with its age, its indicators and what is wrong
#[derive(FromArgs)]
#[argh(subcommand, name = "status")]
struct Status {
    #[argh(option)]
    /// settings file (default: /etc/netmonitor/config.toml when it exists)
    config: Option<PathBuf>,
    #[argh(switch)]
    /// print it as JSON
    json: bool,
}

impl Feeds {
    pub(super) fn start(self) -> Outcome {
        match self.command {
            Command::Update(update) => update.start(),
            Command::Status(status) => status.start(),
        }
    }
}

/// What is never listed: the networks of the settings, and those that this machine is in.
fn own(config: &Config) -> Inside {
    let mut own = config.network.inside();
    let addresses = interfaces::list().into_iter().flat_map(|interface| interface.addresses);
    addresses.filter_map(|(ip, len)| Prefix::new(ip, len)).for_each(|prefix| own.add(prefix));
    own
}

impl Update {
    fn start(self) -> Outcome {
        let config = read_config(self.config.as_ref(), &[])?;
        if config.feeds.lists.is_empty() && !self.json {
            say("no lists are set up: [feeds] in config.toml.example names well-known ones");
            return Ok(ExitCode::SUCCESS);
        }
        let dir = config.feeds.dir.display();
        let outcomes = fetch::update(&config, &own(&config), self.force)
            .map_err(|error| format!("{dir}: {error} (feeds.dir names the folder)"))?;
        for outcome in &outcomes {
            let report = outcome.report;
            let (name, state, taken) = (&outcome.name, outcome.state, report.taken);
            match &outcome.problem {
                Some(problem) => complain(&format!("netmonitor: list {name}: {problem}")),
                None if self.json => {}
                None => say(&format!(
                    "{name}: {taken} indicators ({state}), {} lines not understood, {} refused, {} not seen in traffic",
                    report.unreadable, report.refused, report.skipped
                )),
            }
        }
        if self.json {
            let compiled = kept::compiled_path(&config.feeds.dir);
            say(&json!({ "lists": outcomes, "compiled": compiled }).to_string());
        }
        let failed = outcomes.iter().any(|outcome| outcome.problem.is_some());
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

impl Status {
    fn start(self) -> Outcome {
        let config = read_config(self.config.as_ref(), &[])?;
        let mut lists = run::Lists::new(&config, own(&config), 0);
        let feeds = lists.load();
        let mut all = lists.status();
        for (status, list) in all.iter_mut().zip(&config.feeds.lists) {
            let last =
                || kept::last_problem(&config.feeds.dir, list).map(|why| format!("last update: {why}"));
            status.problem = status.problem.take().or_else(last);
        }
        if self.json {
            say(&json!({ "lists": all, "memory_bytes": feeds.memory() }).to_string());
            return Ok(ExitCode::SUCCESS);
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{:<24} {:<9} {:>10} {:>8}  STATE", "LIST", "CATEGORY", "INDICATORS", "AGE")?;
        for list in &all {
            let age = list.time.map_or("-".to_owned(), age);
            let state = list.problem.as_deref().unwrap_or("ok");
            let (name, category, taken) = (&list.name, list.category.name(), list.taken);
            writeln!(out, "{name:<24} {category:<9} {taken:>10} {age:>8}  {state}")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// `5 min`, `3 h`, `12 d`.
fn age(then: WallTime) -> String {
    let minutes = (crate::time::wall().micros() - then.micros()).max(0) / SECOND / 60;
    match minutes {
        0..120 => format!("{minutes} min"),
        120..2880 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / 1440),
    }
}
