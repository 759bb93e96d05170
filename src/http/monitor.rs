//! The monitor itself: first screen, series, talkers, catalogue, counters, self-test.

use super::answer::{self, Answer, Refusal};
use super::query::{self, Query};
use super::{App, State};
use crate::bus::Next;
use crate::command::{Command, Span, Stage};
use crate::csv::Stepped;
use crate::event::TrafficPoint;
use crate::store::Step;
use crate::time::{SECOND, WallTime};
use crate::words::words;
use http_types::StatusCode;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::task::Poll;
use tide::Request;

/// Ranges: name, length in seconds, step.
const RANGES: [(&str, i64, Step); 4] = [
    ("1h", 3600, Step::Seconds10),
    ("24h", 86_400, Step::Minute),
    ("7d", 7 * 86_400, Step::Quarter),
    ("30d", 30 * 86_400, Step::Hour),
];

/// Addresses in one question for their places.
const PLACES: usize = 50;

/// GET `/healthz`.
pub async fn healthz(request: Request<State>) -> Answer {
    let app = request.state();
    let capturing = app.capturing();
    let (status, uptime) =
        app.with_snapshot(|s| (s.monitor.status, s.monitor.uptime_seconds)).unwrap_or_default();
    let mut response = answer::json(&json!({
        "status": if capturing && status != "degraded" { "ok" } else { "degraded" },
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": uptime,
        "claimed": app.claimed(),
    }))?;
    if !capturing {
        response.set_status(StatusCode::ServiceUnavailable);
    }
    Ok(response)
}

/// GET `/api/dashboard`.
pub async fn dashboard(request: Request<State>) -> Answer {
    Query::of(&request, &[])?;
    let body = request.state().dashboard();
    let body = body.ok_or_else(|| Refusal::busy("starting", "the monitor is starting", 1))?;
    Ok(answer::bytes("application/json", body))
}

fn range(query: &Query) -> Result<(&'static str, i64, Step), Refusal> {
    let name = query.one_of("range", &RANGES.map(|r| r.0))?;
    Ok(RANGES.into_iter().find(|r| r.0 == name).unwrap_or(RANGES[0]))
}

/// GET `/api/traffic`.
pub async fn traffic(request: Request<State>) -> Answer {
    let query = Query::of(&request, &["range", "since", "until", "step", "format"])?;
    let csv = query.one_of("format", &["json", "csv"])? == "csv";
    if ["since", "until", "step"].iter().any(|name| query.text(name).is_some()) {
        return traffic_between(request.state(), &query, csv);
    }
    let (name, length, step) = range(&query)?;
    let app = request.state();
    let until = app.now();
    let since = WallTime::from_micros(until.micros() - length * SECOND);
    // The step that goes on now belongs to it.
    let points = app.store.traffic(step, since, WallTime::from_micros(until.micros() + 1))?;
    told(Some(name), step, points, csv)
}

fn told(range: Option<&str>, step: Step, points: Vec<TrafficPoint>, csv: bool) -> Answer {
    let step_seconds = step.seconds();
    if csv {
        let rows: Vec<Stepped> = points.into_iter().map(|point| Stepped { point, step_seconds }).collect();
        return answer::csv("traffic", rows.iter());
    }
    answer::json(&json!({ "range": range, "step_seconds": step_seconds, "points": points }))
}

/// Any period at any step; the store gives 5,000 points at most, so a client asks on from after the last.
fn traffic_between(app: &App, query: &Query, csv: bool) -> Answer {
    if query.text("range").is_some() {
        return Err(Refusal::bad("give either range, or since, until and step"));
    }
    let since = query.time("since")?.unwrap_or_default();
    let until = query.time("until")?.unwrap_or_else(|| WallTime::from_micros(app.now().micros() + 1));
    let name = query.one_of("step", &["3600", "900", "60", "10"])?;
    let step = Step::ALL.into_iter().find(|step| step.seconds().to_string() == name).unwrap_or(Step::Hour);
    let points = app.store.traffic(step, since, until)?;
    told(None, step, points, csv)
}

/// GET `/api/talkers`. Two counts are kept of a host: its bytes of this hour and the one before, and those since it
/// was first seen. The answer says since when its numbers are.
pub async fn talkers(request: Request<State>) -> Answer {
    let query = Query::of(&request, &["range", "limit"])?;
    let (name, limit) = (range(&query)?.0, query.limit(50)?);
    let app = request.state();
    let span = if name == "1h" { Span::Recent } else { Span::All };
    let (since, talkers) = app.ask(|reply| Command::Talkers(span, limit, reply)).await?;
    answer::json(&json!({ "range": name, "since": since, "talkers": talkers }))
}

/// GET `/api/places`: where outside addresses are and whose, as far as the owner's files say.
pub async fn places(request: Request<State>) -> Answer {
    let query = Query::of(&request, &["ip"])?;
    let wrong =
        |text: &str| Refusal::bad(format!("ip is {text:?}; it must be addresses with commas between"));
    let addresses: Vec<crate::addr::Ip> =
        query.list("ip").map(|text| text.parse().map_err(|_| wrong(text))).collect::<Result<_, _>>()?;
    if addresses.len() > PLACES {
        return Err(Refusal::bad(format!(
            "{} addresses; at most {PLACES} are answered at once",
            addresses.len()
        )));
    }
    let known = request.state().ask_places(|places| {
        let known = |ip: crate::addr::Ip| Some((ip.to_string(), json!(places.of(ip)?)));
        addresses.into_iter().filter_map(known).collect::<serde_json::Map<String, Value>>()
    });
    answer::json(&json!({ "enabled": known.is_some(), "places": known.unwrap_or_default() }))
}

