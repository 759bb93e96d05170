//! `netmonitor dashboard`: serves the dashboard in a process of its own, over the monitor's socket.

use super::{Outcome, read_config, start_log};
use crate::config::Server;
use crate::logs::Process;
use argh::FromArgs;
use std::path::PathBuf;
use std::process::ExitCode;

/// serve the dashboard in a process of its own, over the socket of a monitor that runs with dashboard.server = "standalone"
#[derive(FromArgs)]
#[argh(subcommand, name = "dashboard")]
pub(super) struct Dashboard {
    #[argh(option)]
    /// settings file (default: /etc/netmonitor/config.toml when it exists)
    config: Option<PathBuf>,
}

impl Dashboard {
    pub(super) fn start(self) -> Outcome {
        let config = read_config(self.config.as_ref(), &[])?;
        start_log(&config, Process::Dashboard)?;
        if config.dashboard.server != Server::Standalone {
            log::warn!("dashboard.server is not \"standalone\": `netmonitor run` may want the same address");
        }
        crate::run::dashboard(config)?;
        Ok(ExitCode::SUCCESS)
    }
}
