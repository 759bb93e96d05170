//! `sensor_trouble`: something is wrong with the sensor itself, so that its silence means less.
//!
//! Evidence: what the sensor reads of itself every few seconds: a store that cannot be written, a disk nearly full, lists of
//! known bad addresses that are old or broken, a clock that was set back, too low a voltage, too high a temperature. Each
//! trouble is one alert while it lasts. In a capture file only the clock can be seen, and it is low.
//!
//! Known false alarms: a clock that is set once after the start is ordinary on a board without a battery, and says nothing.

use super::settings::settings;
use super::{Context, Detector, Kind, Texts, evidence, text_part};
use crate::alert::{Evidence, Findings, Severity};
use crate::observe::{Observation, SensorState, interest};
use crate::time::{SECOND, Timestamp};
use crate::words::{Sentence, say, words};

settings! {
    /// Settings of `sensor_trouble`.
    SensorTroubleSettings {
        /// Free space below which the disk counts as nearly full, MiB. 1 to 100000; the store wants a few dozen.
        disk_free_mib: u32 = 100, 1..=100_000;
        /// Temperature of the processor, degrees Celsius, above which it is too hot. 50 to 110; a Raspberry Pi slows down at 80
        /// to 85.
        hot_celsius: f64 = 80.0, 50.0..=110.0;
        /// Hours after which a list that is fetched counts as old. 1 to 8760; bad addresses change daily.
        list_hours: u32 = 72, 1..=8760;
        /// Seconds that a clock must be set by to be told of. 2 to 86400; time services correct less without a step.
        clock_step_s: u32 = 60, 2..=86_400;
        /// Seconds that a trouble must last, 0 to 3600, so that a hot minute is no alert.
        lasting_s: u32 = 60, 0..=3600;
    }
}

/// The troubles that last, by number; a list's problem has its own.
const TROUBLES: usize = 5;
/// A clock that is set this soon after the start had no battery.
const STARTING: i64 = 3600 * SECOND;

/// See the module.
pub struct SensorTrouble {
    settings: SensorTroubleSettings,
    started: Option<Timestamp>,
    since: [Option<Timestamp>; TROUBLES],
    told: [Option<Timestamp>; TROUBLES],
    steps: u64,
}

impl Detector for SensorTrouble {
    const KIND: Kind = Kind {
        id: "sensor_trouble",
        severity: Severity::Medium,
        mitre: &[],
        en: Texts {
            title: "Trouble with the monitor itself",
            what: "Something is wrong with the monitor, its disk, its lists or its power. Until it is mended, its silence means less.",
            why: "The monitor watches itself; one of its readings passed a limit and stayed there.",
            harmless: "A hot day, a long power cut after which the clock was set, or a list whose publisher is away for a while.",
            todo: "Read what is wrong: free some disk space, use a better power supply, give the board air, or see why the lists are not fetched.",
            silence: "Mute sensor_trouble, or change its limits in the settings.",
        },
        nl: Texts {
            title: "Problemen met de monitor zelf",
            what: "Er is iets mis met de monitor, de schijf, de lijsten of de voeding. Zolang dat zo is, zegt stilte minder.",
            why: "De monitor houdt zichzelf in de gaten; een van de metingen ging over een grens en bleef daar.",
            harmless: "Een warme dag, een lange stroomstoring waarna de klok is gezet, of een lijst waarvan de uitgever even weg is.",
            todo: "Lees wat er mis is: maak schijfruimte vrij, gebruik een betere voeding, geef het bord lucht, of kijk waarom de lijsten niet worden opgehaald.",
            silence: "Demp sensor_trouble, of wijzig de grenzen in de instellingen.",
        },
    };
    const INTEREST: u64 = interest::SENSOR;
    type Settings = SensorTroubleSettings;

