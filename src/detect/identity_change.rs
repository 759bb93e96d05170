//! `identity_change`: a known device is not what it was.
//!
//! Evidence: one hardware address asks DHCP under another name and as another operating system than before: another vendor class or
//! another list of wanted options, with less than half in common. A new name alone, or a list that an update changed a little,
//! is not enough; neither is what boot loaders (PXE) ask. Which of its former looks a device may have again is remembered.
//!
//! Known false alarms: a computer that starts a second operating system for the first time, one installed anew, a
//! network adapter or dock moved to another computer (told as low when its maker sells mostly those).

use super::settings::settings;
use super::{Context, Detector, Kind, Texts, between, evidence, text_part};
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{DeviceChanged, Observation, interest};
use crate::table::identity::{Change, Face, Faces};
use crate::words::say;

/// Makers whose addresses are found mostly in adapters and docks, which people move about.
const ADAPTERS: [&str; 6] = ["ASIX", "Realtek", "Belkin", "Cable Matters", "Plugable", "Luxshare"];

settings! {
    /// Settings of `identity_change`.
    IdentityChangeSettings {
        /// Percent that the two lists of options have in common at most, when no vendor class names the system.
        /// 0 to 49: an update changes one or two of ten.
        alike_percent: u32 = 49, 0..=49;
    }
}

/// See the module.
pub struct IdentityChange {
    settings: IdentityChangeSettings,
}

impl Detector for IdentityChange {
    const KIND: Kind = Kind {
        id: "identity_change",
        severity: Severity::Medium,
        mitre: &["T1036", "T1200"],
        en: Texts {
            title: "A device is not what it was",
            what: "A device that is known here now presents itself as another machine, with the same hardware address. Somebody may have copied the address of an allowed device.",
            why: "It asked for an address under another name, and as another operating system than before.",
            harmless: "A computer that starts a second operating system, one that was installed anew, or a network adapter or dock that moved to another computer.",
            todo: "Look at the device itself: is it still the one you know? If its hardware address was copied, the real one is usually switched off or gone. Take it off the network until you know.",
            silence: "Mute identity_change for this device's address if it is meant to change, such as a dock that several people use.",
        },
        nl: Texts {
            title: "Apparaat is niet meer wat het was",
            what: "Een apparaat dat hier bekend is, doet zich nu voor als een andere machine, met hetzelfde hardware-adres. Misschien heeft iemand het adres van een toegelaten apparaat overgenomen.",
            why: "Het vroeg een adres aan onder een andere naam en als een ander besturingssysteem dan voorheen.",
            harmless: "Een computer die een tweede besturingssysteem start, een die opnieuw is geïnstalleerd, of een netwerkadapter of dock dat aan een andere computer hangt.",
            todo: "Bekijk het apparaat zelf: is het nog het apparaat dat u kent? Is het hardware-adres overgenomen, dan staat het echte apparaat meestal uit of is het weg. Haal het van het netwerk totdat u het weet.",
            silence: "Demp identity_change voor het adres van dit apparaat als het de bedoeling is dat het wisselt, zoals een dock dat meer mensen gebruiken.",
        },
    };
    const INTEREST: u64 = interest::DEVICE_CHANGED;
    type Settings = IdentityChangeSettings;

    fn new(settings: &IdentityChangeSettings, _keys: usize) -> Self {
        IdentityChange { settings: settings.clone() }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::DeviceChanged(device) = observation else { return };
        let Change::Identity(faces) = device.change else { return };
        let systems = faces.before.system.is_some() && faces.after.system.is_some();
        if systems || faces.alike <= self.settings.alike_percent {
            self.raise(cx, device, faces, out);
        }
    }
}

impl IdentityChange {
    fn raise(&self, cx: &Context<'_>, device: &DeviceChanged<'_>, faces: &Faces, out: &mut Findings) {
        let (before, after) = (&faces.before, &faces.after);
        let adapter = device.vendor.is_some_and(|v| ADAPTERS.iter().any(|maker| v.starts_with(maker)));
        let severity = if adapter { Severity::Low } else { Severity::Medium };
        let evidence = evidence! {
            "name_before" => before.name, "name_now" => after.name,
            "system_before" => before.system, "system_now" => after.system,
            "class_before" => before.class, "class_now" => after.class,
            "options_before" => before.options, "options_now" => after.options,
            "options_alike_percent" => faces.alike, "alike_percent" => self.settings.alike_percent,
        };
        let summary = say!(
            "{} was {} and now asks for an address as {}",
            "{} was {} en vraagt nu een adres als {}",
            device.mac,
            called(before),
            called(after)
        );
        let parts = [device.mac.as_u64(), text_part(&after.name)];
        let finding = Self::KIND.finding(severity, &parts, summary, evidence);
        let ip = device.ip.or_else(|| cx.lookup.ip_of(device.mac));
        out.push(between(finding, Some(Subject::station(device.mac, ip)), None));
    }
}

/// `laptop (Windows)`.
fn called(face: &Face) -> String {
    match (face.system, face.class.as_str()) {
        (Some(system), _) => format!("{} ({system})", face.name),
        (None, "") => face.name.clone(),
        (None, class) => format!("{} ({class})", face.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, mac};
    use crate::table::devices::DeviceKey;

    fn face(name: &str, system: Option<&'static str>) -> Face {
        Face { name: name.into(), system, ..Face::default() }
    }

    fn see(
        b: &mut Bench<IdentityChange>,
        before: Face,
        after: Face,
        alike: u32,
        vendor: Option<&'static str>,
    ) {
        let change = Change::Identity(Box::new(Faces { before, after, alike }));
        let key = DeviceKey::Mac(mac(1));
        let ip = Some(ip("192.168.1.9"));
        b.see(&Observation::DeviceChanged(&DeviceChanged {
            key,
            mac: mac(1),
            ip,
            name: None,
            vendor,
            change: &change,
        }));
    }

    #[test]
    fn another_system_and_another_name_are_told_with_both() {
        let mut b = Bench::<IdentityChange>::new();
        see(&mut b, face("reception", Some("Windows")), face("kali", Some("Linux")), 60, None);
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
        assert!(
            b.last().summary.en.contains("reception (Windows)")
                && b.last().summary.en.contains("kali (Linux)")
        );
        see(&mut b, face("reception", Some("Windows")), face("kali", Some("Linux")), 60, None);
        assert_eq!(b.alerts(), 1, "the same again");
    }

    #[test]
    fn without_a_known_system_the_lists_must_differ_and_adapters_are_low() {
        let mut b = Bench::<IdentityChange>::new();
        see(&mut b, face("a", None), face("b", None), 55, None);
        assert!(b.found.is_empty());
        see(&mut b, face("a", None), face("b", None), 20, Some("ASIX Electronics"));
        assert_eq!(b.last().severity, Severity::Low);
    }

    #[test]
    fn a_flood_of_hostile_names_makes_summaries_of_bounded_length() {
        let mut b = Bench::<IdentityChange>::new();
        for n in 0..1_000 {
            // The tables clean and cut what comes here.
            let name = format!("<b>{n}{}", "x".repeat(50));
            see(&mut b, face("reception", Some("Windows")), face(&name, Some("Linux")), 10, None);
        }
        assert!(b.found.iter().all(|f| f.summary.en.len() < 300));
        assert_eq!(
            std::mem::size_of::<IdentityChange>(),
            std::mem::size_of::<IdentityChangeSettings>(),
            "no state"
        );
    }
}
