//! IMAP (RFC 9051, 6.2) up to the end of the log-in.

use super::super::credential::{Protocol, Seen};
use super::super::talk::{Conversation, Heard, Side};
use super::lines::{self, Then};
use super::{Outcome, Said, Service};

/// What the client says next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Command,
    /// The response to AUTHENTICATE PLAIN.
    Plain,
    /// The name, as a literal, and what follows it.
    Name,
    /// The password, as a literal.
    Password,
}

/// A connection.
#[derive(Debug, Default)]
pub struct Imap {
    step: Step,
    user: Vec<u8>,
    secures: bool,
    inside: bool,
}

impl Conversation for Imap {
    type Said<'a> = Said<'a>;

    fn begins(side: Side, bytes: &[u8], port: u16) -> bool {
        match side {
            Side::Client => port == 143 && command(bytes).is_some_and(|(_, word, _)| word.is_ascii()),
            Side::Server => bytes.starts_with(b"* OK ") || bytes.starts_with(b"* PREAUTH "),
        }
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Heard {
        if self.inside {
            return Heard::Took(usize::MAX);
        }
        lines::each(bytes, |line| match side {
            Side::Client => self.command(line, say),
            Side::Server => self.answer(line, say),
        })
    }
}

impl Imap {
    fn command(&mut self, line: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Then {
        match std::mem::take(&mut self.step) {
            Step::Plain => {
                if let Some(seen) = lines::plain(Protocol::Imap, line) {
                    say(Said::Credential(seen));
                }
            }
            Step::Name => {
                let (name, password) = string(line);
                self.user = lines::user(name);
                self.password(password, say);
            }
            Step::Password => self.password(line, say),
            Step::Command => {
                let Some((_, word, rest)) = command(line) else { return Then::Next };
                self.secures = word.eq_ignore_ascii_case(b"STARTTLS");
                if word.eq_ignore_ascii_case(b"LOGIN") {
                    let (name, password) = string(rest);
                    if is_literal(rest) && password.is_empty() {
                        self.step = Step::Name;
                        return Then::Next;
                    }
                    self.user = lines::user(name);
                    self.password(password, say);
                } else if let Some(response) =
                    lines::argument(rest, "PLAIN").filter(|_| word.eq_ignore_ascii_case(b"AUTHENTICATE"))
                {
                    self.step = if response.is_empty() { Step::Plain } else { Step::Command };
                    if let Some(seen) = lines::plain(Protocol::Imap, response) {
                        say(Said::Credential(seen));
                    }
                }
            }
        }
        Then::Next
    }

    fn password(&mut self, password: &[u8], say: &mut dyn FnMut(Said<'_>)) {
        if is_literal(password) {
            self.step = Step::Password;
        } else if !matches!(password.trim_ascii(), b"" | b"\"\"") {
            say(Said::Credential(Seen::new(Protocol::Imap, &self.user)));
        }
    }

    fn answer(&mut self, line: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Then {
        let Some((_, status, _)) = command(line) else { return Then::Next };
        if self.secures && status == b"OK" {
            return Then::Enough;
        }
        if let Some(outcome) = outcome(line) {
            self.inside = outcome == Outcome::Accepted;
            say(Said::Outcome(Service::Imap, outcome));
        }
        Then::Next
    }
}

/// Tag, word and the rest of a tagged line.
fn command(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut words = line.splitn(3, |b| *b == b' ');
    let (tag, word) = (words.next()?, words.next()?);
    let tagged =
        !tag.is_empty() && tag.len() <= 32 && tag.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'.');
    let known = word.first().is_some_and(u8::is_ascii_alphabetic);
    (tagged && known).then(|| (tag, word, words.next().unwrap_or_default()))
}

/// The first string, quoted or bare, and what follows it.
fn string(text: &[u8]) -> (&[u8], &[u8]) {
    let (text, end) = match text.strip_prefix(b"\"") {
        Some(quoted) => (quoted, b'"'),
        None => (text, b' '),
    };
    let at = text.iter().position(|b| *b == end).unwrap_or(text.len());
    (&text[..at], text[at..].get(1..).unwrap_or_default().trim_ascii())
}

/// Whether a line ends with the length of a literal: `{12}` or `{12+}`.
fn is_literal(text: &[u8]) -> bool {
    let inner = text.strip_suffix(b"+}").or(text.strip_suffix(b"}")).unwrap_or_default();
    let digits = inner.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    digits > 0 && inner.len() > digits && inner[inner.len() - digits - 1] == b'{'
}

/// The tagged answer to LOGIN or AUTHENTICATE.
fn outcome(line: &[u8]) -> Option<Outcome> {
    let (_, status, text) = command(line)?;
    let refused = ["[authenticationfailed]", "login", "authenticat", "password", "credentials"];
    match status {
        b"NO" if lines::any(text, &refused) && !lines::contains(text, "plaintext") => Some(Outcome::Failed),
        b"OK" if lines::any(text, &["logged in", "login ", "authenticate ", "authenticated"]) => {
            Some(Outcome::Accepted)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Turn, told};
    use super::*;
    use Turn::{C, S};

    #[test]
    fn each_way_to_log_in_is_read() {
        let quoted = [
            S("* OK ready\r\n"),
            C("a1 LOGIN \"anna\" \"se cret\"\r\n"),
            S("* CAPABILITY X\r\na1 OK LOGIN completed\r\n"),
        ];
        assert_eq!(told::<Imap>(&quoted), ["IMAP anna", "Accepted"]);
        let bare = [C("a.1 login anna secret\r\n"), S("a1 NO [AUTHENTICATIONFAILED] no\r\n")];
        assert_eq!(told::<Imap>(&bare), ["IMAP anna", "Failed"]);
        let literals = [C("a LOGIN {4}\r\n"), S("+ \r\n"), C("anna {6}\r\n"), S("+ \r\n"), C("secret\r\n")];
        assert_eq!(told::<Imap>(&literals), ["IMAP anna"]);
        let plain = [
            C("2 AUTHENTICATE PLAIN\r\n"),
            S("+ \r\n"),
            C("AGFubmEAaGVp\r\n"),
            S("2 OK AUTHENTICATE completed\r\n"),
        ];
        assert_eq!(told::<Imap>(&plain), ["IMAP anna", "Accepted"]);
        assert_eq!(told::<Imap>(&[C("2 AUTHENTICATE PLAIN AGFubmEAaGVp\r\n")]), ["IMAP anna"]);
        let tls = [C("a STARTTLS\r\n"), S("a OK begin\r\n"), C("b LOGIN a b\r\n")];
        assert_eq!(told::<Imap>(&tls), ["enough"]);
    }

    #[test]
    fn only_the_tagged_answer_counts() {
        for (line, want) in [
            ("a1 NO [AUTHENTICATIONFAILED] Authentication failed.", Some(Outcome::Failed)),
            ("2 NO LOGIN failed.", Some(Outcome::Failed)),
            ("a OK [CAPABILITY IMAP4rev1] Logged in", Some(Outcome::Accepted)),
            ("a OK LOGOUT completed", None),
            ("a NO [TRYCREATE] Mailbox doesn't exist", None),
            ("* OK [CAPABILITY IMAP4rev1] server ready for login ", None),
            ("+ OK login ", None),
        ] {
            assert_eq!(outcome(line.as_bytes()), want, "{line}");
        }
    }
}
