//! What industrial and smart-home devices speak: industrial_write, iot_abuse.

use super::{Scenario, alert, raises, silent};
use crate::traffic::conversation::Conversation;
use crate::traffic::home::{background, culprit, lan, lan6, outside};
use crate::traffic::packet::{End, Host};
use crate::traffic::talk::{FAR, NEAR};
use crate::traffic::trace::Trace;
use crate::traffic::{MIN, MS, SEC};

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[
    raises(
        "industrial_write",
        &[alert("industrial_write", "192.168.1.66", "192.168.1.50")],
        "Home Assistant reads an inverter by Modbus every 5 s for five minutes; then another host writes twelve registers.",
        modbus,
    ),
    silent("industrial_write_under", "The same, and the other host only reads.", modbus_reads),
    silent(
        "industrial_write_harmless",
        "Home Assistant and an energy manager, both there from the start, read and write an inverter and a wallbox by \
         Modbus; a building controller sets BACnet values all by itself.",
        two_masters,
    ),
    raises(
        "industrial_write_ipv6",
        &[alert("industrial_write", "fd00:0:0:1::42", "fd00:0:0:1::32")],
        "Over IPv6: a substation polled by IEC-104, then single commands of a newcomer.",
        iec104,
    ),
    raises(
        "industrial_write_outside",
        &[alert("industrial_write", "203.0.113.9", "192.168.1.50")],
        "A host on the Internet stops an S7 controller whose port is open.",
        s7_stop,
    ),
    raises(
        "industrial_write_dnp3",
        &[alert("industrial_write", "192.168.1.66", "192.168.1.50")],
        "DNP3: a master polls for three minutes, then a newcomer operates a breaker and restarts the outstation.",
        dnp3,
    ),
    raises(
        "industrial_write_bacnet",
        &[alert("industrial_write", "192.168.1.66", "192.168.1.50")],
        "BACnet: a building controller reads for three minutes, then a newcomer writes a set point and restarts the device.",
        bacnet,
    ),
    raises(
        "iot_abuse",
        &[alert("iot_abuse", "203.0.113.9", "192.168.1.50")],
        "An MQTT broker lets a host from the Internet in without a password; it subscribes to everything.",
        open_broker,
    ),
    silent(
        "iot_abuse_under",
        "A broker refuses two hosts from the Internet; a camera asks one for its password; 150 publications a second \
         for eight seconds.",
        closed_doors,
    ),
    silent(
        "iot_abuse_harmless",
        "Home Assistant with an anonymous broker: six devices publish, a bridge sends 600 kept messages in a second; a \
         camera without a password inside; a device that talks CoAP with its maker.",
        smart_home,
    ),
    raises(
        "iot_abuse_storm",
        &[alert("iot_abuse", "192.168.1.66", "192.168.1.50")],
        "A client publishes 300 messages a second for nine seconds.",
        storm,
    ),
    raises(
        "iot_abuse_camera",
        &[alert("iot_abuse", "203.0.113.9", "192.168.1.50")],
        "A camera shows its pictures over RTSP to a host from the Internet that gave no password.",
        open_camera,
    ),
    raises(
        "iot_abuse_ipv6",
        &[alert("iot_abuse", "2001:db8:7::9", "fd00:0:0:1::32")],
        "A lamp answers CoAP requests of a host from the Internet over IPv6.",
        open_lamp,
    ),
];

fn device() -> Host {
    lan(50)
}

fn stranger() -> Host {
    outside("203.0.113.9")
}

/// A Modbus message.
fn mbap(id: u16, function: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16 + 2).to_be_bytes();
    [&id.to_be_bytes()[..], &[0, 0, length[0], length[1], 1, function], data].concat()
}

/// A Modbus connection: each request with its answer, `pause` apart.
fn talk_modbus(t: &mut Trace, at: i64, client: Host, server: Host, functions: &[u8], pause: i64) {
    let from = client.port(t.rng.port());
    let mut c = Conversation::open(t, at, NEAR, from, server.port(502));
    for (i, function) in functions.iter().enumerate() {
        c.client(mbap(i as u16, *function, &[0, 40, 0, 2]));
        c.wait(8 * MS);
        let answer: &[u8] = if *function < 5 { &[4, 0, 1, 0, 2] } else { &[0, 40, 0, 2] };
        c.server(mbap(i as u16, *function, answer));
        c.wait(pause);
    }
    c.close(true);
}

