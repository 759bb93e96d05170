//! LDAP (RFC 4511): who binds how, what is searched, and what the server answers. CLDAP over UDP carries the same.

use super::be32;
use super::ber::{self, Value, Values, tag};
use super::framed::{Gaps, Length};
use super::talk::{Conversation, Heard, Side};

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A log-in.
    Bind {
        /// Distinguished name or user; empty when anonymous or told by the mechanism.
        name: &'a [u8],
        /// How it proves itself.
        how: Proof<'a>,
    },
    /// The answer to a log-in: 0 is yes, 49 is a wrong password.
    Bound {
        /// Result code.
        code: i64,
    },
    /// A search.
    Search(Search<'a>),
    /// A search is over: result code.
    Searched {
        /// Result code.
        code: i64,
    },
    /// An entry is added, changed, renamed or deleted.
    Change,
    /// The connection goes on under TLS.
    StartTls,
}

/// How a bind proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof<'a> {
    /// Simple, without a password.
    Anonymous,
    /// Simple: the password is readable in the frame. It is not kept.
    Password,
    /// By a mechanism: `GSS-SPNEGO`, `DIGEST-MD5`, …
    Mechanism(&'a [u8]),
}

/// A search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search<'a> {
    /// Where it begins.
    pub base: &'a [u8],
    /// 0 the entry itself, 1 what lies right below, 2 the whole tree below.
    pub scope: i64,
    filter: &'a [u8],
    attributes: &'a [u8],
}

/// One condition of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition<'a> {
    /// Name of the attribute.
    pub attribute: &'a [u8],
    /// Object identifier of an extensible match, such as the one that tests bits; else empty.
    pub rule: &'a [u8],
    /// What it is compared with; empty when the attribute only has to be there.
    pub value: &'a [u8],
}

/// Conditions and attributes of one search that are looked at.
const MOST: usize = 64;

impl<'a> Search<'a> {
    /// The conditions of the filter, without what joins them; at most 64.
    pub fn conditions(&self) -> impl Iterator<Item = Condition<'a>> + use<'a> {
        let mut rest = self.filter;
        std::iter::from_fn(move || next_condition(&mut rest)).take(MOST)
    }

    /// The attributes asked for, at most 64; none means all.
    pub fn attributes(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        Values(self.attributes).map(|v| v.body).take(MOST)
    }
}

/// Walks a filter from left to right without keeping where it is nested: AND, OR and NOT are entered by passing over
/// their heads.
fn next_condition<'a>(rest: &mut &'a [u8]) -> Option<Condition<'a>> {
    loop {
        let (tag, _, begin) = ber::head(rest)?;
        if matches!(tag, 0xa0..=0xa2) {
            *rest = rest.get(begin..)?;
            continue;
        }
        let mut values = Values(rest);
        let value = values.next()?;
        *rest = values.0;
        return condition(value);
    }
}

fn condition(value: Value<'_>) -> Option<Condition<'_>> {
    let mut inner = Values(value.body);
    match value.tag {
        0x87 => Some(Condition { attribute: value.body, rule: &[], value: &[] }),
        0xa9 => {
            let rule = inner.expect(0x81).unwrap_or_default();
            let attribute = inner.expect(0x82).unwrap_or_default();
            Some(Condition { attribute, rule, value: inner.expect(0x83).unwrap_or_default() })
        }
        0xa3..=0xa6 | 0xa8 => {
            let attribute = inner.expect(tag::OCTETS)?;
            Some(Condition { attribute, rule: &[], value: inner.next().map_or(&[], |v| v.body) })
        }
        _ => None,
    }
}

/// Whether `bytes` begin like an LDAP message: a sequence with a number and an operation.
pub fn looks_message(bytes: &[u8]) -> bool {
    let Some((tag::SEQUENCE, length, begin)) = ber::head(bytes) else { return false };
    let id = ber::head(&bytes[begin..]);
    let Some((tag::INTEGER, size @ 1..=4, 2)) = id else { return false };
    let operation = bytes.get(begin + 2 + size);
    length >= 5 && matches!(operation, Some(0x42 | 0x4a | 0x50 | 0x60..=0x78))
}

/// Reads a message. `None`: not one that is of interest here.
pub fn message(bytes: &[u8]) -> Option<Said<'_>> {
    let mut fields = Values(Values(bytes).expect(tag::SEQUENCE)?);
    fields.integer()?;
    let operation = fields.next()?;
    let mut inner = Values(operation.body);
    match operation.tag {
        0x60 => bind(inner),
        0x61 => Some(Said::Bound { code: inner.integer()? }),
        0x63 => search(inner),
        0x65 => Some(Said::Searched { code: inner.integer()? }),
        0x66 | 0x68 | 0x4a | 0x6c => Some(Said::Change),
        0x77 if inner.expect(0x80)? == b"1.3.6.1.4.1.1466.20037" => Some(Said::StartTls),
        _ => None,
    }
}

