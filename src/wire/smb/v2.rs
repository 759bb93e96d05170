//! SMB 2 and 3 (MS-SMB2 2.2): heads of messages, also several in a chain.

use super::state::{Asked, Open, State};
use super::{Said, Side};
use crate::wire::little::{le16, le32, le64, part};
use crate::wire::utf16::Text;

/// Length of the header (2.2.1).
const HEADER: usize = 64;
/// Messages in one chain that are read.
const CHAIN: usize = 32;
/// The file that the request before in the chain opened (3.3.5.2.7.2).
const RELATED: u64 = u64::MAX;
/// `STATUS_PENDING`: the answer comes later.
const PENDING: u32 = 0x103;
/// `FSCTL_PIPE_TRANSCEIVE` (2.2.31).
const TRANSCEIVE: u32 = 0x0011_c017;

/// Commands (2.2.1).
mod command {
    pub const NEGOTIATE: u16 = 0;
    pub const SESSION_SETUP: u16 = 1;
    pub const TREE_CONNECT: u16 = 3;
    pub const CREATE: u16 = 5;
    pub const CLOSE: u16 = 6;
    pub const READ: u16 = 8;
    pub const WRITE: u16 = 9;
    pub const IOCTL: u16 = 11;
    pub const SET_INFO: u16 = 17;
}

/// One message of a chain.
#[derive(Clone, Copy)]
struct Message<'a> {
    command: u16,
    status: u32,
    id: u64,
    tree: u32,
    whole: &'a [u8],
    body: &'a [u8],
}

/// Whether a message is file contents after its head: the answer to a read, or a write.
pub(super) fn is_bulk(side: Side, message: &[u8]) -> bool {
    let (Some(command), Some(next)) = (le16(message, 12), le32(message, 20)) else { return false };
    let bulk = if side == Side::Server { command::READ } else { command::WRITE };
    message[0] == 0xfe && command == bulk && next == 0
}

/// Reads a message, or what there is of it.
pub(super) fn message(state: &mut State, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) {
    let mut rest = bytes;
    let mut opening = None;
    for _ in 0..CHAIN {
        let (Some(flags), Some(next)) = (le32(rest, 16), le32(rest, 20)) else { return };
        let length = if next >= HEADER as u32 { next as usize } else { rest.len() };
        let whole = &rest[..length.min(rest.len())];
        let from_server = flags & 1 != 0;
        if let Some(message) = read(whole).filter(|_| from_server == (side == Side::Server)) {
            if from_server {
                answer(state, message, say);
            } else {
                request(state, message, &mut opening, say);
            }
        }
        match rest.get(length..) {
            Some(more) if !more.is_empty() => rest = more,
            _ => return,
        }
    }
}

fn read(whole: &[u8]) -> Option<Message<'_>> {
    Some(Message {
        status: le32(whole, 8)?,
        command: le16(whole, 12)?,
        id: le64(whole, 24)?,
        tree: le32(whole, 36)?,
        whole,
        body: whole.get(HEADER..)?,
    })
}

/// Bytes that a body points to by offset from the header and length, each of 16 bits.
fn buffer(m: Message<'_>, at: usize) -> Option<&[u8]> {
    part(m.whole, usize::from(le16(m.body, at)?), usize::from(le16(m.body, at + 2)?))
}

/// What there is of the bytes from `offset` on, at most `length`.
fn contents<'a>(m: Message<'a>, offset: usize, length: u32) -> &'a [u8] {
    let rest = m.whole.get(offset..).unwrap_or_default();
    &rest[..rest.len().min(length as usize)]
}

/// A file's number: its volatile half tells files of one session apart.
fn file_id(body: &[u8], at: usize) -> Option<u64> {
    let (persistent, volatile) = (le64(body, at)?, le64(body, at + 8)?);
    Some(if persistent == RELATED { RELATED } else { volatile ^ persistent.rotate_left(32) })
}

