//! Passwords seen in the clear: over what protocol, and whose. The password itself is never part of it.

use super::clean_text;

/// Characters kept of a user name.
const MAX_USER: usize = 64;

/// How a password travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    #[allow(missing_docs)]
    Ftp,
    #[allow(missing_docs)]
    Telnet,
    #[allow(missing_docs)]
    Smtp,
    #[allow(missing_docs)]
    Pop3,
    #[allow(missing_docs)]
    Imap,
    /// `Authorization: Basic`.
    HttpBasic,
    /// A form, a JSON document or a query with a password in it.
    HttpForm,
    /// The community of SNMP v1 and v2c.
    Snmp,
    /// CONNECT with a password.
    Mqtt,
    /// Simple bind.
    Ldap,
    /// A desktop shown to anyone: security type "None".
    Vnc,
}

impl Protocol {
    /// Name for people and evidence.
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::Ftp => "FTP",
            Protocol::Telnet => "Telnet",
            Protocol::Smtp => "SMTP",
            Protocol::Pop3 => "POP3",
            Protocol::Imap => "IMAP",
            Protocol::HttpBasic => "HTTP Basic",
            Protocol::HttpForm => "HTTP form",
            Protocol::Snmp => "SNMP",
            Protocol::Mqtt => "MQTT",
            Protocol::Ldap => "LDAP",
            Protocol::Vnc => "VNC",
        }
    }
}

/// A log-in whose password could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How it travelled.
    pub protocol: Protocol,
    /// Whose it is, cleaned, at most 64 characters; empty when nobody said.
    pub user: String,
    /// Whether it was accepted. `None`: not known yet; a `Login` or `HttpStatus` on the same flow may tell later.
    pub accepted: Option<bool>,
    /// The secret is one that everybody knows and devices come with (`public`), used for reading only.
    pub default: bool,
}

impl Seen {
    /// A log-in of `user` whose outcome is not known yet.
    pub fn new(protocol: Protocol, user: &[u8]) -> Seen {
        Seen { protocol, user: clean_text(user, MAX_USER), accepted: None, default: false }
    }
}
