//! `lateral_movement`: from one machine inside on to the others.
//!
//! Two rules, one alert per source. It spreads: it uses the doors of administrators (SSH, Windows RPC and file sharing,
//! RDP, WinRM) on many hosts inside within minutes, none of which it used before. It executes: it runs programs on another
//! host by WinRM (PowerShell remoting), or by RPC over TCP (a service, a task, WMI, a DCOM object); through SMB pipes that
//! is `smb_abuse`.
//!
//! A door counts as used when a session went on past its log-in: looking whether it is open (scanners, monitoring) does
//! not count, nor guessing passwords (`brute_force`), nor a session without a name (file managers that browse the
//! network). A host that several others use is a server: going there is no spreading. Log-ins by NTLM alone are
//! `smb_abuse`'s to tell.
//!
//! Pairs that dealt with each other before are remembered for a month, so a management server, Ansible or a backup is
//! new once and then part of the house.
//!
//! Known false alarms: the first run of such a tool on many hosts; an administrator's first PowerShell session to a
//! server. Not one: a file manager that looks at two NAS boxes, event forwarding by WinRM, WMI queries of monitoring.

use super::familiar::Familiar;
use super::settings::settings;
use super::window::{Distinct, Pace};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Evidence, Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{App, Flow, State, proto};
use crate::wire::http::Request;
use crate::wire::login::Outcome;
use crate::wire::rpc::{self, Event, Interface};
use crate::wire::smb::Said;
use crate::words::{Sentence, Words, say, words};

settings! {
    /// Settings of `lateral_movement`.
    LateralMovementSettings {
        /// Inside hosts whose administration ports one inside host uses within `seconds`, none of them used by it before.
        /// 3 to 16; people use one or two.
        hosts: u32 = 5, 3..=16;
        /// The window, seconds, 60 to 3600.
        seconds: u32 = 300, 60..=3600;
        /// Whether running programs from afar by WinRM or RPC is told of, the first time for each pair of hosts.
        remote_execution: bool = true;
    }
}

/// SSH, RPC, NetBIOS and SMB, RDP, WinRM.
const DOORS: [u16; 7] = [22, 135, 139, 445, 3389, 5985, 5986];
/// How a host was entered: by NTLM over SMB, or otherwise.
const BY_NTLM: u8 = 1;
const OTHERWISE: u8 = 2;
/// Hosts that use one host's doors within `SERVER_SECONDS` that make it a server.
const SERVER: u32 = 3;
const SERVER_SECONDS: u32 = 7 * 86_400;
/// So many hosts on which programs are run make it high.
const MANY: u32 = 3;

/// What one source did: about 170 bytes.
#[derive(Default)]
struct Mover {
    spread: Distinct<16>,
    executed: Distinct<8>,
    pace: Pace,
    executing: Pace,
}

const REMOTING: Words = words("PowerShell remoting (WinRM)", "PowerShell op afstand (WinRM)");

/// See the module.
pub struct LateralMovement {
    settings: LateralMovementSettings,
    movers: Bounded<Ip, Mover>,
    servers: Bounded<Ip, Distinct<4>>,
    used: Familiar,
    executed: Familiar,
}

