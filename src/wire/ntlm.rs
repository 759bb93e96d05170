//! NTLMSSP (MS-NLMP 2.2.1): who logs in, found inside whatever carries it (SPNEGO in SMB, HTTP after base64, RPC).

use super::little::{le16, le32, part};
use super::utf16::Text;

/// What every message begins with.
const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";
/// How far into a security blob the signature is looked for: SPNEGO and its list of mechanisms come before it.
const SEARCHED: usize = 512;
/// `NTLMSSP_NEGOTIATE_UNICODE`.
const UNICODE: u32 = 1;

/// A message.
#[derive(Clone, Debug)]
pub enum Message {
    /// The client offers NTLM.
    Negotiate,
    /// The server challenges.
    Challenge,
    /// The client proves who it is.
    Authenticate(Box<User>),
}

/// Who logs in.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// Domain or machine of the account.
    pub domain: Text,
    /// Account; empty for an anonymous session.
    pub user: Text,
    /// The client's own name for itself.
    pub workstation: Text,
}

/// The message within a security blob, when there is one.
pub fn find(blob: &[u8]) -> Option<Message> {
    let seen = &blob[..blob.len().min(SEARCHED)];
    let at = seen.windows(SIGNATURE.len()).position(|window| window == SIGNATURE)?;
    let message = &blob[at..];
    match le32(message, 8)? {
        1 => Some(Message::Negotiate),
        2 => Some(Message::Challenge),
        3 => Some(Message::Authenticate(Box::new(authenticate(message)?))),
        _ => None,
    }
}

fn authenticate(message: &[u8]) -> Option<User> {
    let unicode = le32(message, 60).is_none_or(|flags| flags & UNICODE != 0);
    let field = |at: usize| {
        let bytes = part(message, le32(message, at + 4)? as usize, usize::from(le16(message, at)?))?;
        Some(if unicode { Text::utf16(bytes) } else { Text::oem(bytes) })
    };
    Some(User { domain: field(28)?, user: field(36)?, workstation: field(44)? })
}

#[cfg(test)]
pub(super) fn authenticate_bytes(domain: &str, user: &str, workstation: &str) -> Vec<u8> {
    let mut message = [SIGNATURE.as_slice(), &[3, 0, 0, 0]].concat();
    let mut payload = Vec::new();
    let mut field = |message: &mut Vec<u8>, bytes: Vec<u8>| {
        message.extend([(bytes.len() as u16).to_le_bytes(), (bytes.len() as u16).to_le_bytes()].concat());
        message.extend((64 + payload.len() as u32).to_le_bytes());
        payload.extend(bytes);
    };
    field(&mut message, vec![0; 24]);
    field(&mut message, vec![0; 24]);
    for name in [domain, user, workstation] {
        field(&mut message, super::utf16::utf16_bytes(name));
    }
    field(&mut message, Vec::new());
    message.extend(UNICODE.to_le_bytes());
    message.extend(payload);
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_names_of_an_authentication_are_found_inside_spnego() {
        let blob = [&[0xa1, 0x82, 1, 0, 0x30, 0x82][..], &authenticate_bytes("ACME", "anna", "PC7")].concat();
        let Some(Message::Authenticate(who)) = find(&blob) else { panic!("{:?}", find(&blob)) };
        assert_eq!((&*who.domain, &*who.user, &*who.workstation), ("ACME", "anna", "PC7"));
        assert!(matches!(find(b"xxNTLMSSP\0\x02\0\0\0"), Some(Message::Challenge)));
        assert!(find(b"NTLMSSP\0\x03\0\0\0").is_none() && find(b"").is_none());
    }

    #[test]
    fn a_name_that_points_outside_the_message_is_no_name() {
        let mut blob = authenticate_bytes("D", "u", "W");
        blob[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(find(&blob).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..100), kind in 0u8..5) {
            let _ = find(&[SIGNATURE.as_slice(), &[kind, 0, 0, 0], &bytes].concat());
        }
    }
}
