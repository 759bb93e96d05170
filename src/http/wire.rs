//! The wire: sockets in, hyper over them, `http_types` requests to tide, answers back.
//!
//! tide's own listener and async-h1 are not used: they start thread pools, buffer one endless header line without
//! limit, and answer HTTP/1.0 with nothing. hyper parses; what it lacks is added here and in [`super::paced`]: a
//! limit on writes that make no progress, on bodies in size and time, on connections in all and per address, and
//! taking a connection back for an event stream.

use super::answer::Refusal;
use super::app::App;
use super::convert;
use super::forwarded::{self, Forwarded};
use super::hall::Hall;
use super::paced::Paced;
use super::packed;
use super::sse::{self, Subscription};
use super::{Peer, routes};
use crate::time::{self, SECOND, Timestamp};
use http_types::{Request, Response};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use smol::future::FutureExt as _;
use smol::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use smol::{Async, LocalExecutor, Timer};
use smol_hyper::rt::SmolTimer;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A head must arrive within this, and an idle connection is closed after it.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Largest request head, bytes; hyper takes no smaller buffer.
const HEAD_BYTES: usize = 8192;
/// A write must make some progress within this, or the connection is dropped. The kernel is told the same of what it
/// holds for a client: a viewer whose window is shut may stall long before a write of ours has to wait.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// Kernel send buffer, bytes. With the kernel's own choice a stalled viewer holds 3.8 MB of kernel memory.
const SEND_BUFFER: usize = 32 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;
/// What open streams and requests may still take after the end of its [`Hall`].
const STOP_TIME: Duration = Duration::from_millis(800);
/// Connections on the local socket. They count apart: browsers cannot take them.
const LOCAL_CONNECTIONS: u32 = 64;
/// How long a refused client may go on sending, so that it reads the refusal instead of a reset.
const LINGER_TIME: Duration = Duration::from_secs(1);
/// Clients turned away for want of room that may linger so; beyond that they are closed on at once.
const LEAVING: u32 = 256;
/// Requests that wait for their answers; while there are more, nobody else is let in for a moment.
const ANSWERING: u32 = 64;
/// How long those in line wait at most for those: longer than a monitor takes to say who may come in.
const ANSWERING_TIME: Duration = Duration::from_millis(50);
/// Longest path in a line of the log of requests, bytes.
const LOGGED_PATH: usize = 256;

/// Log target of one line per request at level debug: address, method, path, status, bytes of the body (`-` for an event
/// stream), milliseconds.
pub const ACCESS: &str = "dashboard_access";

type Executor = Rc<LocalExecutor<'static>>;

/// What the wire serves: who may come in, and tide with the routes that answer.
pub struct Site {
    hall: Arc<Hall>,
    answer: Box<dyn Fn(Request) -> Answering>,
}

type Answering = Pin<Box<dyn Future<Output = Response>>>;

impl Site {
    /// The routes of `server`, behind `hall`.
    pub fn new<S: Clone + Send + Sync + 'static>(hall: Arc<Hall>, server: tide::Server<S>) -> Site {
        let answer = move |request| -> Answering {
            let server = server.clone();
            Box::pin(async move {
                let answered: http_types::Result<Response> = server.respond(request).await;
                answered.unwrap_or_else(|error| Response::new(error.status()))
            })
        };
        Site { hall, answer: Box::new(answer) }
    }
}

impl From<Arc<App>> for Site {
    fn from(app: Arc<App>) -> Site {
        Site::new(app.hall.clone(), routes::server(app))
    }
}

