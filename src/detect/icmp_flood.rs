//! `icmp_flood`: a host, or the whole link, is flooded with ICMP (pings, answers nobody asked for, errors, IPv6
//! neighbour discovery) or with packets whose headers hide what they carry.
//!
//! Evidence: packets outside any flow per second to one host, for several seconds in a row or very many at once. The engine
//! counts them and tells of each further 32. Replies to one who pings are no flood of the one who pings; replies that it
//! never asked for are (smurf). Errors about a connection that exists are not counted; router advertisements belong to
//! `rogue_ra`.
//!
//! Not alarms: monitoring that pings many hosts often; mtr. Known false alarms: `ping -f` between two hosts of an
//! administrator, which is a flood, if a wanted one.

use super::settings::settings;
use super::window::{Distinct, Pace, Rate};
use super::{Context, Detector, Kind, Texts, between, evidence, from_where, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{BurstSeen, Loose, Observation, interest};
use crate::table::bounded::Bounded;
use crate::words::{say, words};

settings! {
    /// Settings of `icmp_flood`.
    IcmpFloodSettings {
        /// Packets per second to one host above which it counts as a flood. 50 to 100000; monitoring sends one a second,
        /// mtr ten.
        per_second: u32 = 200, 50..=100_000;
        /// For how many seconds in a row, 2 to 9: shorter bursts hurt nobody.
        seconds: u32 = 5, 2..=9;
        /// Packets within ten seconds that are a flood without waiting for `seconds`. 500 to 1000000.
        burst: u32 = 2000, 500..=1_000_000;
    }
}

/// Counts of one target: about 150 bytes.
#[derive(Default)]
struct Target {
    packets: Rate<10>,
    sources: Distinct<8>,
    last_source: Ip,
    pace: Pace,
}

/// See the module.
pub struct IcmpFlood {
    settings: IcmpFloodSettings,
    targets: Bounded<(Ip, Loose), Target>,
}

impl Detector for IcmpFlood {
    const KIND: Kind = Kind {
        id: "icmp_flood",
        severity: Severity::High,
        mitre: &["T1498.001"],
        en: Texts {
            title: "Ping flood",
            what: "A device or the whole network is being flooded with control messages such as pings, so that it becomes slow or stops answering.",
            why: "For several seconds hundreds of such messages a second went to one place, or thousands came at once.",
            harmless: "Someone testing a connection with a flood ping on purpose.",
            todo: "Find the source. If nobody is running a test there, disconnect the device. If the flood comes from the internet, let the router drop pings from outside.",
            silence: "Mute icmp_flood with the flooded device as the target, or with the testing device as the source.",
        },
        nl: Texts {
            title: "Stortvloed van pings",
            what: "Een apparaat of het hele netwerk wordt overspoeld met stuurberichten zoals pings, waardoor het traag wordt of niet meer antwoordt.",
            why: "Seconden achtereen gingen er honderden van zulke berichten per seconde naar één plek, of kwamen er duizenden tegelijk.",
            harmless: "Iemand die met opzet een verbinding test met een vloed van pings.",
            todo: "Zoek de bron. Als niemand daar een test doet, koppel het apparaat dan los. Komt de vloed van internet, laat de router dan pings van buiten weigeren.",
            silence: "Demp icmp_flood met het bestookte apparaat als doel, of met het testende apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::BURST;
    type Settings = IcmpFloodSettings;

    fn new(settings: &IcmpFloodSettings, keys: usize) -> Self {
        IcmpFlood { settings: settings.clone(), targets: Bounded::new((keys / 8).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        if let Observation::Burst(seen) = observation {
            self.burst(cx, seen, out);
        }
    }
}

impl IcmpFlood {
    fn burst(&mut self, cx: &Context<'_>, seen: &BurstSeen, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        // All groups are one place: discovery names another group for each address.
        let place = if seen.target.is_multicast() { Ip::UNSPECIFIED } else { seen.target };
        if seen.class == Loose::Reply && self.asked(cx, seen) {
            return;
        }
        let (target, _) = self.targets.entry((place, seen.class), Target::default);
        target.packets.add(cx.now, seen.packets);
        target.last_source = seen.source;
        *target.sources.seen(ip_part(seen.source) as u32, now).0 = 1;
        let total = target.packets.total(cx.now);
        let lasting = target.packets.sustained(cx.now, s.per_second) >= s.seconds;
        if !(lasting || total >= u64::from(s.burst)) || !target.pace.due(now) {
            return;
        }
        let sources = target.sources.within(now, 10).0;
        let from = from_where(sources, target.last_source);
        let what = match seen.class {
            Loose::Ask => words("pings", "pings"),
            Loose::Reply => words("unasked ping replies", "ongevraagde pingantwoorden"),
            Loose::Neighbor => words("IPv6 discovery messages", "IPv6-zoekberichten"),
            Loose::Icmp => words("ICMP messages", "ICMP-berichten"),
            Loose::Unreadable => words("packets with unusual headers", "pakketten met ongewone koppen"),
        };
        let peak = target.packets.peak();
        let summary = say!(
            "{} is flooded with {peak} {what} a second from {from}",
            "{} wordt overspoeld met {peak} {what} per seconde van {from}",
            seen.target;
            what, from
        );
        let evidence = evidence! {
            "peak_per_second" => peak, "threshold_per_second" => s.per_second, "packets" => total,
            "threshold_packets" => s.burst, "window_s" => 10, "messages" => what.en,
            "sources" => if sources >= 8 { "many".to_owned() } else { sources.to_string() },
        };
        let source = (sources == 1).then(|| Subject::ip(target.last_source));
        let finding = Self::KIND.finding(Severity::High, &[ip_part(place)], summary, evidence);
        out.push(between(finding, source, Some(Subject::ip(seen.target))));
    }

    /// Whether the receiver of these replies pings their sender just as hard.
    fn asked(&self, cx: &Context<'_>, seen: &BurstSeen) -> bool {
        let asks = self.targets.get(&(seen.source, Loose::Ask));
        asks.is_some_and(|asks| {
            let mut packets = asks.packets;
            asks.last_source == seen.target && packets.total(cx.now) >= u64::from(seen.packets)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip};

    fn flood(
        b: &mut Bench<IcmpFlood>,
        rate: u32,
        seconds: u32,
        class: Loose,
        mut pair: impl FnMut(u32) -> (Ip, Ip),
    ) {
        for n in 0..rate * seconds / 32 {
            let (source, target) = pair(n);
            b.see(&Observation::Burst(&BurstSeen { source, target, class, packets: 32 }));
            b.wait(32.0 / f64::from(rate));
        }
    }

    #[test]
    fn a_ping_flood_is_one_alert_that_names_who_sends_it() {
        for (from, to) in [("192.168.1.66", "192.168.1.10"), ("fd00::66", "fd00::a")] {
            let mut b = Bench::<IcmpFlood>::new();
            flood(&mut b, 300, 9, Loose::Ask, |_| (ip(from), ip(to)));
            assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
            assert_eq!(b.last().source, Some(Subject::ip(ip(from))));
            assert_eq!(b.last().target, Some(Subject::ip(ip(to))));
        }
    }

    #[test]
    fn replies_are_no_flood_of_who_asks_and_unasked_ones_are() {
        let mut b = Bench::<IcmpFlood>::new();
        let (asker, host) = (ip("192.168.1.66"), ip("192.168.1.10"));
        for _ in 0..400 {
            b.see(&Observation::Burst(&BurstSeen {
                source: asker,
                target: host,
                class: Loose::Ask,
                packets: 32,
            }));
            b.see(&Observation::Burst(&BurstSeen {
                source: host,
                target: asker,
                class: Loose::Reply,
                packets: 32,
            }));
            b.wait(0.02);
        }
        assert_eq!(b.alerts(), 1);
        assert_eq!(b.last().target, Some(Subject::ip(host)));
        let mut b = Bench::<IcmpFlood>::new();
        flood(&mut b, 1_000, 4, Loose::Reply, |n| (Ip::v4([192, 168, 1, n as u8]), asker));
        assert_eq!(b.last().target, Some(Subject::ip(asker)));
        assert!(b.last().source.is_none());
    }

    #[test]
    fn a_fast_flood_of_spoofed_sources_or_of_discovery_is_found_at_once() {
        let mut b = Bench::<IcmpFlood>::new();
        flood(&mut b, 10_000, 1, Loose::Icmp, |n| (Ip::v4(n.to_be_bytes()), ip("192.168.1.10")));
        assert!(b.alerts() == 1 && b.last().source.is_none());
        let mut b = Bench::<IcmpFlood>::new();
        flood(&mut b, 3_000, 2, Loose::Neighbor, |n| (ip("fe80::66"), ip(&format!("ff02::1:ff00:{n:x}"))));
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn monitoring_and_a_short_burst_are_none() {
        let mut b = Bench::<IcmpFlood>::new();
        flood(&mut b, 1_000, 60, Loose::Ask, |n| (ip("192.168.1.5"), Ip::v4([192, 168, 1, n as u8])));
        flood(&mut b, 150, 30, Loose::Ask, |_| (ip("192.168.1.6"), ip("192.168.1.1")));
        b.wait(20.0);
        flood(&mut b, 500, 3, Loose::Ask, |_| (ip("192.168.1.6"), ip("192.168.1.1")));
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_flood_of_random_targets_stays_within_its_table() {
        let mut b = Bench::<IcmpFlood>::with(&IcmpFloodSettings::default(), 64);
        flood(&mut b, 100_000, 5, Loose::Ask, |n| (ip("192.168.1.5"), Ip::v4((n + 1).to_be_bytes())));
        assert!(b.found.is_empty() && b.detector.targets.len() <= 16);
    }
}
