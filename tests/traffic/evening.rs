//! The demo: forty minutes of an evening in a home, fifteen devices, and one of them turned bad.
//!
//! | minute | what happens |
//! |---|---|
//! | 0 | devices wake: leases, announcements, clocks |
//! | 1-39 | the TV streams; the camera records to the file server; people browse, music plays |
//! | 2-39 | the smart plug reports to its master each minute |
//! | 5 | the plug fetches its orders from an address on the list |
//! | 7 | something is printed |
//! | 8 | the plug scans the file server |
//! | 10-25 | a video call |
//! | 11 | the plug guesses SSH passwords on the file server |
//! | 14 | the laptop is backed up |
//! | 18 | a guest's phone joins |
//! | 21 | the plug poses as the router |
//! | 23-30 | the game console downloads an update |
//! | 29-32 | the camera sends data out through DNS |
//!
//! Bulk data is cut after its headers, and comes in long segments, as receive offload hands it to a capture: gigabytes
//! of evening fit in a small file, and every length on the wire is true.

use super::dhcp::Dhcp;
use super::home::outside;
use super::names::{Data, rtype};
use super::packet::{Host, Mac, group};
use super::talk::{NEAR, SSDP_SEARCH};
use super::trace::Trace;
use super::{MIN, MS, SEC, tls};
use crate::traffic::conversation::Conversation;
use std::net::{Ipv4Addr, Ipv6Addr};

/// How long the evening is.
const END: i64 = 40 * MIN;
/// Bytes kept of a frame that says something: all of it.
const SNAP: usize = 1_514;
/// Bytes kept of a frame of bulk data: Ethernet, IPv6 and TCP headers.
const HEADERS: usize = 74;
/// Bytes kept of a frame of the video call: its RTP header is the last thing worth keeping.
const CALL_HEADERS: usize = 58;