/// GET `/api/kinds`.
pub async fn kinds(request: Request<State>) -> Answer {
    let query = Query::of(&request, &["lang", "texts"])?;
    let dutch = query.one_of("lang", &["en", "nl"])? == "nl";
    let all = request.state().kinds(usize::from(dutch));
    if query.one_of("texts", &["yes", "no"])? != "no" {
        return Ok(answer::bytes("application/json", all));
    }
    // Lists of alerts show the title alone.
    let mut all: Value = serde_json::from_slice(&all).unwrap_or_default();
    for kind in all["kinds"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        kind.retain(|key, _| ["id", "severity", "title"].contains(&key.as_str()));
    }
    answer::json(&all)
}

/// The monitor's counters and the dashboard's own.
fn counters(app: &State) -> Value {
    let mut all = app.health().as_ref().clone();
    // Before the first health of the loop there is nothing else.
    all["monitor"]["dashboard"] = json!(app.stats());
    all
}

/// GET `/api/health`.
pub async fn health(request: Request<State>) -> Answer {
    Query::of(&request, &[])?;
    answer::json(&counters(request.state()))
}

/// POST `/api/selftest`: the loop tells of parser, detector and store; the stream is tried here.
pub async fn self_test(mut request: Request<State>) -> Answer {
    let wanted: Canary = query::body_or_default(&mut request).await?;
    let app = request.state();
    let nonce = wanted.nonce.unwrap_or_else(|| crate::time::wall().micros().to_string());
    if nonce.len() > 64 || !nonce.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Refusal::bad("nonce must be at most 64 letters, digits and hyphens"));
    }
    let mark = nonce.clone();
    let mut stages = app.ask(|reply| Command::SelfTest(mark, reply)).await?;
    stages.push(stream(app, &nonce));
    let passed = stages.iter().all(|stage| stage.passed);
    answer::json(&json!({ "passed": passed, "nonce": nonce, "stages": stages }))
}

/// Sends the mark to every viewer, and reads it back as one of them.
fn stream(app: &App, nonce: &str) -> Stage {
    let mut viewer = app.hall.bus.subscribe();
    let began = crate::time::monotonic();
    app.publish_canary(nonce);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let carries = |event: &[u8]| event.windows(nonce.len()).any(|part| part == nonce.as_bytes());
    let passed = match viewer.poll_next(&mut cx) {
        Poll::Ready(Next::Event(event)) => carries(&event),
        _ => false,
    };
    let detail = if passed {
        words("an event was published and read back", "een bericht is doorgegeven en weer aangekomen")
    } else {
        words("the event did not come back", "het doorgegeven bericht kwam niet aan")
    };
    Stage::new("stream", passed, crate::time::monotonic().since(began).unsigned_abs(), detail.into())
}

/// What a self-test may be asked with: the mark by which the asker knows its own canary again.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Canary {
    nonce: Option<String>,
}

/// GET `/metrics`.
pub async fn metrics(request: Request<State>) -> Answer {
    let mut text = String::new();
    flatten(&mut text, "netmonitor", "", &counters(request.state()));
    Ok(answer::bytes("text/plain; version=0.0.4", text))
}

/// One line per number: names joined by `_`; an entry of a list is told from others by its `name`.
pub fn flatten(text: &mut String, name: &str, labels: &str, value: &Value) {
    match value {
        Value::Number(number) => drop(writeln!(text, "{name}{labels} {number}")),
        Value::Bool(yes) => drop(writeln!(text, "{name}{labels} {}", u8::from(*yes))),
        Value::Object(map) => {
            for (key, value) in map {
                let key: String =
                    key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
                flatten(text, &format!("{name}_{key}"), labels, value);
            }
        }
        Value::Array(list) => {
            for (at, value) in list.iter().enumerate() {
                let own = value["name"].as_str().map_or_else(|| at.to_string(), str::to_owned);
                let own: String = own.chars().filter(|c| !matches!(c, '"' | '\\' | '\n')).collect();
                flatten(text, name, &format!("{{name=\"{own}\"}}"), value);
            }
        }
        Value::Null | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_become_one_metric_each() {
        let mut text = String::new();
        let value = json!({
            "frames": { "received": 5, "by-reason": { "tcp_truncated": 1 } },
            "clock": { "synchronised": true, "source": "ntp" },
            "interfaces": [{ "name": "eth\"0", "packets": 7 }],
        });
        flatten(&mut text, "netmonitor", "", &value);
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "netmonitor_clock_synchronised 1",
                "netmonitor_frames_by_reason_tcp_truncated 1",
                "netmonitor_frames_received 5",
                "netmonitor_interfaces_packets{name=\"eth0\"} 7",
            ]
        );
    }
}
