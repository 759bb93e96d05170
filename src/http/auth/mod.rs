//! Who may pass: accounts, sessions, API tokens, the claim code, and a lockout that slows guessers, not the owner.
//!
//! Whoever is inside is never asked again, so a guesser cannot shut the owner out of an open browser.

mod accounts;
mod keepsake;
mod lockout;
mod sessions;
mod tokens;
mod totp;

pub use accounts::{ADMINISTRATOR, Account, Role};
pub use keepsake::Keepsake;
pub use sessions::{Begun, Newcomer, SETTING as SESSIONS_SETTING, Session, browser};
pub use tokens::{Scope, Token, Wanted};
pub use totp::qr;

use super::answer::Refusal;
use super::app::AuthMode;
use super::password::{self, digest, hex, random, same};
use crate::store::{Store, StoreError};
use crate::time::{self, Timestamp, WallTime};
use accounts::Accounts;
use http_types::StatusCode;
use lockout::{Failures, Queue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sessions::Sessions;
use smol::Timer;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokens::Tokens;
use totp::Verdict;

/// Name of the cookie.
pub const COOKIE: &str = "session";
/// A clock before 2025 was not set: no age counts by it, and no code either.
const CLOCK_SET: i64 = 1_735_689_600;

/// Who sent a request, and what he may do. The guard puts it into every request that it lets pass.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Name for people: of the account or the token; `local` for a program on this machine, empty where nobody is
    /// asked.
    pub who: String,
    /// What he may do.
    pub role: Role,
    /// A wall display: it may see what `/kiosk` shows and nothing else.
    pub kiosk: bool,
    /// The account, for those who have one.
    pub account: Option<u64>,
    /// The session, for those who have one.
    pub session: Option<u64>,
    /// When this ends, seconds of Unix time.
    pub ends: Option<i64>,
}

impl Admitted {
    /// Someone who owns this machine: on the local socket, or where no password is wanted.
    pub fn owner(who: &str) -> Admitted {
        Admitted {
            who: who.to_owned(),
            role: Role::Administrator,
            kiosk: false,
            account: None,
            session: None,
            ends: None,
        }
    }

    /// Whether he may change things.
    pub fn administers(&self) -> bool {
        self.role == Role::Administrator
    }

    fn by_token(token: &Token) -> Admitted {
        let role = if token.scope == Scope::Admin { Role::Administrator } else { Role::Viewer };
        let kiosk = token.scope == Scope::Kiosk;
        Admitted { role, kiosk, ends: token.expires, ..Admitted::owner(&token.name) }
    }
}

/// A log-in that is tried.
pub struct Attempt<'a> {
    /// The account; without a name the administrator.
    pub name: Option<&'a str>,
    /// Its password.
    pub password: &'a str,
    /// A code of the telephone, or a recovery code.
    pub code: Option<&'a str>,
}

/// From where.
pub struct Caller {
    /// Address.
    pub peer: IpAddr,
    /// Browser, in a few words.
    pub browser: String,
}

/// Who may pass.
pub struct Auth {
    mode: AuthMode,
    claim: Mutex<Option<String>>,
    /// The accounts.
    pub accounts: Accounts,
    /// The sessions. End them by [`Auth::end_sessions`], so that open streams end too.
    pub sessions: Sessions,
    tokens: Tokens,
    failures: Mutex<Failures>,
    queue: Queue,
    /// Grows whenever a session or token ends, so that open streams ask again.
    ended: AtomicU64,
    /// One password hash at a time.
    turn: async_lock::Mutex<()>,
}

impl Auth {
    /// With what the store holds.
    pub fn new(
        store: &Store,
        mode: AuthMode,
        claim_code: Option<String>,
        session_days: u32,
    ) -> Result<Self, StoreError> {
        Ok(Auth {
            mode,
            claim: Mutex::new(claim_code),
            accounts: Accounts::load(store)?,
            sessions: Sessions::load(store, i64::from(session_days) * 86_400)?,
            tokens: Tokens::load(store)?,
            failures: Mutex::default(),
            queue: Queue::default(),
            ended: AtomicU64::new(0),
            turn: async_lock::Mutex::new(()),
        })
    }

