//! RTSP (RFC 2326, 7826): who asks a camera for pictures, with or without proving who they are.

use super::framed::{Gaps, Length};
use super::talk::{Conversation, Heard, Side};

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A request.
    Request {
        /// OPTIONS, DESCRIBE, SETUP, PLAY, …
        method: Method,
        /// It carries credentials.
        authorised: bool,
        /// What is asked for.
        uri: &'a [u8],
    },
    /// The answer to the request before it: 200, 401, …
    Answer {
        /// Status code.
        code: u16,
    },
}

/// The methods that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    #[allow(missing_docs)]
    Describe,
    #[allow(missing_docs)]
    Setup,
    #[allow(missing_docs)]
    Play,
    /// Any other.
    Other,
}

const METHODS: [(&[u8], Method); 8] = [
    (b"OPTIONS ", Method::Other),
    (b"DESCRIBE ", Method::Describe),
    (b"SETUP ", Method::Setup),
    (b"PLAY ", Method::Play),
    (b"ANNOUNCE ", Method::Other),
    (b"RECORD ", Method::Other),
    (b"GET_PARAMETER ", Method::Other),
    (b"TEARDOWN ", Method::Other),
];

/// Longest head of a message; what is longer is none.
const MAX_HEAD: usize = 8 * 1024;

/// Whether a request begins here.
fn looks_request(bytes: &[u8]) -> bool {
    let line = bytes.split(|b| *b == b'\r').next().unwrap_or_default();
    METHODS.iter().any(|(name, _)| line.starts_with(name))
        && line.ends_with(b" RTSP/1.0") | line.ends_with(b" RTSP/2.0")
}

/// Reads one message: what it says, if that is of interest, and its length with its body. `None`: its head is not
/// whole yet.
fn message(bytes: &[u8]) -> Option<(Option<Said<'_>>, usize)> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let mut lines = bytes[..end].split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let first = lines.next().unwrap_or_default();
    let (mut body, mut authorised) = (0usize, false);
    for line in lines {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            body = number(value).unwrap_or(0);
        }
        authorised |= name.eq_ignore_ascii_case(b"authorization");
    }
    Some((start(first, authorised), (end + 4).saturating_add(body)))
}

fn start(line: &[u8], authorised: bool) -> Option<Said<'_>> {
    if let Some(rest) = line.strip_prefix(b"RTSP/") {
        let code = rest.get(4..7).and_then(number)?;
        return Some(Said::Answer { code: u16::try_from(code).ok()? });
    }
    let (name, method) = METHODS.iter().find(|(name, _)| line.starts_with(name))?;
    let uri = line[name.len()..].split(|b| *b == b' ').next().unwrap_or_default();
    Some(Said::Request { method: *method, authorised, uri })
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A connection to a camera.
#[derive(Debug, Default)]
pub struct Session {
    gaps: Gaps,
    /// Pictures were asked for: what follows the answer is not looked at.
    plays: bool,
}

/// Length of a message, or of a packet of pictures between messages (RFC 2326, 10.12).
fn length(bytes: &[u8]) -> Length {
    match bytes {
        [b'$', _, high, low, ..] => Length::Is(usize::from(u16::from_be_bytes([*high, *low])) + 4),
        [b'$', ..] => Length::More,
        // Known once the head is whole; the body is passed over.
        [b'A'..=b'Z', ..] => Length::of(message(bytes).map(|(_, length)| length), bytes, MAX_HEAD),
        _ => Length::No,
    }
}

impl Conversation for Session {
    type Said<'a> = Said<'a>;

    fn begins(side: Side, bytes: &[u8], _: u16) -> bool {
        side == Side::Client && looks_request(bytes)
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Heard {
        let (plays, mut over) = (&mut self.plays, false);
        let heard = self.gaps.read(side, bytes, 4, length, |whole| {
            let Some((Some(said), _)) = Some(whole).filter(|w| w[0] != b'$').and_then(message) else {
                return;
            };
            *plays |= matches!(said, Said::Request { method: Method::Play, .. });
            over |= *plays && matches!(said, Said::Answer { code: 200..=299 });
            say(said);
        });
        if over { Heard::Enough } else { heard }
    }

    fn lost(&mut self, side: Side) {
        self.gaps.lost(side);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ASK: &[u8] = b"DESCRIBE rtsp://cam/1 RTSP/1.0\r\nCSeq: 2\r\n\r\n";

    fn hear(session: &mut Session, side: Side, bytes: &[u8]) -> (Heard, Vec<String>) {
        let mut said = Vec::new();
        let heard = session.hear(side, bytes, &mut |s| said.push(format!("{s:?}")));
        (heard, said)
    }

    #[test]
    fn requests_with_and_without_credentials_and_answers_with_bodies_are_read() {
        let mut session = Session::default();
        assert!(Session::begins(Side::Client, ASK, 40_000));
        assert!(!Session::begins(Side::Client, b"OPTIONS * HTTP/1.1\r\n\r\n", 554));
        assert!(hear(&mut session, Side::Client, ASK).1[0].contains("authorised: false"));
        let with = b"DESCRIBE rtsp://cam/1 RTSP/1.0\r\nAuthorization: Basic eDp5\r\n\r\n";
        assert!(hear(&mut session, Side::Client, with).1[0].contains("authorised: true"));
        let answer = b"RTSP/1.0 200 OK\r\nContent-length: 900\r\n\r\nv=0";
        assert_eq!(hear(&mut session, Side::Server, answer).0, Heard::Took(answer.len() + 897));
        assert_eq!(hear(&mut session, Side::Client, &ASK[..20]).0, Heard::Took(0));
    }

    #[test]
    fn pictures_between_messages_are_passed_and_after_the_answer_to_play_nothing_is_read() {
        let mut session = Session::default();
        hear(&mut session, Side::Client, b"PLAY rtsp://cam/1 RTSP/1.0\r\n\r\n");
        let mixed = b"$\0\0\x04abcdRTSP/1.0 200 OK\r\n\r\n$\0\x05";
        let (heard, said) = hear(&mut session, Side::Server, mixed);
        assert_eq!((heard, said.len()), (Heard::Enough, 1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let mut session = Session::default();
            session.hear(Side::Client, &[&ASK[..40], &bytes].concat(), &mut |_| ());
            session.hear(Side::Server, &[b"RTSP/1.0 2", &bytes[..], b"\r\n\r\n"].concat(), &mut |_| ());
            session.hear(Side::Server, &bytes, &mut |_| ());
        }
    }
}
