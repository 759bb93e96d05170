//! DNS messages (RFC 1035, 6895), as DNS, mDNS (RFC 6762) and LLMNR (RFC 4795) use them.

use super::{Parsed, be16, be32};
use crate::addr::Ip;
use crate::counters::Reject;

/// A name on the wire has at most 255 bytes (RFC 1035, 2.3.4): 253 of text.
const MAX_TEXT: usize = 253;
/// Compression pointers followed in one name. Real messages need two or three; every jump goes backwards.
const MAX_JUMPS: usize = 16;
/// Questions stepped over. DNS has one, mDNS a few dozen.
const MAX_QUESTIONS: u16 = 256;
/// Records read from one message.
const MAX_RECORDS: usize = 64;
const HEADER: usize = 12;

/// A domain name in dotted text: lower case, without the final dot, at most 253 bytes, every byte that is not
/// printable ASCII (or is a dot inside a label) replaced by `?`. Lives on the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name {
    len: u8,
    bytes: [u8; MAX_TEXT],
}

impl Name {
    /// The root: an empty name.
    pub const ROOT: Name = Name { len: 0, bytes: [0; MAX_TEXT] };

    /// From dotted text, cleaned like a name from the wire and cut at 253 bytes.
    pub fn from_text(text: &str) -> Name {
        let mut name = Name::ROOT;
        let text = text.strip_suffix('.').unwrap_or(text);
        for byte in text.bytes().take(MAX_TEXT) {
            name.push(if byte == b'.' { byte } else { clean(byte) });
        }
        name
    }

    /// Reads the name at `at`, and where the bytes after it begin. `None` when it is cut, too long, jumps forward or
    /// too often, or has a label of an unknown kind.
    fn read(message: &[u8], at: usize) -> Option<(Name, usize)> {
        let mut name = Name::ROOT;
        let (mut at, mut after, mut jumps) = (at, None, 0);
        loop {
            let kind = usize::from(*message.get(at)?);
            match kind >> 6 {
                0 if kind == 0 => return Some((name, after.unwrap_or(at + 1))),
                0 => {
                    name.label(message.get(at + 1..at + 1 + kind)?)?;
                    at += 1 + kind;
                }
                3 => {
                    let target = usize::from(be16(message, at)? & 0x3fff);
                    jumps += 1;
                    if target >= at || target < HEADER || jumps > MAX_JUMPS {
                        return None;
                    }
                    after.get_or_insert(at + 2);
                    at = target;
                }
                _ => return None,
            }
        }
    }

    fn label(&mut self, label: &[u8]) -> Option<()> {
        let dot = usize::from(self.len > 0);
        if usize::from(self.len) + dot + label.len() > MAX_TEXT {
            return None;
        }
        if dot == 1 {
            self.push(b'.');
        }
        label.iter().for_each(|byte| self.push(clean(*byte)));
        Some(())
    }

    /// The caller has made sure that there is room.
    #[inline]
    fn push(&mut self, byte: u8) {
        self.bytes[usize::from(self.len)] = byte;
        self.len += 1;
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("")
    }
}

/// One byte of a label: lower case, `?` where it is not printable ASCII or is a dot of its own.
#[inline]
fn clean(byte: u8) -> u8 {
    match byte {
        b'.' => b'?',
        b' '..=b'~' => byte.to_ascii_lowercase(),
        _ => b'?',
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Record types that are looked into.
pub mod rtype {
    #![allow(missing_docs)]
    pub const A: u16 = 1;
    pub const CNAME: u16 = 5;
    pub const NULL: u16 = 10;
    pub const PTR: u16 = 12;
    pub const MX: u16 = 15;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const HTTPS: u16 = 65;
    pub const ANY: u16 = 255;
}

/// A checked DNS message: header, first question, and records that are read on demand.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Transaction id.
    pub id: u16,
    /// QR bit.
    pub response: bool,
    /// Opcode.
    pub opcode: u8,
    /// Response code (low four bits).
    pub rcode: u8,
    /// TC bit.
    pub truncated: bool,
    /// First question, when there is one.
    pub question: Option<Question>,
    /// Counts of the four sections.
    pub counts: [u16; 4],
    /// Length of the message on the wire.
    pub len: u32,
    bytes: &'a [u8],
    records_at: usize,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name asked for.
    pub name: Name,
    /// Record type asked for, see [`rtype`].
    pub rtype: u16,
    /// Class, without mDNS' unicast bit.
    pub class: u16,
}

/// One resource record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Which section: 1 answer, 2 authority, 3 additional.
    pub section: u8,
    /// Owner name.
    pub name: Name,
    /// Type.
    pub rtype: u16,
    /// Time to live, seconds.
    pub ttl: u32,
    /// Content.
    pub data: Data<'a>,
}

