//! Windows file sharing and remote administration: smb_abuse, lateral_movement, ransomware.

use super::{Scenario, alert, raises, silent};
use crate::traffic::conversation::Conversation;
use crate::traffic::home::{background, culprit, lan, lan6, nas};
use crate::traffic::packet::{End, Host};
use crate::traffic::smb::{self, Exchange, Smb1, Smb2, access, interface};
use crate::traffic::talk::NEAR;
use crate::traffic::trace::Trace;
use crate::traffic::{HOUR, MIN, MS, SEC};

/// The scenarios of this file.
pub const TABLE: &[Scenario] = &[
    raises(
        "smb_abuse",
        &[alert("smb_abuse", "192.168.1.66", "192.168.1.20")],
        "A program is written to ADMIN$ of a laptop, and a service made of it and started through the svcctl pipe.",
        psexec,
    ),
    silent(
        "smb_abuse_under",
        "Log-ins by NTLM on four hosts, 12 lists of shares in a minute, services listed and one started, C$ read.",
        smb_under,
    ),
    silent(
        "smb_abuse_harmless",
        "A backup server logs in by Kerberos on four hosts and reads C$; an installer is put on a software share.",
        smb_harmless,
    ),
    raises(
        "smb_abuse_eternal",
        &[alert("smb_abuse", "192.168.1.66", "192.168.1.20")],
        "SMB 1: an NT transaction of 66 KB that is continued as a TRANS2 one, after a knock for an implant.",
        eternal,
    ),
    raises(
        "smb_abuse_implant",
        &[alert("smb_abuse", "192.168.1.66", "192.168.1.20")],
        "SMB 1: a knock (TRANS2 SESSION_SETUP) that the implant answers, its message number raised by 16.",
        implant,
    ),
    raises(
        "smb_abuse_spread",
        &[alert("smb_abuse", "192.168.1.66", "")],
        "One host logs in by NTLM on seven hosts in 100 s.",
        ntlm_spread,
    ),
    raises(
        "smb_abuse_ipv6",
        &[alert("smb_abuse", "fd00:0:0:1::42", "fd00:0:0:1::14")],
        "A domain's password database is read from C$ of a server, over IPv6.",
        ntds,
    ),
    raises(
        "smb_abuse_enumeration",
        &[alert("smb_abuse", "192.168.1.66", "")],
        "30 lists of shares and accounts in 30 s, through pipes of three hosts.",
        enumeration,
    ),
    raises(
        "smb_abuse_smb1",
        &[alert("smb_abuse", "192.168.1.30", "192.168.1.10")],
        "A scanner puts a page on the file server by SMB 1: a low alert.",
        old_scanner,
    ),
    raises(
        "lateral_movement",
        &[alert("lateral_movement", "192.168.1.66", "")],
        "SSH sessions that work on eight hosts in two minutes.",
        spread,
    ),
    silent(
        "lateral_movement_under",
        "SSH sessions on three hosts, and SMB to the file server, in two minutes.",
        spread_under,
    ),
    silent(
        "lateral_movement_harmless",
        "Management: SSH to eight hosts, each set up at another time; two hours later to all of them in a minute. A watcher that \
         only looks whether ports are open, on ten hosts.",
        management,
    ),
    raises(
        "lateral_movement_winrm",
        &[alert("lateral_movement", "192.168.1.66", "")],
        "PowerShell commands by WinRM on three laptops within 20 s.",
        winrm,
    ),
    raises(
        "lateral_movement_rpc",
        &[alert("lateral_movement", "192.168.1.66", "192.168.1.20")],
        "A service is made and started on a laptop by RPC over TCP.",
        rpc_service,
    ),
    raises(
        "lateral_movement_ipv6",
        &[alert("lateral_movement", "fd00:0:0:1::42", "")],
        "Remote desktop sessions on seven hosts in three minutes, over IPv6.",
        desktops,
    ),
    raises(
        "ransomware",
        &[alert("ransomware", "192.168.1.66", "192.168.1.10")],
        "115 files of the file server are written over and get one more ending in 40 s.",
        encrypt,
    ),
    silent(
        "ransomware_under",
        "12 files get a strange ending in a minute; one letter how to restore files.",
        encrypt_few,
    ),
    silent(
        "ransomware_harmless",
        "A photo import (40 new files, each .tmp first), 40 documents kept as .bak before they are saved anew.",
        import,
    ),
    raises(
        "ransomware_copies",
        &[alert("ransomware", "192.168.1.66", "192.168.1.10")],
        "30 files are replaced by encrypted copies in 20 s, and the same letter is left in three folders.",
        copies,
    ),
];

