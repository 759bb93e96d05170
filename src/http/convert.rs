//! From hyper's requests to `http_types`' and back, without a step that a client can make panic.

use super::answer::Refusal;
use super::forwarded::Forwarded;
use http_types::{Method, Request, Response, StatusCode, Url, Version};
use hyper::body::{Body as _, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{HeaderName, HeaderValue};
use smol::Timer;
use smol::future::FutureExt as _;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Largest request body, bytes. The longest we ask for is a note of 2,000 characters.
pub const BODY_BYTES: usize = 64 * 1024;
/// Where a backup is taken in. Bodies are read before it is known who sends them, so of these there is one at a time.
const LARGE: (&str, usize) = ("/api/restore", crate::backup::LARGEST + 4096);
/// A body must arrive within this.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The request headers that routes read; all others are dropped unread.
const READ: [&str; 10] = [
    "accept-encoding",
    "host",
    "origin",
    "cookie",
    "authorization",
    "content-type",
    "if-none-match",
    "last-event-id",
    "sec-fetch-site",
    "user-agent",
];

/// What every answer says to browsers: run nothing but our own files (and the line that the document opens with, by the
/// digest that build.rs made of it), show us in no frame, tell nobody.
pub const SENT: [(&str, &str); 4] = [
    (
        "content-security-policy",
        concat!(
            "default-src 'none'; script-src 'self' ",
            env!("PAGE_INLINE"),
            "; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'self'; \
             frame-ancestors 'none'; manifest-src 'self'"
        ),
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// A request for tide, its body read whole. It carries whose it is as [`super::Peer`], and what a proxy said of it.
pub async fn request(request: hyper::Request<Incoming>, forwarded: &Forwarded) -> Result<Request, Refusal> {
    let (parts, body) = request.into_parts();
    let method: Method = parts.method.as_str().parse().map_err(|_| {
        Refusal::new(StatusCode::NotImplemented, "method_unknown", "this method is not known here")
    })?;
    let path = parts.uri.path_and_query().map_or("", |p| p.as_str());
    let url = Url::parse(&format!("http://netmonitor{path}"))
        .ok()
        .filter(|url| path.starts_with('/') && url.host_str() == Some("netmonitor"))
        .ok_or_else(|| Refusal::bad("the request target is not a path"))?;
    let mut converted = Request::new(method, url);
    for name in READ {
        for value in parts.headers.get_all(name) {
            // http_types' own way of setting a header ends the process on a byte above 127.
            match http_types::headers::HeaderValue::from_bytes(value.as_bytes().to_vec()) {
                Ok(value) => converted.append_header(name, value),
                // It is shown in a list of sessions and nothing else.
                Err(_) if name == "user-agent" => {}
                Err(_) => {
                    return Err(Refusal::bad(format!("the {name} header holds something other than ASCII")));
                }
            }
        }
    }
    converted.set_version(Some(match parts.version {
        hyper::Version::HTTP_10 => Version::Http1_0,
        _ => Version::Http1_1,
    }));
    if let Some(host) = &forwarded.host {
        converted.insert_header("host", &**host);
    }
    converted.ext_mut().insert(forwarded.client);
    converted.ext_mut().insert(forwarded.clone());
    if !body.is_end_stream() {
        let content_type = converted.remove_header("content-type");
        converted.set_body(read(body, path).await?);
        match content_type {
            Some(values) => drop(converted.insert_header("content-type", &values)),
            None => drop(converted.remove_header("content-type")),
        }
    }
    Ok(converted)
}

/// The whole body, within its limits.
async fn read(mut body: Incoming, path: &str) -> Result<Vec<u8>, Refusal> {
    static TURN: async_lock::Mutex<()> = async_lock::Mutex::new(());
    let large = path == LARGE.0 && body.size_hint().exact().is_none_or(|size| size > BODY_BYTES as u64);
    let turn = if large { Some(TURN.try_lock()) } else { None };
    if matches!(turn, Some(None)) {
        return Err(Refusal::busy("busy", "another backup is just being taken in", 5));
    }
    let most = if large { LARGE.1 } else { BODY_BYTES };
    let too_large = || {
        let message = format!("the body is larger than {most} bytes");
        Refusal::new(StatusCode::PayloadTooLarge, "body_too_large", message)
    };
    // Before the first read, so that a client that asks `Expect: 100-continue` is told not to.
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let all = async {
        let mut bytes = Vec::new();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let frame = frame.map_err(|_| Refusal::bad("the body could not be read"))?;
            if let Some(data) = frame.data_ref() {
                if bytes.len() + data.len() > most {
                    return Err(too_large());
                }
                bytes.extend_from_slice(data);
            }
        }
        Ok(bytes)
    };
    let late = async {
        Timer::after(BODY_TIME).await;
        Err(Refusal::new(StatusCode::RequestTimeout, "body_too_slow", "the body did not arrive in time"))
    };
    all.or(late).await
}

/// An answer's body: one piece, its length known.
pub struct Whole(Option<Bytes>);

impl hyper::body::Body for Whole {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }
    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |b| b.len() as u64))
    }
}

/// An answer for hyper. Its body is the [`Bytes`] in its extensions, else what was set as its body.
pub async fn answer(mut answer: Response) -> Result<hyper::Response<Whole>, Infallible> {
    let bytes = match answer.ext_mut().remove::<Bytes>() {
        Some(bytes) => bytes,
        None => answer.take_body().into_bytes().await.map(Bytes::from).unwrap_or_default(),
    };
    let mut wire = hyper::Response::new(Whole((!bytes.is_empty()).then_some(bytes)));
    *wire.status_mut() = hyper::StatusCode::from_u16(answer.status() as u16)
        .unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in SENT {
        wire.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if answer.header("cache-control").is_none() {
        wire.headers_mut().insert(hyper::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if answer.status() == StatusCode::ServiceUnavailable {
        // Who is to come back later need not keep its place until then.
        wire.headers_mut().insert(hyper::header::CONNECTION, HeaderValue::from_static("close"));
    }
    for (name, values) in answer.iter() {
        let Ok(name) = HeaderName::from_bytes(name.as_str().as_bytes()) else { continue };
        for value in values {
            if let Ok(value) = HeaderValue::from_str(value.as_str()) {
                wire.headers_mut().append(&name, value);
            }
        }
    }
    Ok(wire)
}

/// The head of an event stream: it has no length and ends with the connection.
pub fn stream_head(answer: &Response) -> Vec<u8> {
    let mut head = String::from("HTTP/1.1 200 OK\r\nconnection: close\r\n");
    for (name, values) in answer.iter() {
        for value in values {
            let _ = write!(head, "{name}: {value}\r\n");
        }
    }
    head.push_str("\r\n");
    head.into_bytes()
}
