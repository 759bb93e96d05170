//! Query strings and JSON bodies, read strictly: what is unknown or out of range is refused by name.

use super::State;
use super::answer::Refusal;
use crate::time::WallTime;
use http_types::StatusCode;
use serde::de::DeserializeOwned;
use std::str::FromStr;
use tide::Request;

/// The parameters of a query string.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads them; a name outside `allowed` is refused. Empty values count as absent.
    pub fn of<S>(request: &Request<S>, allowed: &[&str]) -> Result<Query, Refusal> {
        let mut pairs = Vec::new();
        for (name, value) in request.url().query_pairs() {
            if !allowed.contains(&name.as_ref()) {
                let known = if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") };
                return Err(Refusal::bad(format!("unknown parameter {name:?}; known: {known}")));
            }
            if !value.is_empty() {
                pairs.push((name.into_owned(), value.into_owned()));
            }
        }
        Ok(Query(pairs))
    }

    /// The value of `name`, the last one when it is given more than once.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Every value of `name`: given more than once, or separated by commas.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let values = self.0.iter().filter(move |(n, _)| n == name);
        values.flat_map(|(_, value)| value.split(',')).filter(|v| !v.is_empty())
    }

    /// The value of `name` read as a `T`; `form` says what one looks like.
    pub fn parsed<T: FromStr>(&self, name: &str, form: &str) -> Result<Option<T>, Refusal> {
        let wrong = |text: &str| Refusal::bad(format!("{name} is {text:?}; it must be {form}"));
        self.text(name).map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }

    /// The value of `name` as a time.
    pub fn time(&self, name: &str) -> Result<Option<WallTime>, Refusal> {
        let wrong = |text: &str| {
            Refusal::bad(format!("{name} is {text:?}; it must be a time such as 2026-01-31T12:00:00Z"))
        };
        self.text(name).map(|text| WallTime::parse(text).ok_or_else(|| wrong(text))).transpose()
    }

    /// The value of `name`, which must be one of `allowed`; the first is the default.
    pub fn one_of<'a>(&self, name: &str, allowed: &[&'a str]) -> Result<&'a str, Refusal> {
        let text = self.text(name).unwrap_or(allowed[0]);
        let found = allowed.iter().find(|a| **a == text);
        let wrong = || Refusal::bad(format!("{name} is {text:?}; it must be one of {}", allowed.join(", ")));
        found.copied().ok_or_else(wrong)
    }

    /// `limit`: at least 1, at most 500, else refused.
    pub fn limit(&self, default: usize) -> Result<usize, Refusal> {
        let form = "a number from 1 to 500";
        match self.parsed::<usize>("limit", form)?.unwrap_or(default) {
            limit @ 1..=500 => Ok(limit),
            limit => Err(Refusal::bad(format!("limit is {limit}; it must be {form}"))),
        }
    }
}

/// The JSON body. 415 when it says it is something else, 400 with the place when it is malformed.
pub async fn body<T: DeserializeOwned>(request: &mut Request<State>) -> Result<T, Refusal> {
    let bytes = request.body_bytes().await.map_err(|_| Refusal::bad("the body could not be read"))?;
    let declared = request.header("content-type").map(|v| v.as_str()).unwrap_or_default();
    let media_type = declared.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let message = "send the body as content-type: application/json";
        return Err(Refusal::new(StatusCode::UnsupportedMediaType, "not_json", message));
    }
    serde_json::from_slice(&bytes).map_err(|error| Refusal::bad(format!("the body: {error}")))
}

/// [`body`], or the default where none was sent.
pub async fn body_or_default<T: DeserializeOwned + Default>(
    request: &mut Request<State>,
) -> Result<T, Refusal> {
    if request.is_empty() == Some(true) { Ok(T::default()) } else { body(request).await }
}

/// A part of the path, percent signs decoded; 404 when it is not readable as a `T`.
pub fn part<T: FromStr>(request: &Request<State>, name: &str, what: &str) -> Result<T, Refusal> {
    let raw = request.param(name).map_err(|_| Refusal::missing(what))?;
    decode(raw).and_then(|text| text.parse().ok()).ok_or_else(|| Refusal::missing(what))
}

fn decode(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_decoded_or_refused() {
        assert_eq!(decode("ip-fe80%3A%3a1").as_deref(), Some("ip-fe80::1"));
        for bad in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
