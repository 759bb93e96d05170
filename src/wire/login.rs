//! Log-ins, where a protocol shows them in the clear: whose password was readable, and what the server thought of it.
//!
//! FTP, SMTP, POP3, IMAP and Telnet are read as conversations. MySQL, PostgreSQL, VNC, MQTT: one look at what a server
//! answered.

mod binary;
pub mod ftp;
pub mod imap;
mod lines;
pub mod pop3;
pub mod smtp;
pub mod telnet;
pub mod vnc;

use super::credential::Seen;

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

/// What is told of a log-in conversation.
#[derive(Debug)]
pub enum Said<'a> {
    /// A password that could be read.
    Credential(Seen),
    /// What the server thinks of a log-in.
    Outcome(Service, Outcome),
    /// The text of a mail.
    Content(&'a [u8]),
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
            // Read as conversations.
            Service::Ftp | Service::Telnet | Service::Smtp | Service::Pop3 | Service::Imap => None,
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
pub(in crate::wire) mod tests {
    use super::super::talk::{Conversation, Heard, Side};
    use super::*;
    use proptest::prelude::*;

    /// What the client or the server says.
    #[derive(Clone, Copy)]
    pub enum Turn<'a> {
        C(&'a str),
        S(&'a str),
    }

    /// What is told of a dialogue, shortened; halves of lines are kept as the engine would.
    pub fn told<T>(turns: &[Turn<'_>]) -> Vec<String>
    where
        T: for<'a> Conversation<Said<'a> = Said<'a>>,
    {
        let (mut talk, mut told, mut kept) = (T::default(), Vec::new(), <[Vec<u8>; 2]>::default());
        for turn in turns {
            let (side, text) = match turn {
                Turn::C(text) => (Side::Client, text),
                Turn::S(text) => (Side::Server, text),
            };
            let bytes = &mut kept[side as usize];
            bytes.extend(text.as_bytes());
            let heard = talk.hear(side, bytes, &mut |said| {
                told.push(match said {
                    Said::Credential(seen) => format!("{} {}", seen.protocol.name(), seen.user),
                    Said::Outcome(_, outcome) => format!("{outcome:?}"),
                    Said::Content(text) => String::from_utf8_lossy(text).replace("\r\n", "|"),
                });
            });
            match heard {
                Heard::Took(n) => drop(bytes.drain(..n.min(bytes.len()))),
                Heard::Enough => {
                    told.push("enough".to_owned());
                    return told;
                }
            }
        }
        told
    }

    fn survives<T>(turns: &[(bool, Vec<u8>)])
    where
        T: for<'a> Conversation<Said<'a> = Said<'a>>,
    {
        let mut talk = T::default();
        for (client, bytes) in turns {
            let side = if *client { Side::Client } else { Side::Server };
            let _ = (T::begins(side, bytes, 21), T::begins(side, bytes, 143));
            let _ = talk.hear(side, bytes, &mut |_| ());
        }
    }

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
        fn any_dialogue_is_survived(
            turns in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..60)), 0..12),
            text in proptest::collection::vec((any::<bool>(), "(USER|PASS|AUTH PLAIN|a LOGIN|login:|\\+OK|[a-z0-9{}\"= ]){1,9}\r\n"), 0..12),
        ) {
            let text: Vec<_> = text.into_iter().map(|(client, line)| (client, line.into_bytes())).collect();
            for turns in [turns, text] {
                survives::<ftp::Ftp>(&turns);
                survives::<smtp::Smtp>(&turns);
                survives::<pop3::Pop3>(&turns);
                survives::<imap::Imap>(&turns);
                survives::<telnet::Telnet>(&turns);
                survives::<vnc::Vnc>(&turns);
            }
        }
    }
}
