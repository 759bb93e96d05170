//! Sources of frames: capture files, and live interfaces over a memory-mapped ring or pnet.

use crate::time::Timestamp;
use crate::wire::LinkType;

pub mod filter;
mod input;
#[cfg(feature = "live")]
pub mod interfaces;
#[cfg(feature = "live")]
pub mod live;
pub mod pcap;
mod pcapng;
#[cfg(feature = "live")]
mod pnet;
#[cfg(feature = "live")]
mod ring;
pub mod trace_clock;

/// A frame as a source hands it over; borrowed until the next one is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When the kernel or the capture saw it, in engine time.
    pub at: Timestamp,
    /// What the first byte of `data` is.
    pub link: LinkType,
    /// The captured bytes.
    pub data: &'a [u8],
    /// Length on the wire, at least `data.len()`.
    pub wire_len: u32,
    /// VLAN id that the kernel took out of the frame, 0 when none.
    pub vlan: u16,
    /// Which interface of this run.
    pub interface: u8,
}
