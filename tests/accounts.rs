//! Accounts over HTTP: who may what, second factors, sessions, tokens, wall displays, the lockout, the audit log.

mod client;
mod fake;

use client::{Answer, ask, get};
use fake::Fake;
use hmac::{Hmac, KeyInit as _, Mac as _};
use netmonitor::http::AuthMode;
use netmonitor::time::{SECOND, monotonic, wall};
use serde_json::{Value, json};
use sha1::Sha1;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

const OWNER: &str = "a password of mine";
const VIEWER: &str = "a viewer's password";

/// Someone who is logged in, or shows a token.
struct Who<'a> {
    fake: &'a Fake,
    header: String,
}

impl Who<'_> {
    fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = (!body.is_null()).then(|| body.to_string());
        ask(self.fake.address, method, path, &self.header, body.as_deref())
    }
    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, Value::Null)
    }
    fn me(&self) -> Value {
        self.get("/api/session").json()
    }
}

fn start() -> Fake {
    let fake = fake::start(|setup| setup.auth = AuthMode::Password);
    let claim = json!({ "code": fake::CLAIM, "password": OWNER }).to_string();
    assert_eq!(ask(fake.address, "POST", "/api/claim", "", Some(&claim)).status, 204);
    fake
}

fn log_in(fake: &Fake, body: Value) -> Answer {
    ask(fake.address, "POST", "/api/session", "", Some(&body.to_string()))
}

fn with<'a>(fake: &'a Fake, answer: &Answer) -> Who<'a> {
    assert_eq!(answer.status, 204, "{answer:?}");
    Who { fake, header: format!("cookie: {}\r\n", answer.cookie()) }
}

fn owner(fake: &Fake) -> Who<'_> {
    with(fake, &log_in(fake, json!({ "password": OWNER })))
}

fn viewer<'a>(fake: &'a Fake, name: &str) -> Who<'a> {
    let made = owner(fake).send("POST", "/api/accounts", json!({ "name": name, "password": VIEWER }));
    assert_eq!(made.status, 201, "{made:?}");
    with(fake, &log_in(fake, json!({ "name": name, "password": VIEWER })))
}

fn token<'a>(fake: &'a Fake, scope: &str) -> (Who<'a>, String, u64) {
    let made =
        owner(fake).send("POST", "/api/tokens", json!({ "name": format!("a {scope} one"), "scope": scope }));
    let made = made.json();
    let token = made["token"].as_str().expect("told once").to_owned();
    let who = Who { fake, header: format!("authorization: Bearer {token}\r\n") };
    (who, token, made["id"].as_u64().expect("a number"))
}

