//! What machines say to each other: look-ups, web pages, log-ins, leases, clocks, announcements.

use super::conversation::Conversation;
use super::dhcp::{Dhcp, message};
use super::names::{self, Data, rtype};
use super::packet::{End, Host, group};
use super::rng::Rng;
use super::trace::Trace;
use super::{MS, SEC, quic, tls};
use std::net::{IpAddr, Ipv4Addr};

/// Round trip inside the LAN.
pub const NEAR: i64 = 400;
/// Round trip to the Internet.
pub const FAR: i64 = 18 * MS;

/// A search for whatever is there.
pub const SSDP_SEARCH: &[u8] =
    b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 2\r\nST: ssdp:all\r\n\r\n";

fn rtt(client: Host, server: Host) -> i64 {
    if client.ttl == 64 && server.ttl == 64 { NEAR } else { FAR }
}

impl Trace {
    /// A question to a resolver and its answer; returns when the answer came.
    pub fn ask(
        &mut self,
        at: i64,
        (client, resolver): (Host, Host),
        (name, qtype): (&str, u16),
        rcode: u16,
        answers: &[(&str, Data)],
    ) -> i64 {
        let (from, to, id) = (client.port(self.rng.port()), resolver.port(53), self.rng.next() as u16);
        self.udp(at, from, to, &names::query(id, name, qtype));
        let done = at + 9 * MS + self.rng.range(0, 9 * MS);
        self.udp(done, to, from, &names::response(id, name, qtype, rcode, answers));
        done
    }

    /// Looks `name` up, found at `ip`.
    pub fn lookup(&mut self, at: i64, client: Host, resolver: Host, name: &str, ip: &str) -> i64 {
        let ip: IpAddr = ip.parse().expect("an address written in a scenario");
        let qtype = if ip.is_ipv4() { rtype::A } else { rtype::AAAA };
        self.ask(at, (client, resolver), (name, qtype), 0, &[(name, Data::Ip(ip))])
    }

    /// A visit over HTTPS: `up` bytes of request, `down` bytes of page; returns when it is over.
    pub fn https(&mut self, at: i64, client: Host, server: Host, sni: &str, up: usize, down: usize) -> i64 {
        let mut c = self.tls(at, client, server.port(443), sni);
        let request = tls::sealed(&mut c.trace.rng, up);
        c.client(request);
        c.wait(12 * MS);
        let page = tls::sealed(&mut c.trace.rng, down.min(16_000));
        c.send(false, &page, down.saturating_sub(16_000));
        c.wait(40 * MS);
        c.close(true)
    }

