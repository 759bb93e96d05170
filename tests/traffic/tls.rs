//! TLS hellos (RFC 8446) as a browser and a web server send them, and records of any size.

use super::rng::Rng;

fn block16(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes(), body].concat()
}

fn extension(out: &mut Vec<u8>, kind: u16, body: &[u8]) {
    out.extend(kind.to_be_bytes());
    out.extend(block16(body));
}

/// A record of `kind` (20 cipher change, 22 handshake, 23 data) around `body`.
pub fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3], &block16(body)[..]].concat()
}

/// A record of `n` bytes that no one can read: chance at the front, then filling, so that captures stay small.
pub fn sealed(rng: &mut Rng, n: usize) -> Vec<u8> {
    record(23, &opaque(rng, n))
}

/// `n` bytes that mean nothing.
pub fn opaque(rng: &mut Rng, n: usize) -> Vec<u8> {
    let mut bytes = rng.bytes(n.min(12));
    bytes.resize(n, 0x5a);
    bytes
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u32).to_be_bytes();
    [&[kind], &len[1..], body].concat()
}

const SUITES: [u16; 9] = [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8];

/// A ClientHello handshake message for `sni`; `alpn` such as `["h2", "http/1.1"]`; `quic` adds transport parameters.
pub fn client_hello(rng: &mut Rng, sni: &str, alpn: &[&str], quic: bool) -> Vec<u8> {
    let mut ext = Vec::new();
    let host = [&[0], &block16(sni.as_bytes())[..]].concat();
    extension(&mut ext, 0, &block16(&host));
    if !quic {
        extension(&mut ext, 23, &[]);
        extension(&mut ext, 0xff01, &[0]);
        extension(&mut ext, 11, &[1, 0]);
        extension(&mut ext, 35, &[]);
    }
    extension(&mut ext, 10, &block16(&[0, 29, 0, 23, 0, 24]));
    let protocols: Vec<u8> =
        alpn.iter().flat_map(|p| std::iter::once(p.len() as u8).chain(p.bytes())).collect();
    extension(&mut ext, 16, &block16(&protocols));
    extension(&mut ext, 13, &block16(&[4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 6, 6, 1]));
    let key = [&[0, 29], &block16(&rng.bytes(32))[..]].concat();
    extension(&mut ext, 51, &block16(&key));
    extension(&mut ext, 45, &[1, 1]);
    extension(&mut ext, 43, if quic { &[2, 3, 4] } else { &[4, 3, 4, 3, 3] });
    if quic {
        extension(&mut ext, 57, &[1, 4, 0x80, 0, 0x75, 0x30, 4, 4, 0x80, 0x10, 0, 0, 15, 0]);
    }
    let mut body = vec![3, 3];
    body.extend(rng.bytes(32));
    body.push(if quic { 0 } else { 32 });
    body.extend(rng.bytes(if quic { 0 } else { 32 }));
    let suites: Vec<u8> = SUITES.iter().flat_map(|s| s.to_be_bytes()).collect();
    body.extend(block16(if quic { &suites[..6] } else { &suites }));
    body.extend([1, 0]);
    body.extend(block16(&ext));
    handshake(1, &body)
}

/// The client's first flight over TCP: one record.
pub fn client_flight(rng: &mut Rng, sni: &str) -> Vec<u8> {
    let mut record = record(22, &client_hello(rng, sni, &["h2", "http/1.1"], false));
    record[2] = 1; // The first record says TLS 1.0 for the sake of old middleboxes.
    record
}

/// The server's first flight over TCP: ServerHello of TLS 1.3, cipher change, and its sealed certificate.
pub fn server_flight(rng: &mut Rng) -> Vec<u8> {
    let mut ext = Vec::new();
    extension(&mut ext, 43, &[3, 4]);
    extension(&mut ext, 51, &[&[0, 29], &block16(&rng.bytes(32))[..]].concat());
    let mut body = vec![3, 3];
    body.extend(rng.bytes(32));
    body.push(32);
    body.extend(rng.bytes(32));
    body.extend([0x13, 0x01, 0]);
    body.extend(block16(&ext));
    let mut flight = record(22, &handshake(2, &body));
    flight.extend(record(20, &[1]));
    flight.extend(sealed(rng, 2_300));
    flight
}

/// The client's second flight: cipher change and its sealed Finished.
pub fn client_finish(rng: &mut Rng) -> Vec<u8> {
    let mut flight = record(20, &[1]);
    flight.extend(sealed(rng, 53));
    flight
}

/// A DER element (X.690).
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut bytes = vec![tag];
    match content.len() {
        len @ 0..=0x7f => bytes.push(len as u8),
        len => bytes.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    bytes.extend(content);
    bytes
}

/// A certificate of `subject` by `issuer`, good from 2015 until `until` (`YYMMDDhhmmssZ`); its key and signature mean
/// nothing.
pub fn certificate(issuer: &str, subject: &str, until: &str) -> Vec<u8> {
    let name = |text: &str| {
        let pair = der(0x30, &[&der(6, &[&[0x55, 4, 3]]), &der(0x0c, &[text.as_bytes()])]);
        der(0x30, &[&der(0x31, &[&pair])])
    };
    let valid = der(0x30, &[&der(0x17, &[b"150101000000Z"]), &der(0x17, &[until.as_bytes()])]);
    let key = der(0x30, &[&[0; 270]]);
    let parts = [&der(2, &[&[7]])[..], &der(0x30, &[]), &name(issuer), &valid, &name(subject), &key];
    der(0x30, &[&der(0x30, &parts), &der(0x30, &[]), &der(3, &[&[0; 257]])])
}

/// The server's first flight in TLS 1.2 or older, with its certificate readable.
pub fn old_server_flight(rng: &mut Rng, version: u16, cipher: u16, certificate: &[u8]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend(rng.bytes(32));
    body.push(0);
    body.extend(cipher.to_be_bytes());
    body.push(0);
    let block24 = |body: &[u8]| [&(body.len() as u32).to_be_bytes()[1..], body].concat();
    let mut flight = record(22, &handshake(2, &body));
    flight.extend(record(22, &handshake(11, &block24(&block24(certificate)))));
    flight.extend(record(22, &handshake(14, &[])));
    for at in [1, 2] {
        flight[at] = version.to_be_bytes()[at - 1];
    }
    flight
}
