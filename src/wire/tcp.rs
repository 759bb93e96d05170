//! TCP segments (RFC 9293).

use crate::counters::Reject;

/// TCP control bits.
pub mod flag {
    #![allow(missing_docs)]
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const PSH: u8 = 0x08;
    pub const ACK: u8 = 0x10;
    pub const URG: u8 = 0x20;
}

/// A TCP segment, its header checked.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// The eight control bits, see [`flag`].
    pub flags: u8,
    /// Receive window, unscaled.
    pub window: u16,
    /// Options as they stand.
    pub options: &'a [u8],
    /// Captured payload; may be shorter than `payload_len` when the frame was cut.
    pub payload: &'a [u8],
    /// Payload length on the wire, from the IP length.
    pub payload_len: u32,
}

/// Reads a segment of `len` bytes on the wire, of which `bytes` were captured. Options and payload may be cut.
#[inline]
pub fn parse(bytes: &[u8], len: usize) -> Result<Segment<'_>, Reject> {
    let (h, rest) = bytes.split_first_chunk::<20>().ok_or(Reject::TcpTruncated)?;
    let header = usize::from(h[12] >> 4) * 4;
    if header < h.len() || header > len {
        return Err(Reject::TcpMalformed);
    }
    let (options, payload) = rest.split_at(rest.len().min(header - h.len()));
    Ok(Segment {
        src_port: u16::from_be_bytes([h[0], h[1]]),
        dst_port: u16::from_be_bytes([h[2], h[3]]),
        seq: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
        ack: u32::from_be_bytes([h[8], h[9], h[10], h[11]]),
        flags: h[13],
        window: u16::from_be_bytes([h[14], h[15]]),
        options,
        payload,
        payload_len: (len - header) as u32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{TcpHeader, TcpOptionElement};

    fn segment(payload: &[u8]) -> Vec<u8> {
        let mut header = TcpHeader::new(40000, 443, 0xdead_beef, 8192);
        (header.syn, header.ack, header.acknowledgment_number) = (true, true, 7);
        header.set_options(&[TcpOptionElement::MaximumSegmentSize(1460)]).unwrap();
        [&header.to_bytes()[..], payload].concat()
    }

    #[test]
    fn the_fields_of_a_segment_are_read() {
        let bytes = segment(b"hello");
        let s = parse(&bytes, bytes.len()).unwrap();
        assert_eq!((s.src_port, s.dst_port, s.seq, s.ack, s.window), (40000, 443, 0xdead_beef, 7, 8192));
        assert_eq!(
            (s.flags, s.options, s.payload),
            (flag::SYN | flag::ACK, &[2, 4, 5, 180][..], &b"hello"[..])
        );
        assert_eq!(s.payload_len, 5);
    }

    #[test]
    fn a_segment_cut_in_its_options_or_payload_is_still_one() {
        let bytes = segment(b"hello");
        let s = parse(&bytes[..22], bytes.len()).unwrap();
        assert_eq!((s.options, s.payload, s.payload_len), (&[2, 4][..], &b""[..], 5));
        let s = parse(&bytes[..26], bytes.len()).unwrap();
        assert_eq!((s.options.len(), s.payload, s.payload_len), (4, &b"he"[..], 5));
    }

    #[test]
    fn impossible_headers_are_refused() {
        let mut bytes = segment(b"");
        assert_eq!(parse(&bytes[..19], 24).unwrap_err(), Reject::TcpTruncated);
        assert_eq!(parse(&bytes[..20], 20).unwrap_err(), Reject::TcpMalformed);
        bytes[12] = 0x40;
        assert_eq!(parse(&bytes, 24).unwrap_err(), Reject::TcpMalformed);
    }
}
