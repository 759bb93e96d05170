//! pcapng: sections, interfaces, packet blocks of three kinds, drop counts; every other block is skipped.

use super::input::{Input, Order};
use super::pcap::{Damage, MAX_RECORD, Record};
use crate::time::{SECOND, WallTime};
use crate::wire::LinkType;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

const OPTION_IF_TSRESOL: u16 = 9;
const OPTION_IF_TSOFFSET: u16 = 14;
const OPTION_ISB_IFDROP: u16 = 5;

/// Interfaces believed per section: no machine has more, and a hostile file must not fill memory with them.
const MAX_INTERFACES: usize = 4096;
/// Block type, block length, and the length again at the end.
const FRAME: usize = 12;

/// Whether a file that begins so is pcapng.
pub(super) fn starts(head: &[u8]) -> bool {
    head.starts_with(&SECTION_HEADER.to_be_bytes()) && order_of(head).is_some()
}

/// Byte order of a section, from the magic after its type and length.
fn order_of(block: &[u8]) -> Option<Order> {
    match block.get(8..12)? {
        [0x1a, 0x2b, 0x3c, 0x4d] => Some(Order::Big),
        [0x4d, 0x3c, 0x2b, 0x1a] => Some(Order::Little),
        _ => None,
    }
}

/// Where the reader stands: the section it is in.
#[derive(Default)]
pub(super) struct Sections {
    order: Option<Order>,
    interfaces: Vec<Interface>,
    /// Drops in the sections before this one.
    dropped_before: u64,
    /// The last stamp seen: simple packets have none of their own.
    last: WallTime,
}

struct Interface {
    link: LinkType,
    snap: usize,
    resolution: Resolution,
    /// Microseconds to add.
    offset: i64,
    dropped: u64,
}

/// What one tick of an interface's stamps is.
#[derive(Clone, Copy)]
enum Resolution {
    /// This many microseconds.
    Coarse(u64),
    /// This many ticks make a microsecond.
    Fine(u64),
    /// 2^-n seconds.
    Binary(u32),
}

impl Resolution {
    fn from_option(value: u8) -> Resolution {
        let exponent = u32::from(value & 0x7f);
        match value {
            0x80.. => Resolution::Binary(exponent),
            0..=6 => Resolution::Coarse(10u64.pow(6 - exponent)),
            // Finer than 10^-25 s a stamp of 64 bits is below a microsecond.
            _ => Resolution::Fine(10u64.checked_pow(exponent - 6).unwrap_or(u64::MAX)),
        }
    }

    #[inline]
    fn micros(self, ticks: u64) -> i64 {
        let micros = match self {
            Resolution::Coarse(factor) => ticks.saturating_mul(factor),
            Resolution::Fine(divisor) => ticks / divisor,
            Resolution::Binary(shift) => {
                u64::try_from((u128::from(ticks) * SECOND as u128) >> shift).unwrap_or(u64::MAX)
            }
        };
        i64::try_from(micros).unwrap_or(i64::MAX)
    }
}

impl Sections {
    /// Drops that the statistics blocks so far report.
    pub(super) fn dropped(&self) -> u64 {
        let sum = |total: u64, i: &Interface| total.saturating_add(i.dropped);
        self.interfaces.iter().fold(self.dropped_before, sum)
    }

    /// The next packet, with every block before it taken in.
    #[inline]
    pub(super) fn record(&mut self, input: &mut Input) -> Result<Option<Record>, Damage> {
        loop {
            let Some((kind, order, length)) = self.block(input)? else { return Ok(None) };
            let block = &input.need(length)?[..length];
            let body = &block[..length - 4];
            let found = match kind {
                ENHANCED_PACKET => Some(self.enhanced(order, body)?),
                SIMPLE_PACKET => Some(self.simple(order, body)?),
                OLD_PACKET => Some(self.old(order, body)?),
                _ => None,
            };
            if let Some(mut record) = found {
                record.whole = length;
                return Ok(Some(record));
            }
            match kind {
                SECTION_HEADER => self.section(order, body)?,
                INTERFACE => self.interface(order, body)?,
                STATISTICS => self.statistics(order, body),
                _ => {}
            }
            input.take(length, 0..0);
        }
    }

    /// Type, byte order and length of the block at the window's start, which then holds all of it.
    #[inline]
    fn block(&self, input: &mut Input) -> Result<Option<(u32, Order, usize)>, Damage> {
        let head = input.need(FRAME)?;
        if head.is_empty() {
            return Ok(None);
        }
        if head.len() < FRAME {
            return Err(Damage(format!("the file ends within a block header, after {} bytes", head.len())));
        }
        let order = if head.starts_with(&SECTION_HEADER.to_be_bytes()) {
            order_of(head).ok_or_else(|| Damage("a section without a byte order mark".into()))?
        } else {
            self.order.ok_or_else(|| Damage("a block before the first section".into()))?
        };
        let (kind, claimed) = (order.u32(head, 0).unwrap_or(0), order.u32(head, 4).unwrap_or(0) as usize);
        if !(FRAME..=MAX_RECORD).contains(&claimed) || !claimed.is_multiple_of(4) {
            return Err(Damage(format!("block of {claimed} bytes")));
        }
        let block = input.need(claimed)?;
        if block.len() < claimed {
            let there = block.len();
            return Err(Damage(format!("the file ends within a block, after {there} of {claimed} bytes")));
        }
        let again = order.u32(block, claimed - 4).unwrap_or(0);
        if again as usize != claimed {
            return Err(Damage(format!("block of {claimed} bytes that ends as one of {again}")));
        }
        Ok(Some((kind, order, claimed)))
    }

