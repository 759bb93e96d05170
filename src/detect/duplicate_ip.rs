//! `duplicate_ip`: two devices use one address, by mistake.
//!
//! Evidence: two stations take turns in speaking for an IPv4 address, three times within a minute, each when asked, in
//! asking, or by a few announcements; or a client declines an address that a DHCP server gave it, because somebody answered
//! for it (IPv4 and IPv6).
//!
//! Replies that nobody asked for and announcements at a rate are no mistake: they belong to `arp_spoof`, and an address
//! that sees them is left to it, as IPv6 advertisements are altogether. Known false alarms: one machine with two interfaces
//! on the same network that answers on both. Not one: an address that moves from one device to another; failover.

use super::arp_spoof::is_failover;
use super::settings::settings;
use super::window::{Pace, Rate, Tick};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::{Ip, MacAddr};
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{ArpSeen, Observation, interest};
use crate::table::bounded::Bounded;
use crate::wire::dhcp;
use crate::words::say;

settings! {
    /// Settings of `duplicate_ip`.
    DuplicateIpSettings {
        /// How often two stations take turns within `seconds`. 2 to 20; a device that moves takes one.
        turns: u32 = 3, 2..=20;
        /// The window, seconds, 10 to 600.
        seconds: u32 = 60, 10..=600;
    }
}

/// How long a question may wait for its answer, seconds.
const ANSWER_SECONDS: u32 = 5;
/// Announcements by one station that are no mistake any more; see `arp_spoof`.
const ANNOUNCEMENTS: u8 = 4;
/// How long an address that saw signs of spoofing is left alone, seconds.
const SPOOFED_SECONDS: u32 = 300;
/// DECLINEs within a minute above which somebody is emptying the server's store.
const DECLINES: u64 = 10;

/// Who speaks for an address: about 60 bytes.
struct Speakers {
    /// The last one, and the one before.
    last: MacAddr,
    other: MacAddr,
    at: Tick,
    began: Tick,
    turns: u32,
    announced: u8,
    spoofed: Option<Tick>,
    pace: Pace,
}

/// See the module.
pub struct DuplicateIp {
    settings: DuplicateIpSettings,
    speakers: Bounded<Ip, Speakers>,
    asked: Bounded<(Ip, Ip), Tick>,
    declines: Rate<60>,
}

impl Detector for DuplicateIp {
    const KIND: Kind = Kind {
        id: "duplicate_ip",
        severity: Severity::Low,
        mitre: &[],
        en: Texts {
            title: "Address used twice",
            what: "Two devices use the same network address. Both will lose connections from time to time.",
            why: "Two hardware addresses took turns in answering for it, or a device refused it because another one already had it.",
            harmless: "Nearly always a mistake: an address that was set by hand inside the range that the router hands out, or a copied virtual machine. A computer that is connected by cable and by Wi-Fi at once can look the same.",
            todo: "Give one of the two another address, or let both get theirs from the router.",
            silence: "Mute duplicate_ip with the address as the target.",
        },
        nl: Texts {
            title: "Adres dubbel in gebruik",
            what: "Twee apparaten gebruiken hetzelfde netwerkadres. Bij beide vallen af en toe verbindingen weg.",
            why: "Twee hardware-adressen antwoordden er om beurten voor, of een apparaat weigerde het omdat een ander het al had.",
            harmless: "Bijna altijd een vergissing: een met de hand ingesteld adres binnen het bereik dat de router uitdeelt, of een gekopieerde virtuele machine. Een computer die tegelijk met kabel en wifi is verbonden, kan er hetzelfde uitzien.",
            todo: "Geef een van de twee een ander adres, of laat beide hun adres van de router krijgen.",
            silence: "Demp duplicate_ip met het adres als doel.",
        },
    };
    const INTEREST: u64 = interest::ARP | interest::DHCP;
    type Settings = DuplicateIpSettings;

