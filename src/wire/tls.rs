//! TLS handshakes as far as they are readable: ClientHello, ServerHello, Certificate (RFC 8446, 5246, 6066), with
//! JA3 and JA4 fingerprints.

mod certificate;
mod fingerprint;

use super::read::Reader;
use super::{Parsed, clean_text};
use crate::counters::Reject;
use fingerprint::Offer;
use std::borrow::Cow;

/// A hello larger than this is malformed: post-quantum key shares make two KiB, nothing honest makes sixteen.
pub const MAX_HELLO: usize = 16 * 1024;
/// Handshake bytes looked at on one side: a hello, and a certificate chain up to its leaf.
const MAX_HANDSHAKE: usize = 2 * MAX_HELLO;
/// Largest record fragment: 2^14 and what encryption may add (RFC 8446, 5.2).
const MAX_RECORD: usize = (1 << 14) + 256;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const MAX_ALPN: usize = 32;

/// What a ClientHello says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// Server name indication, lower case, cleaned, at most 253 characters.
    pub server_name: Option<String>,
    /// legacy_version.
    pub legacy_version: u16,
    /// Highest version offered, GREASE left out.
    pub version: u16,
    /// First ALPN protocol, such as `h2`.
    pub alpn: Option<String>,
    /// JA3, 32 hexadecimal digits.
    pub ja3: String,
    /// JA4, `t13d1516h2_8daaf6152771_…`.
    pub ja4: String,
}

/// What the server chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerHello {
    /// Negotiated version: 0x0300 SSL 3.0 … 0x0304 TLS 1.3 (from supported_versions where present).
    pub version: u16,
    /// Cipher suite.
    pub cipher: u16,
    /// ALPN chosen, when readable.
    pub alpn: Option<String>,
    /// The leaf certificate, when it was in the clear (TLS 1.2 and older) and complete.
    pub certificate: Option<Certificate>,
}

/// A leaf certificate, the parts people can judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Common name of the subject, cleaned.
    pub subject: String,
    /// Common name (or organisation) of the issuer, cleaned.
    pub issuer: String,
    /// Seconds since 1970 of notBefore and notAfter.
    pub valid: (i64, i64),
    /// Subject and issuer are the same name.
    pub self_signed: bool,
}

/// Whether the first payload of either side begins a TLS handshake: a few comparisons.
#[inline]
pub fn looks_handshake(payload: &[u8]) -> bool {
    matches!(payload, [HANDSHAKE, 3, 0..=4, 0..=0x41, _, CLIENT_HELLO | SERVER_HELLO, ..])
}

/// Looks for a ClientHello at the start of what a client sent (records and handshake fragments put together here).
pub fn client_hello(stream: &[u8]) -> Parsed<ClientHello> {
    let handshake = handshake(stream);
    message(&handshake.bytes, CLIENT_HELLO, handshake.more)
        .and_then(|body| Parsed::or_bad(read_client(body, 't'), Reject::TlsMalformed))
}

/// As [`client_hello`], for the bytes of CRYPTO frames: the same messages without records around them.
pub(super) fn client_hello_in_quic(crypto: &[u8]) -> Parsed<ClientHello> {
    message(crypto, CLIENT_HELLO, true)
        .and_then(|body| Parsed::or_bad(read_client(body, 'q'), Reject::TlsMalformed))
}

/// Looks for ServerHello, and Certificate when it follows in the clear, at the start of what a server sent.
/// `More` while the certificate is still coming; `last` means no more bytes will come: give what there is.
pub fn server_hello(stream: &[u8], last: bool) -> Parsed<ServerHello> {
    let handshake = handshake(stream);
    let found = message(&handshake.bytes, SERVER_HELLO, handshake.more).and_then(|body| {
        let Some(mut hello) = read_server(body) else { return Parsed::Bad(Reject::TlsMalformed) };
        if hello.version < 0x0304 {
            match leaf(&handshake.bytes[4 + body.len()..]) {
                Ok(der) => hello.certificate = der.and_then(certificate::read),
                Err(Cut) if handshake.more && !last => return Parsed::More,
                Err(Cut) => {}
            }
        }
        Parsed::Yes(hello)
    });
    match found {
        Parsed::More if last => Parsed::No,
        other => other,
    }
}

/// The handshake bytes at the start of one side's stream, out of their records.
struct Handshake<'a> {
    bytes: Cow<'a, [u8]>,
    /// Whether what was seen ends inside a handshake record or between two records.
    more: bool,
}