/// A device: the last byte of its address, station, host name, DHCP vendor class, service it announces.
struct Device(u8, Mac, &'static str, &'static str, Option<(&'static str, u16)>);

const ROUTER: u8 = 1;
const NAS: u8 = 10;
const LAPTOP: u8 = 20;
const PHONE: u8 = 21;
const TV: u8 = 22;
const WORK: u8 = 23;
const PIXEL: u8 = 24;
const PRINTER: u8 = 30;
const CAMERA: u8 = 31;
const THERMOSTAT: u8 = 32;
const CONSOLE: u8 = 33;
const LIGHTS: u8 = 34;
const SPEAKER: u8 = 35;
const GUEST: u8 = 50;
const PLUG: u8 = 66;

const DEVICES: [Device; 15] = [
    Device(ROUTER, [0x3c, 0x37, 0x12, 0x5e, 0x10, 0x01], "router", "", None),
    Device(NAS, [0x00, 0x11, 0x32, 0xa1, 0x5c, 0x10], "DiskStation", "", Some(("_smb._tcp.local", 445))),
    Device(
        LAPTOP,
        [0xf0, 0x18, 0x98, 0x33, 0x7a, 0x20],
        "Annas-MacBook-Air",
        "",
        Some(("_companion-link._tcp.local", 49_152)),
    ),
    Device(
        PHONE,
        [0xa4, 0x83, 0xe7, 0x61, 0x02, 0x21],
        "Annas-iPhone",
        "",
        Some(("_rdlink._tcp.local", 49_160)),
    ),
    Device(
        TV,
        [0x8c, 0x77, 0x12, 0x90, 0x4d, 0x22],
        "Samsung-TV",
        "dhcpcd-5.5.6",
        Some(("_airplay._tcp.local", 7000)),
    ),
    Device(WORK, [0x78, 0x2b, 0xcb, 0x0c, 0xe7, 0x23], "LAPTOP-7Q2M4K1", "MSFT 5.0", None),
    Device(PIXEL, [0xda, 0xa1, 0x19, 0x4f, 0x88, 0x24], "Pixel-8", "android-dhcp-14", None),
    Device(
        PRINTER,
        [0x3c, 0x52, 0x82, 0x77, 0x01, 0x30],
        "HP-OfficeJet-8020",
        "HP Printer",
        Some(("_ipp._tcp.local", 631)),
    ),
    Device(CAMERA, [0x44, 0x19, 0xb6, 0x2a, 0x9e, 0x31], "front-door-camera", "udhcp 1.24.1", None),
    Device(THERMOSTAT, [0x18, 0xb4, 0x30, 0x54, 0x0e, 0x32], "Thermostat-Hall", "", None),
    Device(CONSOLE, [0x98, 0xb6, 0xe9, 0x13, 0xd0, 0x33], "Switch", "", None),
    Device(LIGHTS, [0xec, 0xb5, 0xfa, 0x08, 0x77, 0x34], "Hue-Bridge", "", Some(("_hue._tcp.local", 443))),
    Device(
        SPEAKER,
        [0x5c, 0xaa, 0xfd, 0x60, 0x1b, 0x35],
        "Sonos-Kitchen",
        "",
        Some(("_sonos._tcp.local", 1443)),
    ),
    Device(GUEST, [0x6e, 0x5d, 0x0a, 0xc3, 0x19, 0x50], "Galaxy-S23-of-Tom", "android-dhcp-13", None),
    Device(PLUG, [0x50, 0xc7, 0xbf, 0xee, 0x42, 0x66], "HS110", "udhcp 1.19.4", None),
];

/// Places on the Internet.
const PLACES: [(&str, &str); 12] = [
    ("www.news.example", "198.51.100.11"),
    ("static.news.example", "198.51.100.12"),
    ("shop.example", "198.51.100.13"),
    ("images.shop.example", "198.51.100.14"),
    ("mail.example", "198.51.100.15"),
    ("social.example", "198.51.100.16"),
    ("cdn.social.example", "198.51.100.17"),
    ("maps.example", "198.51.100.18"),
    ("search.example", "2001:db8:100::19"),
    ("wiki.example", "2001:db8:100::20"),
    ("recipes.example", "198.51.100.21"),
    ("weather.example", "2001:db8:100::22"),
];

fn device(n: u8) -> Host {
    let found = DEVICES.iter().find(|d| d.0 == n).expect("a device of the table");
    Host::new(found.1, Ipv4Addr::new(192, 168, 1, n))
}

/// The same device under its IPv6 address.
fn device6(n: u8) -> Host {
    device(n).with_ip(Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, n.into()))
}

/// The side of device `n` that speaks the family of `to`.
fn side(n: u8, to: Host) -> Host {
    if to.ip.is_ipv4() { device(n) } else { device6(n) }
}

/// A place on the Internet, behind this home's router.
fn place(ip: &str) -> Host {
    Host { mac: device(ROUTER).mac, ..outside(ip) }
}

/// The capture.
pub fn pcap() -> Vec<u8> {
    let mut t = Trace::named("evening");
    t.snap = SNAP;
    wake(&mut t);
    housekeeping(&mut t);
    watch_tv(&mut t);
    browse(&mut t);
    record(&mut t);
    listen(&mut t);
    print(&mut t);
    talk_face_to_face(&mut t);
    back_up(&mut t);
    guest(&mut t);
    update_console(&mut t);
    turn_bad(&mut t);
    t.into_pcap()
}

fn join(t: &mut Trace, at: i64, d: &Device) {
    let host = device(d.0);
    let base = Dhcp { name: d.2, vendor: d.3, ..Dhcp::new(0, 0, host.mac) };
    t.lease(at, host, device(ROUTER), &base);
    t.arp(at + 2_500 * MS, host, device(ROUTER));
    t.neighbor(at + 2_600 * MS, device6(d.0), group("ff02::1"), device6(d.0).v6(), 0x20);
    let Some((service, port)) = d.4 else { return };
    let name = format!("{}.local", d.2);
    t.mdns_service(at + 3 * SEC, host, &name, service, port);
    t.mdns_service(at + 4 * SEC, device6(d.0), &name, service, port);
    let mut again = at + 3 * SEC;
    while again < END - 9 * MIN {
        again += t.rng.range(4 * MIN, 9 * MIN);
        t.mdns_service(again, host, &name, service, port);
    }
}

fn wake(t: &mut Trace) {
    for (i, d) in DEVICES.iter().enumerate().filter(|(_, d)| d.0 != ROUTER && d.0 != GUEST) {
        join(t, SEC + i as i64 * 2_700 * MS, d);
    }
}

/// Clocks, ARP, searches: what goes on in any network without anyone asking.
fn housekeeping(t: &mut Trace) {
    for (i, d) in DEVICES.iter().enumerate().filter(|(_, d)| d.0 != ROUTER && d.0 != GUEST) {
        let (host, mut at) = (device(d.0), 45 * SEC + i as i64 * 3 * SEC);
        t.lookup(at - SEC, host, device(ROUTER), "pool.ntp.example", "192.0.2.123");
        while at < END {
            t.ntp(at, host, place("192.0.2.123"));
            t.arp(at + 5 * SEC, host, device(ROUTER));
            at += t.rng.range(7 * MIN, 18 * MIN);
        }
    }
    for n in [LAPTOP, PHONE, WORK, TV] {
        let mut at = t.rng.range(MIN, 2 * MIN);
        while at < END {
            t.udp(at, device(n).port(50_123), group("239.255.255.250").port(1900), SSDP_SEARCH);
            t.udp(
                at + 90 * MS,
                device(LIGHTS).port(1900),
                device(n).port(50_123),
                b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n",
            );
            at += t.rng.range(3 * MIN, 8 * MIN);
        }
    }
    // The thermostat keeps one connection open all evening.
    let mut c =
        t.tls(50 * SEC, device(THERMOSTAT), place("198.51.100.60").port(443), "cloud.thermostat.example");
    while c.at < END - MIN {
        let pause = c.trace.rng.range(20 * SEC, 70 * SEC);
        c.wait(pause);
        let report = tls::sealed(&mut c.trace.rng, 210);
        c.client(report);
        c.server(tls::record(23, &[1; 60]));
    }
}

/// Looks a name up and opens TLS to it.
fn reach<'t>(t: &'t mut Trace, at: i64, n: u8, name: &str, ip: &str) -> Conversation<'t> {
    let found = t.lookup(at, device(n), device(ROUTER), name, ip);
    t.tls(found + MS, side(n, place(ip)), place(ip).port(443), name)
}

