//! The API: answers held against `/api/openapi.json`, logging in, filters, refusals.

mod client;
mod fake;

use client::{Answer, ask, get};
use fake::Fake;
use netmonitor::http::AuthMode;
use netmonitor::time::{SECOND, monotonic};
use serde_json::{Value, json};

/// Sends JSON.
fn send(fake: &Fake, method: &str, path: &str, body: Value) -> Answer {
    ask(fake.address, method, path, "", Some(&body.to_string()))
}

/// What in `value` is not as `schema` says, by place.
fn misfits(all: &Value, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return misfits(all, all.pointer(&name[1..]).expect("a schema that exists"), value, place, found);
    }
    if let Some(ways) = schema["anyOf"].as_array() {
        let fits = |way: &Value| {
            let mut inner = Vec::new();
            misfits(all, way, value, place, &mut inner);
            inner.is_empty()
        };
        if !ways.iter().any(fits) {
            found.push(format!("{place}: {value} fits none of its ways"));
        }
        return;
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let is = |t: &&str| match *t {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => value.is_null(),
    };
    if !types.iter().any(is) {
        found.push(format!("{place}: {value} is not {types:?}"));
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        found.push(format!("{place}: {value} is not one of {allowed:?}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.is_object() && value.get(name).is_none() {
            found.push(format!("{place}: no {name}"));
        }
    }
    if let (Some(known), Some(given)) = (schema["properties"].as_object(), value.as_object()) {
        for (name, inner) in given {
            match known.get(name) {
                Some(schema) => misfits(all, schema, inner, &format!("{place}.{name}"), found),
                None => found.push(format!("{place}: {name} is not described")),
            }
        }
    }
    for (at, inner) in value.as_array().into_iter().flatten().enumerate() {
        misfits(all, &schema["items"], inner, &format!("{place}[{at}]"), found);
    }
}

fn as_described(fake: &Fake, method: &str, path: &str, template: &str, answer: &Answer) {
    let all = get(fake.address, "/api/openapi.json").json();
    let status = answer.status.to_string();
    let response = &all["paths"][template][method.to_lowercase()]["responses"][&status];
    let response = match response["$ref"].as_str() {
        Some(name) => all.pointer(&name[1..]).expect("a response that exists"),
        None => response,
    };
    assert!(response.is_object(), "{method} {path}: {status} is not described: {answer:?}");
    if let Some(schema) = response.pointer("/content/application~1json/schema") {
        let mut found = Vec::new();
        misfits(&all, schema, &answer.json(), path, &mut found);
        assert!(found.is_empty(), "{method} {path}: {found:#?}");
    }
}

/// One that changes something of everything.
fn a_backup() -> Value {
    json!({
        "format": "netmonitor-backup", "version": 1, "netmonitor": "0.1.0", "made": "2026-01-02", "host": "attic",
        "settings": { "detect.quiet_period_s": 60, "dashboard.port": 1, "no.such": [] },
        "devices": [
            { "id": "020000000001", "macs": ["02:00:00:00:00:01"], "name": "Printer", "first_seen": "2026-01-01",
              "last_seen": "2026-01-02" },
            { "id": "0200000000ee", "macs": ["02:00:00:00:00:ee"], "important": true, "first_seen": "2026-01-01",
              "last_seen": "2026-01-02" },
        ],
        "mutes": [{ "kind": "port_scan", "source": "10.0.0.1", "until": null, "reason": "" }],
    })
}

#[test]
fn answers_are_as_the_api_description_says() {
    let fake = fake::start(|_| {});
    fake.store.commit_alerts(&(1..=5).map(fake::alert).collect::<Vec<_>>()).expect("memory");
    fake.store.add_traffic(fake::snapshot(1).traffic.history.last().expect("300")).expect("memory");
    for (method, path, template, body, status) in [
        ("GET", "/healthz", "/healthz", None, 200),
        ("GET", "/api/dashboard", "/api/dashboard", None, 200),
        ("GET", "/api/alerts?limit=3", "/api/alerts", None, 200),
        ("GET", "/api/alerts/3", "/api/alerts/{id}", None, 200),
        ("GET", "/api/alerts/99", "/api/alerts/{id}", None, 404),
        ("POST", "/api/alerts/3/ack", "/api/alerts/{id}/ack", Some(json!({ "note": "mine" })), 200),
        ("POST", "/api/alerts/99/ack", "/api/alerts/{id}/ack", Some(json!({})), 404),
        ("DELETE", "/api/alerts/3/ack", "/api/alerts/{id}/ack", None, 200),
        ("DELETE", "/api/alerts/99/ack", "/api/alerts/{id}/ack", None, 404),
        ("POST", "/api/alerts/ack", "/api/alerts/ack", Some(json!({ "q": "id:1,2 state:open" })), 200),
        ("POST", "/api/alerts/ack", "/api/alerts/ack", Some(json!({ "q": "sev:worst" })), 400),
        ("DELETE", "/api/alerts/ack?at=2026-01-02", "/api/alerts/ack", None, 200),
        ("DELETE", "/api/alerts/ack", "/api/alerts/ack", None, 400),
        ("GET", "/api/alerts?q=sev:low&format=json", "/api/alerts", None, 200),
        ("POST", "/api/alerts/ack", "/api/alerts/ack", Some(json!({ "severity": "low", "note": "" })), 200),
        ("POST", "/api/alerts/ack", "/api/alerts/ack", Some(json!({ "severity": ["worst"] })), 400),
        ("POST", "/api/mutes", "/api/mutes", Some(json!({ "kind": "port_scan", "source": "10.0.0.1" })), 201),
        ("POST", "/api/mutes", "/api/mutes", Some(json!({ "reason": "all of it" })), 400),
        ("POST", "/api/mutes", "/api/mutes", Some(json!({ "source": "02:00:00:00:00:01" })), 201),
        ("POST", "/api/mutes", "/api/mutes", Some(json!({ "source": "printer" })), 400),
        ("GET", "/api/mutes", "/api/mutes", None, 200),
        (
            "PATCH",
            "/api/mutes/1",
            "/api/mutes/{id}",
            Some(json!({ "until": "2999-01-01", "reason": "x" })),
            200,
        ),
        ("PATCH", "/api/mutes/1", "/api/mutes/{id}", Some(json!({ "until": "2001-01-01" })), 400),
        ("PATCH", "/api/mutes/99", "/api/mutes/{id}", Some(json!({ "until": null })), 404),
        ("DELETE", "/api/mutes/1", "/api/mutes/{id}", None, 204),
        ("DELETE", "/api/mutes/1", "/api/mutes/{id}", None, 404),
        ("GET", "/api/devices", "/api/devices", None, 200),
        ("GET", "/api/devices/020000000001", "/api/devices/{id}", None, 200),
        ("GET", "/api/devices/ip-fe80%3A%3A1", "/api/devices/{id}", None, 404),
        ("PATCH", "/api/devices/020000000001", "/api/devices/{id}", Some(json!({ "name": "Printer" })), 200),
        ("PATCH", "/api/devices/020000000001", "/api/devices/{id}", Some(json!({ "known": false })), 200),
        ("PATCH", "/api/devices/020000000001", "/api/devices/{id}", Some(json!({ "risk": 0 })), 400),
        ("GET", "/api/devices?format=xml", "/api/devices", None, 400),
        ("GET", "/api/traffic?range=24h", "/api/traffic", None, 200),
        ("GET", "/api/traffic?range=1y", "/api/traffic", None, 400),
        ("GET", "/api/talkers?limit=3", "/api/talkers", None, 200),
        ("GET", "/api/places?ip=8.8.8.8,2001:db8::1", "/api/places", None, 200),
        ("GET", "/api/places?ip=here", "/api/places", None, 400),
        ("GET", "/api/kinds?lang=nl", "/api/kinds", None, 200),
        ("GET", "/api/kinds?lang=xx", "/api/kinds", None, 400),
        ("GET", "/api/health", "/api/health", None, 200),
        ("POST", "/api/selftest", "/api/selftest", None, 200),
        ("POST", "/api/selftest", "/api/selftest", Some(json!({ "nonce": "a b" })), 400),
        ("GET", "/api/settings", "/api/settings", None, 200),
        ("PATCH", "/api/settings", "/api/settings", Some(json!({ "detect.port_scan.ports": 30 })), 409),
        ("PATCH", "/api/settings", "/api/settings", Some(json!({})), 400),
        ("POST", "/api/settings/undo", "/api/settings/undo", Some(json!({})), 409),
        ("GET", "/api/backup", "/api/backup", None, 200),
        ("POST", "/api/backup", "/api/backup", Some(json!({ "passphrase": "long enough for it" })), 200),
        ("POST", "/api/backup", "/api/backup", Some(json!({ "passphrase": "short" })), 400),
        ("POST", "/api/restore", "/api/restore", Some(json!({ "backup": {} })), 400),
        ("POST", "/api/restore", "/api/restore", Some(json!({ "backup": a_backup() })), 200),
        ("POST", "/api/tokens", "/api/tokens", Some(json!({ "name": "scraper" })), 201),
        ("POST", "/api/tokens", "/api/tokens", Some(json!({ "name": " " })), 400),
        ("GET", "/api/tokens", "/api/tokens", None, 200),
        ("DELETE", "/api/tokens/1", "/api/tokens/{id}", None, 204),
        ("DELETE", "/api/tokens/1", "/api/tokens/{id}", None, 404),
        ("POST", "/api/claim", "/api/claim", Some(json!({ "code": "x", "password": "y" })), 409),
    ] {
        let body = body.map(|b| b.to_string());
        let answer = ask(fake.address, method, path, "", body.as_deref());
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        as_described(&fake, method, path, template, &answer);
    }
}

#[test]
fn the_first_password_needs_the_claim_code_and_opens_the_door() {
    let fake = fake::start(|setup| setup.auth = AuthMode::Password);
    assert_eq!(get(fake.address, "/healthz").json()["claimed"], false);
    assert_eq!(get(fake.address, "/").header("location"), "/login");
    assert_eq!(get(fake.address, "/devices/02").header("location"), "/login?next=/devices/02");
    assert_eq!(get(fake.address, "/login").status, 200);
    assert_eq!(get(fake.address, "/api/dashboard").json()["error"]["code"], "no_session");
    let claim = |code: &str, password: &str| {
        send(&fake, "POST", "/api/claim", json!({ "code": code, "password": password }))
    };
    assert_eq!(send(&fake, "POST", "/api/session", json!({ "password": "anything" })).status, 409);
    assert_eq!(claim("WRONG", "long enough").status, 403);
    assert_eq!(claim(fake::CLAIM, "short").status, 400);
    let claimed = claim(fake::CLAIM, "long enough");
    assert_eq!(claimed.status, 204, "{claimed:?}");
    let cookie = claimed.header("set-cookie");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"),
        "{cookie}"
    );
    let with = format!("cookie: theme=dark; {}\r\n", claimed.cookie());
    assert_eq!(ask(fake.address, "GET", "/api/dashboard", &with, None).status, 200);
    assert_eq!(claim(fake::CLAIM, "another one").status, 409, "once is all");
    assert_eq!(get(fake.address, "/healthz").json()["claimed"], true);
}

