//! The front: a dashboard in a process of its own, in front of a monitor behind a Unix socket.
//!
//! It serves the page's files, keeps the newest snapshot, fans one subscription out to all viewers, and forwards
//! everything else. Who may do what is the monitor's to say: the front asks it, on behalf of the viewer.

use super::answer::{self, Answer, Refusal};
use super::follow::{self, Link};
use super::guard;
use super::hall::{Hall, Limits};
use super::routes::{self, Access, ROUTES};
use super::sse::{self, Asked, Seat, Status, Subscription};
use super::upstream::{Question, Told, Upstream};
use super::verdict::{Verdict, Verdicts};
use super::wire::Site;
use super::{Peer, assets, convert, kiosk, monitor};
use crate::addr::Prefix;
use crate::time::{self, SECOND, Timestamp};
use http_types::headers::{HeaderName, HeaderValue};
use http_types::{Method, StatusCode, Version};
use hyper::body::Bytes;
use serde_json::{Value, json};
use smol::Timer;
use smol::channel::{Receiver, Sender};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tide::utils::async_trait;
use tide::{Middleware, Next, Request, Response};

/// The monitor answers within a turn of its loop, or a commit to a slow card, or a few password hashes.
const PATIENCE: Duration = Duration::from_secs(20);
/// The same while it is away: it may hang.
const SHORT_PATIENCE: Duration = Duration::from_secs(2);
/// Streams are looked at this often for viewers whose session ended.
const REVIEW: Duration = Duration::from_secs(1);
/// Headers of an answer that are between the monitor and this process, or set anew for every answer.
const NOT_PASSED_ON: [&str; 5] = ["connection", "content-length", "date", "keep-alive", "transfer-encoding"];

/// What [`Front::new`] needs.
pub struct FrontSetup {
    /// The monitor's socket.
    pub socket: PathBuf,
    /// Caps.
    pub limits: Limits,
    /// This machine's host name.
    pub host: String,
    /// Other names this dashboard is reached by.
    pub public_hosts: Vec<String>,
    /// Reverse proxies that are believed.
    pub trusted_proxies: Vec<Prefix>,
}

/// The newest snapshot: as an event, and whole, once somebody asks.
#[derive(Default)]
struct Shown {
    event: Option<Arc<[u8]>>,
    whole: Option<Bytes>,
    asked_at: Timestamp,
    /// Events so far, and how many there were when `whole` was asked for.
    events: u64,
    whole_at: u64,
}

/// The front's state, shared by its tasks and routes.
pub struct Front {
    pub(super) hall: Arc<Hall>,
    pub(super) upstream: Upstream,
    link: Mutex<Link>,
    shown: Mutex<Shown>,
    /// One asks for the whole snapshot; the others wait and take what it got.
    asking: async_lock::Mutex<()>,
    verdicts: Verdicts,
    hurry: (Sender<()>, Receiver<()>),
    began: Timestamp,
    forwarded: AtomicU64,
    failed: AtomicU64,
}

