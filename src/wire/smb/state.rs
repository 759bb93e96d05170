//! What is remembered of an SMB connection: shares, open files, pipes, questions not yet answered. All of it bounded;
//! what was there longest gives way.

use super::{Exploit, File, Login, Said};
use crate::wire::login::Outcome;
use crate::wire::ntlm::{self, Message, User};
use crate::wire::rpc;
use std::collections::VecDeque;

/// Shares in use.
const TREES: usize = 8;
/// Open files whose names are remembered: those that may be written, renamed or deleted, and pipes.
const FILES: usize = 16;
/// Questions not yet answered.
const ASKED: usize = 32;

/// NT status of a refused log-on: wrong name or password, account locked, disabled, expired or restricted.
const REFUSED: [u32; 8] =
    [0xc000_006d, 0xc000_006a, 0xc000_0064, 0xc000_0234, 0xc000_006e, 0xc000_006f, 0xc000_0072, 0xc000_0193];
/// `STATUS_MORE_PROCESSING_REQUIRED`.
const GOES_ON: u32 = 0xc000_0016;

/// A question whose answer matters.
#[derive(Debug)]
pub(super) enum Asked {
    Tree(Box<str>),
    Open(Open),
    /// Reading a pipe, or a transaction on it.
    Pipe(u64),
    /// Peeking into pipe 0.
    Peek,
}

/// A file that is being opened, or is open.
#[derive(Debug)]
pub(super) struct Open {
    id: u64,
    pub tree: u32,
    pub name: Box<str>,
    /// May be written.
    pub writes: bool,
    /// May be renamed or deleted.
    pub moves: bool,
    written: bool,
    pipe: Option<Box<rpc::Pdus>>,
}

