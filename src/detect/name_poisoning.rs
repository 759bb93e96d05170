//! `name_poisoning`: a host answers for names on the local network that are not its own (LLMNR, NetBIOS, mDNS), to be
//! taken for a file server or a proxy and collect passwords.
//!
//! Evidence, per station: different names that it answers for by LLMNR or NetBIOS with its own address, within ten
//! minutes: an honest host has one name, two with its workgroup; fewer when one of them belongs to another host. Or an
//! answer for `wpad` or `isatap`, which Windows machines trust blindly, by whatever protocol.
//!
//! mDNS alone does not count: hosts announce further names of their own there. Not alarms: gateways that pass mDNS on (they
//! give others' addresses); WINS servers. Known false alarms: a file server with several aliases, a proxy that is really
//! called `wpad`.

use super::settings::settings;
use super::window::{Distinct, Pace, Tick};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part, text_part};
use crate::addr::{Ip, MacAddr};
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{DnsSeen, Observation, interest};
use crate::table::bounded::Bounded;
use crate::wire::dns::Data;
use crate::wire::nbns;
use crate::words::say;

settings! {
    /// Settings of `name_poisoning`.
    NamePoisoningSettings {
        /// Different names that one host answers for within ten minutes. 2 to 12; a host has its own and its workgroup's.
        names: u32 = 3, 2..=12;
        /// Names that only this host may answer for, such as a proxy that is really called wpad.
        allow: Vec<String> = Vec::new();
    }
}

/// The window, seconds.
const SECONDS: u32 = 600;
/// How long a name is its owner's after the last answer, seconds.
const OWNED_SECONDS: u32 = 3600;
/// Names that machines ask for by themselves, and whose owner gets their traffic.
const COVETED: [&str; 2] = ["wpad", "isatap"];
/// Characters of a name that count: NetBIOS has no more.
const LENGTH: usize = 15;
/// Names kept to be told.
const TOLD: usize = 4;

/// How an answer was carried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Mdns,
    Llmnr,
    Netbios,
}

/// What one station answers for: about 250 bytes.
#[derive(Default)]
struct Answerer {
    names: Distinct<12>,
    /// Of these, the ones that another host answers for.
    foreign: Distinct<4>,
    coveted: bool,
    told: Vec<Box<str>>,
    answers: u32,
    protocols: [bool; 3],
    pace: Pace,
}

/// See the module.
pub struct NamePoisoning {
    settings: NamePoisoningSettings,
    answerers: Bounded<u64, Answerer>,
    owners: Bounded<u32, (u64, Tick)>,
}

/// One answer.
struct Said<'a> {
    name: &'a str,
    protocol: Protocol,
    source: Ip,
    mac: MacAddr,
    asker: Ip,
}

