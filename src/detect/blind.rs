//! `blind`: the sensor sees nothing, or not what it should.
//!
//! Evidence, per minute: no frame at all or an interface that is down (live only: a file may be quiet); no unicast between
//! other stations, only the sensor's own and broadcasts (it sits on an ordinary switch port); nearly all conversations in one
//! direction (half a mirror).
//!
//! Told once per shape, and again only after a minute without it. Known false alarms: a network at night, when nobody
//! talks; then raise `silent_seconds`. On a plain switch port the second shape is simply how it is: mute it, or mirror.

use super::settings::settings;
use super::{Context, Detector, Kind, Texts, evidence};
use crate::alert::{Findings, Severity};
use crate::observe::{Observation, SensorSecond, interest};
use crate::time::{SECOND, Timestamp};
use crate::words::words;

settings! {
    /// Settings of `blind`.
    BlindSettings {
        /// Seconds without any frame, live. 10 to 86400; a network with one device on it says something every minute.
        silent_seconds: u32 = 60, 10..=86_400;
        /// Fewest frames in a minute, live, before the other shapes are judged. 10 to 100000; capture files need five times
        /// as many, since a file of broadcasts may be meant to be one.
        at_least: u32 = 100, 10..=100_000;
        /// Conversations seen in one direction only, in percent of all, from which a minute counts as half blind. 60 to 100;
        /// scans and silent devices make some everywhere.
        one_way_percent: u32 = 95, 60..=100;
    }
}

/// In what way it is blind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Down,
    Silent,
    OwnOnly,
    OneWay,
}

/// The minute that is being added up.
#[derive(Default)]
struct Minute {
    began: Option<Timestamp>,
    frames: u64,
    foreign: u64,
    one_way: u64,
    two_way: u64,
    seconds_with_one_way: u32,
}

/// See the module.
pub struct Blind {
    settings: BlindSettings,
    minute: Minute,
    last_frame: Option<Timestamp>,
    down_since: Option<Timestamp>,
    raised: Option<Shape>,
    incident: u64,
}

/// How long an interface may be down before it is told: a cable is moved, a switch restarts a port.
const DOWN_SECONDS: i64 = 5;

impl Detector for Blind {
    const KIND: Kind = Kind {
        id: "blind",
        severity: Severity::High,
        mitre: &["T1562"],
        en: Texts {
            title: "The monitor cannot see",
            what: "The monitor gets no traffic, or only a part of it, and would miss most attacks.",
            why: "For a minute there were no frames, only its own and broadcast ones, or nearly every conversation was seen in one direction only.",
            harmless: "A pulled cable, a switch that restarts, a network where nothing happens, or a monitor that is plugged into an ordinary port instead of a mirror port.",
            todo: "Check the cable and the interface. To see the traffic of other devices, plug the monitor into a mirror (SPAN) port that copies both directions.",
            silence: "Mute blind if the monitor is meant to see only its own traffic and broadcasts.",
        },
        nl: Texts {
            title: "De monitor ziet niets",
            what: "De monitor krijgt geen verkeer of maar een deel ervan, en zou de meeste aanvallen missen.",
            why: "Een minuut lang kwamen er geen pakketten binnen, alleen eigen verkeer en berichten aan iedereen (broadcasts), of bijna elk gesprek was maar in één richting te zien.",
            harmless: "Een losse kabel, een switch die opnieuw opstart, een netwerk waarop niets gebeurt, of een monitor op een gewone poort in plaats van een spiegelpoort.",
            todo: "Controleer de kabel en de netwerkaansluiting. Sluit de monitor aan op een spiegelpoort (SPAN) die beide richtingen kopieert om het verkeer van andere apparaten te zien.",
            silence: "Demp blind als de monitor alleen eigen verkeer en broadcasts hoeft te zien.",
        },
    };
    const INTEREST: u64 = interest::SECOND;
    type Settings = BlindSettings;

    fn new(settings: &BlindSettings, _keys: usize) -> Self {
        Blind {
            settings: settings.clone(),
            minute: Minute::default(),
            last_frame: None,
            down_since: None,
            raised: None,
            incident: 0,
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::Second(second) = observation else { return };
        if second.live {
            self.dead(cx.now, second, out);
        }
        let minute = &mut self.minute;
        let began = *minute.began.get_or_insert(cx.now);
        minute.frames += second.frames;
        minute.foreign += second.foreign_unicast;
        minute.one_way += u64::from(second.one_way_flows);
        minute.two_way += u64::from(second.two_way_flows);
        minute.seconds_with_one_way += u32::from(second.one_way_flows > 0);
        if cx.now.since(began) >= 59 * SECOND {
            let minute = std::mem::take(minute);
            self.judge(&minute, second.live, out);
        }
    }
}

impl Blind {
    /// Silence and a dead interface, told as soon as they last long enough.
    fn dead(&mut self, now: Timestamp, second: &SensorSecond, out: &mut Findings) {
        let last = *self.last_frame.get_or_insert(now);
        if second.frames > 0 {
            self.last_frame = Some(now);
            if matches!(self.raised, Some(Shape::Silent | Shape::Down)) {
                self.raised = None;
            }
        }
        if !second.link_down {
            self.down_since = None;
        } else {
            let since = *self.down_since.get_or_insert(now);
            if now.since(since) >= DOWN_SECONDS * SECOND {
                self.raise(Shape::Down, &Minute::default(), now.since(since) / SECOND, out);
                return;
            }
        }
        let silent = now.since(last) / SECOND;
        if second.frames == 0 && silent >= i64::from(self.settings.silent_seconds) {
            self.raise(Shape::Silent, &Minute::default(), silent, out);
        }
    }

