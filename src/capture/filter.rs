//! Exclusions as a classic BPF program: the kernel drops those frames before they cost anything.
//!
//! An excluded frame is not seen by the engine at all, nor counted: that is its purpose. The program reads untagged
//! Ethernet and raw IP frames (a tag that the hardware or the kernel has already taken off does not matter); IPv6
//! ports are found only directly behind the fixed header; of a fragmented datagram only the first fragment has ports.
//! Whatever the program does not understand is accepted.

use crate::addr::{Ip, Prefix};
use crate::wire::LinkType;

/// One instruction, in the layout of the kernel's `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip when true.
    pub jump_true: u8,
    /// Instructions to skip when false.
    pub jump_false: u8,
    /// Operand.
    pub k: u32,
}

/// The longest program the kernel takes (BPF_MAXINSNS).
pub const MAX_INSTRUCTIONS: usize = 4096;

/// What the engine is not to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exclusions {
    /// Frames from or to these networks.
    pub networks: Vec<Prefix>,
    /// TCP and UDP frames from or to these ports.
    pub ports: Vec<u16>,
    /// This machine's addresses, for `own_port`.
    pub own: Vec<Ip>,
    /// TCP between this port of an own address and anybody: the dashboard would otherwise watch itself being watched.
    pub own_port: Option<u16>,
}

/// Whole frame: more than any frame has.
const ACCEPT: u32 = 0x0004_0000;
const DROP: u32 = 0;

/// Operations of classic BPF (linux/bpf_common.h), in the combinations used.
mod op {
    pub(super) const LOAD_WORD: u16 = 0x20;
    pub(super) const LOAD_HALF: u16 = 0x28;
    pub(super) const LOAD_BYTE: u16 = 0x30;
    pub(super) const LOAD_HALF_INDEXED: u16 = 0x48;
    pub(super) const LOAD_INDEX: u16 = 0x01;
    pub(super) const LOAD_IPV4_LENGTH: u16 = 0xb1;
    pub(super) const LOAD_LENGTH: u16 = 0x80;
    pub(super) const SUBTRACT_INDEX: u16 = 0x1c;
    pub(super) const JUMP_AT_LEAST: u16 = 0x35;
    pub(super) const AND: u16 = 0x54;
    pub(super) const JUMP: u16 = 0x05;
    pub(super) const JUMP_EQUAL: u16 = 0x15;
    pub(super) const JUMP_SET: u16 = 0x45;
    pub(super) const RETURN: u16 = 0x06;
}

const TCP: u32 = 6;
const UDP: u32 = 17;

/// Where the fields of one IP version lie, from the start of the frame.
struct Layout {
    v4: bool,
    source: u32,
    destination: u32,
    protocol: u32,
    ip: u32,
}

impl Layout {
    const fn v4(ip: u32) -> Layout {
        Layout { v4: true, source: ip + 12, destination: ip + 16, protocol: ip + 9, ip }
    }
    const fn v6(ip: u32) -> Layout {
        Layout { v4: false, source: ip + 8, destination: ip + 24, protocol: ip + 6, ip }
    }
}

