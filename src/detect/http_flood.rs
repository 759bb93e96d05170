//! `http_flood`: a web server gets more requests, or more unfinished ones, than a visitor ever sends.
//!
//! Evidence: requests of one client to one server in ten seconds, of which most fail, or ask for the same again over
//! many connections; or connections held open whose request is not finished for `unfinished_seconds` (`slowloris`, and
//! bodies that drip).
//!
//! Known false alarms: a load test of your own; a scanner that looks for pages that are not there. Not one: a page with
//! two hundred pictures, a camera picture fetched ten times a second, programs that ask for many things over few
//! connections, a gateway in front of a server that passes many visitors on (they ask for different things and get
//! them).

use super::settings::settings;
use super::window::{Distinct, Pace, Rate, Tick};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part, text_part};
use crate::addr::Ip;
use crate::alert::{Evidence, Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{App, Flow};
use crate::words::{Sentence, say};

settings! {
    /// Settings of `http_flood`.
    HttpFloodSettings {
        /// Requests of one client to one server within ten seconds, 50 to 100000; a heavy page is a hundred or two.
        requests: u32 = 200, 50..=100_000;
        /// Connections among them from which on it is no browser, 4 to 30; browsers open six to one server.
        connections: u32 = 16, 4..=30;
        /// Connections held open with an unfinished request, 10 to 60.
        unfinished: u32 = 50, 10..=60;
        /// How long a request must be unfinished to count, seconds, 2 to 60; honest ones take far less.
        unfinished_seconds: u32 = 5, 2..=60;
    }
}

/// Above this many times `requests` it is a flood even when all are answered well.
const FAR_ABOVE: u64 = 5;
/// Different things asked for, at most, when a flood repeats itself.
const FEW_PATHS: u32 = 8;
/// Unfinished requests are forgotten when nothing more comes for so long, seconds.
const FORGOTTEN: u32 = 120;

/// Unfinished requests of one pair, by the client's port: since when, and when something last came.
#[derive(Clone, Copy)]
struct Unfinished {
    len: u8,
    ports: [(u16, Tick, Tick); 64],
}

impl Default for Unfinished {
    fn default() -> Self {
        Unfinished { len: 0, ports: [(0, Tick::default(), Tick::default()); 64] }
    }
}

impl Unfinished {
    fn held(&self) -> &[(u16, Tick, Tick)] {
        &self.ports[..usize::from(self.len)]
    }

    fn note(&mut self, port: u16, now: Tick) {
        if let Some(held) = self.ports[..usize::from(self.len)].iter_mut().find(|(p, ..)| *p == port) {
            held.2 = now;
        } else if usize::from(self.len) < self.ports.len() {
            self.ports[usize::from(self.len)] = (port, now, now);
            self.len += 1;
        }
    }

    fn forget(&mut self, port: u16) {
        if let Some(at) = self.held().iter().position(|(p, ..)| *p == port) {
            self.len -= 1;
            self.ports[at] = self.ports[usize::from(self.len)];
        }
    }

    fn count(&self, now: Tick, seconds: u32) -> u32 {
        let held = self.held().iter();
        held.filter(|(_, since, last)| now.since(*since) >= seconds * 10 && now.within(*last, FORGOTTEN))
            .count() as u32
    }
}

/// What one client asks of one server: about 1.6 KB.
#[derive(Default)]
struct Asked {
    requests: Rate<10>,
    answered: Rate<10>,
    failed: Rate<10>,
    connections: Distinct<32>,
    paths: Distinct<16>,
    unfinished: Unfinished,
    pace: Pace,
}

/// See the module.
pub struct HttpFlood {
    settings: HttpFloodSettings,
    asked: Bounded<(Ip, Ip), Asked>,
}

impl Detector for HttpFlood {
    const KIND: Kind = Kind {
        id: "http_flood",
        severity: Severity::High,
        mitre: &["T1499.002"],
        en: Texts {
            title: "Flood of web requests",
            what: "A web server is kept so busy that it has no time left for its visitors.",
            why: "One device sent far more requests in ten seconds than a visitor does, most of them failing or asking for the same; or it holds many connections open with requests that it never finishes.",
            harmless: "A load test of your own, or a program that has gone wild and tries again without a pause.",
            todo: "If the source is a device of yours, find the program that does it or disconnect the device. If it comes from the internet, block the address at your router.",
            silence: "Mute http_flood with this source and this target.",
        },
        nl: Texts {
            title: "Stortvloed van webverzoeken",
            what: "Een webserver wordt zo beziggehouden dat er geen tijd meer is voor de bezoekers.",
            why: "Eén apparaat stuurde in tien seconden veel meer verzoeken dan een bezoeker doet, waarvan de meeste mislukten of steeds hetzelfde vroegen; of het houdt veel verbindingen open met verzoeken die het nooit afmaakt.",
            harmless: "Een eigen belastingstest, of een programma dat op hol is geslagen en het zonder pauze opnieuw probeert.",
            todo: "Is de bron een apparaat van uzelf, zoek dan het programma dat dit doet of koppel het apparaat los. Komt het van internet, blokkeer het adres dan op uw router.",
            silence: "Demp http_flood met deze bron en dit doel.",
        },
    };
    const INTEREST: u64 = interest::HTTP | interest::FLOW_ENDED;
    type Settings = HttpFloodSettings;

    fn new(settings: &HttpFloodSettings, keys: usize) -> Self {
        HttpFlood { settings: settings.clone(), asked: Bounded::new((keys / 16).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::HttpRequest(flow, request) => {
                let path = request.target.split('?').next().unwrap_or_default();
                self.requested(cx, flow, path, out);
            }
            Observation::HttpStatus(flow, status) => {
                if let Some(asked) = self.asked.get_mut(&(flow.client, flow.server)) {
                    asked.answered.add(cx.now, 1);
                    asked.failed.add(cx.now, u32::from(*status >= 400));
                }
            }
            Observation::HttpUnfinished(flow) => self.unfinished(cx, flow, out),
            Observation::FlowEnded(flow) if flow.app == App::Http => {
                if let Some(asked) = self.asked.get_mut(&(flow.client, flow.server)) {
                    asked.unfinished.forget(flow.client_port);
                }
            }
            _ => {}
        }
    }
}

impl HttpFlood {
    fn requested(&mut self, cx: &Context<'_>, flow: &Flow, path: &str, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        let (asked, _) = self.asked.entry((flow.client, flow.server), Asked::default);
        asked.unfinished.forget(flow.client_port);
        asked.requests.add(cx.now, 1);
        *asked.connections.seen(u32::from(flow.client_port), now).0 = 1;
        *asked.paths.seen(text_part(path) as u32, now).0 = 1;
        let requests = asked.requests.total(cx.now);
        if requests <= u64::from(s.requests) {
            return;
        }
        let (answered, failed) = (asked.answered.total(cx.now), asked.failed.total(cx.now));
        let connections = asked.connections.within(now, 10).0;
        let paths = asked.paths.within(now, 10).0;
        let fails = answered > 0 && failed * 2 >= answered;
        let repeats = connections >= s.connections && paths <= FEW_PATHS;
        let far_above = connections >= s.connections && requests > FAR_ABOVE * u64::from(s.requests);
        if !(fails || repeats || far_above) || !asked.pace.due(now) {
            return;
        }
        let summary = say!(
            "{} floods the web server {} with {requests} requests in ten seconds",
            "{} overspoelt de webserver {} met {requests} verzoeken in tien seconden",
            flow.client,
            flow.server
        );
        let evidence = evidence! {
            "requests" => requests, "threshold" => s.requests, "window_s" => 10, "answered" => answered,
            "failed" => failed, "connections" => connections, "paths" => paths, "slowloris" => false,
        };
        Self::push(flow, summary, evidence, out);
    }

    fn unfinished(&mut self, cx: &Context<'_>, flow: &Flow, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        let (asked, _) = self.asked.entry((flow.client, flow.server), Asked::default);
        asked.unfinished.note(flow.client_port, now);
        let unfinished = asked.unfinished.count(now, s.unfinished_seconds);
        if unfinished < s.unfinished || !asked.pace.due(now) {
            return;
        }
        let summary = say!(
            "{} holds {unfinished} connections to the web server {} open with requests that it does not finish",
            "{} houdt {unfinished} verbindingen met de webserver {} open met verzoeken die het niet afmaakt",
            flow.client,
            flow.server
        );
        let evidence = evidence! {
            "unfinished" => unfinished, "threshold" => s.unfinished, "for_at_least_s" => s.unfinished_seconds,
            "slowloris" => true,
        };
        Self::push(flow, summary, evidence, out);
    }

    fn push(flow: &Flow, summary: Sentence, evidence: Evidence, out: &mut Findings) {
        let parts = [ip_part(flow.client), ip_part(flow.server)];
        let finding = Self::KIND.finding(Severity::High, &parts, summary, evidence);
        let target = Subject::endpoint(flow.server, flow.server_port);
        out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{self, Bench, ip};
    use crate::table::flows::proto;
    use crate::wire::http::Request;

    fn flow(port: u16) -> Flow {
        let mut flow = bench::flow(ip("192.168.1.66"), port, ip("192.168.1.10"), 80, proto::TCP);
        flow.app = App::Http;
        flow
    }

    /// `number` requests in eight seconds, over `connections`, for one of `paths`, answered with `status`.
    fn asks(b: &mut Bench<HttpFlood>, number: u32, connections: u16, paths: u32, status: u16) {
        for i in 0..number {
            let flow = flow(40_000 + (i as u16) % connections);
            let request = Request { target: format!("/{}?x={i}", i % paths), ..Request::default() };
            b.see(&Observation::HttpRequest(&flow, &request));
            b.see(&Observation::HttpStatus(&flow, status));
            b.wait(8.0 / f64::from(number));
        }
    }

    #[test]
    fn the_same_over_many_connections_or_failing_or_far_too_much_is_a_flood() {
        for (number, connections, paths, status) in
            [(400, 400, 1, 200), (300, 2, 300, 404), (1500, 100, 1500, 200)]
        {
            let mut b = Bench::<HttpFlood>::new();
            asks(&mut b, number, connections, paths, status);
            assert_eq!((b.alerts(), b.last().severity), (1, Severity::High), "{number} {connections}");
        }
    }

    #[test]
    fn heavy_pages_cameras_gateways_and_busy_programs_are_none() {
        for (number, connections, paths, status) in
            [(190, 190, 1, 200), (350, 6, 350, 200), (250, 1, 1, 200), (600, 600, 200, 304), (900, 4, 2, 200)]
        {
            let mut b = Bench::<HttpFlood>::new();
            asks(&mut b, number, connections, paths, status);
            assert!(b.found.is_empty(), "{number} {connections} {paths}");
        }
    }

    #[test]
    fn connections_whose_requests_never_end_are_found_and_slow_ones_are_not() {
        let mut b = Bench::<HttpFlood>::new();
        for _ in 0..4 {
            (0..60).for_each(|i| b.see(&Observation::HttpUnfinished(&flow(40_000 + i))));
            b.wait(4.0);
        }
        assert_eq!((b.alerts(), b.last().evidence["slowloris"].as_bool()), (1, Some(true)));
        let mut b = Bench::<HttpFlood>::new();
        for i in 0..400u16 {
            b.see(&Observation::HttpUnfinished(&flow(40_000 + i)));
            b.wait(0.05);
            match i % 2 {
                0 => b.see(&Observation::HttpRequest(&flow(40_000 + i), &Request::default())),
                _ => b.see(&Observation::FlowEnded(&flow(40_000 + i))),
            }
        }
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_made_up_sources_stays_within_its_table() {
        let mut b = Bench::<HttpFlood>::with(&Default::default(), 64);
        for i in 0..5_000u32 {
            let flow = bench::flow(Ip::v4(i.to_be_bytes()), 4000, ip("10.0.0.9"), 80, proto::TCP);
            b.see(&Observation::HttpUnfinished(&flow));
            b.see(&Observation::HttpRequest(&flow, &Request::default()));
        }
        assert!(b.found.is_empty() && b.detector.asked.len() <= 16);
    }
}