/// The content of a record.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// A or AAAA.
    Address(Ip),
    /// CNAME, PTR: the name pointed at.
    Name(Name),
    /// SRV: target and port.
    Service(Name, u16),
    /// TXT, NULL and everything else, as bytes.
    Bytes(&'a [u8]),
}

/// Reads a message (over TCP: without the length prefix). Malformed counts or names give `Bad`; a header that no
/// resolver would write gives `No`.
pub fn parse(payload: &[u8]) -> Parsed<Message<'_>> {
    match header(payload) {
        None => Parsed::No,
        Some(message) => Parsed::or_bad(questions(message), Reject::DnsMalformed),
    }
}

/// Reads the first message of a TCP stream: two bytes of length, then the message.
pub fn parse_stream(stream: &[u8]) -> Parsed<Message<'_>> {
    let Some(len) = be16(stream, 0) else { return Parsed::More };
    let len = usize::from(len);
    if len < HEADER {
        return Parsed::No;
    }
    match stream.get(2..2 + len) {
        Some(message) => parse(message),
        None if stream.len() >= 2 + HEADER && header(&stream[2..]).is_none() => Parsed::No,
        None => Parsed::More,
    }
}

/// The fixed header, when it is plausible: a known opcode, the reserved bit clear, no result in a query, something
/// asked, but not hundreds of things.
fn header(payload: &[u8]) -> Option<Message<'_>> {
    let flags = be16(payload, 2)?;
    let counts = [be16(payload, 4)?, be16(payload, 6)?, be16(payload, 8)?, be16(payload, 10)?];
    let message = Message {
        id: be16(payload, 0)?,
        response: flags & 0x8000 != 0,
        opcode: (flags >> 11 & 0xf) as u8,
        rcode: (flags & 0xf) as u8,
        truncated: flags & 0x0200 != 0,
        question: None,
        counts,
        len: payload.len() as u32,
        bytes: payload,
        records_at: HEADER,
    };
    let known_opcode = matches!(message.opcode, 0..=2 | 4..=6);
    let asks = message.response || (message.rcode == 0 && counts != [0; 4]);
    (known_opcode && flags & 0x0040 == 0 && asks && counts[0] <= MAX_QUESTIONS).then_some(message)
}

/// Reads the first question, steps over the others, and checks that the records counted can be there.
fn questions(mut message: Message<'_>) -> Option<Message<'_>> {
    let [questions, answers, authorities, additionals] = message.counts;
    let mut at = HEADER;
    for index in 0..questions {
        let fixed = if index == 0 {
            let (name, fixed) = Name::read(message.bytes, at)?;
            let (rtype, class) = (be16(message.bytes, fixed)?, be16(message.bytes, fixed + 2)? & 0x7fff);
            message.question = Some(Question { name, rtype, class });
            fixed
        } else {
            skip_name(message.bytes, at)?
        };
        at = fixed + 4;
    }
    let smallest = 11 * (usize::from(answers) + usize::from(authorities) + usize::from(additionals));
    let left = message.bytes.len().checked_sub(at)?;
    message.records_at = at;
    (smallest <= left || message.truncated).then_some(message)
}

/// Where the bytes after a name begin, without reading what it says.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let kind = usize::from(*message.get(at)?);
        match kind >> 6 {
            0 if kind == 0 => return Some(at + 1),
            0 => at += 1 + kind,
            3 => return Some(at + 2),
            _ => return None,
        }
    }
}