    /// How viewers prove who they are.
    pub fn mode(&self) -> AuthMode {
        self.mode
    }

    /// Whether a password is set, or none is wanted.
    pub fn claimed(&self, store: &Store) -> Result<bool, StoreError> {
        Ok(self.mode == AuthMode::None || store.setting(password::SETTING)?.is_some())
    }

    /// Whom the cookie header or the bearer token lets in.
    pub fn admit(
        &self,
        store: &Store,
        cookies: Option<&str>,
        authorization: Option<&str>,
    ) -> Option<Admitted> {
        if self.mode == AuthMode::None {
            return Some(Admitted::owner(""));
        }
        let by_cookie = || self.by_session(store, cookies.and_then(session_in)?);
        let by_bearer =
            || self.tokens.known(store, authorization.and_then(bearer)?).map(|t| Admitted::by_token(&t));
        by_cookie().or_else(by_bearer)
    }

    fn by_session(&self, store: &Store, token: &str) -> Option<Admitted> {
        let session = self.sessions.known(store, token)?;
        if let Some(id) = session.token {
            let token = self.tokens.numbered(id)?;
            return Some(Admitted { session: Some(session.id), ..Admitted::by_token(&token) });
        }
        let account = self.accounts.numbered(session.account)?;
        Some(Admitted {
            role: account.role(),
            who: account.name,
            kiosk: false,
            account: Some(account.id),
            session: Some(session.id),
            ends: self.sessions.ends(&session),
        })
    }

    /// How many times a session or token has ended.
    pub fn ended(&self) -> u64 {
        self.ended.load(Relaxed)
    }

    /// Wrong guesses since start.
    pub fn failed(&self) -> u64 {
        lock(&self.failures).total
    }

    /// Logs in.
    pub async fn login(&self, store: &Store, from: Caller, attempt: Attempt<'_>) -> Result<Begun, Refusal> {
        let account = self.prove(store, from.peer, attempt, true).await?;
        self.begin(store, account.id, from)
    }

    /// Begins a session.
    pub fn begin(&self, store: &Store, account: u64, from: Caller) -> Result<Begun, Refusal> {
        let now = time::wall().secs();
        self.accounts.change(store, account, |account| account.last_login = Some(now))?;
        let address = from.peer.to_string();
        self.sessions.begin(store, Newcomer { account, token: None, address, browser: from.browser })
    }

    /// Whether someone is who he says: the password, and with `whole` the second factor too. An unknown name costs
    /// the same time as a wrong password and is answered the same.
    pub async fn prove(
        &self,
        store: &Store,
        peer: IpAddr,
        attempt: Attempt<'_>,
        whole: bool,
    ) -> Result<Account, Refusal> {
        let _place = self.place(peer)?;
        let _turn = self.turn.lock().await;
        // Guesses sent side by side waited here while the first of them failed.
        self.patience(peer)?;
        if !self.claimed(store)? {
            return Err(Refusal::new(StatusCode::Conflict, "not_claimed", "no password is set yet"));
        }
        let account = self.accounts.named(attempt.name);
        let kept = account.as_ref().map(|account| account.password(store)).transpose()?.flatten();
        let began = time::monotonic();
        let right = password::verify(kept.as_deref().unwrap_or(password::NOBODY), attempt.password);
        let refusal = match account.filter(|_| right && kept.is_some()) {
            None => wrong_password(attempt.name.is_some()),
            Some(account) => match self.second(store, &account, attempt.code, whole)? {
                None => {
                    self.forgive(peer, account.role());
                    return Ok(account);
                }
                Some(refusal) => refusal,
            },
        };
        self.fail(peer, began).await;
        Err(refusal)
    }

