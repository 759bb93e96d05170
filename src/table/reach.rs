//! Reach: which outside places, and which applications, moved how much in the last minute and the last hour.
//!
//! Nothing here is done per packet: a flow is counted by what it moved since it was last looked at, when the sweep comes
//! by (every sixteen seconds) and when it is over. Places are outside hosts by the registered domain of the name that was
//! looked up for them, else of the name that a client gave them (TLS, QUIC, HTTP), else by address.
//!
//! Memory: 336 bytes a place with its name and 272 an application; with the names that clients gave, about 250 KB at 24 MiB.

use super::bounded::Bounded;
use super::flows::{App, Flow, proto};
use super::habits::name_number;
use crate::addr::Ip;
use crate::event::{Application, Destination};
use crate::time::{SECOND, Timestamp};
use crate::wire::dns::registered_domain;
use std::cmp::Reverse;

/// Steps of the last minute: seconds each, and how many.
const SHORT: (i64, usize) = (15, 4);
/// Steps of the last hour.
const LONG: (i64, usize) = (300, 12);
/// Applications counted apart; unknown ports beyond that make room for each other.
const MAX_APPLICATIONS: usize = 96;
/// Longest name that a client gave which is kept, bytes.
const MAX_SAID: usize = 128;
/// Ports from here on are made up by one side: they say nothing about what is spoken.
const PASSING: u16 = 32_768;

/// Bytes in and out of the last minute and the last hour.
#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    short: [[u32; 2]; SHORT.1],
    long: [[u64; 2]; LONG.1],
    at: Timestamp,
}

/// How many steps of `length` seconds lie between two moments.
fn steps(from: Timestamp, to: Timestamp, length: i64) -> usize {
    let step = |at: Timestamp| at.micros().div_euclid(length * SECOND);
    usize::try_from(step(to) - step(from)).unwrap_or(0)
}

/// The place of a moment in a ring.
fn place(at: Timestamp, (length, count): (i64, usize)) -> usize {
    at.micros().div_euclid(length * SECOND).rem_euclid(count as i64) as usize
}

impl Lately {
    /// Forgets what is too old by now.
    fn pass(&mut self, now: Timestamp) {
        if self.at == Timestamp::MIN {
            self.at = now;
        }
        for back in 0..steps(self.at, now, SHORT.0).min(SHORT.1) {
            self.short[place(now.plus(-(back as i64) * SHORT.0 * SECOND), SHORT)] = [0; 2];
        }
        for back in 0..steps(self.at, now, LONG.0).min(LONG.1) {
            self.long[place(now.plus(-(back as i64) * LONG.0 * SECOND), LONG)] = [0; 2];
        }
        self.at = self.at.max(now);
    }

    fn add(&mut self, now: Timestamp, bytes: [u32; 2]) {
        self.pass(now);
        let (short, long) = (&mut self.short[place(now, SHORT)], &mut self.long[place(now, LONG)]);
        for way in 0..2 {
            short[way] = short[way].saturating_add(bytes[way]);
            long[way] += u64::from(bytes[way]);
        }
    }

    /// In and out of the last minute, and of the last hour.
    fn sums(mut self, now: Timestamp) -> [[u64; 2]; 2] {
        self.pass(now);
        let mut sums = [[0; 2]; 2];
        for way in 0..2 {
            sums[0][way] = self.short.iter().map(|step| u64::from(step[way])).sum();
            sums[1][way] = self.long.iter().map(|step| step[way]).sum();
        }
        sums
    }
}

/// What places are told apart by: the number of a domain, or the address of a host without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Spot {
    Domain(u32),
    Address(Ip),
}

struct Place {
    /// The name while all of it went to one, the domain when it went to several.
    name: Option<Box<str>>,
    ip: Ip,
    client: Ip,
    lately: Lately,
}

/// An application: what was recognised and, where the port tells more, the port.
type Spoken = (App, u8, u16);

