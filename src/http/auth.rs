//! Who may pass: sessions, API tokens, the claim code, and a lockout that slows guessers, not the owner.
//!
//! A session is a random token in a cookie; the store keeps its SHA-256 alone, so a session survives a restart and
//! a stolen store opens nothing. Guesses count per address and wait twice as long each time; a session that exists
//! is never asked again, so a guesser cannot shut the owner out of an open browser.

use super::answer::Refusal;
use super::app::AuthMode;
use super::password::{self, digest, hex, random, same};
use crate::store::{Store, StoreError};
use crate::time::{self, SECOND, Timestamp};
use http_types::StatusCode;
use serde::{Deserialize, Serialize};
use smol::Timer;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Name of the cookie.
pub const COOKIE: &str = "session";
/// Sessions kept; the oldest goes first.
const SESSIONS: usize = 32;
/// A clock before 2025 was not set when the session began: its age counts from when the clock is right.
const CLOCK_SET: i64 = 1_735_689_600;
/// The store's setting that holds sessions.
pub const SESSIONS_SETTING: &str = "dashboard.sessions";
/// The store's setting that holds API tokens.
const TOKENS_SETTING: &str = "dashboard.tokens";

/// API tokens kept.
const TOKENS: usize = 32;

/// A session or token as it is kept. An API token has an id and a name, too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    sha256: String,
    /// Seconds of Unix time.
    pub created: i64,
    /// Number of an API token.
    #[serde(default)]
    pub id: u64,
    /// What an API token is for.
    #[serde(default)]
    pub name: String,
}

