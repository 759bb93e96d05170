//! API tokens: listed, made, ended.

use super::alerts::note;
use super::answer::{self, Answer, Refusal};
use super::auth::{Scope, Token, Wanted, told};
use super::query::{self, Query};
use super::{State, audit};
use crate::time::WallTime;
use http_types::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tide::Request;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    #[serde(default)]
    scope: Scope,
    #[serde(default)]
    expires: Option<WallTime>,
}

fn shown(token: &Token) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "scope": token.scope,
        "created": told(token.created),
        "expires": token.expires.map(told),
        "last_used": token.used.map(told),
    })
}

/// GET `/api/tokens`: names, never the tokens themselves.
pub async fn list(request: Request<State>) -> Answer {
    Query::of(&request, &[])?;
    let tokens: Vec<Value> = request.state().auth.tokens().iter().map(shown).collect();
    answer::json(&json!({ "tokens": tokens }))
}

/// POST `/api/tokens`: a new one, told this once.
pub async fn add(mut request: Request<State>) -> Answer {
    let wanted: Named = query::body(&mut request).await?;
    let app = request.state();
    let name: String = note(&wanted.name).chars().filter(|c| *c != '\n').take(64).collect();
    if name.is_empty() {
        return Err(Refusal::bad("name must say what the token is for"));
    }
    if wanted.expires.is_some_and(|end| end <= crate::time::wall()) {
        return Err(Refusal::bad("expires has passed already"));
    }
    let expires = wanted.expires.map(WallTime::secs);
    let (kept, token) =
        app.auth.add_token(&app.store, Wanted { name: name.clone(), scope: wanted.scope, expires })?;
    let mut told = shown(&kept);
    told["token"] = token.into();
    let mut response = answer::json(&told)?;
    response.set_status(StatusCode::Created);
    Ok(audit::about(response, name))
}

/// DELETE `/api/tokens/{id}`.
pub async fn delete(request: Request<State>) -> Answer {
    let app = request.state();
    let gone = app.auth.delete_token(&app.store, query::part(&request, "id", "token")?)?;
    let gone = gone.ok_or_else(|| Refusal::missing("token"))?;
    Ok(audit::about(answer::nothing()?, gone.name))
}