    fn new(settings: &DuplicateIpSettings, keys: usize) -> Self {
        DuplicateIp {
            settings: settings.clone(),
            speakers: Bounded::new((keys / 4).max(16)),
            asked: Bounded::new((keys / 8).max(16)),
            declines: Rate::default(),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::Arp(seen) => self.arp(cx, seen, out),
            Observation::Dhcp(seen) if seen.message.kind == dhcp::kind::DECLINE => {
                self.declined(cx, seen.message.client_mac, seen.message.requested_ip, out);
            }
            Observation::Dhcp6 { mac, message, .. } if message.kind == DECLINE6 => {
                self.declined(cx, *mac, message.address, out);
            }
            _ => {}
        }
    }
}

/// DHCPv6 DECLINE (RFC 8415, 7.3).
const DECLINE6: u8 = 9;

impl DuplicateIp {
    fn arp(&mut self, cx: &Context<'_>, seen: &ArpSeen, out: &mut Findings) {
        let (arp, now) = (&seen.arp, cx.tick());
        let mac = arp.sender_mac;
        if !arp.sender_ip.is_unicast() || !mac.is_station() || is_failover(mac) {
            return;
        }
        let answer = self.asked.get(&(arp.target_ip, arp.sender_ip));
        let asked = answer.is_some_and(|at| now.within(*at, ANSWER_SECONDS));
        let announced = arp.is_gratuitous() || (arp.operation == 2 && seen.frame_to.is_group());
        let unasked = arp.operation == 2 && !announced && !asked;
        if arp.operation != 2 && !announced {
            *self.asked.entry((arp.sender_ip, arp.target_ip), || now).0 = now;
        }
        let (held, _) = self.speakers.entry(arp.sender_ip, || Speakers::new(mac, now));
        if unasked {
            held.spoofed = Some(now);
        }
        held.speaks(mac, announced, now, self.settings.seconds);
        let spoofed = held.spoofed.is_some_and(|at| now.within(at, SPOOFED_SECONDS));
        if held.turns < self.settings.turns
            || spoofed
            || held.announced >= ANNOUNCEMENTS
            || !held.pace.due(now)
        {
            return;
        }
        let (first, second) = (held.last.min(held.other), held.last.max(held.other));
        let summary = say!(
            "{first} and {second} both use {}",
            "{first} en {second} gebruiken allebei {}",
            arp.sender_ip
        );
        let evidence = evidence! {
            "turns" => held.turns, "threshold" => self.settings.turns, "window_s" => self.settings.seconds,
            "mac_1" => first.to_string(), "mac_2" => second.to_string(),
        };
        let finding = Self::KIND.finding(Severity::Low, &[ip_part(arp.sender_ip)], summary, evidence);
        let target = Subject { ip: Some(arp.sender_ip), mac: Some(first), ..Subject::default() };
        out.push(between(finding, Some(Subject::mac(second)), Some(target)));
    }

    fn declined(&mut self, cx: &Context<'_>, mac: MacAddr, ip: Option<Ip>, out: &mut Findings) {
        self.declines.add(cx.now, 1);
        let Some(ip) = ip.filter(|ip| ip.is_unicast()) else { return };
        if self.declines.total(cx.now) > DECLINES {
            return;
        }
        let summary = say!(
            "{mac} was given {ip} and refused it because another device uses it",
            "{mac} kreeg {ip} en weigerde het omdat een ander apparaat het gebruikt"
        );
        let owner = cx.lookup.mac_of(ip).filter(|owner| *owner != mac);
        let evidence = evidence! {
            "declined_ip" => ip.to_string(), "threshold" => 1, "owner_mac" => owner.map(|m| m.to_string()),
        };
        let finding = Self::KIND.finding(Severity::Low, &[ip_part(ip)], summary, evidence);
        let target = Subject { ip: Some(ip), mac: owner, ..Subject::default() };
        out.push(between(finding, mac.is_station().then(|| Subject::mac(mac)), Some(target)));
    }
}

impl Speakers {
    fn new(mac: MacAddr, now: Tick) -> Self {
        let (other, pace) = (MacAddr::NONE, Pace::default());
        Speakers { last: mac, other, at: now, began: now, turns: 0, announced: 0, spoofed: None, pace }
    }

