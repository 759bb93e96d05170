//! What this sensor sees: everyone's traffic, its own only, one direction, or nothing; and what is odd about it: frames
//! that come twice, VLAN tags, PPPoE.

use crate::capture::Frame;
use crate::observe::SensorSecond;
use crate::time::{SECOND, Timestamp};
use crate::wire::link::ethertype;
use crate::wire::tcp::Segment;
use crate::wire::{LinkType, be16};

/// Length of one half of the view, microseconds.
const HALF: i64 = 30 * SECOND;
/// Fewer than one frame in this many between other stations is an accident (a switch that has yet to learn a port).
const FOREIGN: u64 = 20;
/// One frame in this many with a tag, or in a PPPoE session, is worth a note.
const ODD: u64 = 20;
/// Sampled segments from which on it can be said whether they come twice.
const ENOUGH: u64 = 20;
/// The second copy of a doubled frame comes within this, microseconds; what TCP sends again comes later.
const COPY: i64 = SECOND / 50;
/// Sampled segments remembered.
const REMEMBERED: usize = 64;

/// What kinds of frames came lately: the half minute under way and the one before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct View {
    halves: [Seen; 2],
    since: Option<Timestamp>,
    whole: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    frames: u64,
    foreign: u64,
    one_way: u64,
    two_way: u64,
    tagged: u64,
    pppoe: u64,
    sampled: u64,
    repeated: u64,
}

impl View {
    pub(super) fn add(&mut self, now: Timestamp, second: &SensorSecond) {
        let since = *self.since.get_or_insert(now);
        if now.since(since) >= HALF {
            self.halves = [Seen::default(), self.halves[0]];
            (self.since, self.whole) = (Some(now), true);
        }
        let half = &mut self.halves[0];
        half.frames += second.frames;
        half.foreign += second.foreign_unicast;
        half.one_way += u64::from(second.one_way_flows);
        half.two_way += u64::from(second.two_way_flows);
        half.tagged += second.tagged;
        half.pppoe += second.pppoe;
        half.sampled += u64::from(second.sampled);
        half.repeated += u64::from(second.repeated);
    }

    fn sum(&self, of: fn(&Seen) -> u64) -> u64 {
        self.halves.iter().map(of).sum()
    }

    /// What is odd, by name. Of doubled frames every second one had come by; a few are sent again on any network.
    pub(super) fn notes(&self) -> Vec<&'static str> {
        let (frames, sampled) = (self.sum(|s| s.frames), self.sum(|s| s.sampled));
        let notes = [
            ("doubled", sampled >= ENOUGH && self.sum(|s| s.repeated) * 10 >= sampled * 3),
            ("tagged", self.sum(|s| s.tagged) * ODD > frames),
            ("pppoe", self.sum(|s| s.pppoe) * ODD > frames),
        ];
        notes.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
    }

    pub(super) fn verdict(&self) -> &'static str {
        let sum = |of| self.sum(of);
        let (frames, foreign) = (sum(|s| s.frames), sum(|s| s.foreign));
        let mirrors = foreign * FOREIGN > frames;
        let one_way = sum(|s| s.one_way) > 4 * sum(|s| s.two_way) + 20;
        match (mirrors, one_way, self.whole) {
            (true, true, _) => "one_way",
            (true, false, _) => "mirror",
            (false, _, false) => "unknown",
            (false, _, true) if frames == 0 => "silent",
            (false, _, true) => "own",
        }
    }
}

/// A sixteenth of the TCP segments with payload, chosen by what they say so that both copies of one are chosen, and when
/// they came.
pub(super) struct Copies([(u64, Timestamp); REMEMBERED]);

impl Default for Copies {
    fn default() -> Self {
        Copies([(0, Timestamp::MIN); REMEMBERED])
    }
}

impl Copies {
    /// Whether this segment came by a moment before; `None` when it is not of the sample.
    #[inline]
    pub(super) fn look(&mut self, now: Timestamp, segment: &Segment<'_>) -> Option<bool> {
        let chosen = segment.payload_len > 0 && segment.seq.wrapping_mul(0x9e37_79b1) >> 28 == 0;
        chosen.then(|| self.came(now, segment))
    }

