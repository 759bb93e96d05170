//! What scanners say first to find out which service answers: probes that no ordinary client sends, or hardly ever.
//!
//! The bytes are those that scanners are seen to send; each stands for one probe.

/// Probes that only scanners send: where to look, what for, and the probe's name.
const SURE: [(usize, &[u8], &str); 7] = [
    (0, b"GET /nice%20ports%2C/Tri%6Eity.txt%2ebak", "HTTP 404"),
    (0, b"OPTIONS sip:nm SIP/2.0", "SIP"),
    (0, b"OPTIONS sip:nm2@nm2 SIP/2.0", "SIP"),
    (0, &[0x80, 0, 0, 0x28, 0x72, 0xfe, 0x1d, 0x13], "RPC"),
    (0, b"TNMP\x04\0\0\0TNME\0\0\x04\0", "TNMP"),
    (11, b"U\x1c\xa7\xe4random1random2random3random4", "TLS"),
    (0, b"\x03\0\0*%\xe0\0\0\0\0\0Cookie: mstshash=nmap", "RDP"),
];

/// Whole first messages that people send too, but not one after the other.
const COMMON: [(&[u8], &str); 9] = [
    (b"\r\n\r\n", "empty lines"),
    (b"HELP\r\n", "HELP"),
    (b"GET / HTTP/1.0\r\n\r\n", "bare GET"),
    (b"OPTIONS / HTTP/1.0\r\n\r\n", "bare OPTIONS"),
    (b"OPTIONS / RTSP/1.0\r\n\r\n", "RTSP OPTIONS"),
    (b"HEAD / HTTP/1.0\r\n\r\n", "bare HEAD"),
    (b"\x01default\n", "printer queue"),
    (b"JRMI\0\x02K", "Java RMI"),
    (b"\0\x1e\0\x06\x01\0\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03", "DNS version"),
];

/// The probe that a client's first bytes are, and whether it proves a scanner by itself.
#[inline]
pub fn scanner(bytes: &[u8]) -> Option<(&'static str, bool)> {
    let sure = SURE.iter().find(|(at, mark, _)| bytes.get(*at..).is_some_and(|b| b.starts_with(mark)));
    if let Some((_, _, name)) = sure {
        return Some((name, true));
    }
    COMMON.iter().find(|(whole, _)| bytes == *whole).map(|(_, name)| (*name, false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn probes_are_told_from_what_clients_say() {
        assert_eq!(
            scanner(b"GET /nice%20ports%2C/Tri%6Eity.txt%2ebak HTTP/1.0\r\n\r\n"),
            Some(("HTTP 404", true))
        );
        assert_eq!(scanner(b"HELP\r\n"), Some(("HELP", false)));
        let hello =
            [&[0x16, 3, 0, 0, 0x53, 1, 0, 0, 0x4f, 3, 0][..], b"U\x1c\xa7\xe4random1random2random3random4"];
        assert_eq!(scanner(&hello.concat()), Some(("TLS", true)));
        for honest in
            [&b"GET / HTTP/1.0\r\nHost: a\r\n\r\n"[..], b"GET / HTTP/1.1\r\n\r\n", b"HELP me\r\n", b""]
        {
            assert_eq!(scanner(honest), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = scanner(&bytes);
        }
    }
}
