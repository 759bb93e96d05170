//! SSDP (UPnP Device Architecture 2.0, section 1): who looks for what, who offers what, and what it runs.
//!
//! Requests and answers have the form of HTTP heads, over UDP port 1900. Nothing is copied: the values borrow the
//! datagram, each cut at the first byte that is not printable ASCII and at `MAX_VALUE` bytes.

use super::Parsed;

/// Longest value kept of a header.
const MAX_VALUE: usize = 256;
/// Headers read of one message; real ones have about ten.
const MAX_HEADERS: usize = 32;

/// What a message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `M-SEARCH`: somebody looks for devices.
    Search,
    /// `NOTIFY`: a device says that it is there, goes, or has changed (see [`Message::nts`]).
    Notify,
    /// `HTTP/1.1 200`: a device answers a search.
    Answer,
}

/// One message. What it does not say is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it does.
    pub method: Method,
    /// ST: what is looked for, or what answers.
    pub st: &'a str,
    /// NT: what announces itself.
    pub nt: &'a str,
    /// NTS: `ssdp:alive`, `ssdp:byebye`, `ssdp:update`.
    pub nts: &'a str,
    /// USN: the unique name, `uuid:…::urn:…`.
    pub usn: &'a str,
    /// SERVER: operating system, UPnP version, product.
    pub server: &'a str,
    /// USER-AGENT: the same of who searches.
    pub user_agent: &'a str,
    /// LOCATION: where the description of the device is.
    pub location: &'a str,
    head: &'a [u8],
}

/// Reads a datagram; anything but the three methods is `No`. Headers that are no headers are stepped over.
pub fn parse(payload: &[u8]) -> Parsed<Message<'_>> {
    let (first, head) = line(payload);
    let method = match first {
        b if b.starts_with(b"M-SEARCH * HTTP/1.") => Method::Search,
        b if b.starts_with(b"NOTIFY * HTTP/1.") => Method::Notify,
        b if b.starts_with(b"HTTP/1.") && b.get(8..12) == Some(b" 200") => Method::Answer,
        _ => return Parsed::No,
    };
    let mut message =
        Message { method, st: "", nt: "", nts: "", usn: "", server: "", user_agent: "", location: "", head };
    for (name, value) in headers(head) {
        let field = match name {
            n if n.eq_ignore_ascii_case("st") => &mut message.st,
            n if n.eq_ignore_ascii_case("nt") => &mut message.nt,
            n if n.eq_ignore_ascii_case("nts") => &mut message.nts,
            n if n.eq_ignore_ascii_case("usn") => &mut message.usn,
            n if n.eq_ignore_ascii_case("server") => &mut message.server,
            n if n.eq_ignore_ascii_case("user-agent") => &mut message.user_agent,
            n if n.eq_ignore_ascii_case("location") => &mut message.location,
            _ => continue,
        };
        if field.is_empty() {
            *field = value;
        }
    }
    Parsed::Yes(message)
}

/// Whether an answer begins here, for datagrams from other ports than 1900: many devices answer from a port of their own.
pub fn looks_answer(payload: &[u8]) -> bool {
    payload.starts_with(b"HTTP/1.") && payload.get(8..12) == Some(b" 200")
}

impl<'a> Message<'a> {
    /// Any other header by its name in any case, such as `X-User-Agent`.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        headers(self.head).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// What it is about: NT of an announcement, ST of a search or an answer.
    pub fn subject(&self) -> &'a str {
        if self.method == Method::Notify { self.nt } else { self.st }
    }
}

/// Name and value of each header line up to the empty line.
fn headers(mut rest: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    let lines = std::iter::from_fn(move || {
        let (line, after) = line(rest);
        rest = after;
        (!line.is_empty()).then_some(line)
    });
    lines.take(MAX_HEADERS).filter_map(|line| {
        let colon = line.iter().position(|b| *b == b':')?;
        Some((printable(&line[..colon]), printable(line[colon + 1..].trim_ascii_start())))
    })
}

