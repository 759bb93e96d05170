//! `netmonitor backup` and `restore`: settings, names and mutes as one file, out and in; of the running monitor, else of the
//! store.

use super::local::Local;
use super::password::{hidden, line, twice};
use super::{Outcome, read_config};
use crate::backup::{self, Backup as File};
use crate::command;
use crate::config::Config;
use crate::http::sealed::Secrets;
use crate::logs::say;
use crate::store::{Store, StoreError};
use crate::{machine, restore, run, service, time};
use argh::FromArgs;
use serde_json::{Value, json};
use std::error::Error;
use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// write settings, device names and notes, and mutes to one file, from the running monitor, else from the store
#[derive(FromArgs)]
#[argh(
    subcommand,
    name = "backup",
    note = "Without --secrets there is no password or token in the file. With it, the dashboard's password, accounts, second \
            factors, tokens and addresses of lists that carry keys are in it too, under a passphrase of at least 12 \
            characters: asked for on a terminal, else read from standard input."
)]
pub(super) struct Backup {
    #[argh(positional)]
    /// the file; - for standard output
    file: PathBuf,
    #[argh(switch)]
    /// passwords, accounts and tokens too, under a passphrase
    secrets: bool,
    #[argh(option)]
    /// settings file (default: /etc/netmonitor/config.toml when it exists)
    config: Option<PathBuf>,
}

/// take over what a backup holds: what it does not hold stays as it is
#[derive(FromArgs)]
#[argh(
    subcommand,
    name = "restore",
    note = "All of the file is checked before anything changes. Settings that only config.toml may set are listed, to be put \
            there by hand. Secrets of a backup are taken over with --secrets; everyone must log in again then."
)]
pub(super) struct Restore {
    #[argh(positional)]
    /// the file; - for standard input
    file: PathBuf,
    #[argh(switch)]
    /// only say what would change
    dry_run: bool,
    #[argh(switch)]
    /// passwords, accounts and tokens too; asks for the backup's passphrase
    secrets: bool,
    #[argh(option)]
    /// settings file (default: /etc/netmonitor/config.toml when it exists)
    config: Option<PathBuf>,
}

/// Whose settings, names and mutes.
enum Place {
    Monitor(Local),
    Store(Box<Store>),
}

impl Place {
    /// `make`: a store, where there is none.
    fn find(config: &Config, make: bool) -> Result<Place, Box<dyn Error>> {
        let socket = service::socket_path(&service::run_dir());
        let unreached = match Local::reach(&socket) {
            Ok(monitor) => return Ok(Place::Monitor(monitor)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let why = "run this as root or as the user that netmonitor runs as";
                return Err(format!("{}: {error}; {why}", socket.display()).into());
            }
            Err(error) => format!("{}: {error}", socket.display()),
        };
        let path = &config.store.path;
        if !make && !path.exists() {
            return Err(
                format!("no monitor runs ({unreached}) and there is no store {}", path.display()).into()
            );
        }
        match Store::open(path, config.store_options(), time::wall()) {
            Ok((store, notices)) => {
                hand_over(path);
                notices.iter().for_each(|notice| eprintln!("netmonitor: {notice}"));
                Ok(Place::Store(Box::new(store)))
            }
            Err(StoreError::Locked(path)) => {
                let path = path.display();
                Err(format!("a running netmonitor has {path} open, but cannot be asked ({unreached})").into())
            }
            Err(error) => Err(format!("{error} (no monitor runs: {unreached})").into()),
        }
    }
}

/// What root makes in the folder of the monitor is the monitor's, whose user is not root.
fn hand_over(file: &Path) {
    let Some(folder) = file.parent().and_then(|folder| folder.metadata().ok()) else { return };
    let made = file.metadata().is_ok_and(|file| file.uid() == 0 && folder.uid() != 0);
    if made && let Err(error) = chown(file, Some(folder.uid()), Some(folder.gid())) {
        eprintln!("netmonitor: {}: stays root's: {error}", file.display());
    }
}

fn is_standard(file: &Path) -> bool {
    file == Path::new("-") || file == Path::new(crate::capture::pcap::STANDARD_INPUT)
}

impl Backup {
    pub(super) fn start(self) -> Outcome {
        let config = read_config(self.config.as_ref(), &[])?;
        let passphrase = match (self.secrets, io::stdin().is_terminal()) {
            (false, _) => None,
            (true, true) => Some(twice("passphrase for the secrets: ")?),
            (true, false) => Some(line()?),
        };
        let bytes = match Place::find(&config, false)? {
            Place::Monitor(monitor) => match passphrase {
                None => monitor.ask("GET", "/api/backup", None)?,
                Some(text) => monitor.ask("POST", "/api/backup", Some(&json!({ "passphrase": text })))?,
            },
            Place::Store(store) => of_store(&config, &store, passphrase.as_deref())?,
        };
        let backup = File::read(&bytes)?;
        if is_standard(&self.file) {
            io::stdout().lock().write_all(&bytes)?;
            return Ok(ExitCode::SUCCESS);
        }
        keep(&self.file, &bytes).map_err(|error| format!("{}: {error}", self.file.display()))?;
        say(&format!(
            "{}: {} settings, {} devices, {} mutes, {}",
            self.file.display(),
            backup.settings.len() + backup.config.len(),
            backup.devices.len(),
            backup.mutes.len(),
            if self.secrets { "and the secrets under the passphrase" } else { "no secrets" }
        ));
        Ok(ExitCode::SUCCESS)
    }
}

