//! `netmonitor config`: the settings in force, and where each came from.

use super::{Outcome, read_config};
use crate::logs::complain;
use argh::FromArgs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// print the settings in force with where each came from
#[derive(FromArgs)]
#[argh(subcommand, name = "config")]
pub(super) struct Show {
    #[argh(option)]
    /// settings file (default: /etc/netmonitor/config.toml when it exists)
    config: Option<PathBuf>,
}

impl Show {
    pub(super) fn start(self) -> Outcome {
        let config = read_config(self.config.as_ref(), &[])?;
        let settings = config.explain();
        let width =
            settings.iter().map(|(key, value, _)| key.len() + value.len()).max().unwrap_or(0).min(60) + 4;
        config.warnings.iter().for_each(|warning| complain(&format!("netmonitor: {warning}")));
        let mut out = std::io::stdout().lock();
        for (key, value, origin) in settings {
            let setting = format!("{key} = {value}");
            writeln!(out, "{setting:width$}  # {origin}")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
