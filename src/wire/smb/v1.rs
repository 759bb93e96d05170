//! SMB 1 (MS-CIFS 2.2): the commands that matter, and the marks of MS17-010 exploits in its transactions.

use super::state::{Asked, Open, State};
use super::{Exploit, Said, Side};
use crate::wire::little::{le16, le32, part};
use crate::wire::ntlm::User;
use crate::wire::utf16::Text;

/// Length of the header (2.2.3.1).
const HEADER: usize = 32;
/// Commands in one message that are read.
const CHAIN: usize = 8;
/// Transactions remembered until they are continued.
const BEGUN: usize = 8;
/// So many transactions in a row that are begun and not continued are no accident: exploits need a dozen or more.
const GROOMING: u8 = 8;
/// `STATUS_INSUFF_SERVER_RESOURCES`.
const VULNERABLE: u32 = 0xc000_0205;
/// What DoublePulsar adds to the number of a message that it answers.
const IMPLANT: u16 = 16;

/// Commands (2.2.2.1).
mod command {
    pub const DELETE: u8 = 0x06;
    pub const RENAME: u8 = 0x07;
    pub const TRANS: u8 = 0x25;
    pub const TRANS_MORE: u8 = 0x26;
    pub const OPEN: u8 = 0x2d;
    pub const READ: u8 = 0x2e;
    pub const WRITE: u8 = 0x2f;
    pub const TRANS2: u8 = 0x32;
    pub const TRANS2_MORE: u8 = 0x33;
    pub const CLOSE: u8 = 0x04;
    pub const NEGOTIATE: u8 = 0x72;
    pub const SESSION_SETUP: u8 = 0x73;
    pub const TREE_CONNECT: u8 = 0x75;
    pub const NT_TRANS: u8 = 0xa0;
    pub const NT_TRANS_MORE: u8 = 0xa1;
    pub const NT_CREATE: u8 = 0xa2;
}

/// Transactions that were begun.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    begun: [Option<(u16, u8)>; BEGUN],
    next: u8,
    unfinished: u8,
    groomed: bool,
    knocked: Option<u16>,
}

impl Transactions {
    fn begin(&mut self, id: u16, command: u8) {
        let held = self.begun.iter().position(|b| b.is_some_and(|(known, _)| known == id));
        self.begun[held.unwrap_or(usize::from(self.next) % BEGUN)] = Some((id, command));
        if held.is_none() {
            self.next = self.next.wrapping_add(1);
        }
    }
}

/// One command of a message.
#[derive(Clone, Copy)]
struct Message<'a> {
    command: u8,
    status: u32,
    unicode: bool,
    tree: u16,
    id: u16,
    whole: &'a [u8],
    words: &'a [u8],
    /// Where the bytes after the words begin in the message.
    bytes_at: usize,
}

impl<'a> Message<'a> {
    /// The text that begins `at` bytes after the words: up to its NUL, aligned when Unicode.
    fn text(&self, at: usize) -> Text {
        let start = self.bytes_at + at;
        let rest = |start: usize| self.whole.get(start..).unwrap_or_default();
        if self.unicode {
            let rest = rest(start + start % 2);
            let (units, _) = rest.as_chunks::<2>();
            let end = units.iter().position(|unit| *unit == [0, 0]).unwrap_or(units.len());
            Text::utf16(&rest[..2 * end])
        } else {
            let rest = rest(start);
            Text::oem(&rest[..rest.iter().position(|b| *b == 0).unwrap_or(rest.len())])
        }
    }

    fn contents(&self, offset: u16, length: u16) -> &'a [u8] {
        let rest = self.whole.get(usize::from(offset)..).unwrap_or_default();
        &rest[..rest.len().min(usize::from(length))]
    }
}

