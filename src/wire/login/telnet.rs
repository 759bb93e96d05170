//! Telnet (RFC 854) up to the end of the log-in: who logs in, whether a password is typed, and what comes of it.

use super::super::credential::{Protocol, Seen};
use super::super::talk::{Conversation, Heard, Side};
use super::lines;
use super::{Outcome, Said, Service};

const IAC: u8 = 255;
const SUBNEGOTIATION: u8 = 250;
const SUBNEGOTIATION_END: u8 = 240;
/// Characters kept of the line that the server is writing, and of the name that is typed.
const MAX_LINE: usize = 160;
/// Bytes of the server after which nobody logs in any more.
const PATIENCE: usize = 32 * 1024;

/// What is typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Typing {
    #[default]
    Other,
    Name,
    Password,
    /// A password was sent; the server has yet to say what it thinks.
    Judged,
}

/// A connection.
#[derive(Debug, Default)]
pub struct Telnet {
    typing: Typing,
    user: Vec<u8>,
    /// Characters of the password typed so far; never which ones.
    typed: usize,
    line: Vec<u8>,
    heard: usize,
    inside: bool,
}

impl Conversation for Telnet {
    type Said<'a> = Said<'a>;

    fn begins(_side: Side, bytes: &[u8], port: u16) -> bool {
        let negotiates = matches!(bytes, [IAC, 251..=254, 0..=60, rest @ ..] if matches!(rest, [] | [IAC, ..]) || rest[0].is_ascii());
        negotiates || matches!(port, 23 | 2323)
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Heard {
        if self.inside || self.heard > PATIENCE {
            return Heard::Took(usize::MAX);
        }
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if *byte == IAC {
                match negotiation(&bytes[at..]) {
                    Some(length) => at += length,
                    None if bytes.len() - at > MAX_LINE => return Heard::Took(bytes.len()),
                    None => return Heard::Took(at),
                }
                continue;
            }
            at += 1;
            match side {
                Side::Client => self.typed(*byte, say),
                Side::Server => self.written(*byte, say),
            }
        }
        if side == Side::Server {
            self.prompted(say);
        }
        Heard::Took(bytes.len())
    }

    fn lost(&mut self, side: Side) {
        if side == Side::Client {
            (self.typing, self.typed) = (Typing::Other, 0);
        }
        self.line.clear();
    }
}