    /// `mac` speaks for the address.
    fn speaks(&mut self, mac: MacAddr, announced: bool, now: Tick, seconds: u32) {
        if !now.within(self.began, seconds) {
            (self.began, self.turns, self.announced) = (now, 0, 0);
        }
        if mac != self.last {
            // A third station is no turn of the two.
            let known = self.other == mac || self.other.is_none() || !now.within(self.at, seconds);
            self.turns = if known { self.turns + 1 } else { 1 };
            (self.other, self.last) = (self.last, mac);
        }
        self.at = now;
        self.announced = self.announced.saturating_add(u8::from(announced && self.turns > 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, mac};
    use crate::wire::arp::Arp;

    fn arp(b: &mut Bench<DuplicateIp>, operation: u16, sender: (MacAddr, &str), target: &str, to: MacAddr) {
        let arp = Arp {
            operation,
            sender_mac: sender.0,
            sender_ip: ip(sender.1),
            target_mac: to,
            target_ip: ip(target),
        };
        b.see(&Observation::Arp(&ArpSeen { arp, frame_mac: sender.0, frame_to: to }));
    }

    /// The gateway asks, and these stations answer.
    fn answered(b: &mut Bench<DuplicateIp>, stations: &[u8]) {
        arp(b, 1, (mac(1), "192.168.1.1"), "192.168.1.30", MacAddr::BROADCAST);
        for station in stations {
            arp(b, 2, (mac(*station), "192.168.1.30"), "192.168.1.1", mac(1));
        }
        b.wait(10.0);
    }

    #[test]
    fn two_that_both_answer_are_one_low_alert() {
        let mut b = Bench::<DuplicateIp>::new();
        for _ in 0..10 {
            answered(&mut b, &[30, 31]);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Low));
        assert_eq!(b.last().target.as_ref().and_then(|t| t.ip), Some(ip("192.168.1.30")));
    }

    #[test]
    fn a_declined_address_is_told_in_both_families() {
        let mut b = Bench::<DuplicateIp>::new();
        let cx_ip = ip("fd00::9");
        let message = dhcp::Message6 {
            kind: DECLINE6,
            xid: 1,
            client_duid: b"x",
            server_duid: b"",
            host_name: b"",
            address: Some(cx_ip),
            dns_server: None,
        };
        b.see(&Observation::Dhcp6 { mac: mac(7), source: ip("fe80::7"), message: &message });
        assert_eq!(b.last().target.as_ref().and_then(|t| t.ip), Some(cx_ip));
    }

    #[test]
    fn a_move_a_failover_and_signs_of_spoofing_are_none() {
        let mut b = Bench::<DuplicateIp>::new();
        answered(&mut b, &[30]);
        answered(&mut b, &[31]);
        answered(&mut b, &[31]);
        assert!(b.found.is_empty(), "it moved");
        b.wait(100.0);
        for _ in 0..6 {
            // Unasked replies between honest ones: a spoofer at work.
            arp(&mut b, 2, (mac(66), "192.168.1.30"), "192.168.1.20", mac(20));
            answered(&mut b, &[30]);
        }
        assert!(b.found.is_empty(), "that is arp_spoof's");
        for _ in 0..6 {
            arp(&mut b, 1, (mac(40), "192.168.1.45"), "192.168.1.45", MacAddr::BROADCAST);
            arp(&mut b, 1, (mac(41), "192.168.1.45"), "192.168.1.45", MacAddr::BROADCAST);
            b.wait(0.5);
        }
        assert!(b.found.len() <= 1, "a few announcements are a mistake, many are arp_spoof's");
    }

    #[test]
    fn a_flood_of_addresses_stays_within_its_tables() {
        let mut b = Bench::<DuplicateIp>::with(&DuplicateIpSettings::default(), 64);
        for i in 0..20_000u32 {
            let address = Ip::v4((0x0a00_0001 + i).to_be_bytes()).to_string();
            arp(&mut b, 1, (mac(i as u8), &address), "192.168.1.1", MacAddr::BROADCAST);
        }
        assert!(b.found.is_empty() && b.detector.speakers.len() <= 16 && b.detector.asked.len() <= 16);
    }
}
