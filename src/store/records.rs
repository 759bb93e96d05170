//! Everything small: mutes, devices, settings, and the count of bytes written today.

use super::StoreError;
use super::handle::{Cause, Handle, Op};
use super::schema::{DEVICES, HABITS, HIDDEN, LAST_MUTE, META, MUTES, SETTINGS, WRITTEN_BYTES, WRITTEN_DAY};
use crate::alert::Mute;
use crate::event::DeviceRecord;
use crate::words::say;
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, WriteTransaction};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// More mutes than a person keeps track of; one more is an error.
const MUTES_MAX: u64 = 1000;

impl Handle {
    pub(super) fn add_mute(&mut self, mute: Mute) -> Result<Mute, StoreError> {
        let added = self.durable(Cause::Settings, |txn, _| {
            let mut table = txn.open_table(MUTES)?;
            if table.len()? >= MUTES_MAX {
                return Ok(None);
            }
            let mut meta = txn.open_table(META)?;
            let id = meta.get(LAST_MUTE)?.map_or(0, |v| v.value()) + 1;
            meta.insert(LAST_MUTE, id)?;
            let mute = Mute { id, hidden: 0, ..mute };
            table.insert(id, encode(&mute).as_slice())?;
            Ok(Some(mute))
        })?;
        added.ok_or_else(|| {
            StoreError::Failed(
                self.path().to_owned(),
                say!(
                    "there are {MUTES_MAX} mutes already; delete one first",
                    "er zijn al {MUTES_MAX} dempingen; verwijder er eerst een"
                ),
            )
        })
    }

    pub(super) fn change_mute(
        &mut self,
        id: u64,
        change: impl FnOnce(&mut Mute),
    ) -> Result<Option<Mute>, StoreError> {
        let Some(mut mute) = self.mutes()?.into_iter().find(|mute| mute.id == id) else { return Ok(None) };
        change(&mut mute);
        self.durable(Cause::Settings, |txn, _| {
            txn.open_table(MUTES)?.insert(id, encode(&mute).as_slice())?;
            Ok(())
        })?;
        Ok(Some(mute))
    }

    pub(super) fn delete_mute(&mut self, id: u64) -> Result<bool, StoreError> {
        if !self.read(|txn| Ok(txn.open_table(MUTES)?.get(id)?.is_some()))? {
            return Ok(false);
        }
        self.durable(Cause::Settings, |txn, _| {
            txn.open_table(HIDDEN)?.remove(id)?;
            let existed = txn.open_table(MUTES)?.remove(id)?.is_some();
            Ok(existed)
        })
    }

    pub(super) fn mutes(&mut self) -> Result<Vec<Mute>, StoreError> {
        self.read(|txn| {
            let (table, hidden) = (txn.open_table(MUTES)?, txn.open_table(HIDDEN)?);
            let mut mutes = Vec::new();
            for entry in table.iter()? {
                let (id, value) = entry?;
                if let Some(mute) = decode::<Mute>(value.value()) {
                    let hidden = hidden.get(id.value())?.map_or(0, |v| v.value());
                    mutes.push(Mute { hidden, ..mute });
                }
            }
            Ok(mutes)
        })
    }

    pub(super) fn set_hidden(&mut self, totals: &[(u64, u64)]) -> Result<(), StoreError> {
        if totals.is_empty() {
            return Ok(());
        }
        self.batched(|txn, _| {
            let (mutes, mut hidden) = (txn.open_table(MUTES)?, txn.open_table(HIDDEN)?);
            for (id, total) in totals {
                // A mute deleted in the meantime stays deleted.
                if mutes.get(id)?.is_some() {
                    hidden.insert(id, total)?;
                }
            }
            Ok(())
        })
    }

    pub(super) fn save_devices(&mut self, devices: &[DeviceRecord]) -> Result<(), StoreError> {
        if devices.is_empty() {
            return Ok(());
        }
        self.known.device_bytes = self.batched(|txn, known| {
            let mut total = known.device_bytes;
            let mut table = txn.open_table(DEVICES)?;
            for device in devices {
                let bytes = encode(device);
                total += size(&device.id, &bytes);
                if let Some(old) = table.insert(device.id.as_str(), bytes.as_slice())? {
                    total = total.saturating_sub(size(&device.id, old.value()));
                }
            }
            Ok(total)
        })?;
        Ok(())
    }

