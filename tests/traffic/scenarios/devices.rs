//! Devices that come, go and change: random addresses of new_device, identity_change, device_gone.

use super::{Scenario, alert, raises, silent};
use crate::traffic::dhcp::{Dhcp, message};
use crate::traffic::home::{background, gateway, lan, nas};
use crate::traffic::names::{Data, mdns_answer};
use crate::traffic::packet::{Host, group};
use crate::traffic::trace::Trace;
use crate::traffic::{DAY, HOUR, MIN, SEC};
use std::net::Ipv4Addr;

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[
    raises(
        "new_device_random_mac",
        &[alert("new_device", "da:00:00:00:00:02", "")],
        "On the second day a phone with a random address and a name of its own takes a lease.",
        |t| phones(t, "Bens-iPhone", PHONE),
    ),
    silent(
        "new_device_random_mac_joins",
        "On the second day a known phone comes back under another random address: same host name, same DHCP fingerprint.",
        |t| phones(t, "Annas-iPhone", PHONE),
    ),
    silent(
        "new_device_random_mac_mdns",
        "A known phone comes back under another random address without DHCP (it knows its lease) and announces its own mDNS name.",
        announced,
    ),
    raises(
        "new_device_two_phones",
        &[alert("new_device", "da:00:00:00:00:02", "")],
        "On the second day a second phone with the factory name comes while the first is there, by the same fingerprint.",
        two_phones,
    ),
    raises(
        "identity_change",
        &[alert("identity_change", "00:1b:21:00:01:1a", "")],
        "The reception's Windows computer is off; a Linux machine asks for an address with its hardware address and another name.",
        |t| changes(t, "kali", "", LINUX),
    ),
    silent(
        "identity_change_under",
        "A computer is renamed, and an update adds two options to the list that it asks DHCP for.",
        renamed,
    ),
    silent(
        "identity_change_harmless",
        "A computer starts from the network (PXE) and then one of two systems under one name.",
        dual_boot,
    ),
    raises(
        "device_gone",
        &[alert("device_gone", "78:2b:cb:00:01:16", "")],
        "A camera marked important speaks every two minutes for half an hour, then not at all for 25 minutes.",
        |t| camera(t, 2, 25),
    ),
    silent("device_gone_under", "The same camera restarts: eleven minutes of silence.", |t| camera(t, 2, 11)),
    silent(
        "device_gone_harmless",
        "The same camera sleeps nine minutes of every ten; then 22 minutes: less than three times its usual silence. \
         Another one, which is not marked, goes for good.",
        |t| camera(t, 10, 22),
    ),
];

const PHONE: &[u8] = &[1, 121, 3, 6, 15, 108, 114, 119, 252];
const WINDOWS: &[u8] = &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252];
const LINUX: &[u8] = &[1, 2, 6, 12, 15, 26, 28, 121, 3, 33, 40, 41, 42, 119, 249, 252, 17];

/// When the second day is well under way: learning is over.
const LATER: i64 = DAY + 9 * HOUR;

fn random(n: u8) -> Host {
    Host::new([0xda, 0, 0, 0, 0, n], Ipv4Addr::new(192, 168, 1, 150 + n))
}

fn phone(name: &str, client: Host) -> Dhcp<'_> {
    Dhcp { name, wants: PHONE, ..Dhcp::new(0, 0, client.mac) }
}

/// The first day: the household takes its leases; a little of ordinary life.
fn first_day(t: &mut Trace) {
    for (i, n) in [10u8, 20, 21, 22, 30].into_iter().enumerate() {
        let name = ["nas", "laptop", "tablet", "camera", "printer"][i];
        t.lease(MIN + i as i64 * 40 * SEC, lan(n), gateway(), &Dhcp { name, ..Dhcp::new(0, 0, lan(n).mac) });
    }
    background(t, 10 * MIN, 12 * MIN, 4);
}

fn phones(t: &mut Trace, second: &str, wants: &[u8]) {
    first_day(t);
    t.lease(HOUR, random(1), gateway(), &phone("Annas-iPhone", random(1)));
    t.arp(HOUR + MIN, random(1), gateway());
    t.lease(LATER, random(2), gateway(), &Dhcp { wants, ..phone(second, random(2)) });
    t.arp(LATER + 5 * SEC, random(2), gateway());
    background(t, LATER + 10 * SEC, LATER + 2 * MIN, 4);
}

