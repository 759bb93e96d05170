//! `new_service`: a device starts to serve a port, after its learning time.
//!
//! Evidence: a client had a conversation with the port, data both ways, though the device (see [`crate::table::habits`]) never
//! served it while it was learned. Ports from 1024 on count when they are used more than once, at different times or by
//! different clients; ports above 32768 when several clients use them: passive FTP, calls, file sharing and callbacks make
//! up a port for one transfer. What a scanner is answered counts for nothing. Devices that serve more ports than are kept are
//! judged by ports below 1024 only.
//!
//! On phones and PCs, which open ports for all kinds of programs, ports other than those of administration and file sharing
//! are told as low.
//!
//! Known false alarms: a service that was there all the time and is used for the first time; software that somebody installed.

use super::settings::settings;
use super::{Context, Detector, Kind, Texts, between, evidence, text_part};
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Habit, HabitSeen, Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::devices::DeviceKey;
use crate::table::flows::{App, Flow, proto};
use crate::table::habits::Fresh;
use crate::time::{SECOND, Timestamp};
use crate::words::{say, words};

settings! {
    /// Settings of `new_service`.
    NewServiceSettings {
        /// Most new ports of one device told within a day, 1 to 100: a device that opens many is one worry, not many.
        per_day: u32 = 4, 1..=100;
        /// Ports that no device is told of.
        allow: Vec<u16> = Vec::new();
    }
}

/// Ports from 1024 on that give away a machine: SOCKS, MSSQL, proxies, MySQL, RDP, ADB, VNC, WinRM, Redis, and what
/// malware likes to listen on.
const GRAVE: [u16; 13] = [1080, 1433, 2323, 3128, 3306, 3389, 4444, 5432, 5555, 5900, 5985, 6379, 31_337];

/// What was told of a device within a day.
struct Told {
    since: Timestamp,
    ports: u32,
}

/// See the module.
pub struct NewService {
    settings: NewServiceSettings,
    told: Bounded<DeviceKey, Told>,
}

impl Detector for NewService {
    const KIND: Kind = Kind {
        id: "new_service",
        severity: Severity::Medium,
        mitre: &["T1571"],
        en: Texts {
            title: "A device offers a new service",
            what: "A device has begun to accept connections on a port that it did not serve before.",
            why: "Another computer connected to it there and data went both ways; in the days in which the device was learned nothing answered on that port.",
            harmless: "Software that somebody installed or switched on, an update, or a service that was always there but is used for the first time.",
            todo: "Ask who set it up. If nobody did, find out which program listens on that port, and disconnect the device if you do not know it.",
            silence: "Mute new_service with this device as the source, or add the port to allow under [detect.new_service].",
        },
        nl: Texts {
            title: "Een apparaat biedt een nieuwe dienst aan",
            what: "Een apparaat neemt nu verbindingen aan op een poort die het eerder niet gebruikte.",
            why: "Een andere computer maakte er verbinding mee en er gingen gegevens heen en weer; in de dagen waarin het apparaat is geleerd antwoordde er niets op die poort.",
            harmless: "Software die iemand heeft geïnstalleerd of aangezet, een update, of een dienst die er altijd al was en nu voor het eerst wordt gebruikt.",
            todo: "Vraag na wie dit heeft ingesteld. Weet niemand het, zoek dan uit welk programma op die poort luistert, en koppel het apparaat los als u het niet kent.",
            silence: "Demp new_service met dit apparaat als bron, of zet de poort bij allow onder [detect.new_service].",
        },
    };
    const INTEREST: u64 = interest::HABIT;
    type Settings = NewServiceSettings;

