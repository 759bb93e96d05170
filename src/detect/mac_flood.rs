//! `mac_flood`: frames from hundreds of made-up stations, which fill a switch's memory until it shows everyone
//! everything.
//!
//! Evidence: sources of frames that were not heard of for ten minutes or more. In the first minute of the monitor every
//! station is new; then it counts only when a good part of them cannot be real: group addresses as senders, or addresses
//! that belong to no maker and do not say that they are made up by software, as telephones' do.
//!
//! Known false alarms: another large network that is suddenly bridged into this one. Not one: a network that is large,
//! seen for the first time; a class of guests with telephones.

use super::settings::settings;
use super::window::{Pace, Rate};
use super::{Context, Detector, Kind, Texts, evidence};
use crate::addr::{MacAddr, vendor};
use crate::alert::{Findings, Severity};
use crate::observe::{Observation, interest};
use crate::words::say;

settings! {
    /// Settings of `mac_flood`.
    MacFloodSettings {
        /// New stations within ten seconds. 50 to 100000; a busy hall of guests brings a few a second.
        stations: u32 = 200, 50..=100_000;
        /// Of which so many in percent cannot be real. 5 to 90; of addresses made up at random it is three in four.
        unreal_percent: u32 = 20, 5..=90;
    }
}

/// See the module.
pub struct MacFlood {
    settings: MacFloodSettings,
    new: Rate<10>,
    unreal: Rate<10>,
    pace: Pace,
}

impl Detector for MacFlood {
    const KIND: Kind = Kind {
        id: "mac_flood",
        severity: Severity::High,
        mitre: &["T1557", "T1499"],
        en: Texts {
            title: "Flood of hardware addresses",
            what: "Someone is sending frames in the name of hundreds of devices that do not exist. A switch forgets the real ones then and shows all traffic to everyone.",
            why: "Within ten seconds frames came from hundreds of hardware addresses that were never seen before, many of which no real device can have.",
            harmless: "Another large network that has just been connected to yours.",
            todo: "Look at the switch: the port with hundreds of addresses is where the device is connected. Disconnect it. Switches with port security stop this by themselves.",
            silence: "Mute mac_flood as a kind; it names no device.",
        },
        nl: Texts {
            title: "Stortvloed van hardware-adressen",
            what: "Iemand verstuurt pakketten uit naam van honderden apparaten die niet bestaan. Een switch vergeet dan de echte en laat iedereen al het verkeer zien.",
            why: "Binnen tien seconden kwamen er pakketten van honderden hardware-adressen die nooit eerder zijn gezien, waarvan vele bij geen enkel echt apparaat kunnen horen.",
            harmless: "Een ander groot netwerk dat zojuist met het uwe is verbonden.",
            todo: "Kijk op de switch: op de poort met honderden adressen zit het apparaat. Koppel het los. Switches met poortbeveiliging houden dit zelf tegen.",
            silence: "Demp mac_flood als soort; er wordt geen apparaat bij genoemd.",
        },
    };
    const INTEREST: u64 = interest::STATION;
    type Settings = MacFloodSettings;

    fn new(settings: &MacFloodSettings, _keys: usize) -> Self {
        MacFlood {
            settings: settings.clone(),
            new: Rate::default(),
            unreal: Rate::default(),
            pace: Pace::default(),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::Station(mac) = observation else { return };
        self.new.add(cx.now, 1);
        self.unreal.add(cx.now, u32::from(is_unreal(*mac)));
        let new = self.new.total(cx.now);
        let s = &self.settings;
        if new < u64::from(s.stations) {
            return;
        }
        let unreal = self.unreal.total(cx.now);
        if unreal * 100 < new * u64::from(s.unreal_percent) || !self.pace.due(cx.tick()) {
            return;
        }
        let summary = say!(
            "{new} hardware addresses never seen before sent frames in ten seconds",
            "{new} netwerkkaarten die nooit eerder zijn gezien verstuurden iets in tien seconden"
        );
        let evidence = evidence! {
            "stations" => new, "threshold" => s.stations, "unreal" => unreal, "window_s" => 10,
            "unreal_percent_threshold" => s.unreal_percent, "last" => mac.to_string(),
        };
        out.push(Self::KIND.finding(Severity::High, &[], summary, evidence));
    }
}

/// Whether no device can have this address: a group's, or one of no maker that is not said to be made up either.
fn is_unreal(mac: MacAddr) -> bool {
    mac.is_group() || (!mac.is_local() && vendor::of(mac).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::Bench;
    use crate::detect::window::mix;

    fn random(i: u64) -> MacAddr {
        let b = mix(i + 77).to_be_bytes();
        MacAddr([b[0], b[1], b[2], b[3], b[4], b[5]])
    }

    #[test]
    fn a_flood_of_random_addresses_is_one_alert() {
        let mut b = Bench::<MacFlood>::new();
        for i in 0..20_000 {
            b.see(&Observation::Station(random(i)));
            b.wait(0.001);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
        assert!(b.found.len() <= 21);
    }

    #[test]
    fn a_large_network_telephones_and_a_slow_stream_are_none() {
        let mut b = Bench::<MacFlood>::new();
        for i in 0..1_000u32 {
            let [_, a, c, d] = i.to_be_bytes();
            b.see(&Observation::Station(MacAddr([0x3c, 0x37, 0x12, a, c, d])));
            b.see(&Observation::Station(MacAddr([0xda, 9, 9, a, c, d])));
            b.wait(0.002);
        }
        b.wait(20.0);
        for i in 0..1_000 {
            b.see(&Observation::Station(random(i)));
            b.wait(0.06);
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }
}