impl<'a> Message<'a> {
    /// The records after the questions, in order; ends at the first malformed one, at most 64.
    pub fn records(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let (bytes, [_, answers, authorities, _]) = (self.bytes, self.counts);
        let total = self.counts[1..].iter().map(|c| usize::from(*c)).sum::<usize>();
        let mut at = self.records_at;
        (0..total.min(MAX_RECORDS)).map_while(move |index| {
            let (mut record, after) = record(bytes, at)?;
            at = after;
            record.section = match index {
                i if i < usize::from(answers) => 1,
                i if i < usize::from(answers) + usize::from(authorities) => 2,
                _ => 3,
            };
            Some(record)
        })
    }
}

/// The record at `at`, its section still open, and where the next one begins.
fn record(message: &[u8], at: usize) -> Option<(Record<'_>, usize)> {
    let (name, fixed) = Name::read(message, at)?;
    let rtype = be16(message, fixed)?;
    // mDNS sets the top bit to tell caches to forget what they had (RFC 6762, 10.2).
    let internet = be16(message, fixed + 2)? & 0x7fff == 1;
    let ttl = be32(message, fixed + 4)?;
    let data_at = fixed + 10;
    let after = data_at + usize::from(be16(message, fixed + 8)?);
    let bytes = message.get(data_at..after)?;
    let name_at = |at| Name::read(message, at).filter(|(_, end)| *end <= after).map(|(name, _)| name);
    let data = match rtype {
        // Updates (RFC 2136, 2.5) use other classes with types that then hold nothing.
        _ if !internet => Data::Bytes(bytes),
        rtype::A => Data::Address(Ip::v4(bytes.try_into().ok()?)),
        rtype::AAAA => Data::Address(Ip::v6(bytes.try_into().ok()?)),
        rtype::CNAME | rtype::PTR => Data::Name(name_at(data_at)?),
        rtype::SRV => Data::Service(name_at(data_at + 6)?, be16(bytes, 4)?),
        _ => Data::Bytes(bytes),
    };
    Some((Record { section: 0, name, rtype, ttl, data }, after))
}

/// Second-level labels under which countries let people register, as in `co.uk`, `com.au` or `or.jp`.
const SECOND_LEVEL: [&str; 24] = [
    "ac", "asn", "co", "com", "ed", "edu", "gen", "go", "gob", "gouv", "gov", "gv", "id", "ltd", "me", "mil",
    "ne", "net", "nom", "or", "org", "plc", "sch", "web",
];

