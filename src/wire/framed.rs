//! Messages that say how long they are, one after another in a stream.

use super::talk::{Heard, Side};

/// What the first bytes of a message say about its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes in all.
    Is(usize),
    /// More bytes are needed to say.
    More,
    /// No such message begins here.
    No,
}

impl Length {
    /// The length when there is one, else `No` if `bytes` hold as much as a head takes, else `More`.
    pub fn of(length: Option<usize>, bytes: &[u8], head: usize) -> Length {
        match length {
            Some(length) => Length::Is(length),
            None if bytes.len() >= head => Length::No,
            None => Length::More,
        }
    }
}

/// Which side's stream has a gap before its next bytes.
#[derive(Debug, Default)]
pub(super) struct Gaps([bool; 2]);

impl Gaps {
    /// Bytes of `side` are missing: what follows begins somewhere within a message.
    pub fn lost(&mut self, side: Side) {
        self.0[side as usize] = true;
    }

    /// Reads the messages of `side` at the front of `bytes`. `each` sees a message once its first `need` bytes are there
    /// (all of it, when it is shorter); the rest of a longer one passes unseen. After a gap, segments are passed over
    /// until one begins with a message.
    pub fn read(
        &mut self,
        side: Side,
        bytes: &[u8],
        need: usize,
        length: impl Fn(&[u8]) -> Length,
        mut each: impl FnMut(&[u8]),
    ) -> Heard {
        let lost = &mut self.0[side as usize];
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match length(rest) {
                Length::More => break,
                Length::No if *lost => return Heard::Took(bytes.len()),
                Length::No => return Heard::Enough,
                Length::Is(length) if rest.len() < length.min(need) => break,
                Length::Is(length) => {
                    *lost = false;
                    each(&rest[..length.min(rest.len())]);
                    at = at.saturating_add(length.max(1));
                }
            }
        }
        Heard::Took(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A length of one byte, which counts itself; 0 and above 9 are no message.
    fn length(bytes: &[u8]) -> Length {
        Length::of(bytes.first().map(|b| usize::from(*b)).filter(|n| (1..10).contains(n)), bytes, 1)
    }

    #[test]
    fn messages_are_read_one_by_one_and_long_ones_by_their_beginning() {
        let (mut gaps, mut seen) = (Gaps::default(), Vec::new());
        let heard = gaps.read(Side::Client, &[2, 7, 3, 0, 0, 9, 1, 2], 3, length, |m| seen.push(m.to_vec()));
        assert_eq!((heard, seen), (Heard::Took(14), vec![vec![2, 7], vec![3, 0, 0], vec![9, 1, 2]]));
        assert_eq!(gaps.read(Side::Client, &[2, 7, 5, 1], 3, length, |_| ()), Heard::Took(2));
    }

    #[test]
    fn after_a_gap_a_message_is_looked_for_and_without_one_nonsense_ends_it() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.read(Side::Server, &[77], 3, length, |_| ()), Heard::Enough);
        gaps.lost(Side::Server);
        assert_eq!(gaps.read(Side::Server, &[77, 2, 1], 3, length, |_| ()), Heard::Took(3));
        let mut seen = 0;
        assert_eq!(gaps.read(Side::Server, &[2, 1], 3, length, |_| seen += 1), Heard::Took(2));
        assert_eq!((seen, gaps.read(Side::Server, &[77], 3, length, |_| ())), (1, Heard::Enough));
    }
}
