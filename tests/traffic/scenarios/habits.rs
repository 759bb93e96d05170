//! What a device usually does, and what it does for the first time: new_service, new_behaviour, outbound_volume.
//!
//! Each begins with eight ordinary days, a few connections each: a device is learned in seven of its own.

use super::{Scenario, alert, raises, silent};
use crate::traffic::conversation::Conversation;
use crate::traffic::dhcp::Dhcp;
use crate::traffic::home::{background, gateway, lan, lan6, nas, outside};
use crate::traffic::packet::Host;
use crate::traffic::talk::{FAR, NEAR};
use crate::traffic::trace::Trace;
use crate::traffic::{DAY, HOUR, MIN, MS, SEC, tls};

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[
    raises(
        "new_service",
        &[alert("new_service", "192.168.1.23", "")],
        "After eight days of a camera that serves RTSP only, the laptop logs in on its SSH port.",
        |t| {
            ordinary_days(t, 8);
            t.ssh_session(noon(8), lan(20), camera(), 0, 3, 4_000);
        },
    ),
    silent(
        "new_service_under",
        "The same log-in on the fourth day and again on the ninth: it was there while the camera was learned.",
        |t| {
            ordinary_days(t, 8);
            t.ssh_session(noon(3), lan(20), camera(), 0, 3, 4_000);
            t.ssh_session(noon(8), lan(20), camera(), 0, 3, 4_000);
        },
    ),
    silent(
        "new_service_harmless",
        "Ports made up for one transfer: passive FTP, a callback, a call between two phones, a torrent; a port that only \
         answered before is used for the first time.",
        passing_ports,
    )
    .also(&["cleartext_credentials"]),
    raises(
        "new_service_high",
        &[alert("new_service", "192.168.1.23", "")],
        "After eight days a port above 1024 of the camera is used twice within ten minutes.",
        |t| {
            ordinary_days(t, 8);
            serve(t, noon(8), lan(20), camera(), 8081);
            serve(t, noon(8) + 9 * MIN, lan(20), camera(), 8081);
        },
    ),
    raises(
        "new_service_ipv6",
        &[alert("new_service", "fd00:0:0:1::17", "")],
        "The same over IPv6, on a port below 1024.",
        |t| {
            ordinary_days(t, 8);
            serve(t, noon(8), lan6(20), lan6(23), 80);
        },
    ),
    raises(
        "new_behaviour",
        &[alert("new_behaviour", "192.168.1.23", "203.0.113.99")],
        "A camera that has called its maker only for eight days opens TLS to a name and network it never used.",
        |t| {
            ordinary_days(t, 8);
            visit(t, noon(8), camera(), "relay.stranger.example", "203.0.113.99");
            visit(t, noon(8) + 3 * MIN, camera(), "drop.other.example", "203.0.113.180");
            later(t);
        },
    ),
    silent(
        "new_behaviour_under",
        "The same on the fifth day, while the camera is still being learned.",
        |t| {
            ordinary_days(t, 8);
            visit(t, noon(4), camera(), "relay.stranger.example", "203.0.113.99");
            visit(t, noon(4) + 3 * MIN, camera(), "drop.other.example", "203.0.113.180");
        },
    ),
    silent(
        "new_behaviour_harmless",
        "On the ninth day the camera finds its maker at another address, fetches an update from the maker by HTTP, asks \
         other clocks and another resolver; the laptop and the phone go to new sites.",
        ordinary_news,
    ),
    raises(
        "new_behaviour_port",
        &[alert("new_behaviour", "192.168.1.31", "198.51.100.41")],
        "A plug uses a port it never used with the maker it always calls.",
        |t| {
            ordinary_days(t, 8);
            let mut c =
                Conversation::open(t, noon(8), FAR, plug().port(41_000), outside("198.51.100.41").port(6667));
            c.client("NICK plug\r\n");
            c.server(":server 001 plug\r\n");
            c.close(true);
        },
    ),
    raises(
        "new_behaviour_inside",
        &[alert("new_behaviour", "192.168.1.31", "192.168.1.10")],
        "A plug that never spoke to anything at home opens the file server's shares.",
        |t| {
            ordinary_days(t, 8);
            serve(t, noon(8), plug(), nas(), 445);
            later(t);
        },
    ),
    raises(
        "new_behaviour_ipv6",
        &[alert("new_behaviour", "fd00:0:0:1::17", "2001:db8:66::99")],
        "The camera opens TLS to a bare IPv6 address.",
        |t| {
            ordinary_days(t, 8);
            serve(t, noon(8), lan6(23), outside("2001:db8:66::99"), 4433);
            later(t);
        },
    ),
    raises(
        "new_behaviour_again",
        &[alert("new_behaviour", "192.168.1.23", "203.0.113.99")],
        "The camera calls a new place six times on the ninth day: on the tenth it is still new.",
        |t| {
            ordinary_days(t, 9);
            t.lookup(noon(8), camera(), gateway(), "x.stranger.example", "203.0.113.99");
            let mut at = noon(8) + SEC;
            for _ in 0..6 {
                let pause = t.rng.range(1, 15);
                at += pause * pause * SEC;
                serve(t, at, camera(), outside("203.0.113.99"), 443);
            }
            visit(t, noon(9), camera(), "x.stranger.example", "203.0.113.99");
            background(t, noon(9) + 10 * MIN, noon(9) + 11 * MIN, 1);
        },
    ),
    silent(
        "new_behaviour_week",
        "Ten days of a house: seven things join and idle, a firmware update among them, a PC browses over DoH, calls go \
         on for hours, a phone comes and goes.",
        week,
    ),
    raises(
        "outbound_volume",
        &[alert("outbound_volume", "192.168.1.20", "203.0.113.140")],
        "After eight days the laptop sends 25 MB to a place it never used (the limit is set to 20 MB in an hour).",
        |t| {
            ordinary_days(t, 8);
            t.lookup(noon(8), lan(20), gateway(), "files.stranger.example", "203.0.113.140");
            upload(t, noon(8) + SEC, lan(20), outside("203.0.113.140"), 25, 0);
        },
    ),
    silent("outbound_volume_under", "The same with 12 MB, and on the fifth day with 30 MB.", |t| {
        ordinary_days(t, 8);
        upload(t, noon(4), lan(20), outside("203.0.113.150"), 30, 0);
        upload(t, noon(8), lan(20), outside("203.0.113.140"), 12, 0);
    }),
    silent(
        "outbound_volume_harmless",
        "A backup to the same place each day, thirty times as large as usual on the ninth, and a video call to a new place \
         with as much coming as going.",
        |t| {
            ordinary_days(t, 8);
            for day in 0..9 {
                let found =
                    t.lookup(noon(day) + HOUR, lan(20), gateway(), "vault.backup.example", "203.0.113.30");
                upload(t, found + SEC, lan(20), outside("203.0.113.30"), if day == 8 { 30 } else { 1 }, 0);
                let later = found + t.rng.range(9 * MIN, 40 * MIN);
                upload(t, later, lan(20), outside("203.0.113.30"), 1, 0);
            }
            upload(t, noon(8), lan(20), outside("203.0.113.160"), 24, 23);
        },
    ),
    raises(
        "outbound_volume_slow",
        &[alert("outbound_volume", "192.168.1.20", "203.0.113.140")],
        "One connection that sends 30 MB an hour for two hours and is never closed.",
        |t| {
            ordinary_days(t, 8);
            let mut c =
                Conversation::open(t, noon(8), FAR, lan(20).port(41_000), outside("203.0.113.140").port(443));
            (c.mss, c.trace.snap) = (60_000, 96);
            c.stream(true, 60_000_000, 8_300);
        },
    ),
    raises(
        "outbound_volume_day",
        &[alert("outbound_volume", "192.168.1.20", "")],
        "Eight places it never used get 10 MB each within a day: below the limit of an hour, above that of a day.",
        |t| {
            ordinary_days(t, 8);
            for i in 0..8u8 {
                upload(
                    t,
                    noon(8) + i64::from(i) * HOUR,
                    lan(20),
                    outside(&format!("203.0.{}.9", 113 + i)),
                    10,
                    0,
                );
            }
        },
    ),
    raises(
        "outbound_volume_ipv6",
        &[alert("outbound_volume", "fd00:0:0:1::14", "2001:db8:66::99")],
        "30 MB to an IPv6 address.",
        |t| {
            ordinary_days(t, 8);
            upload(t, noon(8), lan6(20), outside("2001:db8:66::99"), 30, 0);
        },
    ),
];

