//! What the parser hears in messages that the maker of test traffic makes.

use super::*;
use proptest::prelude::*;

#[allow(dead_code, reason = "the scenarios use the rest")]
#[path = "../../../tests/traffic/smb.rs"]
mod made;

use made::{Exchange, Smb1, Smb2, access, interface};

/// Plays exchanges, byte by byte when `slow`, and returns what was said as text.
fn play(exchanges: &[Exchange], slow: bool) -> Vec<String> {
    let (mut session, mut said) = (Session::default(), Vec::new());
    for (question, answer) in exchanges {
        for (side, bytes) in [(Side::Client, question), (Side::Server, answer)] {
            let mut from = 0;
            for to in 1..=bytes.len() {
                if !slow && to < bytes.len() || from > to {
                    continue;
                }
                match session.hear(side, &bytes[from..to], &mut |s| said.push(format!("{s:?}"))) {
                    Heard::Took(n) => from += n,
                    Heard::Enough => return said,
                }
            }
            assert_eq!(from, bytes.len(), "{side:?}");
        }
    }
    said
}

fn office() -> Vec<Exchange> {
    let mut c = Smb2::default();
    let mut all = vec![c.negotiate()];
    all.extend(c.login("anna", 0));
    all.extend([c.tree("\\\\nas\\photos", 0), c.open("2026\\a.jpg", access::WRITE, 2), c.write(&[7; 3000])]);
    all.extend([c.write(&[7; 20_000]), c.close(), c.open("old.doc", access::DELETE, 1)]);
    all.extend([c.rename("old.doc.locked"), c.close(), c.open("b.doc", access::DELETE, 1), c.delete()]);
    all.extend([c.open("c.doc", access::READ, 1), c.read(&[1; 9000]), c.close()]);
    all
}

#[test]
fn a_session_is_read_whole_whatever_the_pieces_it_comes_in() {
    let said = play(&office(), false);
    assert_eq!(said, play(&office(), true));
    let has = |text: &str| assert!(said.iter().any(|s| s.contains(text)), "no {text} in {said:#?}");
    has("Version(2)");
    has("outcome: Some(Accepted), ntlm: Some(User { domain: \"HOME\", user: \"anna\"");
    has("Tree { share: \"photos\", status: 0, version: 2 }");
    has("Opened(File { share: \"photos\", name: \"2026\\\\a.jpg\", writes: true, created: true })");
    has("Renamed { share: \"photos\", from: \"old.doc\", to: \"old.doc.locked\" }");
    has("Deleted { share: \"photos\", name: \"b.doc\" }");
    has("Opened(File { share: \"photos\", name: \"c.doc\", writes: false, created: false })");
    assert_eq!(said.iter().filter(|s| s.starts_with("Wrote")).count(), 1, "once per opened file");
}

#[test]
fn a_refused_password_is_a_failed_log_in_and_a_round_that_goes_on_is_none() {
    for (status, outcome) in [(made::LOGON_FAILURE, "Some(Failed)"), (0xc000_0413, "None")] {
        let said = play(&Smb2::default().login("anna", status), false);
        let sessions: Vec<_> = said.iter().filter(|s| s.starts_with("Session")).collect();
        assert_eq!(sessions.len(), 1, "{said:?}");
        assert!(sessions[0].contains(outcome), "{said:?}");
    }
}

#[test]
fn calls_through_a_pipe_are_rpc_in_both_ways_of_sending_them() {
    let mut c = Smb2::default();
    let mut all = vec![c.tree("\\\\pc\\IPC$", 0), c.open("svcctl", access::WRITE, 1)];
    all.push(c.transceive(made::bind(interface::SERVICES)));
    all.push(c.call(12, 300));
    let (question, answer) = made::call(9, 19, 20, 5);
    all.extend([c.write(&question), c.read(&answer)]);
    let said = play(&all, false);
    assert_eq!(said, play(&all, true));
    let rpc: Vec<_> = said.iter().filter(|s| s.starts_with("Rpc")).collect();
    assert!(rpc[2].contains("Services") && rpc[2].contains("Request { opnum: 12 }"), "{rpc:?}");
    assert!(rpc[5].contains("Response { opnum: 19, status: Some(5) }"), "{rpc:?}");
}

