//! Guessing credentials: brute_force.

use super::{Scenario, alert, raises, silent};
use crate::traffic::home::{background, culprit, lan, nas, outside};
use crate::traffic::trace::Trace;
use crate::traffic::{MIN, SEC};

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[
    raises(
        "brute_force",
        &[alert("brute_force", "192.168.1.66", "192.168.1.10")],
        "25 SSH sessions on the file server in 100 s, each one wrong password, 3.5 KB and over.",
        ssh,
    ),
    silent("brute_force_under", "3 failed SSH sessions and 2 failed FTP log-ins in four minutes.", under),
    silent(
        "brute_force_harmless",
        "A password typed wrongly twice and then right; 14 git fetches over SSH; a health check over HTTP each 10 s.",
        harmless,
    ),
    raises(
        "brute_force_ftp",
        &[alert("brute_force", "192.168.1.66", "192.168.1.10")],
        "20 FTP log-ins in 100 s, each answered 530.",
        ftp,
    ),
    raises(
        "brute_force_http",
        &[alert("brute_force", "192.168.1.66", "192.168.1.10")],
        "30 HTTP requests with Basic credentials in 60 s, each answered 401.",
        http,
    ),
    raises(
        "brute_force_spray",
        &[alert("brute_force", "192.168.1.66", "")],
        "Two failed SSH sessions on each of 12 hosts in two minutes.",
        spray,
    ),
    raises(
        "brute_force_outside",
        &[alert("brute_force", "198.51.100.99", "192.168.1.10")],
        "20 failed SSH sessions in 200 s from the Internet, three wrong passwords each.",
        from_outside,
    ),
];

fn ssh(t: &mut Trace) {
    background(t, 0, 140 * SEC, 10);
    for i in 0..25 {
        let at = 20 * SEC + i * 4 * SEC + t.rng.range(0, 3 * SEC);
        t.ssh_failed(at, culprit(), nas(), 1);
    }
}

fn under(t: &mut Trace) {
    background(t, 0, 4 * MIN, 14);
    for i in 0..3 {
        t.ssh_failed(20 * SEC + i * 70 * SEC, culprit(), nas(), 1);
    }
    for i in 0..2 {
        t.ftp_login(40 * SEC + i * 60 * SEC, culprit(), nas(), "anna", "forgotten", false);
    }
}

fn harmless(t: &mut Trace) {
    background(t, 0, 5 * MIN, 12);
    t.ssh_session(20 * SEC, lan(20), nas(), 2, 12, 9_000);
    for i in 0..14 {
        let down = t.rng.range(14_000, 40_000) as usize;
        t.ssh_session(60 * SEC + i * 16 * SEC, lan(23), nas(), 0, 3, down);
    }
    for i in 0..28 {
        let request = "GET /health HTTP/1.1\r\nHost: nas\r\nUser-Agent: probe\r\nConnection: close\r\n\r\n";
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
        t.http(10 * SEC + i * 10 * SEC, lan(30), nas().port(80), request, answer);
    }
}

fn ftp(t: &mut Trace) {
    background(t, 0, 140 * SEC, 8);
    for i in 0..20 {
        let at = 20 * SEC + i * 5 * SEC + t.rng.range(0, 4 * SEC);
        t.ftp_login(at, culprit(), nas(), "admin", &format!("guess{i}"), false);
    }
}

fn http(t: &mut Trace) {
    background(t, 0, 100 * SEC, 8);
    for i in 0..30 {
        let credentials = t.rng.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 16);
        let request = format!(
            "GET /admin HTTP/1.1\r\nHost: nas\r\nUser-Agent: Mozilla/5.0\r\nAuthorization: Basic {credentials}\r\n\r\n"
        );
        let answer =
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"nas\"\r\nContent-Length: 0\r\n\r\n";
        t.http(20 * SEC + i * 2 * SEC, culprit(), nas().port(80), &request, answer);
    }
}

fn spray(t: &mut Trace) {
    background(t, 0, 160 * SEC, 8);
    for i in 0..24u8 {
        t.ssh_failed(20 * SEC + i64::from(i) * 5 * SEC, culprit(), lan(10 + i % 12), 1);
    }
}

fn from_outside(t: &mut Trace) {
    background(t, 0, 4 * MIN, 8);
    for i in 0..20 {
        let at = 20 * SEC + i * 10 * SEC + t.rng.range(0, 7 * SEC);
        t.ssh_failed(at, outside("198.51.100.99"), nas(), 3);
    }
}
