//! The parts of an X.509 certificate (RFC 5280) that people can judge, by a walk over its DER.

use super::super::{clean_text, read::Reader};
use super::Certificate;
use crate::time::WallTime;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const BMP_STRING: u8 = 0x1e;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// id-at-commonName and id-at-organizationName: 2.5.4.3 and 2.5.4.10.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANISATION: &[u8] = &[0x55, 4, 10];
/// Characters kept of a name.
const MAX_NAME: usize = 128;

/// Reads a certificate; `None` when it is not one. Nothing is verified.
pub(super) fn read(der: &[u8]) -> Option<Certificate> {
    let mut tbs = Reader(expect(&mut Reader(expect(&mut Reader(der), SEQUENCE)?), SEQUENCE)?);
    // Version 1 certificates leave the version out and begin with the serial number.
    if element(&mut tbs)?.0 == 0xa0 {
        element(&mut tbs)?;
    }
    expect(&mut tbs, SEQUENCE)?;
    let issuer = expect(&mut tbs, SEQUENCE)?;
    let mut validity = Reader(expect(&mut tbs, SEQUENCE)?);
    let valid = (time(&mut validity)?, time(&mut validity)?);
    let subject = expect(&mut tbs, SEQUENCE)?;
    Some(Certificate { subject: name(subject), issuer: name(issuer), valid, self_signed: subject == issuer })
}

/// The next element: tag and content.
fn element<'a>(rest: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let tag = rest.u8()?;
    let len = match rest.u8()? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(rest.u8()?),
        0x82 => usize::from(rest.u16()?),
        0x83 => rest.u24()?,
        _ => return None,
    };
    Some((tag, rest.take(len)?))
}

fn expect<'a>(rest: &mut Reader<'a>, tag: u8) -> Option<&'a [u8]> {
    element(rest).filter(|(found, _)| *found == tag).map(|(_, content)| content)
}

/// The common name, or else the organisation.
fn name(distinguished: &[u8]) -> String {
    attribute(distinguished, COMMON_NAME)
        .or_else(|| attribute(distinguished, ORGANISATION))
        .unwrap_or_default()
}

fn attribute(distinguished: &[u8], kind: &[u8]) -> Option<String> {
    let mut sets = Reader(distinguished);
    while let Some(set) = expect(&mut sets, SET) {
        let mut pairs = Reader(set);
        while let Some(pair) = expect(&mut pairs, SEQUENCE) {
            let mut pair = Reader(pair);
            if expect(&mut pair, OBJECT_ID)? == kind {
                return element(&mut pair).map(text);
            }
        }
    }
    None
}

fn text((tag, content): (u8, &[u8])) -> String {
    if tag != BMP_STRING {
        return clean_text(content, MAX_NAME);
    }
    let units = content.chunks_exact(2).take(MAX_NAME).map(|c| u16::from_be_bytes([c[0], c[1]]));
    let wide: String = char::decode_utf16(units).map(|c| c.unwrap_or('?')).collect();
    clean_text(wide.as_bytes(), MAX_NAME)
}

/// Seconds since 1970 of a UTCTime (`YYMMDDhhmmssZ`, years from 1950) or a GeneralizedTime (`YYYYMMDDhhmmssZ`).
fn time(rest: &mut Reader<'_>) -> Option<i64> {
    let (tag, content) = element(rest)?;
    let digits = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    let century = match tag {
        UTC_TIME if digits >= "5" => "19",
        UTC_TIME => "20",
        GENERALIZED_TIME => "",
        _ => return None,
    };
    let all = format!("{century}{digits}");
    if all.len() != 14 || !all.is_ascii() {
        return None;
    }
    let [y, m, d, h, min, s] = [&all[..4], &all[4..6], &all[6..8], &all[8..10], &all[10..12], &all[12..]];
    Some(WallTime::parse(&format!("{y}-{m}-{d}T{h}:{min}:{s}Z"))?.secs())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn der(tag: u8, content: &[&[u8]]) -> Vec<u8> {
        let content = content.concat();
        let mut bytes = vec![tag];
        match content.len() {
            len @ 0..=0x7f => bytes.push(len as u8),
            len => bytes.extend([0x82, (len >> 8) as u8, len as u8]),
        }
        bytes.extend(content);
        bytes
    }

    fn rdn(kind: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        der(SET, &[&der(SEQUENCE, &[&der(OBJECT_ID, &[kind]), &der(tag, &[value])])])
    }

    pub fn certificate(issuer: &[Vec<u8>], subject: &[Vec<u8>]) -> Vec<u8> {
        let name = |parts: &[Vec<u8>]| der(SEQUENCE, &[&parts.concat()]);
        let validity = der(
            SEQUENCE,
            &[&der(UTC_TIME, &[b"700101000010Z"]), &der(GENERALIZED_TIME, &[b"20300101000000Z"])],
        );
        let tbs = der(
            SEQUENCE,
            &[
                &der(0xa0, &[&[2, 1, 2]]),
                &der(2, &[&[1]]),
                &der(SEQUENCE, &[]),
                &name(issuer),
                &validity,
                &name(subject),
                &der(SEQUENCE, &[&[0; 200]]),
            ],
        );
        der(SEQUENCE, &[&tbs, &der(SEQUENCE, &[]), &der(3, &[&[0; 64]])])
    }

    pub fn common_name(text: &str) -> Vec<u8> {
        rdn(COMMON_NAME, 0x0c, text.as_bytes())
    }

    #[test]
    fn names_and_validity_are_read() {
        let issuer = [rdn(ORGANISATION, 0x13, b"Example Trust"), common_name("Example CA")];
        let cert = read(&certificate(&issuer, &[common_name("*.example.org")])).unwrap();
        assert_eq!((cert.subject.as_str(), cert.issuer.as_str()), ("*.example.org", "Example CA"));
        assert_eq!(cert.valid, (10, 1_893_456_000));
        assert!(!cert.self_signed);
    }

    #[test]
    fn the_organisation_stands_in_and_wide_text_is_read_and_hostile_text_cleaned() {
        let issuer = [rdn(ORGANISATION, BMP_STRING, &[0, b'A', 0, 0xe9, 0, 7])];
        let cert = read(&certificate(&issuer, &[common_name("x\u{202e}y\n")])).unwrap();
        assert_eq!((cert.subject.as_str(), cert.issuer.as_str()), ("xy", "Aé"));
        let own = [common_name("router.lan")];
        assert!(read(&certificate(&own, &own)).unwrap().self_signed);
    }

    proptest! {
        #[test]
        fn a_damaged_certificate_is_survived(at: usize, byte: u8, cut in 0..600usize) {
            let mut bytes = certificate(&[common_name("ca")], &[common_name("leaf")]);
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(cut);
            let _ = read(&bytes);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (read(&bytes), name(&bytes), time(&mut Reader(&bytes)));
        }
    }
}
