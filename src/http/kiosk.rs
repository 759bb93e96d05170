//! `/kiosk?token=…`: a wall display shows its token once and gets a session for it, so that the token stands in no
//! address bar and no log.

use super::answer::Refusal;
use super::{State, audit, guard, session};
use tide::{Request, Response};

/// Whether a request shows a token.
pub fn wanted<S>(request: &Request<S>) -> bool {
    request.url().query_pairs().any(|(name, _)| name == "token")
}

/// A session for the token, and the page without it in the address. A wrong token leads to the login page; a display
/// that has a session of this token keeps it.
pub fn exchange(request: &Request<State>) -> Result<Response, Refusal> {
    let app = request.state();
    let pairs = request.url().query_pairs();
    let token = pairs.filter(|(name, _)| name == "token").map(|(_, value)| value).next().unwrap_or_default();
    let cookies = request.header("cookie").map(|v| v.as_str());
    let there = app.auth.session(&app.store, cookies).and_then(|session| session.token);
    match app.auth.begin_kiosk(&app.store, session::caller(request)?, &token, there) {
        Ok((token, begun)) => {
            let mut response = guard::to(without_token(request));
            if let Some(begun) = begun {
                response.insert_header("set-cookie", session::cookie(&begun));
                response = audit::by(response, token.name);
            }
            Ok(response)
        }
        Err(refusal) if refusal.code() == "wrong_token" => Ok(guard::to("/login?next=/kiosk".to_owned())),
        Err(refusal) => Err(refusal),
    }
}

/// The address without its token: what it says of screens, theme and language stays.
fn without_token(request: &Request<State>) -> String {
    let mut url = request.url().clone();
    let pairs = request.url().query_pairs().filter(|(name, _)| name != "token");
    url.query_pairs_mut().clear().extend_pairs(pairs);
    match url.query() {
        Some(query) if !query.is_empty() => format!("/kiosk?{query}"),
        _ => "/kiosk".to_owned(),
    }
}