impl Open {
    /// Access mask bits (MS-SMB2, 2.2.13.1): write, append, generic write and all; delete; whatever is possible.
    pub(super) fn new(tree: u32, name: &str, access: u32) -> Open {
        let any = access & 0x1200_0000 != 0;
        let writes = access & 0x4000_0006 != 0 || any;
        let moves = access & 0x0001_0000 != 0 || any;
        Open { id: 0, tree, name: name.into(), writes, moves, written: false, pipe: None }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct State {
    version: u8,
    user: Option<Box<User>>,
    trees: VecDeque<(u32, Box<str>)>,
    files: VecDeque<Open>,
    asked: VecDeque<(u64, Asked)>,
    /// What is remembered of SMB 1 only.
    pub(super) old: super::v1::Transactions,
}

impl State {
    /// The server's version.
    pub(super) fn version(&mut self, version: u8, say: &mut dyn FnMut(Said<'_>)) {
        if std::mem::replace(&mut self.version, version) == 0 {
            say(Said::Version(version));
        }
    }

    /// The client's part of a log-in.
    pub(super) fn setup(&mut self, blob: &[u8]) {
        match ntlm::find(blob) {
            Some(Message::Authenticate(user)) => self.user = Some(user),
            Some(_) => {}
            None => self.user = None,
        }
    }

    /// A log-in without NTLMSSP, as old clients do it.
    pub(super) fn old_setup(&mut self, user: User) {
        self.user = Some(Box::new(user));
    }

    /// The server's word on a log-in; `guest` also when it is anonymous.
    pub(super) fn answered(&mut self, status: u32, guest: bool, say: &mut dyn FnMut(Said<'_>)) {
        if status == GOES_ON {
            return;
        }
        let outcome = match status {
            0 if !guest => Some(Outcome::Accepted),
            status if REFUSED.contains(&status) => Some(Outcome::Failed),
            _ => None,
        };
        let user = self.user.take();
        say(Said::Session(&Login { outcome, ntlm: user.as_deref(), version: self.version }));
    }

    pub(super) fn ask(&mut self, message: u64, asked: Asked) {
        if self.asked.len() == ASKED {
            self.asked.pop_front();
        }
        self.asked.push_back((message, asked));
    }

    /// What was asked in the message of this number.
    pub(super) fn asked(&mut self, message: u64) -> Option<Asked> {
        let at = self.asked.iter().position(|(id, _)| *id == message)?;
        self.asked.remove(at).map(|(_, asked)| asked)
    }

    /// The name of the file that is being opened by the message of this number.
    pub(super) fn opening(&self, message: u64) -> Option<&Open> {
        self.asked.iter().find_map(|(id, asked)| match asked {
            Asked::Open(open) if *id == message => Some(open),
            _ => None,
        })
    }

    pub(super) fn tree(&mut self, id: u32, path: &str, status: u32, say: &mut dyn FnMut(Said<'_>)) {
        let share = path.rsplit('\\').next().unwrap_or_default();
        say(Said::Tree { share, status, version: self.version });
        if status == 0 {
            self.trees.retain(|(known, _)| *known != id);
            if self.trees.len() == TREES {
                self.trees.pop_front();
            }
            self.trees.push_back((id, share.into()));
        }
    }

    fn share(trees: &VecDeque<(u32, Box<str>)>, id: u32) -> &str {
        trees.iter().find(|(known, _)| *known == id).map_or("", |(_, share)| share)
    }

    /// The share behind a number.
    pub(super) fn share_of(&self, id: u32) -> &str {
        State::share(&self.trees, id)
    }

    /// A file was opened.
    pub(super) fn opened(&mut self, id: u64, created: bool, open: Open, say: &mut dyn FnMut(Said<'_>)) {
        let share = State::share(&self.trees, open.tree);
        let unseen = share.is_empty() && !open.name.contains(['\\', '.']);
        let is_pipe = share.eq_ignore_ascii_case("IPC$") || unseen;
        say(Said::Opened(&File { share, name: &open.name, writes: open.writes, created }));
        if is_pipe || open.writes || open.moves {
            let pipe = is_pipe.then(Box::default);
            self.keep(Open { id, pipe, ..open });
        }
    }

    fn keep(&mut self, open: Open) {
        if self.files.len() == FILES {
            self.files.pop_front();
        }
        self.files.push_back(open);
    }

    pub(super) fn close(&mut self, id: u64) {
        self.files.retain(|file| file.id != id);
    }

    /// The file behind a number.
    pub(super) fn file(&self, id: u64) -> Option<&Open> {
        self.files.iter().find(|file| file.id == id)
    }

    pub(super) fn has_pipes(&self) -> bool {
        self.files.iter().any(|file| file.pipe.is_some())
    }

    /// The client writes `data` (its first bytes) to a file or pipe.
    pub(super) fn written(&mut self, id: u64, data: &[u8], say: &mut dyn FnMut(Said<'_>)) {
        let trees = &self.trees;
        let Some(file) = self.files.iter_mut().find(|file| file.id == id) else {
            return self.piped(id, data, say);
        };
        if file.pipe.is_some() {
            return self.piped(id, data, say);
        }
        if !std::mem::replace(&mut file.written, true) {
            let share = State::share(trees, file.tree);
            say(Said::Wrote(&File { share, name: &file.name, writes: true, created: false }));
        }
    }

    /// `data` goes through a pipe, in either direction. A pipe whose opening was not seen is known by what it carries.
    pub(super) fn piped(&mut self, id: u64, data: &[u8], say: &mut dyn FnMut(Said<'_>)) {
        if rpc::pdu_length(data).is_none() {
            return;
        }
        if self.file(id).is_none() {
            let pipe = Some(Box::default());
            self.keep(Open { id, pipe, ..Open::new(0, "", 0) });
        }
        let Some(pipe) = self.files.iter_mut().find(|f| f.id == id).and_then(|f| f.pipe.as_mut()) else {
            return;
        };
        let mut rest = data;
        while let Some(length) = rpc::pdu_length(rest) {
            pipe.pdu(rest, &mut |said| say(Said::Rpc(&said)));
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    pub(super) fn renamed(&self, from: Option<&Open>, to: &str, say: &mut dyn FnMut(Said<'_>)) {
        let share = from.map_or("", |open| self.share_of(open.tree));
        say(Said::Renamed { share, from: from.map_or("", |open| &open.name), to });
    }

    pub(super) fn deleted(&self, file: &Open, say: &mut dyn FnMut(Said<'_>)) {
        say(Said::Deleted { share: self.share_of(file.tree), name: &file.name });
    }

    pub(super) fn exploit(&self, exploit: Exploit, say: &mut dyn FnMut(Said<'_>)) {
        say(Said::Exploit(exploit));
    }
}