    /// What is wrong with the code of someone whose password is right: nothing, what must be told, or what counts as
    /// a wrong guess.
    fn second(
        &self,
        store: &Store,
        account: &Account,
        code: Option<&str>,
        whole: bool,
    ) -> Result<Option<Refusal>, Refusal> {
        let Some(mut factor) = account.two_factor.clone().filter(|_| whole) else { return Ok(None) };
        let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else {
            let message = "the code of your telephone is needed too, or a recovery code";
            return Err(Refusal::new(StatusCode::Unauthorized, "code_needed", message));
        };
        let verdict = if totp::by_time(code) {
            clock()?;
            factor.judge(code, time::wall().secs())
        } else if factor.recover(code) {
            Verdict::Taken
        } else {
            Verdict::Wrong
        };
        if verdict == Verdict::Taken {
            self.accounts.set_two_factor(store, account.id, Some(factor))?;
            return Ok(None);
        }
        Ok(Some(wrong_code(&verdict)))
    }

    /// Offers the account a second factor.
    pub fn offer_two_factor(&self, account: u64) -> Result<totp::Offer, Refusal> {
        self.accounts.offer(account).ok_or_else(no_random)
    }

    /// Sets the second factor that was offered, when the code shows that it arrived: the recovery codes.
    pub fn confirm_two_factor(
        &self,
        store: &Store,
        account: u64,
        code: &str,
    ) -> Result<Vec<String>, Refusal> {
        clock()?;
        let none =
            || Refusal::new(StatusCode::Conflict, "nothing_offered", "begin anew: the offer has lapsed");
        let offer = self.accounts.offered(account).ok_or_else(none)?;
        let confirmed = offer.confirm(code, time::wall().secs());
        let (factor, codes) = confirmed.ok_or_else(|| {
            let status = StatusCode::UnprocessableEntity;
            Refusal::new(status, "wrong_code", clock_words("that is not the code of now"))
        })?;
        self.accounts.set_two_factor(store, account, Some(factor))?;
        Ok(codes)
    }

    /// New recovery codes in place of the old ones.
    pub fn renew_recovery(&self, store: &Store, account: &Account) -> Result<Vec<String>, Refusal> {
        let none =
            || Refusal::new(StatusCode::Conflict, "no_two_factor", "there is no second factor to recover");
        let mut factor = account.two_factor.clone().ok_or_else(none)?;
        let codes = factor.renew().ok_or_else(no_random)?;
        self.accounts.set_two_factor(store, account.id, Some(factor))?;
        Ok(codes)
    }

    /// Sets the first password, guarded by the claim code.
    pub async fn claim(&self, store: &Store, from: Caller, code: &str, new: &str) -> Result<Begun, Refusal> {
        let _place = self.place(from.peer)?;
        let _turn = self.turn.lock().await;
        self.patience(from.peer)?;
        if self.claimed(store)? {
            return Err(Refusal::new(StatusCode::Conflict, "claimed", "a password is set already; log in"));
        }
        let right = lock(&self.claim).as_deref().is_some_and(|c| same(c.as_bytes(), code.trim().as_bytes()));
        if !right {
            lock(&self.failures).add(from.peer, time::monotonic());
            let message = "that is not the claim code; the service prints it when it starts";
            return Err(Refusal::new(StatusCode::Forbidden, "wrong_code", message));
        }
        let hash = password::hash(new).map_err(|error| Refusal::bad(error.to_string()))?;
        store.set_setting(password::SETTING, Some(&hash))?;
        *lock(&self.claim) = None;
        self.forgive(from.peer, Role::Administrator);
        self.begin(store, ADMINISTRATOR, from)
    }

    /// A hash of a new password, when its turn comes.
    pub async fn hash(&self, new: &str) -> Result<String, Refusal> {
        let _turn = self.turn.lock().await;
        password::hash(new).map_err(|error| Refusal::bad(error.to_string()))
    }

