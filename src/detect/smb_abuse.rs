//! `smb_abuse`: Windows file sharing used as a weapon, or in its unsafe old form.
//!
//! Evidence, each its own sign and its own alert per source:
//! - `ms17_010` (critical): transactions that only EternalBlue and its kin send, or the knock of DoublePulsar; the test for
//!   it alone is high;
//! - `execution` (high): a service or task made on another machine through a pipe, a program written to an
//!   administrative share, the pipe of a known remote shell;
//! - `secrets` (high): the password databases (`ntds.dit`, the hives SAM, SYSTEM and SECURITY, memory of lsass) opened by
//!   name, or a registry hive saved from afar;
//! - `coercion` (high): calls that make a server log in elsewhere (EFS, DFS);
//! - `ntlm_spread` (high): one host logs in by NTLM on many hosts that it did not use before;
//! - `enumeration` (medium): shares, sessions or accounts listed again and again;
//! - `smb1` (low): the old version of the protocol in use, one alert per pair.
//!
//! Reading and writing `C$` by itself is no sign: administrators and backups do it.
//!
//! Known false alarms: software deployment and remote administration with PsExec-like tools; vulnerability scanners;
//! a new backup server that logs in on many machines for the first time.

use super::familiar::Familiar;
use super::settings::settings;
use super::window::{Distinct, Pace};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part, text_part};
use crate::addr::Ip;
use crate::alert::{Evidence, Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{App, Flow};
use crate::wire::login::Outcome;
use crate::wire::rpc::{self, Interface};
use crate::wire::smb::{Exploit, File, Said};
use crate::words::{Sentence, say, words};

settings! {
    /// Settings of `smb_abuse`.
    SmbAbuseSettings {
        /// Hosts on which one host logs in by NTLM within `ntlm_seconds`, none of them used before. 3 to 16; people
        /// use one or two servers.
        ntlm_hosts: u32 = 5, 3..=16;
        /// The window of `ntlm_hosts`, seconds, 60 to 3600.
        ntlm_seconds: u32 = 300, 60..=3600;
        /// Calls that list shares, sessions or accounts within `listing_seconds`. 5 to 32; opening a server in the file
        /// manager makes one or two.
        listings: u32 = 20, 5..=32;
        /// The window of `listings`, seconds, 10 to 600.
        listing_seconds: u32 = 60, 10..=600;
        /// Whether the old SMB 1 in use is told of (low).
        smb1: bool = true;
    }
}

/// A service whose program was changed and is then started within this many seconds was borrowed for it.
const BORROWED: u32 = 120;

/// Pipes of remote shells, by how their names begin.
const SHELL_PIPES: [&str; 9] = [
    "psexesvc",
    "remcom_communic",
    "csexecsvc",
    "paexec",
    "winexesvc",
    "msagent_",
    "postex_",
    "mssecsvc",
    "impacket",
];
/// Names of programs and scripts.
const PROGRAMS: [&str; 12] =
    ["exe", "dll", "sys", "bat", "cmd", "ps1", "vbs", "js", "hta", "scr", "msi", "com"];
/// Folders of a whole disk from which programs start by themselves or unseen.
const FOLDERS: [&str; 5] = ["windows\\", "programdata\\", "perflogs\\", "users\\public\\", "temp\\"];

/// A sign, see the module.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Ms17010,
    Execution,
    Secrets,
    Coercion,
    NtlmSpread,
    Enumeration,
}

impl Sign {
    const fn name(self) -> &'static str {
        match self {
            Sign::Ms17010 => "ms17_010",
            Sign::Execution => "execution",
            Sign::Secrets => "secrets",
            Sign::Coercion => "coercion",
            Sign::NtlmSpread => "ntlm_spread",
            Sign::Enumeration => "enumeration",
        }
    }
}

/// What one source did: about 400 bytes.
#[derive(Default)]
struct Source {
    ntlm: Distinct<16>,
    listings: Distinct<32>,
    number: u32,
    /// A service's program was changed.
    changed: Pace,
    told: [Pace; 6],
    /// The exploit's mark that was told last.
    mark: Option<Exploit>,
}

