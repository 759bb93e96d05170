//! Tests of what a migration leaves behind, and of going back.

use super::*;

/// A store file with one alert, as if a netmonitor of this schema had written it.
fn of_schema(path: &std::path::Path, version: u64) {
    let (store, _) = Store::open(path, options(), at(NOON)).unwrap();
    store.commit_alerts(&[alert(1, NOON)]).unwrap();
    drop(store);
    let db = redb::Database::open(path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(schema::META).unwrap().insert("schema", version).unwrap();
    txn.commit().unwrap();
}

#[test]
fn a_migration_leaves_a_copy_that_the_program_before_goes_back_to() {
    let folder = TempDir::new().unwrap();
    let (path, copy) =
        (file(&folder), |n: u64| PathBuf::from(format!("{}.schema-{n}", file(&folder).display())));
    of_schema(&path, SCHEMA - 1);
    let (store, notices) = Store::open(&path, options(), at(NOON)).unwrap();
    assert!(notices.iter().any(|n| n.contains("migrated from schema")), "{notices:?}");
    assert!(copy(SCHEMA - 1).exists());
    drop(store);

    // A newer program was tried, migrated, and given up.
    of_schema(&path, SCHEMA);
    std::fs::copy(&path, copy(SCHEMA)).unwrap();
    of_schema(&path, SCHEMA + 1);
    let (store, notices) = Store::open(&path, options(), at(NOON)).unwrap();
    assert!(notices.iter().any(|n| n.contains("newer netmonitor")), "{notices:?}");
    assert_eq!(store.alerts(&AlertFilter::default(), None, 10).unwrap().total, 1);
    assert!(!copy(SCHEMA).exists());
    drop(store);

    of_schema(&path, SCHEMA + 1);
    let refused = Store::open(&path, options(), at(NOON)).err().unwrap();
    assert!(matches!(refused, StoreError::Newer(..)), "without a copy it is left alone: {refused}");
}

#[test]
fn copies_of_migrations_go_after_a_month() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    for suffix in [".schema-1", ".newer-5", ".corrupt-5"] {
        std::fs::write(beside(suffix), "x").unwrap();
    }
    let wall = crate::time::wall();
    drop(Store::open(&path, options(), wall).unwrap());
    assert!(beside(".schema-1").exists() && beside(".newer-5").exists());
    let later = WallTime::from_micros(wall.micros() + 32 * 86_400 * SECOND);
    drop(Store::open(&path, options(), later).unwrap());
    assert!(!beside(".schema-1").exists() && !beside(".newer-5").exists() && beside(".corrupt-5").exists());
}
