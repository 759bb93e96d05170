//! Sends a capture's frames on an interface at a steady rate, for tests in network namespaces.

use pnet_datalink::{Channel, Config, DataLinkSender};
use std::io;
use std::time::{Duration, Instant};

/// How long one burst lasts: short enough to be steady, long enough that sleeping is not the work.
const BURST: Duration = Duration::from_millis(2);

/// The frames of a classic little-endian pcap file as the library writes it.
pub fn frames(file: &[u8]) -> io::Result<Vec<&[u8]>> {
    let damaged = || io::Error::other("not a capture of this program");
    let mut rest =
        file.strip_prefix(&0xa1b2_c3d4u32.to_le_bytes()).and_then(|f| f.get(20..)).ok_or_else(damaged)?;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (head, tail) = rest.split_at_checked(16).ok_or_else(damaged)?;
        let len = u32::from_le_bytes(head[8..12].try_into().map_err(|_| damaged())?) as usize;
        let (frame, tail) = tail.split_at_checked(len).ok_or_else(damaged)?;
        frames.push(frame);
        rest = tail;
    }
    if frames.is_empty() { Err(damaged()) } else { Ok(frames) }
}

/// What was sent.
#[derive(Debug, Default)]
pub struct Sent {
    /// Frames that the kernel took.
    pub frames: u64,
    /// Frames that it refused (its queue was full, or the frame too long).
    pub refused: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Sends `frames` over and over at `rate` frames per second for `seconds`, or all once when `seconds` is 0.
pub fn send(interface: &str, frames: &[&[u8]], rate: u64, seconds: f64) -> io::Result<Sent> {
    Ok(send_on(&mut *open(interface)?, frames, rate, seconds))
}

/// The same, on an interface that is open.
#[allow(clippy::disallowed_methods, reason = "a sender keeps real time")]
pub fn send_on(sender: &mut dyn DataLinkSender, frames: &[&[u8]], rate: u64, seconds: f64) -> Sent {
    let start = Instant::now();
    let total = if seconds > 0.0 { (rate as f64 * seconds) as u64 } else { frames.len() as u64 };
    let mut sent = Sent::default();
    for (i, frame) in frames.iter().cycle().take(total as usize).enumerate() {
        let due = Duration::from_nanos(i as u64 * 1_000_000_000 / rate.max(1));
        let early = due.saturating_sub(start.elapsed());
        if early > BURST {
            std::thread::sleep(early);
        }
        match sender.send_to(frame, None) {
            Some(Ok(())) => sent.frames += 1,
            _ => sent.refused += 1,
        }
    }
    sent.seconds = start.elapsed().as_secs_f64();
    sent
}

/// A way to send frames on an interface.
pub fn open(name: &str) -> io::Result<Box<dyn DataLinkSender>> {
    let interface = pnet_datalink::interfaces().into_iter().find(|i| i.name == name);
    let interface = interface.ok_or_else(|| io::Error::other(format!("there is no interface {name}")))?;
    let config = Config { write_buffer_size: 65_536, promiscuous: false, ..Config::default() };
    match pnet_datalink::channel(&interface, config)? {
        Channel::Ethernet(sender, _) => Ok(sender),
        _ => Err(io::Error::other(format!("{name} is no Ethernet interface"))),
    }
}
