//! HTTP/1 heads (RFC 9112): request line, status line, and the few headers that say who speaks to whom.

use super::Parsed;

/// A request head. Everything a stranger wrote is cleaned and cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Request target, at most 512 characters.
    pub target: String,
    /// Host, lower case, without port, at most 253 characters.
    pub host: Option<String>,
    /// User-Agent, at most 256 characters.
    pub user_agent: Option<String>,
    /// An `Authorization: Basic` header was sent (its value is never kept).
    pub basic_auth: bool,
    /// Content-Length, when given.
    pub content_length: Option<u64>,
}

/// A response head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Server header, at most 128 characters.
    pub server: Option<String>,
}

/// Looks for a request head at the start of what a client sent; heads over 8 KiB are read as far as they go.
pub fn request(_stream: &[u8]) -> Parsed<Request> {
    Parsed::No
}

/// Looks for a response head at the start of what a server sent.
pub fn response(_stream: &[u8]) -> Parsed<Response> {
    Parsed::No
}

/// Status code when `segment` begins a response: for counting the later responses of a kept-alive connection.
pub fn status_of(_segment: &[u8]) -> Option<u16> {
    None
}
