//! The one table of routes. What it does not list as open needs a session.

use super::auth::Admitted;
use super::guard::{self, Guard};
use super::{
    State, accounts, alerts, assets, audit, backup, devices, monitor, mutes, session, settings, sse, tokens,
};
use http_types::Method;
use tide::{Request, Response, Server};

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone.
    Open,
    /// A session or token; others are told 401. Only the administrator's may change things.
    Session,
    /// [`Access::Session`], and a wall display.
    Wall,
    /// The administrator, to look too.
    Administrator,
    /// Whoever has an account, to change too: it concerns himself alone.
    Own,
    /// A session; others are sent to the login page.
    Page,
    /// [`Access::Page`], and a wall display.
    WallPage,
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
                // The guard judged the path; this judges the handler that tide chose for it.
                let judged = guard::judge(Access::$access, Method::$method, request.ext::<Admitted>());
                if let Err(why) = judged {
                    return Ok(guard::refused(why, Access::$access, &request));
                }
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
    Get "/history" Page assets::page,
    Get "/health" Page assets::page,
    Get "/settings" Page assets::page,
    Get "/account" Page assets::page,
    Get "/kiosk" WallPage assets::page,

    Get "/api/dashboard" Wall monitor::dashboard,
    Get "/api/events" Wall sse::events,
    Get "/api/alerts" Wall alerts::list,
    Post "/api/alerts/ack" Session alerts::acknowledge_matching,
    Delete "/api/alerts/ack" Session alerts::reopen_matching,
    Get "/api/alerts/:id" Wall alerts::one,
    Post "/api/alerts/:id/ack" Session alerts::acknowledge,
    Delete "/api/alerts/:id/ack" Session alerts::reopen,
    Get "/api/mutes" Session mutes::list,
    Post "/api/mutes" Session mutes::add,
    Patch "/api/mutes/:id" Session mutes::change,
    Delete "/api/mutes/:id" Session mutes::delete,
    Get "/api/devices" Wall devices::list,
    Get "/api/devices/:id" Wall devices::one,
    Patch "/api/devices/:id" Session devices::change,
    Get "/api/traffic" Wall monitor::traffic,
    Get "/api/talkers" Wall monitor::talkers,
    Get "/api/places" Wall monitor::places,
    Get "/api/kinds" Wall monitor::kinds,
    Get "/api/settings" Session settings::list,
    Patch "/api/settings" Session settings::change,
    Post "/api/settings/undo" Session settings::undo,
    Get "/api/health" Wall monitor::health,
    Post "/api/selftest" Session monitor::self_test,
    Get "/api/session" Wall session::me,
    Get "/api/sessions" Own session::list,
    Delete "/api/sessions" Own session::end_others,
    Delete "/api/sessions/:id" Own session::end,
    Post "/api/password" Own session::change_password,
    Post "/api/two-factor" Own accounts::offer_two_factor,
    Post "/api/two-factor/confirm" Own accounts::confirm_two_factor,
    Post "/api/two-factor/off" Own accounts::end_two_factor,
    Post "/api/two-factor/recovery" Own accounts::renew_recovery,
    Get "/api/accounts" Administrator accounts::list,
    Post "/api/accounts" Administrator accounts::add,
    Patch "/api/accounts/:id" Administrator accounts::change,
    Delete "/api/accounts/:id" Administrator accounts::delete,
    Get "/api/tokens" Administrator tokens::list,
    Post "/api/tokens" Administrator tokens::add,
    Delete "/api/tokens/:id" Administrator tokens::delete,
    Get "/api/backup" Administrator backup::download,
    Post "/api/backup" Administrator backup::sealed,
    Post "/api/restore" Administrator backup::restore,
    Get "/api/audit" Administrator audit::list,
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

