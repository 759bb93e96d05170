//! DHCPv4 messages (RFC 2131, options of RFC 2132).

use super::packet::Mac;
use std::net::Ipv4Addr;

/// Message types.
pub mod message {
    pub const DISCOVER: u8 = 1;
    pub const OFFER: u8 = 2;
    pub const REQUEST: u8 = 3;
    pub const ACK: u8 = 5;
    pub const NAK: u8 = 6;
    pub const RELEASE: u8 = 7;
}

/// A message; unset addresses are 0.0.0.0.
#[derive(Clone, Copy, Debug)]
pub struct Dhcp<'a> {
    /// Message type.
    pub kind: u8,
    /// Transaction.
    pub xid: u32,
    /// The client's station.
    pub client: Mac,
    /// The client's address, while it renews.
    pub ciaddr: Ipv4Addr,
    /// The address given.
    pub yiaddr: Ipv4Addr,
    /// The relay that passed it on.
    pub giaddr: Ipv4Addr,
    /// Server identifier; with an OFFER or ACK also the router and the resolver it hands out.
    pub server: Option<Ipv4Addr>,
    /// Router and resolver handed out, when not the server itself.
    pub router: Option<Ipv4Addr>,
    /// Host name.
    pub name: &'a str,
    /// Vendor class.
    pub vendor: &'a str,
    /// Parameter request list: which options, in which order, tells operating systems apart.
    pub wants: &'a [u8],
}

impl<'a> Dhcp<'a> {
    /// An empty message of `kind`.
    pub fn new(kind: u8, xid: u32, client: Mac) -> Dhcp<'a> {
        let none = Ipv4Addr::UNSPECIFIED;
        let wants = &[1, 3, 6, 15, 119, 252];
        let (ciaddr, yiaddr, giaddr) = (none, none, none);
        Dhcp {
            kind,
            xid,
            client,
            ciaddr,
            yiaddr,
            giaddr,
            server: None,
            router: None,
            name: "",
            vendor: "",
            wants,
        }
    }

    fn is_answer(&self) -> bool {
        matches!(self.kind, message::OFFER | message::ACK | message::NAK)
    }

    /// The bytes after the UDP header.
    pub fn bytes(&self) -> Vec<u8> {
        let mut m = vec![if self.is_answer() { 2 } else { 1 }, 1, 6, 0];
        m.extend(self.xid.to_be_bytes());
        m.extend([0; 4]);
        m.extend(self.ciaddr.octets());
        m.extend(self.yiaddr.octets());
        m.extend([0; 4]);
        m.extend(self.giaddr.octets());
        m.extend(self.client);
        m.extend([0; 10 + 64 + 128]);
        m.extend([0x63, 0x82, 0x53, 0x63]);
        let mut option = |code: u8, data: &[u8]| {
            if !data.is_empty() {
                m.extend([code, data.len() as u8]);
                m.extend(data);
            }
        };
        option(53, &[self.kind]);
        let server = self.server.map(|s| s.octets()).unwrap_or_default();
        if self.server.is_some() {
            option(54, &server);
        }
        if self.is_answer() && self.kind != message::NAK {
            let router = self.router.map_or(server, |r| r.octets());
            option(51, &86_400u32.to_be_bytes());
            option(1, &[255, 255, 255, 0]);
            option(3, &router);
            option(6, &router);
        } else if !self.is_answer() {
            option(61, &[&[1], &self.client[..]].concat());
            option(12, self.name.as_bytes());
            option(60, self.vendor.as_bytes());
            option(55, self.wants);
            if !self.yiaddr.is_unspecified() {
                option(50, &self.yiaddr.octets());
            }
        }
        m.push(255);
        // BOOTP's minimum: many clients and servers still pad to it.
        m.resize(m.len().max(300), 0);
        if !self.is_answer() {
            // A client asks for an address in option 50; the field itself stays empty.
            m[16..20].fill(0);
        }
        m
    }
}