type State = Arc<Front>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Front {
    /// A front that has not heard of its monitor yet.
    pub fn new(setup: FrontSetup) -> Arc<Front> {
        Arc::new(Front {
            hall: Hall::new(setup.limits, &setup.host, &setup.public_hosts, setup.trusted_proxies),
            upstream: Upstream::new(setup.socket),
            link: Mutex::default(),
            shown: Mutex::default(),
            asking: async_lock::Mutex::default(),
            verdicts: Verdicts::default(),
            hurry: smol::channel::bounded(1),
            began: time::monotonic(),
            forwarded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    /// Follows the monitor, for ever.
    pub async fn follow(self: Arc<Self>) {
        follow::follow(self).await;
    }

    /// Ends streams whose session ended, for ever.
    pub async fn review(self: Arc<Self>) {
        loop {
            Timer::after(REVIEW).await;
            for (key, verdict) in self.verdicts.due(self.away()) {
                match self.upstream.ask(&verdict.question, PATIENCE).await {
                    Ok(told) if told.head.status == 200 => verdict.renew(),
                    Ok(told) if told.head.status < 500 => self.verdicts.drop(&key),
                    // Away: what held goes on to hold.
                    _ => break,
                }
            }
        }
    }

    /// Says good-bye to viewers and ends [`super::serve`].
    pub fn shutdown(&self) {
        self.publish(Status::new("closing").event(None));
        self.hall.close();
    }

    pub(super) fn publish(&self, event: Arc<[u8]>) {
        self.hall.bus.publish(event);
    }

    pub(super) fn link(&self) -> MutexGuard<'_, Link> {
        lock(&self.link)
    }

    fn away(&self) -> bool {
        self.link().away().is_some()
    }

    /// Resolves when a viewer needs a subscription sooner than planned.
    pub(super) async fn asked_to_hurry(&self) {
        let _ = self.hurry.1.recv().await;
    }

    /// A subscription has just begun; what was asked for before is done.
    pub(super) fn not_in_a_hurry(&self) {
        let _ = self.hurry.1.try_recv();
    }

    pub(super) fn take_snapshot(&self, event: Arc<[u8]>) {
        let mut shown = lock(&self.shown);
        shown.event = Some(event.clone());
        shown.events += 1;
        drop(shown);
        self.publish(event);
    }

    fn patience(&self) -> Duration {
        if self.away() { SHORT_PATIENCE } else { PATIENCE }
    }

    /// Asks the monitor; a refusal when it is away.
    async fn ask(&self, question: &Question) -> Result<Told, Refusal> {
        self.forwarded.fetch_add(1, Relaxed);
        let told = self.upstream.ask(question, self.patience()).await;
        if told.is_ok() && self.away() {
            let _ = self.hurry.0.try_send(());
        }
        told.map_err(|error| {
            self.failed.fetch_add(1, Relaxed);
            log::debug!("dashboard: the monitor did not answer: {error}");
            Refusal::busy("monitor_away", "the monitor does not answer this dashboard; try again shortly", 2)
        })
    }

    /// The newest snapshot as `/api/dashboard` answers it; while the monitor is away the last one there was.
    async fn whole(&self) -> Result<(Bytes, Option<i64>), Response> {
        let kept = |old: bool| {
            let shown = lock(&self.shown);
            let age = time::monotonic().since(shown.asked_at) / SECOND;
            let whole = shown.whole.clone().filter(|_| old || shown.whole_at == shown.events)?;
            Some((whole, old.then_some(age)))
        };
        if let Some(kept) = kept(self.away()) {
            return Ok(kept);
        }
        let _asking = self.asking.lock().await;
        if let Some(kept) = kept(false) {
            return Ok(kept);
        }
        let (asked_at, events) = (time::monotonic(), lock(&self.shown).events);
        let told = self.ask(&Question::new("GET", "/api/dashboard").header("host", "localhost")).await;
        match told {
            Ok(told) if told.head.status == 200 => {
                let whole = Bytes::from(told.body);
                let mut shown = lock(&self.shown);
                (shown.whole, shown.asked_at, shown.whole_at) = (Some(whole.clone()), asked_at, events);
                Ok((whole, None))
            }
            // Both starting and away: what there was before, if anything.
            told => {
                let refused = || told.map_or_else(|refusal| refusal.response(), |told| relay(told, false));
                kept(true).ok_or_else(refused)
            }
        }
    }

    /// The alerts that a viewer missed, encoded. Where the monitor cannot tell, nothing: they come once it is back, and
    /// before any that came since.
    async fn missed(&self, last: u64) -> Option<Vec<u8>> {
        if !self.away() {
            let question = Question::new("GET", &format!("/api/events?once=true&last_event_id={last}"));
            if let Ok(told) = self.ask(&question.header("host", "localhost")).await
                && told.head.status == 200
            {
                return Some(told.body);
            }
        }
        self.link().owe(last);
        // A subscription that stands knows nothing of it.
        if !self.away() {
            let _ = self.hurry.0.try_send(());
        }
        None
    }

    /// This process's own counters.
    fn counters(&self) -> Value {
        let mut all = json!(self.hall.stats());
        let link = self.link();
        // The wrong passwords are the monitor's to count.
        all.as_object_mut().map(|all| all.remove("logins_failed"));
        all["uptime_seconds"] = json!(time::monotonic().since(self.began) / SECOND);
        all["monitor_away"] = json!(link.away().is_some());
        all["subscriptions"] = json!(link.subscriptions);
        all["forwarded"] = json!(self.forwarded.load(Relaxed));
        all["unanswered"] = json!(self.failed.load(Relaxed));
        all["admissions_kept"] = json!(self.verdicts.len());
        all
    }
}

impl From<Arc<Front>> for Site {
    fn from(front: Arc<Front>) -> Site {
        let mut server = tide::with_state(front.clone());
        server.with(Guard);
        // Whatever is not here, and every other method, is forwarded.
        server.at("/").all(|request| async { Ok(forward(request).await) });
        server.at("/*").all(|request| async { Ok(forward(request).await) });
        server.at("/static/:name").get(|request| async { told(assets::file(request).await) });
        server.at("/favicon.ico").get(|request| async { told(assets::icon(request).await) });
        server.at("/login").get(|request| async { told(assets::page(request).await) });
        for entry in ROUTES.iter().filter(|e| matches!(e.access, Access::Page | Access::WallPage)) {
            server.at(entry.path).get(|request| async { told(page(request).await) });
        }
        server.at("/healthz").get(|request| async { told(healthz(request).await) });
        server.at("/api/dashboard").get(|request| async { told(dashboard(request).await) });
        server.at("/api/events").get(|request| async { told(events(request).await) });
        server.at("/api/health").get(|request| async { told(health(request).await) });
        server.at("/metrics").get(|request| async { told(metrics(request).await) });
        Site::new(front.hall.clone(), server)
    }
}

fn told(answer: Answer) -> tide::Result {
    Ok(answer.unwrap_or_else(|refusal| refusal.response()))
}

/// The middleware around every route: by which names this machine is asked. The rest is the monitor's to judge.
struct Guard;

#[async_trait]
impl Middleware<State> for Guard {
    async fn handle(&self, request: Request<State>, next: Next<'_, State>) -> tide::Result {
        match guard::same_site(&request, &request.state().hall) {
            Ok(()) => Ok(next.run(request).await),
            Err(refusal) => Ok(refusal.response()),
        }
    }
}

/// The viewer's request, to be sent on as `method` on `target`.
fn on_behalf(request: &Request<State>, method: &'static str, target: &str) -> Question {
    let mut question = Question::new(method, target);
    let viewer = match request.ext::<Peer>() {
        Some(Peer::Address(address)) => address.to_string(),
        // No address: the monitor refuses it.
        _ => "unknown".to_owned(),
    };
    question = question.header("x-forwarded-for", &viewer);
    // No browser leaves its host out; what HTTP/1.0 may, HTTP/1.1 may not.
    if request.header("host").is_none() && request.version() == Some(Version::Http1_0) {
        question = question.header("host", "localhost");
    }
    for (name, values) in request.iter().filter(|(name, _)| *name != "content-length") {
        for value in values {
            question = question.header(name.as_str(), value.as_str());
        }
    }
    question
}

fn target(request: &Request<State>) -> String {
    let url = request.url();
    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}

/// An answer of the monitor, for the viewer. HEAD has a length and no body.
fn relay(told: Told, head: bool) -> Response {
    let status = StatusCode::try_from(told.head.status).unwrap_or(StatusCode::BadGateway);
    let mut response = Response::new(status);
    for (name, value) in &told.head.headers {
        let ours = NOT_PASSED_ON.contains(&name.as_str()) && !(head && name == "content-length")
            || convert::SENT.iter().any(|(sent, _)| sent == name);
        let name = HeaderName::from_bytes(name.as_bytes().to_vec());
        let value = HeaderValue::from_bytes(value.as_bytes().to_vec());
        if let (false, Ok(name), Ok(value)) = (ours, name, value) {
            response.append_header(name, value);
        }
    }
    response.insert_ext(Bytes::from(told.body));
    response
}

async fn forwarded(mut request: Request<State>) -> Result<Told, Refusal> {
    let method = request.method();
    let question = on_behalf(&request, method_name(method), &target(&request));
    let unread = |_| Refusal::bad("the body could not be read");
    let question = question.body(request.body_bytes().await.map_err(unread)?);
    let front = request.state();
    let told = front.ask(&question).await?;
    if !matches!(method, Method::Get | Method::Head) && told.head.status < 400 {
        front.verdicts.doubt();
    }
    Ok(told)
}

fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
        Method::Options => "OPTIONS",
        // The monitor knows none of the others either.
        _ => "TRACE",
    }
}

