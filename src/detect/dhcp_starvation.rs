//! `dhcp_starvation`: somebody asks for addresses in many names at once, so that none is left for others.
//!
//! Evidence: distinct clients (hardware address in the message, and the address it comes from) that ask a DHCP or DHCPv6
//! server within ten seconds. When one station carries them all it is the one; a relay, or many stations, may be an office
//! that wakes up, so more are needed. Answers of many different servers to one station are the same flood from its other
//! end.
//!
//! Known false alarms: a wireless bridge that speaks for a room full of clients which all start at once; a load test of
//! the DHCP server. Not one: many devices that come back after a power cut, each in its own name.

use super::settings::settings;
use super::window::{Distinct, Pace, mix};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::{Ip, MacAddr};
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{DhcpSeen, Observation, interest};
use crate::table::bounded::Bounded;
use crate::wire::dhcp::Message6;
use crate::words::say;

settings! {
    /// Settings of `dhcp_starvation`.
    DhcpStarvationSettings {
        /// Distinct clients that one station asks for within `seconds`. 10 to 60; a station asks for itself only.
        clients: u32 = 30, 10..=60;
        /// Distinct clients from many stations, or through a relay, within `seconds`. 20 to 120; after a power cut dozens of
        /// devices ask at once.
        clients_in_all: u32 = 100, 20..=120;
        /// The window, seconds, 2 to 60.
        seconds: u32 = 10, 2..=60;
    }
}

/// Stations that are watched at once; those who ask for themselves are soon pushed out by others like them.
const STATIONS: usize = 32;

/// Whom one station asks for: about 600 bytes.
#[derive(Default)]
struct Asker {
    clients: Distinct<64>,
    messages: u32,
    pace: Pace,
}

/// See the module.
pub struct DhcpStarvation {
    settings: DhcpStarvationSettings,
    stations: Bounded<MacAddr, Asker>,
    clients: Distinct<128>,
    askers: Distinct<64>,
    pace: Pace,
}

