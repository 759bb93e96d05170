//! What a backup keeps of who may pass: the administrator's password, accounts, tokens; never sessions.

use super::accounts::{self, Account};
use super::sessions;
use super::tokens::{self, Token};
use crate::http::password;
use crate::store::{Store, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The store's settings that are kept.
const KEPT: [&str; 3] = [password::SETTING, accounts::SETTING, tokens::SETTING];

/// Settings of the store by name, as they stand there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Keepsake(BTreeMap<String, String>);

impl Keepsake {
    /// Of a store.
    pub fn of(store: &Store) -> Result<Keepsake, StoreError> {
        let mut all = BTreeMap::new();
        for name in KEPT {
            all.extend(store.setting(name)?.map(|value| (name.to_owned(), value)));
        }
        Ok(Keepsake(all))
    }

    /// How many viewers and tokens there are, when all of it can be taken over.
    pub fn check(&self) -> Option<(usize, usize)> {
        let known = self.0.keys().all(|name| KEPT.contains(&name.as_str()));
        let password = self.0.get(password::SETTING).is_none_or(|hash| password::is_hash(hash));
        let people: Vec<Account> = self.list(accounts::SETTING)?;
        let programs: Vec<Token> = self.list(tokens::SETTING)?;
        let viewers = people.iter().filter(|account| account.id != accounts::ADMINISTRATOR).count();
        let room = people.len() <= accounts::VIEWERS + 1 && programs.len() <= tokens::ALL;
        (known && password && room).then_some((viewers, programs.len()))
    }

    fn list<T: DeserializeOwned>(&self, name: &str) -> Option<Vec<T>> {
        self.0.get(name).map_or(Some(Vec::new()), |text| serde_json::from_str(text).ok())
    }

    /// Puts it into a store, all of it at once; sessions begun there end. What the backup did not have stays.
    pub fn keep(&self, store: &Store) -> Result<(), StoreError> {
        let mut all: Vec<(&str, Option<&str>)> =
            self.0.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))).collect();
        all.push((sessions::SETTING, None));
        store.set_settings(&all)
    }
}
