//! `iot_botnet`: a device of ours knocks on the doors that botnets of cameras and routers spread by, all over the internet.
//!
//! Evidence, per host over a minute: distinct outside addresses asked for Telnet or another port that such worms try
//! (`ports`). On a port that also has honest uses most of them must stay silent; Telnet to ten strangers in a minute has
//! none. A capture in which nobody is inside has its opener for infected. Somebody outside who knocks on our doors is
//! `host_sweep`'s; so is, besides this, the sweep of an infected device itself.
//!
//! Known false alarms: a scan of the internet that someone in the house runs on purpose.

use super::settings::settings;
use super::window::{Distinct, Pace};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{Flow, proto};
use crate::words::say;

settings! {
    /// Settings of `iot_botnet`.
    IotBotnetSettings {
        /// Distinct outside addresses within `seconds`. 4 to 32; nobody opens Telnet to more than a few.
        hosts: u32 = 10, 4..=32;
        /// The window, seconds, 10 to 600.
        seconds: u32 = 60, 10..=600;
        /// Ports that worms of small devices spread by: Telnet, the remote maintenance of routers (7547), debugging of Android
        /// (5555), and services of certain makers.
        ports: Vec<u16> = vec![23, 26, 81, 2223, 2323, 5358, 5555, 7547, 7574, 9527, 23_023, 23_231, 37_215, 52_869, 60_001];
    }
}

/// Ports that serve nothing but Telnet: it does not matter who answers.
const TELNET: [u16; 3] = [23, 2323, 23_023];

/// Whom one host tried: about 600 bytes.
#[derive(Default)]
struct Tried {
    /// Asked for Telnet.
    telnet: Distinct<32>,
    /// Asked for another port; weight 2 once answered.
    others: Distinct<32>,
    number: u32,
    pace: Pace,
}

/// See the module.
pub struct IotBotnet {
    settings: IotBotnetSettings,
    hosts: Bounded<Ip, Tried>,
}

