//! Passwords: argon2id, in memory that goes back to the system.

use crate::store::{Store, StoreError};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// The store's setting that holds the hash.
pub const SETTING: &str = "dashboard.password";
/// Fewest characters of a password.
pub const SHORTEST: usize = 8;
/// Most bytes of a password.
pub const LONGEST: usize = 1024;

/// Memory, KiB. OWASP's 19 MiB would be five times this whole program on a board that also captures, and a hash
/// holds the loop while it runs; 4 MiB and three passes cost a guesser about the same time per guess as 7 MiB and
/// one, and guesses over HTTP are slowed down anyway.
const MEMORY_KIB: u32 = 4096;
/// Passes over that memory.
const PASSES: u32 = 3;
/// Stands for the hash of an account that does not exist: it takes the same time and is nobody's.
pub(super) const NOBODY: &str = "argon2id$4096$3$00000000000000000000000000000000$00";
/// Capacity asked of the allocator, blocks of 1 KiB. Beyond 32 MiB glibc always maps, whatever it has learned about
/// sizes, so the memory is gone from the process afterwards; pages that are not touched cost nothing.
const CAPACITY: usize = 33 * 1024;

/// Why a password is not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum PasswordError {
    /// Fewer than [`SHORTEST`] characters.
    TooShort,
    /// More than [`LONGEST`] bytes.
    TooLong,
    /// The system gave no random bytes.
    NoRandom,
}

impl std::fmt::Display for PasswordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PasswordError::TooShort => write!(f, "the password must have at least {SHORTEST} characters"),
            PasswordError::TooLong => write!(f, "the password must have at most {LONGEST} bytes"),
            PasswordError::NoRandom => f.write_str("the system has no random bytes yet; try again"),
        }
    }
}

impl std::error::Error for PasswordError {}

/// The form to keep under [`SETTING`]: `argon2id$<KiB>$<passes>$<salt>$<hash>`.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < SHORTEST {
        return Err(PasswordError::TooShort);
    }
    if password.len() > LONGEST {
        return Err(PasswordError::TooLong);
    }
    let salt: [u8; 16] = random().ok_or(PasswordError::NoRandom)?;
    let key = derive(password, &salt, MEMORY_KIB, PASSES).ok_or(PasswordError::TooLong)?;
    Ok(format!("argon2id${MEMORY_KIB}${PASSES}${}${}", hex(&salt), hex(&key)))
}

/// Makes `hash` the dashboard's password; sessions begun with the former one end.
pub fn keep(store: &Store, hash: &str) -> Result<(), StoreError> {
    store.set_setting(SETTING, Some(hash))?;
    store.set_setting(super::auth::SESSIONS_SETTING, None)
}

/// Whether this is what [`hash`] makes.
pub(super) fn is_hash(kept: &str) -> bool {
    let parts: Vec<&str> = kept.split('$').collect();
    let numbers = |text: &&str| text.parse::<u32>().is_ok();
    let bytes = |text: &&str| unhex(text).is_some_and(|bytes| bytes.len() >= 16);
    matches!(parts[..], ["argon2id", ..])
        && parts.len() == 5
        && parts[1..3].iter().all(numbers)
        && parts[3..].iter().all(bytes)
}

/// Whether `password` is the one behind `kept`; false as well when `kept` is unreadable.
pub fn verify(kept: &str, password: &str) -> bool {
    let check = || {
        let mut parts = kept.strip_prefix("argon2id$")?.split('$');
        let (memory, passes) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let (salt, key) = (unhex(parts.next()?)?, unhex(parts.next()?)?);
        Some(same(&derive(password, &salt, memory, passes)?, &key))
    };
    password.len() <= LONGEST && check().unwrap_or(false)
}

pub(super) fn derive(password: &str, salt: &[u8], memory: u32, passes: u32) -> Option<[u8; 32]> {
    let params = Params::new(memory, passes, 1, Some(32)).ok()?;
    let blocks = params.block_count();
    // A damaged setting must not ask for all the memory or time there is.
    if blocks > CAPACITY || passes > 16 {
        return None;
    }
    let mut room = Vec::with_capacity(CAPACITY);
    room.resize(blocks, Block::default());
    let mut key = [0; 32];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut key, &mut room).ok()?;
    Some(key)
}

/// Random bytes from the system.
pub(super) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}

/// SHA-256 in hexadecimal: what is kept of a secret that is random by itself.
pub(super) fn digest(secret: &str) -> String {
    digest_bytes(secret.as_bytes())
}

/// SHA-256 in hexadecimal.
pub(super) fn digest_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Whether two byte strings are equal, in a time that depends on their lengths alone.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    let different = a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y));
    a.len() == b.len() && std::hint::black_box(different) == 0
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_recognised_and_another_is_not() {
        let kept = hash("correct horse").expect("hash");
        assert!(verify(&kept, "correct horse") && !verify(&kept, "correct horsf") && !verify(&kept, ""));
        assert_ne!(kept, hash("correct horse").expect("hash"), "salted");
        assert!(NOBODY.starts_with(&format!("argon2id${MEMORY_KIB}${PASSES}$")) && !verify(NOBODY, ""));
        for damaged in ["", "argon2id$", "argon2id$4096$3$zz$00", "argon2id$4294967295$3$00$00", "plain"] {
            assert!(!verify(damaged, "correct horse"), "{damaged}");
        }
    }

    #[test]
    fn passwords_of_the_wrong_size_are_refused() {
        assert_eq!(hash("7 chars"), Err(PasswordError::TooShort));
        assert_eq!(hash(&"x".repeat(LONGEST + 1)), Err(PasswordError::TooLong));
        assert!(hash("éééééééé").is_ok(), "characters, not bytes");
    }

    #[test]
    fn comparison_minds_length() {
        assert!(same(b"abc", b"abc") && !same(b"abc", b"abcd") && !same(b"", b"a") && same(b"", b""));
    }
}