    fn new(settings: &SensorTroubleSettings, _keys: usize) -> Self {
        SensorTrouble {
            settings: settings.clone(),
            started: None,
            since: [None; TROUBLES],
            told: [None; TROUBLES],
            steps: 0,
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let started = *self.started.get_or_insert(cx.now);
        match observation {
            Observation::ClockStep { seconds, live } => {
                let first = *live && cx.now.since(started) < STARTING && *seconds > 0;
                if !first && seconds.unsigned_abs() >= u64::from(self.settings.clock_step_s) {
                    self.steps += 1;
                    clock(*seconds, *live, self.steps, self.settings.clock_step_s, out);
                }
            }
            Observation::Sensor(state) => self.judge(cx.now, state, out),
            _ => {}
        }
    }
}

fn clock(seconds: i64, live: bool, steps: u64, threshold: u32, out: &mut Findings) {
    let way = if seconds < 0 { words("back", "terug") } else { words("ahead", "vooruit") };
    let size = seconds.unsigned_abs();
    let summary = if live {
        say!(
            "The clock of the monitor was set {way} by {size} s",
            "De klok van de monitor is {size} s {way} gezet";
            way
        )
    } else {
        say!(
            "The times in this capture step {way} by {size} s: the clock was set while it was made",
            "De tijden in deze opname springen {size} s {way}: de klok is tijdens het opnemen verzet";
            way
        )
    };
    let evidence =
        evidence! { "trouble" => "clock", "step_s" => seconds, "steps" => steps, "threshold_s" => threshold };
    let severity = if live { Severity::Medium } else { Severity::Low };
    out.push(SensorTrouble::KIND.finding(severity, &[text_part("clock")], summary, evidence));
}

impl SensorTrouble {
    fn judge(&mut self, now: Timestamp, state: &SensorState<'_>, out: &mut Findings) {
        let s = self.settings.clone();
        let floor = u64::from(s.disk_free_mib) << 20;
        let disk = state.disk_free_bytes.filter(|free| *free < floor);
        self.lasts(0, now, "disk", disk, out, |free| {
            let text = say!(
                "Only {} MiB are free on the disk of the store",
                "Er is nog maar {} MiB vrij op de schijf met de opslag",
                free >> 20
            );
            (text, evidence! { "disk_free_bytes" => free, "threshold_bytes" => floor })
        });
        self.lasts(1, now, "store", state.store_problem, out, |problem| {
            let text = say!(
                "The store cannot be written: {problem}",
                "Er kan niets worden bewaard: {problem}";
                problem
            );
            (text, evidence! { "problem" => problem.en })
        });
        let hot = state.temperature_celsius.filter(|t| *t > s.hot_celsius);
        self.lasts(2, now, "heat", hot, out, |t| {
            let text =
                say!("The processor is at {t:.0} degrees Celsius", "De processor is {t:.0} graden Celsius");
            (text, evidence! { "temperature_celsius" => t, "threshold_celsius" => s.hot_celsius })
        });
        self.lasts(3, now, "power", state.under_voltage.then_some(()), out, |()| {
            let text = words(
                "The power supply is too weak: the voltage is below what the board needs",
                "De voeding is te zwak: de spanning is lager dan het bord nodig heeft",
            );
            (text.into(), evidence! { "under_voltage" => true })
        });
        let lists = state
            .lists
            .iter()
            .filter(|l| l.problem.is_some() || l.age_hours.is_some_and(|a| a > u64::from(s.list_hours)));
        let broken: Vec<&crate::observe::ListState<'_>> = lists.collect();
        self.lasts(4, now, "lists", (!broken.is_empty()).then_some(broken), out, |broken| {
            let first = broken[0];
            let why = match (first.problem, first.age_hours) {
                (Some(problem), _) => problem.clone(),
                (None, age) => say!("it is {} hours old", "hij is {} uur oud", age.unwrap_or(0)),
            };
            let more = match broken.len() {
                2.. => say!(" (and {} more)", " (en nog {})", broken.len() - 1),
                _ => Sentence::default(),
            };
            let names: Vec<&str> = broken.iter().map(|l| l.name).collect();
            let text = say!(
                "The list {} is of little use: {why}{more}",
                "Aan de lijst {} heeft u nu weinig: {why}{more}",
                first.name;
                why, more
            );
            (text, evidence! { "lists" => names, "problem" => why.en, "threshold_hours" => s.list_hours })
        });
    }

