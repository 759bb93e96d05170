//! `netmonitor export`: alerts, devices or traffic as CSV or JSON, page by page, so memory does not grow with the
//! store.

use super::local::Local;
use super::{Outcome, read_config, wrong_use};
use crate::alert::AlertRecord;
use crate::alert::query::Query;
use crate::config::Config;
use crate::csv::{Row, Stepped};
use crate::detect::KINDS;
use crate::event::{DeviceRecord, TrafficPoint};
use crate::service;
use crate::store::{AlertFilter, Step, Store, StoreError};
use crate::time::{self, SECOND, WallTime};
use argh::FromArgs;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

/// Alerts asked for at a time.
const PAGE: usize = 500;

/// write alerts, devices or traffic to standard output, from the running monitor, else from the store
#[derive(FromArgs)]
#[argh(
    subcommand,
    name = "export",
    note = "Times are RFC 3339 in UTC. Alerts come newest first. --since and --until choose alerts seen, devices seen \
            and traffic of that period, --until itself not included. Traffic has a row for every 10 s, 1 min, 15 min or \
            1 h (step_seconds says which), the finest that is kept for as long as --since asks: up to 24h, 7d, 30d, \
            and beyond or without --since."
)]
pub(super) struct Export {
    #[argh(positional)]
    /// alerts, devices or traffic
    what: What,
    #[argh(option, default = "Format::Csv")]
    /// csv (the default) or json: one array
    format: Format,
    #[argh(option)]
    /// from this time on: 2026-01-31T12:00:00Z, 2026-01-31, or back from now: 90m, 24h, 7d, 4w
    since: Option<When>,
    #[argh(option)]
    /// before this time
    until: Option<When>,
    #[argh(option)]
    /// of alerts only those that match, as the page filters them: 'sev:>=high -kind:port_scan src:10.0.0.0/24'
    filter: Option<String>,
    #[argh(option)]
    /// settings file (default: /etc/netmonitor/config.toml when it exists)
    config: Option<PathBuf>,
}

#[derive(Clone, Copy)]
enum What {
    Alerts,
    Devices,
    Traffic,
}

impl FromStr for What {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "alerts" => Ok(What::Alerts),
            "devices" => Ok(What::Devices),
            "traffic" => Ok(What::Traffic),
            _ => Err(format!("{text:?} cannot be exported; alerts, devices and traffic can")),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Csv,
    Json,
}

impl FromStr for Format {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "csv" => Ok(Format::Csv),
            "json" => Ok(Format::Json),
            _ => Err(format!("{text:?} is not csv or json")),
        }
    }
}

/// A moment, or so long before now.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    At(WallTime),
    Ago(i64),
}

impl FromStr for When {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a time such as 2026-01-31T12:00:00Z, 2026-01-31, 24h or 7d");
        let ago = || {
            let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
            let seconds = match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                "d" => 86_400,
                "w" => 7 * 86_400,
                _ => return None,
            };
            // parse() would take a sign.
            let number = u32::from_str(number).ok().filter(|_| !number.starts_with('+'))?;
            Some(When::Ago(i64::from(number) * seconds * SECOND))
        };
        ago().or_else(|| WallTime::parse(text).map(When::At)).ok_or_else(wrong)
    }
}

impl When {
    fn from(self, now: WallTime) -> WallTime {
        match self {
            When::At(time) => time,
            When::Ago(micros) => WallTime::from_micros(now.micros() - micros),
        }
    }
}

