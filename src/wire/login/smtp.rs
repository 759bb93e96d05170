//! SMTP (RFC 5321, 4954, 3207): log-ins, and the text of mail that travels in the clear.

use super::super::base64;
use super::super::credential::{Protocol, Seen};
use super::super::talk::{Conversation, Heard, Side};
use super::lines::{self, Then};
use super::{Outcome, Said, Service};

/// Bytes of a mail that are looked at: the text comes before what is attached.
const LOOKED_AT: usize = 64 * 1024;

/// What the client says next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Command,
    Plain,
    LoginName,
    LoginPassword,
    Mail,
}

/// A connection.
#[derive(Debug, Default)]
pub struct Smtp {
    step: Step,
    user: Vec<u8>,
    secures: bool,
    looked_at: usize,
}

impl Conversation for Smtp {
    type Said<'a> = Said<'a>;

    fn begins(side: Side, bytes: &[u8], port: u16) -> bool {
        match side {
            Side::Client => ["EHLO ", "HELO "].iter().any(|c| lines::starts(bytes, c)),
            Side::Server => {
                let first = &bytes[..bytes.len().min(256)];
                matches!(bytes, [b'2', b'2', b'0', b' ' | b'-', ..])
                    && (matches!(port, 25 | 587) || lines::contains(first, "smtp"))
            }
        }
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Heard {
        let mut mail = 0..0;
        let heard = lines::each(bytes, |line| match side {
            Side::Client => {
                let begin = line.as_ptr() as usize - bytes.as_ptr() as usize;
                if self.step == Step::Mail && line != b"." && self.looked_at < LOOKED_AT {
                    self.looked_at += line.len();
                    if mail.is_empty() {
                        mail.start = begin;
                    }
                    mail.end = begin + line.len();
                    return Then::Next;
                }
                self.command(line, say)
            }
            Side::Server => self.reply(line, say),
        });
        if !mail.is_empty() {
            say(Said::Content(&bytes[mail]));
        }
        heard
    }
}

impl Smtp {
    fn command(&mut self, line: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Then {
        match std::mem::take(&mut self.step) {
            Step::Mail if line != b"." => self.step = Step::Mail,
            Step::Mail => self.looked_at = 0,
            Step::Plain => self.plain(line, say),
            Step::LoginName => {
                self.user = lines::user(&base64::decode(line).unwrap_or_default());
                self.step = Step::LoginPassword;
            }
            Step::LoginPassword => {
                if base64::decode(line).is_some_and(|password| !password.is_empty()) {
                    say(Said::Credential(Seen::new(Protocol::Smtp, &self.user)));
                }
            }
            Step::Command => {
                self.secures = line.eq_ignore_ascii_case(b"STARTTLS");
                if let Some(response) = lines::argument(line, "AUTH PLAIN") {
                    match response {
                        b"" => self.step = Step::Plain,
                        response => self.plain(response, say),
                    }
                } else if let Some(name) = lines::argument(line, "AUTH LOGIN") {
                    self.user = lines::user(&base64::decode(name).unwrap_or_default());
                    self.step = if name.is_empty() { Step::LoginName } else { Step::LoginPassword };
                } else if line.eq_ignore_ascii_case(b"DATA") {
                    self.step = Step::Mail;
                }
            }
        }
        Then::Next
    }

    fn plain(&mut self, response: &[u8], say: &mut dyn FnMut(Said<'_>)) {
        if let Some(seen) = lines::plain(Protocol::Smtp, response) {
            say(Said::Credential(seen));
        }
    }

    fn reply(&mut self, line: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Then {
        let Some((code, _)) = lines::reply(line) else { return Then::Next };
        match code {
            b"220" if self.secures => return Then::Enough,
            b"535" => say(Said::Outcome(Service::Smtp, Outcome::Failed)),
            b"235" => say(Said::Outcome(Service::Smtp, Outcome::Accepted)),
            _ => {}
        }
        if matches!(code[0], b'4' | b'5') {
            self.step = Step::Command;
        }
        Then::Next
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Turn, told};
    use super::*;
    use Turn::{C, S};

    #[test]
    fn each_way_to_log_in_is_read() {
        let plain = [C("EHLO a\r\n"), C("AUTH PLAIN AGFubmEAaGVp\r\n"), S("235 2.7.0 ok\r\n")];
        assert_eq!(told::<Smtp>(&plain), ["SMTP anna", "Accepted"]);
        let later =
            [C("auth plain\r\n"), S("334 \r\n"), C("AGFubmEAaGVp\r\n"), S("535-5.7.8 a\r\n535 5.7.8 no\r\n")];
        assert_eq!(told::<Smtp>(&later), ["SMTP anna", "Failed"]);
        let login = [
            C("AUTH LOGIN\r\n"),
            S("334 VXNlcm5hbWU6\r\n"),
            C("YW5uYQ==\r\n"),
            S("334 UGFzc3dvcmQ6\r\n"),
            C("aGVp\r\n"),
        ];
        assert_eq!(told::<Smtp>(&login), ["SMTP anna"]);
        let hashed = [C("AUTH CRAM-MD5\r\n"), S("334 PDEyMw==\r\n"), C("YW5uYSBhYmM=\r\n"), S("235 ok\r\n")];
        assert_eq!(told::<Smtp>(&hashed), ["Accepted"]);
    }

    #[test]
    fn tls_ends_it_and_mail_is_shown_without_its_commands() {
        let tls = [C("STARTTLS\r\n"), S("220 go\r\n"), C("AUTH PLAIN AGFubmEAaGVp\r\n")];
        assert_eq!(told::<Smtp>(&tls), ["enough"]);
        let mail = [
            C("DATA\r\n"),
            S("354 go\r\n"),
            C("Subject: x\r\n\r\nAUTH LOGIN\r\n.\r\nQUIT\r\n"),
            S("250 ok\r\n"),
        ];
        assert_eq!(told::<Smtp>(&mail), ["Subject: x||AUTH LOGIN"]);
    }
}