/// Sends bulk data with only its headers kept.
fn bulk(c: &mut Conversation, up: bool, bytes: usize, bytes_per_second: usize, mss: usize) {
    c.trace.snap = HEADERS;
    let before = std::mem::replace(&mut c.mss, mss);
    c.stream(up, bytes, bytes_per_second);
    c.mss = before;
    c.trace.snap = SNAP;
}

/// A film: a few seconds of it at a time, the quality changing with the scene; three connections after each other.
fn watch_tv(t: &mut Trace) {
    for (part, edge) in
        ["edge1.video.example", "edge4.video.example", "edge7.video.example"].into_iter().enumerate()
    {
        let ip = format!("203.0.113.{}", 10 + part);
        let end = (part as i64 + 1) * 13 * MIN - 10 * SEC;
        let mut c = reach(t, MIN + part as i64 * 13 * MIN - 5 * SEC, TV, edge, &ip);
        while c.at < end {
            c.client(tls::record(23, &[2; 420]));
            let bytes = c.trace.rng.range(900_000, 3_200_000) as usize;
            bulk(&mut c, false, bytes, 4_500_000, 23_168);
            let pause = c.trace.rng.range(2 * SEC, 4 * SEC);
            c.wait(pause);
        }
        c.close(true);
    }
}

/// Four people's devices: pages in clusters, with pauses for reading, some over QUIC.
fn browse(t: &mut Trace) {
    for (n, pause) in [(LAPTOP, 50), (PHONE, 45), (WORK, 80), (PIXEL, 60)] {
        let mut at = t.rng.range(40 * SEC, 100 * SEC);
        while at < END - MIN {
            let parts = t.rng.range(2, 6);
            for part in 0..parts {
                let at = at + part * t.rng.range(60 * MS, 700 * MS);
                visit(t, at, n);
            }
            at += t.rng.range(5 * SEC, 2 * pause * SEC);
        }
    }
}

