//! Putting datagrams and the heads of streams together again, within fixed memory.
//!
//! [`Fragments`] rebuilds fragmented datagrams, [`Streams`] the first bytes of TCP streams whose opening message does
//! not fit one segment. Both keep the bytes that came first where parts overlap: an answer already parsed cannot be
//! rewritten by who speaks later.

use crate::addr::Ip;
use crate::time::{SECOND, Timestamp};
use crate::wire::ip::Fragment;

/// Gaps between received parts that one buffer keeps track of. A datagram of 64 KiB has 45 fragments on Ethernet, so
/// even every second one missing needs 23.
const MAX_SPANS: usize = 64;

/// Which parts of a buffer are filled: ascending ranges that neither overlap nor touch.
#[derive(Debug, Default)]
struct Spans(Vec<(u32, u32)>);

/// What [`Spans::fill`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Filled {
    /// Bytes that were new.
    new: usize,
    /// Bytes that were there already with another value.
    contradicts: bool,
}

impl Spans {
    /// Copies `data` to `at` in `buffer`, sparing what is filled already. `None` when that would make too many gaps.
    fn fill(&mut self, buffer: &mut [u8], at: usize, data: &[u8]) -> Option<Filled> {
        let (begin, end) = (at as u32, (at + data.len()) as u32);
        let first = self.0.partition_point(|span| span.1 < begin);
        let last = self.0.partition_point(|span| span.0 <= end);
        if first == last && self.0.len() == MAX_SPANS {
            return None;
        }
        let (mut from, mut new, mut merged) = (begin, 0, (begin, end));
        // An empty range at the end closes the last gap.
        for &(b, e) in self.0[first..last].iter().chain([&(end, end)]) {
            if from < b {
                let gap = from as usize..b.min(end) as usize;
                new += gap.len();
                buffer[gap.clone()].copy_from_slice(&data[gap.start - at..gap.end - at]);
            }
            from = from.max(e);
            merged = (merged.0.min(b), merged.1.max(e));
        }
        self.0.splice(first..last, [merged]);
        Some(Filled { new, contradicts: new < data.len() && buffer[at..at + data.len()] != *data })
    }

    /// How many bytes are there from the beginning on without a gap.
    fn prefix(&self) -> usize {
        self.0.first().filter(|span| span.0 == 0).map_or(0, |span| span.1 as usize)
    }
}

/// Datagrams under way at once; more than a quiet LAN sees in a day, and cheap to search.
const MAX_DATAGRAMS: usize = 64;

/// How long a datagram may take to arrive whole; RFC 791 and 8200 allow 15 to 120 s, Linux 30 s.
const DATAGRAM_LIFE: i64 = 30 * SECOND;

/// The longest datagram.
const MAX_DATAGRAM: usize = 65_535;

/// The smallest useful byte budget: the buffer of one longest datagram after doubling.
const MIN_FRAGMENT_BUDGET: usize = 2 * (MAX_DATAGRAM + 1);

/// What became of fragments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FragmentCounts {
    /// Datagrams made whole.
    pub completed: u64,
    /// Datagrams given up after 30 s.
    pub expired: u64,
    /// Datagrams given up, oldest first, to make room.
    pub evicted: u64,
    /// Fragments that overlapped earlier ones and did not merely repeat their bytes.
    pub overlaps: u64,
    /// Fragments not taken: cut by the capture, beyond the datagram's end, or one gap too many.
    pub refused: u64,
}

/// What no honest sender's fragments do, however few may be due to loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// A part overlaps another with other bytes, or only partly.
    Overlap,
    /// The first part is too short to hold the headers above it.
    Tiny,
    /// Offset and length cannot be, or contradict an earlier part.
    Impossible,
    /// A datagram was given up for want of parts.
    Unfinished,
}

/// First parts shorter than this are [`Odd::Tiny`]: every link carries 576 bytes, and who splits evenly makes halves.
pub const TINY: u32 = 256;

#[derive(Debug)]
struct Datagram {
    key: (Ip, Ip, u32, u8),
    begun_at: Timestamp,
    /// Known once the last fragment came.
    total: Option<usize>,
    spans: Spans,
    bytes: Vec<u8>,
}

