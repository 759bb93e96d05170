//! Conversations: protocols that are read message by message over a whole TCP connection, not only its first bytes.
//!
//! A parser implements [`Conversation`]; the engine gives it the bytes of each side in order and makes observations of what it
//! says. It sees views into the segment where they lie; only half messages are copied, within a budget.

/// The two ends of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Whoever opened the flow.
    Client = 0,
    /// The other end.
    Server = 1,
}

/// What a conversation did with the bytes it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// So many bytes are done with. Fewer than there are: the rest is offered again with more behind it. More than there
    /// are: the following ones are skipped unseen, which is how large bodies pass by.
    Took(usize),
    /// Nothing more is of interest: it is encrypted from here on, or something else.
    Enough,
}

/// A protocol over TCP, read on both sides. Never panics, loops or grows, whatever the bytes are.
pub trait Conversation: Default + 'static {
    /// What it reports; may borrow the bytes.
    type Said<'a>;

    /// Whether the first payload of `side` begins this protocol. `port` is the server's; a signature tells more.
    fn begins(side: Side, bytes: &[u8], port: u16) -> bool;

    /// Reads what `side` said and was not yet taken, in order, and reports what it means.
    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Self::Said<'_>)) -> Heard;

    /// Bytes of `side` are missing, or more was left unread than is kept. What comes next is where some segment begins:
    /// find a message there, or give up.
    fn lost(&mut self, side: Side) {
        let _ = side;
    }
}
