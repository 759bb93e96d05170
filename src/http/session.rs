//! Logging in and out: who is logged in, the sessions there are, passwords.

use super::answer::{self, Answer, Refusal};
use super::auth::{self, ADMINISTRATOR, Account, Admitted, Attempt, Begun, COOKIE, Caller, Session, told};
use super::{AuthMode, Peer, State, audit, query};
use http_types::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::IpAddr;
use tide::Request;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    name: Option<String>,
    password: String,
    code: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    code: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Not needed on the local socket.
    old: Option<String>,
    new: String,
}

/// POST `/api/session`: a cookie for the right password, and the right code where a second factor is set.
pub async fn login(mut request: Request<State>) -> Answer {
    let wanted: Login = query::body(&mut request).await?;
    let (app, from) = (request.state(), caller(&request)?);
    if app.auth.mode() == AuthMode::None {
        return answer::nothing();
    }
    let name = wanted.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    // A name that nobody has may be a password typed into the wrong field: it is not written down.
    let who = app.auth.accounts.named(name).map(|account| account.name).unwrap_or_default();
    let attempt = Attempt { name, password: &wanted.password, code: wanted.code.as_deref() };
    let answer = match app.auth.login(&app.store, from, attempt).await {
        Ok(begun) => with_cookie(&begun)?,
        Err(refusal) => refusal.response(),
    };
    Ok(audit::by(answer, who))
}

/// POST `/api/claim`: sets the first password and logs in.
pub async fn claim(mut request: Request<State>) -> Answer {
    let wanted: Claim = query::body(&mut request).await?;
    let (app, from) = (request.state(), caller(&request)?);
    with_cookie(&app.auth.claim(&app.store, from, &wanted.code, &wanted.password).await?)
}

/// GET `/api/session`: who is logged in.
pub async fn me(request: Request<State>) -> Answer {
    query::Query::of(&request, &[])?;
    let (app, who) = (request.state(), admitted(&request)?);
    let account = who.account.and_then(|id| app.auth.accounts.numbered(id));
    answer::json(&json!({
        "name": who.who,
        "role": who.role,
        "two_factor": account.as_ref().is_some_and(|account| account.two_factor.is_some()),
        "recovery_codes": account.and_then(|account| account.two_factor).map_or(0, |factor| factor.left()),
        "expires": who.ends.map(told),
        "kiosk": who.kiosk,
        "account": who.account,
    }))
}

/// DELETE `/api/session`: ends this session. Without one there is nothing to end.
pub async fn logout(request: Request<State>) -> Answer {
    let app = request.state();
    let cookies = request.header("cookie").map(|v| v.as_str());
    let mut answer = with_cookie(&Begun { token: String::new(), seconds: 0 })?;
    if let Some(session) = app.auth.session(&app.store, cookies) {
        app.auth.end_sessions(&app.store, |other| other.id == session.id)?;
        answer = audit::by(answer, owner(app, &session));
    }
    Ok(answer)
}

/// POST `/api/password`: changes one's password; every other session of the account ends. Whoever may open the local
/// socket owns this machine, sets the administrator's, and need not know the old one.
pub async fn change_password(mut request: Request<State>) -> Answer {
    let wanted: Change = query::body(&mut request).await?;
    let app = request.state();
    if request.ext::<Peer>() == Some(&Peer::Local) {
        app.auth.set_password(&app.store, ADMINISTRATOR, &wanted.new).await?;
        return answer::nothing();
    }
    let old = wanted.old.ok_or_else(|| Refusal::bad("old must be given: the password as it is now"))?;
    let account = prove(&request, &old).await?;
    app.auth.set_password(&app.store, account.id, &wanted.new).await?;
    with_cookie(&app.auth.begin(&app.store, account.id, caller(&request)?)?)
}

