//! What the loop and the routes share: the last snapshot, the store, the bus, and the way back to the loop.

use super::answer::Refusal;
use super::audit::{self, Guesses};
use super::auth::Auth;
use super::hall::{Hall, Limits, Stats};
use super::sse;
use crate::addr::Prefix;
use crate::alert::AlertRecord;
use crate::command::{Command, Reply};
use crate::event::{DeviceRecord, Snapshot};
use crate::places::Places;
use crate::store::{Store, StoreError};
use crate::time::{self, Timestamp, WallTime};
use hyper::body::Bytes;
use smol::Timer;
use smol::channel::{Sender, TrySendError};
use smol::future::FutureExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The loop answers within one turn; a commit to a slow card may hold it for half a second.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// The length of the whole snapshot is a multiple of this, bytes.
const WHOLE_STEP: usize = 1024;
/// A live monitor that has sent no snapshot for this long, in seconds, is stuck.
const STALE_SECONDS: i64 = 30;

/// How viewers prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// By password, or an API token.
    Password,
    /// Not at all; for a dashboard that only this machine can reach.
    None,
}

/// What [`App::new`] needs.
pub struct Setup {
    /// Alerts, mutes, series, settings.
    pub store: Arc<Store>,
    /// The way to the loop. Bounded; 64 is plenty.
    pub commands: Sender<Command>,
    /// How viewers prove who they are.
    pub auth: AuthMode,
    /// The code that guards setting the first password; without one, none can be set over HTTP.
    pub claim_code: Option<String>,
    /// Days after which a login ends.
    pub session_days: u32,
    /// Caps.
    pub limits: Limits,
    /// This machine's host name: answers to it and to `<name>.local`.
    pub host: String,
    /// Other names this dashboard is reached by.
    pub public_hosts: Vec<String>,
    /// Whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<Prefix>,
    /// Whether this shows a replay: time is then the snapshot's, not the clock's.
    pub replay: bool,
}

/// The newest snapshot and its two encodings, made when first asked for.
#[derive(Default)]
struct Latest {
    snapshot: Option<Snapshot>,
    set_at: Timestamp,
    whole: Option<Bytes>,
    event: Option<Arc<[u8]>>,
}

/// The dashboard's state. One per process, shared by the loop and every route.
pub struct App {
    pub(super) store: Arc<Store>,
    pub(super) hall: Arc<Hall>,
    pub(super) auth: Auth,
    pub(super) guesses: Guesses,
    host: String,
    replay: bool,
    commands: Sender<Command>,
    latest: Mutex<Latest>,
    health: Mutex<Arc<serde_json::Value>>,
    kinds: Mutex<[Bytes; 2]>,
    places: Mutex<Option<Places>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl App {
    /// A dashboard with nothing to show yet.
    pub fn new(setup: Setup) -> Result<Arc<App>, StoreError> {
        Ok(Arc::new(App {
            auth: Auth::new(&setup.store, setup.auth, setup.claim_code, setup.session_days)?,
            store: setup.store,
            hall: Hall::new(setup.limits, &setup.host, &setup.public_hosts, setup.trusted_proxies),
            guesses: Guesses::default(),
            host: setup.host.to_ascii_lowercase(),
            replay: setup.replay,
            commands: setup.commands,
            latest: Mutex::default(),
            health: Mutex::new(Arc::new(serde_json::json!({}))),
            kinds: Mutex::new([Bytes::from_static(b"[]"), Bytes::from_static(b"[]")]),
            places: Mutex::default(),
        }))
    }

    /// Takes the newest snapshot, its lists filled, and sends it to viewers without them. Call once a second.
    pub fn set_snapshot(&self, snapshot: Snapshot) {
        let mut latest = lock(&self.latest);
        *latest = Latest { snapshot: Some(snapshot), set_at: time::monotonic(), whole: None, event: None };
        // With nobody watching, nothing is encoded.
        if self.viewers() > 0
            && let Some(event) = latest.event()
        {
            self.hall.bus.publish(event);
        }
    }

    /// Sends an alert, raised or grown, to viewers. Commit it to the store first: a viewer that comes in between
    /// resumes from there.
    pub fn publish_alert(&self, alert: &AlertRecord) {
        lock(&self.latest)
            .amend(|snapshot| replace(&mut snapshot.alerts.recent, alert, |a| a.id == alert.id));
        self.hall.bus.publish(sse::alert(alert));
    }

    /// Sends a device that appeared or changed to viewers.
    pub fn publish_device(&self, device: &DeviceRecord) {
        lock(&self.latest)
            .amend(|snapshot| replace(&mut snapshot.devices.list, device, |d| d.id == device.id));
        self.hall.bus.publish(sse::event("device", device, None));
    }

    /// Tells viewers a state of the stream itself: `live`, `away` (the monitor does not answer), `closing`.
    pub fn publish_status(&self, state: &str, detail: Option<&str>) {
        self.hall.bus.publish(sse::status(state, detail, None));
    }

    /// Sends the mark of a self-test to viewers: each can tell that events reach it.
    pub fn publish_canary(&self, nonce: &str) {
        let status = serde_json::json!({
            "state": "live",
            "time": time::wall(),
            "version": crate::VERSION,
            "detail": "self_test",
            "nonce": nonce,
        });
        self.hall.bus.publish(sse::event("status", &status, None));
    }

    /// Takes what `/api/health` and `/metrics` show: an object of objects of numbers. Call every few seconds.
    pub fn set_health(&self, health: serde_json::Value) {
        *lock(&self.health) = Arc::new(health);
    }

    /// Takes what `/api/kinds` answers, JSON in English and Dutch.
    pub fn set_kinds(&self, en: String, nl: String) {
        *lock(&self.kinds) = [Bytes::from(en), Bytes::from(nl)];
    }

    /// Takes the files that say where outside addresses are.
    pub fn set_places(&self, places: Places) {
        *lock(&self.places) = Some(places);
    }

    /// Asks them; `None` when there are none.
    pub(super) fn ask_places<T>(&self, ask: impl FnOnce(&mut Places) -> T) -> Option<T> {
        lock(&self.places).as_mut().map(ask)
    }

    /// Live event streams.
    pub fn viewers(&self) -> u32 {
        self.hall.viewers()
    }

    /// Whether a password is set, or none is wanted.
    pub fn claimed(&self) -> bool {
        self.auth.claimed(&self.store).unwrap_or(true)
    }

    /// Takes the administrator's password and second factor away and ends every session and token, for who owns this
    /// machine; `code` claims the dashboard anew.
    pub fn reset(&self, code: String) -> Result<(), StoreError> {
        self.auth.reset(&self.store, code)?;
        audit::own(self, "reset", "");
        Ok(())
    }

    /// This machine's host name; empty where it has none.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// What has happened on the wire.
    pub fn stats(&self) -> Stats {
        Stats { logins_failed: self.auth.failed(), ..self.hall.stats() }
    }

    /// Says good-bye to viewers and ends [`super::serve`].
    pub fn shutdown(&self) {
        self.publish_status("closing", None);
        self.hall.close();
    }

    /// Asks the loop and waits for its answer.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, Refusal> {
        let (sender, receiver) = smol::channel::bounded(1);
        let reply = Box::new(move |value| {
            let _ = sender.try_send(value);
        });
        self.tell(command(reply))?;
        let answer = async { receiver.recv().await.ok() };
        let late = async {
            Timer::after(ANSWER_TIME).await;
            None
        };
        answer
            .or(late)
            .await
            .ok_or_else(|| Refusal::busy("no_answer", "the monitor did not answer in time", 2))
    }

