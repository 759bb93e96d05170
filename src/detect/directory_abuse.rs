//! `directory_abuse`: somebody maps the Windows domain, or asks a domain controller for what only another one may have.
//!
//! Evidence:
//! - readable LDAP searches that attackers make and users do not: accounts with service names, without pre-authentication,
//!   trusted for delegation, administrators, trusts, local administrators' passwords; many of them, or of many sorts;
//! - `DRSGetNCChanges`, the copying of password hashes (DCSync), by a host that is no domain controller. One is known by
//!   what it serves: Kerberos, directory replication, the global catalogue, answers to CLDAP. In the first ten minutes, while
//!   not all are known, it also takes the questions that tools ask first (`DRSCrackNames`, `DRSDomainControllerInfo`);
//! - many attempts at `NetrServerAuthenticate` (Zerologon, CVE-2020-1472): a computer needs one.
//!
//! Known false alarms: a directory synchronisation (Entra Connect) copies hashes on purpose; an inventory of the domain.
//! Not one: log-ins, group policy, address books, one search for administrators.

use super::settings::settings;
use super::window::{Distinct, Pace, Tick};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{Flow, proto};
use crate::wire::kerberos;
use crate::wire::ldap::{Condition, Said, Search};
use crate::wire::rpc::{Interface, Said as Rpc};
use crate::words::{Sentence, Words, say, words};

settings! {
    /// Settings of `directory_abuse`.
    DirectoryAbuseSettings {
        /// Searches of one host within `seconds` that look for what attackers look for. 5 to 30; programs of administrators
        /// make one or two.
        searches: u32 = 20, 5..=30;
        /// Window for `searches`, seconds, 10 to 3600.
        seconds: u32 = 60, 10..=3600;
        /// Different sorts of such searches of one host within five minutes. 3 to 8; tools that map a domain ask for all.
        sorts: u32 = 4, 3..=8;
        /// Attempts of one host at `NetrServerAuthenticate` within 60 s. 8 to 30; a computer needs one a day, and the
        /// attack takes 256 on average.
        netlogon_attempts: u32 = 20, 8..=30;
    }
}

/// What `sorts` is counted in, seconds.
const SORTS_WINDOW: u32 = 300;
/// What attempts at Netlogon are counted in, seconds.
const NETLOGON_WINDOW: u32 = 60;
/// Until all domain controllers are known by what they serve, seconds.
const SETTLED: u64 = 600;

/// What a search is after.
const SORTS: [Words; 8] = [
    words("accounts with service names", "accounts van diensten"),
    words("accounts without pre-authentication or password", "accounts zonder wachtwoord of controle vooraf"),
    words("delegation", "overgedragen rechten"),
    words("administrators", "beheerders"),
    words("trusts", "vertrouwde domeinen"),
    words("local administrators' passwords", "wachtwoorden van lokale beheerders"),
    words("permissions of the whole tree", "rechten in de hele boom"),
    words("managed passwords and certificates", "beheerde wachtwoorden en certificaten"),
];

/// A way of abuse: an incident of its own, and its stage of an attack.
struct Way {
    name: &'static str,
    severity: Severity,
    mitre: &'static [&'static str],
}

const ENUMERATION: Way =
    Way { name: "enumeration", severity: Severity::High, mitre: &["T1087.002", "T1482"] };
const COPYING: Way = Way { name: "DCSync", severity: Severity::Critical, mitre: &["T1003.006"] };
const ZEROLOGON: Way = Way { name: "Zerologon", severity: Severity::Critical, mitre: &["T1210"] };

/// What one host asks of the directory: about 700 bytes.
#[derive(Default)]
struct Asker {
    searches: Distinct<32>,
    sorts: Distinct<8>,
    attempts: Distinct<32>,
    number: u32,
    copies: u32,
    /// It asked what tools ask before they copy.
    prepared: Option<Tick>,
    paces: [Pace; 3],
}

