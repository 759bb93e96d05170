//! `arp_spoof`: a station claims an address that belongs to another, in ARP or IPv6 neighbour advertisements.
//!
//! Evidence, per address: its owner (the station that used it first or uses it according to the tables), and a rival
//! that claims it while the owner is alive. Per station: unicast ARP replies that nobody asked for. It fires when
//! - a rival sends an unasked unicast reply for an address whose owner is alive,
//! - a rival announces an address again and again while its owner goes on using it,
//! - a station claims one address by unasked replies (one is enough for a gateway's) and another one as well,
//! - unasked unicast replies come at a rate, or
//! - IPv6: a rival overrides an address twice while its owner goes on using it.
//!
//! In a capture without warm-up the first to claim may be the attacker: the third and fourth rule need no owner.
//!
//! Not alarms: failover addresses (VRRP, HSRP, GLBP); an address handed to another device after its owner went silent;
//! a proxy-ARP router (it answers when asked); one host with two interfaces (both answer when asked); access points that
//! turn broadcasts into unicasts (the message is still an announcement). Known false alarms: a cluster that moves an
//! address back and forth; a test of exactly this.

use super::settings::settings;
use super::window::{Distinct, Pace, Tick};
use super::{Context, Detector, Kind, Texts, between, evidence};
use crate::addr::{Ip, MacAddr};
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{ArpSeen, NeighborSeen, Observation, interest};
use crate::table::bounded::Bounded;
use crate::words::{Words, say, words};

settings! {
    /// Settings of `arp_spoof`.
    ArpSpoofSettings {
        /// How long after its last sign of life an owner counts as alive, seconds. 10 to 600; longer, and an address that
        /// moved to another device looks stolen.
        alive_seconds: u32 = 60, 10..=600;
        /// Unasked unicast replies of one station within a minute. 3 to 60; tools repeat them every one to ten seconds,
        /// honest stations hardly ever send one.
        unasked: u32 = 6, 3..=60;
        /// Announcements by a rival within a minute while the owner is alive. 2 to 60; a failover sends a few and the
        /// former owner falls silent.
        announcements: u32 = 4, 2..=60;
    }
}

/// Window of all rates here, seconds.
const MINUTE: u32 = 60;
/// How long two claims of one station belong together, seconds.
const TOGETHER: u32 = 300;
/// How long a question may wait for its answer, seconds.
const ANSWER_SECONDS: u32 = 5;

/// For so many seconds after the start an unasked reply proves nothing by itself: the question may lie before it.
const QUESTION_BEFORE: u64 = 3;

const TOLD_UNASKED: Words = words(
    "told others unasked that this address is its own while the owner is alive",
    "eiste dit adres ongevraagd op terwijl de eigenaar er nog is",
);
const KEEPS_ANNOUNCING: Words = words(
    "keeps announcing this address while the owner goes on using it",
    "blijft dit adres aankondigen terwijl de eigenaar het gewoon gebruikt",
);
const OVERRIDES: Words = words(
    "overrides this address while the owner goes on using it",
    "eist dit adres telkens op terwijl de eigenaar het gewoon gebruikt",
);
const CLAIMS_TWO: Words = words(
    "claims another address besides one that nobody asked about",
    "eist nog een adres op, naast een waar niemand naar vroeg",
);
const KEEPS_REPLYING: Words =
    words("keeps sending replies that nobody asked for", "blijft antwoorden sturen waar niemand om vroeg");

/// How an address was claimed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// By speaking from it: a request, or an answer to a question.
    Used,
    /// To everyone, unasked.
    Announced,
    /// To one victim, unasked.
    Unasked,
}

/// Who uses an address, and who else wants it.
struct Owner {
    mac: MacAddr,
    last: Tick,
    rival: MacAddr,
    rival_last: Tick,
    announced: u8,
    claims: u8,
    unasked: bool,
    /// The owner showed life after the rival's first claim.
    fought: bool,
}

/// One address that a station claimed.
#[derive(Clone, Copy, Default)]
struct Claimed {
    ip: Ip,
    last: Tick,
    unasked: bool,
}

/// What one station claims: about 300 bytes.
#[derive(Default)]
struct Station {
    claimed: [Claimed; 6],
    unasked: Distinct<16>,
    number: u32,
    pace: Pace,
}

/// See the module.
pub struct ArpSpoof {
    settings: ArpSpoofSettings,
    owners: Bounded<Ip, Owner>,
    stations: Bounded<MacAddr, Station>,
    asked: Bounded<(Ip, Ip), Tick>,
}

