//! Capture files: pcap and pcapng, plain or gzip, read as a stream without a copy or an allocation per frame.
//!
//! Formats: pcap is draft-ietf-opsawg-pcap (microseconds, nanoseconds, and the "modified" form of old Linux patches,
//! in either byte order); pcapng is draft-ietf-opsawg-pcapng. What a file's header says about lengths is not believed:
//! memory follows the bytes that are really there, and a record above [`MAX_RECORD`] is damage.

use super::input::{Input, Order};
use super::pcapng::{self, Sections};
use crate::time::{SECOND, WallTime};
use crate::wire::LinkType;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::{error, fmt};

/// The largest record believed, in bytes: well above any snap length in use (tcpdump: 256 KiB; usbmon: 128 MiB is
/// not network traffic).
pub const MAX_RECORD: usize = 16 * 1024 * 1024;

/// Standard input by its name in the file system.
pub const STANDARD_INPUT: &str = "/dev/stdin";

/// A frame of a capture file, on the file's own clock; borrowed until the next one is asked for.
#[derive(Clone, Copy, Debug)]
pub struct RawFrame<'a> {
    /// The file's stamp; nanoseconds are cut.
    pub wall: WallTime,
    /// What the first byte of `data` is.
    pub link: LinkType,
    /// The captured bytes.
    pub data: &'a [u8],
    /// Length on the wire, at least `data.len()`; a length that no frame has is not believed.
    pub wire_len: u32,
    /// Which interface of its section a pcapng frame came from; 255 stands for every one above.
    pub interface: u8,
}

/// Why a capture file cannot be read, or cannot be read on.
#[derive(Debug)]
pub enum CaptureError {
    /// It could not be opened or its first bytes not read.
    Open {
        /// The file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// It is no capture file, or one of another kind.
    Format {
        /// The file.
        name: String,
        /// What it begins with.
        magic: Vec<u8>,
    },
    /// It breaks off or contradicts itself; every frame before has been delivered.
    Broken {
        /// The file.
        name: String,
        /// Where the broken record begins, in bytes from the start of the unpacked file.
        offset: u64,
        /// Whether the file is gzip.
        packed: bool,
        /// The number of the packet that is missing, counted from 1.
        packet: u64,
        /// What is wrong there.
        what: String,
    },
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CaptureError::Open { name, source } => write!(f, "{name}: cannot be read: {source}"),
            CaptureError::Format { name, magic } if magic.is_empty() => {
                write!(f, "{name}: is empty; pcap and pcapng files are read, plain or gzip")
            }
            CaptureError::Format { name, magic } => {
                let hex: String = magic.iter().map(|b| format!("{b:02x}")).collect();
                let known = "pcap (microseconds or nanoseconds) and pcapng files are read, plain or gzip";
                write!(f, "{name}: is not a capture file (it begins with {hex}); {known}")
            }
            CaptureError::Broken { name, offset, packed, packet, what } => {
                let unpacked = if *packed { "unpacked " } else { "" };
                write!(f, "{name}: broken at {unpacked}byte {offset} (packet {packet}): {what}")
            }
        }
    }
}

impl error::Error for CaptureError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            CaptureError::Open { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// A record found in the window: the file's bytes are not touched, only located.
pub(super) struct Record {
    pub(super) wall: WallTime,
    pub(super) link: LinkType,
    pub(super) interface: u8,
    pub(super) wire_len: u32,
    /// The frame within the record.
    pub(super) data: Range<usize>,
    /// Length of the whole record.
    pub(super) whole: usize,
}

/// Why no record was found: text for [`CaptureError::Broken`].
pub(super) struct Damage(pub(super) String);

impl From<io::Error> for Damage {
    fn from(e: io::Error) -> Self {
        Damage(format!("cannot read on: {e}"))
    }
}

/// An open capture file.
pub struct CaptureFile {
    name: String,
    input: Input,
    format: Format,
    size: Option<u64>,
    packets: u64,
    ended: bool,
}

enum Format {
    Pcap(Header),
    Pcapng(Sections),
}

impl CaptureFile {
    /// Opens a file; `-` and [`STANDARD_INPUT`] are standard input.
    pub fn open(path: &Path) -> Result<CaptureFile, CaptureError> {
        if path.as_os_str() == "-" || path.as_os_str() == STANDARD_INPUT {
            return CaptureFile::from_reader("standard input", Box::new(io::stdin().lock()));
        }
        let name = path.display().to_string();
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = opened.map_err(|source| CaptureError::Open { name: name.clone(), source })?;
        let mut capture = CaptureFile::from_reader(&name, Box::new(file))?;
        capture.size = metadata.is_file().then_some(metadata.len());
        Ok(capture)
    }

