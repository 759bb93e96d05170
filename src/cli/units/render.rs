//! The units as the settings want them, from the ones in `systemd/`.

use crate::addr::Prefix;
use crate::capture::interfaces;
use crate::config::{Config, Origin, PATH, Server};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Name and text of each unit at the defaults.
const TEMPLATES: [(&str, &str); 4] = [
    ("netmonitor.service", include_str!("../../../systemd/netmonitor.service")),
    ("netmonitor-dashboard.service", include_str!("../../../systemd/netmonitor-dashboard.service")),
    ("netmonitor-feeds.service", include_str!("../../../systemd/netmonitor-feeds.service")),
    ("netmonitor-feeds.timer", include_str!("../../../systemd/netmonitor-feeds.timer")),
];
/// The users of the units.
pub(super) const USERS: &str = include_str!("../../../systemd/netmonitor.sysusers");

/// Folders that the units have as they are.
const FOLDERS: [&str; 2] = ["/var/lib/netmonitor", "/var/log/netmonitor"];
/// Networks that the units answer as they are.
const ANSWERED: [&str; 11] = [
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "fe80::/64",
    "fc00::/7",
    "2000::/3",
    "::1/128",
];
/// Below this a port needs a right.
const FREE_PORTS: u16 = 1024;

/// What differs from the defaults.
pub(super) struct Rendering {
    /// The program.
    pub(super) program: PathBuf,
    config: Option<PathBuf>,
    environment: Vec<(String, String)>,
    data: Vec<PathBuf>,
    logs: Vec<PathBuf>,
    networks: Vec<Prefix>,
    low_port: bool,
    standalone: bool,
}

impl Rendering {
    /// For the settings in force; `config` is their file where it was named.
    pub(super) fn of(config: &Config, program: &Path, file: Option<&Path>) -> Rendering {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let elsewhere = |path: &Path| {
            let path = absolute(path);
            (!FOLDERS.iter().any(|folder| path.starts_with(folder))).then_some(path)
        };
        let store = config.store.path.parent().and_then(elsewhere);
        let feeds = elsewhere(&config.feeds.dir);
        let mut data: Vec<PathBuf> = store.into_iter().chain(feeds).collect();
        data.dedup();
        let logs = Some(&config.log.dir).filter(|dir| !dir.as_os_str().is_empty());
        let variable = |(_, _, origin)| match origin {
            Origin::Environment(name) => std::env::var(&name).ok().map(|value| (name, value)),
            _ => None,
        };
        Rendering {
            program: program.to_owned(),
            config: file.filter(|file| *file != Path::new(PATH)).map(absolute),
            environment: config.explain().into_iter().filter_map(variable).collect(),
            data,
            logs: logs.and_then(|dir| elsewhere(dir)).into_iter().collect(),
            networks: public_networks(),
            low_port: (1..FREE_PORTS).contains(&config.dashboard.port),
            standalone: config.dashboard.server == Server::Standalone,
        }
    }

    /// Folders that nobody else makes.
    pub(super) fn folders(&self) -> impl Iterator<Item = &PathBuf> {
        self.data.iter().chain(&self.logs)
    }

    /// Name and text of every unit.
    pub(super) fn units(&self) -> Vec<(&'static str, String)> {
        TEMPLATES.iter().map(|(name, text)| (*name, self.unit(name, text))).collect()
    }

    fn unit(&self, name: &str, text: &str) -> String {
        let dashboard = name == "netmonitor-dashboard.service";
        let monitor = name == "netmonitor.service";
        let serves = if self.standalone { dashboard } else { monitor };
        let mut out = String::new();
        for line in text.lines() {
            match line.strip_prefix("ExecStart=/usr/bin/netmonitor") {
                Some(rest) => out += &self.start(rest),
                None if line == "[Install]" => {
                    out += &self.more(dashboard, monitor);
                    out += line;
                }
                None if serves && self.low_port => out += &with_low_port(line),
                None => out += line,
            }
            out.push('\n');
        }
        // It has no [Install]: its timer starts it.
        if name == "netmonitor-feeds.service" {
            out += &self.more(dashboard, monitor);
        }
        out
    }

    fn start(&self, rest: &str) -> String {
        let word = |path: &Path| quoted(&path.display().to_string()).replace('$', "$$");
        let mut line = format!("ExecStart={}{rest}", word(&self.program));
        if let Some(config) = &self.config {
            line += &format!(" --config {}", word(config));
        }
        for (name, value) in &self.environment {
            line += &format!("\nEnvironment={}", quoted(&format!("{name}={value}")));
        }
        line
    }

    /// What the settings and the machine add at the end of `[Service]`.
    fn more(&self, dashboard: bool, monitor: bool) -> String {
        let mut lines = String::new();
        let logs = self.logs.iter().filter(|_| dashboard || monitor);
        for folder in self.data.iter().filter(|_| !dashboard).chain(logs) {
            let folder = folder.display().to_string();
            let hidden =
                ["/home", "/root", "/run/user"].iter().any(|home| Path::new(&folder).starts_with(home));
            // Of what ProtectHome= hides, this folder alone is shown.
            let how = if hidden { "ProtectHome=tmpfs\nBindPaths" } else { "ReadWritePaths" };
            lines += &format!("{how}={}\n", quoted(&folder));
        }
        if dashboard || monitor {
            self.networks.iter().for_each(|network| lines += &format!("IPAddressAllow={network}\n"));
        }
        if lines.is_empty() { lines } else { format!("# From the settings and the machine.\n{lines}\n") }
    }
}

/// The one right more that a port below 1024 takes. It is a right of the machine, not of a private set of users.
fn with_low_port(line: &str) -> String {
    match line.split_once('=') {
        Some((key @ ("CapabilityBoundingSet" | "AmbientCapabilities"), rights)) => {
            format!("{key}={}", format!("{rights} CAP_NET_BIND_SERVICE").trim_start())
        }
        Some(("PrivateUsers", _)) => "PrivateUsers=no".to_owned(),
        _ => line.to_owned(),
    }
}

/// IPv4 networks of this machine that a unit would not answer as it is.
fn public_networks() -> Vec<Prefix> {
    let answered: Vec<Prefix> = ANSWERED.iter().filter_map(|text| text.parse().ok()).collect();
    let networks = interfaces::list().into_iter().flat_map(|interface| interface.addresses);
    let networks = networks.filter(|(ip, _)| !answered.iter().any(|known| known.contains(*ip)));
    let networks = networks.filter(|(ip, _)| matches!(ip.std(), IpAddr::V4(_)));
    let mut networks: Vec<Prefix> = networks.filter_map(|(ip, len)| Prefix::new(ip, len)).collect();
    networks.sort_by_key(Prefix::to_string);
    networks.dedup();
    networks
}

/// A word as systemd reads it back.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,@+".contains(c);
    if text.chars().all(plain) {
        return text.to_owned();
    }
    let mut word = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => word.extend(['\\', c]),
            '%' => word += "%%",
            '\n' => word += "\\n",
            _ => word.push(c),
        }
    }
    word + "\""
}
