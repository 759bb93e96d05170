//! API tokens: what programs and wall displays show instead of a session, each with what it may do.

use super::{CLOCK_SET, find, fresh, lock, read, save};
use crate::http::answer::Refusal;
use crate::http::password::digest;
use crate::store::{Store, StoreError};
use crate::time;
use http_types::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Mutex;

/// The store's setting that holds them.
pub const SETTING: &str = "dashboard.tokens";
/// Tokens kept.
pub const ALL: usize = 32;
/// When a token was last used is written this often, seconds.
const WRITE_EVERY: i64 = 6 * 3600;

/// What a token may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Look, like a viewer.
    Read,
    /// Everything but log in. Tokens from before scopes are of this kind.
    #[default]
    Admin,
    /// Open `/kiosk` and look at what stands there.
    Kiosk,
}

/// One token as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Token {
    sha256: String,
    /// Seconds of Unix time.
    pub created: i64,
    /// Number.
    pub id: u64,
    /// What it is for.
    pub name: String,
    /// What it may do.
    #[serde(default)]
    pub scope: Scope,
    /// When it ends, seconds of Unix time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
    /// When it was last used, seconds of Unix time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<i64>,
    #[serde(skip)]
    written: i64,
}

/// A token that is wanted.
pub struct Wanted {
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// When it ends, seconds of Unix time.
    pub expires: Option<i64>,
}

impl Token {
    /// Whether it still holds. A clock that is not set yet ends nothing.
    fn holds(&self, now: i64) -> bool {
        now < CLOCK_SET || self.expires.is_none_or(|end| now < end)
    }
}

/// All tokens.
pub struct Tokens(Mutex<Vec<Token>>);

impl Tokens {
    /// Those that the store holds.
    pub fn load(store: &Store) -> Result<Self, StoreError> {
        Ok(Tokens(Mutex::new(read(store, SETTING)?)))
    }

    /// Those that the store holds now.
    pub fn reload(&self, store: &Store) -> Result<(), StoreError> {
        *lock(&self.0) = read(store, SETTING)?;
        Ok(())
    }

    /// The token that this is, noted as used now.
    pub fn known(&self, store: &Store, token: &str) -> Option<Token> {
        let (now, mut all) = (time::wall().secs(), lock(&self.0));
        let at = find(all.iter().map(|t| t.sha256.as_str()), token)?;
        let kept = &mut all[at];
        if !kept.holds(now) {
            return None;
        }
        kept.used = Some(now);
        let found = kept.clone();
        if now.saturating_sub(kept.written).abs() >= WRITE_EVERY {
            kept.written = now;
            // Not worth refusing anyone for; the store itself says what is wrong with it.
            let _ = save(store, SETTING, &all);
        }
        Some(found)
    }

    /// The token of this number, while it holds.
    pub fn numbered(&self, id: u64) -> Option<Token> {
        let now = time::wall().secs();
        lock(&self.0).iter().find(|t| t.id == id && t.holds(now)).cloned()
    }

    /// All of them.
    pub fn list(&self) -> Vec<Token> {
        lock(&self.0).clone()
    }

    /// Makes one: what is kept of it, and the token itself, which is told this once.
    pub fn add(&self, store: &Store, wanted: Wanted) -> Result<(Token, String), Refusal> {
        let mut all = lock(&self.0);
        if all.len() >= ALL {
            let message = format!("there are {ALL} tokens already; delete one first");
            return Err(Refusal::new(StatusCode::Conflict, "too_many_tokens", message));
        }
        let token = fresh()?;
        let kept = Token {
            sha256: digest(&token),
            created: time::wall().secs(),
            id: 1 + all.iter().map(|t| t.id).max().unwrap_or(0),
            name: wanted.name,
            scope: wanted.scope,
            expires: wanted.expires,
            used: None,
            written: 0,
        };
        all.push(kept.clone());
        save(store, SETTING, &all)?;
        Ok((kept, token))
    }

    /// Ends one: what it was.
    pub fn delete(&self, store: &Store, id: u64) -> Result<Option<Token>, StoreError> {
        let mut all = lock(&self.0);
        let Some(at) = all.iter().position(|t| t.id == id) else { return Ok(None) };
        let gone = all.remove(at);
        save(store, SETTING, &all)?;
        Ok(Some(gone))
    }

    /// Ends all of them.
    pub fn clear(&self, store: &Store) -> Result<(), StoreError> {
        lock(&self.0).clear();
        store.set_setting(SETTING, None)
    }
}
