//! Log-in answers of protocols that speak in lines: FTP, SMTP, POP3, IMAP, Telnet.

use super::Outcome::{self, Accepted, Failed};

/// Bytes of a segment looked at: an answer stands in its first lines.
const LOOKED_AT: usize = 1024;
/// Lines of a segment looked at.
const LINES: usize = 8;

/// RFC 959: 530 and 230; 430 for a wrong name or password, as some servers answer.
pub(super) fn ftp(segment: &[u8]) -> Option<Outcome> {
    match code(segment)? {
        // Sent for any command before logging in, too: an invitation, not a refusal.
        (b"530", text) if contains(text, "please log") => None,
        (b"530" | b"430", _) => Some(Failed),
        (b"230", _) => Some(Accepted),
        _ => None,
    }
}

/// RFC 4954: 535 and 235.
pub(super) fn smtp(segment: &[u8]) -> Option<Outcome> {
    match code(segment)?.0 {
        b"535" => Some(Failed),
        b"235" => Some(Accepted),
        _ => None,
    }
}

/// The three digits that the segment begins with and the rest of that line.
fn code(segment: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = lines(segment).next()?;
    let (digits, text) = line.split_at_checked(3)?;
    matches!(text.first(), Some(b' ' | b'-')).then_some((digits, text))
}

