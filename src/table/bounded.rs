//! The one bounded table: a hash index over a slab of fixed capacity.
//!
//! Cap: the capacity given at construction; the slab's memory is reserved then and touched only as it fills, so an
//! idle table costs address space and nothing else. Eviction: CLOCK. Every use of an entry sets its mark; an insert
//! into a full table moves a hand over the slab, clears marks, and takes the first entry that has none: an entry
//! that was used since the hand last passed survives one more round. Expiry: the owner calls [`Bounded::sweep`] with
//! a bounded number of steps per turn. Hashing is keyed per process, so a stranger cannot choose collisions, and
//! neither the order of the slab nor eviction depends on it, so a replay gives the same result twice.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::{BuildHasher, Hash};

/// Where an entry lives; valid until that entry is removed or evicted.
pub type Slot = u32;

struct Entry<K, V> {
    key: K,
    value: V,
    used: bool,
}

/// A hash table that never holds more than its capacity.
pub struct Bounded<K, V> {
    index: HashTable<Slot>,
    slab: Vec<Option<Entry<K, V>>>,
    free: Vec<Slot>,
    capacity: usize,
    hand: usize,
    swept: usize,
    evicted: u64,
    hasher: DefaultHashBuilder,
}

impl<K: Hash + Eq, V> Bounded<K, V> {
    /// An empty table for at most `capacity` entries (at least one).
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, Slot::MAX as usize - 1);
        Bounded {
            index: HashTable::with_capacity(capacity),
            slab: Vec::with_capacity(capacity),
            free: Vec::new(),
            capacity,
            hand: 0,
            swept: 0,
            evicted: 0,
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Most entries it can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Entries pushed out by others since the start.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The slot of `key`; marks it used.
    #[inline]
    pub fn find(&mut self, key: &K) -> Option<Slot> {
        let hash = self.hasher.hash_one(key);
        let slab = &self.slab;
        let slot = *self.index.find(hash, |s| slab[*s as usize].as_ref().is_some_and(|e| e.key == *key))?;
        if let Some(entry) = &mut self.slab[slot as usize] {
            entry.used = true;
        }
        Some(slot)
    }

    /// The value of `key`, without marking it used.
    pub fn get(&self, key: &K) -> Option<&V> {
        let hash = self.hasher.hash_one(key);
        let slot = *self.index.find(hash, |s| self.entry_at(*s).is_some_and(|e| e.key == *key))?;
        self.at(slot)
    }

    /// The value of `key`; marks it used.
    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let slot = self.find(key)?;
        self.at_mut(slot)
    }

    /// The value in `slot`.
    #[inline]
    pub fn at(&self, slot: Slot) -> Option<&V> {
        self.entry_at(slot).map(|e| &e.value)
    }

    /// The value in `slot`, to change.
    #[inline]
    pub fn at_mut(&mut self, slot: Slot) -> Option<&mut V> {
        self.slab.get_mut(slot as usize)?.as_mut().map(|e| &mut e.value)
    }

    /// The key in `slot`.
    pub fn key_at(&self, slot: Slot) -> Option<&K> {
        self.entry_at(slot).map(|e| &e.key)
    }

    fn entry_at(&self, slot: Slot) -> Option<&Entry<K, V>> {
        self.slab.get(slot as usize)?.as_ref()
    }

    /// Puts in `key`, which must not be there yet (see [`Bounded::find`]); in a full table the entry that had to go
    /// is returned.
    pub fn insert_new(&mut self, key: K, value: V) -> (Slot, Option<(K, V)>) {
        let gone = if self.len() >= self.capacity { self.evict() } else { None };
        let hash = self.hasher.hash_one(&key);
        let entry = Some(Entry { key, value, used: false });
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slab[slot as usize] = entry;
                slot
            }
            None => {
                self.slab.push(entry);
                Slot::try_from(self.slab.len() - 1).unwrap_or(Slot::MAX)
            }
        };
        let (slab, hasher) = (&self.slab, &self.hasher);
        self.index.insert_unique(hash, slot, |s| match &slab[*s as usize] {
            Some(e) => hasher.hash_one(&e.key),
            None => 0,
        });
        (slot, gone)
    }

    /// The value of `key`, made by `make` when it is new; true when it is.
    pub fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> (&mut V, bool) {
        let (slot, new) = match self.find(&key) {
            Some(slot) => (slot, false),
            None => (self.insert_new(key, make()).0, true),
        };
        match &mut self.slab[slot as usize] {
            Some(entry) => (&mut entry.value, new),
            None => unreachable!("a slot just found or filled holds an entry"),
        }
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let slot = self.find(key)?;
        self.remove_at(slot).map(|(_, v)| v)
    }

    /// Takes the entry in `slot` out.
    pub fn remove_at(&mut self, slot: Slot) -> Option<(K, V)> {
        let entry = self.slab.get_mut(slot as usize)?.take()?;
        let hash = self.hasher.hash_one(&entry.key);
        if let Ok(found) = self.index.find_entry(hash, |s| *s == slot) {
            found.remove();
        }
        self.free.push(slot);
        Some((entry.key, entry.value))
    }

    fn evict(&mut self) -> Option<(K, V)> {
        // Two rounds at most: the first clears every mark.
        for _ in 0..2 * self.slab.len() + 1 {
            let slot = self.hand % self.slab.len().max(1);
            self.hand = slot + 1;
            if let Some(entry) = &mut self.slab[slot]
                && !std::mem::take(&mut entry.used)
            {
                self.evicted += 1;
                return self.remove_at(Slot::try_from(slot).unwrap_or(Slot::MAX));
            }
        }
        None
    }

    /// Looks at the next `steps` slots, in turn from call to call, and takes out one entry that is `over`, if it meets
    /// one: call again until it returns `None` or the turn's work is done. The steps left are written back.
    pub fn sweep(&mut self, steps: &mut usize, mut over: impl FnMut(&K, &mut V) -> bool) -> Option<(K, V)> {
        while *steps > 0 && !self.slab.is_empty() {
            *steps -= 1;
            let slot = self.swept % self.slab.len();
            self.swept = slot + 1;
            if self.slab[slot].as_mut().is_some_and(|e| over(&e.key, &mut e.value)) {
                return self.remove_at(Slot::try_from(slot).unwrap_or(Slot::MAX));
            }
        }
        None
    }

    /// Every entry, in slab order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.slab.iter().flatten().map(|e| (&e.key, &e.value))
    }

    /// Every entry, in slab order, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.slab.iter_mut().flatten().map(|e| (&e.key, &mut e.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_used_survives_what_is_not() {
        let mut table = Bounded::new(3);
        for k in 0..3 {
            table.insert_new(k, k * 10);
        }
        assert_eq!(table.get_mut(&0), Some(&mut 0));
        let (_, gone) = table.insert_new(3, 30);
        assert_eq!(gone, Some((1, 10)), "0 was used, 1 is the coldest");
        assert_eq!(table.len(), 3);
        assert_eq!(table.evicted(), 1);
    }

    #[test]
    fn a_sweep_visits_every_entry_within_its_steps() {
        let mut table = Bounded::new(100);
        for k in 0..100 {
            table.insert_new(k, ());
        }
        let mut gone = 0;
        for _ in 0..10 {
            let mut steps = 10;
            while table.sweep(&mut steps, |k, _| k % 2 == 0).is_some() {
                gone += 1;
            }
        }
        assert_eq!((gone, table.len()), (50, 50));
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_plain_map_and_keeps_its_cap(ops in proptest::collection::vec((0u8..4, 0u16..64), 1..400)) {
            let mut table = Bounded::new(16);
            let mut model = std::collections::HashMap::new();
            for (op, key) in ops {
                match op {
                    0 | 1 => {
                        if table.find(&key).is_none() {
                            let (_, gone) = table.insert_new(key, u32::from(key));
                            if let Some((k, _)) = gone { model.remove(&k); }
                            model.insert(key, u32::from(key));
                        }
                    }
                    2 => prop_assert_eq!(table.remove(&key), model.remove(&key)),
                    _ => prop_assert_eq!(table.get_mut(&key).copied(), model.get(&key).copied()),
                }
                prop_assert!(table.len() <= 16);
                prop_assert_eq!(table.len(), model.len());
                prop_assert_eq!(table.iter().count(), model.len());
            }
        }
    }
}
