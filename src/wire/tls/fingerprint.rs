//! JA3 and JA4: what a ClientHello offers, as a short text that is the same for the same software.

use md5::{Digest, Md5};
use sha2::Sha256;

/// What a ClientHello offers, as it stands on the wire.
#[derive(Clone, Debug, Default)]
pub(super) struct Offer<'a> {
    pub legacy_version: u16,
    pub ciphers: Vec<u16>,
    /// Extension types in order.
    pub extensions: Vec<u16>,
    pub groups: Vec<u16>,
    pub point_formats: &'a [u8],
    pub signatures: Vec<u16>,
    pub versions: Vec<u16>,
    /// First ALPN name.
    pub alpn: &'a [u8],
}

/// Values that clients sprinkle in so that servers learn to ignore what they do not know (RFC 8701).
pub(super) fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

impl Offer<'_> {
    /// The highest version offered.
    pub fn version(&self) -> u16 {
        self.versions.iter().copied().filter(|v| !is_grease(*v)).max().unwrap_or(self.legacy_version)
    }

    /// MD5 over version, ciphers, extensions, groups and point formats in decimal, in the order given
    /// (github.com/salesforce/ja3).
    pub fn ja3(&self) -> String {
        hex(&Md5::digest(self.ja3_text()))
    }

    fn ja3_text(&self) -> String {
        let mut text = String::with_capacity(384);
        decimal(&mut text, self.legacy_version);
        for list in [&self.ciphers, &self.extensions, &self.groups] {
            text.push(',');
            joined(&mut text, list.iter().copied().filter(|v| !is_grease(*v)), '-', decimal);
        }
        text.push(',');
        joined(&mut text, self.point_formats.iter().map(|v| u16::from(*v)), '-', decimal);
        text
    }

    /// JA4 (github.com/FoxIO-LLC/ja4, technical_details/JA4.md); `transport` is `t` for TCP, `q` for QUIC.
    pub fn ja4(&self, transport: char) -> String {
        let [_, ciphers, extensions] = self.ja4_parts(transport);
        format!("{}_{}_{}", self.ja4_head(transport), short_hash(&ciphers), short_hash(&extensions))
    }

    /// The three parts before hashing, which the specification calls JA4_r.
    fn ja4_parts(&self, transport: char) -> [String; 3] {
        let sorted = |values: &[u16], leave_out: &[u16]| {
            let mut kept: Vec<u16> =
                values.iter().copied().filter(|v| !is_grease(*v) && !leave_out.contains(v)).collect();
            kept.sort_unstable();
            let mut text = String::with_capacity(256);
            joined(&mut text, kept.into_iter(), ',', hexadecimal);
            text
        };
        let mut extensions = sorted(&self.extensions, &[SERVER_NAME, ALPN]);
        let mut signatures = self.signatures.iter().copied().filter(|v| !is_grease(*v)).peekable();
        if signatures.peek().is_some() {
            extensions.push('_');
            joined(&mut extensions, signatures, ',', hexadecimal);
        }
        [self.ja4_head(transport), sorted(&self.ciphers, &[]), extensions]
    }

    fn ja4_head(&self, transport: char) -> String {
        let version = match self.version() {
            0x0304 => "13",
            0x0303 => "12",
            0x0302 => "11",
            0x0301 => "10",
            0x0300 => "s3",
            0x0002 => "s2",
            _ => "00",
        };
        let destination = if self.extensions.contains(&SERVER_NAME) { 'd' } else { 'i' };
        let count = |values: &[u16]| values.iter().filter(|v| !is_grease(**v)).count().min(99);
        let (ciphers, extensions) = (count(&self.ciphers), count(&self.extensions));
        let [first, last] = alpn_letters(self.alpn);
        format!("{transport}{version}{destination}{ciphers:02}{extensions:02}{first}{last}")
    }
}

/// First and last character of the protocol name; of its hexadecimal form when either is not a letter or digit.
fn alpn_letters(alpn: &[u8]) -> [char; 2] {
    let (Some(first), Some(last)) = (alpn.first(), alpn.last()) else { return ['0', '0'] };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)];
    }
    let digit = |value: u8| char::from_digit(u32::from(value & 15), 16).unwrap_or('0');
    [digit(first >> 4), digit(*last)]
}

