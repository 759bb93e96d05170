//! The secrets of a backup, under a passphrase: whoever finds the file has only guesses, and each costs him a hash of
//! 19 MiB.

use super::auth::Keepsake;
use super::password::{LONGEST, derive, hex, random, unhex};
use crate::backup::Sealed;
use crate::command::Secret;
use crate::store::{Store, StoreError};
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use serde::{Deserialize, Serialize};

/// Memory (KiB) and passes for a new key: OWASP's, for the file leaves the house.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Most that opening may cost, KiB times passes: the file says how its key is made, and may say anything.
const MOST_WORK: u64 = 64 * 1024;
/// Fewest characters of a passphrase: guesses cannot be slowed down by asking.
pub const SHORTEST: usize = 12;
/// What both are called in the file.
const KDF: &str = "argon2id";
const CIPHER: &str = "aes-256-gcm";

/// What is sealed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// Passwords, accounts, tokens.
    pub people: Keepsake,
    /// Settings that may carry a key or password.
    pub settings: Secret,
}

/// Why secrets are not sealed, or do not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// Fewer than [`SHORTEST`] characters, or far too many.
    Passphrase,
    /// The system gave no random bytes.
    NoRandom,
    /// Another passphrase, or a damaged file: there is no telling which.
    Wrong,
    /// Sealed in a way that is not known here.
    Unknown,
}

impl std::fmt::Display for SealError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SealError::Passphrase => {
                write!(
                    f,
                    "the passphrase must have at least {SHORTEST} characters, and at most {LONGEST} bytes"
                )
            }
            SealError::NoRandom => f.write_str("the system has no random bytes yet; try again"),
            SealError::Wrong => {
                f.write_str("that is not the passphrase of this backup, or its secrets are damaged")
            }
            SealError::Unknown => {
                f.write_str("the secrets of this backup are sealed in a way not known here")
            }
        }
    }
}

impl std::error::Error for SealError {}

impl Secrets {
    /// Those of a store, and these settings.
    pub fn of(store: &Store, settings: Secret) -> Result<Secrets, StoreError> {
        Ok(Secrets { people: Keepsake::of(store)?, settings })
    }

    /// Seals them. Takes as long as three log-ins.
    pub fn seal(&self, passphrase: &str) -> Result<Sealed, SealError> {
        if passphrase.chars().count() < SHORTEST || passphrase.len() > LONGEST {
            return Err(SealError::Passphrase);
        }
        let salt: [u8; 16] = random().ok_or(SealError::NoRandom)?;
        let nonce: [u8; 12] = random().ok_or(SealError::NoRandom)?;
        let mut sealed = Sealed {
            kdf: KDF.to_owned(),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            salt: hex(&salt),
            cipher: CIPHER.to_owned(),
            nonce: hex(&nonce),
            data: String::new(),
        };
        let plain = serde_json::to_vec(self).map_err(|_| SealError::Unknown)?;
        let key = derive(passphrase, &salt, MEMORY_KIB, PASSES).ok_or(SealError::Passphrase)?;
        let about = about(&sealed);
        let payload = Payload { msg: &plain, aad: about.as_bytes() };
        let data = Aes256Gcm::new(&key.into()).encrypt(&Nonce::from(nonce), payload);
        sealed.data = hex(&data.map_err(|_| SealError::Unknown)?);
        Ok(sealed)
    }

    /// Opens what [`Secrets::seal`] sealed, and looks whether all of it can be taken over.
    pub fn open(sealed: &Sealed, passphrase: &str) -> Result<Secrets, SealError> {
        let work = u64::from(sealed.memory_kib) * u64::from(sealed.passes);
        if sealed.kdf != KDF || sealed.cipher != CIPHER || work > MOST_WORK {
            return Err(SealError::Unknown);
        }
        let bytes = |text: &str| unhex(text).ok_or(SealError::Wrong);
        let (salt, nonce, data) = (bytes(&sealed.salt)?, bytes(&sealed.nonce)?, bytes(&sealed.data)?);
        let nonce: [u8; 12] = nonce.try_into().map_err(|_| SealError::Wrong)?;
        if passphrase.len() > LONGEST {
            return Err(SealError::Wrong);
        }
        let key = derive(passphrase, &salt, sealed.memory_kib, sealed.passes).ok_or(SealError::Unknown)?;
        let about = about(sealed);
        let payload = Payload { msg: &data, aad: about.as_bytes() };
        let plain = Aes256Gcm::new(&key.into()).decrypt(&Nonce::from(nonce), payload);
        let plain = plain.map_err(|_| SealError::Wrong)?;
        let secrets: Secrets = serde_json::from_slice(&plain).map_err(|_| SealError::Unknown)?;
        secrets.people.check().ok_or(SealError::Unknown)?;
        Ok(secrets)
    }
}

/// What stands in the open and is sealed too.
fn about(sealed: &Sealed) -> String {
    format!(
        "{} {} {} {} {} {}",
        crate::backup::FORMAT,
        sealed.kdf,
        sealed.memory_kib,
        sealed.passes,
        sealed.salt,
        sealed.cipher
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSPHRASE: &str = "a horse and a battery";

    fn some() -> Secrets {
        let settings = [("feeds.lists".to_owned(), serde_json::json!([{ "url": "https://x/?key=1" }]))];
        Secrets { people: Keepsake::default(), settings: settings.into() }
    }

    #[test]
    fn secrets_open_by_their_passphrase_alone() {
        let sealed = some().seal(PASSPHRASE).expect("sealed");
        assert!(!sealed.data.is_empty() && !serde_json::to_string(&sealed).expect("JSON").contains("key=1"));
        assert_eq!(Secrets::open(&sealed, PASSPHRASE), Ok(some()));
        assert_eq!(Secrets::open(&sealed, "a horse and a batterz"), Err(SealError::Wrong));
        assert_ne!(sealed.data, some().seal(PASSPHRASE).expect("sealed").data, "salted");
        assert_eq!(some().seal("too short"), Err(SealError::Passphrase));
    }

    #[test]
    fn secrets_that_were_changed_do_not_open() {
        let whole = some().seal(PASSPHRASE).expect("sealed");
        let changes: [fn(&mut Sealed); 6] = [
            |s| s.data.replace_range(0..1, if s.data.starts_with('0') { "1" } else { "0" }),
            |s| s.data.truncate(20),
            |s| s.data = "é".repeat(20),
            |s| s.nonce.clear(),
            |s| s.passes = 1,
            |s| s.salt.push_str("00"),
        ];
        for change in changes {
            let mut sealed = whole.clone();
            change(&mut sealed);
            assert_eq!(Secrets::open(&sealed, PASSPHRASE), Err(SealError::Wrong), "{sealed:?}");
        }
    }

    #[test]
    fn a_file_cannot_ask_for_all_the_memory_or_time_there_is() {
        for (memory_kib, passes) in [(u32::MAX, 1), (32 * 1024, 3), (8, u32::MAX), (0, 0), (1, 1)] {
            let sealed = Sealed { memory_kib, passes, ..some().seal(PASSPHRASE).expect("sealed") };
            assert_eq!(Secrets::open(&sealed, PASSPHRASE), Err(SealError::Unknown), "{memory_kib} {passes}");
        }
    }
}
