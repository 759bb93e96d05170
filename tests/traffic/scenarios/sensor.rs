//! The sensor itself: capture_loss, blind, sensor_trouble.

use super::{Scenario, alert, raises, silent};
use crate::traffic::conversation::Conversation;
use crate::traffic::home::{SITES, background, gateway, lan, nas, outside};
use crate::traffic::packet::{BROADCAST, End, Segment, flag, group};
use crate::traffic::talk::{FAR, NEAR, SSDP_SEARCH};
use crate::traffic::tls::opaque;
use crate::traffic::trace::Trace;
use crate::traffic::{MIN, MS, SEC};

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[
    raises(
        "capture_loss",
        &[alert("capture_loss", "", "")],
        "Downloads for three minutes of which the mirror port loses one data segment in 12; the receiver acknowledges all.",
        |t| downloads(t, 1_000_000, 12),
    ),
    silent("capture_loss_under", "Downloads twice as large of which one segment in 4,000 is lost.", |t| {
        downloads(t, 2_000_000, 4_000)
    }),
    silent(
        "capture_loss_harmless",
        "Downloads that began before the capture, segments cut short, retransmissions, order lost: nothing is missing.",
        odd_but_whole,
    ),
    raises(
        "blind",
        &[alert("blind", "", "")],
        "Three minutes of two connections a second of which only the clients' half reaches the sensor.",
        one_direction,
    )
    .also(&["capture_loss"]),
    silent(
        "blind_under",
        "Half a minute of broadcasts alone, after and before ordinary traffic.",
        short_silence,
    ),
    silent(
        "blind_harmless",
        "A quiet night: seven minutes of many broadcasts, with a look-up, a visit, a clock and a ping each 45 s or so.",
        quiet_night,
    ),
    raises(
        "blind_broadcast",
        &[alert("blind", "", "")],
        "A minute of ordinary traffic, then four minutes in which only broadcasts and multicasts arrive, ten a second: a plain switch port.",
        broadcasts_only,
    ),
    raises(
        "sensor_trouble",
        &[alert("sensor_trouble", "", "")],
        "Four minutes of ordinary traffic; after two the clock that stamps the frames is set back by two hours.",
        |t| clock_set(t, -7_200 * SEC),
    ),
    silent("sensor_trouble_under", "The same, with a clock that is set back by 20 s.", |t| {
        clock_set(t, -20 * SEC)
    }),
    silent(
        "sensor_trouble_harmless",
        "Ordinary traffic, a night without a frame, ordinary traffic, some of it a tenth of a second out of order.",
        night,
    ),
];

fn clock_set(t: &mut Trace, by: i64) {
    background(t, 0, 4 * MIN, 12);
    t.clock_set = (2 * MIN, by);
}

fn night(t: &mut Trace) {
    background(t, 0, 2 * MIN, 6);
    background(t, 600 * MIN, 602 * MIN, 6);
    t.clock_set = (601 * MIN, -100 * MS);
}

fn downloads(t: &mut Trace, bytes: usize, lose_one_in: u64) {
    background(t, 0, 3 * MIN, 10);
    t.lose_one_in = lose_one_in;
    t.snap = 90;
    for i in 0..6 {
        let (name, ip) = SITES[i as usize];
        let mut c = t.tls(5 * SEC + i * 27 * SEC, lan(20), outside(ip).port(443), name);
        c.download(bytes, bytes / 17);
        c.close(true);
    }
}

