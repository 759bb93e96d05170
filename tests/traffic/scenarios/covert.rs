//! Hidden ways: tunnels in pings and look-ups, anonymisers, odd ports, doors that devices open themselves.

use super::{Scenario, alert, raises, silent};
use crate::traffic::conversation::Conversation;
use crate::traffic::home::{background, culprit, gateway, lan, lan6, nas, outside};
use crate::traffic::names::{self, Data, rtype};
use crate::traffic::packet::{End, Host};
use crate::traffic::talk::{FAR, NEAR, SSDP_SEARCH};
use crate::traffic::trace::Trace;
use crate::traffic::{MIN, MS, SEC, tls};
use std::net::IpAddr;

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[
    raises(
        "dns_tunnel_slow",
        &[alert("dns_tunnel", "192.168.1.66", "")],
        "One name of 60 encoded characters each 15 s for 25 minutes.",
        |t| {
            background(t, 0, 25 * MIN, 8);
            for i in 0..100 {
                let name = format!("{}.slow.example", t.rng.text(BASE32, 60));
                t.lookup(10 * SEC + i * 15 * SEC, culprit(), gateway(), &name, "198.51.100.99");
            }
        },
    ),
    raises(
        "dns_tunnel_polls",
        &[alert("dns_tunnel", "192.168.1.66", "")],
        "A tunnel at rest: each second a TXT question with eight drawn letters, a short answer.",
        |t| {
            background(t, 0, 70 * SEC, 8);
            for i in 0..60 {
                let name = format!("{}.t.rest.example", t.rng.text(BASE32, 9));
                let txt = [(name.as_str(), Data::Txt(b"AAAA"))];
                t.ask(5 * SEC + i * SEC, (culprit(), gateway()), (&name, rtype::TXT), 0, &txt);
            }
        },
    ),
    raises(
        "dns_tunnel_cname",
        &[alert("dns_tunnel", "fd00:0:0:1::42", "")],
        "CNAME and A questions by turns with hexadecimal names, over IPv6.",
        |t| {
            background(t, 0, 90 * SEC, 8);
            for i in 0..80 {
                let (up, down) = (t.rng.text(HEX, 34), t.rng.text(HEX, 40));
                let (name, to) = (format!("{up}.cat.example"), format!("{down}.cat.example"));
                let qtype = if i % 2 == 0 { rtype::CNAME } else { rtype::A };
                let answer = [(name.as_str(), Data::Cname(&to))];
                t.ask(5 * SEC + i * SEC, (lan6(66), lan6(1)), (&name, qtype), 0, &answer);
            }
        },
    ),
    raises(
        "icmp_tunnel",
        &[alert("icmp_tunnel", "192.168.1.66", "203.0.113.8")],
        "25 pings with 130 to 400 bytes of text each, answered with other text.",
        |t| pings(t, culprit(), outside("203.0.113.8"), 25, true),
    ),
    silent("icmp_tunnel_under", "3 such pings.", |t| pings(t, culprit(), outside("203.0.113.8"), 3, true)),
    silent(
        "icmp_tunnel_harmless",
        "Large pings of Linux and Windows, a monitor's fixed text, a search for the largest packet.",
        honest_pings,
    ),
    raises(
        "icmp_tunnel_ipv6",
        &[alert("icmp_tunnel", "fd00:0:0:1::42", "2001:db8:8::8")],
        "The same over ICMPv6.",
        |t| pings(t, lan6(66), outside("2001:db8:8::8"), 25, true),
    ),
    raises(
        "icmp_tunnel_out",
        &[alert("icmp_tunnel", "192.168.1.66", "203.0.113.8")],
        "45 pings in 45 s with other text each, all of it given back: data carried out.",
        |t| pings(t, culprit(), outside("203.0.113.8"), 45, false),
    ),
    raises(
        "anonymizer",
        &[alert("anonymizer", "192.168.1.66", "198.51.100.70")],
        "WireGuard to an outside address.",
        |t| {
            background(t, 0, 50 * SEC, 8);
            wireguard(t, 20 * SEC, culprit(), outside("198.51.100.70"), 148);
        },
    ),
    silent(
        "anonymizer_under",
        "Datagrams that only begin like WireGuard and OpenVPN, and a name that looks like Tor's once.",
        |t| {
            background(t, 0, 50 * SEC, 8);
            wireguard(t, 20 * SEC, culprit(), outside("198.51.100.70"), 140);
            t.udp(25 * SEC, culprit().port(40_001), outside("198.51.100.71").port(9_000), b"8 bottles");
            t.https(30 * SEC, culprit(), outside("198.51.100.72"), "www.xkgk7fdx362yyyxib.com", 300, 900);
        },
    ),
    silent(
        "anonymizer_harmless",
        "A telephone's call over the wireless LAN, WireGuard inside, the router's own DNS over TLS.",
        wanted_tunnels,
    ),
    raises(
        "anonymizer_tor",
        &[alert("anonymizer", "192.168.1.66", "198.51.100.73")],
        "TLS 1.2 on port 9001 with the certificate that Tor makes for itself.",
        tor,
    ),
    raises(
        "anonymizer_openvpn",
        &[alert("anonymizer", "192.168.1.66", "198.51.100.74")],
        "OpenVPN's first message and its answer.",
        |t| {
            background(t, 0, 50 * SEC, 8);
            let (from, to) = (culprit().port(40_000), outside("198.51.100.74").port(1194));
            t.udp(20 * SEC, from, to, b"\x38sessions\0\0\0\0\0");
            t.udp(20 * SEC + FAR, to, from, b"\x40sessionz\x01\0\0\0\0sessions\0\0\0\0");
        },
    ),
    raises(
        "anonymizer_doh",
        &[alert("anonymizer", "fd00:0:0:1::42", "2001:db8:53::53")],
        "DNS over HTTPS at a public resolver, over IPv6.",
        |t| {
            background(t, 0, 50 * SEC, 8);
            let resolver = outside("2001:db8:53::53");
            t.https(20 * SEC, lan6(66), resolver, "mozilla.cloudflare-dns.com", 400, 800);
        },
    ),
    raises(
        "odd_port",
        &[alert("odd_port", "192.168.1.66", "198.51.100.80")],
        "SSH to an outside server on port 443, twice.",
        |t| {
            background(t, 0, 60 * SEC, 8);
            ssh(t, 20 * SEC, culprit(), outside("198.51.100.80").port(443));
            ssh(t, 40 * SEC, culprit(), outside("198.51.100.80").port(443));
        },
    ),
    silent("odd_port_under", "SSH on 22 and 2222, HTTP on 8080, a language nobody knows on 443.", |t| {
        background(t, 0, 60 * SEC, 8);
        ssh(t, 10 * SEC, culprit(), outside("198.51.100.80").port(22));
        ssh(t, 20 * SEC, culprit(), outside("198.51.100.80").port(2222));
        plain(t, 30 * SEC, culprit(), outside("198.51.100.81").port(8080));
        let from = culprit().port(t.rng.port());
        let mut c = Conversation::open(t, 40 * SEC, FAR, from, outside("198.51.100.82").port(443));
        c.client(*b"\xee\xee\xee\xee\x0d\x0a\x1f");
        c.server(*b"\x04\x11\x99\x42\0\0\x7a");
        c.close(true);
    }),
    silent(
        "odd_port_harmless",
        "SSH of a code host over 443, a home server on 8123 and 2022, TLS on 8443 and 5223, a hotel's page on 443.",
        usual_ports,
    ),
    raises(
        "odd_port_dns",
        &[alert("odd_port", "192.168.1.66", "198.51.100.84")],
        "DNS over TCP on port 443.",
        |t| {
            background(t, 0, 50 * SEC, 8);
            let from = culprit().port(t.rng.port());
            let mut c = Conversation::open(t, 20 * SEC, FAR, from, outside("198.51.100.84").port(443));
            for i in 0..4 {
                let name = format!("a{i}.t.example");
                c.client(with_length(&names::query(i, &name, rtype::TXT)));
                let answer = [(name.as_str(), Data::Txt(b"yes"))];
                c.server(with_length(&names::response(i, &name, rtype::TXT, 0, &answer)));
            }
            c.close(true);
        },
    ),
    raises(
        "odd_port_ipv6",
        &[alert("odd_port", "fd00:0:0:1::42", "2001:db8:85::1")],
        "HTTP in the clear on port 53, over IPv6.",
        |t| {
            background(t, 0, 50 * SEC, 8);
            plain(t, 20 * SEC, lan6(66), outside("2001:db8:85::1").port(53));
        },
    ),
    raises(
        "upnp_exposure",
        &[alert("upnp_exposure", "192.168.1.66", "192.168.1.1")],
        "A device has the router open two ports by UPnP.",
        |t| {
            background(t, 0, 50 * SEC, 8);
            soap(t, 20 * SEC, culprit(), gateway().port(49_000), "WANIPConnection:1#AddPortMapping");
            soap(t, 22 * SEC, culprit(), gateway().port(49_000), "WANIPConnection:1#AddPortMapping");
        },
    ),
    silent("upnp_exposure_under", "Searches inside, and questions for the router's outside address.", |t| {
        background(t, 0, 50 * SEC, 8);
        soap(t, 20 * SEC, culprit(), gateway().port(49_000), "WANIPConnection:1#GetExternalIPAddress");
        t.udp(25 * SEC, culprit().port(40_000), gateway().port(5351), &[0, 0]);
        t.udp(
            25 * SEC + NEAR,
            gateway().port(5351),
            culprit().port(40_000),
            &[0, 128, 0, 0, 0, 0, 0, 9, 203, 0, 113, 5],
        );
        t.udp(
            30 * SEC,
            gateway().port(1900),
            lan(22).port(50_123),
            b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n",
        );
    }),
    silent(
        "upnp_exposure_harmless",
        "A player's volume by SOAP, a mapping taken away by UPnP and by NAT-PMP, a search from outside that nobody answers.",
        |t| {
            background(t, 0, 50 * SEC, 8);
            soap(t, 15 * SEC, lan(20), lan(31).port(1400), "RenderingControl:1#SetVolume");
            soap(t, 20 * SEC, culprit(), gateway().port(49_000), "WANIPConnection:1#DeletePortMapping");
            t.udp(
                25 * SEC,
                culprit().port(40_000),
                gateway().port(5351),
                &[0, 2, 0, 0, 0x1f, 0x90, 0, 0, 0, 0, 0, 0],
            );
            t.udp(30 * SEC, outside("203.0.113.99").port(40_100), nas().port(1900), SSDP_SEARCH);
        },
    ),
    raises(
        "upnp_exposure_natpmp",
        &[alert("upnp_exposure", "192.168.1.66", "192.168.1.1")],
        "A NAT-PMP request for port 8080 and the router's consent.",
        |t| {
            background(t, 0, 50 * SEC, 8);
            let (from, to) = (culprit().port(40_000), gateway().port(5351));
            t.udp(25 * SEC, from, to, &[0, 2, 0, 0, 0x1f, 0x90, 0x1f, 0x90, 0, 0, 0x0e, 0x10]);
            t.udp(
                25 * SEC + NEAR,
                to,
                from,
                &[0, 130, 0, 0, 0, 0, 0, 9, 0x1f, 0x90, 0x1f, 0x90, 0, 0, 0x0e, 0x10],
            );
        },
    ),
    raises(
        "upnp_exposure_pcp",
        &[alert("upnp_exposure", "fd00:0:0:1::42", "")],
        "A PCP request over IPv6.",
        |t| {
            background(t, 0, 50 * SEC, 8);
            let mut request = vec![2, 1, 0, 0, 0, 0, 0x1c, 0x20];
            request.resize(36, 7);
            request.extend([6, 0, 0, 0, 0x1f, 0x90, 0x1f, 0x90]);
            request.resize(60, 0);
            t.udp(25 * SEC, lan6(66).port(40_000), lan6(1).port(5351), &request);
        },
    ),
    raises(
        "upnp_exposure_ssdp",
        &[alert("upnp_exposure", "192.168.1.66", "203.0.113.99")],
        "A search from outside that a device answers.",
        |t| {
            background(t, 0, 50 * SEC, 8);
            let (from, to) = (outside("203.0.113.99").port(40_100), culprit().port(1900));
            t.udp(25 * SEC, from, to, SSDP_SEARCH);
            t.udp(
                25 * SEC + MS,
                to,
                from,
                b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nSERVER: x UPnP/1.0 y\r\n\r\n",
            );
        },
    ),
];