    /// Sets an account's password and ends its sessions. The administrator's first one too, for those who own this
    /// machine.
    pub async fn set_password(&self, store: &Store, account: u64, new: &str) -> Result<(), Refusal> {
        let hash = self.hash(new).await?;
        // Sessions first: whatever fails after that leaves nobody inside who should be out.
        self.end_sessions(store, |session| session.account == account && session.token.is_none())?;
        self.accounts.set_password(store, account, hash)?;
        if account == ADMINISTRATOR {
            *lock(&self.claim) = None;
        }
        Ok(())
    }

    /// Takes the administrator's password and second factor away and ends every session and token; `code` claims the
    /// dashboard anew.
    pub fn reset(&self, store: &Store, code: String) -> Result<(), StoreError> {
        *lock(&self.claim) = Some(code);
        self.end_sessions(store, |_| true)?;
        self.tokens.clear(store)?;
        self.accounts.set_two_factor(store, ADMINISTRATOR, None)?;
        store.set_setting(password::SETTING, None)
    }

    /// Takes passwords, accounts and tokens over from a backup; everyone must log in again.
    pub fn adopt(&self, store: &Store, keepsake: &Keepsake) -> Result<(), StoreError> {
        self.end_sessions(store, |_| true)?;
        keepsake.keep(store)?;
        self.accounts.reload(store)?;
        self.tokens.reload(store)?;
        if self.claimed(store)? {
            *lock(&self.claim) = None;
        }
        Ok(())
    }

    /// When its turn comes, the work of one password hash.
    pub async fn in_turn<T>(&self, work: impl FnOnce() -> T) -> T {
        let _turn = self.turn.lock().await;
        work()
    }

    /// Ends the sessions that `which` picks: how many.
    pub fn end_sessions(&self, store: &Store, which: impl Fn(&Session) -> bool) -> Result<usize, StoreError> {
        let ended = self.sessions.end(store, which);
        self.ended.fetch_add(1, Relaxed);
        ended
    }

    /// The session that the cookie header names, if it names one.
    pub fn session(&self, store: &Store, cookies: Option<&str>) -> Option<Session> {
        self.sessions.known(store, session_in(cookies?)?)
    }

    /// Begins a session of a wall display for the kiosk token that it shows; the session ends with the token. None for
    /// one that has a session of this token already: `there`.
    pub fn begin_kiosk(
        &self,
        store: &Store,
        from: Caller,
        token: &str,
        there: Option<u64>,
    ) -> Result<(Token, Option<Begun>), Refusal> {
        let wrong =
            || Refusal::new(StatusCode::Unauthorized, "wrong_token", "that is no token for the kiosk");
        let token = self.tokens.known(store, token).filter(|t| t.scope == Scope::Kiosk).ok_or_else(wrong)?;
        if there == Some(token.id) {
            return Ok((token, None));
        }
        let address = from.peer.to_string();
        let who = Newcomer { account: 0, token: Some(token.id), address, browser: from.browser };
        let begun = self.sessions.begin(store, who)?;
        Ok((token, Some(begun)))
    }

    /// The API tokens there are.
    pub fn tokens(&self) -> Vec<Token> {
        self.tokens.list()
    }

    /// The API token of this number.
    pub fn token(&self, id: u64) -> Option<Token> {
        self.tokens.numbered(id)
    }

    /// Makes an API token: what is kept of it, and the token itself, which is told this once.
    pub fn add_token(&self, store: &Store, wanted: Wanted) -> Result<(Token, String), Refusal> {
        self.tokens.add(store, wanted)
    }

    /// Ends an API token and the sessions that came from it: what it was.
    pub fn delete_token(&self, store: &Store, id: u64) -> Result<Option<Token>, Refusal> {
        let gone = self.tokens.delete(store, id)?;
        self.end_sessions(store, |session| session.token == Some(id))?;
        Ok(gone)
    }

