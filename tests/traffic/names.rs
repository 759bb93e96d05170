//! DNS (RFC 1035), mDNS (RFC 6762), LLMNR (RFC 4795) and NetBIOS name service (RFC 1002) messages.

use std::net::IpAddr;

/// Record types.
pub mod rtype {
    pub const A: u16 = 1;
    pub const CNAME: u16 = 5;
    pub const NULL: u16 = 10;
    pub const PTR: u16 = 12;
    pub const MX: u16 = 15;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const HTTPS: u16 = 65;
}

/// What a record holds.
#[derive(Clone, Debug)]
pub enum Data<'a> {
    /// A or AAAA.
    Ip(IpAddr),
    /// CNAME.
    Cname(&'a str),
    /// PTR.
    Ptr(&'a str),
    /// TXT, cut into strings of 255.
    Txt(&'a [u8]),
    /// SRV: port and host.
    Srv(u16, &'a str),
}

/// A name as labels.
pub fn name(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    for label in text.split('.').filter(|l| !l.is_empty()) {
        assert!(label.len() < 64, "label of {} bytes in {text}", label.len());
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.push(0);
    out
}

fn header(id: u16, flags: u16, questions: u16, answers: u16) -> Vec<u8> {
    [id, flags, questions, answers, 0, 0].iter().flat_map(|w| w.to_be_bytes()).collect()
}

fn question(out: &mut Vec<u8>, text: &str, qtype: u16) {
    out.extend(name(text));
    out.extend(qtype.to_be_bytes());
    out.extend([0, 1]);
}

fn record(out: &mut Vec<u8>, owner: &str, ttl: u32, class: u16, data: &Data) {
    let (kind, rdata) = match data {
        Data::Ip(IpAddr::V4(ip)) => (rtype::A, ip.octets().to_vec()),
        Data::Ip(IpAddr::V6(ip)) => (rtype::AAAA, ip.octets().to_vec()),
        Data::Cname(to) => (rtype::CNAME, name(to)),
        Data::Ptr(to) => (rtype::PTR, name(to)),
        Data::Txt(text) => {
            let mut strings = Vec::new();
            for part in text.chunks(255) {
                strings.push(part.len() as u8);
                strings.extend(part);
            }
            (rtype::TXT, strings)
        }
        Data::Srv(port, host) => {
            let mut rdata = vec![0, 0, 0, 0];
            rdata.extend(port.to_be_bytes());
            rdata.extend(name(host));
            (rtype::SRV, rdata)
        }
    };
    out.extend(name(owner));
    out.extend(kind.to_be_bytes());
    out.extend(class.to_be_bytes());
    out.extend(ttl.to_be_bytes());
    out.extend((rdata.len() as u16).to_be_bytes());
    out.extend(rdata);
}

/// A question to a resolver.
pub fn query(id: u16, text: &str, qtype: u16) -> Vec<u8> {
    let mut m = header(id, 0x0100, 1, 0);
    question(&mut m, text, qtype);
    m
}

/// A resolver's answer; `rcode` 3 is "no such name".
pub fn response(id: u16, text: &str, qtype: u16, rcode: u16, answers: &[(&str, Data)]) -> Vec<u8> {
    let mut m = header(id, 0x8180 | rcode, 1, answers.len() as u16);
    question(&mut m, text, qtype);
    for (owner, data) in answers {
        record(&mut m, owner, 300, 1, data);
    }
    m
}

/// An mDNS question.
pub fn mdns_query(text: &str, qtype: u16) -> Vec<u8> {
    let mut m = header(0, 0, 1, 0);
    question(&mut m, text, qtype);
    m
}

/// An mDNS announcement.
pub fn mdns_answer(answers: &[(&str, Data)]) -> Vec<u8> {
    let mut m = header(0, 0x8400, 0, answers.len() as u16);
    for (owner, data) in answers {
        // Shared records (PTR) lack the cache-flush bit.
        let class = if matches!(data, Data::Ptr(_)) { 1 } else { 0x8001 };
        record(&mut m, owner, 120, class, data);
    }
    m
}

/// An LLMNR question.
pub fn llmnr_query(id: u16, text: &str, qtype: u16) -> Vec<u8> {
    let mut m = header(id, 0, 1, 0);
    question(&mut m, text, qtype);
    m
}

/// An LLMNR answer: `text` is at `ip`.
pub fn llmnr_answer(id: u16, text: &str, ip: IpAddr) -> Vec<u8> {
    let mut m = header(id, 0x8000, 1, 1);
    question(&mut m, text, if ip.is_ipv4() { rtype::A } else { rtype::AAAA });
    record(&mut m, text, 30, 1, &Data::Ip(ip));
    m
}

/// A NetBIOS name as it is written on the wire, with its suffix.
fn netbios(text: &str, suffix: u8) -> Vec<u8> {
    let padded = format!("{:<15}", text.to_uppercase());
    let letters = padded.bytes().chain([suffix]).flat_map(|b| [b'A' + (b >> 4), b'A' + (b & 15)]);
    [32].into_iter().chain(letters).chain([0]).collect()
}

/// A NetBIOS question for a file server's name.
pub fn netbios_query(id: u16, text: &str) -> Vec<u8> {
    let mut m = header(id, 0x0110, 1, 0);
    m.extend(netbios(text, 0x20));
    m.extend([0, 0x20, 0, 1]);
    m
}

/// A NetBIOS answer: the file server `text` is at `ip`.
pub fn netbios_answer(id: u16, text: &str, ip: std::net::Ipv4Addr) -> Vec<u8> {
    let mut m = header(id, 0x8500, 0, 1);
    m.extend(netbios(text, 0x20));
    m.extend([0, 0x20, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, 0, 0]);
    m.extend(ip.octets());
    m
}
