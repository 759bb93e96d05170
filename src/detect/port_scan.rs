//! `port_scan`: one host tries many ports of another.
//!
//! Evidence: distinct ports per source and target. A port counts once while its SYN is pending, twice when it was
//! refused, stayed silent, was only half opened, or was probed with flags no connection begins with (FIN, NULL, XMAS);
//! not at all while a connection on it is open or after both sides exchanged payload, whatever it counted before.
//! UDP counts when the port was refused, or when the datagram goes from a high port to a lower one: answers go the
//! other way. Slow scans are counted by estimate over an hour, silent and refused ports only.
//!
//! Known false alarms: a monitor that polls many closed ports of one host; a client of a server that was just switched
//! off and had many services. Not one: browsers (one port), traceroute, answers whose question was not seen, passive
//! FTP, P2P (one port per peer).

use super::settings::settings;
use super::window::{Coarse, Distinct, Door, Pace, Tick, mix};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, Stray, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{Flow, State, proto};
use crate::wire::tcp::flag;
use crate::words::{Sentence, say};

settings! {
    /// Settings of `port_scan`.
    PortScanSettings {
        /// Points within `seconds` that make a scan: a port counts 1, an unanswered or refused one 2. 10 to 60; people and
        /// programs rarely touch more than ten ports of one host in a minute.
        ports: u32 = 20, 10..=60;
        /// Window of a fast scan, seconds, 10 to 600.
        seconds: u32 = 60, 10..=600;
        /// Distinct unanswered or refused ports within `slow_seconds` that make a slow scan. 20 to 200.
        slow_ports: u32 = 60, 20..=200;
        /// Window of a slow scan, seconds, 600 to 86400.
        slow_seconds: u32 = 3600, 600..=86400;
    }
}

/// Counts of one source and target: about 340 bytes.
#[derive(Default)]
struct Pair {
    ports: Distinct<32>,
    slow: Coarse,
    /// When it was last found to be a scan: from then on once a second is often enough to look.
    told: Pace,
    /// Source port of the last probe by a bare ACK.
    ack_port: u16,
}

/// What a scanning source did in all: one incident.
#[derive(Default)]
struct Scanner {
    targets: Distinct<16>,
    pace: Pace,
}

/// See the module.
pub struct PortScan {
    settings: PortScanSettings,
    pairs: Bounded<(Ip, Ip), Pair>,
    first: Door,
    scanners: Bounded<Ip, Scanner>,
}

/// Weights of a port.
const USED: u8 = 0;
const PENDING: u8 = 1;
const SILENT: u8 = 2;

/// Ports of UDP traceroute, upwards from 33434; probes carry a small TTL.
const TRACEROUTE: std::ops::RangeInclusive<u16> = 33_434..=33_690;

impl Detector for PortScan {
    const KIND: Kind = Kind {
        id: "port_scan",
        severity: Severity::High,
        mitre: &["T1046"],
        en: Texts {
            title: "Port scan",
            what: "One device is trying many ports (numbered doors) of another to find out which services answer. It is often the first step of an attack.",
            why: "Within a short time it tried more different ports of one device than normal use needs, and most of them were closed or silent.",
            harmless: "A security check, an inventory tool or a network app that you or someone in the house started yourself.",
            todo: "If the device doing it is yours and nobody started a scan, take it off the network and check it for malware. If it comes from the internet, make sure your router forwards no ports you do not need.",
            silence: "Mute port_scan with the scanning device as the source. To allow only one scanner on one machine, add the target as well.",
        },
        nl: Texts {
            title: "Poortscan",
            what: "Een apparaat probeert veel poorten (genummerde deuren) van een ander apparaat om te ontdekken welke diensten antwoorden. Vaak is dat de eerste stap van een aanval.",
            why: "In korte tijd werden meer verschillende poorten van één apparaat geprobeerd dan normaal gebruik nodig heeft, en de meeste waren dicht of gaven geen antwoord.",
            harmless: "Een beveiligingscontrole, een inventarisatieprogramma of een netwerk-app die u of een huisgenoot zelf heeft gestart.",
            todo: "Is het apparaat dat scant van u en heeft niemand een scan gestart, haal het dan van het netwerk en controleer het op malware. Komt de scan van internet, controleer dan of uw router geen onnodige poorten doorstuurt.",
            silence: "Demp port_scan met het scannende apparaat als bron. Geef ook het doel op als alleen deze ene combinatie stil moet blijven.",
        },
    };
    const INTEREST: u64 = interest::FLOW_OPENED
        | interest::FLOW_ANSWERED
        | interest::FLOW_REFUSED
        | interest::FLOW_ENDED
        | interest::STRAY;
    type Settings = PortScanSettings;