fn bind(mut fields: Values<'_>) -> Option<Said<'_>> {
    fields.integer()?;
    let name = fields.expect(tag::OCTETS)?;
    let proof = fields.next()?;
    let how = match proof.tag {
        0x80 if proof.body.is_empty() => Proof::Anonymous,
        0x80 => Proof::Password,
        0xa3 => Proof::Mechanism(Values(proof.body).expect(tag::OCTETS)?),
        // NTLM in three steps ("Sicily").
        0x89..=0x8b => Proof::Mechanism(b"NTLM"),
        _ => return None,
    };
    Some(Said::Bind { name, how })
}

fn search(mut fields: Values<'_>) -> Option<Said<'_>> {
    let base = fields.expect(tag::OCTETS)?;
    let scope = fields.integer()?;
    fields.integer()?;
    fields.integer()?;
    fields.integer()?;
    fields.expect(tag::BOOLEAN)?;
    let before = fields.0;
    fields.next()?;
    let filter = &before[..before.len() - fields.0.len()];
    let attributes = fields.expect(tag::SEQUENCE).unwrap_or_default();
    Some(Said::Search(Search { base, scope, filter, attributes }))
}

/// The message inside a wrapper that signs but does not encrypt (RFC 4752, 4121; MS-NLMP): four bytes of length, a
/// token of 16 bytes, then the message. `None` when it is encrypted.
fn unwrapped(bytes: &[u8]) -> Option<&[u8]> {
    let inner = bytes.get(20..)?;
    looks_message(inner).then_some(inner)
}

/// An LDAP connection.
#[derive(Debug, Default)]
pub struct Session {
    gaps: Gaps,
    /// A mechanism was used to log in: what follows may be wrapped by it.
    wrapped: bool,
}

/// As much of a message as is read: of what the server sends only the result.
const READ: [usize; 2] = [8 * 1024, 64];
/// Longest wrapper and longest message.
const LONGEST: usize = 16 << 20;

fn length(bytes: &[u8], wrapped: bool) -> Length {
    let plain = ber::head(bytes).filter(|_| looks_message(bytes)).map(|(_, length, begin)| length + begin);
    let sealed = || {
        let token = matches!(bytes.get(4)?, 0x05 | 0x60 | 0x01);
        be32(bytes, 0).filter(|_| wrapped && token).map(|n| n as usize + 4)
    };
    Length::of(plain.or_else(sealed).filter(|n| *n < LONGEST), bytes, 12)
}

impl Conversation for Session {
    type Said<'a> = Said<'a>;

    fn begins(side: Side, bytes: &[u8], _: u16) -> bool {
        side == Side::Client && matches!(length(bytes, false), Length::Is(_))
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Heard {
        let Session { gaps, wrapped } = self;
        let known = *wrapped;
        gaps.read(
            side,
            bytes,
            READ[side as usize],
            |b| length(b, known),
            |whole| {
                let plain = if looks_message(whole) { Some(whole) } else { unwrapped(whole) };
                if let Some(said) = plain.and_then(message) {
                    *wrapped |= matches!(said, Said::Bind { how: Proof::Mechanism(_), .. });
                    say(said);
                }
            },
        )
    }

    fn lost(&mut self, side: Side) {
        self.gaps.lost(side);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let mut out = vec![tag, 0x82];
        out.extend((body.len() as u16).to_be_bytes());
        out.extend(body);
        out
    }

    /// A search for `filter` below a domain's root.
    pub(crate) fn search_for(filter: &[u8], attributes: &[&str]) -> Vec<u8> {
        let names: Vec<Vec<u8>> = attributes.iter().map(|a| tlv(tag::OCTETS, &[a.as_bytes()])).collect();
        let list = tlv(tag::SEQUENCE, &[&names.concat()]);
        let fixed = [0x0a, 1, 2, 0x0a, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0];
        let search = tlv(0x63, &[&tlv(tag::OCTETS, &[b"DC=x"]), &fixed, filter, &list]);
        tlv(tag::SEQUENCE, &[&[2, 1, 7], &search])
    }

    pub(crate) fn equal(attribute: &str, value: &str) -> Vec<u8> {
        tlv(0xa3, &[&tlv(tag::OCTETS, &[attribute.as_bytes()]), &tlv(tag::OCTETS, &[value.as_bytes()])])
    }

    fn all(session: &mut Session, side: Side, bytes: &[u8]) -> (Heard, Vec<String>) {
        let mut said = Vec::new();
        let heard = session.hear(side, bytes, &mut |s| said.push(format!("{s:?}")));
        (heard, said)
    }

    #[test]
    fn every_condition_of_a_nested_filter_is_seen() {
        let bits = tlv(
            0xa9,
            &[
                &tlv(0x81, &[b"1.2.840.113556.1.4.803"]),
                &tlv(0x82, &[b"userAccountControl"]),
                &tlv(0x83, &[b"4194304"]),
            ],
        );
        let not = tlv(0xa2, &[&tlv(0x87, &[b"servicePrincipalName"])]);
        let filter = tlv(0xa0, &[&equal("objectClass", "user"), &tlv(0xa1, &[&bits, &not])]);
        let bytes = search_for(&filter, &["cn", "memberOf"]);
        let Some(Said::Search(search)) = message(&bytes) else { panic!("a search") };
        let seen: Vec<_> = search.conditions().map(|c| (c.attribute, c.value)).collect();
        let expected: [(&[u8], &[u8]); 3] =
            [(b"objectClass", b"user"), (b"userAccountControl", b"4194304"), (b"servicePrincipalName", b"")];
        assert_eq!(seen, expected);
        assert_eq!((search.base, search.scope, search.attributes().count()), (&b"DC=x"[..], 2, 2));
    }

    #[test]
    fn binds_say_how_and_never_what() {
        let bind = |proof: &[u8]| {
            let bind = tlv(0x60, &[&[2, 1, 3], &tlv(tag::OCTETS, &[b"cn=anna"]), proof]);
            tlv(tag::SEQUENCE, &[&[2, 1, 1], &bind])
        };
        let (simple, none) = (bind(&tlv(0x80, &[b"secret"])), bind(&[0x80, 0]));
        assert_eq!(message(&simple), Some(Said::Bind { name: b"cn=anna", how: Proof::Password }));
        assert_eq!(message(&none), Some(Said::Bind { name: b"cn=anna", how: Proof::Anonymous }));
        assert!(!format!("{:?}", message(&simple)).contains("secret"));
        let sasl = bind(&tlv(0xa3, &[&tlv(tag::OCTETS, &[b"GSS-SPNEGO"])]));
        let how = Proof::Mechanism(b"GSS-SPNEGO");
        assert_eq!(message(&sasl), Some(Said::Bind { name: b"cn=anna", how }));
    }

    #[test]
    fn signed_messages_are_read_and_sealed_ones_passed() {
        let sasl = tlv(0xa3, &[&tlv(tag::OCTETS, &[b"GSS-SPNEGO"])]);
        let bind = tlv(tag::SEQUENCE, &[&[2, 1, 1], &tlv(0x60, &[&[2, 1, 3], &[4, 0], &sasl])]);
        let mut session = Session::default();
        assert!(Session::begins(Side::Client, &bind, 389));
        assert_eq!(all(&mut session, Side::Client, &bind).1.len(), 1);
        let wrap = |token: u8, body: &[u8]| {
            let mut out = (body.len() as u32 + 16).to_be_bytes().to_vec();
            out.extend([token; 16]);
            out.extend(body);
            out
        };
        let search = search_for(&equal("adminCount", "1"), &[]);
        let both = [wrap(1, &search), wrap(5, &[0xee; 300])].concat();
        let (heard, said) = all(&mut session, Side::Client, &both);
        assert_eq!((heard, said.len()), (Heard::Took(both.len()), 1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0usize..400) {
            let mut session = Session { wrapped: true, ..Session::default() };
            for bytes in [&bytes[..], &[&[0x30, 0x50, 2, 1, 1, 0x63, 0x40][..], &bytes].concat()] {
                if let Some(Said::Search(search)) = message(bytes) {
                    prop_assert!(search.conditions().count() <= MOST && search.attributes().count() <= MOST);
                }
                session.hear(Side::Client, &bytes[cut.min(bytes.len())..], &mut |_| ());
            }
        }

        #[test]
        fn cut_and_changed_searches_are_survived(at in 0usize..90, with in any::<u8>(), cut in 0usize..120) {
            let mut bytes = search_for(&tlv(0xa0, &[&equal("a", "b"), &tlv(0x87, &[b"c"])]), &["d", "e"]);
            let at = at % bytes.len();
            bytes[at] = with;
            let bytes = &bytes[..cut.min(bytes.len())];
            if let Some(Said::Search(search)) = message(bytes) {
                prop_assert!(search.conditions().count() <= MOST);
            }
        }
    }
}