const BASE32: &str = "abcdefghijklmnopqrstuvwxyz234567";
const HEX: &str = "0123456789abcdef";

/// An echo request with `asked`, and the reply with `answered`.
fn echo(t: &mut Trace, at: i64, from: Host, to: Host, sequence: u16, (asked, answered): (&[u8], &[u8])) {
    let six = from.ip.is_ipv6();
    let [high, low] = sequence.to_be_bytes();
    let rest = [0x12, 0x34, high, low];
    t.icmp(at, from, to, (if six { 128 } else { 8 }, 0), rest, asked);
    t.icmp(at + FAR, to, from, (if six { 129 } else { 0 }, 0), rest, answered);
}

/// `n` pings a second apart that carry text; the replies carry their own, or give it back.
fn pings(t: &mut Trace, from: Host, to: Host, n: u16, own: bool) {
    background(t, 0, 60 * SEC, 8);
    for i in 0..n {
        let (up, down) = (t.rng.range(130, 400) as usize, t.rng.range(130, 400) as usize);
        let (asked, other) = (t.rng.text(HEX, up), t.rng.text(HEX, down));
        let answered = if own { &other } else { &asked };
        echo(t, 10 * SEC + i64::from(i) * SEC, from, to, i, (asked.as_bytes(), answered.as_bytes()));
    }
}