/// The part of `name` that somebody registered: the last two labels, or three where the last two are a suffix shared
/// by strangers.
///
/// A two-letter country with a second level of `SECOND_LEVEL` counts as such a suffix. That is a rule of thumb in
/// place of the public suffix list (a quarter of a megabyte that ages): it is used to group names by owner.
pub fn registered_domain(name: &str) -> &str {
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    let (Some(top), Some(second)) = (dots.next(), dots.next()) else { return name };
    let shared = name.len() - top == 3 && SECOND_LEVEL.contains(&&name[second + 1..top]);
    match dots.next() {
        Some(third) if shared => &name[third + 1..],
        None if shared => name,
        _ => &name[second + 1..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wire(name: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for label in name.split('.').filter(|l| !l.is_empty()) {
            bytes.push(label.len() as u8);
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        bytes
    }

    fn message(flags: u16, counts: [u16; 4], body: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0x12, 0x34];
        bytes.extend(flags.to_be_bytes());
        counts.iter().for_each(|c| bytes.extend(c.to_be_bytes()));
        body.iter().for_each(|b| bytes.extend(*b));
        bytes
    }

    fn rr(owner: &[u8], rtype: u16, class: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = owner.to_vec();
        bytes.extend(rtype.to_be_bytes());
        bytes.extend(class.to_be_bytes());
        bytes.extend(300u32.to_be_bytes());
        bytes.extend((data.len() as u16).to_be_bytes());
        bytes.extend(data);
        bytes
    }

    fn yes(bytes: &[u8]) -> Message<'_> {
        match parse(bytes) {
            Parsed::Yes(message) => message,
            other => panic!("{other:?}"),
        }
    }

    fn is_bad(bytes: &[u8]) -> bool {
        matches!(parse(bytes), Parsed::Bad(Reject::DnsMalformed))
    }

    /// A response with every kind of record that is looked into; names point back at the question (offset 12).
    fn response() -> Vec<u8> {
        let ptr = [0xc0, 12];
        let srv = [&[0, 1, 0, 2, 0x1f, 0x90][..], &wire("srv.example")].concat();
        message(
            0x8180,
            [1, 4, 1, 2],
            &[
                &wire("WWW.Example.COM"),
                &[0, 1, 0, 1],
                &rr(&ptr, rtype::CNAME, 1, &[3, b'c', b'd', b'n', 0xc0, 16]),
                &rr(&ptr, rtype::A, 0x8001, &[192, 0, 2, 1]),
                &rr(&ptr, rtype::AAAA, 1, &[0xfe; 16]),
                &rr(&ptr, rtype::TXT, 1, b"\x05hello"),
                &rr(&wire("a.b"), rtype::SRV, 1, &srv),
                &rr(&[0], 41, 4096, &[]),
                &rr(&[0xc0, 16], rtype::PTR, 1, &wire("host.lan")),
            ],
        )
    }

    #[test]
    fn a_response_gives_its_question_and_every_record_with_its_section() {
        let bytes = response();
        let message = yes(&bytes);
        assert!(message.response && !message.truncated);
        let question = message.question.unwrap();
        assert_eq!((question.name.as_str(), question.rtype, question.class), ("www.example.com", 1, 1));
        let seen: Vec<String> =
            message.records().map(|r| format!("{} {:?} {:?}", r.section, r.name, r.data)).collect();
        assert_eq!(
            seen,
            [
                "1 www.example.com Name(cdn.example.com)",
                "1 www.example.com Address(192.0.2.1)",
                "1 www.example.com Address(fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe)",
                "1 www.example.com Bytes([5, 104, 101, 108, 108, 111])",
                "2 a.b Service(srv.example, 8080)",
                "3  Bytes([])",
                "3 example.com Name(host.lan)",
            ]
        );
    }

    #[test]
    fn mdns_loses_the_unicast_bit_and_may_ask_several_questions() {
        let bytes = message(
            0,
            [2, 1, 0, 0],
            &[
                &wire("_ipp._tcp.local"),
                &[0, 12, 0x80, 1],
                &[0xc0, 12, 0, 33, 0, 1],
                &rr(&[0xc0, 12], rtype::A, 1, &[10, 0, 0, 1]),
            ],
        );
        let message = yes(&bytes);
        assert_eq!(message.question.unwrap().class, 1);
        assert_eq!(message.records().count(), 1);
    }

    #[test]
    fn an_update_that_deletes_has_records_without_content() {
        let delete = |rtype| rr(&[0xc0, 12], rtype, 255, &[]);
        let add = rr(&[0xc0, 12], rtype::A, 1, &[10, 0, 0, 1]);
        let zone = [&wire("lan")[..], &[0, 6, 0, 1]].concat();
        let bytes =
            message(0x2800, [1, 0, 3, 0], &[&zone, &delete(rtype::AAAA), &delete(rtype::CNAME), &add]);
        assert!(matches!(
            yes(&bytes).records().last(),
            Some(Record { section: 2, data: Data::Address(_), .. })
        ));
    }

    #[test]
    fn names_are_lower_case_and_hostile_bytes_become_question_marks() {
        let bytes = message(0, [1, 0, 0, 0], &[b"\x06A.b\xff\n<\x01Z\0", &[0, 1, 0, 1]]);
        assert_eq!(yes(&bytes).question.unwrap().name.as_str(), "a?b??<.z");
        assert_eq!(Name::from_text("Foo.Bar.").as_str(), "foo.bar");
        assert_eq!(Name::from_text(&"x".repeat(900)).as_str().len(), 253);
    }

    #[test]
    fn pointers_that_loop_or_go_forward_or_into_the_header_are_bad() {
        for pointer in [[0xc0, 12], [0xc0, 14], [0xc0, 40], [0xff, 0xff], [0xc0, 2]] {
            assert!(is_bad(&message(0, [1, 0, 0, 0], &[&pointer, &[0, 1, 0, 1]])), "{pointer:?}");
        }
        let two = message(0, [1, 0, 0, 0], &[&[1, b'a', 0xc0, 12], &[0, 1, 0, 1]]);
        assert!(is_bad(&two), "a label and a pointer to it never end");
    }

    #[test]
    fn a_long_chain_of_backward_pointers_ends_the_records() {
        let records = |links: u16| {
            // The chain is the data of the first record, at 23: a name, then pointers each to the one before.
            let mut chain = wire("a");
            let mut last = 23u16;
            for link in 0..links {
                chain.extend((0xc000 | last).to_be_bytes());
                last = 26 + 2 * link;
            }
            let owner = (0xc000 | last).to_be_bytes();
            let bytes = message(
                0x8000,
                [0, 2, 0, 0],
                &[&rr(&[0], rtype::NULL, 1, &chain), &rr(&owner, 1, 1, &[1; 4])],
            );
            yes(&bytes).records().count()
        };
        assert_eq!((records(10), records(40)), (2, 1));
    }

    #[test]
    fn a_name_of_255_bytes_is_read_and_a_longer_one_is_bad() {
        let label = "x".repeat(63);
        let fits = format!("{label}.{label}.{label}.{}", "y".repeat(61));
        let bytes = message(0, [1, 0, 0, 0], &[&wire(&fits), &[0, 1, 0, 1]]);
        assert_eq!(yes(&bytes).question.unwrap().name.as_str(), fits);
        assert!(is_bad(&message(0, [1, 0, 0, 0], &[&wire(&(fits + "z")), &[0, 1, 0, 1]])));
    }

    #[test]
    fn other_protocols_on_the_port_are_not_dns_and_impossible_counts_are_bad() {
        assert!(matches!(parse(b""), Parsed::No));
        assert!(matches!(parse(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Parsed::No));
        assert!(matches!(parse(b"SSH-2.0-OpenSSH_9.6\r\n"), Parsed::No));
        assert!(matches!(parse(&message(0, [0; 4], &[])), Parsed::No), "a query that asks nothing");
        assert!(is_bad(&message(0x8180, [1, 9, 0, 0], &[&wire("a"), &[0, 1, 0, 1]])));
        assert!(is_bad(&message(0, [200, 0, 0, 0], &[&[0; 400]])));
        assert!(matches!(parse(&message(0, [0xffff, 0, 0, 0], &[&[0; 400]])), Parsed::No));
        assert!(matches!(parse(&message(0x8005, [0; 4], &[])), Parsed::Yes(_)), "REFUSED without a question");
    }

    #[test]
    fn over_tcp_the_length_comes_first() {
        let bytes = response();
        let mut stream = (bytes.len() as u16).to_be_bytes().to_vec();
        stream.extend(&bytes);
        for cut in 0..stream.len() {
            assert!(matches!(parse_stream(&stream[..cut]), Parsed::More), "{cut}");
        }
        assert!(matches!(parse_stream(&stream), Parsed::Yes(_)));
        assert!(matches!(parse_stream(b"GET / HTTP/1.1\r\n"), Parsed::No));
    }

    #[test]
    fn the_registered_domain_has_two_labels_or_three_under_a_shared_suffix() {
        for (name, want) in [
            ("", ""),
            ("localhost", "localhost"),
            ("example.com", "example.com"),
            ("a.b.example.com", "example.com"),
            ("www.bbc.co.uk", "bbc.co.uk"),
            ("bbc.co.uk", "bbc.co.uk"),
            ("co.uk", "co.uk"),
            ("x.y.com.au", "y.com.au"),
            ("t.co", "t.co"),
            ("www.co.com", "co.com"),
            ("a.b.c.nl", "c.nl"),
        ] {
            assert_eq!(registered_domain(name), want);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Parsed::Yes(message) = parse(&bytes) {
                prop_assert!(message.records().count() <= MAX_RECORDS);
            }
            let _ = parse_stream(&bytes);
        }

        #[test]
        fn a_damaged_message_is_survived(at in 0..200usize, byte: u8, cut in 0..260usize) {
            let mut bytes = response();
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(cut);
            if let Parsed::Yes(message) = parse(&bytes) {
                for record in message.records() {
                    prop_assert!(record.name.as_str().len() <= MAX_TEXT);
                }
            }
        }

        #[test]
        fn the_registered_domain_is_the_end_of_the_name(name in "[a-z.]{0,30}") {
            prop_assert!(name.ends_with(registered_domain(&name)));
        }
    }
}
