//! Chance that repeats: SplitMix64 (Steele, Lea, Flood 2014), seeded by the scenario's name.

/// A generator whose numbers depend on the seed alone.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator for `name`; other names give other numbers. The hash is FNV-1a.
    pub fn named(name: &str) -> Rng {
        let hash = |h: u64, b: u8| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3);
        Rng(name.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// A number in `low..high`.
    pub fn range(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low) as u64) as i64
    }

    /// A client's port: in the dynamic range.
    pub fn port(&mut self) -> u16 {
        49_152 + self.below(16_000) as u16
    }

    /// `n` bytes.
    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| (self.next() >> 32) as u8).collect()
    }

    /// `n` characters out of `alphabet`.
    pub fn text(&mut self, alphabet: &str, n: usize) -> String {
        let letters = alphabet.as_bytes();
        (0..n).map(|_| letters[self.below(letters.len() as u64) as usize] as char).collect()
    }

    /// One of `choices`.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}
