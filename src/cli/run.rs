//! `netmonitor run`: captures, detects, stores, serves.

use super::{Outcome, read_config, start_log};
use crate::config::Server;
use crate::logs::Process;
use argh::FromArgs;
use std::path::PathBuf;
use std::process::ExitCode;

/// capture, detect, store, and serve the dashboard unless dashboard.server says otherwise
#[derive(FromArgs)]
#[argh(subcommand, name = "run")]
pub(super) struct Run {
    #[argh(option)]
    /// settings file (default: /etc/netmonitor/config.toml when it exists)
    config: Option<PathBuf>,
    #[argh(option)]
    /// interface to listen on; may be given several times, wins over the settings
    interface: Vec<String>,
}

impl Run {
    pub(super) fn start(self) -> Outcome {
        let config = read_config(self.config.as_ref(), &self.interface)?;
        let whole = config.dashboard.server != Server::Standalone;
        start_log(&config, if whole { Process::Whole } else { Process::Monitor })?;
        crate::run::run(config)?;
        Ok(ExitCode::SUCCESS)
    }
}