/// See the module.
pub struct SmbAbuse {
    settings: SmbAbuseSettings,
    sources: Bounded<Ip, Source>,
    familiar: Familiar,
}

impl Detector for SmbAbuse {
    const KIND: Kind = Kind {
        id: "smb_abuse",
        severity: Severity::High,
        mitre: &["T1021.002", "T1569.002", "T1003", "T1210"],
        en: Texts {
            title: "Misuse of Windows file sharing",
            what: "One device uses Windows file sharing to break into another: with a known exploit, by starting programs there from afar, or by taking its password databases. As a low alert: the unsafe old version SMB 1 is still in use.",
            why: "Messages, file names or remote calls were seen that belong to such an attack; the evidence names which.",
            harmless: "An administrator or a deployment tool that installs software from afar (PsExec, SCCM, PDQ), a vulnerability scanner, or a new backup server that logs in on many machines. SMB 1: an old printer, scanner or NAS.",
            todo: "Ask whoever manages the source whether this was them. If not, disconnect it at once, look at what was started on the target, and change the passwords used on both. Install the Windows updates of MS17-010 and switch SMB 1 off.",
            silence: "Mute smb_abuse with the managing device as the source, or with the old device as the target.",
        },
        nl: Texts {
            title: "Misbruik van Windows-bestandsdeling",
            what: "Eén apparaat gebruikt de bestandsdeling van Windows om bij een ander in te breken: met een bekende kwetsbaarheid, door er op afstand programma's te starten, of door de wachtwoordbestanden weg te halen. Als lage melding: de onveilige oude versie SMB 1 is nog in gebruik.",
            why: "Er zijn berichten, bestandsnamen of opdrachten op afstand gezien die bij zo'n aanval horen; het bewijs noemt welke.",
            harmless: "Een beheerder of installatieprogramma dat op afstand software plaatst (PsExec, SCCM, PDQ), een kwetsbaarheidsscanner, of een nieuwe back-upserver die zich op veel machines aanmeldt. SMB 1: een oude printer, scanner of NAS.",
            todo: "Vraag wie de bron beheert of dit de bedoeling was. Zo niet, koppel die dan meteen los, kijk wat er op het doel is gestart en verander de wachtwoorden op beide. Installeer de Windows-updates van MS17-010 en schakel SMB 1 uit.",
            silence: "Demp smb_abuse met het beherende apparaat als bron, of met het oude apparaat als doel.",
        },
    };
    const INTEREST: u64 = interest::SMB | interest::RPC;
    type Settings = SmbAbuseSettings;

    fn new(settings: &SmbAbuseSettings, keys: usize) -> Self {
        SmbAbuse {
            settings: settings.clone(),
            sources: Bounded::new((keys / 8).max(16)),
            familiar: Familiar::new((keys / 2).max(16)),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::Smb(flow, said) => self.said(cx, flow, said, out),
            // Over TCP by itself it is `lateral_movement` that looks.
            Observation::Rpc(flow, said) if flow.app == App::Smb => self.called(cx, flow, said, out),
            _ => {}
        }
    }
}

impl SmbAbuse {
    fn said(&mut self, cx: &Context<'_>, flow: &Flow, said: &Said<'_>, out: &mut Findings) {
        match said {
            Said::Exploit(exploit) => self.exploit(cx, flow, *exploit, out),
            Said::Session(login) => {
                let named = login.ntlm.filter(|user| !user.user.is_empty());
                if let (Some(Outcome::Accepted), Some(user)) = (login.outcome, named) {
                    self.ntlm(cx, flow, &user.user, out);
                    self.old_version(flow, login.version, out);
                }
            }
            Said::Tree { share, status: 0, version } if !share.eq_ignore_ascii_case("IPC$") => {
                self.old_version(flow, *version, out);
            }
            Said::Opened(file) => self.opened(cx, flow, file, out),
            Said::Wrote(file) if is_planted(file) => {
                let does = say!(
                    "writes the program {} to {}",
                    "schrijft het programma {} naar {}",
                    file.name,
                    file.share
                );
                let evidence = evidence! { "share" => file.share, "name" => file.name };
                self.tell(cx, flow, (Sign::Execution, Severity::High), does, evidence, out);
            }
            _ => {}
        }
    }