fn camera() -> Host {
    lan(23)
}

fn plug() -> Host {
    lan(31)
}

/// The middle of day `day`, from 0.
fn noon(day: i64) -> i64 {
    day * DAY + 4 * HOUR
}

/// Something ordinary, ten minutes after noon of the ninth day: a new destination is told when no more followed it.
fn later(t: &mut Trace) {
    background(t, noon(8) + 10 * MIN, noon(8) + 11 * MIN, 1);
}

/// A look-up and a short TLS connection.
fn visit(t: &mut Trace, at: i64, client: Host, name: &str, ip: &str) {
    let found = t.lookup(at, client, gateway(), name, ip);
    t.https(found + 2 * MS, client, outside(ip), name, 300, 900);
}

/// A short connection with a little data both ways that nobody can read.
fn serve(t: &mut Trace, at: i64, client: Host, server: Host, port: u16) {
    let from = client.port(t.rng.port());
    let mut c = Conversation::open(t, at, NEAR, from, server.port(port));
    c.client(b"\x01\x02\x03\x04 hello");
    c.server(b"\x05\x06\x07\x08 hello");
    c.wait(50 * MS);
    c.close(true);
}

/// A look-up and a page in the clear: what simple devices do, and small in a capture.
fn report(t: &mut Trace, at: i64, client: Host, name: &str, ip: &str) {
    let asks = if client.ip.is_ipv4() { client } else { camera() };
    let found = t.lookup(at, asks, gateway(), name, ip);
    let request = format!("POST /v1 HTTP/1.1\r\nHost: {name}\r\nContent-Length: 2\r\n\r\nok");
    t.http(found + MS, client, outside(ip).port(80), &request, "HTTP/1.1 204 No Content\r\n\r\n");
}