    fn new(settings: &NewServiceSettings, keys: usize) -> Self {
        NewService { settings: settings.clone(), told: Bounded::new(keys) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::Habit(seen) = observation else { return };
        let Habit::Offer(flow, fresh) = seen.what else { return };
        if self.settings.allow.contains(&flow.server_port) {
            return;
        }
        let now = cx.now;
        let (told, _) = self.told.entry(seen.device, || Told { since: now, ports: 0 });
        if now.since(told.since) >= 86_400 * SECOND {
            *told = Told { since: now, ports: 0 };
        }
        if told.ports < self.settings.per_day {
            told.ports += 1;
            raise(cx, seen, flow, fresh, out);
        }
    }
}

fn raise(cx: &Context<'_>, seen: &HabitSeen<'_>, flow: &Flow, fresh: Fresh, out: &mut Findings) {
    let port = flow.server_port;
    let grave = fresh.settled || port < 1024 || GRAVE.contains(&port);
    let severity = if grave { Severity::Medium } else { Severity::Low };
    let protocol = if flow.protocol == proto::UDP { "UDP" } else { "TCP" };
    let spoken = (flow.app != App::Unknown).then(|| format!("{:?}", flow.app).to_lowercase());
    let from =
        if cx.inside.contains(flow.client) { words("", "") } else { words(" from outside", " van buitenaf") };
    let summary = say!(
        "{} now serves {protocol} port {port}, which it did not in {} days; {} used it{from}",
        "{} biedt nu {protocol}-poort {port} aan, wat het in {} dagen niet deed; {} gebruikte die{from}",
        seen.ip,
        fresh.days - 1,
        flow.client;
        from
    );
    let evidence = evidence! {
        "port" => port, "protocol" => protocol.to_lowercase(), "application" => spoken,
        "client" => flow.client.to_string(), "from_outside" => !from.en.is_empty(),
        "usual_services" => fresh.usual, "days_known" => fresh.days, "settled" => fresh.settled, "threshold" => 1,
    };
    let parts = [text_part(&seen.device.id()), u64::from(port), u64::from(flow.protocol)];
    let finding = NewService::KIND.finding(severity, &parts, summary, evidence);
    out.push(between(finding, Some(Subject::endpoint(seen.ip, port)), None));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::MacAddr;
    use crate::detect::bench::{Bench, ip, mac, tcp};

    const NEW: Fresh = Fresh { settled: true, days: 9, place: None, way: false, usual: 1 };

    fn serves(b: &mut Bench<NewService>, device: MacAddr, port: u16, fresh: Fresh) {
        let flow = tcp("192.168.1.20", "192.168.1.31", port);
        let what = Habit::Offer(&flow, fresh);
        let seen = HabitSeen { device: DeviceKey::Mac(device), ip: ip("192.168.1.31"), name: None, what };
        b.see(&Observation::Habit(&seen));
    }

    #[test]
    fn each_port_is_an_alert_and_a_handful_a_day_is_enough() {
        let mut b = Bench::<NewService>::new();
        for port in 20..40 {
            serves(&mut b, mac(1), port, NEW);
            b.wait(60.0);
        }
        assert_eq!((b.alerts(), b.last().severity), (4, Severity::Medium));
        b.wait(86_400.0);
        serves(&mut b, mac(1), 23, NEW);
        assert_eq!(b.found.len(), 5);
    }

    #[test]
    fn a_busy_device_may_open_ports_but_not_give_itself_away() {
        let mut b = Bench::<NewService>::new();
        let busy = Fresh { settled: false, ..NEW };
        serves(&mut b, mac(1), 7680, busy);
        assert_eq!(b.last().severity, Severity::Low);
        serves(&mut b, mac(1), 3389, busy);
        assert_eq!(b.last().severity, Severity::Medium);
    }

    #[test]
    fn an_allowed_port_is_left_out() {
        let settings = NewServiceSettings { allow: vec![8080], ..NewServiceSettings::default() };
        let mut b = Bench::<NewService>::with(&settings, 64);
        serves(&mut b, mac(1), 8080, NEW);
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_devices_stays_within_its_table() {
        let mut b = Bench::<NewService>::new();
        for i in 0..20_000u32 {
            let [p, q, r, s] = i.to_be_bytes();
            serves(&mut b, MacAddr([2, 9, p, q, r, s]), 443, NEW);
        }
        assert!(b.detector.told.len() <= 4096);
    }
}
