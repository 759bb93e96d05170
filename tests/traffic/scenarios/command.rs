//! Infected devices: made-up names, worms, mining, and regular calls that are hard to tell.

use super::{Scenario, alert, raises, silent};
use crate::traffic::conversation::Conversation;
use crate::traffic::home::{SITES, background, culprit, gateway, lan, lan6, nas, outside};
use crate::traffic::names::{self, rtype};
use crate::traffic::packet::Host;
use crate::traffic::talk::FAR;
use crate::traffic::trace::Trace;
use crate::traffic::{MIN, MS, SEC, tls};

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[
    raises(
        "beaconing_chatty",
        &[alert("beaconing", "192.168.1.66", "198.51.100.77")],
        "15 calls, a minute and up to 20 % apart, 8 packets each, while the same host opens 40 other connections.",
        chatty,
    ),
    silent(
        "beaconing_keepalive",
        "A camera's UDP keep-alive each 3 minutes from one port, a telephone that registers each minute, a call, and \
         a stream that is acknowledged evenly.",
        keep_alives,
    ),
    raises(
        "dga",
        &[alert("dga", "192.168.1.66", "")],
        "45 domains of drawn letters in 90 s, none of which exists.",
        |t| drawn(t, (culprit(), gateway()), 45, Some(3)),
    ),
    silent("dga_under", "12 such domains in 90 s.", |t| drawn(t, (culprit(), gateway()), 12, Some(3))),
    silent(
        "dga_harmless",
        "Random names below content networks, Chrome's probes, names of the LAN, block lists, a virus scanner, mail servers.",
        random_names,
    ),
    raises(
        "dga_unanswered",
        &[alert("dga", "192.168.1.66", "")],
        "The same without any answer: the resolver is out of sight.",
        |t| drawn(t, (culprit(), outside("203.0.113.53")), 45, None),
    ),
    raises("dga_ipv6", &[alert("dga", "fd00:0:0:1::42", "")], "The same over IPv6.", |t| {
        drawn(t, (lan6(66), lan6(1)), 45, Some(3))
    }),
    raises(
        "dga_words",
        &[alert("dga", "192.168.1.66", "")],
        "170 domains of three words each in four minutes, none of which exists.",
        words,
    ),
    raises(
        "dga_below",
        &[alert("dga", "192.168.1.66", "")],
        "30 names below one domain in a minute, none of which exists.",
        |t| {
            background(t, 0, 90 * SEC, 8);
            for i in 0..30 {
                let name = format!("nx{}.parent.example", 100 + i * 7);
                t.ask(10 * SEC + i * 2 * SEC, (culprit(), gateway()), (&name, rtype::A), 3, &[]);
            }
        },
    ),
    raises(
        "iot_botnet",
        &[alert("iot_botnet", "192.168.1.66", "")],
        "Telnet to 60 strangers in half a minute, a tenth of them on port 2323, two of whom answer.",
        |t| worm(t, culprit(), 60, &[23, 23, 23, 23, 23, 23, 23, 23, 23, 2323]),
    )
    .also(&["host_sweep"]),
    silent("iot_botnet_under", "Telnet to 6 strangers.", |t| worm(t, culprit(), 6, &[23])),
    silent(
        "iot_botnet_harmless",
        "A torrent with 50 peers on ports of their own, a dozen of them silent, and Telnet to three games.",
        torrent,
    ),
    raises(
        "iot_botnet_routers",
        &[alert("iot_botnet", "192.168.1.66", "")],
        "Ports of routers and recorders at 60 strangers.",
        |t| worm(t, culprit(), 60, &[7547, 5555, 37_215, 52_869]),
    )
    .also(&["host_sweep"]),
    raises(
        "iot_botnet_ipv6",
        &[alert("iot_botnet", "fd00:0:0:1::42", "")],
        "Telnet to 40 strangers over IPv6.",
        |t| worm(t, lan6(66), 40, &[23]),
    )
    .also(&["host_sweep"]),
    raises(
        "cryptomining",
        &[alert("cryptomining", "192.168.1.66", "198.51.100.33")],
        "A miner logs in to a pool on port 3333, gets jobs and hands in shares.",
        |t| mine(t, culprit(), outside("198.51.100.33"), 3333, MONERO),
    ),
    silent(
        "cryptomining_under",
        "A lamp that takes JSON on port 5555, and one look-up of a pool's worker.",
        lamp,
    ),
    silent(
        "cryptomining_harmless",
        "Websites of pools, and an hour of a game on port 7777 whose server has a name.",
        pool_pages,
    ),
    raises(
        "cryptomining_web_port",
        &[alert("cryptomining", "192.168.1.66", "198.51.100.34")],
        "Bitcoin's dialect on port 443.",
        |t| mine(t, culprit(), outside("198.51.100.34"), 443, BITCOIN),
    ),
    raises(
        "cryptomining_ipv6",
        &[alert("cryptomining", "fd00:0:0:1::42", "2001:db8:33::1")],
        "Ethereum's dialect over IPv6.",
        |t| mine(t, lan6(66), outside("2001:db8:33::1"), 4444, ETHEREUM),
    ),
    raises(
        "cryptomining_pool",
        &[alert("cryptomining", "192.168.1.66", "198.51.100.35")],
        "TLS on port 14433 to a name of a known pool.",
        |t| {
            background(t, 0, 60 * SEC, 8);
            let name = "xmr-eu1.nanopool.org";
            let found = t.lookup(20 * SEC, culprit(), gateway(), name, "198.51.100.35");
            let mut c = t.tls(found + MS, culprit(), outside("198.51.100.35").port(14_433), name);
            let login = tls::sealed(&mut c.trace.rng, 260);
            c.client(login);
            c.close(true);
        },
    ),
    raises(
        "cryptomining_held",
        &[alert("cryptomining", "192.168.1.66", "198.51.100.36")],
        "Twenty minutes on port 3333 of an address without a name, a few hundred unreadable bytes each half minute.",
        held,
    ),
];

