//! What the monitor said of viewers: whether what they show opens the door. Kept for a few seconds, so that a wall of
//! browsers costs one question now and then; and while the monitor is away, so that those inside stay inside.

use super::password::digest;
use super::upstream::Question;
use crate::time::{self, SECOND, Timestamp};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A verdict is asked for again after this, microseconds.
const FRESH: i64 = 5 * SECOND;
/// One that nobody used for this long is dropped, microseconds.
const UNUSED: i64 = 600 * SECOND;
/// While the monitor is away verdicts hold for this long, microseconds: a wall display goes on showing since when.
const AWAY: i64 = 86_400 * SECOND;
/// Verdicts kept; the oldest goes first.
const KEPT: usize = 1024;

/// That a viewer may come in.
pub struct Verdict {
    /// What the monitor is asked.
    pub question: Question,
    asked_at: AtomicI64,
    stands: AtomicBool,
}

impl Verdict {
    /// The monitor has just said so.
    pub fn new(question: Question) -> Arc<Verdict> {
        let asked_at = AtomicI64::new(time::monotonic().micros());
        Arc::new(Verdict { question, asked_at, stands: AtomicBool::new(true) })
    }

    /// The monitor has said so again.
    pub fn renew(&self) {
        self.asked_at.store(time::monotonic().micros(), Relaxed);
    }

    /// Whether the viewer may still watch.
    pub fn stands(&self) -> bool {
        self.stands.load(Relaxed)
    }

    fn age(&self, now: Timestamp) -> i64 {
        now.micros() - self.asked_at.load(Relaxed)
    }
}

/// All that are kept.
#[derive(Default)]
pub struct Verdicts {
    kept: Mutex<HashMap<String, Arc<Verdict>>>,
}

impl Verdicts {
    fn kept(&self) -> MutexGuard<'_, HashMap<String, Arc<Verdict>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of what a viewer shows: short, and of no use to anyone who reads it.
    pub fn key(parts: [&str; 4]) -> String {
        digest(&parts.join("\n"))
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.kept().len()
    }

    /// One that need not be asked for again.
    pub fn find(&self, key: &str, away: bool) -> Option<Arc<Verdict>> {
        let now = time::monotonic();
        let holds = |verdict: &&Arc<Verdict>| verdict.age(now) < if away { AWAY } else { FRESH };
        self.kept().get(key).filter(holds).cloned()
    }

    /// Keeps that the monitor lets one in.
    pub fn keep(&self, key: String, question: Question) -> Arc<Verdict> {
        let mut kept = self.kept();
        if let Some(known) = kept.get(&key) {
            known.renew();
            return known.clone();
        }
        if kept.len() >= KEPT
            && let Some(oldest) =
                kept.iter().min_by_key(|(_, v)| v.asked_at.load(Relaxed)).map(|(k, _)| k.clone())
        {
            // Whoever watches by it comes again.
            if let Some(gone) = kept.remove(&oldest) {
                gone.stands.store(false, Relaxed);
            }
        }
        let verdict = Verdict::new(question);
        kept.insert(key, verdict.clone());
        verdict
    }

    /// The monitor lets this one in no more.
    pub fn drop(&self, key: &str) {
        if let Some(verdict) = self.kept().remove(key) {
            verdict.stands.store(false, Relaxed);
        }
    }

    /// Something changed that may have ended a session: all are to be asked for again, and at once.
    pub fn doubt(&self) {
        self.kept().retain(|_, verdict| {
            verdict.asked_at.fetch_min(time::monotonic().micros() - FRESH, Relaxed);
            Arc::strong_count(verdict) > 1
        });
    }

    /// Those that streams live by and that are to be asked for again. Drops what is too old.
    pub fn due(&self, away: bool) -> Vec<(String, Arc<Verdict>)> {
        let now = time::monotonic();
        let mut kept = self.kept();
        kept.retain(|_, verdict| {
            let used = Arc::strong_count(verdict) > 1;
            let holds = verdict.age(now)
                < if away {
                    AWAY
                } else if used {
                    i64::MAX
                } else {
                    UNUSED
                };
            if !holds {
                verdict.stands.store(false, Relaxed);
            }
            holds
        });
        if away {
            return Vec::new();
        }
        let due = |verdict: &Arc<Verdict>| Arc::strong_count(verdict) > 1 && verdict.age(now) >= FRESH;
        kept.iter().filter(|(_, v)| due(v)).map(|(k, v)| (k.clone(), v.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        Question::new("HEAD", "/")
    }

    fn age(verdict: &Verdict, micros: i64) {
        verdict.asked_at.store(time::monotonic().micros() - micros, Relaxed);
    }

    #[test]
    fn a_verdict_is_asked_for_again_after_seconds_and_holds_for_a_day_while_the_monitor_is_away() {
        let all = Verdicts::default();
        let verdict = all.keep("a".into(), question());
        assert!(all.find("a", false).is_some() && all.find("b", true).is_none());
        age(&verdict, FRESH);
        assert!(all.find("a", false).is_none() && all.find("a", true).is_some());
        assert_eq!(all.due(false).len(), 1, "a stream lives by it");
        assert_eq!(all.due(true).len(), 0, "nobody to ask");
        age(&verdict, AWAY);
        assert!(all.find("a", true).is_none());
        all.due(true);
        assert!(!verdict.stands() && all.len() == 0, "the stream ends");
    }

    #[test]
    fn a_doubt_leaves_those_alone_that_streams_live_by_and_they_are_asked_for() {
        let all = Verdicts::default();
        let watched = all.keep("a".into(), question());
        all.keep("b".into(), question());
        all.doubt();
        assert_eq!((all.len(), all.find("a", false).is_some()), (1, false));
        assert_eq!(all.due(false)[0].0, "a");
        all.drop("a");
        assert!(!watched.stands());
    }

    #[test]
    fn their_number_is_bounded_and_the_oldest_goes() {
        let all = Verdicts::default();
        let first = all.keep("first".into(), question());
        age(&first, SECOND);
        for n in 0..KEPT {
            all.keep(n.to_string(), question());
        }
        assert_eq!((all.len(), first.stands()), (KEPT, false));
    }
}