/// See the module.
pub struct DirectoryAbuse {
    settings: DirectoryAbuseSettings,
    askers: Bounded<Ip, Asker>,
    controllers: Bounded<Ip, ()>,
}

impl Detector for DirectoryAbuse {
    const KIND: Kind = Kind {
        id: "directory_abuse",
        severity: Severity::High,
        mitre: &["T1087.002", "T1482", "T1003.006", "T1210"],
        en: Texts {
            title: "Attack on the domain directory",
            what: "A computer maps the accounts of the Windows domain, or asks a domain controller for passwords that only another domain controller may have.",
            why: "It made searches of the kind that attackers make, asked for the copying of accounts without being a domain controller, or tried again and again to pass for another computer.",
            harmless: "A synchronisation with a cloud directory, which copies passwords on purpose, or a security scan or inventory of your own.",
            todo: "Disconnect the source at once if you do not know it. After copying of accounts, change all passwords of the domain, that of krbtgt twice; install the updates of the domain controllers.",
            silence: "Mute directory_abuse with this computer as the source, for example the synchronisation server.",
        },
        nl: Texts {
            title: "Aanval op het domein",
            what: "Een computer brengt de accounts van het Windows-domein in kaart, of vraagt een domeincontroller om wachtwoorden die alleen een andere domeincontroller mag hebben.",
            why: "Hij deed zoekopdrachten zoals aanvallers die doen, vroeg om een kopie van accounts zonder domeincontroller te zijn, of probeerde keer op keer voor een andere computer door te gaan.",
            harmless: "Een synchronisatie met een clouddirectory, die met opzet wachtwoorden kopieert, of een eigen beveiligingsscan of inventarisatie.",
            todo: "Koppel de bron meteen los als u hem niet kent. Zijn er accounts gekopieerd, wijzig dan alle wachtwoorden van het domein, dat van krbtgt twee keer, en werk de domeincontrollers bij.",
            silence: "Demp directory_abuse met deze computer als bron, bijvoorbeeld de synchronisatieserver.",
        },
    };
    const INTEREST: u64 = interest::LDAP | interest::RPC | interest::KERBEROS | interest::FLOW_ANSWERED;
    type Settings = DirectoryAbuseSettings;

    fn new(settings: &DirectoryAbuseSettings, keys: usize) -> Self {
        DirectoryAbuse {
            settings: settings.clone(),
            askers: Bounded::new((keys / 16).max(16)),
            controllers: Bounded::new((keys / 32).max(16)),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::Ldap(flow, Said::Search(search)) => self.searched(cx, flow, search, out),
            Observation::Rpc(flow, said) => self.called(cx, flow, said, out),
            Observation::Kerberos(flow, kerberos::Said::Granted { .. } | kerberos::Said::Refused { .. }) => {
                self.serves(if flow.client_port == 88 { flow.client } else { flow.server });
            }
            Observation::FlowAnswered(flow)
                if matches!(
                    (flow.protocol, flow.server_port),
                    (_, 88) | (proto::TCP, 3268) | (proto::UDP, 389)
                ) =>
            {
                self.serves(flow.server);
            }
            _ => {}
        }
    }
}

/// Which of [`SORTS`] a search belongs to; bits.
fn sorts(search: &Search<'_>) -> u8 {
    let conditions = search.conditions().fold(0, |bits, condition| bits | sort_of(&condition));
    let is = |attribute: &[u8], names: &[&str]| {
        names.iter().any(|name| attribute.eq_ignore_ascii_case(name.as_bytes()))
    };
    search.attributes().fold(conditions, |bits, a| {
        bits | match () {
            () if is_local_password(a) => 1 << 5,
            () if search.scope == 2 && is(a, &["ntsecuritydescriptor"]) => 1 << 6,
            () if is(a, &["msds-managedpassword", "msds-groupmsamembership"]) => 1 << 7,
            () if is(a, &["msds-allowedtoactonbehalfofotheridentity", "msds-allowedtodelegateto"]) => 1 << 2,
            () => 0,
        }
    })
}

