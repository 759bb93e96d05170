//! Kerberos 5 (RFC 4120): who asks for which ticket, with which encryption, and what the server says to it.
//!
//! Over UDP a datagram is a message; over TCP four bytes of length come first (7.2.2).

use super::ber::{self, Values, tag};
use super::framed::{Gaps, Length};
use super::talk::{Conversation, Heard, Side};
use super::{be32, clean_text};

/// Encryption types (RFC 3961 registry) that are broken: DES and RC4.
pub const fn is_weak(etype: i32) -> bool {
    matches!(etype, 1..=3 | 23 | 24 | -133 | -128 | -135)
}

/// Encryption type of RC4 with the NT hash as key (RFC 4757).
pub const RC4: i32 = 23;

/// Error codes (RFC 4120, 7.5.9) that say something about guessing.
pub mod error {
    #![allow(missing_docs)]
    /// No such user.
    pub const C_PRINCIPAL_UNKNOWN: i64 = 6;
    pub const ETYPE_NOSUPP: i64 = 14;
    /// Locked or disabled.
    pub const CLIENT_REVOKED: i64 = 18;
    /// Wrong password.
    pub const PREAUTH_FAILED: i64 = 24;
    /// The ordinary answer to a first request.
    pub const PREAUTH_REQUIRED: i64 = 25;
}

/// A name of a user or a service, in its parts: `anna`, or `MSSQLSvc` and `db.example:1433`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Principal<'a> {
    /// The first part; empty when there is none.
    pub first: &'a [u8],
    /// The second.
    pub second: &'a [u8],
}

impl Principal<'_> {
    /// For people: `MSSQLSvc/db.example:1433`, cleaned and cut.
    pub fn text(&self) -> String {
        let first = clean_text(self.first, 40);
        if self.second.is_empty() { first } else { format!("{first}/{}", clean_text(self.second, 60)) }
    }
}

/// Which exchange a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// A log-in: the ticket that gets tickets.
    Login,
    /// A ticket for a service.
    Service,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A client asks for a ticket.
    Asked {
        /// For what.
        exchange: Exchange,
        /// Who it is; empty when asking for a service ticket.
        client: Principal<'a>,
        /// For which service.
        service: Principal<'a>,
        /// Realm of the server.
        realm: &'a [u8],
        /// Proves knowledge of the password or holds a certificate (a log-in only).
        proves: bool,
        /// It offers a weak encryption, and it offers a strong one.
        offers: Offers,
    },
    /// The server hands a ticket out.
    Granted {
        /// For what.
        exchange: Exchange,
        /// To whom.
        client: Principal<'a>,
        /// For which service.
        service: Principal<'a>,
        /// What the ticket is encrypted with: the service's key.
        ticket: i32,
        /// What the rest of the answer is encrypted with: at log-in the user's key.
        answer: i32,
    },
    /// The server refuses.
    Refused {
        /// One of [`error`], or another.
        code: i64,
        /// Who had asked; servers often leave it out.
        client: Principal<'a>,
        /// What was asked for.
        service: Principal<'a>,
    },
}

/// The encryptions that a client says it can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// RC4 or DES.
    pub weak: bool,
    /// AES or Camellia.
    pub strong: bool,
}

/// Pre-authentication data (RFC 4120 5.2.7, 4556, 6113, SPAKE) that proves who asks.
const PROOFS: [i64; 6] = [2, 16, 17, 128 + 10, 151, 13];

/// Reads a message, without the length that TCP puts before it. `None`: not Kerberos, or cut off.
pub fn message(bytes: &[u8]) -> Option<Said<'_>> {
    let outer = Values(bytes).next()?;
    let fields = Values(Values(outer.body).expect(tag::SEQUENCE)?);
    match outer.tag {
        0x6a => request(fields, Exchange::Login),
        0x6c => request(fields, Exchange::Service),
        0x6b => reply(fields, Exchange::Login),
        0x6d => reply(fields, Exchange::Service),
        0x7e => refusal(fields),
        _ => None,
    }
}

