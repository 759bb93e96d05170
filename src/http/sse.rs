//! Events: each encoded once, written to every viewer from the same bytes by one small task per viewer.

use super::answer::{self, Answer, Refusal};
use super::auth::Admitted;
use super::hall::Hall;
use super::paced::Paced;
use super::query::Query;
use super::{App, Peer, State};
use crate::alert::AlertRecord;
use crate::bus::{Next, Reader};
use crate::time;
use http_types::{Method, StatusCode};
use serde::Serialize;
use smol::Timer;
use smol::future::{block_on, zip};
use smol::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;
use tide::{Request, Response};

/// How long a browser waits before it connects again. The standard counts milliseconds; async-sse would write
/// seconds, so this line is ours.
const RETRY: &[u8] = b"retry:2000\n\n";
/// A comment this often keeps middleboxes from closing a silent stream.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Alerts sent at most to a viewer that resumes; older ones are on the alerts page.
const RESUME: usize = 500;

/// An event as bytes. async-sse writes it in pieces through a channel of one; here they are collected once, for all.
pub fn event(name: &str, data: &impl Serialize, id: Option<u64>) -> Arc<[u8]> {
    let data = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    let id = id.map(|id| id.to_string());
    let (sender, mut encoder) = async_sse::encode();
    let mut bytes = Vec::with_capacity(data.len() + 64);
    let send = async move { sender.send(name, &data, id.as_deref()).await };
    // Neither side waits for anything but the other, so this ends without ever parking the thread.
    let _ = block_on(zip(send, encoder.read_to_end(&mut bytes)));
    Arc::from(bytes)
}

/// An alert, numbered so that a viewer can resume after it.
pub fn alert(alert: &AlertRecord) -> Arc<[u8]> {
    event("alert", alert, Some(alert.id))
}

/// The state of the stream itself.
#[derive(Serialize)]
pub struct Status<'a> {
    /// `live`, `away` (the monitor does not answer its dashboard), `closing`, `clock`.
    pub state: &'a str,
    time: time::WallTime,
    version: &'a str,
    /// More of it, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a str>,
    /// Events that this viewer lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lagged: Option<u64>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<time::WallTime>,
}

impl<'a> Status<'a> {
    /// As it is now, nothing more to say.
    pub fn new(state: &'a str) -> Self {
        let (time, version) = (time::wall(), env!("CARGO_PKG_VERSION"));
        Status { state, time, version, detail: None, lagged: None, since: None }
    }

    /// As an event. With an id a viewer that comes back asks for the alerts after that one.
    pub fn event(&self, id: Option<u64>) -> Arc<[u8]> {
        event("status", self, id)
    }
}

/// The state of the stream itself, without an id.
pub fn status(state: &str, detail: Option<&str>, lagged: Option<u64>) -> Arc<[u8]> {
    Status { detail, lagged, ..Status::new(state) }.event(None)
}

/// Publishes a comment now and then, for ever; one for all viewers, whoever else beats, too.
pub async fn heartbeat(hall: &Hall) {
    if hall.counts.beating.swap(true, Relaxed) {
        return pending().await;
    }
    loop {
        Timer::after(HEARTBEAT).await;
        if hall.viewers() > 0 {
            hall.bus.publish(Arc::from(&b":\n\n"[..]));
        }
    }
}

/// A viewer's place among those allowed; dropping it gives it back.
pub struct Seat(Arc<Hall>);

