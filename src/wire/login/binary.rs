//! Log-in answers of protocols that speak in packets: MySQL, PostgreSQL, VNC, MQTT.

use super::super::be32;
use super::Outcome::{self, Accepted, Failed};

/// MySQL client/server protocol: length (3, little endian), sequence number, and a first byte that says what it is.
///
/// Numbers start anew with every command, so an OK with a number past 1 ends a handshake, not a query.
pub(super) fn mysql(segment: &[u8]) -> Option<Outcome> {
    let (sequence, payload, rest) = mysql_packet(segment)?;
    match payload {
        // AuthMoreData with "fast authentication succeeded": the OK follows in the same segment.
        [1, 3] => match mysql_packet(rest)? {
            (3.., payload, _) if is_mysql_ok(payload) => Some(Accepted),
            _ => None,
        },
        _ if !(2..=9).contains(&sequence) => None,
        // Error, number (little endian), `#`, SQL state. Access denied: with and without password, locked account.
        [0xff, low, high, b'#', ..] => match u16::from_le_bytes([*low, *high]) {
            1045 | 1698 | 3118 => Some(Failed),
            _ => None,
        },
        _ => (rest.is_empty() && is_mysql_ok(payload)).then_some(Accepted),
    }
}

fn mysql_packet(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [low, mid, 0, sequence, rest @ ..] = bytes else { return None };
    let (payload, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([*low, *mid])))?;
    Some((*sequence, payload, rest))
}

/// No rows, no insert id, and the autocommit flag that every new session has.
fn is_mysql_ok(payload: &[u8]) -> bool {
    matches!(payload, [0, 0, 0, status, _, _, _, ..] if status & 2 != 0)
}

/// PostgreSQL protocol 3 (chapter "Message Formats"): type, length that counts itself, fields.
pub(super) fn postgresql(segment: &[u8]) -> Option<Outcome> {
    let (kind, body, rest) = postgresql_message(segment)?;
    match (kind, body) {
        (b'R', [0, 0, 0, 0]) => Some(Accepted),
        // AuthenticationSASLFinal, then AuthenticationOk.
        (b'R', [0, 0, 0, 12, ..]) => match postgresql_message(rest)? {
            (b'R', [0, 0, 0, 0], _) => Some(Accepted),
            _ => None,
        },
        // invalid_password and invalid_authorization_specification.
        (b'E', fields) => {
            let state = fields.split(|b| *b == 0).take(16).find_map(|field| field.strip_prefix(b"C"))?;
            matches!(state, b"28P01" | b"28000").then_some(Failed)
        }
        _ => None,
    }
}

fn postgresql_message(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let len = usize::try_from(be32(bytes, 1)?).ok()?;
    let (body, rest) = bytes[5..].split_at_checked(len.checked_sub(4)?)?;
    Some((bytes[0], body, rest))
}

/// RFB SecurityResult (RFC 6143, 7.1.3): 0, or 1 with a reason. Version 3.3 has no reason, and there the same four
/// bytes also offer "no security": they say nothing here.
pub(super) fn vnc(segment: &[u8]) -> Option<Outcome> {
    if segment == [0; 4] {
        return Some(Accepted);
    }
    let reason = segment.strip_prefix(&[0, 0, 0, 1])?;
    let len = usize::try_from(be32(reason, 0)?).ok()?;
    let text = &reason[4..];
    let plausible =
        len > 0 && len == text.len() && text.iter().all(|b| *b >= b' ' || b.is_ascii_whitespace());
    plausible.then_some(Failed)
}

