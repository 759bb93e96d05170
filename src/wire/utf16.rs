//! Names as Windows writes them, UTF-16LE or an old code page, as short cleaned text without a heap part.

use super::clean_text;

/// Bytes of text kept.
const MOST: usize = 240;
/// UTF-16 units read: three bytes of text each at most.
const UNITS: usize = MOST / 3;

/// At most 240 bytes of cleaned text. Of a longer name the end is kept: that is where a path has its file.
#[derive(Clone, Copy)]
pub struct Text {
    len: u8,
    bytes: [u8; MOST],
}

impl Text {
    /// No text.
    pub const EMPTY: Text = Text { len: 0, bytes: [0; MOST] };

    /// From UTF-16LE; an odd last byte is left out. Trailing NULs too.
    pub fn utf16(bytes: &[u8]) -> Text {
        let (units, _) = bytes.as_chunks::<2>();
        let units = &units[units.len().saturating_sub(UNITS)..];
        let mut text = Text::EMPTY;
        for c in char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))) {
            text.push(c.unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        text
    }

    /// From bytes of an unknown code page, read as UTF-8 or Latin-1.
    pub fn oem(bytes: &[u8]) -> Text {
        let bytes = &bytes[bytes.len().saturating_sub(UNITS)..];
        let mut text = Text::EMPTY;
        clean_text(bytes, UNITS).chars().for_each(|c| text.push(c));
        text
    }

    fn push(&mut self, c: char) {
        let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{061c}');
        let end = usize::from(self.len) + c.len_utf8();
        if !c.is_control() && !hidden && end <= MOST {
            c.encode_utf8(&mut self.bytes[usize::from(self.len)..end]);
            self.len = end as u8;
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl std::ops::Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
pub(super) fn utf16_bytes(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_cleaned_and_long_paths_keep_their_end() {
        assert_eq!(&*Text::utf16(&utf16_bytes("Jaar\u{202e}verslag\u{7} €.docx\0")), "Jaarverslag €.docx");
        let path = format!("{}\\end.txt", "€long".repeat(400));
        let text = Text::utf16(&utf16_bytes(&path));
        assert!(text.ends_with("\\end.txt") && text.len() <= MOST, "{text:?}");
        assert_eq!(&*Text::oem(b"\\\\SRV\\IPC$\0"), "\\\\SRV\\IPC$");
        assert_eq!(&*Text::utf16(&[0x61]), "");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(Text::utf16(&bytes).len() <= MOST && Text::oem(&bytes).len() <= MOST);
        }
    }
}
