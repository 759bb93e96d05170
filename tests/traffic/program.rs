//! `cargo run --example traffic`: makes captures, and sends them.

#[path = "mod.rs"]
mod traffic;

mod send;

use argh::FromArgs;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use traffic::scenarios::{self, Scenario};

/// Makes traffic: scenarios as captures, a demo, floods; and sends captures on an interface.
#[derive(FromArgs)]
struct Args {
    #[argh(subcommand)]
    command: Command,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum Command {
    List(List),
    Make(Make),
    Captures(Captures),
    Demo(Demo),
    Hostile(Hostile),
    Flood(Flood),
    Send(Send),
}

/// List the scenarios: name, expected kinds with source and target, what it is.
#[derive(FromArgs)]
#[argh(subcommand, name = "list")]
struct List {}

/// Write the capture of one scenario.
#[derive(FromArgs)]
#[argh(subcommand, name = "make")]
struct Make {
    /// scenario, as `list` names it
    #[argh(positional)]
    scenario: String,
    /// file to write (pcap; gzip'd when it ends in .gz)
    #[argh(positional)]
    file: PathBuf,
}

/// Write the capture of every scenario.
#[derive(FromArgs)]
#[argh(subcommand, name = "captures")]
struct Captures {
    /// folder to write to
    #[argh(positional)]
    folder: PathBuf,
}

/// Write the demo: an evening in a home, with attacks in it.
#[derive(FromArgs)]
#[argh(subcommand, name = "demo")]
struct Demo {
    /// file to write
    #[argh(positional)]
    file: PathBuf,
}

/// Write the capture of five hundred hostile names.
#[derive(FromArgs)]
#[argh(subcommand, name = "hostile")]
struct Hostile {
    /// file to write
    #[argh(positional)]
    file: PathBuf,
}

/// Write a flood of random five-tuples with one known-bad connection half way.
#[derive(FromArgs)]
#[argh(subcommand, name = "flood")]
struct Flood {
    /// file to write, `-- -` for standard output
    #[argh(positional)]
    file: PathBuf,
    /// how many five-tuples
    #[argh(option, default = "1_000_000")]
    flows: u64,
}

/// Send a capture's frames on an interface (needs CAP_NET_RAW).
#[derive(FromArgs)]
#[argh(subcommand, name = "send")]
struct Send {
    /// interface
    #[argh(positional)]
    interface: String,
    /// capture made by this program
    #[argh(positional)]
    file: PathBuf,
    /// frames per second
    #[argh(option, default = "1_000")]
    rate: u64,
    /// for how long, over and over; without it every frame once
    #[argh(option, default = "0.0")]
    seconds: f64,
}

fn main() {
    let args: Args = argh::from_env();
    if let Err(error) = run(args.command) {
        eprintln!("traffic: {error}");
        std::process::exit(1);
    }
}

fn run(command: Command) -> io::Result<()> {
    match command {
        Command::List(_) => list(),
        Command::Make(make) => {
            let found = scenarios::named(&make.scenario);
            let scenario = found.ok_or_else(|| io::Error::other("no such scenario; see `list`"))?;
            let pcap = scenario.pcap();
            let gz = make.file.extension().is_some_and(|e| e == "gz");
            fs::write(&make.file, if gz { scenarios::gzip(&pcap) } else { pcap })
        }
        Command::Captures(captures) => write_all(&captures.folder),
        Command::Demo(demo) => fs::write(demo.file, traffic::evening::pcap()),
        Command::Hostile(hostile) => fs::write(hostile.file, traffic::hostile::pcap()),
        Command::Flood(flood) if flood.file == Path::new("-") => {
            traffic::flood::write(&mut BufWriter::new(io::stdout().lock()), flood.flows)
        }
        Command::Flood(flood) => {
            traffic::flood::write(&mut BufWriter::new(File::create(flood.file)?), flood.flows)
        }
        Command::Send(options) => {
            let file = fs::read(&options.file)?;
            let frames = send::frames(&file)?;
            let sent = send::send(&options.interface, &frames, options.rate, options.seconds)?;
            println!("sent {} frames in {:.3} s, {} refused", sent.frames, sent.seconds, sent.refused);
            Ok(())
        }
    }
}

fn list() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for Scenario { name, alerts, about, .. } in scenarios::all() {
        let alerts: Vec<String> =
            alerts.iter().map(|a| format!("{} {} -> {}", a.kind, a.source, a.target)).collect();
        writeln!(out, "{name:28} [{}] {about}", alerts.join(", "))?;
    }
    Ok(())
}

fn write_all(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut total = 0;
    for scenario in scenarios::all() {
        let pcap = scenario.pcap();
        let (name, bytes) = (scenario.file_name(), scenarios::gzip(&pcap));
        total += bytes.len();
        println!("{name:34} {:8} bytes, {:8} unpacked", bytes.len(), pcap.len());
        fs::write(folder.join(name), bytes)?;
    }
    fs::write(folder.join("feed_match.list"), scenarios::FEED_LIST)?;
    println!("{total} bytes in all");
    Ok(())
}
