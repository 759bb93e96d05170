//! Live capture on interfaces made for the purpose, each in a network namespace of its own.
//!
//! Needs root and `ip`. Without them a test says `SKIPPED: …` on standard error and passes, unless
//! `NETMONITOR_REQUIRE_ALL=1`.
#![cfg(feature = "live")]

use netmonitor::capture::filter::Exclusions;
use netmonitor::capture::live::{Live, LiveConfig, LiveError, LiveState, Method, any_readable};
use netmonitor::time::{self, SECOND, Timestamp};
use netmonitor::wire::LinkType;
use pnet_datalink::{Channel, DataLinkSender};
use rustix::thread::{CapabilitySet, LinkNameSpaceType};
use smol::future::FutureExt;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

/// CPU time is the process's: tests that look at it must not share it.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// An EtherType for experiments: nothing else on the wire has it.
const EXPERIMENT: [u8; 2] = [0x88, 0xb5];

fn ip(arguments: &str) -> bool {
    Command::new("ip").args(arguments.split_whitespace()).output().is_ok_and(|o| o.status.success())
}

/// Runs `test` in a fresh namespace that holds the pair `cap0` and `gen0`, both up.
fn in_namespace(test: fn()) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let name = format!("netmonitor-test-{}", std::process::id());
    if !rustix::process::geteuid().is_root() || !ip(&format!("netns add {name}")) {
        eprintln!("SKIPPED: needs root and network namespaces (`ip netns add`)");
        assert_ne!(std::env::var("NETMONITOR_REQUIRE_ALL").as_deref(), Ok("1"), "all tests are required");
        return;
    }
    let path = format!("/run/netns/{name}");
    let outcome = std::thread::spawn(move || {
        let namespace = std::fs::File::open(path).expect("the namespace just made");
        let network = Some(LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(namespace.as_fd(), network).expect("root may enter it");
        std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").ok();
        assert!(ip("link set lo up"));
        make_pair();
        test();
    })
    .join();
    ip(&format!("netns del {name}"));
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn make_pair() {
    assert!(ip("link add cap0 mtu 9000 type veth peer name gen0 mtu 9000"));
    assert!(ip("link set cap0 up") && ip("link set gen0 up"));
}

fn config(method: Method) -> LiveConfig {
    LiveConfig {
        interface: "cap0".into(),
        number: 3,
        method,
        ring_mib: 4,
        promiscuous: true,
        exclusions: Exclusions::default(),
    }
}

fn sender() -> Box<dyn DataLinkSender> {
    let all = pnet_datalink::interfaces();
    let gen0 = all.iter().find(|i| i.name == "gen0").expect("gen0");
    let config = pnet_datalink::Config { write_buffer_size: 16_384, ..Default::default() };
    match pnet_datalink::channel(gen0, config).expect("a channel") {
        Channel::Ethernet(sender, _) => sender,
        _ => unreachable!("Ethernet"),
    }
}

fn send(sender: &mut dyn DataLinkSender, frame: &[u8]) {
    sender.send_to(frame, None).expect("room").expect("sent");
}

/// A frame to nobody's address, its number in the first bytes after the EtherType.
fn frame(number: u32, length: usize, vlan: Option<u16>) -> Vec<u8> {
    let mut f = vec![0x02, 0, 0, 0, 0, 0x99, 0x02, 0, 0, 0, 0, 0x01];
    if let Some(vlan) = vlan {
        f.extend([0x81, 0x00]);
        f.extend(vlan.to_be_bytes());
    }
    f.extend(EXPERIMENT);
    f.extend(number.to_be_bytes());
    f.resize(length, number as u8);
    f
}

#[derive(Debug)]
struct Seen {
    number: u32,
    at: Timestamp,
    length: usize,
    wire_len: u32,
    vlan: u16,
}

/// One turn: waits up to `patience`, then drains once. `None` when nothing came.
fn turn(
    live: &mut Live,
    patience: Duration,
    budget: usize,
    seen: &mut Vec<Seen>,
) -> Option<Result<usize, LiveError>> {
    let came = smol::block_on(
        async {
            live.readable().await;
            true
        }
        .or(async {
            smol::Timer::after(patience).await;
            false
        }),
    );
    let now = time::monotonic();
    let offset = time::wall().micros() - now.micros();
    came.then(|| {
        live.drain(budget, now, offset, |f| {
            assert_eq!((f.interface, f.link), (3, LinkType::Ethernet));
            if f.data[12..14] == EXPERIMENT {
                let number = u32::from_be_bytes(f.data[14..18].try_into().expect("four bytes"));
                let (at, length, wire_len, vlan) = (f.at, f.data.len(), f.wire_len, f.vlan);
                assert!(f.data[18..].iter().all(|b| *b == number as u8));
                seen.push(Seen { number, at, length, wire_len, vlan });
            }
        })
    })
}

fn drain_until_quiet(live: &mut Live) -> Vec<Seen> {
    let mut seen = vec![];
    while let Some(taken) = turn(live, Duration::from_millis(200), 64, &mut seen) {
        assert!(taken.expect("an open interface") <= 64);
    }
    seen
}

/// CPU time of this process so far, in microseconds.
fn cpu() -> i64 {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    at.tv_sec * SECOND + at.tv_nsec / 1000
}

fn burst(method: Method) {
    let mut live = Live::open(config(method)).expect("opened");
    let mut sender = sender();
    let before = time::monotonic();
    let tag = |i: u32| i.is_multiple_of(3).then_some(100 + (i % 50) as u16);
    let length = |i: u32| 60 + (i as usize * 37) % 8_900;
    for i in 0..400 {
        send(&mut *sender, &frame(i, length(i), tag(i)));
    }
    let seen = drain_until_quiet(&mut live);
    let numbers: Vec<u32> = seen.iter().map(|s| s.number).collect();
    assert_eq!(numbers, (0..400).collect::<Vec<_>>());
    let mut last = before;
    for s in &seen {
        let tag = tag(s.number);
        let untagged = length(s.number) - if tag.is_some() { 4 } else { 0 };
        assert_eq!((s.length, s.wire_len as usize), (untagged, untagged));
        assert_eq!(s.vlan, if method == Method::Ring { tag.unwrap_or(0) } else { 0 });
        assert!(s.at >= last, "{s:?} before {last:?}");
        last = s.at;
    }
    assert!(last <= time::monotonic());
    let stats = live.stats();
    assert!(stats.received >= 400 && stats.dropped == 0, "{stats:?}");
}

#[test]
fn the_ring_delivers_every_frame_with_time_tag_and_length() {
    in_namespace(|| burst(Method::Ring));
}

#[test]
fn pnet_delivers_every_frame_too() {
    in_namespace(|| burst(Method::Pnet));
}

#[test]
fn what_does_not_fit_is_counted_as_dropped() {
    in_namespace(|| {
        let small = LiveConfig { ring_mib: 1, ..config(Method::Ring) };
        let mut live = Live::open(small).expect("opened");
        let mut sender = sender();
        for i in 0..1000 {
            send(&mut *sender, &frame(i, 8_000, None));
        }
        let seen = drain_until_quiet(&mut live).len() as u64;
        let stats = live.stats();
        assert!(seen < 1000 && stats.dropped > 0 && stats.freezes > 0, "{seen} {stats:?}");
        assert!(stats.received + stats.dropped >= 1000, "{seen} {stats:?}");
    });
}

fn survives(method: Method) {
    let mut live = Live::open(config(method)).expect("opened");
    drain_until_quiet(&mut live);
    for (lose, regain) in [
        ("link set cap0 down", "link set cap0 up"),
        ("link del cap0", "link add cap0 type veth peer name gen0"),
    ] {
        assert!(ip(lose));
        let mut seen = vec![];
        let patience = time::monotonic().plus(2 * SECOND);
        let lost = loop {
            assert!(time::monotonic() < patience, "no notice of the loss within two seconds");
            if let Some(Err(e)) = turn(&mut live, Duration::from_secs(2), 64, &mut seen) {
                break e;
            }
        };
        assert!(matches!(lost, LiveError::Lost { .. }), "{lost:?}");
        assert!(matches!(live.state(), LiveState::Waiting { .. }));
        let before = cpu();
        assert!(turn(&mut live, Duration::from_secs(3), 64, &mut seen).is_none(), "nothing to drain");
        let spent = cpu() - before;
        eprintln!("{method:?}, {lose}: {spent} µs of CPU in three seconds");
        assert!(spent < 60_000, "{spent} µs of CPU in three seconds of waiting");
        assert!(ip(regain) && ip("link set cap0 up") && ip("link set gen0 up"));
        turn(&mut live, Duration::from_secs(6), 64, &mut seen)
            .expect("back within the longest pause")
            .expect("open");
        assert_eq!(live.state(), &LiveState::Open);
        send(&mut *sender(), &frame(7, 60, None));
        seen.extend(drain_until_quiet(&mut live));
        assert_eq!(seen.iter().map(|s| s.number).collect::<Vec<_>>(), [7]);
    }
    assert_eq!(live.stats().reopened, 2);
}

#[test]
fn a_ring_survives_its_interface_going_down_and_away() {
    in_namespace(|| survives(Method::Ring));
}

#[test]
fn pnet_survives_its_interface_going_down_and_away() {
    in_namespace(|| survives(Method::Pnet));
}

#[test]
fn an_idle_interface_costs_nothing() {
    in_namespace(|| {
        for method in [Method::Ring, Method::Pnet] {
            let mut live = Live::open(config(method)).expect("opened");
            send(&mut *sender(), &frame(1, 60, None));
            assert_eq!(drain_until_quiet(&mut live).len(), 1);
            let before = cpu();
            let end = time::monotonic().plus(2 * SECOND);
            let mut turns = 0;
            while time::monotonic() < end {
                turn(&mut live, Duration::from_secs(2), 64, &mut vec![]);
                turns += 1;
            }
            let spent = cpu() - before;
            assert!(
                turns < 20 && spent < 40_000,
                "{method:?}: {turns} turns, {spent} µs of CPU in two seconds"
            );
        }
    });
}

#[test]
fn an_interface_that_is_down_at_the_start_is_waited_for() {
    in_namespace(|| {
        assert!(ip("link set cap0 down"));
        let mut live = Live::open(config(Method::Ring)).expect("waiting");
        assert!(matches!(live.state(), LiveState::Waiting { .. }));
        assert!(ip("link set cap0 up"));
        turn(&mut live, Duration::from_secs(2), 64, &mut vec![]).expect("open soon").expect("open");
    });
}

#[test]
fn own_frames_are_seen_and_loopback_frames_once() {
    in_namespace(|| {
        for method in [Method::Ring, Method::Pnet] {
            let own = LiveConfig { interface: "gen0".into(), ..config(method) };
            let mut live = Live::open(own).expect("opened");
            send(&mut *sender(), &frame(5, 60, None));
            assert_eq!(drain_until_quiet(&mut live).len(), 1, "{method:?}");

            let mut live =
                Live::open(LiveConfig { interface: "lo".into(), ..config(method) }).expect("opened");
            let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
            socket.send_to(b"once", "127.0.0.1:9").expect("sent");
            let mut found = 0;
            smol::block_on(async {
                smol::Timer::after(Duration::from_millis(200)).await;
                live.readable().await;
            });
            let count = |f: netmonitor::capture::Frame<'_>| {
                found += usize::from(f.data.ends_with(b"once") && f.data[23] == 17)
            };
            live.drain(1000, time::monotonic(), 0, count).expect("open");
            assert_eq!(found, 1, "{method:?}");
        }
    });
}