impl Telnet {
    fn typed(&mut self, byte: u8, say: &mut dyn FnMut(Said<'_>)) {
        let ends = matches!(byte, b'\r' | b'\n');
        match self.typing {
            Typing::Name if ends && !self.user.is_empty() => self.typing = Typing::Other,
            Typing::Name if byte == 8 || byte == 127 => drop(self.user.pop()),
            Typing::Name if byte >= b' ' && self.user.len() < MAX_LINE => self.user.push(byte),
            Typing::Password if ends && self.typed > 0 => {
                (self.typing, self.typed) = (Typing::Judged, 0);
                say(Said::Credential(Seen::new(Protocol::Telnet, &self.user)));
            }
            Typing::Password if byte >= b' ' => self.typed += 1,
            _ => {}
        }
    }

    fn written(&mut self, byte: u8, say: &mut dyn FnMut(Said<'_>)) {
        self.heard += 1;
        match byte {
            b'\n' => {
                let line = std::mem::take(&mut self.line);
                if let Some(outcome) = outcome(&line) {
                    self.judge(outcome, say);
                }
            }
            b'\r' | 0 => {}
            _ if self.line.len() < MAX_LINE => self.line.push(byte),
            _ => {}
        }
    }

    fn judge(&mut self, outcome: Outcome, say: &mut dyn FnMut(Said<'_>)) {
        self.inside = outcome == Outcome::Accepted;
        self.typing = Typing::Other;
        say(Said::Outcome(Service::Telnet, outcome));
    }

    /// The server has stopped in the middle of a line: it waits for somebody to type.
    fn prompted(&mut self, say: &mut dyn FnMut(Said<'_>)) {
        let prompt = self.line.trim_ascii();
        let asks = |words: &[&str]| {
            let text =
                prompt.strip_suffix(b":").or(prompt.strip_suffix(b">")).unwrap_or_default().trim_ascii();
            words
                .iter()
                .any(|word| text.len() >= word.len() && lines::starts(&text[text.len() - word.len()..], word))
        };
        if asks(&["login", "username", "user", "user name", "account", "logon"]) {
            if self.typing == Typing::Judged {
                say(Said::Outcome(Service::Telnet, Outcome::Failed));
            }
            // A client that types ahead of its echo comes here letter by letter.
            if self.typing != Typing::Name {
                self.user.clear();
            }
            self.typing = Typing::Name;
        } else if asks(&["password", "passwd", "wachtwoord", "passwort"]) {
            if self.typing == Typing::Judged {
                say(Said::Outcome(Service::Telnet, Outcome::Failed));
            }
            self.typing = Typing::Password;
        } else if self.typing == Typing::Judged && matches!(prompt.last(), Some(b'$' | b'#' | b'>' | b'%')) {
            self.judge(Outcome::Accepted, say);
        }
    }
}

/// Length of the negotiation that `bytes` begin with; `None` when more is needed.
fn negotiation(bytes: &[u8]) -> Option<usize> {
    match *bytes.get(1)? {
        SUBNEGOTIATION => bytes.windows(2).position(|w| w == [IAC, SUBNEGOTIATION_END]).map(|at| at + 2),
        251..=254 => (bytes.len() >= 3).then_some(3),
        _ => Some(2),
    }
}

/// What log-in programs write when they refuse (Unix login, BusyBox, Cisco, and what copies them).
const REFUSALS: [&str; 11] = [
    "login incorrect",
    "login failed",
    "login invalid",
    "invalid login",
    "authentication failed",
    "access denied",
    "bad password",
    "incorrect password",
    "password incorrect",
    "wrong password",
    "user name or password is wrong",
];

/// A line that says nothing else. `Last login:` is what login(1) greets with.
fn outcome(line: &[u8]) -> Option<Outcome> {
    let start = line.iter().position(u8::is_ascii_alphabetic)?;
    // Prompts and marks such as `% ` may stand before it, words may not.
    let text = line.get(start..).filter(|_| start <= 4)?;
    if lines::starts(text, "last login: ") {
        return Some(Outcome::Accepted);
    }
    let refusal = REFUSALS.iter().find(|phrase| lines::starts(text, phrase))?;
    text[refusal.len()..].iter().all(|b| matches!(b, b'.' | b'!' | b' ')).then_some(Outcome::Failed)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Turn, told};
    use super::*;
    use Turn::{C, S};

    #[test]
    fn a_log_in_typed_letter_by_letter_with_echo_is_read() {
        let turns = [
            S("\r\nrouter login: "),
            C("r"),
            S("r"),
            C("oo"),
            S("oo"),
            C("t\r\0"),
            S("t\r\nPassword: "),
            C("s"),
            C("e"),
            C("\r\n"),
            S("\r\n\r\n# "),
            C("cat x\r\n"),
        ];
        assert_eq!(told::<Telnet>(&turns), ["Telnet root", "Accepted"]);
    }

    #[test]
    fn refusals_by_word_or_by_a_new_prompt_are_failures() {
        let turns = [
            S("Username:"),
            C("anna\r\n"),
            S("Password:"),
            C("x\r\n"),
            S("\r\nLogin incorrect\r\nUsername: "),
            C("anna\r\n"),
            S("Password: "),
            C("y\r\n"),
            S("\r\nUsername: "),
        ];
        assert_eq!(told::<Telnet>(&turns), ["Telnet anna", "Failed", "Telnet anna", "Failed"]);
    }

    #[test]
    fn negotiations_are_passed_over_and_an_empty_password_is_none() {
        let negotiate = "\u{0}";
        assert_eq!(
            told::<Telnet>(&[S(negotiate), S("login: "), C("a\r\n"), S("Password: "), C("\r\n"), S("$ ")]),
            [""; 0]
        );
        let mut telnet = Telnet::default();
        let bytes = [255, 253, 24, 255, 250, 24, 0, b'x', 255, 240, b'h', b'i', 255];
        assert_eq!(telnet.hear(Side::Server, &bytes, &mut |_| ()), Heard::Took(12));
        assert_eq!(telnet.line, b"hi");
    }

    #[test]
    fn refusals_are_whole_lines() {
        for (line, want) in [
            ("Login incorrect", Some(Outcome::Failed)),
            ("% Authentication failed", Some(Outcome::Failed)),
            ("ACCESS DENIED!", Some(Outcome::Failed)),
            ("Last login: Mon Jan  1 00:00:00 from 10.0.0.2", Some(Outcome::Accepted)),
            ("access denied errors in /var/log: 3", None),
            ("cat: x says login incorrect", None),
            ("login: ", None),
        ] {
            assert_eq!(outcome(line.as_bytes()), want, "{line}");
        }
    }
}
