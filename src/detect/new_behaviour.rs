//! `new_behaviour`: a device that always did the same few things does another.
//!
//! Evidence: a settled device (see [`crate::table::habits`]: after its learning time, few destinations, nothing new on most days of
//! the week) opens a connection that is answered to a destination, or by a port or protocol, that is not usual for it. The
//! destination is the registered domain (so servers of one maker or CDN customer are one), else the network, else the device
//! inside. Names, clocks, leases and discovery do not count, nor does who a moved address belongs to. Phones and PCs are too
//! varied to be settled. What is new stays new until it was seen on several days, so an attacker is not learned at once.
//!
//! Known false alarms: a firmware update from another company's servers; a new function that its owner switched on; a new
//! bridge or telephone in the house that the device is paired with.

use super::settings::settings;
use super::{Context, Detector, Kind, Texts, between, evidence, text_part};
use crate::alert::{Finding, Findings, Severity, Subject};
use crate::observe::{Habit, HabitSeen, Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::devices::DeviceKey;
use crate::table::flows::{App, Flow, proto};
use crate::table::habits::Fresh;
use crate::time::{SECOND, Timestamp};
use crate::words::say;

settings! {
    /// Settings of `new_behaviour`.
    NewBehaviourSettings {
        /// New things within this many seconds of the first one are one alert, 60 to 86400: what begins, begins with several.
        together_seconds: u32 = 3600, 60..=86_400;
        /// Hours until the same device is told of again, 1 to 168.
        again_hours: u32 = 6, 1..=168;
        /// Seconds to wait for more before a new destination is told, 0 to 3600.
        wait_seconds: u32 = 120, 0..=3600;
        /// Most new destinations in that time, 1 to 100: when somebody uses a television that slept all week it is more,
        /// and nothing to tell.
        most: u32 = 6, 1..=100;
        /// Also tell of new ports and protocols with destinations that are usual.
        ports: bool = true;
    }
}

/// The last alert about a device, or the one that waits.
struct Told {
    at: Timestamp,
    new: u32,
    waits: bool,
    finding: Option<Box<Finding>>,
}

/// Devices that may wait to be told of at a time; one more is told at once.
const MAX_WAITING: usize = 64;

/// See the module.
pub struct NewBehaviour {
    settings: NewBehaviourSettings,
    told: Bounded<DeviceKey, Told>,
    waiting: Vec<DeviceKey>,
}

impl Detector for NewBehaviour {
    const KIND: Kind = Kind {
        id: "new_behaviour",
        severity: Severity::Medium,
        mitre: &["T1071"],
        en: Texts {
            title: "A simple device does something new",
            what: "A device that has only ever talked to the same few places, such as a camera, a plug or a printer, now talks to another one or in another way.",
            why: "The destination, the port or the protocol is not among those it has used on earlier days.",
            harmless: "A firmware update from other servers, a new function or app that somebody set up, or a new hub or phone at home that it works with.",
            todo: "Ask whether somebody changed or updated the device that day. If not, look up whom the destination belongs to, and disconnect the device until it is clear.",
            silence: "Mute new_behaviour with this device as the source. After a few days of use the new thing counts as usual by itself.",
        },
        nl: Texts {
            title: "Een eenvoudig apparaat doet iets nieuws",
            what: "Een apparaat dat altijd met dezelfde paar adressen praat, zoals een camera, een slimme stekker of een printer, praat nu met een ander adres of op een andere manier.",
            why: "De bestemming, de poort of het protocol hoort niet bij wat het op eerdere dagen heeft gebruikt.",
            harmless: "Een update van het apparaat vanaf andere servers, een nieuwe functie of app die iemand heeft ingesteld, of een nieuwe hub of telefoon in huis waarmee het samenwerkt.",
            todo: "Vraag na of iemand het apparaat die dag heeft veranderd of bijgewerkt. Zo niet, zoek dan op van wie de bestemming is, en koppel het apparaat los tot het duidelijk is.",
            silence: "Demp new_behaviour met dit apparaat als bron. Na een paar dagen gebruik geldt het nieuwe vanzelf als gewoon.",
        },
    };
    const INTEREST: u64 = interest::HABIT | interest::SECOND;
    type Settings = NewBehaviourSettings;

    fn new(settings: &NewBehaviourSettings, keys: usize) -> Self {
        NewBehaviour { settings: settings.clone(), told: Bounded::new(keys), waiting: Vec::new() }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::Second(_) if !self.waiting.is_empty() => self.tell_waiting(cx.now, out),
            Observation::Habit(seen) => {
                if let Habit::Contact(flow, fresh) = seen.what
                    && fresh.settled
                    && (fresh.place.is_some() || self.settings.ports)
                {
                    self.contact(cx.now, seen, flow, fresh, out);
                }
            }
            _ => {}
        }
    }
}

