//! The plainest HTTP client: bytes out, an answer in.

#![allow(dead_code, reason = "each user takes what it needs")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// 0 when the server said nothing.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as far as it came.
    pub body: String,
}

impl Answer {
    /// The value of a header; empty without one.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
    /// The `session` cookie it sets, as a request sends it.
    pub fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
    }
}

/// A connection that waits 15 s at most.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(15))).expect("a limit");
    stream.set_write_timeout(Some(Duration::from_secs(15))).expect("a limit");
    stream
}

/// Sends bytes on a connection of their own and reads one answer.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = connect(address);
    // The server may refuse before it has read everything.
    let _ = stream.write_all(bytes);
    read(&mut stream, bytes.starts_with(b"HEAD"))
}

/// Reads one answer.
pub fn read(stream: &mut TcpStream, bodiless: bool) -> Answer {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok()).unwrap_or(0);
    let headers: Vec<(String, String)> = lines
        .filter_map(|l| l.split_once(": "))
        .map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: String::new() };
    let length = answer.header("content-length").parse().unwrap_or(0usize);
    if !bodiless && length > 0 {
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).is_ok() {
            answer.body = String::from_utf8(body).expect("UTF-8");
        }
    }
    answer
}

/// A request as a script on this machine would send it; `more` are header lines.
pub fn ask(address: SocketAddr, method: &str, path: &str, more: &str, body: Option<&str>) -> Answer {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{more}");
    if let Some(body) = body {
        request += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    }
    request += "\r\n";
    request += body.unwrap_or_default();
    raw(address, request.as_bytes())
}

/// GET without anything special.
pub fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, "GET", path, "", None)
}