/// Reassembles fragments of IPv4 and IPv6, by source, destination, identification and protocol.
///
/// At most 64 datagrams and the byte budget are held; the oldest datagram makes room for a new one, and each is given
/// up after 30 s. The first fragment to bring a byte decides its value.
#[derive(Debug)]
pub struct Fragments {
    budget: usize,
    held: usize,
    under_way: Vec<Datagram>,
    whole: Vec<u8>,
    counts: FragmentCounts,
    /// The last odd thing, and whose datagram it was about.
    odd: Option<(Ip, Ip, Odd)>,
}

impl Fragments {
    /// Nothing under way. `budget` is in bytes of buffers, at least 128 KiB.
    pub fn new(budget: usize) -> Self {
        Fragments {
            budget: budget.max(MIN_FRAGMENT_BUDGET),
            held: 0,
            under_way: Vec::with_capacity(MAX_DATAGRAMS),
            whole: Vec::new(),
            counts: FragmentCounts::default(),
            odd: None,
        }
    }

    /// What became of fragments so far.
    pub fn counts(&self) -> FragmentCounts {
        self.counts
    }

    /// Source, target and kind of what was odd since the last call; of several, the gravest or last.
    pub fn take_odd(&mut self) -> Option<(Ip, Ip, Odd)> {
        self.odd.take()
    }

    /// Bytes of buffers held for datagrams under way; never above the budget.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Datagrams under way.
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Whether no datagram is under way.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Takes one fragment; returns the payload of the whole datagram when this one completes it. Its bytes are valid
    /// until the next call, its protocol is `f.protocol`.
    pub fn add(&mut self, now: Timestamp, src: Ip, dst: Ip, f: &Fragment<'_>) -> Option<&[u8]> {
        self.expire(now);
        let (begin, end) = (f.offset as usize, f.offset as usize + f.data.len());
        let cut = f.data.len() < f.len as usize;
        if cut || f.data.is_empty() || end > MAX_DATAGRAM {
            self.counts.refused += 1;
            return None;
        }
        if f.offset == 0 && f.more && f.len < TINY {
            self.odd = Some((src, dst, Odd::Tiny));
        }
        let at = self.entry((src, dst, f.id, f.protocol), now);
        let datagram = &mut self.under_way[at];
        let reach = datagram.spans.0.last().map_or(0, |span| span.1 as usize);
        let fits = match datagram.total {
            Some(total) => end <= total && (f.more || end == total),
            None => f.more || end >= reach,
        };
        let capacity = datagram.bytes.capacity();
        if fits && datagram.bytes.len() < end {
            datagram.bytes.resize(end, 0);
        }
        let grown = datagram.bytes.capacity() - capacity;
        let filled = if fits { datagram.spans.fill(&mut datagram.bytes, begin, f.data) } else { None };
        match filled {
            None => {
                self.counts.refused += 1;
                self.odd = Some((src, dst, Odd::Impossible));
            }
            Some(filled) => {
                datagram.total = datagram.total.or((!f.more).then_some(end));
                let overlaps = filled.new < f.data.len() && (filled.new > 0 || filled.contradicts);
                self.counts.overlaps += u64::from(overlaps);
                if overlaps {
                    self.odd = Some((src, dst, Odd::Overlap));
                }
            }
        }
        if datagram.total == Some(datagram.spans.prefix()) {
            self.held += grown;
            self.whole = self.remove(at).bytes;
            self.counts.completed += 1;
            return Some(&self.whole);
        }
        self.grow(at, grown);
        None
    }

    /// Accounts for `grown` bytes of the datagram at `at`, evicting the oldest others until the budget holds.
    fn grow(&mut self, at: usize, grown: usize) {
        self.held += grown;
        let key = self.under_way[at].key;
        while self.held > self.budget && self.under_way.len() > 1 {
            self.evict(Some(key));
        }
    }

