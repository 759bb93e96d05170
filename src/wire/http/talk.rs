//! A whole HTTP connection: each request and each answer, the beginnings of bodies that people write, and the rest
//! skipped unseen.

use super::attack::{self, Group, Signs};
use super::{
    Auth, Content, MAX_HEAD, Request, begins_request, form, head_length, looks_request, request, response,
    status_of,
};
use crate::wire::Parsed;
use crate::wire::credential::{Protocol, Seen};
use crate::wire::talk::{Conversation, Heard, Side};
use std::collections::VecDeque;

/// Bytes of a request body that are looked at.
const BODY: u64 = 8 * 1024;
/// Bytes of the answer to a suspicious request that are looked at for proof.
const PROOF: u64 = 16 * 1024;
/// Bytes of other readable answers that are looked at.
const GLANCE: u64 = 2 * 1024;
/// Requests that wait for their answer; more are no client's.
const MAX_WAITING: usize = 16;
/// Longest line with the size of a chunk.
const CHUNK_LINE: usize = 256;

/// What is told of a connection.
#[derive(Debug)]
pub enum Said<'a> {
    /// A request head.
    Request(&'a Request),
    /// The status of an answer.
    Status(u16),
    /// Another piece of a request whose head or body is not yet whole.
    Unfinished,
    /// A password that could be read.
    Credential(Seen),
    /// Signs of an attack in a request, or their proof in its answer.
    Attack(attack::Seen),
    /// Text that people or programs wrote: a target with a query, the beginning of a body.
    Content(&'a [u8]),
}

/// Where one side is.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// A head comes next.
    #[default]
    Head,
    /// In a body.
    Body(Body),
    /// The line with the size of a chunk comes next; bytes still to look at.
    Size(Body),
    /// Lines after the last chunk.
    Trailer,
    /// Bytes are missing; a head at the beginning of some segment ends this.
    Lost,
}

#[derive(Clone, Copy, Debug, Default)]
struct Body {
    /// Bytes to come, of the chunk when there are chunks.
    left: u64,
    /// Bytes to look at.
    look: u64,
    content: Content,
    chunked: bool,
}

/// A request without an answer.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    signs: Signs,
    /// The answer has no body.
    head_only: bool,
    /// A tunnel is asked for.
    connect: bool,
}

/// A connection.
#[derive(Debug, Default)]
pub struct Talk {
    places: [Place; 2],
    waiting: VecDeque<Waiting>,
    /// What the answer under way is compared with.
    answered: Signs,
}

enum Step {
    /// So much is done with.
    Took(u64),
    /// More is needed.
    Wait,
    Enough,
}

