//! `netmonitor interfaces`: what there is to listen on, and which one `run` would choose.

use super::{Outcome, read_config};
use crate::capture::interfaces::{self, Interface};
use crate::run;
use argh::FromArgs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// How long packets are counted for the live rate.
const MEASURE: Duration = Duration::from_secs(1);

/// list interfaces, address, link, live packet rate, and which one `run` would choose and why
#[derive(FromArgs)]
#[argh(subcommand, name = "interfaces")]
pub(super) struct Interfaces {
    #[argh(option)]
    /// settings file (default: /etc/netmonitor/config.toml when it exists)
    config: Option<PathBuf>,
}

impl Interfaces {
    pub(super) fn start(self) -> Outcome {
        let config = read_config(self.config.as_ref(), &[])?;
        let all = interfaces::list();
        std::thread::sleep(MEASURE);
        let mut out = std::io::stdout().lock();
        writeln!(out, "{:<16} {:<10} {:<20} {:>9}  ADDRESSES", "INTERFACE", "LINK", "MAC", "PACKETS/S")?;
        for interface in &all {
            let now = interfaces::rx_packets(&interface.name).unwrap_or(interface.rx_packets);
            let rate = now.saturating_sub(interface.rx_packets);
            let addresses: Vec<String> =
                interface.addresses.iter().map(|(ip, len)| format!("{ip}/{len}")).collect();
            writeln!(
                out,
                "{:<16} {:<10} {:<20} {rate:>9}  {}",
                interface.name,
                link(interface),
                interface.mac.to_string(),
                addresses.join(" ")
            )?;
        }
        let (names, why) = run::chosen_interfaces(&config, &all)?;
        writeln!(out, "\nrun would listen on {}: {why}", names.join(", "))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn link(interface: &Interface) -> String {
    match (interface.up, interface.carrier, interface.speed) {
        (false, ..) => "down".to_owned(),
        (true, false, _) => "no link".to_owned(),
        (true, true, Some(speed)) => format!("{speed}M"),
        (true, true, None) if interface.wireless => "wifi".to_owned(),
        (true, true, None) => "up".to_owned(),
    }
}
