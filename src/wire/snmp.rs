//! SNMP v1 and v2c (RFC 1157, RFC 1901): a message begins with version and community, which is its password.

use super::credential::{Protocol, Seen};
use super::read::Reader;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 2;
const OCTETS: u8 = 4;
const GET: u8 = 0xa0;
const SET: u8 = 0xa3;
const GET_BULK: u8 = 0xa5;

/// The community in a request; `None` for version 3, answers, traps and what is no SNMP.
pub fn community(payload: &[u8]) -> Option<Seen> {
    let mut message = Reader(element(&mut Reader(payload), SEQUENCE)?);
    let version = element(&mut message, INTEGER)?;
    let community = element(&mut message, OCTETS)?;
    let request = message.u8()?;
    if !matches!(version, [0 | 1])
        || !matches!(request, GET..=SET | GET_BULK)
        || request == GET + 2
        || community.is_empty()
    {
        return None;
    }
    let default = community == b"public" && request != SET;
    Some(Seen { default, ..Seen::new(Protocol::Snmp, b"") })
}

/// The content of the next element (BER, definite length up to 64 KiB), which has this tag.
fn element<'a>(rest: &mut Reader<'a>, tag: u8) -> Option<&'a [u8]> {
    if rest.u8()? != tag {
        return None;
    }
    let len = match rest.u8()? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(rest.u8()?),
        0x82 => usize::from(rest.u16()?),
        _ => return None,
    };
    rest.take(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(version: u8, community: &[u8], request: u8) -> Vec<u8> {
        let mut body = vec![INTEGER, 1, version, OCTETS, community.len() as u8];
        body.extend(community);
        body.extend([request, 3, 2, 1, 0]);
        [&[SEQUENCE, body.len() as u8][..], &body].concat()
    }

    #[test]
    fn only_a_request_of_the_old_versions_shows_a_community() {
        let read = community(&message(1, b"public", GET)).expect("a community");
        assert!(read.default && read.user.is_empty());
        assert!(!community(&message(0, b"s3cret", 0xa1)).expect("get-next").default);
        assert!(!community(&message(1, b"public", SET)).expect("a write").default);
        for silent in
            [message(3, b"x", GET), message(1, b"public", 0xa2), message(1, b"", GET), message(1, b"x", 0xa7)]
        {
            assert_eq!(community(&silent), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = community(&bytes);
        }
    }
}
