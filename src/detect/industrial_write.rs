//! `industrial_write`: somebody commands a controller who never did.
//!
//! Evidence: a request that writes or controls (Modbus, DNP3, IEC-104, S7, BACnet), and who else talks to that device. A
//! host is alarming when it is new to a device that another one has been talking to for a while, or when it comes from
//! outside. A lone host that writes is the device's master, and so is every one that was there when the monitor began
//! to watch. In live capture the first half day after each start is spent learning: masters poll around the clock, so what
//! is learned needs not be kept over restarts. A long-standing reader that writes for the first time is worth a note, no
//! more.
//!
//! Known false alarms: a second controller put into service (an energy manager beside Home Assistant); an engineer's
//! laptop. Not one: a home with one controller, however much it writes; two that both were there at the start.

use super::settings::settings;
use super::window::{Distinct, Pace, Tick};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{Flow, Side};
use crate::wire::industrial::{Act, Protocol, Said};
use crate::words::{say, words};

settings! {
    /// Settings of `industrial_write`.
    IndustrialWriteSettings {
        /// For how many seconds another host must have been talking to the device before a newcomer's command is alarming.
        /// 30 to 86400; masters poll every few seconds, and all of them are heard of within two minutes.
        settled_s: u32 = 120, 30..=86_400;
        /// For how many seconds a host counts as a newcomer to a device. 60 to 86400; after that it has been there too long
        /// to alarm anyone.
        newcomer_s: u32 = 600, 60..=86_400;
        /// How long a live monitor learns who commands what after each start, seconds. 0 to 604800; half a day holds what
        /// heating and batteries are told by day and by night.
        learn_s: u32 = 43_200, 0..=604_800;
    }
}

/// Hosts that one device is talked to by; more than four masters are rare.
const WATCHED: usize = 4;

/// A host that talks to a device.
#[derive(Clone, Copy, Default)]
struct Talker {
    who: u32,
    first: Tick,
    last: Tick,
}

/// Who talks to a device by one protocol: 64 bytes.
#[derive(Default)]
struct Device {
    talkers: [Talker; WATCHED],
    writers: u8,
}

/// A host that raised an alarm.
#[derive(Default)]
struct Offender {
    devices: Distinct<16>,
    commands: u32,
    pace: Pace,
}

/// Why a command alarms.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    Outside,
    Newcomer,
    Reader,
}

/// See the module.
pub struct IndustrialWrite {
    settings: IndustrialWriteSettings,
    devices: Bounded<(Ip, Protocol), Device>,
    writers: Bounded<(Ip, Protocol), ()>,
    offenders: Bounded<(Ip, Protocol), Offender>,
    /// When a live monitor began to watch.
    live_since: Option<Tick>,
}

impl Detector for IndustrialWrite {
    const KIND: Kind = Kind {
        id: "industrial_write",
        severity: Severity::High,
        mitre: &["T0855", "T0836", "T0831"],
        en: Texts {
            title: "Commands to a controller",
            what: "A machine sends commands to a controller, such as that of a heating, a solar plant or a machine, that it never commanded before.",
            why: "The device was already talked to by another machine for a while, or the command came from the internet.",
            harmless: "A newly installed controller or energy manager, or a technician who is at work with a laptop.",
            todo: "Find out which machine sends the commands and who uses it. If nobody does, disconnect it and check what the controller is set to. Controllers must not be reachable from the internet.",
            silence: "Mute industrial_write with this machine as the source and the controller as the target.",
        },
        nl: Texts {
            title: "Opdrachten aan een besturing",
            what: "Een apparaat stuurt opdrachten aan een besturing, bijvoorbeeld van een verwarming, zonnepanelen of een machine, die het nooit eerder aanstuurde.",
            why: "De besturing stond al een tijd in contact met een ander apparaat, of de opdracht kwam van internet.",
            harmless: "Een pas geplaatste regelaar of energiemanager, of een monteur die met een laptop aan het werk is.",
            todo: "Zoek uit welk apparaat de opdrachten stuurt en wie het gebruikt. Is dat niemand, koppel het dan los en controleer de instellingen van de besturing. Besturingen mogen niet vanaf internet bereikbaar zijn.",
            silence: "Demp industrial_write met dit apparaat als bron en de besturing als doel.",
        },
    };
    const INTEREST: u64 = interest::INDUSTRIAL | interest::SECOND;
    type Settings = IndustrialWriteSettings;