/// The words of which malware strings names together.
const WORDS: [&str; 12] = [
    "table", "garden", "paper", "window", "summer", "stone", "river", "music", "honest", "letter", "silver",
    "market",
];

/// Letters drawn evenly.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";

fn chatty(t: &mut Trace) {
    background(t, 0, 16 * MIN, 12);
    let server = outside("198.51.100.77");
    for _ in 0..40 {
        let (name, ip) = t.rng.pick(&SITES);
        let at = t.rng.range(0, 16 * MIN);
        t.https(at, culprit(), outside(ip), name, 300, 900);
    }
    let mut at = 20 * SEC;
    for _ in 0..15 {
        let from = culprit().port(t.rng.port());
        let mut c = Conversation::open(t, at, FAR, from, server.port(8443));
        c.client([7; 180]);
        c.reset(true);
        at += t.rng.range(48 * SEC, 72 * SEC);
    }
}

fn keep_alives(t: &mut Trace) {
    background(t, 0, 40 * MIN, 12);
    let (camera, cloud) = (lan(40).port(32_100), outside("198.51.100.41").port(32_100));
    for i in 0..13 {
        t.udp(10 * SEC + i * 3 * MIN, camera, cloud, &[0xf1, 0xe0, 0, 0]);
        t.udp(10 * SEC + i * 3 * MIN + FAR, cloud, camera, &[0xf1, 0xe1, 0, 0]);
    }
    let (phone, exchange) = (lan(41).port(5060), outside("198.51.100.42").port(5060));
    for i in 0..38 {
        let register = "REGISTER sip:voice.example SIP/2.0\r\nCSeq: 1 REGISTER\r\n\r\n";
        t.udp(5 * SEC + i * MIN, phone, exchange, register.as_bytes());
        t.udp(5 * SEC + i * MIN + FAR, exchange, phone, b"SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\n\r\n");
    }
    let (a, b) = (lan(21).port(16_384), outside("198.51.100.30").port(30_002));
    for i in 0..300 {
        t.udp(20 * MIN + i * 20 * MS, a, b, &[0x80; 32]);
        t.udp(20 * MIN + i * 20 * MS + 7 * MS, b, a, &[0x80; 32]);
    }
    let mut c = t.tls(12 * MIN, lan(20), outside("198.51.100.14").port(443), "cdn.shop.example");
    c.trace.snap = 96;
    for _ in 0..200 {
        c.send(false, &[], 2 * 1_448);
        c.wait(500 * MS);
    }
    c.close(true);
}

/// `n` drawn domains, two seconds apart, answered with `rcode` or not at all.
fn drawn(t: &mut Trace, (client, resolver): (Host, Host), n: i64, rcode: Option<u16>) {
    background(t, 0, 100 * SEC, 10);
    let qtype = if client.ip.is_ipv4() { rtype::A } else { rtype::AAAA };
    for i in 0..n {
        let length = t.rng.range(9, 17) as usize;
        let name =
            format!("{}.{}", t.rng.text(LETTERS, length), t.rng.pick(&["com", "net", "org", "info", "biz"]));
        let at = 5 * SEC + i * 2 * SEC;
        match rcode {
            Some(rcode) => drop(t.ask(at, (client, resolver), (&name, qtype), rcode, &[])),
            None => {
                let (from, id) = (client.port(t.rng.port()), t.rng.next() as u16);
                t.udp(at, from, resolver.port(53), &names::query(id, &name, qtype));
            }
        }
    }
}

