//! `iot_abuse`: a broker, camera or small device answers strangers, or a broker is drowned in messages.
//!
//! Evidence: a log-in at an inside MQTT broker, or a request to an inside camera (RTSP) or device (CoAP), that came from
//! outside, carried no credentials, and was granted; publications per second of one client over several seconds in a row.
//!
//! Known false alarms: a camera that is shared with the world on purpose; a logger that sends up a day's backlog. Not
//! one: an anonymous broker that only the home itself uses, a broker's burst of kept messages to who subscribes, a
//! device's own talks with its maker's cloud.

use super::settings::settings;
use super::window::{Distinct, Pace, Rate};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{Flow, Side};
use crate::wire::{coap, mqtt, rtsp};
use crate::words::{Words, say, words};

settings! {
    /// Settings of `iot_abuse`.
    IotAbuseSettings {
        /// Publications of one client per second that make a storm. 50 to 100000; a busy home has ten, and a restart of its
        /// bridges a few hundred for a moment.
        publish_per_second: u32 = 200, 50..=100_000;
        /// For how many seconds in a row, 3 to 9.
        publish_seconds: u32 = 5, 3..=9;
    }
}

/// What stands open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Door {
    Mqtt,
    Rtsp,
    Coap,
}

impl Door {
    fn name(self) -> &'static str {
        match self {
            Door::Mqtt => "MQTT",
            Door::Rtsp => "RTSP",
            Door::Coap => "CoAP",
        }
    }
    fn serves(self) -> Words {
        match self {
            Door::Mqtt => words(
                "lets strangers into its MQTT broker without a password",
                "laat vreemden zonder wachtwoord toe tot zijn MQTT-berichtenserver",
            ),
            Door::Rtsp => words(
                "shows its pictures to strangers over RTSP without a password",
                "toont zijn beelden via RTSP zonder wachtwoord aan vreemden",
            ),
            Door::Coap => words(
                "answers strangers over CoAP without a password",
                "antwoordt vreemden via CoAP zonder wachtwoord",
            ),
        }
    }
}

/// Who was served at an open door.
#[derive(Default)]
struct Served {
    clients: Distinct<8>,
    number: u32,
    pace: Pace,
}

#[derive(Default)]
struct Publisher {
    rate: Rate<10>,
    pace: Pace,
}

/// Requests from outside that wait for their answer: client, its port, server; a flood pushes out the oldest.
const WAITING: usize = 256;

/// See the module.
pub struct IotAbuse {
    settings: IotAbuseSettings,
    /// Whether it carried credentials.
    waiting: Bounded<(Ip, u16, Ip), bool>,
    served: Bounded<(Ip, Door), Served>,
    /// Pairs of an inside device and an outside host that the device itself called: CoAP goes both ways between them.
    called: Bounded<(Ip, Ip), ()>,
    publishers: Bounded<(Ip, Ip), Publisher>,
}

impl Detector for IotAbuse {
    const KIND: Kind = Kind {
        id: "iot_abuse",
        severity: Severity::Medium,
        mitre: &["T1133", "T1499.002"],
        en: Texts {
            title: "Smart device open to strangers",
            what: "A smart device, camera or message broker serves hosts on the internet without asking who they are, or is flooded with messages.",
            why: "A request that came from the internet without a password was answered, or one client published far more messages a second than any home does.",
            harmless: "A camera that you share with everyone on purpose, or a logger that sends what it gathered while it was offline.",
            todo: "Close the port forwarding on your router, or set a password on the device and use a VPN to reach it. In a flood of messages: restart or disconnect the client that sends them.",
            silence: "Mute iot_abuse with the device or broker as the target.",
        },
        nl: Texts {
            title: "Slim apparaat open voor vreemden",
            what: "Een slim apparaat, camera of berichtenserver bedient machines op internet zonder te vragen wie ze zijn, of wordt overspoeld met berichten.",
            why: "Een verzoek dat zonder wachtwoord van internet kwam werd beantwoord, of één apparaat verstuurde veel meer berichten per seconde dan in een huis voorkomt.",
            harmless: "Een camera die u bewust met iedereen deelt, of een logger die nastuurt wat hij zonder verbinding verzamelde.",
            todo: "Sluit de poort op uw router, of stel een wachtwoord in op het apparaat en bereik het via een VPN. Bij een stortvloed van berichten: herstart het apparaat dat ze verstuurt of koppel het los.",
            silence: "Demp iot_abuse met het apparaat of de berichtenserver als doel.",
        },
    };
    const INTEREST: u64 = interest::MQTT | interest::IOT;
    type Settings = IotAbuseSettings;