impl Detector for ArpSpoof {
    const KIND: Kind = Kind {
        id: "arp_spoof",
        severity: Severity::High,
        mitre: &["T1557.002"],
        en: Texts {
            title: "Address theft on the network",
            what: "A device pretends to be another one (ARP spoofing). Traffic meant for the other device goes through it, where it can be read and changed.",
            why: "It claimed an address that another device is using, or kept telling a device about an address although nobody had asked.",
            harmless: "A router pair that takes over from one another, a sleeping computer's stand-in, or parental-control and 'network cut' boxes that work this way on purpose.",
            todo: "Find the device by its hardware address and disconnect it. Until then do not log in anywhere over this network. Restart the devices that were affected.",
            silence: "Mute arp_spoof with the claiming device as the source and the claimed address as the target.",
        },
        nl: Texts {
            title: "Adresdiefstal op het netwerk",
            what: "Een apparaat doet zich voor als een ander apparaat (ARP-spoofing). Verkeer voor dat andere apparaat loopt dan via de dief, die het kan meelezen en veranderen.",
            why: "Het eiste een adres op dat een ander apparaat gebruikt, of bleef ongevraagd aan een apparaat vertellen waar een adres te vinden zou zijn.",
            harmless: "Twee routers die elkaars taak overnemen, een plaatsvervanger van een slapende computer, of een kastje voor ouderlijk toezicht dat bewust zo werkt.",
            todo: "Zoek het apparaat op aan de hand van het hardware-adres en koppel het los. Log tot die tijd nergens in via dit netwerk. Herstart de getroffen apparaten.",
            silence: "Demp arp_spoof met het opeisende apparaat als bron en het opgeëiste adres als doel.",
        },
    };
    const INTEREST: u64 = interest::ARP | interest::NEIGHBOR;
    type Settings = ArpSpoofSettings;

    fn new(settings: &ArpSpoofSettings, keys: usize) -> Self {
        ArpSpoof {
            settings: settings.clone(),
            owners: Bounded::new(keys),
            stations: Bounded::new((keys / 4).max(16)),
            asked: Bounded::new((keys / 4).max(16)),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::Arp(seen) => self.arp(cx, seen, out),
            Observation::Neighbor(seen) => self.neighbor(cx, seen, out),
            _ => {}
        }
    }
}

impl ArpSpoof {
    fn arp(&mut self, cx: &Context<'_>, seen: &ArpSeen, out: &mut Findings) {
        let (arp, now) = (&seen.arp, cx.tick());
        if !arp.sender_ip.is_unicast() || !arp.sender_mac.is_station() || is_failover(arp.sender_mac) {
            return;
        }
        let question = (arp.sender_ip, arp.target_ip);
        let claim = if arp.is_gratuitous() {
            Claim::Announced
        } else if arp.operation != 2 {
            *self.asked.entry(question, || now).0 = now;
            Claim::Used
        } else if self
            .asked
            .get(&(arp.target_ip, arp.sender_ip))
            .is_some_and(|t| now.within(*t, ANSWER_SECONDS))
        {
            Claim::Used
        } else if seen.frame_to.is_group() {
            Claim::Announced
        } else {
            Claim::Unasked
        };
        // Right after the start a question may have gone by before.
        let noted = if cx.lookup.learning_for() < QUESTION_BEFORE { Claim::Used } else { claim };
        self.claimed_by(arp.sender_mac, arp.sender_ip, noted, now);
        let stolen = self.contest(cx, arp.sender_ip, arp.sender_mac, claim, false);
        let found = stolen.or_else(|| self.pattern(cx, arp.sender_mac));
        if let Some((mac, ip, why)) = found {
            self.raise(cx, mac, ip, why, Some(arp.target_ip).filter(|t| *t != ip && t.is_unicast()), out);
        }
    }

    fn neighbor(&mut self, cx: &Context<'_>, seen: &NeighborSeen, out: &mut Findings) {
        // Without the override flag nobody's cache changes: a proxy or an anycast answer.
        if !seen.override_cache || !seen.ip.is_unicast() || !seen.mac.is_station() || is_failover(seen.mac) {
            return;
        }
        let claim = if seen.solicited { Claim::Used } else { Claim::Announced };
        if let Some((mac, ip, why)) = self.contest(cx, seen.ip, seen.mac, claim, true) {
            self.stations.entry(mac, Station::default);
            self.raise(cx, mac, ip, why, None, out);
        }
    }