fn handshake(stream: &[u8]) -> Handshake<'_> {
    let mut bytes = Cow::Borrowed(&[][..]);
    let mut rest = stream;
    while bytes.len() < MAX_HANDSHAKE {
        let len = match rest {
            [HANDSHAKE, 3, 0..=4, high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
            [] | [HANDSHAKE] | [HANDSHAKE, 3] | [HANDSHAKE, 3, 0..=4] | [HANDSHAKE, 3, 0..=4, _] => {
                return Handshake { bytes, more: true };
            }
            _ => break,
        };
        if len == 0 || len > MAX_RECORD {
            break;
        }
        let body = &rest[5..];
        let fragment = &body[..len.min(body.len())];
        if bytes.is_empty() {
            bytes = Cow::Borrowed(fragment);
        } else {
            bytes.to_mut().extend_from_slice(fragment);
        }
        match body.get(len..) {
            Some(next) => rest = next,
            None => return Handshake { bytes, more: true },
        }
    }
    Handshake { bytes, more: false }
}

/// The body of the first handshake message when it is of this `kind`; `more` says whether bytes may follow.
fn message(bytes: &[u8], kind: u8, more: bool) -> Parsed<&[u8]> {
    let mut rest = Reader(bytes);
    match rest.u8() {
        Some(found) if found != kind => return Parsed::No,
        None if !more => return Parsed::No,
        _ => {}
    }
    match rest.u24().map(|len| (len, rest.take(len))) {
        Some((len, _)) if len > MAX_HELLO => Parsed::Bad(Reject::TlsMalformed),
        Some((_, Some(body))) => Parsed::Yes(body),
        _ if more => Parsed::More,
        _ => Parsed::Bad(Reject::TlsMalformed),
    }
}

/// The bytes end where more was announced.
struct Cut;

/// The first certificate of a Certificate message; `None` when another message comes instead.
fn leaf(bytes: &[u8]) -> Result<Option<&[u8]>, Cut> {
    if bytes.first().is_some_and(|kind| *kind != CERTIFICATE) {
        return Ok(None);
    }
    // Type, length of the message, length of the list, and then the leaf with its own length before it.
    let mut rest = Reader(bytes.get(7..).ok_or(Cut)?);
    let len = rest.u24().ok_or(Cut)?;
    if len > MAX_HELLO {
        return Ok(None);
    }
    rest.take(len).map(Some).ok_or(Cut)
}

fn read_client(body: &[u8], transport: char) -> Option<ClientHello> {
    let mut rest = Reader(body);
    let legacy_version = rest.u16()?;
    let (_random, _session) = (rest.take(32)?, rest.counted8()?);
    let mut offer = Offer { legacy_version, ciphers: words(rest.counted16()?), ..Offer::default() };
    let _compression = rest.counted8()?;
    let mut server_name = None;
    each_extension(rest, |kind, value| {
        offer.extensions.push(kind);
        match kind {
            0 => server_name = host_name(value),
            10 => offer.groups = Reader(value).counted16().map(words).unwrap_or_default(),
            11 => offer.point_formats = Reader(value).counted8().unwrap_or_default(),
            13 => offer.signatures = Reader(value).counted16().map(words).unwrap_or_default(),
            16 => offer.alpn = first_protocol(value).unwrap_or_default(),
            43 => offer.versions = Reader(value).counted8().map(words).unwrap_or_default(),
            _ => {}
        }
    })?;
    Some(ClientHello {
        server_name,
        legacy_version,
        version: offer.version(),
        alpn: cleaned(offer.alpn, MAX_ALPN),
        ja3: offer.ja3(),
        ja4: offer.ja4(transport),
    })
}

fn read_server(body: &[u8]) -> Option<ServerHello> {
    let mut rest = Reader(body);
    let version = rest.u16()?;
    let (_random, _session) = (rest.take(32)?, rest.counted8()?);
    let cipher = rest.u16()?;
    let _compression = rest.u8()?;
    let mut hello = ServerHello { version, cipher, ..ServerHello::default() };
    each_extension(rest, |kind, value| match kind {
        16 => hello.alpn = first_protocol(value).and_then(|name| cleaned(name, MAX_ALPN)),
        43 => hello.version = Reader(value).u16().unwrap_or(version),
        _ => {}
    })?;
    Some(hello)
}

/// Calls `see` with type and content of each extension. A hello may end before them; a block that does not fit is
/// malformed.
fn each_extension<'a>(mut rest: Reader<'a>, mut see: impl FnMut(u16, &'a [u8])) -> Option<()> {
    if rest.is_empty() {
        return Some(());
    }
    let mut block = Reader(rest.counted16()?);
    while !block.is_empty() {
        see(block.u16()?, block.counted16()?);
    }
    Some(())
}

