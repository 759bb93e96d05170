//! The page and its files, part of the binary as `build.rs` packs them, and the API's description.

use super::answer::{self, Answer, Refusal};
use super::forwarded::Forwarded;
use super::password::digest_bytes;
use flate2::read::GzDecoder;
use http_types::StatusCode;
use hyper::body::Bytes;
use std::io::Read as _;
use tide::{Request, Response};

/// A file of the page. Only its compressed form is kept: nearly every browser takes it.
struct Packed {
    name: &'static str,
    /// Of the content, plain.
    digest: &'static str,
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// For what carries its content's digest in its name: it never changes, so nobody asks for it twice.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// For what keeps its name: the browser keeps it and asks each time whether it is still the same.
const ASK_AGAIN: &str = "no-cache";
/// What the addresses in the document, and those its script makes, are below.
const BASE: &str = "<base href=\"/\">";
/// The one file that is no file of the page.
const OPENAPI: &str = "openapi.json";

impl Packed {
    fn named(name: &str) -> Option<&'static Self> {
        FILES.iter().find(|file| file.name == name)
    }

    /// As it was before it was packed, for the few that do not take gzip.
    fn plain(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        GzDecoder::new(self.gzip).read_to_end(&mut plain).expect("build.rs packed it");
        plain
    }

    fn answer<S>(&self, request: &Request<S>, cache: &'static str) -> Response {
        let gzip = accepts_gzip(request);
        // Two encodings are two representations: each has its tag (RFC 9110, 8.8.3.3).
        let etag = format!("\"{}{}\"", self.digest, if gzip { "-gz" } else { "" });
        let mut response = match (knows(request, &etag), gzip) {
            (true, _) => Response::new(StatusCode::NotModified),
            (false, true) => {
                let mut response = answer::bytes(media_type(self.name), Bytes::from_static(self.gzip));
                response.insert_header("content-encoding", "gzip");
                response
            }
            (false, false) => answer::bytes(media_type(self.name), self.plain()),
        };
        response.insert_header("etag", etag);
        response.insert_header("vary", "accept-encoding");
        response.insert_header("cache-control", cache);
        response
    }
}

/// Whether the browser holds what `etag` names.
fn knows<S>(request: &Request<S>, etag: &str) -> bool {
    request.header("if-none-match").is_some_and(|v| v.as_str().split(',').any(|e| e.trim() == etag))
}

fn accepts_gzip<S>(request: &Request<S>) -> bool {
    request
        .header("accept-encoding")
        .is_some_and(|values| values.iter().any(|value| takes_gzip(value.as_str())))
}

/// Whether a value of `Accept-Encoding` names gzip and does not refuse it.
pub fn takes_gzip(value: &str) -> bool {
    value.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts
            .filter_map(|p| p.strip_prefix("q=").or(p.strip_prefix("Q=")))
            .any(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0));
        named && !refused
    })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json" | "webmanifest") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// GET of any page: the same document, whose script shows what the path asks for, below the path that the viewer's proxy
/// has it at.
pub async fn page<S>(request: Request<S>) -> Answer {
    let document = match request.ext::<Forwarded>() {
        Some(forwarded) if !forwarded.base.is_empty() => {
            Bytes::from(DOCUMENT.replacen(BASE, &format!("<base href=\"{}/\">", forwarded.base), 1))
        }
        _ => Bytes::from_static(DOCUMENT.as_bytes()),
    };
    let etag = format!("\"{}\"", &digest_bytes(&document)[..16]);
    let mut response = match knows(&request, &etag) {
        true => Response::new(StatusCode::NotModified),
        false => answer::bytes(media_type("index.html"), document),
    };
    response.insert_header("etag", etag);
    response.insert_header("cache-control", ASK_AGAIN);
    Ok(response)
}

/// GET `/static/{name}`.
pub async fn file<S>(request: Request<S>) -> Answer {
    let name = request.param("name").unwrap_or_default();
    let file = Packed::named(name).filter(|file| file.name != OPENAPI);
    Ok(file.ok_or_else(|| Refusal::missing("file"))?.answer(&request, FOREVER))
}

/// GET `/favicon.ico`, which browsers ask for unasked.
pub async fn icon<S>(_: Request<S>) -> Answer {
    let mut response = Response::new(StatusCode::SeeOther);
    let icon = FILES.iter().find(|file| file.name.starts_with("favicon-")).expect("build.rs packs it");
    response.insert_header("location", format!("/static/{}", icon.name));
    Ok(response)
}

/// GET `/api/openapi.json`.
pub async fn openapi<S>(request: Request<S>) -> Answer {
    Ok(Packed::named(OPENAPI).expect("build.rs packs it").answer(&request, ASK_AGAIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_every_file_and_each_has_a_media_type() {
        assert!(
            DOCUMENT.contains("<link rel=\"icon\" href=\"data:image/svg+xml"),
            "the icon comes in the document"
        );
        for file in FILES.iter().filter(|file| file.name != OPENAPI) {
            let inlined = file.name.starts_with("favicon-");
            assert_ne!(DOCUMENT.contains(&format!("\"static/{}\"", file.name)), inlined, "{}", file.name);
            assert_ne!(media_type(file.name), "application/octet-stream", "{}", file.name);
            assert!(file.name.contains(&file.digest[..12]), "{} is named by its content", file.name);
            assert_eq!(file.digest, &digest_bytes(&file.plain())[..16], "{}", file.name);
        }
    }

    #[test]
    fn the_whole_page_is_small_on_the_wire() {
        let files = FILES.iter().filter(|file| file.name != OPENAPI).map(|file| file.gzip.len());
        let sent = files.sum::<usize>() + DOCUMENT.len();
        assert!((10_000..140_000).contains(&sent), "{sent} bytes");
        assert!(DOCUMENT.len() < 2000, "the document is not worth packing: {} bytes", DOCUMENT.len());
    }

    #[test]
    fn gzip_is_sent_to_those_that_name_it() {
        for yes in ["gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.5", "deflate,gzip ; q=1"] {
            assert!(takes_gzip(yes), "{yes}");
        }
        for no in ["", "identity", "br", "gzip;q=0", "gzip; q=0.000, br", "xgzip"] {
            assert!(!takes_gzip(no), "{no}");
        }
    }
}
