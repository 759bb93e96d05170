//! A Windows domain: kerberos_abuse, directory_abuse. Host 2 is its controller, host 3 a second one.

use super::{Scenario, alert, raises, silent};
use crate::traffic::directory::{AES, RC4, all_of, ask, bits, equal, grant, login, refuse};
use crate::traffic::home::{background, culprit, lan, lan6};
use crate::traffic::packet::Host;
use crate::traffic::smb::interface::{NETLOGON, REPLICATION};
use crate::traffic::trace::Trace;
use crate::traffic::{MIN, MS, SEC};

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[
    raises(
        "kerberos_abuse",
        &[alert("kerberos_abuse", "192.168.1.66", "192.168.1.2")],
        "Kerberoasting: tickets of nine service accounts within 20 s over TCP, all asked for and got with RC4.",
        roast,
    ),
    silent("kerberos_abuse_under", "Tickets of three service accounts with RC4, and of four with AES.", under),
    silent(
        "kerberos_abuse_harmless",
        "A morning: twelve people log in, each first without proof; two mistype their password, one has an account \
         that needs none; file servers, printers, mail, and old computers whose tickets are RC4.",
        harmless,
    ),
    raises(
        "kerberos_abuse_ipv6",
        &[alert("kerberos_abuse", "fd00:0:0:1::42", "fd00:0:0:1::2")],
        "AS-REP roasting over IPv6 and UDP: twelve users asked for without proof, five of them answered with RC4.",
        answers,
    ),
    raises(
        "kerberos_abuse_spray",
        &[alert("kerberos_abuse", "192.168.1.66", "192.168.1.2")],
        "One password tried at 24 users in two minutes; the controller refuses with code 24 and names nobody.",
        spray,
    ),
    raises(
        "kerberos_abuse_names",
        &[alert("kerberos_abuse", "192.168.1.66", "192.168.1.2")],
        "60 names tried in half a minute, three of which exist.",
        names,
    ),
    raises(
        "directory_abuse",
        &[alert("directory_abuse", "192.168.1.66", "192.168.1.2")],
        "A map of the domain: service accounts, accounts without pre-authentication, delegation, administrators, \
         trusts, passwords of local administrators; 24 searches in 24 s over readable LDAP.",
        enumeration,
    )
    .also(&["cleartext_credentials"]),
    silent(
        "directory_abuse_under",
        "Two searches for administrators and one for service accounts, a minute apart.",
        few_searches,
    )
    .also(&["cleartext_credentials"]),
    silent(
        "directory_abuse_harmless",
        "An address book with 40 searches; two controllers that copy from each other; a dozen computers that each \
         prove themselves once to Netlogon.",
        ordinary,
    )
    .also(&["cleartext_credentials"]),
    raises(
        "directory_abuse_dcsync",
        &[alert("directory_abuse", "192.168.1.66", "192.168.1.2")],
        "DCSync: a workstation asks for names, then has the controller send it accounts.",
        dcsync,
    ),
    raises(
        "directory_abuse_ipv6",
        &[alert("directory_abuse", "fd00:0:0:1::42", "fd00:0:0:1::2")],
        "The same over IPv6.",
        dcsync6,
    ),
    raises(
        "directory_abuse_zerologon",
        &[alert("directory_abuse", "192.168.1.66", "192.168.1.2")],
        "Zerologon: 180 challenges and attempts in a few seconds on one connection.",
        zerologon,
    ),
];

fn controller() -> Host {
    lan(2)
}

fn roast(t: &mut Trace) {
    background(t, 0, 90 * SEC, 6);
    t.domain_login(10 * SEC, culprit(), controller(), "guest");
    for i in 0..9 {
        let service = format!("MSSQLSvc/db{i}.home.example:1433");
        let granted = grant("guest", &service, RC4, AES);
        t.kerberos_tcp(30 * SEC + i * 2 * SEC, culprit(), controller(), &ask(&service, &[RC4]), &granted);
    }
}

fn under(t: &mut Trace) {
    background(t, 0, 2 * MIN, 6);
    t.domain_login(10 * SEC, lan(20), controller(), "anna");
    for i in 0..7 {
        let service = format!("HTTP/intranet{i}.home.example");
        let (ticket, etypes) = if i < 3 { (RC4, &[AES, RC4][..]) } else { (AES, &[AES, RC4][..]) };
        let granted = grant("anna", &service, ticket, AES);
        t.kerberos(20 * SEC + i * 10 * SEC, lan(20), controller(), &ask(&service, etypes), &granted);
    }
}

fn harmless(t: &mut Trace) {
    background(t, 0, 4 * MIN, 8);
    for i in 0..12u8 {
        let (who, user) = (lan(40 + i), format!("user{i}"));
        let mut at = 10 * SEC + i64::from(i) * 15 * SEC;
        for _ in 0..if i % 6 == 0 { 2 } else { 0 } {
            at = t.kerberos(at, who, controller(), &login(&user, true, &[AES, RC4]), &refuse(24)) + 3 * SEC;
        }
        at = t.domain_login(at, who, controller(), &user);
        for service in ["cifs/nas", "ldap/dc1.home.example", "host/pc", "cifs/old-printer", "HTTP/mail"] {
            let ticket = if service.starts_with("HTTP") { AES } else { RC4 };
            let granted = grant(&user, service, ticket, AES);
            at = t.kerberos(at + 300 * MS, who, controller(), &ask(service, &[AES, RC4]), &granted);
        }
    }
    let legacy = grant("scanner", "krbtgt/HOME.EXAMPLE", RC4, RC4);
    t.kerberos(100 * SEC, lan(60), controller(), &login("scanner", false, &[RC4]), &legacy);
}