    fn new(settings: &IotAbuseSettings, keys: usize) -> Self {
        IotAbuse {
            settings: settings.clone(),
            waiting: Bounded::new(WAITING.min(keys.max(16))),
            served: Bounded::new((keys / 16).max(16)),
            called: Bounded::new((keys / 16).max(16)),
            publishers: Bounded::new((keys / 32).max(16)),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::Mqtt(flow, said) => self.mqtt(cx, flow, said, out),
            Observation::Rtsp(flow, said) => match said {
                rtsp::Said::Request { method: rtsp::Method::Other, .. } => {}
                rtsp::Said::Request { authorised, .. } => self.asked(flow, *authorised),
                rtsp::Said::Answer { code: 200..=299 } => self.granted(cx, flow, Door::Rtsp, out),
                rtsp::Said::Answer { .. } => self.refused(flow),
            },
            Observation::Coap(flow, side, said) => self.coap(cx, flow, *side, said, out),
            _ => {}
        }
    }
}

fn from_outside(flow: &Flow) -> bool {
    flow.inside == [false, true]
}

impl IotAbuse {
    fn mqtt(&mut self, cx: &Context<'_>, flow: &Flow, said: &mqtt::Said<'_>, out: &mut Findings) {
        match said {
            mqtt::Said::Connect { user, password, .. } => self.asked(flow, *user || *password),
            mqtt::Said::Answer { code: 0 } => self.granted(cx, flow, Door::Mqtt, out),
            mqtt::Said::Answer { .. } => self.refused(flow),
            mqtt::Said::Publish { .. } => self.published(cx, flow, out),
            mqtt::Said::Subscribe { .. } => {}
        }
    }

    fn asked(&mut self, flow: &Flow, with_credentials: bool) {
        if from_outside(flow) {
            let (asked, _) = self.waiting.entry((flow.client, flow.client_port, flow.server), || false);
            *asked = with_credentials;
        }
    }

    fn refused(&mut self, flow: &Flow) {
        if from_outside(flow) {
            self.waiting.remove(&(flow.client, flow.client_port, flow.server));
        }
    }

    fn coap(&mut self, cx: &Context<'_>, flow: &Flow, side: Side, said: &coap::Said<'_>, out: &mut Findings) {
        match (flow.inside, side, said) {
            ([true, false], Side::Client, _) => {
                self.called.entry((flow.client, flow.server), || ());
            }
            ([false, true], Side::Client, coap::Said::Request { .. })
                if self.called.get_mut(&(flow.server, flow.client)).is_none() =>
            {
                self.asked(flow, false);
            }
            (_, Side::Server, coap::Said::Answer { code }) if code >> 5 == 2 => {
                self.granted(cx, flow, Door::Coap, out);
            }
            _ => {}
        }
    }

    /// The request that waits was answered well.
    fn granted(&mut self, cx: &Context<'_>, flow: &Flow, door: Door, out: &mut Findings) {
        let asked = self.waiting.remove(&(flow.client, flow.client_port, flow.server));
        let Some(false) = asked.filter(|_| from_outside(flow)) else { return };
        let now = cx.tick();
        let (served, _) = self.served.entry((flow.server, door), Served::default);
        served.number = served.number.saturating_add(1);
        *served.clients.seen(ip_part(flow.client) as u32, now).0 = 1;
        if !served.pace.due(now) {
            return;
        }
        let serves = door.serves();
        let summary = say!(
            "{} {serves}: {} came in from outside",
            "{} {serves}: {} kwam van buiten binnen",
            flow.server,
            flow.client;
            serves
        );
        let evidence = evidence! {
            "service" => door.name(), "served" => served.number,
            "clients" => served.clients.within(now, 3600).0, "window_s" => 3600, "threshold" => 1,
        };
        let parts = [ip_part(flow.server), super::text_part(door.name())];
        let finding = Self::KIND.finding(Severity::Medium, &parts, summary, evidence);
        let target = Subject::endpoint(flow.server, flow.server_port);
        out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
    }