impl Export {
    pub(super) fn start(self) -> Outcome {
        let now = time::wall();
        let (since, until) = (self.since.map(|w| w.from(now)), self.until.map(|w| w.from(now)));
        if since.zip(until).is_some_and(|(since, until)| since >= until) {
            return Ok(wrong_use("--since must be before --until"));
        }
        let query = match filter(&self) {
            Ok(query) => query,
            Err(problem) => return Ok(wrong_use(&problem)),
        };
        let config = read_config(self.config.as_ref(), &[])?;
        let source = Source::find(&config)?;
        let mut sink = Sink {
            out: BufWriter::new(io::stdout().lock()),
            format: self.format,
            rows: 0,
            line: String::new(),
        };
        match self.what {
            What::Alerts => {
                let filter = AlertFilter { since, until, query, ..AlertFilter::default() };
                alerts(&source, &filter, &mut sink)?;
            }
            What::Devices => devices(&source, since, until, &mut sink)?,
            What::Traffic => traffic(&source, since, until, now, &mut sink)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Where the records come from.
enum Source {
    Monitor(Local),
    Store(Box<Store>),
}

impl Source {
    fn find(config: &Config) -> Result<Source, Box<dyn Error>> {
        let socket = service::socket_path(&service::run_dir());
        let unreached = match Local::reach(&socket) {
            Ok(monitor) => return Ok(Source::Monitor(monitor)),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let why = "run this as root or as the user that netmonitor runs as";
                return Err(format!("{}: {error}; {why}", socket.display()).into());
            }
            Err(error) => format!("{}: {error}", socket.display()),
        };
        let path = &config.store.path;
        if !path.exists() {
            let path = path.display();
            return Err(format!(
                "no monitor runs ({unreached}) and there is no store {path}; set store.path"
            )
            .into());
        }
        match Store::open(path, config.store_options(), time::wall()) {
            Ok((store, notices)) => {
                notices.iter().for_each(|notice| eprintln!("netmonitor: {notice}"));
                Ok(Source::Store(Box::new(store)))
            }
            Err(StoreError::Locked(path)) => Err(format!(
                "a running netmonitor has the store {} open, but cannot be asked ({unreached}); stop it, or set \
                 RUNTIME_DIRECTORY to the folder of its monitor.sock",
                path.display()
            )
            .into()),
            Err(error) => Err(error.into()),
        }
    }
}

/// An answer of the monitor as what it is.
fn read<'a, T: Deserialize<'a>>(answer: &'a [u8]) -> Result<T, Box<dyn Error>> {
    serde_json::from_slice(answer).map_err(|error| {
        format!("the monitor answered something else: {error}; is it another version?").into()
    })
}

/// What `--filter` says.
fn filter(export: &Export) -> Result<Query, String> {
    let Some(text) = &export.filter else { return Ok(Query::default()) };
    if !matches!(export.what, What::Alerts) {
        return Err("--filter is for alerts".to_owned());
    }
    let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.id).collect();
    Query::parse(text, &kinds).map_err(|error| format!("--filter: {error}"))
}

/// A text as a value in an address.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn alerts(source: &Source, filter: &AlertFilter, sink: &mut Sink<impl Write>) -> Result<(), Box<dyn Error>> {
    #[derive(Deserialize)]
    struct Page {
        alerts: Vec<AlertRecord>,
        next_cursor: Option<String>,
    }
    let mut cursor: Option<String> = None;
    sink.begin::<AlertRecord>()?;
    loop {
        let page = match source {
            Source::Monitor(monitor) => {
                let mut path = format!("/api/alerts?limit={PAGE}");
                let times = [("since", filter.since), ("until", filter.until)]
                    .map(|(name, t)| (name, t.map(|t| t.to_string())));
                let query = filter.query.to_string();
                let query = (!query.is_empty()).then(|| encoded(&query));
                for (name, value) in times.into_iter().chain([("q", query), ("cursor", cursor)]) {
                    let _ = value.map(|value| write!(path, "&{name}={value}"));
                }
                read(&monitor.ask("GET", &path, None)?)?
            }
            Source::Store(store) => {
                let before = cursor.and_then(|cursor| cursor.parse().ok());
                let page = store.alerts(filter, before, PAGE)?;
                Page { alerts: page.alerts, next_cursor: page.next.map(|id| id.to_string()) }
            }
        };
        page.alerts.iter().try_for_each(|alert| sink.put(alert))?;
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(sink.end()?);
        }
    }
}

/// At most some thousands, capped by their table: they come at once.
fn devices(
    source: &Source,
    since: Option<WallTime>,
    until: Option<WallTime>,
    sink: &mut Sink<impl Write>,
) -> Result<(), Box<dyn Error>> {
    #[derive(Deserialize)]
    struct All {
        devices: Vec<DeviceRecord>,
    }
    let all = match source {
        Source::Monitor(monitor) => read::<All>(&monitor.ask("GET", "/api/devices", None)?)?.devices,
        Source::Store(store) => store.devices()?,
    };
    let wanted = |device: &&DeviceRecord| {
        since.is_none_or(|since| device.last_seen >= since)
            && until.is_none_or(|until| device.first_seen < until)
    };
    sink.begin::<DeviceRecord>()?;
    all.iter().filter(wanted).try_for_each(|device| sink.put(device))?;
    Ok(sink.end()?)
}

