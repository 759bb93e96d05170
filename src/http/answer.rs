//! Answers and refusals: JSON both, with the status that says what happened.

use crate::time::{self, SECOND};
use http_types::StatusCode;
use hyper::body::Bytes;
use serde::Serialize;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use tide::Response;

/// What a route gives back.
pub type Answer = Result<Response, Refusal>;

/// Why a request is not answered: `{"error":{"code":…,"message":…}}` and a status.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after: Option<u64>,
}

/// Marks an answer that refuses, with the refusal's code.
#[derive(Clone, Copy)]
pub struct Refused(pub &'static str);

impl Refusal {
    /// Any status; `code` is for programs, `message` for people.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Refusal { status, code, message: message.into(), retry_after: None }
    }
    /// 400: `message` names what is wrong.
    pub fn bad(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::BadRequest, "bad_request", message)
    }
    /// 404.
    pub fn missing(what: &str) -> Self {
        Refusal::new(StatusCode::NotFound, "not_found", format!("there is no such {what}"))
    }
    /// 503, with the seconds after which to try again.
    pub fn busy(code: &'static str, message: impl Into<String>, seconds: u64) -> Self {
        Refusal::new(StatusCode::ServiceUnavailable, code, message).retry_after(seconds)
    }
    /// Adds the seconds after which to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
    /// Its code.
    pub fn code(&self) -> &'static str {
        self.code
    }
    /// Says it in other words when it has this code.
    #[must_use]
    pub fn said(mut self, code: &str, message: &str) -> Self {
        if self.code == code {
            self.message = message.to_owned();
        }
        self
    }
    /// As it is sent.
    pub fn response(&self) -> Response {
        let body = serde_json::json!({ "error": { "code": self.code, "message": self.message } });
        let mut response = bytes("application/json", body.to_string());
        response.set_status(self.status);
        response.insert_ext(Refused(self.code));
        if let Some(seconds) = self.retry_after {
            response.insert_header("retry-after", seconds.to_string());
        }
        response
    }
}

impl From<crate::store::StoreError> for Refusal {
    fn from(error: crate::store::StoreError) -> Self {
        // Whoever asks can cause it again and again, so it is told once a minute.
        static TOLD: AtomicI64 = AtomicI64::new(0);
        let now = time::monotonic().micros();
        if now - TOLD.load(Relaxed) > 60 * SECOND {
            TOLD.store(now, Relaxed);
            log::error!("dashboard: {error}");
        }
        Refusal::new(StatusCode::InternalServerError, "store_failed", error.to_string())
    }
}

/// 200 with a value as JSON.
pub fn json(value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => Ok(bytes("application/json", body)),
        Err(error) => {
            Err(Refusal::new(StatusCode::InternalServerError, "encoding_failed", error.to_string()))
        }
    }
}

/// 200 with bytes of a media type.
pub fn bytes(media_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(StatusCode::Ok);
    response.insert_header("content-type", media_type);
    response.insert_ext(body.into());
    response
}

/// 204.
pub fn nothing() -> Answer {
    Ok(Response::new(StatusCode::NoContent))
}
