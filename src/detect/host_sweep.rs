//! `host_sweep`: one host looks for other hosts: the same TCP port, pings, or ARP requests to many addresses.
//!
//! Evidence: distinct hosts per source and probe, most of them silent. A host that answers does not count as silent; an
//! ARP request for a station that is already known is not counted at all. Three windows: a minute, a few seconds (a
//! tool in a hurry, where a third silent is enough), and two hours for the ports that worms and bots look for.
//!
//! Towards the outside only low ports and the ports of worms count, and others only once the connection has stayed
//! silent: a browser that opens thirty tabs has thirty connections pending for a moment, and P2P meets many dead peers.
//! Pings count only towards or from hosts on different sides when they come in, or inside: programs that choose among
//! outside servers ping them all.
//!
//! Known false alarms: network inventory apps; a monitor whose hosts are mostly switched off. Not one: the router
//! that asks for its clients (ARP of a gateway is ignored), a monitor whose hosts answer.

use super::settings::settings;
use super::window::{Distinct, Door, Pace, Tick, mix};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{ArpSeen, Observation, interest};
use crate::table::bounded::{Bounded, Slot};
use crate::table::flows::{Flow, State, proto};
use crate::words::{Sentence, say};

settings! {
    /// Settings of `host_sweep`.
    HostSweepSettings {
        /// Distinct hosts within `seconds`, more than half of them silent. 10 to 40; a busy host meets that many new
        /// addresses in a minute, but they answer.
        hosts: u32 = 25, 10..=40;
        /// The usual window, seconds, 10 to 600.
        seconds: u32 = 60, 10..=600;
        /// Distinct hosts within `fast_seconds`, a third of them silent. 8 to 40; only a program asks fifteen hosts in
        /// five seconds.
        fast_hosts: u32 = 15, 8..=40;
        /// The fast window, seconds, 1 to 30.
        fast_seconds: u32 = 5, 1..=30;
        /// Distinct silent hosts on one port that worms look for, from one outside address within two hours. 4 to 40;
        /// nobody outside asks eight inside hosts for the same closed service by accident.
        slow_hosts: u32 = 8, 4..=40;
    }
}

/// The window of a slow sweep, seconds.
const SLOW_SECONDS: u32 = 7200;

/// TCP services that worms, bots and intruders look for on address after address.
const HUNTED: [u16; 23] = [
    21, 22, 23, 135, 139, 445, 1433, 2222, 2323, 3306, 3389, 5432, 5555, 5900, 5985, 6379, 7547, 8291, 9200,
    11211, 27017, 37215, 52869,
];

/// How a host is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Probe {
    Tcp(u16),
    Ping,
    Arp,
}

/// Hosts of one source and probe: about 450 bytes.
type Hosts = Distinct<48>;

/// See the module.
pub struct HostSweep {
    settings: HostSweepSettings,
    hosts: Bounded<(Ip, Probe), Hosts>,
    first: Door,
    sources: Bounded<Ip, Pace>,
}

/// A source and probe as a key of the door.
fn door_key(source: Ip, probe: Probe) -> u64 {
    let probe = match probe {
        Probe::Tcp(port) => u64::from(port),
        Probe::Ping => 1 << 16,
        Probe::Arp => 1 << 17,
    };
    mix(ip_part(source) ^ mix(probe))
}

const SILENT: u8 = 1;
const ANSWERED: u8 = 0;