    /// Notes the claim with the station.
    fn claimed_by(&mut self, mac: MacAddr, ip: Ip, claim: Claim, now: Tick) {
        let (station, _) = self.stations.entry(mac, Station::default);
        let unasked = claim == Claim::Unasked;
        let slot = station.claimed.iter().position(|c| c.ip == ip);
        let slot = slot.or_else(|| {
            (0..6).max_by_key(|i| {
                let c = &station.claimed[*i];
                if c.ip.is_unspecified() { u32::MAX } else { now.since(c.last) }
            })
        });
        if let Some(held) = slot.map(|i| &mut station.claimed[i]) {
            let before = held.ip == ip && held.unasked && now.within(held.last, TOGETHER);
            *held = Claimed { ip, last: now, unasked: unasked || before };
        }
        if unasked {
            station.number = station.number.wrapping_add(1);
            *station.unasked.seen(station.number, now).0 = 1;
        }
    }

    /// Holds the claim against the owner of the address; gives the thief, the address and the reason.
    fn contest(
        &mut self,
        cx: &Context<'_>,
        ip: Ip,
        mac: MacAddr,
        claim: Claim,
        v6: bool,
    ) -> Option<(MacAddr, Ip, Words)> {
        let (now, s) = (cx.tick(), &self.settings);
        let known = cx.lookup.mac_of(ip).filter(|m| m.is_station() && !is_failover(*m));
        let alive_by_table = cx.lookup.alive_within(ip, s.alive_seconds);
        let first = known.filter(|_| alive_by_table).unwrap_or(mac);
        let (owner, _) = self.owners.entry(ip, || Owner::new(first, now));
        if owner.mac == mac {
            owner.last = now;
            owner.fought = owner.has_rival(now);
            return owner.verdict(s, v6).map(|why| (owner.rival, ip, why));
        }
        let alive = now.within(owner.last, s.alive_seconds) || (known == Some(owner.mac) && alive_by_table);
        if !alive {
            *owner = Owner::new(mac, now);
            return None;
        }
        owner.contested(mac, claim, now);
        owner.verdict(s, v6).map(|why| (mac, ip, why))
    }

    /// What the station's own claims show, whoever owns the addresses.
    fn pattern(&mut self, cx: &Context<'_>, mac: MacAddr) -> Option<(MacAddr, Ip, Words)> {
        let (now, unasked) = (cx.tick(), self.settings.unasked);
        let station = self.stations.get_mut(&mac)?;
        let recent =
            || station.claimed.iter().filter(|c| !c.ip.is_unspecified() && now.within(c.last, TOGETHER));
        let stolen = recent().filter(|c| c.unasked).max_by_key(|c| std::cmp::Reverse(now.since(c.last)))?;
        // Once, for an address that is no gateway's: a device that is set up says its other address that way.
        let serious = station.unasked.within(now, TOGETHER).0 > 1 || cx.lookup.is_gateway(stolen.ip);
        if recent().count() > 1 && serious {
            return Some((mac, stolen.ip, CLAIMS_TWO));
        }
        let often = station.unasked.within(now, MINUTE).0 >= unasked;
        often.then_some((mac, stolen.ip, KEEPS_REPLYING))
    }

    fn raise(
        &mut self,
        cx: &Context<'_>,
        mac: MacAddr,
        ip: Ip,
        why: Words,
        victim: Option<Ip>,
        out: &mut Findings,
    ) {
        let now = cx.tick();
        let Some(station) = self.stations.get_mut(&mac) else { return };
        if !station.pace.due(now) {
            return;
        }
        let gateway = cx.lookup.is_gateway(ip);
        let severity = if gateway { Severity::Critical } else { Severity::High };
        let own =
            station.claimed.iter().find(|c| !c.ip.is_unspecified() && c.ip != ip && !c.unasked).map(|c| c.ip);
        let owner = self.owners.get(&ip).map(|o| o.mac).filter(|m| *m != mac);
        let role = if gateway { words(", the gateway", ", de router") } else { words("", "") };
        let summary = say!("{mac} pretends to be {ip}{role}: it {why}", "{mac} doet zich voor als {ip}{role}: het {why}"; role, why);
        let evidence = evidence! {
            "claimed_ip" => ip.to_string(), "owner_mac" => owner.map(|m| m.to_string()), "gateway" => gateway,
            "unasked_replies" => station.unasked.within(now, MINUTE).0, "threshold" => self.settings.unasked,
            "window_s" => MINUTE, "victim" => victim.map(|v| v.to_string()),
        };
        let finding = Self::KIND.finding(severity, &[mac.as_u64()], summary, evidence);
        let target = Subject { ip: Some(ip), mac: owner, ..Subject::default() };
        out.push(between(finding, Some(Subject::station(mac, own)), Some(target)));
    }
}