    /// The place of the datagram with `key`, made when there is none yet.
    fn entry(&mut self, key: (Ip, Ip, u32, u8), now: Timestamp) -> usize {
        if let Some(at) = self.under_way.iter().position(|d| d.key == key) {
            return at;
        }
        if self.under_way.len() == MAX_DATAGRAMS {
            self.evict(None);
        }
        let (spans, bytes) = (Spans::default(), Vec::new());
        self.under_way.push(Datagram { key, begun_at: now, total: None, spans, bytes });
        self.under_way.len() - 1
    }

    /// Gives up the oldest datagram other than `spared`.
    fn evict(&mut self, spared: Option<(Ip, Ip, u32, u8)>) {
        let others = self.under_way.iter().enumerate().filter(|(_, d)| Some(d.key) != spared);
        if let Some((at, _)) = others.min_by_key(|(_, d)| d.begun_at) {
            let gone = self.remove(at);
            self.odd = self.odd.or(Some((gone.key.0, gone.key.1, Odd::Unfinished)));
            self.counts.evicted += 1;
        }
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some((source, target)) = self.give_up(now) {
            self.odd = self.odd.or(Some((source, target, Odd::Unfinished)));
        }
    }

    /// Gives up one datagram whose time is over, if there is one: source and target.
    pub fn give_up(&mut self, now: Timestamp) -> Option<(Ip, Ip)> {
        let at = self.under_way.iter().position(|d| now.since(d.begun_at) > DATAGRAM_LIFE)?;
        self.counts.expired += 1;
        let (source, target, ..) = self.remove(at).key;
        Some((source, target))
    }

    fn remove(&mut self, at: usize) -> Datagram {
        let datagram = self.under_way.swap_remove(at);
        self.held -= datagram.bytes.capacity();
        datagram
    }
}

/// What became of stream heads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounts {
    /// Heads begun.
    pub started: u64,
    /// Heads given up, least recently grown first, to make room.
    pub evicted: u64,
    /// Segments that gave bytes already there another value; theirs was not taken.
    pub contradictions: u64,
    /// Segments not taken because they would make one gap too many.
    pub refused: u64,
}

/// One head; its bytes are in the arena, at its index.
#[derive(Debug, Default)]
struct Head {
    key: Option<u64>,
    /// Sequence number of the stream's first byte.
    first_seq: u32,
    spans: Spans,
    /// Turn of the table at which this head last grew.
    grown: u64,
}

/// Collects the heads of TCP streams: the first bytes of one direction, in order, whatever order they came in.
///
/// The key names flow and direction and is the caller's choice. Only a stream whose first segment did not suffice
/// comes here. The table is an arena of equal buffers allocated at the start, whose memory the system provides as it
/// is touched; when all are taken the least recently grown head gives way. Heads have no age limit: who owns the flows
/// calls [`Streams::drop_stream`] once the head is parsed or the flow ends.
#[derive(Debug)]
pub struct Streams {
    head_bytes: usize,
    arena: Vec<u8>,
    heads: Vec<Head>,
    turn: u64,
    counts: StreamCounts,
}

impl Streams {
    /// Room for `budget / head_bytes` heads (at least one) of `head_bytes` each.
    pub fn new(budget: usize, head_bytes: usize) -> Self {
        let places = (budget / head_bytes.max(1)).max(1);
        Streams {
            head_bytes,
            arena: vec![0; places * head_bytes],
            heads: (0..places).map(|_| Head::default()).collect(),
            turn: 0,
            counts: StreamCounts::default(),
        }
    }

    /// What became of heads so far.
    pub fn counts(&self) -> StreamCounts {
        self.counts
    }

    /// Heads held.
    pub fn len(&self) -> usize {
        self.heads.iter().filter(|head| head.key.is_some()).count()
    }