/// Twelve hexadecimal digits of SHA-256; zeros for an empty list.
fn short_hash(list: &str) -> String {
    if list.is_empty() {
        return "0".repeat(12);
    }
    let mut text = hex(&Sha256::digest(list));
    text.truncate(12);
    text
}

/// Appends the values with a separator between them.
fn joined(
    text: &mut String,
    values: impl Iterator<Item = u16>,
    separator: char,
    write: impl Fn(&mut String, u16),
) {
    for (number, value) in values.enumerate() {
        if number > 0 {
            text.push(separator);
        }
        write(text, value);
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Every client hello is written out in digits twice; the formatting machinery would cost more than the hashes.
fn decimal(text: &mut String, value: u16) {
    let mut divisor = 10_000;
    while divisor > 1 && value < divisor {
        divisor /= 10;
    }
    while divisor > 0 {
        text.push(char::from(DIGITS[usize::from(value / divisor % 10)]));
        divisor /= 10;
    }
}

fn hexadecimal(text: &mut String, value: u16) {
    for shift in [12, 8, 4, 0] {
        text.push(char::from(DIGITS[usize::from(value >> shift & 15)]));
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ja3_gives_the_two_examples_of_its_authors() {
        let mut offer = Offer {
            legacy_version: 769,
            ciphers: vec![47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
            extensions: vec![0, 10, 11],
            groups: vec![23, 24, 25],
            point_formats: &[0],
            ..Offer::default()
        };
        assert_eq!(offer.ja3(), "ada70206e40642a3e4461f35503241d5");
        offer.ciphers.insert(0, 0x1a1a);
        offer.extensions.push(0xfafa);
        offer.groups.push(0x0a0a);
        assert_eq!(offer.ja3(), "ada70206e40642a3e4461f35503241d5", "GREASE does not count");
        let bare = Offer {
            legacy_version: 769,
            ciphers: vec![4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99],
            ..Offer::default()
        };
        assert_eq!(bare.ja3_text(), "769,4-5-10-9-100-98-3-6-19-18-99,,,");
        assert_eq!(bare.ja3(), "de350869b8c85de67a350c8d186f11e6");
    }

    /// The worked example of the JA4 specification.
    fn example() -> Offer<'static> {
        Offer {
            legacy_version: 0x0303,
            ciphers: vec![
                0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
                0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
            ],
            extensions: vec![
                0x1a1a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023,
                0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0xeaea,
            ],
            signatures: vec![0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
            versions: vec![0x3a3a, 0x0304, 0x0303],
            alpn: b"h2",
            ..Offer::default()
        }
    }

    #[test]
    fn ja4_gives_the_example_of_its_specification() {
        assert_eq!(example().ja4('t'), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        assert_eq!(
            example().ja4_parts('t').join("_"),
            "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_0005,000a,000b,\
             000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601"
        );
        let mut greased = example();
        greased.signatures.insert(0, 0x5a5a);
        assert_eq!(greased.ja4('q'), "q13d1516h2_8daaf6152771_e5627efa2ab1");
    }

    #[test]
    fn ja4_of_an_offer_without_anything_has_zeros() {
        let offer = Offer { legacy_version: 0x0301, ..Offer::default() };
        assert_eq!(offer.ja4('t'), "t10i000000_000000000000_000000000000");
        let many = Offer { ciphers: (0..200).collect(), ..offer };
        assert!(many.ja4('t').starts_with("t10i990000_"));
    }

    #[test]
    fn ja4_writes_unprintable_protocol_names_in_hexadecimal() {
        for (alpn, want) in [
            (&b"http/1.1"[..], "h1"),
            (b"h", "hh"),
            (b"", "00"),
            (&[0xab], "ab"),
            (&[0xab, 0xcd], "ad"),
            (&[0x30, 0xab], "3b"),
            (&[0x30, 0x31, 0xab, 0xcd], "3d"),
            (&[0x30, 0xab, 0xcd, 0x31], "01"),
        ] {
            assert_eq!(alpn_letters(alpn).iter().collect::<String>(), want);
        }
    }
}
