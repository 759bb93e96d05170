//! Log-in outcomes, where a protocol says them in the clear.
//!
//! FTP, SMTP, POP3, IMAP, Telnet, MySQL, PostgreSQL, VNC, MQTT: one look at what a server answered.

mod binary;
mod text;

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
    ///
    /// Ports whose protocol begins with TLS (465, 993, 995, …) say nothing in the clear and are left out.
    pub const fn of_port(port: u16) -> Option<Service> {
        Some(match port {
            21 => Service::Ftp,
            23 | 2323 => Service::Telnet,
            25 | 587 => Service::Smtp,
            110 => Service::Pop3,
            143 => Service::Imap,
            3306 => Service::MySql,
            5432 => Service::PostgreSql,
            5900..=5909 => Service::Vnc,
            1883 => Service::Mqtt,
            _ => return None,
        })
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
    ///
    /// Positions are strict: a phrase counts only where the protocol puts its answer, never somewhere in the data.
    pub fn outcome(self, from_server: &[u8]) -> Option<Outcome> {
        match self {
            Service::Ftp => text::ftp(from_server),
            Service::Telnet => text::telnet(from_server),
            Service::Smtp => text::smtp(from_server),
            Service::Pop3 => text::pop3(from_server),
            Service::Imap => text::imap(from_server),
            Service::MySql => binary::mysql(from_server),
            Service::PostgreSql => binary::postgresql(from_server),
            Service::Vnc => binary::vnc(from_server),
            Service::Mqtt => binary::mqtt(from_server),
            // Read as a conversation, see `wire::smb`.
            Service::Smb => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Service; 10] = [
        Service::Ftp,
        Service::Telnet,
        Service::Smtp,
        Service::Pop3,
        Service::Imap,
        Service::MySql,
        Service::PostgreSql,
        Service::Vnc,
        Service::Mqtt,
        Service::Smb,
    ];

    #[test]
    fn ports_lead_to_services_and_tls_only_ports_do_not() {
        assert_eq!(Service::of_port(2323), Some(Service::Telnet));
        assert_eq!(Service::of_port(5901), Some(Service::Vnc));
        for port in [22, 465, 993, 995, 8883, 0, 65535] {
            assert_eq!(Service::of_port(port), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for service in ALL {
                let _ = service.outcome(&bytes);
            }
        }

        #[test]
        fn ordinary_text_is_no_outcome(text in "[a-z ]{0,60}\r\n") {
            for service in ALL.into_iter().filter(|s| *s != Service::Telnet) {
                prop_assert_eq!(service.outcome(text.as_bytes()), None);
            }
        }
    }
}