/// The first line, and what follows it.
fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|b| *b == b'\n') {
        Some(end) => (bytes[..end].trim_ascii_end(), &bytes[end + 1..]),
        None => (bytes.trim_ascii_end(), &[]),
    }
}

/// As far as it is printable ASCII.
fn printable(bytes: &[u8]) -> &str {
    let bytes = &bytes[..bytes.len().min(MAX_VALUE)];
    let end = bytes.iter().position(|b| !matches!(b, b' '..=b'~')).unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..end]).unwrap_or("").trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOTIFY: &[u8] = b"NOTIFY * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\nCache-Control: max-age=1800\r\n\
        LOCATION: http://192.168.1.1:49000/igddesc.xml\r\nserver: FRITZ!Box UPnP/1.0 AVM 154\r\nNTS: ssdp:alive\r\n\
        NT: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\
        USN: uuid:75802409::urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nX-Thing:7\r\n\r\nbody: none\r\n";

    fn yes(bytes: &[u8]) -> Message<'_> {
        match parse(bytes) {
            Parsed::Yes(message) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_announcement_says_what_it_is_and_what_it_runs() {
        let m = yes(NOTIFY);
        assert_eq!((m.method, m.nts), (Method::Notify, "ssdp:alive"));
        assert_eq!(m.subject(), "urn:schemas-upnp-org:device:InternetGatewayDevice:1");
        assert_eq!(
            (m.server, m.location),
            ("FRITZ!Box UPnP/1.0 AVM 154", "http://192.168.1.1:49000/igddesc.xml")
        );
        assert!(m.usn.starts_with("uuid:75802409::"));
        assert_eq!((m.header("x-thing"), m.header("body")), (Some("7"), None), "the body is not read");
    }

    #[test]
    fn searches_and_answers_are_told_apart_and_other_traffic_is_neither() {
        let search =
            yes(b"M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\nMX: 1\r\nUSER-AGENT: Chromium/120 Linux\r\n\r\n");
        assert_eq!((search.method, search.subject()), (Method::Search, "ssdp:all"));
        assert_eq!(search.user_agent, "Chromium/120 Linux");
        let answer = b"HTTP/1.1 200 OK\nST:upnp:rootdevice\nSERVER: Roku/9\n\n";
        assert_eq!(
            (yes(answer).method, yes(answer).st, yes(answer).server),
            (Method::Answer, "upnp:rootdevice", "Roku/9")
        );
        assert!(looks_answer(answer) && !looks_answer(NOTIFY));
        for other in
            [&b"HTTP/1.1 404 Not Found\r\n\r\n"[..], b"GET / HTTP/1.1\r\n\r\n", b"", b"\n", b"HTTP/1."]
        {
            assert_eq!(parse(other), Parsed::No);
        }
    }

    #[test]
    fn values_end_at_what_cannot_be_printed_and_at_their_longest() {
        let mut bytes = b"HTTP/1.1 200 OK\r\nSERVER: good\x1b[31mbad\r\nUSN: ".to_vec();
        bytes.extend(vec![b'u'; 60_000]);
        let m = yes(&bytes);
        assert_eq!((m.server, m.usn.len()), ("good", MAX_VALUE));
        assert_eq!(yes("HTTP/1.1 200 OK\r\nST: a\u{202e}b".as_bytes()).st, "a");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), start in 0..3usize) {
            let mut whole = [&b"M-SEARCH * HTTP/1.1\r\n"[..], b"NOTIFY * HTTP/1.1\n", b"HTTP/1.1 200\r"][start].to_vec();
            whole.extend(&bytes);
            let _ = (parse(&bytes), parse(&whole), looks_answer(&bytes));
            if let Parsed::Yes(m) = parse(&whole) {
                prop_assert!(m.header("server").unwrap_or("").len() <= MAX_VALUE);
            }
        }
    }
}
