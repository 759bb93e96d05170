//! `suspicious_agent`: a program that calls itself an attack tool fetches web pages.
//!
//! Evidence: the User-Agent of an HTTP request names a scanner or an attack tool. Who hides that name is not seen here,
//! and package managers, monitors and programming libraries are no attack tools.
//!
//! Known false alarms: your own security check.

use super::settings::settings;
use super::window::{Distinct, Pace};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part, text_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::Flow;
use crate::words::say;

settings! {
    /// Settings of `suspicious_agent`.
    SuspiciousAgentSettings {
        /// More names of programs to look for, lower case, at least four letters each.
        more: Vec<String> = Vec::new();
        /// Names that are fine here, such as `nuclei` for a scanner of your own.
        allowed: Vec<String> = Vec::new();
    }
}

/// Names that attack tools give themselves.
const TOOLS: [&str; 39] = [
    "sqlmap",
    "nikto",
    "masscan",
    "zgrab",
    "nuclei",
    "gobuster",
    "dirbuster",
    "dirb/",
    "dirsearch",
    "wpscan",
    "hydra",
    "nmap scripting engine",
    "feroxbuster",
    "ffuf",
    "fuzz faster u fool",
    "wfuzz",
    "whatweb",
    "openvas",
    "nessus",
    "acunetix",
    "netsparker",
    "arachni",
    "w3af",
    "havij",
    "sqlninja",
    "sqlsus",
    "commix",
    "joomscan",
    "droopescan",
    "skipfish",
    "metasploit",
    "burpcollaborator",
    "morfeus",
    "jorgee",
    "zmeu",
    "hello, world",
    "slowloris",
    "loic",
    "paros/",
];

/// What one client said of itself.
#[derive(Default)]
struct Caller {
    requests: u32,
    servers: Distinct<16>,
    pace: Pace,
}

/// Texts remembered as harmless.
const HARMLESS: usize = 128;

/// See the module.
pub struct SuspiciousAgent {
    settings: SuspiciousAgentSettings,
    callers: Bounded<(Ip, u64), Caller>,
    /// Texts in which no tool is named: browsers send the same ones all day.
    harmless: Bounded<u64, ()>,
}

impl Detector for SuspiciousAgent {
    const KIND: Kind = Kind {
        id: "suspicious_agent",
        severity: Severity::Low,
        mitre: &["T1595.002"],
        en: Texts {
            title: "Attack tool",
            what: "A program that calls itself an attack tool or a scanner asked a web server for pages.",
            why: "Its requests carry the name of a known tool.",
            harmless: "You, or someone you asked, checks the security of your own devices. From the internet such visits come every day.",
            todo: "If it runs on one of your devices and nobody knows about it, find out which program it is. If it comes from the internet, make sure the server is up to date.",
            silence: "Mute suspicious_agent with this source.",
        },
        nl: Texts {
            title: "Aanvalsprogramma",
            what: "Een programma dat zich aanvalsprogramma of scanner noemt, heeft pagina's bij een webserver opgevraagd.",
            why: "De verzoeken dragen de naam van een bekend hulpmiddel.",
            harmless: "U, of iemand die u dat vroeg, controleert de beveiliging van uw eigen apparaten. Vanaf internet komt zulk bezoek elke dag.",
            todo: "Draait het op een van uw apparaten en weet niemand ervan, zoek dan uit welk programma het is. Komt het van internet, zorg dan dat de server bijgewerkt is.",
            silence: "Demp suspicious_agent met deze bron.",
        },
    };
    const INTEREST: u64 = interest::HTTP;
    type Settings = SuspiciousAgentSettings;

    fn new(settings: &SuspiciousAgentSettings, keys: usize) -> Self {
        let mut settings = settings.clone();
        settings.more.retain(|name| name.len() >= 4);
        SuspiciousAgent {
            settings,
            callers: Bounded::new((keys / 8).max(16)),
            harmless: Bounded::new(HARMLESS),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        if let Observation::HttpRequest(flow, request) = observation
            && let Some(agent) = &request.user_agent
        {
            let text = text_part(agent);
            if self.harmless.get_mut(&text).is_some() {
                return;
            }
            match self.tool(&agent.to_ascii_lowercase()) {
                Some(tool) => self.called(cx, flow, &tool, agent, out),
                None => _ = self.harmless.entry(text, || ()),
            }
        }
    }
}

impl SuspiciousAgent {
    fn tool(&self, agent: &str) -> Option<String> {
        let known = TOOLS.into_iter().chain(self.settings.more.iter().map(String::as_str));
        let allowed = |name: &str| self.settings.allowed.iter().any(|a| name.starts_with(a.as_str()));
        known.filter(|name| !allowed(name)).find(|name| is_named(agent, name)).map(str::to_owned)
    }

