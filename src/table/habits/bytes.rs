//! A device's habits as they are stored: a version, then every field in order, numbers with the low byte first.

use super::facts::{Offer, Place, Seen, Way};
use super::{Baseline, Volume};

/// The form below. Another one is not read: the device is learned anew.
const VERSION: u8 = 1;

/// Twenty years of watching: time goes on from what is stored, so damage must not carry it to its end.
const LAST_MINUTE: u32 = 20 * 365 * 24 * 60;

impl Baseline {
    /// The form that is stored: 70 bytes, and 8 to 16 for each thing known.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, u8::from(self.overflows), self.growth];
        for word in [self.days, self.last_day] {
            out.extend(word.to_le_bytes());
        }
        for word in [self.minute, self.frozen] {
            out.extend(word.to_le_bytes());
        }
        let [strange_up, strange_down] = self.strange;
        let (up, down) = (self.up, self.down);
        for sum in [up.today, up.usual, down.today, down.usual, strange_up, strange_down] {
            out.extend(sum.to_le_bytes());
        }
        out.push(self.places.held().len() as u8);
        for place in self.places.held() {
            out.extend(place.name.to_le_bytes());
            place.nets.iter().for_each(|net| out.extend(net.to_le_bytes()));
            write_seen(&mut out, place.seen);
        }
        out.push(self.ways.held().len() as u8);
        for way in self.ways.held() {
            out.extend(way.what.to_le_bytes());
            write_seen(&mut out, way.seen);
        }
        out.push(self.offers.held().len() as u8);
        for offer in self.offers.held() {
            out.extend(offer.port.to_le_bytes());
            out.extend([offer.protocol, offer.uses]);
            out.extend(offer.client.to_le_bytes());
            out.extend(offer.minute.to_le_bytes());
            write_seen(&mut out, offer.seen);
        }
        out
    }

    /// Reads [`Baseline::to_bytes`]; `None` for anything else.
    pub(super) fn from_bytes(stored: &[u8]) -> Option<Baseline> {
        let mut read = Read(stored);
        let [version, overflows, growth] = read.take()?;
        if version != VERSION || overflows > 1 {
            return None;
        }
        let mut device = Baseline { overflows: overflows == 1, growth, ..Baseline::default() };
        (device.days, device.last_day) = (read.u16()?, read.u16()?);
        (device.minute, device.frozen) = (read.u32()?, read.u32()?);
        device.up = Volume { today: read.u64()?, usual: read.u64()? };
        device.down = Volume { today: read.u64()?, usual: read.u64()? };
        device.strange = [read.u64()?, read.u64()?];
        let [places] = read.take()?;
        for _ in 0..places {
            device.places.put(Place {
                name: read.u32()?,
                nets: [read.u32()?, read.u32()?],
                seen: read.seen()?,
            });
        }
        let [ways] = read.take()?;
        for _ in 0..ways {
            device.ways.put(Way { what: read.u32()?, seen: read.seen()? });
        }
        let [offers] = read.take()?;
        for _ in 0..offers {
            let (port, [protocol, uses]) = (read.u16()?, read.take()?);
            let (client, minute) = (read.u16()?, read.u16()?);
            device.offers.put(Offer { port, protocol, uses, client, minute, seen: read.seen()? });
        }
        let plausible = device.days > 0 && device.minute < LAST_MINUTE;
        (plausible && read.0.is_empty()).then_some(device)
    }
}

fn write_seen(out: &mut Vec<u8>, seen: Seen) {
    out.extend(seen.last_day.to_le_bytes());
    out.extend([seen.days, seen.flags]);
}

/// Bytes not yet read.
struct Read<'a>(&'a [u8]);

impl Read<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (now, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*now)
    }
    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }
    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
    fn seen(&mut self) -> Option<Seen> {
        let last_day = self.u16()?;
        let [days, flags] = self.take()?;
        Some(Seen { last_day, days, flags })
    }
}
