//! Where viewers come in: caps and counts of what the wire serves, the bus of events, the names it goes by, its end.
//!
//! The monitor's own dashboard has one, and so has a front in a process of its own.

use crate::addr::Prefix;
use crate::bus::Bus;
use serde::Serialize;
use smol::channel::{Receiver, Sender};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Caps, so that browsers and strangers cannot exhaust a small board.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections open in all.
    pub connections: u32,
    /// Connections open per address, or requests of one address through a proxy.
    pub connections_per_address: u32,
    /// Live event streams.
    pub viewers: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits::new(2048, 1000)
    }
}

impl Limits {
    /// Of so many connections one address gets three quarters: a whole house behind one address can watch, and the others
    /// still get in.
    pub fn new(connections: u32, viewers: u32) -> Self {
        let share = connections - connections / 4;
        Limits { connections, connections_per_address: share, viewers: viewers.min(connections) }
    }
}

/// What has happened on the wire, for the health page.
#[derive(Debug, Default)]
pub struct Counts {
    pub connections: AtomicU64,
    pub accepted: AtomicU64,
    pub turned_away: AtomicU64,
    pub requests: AtomicU64,
    pub viewers: AtomicU64,
    pub viewers_refused: AtomicU64,
    pub viewers_stalled: AtomicU64,
    /// Whether a heartbeat goes, for TCP and the local socket together.
    pub beating: AtomicBool,
}

/// What has happened on the wire and on the bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Connections open.
    pub connections: u64,
    /// Connections accepted since start.
    pub connections_accepted: u64,
    /// Connections refused for want of room since start.
    pub connections_refused: u64,
    /// Requests since start.
    pub requests: u64,
    /// Live event streams.
    pub viewers: u64,
    /// Event streams refused for want of room since start.
    pub viewers_refused: u64,
    /// Event streams dropped because the viewer stopped reading.
    pub viewers_stalled: u64,
    /// Wrong passwords, claim codes and tokens since start.
    pub logins_failed: u64,
    /// Events published since start.
    pub events: u64,
    /// Events that slow viewers lost.
    pub events_lost: u64,
}

/// See above.
pub struct Hall {
    pub bus: Bus,
    pub limits: Limits,
    pub counts: Counts,
    /// Names that this machine answers to, in lower case.
    pub hosts: Vec<String>,
    /// Whose `X-Forwarded-*` headers are believed.
    pub trusted: Vec<Prefix>,
    stop: (Sender<()>, Receiver<()>),
}

impl Hall {
    /// An empty one, for a machine called `host` that others know as `public_hosts`, too.
    pub fn new(limits: Limits, host: &str, public_hosts: &[String], trusted: Vec<Prefix>) -> Arc<Hall> {
        let host = host.to_ascii_lowercase();
        let mut hosts = vec!["localhost".to_owned(), "netmonitor.local".to_owned()];
        if !host.is_empty() {
            hosts.push(format!("{host}.local"));
            hosts.push(host);
        }
        hosts.extend(public_hosts.iter().map(|h| h.to_ascii_lowercase()));
        let (bus, counts, stop) = (Bus::default(), Counts::default(), smol::channel::bounded(1));
        Arc::new(Hall { bus, limits, counts, hosts, trusted, stop })
    }

    /// Live event streams.
    pub fn viewers(&self) -> u32 {
        self.counts.viewers.load(Relaxed) as u32
    }

    /// What has happened so far; nothing of logins, which are not its business.
    pub fn stats(&self) -> Stats {
        let (counts, bus) = (&self.counts, self.bus.stats());
        Stats {
            connections: counts.connections.load(Relaxed),
            connections_accepted: counts.accepted.load(Relaxed),
            connections_refused: counts.turned_away.load(Relaxed),
            requests: counts.requests.load(Relaxed),
            viewers: counts.viewers.load(Relaxed),
            viewers_refused: counts.viewers_refused.load(Relaxed),
            viewers_stalled: counts.viewers_stalled.load(Relaxed),
            logins_failed: 0,
            events: bus.published,
            events_lost: bus.lagged,
        }
    }

    /// Ends the bus, and [`super::serve`].
    pub fn close(&self) {
        self.bus.close();
        self.stop.0.close();
    }

    /// Resolves at [`Hall::close`].
    pub async fn stopping(&self) {
        let _ = self.stop.1.recv().await;
    }
}
