//! Alerts: listed, downloaded, acknowledged, and taken back.

use super::answer::{self, Answer, Refusal};
use super::auth::Admitted;
use super::query::{self, Query};
use super::{App, State, audit};
use crate::alert::query::Query as Typed;
use crate::alert::{Acknowledgement, AlertRecord, Severity};
use crate::csv::Row as _;
use crate::detect::KINDS;
use crate::store::AlertFilter;
use crate::time::WallTime;
use serde::Deserialize;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use tide::Request;

/// Longest note, characters.
const NOTE: usize = 500;
/// Alerts a download holds at most.
const DOWNLOAD: usize = 10_000;
/// Alerts asked of the store at a time.
const PAGE: usize = 500;

const FILTERS: [&str; 8] = ["since", "until", "severity", "kind", "source", "target", "state", "q"];

/// Keeps what is printable and cuts it: notes come from people, and so from paste buffers.
pub fn note(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').take(NOTE).collect::<String>().trim().to_owned()
}

fn severity(text: &str) -> Result<Severity, Refusal> {
    let wrong = || Refusal::bad(format!("severity is {text:?}; it must be low, medium, high or critical"));
    Severity::ALL.into_iter().find(|s| s.name() == text).ok_or_else(wrong)
}

fn state(text: &str) -> Result<Option<bool>, Refusal> {
    match text {
        "" | "all" => Ok(None),
        "open" => Ok(Some(false)),
        "acknowledged" => Ok(Some(true)),
        _ => Err(Refusal::bad(format!("state is {text:?}; it must be open or acknowledged"))),
    }
}

/// The filter language.
fn typed(text: &str) -> Result<Typed, Refusal> {
    let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.id).collect();
    Typed::parse(text, &kinds).map_err(|error| Refusal::bad(format!("q: {error}")))
}

fn filter(query: &Query) -> Result<AlertFilter, Refusal> {
    let text = |name: &str| query.text(name).map(str::to_owned);
    Ok(AlertFilter {
        since: query.time("since")?,
        until: query.time("until")?,
        severity: query.list("severity").map(severity).collect::<Result<_, _>>()?,
        kind: query.list("kind").map(str::to_owned).collect(),
        source: text("source"),
        target: text("target"),
        acknowledged: state(query.text("state").unwrap_or_default())?,
        query: typed(query.text("q").unwrap_or_default())?,
        ..AlertFilter::default()
    })
}

/// GET `/api/alerts`.
pub async fn list(request: Request<State>) -> Answer {
    let allowed: Vec<&str> = FILTERS.into_iter().chain(["limit", "cursor", "format"]).collect();
    let query = Query::of(&request, &allowed)?;
    let filter = filter(&query)?;
    let app = request.state();
    let before = query.parsed("cursor", "a next_cursor of an earlier answer")?;
    if query.text("format").is_some() {
        let json = query.one_of("format", &["json", "csv"])? == "json";
        return download(app, &filter, before, json);
    }
    let page = app.store.alerts(&filter, before, query.limit(100)?)?;
    answer::json(&serde_json::json!({
        "alerts": page.alerts,
        "next_cursor": page.next.map(|id| id.to_string()),
        "total": page.total,
    }))
}

/// All that match from `before` on, up to [`DOWNLOAD`]; where it was cut off is in the answer (`next_cursor` in JSON, the
/// headers in both), and asking on from there gives the rest.
fn download(app: &App, filter: &AlertFilter, mut before: Option<u64>, json: bool) -> Answer {
    let mut text = if json { "{\"alerts\":[".to_owned() } else { format!("{}\r\n", AlertRecord::HEADER) };
    let (mut written, mut total) = (0, None);
    loop {
        let page = app.store.alerts(filter, before, PAGE)?;
        total = total.or(Some(page.total));
        for alert in &page.alerts {
            if json {
                text.push_str(if written == 0 { "\n" } else { ",\n" });
                text.push_str(&serde_json::to_string(alert).unwrap_or_default());
            } else {
                alert.row(&mut text);
            }
            written += 1;
        }
        before = page.next;
        if before.is_none() || written >= DOWNLOAD {
            break;
        }
    }
    let (total, next) = (total.unwrap_or(0), before.map(|id| id.to_string()));
    if json {
        text += &format!("\n],\"next_cursor\":{},\"total\":{total}}}\n", serde_json::json!(next));
    }
    let (kind, name) =
        if json { ("application/json", "alerts.json") } else { ("text/csv; charset=utf-8", "alerts.csv") };
    let mut response = answer::bytes(kind, text);
    response.insert_header("content-disposition", format!("attachment; filename=\"{name}\""));
    response.insert_header("x-total-count", total.to_string());
    next.iter().for_each(|next| response.insert_header("x-next-cursor", next.as_str()));
    Ok(response)
}