    fn new(settings: &PortScanSettings, keys: usize) -> Self {
        PortScan {
            settings: settings.clone(),
            pairs: Bounded::new(keys),
            first: Door::new(keys),
            scanners: Bounded::new((keys / 16).max(16)),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Some((source, target, port, weight)) = read(observation) else { return };
        let now = cx.tick();
        if weight == USED {
            if let Some(pair) = self.pairs.get_mut(&(source, target))
                && let Some(held) = pair.ports.weight_mut(u32::from(port))
            {
                *held = USED;
            }
            return;
        }
        let slow_seconds = self.settings.slow_seconds;
        let Some(pair) = self.pair(source, target, port, weight, now) else { return };
        if let Observation::Stray(stray) = observation
            && stray.flags & flag::ACK != 0
        {
            let before = std::mem::replace(&mut pair.ack_port, stray.source_port);
            if before != 0 && before != stray.source_port {
                return;
            }
        }
        let (held, new) = pair.ports.seen(u32::from(port), now);
        if !new && *held >= weight && weight == PENDING {
            return;
        }
        *held = (*held).max(weight);
        if weight == SILENT {
            pair.slow.add(u32::from(port), now, slow_seconds);
        }
        if !pair.told.begun() || pair.told.due(now) {
            self.judge(cx, source, target, out);
        }
    }
}

impl PortScan {
    /// The counts of a pair; `None` while only one port of it was seen: that one waits at the door.
    fn pair(&mut self, source: Ip, target: Ip, port: u16, weight: u8, now: Tick) -> Option<&mut Pair> {
        if let Some(slot) = self.pairs.find(&(source, target)) {
            return self.pairs.at_mut(slot);
        }
        let key = mix(ip_part(source) ^ ip_part(target).rotate_left(1));
        let value = u32::from(weight) << 16 | u32::from(port);
        let first = self.first.knock(key, value, |a, b| a as u16 == b as u16)?;
        let (pair, _) = self.pairs.entry((source, target), Pair::default);
        let (port, weight) = (first & 0xffff, (first >> 16) as u8);
        *pair.ports.seen(port, now).0 = weight;
        if weight == SILENT {
            pair.slow.add(port, now, self.settings.slow_seconds);
        }
        Some(pair)
    }