/// Who may pass.
pub struct Auth {
    mode: AuthMode,
    /// How long a session lasts.
    session_seconds: i64,
    claim: Mutex<Option<String>>,
    sessions: Mutex<Vec<Kept>>,
    tokens: Mutex<Vec<Kept>>,
    failures: Mutex<Failures>,
    /// Grows whenever a session or token ends, so that open streams ask again.
    ended: AtomicU64,
    /// One password hash at a time.
    turn: async_lock::Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn load(store: &Store, setting: &str) -> Result<Vec<Kept>, StoreError> {
    let text = store.setting(setting)?.unwrap_or_default();
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

impl Auth {
    /// With the sessions and tokens that the store holds.
    pub fn new(
        store: &Store,
        mode: AuthMode,
        claim_code: Option<String>,
        session_days: u32,
    ) -> Result<Self, StoreError> {
        Ok(Auth {
            mode,
            session_seconds: i64::from(session_days) * 86_400,
            claim: Mutex::new(claim_code),
            sessions: Mutex::new(load(store, SESSIONS_SETTING)?),
            tokens: Mutex::new(load(store, TOKENS_SETTING)?),
            failures: Mutex::default(),
            ended: AtomicU64::new(0),
            turn: async_lock::Mutex::new(()),
        })
    }

    /// How viewers prove who they are.
    pub fn mode(&self) -> AuthMode {
        self.mode
    }

    /// How long a session lasts, seconds.
    pub fn session_seconds(&self) -> i64 {
        self.session_seconds
    }

    /// Whether a password is set, or none is wanted.
    pub fn claimed(&self, store: &Store) -> Result<bool, StoreError> {
        Ok(self.mode == AuthMode::None || store.setting(password::SETTING)?.is_some())
    }

    /// Whether the cookie header or the bearer token opens the door.
    pub fn admits(&self, cookies: Option<&str>, authorization: Option<&str>) -> bool {
        self.mode == AuthMode::None
            || cookies.and_then(session_in).is_some_and(|token| self.knows_session(token))
            || authorization.and_then(bearer).is_some_and(|token| find(&lock(&self.tokens), token).is_some())
    }

    /// How many times a session or token has ended.
    pub fn ended(&self) -> u64 {
        self.ended.load(Relaxed)
    }

    fn knows_session(&self, token: &str) -> bool {
        let (now, mut sessions) = (time::wall().secs(), lock(&self.sessions));
        let Some(at) = find(&sessions, token) else { return false };
        let session = &mut sessions[at];
        if session.created < CLOCK_SET {
            session.created = now;
        }
        now < session.created.saturating_add(self.session_seconds)
    }

    /// Logs in: the token of a new session.
    pub async fn login(&self, store: &Store, peer: IpAddr, attempt: &str) -> Result<String, Refusal> {
        self.patience(peer)?;
        let _turn = self.turn.lock().await;
        // Guesses sent side by side waited here while the first of them failed.
        self.patience(peer)?;
        let unclaimed = || Refusal::new(StatusCode::Conflict, "not_claimed", "no password is set yet");
        let kept = store.setting(password::SETTING)?.ok_or_else(unclaimed)?;
        let began = time::monotonic();
        if password::verify(&kept, attempt) {
            lock(&self.failures).forgive(peer);
            return self.begin(store);
        }
        self.fail(peer);
        // A wrong guess costs this loop one hash; four times as long without leaves the rest of it alone.
        let cost = time::monotonic().since(began).unsigned_abs();
        Timer::after(Duration::from_micros(4 * cost)).await;
        Err(Refusal::new(StatusCode::Unauthorized, "wrong_password", "that is not the password"))
    }

    /// Sets the first password, guarded by the claim code: the token of a new session.
    pub async fn claim(&self, store: &Store, peer: IpAddr, code: &str, new: &str) -> Result<String, Refusal> {
        self.patience(peer)?;
        let _turn = self.turn.lock().await;
        self.patience(peer)?;
        if self.claimed(store)? {
            return Err(Refusal::new(StatusCode::Conflict, "claimed", "a password is set already; log in"));
        }
        let right = lock(&self.claim).as_deref().is_some_and(|c| same(c.as_bytes(), code.trim().as_bytes()));
        if !right {
            self.fail(peer);
            let message = "that is not the claim code; the service prints it when it starts";
            return Err(Refusal::new(StatusCode::Forbidden, "wrong_code", message));
        }
        let hash = password::hash(new).map_err(|error| Refusal::bad(error.to_string()))?;
        store.set_setting(password::SETTING, Some(&hash))?;
        *lock(&self.claim) = None;
        lock(&self.failures).forgive(peer);
        self.begin(store)
    }

    fn begin(&self, store: &Store) -> Result<String, Refusal> {
        let token = fresh()?;
        let mut sessions = lock(&self.sessions);
        let now = time::wall().secs();
        sessions.retain(|s| s.created < CLOCK_SET || now < s.created.saturating_add(self.session_seconds));
        if sessions.len() >= SESSIONS {
            sessions.remove(0);
        }
        sessions.push(Kept { sha256: digest(&token), created: now, id: 0, name: String::new() });
        save(store, SESSIONS_SETTING, &sessions)?;
        Ok(token)
    }

    /// Ends the session that the cookie header names, if it names one.
    pub fn logout(&self, store: &Store, cookies: Option<&str>) -> Result<(), Refusal> {
        let mut sessions = lock(&self.sessions);
        if let Some(at) = cookies.and_then(session_in).and_then(|token| find(&sessions, token)) {
            sessions.remove(at);
            self.ended.fetch_add(1, Relaxed);
            save(store, SESSIONS_SETTING, &sessions)?;
        }
        Ok(())
    }

    /// Changes the password and ends every session: the token of a new one.
    pub async fn change_password(
        &self,
        store: &Store,
        peer: IpAddr,
        old: &str,
        new: &str,
    ) -> Result<String, Refusal> {
        self.login(store, peer, old).await?;
        self.set_password(store, new).await?;
        self.begin(store)
    }

    /// Sets the password, the first one too, and ends every session. For those who own this machine.
    pub async fn set_password(&self, store: &Store, new: &str) -> Result<(), Refusal> {
        let _turn = self.turn.lock().await;
        let hash = password::hash(new).map_err(|error| Refusal::bad(error.to_string()))?;
        let mut sessions = lock(&self.sessions);
        // Sessions first: whatever fails after that leaves nobody inside who should be out.
        save(store, SESSIONS_SETTING, &[])?;
        sessions.clear();
        self.ended.fetch_add(1, Relaxed);
        store.set_setting(password::SETTING, Some(&hash))?;
        *lock(&self.claim) = None;
        Ok(())
    }

    /// The API tokens there are.
    pub fn tokens(&self) -> Vec<Kept> {
        lock(&self.tokens).clone()
    }

    /// Makes an API token: what is kept of it, and the token itself, which is told this once.
    pub fn add_token(&self, store: &Store, name: String) -> Result<(Kept, String), Refusal> {
        let mut tokens = lock(&self.tokens);
        if tokens.len() >= TOKENS {
            let message = format!("there are {TOKENS} tokens already; delete one first");
            return Err(Refusal::new(StatusCode::Conflict, "too_many_tokens", message));
        }
        let token = fresh()?;
        let id = 1 + tokens.iter().map(|t| t.id).max().unwrap_or(0);
        let kept = Kept { sha256: digest(&token), created: time::wall().secs(), id, name };
        tokens.push(kept.clone());
        save(store, TOKENS_SETTING, &tokens)?;
        Ok((kept, token))
    }

    /// Ends an API token; false when there is none.
    pub fn delete_token(&self, store: &Store, id: u64) -> Result<bool, Refusal> {
        let mut tokens = lock(&self.tokens);
        let before = tokens.len();
        tokens.retain(|t| t.id != id);
        self.ended.fetch_add(1, Relaxed);
        save(store, TOKENS_SETTING, &tokens)?;
        Ok(tokens.len() < before)
    }

    fn fail(&self, peer: IpAddr) {
        lock(&self.failures).add(peer, time::monotonic());
    }

    /// Guesses since start that were wrong.
    pub fn failed(&self) -> u64 {
        lock(&self.failures).total
    }

    fn patience(&self, peer: IpAddr) -> Result<(), Refusal> {
        let wait = lock(&self.failures).wait(peer, time::monotonic());
        if wait == 0 {
            return Ok(());
        }
        let message = format!("too many wrong attempts from this address; try again in {wait} s");
        Err(Refusal::new(StatusCode::TooManyRequests, "locked_out", message).retry_after(wait))
    }
}

fn save(store: &Store, setting: &str, kept: &[Kept]) -> Result<(), StoreError> {
    let text = serde_json::to_string(kept).unwrap_or_default();
    store.set_setting(setting, Some(&text))
}

/// A new secret of 256 bits.
fn fresh() -> Result<String, Refusal> {
    let no_random = || Refusal::busy("no_random", "the system has no random bytes yet", 2);
    Ok(hex(&random::<32>().ok_or_else(no_random)?))
}

fn find(kept: &[Kept], token: &str) -> Option<usize> {
    let wanted = digest(token);
    kept.iter().position(|k| same(k.sha256.as_bytes(), wanted.as_bytes()))
}

/// The session token in a cookie header.
fn session_in(cookies: &str) -> Option<&str> {
    let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// The token in an authorization header.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Wrong guesses by address: at most [`Failures::KEPT`] addresses, the one that waits least goes first.
#[derive(Default)]
struct Failures {
    by_address: HashMap<IpAddr, Failure>,
    total: u64,
}

struct Failure {
    count: u32,
    last: Timestamp,
    until: Timestamp,
}

impl Failures {
    /// Addresses remembered.
    const KEPT: usize = 1024;
    /// Guesses that cost no waiting: people mistype.
    const FREE: u32 = 5;
    /// Longest wait, seconds. An owner behind the same address as a guesser waits no longer.
    const LONGEST: i64 = 60;
    /// Seconds after which an address is forgiven.
    const FORGET: i64 = 900;

    fn add(&mut self, peer: IpAddr, now: Timestamp) {
        self.total += 1;
        let peer = neighbourhood(peer);
        if self.by_address.len() >= Self::KEPT && !self.by_address.contains_key(&peer) {
            let least = self.by_address.iter().min_by_key(|(_, f)| f.until).map(|(address, _)| *address);
            self.by_address.remove(&least.unwrap_or(peer));
        }
        let failure =
            self.by_address.entry(peer).or_insert(Failure { count: 0, last: now, until: Timestamp::MIN });
        if now.since(failure.last) > Self::FORGET * SECOND {
            failure.count = 0;
        }
        failure.count += 1;
        failure.last = now;
        if let Some(beyond) = failure.count.checked_sub(Self::FREE) {
            failure.until = now.plus((1 << beyond.min(16)).min(Self::LONGEST) * SECOND);
        }
    }

    /// Seconds to wait, rounded up.
    fn wait(&self, peer: IpAddr, now: Timestamp) -> u64 {
        let until = self.by_address.get(&neighbourhood(peer)).map_or(now, |f| f.until);
        until.since(now).unsigned_abs().div_ceil(SECOND.unsigned_abs())
    }

    fn forgive(&mut self, peer: IpAddr) {
        self.by_address.remove(&neighbourhood(peer));
    }
}

/// An IPv6 host owns a /64, so that counts as one address.
fn neighbourhood(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_guess_waits_and_each_next_one_twice_as_long_up_to_a_minute() {
        let (mut failures, mut now) = (Failures::default(), Timestamp::from_secs(0));
        let peer: IpAddr = "192.168.1.7".parse().expect("ip");
        let mut waits = Vec::new();
        for _ in 0..13 {
            failures.add(peer, now);
            waits.push(failures.wait(peer, now));
            now = now.plus(failures.wait(peer, now) as i64 * SECOND);
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(failures.wait("192.168.1.8".parse().expect("ip"), now), 0, "others are not held");
        failures.add(peer, now.plus(Failures::FORGET * SECOND + 1));
        assert_eq!(failures.by_address[&peer].count, 1, "forgiven after a while");
    }

    #[test]
    fn a_flood_of_addresses_is_bounded_and_a_network_counts_as_one() {
        let mut failures = Failures::default();
        for n in 0..5000u32 {
            failures.add(IpAddr::V4(n.into()), Timestamp::from_secs(i64::from(n)));
        }
        assert_eq!(failures.by_address.len(), Failures::KEPT);
        for n in 0..7 {
            failures.add(format!("2001:db8::{n}").parse().expect("ip"), Timestamp::from_secs(6000));
        }
        assert!(failures.wait("2001:db8::ffff".parse().expect("ip"), Timestamp::from_secs(6000)) > 0);
    }

    #[test]
    fn cookies_and_bearer_tokens_are_found_among_others() {
        assert_eq!(session_in("a=b; session=xyz; c=d"), Some("xyz"));
        assert_eq!(session_in("xsession=1;sessions=2"), None);
        assert_eq!(bearer("bearer  abc"), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
    }
}
