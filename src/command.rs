//! Commands: what HTTP may ask of the loop that owns the engine, over a bounded channel.

use crate::alert::Mute;
use crate::backup::Backup;
use crate::event::{DeviceRecord, Talker};
pub use crate::table::devices::DeviceChange;
use crate::time::WallTime;
use crate::words::Sentence;
use std::collections::BTreeMap;

/// A question or an order. Each carries where to put the answer; the loop answers within one turn.
pub enum Command {
    /// All devices.
    Devices(Reply<Vec<DeviceRecord>>),
    /// One device by id.
    Device(String, Reply<Option<DeviceRecord>>),
    /// Change what the owner may change of a device.
    ChangeDevice(String, DeviceChange, Reply<Option<DeviceRecord>>),
    /// Who moved most, most bytes first, at most this many; and since when their bytes count.
    Talkers(Span, usize, Reply<(WallTime, Vec<Talker>)>),
    /// The mutes changed: this is the whole list now.
    Mutes(Vec<Mute>),
    /// Send the canary with this mark through parser, detector and store; the answer lists each stage and whether it
    /// passed.
    SelfTest(String, Reply<Vec<Stage>>),
    /// Every setting in force and the latest changes, as `/api/settings` answers it.
    Settings(Reply<serde_json::Value>),
    /// Who wants which settings changed; the answer is that of `Settings` afterwards.
    OrderSettings(String, SettingsOrder, Reply<Result<serde_json::Value, SettingsRefusal>>),
    /// What a backup holds, without secrets; and the settings that it leaves out because they may carry one.
    Backup(Reply<Result<(Backup, Secret), SettingsRefusal>>),
    /// Who wants what taken over from a backup; the answer says what changes, as `/api/restore` tells it.
    Restore(String, Box<Restore>, Reply<Result<serde_json::Value, SettingsRefusal>>),
}

/// Settings that may carry a key or password, by full key.
pub type Secret = BTreeMap<String, serde_json::Value>;

/// What to take over from a backup.
pub struct Restore {
    /// What it holds.
    pub backup: Backup,
    /// Settings that were sealed in it.
    pub secret: Secret,
    /// Whether to do it; else only to say what would change.
    pub apply: bool,
}

/// A change of settings.
pub enum SettingsOrder {
    /// New values by full key; `null` takes one back to what it is without the settings page.
    Change(BTreeMap<String, serde_json::Value>),
    /// Brings back what was before the last change.
    Undo,
}

/// Why settings were not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsRefusal {
    /// What is wrong, by full key.
    Wrong(BTreeMap<String, String>),
    /// No live monitor: recorded or invented traffic.
    NotLive,
    /// No change is remembered.
    NothingToUndo,
    /// It could not be kept, so it is not in force either.
    NotKept(String),
}

/// How far back bytes of hosts are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// This hour and the one before.
    Recent,
    /// Since each host was first seen.
    All,
}

/// Where an answer goes.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// One stage of the self-test.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Stage {
    /// `capture`, `parser`, `detector`, `store`, `stream`.
    pub stage: &'static str,
    /// Whether the canary came through.
    pub passed: bool,
    /// How long it took, microseconds.
    pub microseconds: u64,
    /// What went wrong, or what was seen.
    pub detail: String,
    /// The same in Dutch.
    pub detail_nl: String,
}

impl Stage {
    /// A stage that took `microseconds` and says `detail`.
    pub fn new(stage: &'static str, passed: bool, microseconds: u64, detail: Sentence) -> Self {
        Stage { stage, passed, microseconds, detail: detail.en, detail_nl: detail.nl }
    }
}