impl Exclusions {
    /// Whether nothing is excluded.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.ports.is_empty() && (self.own.is_empty() || self.own_port.is_none())
    }

    /// The program for frames of `link`; `None` when nothing is excluded or such frames cannot be filtered. A
    /// program above [`MAX_INSTRUCTIONS`] is for the caller to refuse.
    pub fn program(&self, link: LinkType) -> Option<Vec<Instruction>> {
        let (load, field, mask, v4, v6, ip) = match link {
            LinkType::Ethernet => (op::LOAD_HALF, 12, 0xffff, 0x0800, 0x86dd, 14),
            LinkType::RawIp => (op::LOAD_BYTE, 0, 0xf0, 0x40, 0x60, 0),
            _ => return None,
        };
        if self.is_empty() {
            return None;
        }
        let mut program = vec![plain(load, field), plain(op::AND, mask)];
        for (version, layout) in [(v4, Layout::v4(ip)), (v6, Layout::v6(ip))] {
            let section = self.section(&layout);
            program.push(jump(op::JUMP_EQUAL, version, 1, 0));
            program.push(plain(op::JUMP, section.len() as u32));
            program.extend(section);
        }
        program.push(plain(op::RETURN, ACCEPT));
        Some(program)
    }

    /// The tests on frames of one IP version; every path ends in a return.
    fn section(&self, at: &Layout) -> Vec<Instruction> {
        let mut code = Vec::new();
        for prefix in self.networks.iter().filter(|p| Ip::from_bits(p.first()).is_v4() == at.v4) {
            for field in [at.source, at.destination] {
                drop_if_inside(&mut code, prefix, field, at.v4);
            }
        }
        if !self.ports.is_empty() || self.own_port.is_some() {
            self.ports(&mut code, at);
        }
        code.push(plain(op::RETURN, ACCEPT));
        code
    }

    fn ports(&self, code: &mut Vec<Instruction>, at: &Layout) {
        code.extend([
            plain(op::LOAD_BYTE, at.protocol),
            jump(op::JUMP_EQUAL, TCP, 2, 0),
            jump(op::JUMP_EQUAL, UDP, 1, 0),
            plain(op::RETURN, ACCEPT),
        ]);
        // X is the length of the IP header: ports lie at X + where IP begins.
        if at.v4 {
            code.extend([
                plain(op::LOAD_HALF, at.ip + 6),
                jump(op::JUMP_SET, 0x1fff, 0, 1),
                plain(op::RETURN, ACCEPT),
                plain(op::LOAD_IPV4_LENGTH, at.ip),
            ]);
        } else {
            code.push(plain(op::LOAD_INDEX, 40));
        }
        // A frame that ends before its ports must reach the engine, which counts it; a load past the end drops.
        code.extend([
            plain(op::LOAD_LENGTH, 0),
            plain(op::SUBTRACT_INDEX, 0),
            jump(op::JUMP_AT_LEAST, at.ip + 4, 1, 0),
            plain(op::RETURN, ACCEPT),
        ]);
        let (source_port, destination_port) = (at.ip, at.ip + 2);
        for field in [source_port, destination_port] {
            code.push(plain(op::LOAD_HALF_INDEXED, field));
            for port in &self.ports {
                code.extend([jump(op::JUMP_EQUAL, u32::from(*port), 0, 1), plain(op::RETURN, DROP)]);
            }
        }
        let Some(port) = self.own_port else { return };
        code.extend([
            plain(op::LOAD_BYTE, at.protocol),
            jump(op::JUMP_EQUAL, TCP, 1, 0),
            plain(op::RETURN, ACCEPT),
        ]);
        for (port_field, address_field) in [(source_port, at.source), (destination_port, at.destination)] {
            let mut owners = Vec::new();
            for ip in self.own.iter().filter(|ip| ip.is_v4() == at.v4) {
                let host = Prefix::new(*ip, if at.v4 { 32 } else { 128 }).expect("a full-length prefix");
                drop_if_inside(&mut owners, &host, address_field, at.v4);
            }
            code.push(plain(op::LOAD_HALF_INDEXED, port_field));
            code.push(jump(op::JUMP_EQUAL, u32::from(port), 1, 0));
            code.push(plain(op::JUMP, owners.len() as u32));
            code.extend(owners);
        }
    }
}

/// Returns [`DROP`] when the address at `field` lies in `prefix`; falls through to the end otherwise.
fn drop_if_inside(code: &mut Vec<Instruction>, prefix: &Prefix, field: u32, v4: bool) {
    let mask = !(prefix.first() ^ prefix.last());
    let mut words = Vec::new();
    for word in if v4 { 3..4 } else { 0..4 } {
        let shift = 96 - 32 * word;
        let (value, mask) = ((prefix.first() >> shift) as u32, (mask >> shift) as u32);
        // The mask of a prefix is continuous: an empty word means that the rest is empty too.
        if mask != 0 {
            let at = if v4 { field } else { field + 4 * word };
            words.push((at, value, mask));
        }
    }
    let length = |mask: u32| if mask == u32::MAX { 2 } else { 3 };
    let mut rest: u8 = words.iter().map(|(_, _, mask)| length(*mask)).sum::<u8>() + 1;
    for (at, value, mask) in words {
        code.push(plain(op::LOAD_WORD, at));
        if mask != u32::MAX {
            code.push(plain(op::AND, mask));
        }
        rest -= length(mask);
        code.push(jump(op::JUMP_EQUAL, value, 0, rest));
    }
    code.push(plain(op::RETURN, DROP));
}

