//! The open database: opening, setting aside what is corrupt, reopening after a failure, and transactions.

use super::Written;
use super::alerts::{Counts, Recent};
use super::backend::{Medium, Meter, Metered};
use super::error::{StoreError, is_corruption};
use super::schema::{self, Found};
use super::{alerts, kept, records, series};
use crate::time::WallTime;
use crate::words::{say, words};
use redb::{Database, Durability, ReadTransaction, ReadableDatabase, WriteTransaction};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files up to this size are verified whole at every start: half a second on a slow card. Larger ones are
/// verified after a crash only.
const VERIFY_UP_TO: u64 = 32 << 20;

/// Files below this size are not worth compacting.
const COMPACT_FROM: u64 = 8 << 20;

/// What an operation on redb gives, before it is put in words.
pub(super) type Op<T> = Result<T, redb::Error>;

/// What is known of the contents without looking: rebuilt at every opening.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Alerts and their size.
    pub(super) counts: Counts,
    /// Which alerts were last raised or grew.
    pub(super) recent: Recent,
    /// Time of the newest record, seconds since 1970.
    pub(super) newest: i64,
    /// Bytes of devices.
    pub(super) device_bytes: u64,
    /// Day and bytes of the persisted write counter.
    pub(super) written: (u64, u64),
}

/// Where the bytes are and how to get at them.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) medium: Medium,
    pub(super) meter: Arc<Meter>,
    pub(super) cache_bytes: usize,
}

/// Why opening did not work.
enum Fault {
    /// The contents are damaged, so a new file helps.
    Corrupt(String),
    /// Anything else: a new file would not help, or would hide something.
    Refused(StoreError),
}

impl Source {
    /// Opens the database. A corrupt one is moved aside and a new one begun; `notices` says so.
    pub(super) fn open(
        &self,
        now: WallTime,
        notices: &mut Vec<String>,
    ) -> Result<(Database, Known), StoreError> {
        let why = match self.attempt(notices) {
            Ok(opened) => {
                kept::drop_old(&self.path, now);
                return Ok(opened);
            }
            Err(Fault::Refused(error @ StoreError::Newer(..))) => return self.go_back(error, now, notices),
            Err(Fault::Refused(error)) => return Err(error),
            Err(Fault::Corrupt(why)) => why,
        };
        let aside = free_name(&self.path, now);
        std::fs::rename(&self.path, &aside).map_err(|e| StoreError::io(&self.path, &e))?;
        notices.push(format!(
            "store {}: damaged ({why}); set aside as {} and a new one begun: earlier alerts and history are not shown",
            self.path.display(),
            aside.display()
        ));
        self.attempt(notices).map_err(|fault| match fault {
            Fault::Refused(error) => error,
            Fault::Corrupt(why) => StoreError::Failed(
                self.path.clone(),
                say!(
                    "a new file is damaged too: {why}; replace the card or disk",
                    "ook een nieuw bestand is beschadigd: {why}; vervang de kaart of schijf"
                ),
            ),
        })
    }

    /// Goes back to the copy from before a newer program migrated the file.
    fn go_back(
        &self,
        newer: StoreError,
        now: WallTime,
        notices: &mut Vec<String>,
    ) -> Result<(Database, Known), StoreError> {
        let taken = kept::take_copy(&self.path, schema::version(schema::MIGRATIONS), now)?;
        notices.push(taken.ok_or(newer)?);
        self.attempt(notices).map_err(|fault| match fault {
            Fault::Refused(error) => error,
            Fault::Corrupt(why) => {
                StoreError::Failed(self.path.clone(), say!("damaged: {why}", "beschadigd: {why}"))
            }
        })
    }

    /// Alerts and size, without setting anything aside.
    pub(super) fn look(&self) -> Result<(u64, u64), StoreError> {
        match self.attempt(&mut Vec::new()) {
            Ok((_, known)) => Ok((known.counts.alerts, self.meter.length())),
            Err(Fault::Refused(error)) => Err(error),
            Err(Fault::Corrupt(why)) => Err(StoreError::Failed(
                self.path.clone(),
                say!(
                    "damaged ({why}); `netmonitor run` sets it aside and begins a new one",
                    "beschadigd ({why}); `netmonitor run` zet het opzij en begint een nieuw"
                ),
            )),
        }
    }