#[test]
fn sessions_survive_a_restart_end_at_logout_and_are_kept_as_digests() {
    let store = fake::store();
    let fake = fake::start_on(store.clone(), |setup| setup.auth = AuthMode::Password);
    let claimed =
        send(&fake, "POST", "/api/claim", json!({ "code": fake::CLAIM, "password": "long enough" }));
    let token = claimed.cookie()["session=".len()..].to_owned();
    assert_eq!(token.len(), 64);
    let kept = store.setting("dashboard.sessions").expect("memory").expect("kept");
    assert!(!kept.contains(&token), "the store holds the token itself");
    drop(fake);
    let fake = fake::start_on(store, |setup| setup.auth = AuthMode::Password);
    let with = format!("cookie: session={token}\r\n");
    assert_eq!(ask(fake.address, "GET", "/api/alerts", &with, None).status, 200);
    let other = send(&fake, "POST", "/api/session", json!({ "password": "long enough" }));
    assert_eq!(ask(fake.address, "DELETE", "/api/session", &with, None).status, 204);
    assert_eq!(ask(fake.address, "GET", "/api/alerts", &with, None).status, 401);
    let with_other = format!("cookie: {}\r\n", other.cookie());
    assert_eq!(ask(fake.address, "GET", "/api/alerts", &with_other, None).status, 200);
}