    /// Reads from anything; `name` is what errors call it.
    pub fn from_reader(name: &str, reader: Box<dyn Read>) -> Result<CaptureFile, CaptureError> {
        let broken = |source| CaptureError::Open { name: name.to_owned(), source };
        let mut input = Input::new(reader).map_err(broken)?;
        let head = input.need(Header::LEN).map_err(broken)?;
        let format = if pcapng::starts(head) {
            Format::Pcapng(Sections::default())
        } else if let Some(header) = Header::read(head) {
            input.take(Header::LEN, 0..0);
            Format::Pcap(header)
        } else {
            let magic = head.get(..4).unwrap_or(head).to_vec();
            return Err(CaptureError::Format { name: name.to_owned(), magic });
        };
        Ok(CaptureFile { name: name.to_owned(), input, format, size: None, packets: 0, ended: false })
    }

    /// The next frame, `None` at the end of the file. After damage the file has ended.
    #[allow(clippy::should_implement_trait, reason = "an iterator cannot lend its items")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<RawFrame<'_>>, CaptureError> {
        if self.ended {
            return Ok(None);
        }
        let found = match &mut self.format {
            Format::Pcap(header) => header.record(&mut self.input),
            Format::Pcapng(sections) => sections.record(&mut self.input),
        };
        match found {
            Ok(Some(Record { wall, link, interface, wire_len, data, whole })) => {
                self.packets += 1;
                let data = self.input.take(whole, data);
                let wire_len = if wire_len as usize > MAX_RECORD { 0 } else { wire_len };
                let wire_len = wire_len.max(data.len() as u32);
                Ok(Some(RawFrame { wall, link, data, wire_len, interface }))
            }
            Ok(None) => {
                self.ended = true;
                Ok(None)
            }
            Err(Damage(what)) => Err(self.broken(what)),
        }
    }

    #[cold]
    fn broken(&mut self, what: String) -> CaptureError {
        self.ended = true;
        CaptureError::Broken {
            name: self.name.clone(),
            offset: self.input.offset(),
            packed: self.input.packed(),
            packet: self.packets + 1,
            what,
        }
    }

    /// What errors call this file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Frames delivered.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes of the file that are done with; of a gzip file, compressed bytes read.
    pub fn position(&self) -> u64 {
        self.input.position()
    }

    /// Length of the file in bytes, where it is known beforehand.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Packets that the capturing interfaces dropped, as far as a pcapng file says so (`isb_ifdrop`).
    pub fn dropped(&self) -> u64 {
        match &self.format {
            Format::Pcap(_) => 0,
            Format::Pcapng(sections) => sections.dropped(),
        }
    }
}

/// What a pcap file header says that matters here.
struct Header {
    order: Order,
    link: LinkType,
    /// Whether stamps have nanoseconds, else microseconds.
    nanos: bool,
    /// Length of a record's header.
    record: usize,
}

impl Header {
    /// Length of the file header.
    const LEN: usize = 24;

    fn read(head: &[u8]) -> Option<Header> {
        let order = match head.get(..4)? {
            [0xa1, 0xb2, ..] => Order::Big,
            [.., 0xb2, 0xa1] => Order::Little,
            _ => return None,
        };
        let (nanos, record) = match order.u32(head, 0)? {
            0xa1b2_c3d4 => (false, 16),
            0xa1b2_3c4d => (true, 16),
            // Two more words per record: interface, protocol, direction.
            0xa1b2_cd34 => (false, 24),
            _ => return None,
        };
        // Above the low 16 bits stand the length of the frame check sequence and reserved bits.
        let link = LinkType::from_pcap(order.u32(head, 20)? as u16);
        Some(Header { order, link, nanos, record })
    }

