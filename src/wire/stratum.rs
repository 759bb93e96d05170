//! Stratum: what miners and pools say to each other, one JSON object a line over TCP (the de facto protocols of Bitcoin's
//! slush pool, of Ethereum's `eth_…` proxies, and of Monero's `login`). Read by signature, on any port.

use super::talk::{Conversation, Heard, Side};

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The miner introduces itself.
    Login,
    /// The miner asks for work, or the pool gives it.
    Work,
    /// The miner hands in what it found.
    Share,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said<'a> {
    /// Who speaks.
    pub side: Side,
    /// What it is about.
    pub what: What,
    /// The method as it stands.
    pub method: &'a str,
    /// The mining program, when it says so; not cleaned.
    pub agent: Option<&'a [u8]>,
}

/// A line longer than this is something else.
const LONGEST_LINE: usize = 16 * 1024;
/// Lines after which nothing new is to be learnt.
const LINES: u32 = 500;
/// Bytes in which the first line must name its method.
const HEAD: usize = 1024;

/// A connection between a miner and a pool.
#[derive(Debug, Default)]
pub struct Session {
    lines: u32,
}

/// The methods that nothing but mining uses.
const METHODS: [(&str, What); 14] = [
    ("mining.subscribe", What::Login),
    ("mining.authorize", What::Login),
    ("mining.configure", What::Login),
    ("mining.extranonce.subscribe", What::Login),
    ("mining.submit", What::Share),
    ("mining.notify", What::Work),
    ("mining.set_difficulty", What::Work),
    ("mining.set_target", What::Work),
    ("eth_submitLogin", What::Login),
    ("eth_login", What::Login),
    ("eth_getWork", What::Work),
    ("eth_submitWork", What::Share),
    ("eth_submitHashrate", What::Share),
    ("getblocktemplate", What::Work),
];

/// What a line of JSON says, when it is about mining.
fn read(side: Side, line: &[u8]) -> Option<Said<'_>> {
    let method = text_of(line, "\"method\"")?;
    let known = METHODS.iter().find(|(name, _)| name.as_bytes() == method).copied();
    let (method, what) = known.or_else(|| monero(line, method))?;
    let agent = text_of(line, "\"agent\"").or_else(|| {
        let first = (method == "mining.subscribe").then(|| after(line, "\"params\""))??;
        string(first.trim_ascii_start().strip_prefix(b"[")?)
    });
    Some(Said { side, what, method, agent: agent.filter(|name| !name.is_empty()) })
}

/// Monero's methods have names that others use too: what they carry tells.
fn monero(line: &[u8], method: &[u8]) -> Option<(&'static str, What)> {
    let has = |word: &str| find(line, word.as_bytes()).is_some();
    let wallet = || text_of(line, "\"login\"").is_some_and(|name| name.len() >= 40);
    match method {
        b"login" if has("\"login\"") && (has("\"agent\"") || has("\"algo\"") || wallet()) => {
            Some(("login", What::Login))
        }
        b"job" if has("\"blob\"") && has("\"job_id\"") => Some(("job", What::Work)),
        b"submit" if has("\"job_id\"") && has("\"nonce\"") => Some(("submit", What::Share)),
        _ => None,
    }
}

fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len()).position(|w| w == word)
}

/// What stands after a key and its colon.
fn after<'a>(line: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let rest = &line[find(line, key.as_bytes())? + key.len()..];
    rest.trim_ascii_start().strip_prefix(b":")
}

/// The text that is the value of `key`.
fn text_of<'a>(line: &'a [u8], key: &str) -> Option<&'a [u8]> {
    string(after(line, key)?)
}

fn string(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.trim_ascii_start().strip_prefix(b"\"")?;
    rest.iter().position(|b| *b == b'"').map(|end| &rest[..end])
}

impl Conversation for Session {
    type Said<'a> = Said<'a>;

    fn begins(side: Side, bytes: &[u8], _port: u16) -> bool {
        bytes.first() == Some(&b'{') && read(side, &bytes[..bytes.len().min(HEAD)]).is_some()
    }