/// Plays exchanges, each answered after `think`.
fn play(c: &mut Conversation<'_>, think: i64, exchanges: impl IntoIterator<Item = Exchange>) {
    for (question, answer) in exchanges {
        c.client(question);
        c.wait(think);
        c.server(answer);
    }
}

/// An SMB connection, agreed on; the user logs in by NTLM, or by Kerberos when there is none.
fn session<'t>(
    t: &'t mut Trace,
    at: i64,
    from: Host,
    to: Host,
    user: Option<&str>,
) -> (Conversation<'t>, Smb2) {
    let (end, mut smb) = (from.port(t.rng.port()), Smb2::default());
    let mut c = Conversation::open(t, at, NEAR, end, to.port(445));
    play(&mut c, MS, [smb.negotiate()]);
    match user {
        Some(user) => play(&mut c, 2 * MS, smb.login(user, 0)),
        None => play(&mut c, 2 * MS, [smb.ticket()]),
    }
    (c, smb)
}

/// Opens a pipe and binds its interface.
fn pipe(c: &mut Conversation<'_>, smb: &mut Smb2, host: &str, name: &str, uuid: u128) {
    let bind = smb::bind(uuid);
    let tree = smb.tree(&format!("\\\\{host}\\IPC$"), 0);
    let open = smb.open(name, access::WRITE, 1);
    let bound = smb.transceive(bind);
    play(c, MS, [tree, open, bound]);
}

fn psexec(t: &mut Trace) {
    background(t, 0, 70 * SEC, 8);
    let (mut c, mut smb) = session(t, 20 * SEC, culprit(), lan(20), Some("admin"));
    let program = c.trace.rng.bytes(5_000);
    let exchanges = [
        smb.tree("\\\\192.168.1.20\\ADMIN$", 0),
        smb.open("wKtRzQpa.exe", access::WRITE, 2),
        smb.write(&program),
        smb.close(),
    ];
    play(&mut c, 2 * MS, exchanges);
    pipe(&mut c, &mut smb, "192.168.1.20", "svcctl", interface::SERVICES);
    let calls = [15, 12, 19, 2, 0].map(|opnum| smb.call(opnum, 220));
    play(&mut c, 30 * MS, calls);
    c.wait(SEC);
    c.close(true);
}

fn smb_under(t: &mut Trace) {
    background(t, 0, 3 * MIN, 12);
    for i in 0..4 {
        let (mut c, mut smb) = session(t, 20 * SEC + i * 20 * SEC, lan(20), lan(30 + i as u8), Some("anna"));
        pipe(&mut c, &mut smb, "pc", "srvsvc", interface::SERVER_SERVICE);
        let calls = [15, 15, 21].map(|opnum| smb.call(opnum, 60));
        play(&mut c, 2 * MS, calls);
        c.close(true);
    }
    let (mut c, mut smb) = session(t, 110 * SEC, lan(20), lan(31), Some("anna"));
    pipe(&mut c, &mut smb, "pc", "svcctl", interface::SERVICES);
    let mut exchanges: Vec<_> = [15, 14, 16, 19, 0].map(|opnum| smb.call(opnum, 60)).into();
    exchanges.extend([smb.tree("\\\\pc\\C$", 0), smb.open("Users\\anna\\notes.txt", access::READ, 1)]);
    exchanges.push(smb.read(&[b'x'; 900]));
    play(&mut c, 2 * MS, exchanges);
    c.close(true);
}

