//! Vendor by OUI: the name an Ethernet address was registered under.

use super::MacAddr;

/// The registered vendor of `mac`, or `None` for random (locally administered) and unlisted addresses.
pub fn of(_mac: MacAddr) -> Option<&'static str> {
    None
}
