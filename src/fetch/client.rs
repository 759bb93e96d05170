//! Fetches one list over HTTPS or HTTP, within limits, and never from inside unless its settings say so.
//!
//! A publisher, or whoever took over the name, must not be able to make this machine ask routers and cameras of the
//! house: every address that a name leads to is checked as it is connected to, at the first URL and at each redirect.

use super::names;
use crate::addr::{Inside, Ip};
use crate::config::FeedList;
use crate::time::{self, SECOND, Timestamp};
use flate2::read::MultiGzDecoder;
use std::io::{self, Read, Write};
use std::time::Duration;
use ureq::http::{HeaderMap, Uri, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error, config::Config};

/// Redirects that are followed.
const REDIRECTS: usize = 5;
/// Addresses of one name that are tried; ureq has room for no more.
const NAMED: usize = 16;
/// First bytes of what gzip wrote.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Networks that are not the internet, beside those of [`Inside::DEFAULT`].
const NOT_PUBLIC: [&str; 10] = [
    "0.0.0.0/8",
    "100.64.0.0/10",
    "192.0.0.0/24",
    "198.18.0.0/15",
    "224.0.0.0/3",
    "::/96",
    "64:ff9b:1::/48",
    "fec0::/10",
    "ff00::/8",
    "100::/64",
];

/// Limits of one fetch.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes after unpacking.
    pub bytes: u64,
    /// Seconds for all of it.
    pub seconds: u32,
}

/// What the server said of the version that is here.
#[derive(Clone, Debug, Default)]
pub struct Version {
    /// Its word for it.
    pub etag: Option<String>,
    /// When it changed.
    pub last_modified: Option<String>,
}

/// What came.
#[derive(Debug)]
pub enum Answer {
    /// The version here is the newest.
    Unchanged,
    /// Another one was written.
    New(Version),
}

/// Fetches `list` into `out`. `known` is the version that is here, if it is. The error is for people.
pub fn fetch(
    list: &FeedList,
    known: Option<&Version>,
    limits: Limits,
    out: &mut dyn Write,
) -> Result<Answer, String> {
    let url = list.url.as_deref().unwrap_or_default();
    let mut uri: Uri = url.parse().map_err(|_| format!("{url:?} is no URL; correct it in the settings"))?;
    let first = uri.host().unwrap_or_default().to_ascii_lowercase();
    let tls = trust(list)?;
    let until = time::monotonic().plus(i64::from(limits.seconds) * SECOND);
    for _ in 0..=REDIRECTS {
        let private = list.allow_private && uri.host().is_some_and(|host| host.eq_ignore_ascii_case(&first));
        let agent = agent(tls.clone(), private, left(until)?);
        let mut request = agent.get(&uri).header(header::ACCEPT_ENCODING, "gzip");
        for (name, value) in known
            .iter()
            .flat_map(|v| [(header::IF_NONE_MATCH, &v.etag), (header::IF_MODIFIED_SINCE, &v.last_modified)])
        {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let response = request.call().map_err(|error| explain(&error, limits))?;
        let (parts, body) = response.into_parts();
        match parts.status.as_u16() {
            200 => {
                let text = |name| parts.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
                copy(body.into_reader(), limits, out)?;
                return Ok(Answer::New(Version {
                    etag: text(header::ETAG),
                    last_modified: text(header::LAST_MODIFIED),
                }));
            }
            304 if known.is_some() => return Ok(Answer::Unchanged),
            301 | 302 | 303 | 307 | 308 => uri = follow(&uri, &parts.headers)?,
            status => return Err(refused(status)),
        }
    }
    Err(format!("more than {REDIRECTS} redirects; look whether the list has moved and correct its url"))
}

/// A client for one request: it decides nothing by itself.
fn agent(tls: TlsConfig, private: bool, left: Duration) -> Agent {
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_global(Some(left))
        .max_response_header_size(64 * 1024)
        .user_agent(concat!("netmonitor/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls)
        .build();
    Agent::with_parts(
        config,
        DefaultConnector::default(),
        Guarded { private, resolver: DefaultResolver::default() },
    )
}

/// Whom to trust.
fn trust(list: &FeedList) -> Result<TlsConfig, String> {
    let Some(path) = &list.ca_file else { return Ok(TlsConfig::builder().build()) };
    let wrong = |why: String| format!("ca_file {}: {why}", path.display());
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let certificates: Vec<Certificate<'static>> = ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(wrong("holds no certificate in PEM form".to_owned()));
    }
    Ok(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&certificates)).build())
}

