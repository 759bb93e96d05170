//! Settings: what is in force and why, changing it, taking a change back.

use super::answer::{self, Answer, Refusal};
use super::auth::Admitted;
use super::query::{self, Query};
use super::{State, audit};
use crate::command::{Command, SettingsOrder, SettingsRefusal};
use http_types::StatusCode;
use serde_json::Value;
use std::collections::BTreeMap;
use tide::Request;

/// Keys in one change.
const KEYS: usize = 500;

/// GET `/api/settings`.
pub async fn list(request: Request<State>) -> Answer {
    Query::of(&request, &[])?;
    answer::json(&request.state().ask(Command::Settings).await?)
}

/// PATCH `/api/settings`.
pub async fn change(mut request: Request<State>) -> Answer {
    let changes: BTreeMap<String, Value> = query::body(&mut request).await?;
    if changes.is_empty() || changes.len() > KEYS {
        return Err(Refusal::bad(format!("name at least one key, and at most {KEYS}")));
    }
    let keys = changes.keys().cloned().collect::<Vec<_>>().join(", ");
    Ok(audit::about(order(&request, SettingsOrder::Change(changes)).await?, keys))
}

/// POST `/api/settings/undo`.
pub async fn undo(request: Request<State>) -> Answer {
    order(&request, SettingsOrder::Undo).await
}

async fn order(request: &Request<State>, order: SettingsOrder) -> Answer {
    let who = who(request);
    let done = request.state().ask(|reply| Command::OrderSettings(who, order, reply)).await?;
    answer::json(&done.map_err(refusal)?)
}

/// Who asks, for the list of changes.
pub fn who(request: &Request<State>) -> String {
    let who = request.ext::<Admitted>().map(|admitted| admitted.who.clone());
    who.filter(|who| !who.is_empty()).unwrap_or_else(|| "administrator".to_owned())
}

/// Why settings were not changed, for whoever asked.
pub fn refusal(refusal: SettingsRefusal) -> Refusal {
    match refusal {
        SettingsRefusal::Wrong(fields) => {
            let named = |(key, words): (&String, &String)| match key.as_str() {
                "" => words.clone(),
                key => format!("{key}: {words}"),
            };
            let message = fields.iter().map(named).collect::<Vec<_>>().join("; ");
            Refusal::new(StatusCode::BadRequest, "invalid_settings", message).fields(fields)
        }
        SettingsRefusal::NotLive => {
            let message = "no live monitor stands behind this page, so its settings cannot be changed here";
            Refusal::new(StatusCode::Conflict, "not_live", message)
        }
        SettingsRefusal::NothingToUndo => {
            Refusal::new(StatusCode::Conflict, "nothing_to_undo", "there is no change to take back")
        }
        SettingsRefusal::NotKept(why) => Refusal::new(StatusCode::InternalServerError, "not_kept", why),
    }
}
