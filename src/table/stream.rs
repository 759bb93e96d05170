//! One direction of a TCP connection in order: segments in as they come, bytes out as they were sent, with gaps told.

use crate::wire::talk::Heard;

/// Segments that came too early and wait.
const MAX_AHEAD: usize = 8;
/// Bytes that wait: early segments, and a message that is not yet whole.
pub const MAX_WAITING: usize = 32 * 1024;

/// Who reads an ordered stream.
pub trait Listener {
    /// Reads what was not yet taken.
    fn hear(&mut self, bytes: &[u8]) -> Heard;
    /// Bytes are missing before what comes next.
    fn lost(&mut self);
}

/// One direction. Empty it takes no heap.
#[derive(Debug, Default)]
pub struct Ordered {
    next: Option<u32>,
    /// Bytes to come that nobody wants to see.
    skip: u64,
    /// A message that is not yet whole.
    begun: Vec<u8>,
    ahead: Vec<(u32, Box<[u8]>)>,
    early: usize,
}

impl Ordered {
    /// Bytes held.
    pub fn held(&self) -> usize {
        self.begun.capacity() + self.early
    }

    /// Takes a segment in: `payload` as captured, of which `cut` bytes more were sent. False when the listener has had
    /// enough.
    pub fn push(&mut self, seq: u32, payload: &[u8], cut: u32, listener: &mut impl Listener) -> bool {
        let next = *self.next.get_or_insert(seq);
        let distance = seq.wrapping_sub(next) as i32;
        if distance > 0 && u64::from(distance.unsigned_abs()) > self.skip {
            if cut == 0 && self.keep(seq, payload) {
                return true;
            }
            // Full: what is missing will not come any more.
            self.missed(self.ahead.first().map_or(seq, |(first, _)| earlier(*first, seq)), listener);
            return self.drain(listener) && self.push(seq, payload, cut, listener);
        }
        self.accept(seq, payload, cut, listener) && self.drain(listener)
    }

    /// Forgets what waits; the listener is told.
    pub fn drop_waiting(&mut self, listener: &mut impl Listener) {
        (self.begun, self.ahead, self.early) = (Vec::new(), Vec::new(), 0);
        listener.lost();
    }

    fn keep(&mut self, seq: u32, payload: &[u8]) -> bool {
        if self.ahead.len() == MAX_AHEAD || self.held() + payload.len() > MAX_WAITING {
            return false;
        }
        let at = self.ahead.partition_point(|(s, _)| seq.wrapping_sub(*s) as i32 > 0);
        self.early += payload.len();
        self.ahead.insert(at, (seq, payload.into()));
        true
    }

    /// Goes on at `seq`, which lies beyond what was seen.
    fn missed(&mut self, seq: u32, listener: &mut impl Listener) {
        self.next = Some(seq);
        self.skip = 0;
        self.begun = Vec::new();
        listener.lost();
    }

    fn drain(&mut self, listener: &mut impl Listener) -> bool {
        while let Some((seq, _)) = self.ahead.first() {
            let distance = seq.wrapping_sub(self.next.unwrap_or(*seq)) as i32;
            if distance > 0 && u64::from(distance.unsigned_abs()) > self.skip {
                return true;
            }
            let (seq, payload) = self.ahead.remove(0);
            self.early -= payload.len();
            if !self.accept(seq, &payload, 0, listener) {
                return false;
            }
        }
        true
    }

    /// A segment that begins at, before, or within the skipped bytes after, what comes next.
    fn accept(&mut self, seq: u32, payload: &[u8], cut: u32, listener: &mut impl Listener) -> bool {
        let next = self.next.unwrap_or(seq);
        let distance = seq.wrapping_sub(next) as i32;
        let end = seq.wrapping_add(payload.len() as u32).wrapping_add(cut);
        if (end.wrapping_sub(next) as i32) <= 0 {
            return true;
        }
        self.next = Some(end);
        self.skip -= u64::from(distance.max(0).unsigned_abs()).min(self.skip);
        let fresh = payload.get(distance.min(0).unsigned_abs() as usize..).unwrap_or_default();
        let skipped = self.skip.min(fresh.len() as u64);
        self.skip -= skipped;
        let fresh = &fresh[skipped as usize..];
        if !fresh.is_empty() && !self.offer(fresh, listener) {
            return false;
        }
        let unseen = u64::from(cut);
        if unseen > self.skip {
            (self.skip, self.begun) = (0, Vec::new());
            listener.lost();
        } else {
            self.skip -= unseen;
        }
        true
    }

    fn offer(&mut self, fresh: &[u8], listener: &mut impl Listener) -> bool {
        let (length, heard) = if self.begun.is_empty() {
            (fresh.len(), listener.hear(fresh))
        } else {
            self.begun.extend_from_slice(fresh);
            (self.begun.len(), listener.hear(&self.begun))
        };
        let Heard::Took(took) = heard else { return false };
        self.skip = took.saturating_sub(length) as u64;
        let left = length - took.min(length);
        if left == 0 {
            self.begun = Vec::new();
        } else if left + self.early > MAX_WAITING {
            self.begun = Vec::new();
            listener.lost();
        } else if self.begun.is_empty() {
            self.begun.extend_from_slice(&fresh[fresh.len() - left..]);
        } else {
            self.begun.drain(..took);
        }
        true
    }
}