fn words(t: &mut Trace) {
    background(t, 0, 250 * SEC, 12);
    for i in 0..170 {
        let word = |t: &mut Trace| t.rng.pick(&WORDS);
        let name = format!("{}{}{}.net", word(t), word(t), word(t));
        t.ask(5 * SEC + i * 1_400 * MS, (culprit(), gateway()), (&name, rtype::A), 3, &[]);
    }
}

fn random_names(t: &mut Trace) {
    background(t, 0, 4 * MIN, 16);
    let us = (lan(20), gateway());
    for _ in 0..3 {
        let probe = t.rng.text(LETTERS, 11);
        t.ask(8 * SEC, us, (&probe, rtype::A), 3, &[]);
        t.ask(9 * SEC, us, (&format!("{probe}.lan"), rtype::A), 3, &[]);
    }
    for i in 0..40i64 {
        let at = 12 * SEC + i * 5 * SEC;
        let (cdn, below) = (t.rng.text(LETTERS, 13), t.rng.text(LETTERS, 10));
        t.lookup(at, lan(20), gateway(), &format!("d{cdn}.cloudfront.net"), "198.51.100.60");
        t.lookup(at + MS, lan(20), gateway(), &format!("{below}.s3.amazonaws.com"), "198.51.100.61");
        let hash = t.rng.text("0123456789abcdef", 26);
        t.ask(at + SEC, us, (&format!("{hash}.avqs.mcafee.com"), rtype::A), 3, &[]);
        let mail = (nas(), gateway());
        let listed = format!("{}.100.51.198.zen.blocklist.example", 10 + i);
        t.ask(at + 2 * SEC, mail, (&listed, rtype::A), 3, &[]);
        t.ask(at + 3 * SEC, mail, (&format!("sender{i}.example"), rtype::TXT), 3, &[]);
        t.ask(at + 3 * SEC, mail, (&format!("sender{i}.example"), rtype::MX), 3, &[]);
        t.ask(at + 4 * SEC, us, (&format!("{}.fritz.box", WORDS[i as usize % 12]), rtype::A), 3, &[]);
    }
}

/// SYNs to `n` strangers, half a second apart; two of them answer.
fn worm(t: &mut Trace, from: Host, n: u64, ports: &[u16]) {
    background(t, 0, 60 * SEC, 8);
    for i in 0..n {
        let (at, port) = (10 * SEC + i as i64 * 500 * MS, t.rng.pick(ports));
        let to = if from.ip.is_ipv4() {
            outside(&format!("198.{}.{}.{}", 18 + i % 2, t.rng.below(250), 1 + t.rng.below(250)))
        } else {
            outside(&format!("2001:db8:{:x}::{:x}", t.rng.below(0xffff), 1 + i))
        };
        let client = from.port(t.rng.port());
        if i % 30 == 17 {
            let mut c = Conversation::open(t, at, FAR, client, to.port(port));
            c.server([0xff, 0xfd, 1]);
            c.close(true);
        } else {
            t.syn(at, client, to.port(port));
        }
    }
}

