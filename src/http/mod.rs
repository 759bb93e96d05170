//! The dashboard: tide routes, hyper parses, and a shared ring of encoded events feeds every viewer.
//!
//! This folder alone names hyper, tide, http-types and async-sse. It never touches the engine: it reads the last
//! snapshot, queries the store, or sends a [`crate::command::Command`]. Everything runs on the caller's thread.
//!
//! | file | its one job |
//! |---|---|
//! | `app` | what the loop shares with the routes, and how it publishes |
//! | `hall` | caps, counts, bus and names: what the wire needs of any dashboard |
//! | `wire`, `paced`, `convert`, `packed` | sockets, limits, hyper to `http_types` and back, compression |
//! | `sse` | events: encoding, resuming, one small task per viewer |
//! | `forwarded` | what a trusted proxy says of a request |
//! | `routes`, `guard` | the one table of routes, and who may pass |
//! | `auth`, `password` | accounts, sessions, tokens, second factors, lockout, argon2id |
//! | `session`, `accounts`, `tokens`, `kiosk` | the routes of those: logging in and out, who may do what |
//! | `backup`, `sealed` | one file out and in, its secrets under a passphrase |
//! | `audit` | who logged in and changed what |
//! | `alerts`, `mutes`, `devices`, `monitor`, `settings`, `assets` | the routes themselves |
//! | `front` | the dashboard in a process of its own: files, snapshot, streams; the rest is forwarded |
//! | `follow`, `upstream`, `verdict` | its one subscription, its client, whom the monitor lets in |
//! | `answer`, `query` | JSON out, strict parameters in |

mod accounts;
mod alerts;
mod answer;
mod app;
mod assets;
mod audit;
mod auth;
mod backup;
mod convert;
mod devices;
mod follow;
mod forwarded;
mod front;
mod guard;
mod hall;
mod kiosk;
mod monitor;
mod mutes;
mod paced;
mod packed;
pub mod password;
mod query;
mod routes;
pub mod sealed;
mod session;
mod settings;
mod sse;
mod tokens;
mod upstream;
mod verdict;
mod wire;

pub use app::{App, AuthMode, Setup};
pub use auth::Keepsake;
pub use front::{Front, FrontSetup};
pub use hall::{Limits, Stats};
pub use wire::{ACCESS, Site, bind, serve, serve_local};

/// What every route gets.
type State = std::sync::Arc<App>;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Peer {
    /// A TCP client.
    Address(std::net::IpAddr),
    /// A program on this machine, on the Unix socket: whom the file's mode lets in needs no session.
    Local,
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Peer::Address(address) => address.fmt(f),
            Peer::Local => f.write_str("local"),
        }
    }
}