const fn plain(code: u16, k: u32) -> Instruction {
    Instruction { code, jump_true: 0, jump_false: 0, k }
}

const fn jump(code: u16, k: u32, jump_true: u8, jump_false: u8) -> Instruction {
    Instruction { code, jump_true, jump_false, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a program as the kernel does: a load past the end of the frame drops it.
    fn run(program: &[Instruction], frame: &[u8]) -> u32 {
        let (mut a, mut x, mut pc) = (0u32, 0u32, 0usize);
        loop {
            let Instruction { code, jump_true, jump_false, k } = program[pc];
            pc += 1;
            let load = |at: u32, n: usize| {
                let bytes = frame.get(at as usize..at as usize + n)?;
                Some(bytes.iter().fold(0, |v, b| v << 8 | u32::from(*b)))
            };
            let branch = |yes: bool| usize::from(if yes { jump_true } else { jump_false });
            let loaded = match code {
                0x20 => load(k, 4),
                0x28 => load(k, 2),
                0x30 => load(k, 1),
                0x48 => load(x + k, 2),
                0xb1 => {
                    let Some(byte) = load(k, 1) else { return 0 };
                    x = (byte & 15) * 4;
                    Some(a)
                }
                0x01 => {
                    x = k;
                    Some(a)
                }
                0x54 => Some(a & k),
                0x80 => Some(frame.len() as u32),
                0x1c => Some(a.wrapping_sub(x)),
                0x35 => {
                    pc += branch(a >= k);
                    Some(a)
                }
                0x05 => {
                    pc += k as usize;
                    Some(a)
                }
                0x15 => {
                    pc += branch(a == k);
                    Some(a)
                }
                0x45 => {
                    pc += branch(a & k != 0);
                    Some(a)
                }
                0x06 => return k,
                other => panic!("operation {other:#x}"),
            };
            match loaded {
                Some(value) => a = value,
                None => return 0,
            }
        }
    }

    fn frame(source: &str, destination: &str, protocol: u8, ports: (u16, u16)) -> Vec<u8> {
        let (source, destination): (Ip, Ip) = (source.parse().expect("ip"), destination.parse().expect("ip"));
        let mut f = vec![2; 12];
        if source.is_v4() {
            // 24 bytes of header: options must be reckoned with.
            f.extend([8, 0, 0x46, 0, 0, 44, 0, 0, 0x40, 0, 64, protocol, 0, 0]);
            f.extend(source.v4_bits().expect("v4").to_be_bytes());
            f.extend(destination.v4_bits().expect("v4").to_be_bytes());
            f.extend([1, 1, 1, 0]);
        } else {
            f.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, protocol, 64]);
            f.extend(source.bits().to_be_bytes());
            f.extend(destination.bits().to_be_bytes());
        }
        f.extend(ports.0.to_be_bytes());
        f.extend(ports.1.to_be_bytes());
        f.extend([0; 16]);
        f
    }

    fn accepts(exclusions: &Exclusions, frame: &[u8]) -> bool {
        let ethernet = run(&exclusions.program(LinkType::Ethernet).expect("a program"), frame);
        let raw = run(&exclusions.program(LinkType::RawIp).expect("a program"), &frame[14..]);
        assert!(ethernet == raw && (ethernet == 0 || ethernet >= 65_600), "{ethernet} {raw}");
        ethernet != 0
    }

    fn networks(list: &[&str]) -> Exclusions {
        let networks = list.iter().map(|t| t.parse().expect("prefix")).collect();
        Exclusions { networks, ..Exclusions::default() }
    }

    #[test]
    fn networks_are_excluded_on_either_side_and_nothing_beside_them() {
        let e = networks(&["10.1.2.3", "192.168.4.0/22", "2001:db8::5", "fd00:0:0:10::/60"]);
        for hidden in ["10.1.2.3", "192.168.4.0", "192.168.7.255", "2001:db8::5", "fd00:0:0:1f:9::"] {
            let other = if hidden.contains(':') { "2001:db8::77" } else { "8.8.8.8" };
            assert!(!accepts(&e, &frame(hidden, other, 6, (1, 2))), "{hidden}");
            assert!(!accepts(&e, &frame(other, hidden, 1, (1, 2))), "{hidden}");
        }
        for seen in
            ["10.1.2.4", "192.168.8.0", "192.168.3.255", "2001:db8::6", "2001:db9::5", "fd00:0:0:20::"]
        {
            let other = if seen.contains(':') { "2001:db8::77" } else { "8.8.8.8" };
            assert!(accepts(&e, &frame(seen, other, 6, (1, 2))), "{seen}");
        }
    }

    #[test]
    fn ports_are_excluded_for_tcp_and_udp_alone() {
        let e = Exclusions { ports: vec![5353, 443], ..Exclusions::default() };
        for (a, b) in [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")] {
            for (ports, seen) in [((443, 9), false), ((9, 5353), false), ((444, 9), true), ((9, 9), true)] {
                assert_eq!(accepts(&e, &frame(a, b, 6, ports)), seen);
                assert_eq!(accepts(&e, &frame(a, b, 17, ports)), seen);
                assert!(accepts(&e, &frame(a, b, 1, ports)));
            }
        }
        assert!(accepts(&e, &frame("10.0.0.1", "10.0.0.2", 17, (443, 443))[..41]));
        assert!(accepts(&e, &frame("::1", "::2", 17, (443, 443))[..57]));
        let mut later_fragment = frame("10.0.0.1", "10.0.0.2", 17, (443, 443));
        later_fragment[21] = 7;
        assert!(accepts(&e, &later_fragment));
    }

    #[test]
    fn only_the_own_dashboard_is_excluded_not_every_port_8080() {
        let own = ["10.0.0.1", "2001:db8::1"].map(|t| t.parse().expect("ip")).to_vec();
        let e = Exclusions { own, own_port: Some(8080), ..Exclusions::default() };
        for (me, you) in [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")] {
            assert!(!accepts(&e, &frame(me, you, 6, (8080, 50_000))));
            assert!(!accepts(&e, &frame(you, me, 6, (50_000, 8080))));
            assert!(accepts(&e, &frame(you, me, 6, (8080, 50_000))));
            assert!(accepts(&e, &frame(me, you, 6, (50_000, 8080))));
            assert!(accepts(&e, &frame(you, me, 17, (50_000, 8080))));
            assert!(accepts(&e, &frame(you, me, 6, (50_000, 22))));
        }
    }

    #[test]
    fn every_jump_of_a_long_program_lands_inside_it() {
        let many = (0..200u8).map(|i| format!("10.0.{i}.0/24").parse().expect("prefix"));
        let v6 = (0..30u8).map(|i| format!("2001:db8:{i}::/41").parse().expect("prefix"));
        let own = (0..99u8).map(|i| Ip::v4([10, 9, 9, i])).collect();
        let networks = many.chain(v6).collect();
        let e = Exclusions { networks, ports: (1..99).collect(), own, own_port: Some(8080) };
        let program = e.program(LinkType::Ethernet).expect("a program");
        for (at, i) in program.iter().enumerate() {
            let far = if i.code == 0x05 { i.k as usize } else { i.jump_true.max(i.jump_false).into() };
            assert!(at + 1 + far < program.len() || i.code == 0x06, "{at}");
        }
        assert!(program.len() < MAX_INSTRUCTIONS);
        assert!(!accepts(&e, &frame("10.9.9.98", "8.8.8.8", 6, (8080, 50_000))));
        assert!(!accepts(&e, &frame("8.8.8.8", "10.0.199.1", 1, (0, 0))));
        assert!(accepts(&e, &frame("8.8.8.8", "10.0.200.1", 6, (100, 100))));
    }

    #[test]
    fn other_protocols_pass_and_no_exclusion_is_no_program() {
        let e = networks(&["0.0.0.0/0", "::/0"]);
        assert!(!accepts(&e, &frame("1.2.3.4", "5.6.7.8", 6, (1, 2))));
        assert!(!accepts(&e, &frame("::1", "::2", 6, (1, 2))));
        let mut arp = vec![2; 60];
        arp[12..14].copy_from_slice(&[8, 6]);
        assert_ne!(run(&e.program(LinkType::Ethernet).expect("a program"), &arp), 0);
        assert_eq!(Exclusions::default().program(LinkType::Ethernet), None);
        assert_eq!(e.program(LinkType::Radiotap), None);
    }
}
