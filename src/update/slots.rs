//! The card: which slot runs, which one starts next, and where the other one is.

use super::{BOOT, UpdateError, Writable, put, remove};
use std::fs;
use std::path::{Path, PathBuf};

/// One of the two slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// Partition 2, folder `a/`.
    A,
    /// Partition 3, folder `b/`.
    B,
}

impl Slot {
    /// The one that this is not.
    pub fn other(self) -> Slot {
        if self == Slot::A { Slot::B } else { Slot::A }
    }

    /// The name of its folder.
    pub fn folder(self) -> &'static str {
        if self == Slot::A { "a" } else { "b" }
    }

    fn partition(self) -> u8 {
        if self == Slot::A { 2 } else { 3 }
    }

    /// The slot that a `config.txt` starts.
    fn named(config: &str) -> Option<Slot> {
        let prefix = config.lines().filter_map(|line| line.trim().strip_prefix("os_prefix=")).next_back()?;
        [Slot::A, Slot::B].into_iter().find(|slot| prefix.trim() == format!("{}/", slot.folder()))
    }

    /// A `config.txt` that starts this slot and is otherwise the same.
    fn in_config(self, config: &str) -> String {
        let line = |line: &str| match line.trim().starts_with("os_prefix=") {
            true => format!("os_prefix={}/\n", self.folder()),
            false => format!("{line}\n"),
        };
        config.lines().map(line).collect()
    }
}

/// The card of this machine.
#[derive(Debug)]
pub struct Slots {
    root: PathBuf,
    /// The slot that runs.
    pub running: Slot,
    /// What `PARTUUID`s of this card begin with.
    disk: String,
}

impl Slots {
    /// Looks at the machine below `root`, which is `/` except in tests.
    pub fn find(root: &Path) -> Result<Slots, UpdateError> {
        let none = |why: &str| UpdateError::NotAppliance(why.to_owned());
        let cmdline = fs::read_to_string(root.join("proc/cmdline")).unwrap_or_default();
        let uuid = cmdline.split_whitespace().find_map(|word| word.strip_prefix("root=PARTUUID="));
        let (disk, number) = uuid
            .and_then(|uuid| uuid.rsplit_once('-'))
            .ok_or_else(|| none("its root is not named by PARTUUID"))?;
        let running = [Slot::A, Slot::B].into_iter().find(|slot| number.parse() == Ok(slot.partition()));
        let running = running.ok_or_else(|| none("its root is neither partition 2 nor 3"))?;
        let slots = Slots { root: root.to_owned(), running, disk: disk.to_owned() };
        slots.starts()?;
        Ok(slots)
    }

    /// A path of this machine, from its root.
    pub fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// Whether this is the machine itself.
    pub fn is_real(&self) -> bool {
        self.root == Path::new("/")
    }

    fn config(&self) -> Result<String, UpdateError> {
        let path = self.path(BOOT).join("config.txt");
        fs::read_to_string(&path)
            .map_err(|error| UpdateError::NotAppliance(format!("{}: {error}", path.display())))
    }

    /// The slot that starts when the power comes.
    pub fn starts(&self) -> Result<Slot, UpdateError> {
        let none = || UpdateError::NotAppliance("config.txt has no os_prefix=a/ or b/".to_owned());
        Slot::named(&self.config()?).ok_or_else(none)
    }

    /// The root of a slot as the kernel's command line names it.
    pub fn partuuid(&self, slot: Slot) -> String {
        format!("{}-{:02}", self.disk, slot.partition())
    }

    /// The partition of a slot.
    pub fn device(&self, slot: Slot) -> Result<PathBuf, UpdateError> {
        let wanted = format!("PARTUUID={}", self.partuuid(slot));
        let blocks = self.path("sys/class/block");
        let entries = fs::read_dir(&blocks).map_err(UpdateError::file(&blocks))?;
        for entry in entries.flatten() {
            let text = fs::read_to_string(entry.path().join("uevent")).unwrap_or_default();
            if text.lines().any(|line| line == wanted)
                && let Some(name) = text.lines().find_map(|line| line.strip_prefix("DEVNAME="))
            {
                return Ok(self.path("dev").join(name));
            }
        }
        Err(UpdateError::NotAppliance(format!("there is no partition with {wanted}")))
    }

    /// The folder of a slot on the boot partition.
    pub fn folder(&self, slot: Slot) -> PathBuf {
        self.path(BOOT).join(slot.folder())
    }

    fn tryboot(&self) -> PathBuf {
        self.path(BOOT).join("tryboot.txt")
    }

    /// The next restart on purpose starts this slot, and only that one does.
    pub fn try_once(&self, slot: Slot) -> Result<(), UpdateError> {
        let _writable = Writable::boot(self)?;
        put(&self.tryboot(), slot.in_config(&self.config()?).as_bytes())
    }

    /// Nothing is tried any more.
    pub fn try_nothing(&self) -> Result<(), UpdateError> {
        if !self.tryboot().exists() {
            return Ok(());
        }
        let _writable = Writable::boot(self)?;
        remove(&self.tryboot())
    }

    /// This slot starts from now on.
    pub fn keep(&self, slot: Slot) -> Result<(), UpdateError> {
        let _writable = Writable::boot(self)?;
        if self.starts()? != slot {
            put(&self.path(BOOT).join("config.txt"), slot.in_config(&self.config()?).as_bytes())?;
        }
        remove(&self.tryboot())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_slot_changes_one_line_of_the_config() {
        let config = "# what starts\nos_prefix=a/\nkernel=vmlinuz\n[pi4]\narm_boost=1";
        assert_eq!(Slot::named(config), Some(Slot::A));
        let other = Slot::B.in_config(config);
        assert_eq!(Slot::named(&other), Some(Slot::B));
        assert_eq!(other, "# what starts\nos_prefix=b/\nkernel=vmlinuz\n[pi4]\narm_boost=1\n");
        assert_eq!(Slot::named("kernel=vmlinuz\n#os_prefix=b/\n"), None);
    }
}
