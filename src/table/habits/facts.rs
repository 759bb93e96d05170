//! Small sets of what a device was seen to do, each of a fixed size, and when a thing seen is a habit.
//!
//! A thing becomes usual when it is seen while the device is being learned, or later on several distinct days: a hundred
//! times on one day is one day. A full set forgets the weakest: what is not yet usual before what is, then what was
//! seen on the fewest days, then what was seen longest ago; destinations that took much data go last.

/// When and as what something is seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Day of the monitor, from 1.
    pub(super) day: u16,
    /// Whether the device is in its learning time, in which everything becomes usual at once.
    pub(super) learning: bool,
    /// Whether nothing may become usual now.
    pub(super) frozen: bool,
    /// Days on which something must be seen to become usual afterwards.
    pub(super) confirm: u8,
}

/// Whether a thing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Novelty {
    /// It is a habit, or just became one.
    Usual,
    /// It is none, and was seen today already.
    Again,
    /// It is none, and this is its first time today: the so-manieth day that counts.
    New(u8),
}

/// How well something is known: four bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) last_day: u16,
    pub(super) days: u8,
    pub(super) flags: u8,
}

impl Seen {
    /// A habit.
    pub(super) const USUAL: u8 = 1;
    /// Much data went there.
    pub(super) const MUCH: u8 = 2;
    /// Somebody was told of it.
    pub(super) const TOLD: u8 = 4;

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Notes a sight of it.
    fn again(&mut self, now: &Moment) -> Novelty {
        let today = self.last_day == now.day;
        self.last_day = now.day;
        if !now.frozen {
            self.days = self.days.saturating_add(u8::from(!today || self.days == 0));
            if now.learning || self.days >= now.confirm {
                self.flags |= Seen::USUAL;
            }
        }
        match (self.has(Seen::USUAL), today) {
            (true, _) => Novelty::Usual,
            (false, true) => Novelty::Again,
            (false, false) => Novelty::New(self.days),
        }
    }

    /// Seen for the first time on the day it was last seen.
    fn only_on(self, day: u16) -> bool {
        self.last_day == day && self.days <= 1
    }

    /// What goes first has the lowest.
    fn worth(self) -> (bool, bool, u8, u16) {
        (self.has(Seen::MUCH), self.has(Seen::USUAL), self.days, self.last_day)
    }
}

/// An entry of a set.
pub(super) trait Entry: Copy + Default {
    /// How well it is known.
    fn seen(&mut self) -> &mut Seen;
    /// What goes first when room is needed has the lowest.
    fn worth(&self) -> (bool, bool, bool, u8, u16);
}

/// At most `N` entries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Set<T, const N: usize> {
    len: u8,
    entries: [T; N],
}

impl<T: Entry, const N: usize> Default for Set<T, N> {
    fn default() -> Self {
        Set { len: 0, entries: [T::default(); N] }
    }
}

impl<T: Entry, const N: usize> Set<T, N> {
    pub(super) fn held(&self) -> &[T] {
        &self.entries[..usize::from(self.len)]
    }

    pub(super) fn find(&mut self, is: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let at = self.held().iter().position(is)?;
        Some(&mut self.entries[at])
    }

    /// Puts `entry` in, in place of the weakest when there is no room; notes a first sight of it. The flag says that
    /// a habit had to go.
    pub(super) fn add(&mut self, entry: T, now: &Moment) -> (Novelty, bool) {
        let full = usize::from(self.len) == N;
        let weakest = || (0..N).min_by_key(|i| self.entries[*i].worth()).unwrap_or(0);
        let at = if full { weakest() } else { usize::from(self.len) };
        let lost = full && self.entries[at].seen().has(Seen::USUAL);
        self.len += u8::from(!full);
        self.entries[at] = entry;
        let seen = self.entries[at].seen();
        seen.last_day = now.day.wrapping_sub(1);
        (seen.again(now), lost)
    }

    /// Takes an entry as it was stored; what is too much is left out.
    pub(super) fn put(&mut self, entry: T) {
        if usize::from(self.len) < N {
            self.entries[usize::from(self.len)] = entry;
            self.len += 1;
        }
    }

    /// Forgets what was first seen on `day`.
    pub(super) fn forget(&mut self, day: u16) {
        let kept: Vec<T> = self.held().iter().copied().filter(|e| !{ *e }.seen().only_on(day)).collect();
        *self = Set::default();
        kept.into_iter().for_each(|entry| self.put(entry));
    }
}

/// A destination: sixteen bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The registered domain, as a number; zero when no name is known.
    pub(super) name: u32,
    /// The networks it was last found in, as numbers, IPv4 and IPv6: the lowest bit tells which.
    pub(super) nets: [u32; 2],
    pub(super) seen: Seen,
}

impl Entry for Place {
    fn seen(&mut self) -> &mut Seen {
        &mut self.seen
    }
    fn worth(&self) -> (bool, bool, bool, u8, u16) {
        let (much, usual, days, last) = self.seen.worth();
        (true, much, usual, days, last)
    }
}