/// `days` days of a camera, a plug, a file server and two people, a few connections each, at irregular hours: what
/// comes once a day is a beacon.
fn ordinary_days(t: &mut Trace, days: i64) {
    background(t, 0, 2 * MIN, 2);
    for day in 0..days {
        let start = if day == 0 { 0 } else { day * DAY + t.rng.range(0, 3 * HOUR) };
        // People go to places they never went to before.
        let (name, ip) = (format!("site{day}.example"), format!("203.0.{}.7", 20 + day));
        report(t, start + 2 * MIN, lan(20), &name, &ip);
        serve(t, start + 5 * MIN, lan(20), camera(), 554);
        serve(t, start + 6 * MIN, lan(20), nas(), 445);
        for at in [start + 3 * MIN, start + t.rng.range(10 * MIN, 50 * MIN)] {
            ordinary_things(t, at, day);
            report(t, at + MIN, lan6(23), "api.cameras.example", "2001:db8:31::7");
        }
    }
}

fn ordinary_things(t: &mut Trace, at: i64, day: i64) {
    let ip = format!("198.51.100.{}", 31 + day % 2);
    report(t, at, camera(), "api.cameras.example", &ip);
    report(t, at + 9 * SEC, plug(), "mqtt.plugs.example", "198.51.100.41");
    t.ntp(at + 20 * SEC, camera(), outside(&format!("192.0.2.{}", 10 + day)));
    t.neighbor_ask(at + 30 * SEC, lan6(23), lan6(1).v6());
}

fn ordinary_news(t: &mut Trace) {
    ordinary_days(t, 9);
    later(t);
    visit(t, noon(8), camera(), "eu2.cameras.example", "203.0.113.201");
    let found = t.lookup(noon(8) + MIN, camera(), gateway(), "firmware.cameras.example", "203.0.112.9");
    let request = "GET /v2.bin HTTP/1.1\r\nHost: firmware.cameras.example\r\n\r\n";
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nv2.0";
    t.http(found + MS, camera(), outside("203.0.112.9").port(80), request, answer);
    for i in 0..4 {
        t.ntp(noon(8) + 2 * MIN + i * SEC, camera(), outside(&format!("192.0.{i}.99")));
    }
    let name = [("api.cameras.example", crate::traffic::names::Data::Ip([198, 51, 100, 31].into()))];
    let pair = (camera(), outside("203.0.113.53"));
    t.ask(noon(8) + 3 * MIN, pair, ("api.cameras.example", crate::traffic::names::rtype::A), 0, &name);
    // Another host looks up another name at the address that the camera's maker uses.
    t.lookup(noon(8) + 4 * MIN, lan(20), gateway(), "shared.cdn.example", "198.51.100.31");
    serve(t, noon(8) + 5 * MIN, camera(), outside("198.51.100.31"), 443);
    for i in 0..6u8 {
        let name = format!("www.site{i}.example");
        visit(
            t,
            noon(8) + 6 * MIN + i64::from(i) * 7 * SEC,
            lan(20 + i % 2),
            &name,
            &format!("203.0.{}.8", 100 + i),
        );
    }
}

