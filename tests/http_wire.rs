//! The wire against hostile and odd clients: whatever comes, the next client is served.

mod client;
mod fake;

use client::{ask, connect, get, raw, read};
use netmonitor::http::{AuthMode, Limits};
use netmonitor::time::monotonic;
use std::io::{Read as _, Write as _};
use std::time::Duration;

#[test]
fn hostile_requests_are_refused_and_the_next_one_is_answered() {
    let fake = fake::start(|_| {});
    let long = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "a: b\r\n".repeat(500));
    let post = "POST /api/session HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let huge = format!("{post}content-length: 10000000\r\n\r\n");
    let chunked_huge = format!("{post}transfer-encoding: chunked\r\n\r\n")
        + &format!("1000\r\n{}\r\n", "x".repeat(4096)).repeat(20)
        + "0\r\n\r\n";
    let both = format!(
        "{post}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"
    );
    let expect_huge = format!("{post}expect: 100-continue\r\ncontent-length: 99999999\r\n\r\n");
    for (what, bytes, allowed) in [
        (
            "UTF-8 in a header nobody reads",
            "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: café\r\n\r\n",
            &[200][..],
        ),
        ("UTF-8 in Host", "GET /healthz HTTP/1.1\r\nhost: café\r\n\r\n", &[400]),
        (
            "UTF-8 in a cookie",
            "GET /healthz HTTP/1.1\r\nhost: localhost\r\ncookie: session=café\r\n\r\n",
            &[400],
        ),
        ("UTF-8 in the path", "GET /café HTTP/1.1\r\nhost: localhost\r\n\r\n", &[400, 404]),
        ("one endless header", &long, &[431]),
        ("too many headers", &many, &[431]),
        ("a huge body", &huge, &[413]),
        ("a huge body in pieces", &chunked_huge, &[413]),
        ("a huge body that asks first", &expect_huge, &[413]),
        ("length and chunks", &both, &[400, 204]),
        ("two lengths", &format!("{post}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}"), &[400]),
        ("a negative length", &format!("{post}content-length: -1\r\n\r\n"), &[400]),
        ("no host", "GET /healthz HTTP/1.1\r\n\r\n", &[400]),
        ("two hosts", "GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n", &[400]),
        ("a name that is not ours", "GET /healthz HTTP/1.1\r\nhost: evil.example\r\n\r\n", &[421]),
        (
            "a name that begins like ours",
            "GET /healthz HTTP/1.1\r\nhost: localhost.evil.example\r\n\r\n",
            &[421],
        ),
        ("a broken address", "GET /healthz HTTP/1.1\r\nhost: [::1]evil\r\n\r\n", &[421]),
        ("a method of their own", "BREW /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n", &[501]),
        ("TRACE", "TRACE /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n", &[405]),
        ("CONNECT", "CONNECT localhost:22 HTTP/1.1\r\nhost: localhost\r\n\r\n", &[400]),
        ("no path", "OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n", &[400, 404, 405]),
        ("a way out", "GET /static/../../etc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n", &[404]),
        (
            "a hidden way out",
            "GET /static/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nhost: localhost\r\n\r\n",
            &[404],
        ),
        ("a host in the path", "GET //evil.example/ HTTP/1.1\r\nhost: localhost\r\n\r\n", &[200, 404]),
        ("a user in the path", "GET @evil.example/ HTTP/1.1\r\nhost: localhost\r\n\r\n", &[400]),
        ("broken percent signs", "GET /api/devices/%zz HTTP/1.1\r\nhost: localhost\r\n\r\n", &[404]),
        ("HTTP/2 uninvited", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[400, 0]),
        ("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\u{0}", &[400, 0]),
        ("a zero byte", "GET /\0 HTTP/1.1\r\nhost: localhost\r\n\r\n", &[400]),
        ("a folded header", "GET / HTTP/1.1\r\nhost: localhost\r\nx: a\r\n b\r\n\r\n", &[400]),
    ] {
        let answer = raw(fake.address, bytes.as_bytes());
        assert!(allowed.contains(&answer.status), "{what}: {answer:?}");
        if answer.status >= 400 && answer.header("content-type") == "application/json" {
            assert!(answer.json()["error"]["message"].is_string(), "{what}: {answer:?}");
        }
        assert_eq!(get(fake.address, "/healthz").status, 200, "after: {what}");
    }
}

