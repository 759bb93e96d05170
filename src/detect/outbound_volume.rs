//! `outbound_volume`: far more goes out than usual, to where it does not usually go.
//!
//! Evidence: bytes that one device sends to one outside destination (registered domain, else network) within an hour, while a
//! flow goes on as well as when it is over; or to all destinations that are not usual for it within a day, against the bytes
//! of its own usual day (see [`crate::table::habits`]). Destinations used while the device was learned, or on several days, are its
//! own affair: backups, cloud drives, calls. More must go than comes: in calls and file sharing both are alike.
//!
//! Nothing is told in a device's learning time. Known false alarms: the first backup to a new service; a live broadcast.

use super::settings::settings;
use super::window::Pace;
use super::{Context, Detector, Kind, Texts, between, evidence, text_part};
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Habit, HabitSeen, Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::devices::DeviceKey;
use crate::table::flows::Flow;
use crate::table::habits::Upload;
use crate::words::say;

settings! {
    /// Settings of `outbound_volume`.
    OutboundVolumeSettings {
        /// Megabytes to one destination within an hour, 1 to 1000000. 500 is a thousand photographs; a day of a camera's
        /// stills is less.
        megabytes: u32 = 500, 1..=1_000_000;
        /// Times its own usual day that a device may send to unusual destinations within a day, 2 to 1000.
        usual_days: u32 = 5, 2..=1000;
        /// Megabytes that such a day must have at least, 1 to 1000000: most devices send next to nothing on a usual day.
        day_megabytes: u32 = 1000, 1..=1_000_000;
        /// How many times what it receives from there a device must send, 1 to 100. In calls and file sharing both are alike.
        to_received: u32 = 2, 1..=100;
        /// Destinations (domains with all below them) that may be sent anything.
        allow: Vec<String> = ALLOW.iter().map(|d| (*d).to_owned()).collect();
    }
}

/// Where phones and computers put backups by themselves.
const ALLOW: [&str; 6] =
    ["apple.com", "backblaze.com", "backblazeb2.com", "crashplan.com", "icloud.com", "icloud-content.com"];

/// See the module.
pub struct OutboundVolume {
    settings: OutboundVolumeSettings,
    told: Bounded<DeviceKey, Pace>,
}

