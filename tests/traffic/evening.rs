//! The demo: an evening in a home.

/// The demo's capture.
pub fn pcap() -> Vec<u8> {
    Vec::new()
}