fn torrent(t: &mut Trace) {
    background(t, 0, 90 * SEC, 8);
    for i in 0..50i64 {
        let peer = outside(&format!("198.18.{}.{}", t.rng.below(250), 1 + i));
        let port = t.rng.pick(&[6881, 6889, 51_413, 0]);
        let port = if port == 0 { 20_000 + t.rng.below(40_000) as u16 } else { port };
        let (at, from) = (10 * SEC + i * 1_500 * MS, lan(20).port(t.rng.port()));
        if i % 4 == 3 {
            t.syn(at, from, peer.port(port));
        } else {
            let mut c = Conversation::open(t, at, FAR, from, peer.port(port));
            c.client(b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05");
            c.server(b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05");
            c.close(false);
        }
    }
    for i in 0..3 {
        let from = lan(20).port(t.rng.port());
        let mut c = Conversation::open(
            t,
            20 * SEC + i * 5 * SEC,
            FAR,
            from,
            outside(&format!("198.51.100.{}", 91 + i)).port(23),
        );
        c.server("Welcome to the dungeon.\r\n");
        c.close(true);
    }
}

/// A dialect: what the miner says, and what the pool answers.
type Dialect = [(&'static str, &'static str); 3];

const MONERO: Dialect = [
    (
        r#"{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"worker","pass":"x","agent":"XMRig/6.21.0","algo":["rx/0"]}}"#,
        r#"{"id":1,"jsonrpc":"2.0","result":{"id":"77","job":{"blob":"1010","job_id":"1","target":"b88d0600"},"status":"OK"}}"#,
    ),
    (
        r#"{"id":2,"jsonrpc":"2.0","method":"submit","params":{"id":"77","job_id":"1","nonce":"5a000000","result":"00"}}"#,
        r#"{"id":2,"jsonrpc":"2.0","result":{"status":"OK"}}"#,
    ),
    (
        r#"{"id":3,"jsonrpc":"2.0","method":"keepalived","params":{"id":"77"}}"#,
        r#"{"jsonrpc":"2.0","method":"job","params":{"blob":"1011","job_id":"2","target":"b88d0600"}}"#,
    ),
];
const BITCOIN: Dialect = [
    (
        r#"{"id": 1, "method": "mining.subscribe", "params": ["cpuminer/2.5.1"]}"#,
        r#"{"id":1,"result":[[["mining.notify","ae6812eb4cd7735a302a8a9dd95cf71f"]],"08000002",4],"error":null}"#,
    ),
    (
        r#"{"id": 2, "method": "mining.authorize", "params": ["worker", "x"]}"#,
        r#"{"id":null,"method":"mining.set_difficulty","params":[32]}"#,
    ),
    (
        r#"{"id": 4, "method": "mining.submit", "params": ["worker", "1", "00000000", "504e86ed", "b2957c02"]}"#,
        r#"{"id":4,"result":true,"error":null}"#,
    ),
];
const ETHEREUM: Dialect = [
    (
        r#"{"worker": "eth1.0", "jsonrpc": "2.0", "params": ["0x00", "x"], "id": 2, "method": "eth_submitLogin"}"#,
        r#"{"jsonrpc":"2.0","id":2,"result":true}"#,
    ),
    (
        r#"{"worker": "", "jsonrpc": "2.0", "params": [], "id": 3, "method": "eth_getWork"}"#,
        r#"{"jsonrpc":"2.0","id":0,"result":["0x41","0x71","0x00"]}"#,
    ),
    (
        r#"{"id":4,"method":"eth_submitWork","params":["0x07","0x41","0x44"]}"#,
        r#"{"jsonrpc":"2.0","id":4,"result":true}"#,
    ),
];

fn mine(t: &mut Trace, from: Host, pool: Host, port: u16, dialect: Dialect) {
    background(t, 0, 90 * SEC, 8);
    let client = from.port(t.rng.port());
    let mut c = Conversation::open(t, 15 * SEC, FAR, client, pool.port(port));
    for (said, answered) in dialect {
        c.client(format!("{said}\n"));
        c.wait(FAR);
        c.server(format!("{answered}\n"));
        c.wait(15 * SEC);
    }
    c.close(true);
}

fn lamp(t: &mut Trace) {
    background(t, 0, 60 * SEC, 8);
    let from = lan(21).port(t.rng.port());
    let mut c = Conversation::open(t, 10 * SEC, 400, from, lan(50).port(5555));
    c.client("{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"admin\",\"pass\":\"x\"}}\r\n");
    c.server("{\"id\":1,\"result\":[\"ok\"]}\r\n");
    c.client("{\"id\":2,\"method\":\"set_power\",\"params\":[\"on\",\"smooth\",500]}\r\n");
    c.close(true);
    t.lookup(30 * SEC, culprit(), gateway(), "xmr-eu1.nanopool.org", "198.51.100.35");
}

fn pool_pages(t: &mut Trace) {
    background(t, 0, 20 * MIN, 8);
    for (i, name) in
        ["www.f2pool.com", "2miners.com", "xmr.2miners.com", "nanopool.org"].into_iter().enumerate()
    {
        let ip = format!("198.51.100.{}", 101 + i);
        let found = t.lookup(20 * SEC + i as i64 * 9 * SEC, lan(20), gateway(), name, &ip);
        t.https(found + MS, lan(20), outside(&ip), name, 500, 3_000);
    }
    let found = t.lookup(60 * SEC, lan(21), gateway(), "play.game.example", "198.51.100.110");
    quiet_connection(t, found, lan(21), outside("198.51.100.110"), 7777);
}

fn held(t: &mut Trace) {
    background(t, 0, 22 * MIN, 8);
    quiet_connection(t, 20 * SEC, culprit(), outside("198.51.100.36"), 3333);
}

/// Twenty minutes with little said.
fn quiet_connection(t: &mut Trace, at: i64, from: Host, to: Host, port: u16) {
    let client = from.port(t.rng.port());
    let mut c = Conversation::open(t, at, FAR, client, to.port(port));
    for i in 0..40 {
        let job = tls::opaque(&mut c.trace.rng, 310);
        c.server(job);
        if i % 3 == 0 {
            let share = tls::opaque(&mut c.trace.rng, 190);
            c.client(share);
            c.server([4; 60]);
        }
        c.wait(30 * SEC);
    }
    c.close(true);
}