fn visit(t: &mut Trace, at: i64, n: u8) {
    let (name, ip) = t.rng.pick(&PLACES);
    if t.rng.below(4) == 0 {
        let found = t.lookup(at, device(n), device(ROUTER), name, ip);
        let datagrams = t.rng.range(20, 160) as usize;
        let (from, to) = (side(n, place(ip)).port(t.rng.port()), place(ip).port(443));
        t.quic_open(found + MS, from, to, name);
        t.snap = HEADERS;
        t.quic_data(found + 20 * MS, from, to, datagrams);
        t.snap = SNAP;
        return;
    }
    let mut c = reach(t, at, n, name, ip);
    for _ in 0..c.trace.rng.range(1, 5) {
        c.client(tls::record(23, &[3; 380]));
        let bytes = c.trace.rng.range(4_000, 350_000) as usize;
        bulk(&mut c, false, bytes, 2_000_000, 14_480);
        let pause = c.trace.rng.range(30 * MS, SEC);
        c.wait(pause);
    }
    c.close(true);
}

/// The camera's picture to the file server, over RTSP's interleaved TCP.
fn record(t: &mut Trace) {
    let mut c = Conversation::open(t, 55 * SEC, NEAR, device(NAS).port(41_554), device(CAMERA).port(554));
    c.client("PLAY rtsp://192.168.1.31/stream RTSP/1.0\r\nCSeq: 5\r\nSession: 7\r\n\r\n");
    c.server("RTSP/1.0 200 OK\r\nCSeq: 5\r\nSession: 7\r\n\r\n");
    while c.at < END {
        let bytes = c.trace.rng.range(150_000, 420_000) as usize;
        bulk(&mut c, false, bytes, 1_500_000, 28_960);
        c.wait(1_900 * MS);
    }
}

/// Music: a song each few minutes, fetched at once.
fn listen(t: &mut Trace) {
    let mut at = 3 * MIN;
    while at < END - 2 * MIN {
        let mut c = reach(t, at, SPEAKER, "stream.music.example", "198.51.100.70");
        bulk(&mut c, false, 7_500_000, 900_000, 14_480);
        c.close(true);
        at += t.rng.range(170 * SEC, 260 * SEC);
    }
}

fn print(t: &mut Trace) {
    t.arp(7 * MIN, device(LAPTOP), device(PRINTER));
    let mut c =
        Conversation::open(t, 7 * MIN + SEC, NEAR, device(LAPTOP).port(51_631), device(PRINTER).port(631));
    c.client("POST /ipp/print HTTP/1.1\r\nHost: HP-OfficeJet-8020.local:631\r\nContent-Type: application/ipp\r\n\r\n");
    bulk(&mut c, true, 3_400_000, 800_000, 14_480);
    c.server("HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\nContent-Length: 0\r\n\r\n");
    c.close(true);
}

/// A video call over UDP: twenty-five datagrams a second each way, of the size that the picture needs just then.
fn talk_face_to_face(t: &mut Trace) {
    let (from, to) = (device(WORK).port(50_040), place("192.0.2.40").port(3478));
    t.lookup(10 * MIN - SEC, device(WORK), device(ROUTER), "meet.example", "192.0.2.40");
    t.snap = CALL_HEADERS;
    let (mut at, mut sequence) = (10 * MIN, 0u16);
    while at < 25 * MIN {
        let minute_swing = 250 + (at / (15 * SEC) % 5) as usize * 110;
        let rtp = |seed: usize| {
            let mut packet = vec![0x90, 0x60];
            packet.extend(sequence.to_be_bytes());
            packet.resize(minute_swing + seed * 97 % 300, 0x33);
            packet
        };
        let (up, down) = (rtp(usize::from(sequence)), rtp(usize::from(sequence) + 5));
        t.udp(at, from, to, &up);
        t.udp(at + 11 * MS, to, from, &down);
        at += t.rng.range(34 * MS, 47 * MS);
        sequence = sequence.wrapping_add(1);
    }
    t.snap = SNAP;
}