fn left(until: Timestamp) -> Result<Duration, String> {
    let left = until.since(time::monotonic());
    let late = "took too long; raise feeds.timeout_seconds if the line is slow";
    u64::try_from(left).ok().filter(|left| *left > 0).map(Duration::from_micros).ok_or(late.to_owned())
}

/// Where a redirect leads; never from HTTPS to HTTP.
fn follow(from: &Uri, headers: &HeaderMap) -> Result<Uri, String> {
    let location = headers.get(header::LOCATION).and_then(|v| v.to_str().ok());
    let location = location.ok_or("the server redirects without saying where; try again later")?;
    let (scheme, host) = (from.scheme_str().unwrap_or("https"), from.authority().map_or("", |a| a.as_str()));
    let absolute = match location {
        whole if whole.contains("://") => whole.to_owned(),
        other_host if other_host.starts_with("//") => format!("{scheme}:{other_host}"),
        path if path.starts_with('/') => format!("{scheme}://{host}{path}"),
        beside => {
            let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{scheme}://{host}{folder}/{beside}")
        }
    };
    let to: Uri = absolute.parse().map_err(|_| "the server redirects to no URL; try again later")?;
    match (scheme, to.scheme_str()) {
        (_, Some("https")) | ("http", Some("http")) => Ok(to),
        _ => Err("the server redirects from HTTPS to something unprotected, which is refused".to_owned()),
    }
}

/// Copies and unpacks, at most so many bytes.
fn copy(mut body: impl Read, limits: Limits, out: &mut dyn Write) -> Result<(), String> {
    let mut start = [0; 2];
    let mut got = 0;
    let failed = |error: io::Error| match error.get_ref().and_then(|e| e.downcast_ref::<Error>()) {
        Some(error) => explain(error, limits),
        None => format!("the transfer broke off: {error}; try again later"),
    };
    while got < 2 {
        match body.read(&mut start[got..]).map_err(failed)? {
            0 => break,
            read => got += read,
        }
    }
    let body = io::Cursor::new(start[..got].to_vec()).chain(body);
    let mut body: Box<dyn Read> =
        if start == GZIP { Box::new(MultiGzDecoder::new(body)) } else { Box::new(body) };
    let mut piece = vec![0; 64 * 1024];
    let mut left = limits.bytes;
    loop {
        let read = body.read(&mut piece).map_err(failed)?;
        if read == 0 {
            return Ok(());
        }
        let too_large =
            || format!("larger than {} MiB; raise feeds.max_mib if it should be", limits.bytes >> 20);
        left = left.checked_sub(read as u64).ok_or_else(too_large)?;
        out.write_all(&piece[..read]).map_err(|error| format!("cannot be kept: {error}"))?;
    }
}

fn refused(status: u16) -> String {
    let remedy = match status {
        401 | 403 => "the publisher may want a key in the URL, or none of your requests",
        404 | 410 => "the list has moved or ended; correct its url",
        429 => "asked too often; let the timer do it once a day",
        _ => "try again later",
    };
    format!("the server answers {status}: {remedy}")
}

fn explain(error: &Error, limits: Limits) -> String {
    match error {
        Error::HostNotFound => {
            "its host was not found; is the name right, and is there a network?".to_owned()
        }
        Error::Timeout(_) => {
            format!("took longer than {} s; raise feeds.timeout_seconds if the line is slow", limits.seconds)
        }
        Error::Io(io) if io.kind() == io::ErrorKind::PermissionDenied => io.to_string(),
        Error::Io(io) if io.kind() == io::ErrorKind::TimedOut => "took too long; try again later".to_owned(),
        // What TLS refuses comes as invalid data.
        Error::Io(io) if io.kind() == io::ErrorKind::InvalidData => {
            format!(
                "its server cannot be trusted: {io}; ca_file names the certificate of a server of your own"
            )
        }
        Error::Io(io) => format!("cannot be reached: {io}; try again later"),
        other => format!("cannot be fetched: {other}"),
    }
}