/// Any request that only the monitor can answer.
async fn forward(request: Request<State>) -> Response {
    let head = request.method() == Method::Head;
    match forwarded(request).await {
        Ok(told) => relay(told, head),
        Err(refusal) => refusal.response(),
    }
}

/// Whether the viewer may GET `target`: the monitor's verdict, or its refusal.
async fn admit(request: &Request<State>, kind: &str, target: &str) -> Result<Arc<Verdict>, Response> {
    let front = request.state();
    let header = |name| request.header(name).map_or("", |v| v.as_str());
    let key = Verdicts::key([kind, header("host"), header("cookie"), header("authorization")]);
    let find = || front.verdicts.find(&key, front.away());
    if let Some(verdict) = find() {
        return Ok(verdict);
    }
    let question = on_behalf(request, "HEAD", target);
    let patience = front.patience();
    let asking = async {
        let _place = front.upstream.place().await;
        // Another request of the same browser asked meanwhile.
        match find() {
            Some(verdict) => Ok(Ok(verdict)),
            None => front.upstream.asked(&question).await.map(Err),
        }
    };
    let refused = match super::upstream::within(patience, asking).await {
        Ok(Ok(verdict)) => return Ok(verdict),
        Ok(Err(told)) if told.head.status == 200 => return Ok(front.verdicts.keep(key, question)),
        Ok(Err(told)) if told.head.status < 500 => {
            front.verdicts.drop(&key);
            // The same once more, for the words.
            front.ask(&on_behalf(request, "GET", target)).await.map(|told| relay(told, false))
        }
        // It is starting, or on its way out.
        _ => match front.verdicts.find(&key, true) {
            Some(verdict) => return Ok(verdict),
            None => Err(Refusal::busy(
                "monitor_away",
                "the monitor does not answer this dashboard; try again shortly",
                2,
            )),
        },
    };
    Err(refused.unwrap_or_else(|refusal| refusal.response()))
}