/// Reads a message, or what there is of it.
pub(super) fn message(state: &mut State, side: Side, whole: &[u8], say: &mut dyn FnMut(Said<'_>)) {
    let (Some(first), Some(flags), Some(flags2)) = (whole.get(4), whole.get(9), le16(whole, 10)) else {
        return;
    };
    let (Some(status), Some(tree), Some(id)) = (le32(whole, 5), le16(whole, 24), le16(whole, 30)) else {
        return;
    };
    let from_server = flags & 0x80 != 0;
    if from_server != (side == Side::Server) {
        return;
    }
    let (mut command, mut at) = (*first, HEADER);
    for _ in 0..CHAIN {
        let Some(words) = whole.get(at).and_then(|n| part(whole, at + 1, 2 * usize::from(*n))) else {
            return;
        };
        let bytes_at = at + 3 + words.len();
        let unicode = flags2 & 0x8000 != 0;
        let m = Message { command, status, unicode, tree, id, whole, words, bytes_at };
        if from_server {
            answer(state, m, say);
        } else {
            request(state, m, say);
        }
        let chained = matches!(command, 0x24 | 0x2d..=0x2f | 0x73..=0x75 | 0xa2) && words.len() >= 4;
        match (words.first(), le16(words, 2)) {
            (Some(next), Some(offset)) if chained && *next != 0xff && usize::from(offset) > at => {
                (command, at) = (*next, usize::from(offset));
            }
            _ => return,
        }
    }
}

fn request(state: &mut State, m: Message<'_>, say: &mut dyn FnMut(Said<'_>)) -> Option<()> {
    let (w, id) = (m.words, u64::from(m.id));
    match m.command {
        command::SESSION_SETUP => session_setup(state, m)?,
        command::TREE_CONNECT => {
            let path = m.text(usize::from(le16(w, 6)?));
            state.ask(id, Asked::Tree((*path).into()));
        }
        command::NT_CREATE if le32(w, 39)? & 1 == 0 => {
            let name = m.text(0);
            let open = Open::new(u32::from(m.tree), name.trim_start_matches('\\'), le32(w, 15)?);
            state.ask(id, Asked::Open(open));
        }
        command::OPEN => {
            // Access modes 1 and 2 write (2.2.4.41.1).
            let access = if le16(w, 6)? & 3 != 0 { 2 } else { 0 };
            let open = Open::new(u32::from(m.tree), m.text(0).trim_start_matches('\\'), access);
            state.ask(id, Asked::Open(open));
        }
        command::CLOSE => state.close(u64::from(le16(w, 0)?)),
        command::READ if state.has_pipes() => state.ask(id, Asked::Pipe(u64::from(le16(w, 4)?))),
        command::WRITE => {
            state.written(u64::from(le16(w, 4)?), m.contents(le16(w, 22)?, le16(w, 20)?), say);
        }
        command::RENAME => {
            // Each name has a format byte before it.
            let from = m.text(1);
            let width = if m.unicode { 2 } else { 1 };
            let second = (m.bytes_at + 1) % 2 * (width - 1) + 1 + width * (from.chars().count() + 1) + 1;
            let open = Open::new(u32::from(m.tree), from.trim_start_matches('\\'), 0);
            state.renamed(Some(&open), m.text(second).trim_start_matches('\\'), say);
        }
        command::DELETE => {
            let open = Open::new(u32::from(m.tree), m.text(1).trim_start_matches('\\'), 0);
            state.deleted(&open, say);
        }
        command::TRANS | command::TRANS2 | command::NT_TRANS => transaction(state, m, say)?,
        command::TRANS_MORE | command::TRANS2_MORE | command::NT_TRANS_MORE => continued(state, m, say),
        _ => {}
    }
    Some(())
}

fn session_setup(state: &mut State, m: Message<'_>) -> Option<()> {
    let w = m.words;
    match w.len() / 2 {
        12 => state.setup(part(m.whole, m.bytes_at, usize::from(le16(w, 14)?))?),
        13 => {
            let user = m.text(usize::from(le16(w, 14)?) + usize::from(le16(w, 16)?));
            state.old_setup(User { domain: Text::EMPTY, user, workstation: Text::EMPTY });
        }
        _ => {}
    }
    Some(())
}