fn honest_pings(t: &mut Trace) {
    background(t, 0, 70 * SEC, 8);
    let router = outside("198.51.100.1");
    let letters: Vec<u8> = (0..1_000).map(|i| b'a' + (i % 23) as u8).collect();
    let text = b"Data Buffer of the monitoring service, please ignore. ".repeat(4);
    for i in 0..50u16 {
        let at = 5 * SEC + i64::from(i) * SEC;
        let mut linux: Vec<u8> = (0..1_400u32).map(|b| b as u8).collect();
        linux[..8].copy_from_slice(&t.rng.next().to_be_bytes());
        let time: Vec<u8> = [&t.rng.bytes(8), &text[..]].concat();
        let search = vec![0; 1_472 - usize::from(i) * 8];
        for (from, data) in [(lan(20), &linux), (lan(21), &letters), (nas(), &time), (lan(22), &search)] {
            echo(t, at, from, router, i, (data, data));
        }
    }
}

fn wireguard(t: &mut Trace, at: i64, from: Host, to: Host, len: usize) {
    let (from, to) = (from.port(40_000), to.port(51_820));
    let message = |t: &mut Trace, kind: u8, len: usize| {
        let mut bytes = vec![kind, 0, 0, 0];
        bytes.extend(t.rng.bytes(len - 4));
        bytes
    };
    let (first, answer, data) = (message(t, 1, len), message(t, 2, 92), message(t, 4, 128));
    t.udp(at, from, to, &first);
    t.udp(at + FAR, to, from, &answer);
    t.udp(at + FAR + MS, from, to, &data);
}

