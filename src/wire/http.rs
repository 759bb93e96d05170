//! HTTP/1 (RFC 9112): heads here, whole connections in [`talk`], log-ins in bodies in [`form`], attacks in [`attack`].

pub mod attack;
pub mod form;
pub mod talk;

use super::{Parsed, clean_text};
use crate::counters::Reject;

/// Of a longer head only this much is read.
pub const MAX_HEAD: usize = 8 * 1024;
const MAX_HEADERS: usize = 128;
const MAX_TARGET: usize = 512;
const MAX_HOST: usize = 253;
const MAX_AGENT: usize = 256;
const MAX_USER: usize = 64;

/// Methods that real clients use over TCP: HTTP, WebDAV (RFC 4918, 3253, 5323), UPnP, RPC over HTTP (MS-RPCH), PATCH (RFC 5789).
const METHODS: [&str; 24] = [
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "CONNECT",
    "TRACE",
    "PATCH",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "NOTIFY",
    "TRACK",
    "RPC_IN_DATA",
    "RPC_OUT_DATA",
];

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
    /// How the client says who it is, in `Authorization` or `Proxy-Authorization`; the secret is never kept.
    pub auth: Auth,
    /// User name of Basic credentials, at most 64 characters.
    pub user: Option<String>,
    /// A cookie was sent.
    pub cookie: bool,
    /// What the body is.
    pub content: Content,
    /// SOAPAction, when given: what a UPnP device is asked to do. At most 256 characters.
    pub soap_action: Option<String>,
    /// Content-Length, when given.
    pub content_length: Option<u64>,
    /// The body comes in chunks.
    pub chunked: bool,
}

/// How a client says who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Not at all, or in a cookie.
    #[default]
    None,
    /// Name and password, readable.
    Basic,
    /// Something else: Digest, Bearer, NTLM, …
    Other,
}

/// What a body is, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// Nobody says, or nothing that people write: pictures, archives, streams.
    #[default]
    Other,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `application/json` and its relatives.
    Json,
    /// `multipart/form-data`.
    Multipart,
    /// XML, SOAP.
    Xml,
    /// `text/…` other than these.
    Text,
}

impl Content {
    fn of(value: &[u8]) -> Content {
        let kind: Vec<u8> =
            value.iter().take(48).take_while(|b| **b != b';').map(u8::to_ascii_lowercase).collect();
        let kind = kind.trim_ascii_end();
        match kind {
            b"application/x-www-form-urlencoded" => Content::Form,
            b"multipart/form-data" => Content::Multipart,
            _ if kind.ends_with(b"json") => Content::Json,
            _ if kind.ends_with(b"xml") => Content::Xml,
            _ if kind.starts_with(b"text/") => Content::Text,
            _ => Content::Other,
        }
    }
}

/// A response head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// What the body is; [`Content::Other`] when it is compressed.
    pub content: Content,
    /// Content-Length, when given.
    pub content_length: Option<u64>,
    /// The body comes in chunks.
    pub chunked: bool,
}

/// Whether a first payload begins with a method and a space: a few comparisons.
#[inline]
pub fn looks_request(payload: &[u8]) -> bool {
    payload.first().is_some_and(u8::is_ascii_uppercase) && method(payload).is_some()
}