#[test]
fn several_interfaces_are_waited_for_at_once() {
    in_namespace(|| {
        let names = ["gen0", "cap0"];
        let mut all = names.map(|name| {
            let number = name.as_bytes()[0];
            Live::open(LiveConfig { interface: name.into(), number, ..config(Method::Ring) }).expect("opened")
        });
        send(&mut *sender(), &frame(1, 60, None));
        let mut seen = vec![];
        let enough = time::monotonic().plus(2 * SECOND);
        while seen.len() < 2 && time::monotonic() < enough {
            smol::block_on(any_readable(&mut all));
            for live in &mut all {
                let note = |f: netmonitor::capture::Frame<'_>| {
                    if f.data[12..14] == EXPERIMENT {
                        seen.push(f.interface);
                    }
                };
                live.drain(64, time::monotonic(), 0, note).expect("open");
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, b"cg");
    });
}

#[test]
fn excluded_frames_never_arrive() {
    in_namespace(|| {
        for method in [Method::Ring, Method::Pnet] {
            let networks = vec!["10.99.0.0/16".parse().expect("prefix")];
            let exclusions = Exclusions { networks, ..Exclusions::default() };
            let mut live = Live::open(LiveConfig { exclusions, ..config(method) }).expect("opened");
            let mut sender = sender();
            for third in [98u8, 99, 100] {
                let mut f = frame(0, 60, None);
                f[12..14].copy_from_slice(&[8, 0]);
                f[26..30].copy_from_slice(&[10, third, 1, 2]);
                send(&mut *sender, &f);
            }
            let mut seen = vec![];
            smol::block_on(async {
                smol::Timer::after(Duration::from_millis(100)).await;
                live.readable().await;
            });
            let note = |f: netmonitor::capture::Frame<'_>| {
                if f.data[12..14] == [8, 0] {
                    seen.push(f.data[27]);
                }
            };
            live.drain(1000, time::monotonic(), 0, note).expect("open");
            assert_eq!(seen, [98, 100], "{method:?}");
        }
    });
}

#[test]
fn errors_name_the_remedy() {
    in_namespace(|| {
        let wrong = LiveConfig { interface: "eht0".into(), ..config(Method::Ring) };
        let text = Live::open(wrong).err().expect("an error").to_string();
        assert!(text.contains("no interface \"eht0\"") && text.contains("cap0"), "{text}");
        rustix::thread::set_capabilities(
            None,
            rustix::thread::CapabilitySets {
                effective: CapabilitySet::empty(),
                permitted: CapabilitySet::empty(),
                inheritable: CapabilitySet::empty(),
            },
        )
        .expect("giving up is always allowed");
        let text = Live::open(config(Method::Ring)).err().expect("an error").to_string();
        assert!(text.contains("sudo setcap cap_net_raw+ep /"), "{text}");
    });
}
