//! Who may pass: the name the dashboard is asked by, where a change comes from, and whether there is a session.
//!
//! Deny by default: what is not in the route table as open needs a session, unknown paths included.

use super::answer::Refusal;
use super::hall::Hall;
use super::routes::{self, Access};
use super::{Peer, State};
use http_types::{Method, StatusCode, Version};
use std::net::IpAddr;
use tide::utils::async_trait;
use tide::{Middleware, Next, Request, Response};

/// The middleware around every route.
pub struct Guard;

#[async_trait]
impl Middleware<State> for Guard {
    async fn handle(&self, mut request: Request<State>, next: Next<'_, State>) -> tide::Result {
        let local = request.ext::<Peer>() == Some(&Peer::Local);
        // No browser can open the local socket.
        if let Err(refusal) = if local { Ok(()) } else { same_site(&request, request.state().hall.as_ref()) }
        {
            return Ok(refusal.response());
        }
        let (method, path) = (request.method(), request.url().path().to_owned());
        let access = routes::access(method, &path);
        if access != Access::Open {
            if !local && !admitted(&request) {
                return Ok(no_session(access, &request));
            }
            request.set_ext(Admitted);
        }
        let response = next.run(request).await;
        Ok(match response.status() {
            StatusCode::NotFound if unexplained(&response) => Refusal::missing("path").response(),
            StatusCode::MethodNotAllowed if unexplained(&response) => wrong_method(method, &path),
            _ => response,
        })
    }
}

/// Marks a request whose sender has a session or token.
pub struct Admitted;

/// tide's own refusals have no body.
fn unexplained(response: &Response) -> bool {
    response.ext::<hyper::body::Bytes>().is_none()
}

fn wrong_method(method: Method, path: &str) -> Response {
    let allowed = routes::methods(path).join(", ");
    let message = format!("{method} is not possible here; {allowed} is");
    let mut response = Refusal::new(StatusCode::MethodNotAllowed, "method_not_allowed", message).response();
    response.insert_header("allow", allowed);
    response
}

fn header<'a, S>(request: &'a Request<S>, name: &str) -> Option<&'a str> {
    request.header(name).map(|values| values.as_str())
}

fn admitted(request: &Request<State>) -> bool {
    let auth = &request.state().auth;
    auth.admits(header(request, "cookie"), header(request, "authorization"))
}

/// A browser is sent to the login page, everything else is told.
pub fn no_session<S>(access: Access, request: &Request<S>) -> Response {
    if access == Access::Page {
        let mut response = Response::new(StatusCode::SeeOther);
        let next = request.url().path();
        let to = if next == "/" { "/login".to_owned() } else { format!("/login?next={next}") };
        response.insert_header("location", to);
        return response;
    }
    let message = "log in first, or send an API token as Authorization: Bearer";
    let mut response = Refusal::new(StatusCode::Unauthorized, "no_session", message).response();
    response.insert_header("www-authenticate", "Bearer");
    response
}

/// `Host` against DNS rebinding, `Origin` against forged requests from other sites.
pub fn same_site<S>(request: &Request<S>, hall: &Hall) -> Result<(), Refusal> {
    let hosts = request.header("host");
    let host = match hosts.map(|values| (values.iter().count(), values.as_str())) {
        Some((1, host)) => host,
        // No browser speaks HTTP/1.0, and without a browser there is nobody to deceive.
        None if request.version() == Some(Version::Http1_0) => "",
        _ => return Err(Refusal::bad("one Host header is needed")),
    };
    if !host.is_empty() && !known_host(hall, host) {
        let message = "this dashboard does not go by that name; add it to dashboard.public_hosts";
        return Err(Refusal::new(StatusCode::MisdirectedRequest, "unknown_host", message));
    }
    if matches!(request.method(), Method::Get | Method::Head | Method::Options) {
        return Ok(());
    }
    let from_here = match header(request, "origin") {
        Some(origin) => origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host)),
        None => matches!(header(request, "sec-fetch-site"), None | Some("same-origin" | "none")),
    };
    if from_here {
        return Ok(());
    }
    let message = "changes are taken from the dashboard's own pages alone";
    Err(Refusal::new(StatusCode::Forbidden, "other_origin", message))
}

/// Whether a `Host` names this dashboard: an address, or a name that only this machine answers to. A name that
/// someone else's DNS points here is how a web page from outside would read it.
fn known_host(hall: &Hall, host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, port)) if port.is_empty() || port.starts_with(':') => v6,
        Some(_) => return false,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.parse::<IpAddr>().is_ok() || hall.hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
}
