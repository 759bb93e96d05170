//! One live interface: opens it, waits for frames without spinning, hands them over in bounded turns, and comes back
//! by itself when the interface went down or away.

use super::Frame;
use super::filter::{Exclusions, MAX_INSTRUCTIONS};
use super::pnet::PnetSource;
use super::ring::{PacketSocket, Ring};
use crate::time::{self, SECOND, Timestamp};
use crate::wire::LinkType;
use crate::words::{Sentence, say};
use smol::{Async, Timer};
use std::future::{Future, poll_fn};
use std::os::fd::{AsFd, OwnedFd};
use std::task::Poll;
use std::time::Duration;
use std::{error, fmt, io};

/// The first and the longest pause between attempts to open an interface that is down or away, in microseconds.
const FIRST_PAUSE: i64 = SECOND / 4;
const LONGEST_PAUSE: i64 = 5 * SECOND;

/// How frames come from the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// A ring shared with the kernel: no system call and no copy per frame, with its stamps, VLAN tags and lengths.
    #[default]
    Ring,
    /// `pnet_datalink`: two system calls per frame.
    Pnet,
}

/// What to capture, and how.
#[derive(Clone, Debug)]
pub struct LiveConfig {
    /// Name of the interface.
    pub interface: String,
    /// The number its frames carry.
    pub number: u8,
    /// How frames come from the kernel.
    pub method: Method,
    /// Size of the ring in MiB (1 to 512). It counts in full as memory of this process.
    pub ring_mib: u32,
    /// Whether to see frames for other stations.
    pub promiscuous: bool,
    /// What not to see at all.
    pub exclusions: Exclusions,
}

/// What happened to frames on their way from the kernel, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveStats {
    /// Frames that the kernel queued for us.
    pub received: u64,
    /// Frames that it dropped because we were too slow for the buffer.
    pub dropped: u64,
    /// Times the ring was full.
    pub freezes: u64,
    /// Times the interface was opened again.
    pub reopened: u64,
}

/// Whether an interface delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveState {
    /// It does.
    Open,
    /// It is down or away; attempts go on.
    Waiting {
        /// When it was lost.
        since: Timestamp,
        /// What is wrong, in words.
        why: Sentence,
    },
}

/// Why an interface does not deliver.
#[derive(Debug)]
pub enum LiveError {
    /// The process may not capture.
    Permission {
        /// The interface.
        interface: String,
        /// This program's file, for the remedy.
        program: String,
    },
    /// There is no interface of that name.
    NoInterface {
        /// The interface.
        interface: String,
        /// Those that exist.
        existing: Vec<String>,
    },
    /// The exclusions make a longer program than the kernel takes.
    TooManyExclusions {
        /// Instructions needed.
        needed: usize,
    },
    /// It was down when opened, or was lost since. [`Live`] goes on trying.
    Lost {
        /// The interface.
        interface: String,
        /// What the system said.
        source: io::Error,
    },
    /// Something else.
    System {
        /// The interface.
        interface: String,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for LiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said().en)
    }
}

impl LiveError {
    /// In words, with the remedy. What the system says stays as it is.
    pub fn said(&self) -> Sentence {
        match self {
            LiveError::Permission { interface, program } => say!(
                "no permission to capture on {interface}: run `sudo setcap cap_net_raw+ep {program}`, or run it \
                 through its systemd unit (`netmonitor units`)",
                "geen toestemming om mee te luisteren op {interface}: voer `sudo setcap cap_net_raw+ep {program}` uit, of \
                 start het als systemd-dienst (`netmonitor units`)"
            ),
            LiveError::NoInterface { interface, existing } => say!(
                "there is no interface {interface:?}; there are: {}",
                "er is geen aansluiting {interface:?}; wel: {}",
                existing.join(", ")
            ),
            LiveError::TooManyExclusions { needed } => say!(
                "the exclusions need {needed} filter instructions, the kernel takes {MAX_INSTRUCTIONS}: exclude \
                 fewer, larger networks",
                "de uitsluitingen vragen {needed} filterstappen, de kernel neemt er {MAX_INSTRUCTIONS}: sluit minder, \
                 grotere netwerken uit"
            ),
            LiveError::Lost { interface, source } => {
                say!("{interface} is down or away: {source}", "{interface} is uitgevallen of weg: {source}")
            }
            LiveError::System { interface, doing, source } => {
                say!("{interface}: {doing}: {source}", "{interface}: {doing}: {source}")
            }
        }
    }
}

