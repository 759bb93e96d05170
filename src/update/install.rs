//! Writes the other slot: checked, written, read back, and only then offered to the firmware for one start.

use super::bundle::{Bundle, Manifest, PIECE, Part, hex};
use super::record::numbers;
use super::{Attempt, Phase, Record, Slot, Slots, UpdateError, Writable, put, sync_folder};
use crate::time;
use rustix::fs::{Advice, SeekFrom, fadvise, seek, statvfs};
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

/// The file of a boot folder that names the root.
const CMDLINE: &str = "cmdline.txt";
/// What systemd hands to the firmware when it restarts, below the root.
const REBOOT_PARAM: &str = "run/systemd/reboot-param";
/// What makes the Raspberry Pi's firmware read `tryboot.txt`, once.
const TRYBOOT: &str = "0 tryboot";
/// What a file takes at least on the boot partition, bytes.
const CLUSTER: u64 = 32 * 1024;

/// What has just been done. Whoever is told may stop the update there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It may be installed.
    Checked,
    /// Nothing starts the other slot any more.
    Cleared,
    /// So many bytes of so many of its root are written.
    Writing(u64, u64),
    /// Its root is written and read back.
    Root,
    /// Its boot folder is written.
    Boot,
    /// The attempt is written down.
    Recorded,
    /// The next restart on purpose tries it.
    Offered,
}

/// What the owner allows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed {
    /// A release below the highest one that was kept.
    pub downgrade: bool,
    /// Schema of this program's store, and bytes of the store.
    pub schema: u64,
    /// Bytes of the store.
    pub store_bytes: u64,
}

/// Installs a bundle into the slot that does not run. `told` hears of every step.
pub fn install(
    slots: &Slots,
    bundle: &Bundle,
    allowed: Allowed,
    mut told: impl FnMut(Step) -> Result<(), UpdateError>,
) -> Result<Slot, UpdateError> {
    let (manifest, slot) = (&bundle.manifest, slots.running.other());
    let mut record = Record::load(slots);
    may_be(slots, manifest, &record, allowed)?;
    if slots.starts()? != slots.running {
        let why = "an update is on trial; wait until it is kept, or restart to give it up";
        return Err(UpdateError::Refused(why.to_owned()));
    }
    if record.attempt.as_ref().is_some_and(|attempt| attempt.is_on_trial(slots.running)) {
        return Err(UpdateError::Refused(
            "the slot that runs is on trial itself; confirm it first".to_owned(),
        ));
    }
    let device = slots.device(slot)?;
    has_room(slots, manifest, slot, &device, allowed)?;
    told(Step::Checked)?;
    slots.try_nothing()?;
    let attempt = Attempt {
        release: manifest.release.clone(),
        slot,
        time: time::wall(),
        phase: Phase::Writing,
        downgrade: allowed.downgrade,
        why: None,
    };
    record.attempt = Some(attempt);
    record.save(slots)?;
    told(Step::Cleared)?;
    write(slots, bundle, slot, &device, &mut told)?;
    told(Step::Boot)?;
    if let Some(attempt) = &mut record.attempt {
        attempt.phase = Phase::Ready;
    }
    record.save(slots)?;
    told(Step::Recorded)?;
    slots.try_once(slot)?;
    told(Step::Offered)?;
    Ok(slot)
}

/// Restarts into the slot that is ready to be tried, or without `trial` into what `config.txt` names.
pub fn restart(slots: &Slots, trial: bool) -> Result<(), UpdateError> {
    let path = slots.path(REBOOT_PARAM);
    if trial {
        let mut record = Record::load(slots);
        let ready = record.attempt.as_mut().filter(|attempt| attempt.phase == Phase::Ready);
        let none = || UpdateError::Refused("no update is ready to be tried; install one first".to_owned());
        ready.ok_or_else(none)?.phase = Phase::Trying;
        record.save(slots)?;
        fs::write(&path, TRYBOOT).map_err(UpdateError::file(&path))?;
    } else {
        super::remove(&path)?;
    }
    if slots.is_real() {
        // systemd(1): SIGINT starts ctrl-alt-del.target, which is reboot.target by another name; on its way out it hands
        // the parameter to the firmware.
        let sent = kill_process(Pid::INIT, Signal::INT);
        sent.map_err(|error| UpdateError::File("/sbin/init".into(), error.into()))?;
    }
    Ok(())
}

