//! UDP datagrams (RFC 768).

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