impl Detector for OutboundVolume {
    const KIND: Kind = Kind {
        id: "outbound_volume",
        severity: Severity::Medium,
        mitre: &["T1048", "T1567"],
        en: Texts {
            title: "Unusually much data leaves",
            what: "A device sends a large amount of data to a place on the internet that it does not usually send to.",
            why: "The data sent there within an hour, or to such places within a day, is more than the limit and far more than came back.",
            harmless: "The first backup to a new service, a large file or video that somebody uploads, a live broadcast.",
            todo: "Ask who uses the device whether they are uploading something. If nobody is, disconnect it: data may be being stolen. Look up whom the destination belongs to.",
            silence: "Add the domain to allow under [detect.outbound_volume], or mute outbound_volume with this device as the source.",
        },
        nl: Texts {
            title: "Er gaan ongewoon veel gegevens naar buiten",
            what: "Een apparaat stuurt een grote hoeveelheid gegevens naar een plek op internet waar het gewoonlijk niets heen stuurt.",
            why: "Wat er binnen een uur heen ging, of binnen een dag naar zulke plekken, is meer dan de grens en veel meer dan er terugkwam.",
            harmless: "De eerste back-up naar een nieuwe dienst, een groot bestand of een video die iemand uploadt, een live-uitzending.",
            todo: "Vraag de gebruiker van het apparaat of er iets wordt geüpload. Zo niet, koppel het apparaat dan los: mogelijk worden er gegevens gestolen. Zoek op van wie de bestemming is.",
            silence: "Zet het domein bij allow onder [detect.outbound_volume], of demp outbound_volume met dit apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::HABIT;
    type Settings = OutboundVolumeSettings;

    fn new(settings: &OutboundVolumeSettings, keys: usize) -> Self {
        OutboundVolume { settings: settings.clone(), told: Bounded::new(keys) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::Habit(seen) = observation else { return };
        let Habit::Upload(flow, upload) = seen.what else { return };
        let Some(day) = self.exceeded(&upload) else { return };
        let below = |name: &str, domain: &str| {
            name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if seen.name.is_some_and(|name| self.settings.allow.iter().any(|domain| below(name, domain))) {
            return;
        }
        if self.told.entry(seen.device, Pace::default).0.due(cx.tick()) {
            self.raise(seen, flow, &upload, day, out);
        }
    }
}

impl OutboundVolume {
    /// Whether it is too much: for an hour (false), or for a day (true).
    fn exceeded(&self, upload: &Upload) -> Option<bool> {
        let s = &self.settings;
        let bytes = |megabytes: u32| u64::from(megabytes) * 1_000_000;
        let mostly_out = |up: u64, down: u64| up >= down.saturating_mul(u64::from(s.to_received));
        if upload.up >= bytes(s.megabytes) && mostly_out(upload.up, upload.down) {
            return Some(false);
        }
        let day = bytes(s.day_megabytes).max(upload.usual.saturating_mul(u64::from(s.usual_days)));
        (upload.strange_up >= day && mostly_out(upload.strange_up, upload.strange_down)).then_some(true)
    }

    fn raise(&self, seen: &HabitSeen<'_>, flow: &Flow, upload: &Upload, day: bool, out: &mut Findings) {
        let mega = |bytes: u64| bytes / 1_000_000;
        let place = seen.name.map_or_else(|| flow.server.to_string(), |n| format!("{n} ({})", flow.server));
        let summary = if day {
            say!(
                "{} sent {} MB to unusual destinations today, last to {place}; on a usual day it sends {} MB",
                "{} stuurde vandaag {} MB naar ongewone bestemmingen, het laatst naar {place}; op een gewone dag stuurt het {} MB",
                seen.ip,
                mega(upload.strange_up),
                mega(upload.usual)
            )
        } else {
            say!(
                "{} sent {} MB to {place} within an hour, where it does not usually send",
                "{} stuurde binnen een uur {} MB naar {place}, waar het gewoonlijk niets heen stuurt",
                seen.ip,
                mega(upload.up)
            )
        };
        let (window, threshold) =
            if day { (86_400, self.settings.day_megabytes) } else { (3600, self.settings.megabytes) };
        let evidence = evidence! {
            "megabytes_out" => mega(if day { upload.strange_up } else { upload.up }),
            "megabytes_in" => mega(if day { upload.strange_down } else { upload.down }),
            "window_s" => window, "threshold" => threshold,
            "usual_day_megabytes" => mega(upload.usual), "days_known" => upload.days,
        };
        let parts = [text_part(&seen.device.id())];
        let finding = Self::KIND.finding(Severity::Medium, &parts, summary, evidence);
        let target = Subject {
            name: seen.name.map(str::to_owned),
            ..Subject::endpoint(flow.server, flow.server_port)
        };
        out.push(between(finding, Some(Subject::ip(seen.ip)), Some(target)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::MacAddr;
    use crate::detect::bench::{Bench, ip, mac, tcp};

    const MB: u64 = 1_000_000;

    fn sends(b: &mut Bench<OutboundVolume>, device: MacAddr, name: Option<&str>, upload: Upload) {
        let flow = tcp("192.168.1.20", "203.0.113.9", 443);
        let what = Habit::Upload(&flow, upload);
        let seen = HabitSeen { device: DeviceKey::Mac(device), ip: ip("192.168.1.20"), name, what };
        b.see(&Observation::Habit(&seen));
        b.wait(16.0);
    }

    fn sent(up: u64, down: u64) -> Upload {
        Upload {
            up: up * MB,
            down: down * MB,
            strange_up: up * MB,
            strange_down: down * MB,
            usual: MB,
            days: 9,
        }
    }

    #[test]
    fn half_a_gigabyte_out_is_one_alert_that_grows() {
        let mut b = Bench::<OutboundVolume>::new();
        for megabytes in (100..900).step_by(50) {
            sends(&mut b, mac(1), None, sent(megabytes, 3));
        }
        assert_eq!((b.alerts(), b.found.len(), b.last().severity), (1, 8, Severity::Medium));
    }

    #[test]
    fn what_comes_back_in_like_amount_is_a_call() {
        let mut b = Bench::<OutboundVolume>::new();
        sends(&mut b, mac(1), None, sent(900, 600));
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_day_is_measured_by_the_usual_day_but_not_below_the_floor() {
        let mut b = Bench::<OutboundVolume>::new();
        let day = |usual, strange_up| Upload { up: 9 * MB, usual, strange_up, ..sent(9, 1) };
        sends(&mut b, mac(1), None, day(MB, 900 * MB));
        sends(&mut b, mac(1), None, day(300 * MB, 1400 * MB));
        assert!(b.found.is_empty());
        sends(&mut b, mac(1), None, day(300 * MB, 1500 * MB));
        assert_eq!(b.alerts(), 1);
        assert!(b.last().summary.en.contains("300 MB"));
    }

    #[test]
    fn backups_that_systems_make_by_themselves_are_allowed() {
        let mut b = Bench::<OutboundVolume>::new();
        sends(&mut b, mac(1), Some("p42.icloud-content.com"), sent(5000, 9));
        assert!(b.found.is_empty());
        sends(&mut b, mac(1), Some("noticloud.com"), sent(5000, 9));
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn a_flood_of_devices_stays_within_its_table() {
        let mut b = Bench::<OutboundVolume>::new();
        for i in 0..20_000u32 {
            let [p, q, r, s] = i.to_be_bytes();
            sends(&mut b, MacAddr([2, 9, p, q, r, s]), None, sent(5000, 9));
        }
        assert!(b.detector.told.len() <= 4096);
    }
}