    /// A place in the queue for a password hash, for an address that does not have to wait.
    fn place(&self, peer: IpAddr) -> Result<lockout::Place, Refusal> {
        self.patience(peer)?;
        self.queue.enter(peer, lock(&self.failures).has(peer))
    }

    /// Counts a wrong guess. It costs this loop one hash; four times as long without leaves the rest of it alone.
    async fn fail(&self, peer: IpAddr, began: Timestamp) {
        lock(&self.failures).add(peer, time::monotonic());
        let cost = time::monotonic().since(began).unsigned_abs();
        Timer::after(Duration::from_micros(4 * cost)).await;
    }

    /// Forgets the wrong guesses of an address. A viewer's log-in does not: he could guess at the administrator's
    /// password in between.
    fn forgive(&self, peer: IpAddr, role: Role) {
        if role == Role::Administrator {
            lock(&self.failures).forgive(peer);
        }
    }

    fn patience(&self, peer: IpAddr) -> Result<(), Refusal> {
        lock(&self.failures).patience(peer, time::monotonic())
    }
}

fn wrong_password(named: bool) -> Refusal {
    let message =
        if named { "that name and password do not go together" } else { "that is not the password" };
    Refusal::new(StatusCode::Unauthorized, "wrong_password", message)
}

fn wrong_code(verdict: &Verdict) -> Refusal {
    let (code, message) = match verdict {
        Verdict::Used => ("code_used", "this code was taken already; wait for the next one"),
        _ => ("wrong_code", "that is not the code of now"),
    };
    Refusal::new(StatusCode::Unauthorized, code, clock_words(message))
}

/// A code that is wrong is often a clock that is.
fn clock_words(message: &str) -> String {
    format!(
        "{message} (the clock of this monitor says {} UTC)",
        &time::wall().to_string()[..19].replace('T', " ")
    )
}

/// Codes go by the clock, and a board without a battery starts without one.
fn clock() -> Result<(), Refusal> {
    if time::wall().secs() >= CLOCK_SET {
        return Ok(());
    }
    let message =
        "the clock of this monitor is not set yet, so codes cannot be checked; use a recovery code, or wait";
    Err(Refusal::busy("clock_not_set", message, 30))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A list that the store holds; empty when there is none, or none that can be read.
fn read<T: DeserializeOwned>(store: &Store, setting: &str) -> Result<Vec<T>, StoreError> {
    let Some(text) = store.setting(setting)? else { return Ok(Vec::new()) };
    let list = serde_json::from_str(&text).inspect_err(|error| log::error!("store: {setting}: {error}"));
    Ok(list.unwrap_or_default())
}

fn save<T: Serialize>(store: &Store, setting: &str, list: &[T]) -> Result<(), StoreError> {
    let text = serde_json::to_string(list).unwrap_or_default();
    store.set_setting(setting, Some(&text))
}

fn no_random() -> Refusal {
    Refusal::busy("no_random", "the system has no random bytes yet", 2)
}

/// A new secret of 256 bits.
fn fresh() -> Result<String, Refusal> {
    Ok(hex(&random::<32>().ok_or_else(no_random)?))
}

/// Where among `digests` that of `token` is.
fn find<'a>(mut digests: impl Iterator<Item = &'a str>, token: &str) -> Option<usize> {
    let wanted = digest(token);
    digests.position(|kept| same(kept.as_bytes(), wanted.as_bytes()))
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

/// Seconds of Unix time as they are told.
pub fn told(seconds: i64) -> WallTime {
    WallTime::from_micros(seconds.saturating_mul(time::SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_and_bearer_tokens_are_found_among_others() {
        assert_eq!(session_in("a=b; session=xyz; c=d"), Some("xyz"));
        assert_eq!(session_in("xsession=1;sessions=2"), None);
        assert_eq!(bearer("bearer  abc"), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
    }
}