/// Whether `bytes` begin like one of the messages read here.
pub fn looks_message(bytes: &[u8]) -> bool {
    let kind = matches!(bytes.first(), Some(0x6a..=0x6d | 0x7e));
    kind && ber::head(bytes).is_some_and(|(_, length, begin)| {
        length >= 16 && bytes.get(begin).is_none_or(|b| *b == tag::SEQUENCE)
    })
}

fn request(mut fields: Values<'_>, exchange: Exchange) -> Option<Said<'_>> {
    let version = Values(fields.find(tag::context(1))?).integer()?;
    fields.find(tag::context(2)).filter(|_| version == 5)?;
    let proofs = fields.expect(tag::context(3)).and_then(|list| Values(list).expect(tag::SEQUENCE));
    let proves = Values(proofs.unwrap_or_default()).take(16).any(|proof| {
        let kind = Values(proof.body).expect(tag::context(1)).and_then(|n| Values(n).integer());
        kind.is_some_and(|kind| PROOFS.contains(&kind))
    });
    let mut body = Values(Values(fields.expect(tag::context(4))?).expect(tag::SEQUENCE)?);
    body.expect(tag::context(0))?;
    let client = body.expect(tag::context(1)).map_or_else(Principal::default, principal);
    let realm = body.expect(tag::context(2)).map_or(&[][..], text);
    let service = body.expect(tag::context(3)).map_or_else(Principal::default, principal);
    let list = body.find(tag::context(8)).and_then(|list| Values(list).expect(tag::SEQUENCE));
    let mut offers = Offers::default();
    for etype in Values(list.unwrap_or_default()).take(32).filter_map(|v| ber::integer(v.body)) {
        let weak = i32::try_from(etype).is_ok_and(is_weak);
        offers.weak |= weak;
        offers.strong |= matches!(etype, 17..=20 | 25 | 26);
    }
    Some(Said::Asked { exchange, client, service, realm, proves, offers })
}

fn reply(mut fields: Values<'_>, exchange: Exchange) -> Option<Said<'_>> {
    let version = Values(fields.expect(tag::context(0))?).integer()?;
    let client = fields.find(tag::context(4)).map(principal).filter(|_| version == 5)?;
    let ticket = Values(fields.expect(tag::context(5))?).expect(0x61)?;
    let mut ticket = Values(Values(ticket).expect(tag::SEQUENCE)?);
    let service = ticket.find(tag::context(2)).map(principal)?;
    let ticket = etype(ticket.find(tag::context(3))?)?;
    let answer = etype(fields.find(tag::context(6))?)?;
    Some(Said::Granted { exchange, client, service, ticket, answer })
}

fn refusal(mut fields: Values<'_>) -> Option<Said<'_>> {
    let version = Values(fields.expect(tag::context(0))?).integer()?;
    let code = Values(fields.find(tag::context(6))?).integer().filter(|_| version == 5)?;
    fields.expect(tag::context(7));
    let client = fields.expect(tag::context(8)).map_or_else(Principal::default, principal);
    let service = fields.find(tag::context(10)).map_or_else(Principal::default, principal);
    Some(Said::Refused { code, client, service })
}

/// `SEQUENCE { [0] type, [1] SEQUENCE OF text }`.
fn principal(body: &[u8]) -> Principal<'_> {
    let parts = Values(body).expect(tag::SEQUENCE).and_then(|name| {
        let list = Values(name).find(tag::context(1))?;
        Values(list).expect(tag::SEQUENCE)
    });
    let mut parts = Values(parts.unwrap_or_default()).map(|part| part.body);
    Principal { first: parts.next().unwrap_or_default(), second: parts.next().unwrap_or_default() }
}

fn text(body: &[u8]) -> &[u8] {
    Values(body).next().map_or(&[], |value| value.body)
}

/// The type in `EncryptedData ::= SEQUENCE { [0] etype, … }`.
fn etype(body: &[u8]) -> Option<i32> {
    let mut data = Values(Values(body).expect(tag::SEQUENCE)?);
    i32::try_from(Values(data.expect(tag::context(0))?).integer()?).ok()
}

/// A connection to a Kerberos server.
#[derive(Debug, Default)]
pub struct Session(Gaps);

/// A ticket that names hundreds of groups takes 64 KiB; what is read of it lies in front.
const READ: usize = 24 * 1024;
/// Longer than any message.
const LONGEST: usize = 1 << 20;

/// Length of the message with the four bytes that say it; its own length must agree.
fn length(bytes: &[u8]) -> Length {
    let whole = be32(bytes, 0).and_then(|n| {
        let message = bytes.get(4..)?;
        let (_, length, begin) = ber::head(message)?;
        let n = usize::try_from(n).ok()?;
        (looks_message(message) && length + begin == n && n < LONGEST).then_some(n + 4)
    });
    Length::of(whole, bytes, 10)
}

impl Conversation for Session {
    type Said<'a> = Said<'a>;

    fn begins(_: Side, bytes: &[u8], _: u16) -> bool {
        matches!(length(bytes), Length::Is(_))
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Heard {
        self.0.read(side, bytes, READ, length, |whole| {
            if let Some(said) = message(&whole[4..]) {
                say(said);
            }
        })
    }

    fn lost(&mut self, side: Side) {
        self.0.lost(side);
    }
}

#[cfg(test)]
mod tests {
    use super::super::ldap::tests::tlv;
    use super::*;
    use proptest::prelude::*;

    fn number(n: i64) -> Vec<u8> {
        tlv(tag::INTEGER, &[&n.to_be_bytes()[6..]])
    }

    fn field(n: u8, body: &[u8]) -> Vec<u8> {
        tlv(tag::context(n), &[body])
    }

    fn name(parts: &[&str]) -> Vec<u8> {
        let parts: Vec<Vec<u8>> = parts.iter().map(|p| tlv(0x1b, &[p.as_bytes()])).collect();
        tlv(tag::SEQUENCE, &[&field(0, &number(1)), &field(1, &tlv(tag::SEQUENCE, &[&parts.concat()]))])
    }

    fn ask(proof: Option<i64>, etypes: &[i64]) -> Vec<u8> {
        let proof = proof.map(|kind| {
            let one = tlv(tag::SEQUENCE, &[&field(1, &number(kind)), &field(2, &tlv(tag::OCTETS, &[b"x"]))]);
            field(3, &tlv(tag::SEQUENCE, &[&one]))
        });
        let etypes: Vec<Vec<u8>> = etypes.iter().map(|e| number(*e)).collect();
        let body = [
            field(0, &tlv(3, &[&[0, 0, 0, 0, 0]])),
            field(1, &name(&["anna"])),
            field(2, &tlv(0x1b, &[b"HOME.EXAMPLE"])),
            field(3, &name(&["krbtgt", "HOME.EXAMPLE"])),
            field(5, &tlv(0x18, &[b"20370913024805Z"])),
            field(7, &number(7)),
            field(8, &tlv(tag::SEQUENCE, &[&etypes.concat()])),
        ];
        let body = field(4, &tlv(tag::SEQUENCE, &[&body.concat()]));
        let fields = [field(1, &number(5)), field(2, &number(10)), proof.unwrap_or_default(), body];
        tlv(0x6a, &[&tlv(tag::SEQUENCE, &[&fields.concat()])])
    }

    fn grant(ticket: i64) -> Vec<u8> {
        let sealed = |etype| {
            let cipher = field(2, &tlv(tag::OCTETS, &[b"xxxx"]));
            tlv(tag::SEQUENCE, &[&field(0, &number(etype)), &cipher])
        };
        let inner = [
            field(0, &number(5)),
            field(1, &tlv(0x1b, &[b"HOME.EXAMPLE"])),
            field(2, &name(&["MSSQLSvc", "db:1433"])),
            field(3, &sealed(ticket)),
        ];
        let ticket = tlv(0x61, &[&tlv(tag::SEQUENCE, &[&inner.concat()])]);
        let fields = [
            field(0, &number(5)),
            field(1, &number(13)),
            field(3, &tlv(0x1b, &[b"HOME.EXAMPLE"])),
            field(4, &name(&["anna"])),
            field(5, &ticket),
            field(6, &sealed(18)),
        ];
        tlv(0x6d, &[&tlv(tag::SEQUENCE, &[&fields.concat()])])
    }

    fn refuse(code: i64) -> Vec<u8> {
        let fields = [
            field(0, &number(5)),
            field(1, &number(30)),
            field(4, &tlv(0x18, &[b"20260101000000Z"])),
            field(5, &number(1)),
            field(6, &number(code)),
            field(9, &tlv(0x1b, &[b"HOME.EXAMPLE"])),
            field(10, &name(&["krbtgt", "HOME.EXAMPLE"])),
        ];
        tlv(0x7e, &[&tlv(tag::SEQUENCE, &[&fields.concat()])])
    }

    #[test]
    fn a_log_in_with_and_without_proof_is_read() {
        let asked = |bytes: &[u8]| match message(bytes) {
            Some(Said::Asked { client, proves, offers, .. }) => (client.text(), proves, offers),
            other => panic!("{other:?}"),
        };
        let both = Offers { weak: true, strong: true };
        assert_eq!(asked(&ask(None, &[18, 17, 23])), ("anna".to_owned(), false, both));
        assert!(asked(&ask(Some(2), &[23])).1);
        assert!(!asked(&ask(Some(128), &[23])).1, "a request for authorisation data proves nothing");
        assert_eq!(asked(&ask(Some(2), &[23])).2, Offers { weak: true, strong: false });
    }

    #[test]
    fn the_encryption_of_a_ticket_and_the_code_of_a_refusal_are_read() {
        let bytes = grant(23);
        let Some(Said::Granted { exchange, service, ticket, answer, .. }) = message(&bytes) else {
            panic!("granted")
        };
        assert_eq!((exchange, service.text().as_str()), (Exchange::Service, "MSSQLSvc/db:1433"));
        assert_eq!((ticket, answer, is_weak(ticket)), (RC4, 18, true));
        let bytes = refuse(24);
        assert!(matches!(message(&bytes), Some(Said::Refused { code: error::PREAUTH_FAILED, .. })));
    }

    #[test]
    fn messages_over_tcp_are_read_across_segments() {
        let message = refuse(6);
        let mut stream = (message.len() as u32).to_be_bytes().to_vec();
        stream.extend(&message);
        let (mut session, mut seen) = (Session::default(), 0);
        assert!(Session::begins(Side::Server, &stream, 88));
        assert_eq!(session.hear(Side::Server, &stream[..40], &mut |_| seen += 1), Heard::Took(0));
        assert_eq!(session.hear(Side::Server, &stream, &mut |_| seen += 1), Heard::Took(stream.len()));
        assert_eq!((seen, session.hear(Side::Server, b"HTTP/1.1 200", &mut |_| ())), (1, Heard::Enough));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            message(&bytes);
            let mut session = Session::default();
            session.lost(Side::Client);
            session.hear(Side::Client, &bytes, &mut |_| ());
            session.hear(Side::Server, &bytes, &mut |_| ());
        }

        #[test]
        fn cut_and_changed_messages_are_survived(at in any::<usize>(), with in any::<u8>(), cut in 0usize..400) {
            for mut bytes in [ask(Some(2), &[18, 23]), grant(23), refuse(24)] {
                let at = at % bytes.len();
                bytes[at] = with;
                message(&bytes[..cut.min(bytes.len())]);
            }
        }
    }
}
