//! The event stream, read with async-sse's decoder: what comes first, resuming, lagging, stalling, leaving, caps.

mod client;
mod fake;

use client::{connect, get, read};
use netmonitor::bus::RING;
use netmonitor::http::{AuthMode, Limits};
use netmonitor::time::{SECOND, monotonic};
use smol::stream::StreamExt as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An event as a browser sees it.
#[derive(Debug, PartialEq)]
struct Event {
    name: String,
    id: String,
    data: serde_json::Value,
}

/// A viewer; `more` are header lines.
struct Viewer(async_sse::Decoder<smol::io::BufReader<smol::Async<TcpStream>>>);

fn open(address: SocketAddr, path: &str, more: &str) -> TcpStream {
    let mut stream = connect(address);
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let head = read(&mut stream, true);
    assert_eq!((head.status, head.header("content-type")), (200, "text/event-stream"), "{head:?}");
    stream
}

fn watch(address: SocketAddr, path: &str, more: &str) -> Viewer {
    let stream = smol::Async::new(open(address, path, more)).expect("non-blocking");
    Viewer(async_sse::decode(smol::io::BufReader::new(stream)))
}

impl Viewer {
    fn next(&mut self) -> Event {
        let next = async {
            loop {
                match self.0.next().await.expect("the stream goes on").expect("well-formed") {
                    // The decoder takes the standard's milliseconds for seconds.
                    async_sse::Event::Retry(wait) => assert_eq!(wait, Duration::from_secs(2000)),
                    async_sse::Event::Message(message) => {
                        return Event {
                            name: message.name().clone(),
                            id: message.id().clone().unwrap_or_default(),
                            data: serde_json::from_slice(message.data()).expect("JSON"),
                        };
                    }
                }
            }
        };
        let late = async {
            smol::Timer::after(Duration::from_secs(5)).await;
            panic!("no event came");
        };
        smol::block_on(smol::future::or(next, late))
    }
    /// The next event of a name.
    fn next_named(&mut self, name: &str) -> Event {
        loop {
            let event = self.next();
            if event.name == name {
                return event;
            }
        }
    }
}