#[test]
fn guessing_is_slowed_down_and_those_inside_stay_inside() {
    let fake = fake::start(|setup| setup.auth = AuthMode::Password);
    let claimed =
        send(&fake, "POST", "/api/claim", json!({ "code": fake::CLAIM, "password": "long enough" }));
    let with = format!("cookie: {}\r\n", claimed.cookie());
    let guess = |n: u32| send(&fake, "POST", "/api/session", json!({ "password": format!("guess {n}") }));
    let first: Vec<u16> = (0..5).map(|n| guess(n).status).collect();
    assert_eq!(first, [401; 5]);
    std::thread::scope(|scope| {
        let side_by_side: Vec<_> = (0..20).map(|n| scope.spawn(move || guess(n).status)).collect();
        let wrong = side_by_side.into_iter().map(|t| t.join().expect("an answer"));
        assert!(
            wrong.filter(|status| *status == 401).count() <= 1,
            "guesses side by side must not slip through"
        );
    });
    let refused = send(&fake, "POST", "/api/session", json!({ "password": "long enough" }));
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|s| s > 0));
    assert_eq!(
        ask(fake.address, "GET", "/api/dashboard", &with, None).status,
        200,
        "a session is not locked"
    );
    assert!(fake.app.stats().logins_failed >= 5);
}