fn wanted_tunnels(t: &mut Trace) {
    background(t, 0, 60 * SEC, 8);
    wireguard(t, 10 * SEC, lan(21), nas(), 148);
    let name = "epdg.epc.mnc001.mcc001.pub.3gppnetwork.org";
    let found = t.lookup(15 * SEC, lan(21), gateway(), name, "198.51.100.75");
    let mut ike = [[9; 8], [0; 8]].concat();
    ike.extend([33, 0x20, 34, 8, 0, 0, 0, 0, 0, 0, 0, 228]);
    ike.extend(t.rng.bytes(200));
    let (from, to) = (lan(21).port(500), outside("198.51.100.75").port(500));
    t.udp(found + MS, from, to, &ike);
    t.udp(found + FAR, to, from, &ike);
    let mut c = t.tls(30 * SEC, gateway(), outside("198.51.100.53").port(853), "dns.quad9.net");
    let question = tls::sealed(&mut c.trace.rng, 60);
    c.client(question);
    c.close(true);
}

/// One element of DER.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let len = content.len();
    let head = if len < 128 { vec![tag, len as u8] } else { vec![tag, 0x82, (len >> 8) as u8, len as u8] };
    [head, content].concat()
}

fn common_name(name: &str) -> Vec<u8> {
    let pair = der(0x30, &[&[6, 3, 0x55, 4, 3], &der(0x0c, &[name.as_bytes()])]);
    der(0x30, &[&der(0x31, &[&pair])])
}

