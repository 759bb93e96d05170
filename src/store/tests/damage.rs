//! What happens when the file is damaged, foreign, locked, or the card fails.

use super::super::backend::{self, Medium};
use super::super::schema;
use super::*;
use redb::{BackendError, StorageBackend};
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

fn set_aside(folder: &TempDir) -> usize {
    let entries = std::fs::read_dir(folder.path().join("sub")).unwrap();
    entries.filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().contains(".corrupt-")).count()
}

#[test]
fn garbage_is_set_aside_loudly() {
    let garbage: [(&str, Vec<u8>); 3] =
        [("text", b"not a database".repeat(1000)), ("zeros", vec![0; 1 << 20]), ("short", vec![b'r'; 3])];
    for (what, bytes) in garbage {
        let folder = TempDir::new().unwrap();
        let path = file(&folder);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        let (store, notices) = Store::open(&path, options(), at(NOON)).unwrap();
        store.commit_alerts(&[alert(1, NOON)]).unwrap();
        assert_eq!((notices.len(), set_aside(&folder)), (1, 1), "{what}");
        assert!(notices[0].contains(&format!("store.redb.corrupt-{NOON}")), "{notices:?}");
        let kept = std::fs::read(folder.path().join(format!("sub/store.redb.corrupt-{NOON}"))).unwrap();
        assert_eq!(kept, bytes, "{what}");
    }
}

#[test]
fn flipped_bits_and_cut_files_never_stop_it_from_starting() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    {
        let store = open(&path);
        let alerts: Vec<AlertRecord> = (1..=500).map(|id| alert(id, NOON)).collect();
        store.commit_alerts(&alerts).unwrap();
    }
    let good = std::fs::read(&path).unwrap();
    let mut aside = 0;
    for round in 0..40usize {
        let mut bad = good.clone();
        if round % 4 == 0 {
            bad.truncate(good.len() * (round + 1) / 41);
        } else {
            let from = good.len() / 41 * round;
            bad[from..from + 64].iter_mut().for_each(|byte| *byte ^= 0x5a);
        }
        std::fs::write(&path, &bad).unwrap();
        let (store, notices) = Store::open(&path, options(), at(NOON + round as i64)).unwrap();
        aside += usize::from(!notices.is_empty());
        let stored = store.stats().alerts;
        assert!(stored == 500 || (stored == 0 && !notices.is_empty()), "{stored} {notices:?}");
        store.commit_alerts(&[alert(store.next_alert_id(), NOON)]).unwrap();
        drop(store);
    }
    assert!(aside >= 10, "damage was seen {aside} times only");
    assert_eq!(set_aside(&folder), aside);
}

#[test]
fn an_empty_file_becomes_a_new_store() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, b"").unwrap();
    let (store, notices) = Store::open(&path, options(), at(NOON)).unwrap();
    assert!(notices.len() == 1 && notices[0].contains("was empty"), "{notices:?}");
    assert_eq!(store.next_alert_id(), 1);
}

#[test]
fn errors_name_the_file_and_what_to_do() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    let _store = open(&path);
    let words = |path: &Path| Store::open(path, options(), at(NOON)).err().unwrap().to_string();
    let locked = words(&path);
    assert!(locked.contains("store.redb: another netmonitor has it open"), "{locked}");

    let below_a_file = words(&path.join("x.redb"));
    assert!(below_a_file.contains("store.redb") && below_a_file.contains("store.path"), "{below_a_file}");
    let a_folder = words(folder.path());
    assert!(a_folder.contains("store.path must name a file"), "{a_folder}");
    let nowhere = words(Path::new("/proc/netmonitor/x.redb"));
    assert!(nowhere.contains("/proc/netmonitor") && !nowhere.contains('\n'), "{nowhere}");
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    drop(open(&path));
    let db = redb::Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(schema::META).unwrap().insert("schema", 77).unwrap();
    txn.commit().unwrap();
    drop(db);
    let error = Store::open(&path, options(), at(NOON)).err().unwrap();
    let ours = schema::version(schema::MIGRATIONS);
    assert!(matches!(error, StoreError::Newer(_, 77, version) if version == ours), "{error:?}");
    assert!(error.to_string().contains("newer netmonitor"), "{error}");
    assert_eq!(set_aside(&folder), 0);
}

#[test]
fn only_its_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    let _store = open(&path);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

/// A backend on a real file that fails every write and sync while `left` is zero or below.
#[derive(Debug)]
struct Failing {
    inner: Box<dyn StorageBackend>,
    left: Arc<AtomicI64>,
}

impl Failing {
    fn spend(&self) -> io::Result<()> {
        if self.left.fetch_sub(1, SeqCst) > 0 { Ok(()) } else { Err(io::Error::other("the card is gone")) }
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.spend()?;
        self.inner.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.spend()?;
        self.inner.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.spend()?;
        self.inner.write(offset, data)
    }
    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }
    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }
}

#[test]
fn whatever_write_fails_nothing_acknowledged_is_lost_and_it_recovers() {
    for fail_at in 1..60 {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("store.redb");
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let (real, budget) = (backend::file(&path), left.clone());
        let medium: Medium = Box::new(move || Ok(Box::new(Failing { inner: real()?, left: budget.clone() })));
        let (store, _) = Store::on(&path, medium, options(), at(NOON)).unwrap();
        left.store(fail_at, SeqCst);
        let mut promised = Vec::new();
        let mut refused = 0;
        for id in 1..=12 {
            match store.commit_alerts(&[alert(id, NOON)]) {
                Ok(()) => promised.push(id),
                Err(error) => {
                    assert!(error.to_string().contains("store.redb"), "{error}");
                    refused += 1;
                    // The card comes back after the second failure.
                    if refused == 2 {
                        left.store(i64::MAX, SeqCst);
                    }
                }
            }
        }
        assert_eq!(store.stats().failed_writes, refused);
        assert!(promised.contains(&12) || fail_at > 40, "works again: {promised:?}");
        for id in &promised {
            assert!(store.alert(*id).unwrap().is_some(), "alert {id} of {promised:?}, write {fail_at}");
        }
        left.store(i64::MAX, SeqCst);
        drop(store);
        let (store, notices) = Store::open(&path, options(), at(NOON)).unwrap();
        assert_eq!(notices, Vec::<String>::new());
        for id in promised {
            assert!(store.alert(id).unwrap().is_some(), "alert {id} after reopening, write {fail_at}");
        }
    }
}
