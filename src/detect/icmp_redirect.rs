//! `icmp_redirect`: somebody who is no router tells a host to send its traffic another way.
//!
//! Evidence: a redirect (ICMP or ICMPv6) that does not come from a known router's own station, towards a next hop that is
//! no known router. Attackers write the router's address into it but send it from their own station.
//!
//! Not alarms: the router's own redirects, to whichever hop; a host that forwards by accident and points to the router;
//! "it is on your own network", where the next hop is the goal itself.
//! Known false alarms: a second router that the monitor has not yet seen at work.

use super::settings::settings;
use super::window::Pace;
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, RedirectSeen, interest};
use crate::table::bounded::Bounded;
use crate::words::{Sentence, say};

settings! {
    /// Settings of `icmp_redirect`.
    IcmpRedirectSettings {
        /// Redirects by one sender before it is told, 1 to 100: one suffices to steal a route.
        redirects: u32 = 1, 1..=100;
    }
}

/// What one sender of redirects did.
#[derive(Default)]
struct Sender {
    redirects: u32,
    pace: Pace,
}

/// See the module.
pub struct IcmpRedirect {
    settings: IcmpRedirectSettings,
    senders: Bounded<u64, Sender>,
}

impl Detector for IcmpRedirect {
    const KIND: Kind = Kind {
        id: "icmp_redirect",
        severity: Severity::Medium,
        mitre: &["T1557"],
        en: Texts {
            title: "Traffic diversion",
            what: "A device that is not your router told another device to send its traffic a different way. That is how someone puts themselves between you and the internet.",
            why: "It sent a redirect message, and neither the sender nor the way it points to is a router known here.",
            harmless: "A second router or VPN gateway that the monitor does not know yet.",
            todo: "Find out what the sender is. If it is not a router of yours, disconnect it and restart the device that was addressed.",
            silence: "Mute icmp_redirect with the sending device as the source.",
        },
        nl: Texts {
            title: "Omleiding van verkeer",
            what: "Een apparaat dat niet uw router is, heeft een ander apparaat verteld zijn verkeer een andere kant op te sturen. Zo gaat iemand tussen u en internet in zitten.",
            why: "Het stuurde een omleidingsbericht, en noch de afzender noch de weg waarnaar het verwijst is een router die hier bekend is.",
            harmless: "Een tweede router of VPN-toegang die de monitor nog niet kent.",
            todo: "Zoek uit wat de afzender is. Is het geen router van u, koppel het apparaat dan los en herstart het apparaat dat werd aangesproken.",
            silence: "Demp icmp_redirect met het zendende apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::ICMP;
    type Settings = IcmpRedirectSettings;

    fn new(settings: &IcmpRedirectSettings, keys: usize) -> Self {
        IcmpRedirect { settings: settings.clone(), senders: Bounded::new((keys / 32).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        if let Observation::Redirect(seen) = observation {
            // The tables give the router's address to whose frames came last: who borrowed it once is not believed later.
            let key = key(seen);
            if !is_honest(cx, seen) || (self.senders.get(&key).is_some() && seen.gateway != seen.destination)
            {
                self.redirected(cx, seen, key, out);
            }
        }
    }
}

/// The sender: its station, where the link shows it, because the address may be another's.
fn key(seen: &RedirectSeen) -> u64 {
    if seen.mac.is_station() { seen.mac.as_u64() } else { ip_part(seen.source) }
}

/// Whether a known router says it from its own station, or whoever says it points to a known router or to the goal itself.
fn is_honest(cx: &Context<'_>, seen: &RedirectSeen) -> bool {
    let own = !seen.mac.is_station() || cx.lookup.mac_of(seen.source).is_none_or(|mac| mac == seen.mac);
    // "Speak to it directly" diverts nothing.
    let direct = seen.gateway == seen.destination;
    direct || (cx.lookup.is_gateway(seen.source) && own) || cx.lookup.is_gateway(seen.gateway)
}

impl IcmpRedirect {
    fn redirected(&mut self, cx: &Context<'_>, seen: &RedirectSeen, key: u64, out: &mut Findings) {
        let station = seen.mac.is_station();
        let (sender, _) = self.senders.entry(key, Sender::default);
        sender.redirects = sender.redirects.saturating_add(1);
        if sender.redirects < self.settings.redirects || !sender.pace.due(cx.tick()) {
            return;
        }
        let owner = cx.lookup.mac_of(seen.source);
        let borrowed = station && owner.is_some_and(|mac| mac != seen.mac);
        let own = if borrowed { own_address(cx, seen) } else { Some(seen.source) };
        let who = if borrowed { seen.mac.to_string() } else { seen.source.to_string() };
        let as_other = if borrowed {
            say!(", in the name of {},", ", uit naam van {},", seen.source)
        } else {
            Sentence::default()
        };
        let summary = say!(
            "{who}{as_other} tells {} to reach {} through {}, which is no known router",
            "{who}{as_other} zegt {} om {} te bereiken via {}, dat geen bekende router is",
            seen.target,
            seen.destination,
            seen.gateway;
            as_other
        );
        let evidence = evidence! {
            "redirects" => sender.redirects, "threshold" => self.settings.redirects,
            "claimed_sender" => seen.source.to_string(), "next_hop" => seen.gateway.to_string(),
            "destination" => seen.destination.to_string(),
        };
        let source = if station { Subject::station(seen.mac, own) } else { Subject::ip(seen.source) };
        let finding = Self::KIND.finding(Severity::Medium, &[key], summary, evidence);
        out.push(between(finding, Some(source), Some(Subject::ip(seen.target))));
    }
}

/// The sender's own address, when it wants the traffic for itself.
fn own_address(cx: &Context<'_>, seen: &RedirectSeen) -> Option<Ip> {
    (cx.lookup.mac_of(seen.gateway) == Some(seen.mac)).then_some(seen.gateway)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::MacAddr;
    use crate::detect::bench::{Bench, ip, mac};

    fn bench() -> Bench<IcmpRedirect> {
        let mut b = Bench::<IcmpRedirect>::new();
        for (address, station) in [("192.168.1.1", 1), ("192.168.1.66", 66), ("fe80::1", 1), ("fe80::66", 66)]
        {
            b.known.macs.insert(ip(address), mac(station));
        }
        b.known.gateways.extend([ip("192.168.1.1"), ip("fe80::1")]);
        b
    }

    fn redirect(source: &str, mac: MacAddr, gateway: &str) -> RedirectSeen {
        let v6 = source.contains(':');
        let (target, destination) =
            if v6 { ("fe80::20", "2001:db8::9") } else { ("192.168.1.20", "203.0.113.9") };
        RedirectSeen {
            source: ip(source),
            mac,
            target: ip(target),
            gateway: ip(gateway),
            destination: ip(destination),
        }
    }

    #[test]
    fn who_borrows_the_routers_address_is_named_by_its_station() {
        for (router, thief) in [("192.168.1.1", "192.168.1.66"), ("fe80::1", "fe80::66")] {
            let mut b = bench();
            for _ in 0..20 {
                b.see(&Observation::Redirect(&redirect(router, mac(66), thief)));
                b.wait(0.5);
            }
            assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
            assert_eq!(b.last().source, Some(Subject::station(mac(66), Some(ip(thief)))));
        }
    }

    #[test]
    fn a_host_that_is_no_router_is_told_and_routers_are_not() {
        let mut b = bench();
        b.see(&Observation::Redirect(&redirect("192.168.1.1", mac(1), "192.168.1.2")));
        b.see(&Observation::Redirect(&redirect("192.168.1.50", mac(50), "192.168.1.1")));
        b.see(&Observation::Redirect(&redirect("192.168.1.1", MacAddr::NONE, "192.168.1.7")));
        b.see(&Observation::Redirect(&redirect("192.168.1.50", mac(50), "203.0.113.9")));
        assert!(b.found.is_empty(), "{:?}", b.found);
        b.see(&Observation::Redirect(&redirect("192.168.1.50", mac(50), "192.168.1.50")));
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn a_flood_of_made_up_senders_stays_within_its_table() {
        let mut b =
            Bench::<IcmpRedirect>::with(&IcmpRedirectSettings { redirects: 2, ..Default::default() }, 64);
        for i in 0..20_000u32 {
            let [_, x, y, z] = i.to_be_bytes();
            b.see(&Observation::Redirect(&redirect(
                "192.168.1.9",
                MacAddr([2, 2, 2, x, y, z]),
                "192.168.1.8",
            )));
        }
        assert!(b.found.is_empty() && b.detector.senders.len() <= 16);
    }
}
