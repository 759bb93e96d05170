//! Counting what no flow counts, in fixed memory and a few operations per packet: packets outside flows by where they go
//! ([`Loose`]), and stations that were not heard for a while ([`Stations`]).
//!
//! Neither is a detector: they say "another 32" and "a new one", rarely in ordinary traffic.

use crate::addr::{Ip, MacAddr};

/// Packets to one place between two tellings.
pub const STEP: u32 = 32;

/// Places that are counted at once.
const PLACES: usize = 256;

/// Spreads bits; who chooses addresses so that they collide makes a count lower, never higher.
fn spread(value: u64) -> u64 {
    let x = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Packets outside flows, by target and class. A place belongs to whoever comes most often: another key wears the count
/// down before it moves in, so that a flood keeps its place among strays.
pub struct Loose {
    places: Box<[(u32, u32); PLACES]>,
}

impl Default for Loose {
    fn default() -> Self {
        Loose { places: Box::new([(0, 0); PLACES]) }
    }
}

impl Loose {
    /// Counts a packet to `target`; true for every 32nd.
    pub fn add(&mut self, target: Ip, class: u8) -> bool {
        let bits = target.bits();
        let hash = spread((bits >> 64) as u64 ^ spread(bits as u64 ^ u64::from(class) << 56));
        let place = &mut self.places[(hash >> 56) as usize % PLACES];
        let tag = hash as u32 | 1;
        if place.0 == tag {
            place.1 += 1;
        } else if place.1 <= 1 {
            *place = (tag, 1);
        } else {
            place.1 -= 1;
        }
        let step = place.0 == tag && place.1 >= STEP;
        if step {
            place.1 = 0;
        }
        step
    }
}

/// Bits of one half of [`Stations`]: a flood of made-up addresses fills them and is then known.
const BITS: usize = 16_384;

/// Which stations sent something lately: those heard of in this half of the window, and in the one before.
pub struct Stations {
    /// The last station of each place: nearly every frame ends here.
    recent: Box<[u64; 512]>,
    halves: [Box<[u64; BITS / 64]>; 2],
}

impl Default for Stations {
    fn default() -> Self {
        let half = || Box::new([0; BITS / 64]);
        Stations { recent: Box::new([0; 512]), halves: [half(), half()] }
    }
}

impl Stations {
    /// Notes a frame's source; true when it was not heard of in this half of the window and the one before.
    #[inline]
    pub fn is_new(&mut self, mac: MacAddr) -> bool {
        let key = mac.as_u64();
        let hash = spread(key);
        let recent = &mut self.recent[(hash >> 55) as usize];
        if *recent == key {
            return false;
        }
        *recent = key;
        let (word, bit) = ((hash >> 14) as usize % (BITS / 64), 1 << (hash & 63));
        let known = (self.halves[0][word] | self.halves[1][word]) & bit != 0;
        self.halves[0][word] |= bit;
        !known
    }

    /// Begins the next half of the window.
    pub fn turn(&mut self) {
        self.halves.swap(0, 1);
        self.halves[0].fill(0);
        self.recent.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mac(n: u32) -> MacAddr {
        let [a, b, c, d] = n.to_be_bytes();
        MacAddr([2, 0, a, b, c, d])
    }

    #[test]
    fn a_flood_is_counted_among_strays_and_strays_are_not() {
        let (mut loose, mut steps, mut stray_steps) = (Loose::default(), 0, 0);
        let victim = Ip::v4([10, 0, 0, 1]);
        for i in 0..32_000u32 {
            steps += u32::from(loose.add(victim, 0));
            if i % 4 == 0 {
                stray_steps += u32::from(loose.add(Ip::v4((0x0b00_0000 + i).to_be_bytes()), 0));
            }
        }
        assert!((950..=1000).contains(&steps), "{steps}");
        assert_eq!(stray_steps, 0);
    }

    #[test]
    fn classes_are_counted_apart() {
        let mut loose = Loose::default();
        let steps = (0..62).filter(|i| loose.add(Ip::v4([10, 0, 0, 1]), i % 2)).count();
        assert_eq!(steps, 0);
    }

    #[test]
    fn a_station_is_new_once_and_again_after_a_whole_window_of_silence() {
        let mut stations = Stations::default();
        assert!(stations.is_new(mac(7)) && !stations.is_new(mac(7)));
        stations.turn();
        assert!(!stations.is_new(mac(7)), "heard in the half before");
        stations.turn();
        assert!(!stations.is_new(mac(7)));
        stations.turn();
        stations.turn();
        assert!(stations.is_new(mac(7)));
        assert!(!stations.is_new(MacAddr::NONE), "a link without addresses");
    }

    proptest! {
        #[test]
        fn stations_that_take_turns_in_one_place_are_not_new_again(count in 2u32..800) {
            let mut stations = Stations::default();
            let new = (0..3 * count).filter(|i| stations.is_new(mac(i % count))).count() as u32;
            prop_assert!(new <= count && new >= count - count / 20 - 2, "{} of {}", new, count);
        }
    }
}
