//! Tables, the schema version, and the chain of migrations.
//!
//! To change the schema: change the tables, append a migration to [`MIGRATIONS`]. It runs in one transaction with
//! the new version number, so a crash in the middle leaves the old file.

use redb::{Database, Durability, ReadableDatabase, TableDefinition, WriteTransaction};

/// One traffic point: bytes in, out, internal; packets in, out, internal; dropped.
pub(super) type Sums = [u64; 7];

/// Small numbers by name, see the `meta` constants below.
pub(super) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// Alert id to the JSON of its record.
pub(super) const ALERTS: TableDefinition<u64, &[u8]> = TableDefinition::new("alerts");
/// Mute id to the JSON of the mute; its count of hidden findings is in [`HIDDEN`].
pub(super) const MUTES: TableDefinition<u64, &[u8]> = TableDefinition::new("mutes");
/// Mute id to how many findings it has hidden: apart, because it changes often and is written in batches.
pub(super) const HIDDEN: TableDefinition<u64, u64> = TableDefinition::new("hidden");
/// Settings of the program by name; their names are constants of the program, so their number is too.
pub(super) const SETTINGS: TableDefinition<&str, &str> = TableDefinition::new("settings");
/// Device id to the JSON of its record.
pub(super) const DEVICES: TableDefinition<&str, &[u8]> = TableDefinition::new("devices");
/// Device id to its habits, in the form of [`crate::table::habits`].
pub(super) const HABITS: TableDefinition<&str, &[u8]> = TableDefinition::new("habits");
/// Audit entry id to its JSON.
pub(super) const AUDIT: TableDefinition<u64, &[u8]> = TableDefinition::new("audit");
/// Traffic by the second its step starts, finest step first.
pub(super) const SERIES: [TableDefinition<u64, Sums>; 4] = [
    TableDefinition::new("traffic_10s"),
    TableDefinition::new("traffic_1m"),
    TableDefinition::new("traffic_15m"),
    TableDefinition::new("traffic_1h"),
];

/// Schema version of the file.
const VERSION_KEY: &str = "schema";
/// Highest alert id ever given, deleted ones included.
pub(super) const LAST_ALERT: &str = "last_alert";
/// Highest mute id ever given, deleted ones included.
pub(super) const LAST_MUTE: &str = "last_mute";
/// Day (since 1970) that [`WRITTEN_BYTES`] is of.
pub(super) const WRITTEN_DAY: &str = "written_day";
/// Bytes written on that day up to the last durable commit.
pub(super) const WRITTEN_BYTES: &str = "written_bytes";

/// A step from one schema version to the next.
pub(super) type Migration = fn(&WriteTransaction) -> Result<(), redb::Error>;

/// Step `i` leads from version `i + 1` to version `i + 2`.
pub(super) const MIGRATIONS: &[Migration] = &[add_habits, add_audit];

fn add_habits(txn: &WriteTransaction) -> Result<(), redb::Error> {
    txn.open_table(HABITS)?;
    Ok(())
}

fn add_audit(txn: &WriteTransaction) -> Result<(), redb::Error> {
    txn.open_table(AUDIT)?;
    Ok(())
}

/// What a file turned out to be.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// New: tables were made.
    New,
    /// Of our version.
    Current,
    /// Migrated from this version.
    Migrated(u64),
    /// Of this newer version: hands off.
    Newer(u64),
    /// A redb file of some other program: hands off.
    Foreign,
}

/// The version that `chain` leads to.
pub(super) const fn version(chain: &[Migration]) -> u64 {
    chain.len() as u64 + 1
}

/// Makes the tables of a new file, or brings an older one up to date.
pub(super) fn prepare(db: &Database, chain: &[Migration]) -> Result<Found, redb::Error> {
    let found = match stored_version(db)? {
        None if db.begin_read()?.list_tables()?.next().is_some() => return Ok(Found::Foreign),
        None => Found::New,
        Some(theirs) if theirs == version(chain) => return Ok(Found::Current),
        Some(theirs) if theirs > version(chain) => return Ok(Found::Newer(theirs)),
        Some(theirs) => Found::Migrated(theirs),
    };
    let mut txn = db.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    txn.set_two_phase_commit(true);
    match found {
        Found::Migrated(theirs) => {
            let first = usize::try_from(theirs.saturating_sub(1)).unwrap_or(usize::MAX);
            for step in chain.iter().skip(first) {
                step(&txn)?;
            }
        }
        _ => create_tables(&txn)?,
    }
    txn.open_table(META)?.insert(VERSION_KEY, version(chain))?;
    txn.commit()?;
    Ok(found)
}

