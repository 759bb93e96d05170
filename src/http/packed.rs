//! Compression of answers on their way to a viewer: the first screen's figures are 65 KB plain and 5 KB packed.
//!
//! Only on the wire to viewers: over the local socket it would be work for nothing.

use super::Peer;
use super::assets::takes_gzip;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_types::Response;
use hyper::body::{Bytes, Incoming};
use std::io::Write as _;

/// Below this a packet or two carry it anyway, bytes.
const WORTH: usize = 3000;

/// Whether the sender of a request takes a compressed answer.
pub fn wanted(request: &hyper::Request<Incoming>, peer: Peer) -> bool {
    let values = request.headers().get_all("accept-encoding");
    peer != Peer::Local && values.iter().any(|value| value.to_str().is_ok_and(takes_gzip))
}

/// Compresses the body of an answer where that helps. Fast rather than small: it is done for every request.
pub fn pack(mut answer: Response, wanted: bool) -> Response {
    let kind = answer.header("content-type").map(|v| v.as_str().to_owned()).unwrap_or_default();
    let fit = kind.starts_with("application/json") || kind.starts_with("text/");
    let Some(body) = answer.ext().get::<Bytes>().filter(|body| fit && body.len() >= WORTH) else {
        return answer;
    };
    if answer.header("content-encoding").is_some() || answer.header("etag").is_some() {
        return answer;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    let packed = wanted.then(|| encoder.write_all(body).and_then(|()| encoder.finish()));
    if let Some(Ok(packed)) = packed {
        answer.ext_mut().insert(Bytes::from(packed));
        answer.insert_header("content-encoding", "gzip");
    }
    answer.insert_header("vary", "accept-encoding");
    answer
}