    fn came(&mut self, now: Timestamp, s: &Segment<'_>) -> bool {
        let ports = u64::from(s.src_port) << 48 | u64::from(s.dst_port) << 32 | u64::from(s.payload_len);
        let numbers = u64::from(s.seq) << 32 | u64::from(s.ack);
        let key = (numbers ^ ports.rotate_left(17)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let place = &mut self.0[(key >> 58) as usize];
        let (before, at) = std::mem::replace(place, (key, now));
        let came = before == key && now.since(at) < COPY;
        if came {
            // A third copy would be the first of another pair.
            place.0 = 0;
        }
        came
    }
}

/// Whether an Ethernet frame, tagged or not, is of a PPPoE session.
pub(super) fn is_pppoe(frame: &Frame<'_>) -> bool {
    let tagged = matches!(be16(frame.data, 12), Some(ethertype::VLAN | ethertype::QINQ));
    let kind = be16(frame.data, if tagged { 16 } else { 12 });
    frame.link == LinkType::Ethernet && kind == Some(ethertype::PPPOE_SESSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(second: SensorSecond) -> &'static str {
        let mut view = View::default();
        for s in 0..60 {
            view.add(Timestamp::from_secs(1000 + s), &second);
        }
        view.verdict()
    }

    /// The engine's notes after a minute of a download, each frame written by `send`.
    fn notes_of(send: impl Fn(&mut dyn FnMut(i64, u16, &[u8]), i64, &[u8])) -> Vec<&'static str> {
        let mut engine = crate::engine::Engine::new(crate::engine::Settings::default()).expect("defaults");
        for n in 0..6000u32 {
            let at = 1_000 * SECOND + i64::from(n) * 10_000;
            let builder = etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
                .ipv4([203, 0, 113, 7], [192, 168, 1, 5], 64)
                .tcp(443, 50_000, 1_000 + n * 1448, 1024);
            let mut frame = Vec::new();
            builder.write(&mut frame, &[7; 1448]).expect("memory");
            let mut put = |at: i64, vlan: u16, data: &[u8]| {
                engine.on_frame(&Frame {
                    at: Timestamp::from_micros(at),
                    link: LinkType::Ethernet,
                    data,
                    wire_len: data.len() as u32,
                    vlan,
                    interface: 0,
                });
            };
            send(&mut put, at, &frame);
        }
        engine.sees_notes()
    }

    #[test]
    fn what_is_odd_about_the_frames_is_noted_by_name() {
        assert_eq!(notes_of(|put, at, f| put(at, 0, f)), [""; 0], "a plain mirror port");
        let twice = notes_of(|put, at, f| {
            put(at, 0, f);
            put(at + 40, 0, f);
        });
        assert_eq!(twice, ["doubled"]);
        let tagged_twice = notes_of(|put, at, f| {
            put(at, 20, f);
            put(at + 40, 0, f);
        });
        assert_eq!(tagged_twice, ["doubled", "tagged"], "once before and once behind the VLAN");
        let again = notes_of(|put, at, f| {
            put(at, 0, f);
            if at % 100_000 == 0 {
                put(at + 200_000, 0, f);
            }
        });
        assert_eq!(again, [""; 0], "what TCP sends again is no copy");
        let session = notes_of(|put, at, f| {
            let ip = &f[14..];
            let length = (ip.len() as u16 + 2).to_be_bytes();
            let shim = [0x88, 0x64, 0x11, 0, 0, 9, length[0], length[1], 0, 0x21];
            put(at, 0, &[&f[..12], &shim, ip].concat());
            put(at + 1, 7, &[&f[..12], &[0x81, 0, 0, 7], &shim, ip].concat());
        });
        assert_eq!(session, ["doubled", "tagged", "pppoe"]);
    }

    #[test]
    fn each_way_of_seeing_has_its_word() {
        let own =
            SensorSecond { frames: 100, own_or_group: 99, foreign_unicast: 1, ..SensorSecond::default() };
        let mirror = SensorSecond { foreign_unicast: 50, two_way_flows: 3, ..own };
        let half = SensorSecond { foreign_unicast: 50, one_way_flows: 9, ..own };
        assert_eq!(seen(SensorSecond::default()), "silent");
        assert_eq!(seen(own), "own");
        assert_eq!(seen(mirror), "mirror");
        assert_eq!(seen(half), "one_way");
        assert_eq!(View::default().verdict(), "unknown", "too early to say");
    }
}
