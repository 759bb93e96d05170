//! `/kiosk?token=…`: a wall display shows its token once and gets a session for it, so that the token stands in no
//! address bar and no log.

use super::answer::Refusal;
use super::{State, audit, guard, session};
use tide::{Request, Response};

/// Whether a request shows a token.
pub fn wanted(request: &Request<State>) -> bool {
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
            let mut response = guard::to("/kiosk".to_owned());
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
