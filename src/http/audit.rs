//! The audit log: who logged in, from where, and what was changed by whom.
//!
//! Every change passes the guard, so the guard writes it down: method, path, answer. Routes add what it was about by
//! [`about`] and its like. Written with the next batch, not at once: a line is not worth a write to the card.

use super::answer::{self, Answer, Refused};
use super::app::App;
use super::auth::Admitted;
use super::query::Query;
use super::{Peer, State, routes};
use crate::store::AuditRecord;
use crate::time::{self, SECOND, Timestamp};
use http_types::Method;
use std::sync::{Mutex, PoisonError};
use tide::{Request, Response};

/// What was done by which route. A route that is not here goes by its method and path.
const ACTIONS: &[(Method, &str, &str)] = &[
    (Method::Post, "/api/session", "log_in"),
    (Method::Delete, "/api/session", "log_out"),
    (Method::Post, "/api/claim", "claim"),
    (Method::Get, "/kiosk", "kiosk"),
    (Method::Post, "/api/password", "password"),
    (Method::Delete, "/api/sessions", "sessions_ended"),
    (Method::Delete, "/api/sessions/:id", "session_ended"),
    (Method::Post, "/api/two-factor/confirm", "two_factor_on"),
    (Method::Post, "/api/two-factor/off", "two_factor_off"),
    (Method::Post, "/api/two-factor/recovery", "recovery_codes"),
    (Method::Post, "/api/accounts", "account_added"),
    (Method::Patch, "/api/accounts/:id", "account_changed"),
    (Method::Delete, "/api/accounts/:id", "account_deleted"),
    (Method::Post, "/api/tokens", "token_added"),
    (Method::Delete, "/api/tokens/:id", "token_deleted"),
    (Method::Post, "/api/mutes", "mute_added"),
    (Method::Patch, "/api/mutes/:id", "mute_changed"),
    (Method::Delete, "/api/mutes/:id", "mute_ended"),
    (Method::Patch, "/api/devices/:id", "device_changed"),
    (Method::Patch, "/api/settings", "settings_changed"),
    (Method::Post, "/api/settings/undo", "settings_undone"),
    (Method::Post, "/api/backup", "backed_up"),
    (Method::Post, "/api/restore", "restored"),
    (Method::Post, "/api/alerts/ack", "alerts_acknowledged"),
    (Method::Delete, "/api/alerts/ack", "alerts_reopened"),
];
/// Changes too small for the log, or none at all: an acknowledgement says by whom in the alert itself.
const SILENT: &[&str] = &["/api/alerts/:id/ack", "/api/two-factor", "/api/selftest"];
/// Refusals that are written down: someone guessed.
const GUESSES: &[&str] = &["wrong_password", "wrong_code", "code_used", "locked_out", "wrong_passphrase"];
/// Guesses written down within [`GUESS_TIME`]; the rest are counted in the next line.
const GUESSES_KEPT: u64 = 20;
/// Microseconds.
const GUESS_TIME: i64 = 600 * SECOND;
/// Longest name kept, characters.
const LONGEST: usize = 120;

/// What a route tells the log.
#[derive(Clone, Default)]
struct Note {
    by: Option<String>,
    about: String,
    count: Option<u64>,
    unsaid: bool,
}

fn noted(mut response: Response, how: impl FnOnce(&mut Note)) -> Response {
    let mut note = response.ext::<Note>().cloned().unwrap_or_default();
    how(&mut note);
    response.insert_ext(note);
    response
}

/// Adds who it was, where the session does not say it.
pub fn by(response: Response, who: String) -> Response {
    noted(response, |note| note.by = Some(who))
}

/// Adds what it was about: a name of an account, a token, a device, a setting.
pub fn about(response: Response, what: String) -> Response {
    noted(response, |note| note.about = what)
}

/// Leaves it out: nothing was changed.
pub fn unsaid(response: Response) -> Response {
    noted(response, |note| note.unsaid = true)
}

/// Adds how many things changed.
pub fn count(response: Response, count: u64) -> Response {
    noted(response, |note| note.count = Some(count))
}

/// What the guard knows of a request before it is answered.
pub struct Asked {
    method: Method,
    path: String,
    peer: Option<Peer>,
    who: String,
}

