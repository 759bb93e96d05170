//! UDP datagrams (RFC 768).

use crate::counters::Reject;

/// A UDP datagram, its header checked.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Captured payload; may be shorter than `payload_len` when the frame was cut.
    pub payload: &'a [u8],
    /// Payload length on the wire.
    pub payload_len: u32,
}

/// Reads a datagram of at most `len` bytes on the wire, of which `bytes` were captured. A length field of zero
/// (jumbograms, RFC 2675, and offload) means all of it.
#[inline]
pub fn parse(bytes: &[u8], len: usize) -> Result<Datagram<'_>, Reject> {
    let (h, rest) = bytes.split_first_chunk::<8>().ok_or(Reject::UdpTruncated)?;
    let stated = match u16::from_be_bytes([h[4], h[5]]) {
        0 => len,
        stated => usize::from(stated),
    };
    if stated < h.len() || stated > len {
        return Err(Reject::UdpMalformed);
    }
    let payload_len = stated - h.len();
    Ok(Datagram {
        src_port: u16::from_be_bytes([h[0], h[1]]),
        dst_port: u16::from_be_bytes([h[2], h[3]]),
        payload: &rest[..rest.len().min(payload_len)],
        payload_len: payload_len as u32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_field_bounds_the_payload() {
        let mut bytes = vec![0x14, 0xe9, 0, 53, 0, 11, 0, 0, b'a', b'b', b'c', 0, 0];
        let d = parse(&bytes, bytes.len()).unwrap();
        assert_eq!((d.src_port, d.dst_port, d.payload, d.payload_len), (5353, 53, &b"abc"[..], 3));
        let cut = parse(&bytes[..9], 13).unwrap();
        assert_eq!((cut.payload, cut.payload_len), (&b"a"[..], 3));
        for (length, wrong) in [(7, true), (14, true), (0, false)] {
            bytes[5] = length;
            assert_eq!(parse(&bytes, 13).err(), wrong.then_some(Reject::UdpMalformed), "{length}");
        }
        assert_eq!(parse(&bytes[..7], 13).unwrap_err(), Reject::UdpTruncated);
    }
}
