//! Vendor by OUI: the name an Ethernet address was registered under.
//!
//! The IEEE's whole list (prefixes of 24, 28 and 36 bits) is embedded as `assets/vendors.bin`, whose form is described
//! in `assets/vendors.py`, which also makes it anew. A lookup is a binary search in those bytes: nothing is built at
//! start, and only the pages that are touched become resident.

use super::MacAddr;

static LIST: &[u8] = include_bytes!("../../assets/vendors.bin");

/// Magic and three counts.
const HEADER: usize = 16;
/// Bytes of a name's position, after each prefix.
const POSITION: usize = 3;
/// Bits of a prefix and the bytes it is kept in, in the order of the file.
const BLOCKS: [(u32, usize); 3] = [(24, 3), (28, 4), (36, 5)];

/// The registered vendor of `mac`, or `None` for random (locally administered), group and unlisted addresses. The
/// longest prefix wins: a block that was handed on in pieces names the holder of the piece.
pub fn of(mac: MacAddr) -> Option<&'static str> {
    if mac.is_local() || !mac.is_station() {
        return None;
    }
    let names = BLOCKS.iter().enumerate().map(|(i, (_, width))| count(i) * (width + POSITION)).sum::<usize>();
    let names = LIST.get(HEADER + names..)?;
    (0..BLOCKS.len()).rev().find_map(|block| name(names, search(block, mac)?))
}

/// How many prefixes a block has.
fn count(block: usize) -> usize {
    let at = 4 + 4 * block;
    number(LIST.get(at..at + 4).unwrap_or_default())
}

/// The position of the name of `mac`'s prefix in `block`.
fn search(block: usize, mac: MacAddr) -> Option<usize> {
    let (bits, width) = BLOCKS[block];
    let size = width + POSITION;
    let before: usize = (0..block).map(|i| count(i) * (BLOCKS[i].1 + POSITION)).sum();
    let entries = LIST.get(HEADER + before..)?.get(..count(block) * size)?;
    let wanted = (mac.as_u64() >> (48 - bits)).to_be_bytes();
    let wanted = &wanted[8 - width..];
    let (mut low, mut high) = (0, count(block));
    while low < high {
        let middle = low + (high - low) / 2;
        let (prefix, position) = entries[middle * size..][..size].split_at(width);
        match prefix.cmp(wanted) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return Some(number(position)),
        }
    }
    None
}

/// A little-endian number.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |n, byte| n << 8 | usize::from(*byte))
}

/// The name at a position: a byte of length, then text.
fn name(names: &'static [u8], position: usize) -> Option<&'static str> {
    let (len, text) = names.get(position..)?.split_first()?;
    std::str::from_utf8(text.get(..usize::from(*len))?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vendor(text: &str) -> Option<&'static str> {
        of(text.parse().expect("a MAC address"))
    }

    #[test]
    fn well_known_makers_are_named() {
        assert_eq!(vendor("b8:27:eb:12:34:56"), Some("Raspberry Pi"));
        assert_eq!(vendor("dc:a6:32:00:00:01"), Some("Raspberry Pi"));
        assert_eq!(vendor("a4:83:e7:ff:ff:ff"), Some("Apple"));
        assert_eq!(vendor("00:11:32:01:02:03"), Some("Synology"));
        assert_eq!(vendor("3c:37:12:00:00:00"), Some("AVM"));
    }

    #[test]
    fn the_holder_of_a_piece_is_named_not_the_one_who_handed_it_on() {
        // 28 bits: 20:85:93:b is a piece of a block of the registry itself.
        assert_eq!(vendor("20:85:93:b1:22:33"), Some("IOG Products"));
        // 36 bits: 70:b3:d5:71:9 and its neighbour 70:b3:d5:f2:f.
        assert_eq!(vendor("70:b3:d5:71:9a:bc"), Some("2M Technology"));
        assert_eq!(vendor("70:b3:d5:f2:f0:00"), Some("Teleplatforms"));
    }

    #[test]
    fn made_up_group_and_unlisted_addresses_have_no_vendor() {
        for text in ["02:00:00:00:00:01", "da:a1:19:00:00:01", "01:00:5e:00:00:fb", "ff:ff:ff:ff:ff:ff"] {
            assert_eq!(vendor(text), None, "{text}");
        }
        assert_eq!(of(MacAddr::NONE), None);
        assert_eq!(vendor("fc:ff:ff:ff:ff:ff"), None);
    }

    #[test]
    fn the_list_is_whole_sorted_and_every_name_is_clean() {
        let total: usize = (0..3).map(|b| count(b) * (BLOCKS[b].1 + POSITION)).sum();
        let names = &LIST[HEADER + total..];
        assert!(count(0) > 30_000 && count(1) > 4_000 && count(2) > 9_000);
        let mut at = HEADER;
        for (block, (_, width)) in BLOCKS.into_iter().enumerate() {
            let mut last: Option<&[u8]> = None;
            for _ in 0..count(block) {
                let (prefix, position) = LIST[at..at + width + POSITION].split_at(width);
                assert!(last.is_none_or(|last| last < prefix));
                last = Some(prefix);
                let name = name(names, number(position)).expect("a name in UTF-8");
                assert!((1..=32).contains(&name.len()) && !name.contains(char::is_control), "{name:?}");
                at += width + POSITION;
            }
        }
    }
}