impl Detector for NamePoisoning {
    const KIND: Kind = Kind {
        id: "name_poisoning",
        severity: Severity::High,
        mitre: &["T1557.001"],
        en: Texts {
            title: "False names on the network",
            what: "A device answers when others call for a name that is not its own, so that they hand it their passwords. Tools such as Responder work like this.",
            why: "It answered for several different names with its own address, or for a name that computers trust blindly (wpad).",
            harmless: "A file server that goes by several names, or a proxy that is really called wpad.",
            todo: "Find the device and disconnect it. Change the passwords of people whose computers it answered. Switch LLMNR and NetBIOS off where you can.",
            silence: "Add the name to allow in [detect.name_poisoning], or mute name_poisoning with this device as the source.",
        },
        nl: Texts {
            title: "Valse namen op het netwerk",
            what: "Een apparaat antwoordt wanneer andere een naam roepen die niet de zijne is, zodat ze hun wachtwoorden aan dat apparaat geven. Programma's zoals Responder werken zo.",
            why: "Het antwoordde met zijn eigen adres op meerdere verschillende namen, of op een naam die computers blind vertrouwen (wpad).",
            harmless: "Een bestandsserver met meerdere namen, of een proxy die echt wpad heet.",
            todo: "Zoek het apparaat op en koppel het los. Wijzig de wachtwoorden van mensen wier computer antwoord kreeg. Zet LLMNR en NetBIOS uit waar dat kan.",
            silence: "Voeg de naam toe aan allow in [detect.name_poisoning], of demp name_poisoning met dit apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::LOCAL_NAME;
    type Settings = NamePoisoningSettings;

    fn new(settings: &NamePoisoningSettings, keys: usize) -> Self {
        NamePoisoning {
            settings: settings.clone(),
            answerers: Bounded::new((keys / 16).max(16)),
            owners: Bounded::new((keys / 4).max(16)),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::LocalName(seen) if seen.message.response => self.local(cx, seen, out),
            Observation::Nbns { source, target, message } if message.response && message.opcode == 0 => {
                self.netbios(cx, *source, *target, message, out);
            }
            _ => {}
        }
    }
}

impl NamePoisoning {
    fn local(&mut self, cx: &Context<'_>, seen: &DnsSeen<'_>, out: &mut Findings) {
        let protocol = if seen.port == 5353 { Protocol::Mdns } else { Protocol::Llmnr };
        let own =
            |ip: Ip| ip == seen.server || (seen.mac.is_station() && cx.lookup.mac_of(ip) == Some(seen.mac));
        // Only answers: what comes with them speaks for others too.
        for record in seen.message.records().take(8).filter(|r| r.section == 1) {
            if matches!(record.data, Data::Address(ip) if own(ip)) {
                let (name, source, mac) = (record.name.as_str(), seen.server, seen.mac);
                let asker = seen.client;
                self.said(cx, &Said { name, protocol, source, mac, asker }, out);
            }
        }
    }

    fn netbios(&mut self, cx: &Context<'_>, source: Ip, asker: Ip, m: &nbns::Message, out: &mut Findings) {
        // Names of machines; the others belong to groups and roles.
        let machine = matches!(m.suffix, 0x00 | 0x20);
        if machine && m.address.is_some_and(|ip| ip == source) {
            let mac = cx.lookup.mac_of(source).unwrap_or(MacAddr::NONE);
            let protocol = Protocol::Netbios;
            self.said(cx, &Said { name: m.name.as_str(), protocol, source, mac, asker }, out);
        }
    }

    /// Takes one answer in, by which a station claims a name for its own address.
    fn said(&mut self, cx: &Context<'_>, said: &Said<'_>, out: &mut Findings) {
        let now = cx.tick();
        let lower = said.name.to_ascii_lowercase();
        let name = lower.strip_suffix(".local").unwrap_or(&lower);
        let name: String = name.chars().take(LENGTH).collect();
        let coveted = COVETED.contains(&name.as_str());
        if name.is_empty()
            || self.settings.allow.contains(&name)
            || (said.protocol == Protocol::Mdns && !coveted)
        {
            return;
        }
        let key = if said.mac.is_station() { said.mac.as_u64() } else { ip_part(said.source) };
        let hash = text_part(&name) as u32;
        let (owner, _) = self.owners.entry(hash, || (key, now));
        let foreign = owner.0 != key && now.within(owner.1, OWNED_SECONDS);
        if !foreign {
            *owner = (key, now);
        }
        let (answerer, _) = self.answerers.entry(key, Answerer::default);
        answerer.answers = answerer.answers.saturating_add(1);
        answerer.coveted |= coveted;
        answerer.protocols[said.protocol as usize] = true;
        let (weight, new) = answerer.names.seen(hash, now);
        *weight = 1;
        if foreign {
            *answerer.foreign.seen(hash, now).0 = 1;
        }
        if new && answerer.told.len() < TOLD {
            answerer.told.push(name.into());
        }
        let names = answerer.names.within(now, SECONDS).0;
        let stolen = u32::from(answerer.foreign.within(now, SECONDS).0 > 0);
        if (answerer.coveted || names + stolen >= self.settings.names) && answerer.pace.due(now) {
            self.raise(said, key, (names, stolen > 0), out);
        }
    }

    fn raise(&mut self, said: &Said<'_>, key: u64, (names, stolen): (u32, bool), out: &mut Findings) {
        let Some(answerer) = self.answerers.get_mut(&key) else { return };
        let known = ["mDNS", "LLMNR", "NetBIOS"];
        let protocols: Vec<&str> = known
            .into_iter()
            .zip(answerer.protocols)
            .filter(|(_, used)| *used)
            .map(|(name, _)| name)
            .collect();
        let told = answerer.told.join(", ");
        let summary = say!(
            "{} answers for names that are not its own: {told} ({})",
            "{} antwoordt voor namen die niet van hem zijn: {told} ({})",
            said.source,
            protocols.join(", ")
        );
        let evidence = evidence! {
            "names" => names, "threshold" => self.settings.names, "window_s" => SECONDS, "answers" => answerer.answers,
            "examples" => told, "protocols" => protocols, "trusted_name" => answerer.coveted,
            "belongs_to_another" => stolen,
        };
        let finding = Self::KIND.finding(Severity::High, &[key], summary, evidence);
        let mac = said.mac.is_station().then_some(said.mac);
        let source = Subject { ip: Some(said.source), mac, ..Subject::default() };
        out.push(between(finding, Some(source), said.asker.is_unicast().then(|| Subject::ip(said.asker))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, mac};
    use crate::wire::{Parsed, dns};

    fn answer(b: &mut Bench<NamePoisoning>, port: u16, station: u8, name: &str, address: &str) {
        let mut m: Vec<u8> = [0u16, 0x8400, 0, 1, 0, 0].iter().flat_map(|w| w.to_be_bytes()).collect();
        for label in name.split('.') {
            m.push(label.len() as u8);
            m.extend(label.bytes());
        }
        let (kind, bytes) = match ip(address).std() {
            std::net::IpAddr::V4(v4) => (1, v4.octets().to_vec()),
            std::net::IpAddr::V6(v6) => (28, v6.octets().to_vec()),
        };
        m.extend([0, 0, kind, 0, 1, 0, 0, 0, 30, 0, bytes.len() as u8]);
        m.extend(bytes);
        let Parsed::Yes(message) = dns::parse(&m) else { panic!("a message") };
        let server = ip(&if address.contains(':') {
            format!("fe80::{station:x}")
        } else {
            format!("192.168.1.{station}")
        });
        let seen = DnsSeen { client: ip("192.168.1.20"), server, port, mac: mac(station), message: &message };
        b.see(&Observation::LocalName(&seen));
        b.wait(1.0);
    }

    fn netbios(b: &mut Bench<NamePoisoning>, station: u8, name: &str, suffix: u8) {
        let mut m: Vec<u8> = [7u16, 0x8500, 0, 1, 0, 0].iter().flat_map(|w| w.to_be_bytes()).collect();
        m.push(32);
        for byte in format!("{name:<15}").bytes().chain([suffix]) {
            m.extend([b'A' + (byte >> 4), b'A' + (byte & 15)]);
        }
        m.extend([0, 0, 0x20, 0, 1, 0, 0, 0, 165, 0, 6, 0, 0, 192, 168, 1, station]);
        let Parsed::Yes(message) = nbns::parse(&m) else { panic!("a message") };
        let source = ip(&format!("192.168.1.{station}"));
        b.known.macs.insert(source, mac(station));
        b.see(&Observation::Nbns { source, target: ip("192.168.1.20"), message: &message });
        b.wait(1.0);
    }

    #[test]
    fn who_answers_for_three_names_is_one_alert_across_protocols() {
        let mut b = Bench::<NamePoisoning>::new();
        for name in ["fileserv", "printsrv", "intranet"] {
            answer(&mut b, 5355, 66, name, "192.168.1.66");
            netbios(&mut b, 66, &name.to_uppercase(), 0x20);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
        assert_eq!(b.last().source.as_ref().and_then(|s| s.ip), Some(ip("192.168.1.66")));
        assert_eq!(b.last().target, Some(Subject::ip(ip("192.168.1.20"))));
    }

    #[test]
    fn wpad_suffices_by_any_protocol_and_in_ipv6() {
        for (port, name, address) in
            [(5353, "wpad.local", "192.168.1.66"), (5355, "WPAD", "192.168.1.66"), (5355, "wpad", "fe80::42")]
        {
            let mut b = Bench::<NamePoisoning>::new();
            answer(&mut b, port, 66, name, address);
            assert_eq!(b.alerts(), 1, "{name}");
        }
    }

    #[test]
    fn a_name_of_another_host_weighs_more() {
        let mut b = Bench::<NamePoisoning>::new();
        netbios(&mut b, 10, "NAS", 0x20);
        answer(&mut b, 5355, 66, "nas", "192.168.1.66");
        assert!(b.found.is_empty(), "one machine with two interfaces does that");
        answer(&mut b, 5355, 66, "nass", "192.168.1.66");
        assert_eq!(b.last().source.as_ref().and_then(|s| s.mac), Some(mac(66)));
    }

    #[test]
    fn honest_hosts_gateways_that_pass_mdns_on_and_allowed_names_are_quiet() {
        let settings = NamePoisoningSettings { allow: vec!["wpad".into()], ..Default::default() };
        let mut b = Bench::<NamePoisoning>::with(&settings, 4096);
        for _ in 0..3 {
            answer(&mut b, 5355, 10, "nas", "192.168.1.10");
            answer(&mut b, 5353, 10, "nas.local", "192.168.1.10");
            netbios(&mut b, 10, "NAS", 0x20);
            netbios(&mut b, 10, "WORKGROUP", 0x00);
            netbios(&mut b, 10, "WORKGROUP", 0x1d);
            answer(&mut b, 5355, 11, "wpad", "192.168.1.11");
            for i in 0..9 {
                answer(&mut b, 5353, 1, &format!("device-{i}.local"), &format!("192.168.2.{i}"));
                answer(&mut b, 5353, 12, &format!("app-{i}.local"), "192.168.1.12");
            }
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_flood_of_names_and_stations_stays_within_its_tables() {
        let mut b =
            Bench::<NamePoisoning>::with(&NamePoisoningSettings { names: 12, ..Default::default() }, 64);
        for i in 0..5_000u32 {
            netbios(&mut b, (i % 250) as u8, &format!("N{i}"), 0x20);
            answer(&mut b, 5355, (i % 250) as u8, &format!("m{i}"), "192.168.1.66");
        }
        assert!(b.detector.answerers.len() <= 16 && b.detector.owners.len() <= 16);
        assert!(b.detector.answerers.iter().all(|(_, a)| a.told.len() <= TOLD));
    }
}
