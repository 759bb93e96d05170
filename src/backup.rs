//! A backup: settings, what the owner said of devices, and mutes, as one JSON file; secrets in it only sealed.
//!
//! Whoever hands one in may have written it himself, so it is read strictly and measured before anything believes it.

use crate::alert::{Mute, Party};
use crate::event::DeviceRecord;
use crate::time::WallTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// What the file says it is.
pub const FORMAT: &str = "netmonitor-backup";
/// Grows with every change that an older program would misread.
pub const VERSION: u32 = 1;
/// Largest file, bytes: every device there can be, each with its notes.
pub const LARGEST: usize = 2 << 20;

/// Most devices, settings and mutes of one file: more than a monitor holds.
const DEVICES: usize = 8192;
const SETTINGS: usize = 1000;
const MUTES: usize = 1000;
/// Longest name, notes and reason, characters.
const NAME: usize = 64;
const NOTES: usize = 2000;
const REASON: usize = 500;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// Version of the program that made it.
    pub netmonitor: String,
    /// When it was made.
    pub made: WallTime,
    /// Host name of the monitor.
    #[serde(default)]
    pub host: String,
    /// What the settings page set, by full key.
    pub settings: BTreeMap<String, Value>,
    /// What config.toml set, by full key.
    #[serde(default)]
    pub config: BTreeMap<String, Value>,
    /// Devices of which the owner said something.
    pub devices: Vec<Device>,
    /// Mutes that had not ended.
    pub mutes: Vec<Muted>,
    /// Accounts, tokens and addresses with keys, for who has the passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Sealed>,
}

/// What the owner said of a device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its id: the station address without colons, or `ip-` and the address.
    pub id: String,
    /// Its station addresses.
    #[serde(default)]
    pub macs: Vec<String>,
    /// Name.
    #[serde(default)]
    pub name: Option<String>,
    /// Notes.
    #[serde(default)]
    pub notes: String,
    /// Important.
    #[serde(default)]
    pub important: bool,
    /// He knows it.
    #[serde(default)]
    pub known: bool,
    /// First seen.
    pub first_seen: WallTime,
    /// Last seen.
    pub last_seen: WallTime,
}

/// A mute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Muted {
    /// Kind id.
    #[serde(default)]
    pub kind: Option<String>,
    /// Who acts.
    #[serde(default)]
    pub source: Option<Party>,
    /// Whom it acts on.
    #[serde(default)]
    pub target: Option<Party>,
    /// Target port.
    #[serde(default)]
    pub port: Option<u16>,
    /// Ends then.
    #[serde(default)]
    pub until: Option<WallTime>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// What opens by a passphrase alone: a key by argon2id, AES-256-GCM under it. Bytes are hexadecimal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// `argon2id`.
    pub kdf: String,
    /// Memory of the key's making, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Salt.
    pub salt: String,
    /// `aes-256-gcm`.
    pub cipher: String,
    /// Nonce.
    pub nonce: String,
    /// What is sealed, its tag behind it.
    pub data: String,
}

