//! `icmp_tunnel`: a connection is run, or data carried out, inside pings.
//!
//! Evidence, per pair of hosts over a minute: echo data that are large, are no filling as ping makes it (bytes that count
//! up, a pattern that repeats) and differ from one to the next. An honest reply gives back what the request carried; in a
//! tunnel both ends say something of their own, which makes it certain (high). Data that differ each time and are only
//! given back may be carried out that way, or be a test of the line with random filling: three times as many, medium.
//!
//! Not alarms: `ping` with any size, Windows' letters, MTU discovery, monitors that send one text over and over.
//! Known false alarms: a test of the line that fills its pings with chance (`fping -R`, `nping --data-length`).

use super::settings::settings;
use super::window::{Distinct, Pace};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::wire::icmp::Load;
use crate::words::say;

settings! {
    /// Settings of `icmp_tunnel`.
    IcmpTunnelSettings {
        /// Packets with data of their own, of both ends together, within `seconds`. 4 to 30; a ping never has any.
        packets: u32 = 10, 4..=30;
        /// Least data in a packet that counts, bytes, 57 to 1400; ping sends 56, Windows 32.
        bytes: u32 = 96, 57..=1400;
        /// The window, seconds, 10 to 600.
        seconds: u32 = 60, 10..=600;
    }
}

/// Least packets of each end: one strange answer is a broken device.
const EACH: u32 = 3;
/// How many times more it takes when data are only given back.
const ONE_WAY: u32 = 3;

/// What two hosts carry in their pings: about 900 bytes.
#[derive(Default)]
struct Carried {
    /// Data that one end sent first, by end: the one with the lower address, the other.
    said: [Distinct<48>; 2],
    packets: u32,
    bytes: u64,
    pace: Pace,
}

/// See the module.
pub struct IcmpTunnel {
    settings: IcmpTunnelSettings,
    pairs: Bounded<(Ip, Ip), (Ip, Carried)>,
}

impl Detector for IcmpTunnel {
    const KIND: Kind = Kind {
        id: "icmp_tunnel",
        severity: Severity::High,
        mitre: &["T1095", "T1048.003", "T1572"],
        en: Texts {
            title: "Data hidden in pings",
            what: "Two hosts exchange data inside pings. That way a connection passes a firewall that lets only pings through, unnoticed.",
            why: "The pings between them were large and carried something else each time, which the program ping does not do.",
            harmless: "A test of the line that fills its pings with random data, or a VPN over ICMP that someone set up on purpose.",
            todo: "Find out which program on the device sends these pings. If nobody set it up, disconnect the device and check it for malware.",
            silence: "Mute icmp_tunnel with this source and this target.",
        },
        nl: Texts {
            title: "Gegevens verstopt in pings",
            what: "Twee apparaten wisselen gegevens uit in pings. Zo gaat een verbinding ongemerkt langs een firewall die alleen pings doorlaat.",
            why: "De pings tussen beide waren groot en bevatten telkens iets anders, en dat doet het programma ping niet.",
            harmless: "Een lijntest die pings met willekeurige gegevens vult, of een VPN over ICMP die iemand bewust heeft ingesteld.",
            todo: "Zoek uit welk programma op het apparaat deze pings verstuurt. Heeft niemand het ingesteld, koppel het apparaat dan los en controleer het op malware.",
            silence: "Demp icmp_tunnel met deze bron en dit doel.",
        },
    };
    const INTEREST: u64 = interest::ECHO;
    type Settings = IcmpTunnelSettings;