/// GET of a page. While the monitor is away, whoever was not inside is sent to the login page, which says so.
async fn page(request: Request<State>) -> Answer {
    if kiosk::wanted(&request) {
        return Ok(forward(request).await);
    }
    let path = request.url().path();
    let kind = routes::pattern(Method::Get, path).unwrap_or_default();
    match admit(&request, kind, path).await {
        Ok(_) => assets::page(request).await,
        Err(refused) if refused.status() == StatusCode::ServiceUnavailable => {
            Ok(guard::no_session(Access::Page, &request))
        }
        Err(refused) => Ok(refused),
    }
}

/// GET `/api/dashboard`.
async fn dashboard(request: Request<State>) -> Answer {
    // The monitor refuses parameters; it takes none.
    if request.url().query().is_some() {
        return Ok(forward(request).await);
    }
    if let Err(refused) = admit(&request, "dashboard", "/api/dashboard").await {
        return Ok(refused);
    }
    Ok(match request.state().whole().await {
        Ok((whole, age)) => {
            let mut response = answer::bytes("application/json", whole);
            if let Some(age) = age {
                response.insert_header("age", age.to_string());
            }
            response
        }
        Err(refused) => refused,
    })
}

/// GET `/api/events`.
async fn events(request: Request<State>) -> Answer {
    let verdict = match admit(&request, "events", "/api/events").await {
        Ok(verdict) => verdict,
        Err(refused) => return Ok(refused),
    };
    let asked = Asked::of(&request)?;
    if asked.once {
        return Ok(forward(request).await);
    }
    let front = request.state();
    let seat = Seat::take(&front.hall)?;
    // As in the monitor: the place in the ring first, then what was missed.
    let mut reader = front.hall.bus.subscribe();
    let missed = match asked.last {
        Some(last) => front.missed(last).await,
        None => Some(Vec::new()),
    };
    // What came while it was asked in vain is newer than what is owed: told first, it would be resumed after.
    let missed = missed.unwrap_or_else(|| {
        reader = front.hall.bus.subscribe();
        Vec::new()
    });
    let (away, newest) = front.link().now();
    let status = away.map_or_else(|| Status::new("live"), follow::away_status);
    let status = status.event(newest.and_then(|newest| asked.begin(newest)));
    let mut first = sse::first(&status, lock(&front.shown).event.as_deref());
    first.extend(missed);
    let mut response = Response::new(StatusCode::Ok);
    response.insert_header("content-type", "text/event-stream");
    response.insert_header("cache-control", "no-store");
    response.insert_ext(Subscription { first, reader, seat, admitted: Box::new(move || verdict.stands()) });
    Ok(response)
}

/// GET `/healthz`: the monitor's word, and this process's own when there is none.
async fn healthz(request: Request<State>) -> Answer {
    let uptime = time::monotonic().since(request.state().began) / SECOND;
    let front = request.state().clone();
    if let Ok(told) = forwarded(request).await {
        return Ok(relay(told, false));
    }
    let mut response = answer::json(&json!({
        "status": "degraded",
        "version": crate::VERSION,
        "uptime_seconds": uptime,
        "reason": "monitor_away",
        "since": front.link().away(),
    }))?;
    response.set_status(StatusCode::ServiceUnavailable);
    Ok(response)
}

/// GET `/api/health`: the monitor's counters, and this process's beside them.
async fn health(request: Request<State>) -> Answer {
    let front = request.state().clone();
    let told = forwarded(request).await?;
    match serde_json::from_slice::<Value>(&told.body) {
        Ok(mut all) if told.head.status == 200 => {
            all["front"] = front.counters();
            answer::json(&all)
        }
        _ => Ok(relay(told, false)),
    }
}

/// GET `/metrics`: the same as text.
async fn metrics(request: Request<State>) -> Answer {
    let front = request.state().clone();
    let mut told = forwarded(request).await?;
    if told.head.status == 200 {
        let mut text = String::new();
        monitor::flatten(&mut text, "netmonitor_front", "", &front.counters());
        told.body.extend_from_slice(text.as_bytes());
    }
    Ok(relay(told, false))
}
