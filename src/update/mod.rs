//! Updates of the appliance: two root slots, one running, the other written, tried once, and kept only when it works.
//!
//! # The card
//! Partition 1 (FAT, `/boot/firmware`) holds `config.txt`, whose `os_prefix=a/` names the folder with kernel, initrd and
//! `cmdline.txt` of the slot that starts; partitions 2 and 3 are the roots of slots A and B, named by `root=PARTUUID=` in
//! each `cmdline.txt`. After `reboot "0 tryboot"` the firmware reads `tryboot.txt` in the place of `config.txt`, once.
//!
//! # The order, which a power cut may break off anywhere
//! | step | what is there if the power goes now |
//! |---|---|
//! | the signature is checked, then what the bundle says of itself | the old slot |
//! | `tryboot.txt` goes, the other root is written and read back, its boot folder written | the old slot |
//! | the attempt is written down, then `tryboot.txt` | the old slot: only the reboot on purpose reads it |
//! | the new slot starts, once | the old slot at the next start, for `config.txt` names it |
//! | it captures and answers: `config.txt` is replaced, in one rename | the old or the new one, whole |
//!
//! `bundle` reads the file, `slots` knows the card, `install` writes, `confirm` decides, `record` remembers.

mod bundle;
mod confirm;
mod install;
mod record;
mod slots;

pub use bundle::{Bundle, FORMAT, Manifest, PUBLIC_KEY, Part};
pub use confirm::{Verdict, confirm};
pub use install::{Allowed, Step, install, restart};
pub use record::{Attempt, Phase, Record};
pub use slots::{Slot, Slots};

use rustix::mount::{MountFlags, mount_remount};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where the boot partition is mounted.
const BOOT: &str = "boot/firmware";

/// Why an update is not made.
#[derive(Debug)]
pub enum UpdateError {
    /// No card with two slots.
    NotAppliance(String),
    /// The bundle is not signed by whom it should be, or damaged.
    Signature(String),
    /// The bundle cannot be read.
    Bundle(String),
    /// It is not for this machine, or may not be installed on it.
    Refused(String),
    /// There is too little room.
    NoRoom(String),
    /// What was written is not what is read.
    Differs(PathBuf),
    /// A file or partition.
    File(PathBuf, io::Error),
    /// Told to stop.
    Stopped,
}

impl UpdateError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> UpdateError {
        let path = path.to_owned();
        move |error| UpdateError::File(path, error)
    }
}

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpdateError::NotAppliance(why) => {
                write!(
                    f,
                    "this is no netmonitor card, so `update` cannot serve it ({why}); update by your package manager"
                )
            }
            UpdateError::Signature(why) => write!(f, "{why}; nothing was changed"),
            UpdateError::Bundle(why) => write!(f, "not a whole update: {why}; nothing that runs was changed"),
            UpdateError::Refused(why) | UpdateError::NoRoom(why) => write!(f, "{why}; nothing was changed"),
            UpdateError::Differs(path) => write!(
                f,
                "{}: what was written is not what is read back; the card may be failing. The slot that runs is untouched",
                path.display()
            ),
            UpdateError::File(path, error) if error.kind() == io::ErrorKind::PermissionDenied => {
                write!(f, "{}: {error}; run this as root", path.display())
            }
            UpdateError::File(path, error) => write!(f, "{}: {error}", path.display()),
            UpdateError::Stopped => {
                f.write_str("stopped; the slot that runs is untouched, do it again when you like")
            }
        }
    }
}

impl std::error::Error for UpdateError {}

/// Writes so that after a power cut either the old file or the new one is there, whole.
fn put(path: &Path, bytes: &[u8]) -> Result<(), UpdateError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let fresh = PathBuf::from(name);
    let write = || -> io::Result<()> {
        let mut file = File::create(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        sync_folder(path)
    };
    write().map_err(UpdateError::file(path))
}

/// Removes a file, for good, when it is there.
fn remove(path: &Path) -> Result<(), UpdateError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done.and_then(|()| sync_folder(path)).map_err(UpdateError::file(path)),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// The boot partition, writable while this lives: the card keeps it read-only, so that a power cut finds it clean.
struct Writable(Option<PathBuf>);

impl Writable {
    fn boot(slots: &Slots) -> Result<Writable, UpdateError> {
        let boot = slots.path(BOOT);
        let flags = rustix::fs::statvfs(&boot).map_err(|e| UpdateError::File(boot.clone(), e.into()))?.f_flag;
        if !flags.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
            return Ok(Writable(None));
        }
        let remounted = mount_remount(&boot, KEPT, "");
        remounted.map_err(|error| UpdateError::File(boot.clone(), error.into()))?;
        Ok(Writable(Some(boot)))
    }
}

/// How it is mounted beside that.
const KEPT: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);

impl Drop for Writable {
    fn drop(&mut self) {
        if let Some(boot) = &self.0
            && let Err(error) = mount_remount(boot, KEPT | MountFlags::RDONLY, "")
        {
            log::warn!("{}: stays writable: {error}", boot.display());
        }
    }
}