#[test]
fn names_of_this_machine_are_answered() {
    let fake = fake::start(|_| {});
    for host in [
        "localhost",
        "LOCALHOST:8080",
        "127.0.0.1:1",
        "192.168.1.9",
        "[::1]:8080",
        "[fe80::1]",
        "pi",
        "pi.local.",
        "netmonitor.local:80",
        "monitor.example",
    ] {
        let request = format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert_eq!(raw(fake.address, request.as_bytes()).status, 200, "{host}");
    }
}

#[test]
fn changes_from_other_sites_are_refused() {
    let fake = fake::start(|_| {});
    let own = format!("origin: http://{}\r\n", fake.address);
    for (more, status) in [
        (own.as_str(), 201),
        ("", 201),
        ("sec-fetch-site: same-origin\r\n", 201),
        ("sec-fetch-site: cross-site\r\n", 403),
        ("sec-fetch-site: same-site\r\n", 403),
        ("origin: http://evil.example\r\n", 403),
        ("origin: null\r\n", 403),
        ("origin: http://127.0.0.1:1\r\n", 403),
    ] {
        let answer = ask(fake.address, "POST", "/api/mutes", more, Some(r#"{"kind":"port_scan"}"#));
        assert_eq!(answer.status, status, "{more}: {answer:?}");
    }
    let form = "POST /api/mutes HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{}";
    assert_eq!(raw(fake.address, form.as_bytes()).status, 415);
}

#[test]
fn old_clients_get_whole_documents_of_a_stated_length() {
    let fake = fake::start(|_| {});
    let answer = raw(fake.address, b"GET /api/dashboard HTTP/1.0\r\n\r\n");
    assert_eq!(answer.status, 200);
    assert!(answer.json()["traffic"]["history"].as_array().is_some_and(|h| h.len() == 300));
}

#[test]
fn head_tells_the_length_and_sends_nothing() {
    let fake = fake::start(|_| {});
    let (head, get) = (ask(fake.address, "HEAD", "/", "", None), get(fake.address, "/"));
    assert_eq!((head.status, head.header("content-length")), (200, get.header("content-length")));
    assert_eq!(
        ask(fake.address, "HEAD", "/api/events", "", None).header("content-type"),
        "text/event-stream"
    );
    assert_eq!(fake.app.viewers(), 0);
}

#[test]
fn pipelined_requests_are_answered_in_order_and_a_stream_may_come_last() {
    let fake = fake::start(|_| {});
    let mut stream = connect(fake.address);
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let all = one("/healthz") + &one("/api/dashboard") + &one("/nothing") + &one("/api/events");
    stream.write_all(all.as_bytes()).expect("sent");
    assert!(read(&mut stream, false).json()["version"].is_string());
    assert!(read(&mut stream, false).json()["capture"].is_object());
    assert_eq!(read(&mut stream, false).status, 404);
    let head = read(&mut stream, true);
    assert_eq!((head.status, head.header("content-type")), (200, "text/event-stream"));
    let mut first = [0; 11];
    stream.read_exact(&mut first).expect("events");
    assert_eq!(&first, b"retry:2000\n");
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on() {
    let fake = fake::start(|_| {});
    let mut stream = connect(fake.address);
    let body = r#"{"kind":"port_scan"}"#;
    let head = format!(
        "POST /api/mutes HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("sent");
    assert_eq!(read(&mut stream, true).status, 100);
    stream.write_all(body.as_bytes()).expect("sent");
    assert_eq!(read(&mut stream, false).status, 201);
}

/// Where the document has its script from.
fn script(fake: &fake::Fake) -> String {
    let document = get(fake.address, "/").body;
    let (_, from) = document.split_once("<script type=\"module\" src=\"").expect("a script");
    format!("/{}", from.split_once('"').expect("its end").0)
}

#[test]
fn every_answer_tells_browsers_to_run_nothing_else() {
    let fake = fake::start(|_| {});
    for path in ["/", "/api/dashboard", "/nothing", &script(&fake)] {
        let answer = get(fake.address, path);
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self' 'sha256-")
                && !policy.contains("unsafe"),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
    assert_eq!(get(fake.address, "/api/dashboard").header("cache-control"), "no-store");
}

#[test]
fn a_document_is_asked_for_again_and_what_it_names_is_kept_forever() {
    let fake = fake::start(|_| {});
    for (path, cache) in [
        ("/", "no-cache"),
        ("/api/openapi.json", "no-cache"),
        (&script(&fake), "public, max-age=31536000, immutable"),
    ] {
        let first = get(fake.address, path);
        let more = format!("if-none-match: {}\r\n", first.header("etag"));
        let again = ask(fake.address, "GET", path, &more, None);
        assert_eq!((first.status, again.status, again.body.as_str()), (200, 304, ""), "{path}");
        assert_eq!(
            (again.header("etag"), again.header("cache-control")),
            (first.header("etag"), cache),
            "{path}"
        );
    }
    let gone = get(fake.address, "/static/app-000000000000.js");
    assert_eq!((gone.status, gone.header("cache-control")), (404, "no-store"), "an older page's script");
    assert_eq!(get(fake.address, "/static/openapi.json").status, 404);
}

#[test]
fn files_are_compressed_for_those_that_take_it_and_the_same_inside() {
    let fake = fake::start(|_| {});
    let path = script(&fake);
    let plain = get(fake.address, &path);
    let mut stream = connect(fake.address);
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\naccept-encoding: br, gzip\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let end = 4 + answer.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    assert!(head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"), "{head}");
    let mut inside = String::new();
    flate2::read::GzDecoder::new(&answer[end..]).read_to_string(&mut inside).expect("gzip");
    assert_eq!(inside, plain.body);
    assert!(answer.len() < plain.body.len() / 2);
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
    let packed = ask(fake.address, "HEAD", &path, "accept-encoding: gzip\r\n", None);
    assert_ne!(packed.header("etag"), plain.header("etag"), "each encoding has its own");
    let more = format!("accept-encoding: gzip\r\nif-none-match: {}\r\n", packed.header("etag"));
    assert_eq!(ask(fake.address, "GET", &path, &more, None).status, 304);
}

#[test]
fn heads_and_bodies_that_dawdle_are_cut_off() {
    let fake = fake::start(|_| {});
    let began = monotonic();
    let mut silent = connect(fake.address);
    let mut slow_head = connect(fake.address);
    slow_head.write_all(b"GET / HTTP/1.1\r\nho").expect("sent");
    let mut slow_body = connect(fake.address);
    let head = b"POST /api/session HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    slow_body.write_all(head).expect("sent");
    assert_eq!(read(&mut slow_body, false).status, 408);
    for stream in [&mut silent, &mut slow_head] {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("closed, not forgotten");
    }
    let took = Duration::from_micros(monotonic().since(began).unsigned_abs());
    assert!(took > Duration::from_secs(8) && took < Duration::from_secs(14), "{took:?}");
}

#[test]
fn one_address_and_all_together_have_a_cap_and_leaving_makes_room() {
    let limits = Limits { connections: 20, connections_per_address: 10, viewers: 5 };
    let fake = fake::start(|setup| setup.limits = limits);
    let mut held: Vec<_> = (0..10).map(|_| connect(fake.address)).collect();
    std::thread::sleep(Duration::from_millis(200));
    let refused = read(&mut connect(fake.address), false);
    assert_eq!((refused.status, refused.header("retry-after")), (503, "2"));
    assert_eq!(refused.json()["error"]["code"], "too_many_connections");
    held.truncate(5);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(get(fake.address, "/healthz").status, 200);
}

#[test]
fn stopping_takes_less_than_a_second_whoever_is_connected() {
    let fake = fake::start(|setup| setup.auth = AuthMode::None);
    let mut idle = connect(fake.address);
    let mut viewer = connect(fake.address);
    viewer.write_all(b"GET /api/events HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("sent");
    assert_eq!(read(&mut viewer, true).status, 200);
    let began = monotonic();
    drop(fake);
    assert!(monotonic().since(began) < 950_000, "{}", monotonic().since(began));
    let mut rest = String::new();
    viewer.read_to_string(&mut rest).expect("closed in order");
    assert!(rest.contains(r#""state":"closing""#), "{rest}");
    assert_eq!(idle.read(&mut [0]).expect("closed in order"), 0);
}
