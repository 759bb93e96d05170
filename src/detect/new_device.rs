//! `new_device`: a station that this monitor never saw before.
//!
//! Evidence: the first frame of a MAC address, after the learning time, in which every device is new. A random
//! (locally administered) address is said to be so: phones make a new one per network and some change it from time to time.
//!
//! Known false alarms: guests; phones that change their address. When many appear at once only the first few of a minute
//! are told: the rest is a flood, which `mac_flood` counts.

use super::settings::settings;
use super::window::Rate;
use super::{Context, Detector, Kind, Texts, between, evidence};
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{DeviceSeen, Observation, interest};

settings! {
    /// Settings of `new_device`.
    NewDeviceSettings {
        /// Hours of learning, in all runs together, before new devices are told. 0 to 720; a day sees most of a household.
        learning_hours: u32 = 24, 0..=720;
        /// Most new devices told within a minute, 1 to 100: more at once are a flood, not guests.
        per_minute: u32 = 10, 1..=100;
    }
}

/// See the module.
pub struct NewDevice {
    settings: NewDeviceSettings,
    told: Rate<60>,
}

impl Detector for NewDevice {
    const KIND: Kind = Kind {
        id: "new_device",
        severity: Severity::Low,
        mitre: &["T1200"],
        en: Texts {
            title: "New device",
            what: "A device is on the network that was never seen here before.",
            why: "Its hardware address is not among those learned so far.",
            harmless: "A guest, a new purchase, or a phone that has made up a new private address for itself.",
            todo: "If you know it, give it a name. If you do not, look for it, and change the Wi-Fi password if nobody knows whose it is.",
            silence: "Give the device a name, or mute new_device if you do not want to hear about new devices at all.",
        },
        nl: Texts {
            title: "Nieuw apparaat",
            what: "Er is een apparaat op het netwerk dat hier nooit eerder is gezien.",
            why: "Het hardware-adres staat niet bij de adressen die tot nu toe zijn geleerd.",
            harmless: "Een gast, een nieuwe aankoop, of een telefoon die een nieuw privéadres voor zichzelf heeft bedacht.",
            todo: "Kent u het apparaat, geef het dan een naam. Kent u het niet, zoek het dan op, en wijzig het wifi-wachtwoord als niemand weet van wie het is.",
            silence: "Geef het apparaat een naam, of demp new_device als u helemaal geen bericht over nieuwe apparaten wilt.",
        },
    };
    const INTEREST: u64 = interest::DEVICE;
    type Settings = NewDeviceSettings;

    fn new(settings: &NewDeviceSettings, _keys: usize) -> Self {
        NewDevice { settings: settings.clone(), told: Rate::default() }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::DeviceNew(device) = observation else { return };
        let learned = cx.lookup.learning_for() >= u64::from(self.settings.learning_hours) * 3600;
        if !learned || !device.mac.is_station() {
            return;
        }
        if self.told.total(cx.now) < u64::from(self.settings.per_minute) {
            self.told.add(cx.now, 1);
            self.raise(cx, device, out);
        }
    }
}

impl NewDevice {
    fn raise(&self, cx: &Context<'_>, device: &DeviceSeen, out: &mut Findings) {
        let random = device.mac.is_local();
        let by = match device.vendor {
            Some(vendor) => format!(" by {vendor}"),
            None if random => " with a random address".to_owned(),
            None => String::new(),
        };
        let at = device.ip.map(|ip| format!(" at {ip}")).unwrap_or_default();
        let evidence = evidence! {
            "mac" => device.mac.to_string(), "vendor" => device.vendor, "random_mac" => random,
            "learned_hours" => cx.lookup.learning_for() / 3600,
            "learning_hours" => self.settings.learning_hours,
        };
        let summary = format!("New device {}{by}{at}", device.mac);
        let finding = Self::KIND.finding(Severity::Low, &[device.mac.as_u64()], summary, evidence);
        out.push(between(finding, Some(Subject::station(device.mac, device.ip)), None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::MacAddr;
    use crate::detect::bench::{Bench, ip, mac};

    fn device(mac: MacAddr) -> DeviceSeen {
        DeviceSeen { mac, ip: Some(ip("192.168.1.7")), vendor: None }
    }

    #[test]
    fn a_new_device_is_told_only_after_learning() {
        let mut b = Bench::<NewDevice>::new();
        b.known.learning_s = 86_399;
        b.see(&Observation::DeviceNew(&device(mac(1))));
        assert!(b.found.is_empty());
        b.known.learning_s = 86_400;
        b.see(&Observation::DeviceNew(&device(mac(2))));
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Low));
        assert!(b.last().summary.contains("random"));
        assert_eq!(b.last().source.as_ref().and_then(|s| s.mac), Some(mac(2)));
    }

    #[test]
    fn group_addresses_are_no_devices() {
        let mut b = Bench::<NewDevice>::new();
        b.known.learning_s = 1_000_000;
        b.see(&Observation::DeviceNew(&device(MacAddr::BROADCAST)));
        b.see(&Observation::DeviceNew(&device(MacAddr::NONE)));
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_random_addresses_tells_a_few_a_minute() {
        let mut b = Bench::<NewDevice>::new();
        b.known.learning_s = 1_000_000;
        for i in 0..60_000u32 {
            let [a, c, d, e] = i.to_be_bytes();
            b.see(&Observation::DeviceNew(&device(MacAddr([2, 9, a, c, d, e]))));
            b.wait(0.001);
        }
        assert_eq!(b.alerts(), 10);
    }
}