fn is_local_password(attribute: &[u8]) -> bool {
    let starts = |name: &[u8]| attribute.get(..name.len()).is_some_and(|a| a.eq_ignore_ascii_case(name));
    starts(b"ms-mcs-admpwd") || starts(b"mslaps-")
}

fn sort_of(condition: &Condition<'_>) -> u8 {
    /// Tests whether all of these bits are set (MS-ADTS 3.1.1.3.4.4.1).
    const ALL_BITS: &[u8] = b"1.2.840.113556.1.4.803";
    let attribute = condition.attribute.to_ascii_lowercase();
    let value = condition.value.to_ascii_lowercase();
    match (&attribute[..], &value[..]) {
        (b"serviceprincipalname", b"" | b"*") => 1 << 0,
        (b"useraccountcontrol", b"4194304" | b"32") if condition.rule == ALL_BITS => 1 << 1,
        (b"useraccountcontrol", b"524288" | b"16777216") if condition.rule == ALL_BITS => 1 << 2,
        (b"msds-allowedtodelegateto" | b"msds-allowedtoactonbehalfofotheridentity", _) => 1 << 2,
        (b"admincount", b"1") => 1 << 3,
        (b"objectclass" | b"objectcategory", b"trusteddomain") => 1 << 4,
        (b"objectclass" | b"objectcategory", b"pkienrollmentservice" | b"pkicertificatetemplate") => 1 << 7,
        (b"objectclass", b"msds-groupmanagedserviceaccount") => 1 << 7,
        _ if is_local_password(&attribute) => 1 << 5,
        _ => 0,
    }
}

impl DirectoryAbuse {
    fn serves(&mut self, host: Ip) {
        self.controllers.entry(host, || ());
    }

    fn searched(&mut self, cx: &Context<'_>, flow: &Flow, search: &Search<'_>, out: &mut Findings) {
        let (s, now, sorts) = (&self.settings, cx.tick(), sorts(search));
        if sorts == 0 || self.controllers.get(&flow.client).is_some() {
            return;
        }
        let (asker, _) = self.askers.entry(flow.client, Asker::default);
        asker.number = asker.number.wrapping_add(1);
        *asker.searches.seen(asker.number, now).0 = 1;
        for sort in (0..8).filter(|sort| sorts >> sort & 1 == 1) {
            *asker.sorts.seen(sort, now).0 = 1;
        }
        let searches = asker.searches.within(now, s.seconds).0;
        let kinds = asker.sorts.within(now, SORTS_WINDOW).0;
        if (searches < s.searches && kinds < s.sorts) || !asker.paces[0].due(now) {
            return;
        }
        let latest = SORTS[sorts.trailing_zeros() as usize % SORTS.len()];
        let summary = say!(
            "{} searched the directory at {} for {kinds} sorts of things that attackers look for, lately {latest}",
            "{} doorzocht de adreslijst op {} naar {kinds} soorten gegevens waar aanvallers op uit zijn, het laatst {latest}",
            flow.client,
            flow.server;
            latest
        );
        let evidence = evidence! {
            "searches" => searches, "threshold" => s.searches, "window_s" => s.seconds,
            "sorts" => kinds, "threshold_sorts" => s.sorts, "window_sorts_s" => SORTS_WINDOW,
            "example" => latest.en,
        };
        push(flow, &ENUMERATION, summary, evidence, out);
    }