fn words(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|w| u16::from_be_bytes([w[0], w[1]])).collect()
}

/// The host name of a server_name extension (RFC 6066, 3).
fn host_name(value: &[u8]) -> Option<String> {
    let mut list = Reader(Reader(value).counted16()?);
    let (0, name) = (list.u8()?, list.counted16()?) else { return None };
    cleaned(name.strip_suffix(b".").unwrap_or(name), 253).map(|name| name.to_lowercase())
}

fn first_protocol(value: &[u8]) -> Option<&[u8]> {
    Reader(Reader(value).counted16()?).counted8()
}

fn cleaned(bytes: &[u8], max: usize) -> Option<String> {
    Some(clean_text(bytes, max)).filter(|text| !text.is_empty())
}

#[cfg(test)]
pub(super) mod tests {
    use super::certificate::tests::{certificate, common_name};
    use super::*;
    use proptest::prelude::*;

    fn counted(width: usize, content: &[u8]) -> Vec<u8> {
        let mut bytes = (content.len() as u32).to_be_bytes()[4 - width..].to_vec();
        bytes.extend(content);
        bytes
    }

    fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
        [kind.to_be_bytes().to_vec(), counted(2, content)].concat()
    }

    fn handshake_message(kind: u8, body: &[u8]) -> Vec<u8> {
        [vec![kind], counted(3, body)].concat()
    }

    /// `message` in records of at most `size` bytes.
    fn records(message: &[u8], size: usize) -> Vec<u8> {
        message.chunks(size).flat_map(|part| [vec![22, 3, 1], counted(2, part)].concat()).collect()
    }

    /// A ClientHello message with GREASE, SNI, ALPN and TLS 1.3, without a record around it.
    pub fn sample_client(name: &str) -> Vec<u8> {
        let sni = counted(2, &[vec![0], counted(2, name.as_bytes())].concat());
        let extensions = [
            extension(0x1a1a, &[]),
            extension(0, &sni),
            extension(10, &counted(2, &[0x2a, 0x2a, 0, 29, 0, 23])),
            extension(11, &[1, 0]),
            extension(13, &counted(2, &[4, 3, 8, 4])),
            extension(16, &counted(2, b"\x02h2\x08http/1.1")),
            extension(43, &counted(1, &[0x3a, 0x3a, 3, 4, 3, 3])),
            extension(21, &[0; 300]),
        ]
        .concat();
        let ciphers = [0x4a, 0x4a, 0x13, 1, 0xc0, 0x2b];
        let body = [
            vec![3, 3],
            vec![7; 32],
            counted(1, &[9; 32]),
            counted(2, &ciphers),
            counted(1, &[0]),
            counted(2, &extensions),
        ];
        handshake_message(CLIENT_HELLO, &body.concat())
    }

    fn server(extensions: &[u8]) -> Vec<u8> {
        let body = [vec![3, 3], vec![7; 32], counted(1, &[]), vec![0xc0, 0x2f, 0], counted(2, extensions)];
        handshake_message(SERVER_HELLO, &body.concat())
    }

    fn certificates() -> Vec<u8> {
        let der = certificate(&[common_name("Test CA")], &[common_name("leaf.example")]);
        handshake_message(CERTIFICATE, &counted(3, &[counted(3, &der), counted(3, &der)].concat()))
    }

    fn yes<T: std::fmt::Debug>(parsed: Parsed<T>) -> T {
        match parsed {
            Parsed::Yes(hello) => hello,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_client_hello_says_what_it_wants() {
        let hello = yes(client_hello(&records(&sample_client("WWW.Example.ORG."), 16384)));
        assert_eq!(hello.server_name.as_deref(), Some("www.example.org"));
        assert_eq!((hello.legacy_version, hello.version), (0x0303, 0x0304));
        assert_eq!(hello.alpn.as_deref(), Some("h2"));
        // The strings are "771,4865-49195,0-10-11-13-16-43-21,29-23,0" and
        // "t13d0207h2_1301,c02b_000a,000b,000d,0015,002b_0403,0804", hashed elsewhere.
        assert_eq!(hello.ja3, "19e140f9816c26fd5658e62f24206b3b");
        assert_eq!(hello.ja4, "t13d0207h2_777cda164f4b_dc49850d21d7");
    }

    #[test]
    fn a_hello_is_put_together_from_records_of_any_size_and_waited_for() {
        let message = sample_client("a.example");
        let whole = yes(client_hello(&records(&message, 16384)));
        for size in [1, 3, 100, 333] {
            let stream = records(&message, size);
            assert_eq!(yes(client_hello(&stream)), whole);
            for cut in 0..stream.len() {
                assert!(matches!(client_hello(&stream[..cut]), Parsed::More), "{size} {cut}");
            }
        }
    }

    #[test]
    fn what_is_not_a_client_hello_is_told_apart_from_what_is_broken() {
        let old = [0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10];
        for other in
            [&b"GET / HTTP/1.1"[..], b"SSH-2.0-x", &old, &[21, 3, 3, 0, 2, 2, 40], &[22, 2, 0, 0, 1, 1]]
        {
            assert!(matches!(client_hello(other), Parsed::No), "{other:?}");
            assert!(!looks_handshake(other));
        }
        assert!(matches!(client_hello(&records(&server(&[]), 99)), Parsed::No));
        let mut broken = records(&sample_client("a"), 16384);
        assert!(looks_handshake(&broken));
        broken[44] = 0xff; // the length of the session id's successor: ciphers run past the end
        broken[76] = 0xff;
        assert!(matches!(client_hello(&broken), Parsed::Bad(Reject::TlsMalformed)));
        assert!(matches!(client_hello(&[22, 3, 1, 0, 4, 1, 0xff, 0, 0]), Parsed::Bad(_)), "16 MiB of hello");
        let stopped = [&records(&sample_client("a"), 16384)[..50], &[20, 3, 3, 0, 1, 1]].concat();
        assert!(matches!(client_hello(&stopped), Parsed::More), "the record is not full yet");
        let other_record = [&[22, 3, 1, 0, 2, 1, 0][..], &[23, 3, 3, 0, 1, 1]].concat();
        assert!(matches!(client_hello(&other_record), Parsed::Bad(_)));
    }

    #[test]
    fn a_hello_without_extensions_is_complete() {
        let body = [vec![3, 1], vec![0; 32], vec![0], counted(2, &[0, 4]), vec![1, 0]].concat();
        let hello = yes(client_hello(&records(&handshake_message(CLIENT_HELLO, &body), 99)));
        assert_eq!((hello.server_name, hello.version), (None, 0x0301));
        assert!(hello.ja4.starts_with("t10i0100"));
    }

    #[test]
    fn a_server_hello_says_what_was_chosen_with_the_leaf_certificate() {
        let alpn = extension(16, &counted(2, b"\x02h2"));
        let stream = records(&[server(&alpn), certificates()].concat(), 700);
        let hello = yes(server_hello(&stream, false));
        assert_eq!((hello.version, hello.cipher, hello.alpn.as_deref()), (0x0303, 0xc02f, Some("h2")));
        let cert = hello.certificate.unwrap();
        assert_eq!((cert.subject.as_str(), cert.issuer.as_str()), ("leaf.example", "Test CA"));
        for cut in 0..400 {
            assert!(matches!(server_hello(&stream[..cut], false), Parsed::More), "{cut}");
        }
        let early = yes(server_hello(&stream[..400], true));
        assert_eq!((early.cipher, early.certificate), (0xc02f, None));
    }

    #[test]
    fn tls_13_and_resumed_sessions_are_not_waited_for() {
        let hello = yes(server_hello(&records(&server(&extension(43, &[3, 4])), 16384), false));
        assert_eq!((hello.version, hello.certificate), (0x0304, None));
        let resumed = [records(&server(&[]), 16384), vec![20, 3, 3, 0, 1, 1]].concat();
        assert_eq!(yes(server_hello(&resumed, false)).certificate, None);
        assert!(matches!(server_hello(&[21, 3, 3, 0, 2, 2, 40], false), Parsed::No));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), last: bool) {
            let _ = (client_hello(&bytes), server_hello(&bytes, last), client_hello_in_quic(&bytes));
            let _ = (read_client(&bytes, 't'), read_server(&bytes));
        }

        #[test]
        fn damaged_hellos_are_survived(at: usize, byte: u8, size in 1..800usize, cut in 0..1500usize) {
            let both = [server(&extension(16, &[])), certificates()].concat();
            for mut bytes in [records(&sample_client("a"), size), records(&both, size)] {
                let at = at % bytes.len();
                bytes[at] = byte;
                bytes.truncate(cut);
                let _ = (client_hello(&bytes), server_hello(&bytes, false), server_hello(&bytes, true));
            }
        }
    }
}