impl Detector for IotBotnet {
    const KIND: Kind = Kind {
        id: "iot_botnet",
        severity: Severity::Critical,
        mitre: &["T1595.001", "T1110.001", "T1584.005"],
        en: Texts {
            title: "Device spreads a worm",
            what: "A device on your network tries to break into cameras and routers all over the internet, as worms of small devices do.",
            why: "Within a minute it knocked at many strange addresses on ports that such worms use, Telnet above all.",
            harmless: "Hardly any: a researcher who scans the internet on purpose.",
            todo: "Disconnect the device now. Restart it, which often removes the worm, install the newest firmware, set a password of its own, and only then connect it again, without access from the internet.",
            silence: "Mute iot_botnet with this device as source.",
        },
        nl: Texts {
            title: "Apparaat verspreidt een worm",
            what: "Een apparaat in uw netwerk probeert overal op internet in te breken op camera's en routers, zoals wormen voor kleine apparaten doen.",
            why: "Binnen een minuut klopte het aan bij veel vreemde adressen op poorten die zulke wormen gebruiken, vooral Telnet.",
            harmless: "Vrijwel geen: een onderzoeker die internet met opzet afzoekt.",
            todo: "Koppel het apparaat nu los. Start het opnieuw op (dat verwijdert de worm vaak), installeer de nieuwste firmware, stel een eigen wachtwoord in en sluit het pas dan weer aan, zonder toegang vanaf internet.",
            silence: "Demp iot_botnet met dit apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::FLOW_OPENED | interest::FLOW_ESTABLISHED;
    type Settings = IotBotnetSettings;

    fn new(settings: &IotBotnetSettings, keys: usize) -> Self {
        IotBotnet { settings: settings.clone(), hosts: Bounded::new((keys / 8).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::FlowOpened(flow) if self.watched(flow) => self.tried(cx, flow, out),
            Observation::FlowEstablished(flow) if self.watched(flow) => {
                let value = ip_part(flow.server) as u32;
                if let Some(weight) =
                    self.hosts.get_mut(&flow.client).and_then(|tried| tried.others.weight_mut(value))
                {
                    *weight = 2;
                }
            }
            _ => {}
        }
    }
}

impl IotBotnet {
    fn watched(&self, flow: &Flow) -> bool {
        flow.protocol == proto::TCP
            && self.settings.ports.contains(&flow.server_port)
            && flow.server.is_unicast()
    }

    fn tried(&mut self, cx: &Context<'_>, flow: &Flow, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        if cx.inside.contains(flow.server) {
            return;
        }
        let (tried, _) = self.hosts.entry(flow.client, Tried::default);
        tried.number = tried.number.saturating_add(1);
        let telnet = TELNET.contains(&flow.server_port);
        let window = if telnet { &mut tried.telnet } else { &mut tried.others };
        let (weight, _) = window.seen(ip_part(flow.server) as u32, now);
        *weight = (*weight).max(1);
        let (telnets, _) = tried.telnet.within(now, s.seconds);
        let (others, sum) = tried.others.within(now, s.seconds);
        let answered = sum - others;
        let silent = if answered * 2 > others { 0 } else { others };
        if telnets + silent < s.hosts || !tried.pace.due(now) {
            return;
        }
        let all = telnets + silent;
        let summary = say!(
            "{} tried {all} or more addresses on the internet within {} s by port {}, as a worm does",
            "{0} probeerde binnen {1} s {all} of meer adressen op internet via poort {2}, zoals een worm doet",
            flow.client,
            s.seconds,
            flow.server_port
        );
        let evidence = evidence! {
            "hosts" => all, "threshold" => s.hosts, "window_s" => s.seconds, "telnet_hosts" => telnets,
            "answered" => answered, "attempts" => tried.number, "port" => flow.server_port,
        };
        let finding = Self::KIND.finding(Severity::Critical, &[ip_part(flow.client)], summary, evidence);
        let target = Subject { port: Some(flow.server_port), ..Subject::default() };
        out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{self, Bench, ip};

    fn knock(b: &mut Bench<IotBotnet>, client: Ip, server: Ip, port: u16, answered: bool) {
        let flow = bench::flow(client, 40_000, server, port, proto::TCP);
        b.see(&Observation::FlowOpened(&flow));
        if answered {
            b.see(&Observation::FlowEstablished(&flow));
        }
        b.wait(0.5);
    }
    fn stranger(i: u32) -> Ip {
        Ip::v4((0xcb00_7100 + i * 7919).to_be_bytes())
    }

    #[test]
    fn telnet_to_strangers_is_a_worm_answered_or_not_also_when_nobody_is_inside() {
        for (client, answered) in [("10.0.0.66", false), ("10.0.0.66", true), ("198.51.100.66", false)] {
            let mut b = Bench::<IotBotnet>::new();
            for i in 0..40 {
                knock(&mut b, ip(client), stranger(i), if i % 10 == 0 { 2323 } else { 23 }, answered);
            }
            assert_eq!((b.alerts(), b.last().severity), (1, Severity::Critical), "{client}");
        }
        let mut six = Bench::<IotBotnet>::new();
        for i in 0..40 {
            knock(&mut six, ip("fd00::66"), ip(&format!("2001:db8:{i:x}::1")), 23, false);
        }
        assert_eq!(six.alerts(), 1);
    }

    #[test]
    fn doors_of_routers_count_while_they_stay_shut() {
        for answered in [false, true] {
            let mut b = Bench::<IotBotnet>::new();
            for i in 0..40 {
                knock(&mut b, ip("10.0.0.66"), stranger(i), [7547, 5555, 37_215][i as usize % 3], answered);
            }
            assert_eq!(b.alerts(), usize::from(!answered));
        }
    }

    #[test]
    fn a_few_consoles_other_ports_and_knocks_from_outside_stay_quiet() {
        let mut b = Bench::<IotBotnet>::new();
        for i in 0..200u32 {
            knock(&mut b, ip("10.0.0.5"), stranger(i % 9), 23, true);
            knock(&mut b, ip("10.0.0.6"), stranger(i), 6881, false);
            knock(&mut b, stranger(i), ip("10.0.0.9"), 23, false);
            knock(&mut b, ip("10.0.0.7"), Ip::v4([10, 0, 1, i as u8]), 23, false);
        }
        assert!(b.found.is_empty(), "{:?}", b.found[0]);
    }

    #[test]
    fn a_flood_of_made_up_sources_stays_within_its_table() {
        let mut b = Bench::<IotBotnet>::with(&IotBotnetSettings::default(), 64);
        for i in 0..20_000u32 {
            knock(&mut b, Ip::v4((0x0a00_0000 + i).to_be_bytes()), stranger(i), 23, false);
        }
        assert!(b.found.is_empty() && b.detector.hosts.len() <= 16);
    }
}
