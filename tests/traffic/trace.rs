//! A trace: frames with their times, added in any order, written in order of time as a classic pcap file.

use super::SEC;
use super::rng::Rng;
use std::io::{self, Write};

/// When every trace begins: 2026-03-14T19:00:00Z, in seconds since 1970.
pub const BASE: i64 = 1_773_514_800;

/// Bytes kept of a frame where a trace sets no limit: longer than any frame.
const WHOLE: usize = 262_144;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Microseconds from the start of the trace.
    pub at: i64,
    /// Length on the wire.
    pub wire_len: u32,
    /// What was captured of it.
    pub data: Vec<u8>,
}

/// Frames being collected.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Chance, for everything put into this trace.
    pub rng: Rng,
    /// VLAN that frames are tagged with from now on.
    pub vlan: Option<u16>,
    /// Bytes kept of each frame from now on.
    pub snap: usize,
    /// One in how many TCP segments with data is lost before the sensor, by chance, 0 for none: a mirror port that
    /// cannot keep up.
    pub lose_one_in: u64,
    /// From which moment on the clock that stamps frames is off, and by how much.
    pub clock_set: (i64, i64),
    /// IPv4 identification of the next packet.
    pub ident: u16,
    frames: Vec<Frame>,
}

impl Trace {
    /// An empty trace; `name` seeds its chance.
    pub fn named(name: &str) -> Trace {
        let rng = Rng::named(name);
        Trace {
            rng,
            vlan: None,
            snap: WHOLE,
            lose_one_in: 0,
            clock_set: (i64::MAX, 0),
            ident: 1,
            frames: Vec::new(),
        }
    }

    /// Adds a frame of `data` followed by `zeros` zero bytes, padded to Ethernet's minimum, cut to the snap length.
    pub fn push(&mut self, at: i64, mut data: Vec<u8>, zeros: usize) {
        let wire_len = (data.len() + zeros).max(60);
        data.resize(wire_len.min(self.snap), 0);
        self.frames.push(Frame { at, wire_len: wire_len as u32, data });
    }

    /// All frames in order of time, stamped as the clock had it; frames of the same moment stay in the order they were added.
    pub fn into_frames(mut self) -> Vec<Frame> {
        self.frames.sort_by_key(|f| f.at);
        let (from, by) = self.clock_set;
        self.frames.iter_mut().filter(|f| f.at >= from).for_each(|f| f.at += by);
        self.frames
    }

    /// The trace as a pcap file.
    pub fn into_pcap(self) -> Vec<u8> {
        let mut file = Vec::new();
        write_header(&mut file).expect("a vector takes everything");
        for frame in self.into_frames() {
            write_frame(&mut file, &frame).expect("a vector takes everything");
        }
        file
    }
}

/// Writes the head of a classic pcap file: little-endian, microseconds, Ethernet.
pub fn write_header(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&0xa1b2_c3d4u32.to_le_bytes())?;
    out.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
    out.write_all(&(WHOLE as u32).to_le_bytes())?;
    out.write_all(&1u32.to_le_bytes())
}

/// Writes one frame.
pub fn write_frame(out: &mut impl Write, frame: &Frame) -> io::Result<()> {
    let (secs, micros) = (BASE + frame.at.div_euclid(SEC), frame.at.rem_euclid(SEC));
    for word in [secs as u32, micros as u32, frame.data.len() as u32, frame.wire_len] {
        out.write_all(&word.to_le_bytes())?;
    }
    out.write_all(&frame.data)
}
