//! `new_device`: a station that this monitor never saw before.
//!
//! Evidence: the first frame of a MAC address, after the learning time, in which every device is new. A registered address is
//! told at once. A random (locally administered) one is given some time to say what it is: phones make up a new one now
//! and then, and one that gives the host name and the DHCP fingerprint of a known device that left is that device, not a new one.
//!
//! Known false alarms: guests; phones that change their address and say nothing of themselves. When many appear at once only the
//! first few of a minute are told one by one, the rest as one alert that grows: that is a flood, which `mac_flood` counts.

use super::settings::settings;
use super::window::{Pace, Rate, Tick};
use super::{Context, Detector, Kind, Texts, between, evidence};
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{DeviceSeen, Observation, interest};
use crate::table::identity::Change;
use crate::time::{SECOND, Timestamp};
use crate::words::{Sentence, say, words};
use std::collections::VecDeque;

/// Stations that wait to be told; in a flood the others are told together.
const MAX_WAITING: usize = 64;

settings! {
    /// Settings of `new_device`.
    NewDeviceSettings {
        /// Hours of learning, in all runs together, before new devices are told. 0 to 720; a day sees most of a household.
        learning_hours: u32 = 24, 0..=720;
        /// Seconds that a station with a random address gets to show that it is a device already known, 0 to 300. Phones say
        /// their name within half a minute of joining.
        wait_s: u32 = 30, 0..=300;
        /// Most new devices told one by one within a minute, 1 to 100: more at once are a flood, not guests.
        per_minute: u32 = 10, 1..=100;
    }
}

/// See the module.
pub struct NewDevice {
    settings: NewDeviceSettings,
    told: Rate<60>,
    waiting: VecDeque<(Timestamp, DeviceSeen)>,
    more: u64,
    pace: Pace,
}

impl Detector for NewDevice {
    const KIND: Kind = Kind {
        id: "new_device",
        severity: Severity::Low,
        mitre: &["T1200"],
        en: Texts {
            title: "New device",
            what: "A device is on the network that was never seen here before.",
            why: "Its hardware address is not among those learned so far, and nothing it says of itself fits a known device that left.",
            harmless: "A guest, a new purchase, or a phone that has made up a new private address for itself and says nothing by which it could be recognised.",
            todo: "If you know it, give it a name. If you do not, look for it, and change the Wi-Fi password if nobody knows whose it is.",
            silence: "Give the device a name, or mute new_device if you do not want to hear about new devices at all.",
        },
        nl: Texts {
            title: "Nieuw apparaat",
            what: "Er is een apparaat op het netwerk dat hier nooit eerder is gezien.",
            why: "Het hardware-adres staat niet bij de adressen die tot nu toe zijn geleerd, en wat het apparaat over zichzelf zegt past bij geen bekend apparaat dat is vertrokken.",
            harmless: "Een gast, een nieuwe aankoop, of een telefoon die een nieuw privéadres voor zichzelf heeft bedacht en niets zegt waaraan die te herkennen is.",
            todo: "Kent u het apparaat, geef het dan een naam. Kent u het niet, zoek het dan op, en wijzig het wifi-wachtwoord als niemand weet van wie het is.",
            silence: "Geef het apparaat een naam, of demp new_device als u helemaal geen bericht over nieuwe apparaten wilt.",
        },
    };
    const INTEREST: u64 = interest::DEVICE | interest::DEVICE_CHANGED | interest::SECOND;
    type Settings = NewDeviceSettings;

    fn new(settings: &NewDeviceSettings, _keys: usize) -> Self {
        NewDevice {
            settings: settings.clone(),
            told: Rate::default(),
            waiting: VecDeque::new(),
            more: 0,
            pace: Pace::default(),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::DeviceNew(device) => self.on_new(cx, device, out),
            Observation::DeviceChanged(changed) => {
                if let Change::Joined { mac, .. } = changed.change {
                    self.waiting.retain(|(_, waiting)| waiting.mac != *mac);
                }
            }
            _ => self.on_second(cx, out),
        }
    }
}

