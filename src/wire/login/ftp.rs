//! FTP (RFC 959, RFC 2228): who logs in, whether the password can be read, and what the server thinks of it.

use super::super::credential::{Protocol, Seen};
use super::super::talk::{Conversation, Heard, Side};
use super::lines::{self, Then};
use super::{Outcome, Said, Service};

/// A control connection.
#[derive(Debug, Default)]
pub struct Ftp {
    user: Vec<u8>,
    /// TLS was asked for.
    secures: bool,
}

impl Conversation for Ftp {
    type Said<'a> = Said<'a>;

    fn begins(side: Side, bytes: &[u8], port: u16) -> bool {
        match side {
            Side::Client => {
                port == 21
                    && ["USER ", "AUTH ", "FEAT", "SYST", "HELP"].iter().any(|c| lines::starts(bytes, c))
            }
            Side::Server => {
                let greets =
                    matches!(bytes, [b'2', b'2', b'0', b' ' | b'-', ..] | [b'1', b'2', b'0', b' ', ..]);
                let first = &bytes[..bytes.len().min(256)];
                greets && !matches!(port, 25 | 587) && (port == 21 || lines::contains(first, "ftp"))
            }
        }
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Heard {
        lines::each(bytes, |line| match side {
            Side::Client => self.command(line, say),
            Side::Server => self.reply(line, say),
        })
    }
}

impl Ftp {
    fn command(&mut self, line: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Then {
        if let Some(name) = lines::argument(line, "USER") {
            self.user = lines::user(name);
        } else if let Some(password) = lines::argument(line, "PASS") {
            let anonymous = ["anonymous", "ftp"].iter().any(|n| self.user.eq_ignore_ascii_case(n.as_bytes()));
            if !anonymous && !password.is_empty() {
                say(Said::Credential(Seen::new(Protocol::Ftp, &self.user)));
            }
        } else {
            self.secures = lines::argument(line, "AUTH").is_some();
        }
        Then::Next
    }

    fn reply(&mut self, line: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Then {
        if self.secures && line.starts_with(b"234") {
            return Then::Enough;
        }
        if let Some(outcome) = outcome(line) {
            say(Said::Outcome(Service::Ftp, outcome));
        }
        Then::Next
    }
}

/// 530 and 230; 430 for a wrong name or password, as some servers answer.
fn outcome(line: &[u8]) -> Option<Outcome> {
    match lines::reply(line)? {
        // Sent for any command before logging in, too: an invitation, not a refusal.
        (b"530", text) if lines::contains(text, "please log") => None,
        (b"530" | b"430", _) => Some(Outcome::Failed),
        (b"230", _) => Some(Outcome::Accepted),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Turn, told};
    use super::*;
    use Turn::{C, S};

    #[test]
    fn a_password_is_told_with_its_user_and_what_came_of_it() {
        let turns = [
            S("220-Welcome\r\n220 FTP\r\n"),
            C("user anna\r\n"),
            S("331 Password\r\n"),
            C("PASS secret1\r\n"),
            S("530 Login incorrect.\r\n"),
            C("PASS secret2\r\n"),
            S("230-Hello\r\n230 ok\r\n"),
        ];
        assert_eq!(told::<Ftp>(&turns), ["FTP anna", "Failed", "FTP anna", "Accepted"]);
    }

    #[test]
    fn nobody_s_password_and_one_under_tls_are_none() {
        let anonymous = [C("USER anonymous\r\n"), C("PASS me@example.org\r\n"), S("230 ok\r\n")];
        assert_eq!(told::<Ftp>(&anonymous), ["Accepted"]);
        let tls = [C("AUTH TLS\r\n"), S("234 AUTH TLS OK.\r\n"), C("PASS x\r\n")];
        assert_eq!(told::<Ftp>(&tls), ["enough"]);
        let refused =
            [C("AUTH TLS\r\n"), S("530 Please login with USER and PASS.\r\n"), C("USER a\r\nPASS x\r\n")];
        assert_eq!(told::<Ftp>(&refused), ["FTP a"]);
    }

    #[test]
    fn it_is_known_by_its_greeting() {
        assert!(Ftp::begins(Side::Server, b"220 ProFTPD ready\r\n", 2121));
        assert!(Ftp::begins(Side::Server, b"220 ready\r\n", 21));
        assert!(!Ftp::begins(Side::Server, b"220 mail.example ESMTP\r\n", 25));
        assert!(!Ftp::begins(Side::Server, b"HTTP/1.1 220 x", 21));
        assert!(
            Ftp::begins(Side::Client, b"USER a\r\n", 21) && !Ftp::begins(Side::Client, b"USER a b\r\n", 6667)
        );
    }

    #[test]
    fn answers_count_by_code() {
        for (line, want) in [
            ("430 Invalid username or password", Some(Outcome::Failed)),
            ("230", Some(Outcome::Accepted)),
            ("530-Sorry", None),
            ("331 Please specify the password.", None),
            ("5300 ", None),
        ] {
            assert_eq!(outcome(line.as_bytes()), want, "{line}");
        }
    }
}