/// The version of a file that [`prepare`] would migrate.
pub(super) fn older(db: &Database, chain: &[Migration]) -> Result<Option<u64>, redb::Error> {
    Ok(stored_version(db)?.filter(|theirs| *theirs < version(chain)))
}

fn stored_version(db: &Database) -> Result<Option<u64>, redb::Error> {
    match db.begin_read()?.open_table(META) {
        Ok(meta) => Ok(meta.get(VERSION_KEY)?.map(|v| v.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

fn create_tables(txn: &WriteTransaction) -> Result<(), redb::Error> {
    txn.open_table(META)?;
    txn.open_table(ALERTS)?;
    txn.open_table(MUTES)?;
    txn.open_table(HIDDEN)?;
    txn.open_table(SETTINGS)?;
    txn.open_table(DEVICES)?;
    txn.open_table(HABITS)?;
    txn.open_table(AUDIT)?;
    for table in SERIES {
        txn.open_table(table)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::backends::InMemoryBackend;

    fn rename_a_setting(txn: &WriteTransaction) -> Result<(), redb::Error> {
        let mut settings = txn.open_table(SETTINGS)?;
        let old = settings.remove("old")?.map(|v| v.value().to_owned());
        if let Some(value) = old {
            settings.insert("new", value.as_str())?;
        }
        Ok(())
    }

    fn refuse(_: &WriteTransaction) -> Result<(), redb::Error> {
        Err(redb::Error::TransactionPoisoned)
    }

    fn database() -> Database {
        Database::builder().create_with_backend(InMemoryBackend::new()).unwrap()
    }

    #[test]
    fn an_older_file_is_migrated_and_then_too_new_for_the_older_program() {
        let db = database();
        assert_eq!(prepare(&db, MIGRATIONS).unwrap(), Found::New);
        assert_eq!(prepare(&db, MIGRATIONS).unwrap(), Found::Current);
        let txn = db.begin_write().unwrap();
        txn.open_table(SETTINGS).unwrap().insert("old", "kept").unwrap();
        txn.commit().unwrap();

        let longer: Vec<Migration> =
            MIGRATIONS.iter().copied().chain([rename_a_setting as Migration]).collect();
        assert_eq!(prepare(&db, &longer).unwrap(), Found::Migrated(version(MIGRATIONS)));
        let settings = db.begin_read().unwrap().open_table(SETTINGS).unwrap();
        assert_eq!(settings.get("new").unwrap().unwrap().value(), "kept");
        assert_eq!(prepare(&db, &longer).unwrap(), Found::Current);
        assert_eq!(prepare(&db, MIGRATIONS).unwrap(), Found::Newer(version(&longer)));
    }

    #[test]
    fn a_file_from_before_habits_opens_and_has_room_for_them() {
        let db = database();
        let txn = db.begin_write().unwrap();
        txn.open_table(META).unwrap().insert(VERSION_KEY, 1).unwrap();
        txn.commit().unwrap();
        assert_eq!(prepare(&db, MIGRATIONS).unwrap(), Found::Migrated(1));
        assert!(db.begin_read().unwrap().open_table(HABITS).is_ok());
    }

    #[test]
    fn a_file_from_before_the_audit_log_opens_and_has_room_for_it() {
        let db = database();
        let txn = db.begin_write().unwrap();
        create_tables(&txn).unwrap();
        txn.delete_table(AUDIT).unwrap();
        txn.open_table(META).unwrap().insert(VERSION_KEY, 2).unwrap();
        txn.open_table(SETTINGS).unwrap().insert("dashboard.password", "kept").unwrap();
        txn.commit().unwrap();
        assert_eq!(prepare(&db, MIGRATIONS).unwrap(), Found::Migrated(2));
        let txn = db.begin_read().unwrap();
        assert!(txn.open_table(AUDIT).is_ok());
        let settings = txn.open_table(SETTINGS).unwrap();
        assert_eq!(settings.get("dashboard.password").unwrap().unwrap().value(), "kept");
    }

    #[test]
    fn a_migration_that_fails_leaves_the_old_version() {
        let db = database();
        prepare(&db, MIGRATIONS).unwrap();
        let longer: Vec<Migration> =
            MIGRATIONS.iter().copied().chain([rename_a_setting as Migration, refuse]).collect();
        prepare(&db, &longer).unwrap_err();
        assert_eq!(prepare(&db, MIGRATIONS).unwrap(), Found::Current);
    }

    #[test]
    fn the_file_of_another_program_is_left_alone() {
        let db = database();
        let txn = db.begin_write().unwrap();
        txn.open_table(TableDefinition::<u64, u64>::new("theirs")).unwrap();
        txn.commit().unwrap();
        assert_eq!(prepare(&db, MIGRATIONS).unwrap(), Found::Foreign);
    }
}