impl Place {
    /// Whether it was last found in `net`.
    fn is_in(&self, net: u32) -> bool {
        self.nets[(net & 1) as usize] == net
    }
}

impl<const N: usize> Set<Place, N> {
    /// Whether a destination is usual, by any of its names or by its network.
    pub(super) fn knows(&self, names: [u32; 2], net: u32) -> bool {
        let is = |p: &Place| p.is_in(net) || (p.name != 0 && names.contains(&p.name));
        self.held().iter().any(|p| p.seen.has(Seen::USUAL) && is(p))
    }

    /// Notes a contact with the destination called `names` (the better one first; zero: none) in `net`. The flag says
    /// that a habit had to go to make room.
    pub(super) fn contact(&mut self, names: [u32; 2], net: u32, now: &Moment) -> (Novelty, bool) {
        for name in names.into_iter().filter(|name| *name != 0) {
            if let Some(place) = self.find(|p| p.name == name) {
                // The first one of a day: many servers of one name would otherwise take turns here.
                let known = &mut place.nets[(net & 1) as usize];
                if place.seen.last_day != now.day || *known == 0 {
                    *known = net;
                }
                return (place.seen.again(now), false);
            }
        }
        let name = names.into_iter().find(|name| *name != 0).unwrap_or(0);
        let known = self.knows(names, net);
        // A network that is known answers for its names; while learning they are remembered all the same.
        if let Some(place) = self.find(|p| p.is_in(net) && (known || p.name == name)) {
            let novelty = place.seen.again(now);
            let unnamed = name == 0 || !now.learning || now.frozen || usize::from(self.len) == N;
            if unnamed || novelty != Novelty::Usual {
                return (if known { Novelty::Usual } else { novelty }, false);
            }
        }
        let mut nets = [0; 2];
        nets[(net & 1) as usize] = net;
        self.add(Place { name, nets, seen: Seen::default() }, now)
    }

    /// Much data went there: a name worth keeping.
    pub(super) fn much(&mut self, names: [u32; 2], net: u32) {
        if let Some(place) = self.find(|p| (p.name != 0 && names.contains(&p.name)) || p.is_in(net)) {
            place.seen.flags |= Seen::MUCH;
        }
    }
}

/// A port and protocol, or an application, that it uses elsewhere: eight bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) what: u32,
    pub(super) seen: Seen,
}

impl Entry for Way {
    fn seen(&mut self) -> &mut Seen {
        &mut self.seen
    }
    fn worth(&self) -> (bool, bool, bool, u8, u16) {
        let (much, usual, days, last) = self.seen.worth();
        (true, much, usual, days, last)
    }
}

impl<const N: usize> Set<Way, N> {
    /// Notes a use of `what`.
    pub(super) fn takes(&mut self, what: u32, now: &Moment) -> Novelty {
        match self.find(|way| way.what == what) {
            Some(way) => way.seen.again(now),
            None => self.add(Way { what, seen: Seen::default() }, now).0,
        }
    }
}

/// A port it serves: twelve bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) port: u16,
    pub(super) protocol: u8,
    /// Uses that count as separate ones.
    pub(super) uses: u8,
    /// Who used it last, as a number, and in which minute.
    pub(super) client: u16,
    pub(super) minute: u16,
    pub(super) seen: Seen,
}

/// Ports above this are made up for one connection: passive FTP, calls, callbacks.
const EPHEMERAL: u16 = 32_768;

impl Offer {
    /// Separate uses that make a service of a port: the ports below 1024 are for nothing else, others are also made up
    /// for one transfer.
    const fn needed(self) -> u8 {
        match self.port {
            ..1024 => 1,
            1024..EPHEMERAL => 2,
            _ => 4,
        }
    }
}

impl Entry for Offer {
    fn seen(&mut self) -> &mut Seen {
        &mut self.seen
    }
    fn worth(&self) -> (bool, bool, bool, u8, u16) {
        let (_, usual, days, last) = self.seen.worth();
        (self.port < EPHEMERAL, self.uses >= self.needed(), usual, days, last)
    }
}

/// A use of a port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    pub(super) port: u16,
    pub(super) protocol: u8,
    pub(super) client: u16,
    pub(super) minute: u16,
}

impl<const N: usize> Set<Offer, N> {
    /// Whether more ports were offered than are kept: a device that opens ports for single transfers.
    pub(super) fn is_full(&self) -> bool {
        usize::from(self.len) == N
    }

