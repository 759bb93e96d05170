//! The claim code: shown and kept while nobody owns the dashboard; and the file on the boot partition that takes the
//! password away from an owner who forgot it.
//!
//! Whoever can put a file on the card owns the machine anyway. The file acts once: it is removed, and where it cannot
//! be (a boot partition is often read-only to this program) the store remembers which one it was.

use crate::http::App;
use crate::logs::say;
use crate::service;
use crate::store::{Store, StoreError};
use smol::Timer;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Name in the store of the file that acted and could not be removed.
const USED: &str = "dashboard.reset_used";
/// Seconds between looks for the file.
const LOOK_SECONDS: u32 = 60;

/// What the file that resets the password is up to.
#[derive(Debug, PartialEq, Eq)]
pub enum ResetFile {
    /// It is not there.
    Absent,
    /// It is there and has acted already.
    Used(PathBuf),
    /// It is there and will act.
    Asks(PathBuf, String),
}

impl ResetFile {
    /// Looks for `path`, or `path` as an editor names it that adds `.txt`; `used` is what the store remembers.
    pub fn look(path: &Path, used: Option<&str>) -> ResetFile {
        let mut text = path.as_os_str().to_owned();
        text.push(".txt");
        for path in [path.to_owned(), PathBuf::from(text)] {
            let Some(found) = std::fs::metadata(&path).ok().filter(|found| found.is_file()) else { continue };
            // No inode: on the file system of a boot partition it is another one after each start.
            let mark = format!("{}:{}", found.mtime(), found.len());
            return if used == Some(&mark) { ResetFile::Used(path) } else { ResetFile::Asks(path, mark) };
        }
        ResetFile::Absent
    }

    /// [`ResetFile::look`], with what `store` remembers.
    fn of(path: &Path, store: &Store) -> Result<ResetFile, StoreError> {
        Ok(ResetFile::look(path, store.setting(USED)?.as_deref()))
    }
}

/// Takes the password away when the file asks for it; `code` claims the dashboard anew. Whether it did.
pub(super) fn reset(app: &App, store: &Store, path: &Path, code: &str) -> bool {
    reset_and(app, store, path, code, |path| std::fs::remove_file(path))
}

fn reset_and(
    app: &App,
    store: &Store,
    path: &Path,
    code: &str,
    remove: impl Fn(&Path) -> io::Result<()>,
) -> bool {
    let done = (|| {
        let ResetFile::Asks(path, mark) = ResetFile::of(path, store)? else { return Ok(None) };
        // Remembered first: whatever fails after that, it does not act again and again.
        store.set_setting(USED, Some(&mark))?;
        app.reset(code.to_owned())?;
        Ok::<_, StoreError>(Some(path))
    })();
    match done {
        Ok(None) => false,
        Ok(Some(path)) => {
            log::warn!("{}: the password is reset; every session and token has ended", path.display());
            match remove(&path) {
                Ok(()) => drop(store.set_setting(USED, None)),
                Err(error) => log::warn!("{}: {error}; it has acted and can be deleted", path.display()),
            }
            true
        }
        Err(error) => {
            log::error!("{}: the password cannot be reset: {error}", path.display());
            false
        }
    }
}

/// Says the claim code, and keeps it where whoever may log in to this machine finds it.
pub(super) fn show(code: &str) {
    say(&format!("claim code: {code} (opens the dashboard the first time, to set a password)"));
    let dir = service::run_dir();
    if let Err(error) = service::keep_claim_code(&dir, code) {
        log::info!("the claim code is only printed here: {}: {error}", dir.display());
    }
}

/// Removes the claim code's file once it was used, or when an earlier run left one; looks for the file that resets.
pub(super) async fn watch(app: Arc<App>, store: Arc<Store>, path: PathBuf) {
    let mut open = true;
    for second in 1u32.. {
        if open && app.claimed() {
            service::forget_claim_code(&service::run_dir());
            open = false;
        }
        Timer::after(Duration::from_secs(1)).await;
        if second.is_multiple_of(LOOK_SECONDS)
            && let Ok(code) = service::new_claim_code()
            && reset(&app, &store, &path, &code)
        {
            show(&code);
            open = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{AuthMode, Limits, Setup, password};
    use crate::store::Options;

    fn claimed() -> (Arc<App>, Arc<Store>) {
        let options = Options { cache_bytes: 1 << 20, max_bytes: 1 << 26, alert_days: 1, flush_seconds: 60 };
        let store = Arc::new(Store::in_memory(options).expect("memory"));
        let app = App::new(Setup {
            store: store.clone(),
            commands: smol::channel::bounded(1).0,
            auth: AuthMode::Password,
            claim_code: None,
            session_days: 30,
            limits: Limits::default(),
            host: "pi".into(),
            public_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            replay: false,
        });
        store.set_setting(password::SETTING, Some("a hash")).expect("memory");
        (app.expect("an app"), store)
    }

    #[test]
    fn a_file_that_cannot_be_removed_acts_once_and_one_that_can_is_gone() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("reset-password");
        let (app, store) = claimed();
        assert!(!reset(&app, &store, &path, "CODE") && app.claimed(), "it is not there");
        std::fs::write(&path, "").expect("written");
        let stuck = |_: &Path| Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
        assert!(reset_and(&app, &store, &path, "CODE", stuck) && !app.claimed());
        store.set_setting(password::SETTING, Some("a new one")).expect("memory");
        assert!(!reset_and(&app, &store, &path, "CODE", stuck) && app.claimed(), "once");
        std::fs::write(&path, "please").expect("written");
        assert!(reset(&app, &store, &path, "CODE") && !app.claimed() && !path.exists());
        let log = store.audit(None, 10).expect("memory");
        assert_eq!(log.iter().map(|e| e.action.as_str()).collect::<Vec<_>>(), ["reset", "reset"]);
    }

    #[test]
    fn the_file_asks_until_it_has_acted_and_a_newer_one_asks_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("reset-password");
        assert_eq!(ResetFile::look(&path, None), ResetFile::Absent);
        std::fs::create_dir(&path).expect("a folder in its place");
        assert_eq!(ResetFile::look(&path, None), ResetFile::Absent);
        std::fs::write(path.with_extension("txt"), "").expect("written");
        let ResetFile::Asks(found, mark) = ResetFile::look(&path, None) else { panic!("it is there") };
        assert!(found.ends_with("reset-password.txt"));
        assert_eq!(ResetFile::look(&path, Some(&mark)), ResetFile::Used(found));
        std::fs::write(path.with_extension("txt"), "again").expect("written");
        assert!(matches!(ResetFile::look(&path, Some(&mark)), ResetFile::Asks(..)));
    }
}