fn odd_but_whole(t: &mut Trace) {
    background(t, 0, 3 * MIN, 10);
    t.snap = 90;
    for i in 0..4u16 {
        let (from, to) = (lan(20).port(50_000 + i), outside(SITES[usize::from(i)].1).port(443));
        let mut c = Conversation::midstream(t, 2 * SEC + i64::from(i) * 20 * SEC, FAR, from, to);
        c.download(400_000, 30_000);
        c.close(true);
    }
    let (client, server) = (lan(20).port(50_100), nas().port(445));
    let mut seq = 7_000u32;
    let (ours, flags) = (90_000, flag::ACK);
    for i in 0..300i64 {
        // Of each three segments the second comes last; each tenth comes twice.
        let at = 90 * SEC + i * 40 * MS;
        for (offset, delay) in [(0, 0), (2_896, 100), (1_448, 300)] {
            let s = Segment { flags, seq: seq + offset, ack: ours, zeros: 1_448, ..Segment::default() };
            t.tcp(at + delay, server, client, s);
            if i % 10 == 0 {
                t.tcp(at + delay + 30 * MS, server, client, s);
            }
        }
        seq += 4_344;
        t.tcp(at + 500, client, server, Segment { flags, seq: ours, ack: seq, ..Segment::default() });
    }
}

/// The client's half of a connection: the sensor sees nothing of the answers but that they were acknowledged.
fn client_half(t: &mut Trace, at: i64, client: End, server: End) {
    let (mut seq, mut ack) = (t.rng.next() as u32, t.rng.next() as u32);
    t.tcp(at, client, server, Segment { flags: flag::SYN, seq, ..Segment::default() });
    seq = seq.wrapping_add(1);
    for i in 0..6 {
        let at = at + FAR + i * 60 * MS;
        let data = opaque(&mut t.rng, if i == 0 { 500 } else { 0 });
        t.tcp(at, client, server, Segment { flags: flag::ACK, seq, ack, data: &data, ..Segment::default() });
        seq = seq.wrapping_add(data.len() as u32);
        ack = ack.wrapping_add(2_896);
    }
    let flags = flag::FIN | flag::ACK;
    t.tcp(at + SEC, client, server, Segment { flags, seq, ack, ..Segment::default() });
}

fn one_direction(t: &mut Trace) {
    for i in 0..360i64 {
        let at = SEC + i * 500 * MS;
        let (_, ip) = t.rng.pick(&SITES);
        let from = lan(20 + (i % 4) as u8).port(t.rng.port());
        client_half(t, at, from, outside(ip).port(443));
    }
    chatter(t, 0, 3 * MIN);
}

/// What a switch floods to every port: ARP questions, announcements, searches, router multicasts.
fn chatter(t: &mut Trace, from: i64, to: i64) {
    let mut at = from + SEC;
    while at < to {
        match t.rng.below(4) {
            0 => t.arp_ask(at, gateway(), lan(20 + t.ident as u8 % 9).v4()),
            1 => t.mdns_service(at, lan(22), "tv.local", "_cast._tcp.local", 8009),
            2 => t.udp(at, lan(20).port(50_900), group("239.255.255.250").port(1900), SSDP_SEARCH),
            _ => t.ethernet(at, lan(2).mac, BROADCAST, 0x88e1, &[0; 46], 0),
        }
        at += t.rng.range(20 * MS, 180 * MS);
    }
}

fn short_silence(t: &mut Trace) {
    background(t, 0, 90 * SEC, 16);
    chatter(t, 90 * SEC, 120 * SEC);
    background(t, 120 * SEC, 200 * SEC, 16);
}

fn quiet_night(t: &mut Trace) {
    background(t, 0, MIN, 8);
    chatter(t, MIN, 8 * MIN);
    let mut at = 90 * SEC;
    while at < 8 * MIN {
        let (name, ip) = t.rng.pick(&SITES);
        let found = t.lookup(at, lan(21), gateway(), name, ip);
        t.https(found + MS, lan(21), outside(ip), name, 200, 900);
        t.ntp(at + 20 * SEC, nas(), outside("192.0.2.123"));
        t.ping(at + 25 * SEC, lan(20), nas(), 9);
        t.pong(at + 25 * SEC + NEAR, nas(), lan(20), 9);
        at += t.rng.range(40 * SEC, 55 * SEC);
    }
}

fn broadcasts_only(t: &mut Trace) {
    background(t, 0, MIN, 12);
    chatter(t, MIN, 5 * MIN);
}