impl NewDevice {
    fn on_new(&mut self, cx: &Context<'_>, device: &DeviceSeen, out: &mut Findings) {
        let learned = cx.lookup.learning_for() >= u64::from(self.settings.learning_hours) * 3600;
        if !learned || !device.mac.is_station() {
            return;
        }
        if !device.mac.is_local() || self.settings.wait_s == 0 {
            self.tell(cx, device, out);
        } else if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back((cx.now, *device));
        } else {
            self.tell_more(cx, out);
        }
    }

    fn on_second(&mut self, cx: &Context<'_>, out: &mut Findings) {
        let wait = i64::from(self.settings.wait_s) * SECOND;
        while let Some((since, device)) = self.waiting.front().copied()
            && cx.now.since(since) >= wait
        {
            self.waiting.pop_front();
            self.tell(cx, &device, out);
        }
    }

    fn tell(&mut self, cx: &Context<'_>, device: &DeviceSeen, out: &mut Findings) {
        if self.told.total(cx.now) < u64::from(self.settings.per_minute) {
            self.told.add(cx.now, 1);
            self.raise(cx, device, out);
        } else {
            // Counted as told: while it goes on like this nothing is told one by one.
            self.told.add(cx.now, 1);
            self.tell_more(cx, out);
        }
    }

    /// More at once than guests come: one alert for all of them.
    fn tell_more(&mut self, cx: &Context<'_>, out: &mut Findings) {
        self.more += 1;
        if !self.pace.due(Tick::of(cx.now)) {
            return;
        }
        let evidence =
            evidence! { "devices" => self.more, "window_s" => 60, "per_minute" => self.settings.per_minute };
        let summary = say!(
            "More than {} new devices within a minute: the others are counted here",
            "Meer dan {} nieuwe apparaten binnen een minuut: de andere worden hier geteld",
            self.settings.per_minute
        );
        out.push(Self::KIND.finding(Severity::Low, &[u64::MAX], summary, evidence));
    }

    fn raise(&self, cx: &Context<'_>, device: &DeviceSeen, out: &mut Findings) {
        let random = device.mac.is_local();
        let ip = device.ip.or_else(|| cx.lookup.ip_of(device.mac));
        let name = ip.and_then(|ip| cx.lookup.name_of(ip));
        let by = match device.vendor {
            Some(vendor) => say!(" by {vendor}", " van {vendor}"),
            None if random => words(" with a random address", " met een willekeurig adres").into(),
            None => Sentence::default(),
        };
        let called = name.map(|name| say!(" called {name}", " met de naam {name}")).unwrap_or_default();
        let at = ip.map(|ip| say!(" at {ip}", " op {ip}")).unwrap_or_default();
        let evidence = evidence! {
            "mac" => device.mac.to_string(), "vendor" => device.vendor, "random_mac" => random, "name" => name,
            "learned_hours" => cx.lookup.learning_for() / 3600,
            "learning_hours" => self.settings.learning_hours,
        };
        let summary = say!(
            "New device {}{by}{called}{at}",
            "Nieuw apparaat {}{by}{called}{at}",
            device.mac;
            by, called, at
        );
        let finding = Self::KIND.finding(Severity::Low, &[device.mac.as_u64()], summary, evidence);
        out.push(between(finding, Some(Subject::station(device.mac, ip)), None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::MacAddr;
    use crate::detect::bench::{Bench, ip, mac};
    use crate::observe::{DeviceChanged, SensorSecond};
    use crate::table::devices::DeviceKey;

    const REGISTERED: MacAddr = MacAddr([0xb8, 0x27, 0xeb, 0, 0, 1]);

    fn device(mac: MacAddr) -> DeviceSeen {
        DeviceSeen { mac, ip: Some(ip("192.168.1.7")), vendor: None }
    }

    fn bench() -> Bench<NewDevice> {
        let mut b = Bench::new();
        b.known.learning_s = 1_000_000;
        b
    }

    fn pass(b: &mut Bench<NewDevice>, seconds: u32) {
        for _ in 0..seconds {
            b.wait(1.0);
            b.see(&Observation::Second(&SensorSecond::default()));
        }
    }

    #[test]
    fn a_new_device_is_told_only_after_learning() {
        let mut b = bench();
        b.known.learning_s = 86_399;
        b.see(&Observation::DeviceNew(&device(REGISTERED)));
        assert!(b.found.is_empty());
        b.known.learning_s = 86_400;
        b.see(&Observation::DeviceNew(&device(REGISTERED)));
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Low));
        assert_eq!(b.last().source.as_ref().and_then(|s| s.mac), Some(REGISTERED));
    }

    #[test]
    fn a_random_address_is_told_when_it_has_not_said_who_it_is() {
        let mut b = bench();
        b.see(&Observation::DeviceNew(&device(mac(2))));
        pass(&mut b, 29);
        assert!(b.found.is_empty());
        pass(&mut b, 2);
        assert_eq!(b.alerts(), 1);
        assert!(b.last().summary.en.contains("random"));
    }

    #[test]
    fn a_known_device_with_another_address_is_not_new() {
        let mut b = bench();
        b.see(&Observation::DeviceNew(&device(mac(2))));
        b.see(&Observation::DeviceNew(&device(mac(3))));
        let change = Change::Joined { mac: mac(2), why: Sentence::same("both ask alike") };
        let key = DeviceKey::Mac(mac(1));
        let changed = DeviceChanged { key, mac: mac(2), ip: None, name: None, vendor: None, change: &change };
        b.see(&Observation::DeviceChanged(&changed));
        pass(&mut b, 60);
        assert_eq!(b.alerts(), 1);
        assert_eq!(b.last().source.as_ref().and_then(|s| s.mac), Some(mac(3)));
    }

    #[test]
    fn group_addresses_are_no_devices() {
        let mut b = bench();
        b.see(&Observation::DeviceNew(&device(MacAddr::BROADCAST)));
        b.see(&Observation::DeviceNew(&device(MacAddr::NONE)));
        pass(&mut b, 60);
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_random_or_registered_addresses_tells_ten_and_one_for_all_others() {
        for first in [0x02, 0x00] {
            let mut b = bench();
            for i in 0..60_000u32 {
                let [a, c, d, e] = i.to_be_bytes();
                b.see(&Observation::DeviceNew(&device(MacAddr([first, 9, a, c, d, e]))));
                b.wait(0.01);
                if i % 100 == 0 {
                    pass(&mut b, 0);
                    b.see(&Observation::Second(&SensorSecond::default()));
                }
            }
            assert!(b.alerts() <= 11, "{}", b.alerts());
            assert!(b.detector.waiting.len() <= MAX_WAITING);
            assert!(b.found.len() < 700, "told at most once a second: {}", b.found.len());
        }
    }
}
