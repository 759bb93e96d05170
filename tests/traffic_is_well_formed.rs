//! What the maker makes is what it says: another library reads every frame and finds every checksum right.

mod traffic;

use etherparse::{NetHeaders, PacketHeaders, TransportHeader};
use traffic::trace::{Frame, Trace};

/// What is wrong with a frame that was captured whole.
fn fault(frame: &Frame) -> Option<String> {
    let packet = match PacketHeaders::from_ethernet_slice(&frame.data) {
        Ok(packet) => packet,
        Err(error) => return Some(error.to_string()),
    };
    let payload = packet.payload.slice();
    let (found, right) = match (packet.net?, packet.transport?) {
        (NetHeaders::Ipv4(ip, _), _) if ip.header_checksum != ip.calc_header_checksum() => {
            return Some("IPv4 checksum".to_owned());
        }
        (NetHeaders::Ipv4(ip, _), TransportHeader::Tcp(tcp)) => {
            (tcp.checksum, tcp.calc_checksum_ipv4(&ip, payload).ok()?)
        }
        (NetHeaders::Ipv6(ip, _), TransportHeader::Tcp(tcp)) => {
            (tcp.checksum, tcp.calc_checksum_ipv6(&ip, payload).ok()?)
        }
        (NetHeaders::Ipv4(ip, _), TransportHeader::Udp(udp)) => {
            (udp.checksum, udp.calc_checksum_ipv4(&ip, payload).ok()?)
        }
        (NetHeaders::Ipv6(ip, _), TransportHeader::Udp(udp)) => {
            (udp.checksum, udp.calc_checksum_ipv6(&ip, payload).ok()?)
        }
        (NetHeaders::Ipv6(ip, _), TransportHeader::Icmpv6(icmp)) => {
            (icmp.checksum, icmp.icmp_type.calc_checksum(ip.source, ip.destination, payload).ok()?)
        }
        (_, TransportHeader::Icmpv4(icmp)) => (icmp.checksum, icmp.icmp_type.calc_checksum(payload)),
        _ => return None,
    };
    (found != right).then(|| format!("checksum {found:#06x}, not {right:#06x}"))
}

#[test]
fn every_frame_of_every_scenario_is_right() {
    for scenario in traffic::scenarios::all() {
        let mut trace = Trace::named(scenario.name);
        (scenario.make)(&mut trace);
        let frames = trace.into_frames();
        assert!(frames.len() > 40, "{}: {} frames are no background", scenario.name, frames.len());
        // In these the clock that stamps the frames is set.
        let ordered = frames.is_sorted_by_key(|f| f.at) || scenario.name.starts_with("sensor_trouble");
        assert!(ordered && frames[0].at >= 0, "{}", scenario.name);
        for (i, frame) in frames.iter().enumerate().filter(|(_, f)| f.data.len() == f.wire_len as usize) {
            if let Some(fault) = fault(frame) {
                panic!("{}, frame {}: {fault}", scenario.name, i + 1);
            }
        }
    }
}

#[test]
fn the_demo_is_small_and_lasts_forty_minutes() {
    let pcap = traffic::evening::pcap();
    assert!((20_000_000..30_000_000).contains(&pcap.len()), "{} bytes", pcap.len());
    let mut rest = &pcap[24..];
    let (mut last, mut bytes) = (0, 0u64);
    while !rest.is_empty() {
        let word = |i: usize| u32::from_le_bytes(rest[i * 4..][..4].try_into().expect("four bytes"));
        let at = (i64::from(word(0)) - traffic::trace::BASE) * traffic::SEC + i64::from(word(1));
        assert!((last..=40 * traffic::MIN).contains(&at), "frame at {at}");
        (last, bytes) = (at, bytes + u64::from(word(3)));
        rest = &rest[16 + word(2) as usize..];
    }
    assert!(last > 39 * traffic::MIN && bytes > 3_000_000_000, "{bytes} bytes until {last}");
}

#[test]
fn a_flood_has_one_frame_per_flow_and_one_known_bad_visit() {
    let mut file = Vec::new();
    traffic::flood::write(&mut file, 2_000).expect("a vector takes everything");
    let bad = std::net::Ipv4Addr::new(203, 0, 113, 66).octets();
    let (mut rest, mut frames, mut known_bad, mut last) = (&file[24..], 0, 0, (0, 0));
    while !rest.is_empty() {
        let word = |i: usize| u32::from_le_bytes(rest[i * 4..][..4].try_into().expect("four bytes"));
        assert!((word(0), word(1)) >= last, "time runs backwards");
        last = (word(0), word(1));
        let (frame, tail) = rest[16..].split_at(word(2) as usize);
        frames += 1;
        known_bad += usize::from(frame[26..30] == bad || frame[30..34] == bad);
        rest = tail;
    }
    assert!(
        known_bad > 10 && frames == 2_000 + known_bad,
        "{frames} frames, {known_bad} with the bad address"
    );
}