#[test]
fn a_new_password_ends_every_other_session() {
    let fake = fake::start(|setup| setup.auth = AuthMode::Password);
    let claimed =
        send(&fake, "POST", "/api/claim", json!({ "code": fake::CLAIM, "password": "long enough" }));
    let with = format!("cookie: {}\r\n", claimed.cookie());
    let change = |old: &str| {
        let body = json!({ "old": old, "new": "even longer" }).to_string();
        ask(fake.address, "POST", "/api/password", &with, Some(&body))
    };
    assert_eq!(change("not it").status, 401);
    let changed = change("long enough");
    assert_eq!(changed.status, 204, "{changed:?}");
    assert_eq!(ask(fake.address, "GET", "/api/alerts", &with, None).status, 401);
    let with = format!("cookie: {}\r\n", changed.cookie());
    assert_eq!(ask(fake.address, "GET", "/api/alerts", &with, None).status, 200);
    assert_eq!(send(&fake, "POST", "/api/session", json!({ "password": "long enough" })).status, 401);
    assert_eq!(send(&fake, "POST", "/api/session", json!({ "password": "even longer" })).status, 204);
}

#[test]
fn a_token_opens_the_api_until_it_is_deleted_and_is_told_once() {
    let store = fake::store();
    let open = fake::start_on(store.clone(), |_| {});
    let made = send(&open, "POST", "/api/tokens", json!({ "name": "scraper" })).json();
    let token = made["token"].as_str().expect("told once").to_owned();
    assert!(!get(open.address, "/api/tokens").body.contains(&token));
    drop(open);
    let fake = fake::start_on(store, |setup| setup.auth = AuthMode::Password);
    for (more, status) in [
        (format!("authorization: Bearer {token}\r\n"), 200),
        (format!("authorization: bearer  {token}\r\n"), 200),
        (format!("authorization: Bearer {}\r\n", &token[1..]), 401),
        (format!("authorization: Basic {token}\r\n"), 401),
        ("authorization: \r\n".to_owned(), 401),
        ("authorization: Bearer\r\n".to_owned(), 401),
    ] {
        assert_eq!(ask(fake.address, "GET", "/api/alerts", &more, None).status, status, "{more}");
    }
    let with = format!("authorization: Bearer {token}\r\n");
    assert_eq!(ask(fake.address, "DELETE", "/api/tokens/1", &with, None).status, 204);
    assert_eq!(ask(fake.address, "GET", "/api/alerts", &with, None).status, 401);
}

