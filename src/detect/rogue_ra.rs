//! `rogue_ra`: somebody who is no router tells the network by IPv6 router advertisements that he is.
//!
//! Evidence: an advertisement that offers a default route from a station other than the router in use; one in the name of
//! the router in use from another station while that one is alive, or to switch it off (lifetime 0); many routers at once.
//! Who was there first is taken for the router, as is one that the tables know to be a gateway. Further routers can be
//! allowed by their hardware address.
//!
//! Not alarms: Thread border routers and others that offer no default route (lifetime 0); the router after a restart,
//! under whatever address; its successor, once it has fallen silent; VRRP and HSRP. Known false alarms: a network with two
//! real routers, once, until the second is allowed; a laptop that shares its connection, which is worth knowing.

use super::arp_spoof::is_failover;
use super::settings::settings;
use super::window::{Distinct, Pace, Tick};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::{Ip, MacAddr};
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, RouterSeen, interest};
use crate::table::bounded::Bounded;
use crate::words::{Words, say, words};

settings! {
    /// Settings of `rogue_ra`.
    RogueRaSettings {
        /// Hardware addresses of further routers that may advertise themselves.
        allow: Vec<MacAddr> = Vec::new();
        /// For how many minutes after its last advertisement a router counts as in use. 5 to 1440; advertisements come every
        /// ten minutes or so, at most thirty apart.
        in_use_minutes: u32 = 45, 5..=1440;
        /// Addresses under which one station advertises itself within a minute that are a flood. 3 to 12; a router has one
        /// per link.
        addresses: u32 = 6, 3..=12;
    }
}

/// Routers that are remembered.
const ROUTERS: usize = 64;
/// From so many rogues on they are told as a flood.
const MANY: u32 = 2;
/// An address that was used by another station so many seconds ago is still that one's.
const ALIVE_SECONDS: u32 = 60;

const SWITCHES_OFF: Words = words("switches the router off in its name", "zet de router uit, in diens naam");
const SPEAKS: Words = words(
    "speaks in the name of the router while that one is alive",
    "spreekt uit naam van de router terwijl die er gewoon is",
);
const OFFERS: Words = words(
    "offers itself as a router although another is in use",
    "biedt zich aan als router hoewel er al een andere in gebruik is",
);

const MANY_ADDRESSES: Words =
    words("advertises itself under many addresses", "biedt zich aan onder veel adressen");

/// A station that advertises itself.
struct Router {
    ip: Ip,
    /// Its place in the order of arrival.
    number: u32,
    last: Tick,
    ips: Distinct<12>,
    advertisements: u32,
    rogue: Option<Words>,
    pace: Pace,
}

/// See the module.
pub struct RogueRa {
    settings: RogueRaSettings,
    routers: Bounded<u64, Router>,
    rogues: u32,
    arrived: u32,
}