    fn exploit(&mut self, cx: &Context<'_>, flow: &Flow, exploit: Exploit, out: &mut Findings) {
        let (severity, does) = match exploit {
            Exploit::Tested => {
                (Severity::High, words("tests for the hole MS17-010", "test op het lek MS17-010"))
            }
            Exploit::Vulnerable => {
                (Severity::Critical, words("finds the hole MS17-010 open", "vindt het lek MS17-010 open"))
            }
            Exploit::Grooming => (
                Severity::Critical,
                words(
                    "lays out memory as exploits of MS17-010 do",
                    "bereidt het geheugen voor zoals een aanval op MS17-010 doet",
                ),
            ),
            Exploit::Confusion => (
                Severity::Critical,
                words("sends transactions as EternalBlue does", "stuurt opdrachten zoals EternalBlue doet"),
            ),
            Exploit::ImplantAsked => (
                Severity::Critical,
                words(
                    "knocks as the implant DoublePulsar expects",
                    "klopt aan zoals het achterdeurtje DoublePulsar verwacht",
                ),
            ),
            Exploit::ImplantAnswered => (
                Severity::Critical,
                words(
                    "is answered by the implant DoublePulsar",
                    "krijgt antwoord van het achterdeurtje DoublePulsar",
                ),
            ),
        };
        let evidence = evidence! { "mark" => format!("{exploit:?}") };
        let source = self.sources.entry(flow.client, Source::default).0;
        if source.mark.replace(exploit) != Some(exploit) {
            // Another mark than the last is told at once.
            source.told[Sign::Ms17010 as usize] = Pace::default();
        }
        self.tell(cx, flow, (Sign::Ms17010, severity), does.into(), evidence, out);
    }

    fn opened(&mut self, cx: &Context<'_>, flow: &Flow, file: &File<'_>, out: &mut Findings) {
        let evidence = evidence! { "share" => file.share, "name" => file.name };
        let pipe = file.share.eq_ignore_ascii_case("IPC$");
        let begins =
            |start: &str| file.name.get(..start.len()).is_some_and(|n| n.eq_ignore_ascii_case(start));
        if pipe && SHELL_PIPES.into_iter().any(begins) {
            let does = say!("opens the remote shell {}", "opent de opdrachtregel op afstand {}", file.name);
            self.tell(cx, flow, (Sign::Execution, Severity::High), does, evidence, out);
        } else if !pipe && is_secret(file.name) {
            let does =
                say!("opens {}, which holds passwords,", "opent {}, waarin wachtwoorden staan,", file.name);
            self.tell(cx, flow, (Sign::Secrets, Severity::High), does, evidence, out);
        }
    }

    fn called(&mut self, cx: &Context<'_>, flow: &Flow, said: &rpc::Said, out: &mut Findings) {
        let rpc::Event::Request { opnum } = said.event else { return };
        let evidence = evidence! { "interface" => said.interface.name(), "operation" => opnum };
        let (sign, does) = match (said.interface, opnum) {
            (Interface::Services, 12 | 24 | 44 | 45 | 60) => {
                (Sign::Execution, words("creates a service", "maakt een dienst aan"))
            }
            (Interface::Services, 11 | 23) => {
                let now = cx.tick();
                self.sources.entry(flow.client, Source::default).0.changed.due(now);
                return;
            }
            (Interface::Services, 19 | 31) if self.has_changed(cx, flow) => (
                Sign::Execution,
                words(
                    "changes a service's program and starts it",
                    "wijzigt het programma van een dienst en start het",
                ),
            ),
            (Interface::AtJobs, 0) | (Interface::Tasks, 1) => {
                (Sign::Execution, words("creates a scheduled task", "maakt een geplande taak aan"))
            }
            (Interface::Registry, 20 | 31) => {
                (Sign::Secrets, words("saves a part of the registry", "bewaart een deel van het register"))
            }
            (Interface::EncryptedFiles, 0 | 4 | 5 | 7 | 12 | 13) | (Interface::DfsNames, 12 | 13) => (
                Sign::Coercion,
                words(
                    "asks for a call that makes the server log in elsewhere",
                    "vraagt iets waardoor de server elders inlogt",
                ),
            ),
            (Interface::ServerService, 8 | 9 | 12 | 15 | 36)
            | (Interface::Workstation, 2)
            | (Interface::Samr, 6 | 11 | 13 | 15 | 25 | 33 | 40 | 48 | 51)
            | (Interface::Lsa, 11 | 13) => return self.listed(cx, flow, said.interface, out),
            _ => return,
        };
        self.tell(cx, flow, (sign, Severity::High), does.into(), evidence, out);
    }