type Say<'s> = &'s mut dyn FnMut(Said<'_>);

impl Conversation for Talk {
    type Said<'a> = Said<'a>;

    fn begins(side: Side, bytes: &[u8], _port: u16) -> bool {
        match side {
            Side::Client => begins_request(bytes),
            Side::Server => status_of(bytes).is_some(),
        }
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: Say<'_>) -> Heard {
        let mut at = 0u64;
        loop {
            let Some(rest) =
                usize::try_from(at).ok().and_then(|at| bytes.get(at..)).filter(|r| !r.is_empty())
            else {
                return Heard::Took(usize::try_from(at).unwrap_or(usize::MAX));
            };
            match self.step(side, rest, say) {
                Step::Took(n) => at = at.saturating_add(n),
                Step::Wait => {
                    if side == Side::Client {
                        say(Said::Unfinished);
                    }
                    return Heard::Took(at as usize);
                }
                Step::Enough => return Heard::Enough,
            }
        }
    }

    fn lost(&mut self, side: Side) {
        self.places[side as usize] = Place::Lost;
        self.waiting.clear();
    }
}

impl Talk {
    /// Reads one thing at the beginning of `rest`, which is not empty; takes at least a byte or changes place.
    fn step(&mut self, side: Side, rest: &[u8], say: Say<'_>) -> Step {
        match (self.places[side as usize], side) {
            (Place::Head, _) if matches!(rest[0], b'\r' | b'\n') => Step::Took(1),
            (Place::Head, Side::Client) => self.request(rest, say),
            (Place::Head, Side::Server) => self.response(rest, say),
            (Place::Body(body), Side::Client) => self.request_body(body, rest, say),
            (Place::Body(body), Side::Server) => self.response_body(body, rest, say),
            (Place::Size(body), _) => self.chunk_size(side, body, rest),
            (Place::Trailer, _) => self.trailer(side, rest),
            (Place::Lost, _) => {
                let found =
                    if side == Side::Client { looks_request(rest) } else { status_of(rest).is_some() };
                if found {
                    self.places[side as usize] = Place::Head;
                    return Step::Took(0);
                }
                Step::Took(rest.len() as u64)
            }
        }
    }

    fn request(&mut self, rest: &[u8], say: Say<'_>) -> Step {
        let request = match request(rest) {
            Parsed::Yes(request) => request,
            Parsed::More => return Step::Wait,
            Parsed::No | Parsed::Bad(_) => {
                self.places[0] = Place::Lost;
                return Step::Took(rest.len() as u64);
            }
        };
        let length = head_length(rest);
        let head = &rest[..length.unwrap_or(MAX_HEAD).min(rest.len())];
        say(Said::Request(&request));
        self.look_at_head(&request, head, say);
        let Some(length) = length else {
            self.places[0] = Place::Lost;
            return Step::Took(rest.len() as u64);
        };
        let look = if request.content == Content::Other { 0 } else { BODY };
        let left = request.content_length.unwrap_or(0);
        let body = Body { left, look: look.min(left), content: request.content, chunked: false };
        self.begin_body(0, if request.chunked { Body { look, chunked: true, ..body } } else { body });
        self.skip_unread(0, length as u64)
    }

    fn look_at_head(&mut self, request: &Request, head: &[u8], say: Say<'_>) {
        if request.auth == Auth::Basic {
            let user = request.user.as_deref().unwrap_or_default();
            say(Said::Credential(Seen::new(Protocol::HttpBasic, user.as_bytes())));
        }
        if request.target.contains('?') {
            if let Some(seen) = form::in_target(&request.target) {
                say(Said::Credential(seen));
            }
            say(Said::Content(request.target.as_bytes()));
        }
        let signs = attack::in_head(head, &request.target);
        if !signs.is_empty() {
            say(Said::Attack(attack::Seen { signs, proof: None }));
        }
        if self.waiting.len() == MAX_WAITING {
            self.waiting.clear();
        }
        let (head_only, connect) = (request.method == "HEAD", request.method == "CONNECT");
        self.waiting.push_back(Waiting { signs, head_only, connect });
    }

    fn begin_body(&mut self, side: usize, body: Body) {
        self.places[side] = match body {
            Body { chunked: true, .. } => Place::Size(body),
            Body { left: 0, .. } => Place::Head,
            _ => Place::Body(body),
        };
    }

    /// Takes `took` bytes, and with them the body when nobody wants to look at it.
    fn skip_unread(&mut self, side: usize, took: u64) -> Step {
        match self.places[side] {
            Place::Body(body) if body.look == 0 => {
                self.after_body(side, body);
                Step::Took(took.saturating_add(body.left))
            }
            _ => Step::Took(took),
        }
    }

    fn after_body(&mut self, side: usize, body: Body) {
        self.places[side] = if body.chunked { Place::Size(Body { left: 0, ..body }) } else { Place::Head };
    }

    fn request_body(&mut self, body: Body, rest: &[u8], say: Say<'_>) -> Step {
        let wanted = body.look.min(body.left);
        let Some(text) = rest.get(..wanted as usize) else { return Step::Wait };
        if let Some(seen) = form::in_body(body.content, text) {
            say(Said::Credential(seen));
        }
        say(Said::Content(text));
        let signs = attack::in_body(body.content, text);
        if let Some(last) = self.waiting.back_mut().filter(|_| !signs.is_empty()) {
            last.signs = last.signs.with(signs);
            say(Said::Attack(attack::Seen { signs: last.signs, proof: None }));
        }
        self.after_body(0, Body { look: body.look - wanted, ..body });
        Step::Took(body.left)
    }

    fn response(&mut self, rest: &[u8], say: Say<'_>) -> Step {
        let head = match response(rest) {
            Parsed::Yes(head) => head,
            Parsed::More => return Step::Wait,
            Parsed::No | Parsed::Bad(_) => {
                self.places[1] = Place::Lost;
                return Step::Took(rest.len() as u64);
            }
        };
        say(Said::Status(head.status));
        let waiting = match head.status {
            100 | 102..=199 => None,
            _ => self.waiting.pop_front(),
        }
        .unwrap_or_default();
        if head.status == 101 || (waiting.connect && head.status / 100 == 2) {
            return Step::Enough;
        }
        let Some(length) = head_length(rest) else {
            self.places[1] = Place::Lost;
            return Step::Took(rest.len() as u64);
        };
        self.answered = waiting.signs;
        let tried = waiting.signs.groups().iter().any(|g| matches!(g, Group::Sql | Group::Command));
        if tried && head.status == 500 {
            let signs = self.answered.with(Signs::BROKE);
            say(Said::Attack(attack::Seen { signs, proof: None }));
        }
        if waiting.head_only || matches!(head.status, 100..=199 | 204 | 304) {
            self.places[1] = Place::Head;
            return Step::Took(length as u64);
        }
        let look = match head.content {
            _ if !self.answered.is_empty() => PROOF,
            Content::Other => 0,
            _ => GLANCE,
        };
        let left = if head.chunked { 0 } else { head.content_length.unwrap_or(u64::MAX) };
        let body = Body { left, look: look.min(left), content: head.content, chunked: false };
        self.begin_body(1, if head.chunked { Body { look, chunked: true, ..body } } else { body });
        self.skip_unread(1, length as u64)
    }

    /// Looks at what there is of it: a word that is cut between two segments is rare, and waiting would cost a copy.
    fn response_body(&mut self, body: Body, rest: &[u8], say: Say<'_>) -> Step {
        let text = &rest[..(rest.len() as u64).min(body.left) as usize];
        say(Said::Content(&text[..(text.len() as u64).min(GLANCE) as usize]));
        if !self.answered.is_empty()
            && let Some(proof) = attack::proof(self.answered, text)
        {
            say(Said::Attack(attack::Seen { signs: self.answered, proof: Some(proof) }));
            self.answered = Signs::default();
        }
        let taken = text.len() as u64;
        let body = Body { left: body.left - taken, look: body.look.saturating_sub(taken), ..body };
        if body.left == 0 {
            self.after_body(1, body);
        } else {
            self.places[1] = Place::Body(body);
        }
        self.skip_unread(1, taken)
    }

    fn chunk_size(&mut self, side: Side, body: Body, rest: &[u8]) -> Step {
        let Some(end) = rest.iter().take(CHUNK_LINE).position(|b| *b == b'\n') else {
            if rest.len() < CHUNK_LINE {
                return Step::Wait;
            }
            self.places[side as usize] = Place::Lost;
            return Step::Took(rest.len() as u64);
        };
        let line = rest[..end].trim_ascii();
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let text = std::str::from_utf8(&line[..digits]).unwrap_or_default();
        let took = end as u64 + 1;
        match u64::from_str_radix(text, 16) {
            // The line end after a chunk's data.
            _ if line.is_empty() => {}
            Ok(0) => self.places[side as usize] = Place::Trailer,
            Ok(left) => self.places[side as usize] = Place::Body(Body { left, ..body }),
            Err(_) => self.places[side as usize] = Place::Lost,
        }
        self.skip_unread(side as usize, took)
    }

    fn trailer(&mut self, side: Side, rest: &[u8]) -> Step {
        let Some(end) = rest.iter().position(|b| *b == b'\n') else {
            if rest.len() < MAX_HEAD {
                return Step::Wait;
            }
            self.places[side as usize] = Place::Lost;
            return Step::Took(rest.len() as u64);
        };
        if rest[..end].trim_ascii().is_empty() {
            self.places[side as usize] = Place::Head;
        }
        Step::Took(end as u64 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What was said, shortened; both sides are heard in pieces of `size` bytes, as the engine would offer them.
    fn said(turns: &[(Side, &[u8])], size: usize) -> Vec<String> {
        let (mut talk, mut said) = (Talk::default(), Vec::new());
        let mut kept: [(Vec<u8>, usize); 2] = Default::default();
        for (side, bytes) in turns {
            for piece in bytes.chunks(size) {
                let (begun, skip) = &mut kept[*side as usize];
                let skipped = piece.len().min(*skip);
                *skip -= skipped;
                begun.extend(&piece[skipped..]);
                if begun.is_empty() {
                    continue;
                }
                let heard = talk.hear(*side, begun, &mut |s| match s {
                    Said::Unfinished | Said::Content(_) => {}
                    Said::Request(r) => said.push(format!("{} {}", r.method, r.target)),
                    Said::Status(status) => said.push(status.to_string()),
                    Said::Credential(seen) => said.push(format!("{}:{}", seen.protocol.name(), seen.user)),
                    Said::Attack(seen) => said.push(format!("{:?} {:?}", seen.signs.texts(), seen.proof)),
                });
                match heard {
                    Heard::Took(n) => {
                        *skip += n.saturating_sub(begun.len());
                        begun.drain(..n.min(begun.len()));
                    }
                    Heard::Enough => {
                        said.push("enough".to_owned());
                        return said;
                    }
                }
            }
        }
        said
    }

    const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello";

    #[test]
    fn every_request_and_answer_of_a_connection_is_told_however_it_is_cut() {
        let picture =
            [b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n".to_vec(), vec![b'H'; 40_000]].concat();
        let chunks = b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n\
            5;x=y\r\nhello\r\n3\r\nyou\r\n0\r\nA: b\r\n\r\n";
        let post = b"POST /log HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 19\r\n\r\n\
            user=anna&passwd=xyGET /next HTTP/1.1\r\n\r\n";
        let turns: [(Side, &[u8]); 8] = [
            (Side::Client, b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"),
            (Side::Server, PAGE),
            (Side::Client, b"HEAD /h HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n"),
            (Side::Server, b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n"),
            (Side::Server, &picture),
            (Side::Client, post),
            (Side::Server, chunks),
            (Side::Server, b"HTTP/1.1 304 Not Modified\r\n\r\n"),
        ];
        let want = [
            "GET /a",
            "200",
            "HEAD /h",
            "GET /b",
            "200",
            "200",
            "POST /log",
            "HTTP form:anna",
            "GET /next",
            "404",
            "304",
        ];
        for size in [1, 7, 100, 1448, 65_000] {
            assert_eq!(said(&turns, size), want, "in pieces of {size}");
        }
    }

    #[test]
    fn basic_credentials_name_their_user() {
        let request = b"GET / HTTP/1.1\r\nAuthorization: Basic YW5uYTpzZWNyZXQ=\r\n\r\n";
        assert_eq!(said(&[(Side::Client, request)], 1000), ["GET /", "HTTP Basic:anna"]);
    }

    #[test]
    fn an_attack_is_told_when_it_is_asked_and_when_the_answer_proves_it() {
        let get = b"GET /f?x=../../../etc/passwd HTTP/1.1\r\n\r\n";
        let answer = b"HTTP/1.0 200 OK\r\n\r\nroot:x:0:0:root:/root:/bin/sh\n";
        let told = said(&[(Side::Client, get), (Side::Server, answer)], 10_000);
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[1].ends_with("None") && told[3].contains("system file"));
        let told = said(&[(Side::Client, get), (Side::Server, PAGE)], 10_000);
        assert_eq!(told.len(), 3, "{told:?}");
    }

    #[test]
    fn a_tunnel_and_a_web_socket_are_left_alone() {
        let connect = (Side::Client, &b"CONNECT a.example:443 HTTP/1.1\r\n\r\n"[..]);
        let told = said(&[connect, (Side::Server, b"HTTP/1.1 200 OK\r\n\r\n")], 100);
        assert_eq!(told, ["CONNECT a.example:443", "200", "enough"]);
        let upgrade = (Side::Client, &b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"[..]);
        let told = said(&[upgrade, (Side::Server, b"HTTP/1.1 101 Switching\r\n\r\n\x81\x00")], 100);
        assert_eq!(told.last().map(String::as_str), Some("enough"));
    }

    #[test]
    fn after_a_loss_reading_goes_on_at_the_next_head() {
        let mut talk = Talk::default();
        let mut requests = 0;
        let mut count = |s: Said<'_>| requests += usize::from(matches!(s, Said::Request(_)));
        talk.lost(Side::Client);
        assert_eq!(talk.hear(Side::Client, b"rest of a body GET / HTTP/1.1", &mut count), Heard::Took(29));
        talk.hear(Side::Client, b"GET / HTTP/1.1\r\n\r\n", &mut count);
        assert_eq!(requests, 1);
    }

    #[test]
    fn a_body_that_drips_is_unfinished() {
        let mut talk = Talk::default();
        let head = b"POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000000\r\n\r\n";
        let mut unfinished = 0;
        let mut count = |s: Said<'_>| unfinished += usize::from(matches!(s, Said::Unfinished));
        assert_eq!(talk.hear(Side::Client, head, &mut count), Heard::Took(head.len()));
        assert_eq!(talk.hear(Side::Client, b"a", &mut count), Heard::Took(0));
        assert_eq!(talk.hear(Side::Client, b"ab", &mut count), Heard::Took(0));
        assert_eq!(unfinished, 2);
    }

    proptest! {
        #[test]
        fn any_dialogue_is_survived(turns in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 1..80)), 1..12)) {
            let turns: Vec<_> = turns.iter().map(|(c, b)| (if *c { Side::Client } else { Side::Server }, &b[..])).collect();
            let _ = said(&turns, 50);
        }

        #[test]
        fn damaged_messages_are_survived(at in 0usize..400, byte: u8, size in 1usize..200) {
            let mut bytes = b"POST /?a=b HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n\
                1f\r\n{\"user\":\"a\",\"password\":\"bcd\"}  \r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n".to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = (said(&[(Side::Client, &bytes)], size), said(&[(Side::Server, &bytes)], size));
        }
    }
}
