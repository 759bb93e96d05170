//! Named counters: what was seen, what was refused and why. A decoding failure is a number here, never a log line.

/// Declares an enum of reasons with the name each has in `/api/health` and `/metrics`.
macro_rules! reasons {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];
            /// The counter's name: lower case, underscores.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    };
}

reasons! {
    /// Why a frame (or the part of it named) could not be understood. Each has its counter.
    Reject {
        /// The frame ends inside its link header.
        LinkTruncated = "link_truncated",
        /// The link type of the source is not one we read.
        LinkUnsupported = "link_unsupported",
        /// Too many VLAN tags, MPLS labels or tunnels inside one another.
        TooDeep = "too_deep",
        /// A tunnel or tag header is cut or malformed.
        TunnelMalformed = "tunnel_malformed",
        /// ARP with lengths or types other than Ethernet and IPv4.
        ArpMalformed = "arp_malformed",
        /// The IP header is cut.
        IpTruncated = "ip_truncated",
        /// Version, header length or total length of IP contradict one another.
        IpMalformed = "ip_malformed",
        /// An IPv6 extension header chain is cut, too long or loops.
        ExtensionMalformed = "ipv6_extension_malformed",
        /// A fragment whose offset and length cannot be.
        FragmentMalformed = "fragment_malformed",
        /// The TCP header is cut.
        TcpTruncated = "tcp_truncated",
        /// The TCP data offset is impossible.
        TcpMalformed = "tcp_malformed",
        /// The UDP header is cut.
        UdpTruncated = "udp_truncated",
        /// The UDP length is impossible.
        UdpMalformed = "udp_malformed",
        /// ICMP or ICMPv6 shorter than its header.
        IcmpTruncated = "icmp_truncated",
        /// An application message that broke its own format.
        DnsMalformed = "dns_malformed",
        /// DHCP or DHCPv6 that broke its own format.
        DhcpMalformed = "dhcp_malformed",
        /// A TLS handshake that broke its own format.
        TlsMalformed = "tls_malformed",
        /// A QUIC Initial that did not decrypt or parse.
        QuicMalformed = "quic_malformed",
        /// An HTTP head that broke its own format.
        HttpMalformed = "http_malformed",
        /// NetBIOS name service that broke its own format.
        NbnsMalformed = "nbns_malformed",
    }
}

/// Frames by fate, and refusals by reason.
#[derive(Clone, Debug)]
pub struct Counters {
    /// Frames handed to the engine.
    pub frames: u64,
    /// Bytes on the wire of those frames (original length, not the captured part).
    pub bytes: u64,
    /// Frames understood at least as far as a network header or as a known non-IP protocol.
    pub decoded: u64,
    /// Frames refused below the application layer; `decoded + rejected = frames`.
    pub rejected: u64,
    /// Frames cut by the capture's snap length.
    pub cut: u64,
    by_reason: [u64; Reject::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Counters { frames: 0, bytes: 0, decoded: 0, rejected: 0, cut: 0, by_reason: [0; Reject::ALL.len()] }
    }
}

impl Counters {
    /// Counts one refusal; frame totals are the caller's.
    pub fn reject(&mut self, reason: Reject) {
        self.by_reason[reason as usize] += 1;
    }

    /// How often `reason` was met.
    pub fn rejected_for(&self, reason: Reject) -> u64 {
        self.by_reason[reason as usize]
    }

    /// Every reason with its count, in a fixed order.
    pub fn reasons(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Reject::ALL.iter().map(|r| (r.name(), self.rejected_for(*r)))
    }
}