/// The finest step that is kept for `ago` microseconds.
fn step(ago: i64) -> Step {
    const DAY: i64 = 86_400 * SECOND;
    match ago {
        ..=DAY => Step::Seconds10,
        ago if ago <= 7 * DAY => Step::Minute,
        ago if ago <= 30 * DAY => Step::Quarter,
        _ => Step::Hour,
    }
}

fn traffic(
    source: &Source,
    since: Option<WallTime>,
    until: Option<WallTime>,
    now: WallTime,
    sink: &mut Sink<impl Write>,
) -> Result<(), Box<dyn Error>> {
    #[derive(Deserialize)]
    struct Page {
        points: Vec<TrafficPoint>,
    }
    let mut since = since.unwrap_or_default();
    let step = step(now.micros() - since.micros());
    // The step that goes on now belongs to it.
    let until = until.unwrap_or(WallTime::from_micros(now.micros() + SECOND));
    sink.begin::<Stepped>()?;
    while since < until {
        let points = match source {
            Source::Monitor(monitor) => {
                let path = format!("/api/traffic?since={since}&until={until}&step={}", step.seconds());
                read::<Page>(&monitor.ask("GET", &path, None)?)?.points
            }
            Source::Store(store) => store.traffic(step, since, until)?,
        };
        let Some(last) = points.last() else { break };
        since = WallTime::from_micros(last.time.micros() + 1);
        let step_seconds = step.seconds();
        points.into_iter().try_for_each(|point| sink.put(&Stepped { point, step_seconds }))?;
    }
    Ok(sink.end()?)
}

/// Rows in a format. An empty table is a header alone, or an empty array.
struct Sink<W> {
    out: W,
    format: Format,
    rows: u64,
    line: String,
}

impl<W: Write> Sink<W> {
    fn begin<R: Row>(&mut self) -> io::Result<()> {
        match self.format {
            Format::Csv => write!(self.out, "{}\r\n", R::HEADER),
            Format::Json => self.out.write_all(b"["),
        }
    }

    fn put<R: Row + Serialize>(&mut self, row: &R) -> io::Result<()> {
        self.rows += 1;
        match self.format {
            Format::Csv => {
                self.line.clear();
                row.row(&mut self.line);
                self.out.write_all(self.line.as_bytes())
            }
            Format::Json => {
                self.out.write_all(if self.rows == 1 { b"\n" } else { b",\n" })?;
                serde_json::to_writer(&mut self.out, row).map_err(io::Error::from)
            }
        }
    }

    fn end(&mut self) -> io::Result<()> {
        if self.format == Format::Json {
            self.out.write_all(if self.rows == 0 { b"]\n" } else { b"\n]\n" })?;
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_moments_dates_or_so_long_ago() {
        let now = WallTime::parse("2026-01-31T12:00:00Z").expect("a time");
        for (text, wanted) in [
            ("2026-01-31T11:00:00Z", "2026-01-31T11:00:00Z"),
            ("2026-01-30", "2026-01-30T00:00:00Z"),
            ("90m", "2026-01-31T10:30:00Z"),
            ("24h", "2026-01-30T12:00:00Z"),
            ("7d", "2026-01-24T12:00:00Z"),
            ("1w", "2026-01-24T12:00:00Z"),
        ] {
            let when: When = text.parse().expect(text);
            assert_eq!(Some(when.from(now)), WallTime::parse(wanted), "{text}");
        }
        for wrong in ["", "d", "yesterday", "-1d", "+1d", "7", "7é", "99999999999d", "2026-13-01"] {
            assert!(wrong.parse::<When>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn json_is_an_array_however_many_rows_there_are() {
        for rows in 0..3usize {
            let mut sink = Sink { out: Vec::new(), format: Format::Json, rows: 0, line: String::new() };
            sink.begin::<Stepped>().expect("memory");
            for _ in 0..rows {
                sink.put(&Stepped { point: TrafficPoint::default(), step_seconds: 10 }).expect("memory");
            }
            sink.end().expect("memory");
            let read: Vec<serde_json::Value> = serde_json::from_slice(&sink.out).expect("JSON");
            assert_eq!(read.len(), rows);
            assert!(read.iter().all(|row| row["step_seconds"] == 10 && row["bytes_in"] == 0));
        }
    }
}
