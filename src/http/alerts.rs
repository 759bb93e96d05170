//! Alerts: listed, downloaded, acknowledged.

use super::answer::{self, Answer, Refusal};
use super::auth::Admitted;
use super::query::{self, Query};
use super::{App, State, audit};
use crate::alert::{Acknowledgement, AlertRecord, Severity};
use crate::csv::Row as _;
use crate::store::AlertFilter;
use serde::Deserialize;
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
        text: text("q"),
    })
}

/// GET `/api/alerts`.
pub async fn list(request: Request<State>) -> Answer {
    let allowed: Vec<&str> = FILTERS.into_iter().chain(["limit", "cursor", "format"]).collect();
    let query = Query::of(&request, &allowed)?;
    let filter = filter(&query)?;
    let app = request.state();
    if query.one_of("format", &["json", "csv"])? == "csv" {
        return download(app, &filter);
    }
    let before = query.parsed("cursor", "a next_cursor of an earlier answer")?;
    let page = app.store.alerts(&filter, before, query.limit(100)?)?;
    answer::json(&serde_json::json!({
        "alerts": page.alerts,
        "next_cursor": page.next.map(|id| id.to_string()),
        "total": page.total,
    }))
}

fn download(app: &App, filter: &AlertFilter) -> Answer {
    let mut text = format!("{}\r\n", AlertRecord::HEADER);
    let (mut before, mut written) = (None, 0);
    loop {
        let page = app.store.alerts(filter, before, PAGE)?;
        page.alerts.iter().for_each(|alert| alert.row(&mut text));
        (before, written) = (page.next, written + page.alerts.len());
        if before.is_none() || written >= DOWNLOAD {
            break;
        }
    }
    let mut response = answer::bytes("text/csv; charset=utf-8", text);
    response.insert_header("content-disposition", "attachment; filename=\"alerts.csv\"");
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

fn acknowledgement(request: &Request<State>, text: &str) -> Acknowledgement {
    let by = request.ext::<Admitted>().map(|admitted| admitted.who.clone()).filter(|who| !who.is_empty());
    Acknowledgement { time: request.state().now(), note: note(text), by }
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

/// A filter as JSON: the names of the query parameters.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    note: String,
    since: Option<crate::time::WallTime>,
    until: Option<crate::time::WallTime>,
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
        text: wanted.q,
    };
    let count = app.store.acknowledge_matching(&filter, acknowledgement(&request, &wanted.note))?;
    if count > 0 {
        app.publish_status("live", Some("alerts_acknowledged"));
    }
    Ok(audit::count(answer::json(&serde_json::json!({ "acknowledged": count }))?, count))
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
