//! What a reverse proxy says of a request that it passes on: whose it is, by which name and below which path it was
//! asked, and whether that was encrypted.
//!
//! Believed from the addresses in `dashboard.trusted_proxies` alone; from anyone else these headers are not looked at.
//! On the local socket the standalone dashboard says in the same way whose request it hands on: there
//! `X-Forwarded-For` makes a request one of that viewer, who needs a session like every other.

use super::Peer;
use super::answer::Refusal;
use crate::addr::{Ip, Prefix};
use http_types::Response;
use http_types::headers::HeaderValue;
use hyper::HeaderMap;
use std::net::{IpAddr, SocketAddr};

/// Longest path below which the dashboard may be, bytes.
const BASE_BYTES: usize = 128;
/// Longest name it may be asked by, bytes: a domain name and a port.
const HOST_BYTES: usize = 262;
/// Addresses of `X-Forwarded-For` that are looked at. No network has so many proxies of its own behind each other.
const HOPS: usize = 16;

/// Whose request it is and how it came, as far as it can be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// Who asks.
    pub client: Peer,
    /// Whether the client's connection is encrypted.
    pub secure: bool,
    /// The path below which the client sees the dashboard, without a slash at its end; empty at the top.
    pub base: Box<str>,
    /// The name that the client asked for, where a proxy tells it.
    pub host: Option<Box<str>>,
}

impl Forwarded {
    /// What is said of a request by whoever sent it, `peer`.
    pub fn by(peer: Peer, headers: &HeaderMap, trusted: &[Prefix]) -> Result<Forwarded, Refusal> {
        let direct = Forwarded { client: peer, secure: false, base: "".into(), host: None };
        let client = match peer {
            Peer::Address(address) if is_trusted(address, trusted) => {
                Peer::Address(client(headers, trusted).unwrap_or(address))
            }
            Peer::Address(_) => return Ok(direct),
            // The front has looked through the proxies already.
            Peer::Local => client(headers, &[]).map_or(Peer::Local, Peer::Address),
        };
        let base = last(headers, "x-forwarded-prefix")?.map(base).transpose()?.unwrap_or_default();
        let host = last(headers, "x-forwarded-host")?.map(host).transpose()?;
        let secure = last(headers, "x-forwarded-proto")?.is_some_and(|p| p.eq_ignore_ascii_case("https"));
        Ok(Forwarded { client, secure, base, host })
    }

    /// Makes an answer fit what the client sees: places below the base, cookies for there alone and, where that is
    /// possible, for encrypted connections alone.
    pub fn dress(&self, answer: &mut Response) {
        if self.base.is_empty() && !self.secure {
            return;
        }
        // What is put in here is ASCII: `base` is checked, and the rest was a header already.
        let value = |text: String| HeaderValue::from_bytes(text.into_bytes()).ok();
        let place = answer.header("location").map(|v| v.as_str()).filter(|to| to.starts_with('/'));
        if let Some(place) = place.and_then(|to| value(format!("{}{to}", self.base))) {
            answer.insert_header("location", place);
        }
        let Some(cookies) = answer.remove_header("set-cookie") else { return };
        for cookie in cookies.iter() {
            let path = format!("; Path={}/", self.base);
            let secure = if self.secure { "; Secure" } else { "" };
            if let Some(cookie) = value(cookie.as_str().replacen("; Path=/", &path, 1) + secure) {
                answer.append_header("set-cookie", cookie);
            }
        }
    }
}

/// Whether an address is that of a proxy that is believed.
pub fn is_trusted(address: IpAddr, trusted: &[Prefix]) -> bool {
    trusted.iter().any(|prefix| prefix.contains(Ip::from(address)))
}

/// The last address that is no proxy's: each proxy adds whom it heard, so what stands left of that is hearsay. Where all
/// are proxies, the first of them.
fn client(headers: &HeaderMap, trusted: &[Prefix]) -> Option<IpAddr> {
    let lines = headers.get_all("x-forwarded-for").iter().collect::<Vec<_>>();
    let hops = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|b| *b == b',')).take(HOPS);
    let mut found = None;
    for hop in hops {
        let Some(address) = address(hop) else { break };
        found = Some(address);
        if !is_trusted(address, trusted) {
            break;
        }
    }
    found
}