    fn called(&mut self, cx: &Context<'_>, flow: &Flow, said: &Rpc, out: &mut Findings) {
        match (said.calls(Interface::Replication), said.calls(Interface::Netlogon)) {
            // DRSCrackNames, DRSDomainControllerInfo.
            (Some(12 | 16), _) if self.controllers.get(&flow.client).is_none() => {
                self.askers.entry(flow.client, Asker::default).0.prepared = Some(cx.tick());
            }
            (Some(3), _) => self.copies(cx, flow, out),
            // NetrServerAuthenticate, …2 and …3.
            (_, Some(5 | 15 | 26)) => self.authenticates(cx, flow, out),
            _ => {}
        }
        if said.calls(Interface::Replication).is_some() {
            self.serves(flow.server);
        }
    }

    fn copies(&mut self, cx: &Context<'_>, flow: &Flow, out: &mut Findings) {
        if self.controllers.get(&flow.client).is_some() {
            return;
        }
        let now = cx.tick();
        let (asker, _) = self.askers.entry(flow.client, Asker::default);
        asker.copies = asker.copies.saturating_add(1);
        let prepared = asker.prepared.is_some_and(|at| now.within(at, SORTS_WINDOW));
        if (!prepared && cx.lookup.learning_for() < SETTLED) || !asker.paces[1].due(now) {
            return;
        }
        let summary = say!(
            "{} is no domain controller and had {} send it accounts with their password hashes",
            "{} is geen domeincontroller en liet {} accounts met hun versleutelde wachtwoorden sturen",
            flow.client,
            flow.server
        );
        let evidence = evidence! {
            "operation" => "DRSGetNCChanges", "interface" => "drsuapi", "prepared" => prepared,
            "calls" => asker.copies, "threshold" => 1,
        };
        push(flow, &COPYING, summary, evidence, out);
    }

    fn authenticates(&mut self, cx: &Context<'_>, flow: &Flow, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        let (asker, _) = self.askers.entry(flow.client, Asker::default);
        asker.number = asker.number.wrapping_add(1);
        *asker.attempts.seen(asker.number, now).0 = 1;
        let attempts = asker.attempts.within(now, NETLOGON_WINDOW).0;
        if attempts < s.netlogon_attempts || !asker.paces[2].due(now) {
            return;
        }
        let summary = say!(
            "{} tried {attempts} times or more to pass for another computer at the domain controller {} (Zerologon)",
            "{} probeerde zich {attempts} keer of vaker bij domeincontroller {} voor te doen als een andere computer (Zerologon)",
            flow.client,
            flow.server
        );
        let evidence = evidence! {
            "operation" => "NetrServerAuthenticate", "attempts" => attempts,
            "threshold" => s.netlogon_attempts, "window_s" => NETLOGON_WINDOW,
        };
        push(flow, &ZEROLOGON, summary, evidence, out);
    }
}