#[test]
fn marks_of_exploits_are_seen_and_an_ordinary_old_session_has_none() {
    let c = Smb1 { id: 64 };
    let begin = [c.negotiate(), c.anonymous(), c.tree("\\\\10.0.0.9\\IPC$")];
    let of = |more: Vec<Exchange>| {
        let said = play(&[begin.to_vec(), more].concat(), false);
        assert!(said[0] == "Version(1)" && said.iter().any(|s| s.contains("share: \"IPC$\"")), "{said:?}");
        let marks = said.iter().filter(|s| s.starts_with("Exploit"));
        marks.map(|s| s.trim_start_matches("Exploit(").trim_end_matches(')').to_owned()).collect::<Vec<_>>()
    };
    assert!(of(vec![c.transaction((0x25, 0x54), 4, &[0; 4], 0)]).is_empty());
    assert_eq!(of(vec![c.transaction((0x25, 0x23), 0, &[], 0)]), ["Tested"]);
    assert_eq!(of(vec![c.transaction((0x32, 0x0e), 12, &[0; 12], 0)]), ["ImplantAsked"]);
    assert_eq!(of(vec![c.transaction((0x32, 0x0e), 12, &[0; 12], 16)]), ["ImplantAnswered"]);
    let blue = c.nt_transaction(66_512, &[0; 900]);
    let knock = c.transaction((0x32, 0x0e), 12, &[0; 12], 0);
    let all = vec![knock, blue, (c.more(0x33, &[0; 4000]), Vec::new())];
    assert_eq!(of(all), ["ImplantAsked", "Confusion"], "all under one number");
    let groom: Vec<_> = (0..20).map(|i| Smb1 { id: i }.transaction((0x25, 0), 64, &[], 0)).collect();
    assert_eq!(of(groom), ["Grooming"]);
    let long = vec![c.transaction((0x32, 1), 900, &[0; 100], 0), (c.more(0x33, &[0; 800]), Vec::new())];
    let long = std::iter::repeat_n(long, 20).flatten().collect();
    assert!(of(long).is_empty(), "long transactions that are completed");
}

#[test]
fn after_a_loss_the_next_message_is_found_and_an_encrypted_session_is_left_alone() {
    let all = office();
    let (mut session, mut said) = (Session::default(), 0);
    session.lost(Side::Client);
    assert_eq!(session.hear(Side::Client, &[0x55; 700], &mut |_| ()), Heard::Took(700));
    for (question, answer) in &all {
        session.hear(Side::Client, question, &mut |_| said += 1);
        session.hear(Side::Server, answer, &mut |_| said += 1);
    }
    assert!(said > 8);
    let sealed = made::frame(&[b"\xfdSMB".as_slice(), &[0; 80]].concat());
    assert_eq!(session.hear(Side::Client, &sealed, &mut |_| ()), Heard::Enough);
}

#[test]
fn it_begins_where_smb_begins_on_any_port_and_nowhere_else() {
    let (question, answer) = Smb2::default().negotiate();
    assert!(Session::begins(Side::Client, &question, 80) && Session::begins(Side::Server, &answer, 445));
    assert!(
        Session::begins(Side::Client, &question[..4], 445)
            && !Session::begins(Side::Client, &question[..4], 80)
    );
    for other in [&b"GET / HTTP/1.1\r\n"[..], &[0, 0, 0, 80, 1, 2, 3, 4, 5], &[0x16, 3, 1, 2, 0, 1]] {
        assert!(!Session::begins(Side::Client, other, 445), "{other:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        kind in 0xfcu8..=0xff,
        command in 0u8..=255,
        server in any::<bool>(),
    ) {
        let mut message = vec![kind, b'S', b'M', b'B'];
        message.extend(&bytes);
        if let Some(at) = message.get_mut(if kind == 0xff { 4 } else { 12 }) {
            *at = command;
        }
        let mut session = Session::default();
        let side = if server { Side::Server } else { Side::Client };
        for part in [&bytes, &made::frame(&message)] {
            if let Heard::Took(n) = session.hear(side, part, &mut |_| ()) {
                prop_assert!(n <= part.len() + (1 << 24) + 4);
            }
        }
    }

    #[test]
    fn bent_sessions_are_survived(at in 0usize..4000, with in any::<u8>(), slow in any::<bool>()) {
        let mut exchanges = office();
        let mut left = at;
        for (question, answer) in &mut exchanges {
            for bytes in [question, answer] {
                if let Some(byte) = bytes.get_mut(left) {
                    *byte = with;
                }
                left = left.wrapping_sub(bytes.len());
            }
        }
        let mut session = Session::default();
        for (question, answer) in &exchanges {
            for (side, bytes) in [(Side::Client, question), (Side::Server, answer)] {
                let cut = if slow { bytes.len() / 2 } else { bytes.len() };
                let _ = session.hear(side, &bytes[..cut], &mut |_| ());
                let _ = session.hear(side, bytes, &mut |_| ());
            }
        }
    }
}
