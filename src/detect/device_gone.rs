//! `device_gone`: a device that its owner marked as important is silent for longer than it ever is.
//!
//! Evidence: no frame of it for several times its longest silence of the last week, and no less than a floor. Only
//! devices known for some time are told: before that nobody knows how long they sleep. Time in which the sensor itself heard
//! nothing does not count.
//!
//! Known false alarms: a device that was switched off on purpose, a phone whose owner travels.

use super::settings::settings;
use super::{Context, Detector, Kind, Texts, between, evidence};
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{DeviceChanged, Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::devices::DeviceKey;
use crate::table::identity::Change;
use crate::time::Timestamp;
use crate::words::say;

settings! {
    /// Settings of `device_gone`.
    DeviceGoneSettings {
        /// How many times its longest silence of the last week, 2 to 20. Three leaves room for a day unlike the others.
        times_usual: u32 = 3, 2..=20;
        /// Never told before this many seconds of silence, 300 to 86,400: a restart takes minutes.
        floor_s: u32 = 900, 300..=86_400;
        /// Hours for which a device must be known, 0 to 168: a day shows how long it sleeps.
        known_hours: u32 = 24, 0..=168;
    }
}

/// See the module.
pub struct DeviceGone {
    settings: DeviceGoneSettings,
    /// Which silence was told, by when it began.
    told: Bounded<DeviceKey, Timestamp>,
}

impl Detector for DeviceGone {
    const KIND: Kind = Kind {
        id: "device_gone",
        severity: Severity::Low,
        mitre: &["T1489"],
        en: Texts {
            title: "An important device is silent",
            what: "A device that you marked as important has not been heard for longer than usual.",
            why: "It has been silent for several times its longest silence of the last week.",
            harmless: "It was switched off, restarted for an update, or taken along.",
            todo: "Look whether it has power and network. A camera or an alarm that falls silent may have been disconnected on purpose.",
            silence: "Take away the mark \"important\" on the page of the device, or mute device_gone for its address.",
        },
        nl: Texts {
            title: "Belangrijk apparaat is stil",
            what: "Een apparaat dat u als belangrijk hebt gemarkeerd, is langer dan gewoonlijk niet gehoord.",
            why: "Het is enkele malen zo lang stil als zijn langste stilte van de afgelopen week.",
            harmless: "Het is uitgezet, herstart voor een update, of meegenomen.",
            todo: "Kijk of het stroom en netwerk heeft. Een camera of alarm dat stilvalt, kan met opzet zijn losgekoppeld.",
            silence: "Haal de markering \"belangrijk\" weg op de pagina van het apparaat, of demp device_gone voor zijn adres.",
        },
    };
    const INTEREST: u64 = interest::DEVICE_CHANGED;
    type Settings = DeviceGoneSettings;

    fn new(settings: &DeviceGoneSettings, keys: usize) -> Self {
        DeviceGone { settings: settings.clone(), told: Bounded::new(keys.min(256)) }
    }

    fn observe(&mut self, _cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::DeviceChanged(device) = observation else { return };
        let Change::Silent { seconds, since, usual, known } = device.change else { return };
        let threshold = u64::from(self.settings.floor_s).max(usual * u64::from(self.settings.times_usual));
        if *seconds < threshold || *known < u64::from(self.settings.known_hours) * 3600 {
            return;
        }
        let (told, new) = self.told.entry(device.key, || *since);
        if new || *told != *since {
            *told = *since;
            self.raise(device, *seconds, *usual, out);
        }
    }
}

impl DeviceGone {
    fn raise(&self, device: &DeviceChanged<'_>, seconds: u64, usual: u64, out: &mut Findings) {
        let key = device.key.id();
        let name = device.name.map_or_else(|| key.clone(), str::to_owned);
        let evidence = evidence! {
            "silent_s" => seconds, "usual_s" => usual, "times_usual" => self.settings.times_usual,
            "floor_s" => self.settings.floor_s,
        };
        let summary = say!(
            "{name} has been silent for {} min; its longest silence of the last week was {} min",
            "{name} is al {} min stil; de langste stilte van de afgelopen week was {} min",
            seconds / 60,
            usual / 60
        );
        let finding = Self::KIND.finding(Severity::Low, &[super::text_part(&key)], summary, evidence);
        let subject = Subject { name: Some(name), ..Subject::station(device.mac, device.ip) };
        let subject = if device.mac.is_none() { Subject { mac: None, ..subject } } else { subject };
        out.push(between(finding, Some(subject), None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, mac};

    fn silent(b: &mut Bench<DeviceGone>, n: u8, seconds: u64, usual: u64, known: u64) {
        let since = Timestamp::from_secs(77);
        let change = Change::Silent { seconds, since, usual, known };
        let key = DeviceKey::Mac(mac(n));
        let ip = Some(ip("192.168.1.5"));
        let name = Some("camera");
        b.see(&Observation::DeviceChanged(&DeviceChanged {
            key,
            mac: mac(n),
            ip,
            name,
            vendor: None,
            change: &change,
        }));
    }

    #[test]
    fn a_silence_is_told_once_when_it_is_several_times_the_usual() {
        let mut b = Bench::<DeviceGone>::new();
        for minute in 5..120 {
            silent(&mut b, 1, minute * 60, 600, 1_000_000);
        }
        assert_eq!((b.alerts(), b.found.len(), b.last().severity), (1, 1, Severity::Low));
        assert_eq!(b.last().evidence["silent_s"], 1800);
        assert!(b.last().summary.en.contains("camera"));
    }

    #[test]
    fn short_silences_and_devices_barely_known_are_not_told() {
        let mut b = Bench::<DeviceGone>::new();
        silent(&mut b, 1, 840, 0, 1_000_000);
        silent(&mut b, 2, 90_000, 36_000, 1_000_000);
        silent(&mut b, 3, 90_000, 60, 3_600);
        assert!(b.found.is_empty());
        silent(&mut b, 1, 900, 0, 1_000_000);
        assert_eq!(b.alerts(), 1, "the floor");
    }

    #[test]
    fn a_flood_of_silent_devices_stays_bounded() {
        let mut b = Bench::<DeviceGone>::new();
        for n in 0..20_000u32 {
            let change =
                Change::Silent { seconds: 9_000, since: Timestamp::from_secs(7), usual: 0, known: 1_000_000 };
            let [x, y, z, w] = n.to_be_bytes();
            let mac = crate::addr::MacAddr([2, 0, x, y, z, w]);
            let key = DeviceKey::Mac(mac);
            let seen = DeviceChanged { key, mac, ip: None, name: None, vendor: None, change: &change };
            b.see(&Observation::DeviceChanged(&seen));
        }
        assert!(b.detector.told.len() <= 256);
    }
}