    /// Tells of a trouble that has lasted, once a minute.
    fn lasts<T>(
        &mut self,
        number: usize,
        now: Timestamp,
        name: &'static str,
        trouble: Option<T>,
        out: &mut Findings,
        say: impl FnOnce(T) -> (Sentence, Evidence),
    ) {
        let Some(trouble) = trouble else {
            self.since[number] = None;
            return;
        };
        let since = *self.since[number].get_or_insert(now);
        let lasted = now.since(since);
        let told = self.told[number].is_some_and(|at| now.since(at) < 60 * SECOND);
        if lasted < i64::from(self.settings.lasting_s) * SECOND || told {
            return;
        }
        self.told[number] = Some(now);
        let (summary, mut evidence) = say(trouble);
        evidence.insert("trouble".to_owned(), name.into());
        evidence.insert("seconds".to_owned(), (lasted / SECOND).into());
        out.push(Self::KIND.finding(Severity::Medium, &[text_part(name)], summary, evidence));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::Bench;
    use crate::observe::ListState;

    const WELL: SensorState<'_> = SensorState {
        disk_free_bytes: Some(1 << 30),
        store_problem: None,
        temperature_celsius: Some(55.0),
        under_voltage: false,
        lists: &[ListState { name: "a", problem: None, age_hours: Some(5) }],
    };

    fn run(state: SensorState<'_>, seconds: u32) -> Bench<SensorTrouble> {
        let mut b = Bench::<SensorTrouble>::new();
        for _ in 0..seconds / 10 {
            b.see(&Observation::Sensor(&state));
            b.wait(10.0);
        }
        b
    }

    #[test]
    fn a_sensor_that_is_well_says_nothing_and_a_short_trouble_neither() {
        assert!(run(WELL, 600).found.is_empty());
        assert!(run(SensorState { under_voltage: true, ..WELL }, 60).found.is_empty());
    }

    #[test]
    fn each_trouble_that_lasts_is_one_alert_with_its_numbers() {
        let old = [ListState { name: "urls", problem: None, age_hours: Some(500) }];
        let (missing, full) = (Sentence::same("urls.txt: not found"), Sentence::same("read-only"));
        let broken = [ListState { name: "urls", problem: Some(&missing), age_hours: None }];
        for (state, word) in [
            (SensorState { disk_free_bytes: Some(1 << 20), ..WELL }, "1 MiB"),
            (SensorState { store_problem: Some(&full), ..WELL }, "read-only"),
            (SensorState { temperature_celsius: Some(84.6), ..WELL }, "85 degrees"),
            (SensorState { under_voltage: true, ..WELL }, "power supply"),
            (SensorState { lists: &old, ..WELL }, "500 hours"),
            (SensorState { lists: &broken, ..WELL }, "not found"),
        ] {
            let b = run(state, 600);
            assert_eq!(b.alerts(), 1, "{word}");
            assert!(b.last().summary.en.contains(word), "{}", b.last().summary.en);
            assert!(b.found.len() <= 10, "told once a minute");
        }
    }

    #[test]
    fn a_clock_set_at_the_start_is_ordinary_and_one_set_back_is_not() {
        let mut b = Bench::<SensorTrouble>::new();
        b.see(&Observation::ClockStep { seconds: 40_000_000, live: true });
        b.see(&Observation::ClockStep { seconds: -5, live: true });
        assert!(b.found.is_empty());
        b.see(&Observation::ClockStep { seconds: -7200, live: true });
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
    }
}
