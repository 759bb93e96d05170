//! Tunnels that are seen through: GRE (RFC 2784, 2890), VXLAN (RFC 7348), IP in IP and 6in4.

/// How many tunnels inside one another are followed.
pub const MAX_DEPTH: u8 = 3;
