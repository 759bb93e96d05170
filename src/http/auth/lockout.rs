//! What holds guessers back and never the owner: waiting by address, and a bounded queue for password hashes.
//!
//! Guesses count per address and wait twice as long each time. Hashes are made one at a time; who waits for a turn
//! has a place, and places are few: of one address a handful, of all addresses that guessed wrong lately some, and
//! the rest is kept for those that did not. A flood so fills what is for floods, and whoever comes from an address of
//! his own finds room.

use super::super::answer::Refusal;
use crate::time::{SECOND, Timestamp};
use http_types::StatusCode;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Places of one address.
const PLACES_EACH: usize = 4;
/// Places of all addresses that guessed wrong lately.
const PLACES_SUSPECT: usize = 8;
/// Places of all others.
const PLACES_OTHERS: usize = 24;

/// Wrong guesses by address: at most [`Failures::KEPT`] addresses, the one that waits least goes first.
#[derive(Default)]
pub struct Failures {
    by_address: HashMap<IpAddr, Failure>,
    /// Wrong guesses since start.
    pub total: u64,
}

struct Failure {
    count: u32,
    last: Timestamp,
    until: Timestamp,
}

impl Failures {
    /// Addresses remembered.
    const KEPT: usize = 1024;
    /// Guesses that cost no waiting: people mistype.
    const FREE: u32 = 5;
    /// Longest wait, seconds. An owner behind the same address as a guesser waits no longer.
    const LONGEST: i64 = 60;
    /// Seconds after which an address is forgiven.
    const FORGET: i64 = 900;

    /// Counts one.
    pub fn add(&mut self, peer: IpAddr, now: Timestamp) {
        self.total += 1;
        let peer = neighbourhood(peer);
        if self.by_address.len() >= Self::KEPT && !self.by_address.contains_key(&peer) {
            let least = self.by_address.iter().min_by_key(|(_, f)| f.until).map(|(address, _)| *address);
            self.by_address.remove(&least.unwrap_or(peer));
        }
        let failure =
            self.by_address.entry(peer).or_insert(Failure { count: 0, last: now, until: Timestamp::MIN });
        if now.since(failure.last) > Self::FORGET * SECOND {
            failure.count = 0;
        }
        failure.count += 1;
        failure.last = now;
        if let Some(beyond) = failure.count.checked_sub(Self::FREE) {
            failure.until = now.plus((1 << beyond.min(16)).min(Self::LONGEST) * SECOND);
        }
    }

    /// Whether there are any of this address.
    pub fn has(&self, peer: IpAddr) -> bool {
        self.by_address.contains_key(&neighbourhood(peer))
    }

    /// Refuses while the address has to wait.
    pub fn patience(&self, peer: IpAddr, now: Timestamp) -> Result<(), Refusal> {
        let wait = self.wait(peer, now);
        if wait == 0 {
            return Ok(());
        }
        let message = format!("too many wrong attempts from this address; try again in {wait} s");
        Err(Refusal::new(StatusCode::TooManyRequests, "locked_out", message).retry_after(wait))
    }

    /// Seconds to wait, rounded up.
    fn wait(&self, peer: IpAddr, now: Timestamp) -> u64 {
        let until = self.by_address.get(&neighbourhood(peer)).map_or(now, |f| f.until);
        until.since(now).unsigned_abs().div_ceil(SECOND.unsigned_abs())
    }

    /// Forgets those of one address.
    pub fn forgive(&mut self, peer: IpAddr) {
        self.by_address.remove(&neighbourhood(peer));
    }
}

/// An IPv6 host owns a /64, so that counts as one address.
fn neighbourhood(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

/// Those who wait for a password hash.
#[derive(Clone, Default)]
pub struct Queue(Arc<Mutex<Vec<(IpAddr, bool)>>>);

/// One's place in the [`Queue`]; dropping it gives it back.
pub struct Place {
    queue: Queue,
    held: (IpAddr, bool),
}

impl Queue {
    fn places(&self) -> MutexGuard<'_, Vec<(IpAddr, bool)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, or says when to come back. `suspect`: the address guessed wrong lately.
    pub fn enter(&self, peer: IpAddr, suspect: bool) -> Result<Place, Refusal> {
        let held = (neighbourhood(peer), suspect);
        let mut places = self.places();
        let of_address = places.iter().filter(|(address, _)| *address == held.0).count();
        let of_class = places.iter().filter(|(_, other)| *other == suspect).count();
        if of_address >= PLACES_EACH || of_class >= if suspect { PLACES_SUSPECT } else { PLACES_OTHERS } {
            return Err(Refusal::busy("busy", "many are logging in just now; try again in a moment", 2));
        }
        places.push(held);
        Ok(Place { queue: self.clone(), held })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.queue.places();
        if let Some(at) = places.iter().position(|held| *held == self.held) {
            places.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_sixth_guess_waits_and_each_next_one_twice_as_long_up_to_a_minute() {
        let (mut failures, mut now) = (Failures::default(), Timestamp::from_secs(0));
        let peer = ip("192.168.1.7");
        let mut waits = Vec::new();
        for _ in 0..13 {
            failures.add(peer, now);
            waits.push(failures.wait(peer, now));
            now = now.plus(failures.wait(peer, now) as i64 * SECOND);
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(failures.wait(ip("192.168.1.8"), now), 0, "others are not held");
        failures.add(peer, now.plus(Failures::FORGET * SECOND + 1));
        assert_eq!(failures.by_address[&peer].count, 1, "forgiven after a while");
    }

    #[test]
    fn a_flood_of_addresses_is_bounded_and_a_network_counts_as_one() {
        let mut failures = Failures::default();
        for n in 0..5000u32 {
            failures.add(IpAddr::V4(n.into()), Timestamp::from_secs(i64::from(n)));
        }
        assert_eq!(failures.by_address.len(), Failures::KEPT);
        for n in 0..7 {
            failures.add(ip(&format!("2001:db8::{n}")), Timestamp::from_secs(6000));
        }
        assert!(failures.wait(ip("2001:db8::ffff"), Timestamp::from_secs(6000)) > 0);
    }

    #[test]
    fn guessers_fill_their_own_places_alone_and_give_them_back() {
        let queue = Queue::default();
        let flood: Vec<_> = (0..2000u32).map(|n| queue.enter(IpAddr::V4((n / 10).into()), true)).collect();
        assert_eq!(flood.iter().filter(|place| place.is_ok()).count(), PLACES_SUSPECT);
        let owner = queue.enter(ip("192.168.1.2"), false);
        assert!(owner.is_ok(), "an address that guessed nothing wrong finds room");
        let each: Vec<_> = (0..10).map(|_| queue.enter(ip("2001:db8::7"), false)).collect();
        assert_eq!(each.iter().filter(|place| place.is_ok()).count(), PLACES_EACH);
        drop((flood, owner, each));
        assert!(queue.places().is_empty());
    }
}
