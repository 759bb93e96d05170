//! A client for the monitor behind its Unix socket: HTTP/1.1, one request per connection, bounded in number, size
//! and time. It asks no one but netmonitor, whose answers are plain: a length, or a stream that ends with the
//! connection.

use async_lock::{Semaphore, SemaphoreGuard};
use smol::future::FutureExt as _;
use smol::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use smol::{Async, Timer};
use std::fmt::Write as _;
use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// Questions asked at the same time; others wait. The monitor takes 64 connections on its socket, and other programs
/// use it, too.
const AT_ONCE: usize = 32;
/// Largest head of an answer, bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// Largest body of an answer, bytes: every device there can be, several times over.
const BODY_BYTES: usize = 64 << 20;
/// Largest event of a stream, bytes. A snapshot is some 4 KB.
const EVENT_BYTES: usize = 1 << 20;

/// A request, ready to be sent.
pub struct Question {
    method: &'static str,
    head: String,
    body: Vec<u8>,
}

impl Question {
    /// Of a method and a path with its query.
    pub fn new(method: &'static str, target: &str) -> Question {
        Question {
            method,
            head: format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n"),
            body: Vec::new(),
        }
    }

    /// Adds a header line. Whatever was read as a header by hyper can be one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Question {
        let _ = write!(self.head, "{name}: {value}\r\n");
        self
    }

    /// Adds a body.
    #[must_use]
    pub fn body(mut self, body: Vec<u8>) -> Question {
        if !body.is_empty() {
            let _ = write!(self.head, "content-length: {}\r\n", body.len());
        }
        self.body = body;
        self
    }
}

/// The head of an answer.
#[derive(Debug)]
pub struct Head {
    /// Status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
}

