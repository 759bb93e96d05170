//! Pages of code that only starting up needed, given back.
//!
//! Reading settings, opening the store and building tables run code that never runs again, and the kernel maps sixteen
//! pages around each one touched. Letting go of all code once brings back only what the monitor goes on using: on a
//! small board that is two megabytes of resident memory. The other file with `unsafe`, for one call.

use std::fs;

/// Unmaps this process's code pages; each comes back from its file, or the page cache, when it next runs. Returns how
/// many bytes were let go of at most. Costs some hundred soft page faults, once.
pub fn release_code() -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    maps.lines().filter_map(code).map(|(start, length)| release(start, length)).sum()
}

/// Start and length of a mapping of code from a file: executable, private, never writable.
fn code(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_whitespace();
    let (range, mode) = (fields.next()?, fields.next()?);
    let from_file = fields.nth(3).is_some_and(|path| path.starts_with('/'));
    let (start, end) = range.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    (mode == "r-xp" && from_file).then(|| (start, end.saturating_sub(start)))
}

#[allow(unsafe_code, reason = "madvise takes a raw range; the one call outside the ring")]
fn release(start: usize, length: usize) -> usize {
    let range = std::ptr::with_exposed_provenance_mut(start);
    // SAFETY: the range is a whole mapping that the kernel has just listed as private, from a file and not writable.
    // It holds no page of its own, so every page dropped is read again from that file with the same bytes.
    let done = unsafe { rustix::mm::madvise(range, length, rustix::mm::Advice::LinuxDontNeed) };
    if done.is_ok() { length } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_from_files_is_taken() {
        let code_line = "55d730636000-55d730a13000 r-xp 001cc000 fe:00 123 /usr/bin/netmonitor";
        assert_eq!(code(code_line), Some((0x55d7_3063_6000, 0x3d_d000)));
        for other in [
            "55d730a13000-55d730a26000 r--p 005a8000 fe:00 123 /usr/bin/netmonitor",
            "7fdae3699000-7fdae3a99000 rw-s 00000000 00:08 278967 socket:[278967]",
            "7ffe151f8000-7ffe151fa000 r-xp 00000000 00:00 0 [vdso]",
        ] {
            assert_eq!(code(other), None, "{other}");
        }
    }

    #[test]
    fn code_runs_on_after_it_was_let_go_of() {
        assert!(release_code() > 100_000);
        assert_eq!((1..=10u32).map(std::hint::black_box).product::<u32>(), 3_628_800);
    }
}