    /// Whether no head is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins the head of stream `key`, whose first byte has sequence number `first_seq` (that of the SYN plus one).
    /// A head of the same key and number goes on; one with another number begins anew.
    pub fn start(&mut self, key: u64, first_seq: u32) {
        let known = self.heads.iter().position(|head| head.key == Some(key));
        if known.is_some_and(|at| self.heads[at].first_seq == first_seq) {
            return;
        }
        // A free place has grown at turn zero, so it is found before any that is taken.
        let oldest = || self.heads.iter().enumerate().min_by_key(|(_, head)| head.grown).map(|(at, _)| at);
        let Some(at) = known.or_else(oldest) else { return };
        let head = &mut self.heads[at];
        self.turn += 1;
        self.counts.started += 1;
        self.counts.evicted += u64::from(head.key.is_some_and(|other| other != key));
        head.spans.0.clear();
        (head.key, head.first_seq, head.grown) = (Some(key), first_seq, self.turn);
    }

    /// Adds a segment of stream `key`; returns the bytes from the stream's first on that came without a gap, empty
    /// when the beginning is missing or the stream was not started or evicted. Bytes beyond the head's size and before
    /// its beginning are ignored.
    pub fn push(&mut self, key: u64, seq: u32, payload: &[u8]) -> &[u8] {
        let Some(at) = self.heads.iter().position(|head| head.key == Some(key)) else { return &[] };
        let head = &mut self.heads[at];
        let buffer = &mut self.arena[at * self.head_bytes..][..self.head_bytes];
        let distance = seq.wrapping_sub(head.first_seq) as i32;
        let payload = payload.get(distance.min(0).unsigned_abs() as usize..).unwrap_or_default();
        let begin = (distance.max(0) as usize).min(buffer.len());
        let payload = &payload[..payload.len().min(buffer.len() - begin)];
        if !payload.is_empty() {
            match head.spans.fill(buffer, begin, payload) {
                None => self.counts.refused += 1,
                Some(filled) => {
                    if filled.new > 0 {
                        self.turn += 1;
                        head.grown = self.turn;
                    }
                    self.counts.contradictions += u64::from(filled.contradicts);
                }
            }
        }
        &buffer[..head.spans.prefix()]
    }

    /// Whether the head of `key` is held.
    pub fn contains(&self, key: u64) -> bool {
        self.heads.iter().any(|head| head.key == Some(key))
    }

    /// Forgets the head of `key`, if there is one.
    pub fn drop_stream(&mut self, key: u64) {
        if let Some(head) = self.heads.iter_mut().find(|head| head.key == Some(key)) {
            (head.key, head.grown) = (None, 0);
            head.spans.0.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_secs(100);

    fn host(n: u8) -> Ip {
        Ip::v4([10, 0, 0, n])
    }

    fn part(id: u32, offset: usize, more: bool, data: &[u8]) -> Fragment<'_> {
        Fragment { id, protocol: 17, offset: offset as u32, more, data, len: data.len() as u32 }
    }

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
    }

    #[test]
    fn two_fragments_in_either_order_make_a_datagram() {
        let data = pattern(20);
        for order in [[0, 1], [1, 0]] {
            let mut table = Fragments::new(0);
            let parts = [part(1, 0, true, &data[..16]), part(1, 16, false, &data[16..])];
            assert_eq!(table.add(NOW, host(1), host(2), &parts[order[0]]), None);
            assert_eq!(table.add(NOW, host(1), host(2), &parts[order[1]]), Some(&data[..]));
            assert_eq!((table.len(), table.held(), table.counts().completed), (0, 0, 1));
        }
    }

    #[test]
    fn datagrams_of_other_hosts_or_ids_do_not_mix() {
        let mut table = Fragments::new(0);
        table.add(NOW, host(1), host(2), &part(1, 0, true, &[1; 8]));
        for (src, id) in [(host(3), 1), (host(1), 2)] {
            assert_eq!(table.add(NOW, src, host(2), &part(id, 8, false, &[2; 8])), None);
        }
        assert_eq!(table.len(), 3);
    }

    #[test]
    fn the_first_fragment_wins_and_the_overlap_is_counted() {
        let mut table = Fragments::new(0);
        table.add(NOW, host(1), host(2), &part(1, 0, true, &[1; 16]));
        table.add(NOW, host(1), host(2), &part(1, 0, true, &[1; 16]));
        assert_eq!(table.counts().overlaps, 0, "a repetition is no overlap");
        let whole = table.add(NOW, host(1), host(2), &part(1, 8, false, &[9; 16]));
        assert_eq!(whole, Some(&[&[1; 16][..], &[9; 8]].concat()[..]));
        assert_eq!(table.counts().overlaps, 1);
    }