/// `opening` is the number of the message in this chain that opens a file.
fn request(
    state: &mut State,
    m: Message<'_>,
    opening: &mut Option<u64>,
    say: &mut dyn FnMut(Said<'_>),
) -> Option<()> {
    match m.command {
        command::SESSION_SETUP => state.setup(buffer(m, 12)?),
        command::TREE_CONNECT => {
            let path = Text::utf16(buffer(m, 4)?);
            state.ask(m.id, Asked::Tree((*path).into()));
        }
        command::CREATE => {
            *opening = Some(m.id);
            create(state, m, say)?;
        }
        command::CLOSE => state.close(file_id(m.body, 8)?),
        command::READ => {
            let id = file_id(m.body, 16)?;
            if state.has_pipes() {
                state.ask(m.id, Asked::Pipe(id));
            }
        }
        command::WRITE => {
            let (offset, length) = (le16(m.body, 2)?, le32(m.body, 4)?);
            state.written(file_id(m.body, 16)?, contents(m, usize::from(offset), length), say);
        }
        command::IOCTL if le32(m.body, 4)? == TRANSCEIVE => {
            let (offset, length) = (le32(m.body, 24)?, le32(m.body, 28)?);
            state.piped(file_id(m.body, 8)?, contents(m, offset as usize, length), say);
        }
        command::SET_INFO => set_info(state, m, *opening, say)?,
        _ => {}
    }
    Some(())
}

fn create(state: &mut State, m: Message<'_>, say: &mut dyn FnMut(Said<'_>)) -> Option<()> {
    let (access, options) = (le32(m.body, 24)?, le32(m.body, 40)?);
    let name = Text::utf16(buffer(m, 44)?);
    // FILE_DIRECTORY_FILE; a pipe never has it.
    if options & 1 != 0 {
        return None;
    }
    let open = Open::new(m.tree, &name, access);
    // FILE_DELETE_ON_CLOSE.
    if options & 0x1000 != 0 {
        state.deleted(&open, say);
    }
    state.ask(m.id, Asked::Open(open));
    Some(())
}

/// Renaming and deleting (2.2.39; MS-FSCC 2.4.11, 2.4.43).
fn set_info(
    state: &mut State,
    m: Message<'_>,
    opening: Option<u64>,
    say: &mut dyn FnMut(Said<'_>),
) -> Option<()> {
    let (kind, class) = (*m.body.get(2)?, *m.body.get(3)?);
    let (length, offset) = (le32(m.body, 4)?, le16(m.body, 8)?);
    let data = contents(m, usize::from(offset), length);
    let id = file_id(m.body, 16)?;
    let file = if id == RELATED { state.opening(opening?) } else { state.file(id) };
    match (kind, class) {
        (1, 10 | 65) => {
            let name = part(data, 20, le32(data, 16)? as usize)?;
            state.renamed(file, &Text::utf16(name), say);
        }
        (1, 13 | 64) if data.first()? & 1 != 0 => state.deleted(file?, say),
        _ => {}
    }
    Some(())
}

fn answer(state: &mut State, m: Message<'_>, say: &mut dyn FnMut(Said<'_>)) -> Option<()> {
    if m.status == PENDING {
        return None;
    }
    state.version(2, say);
    match m.command {
        command::NEGOTIATE => {}
        command::SESSION_SETUP => {
            let guest = m.status == 0 && le16(m.body, 2)? & 3 != 0;
            state.answered(m.status, guest, say);
        }
        command::TREE_CONNECT => {
            if let Asked::Tree(path) = state.asked(m.id)? {
                state.tree(m.tree, &path, m.status, say);
            }
        }
        command::CREATE => {
            if let Asked::Open(open) = state.asked(m.id)?
                && m.status == 0
            {
                // Superseded, created or overwritten.
                let created = matches!(le32(m.body, 4)?, 0 | 2 | 3);
                state.opened(file_id(m.body, 64)?, created, open, say);
            }
        }
        command::READ => {
            if let Asked::Pipe(id) = state.asked(m.id)? {
                let (offset, length) = (*m.body.get(2)?, le32(m.body, 4)?);
                state.piped(id, contents(m, usize::from(offset), length), say);
            }
        }
        command::IOCTL if le32(m.body, 4)? == TRANSCEIVE => {
            let (offset, length) = (le32(m.body, 32)?, le32(m.body, 36)?);
            state.piped(file_id(m.body, 8)?, contents(m, offset as usize, length), say);
        }
        _ => {}
    }
    Some(())
}