/// An address, with a port or without, as proxies write them.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let parsed = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|a| a.ip()));
    parsed.ok().map(|ip| ip.to_canonical())
}

/// The last value of a header: the one that our own proxy wrote.
fn last<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let Some(line) = headers.get_all(name).iter().next_back() else { return Ok(None) };
    let text = line.to_str().map_err(|_| Refusal::bad(format!("the {name} header is not plain text")))?;
    Ok(text.rsplit(',').next().map(str::trim).filter(|text| !text.is_empty()))
}

fn host(text: &str) -> Result<Box<str>, Refusal> {
    let sane = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
    match text.len() <= HOST_BYTES && text.bytes().all(sane) {
        true => Ok(text.into()),
        false => Err(Refusal::bad("X-Forwarded-Host is not the name of a host")),
    }
}

/// A path as it may stand in front of every address of the page: nothing in it that a browser would take for something
/// else, such as another host.
fn base(text: &str) -> Result<Box<str>, Refusal> {
    let path = text.strip_suffix('/').unwrap_or(text);
    let sane = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let part = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(sane);
    let parts = path.strip_prefix('/');
    if path.is_empty() || path.len() <= BASE_BYTES && parts.is_some_and(|p| p.split('/').all(part)) {
        return Ok(path.into());
    }
    Err(Refusal::bad("X-Forwarded-Prefix is not a path such as /netmonitor"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "192.168.1.2";

    fn headers(lines: &[(&str, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = hyper::header::HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, hyper::header::HeaderValue::from_bytes(value).expect("a value"));
        }
        headers
    }

    fn peer(text: &str) -> Peer {
        Peer::Address(text.parse().expect("an address"))
    }

    fn by(from: &str, lines: &[(&str, &[u8])]) -> Result<Forwarded, Refusal> {
        let trusted = [PROXY, "10.0.0.0/8", "2001:db8::/64"].map(|p| p.parse().expect("a network"));
        Forwarded::by(peer(from), &headers(lines), &trusted)
    }

    fn client_for(lines: &[(&str, &[u8])]) -> String {
        by(PROXY, lines).expect("taken").client.to_string()
    }

    #[test]
    fn a_stranger_can_say_what_it_likes() {
        let said: &[(&str, &[u8])] = &[
            ("x-forwarded-for", b"10.1.1.1"),
            ("x-forwarded-proto", b"https"),
            ("x-forwarded-host", b"evil example"),
            ("x-forwarded-prefix", b"//evil.example"),
        ];
        let taken = by("203.0.113.9", said).expect("not even looked at");
        let nothing = Forwarded { client: peer("203.0.113.9"), secure: false, base: "".into(), host: None };
        assert_eq!(taken, nothing);
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_proxy() {
        let one = |value: &str| client_for(&[("x-forwarded-for", value.as_bytes())]);
        assert_eq!(one("203.0.113.9"), "203.0.113.9");
        assert_eq!(one("1.2.3.4, 203.0.113.9"), "203.0.113.9", "the first is what the client itself claims");
        assert_eq!(one("1.2.3.4, 203.0.113.9 ,10.0.0.7,10.0.0.8"), "203.0.113.9");
        assert_eq!(one("10.0.0.7"), "10.0.0.7", "somebody at the proxy itself");
        assert_eq!(one("[2001:db8:1::7]:4711"), "2001:db8:1::7");
        assert_eq!(one("[2001:db8:1::7], 2001:db8::1"), "2001:db8:1::7");
        assert_eq!(one("203.0.113.9:4711"), "203.0.113.9");
        assert_eq!(one("::ffff:203.0.113.9"), "203.0.113.9");
        let two: &[(&str, &[u8])] = &[("x-forwarded-for", b"203.0.113.9"), ("x-forwarded-for", b"10.0.0.9")];
        assert_eq!(client_for(two), "203.0.113.9", "lines add up");
    }

    #[test]
    fn what_is_no_address_ends_the_search_and_nothing_panics() {
        for garbage in [&b"unknown"[..], b"", b",", b"_hidden", b"1.2.3", b"\xc3\xa9", b"[", b"[]", b"[::1"] {
            assert_eq!(client_for(&[("x-forwarded-for", garbage)]), PROXY, "{garbage:?}");
            let mut line = garbage.to_vec();
            line.extend_from_slice(b", 10.0.0.7");
            assert_eq!(client_for(&[("x-forwarded-for", &line)]), "10.0.0.7", "{garbage:?}");
        }
        let endless = "10.0.0.1,".repeat(5000) + "10.0.0.2";
        assert_eq!(client_for(&[("x-forwarded-for", endless.as_bytes())]), "10.0.0.1");
    }

    #[test]
    fn a_base_is_a_plain_path() {
        let base = |value: &[u8]| by(PROXY, &[("x-forwarded-prefix", value)]).map(|f| f.base.into_string());
        for (given, taken) in [
            (&b"/netmonitor"[..], "/netmonitor"),
            (b"/netmonitor/", "/netmonitor"),
            (b"/a/b-c_d.e~f", "/a/b-c_d.e~f"),
            (b"/", ""),
            (b"", ""),
            (b"/evil, /netmonitor", "/netmonitor"),
        ] {
            assert_eq!(base(given).expect("sane"), taken);
        }
        let long = format!("/{}", "x".repeat(BASE_BYTES));
        for bad in [
            &b"netmonitor"[..],
            b"//evil.example",
            b"/a//b",
            b"/../a",
            b"/a/.",
            b"/a?b",
            b"/a#b",
            b"/a\"b",
            b"/a b",
            b"/a;b",
            b"/a\\b",
            b"/%2e%2e",
            b"https://evil.example/",
            b"/caf\xc3\xa9",
            long.as_bytes(),
        ] {
            assert!(base(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn host_and_encryption_are_taken_from_the_proxy_or_refused() {
        let taken =
            by(PROXY, &[("x-forwarded-host", b"evil, pi.local:8443"), ("x-forwarded-proto", b"HTTPS")]);
        let taken = taken.expect("sane");
        assert_eq!((taken.host.as_deref(), taken.secure), (Some("pi.local:8443"), true));
        assert!(!by(PROXY, &[("x-forwarded-proto", b"https, http")]).expect("sane").secure);
        for bad in [&b"pi/local"[..], b"a@b", b"caf\xc3\xa9", b"a\"b", &[b'x'; 300]] {
            assert!(by(PROXY, &[("x-forwarded-host", bad)]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn on_the_local_socket_a_request_is_the_machines_own_or_a_viewers() {
        let local = |lines| Forwarded::by(Peer::Local, &headers(lines), &[]).expect("sane").client;
        assert_eq!(local(&[]), Peer::Local);
        assert_eq!(local(&[("x-forwarded-for", b"192.168.1.9")]), peer("192.168.1.9"));
    }

    #[test]
    fn answers_are_dressed_for_the_place_the_client_sees() {
        let mut answer = Response::new(303);
        answer.insert_header("location", "/login?next=/alerts");
        answer.insert_header("set-cookie", "session=1; Path=/; HttpOnly");
        let mut forwarded =
            Forwarded { client: Peer::Local, secure: true, base: "/netmonitor".into(), host: None };
        forwarded.dress(&mut answer);
        assert_eq!(answer.header("location").expect("kept").as_str(), "/netmonitor/login?next=/alerts");
        let cookie = answer.header("set-cookie").expect("kept").as_str();
        assert_eq!(cookie, "session=1; Path=/netmonitor/; HttpOnly; Secure");
        forwarded = Forwarded { secure: false, base: "".into(), ..forwarded };
        let mut plain = Response::new(204);
        plain.insert_header("set-cookie", "session=1; Path=/");
        forwarded.dress(&mut plain);
        assert_eq!(plain.header("set-cookie").expect("kept").as_str(), "session=1; Path=/");
    }
}