/// The laptop's backup to the file server.
fn back_up(t: &mut Trace) {
    let mut c = Conversation::open(t, 14 * MIN, NEAR, device(LAPTOP).port(51_445), device(NAS).port(445));
    while c.at < 17 * MIN + 20 * SEC {
        let bytes = c.trace.rng.range(4_000_000, 14_000_000) as usize;
        bulk(&mut c, true, bytes, 11_000_000, 57_920);
        let pause = c.trace.rng.range(400 * MS, 4 * SEC);
        c.wait(pause);
    }
    c.close(true);
}

fn guest(t: &mut Trace) {
    let found = DEVICES.iter().find(|d| d.0 == GUEST).expect("the guest is in the table");
    join(t, 18 * MIN, found);
    let mut at = 18 * MIN + 6 * SEC;
    for _ in 0..24 {
        visit(t, at, GUEST);
        at += t.rng.range(4 * SEC, 60 * SEC);
    }
}

fn update_console(t: &mut Trace) {
    let mut c = reach(t, 23 * MIN, CONSOLE, "download.games.example", "203.0.113.40");
    while c.at < 30 * MIN {
        c.client(tls::record(23, &[4; 300]));
        let (bytes, rate) =
            (c.trace.rng.range(8_000_000, 26_000_000), c.trace.rng.range(1_800_000, 4_200_000));
        bulk(&mut c, false, bytes as usize, rate as usize, 43_440);
    }
    c.close(true);
}

/// What the plug does, and the camera's part in it.
fn turn_bad(t: &mut Trace) {
    let (plug, nas) = (device(PLUG), device(NAS));
    for minute in 2..40 {
        let at = minute * MIN + 7 * SEC + t.rng.range(0, 5 * SEC);
        let mut c = t.tls(at, plug, place("198.51.100.199").port(443), "time.plugcloud.example");
        c.client(tls::record(23, &[5; 140]));
        c.server(tls::record(23, &[6; 40]));
        c.close(true);
    }
    let found = t.lookup(5 * MIN, plug, device(ROUTER), "c2.bad.example", "203.0.113.66");
    t.https(found + MS, plug, place("203.0.113.66"), "c2.bad.example", 300, 90_000);
    t.arp(8 * MIN - SEC, plug, nas);
    let source = plug.port(44_321);
    for i in 0..400u16 {
        let at = 8 * MIN + i64::from(i) * 90 * MS;
        t.refused(at, NEAR, source, nas.port(1 + i * 13));
    }
    for i in 0..60 {
        t.ssh_failed(11 * MIN + i * 3_300 * MS, plug, nas, 1);
    }
    for i in 0..45 {
        let at = 21 * MIN + i * 2 * SEC;
        t.arp_claim(at, plug.mac, device(ROUTER).v4(), device(LAPTOP));
        t.arp_claim(at + 30 * MS, plug.mac, device(ROUTER).v4(), device(WORK));
        if i % 4 == 0 {
            t.arp(at + 700 * MS, device(PHONE), device(ROUTER));
        }
    }
    exfiltrate(t);
}

fn exfiltrate(t: &mut Trace) {
    for i in 0..360 {
        let alphabet = "abcdefghijklmnopqrstuvwxyz234567";
        let name = format!("{}.{}.x.relay.example", t.rng.text(alphabet, 48), t.rng.text(alphabet, 40));
        let answer = t.rng.text(alphabet, 120);
        let at = 29 * MIN + i * 500 * MS + t.rng.range(0, 200 * MS);
        let txt = [(name.as_str(), Data::Txt(answer.as_bytes()))];
        t.ask(at, (device(CAMERA), device(ROUTER)), (&name, rtype::TXT), 0, &txt);
    }
}
