//! POP3 (RFC 1939, 5034, 2595) up to the end of the log-in.

use super::super::credential::{Protocol, Seen};
use super::super::talk::{Conversation, Heard, Side};
use super::lines::{self, Then};
use super::{Outcome, Said, Service};

/// What the server answers next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Asked {
    #[default]
    Other,
    /// The client sends the response to AUTH PLAIN next.
    Plain,
    Password,
    Tls,
}

/// A connection.
#[derive(Debug, Default)]
pub struct Pop3 {
    asked: Asked,
    user: Vec<u8>,
    inside: bool,
}

impl Conversation for Pop3 {
    type Said<'a> = Said<'a>;

    fn begins(side: Side, bytes: &[u8], port: u16) -> bool {
        match side {
            Side::Client => {
                port == 110 && ["USER ", "CAPA", "AUTH", "APOP "].iter().any(|c| lines::starts(bytes, c))
            }
            Side::Server => bytes.starts_with(b"+OK ") || (port == 110 && bytes.starts_with(b"+OK")),
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

impl Pop3 {
    fn command(&mut self, line: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Then {
        let plain = std::mem::take(&mut self.asked) == Asked::Plain;
        if plain || lines::argument(line, "AUTH PLAIN").is_some_and(|r| !r.is_empty()) {
            let response = line.rsplit(|b| *b == b' ').next().unwrap_or_default();
            if let Some(seen) = lines::plain(Protocol::Pop3, response) {
                say(Said::Credential(seen));
                self.asked = Asked::Password;
            }
        } else if lines::argument(line, "AUTH PLAIN").is_some() {
            self.asked = Asked::Plain;
        } else if let Some(name) = lines::argument(line, "USER") {
            self.user = lines::user(name);
        } else if lines::argument(line, "PASS").is_some_and(|password| !password.is_empty()) {
            say(Said::Credential(Seen::new(Protocol::Pop3, &self.user)));
            self.asked = Asked::Password;
        } else if lines::argument(line, "STLS").is_some() {
            self.asked = Asked::Tls;
        } else if lines::argument(line, "APOP").is_some() {
            self.asked = Asked::Password;
        }
        Then::Next
    }

    fn answer(&mut self, line: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Then {
        let asked = self.asked;
        if !line.starts_with(b"+OK") && !line.starts_with(b"-ERR") {
            return Then::Next;
        }
        if asked != Asked::Plain {
            self.asked = Asked::Other;
        }
        let outcome = match (line[0], asked) {
            (b'+', Asked::Tls) => return Then::Enough,
            (b'+', Asked::Password) => Some(Outcome::Accepted),
            (b'-', Asked::Password) if !lines::contains(line, "plaintext") => Some(Outcome::Failed),
            // The client may not have been seen.
            (_, Asked::Other) => worded(line),
            _ => None,
        };
        if let Some(outcome) = outcome {
            self.inside = outcome == Outcome::Accepted;
            say(Said::Outcome(Service::Pop3, outcome));
        }
        Then::Next
    }
}

/// What an answer says by its words: `-ERR` answers any command, so they must be about a log-in.
fn worded(line: &[u8]) -> Option<Outcome> {
    if let Some(text) = line.strip_prefix(b"-ERR ") {
        let about_login =
            ["[auth]", "authentication", "authorization", "password", "login", "logon", "credentials"];
        // "Plaintext authentication disallowed": nothing was tried.
        return (lines::any(text, &about_login) && !lines::contains(text, "plaintext"))
            .then_some(Outcome::Failed);
    }
    let text = line.strip_prefix(b"+OK ")?;
    let inside = [
        "logged in",
        "logged on",
        "maildrop has",
        "maildrop ready",
        "mailbox open",
        "authentication success",
    ];
    lines::any(text, &inside).then_some(Outcome::Accepted)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Turn, told};
    use super::*;
    use Turn::{C, S};

    #[test]
    fn a_password_is_told_and_what_came_of_it_and_the_mail_after_it_is_left_alone() {
        let turns = [
            S("+OK ready\r\n"),
            C("USER anna\r\n"),
            S("+OK\r\n"),
            C("PASS one\r\n"),
            S("-ERR no\r\n"),
            C("PASS two\r\n"),
            S("+OK 2 messages\r\n"),
            S("-ERR [AUTH] \r\n"),
        ];
        assert_eq!(told::<Pop3>(&turns), ["POP3 anna", "Failed", "POP3 anna", "Accepted"]);
        let plain = [C("AUTH PLAIN\r\n"), S("+ \r\n"), C("AGFubmEAaGVp\r\n"), S("+OK in\r\n")];
        assert_eq!(told::<Pop3>(&plain), ["POP3 anna", "Accepted"]);
    }

    #[test]
    fn hashed_and_encrypted_log_ins_show_no_password() {
        assert_eq!(
            told::<Pop3>(&[C("APOP anna c4c9334bac560ecc979e58001b3e22fb\r\n"), S("+OK\r\n")]),
            ["Accepted"]
        );
        assert_eq!(told::<Pop3>(&[C("STLS\r\n"), S("+OK begin\r\n"), C("PASS x\r\n")]), ["enough"]);
    }

    #[test]
    fn errors_count_only_when_about_a_log_in() {
        for (line, want) in [
            ("-ERR [AUTH] Authentication failed.", Some(Outcome::Failed)),
            ("-ERR Logon failure: unknown user name or bad password.", Some(Outcome::Failed)),
            ("-ERR no such message", None),
            ("-ERR Plaintext authentication disallowed on non-secure connections", None),
            ("+OK Logged in.", Some(Outcome::Accepted)),
            ("+OK bob's maildrop has 2 messages (320 octets)", Some(Outcome::Accepted)),
            ("+OK Dovecot ready.", None),
            ("+OK 2 320", None),
        ] {
            assert_eq!(worded(line.as_bytes()), want, "{line}");
        }
    }
}
