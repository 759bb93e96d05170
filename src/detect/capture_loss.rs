//! `capture_loss`: the sensor does not see every frame.
//!
//! Evidence, per minute: frames that the kernel, the ring or this program dropped, as a share of all; and TCP payload that
//! was acknowledged without ever being seen, which shows that frames were lost before they got here (a mirror port that
//! is full). The second means nothing when most connections are seen in one direction only: then `blind` says so.
//!
//! Told once, and again only after a minute without loss. In a capture file it is low: there is nothing left to mend. Known
//! false alarms: a file that was filtered.

use super::settings::settings;
use super::{Context, Detector, Kind, Texts, evidence};
use crate::alert::{Findings, Severity};
use crate::observe::{Observation, SensorSecond, interest};
use crate::time::{SECOND, Timestamp};
use crate::words::say;

settings! {
    /// Settings of `capture_loss`.
    CaptureLossSettings {
        /// Dropped frames in percent of all, over a minute. 0.01 to 50; below 0.1 % no detector notices.
        dropped_percent: f64 = 0.1, 0.01..=50;
        /// Acknowledged but never seen TCP segments in percent of those seen, over a minute. 0.1 to 50; a mirror that keeps
        /// up shows next to none.
        gap_percent: f64 = 1.0, 0.1..=50;
        /// Fewest frames (or segments) lost in that minute, 1 to 10000, so that a quiet network is not judged by one frame.
        at_least: u32 = 20, 1..=10_000;
    }
}

/// The minute that is being added up.
#[derive(Default)]
struct Minute {
    began: Option<Timestamp>,
    frames: u64,
    dropped: u64,
    gaps: u64,
    data: u64,
    one_way: u64,
    two_way: u64,
}

impl Minute {
    fn add(&mut self, second: &SensorSecond) {
        self.frames += second.frames;
        self.dropped += second.dropped;
        self.gaps += second.ack_gaps;
        self.data += second.tcp_data;
        self.one_way += u64::from(second.one_way_flows);
        self.two_way += u64::from(second.two_way_flows);
    }
}

/// See the module.
pub struct CaptureLoss {
    settings: CaptureLossSettings,
    minute: Minute,
    incident: u64,
    raised: bool,
}

impl Detector for CaptureLoss {
    const KIND: Kind = Kind {
        id: "capture_loss",
        severity: Severity::Medium,
        mitre: &[],
        en: Texts {
            title: "Frames are being lost",
            what: "The monitor does not get to see all traffic. An attack may hide in what is missing.",
            why: "Over a minute, frames were dropped before they could be read, or answers were seen to data that never passed by.",
            harmless: "A short peak, such as a backup. A mirror port of a busy switch carries less than the switch itself.",
            todo: "See on the health page where frames are lost. If the mirror port is full, mirror fewer ports; if this machine is too slow, use a faster one or capture only what matters.",
            silence: "Mute capture_loss, or raise its percentages in the settings.",
        },
        nl: Texts {
            title: "Er gaan pakketten verloren",
            what: "De monitor krijgt niet al het verkeer te zien. In wat ontbreekt, kan een aanval schuilgaan.",
            why: "Een minuut lang gingen pakketten verloren voordat ze gelezen konden worden, of er kwamen antwoorden op gegevens die nooit voorbijkwamen.",
            harmless: "Een korte piek, zoals een back-up. Een spiegelpoort van een drukke switch kan minder aan dan de switch zelf.",
            todo: "Bekijk op de pagina Toestand waar pakketten verloren gaan. Is de spiegelpoort vol, spiegel dan minder poorten; is dit apparaat te traag, gebruik dan een sneller apparaat of beperk wat er wordt bekeken.",
            silence: "Demp capture_loss, of verhoog de percentages in de instellingen.",
        },
    };
    const INTEREST: u64 = interest::SECOND;
    type Settings = CaptureLossSettings;

    fn new(settings: &CaptureLossSettings, _keys: usize) -> Self {
        CaptureLoss { settings: settings.clone(), minute: Minute::default(), incident: 0, raised: false }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::Second(second) = observation else { return };
        let began = *self.minute.began.get_or_insert(cx.now);
        self.minute.add(second);
        if cx.now.since(began) < 59 * SECOND {
            return;
        }
        let minute = std::mem::take(&mut self.minute);
        self.judge(&minute, second.live, out);
    }
}

