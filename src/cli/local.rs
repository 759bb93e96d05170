//! A client for the running monitor: HTTP/1.1 on its Unix socket, one request per connection.

use serde_json::Value;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The monitor answers within a turn of its loop, or a commit to a slow card; after this it hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer read, bytes: every device there can be, several times over.
const ANSWER_BYTES: u64 = 64 << 20;

/// A monitor that runs.
pub(super) struct Local(PathBuf);

impl Local {
    /// The monitor behind `socket`. No error of permission or absence is hidden: it says why none was reached.
    pub(super) fn reach(socket: &Path) -> io::Result<Local> {
        UnixStream::connect(socket).map(|_| Local(socket.to_owned()))
    }

    /// Asks; the body of the answer, or in words why there is none.
    pub(super) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Vec<u8>, String> {
        let answer = self.exchange(method, path, body);
        let answer = answer.map_err(|error| format!("the monitor at {}: {error}", self.0.display()))?;
        let (status, body) = split(&answer)
            .ok_or_else(|| format!("the monitor at {} broke off its answer", self.0.display()))?;
        if (200..300).contains(&status) {
            return Ok(body.to_vec());
        }
        let told: Value = serde_json::from_slice(body).unwrap_or_default();
        Err(told["error"]["message"].as_str().map_or_else(|| format!("status {status}"), str::to_owned))
    }

    fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.0)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        if let Some(body) = body {
            let body = body.to_string();
            let length = body.len();
            request += &format!("content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
        } else {
            request += "\r\n";
        }
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES).read_to_end(&mut answer)?;
        Ok(answer)
    }
}

/// Status and body of a whole answer.
fn split(answer: &[u8]) -> Option<(u16, &[u8])> {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let body = &answer[end + 4..];
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    (length.unwrap_or(0) == body.len()).then_some((status, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_was_cut_is_no_answer() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(split(whole), Some((200, &b"hello"[..])));
        assert_eq!(split(&whole[..whole.len() - 1]), None);
        assert_eq!(split(b"HTTP/1.1 204 No Content\r\n\r\n"), Some((204, &b""[..])));
        assert_eq!(split(b"nonsense"), None);
    }
}