impl Head {
    fn parse(text: &str) -> Option<Head> {
        let mut lines = text.lines();
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Some(Head {
            status,
            headers: lines.take_while(|l| !l.is_empty()).map(header).collect::<Option<_>>()?,
        })
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Told {
    /// Status and headers.
    pub head: Head,
    /// Body.
    pub body: Vec<u8>,
}

/// The way to the monitor.
pub struct Upstream {
    socket: PathBuf,
    room: Semaphore,
}

type Reader = BufReader<Async<UnixStream>>;

fn bad(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

/// `work`, or an error when it takes longer than `limit`.
pub async fn within<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    let late = async {
        Timer::after(limit).await;
        Err(ErrorKind::TimedOut.into())
    };
    work.or(late).await
}

impl Upstream {
    /// To the monitor whose socket this is.
    pub fn new(socket: PathBuf) -> Upstream {
        Upstream { socket, room: Semaphore::new(AT_ONCE) }
    }

    /// A place among those that ask; what was asked meanwhile may have made the question needless.
    pub async fn place(&self) -> SemaphoreGuard<'_> {
        self.room.acquire().await
    }

    /// Asks; a whole answer within `limit`, or why there is none.
    pub async fn ask(&self, question: &Question, limit: Duration) -> Result<Told> {
        let work = async {
            let _place = self.place().await;
            self.asked(question).await
        };
        within(limit, work).await
    }

    /// [`Upstream::ask`], by one that has its place and minds the time itself.
    pub async fn asked(&self, question: &Question) -> Result<Told> {
        let (head, mut reader) = self.send(question).await?;
        let mut body = Vec::new();
        if question.method != "HEAD" && !matches!(head.status, 204 | 304) {
            let length = head.header("content-length").and_then(|v| v.parse::<usize>().ok());
            let length = length.ok_or_else(|| bad("an answer of no stated length"))?;
            if length > BODY_BYTES {
                return Err(bad("the answer is too large"));
            }
            (&mut reader).take(length as u64).read_to_end(&mut body).await?;
            if body.len() < length {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Told { head, body })
    }

    /// Asks for a stream of events; its head must come within `limit`.
    pub async fn open(&self, question: &Question, limit: Duration) -> Result<(Head, Events)> {
        let (head, reader) = within(limit, self.send(question)).await?;
        Ok((head, Events { reader }))
    }

    async fn send(&self, question: &Question) -> Result<(Head, Reader)> {
        let mut stream = Async::<UnixStream>::connect(&self.socket).await?;
        let mut bytes = Vec::with_capacity(question.head.len() + 2 + question.body.len());
        bytes.extend_from_slice(question.head.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&question.body);
        stream.write_all(&bytes).await?;
        let mut reader = BufReader::new(stream);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            line(&mut reader, &mut head, HEAD_BYTES).await?;
        }
        let head = std::str::from_utf8(&head).ok().and_then(Head::parse);
        Ok((head.ok_or_else(|| bad("not an answer"))?, reader))
    }
}

/// Adds the next line to `to`, which must not grow beyond `most`.
async fn line(reader: &mut Reader, to: &mut Vec<u8>, most: usize) -> Result<()> {
    let before = to.len();
    reader.take((most - before) as u64).read_until(b'\n', to).await?;
    match to.last() {
        Some(b'\n') if to.len() > before => Ok(()),
        _ if to.len() == most => Err(bad("longer than anything the monitor sends")),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// A stream of events.
pub struct Events {
    reader: Reader,
}

/// One event, its bytes as the monitor encoded them.
#[derive(Debug, Default)]
pub struct Event {
    /// All of it, the blank line too.
    pub bytes: Vec<u8>,
}

impl Event {
    /// The value of a field; the bytes after `name:`, without the blank that may follow.
    pub fn field(&self, name: &str) -> Option<&str> {
        let lines = self.bytes.split(|b| *b == b'\n');
        let value = lines.filter_map(|l| l.strip_prefix(name.as_bytes())?.strip_prefix(b":")).next()?;
        std::str::from_utf8(value).ok().map(|v| v.strip_prefix(' ').unwrap_or(v))
    }
}

impl Events {
    /// The next event, comment or `retry`.
    pub async fn next(&mut self) -> Result<Event> {
        let mut event = Event::default();
        while !event.bytes.ends_with(b"\n\n") {
            line(&mut self.reader, &mut event.bytes, EVENT_BYTES).await?;
        }
        Ok(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixListener;

    /// What a monitor is asked that answers with these bytes and then closes, or waits when `slow`.
    fn answering(answer: &[u8], slow: bool, ask: impl AsyncFnOnce(&Upstream)) -> String {
        let dir = tempfile::tempdir().expect("a folder");
        let socket = dir.path().join("monitor.sock");
        let listener = UnixListener::bind(&socket).expect("bound");
        let answer = answer.to_vec();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("asked");
            let mut asked = vec![0; 4096];
            let read = stream.read(&mut asked).expect("a request");
            let _ = stream.write_all(&answer);
            if slow {
                let _ = stream.read(&mut [0]);
            }
            String::from_utf8(asked[..read].to_vec()).expect("text")
        });
        smol::block_on(ask(&Upstream::new(socket)));
        server.join().expect("the server")
    }

    const LIMIT: Duration = Duration::from_millis(300);

    fn error(answer: &[u8], slow: bool) -> ErrorKind {
        let mut kind = None;
        answering(answer, slow, async |upstream| {
            kind = upstream.ask(&Question::new("GET", "/"), LIMIT).await.err().map(|e| e.kind());
        });
        kind.expect("an error")
    }

    #[test]
    fn a_question_is_sent_whole_and_its_answer_read_whole() {
        let asked = answering(
            b"HTTP/1.1 201 Created\r\nX-A: b\r\ncontent-length: 5\r\n\r\nhello",
            true,
            async |up| {
                let question = Question::new("POST", "/api/x?y=1")
                    .header("x-forwarded-for", "10.0.0.1")
                    .body(b"{}".to_vec());
                let told = up.ask(&question, LIMIT).await.expect("an answer");
                assert_eq!(
                    (told.head.status, told.head.header("x-a"), &told.body[..]),
                    (201, Some("b"), &b"hello"[..])
                );
            },
        );
        let expected = "POST /api/x?y=1 HTTP/1.1\r\nconnection: close\r\nx-forwarded-for: 10.0.0.1\r\n\
                        content-length: 2\r\n\r\n{}";
        assert_eq!(asked, expected);
    }

    #[test]
    fn answers_that_are_cut_slow_too_large_or_none_are_errors() {
        assert_eq!(error(b"", false), ErrorKind::UnexpectedEof);
        assert_eq!(error(b"HTTP/1.1 200 OK\r\ncontent-le", false), ErrorKind::UnexpectedEof);
        assert_eq!(
            error(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut", false),
            ErrorKind::UnexpectedEof
        );
        assert_eq!(error(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nslow", true), ErrorKind::TimedOut);
        assert_eq!(error(b"", true), ErrorKind::TimedOut);
        let endless = [&b"HTTP/1.1 200 OK\r\nx: "[..], &vec![b'y'; HEAD_BYTES]].concat();
        assert_eq!(error(&endless, true), ErrorKind::InvalidData);
        assert_eq!(
            error(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", true),
            ErrorKind::InvalidData
        );
        assert_eq!(error(b"HTTP/1.1 200 OK\r\n\r\nof no length", false), ErrorKind::InvalidData);
        assert_eq!(error(b"SSH-2.0-OpenSSH\r\n\r\n", true), ErrorKind::InvalidData);
    }

    #[test]
    fn nobody_there_is_an_error_at_once() {
        let told = smol::block_on(
            Upstream::new("/nonexistent/monitor.sock".into()).ask(&Question::new("GET", "/"), LIMIT),
        );
        assert_eq!(told.expect_err("nobody").kind(), ErrorKind::NotFound);
    }

    #[test]
    fn events_come_one_by_one_as_they_were_encoded() {
        let stream = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nretry:2000\n\n:\n\n\
            event:alert\ndata:{\"id\":7}\nid:7\n\nevent:cut";
        answering(stream, false, async |up| {
            let (head, mut events) = up.open(&Question::new("GET", "/"), LIMIT).await.expect("a stream");
            assert_eq!(head.status, 200);
            assert_eq!(events.next().await.expect("retry").bytes, b"retry:2000\n\n");
            assert_eq!(events.next().await.expect("a comment").field("event"), None);
            let alert = events.next().await.expect("an alert");
            assert_eq!((alert.field("event"), alert.field("id")), (Some("alert"), Some("7")));
            assert_eq!(events.next().await.expect_err("cut").kind(), ErrorKind::UnexpectedEof);
        });
    }
}
