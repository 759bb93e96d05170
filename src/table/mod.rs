//! Tables: bounded state about flows, hosts, devices and names.

pub mod activity;
pub mod bounded;
pub mod crowd;
pub mod devices;
pub mod flows;
pub mod habits;
pub mod hosts;
pub mod identity;
pub mod kinds;
pub mod known;
mod name_source;
pub mod reach;
pub mod reassembly;
pub mod stream;
pub mod traits;

use crate::addr::{Ip, MacAddr};
use crate::time::WallTime;
use devices::DeviceKey;
pub use known::{Caps, Known};

/// Questions a detector may ask of the tables. They answer as the tables stood before the frame that is looked at.
pub trait Lookup {
    /// The station that owns `ip`, when the link shows it.
    fn mac_of(&self, ip: Ip) -> Option<MacAddr>;
    /// The address that the device of this station used last.
    fn ip_of(&self, mac: MacAddr) -> Option<Ip>;
    /// The device that uses `ip`: the key it was first met with, whatever station address it uses now.
    fn device_of(&self, ip: Ip) -> Option<DeviceKey>;
    /// The name people know `ip` by: the owner's, or one seen on the wire.
    fn name_of(&self, ip: Ip) -> Option<&str>;
    /// The domain name that was looked up and answered with `ip`.
    fn asked_as(&self, ip: Ip) -> Option<&str>;
    /// Whether `ip` is a known gateway or router.
    fn is_gateway(&self, ip: Ip) -> bool;
    /// Whether `ip` was seen sending within the last `seconds`.
    fn alive_within(&self, ip: Ip, seconds: u32) -> bool;
    /// Whether `theirs` is a destination that the device at `ours` usually talks to; never in its learning time.
    fn is_usual(&self, ours: Ip, theirs: Ip) -> bool {
        let _ = (ours, theirs);
        false
    }
    /// How long this monitor has been learning, in seconds, restarts included. Replays: since the first frame.
    fn learning_for(&self) -> u64;
    /// What the clocks of people show. In a replay, when the capture was made; in 1970 when nobody knows.
    fn wall(&self) -> WallTime;
}