impl NewBehaviour {
    fn contact(
        &mut self,
        now: Timestamp,
        seen: &HabitSeen<'_>,
        flow: &Flow,
        fresh: Fresh,
        out: &mut Findings,
    ) {
        let wait =
            fresh.place.is_some() && self.settings.wait_seconds > 0 && self.waiting.len() < MAX_WAITING;
        let begins = || Told { at: now, new: 0, waits: wait, finding: None };
        let (told, mut first) = self.told.entry(seen.device, begins);
        let since = now.since(told.at);
        if !first && !told.waits && since > i64::from(self.settings.together_seconds) * SECOND {
            if since < i64::from(self.settings.again_hours) * 3600 * SECOND {
                return;
            }
            (*told, first) = (begins(), true);
        }
        told.new = told.new.saturating_add(1);
        if told.waits && first {
            self.waiting.push(seen.device);
        }
        if told.waits {
            // The first is what began it; the numbers come with it.
            let begun = told.finding.take();
            told.finding = begun.or_else(|| Some(Box::new(finding(seen, flow, fresh, told.new))));
        } else if told.new <= self.settings.most {
            out.push(finding(seen, flow, fresh, told.new));
        }
    }

    /// Tells what has waited long enough, unless so much was new that somebody must be using the device.
    fn tell_waiting(&mut self, now: Timestamp, out: &mut Findings) {
        let NewBehaviour { settings, told, waiting } = self;
        waiting.retain(|device| {
            let Some(told) = told.get_mut(device) else { return false };
            if now.since(told.at) < i64::from(settings.wait_seconds) * SECOND {
                return true;
            }
            told.waits = false;
            if let Some(mut finding) = told.finding.take().filter(|_| told.new <= settings.most) {
                finding.evidence.insert("new_things".to_owned(), told.new.into());
                out.push(*finding);
            }
            false
        });
    }
}

