//! The audit log: who logged in and what was changed, the newest [`KEPT`] entries.

use super::StoreError;
use super::handle::Handle;
use super::records::{decode, encode};
use super::schema::AUDIT;
use crate::time::WallTime;
use redb::ReadableTable;
use serde::{Deserialize, Serialize};

/// Entries kept; the oldest goes first.
pub(super) const KEPT: u64 = 2000;

/// One entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Grows by one per entry.
    pub id: u64,
    /// When.
    pub time: WallTime,
    /// Name of the account or token; empty where nobody was logged in.
    pub who: String,
    /// From where: an address, or `local`; empty for what the program did by itself.
    pub address: String,
    /// What was done, or tried: a code, or method and path.
    pub action: String,
    /// `ok`, or the code of the refusal.
    pub result: String,
    /// What it was about: a name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// How many things it changed; of a wrong guess, how many before it are not in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

impl Handle {
    pub(super) fn add_audit(&mut self, record: AuditRecord) -> Result<(), StoreError> {
        self.batched(|txn, _| {
            let mut table = txn.open_table(AUDIT)?;
            let id = table.last()?.map_or(0, |(id, _)| id.value()) + 1;
            table.insert(id, encode(&AuditRecord { id, ..record }).as_slice())?;
            if let Some(last) = id.checked_sub(KEPT) {
                table.remove(last)?;
            }
            Ok(())
        })
    }

    pub(super) fn audit(
        &mut self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.read(|txn| {
            let mut records = Vec::new();
            let table = txn.open_table(AUDIT)?;
            for entry in table.range(..before.unwrap_or(u64::MAX))?.rev().take(limit) {
                let (_, value) = entry?;
                records.extend(decode::<AuditRecord>(value.value()));
            }
            Ok(records)
        })
    }
}
