//! `netmonitor update`: the appliance's own update: written to the other slot, tried once, kept when it works.

use super::local::Local;
use super::{Outcome, read_config, wrong_use};
use crate::config::{Config, Host, Server};
use crate::logs::{complain, say};
use crate::update::{
    Allowed, Bundle, PUBLIC_KEY, Phase, Record, Slots, Step, UpdateError, Verdict, confirm, install, restart,
};
use crate::{fetch, service, store, time};
use argh::FromArgs;
use std::error::Error;
use std::fs;
use std::io::{IsTerminal, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// Largest file that is fetched: two slots and then some.
const LARGEST: u64 = 512 << 20;
/// Seconds that fetching may take: a night.
const SECONDS: u32 = 8 * 3600;
/// Where a file that is fetched waits, below the root.
const FETCHED: &str = "var/lib/netmonitor/update.download";
/// How often a slot on trial is asked.
const EVERY: Duration = Duration::from_secs(1);

/// install an update on a netmonitor card: it is written to the slot that does not run, tried once, and kept only if it works
#[derive(FromArgs)]
#[argh(
    subcommand,
    name = "update",
    note = "FILE.minisig (or URL.minisig) beside it must be a minisign signature by the key of this card, \
            /usr/share/netmonitor/update.pub; `minisign -V` checks it too. After a power cut, do it again."
)]
pub(super) struct Update {
    #[argh(positional)]
    /// the update: a file, or a URL
    file: Option<String>,
    #[argh(switch)]
    /// restart at once and try it; without a file, try what was installed before
    reboot: bool,
    #[argh(switch)]
    /// say which slot runs and what became of the last update
    status: bool,
    #[argh(switch)]
    /// after a start: keep the slot that is on trial if it captures and answers within two minutes, else restart
    confirm: bool,
    #[argh(switch)]
    /// install a release older than the newest that was kept
    allow_downgrade: bool,
    #[argh(option)]
    /// key that the update must be signed with
    key: Option<PathBuf>,
    #[argh(option)]
    /// certificates (PEM) to trust for a URL instead of the public ones
    ca_file: Option<PathBuf>,
    #[argh(option, default = "PathBuf::from(\"/\")")]
    /// folder that stands for / (default: /)
    root: PathBuf,
    #[argh(option)]
    /// settings file (default: /etc/netmonitor/config.toml when it exists)
    config: Option<PathBuf>,
}

impl Update {
    pub(super) fn start(self) -> Outcome {
        match (&self.file, self.status, self.confirm) {
            (None, true, false) => self.tell_status(),
            (None, false, true) => self.decide(),
            (Some(file), false, false) => self.install(file),
            (None, false, false) if self.reboot => {
                restart(&Slots::find(&self.root)?, true)?;
                Ok(ExitCode::SUCCESS)
            }
            _ => Ok(wrong_use("give update a file, or --status, or --confirm, or --reboot alone")),
        }
    }