fn until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let began = monotonic();
    while !done() {
        assert!(monotonic() < began + limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_viewer_gets_retry_status_and_the_latest_snapshot_at_once_then_what_happens() {
    let fake = fake::start(|_| {});
    let mut raw = open(fake.address, "/api/events", "");
    let mut retry = [0; 12];
    raw.read_exact(&mut retry).expect("it begins");
    assert_eq!(&retry, b"retry:2000\n\n");
    let mut viewer = watch(fake.address, "/api/events", "");
    let status = viewer.next();
    assert_eq!((status.name.as_str(), &status.data["state"]), ("status", &"live".into()));
    let snapshot = viewer.next();
    assert_eq!((snapshot.name.as_str(), &snapshot.data["capture"]["packets"]), ("snapshot", &900.into()));
    assert!(snapshot.data["traffic"].get("history").is_none(), "lists stay out of the event");
    fake.app.set_snapshot(fake::snapshot(2));
    assert_eq!(viewer.next().data["capture"]["packets"], 1800);
    fake.app.publish_alert(&fake::alert(7));
    let alert = viewer.next();
    assert_eq!((alert.name.as_str(), alert.id.as_str(), &alert.data["id"]), ("alert", "7", &7.into()));
    fake.app.publish_device(&fake::device(3));
    assert_eq!(viewer.next().data["id"], "020000000003");
    assert_eq!(get(fake.address, "/api/dashboard").json()["traffic"]["history"][299]["packets_internal"], 60);
}

#[test]
fn acknowledging_and_renaming_reach_other_viewers() {
    let fake = fake::start(|_| {});
    fake.store.commit_alerts(&[fake::alert(1)]).expect("memory");
    let mut viewer = watch(fake.address, "/api/events", "");
    client::ask(fake.address, "POST", "/api/alerts/1/ack", "", Some(r#"{"note":"seen"}"#));
    assert_eq!(viewer.next_named("alert").data["acknowledged"]["note"], "seen");
    client::ask(fake.address, "PATCH", "/api/devices/020000000001", "", Some(r#"{"name":"Printer"}"#));
    assert_eq!(viewer.next_named("device").data["name"], "Printer");
}

#[test]
fn a_viewer_that_comes_back_misses_no_alert_while_alerts_keep_coming() {
    let fake = fake::start(|_| {});
    let (app, store) = (fake.app.clone(), fake.store.clone());
    let last = 400;
    let raising = std::thread::spawn(move || {
        for id in 1..=last {
            store.commit_alerts(&[fake::alert(id)]).expect("memory");
            app.publish_alert(&fake::alert(id));
            std::thread::sleep(Duration::from_micros(500));
        }
    });
    let mut seen = Vec::new();
    let mut id = 0;
    for round in 0.. {
        let (path, more) = match round % 2 {
            0 => ("/api/events".to_owned(), format!("last-event-id: {id}\r\n")),
            _ => (format!("/api/events?last_event_id={id}"), String::new()),
        };
        let mut viewer = watch(fake.address, &path, &more);
        for _ in 0..17 {
            if id == last {
                break;
            }
            let alert = viewer.next_named("alert");
            id = alert.id.parse().expect("an id");
            seen.push(id);
        }
        if id == last {
            break;
        }
    }
    raising.join().expect("raised");
    seen.dedup();
    assert_eq!(seen, (1..=last).collect::<Vec<_>>());
}

#[test]
fn a_viewer_that_falls_behind_is_told_how_much_it_lost_and_goes_on() {
    let fake = fake::start(|_| {});
    let mut viewer = watch(fake.address, "/api/events", "");
    viewer.next_named("snapshot");
    // Far more than the sockets hold, while nobody reads.
    let mut device = fake::device(1);
    device.notes = "x".repeat(50_000);
    let last = 400;
    for n in 1..=last {
        device.bytes_in_today = n;
        fake.app.publish_device(&device);
        std::thread::sleep(Duration::from_micros(200));
    }
    let (mut lost, mut got) = (0, 0);
    loop {
        let event = viewer.next();
        lost += event.data["lagged"].as_u64().unwrap_or(0);
        got += u64::from(event.name == "device");
        if event.data["bytes_in_today"] == last {
            break;
        }
    }
    assert!(lost > 0 && got >= RING as u64, "{lost} lost, {got} got");
    assert_eq!(lost + got, last, "what was not sent was counted");
    assert_eq!(fake.app.stats().events_lost, lost);
}

#[test]
fn a_viewer_that_stops_reading_is_dropped_and_one_that_leaves_is_seen_at_once() {
    let fake = fake::start(|_| {});
    let stalled = open(fake.address, "/api/events", "");
    let leaving = open(fake.address, "/api/events", "");
    until("both watch", Duration::from_secs(1), || fake.app.viewers() == 2);
    drop(leaving);
    until("one left", Duration::from_millis(500), || fake.app.viewers() == 1);
    let mut device = fake::device(1);
    device.notes = "x".repeat(50_000);
    let began = monotonic();
    until("the stalled one is dropped", Duration::from_secs(14), || {
        fake.app.publish_device(&device);
        fake.app.viewers() == 0
    });
    assert!(monotonic().since(began) > 9 * SECOND, "ten seconds without a byte, not less");
    assert_eq!(fake.app.stats().viewers_stalled, 1);
    drop(stalled);
}

#[test]
fn beyond_the_cap_viewers_are_told_when_to_try_again() {
    let fake = fake::start(|setup| setup.limits = Limits { viewers: 3, ..Limits::default() });
    let held: Vec<_> = (0..3).map(|_| open(fake.address, "/api/events", "")).collect();
    let refused = get(fake.address, "/api/events");
    assert_eq!((refused.status, refused.header("retry-after")), (503, "30"));
    assert_eq!(refused.json()["error"]["code"], "too_many_viewers");
    drop(held);
    until("room again", Duration::from_secs(1), || fake.app.viewers() == 0);
    open(fake.address, "/api/events", "");
}

#[test]
fn a_stream_ends_with_the_session_that_opened_it() {
    let fake = fake::start(|setup| setup.auth = AuthMode::Password);
    let claim = format!(r#"{{"code":"{}","password":"long enough"}}"#, fake::CLAIM);
    let claimed = client::ask(fake.address, "POST", "/api/claim", "", Some(&claim));
    let login = || {
        let body = r#"{"password":"long enough"}"#;
        client::ask(fake.address, "POST", "/api/session", "", Some(body)).cookie()
    };
    let (mine, other) = (format!("cookie: {}\r\n", claimed.cookie()), format!("cookie: {}\r\n", login()));
    let mut ended = open(fake.address, "/api/events", &mine);
    let _goes_on = open(fake.address, "/api/events", &other);
    assert_eq!(client::ask(fake.address, "DELETE", "/api/session", &mine, None).status, 204);
    fake.app.publish_alert(&fake::alert(77));
    let mut rest = String::new();
    ended.read_to_string(&mut rest).expect("closed in order");
    assert!(!rest.contains("event:alert"), "{rest}");
    assert_eq!(fake.app.viewers(), 1);
}

#[test]
fn a_viewer_that_talks_is_not_listened_to() {
    let fake = fake::start(|_| {});
    let mut stream = open(fake.address, "/api/events", "");
    for _ in 0..100 {
        stream.write_all(b"GET /api/dashboard HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("sent");
    }
    std::thread::sleep(Duration::from_millis(100));
    fake.app.publish_status("live", Some("still here"));
    fake.app.shutdown();
    let mut all = String::new();
    stream.read_to_string(&mut all).expect("closed in order");
    assert!(all.contains("still here") && !all.contains("HTTP/1.1"), "{all}");
}
