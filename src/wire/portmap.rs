//! Requests to a router for an open port: NAT-PMP (RFC 6886) and PCP (RFC 6887), both on UDP port 5351.

use super::{Parsed, be16, be32};

/// A request to open a port, or the router's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// `NAT-PMP` or `PCP`.
    pub protocol: &'static str,
    /// IP protocol of the mapping: 6 TCP, 17 UDP, 0 all.
    pub transport: u8,
    /// Port on the device that asks.
    pub inner: u16,
    /// Port wanted, or given, on the router; 0 lets the router choose.
    pub outer: u16,
    /// Seconds that it is to last; 0 takes it away.
    pub lifetime_s: u32,
    /// What the router said: 0 is success. `None` in a request.
    pub result: Option<u16>,
}

const NAT_PMP: u8 = 0;
const PCP: u8 = 2;
const MAP: u8 = 1;
const ANSWER: u8 = 0x80;

/// Looks for a request to map a port, or its answer.
pub fn parse(bytes: &[u8]) -> Parsed<Message> {
    let read = match bytes {
        [NAT_PMP, 1 | 2, 0, 0, ..] if bytes.len() == 12 => nat_pmp(bytes, 4, None),
        [NAT_PMP, 0x81 | 0x82, high, low, ..] if bytes.len() == 16 => {
            nat_pmp(bytes, 8, Some(u16::from_be_bytes([*high, *low])))
        }
        [PCP, op, _, result, ..] if op & !ANSWER == MAP && (60..=1100).contains(&bytes.len()) => {
            pcp(bytes, (op & ANSWER != 0).then_some(u16::from(*result)))
        }
        _ => return Parsed::No,
    };
    read.map_or(Parsed::No, Parsed::Yes)
}

/// The ports stand at `at`, the lifetime after them (RFC 6886, 3.3).
fn nat_pmp(bytes: &[u8], at: usize, result: Option<u16>) -> Option<Message> {
    Some(Message {
        protocol: "NAT-PMP",
        transport: if bytes[1] & !ANSWER == 1 { 17 } else { 6 },
        inner: be16(bytes, at)?,
        outer: be16(bytes, at + 2)?,
        lifetime_s: be32(bytes, at + 4)?,
        result,
    })
}

/// A header of 24 bytes, then nonce, protocol and ports (RFC 6887, 7.1 and 11.1).
fn pcp(bytes: &[u8], result: Option<u16>) -> Option<Message> {
    Some(Message {
        protocol: "PCP",
        transport: *bytes.get(36)?,
        inner: be16(bytes, 40)?,
        outer: be16(bytes, 42)?,
        lifetime_s: be32(bytes, 4)?,
        result,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pcp_map(op: u8, result: u8) -> Vec<u8> {
        let mut bytes = vec![2, op, 0, result, 0, 0, 0x0e, 0x10];
        bytes.resize(36, 7);
        bytes.extend([6, 0, 0, 0, 0x1f, 0x90, 0x1f, 0x91]);
        bytes.resize(60, 0);
        bytes
    }

    #[test]
    fn requests_and_answers_of_both_protocols_are_read() {
        let ask = [0, 2, 0, 0, 0x1f, 0x90, 0, 80, 0, 0, 0x0e, 0x10];
        let Parsed::Yes(m) = parse(&ask) else { panic!("NAT-PMP") };
        assert_eq!((m.protocol, m.transport, m.inner, m.outer, m.lifetime_s), ("NAT-PMP", 6, 8080, 80, 3600));
        let answer = [0, 0x81, 0, 2, 0, 0, 0, 9, 0x1f, 0x90, 0, 80, 0, 0, 0x0e, 0x10];
        assert!(matches!(
            parse(&answer),
            Parsed::Yes(Message { result: Some(2), outer: 80, transport: 17, .. })
        ));
        let Parsed::Yes(m) = parse(&pcp_map(1, 0)) else { panic!("PCP") };
        assert_eq!((m.protocol, m.inner, m.outer, m.result, m.lifetime_s), ("PCP", 8080, 8081, None, 3600));
        assert!(matches!(parse(&pcp_map(0x81, 8)), Parsed::Yes(Message { result: Some(8), .. })));
    }

    #[test]
    fn asking_for_the_outside_address_is_no_mapping() {
        assert_eq!(parse(&[0, 0]), Parsed::No);
        assert_eq!(parse(&[0, 0x80, 0, 0, 0, 0, 0, 1, 203, 0, 113, 5]), Parsed::No);
        assert_eq!(parse(&pcp_map(0, 0)), Parsed::No, "PCP ANNOUNCE");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..80), version in 0u8..3, op: u8) {
            let _ = (parse(&bytes), parse(&[&[version, op], &bytes[..]].concat()));
        }
    }
}
