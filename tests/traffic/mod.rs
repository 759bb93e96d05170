//! Traffic made to order: frame builders, dialogues and scenarios, for the integration tests (`mod traffic;`) and for
//! the program `cargo run --example traffic`. Nothing here is recorded from a real network: every byte is computed,
//! from a seeded generator, so the same scenario is the same capture for ever.
//!
//! | module | its one job |
//! |---|---|
//! | [`rng`] | chance that repeats |
//! | [`trace`] | frames with their times; writes pcap |
//! | [`packet`] | Ethernet, VLAN, ARP, IP, UDP, TCP, ICMP, neighbour discovery |
//! | [`conversation`] | one TCP connection, both sides, sequence numbers right |
//! | [`names`], [`dhcp`], [`tls`], [`quic`] | messages |
//! | [`directory`] | what computers of a Windows domain say to its controller |
//! | [`smb`] | SMB, NTLM and DCE/RPC messages |
//! | [`talk`] | what people's machines do: look up, browse, log in |
//! | [`home`] | the test network, and the ordinary traffic behind every scenario |
//! | [`scenarios`] | the table of scenarios, and their makers |
//! | [`evening`] | the demo: an evening in a home, with attacks in it |
//! | [`hostile`] | five hundred names that mean harm |
//! | [`flood`] | a five-tuple flood of any length, streamed |
#![allow(dead_code, reason = "each test uses its own part of the library")]

pub mod conversation;
pub mod dhcp;
pub mod directory;
pub mod evening;
pub mod flood;
pub mod home;
pub mod hostile;
pub mod names;
pub mod packet;
pub mod quic;
pub mod rng;
pub mod scenarios;
pub mod smb;
pub mod talk;
pub mod tls;
pub mod trace;

/// A microsecond is 1; all times in the library are microseconds from the start of the trace.
pub const MS: i64 = 1_000;
/// A second.
pub const SEC: i64 = 1_000 * MS;
/// A minute.
pub const MIN: i64 = 60 * SEC;
/// An hour.
pub const HOUR: i64 = 60 * MIN;
/// A day.
pub const DAY: i64 = 24 * HOUR;
