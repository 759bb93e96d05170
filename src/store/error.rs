//! What can go wrong with the store, in words that name the file and the remedy.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong, in words that name the file and the remedy.
#[derive(Debug)]
pub enum StoreError {
    /// Another process has the file open.
    Locked(PathBuf),
    /// The file was written by a newer netmonitor (its schema version, ours).
    Newer(PathBuf, u64, u64),
    /// Reading or writing failed: what happened, and what to do.
    Failed(PathBuf, String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Locked(path) => {
                write!(
                    f,
                    "store {}: another netmonitor has it open; stop that one or set store.path",
                    path.display()
                )
            }
            StoreError::Newer(path, theirs, ours) => write!(
                f,
                "store {}: written by a newer netmonitor (schema {theirs}, this one knows {ours}); \
                 install that version, or move the file away to begin anew",
                path.display()
            ),
            StoreError::Failed(path, what) => write!(f, "store {}: {what}", path.display()),
        }
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    /// An I/O error at `path`, with the remedy that fits it.
    pub(super) fn io(path: &Path, error: &io::Error) -> StoreError {
        let remedy = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "give the user netmonitor runs as the right to read and write it, or set store.path"
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free some space, or lower store.max_mib"
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                "remount it writable (a failing card turns read-only), or set store.path"
            }
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
                "store.path must name a file in a directory"
            }
            _ => "see dmesg for the card or disk, or set store.path",
        };
        StoreError::Failed(path.to_owned(), format!("{error}; {remedy}"))
    }

    /// What redb says, with the remedy that fits it.
    pub(super) fn redb(path: &Path, error: &redb::Error) -> StoreError {
        match error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
                StoreError::Locked(path.to_owned())
            }
            redb::Error::Io(error) => StoreError::io(path, error),
            redb::Error::PreviousIo => StoreError::Failed(
                path.to_owned(),
                "an earlier write failed; it is opened again at the next use".into(),
            ),
            other => StoreError::Failed(
                path.to_owned(),
                format!("{other}; restart netmonitor, a damaged store is then set aside"),
            ),
        }
    }
}

/// Whether opening failed because of what the file holds, rather than because of the machine around it.
pub(super) fn is_corruption(error: &redb::Error) -> bool {
    match error {
        redb::Error::Io(io) => {
            matches!(io.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        }
        redb::Error::DatabaseAlreadyOpen
        | redb::Error::LockProtocolMismatch
        | redb::Error::PreviousIo
        | redb::Error::TransactionInProgress => false,
        _ => true,
    }
}
