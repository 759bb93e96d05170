//! Who may pass: the name the dashboard is asked by, where a change comes from, and who asks.
//!
//! Deny by default: what is not in the route table as open needs a session, unknown paths included; whatever changes
//! something needs the administrator; a wall display sees what the table names for it.

use super::answer::Refusal;
use super::audit::Asked;
use super::auth::Admitted;
use super::hall::Hall;
use super::routes::{self, Access};
use super::{Peer, State, kiosk};
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
        if access == Access::WallPage && !local && kiosk::wanted(&request) {
            let asked = Asked::of(&request, None);
            let response = kiosk::exchange(&request).unwrap_or_else(|refusal| refusal.response());
            if let Some(asked) = asked {
                asked.answered(request.state(), &response);
            }
            return Ok(response);
        }
        let mut asked = Asked::of(&request, None);
        if access != Access::Open {
            let admitted = if local { Some(Admitted::owner("local")) } else { admitted(&request) };
            if let Err(why) = judge(access, method, admitted.as_ref()) {
                return Ok(refused(why, access, &request));
            }
            asked = Asked::of(&request, admitted.as_ref());
            admitted.and_then(|admitted| request.set_ext(admitted));
        }
        let app = request.state().clone();
        let response = next.run(request).await;
        if let Some(asked) = asked {
            asked.answered(&app, &response);
        }
        Ok(match response.status() {
            StatusCode::NotFound if unexplained(&response) => Refusal::missing("path").response(),
            StatusCode::MethodNotAllowed if unexplained(&response) => wrong_method(method, &path),
            _ => response,
        })
    }
}

/// Why someone may not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nobody is logged in.
    NoSession,
    /// A change, and not by the administrator.
    ReadOnly,
    /// Nothing for viewers to see.
    AdministratorOnly,
    /// Nothing for a wall display to see.
    KioskOnly,
}

/// Whether someone may use a route.
pub fn judge(access: Access, method: Method, admitted: Option<&Admitted>) -> Result<(), Denied> {
    let looks = matches!(method, Method::Get | Method::Head);
    match (access, admitted) {
        (Access::Open, _) => Ok(()),
        (_, None) => Err(Denied::NoSession),
        (_, Some(who)) if who.administers() => Ok(()),
        (Access::Wall | Access::WallPage, Some(who)) if who.kiosk && looks => Ok(()),
        (_, Some(who)) if who.kiosk => Err(if looks { Denied::KioskOnly } else { Denied::ReadOnly }),
        // What is somebody's own needs somebody: a token has no password to change.
        (Access::Own, Some(who)) if who.account.is_some() => Ok(()),
        (Access::Administrator, Some(_)) if looks => Err(Denied::AdministratorOnly),
        _ if looks => Ok(()),
        _ => Err(Denied::ReadOnly),
    }
}

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

fn admitted(request: &Request<State>) -> Option<Admitted> {
    let app = request.state();
    app.auth.admit(&app.store, header(request, "cookie"), header(request, "authorization"))
}

/// A browser is sent where it may be, everything else is told.
pub fn refused(why: Denied, access: Access, request: &Request<State>) -> Response {
    let words = match why {
        Denied::NoSession => return no_session(access, request),
        Denied::KioskOnly if access == Access::Page => return to("/kiosk".to_owned()),
        Denied::ReadOnly => {
            ("read_only", "this login may look but not change anything; log in as the administrator")
        }
        Denied::AdministratorOnly => ("administrator_only", "only the administrator may see this"),
        Denied::KioskOnly => ("kiosk_only", "a wall display sees what /kiosk shows and nothing else"),
    };
    Refusal::new(StatusCode::Forbidden, words.0, words.1).response()
}

/// A browser is sent to the login page, everything else is told.
pub fn no_session<S>(access: Access, request: &Request<S>) -> Response {
    if matches!(access, Access::Page | Access::WallPage) {
        let next = request.url().path();
        return to(if next == "/" { "/login".to_owned() } else { format!("/login?next={next}") });
    }
    let message = "log in first, or send an API token as Authorization: Bearer";
    let mut response = Refusal::new(StatusCode::Unauthorized, "no_session", message).response();
    response.insert_header("www-authenticate", "Bearer");
    response
}

/// Another page.
pub fn to(path: String) -> Response {
    let mut response = Response::new(StatusCode::SeeOther);
    response.insert_header("location", path);
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
    // A page elsewhere could not read an answer, but has no reason to ask either. Following a link from there tells no
    // `Origin`, and may look at pages.
    let looks = matches!(request.method(), Method::Get | Method::Head | Method::Options);
    let from_here = match header(request, "origin") {
        Some(origin) => origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host)),
        None => looks || matches!(header(request, "sec-fetch-site"), None | Some("same-origin" | "none")),
    };
    if from_here {
        return Ok(());
    }
    let message = "the dashboard answers its own pages alone, and programs that send no Origin";
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
