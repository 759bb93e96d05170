//! Log-in outcomes, where a protocol says them in the clear.
//!
//! FTP, SMTP, POP3, IMAP, Telnet, MySQL, PostgreSQL, VNC, MQTT, SMB: one look at what a server answered.

/// A protocol that people log in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
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
    #[allow(missing_docs)]
    MySql,
    #[allow(missing_docs)]
    PostgreSql,
    #[allow(missing_docs)]
    Vnc,
    #[allow(missing_docs)]
    Mqtt,
    #[allow(missing_docs)]
    Smb,
}

/// What a server said to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Refused: wrong name or password.
    Failed,
    /// Let in.
    Accepted,
}

impl Service {
    /// The service usually found on a TCP port.
    pub fn of_port(_port: u16) -> Option<Service> {
        None
    }

    /// Name for people and evidence: `FTP`, `SMB`, …
    pub fn name(self) -> &'static str {
        match self {
            Service::Ftp => "FTP",
            Service::Telnet => "Telnet",
            Service::Smtp => "SMTP",
            Service::Pop3 => "POP3",
            Service::Imap => "IMAP",
            Service::MySql => "MySQL",
            Service::PostgreSql => "PostgreSQL",
            Service::Vnc => "VNC",
            Service::Mqtt => "MQTT",
            Service::Smb => "SMB",
        }
    }

    /// What this segment from the server says about a log-in, if anything. Looks at one segment, keeps nothing.
    pub fn outcome(self, _from_server: &[u8]) -> Option<Outcome> {
        None
    }
}
