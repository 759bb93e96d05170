//! Commands: what HTTP may ask of the loop that owns the engine, over a bounded channel.

use crate::alert::Mute;
use crate::event::{DeviceRecord, Talker};
pub use crate::table::devices::DeviceChange;
use crate::time::WallTime;

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
    /// Send the canary through parser and detector; the answer lists each stage and whether it passed.
    SelfTest(Reply<Vec<Stage>>),
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
    /// `parser`, `detector`, `store`, `stream`.
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
