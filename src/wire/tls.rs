//! TLS handshakes as far as they are readable: ClientHello, ServerHello, Certificate (RFC 8446, 5246, 6066), with
//! JA3 and JA4 fingerprints.

use super::Parsed;

/// What a ClientHello says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// Server name indication, lower case, cleaned, at most 253 characters.
    pub server_name: Option<String>,
    /// legacy_version.
    pub legacy_version: u16,
    /// Highest version offered, GREASE left out.
    pub version: u16,
    /// First ALPN protocol, such as `h2`.
    pub alpn: Option<String>,
    /// JA3, 32 hexadecimal digits.
    pub ja3: String,
    /// JA4, `t13d1516h2_8daaf6152771_…`.
    pub ja4: String,
}

/// What the server chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerHello {
    /// Negotiated version: 0x0300 SSL 3.0 … 0x0304 TLS 1.3 (from supported_versions where present).
    pub version: u16,
    /// Cipher suite.
    pub cipher: u16,
    /// ALPN chosen, when readable.
    pub alpn: Option<String>,
    /// The leaf certificate, when it was in the clear (TLS 1.2 and older) and complete.
    pub certificate: Option<Certificate>,
}

/// A leaf certificate, the parts people can judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Common name of the subject, cleaned.
    pub subject: String,
    /// Common name (or organisation) of the issuer, cleaned.
    pub issuer: String,
    /// Seconds since 1970 of notBefore and notAfter.
    pub valid: (i64, i64),
    /// Subject and issuer are the same name.
    pub self_signed: bool,
}

/// Looks for a ClientHello at the start of what a client sent (records and handshake fragments put together here).
pub fn client_hello(_stream: &[u8]) -> Parsed<ClientHello> {
    Parsed::No
}

/// Looks for ServerHello, and Certificate when it follows in the clear, at the start of what a server sent.
/// `More` while the certificate is still coming; `last` means no more bytes will come: give what there is.
pub fn server_hello(_stream: &[u8], _last: bool) -> Parsed<ServerHello> {
    Parsed::No
}