    /// One try. redb may panic on a file that was changed behind its back: that is damage like any other.
    fn attempt(&self, notices: &mut Vec<String>) -> Result<(Database, Known), Fault> {
        match catch_unwind(AssertUnwindSafe(|| self.open_once(notices))) {
            Ok(done) => done,
            Err(_) => Err(Fault::Corrupt("it broke off while being read".into())),
        }
    }

    fn open_once(&self, notices: &mut Vec<String>) -> Result<(Database, Known), Fault> {
        let refused = |e: &std::io::Error| Fault::Refused(StoreError::io(&self.path, e));
        let open = || {
            let medium = (self.medium)().map_err(|e| refused(&e))?;
            let metered = Metered::new(medium, self.meter.clone()).map_err(|e| refused(&e))?;
            let size = self.meter.length();
            let mut builder = Database::builder();
            builder.set_cache_size(self.cache_bytes);
            builder.set_check_integrity_on_open(size > 0 && size <= VERIFY_UP_TO);
            builder.create_with_backend(metered).map_err(|e| self.fault(e.into()))
        };
        let mut db = open()?;
        if let Some(theirs) = schema::older(&db, schema::MIGRATIONS).map_err(|e| self.fault(e))? {
            // Closed, so that what is copied needs no mending.
            drop(db);
            kept::leave_copy(&self.path, theirs).map_err(Fault::Refused)?;
            db = open()?;
        }
        let size = self.meter.length();
        match schema::prepare(&db, schema::MIGRATIONS).map_err(|e| self.fault(e))? {
            Found::New | Found::Current => {}
            Found::Migrated(from) => {
                notices.push(format!("store {}: migrated from schema {from}", self.path.display()));
            }
            Found::Newer(theirs) => {
                let ours = schema::version(schema::MIGRATIONS);
                return Err(Fault::Refused(StoreError::Newer(self.path.clone(), theirs, ours)));
            }
            Found::Foreign => {
                let what = words(
                    "this redb file belongs to another program; move it away or set store.path",
                    "dit redb-bestand is van een ander programma; verplaats het of wijzig store.path",
                );
                return Err(Fault::Refused(StoreError::Failed(self.path.clone(), what.into())));
            }
        }
        let known = load(&db).map_err(|e| self.fault(e))?;
        let live = known.counts.bytes + known.device_bytes;
        if size > COMPACT_FROM && live * 3 < size {
            // Worth it, but not worth failing for: the file works as it is.
            if let Err(error) = db.compact() {
                notices.push(format!("store {}: not compacted: {error}", self.path.display()));
            }
        }
        Ok((db, known))
    }

    fn fault(&self, error: redb::Error) -> Fault {
        if is_corruption(&error) {
            Fault::Corrupt(error.to_string())
        } else {
            Fault::Refused(StoreError::redb(&self.path, &error))
        }
    }
}

/// `<path>.corrupt-<seconds>`, with a number behind it when that is taken.
fn free_name(path: &Path, now: WallTime) -> PathBuf {
    let named = |suffix: String| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let plain = named(format!(".corrupt-{}", now.secs()));
    if !plain.exists() {
        return plain;
    }
    let numbered = (2..1000).map(|n| named(format!(".corrupt-{}-{n}", now.secs())));
    numbered.into_iter().find(|name| !name.exists()).unwrap_or(plain)
}

fn load(db: &Database) -> Op<Known> {
    let txn = db.begin_read()?;
    let (counts, recent, newest_alert) = alerts::load(&txn)?;
    let newest = newest_alert.max(series::newest(&txn)?);
    let device_bytes = records::device_bytes(&txn)?;
    let written = records::written(&txn)?;
    Ok(Known { counts, recent, newest, device_bytes, written })
}

/// Why something is written.
#[derive(Clone, Copy)]
pub(super) enum Cause {
    Alerts,
    Settings,
    History,
}