/// GET `/api/alerts/{id}`.
pub async fn one(request: Request<State>) -> Answer {
    Query::of(&request, &[])?;
    let alert = request.state().store.alert(query::part(&request, "id", "alert")?)?;
    answer::json(&alert.ok_or_else(|| Refusal::missing("alert"))?)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Note {
    note: String,
}

/// No two orders have the same time, so that one can be taken back without the other: a replay's clock stands still.
fn acknowledgement(request: &Request<State>, text: &str) -> Acknowledgement {
    static LAST: AtomicI64 = AtomicI64::new(i64::MIN);
    let now = request.state().now().micros();
    let last = LAST.fetch_max(now, Relaxed);
    let time = if last >= now { LAST.fetch_add(1, Relaxed) + 1 } else { now };
    let by = request.ext::<Admitted>().map(|admitted| admitted.who.clone()).filter(|who| !who.is_empty());
    Acknowledgement { time: WallTime::from_micros(time), note: note(text), by }
}

/// POST `/api/alerts/{id}/ack`.
pub async fn acknowledge(mut request: Request<State>) -> Answer {
    let wanted: Note = query::body_or_default(&mut request).await?;
    let app = request.state();
    let id = query::part(&request, "id", "alert")?;
    let alert = app.store.acknowledge(id, acknowledgement(&request, &wanted.note))?;
    let alert = alert.ok_or_else(|| Refusal::missing("alert"))?;
    app.publish_alert(&alert);
    answer::json(&alert)
}

/// DELETE `/api/alerts/{id}/ack`: it is open again.
pub async fn reopen(request: Request<State>) -> Answer {
    Query::of(&request, &[])?;
    let app = request.state();
    let alert = app.store.acknowledge(query::part(&request, "id", "alert")?, None::<Acknowledgement>)?;
    let alert = alert.ok_or_else(|| Refusal::missing("alert"))?;
    app.publish_alert(&alert);
    answer::json(&alert)
}

/// A filter as JSON: the names of the query parameters.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    note: String,
    since: Option<WallTime>,
    until: Option<WallTime>,
    severity: Several,
    kind: Several,
    source: Option<String>,
    target: Option<String>,
    state: String,
    q: Option<String>,
}

/// One text or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Several {
    One(String),
    Many(Vec<String>),
}

impl Default for Several {
    fn default() -> Self {
        Several::Many(Vec::new())
    }
}

impl Several {
    fn into_vec(self) -> Vec<String> {
        match self {
            Several::One(text) => text.split(',').filter(|t| !t.is_empty()).map(str::to_owned).collect(),
            Several::Many(texts) => texts,
        }
    }
}

/// POST `/api/alerts/ack`: acknowledges all that match; how many.
pub async fn acknowledge_matching(mut request: Request<State>) -> Answer {
    let wanted: Wanted = query::body(&mut request).await?;
    let app = request.state();
    let severities = wanted.severity.into_vec();
    let filter = AlertFilter {
        since: wanted.since,
        until: wanted.until,
        severity: severities.iter().map(|s| severity(s)).collect::<Result<_, _>>()?,
        kind: wanted.kind.into_vec(),
        source: wanted.source,
        target: wanted.target,
        acknowledged: state(&wanted.state)?,
        query: typed(wanted.q.as_deref().unwrap_or_default())?,
        ..AlertFilter::default()
    };
    let ack = acknowledgement(&request, &wanted.note);
    let time = ack.time;
    let count = app.store.acknowledge_matching(&filter, ack)?;
    if count > 0 {
        app.publish_status("live", Some("alerts_acknowledged"));
    }
    Ok(audit::count(answer::json(&serde_json::json!({ "acknowledged": count, "time": time }))?, count))
}

/// DELETE `/api/alerts/ack`: what one order acknowledged at the time it answered is open again; how many.
pub async fn reopen_matching(request: Request<State>) -> Answer {
    let query = Query::of(&request, &["at"])?;
    let at = query.time("at")?.ok_or_else(|| Refusal::bad("at must be the time of an acknowledgement"))?;
    let filter = AlertFilter { acknowledged_at: Some(at), ..AlertFilter::default() };
    let app = request.state();
    let count = app.store.acknowledge_matching(&filter, None::<Acknowledgement>)?;
    if count > 0 {
        app.publish_status("live", Some("alerts_acknowledged"));
    }
    Ok(audit::count(answer::json(&serde_json::json!({ "reopened": count }))?, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_lose_control_characters_and_are_cut() {
        assert_eq!(note(" a\u{7}\u{1b}[31mb\nc "), "a[31mb\nc");
        assert_eq!(note(&"é".repeat(600)).chars().count(), NOTE);
    }
}
