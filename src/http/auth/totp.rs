//! The second factor: codes by time (RFC 6238), and recovery codes for when there is no telephone.

use crate::http::password::{digest, hex, random, same, unhex};
use hmac::{Hmac, KeyInit as _, Mac as _};
use qrcodegen::{QrCode, QrCodeEcc};
use serde::{Deserialize, Serialize};
use sha1::Sha1;

/// Seconds that a code lasts (RFC 6238, 4.1).
const STEP: i64 = 30;
/// Codes taken before and after their time: clocks differ.
const DRIFT: i64 = 1;
/// Recovery codes made at a time.
const RECOVERY: usize = 10;
/// Letters of RFC 4648's base32; none of them looks like another in a code that is copied by hand.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The second factor of an account as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TwoFactor {
    /// The shared secret, hexadecimal.
    secret: String,
    /// The step of the last code taken: that code and those before are not taken again.
    used: i64,
    /// Digests of the recovery codes that are left.
    recovery: Vec<String>,
}

/// A secret that is offered and not yet confirmed.
#[derive(Clone)]
pub struct Offer(Vec<u8>);

/// What a second factor says to a code.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Right; what is kept has changed.
    Taken,
    /// Right, but taken before.
    Used,
    /// Wrong.
    Wrong,
}

impl Offer {
    /// A new secret of 160 bits (RFC 4226, 4: R6).
    pub fn new() -> Option<Offer> {
        random::<20>().map(|secret| Offer(secret.to_vec()))
    }

    /// As people type it.
    pub fn text(&self) -> String {
        base32(&self.0)
    }

    /// As telephones read it (Key Uri Format).
    pub fn uri(&self, account: &str, host: &str) -> String {
        let issuer = if host.is_empty() { "netmonitor".to_owned() } else { format!("netmonitor {host}") };
        let (issuer, account) = (escape(&issuer), escape(account));
        format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", self.text())
    }

    /// The second factor, when `code` proves that the telephone has the secret; and its recovery codes, told this
    /// once.
    pub fn confirm(&self, code: &str, now: i64) -> Option<(TwoFactor, Vec<String>)> {
        let used = step_of(&self.0, code, now)?;
        let mut factor = TwoFactor { secret: hex(&self.0), used, recovery: Vec::new() };
        let codes = factor.renew()?;
        Some((factor, codes))
    }
}

impl TwoFactor {
    /// Judges a code of the telephone. Whoever took a code may not take it, nor an older one, again. A last code from
    /// the future comes of a clock that ran ahead then, and holds nothing back.
    pub fn judge(&mut self, code: &str, now: i64) -> Verdict {
        let secret = unhex(&self.secret).unwrap_or_default();
        match step_of(&secret, code, now) {
            None => Verdict::Wrong,
            Some(step) if step <= self.used && self.used <= now.div_euclid(STEP) + DRIFT => Verdict::Used,
            Some(step) => {
                self.used = step;
                Verdict::Taken
            }
        }
    }

    /// Takes a recovery code; false when it is none of those left.
    pub fn recover(&mut self, code: &str) -> bool {
        let wanted = digest(&plain(code));
        let found = self.recovery.iter().position(|kept| same(kept.as_bytes(), wanted.as_bytes()));
        found.map(|at| self.recovery.remove(at)).is_some()
    }

    /// Recovery codes that are left.
    pub fn left(&self) -> usize {
        self.recovery.len()
    }

    /// Makes new recovery codes in place of those there are: 80 bits each, so a digest is enough to keep of them.
    pub fn renew(&mut self) -> Option<Vec<String>> {
        let mut codes = Vec::with_capacity(RECOVERY);
        for _ in 0..RECOVERY {
            let letters = base32(&random::<10>()?);
            codes.push([&letters[..4], &letters[4..8], &letters[8..12], &letters[12..]].join("-"));
        }
        self.recovery = codes.iter().map(|code| digest(&plain(code))).collect();
        Some(codes)
    }
}

/// Whether this looks like a code of the telephone rather than a recovery code.
pub fn by_time(code: &str) -> bool {
    let code = plain(code);
    code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit())
}