/// A host's own name and address over mDNS.
fn says_name(t: &mut Trace, at: i64, host: Host, name: &str) {
    let message = mdns_answer(&[(name, Data::Ip(host.ip))]);
    t.udp(at, Host { ttl: 255, ..host }.port(5353), group("224.0.0.251").port(5353), &message);
}

fn announced(t: &mut Trace) {
    first_day(t);
    t.arp_announce(HOUR, random(1));
    says_name(t, HOUR + SEC, random(1), "annas-phone.local");
    t.arp_announce(LATER, random(2));
    says_name(t, LATER + 3 * SEC, random(2), "annas-phone.local");
    background(t, LATER + 10 * SEC, LATER + 2 * MIN, 4);
}

fn two_phones(t: &mut Trace) {
    first_day(t);
    t.lease(HOUR, random(1), gateway(), &phone("iPhone", random(1)));
    t.lease(LATER - 10 * SEC, random(1), gateway(), &phone("iPhone", random(1)));
    t.lease(LATER, random(2), gateway(), &phone("iPhone", random(2)));
    for i in 0..20 {
        t.arp(LATER + 4 * SEC + i * 5 * SEC, random(1), gateway());
        t.arp(LATER + 6 * SEC + i * 5 * SEC, random(2), gateway());
    }
    background(t, LATER + 10 * SEC, LATER + 2 * MIN, 4);
}

fn changes(t: &mut Trace, name: &str, vendor: &str, wants: &[u8]) {
    let computer = lan(26);
    let base =
        Dhcp { name: "reception", vendor: "MSFT 5.0", wants: WINDOWS, ..Dhcp::new(0, 0, computer.mac) };
    first_day(t);
    t.lease(HOUR, computer, gateway(), &base);
    t.renew(HOUR + 12 * HOUR, computer, gateway(), &base);
    t.lease(LATER, computer, gateway(), &Dhcp { name, vendor, wants, ..base });
    t.arp(LATER + 5 * SEC, computer, nas());
    background(t, LATER + 10 * SEC, LATER + MIN, 3);
}

fn renamed(t: &mut Trace) {
    changes(t, "frontdesk", "MSFT 5.0", WINDOWS);
    let updated = [WINDOWS, &[108, 114]].concat();
    let base = Dhcp { name: "desk-2", vendor: "MSFT 5.0", wants: &updated, ..Dhcp::new(0, 0, lan(26).mac) };
    t.lease(LATER + 2 * MIN, lan(26), gateway(), &base);
    t.arp(LATER + 3 * MIN, lan(26), gateway());
}

fn dual_boot(t: &mut Trace) {
    changes(t, "reception", "", LINUX);
    let start = LATER + 2 * MIN;
    let pxe = Dhcp {
        vendor: "PXEClient:Arch:00007:UNDI:003001",
        wants: &[1, 2, 3, 66, 67, 128, 129, 130],
        ..Dhcp::new(0, 0, lan(26).mac)
    };
    t.dhcp(start, lan(26), &Dhcp { kind: message::DISCOVER, ..pxe });
    t.dhcp(start + 4 * SEC, lan(26), &Dhcp { kind: message::DISCOVER, ..pxe });
    let base = Dhcp { name: "reception", vendor: "MSFT 5.0", wants: WINDOWS, ..Dhcp::new(0, 0, lan(26).mac) };
    t.lease(start + MIN, lan(26), gateway(), &base);
    t.arp(start + 2 * MIN, lan(26), gateway());
}

/// Speaks every `every` minutes for half an hour, or thrice if that is longer; then is silent for `silent` minutes, and back.
fn camera(t: &mut Trace, every: i64, silent: i64) {
    let (camera, other) = (lan(22), lan(34));
    first_day(t);
    let talks = (3 * every + 1).max(30);
    let end = talks + silent;
    for minute in 0..end + 2 {
        let at = LATER + minute * MIN;
        // The network goes on, and so does the sensor.
        t.arp(at + 10 * SEC, lan(20), gateway());
        t.arp(at + 40 * SEC, lan(21), nas());
        if minute < talks && minute % every == 0 || minute > end {
            t.arp(at + 20 * SEC, camera, nas());
        }
        if minute < 5 {
            t.arp(at + 30 * SEC, other, nas());
        }
    }
}