impl Owner {
    fn new(mac: MacAddr, now: Tick) -> Self {
        let (rival, rival_last) = (MacAddr::NONE, now);
        Owner { mac, last: now, rival, rival_last, announced: 0, claims: 0, unasked: false, fought: false }
    }

    fn has_rival(&self, now: Tick) -> bool {
        self.rival.is_station() && now.within(self.rival_last, MINUTE)
    }

    fn contested(&mut self, by: MacAddr, claim: Claim, now: Tick) {
        if self.rival != by || !now.within(self.rival_last, MINUTE) {
            (self.rival, self.announced, self.claims) = (by, 0, 0);
            (self.unasked, self.fought) = (false, false);
        }
        self.rival_last = now;
        self.claims = self.claims.saturating_add(1);
        self.announced = self.announced.saturating_add(u8::from(claim == Claim::Announced));
        self.unasked |= claim == Claim::Unasked;
    }

    fn verdict(&self, s: &ArpSpoofSettings, v6: bool) -> Option<Words> {
        if self.unasked {
            Some(TOLD_UNASKED)
        } else if self.fought && u32::from(self.announced) >= s.announcements {
            Some(KEEPS_ANNOUNCING)
        } else if v6 && self.fought && self.claims >= 2 {
            Some(OVERRIDES)
        } else {
            None
        }
    }
}

