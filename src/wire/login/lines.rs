//! What the log-in protocols that speak in lines have in common.

use super::super::base64;
use super::super::credential::{Protocol, Seen};
use super::super::talk::Heard;

/// Longest line that is waited for.
const MAX_LINE: usize = 2048;
/// Characters kept of a user name until its password comes.
const MAX_USER: usize = 64;

/// Whether to go on reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The next line.
    Next,
    /// Encryption begins, or a stranger speaks.
    Enough,
}

/// Shows `see` each complete line without its end; the beginning of another waits, unless it is too long.
pub(super) fn each(bytes: &[u8], mut see: impl FnMut(&[u8]) -> Then) -> Heard {
    let mut taken = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let Some(bare) = line.strip_suffix(b"\n") else { break };
        taken += line.len();
        if see(bare.strip_suffix(b"\r").unwrap_or(bare)) == Then::Enough {
            return Heard::Enough;
        }
    }
    if bytes.len() - taken > MAX_LINE {
        taken = bytes.len();
    }
    Heard::Took(taken)
}

/// What follows `command` and a space in a line, in whatever case the command is written.
pub(super) fn argument<'a>(line: &'a [u8], command: &str) -> Option<&'a [u8]> {
    let (word, rest) = line.split_at_checked(command.len())?;
    let after = rest.strip_prefix(b" ").or(rest.is_empty().then_some(rest))?;
    word.eq_ignore_ascii_case(command.as_bytes()).then(|| after.trim_ascii())
}

/// A user name, cut.
pub(super) fn user(name: &[u8]) -> Vec<u8> {
    name[..name.len().min(MAX_USER)].to_vec()
}

/// The log-in in a SASL PLAIN response (RFC 4616): authorisation, name and password with zeros between.
pub(super) fn plain(protocol: Protocol, response: &[u8]) -> Option<Seen> {
    let plain = base64::decode(response)?;
    let mut fields = plain.splitn(3, |b| *b == 0).skip(1);
    let (name, password) = (fields.next()?, fields.next()?);
    (!password.is_empty()).then(|| Seen::new(protocol, name))
}

/// The three digits that a reply begins with and the rest of that line; lines that others follow are left out.
pub(super) fn reply(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (digits, text) = line.split_at_checked(3)?;
    let last = matches!(text.first(), None | Some(b' '));
    (last && digits.iter().all(u8::is_ascii_digit)).then_some((digits, text))
}

pub(super) fn any(text: &[u8], phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| contains(text, phrase))
}

pub(super) fn contains(text: &[u8], phrase: &str) -> bool {
    text.windows(phrase.len()).any(|window| window.eq_ignore_ascii_case(phrase.as_bytes()))
}

pub(super) fn starts(text: &[u8], phrase: &str) -> bool {
    text.get(..phrase.len()).is_some_and(|start| start.eq_ignore_ascii_case(phrase.as_bytes()))
}
