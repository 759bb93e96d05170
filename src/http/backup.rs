//! Backups: one file out, one file in.
//!
//! Names, settings and mutes are what whoever administers sees anyway. Passwords and tokens are more: taking them out or
//! putting others in asks for the administrator's password once more, so a browser left open does not give them away.

use super::answer::{self, Answer, Refusal};
use super::auth::Admitted;
use super::query::{self, Query};
use super::sealed::{SealError, Secrets};
use super::settings::{refusal, who};
use super::{AuthMode, Peer, State, audit, session};
use crate::backup::{Backup, BackupError};
use crate::command::{Command, Restore, Secret};
use http_types::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tide::{Request, Response};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    passphrase: String,
    /// Not needed on the local socket.
    password: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    backup: Value,
    /// Of its secrets; without it they stay closed.
    passphrase: Option<String>,
    /// To take the secrets over; not needed on the local socket.
    password: Option<String>,
    /// Whether to do it; else only to say what would change.
    #[serde(default)]
    apply: bool,
}

/// GET `/api/backup`: without secrets.
pub async fn download(request: Request<State>) -> Answer {
    Query::of(&request, &[])?;
    let (backup, _) = made(&request).await?;
    file(&backup)
}

/// POST `/api/backup`: with secrets, sealed.
pub async fn sealed(mut request: Request<State>) -> Answer {
    let wanted: Wanted = query::body(&mut request).await?;
    prove(&request, wanted.password.as_deref()).await?;
    let (mut backup, settings) = made(&request).await?;
    let app = request.state();
    let secrets = Secrets::of(&app.store, settings)?;
    let sealed = app.auth.in_turn(|| secrets.seal(&wanted.passphrase)).await;
    backup.secrets = Some(sealed.map_err(seal_refusal)?);
    file(&backup)
}

/// POST `/api/restore`: what taking a backup over changes, and with `apply` does it.
pub async fn restore(mut request: Request<State>) -> Answer {
    let given: Given = query::body(&mut request).await?;
    let backup = Backup::of(given.backup).map_err(backup_refusal)?;
    let (had, made) = (backup.secrets.is_some(), backup.made);
    let app = request.state();
    let secrets = match (&backup.secrets, given.passphrase.as_deref().filter(|text| !text.is_empty())) {
        (Some(sealed), Some(passphrase)) => {
            let opened = app.auth.in_turn(|| Secrets::open(sealed, passphrase)).await;
            Some(opened.map_err(seal_refusal)?)
        }
        (None, Some(_)) => {
            return Err(Refusal::bad("this backup has no secrets, so a passphrase is not needed"));
        }
        (_, None) => None,
    };
    if given.apply && secrets.is_some() {
        prove(&request, given.password.as_deref()).await?;
    }
    let secret = secrets.as_ref().map(|secrets| secrets.settings.clone()).unwrap_or_default();
    let wanted = Box::new(Restore { backup, secret, apply: given.apply });
    let by = who(&request);
    let told = app.ask(|reply| Command::Restore(by, wanted, reply)).await?.map_err(refusal)?;
    let told = with_secrets(told, had, secrets.as_ref());
    // Last: it ends the session of whoever asks.
    if let Some(secrets) = secrets.filter(|_| given.apply) {
        app.auth.adopt(&app.store, &secrets.people)?;
    }
    let response = answer::json(&told)?;
    Ok(if given.apply { audit::about(response, made.to_string()) } else { audit::unsaid(response) })
}

/// What is told of secrets: none in the file, `closed`, or how many accounts and tokens are taken over.
fn with_secrets(mut told: Value, had: bool, secrets: Option<&Secrets>) -> Value {
    let (viewers, tokens) = secrets.and_then(|secrets| secrets.people.check()).unwrap_or_default();
    told["secrets"] = match secrets {
        Some(_) => json!({ "state": "open", "viewers": viewers, "tokens": tokens }),
        None => json!({ "state": if had { "closed" } else { "none" }, "viewers": 0, "tokens": 0 }),
    };
    told
}

async fn made(request: &Request<State>) -> Result<(Backup, Secret), Refusal> {
    request.state().ask(Command::Backup).await?.map_err(refusal)
}

/// The administrator, by his password: not on the local socket, whose users own this machine, and not where nobody logs
/// in.
async fn prove(request: &Request<State>, password: Option<&str>) -> Result<(), Refusal> {
    let open = request.state().auth.mode() == AuthMode::None;
    if open || request.ext::<Peer>() == Some(&Peer::Local) {
        return Ok(());
    }
    let password = password.ok_or_else(|| Refusal::bad("password must be given: the administrator's"))?;
    debug_assert!(request.ext::<Admitted>().is_some_and(Admitted::administers));
    session::prove(request, password).await.map(drop)
}

fn file(backup: &Backup) -> Answer {
    let body = serde_json::to_vec_pretty(backup).map_err(|error| {
        Refusal::new(StatusCode::InternalServerError, "encoding_failed", error.to_string())
    })?;
    let mut response: Response = answer::bytes("application/json", body);
    let host: String = backup.host.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let day = &backup.made.to_string()[..10];
    let name = format!("attachment; filename=\"netmonitor-{host}-{day}.json\"").replace("--", "-");
    response.insert_header("content-disposition", name);
    Ok(response)
}

fn backup_refusal(error: BackupError) -> Refusal {
    let code = match error {
        BackupError::Newer(_) => "backup_newer",
        BackupError::TooLarge | BackupError::Unreadable(_) => "backup_unreadable",
        BackupError::Wrong(_) => "backup_wrong",
    };
    Refusal::new(StatusCode::BadRequest, code, error.to_string())
}

fn seal_refusal(error: SealError) -> Refusal {
    let (status, code) = match error {
        SealError::Passphrase => (StatusCode::BadRequest, "short_passphrase"),
        SealError::NoRandom => return Refusal::busy("no_random", error.to_string(), 2),
        // 401 would send a browser to the login page.
        SealError::Wrong => (StatusCode::UnprocessableEntity, "wrong_passphrase"),
        SealError::Unknown => (StatusCode::UnprocessableEntity, "unknown_seal"),
    };
    Refusal::new(status, code, error.to_string())
}
