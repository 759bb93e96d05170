//! `beaconing`: a host calls the same destination again and again at regular intervals, as malware calls its controller.
//!
//! Evidence: times at which connections of one host to one destination begin (not packets). The destination is the name
//! that was looked up for it, else the address, with the port. Connections less than 1.5 s apart are one call, as browsers
//! open several, and a UDP socket that speaks again goes on with its call. Regular means: the median absolute deviation of the last 32 intervals is a small part of their median,
//! which tolerates jitter, a missed call and a few extra ones. Similar sizes raise the score, very different ones halve
//! the allowed spread; destinations that send a lot in most calls are streams.
//!
//! Inside to outside only, unless set otherwise: inside, cameras and bridges keep one another alive all day.
//! DNS, NTP and the like are left out by port, connectivity checks, updaters and push services by name (`allow`).
//!
//! Known false alarms: an app or device that polls its maker's cloud at a fixed interval with a new connection each time
//! (allow its domain); a mail client without push.

use super::settings::settings;
use super::window::{Pace, Regular};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part, text_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{Flow, State, proto};
use crate::time::{SECOND, Timestamp};
use crate::words::say;

settings! {
    /// Settings of `beaconing`.
    BeaconingSettings {
        /// Fewest calls, 6 to 33: fewer are regular by chance.
        calls: u32 = 8, 6..=33;
        /// Largest spread (median absolute deviation) in percent of the median interval. 1 to 40; a jitter of 20 % gives 10,
        /// independent calls give 70.
        spread_percent: u32 = 20, 1..=40;
        /// Shortest period, seconds, 2 to 3600.
        shortest_seconds: u32 = 2, 2..=3600;
        /// Longest period, seconds, 60 to 86400.
        longest_seconds: u32 = 86_400, 60..=86_400;
        /// Shortest time from the first call to the last, seconds. 10 to 86400; a download in even pieces is over sooner.
        lasting_seconds: u32 = 60, 10..=86_400;
        /// Watch destinations inside, too.
        inside: bool = false;
        /// Destinations (domains with all below them, or addresses) that may be called regularly.
        allow: Vec<String> = ALLOW.iter().map(|d| (*d).to_owned()).collect();
    }
}

/// Connectivity checks, update and push services of the large systems, and clouds that household devices poll.
const ALLOW: [&str; 30] = [
    "apple.com",
    "captive.apple.com",
    "connectivity-check.ubuntu.com",
    "connectivitycheck.gstatic.com",
    "debian.org",
    "detectportal.firefox.com",
    "gvt1.com",
    "icloud.com",
    "mozilla.com",
    "mozilla.org",
    "msftconnecttest.com",
    "msftncsi.com",
    "ntp.org",
    "play.googleapis.com",
    "push.services.mozilla.com",
    "ubuntu.com",
    "aqara.cn",
    "dyson.com",
    "ecobee.com",
    "homeconnect.com",
    "meethue.com",
    "nest.com",
    "netatmo.net",
    "philips.com",
    "sonos.com",
    "tplinkcloud.com",
    "tuya.com",
    "xbcs.net",
    "windows.com",
    "windowsupdate.com",
];

/// DNS, DHCP, NTP, NetBIOS, DoT, SSDP, STUN, mDNS, LLMNR: protocols that are regular by nature.
const REGULAR_PORTS: [u16; 11] = [53, 67, 68, 123, 137, 138, 853, 1900, 3478, 5353, 5355];
/// Connections closer together than this belong to one call, microseconds.
const ONE_CALL: i64 = 3 * SECOND / 2;
/// A call in which the server sends more than this is a download.
const BULKY: u32 = 200_000;

/// The calls of one host to one destination: about 310 bytes.
struct Calls {
    began: Timestamp,
    call: Timestamp,
    last: Timestamp,
    gaps: Regular,
    sizes: Regular,
    number: u32,
    /// The client's port in the last flow.
    port: u16,
    bulky: u32,
    pace: Pace,
}