/// The same, and its first line, when it is whole, ends with the version: RTSP and SIP know the same methods.
pub fn begins_request(payload: &[u8]) -> bool {
    let line = first_line(payload);
    let whole = line.len() < payload.len();
    looks_request(payload) && (!whole || line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0"))
}

/// Looks for a request head at the start of what a client sent; heads over 8 KiB are read as far as they go.
pub fn request(stream: &[u8]) -> Parsed<Request> {
    let Some(method) = method(stream) else {
        return if may_become_method(stream) { Parsed::More } else { Parsed::No };
    };
    let line = first_line(stream);
    let Some(target) =
        line[method.len()..].strip_suffix(b" HTTP/1.1").or(line[method.len()..].strip_suffix(b" HTTP/1.0"))
    else {
        let ended = line.len() < stream.len() || stream.len() >= MAX_HEAD;
        return if ended { Parsed::No } else { Parsed::More };
    };
    headers(stream).and_then(|headers| {
        Parsed::or_bad(read_request(method, target.trim_ascii(), headers), Reject::HttpMalformed)
    })
}

/// Looks for a response head at the start of what a server sent.
pub fn response(stream: &[u8]) -> Parsed<Response> {
    const SHORTEST: &[u8] = b"HTTP/1.1 200\n";
    let Some(status) = status_of(stream) else {
        let known = stream.len().min(7);
        let begins = stream.len() < SHORTEST.len() && stream[..known] == SHORTEST[..known];
        return if begins { Parsed::More } else { Parsed::No };
    };
    headers(stream).and_then(|headers| {
        let mut response = Response { status, ..Response::default() };
        let mut readable = true;
        for (name, value) in headers {
            if name.eq_ignore_ascii_case(b"content-length") {
                response.content_length = number(value);
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                response.chunked = is_chunked(value);
            } else if name.eq_ignore_ascii_case(b"content-type") {
                response.content = Content::of(value);
            } else if name.eq_ignore_ascii_case(b"content-encoding") {
                readable = value.eq_ignore_ascii_case(b"identity");
            }
        }
        if !readable {
            response.content = Content::Other;
        }
        Parsed::Yes(response)
    })
}

/// The length of the head that the stream begins with, its empty line included; `None` while that has not come.
pub fn head_length(stream: &[u8]) -> Option<usize> {
    let mut line = 0;
    for at in memchr::memchr_iter(b'\n', stream) {
        if matches!(&stream[line..at], [] | b"\r") && line > 0 {
            return Some(at + 1);
        }
        line = at + 1;
    }
    None
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok())
}

fn is_chunked(value: &[u8]) -> bool {
    value.len() >= 7 && value[value.len() - 7..].eq_ignore_ascii_case(b"chunked")
}

/// Status code when `segment` begins a response: for counting the later responses of a kept-alive connection.
#[inline]
pub fn status_of(segment: &[u8]) -> Option<u16> {
    match segment {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', b' ', code @ ..] => match code {
            [a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ' | b'\r' | b'\n', ..] => {
                Some([a, b, c].iter().fold(0, |n, digit| n * 10 + u16::from(**digit - b'0')))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The method that the stream begins with, with a space after it.
fn method(stream: &[u8]) -> Option<&'static str> {
    METHODS.into_iter().find(|m| stream.starts_with(m.as_bytes()) && stream.get(m.len()) == Some(&b' '))
}

fn may_become_method(stream: &[u8]) -> bool {
    METHODS.iter().any(|m| m.as_bytes().starts_with(stream))
}

type Header<'a> = (&'a [u8], &'a [u8]);

/// The stream up to its first line end, or all of it.
fn first_line(stream: &[u8]) -> &[u8] {
    let seen = &stream[..stream.len().min(MAX_HEAD)];
    let line = memchr::memchr(b'\n', seen).map_or(seen, |end| &seen[..end]);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The headers, once the empty line after them or [`MAX_HEAD`] bytes have come, at most [`MAX_HEADERS`].
/// Lines end with LF, with or without CR before it; a line without a colon, or that continues another, is no header.
fn headers(stream: &[u8]) -> Parsed<Vec<Header<'_>>> {
    let seen = &stream[..stream.len().min(MAX_HEAD)];
    let mut headers = Vec::with_capacity(16);
    let mut ends = memchr::memchr_iter(b'\n', seen);
    let mut begin = ends.next().map_or(seen.len(), |end| end + 1);
    for end in ends {
        let line = &seen[begin..end];
        begin = end + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || headers.len() == MAX_HEADERS {
            return Parsed::Yes(headers);
        }
        if let Some(colon) = memchr::memchr(b':', line)
            && !line[0].is_ascii_whitespace()
        {
            headers.push((&line[..colon], line[colon + 1..].trim_ascii()));
        }
    }
    if stream.len() < MAX_HEAD { Parsed::More } else { Parsed::Yes(headers) }
}

fn read_request(method: &str, target: &[u8], headers: Vec<Header<'_>>) -> Option<Request> {
    if target.is_empty() {
        return None;
    }
    let mut request = Request {
        method: method.to_owned(),
        target: clean_text(target, MAX_TARGET),
        host: authority(method, target).and_then(host),
        ..Request::default()
    };
    for (name, value) in headers {
        // Of most headers the length says that they are none of these.
        let mut lower = [0; 19];
        let Some(lower) = lower.get_mut(..name.len()) else { continue };
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        match &*lower {
            b"host" if request.host.is_none() => request.host = host(value),
            b"user-agent" if request.user_agent.is_none() => request.user_agent = cleaned(value, MAX_AGENT),
            b"soapaction" => request.soap_action = cleaned(value, MAX_AGENT),
            b"authorization" | b"proxy-authorization" => {
                request.auth = Auth::Other;
                if let Some(user) = basic_user(value) {
                    (request.auth, request.user) = (Auth::Basic, Some(user));
                }
            }
            b"cookie" => request.cookie = true,
            b"content-type" => request.content = Content::of(value),
            b"content-length" => request.content_length = number(value),
            b"transfer-encoding" => request.chunked = is_chunked(value),
            _ => {}
        }
    }
    Some(request)
}

/// The user name of Basic credentials that hold a password, too (RFC 7617).
fn basic_user(value: &[u8]) -> Option<String> {
    let (scheme, secret) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let plain = super::base64::decode(secret.trim_ascii())?;
    let colon = plain.iter().position(|b| *b == b':')?;
    (colon + 1 < plain.len()).then(|| clean_text(&plain[..colon], MAX_USER))
}

/// The authority that a target names itself, as to a proxy; it outranks the Host header (RFC 9112, 3.2.2).
fn authority<'a>(method: &str, target: &'a [u8]) -> Option<&'a [u8]> {
    if method == "CONNECT" {
        return Some(target);
    }
    let scheme = target.get(..7).filter(|start| start.eq_ignore_ascii_case(b"http://"))?;
    target[scheme.len()..].split(|b| matches!(b, b'/' | b'?' | b'#')).next()
}