    fn hear(&mut self, side: Side, bytes: &[u8], say: &mut dyn FnMut(Said<'_>)) -> Heard {
        let mut at = 0;
        while let Some(end) = bytes[at..].iter().position(|b| *b == b'\n') {
            let line = &bytes[at..at + end];
            at += end + 1;
            self.lines += 1;
            if self.lines > LINES {
                return Heard::Enough;
            }
            if let Some(said) = read(side, &line[..line.len().min(LONGEST_LINE)]) {
                say(said);
            }
        }
        if bytes.len() - at > LONGEST_LINE { Heard::Enough } else { Heard::Took(at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOGIN: &[u8] = b"{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"x\",\"pass\":\"x\",\"agent\":\"XMRig/6.21.0 (Linux)\"}}\n";

    #[test]
    fn the_first_line_of_every_dialect_is_known_on_any_port() {
        for line in [
            &b"{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": [\"cpuminer/2.5.1\"]}\n"[..],
            b"{\"id\":1,\"method\":\"mining.authorize\",\"params\":[\"a.b\",\"x\"]}\n",
            b"{\"worker\": \"eth1.0\", \"jsonrpc\": \"2.0\", \"params\": [\"0x9c\", \"x\"], \"id\": 2, \"method\": \"eth_submitLogin\"}",
            LOGIN,
        ] {
            assert!(Session::begins(Side::Client, line, 443), "{}", String::from_utf8_lossy(line));
        }
        let job = b"{\"jsonrpc\":\"2.0\",\"method\":\"job\",\"params\":{\"blob\":\"0e\",\"job_id\":\"7\",\"target\":\"ff\"}}\n";
        assert!(Session::begins(Side::Server, job, 3333), "in the middle of a connection");
    }

    #[test]
    fn other_json_is_not_mining() {
        for line in [
            &b"{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"admin\",\"pass\":\"x\"}}\n"[..],
            b"{\"id\":1,\"method\":\"set_power\",\"params\":[\"on\",\"smooth\",500]}\r\n",
            b"{\"jsonrpc\":\"2.0\",\"method\":\"job\",\"params\":{\"id\":3}}",
            b"{\"method\":17}",
            b"{\"text\":\"mining.subscribe\"}",
            b"GET / HTTP/1.1\r\n\r\n",
            b"",
        ] {
            assert!(!Session::begins(Side::Client, line, 3333), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn lines_are_heard_in_pieces_with_the_program_that_speaks() {
        let both = [
            LOGIN,
            b"{\"method\":\"submit\",\"params\":{\"id\":\"1\",\"job_id\":\"7\",\"nonce\":\"0a\"},\"id\":2}\n",
        ]
        .concat();
        let (mut session, mut said) = (Session::default(), Vec::new());
        let mut note = |s: Said<'_>| said.push((s.what, s.agent.map(<[u8]>::to_vec)));
        let cut = LOGIN.len() + 10;
        assert_eq!(session.hear(Side::Client, &both[..cut], &mut note), Heard::Took(LOGIN.len()));
        assert_eq!(
            session.hear(Side::Client, &both[LOGIN.len()..], &mut note),
            Heard::Took(both.len() - LOGIN.len())
        );
        assert_eq!(said, [(What::Login, Some(b"XMRig/6.21.0 (Linux)".to_vec())), (What::Share, None)]);
        let endless = vec![b'x'; LONGEST_LINE + 1];
        assert_eq!(session.hear(Side::Client, &endless, &mut |_| ()), Heard::Enough);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..120, byte: u8) {
            let mut damaged = LOGIN.to_vec();
            let at = at % damaged.len();
            damaged[at] = byte;
            for bytes in [&bytes, &damaged] {
                let _ = Session::begins(Side::Client, bytes, 1);
                let heard = Session::default().hear(Side::Server, bytes, &mut |_| ());
                prop_assert!(!matches!(heard, Heard::Took(n) if n > bytes.len()));
            }
        }
    }
}