fn may_be(slots: &Slots, manifest: &Manifest, record: &Record, allowed: Allowed) -> Result<(), UpdateError> {
    let refuse = |why: String| Err(UpdateError::Refused(why));
    if manifest.arch != std::env::consts::ARCH {
        return refuse(format!(
            "this update is for {}, and this is {}",
            manifest.arch,
            std::env::consts::ARCH
        ));
    }
    let tree = fs::read(slots.path("proc/device-tree/compatible")).unwrap_or_default();
    let tree = String::from_utf8_lossy(&tree);
    let fits = |board: &String| tree.split('\0').any(|name| name == board);
    if !manifest.boards.is_empty() && !manifest.boards.iter().any(fits) {
        let here = tree.split('\0').next().filter(|name| !name.is_empty()).unwrap_or("unknown");
        return refuse(format!(
            "this update is for {}, and this board is {here}",
            manifest.boards.join(", ")
        ));
    }
    let Some(release) = numbers(&manifest.release) else {
        return refuse(format!("{:?} is no release", manifest.release));
    };
    let floor = record.kept.as_deref().into_iter().chain([crate::VERSION]);
    let newest = floor.filter_map(|kept| Some((numbers(kept)?, kept))).max();
    if let Some((_, kept)) = newest.filter(|(kept, _)| release < *kept && !allowed.downgrade) {
        return refuse(format!(
            "{} is older than {kept}; --allow-downgrade installs it anyway",
            manifest.release
        ));
    }
    if manifest.schema < allowed.schema {
        return refuse(format!(
            "release {} cannot read the store as it is now (it knows schema {}, the store has {}); take a backup and begin \
             with an empty card instead",
            manifest.release, manifest.schema, allowed.schema
        ));
    }
    Ok(())
}

fn has_room(
    slots: &Slots,
    manifest: &Manifest,
    slot: Slot,
    device: &Path,
    allowed: Allowed,
) -> Result<(), UpdateError> {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let size = size(device)?;
    if manifest.root_size() > size {
        let text = format!(
            "the root of {} MiB does not fit its slot of {} MiB",
            mib(manifest.root_size()),
            mib(size)
        );
        return Err(UpdateError::NoRoom(text));
    }
    let needed = |path: &Path, bytes: u64, what: &str| {
        let free = statvfs(path).map_err(|error| UpdateError::File(path.to_owned(), error.into()))?;
        let free = free.f_bavail * free.f_frsize;
        let text = || {
            format!("{}: {} MiB are needed for {what}, {} are free", path.display(), mib(bytes), mib(free))
        };
        if free < bytes { Err(UpdateError::NoRoom(text())) } else { Ok(()) }
    };
    let (boot, data) = (slots.path(super::BOOT), slots.path("var/lib/netmonitor"));
    // What is in the slot's folder now goes first.
    let slack = manifest.parts.len() as u64 * CLUSTER;
    needed(&boot, (manifest.boot_size() + slack).saturating_sub(held(&slots.folder(slot))), "the kernel")?;
    if manifest.schema > allowed.schema && data.exists() {
        needed(&data, allowed.store_bytes + (1 << 20), "a copy of the store, which a newer schema needs")?;
    }
    Ok(())
}

/// Bytes of a partition, or of the file that stands for one.
fn size(device: &Path) -> Result<u64, UpdateError> {
    let file = File::open(device).map_err(UpdateError::file(device))?;
    seek(&file, SeekFrom::End(0)).map_err(|error| UpdateError::File(device.to_owned(), error.into()))
}

