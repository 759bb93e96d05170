//! What a backup of this monitor holds, and what taking one over would change: what it holds is taken over, what it
//! does not hold stays, and doing it again changes nothing.

use crate::alert::Mute;
use crate::backup::{self, Backup, Device, Muted};
use crate::command::{Restore, Secret, SettingsRefusal};
use crate::config::Config;
use crate::event::DeviceRecord;
use crate::table::devices::DeviceChange;
use crate::time::WallTime;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Mutes that the store has room for.
const MUTES: usize = 1000;

/// A backup of these, and the settings that it leaves out because they may carry a secret.
pub fn made(
    config: &Config,
    devices: &[DeviceRecord],
    mutes: &[Mute],
    host: &str,
    now: WallTime,
) -> (Backup, Secret) {
    let (file, secret) = config.file_values();
    let page = config.page_values().into_iter();
    let backup = Backup {
        format: backup::FORMAT.to_owned(),
        version: backup::VERSION,
        netmonitor: crate::VERSION.to_owned(),
        made: now,
        host: host.to_owned(),
        settings: page.map(|(key, value)| (key, json!(value))).collect(),
        config: file,
        devices: devices.iter().filter_map(Device::of).collect(),
        mutes: mutes.iter().filter_map(|mute| Muted::of(mute, now)).collect(),
        secrets: None,
    };
    (backup, secret)
}

/// What taking a backup over changes.
pub struct Plan {
    /// Settings to change as the settings page would.
    pub changes: BTreeMap<String, Value>,
    /// The settings then.
    pub config: Config,
    /// What to say of devices that are known here, by id.
    pub devices: Vec<(String, DeviceChange)>,
    /// Devices that were never seen here.
    pub fresh: Vec<DeviceRecord>,
    /// Mutes to add.
    pub mutes: Vec<Mute>,
    told: Value,
}

/// What taking `wanted` over changes; or why it cannot be.
pub fn plan(
    wanted: &Restore,
    config: &Config,
    devices: &[DeviceRecord],
    mutes: &[Mute],
    now: WallTime,
) -> Result<Plan, SettingsRefusal> {
    let backup = &wanted.backup;
    let (changes, told, left) = settings(wanted, config);
    let next = config.changed(&changes).map_err(SettingsRefusal::Wrong)?;
    let (mut changed, mut fresh) = (Vec::new(), Vec::new());
    for device in &backup.devices {
        match devices.iter().find(|record| device.is(record)) {
            Some(record) => changed.extend(change(device, record).map(|c| (record.id.clone(), c))),
            None => fresh.push(device.record(now)),
        }
    }
    let wanted_mutes =
        backup.mutes.iter().filter(|muted| !mutes.iter().any(|mute| muted.is(mute) && holds(mute, now)));
    let added: Vec<Mute> = wanted_mutes.filter_map(|muted| muted.mute(now)).collect();
    if mutes.len() + added.len() > MUTES {
        let why = format!("there is room for {MUTES} mutes, and {} are there already", mutes.len());
        return Err(SettingsRefusal::Wrong([("mutes".to_owned(), why)].into()));
    }
    let label =
        |id: &String| devices.iter().find(|r| r.id == *id).map_or_else(|| id.clone(), |r| r.label.clone());
    let known = changed.iter().map(|(id, change)| told_device(id, label(id), change, false));
    let unknown = fresh.iter().map(|record| {
        let notes = Some(record.notes.clone()).filter(|notes| !notes.is_empty());
        let change = DeviceChange {
            name: record.name.clone(),
            notes,
            important: record.important.then_some(true),
            known: record.known,
        };
        told_device(&record.id, record.label.clone(), &change, true)
    });
    let told = json!({
        "applied": false,
        "made": backup.made,
        "host": backup.host,
        "settings": told,
        "settings_left": left,
        "devices": known.chain(unknown).collect::<Vec<Value>>(),
        "mutes": added.iter().map(told_mute).collect::<Vec<Value>>(),
        "secrets": null,
    });
    Ok(Plan { changes, config: next, devices: changed, fresh, mutes: added, told })
}

impl Plan {
    /// What changes, or has changed.
    pub fn told(self, applied: bool) -> Value {
        let mut told = self.told;
        told["applied"] = applied.into();
        told
    }
}

/// Settings to change, what is told of them, and what is told of those that are not for the page to change.
fn settings(wanted: &Restore, config: &Config) -> (BTreeMap<String, Value>, Vec<Value>, Vec<Value>) {
    let backup = &wanted.backup;
    let mut all = backup.config.clone();
    all.extend(wanted.secret.clone());
    all.extend(backup.settings.clone());
    let (mut changes, mut told, mut left) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (key, value) in all {
        let Some((now, was)) = config.in_force(&key) else {
            left.push(json!({ "key": key, "value": value, "why": "unknown" }));
            continue;
        };
        if now == value || was == value {
            continue;
        }
        match config.editable(&key) {
            Ok(_) => {
                told.push(json!({ "key": key, "was": was, "now": value }));
                changes.insert(key, value);
            }
            Err(fixed) => left.push(json!({ "key": key, "value": value, "why": fixed })),
        }
    }
    (changes, told, left)
}

fn holds(mute: &Mute, now: WallTime) -> bool {
    mute.until.is_none_or(|until| until > now)
}

/// What the backup says of a device and is not said of it here.
fn change(device: &Device, record: &DeviceRecord) -> Option<DeviceChange> {
    let change = DeviceChange {
        name: device.name.clone().filter(|name| record.name.as_ref() != Some(name)),
        notes: Some(device.notes.clone()).filter(|notes| !notes.is_empty() && *notes != record.notes),
        important: (device.important && !record.important).then_some(true),
        known: (device.known && record.known != Some(true)).then_some(true),
    };
    let says = change.name.is_some() || change.notes.is_some() || change.important.or(change.known).is_some();
    says.then_some(change)
}

fn told_device(id: &str, label: String, change: &DeviceChange, new: bool) -> Value {
    json!({
        "id": id, "label": label, "new": new, "name": change.name, "notes": change.notes,
        "important": change.important, "known": change.known,
    })
}

fn told_mute(mute: &Mute) -> Value {
    let party = |party: Option<crate::alert::Party>| party.map(|party| party.to_string());
    json!({
        "kind": mute.kind, "source": party(mute.source), "target": party(mute.target), "port": mute.port,
        "until": mute.until, "reason": mute.reason,
    })
}