/// A code without the spaces and dashes that people put in.
fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).take(64).collect::<String>().to_ascii_uppercase()
}

/// The step whose code this is, near `now`.
fn step_of(secret: &[u8], code: &str, now: i64) -> Option<i64> {
    let (code, step) = (plain(code), now.div_euclid(STEP));
    let mut fits =
        (step - DRIFT..=step + DRIFT).filter(|at| same(code_at(secret, *at).as_bytes(), code.as_bytes()));
    fits.next()
}

/// HOTP of RFC 4226, 5.3, six digits.
fn code_at(secret: &[u8], step: i64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let word = u32::from_be_bytes([hash[at], hash[at + 1], hash[at + 2], hash[at + 3]]) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut held, mut bits) = (0u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(BASE32[(held >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(BASE32[(held << (5 - bits) & 31) as usize]));
    }
    text
}

fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut all, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => all.push(char::from(byte)),
            _ => drop(write!(all, "%{byte:02X}")),
        }
        all
    })
}

/// The modules of a QR code, a row per text, `1` dark; none for a text that is too long.
pub fn qr(text: &str) -> Vec<String> {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else { return Vec::new() };
    let row = |y| (0..code.size()).map(|x| if code.get_module(x, y) { '1' } else { '0' }).collect();
    (0..code.size()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_standard() {
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(SECRET, time / STEP), code, "{time}");
        }
        assert_eq!(base32(SECRET), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(base32(b"f"), "MY");
    }

    #[test]
    fn a_code_is_taken_once_and_only_near_its_time() {
        let offer = Offer(SECRET.to_vec());
        let now = 1_111_111_111;
        assert!(offer.confirm("000000", now).is_none());
        let (mut factor, _) = offer.confirm("050 471", now).expect("the code of now");
        assert_eq!(factor.judge("050471", now), Verdict::Used, "the code that confirmed");
        assert_eq!(factor.judge("081804", now), Verdict::Used, "older than that");
        let next = code_at(SECRET, now / STEP + 1);
        assert_eq!(factor.judge(&next, now), Verdict::Taken, "a telephone that is ahead");
        assert_eq!(factor.judge(&next, now), Verdict::Used);
        assert_eq!(factor.judge(&code_at(SECRET, now / STEP + 2), now), Verdict::Wrong);
        factor.used = now / STEP + 5000;
        assert_eq!(factor.judge(&next, now), Verdict::Taken, "the clock was days ahead then");
    }

    #[test]
    fn recovery_codes_are_taken_once_each_however_they_are_typed() {
        let (mut factor, codes) = Offer(SECRET.to_vec()).confirm("050471", 1_111_111_111).expect("right");
        assert_eq!((codes.len(), factor.left()), (RECOVERY, RECOVERY));
        assert!(codes.iter().all(|code| code.len() == 19 && !by_time(code)), "{codes:?}");
        assert!(factor.recover(&codes[3].to_ascii_lowercase().replace('-', " ")));
        assert!(!factor.recover(&codes[3]) && !factor.recover("") && !factor.recover("AAAA-BBBB-CCCC-DDDD"));
        assert_eq!(factor.left(), RECOVERY - 1);
        let kept = serde_json::to_string(&factor).expect("JSON");
        assert!(codes.iter().all(|code| !kept.contains(&plain(code))), "kept as digests");
        factor.renew().expect("random");
        assert!(!factor.recover(&codes[4]), "new ones end the old ones");
    }

    #[test]
    fn telephones_are_told_whose_code_it_is() {
        let uri = Offer(SECRET.to_vec()).uri("Zoë & co", "pi");
        assert_eq!(
            uri,
            "otpauth://totp/netmonitor%20pi:Zo%C3%AB%20%26%20co?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=netmonitor%20pi"
        );
        let modules = qr(&uri);
        assert!(modules.len() >= 21 && modules.iter().all(|row| row.len() == modules.len()), "{modules:?}");
        assert!(modules[0].starts_with("1111111"), "the finder pattern");
    }
}