fn push(flow: &Flow, way: &Way, summary: Sentence, evidence: crate::alert::Evidence, out: &mut Findings) {
    let parts = [ip_part(flow.client), super::text_part(way.name)];
    let mut finding = DirectoryAbuse::KIND.finding(way.severity, &parts, summary, evidence);
    finding.evidence.insert("way".to_owned(), way.name.into());
    finding.mitre = way.mitre;
    let target = Subject::endpoint(flow.server, flow.server_port);
    out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{self, Bench, ip, tcp};
    use crate::wire::ldap;
    use crate::wire::ldap::tests::{equal, search_for, tlv};
    use crate::wire::rpc::Event;

    fn searches(b: &mut Bench<DirectoryAbuse>, client: &str, filter: &[u8], attributes: &[&str]) {
        let bytes = search_for(filter, attributes);
        let said = ldap::message(&bytes).expect("a search");
        b.see(&Observation::Ldap(&tcp(client, "10.0.0.2", 389), &said));
        b.wait(1.0);
    }

    fn calls(b: &mut Bench<DirectoryAbuse>, client: &str, interface: Interface, opnum: u16) {
        let said = Rpc { interface, event: Event::Request { opnum } };
        b.see(&Observation::Rpc(&tcp(client, "10.0.0.2", 49_667), &said));
    }

    #[test]
    fn many_searches_for_service_accounts_are_one_alert() {
        let mut b = Bench::<DirectoryAbuse>::new();
        for _ in 0..30 {
            searches(&mut b, "10.0.0.66", &tlv(0x87, &[b"servicePrincipalName"]), &["cn"]);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
    }

    #[test]
    fn a_tool_that_asks_for_everything_is_found_by_the_sorts() {
        let mut b = Bench::<DirectoryAbuse>::new();
        searches(&mut b, "10.0.0.66", &tlv(0x87, &[b"servicePrincipalName"]), &[]);
        searches(&mut b, "10.0.0.66", &equal("objectClass", "trustedDomain"), &[]);
        searches(&mut b, "10.0.0.66", &equal("adminCount", "1"), &[]);
        assert!(b.found.is_empty());
        searches(&mut b, "10.0.0.66", &equal("objectClass", "computer"), &["ms-Mcs-AdmPwd"]);
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn address_books_log_ins_and_a_look_at_the_administrators_are_none() {
        let mut b = Bench::<DirectoryAbuse>::new();
        for i in 0..200 {
            let name = format!("user{i}");
            searches(&mut b, "10.0.0.20", &equal("sAMAccountName", &name), &["mail", "memberOf"]);
            searches(&mut b, "10.0.0.20", &equal("servicePrincipalName", "HOST/pc1"), &["cn"]);
        }
        searches(&mut b, "10.0.0.21", &equal("adminCount", "1"), &[]);
        assert!(b.found.is_empty());
    }

    #[test]
    fn copying_by_a_controller_is_none_and_by_another_host_critical() {
        let mut b = Bench::<DirectoryAbuse>::new();
        let mut serves = tcp("10.0.0.20", "10.0.0.3", 88);
        serves.packets_down = 1;
        b.see(&Observation::FlowAnswered(&serves));
        calls(&mut b, "10.0.0.3", Interface::Replication, 3);
        assert!(b.found.is_empty());
        calls(&mut b, "10.0.0.66", Interface::Replication, 3);
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Critical));
        assert_eq!(b.last().source, Some(Subject::ip(ip("10.0.0.66"))));
    }

    #[test]
    fn in_the_first_minutes_only_a_prepared_copy_is_told() {
        let mut b = Bench::<DirectoryAbuse>::new();
        b.known.learning_s = 30;
        calls(&mut b, "10.0.0.66", Interface::Replication, 3);
        assert!(b.found.is_empty());
        calls(&mut b, "10.0.0.66", Interface::Replication, 12);
        calls(&mut b, "10.0.0.66", Interface::Replication, 3);
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn hundreds_of_attempts_at_netlogon_are_found_and_a_restart_of_computers_is_not() {
        let mut b = Bench::<DirectoryAbuse>::new();
        for i in 0..60 {
            calls(&mut b, &format!("10.0.1.{i}"), Interface::Netlogon, 26);
        }
        assert!(b.found.is_empty());
        for _ in 0..256 {
            calls(&mut b, "10.0.0.66", Interface::Netlogon, 4);
            calls(&mut b, "10.0.0.66", Interface::Netlogon, 15);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Critical));
    }

    #[test]
    fn a_flood_of_made_up_hosts_stays_within_its_tables() {
        let mut b = Bench::<DirectoryAbuse>::with(&DirectoryAbuseSettings::default(), 64);
        let said = Rpc { interface: Interface::Netlogon, event: Event::Request { opnum: 15 } };
        for i in 0..20_000u32 {
            let flow = bench::flow(Ip::v4(i.to_be_bytes()), 4000, Ip::v4((i * 7).to_be_bytes()), 88, 6);
            b.see(&Observation::Rpc(&flow, &said));
            b.see(&Observation::FlowAnswered(&flow));
        }
        let d = &b.detector;
        assert!(b.found.is_empty() && d.askers.len() <= 16 && d.controllers.len() <= 16);
    }
}