/// Looks names up, and gives only addresses that may be asked.
#[derive(Debug)]
struct Guarded {
    private: bool,
    resolver: DefaultResolver,
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let asked = if names::BY_GETENT { self.by_getent(uri)? } else { None };
        let found = match asked {
            Some(found) => found,
            None => self.resolver.resolve(uri, config, timeout)?,
        };
        let mut allowed = self.empty();
        for address in found.iter().filter(|address| self.private || is_public(address.ip().into())) {
            allowed.push(*address);
        }
        match found.first() {
            Some(first) if allowed.is_empty() => {
                let why = format!(
                    "{} leads to {}, which is no public address; set allow_private = true for a list on a server of your own",
                    uri.host().unwrap_or("it"),
                    first.ip()
                );
                Err(Error::Io(io::Error::new(io::ErrorKind::PermissionDenied, why)))
            }
            _ => Ok(allowed),
        }
    }
}

impl Guarded {
    /// `None` on a machine that has no such program, and then hardly a module that could do harm.
    fn by_getent(&self, uri: &Uri) -> Result<Option<ResolvedSocketAddrs>, Error> {
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let mut found = self.empty();
        let all = match names::getent(uri.host().unwrap_or_default(), port) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            all => all.map_err(Error::Io)?,
        };
        all.into_iter().take(NAMED).for_each(|address| found.push(address));
        if found.is_empty() { Err(Error::HostNotFound) } else { Ok(Some(found)) }
    }
}

/// Whether an address is one of the internet's.
fn is_public(ip: Ip) -> bool {
    let within = |text: &str| text.parse::<crate::addr::Prefix>().is_ok_and(|prefix| prefix.contains(ip));
    // NAT64 (RFC 6052) and 6to4 (RFC 3056) carry an IPv4 address inside.
    let bits = ip.bits();
    let carried = match bits >> 96 {
        0x0064_ff9b => Some(bits as u32),
        high if high >> 16 == 0x2002 => Some((bits >> 80) as u32),
        _ => None,
    };
    let carried_public = carried.is_none_or(|v4| is_public(Ip::v4(v4.to_be_bytes())));
    !Inside::DEFAULT.iter().chain(&NOT_PUBLIC).any(|text| within(text)) && carried_public
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for text in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:192.168.1.1",
            "64:ff9b::a00:1",
            "2002:c0a8:101::1",
        ] {
            assert!(!is_public(text.parse().expect("ip")), "{text}");
        }
        for text in ["8.8.8.8", "172.32.0.1", "2606:4700::1", "64:ff9b::808:808", "2002:808:808::1"] {
            assert!(is_public(text.parse().expect("ip")), "{text}");
        }
    }

    #[test]
    fn a_redirect_is_read_in_every_form_and_never_leaves_https() {
        let to = |from: &str, location: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, location.parse().expect("header"));
            follow(&from.parse().expect("uri"), &headers).map(|uri| uri.to_string())
        };
        let from = "https://a.example/lists/x";
        assert_eq!(to(from, "https://b.example/y").as_deref(), Ok("https://b.example/y"));
        assert_eq!(to(from, "//b.example/y").as_deref(), Ok("https://b.example/y"));
        assert_eq!(to(from, "/y").as_deref(), Ok("https://a.example/y"));
        assert_eq!(to(from, "y?z=1").as_deref(), Ok("https://a.example/lists/y?z=1"));
        assert!(to(from, "http://a.example/y").is_err() && to(from, "ftp://a.example/y").is_err());
        assert_eq!(to("http://a.example/x", "http://b.example/").as_deref(), Ok("http://b.example/"));
    }

    #[test]
    fn what_unpacks_to_more_than_allowed_is_refused() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(&vec![b'x'; 3 << 20]).expect("memory");
        let packed = packed.finish().expect("memory");
        assert!(packed.len() < 10_000);
        let limits = |mib: u64| Limits { bytes: mib << 20, seconds: 1 };
        let mut out = Vec::new();
        assert_eq!(copy(&packed[..], limits(3), &mut out), Ok(()));
        assert_eq!(out.len(), 3 << 20);
        assert!(copy(&packed[..], limits(2), &mut Vec::new()).expect_err("too large").contains("max_mib"));
    }
}
