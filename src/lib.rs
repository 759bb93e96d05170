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
//! # Levels: a module imports only from lower ones
//! | module | level | its one job |
//! |---|---|---|
//! | [`time`] | 0 | engine time, wall time, the one clock read |
//! | [`counters`] | 0 | named counters |
//! | [`addr`] | 0 | MAC, IP, prefix, inside, vendor by OUI |
//! | [`wire`] | 1 | bytes to checked views |
//! | [`alert`] | 1 | alerts: dedup, quiet periods, mutes |
//! | [`feeds`] | 2 | lists of known-bad addresses and domains |
//! | [`capture`] | 1 | sources of frames |
//! | [`table`] | 2 | bounded state: flows, hosts, names, reassembly |
//! | [`observe`] | 3 | what a frame meant |
//! | [`event`] | 3 | what leaves the engine |
//! | [`detect`] | 4 | one file per kind of alert |
//! | [`store`] | 4 | the redb file |
//! | [`command`] | 4 | what HTTP may ask of the loop |

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod addr;
pub mod alert;
pub mod capture;
pub mod command;
pub mod counters;
pub mod detect;
pub mod event;
pub mod feeds;
pub mod observe;
#[cfg(feature = "store")]
pub mod store;
pub mod table;
pub mod time;
pub mod wire;