impl Asked {
    /// Of a request that may change something; none for one that only looks.
    pub fn of(request: &Request<State>, admitted: Option<&Admitted>) -> Option<Asked> {
        let (method, path) = (request.method(), request.url().path());
        if matches!(method, Method::Get | Method::Head) && routes::pattern(method, path) != Some("/kiosk") {
            return None;
        }
        let who = admitted.map(|admitted| admitted.who.clone()).unwrap_or_default();
        Some(Asked { method, path: path.to_owned(), peer: request.ext::<Peer>().copied(), who })
    }

    /// Writes it down, with how it was answered.
    pub fn answered(self, app: &App, response: &Response) {
        let Some(pattern) = routes::pattern(self.method, &self.path) else { return };
        let refused = response.ext::<Refused>().map(|refused| refused.0);
        let note = response.ext::<Note>().cloned().unwrap_or_default();
        let quiet = match refused {
            Some(code) => !GUESSES.contains(&code),
            // Logging out without a session, or a display that shows its token again.
            None => {
                !response.status().is_success() && note.by.is_none()
                    || matches!(pattern, "/api/session" | "/kiosk") && note.by.is_none()
            }
        };
        if SILENT.contains(&pattern) || quiet || note.unsaid {
            return;
        }
        let known = ACTIONS.iter().find(|(method, path, _)| *method == self.method && *path == pattern);
        let action =
            known.map_or_else(|| format!("{} {}", self.method, self.path), |(.., name)| (*name).to_owned());
        write(
            app,
            AuditRecord {
                who: note.by.unwrap_or(self.who),
                address: self.peer.map(|peer| peer.to_string()).unwrap_or_default(),
                action,
                result: refused.unwrap_or("ok").to_owned(),
                about: note.about,
                count: note.count,
                ..AuditRecord::default()
            },
        );
    }
}

/// Writes down what this program did by itself.
pub fn own(app: &App, action: &str, about: &str) {
    write(
        app,
        AuditRecord {
            action: action.to_owned(),
            about: about.to_owned(),
            result: "ok".to_owned(),
            ..AuditRecord::default()
        },
    );
}

fn write(app: &App, mut record: AuditRecord) {
    if record.result != "ok" {
        match app.guesses.pass(time::monotonic()) {
            Some(before) => record.count = (before > 0).then_some(before),
            None => return,
        }
    }
    record.time = time::wall();
    for text in [&mut record.who, &mut record.action, &mut record.about] {
        *text = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    }
    if let Err(error) = app.store.add_audit(record) {
        log::error!("audit log: {error}");
    }
}

/// How many wrong guesses are written down: anyone may cause them, and a card wears.
#[derive(Default)]
pub struct Guesses(Mutex<(Option<Timestamp>, u64)>);

impl Guesses {
    /// Whether one more is written down: with how many were not before it.
    fn pass(&self, now: Timestamp) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = *state;
        if since.is_none_or(|since| now.since(since) > GUESS_TIME) {
            *state = (Some(now), 1);
            return Some(count.saturating_sub(GUESSES_KEPT));
        }
        state.1 += 1;
        (state.1 <= GUESSES_KEPT).then_some(0)
    }
}

/// GET `/api/audit`: newest first.
pub async fn list(request: Request<State>) -> Answer {
    let query = Query::of(&request, &["limit", "cursor"])?;
    let before = query.parsed("cursor", "a next_cursor of an earlier answer")?;
    let limit = query.limit(50)?;
    let mut entries = request.state().store.audit(before, limit + 1)?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|entry| entry.id.to_string());
    answer::json(&serde_json::json!({ "entries": entries, "next_cursor": next }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_guesses_is_a_few_lines_and_a_number() {
        let guesses = Guesses::default();
        let at = |seconds| Timestamp::from_secs(seconds);
        let written = (0..1000).filter(|_| guesses.pass(at(5)).is_some()).count();
        assert_eq!(written as u64, GUESSES_KEPT);
        assert_eq!(guesses.pass(at(700)), Some(1000 - GUESSES_KEPT), "and the next line counts them");
        assert_eq!(guesses.pass(at(701)), Some(0));
    }

    #[test]
    fn every_action_of_the_log_is_a_route() {
        for (method, path, action) in ACTIONS {
            let there = routes::ROUTES.iter().any(|entry| entry.method == *method && entry.path == *path);
            assert!(there, "{action}: {method} {path}");
        }
        let there = |path: &&str| routes::ROUTES.iter().any(|entry| entry.path == *path);
        assert!(SILENT.iter().all(there));
    }
}