    /// Tells the loop something that needs no answer.
    pub(super) fn tell(&self, command: Command) -> Result<(), Refusal> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => Refusal::busy("busy", "the monitor is busy", 1),
            TrySendError::Closed(_) => Refusal::busy("stopping", "the monitor is stopping", 5),
        })
    }

    /// Now, as the data has it.
    pub(super) fn now(&self) -> WallTime {
        let replayed = self.replay.then(|| self.with_snapshot(|s| s.monitor.time)).flatten();
        replayed.unwrap_or_else(time::wall)
    }

    /// Looks at the newest snapshot, when there is one.
    pub(super) fn with_snapshot<T>(&self, look: impl FnOnce(&Snapshot) -> T) -> Option<T> {
        lock(&self.latest).snapshot.as_ref().map(look)
    }

    /// Whether frames can come: an interface is up and the loop turns.
    pub(super) fn capturing(&self) -> bool {
        let latest = lock(&self.latest);
        let fresh = time::monotonic().since(latest.set_at) < STALE_SECONDS * time::SECOND;
        let up = |s: &Snapshot| s.capture.interfaces.iter().any(|i| i.up);
        self.replay || fresh && latest.snapshot.as_ref().is_some_and(up)
    }

    /// The newest snapshot as `/api/dashboard` answers it.
    pub(super) fn dashboard(&self) -> Option<Bytes> {
        let mut latest = lock(&self.latest);
        let latest = &mut *latest;
        let snapshot = latest.snapshot.as_ref()?;
        let encode = || {
            let mut whole = serde_json::to_vec(snapshot).unwrap_or_default();
            // Blanks at the end mean nothing in JSON. `ab` takes an answer that is longer than the first for a broken one,
            // and digits come and go every second.
            whole.resize(whole.len().next_multiple_of(WHOLE_STEP), b' ');
            Bytes::from(whole)
        };
        Some(latest.whole.get_or_insert_with(encode).clone())
    }

    /// The newest snapshot as an event.
    pub(super) fn snapshot_event(&self) -> Option<Arc<[u8]>> {
        lock(&self.latest).event()
    }

    pub(super) fn health(&self) -> Arc<serde_json::Value> {
        lock(&self.health).clone()
    }

    pub(super) fn kinds(&self, language: usize) -> Bytes {
        lock(&self.kinds)[language].clone()
    }
}

/// Puts `new` in the place of the one that is `same`; whether there was one.
fn replace<T: Clone>(list: &mut [T], new: &T, same: impl Fn(&T) -> bool) -> bool {
    list.iter_mut().find(|old| same(old)).map(|old| old.clone_from(new)).is_some()
}

impl Latest {
    /// Changes the snapshot before the next one comes: who opens a page meanwhile hears no event of what was before.
    fn amend(&mut self, change: impl FnOnce(&mut Snapshot) -> bool) {
        if self.snapshot.as_mut().is_some_and(change) {
            self.whole = None;
        }
    }

    /// The event carries no lists: they change little and would be most of its bytes.
    fn event(&mut self) -> Option<Arc<[u8]>> {
        let snapshot = self.snapshot.as_mut()?;
        if self.event.is_none() {
            let history = std::mem::take(&mut snapshot.traffic.history);
            let recent = std::mem::take(&mut snapshot.alerts.recent);
            let list = std::mem::take(&mut snapshot.devices.list);
            self.event = Some(sse::event("snapshot", snapshot, None));
            snapshot.traffic.history = history;
            snapshot.alerts.recent = recent;
            snapshot.devices.list = list;
        }
        self.event.clone()
    }
}