    #[inline]
    fn record(&self, input: &mut Input) -> Result<Option<Record>, Damage> {
        let head = input.need(self.record)?;
        if head.is_empty() {
            return Ok(None);
        }
        let Some(fields) = head.first_chunk::<16>().filter(|_| head.len() >= self.record) else {
            return Err(Damage(format!("the file ends within a record header, after {} bytes", head.len())));
        };
        let word = |at| self.order.u32(fields, at).unwrap_or(0);
        let (seconds, fraction, captured, wire_len) = (word(0), word(4), word(8) as usize, word(12));
        if captured > MAX_RECORD {
            return Err(Damage(format!("record of {captured} bytes")));
        }
        let whole = self.record + captured;
        let there = input.need(whole)?.len();
        if there < whole {
            let there = there - self.record;
            return Err(Damage(format!("the file ends within a record, after {there} of {captured} bytes")));
        }
        let micros = i64::from(if self.nanos { fraction / 1000 } else { fraction });
        let wall = WallTime::from_micros(i64::from(seconds) * SECOND + micros);
        Ok(Some(Record { wall, link: self.link, interface: 0, wire_len, data: self.record..whole, whole }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    /// Writes numbers in either byte order.
    struct File {
        bytes: Vec<u8>,
        big: bool,
    }

    impl File {
        fn u16(&mut self, v: u16) -> &mut Self {
            self.bytes.extend(if self.big { v.to_be_bytes() } else { v.to_le_bytes() });
            self
        }
        fn u32(&mut self, v: u32) -> &mut Self {
            self.bytes.extend(if self.big { v.to_be_bytes() } else { v.to_le_bytes() });
            self
        }
        fn u64(&mut self, v: u64) -> &mut Self {
            self.bytes.extend(if self.big { v.to_be_bytes() } else { v.to_le_bytes() });
            self
        }
        fn raw(&mut self, v: &[u8]) -> &mut Self {
            self.bytes.extend(v);
            self
        }
        fn pcap(big: bool, magic: u32, snap: u32, link: u32) -> File {
            let mut f = File { bytes: vec![], big };
            f.u32(magic).u16(2).u16(4).u32(0).u32(0).u32(snap).u32(link);
            f
        }
        fn record(&mut self, seconds: u32, fraction: u32, data: &[u8], wire: u32) -> &mut Self {
            self.u32(seconds).u32(fraction).u32(data.len() as u32).u32(wire).raw(data)
        }
        fn pcapng(big: bool) -> File {
            let mut f = File { bytes: vec![], big };
            f.section();
            f
        }
        fn section(&mut self) -> &mut Self {
            let mut body = File { bytes: vec![], big: self.big };
            body.u32(0x1a2b_3c4d).u16(1).u16(0).u64(u64::MAX);
            self.block(SHB, &body.bytes)
        }
        fn block(&mut self, kind: u32, body: &[u8]) -> &mut Self {
            let padded = body.len().next_multiple_of(4);
            let length = padded as u32 + 12;
            self.u32(kind).u32(length).raw(body).raw(&vec![0; padded - body.len()]).u32(length)
        }
        fn interface(&mut self, link: u16, snap: u32, options: &[(u16, &[u8])]) -> &mut Self {
            let mut body = File { bytes: vec![], big: self.big };
            body.u16(link).u16(0).u32(snap).options(options);
            self.block(1, &body.bytes)
        }
        fn options(&mut self, options: &[(u16, &[u8])]) -> &mut Self {
            for (code, value) in options {
                let pad = value.len().next_multiple_of(4) - value.len();
                self.u16(*code).u16(value.len() as u16).raw(value).raw(&vec![0; pad]);
            }
            self.u32(0)
        }
        fn packet(&mut self, interface: u32, ticks: u64, data: &[u8], wire: u32) -> &mut Self {
            let mut body = File { bytes: vec![], big: self.big };
            body.u32(interface).u32((ticks >> 32) as u32).u32(ticks as u32);
            body.u32(data.len() as u32).u32(wire).raw(data);
            self.block(6, &body.bytes)
        }
    }

    const SHB: u32 = 0x0a0d_0d0a;
    const MICROS: u32 = 0xa1b2_c3d4;
    const NANOS: u32 = 0xa1b2_3c4d;

    type Seen = (i64, LinkType, Vec<u8>, u32, u8);

    fn read(bytes: &[u8]) -> (Vec<Seen>, Option<String>) {
        let mut seen = vec![];
        let mut file = match CaptureFile::from_reader("x", Box::new(Pieces(bytes.to_vec(), 0))) {
            Ok(file) => file,
            Err(e) => return (seen, Some(e.to_string())),
        };
        loop {
            match file.next() {
                Ok(Some(f)) => {
                    seen.push((f.wall.micros(), f.link, f.data.to_vec(), f.wire_len, f.interface));
                }
                Ok(None) => return (seen, None),
                Err(e) => {
                    assert!(file.next().expect("an end after damage").is_none());
                    return (seen, Some(e.to_string()));
                }
            }
        }
    }

    /// Hands bytes out in odd pieces, as pipes do.
    struct Pieces(Vec<u8>, usize);
    impl Read for Pieces {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let n = into.len().min(self.0.len() - self.1).min(1 + self.1 % 4093);
            into[..n].copy_from_slice(&self.0[self.1..self.1 + n]);
            self.1 += n;
            Ok(n)
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::fast());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn pcap_is_read_in_both_orders_and_both_resolutions() {
        for big in [false, true] {
            let mut f = File::pcap(big, MICROS, 65535, 1);
            f.record(1_700_000_000, 123_456, b"frame one", 60).record(1, 999_999, b"", 0);
            let eth = LinkType::Ethernet;
            let expected = vec![
                (1_700_000_000_123_456, eth, b"frame one".to_vec(), 60, 0),
                (1_999_999, eth, vec![], 0, 0),
            ];
            assert_eq!(read(&f.bytes), (expected, None));
            let mut f = File::pcap(big, NANOS, 0, 113 | 0x2400_0000);
            f.record(7, 1_999, b"x", 3);
            assert_eq!(read(&f.bytes), (vec![(7_000_001, LinkType::LinuxCooked, b"x".to_vec(), 3, 0)], None));
            let mut f = File::pcap(big, 0xa1b2_cd34, 0, 101);
            f.u32(7).u32(1).u32(2).u32(2).u32(99).u32(99).raw(b"ab");
            assert_eq!(read(&f.bytes), (vec![(7_000_001, LinkType::RawIp, b"ab".to_vec(), 2, 0)], None));
        }
    }

    #[test]
    fn wire_length_is_never_below_the_data_nor_beyond_belief() {
        let mut f = File::pcap(false, MICROS, 0, 1);
        f.record(1, 0, b"abcd", 1).record(1, 0, b"abcd", u32::MAX).record(1, 0, b"abcd", 9000);
        let lengths: Vec<u32> = read(&f.bytes).0.iter().map(|s| s.3).collect();
        assert_eq!(lengths, [4, 4, 9000]);
    }

    #[test]
    fn pcapng_keeps_interfaces_sections_and_resolutions_apart() {
        for big in [false, true] {
            let mut f = File::pcapng(big);
            let hour = if big { 3600u64.to_be_bytes() } else { 3600u64.to_le_bytes() };
            f.interface(1, 0, &[]).interface(101, 96, &[(2, b"eth1"), (9, &[9]), (14, &hour)]);
            f.interface(113, 0, &[(9, &[0x80 | 10])]).interface(1, 0, &[(9, &[3])]);
            f.packet(0, 5_000_001, b"aa", 60).block(0x0bad, b"who knows").packet(1, 7_000_001_999, b"bbb", 3);
            f.packet(2, 3 << 10 | 512, b"", 0).packet(3, 4_005, b"d", 1);
            let mut body = File { bytes: vec![], big };
            body.u16(1).u16(0).u32(0).u32(9).u32(1).u32(4).raw(b"o");
            f.block(2, &body.bytes);
            let mut body = File { bytes: vec![], big };
            body.u32(6).raw(b"simple");
            f.block(3, &body.bytes);
            f.big = !big;
            f.section().interface(105, 0, &[]).packet(0, 8, b"ee", 2);
            let expected = vec![
                (5_000_001, LinkType::Ethernet, b"aa".to_vec(), 60, 0),
                (3_607_000_001, LinkType::RawIp, b"bbb".to_vec(), 3, 1),
                (3_500_000, LinkType::LinuxCooked, vec![], 0, 2),
                (4_005_000, LinkType::Ethernet, b"d".to_vec(), 1, 3),
                (3_600_000_000, LinkType::RawIp, b"o".to_vec(), 4, 1),
                (3_600_000_000, LinkType::Ethernet, b"simple".to_vec(), 6, 0),
                (8, LinkType::Ieee80211, b"ee".to_vec(), 2, 0),
            ];
            assert_eq!(read(&f.bytes), (expected, None));
        }
    }

    #[test]
    fn drop_counts_add_up_over_interfaces_and_sections() {
        let mut f = File::pcapng(false);
        let statistics = |f: &mut File, interface, drops: u64| {
            let mut body = File { bytes: vec![], big: false };
            body.u32(interface).u64(0).options(&[(4, &[9; 8]), (5, &drops.to_le_bytes())]);
            f.block(5, &body.bytes);
        };
        f.interface(1, 0, &[]).interface(1, 0, &[]);
        statistics(&mut f, 0, 5);
        statistics(&mut f, 0, 7);
        statistics(&mut f, 1, 10);
        statistics(&mut f, 9, 1000);
        f.section().interface(1, 0, &[]);
        statistics(&mut f, 0, 100);
        let mut file = CaptureFile::from_reader("x", Box::new(io::Cursor::new(f.bytes))).expect("pcapng");
        assert!(file.next().expect("whole").is_none());
        assert_eq!(file.dropped(), 117);
    }

    #[test]
    fn gzip_is_seen_through_also_in_several_members() {
        let mut f = File::pcap(false, MICROS, 0, 1);
        f.record(1, 0, b"first", 5);
        let mut bytes = gzip(&f.bytes);
        let mut more = File { bytes: vec![], big: false };
        more.record(2, 0, b"second", 6);
        bytes.extend(gzip(&more.bytes));
        let (seen, error) = read(&bytes);
        assert_eq!((seen.len(), error), (2, None));
        assert_eq!(seen[1].2, b"second");
        let mut cut = gzip(&[f.bytes, more.bytes].concat());
        cut.truncate(cut.len() - 9);
        let error = read(&cut).1.expect("an error");
        assert!(error.starts_with("x: broken at unpacked byte "), "{error}");
    }

    #[test]
    fn damage_is_located_and_everything_before_is_delivered() {
        let mut f = File::pcap(false, MICROS, 0, 1);
        f.record(1, 0, b"whole", 5).record(2, 0, b"broken", 6);
        let (seen, error) = read(&f.bytes[..f.bytes.len() - 2]);
        assert_eq!(seen.len(), 1);
        let text = "x: broken at byte 45 (packet 2): the file ends within a record, after 4 of 6 bytes";
        assert_eq!(error.as_deref(), Some(text));
        assert!(read(&f.bytes[..50]).1.expect("an error").contains("within a record header, after 5 bytes"));
        f.u32(0).u32(0).u32(u32::MAX).u32(0).raw(&[0; 100]);
        let text = "x: broken at byte 67 (packet 3): record of 4294967295 bytes";
        assert_eq!(read(&f.bytes).1.as_deref(), Some(text));
    }

    #[test]
    fn a_length_that_lies_costs_no_memory() {
        let mut f = File::pcap(false, MICROS, u32::MAX, 1);
        f.u32(0).u32(0).u32(MAX_RECORD as u32).u32(0).raw(&[0; 100]);
        let mut file = CaptureFile::from_reader("x", Box::new(io::Cursor::new(f.bytes))).expect("pcap");
        assert!(file.next().is_err());
        assert!(file.input.capacity() <= 256 * 1024);
    }

    #[test]
    fn records_larger_than_the_buffer_are_whole() {
        let big: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
        let mut f = File::pcap(false, MICROS, 0, 1);
        f.record(1, 0, b"a", 1).record(2, 0, &big, big.len() as u32).record(3, 0, b"z", 1);
        let (seen, error) = read(&f.bytes);
        assert_eq!(error, None);
        assert!(seen[1].2 == big && seen[2].2 == b"z");
    }

    #[test]
    fn contradictions_in_pcapng_are_damage() {
        let with = |build: &dyn Fn(&mut File)| {
            let mut f = File::pcapng(false);
            f.interface(1, 0, &[]);
            build(&mut f);
            read(&f.bytes).1.expect("an error")
        };
        assert!(with(&|f| _ = f.packet(3, 0, b"x", 1)).contains("interface 3"));
        assert!(with(&|f| _ = f.u32(6).u32(13).raw(&[0; 40])).contains("block of 13 bytes"));
        assert!(with(&|f| _ = f.u32(6).u32(8).raw(&[0; 40])).contains("block of 8 bytes"));
        assert!(with(&|f| _ = f.u32(6).u32(40).raw(&[0; 40])).contains("ends as one of 0"));
        let lying = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 1, 0, 0, 0];
        assert!(with(&|f| _ = f.block(6, &lying)).contains("packet of 255 bytes in a block of"));
        let many = with(&|f| (0..5000).for_each(|_| _ = f.interface(1, 0, &[])));
        assert!(many.contains("more than 4096 interfaces"), "{many}");
    }

    #[test]
    fn other_files_are_refused_with_what_is_read() {
        for bytes in [&b""[..], b"\x7fELF and so on and so on", b"a", &gzip(b"text, after all"), b"\x1f\x8b"]
        {
            let (seen, error) = read(bytes);
            let error = error.expect("an error");
            assert!(seen.is_empty() && !error.contains('\n'), "{error}");
        }
        assert!(read(b"\x7fELF....").1.expect("an error").contains("7f454c46); pcap (micro"));
    }

    #[test]
    fn progress_reaches_the_size_of_the_file() {
        let mut f = File::pcap(false, MICROS, 0, 1);
        (0..1000).for_each(|i| _ = f.record(i, 0, &[7; 300], 300));
        for bytes in [gzip(&f.bytes), f.bytes] {
            let mut disk = tempfile::NamedTempFile::new().expect("a file");
            disk.write_all(&bytes).expect("written");
            let mut file = CaptureFile::open(disk.path()).expect("opened");
            assert_eq!(file.size(), Some(bytes.len() as u64));
            while file.next().expect("whole").is_some() {}
            assert_eq!((file.position(), file.packets()), (bytes.len() as u64, 1000));
        }
        let missing = CaptureFile::open(Path::new("/nowhere.pcap")).err().expect("an error").to_string();
        assert!(missing.starts_with("/nowhere.pcap: cannot be read"), "{missing}");
    }

    fn well_formed(big: bool) -> impl Strategy<Value = Vec<u8>> {
        let packets = prop::collection::vec((any::<u64>(), prop::collection::vec(any::<u8>(), 0..90)), 0..20);
        (packets, any::<u8>(), any::<bool>()).prop_map(move |(packets, resolution, ng)| {
            let mut f = if ng { File::pcapng(big) } else { File::pcap(big, MICROS, 0, 1) };
            if ng {
                f.interface(1, 0, &[(9, &[resolution])]);
            }
            for (stamp, data) in packets {
                let length = data.len() as u32;
                if ng {
                    f.packet(0, stamp, &data, length);
                } else {
                    f.record(stamp as u32, 0, &data, length);
                }
            }
            f.bytes
        })
    }

    proptest! {
        #[test]
        fn flipped_and_cut_files_end_without_panic(
            mut bytes in any::<bool>().prop_flat_map(well_formed),
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            for (at, value) in flips {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            read(&bytes);
        }

        #[test]
        fn any_bytes_after_a_magic_end_without_panic(
            magic in prop::sample::select(vec![MICROS, NANOS, 0xa1b2_cd34, SHB, 0x0008_8b1f]),
            bytes in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            read(&[&magic.to_le_bytes()[..], &bytes].concat());
        }
    }
}