fn earlier(a: u32, b: u32) -> u32 {
    if (a.wrapping_sub(b) as i32) < 0 { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Messages of a length byte and so many bytes; those over 100 are skipped but for their head.
    #[derive(Default)]
    struct Lengths {
        messages: Vec<Vec<u8>>,
        losses: usize,
    }

    impl Listener for Lengths {
        fn hear(&mut self, bytes: &[u8]) -> Heard {
            let mut at = 0;
            while let Some(length) = bytes.get(at).map(|l| usize::from(*l)) {
                if length > 100 {
                    self.messages.push(vec![length as u8]);
                } else if let Some(message) = bytes.get(at + 1..at + 1 + length) {
                    self.messages.push(message.to_vec());
                } else {
                    break;
                }
                at += 1 + length;
            }
            Heard::Took(at)
        }
        fn lost(&mut self) {
            self.losses += 1;
        }
    }

    fn told(messages: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
        let (mut bytes, mut whole) = (Vec::new(), Vec::new());
        for length in messages {
            let body: Vec<u8> = (0..*length).collect();
            bytes.push(*length);
            bytes.extend_from_slice(&body);
            whole.push(if *length > 100 { vec![*length] } else { body });
        }
        (bytes, whole)
    }

    #[test]
    fn a_loss_is_told_once_and_reading_goes_on_behind_it() {
        let (mut stream, mut heard) = (Ordered::default(), Lengths::default());
        assert!(stream.push(100, &[2, 7, 7, 50], 0, &mut heard));
        for i in 0..9u32 {
            assert!(stream.push(1000 + 3 * i, &[2, 8, i as u8], 0, &mut heard));
        }
        assert_eq!((heard.losses, heard.messages.len()), (1, 10));
        assert_eq!(stream.held(), 0);
    }

    #[test]
    fn bytes_that_nobody_wants_may_be_lost_or_cut() {
        let (mut stream, mut heard) = (Ordered::default(), Lengths::default());
        stream.push(0, &[200, 1, 2], 0, &mut heard);
        stream.push(50, &[9; 10], 100, &mut heard);
        stream.push(160, &[9; 41], 0, &mut heard);
        stream.push(201, &[1, 42], 0, &mut heard);
        assert_eq!((heard.losses, heard.messages), (0, vec![vec![200], vec![42]]));
    }

    #[test]
    fn a_segment_that_was_cut_in_what_matters_is_a_loss() {
        let (mut stream, mut heard) = (Ordered::default(), Lengths::default());
        stream.push(0, &[5, 1, 2], 3, &mut heard);
        stream.push(6, &[1, 42], 0, &mut heard);
        assert_eq!((heard.losses, heard.messages), (1, vec![vec![42]]));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn messages_come_whole_and_in_order_however_they_are_cut_swapped_and_repeated(
            messages in proptest::collection::vec(any::<u8>(), 1..40),
            cuts in proptest::collection::vec(1usize..60, 1..200),
            swaps in proptest::collection::vec((0usize..200, 0usize..4), 0..40),
            again in proptest::collection::vec(0usize..200, 0..20),
            seq: u32,
        ) {
            let (bytes, whole) = told(&messages);
            let (mut parts, mut at) = (Vec::new(), 0);
            for cut in cuts.iter().cycle() {
                let end = (at + cut).min(bytes.len());
                parts.push((at, end));
                at = end;
                if at == bytes.len() { break }
            }
            for (from, by) in swaps {
                // The first segment stays first: where a stream begins is told by it.
                let from = 1 + from % parts.len();
                let to = (from + by).min(parts.len() - 1);
                if from < to { parts.swap(from, to) }
            }
            for twice in again {
                let part = parts[twice % parts.len()];
                parts.insert((twice % parts.len()) + 1, part);
            }
            let (mut stream, mut heard) = (Ordered::default(), Lengths::default());
            for (from, to) in parts {
                let seq = seq.wrapping_add(from as u32);
                prop_assert!(stream.push(seq, &bytes[from..to], 0, &mut heard));
                prop_assert!(stream.held() <= 2 * MAX_WAITING && stream.ahead.len() <= MAX_AHEAD);
            }
            if heard.losses == 0 {
                prop_assert_eq!(heard.messages, whole);
            }
        }

        #[test]
        fn any_segments_are_survived_within_the_bounds(
            segments in proptest::collection::vec((0u32..100_000, proptest::collection::vec(any::<u8>(), 0..2000), 0u32..3), 0..200),
        ) {
            let (mut stream, mut heard) = (Ordered::default(), Lengths::default());
            for (seq, payload, cut) in segments {
                stream.push(seq, &payload, cut, &mut heard);
                prop_assert!(stream.early <= MAX_WAITING && stream.begun.len() <= MAX_WAITING);
                prop_assert_eq!(stream.early, stream.ahead.iter().map(|(_, p)| p.len()).sum::<usize>());
            }
        }
    }
}
