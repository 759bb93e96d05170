//! The page and its files, part of the binary, and the API's description.

use super::State;
use super::answer::{self, Answer, Refusal};
use super::password::digest_bytes;
use http_types::StatusCode;
use hyper::body::Bytes;
use std::sync::OnceLock;
use tide::{Request, Response};

macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../assets/", $name)))),*]
    };
}

/// Everything under `/static/`.
const FILES: &[(&str, &[u8])] = files! {
    "actions.js" "alert_detail.js" "api.js" "app.css" "app.js" "chart.js" "dom.js" "favicon.svg"
    "format.js" "i18n.js" "icons.js" "keys.js" "kinds.js" "parts.js" "search.js" "state.js" "theme.js"
    "traffic.js" "view_alerts.js" "view_device.js" "view_devices.js" "view_health.js" "view_login.js"
    "view_overview.js" "view_settings.js"
};

const INDEX: &[u8] = include_bytes!("../../assets/index.html");
const OPENAPI: &[u8] = include_bytes!("../../assets/openapi.json");

/// The browser keeps files and asks each time whether they are still the same, so an update shows at once.
fn fresh_or_same(
    request: &Request<State>,
    media_type: &'static str,
    etag: &str,
    body: &'static [u8],
) -> Response {
    let known =
        request.header("if-none-match").is_some_and(|v| v.as_str().split(',').any(|e| e.trim() == etag));
    let mut response = if known {
        Response::new(StatusCode::NotModified)
    } else {
        answer::bytes(media_type, Bytes::from_static(body))
    };
    response.insert_header("etag", etag);
    response.insert_header("cache-control", "no-cache");
    response
}

fn etag(body: &[u8]) -> String {
    format!("\"{}\"", &digest_bytes(body)[..16])
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
    static ETAG: OnceLock<String> = OnceLock::new();
    let etag = ETAG.get_or_init(|| etag(INDEX));
    Ok(fresh_or_same(&request, media_type("index.html"), etag, INDEX))
}

/// GET `/static/{name}`.
pub async fn file(request: Request<State>) -> Answer {
    static ETAGS: OnceLock<Vec<String>> = OnceLock::new();
    let name = request.param("name").unwrap_or_default();
    let at = FILES.iter().position(|(n, _)| *n == name).ok_or_else(|| Refusal::missing("file"))?;
    let etags = ETAGS.get_or_init(|| FILES.iter().map(|(_, body)| etag(body)).collect());
    Ok(fresh_or_same(&request, media_type(name), &etags[at], FILES[at].1))
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
        let mut there: Vec<String> = names.filter(|n| n != "index.html" && n != "openapi.json").collect();
        there.sort();
        assert_eq!(there, FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        assert!(there.iter().all(|name| media_type(name) != "application/octet-stream"), "{there:?}");
    }
}