impl Detector for RogueRa {
    const KIND: Kind = Kind {
        id: "rogue_ra",
        severity: Severity::High,
        mitre: &["T1557"],
        en: Texts {
            title: "False IPv6 router",
            what: "A device claims to be the router of your network (IPv6). Devices that believe it send their internet traffic through it, where it can be read or stopped.",
            why: "It sent router announcements although another router is in use, or in the name of that router.",
            harmless: "A second router of your own, or a computer or phone that shares its internet connection.",
            todo: "Find the device. If it should not be a router, switch its connection sharing off or disconnect it. If it is your second router, add its hardware address to the allowed ones.",
            silence: "Add the hardware address to allow in [detect.rogue_ra], or mute rogue_ra with this device as the source.",
        },
        nl: Texts {
            title: "Valse IPv6-router",
            what: "Een apparaat beweert de router van uw netwerk te zijn (IPv6). Apparaten die dat geloven, sturen hun internetverkeer erdoorheen, waar het kan worden gelezen of tegengehouden.",
            why: "Het verstuurde routeraankondigingen terwijl er een andere router in gebruik is, of deed dat uit naam van die router.",
            harmless: "Een tweede router van uzelf, of een computer of telefoon die zijn internetverbinding deelt.",
            todo: "Zoek het apparaat op. Hoort het geen router te zijn, zet dan het delen van de verbinding uit of koppel het los. Is het uw tweede router, voeg dan het hardware-adres toe aan de toegestane adressen.",
            silence: "Voeg het hardware-adres toe aan allow in [detect.rogue_ra], of demp rogue_ra met dit apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::ROUTER;
    type Settings = RogueRaSettings;

    fn new(settings: &RogueRaSettings, _keys: usize) -> Self {
        RogueRa { settings: settings.clone(), routers: Bounded::new(ROUTERS), rogues: 0, arrived: 0 }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::Router(seen) = observation else { return };
        if !seen.ip.is_unicast() || is_failover(seen.mac) || self.settings.allow.contains(&seen.mac) {
            return;
        }
        self.advertised(cx, seen, out);
    }
}

impl RogueRa {
    fn advertised(&mut self, cx: &Context<'_>, seen: &RouterSeen, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        let key = if seen.mac.is_station() { seen.mac.as_u64() } else { ip_part(seen.ip) };
        let known = self.routers.get(&key).is_some();
        let mut rogue = if known { None } else { self.judge(cx, key, seen) };
        if !known && rogue.is_none() && seen.lifetime_s == 0 {
            return;
        }
        self.arrived = self.arrived.saturating_add(u32::from(!known));
        let number = self.arrived;
        let (router, _) = self.routers.entry(key, || Router::new(seen.ip, number, now));
        (router.ip, router.last) = (seen.ip, now);
        router.advertisements = router.advertisements.saturating_add(1);
        *router.ips.seen(ip_part(seen.ip) as u32, now).0 = 1;
        if router.ips.within(now, 60).0 >= s.addresses {
            rogue = rogue.or(Some(MANY_ADDRESSES));
        }
        if router.rogue.is_none() && rogue.is_some() {
            router.rogue = rogue;
            self.rogues = self.rogues.saturating_add(1);
        }
        if router.rogue.is_none() {
            // The router in use speaks again: whoever took its address meanwhile was no successor.
            return self.contested(cx, key, seen, out);
        }
        self.raise(cx, key, seen, out);
    }

    /// Why a newcomer is a rogue, if it is one.
    fn judge(&self, cx: &Context<'_>, key: u64, seen: &RouterSeen) -> Option<Words> {
        let (now, in_use) = (cx.tick(), self.settings.in_use_minutes * 60);
        let others = || {
            self.routers.iter().filter(|(k, r)| **k != key && r.rogue.is_none() && now.within(r.last, in_use))
        };
        let owner = cx.lookup.mac_of(seen.ip).filter(|mac| mac.is_station() && *mac != seen.mac);
        let same = others().any(|(_, r)| r.ip == seen.ip);
        if same {
            let alive = owner.is_some() && cx.lookup.alive_within(seen.ip, ALIVE_SECONDS);
            return match seen.lifetime_s {
                0 => Some(SWITCHES_OFF),
                _ if alive => Some(SPEAKS),
                _ => None,
            };
        }
        let offers = seen.lifetime_s > 0 && !cx.lookup.is_gateway(seen.ip);
        (offers && others().next().is_some()).then_some(OFFERS)
    }

    /// A router in use speaks: another station that took its address since it last spoke is a rogue.
    fn contested(&mut self, cx: &Context<'_>, key: u64, seen: &RouterSeen, out: &mut Findings) {
        let now = cx.tick();
        let Some(number) = self.routers.get(&key).map(|r| r.number) else { return };
        let thief = self.routers.iter().find(|(k, r)| {
            **k != key && r.ip == seen.ip && r.rogue.is_none() && now.within(r.last, 600) && r.number > number
        });
        let Some(thief) = thief.map(|(key, _)| *key) else { return };
        if let Some(router) = self.routers.get_mut(&thief) {
            router.rogue = Some(SPEAKS);
            self.rogues = self.rogues.saturating_add(1);
        }
        let [_, _, a, b, c, d, e, f] = thief.to_be_bytes();
        let mac = MacAddr([a, b, c, d, e, f]);
        self.raise(cx, thief, &RouterSeen { mac, ..*seen }, out);
    }

    fn raise(&mut self, cx: &Context<'_>, key: u64, seen: &RouterSeen, out: &mut Findings) {
        let (many, now) = (self.rogues > MANY, cx.tick());
        let right = self.routers.iter().filter(|(k, r)| **k != key && r.rogue.is_none());
        let right = right.max_by_key(|(_, r)| r.advertisements).map(|(_, r)| r.ip);
        let rogues = self.rogues;
        let Some(router) = self.routers.get_mut(&key) else { return };
        let Some(why) = router.rogue.filter(|_| router.pace.due(now)) else { return };
        let who = if seen.mac.is_station() { seen.mac.to_string() } else { seen.ip.to_string() };
        let instead = right.map(|ip| format!(" ({ip})")).unwrap_or_default();
        let summary = if many {
            say!(
                "{rogues} false IPv6 routers advertise themselves, {who} the latest",
                "{rogues} valse IPv6-routers bieden zich aan, {who} als laatste"
            )
        } else {
            say!("{who} {why}{instead}", "{who} {why}{instead}"; why)
        };
        let evidence = evidence! {
            "advertised_ip" => seen.ip.to_string(), "advertisements" => router.advertisements, "threshold" => 1,
            "lifetime_s" => seen.lifetime_s, "router_in_use" => right.map(|ip| ip.to_string()), "rogues" => rogues,
            "prefix" => seen.prefix.map(|(net, len)| format!("{net}/{len}")),
            "dns_server" => seen.dns_server.map(|ip| ip.to_string()),
        };
        let finding = Self::KIND.finding(Severity::High, &[], summary, evidence);
        let own = (right != Some(seen.ip)).then_some(seen.ip);
        let source =
            if seen.mac.is_station() { Subject::station(seen.mac, own) } else { Subject::ip(seen.ip) };
        out.push(between(finding, Some(source), right.map(Subject::ip)));
    }
}

impl Router {
    fn new(ip: Ip, number: u32, now: Tick) -> Self {
        let (ips, pace) = (Distinct::default(), Pace::default());
        Router { ip, number, last: now, ips, advertisements: 0, rogue: None, pace }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, mac};

    fn advertise(b: &mut Bench<RogueRa>, address: &str, station: MacAddr, lifetime_s: u16) {
        let prefix = Some((ip("2001:db8:5::"), 64));
        let seen = RouterSeen { ip: ip(address), mac: station, lifetime_s, prefix, dns_server: None };
        b.see(&Observation::Router(&seen));
    }

    #[test]
    fn the_second_router_is_the_rogue_and_one_alert() {
        let mut b = Bench::<RogueRa>::new();
        for _ in 0..5 {
            advertise(&mut b, "fe80::1", mac(1), 1800);
            b.wait(300.0);
        }
        assert!(b.found.is_empty());
        for _ in 0..5 {
            advertise(&mut b, "fe80::66", mac(66), 1800);
            advertise(&mut b, "fe80::1", mac(1), 1800);
            b.wait(3.0);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
        assert_eq!(b.last().source, Some(Subject::station(mac(66), Some(ip("fe80::66")))));
        assert_eq!(b.last().target, Some(Subject::ip(ip("fe80::1"))));
    }

    #[test]
    fn who_switches_the_router_off_in_its_name_is_found() {
        let mut b = Bench::<RogueRa>::new();
        advertise(&mut b, "fe80::1", mac(1), 1800);
        b.wait(200.0);
        advertise(&mut b, "fe80::1", mac(66), 0);
        assert_eq!(b.last().source, Some(Subject::station(mac(66), None)));
        // The router says itself that it stops.
        let mut b = Bench::<RogueRa>::new();
        advertise(&mut b, "fe80::1", mac(1), 1800);
        advertise(&mut b, "fe80::1", mac(1), 0);
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_borrowed_address_is_found_when_its_owner_is_alive_or_comes_back() {
        let mut b = Bench::<RogueRa>::new();
        advertise(&mut b, "fe80::1", mac(1), 1800);
        b.known.macs.insert(ip("fe80::1"), mac(1));
        b.known.alive.push(ip("fe80::1"));
        advertise(&mut b, "fe80::1", mac(66), 1800);
        assert_eq!(b.alerts(), 1);
        let mut b = Bench::<RogueRa>::new();
        advertise(&mut b, "fe80::1", mac(1), 1800);
        b.wait(300.0);
        advertise(&mut b, "fe80::1", mac(66), 1800);
        assert!(b.found.is_empty(), "perhaps its successor");
        b.wait(30.0);
        advertise(&mut b, "fe80::1", mac(1), 1800);
        assert_eq!(b.last().source.as_ref().and_then(|s| s.mac), Some(mac(66)));
    }

    #[test]
    fn border_routers_restarts_successors_and_allowed_ones_are_quiet() {
        let settings = RogueRaSettings { allow: vec![mac(7)], ..Default::default() };
        let mut b = Bench::<RogueRa>::with(&settings, 64);
        advertise(&mut b, "fe80::1", mac(1), 1800);
        advertise(&mut b, "fe80::99", mac(9), 0);
        advertise(&mut b, "fe80::7", mac(7), 1800);
        advertise(&mut b, "fe80::aaaa", mac(1), 1800);
        advertise(&mut b, "fe80::5", MacAddr([0, 0, 0x5e, 0, 2, 1]), 1800);
        b.wait(3000.0);
        advertise(&mut b, "fe80::2", mac(2), 1800);
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_flood_of_routers_ends_in_one_incident_and_a_full_table() {
        let mut b = Bench::<RogueRa>::new();
        for i in 0..5_000u32 {
            let [_, x, y, z] = i.to_be_bytes();
            advertise(&mut b, &format!("fe80::{i:x}"), MacAddr([2, 2, 2, x, y, z]), 1800);
        }
        assert!(b.alerts() == 1 && b.detector.routers.len() <= ROUTERS, "{}", b.alerts());
        let mut b = Bench::<RogueRa>::new();
        for i in 0..50 {
            advertise(&mut b, &format!("fe80::{i:x}"), mac(66), 1800);
        }
        assert_eq!(b.alerts(), 1, "one station under many addresses");
    }
}