    #[test]
    fn fragments_beyond_the_end_or_cut_are_refused() {
        let mut table = Fragments::new(0);
        table.add(NOW, host(1), host(2), &part(1, 8, false, &[1; 8]));
        let cut = Fragment { len: 9, ..part(1, 0, true, &[1; 8]) };
        for bad in [part(1, 16, true, &[1; 8]), part(1, 8, false, &[1; 4]), part(1, 0, true, &[]), cut] {
            assert_eq!(table.add(NOW, host(1), host(2), &bad), None, "{bad:?}");
        }
        assert_eq!(table.counts().refused, 4);
        assert!(table.add(NOW, host(1), host(2), &part(1, 0, true, &[1; 8])).is_some());
    }

    #[test]
    fn an_unfinished_datagram_expires_after_thirty_seconds() {
        let mut table = Fragments::new(0);
        table.add(NOW, host(1), host(2), &part(1, 0, true, &[1; 8]));
        let late = NOW.plus(31 * SECOND);
        assert_eq!(table.add(late, host(1), host(2), &part(1, 8, false, &[1; 8])), None);
        assert_eq!((table.counts().expired, table.len()), (1, 1));
    }

    #[test]
    fn the_oldest_datagram_makes_room_for_a_new_one() {
        let mut table = Fragments::new(0);
        for id in 0..65u32 {
            table.add(NOW.plus(i64::from(id)), host(1), host(2), &part(id, 0, true, &[1; 8]));
        }
        assert_eq!((table.len(), table.counts().evicted), (64, 1));
        let end = part(0, 8, false, &[1; 8]);
        assert_eq!(table.add(NOW.plus(99), host(1), host(2), &end), None, "the first is gone");
        let end = part(64, 8, false, &[1; 8]);
        assert!(table.add(NOW.plus(99), host(1), host(2), &end).is_some(), "the last is there");
    }

    #[test]
    fn a_head_is_collected_across_segments_and_sequence_wrap() {
        let mut table = Streams::new(4096, 1024);
        let data = pattern(100);
        let start = u32::MAX - 20;
        table.start(7, start);
        assert_eq!(table.push(7, start.wrapping_add(60), &data[60..]), b"");
        assert_eq!(table.push(7, start, &data[..50]), &data[..50]);
        assert_eq!(table.push(7, start.wrapping_add(40), &data[40..70]), &data[..]);
        assert_eq!(table.counts().contradictions, 0);
    }

    #[test]
    fn a_rewritten_segment_changes_nothing_and_is_counted() {
        let mut table = Streams::new(4096, 1024);
        table.start(7, 100);
        table.push(7, 100, b"GET /safe");
        assert_eq!(table.push(7, 104, b"/evil and more"), b"GET /safe and more");
        assert_eq!(table.counts().contradictions, 1);
    }

    #[test]
    fn a_segment_that_begins_before_the_stream_is_trimmed() {
        let mut table = Streams::new(4096, 1024);
        table.start(7, 100);
        assert_eq!(table.push(7, 98, b"xxabc"), b"abc");
        assert_eq!(table.push(7, 50, b"old"), b"abc");
        assert_eq!(table.push(7, 5000, b"far"), b"abc");
        assert_eq!(table.push(8, 100, b"unknown"), b"");
    }

    #[test]
    fn the_least_recently_grown_head_gives_way() {
        let mut table = Streams::new(3 * 64, 64);
        for key in 1..=3 {
            table.start(key, 0);
        }
        table.push(1, 0, b"a");
        table.push(1, 0, b"a");
        table.start(4, 0);
        assert_eq!([1, 2, 3, 4].map(|key| table.contains(key)), [true, false, true, true]);
        table.drop_stream(3);
        table.start(5, 0);
        assert_eq!(
            [1, 4, 5].map(|key| table.contains(key)),
            [true; 3],
            "a dropped head's place is used first"
        );
        assert_eq!((table.len(), table.counts().evicted), (3, 1));
    }