fn smb_harmless(t: &mut Trace) {
    background(t, 0, 3 * MIN, 12);
    for i in 0..4u8 {
        let at = 20 * SEC + i64::from(i) * 30 * SEC;
        let (mut c, mut smb) = session(t, at, nas(), lan(31 + i), None);
        play(&mut c, MS, [smb.tree("\\\\pc\\C$", 0)]);
        for name in ["Users\\anna\\taxes.xlsx", "Windows\\system.ini", "ProgramData\\tool\\tool.exe"] {
            let read = [smb.open(name, access::READ, 1), smb.read(&[b'y'; 1200]), smb.close()];
            play(&mut c, MS, read);
        }
        c.close(true);
    }
    let (mut c, mut smb) = session(t, 150 * SEC, lan(20), nas(), Some("anna"));
    let share =
        [smb.tree("\\\\nas\\software", 0), smb.open("setup.exe", access::WRITE, 2), smb.write(&[9; 4_000])];
    play(&mut c, MS, share);
    c.close(true);
}

/// An SMB 1 connection to `IPC$` without a name.
fn old_session<'t>(t: &'t mut Trace, at: i64, to: Host) -> Conversation<'t> {
    let (end, old) = (culprit().port(t.rng.port()), Smb1 { id: 64 });
    let mut c = Conversation::open(t, at, NEAR, end, to.port(445));
    play(&mut c, MS, [old.negotiate(), old.anonymous(), old.tree(&format!("\\\\{}\\IPC$", to.ip))]);
    c
}

fn eternal(t: &mut Trace) {
    background(t, 0, 60 * SEC, 8);
    let old = Smb1 { id: 65 };
    let mut c = old_session(t, 20 * SEC, lan(20));
    let (payload, head) = (c.trace.rng.bytes(4_000), c.trace.rng.bytes(970));
    play(&mut c, MS, [old.transaction((0x32, 0x0e), 0, &[0; 12], 0), old.nt_transaction(66_512, &head)]);
    for _ in 0..6 {
        c.client(old.more(0x33, &payload[..2_000]));
    }
    c.wait(2 * SEC);
    c.reset(true);
}

fn implant(t: &mut Trace) {
    background(t, 0, 60 * SEC, 8);
    let mut c = old_session(t, 20 * SEC, lan(20));
    play(&mut c, MS, [Smb1 { id: 65 }.transaction((0x32, 0x0e), 0, &[0; 12], 16)]);
    c.close(true);
}

fn ntlm_spread(t: &mut Trace) {
    background(t, 0, 140 * SEC, 10);
    for i in 0..7u8 {
        let at = 20 * SEC + i64::from(i) * 14 * SEC;
        let (mut c, mut smb) = session(t, at, culprit(), lan(30 + i), Some("Administrator"));
        play(&mut c, MS, [smb.tree("\\\\pc\\C$", 0)]);
        c.close(true);
    }
}

fn ntds(t: &mut Trace) {
    background(t, 0, 60 * SEC, 8);
    let (mut c, mut smb) = session(t, 20 * SEC, lan6(66), lan6(20), None);
    let data = c.trace.rng.bytes(3_000);
    let read = [
        smb.tree("\\\\dc\\C$", 0),
        smb.open("Windows\\Temp\\shadow\\ntds.dit", access::READ, 1),
        smb.read(&data),
        smb.close(),
    ];
    play(&mut c, MS, read);
    c.close(true);
}

fn enumeration(t: &mut Trace) {
    background(t, 0, 80 * SEC, 8);
    for i in 0..3u8 {
        let at = 20 * SEC + i64::from(i) * 10 * SEC;
        let (mut c, mut smb) = session(t, at, culprit(), lan(30 + i), Some("guestuser"));
        pipe(&mut c, &mut smb, "pc", "samr", interface::SAMR);
        let calls = [64, 6, 5, 7, 13, 13, 13, 15, 15, 25, 25, 33, 33, 40].map(|opnum| smb.call(opnum, 40));
        play(&mut c, 3 * MS, calls);
        c.close(true);
    }
}