impl CaptureLoss {
    fn judge(&mut self, minute: &Minute, live: bool, out: &mut Findings) {
        let s = &self.settings;
        let percent = |part: u64, of: u64| part as f64 * 100.0 / of.max(1) as f64;
        let dropped = percent(minute.dropped, minute.frames + minute.dropped);
        let gaps = percent(minute.gaps, minute.data + minute.gaps);
        let enough = u64::from(s.at_least);
        let here = minute.dropped >= enough && dropped > s.dropped_percent;
        let before = minute.gaps >= enough && gaps > s.gap_percent && minute.two_way > minute.one_way;
        if !here && !before {
            self.raised = false;
            return;
        }
        if !self.raised {
            self.raised = true;
            self.incident += 1;
        }
        let summary = if here {
            say!(
                "{dropped:.2} % of all frames were dropped in a minute",
                "In één minuut ging {dropped:.2} % van alle pakketten verloren"
            )
        } else {
            say!(
                "{gaps:.2} % of TCP data was acknowledged but never seen in a minute: lost before it got here",
                "In één minuut is {gaps:.2} % van de TCP-gegevens wel bevestigd maar nooit gezien: verloren voor het hier aankwam"
            )
        };
        let evidence = evidence! {
            "frames" => minute.frames, "dropped" => minute.dropped, "dropped_percent" => round(dropped),
            "dropped_threshold_percent" => s.dropped_percent, "ack_gaps" => minute.gaps,
            "gap_percent" => round(gaps), "gap_threshold_percent" => s.gap_percent, "window_s" => 60,
        };
        let severity = if live { Severity::Medium } else { Severity::Low };
        out.push(Self::KIND.finding(severity, &[self.incident], summary, evidence));
    }
}

/// To two decimals.
fn round(percent: f64) -> f64 {
    (percent * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::Bench;

    fn run(b: &mut Bench<CaptureLoss>, seconds: u32, second: SensorSecond) {
        for _ in 0..seconds {
            b.see(&Observation::Second(&second));
            b.wait(1.0);
        }
    }
    const CLEAN: SensorSecond = SensorSecond {
        frames: 1000,
        dropped: 0,
        foreign_unicast: 900,
        own_or_group: 100,
        ack_gaps: 0,
        tagged: 0,
        pppoe: 0,
        sampled: 0,
        repeated: 0,
        tcp_data: 500,
        one_way_flows: 1,
        two_way_flows: 20,
        link_down: false,
        live: true,
    };

    #[test]
    fn drops_are_told_once_and_again_after_a_clean_minute() {
        let mut b = Bench::<CaptureLoss>::new();
        run(&mut b, 120, CLEAN);
        assert!(b.found.is_empty());
        run(&mut b, 240, SensorSecond { dropped: 5, ..CLEAN });
        assert_eq!(b.alerts(), 1);
        run(&mut b, 120, CLEAN);
        run(&mut b, 120, SensorSecond { dropped: 5, ..CLEAN });
        assert_eq!(b.alerts(), 2);
    }

    #[test]
    fn gaps_show_loss_before_the_sensor_unless_half_the_traffic_is_missing_by_design() {
        let mut b = Bench::<CaptureLoss>::new();
        run(&mut b, 70, SensorSecond { ack_gaps: 20, one_way_flows: 30, ..CLEAN });
        assert!(b.found.is_empty());
        run(&mut b, 120, SensorSecond { ack_gaps: 20, ..CLEAN });
        assert_eq!(b.alerts(), 1);
        assert!(b.last().summary.en.contains("before it got here"));
    }

    #[test]
    fn a_lost_frame_now_and_then_is_nothing() {
        let mut b = Bench::<CaptureLoss>::new();
        run(&mut b, 300, SensorSecond { frames: 10, tcp_data: 5, ..CLEAN });
        b.see(&Observation::Second(&SensorSecond { dropped: 1, ack_gaps: 1, ..CLEAN }));
        run(&mut b, 100, SensorSecond { frames: 10, tcp_data: 5, ..CLEAN });
        assert!(b.found.is_empty());
    }
}