/// The database, or nothing after a failure until the next use opens it again.
pub(super) struct Handle {
    source: Source,
    db: Option<Database>,
    /// What is known of the contents.
    pub(super) known: Known,
    /// Whether a flush is due: batched commits wait for a durable one, or bytes written are not yet counted.
    pub(super) dirty: bool,
    /// Durable commits since start.
    pub(super) durable_commits: u64,
    /// Batched commits since start.
    pub(super) batched_commits: u64,
    /// Failed writes since start.
    pub(super) failed_writes: u64,
    /// Bytes written today, by cause.
    pub(super) written: Written,
    /// The last time this handle was told.
    pub(super) now: WallTime,
}

impl Handle {
    pub(super) fn open(source: Source, now: WallTime) -> Result<(Handle, Vec<String>), StoreError> {
        let mut notices = Vec::new();
        let (db, known) = source.open(now, &mut notices)?;
        let handle = Handle {
            source,
            db: Some(db),
            known,
            dirty: false,
            durable_commits: 0,
            batched_commits: 0,
            failed_writes: 0,
            written: Written::default(),
            now,
        };
        Ok((handle, notices))
    }

    /// The path, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.source.path
    }

    /// Size and bytes written.
    pub(super) fn meter(&self) -> &Meter {
        &self.source.meter
    }

    /// The database, opened again if a failure closed it. What was batched and not yet durable is then gone.
    fn database(&mut self) -> Result<&Database, StoreError> {
        if self.db.is_none() {
            let mut notices = Vec::new();
            let (db, known) = self.source.open(self.now, &mut notices)?;
            for notice in notices {
                log::error!("{notice}");
            }
            self.known = known;
            self.dirty = false;
            self.db = Some(db);
        }
        Ok(self.db.as_ref().expect("it was just opened"))
    }

    fn failed(&mut self, error: redb::Error) -> StoreError {
        let worded = StoreError::redb(self.path(), &error);
        self.db = None;
        worded
    }

    /// Runs a read transaction.
    pub(super) fn read<T>(&mut self, f: impl FnOnce(&ReadTransaction) -> Op<T>) -> Result<T, StoreError> {
        let db = self.database()?;
        let result = db.begin_read().map_err(redb::Error::from).and_then(|txn| f(&txn));
        result.map_err(|error| self.failed(error))
    }

    /// Runs a write transaction that is on the disk when this returns.
    pub(super) fn durable<T>(
        &mut self,
        cause: Cause,
        f: impl FnOnce(&WriteTransaction, &Known) -> Op<T>,
    ) -> Result<T, StoreError> {
        let done = self.write(Durability::Immediate, cause, f)?;
        self.durable_commits += 1;
        self.dirty = true;
        Ok(done)
    }

    /// Runs a write transaction that is on the disk after the next durable one.
    pub(super) fn batched<T>(
        &mut self,
        f: impl FnOnce(&WriteTransaction, &Known) -> Op<T>,
    ) -> Result<T, StoreError> {
        let done = self.write(Durability::None, Cause::History, f)?;
        self.batched_commits += 1;
        self.dirty = true;
        Ok(done)
    }

    fn write<T>(
        &mut self,
        durability: Durability,
        cause: Cause,
        f: impl FnOnce(&WriteTransaction, &Known) -> Op<T>,
    ) -> Result<T, StoreError> {
        let before = self.meter().written();
        if let Err(error) = self.database() {
            self.failed_writes += 1;
            return Err(error);
        }
        let result = self.db.as_ref().map(|db| commit(db, durability, |txn| f(txn, &self.known)));
        let bytes = self.meter().written() - before;
        *match cause {
            Cause::Alerts => &mut self.written.alerts,
            Cause::Settings => &mut self.written.settings,
            Cause::History => &mut self.written.history,
        } += bytes;
        result.expect("it is open").map_err(|error| {
            self.failed_writes += 1;
            self.failed(error)
        })
    }
}

fn commit<T>(db: &Database, durability: Durability, f: impl FnOnce(&WriteTransaction) -> Op<T>) -> Op<T> {
    let mut txn = db.begin_write()?;
    txn.set_durability(durability)?;
    txn.set_two_phase_commit(true);
    let done = f(&txn)?;
    txn.commit()?;
    Ok(done)
}
