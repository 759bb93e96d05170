//! What can go wrong with the store, in words that name the file and the remedy.

use crate::words::{Sentence, say, words};
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
    Failed(PathBuf, Sentence),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said().en)
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    /// In words, with the remedy. What the system or redb says stays as it is.
    pub fn said(&self) -> Sentence {
        match self {
            StoreError::Locked(path) => say!(
                "store {}: another netmonitor has it open; stop that one or set store.path",
                "opslag {}: een andere netmonitor heeft deze open; stop die of wijzig store.path",
                path.display()
            ),
            StoreError::Newer(path, theirs, ours) => say!(
                "store {}: written by a newer netmonitor (schema {theirs}, this one knows {ours}); \
                 install that version, or move the file away to begin anew",
                "opslag {}: geschreven door een nieuwere netmonitor (schema {theirs}, deze kent {ours}); \
                 installeer die versie, of verplaats het bestand om opnieuw te beginnen",
                path.display()
            ),
            StoreError::Failed(path, what) => {
                say!("store {}: {what}", "opslag {}: {what}", path.display(); what)
            }
        }
    }

    /// An I/O error at `path`, with the remedy that fits it.
    pub(super) fn io(path: &Path, error: &io::Error) -> StoreError {
        let remedy = match error.kind() {
            io::ErrorKind::PermissionDenied => words(
                "give the user netmonitor runs as the right to read and write it, or set store.path",
                "geef de gebruiker waaronder netmonitor draait het recht om te lezen en te schrijven, of wijzig store.path",
            ),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                words("free some space, or lower store.max_mib", "maak ruimte vrij, of verlaag store.max_mib")
            }
            io::ErrorKind::ReadOnlyFilesystem => words(
                "remount it writable (a failing card turns read-only), or set store.path",
                "maak de schijf weer beschrijfbaar (een slechte kaart wordt alleen-lezen), of wijzig store.path",
            ),
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => words(
                "store.path must name a file in a directory",
                "store.path moet een bestand in een map noemen",
            ),
            _ => words(
                "see dmesg for the card or disk, or set store.path",
                "zie dmesg voor de kaart of schijf, of wijzig store.path",
            ),
        };
        StoreError::Failed(path.to_owned(), say!("{error}; {remedy}", "{error}; {remedy}"; remedy))
    }

    /// What redb says, with the remedy that fits it.
    pub(super) fn redb(path: &Path, error: &redb::Error) -> StoreError {
        let what = match error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
                return StoreError::Locked(path.to_owned());
            }
            redb::Error::Io(error) => return StoreError::io(path, error),
            redb::Error::PreviousIo => words(
                "an earlier write failed; it is opened again at the next use",
                "een eerdere schrijfactie mislukte; bij het volgende gebruik wordt ze opnieuw geopend",
            )
            .into(),
            other => say!(
                "{other}; restart netmonitor, a damaged store is then set aside",
                "{other}; herstart netmonitor, een beschadigde opslag wordt dan opzijgezet"
            ),
        };
        StoreError::Failed(path.to_owned(), what)
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