/// From this period on, seconds, a clock of a harmless device is likelier than a beacon.
const SLOW: u32 = 3600;
/// Seconds of watching after which what a device usually does is known.
const LEARNING: u64 = 7 * 86_400;

/// See the module.
pub struct Beaconing {
    settings: BeaconingSettings,
    calls: Bounded<(Ip, u64, u16), Calls>,
}

impl Detector for Beaconing {
    const KIND: Kind = Kind {
        id: "beaconing",
        severity: Severity::High,
        mitre: &["T1071.001", "T1573"],
        en: Texts {
            title: "Regular calls to one address",
            what: "A device calls the same address on the internet at regular intervals, like malware that asks its master for orders.",
            why: "The time between its connections is far more even than people or ordinary programs make it.",
            harmless: "A smart device or app that asks its maker's server for news at a fixed interval, a weather station, a mail program, a monitoring service.",
            todo: "Look up whom the address belongs to and which program on the device talks to it. If nobody can say, disconnect the device and check it for malware.",
            silence: "Add the domain or address to allow under [detect.beaconing], or mute beaconing with this device and this destination.",
        },
        nl: Texts {
            title: "Regelmatige verbindingen met één adres",
            what: "Een apparaat maakt op vaste tijden verbinding met hetzelfde adres op internet, zoals malware doet die om opdrachten vraagt.",
            why: "De tijd tussen de verbindingen is veel gelijkmatiger dan bij mensen of gewone programma's.",
            harmless: "Een slim apparaat of een app die op vaste tijden bij de fabrikant naar nieuws vraagt, een weerstation, een mailprogramma, een bewakingsdienst.",
            todo: "Zoek op van wie het adres is en welk programma op het apparaat ermee praat. Weet niemand het, koppel het apparaat dan los en controleer het op malware.",
            silence: "Zet het domein of adres bij allow onder [detect.beaconing], of demp beaconing met dit apparaat en deze bestemming.",
        },
    };
    const INTEREST: u64 = interest::FLOW_ESTABLISHED | interest::FLOW_ANSWERED | interest::FLOW_ENDED;
    type Settings = BeaconingSettings;

    fn new(settings: &BeaconingSettings, keys: usize) -> Self {
        Beaconing { settings: settings.clone(), calls: Bounded::new(keys) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::FlowEstablished(flow) if flow.protocol == proto::TCP => self.called(cx, flow, out),
            Observation::FlowAnswered(flow) if flow.protocol == proto::UDP => self.called(cx, flow, out),
            Observation::FlowEnded(flow) if flow.state != State::Midstream => self.ended(cx, flow),
            _ => {}
        }
    }
}

impl Beaconing {
    /// The key of a flow that is watched.
    fn key(&self, cx: &Context<'_>, flow: &Flow) -> Option<(Ip, u64, u16)> {
        // A client that is not inside either is one of ours behind settings that do not know it: nobody else's traffic to
        // the outside passes by here.
        let ours = cx.inside.contains(flow.client) || !cx.inside.contains(flow.server);
        let watched = ours
            && (self.settings.inside || !cx.inside.contains(flow.server))
            && flow.server.is_unicast()
            && !REGULAR_PORTS.contains(&flow.server_port)
            && matches!(flow.protocol, proto::TCP | proto::UDP);
        let part = || cx.lookup.asked_as(flow.server).map_or_else(|| ip_part(flow.server), text_part);
        watched.then(|| (flow.client, part(), flow.server_port))
    }

    fn ended(&mut self, cx: &Context<'_>, flow: &Flow) {
        if let Some(key) = self.key(cx, flow)
            && let Some(calls) = self.calls.get_mut(&key)
        {
            calls.sizes.add(flow.payload_up);
            calls.bulky += u32::from(flow.payload_down > BULKY);
        }
    }