    fn called(&mut self, cx: &Context<'_>, flow: &Flow, tool: &str, agent: &str, out: &mut Findings) {
        let (caller, _) = self.callers.entry((flow.client, text_part(tool)), Caller::default);
        caller.requests = caller.requests.saturating_add(1);
        *caller.servers.seen(ip_part(flow.server) as u32, cx.tick()).0 = 1;
        if !caller.pace.due(cx.tick()) {
            return;
        }
        let tool = tool.trim_end_matches('/');
        let summary = say!(
            "{} asks {} for web pages with the attack tool {tool}",
            "{} vraagt webpagina's op bij {} met het aanvalsprogramma {tool}",
            flow.client,
            flow.server
        );
        let evidence = evidence! {
            "tool" => tool, "user_agent" => agent, "requests" => caller.requests,
            "servers" => caller.servers.held(cx.tick(), 3600),
        };
        let parts = [ip_part(flow.client), text_part(tool)];
        let finding = Self::KIND.finding(Severity::Low, &parts, summary, evidence);
        let target = Subject::endpoint(flow.server, flow.server_port);
        out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
    }
}

/// Whether `name` stands in `agent` at the beginning of a word.
fn is_named(agent: &str, name: &str) -> bool {
    agent.match_indices(name).any(|(at, _)| at == 0 || !agent.as_bytes()[at - 1].is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{self, Bench, ip, tcp};
    use crate::table::flows::proto;
    use crate::wire::http::Request;

    fn asks(b: &mut Bench<SuspiciousAgent>, flow: &Flow, agent: &str) {
        let request = Request { user_agent: Some(agent.to_owned()), ..Request::default() };
        b.see(&Observation::HttpRequest(flow, &request));
    }

    #[test]
    fn attack_tools_are_known_by_name_and_each_is_one_low_alert() {
        let mut b = Bench::<SuspiciousAgent>::new();
        for agent in
            ["sqlmap/1.7#stable (https://sqlmap.org)", "Mozilla/5.00 (Nikto/2.1.6)", "Mozilla/5.0 zgrab/0.x"]
        {
            for i in 0..30 {
                asks(&mut b, &tcp("10.0.0.66", &format!("10.0.0.{i}"), 80), agent);
                b.wait(0.3);
            }
        }
        assert_eq!((b.alerts(), b.last().severity), (3, Severity::Low));
    }

    #[test]
    fn browsers_package_managers_and_what_the_owner_allows_are_none() {
        let settings = SuspiciousAgentSettings { allowed: vec!["nuclei".into()], ..Default::default() };
        let mut b = Bench::<SuspiciousAgent>::with(&settings, 4096);
        for agent in [
            "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0",
            "curl/8.5.0",
            "Debian APT-HTTP/1.3 (2.6.1)",
            "python-requests/2.31",
            "Wget/1.21",
            "Dehydrated/0.7",
            "Nuclei - Open-source project",
            "Go-http-client/1.1",
        ] {
            asks(&mut b, &tcp("10.0.0.66", "10.0.0.9", 80), agent);
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn a_name_of_the_owner_s_own_is_looked_for() {
        let settings = SuspiciousAgentSettings { more: vec!["evilbot".into()], ..Default::default() };
        let mut b = Bench::<SuspiciousAgent>::with(&settings, 4096);
        asks(&mut b, &tcp("10.0.0.66", "10.0.0.9", 80), "EvilBot/1");
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn a_flood_of_made_up_sources_stays_within_its_table() {
        let mut b = Bench::<SuspiciousAgent>::with(&Default::default(), 64);
        for i in 0..5_000u32 {
            asks(
                &mut b,
                &bench::flow(Ip::v4(i.to_be_bytes()), 4000, ip("10.0.0.9"), 80, proto::TCP),
                "sqlmap/1",
            );
        }
        assert!(b.detector.callers.len() <= 16);
    }
}
