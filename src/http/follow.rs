//! Following the monitor: one subscription to its events for all viewers of a front, begun again for as long as it
//! takes, and resumed so that no alert is missed.

use super::front::Front;
use super::sse::Status;
use super::upstream::{Event, Events, Question, within};
use crate::time::{self, SECOND, Timestamp, WallTime};
use smol::Timer;
use smol::future::FutureExt as _;
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::Duration;

/// A monitor sends a snapshot every second: silent for this long, it hangs.
const SILENT: Duration = Duration::from_secs(10);
/// Its socket answers within this.
const OPEN: Duration = Duration::from_secs(2);
/// Waits between attempts: at first, and at most.
const WAITS: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(300)];
/// While the monitor is away viewers are told so this often, microseconds: a page that hears nothing for six seconds
/// takes its own connection for dead.
const TOLD: i64 = 2 * SECOND;

/// How things stand between front and monitor.
#[derive(Debug)]
pub struct Link {
    /// Since when the monitor is away.
    away: Option<WallTime>,
    /// The newest alert passed on; the subscription is resumed after it.
    newest: Option<u64>,
    /// The newest alert of the viewer that is farthest behind: it came while the monitor was away.
    owed: Option<u64>,
    /// When viewers were last told that it is away.
    told: Timestamp,
    /// Subscriptions since start.
    pub subscriptions: u64,
}

impl Default for Link {
    fn default() -> Self {
        Link { away: Some(time::wall()), newest: None, owed: None, told: Timestamp::MIN, subscriptions: 0 }
    }
}

impl Link {
    /// Since when the monitor is away; `None` while it is not.
    pub fn away(&self) -> Option<WallTime> {
        self.away
    }

    /// The same, and the newest alert passed on.
    pub fn now(&self) -> (Option<WallTime>, Option<u64>) {
        (self.away, self.newest)
    }

    /// A viewer has all alerts up to `last`, and nobody there to ask for more: the next subscription begins there.
    pub fn owe(&mut self, last: u64) {
        self.owed = Some(self.owed.map_or(last, |owed| owed.min(last)));
    }

    /// Where the next subscription begins.
    fn resume(&self) -> Option<u64> {
        self.newest.into_iter().chain(self.owed).min()
    }

    /// A subscription that was asked to resume after `from` stands, and begins after `begun` where it says so. False
    /// when a viewer that is farther behind came meanwhile.
    fn stands(&mut self, from: Option<u64>, begun: Option<u64>) -> bool {
        if self.resume() != from {
            return false;
        }
        // What was owed comes now, in order: cut short, the next one begins where this one ended.
        (self.away, self.newest, self.owed) = (None, begun.or(from), None);
        self.subscriptions += 1;
        true
    }

    /// An alert was passed on. One that grew has an id of long ago.
    fn passed(&mut self, id: u64) {
        self.newest = Some(self.newest.map_or(id, |newest| newest.max(id)));
    }
}

/// Follows the monitor for ever.
pub async fn follow(front: Arc<Front>) {
    let mut wait = WAITS[0];
    loop {
        let subscriptions = front.link().subscriptions;
        let why = match subscribed(&front).await {
            Ok(()) => "it said good-bye".to_owned(),
            Err(error) => error.to_string(),
        };
        let stood = front.link().subscriptions > subscriptions;
        away(&front, stood, &why);
        wait = if stood { WAITS[0] } else { (2 * wait).min(WAITS[1]) };
        let pause = async { _ = Timer::after(wait).await };
        pause.or(front.asked_to_hurry()).await;
    }
}

/// Notes that the monitor is away, and tells viewers now and then.
fn away(front: &Front, stood: bool, why: &str) {
    let now = time::monotonic();
    let mut link = front.link();
    let since = *link.away.get_or_insert_with(time::wall);
    if stood {
        log::warn!("dashboard: the monitor is away: {why}");
    }
    if stood || now.since(link.told) >= TOLD {
        link.told = now;
        drop(link);
        front.publish(away_status(since).event(None));
    }
}