    /// A run of bytes cut into pieces at random places, some repeated or overlapping, in random order.
    fn pieces(unit: usize) -> impl Strategy<Value = (Vec<u8>, Vec<(usize, usize)>)> {
        (1usize..1500)
            .prop_flat_map(move |len| {
                let cuts = proptest::collection::btree_set(0..len.div_ceil(unit), 0..12);
                let extra = proptest::collection::vec((0..len.div_ceil(unit), 1usize..300), 0..6);
                (Just(len), cuts, extra)
            })
            .prop_flat_map(move |(len, cuts, extra)| {
                let mut at: Vec<usize> = cuts.into_iter().map(|c| c * unit).collect();
                at.extend([0, len]);
                at.sort_unstable();
                at.dedup();
                let mut parts: Vec<(usize, usize)> = at.windows(2).map(|w| (w[0], w[1])).collect();
                parts.extend(extra.iter().map(|(c, n)| (c * unit, len.min((c + n) * unit))));
                (Just(pattern(len)), Just(parts).prop_shuffle())
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn fragments_in_any_order_give_the_same_datagram((data, parts) in pieces(8)) {
            let mut table = Fragments::new(0);
            let mut whole = None;
            for (begin, end) in parts {
                let f = part(1, begin, end < data.len(), &data[begin..end]);
                whole = whole.or(table.add(NOW, host(1), host(2), &f).map(<[u8]>::to_vec));
            }
            prop_assert_eq!(whole, Some(data));
        }

        #[test]
        fn segments_in_any_order_give_the_same_bytes((data, parts) in pieces(1), seq: u32) {
            let mut table = Streams::new(4096, 1000);
            table.start(1, seq);
            let mut head = Vec::new();
            for (begin, end) in parts {
                head = table.push(1, seq.wrapping_add(begin as u32), &data[begin..end]).to_vec();
                prop_assert!(data.starts_with(&head));
            }
            prop_assert_eq!(&head[..], &data[..data.len().min(1000)]);
            prop_assert_eq!(table.counts().contradictions, 0);
        }

        #[test]
        fn fragment_caps_hold_whatever_comes(
            parts in proptest::collection::vec((0u32..200, 0usize..65_535, any::<bool>(), 0usize..3000, 0i64..5), 1..300),
            budget in 0usize..400_000,
        ) {
            let mut table = Fragments::new(budget);
            let data = pattern(3000);
            let mut now = NOW;
            for (id, offset, more, len, seconds) in parts {
                now = now.plus(seconds * SECOND);
                let f = part(id, offset, more, &data[..len]);
                if let Some(whole) = table.add(now, host(1), host(2), &f) {
                    prop_assert!(whole.len() <= MAX_DATAGRAM);
                }
                prop_assert!(table.len() <= MAX_DATAGRAMS && table.held() <= budget.max(MIN_FRAGMENT_BUDGET));
                let held: usize = table.under_way.iter().map(|d| d.bytes.capacity()).sum();
                prop_assert_eq!(held, table.held());
                prop_assert!(table.under_way.iter().all(|d| d.spans.0.len() <= MAX_SPANS));
            }
        }

        #[test]
        fn stream_caps_hold_whatever_comes(
            segments in proptest::collection::vec((0u64..20, any::<u32>(), 0usize..300, 0u8..8), 1..500),
        ) {
            let mut table = Streams::new(4 * 256, 256);
            let data = pattern(300);
            for (key, seq, len, what) in segments {
                match what {
                    0 => table.drop_stream(key),
                    1 => table.start(key, seq),
                    _ => {
                        prop_assert!(table.push(key, seq % 1024, &data[..len]).len() <= 256);
                    }
                }
                prop_assert!(table.len() <= 4);
                prop_assert!(table.heads.iter().all(|h| h.spans.0.len() <= MAX_SPANS));
            }
            prop_assert_eq!(table.arena.len(), 4 * 256);
        }
    }
}