/// Opens a listening socket; accepted connections inherit its options.
pub fn bind(address: SocketAddr) -> io::Result<Async<TcpListener>> {
    let listener = Async::<TcpListener>::bind(address)?;
    rustix::net::sockopt::set_socket_send_buffer_size(&listener, SEND_BUFFER)?;
    rustix::net::sockopt::set_tcp_nodelay(&listener, true)?;
    rustix::net::sockopt::set_tcp_user_timeout(&listener, WRITE_TIME.as_millis() as u32)?;
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

/// Accepts and answers until the site is shut down; returns when the last connection has ended, 0.8 s later at most.
/// Each connection is a task of its own on `executor`.
pub async fn serve(executor: Executor, listener: Async<TcpListener>, site: impl Into<Site>) {
    let shared = Shared::new(executor, site.into());
    let hall = &shared.site.hall;
    accept_all(&shared, &listener).or(sse::heartbeat(hall)).or(hall.stopping()).await;
    drop(listener);
    let ended = async {
        while hall.counts.connections.load(Relaxed) > 0 {
            Timer::after(Duration::from_millis(10)).await;
        }
    };
    ended
        .or(async {
            Timer::after(STOP_TIME).await;
        })
        .await;
}

/// Answers programs on this machine until [`App::shutdown`]: no session, no `Host` needed. Who may open the socket is
/// for its file mode to say.
pub async fn serve_local(executor: Executor, listener: Async<UnixListener>, app: Arc<App>) {
    let shared = Shared::new(executor, app.into());
    let hall = &shared.site.hall;
    let accept = async {
        let mut trouble = Trouble::default();
        loop {
            match listener.accept().await {
                Ok((stream, _)) => admit(&shared, stream, Peer::Local),
                Err(error) => trouble.wait(&error).await,
            }
        }
    };
    accept.or(sse::heartbeat(hall)).or(hall.stopping()).await;
}

async fn accept_all(shared: &Rc<Shared>, listener: &Async<TcpListener>) {
    let mut trouble = Trouble::default();
    loop {
        match listener.accept().await {
            Ok((stream, from)) => admit(shared, stream, Peer::Address(from.ip().to_canonical())),
            Err(error) => trouble.wait(&error).await,
        }
        // However many stand in line, each is served before the next is let in: frames and viewers wait for none of
        // them, and the buffers of few are in use at a time.
        smol::future::yield_now().await;
        shared.calm().await;
    }
}

/// A connection of its own task, where there is room.
fn admit<T: 'static>(shared: &Rc<Shared>, stream: Async<T>, peer: Peer)
where
    Async<T>: AsyncRead + AsyncWrite + Unpin,
{
    let Some(place) = Place::take(shared, peer) else { return turn_away(shared, stream) };
    let work = async move {
        if !speaks(&stream, &place.shared.site.hall).await {
            return;
        }
        // What a stream begins with is sent before anyone else's is put together.
        let watching = Box::pin(connection(stream, peer, &place.shared)).await;
        if let Some((watching, _share)) = watching {
            watching.await;
        }
        drop(place);
    };
    shared.executor.spawn(survive(work)).detach();
}

/// Whether a client says something. Until it does nothing is set up for it: a thousand that come at once, and those who
/// hold connections in reserve, cost no buffers.
async fn speaks<T>(stream: &Async<T>, hall: &Hall) -> bool {
    let silent = async {
        async { _ = Timer::after(HEAD_TIME).await }.or(hall.stopping()).await;
        false
    };
    async { stream.readable().await.is_ok() }.or(silent).await
}

/// Connections that cannot be accepted: out of descriptors, most likely, and those that end will free some.
struct Trouble {
    told: Timestamp,
}

impl Default for Trouble {
    fn default() -> Self {
        Trouble { told: Timestamp::MIN }
    }
}

impl Trouble {
    /// A stranger can cause it, so it is told once a minute.
    async fn wait(&mut self, error: &io::Error) {
        if time::monotonic().since(self.told) > 60 * SECOND {
            self.told = time::monotonic();
            log::warn!("dashboard: cannot accept connections: {error}");
        }
        Timer::after(Duration::from_millis(100)).await;
    }
}

/// A panic in one connection ends that connection, not the monitor.
fn survive(work: impl Future<Output = ()>) -> impl Future<Output = ()> {
    // In a box, and no async function, which would hold room for it twice: a thousand viewers are a thousand of these.
    let mut work = Box::pin(work);
    poll_fn(move |cx| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))).unwrap_or_else(|_| {
            log::error!("dashboard: a connection failed on a defect in this program; please report it");
            Poll::Ready(())
        })
    })
}