    /// A TLS connection, hands shaken.
    pub fn tls(&mut self, at: i64, client: Host, server: End, sni: &str) -> Conversation<'_> {
        let from = client.port(self.rng.port());
        let mut c = Conversation::open(self, at, rtt(client, server.host), from, server);
        let flight = tls::client_flight(&mut c.trace.rng, sni);
        c.client(flight);
        let flight = tls::server_flight(&mut c.trace.rng);
        c.server(flight);
        let flight = tls::client_finish(&mut c.trace.rng);
        c.client(flight);
        c
    }

    /// A visit over QUIC: an Initial for `sni`, then `down` datagrams back; returns when the last came.
    pub fn quic(&mut self, at: i64, client: Host, server: Host, sni: &str, down: usize) -> i64 {
        let (from, to) = (client.port(self.rng.port()), server.port(443));
        self.quic_open(at, from, to, sni);
        self.quic_data(at + FAR, from, to, down)
    }

    /// A client's Initial for `sni`.
    pub fn quic_open(&mut self, at: i64, from: End, to: End, sni: &str) {
        let first = quic::initial(&mut self.rng, sni);
        self.udp(at, from, to, &first);
    }

    /// `down` datagrams from the server, each second one acknowledged; returns when the last came.
    pub fn quic_data(&mut self, mut at: i64, from: End, to: End, down: usize) -> i64 {
        for i in 0..down {
            let datagram = quic::short(&mut self.rng, 1_200);
            self.udp(at, to, from, &datagram);
            if i % 2 == 1 {
                let answer = quic::short(&mut self.rng, 34);
                self.udp(at + 150, from, to, &answer);
            }
            at += self.rng.range(MS / 2, 3 * MS);
        }
        at
    }

    /// One HTTP request in the clear and its answer.
    pub fn http(&mut self, at: i64, client: Host, server: End, request: &str, answer: &str) -> i64 {
        let from = client.port(self.rng.port());
        let mut c = Conversation::open(self, at, rtt(client, server.host), from, server);
        c.client(request);
        c.wait(3 * MS);
        c.server(answer);
        c.wait(MS);
        c.close(true)
    }

    /// Opens SSH up to the point where the user is to prove who they are.
    fn ssh(&mut self, at: i64, client: Host, server: Host) -> Conversation<'_> {
        let from = client.port(self.rng.port());
        let mut c = Conversation::open(self, at, rtt(client, server), from, server.port(22));
        c.client("SSH-2.0-OpenSSH_9.6\r\n");
        c.server("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n");
        let (ours, theirs) = (kexinit(&mut c.trace.rng), kexinit(&mut c.trace.rng));
        c.client(ours);
        c.server(theirs);
        // ECDH exchange, NEWKEYS, service request and answer, "none" and its refusal: sizes of OpenSSH.
        for (up, size) in
            [(true, 48), (false, 452), (true, 16), (true, 44), (false, 44), (true, 60), (false, 52)]
        {
            let bytes = tls::opaque(&mut c.trace.rng, size);
            c.send(up, &bytes, 0);
            c.wait(2 * MS);
        }
        c
    }

    /// An SSH session that fails after `tries` wrong passwords; 24 packets and 3.5 KB for one.
    pub fn ssh_failed(&mut self, at: i64, client: Host, server: Host, tries: usize) -> i64 {
        let mut c = self.ssh(at, client, server);
        for _ in 0..tries {
            let (password, refusal) = (tls::opaque(&mut c.trace.rng, 148), tls::opaque(&mut c.trace.rng, 52));
            c.client(password);
            c.wait(600 * MS); // sshd takes its time to refuse.
            c.server(refusal);
        }
        c.wait(5 * MS);
        c.close(true)
    }

    /// An SSH session that works, after `typos` wrong passwords: `rounds` of command and output, `down` bytes in all.
    pub fn ssh_session(
        &mut self,
        at: i64,
        client: Host,
        server: Host,
        typos: usize,
        rounds: usize,
        down: usize,
    ) -> i64 {
        let mut c = self.ssh(at, client, server);
        for _ in 0..typos {
            c.send(true, &[7; 148], 0);
            c.wait(2 * SEC);
            c.send(false, &[9; 52], 0);
            c.wait(4 * SEC);
        }
        // Proof accepted, host keys announced, channel opened, command given.
        for (up, size) in
            [(true, 652), (false, 36), (false, 500), (true, 112), (false, 628), (true, 236), (false, 108)]
        {
            let bytes = tls::opaque(&mut c.trace.rng, size);
            c.send(up, &bytes, 0);
        }
        for _ in 0..rounds {
            let keys = c.trace.rng.bytes(76);
            c.client(keys);
            c.send(false, &[], down / rounds);
            let pause = c.trace.rng.range(80 * MS, 900 * MS);
            c.wait(pause);
        }
        c.close(true)
    }

    /// An FTP log-in in the clear.
    pub fn ftp_login(
        &mut self,
        at: i64,
        client: Host,
        server: Host,
        user: &str,
        password: &str,
        ok: bool,
    ) -> i64 {
        let from = client.port(self.rng.port());
        let mut c = Conversation::open(self, at, rtt(client, server), from, server.port(21));
        c.server("220 Welcome to the file server.\r\n");
        c.client(format!("USER {user}\r\n"));
        c.server("331 Please specify the password.\r\n");
        c.client(format!("PASS {password}\r\n"));
        c.wait(if ok { 20 * MS } else { SEC });
        c.server(if ok { "230 Login successful.\r\n" } else { "530 Login incorrect.\r\n" });
        c.client("QUIT\r\n");
        c.server("221 Goodbye.\r\n");
        c.close(false)
    }

    /// Asks a clock for the time.
    pub fn ntp(&mut self, at: i64, client: Host, server: Host) {
        let (from, to) = (client.port(123), server.port(123));
        let mut packet = [0; 48];
        packet[..4].copy_from_slice(&[0x23, 0, 6, 0xec]);
        packet[40..].copy_from_slice(&self.rng.next().to_be_bytes());
        self.udp(at, from, to, &packet);
        packet[..4].copy_from_slice(&[0x24, 2, 6, 0xe8]);
        self.udp(at + FAR, to, from, &packet);
    }

    /// A DHCP message between a client without an address and everyone.
    pub fn dhcp(&mut self, at: i64, from: Host, m: &Dhcp) {
        let to_server = !matches!(m.kind, message::OFFER | message::ACK | message::NAK);
        let all = group("255.255.255.255");
        let bytes = m.bytes();
        if to_server {
            self.udp(at, from.with_ip(Ipv4Addr::UNSPECIFIED).port(68), all.port(67), &bytes);
        } else {
            self.udp(at, from.port(67), all.port(68), &bytes);
        }
    }

    /// A whole lease: DISCOVER, OFFER, REQUEST, ACK, and the client's check that nobody has the address.
    pub fn lease(&mut self, at: i64, client: Host, server: Host, base: &Dhcp) -> i64 {
        let (xid, ip, id) = (self.rng.next() as u32, client.v4(), server.v4());
        let base = Dhcp { xid, client: client.mac, ..*base };
        self.dhcp(at, client, &Dhcp { kind: message::DISCOVER, ..base });
        let given = Dhcp { yiaddr: ip, server: Some(id), ..base };
        self.dhcp(at + 30 * MS, server, &Dhcp { kind: message::OFFER, ..given });
        self.dhcp(at + 32 * MS, client, &Dhcp { kind: message::REQUEST, ..given });
        self.dhcp(at + 50 * MS, server, &Dhcp { kind: message::ACK, ..given });
        self.arp_ask(at + 60 * MS, client.with_ip(Ipv4Addr::UNSPECIFIED), ip);
        self.arp_announce(at + 2 * SEC, client);
        at + 2 * SEC
    }

    /// A lease renewed by unicast.
    pub fn renew(&mut self, at: i64, client: Host, server: Host, base: &Dhcp) -> i64 {
        let xid = self.rng.next() as u32;
        let base = Dhcp { xid, client: client.mac, ciaddr: client.v4(), ..*base };
        let request = Dhcp { kind: message::REQUEST, ..base }.bytes();
        let ack = Dhcp { kind: message::ACK, yiaddr: client.v4(), server: Some(server.v4()), ..base }.bytes();
        self.udp(at, client.port(68), server.port(67), &request);
        self.udp(at + 4 * MS, server.port(67), client.port(68), &ack);
        at + 4 * MS
    }

    /// Announces a service over mDNS.
    pub fn mdns_service(&mut self, at: i64, host: Host, host_name: &str, service: &str, port: u16) {
        let label = host_name.trim_end_matches(".local");
        let instance = format!("{label}.{service}");
        let answers = [
            (service, Data::Ptr(&instance)),
            (&instance, Data::Srv(port, host_name)),
            (&instance, Data::Txt(b"txtvers=1")),
            (host_name, Data::Ip(host.ip)),
        ];
        let to = if host.ip.is_ipv4() { group("224.0.0.251") } else { group("ff02::fb") };
        let from = Host { ttl: 255, ..host };
        self.udp(at, from.port(5353), to.port(5353), &names::mdns_answer(&answers));
    }
}

/// An SSH_MSG_KEXINIT packet (RFC 4253, 7.1) with a modern client's lists.
fn kexinit(rng: &mut Rng) -> Vec<u8> {
    let ciphers = "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,\
                   aes256-gcm@openssh.com";
    let macs = "umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,\
                hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
    let lists = [
        "sntrup761x25519-sha512@openssh.com,curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group16-sha512",
        "ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256",
        ciphers,
        ciphers,
        macs,
        macs,
        "none,zlib@openssh.com",
        "none,zlib@openssh.com",
        "",
        "",
    ];
    let mut body = vec![20];
    body.extend(rng.bytes(16));
    for list in lists {
        body.extend((list.len() as u32).to_be_bytes());
        body.extend(list.bytes());
    }
    body.extend([0; 5]);
    let padding = 8 - (body.len() + 5) % 8 + 4;
    let mut packet = ((body.len() + padding + 1) as u32).to_be_bytes().to_vec();
    packet.push(padding as u8);
    packet.extend(body);
    packet.resize(packet.len() + padding, 0);
    packet
}
