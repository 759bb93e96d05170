//! `syn_flood`: one target gets more connection openings than anyone completes.
//!
//! Evidence: new half-open connections per second to one address, for several seconds in a row or very many at once, of
//! which few are completed or refused. Who opened them decides the source: one host, or nobody in particular when they are many
//! (such addresses are made up). One host that opens many different ports is scanning and belongs to `port_scan`.
//!
//! Known false alarms: a load test against a server that cannot keep up; a mirror port that shows one direction only
//! (then `blind` says so).

use super::settings::settings;
use super::window::{Distinct, Pace, Rate};
use super::{Context, Detector, Kind, Texts, between, evidence, from_where, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{Flow, proto};
use crate::words::say;

settings! {
    /// Settings of `syn_flood`.
    SynFloodSettings {
        /// Half-open connections per second to one target above which it counts as a flood. 20 to 100000; a busy home
        /// server sees a few dozen new connections a second, and they complete.
        per_second: u32 = 200, 20..=100_000;
        /// For how many seconds in a row, 2 to 9: shorter bursts hurt nobody.
        seconds: u32 = 5, 2..=9;
        /// Half-open connections within ten seconds that are a flood without waiting for `seconds`. 500 to 1000000; a flood
        /// of tens of thousands a second may be over before that.
        burst: u32 = 3000, 500..=1_000_000;
        /// Completed or refused connections in percent above which it is load and no flood. 1 to 90.
        completed_percent: u32 = 25, 1..=90;
    }
}

/// Counts of one target: about 260 bytes.
#[derive(Default)]
struct Target {
    opened: Rate<10>,
    done: Rate<10>,
    sources: Distinct<8>,
    ports: Distinct<8>,
    last_source: Ip,
    pace: Pace,
}

/// See the module.
pub struct SynFlood {
    settings: SynFloodSettings,
    targets: Bounded<Ip, Target>,
}

impl Detector for SynFlood {
    const KIND: Kind = Kind {
        id: "syn_flood",
        severity: Severity::Critical,
        mitre: &["T1498.001", "T1499.001"],
        en: Texts {
            title: "Connection flood",
            what: "A device is being flooded with half-opened connections so that it has no room left for real ones.",
            why: "Every second, for several seconds, far more connections were begun towards it than were completed.",
            harmless: "A load test of your own, or a popular service that has just stopped answering.",
            todo: "If the source is one device in your network, disconnect it. If it comes from the internet, ask your provider for help and switch SYN cookies on at the server.",
            silence: "Mute syn_flood with the flooded device as the target.",
        },
        nl: Texts {
            title: "Stortvloed van verbindingen",
            what: "Een apparaat wordt bestookt met half geopende verbindingen, zodat er geen ruimte overblijft voor echte.",
            why: "Seconden achtereen werden er veel meer verbindingen naar dit apparaat begonnen dan er werden afgemaakt.",
            harmless: "Een eigen belastingstest, of een drukbezochte dienst die plotseling niet meer antwoordt.",
            todo: "Is de bron één apparaat in uw netwerk, koppel het dan los. Komt de vloed van internet, vraag dan uw provider om hulp en zet SYN-cookies aan op de server.",
            silence: "Demp syn_flood met het bestookte apparaat als doel.",
        },
    };
    const INTEREST: u64 = interest::FLOW_OPENED | interest::FLOW_ESTABLISHED | interest::FLOW_REFUSED;
    type Settings = SynFloodSettings;

    fn new(settings: &SynFloodSettings, keys: usize) -> Self {
        SynFlood { settings: settings.clone(), targets: Bounded::new((keys / 2).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::FlowOpened(flow) if flow.protocol == proto::TCP => self.opened(cx, flow, out),
            Observation::FlowEstablished(flow) | Observation::FlowRefused(flow)
                if flow.protocol == proto::TCP =>
            {
                if let Some(target) = self.targets.get_mut(&flow.server) {
                    target.done.add(cx.now, 1);
                }
            }
            _ => {}
        }
    }
}

impl SynFlood {
    fn opened(&mut self, cx: &Context<'_>, flow: &Flow, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        let (target, _) = self.targets.entry(flow.server, Target::default);
        target.opened.add(cx.now, 1);
        target.last_source = flow.client;
        *target.sources.seen(ip_part(flow.client) as u32, now).0 = 1;
        *target.ports.seen(u32::from(flow.server_port), now).0 = 1;
        let (opened, done) = (target.opened.total(cx.now), target.done.total(cx.now));
        let burst = opened.saturating_sub(done) >= u64::from(s.burst);
        let lasting = target.opened.sustained(cx.now, s.per_second) >= s.seconds;
        if !(burst || lasting) || !target.pace.due(now) {
            return;
        }
        let sources = target.sources.within(now, 10).0;
        let scan = sources == 1 && target.ports.within(now, 10).0 >= 8;
        if scan || done * 100 >= opened * u64::from(s.completed_percent) {
            return;
        }
        let from = from_where(sources, target.last_source);
        let summary = say!(
            "{} is flooded with {} half-open connections a second from {from}",
            "{} wordt overspoeld met {} half geopende verbindingen per seconde van {from}",
            flow.server,
            target.opened.peak();
            from
        );
        let evidence = evidence! {
            "opened" => opened, "completed" => done, "peak_per_second" => target.opened.peak(),
            "threshold_per_second" => s.per_second, "window_s" => 10,
            "sources" => if sources >= 8 { "many".to_owned() } else { sources.to_string() },
        };
        let source = (sources == 1).then(|| Subject::ip(target.last_source));
        let finding = Self::KIND.finding(Severity::Critical, &[ip_part(flow.server)], summary, evidence);
        out.push(between(finding, source, Some(Subject::endpoint(flow.server, flow.server_port))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{self, Bench, ip, tcp};

    fn flood(
        b: &mut Bench<SynFlood>,
        seconds: u32,
        per_second: u32,
        mut client: impl FnMut(u32) -> (Ip, u16),
    ) {
        for i in 0..seconds * per_second {
            let (source, port) = client(i);
            b.see(&Observation::FlowOpened(&bench::flow(source, 1000, ip("10.10.10.10"), port, proto::TCP)));
            b.wait(1.0 / f64::from(per_second));
        }
    }

    #[test]
    fn a_spoofed_flood_is_one_alert_without_a_source() {
        let mut b = Bench::<SynFlood>::new();
        flood(&mut b, 20, 300, |i| (Ip::v4((0x0b00_0000 + i * 7919).to_be_bytes()), 80));
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Critical));
        assert!(b.last().source.is_none() && b.found.len() <= 16);
    }

    #[test]
    fn a_flood_from_one_host_names_it() {
        let mut b = Bench::<SynFlood>::new();
        flood(&mut b, 8, 1000, |_| (ip("10.0.0.66"), 80));
        assert_eq!(b.last().source, Some(Subject::ip(ip("10.0.0.66"))));
    }

    #[test]
    fn a_violent_flood_is_found_before_its_second_is_over() {
        let mut b = Bench::<SynFlood>::new();
        flood(&mut b, 1, 10_000, |i| (Ip::v4((0x0b00_0000 + i * 7919).to_be_bytes()), 80));
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn a_short_burst_and_a_slower_stream_are_none() {
        let mut b = Bench::<SynFlood>::new();
        flood(&mut b, 3, 900, |_| (ip("10.0.0.66"), 80));
        b.wait(30.0);
        flood(&mut b, 30, 150, |_| (ip("10.0.0.66"), 80));
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_busy_server_and_a_port_scan_are_none() {
        let mut b = Bench::<SynFlood>::new();
        flood(&mut b, 10, 500, |i| (ip("10.0.0.66"), i as u16));
        assert!(b.found.is_empty(), "a scan");
        b.wait(60.0);
        for _ in 0..5_000 {
            let flow = tcp("203.0.113.8", "10.10.10.10", 443);
            b.see(&Observation::FlowOpened(&flow));
            b.see(&Observation::FlowEstablished(&flow));
            b.wait(0.002);
        }
        assert!(b.found.is_empty(), "a busy server");
    }

    #[test]
    fn a_flood_of_random_targets_stays_within_its_table() {
        let mut b = Bench::<SynFlood>::with(&SynFloodSettings::default(), 64);
        for i in 0..20_000u32 {
            b.see(&Observation::FlowOpened(&bench::flow(
                ip("10.0.0.9"),
                4000,
                Ip::v4(i.to_be_bytes()),
                80,
                proto::TCP,
            )));
        }
        assert!(b.found.is_empty() && b.detector.targets.len() <= 32);
    }
}
