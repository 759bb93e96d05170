//! netmonitor: who is on the network, what they do, and what is wrong.
//!
//! # The path of a frame
//! ```text
//! NIC -> kernel ring -> capture (stamps Timestamp) -> engine.on_frame(frame)
//!                                                       wire::decode      views, no copy
//!                                                       table::*          hosts, flows, names (bounded)
//!                                                       detect::*         observations -> alerts (dedup, mutes)
//!                                                       '-> VecDeque<Event>
//!         run: drain events -> encode once -> bus -> http (SSE, shared bytes) -> browser
//!                           '-> batch     -> store (redb)
//! ```
//! The first three hops are plain calls on one stack: no channel, no lock, no allocation per frame. Live capture,
//! `replay` and every test drive the same engine; only the source of frames and of time differs.
//!
//! # Levels: a module imports only from its own level and lower ones
//! | module | level | its one job |
//! |---|---|---|
//! | [`time`] | 0 | engine time, wall time, the one clock read |
//! | [`counters`] | 0 | named counters |
//! | [`words`] | 0 | what is said to people, in English and Dutch |
//! | [`addr`] | 0 | MAC, IP, prefix, inside, vendor by OUI |
//! | [`wire`] | 1 | bytes to checked views |
//! | [`alert`] | 1 | alerts: dedup, quiet periods, mutes |
//! | [`capture`] | 2 | sources of frames |
//! | [`event`] | 2 | what leaves the engine, in the shapes of the JSON |
//! | [`csv`] | 3 | records as CSV |
//! | [`table`] | 3 | bounded state: flows, hosts, devices, names, reassembly |
//! | [`observe`] | 4 | what a frame meant |
//! | [`feeds`] | 4 | lists of known bad addresses, names, URLs and fingerprints |
//! | [`detect`] | 5 | one file per kind of alert |
//! | [`backup`] | 5 | one file of settings, names and mutes, read and checked |
//! | [`command`] | 5 | what HTTP may ask of the loop |
//! | [`store`] | 5 | the redb file |
//! | [`bus`] | 5 | bounded fan-out of encoded events |
//! | [`engine`] | 6 | frames in, events out |
//! | [`config`] | 7 | settings: file, environment, command line, checked |
//! | [`fetch`] | 8 | lists fetched over HTTPS and compiled, in a process of its own |
//! | [`http`] | 8 | the dashboard: hyper as the wire, tide as the router |
//! | [`logs`] | 8 | log lines to the journal and to a bounded file |
//! | [`machine`] | 8 | processor, memory, temperature, disk |
//! | [`pages`] | 8 | code that only starting up needed, given back |
//! | [`places`] | 8 | where outside addresses are, from files of the owner |
//! | [`restore`] | 8 | what a backup holds and would change |
//! | [`service`] | 8 | systemd readiness and watchdog, the claim code, the local socket |
//! | [`update`] | 8 | the appliance's two slots: written, tried, kept or given up |
//! | [`run`] | 9 | owns everything, drives it |
//! | [`cli`] | 10 | the commands |
//!
//! The core (`time` to `engine`, without the live half of `capture` and the store) is sans-IO: no async, socket,
//! file, thread, lock, channel or clock; time is an argument.

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod addr;
pub mod alert;
pub mod backup;
#[cfg(feature = "http")]
pub mod bus;
pub mod capture;
#[cfg(all(feature = "live", feature = "store", feature = "http"))]
pub mod cli;
pub mod command;
pub mod config;
pub mod counters;
pub mod csv;
pub mod detect;
pub mod engine;
pub mod event;
pub mod feeds;
#[cfg(feature = "live")]
pub mod fetch;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "live")]
pub mod logs;
#[cfg(feature = "live")]
pub mod machine;
pub mod observe;
#[cfg(feature = "live")]
pub mod pages;
#[cfg(feature = "http")]
pub mod places;
pub mod restore;
#[cfg(all(feature = "live", feature = "store", feature = "http"))]
pub mod run;
#[cfg(feature = "live")]
pub mod service;
#[cfg(feature = "store")]
pub mod store;
pub mod table;
pub mod time;
#[cfg(feature = "live")]
pub mod update;
pub mod wire;
pub mod words;

/// Version of netmonitor.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
