//! MQTT 3.1, 3.1.1 and 5: log-ins, their answers, and what is published where. Payloads are passed over unseen.

use super::framed::{Gaps, Length};
use super::read::Reader;
use super::talk::{Conversation, Heard, Side};

/// What a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A client logs in.
    Connect {
        /// It gives a user name.
        user: bool,
        /// It gives a password, readable in the frame. It is not kept.
        password: bool,
        /// What it calls itself.
        client_id: &'a [u8],
    },
    /// The broker's answer; 0 is yes.
    Answer {
        /// Return code (3.1.1) or reason (5).
        code: u8,
    },
    /// Something is published.
    Publish {
        /// Under which topic.
        topic: &'a [u8],
    },
    /// A client wants to be told of topics.
    Subscribe {
        /// The first it names.
        topic: &'a [u8],
    },
}

/// Kind and flags, length of the rest, and how many bytes those took. `None`: more bytes are needed, or, when there are
/// five, it is no MQTT.
fn head(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let kind = *bytes.first()?;
    let mut length = 0;
    for at in 0..4 {
        let byte = *bytes.get(at + 1)?;
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Some((kind, length, at + 2));
        }
    }
    None
}

/// Whether a CONNECT begins here.
fn looks_connect(bytes: &[u8]) -> bool {
    let Some((0x10, length, begin)) = head(bytes) else { return false };
    let name = bytes.get(begin..).unwrap_or_default();
    length >= 10 && (name.starts_with(b"\0\x04MQTT") || name.starts_with(b"\0\x06MQIsdp"))
}

/// Reads a packet from the beginning of its variable part, of which the first bytes are there. `None`: of no interest.
fn packet(kind: u8, version: u8, body: &[u8]) -> Option<Said<'_>> {
    let mut r = Reader(body);
    match kind >> 4 {
        1 => connect(r).map(|(said, _)| said),
        2 => {
            r.u8()?;
            Some(Said::Answer { code: r.u8()? })
        }
        3 => Some(Said::Publish { topic: r.counted16()? }),
        8 => {
            r.u16()?;
            if version >= 5 {
                properties(&mut r)?;
            }
            Some(Said::Subscribe { topic: r.counted16()? })
        }
        _ => None,
    }
}

/// A CONNECT and the version it speaks.
fn connect(mut r: Reader<'_>) -> Option<(Said<'_>, u8)> {
    r.counted16()?;
    let (version, flags) = (r.u8()?, r.u8()?);
    r.u16()?;
    if version >= 5 {
        properties(&mut r)?;
    }
    let client_id = r.counted16()?;
    let said = Said::Connect { user: flags & 0x80 != 0, password: flags & 0x40 != 0, client_id };
    Some((said, version))
}

/// Passes over the properties of version 5.
fn properties(r: &mut Reader<'_>) -> Option<()> {
    let mut length = 0;
    for at in 0..4 {
        let byte = r.u8()?;
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            r.take(length)?;
            return Some(());
        }
    }
    None
}

/// A connection to a broker.
#[derive(Debug, Default)]
pub struct Session {
    gaps: Gaps,
    version: u8,
}

/// As much of a packet as is read: topics and names of clients are short.
const READ: usize = 512;

fn length(bytes: &[u8]) -> Length {
    let whole = head(bytes).filter(|(kind, ..)| kind >> 4 != 0).map(|(_, length, begin)| length + begin);
    Length::of(whole, bytes, 5)
}

impl Conversation for Session {
    type Said<'a> = Said<'a>;

    fn begins(side: Side, bytes: &[u8], _: u16) -> bool {
        side == Side::Client && looks_connect(bytes)
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Heard {
        let Session { gaps, version } = self;
        gaps.read(side, bytes, READ, length, |whole| {
            let Some((kind, _, begin)) = head(whole) else { return };
            let body = &whole[begin..];
            if kind == 0x10 {
                *version = connect(Reader(body)).map_or(0, |(_, version)| version);
            }
            // What the broker passes on was published before, maybe long ago.
            if let Some(said) = packet(kind, *version, body).filter(|_| side == Side::Client || kind == 0x20)
            {
                say(said);
            }
        })
    }

    fn lost(&mut self, side: Side) {
        self.gaps.lost(side);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hear(session: &mut Session, side: Side, bytes: &[u8]) -> (Heard, Vec<String>) {
        let mut said = Vec::new();
        let heard = session.hear(side, bytes, &mut |s| said.push(format!("{s:?}")));
        (heard, said)
    }

    #[test]
    fn log_ins_with_and_without_credentials_are_told_apart_in_all_versions() {
        let old = b"\x10\x12\0\x06MQIsdp\x03\x02\0\x3c\0\x04anna";
        let plain = b"\x10\x10\0\x04MQTT\x04\xc2\0\x3c\0\x04anna";
        let five = b"\x10\x16\0\x04MQTT\x05\x02\0\x3c\x05\x11\0\0\0\x0a\0\x04anna";
        for (bytes, password) in [(&old[..], false), (&plain[..], true), (&five[..], false)] {
            assert!(Session::begins(Side::Client, bytes, 40_000));
            let mut said = None;
            Session::default().hear(Side::Client, bytes, &mut |s| {
                said = match s {
                    Said::Connect { user, password, client_id } => {
                        Some((user, password, client_id == b"anna"))
                    }
                    _ => None,
                };
            });
            assert_eq!(said, Some((password, password, true)), "{bytes:?}");
        }
    }

    #[test]
    fn publications_are_counted_without_their_payload_and_those_of_the_broker_not_at_all() {
        let mut session = Session::default();
        // 10,000 bytes of payload, of which the first few are in this segment.
        let publish = b"\x30\x93\x4e\0\x01ahello";
        let more = [&publish[..], &[0; 600]].concat();
        let (heard, said) = hear(&mut session, Side::Client, &more);
        assert_eq!((heard, said.len()), (Heard::Took(10_006), 1));
        assert_eq!(hear(&mut session, Side::Client, publish).0, Heard::Took(0), "its head is not whole");
        assert_eq!(hear(&mut session, Side::Server, b"\x20\x02\0\x05\x30\x04\0\x01ab").1.len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut session = Session { version: 5, ..Session::default() };
            session.hear(Side::Client, &bytes, &mut |_| ());
            session.lost(Side::Server);
            session.hear(Side::Server, &[b"\x10\x60\0\x04MQTT\x05", &bytes[..]].concat(), &mut |_| ());
        }
    }
}