#[test]
fn filters_and_cursors_give_each_alert_once_and_wrong_ones_are_named() {
    let fake = fake::start(|_| {});
    fake.store.commit_alerts(&(1..=25).map(fake::alert).collect::<Vec<_>>()).expect("memory");
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(fake.address, &format!("/api/alerts?limit=10{cursor}")).json();
        assert_eq!(page["total"], 25);
        seen.extend(
            page["alerts"].as_array().expect("alerts").iter().map(|a| a["id"].as_u64().expect("an id")),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, (1..=25).rev().collect::<Vec<_>>());
    let total = |query: &str| get(fake.address, &format!("/api/alerts?{query}")).json()["total"].clone();
    assert_eq!(total("severity=critical,low"), 13);
    assert_eq!(total("severity=critical&severity=low"), 13);
    assert_eq!(total("kind=arp_spoof&q=%22alert%201%22"), 3);
    assert_eq!(total("q=sev:%3E%3Dhigh%20-kind:arp_spoof%20src:192.168.1.0/24"), total("severity=high"));
    assert_eq!(total("source=192.168.1.3"), 2);
    assert_eq!(total("target=192.168.1.250&state=open"), 25);
    assert_eq!(total("until=2020-01-01"), 0);
    send(&fake, "POST", "/api/alerts/ack", json!({ "kind": ["arp_spoof"], "note": "known" }));
    assert_eq!((total("state=acknowledged"), total("state=open")), (json!(7), json!(18)));
    for (query, named) in [
        ("limit=501", "limit"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("since=yesterday", "since"),
        ("severity=worst", "severity"),
        ("state=shut", "state"),
        ("format=xml", "format"),
        ("colour=red", "colour"),
        ("q=colour:red", "colour"),
        ("q=kind:port_scam", "arp_spoof"),
        ("format=csv&q=sev:worst", "sev:worst"),
    ] {
        let answer = get(fake.address, &format!("/api/alerts?{query}"));
        let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == 400 && message.contains(named), "{query}: {answer:?}");
    }
}