fn passing_ports(t: &mut Trace) {
    ordinary_days(t, 8);
    later(t);
    // A port that answered a check while the camera was learned.
    let mut c = Conversation::open(t, noon(2), NEAR, lan(20).port(40_001), camera().port(80));
    c.wait(MS);
    c.reset(true);
    serve(t, noon(8), lan(20), camera(), 80);
    t.ftp_login(noon(1), lan(20), nas(), "anna", "right", true);
    t.ftp_login(noon(8), lan(20), nas(), "anna", "right", true);
    for i in 0..12u16 {
        serve(t, noon(8) + i64::from(i) * 20 * SEC, lan(20), nas(), 20_000 + 37 * i);
    }
    serve(t, noon(8) + 6 * MIN, lan(22), lan(21), 3401);
    serve(t, noon(8) + 7 * MIN, outside("203.0.113.12"), lan(20), 51_413);
    serve(t, noon(8) + 8 * MIN, outside("203.0.112.12"), lan(20), 51_413);
    call(t, noon(8) + 10 * MIN, (lan(20), 50_002), (lan(21), 16_402), 100);
}

/// A call: a datagram each 20 ms both ways.
fn call(t: &mut Trace, at: i64, (from, a): (Host, u16), (to, b): (Host, u16), n: i64) {
    for i in 0..n {
        let mut rtp = vec![0x80, 0, 0, i as u8, 0, 0, 0, 0, 1, 2, 3, 4];
        rtp.resize(172, 0xff);
        t.udp(at + i * 20 * MS, from.port(a), to.port(b), &rtp);
        t.udp(at + i * 20 * MS + 7 * MS, to.port(b), from.port(a), &rtp);
    }
}

/// `up` megabytes sent in long segments, cut after their headers, and `down` received.
fn upload(t: &mut Trace, at: i64, client: Host, server: Host, up: usize, down: usize) {
    let from = client.port(t.rng.port());
    let mut c = Conversation::open(t, at, FAR, from, server.port(443));
    let hello = tls::sealed(&mut c.trace.rng, 200);
    c.client(hello);
    let snap = std::mem::replace(&mut c.trace.snap, 96);
    c.mss = 60_000;
    c.stream(true, up * 1_000_000, 200_000);
    c.stream(false, down * 1_000_000, 200_000);
    c.trace.snap = snap;
    c.close(true);
}

/// Things of a house: host, name, maker's domain and network.
const THINGS: [(u8, &str, &str, u8); 7] = [
    (41, "bulb", "cloud.lights.example", 1),
    (42, "thermostat", "api.heating.example", 2),
    (43, "vacuum", "eu.sweepers.example", 3),
    (44, "scale", "sync.health.example", 4),
    (45, "doorbell", "push.bells.example", 5),
    (46, "speaker", "play.music.example", 6),
    (47, "weather", "obs.sky.example", 7),
];

fn week(t: &mut Trace) {
    for day in 0..10 {
        let start = day * DAY + t.rng.range(0, 3 * HOUR);
        let again = start + t.rng.range(20 * MIN, 80 * MIN);
        for (i, (n, name, maker, net)) in THINGS.into_iter().enumerate() {
            let base = Dhcp { name, ..Dhcp::new(0, 0, lan(n).mac) };
            if day == 0 {
                t.lease(start + i as i64 * 40 * SEC, lan(n), gateway(), &base);
            }
            for at in [start, again] {
                let at = at + i as i64 * 40 * SEC;
                let ip = format!("203.0.{net}.{}", 20 + day % 3);
                if n % 2 == 0 {
                    report(t, at + 5 * SEC, lan(n), maker, &ip);
                } else {
                    let found = t.lookup(at + 5 * SEC, lan(n), gateway(), maker, &ip);
                    t.udp(found + MS, lan(n).port(40_000), outside(&ip).port(8886), b"here I am");
                    t.udp(found + FAR, outside(&ip).port(8886), lan(n).port(40_000), b"so you are");
                }
                t.ntp(at + 9 * SEC, lan(n), outside(&format!("192.0.2.{}", 10 + day)));
            }
            if day == 8 && n == 45 {
                report(t, again + 6 * MIN, lan(n), "update.bells.example", "198.18.7.7");
            }
        }
        browse(t, start + 10 * MIN, day);
        browse(t, again + 10 * MIN, day);
        for at in [start, again] {
            let port = 30_000 + 2 * t.rng.range(0, 900) as u16;
            call(t, at + 9 * HOUR, (lan(21), 16_384), (outside("198.51.100.30"), port), 12);
        }
    }
}

/// A PC that asks a resolver over HTTPS, so that only the names in TLS are seen.
fn browse(t: &mut Trace, at: i64, day: i64) {
    serve(t, at, lan(20), outside("198.51.100.53"), 443);
    let ip = format!("203.0.{}.{}", 120 + day, 1 + t.rng.below(9));
    let name = format!("www.place{}.example", day * 10 + t.rng.range(0, 9));
    t.https(at + SEC, lan(20), outside(&ip), &name, 400, 900);
}
