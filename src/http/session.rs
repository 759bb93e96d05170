//! Logging in and out, passwords, API tokens.

use super::alerts::note;
use super::answer::{self, Answer, Refusal};
use super::auth::{COOKIE, Kept};
use super::{AuthMode, Peer, State, query};
use crate::time::{SECOND, WallTime};
use http_types::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::IpAddr;
use tide::Request;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    password: String,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

/// POST `/api/session`: a cookie for the right password.
pub async fn login(mut request: Request<State>) -> Answer {
    let wanted: Login = query::body(&mut request).await?;
    let (app, peer) = (request.state(), peer(&request)?);
    if app.auth.mode() == AuthMode::None {
        return answer::nothing();
    }
    with_cookie(&app.auth.login(&app.store, peer, &wanted.password).await?, app.auth.session_seconds())
}

/// POST `/api/claim`: sets the first password and logs in.
pub async fn claim(mut request: Request<State>) -> Answer {
    let wanted: Claim = query::body(&mut request).await?;
    let (app, peer) = (request.state(), peer(&request)?);
    let token = app.auth.claim(&app.store, peer, &wanted.code, &wanted.password).await?;
    with_cookie(&token, app.auth.session_seconds())
}

/// DELETE `/api/session`: ends this session. Without one there is nothing to end.
pub async fn logout(request: Request<State>) -> Answer {
    let app = request.state();
    app.auth.logout(&app.store, request.header("cookie").map(|v| v.as_str()))?;
    with_cookie("", 0)
}

/// POST `/api/password`: changes the password; every other session ends. Whoever may open the local socket owns this
/// machine, and need not know the old one.
pub async fn change_password(mut request: Request<State>) -> Answer {
    let wanted: Change = query::body(&mut request).await?;
    let app = request.state();
    if request.ext::<Peer>() == Some(&Peer::Local) {
        app.auth.set_password(&app.store, &wanted.new).await?;
        return answer::nothing();
    }
    let old = wanted.old.ok_or_else(|| Refusal::bad("old must be given: the password as it is now"))?;
    let token = app.auth.change_password(&app.store, peer(&request)?, &old, &wanted.new).await?;
    with_cookie(&token, app.auth.session_seconds())
}

fn shown(token: &Kept) -> Value {
    json!({ "id": token.id, "name": token.name, "created": WallTime::from_micros(token.created * SECOND) })
}

/// GET `/api/tokens`: names, never the tokens themselves.
pub async fn tokens(request: Request<State>) -> Answer {
    let tokens: Vec<Value> = request.state().auth.tokens().iter().map(shown).collect();
    answer::json(&json!({ "tokens": tokens }))
}

/// POST `/api/tokens`: a new one, told this once.
pub async fn add_token(mut request: Request<State>) -> Answer {
    let wanted: Named = query::body(&mut request).await?;
    let app = request.state();
    let name: String = note(&wanted.name).chars().take(64).collect();
    if name.is_empty() {
        return Err(Refusal::bad("name must say what the token is for"));
    }
    let (kept, token) = app.auth.add_token(&app.store, name)?;
    let mut told = shown(&kept);
    told["token"] = token.into();
    let mut response = answer::json(&told)?;
    response.set_status(StatusCode::Created);
    Ok(response)
}

/// DELETE `/api/tokens/{id}`.
pub async fn delete_token(request: Request<State>) -> Answer {
    let app = request.state();
    match app.auth.delete_token(&app.store, query::part(&request, "id", "token")?)? {
        true => answer::nothing(),
        false => Err(Refusal::missing("token")),
    }
}

/// No `Secure`: the dashboard speaks plain HTTP in the home network.
fn with_cookie(token: &str, seconds: i64) -> Answer {
    let mut response = answer::nothing()?;
    let cookie = format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict");
    response.insert_header("set-cookie", cookie);
    Ok(response)
}

fn peer(request: &Request<State>) -> Result<IpAddr, Refusal> {
    match request.ext::<Peer>() {
        Some(Peer::Address(address)) => Ok(*address),
        _ => Err(Refusal::new(StatusCode::Forbidden, "no_peer", "logging in needs an address")),
    }
}
