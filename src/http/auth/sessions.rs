//! Sessions: who is logged in, from where, since when; kept over restarts as digests.
//!
//! A session is a random token in a cookie; the store keeps its SHA-256 alone, so a session survives a restart and a
//! stolen store opens nothing.

use super::{ADMINISTRATOR, CLOCK_SET, find, fresh, lock, read, save};
use crate::http::answer::Refusal;
use crate::http::password::digest;
use crate::store::{Store, StoreError};
use crate::time;
use serde::{Deserialize, Serialize};
use std::sync::Mutex;

/// The store's setting that holds them.
pub const SETTING: &str = "dashboard.sessions";
/// Sessions of one account, and of one kiosk token; the oldest goes first.
const EACH: usize = 16;
/// Sessions in all; the oldest goes first.
const ALL: usize = 256;
/// When a session was last used is written this often, seconds: a card is not for counting page views.
const WRITE_EVERY: i64 = 6 * 3600;
/// How long the cookie of a kiosk lasts, seconds: longer than browsers keep any.
const KIOSK_SECONDS: i64 = 400 * 86_400;

/// One session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    sha256: String,
    /// Seconds of Unix time.
    pub created: i64,
    /// Number, for ending it.
    #[serde(default)]
    pub id: u64,
    /// Whose it is.
    #[serde(default = "administrator")]
    pub account: u64,
    /// The kiosk token it came from; it ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<u64>,
    /// When it was last used, seconds of Unix time.
    #[serde(default)]
    pub seen: i64,
    /// From where it was begun.
    #[serde(default)]
    pub address: String,
    /// The browser, in a few words.
    #[serde(default)]
    pub browser: String,
    /// When `seen` was last written.
    #[serde(skip)]
    written: i64,
}

fn administrator() -> u64 {
    ADMINISTRATOR
}

/// Who begins a session.
#[derive(Clone, Debug, Default)]
pub struct Newcomer {
    /// Account.
    pub account: u64,
    /// Kiosk token.
    pub token: Option<u64>,
    /// Address.
    pub address: String,
    /// Browser, in a few words.
    pub browser: String,
}

/// A session just begun: what its cookie is made of.
#[derive(Debug)]
pub struct Begun {
    /// The token.
    pub token: String,
    /// How long the cookie lasts.
    pub seconds: i64,
}

/// All sessions.
pub struct Sessions {
    /// How long one lasts.
    seconds: i64,
    all: Mutex<Vec<Session>>,
    next: Mutex<u64>,
}

impl Sessions {
    /// Those that the store holds; each lasts `seconds`.
    pub fn load(store: &Store, seconds: i64) -> Result<Self, StoreError> {
        let mut all: Vec<Session> = read(store, SETTING)?;
        let mut next = 1 + all.iter().map(|s| s.id).max().unwrap_or(0);
        for session in all.iter_mut().filter(|s| s.id == 0) {
            session.id = next;
            next += 1;
        }
        all.iter_mut().for_each(|session| session.written = session.seen);
        Ok(Sessions { seconds, all: Mutex::new(all), next: Mutex::new(next) })
    }

    /// When a session ends, seconds of Unix time; `None`: with its kiosk token.
    pub fn ends(&self, session: &Session) -> Option<i64> {
        session.token.is_none().then(|| session.created.saturating_add(self.seconds))
    }

    /// The session behind a token, noted as used now.
    pub fn known(&self, store: &Store, token: &str) -> Option<Session> {
        let (now, mut all) = (time::wall().secs(), lock(&self.all));
        let at = find(all.iter().map(|s| s.sha256.as_str()), token)?;
        let session = &mut all[at];
        if session.created < CLOCK_SET {
            session.created = now;
        }
        if self.ends(session).is_some_and(|end| now >= end) {
            return None;
        }
        session.seen = now;
        let found = session.clone();
        if now.saturating_sub(session.written).abs() >= WRITE_EVERY {
            session.written = now;
            // Not worth refusing anyone for; the store itself says what is wrong with it.
            let _ = save(store, SETTING, &*all);
        }
        Some(found)
    }

