//! `service_probe`: somebody finds out which software answers on a host: its services, or its operating system.
//!
//! Evidence, per pair of hosts:
//! - the first bytes of a connection are a probe that only scanners send, or several that people seldom send;
//! - segments with flags that exist in no protocol (SYN, FIN, URG and PSH at once) together with other stray ones: the way
//!   operating systems are told apart;
//! - short looks at many well-known ports, each of which answered.
//!
//! Known false alarms: a monitor that checks ten services of one host within a minute; an inventory program, which does
//! just this. Not one: a port scan alone, which is `port_scan`.

use super::settings::settings;
use super::window::{Distinct, Pace};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part, text_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, Stray, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{Flow, State, proto};
use crate::words::{say, words};

settings! {
    /// Settings of `service_probe`.
    ServiceProbeSettings {
        /// Different probes that people send too, by one host at another within `seconds`. 2 to 8; one alone is a person with
        /// a terminal.
        probes: u32 = 3, 2..=8;
        /// Well-known ports of one host that answered one other host's short looks within `seconds`. 5 to 16; a mail program
        /// and a browser together use six.
        ports: u32 = 10, 5..=16;
        /// The window, seconds, 10 to 600.
        seconds: u32 = 60, 10..=600;
    }
}

/// Payload of a look: who works with a service says and hears more.
const LOOK_UP: u32 = 600;
/// See [`LOOK_UP`].
const LOOK_DOWN: u32 = 6000;

/// Ports above 1023 with well-known services; below, all are well-known.
const HIGH_PORTS: [u16; 16] =
    [1433, 1521, 1723, 1883, 2049, 3128, 3306, 3389, 5060, 5432, 5900, 6379, 8000, 8080, 8443, 9200];

/// Segments as they are used to tell operating systems apart.
mod odd {
    pub const NULL: u8 = 0;
    pub const ACK: u8 = 0x10;
    pub const XMAS: u8 = 0x29;
    /// SYN, FIN, URG and PSH: exists nowhere else.
    pub const SFUP: u8 = 0x2b;
}

/// What one host tried at another: about 330 bytes.
#[derive(Default)]
struct Pair {
    /// Weight 1; a sure one 2.
    probes: Distinct<12>,
    odd: Distinct<4>,
    ports: Distinct<16>,
    pace: Pace,
}

/// See the module.
pub struct ServiceProbe {
    settings: ServiceProbeSettings,
    pairs: Bounded<(Ip, Ip), Pair>,
}

