//! `udp_flood`: a host is bombarded with UDP datagrams that it does not answer.
//!
//! Evidence: unanswered datagrams per second to one host, and new UDP flows to it within ten seconds that stay without an
//! answer. A sender of ours is judged by itself; all outside senders to one host are judged together, because their
//! addresses are made up or they act as one. The engine tells of each new flow and of each further 256 datagrams, so no
//! packet is looked at twice.
//!
//! Not alarms: whatever is answered, be it one in twenty (calls, games, QUIC, VPN); multicast (television); cameras that
//! stream to a recorder, each far below the limit; answers nobody asked for, which are `amplification`.
//! Known false alarms: a speed test by UDP (iperf); a sensor that sees one direction only (then `blind` says so).

use super::amplification::{average, is_answer};
use super::settings::settings;
use super::window::{Distinct, Pace, Rate};
use super::{Context, Detector, Kind, Texts, between, evidence, from_where, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{Flow, Side, proto};
use crate::time::Timestamp;
use crate::words::say;

settings! {
    /// Settings of `udp_flood`.
    UdpFloodSettings {
        /// Unanswered datagrams within one second to one host, from one host of ours or from all outside ones together. 500
        /// to 1000000; a camera in 4K sends 2,000, a video call 1,000, and that is answered.
        per_second: u32 = 5000, 500..=1_000_000;
        /// New flows to one host within ten seconds that stay without an answer. 500 to 1000000; no honest program speaks
        /// to one host from hundreds of ports a second.
        flows: u32 = 3000, 500..=1_000_000;
        /// Answered flows in percent above which it is load and no flood. 1 to 90.
        answered_percent: u32 = 25, 1..=90;
    }
}

/// What comes to one host, from one of ours or from outside: about 350 bytes.
#[derive(Default)]
struct Target {
    /// Datagrams in tenths of a second: the clock runs ten times as fast.
    second: Rate<10>,
    opened: Rate<10>,
    answered: Rate<10>,
    /// Of those in `second`, the ones that look like answers of services that amplify.
    reflected: Rate<10>,
    sources: Distinct<8>,
    last_source: Ip,
    pace: Pace,
}

/// See the module.
pub struct UdpFlood {
    settings: UdpFloodSettings,
    /// By sender, when it is one of ours, and receiver.
    targets: Bounded<(Ip, Ip), Target>,
}

impl Detector for UdpFlood {
    const KIND: Kind = Kind {
        id: "udp_flood",
        severity: Severity::High,
        mitre: &["T1498.001"],
        en: Texts {
            title: "UDP flood",
            what: "A device is being bombarded with data packets it did not ask for, to overload it or its connection.",
            why: "Thousands of UDP packets a second went to it, or thousands of new conversations in ten seconds, and it answered hardly any.",
            harmless: "A speed test by UDP such as iperf, or a very fast one-way stream to a recorder.",
            todo: "If the source is one of your devices, disconnect it: it is probably part of a botnet. If the flood comes from the internet, ask your provider to hold it back.",
            silence: "Mute udp_flood with the flooded device as the target, or with the sending device as the source.",
        },
        nl: Texts {
            title: "Stortvloed van UDP-pakketten",
            what: "Een apparaat wordt bestookt met pakketten waar het niet om heeft gevraagd, om het apparaat of de verbinding te overbelasten.",
            why: "Er gingen duizenden UDP-pakketten per seconde naartoe, of duizenden nieuwe gesprekken in tien seconden, en er kwam nauwelijks antwoord.",
            harmless: "Een snelheidstest met UDP zoals iperf, of een heel snelle stroom in één richting naar een recorder.",
            todo: "Is de bron een van uw apparaten, koppel dat dan los: het hoort waarschijnlijk bij een botnet. Komt de vloed van internet, vraag dan uw provider om die tegen te houden.",
            silence: "Demp udp_flood met het bestookte apparaat als doel, of met het zendende apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::FLOW_OPENED | interest::FLOW_ANSWERED | interest::BURST;
    type Settings = UdpFloodSettings;

    fn new(settings: &UdpFloodSettings, keys: usize) -> Self {
        UdpFlood { settings: settings.clone(), targets: Bounded::new((keys / 4).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::FlowOpened(flow) if flow.protocol == proto::UDP => self.sent(cx, flow, 1, out),
            Observation::FlowAnswered(flow) if flow.protocol == proto::UDP => {
                if let Some(target) = self.targets.get_mut(&key(flow)) {
                    target.answered.add(cx.now, 1);
                }
            }
            Observation::Steps(flow, Side::Client, more) if flow.packets_down < flow.packets_up / 20 + 1 => {
                self.sent(cx, flow, *more, out);
            }
            _ => {}
        }
    }
}

fn key(flow: &Flow) -> (Ip, Ip) {
    (if flow.inside[0] { flow.client } else { Ip::UNSPECIFIED }, flow.server)
}

impl UdpFlood {
    fn sent(&mut self, cx: &Context<'_>, flow: &Flow, more: u32, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        if !flow.server.is_unicast() {
            return;
        }
        let fast = Timestamp::from_micros(cx.now.micros().saturating_mul(10));
        let (target, _) = self.targets.entry(key(flow), Target::default);
        target.second.add(fast, more);
        target.opened.add(cx.now, u32::from(flow.packets_up <= 1));
        if is_answer(flow) {
            target.reflected.add(fast, more);
        }
        target.last_source = flow.client;
        *target.sources.seen(ip_part(flow.client) as u32, now).0 = 1;
        let (opened, answered) = (target.opened.total(cx.now), target.answered.total(cx.now));
        let load = answered * 100 >= opened * u64::from(s.answered_percent) && answered > 0;
        let mut second = target.second.total(fast);
        if load {
            // Only what came beside the answered flows counts.
            second = second.saturating_sub(opened);
        }
        let flooded = second >= u64::from(s.per_second) || (!load && opened >= u64::from(s.flows));
        let sources = target.sources.within(now, 10).0;
        let reflected =
            target.reflected.total(fast) * 2 > second && (sources >= 3 || average(flow, Side::Client) >= 400);
        if !flooded || reflected || !target.pace.due(now) {
            return;
        }
        let from = from_where(sources, target.last_source);
        let summary = say!(
            "{} is flooded with {second} UDP datagrams a second from {from}",
            "{} wordt overspoeld met {second} UDP-pakketten per seconde van {from}",
            flow.server;
            from
        );
        let evidence = evidence! {
            "per_second" => second, "threshold_per_second" => s.per_second, "new_flows" => opened,
            "threshold_flows" => s.flows, "answered" => answered, "window_s" => 10, "last_port" => flow.server_port,
            "sources" => if sources >= 8 { "many".to_owned() } else { sources.to_string() },
        };
        let source = (sources == 1).then(|| Subject::ip(target.last_source));
        let finding = Self::KIND.finding(Severity::High, &[ip_part(flow.server)], summary, evidence);
        out.push(between(finding, source, Some(Subject::ip(flow.server))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{self, Bench, ip, udp};

    /// A flow of `rate` datagrams a second for `seconds`, one in `answered` answered (0: none).
    fn stream(b: &mut Bench<UdpFlood>, mut flow: Flow, rate: u32, seconds: u32, answered: u32) {
        flow.payload_up = 1200;
        b.see(&Observation::FlowOpened(&flow));
        for n in 1..=rate * seconds / 256 {
            flow.packets_up = n * 256;
            flow.payload_up = flow.packets_up * 1200;
            flow.packets_down = flow.packets_up.checked_div(answered).unwrap_or(0);
            b.see(&Observation::Steps(&flow, Side::Client, 256));
            b.wait(256.0 / f64::from(rate));
        }
    }

    #[test]
    fn one_host_that_floods_another_is_named_in_either_family() {
        for (from, to) in [("192.168.1.66", "203.0.113.9"), ("fd00::66", "2001:db8::9")] {
            let mut b = Bench::<UdpFlood>::new();
            stream(&mut b, udp(from, 4_000, to, 80), 10_000, 3, 0);
            assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
            assert_eq!(b.last().source, Some(Subject::ip(ip(from))));
            assert!(b.found.len() <= 4);
        }
    }

    #[test]
    fn new_flows_without_answers_are_a_flood_from_one_or_many() {
        for spoofed in [false, true] {
            let mut b = Bench::<UdpFlood>::new();
            for i in 0..9_000u32 {
                let from =
                    if spoofed { Ip::v4((0x5000_0000 + i * 7919).to_be_bytes()) } else { ip("192.168.1.66") };
                let mut flow = bench::flow(from, i as u16, ip("192.168.1.10"), 80, proto::UDP);
                flow.inside = [!spoofed, true];
                b.see(&Observation::FlowOpened(&flow));
                b.wait(0.0003);
            }
            assert_eq!(b.alerts(), 1);
            assert_eq!(b.last().source.is_none(), spoofed);
        }
    }

    #[test]
    fn streams_that_are_answered_or_slow_or_to_a_group_are_none() {
        let mut b = Bench::<UdpFlood>::new();
        stream(&mut b, udp("192.168.1.5", 50_000, "203.0.113.9", 443), 20_000, 5, 10);
        stream(&mut b, udp("192.168.1.1", 5_000, "239.1.1.1", 5_000), 20_000, 5, 0);
        for camera in 0..4 {
            let mut flow = udp(&format!("192.168.1.{}", 30 + camera), 5_000, "192.168.1.10", 6_000);
            flow.inside = [true, true];
            stream(&mut b, flow, 2_400, 3, 0);
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_busy_name_server_is_none() {
        let mut b = Bench::<UdpFlood>::new();
        for i in 0..60_000u32 {
            let flow = udp("203.0.113.8", i as u16, "192.168.1.53", 53);
            b.see(&Observation::FlowOpened(&flow));
            if i % 3 > 0 {
                b.see(&Observation::FlowAnswered(&flow));
            }
            b.wait(0.0001);
        }
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_random_targets_stays_within_its_table() {
        let mut b = Bench::<UdpFlood>::with(&UdpFloodSettings::default(), 64);
        for i in 0..20_000u32 {
            let flow = bench::flow(ip("10.0.0.9"), 4_000, Ip::v4((i + 1).to_be_bytes()), 80, proto::UDP);
            b.see(&Observation::FlowOpened(&flow));
        }
        assert!(b.found.is_empty() && b.detector.targets.len() <= 16);
    }
}