/// GET `/api/sessions`: one's own; the administrator sees those of all, and the wall displays.
pub async fn list(request: Request<State>) -> Answer {
    query::Query::of(&request, &[])?;
    let (app, who) = (request.state(), admitted(&request)?);
    let mine = |session: &Session| who.administers() || Some(session.account) == who.account;
    let shown = |session: Session| {
        json!({
            "id": session.id,
            "name": owner(app, &session),
            "kiosk": session.token.is_some(),
            "created": told(session.created),
            "last_seen": told(session.seen.max(session.created)),
            "expires": app.auth.sessions.ends(&session).map(told),
            "address": session.address,
            "browser": session.browser,
            "current": Some(session.id) == who.session,
        })
    };
    let sessions: Vec<Value> = app.auth.sessions.list().into_iter().filter(mine).map(shown).collect();
    answer::json(&json!({ "sessions": sessions }))
}

/// DELETE `/api/sessions/{id}`: one's own, or anyone's by the administrator.
pub async fn end(request: Request<State>) -> Answer {
    let (app, who) = (request.state(), admitted(&request)?);
    let id: u64 = query::part(&request, "id", "session")?;
    let theirs =
        |session: &Session| session.id == id && (who.administers() || Some(session.account) == who.account);
    let name = app.auth.sessions.list().iter().find(|s| theirs(s)).map(|session| owner(app, session));
    if app.auth.end_sessions(&app.store, theirs)? == 0 {
        return Err(Refusal::missing("session"));
    }
    Ok(audit::about(answer::nothing()?, name.unwrap_or_default()))
}

/// DELETE `/api/sessions`: every other session of one's own.
pub async fn end_others(request: Request<State>) -> Answer {
    let (app, who) = (request.state(), admitted(&request)?);
    let account = who.account.ok_or_else(no_account)?;
    let ended = app.auth.end_sessions(&app.store, |session| {
        session.account == account && session.token.is_none() && Some(session.id) != who.session
    })?;
    Ok(audit::count(answer::json(&json!({ "ended": ended }))?, ended as u64))
}

/// Who sent this.
pub fn admitted(request: &Request<State>) -> Result<&Admitted, Refusal> {
    let nobody = || Refusal::new(StatusCode::Unauthorized, "no_session", "log in first");
    request.ext::<Admitted>().ok_or_else(nobody)
}

/// Whether this is sent by who owns the account, by his password. Where nobody logs in it is the administrator's.
pub async fn prove(request: &Request<State>, password: &str) -> Result<Account, Refusal> {
    let (app, who) = (request.state(), admitted(request)?);
    let account = app.auth.accounts.numbered(who.account.unwrap_or(ADMINISTRATOR)).ok_or_else(no_account)?;
    let attempt = Attempt { name: Some(&account.name), password, code: None };
    let proved = app.auth.prove(&app.store, caller(request)?.peer, attempt, false).await;
    proved.map_err(|refusal| refusal.said("wrong_password", "that is not the password"))
}

/// For routes that need an account.
pub fn no_account() -> Refusal {
    Refusal::new(StatusCode::Conflict, "no_account", "log in with a password first: this is about an account")
}

/// Whose session it is.
fn owner(app: &super::App, session: &Session) -> String {
    let account = || app.auth.accounts.numbered(session.account).map(|account| account.name);
    let token = |id| app.auth.token(id).map(|token| token.name);
    session.token.map_or_else(account, token).unwrap_or_default()
}

/// From where a request comes.
pub fn caller(request: &Request<State>) -> Result<Caller, Refusal> {
    let browser = auth::browser(request.header("user-agent").map(|v| v.as_str()).unwrap_or_default());
    Ok(Caller { peer: peer(request)?, browser })
}

/// No `Secure`: the dashboard speaks plain HTTP in the home network.
pub fn with_cookie(begun: &Begun) -> Answer {
    let mut response = answer::nothing()?;
    response.insert_header("set-cookie", cookie(begun));
    Ok(response)
}

/// The cookie of a session.
pub fn cookie(begun: &Begun) -> String {
    format!("{COOKIE}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict", begun.token, begun.seconds)
}

fn peer(request: &Request<State>) -> Result<IpAddr, Refusal> {
    match request.ext::<Peer>() {
        Some(Peer::Address(address)) => Ok(*address),
        _ => Err(Refusal::new(StatusCode::Forbidden, "no_peer", "logging in needs an address")),
    }
}