fn modbus(t: &mut Trace) {
    background(t, 0, 5 * MIN, 8);
    talk_modbus(t, 2 * SEC, lan(5), device(), &[3; 58], 5 * SEC);
    talk_modbus(t, 240 * SEC, culprit(), device(), &[6; 12], 700 * MS);
}

fn modbus_reads(t: &mut Trace) {
    background(t, 0, 5 * MIN, 8);
    talk_modbus(t, 2 * SEC, lan(5), device(), &[3; 58], 5 * SEC);
    talk_modbus(t, 240 * SEC, culprit(), device(), &[3; 12], 700 * MS);
}

fn two_masters(t: &mut Trace) {
    background(t, 0, 5 * MIN, 8);
    talk_modbus(t, 2 * SEC, lan(5), device(), &[3, 3, 3, 6].repeat(14), 5 * SEC);
    talk_modbus(t, 20 * SEC, lan(6), device(), &[3, 3, 16].repeat(9), 10 * SEC);
    talk_modbus(t, 25 * SEC, lan(6), lan(51), &[3, 6].repeat(13), 10 * SEC);
    for i in 0..20 {
        let request = bvlc(&[1, 4, 0, 5, i as u8, 15, 0x0c, 0, 0x80, 0, 1, 0x19, 0x55]);
        t.udp(10 * SEC + i * 12 * SEC, lan(7).port(47_808), lan(52).port(47_808), &request);
        let done = bvlc(&[1, 0, 0x20, i as u8, 15]);
        t.udp(10 * SEC + i * 12 * SEC + 6 * MS, lan(52).port(47_808), lan(7).port(47_808), &done);
    }
}

fn iec104(t: &mut Trace) {
    background(t, 0, 4 * MIN, 6);
    let frame = |kind: u8, cause: u8| [0x68, 14, 0, 0, 0, 0, kind, 1, cause, 0, 3, 0, 1, 0, 0, 20];
    for (at, client, kind, times, pause) in
        [(2 * SEC, lan6(5), 100, 22, 10 * SEC), (200 * SEC, lan6(66), 45, 6, SEC)]
    {
        let from = client.port(t.rng.port());
        let mut c = Conversation::open(t, at, NEAR, from, lan6(50).port(2404));
        c.client([0x68, 4, 7, 0, 0, 0]);
        c.server([0x68, 4, 11, 0, 0, 0]);
        for _ in 0..times {
            c.client(frame(kind, 6));
            c.server(frame(kind, 7));
            c.wait(pause);
        }
        c.close(true);
    }
}

fn s7_stop(t: &mut Trace) {
    background(t, 0, 60 * SEC, 6);
    let from = stranger().port(t.rng.port());
    let mut c = Conversation::open(t, 20 * SEC, FAR, from, device().port(102));
    c.client([3, 0, 0, 22, 17, 0xe0, 0, 0, 0, 1, 0, 0xc0, 1, 10, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2]);
    c.server([3, 0, 0, 22, 17, 0xd0, 0, 1, 0, 2, 0, 0xc0, 1, 10, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2]);
    let s7 = |kind: u8, rest: &[u8]| {
        let length = rest.len() as u8 + 15;
        [&[3, 0, 0, length, 2, 0xf0, 0x80, 0x32, kind, 0, 0, 0, 1, 0, rest.len() as u8][..], rest].concat()
    };
    // Both lengths, then the parameters: agree on sizes, stop.
    c.client(s7(1, &[0, 0, 0xf0, 0, 0, 1, 0, 1, 1, 0xe0]));
    c.server(s7(3, &[0, 0, 0, 0, 0xf0, 0, 0, 1, 0, 1, 0, 0xf0]));
    c.client(s7(1, &[0, 0, 0x29, 0, 0, 0, 0, 0, 9, b'P', b'_', b'P', b'R', b'O', b'G', b'R', b'A', b'M']));
    c.server(s7(3, &[0, 0, 0, 0, 0x29]));
    c.close(true);
}

/// A DNP3 frame of a master with one application message of up to 11 bytes.
fn dnp3_frame(function: u8, objects: &[u8]) -> Vec<u8> {
    let data = [&[0xc0, 0xc0, function][..], objects].concat();
    let head = [0x05, 0x64, data.len() as u8 + 5, 0xc4, 10, 0, 1, 0];
    [&head[..], &dnp3_sum(&head), &data, &dnp3_sum(&data)].concat()
}