fn answers(t: &mut Trace) {
    background(t, 0, 80 * SEC, 6);
    for i in 0..12 {
        let user = format!("svc-{i}");
        let answer =
            if i % 2 == 0 && i < 10 { grant(&user, "krbtgt/HOME.EXAMPLE", AES, RC4) } else { refuse(25) };
        t.kerberos(20 * SEC + i * 2 * SEC, lan6(66), lan6(2), &login(&user, false, &[RC4]), &answer);
    }
}

fn spray(t: &mut Trace) {
    background(t, 0, 160 * SEC, 8);
    for i in 0..24 {
        let request = login(&format!("user{i}"), true, &[AES, RC4]);
        t.kerberos(20 * SEC + i * 5 * SEC, culprit(), controller(), &request, &refuse(24));
    }
}

fn names(t: &mut Trace) {
    background(t, 0, 80 * SEC, 6);
    for i in 0..60 {
        let code = if i % 20 == 7 { 25 } else { 6 };
        let request = login(&format!("name{i}"), false, &[AES, RC4]);
        t.kerberos(20 * SEC + i * 500 * MS, culprit(), controller(), &request, &refuse(code));
    }
}

fn enumeration(t: &mut Trace) {
    background(t, 0, 70 * SEC, 6);
    let user = || equal("objectClass", "user");
    let sorts: [(Vec<u8>, &[&str]); 6] = [
        (all_of(&[user(), equal("servicePrincipalName", "*")]), &["sAMAccountName", "servicePrincipalName"]),
        (all_of(&[user(), bits("userAccountControl", "4194304")]), &["sAMAccountName"]),
        (bits("userAccountControl", "524288"), &["dNSHostName"]),
        (equal("adminCount", "1"), &["sAMAccountName", "memberOf"]),
        (equal("objectClass", "trustedDomain"), &["trustPartner", "trustDirection"]),
        (equal("objectCategory", "computer"), &["ms-Mcs-AdmPwd", "dNSHostName"]),
    ];
    let searches: Vec<_> = sorts.iter().cycle().take(24).cloned().collect();
    t.ldap(20 * SEC, culprit(), controller(), &searches, SEC);
}

fn few_searches(t: &mut Trace) {
    background(t, 0, 4 * MIN, 8);
    let searches: Vec<(Vec<u8>, &[&str])> = vec![
        (equal("adminCount", "1"), &["cn"]),
        (equal("adminCount", "1"), &["cn"]),
        (equal("servicePrincipalName", "*"), &["cn"]),
    ];
    t.ldap(20 * SEC, lan(20), controller(), &searches, MIN);
}

fn ordinary(t: &mut Trace) {
    background(t, 0, 2 * MIN, 8);
    let second = lan(3);
    for (i, who) in [lan(20), lan(21)].into_iter().enumerate() {
        t.domain_login(5 * SEC + i as i64 * SEC, who, [controller(), second][i], "anna");
    }
    let searches: Vec<(Vec<u8>, &[&str])> = (0..40)
        .map(|i| (equal("mail", &format!("user{i}@home.example")), &["cn", "mail", "telephoneNumber"][..]))
        .collect();
    t.ldap(20 * SEC, lan(20), controller(), &searches, 500 * MS);
    for i in 0..4 {
        let (from, to) = if i % 2 == 0 { (second, controller()) } else { (controller(), second) };
        t.calls(
            30 * SEC + i * 15 * SEC,
            from,
            to.port(49_667),
            REPLICATION,
            &[(0, 1), (2, 1), (3, 4)],
            50 * MS,
        );
    }
    for i in 0..12u8 {
        let at = 40 * SEC + i64::from(i) * 3 * SEC;
        t.calls(at, lan(40 + i), controller().port(49_668), NETLOGON, &[(4, 1), (26, 1)], 20 * MS);
    }
}

fn dcsync(t: &mut Trace) {
    background(t, 0, 60 * SEC, 6);
    copy(t, culprit(), controller());
}

fn dcsync6(t: &mut Trace) {
    background(t, 0, 60 * SEC, 6);
    copy(t, lan6(66), lan6(2));
}

/// Bound, who are you, what is the name, send me the account.
fn copy(t: &mut Trace, from: Host, to: Host) {
    t.calls(
        20 * SEC,
        from,
        to.port(49_667),
        REPLICATION,
        &[(0, 1), (16, 1), (12, 1), (3, 6), (1, 1)],
        200 * MS,
    );
}

fn zerologon(t: &mut Trace) {
    background(t, 0, 60 * SEC, 6);
    let rounds = [(4, 1), (15, 1)].repeat(180);
    t.calls(20 * SEC, culprit(), controller().port(49_668), NETLOGON, &rounds, 10 * MS);
}
