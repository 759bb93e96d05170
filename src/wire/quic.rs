//! QUIC Initial packets (RFC 9000, 9001; version 2: RFC 9369): the ClientHello inside is readable by anyone.

use super::{Parsed, tls::ClientHello};

/// Collects the CRYPTO frames of one connection's client Initials until the ClientHello is whole.
#[derive(Clone, Debug, Default)]
pub struct Initial {}

impl Initial {
    /// Takes one client datagram. `Yes` with the ClientHello (JA4 begins with `q`), `More` while parts are missing.
    pub fn datagram(&mut self, _payload: &[u8]) -> Parsed<ClientHello> {
        Parsed::No
    }
}

/// Whether `payload` looks like a long-header QUIC Initial of a known version: cheap, no decryption.
pub fn looks_initial(_payload: &[u8]) -> bool {
    false
}
