//! What is remembered of updates on the data partition, which both slots share.

use super::{Slot, Slots, UpdateError, put};
use crate::time::WallTime;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;

/// Where, below the root.
const PATH: &str = "var/lib/netmonitor/update.json";

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The highest release that was kept: none below it without being told so.
    #[serde(default)]
    pub kept: Option<String>,
    /// The last update.
    #[serde(default)]
    pub attempt: Option<Attempt>,
}

/// One update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its release.
    pub release: String,
    /// The slot that it went into.
    pub slot: Slot,
    /// When it was begun.
    pub time: WallTime,
    /// How far it is.
    pub phase: Phase,
    /// Whether an older release was wanted.
    #[serde(default)]
    pub downgrade: bool,
    /// Why it failed.
    #[serde(default)]
    pub why: Option<String>,
}

/// How far an update is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Being written; nothing starts it.
    Writing,
    /// Written and read back; the next restart on purpose tries it.
    Ready,
    /// Restarted to try it.
    Trying,
    /// Kept.
    Kept,
    /// It did not work, and the slot before it runs.
    Failed,
}

impl Attempt {
    /// Whether `running` is this one, and undecided.
    pub fn is_on_trial(&self, running: Slot) -> bool {
        self.slot == running && matches!(self.phase, Phase::Ready | Phase::Trying)
    }
}

impl Record {
    fn path(slots: &Slots) -> PathBuf {
        slots.path(PATH)
    }

    /// What is remembered; nothing when it cannot be read, for that must not stand in the way of an update.
    pub fn load(slots: &Slots) -> Record {
        let text = fs::read_to_string(Self::path(slots)).unwrap_or_default();
        let read = |text: &str| {
            serde_json::from_str(text)
                .inspect_err(|error| log::warn!("{}: {error}", Self::path(slots).display()))
        };
        if text.is_empty() { Record::default() } else { read(&text).unwrap_or_default() }
    }

    /// Remembers it.
    pub fn save(&self, slots: &Slots) -> Result<(), UpdateError> {
        let path = Self::path(slots);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(UpdateError::file(folder))?;
        }
        put(&path, &serde_json::to_vec_pretty(self).unwrap_or_default())
    }
}

/// A release as numbers that can be compared: what is behind a `-` or `+` does not count.
pub fn numbers(release: &str) -> Option<[u64; 3]> {
    let plain = release.split(['-', '+']).next()?;
    let parts: Vec<u64> = plain.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    parts.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_compare_as_numbers_and_nonsense_is_none() {
        assert!(numbers("0.10.0") > numbers("0.9.12") && numbers("1.2.3-rc1") == numbers("1.2.3"));
        for wrong in ["", "1.2", "1.2.3.4", "v1.2.3", "1..3", "1.2.99999999999999999999"] {
            assert_eq!(numbers(wrong), None, "{wrong}");
        }
    }
}