    /// Begins one.
    pub fn begin(&self, store: &Store, who: Newcomer) -> Result<Begun, Refusal> {
        let (token, now) = (fresh()?, time::wall().secs());
        let kiosk = who.token.is_some();
        let mut all = lock(&self.all);
        all.retain(|s| s.created < CLOCK_SET || self.ends(s).is_none_or(|end| now < end));
        let same = |s: &Session| (s.account, s.token) == (who.account, who.token);
        if all.iter().filter(|s| same(s)).count() >= EACH
            && let Some(oldest) = all.iter().position(same)
        {
            all.remove(oldest);
        }
        if all.len() >= ALL {
            all.remove(0);
        }
        let mut next = lock(&self.next);
        all.push(Session {
            sha256: digest(&token),
            created: now,
            id: *next,
            account: who.account,
            token: who.token,
            seen: now,
            address: who.address,
            browser: who.browser,
            written: now,
        });
        *next += 1;
        save(store, SETTING, &*all)?;
        Ok(Begun { token, seconds: if kiosk { KIOSK_SECONDS } else { self.seconds } })
    }

    /// Ends those that `which` picks: how many.
    pub fn end(&self, store: &Store, which: impl Fn(&Session) -> bool) -> Result<usize, StoreError> {
        let mut all = lock(&self.all);
        let before = all.len();
        // In memory first: whatever fails after that leaves nobody inside who should be out.
        all.retain(|session| !which(session));
        let ended = before - all.len();
        if ended > 0 {
            save(store, SETTING, &*all)?;
        }
        Ok(ended)
    }

    /// All of them that still hold, newest first.
    pub fn list(&self) -> Vec<Session> {
        let now = time::wall().secs();
        let all = lock(&self.all);
        all.iter().rev().filter(|s| self.ends(s).is_none_or(|end| now < end)).cloned().collect()
    }
}

/// The browser behind a User-Agent header, in a few words: what it is, and on what.
pub fn browser(agent: &str) -> String {
    const BROWSERS: [(&str, &str); 8] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS", "Firefox"),
        ("CriOS", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("CrOS", "ChromeOS"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let named = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => {
            let first = agent.split(' ').next().unwrap_or_default();
            first.chars().filter(char::is_ascii_graphic).take(40).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Options;

    fn store() -> Store {
        let options = Options { cache_bytes: 1 << 20, max_bytes: 1 << 26, alert_days: 1, flush_seconds: 60 };
        Store::in_memory(options).expect("memory")
    }

    #[test]
    fn browsers_are_told_in_a_few_words_and_strangers_cleaned() {
        for (agent, words) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 \
                 Safari/537.36 Edg/140.0",
                "Edge, Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
                "Safari, iPhone",
            ),
            ("curl/8.5.0", "curl/8.5.0"),
            ("<b>\u{202e}x</b> y", "<b>x</b>"),
            ("", ""),
        ] {
            assert_eq!(browser(agent), words, "{agent}");
        }
        assert!(browser(&"x".repeat(5000)).len() <= 40);
    }

    #[test]
    fn sessions_of_one_account_push_out_their_own_oldest_and_nobody_elses() {
        let store = store();
        let sessions = Sessions::load(&store, 1000).expect("memory");
        let of = |account| Newcomer { account, ..Newcomer::default() };
        let owner = sessions.begin(&store, of(1)).expect("begun").token;
        let first = sessions.begin(&store, of(2)).expect("begun").token;
        (0..EACH).for_each(|_| drop(sessions.begin(&store, of(2)).expect("begun")));
        assert!(sessions.known(&store, &owner).is_some() && sessions.known(&store, &first).is_none());
        assert_eq!(sessions.list().len(), 1 + EACH);
        let again = Sessions::load(&store, 1000).expect("memory");
        assert_eq!(again.known(&store, &owner).map(|s| s.account), Some(1), "kept over a restart");
        assert_eq!(again.end(&store, |s| s.account == 2).expect("memory"), EACH);
    }

    #[test]
    fn sessions_of_an_earlier_version_are_the_administrators_and_each_has_a_number() {
        let store = store();
        let old = format!(
            r#"[{{"sha256":"{}","created":1800000000,"id":0,"name":""}},{{"sha256":"x","created":1800000000}}]"#,
            digest("secret")
        );
        store.set_setting(SETTING, Some(&old)).expect("memory");
        let sessions = Sessions::load(&store, i64::from(u32::MAX)).expect("memory");
        let session = sessions.known(&store, "secret").expect("it holds");
        assert_eq!((session.account, session.id), (ADMINISTRATOR, 1));
        assert_eq!(sessions.list().iter().map(|s| s.id).collect::<Vec<_>>(), [2, 1]);
    }
}