    fn has_changed(&mut self, cx: &Context<'_>, flow: &Flow) -> bool {
        let now = cx.tick();
        self.sources.get_mut(&flow.client).is_some_and(|s| s.changed.within(now, BORROWED))
    }

    fn listed(&mut self, cx: &Context<'_>, flow: &Flow, interface: Interface, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        let source = self.sources.entry(flow.client, Source::default).0;
        source.number = source.number.wrapping_add(1);
        *source.listings.seen(source.number, now).0 = 1;
        let count = source.listings.within(now, s.listing_seconds).0;
        if count >= s.listings {
            let (threshold, seconds) = (s.listings, s.listing_seconds);
            let does = say!(
                "asks for {count} or more lists of shares, sessions or accounts in {seconds} s",
                "vraagt binnen {seconds} s {count} of meer lijsten van mappen, sessies of accounts op"
            );
            let evidence = evidence! {
                "listings" => count, "threshold" => threshold, "window_s" => seconds, "interface" => interface.name(),
            };
            self.tell(cx, flow, (Sign::Enumeration, Severity::Medium), does, evidence, out);
        }
    }

    fn ntlm(&mut self, cx: &Context<'_>, flow: &Flow, user: &str, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        if self.familiar.meet(flow.client, flow.server, now) || !cx.inside.contains(flow.server) {
            return;
        }
        let source = self.sources.entry(flow.client, Source::default).0;
        *source.ntlm.seen(ip_part(flow.server) as u32, now).0 = 1;
        let hosts = source.ntlm.within(now, s.ntlm_seconds).0;
        if hosts >= s.ntlm_hosts {
            let (threshold, seconds) = (s.ntlm_hosts, s.ntlm_seconds);
            let does = say!(
                "logs in by NTLM on {hosts} hosts or more in {seconds} s, most recently",
                "logt binnen {seconds} s met NTLM in op {hosts} of meer apparaten, het laatst"
            );
            let evidence = evidence! { "hosts" => hosts, "threshold" => threshold, "window_s" => seconds, "user" => user };
            self.tell(cx, flow, (Sign::NtlmSpread, Severity::High), does, evidence, out);
        }
    }

    fn old_version(&self, flow: &Flow, version: u8, out: &mut Findings) {
        if version != 1 || !self.settings.smb1 {
            return;
        }
        let summary = say!(
            "{} and {} still speak SMB 1, which is unsafe",
            "{} en {} gebruiken nog SMB 1, en dat is onveilig",
            flow.client,
            flow.server
        );
        let parts = [ip_part(flow.client), ip_part(flow.server), text_part("smb1")];
        let finding = Self::KIND.finding(Severity::Low, &parts, summary, evidence! { "sign" => "smb1" });
        let target = Subject::endpoint(flow.server, flow.server_port);
        out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
    }

    fn tell(
        &mut self,
        cx: &Context<'_>,
        flow: &Flow,
        (sign, severity): (Sign, Severity),
        does: Sentence,
        mut evidence: Evidence,
        out: &mut Findings,
    ) {
        let source = self.sources.entry(flow.client, Source::default).0;
        if !source.told[sign as usize].due(cx.tick()) {
            return;
        }
        let summary = say!("{} {does} at {}", "{} {does} op {}", flow.client, flow.server; does);
        evidence.insert("sign".to_owned(), sign.name().into());
        let parts = [ip_part(flow.client), text_part(sign.name())];
        let finding = Self::KIND.finding(severity, &parts, summary, evidence);
        let target = Subject::endpoint(flow.server, flow.server_port);
        out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
    }
}