impl error::Error for LiveError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            LiveError::Lost { source, .. } | LiveError::System { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Waits until any of `all` has something to drain; then drain them all. May be dropped at any point.
///
/// Moments run forward within one interface; between interfaces they may be a ring's delay (20 ms) apart.
pub async fn any_readable(all: &mut [Live]) {
    let mut waits: Vec<_> = all.iter_mut().map(|live| Box::pin(live.readable())).collect();
    poll_fn(|context| match waits.iter_mut().any(|wait| wait.as_mut().poll(context).is_ready()) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

enum Source {
    Ring(Ring),
    Pnet(PnetSource),
}

impl Source {
    fn socket(&self) -> &PacketSocket {
        match self {
            Source::Ring(ring) => ring.socket(),
            Source::Pnet(pnet) => pnet.socket(),
        }
    }
}

/// An interface that delivers.
struct Opened {
    source: Source,
    /// A duplicate of the socket, for readiness.
    ready: Async<OwnedFd>,
    link: LinkType,
}

/// A source of frames from one interface.
pub struct Live {
    config: LiveConfig,
    opened: Option<Opened>,
    state: LiveState,
    stats: LiveStats,
    /// When to try next, and how long to pause after that.
    retry_at: Timestamp,
    pause: i64,
    /// The last frame's moment: the next is not before it.
    last: Timestamp,
}

impl Live {
    /// Opens an interface. One that is merely down is waited for; one that does not exist is an error here, since
    /// at the start it is most likely misspelt.
    pub fn open(config: LiveConfig) -> Result<Live, LiveError> {
        let mut live = Live {
            config,
            opened: None,
            state: LiveState::Open,
            stats: LiveStats::default(),
            retry_at: time::monotonic(),
            pause: FIRST_PAUSE,
            last: Timestamp::MIN,
        };
        match Opened::new(&live.config) {
            Ok(opened) => live.opened = Some(opened),
            Err(e @ LiveError::Lost { .. }) => live.wait(e.said()),
            Err(e) => return Err(e),
        }
        Ok(live)
    }

    /// Waits until there is something to drain or the interface has come back. May be dropped at any point.
    pub async fn readable(&mut self) {
        loop {
            match &self.opened {
                Some(opened) => {
                    // An error of the reactor is found by the next drain; the pause keeps that from spinning.
                    if opened.ready.readable().await.is_err() {
                        Timer::after(Duration::from_millis(250)).await;
                    }
                    return;
                }
                None => {
                    let pause = self.retry_at.since(time::monotonic());
                    Timer::after(Duration::from_micros(pause.unsigned_abs())).await;
                    if self.reopen() {
                        return;
                    }
                }
            }
        }
    }

    /// Hands at most `budget` frames to `f` and says how many there were.
    ///
    /// `now` is engine time, `offset` wall time minus engine time in microseconds, both read in this turn. A frame's
    /// moment is the kernel's stamp, kept between the frame before and `now`: a wall clock that is set in between
    /// moves frames of one turn by milliseconds, not by years.
    ///
    /// An error is reported once; the source then waits for the interface to come back, and drains give nothing.
    pub fn drain(
        &mut self,
        budget: usize,
        now: Timestamp,
        offset: i64,
        mut f: impl FnMut(Frame<'_>),
    ) -> Result<usize, LiveError> {
        let Some(Opened { source, link, .. }) = &mut self.opened else { return Ok(0) };
        let (link, interface, last) = (*link, self.config.number, &mut self.last);
        let taken = match source {
            Source::Ring(ring) => Ok(ring.drain(budget, |frame| {
                let at = frame.wall.engine(offset).min(now).max(*last);
                *last = at;
                let (data, wire_len, vlan) = (frame.data, frame.wire_len, frame.vlan);
                f(Frame { at, link, data, wire_len, vlan, interface });
            })),
            Source::Pnet(pnet) => pnet.drain(budget, |data| {
                *last = now.max(*last);
                f(Frame { at: *last, link, data, wire_len: data.len() as u32, vlan: 0, interface });
            }),
        };
        // Nothing to read although there was a reason to look: the interface may be gone.
        let taken = match taken {
            Ok(0) => source.socket().take_error().map(|()| 0),
            other => other,
        };
        taken.map_err(|source| self.lost(source))
    }

    /// Counts so far; asks the kernel for the latest.
    pub fn stats(&mut self) -> LiveStats {
        if let Some(opened) = &self.opened
            && let Ok(counted) = opened.source.socket().statistics()
        {
            self.stats.received += u64::from(counted.packets.saturating_sub(counted.drops));
            self.stats.dropped += u64::from(counted.drops);
            self.stats.freezes += u64::from(counted.freezes);
        }
        self.stats
    }

    /// Whether the interface delivers.
    pub fn state(&self) -> &LiveState {
        &self.state
    }

    /// Name of the interface.
    pub fn interface(&self) -> &str {
        &self.config.interface
    }

    /// How its frames come from the kernel.
    pub fn method(&self) -> Method {
        self.config.method
    }

    /// What its frames begin with; `None` while it is down or away.
    pub fn link(&self) -> Option<LinkType> {
        self.opened.as_ref().map(|opened| opened.link)
    }

    /// Closes the interface and waits.
    fn lost(&mut self, source: io::Error) -> LiveError {
        self.stats();
        self.opened = None;
        let error = LiveError::Lost { interface: self.config.interface.clone(), source };
        self.wait(error.said());
        error
    }

    fn wait(&mut self, why: Sentence) {
        let now = time::monotonic();
        self.state = LiveState::Waiting { since: now, why };
        self.pause = FIRST_PAUSE;
        self.retry_at = now.plus(self.pause);
    }

    /// Tries to open the interface again; when that fails, doubles the pause.
    fn reopen(&mut self) -> bool {
        match Opened::new(&self.config) {
            Ok(opened) => {
                self.opened = Some(opened);
                self.stats.reopened += 1;
                self.state = LiveState::Open;
                true
            }
            Err(error) => {
                if let LiveState::Waiting { why, .. } = &mut self.state {
                    *why = error.said();
                }
                self.retry_at = time::monotonic().plus(self.pause);
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                false
            }
        }
    }
}

impl Opened {
    fn new(config: &LiveConfig) -> Result<Opened, LiveError> {
        let system =
            |doing| move |source| LiveError::System { interface: config.interface.clone(), doing, source };
        let socket = PacketSocket::open().map_err(|e| match e.kind() {
            io::ErrorKind::PermissionDenied => permission(&config.interface),
            _ => system("opening a packet socket")(e),
        })?;
        let index = rustix::net::netdevice::name_to_index(&socket, &config.interface)
            .map_err(|_| no_interface(&config.interface))?;
        socket.bind(index, false).map_err(system("choosing the interface"))?;
        let hardware = socket.hardware().map_err(system("asking what kind of interface it is"))?;
        let link = link_type(hardware);
        if let Some(program) = config.exclusions.program(link) {
            if program.len() > MAX_INSTRUCTIONS {
                return Err(LiveError::TooManyExclusions { needed: program.len() });
            }
            socket.attach(&program).map_err(system("attaching the exclusions"))?;
        }
        if hardware == libc::ARPHRD_LOOPBACK {
            socket.ignore_outgoing().map_err(system("leaving out outgoing frames"))?;
        }
        let source = match config.method {
            Method::Ring => {
                let ring = Ring::new(socket, config.ring_mib).map_err(system("setting up the ring"))?;
                if config.promiscuous {
                    ring.socket().promiscuous(index).map_err(system("seeing all stations' frames"))?;
                }
                ring.socket().bind(index, true).map_err(system("binding"))?;
                Source::Ring(ring)
            }
            Method::Pnet => Source::Pnet(
                PnetSource::new(socket, &config.interface, index, config.promiscuous)
                    .map_err(system("opening with pnet"))?,
            ),
        };
        // A bind to an interface that is down succeeds and leaves this error.
        source
            .socket()
            .take_error()
            .map_err(|source| LiveError::Lost { interface: config.interface.clone(), source })?;
        let duplicate = source.socket().as_fd().try_clone_to_owned();
        let ready = duplicate.and_then(Async::new).map_err(system("watching the socket"))?;
        Ok(Opened { source, ready, link })
    }
}

/// Mobile modems (linux/if_arp.h); libc does not have it.
const ARPHRD_RAWIP: u16 = 519;

/// What frames of an ARPHRD type begin with. The loopback interface has Ethernet headers.
fn link_type(hardware: u16) -> LinkType {
    match hardware {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => LinkType::Ethernet,
        libc::ARPHRD_NONE | libc::ARPHRD_PPP | libc::ARPHRD_TUNNEL | libc::ARPHRD_TUNNEL6 => LinkType::RawIp,
        libc::ARPHRD_SIT | ARPHRD_RAWIP => LinkType::RawIp,
        libc::ARPHRD_IEEE80211 => LinkType::Ieee80211,
        libc::ARPHRD_IEEE80211_RADIOTAP => LinkType::Radiotap,
        other => LinkType::Other(other),
    }
}

fn permission(interface: &str) -> LiveError {
    let program = std::env::current_exe();
    let program = program.map_or_else(|_| "/usr/bin/netmonitor".into(), |path| path.display().to_string());
    LiveError::Permission { interface: interface.to_owned(), program }
}

fn no_interface(interface: &str) -> LiveError {
    let existing = pnet_datalink::interfaces().into_iter().map(|i| i.name).collect();
    LiveError::NoInterface { interface: interface.to_owned(), existing }
}