fn dnp3_sum(bytes: &[u8]) -> [u8; 2] {
    let mut sum = 0u16;
    for byte in bytes {
        sum ^= u16::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xa6bc } else { sum >> 1 };
        }
    }
    (!sum).to_le_bytes()
}

fn dnp3(t: &mut Trace) {
    background(t, 0, 4 * MIN, 6);
    let from = lan(5).port(t.rng.port());
    let mut c = Conversation::open(t, 2 * SEC, NEAR, from, device().port(20_000));
    for _ in 0..20 {
        c.client(dnp3_frame(1, &[60, 2, 6]));
        c.wait(10 * SEC);
    }
    c.close(true);
    let from = culprit().port(t.rng.port());
    let mut c = Conversation::open(t, 190 * SEC, NEAR, from, device().port(20_000));
    for function in [3, 4, 5, 13] {
        c.client(dnp3_frame(function, &[12, 1, 23, 1, 0]));
        c.wait(SEC);
    }
    c.close(true);
}

/// A BACnet datagram to one host.
fn bvlc(message: &[u8]) -> Vec<u8> {
    [&[0x81, 0x0a, 0, message.len() as u8 + 4][..], message].concat()
}

fn bacnet(t: &mut Trace) {
    background(t, 0, 4 * MIN, 6);
    let at_port = |host: Host| host.port(47_808);
    for i in 0..20 {
        let request = bvlc(&[1, 4, 0, 5, i as u8, 12, 0x0c, 0, 0x80, 0, 1, 0x19, 0x55]);
        t.udp(2 * SEC + i * 10 * SEC, at_port(lan(5)), at_port(device()), &request);
        let answer = bvlc(&[
            1, 0, 0x30, i as u8, 12, 0x0c, 0, 0x80, 0, 1, 0x19, 0x55, 0x3e, 0x44, 0x41, 0xa0, 0, 0, 0x3f,
        ]);
        t.udp(2 * SEC + i * 10 * SEC + 5 * MS, at_port(device()), at_port(lan(5)), &answer);
    }
    for (i, service) in [15, 15, 20].into_iter().enumerate() {
        let request = bvlc(&[1, 4, 0, 5, 90 + i as u8, service, 0x0c, 0, 0x80, 0, 1, 0x19, 0x55]);
        t.udp(200 * SEC + i as i64 * SEC, at_port(culprit()), at_port(device()), &request);
    }
}

/// CONNECT of MQTT 3.1.1, with or without name and password.
fn mqtt_connect(id: &str, credentials: Option<(&str, &str)>) -> Vec<u8> {
    let text = |s: &str| [&(s.len() as u16).to_be_bytes()[..], s.as_bytes()].concat();
    let (flags, proof) = match credentials {
        Some((user, password)) => (0xc2, [text(user), text(password)].concat()),
        None => (2, Vec::new()),
    };
    let body = [&b"\0\x04MQTT\x04"[..], &[flags, 0, 60], &text(id), &proof].concat();
    [&[0x10, body.len() as u8][..], &body].concat()
}

fn mqtt_publish(topic: &str, payload: &str) -> Vec<u8> {
    let body = [&(topic.len() as u16).to_be_bytes()[..], topic.as_bytes(), payload.as_bytes()].concat();
    [&[0x30, body.len() as u8][..], &body].concat()
}

/// A connection to a broker, hands shaken: its answer is `code`.
fn mqtt<'t>(
    t: &'t mut Trace,
    at: i64,
    client: Host,
    server: Host,
    hello: Vec<u8>,
    code: u8,
) -> Conversation<'t> {
    let from = client.port(t.rng.port());
    let rtt = if client.ttl == 64 { NEAR } else { FAR };
    let mut c = Conversation::open(t, at, rtt, from, server.port(1883));
    c.client(hello);
    c.server([0x20, 2, 0, code]);
    c
}

fn open_broker(t: &mut Trace) {
    background(t, 0, 60 * SEC, 6);
    let mut c = mqtt(t, 20 * SEC, stranger(), device(), mqtt_connect("x", None), 0);
    c.client([0x82, 6, 0, 1, 0, 1, b'#', 0]);
    c.server([0x90, 3, 0, 1, 0]);
    for i in 0..10 {
        c.server(mqtt_publish("home/door", if i % 2 == 0 { "open" } else { "closed" }));
        c.wait(SEC);
    }
    c.close(true);
}

