//! What computers of a Windows domain say to its controller: Kerberos, LDAP, calls of procedures.

use super::MS;
use super::conversation::Conversation;
use super::packet::{End, Host};
use super::smb;
use super::talk::NEAR;
use super::trace::Trace;

/// The realm of the tests.
const REALM: &str = "HOME.EXAMPLE";
/// RC4 with the NT hash as key.
pub const RC4: u8 = 23;
/// AES with 256 bits.
pub const AES: u8 = 18;

/// Tag, length, value.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = vec![tag];
    match body.len() {
        n @ 0..=127 => out.push(n as u8),
        n @ 128..=255 => out.extend([0x81, n as u8]),
        n => out.extend([0x82, (n >> 8) as u8, n as u8]),
    }
    out.extend(body);
    out
}

fn number(n: u8) -> Vec<u8> {
    tlv(2, &[&[n]])
}

fn field(n: u8, body: &[u8]) -> Vec<u8> {
    tlv(0xa0 | n, &[body])
}

fn list(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &[&parts.concat()])
}

fn text(text: &str) -> Vec<u8> {
    tlv(0x1b, &[text.as_bytes()])
}

/// A principal: `MSSQLSvc/db1:1433` has two parts.
fn principal(name: &str) -> Vec<u8> {
    let parts: Vec<Vec<u8>> = name.split('/').map(text).collect();
    list(&[field(0, &number(1)), field(1, &list(&parts))])
}

fn sealed(etype: u8, size: usize) -> Vec<u8> {
    list(&[field(0, &number(etype)), field(2, &tlv(4, &[&vec![0x5a; size]]))])
}

fn body(client: Option<&str>, service: &str, etypes: &[u8]) -> Vec<u8> {
    let etypes: Vec<Vec<u8>> = etypes.iter().map(|e| number(*e)).collect();
    let mut fields = vec![field(0, &tlv(3, &[&[0, 0x40, 0x81, 0, 0x10]]))];
    fields.extend(client.map(|name| field(1, &principal(name))));
    fields.extend([
        field(2, &text(REALM)),
        field(3, &principal(service)),
        field(5, &tlv(0x18, &[b"20370913024805Z"])),
        field(7, &number(7)),
        field(8, &list(&etypes)),
    ]);
    list(&fields)
}

/// AS-REQ: a log-in, with or without the encrypted time that proves the password.
pub fn login(user: &str, proves: bool, etypes: &[u8]) -> Vec<u8> {
    let pac = list(&[field(1, &tlv(2, &[&[0, 128]])), field(2, &tlv(4, &[&[0x30, 5, 0xa0, 3, 1, 1, 255]]))]);
    let time = list(&[field(1, &number(2)), field(2, &tlv(4, &[&sealed(etypes[0], 52)]))]);
    let proofs = if proves { list(&[time, pac]) } else { list(&[pac]) };
    let request = body(Some(user), &format!("krbtgt/{REALM}"), etypes);
    tlv(0x6a, &[&list(&[field(1, &number(5)), field(2, &number(10)), field(3, &proofs), field(4, &request)])])
}

/// TGS-REQ: a ticket for a service.
pub fn ask(service: &str, etypes: &[u8]) -> Vec<u8> {
    let ticket = list(&[field(1, &number(1)), field(2, &tlv(4, &[&[0x6e; 400]]))]);
    let request = body(None, service, etypes);
    let fields =
        [field(1, &number(5)), field(2, &number(12)), field(3, &list(&[ticket])), field(4, &request)];
    tlv(0x6c, &[&list(&fields)])
}

/// AS-REP (for `krbtgt`) or TGS-REP: a ticket under `ticket`, the rest under `answer`.
pub fn grant(user: &str, service: &str, ticket: u8, answer: u8) -> Vec<u8> {
    let login = service.starts_with("krbtgt");
    let inner = list(&[
        field(0, &number(5)),
        field(1, &text(REALM)),
        field(2, &principal(service)),
        field(3, &sealed(ticket, 500)),
    ]);
    let fields = [
        field(0, &number(5)),
        field(1, &number(if login { 11 } else { 13 })),
        field(3, &text(REALM)),
        field(4, &principal(user)),
        field(5, &tlv(0x61, &[&inner])),
        field(6, &sealed(answer, 120)),
    ];
    tlv(if login { 0x6b } else { 0x6d }, &[&list(&fields)])
}

/// KRB-ERROR, without the client's name, as Windows sends it.
pub fn refuse(code: u8) -> Vec<u8> {
    let fields = [
        field(0, &number(5)),
        field(1, &number(30)),
        field(4, &tlv(0x18, &[b"20260101000000Z"])),
        field(5, &number(1)),
        field(6, &number(code)),
        field(9, &text(REALM)),
        field(10, &principal(&format!("krbtgt/{REALM}"))),
    ];
    tlv(0x7e, &[&list(&fields)])
}