/// The pattern of the route that a path leads to.
pub fn pattern(method: Method, path: &str) -> Option<&'static str> {
    let wanted = if method == Method::Head { Method::Get } else { method };
    ROUTES.iter().find(|entry| entry.method == wanted && fits(entry.path, path)).map(|entry| entry.path)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::auth::Role;
    use crate::http::guard::Denied;
    use crate::http::{App, AuthMode, Limits, Peer, Setup};
    use crate::store::{Options, Store};
    use http_types::{StatusCode, Url};
    use std::sync::Arc;

    fn closed() -> Server<State> {
        let options = Options { cache_bytes: 1 << 20, max_bytes: 1 << 26, alert_days: 1, flush_seconds: 60 };
        let app = App::new(Setup {
            store: Arc::new(Store::in_memory(options).expect("memory")),
            commands: smol::channel::bounded(1).0,
            auth: AuthMode::Password,
            claim_code: None,
            session_days: 30,
            limits: Limits::default(),
            host: "pi".into(),
            public_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            replay: false,
        });
        server(app.expect("an app"))
    }

    fn ask(server: &Server<State>, method: Method, path: &str, authorization: &str) -> http_types::Response {
        from(server, method, path, &[("host", "localhost"), ("authorization", authorization)])
    }

    fn from(
        server: &Server<State>,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> http_types::Response {
        let url = Url::parse(&format!("http://netmonitor{path}")).expect("a path");
        let mut request = http_types::Request::new(method, url);
        for (name, value) in headers {
            request.insert_header(*name, *value);
        }
        request.insert_header("cookie", "session=0000");
        request.ext_mut().insert(Peer::Address([127, 0, 0, 1].into()));
        smol::block_on(server.respond(request)).expect("an answer")
    }

    #[test]
    fn without_a_session_every_route_but_the_open_ones_is_closed() {
        let server = closed();
        let open = ["/healthz", "/login", "/static/:name", "/favicon.ico", "/api/session", "/api/claim"];
        for entry in ROUTES {
            let path = entry.path.replace(":id", "1").replace(":name", "app.js");
            let answer = ask(&server, entry.method, &path, "Bearer nothing");
            let who = (entry.method, entry.path);
            match entry.access {
                Access::Open => assert!(open.contains(&entry.path), "{who:?} is open"),
                Access::Session | Access::Wall | Access::Administrator | Access::Own => {
                    assert_eq!(answer.status(), StatusCode::Unauthorized, "{who:?}");
                }
                Access::Page | Access::WallPage => {
                    assert_eq!(answer.status(), StatusCode::SeeOther, "{who:?}");
                    let to = answer.header("location").map(|v| v.as_str().to_owned()).unwrap_or_default();
                    assert!(to.starts_with("/login"), "{who:?}: {to}");
                }
            }
        }
        for (method, path) in [
            (Method::Get, "/api"),
            (Method::Get, "/api/"),
            (Method::Get, "/api/dashboard/"),
            (Method::Get, "//api/dashboard"),
            (Method::Get, "/api/%64ashboard"),
            (Method::Get, "/nothing"),
            (Method::Head, "/api/dashboard"),
            (Method::Put, "/api/alerts"),
            (Method::Delete, "/api/dashboard"),
            (Method::Options, "/api/dashboard"),
        ] {
            let status = ask(&server, method, path, "").status();
            assert_eq!(status, StatusCode::Unauthorized, "{method} {path}");
        }
    }

    #[test]
    fn viewers_change_nothing_but_their_own_and_wall_displays_see_what_the_kiosk_shows() {
        let looker = |account, kiosk| Admitted { role: Role::Viewer, account, kiosk, ..Admitted::owner("x") };
        let (owner, viewer, token) = (Admitted::owner("x"), looker(Some(2), false), looker(None, false));
        let kiosk = looker(None, true);
        let shown = [
            "/api/dashboard",
            "/api/events",
            "/api/alerts",
            "/api/alerts/:id",
            "/api/devices",
            "/api/devices/:id",
            "/api/traffic",
            "/api/talkers",
            "/api/places",
            "/api/kinds",
            "/api/health",
            "/api/session",
            "/kiosk",
        ];
        let own = ["/api/session", "/api/sessions", "/api/password", "/api/two-factor"];
        for entry in ROUTES.iter().filter(|entry| entry.access != Access::Open) {
            let may = |who| guard::judge(entry.access, entry.method, Some(who));
            let what = (entry.method, entry.path);
            assert_eq!(may(&owner), Ok(()), "{what:?}");
            if entry.method == Method::Get {
                let closed =
                    ["/api/accounts", "/api/tokens", "/api/audit", "/api/backup"].contains(&entry.path);
                assert_eq!(may(&viewer).is_err(), closed, "{what:?}");
                assert_eq!(may(&kiosk).is_ok(), shown.contains(&entry.path), "{what:?}");
            } else {
                let mine = own.iter().any(|path| entry.path.starts_with(path));
                assert_eq!(may(&viewer), if mine { Ok(()) } else { Err(Denied::ReadOnly) }, "{what:?}");
                assert_eq!(may(&token), Err(Denied::ReadOnly), "{what:?}");
                assert_eq!(may(&kiosk), Err(Denied::ReadOnly), "{what:?}");
            }
        }
        for method in [Method::Put, Method::Options, Method::Trace, Method::Delete] {
            assert_eq!(
                guard::judge(access(method, "/api/alerts"), method, Some(&viewer)),
                Err(Denied::ReadOnly)
            );
        }
    }

    #[test]
    fn every_route_the_open_ones_too_is_closed_to_other_names_and_other_sites() {
        let server = closed();
        let paths = ROUTES.iter().map(|e| (e.method, e.path.replace(":id", "1").replace(":name", "app.js")));
        let unknown = [Method::Get, Method::Post].map(|method| (method, "/nothing".to_owned()));
        for (method, path) in paths.chain(unknown) {
            let status = |headers: &[(&str, &str)]| from(&server, method, &path, headers).status();
            for name in
                ["evil.example", "localhost.evil.example", "pi.evil.example:8080", "[::1].evil.example"]
            {
                assert_eq!(
                    status(&[("host", name)]),
                    StatusCode::MisdirectedRequest,
                    "{method} {path} by {name}"
                );
            }
            assert_eq!(status(&[]), StatusCode::BadRequest, "{method} {path} by no name");
            for site in ["http://evil.example", "https://pi.evil.example", "http://pi:81", "null", "", "pi"] {
                let headers = [("host", "pi"), ("origin", site)];
                assert_eq!(status(&headers), StatusCode::Forbidden, "{method} {path} from {site}");
            }
            let here = status(&[("host", "pi"), ("origin", "http://pi")]);
            assert!(
                here != StatusCode::Forbidden && here != StatusCode::MisdirectedRequest,
                "{method} {path}"
            );
        }
    }

    #[test]
    fn each_route_of_the_table_leads_to_its_own_entry() {
        for entry in ROUTES {
            let path = entry.path.replace(":id", "1").replace(":name", "x");
            assert_eq!(access(entry.method, &path), entry.access, "{}", entry.path);
        }
        assert_eq!(methods("/api/mutes"), ["GET", "HEAD", "POST"]);
        assert_eq!(methods("/api/devices/02"), ["GET", "HEAD", "PATCH"]);
    }

    #[test]
    fn the_description_of_the_api_names_exactly_the_routes_there_are() {
        let text = include_str!("../../assets/openapi.json");
        let described: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let mut there: Vec<String> = Vec::new();
        for (path, methods) in described["paths"].as_object().expect("paths") {
            let methods = methods.as_object().expect("methods").keys().filter(|m| *m != "parameters");
            there.extend(methods.map(|m| format!("{} {path}", m.to_uppercase())));
        }
        let wanted = |e: &&Entry| e.path.starts_with("/api/") || e.path == "/healthz" || e.path == "/metrics";
        let mut mounted: Vec<String> = ROUTES
            .iter()
            .filter(wanted)
            .map(|e| format!("{} {}", e.method, e.path.replace(":id", "{id}")))
            .collect();
        there.sort();
        mounted.sort();
        assert_eq!(there, mounted);
    }
}