    fn judge(&mut self, cx: &Context<'_>, source: Ip, target: Ip, out: &mut Findings) {
        let now = cx.tick();
        let s = &self.settings;
        let Some(pair) = self.pairs.get_mut(&(source, target)) else { return };
        let (ports, points) = pair.ports.within(now, s.seconds);
        let (count, window, threshold) = if points >= s.ports {
            (ports, s.seconds, s.ports)
        } else {
            let slow = pair.slow.estimate(now, s.slow_seconds);
            if slow < s.slow_ports {
                return;
            }
            (slow, s.slow_seconds, s.slow_ports)
        };
        pair.told.due(now);
        let in_all = pair.slow.estimate(now, s.slow_seconds).max(count);
        let (scanner, _) = self.scanners.entry(source, Scanner::default);
        *scanner.targets.seen(ip_part(target) as u32, now).0 = 1;
        if !scanner.pace.due(now) {
            return;
        }
        let targets = scanner.targets.within(now, s.slow_seconds).0;
        let more = match targets {
            2.. => say!(" and {} more", " en nog {}", targets - 1),
            _ => Sentence::default(),
        };
        let summary = say!(
            "{source} tried at least {in_all} ports of {target}{more}",
            "{source} probeerde minstens {in_all} poorten van {target}{more}";
            more
        );
        let evidence = evidence! {
            "ports" => in_all, "points" => points.max(count), "threshold" => threshold,
            "window_s" => window, "targets" => targets,
        };
        let severity = cx.by_side(source, Severity::High, Severity::Medium);
        let finding = Self::KIND.finding(severity, &[ip_part(source)], summary, evidence);
        out.push(between(finding, Some(Subject::ip(source)), Some(Subject::ip(target))));
    }
}

/// Source, target, port and weight of what an observation says about a port.
fn read(observation: &Observation<'_>) -> Option<(Ip, Ip, u16, u8)> {
    let of = |flow: &Flow, weight| Some((flow.client, flow.server, flow.server_port, weight));
    match observation {
        Observation::FlowOpened(flow) if may_probe(flow) => of(flow, PENDING),
        Observation::FlowAnswered(flow) if flow.protocol != proto::ICMP => of(flow, USED),
        Observation::FlowRefused(flow) if may_probe(flow) || refused_datagram(flow) => of(flow, SILENT),
        Observation::FlowEnded(flow) if flow.state != State::Midstream && may_probe(flow) => {
            of(flow, weight_at_end(flow)?)
        }
        Observation::Stray(stray) => Some((stray.source, stray.target, stray.target_port, weight_of(stray)?)),
        _ => None,
    }
}

/// Whether an opening can be a probe at all, by ports and addresses.
fn may_probe(flow: &Flow) -> bool {
    if !flow.server.is_unicast() || !flow.client.is_unicast() || flow.client == flow.server {
        return false;
    }
    match flow.protocol {
        proto::TCP => true,
        // From a service's port to a high one is an answer.
        proto::UDP => refused_datagram(flow) && flow.server_port < flow.client_port,
        _ => false,
    }
}

/// Whether a datagram counts when its port is refused: neither a service's late answer nor traceroute.
fn refused_datagram(flow: &Flow) -> bool {
    let traced = TRACEROUTE.contains(&flow.server_port) && flow.ttl <= 32;
    flow.protocol == proto::UDP && flow.client_port >= 1024 && !traced
}

fn weight_at_end(flow: &Flow) -> Option<u8> {
    let talked = flow.payload_up > 0 && flow.payload_down > 0;
    match flow.state {
        State::Refused => None,
        _ if talked => Some(USED),
        State::Opened | State::HalfOpen if flow.protocol == proto::TCP => Some(SILENT),
        // A silent UDP port is open, filtered, or simply does not answer: it stays at one.
        _ if flow.protocol == proto::UDP => None,
        _ if flow.payload_down > 0 => Some(USED),
        _ => Some(PENDING),
    }
}

fn weight_of(stray: &Stray) -> Option<u8> {
    if !stray.target.is_unicast() || !stray.source.is_unicast() {
        return None;
    }
    if stray.flags & flag::ACK == 0 {
        return Some(SILENT);
    }
    // A bare ACK or FIN+ACK can be the rest of a connection that was forgotten; then it comes from a service as often
    // as it goes to one. Only the way a client would send it counts, and only from one port, as scanners do.
    (stray.source_port >= 1024 && stray.target_port < stray.source_port).then_some(PENDING)
}

/// Kept for documentation of the table's cost.
const _: () = assert!(size_of::<Pair>() <= 384 && size_of::<Scanner>() <= 256 && size_of::<Tick>() == 4);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, tcp, udp};

    fn ended(mut flow: Flow, state: State, up: u32, down: u32) -> Flow {
        (flow.state, flow.payload_up, flow.payload_down) = (state, up, down);
        flow
    }

    #[test]
    fn a_syn_scan_is_one_alert_however_many_hosts_it_visits() {
        let mut b = Bench::<PortScan>::new();
        for host in ["10.0.0.9", "10.0.0.10", "10.0.0.11"] {
            for port in 1..=300 {
                b.see(&Observation::FlowOpened(&tcp("10.0.0.5", host, port)));
                b.see(&Observation::FlowRefused(&tcp("10.0.0.5", host, port)));
                b.wait(0.01);
            }
        }
        assert_eq!(b.alerts(), 1);
        assert!(b.found.len() <= 10, "{} findings in 9 s", b.found.len());
        assert_eq!(b.last().severity, Severity::High);
        assert_eq!(b.last().evidence["targets"], 3);
    }

    #[test]
    fn twenty_pending_ports_are_a_scan_and_nineteen_are_none() {
        let mut b = Bench::<PortScan>::new();
        for port in 1..=19 {
            b.see(&Observation::FlowOpened(&tcp("203.0.113.9", "198.51.100.7", 999 + port)));
            b.wait(1.0);
        }
        assert!(b.found.is_empty());
        b.see(&Observation::FlowOpened(&tcp("203.0.113.9", "198.51.100.7", 1019)));
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
    }

    #[test]
    fn the_same_number_of_ports_spread_out_is_none() {
        let mut b = Bench::<PortScan>::new();
        for port in 1..=40 {
            b.see(&Observation::FlowOpened(&tcp("10.0.0.5", "10.0.0.9", port)));
            b.wait(4.0);
        }
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_slow_scan_is_seen_within_the_hour() {
        let mut b = Bench::<PortScan>::new();
        for port in 1..=75 {
            b.see(&Observation::FlowEnded(&ended(tcp("10.0.0.5", "10.0.0.9", port), State::Opened, 0, 0)));
            b.wait(30.0);
        }
        assert_eq!((b.alerts(), b.last().evidence["window_s"].as_u64()), (1, Some(3600)));
    }

    #[test]
    fn flags_that_open_nothing_are_probes() {
        for flags in [flag::FIN, 0, flag::FIN | flag::PSH | flag::URG, flag::ACK] {
            let mut b = Bench::<PortScan>::new();
            for port in 2000..2020 {
                let (source, target) = (ip("203.0.113.9"), ip("198.51.100.7"));
                let stray = Stray { source, target, source_port: 40_000, target_port: port, flags };
                b.see(&Observation::Stray(stray));
                b.wait(1.0);
            }
            assert_eq!(b.alerts(), 1, "flags {flags:#x}");
        }
    }

    #[test]
    fn a_udp_scan_is_seen_by_its_refusals() {
        let mut b = Bench::<PortScan>::new();
        for port in 100..112 {
            b.see(&Observation::FlowOpened(&udp("10.0.0.5", 51_000, "10.0.0.9", port)));
            b.see(&Observation::FlowRefused(&udp("10.0.0.5", 51_000, "10.0.0.9", port)));
        }
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn harmless_look_alikes_stay_quiet() {
        let mut b = Bench::<PortScan>::new();
        for i in 0..100u16 {
            // Passive FTP and the like: every port answers and carries something.
            let flow = tcp("10.0.0.5", "10.0.0.9", 30_000 + i);
            b.see(&Observation::FlowOpened(&flow));
            b.see(&Observation::FlowAnswered(&flow));
            b.see(&Observation::FlowEnded(&ended(flow, State::Closed, 10, 500)));
            // A browser: one port.
            b.see(&Observation::FlowOpened(&tcp("10.0.0.6", "203.0.113.80", 443)));
            // Answers of a resolver whose questions were not seen.
            b.see(&Observation::FlowOpened(&udp("10.0.0.1", 53, "10.0.0.7", 50_000 + i)));
            // Traceroute, refused by the target.
            let mut trace = udp("10.0.0.8", 40_001, "203.0.113.5", 33_434 + i);
            trace.ttl = 1 + (i / 3) as u8 % 30;
            b.see(&Observation::FlowOpened(&trace));
            // The rest of connections that began before the capture.
            let (source, target) = (ip("203.0.113.80"), ip("10.0.0.7"));
            let rest = Stray { source, target, source_port: 443, target_port: 50_000 + i, flags: flag::ACK };
            b.see(&Observation::Stray(rest));
            // Many forgotten connections between two hosts: each has its own port at either end.
            let many =
                Stray { source_port: 50_000 + i, target_port: 3_000 + i, source, target, flags: flag::ACK };
            b.see(&Observation::Stray(many));
            b.wait(0.1);
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_flood_of_random_sources_stays_within_its_table() {
        let mut b = Bench::<PortScan>::with(&PortScanSettings::default(), 64);
        for i in 0..20_000u32 {
            let flow = crate::detect::bench::flow(
                Ip::v4(i.to_be_bytes()),
                4000,
                ip("10.0.0.9"),
                i as u16,
                proto::TCP,
            );
            b.see(&Observation::FlowOpened(&flow));
        }
        assert!(b.found.is_empty());
        assert!(b.detector.pairs.len() <= 64 && b.detector.scanners.len() <= 16);
    }
}