    fn judge(&mut self, minute: &Minute, live: bool, out: &mut Findings) {
        let enough = u64::from(self.settings.at_least) * if live { 1 } else { 5 };
        if minute.frames < enough {
            return;
        }
        let flows = minute.one_way + minute.two_way;
        let one_way = minute.one_way * 100 >= flows * u64::from(self.settings.one_way_percent);
        if minute.foreign == 0 {
            self.raise(Shape::OwnOnly, minute, 60, out);
        } else if flows >= 60 && minute.seconds_with_one_way >= 45 && one_way {
            self.raise(Shape::OneWay, minute, 60, out);
        } else {
            self.raised = None;
        }
    }

    fn raise(&mut self, shape: Shape, minute: &Minute, seconds: i64, out: &mut Findings) {
        let again = self.raised == Some(shape);
        if again && seconds % 60 != 0 {
            return;
        }
        if !again {
            self.raised = Some(shape);
            self.incident += 1;
        }
        let summary = match shape {
            Shape::Down => words(
                "The capture interface is down",
                "De netwerkaansluiting waarop wordt meegeluisterd is uitgevallen",
            ),
            Shape::Silent => words("No frame has come in", "Er is geen enkel pakket binnengekomen"),
            Shape::OwnOnly => words(
                "Only the monitor's own traffic and broadcasts are seen: is this a mirror port?",
                "Alleen verkeer van de monitor zelf en berichten aan iedereen zijn te zien: is dit een spiegelpoort?",
            ),
            Shape::OneWay => words(
                "Conversations are seen in one direction only: does the mirror copy both?",
                "Gesprekken zijn maar in één richting te zien: kopieert de spiegelpoort beide richtingen?",
            ),
        };
        let evidence = evidence! {
            "seconds" => seconds, "frames" => minute.frames, "unicast_of_others" => minute.foreign,
            "one_way_flows" => minute.one_way, "two_way_flows" => minute.two_way,
            "threshold_percent" => self.settings.one_way_percent, "threshold_s" => self.settings.silent_seconds,
        };
        let part = [self.incident, shape as u64];
        out.push(Self::KIND.finding(Severity::High, &part, summary.into(), evidence));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::Bench;

    const GOOD: SensorSecond = SensorSecond {
        frames: 50,
        dropped: 0,
        foreign_unicast: 30,
        own_or_group: 20,
        ack_gaps: 0,
        tagged: 0,
        pppoe: 0,
        sampled: 0,
        repeated: 0,
        tcp_data: 20,
        one_way_flows: 2,
        two_way_flows: 10,
        link_down: false,
        live: true,
    };
    fn run(b: &mut Bench<Blind>, seconds: u32, second: SensorSecond) {
        for _ in 0..seconds {
            b.see(&Observation::Second(&second));
            b.wait(1.0);
        }
    }

    #[test]
    fn silence_is_told_once_live_and_never_in_a_file() {
        let mut b = Bench::<Blind>::new();
        run(&mut b, 70, GOOD);
        run(&mut b, 600, SensorSecond { live: true, ..SensorSecond::default() });
        assert_eq!(b.alerts(), 1);
        assert!(b.found.len() <= 11);
        let mut b = Bench::<Blind>::new();
        run(&mut b, 600, SensorSecond::default());
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_dead_interface_is_told_after_seconds_and_again_when_it_dies_again() {
        let mut b = Bench::<Blind>::new();
        run(&mut b, 10, SensorSecond { link_down: true, live: true, ..SensorSecond::default() });
        run(&mut b, 10, GOOD);
        run(&mut b, 10, SensorSecond { link_down: true, live: true, ..SensorSecond::default() });
        assert_eq!(b.alerts(), 2);
    }

    #[test]
    fn an_ordinary_port_and_half_a_mirror_are_told_and_a_good_one_is_not() {
        for (second, alerts) in [
            (GOOD, 0),
            (SensorSecond { foreign_unicast: 0, ..GOOD }, 1),
            (SensorSecond { one_way_flows: 20, two_way_flows: 0, ..GOOD }, 1),
            (SensorSecond { frames: 1, foreign_unicast: 0, ..GOOD }, 0),
            (SensorSecond { foreign_unicast: 0, frames: 5, live: false, ..GOOD }, 0),
        ] {
            let mut b = Bench::<Blind>::new();
            run(&mut b, 300, second);
            assert_eq!(b.alerts(), alerts, "{second:?}");
        }
    }
}