    fn install(&self, file: &str) -> Outcome {
        let slots = Slots::find(&self.root)?;
        let config = read_config(self.config.as_ref(), &[])?;
        let key = self.key.clone().unwrap_or_else(|| slots.path(PUBLIC_KEY));
        let fetched = file.contains("://").then(|| self.fetch(&slots, file)).transpose()?;
        let path = fetched.as_ref().map_or(Path::new(file), |fetched| &fetched.0);
        say("checking the signature");
        let bundle = Bundle::open(path, &key)?;
        say(&format!(
            "release {}, signed by the key of this card; into slot {}",
            bundle.manifest.release,
            slots.running.other().folder()
        ));
        let store_bytes = fs::metadata(&config.store.path).map_or(0, |file| file.len());
        let allowed = Allowed { downgrade: self.allow_downgrade, schema: store::SCHEMA, store_bytes };
        let slot = install(&slots, &bundle, allowed, progress)?;
        drop(fetched);
        if self.reboot {
            say("restarting to try it; within two minutes it is kept, or this release comes back");
            restart(&slots, true)?;
        } else {
            let slot = slot.folder();
            say(&format!("slot {slot} is ready; `netmonitor update --reboot` restarts and tries it"));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Fetches the update and its signature; what is there goes when this ends, whatever becomes of it.
    fn fetch(&self, slots: &Slots, url: &str) -> Result<Fetched, Box<dyn Error>> {
        let fetched = Fetched(slots.path(FETCHED));
        let get = |url: &str, path: &Path, most: u64| -> Result<(), Box<dyn Error>> {
            let named = |error: std::io::Error| format!("{}: {error}", path.display());
            let mut out = fs::File::create(path).map_err(named)?;
            fetch::file(url, self.ca_file.as_deref(), most, SECONDS, &mut out)
                .map_err(|why| format!("{url}: {why}; nothing was changed"))?;
            Ok(out.sync_all().map_err(named)?)
        };
        say(&format!("fetching {url}"));
        // The signature first: where there is none, the rest is not worth fetching.
        get(&format!("{url}.minisig"), &fetched.signature(), 64 * 1024)?;
        get(url, &fetched.0, LARGEST)?;
        Ok(fetched)
    }

    fn tell_status(&self) -> Outcome {
        let slots = Slots::find(&self.root)?;
        let record = Record::load(&slots);
        say(&format!("slot {} runs, release {}", slots.running.folder(), crate::VERSION));
        let next = slots.starts()?;
        if next != slots.running {
            let next = next.folder();
            say(&format!("it is on trial: slot {next} starts next unless this one is kept"));
        }
        if let Some(kept) = &record.kept {
            say(&format!("newest release kept by an update: {kept}"));
        }
        match &record.attempt {
            None => say("no update was made yet"),
            Some(attempt) => {
                let words = match attempt.phase {
                    Phase::Writing => "was begun and not finished; do it again",
                    Phase::Ready => "is ready; `netmonitor update --reboot` restarts and tries it",
                    Phase::Trying => "is being tried",
                    Phase::Kept => "was kept",
                    Phase::Failed => "did not work, and was given up",
                };
                let (release, slot, time) = (&attempt.release, attempt.slot.folder(), attempt.time);
                let why = attempt.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
                say(&format!("the last update, to release {release} in slot {slot} at {time}, {words}{why}"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Decides about a slot on trial.
    fn decide(&self) -> Outcome {
        let slots = match Slots::find(&self.root) {
            // The unit runs at every start, on a card or not.
            Err(UpdateError::NotAppliance(_)) => return Ok(ExitCode::SUCCESS),
            found => found?,
        };
        let config = read_config(self.config.as_ref(), &[]);
        let verdict = confirm(&slots, |patience| {
            // Settings that cannot be read are a reason to go back too.
            let config = config.map_err(|error| error.to_string())?;
            works(&config, patience)
        })?;
        match verdict {
            Verdict::Nothing => {}
            Verdict::Kept(release) => say(&format!("release {release} works and is kept")),
            Verdict::CameBack(release) => {
                complain(&format!(
                    "netmonitor: release {release} did not start; the one before it runs again"
                ));
            }
            Verdict::GivenUp(release) => {
                let why = Record::load(&slots).attempt.and_then(|attempt| attempt.why).unwrap_or_default();
                complain(&format!(
                    "netmonitor: release {release} is given up ({why}); restarting into the one before it"
                ));
                restart(&slots, false)?;
                return Ok(ExitCode::FAILURE);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A file that was fetched, until it is no longer needed.
struct Fetched(PathBuf);

impl Fetched {
    fn signature(&self) -> PathBuf {
        self.0.with_extension("download.minisig")
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
        let _ = fs::remove_file(self.signature());
    }
}

fn progress(step: Step) -> Result<(), UpdateError> {
    let terminal = std::io::stdout().is_terminal();
    match step {
        Step::Checked => say("it may be installed; writing"),
        Step::Writing(done, all) if terminal => {
            print!("\r{} of {} MiB", done >> 20, all >> 20);
            let _ = std::io::stdout().flush();
        }
        Step::Root => say(if terminal {
            "\rthe root is written and read back"
        } else {
            "the root is written and read back"
        }),
        Step::Boot => say("the kernel is written and read back"),
        _ => {}
    }
    Ok(())
}

/// Whether the monitor captures and its page answers, within `patience`.
fn works(config: &Config, patience: Duration) -> Result<(), String> {
    let until = time::monotonic().plus(i64::try_from(patience.as_micros()).unwrap_or(i64::MAX));
    loop {
        let why = match ask(config) {
            Ok(()) => return Ok(()),
            Err(why) => why,
        };
        if time::monotonic() >= until {
            return Err(format!("after {} s: {why}", patience.as_secs()));
        }
        thread::sleep(EVERY);
    }
}

/// One look: `/healthz` of the monitor on its socket, which is 200 while frames can come, and of the page as browsers see
/// it.
fn ask(config: &Config) -> Result<(), String> {
    let socket = service::socket_path(&service::run_dir());
    let monitor = Local::reach(&socket).map_err(|error| format!("{}: {error}", socket.display()))?;
    monitor.ask("GET", "/healthz", None).map_err(|why| format!("the monitor does not capture: {why}"))?;
    if config.dashboard.server == Server::Off {
        return Ok(());
    }
    let Host(host) = config.dashboard.host;
    let host = match host {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    page(SocketAddr::from((host, config.dashboard.port)))
        .map_err(|why| format!("the page does not answer: {why}"))
}

fn page(address: SocketAddr) -> Result<(), String> {
    let limit = Duration::from_secs(5);
    let exchange = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut start = vec![0; 12];
        stream.read_exact(&mut start)?;
        Ok(start)
    };
    let start = exchange().map_err(|error| error.to_string())?;
    if start == b"HTTP/1.1 200" { Ok(()) } else { Err(String::from_utf8_lossy(&start).into_owned()) }
}