/// MQTT CONNACK (3.1.1 and 5.0, section 3.2): only this packet begins with 0x20, and it is the server's first.
pub(super) fn mqtt(segment: &[u8]) -> Option<Outcome> {
    let [0x20, len @ 2..=127, 0 | 1, code, rest @ ..] = segment else { return None };
    let properties = rest.get(..usize::from(*len) - 2)?;
    // 5.0 has the length of its properties next, 3.1.1 has nothing.
    let fits = properties.first().is_none_or(|p| usize::from(*p) == properties.len() - 1);
    match (code, properties.is_empty()) {
        _ if !fits => None,
        (0, _) => Some(Accepted),
        (4 | 5, true) | (0x86 | 0x87 | 0x8c, false) => Some(Failed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mysql_of(sequence: u8, payload: &[u8]) -> Vec<u8> {
        [&[payload.len() as u8, 0, 0, sequence], payload].concat()
    }

    #[test]
    fn mysql_says_access_denied_or_ends_the_handshake_with_ok() {
        let denied = [&[0xff, 0x15, 0x04][..], b"#28000Access denied for user 'root'@'10.0.0.2'"].concat();
        assert_eq!(mysql(&mysql_of(2, &denied)), Some(Failed));
        assert_eq!(mysql(&mysql_of(1, &denied)), None, "an answer to a query");
        let other = [&[0xff, 0x19, 0x04][..], b"#42000Unknown database"].concat();
        assert_eq!(mysql(&mysql_of(2, &other)), None);
        let ok = [0, 0, 0, 2, 0, 0, 0];
        assert_eq!(mysql(&mysql_of(2, &ok)), Some(Accepted));
        assert_eq!(mysql(&mysql_of(1, &ok)), None, "an answer to a query");
        let fast = [mysql_of(2, &[1, 3]), mysql_of(3, &ok)].concat();
        assert_eq!(mysql(&fast), Some(Accepted));
        assert_eq!(mysql(&mysql_of(0, b"\n8.0.36\0...")), None);
    }

    #[test]
    fn postgresql_says_ok_or_names_the_state() {
        let message =
            |kind: u8, body: &[u8]| [&[kind][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat();
        assert_eq!(postgresql(&message(b'R', &[0; 4])), Some(Accepted));
        assert_eq!(postgresql(&message(b'R', &[0, 0, 0, 5, 1, 2, 3, 4])), None);
        let sasl = [message(b'R', b"\0\0\0\x0cv=abc"), message(b'R', &[0; 4]), message(b'Z', b"I")].concat();
        assert_eq!(postgresql(&sasl), Some(Accepted));
        let error = |state: &str| message(b'E', format!("SFATAL\0VFATAL\0C{state}\0Mnope\0\0").as_bytes());
        assert_eq!(postgresql(&error("28P01")), Some(Failed));
        assert_eq!(postgresql(&error("28000")), Some(Failed));
        assert_eq!(postgresql(&error("42601")), None);
        assert_eq!(postgresql(&error("28P01")[..20]), None);
    }

    #[test]
    fn vnc_fails_with_a_reason_and_the_ambiguous_four_bytes_say_nothing() {
        let reason = b"Authentication failure";
        let failed = [&[0, 0, 0, 1][..], &(reason.len() as u32).to_be_bytes(), reason].concat();
        assert_eq!(vnc(&failed), Some(Failed));
        assert_eq!(vnc(&failed[..20]), None);
        assert_eq!(vnc(&[0, 0, 0, 1]), None);
        assert_eq!(vnc(&[0; 4]), Some(Accepted));
        assert_eq!(vnc(&[0; 16]), None);
        assert_eq!(vnc(b"RFB 003.008\n"), None);
    }

    #[test]
    fn mqtt_gives_its_return_codes_of_both_versions() {
        assert_eq!(mqtt(&[0x20, 2, 0, 0]), Some(Accepted));
        assert_eq!(mqtt(&[0x20, 2, 0, 4]), Some(Failed));
        assert_eq!(mqtt(&[0x20, 2, 0, 5]), Some(Failed));
        assert_eq!(mqtt(&[0x20, 2, 0, 2]), None, "an identifier refused is no log-in");
        assert_eq!(mqtt(&[0x20, 3, 0, 0x86, 0]), Some(Failed));
        assert_eq!(mqtt(&[0x20, 6, 0, 0x87, 3, 0x21, 0, 10]), Some(Failed));
        assert_eq!(mqtt(&[0x20, 6, 1, 0, 3, 0x21, 0, 10]), Some(Accepted));
        assert_eq!(mqtt(&[0x20, 6, 0, 0x87, 9, 0x21, 0, 10]), None);
        assert_eq!(mqtt(&[0x30, 2, 0, 5]), None);
    }
}