impl Detector for DhcpStarvation {
    const KIND: Kind = Kind {
        id: "dhcp_starvation",
        severity: Severity::High,
        mitre: &["T1498", "T1557.003"],
        en: Texts {
            title: "DHCP flood",
            what: "Someone is asking for network addresses in many made-up names, until there are none left for real devices. Often a false address server follows.",
            why: "Within ten seconds far more different clients asked for an address than there are devices that start at the same time.",
            harmless: "A wireless bridge behind which many devices start at once, or a test of the address server.",
            todo: "Find the device by its hardware address and disconnect it. Restart the router if new devices no longer get an address, and watch for alerts about a rogue DHCP server.",
            silence: "Mute dhcp_starvation with the address of the asking device as the source.",
        },
        nl: Texts {
            title: "Stortvloed van DHCP-verzoeken",
            what: "Iemand vraagt onder veel verzonnen namen netwerkadressen aan, tot er geen meer over zijn voor echte apparaten. Vaak volgt daarna een valse adresserver.",
            why: "Binnen tien seconden vroegen veel meer verschillende apparaten om een adres dan er tegelijk opstarten.",
            harmless: "Een draadloze brug waarachter veel apparaten tegelijk opstarten, of een test van de adresserver.",
            todo: "Zoek het apparaat op aan de hand van het hardware-adres en koppel het los. Herstart de router als nieuwe apparaten geen adres meer krijgen, en let op meldingen over een valse DHCP-server.",
            silence: "Demp dhcp_starvation met het adres van het vragende apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::DHCP;
    type Settings = DhcpStarvationSettings;

    fn new(settings: &DhcpStarvationSettings, _keys: usize) -> Self {
        DhcpStarvation {
            settings: settings.clone(),
            stations: Bounded::new(STATIONS),
            clients: Distinct::default(),
            askers: Distinct::default(),
            pace: Pace::default(),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::Dhcp(seen) => self.dhcp(cx, seen, out),
            Observation::Dhcp6 { mac, source, message } => self.dhcp6(cx, *mac, *source, message, out),
            _ => {}
        }
    }
}

impl DhcpStarvation {
    fn dhcp(&mut self, cx: &Context<'_>, seen: &DhcpSeen<'_>, out: &mut Findings) {
        let m = seen.message;
        if m.op == 1 {
            let client = mix(m.client_mac.as_u64());
            // A router passes on what clients beyond it send to the server themselves.
            let routed = seen.source.is_unicast() && m.client_mac != seen.mac;
            let relayed = routed || !m.relay_ip.is_unspecified();
            self.asked(cx, seen.mac, relayed, client as u32, seen.source, out);
        }
    }

    fn dhcp6(
        &mut self,
        cx: &Context<'_>,
        mac: MacAddr,
        source: Ip,
        message: &Message6<'_>,
        out: &mut Findings,
    ) {
        // Solicit, request, renew, rebind (RFC 8415, 7.3).
        if matches!(message.kind, 1 | 3 | 5 | 6) && !message.client_duid.is_empty() {
            let client = message.client_duid.iter().fold(6, |hash, b| mix(hash ^ u64::from(*b)));
            self.asked(cx, mac, !source.is_link_local(), client as u32, source, out);
        }
    }

    fn asked(
        &mut self,
        cx: &Context<'_>,
        mac: MacAddr,
        relayed: bool,
        client: u32,
        source: Ip,
        out: &mut Findings,
    ) {
        let (s, now) = (&self.settings, cx.tick());
        *self.clients.seen(client, now).0 = 1;
        *self.askers.seen(mac.as_u64() as u32, now).0 = 1;
        let (asker, _) = self.stations.entry(mac, Asker::default);
        asker.messages = asker.messages.saturating_add(1);
        // One station under many addresses is as odd as one with many clients.
        let name = mix(u64::from(client) ^ ip_part(source)) as u32;
        *asker.clients.seen(name, now).0 = 1;
        let own = asker.clients.within(now, s.seconds).0;
        if own > s.clients && !relayed && mac.is_station() {
            if asker.pace.due(now) {
                let evidence = evidence! {
                    "clients" => own, "threshold" => s.clients, "window_s" => s.seconds, "stations" => 1,
                    "messages" => asker.messages,
                };
                let summary = say!(
                    "{mac} asked for addresses in {own} names or more in {} s",
                    "{mac} vroeg binnen {} s adressen aan onder {own} of meer namen",
                    s.seconds
                );
                let finding = Self::KIND.finding(Severity::High, &[1], summary, evidence);
                out.push(between(finding, Some(Subject::mac(mac)), None));
            }
            return;
        }
        let (clients, stations) =
            (self.clients.within(now, s.seconds).0, self.askers.within(now, s.seconds).0);
        if clients >= s.clients_in_all && self.pace.due(now) {
            let evidence = evidence! {
                "clients" => clients, "threshold" => s.clients_in_all, "window_s" => s.seconds,
                "stations" => stations,
            };
            let summary = say!(
                "{clients} clients or more asked for an address in {} s, by {stations} stations",
                "Binnen {} s vroegen {clients} of meer apparaten een adres, vanaf {stations} netwerkkaarten",
                s.seconds
            );
            let finding = Self::KIND.finding(Severity::High, &[1], summary, evidence);
            let one = (stations == 1 && mac.is_station()).then(|| Subject::mac(mac));
            out.push(between(finding, one, None));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, mac};
    use crate::wire::dhcp::{Message, kind};

    fn ask(b: &mut Bench<DhcpStarvation>, station: MacAddr, client: MacAddr, relay: &str) {
        let message = Message {
            op: 1,
            kind: kind::DISCOVER,
            xid: 1,
            client_mac: client,
            client_id: b"",
            client_ip: Ip::UNSPECIFIED,
            your_ip: Ip::UNSPECIFIED,
            relay_ip: ip(relay),
            server_id: None,
            requested_ip: None,
            router: None,
            dns_server: None,
            host_name: b"",
            vendor_class: b"",
            parameters: b"",
        };
        b.see(&Observation::Dhcp(&DhcpSeen { mac: station, source: ip("0.0.0.0"), message: &message }));
    }

    fn made_up(i: u32) -> MacAddr {
        let [a, c, d, e] = (i * 7919).to_be_bytes();
        MacAddr([2, 7, a, c, d, e])
    }

    #[test]
    fn one_station_in_many_names_is_named_once() {
        let mut b = Bench::<DhcpStarvation>::new();
        for i in 0..400 {
            ask(&mut b, mac(66), made_up(i), "0.0.0.0");
            b.wait(0.05);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
        assert_eq!(b.last().source, Some(Subject::mac(mac(66))));
        assert!(b.found.len() <= 20);
    }

    #[test]
    fn made_up_stations_are_found_too_and_nobody_is_named() {
        let mut b = Bench::<DhcpStarvation>::new();
        for i in 0..400 {
            ask(&mut b, made_up(i), made_up(i), "0.0.0.0");
            b.wait(0.01);
        }
        assert_eq!(b.alerts(), 1);
        assert!(b.last().source.is_none());
    }

    #[test]
    fn dhcpv6_in_many_names_is_the_same() {
        let mut b = Bench::<DhcpStarvation>::new();
        for i in 0..60u32 {
            let duid = i.to_be_bytes();
            let message = Message6 {
                kind: 1,
                xid: i,
                client_duid: &duid,
                server_duid: b"",
                host_name: b"",
                address: None,
                dns_server: None,
            };
            b.see(&Observation::Dhcp6 { mac: mac(66), source: ip("fe80::66"), message: &message });
            b.wait(0.05);
        }
        assert_eq!((b.alerts(), b.last().source.as_ref().and_then(|s| s.mac)), (1, Some(mac(66))));
    }

    #[test]
    fn an_office_after_a_power_cut_a_relay_and_one_that_keeps_asking_are_quiet() {
        let mut b = Bench::<DhcpStarvation>::new();
        for i in 0..240 {
            // Sixty devices, four messages each; half of them behind a relay; and one that never gets an answer.
            let client = made_up(i % 60);
            let (station, relay) = if i % 2 == 0 { (mac(1), "10.0.7.1") } else { (client, "0.0.0.0") };
            ask(&mut b, station, client, relay);
            ask(&mut b, mac(9), mac(9), "0.0.0.0");
            b.wait(0.03);
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_flood_of_stations_stays_within_its_table() {
        let mut b = Bench::<DhcpStarvation>::new();
        for i in 0..20_000 {
            ask(&mut b, made_up(i), made_up(i), "0.0.0.0");
        }
        assert!(b.alerts() == 1 && b.detector.stations.len() <= STATIONS);
    }
}
