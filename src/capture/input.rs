//! The bytes of a capture file: gzip seen through, and one sliding buffer that records are read out of in place.

use flate2::bufread::MultiGzDecoder;
use std::cell::Cell;
use std::io::{self, BufReader, Cursor, Read};
use std::ops::Range;
use std::rc::Rc;

/// What the buffer starts with: large enough that reading costs nothing per packet, small beside the tables.
const BUFFER: usize = 256 * 1024;
/// Compressed bytes read at once.
const PACKED_BUFFER: usize = 64 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A reader with a window on the bytes not yet consumed.
pub(super) struct Input {
    reader: Box<dyn Read>,
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset in the (unpacked) stream of `buf[0]`.
    base: u64,
    /// Bytes taken from the file itself.
    raw: Rc<Cell<u64>>,
    packed: bool,
}

impl Input {
    /// Looks at the first bytes of `reader` and unpacks what is gzip.
    pub(super) fn new(reader: Box<dyn Read>) -> io::Result<Input> {
        let raw = Rc::new(Cell::new(0));
        let mut counted = Counted { reader, count: Rc::clone(&raw) };
        let mut head = Vec::with_capacity(GZIP_MAGIC.len());
        counted.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut head)?;
        let packed = head == GZIP_MAGIC;
        let whole = Cursor::new(head).chain(counted);
        let reader: Box<dyn Read> = if packed {
            Box::new(MultiGzDecoder::new(BufReader::with_capacity(PACKED_BUFFER, whole)))
        } else {
            Box::new(whole)
        };
        Ok(Input { reader, buf: vec![0; BUFFER], start: 0, end: 0, base: 0, raw, packed })
    }

    /// The bytes not yet consumed: at least `count` of them, or fewer at the end of the stream.
    #[inline]
    pub(super) fn need(&mut self, count: usize) -> io::Result<&[u8]> {
        if self.end - self.start < count {
            self.fill(count)?;
        }
        Ok(&self.buf[self.start..self.end])
    }

    /// Consumes `count` bytes of the window and returns those of them in `part`.
    #[inline]
    pub(super) fn take(&mut self, count: usize, part: Range<usize>) -> &[u8] {
        let from = self.start;
        self.start = (from + count).min(self.end);
        &self.buf[from..self.start][part]
    }

    /// Offset in the unpacked stream of the first byte not yet consumed.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Bytes of the file itself that are done with.
    pub(super) fn position(&self) -> u64 {
        if self.packed { self.raw.get() } else { self.offset() }
    }

    /// Whether the file is gzip, so that offsets are not the file's own.
    pub(super) fn packed(&self) -> bool {
        self.packed
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// Reads until the window holds `count` bytes. The buffer grows only when it is full of real bytes, so that a
    /// length which lies costs no memory.
    #[cold]
    fn fill(&mut self, count: usize) -> io::Result<()> {
        self.buf.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        while self.end < count {
            if self.end == self.buf.len() {
                self.buf.resize((self.buf.len() * 2).min(count.max(BUFFER)), 0);
            }
            match self.reader.read(&mut self.buf[self.end..]) {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// Counts what is read from the file.
struct Counted {
    reader: Box<dyn Read>,
    count: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

/// Reads the numbers of a file whose byte order is known only at run time.
#[derive(Clone, Copy)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    #[inline]
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(match self {
            Order::Little => u16::from_le_bytes(bytes),
            Order::Big => u16::from_be_bytes(bytes),
        })
    }

    #[inline]
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(match self {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        })
    }

    #[inline]
    pub(super) fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let bytes = bytes.get(at..at + 8)?.try_into().ok()?;
        Some(match self {
            Order::Little => u64::from_le_bytes(bytes),
            Order::Big => u64::from_be_bytes(bytes),
        })
    }
}
