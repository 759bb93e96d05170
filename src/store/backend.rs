//! What redb reads and writes through: it counts the bytes, so that wear of the card is a number people can see.
//! Tests put a double below it that fails on demand.

use redb::backends::{FileBackend, InMemoryBackend};
use redb::{BackendError, StorageBackend};
use std::fs::OpenOptions;
use std::io;
use std::ops::Bound;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Opens the thing that holds the bytes; called again when the store must be reopened.
pub(super) type Medium = Box<dyn Fn() -> io::Result<Box<dyn StorageBackend>> + Send + Sync>;

/// A file, made when it is missing. Only its owner may read it: it holds the password hash.
pub(super) fn file(path: &Path) -> Medium {
    let path = path.to_owned();
    Box::new(move || {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        Ok(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
    })
}

/// Memory, gone with the process.
pub(super) fn memory() -> Medium {
    Box::new(|| Ok(Box::new(InMemoryBackend::new())))
}

/// What went through, over every reopening.
#[derive(Debug, Default)]
pub(super) struct Meter {
    written: AtomicU64,
    length: AtomicU64,
}

impl Meter {
    /// Bytes written since the process began.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }
    /// Size of the file now.
    pub(super) fn length(&self) -> u64 {
        self.length.load(Relaxed)
    }
}

/// A backend that counts.
#[derive(Debug)]
pub(super) struct Metered {
    inner: Box<dyn StorageBackend>,
    meter: Arc<Meter>,
}

impl Metered {
    pub(super) fn new(inner: Box<dyn StorageBackend>, meter: Arc<Meter>) -> io::Result<Self> {
        meter.length.store(inner.len()?, Relaxed);
        Ok(Metered { inner, meter })
    }
}

impl StorageBackend for Metered {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)?;
        self.meter.length.store(len, Relaxed);
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)?;
        self.meter.written.fetch_add(data.len() as u64, Relaxed);
        Ok(())
    }
    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }
    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }
    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }
    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }
    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }
    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