/// Why a file is no backup that can be restored here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupError {
    /// Larger than any.
    TooLarge,
    /// No backup, or cut off, or damaged.
    Unreadable(String),
    /// Of a newer program.
    Newer(u32),
    /// Something in it cannot be.
    Wrong(String),
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackupError::TooLarge => write!(f, "larger than {LARGEST} bytes, so it is no backup"),
            BackupError::Unreadable(why) => write!(f, "not a whole backup: {why}"),
            BackupError::Newer(version) => write!(
                f,
                "the backup is of form {version} and this netmonitor reads up to {VERSION}; update netmonitor first"
            ),
            BackupError::Wrong(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for BackupError {}

impl Backup {
    /// Reads a file.
    pub fn read(bytes: &[u8]) -> Result<Backup, BackupError> {
        if bytes.len() > LARGEST {
            return Err(BackupError::TooLarge);
        }
        let value = serde_json::from_slice(bytes).map_err(|e| BackupError::Unreadable(e.to_string()))?;
        Backup::of(value)
    }

    /// What a JSON value holds, when all of it can be.
    pub fn of(value: Value) -> Result<Backup, BackupError> {
        if value["format"] != FORMAT {
            return Err(BackupError::Unreadable("it does not say that it is one".to_owned()));
        }
        // A newer one may have anything else in it.
        match value["version"].as_u64() {
            Some(version) if version > u64::from(VERSION) => {
                return Err(BackupError::Newer(u32::try_from(version).unwrap_or(u32::MAX)));
            }
            Some(1..) => {}
            _ => return Err(BackupError::Unreadable("it has no version".to_owned())),
        }
        let backup: Backup =
            serde_json::from_value(value).map_err(|e| BackupError::Unreadable(e.to_string()))?;
        backup.check().map_err(BackupError::Wrong)?;
        Ok(backup)
    }

    fn check(&self) -> Result<(), String> {
        let most = [
            ("settings", self.settings.len() + self.config.len(), 2 * SETTINGS),
            ("devices", self.devices.len(), DEVICES),
            ("mutes", self.mutes.len(), MUTES),
        ];
        if let Some((what, there, most)) = most.iter().find(|(_, there, most)| there > most) {
            return Err(format!("{there} {what} are more than the {most} that there can be"));
        }
        self.devices.iter().try_for_each(Device::check)?;
        self.mutes.iter().try_for_each(Muted::check)
    }
}

impl Device {
    /// What the owner said of a device; `None` where he said nothing.
    pub fn of(record: &DeviceRecord) -> Option<Device> {
        let device = Device {
            id: record.id.clone(),
            macs: record.macs.clone(),
            name: record.name.clone(),
            notes: record.notes.clone(),
            important: record.important,
            known: record.known == Some(true),
            first_seen: record.first_seen,
            last_seen: record.last_seen,
        };
        let said = device.name.is_some() || !device.notes.is_empty() || device.important || device.known;
        said.then_some(device)
    }

    /// Whether it is the device of this record: by its id, else by a station address of either.
    pub fn is(&self, record: &DeviceRecord) -> bool {
        self.id == record.id || self.macs.iter().any(|mac| record.macs.contains(mac))
    }

    /// The record of a device that was never seen here.
    pub fn record(&self, now: WallTime) -> DeviceRecord {
        let ip = self.id.strip_prefix("ip-").map(str::to_owned);
        DeviceRecord {
            id: self.id.clone(),
            macs: self.macs.clone(),
            ips: ip.into_iter().collect(),
            label: self.name.clone().unwrap_or_else(|| self.id.clone()),
            kind: "unknown".to_owned(),
            first_seen: self.first_seen.min(now),
            last_seen: self.last_seen.min(now),
            name: self.name.clone(),
            notes: self.notes.clone(),
            important: self.important,
            known: Some(self.known || self.name.is_some()),
            ..DeviceRecord::default()
        }
    }

    fn check(&self) -> Result<(), String> {
        let id: String = self.id.chars().take(64).collect();
        let plain = |text: &str| !text.chars().any(|c| c.is_control() && c != '\n');
        let mac = |text: &String| text.parse::<crate::addr::MacAddr>().is_ok();
        let station = self.id.len() == 12 && self.id.bytes().all(|b| b.is_ascii_hexdigit());
        let address = self.id.strip_prefix("ip-").is_some_and(|ip| ip.parse::<crate::addr::Ip>().is_ok());
        if !(station && !self.macs.is_empty() || address) || self.macs.len() > 8 || !self.macs.iter().all(mac)
        {
            return Err(format!("{id:?} is not a device"));
        }
        let name = self.name.as_deref().unwrap_or_default();
        let short = name.chars().count() <= NAME && self.notes.chars().count() <= NOTES;
        if !short || !plain(name) || !plain(&self.notes) {
            return Err(format!("device {id}: name or notes are too long, or no text"));
        }
        Ok(())
    }
}

impl Muted {
    /// Of a mute; `None` of one that has ended.
    pub fn of(mute: &Mute, now: WallTime) -> Option<Muted> {
        let holds = mute.until.is_none_or(|until| until > now);
        holds.then(|| Muted {
            kind: mute.kind.clone(),
            source: mute.source,
            target: mute.target,
            port: mute.port,
            until: mute.until,
            reason: mute.reason.clone(),
        })
    }

    /// The mute that this is, to be numbered by the store; `None` when it has ended.
    pub fn mute(&self, now: WallTime) -> Option<Mute> {
        let Muted { kind, source, target, port, until, reason } = self.clone();
        let holds = until.is_none_or(|until| until > now);
        holds.then_some(Mute { id: 0, kind, source, target, port, until, reason, created: now, hidden: 0 })
    }

    /// Whether `mute` hides the same.
    pub fn is(&self, mute: &Mute) -> bool {
        self.kind == mute.kind
            && self.source == mute.source
            && self.target == mute.target
            && self.port == mute.port
    }

    fn check(&self) -> Result<(), String> {
        let word =
            |kind: &String| kind.len() <= 64 && kind.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
        if !self.kind.as_ref().is_none_or(word) || self.reason.chars().count() > REASON {
            return Err("a mute has a kind or a reason that cannot be".to_owned());
        }
        if self.kind.is_none() && self.source.is_none() && self.target.is_none() {
            return Err("a mute hides everything: it needs a kind, a source or a target".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole() -> Value {
        json!({
            "format": FORMAT, "version": 1, "netmonitor": "0.1.0", "made": "2026-01-02T03:04:05Z",
            "settings": { "detect.quiet_period_s": 60 },
            "devices": [{ "id": "020000000001", "macs": ["02:00:00:00:00:01"], "name": "TV",
                "first_seen": "2026-01-01", "last_seen": "2026-01-02" }],
            "mutes": [{ "kind": "port_scan", "source": "10.0.0.1" }],
        })
    }

    #[test]
    fn what_is_cut_off_foreign_or_newer_is_refused_and_said_so() {
        assert!(Backup::of(whole()).is_ok());
        let text = whole().to_string();
        for end in 0..text.len() {
            assert!(Backup::read(&text.as_bytes()[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(Backup::read(&vec![b' '; LARGEST + 1]), Err(BackupError::TooLarge));
        let newer = json!({ "format": FORMAT, "version": 2, "unheard": { "of": [] } });
        assert_eq!(Backup::of(newer), Err(BackupError::Newer(2)));
        for wrong in
            [json!({}), json!([1]), json!({ "format": FORMAT }), json!({ "format": FORMAT, "version": 0 })]
        {
            assert!(matches!(Backup::of(wrong), Err(BackupError::Unreadable(_))));
        }
        let deep = "[".repeat(100_000);
        assert!(Backup::read(deep.as_bytes()).is_err(), "and no stack is used up");
    }

    #[test]
    fn content_that_cannot_be_is_refused() {
        let with = |pointer: &str, value: Value| {
            let mut all = whole();
            *all.pointer_mut(pointer).expect("it is there") = value;
            Backup::of(all)
        };
        for (pointer, value) in [
            ("/devices/0/id", json!("../../etc")),
            ("/devices/0/macs", json!(["nonsense"])),
            ("/devices/0/macs", json!([])),
            ("/devices/0/macs", json!(vec!["02:00:00:00:00:01"; 9])),
            ("/devices/0/name", json!("x".repeat(65))),
            ("/devices/0/name", json!("\u{1b}[2J")),
            ("/devices", json!(vec![whole()["devices"][0].clone(); DEVICES + 1])),
            ("/mutes", json!([{}])),
            ("/mutes", json!([{ "kind": "port_scan; rm" }])),
            ("/mutes", json!(vec![json!({ "kind": "x" }); MUTES + 1])),
            ("/made", json!("yesterday")),
        ] {
            assert!(
                with(pointer, value.clone()).is_err(),
                "{pointer} {}",
                &value.to_string()[..20.min(value.to_string().len())]
            );
        }
    }

    #[test]
    fn a_mute_that_has_ended_stays_where_it_is() {
        let now = WallTime::parse("2026-01-02").expect("a day");
        let mut mute = Backup::of(whole()).expect("whole").mutes[0].mute(now).expect("it holds");
        mute.until = WallTime::parse("2026-01-01");
        assert_eq!(Muted::of(&mute, now), None);
    }
}
