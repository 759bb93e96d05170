//! `netmonitor replay`: capture files through the same engine, on the files' own time.

use super::{Outcome, read_config};
use crate::alert::AlertRecord;
use crate::capture::Frame;
use crate::capture::pcap::{CaptureError, CaptureFile, RawFrame};
use crate::capture::trace_clock::TraceClock;
use crate::config::Config;
use crate::engine::{self, Engine};
use crate::event::Event;
use crate::logs::complain;
use crate::run::{self, Kept, Lists};
use crate::time::{self, SECOND, Timestamp, WallTime};
use argh::FromArgs;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Frames between two looks at the clock for the progress line.
const PROGRESS_FRAMES: u64 = 16_384;

/// run capture files through the engine on their own time, as fast as it can, without root
#[derive(FromArgs)]
#[argh(subcommand, name = "replay")]
pub(super) struct Replay {
    #[argh(positional)]
    /// capture files: pcap, pcapng, either gzip'd; - for standard input
    files: Vec<String>,
    #[argh(option)]
    /// settings file (default: /etc/netmonitor/config.toml when it exists)
    config: Option<PathBuf>,
    #[argh(switch)]
    /// print one JSON object per line and nothing else
    json: bool,
    #[argh(switch)]
    /// then show the result on a dashboard at 127.0.0.1 until interrupted
    serve: bool,
}

/// The last line of `--json`.
#[derive(Serialize)]
struct Summary {
    r#type: &'static str,
    files: u64,
    packets: u64,
    bytes: u64,
    decoded: u64,
    rejected: u64,
    flows: u64,
    devices: usize,
    alerts: u64,
    first_time: Option<WallTime>,
    last_time: Option<WallTime>,
    seconds: f64,
}

/// An alert with what kind of line it is.
#[derive(Serialize)]
struct AlertLine<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    alert: &'a AlertRecord,
}

impl Replay {
    pub(super) fn start(self) -> Outcome {
        if self.files.is_empty() {
            return Ok(super::wrong_use("replay: name at least one capture file, or - for standard input"));
        }
        let config = read_config(self.config.as_ref(), &[])?;
        let started = time::monotonic();
        let mut player = Player::new(&config, self.json, self.serve)?;
        let mut broken = false;
        for name in &self.files {
            if let Err(error) = player.play(name) {
                broken = true;
                player.progress.clear();
                match error {
                    Stop::Capture(error) => complain(&format!("netmonitor: {error}")),
                    Stop::Output(error) => return Err(error.into()),
                }
            }
        }
        player.finish(time::monotonic().since(started))?;
        if self.serve {
            run::serve_replay(&config, player.engine, player.kept)?;
        }
        Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// Why a file was not played to its end.
enum Stop {
    Capture(CaptureError),
    Output(io::Error),
}

impl From<CaptureError> for Stop {
    fn from(error: CaptureError) -> Self {
        Stop::Capture(error)
    }
}

/// An engine with the lists of the settings; the same for the same settings.
fn engine(config: &Config) -> Result<Engine, Box<dyn std::error::Error>> {
    let mut engine = run::engine(config, engine::Settings::default())?;
    let mut lists = Lists::new(config, config.network.inside(), 0);
    engine.set_feeds(lists.load().into());
    let problems: Vec<String> = lists.status().into_iter().filter_map(|list| list.problem).collect();
    if problems.is_empty() { Ok(engine) } else { Err(problems.join("; ").into()) }
}

struct Player {
    engine: Engine,
    clock: TraceClock,
    out: BufWriter<io::Stdout>,
    json: bool,
    keep: bool,
    kept: Kept,
    grown: BTreeMap<u64, AlertRecord>,
    progress: Progress,
    files: u64,
    first: Option<WallTime>,
    last: Option<WallTime>,
}

impl Player {
    fn new(config: &Config, json: bool, keep: bool) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Player {
            engine: engine(config)?,
            clock: TraceClock::default(),
            out: BufWriter::new(io::stdout()),
            json,
            keep,
            kept: Kept::default(),
            grown: BTreeMap::new(),
            progress: Progress::new(),
            files: 0,
            first: None,
            last: None,
        })
    }

