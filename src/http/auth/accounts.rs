//! Accounts: one administrator, any number of viewers up to a cap.
//!
//! The administrator's password stands where it always did, in [`password::SETTING`]; everything else is one list.

use super::totp::{Offer, TwoFactor};
use super::{lock, read, save};
use crate::http::answer::Refusal;
use crate::http::password;
use crate::store::{Store, StoreError};
use crate::time;
use http_types::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Mutex;

/// The store's setting that holds them.
pub const SETTING: &str = "dashboard.accounts";
/// Number of the one administrator.
pub const ADMINISTRATOR: u64 = 1;
/// The administrator's name until he has chosen one.
const NAME: &str = "admin";
/// Viewers at most.
pub const VIEWERS: usize = 64;
/// Longest name, characters.
const LONGEST: usize = 64;

/// What someone may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Administrator,
    /// Look.
    Viewer,
}

/// One account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// Number; [`ADMINISTRATOR`] for the one that may change things.
    pub id: u64,
    /// Name to log in with.
    pub name: String,
    /// A viewer's password hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    /// The second factor, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub two_factor: Option<TwoFactor>,
    /// Seconds of Unix time.
    #[serde(default)]
    pub created: i64,
    /// When someone last logged in, seconds of Unix time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login: Option<i64>,
}

impl Account {
    /// What it may do.
    pub fn role(&self) -> Role {
        if self.id == ADMINISTRATOR { Role::Administrator } else { Role::Viewer }
    }

    /// The hash of its password; `None` while none is set.
    pub fn password(&self, store: &Store) -> Result<Option<String>, StoreError> {
        match self.role() {
            Role::Administrator => store.setting(password::SETTING),
            Role::Viewer => Ok(self.password.clone()),
        }
    }
}

/// All accounts.
pub struct Accounts {
    all: Mutex<Vec<Account>>,
    /// Second factors that were offered and wait to be confirmed.
    offers: Mutex<HashMap<u64, Offer>>,
}

impl Accounts {
    /// Those that the store holds; the administrator is always there.
    pub fn load(store: &Store) -> Result<Self, StoreError> {
        let mut all: Vec<Account> = read(store, SETTING)?;
        if all.first().is_none_or(|first| first.id != ADMINISTRATOR) {
            let administrator = Account {
                id: ADMINISTRATOR,
                name: NAME.to_owned(),
                password: None,
                two_factor: None,
                created: 0,
                last_login: None,
            };
            all.retain(|account| account.id != ADMINISTRATOR);
            all.insert(0, administrator);
        }
        Ok(Accounts { all: Mutex::new(all), offers: Mutex::default() })
    }

    /// Those that the store holds now; what was offered lapses.
    pub fn reload(&self, store: &Store) -> Result<(), StoreError> {
        let Accounts { all, .. } = Accounts::load(store)?;
        *lock(&self.all) = all.into_inner().unwrap_or_default();
        lock(&self.offers).clear();
        Ok(())
    }

    /// All of them, the administrator first.
    pub fn list(&self) -> Vec<Account> {
        lock(&self.all).clone()
    }

    /// The account of this number.
    pub fn numbered(&self, id: u64) -> Option<Account> {
        lock(&self.all).iter().find(|account| account.id == id).cloned()
    }

    /// The account of this name, capitals or not; without a name the administrator's.
    pub fn named(&self, name: Option<&str>) -> Option<Account> {
        let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) else {
            return self.numbered(ADMINISTRATOR);
        };
        lock(&self.all).iter().find(|account| alike(&account.name, name)).cloned()
    }

    /// Adds a viewer; `hash` is of the password.
    pub fn add(&self, store: &Store, name: &str, hash: String) -> Result<Account, Refusal> {
        let mut all = lock(&self.all);
        let name = free_name(&all, None, name)?;
        if all.len() > VIEWERS {
            let message = format!("there are {VIEWERS} viewers already; delete one first");
            return Err(Refusal::new(StatusCode::Conflict, "too_many_accounts", message));
        }
        let account = Account {
            id: 1 + all.iter().map(|a| a.id).max().unwrap_or(ADMINISTRATOR),
            name,
            password: Some(hash),
            two_factor: None,
            created: time::wall().secs(),
            last_login: None,
        };
        all.push(account.clone());
        save(store, SETTING, &all)?;
        Ok(account)
    }

    /// Renames one.
    pub fn rename(&self, store: &Store, id: u64, name: &str) -> Result<(), Refusal> {
        let name = free_name(&lock(&self.all), Some(id), name)?;
        self.change(store, id, |account| account.name = name).map_err(Refusal::from)
    }

    /// Gives one another password; `hash` is of it.
    pub fn set_password(&self, store: &Store, id: u64, hash: String) -> Result<(), StoreError> {
        if id == ADMINISTRATOR {
            return store.set_setting(password::SETTING, Some(&hash));
        }
        self.change(store, id, |account| account.password = Some(hash))
    }

    /// Changes one and keeps that; one that is gone stays gone.
    pub fn change(&self, store: &Store, id: u64, how: impl FnOnce(&mut Account)) -> Result<(), StoreError> {
        let mut all = lock(&self.all);
        let Some(account) = all.iter_mut().find(|account| account.id == id) else { return Ok(()) };
        how(account);
        save(store, SETTING, &all)
    }

    /// Deletes a viewer: what it was.
    pub fn delete(&self, store: &Store, id: u64) -> Result<Option<Account>, Refusal> {
        if id == ADMINISTRATOR {
            let message = "the administrator's account cannot be deleted; it can be renamed";
            return Err(Refusal::new(StatusCode::Conflict, "administrator", message));
        }
        let mut all = lock(&self.all);
        let Some(at) = all.iter().position(|account| account.id == id) else { return Ok(None) };
        let gone = all.remove(at);
        save(store, SETTING, &all)?;
        lock(&self.offers).remove(&id);
        Ok(Some(gone))
    }

    /// Offers a second factor; an earlier offer lapses.
    pub fn offer(&self, id: u64) -> Option<Offer> {
        let offer = Offer::new()?;
        lock(&self.offers).insert(id, offer.clone());
        Some(offer)
    }

    /// What is offered.
    pub fn offered(&self, id: u64) -> Option<Offer> {
        lock(&self.offers).get(&id).cloned()
    }

    /// Sets or clears the second factor; what was offered lapses.
    pub fn set_two_factor(
        &self,
        store: &Store,
        id: u64,
        factor: Option<TwoFactor>,
    ) -> Result<(), StoreError> {
        lock(&self.offers).remove(&id);
        self.change(store, id, |account| account.two_factor = factor)
    }
}

/// A name as it is kept, when no other account has it.
fn free_name(all: &[Account], own: Option<u64>, name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST || name.chars().any(treacherous) {
        return Err(Refusal::bad(format!("name must have 1 to {LONGEST} plain characters")));
    }
    if all.iter().any(|account| Some(account.id) != own && alike(&account.name, name)) {
        return Err(Refusal::new(StatusCode::Conflict, "name_taken", "another account has this name"));
    }
    Ok(name.to_owned())
}

fn alike(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// What hides or reorders the text around it.
fn treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