    fn section(&mut self, order: Order, body: &[u8]) -> Result<(), Damage> {
        match order.u16(body, 12) {
            Some(1) => {}
            Some(version) => return Err(Damage(format!("section of version {version}; version 1 is read"))),
            None => return Err(Damage("section header too short".into())),
        }
        self.dropped_before = self.dropped();
        self.order = Some(order);
        self.interfaces.clear();
        Ok(())
    }

    fn interface(&mut self, order: Order, body: &[u8]) -> Result<(), Damage> {
        let (Some(link), Some(snap)) = (order.u16(body, 8), order.u32(body, 12)) else {
            return Err(Damage("interface description too short".into()));
        };
        if self.interfaces.len() == MAX_INTERFACES {
            return Err(Damage(format!("more than {MAX_INTERFACES} interfaces in a section")));
        }
        let option = |code| find_option(order, body, 16, code);
        let resolution = option(OPTION_IF_TSRESOL).and_then(|value| value.first().copied()).unwrap_or(6);
        let offset = option(OPTION_IF_TSOFFSET).and_then(|value| order.u64(value, 0)).unwrap_or(0) as i64;
        self.interfaces.push(Interface {
            link: LinkType::from_pcap(link),
            snap: if snap == 0 { MAX_RECORD } else { snap as usize },
            resolution: Resolution::from_option(resolution),
            offset: offset.saturating_mul(SECOND),
            dropped: 0,
        });
        Ok(())
    }

    /// Counts in statistics blocks run from the start of the capture: the last one says all.
    fn statistics(&mut self, order: Order, body: &[u8]) {
        let number = order.u32(body, 8).map_or(usize::MAX, |n| n as usize);
        let count = find_option(order, body, 20, OPTION_ISB_IFDROP).and_then(|value| order.u64(value, 0));
        if let (Some(interface), Some(count)) = (self.interfaces.get_mut(number), count) {
            interface.dropped = count;
        }
    }

    #[inline]
    fn enhanced(&mut self, order: Order, body: &[u8]) -> Result<Record, Damage> {
        let number = order.u32(body, 8).unwrap_or(u32::MAX);
        self.stamped(order, body, number)
    }

    fn old(&mut self, order: Order, body: &[u8]) -> Result<Record, Damage> {
        let number = order.u16(body, 8).unwrap_or(u16::MAX);
        self.stamped(order, body, u32::from(number))
    }

    /// Enhanced and old packet blocks differ only in the width of the interface's number.
    #[inline]
    fn stamped(&mut self, order: Order, body: &[u8], number: u32) -> Result<Record, Damage> {
        const DATA: usize = 28;
        if body.len() < DATA {
            return Err(Damage("packet block too short".into()));
        }
        let Some(interface) = self.interfaces.get(number as usize) else {
            return Err(Damage(format!("packet of interface {number}, which the file does not describe")));
        };
        let word = |at| order.u32(body, at).unwrap_or(0);
        let ticks = u64::from(word(12)) << 32 | u64::from(word(16));
        let (captured, wire_len) = (word(20) as usize, word(24));
        if captured > body.len() - DATA {
            return Err(Damage(format!("packet of {captured} bytes in a block of {}", body.len() + 4)));
        }
        self.last =
            WallTime::from_micros(interface.resolution.micros(ticks).saturating_add(interface.offset));
        let interface_number = u8::try_from(number).unwrap_or(u8::MAX);
        Ok(self.record_of(interface, interface_number, wire_len, DATA, captured))
    }

    fn simple(&mut self, order: Order, body: &[u8]) -> Result<Record, Damage> {
        const DATA: usize = 12;
        let (Some(interface), Some(wire_len)) = (self.interfaces.first(), order.u32(body, 8)) else {
            return Err(Damage("simple packet without an interface".into()));
        };
        let captured = (wire_len as usize).min(interface.snap).min(body.len() - DATA);
        Ok(self.record_of(interface, 0, wire_len, DATA, captured))
    }

    #[inline]
    fn record_of(&self, from: &Interface, number: u8, wire_len: u32, at: usize, captured: usize) -> Record {
        let (wall, link) = (self.last, from.link);
        Record { wall, link, interface: number, wire_len, data: at..at + captured, whole: 0 }
    }
}

/// The value of the first option `code` in the options from `at` on.
fn find_option(order: Order, body: &[u8], mut at: usize, code: u16) -> Option<&[u8]> {
    loop {
        let (found, length) = (order.u16(body, at)?, order.u16(body, at + 2)? as usize);
        let value = body.get(at + 4..at + 4 + length)?;
        match found {
            0 => return None,
            _ if found == code => return Some(value),
            _ => at += 4 + length.next_multiple_of(4),
        }
    }
}