    /// Notes a use; true when it makes a service that was not there, once.
    pub(super) fn used(&mut self, by: Use, now: &Moment) -> bool {
        let offer = match self.find(|o| (o.port, o.protocol) == (by.port, by.protocol)) {
            Some(offer) => offer,
            None => {
                let Use { port, protocol, client, minute } = by;
                let offer = Offer { port, protocol, client, minute, uses: 0, seen: Seen::default() };
                self.add(offer, now);
                match self.find(|o| (o.port, o.protocol) == (by.port, by.protocol)) {
                    Some(offer) => offer,
                    None => return false,
                }
            }
        };
        let another = offer.client != by.client;
        // The next minute may be a second away; the one after is not.
        let later = offer.port < EPHEMERAL && by.minute.wrapping_sub(offer.minute) >= 2;
        if another || later || offer.uses == 0 {
            offer.uses = offer.uses.saturating_add(1);
            (offer.client, offer.minute) = (by.client, by.minute);
        }
        let usual = offer.seen.again(now) == Novelty::Usual;
        if usual || now.frozen || offer.seen.has(Seen::TOLD) || offer.uses < offer.needed() {
            return false;
        }
        offer.seen.flags |= Seen::TOLD;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn on(day: u16) -> Moment {
        Moment { day, learning: false, frozen: false, confirm: 3 }
    }

    #[test]
    fn a_hundred_times_on_one_day_is_one_day() {
        let mut places = Set::<Place, 8>::default();
        assert_eq!(places.contact([7, 0], 70, &on(1)).0, Novelty::New(1));
        for _ in 0..100 {
            assert_eq!(places.contact([7, 0], 70, &on(1)).0, Novelty::Again);
        }
        assert_eq!(places.contact([7, 0], 71, &on(2)).0, Novelty::New(2), "still new on day two");
        assert_eq!(places.contact([7, 0], 70, &on(9)).0, Novelty::Usual, "the third day");
    }

    #[test]
    fn what_is_seen_while_frozen_never_becomes_usual() {
        let mut places = Set::<Place, 8>::default();
        for day in 1..50 {
            let moment = Moment { learning: true, frozen: true, ..on(day) };
            assert_ne!(places.contact([7, 0], 70, &moment).0, Novelty::Usual);
        }
        assert_eq!(places.contact([7, 0], 70, &on(60)).0, Novelty::New(1));
    }

    #[test]
    fn a_known_network_answers_for_a_name_that_was_looked_up_by_another() {
        let mut places = Set::<Place, 8>::default();
        let learning = Moment { learning: true, ..on(1) };
        places.contact([7, 0], 70, &learning);
        assert_eq!(places.contact([8, 0], 70, &on(9)).0, Novelty::Usual);
        assert_eq!(places.contact([8, 0], 71, &on(9)).0, Novelty::New(1));
        assert_eq!(places.contact([0, 0], 70, &on(9)).0, Novelty::Usual);
    }

    #[test]
    fn two_names_in_one_network_are_two_habits() {
        let mut places = Set::<Place, 8>::default();
        let learning = Moment { learning: true, ..on(1) };
        places.contact([7, 0], 70, &learning);
        places.contact([8, 0], 70, &learning);
        assert_eq!(places.contact([8, 0], 99, &on(9)).0, Novelty::Usual);
        assert_eq!(places.held().len(), 2);
    }

    #[test]
    fn a_backup_outlives_a_flood_of_sites() {
        let mut places = Set::<Place, 8>::default();
        places.contact([7, 0], 70, &on(1));
        places.much([7, 0], 70);
        for site in 100..400 {
            places.contact([site, 0], site, &on(1));
        }
        assert_eq!(places.contact([7, 0], 70, &on(2)).0, Novelty::New(2));
    }

    #[test]
    fn a_port_made_up_for_one_transfer_is_no_service() {
        let mut offers = Set::<Offer, 8>::default();
        let by = |port, client, minute| Use { port, protocol: 6, client, minute };
        assert!(offers.used(by(80, 1, 0), &on(9)));
        assert!(!offers.used(by(80, 2, 5), &on(9)), "it was told");
        assert!(!offers.used(by(30_000, 1, 0), &on(9)));
        assert!(!offers.used(by(30_000, 1, 1), &on(9)), "the same transfer, as yet");
        assert!(offers.used(by(30_000, 1, 2), &on(9)));
        for minute in 0..60 {
            assert!(!offers.used(by(50_000, 1, minute), &on(9)), "one client alone");
        }
        offers.used(by(50_000, 2, 1), &on(9));
        offers.used(by(50_000, 3, 1), &on(9));
        assert!(offers.used(by(50_000, 4, 1), &on(9)));
    }

    proptest! {
        #[test]
        fn sets_keep_their_cap_and_never_judge_a_day_twice(
            steps in proptest::collection::vec((0u32..40, 0u32..20, 1u16..5, any::<bool>(), any::<bool>()), 1..300)
        ) {
            let mut places = Set::<Place, 8>::default();
            let mut offers = Set::<Offer, 8>::default();
            let mut day = 1;
            for (name, net, ahead, learning, frozen) in steps {
                day += ahead / 4;
                let moment = Moment { learning, frozen, ..on(day) };
                places.contact([name, 0], net, &moment);
                prop_assert!(!matches!(places.contact([name, 0], net, &moment).0, Novelty::New(_)));
                let by = Use { port: name as u16 * 1_500, protocol: 6, client: net as u16, minute: day };
                offers.used(by, &moment);
                prop_assert!(places.held().len() <= 8 && offers.held().len() <= 8);
            }
            places.forget(day);
            prop_assert!(places.held().iter().all(|p| !p.seen.only_on(day)));
        }
    }
}
