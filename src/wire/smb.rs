//! SMB 1, 2 and 3 (MS-CIFS, MS-SMB, MS-SMB2) over NetBIOS sessions (RFC 1002, 4.3) or TCP port 445: who logs in, which
//! shares and files are opened, renamed and deleted, what is called through pipes, and the marks of known exploits.
//!
//! Contents of files are never looked at: a large read or write is passed over after its head. Encrypted sessions
//! (SMB 3) show only that they are.

mod state;
mod v1;
mod v2;

use super::login::Outcome;
use super::ntlm::User;
use super::rpc;
use super::talk::{Conversation, Heard, Side};
use state::State;

/// Header of a NetBIOS session packet: type and length.
const FRAME: usize = 4;
/// A message of at most so many bytes is waited for; of a longer one the first bytes are read.
const WHOLE: usize = 8 * 1024;
/// Bytes that are waited for of a message that is not read to its end.
const HEAD: usize = 512;
/// The same where it is known that only file contents follow.
const BULK_HEAD: usize = 160;

/// NetBIOS session packet types (RFC 1002, 4.3.1).
const SESSION_MESSAGE: u8 = 0;
const SESSION_REQUEST: u8 = 0x81;
const KEEP_ALIVE: u8 = 0x85;

/// What was said. Shares are named by their last part: `C$`, `photos`.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// The server speaks this version, 1 or 2 (which is also 3); once per connection.
    Version(u8),
    /// A session set-up was answered.
    Session(&'a Login<'a>),
    /// The client asked for a share; the server's answer.
    Tree {
        /// Name of the share.
        share: &'a str,
        /// Zero is yes.
        status: u32,
        /// Version of SMB that is spoken.
        version: u8,
    },
    /// The client opened a file or pipe, and the server let it.
    Opened(&'a File<'a>),
    /// The client writes to a file; once for each that it opened.
    Wrote(&'a File<'a>),
    /// The client renames a file.
    Renamed {
        /// The share.
        share: &'a str,
        /// Old name with its path; empty when its opening was not seen.
        from: &'a str,
        /// New name with its path.
        to: &'a str,
    },
    /// The client deletes a file.
    Deleted {
        /// The share.
        share: &'a str,
        /// Its name and path.
        name: &'a str,
    },
    /// A DCE/RPC message went through a pipe.
    Rpc(&'a rpc::Said),
    /// Something that only exploits and their scanners send.
    Exploit(Exploit),
    /// The session is encrypted from here on.
    Encrypted,
}

/// How a session set-up ended.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// Let in or refused for name or password; `None` for guests, anonymous sessions, and other errors.
    pub outcome: Option<Outcome>,
    /// Who, when it was NTLM; Kerberos does not say it in the clear.
    pub ntlm: Option<&'a User>,
    /// Version of SMB that is spoken.
    pub version: u8,
}

/// A file or pipe that was opened.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// The share; empty when its opening was not seen.
    pub share: &'a str,
    /// Name and path within the share.
    pub name: &'a str,
    /// It may be written to.
    pub writes: bool,
    /// It was not there before, or was emptied.
    pub created: bool,
}

/// Marks of exploits of MS17-010 and of what they leave behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exploit {
    /// A pipe is peeked into that was never opened: the test for MS17-010.
    Tested,
    /// The answer to it that only an unpatched server gives.
    Vulnerable,
    /// Transactions are begun one after another and none is completed: memory is laid out.
    Grooming,
    /// A transaction is continued as one of another kind: EternalBlue and its kin.
    Confusion,
    /// The knock of DoublePulsar, and the answer of a server that does not have it.
    ImplantAsked,
    /// Its answer: the server is infected.
    ImplantAnswered,
}

/// An SMB connection.
#[derive(Debug, Default)]
pub struct Session {
    state: State,
    astray: [bool; 2],
}

/// Length of the message after its frame header; `None` when this is no frame header.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let [kind, a, b, c, ..] = *bytes else { return None };
    let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
    match kind {
        SESSION_MESSAGE => Some(length),
        SESSION_REQUEST..=KEEP_ALIVE => (length <= 256).then_some(length),
        _ => None,
    }
}

/// What kind of message it is: 0xfe SMB 2, 0xff SMB 1, 0xfd encrypted, 0xfc compressed.
fn magic(message: &[u8]) -> Option<u8> {
    match message {
        [kind @ 0xfc..=0xff, b'S', b'M', b'B', ..] => Some(*kind),
        _ => None,
    }
}

impl Conversation for Session {
    type Said<'a> = Said<'a>;

    fn begins(_side: Side, bytes: &[u8], port: u16) -> bool {
        let (Some(length), usual) = (frame_length(bytes), matches!(port, 139 | 445)) else { return false };
        match bytes[0] {
            SESSION_MESSAGE if bytes.len() == FRAME => usual && (32..1 << 20).contains(&length),
            SESSION_MESSAGE => length >= 32 && magic(&bytes[FRAME..]).is_some(),
            SESSION_REQUEST => port == 139 && length == 68,
            _ => false,
        }
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Heard {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= FRAME) {
            let begins = frame_length(rest);
            let strange = |message: &[u8]| message.len() >= 4 && magic(message).is_none();
            let Some(length) = begins.filter(|n| *n == 0 || rest[0] != 0 || !strange(&rest[FRAME..])) else {
                return if self.astray[side as usize] { Heard::Took(bytes.len()) } else { Heard::Enough };
            };
            let message = &rest[FRAME..rest.len().min(FRAME + length)];
            if message.len() < self.wanted(side, message, length) {
                break;
            }
            self.astray[side as usize] = false;
            match magic(message) {
                Some(0xff) => v1::message(&mut self.state, side, message, say),
                Some(0xfe) => v2::message(&mut self.state, side, message, say),
                Some(0xfd) => {
                    say(Said::Encrypted);
                    return Heard::Enough;
                }
                _ => {}
            }
            at += FRAME + length;
        }
        Heard::Took(at)
    }

    fn lost(&mut self, side: Side) {
        self.astray[side as usize] = true;
    }
}

impl Session {
    /// How many bytes of a message must be there before it is read.
    fn wanted(&self, side: Side, message: &[u8], length: usize) -> usize {
        if length <= BULK_HEAD {
            length
        } else if message.len() >= BULK_HEAD && !self.state.has_pipes() && v2::is_bulk(side, message) {
            BULK_HEAD
        } else if length <= WHOLE {
            length
        } else {
            HEAD
        }
    }
}

#[cfg(test)]
mod tests;
