//! A crowd in front of a dashboard, from one thread: viewers that keep up, viewers that stall, and those that come
//! when it is full. Works against any dashboard that answers at an address, whoever started it.

#![allow(dead_code, reason = "each user takes what it needs")]

use netmonitor::time::{self, SECOND, WallTime};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use smol::{Async, LocalExecutor, Timer};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A snapshot that reached a viewer.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// When the monitor made it, microseconds of Unix time.
    pub made: i64,
    /// How long until the viewer had it whole, microseconds.
    pub delay: i64,
}

/// Viewers on a thread of their own, until dropped.
pub struct Crowd {
    seen: Arc<Mutex<Vec<Vec<Sight>>>>,
    present: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Lets this process open `wanted` files; whether it may.
pub fn allow_files(wanted: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    let enough = |have: Option<u64>| have.is_none_or(|have| have >= wanted);
    enough(limit.current)
        || enough(limit.maximum)
            && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).is_ok()
}

impl Crowd {
    /// Opens `count` streams with these header lines; returns when each has begun, 20 s later at most.
    pub fn gather(address: SocketAddr, headers: &str, count: usize) -> Crowd {
        let mut crowd = Crowd {
            seen: Arc::new(Mutex::new(vec![Vec::new(); count])),
            present: Arc::default(),
            stop: Arc::default(),
            thread: None,
        };
        let (seen, present, stop) = (crowd.seen.clone(), crowd.present.clone(), crowd.stop.clone());
        let request = format!("GET /api/events HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n");
        crowd.thread = Some(std::thread::spawn(move || {
            let executor = Rc::new(LocalExecutor::new());
            for n in 0..count {
                let (seen, present, request) = (seen.clone(), present.clone(), request.clone());
                let see = move |sight| seen.lock().expect("no panic inside")[n].push(sight);
                executor.spawn(view(address, request, present, see)).detach();
            }
            smol::block_on(executor.run(async {
                while !stop.load(Relaxed) {
                    Timer::after(Duration::from_millis(20)).await;
                }
            }));
        }));
        let late = time::monotonic().plus(20 * SECOND);
        while crowd.present() < count {
            assert!(time::monotonic() < late, "{} of {count} streams have begun in 20 s", crowd.present());
            std::thread::sleep(Duration::from_millis(5));
        }
        crowd
    }

    /// Streams that have begun and not ended.
    pub fn present(&self) -> usize {
        self.present.load(Relaxed)
    }

    /// Forgets what was seen so far.
    pub fn forget(&self) {
        self.seen.lock().expect("no panic inside").iter_mut().for_each(Vec::clear);
    }

    /// What each viewer saw.
    pub fn seen(&self) -> Vec<Vec<Sight>> {
        self.seen.lock().expect("no panic inside").clone()
    }

    /// Holds what all saw since they were told to forget against what a dashboard owes them: the same snapshots, one a
    /// second, none left out. Returns how many there were, and the delays in order.
    pub fn saw_every_second(&self) -> (usize, Vec<i64>) {
        let seen = self.seen();
        let made = |sights: &[Sight]| sights.iter().map(|s| s.made).collect::<Vec<_>>();
        // The first and the last may be under way to some.
        let longest = seen.iter().map(|s| made(s)).max_by_key(Vec::len).unwrap_or_default();
        let inner = longest.get(1..longest.len().saturating_sub(1)).unwrap_or_default();
        assert!(inner.len() > 2, "too few snapshots to judge: {longest:?}");
        for pair in inner.windows(2) {
            assert!(
                (SECOND / 2..SECOND * 3 / 2).contains(&(pair[1] - pair[0])),
                "a second is missing: {inner:?}"
            );
        }
        for (n, sights) in seen.iter().enumerate() {
            let made = made(sights);
            assert!(inner.iter().all(|m| made.contains(m)), "viewer {n} saw {made:?} of {inner:?}");
        }
        let mut delays: Vec<i64> = seen.iter().flatten().map(|s| s.delay).collect();
        delays.sort_unstable();
        (inner.len(), delays)
    }
}

/// The value below which `part` of all lie.
pub fn percentile(sorted: &[i64], part: f64) -> i64 {
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One viewer, until its stream ends.
async fn view(address: SocketAddr, request: String, present: Arc<AtomicUsize>, see: impl Fn(Sight)) {
    let mut buffer = Vec::new();
    let mut begun = false;
    let _: io::Result<()> = async {
        let mut stream = Async::<TcpStream>::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut piece = [0; 8192];
        loop {
            let read = stream.read(&mut piece).await?;
            if read == 0 {
                return Ok(());
            }
            buffer.extend_from_slice(&piece[..read]);
            while let Some(end) =
                buffer.windows(2).position(|w| w == b"\n\n" || w == b"\r\n").map(|at| at + 2)
            {
                if !begun && buffer.starts_with(b"HTTP/1.1 200") {
                    begun = true;
                    present.fetch_add(1, Relaxed);
                }
                if let Some(made) = snapshot_made(&buffer[..end]) {
                    see(Sight { made, delay: time::wall().micros() - made });
                }
                buffer.drain(..end);
            }
        }
    }
    .await;
    if begun {
        present.fetch_sub(1, Relaxed);
    }
}

/// When a snapshot was made, from its bytes; anything else is `None`. A thousand viewers leave no time to parse JSON.
fn snapshot_made(event: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(event.strip_prefix(b"event:snapshot\n")?).ok()?;
    let monitor = &text[text.find(r#""monitor":{"#)?..];
    let time = &monitor[monitor.find(r#""time":""#)? + 8..];
    Some(WallTime::parse(&time[..time.find('"')?])?.micros())
}

/// Streams that were asked for and are never read again.
pub fn stalled(address: SocketAddr, headers: &str, count: usize) -> Vec<Async<TcpStream>> {
    let request = format!("GET /api/events HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n");
    let one = async || -> io::Result<Async<TcpStream>> {
        let socket =
            rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None)?;
        // A window that is full at once: what a browser's kernel would take in for a minute tells nothing.
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 2048)?;
        rustix::net::connect(&socket, &address)?;
        let mut stream = Async::new(TcpStream::from(socket))?;
        stream.write_all(request.as_bytes()).await?;
        Ok(stream)
    };
    smol::block_on(async {
        let mut streams = Vec::new();
        for _ in 0..count {
            streams.push(one().await.expect("a connection"));
        }
        streams
    })
}

/// What `count` viewers that come at once are told, each on a connection of its own: the whole answers, and those that
/// got none as what went wrong.
pub fn told(address: SocketAddr, headers: &str, count: usize) -> Vec<Result<String, io::Error>> {
    let request = format!("GET /api/events HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n");
    let executor = LocalExecutor::new();
    let ask = async |request: String| -> io::Result<String> {
        let mut stream = Async::<TcpStream>::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    let late = async || {
        Timer::after(Duration::from_secs(20)).await;
        Err(io::ErrorKind::TimedOut.into())
    };
    smol::block_on(executor.run(async {
        let asked: Vec<_> =
            (0..count).map(|_| executor.spawn(smol::future::or(ask(request.clone()), late()))).collect();
        let mut answers = Vec::new();
        for one in asked {
            answers.push(one.await);
        }
        answers
    }))
}
