//! Logging in and out, and setting the first password.

use super::answer::{self, Answer, Refusal};
use super::auth::{COOKIE, SESSION_SECONDS};
use super::{AuthMode, Peer, State, query};
use http_types::StatusCode;
use serde::Deserialize;
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

/// POST `/api/session`: a cookie for the right password.
pub async fn login(mut request: Request<State>) -> Answer {
    let wanted: Login = query::body(&mut request).await?;
    let (app, peer) = (request.state(), peer(&request)?);
    if app.auth.mode() == AuthMode::None {
        return answer::nothing();
    }
    with_cookie(&app.auth.login(&app.store, peer, &wanted.password).await?, SESSION_SECONDS)
}

/// POST `/api/claim`: sets the first password and logs in.
pub async fn claim(mut request: Request<State>) -> Answer {
    let wanted: Claim = query::body(&mut request).await?;
    let (app, peer) = (request.state(), peer(&request)?);
    let token = app.auth.claim(&app.store, peer, &wanted.code, &wanted.password).await?;
    with_cookie(&token, SESSION_SECONDS)
}

/// DELETE `/api/session`: ends this session. Without one there is nothing to end.
pub async fn logout(request: Request<State>) -> Answer {
    let app = request.state();
    app.auth.logout(&app.store, request.header("cookie").map(|v| v.as_str()))?;
    with_cookie("", 0)
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
        None => Err(Refusal::new(StatusCode::Forbidden, "no_peer", "logging in needs an address")),
    }
}
