//! The commands, one file each. The only place with a boxed error: whatever went wrong becomes one line on standard
//! error and an exit code: 0 done, 1 failed, 2 wrong use.

mod backup;
mod check;
mod config;
mod dashboard;
mod export;
mod feeds;
mod interfaces;
mod local;
mod password;
mod replay;
mod run;
mod units;
mod update;

use crate::capture::pcap::STANDARD_INPUT;
use crate::config::Config;
use crate::logs::{Process, complain, say};
use argh::FromArgs;
use std::error::Error;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

/// What a command returns: its exit code, or what went wrong.
type Outcome = Result<ExitCode, Box<dyn Error>>;

/// Shows who is on your network, what they do, and what is wrong.
#[derive(FromArgs)]
struct Arguments {
    #[argh(switch)]
    /// print the version
    version: bool,
    #[argh(subcommand)]
    command: Option<Command>,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum Command {
    Run(run::Run),
    Dashboard(dashboard::Dashboard),
    Replay(replay::Replay),
    Check(check::Check),
    Interfaces(interfaces::Interfaces),
    Config(config::Show),
    Password(password::Password),
    Export(export::Export),
    Feeds(feeds::Feeds),
    Units(units::Units),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Update(update::Update),
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let arguments: Vec<String> =
        match std::env::args_os().skip(1).map(std::ffi::OsString::into_string).collect() {
            Ok(arguments) => arguments,
            Err(raw) => return wrong_use(&format!("argument {raw:?} is not UTF-8")),
        };
    // argh takes a lone `-` for an option without a name; this is the same file by its other name.
    let named = |argument| if argument == "-" { STANDARD_INPUT } else { argument };
    let arguments: Vec<&str> = arguments.iter().map(|a| named(a.as_str())).collect();
    match Arguments::from_args(&["netmonitor"], &arguments) {
        Ok(Arguments { version: true, .. }) => {
            say(&format!("netmonitor {}", crate::VERSION));
            ExitCode::SUCCESS
        }
        Ok(Arguments { command: Some(command), .. }) => finish(start(command)),
        Ok(Arguments { command: None, .. }) => wrong_use("no command given"),
        Err(early) if early.status.is_ok() => {
            say(early.output.trim_end());
            ExitCode::SUCCESS
        }
        Err(early) => wrong_use(early.output.trim()),
    }
}

fn start(command: Command) -> Outcome {
    match command {
        Command::Run(command) => command.start(),
        Command::Dashboard(command) => command.start(),
        Command::Replay(command) => command.start(),
        Command::Check(command) => command.start(),
        Command::Interfaces(command) => command.start(),
        Command::Config(command) => command.start(),
        Command::Password(command) => command.start(),
        Command::Export(command) => command.start(),
        Command::Feeds(command) => command.start(),
        Command::Units(command) => command.start(),
        Command::Backup(command) => command.start(),
        Command::Restore(command) => command.start(),
        Command::Update(command) => command.start(),
    }
}

fn finish(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(code) => code,
        // Whoever read our output has heard enough: `netmonitor export … | head`.
        Err(error) if is_closed_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("netmonitor: {}", one_line(&error.to_string())));
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe)
}

fn wrong_use(what: &str) -> ExitCode {
    let what = one_line(what);
    complain(&format!("netmonitor: {}; see `netmonitor --help`", what.trim_end_matches(['.', ';'])));
    ExitCode::from(2)
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("; ")
}

/// Reads the settings: defaults, file, environment, then the interfaces of the command line.
fn read_config(file: Option<&PathBuf>, interfaces: &[String]) -> Result<Config, Box<dyn Error>> {
    let environment = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
    let mut command_line = Vec::new();
    if !interfaces.is_empty() {
        command_line.push(("capture.interfaces", interfaces.join(",")));
    }
    Ok(Config::load(file.map(PathBuf::as_path), environment, &command_line)?)
}

/// Begins to log to standard error (the journal), and to a file where the settings name a folder.
fn start_log(config: &Config, process: Process) -> Result<(), Box<dyn Error>> {
    crate::logs::start(&config.log, process)?;
    config.notices.iter().for_each(|notice| log::info!("{notice}"));
    config.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    Ok(())
}
