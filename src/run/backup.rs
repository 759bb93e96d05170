//! Taking a backup over, in a monitor that runs or in the store of one that does not.

use super::monitor::Monitor;
use crate::backup::Backup;
use crate::command::{Command, Restore, Secret, SettingsOrder, SettingsRefusal};
use crate::config::Config;
use crate::engine::Engine;
use crate::event::DeviceRecord;
use crate::restore::{Plan, made, plan};
use crate::store::{Store, StoreError};
use crate::table::devices::DeviceChange;
use crate::time;
use serde_json::Value;

/// Does it to a store that nobody else uses.
pub fn restore_store(plan: &Plan, store: &Store, config: &Config) -> Result<(), String> {
    if plan.config.page_values() != config.page_values() {
        let path = plan.config.page_path();
        plan.config.keep_page().map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let done = || -> Result<(), StoreError> {
        let mut records = plan.fresh.clone();
        for mut record in store.devices()? {
            if let Some((_, change)) = plan.devices.iter().find(|(id, _)| *id == record.id) {
                say_of(&mut record, change);
                records.push(record);
            }
        }
        store.save_devices(&records)?;
        plan.mutes.iter().try_for_each(|mute| store.add_mute(mute.clone()).map(drop))?;
        store.flush()
    };
    done().map_err(|error| error.to_string())
}

/// [`crate::engine::Engine::change_device`] for a record that lies in a store.
fn say_of(record: &mut DeviceRecord, change: &DeviceChange) {
    if let Some(name) = &change.name {
        (record.name, record.label, record.known) = (Some(name.clone()), name.clone(), Some(true));
    }
    record.notes = change.notes.clone().unwrap_or(std::mem::take(&mut record.notes));
    record.important |= change.important == Some(true);
    record.known = change.known.or(record.known);
}

impl Monitor {
    /// What a backup of this monitor holds.
    pub(super) fn backup(&self) -> Result<(Backup, Secret), SettingsRefusal> {
        let settings = self.settings.as_ref().ok_or(SettingsRefusal::NotLive)?;
        let mutes = self.store.mutes().map_err(|error| SettingsRefusal::NotKept(error.to_string()))?;
        Ok(made(&settings.config, &self.engine.devices(), &mutes, &self.host, time::wall()))
    }

    /// Takes a backup over, or says what that would change.
    pub(super) fn restore(&mut self, who: String, wanted: &Restore) -> Result<Value, SettingsRefusal> {
        if self.mode != "live" {
            return Err(SettingsRefusal::NotLive);
        }
        let settings = self.settings.as_ref().ok_or(SettingsRefusal::NotLive)?;
        let not_kept = |error: StoreError| SettingsRefusal::NotKept(error.to_string());
        let mutes = self.store.mutes().map_err(not_kept)?;
        let plan = plan(wanted, &settings.config, &self.engine.devices(), &mutes, time::wall())?;
        if !wanted.apply {
            return Ok(plan.told(false));
        }
        if !plan.changes.is_empty() {
            self.order_settings(who, SettingsOrder::Change(plan.changes.clone()))?;
        }
        let records = restored(&mut self.engine, &plan);
        self.store.save_devices(&records).map_err(not_kept)?;
        plan.mutes
            .iter()
            .try_for_each(|mute| self.store.add_mute(mute.clone()).map(drop))
            .map_err(not_kept)?;
        self.store.flush().map_err(not_kept)?;
        self.obey(Command::Mutes(self.store.mutes().map_err(not_kept)?));
        if let Some(app) = &self.app {
            records.iter().for_each(|record| app.publish_device(record));
        }
        Ok(plan.told(true))
    }
}

/// Tells the engine what the backup says of devices: their records then.
fn restored(engine: &mut Engine, plan: &Plan) -> Vec<DeviceRecord> {
    plan.fresh.iter().for_each(|record| engine.restore_device(record));
    let changed = plan.devices.iter().filter_map(|(id, change)| engine.change_device(id, change));
    let mut records: Vec<DeviceRecord> = changed.collect();
    records.extend(plan.fresh.iter().filter_map(|record| engine.device(&record.id)));
    records.iter_mut().for_each(|record| record.habits = None);
    records
}
