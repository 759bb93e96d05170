//! Base64 (RFC 4648, section 4), as log-ins wrap names and passwords.

/// Longer text is no log-in.
const MAX_TEXT: usize = 2048;

/// What `text` stands for; `None` when it is no base64 or too long. Padding may be missing.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    if text.is_empty() || text.len() > MAX_TEXT || text.len() % 4 == 1 {
        return None;
    }
    let mut plain = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0);
    for byte in text {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            plain.push((bits >> held) as u8);
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_come_out_and_other_text_does_not() {
        assert_eq!(decode(b"Zm9vOmJhcg==").as_deref(), Some(&b"foo:bar"[..]));
        assert_eq!(decode(b"AGFubmEAaGVp").as_deref(), Some(&b"\0anna\0hei"[..]));
        for bad in [&b""[..], b"a", b"Zm9v OmJh", b"Zm9v=mJh", &[b'A'; MAX_TEXT + 1]] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }
}
