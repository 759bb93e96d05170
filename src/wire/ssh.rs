//! SSH identification strings (RFC 4253, 4.2).

use super::{Parsed, clean_text};

/// Bytes in which the identification must come, other lines before it included.
pub const MAX_HEAD: usize = 2048;
/// Characters kept of the software and its comment.
const MAX_SOFTWARE: usize = 128;

/// Whether a first payload begins with an identification string.
#[inline]
pub fn looks_banner(payload: &[u8]) -> bool {
    payload.starts_with(b"SSH-")
}

/// Looks for `SSH-2.0-software` at the start of either side's stream (a server may send other lines first).
/// Gives the software part with its version and comment, cleaned, at most 128 characters.
pub fn banner(stream: &[u8]) -> Parsed<String> {
    let seen = &stream[..stream.len().min(MAX_HEAD)];
    for line in seen.split_inclusive(|b| *b == b'\n') {
        let text = line.trim_ascii_end();
        let ended = line.ends_with(b"\n");
        match text.strip_prefix(b"SSH-") {
            Some(after) if ended => return software(after).map_or(Parsed::No, Parsed::Yes),
            None if text.iter().any(|b| *b < b' ' && *b != b'\t') => return Parsed::No,
            _ => {}
        }
    }
    if stream.len() < MAX_HEAD { Parsed::More } else { Parsed::No }
}

/// What follows `SSH-`: a version, a hyphen, and the software.
fn software(after: &[u8]) -> Option<String> {
    let hyphen = after.iter().position(|b| *b == b'-')?;
    let version = &after[..hyphen];
    let plausible = matches!(version, [b'1' | b'2', b'.', rest @ ..] if !rest.is_empty() && rest.len() <= 2);
    plausible.then(|| clean_text(&after[hyphen + 1..], MAX_SOFTWARE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn yes(stream: &[u8]) -> String {
        match banner(stream) {
            Parsed::Yes(software) => software,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_software_is_read_with_its_comment() {
        assert_eq!(yes(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"), "OpenSSH_9.2p1 Debian-2+deb12u3");
        assert_eq!(yes(b"SSH-1.99-Cisco-1.25\n"), "Cisco-1.25");
        assert_eq!(yes(b"SSH-2.0-x\x1b[2Jy\r\n"), "x[2Jy");
        assert_eq!(yes(&[b"SSH-2.0-".to_vec(), vec![b'a'; 900], b"\r\n".to_vec()].concat()).len(), 128);
    }

    #[test]
    fn lines_before_it_are_passed_over_and_the_rest_is_waited_for() {
        let stream = b"Welcome.\r\nNo trespassing\r\nSSH-2.0-dropbear\r\n\x00\x01";
        assert_eq!(yes(stream), "dropbear");
        for cut in 0..stream.len() - 2 {
            assert!(matches!(banner(&stream[..cut]), Parsed::More), "{cut}");
        }
        assert!(matches!(banner(&[b'x'; MAX_HEAD]), Parsed::No));
    }

    #[test]
    fn other_protocols_are_not_ssh() {
        for other in [&b"\x16\x03\x01\x02"[..], b"SSH-9.9-x\r\n", b"SSH-\r\n", b"SSH-2.-x\r\n"] {
            assert!(matches!(banner(other), Parsed::No), "{other:?}");
        }
        assert!(looks_banner(b"SSH-2.0-x") && !looks_banner(b"220 SSH-"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = (banner(&bytes), banner(&[b"SSH-", &bytes[..]].concat()));
        }
    }
}