impl Detector for LateralMovement {
    const KIND: Kind = Kind {
        id: "lateral_movement",
        severity: Severity::High,
        mitre: &["T1021", "T1047", "T1570"],
        en: Texts {
            title: "Spreading through the network",
            what: "One device inside the network logs in on, or runs programs on, other devices that it had nothing to do with before. Intruders who have taken one machine go on like this to the next.",
            why: "Within minutes it used the administration ports (SSH, remote desktop, file sharing, WinRM, RPC) of several devices for the first time, or ran something on one from afar for the first time.",
            harmless: "An administrator or a management tool at work for the first time: Ansible, a new backup server, PowerShell remoting, a software roll-out.",
            todo: "Ask whoever uses that device whether this was them. If not, disconnect it, check it for malware, and look at what happened on each of the devices it reached.",
            silence: "Mute lateral_movement with the managing device as the source.",
        },
        nl: Texts {
            title: "Verspreiding door het netwerk",
            what: "Eén apparaat binnen het netwerk meldt zich aan op andere apparaten waar het eerder niets mee te maken had, of voert er programma's op uit. Indringers die één machine hebben, gaan zo door naar de volgende.",
            why: "Binnen enkele minuten gebruikte het voor het eerst de beheerpoorten (SSH, extern bureaublad, bestandsdeling, WinRM, RPC) van meerdere apparaten, of voerde het er voor het eerst op afstand iets op uit.",
            harmless: "Een beheerder of beheerprogramma dat voor het eerst aan het werk is: Ansible, een nieuwe back-upserver, PowerShell op afstand, een uitrol van software.",
            todo: "Vraag wie dat apparaat gebruikt of dit de bedoeling was. Zo niet, koppel het dan los, controleer het op malware en kijk wat er is gebeurd op elk apparaat dat het heeft bereikt.",
            silence: "Demp lateral_movement met het beherende apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::SMB | interest::RPC | interest::HTTP | interest::FLOW_ENDED;
    type Settings = LateralMovementSettings;

    fn new(settings: &LateralMovementSettings, keys: usize) -> Self {
        LateralMovement {
            settings: settings.clone(),
            movers: Bounded::new((keys / 8).max(16)),
            servers: Bounded::new((keys / 8).max(16)),
            used: Familiar::new(keys.max(16)),
            executed: Familiar::new((keys / 4).max(16)),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::Smb(flow, Said::Session(login)) if login.outcome == Some(Outcome::Accepted) => {
                self.entered(cx, flow, if login.ntlm.is_some() { BY_NTLM } else { OTHERWISE }, out);
            }
            Observation::FlowEnded(flow) if is_let_in(flow) => self.entered(cx, flow, OTHERWISE, out),
            Observation::HttpRequest(flow, request) if is_remoting(request) => {
                self.entered(cx, flow, OTHERWISE, out);
                self.ran(cx, flow, REMOTING, Severity::Medium, out);
            }
            Observation::Rpc(flow, said) if flow.app == App::Rpc => {
                if said.event == Event::Bind {
                    self.entered(cx, flow, OTHERWISE, out);
                } else if let Some((by, severity)) = runs(said) {
                    self.ran(cx, flow, by, severity, out);
                }
            }
            _ => {}
        }
    }
}

/// Whether a session that is over got past its log-in, by its size: see `brute_force` for how large refused ones are.
fn is_let_in(flow: &Flow) -> bool {
    let (up, down) = (flow.payload_up, flow.payload_down);
    match (flow.app, flow.server_port) {
        (App::Smb, _) => false,
        (App::Ssh, _) => up > 3300 || down > 3600,
        (_, 3389) => down > 8000,
        _ => true,
    }
}

/// Whether a request runs commands by WinRM. Event forwarding, queries of monitoring and server consoles name no version;
/// the Ruby client is what intruders' shells are made with.
fn is_remoting(request: &Request) -> bool {
    let target = request.target.to_ascii_lowercase();
    let ruby = || request.user_agent.as_ref().is_some_and(|agent| agent.starts_with("Ruby WinRM"));
    request.method == "POST" && (target.starts_with("/wsman?psversion=") || target == "/wsman" && ruby())
}

/// What a call runs, and how sure it is that it runs something.
fn runs(said: &rpc::Said) -> Option<(Words, Severity)> {
    let Event::Request { opnum } = said.event else { return None };
    match (said.interface, opnum) {
        (Interface::Services, 12 | 24 | 44 | 45 | 60) => {
            Some((words("a new service", "een nieuwe dienst"), Severity::High))
        }
        (Interface::AtJobs, 0) | (Interface::Tasks, 1) => {
            Some((words("a new scheduled task", "een nieuwe geplande taak"), Severity::High))
        }
        (Interface::Wmi, 24 | 25) => Some((words("WMI", "WMI"), Severity::Medium)),
        (Interface::Dispatch, 6) => Some((words("a DCOM object", "een DCOM-object"), Severity::Medium)),
        _ => None,
    }
}

impl LateralMovement {
    /// A door was used: both sides have something to say.
    fn entered(&mut self, cx: &Context<'_>, flow: &Flow, how: u8, out: &mut Findings) {
        let spoken = flow.payload_up > 0 && (flow.payload_down > 0 || flow.app != App::Unknown);
        let door = DOORS.contains(&flow.server_port) || flow.app == App::Rpc;
        let inside = cx.inside.contains(flow.client) && cx.inside.contains(flow.server);
        let known = flow.protocol == proto::TCP && flow.state != State::Refused && flow.client != flow.server;
        if !(door && inside && known && spoken) {
            return;
        }
        let (s, now) = (&self.settings, cx.tick());
        let clients = self.servers.entry(flow.server, Distinct::default).0;
        clients.seen(ip_part(flow.client) as u32, now);
        let server = clients.held(now, SERVER_SECONDS) >= SERVER;
        if self.used.meet(flow.client, flow.server, now) || server {
            return;
        }
        let mover = self.movers.entry(flow.client, Mover::default).0;
        let held = mover.spread.seen(ip_part(flow.server) as u32, now).0;
        *held = how.max(*held);
        let (hosts, ways) = mover.spread.within(now, s.seconds);
        if hosts < s.hosts || ways == hosts * u32::from(BY_NTLM) || !mover.pace.due(now) {
            return;
        }
        let (client, server, port, seconds) = (flow.client, flow.server, flow.server_port, s.seconds);
        let summary = say!(
            "{client} uses administration ports of {hosts} hosts or more in {seconds} s for the first time, most recently {server} port {port}",
            "{client} gebruikt binnen {seconds} s voor het eerst de beheerpoorten van {hosts} of meer apparaten, het laatst {server} poort {port}"
        );
        let evidence =
            evidence! { "hosts" => hosts, "threshold" => s.hosts, "window_s" => s.seconds, "port" => port };
        tell(flow, Severity::High, summary, evidence, out);
    }

    fn ran(&mut self, cx: &Context<'_>, flow: &Flow, by: Words, severity: Severity, out: &mut Findings) {
        let inside = cx.inside.contains(flow.client) && cx.inside.contains(flow.server);
        if !self.settings.remote_execution || !inside || flow.client == flow.server {
            return;
        }
        let now = cx.tick();
        if self.executed.meet(flow.client, flow.server, now) {
            return;
        }
        let mover = self.movers.entry(flow.client, Mover::default).0;
        *mover.executed.seen(ip_part(flow.server) as u32, now).0 = 1;
        if !mover.executing.due(now) {
            return;
        }
        let hosts = mover.executed.within(now, self.settings.seconds).0;
        let severity = if hosts >= MANY { Severity::High } else { severity };
        let summary = say!(
            "{} runs programs on {} by {by}; that is new between them, {hosts} such in {} s",
            "{} voert programma's uit op {} via {by}; dat is nieuw tussen die twee, {hosts} keer binnen {} s",
            flow.client,
            flow.server,
            self.settings.seconds;
            by
        );
        let evidence = evidence! { "by" => by.en, "hosts" => hosts, "window_s" => self.settings.seconds };
        tell(flow, severity, summary, evidence, out);
    }
}

fn tell(flow: &Flow, severity: Severity, summary: Sentence, evidence: Evidence, out: &mut Findings) {
    let finding = LateralMovement::KIND.finding(severity, &[ip_part(flow.client)], summary, evidence);
    let target = Subject::endpoint(flow.server, flow.server_port);
    out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, tcp};
    use crate::wire::ntlm::User;
    use crate::wire::smb::Login;
    use crate::wire::utf16::Text;

    /// A connection that was used and is over.
    fn used(server: &str, port: u16) -> Flow {
        Flow { payload_up: 5000, payload_down: 20_000, state: State::Closed, ..tcp("10.0.0.5", server, port) }
    }

    fn enter(b: &mut Bench<LateralMovement>, last: u32, port: u16) {
        b.see(&Observation::FlowEnded(&used(&format!("10.0.0.{last}"), port)));
    }

    fn post(path: &str) -> Request {
        Request { method: "POST".into(), target: path.into(), ..Request::default() }
    }

    #[test]
    fn five_new_hosts_in_five_minutes_are_one_alert_four_are_none() {
        let mut b = Bench::<LateralMovement>::new();
        for i in 10..14 {
            enter(&mut b, i, 445);
            enter(&mut b, i, 22);
            b.wait(20.0);
        }
        assert!(b.found.is_empty());
        for i in 14..30 {
            enter(&mut b, i, 3389);
            b.wait(5.0);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
    }

    #[test]
    fn looking_whether_ports_are_open_and_other_ports_do_not_count() {
        let mut b = Bench::<LateralMovement>::new();
        for i in 10..60 {
            let flow = used(&format!("10.0.0.{i}"), 22);
            b.see(&Observation::FlowEnded(&Flow { payload_up: 0, ..flow.clone() }));
            b.see(&Observation::FlowEnded(&Flow { server: ip("198.51.100.7"), ..flow }));
            enter(&mut b, i, 443);
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_management_server_is_new_once_and_then_part_of_the_house() {
        let mut b = Bench::<LateralMovement>::new();
        for i in 10..30 {
            enter(&mut b, i, 22);
            b.wait(400.0);
        }
        b.wait(3600.0);
        for i in 10..30 {
            enter(&mut b, i, 22);
            enter(&mut b, i, 5986);
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_server_that_several_hosts_use_is_no_step_of_spreading() {
        let mut b = Bench::<LateralMovement>::new();
        for client in 1..20 {
            for server in 100..110 {
                let flow = Flow {
                    client: ip(&format!("10.0.0.{client}")),
                    ..used(&format!("10.0.0.{server}"), 445)
                };
                if client > 3 || server == 100 + client {
                    b.see(&Observation::FlowEnded(&flow));
                }
            }
        }
        assert!(b.alerts() <= 3, "the first ones to come, at most: {:?}", b.found);
    }

    #[test]
    fn ntlm_alone_is_left_to_the_kind_that_tells_of_it() {
        let mut b = Bench::<LateralMovement>::new();
        let user = User { domain: Text::EMPTY, user: Text::oem(b"anna"), workstation: Text::EMPTY };
        let session = |b: &mut Bench<LateralMovement>, last: u8, ntlm| {
            let flow = Flow { app: App::Smb, ..used(&format!("10.0.0.{last}"), 445) };
            let login = Login { outcome: Some(Outcome::Accepted), ntlm, version: 2 };
            b.see(&Observation::Smb(&flow, &Said::Session(&login)));
            b.see(&Observation::FlowEnded(&flow));
        };
        (10..18).for_each(|last| session(&mut b, last, Some(&user)));
        assert!(b.found.is_empty());
        session(&mut b, 18, None);
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn powershell_from_afar_is_told_once_per_pair_and_event_forwarding_never() {
        let mut b = Bench::<LateralMovement>::new();
        let flow = tcp("10.0.0.5", "10.0.0.9", 5985);
        for path in ["/wsman/SubscriptionManager/WEC", "/wsman/subscriptions/1/2", "/wsman"] {
            b.see(&Observation::HttpRequest(&flow, &post(path)));
        }
        assert!(b.found.is_empty());
        for _ in 0..3 {
            b.see(&Observation::HttpRequest(&flow, &post("/wsman?PSVersion=5.1.19041.1")));
            b.wait(2.0);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
        let before = b.found.len();
        b.wait(7200.0);
        b.see(&Observation::HttpRequest(&flow, &post("/wsman?PSVersion=5.1.19041.1")));
        assert_eq!(b.found.len(), before, "known by now");
    }

    #[test]
    fn a_service_made_by_rpc_is_high_and_wmi_queries_are_none() {
        let mut b = Bench::<LateralMovement>::new();
        let flow = Flow { app: App::Rpc, ..tcp("10.0.0.5", "10.0.0.9", 49_670) };
        let mut call = |interface, opnum| {
            b.see(&Observation::Rpc(&flow, &rpc::Said { interface, event: Event::Request { opnum } }));
        };
        call(Interface::Wmi, 20);
        call(Interface::Netlogon, 12);
        call(Interface::Services, 24);
        assert_eq!((b.found.len(), b.last().severity), (1, Severity::High));
    }

    #[test]
    fn a_flood_of_made_up_hosts_stays_within_its_tables() {
        let mut b = Bench::<LateralMovement>::with(&LateralMovementSettings::default(), 64);
        for i in 0..20_000u32 {
            let host = Ip::v4((0x0a00_0000 | i).to_be_bytes());
            b.see(&Observation::FlowEnded(&Flow { client: host, ..used("10.0.0.9", 22) }));
            b.see(&Observation::FlowEnded(&Flow { server: host, ..used("10.0.0.9", 22) }));
        }
        assert!(b.alerts() <= 1 && b.detector.movers.len() <= 16 && b.detector.used.len() <= 64);
    }
}