    fn new(settings: &IndustrialWriteSettings, keys: usize) -> Self {
        IndustrialWrite {
            settings: settings.clone(),
            devices: Bounded::new((keys / 8).max(16)),
            writers: Bounded::new((keys / 16).max(16)),
            offenders: Bounded::new((keys / 32).max(16)),
            live_since: None,
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::Industrial(flow, said) => self.said(cx, flow, said, out),
            Observation::Second(second) if second.live && self.live_since.is_none() => {
                self.live_since = Some(cx.tick());
            }
            _ => {}
        }
    }
}

impl Device {
    /// Notes that `who` talks; when it first did.
    fn heard(&mut self, who: u32, now: Tick) -> Tick {
        let places = &mut self.talkers;
        let known = places.iter().position(|t| t.who == who);
        let at = known.unwrap_or_else(|| {
            let free = (0..WATCHED).find(|i| places[*i].who == 0);
            let at = free.or_else(|| (0..WATCHED).max_by_key(|i| now.since(places[*i].last))).unwrap_or(0);
            places[at] = Talker { who, first: now, last: now };
            at
        });
        places[at].last = now;
        places[at].first
    }

    /// For how many tenths of a second another than `who` had been talking when `who` first did.
    fn settled_before(&self, who: u32, first: Tick) -> u32 {
        let others = self.talkers.iter().filter(|t| t.who != 0 && t.who != who);
        others.map(|t| first.since(t.first)).max().unwrap_or(0)
    }
}

impl IndustrialWrite {
    fn said(&mut self, cx: &Context<'_>, flow: &Flow, said: &Said, out: &mut Findings) {
        let (actor, device) =
            if said.side == Side::Client { (flow.client, flow.server) } else { (flow.server, flow.client) };
        let (now, who) = (cx.tick(), ip_part(actor) as u32 | 1);
        let (state, _) = self.devices.entry((device, said.protocol), Device::default);
        let first = state.heard(who, now);
        let settled = state.settled_before(who, first);
        if said.act == Act::Read {
            return;
        }
        let (s, known) = (&self.settings, self.writers.get_mut(&(actor, said.protocol)).is_some());
        let learning = self.live_since.is_some_and(|since| now.within(since, s.learn_s));
        let outside = cx.inside.contains(device) && !cx.inside.contains(actor);
        let newcomer = settled >= s.settled_s * 10 && now.within(first, s.newcomer_s);
        let why = match () {
            () if known => return,
            () if outside => Why::Outside,
            () if newcomer && !learning => Why::Newcomer,
            () if state.writers > 0 && !newcomer && self.live_since.is_some() && !learning => Why::Reader,
            () => {
                state.writers = state.writers.saturating_add(1);
                self.writers.entry((actor, said.protocol), || ());
                return;
            }
        };
        self.offends(cx, (actor, device, flow.server_port), said, (why, settled), out);
    }