/// What viewers are told while the monitor is away.
pub fn away_status(since: WallTime) -> Status<'static> {
    let mut status = Status::new("away");
    status.since = Some(since);
    status
}

/// One subscription, from its begin to its end.
async fn subscribed(front: &Front) -> Result<()> {
    let from = front.link().resume();
    let target = from.map_or("/api/events".to_owned(), |id| format!("/api/events?last_event_id={id}"));
    let question = Question::new("GET", &target).header("host", "localhost");
    let (head, mut events) = front.upstream.open(&question, OPEN).await?;
    if head.status != 200 {
        return Err(Error::other(format!("it answered {} to /api/events", head.status)));
    }
    // Until it is known where this one begins it does not stand: cut before that, the next one would begin after alerts
    // that came meanwhile, and nobody would know whom they are owed to.
    let begun = within(OPEN, begin(&mut events)).await?;
    if !front.link().stands(from, begun) {
        return Ok(());
    }
    front.not_in_a_hurry();
    log::info!("dashboard: the monitor is there");
    front.publish(Status::new("live").event(None));
    let hurried = async {
        front.asked_to_hurry().await;
        Err(ErrorKind::Interrupted.into())
    };
    let passing = async {
        loop {
            let event = within(SILENT, events.next()).await?;
            // Whoever is owed older ones gets them first: this one comes again, after those.
            if front.link().owed.is_some() {
                return Err(ErrorKind::Interrupted.into());
            }
            if !pass(front, event)? {
                return Ok(());
            }
            // Viewers get their turn before the ring is full of alerts that were missed.
            smol::future::yield_now().await;
        }
    };
    passing.or(hurried).await
}

/// The first state of a stream: the alert it begins after, unless that is the one it was asked to resume after.
async fn begin(events: &mut Events) -> Result<Option<u64>> {
    loop {
        let event = events.next().await?;
        if event.field("event") == Some("status") {
            return Ok(id(&event));
        }
    }
}

fn id(event: &Event) -> Option<u64> {
    event.field("id")?.parse().ok()
}

/// Passes one event on. False when it was the last one.
fn pass(front: &Front, event: Event) -> Result<bool> {
    match event.field("event") {
        // Comments and `retry` are between the monitor and this process.
        None => return Ok(true),
        Some("snapshot") => front.take_snapshot(Arc::from(event.bytes)),
        Some("status") => return status(front, &event),
        Some(_) => {
            id(&event).into_iter().for_each(|id| front.link().passed(id));
            front.publish(Arc::from(event.bytes));
        }
    }
    Ok(true)
}

/// The monitor speaks of its stream: some of it is for this process, the rest is passed on.
fn status(front: &Front, event: &Event) -> Result<bool> {
    let data = event.field("data").unwrap_or_default();
    let told: serde_json::Value = serde_json::from_str(data).map_err(Error::other)?;
    if told["lagged"].is_u64() {
        return Err(Error::other("this process was too slow and asks again for what it missed"));
    }
    match (told["state"].as_str(), &told["detail"]) {
        (Some("closing"), _) => return Ok(false),
        (Some("live"), serde_json::Value::Null) => {}
        _ => front.publish(Arc::from(event.bytes.as_slice())),
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_begins_where_the_viewer_is_that_is_farthest_behind() {
        let mut link = Link::default();
        assert_eq!(link.resume(), None);
        assert!(link.stands(None, Some(4)) && link.away().is_none());
        assert_eq!(link.resume(), Some(4), "cut at once, nothing after that is skipped");
        link.passed(7);
        link.passed(3);
        assert_eq!(link.resume(), Some(7), "an alert that grew is no newer");
        link.owe(5);
        link.owe(9);
        assert_eq!(link.resume(), Some(5));
        assert!(!link.stands(Some(7), None), "it was begun before that viewer came");
        assert!(link.stands(Some(5), None));
        link.passed(6);
        assert_eq!(link.resume(), Some(6), "cut short, the rest is still to come");
        link.owe(2);
        link.passed(20);
        assert_eq!(link.resume(), Some(2), "what passes by pays no debt");
    }
}