fn closed_doors(t: &mut Trace) {
    background(t, 0, 70 * SEC, 6);
    for (i, hello) in
        [mqtt_connect("x", None), mqtt_connect("x", Some(("admin", "admin")))].into_iter().enumerate()
    {
        mqtt(t, 10 * SEC + i as i64 * 9 * SEC, stranger(), device(), hello, 5).close(false);
    }
    camera(
        t,
        30 * SEC,
        stranger(),
        "RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: Digest realm=\"cam\"\r\n\r\n",
    );
    publish(t, 40 * SEC, lan(22), 1200, 150);
}

/// `count` publications of one client at `rate` a second, a quarter of a second's worth per segment.
fn publish(t: &mut Trace, at: i64, client: Host, count: usize, rate: usize) {
    let mut c = mqtt(t, at, client, device(), mqtt_connect("meter", None), 0);
    let batch = (rate / 4).max(1);
    for i in 0..count / batch {
        let messages: Vec<u8> =
            (0..batch).flat_map(|k| mqtt_publish("meter/power", &format!("{}", i * batch + k))).collect();
        c.client(messages);
        c.at = at + (i as i64 + 1) * 250 * MS;
    }
    c.close(true);
}

fn storm(t: &mut Trace) {
    background(t, 0, 60 * SEC, 6);
    publish(t, 20 * SEC, culprit(), 2700, 300);
}

fn smart_home(t: &mut Trace) {
    background(t, 0, 2 * MIN, 8);
    for i in 0..6u8 {
        publish(t, 5 * SEC + i64::from(i) * 2 * SEC, lan(40 + i), 60, 4);
    }
    // A bridge starts and publishes all it knows; Home Assistant gets all that was kept.
    publish(t, 60 * SEC, lan(46), 600, 2400);
    let mut c = mqtt(t, 70 * SEC, lan(5), device(), mqtt_connect("ha", None), 0);
    c.client([0x82, 6, 0, 1, 0, 1, b'#', 0]);
    let kept: Vec<u8> =
        (0..600).flat_map(|i| mqtt_publish(&format!("zigbee/{i}"), "{\"on\":true}")).collect();
    c.server(kept);
    c.close(true);
    camera(t, 80 * SEC, lan(20), "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 4\r\n\r\nv=0\n");
    let (ours, maker) = (lan(47).port(5683), outside("198.51.100.77").port(5683));
    t.udp(85 * SEC, ours, maker, b"\x42\x02\x12\x34\xaa\xbb\xb2rd");
    t.udp(85 * SEC + 30 * MS, maker, ours, b"\x62\x41\x12\x34\xaa\xbb");
    t.udp(86 * SEC, maker, ours, b"\x42\x01\x22\x34\xcc\xbb\xb13");
    t.udp(86 * SEC + 3 * MS, ours, maker, b"\x62\x45\x22\x34\xcc\xbb\xffok");
}

fn camera(t: &mut Trace, at: i64, client: Host, answer: &str) {
    let from: End = client.port(t.rng.port());
    let rtt = if client.ttl == 64 { NEAR } else { FAR };
    let mut c = Conversation::open(t, at, rtt, from, device().port(554));
    c.client("OPTIONS rtsp://192.168.1.50/1 RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: player\r\n\r\n");
    c.server("RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n");
    c.client("DESCRIBE rtsp://192.168.1.50/1 RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n");
    c.wait(5 * MS);
    c.server(answer);
    c.close(true);
}

fn open_camera(t: &mut Trace) {
    background(t, 0, 60 * SEC, 6);
    camera(t, 20 * SEC, stranger(), "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 4\r\n\r\nv=0\n");
}

fn open_lamp(t: &mut Trace) {
    background(t, 0, 60 * SEC, 6);
    let (asks, lamp) = (outside("2001:db8:7::9").port(40_111), lan6(50).port(5683));
    for i in 0..4 {
        let at = 20 * SEC + i * 2 * SEC;
        t.udp(at, asks, lamp, b"\x42\x01\x12\x34\xaa\xbb\xbb.well-known\x04core");
        t.udp(at + 4 * MS, lamp, asks, b"\x62\x45\x12\x34\xaa\xbb\xff</light>;rt=\"light\"");
    }
}