fn old_scanner(t: &mut Trace) {
    background(t, 0, 60 * SEC, 8);
    let (end, old) = (lan(30).port(t.rng.port()), Smb1 { id: 2 });
    let mut c = Conversation::open(t, 20 * SEC, NEAR, end, nas().port(445));
    play(&mut c, MS, [old.negotiate(), old.anonymous(), old.tree("\\\\nas\\scans")]);
    c.wait(SEC);
    c.close(true);
}

fn spread(t: &mut Trace) {
    background(t, 0, 160 * SEC, 10);
    for i in 0..8u8 {
        t.ssh_session(20 * SEC + i64::from(i) * 15 * SEC, culprit(), lan(30 + i), 0, 2, 6_000);
    }
}

fn spread_under(t: &mut Trace) {
    background(t, 0, 160 * SEC, 10);
    for i in 0..3u8 {
        t.ssh_session(20 * SEC + i64::from(i) * 30 * SEC, lan(20), lan(30 + i), 0, 2, 6_000);
    }
    let (mut c, mut smb) = session(t, 60 * SEC, lan(20), nas(), Some("anna"));
    play(&mut c, MS, [smb.tree("\\\\nas\\photos", 0)]);
    c.close(true);
}

fn management(t: &mut Trace) {
    background(t, 0, 3 * HOUR, 6);
    for i in 0..8u8 {
        t.ssh_session(MIN + i64::from(i) * 7 * MIN, nas(), lan(30 + i), 0, 1, 3_000);
        t.ssh_session(2 * HOUR + i64::from(i) * 7 * SEC, nas(), lan(30 + i), 0, 1, 3_000);
    }
    for i in 0..10u8 {
        let at = 90 * MIN + i64::from(i) * 12 * SEC;
        let end = lan(21).port(t.rng.port());
        Conversation::open(t, at, NEAR, end, lan(30 + i).port(445)).close(true);
    }
}

fn winrm(t: &mut Trace) {
    background(t, 0, 70 * SEC, 8);
    for i in 0..3u8 {
        let request = "POST /wsman?PSVersion=5.1.19041.1682 HTTP/1.1\r\nHost: pc:5985\r\nUser-Agent: Microsoft WinRM Client\r\n\
                       Content-Type: application/soap+xml;charset=UTF-8\r\nContent-Length: 0\r\n\r\n";
        let answer = "HTTP/1.1 200 OK\r\nServer: Microsoft-HTTPAPI/2.0\r\nContent-Length: 0\r\n\r\n";
        t.http(20 * SEC + i64::from(i) * 7 * SEC, culprit(), lan(30 + i).port(5985), request, answer);
    }
}

/// A connection that binds an interface over TCP and calls operations of it.
fn rpc(t: &mut Trace, at: i64, to: End, uuid: u128, calls: &[u16]) {
    let end = culprit().port(t.rng.port());
    let mut c = Conversation::open(t, at, NEAR, end, to);
    play(&mut c, MS, [smb::bind(uuid)]);
    for (number, opnum) in (2u32..).zip(calls) {
        play(&mut c, 5 * MS, [smb::call(number, *opnum, 180, 0)]);
    }
    c.close(true);
}

fn rpc_service(t: &mut Trace) {
    background(t, 0, 60 * SEC, 8);
    rpc(t, 20 * SEC, lan(20).port(135), 0xe1af8308_5d1f_11c9_91a4_08002b14a0fa, &[3]);
    rpc(t, 21 * SEC, lan(20).port(49_712), interface::SERVICES, &[64, 24, 0, 28, 31, 2, 0]);
}

