//! One TCP connection as a sensor near the client sees it: handshake, data with acknowledgements, and its end.

use super::packet::{End, Segment, flag};
use super::trace::Trace;

/// Options of a SYN: MSS 1460, SACK, window scale 7.
const SYN_OPTIONS: [u8; 12] = [2, 4, 5, 0xb4, 4, 2, 1, 3, 3, 7, 1, 1];
/// Time between two segments of one burst.
const SPACING: i64 = 120;
/// Time a host takes to acknowledge.
const THINKING: i64 = 80;

/// A connection in progress; its clock `at` moves with what is sent.
pub struct Conversation<'t> {
    /// Where the frames go.
    pub trace: &'t mut Trace,
    /// Time of the next frame.
    pub at: i64,
    /// Bytes of data in one segment. Far above 1448 stands for what receive offload hands to a capture.
    pub mss: usize,
    /// Segments between two acknowledgements.
    pub ack_every: usize,
    client: End,
    server: End,
    rtt: i64,
    client_seq: u32,
    server_seq: u32,
}

impl<'t> Conversation<'t> {
    /// A connection that is already going on.
    pub fn midstream(trace: &'t mut Trace, at: i64, rtt: i64, client: End, server: End) -> Self {
        let (client_seq, server_seq) = (trace.rng.next() as u32, trace.rng.next() as u32);
        Conversation { trace, at, mss: 1448, ack_every: 2, client, server, rtt, client_seq, server_seq }
    }

    /// Opens a connection: SYN, SYN-ACK, ACK.
    pub fn open(trace: &'t mut Trace, at: i64, rtt: i64, client: End, server: End) -> Self {
        let mut c = Self::midstream(trace, at, rtt, client, server);
        c.segment(true, flag::SYN, &SYN_OPTIONS, &[], 0);
        c.client_seq = c.client_seq.wrapping_add(1);
        c.at += rtt;
        c.segment(false, flag::SYN | flag::ACK, &SYN_OPTIONS, &[], 0);
        c.server_seq = c.server_seq.wrapping_add(1);
        c.at += THINKING;
        c.segment(true, flag::ACK, &[], &[], 0);
        c.at += THINKING;
        c
    }

    fn segment(&mut self, up: bool, flags: u8, options: &[u8], data: &[u8], zeros: usize) {
        let (from, to) = if up { (self.client, self.server) } else { (self.server, self.client) };
        let (seq, next) =
            if up { (self.client_seq, self.server_seq) } else { (self.server_seq, self.client_seq) };
        let ack = if flags & flag::ACK != 0 { next } else { 0 };
        self.trace.tcp(self.at, from, to, Segment { flags, seq, ack, options, data, zeros });
        let sent = (data.len() + zeros) as u32;
        if up {
            self.client_seq = self.client_seq.wrapping_add(sent);
        } else {
            self.server_seq = self.server_seq.wrapping_add(sent);
        }
    }

    /// How long the receiver's acknowledgement takes to pass the sensor.
    fn ack_delay(&self, up: bool) -> i64 {
        if up { self.rtt } else { THINKING }
    }

    /// Sends `data` and then `zeros` zero bytes from the client (`up`) or the server, acknowledged.
    pub fn send(&mut self, up: bool, data: &[u8], zeros: usize) {
        let (mut data, mut zeros, mut pending) = (data, zeros, 0);
        while !data.is_empty() || zeros > 0 {
            let (now, rest) = data.split_at(data.len().min(self.mss));
            let fill = zeros.min(self.mss - now.len());
            let last = rest.is_empty() && fill == zeros;
            let flags = if last { flag::ACK | flag::PSH } else { flag::ACK };
            self.segment(up, flags, &[], now, fill);
            (data, zeros, pending) = (rest, zeros - fill, pending + 1);
            let sent = self.at;
            if pending == self.ack_every || last {
                self.at += self.ack_delay(up);
                self.segment(!up, flag::ACK, &[], &[], 0);
                pending = 0;
            }
            // An acknowledgement that takes a round trip does not stop the burst.
            self.at = if last { self.at } else { sent + SPACING };
        }
        self.at += THINKING;
    }

    /// The client says something.
    pub fn client(&mut self, data: impl AsRef<[u8]>) {
        self.send(true, data.as_ref(), 0);
    }

    /// The server says something.
    pub fn server(&mut self, data: impl AsRef<[u8]>) {
        self.send(false, data.as_ref(), 0);
    }

    /// The server sends `bytes` at `bytes_per_second`, in pieces of 64 KiB, or of four segments where that is more.
    pub fn download(&mut self, bytes: usize, bytes_per_second: usize) {
        self.stream(false, bytes, bytes_per_second);
    }

    /// The client (`up`) or the server sends `bytes`, like [`Conversation::download`].
    pub fn stream(&mut self, up: bool, bytes: usize, bytes_per_second: usize) {
        let mut left = bytes;
        while left > 0 {
            let piece = left.min(65_536.max(4 * self.mss));
            let until = self.at + (piece as i64 * super::SEC) / bytes_per_second as i64;
            self.send(up, &[], piece);
            self.at = self.at.max(until);
            left -= piece;
        }
    }

    /// Sends one byte of the past again and gets it acknowledged: a keep-alive.
    pub fn keep_alive(&mut self) {
        self.client_seq = self.client_seq.wrapping_sub(1);
        self.segment(true, flag::ACK, &[], &[0], 0);
        self.at += self.rtt;
        self.segment(false, flag::ACK, &[], &[], 0);
    }

    /// Nothing happens for `micros`.
    pub fn wait(&mut self, micros: i64) {
        self.at += micros;
    }

    /// Ends the connection, the client (`up`) or the server first; returns when it is over.
    pub fn close(mut self, up: bool) -> i64 {
        self.segment(up, flag::FIN | flag::ACK, &[], &[], 0);
        self.bump(up);
        self.at += self.ack_delay(up);
        self.segment(!up, flag::FIN | flag::ACK, &[], &[], 0);
        self.bump(!up);
        self.at += self.ack_delay(!up);
        self.segment(up, flag::ACK, &[], &[], 0);
        self.at
    }

    fn bump(&mut self, up: bool) {
        let seq = if up { &mut self.client_seq } else { &mut self.server_seq };
        *seq = seq.wrapping_add(1);
    }

    /// Breaks the connection off, from the client (`up`) or the server; returns when.
    pub fn reset(mut self, up: bool) -> i64 {
        self.segment(up, flag::RST | flag::ACK, &[], &[], 0);
        self.at
    }
}

impl Trace {
    /// A SYN that nobody answers.
    pub fn syn(&mut self, at: i64, client: End, server: End) {
        let seq = self.rng.next() as u32;
        self.tcp(
            at,
            client,
            server,
            Segment { flags: flag::SYN, seq, options: &SYN_OPTIONS, ..Segment::default() },
        );
    }

    /// A SYN that a closed port refuses.
    pub fn refused(&mut self, at: i64, rtt: i64, client: End, server: End) {
        let seq = self.rng.next() as u32;
        let syn = Segment { flags: flag::SYN, seq, options: &SYN_OPTIONS, ..Segment::default() };
        self.tcp(at, client, server, syn);
        let (flags, ack) = (flag::RST | flag::ACK, seq.wrapping_add(1));
        self.tcp(at + rtt, server, client, Segment { flags, ack, ..Segment::default() });
    }
}