/// A condition of a filter: the attribute has this value, or is there at all.
pub fn equal(attribute: &str, value: &str) -> Vec<u8> {
    if value == "*" {
        return tlv(0x87, &[attribute.as_bytes()]);
    }
    tlv(0xa3, &[&tlv(4, &[attribute.as_bytes()]), &tlv(4, &[value.as_bytes()])])
}

/// A condition of a filter: the attribute has these bits.
pub fn bits(attribute: &str, value: &str) -> Vec<u8> {
    let rule = tlv(0x81, &[b"1.2.840.113556.1.4.803"]);
    tlv(0xa9, &[&rule, &tlv(0x82, &[attribute.as_bytes()]), &tlv(0x83, &[value.as_bytes()])])
}

/// All of these conditions.
pub fn all_of(conditions: &[Vec<u8>]) -> Vec<u8> {
    tlv(0xa0, &[&conditions.concat()])
}

impl Trace {
    /// Kerberos over UDP: a request and its answer.
    pub fn kerberos(&mut self, at: i64, client: Host, server: Host, request: &[u8], answer: &[u8]) -> i64 {
        let (from, to) = (client.port(self.rng.port()), server.port(88));
        self.udp(at, from, to, request);
        self.udp(at + 2 * MS, to, from, answer);
        at + 4 * MS
    }

    /// Kerberos over TCP: one connection for one request, as Windows and the tools do it.
    pub fn kerberos_tcp(
        &mut self,
        at: i64,
        client: Host,
        server: Host,
        request: &[u8],
        answer: &[u8],
    ) -> i64 {
        let from = client.port(self.rng.port());
        let mut c = Conversation::open(self, at, NEAR, from, server.port(88));
        for (up, message) in [(true, request), (false, answer)] {
            c.send(up, &[&(message.len() as u32).to_be_bytes()[..], message].concat(), 0);
            c.wait(MS);
        }
        c.close(true)
    }

    /// An ordinary log-in: asked, told to prove it, proven, let in.
    pub fn domain_login(&mut self, at: i64, client: Host, server: Host, user: &str) -> i64 {
        let etypes = [AES, 17, RC4];
        let at = self.kerberos(at, client, server, &login(user, false, &etypes), &refuse(25));
        let grant = grant(user, "krbtgt/HOME.EXAMPLE", AES, AES);
        self.kerberos_tcp(at, client, server, &login(user, true, &etypes), &grant)
    }

    /// An LDAP connection: a log-in by name and password, then searches, each with one entry as its answer.
    pub fn ldap(
        &mut self,
        at: i64,
        client: Host,
        server: Host,
        searches: &[(Vec<u8>, &[&str])],
        pause: i64,
    ) -> i64 {
        let from = client.port(self.rng.port());
        let mut c = Conversation::open(self, at, NEAR, from, server.port(389));
        let message = |id: u8, operation: Vec<u8>| list(&[number(id), operation]);
        let done = |kind: u8| tlv(kind, &[&[0x0a, 1, 0, 4, 0, 4, 0]]);
        let bind = [number(3), tlv(4, &[b"anna@home.example"]), tlv(0x80, &[b"summer-rain"])];
        c.client(message(1, tlv(0x60, &[&bind.concat()])));
        c.server(message(1, done(0x61)));
        for (i, (filter, attributes)) in searches.iter().enumerate() {
            let id = i as u8 + 2;
            let names: Vec<Vec<u8>> = attributes.iter().map(|a| tlv(4, &[a.as_bytes()])).collect();
            let fixed = [0x0a, 1, 2, 0x0a, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0];
            let base = tlv(4, &[b"DC=home,DC=example"]);
            c.client(message(id, tlv(0x63, &[&base, &fixed, filter, &list(&names)])));
            let entry = tlv(0x64, &[&tlv(4, &[b"CN=someone,DC=home,DC=example"]), &list(&[])]);
            c.server([message(id, entry), message(id, done(0x65))].concat());
            c.wait(pause);
        }
        c.close(true)
    }

    /// A connection on which procedures of one interface are called: (number, times), with `pause` between.
    pub fn calls(
        &mut self,
        at: i64,
        client: Host,
        server: End,
        interface: u128,
        procedures: &[(u16, usize)],
        pause: i64,
    ) -> i64 {
        let from = client.port(self.rng.port());
        let mut c = Conversation::open(self, at, NEAR, from, server);
        let calls = procedures.iter().flat_map(|(number, times)| vec![*number; *times]);
        let calls = calls.zip(2..).map(|(number, id)| smb::call(id, number, 64, 0xc000_0022));
        for (question, answer) in [smb::bind(interface)].into_iter().chain(calls) {
            c.client(question);
            c.wait(MS);
            c.server(answer);
            c.wait(pause);
        }
        c.close(true)
    }
}
