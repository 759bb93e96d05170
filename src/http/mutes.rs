//! Mutes: "do not show me this".

use super::alerts::note;
use super::answer::{self, Answer, Refusal};
use super::query::{self, Query};
use super::{App, State, audit};
use crate::addr::Ip;
use crate::alert::Mute;
use crate::command::Command;
use crate::time::WallTime;
use http_types::StatusCode;
use serde::{Deserialize, Deserializer};
use tide::Request;

/// What a new mute is made of. A form sends what was left empty as an empty text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default, deserialize_with = "filled")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    source: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    target: Option<String>,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    until: Option<WallTime>,
    #[serde(default)]
    reason: String,
}

fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()))
}

/// GET `/api/mutes`.
pub async fn list(request: Request<State>) -> Answer {
    Query::of(&request, &[])?;
    answer::json(&serde_json::json!({ "mutes": request.state().store.mutes()? }))
}

/// POST `/api/mutes`.
pub async fn add(mut request: Request<State>) -> Answer {
    let wanted: Wanted = query::body(&mut request).await?;
    let app = request.state();
    if wanted.kind.is_none() && wanted.source.is_none() && wanted.target.is_none() {
        return Err(Refusal::bad("a mute needs a kind, a source or a target"));
    }
    let well_formed =
        |kind: &String| kind.len() <= 64 && kind.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
    if !wanted.kind.as_ref().is_none_or(well_formed) {
        return Err(Refusal::bad("kind must be the id of a kind of alert, such as port_scan"));
    }
    if wanted.until.is_some_and(|until| until <= app.now()) {
        return Err(Refusal::bad("until has passed already"));
    }
    let mute = app.store.add_mute(Mute {
        id: 0,
        kind: wanted.kind,
        source: address("source", wanted.source.as_deref())?,
        target: address("target", wanted.target.as_deref())?,
        port: wanted.port,
        until: wanted.until,
        reason: note(&wanted.reason),
        created: app.now(),
        hidden: 0,
    })?;
    tell(app)?;
    let mut response = answer::json(&mute)?;
    response.set_status(StatusCode::Created);
    let source = mute.source.map(|ip| ip.to_string());
    let target = mute.target.map(|ip| ip.to_string());
    let what: Vec<String> = [mute.kind, source, target].into_iter().flatten().collect();
    Ok(audit::about(response, what.join(" ")))
}

/// DELETE `/api/mutes/{id}`.
pub async fn delete(request: Request<State>) -> Answer {
    let app = request.state();
    let id: u64 = query::part(&request, "id", "mute")?;
    if !app.store.delete_mute(id)? {
        return Err(Refusal::missing("mute"));
    }
    tell(app)?;
    Ok(audit::about(answer::nothing()?, id.to_string()))
}

fn address(name: &str, text: Option<&str>) -> Result<Option<Ip>, Refusal> {
    text.map(|text| text.parse().map_err(|error| Refusal::bad(format!("{name}: {error}")))).transpose()
}

/// The loop holds the list that findings are measured against.
fn tell(app: &App) -> Result<(), Refusal> {
    app.tell(Command::Mutes(app.store.mutes()?))
}