/// A transaction begins (2.2.4.33, 2.2.4.46, 2.2.4.62).
fn transaction(state: &mut State, m: Message<'_>, say: &mut dyn FnMut(Said<'_>)) -> Option<()> {
    let w = m.words;
    let whole = if m.command == command::NT_TRANS {
        le32(w, 3)? <= le32(w, 19)? && le32(w, 7)? <= le32(w, 27)?
    } else {
        le16(w, 0)? <= le16(w, 18)? && le16(w, 2)? <= le16(w, 22)?
    };
    let function = le16(w, 28);
    match (m.command, function) {
        (command::TRANS, Some(0x23)) if le16(w, 30)? == 0 => {
            state.exploit(Exploit::Tested, say);
            state.ask(u64::from(m.id), Asked::Peek);
        }
        (command::TRANS, Some(0x26)) => {
            let file = u64::from(le16(w, 30)?);
            state.piped(file, m.contents(le16(w, 24)?, le16(w, 22)?), say);
            state.ask(u64::from(m.id), Asked::Pipe(file));
        }
        // SESSION_SETUP, which no server implements.
        (command::TRANS2, Some(0x0e)) => state.old.knocked = Some(m.id),
        _ => {}
    }
    let old = &mut state.old;
    old.begin(m.id, m.command);
    if !whole {
        old.unfinished = old.unfinished.saturating_add(1);
        if old.unfinished >= GROOMING && !std::mem::replace(&mut old.groomed, true) {
            state.exploit(Exploit::Grooming, say);
        }
    }
    Some(())
}

/// A transaction goes on: as what it began as, or something is wrong.
fn continued(state: &mut State, m: Message<'_>, say: &mut dyn FnMut(Said<'_>)) {
    let begun = state.old.begun.iter().flatten().find(|(id, _)| *id == m.id);
    match begun {
        Some((_, command)) if command + 1 != m.command => state.exploit(Exploit::Confusion, say),
        Some(_) => state.old.unfinished = 0,
        None => {}
    }
}

fn answer(state: &mut State, m: Message<'_>, say: &mut dyn FnMut(Said<'_>)) -> Option<()> {
    let w = m.words;
    // 0xffff: none of the dialects offered, which is how a server says that it wants SMB 2.
    if m.command != command::NEGOTIATE || m.status == 0 && le16(w, 0)? != 0xffff {
        state.version(1, say);
    }
    match m.command {
        command::SESSION_SETUP => {
            let guest = m.status == 0 && le16(w, 4).unwrap_or(0) & 1 != 0;
            state.answered(m.status, guest, say);
        }
        command::TRANS2 => match state.old.knocked.take().map(|asked| m.id.wrapping_sub(asked)) {
            Some(0) => state.exploit(Exploit::ImplantAsked, say),
            Some(IMPLANT) => state.exploit(Exploit::ImplantAnswered, say),
            _ => {}
        },
        command::TREE_CONNECT | command::NT_CREATE | command::OPEN | command::READ | command::TRANS => {
            let asked = state.asked(u64::from(m.id))?;
            answered(state, m, asked, say)?;
        }
        _ => {}
    }
    Some(())
}

fn answered(state: &mut State, m: Message<'_>, asked: Asked, say: &mut dyn FnMut(Said<'_>)) -> Option<()> {
    let w = m.words;
    match (m.command, asked) {
        (command::TREE_CONNECT, Asked::Tree(path)) => state.tree(u32::from(m.tree), &path, m.status, say),
        (command::NT_CREATE, Asked::Open(open)) if m.status == 0 => {
            let created = matches!(le32(w, 7)?, 0 | 2 | 3);
            state.opened(u64::from(le16(w, 5)?), created, open, say);
        }
        (command::OPEN, Asked::Open(open)) if m.status == 0 => {
            state.opened(u64::from(le16(w, 4)?), false, open, say);
        }
        (command::READ, Asked::Pipe(file)) => {
            state.piped(file, m.contents(le16(w, 12)?, le16(w, 10)?), say);
        }
        (command::TRANS, Asked::Pipe(file)) => {
            state.piped(file, m.contents(le16(w, 14)?, le16(w, 12)?), say);
        }
        (command::TRANS, Asked::Peek) if m.status == VULNERABLE => state.exploit(Exploit::Vulnerable, say),
        _ => {}
    }
    Some(())
}