#[test]
fn downloads_are_harmless_to_spreadsheets() {
    let fake = fake::start(|_| {});
    let mut alert = fake::alert(1);
    alert.summary = "=HYPERLINK(\"http://evil.example\")".into();
    fake.store.commit_alerts(&[alert]).expect("memory");
    let answer = get(fake.address, "/api/alerts?format=csv");
    assert!(answer.header("content-disposition").contains("alerts.csv"));
    assert!(answer.body.contains(r#""'=HYPERLINK(""http://evil.example"")""#), "{}", answer.body);
    assert_eq!(answer.body.lines().count(), 2);
}

#[test]
fn a_download_holds_all_that_match_and_says_where_it_was_cut_off() {
    let fake = fake::start(|_| {});
    for start in (1..=10_200).step_by(600) {
        fake.store.commit_alerts(&(start..start + 600).map(fake::alert).collect::<Vec<_>>()).expect("memory");
    }
    let answer = get(fake.address, "/api/alerts?q=sev:low&format=json");
    assert!(answer.header("content-disposition").contains("alerts.json"));
    let all = answer.json();
    assert_eq!((all["alerts"].as_array().map(Vec::len), &all["next_cursor"]), (Some(2550), &Value::Null));
    for (format, name) in [("json", "alerts.json"), ("csv", "alerts.csv")] {
        let answer = get(fake.address, &format!("/api/alerts?format={format}"));
        assert!(answer.header("content-disposition").contains(name));
        assert_eq!(
            (answer.header("x-total-count"), answer.header("x-next-cursor")),
            ("10200", "201"),
            "{format}"
        );
        let rest = get(fake.address, &format!("/api/alerts?format={format}&cursor=201"));
        assert_eq!((rest.header("x-next-cursor"), rest.body.lines().count() > 200), ("", true), "{format}");
    }
}

#[test]
fn an_order_is_taken_back_by_the_time_it_answered() {
    let fake = fake::start(|_| {});
    fake.store.commit_alerts(&(1..=8).map(fake::alert).collect::<Vec<_>>()).expect("memory");
    let ack = |q: &str| send(&fake, "POST", "/api/alerts/ack", json!({ "q": q })).json();
    let (first, second) = (ack("id:1,2"), ack("sev:low"));
    assert_eq!((&first["acknowledged"], &second["acknowledged"]), (&json!(2), &json!(2)));
    let path = format!("/api/alerts/ack?at={}", second["time"].as_str().expect("a time"));
    assert_eq!(ask(fake.address, "DELETE", &path, "", None).json()["reopened"], 2);
    let left = get(fake.address, "/api/alerts?state=acknowledged").json();
    assert_eq!(left["alerts"].as_array().map(Vec::len), Some(2), "{left}");
}

#[test]
fn who_opens_the_page_at_once_after_a_change_sees_it() {
    let fake = fake::start(|_| {});
    let alert = fake::alert(3);
    fake.store.commit_alerts(std::slice::from_ref(&alert)).expect("memory");
    let mut snapshot = fake::snapshot(2);
    snapshot.alerts.recent = vec![alert];
    fake.app.set_snapshot(snapshot);
    let dashboard = || get(fake.address, "/api/dashboard").json();
    let before = dashboard();
    let (device, alert) = (&before["devices"]["list"][0], &before["alerts"]["recent"][0]);
    let path = format!("/api/devices/{}", device["id"].as_str().expect("an id"));
    assert_eq!(send(&fake, "PATCH", &path, json!({ "name": "Test bench" })).status, 200);
    let path = format!("/api/alerts/{}/ack", alert["id"]);
    assert_eq!(send(&fake, "POST", &path, json!({})).status, 200);
    // No snapshot came in between.
    let after = dashboard();
    assert_eq!(after["devices"]["list"][0]["name"], "Test bench");
    assert_eq!(after["devices"]["list"][0]["id"], device["id"]);
    assert!(after["alerts"]["recent"][0]["acknowledged"].is_object());
    assert_eq!(after["devices"]["list"][1], before["devices"]["list"][1]);
}

#[test]
fn wrong_methods_are_told_the_right_ones() {
    let fake = fake::start(|_| {});
    for (method, path, allowed) in [
        ("PUT", "/api/mutes", "GET, HEAD, POST"),
        ("POST", "/api/dashboard", "GET, HEAD"),
        ("GET", "/api/claim", "POST"),
        ("DELETE", "/api/devices/1", "GET, HEAD, PATCH"),
    ] {
        let answer = ask(fake.address, method, path, "", None);
        assert_eq!((answer.status, answer.header("allow")), (405, allowed), "{method} {path}");
        assert_eq!(answer.json()["error"]["code"], "method_not_allowed");
    }
    assert_eq!(get(fake.address, "/api/nothing").json()["error"]["code"], "not_found");
}

#[test]
fn a_loop_that_does_not_answer_costs_two_seconds_and_a_full_one_nothing() {
    let store = fake::store();
    let (app, orders) = fake::app(&store, |_| {});
    let listener = netmonitor::http::bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let address = listener.get_ref().local_addr().expect("bound");
    let served = app.clone();
    let thread = std::thread::spawn(move || {
        let executor = std::rc::Rc::new(smol::LocalExecutor::new());
        smol::block_on(executor.run(netmonitor::http::serve(executor.clone(), listener, served)));
    });
    let began = monotonic();
    assert_eq!(get(address, "/api/devices").json()["error"]["code"], "no_answer");
    assert!(monotonic().since(began) < 3 * SECOND);
    assert_eq!(get(address, "/api/dashboard").json()["error"]["code"], "starting");
    assert_eq!(get(address, "/healthz").status, 503, "no capture, no health");
    drop(orders);
    assert_eq!(get(address, "/api/devices").json()["error"]["code"], "stopping");
    app.shutdown();
    thread.join().expect("stopped");
}

#[test]
fn metrics_and_health_carry_the_same_counters() {
    let fake = fake::start(|_| {});
    let metrics = get(fake.address, "/metrics");
    assert!(
        metrics.body.lines().any(|l| l == "netmonitor_capture_frames_received 12345"),
        "{}",
        metrics.body
    );
    assert!(metrics.body.contains("netmonitor_monitor_dashboard_requests "));
    assert_eq!(get(fake.address, "/api/health").json()["capture"]["frames"]["received"], 12_345);
}

#[test]
fn a_login_lasts_as_long_as_the_settings_say() {
    let store = fake::store();
    let hash = netmonitor::http::password::hash("a password of mine").expect("a hash");
    store.set_setting(netmonitor::http::password::SETTING, Some(&hash)).expect("memory");
    let start = |days| {
        fake::start_on(store.clone(), |setup| {
            (setup.auth, setup.session_days) = (AuthMode::Password, days);
        })
    };
    let fake = start(2);
    let inside = send(&fake, "POST", "/api/session", json!({ "password": "a password of mine" }));
    assert!(inside.header("set-cookie").contains("; Max-Age=172800;"), "{inside:?}");
    drop(fake);
    let kept = store.setting("dashboard.sessions").expect("memory").expect("a session");
    let mut sessions: Value = serde_json::from_str(&kept).expect("JSON");
    let three_days_ago = netmonitor::time::wall().secs() - 3 * 86_400;
    sessions[0]["created"] = three_days_ago.into();
    store.set_setting("dashboard.sessions", Some(&sessions.to_string())).expect("memory");
    let cookie = format!("cookie: {}\r\n", inside.cookie());
    for (days, status) in [(2, 401), (4, 200)] {
        let fake = start(days);
        assert_eq!(ask(fake.address, "GET", "/api/alerts", &cookie, None).status, status, "{days} days");
    }
}

#[test]
fn traffic_of_any_period_comes_at_the_step_asked_for_and_talkers_say_since_when() {
    let fake = fake::start(|_| {});
    fake.snapshot_traffic();
    for (path, status) in [
        ("/api/traffic?since=2026-01-01T00:00:00Z&step=60", 200),
        ("/api/traffic?step=10", 200),
        ("/api/traffic?step=11", 400),
        ("/api/traffic?range=1h&step=10", 400),
        ("/api/traffic?since=yesterday", 400),
    ] {
        let answer = get(fake.address, path);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        as_described(&fake, "GET", path, "/api/traffic", &answer);
    }
    let csv = get(fake.address, "/api/traffic?range=24h&format=csv");
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"traffic.csv\"");
    let lines: Vec<&str> = csv.body.lines().collect();
    assert!(lines[0].starts_with("time,step_seconds,bytes_in,") && lines[1].contains("Z,60,"), "{lines:?}");
    let devices = get(fake.address, "/api/devices?format=csv");
    assert!(devices.body.starts_with("id,label,") && devices.body.lines().count() == 25, "{}", devices.body);
    let points = |path| get(fake.address, path).json()["points"].as_array().expect("points").len();
    assert_eq!(points("/api/traffic?step=10"), 30);
    assert!(points("/api/traffic?step=60") <= 7);
    let since =
        |range: &str| get(fake.address, &format!("/api/talkers?range={range}")).json()["since"].clone();
    assert!(since("24h").as_str() < since("1h").as_str(), "an hour is counted for itself");
}