    fn new(settings: &IcmpTunnelSettings, keys: usize) -> Self {
        IcmpTunnel { settings: settings.clone(), pairs: Bounded::new((keys / 16).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::Echo { source, target, load } => {
                self.seen(cx, (*source, *target), *source, load, out)
            }
            Observation::EchoReply { source, target, load } => {
                self.seen(cx, (*source, *target), *target, load, out)
            }
            _ => {}
        }
    }
}

impl IcmpTunnel {
    /// Data from `source` to `target`; `asker` is the one that pings.
    fn seen(
        &mut self,
        cx: &Context<'_>,
        (source, target): (Ip, Ip),
        asker: Ip,
        load: &Load,
        out: &mut Findings,
    ) {
        if load.filling || load.len < self.settings.bytes {
            return;
        }
        let (s, now) = (&self.settings, cx.tick());
        let key = if source < target { (source, target) } else { (target, source) };
        let ((first, carried), _) = self.pairs.entry(key, || (asker, Carried::default()));
        let asker = *first;
        let end = usize::from(source != key.0);
        if carried.said[1 - end].weight_mut(load.digest).is_some() {
            return;
        }
        *carried.said[end].seen(load.digest, now).0 = 1;
        carried.packets = carried.packets.saturating_add(1);
        carried.bytes = carried.bytes.saturating_add(u64::from(load.len));
        let counts = [0, 1].map(|end| carried.said[end].within(now, s.seconds).0);
        let (all, less) = (counts[0] + counts[1], counts[0].min(counts[1]));
        let two_way = all > s.packets && less >= EACH.min(s.packets / 2);
        let one_way = all > s.packets * ONE_WAY;
        if !(two_way || one_way) || !carried.pace.due(now) {
            return;
        }
        let (packets, bytes) = (carried.packets, carried.bytes);
        // Who runs the tunnel is ours when only one end is; else who pings.
        let other = if asker == key.0 { key.1 } else { key.0 };
        let swapped = cx.inside.contains(other) && !cx.inside.contains(asker);
        let (who, whom) = if swapped { (other, asker) } else { (asker, other) };
        let severity = if two_way { Severity::High } else { Severity::Medium };
        let summary = say!(
            "{who} exchanges data with {whom} inside pings, {all} packets within {} s",
            "{who} wisselt gegevens uit met {whom} via pings, {all} pakketten binnen {} s",
            s.seconds
        );
        let evidence = evidence! {
            "packets" => all, "threshold" => s.packets, "window_s" => s.seconds, "least_of_one_end" => less,
            "two_way" => two_way, "packets_in_all" => packets, "bytes_in_all" => bytes,
        };
        let parts = [ip_part(key.0), ip_part(key.1)];
        let finding = Self::KIND.finding(severity, &parts, summary, evidence);
        out.push(between(finding, Some(Subject::ip(who)), Some(Subject::ip(whom))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip};
    use crate::detect::window::mix;
    use crate::wire::icmp::load;

    const PAIRS: [(&str, &str); 2] = [("10.0.0.66", "203.0.113.8"), ("fd00::66", "2001:db8::8")];

    fn data(seed: u64, len: u64) -> Load {
        let bytes: Vec<u8> = (0..len).map(|i| (mix(seed * 10_000 + i) >> 24) as u8).collect();
        load(&bytes, len as u32)
    }
    fn ping(b: &mut Bench<IcmpTunnel>, (from, to): (&str, &str), asked: Load, replied: Load) {
        b.see(&Observation::Echo { source: ip(from), target: ip(to), load: asked });
        b.see(&Observation::EchoReply { source: ip(to), target: ip(from), load: replied });
        b.wait(0.5);
    }

    #[test]
    fn pings_with_words_of_their_own_both_ways_are_a_tunnel() {
        for pair in PAIRS {
            let mut b = Bench::<IcmpTunnel>::new();
            for i in 0..40 {
                ping(&mut b, pair, data(i, 130 + i * 20), data(i + 999, 1000));
            }
            assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
            assert_eq!(b.last().source.as_ref().and_then(|s| s.ip), Some(ip(pair.0)));
        }
    }

    #[test]
    fn the_infected_host_is_ours_when_the_master_pings_it() {
        let mut b = Bench::<IcmpTunnel>::new();
        for i in 0..40 {
            ping(&mut b, ("203.0.113.8", "10.0.0.66"), data(i, 300), data(i + 999, 300));
        }
        assert_eq!(b.last().source.as_ref().and_then(|s| s.ip), Some(ip("10.0.0.66")));
    }

    #[test]
    fn data_that_are_only_given_back_take_more_and_are_worth_a_look() {
        let mut b = Bench::<IcmpTunnel>::new();
        for i in 0..25 {
            ping(&mut b, PAIRS[0], data(i, 800), data(i, 800));
        }
        assert!(b.found.is_empty());
        for i in 25..45 {
            ping(&mut b, PAIRS[0], data(i, 800), data(i, 800));
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
    }

    #[test]
    fn large_pings_monitors_small_data_and_few_packets_stay_quiet() {
        let mut b = Bench::<IcmpTunnel>::new();
        let counting: Vec<u8> = (0..1400u32).map(|i| i as u8).collect();
        for i in 0..500u64 {
            let large = load(&counting, 1400);
            ping(&mut b, PAIRS[0], large, large);
            ping(&mut b, ("10.0.0.5", "10.0.0.1"), data(7, 200), data(7, 200));
            ping(&mut b, ("10.0.0.6", "10.0.0.1"), data(i, 56), data(i + 900, 56));
            // One device that answers with nonsense now and then.
            if i % 40 == 0 {
                ping(&mut b, ("10.0.0.7", "10.0.0.1"), data(i, 200), data(i + 900, 200));
            }
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_flood_of_made_up_sources_stays_within_its_table() {
        let mut b = Bench::<IcmpTunnel>::with(&IcmpTunnelSettings::default(), 64);
        for i in 0..20_000u32 {
            let source = Ip::v4(i.to_be_bytes());
            b.see(&Observation::Echo { source, target: ip("10.0.0.1"), load: data(u64::from(i), 100) });
        }
        assert!(b.found.is_empty() && b.detector.pairs.len() <= 16);
    }
}