/// The host of an authority: without user, port and brackets.
fn host(authority: &[u8]) -> Option<String> {
    let after_user = authority.rsplit(|b| *b == b'@').next()?;
    let bare = match after_user.strip_prefix(b"[") {
        Some(v6) => v6.split(|b| *b == b']').next()?,
        None => after_user.split(|b| *b == b':').next()?,
    };
    cleaned(bare.strip_suffix(b".").unwrap_or(bare), MAX_HOST).map(|name| name.to_lowercase())
}

fn cleaned(bytes: &[u8], max: usize) -> Option<String> {
    Some(clean_text(bytes, max)).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn yes<T: std::fmt::Debug>(parsed: Parsed<T>) -> T {
        match parsed {
            Parsed::Yes(head) => head,
            other => panic!("{other:?}"),
        }
    }

    const GET: &[u8] = b"GET /a?b=c HTTP/1.1\r\nhost: WWW.Example.org:8080\r\nUser-Agent: curl/8.5\r\n\
        Authorization: bAsIc Zm9vOmJhcg==\r\nContent-Length: 12\r\n\r\nbody";

    #[test]
    fn a_request_says_who_asks_whom_for_what() {
        let request = yes(request(GET));
        assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/a?b=c"));
        assert_eq!(request.host.as_deref(), Some("www.example.org"));
        assert_eq!(request.user_agent.as_deref(), Some("curl/8.5"));
        assert_eq!((request.auth, request.user.as_deref()), (Auth::Basic, Some("foo")));
        assert_eq!(request.content_length, Some(12));
        assert!(!format!("{request:?}").contains("Zm9v"), "the secret is not kept");
    }

    #[test]
    fn a_head_is_waited_for_until_its_empty_line() {
        let end = GET.len() - "body".len();
        for cut in 0..end {
            assert!(matches!(request(&GET[..cut]), Parsed::More), "{cut}");
        }
        assert!(matches!(request(&GET[..end]), Parsed::Yes(_)));
        assert_eq!(yes(request(b"HEAD / HTTP/1.0\n\n")).host, None, "bare LF, no Host");
    }

    #[test]
    fn the_host_comes_from_the_target_when_that_names_one() {
        for (head, want) in [
            ("GET http://User:pw@Other.example:81/x HTTP/1.1\r\nHost: a\r\n\r\n", "other.example"),
            ("CONNECT mail.example:443 HTTP/1.1\r\n\r\n", "mail.example"),
            ("GET / HTTP/1.1\r\nHost: [2001:DB8::1]:80\r\n\r\n", "2001:db8::1"),
            ("GET / HTTP/1.1\r\nHost: x.example.\r\nHost: y\r\n\r\n", "x.example"),
        ] {
            assert_eq!(yes(request(head.as_bytes())).host.as_deref(), Some(want));
        }
    }

    #[test]
    fn attacks_with_spaces_and_broken_headers_are_still_read() {
        let head =
            b"GET /?q=1 UNION SELECT 1 HTTP/1.1\r\nnonsense\r\n : x\r\nUser-Agent: sql\x1b[31mmap\r\n\r\n";
        let request = yes(request(head));
        assert_eq!(request.target, "/?q=1 UNION SELECT 1");
        assert_eq!(request.user_agent.as_deref(), Some("sql[31mmap"));
    }

    #[test]
    fn a_head_over_eight_kibibytes_is_read_as_far_as_it_goes() {
        let mut head = b"POST /x HTTP/1.1\r\nHost: a.example\r\nCookie: ".to_vec();
        head.resize(MAX_HEAD - 1, b'x');
        assert!(matches!(request(&head), Parsed::More));
        head.push(b'x');
        assert_eq!(yes(request(&head)).host.as_deref(), Some("a.example"));
        let endless = [b"GET /".to_vec(), vec![b'a'; MAX_HEAD]].concat();
        assert!(matches!(request(&endless), Parsed::No), "a line without end has no version");
    }

    #[test]
    fn other_protocols_are_not_http() {
        for other in [
            &b"OPTIONS sip:a@b SIP/2.0\r\n\r\n"[..],
            b"OPTIONS * RTSP/1.0\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\n",
            b"GETTING / HTTP/1.1\r\n\r\n",
            b"get / HTTP/1.1\r\n\r\n",
            b"GET /\r\n",
            b"\x16\x03\x01",
        ] {
            assert!(matches!(request(other), Parsed::No), "{other:?}");
        }
        assert!(matches!(request(b"GET  HTTP/1.1\r\n\r\n"), Parsed::Bad(Reject::HttpMalformed)));
        assert!(looks_request(GET) && !looks_request(b"GETTING /") && !looks_request(b""));
    }

    #[test]
    fn a_response_gives_status_and_how_long_it_is() {
        let head = b"HTTP/1.1 404 Not Found\r\nContent-type: text/html; x=y\r\ncontent-length: 9\r\n\r\n";
        let want =
            Response { status: 404, content: Content::Text, content_length: Some(9), ..Response::default() };
        assert_eq!(yes(response(head)), want);
        assert_eq!(head_length(head), Some(head.len()));
        assert_eq!(head_length(&head[..head.len() - 1]), None);
        assert_eq!(head_length(b"GET / HTTP/1.0\n\nrest"), Some(16));
        assert!(matches!(response(&head[..30]), Parsed::More));
        assert!(matches!(response(b"HTTP/1.1 4"), Parsed::More));
        assert!(matches!(response(b"HTTP/2 200\r\n\r\n"), Parsed::No));
        assert!(matches!(response(b"220 ftp"), Parsed::No));
        assert_eq!(status_of(b"HTTP/1.0 503\r\n"), Some(503));
        assert_eq!(status_of(b"HTTP/1.1 999 x"), None);
        assert_eq!(status_of(b"xHTTP/1.1 200 OK"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = (request(&bytes), response(&bytes), status_of(&bytes), host(&bytes));
        }

        #[test]
        fn damaged_heads_are_survived(at: usize, byte: u8, cut in 0..200usize) {
            let mut bytes = GET.to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(cut);
            if let Parsed::Yes(request) = request(&bytes) {
                prop_assert!(request.target.chars().count() <= MAX_TARGET);
            }
            let _ = response(&bytes);
        }
    }
}