/// Places and applications.
pub struct Reach {
    places: Bounded<Spot, Place>,
    applications: Bounded<Spoken, Lately>,
    /// Names that clients gave to hosts nobody looked up where we could see it.
    said: Bounded<Ip, Box<str>>,
}

impl Reach {
    /// Nothing yet; `places` are kept at most.
    pub fn new(places: usize) -> Self {
        Reach {
            places: Bounded::new(places),
            applications: Bounded::new(MAX_APPLICATIONS),
            said: Bounded::new(places / 2),
        }
    }

    /// A client gave `ip` a name.
    pub fn called(&mut self, ip: Ip, name: &str) {
        if (1..=MAX_SAID).contains(&name.len()) {
            *self.said.entry(ip, || name.into()).0 = name.into();
        }
    }

    /// Counts what `flow` moved since it was last counted. `asked_as` is the name that was looked up for its server.
    pub fn count<'a>(
        &mut self,
        now: Timestamp,
        flow: &mut Flow,
        asked_as: impl FnOnce(Ip) -> Option<&'a str>,
    ) {
        // A flood of single packets costs flows, not places.
        let moved = [flow.bytes_up as u32, flow.bytes_down as u32];
        if moved == flow.counted || flow.packets_up + flow.packets_down < 2 {
            return;
        }
        let [up, down] = [0, 1].map(|i| moved[i].wrapping_sub(flow.counted[i]));
        flow.counted = moved;
        let (ours, theirs, bytes) = match flow.inside {
            [true, false] => (flow.client, Some(flow.server), [down, up]),
            [false, true] => (flow.server, Some(flow.client), [up, down]),
            _ => (flow.client, None, [up, down]),
        };
        self.applications.entry(spoken(flow), Lately::default).0.add(now, bytes);
        if let Some(ip) = theirs.filter(|ip| ip.is_unicast()) {
            self.count_place(now, ip, ours, bytes, asked_as(ip));
        }
    }

    fn count_place(&mut self, now: Timestamp, ip: Ip, client: Ip, bytes: [u32; 2], asked: Option<&str>) {
        let name = asked.or_else(|| self.said.get(&ip).map(|said| &**said));
        let domain = name.map(registered_domain);
        let spot = domain.map_or(Spot::Address(ip), |domain| Spot::Domain(name_number(domain)));
        let make = || Place { name: name.map(Into::into), ip, client, lately: Lately::default() };
        let (place, new) = self.places.entry(spot, make);
        if !new && place.name.as_deref() != name && place.name.as_deref() != domain {
            place.name = domain.map(Into::into);
        }
        (place.ip, place.client) = (ip, client);
        place.lately.add(now, bytes);
    }

    /// The places that moved most in the last hour, most first.
    pub fn destinations(
        &self,
        now: Timestamp,
        limit: usize,
        name_of: impl Fn(Ip) -> Option<String>,
    ) -> Vec<Destination> {
        let mut most: Vec<_> = self.places.iter().map(|(_, p)| (p.lately.sums(now), p)).collect();
        most.retain(|(sums, _)| sums[1] != [0; 2]);
        most.sort_unstable_by_key(|(sums, p)| (Reverse(sums[1][0] + sums[1][1]), p.ip));
        let told = |([minute, hour], place): ([[u64; 2]; 2], &Place)| Destination {
            name: place.name.as_deref().map(str::to_owned),
            ip: place.ip.to_string(),
            client: place.client.to_string(),
            client_name: name_of(place.client),
            bytes_in_minute: minute[0],
            bytes_out_minute: minute[1],
            bytes_in_hour: hour[0],
            bytes_out_hour: hour[1],
        };
        most.into_iter().take(limit).map(told).collect()
    }

    /// The applications that moved most in the last hour, most first.
    pub fn applications(&self, now: Timestamp, limit: usize) -> Vec<Application> {
        let mut most: Vec<_> = self.applications.iter().map(|(key, l)| (l.sums(now), app_id(*key))).collect();
        most.retain(|(sums, _)| sums[1] != [0; 2]);
        most.sort_unstable_by(|(a, i), (b, j)| (b[1][0] + b[1][1]).cmp(&(a[1][0] + a[1][1])).then(i.cmp(j)));
        let told = |([minute, hour], id): ([[u64; 2]; 2], String)| Application {
            id,
            bytes_in_minute: minute[0],
            bytes_out_minute: minute[1],
            bytes_in_hour: hour[0],
            bytes_out_hour: hour[1],
        };
        most.into_iter().take(limit).map(told).collect()
    }
}