/// A certificate as far as monitors read it, without a key and a signature that holds.
fn certificate(subject: &str, issuer: &str) -> Vec<u8> {
    let validity = der(0x30, &[&der(0x17, &[b"260101000000Z"]), &der(0x17, &[b"270101000000Z"])]);
    let algorithm = der(0x30, &[&[6, 3, 0x2a, 3, 4]]);
    let head = [2, 1, 7];
    let tbs = der(
        0x30,
        &[&[0xa0, 3, 2, 1, 2], &head, &algorithm, &common_name(issuer), &validity, &common_name(subject)],
    );
    der(0x30, &[&tbs, &algorithm, &[3, 2, 0, 0]])
}

fn counted24(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[1..], body].concat()
}

/// What a server of TLS 1.2 says first: ServerHello and its certificate.
fn server_flight_12(t: &mut Trace, certificate: &[u8]) -> Vec<u8> {
    let mut hello = vec![3, 3];
    hello.extend(t.rng.bytes(32));
    hello.extend([0, 0xc0, 0x2f, 0]);
    let list = counted24(&counted24(certificate));
    let messages = [&[2], &counted24(&hello)[..], &[11], &counted24(&list)].concat();
    tls::record(22, &messages)
}

fn tor(t: &mut Trace) {
    background(t, 0, 50 * SEC, 8);
    let flight = server_flight_12(t, &certificate("www.g6ghvisevf3ibuu5.net", "www.xkgk7fdx362yyyxib.com"));
    let from = culprit().port(t.rng.port());
    let mut c = Conversation::open(t, 20 * SEC, FAR, from, outside("198.51.100.73").port(9001));
    let hello = tls::client_flight(&mut c.trace.rng, "www.ct7ctrgb6cr7.com");
    c.client(hello);
    c.server(flight);
    for up in [true, false, true] {
        let cell = tls::sealed(&mut c.trace.rng, 536);
        c.send(up, &cell, 0);
    }
    c.close(true);
}

fn ssh(t: &mut Trace, at: i64, from: Host, to: End) {
    let client = from.port(t.rng.port());
    let rtt = if to.host.ttl == 64 { NEAR } else { FAR };
    let mut c = Conversation::open(t, at, rtt, client, to);
    c.client("SSH-2.0-OpenSSH_9.6\r\n");
    c.server("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n");
    for (up, size) in [(true, 1_500), (false, 1_100), (true, 900), (false, 4_000), (true, 3_000)] {
        let bytes = tls::opaque(&mut c.trace.rng, size);
        c.send(up, &bytes, 0);
    }
    c.close(true);
}

fn plain(t: &mut Trace, at: i64, from: Host, to: End) {
    let host = match to.host.ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let request = format!("GET /i HTTP/1.1\r\nHost: {host}\r\nUser-Agent: wget\r\n\r\n");
    t.http(at, from, to, &request, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

fn usual_ports(t: &mut Trace) {
    background(t, 0, 70 * SEC, 8);
    let found = t.lookup(5 * SEC, lan(20), gateway(), "ssh.github.com", "198.51.100.86");
    ssh(t, found + MS, lan(20), outside("198.51.100.86").port(443));
    ssh(t, 15 * SEC, lan(20), nas().port(2022));
    plain(t, 20 * SEC, lan(21), nas().port(8123));
    for (i, port) in [8443, 5223, 993, 8883].into_iter().enumerate() {
        let at = 25 * SEC + i as i64 * 5 * SEC;
        let c = t.tls(at, lan(21), outside("198.51.100.87").port(port), "push.example");
        c.close(true);
    }
    let request = "GET / HTTP/1.1\r\nHost: www.example\r\n\r\n";
    let answer = "HTTP/1.1 302 Found\r\nLocation: http://login.hotel.example/\r\nContent-Length: 0\r\n\r\n";
    t.http(55 * SEC, lan(21), outside("198.51.100.88").port(443), request, answer);
}

fn with_length(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes(), message].concat()
}

fn soap(t: &mut Trace, at: i64, from: Host, to: End, action: &str) {
    let body = "<?xml version=\"1.0\"?><s:Envelope><s:Body/></s:Envelope>";
    let request = format!(
        "POST /upnp/control HTTP/1.1\r\nHost: {}:{}\r\nSOAPAction: \"urn:schemas-upnp-org:service:{action}\"\r\n\
         Content-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
        to.host.v4(),
        to.port,
        body.len()
    );
    t.http(at, from, to, &request, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}