    fn called(&mut self, cx: &Context<'_>, flow: &Flow, out: &mut Findings) {
        let Some(key) = self.key(cx, flow) else { return };
        let now = cx.now;
        let (calls, new) = self.calls.entry(key, || Calls::new(now));
        if new {
            calls.port = flow.client_port;
            return;
        }
        let (since_last, gap) = (now.since(calls.last), now.since(calls.call));
        calls.last = now;
        // A datagram from the same socket is no new call: telephones and cameras keep their way through the router open.
        let same_socket = flow.protocol == proto::UDP && calls.port == flow.client_port;
        calls.port = flow.client_port;
        if since_last < ONE_CALL || same_socket {
            return;
        }
        if gap > i64::from(self.settings.longest_seconds) * SECOND * 2 {
            *calls = Calls { port: flow.client_port, ..Calls::new(now) };
            return;
        }
        calls.call = now;
        calls.number = calls.number.saturating_add(1);
        calls.gaps.add(u32::try_from(gap / 1000).unwrap_or(u32::MAX));
        if let Some((period, spread)) = calls.regular(&self.settings, now)
            && !self.allowed(cx, flow.server)
            && !cx.lookup.is_usual(flow.client, flow.server)
        {
            self.raise(cx, key, flow, (period, spread), out);
        }
    }

    fn allowed(&self, cx: &Context<'_>, server: Ip) -> bool {
        let below = |name: &str, domain: &str| {
            name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let name = cx.lookup.asked_as(server);
        let matches = |entry: &String| match entry.parse::<Ip>() {
            Ok(ip) => ip == server,
            Err(_) => name.is_some_and(|name| below(name, entry)),
        };
        self.settings.allow.iter().any(matches)
    }

    fn raise(
        &mut self,
        cx: &Context<'_>,
        key: (Ip, u64, u16),
        flow: &Flow,
        (period, spread): (u32, u32),
        out: &mut Findings,
    ) {
        let Some(calls) = self.calls.get_mut(&key) else { return };
        if !calls.pace.due(cx.tick()) {
            return;
        }
        let name = cx.lookup.asked_as(flow.server);
        let (size, size_spread) = calls.sizes.median_and_spread();
        let place = name.map_or_else(|| flow.server.to_string(), |n| format!("{n} ({})", flow.server));
        let seconds = f64::from(period) / 1000.0;
        let summary = say!(
            "{} calls {place} port {} every {seconds:.1} s",
            "{} maakt elke {seconds:.1} s verbinding met {place} poort {}",
            flow.client,
            flow.server_port
        );
        let percent = |part: u32, of: u32| u64::from(part) * 100 / u64::from(of.max(1));
        let evidence = evidence! {
            "calls" => calls.number + 1, "threshold" => self.settings.calls,
            "period_s" => (seconds * 10.0).round() / 10.0, "spread_percent" => percent(spread, period),
            "threshold_percent" => self.settings.spread_percent,
            "lasting_s" => cx.now.since(calls.began) / SECOND,
            "bytes_up" => size, "size_spread_percent" => percent(size_spread, size),
        };
        // Backups, thermostats and meters call home by the hour or the day; what this device usually does is learned by then.
        let severity = match (period / 1000 < SLOW, cx.lookup.learning_for() < LEARNING) {
            (true, _) => Severity::High,
            (false, true) => Severity::Low,
            (false, false) => Severity::Medium,
        };
        let finding =
            Self::KIND.finding(severity, &[ip_part(key.0), key.1, u64::from(key.2)], summary, evidence);
        let target = Subject {
            ip: Some(flow.server),
            port: Some(flow.server_port),
            name: name.map(str::to_owned),
            ..Subject::default()
        };
        out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
    }
}

impl Calls {
    fn new(now: Timestamp) -> Self {
        let (gaps, sizes) = (Regular::default(), Regular::default());
        Calls {
            began: now,
            call: now,
            last: now,
            gaps,
            sizes,
            number: 0,
            port: 0,
            bulky: 0,
            pace: Pace::default(),
        }
    }