/// Addresses that move between routers by design: VRRP and CARP, HSRP 1 and 2, GLBP.
pub(super) fn is_failover(mac: MacAddr) -> bool {
    matches!(
        mac.0,
        [0, 0, 0x5e, 0, 1 | 2, _]
            | [0, 0, 0x0c, 0x07, 0xac, _]
            | [0, 0, 0x0c, 0x9f, 0xf0..=0xff, _]
            | [0, 0x07, 0xb4, ..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, mac};
    use crate::wire::arp::Arp;

    fn arp(operation: u16, sender: MacAddr, sender_ip: &str, target_ip: &str, to: MacAddr) -> ArpSeen {
        let (sender_ip, target_ip) = (ip(sender_ip), ip(target_ip));
        let arp = Arp { operation, sender_mac: sender, sender_ip, target_mac: to, target_ip };
        ArpSeen { arp, frame_mac: sender, frame_to: to }
    }
    fn ask(b: &mut Bench<ArpSpoof>, sender: MacAddr, sender_ip: &str, wanted: &str) {
        b.see(&Observation::Arp(&arp(1, sender, sender_ip, wanted, MacAddr::BROADCAST)));
    }
    fn reply(b: &mut Bench<ArpSpoof>, sender: MacAddr, sender_ip: &str, to_ip: &str, to: MacAddr) {
        b.see(&Observation::Arp(&arp(2, sender, sender_ip, to_ip, to)));
    }

    const GATEWAY: &str = "192.168.1.1";
    const VICTIM: &str = "192.168.1.20";

    #[test]
    fn poisoning_the_gateway_is_one_critical_alert() {
        let mut b = Bench::<ArpSpoof>::new();
        b.known.gateways.push(ip(GATEWAY));
        ask(&mut b, mac(20), VICTIM, GATEWAY);
        reply(&mut b, mac(1), GATEWAY, VICTIM, mac(20));
        ask(&mut b, mac(66), "192.168.1.66", VICTIM);
        b.wait(10.0);
        for _ in 0..20 {
            reply(&mut b, mac(66), GATEWAY, VICTIM, mac(20));
            reply(&mut b, mac(66), VICTIM, GATEWAY, mac(1));
            b.wait(2.0);
        }
        assert_eq!((b.alerts(), b.found[0].severity), (1, Severity::Critical));
        let source = b.found[0].source.as_ref().expect("the attacker");
        assert_eq!((source.mac, source.ip), (Some(mac(66)), Some(ip("192.168.1.66"))));
    }

    #[test]
    fn a_thief_who_came_first_is_found_by_what_he_claims() {
        let mut b = Bench::<ArpSpoof>::new();
        b.known.gateways.push(ip(GATEWAY));
        reply(&mut b, mac(66), GATEWAY, VICTIM, mac(20));
        assert!(b.found.is_empty(), "one unasked reply may follow a question before the capture");
        b.wait(10.0);
        ask(&mut b, mac(66), "192.168.1.66", GATEWAY);
        assert_eq!(b.alerts(), 1);
        assert_eq!(b.last().target.as_ref().and_then(|t| t.ip), Some(ip(GATEWAY)));
    }

    #[test]
    fn broadcast_poisoning_is_found_when_the_owner_lives_on() {
        let mut b = Bench::<ArpSpoof>::new();
        for _ in 0..6 {
            ask(&mut b, mac(1), GATEWAY, VICTIM);
            reply(&mut b, mac(66), GATEWAY, "0.0.0.0", MacAddr::BROADCAST);
            b.wait(5.0);
        }
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn unasked_replies_at_a_rate_are_found_without_an_owner() {
        let mut b = Bench::<ArpSpoof>::new();
        for _ in 0..8 {
            reply(&mut b, mac(66), GATEWAY, VICTIM, mac(20));
            b.wait(2.0);
        }
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn overriding_an_ipv6_address_is_found() {
        let mut b = Bench::<ArpSpoof>::new();
        let na = |m: u8, solicited: bool| NeighborSeen {
            ip: ip("fe80::1"),
            mac: mac(m),
            router: true,
            solicited,
            override_cache: true,
        };
        for _ in 0..3 {
            b.see(&Observation::Neighbor(&na(1, true)));
            b.see(&Observation::Neighbor(&na(66, true)));
            b.wait(5.0);
        }
        assert_eq!(b.alerts(), 1);
        assert_eq!(b.last().source.as_ref().and_then(|s| s.mac), Some(mac(66)));
    }

    #[test]
    fn an_address_that_moves_after_silence_is_no_theft() {
        let mut b = Bench::<ArpSpoof>::new();
        ask(&mut b, mac(7), VICTIM, GATEWAY);
        b.wait(120.0);
        for _ in 0..5 {
            b.see(&Observation::Arp(&arp(1, mac(8), VICTIM, VICTIM, MacAddr::BROADCAST)));
            ask(&mut b, mac(8), VICTIM, GATEWAY);
            b.wait(3.0);
        }
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_device_that_tells_of_its_other_address_once_is_no_thief() {
        let mut b = Bench::<ArpSpoof>::new();
        ask(&mut b, mac(7), VICTIM, GATEWAY);
        reply(&mut b, mac(7), "10.22.22.1", GATEWAY, mac(1));
        ask(&mut b, mac(7), VICTIM, GATEWAY);
        assert!(b.found.is_empty());
    }

    #[test]
    fn failover_proxy_arp_and_two_interfaces_are_no_theft() {
        let mut b = Bench::<ArpSpoof>::new();
        for round in 0..30u8 {
            // Failover: the virtual address is announced by whoever holds it.
            let vrrp = MacAddr([0, 0, 0x5e, 0, 1, 9]);
            reply(&mut b, vrrp, GATEWAY, GATEWAY, MacAddr::BROADCAST);
            // Proxy ARP: one router answers for everyone, when asked.
            let wanted = format!("10.1.1.{round}");
            ask(&mut b, mac(20), VICTIM, &wanted);
            reply(&mut b, mac(99), &wanted, VICTIM, mac(20));
            // Two interfaces in one network: both answer, when asked.
            ask(&mut b, mac(20), VICTIM, "192.168.1.30");
            reply(&mut b, mac(30), "192.168.1.30", VICTIM, mac(20));
            reply(&mut b, mac(31), "192.168.1.30", VICTIM, mac(20));
            // An access point turns an announcement into a unicast.
            b.see(&Observation::Arp(&arp(2, mac(40), "192.168.1.40", "192.168.1.40", mac(20))));
            b.wait(2.0);
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_cluster_that_moves_its_address_once_is_no_theft() {
        let mut b = Bench::<ArpSpoof>::new();
        ask(&mut b, mac(1), GATEWAY, VICTIM);
        b.wait(2.0);
        for _ in 0..5 {
            reply(&mut b, mac(2), GATEWAY, GATEWAY, MacAddr::BROADCAST);
            b.wait(1.0);
        }
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_random_claims_stays_within_its_tables() {
        let mut b = Bench::<ArpSpoof>::with(&ArpSpoofSettings::default(), 64);
        for i in 0..20_000u32 {
            let [x, y, z, w] = i.to_be_bytes();
            let host = format!("10.{y}.{z}.{w}");
            ask(&mut b, MacAddr([2, 1, x, y, z, w]), &host, GATEWAY);
        }
        let d = &b.detector;
        assert!(b.found.is_empty() && d.owners.len() <= 64 && d.stations.len() <= 16 && d.asked.len() <= 16);
    }
}