    pub(super) fn devices(&mut self) -> Result<Vec<DeviceRecord>, StoreError> {
        self.read(|txn| {
            let mut devices = Vec::new();
            for entry in txn.open_table(DEVICES)?.iter()? {
                devices.extend(decode::<DeviceRecord>(entry?.1.value()));
            }
            Ok(devices)
        })
    }

    pub(super) fn save_habits(&mut self, habits: &BTreeMap<String, Vec<u8>>) -> Result<(), StoreError> {
        let changed = self.read(|txn| {
            let table = txn.open_table(HABITS)?;
            let mut changed: Vec<&str> = Vec::new();
            for (id, bytes) in habits {
                if table.get(id.as_str())?.is_none_or(|stored| stored.value() != bytes.as_slice()) {
                    changed.push(id);
                }
            }
            Ok((changed, table.len()?))
        })?;
        if changed.0.is_empty() && changed.1 == habits.len() as u64 {
            return Ok(());
        }
        self.batched(|txn, _| {
            let mut table = txn.open_table(HABITS)?;
            for id in &changed.0 {
                table.insert(*id, habits[*id].as_slice())?;
            }
            table.retain(|id, _| habits.contains_key(id))?;
            Ok(())
        })
    }

    pub(super) fn habits(&mut self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.read(|txn| {
            let mut habits = Vec::new();
            for entry in txn.open_table(HABITS)?.iter()? {
                let (id, bytes) = entry?;
                habits.push((id.value().to_owned(), bytes.value().to_owned()));
            }
            Ok(habits)
        })
    }

    pub(super) fn setting(&mut self, key: &str) -> Result<Option<String>, StoreError> {
        self.read(|txn| Ok(txn.open_table(SETTINGS)?.get(key)?.map(|v| v.value().to_owned())))
    }

    pub(super) fn set_settings(&mut self, all: &[(&str, Option<&str>)]) -> Result<(), StoreError> {
        self.durable(Cause::Settings, |txn, _| {
            let mut table = txn.open_table(SETTINGS)?;
            for (key, value) in all {
                match value {
                    Some(value) => table.insert(key, value)?,
                    None => table.remove(key)?,
                };
            }
            Ok(())
        })
    }
}

/// What a device takes in the file.
pub(super) fn size(id: &str, value: &[u8]) -> u64 {
    (id.len() + value.len()) as u64 + super::alerts::OVERHEAD
}

/// Bytes that devices take.
pub(super) fn device_bytes(txn: &ReadTransaction) -> Op<u64> {
    let mut total = 0;
    for entry in txn.open_table(DEVICES)?.iter()? {
        let (id, value) = entry?;
        total += size(id.value(), value.value());
    }
    Ok(total)
}

/// The persisted count: day and bytes.
pub(super) fn written(txn: &ReadTransaction) -> Op<(u64, u64)> {
    let meta = txn.open_table(META)?;
    let value = |key| Ok::<u64, redb::Error>(meta.get(key)?.map_or(0, |v| v.value()));
    Ok((value(WRITTEN_DAY)?, value(WRITTEN_BYTES)?))
}

/// Persists the count with whatever else this transaction writes.
pub(super) fn set_written(txn: &WriteTransaction, day: u64, bytes: u64) -> Op<()> {
    let mut meta = txn.open_table(META)?;
    meta.insert(WRITTEN_DAY, day)?;
    meta.insert(WRITTEN_BYTES, bytes)?;
    Ok(())
}

/// The JSON of a record.
pub(super) fn encode(record: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("a record has text keys and no failing serializer")
}

/// `None` for one that cannot be read: it is left out rather than hiding all the others.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let read = serde_json::from_slice(bytes);
    read.inspect_err(|error| log::warn!("store: a record cannot be read: {error}")).ok()
}