/// What a flow counts as. Content goes before the port; the port tells what goes on under TLS, and stands for what
/// nobody recognised.
fn spoken(flow: &Flow) -> Spoken {
    let port = if flow.server_port < PASSING { flow.server_port } else { 0 };
    match flow.app {
        App::Tls if matches!(port, 443 | 8443) => (App::Tls, flow.protocol, 443),
        App::Tls if tls_name(port).is_some() => (App::Tls, flow.protocol, port),
        App::Unknown => (App::Unknown, flow.protocol, port),
        app => (app, 0, 0),
    }
}

/// What goes on under TLS at this port, where that is usual.
fn tls_name(port: u16) -> Option<&'static str> {
    Some(match port {
        443 => "https",
        465 | 587 => "smtp_tls",
        636 => "ldap_tls",
        853 => "dns_tls",
        993 => "imap_tls",
        995 => "pop3_tls",
        5061 => "sip_tls",
        5223 | 5228 => "push",
        8883 => "mqtt_tls",
        _ => return None,
    })
}

/// The id of an application: a name, or `tcp/8009` for what nobody recognised.
fn app_id((app, protocol, port): Spoken) -> String {
    let name = match app {
        App::Tls => tls_name(port).unwrap_or("tls"),
        App::Login(service) => return service.name().to_ascii_lowercase(),
        App::Unknown => {
            let protocol = if protocol == proto::TCP { "tcp" } else { "udp" };
            return if port == 0 { protocol.to_owned() } else { format!("{protocol}/{port}") };
        }
        App::Quic => "quic",
        other => return format!("{other:?}").to_ascii_lowercase(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PHONE: [u8; 4] = [10, 0, 0, 5];

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_800_000 + seconds)
    }

    fn flow(server: [u8; 4], port: u16, app: App) -> Flow {
        let mut flow = Flow::open(at(0), (Ip::v4(PHONE), 50_000), (Ip::v4(server), port), proto::TCP, 0);
        (flow.app, flow.inside) = (app, [true, false]);
        flow
    }

    fn moves(flow: &mut Flow, up: u64, down: u64) {
        (flow.bytes_up, flow.bytes_down) = (flow.bytes_up + up, flow.bytes_down + down);
        (flow.packets_up, flow.packets_down) = (flow.packets_up + 1, flow.packets_down + 1);
    }

    fn shown(reach: &Reach, now: Timestamp) -> Vec<(String, [u64; 4])> {
        let one = |d: Destination| {
            let bytes = [d.bytes_in_minute, d.bytes_out_minute, d.bytes_in_hour, d.bytes_out_hour];
            (d.name.unwrap_or(d.ip), bytes)
        };
        reach.destinations(now, 10, |_| None).into_iter().map(one).collect()
    }

    #[test]
    fn a_flow_is_counted_by_what_it_moved_since_the_last_look_and_the_minute_fades_before_the_hour() {
        let mut reach = Reach::new(64);
        let mut f = flow([203, 0, 113, 7], 443, App::Tls);
        moves(&mut f, 100, 5_000_000_000);
        reach.count(at(0), &mut f, |_| Some("cdn.example.com"));
        reach.count(at(1), &mut f, |_| Some("cdn.example.com"));
        moves(&mut f, 10, 20);
        reach.count(at(16), &mut f, |_| Some("cdn.example.com"));
        let low = 5_000_000_000 & u64::from(u32::MAX);
        assert_eq!(shown(&reach, at(20)), [("cdn.example.com".into(), [low + 20, 110, low + 20, 110])]);
        assert_eq!(shown(&reach, at(600)), [("cdn.example.com".into(), [0, 0, low + 20, 110])]);
        assert_eq!(shown(&reach, at(3900)), [], "an hour later");
    }

    #[test]
    fn several_names_of_one_domain_are_one_place_and_hosts_without_a_name_are_their_address() {
        let mut reach = Reach::new(64);
        for (host, name) in [(1, Some("a.video.example")), (2, Some("b.video.example")), (3, None)] {
            let mut f = flow([203, 0, 113, host], 443, App::Quic);
            moves(&mut f, 1, 1000 / u64::from(host));
            reach.count(at(0), &mut f, |_| name);
        }
        let names: Vec<String> = shown(&reach, at(1)).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["video.example", "203.0.113.3"]);
        reach.called(Ip::v4([203, 0, 113, 3]), "said.example");
        let mut f = flow([203, 0, 113, 3], 443, App::Tls);
        moves(&mut f, 9, 9_000);
        reach.count(at(2), &mut f, |_| None);
        assert_eq!(
            shown(&reach, at(3))[0].0,
            "said.example",
            "by the name in TLS, where no look-up was seen"
        );
    }

    #[test]
    fn applications_are_what_was_spoken_and_the_port_for_what_nobody_knows() {
        let mut reach = Reach::new(64);
        let login = App::Login(crate::wire::login::Service::Mqtt);
        for (port, app) in
            [(443, App::Tls), (8443, App::Tls), (993, App::Tls), (4433, App::Tls), (53, App::Dns)]
        {
            let mut f = flow([203, 0, 113, 1], port, app);
            moves(&mut f, 1, 1);
            reach.count(at(0), &mut f, |_| None);
        }
        for (port, app) in [(8009, App::Unknown), (51_413, App::Unknown), (1883, login)] {
            let mut f = flow([203, 0, 113, 1], port, app);
            moves(&mut f, 1, 1);
            reach.count(at(0), &mut f, |_| None);
        }
        let mut ids: Vec<String> = reach.applications(at(1), 99).into_iter().map(|a| a.id).collect();
        assert_eq!((ids[0].as_str(), reach.applications(at(1), 99)[0].bytes_in_hour), ("https", 2));
        ids.sort();
        assert_eq!(ids, ["dns", "https", "imap_tls", "mqtt", "tcp", "tcp/8009", "tls"]);
    }

    #[test]
    fn a_flood_of_single_packets_makes_no_places() {
        let mut reach = Reach::new(64);
        for n in 0..1000u32 {
            let mut f = flow(n.to_be_bytes(), 80, App::Unknown);
            (f.bytes_up, f.packets_up) = (60, 1);
            reach.count(at(0), &mut f, |_| None);
        }
        assert_eq!(reach.places.len() + reach.applications.len(), 0);
    }

    #[test]
    fn a_place_is_small() {
        let name = 24;
        assert!(std::mem::size_of::<Place>() + name <= 336, "{}", std::mem::size_of::<Place>());
    }

    proptest! {
        #[test]
        fn sums_are_those_of_the_steps_within_reach(adds in proptest::collection::vec((0i64..400, 1u32..1000), 1..200)) {
            let (mut lately, mut now, mut all) = (Lately::default(), at(0), Vec::new());
            for (passed, bytes) in adds {
                now = now.plus(passed * SECOND);
                lately.add(now, [bytes, 0]);
                all.push((now, u64::from(bytes)));
            }
            let within = |length: i64, count: usize| -> u64 {
                let recent = all.iter().filter(|(t, _)| steps(*t, now, length) < count);
                recent.map(|(_, bytes)| *bytes).sum()
            };
            let sums = lately.sums(now);
            prop_assert_eq!((sums[0][0], sums[1][0]), (within(SHORT.0, SHORT.1), within(LONG.0, LONG.1)));
        }
    }
}