impl Detector for ServiceProbe {
    const KIND: Kind = Kind {
        id: "service_probe",
        severity: Severity::Medium,
        mitre: &["T1046", "T1595.002"],
        en: Texts {
            title: "Services being identified",
            what: "Someone is finding out exactly which programs and which operating system a device runs, usually to look up their known weaknesses.",
            why: "It sent questions that only scanners send, packets that exist in no protocol, or had a short look at many services.",
            harmless: "A network scanner app, an inventory program, or a monitor that checks many services of one device.",
            todo: "Find out what the source is. If nobody is scanning there, disconnect it and check it for malware. Close services of the target that nobody needs.",
            silence: "Mute service_probe with the scanning device as the source.",
        },
        nl: Texts {
            title: "Onderzoek naar diensten",
            what: "Iemand zoekt precies uit welke programma's en welk besturingssysteem een apparaat gebruikt, meestal om de bekende zwakke plekken op te zoeken.",
            why: "Er kwamen vragen die alleen scanners stellen, pakketten die in geen enkel protocol bestaan, of er werd kort naar veel diensten gekeken.",
            harmless: "Een netwerkscanner-app, een inventarisatieprogramma, of bewaking die veel diensten van één apparaat controleert.",
            todo: "Zoek uit wat de bron is. Voert niemand daar een scan uit, koppel het apparaat dan los en controleer het op malware. Sluit diensten van het doel die niemand nodig heeft.",
            silence: "Demp service_probe met het scannende apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::PROBE | interest::HTTP | interest::STRAY | interest::FLOW_ENDED;
    type Settings = ServiceProbeSettings;

    fn new(settings: &ServiceProbeSettings, keys: usize) -> Self {
        ServiceProbe { settings: settings.clone(), pairs: Bounded::new((keys / 8).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let now = cx.tick();
        match observation {
            Observation::Probe(flow, name, sure) => {
                let weight = 1 + u8::from(*sure);
                let held = self.pair(flow.client, flow.server).probes.seen(text_part(name) as u32, now).0;
                *held = weight.max(*held);
                self.judge(cx, flow.client, flow.server, Some(flow.server_port), out);
            }
            Observation::HttpRequest(flow, request)
                if request.user_agent.as_deref().is_some_and(|a| a.contains("Nmap Scripting Engine")) =>
            {
                *self.pair(flow.client, flow.server).probes.seen(1, now).0 = 2;
                self.judge(cx, flow.client, flow.server, Some(flow.server_port), out);
            }
            Observation::Stray(stray) if is_odd(stray) => {
                *self.pair(stray.source, stray.target).odd.seen(stray.flags.into(), now).0 = 1;
                self.judge(cx, stray.source, stray.target, None, out);
            }
            Observation::FlowEnded(flow) if is_look(flow) => {
                *self.pair(flow.client, flow.server).ports.seen(flow.server_port.into(), now).0 = 1;
                self.judge(cx, flow.client, flow.server, None, out);
            }
            _ => {}
        }
    }
}

fn is_odd(stray: &Stray) -> bool {
    matches!(stray.flags, odd::NULL | odd::ACK | odd::XMAS | odd::SFUP)
}

/// Whether a connection was a short look at a well-known service, which answered.
fn is_look(flow: &Flow) -> bool {
    flow.protocol == proto::TCP
        && !matches!(flow.state, State::Midstream | State::Refused)
        && (1..=LOOK_DOWN).contains(&flow.payload_down)
        && flow.payload_up <= LOOK_UP
        && (flow.server_port < 1024 || HIGH_PORTS.contains(&flow.server_port))
}

impl ServiceProbe {
    fn pair(&mut self, source: Ip, target: Ip) -> &mut Pair {
        self.pairs.entry((source, target), Pair::default).0
    }

    fn judge(&mut self, cx: &Context<'_>, source: Ip, target: Ip, port: Option<u16>, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        let Some(pair) = self.pairs.get_mut(&(source, target)) else { return };
        let (probes, weight) = pair.probes.within(now, s.seconds);
        let (odd, ports) = (pair.odd.within(now, s.seconds).0, pair.ports.within(now, s.seconds).0);
        let sure = weight > probes;
        let system = odd >= 2 && pair.odd.weight_mut(odd::SFUP.into()).is_some();
        let services = sure || probes >= s.probes || ports >= s.ports;
        if !(services || system) || !pair.pace.due(now) {
            return;
        }
        let what = match (services, system) {
            (true, true) => {
                words("which services and which operating system", "welke diensten en welk besturingssysteem")
            }
            (false, true) => words("which operating system", "welk besturingssysteem"),
            _ => words("which services", "welke diensten"),
        };
        let summary = say!(
            "{source} is finding out {what} {target} runs",
            "{source} zoekt uit {what} er op {target} draait";
            what
        );
        let evidence = evidence! {
            "probes" => probes, "threshold_probes" => s.probes, "only_scanners" => sure, "ports_looked_at" => ports,
            "threshold_ports" => s.ports, "odd_segments" => odd, "system" => system, "window_s" => s.seconds,
        };
        let finding = Self::KIND.finding(Severity::Medium, &[ip_part(source)], summary, evidence);
        let target = Subject { port, ..Subject::ip(target) };
        out.push(between(finding, Some(Subject::ip(source)), Some(target)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{self, Bench, ip, tcp};

    fn look(port: u16, up: u32, down: u32) -> Flow {
        let mut flow = tcp("192.168.1.66", "192.168.1.10", port);
        (flow.state, flow.payload_up, flow.payload_down) = (State::Closed, up, down);
        flow
    }

    #[test]
    fn one_sure_probe_or_several_common_ones_are_one_alert() {
        let mut b = Bench::<ServiceProbe>::new();
        for host in ["fd00::a", "fd00::b", "fd00::c"] {
            b.see(&Observation::Probe(&tcp("fd00::66", host, 80), "HTTP 404", true));
            b.wait(2.0);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
        let mut b = Bench::<ServiceProbe>::new();
        for (probe, port) in [("HELP", 7000), ("empty lines", 7000), ("bare GET", 7001)] {
            assert!(b.found.is_empty());
            b.see(&Observation::Probe(&look(port, 0, 0), probe, false));
        }
        assert_eq!(b.last().source, Some(Subject::ip(ip("192.168.1.66"))));
    }

    #[test]
    fn segments_that_do_not_exist_tell_who_looks_for_the_system() {
        let mut b = Bench::<ServiceProbe>::new();
        let stray = |flags| Stray {
            source: ip("192.168.1.66"),
            target: ip("192.168.1.10"),
            source_port: 40_000,
            target_port: 22,
            flags,
        };
        for _ in 0..100 {
            b.see(&Observation::Stray(stray(odd::NULL)));
            b.see(&Observation::Stray(stray(odd::XMAS)));
        }
        assert!(b.found.is_empty(), "scans of ports");
        b.see(&Observation::Stray(stray(odd::SFUP)));
        assert_eq!(b.last().evidence["system"].as_bool(), Some(true));
    }

    #[test]
    fn looks_at_many_services_count_and_work_with_them_does_not() {
        let mut b = Bench::<ServiceProbe>::new();
        for port in [21, 22, 25, 53, 80, 110, 139, 143, 443, 445, 993, 3306] {
            b.see(&Observation::FlowEnded(&look(port, 5_000, 90_000)));
            b.see(&Observation::FlowEnded(&look(port, 0, 0)));
            b.see(&Observation::FlowEnded(&look(40_000 + port, 0, 400)));
            b.wait(1.0);
        }
        assert!(b.found.is_empty());
        for port in [21, 22, 25, 53, 80, 110, 139, 143, 443, 445, 993, 3306] {
            b.see(&Observation::FlowEnded(&look(port, 20, 90)));
            b.wait(1.0);
        }
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn a_person_with_a_terminal_and_a_mail_program_are_none() {
        let mut b = Bench::<ServiceProbe>::new();
        b.see(&Observation::Probe(&look(25, 0, 0), "HELP", false));
        b.see(&Observation::Probe(&look(80, 0, 0), "bare GET", false));
        for port in [22, 80, 143, 443, 465, 587, 993] {
            b.see(&Observation::FlowEnded(&look(port, 300, 2_000)));
        }
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_made_up_pairs_stays_within_its_table() {
        let mut b = Bench::<ServiceProbe>::with(&ServiceProbeSettings::default(), 64);
        for i in 0..20_000u32 {
            let flow = bench::flow(Ip::v4(i.to_be_bytes()), 4_000, ip("10.0.0.9"), 21, proto::TCP);
            b.see(&Observation::Probe(&flow, "HELP", false));
        }
        assert!(b.found.is_empty() && b.detector.pairs.len() <= 16);
    }
}