/// Tells a client that there is no room, as well as one write that does not wait can.
fn turn_away<S>(shared: &Rc<Shared>, mut stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 2\r\n\
        content-type: application/json\r\ncontent-length: 71\r\n\r\n\
        {\"error\":{\"code\":\"too_many_connections\",\"message\":\"try again shortly\"}}\n";
    let _ = Pin::new(&mut stream).poll_write(&mut Context::from_waker(Waker::noop()), FULL);
    if shared.leaving.get() < LEAVING {
        shared.leaving.set(shared.leaving.get() + 1);
        let leaving = shared.clone();
        let work = async move {
            linger(stream).await;
            leaving.leaving.set(leaving.leaving.get() - 1);
        };
        shared.executor.spawn(work).detach();
    }
}

/// What all connections share.
struct Shared {
    site: Site,
    executor: Executor,
    by_peer: RefCell<HashMap<Peer, u32>>,
    /// Clients turned away that still read why.
    leaving: Cell<u32>,
    /// Requests that are being answered.
    answering: Cell<u32>,
}

impl Shared {
    fn new(executor: Executor, site: Site) -> Rc<Self> {
        Rc::new(Shared {
            site,
            executor,
            by_peer: RefCell::default(),
            leaving: Cell::new(0),
            answering: Cell::new(0),
        })
    }

    fn is_full(&self) -> bool {
        self.site.hall.counts.connections.load(Relaxed) >= self.site.hall.limits.connections.into()
    }

    /// Waits while many are being told that there is no room, and closing on one more would reset it; and for a moment
    /// while many wait for answers: each holds its buffers, and a thousand viewers that come at once all wait for the
    /// one word of the monitor.
    async fn calm(&self) {
        let began = time::monotonic();
        let longer_than = |limit: Duration| time::monotonic().since(began) >= limit.as_micros() as i64;
        while self.leaving.get() >= LEAVING && self.is_full() && !longer_than(LINGER_TIME)
            || self.answering.get() >= ANSWERING && !longer_than(ANSWERING_TIME)
        {
            Timer::after(Duration::from_millis(2)).await;
        }
    }
}

/// One connection's place among those allowed; dropping it gives it back.
struct Place {
    shared: Rc<Shared>,
    /// None for a proxy: there each request counts for whose it is.
    _share: Option<Share>,
}

impl Place {
    fn take(shared: &Rc<Shared>, peer: Peer) -> Option<Place> {
        let hall = &shared.site.hall;
        let share = match peer {
            Peer::Address(_) if shared.is_full() => Err(()),
            Peer::Address(address) if forwarded::is_trusted(address, &hall.trusted) => Ok(None),
            peer => Share::take(shared, peer).map(Some).ok_or(()),
        };
        let Ok(share) = share else {
            hall.counts.turned_away.fetch_add(1, Relaxed);
            return None;
        };
        hall.counts.connections.fetch_add(1, Relaxed);
        hall.counts.accepted.fetch_add(1, Relaxed);
        Some(Place { shared: shared.clone(), _share: share })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.site.hall.counts.connections.fetch_sub(1, Relaxed);
    }
}

/// One of the places that one peer may take; dropping it gives it back.
struct Share {
    shared: Rc<Shared>,
    peer: Peer,
}

impl Share {
    fn take(shared: &Rc<Shared>, peer: Peer) -> Option<Share> {
        let most = match peer {
            Peer::Local => LOCAL_CONNECTIONS,
            Peer::Address(_) => shared.site.hall.limits.connections_per_address,
        };
        let mut by_peer = shared.by_peer.borrow_mut();
        let mine = by_peer.get(&peer).copied().unwrap_or(0);
        (mine < most).then(|| {
            by_peer.insert(peer, mine + 1);
            Share { shared: shared.clone(), peer }
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut by_peer = self.shared.by_peer.borrow_mut();
        if let Some(count) = by_peer.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                by_peer.remove(&self.peer);
            }
        }
    }
}

/// The stream that a request asked for: the head of its answer, what follows, and its client's share.
struct Taken {
    head: Vec<u8>,
    subscription: Subscription,
    share: Option<Share>,
}

/// Serves one connection to its end, or until a request on it becomes an event stream: then hyper's buffers are freed,
/// and the work that is left is given back, with its client's share.
async fn connection<S>(
    stream: S,
    peer: Peer,
    shared: &Rc<Shared>,
) -> Option<(Pin<Box<impl Future<Output = ()> + use<S>>>, Option<Share>)>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let blocked = Rc::new(Cell::new(false));
    let taken: Rc<RefCell<Option<Taken>>> = Rc::default();
    let service = service_fn(|request| {
        let (shared, taken) = (shared.clone(), taken.clone());
        Box::pin(async move {
            let packed = packed::wanted(&request, peer);
            let (mut answer, share) = respond(&shared, request, peer).await;
            match answer.ext_mut().remove::<Subscription>() {
                None => convert::answer(packed::pack(answer, packed)).await,
                Some(subscription) => {
                    let head = convert::stream_head(&answer);
                    *taken.borrow_mut() = Some(Taken { head, subscription, share });
                    pending().await
                }
            }
        }) as Pin<Box<dyn Future<Output = _>>>
    });
    let io = Paced::new(stream, WRITE_TIME, blocked.clone());
    let mut http = builder().serve_connection(io, service);
    let mut stopping = pin!(shared.site.hall.stopping());
    let mut stopped = false;
    let failed = poll_fn(|cx: &mut Context<'_>| {
        if !stopped && stopping.as_mut().poll(cx).is_ready() {
            stopped = true;
            Pin::new(&mut http).graceful_shutdown();
        }
        match http.poll_without_shutdown(cx) {
            Poll::Ready(ended) => Poll::Ready(ended.is_err()),
            // All answers before the stream are out when hyper waits and the socket does not.
            Poll::Pending if taken.borrow().is_some() && !blocked.get() => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    let stream = http.into_parts().io;
    let taken = taken.take();
    if taken.is_none() && failed {
        linger(stream).await;
        return None;
    }
    taken
        .map(|Taken { head, subscription, share }| (Box::pin(sse::stream(stream, head, subscription)), share))
}

/// One request: its answer, and its client's share for as long as that takes.
async fn respond(
    shared: &Rc<Shared>,
    request: hyper::Request<Incoming>,
    peer: Peer,
) -> (Response, Option<Share>) {
    shared.site.hall.counts.requests.fetch_add(1, Relaxed);
    let began = time::monotonic();
    let forwarded = Forwarded::by(peer, request.headers(), &shared.site.hall.trusted);
    let client = forwarded.as_ref().map_or(peer, |forwarded| forwarded.client);
    let asked = log::log_enabled!(target: ACCESS, log::Level::Debug).then(|| asked(client, &request));
    let answered = match forwarded {
        Ok(forwarded) => answered(shared, request, peer, forwarded).await,
        Err(refusal) => Err(refusal),
    };
    let (answer, share) = answered.unwrap_or_else(|refusal| (refusal.response().into(), None));
    if let Some(asked) = asked {
        let bytes = match answer.ext().get::<Subscription>() {
            Some(_) => "-".to_owned(),
            None => answer.ext().get::<Bytes>().map_or(0, Bytes::len).to_string(),
        };
        let took = time::monotonic().since(began) as f64 / 1000.0;
        log::debug!(target: ACCESS, "{asked} {} {bytes} {took:.1}", answer.status() as u16);
    }
    (answer, share)
}

/// One request through tide.
async fn answered(
    shared: &Rc<Shared>,
    request: hyper::Request<Incoming>,
    peer: Peer,
    forwarded: Forwarded,
) -> Result<(Response, Option<Share>), Refusal> {
    let proxied = forwarded.client != peer && peer != Peer::Local;
    let share = proxied.then(|| Share::take(shared, forwarded.client));
    if matches!(share, Some(None)) {
        let message = "too many requests of this address at the same time";
        return Err(Refusal::busy("too_many_connections", message, 2));
    }
    let request = convert::request(request, &forwarded).await?;
    shared.answering.set(shared.answering.get() + 1);
    let counted = Counted(&shared.answering);
    let mut answer = (shared.site.answer)(request).await;
    drop(counted);
    forwarded.dress(&mut answer);
    Ok((answer, share.flatten()))
}

/// One of those counted, until it is dropped, with the connection that it came on or before.
struct Counted<'a>(&'a Cell<u32>);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// How a request begins its line in the log: nothing in it that could pass for the end of the line.
fn asked(client: Peer, request: &hyper::Request<Incoming>) -> String {
    let path: String = request.uri().path().escape_default().take(LOGGED_PATH).collect();
    format!("{client} {} {path}", request.method())
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(SmolTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_header_size(HEAD_BYTES)
        .half_close(true);
    builder
}

/// Closing with bytes unread resets the connection, and the client may never see why it was refused.
async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let drain = async {
        let _ = stream.close().await;
        let mut rest = [0; 512];
        for _ in 0..256 {
            if !matches!(stream.read(&mut rest).await, Ok(n) if n > 0) {
                break;
            }
        }
    };
    drain
        .or(async {
            Timer::after(LINGER_TIME).await;
        })
        .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_one_connection_is_survived() {
        smol::block_on(survive(async { panic!("on purpose") }));
    }
}
