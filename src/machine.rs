//! The machine under us, as `/proc` and `/sys` tell it: processor, memory, temperature, load, disk, name.

use crate::event::System;
use crate::time::{SECOND, Timestamp};
use std::fs;
use std::path::{Path, PathBuf};

/// Clock ticks per second in `/proc/self/stat` (USER_HZ, 100 on every Linux that we run on).
const TICKS: f64 = 100.0;

/// A drift file older than this says nothing.
const DRIFT_SECONDS: u64 = 3 * 3600;

/// Watches this process and its machine. Every reading is a few hundred bytes of `/proc`.
pub struct Machine {
    disk: PathBuf,
    ticks: Option<(Timestamp, f64)>,
}

impl Machine {
    /// A watch; `disk` is a folder on the disk whose free space matters.
    pub fn new(disk: &Path) -> Self {
        Machine { disk: disk.to_path_buf(), ticks: None }
    }

    /// Reads it all; CPU is that since the last reading. The store's numbers are the caller's to fill in.
    pub fn read(&mut self, now: Timestamp) -> System {
        let used = processor_ticks();
        let cpu_percent = match (self.ticks, used) {
            (Some((then, before)), Some(used)) if now.since(then) > 0 => {
                (used - before) / TICKS / (now.since(then) as f64 / SECOND as f64) * 100.0
            }
            _ => 0.0,
        };
        self.ticks = used.map(|used| (now, used));
        System {
            cpu_percent: (cpu_percent * 10.0).round() / 10.0,
            memory_bytes: resident_bytes().unwrap_or(0),
            temperature_celsius: temperature(),
            under_voltage: under_voltage(Path::new("/sys/class/hwmon")),
            throttled: throttled(),
            load: load(),
            disk_free_bytes: free_bytes(&self.disk),
            store_bytes: 0,
            written_today_bytes: 0,
        }
    }
}

/// Whether a program keeps the clock right, and which, as far as files tell: `systemd-timesyncd` leaves a mark once it
/// has set the clock; `chronyd` and `ntpd` rewrite the drift they measured every hour or so while they are in step.
pub fn clock_keeper(root: &Path) -> (Option<bool>, Option<&'static str>) {
    let timesyncd = root.join("run/systemd/timesync");
    if timesyncd.is_dir() {
        return (Some(timesyncd.join("synchronized").exists()), Some("systemd-timesyncd"));
    }
    let drifts = [
        ("chronyd", "var/lib/chrony/chrony.drift"),
        ("chronyd", "var/lib/chrony/drift"),
        ("ntpd", "var/lib/ntpsec/ntp.drift"),
    ];
    let fresh =
        |file: fs::Metadata| file.modified().ok()?.elapsed().ok().map(|age| age.as_secs() < DRIFT_SECONDS);
    let found = drifts.into_iter().find_map(|(name, path)| Some((name, root.join(path).metadata().ok()?)));
    match found {
        // An old file may only mean that it cannot be seen from here.
        Some((name, file)) => (fresh(file).filter(|fresh| *fresh), Some(name)),
        None => (None, None),
    }
}

/// Processor time of this process, user and system, in ticks.
fn processor_ticks() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold spaces; fields are counted after it: utime and stime are the 14th and 15th.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?)
}

/// Resident memory of this process.
pub fn resident_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Temperature of the first thermal zone, degrees Celsius.
fn temperature() -> Option<f64> {
    let millis = fs::read_to_string("/sys/class/thermal/thermal_zone0/temp").ok()?;
    Some(millis.trim().parse::<f64>().ok()? / 1000.0)
}

/// What the Raspberry Pi's voltage monitor says (driver `raspberrypi-hwmon`).
fn under_voltage(hwmon: &Path) -> Option<bool> {
    let is_pi =
        |dir: &PathBuf| fs::read_to_string(dir.join("name")).is_ok_and(|name| name.trim() == "rpi_volt");
    let dir = fs::read_dir(hwmon).ok()?.flatten().map(|entry| entry.path()).find(is_pi)?;
    Some(fs::read_to_string(dir.join("in0_lcrit_alarm")).ok()?.trim() == "1")
}

/// What the Raspberry Pi's firmware says: bits 1, 2 and 3 are frequency capped, throttled, and at its soft heat limit, now.
fn throttled() -> Option<bool> {
    let text = fs::read_to_string("/sys/devices/platform/soc/soc:firmware/get_throttled").ok()?;
    let bits = u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()?;
    Some(bits & 0b1110 != 0)
}

/// Load average of the last minute, as `/proc/loadavg` rounds it, which the unit's ProcSubset=pid hides.
fn load() -> f64 {
    let sixteen_bit_fraction = rustix::system::sysinfo().loads[0] as f64;
    (sixteen_bit_fraction / 65_536.0 * 100.0).round() / 100.0
}

/// Free bytes for an ordinary user on the disk of `path`, or of the nearest folder above it that exists.
fn free_bytes(path: &Path) -> Option<u64> {
    let stat = path.ancestors().find_map(|p| rustix::fs::statvfs(p).ok())?;
    Some(stat.f_bavail * stat.f_frsize)
}

/// The name of this machine.
pub fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    crate::wire::clean_text(name.as_bytes(), 253)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_that_gets_too_little_voltage_is_told_from_one_that_does_not_say() {
        let dir = tempfile::tempdir().expect("temporary folder");
        assert_eq!(under_voltage(dir.path()), None);
        let chip = dir.path().join("hwmon1");
        fs::create_dir(&chip).expect("made");
        fs::write(chip.join("name"), "rpi_volt\n").expect("written");
        for (text, low) in [("0\n", false), ("1\n", true)] {
            fs::write(chip.join("in0_lcrit_alarm"), text).expect("written");
            assert_eq!(under_voltage(dir.path()), Some(low));
        }
    }

    #[test]
    fn this_process_uses_memory_and_time() {
        let mut machine = Machine::new(Path::new("/tmp/none/such"));
        machine.read(Timestamp::from_secs(1));
        let mut x = 1u64;
        for i in 0..300_000_000u64 {
            x = std::hint::black_box(x.wrapping_mul(i | 1));
        }
        let system = machine.read(Timestamp::from_secs(2));
        assert!(system.memory_bytes > 500_000, "{system:?}");
        assert!(system.cpu_percent > 0.0, "{system:?}");
        assert!(system.disk_free_bytes.is_some_and(|b| b > 0));
        assert!(!host_name().is_empty());
    }
}