impl Detector for HostSweep {
    const KIND: Kind = Kind {
        id: "host_sweep",
        severity: Severity::High,
        mitre: &["T1018", "T1046"],
        en: Texts {
            title: "Search for devices",
            what: "One device is calling many addresses, one after another, to find out which devices exist or offer a certain service. Worms and intruders do this before they spread.",
            why: "In a short time it called many different addresses in the same way, and most of them did not answer.",
            harmless: "A network scanner app, an inventory or monitoring tool, or a device that looks for others of its brand when it is set up.",
            todo: "Find out what that device is. If nobody is running a scan on it, disconnect it and check it for malware.",
            silence: "Mute host_sweep with this device as the source.",
        },
        nl: Texts {
            title: "Zoektocht naar apparaten",
            what: "Eén apparaat roept achter elkaar veel adressen aan om te ontdekken welke apparaten er zijn of een bepaalde dienst aanbieden. Wormen en indringers doen dat voordat ze zich verspreiden.",
            why: "In korte tijd zijn veel verschillende adressen op dezelfde manier aangeroepen, en de meeste gaven geen antwoord.",
            harmless: "Een netwerkscanner-app, een inventarisatie- of bewakingsprogramma, of een apparaat dat tijdens het instellen naar soortgenoten zoekt.",
            todo: "Zoek uit welk apparaat dit is. Als niemand er een scan op uitvoert, koppel het dan los en controleer het op malware.",
            silence: "Demp host_sweep met dit apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::FLOW_OPENED
        | interest::FLOW_ANSWERED
        | interest::FLOW_REFUSED
        | interest::FLOW_ENDED
        | interest::ARP
        | interest::ECHO;
    type Settings = HostSweepSettings;

    fn new(settings: &HostSweepSettings, keys: usize) -> Self {
        HostSweep {
            settings: settings.clone(),
            hosts: Bounded::new((keys / 2).max(16)),
            first: Door::new(keys),
            sources: Bounded::new((keys / 16).max(16)),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::FlowOpened(flow) if tcp_probe(cx, flow) => self.opened(cx, flow, out),
            Observation::FlowAnswered(flow) if flow.protocol == proto::TCP => {
                self.answered(flow.client, flow.server, Probe::Tcp(flow.server_port));
            }
            Observation::FlowRefused(flow) | Observation::FlowEnded(flow)
                if tcp_probe(cx, flow) && matches!(flow.state, State::Opened | State::Refused) =>
            {
                self.probed(cx, flow.client, flow.server, Probe::Tcp(flow.server_port), Some(SILENT), out);
            }
            Observation::Echo { source, target, .. } if ping_counts(cx, *source, *target) => {
                self.probed(cx, *source, *target, Probe::Ping, None, out);
            }
            Observation::EchoReply { source, target, .. } => self.answered(*target, *source, Probe::Ping),
            Observation::Arp(seen) => self.arp(cx, seen, out),
            _ => {}
        }
    }
}

impl HostSweep {
    fn opened(&mut self, cx: &Context<'_>, flow: &Flow, out: &mut Findings) {
        let at_once = cx.inside.contains(flow.server) || HUNTED.contains(&flow.server_port);
        if at_once {
            self.probed(cx, flow.client, flow.server, Probe::Tcp(flow.server_port), None, out);
        }
    }

    fn arp(&mut self, cx: &Context<'_>, seen: &ArpSeen, out: &mut Findings) {
        let arp = &seen.arp;
        match arp.operation {
            1 => {
                let (asker, wanted) = (arp.sender_ip, arp.target_ip);
                let asks = asker.is_unicast() && wanted.is_unicast() && !arp.is_gratuitous();
                if asks && cx.lookup.mac_of(wanted).is_none() && !cx.lookup.is_gateway(asker) {
                    self.probed(cx, asker, wanted, Probe::Arp, None, out);
                }
            }
            2 => self.answered(arp.target_ip, arp.sender_ip, Probe::Arp),
            _ => {}
        }
    }

    fn answered(&mut self, source: Ip, target: Ip, probe: Probe) {
        if let Some(hosts) = self.hosts.get_mut(&(source, probe))
            && let Some(weight) = hosts.weight_mut(ip_part(target) as u32)
        {
            *weight = ANSWERED;
        } else {
            self.first.forget(door_key(source, probe), ip_part(target) as u32);
        }
    }

    /// Where the hosts of a source and probe are; `None` while only one host was probed: that one waits at the door.
    fn hosts_of(&mut self, source: Ip, target: Ip, probe: Probe, now: Tick) -> Option<Slot> {
        if let Some(slot) = self.hosts.find(&(source, probe)) {
            return Some(slot);
        }
        let first = self.first.knock(door_key(source, probe), ip_part(target) as u32, |a, b| a == b)?;
        let mut hosts = Hosts::default();
        *hosts.seen(first, now).0 = SILENT;
        Some(self.hosts.insert_new((source, probe), hosts).0)
    }

    /// A probe of `target`; `weight` is `None` when its fate is open: a new host is then silent until it answers.
    fn probed(
        &mut self,
        cx: &Context<'_>,
        source: Ip,
        target: Ip,
        probe: Probe,
        weight: Option<u8>,
        out: &mut Findings,
    ) {
        let now = cx.tick();
        let slot = self.hosts_of(source, target, probe, now);
        let Some(hosts) = slot.and_then(|slot| self.hosts.at_mut(slot)) else { return };
        let (held, new) = hosts.seen(ip_part(target) as u32, now);
        if new {
            *held = SILENT;
        } else if let Some(weight) = weight {
            *held = weight;
        }
        let s = &self.settings;
        let counted = |seconds| (hosts.held(now, seconds), hosts.within(now, seconds).0, seconds);
        let hunted_from_outside =
            matches!(probe, Probe::Tcp(port) if HUNTED.contains(&port)) && !cx.inside.contains(source);
        let (all, silent, seconds) = counted(s.fast_seconds);
        let found = if all >= s.fast_hosts && silent * 3 >= all {
            Some((all, silent, seconds, s.fast_hosts))
        } else {
            let (all, silent, seconds) = counted(s.seconds);
            let (_, slow, _) = counted(SLOW_SECONDS);
            if all >= s.hosts && silent * 2 > all {
                Some((all, silent, seconds, s.hosts))
            } else if hunted_from_outside && slow >= s.slow_hosts {
                Some((slow, slow, SLOW_SECONDS, s.slow_hosts))
            } else {
                None
            }
        };
        let Some((all, silent, seconds, threshold)) = found else { return };
        if self.sources.entry(source, Pace::default).0.due(now) {
            self.raise(cx, (source, probe), (all, silent, seconds, threshold), out);
        }
    }

    fn raise(
        &self,
        cx: &Context<'_>,
        (source, probe): (Ip, Probe),
        (all, silent, seconds, threshold): (u32, u32, u32, u32),
        out: &mut Findings,
    ) {
        let (by, port) = match probe {
            Probe::Tcp(port) => (say!("TCP port {port}", "TCP-poort {port}"), Some(port)),
            Probe::Ping => (Sentence::same("ping"), None),
            Probe::Arp => (Sentence::same("ARP"), None),
        };
        let summary = say!(
            "{source} called {all} addresses by {by} within {seconds} s; {silent} did not answer",
            "{source} benaderde {all} adressen via {by} binnen {seconds} s; {silent} gaven geen antwoord";
            by
        );
        let evidence = evidence! {
            "hosts" => all, "silent" => silent, "window_s" => seconds, "threshold" => threshold, "by" => by.en,
        };
        let severity = cx.by_side(source, Severity::High, Severity::Medium);
        let finding = Self::KIND.finding(severity, &[ip_part(source)], summary, evidence);
        let target = port.map(|port| Subject { port: Some(port), ..Subject::default() });
        out.push(between(finding, Some(Subject::ip(source)), target));
    }
}

/// Whether a TCP flow can be a probe: inside targets always, outside ones on the ports people do not browse.
fn tcp_probe(cx: &Context<'_>, flow: &Flow) -> bool {
    flow.protocol == proto::TCP
        && flow.server.is_unicast()
        && (cx.inside.contains(flow.server) || flow.server_port < 1024 || HUNTED.contains(&flow.server_port))
}

fn ping_counts(cx: &Context<'_>, source: Ip, target: Ip) -> bool {
    target.is_unicast() && (cx.inside.contains(target) || !cx.inside.contains(source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::MacAddr;
    use crate::detect::bench::{Bench, ip, mac, tcp};
    use crate::wire::arp::Arp;
    use crate::wire::icmp::load;

    fn who_has(sender: &str, wanted: Ip) -> ArpSeen {
        let arp = Arp {
            operation: 1,
            sender_mac: mac(5),
            sender_ip: ip(sender),
            target_mac: MacAddr::NONE,
            target_ip: wanted,
        };
        ArpSeen { arp, frame_mac: mac(5), frame_to: MacAddr::BROADCAST }
    }

    #[test]
    fn a_worm_that_tries_one_port_on_many_hosts_is_one_alert() {
        let mut b = Bench::<HostSweep>::new();
        for i in 0..200 {
            b.see(&Observation::FlowOpened(&tcp("10.0.0.5", &format!("10.9.9.{i}"), 445)));
            b.wait(0.05);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
        assert!(b.found.len() <= 11);
        assert_eq!(b.last().target.as_ref().expect("port").port, Some(445));
    }

    #[test]
    fn a_ping_sweep_over_a_half_full_network_is_found_in_seconds() {
        let mut b = Bench::<HostSweep>::new();
        for i in 1..=18 {
            let target = ip(&format!("192.168.1.{i}"));
            b.see(&Observation::Echo { source: ip("192.168.1.109"), target, load: load(&[], 0) });
            if i % 5 > 1 {
                b.see(&Observation::EchoReply {
                    source: target,
                    target: ip("192.168.1.109"),
                    load: load(&[], 0),
                });
            }
            b.wait(0.1);
        }
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn an_arp_sweep_is_found_and_a_router_asking_for_its_clients_is_not() {
        let mut b = Bench::<HostSweep>::new();
        b.known.gateways.push(ip("192.168.1.1"));
        for i in 2..=40 {
            b.known.macs.insert(ip(&format!("192.168.1.{i}")), mac(i));
        }
        for i in 1..=254 {
            b.see(&Observation::Arp(&who_has("192.168.1.1", ip(&format!("192.168.1.{i}")))));
            b.see(&Observation::Arp(&who_has("192.168.1.50", ip(&format!("192.168.1.{}", i % 39 + 2)))));
            b.wait(0.05);
        }
        assert!(b.found.is_empty());
        for i in 1..=254 {
            b.see(&Observation::Arp(&who_has("192.168.1.77", ip(&format!("192.168.1.{i}")))));
            b.wait(0.05);
        }
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn an_outside_host_that_takes_hours_for_eight_hosts_is_found() {
        let mut b = Bench::<HostSweep>::new();
        for i in 0..9 {
            b.see(&Observation::FlowOpened(&tcp("203.0.113.3", &format!("192.168.{i}.7"), 445)));
            b.wait(700.0);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
    }

    #[test]
    fn browsing_monitoring_and_p2p_stay_quiet() {
        let mut b = Bench::<HostSweep>::new();
        for i in 0..200 {
            let web = tcp("10.0.0.6", &format!("203.0.113.{i}"), 443);
            b.see(&Observation::FlowOpened(&web));
            let mut dead = tcp("10.0.0.7", &format!("198.51.100.{i}"), 51_413);
            b.see(&Observation::FlowOpened(&dead));
            dead.state = State::Opened;
            b.see(&Observation::FlowEnded(&dead));
            let polled = tcp("10.0.0.8", &format!("10.0.1.{i}"), 22);
            b.see(&Observation::FlowOpened(&polled));
            b.see(&Observation::FlowAnswered(&polled));
            b.see(&Observation::Echo {
                source: ip("10.0.0.9"),
                target: ip(&format!("203.0.113.{i}")),
                load: load(&[], 0),
            });
            b.wait(0.02);
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_flood_of_random_sources_stays_within_its_table() {
        let mut b = Bench::<HostSweep>::with(&HostSweepSettings::default(), 64);
        for i in 0..20_000u32 {
            b.see(&Observation::Echo {
                source: Ip::v4(i.to_be_bytes()),
                target: ip("10.0.0.9"),
                load: load(&[], 0),
            });
        }
        assert!(b.found.is_empty() && b.detector.hosts.len() <= 32);
    }
}
