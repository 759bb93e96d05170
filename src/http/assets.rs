//! The page and its files, part of the binary, and the API's description.

use super::State;
use super::answer::{self, Answer, Refusal};
use super::password::digest_bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_types::StatusCode;
use hyper::body::Bytes;
use std::io::Write as _;
use std::sync::OnceLock;
use tide::{Request, Response};

macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../assets/", $name)))),*]
    };
}

/// Everything under `/static/`.
const FILES: &[(&str, &[u8])] = files! {
    "actions.js" "alert_detail.js" "api.js" "app.css" "app.js" "axis.js" "bars.js" "brush.js" "chart.js"
    "device_filter.js" "dom.js" "favicon.svg" "format.js" "i18n.js" "icons.js" "keys.js" "kinds.js" "parts.js"
    "places.js" "rank.js" "search.js" "series.js" "sight.js" "state.js" "theme.js" "traffic.js" "view_alerts.js"
    "view_device.js" "view_devices.js" "view_health.js" "view_history.js" "view_login.js" "view_overview.js"
    "view_settings.js" "words_alerts.js" "words_devices.js" "words_frame.js" "words_health.js" "words_history.js"
    "words_overview.js" "words_settings.js" "words_sight.js"
};

const INDEX: &[u8] = include_bytes!("../../assets/index.html");
const OPENAPI: &[u8] = include_bytes!("../../assets/openapi.json");

/// A file as it is served: plain, and compressed once somebody asks.
struct File {
    body: &'static [u8],
    etag: String,
    /// Made at the first request that takes it and kept: 70 KB for the whole page. Empty: not worth it.
    gzip: OnceLock<Bytes>,
}

impl File {
    fn new(body: &'static [u8]) -> Self {
        File { body, etag: digest_bytes(body)[..16].to_owned(), gzip: OnceLock::new() }
    }

    fn gzip(&self) -> &Bytes {
        self.gzip.get_or_init(|| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            let packed = encoder.write_all(self.body).and_then(|()| encoder.finish());
            packed.ok().filter(|p| p.len() < self.body.len()).map(Bytes::from).unwrap_or_default()
        })
    }

    /// The browser keeps files and asks each time whether they are still the same, so an update shows at once.
    fn answer(&self, request: &Request<State>, media_type: &'static str) -> Response {
        let gzip = accepts_gzip(request) && !self.gzip().is_empty();
        // Two encodings are two representations: each has its tag (RFC 9110, 8.8.3.3).
        let etag = if gzip { format!("\"{}-gz\"", self.etag) } else { format!("\"{}\"", self.etag) };
        let known =
            request.header("if-none-match").is_some_and(|v| v.as_str().split(',').any(|e| e.trim() == etag));
        let mut response = match (known, gzip) {
            (true, _) => Response::new(StatusCode::NotModified),
            (false, true) => answer::bytes(media_type, self.gzip().clone()),
            (false, false) => answer::bytes(media_type, Bytes::from_static(self.body)),
        };
        if gzip && !known {
            response.insert_header("content-encoding", "gzip");
        }
        response.insert_header("etag", etag);
        response.insert_header("vary", "accept-encoding");
        response.insert_header("cache-control", "no-cache");
        response
    }
}

/// Whether `gzip` is named and not refused with `q=0`.
fn accepts_gzip(request: &Request<State>) -> bool {
    request
        .header("accept-encoding")
        .is_some_and(|values| values.iter().any(|value| takes_gzip(value.as_str())))
}

fn takes_gzip(value: &str) -> bool {
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

/// GET of any page: the same document, whose script shows what the path asks for.
pub async fn page(request: Request<State>) -> Answer {
    static FILE: OnceLock<File> = OnceLock::new();
    Ok(FILE.get_or_init(|| File::new(INDEX)).answer(&request, media_type("index.html")))
}

/// GET `/static/{name}`.
pub async fn file(request: Request<State>) -> Answer {
    static ALL: OnceLock<Vec<File>> = OnceLock::new();
    let name = request.param("name").unwrap_or_default();
    let at = FILES.iter().position(|(n, _)| *n == name).ok_or_else(|| Refusal::missing("file"))?;
    let all = ALL.get_or_init(|| FILES.iter().map(|(_, body)| File::new(body)).collect());
    Ok(all[at].answer(&request, media_type(name)))
}

/// GET `/favicon.ico`, which browsers ask for unasked.
pub async fn icon(_: Request<State>) -> Answer {
    let mut response = Response::new(StatusCode::SeeOther);
    response.insert_header("location", "/static/favicon.svg");
    Ok(response)
}

/// GET `/api/openapi.json`.
pub async fn openapi(_: Request<State>) -> Answer {
    Ok(answer::bytes("application/json", Bytes::from_static(OPENAPI)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_in_the_table_with_a_media_type() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/assets")).expect("the folder");
        let names = folder.map(|file| file.expect("a file").file_name().into_string().expect("UTF-8"));
        let not_served = ["index.html", "openapi.json", "screenshots", "vendors.bin", "vendors.py"];
        let mut there: Vec<String> = names.filter(|n| !not_served.contains(&n.as_str())).collect();
        there.sort();
        assert_eq!(there, FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        assert!(there.iter().all(|name| media_type(name) != "application/octet-stream"), "{there:?}");
    }

    #[test]
    fn the_whole_page_is_small_on_the_wire() {
        let files = FILES.iter().map(|(_, body)| *body).chain([INDEX]);
        let sent: usize = files.map(|body| File::new(body).gzip().len()).sum();
        assert!((10_000..150_000).contains(&sent), "{sent} bytes");
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