fn of_store(config: &Config, store: &Store, passphrase: Option<&str>) -> Result<Vec<u8>, Box<dyn Error>> {
    let (mut backup, settings) =
        restore::made(config, &store.devices()?, &store.mutes()?, &machine::host_name(), time::wall());
    if let Some(passphrase) = passphrase {
        backup.secrets = Some(Secrets::of(store, settings)?.seal(passphrase)?);
    }
    Ok(serde_json::to_vec_pretty(&backup)?)
}

/// Whole or not at all, for its owner's eyes.
fn keep(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let fresh = PathBuf::from(name);
    let mut options = fs::OpenOptions::new();
    let mut out = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    fs::rename(&fresh, file)
}

impl Restore {
    pub(super) fn start(self) -> Outcome {
        let config = read_config(self.config.as_ref(), &[])?;
        let bytes = self.read().map_err(|error| format!("{}: {error}", self.file.display()))?;
        let wrong =
            |error: backup::BackupError| format!("{}: {error}; nothing was changed", self.file.display());
        let backup = File::read(&bytes).map_err(wrong)?;
        let passphrase = self.passphrase(&backup)?;
        let told = match Place::find(&config, true)? {
            Place::Monitor(monitor) => {
                let body = json!({ "backup": backup, "passphrase": passphrase, "apply": !self.dry_run });
                serde_json::from_slice(&monitor.ask("POST", "/api/restore", Some(&body))?)?
            }
            Place::Store(store) => self.to_store(&config, &store, backup, passphrase.as_deref())?,
        };
        tell(&told, self.secrets);
        Ok(ExitCode::SUCCESS)
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let from: Box<dyn Read> = if is_standard(&self.file) {
            Box::new(io::stdin())
        } else {
            Box::new(fs::File::open(&self.file)?)
        };
        let mut bytes = Vec::new();
        from.take(backup::LARGEST as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn passphrase(&self, backup: &File) -> Result<Option<String>, Box<dyn Error>> {
        if !self.secrets {
            return Ok(None);
        }
        if backup.secrets.is_none() {
            return Err(format!("{} has no secrets; leave --secrets away", self.file.display()).into());
        }
        if is_standard(&self.file) {
            return Err(
                "with --secrets the backup must be a file: the passphrase comes from standard input".into()
            );
        }
        Ok(Some(if io::stdin().is_terminal() { hidden("passphrase of the backup: ")? } else { line()? }))
    }

    fn to_store(
        &self,
        config: &Config,
        store: &Store,
        backup: File,
        passphrase: Option<&str>,
    ) -> Result<Value, Box<dyn Error>> {
        let sealed = backup.secrets.clone();
        let secrets =
            sealed.as_ref().zip(passphrase).map(|(sealed, text)| Secrets::open(sealed, text)).transpose()?;
        let secret = secrets.as_ref().map(|secrets| secrets.settings.clone()).unwrap_or_default();
        let wanted = command::Restore { backup, secret, apply: !self.dry_run };
        let plan = restore::plan(&wanted, config, &store.devices()?, &store.mutes()?, time::wall());
        let plan = plan.map_err(|refusal| match refusal {
            command::SettingsRefusal::Wrong(problems) => {
                let named = problems.iter().map(|(key, what)| format!("{key}: {what}"));
                format!("{}; nothing was changed", named.collect::<Vec<_>>().join("; "))
            }
            other => format!("{other:?}"),
        })?;
        if wanted.apply {
            run::restore_store(&plan, store, config)?;
            hand_over(&config.page_path());
            secrets.iter().try_for_each(|secrets| secrets.people.keep(store))?;
        }
        Ok(plan.told(wanted.apply))
    }
}

/// Says what changed, or would.
fn tell(told: &Value, secrets: bool) {
    let list = |name: &str| told[name].as_array().cloned().unwrap_or_default();
    for setting in list("settings") {
        say(&format!("setting {}: {} -> {}", text(&setting["key"]), setting["was"], setting["now"]));
    }
    for device in list("devices") {
        let said: Vec<String> = ["name", "notes", "important", "known"]
            .iter()
            .filter(|field| !device[**field].is_null())
            .map(|field| format!("{field} {}", device[*field]))
            .collect();
        say(&format!("device {} ({}): {}", text(&device["id"]), text(&device["label"]), said.join(", ")));
    }
    for mute in list("mutes") {
        let parts = ["kind", "source", "target"].map(|part| text(&mute[part]).to_owned());
        say(&format!("mute {}", parts.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    let left = list("settings_left");
    if !left.is_empty() {
        say("for config.toml, to be put there by hand:");
        for setting in &left {
            let value = toml::Value::try_from(&setting["value"]).map(|value| value.to_string());
            say(&format!("  {} = {}", text(&setting["key"]), value.unwrap_or_default()));
        }
    }
    let count = list("settings").len() + list("devices").len() + list("mutes").len();
    say(&match (told["applied"] == true, count) {
        (false, n) => format!("{n} changes; nothing was changed (--dry-run)"),
        (true, 0) => "everything was so already".to_owned(),
        (true, n) => format!("{n} changes, done"),
    });
    if told["applied"] == true && secrets {
        say("passwords, accounts and tokens are those of the backup; everyone must log in again");
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