fn ends_with(text: &str, end: &str) -> bool {
    text.len()
        .checked_sub(end.len())
        .and_then(|at| text.get(at..))
        .is_some_and(|t| t.eq_ignore_ascii_case(end))
}

/// Whether a file's name says that it holds the passwords of a machine or domain.
fn is_secret(path: &str) -> bool {
    let name = path.rsplit('\\').next().unwrap_or(path);
    let dump = ends_with(name, ".dmp") && name.get(..5).is_some_and(|n| n.eq_ignore_ascii_case("lsass"));
    let hive = ["\\SAM", "\\SYSTEM", "\\SECURITY"].iter().any(|hive| {
        ["config", "config\\RegBack", "repair"]
            .iter()
            .any(|folder| ends_with(path, &format!("{folder}{hive}")))
    });
    ends_with(name, "ntds.dit") || dump || hive
}

/// Whether a program is put where an administrator's rights are needed: the Windows folder, or system folders of a disk.
fn is_planted(file: &File<'_>) -> bool {
    let extension = file.name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if !PROGRAMS.iter().any(|program| extension.eq_ignore_ascii_case(program)) {
        return false;
    }
    let disk = matches!(file.share.as_bytes(), [letter, b'$'] if letter.is_ascii_alphabetic());
    let begins = |start: &str| file.name.get(..start.len()).is_some_and(|n| n.eq_ignore_ascii_case(start));
    file.share.eq_ignore_ascii_case("ADMIN$") || disk && FOLDERS.into_iter().any(begins)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, tcp};
    use crate::wire::ntlm::User;
    use crate::wire::smb::Login;
    use crate::wire::utf16::Text;

    fn smb(client: &str, server: &str) -> Flow {
        Flow { app: App::Smb, ..tcp(client, server, 445) }
    }

    fn call(b: &mut Bench<SmbAbuse>, flow: &Flow, interface: Interface, opnum: u16) {
        b.see(&Observation::Rpc(flow, &rpc::Said { interface, event: rpc::Event::Request { opnum } }));
    }

    fn log_in(b: &mut Bench<SmbAbuse>, flow: &Flow, user: &str, version: u8) {
        let user = User { domain: Text::EMPTY, user: Text::oem(user.as_bytes()), workstation: Text::EMPTY };
        let login = Login { outcome: Some(Outcome::Accepted), ntlm: Some(&user), version };
        b.see(&Observation::Smb(flow, &Said::Session(&login)));
    }

    #[test]
    fn names_of_secrets_and_planted_programs_are_known_from_ordinary_ones() {
        for secret in [
            "Windows\\NTDS\\ntds.dit",
            "system32\\config\\SAM",
            "Temp\\lsass_1.dmp",
            "Windows\\repair\\system",
        ] {
            assert!(is_secret(secret), "{secret}");
        }
        for plain in
            ["sam", "photos\\system", "config\\sample", "lsass.txt", "crash.dmp", "ntds.dit.txt", "É"]
        {
            assert!(!is_secret(plain), "{plain}");
        }
        let file = |share, name| File { share, name, writes: true, created: true };
        assert!(
            is_planted(&file("ADMIN$", "PSEXESVC.exe")) && is_planted(&file("c$", "Windows\\Temp\\a.DLL"))
        );
        for (share, name) in
            [("ADMIN$", "a.log"), ("C$", "Install\\setup.exe"), ("software", "Windows\\x.exe")]
        {
            assert!(!is_planted(&file(share, name)), "{share} {name}");
        }
    }

    #[test]
    fn a_remote_shell_is_one_alert_however_many_signs_it_gives() {
        let mut b = Bench::<SmbAbuse>::new();
        let flow = smb("10.0.0.5", "10.0.0.9");
        let program = File { share: "ADMIN$", name: "kXyZ.exe", writes: true, created: true };
        b.see(&Observation::Smb(&flow, &Said::Wrote(&program)));
        for opnum in [15, 12, 16, 19, 2] {
            call(&mut b, &flow, Interface::Services, opnum);
            b.wait(2.0);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
    }

    #[test]
    fn looking_at_services_and_starting_one_is_administration_borrowing_one_is_not() {
        let mut b = Bench::<SmbAbuse>::new();
        let flow = smb("10.0.0.5", "10.0.0.9");
        for opnum in [15, 14, 16, 6, 19, 31, 1] {
            call(&mut b, &flow, Interface::Services, opnum);
        }
        assert!(b.found.is_empty());
        call(&mut b, &flow, Interface::Services, 11);
        b.wait(5.0);
        call(&mut b, &flow, Interface::Services, 19);
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn exploits_are_critical_and_the_mere_test_is_high() {
        for (exploit, severity) in
            [(Exploit::Tested, Severity::High), (Exploit::Confusion, Severity::Critical)]
        {
            let mut b = Bench::<SmbAbuse>::new();
            b.see(&Observation::Smb(&smb("10.0.0.5", "10.0.0.9"), &Said::Exploit(exploit)));
            assert_eq!(b.last().severity, severity);
        }
    }

    #[test]
    fn ntlm_on_many_new_hosts_is_told_on_known_or_few_ones_not() {
        let mut b = Bench::<SmbAbuse>::new();
        let on = |i: u8| smb("10.0.0.5", &format!("10.0.0.{i}"));
        for round in 0..3 {
            for i in 10..16 {
                log_in(&mut b, &on(i), "backup", 2);
                b.wait(if round == 0 { 400.0 } else { 10.0 });
            }
            b.wait(7200.0);
        }
        assert!(b.found.is_empty(), "one by one at first, then every day: {:?}", b.found);
        for i in 20..25 {
            log_in(&mut b, &on(i), "", 2);
            log_in(&mut b, &on(i), "anna", 2);
            b.wait(10.0);
        }
        assert_eq!((b.alerts(), b.last().evidence["hosts"].as_u64()), (1, Some(5)));
    }

    #[test]
    fn listing_again_and_again_is_told() {
        let mut b = Bench::<SmbAbuse>::new();
        for i in 0..19 {
            call(&mut b, &smb("10.0.0.5", "10.0.0.9"), Interface::ServerService, 15);
            b.wait(if i == 9 { 70.0 } else { 1.0 });
        }
        assert!(b.found.is_empty());
        for _ in 0..20 {
            call(&mut b, &smb("10.0.0.5", "10.0.0.9"), Interface::Samr, 13);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
    }

    #[test]
    fn the_old_version_is_low_and_one_alert_per_pair() {
        let mut b = Bench::<SmbAbuse>::new();
        for _ in 0..5 {
            let tree = Said::Tree { share: "scans", status: 0, version: 1 };
            b.see(&Observation::Smb(&smb("10.0.0.30", "10.0.0.9"), &tree));
            log_in(&mut b, &smb("10.0.0.30", "10.0.0.9"), "scan", 1);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Low));
    }

    #[test]
    fn a_flood_of_made_up_sources_and_targets_stays_within_its_tables() {
        let mut b = Bench::<SmbAbuse>::with(&SmbAbuseSettings::default(), 64);
        for i in 0..20_000u32 {
            let mut flow = smb("10.0.0.5", "10.0.0.9");
            flow.client = Ip::v4(i.to_be_bytes());
            flow.server = ip("10.0.0.9");
            log_in(&mut b, &flow, "x", 2);
            call(&mut b, &flow, Interface::ServerService, 15);
        }
        assert!(b.found.is_empty() && b.detector.sources.len() <= 16 && b.detector.familiar.len() <= 32);
    }
}