/// Bytes of the files in a folder.
fn held(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => held(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

fn write(
    slots: &Slots,
    bundle: &Bundle,
    slot: Slot,
    device: &Path,
    told: &mut impl FnMut(Step) -> Result<(), UpdateError>,
) -> Result<(), UpdateError> {
    let folder = slots.folder(slot);
    // Writable no longer than the kernel takes.
    let mut writable = None;
    bundle.parts(|part, from| match part.boot_file() {
        None => {
            write_root(part, from, device, told)?;
            read_back(part, device)?;
            told(Step::Root)
        }
        Some(name) => {
            if writable.is_none() {
                writable = Some(emptied(slots, &folder)?);
            }
            write_boot(slots, slot, &folder.join(name), part, from)
        }
    })?;
    let cmdline = folder.join(CMDLINE);
    if !cmdline.exists() {
        put(&cmdline, cmdline_for("", &slots.partuuid(slot)).as_bytes())?;
    }
    sync_folder(&folder.join(CMDLINE)).map_err(UpdateError::file(&folder))?;
    sync_folder(&folder).map_err(UpdateError::file(&folder))
}

/// An empty folder on the boot partition, which is writable while what this gives lives.
fn emptied(slots: &Slots, folder: &Path) -> Result<Writable, UpdateError> {
    let writable = Writable::boot(slots)?;
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(UpdateError::File(folder.to_owned(), error));
        }
        _ => fs::create_dir(folder).map_err(UpdateError::file(folder))?,
    }
    Ok(writable)
}

fn write_root(
    part: &Part,
    from: &mut dyn Read,
    device: &Path,
    told: &mut impl FnMut(Step) -> Result<(), UpdateError>,
) -> Result<(), UpdateError> {
    let failed = UpdateError::file;
    let mut out = OpenOptions::new().write(true).open(device).map_err(failed(device))?;
    let (mut piece, mut written, mut said) = (vec![0; PIECE], 0, 0);
    loop {
        let read = from.read(&mut piece).map_err(|error| UpdateError::Bundle(error.to_string()))?;
        if read == 0 {
            break;
        }
        out.write_all(&piece[..read]).map_err(failed(device))?;
        written += read as u64;
        if written - said >= 4 << 20 {
            said = written;
            // Little by little: a board of 512 MB must not fill up with what a slow card has yet to take.
            out.sync_data().map_err(failed(device))?;
            told(Step::Writing(written, part.size))?;
        }
    }
    out.sync_all().map_err(failed(device))
}

/// Reads what was written, from the card and not from memory.
fn read_back(part: &Part, device: &Path) -> Result<(), UpdateError> {
    let file = File::open(device).map_err(UpdateError::file(device))?;
    // An advice: where it is not followed, what is compared is at least what the kernel was given.
    let _ = fadvise(&file, 0, None, Advice::DontNeed);
    let (mut from, mut piece, mut digest) = (file.take(part.size), vec![0; PIECE], Sha256::new());
    loop {
        match from.read(&mut piece).map_err(UpdateError::file(device))? {
            0 => break,
            read => digest.update(&piece[..read]),
        }
    }
    if hex(digest) == part.sha256 { Ok(()) } else { Err(UpdateError::Differs(device.to_owned())) }
}

fn write_boot(
    slots: &Slots,
    slot: Slot,
    path: &Path,
    part: &Part,
    from: &mut dyn Read,
) -> Result<(), UpdateError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(UpdateError::file(folder))?;
    }
    if part.name == format!("boot/{CMDLINE}") {
        let mut text = String::new();
        from.read_to_string(&mut text).map_err(|error| UpdateError::Bundle(error.to_string()))?;
        return put(path, cmdline_for(&text, &slots.partuuid(slot)).as_bytes());
    }
    let mut out = File::create(path).map_err(UpdateError::file(path))?;
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece).map_err(|error| UpdateError::Bundle(error.to_string()))? {
            0 => break,
            read => out.write_all(&piece[..read]).map_err(UpdateError::file(path))?,
        }
    }
    out.sync_all().and_then(|()| sync_folder(path)).map_err(UpdateError::file(path))?;
    drop(out);
    read_back(part, path)
}

/// A kernel command line whose root is this one: which slot a bundle goes into is known here only.
fn cmdline_for(text: &str, partuuid: &str) -> String {
    let others = text.split_whitespace().filter(|word| !word.starts_with("root="));
    let words: Vec<String> =
        std::iter::once(format!("root=PARTUUID={partuuid}")).chain(others.map(str::to_owned)).collect();
    words.join(" ") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_a_command_line_is_that_of_the_slot() {
        assert_eq!(
            cmdline_for("quiet root=/dev/sda2 panic=10\n", "ab-03"),
            "root=PARTUUID=ab-03 quiet panic=10\n"
        );
        assert_eq!(cmdline_for("", "ab-02"), "root=PARTUUID=ab-02\n");
    }
}