/// RFC 1939. `-ERR` answers any command, so the wording must be about a log-in.
pub(super) fn pop3(segment: &[u8]) -> Option<Outcome> {
    let line = lines(segment).next()?;
    if let Some(text) = line.strip_prefix(b"-ERR ") {
        let about_login =
            ["[auth]", "authentication", "authorization", "password", "login", "logon", "credentials"];
        // "Plaintext authentication disallowed": nothing was tried.
        return (any(text, &about_login) && !contains(text, "plaintext")).then_some(Failed);
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
    any(text, &inside).then_some(Accepted)
}

/// RFC 9051, 6.2: the tagged answer to LOGIN or AUTHENTICATE, which untagged capabilities may precede.
pub(super) fn imap(segment: &[u8]) -> Option<Outcome> {
    let line = lines(segment).find(|line| !line.starts_with(b"* CAPABILITY "))?;
    let mut words = line.splitn(3, |b| *b == b' ');
    let (tag, status, text) = (words.next()?, words.next()?, words.next()?);
    let tagged = !tag.is_empty() && tag.len() <= 32 && tag.iter().all(u8::is_ascii_alphanumeric);
    if !tagged {
        return None;
    }
    let refused = ["[authenticationfailed]", "login", "authenticat", "password", "credentials"];
    match status {
        b"NO" if any(text, &refused) && !contains(text, "plaintext") => Some(Failed),
        b"OK" if any(text, &["logged in", "login ", "authenticate ", "authenticated"]) => Some(Accepted),
        _ => None,
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
pub(super) fn telnet(segment: &[u8]) -> Option<Outcome> {
    lines(segment).find_map(|line| {
        let start = line.iter().position(|b| b.is_ascii_alphabetic())?;
        // Prompts and marks such as `% ` may stand before it, words may not.
        let text = line.get(start..).filter(|_| start <= 4)?;
        if starts(text, "last login: ") {
            return Some(Accepted);
        }
        let refusal = REFUSALS.iter().find(|phrase| starts(text, phrase))?;
        text[refusal.len()..].iter().all(|b| matches!(b, b'.' | b'!' | b' ')).then_some(Failed)
    })
}

/// The first lines, complete ones only, without their ends.
fn lines(segment: &[u8]) -> impl Iterator<Item = &[u8]> {
    let seen = &segment[..segment.len().min(LOOKED_AT)];
    seen.split_inclusive(|b| *b == b'\n')
        .filter_map(|line| line.strip_suffix(b"\n"))
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .take(LINES)
}

fn any(text: &[u8], phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| contains(text, phrase))
}

fn contains(text: &[u8], phrase: &str) -> bool {
    text.windows(phrase.len()).any(|window| window.eq_ignore_ascii_case(phrase.as_bytes()))
}

fn starts(text: &[u8], phrase: &str) -> bool {
    text.get(..phrase.len()).is_some_and(|start| start.eq_ignore_ascii_case(phrase.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Look = fn(&[u8]) -> Option<Outcome>;

    fn check(look: Look, cases: &[(&str, Option<Outcome>)]) {
        for (segment, want) in cases {
            assert_eq!(look(segment.as_bytes()), *want, "{segment:?}");
        }
    }

    #[test]
    fn ftp_answers_by_code_and_an_invitation_is_no_failure() {
        check(
            ftp,
            &[
                ("530 Login incorrect.\r\n", Some(Failed)),
                ("530-Sorry\r\n530 no\r\n", Some(Failed)),
                ("430 Invalid username or password\r\n", Some(Failed)),
                ("230 Login successful.\r\n", Some(Accepted)),
                ("230-Welcome\r\n230 ok\r\n", Some(Accepted)),
                ("530 Please login with USER and PASS.\r\n", None),
                ("331 Please specify the password.\r\n", None),
                ("220 530 \r\n", None),
                ("5300 \r\n", None),
                ("530 cut", None),
            ],
        );
    }

    #[test]
    fn smtp_answers_by_code() {
        check(
            smtp,
            &[
                ("535 5.7.8 Error: authentication failed\r\n", Some(Failed)),
                ("535-5.7.8 Username and Password not accepted\r\n535 5.7.8 x\r\n", Some(Failed)),
                ("235 2.7.0 Authentication successful\r\n", Some(Accepted)),
                ("250 535 \r\n", None),
                ("334 VXNlcm5hbWU6\r\n", None),
            ],
        );
    }

    #[test]
    fn pop3_errors_count_only_when_about_a_log_in() {
        check(
            pop3,
            &[
                ("-ERR [AUTH] Authentication failed.\r\n", Some(Failed)),
                ("-ERR Logon failure: unknown user name or bad password.\r\n", Some(Failed)),
                ("-ERR no such message\r\n", None),
                ("-ERR Plaintext authentication disallowed on non-secure connections\r\n", None),
                ("+OK Logged in.\r\n", Some(Accepted)),
                ("+OK bob's maildrop has 2 messages (320 octets)\r\n", Some(Accepted)),
                ("+OK Dovecot ready.\r\n", None),
                ("+OK 2 320\r\n", None),
                ("From: a\r\n-ERR [AUTH]\r\n", None),
            ],
        );
    }

    #[test]
    fn imap_counts_the_tagged_answer_only() {
        check(
            imap,
            &[
                ("a1 NO [AUTHENTICATIONFAILED] Authentication failed.\r\n", Some(Failed)),
                ("2 NO LOGIN failed.\r\n", Some(Failed)),
                ("* CAPABILITY IMAP4rev1\r\na OK LOGIN completed\r\n", Some(Accepted)),
                ("a OK [CAPABILITY IMAP4rev1] Logged in\r\n", Some(Accepted)),
                ("a OK AUTHENTICATE completed\r\n", Some(Accepted)),
                ("a OK LOGOUT completed\r\n", None),
                ("a NO [TRYCREATE] Mailbox doesn't exist\r\n", None),
                ("* OK [CAPABILITY IMAP4rev1] server ready for login \r\n", None),
                ("* 1 FETCH (BODY {20}\r\na NO LOGIN failed\r\n", None),
                ("+ OK login \r\n", None),
            ],
        );
    }

    #[test]
    fn telnet_refusals_are_whole_lines() {
        check(
            telnet,
            &[
                ("\r\nLogin incorrect\r\nrouter login: ", Some(Failed)),
                ("% Authentication failed\r\n\r\nUser Access Verification", Some(Failed)),
                ("ACCESS DENIED!\r\n", Some(Failed)),
                ("\r\n\r\nLast login: Mon Jan  1 00:00:00 from 10.0.0.2\r\n$ ", Some(Accepted)),
                ("access denied errors in /var/log: 3\r\n", None),
                ("cat: x says login incorrect\r\n", None),
                ("Login incorrect", None),
                ("login: ", None),
            ],
        );
    }
}
