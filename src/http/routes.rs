//! The one table of routes. What it does not list as open needs a session.

use super::guard::Guard;
use super::{State, alerts, assets, devices, monitor, mutes, session, sse};
use http_types::Method;
use tide::{Request, Response, Server};

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone.
    Open,
    /// A session or token; others are told 401.
    Session,
    /// A session; others are sent to the login page.
    Page,
}

/// One route.
pub struct Entry {
    /// Method; HEAD goes where GET goes.
    pub method: Method,
    /// Path as tide writes it: `:id` is one part.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
}

/// Declares the table, and the function that hands it to tide.
macro_rules! routes {
    ($($method:ident $path:literal $access:ident $handler:path,)*) => {
        /// Every route there is.
        pub const ROUTES: &[Entry] = &[
            $(Entry { method: Method::$method, path: $path, access: Access::$access },)*
        ];

        fn mount(server: &mut Server<State>) {
            $(server.at($path).method(Method::$method, |request: Request<State>| async move {
                let response: Response = match $handler(request).await {
                    Ok(response) => response,
                    Err(refusal) => refusal.response(),
                };
                Ok(response)
            });)*
        }
    };
}

routes! {
    Get "/healthz" Open monitor::healthz,
    Get "/login" Open assets::page,
    Get "/static/:name" Open assets::file,
    Get "/favicon.ico" Open assets::icon,
    Post "/api/session" Open session::login,
    Delete "/api/session" Open session::logout,
    Post "/api/claim" Open session::claim,

    Get "/" Page assets::page,
    Get "/alerts" Page assets::page,
    Get "/devices" Page assets::page,
    Get "/devices/:id" Page assets::page,
    Get "/health" Page assets::page,
    Get "/settings" Page assets::page,
    Get "/kiosk" Page assets::page,

    Get "/api/dashboard" Session monitor::dashboard,
    Get "/api/events" Session sse::events,
    Get "/api/alerts" Session alerts::list,
    Post "/api/alerts/ack" Session alerts::acknowledge_matching,
    Get "/api/alerts/:id" Session alerts::one,
    Post "/api/alerts/:id/ack" Session alerts::acknowledge,
    Get "/api/mutes" Session mutes::list,
    Post "/api/mutes" Session mutes::add,
    Delete "/api/mutes/:id" Session mutes::delete,
    Get "/api/devices" Session devices::list,
    Get "/api/devices/:id" Session devices::one,
    Patch "/api/devices/:id" Session devices::change,
    Get "/api/traffic" Session monitor::traffic,
    Get "/api/talkers" Session monitor::talkers,
    Get "/api/kinds" Session monitor::kinds,
    Get "/api/health" Session monitor::health,
    Post "/api/selftest" Session monitor::self_test,
    Get "/api/openapi.json" Session assets::openapi,
    Get "/metrics" Session monitor::metrics,
}

/// tide with every route and the guard around them.
pub fn server(app: State) -> Server<State> {
    let mut server = tide::with_state(app);
    server.with(Guard);
    mount(&mut server);
    server
}

/// Who may use this. A method the path does not have counts as its strictest one, so that 405 and 404 are told to
/// those alone who may know.
pub fn access(method: Method, path: &str) -> Access {
    let wanted = if method == Method::Head { Method::Get } else { method };
    let here = || ROUTES.iter().filter(|entry| fits(entry.path, path));
    match here().find(|entry| entry.method == wanted) {
        Some(entry) => entry.access,
        None if here().next().is_some() && here().all(|entry| entry.access == Access::Open) => Access::Open,
        None => Access::Session,
    }
}

/// The methods a path has, for `Allow`.
pub fn methods(path: &str) -> Vec<&'static str> {
    let mut methods = Vec::new();
    for entry in ROUTES.iter().filter(|entry| fits(entry.path, path)) {
        match entry.method {
            Method::Get => methods.extend(["GET", "HEAD"]),
            Method::Post => methods.push("POST"),
            Method::Patch => methods.push("PATCH"),
            _ => methods.push("DELETE"),
        }
    }
    methods.dedup();
    methods
}

/// Whether `path` is one of `pattern`, as tide's router sees it: a trailing slash does not matter.
fn fits(pattern: &str, path: &str) -> bool {
    let mut wanted = pattern.trim_matches('/').split('/');
    let mut given = path.trim_matches('/').split('/');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(wanted), Some(given)) if wanted.starts_with(':') && !given.is_empty() => {}
            _ => return false,
        }
    }
}