fn desktops(t: &mut Trace) {
    background(t, 0, 200 * SEC, 10);
    for i in 0..7u8 {
        let at = 20 * SEC + i64::from(i) * 22 * SEC;
        let end = lan6(66).port(t.rng.port());
        let mut c = Conversation::open(t, at, NEAR, end, lan6(30 + i).port(3389));
        let up = c.trace.rng.bytes(800);
        c.client(up);
        c.download(12_000, 100_000);
        c.close(true);
    }
}

fn encrypt(t: &mut Trace) {
    background(t, 0, 80 * SEC, 3);
    let (mut c, mut smb) = session(t, 20 * SEC, culprit(), nas(), Some("anna"));
    play(&mut c, MS, [smb.tree("\\\\nas\\data", 0)]);
    for i in 0..115 {
        let ending = ["docx", "xlsx", "jpg", "pdf"][i % 4];
        let name = format!("work\\file{i:03}.{ending}");
        let change = [
            smb.open(&name, access::WRITE | access::DELETE, 1),
            smb.write(&[b'#'; 100]),
            smb.rename(&format!("{name}.k7xq")),
            smb.close(),
        ];
        play(&mut c, 20 * MS, change);
        c.wait(200 * MS);
    }
    c.close(true);
}

fn encrypt_few(t: &mut Trace) {
    background(t, 0, 100 * SEC, 8);
    let (mut c, mut smb) = session(t, 20 * SEC, lan(20), nas(), Some("anna"));
    play(
        &mut c,
        MS,
        [smb.tree("\\\\nas\\data", 0), smb.open("HOW_TO_RESTORE_FILES.txt", access::WRITE, 2), smb.close()],
    );
    for i in 0..12 {
        let name = format!("private\\letter{i}.docx");
        let change = [smb.open(&name, access::DELETE, 1), smb.rename(&format!("{name}.vault9")), smb.close()];
        play(&mut c, 20 * MS, change);
        c.wait(4 * SEC);
    }
    c.close(true);
}

fn import(t: &mut Trace) {
    background(t, 0, 100 * SEC, 3);
    let (mut c, mut smb) = session(t, 20 * SEC, lan(20), nas(), Some("anna"));
    play(&mut c, MS, [smb.tree("\\\\nas\\photos", 0)]);
    for i in 0..40 {
        let (photo, text) = (format!("2026\\IMG_{i:04}"), format!("work\\report{i}.docx"));
        let import = [
            smb.open(&format!("{photo}.tmp"), access::WRITE | access::DELETE, 2),
            smb.write(&[b'p'; 100]),
            smb.rename(&format!("{photo}.jpg")),
            smb.close(),
            smb.open(&text, access::DELETE, 1),
            smb.rename(&format!("{text}.bak")),
            smb.close(),
            smb.open(&text, access::WRITE, 2),
            smb.close(),
        ];
        play(&mut c, 5 * MS, import);
        c.wait(100 * MS);
    }
    c.close(true);
}

fn copies(t: &mut Trace) {
    background(t, 0, 70 * SEC, 8);
    let (mut c, mut smb) = session(t, 20 * SEC, culprit(), nas(), Some("anna"));
    play(&mut c, MS, [smb.tree("\\\\nas\\data", 0)]);
    for i in 0..30 {
        let (folder, name) = (["a", "b", "c"][i % 3], format!("sheet{i}.xlsx"));
        let change = [
            smb.open(&format!("{folder}\\{name}.darkenc"), access::WRITE, 2),
            smb.write(&[b'#'; 300]),
            smb.close(),
            smb.open(&format!("{folder}\\{name}"), access::DELETE, 1),
            smb.delete(),
            smb.close(),
        ];
        play(&mut c, 20 * MS, change);
        if i >= 27 {
            let note = format!("{folder}\\HOW_TO_DECRYPT_FILES.txt");
            let letter = [smb.open(&note, access::WRITE, 2), smb.write(&[b'!'; 200]), smb.close()];
            play(&mut c, 5 * MS, letter);
        }
        c.wait(300 * MS);
    }
    c.close(true);
}