    fn offends(
        &mut self,
        cx: &Context<'_>,
        (actor, device, port): (Ip, Ip, u16),
        said: &Said,
        (why, settled): (Why, u32),
        out: &mut Findings,
    ) {
        let (now, s) = (cx.tick(), &self.settings);
        let (offender, _) = self.offenders.entry((actor, said.protocol), Offender::default);
        offender.commands = offender.commands.saturating_add(1);
        *offender.devices.seen(ip_part(device) as u32, now).0 = 1;
        if !offender.pace.due(now) {
            return;
        }
        let name = said.protocol.name();
        let does = if said.act == Act::Control {
            words("controls", "bestuurt")
        } else {
            words("writes to", "schrijft naar")
        };
        let (severity, why, because) = match why {
            Why::Outside => (Severity::High, "outside", words("from outside", "van buitenaf").into()),
            Why::Newcomer => {
                let because = say!(
                    "which another host had been talking to for {} s",
                    "waarmee een ander apparaat al {} s praatte",
                    settled / 10
                );
                (Severity::High, "newcomer", because)
            }
            Why::Reader => {
                let because = words("which it only read until now", "dat het tot nu toe alleen uitlas");
                (Severity::Low, "reader", because.into())
            }
        };
        let summary = say!(
            "{actor} {does} {device} by {name} (function {}), {because}",
            "{actor} {does} {device} via {name} (functie {}), {because}",
            said.function;
            does, because
        );
        let evidence = evidence! {
            "protocol" => name, "function" => said.function, "unit" => said.unit,
            "control" => said.act == Act::Control, "commands" => offender.commands,
            "devices" => offender.devices.within(now, 3600).0, "why" => why,
            "others_for_s" => settled / 10, "threshold_s" => s.settled_s, "newcomer_s" => s.newcomer_s,
        };
        let parts = [ip_part(actor), super::text_part(name)];
        let finding = Self::KIND.finding(severity, &parts, summary, evidence);
        out.push(between(finding, Some(Subject::ip(actor)), Some(Subject::endpoint(device, port))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{self, Bench, ip, tcp};
    use crate::observe::SensorSecond;

    fn says(b: &mut Bench<IndustrialWrite>, client: &str, server: &str, act: Act) {
        let said = Said { side: Side::Client, protocol: Protocol::Modbus, act, function: 6, unit: 1 };
        b.see(&Observation::Industrial(&tcp(client, server, 502), &said));
    }

    fn polled(b: &mut Bench<IndustrialWrite>, seconds: u32) {
        for _ in 0..seconds / 5 {
            says(b, "10.0.0.2", "10.0.0.50", Act::Read);
            b.wait(5.0);
        }
    }

    #[test]
    fn a_newcomer_that_writes_to_a_polled_device_is_one_alert() {
        let mut b = Bench::<IndustrialWrite>::new();
        polled(&mut b, 300);
        for _ in 0..20 {
            says(&mut b, "10.0.0.66", "10.0.0.50", Act::Write);
            b.wait(1.0);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
        assert_eq!(b.last().source, Some(Subject::ip(ip("10.0.0.66"))));
    }

    #[test]
    fn a_write_from_outside_is_found_at_once_and_over_ipv6() {
        let mut b = Bench::<IndustrialWrite>::new();
        says(&mut b, "2001:db8::66", "fd00::50", Act::Control);
        assert_eq!((b.alerts(), b.last().evidence["why"].as_str()), (1, Some("outside")));
    }

    #[test]
    fn a_lone_master_and_two_from_the_start_are_none() {
        let mut b = Bench::<IndustrialWrite>::new();
        says(&mut b, "10.0.0.2", "10.0.0.50", Act::Write);
        polled(&mut b, 600);
        says(&mut b, "10.0.0.2", "10.0.0.50", Act::Control);
        let mut b = Bench::<IndustrialWrite>::new();
        polled(&mut b, 30);
        says(&mut b, "10.0.0.3", "10.0.0.50", Act::Read);
        polled(&mut b, 600);
        says(&mut b, "10.0.0.3", "10.0.0.50", Act::Write);
        polled(&mut b, 600);
        says(&mut b, "10.0.0.3", "10.0.0.50", Act::Write);
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_live_monitor_learns_first_and_then_alarms() {
        let mut b = Bench::<IndustrialWrite>::new();
        b.see(&Observation::Second(&SensorSecond { live: true, ..SensorSecond::default() }));
        polled(&mut b, 300);
        says(&mut b, "10.0.0.3", "10.0.0.50", Act::Write);
        assert!(b.found.is_empty(), "learning");
        b.wait(43_300.0);
        polled(&mut b, 300);
        says(&mut b, "10.0.0.3", "10.0.0.50", Act::Write);
        assert!(b.found.is_empty(), "learned");
        says(&mut b, "10.0.0.4", "10.0.0.50", Act::Write);
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
        says(&mut b, "10.0.0.2", "10.0.0.50", Act::Write);
        assert_eq!((b.alerts(), b.last().severity), (2, Severity::Low), "a reader");
    }

    #[test]
    fn a_flood_of_made_up_writers_and_devices_stays_within_its_tables() {
        let mut b = Bench::<IndustrialWrite>::with(&IndustrialWriteSettings::default(), 64);
        let said = Said { side: Side::Client, protocol: Protocol::S7, act: Act::Write, function: 5, unit: 0 };
        for i in 0..20_000u32 {
            let (a, d) =
                (Ip::v4((0x0a00_0000 + i).to_be_bytes()), Ip::v4((0x0a80_0000 + i % 999).to_be_bytes()));
            b.see(&Observation::Industrial(&bench::flow(a, 4000, d, 102, 6), &said));
        }
        let d = &b.detector;
        assert!(d.devices.len() <= 16 && d.writers.len() <= 16 && d.offenders.len() <= 16);
    }
}