    fn published(&mut self, cx: &Context<'_>, flow: &Flow, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        let (publisher, _) = self.publishers.entry((flow.client, flow.server), Publisher::default);
        publisher.rate.add(cx.now, 1);
        let lasting = publisher.rate.sustained(cx.now, s.publish_per_second) >= s.publish_seconds;
        if !lasting || !publisher.pace.due(now) {
            return;
        }
        let peak = publisher.rate.peak();
        let summary = say!(
            "{} floods the MQTT broker {} with {peak} messages a second",
            "{} overspoelt de MQTT-berichtenserver {} met {peak} berichten per seconde",
            flow.client,
            flow.server
        );
        let evidence = evidence! {
            "service" => "MQTT", "published" => publisher.rate.total(cx.now), "window_s" => 10,
            "peak_per_second" => peak, "threshold_per_second" => s.publish_per_second,
            "threshold_s" => s.publish_seconds,
        };
        let parts = [ip_part(flow.client), ip_part(flow.server)];
        let finding = Self::KIND.finding(Severity::Medium, &parts, summary, evidence);
        let target = Subject::endpoint(flow.server, flow.server_port);
        out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{self, Bench, ip, udp};

    fn flow(client: &str, server: &str, port: u16) -> Flow {
        let mut flow = bench::tcp(client, server, port);
        flow.inside = [!client.starts_with("203") && !client.starts_with("2001"), true];
        flow
    }

    fn login(b: &mut Bench<IotAbuse>, flow: &Flow, user: bool, code: u8) {
        b.see(&Observation::Mqtt(flow, &mqtt::Said::Connect { user, password: user, client_id: b"x" }));
        b.see(&Observation::Mqtt(flow, &mqtt::Said::Answer { code }));
    }

    #[test]
    fn an_anonymous_log_in_from_outside_that_is_granted_is_one_alert() {
        let mut b = Bench::<IotAbuse>::new();
        for i in 1..9 {
            login(&mut b, &flow(&format!("203.0.113.{i}"), "10.0.0.9", 1883), false, 0);
            b.wait(9.0);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
    }

    #[test]
    fn refused_proven_and_inside_log_ins_are_none() {
        let mut b = Bench::<IotAbuse>::new();
        login(&mut b, &flow("203.0.113.7", "10.0.0.9", 1883), false, 5);
        login(&mut b, &flow("203.0.113.7", "10.0.0.9", 1883), true, 0);
        login(&mut b, &flow("10.0.0.5", "10.0.0.9", 1883), false, 0);
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_camera_that_shows_itself_without_a_password_is_found_and_one_that_asks_is_not() {
        let ask = |authorised| rtsp::Said::Request { method: rtsp::Method::Describe, authorised, uri: b"" };
        let mut b = Bench::<IotAbuse>::new();
        let asks = flow("203.0.113.7", "10.0.0.9", 554);
        for (authorised, code) in [(false, 401), (true, 200)] {
            b.see(&Observation::Rtsp(&asks, &ask(authorised)));
            b.see(&Observation::Rtsp(&asks, &rtsp::Said::Answer { code }));
        }
        assert!(b.found.is_empty());
        let open = flow("2001:db8::7", "fd00::9", 554);
        b.see(&Observation::Rtsp(&open, &ask(false)));
        b.see(&Observation::Rtsp(&open, &rtsp::Said::Answer { code: 200 }));
        assert_eq!(b.last().target, Some(Subject::endpoint(ip("fd00::9"), 554)));
    }

    #[test]
    fn a_device_that_answers_its_own_cloud_is_none_and_one_that_answers_strangers_is() {
        let (get, ok) = (coap::Said::Request { method: 1, path: b"rd" }, coap::Said::Answer { code: 0x45 });
        let mut b = Bench::<IotAbuse>::new();
        let mut out = udp("10.0.0.9", 5683, "203.0.113.7", 5683);
        out.inside = [true, false];
        b.see(&Observation::Coap(&out, Side::Client, &get));
        let mut back = udp("203.0.113.7", 5683, "10.0.0.9", 5683);
        back.inside = [false, true];
        b.see(&Observation::Coap(&back, Side::Client, &get));
        b.see(&Observation::Coap(&back, Side::Server, &ok));
        assert!(b.found.is_empty());
        back.client = ip("203.0.113.8");
        b.see(&Observation::Coap(&back, Side::Client, &get));
        b.see(&Observation::Coap(&back, Side::Server, &ok));
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn a_lasting_storm_is_found_and_a_burst_is_not() {
        let mut b = Bench::<IotAbuse>::new();
        let flow = flow("10.0.0.5", "10.0.0.9", 1883);
        for _ in 0..900 {
            b.see(&Observation::Mqtt(&flow, &mqtt::Said::Publish { topic: b"a" }));
            b.wait(0.001);
        }
        assert!(b.found.is_empty());
        for _ in 0..3000 {
            b.see(&Observation::Mqtt(&flow, &mqtt::Said::Publish { topic: b"a" }));
            b.wait(0.003);
        }
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn a_flood_of_made_up_clients_stays_within_its_tables() {
        let mut b = Bench::<IotAbuse>::with(&IotAbuseSettings::default(), 64);
        for i in 0..20_000u32 {
            let mut flow = bench::flow(Ip::v4(i.to_be_bytes()), 4000, ip("10.0.0.9"), 1883, 6);
            flow.inside = [false, true];
            login(&mut b, &flow, false, 0);
            b.see(&Observation::Mqtt(&flow, &mqtt::Said::Publish { topic: b"a" }));
        }
        let d = &b.detector;
        assert!(d.waiting.len() <= 64 && d.served.len() <= 16 && d.publishers.len() <= 16);
        assert_eq!(b.alerts(), 1);
    }
}
