//! Bounded fan-out of encoded events: a ring of the last few as shared bytes, numbered, the same for every viewer.
//!
//! Publishing costs one slot and a wake-up per waiting viewer, never a copy and never a wait. A reader that falls
//! out of the ring is told how many events it lost and goes on with the oldest one there is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Events kept for readers that are behind: a storm that raises two hundred alerts in one turn reaches all. At
/// one snapshot a second this is three minutes; at 2 KB an event it is 400 KB, once for all viewers.
pub const RING: usize = 200;

/// What a reader gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next event, encoded.
    Event(Arc<[u8]>),
    /// So many events were overwritten before this reader came for them; it goes on with the oldest.
    Lagged(u64),
    /// The bus was closed and everything was read.
    Closed,
}

/// What the bus has done, for the health page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct BusStats {
    /// Events published since start.
    pub published: u64,
    /// Events that readers lost because they were behind.
    pub lagged: u64,
    /// Readers now.
    pub readers: usize,
}

#[derive(Default)]
struct Ring {
    events: VecDeque<Arc<[u8]>>,
    /// Number of the event that comes next.
    head: u64,
    closed: bool,
    lagged: u64,
    /// One slot per reader, so that polling twice never grows it; `free` are the slots without one.
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

/// The bus. Cheap to clone; clones are the same bus.
#[derive(Clone, Default)]
pub struct Bus {
    ring: Arc<Mutex<Ring>>,
}

impl Bus {
    /// Adds an event for all readers and wakes them.
    pub fn publish(&self, event: Arc<[u8]>) {
        let mut ring = self.lock();
        if ring.closed {
            return;
        }
        if ring.events.len() == RING {
            ring.events.pop_front();
        }
        ring.events.push_back(event);
        ring.head += 1;
        wake(ring);
    }

    /// A reader that sees every event published from now on.
    pub fn subscribe(&self) -> Reader {
        let mut ring = self.lock();
        let slot = ring.free.pop().unwrap_or_else(|| {
            ring.wakers.push(None);
            ring.wakers.len() - 1
        });
        Reader { bus: self.clone(), next: ring.head, slot }
    }

    /// Ends the bus: readers get what is left, then [`Next::Closed`].
    pub fn close(&self) {
        let mut ring = self.lock();
        ring.closed = true;
        wake(ring);
    }

    /// Whether [`Bus::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// What it has done.
    pub fn stats(&self) -> BusStats {
        let ring = self.lock();
        BusStats { published: ring.head, lagged: ring.lagged, readers: ring.wakers.len() - ring.free.len() }
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes outside the lock: a waker may run anything.
fn wake(mut ring: MutexGuard<'_, Ring>) {
    let waiting: Vec<Waker> = ring.wakers.iter_mut().filter_map(Option::take).collect();
    drop(ring);
    waiting.into_iter().for_each(Waker::wake);
}

/// One viewer's place in the ring.
pub struct Reader {
    bus: Bus,
    next: u64,
    slot: usize,
}

impl Reader {
    /// The next event, or why there is none; pending until one is published.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let mut ring = self.bus.lock();
        let oldest = ring.head - ring.events.len() as u64;
        if self.next < oldest {
            let lost = oldest - self.next;
            self.next = oldest;
            ring.lagged += lost;
            return Poll::Ready(Next::Lagged(lost));
        }
        if let Some(event) = ring.events.get((self.next - oldest) as usize) {
            self.next += 1;
            return Poll::Ready(Next::Event(event.clone()));
        }
        if ring.closed {
            return Poll::Ready(Next::Closed);
        }
        match &mut ring.wakers[self.slot] {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut ring = self.bus.lock();
        ring.wakers[self.slot] = None;
        ring.free.push(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn event(n: u8) -> Arc<[u8]> {
        Arc::from([n])
    }

    #[test]
    fn readers_share_the_same_bytes_and_start_at_the_present() {
        let bus = Bus::default();
        bus.publish(event(0));
        let (mut a, mut b) = (bus.subscribe(), bus.subscribe());
        let one = event(1);
        bus.publish(one.clone());
        let cx = &mut Context::from_waker(Waker::noop());
        for reader in [&mut a, &mut b] {
            match reader.poll_next(cx) {
                Poll::Ready(Next::Event(bytes)) => assert!(Arc::ptr_eq(&bytes, &one)),
                other => panic!("{other:?}"),
            }
            assert_eq!(reader.poll_next(cx), Poll::Pending);
        }
    }

    #[test]
    fn a_waiting_reader_is_woken_once_per_event_however_often_it_was_polled() {
        let bus = Bus::default();
        let mut reader = bus.subscribe();
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        for _ in 0..100 {
            assert_eq!(reader.poll_next(&mut Context::from_waker(&waker)), Poll::Pending);
        }
        bus.publish(event(1));
        bus.publish(event(2));
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_reader_that_fell_out_is_told_how_many_it_lost_and_goes_on_with_the_oldest() {
        let bus = Bus::default();
        let mut reader = bus.subscribe();
        for n in 0..RING as u8 + 5 {
            bus.publish(event(n));
        }
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(reader.poll_next(cx), Poll::Ready(Next::Lagged(5)));
        assert_eq!(reader.poll_next(cx), Poll::Ready(Next::Event(event(5))));
        assert_eq!(bus.stats().lagged, 5);
    }

    #[test]
    fn closing_lets_readers_finish_and_slots_are_used_again() {
        let bus = Bus::default();
        let mut reader = bus.subscribe();
        bus.publish(event(1));
        bus.close();
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(reader.poll_next(cx), Poll::Ready(Next::Event(event(1))));
        assert_eq!(reader.poll_next(cx), Poll::Ready(Next::Closed));
        drop(reader);
        for _ in 0..10 {
            drop(bus.subscribe());
        }
        assert_eq!((bus.stats().readers, bus.lock().wakers.len()), (0, 1));
    }
}