fn finding(seen: &HabitSeen<'_>, flow: &Flow, fresh: Fresh, new: u32) -> Finding {
    let place = seen.name.map_or_else(|| flow.server.to_string(), |n| format!("{n} ({})", flow.server));
    let protocol = if flow.protocol == proto::UDP { "UDP" } else { "TCP" };
    let port = flow.server_port;
    let summary = match fresh.place {
        Some(_) => say!(
            "{} contacted {place} {protocol} port {port}, which is not among its {} usual destinations",
            "{} zocht contact met {place} {protocol}-poort {port}, dat niet bij zijn {} gewone bestemmingen hoort",
            seen.ip,
            fresh.usual
        ),
        None => say!(
            "{} used {protocol} port {port} with {place}, which it never did before",
            "{} gebruikte {protocol}-poort {port} met {place}, wat het nooit eerder deed",
            seen.ip
        ),
    };
    let app = (flow.app != App::Unknown).then(|| format!("{:?}", flow.app).to_lowercase());
    let evidence = evidence! {
        "new" => if fresh.place.is_some() { "destination" } else { "port or protocol" },
        "protocol" => protocol.to_lowercase(), "application" => app,
        "usual_destinations" => fresh.usual, "days_known" => fresh.days,
        "days_seen" => fresh.place, "new_things" => new, "threshold" => 1,
    };
    let parts = [text_part(&seen.device.id())];
    let finding = NewBehaviour::KIND.finding(Severity::Medium, &parts, summary, evidence);
    let target =
        Subject { name: seen.name.map(str::to_owned), ..Subject::endpoint(flow.server, flow.server_port) };
    between(finding, Some(Subject::ip(seen.ip)), Some(target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::MacAddr;
    use crate::detect::bench::{Bench, ip, mac, tcp};
    use crate::observe::SensorSecond;

    fn contact(b: &mut Bench<NewBehaviour>, device: MacAddr, port: u16, fresh: Fresh) {
        let flow = tcp("192.168.1.31", "203.0.113.9", port);
        let what = Habit::Contact(&flow, fresh);
        let name = Some("new.example");
        let seen = HabitSeen { device: DeviceKey::Mac(device), ip: ip("192.168.1.31"), name, what };
        b.see(&Observation::Habit(&seen));
    }

    /// Waits, second by second.
    fn wait(b: &mut Bench<NewBehaviour>, seconds: u32) {
        for _ in 0..seconds {
            b.wait(1.0);
            b.see(&Observation::Second(&SensorSecond::default()));
        }
    }

    const NEW: Fresh = Fresh { settled: true, days: 9, place: Some(1), way: true, usual: 3 };

    #[test]
    fn a_settled_device_is_told_once_for_all_that_begins_together() {
        let mut b = Bench::<NewBehaviour>::new();
        for port in 0..5 {
            contact(&mut b, mac(1), 400 + port, NEW);
            wait(&mut b, 600);
        }
        assert_eq!((b.alerts(), b.found.len(), b.last().severity), (1, 5, Severity::Medium));
        assert!(b.last().summary.en.contains("new.example"));
        b.wait(3600.0);
        contact(&mut b, mac(1), 22, NEW);
        wait(&mut b, 600);
        assert_eq!(b.found.len(), 5, "the owner has heard of it");
        b.wait(6.0 * 3600.0);
        contact(&mut b, mac(1), 22, NEW);
        wait(&mut b, 600);
        assert_eq!(b.found.len(), 6);
    }

    #[test]
    fn a_television_that_somebody_switches_on_is_not_told() {
        let mut b = Bench::<NewBehaviour>::new();
        for port in 0..30 {
            contact(&mut b, mac(1), 400 + port, NEW);
            wait(&mut b, 10);
        }
        wait(&mut b, 600);
        assert!(b.found.is_empty());
        contact(&mut b, mac(2), 443, NEW);
        wait(&mut b, 119);
        assert!(b.found.is_empty(), "there may be more to come");
        wait(&mut b, 2);
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn a_busy_device_is_not_judged() {
        let mut b = Bench::<NewBehaviour>::new();
        contact(&mut b, mac(1), 443, Fresh { settled: false, ..NEW });
        assert!(b.found.is_empty());
    }

    #[test]
    fn new_ports_with_a_usual_destination_can_be_left_out() {
        let port = Fresh { place: None, ..NEW };
        let mut b = Bench::<NewBehaviour>::new();
        contact(&mut b, mac(1), 22, port);
        assert!(b.last().summary.en.contains("never did before"));
        let settings = NewBehaviourSettings { ports: false, ..NewBehaviourSettings::default() };
        let mut b = Bench::<NewBehaviour>::with(&settings, 64);
        contact(&mut b, mac(1), 22, port);
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_devices_stays_within_its_table() {
        let mut b = Bench::<NewBehaviour>::new();
        for i in 0..20_000u32 {
            let [p, q, r, s] = i.to_be_bytes();
            contact(&mut b, MacAddr([2, 9, p, q, r, s]), 443, NEW);
        }
        assert!(b.detector.told.len() <= 4096 && b.detector.waiting.len() <= MAX_WAITING);
    }
}
