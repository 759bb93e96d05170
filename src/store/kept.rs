//! The copy that a migration leaves behind, so that the program before it can go back to what it could read.
//!
//! An update is tried before it is kept. What a new release migrates, the old one cannot read any more: it takes the copy
//! then, and loses what came since. Copies go by themselves after a month.

use super::error::StoreError;
use crate::time::WallTime;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// How long copies stay, seconds.
const MONTH: u64 = 30 * 86_400;

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The copy of a store as schema `version` has it.
fn copy_of(path: &Path, version: u64) -> PathBuf {
    beside(path, &format!(".schema-{version}"))
}

/// Copies a closed store before it is migrated from `version`; whole or not at all.
pub(super) fn leave_copy(path: &Path, version: u64) -> Result<(), StoreError> {
    if !path.exists() {
        return Ok(());
    }
    let (copy, fresh) = (copy_of(path, version), beside(path, ".schema-new"));
    let make = || -> io::Result<()> {
        fs::copy(path, &fresh)?;
        File::open(&fresh)?.sync_all()?;
        fs::rename(&fresh, &copy)?;
        copy.parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .map_or(Ok(()), |f| File::open(f)?.sync_all())
    };
    make().map_err(|error| {
        let _ = fs::remove_file(&fresh);
        StoreError::io(&copy, &error)
    })
}

/// Takes the copy of schema `ours` in the place of a store that is too new; what the log should say, when there is one.
pub(super) fn take_copy(path: &Path, ours: u64, now: WallTime) -> Result<Option<String>, StoreError> {
    let copy = copy_of(path, ours);
    if !copy.exists() {
        return Ok(None);
    }
    let aside = beside(path, &format!(".newer-{}", now.secs()));
    let failed = |error| StoreError::io(path, &error);
    fs::rename(path, &aside).map_err(failed)?;
    fs::rename(&copy, path).map_err(failed)?;
    Ok(Some(format!(
        "store {}: of a newer netmonitor; set aside as {}, and the copy from before that taken up again: what came since is \
         not shown",
        path.display(),
        aside.display()
    )))
}

/// Removes copies that have had their time.
pub(super) fn drop_old(path: &Path, now: WallTime) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(OsStr::to_str)) else {
        return;
    };
    let Some(limit) = u64::try_from(now.secs()).ok().and_then(|now| now.checked_sub(MONTH)) else { return };
    let limit = UNIX_EPOCH + Duration::from_secs(limit);
    let ours = [format!("{name}.schema-"), format!("{name}.newer-")];
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let found = entry.file_name();
        let ours = found.to_str().is_some_and(|found| ours.iter().any(|start| found.starts_with(start)));
        let old = || entry.metadata().and_then(|meta| meta.modified()).is_ok_and(|at| at < limit);
        if ours && old() {
            let _ = fs::remove_file(entry.path());
        }
    }
}