    fn play(&mut self, name: &str) -> Result<(), Stop> {
        let mut file = CaptureFile::open(std::path::Path::new(name))?;
        self.files += 1;
        let mut left = PROGRESS_FRAMES;
        while let Some(raw) = file.next()? {
            self.on_frame(&raw);
            self.drain().map_err(Stop::Output)?;
            left -= 1;
            if left == 0 {
                left = PROGRESS_FRAMES;
                self.progress.show(name, file.position(), file.size(), self.engine.counters().frames);
            }
        }
        Ok(())
    }

    fn on_frame(&mut self, raw: &RawFrame<'_>) {
        let at = self.clock.map(raw.wall);
        self.engine.set_offset(self.clock.offset());
        self.first = Some(self.first.map_or(raw.wall, |first| first.min(raw.wall)));
        self.last = Some(self.last.map_or(raw.wall, |last| last.max(raw.wall)));
        self.engine.on_frame(&Frame {
            at,
            link: raw.link,
            data: raw.data,
            wire_len: raw.wire_len,
            vlan: 0,
            interface: raw.interface,
        });
    }

    fn drain(&mut self) -> io::Result<()> {
        while let Some(event) = self.engine.poll_event() {
            match event {
                Event::Alert(alert) => {
                    let record = alert.record(self.engine.offset());
                    self.progress.clear();
                    self.print(&record, "alert")?;
                    self.keep_alert(record);
                }
                Event::AlertGrown(alert) => {
                    let record = alert.record(self.engine.offset());
                    self.grown.insert(record.id, record.clone());
                    self.keep_alert(record);
                }
                Event::Device(device) if self.keep => {
                    self.kept.devices.insert(device.id.clone(), *device);
                }
                Event::Traffic(point) if self.keep => self.kept.traffic.push(point),
                Event::Device(_) | Event::Traffic(_) => {}
            }
        }
        Ok(())
    }

    fn keep_alert(&mut self, record: AlertRecord) {
        if self.keep {
            self.kept.alerts.insert(record.id, record);
        }
    }

    fn print(&mut self, alert: &AlertRecord, line: &'static str) -> io::Result<()> {
        if self.json {
            // The lines are a promise to programs; the curve is for the page.
            let alert = &AlertRecord { history: None, ..alert.clone() };
            serde_json::to_writer(&mut self.out, &AlertLine { r#type: line, alert })?;
            self.out.write_all(b"\n")
        } else {
            let severity = alert.severity.name();
            writeln!(self.out, "{}  {severity:8}  {:16}  {}", alert.time, alert.kind, alert.summary)
        }
    }

    fn finish(&mut self, took: i64) -> io::Result<()> {
        self.engine.finish();
        self.drain()?;
        self.progress.clear();
        let counters = self.engine.counters();
        let totals = self.engine.totals();
        let summary = Summary {
            r#type: "summary",
            files: self.files,
            packets: counters.frames,
            bytes: counters.bytes,
            decoded: counters.decoded,
            rejected: counters.rejected,
            flows: totals.flows_seen,
            devices: totals.devices,
            alerts: totals.alerts_raised,
            first_time: self.first,
            last_time: self.last,
            seconds: took as f64 / SECOND as f64,
        };
        if self.json {
            for alert in std::mem::take(&mut self.grown).values() {
                self.print(alert, "alert_update")?;
            }
            serde_json::to_writer(&mut self.out, &summary)?;
            self.out.write_all(b"\n")?;
        } else {
            writeln!(
                self.out,
                "{} packets ({} rejected) in {} file(s): {} flows, {} devices, {} alerts; {:.3} s",
                summary.packets,
                summary.rejected,
                summary.files,
                summary.flows,
                summary.devices,
                summary.alerts,
                summary.seconds
            )?;
        }
        self.out.flush()
    }
}

/// One line on a terminal that is written over.
struct Progress {
    shown_at: Option<Timestamp>,
    terminal: bool,
}

impl Progress {
    fn new() -> Self {
        Progress { shown_at: None, terminal: io::stderr().is_terminal() }
    }

    fn show(&mut self, name: &str, position: u64, size: Option<u64>, frames: u64) {
        let now = time::monotonic();
        if !self.terminal || self.shown_at.is_some_and(|at| now.since(at) < SECOND / 5) {
            return;
        }
        self.shown_at = Some(now);
        match size.filter(|size| *size > 0) {
            Some(size) => eprint!("\r\x1b[K{name}: {} %, {frames} packets", position * 100 / size),
            None => eprint!("\r\x1b[K{name}: {frames} packets"),
        }
    }

    fn clear(&mut self) {
        if self.shown_at.take().is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