fn code_of(answer: &Answer) -> String {
    answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

/// The code of a telephone that was given `secret`, `steps` half minutes from now.
fn code(secret: &str, steps: i64) -> String {
    let (mut held, mut bits, mut key) = (0u32, 0, Vec::new());
    for letter in secret.bytes() {
        let five = if letter.is_ascii_digit() { letter - b'2' + 26 } else { letter - b'A' };
        (held, bits) = (held << 5 | u32::from(five), bits + 5);
        if bits >= 8 {
            bits -= 8;
            key.push((held >> bits) as u8);
        }
    }
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).expect("any length");
    mac.update(&(wall().secs() / 30 + steps).to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let word = u32::from_be_bytes(hash[at..at + 4].try_into().expect("four bytes")) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

/// Sets up the second factor: its secret and the recovery codes.
fn two_factor(who: &Who) -> (String, Vec<String>) {
    let offer = who.send("POST", "/api/two-factor", Value::Null).json();
    let secret = offer["secret"].as_str().expect("a secret").to_owned();
    assert!(offer["uri"].as_str().is_some_and(|uri| uri.contains(&format!("secret={secret}"))), "{offer}");
    assert!(offer["qr"].as_array().is_some_and(|rows| rows.len() > 20), "{offer}");
    let wrong = who.send("POST", "/api/two-factor/confirm", json!({ "code": code(&secret, 9) }));
    assert_eq!((wrong.status, code_of(&wrong).as_str()), (422, "wrong_code"));
    assert_eq!(who.me()["two_factor"], false, "not before it is confirmed");
    let on = who.send("POST", "/api/two-factor/confirm", json!({ "code": code(&secret, -1) }));
    let codes = on.json()["recovery_codes"].as_array().expect("codes").clone();
    (secret, codes.iter().map(|c| c.as_str().expect("a text").to_owned()).collect())
}

#[test]
fn viewers_look_and_the_administrator_changes() {
    let fake = start();
    fake.store.commit_alerts(&[fake::alert(1)]).expect("memory");
    let viewer = viewer(&fake, "Grandma");
    let me = viewer.me();
    assert_eq!(
        (&me["name"], &me["role"], &me["kiosk"]),
        (&json!("Grandma"), &json!("viewer"), &json!(false))
    );
    for path in ["/api/dashboard", "/api/alerts", "/api/mutes", "/api/devices", "/metrics", "/account"] {
        assert_eq!(viewer.get(path).status, 200, "{path}");
    }
    let (reader, ..) = token(&fake, "read");
    let (kiosk, ..) = token(&fake, "kiosk");
    for who in [&viewer, &reader, &kiosk] {
        for (method, path, body) in [
            ("POST", "/api/alerts/1/ack", json!({ "note": "no" })),
            ("POST", "/api/alerts/ack", json!({ "severity": "low" })),
            ("POST", "/api/mutes", json!({ "kind": "port_scan" })),
            ("DELETE", "/api/mutes/1", Value::Null),
            ("PATCH", "/api/devices/020000000001", json!({ "name": "Mine" })),
            ("POST", "/api/selftest", Value::Null),
            ("POST", "/api/accounts", json!({ "name": "x", "password": "long enough" })),
            ("PATCH", "/api/accounts/1", json!({ "name": "x" })),
            ("POST", "/api/tokens", json!({ "name": "mine" })),
            ("DELETE", "/api/dashboard", Value::Null),
        ] {
            let answer = who.send(method, path, body);
            assert_eq!((answer.status, code_of(&answer).as_str()), (403, "read_only"), "{method} {path}");
        }
        for path in ["/api/accounts", "/api/tokens", "/api/audit"] {
            assert_eq!(who.get(path).status, 403, "{path}");
        }
    }
    assert_eq!(kiosk.get("/api/dashboard").status, 200);
    assert_eq!(code_of(&kiosk.get("/api/mutes")), "kiosk_only");
    let owner = owner(&fake);
    assert_eq!(owner.me()["role"], "administrator");
    let seen = owner.send("POST", "/api/alerts/1/ack", json!({ "note": "seen" })).json();
    assert_eq!(seen["acknowledged"]["by"], "admin", "who said so");
}

#[test]
fn names_that_nobody_has_cost_and_say_what_wrong_passwords_do() {
    let fake = start();
    let _viewer = viewer(&fake, "Grandma");
    let timed = |name: &str| {
        let began = monotonic();
        let answer = log_in(&fake, json!({ "name": name, "password": "not the one" }));
        assert_eq!((answer.status, code_of(&answer).as_str()), (401, "wrong_password"));
        (monotonic().since(began), answer.body)
    };
    // Two tries each: of one address, five are free.
    let known = [timed("grandma"), timed("GRANDMA ")];
    let unknown = [timed("nobody"), timed("no one")];
    assert_eq!(known[0].1, unknown[0].1);
    let least = |of: &[(i64, String)]| of.iter().map(|t| t.0).min().expect("two");
    let (known, unknown) = (least(&known), least(&unknown));
    assert!(known < 3 * unknown && unknown < 3 * known, "{known} and {unknown} µs");
}

#[test]
fn a_second_factor_asks_for_a_code_takes_each_once_and_a_recovery_code_in_its_place() {
    let fake = start();
    let who = owner(&fake);
    let (secret, recovery) = two_factor(&who);
    let me = who.me();
    assert_eq!((&me["two_factor"], &me["recovery_codes"]), (&json!(true), &json!(10)));
    let attempt = |code: Option<&str>| {
        let answer = log_in(&fake, json!({ "password": OWNER, "code": code }));
        let why = if answer.status == 204 { String::new() } else { code_of(&answer) };
        (answer.status, why)
    };
    let refused = |why: &str| (401, why.to_owned());
    assert_eq!(attempt(None), refused("code_needed"));
    assert_eq!(attempt(Some("  ")), refused("code_needed"));
    assert_eq!(attempt(Some(&code(&secret, 5))), refused("wrong_code"));
    let now = code(&secret, 0);
    assert_eq!(attempt(Some(&now)).0, 204);
    assert_eq!(attempt(Some(&now)), refused("code_used"), "whoever looked over the shoulder");
    assert_eq!(attempt(Some(&recovery[0])).0, 204);
    assert_eq!(attempt(Some(&recovery[0])), refused("wrong_code"), "once");
    assert_eq!(who.me()["recovery_codes"], 9);
    let wrong = who.send("POST", "/api/two-factor/off", json!({ "password": "not it at all" }));
    assert_eq!(wrong.status, 401);
    let renewed = who.send("POST", "/api/two-factor/recovery", json!({ "password": OWNER })).json();
    assert_eq!(attempt(Some(&recovery[1])).0, 401, "the old ones ended");
    assert_eq!(attempt(renewed["recovery_codes"][0].as_str()).0, 204);
    assert_eq!(who.send("POST", "/api/two-factor/off", json!({ "password": OWNER })).status, 204);
    assert_eq!(attempt(None).0, 204);
    let stored = fake.store.setting("dashboard.accounts").expect("memory").expect("kept");
    assert!(recovery.iter().all(|code| !stored.contains(code.as_str())));
}

#[test]
fn wrong_codes_count_like_wrong_passwords() {
    let fake = start();
    let (secret, _) = two_factor(&owner(&fake));
    let mut statuses = Vec::new();
    for _ in 0..7 {
        statuses.push(log_in(&fake, json!({ "password": OWNER, "code": code(&secret, 7) })).status);
    }
    assert_eq!(statuses[..5], [401; 5]);
    assert_eq!(statuses[6], 429, "{statuses:?}");
}

/// A live stream: true when its end comes within five seconds.
fn ends(mut stream: TcpStream) -> bool {
    stream.set_read_timeout(Some(std::time::Duration::from_secs(5))).expect("a limit");
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

fn watch(who: &Who) -> TcpStream {
    let mut stream = client::connect(who.fake.address);
    let head = format!("GET /api/events HTTP/1.1\r\nhost: {}\r\n{}\r\n", who.fake.address, who.header);
    stream.write_all(head.as_bytes()).expect("sent");
    let mut first = [0; 12];
    stream.read_exact(&mut first).expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

#[test]
fn a_session_or_token_that_is_ended_ends_its_stream_at_once() {
    let fake = start();
    let (owner, viewer) = (owner(&fake), viewer(&fake, "Grandma"));
    let (reader, _, number) = token(&fake, "read");
    let streams = [watch(&owner), watch(&viewer), watch(&reader)];
    let all = owner.get("/api/sessions").json();
    let of =
        |name: &str| all["sessions"].as_array().expect("a list").iter().find(|s| s["name"] == name).cloned();
    let theirs = of("Grandma").expect("listed");
    assert_eq!((&theirs["current"], &theirs["address"]), (&json!(false), &json!("127.0.0.1")));
    assert_eq!(
        viewer
            .send("DELETE", &format!("/api/sessions/{}", of("admin").expect("listed")["id"]), Value::Null)
            .status,
        404
    );
    assert_eq!(owner.send("DELETE", &format!("/api/sessions/{}", theirs["id"]), Value::Null).status, 204);
    assert_eq!(owner.send("DELETE", &format!("/api/tokens/{number}"), Value::Null).status, 204);
    fake.app.set_snapshot(fake::snapshot(2));
    let [mine, viewers, readers] = streams;
    assert!(ends(viewers) && ends(readers), "those that ended");
    assert!(!ends(mine), "the others go on");
    assert_eq!(viewer.get("/api/session").status, 401);
    assert_eq!(reader.get("/api/alerts").status, 401);
}

#[test]
fn everyone_sees_and_ends_his_own_sessions_alone() {
    let fake = start();
    let first = viewer(&fake, "Grandma");
    let second = with(&fake, &log_in(&fake, json!({ "name": "Grandma", "password": VIEWER })));
    let seen = second.get("/api/sessions").json();
    let seen = seen["sessions"].as_array().expect("a list");
    assert!(seen.len() == 2 && seen.iter().all(|s| s["name"] == "Grandma"), "{seen:?}");
    assert_eq!(second.send("DELETE", "/api/sessions", Value::Null).json()["ended"], 1);
    assert_eq!((first.get("/api/session").status, second.get("/api/session").status), (401, 200));
    assert_eq!(owner(&fake).me()["role"], "administrator", "the administrator's are not hers to end");
    let changed = second.send("POST", "/api/password", json!({ "old": VIEWER, "new": "another of hers" }));
    assert_eq!(changed.status, 204);
    assert_eq!(second.get("/api/session").status, 401);
    assert_eq!(log_in(&fake, json!({ "password": OWNER })).status, 204, "the owner's is as it was");
}

#[test]
fn accounts_are_made_renamed_given_passwords_and_deleted() {
    let fake = start();
    let (owner, viewer) = (owner(&fake), viewer(&fake, "Grandma"));
    for (body, status) in [
        (json!({ "name": "GRANDMA", "password": "long enough" }), 409),
        (json!({ "name": "admin", "password": "long enough" }), 409),
        (json!({ "name": " ", "password": "long enough" }), 400),
        (json!({ "name": "a\u{202e}b", "password": "long enough" }), 400),
        (json!({ "name": "x", "password": "short" }), 400),
        (json!({ "name": "x", "password": "x".repeat(1000) }), 201),
    ] {
        assert_eq!(owner.send("POST", "/api/accounts", body.clone()).status, status, "{body}");
    }
    let id = viewer.me()["account"].as_u64().expect("a number");
    let path = format!("/api/accounts/{id}");
    assert_eq!(owner.send("PATCH", &path, json!({ "name": "Oma" })).json()["name"], "Oma");
    assert_eq!(viewer.me()["name"], "Oma", "she stays logged in");
    two_factor(&viewer);
    assert_eq!(owner.send("PATCH", &path, json!({ "two_factor": false })).json()["two_factor"], false);
    assert_eq!(owner.send("PATCH", &path, json!({ "password": "a new one for her" })).status, 200);
    assert_eq!(viewer.get("/api/session").status, 401, "a new password ends her sessions");
    assert_eq!(log_in(&fake, json!({ "name": "oma", "password": "a new one for her" })).status, 204);
    assert_eq!(owner.send("PATCH", "/api/accounts/1", json!({ "password": "not this way" })).status, 400);
    assert_eq!(owner.send("PATCH", "/api/accounts/1", json!({ "name": "Zoë" })).status, 200);
    assert_eq!(log_in(&fake, json!({ "name": "ZOË", "password": OWNER })).status, 204);
    assert_eq!(owner.send("DELETE", "/api/accounts/1", Value::Null).status, 409);
    assert_eq!(owner.send("DELETE", &path, Value::Null).status, 204);
    assert_eq!(owner.send("DELETE", &path, Value::Null).status, 404);
    assert_eq!(log_in(&fake, json!({ "name": "oma", "password": "a new one for her" })).status, 401);
    let many = (0..70).map(|n| {
        owner.send("POST", "/api/accounts", json!({ "name": format!("v{n}"), "password": VIEWER })).status
    });
    assert_eq!(many.filter(|status| *status == 201).count(), 63, "64 viewers with the one of 1,000 letters");
}

#[test]
fn a_store_of_an_earlier_version_keeps_its_password_sessions_and_tokens() {
    let store = fake::store();
    let hash = netmonitor::http::password::hash(OWNER).expect("a hash");
    let digest = |text: &str| {
        use sha2::{Digest as _, Sha256};
        Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    let kept = |secret: &str, id| json!([{ "sha256": digest(secret), "created": wall().secs(), "id": id, "name": "old" }]);
    for (name, value) in [
        ("dashboard.password", hash),
        ("dashboard.sessions", kept("a session", 0).to_string()),
        ("dashboard.tokens", kept("a token", 7).to_string()),
    ] {
        store.set_setting(name, Some(&value)).expect("memory");
    }
    let fake = fake::start_on(store, |setup| setup.auth = AuthMode::Password);
    let session = Who { fake: &fake, header: "cookie: session=a session\r\n".into() };
    let token = Who { fake: &fake, header: "authorization: Bearer a token\r\n".into() };
    for who in [&session, &token, &owner(&fake)] {
        assert_eq!(who.me()["role"], "administrator");
    }
    assert_eq!(session.get("/api/tokens").json()["tokens"][0]["scope"], "admin");
    assert_eq!(token.send("POST", "/api/mutes", json!({ "kind": "port_scan" })).status, 201);
}

#[test]
fn a_wall_display_shows_its_token_once_and_is_in_until_the_token_ends() {
    let fake = start();
    let (_, token, number) = token(&fake, "kiosk");
    let (_, other, _) = self::token(&fake, "read");
    for wrong in ["nonsense", &other, ""] {
        let answer = get(fake.address, &format!("/kiosk?token={wrong}"));
        assert_eq!((answer.status, answer.header("location")), (303, "/login?next=/kiosk"), "{wrong}");
        assert_eq!(answer.header("set-cookie"), "");
    }
    let answer = get(fake.address, &format!("/kiosk?token={token}"));
    assert_eq!((answer.status, answer.header("location")), (303, "/kiosk"));
    assert!(answer.header("set-cookie").contains("Max-Age=34560000; HttpOnly"), "{answer:?}");
    let display = Who { fake: &fake, header: format!("cookie: {}\r\n", answer.cookie()) };
    let again = display.get(&format!("/kiosk?token={token}"));
    assert_eq!((again.status, again.header("set-cookie")), (303, ""), "it keeps the session it has");
    assert_eq!((display.get("/kiosk").status, display.get("/").header("location")), (200, "/kiosk"));
    assert_eq!(display.me()["kiosk"], true);
    for path in
        ["dashboard", "kinds", "alerts", "devices", "traffic", "talkers", "health", "places?ip=8.8.8.8"]
    {
        assert_eq!(display.get(&format!("/api/{path}")).status, 200, "{path}");
    }
    for path in ["/api/sessions", "/api/mutes", "/api/tokens", "/api/openapi.json", "/metrics"] {
        assert_eq!(display.get(path).status, 403, "{path}");
    }
    assert_eq!(display.send("POST", "/api/mutes", json!({ "kind": "port_scan" })).status, 403);
    let stream = watch(&display);
    assert_eq!(owner(&fake).send("DELETE", &format!("/api/tokens/{number}"), Value::Null).status, 204);
    fake.app.set_snapshot(fake::snapshot(2));
    assert!(ends(stream));
    assert_eq!(display.get("/api/dashboard").status, 401);
}

#[test]
fn tokens_end_when_they_should() {
    let fake = start();
    let owner = owner(&fake);
    let past = json!({ "name": "late", "expires": "2025-06-01T00:00:00Z" });
    assert_eq!(owner.send("POST", "/api/tokens", past).status, 400);
    let soon = netmonitor::time::WallTime::from_micros(wall().micros() + 2 * SECOND).to_string();
    let made =
        owner.send("POST", "/api/tokens", json!({ "name": "soon", "scope": "read", "expires": soon })).json();
    let header = format!("authorization: Bearer {}\r\n", made["token"].as_str().expect("told"));
    let who = Who { fake: &fake, header };
    let stream = watch(&who);
    assert_eq!(who.get("/api/alerts").status, 200);
    assert!(owner.get("/api/tokens").json()["tokens"][0]["last_used"].is_string());
    std::thread::sleep(std::time::Duration::from_millis(3100));
    assert_eq!(who.get("/api/alerts").status, 401);
    fake.app.set_snapshot(fake::snapshot(2));
    assert!(ends(stream), "and so does what it has open");
}

/// A request from another address of the loopback.
fn ask_from(from: [u8; 4], to: SocketAddr, body: &Value) -> u16 {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddr::new(IpAddr::V4(Ipv4Addr::from(from)), 0)).expect("an address of the loopback");
    connect(&socket, &to).expect("it listens");
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a limit");
    let body = body.to_string();
    let head = format!(
        "POST /api/session HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("sent");
    client::read(&mut stream, false).status
}

#[test]
fn a_flood_of_guesses_from_many_addresses_keeps_nobody_out_and_its_work_is_bounded() {
    let fake = start();
    let inside = owner(&fake);
    let address = fake.address;
    // Every address guesses wrong once, so that it is known for that.
    for n in 1..=20 {
        assert_eq!(ask_from([127, 1, 0, n], address, &json!({ "password": "guess" })), 401);
    }
    std::thread::scope(|scope| {
        let flood: Vec<_> = (0..120u8)
            .map(|n| {
                scope.spawn(move || {
                    ask_from([127, 1, 0, 1 + n % 20], address, &json!({ "password": "guess" }))
                })
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_millis(30));
        let began = monotonic();
        assert_eq!(inside.get("/api/dashboard").status, 200, "who is inside goes on");
        assert_eq!(
            ask_from([127, 2, 0, 1], address, &json!({ "password": OWNER })),
            204,
            "the owner comes in"
        );
        let waited = monotonic().since(began);
        assert!(waited < 10 * SECOND, "{waited} µs");
        let answers: Vec<u16> = flood.into_iter().map(|t| t.join().expect("an answer")).collect();
        let guessed = answers.iter().filter(|status| **status == 401).count();
        assert!(guessed < 120 && answers.contains(&503), "{answers:?}");
    });
    assert_eq!(ask_from([127, 2, 0, 1], address, &json!({ "password": OWNER })), 204);
}

#[test]
fn a_viewer_who_logs_in_between_guesses_is_held_back_all_the_same() {
    let fake = start();
    drop(viewer(&fake, "Mallory"));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(log_in(&fake, json!({ "password": "is it this one" })).status);
        statuses.push(log_in(&fake, json!({ "password": "or that one" })).status);
        statuses.push(log_in(&fake, json!({ "name": "Mallory", "password": VIEWER })).status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[test]
fn the_log_says_who_did_what_from_where_and_not_what_was_typed() {
    let fake = start();
    let viewer = viewer(&fake, "Grandma");
    log_in(&fake, json!({ "name": "Grandma", "password": "s3cret guess" }));
    log_in(&fake, json!({ "name": "my password in the wrong field", "password": "x" }));
    let owner = owner(&fake);
    owner.send("PATCH", "/api/devices/020000000001", json!({ "name": "Printer" }));
    owner.send("POST", "/api/mutes", json!({ "kind": "port_scan", "source": "10.0.0.1" }));
    owner.send("POST", "/api/tokens", json!({ "name": "scraper", "scope": "read" }));
    viewer.send("DELETE", "/api/session", Value::Null);
    let log = owner.get("/api/audit").json();
    let entries = log["entries"].as_array().expect("entries");
    let told: Vec<(&str, &str, &str, &str)> = entries
        .iter()
        .map(|e| {
            let text = |key: &str| e[key].as_str().unwrap_or_default();
            (text("who"), text("action"), text("result"), text("about"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("Grandma", "log_out", "ok", ""),
            ("admin", "token_added", "ok", "scraper"),
            ("admin", "mute_added", "ok", "port_scan 10.0.0.1"),
            ("admin", "device_changed", "ok", "Printer"),
            ("admin", "log_in", "ok", ""),
            ("", "log_in", "wrong_password", ""),
            ("Grandma", "log_in", "wrong_password", ""),
            ("Grandma", "log_in", "ok", ""),
            ("admin", "account_added", "ok", "Grandma"),
            ("admin", "log_in", "ok", ""),
            ("admin", "claim", "ok", ""),
        ]
    );
    assert!(entries.iter().all(|e| e["address"] == "127.0.0.1"));
    assert!(!log.to_string().contains("wrong field") && !log.to_string().contains("s3cret"));
    let page = owner.get("/api/audit?limit=4").json();
    let rest =
        owner.get(&format!("/api/audit?limit=500&cursor={}", page["next_cursor"].as_str().expect("more")));
    assert_eq!(rest.json()["entries"].as_array().map(Vec::len), Some(told.len() - 4));
}
