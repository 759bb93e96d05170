//! Accounts and second factors: made, changed, ended.

use super::answer::{self, Answer, Refusal};
use super::auth::{ADMINISTRATOR, Account, qr, told};
use super::query::{self, Query};
use super::session::{admitted, no_account, prove};
use super::{State, audit};
use http_types::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tide::Request;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    name: Option<String>,
    password: Option<String>,
    two_factor: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Password {
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    code: String,
}

fn shown(account: &Account) -> Value {
    json!({
        "id": account.id,
        "name": account.name,
        "role": account.role(),
        "two_factor": account.two_factor.is_some(),
        "created": (account.created > 0).then(|| told(account.created)),
        "last_login": account.last_login.map(told),
    })
}

/// GET `/api/accounts`.
pub async fn list(request: Request<State>) -> Answer {
    Query::of(&request, &[])?;
    let accounts: Vec<Value> = request.state().auth.accounts.list().iter().map(shown).collect();
    answer::json(&json!({ "accounts": accounts }))
}

/// POST `/api/accounts`: a viewer.
pub async fn add(mut request: Request<State>) -> Answer {
    let wanted: Wanted = query::body(&mut request).await?;
    let app = request.state();
    let hash = app.auth.hash(&wanted.password).await?;
    let account = app.auth.accounts.add(&app.store, &wanted.name, hash)?;
    let mut response = answer::json(&shown(&account))?;
    response.set_status(StatusCode::Created);
    Ok(audit::about(response, account.name))
}

/// PATCH `/api/accounts/{id}`: another name; for a viewer another password, or no second factor any more. The
/// administrator's own go by ways that ask for the password.
pub async fn change(mut request: Request<State>) -> Answer {
    let wanted: Change = query::body(&mut request).await?;
    let app = request.state();
    let id: u64 = query::part(&request, "id", "account")?;
    let missing = || Refusal::missing("account");
    let before = app.auth.accounts.numbered(id).ok_or_else(missing)?;
    if wanted.two_factor == Some(true) {
        return Err(Refusal::bad("two_factor can only be taken away; its owner sets it"));
    }
    if id == ADMINISTRATOR && (wanted.password.is_some() || wanted.two_factor.is_some()) {
        return Err(Refusal::bad("the administrator's are changed at /api/password and /api/two-factor/off"));
    }
    if let Some(name) = &wanted.name {
        app.auth.accounts.rename(&app.store, id, name)?;
    }
    if let Some(password) = &wanted.password {
        app.auth.set_password(&app.store, id, password).await?;
    }
    if wanted.two_factor.is_some() {
        app.auth.accounts.set_two_factor(&app.store, id, None)?;
    }
    let account = app.auth.accounts.numbered(id).ok_or_else(missing)?;
    Ok(audit::about(answer::json(&shown(&account))?, before.name))
}

/// DELETE `/api/accounts/{id}`: a viewer, and his sessions.
pub async fn delete(request: Request<State>) -> Answer {
    let app = request.state();
    let id: u64 = query::part(&request, "id", "account")?;
    let gone = app.auth.accounts.delete(&app.store, id)?.ok_or_else(|| Refusal::missing("account"))?;
    app.auth.end_sessions(&app.store, |session| session.account == id && session.token.is_none())?;
    Ok(audit::about(answer::nothing()?, gone.name))
}

/// The account of whoever asks.
fn own(request: &Request<State>) -> Result<Account, Refusal> {
    let account = admitted(request)?.account.and_then(|id| request.state().auth.accounts.numbered(id));
    account.ok_or_else(no_account)
}

/// POST `/api/two-factor`: offers a secret; nothing changes until it is confirmed.
pub async fn offer_two_factor(request: Request<State>) -> Answer {
    let (app, account) = (request.state(), own(&request)?);
    if account.two_factor.is_some() {
        let message = "there is a second factor already; turn it off first";
        return Err(Refusal::new(StatusCode::Conflict, "two_factor_on", message));
    }
    let offer = app.auth.offer_two_factor(account.id)?;
    let uri = offer.uri(&account.name, app.host());
    answer::json(&json!({ "secret": offer.text(), "uri": uri, "qr": qr(&uri) }))
}

/// POST `/api/two-factor/confirm`: with a code of the telephone it holds from now on.
pub async fn confirm_two_factor(mut request: Request<State>) -> Answer {
    let wanted: Code = query::body(&mut request).await?;
    let (app, account) = (request.state(), own(&request)?);
    let codes = app.auth.confirm_two_factor(&app.store, account.id, &wanted.code)?;
    answer::json(&json!({ "recovery_codes": codes }))
}

/// POST `/api/two-factor/off`.
pub async fn end_two_factor(mut request: Request<State>) -> Answer {
    let wanted: Password = query::body(&mut request).await?;
    own(&request)?;
    let account = prove(&request, &wanted.password).await?;
    let app = request.state();
    app.auth.accounts.set_two_factor(&app.store, account.id, None)?;
    answer::nothing()
}

/// POST `/api/two-factor/recovery`: new recovery codes, told this once.
pub async fn renew_recovery(mut request: Request<State>) -> Answer {
    let wanted: Password = query::body(&mut request).await?;
    own(&request)?;
    let account = prove(&request, &wanted.password).await?;
    let app = request.state();
    let codes = app.auth.renew_recovery(&app.store, &account)?;
    answer::json(&json!({ "recovery_codes": codes }))
}
