//! ASN.1 as Kerberos, LDAP and SNMP carry it: tag, length, value (X.690, definite lengths). Nothing is copied, and
//! nothing is entered that is not asked for.

/// One value: its identifier octet and its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// Class, constructed bit and number; tags above 30 are not read.
    pub tag: u8,
    /// What it holds.
    pub body: &'a [u8],
}

/// Identifier octets that several protocols share.
pub mod tag {
    #![allow(missing_docs)]
    pub const BOOLEAN: u8 = 0x01;
    pub const INTEGER: u8 = 0x02;
    pub const OCTETS: u8 = 0x04;
    pub const ENUMERATED: u8 = 0x0a;
    pub const SEQUENCE: u8 = 0x30;
    /// `[n]` around another value.
    pub const fn context(n: u8) -> u8 {
        0xa0 | n
    }
}

/// Values one after another.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a>(pub &'a [u8]);

/// Tag and length of the value that `bytes` begin with, and how many bytes those two took. `None`: cut off, a long
/// tag, an indefinite length or one above 32 bits.
pub fn head(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (&tag, &first) = (bytes.first()?, bytes.get(1)?);
    if tag & 0x1f == 0x1f {
        return None;
    }
    let more = usize::from(first & 0x7f);
    if first < 0x80 {
        return Some((tag, more, 2));
    }
    if more == 0 || more > 4 {
        return None;
    }
    let length = bytes.get(2..2 + more)?.iter().fold(0, |sum, b| sum << 8 | usize::from(*b));
    Some((tag, length, 2 + more))
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    /// The next value; one that is cut off ends the row.
    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        let (tag, length, begin) = head(self.0)?;
        let body = self.0.get(begin..begin.checked_add(length)?)?;
        self.0 = &self.0[begin + length..];
        Some(Value { tag, body })
    }
}

impl<'a> Values<'a> {
    /// The next value when it carries `tag`; otherwise nothing is taken.
    pub fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let value = ahead.next().filter(|v| v.tag == tag)?;
        *self = ahead;
        Some(value.body)
    }

    /// The body of the first value with `tag` from here on; what comes before it is passed.
    pub fn find(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.find_map(|v| (v.tag == tag).then_some(v.body))
    }

    /// The integer or enumeration that comes next.
    pub fn integer(&mut self) -> Option<i64> {
        let mut ahead = *self;
        let value = ahead.next().filter(|v| matches!(v.tag, tag::INTEGER | tag::ENUMERATED))?;
        *self = ahead;
        integer(value.body)
    }
}

/// Contents of an integer, two's complement; `None` above 64 bits.
pub fn integer(body: &[u8]) -> Option<i64> {
    let first = *body.first()?;
    if body.len() > 8 {
        return None;
    }
    Some(body.iter().fold(if first & 0x80 != 0 { -1 } else { 0 }, |sum, b| sum << 8 | i64::from(*b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_and_long_lengths_and_negative_numbers_are_read() {
        let mut long = vec![0x04, 0x82, 0x01, 0x00];
        long.extend([7; 256]);
        long.extend([0x02, 0x01, 0x80, 0x02, 0x02, 0x00, 0x80]);
        let mut values = Values(&long);
        assert_eq!(values.expect(tag::OCTETS).map(<[u8]>::len), Some(256));
        assert_eq!((values.integer(), values.integer(), values.integer()), (Some(-128), Some(128), None));
    }

    #[test]
    fn cut_off_indefinite_and_monstrous_values_end_the_row() {
        for bytes in [&[0x30u8, 5, 1][..], &[0x30, 0x80, 0, 0], &[0x30, 0x85, 1, 1, 1, 1, 1], &[0x1f, 1, 1]] {
            assert_eq!(Values(bytes).next(), None, "{bytes:?}");
        }
        assert_eq!(Values(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 1]).next(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let held: usize = Values(&bytes).map(|v| v.body.len() + 2).sum();
            prop_assert!(held <= bytes.len());
        }
    }
}