impl Seat {
    /// A place, or a refusal that says when to try again.
    pub fn take(hall: &Arc<Hall>) -> Result<Seat, Refusal> {
        if hall.viewers() >= hall.limits.viewers {
            hall.counts.viewers_refused.fetch_add(1, Relaxed);
            return Err(Refusal::busy("too_many_viewers", "too many live viewers; poll /api/dashboard", 30));
        }
        hall.counts.viewers.fetch_add(1, Relaxed);
        Ok(Seat(hall.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.counts.viewers.fetch_sub(1, Relaxed);
    }
}

/// What the route hands to the wire: what to write first, and where to go on reading.
pub struct Subscription {
    /// What the viewer gets at once.
    pub first: Vec<u8>,
    /// Its place in the ring, taken before `first` was put together.
    pub reader: Reader,
    /// Its place among those allowed.
    pub seat: Seat,
    /// Asked before each event: whether the viewer may still watch.
    pub admitted: Box<dyn FnMut() -> bool + Send + Sync>,
}

/// What a viewer showed to get in. When any session or token ends, or this one's time is up, it is looked at again.
struct Pass {
    local: bool,
    ends: Option<i64>,
    cookie: Option<Box<str>>,
    authorization: Option<Box<str>>,
    ended: u64,
}

impl Pass {
    fn of(request: &Request<State>) -> Pass {
        let header = |name| request.header(name).map(|v| v.as_str().into());
        let ended = request.state().auth.ended();
        let local = request.ext::<Peer>() == Some(&Peer::Local);
        let ends = request.ext::<Admitted>().and_then(|admitted| admitted.ends);
        Pass { local, ends, cookie: header("cookie"), authorization: header("authorization"), ended }
    }

    fn holds(&mut self, app: &App) -> bool {
        let before = std::mem::replace(&mut self.ended, app.auth.ended());
        let over = self.ends.is_some_and(|end| time::wall().secs() >= end);
        if self.local || (before == self.ended && !over) {
            return true;
        }
        let admitted = app.auth.admit(&app.store, self.cookie.as_deref(), self.authorization.as_deref());
        self.ends = admitted.as_ref().and_then(|admitted| admitted.ends);
        admitted.is_some()
    }
}

/// What a viewer asks for.
pub struct Asked {
    /// The last alert it has, as a browser tells it or a script.
    pub last: Option<u64>,
    /// Whether it wants what it missed alone, and no stream.
    pub once: bool,
}

impl Asked {
    /// Reads it.
    pub fn of<S>(request: &Request<S>) -> Result<Asked, Refusal> {
        let query = Query::of(request, &["last_event_id", "once"])?;
        let asked = query.parsed("last_event_id", "an alert id")?;
        let header = request.header("last-event-id").and_then(|v| v.as_str().parse().ok());
        let once = query.parsed("once", "true or false")?.unwrap_or(false);
        Ok(Asked { last: header.or(asked), once })
    }

    /// The id to begin a stream with, where `newest` is the newest alert there is: whoever has seen none yet misses
    /// none after it, and ids of another store count no more.
    pub fn begin(&self, newest: u64) -> Option<u64> {
        self.last.is_none_or(|last| last > newest).then_some(newest)
    }
}

/// The start of every stream.
pub fn first(status: &[u8], snapshot: Option<&[u8]>) -> Vec<u8> {
    [RETRY, status, snapshot.unwrap_or_default()].concat()
}

/// The alerts after `last`, encoded.
fn missed(app: &App, last: u64) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let missed = app.store.alerts_since_id(last, RESUME)?;
    if missed.len() == RESUME {
        bytes.extend_from_slice(&status("live", Some("older_alerts_left_out"), None));
    }
    missed.iter().for_each(|missed| bytes.extend_from_slice(&alert(missed)));
    Ok(bytes)
}

/// GET `/api/events`.
pub async fn events(request: Request<State>) -> Answer {
    let asked = Asked::of(&request)?;
    let app = request.state();
    if asked.once {
        let bytes = asked.last.map_or(Ok(Vec::new()), |last| missed(app, last))?;
        return Ok(answer::bytes("text/event-stream", bytes));
    }
    let mut response = Response::new(StatusCode::Ok);
    response.insert_header("content-type", "text/event-stream");
    response.insert_header("cache-control", "no-store");
    if request.method() != Method::Head {
        let seat = Seat::take(&app.hall)?;
        // The place in the ring first, then the store: an alert in between comes twice, never not at all.
        let reader = app.hall.bus.subscribe();
        let live = Status::new("live").event(asked.begin(app.store.next_alert_id() - 1));
        let mut first = first(&live, app.snapshot_event().as_deref());
        if let Some(last) = asked.last {
            first.append(&mut missed(app, last)?);
        }
        let (mut pass, app) = (Pass::of(&request), app.clone());
        let admitted = Box::new(move || pass.holds(&app));
        response.insert_ext(Subscription { first, reader, seat, admitted });
    }
    Ok(response)
}

/// Writes events to one viewer until it leaves, stalls, or the monitor stops.
pub async fn stream<S>(mut stream: Paced<S>, head: Vec<u8>, subscription: Subscription)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Subscription { first, mut reader, seat, mut admitted } = subscription;
    let ended = async {
        stream.write_all(&head).await?;
        drop(head);
        stream.write_all(&first).await?;
        drop(first);
        loop {
            match poll_fn(|cx| next(&mut stream, &mut reader, cx)).await? {
                Some(Next::Event(_)) if !admitted() => return stream.close().await,
                Some(Next::Event(event)) => stream.write_all(&event).await?,
                Some(Next::Lagged(lost)) => stream.write_all(&status("live", None, Some(lost))).await?,
                Some(Next::Closed) => return stream.close().await,
                None => return Ok(()),
            }
        }
    };
    let ended: io::Result<()> = ended.await;
    if ended.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut) {
        seat.0.counts.viewers_stalled.fetch_add(1, Relaxed);
    }
}

/// What the ring has next; `None` when the viewer left, which only reading tells. An error is what the kernel found out:
/// that the viewer takes nothing any more.
fn next<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut Paced<S>,
    reader: &mut Reader,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Option<Next>>> {
    let mut ignored = [0; 256];
    match AsyncRead::poll_read(Pin::new(stream), cx, &mut ignored) {
        Poll::Ready(Ok(0)) => return Poll::Ready(Ok(None)),
        Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
        // A viewer has nothing to say. One that talks all the same gets one turn per piece, like everyone else.
        Poll::Ready(Ok(_)) => cx.waker().wake_by_ref(),
        Poll::Pending => {}
    }
    reader.poll_next(cx).map(|next| Ok(Some(next)))
}
