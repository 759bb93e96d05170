//! Log-in answers of protocols that speak in packets: MySQL, PostgreSQL, VNC, MQTT, SMB.

use super::super::read::Reader;
use super::super::{be16, be32};
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

/// NT status of a refused log-on: wrong name or password, account locked, disabled, expired or restricted.
const REFUSED: [u32; 8] =
    [0xc000_006d, 0xc000_006a, 0xc000_0064, 0xc000_0234, 0xc000_006e, 0xc000_006f, 0xc000_0072, 0xc000_0193];

/// SESSION_SETUP responses of SMB 2 and 3 (MS-SMB2, 2.2.6) and SMB 1 (MS-CIFS, 2.2.4.53).
///
/// A guest or anonymous session is no log-in: it is neither accepted nor failed.
pub(super) fn smb(segment: &[u8]) -> Option<Outcome> {
    let mut session = Reader(segment);
    let (0, len) = (session.u8()?, session.u24()?) else { return None };
    let message = session.take(len.min(session.0.len()))?;
    let (status, guest) = match message {
        [0xfe, b'S', b'M', b'B', ..] => smb2_setup(message)?,
        [0xff, b'S', b'M', b'B', ..] => smb1_setup(message)?,
        _ => return None,
    };
    match status {
        0 if !guest => Some(Accepted),
        status if REFUSED.contains(&status) => Some(Failed),
        _ => None,
    }
}

fn smb2_setup(message: &[u8]) -> Option<(u32, bool)> {
    let (command, flags) = (be16(message, 12)?.swap_bytes(), be32(message, 16)?.swap_bytes());
    let status = be32(message, 8)?.swap_bytes();
    // An error response has a body of its own kind: its flags say nothing.
    let guest = status == 0 && be16(message, 66)?.swap_bytes() & 3 != 0;
    (command == 1 && flags & 1 != 0).then_some((status, guest))
}

fn smb1_setup(message: &[u8]) -> Option<(u32, bool)> {
    let (command, reply) = (message.get(4)?, message.get(9)? & 0x80 != 0);
    let status = be32(message, 5)?.swap_bytes();
    let guest = status == 0 && be16(message, 37)?.swap_bytes() & 1 != 0;
    (*command == 0x73 && reply).then_some((status, guest))
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

    fn smb2(command: u8, status: u32, flags: u8) -> Vec<u8> {
        let mut message = vec![0; 73];
        message[..4].copy_from_slice(b"\xfeSMB");
        message[8..12].copy_from_slice(&status.to_le_bytes());
        message[12] = command;
        message[16] = 1;
        message[64] = 9;
        message[66] = flags;
        [vec![0, 0, 0, 73], message].concat()
    }

    fn smb1(command: u8, status: u32, action: u8) -> Vec<u8> {
        let mut message = vec![0; 43];
        message[..5].copy_from_slice(&[0xff, b'S', b'M', b'B', command]);
        message[5..9].copy_from_slice(&status.to_le_bytes());
        message[9] = 0x98;
        message[32] = 3;
        message[37] = action;
        [vec![0, 0, 0, 43], message].concat()
    }

    #[test]
    fn smb_session_setup_fails_succeeds_or_goes_on() {
        for (build, command) in [(smb2 as fn(u8, u32, u8) -> Vec<u8>, 1), (smb1, 0x73)] {
            assert_eq!(smb(&build(command, 0xc000_006d, 0)), Some(Failed));
            assert_eq!(smb(&build(command, 0xc000_0234, 0)), Some(Failed));
            assert_eq!(smb(&build(command, 0xc000_0016, 0)), None, "more processing required");
            assert_eq!(smb(&build(command, 0, 0)), Some(Accepted));
            assert_eq!(smb(&build(command, 0, 1)), None, "guest");
            assert_eq!(smb(&build(command + 1, 0xc000_006d, 0)), None, "another command");
        }
    }
}