    /// Median interval and its spread, milliseconds, when they make a beacon.
    fn regular(&self, s: &BeaconingSettings, now: Timestamp) -> Option<(u32, u32)> {
        let enough = self.gaps.len() + 1 >= s.calls;
        let lasting = now.since(self.began) >= i64::from(s.lasting_seconds) * SECOND;
        if !enough || !lasting || self.bulky * 2 > self.number {
            return None;
        }
        let (period, spread) = self.gaps.median_and_spread();
        let (size, size_spread) = self.sizes.median_and_spread();
        let differ = self.sizes.len() >= 6 && u64::from(size_spread) * 2 > u64::from(size);
        let allowed = if differ { s.spread_percent / 2 } else { s.spread_percent };
        let in_range =
            period >= s.shortest_seconds.saturating_mul(1000) && period / 1000 <= s.longest_seconds;
        let even = u64::from(spread) * 100 <= u64::from(period) * u64::from(allowed);
        // Half of the intervals can be equal by the step of some other clock; a beacon keeps its pace in most of them.
        let mostly = self.gaps.near(period, s.spread_percent * 2) * 3 >= self.gaps.len() * 2;
        (in_range && even && mostly).then_some((period, spread))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{self, Bench, ip, tcp};
    use crate::detect::window::mix;

    const C2: &str = "203.0.113.66";

    fn call(b: &mut Bench<Beaconing>, client: &str, server: &str, up: u32, down: u32) {
        let mut flow = tcp(client, server, 443);
        b.see(&Observation::FlowEstablished(&flow));
        (flow.state, flow.payload_up, flow.payload_down) = (State::Closed, up, down);
        b.see(&Observation::FlowEnded(&flow));
    }
    /// Between 0 and 1, the same in every run.
    fn chance(n: u64) -> f64 {
        (mix(n + 1) >> 11) as f64 / (1u64 << 53) as f64
    }

    #[test]
    fn a_minute_beacon_with_jitter_among_other_traffic_is_found_within_fifteen_periods() {
        let mut b = Bench::<Beaconing>::new();
        for i in 0..15 {
            call(&mut b, "10.0.0.5", C2, 300, 500);
            for other in 0..5 {
                call(&mut b, "10.0.0.5", &format!("198.51.100.{}", i * 5 + other), 900, 5000);
            }
            call(&mut b, "10.0.0.6", C2, 300, 500);
            b.wait(60.0 * (0.8 + 0.4 * chance(i)));
        }
        assert_eq!(b.alerts(), 2, "each of the two hosts");
        assert!(b.found[0].evidence["calls"].as_u64() <= Some(15));
    }

    #[test]
    fn a_minute_beacon_with_jitter_is_found_within_fifteen_periods_whatever_the_chance() {
        let mut missed = [0; 2];
        for seed in 0..300u64 {
            for drifts in [true, false] {
                let mut b = Bench::<Beaconing>::new();
                let start = b.now;
                for i in 0..15 {
                    let chance = |n: u64| chance(seed * 1_000 + n);
                    // Each call late or early against the last, or against a clock.
                    let late = 60.0 * 0.4 * (chance(i) - 0.5);
                    if !drifts {
                        b.now = start.plus((60.0 * i as f64 + late + 12.0) as i64 * SECOND);
                    }
                    call(&mut b, "10.0.0.5", C2, 250 + (chance(i + 50) * 120.0) as u32, 500);
                    for other in 0..4 {
                        let server = format!("198.51.100.{}", (chance(i * 4 + other + 100) * 250.0) as u32);
                        call(&mut b, "10.0.0.5", &server, 900, 5000);
                    }
                    if drifts {
                        b.wait(60.0 + late);
                    }
                }
                let found = b.found.iter().any(|f| f.summary.en.contains(C2));
                assert_eq!(
                    b.alerts(),
                    usize::from(found),
                    "others are not called so: seed {seed}, {:?}",
                    b.found
                );
                missed[usize::from(drifts)] += u32::from(!found);
            }
        }
        // Against a clock the jitter of both ends of an interval adds up.
        assert!(missed[1] == 0 && missed[0] <= 3, "{missed:?} of 300");
    }

    #[test]
    fn keep_alives_of_one_socket_are_no_calls() {
        let mut b = Bench::<Beaconing>::new();
        for i in 0..60 {
            b.see(&Observation::FlowAnswered(&bench::udp("10.0.0.40", 32_100, C2, 32_100)));
            b.see(&Observation::FlowAnswered(&bench::udp("10.0.0.41", 40_000 + i, C2, 32_100)));
            b.wait(180.0);
        }
        assert_eq!(b.alerts(), 1);
        assert!(b.last().summary.en.contains("10.0.0.41"), "new sockets are");
    }

    #[test]
    fn short_and_uneven_periods_are_found_too() {
        let mut b = Bench::<Beaconing>::new();
        for i in 0..24 {
            call(&mut b, "10.0.0.5", C2, 300, 500);
            b.wait(2.3 + 1.5 * chance(i));
        }
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn a_destination_with_changing_addresses_is_known_by_its_name() {
        let mut b = Bench::<Beaconing>::new();
        for i in 0..12 {
            let address = format!("203.0.113.{i}");
            b.known.names.insert(ip(&address), "cdn.example.net".into());
            call(&mut b, "10.0.0.5", &address, 300, 500);
            b.wait(30.0);
        }
        assert_eq!(b.alerts(), 1);
        assert!(b.last().summary.en.contains("cdn.example.net"));
    }

    #[test]
    fn seven_calls_are_not_enough_and_neither_is_half_a_minute() {
        let mut b = Bench::<Beaconing>::new();
        for _ in 0..7 {
            call(&mut b, "10.0.0.5", C2, 300, 500);
            b.wait(60.0);
        }
        for _ in 0..15 {
            call(&mut b, "10.0.0.5", "203.0.113.67", 300, 500);
            b.wait(2.0);
        }
        assert!(b.found.is_empty());
    }

    #[test]
    fn browsing_streams_time_and_updaters_stay_quiet() {
        let mut b = Bench::<Beaconing>::new();
        b.known.names.insert(ip("203.0.113.1"), "fe2.update.windows.com".into());
        for i in 0..200u64 {
            call(&mut b, "10.0.0.5", "203.0.113.1", 300, 500);
            call(&mut b, "10.0.0.5", "203.0.113.90", 300, 2_000_000);
            b.see(&Observation::FlowAnswered(&bench::udp("10.0.0.5", 40_000, "203.0.113.123", 123)));
            call(&mut b, "10.0.0.5", "10.0.0.20", 300, 500);
            // A page that is looked at now and then, on the beat of something else.
            if chance(i) < 0.5 {
                call(&mut b, "10.0.0.7", "203.0.113.81", 800, 20_000);
            }
            b.wait(6.0);
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
        let mut people = Bench::<Beaconing>::new();
        for i in 0..100 {
            call(&mut people, "10.0.0.7", "203.0.113.81", 800, 20_000);
            people.wait(-60.0 * chance(i).ln());
        }
        assert!(people.found.is_empty());
    }

    #[test]
    fn a_constant_stream_of_connections_is_one_call() {
        let mut b = Bench::<Beaconing>::new();
        for _ in 0..300 {
            call(&mut b, "10.0.0.5", C2, 300, 500);
            b.wait(1.0);
        }
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_random_destinations_stays_within_its_table() {
        let mut b = Bench::<Beaconing>::with(&BeaconingSettings::default(), 64);
        for i in 0..20_000u32 {
            let server = Ip::v4((0xcb00_0000 + i).to_be_bytes());
            b.see(&Observation::FlowEstablished(&bench::flow(ip("10.0.0.9"), 4000, server, 80, proto::TCP)));
        }
        assert!(b.found.is_empty() && b.detector.calls.len() <= 64);
    }
}
