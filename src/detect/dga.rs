//! `dga`: a host asks for one made-up name after another, as malware does that draws the name of its master anew each day.
//!
//! Evidence, per host over five minutes, counted by registered domain (so a CDN, a block list or a virus scanner is one,
//! whatever stands below it): domains whose letters look drawn (`letters`) and that do not exist or got no answer;
//! such domains in all; domains of any look that do not exist, many more of them, for malware that strings words together;
//! and, per domain, names right below it that do not exist. Only questions for addresses count. Below providers of
//! dynamic DNS every name is a domain of its own.
//!
//! Not alarms: single labels and names of the LAN (Chrome's probes at its start, search domains), reverse lookups, block
//! lists and key lookups of mail servers, random names below cloudfront.net and its like. What a resolver in the house asks
//! on behalf of a host that was seen asking it counts for that host alone.
//!
//! Known false alarms: a program that tests which names are free; a crawler; a resolver whose own clients are not seen.

use super::letters::look_drawn;
use super::settings::settings;
use super::window::{Coarse, Distinct, Pace, Tick};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part, text_part};
use crate::addr::Ip;
use crate::alert::{Evidence, Findings, Severity, Subject};
use crate::observe::{DnsSeen, Observation, interest};
use crate::table::bounded::Bounded;
use crate::wire::dns::{registered_domain, rtype};
use crate::words::{Sentence, say};

settings! {
    /// Settings of `dga`.
    DgaSettings {
        /// Registered domains that look drawn at random and do not exist or do not answer, of one host within `seconds`. 8 to 48;
        /// advertising brings a few of them into a page.
        names: u32 = 20, 8..=48;
        /// Registered domains that look drawn at random, whatever the answer, within `seconds`. 12 to 64.
        drawn_names: u32 = 45, 12..=64;
        /// Registered domains of any look that do not exist, within `seconds`. 30 to 250; a blocker of advertising that denies
        /// names makes some dozens in a page full of it.
        missing_names: u32 = 120, 30..=250;
        /// Names right below one domain that do not exist, within `seconds`. 10 to 32; a host that is away from home asks
        /// for a handful of names of its office.
        below_one: u32 = 20, 10..=32;
        /// The window, seconds, 60 to 3600.
        seconds: u32 = 300, 60..=3600;
        /// Domains (with all below them) that may have any names, or none.
        allow: Vec<String> = Vec::new();
    }
}

/// Top-level names that exist in houses and offices only (RFC 2606, 6761, 6762, 8375, and what routers hand out).
const LOCAL: [&str; 18] = [
    "arpa",
    "box",
    "corp",
    "domain",
    "home",
    "internal",
    "intern",
    "intra",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "router",
    "workgroup",
];
/// Providers of dynamic DNS, where everyone registers names one level lower.
const DYNAMIC: [&str; 16] = [
    "chickenkiller.com",
    "ddns.net",
    "duckdns.org",
    "dynalias.com",
    "dyndns.org",
    "dynserv.com",
    "dynu.net",
    "gotdns.com",
    "hopto.org",
    "mooo.com",
    "myftp.org",
    "no-ip.biz",
    "no-ip.org",
    "servebeer.com",
    "yi.org",
    "zapto.org",
];
/// A question that is passed on follows within this many seconds.
const PASSED_ON: u32 = 30;
/// A host that asks for the mail servers of so many domains is one itself.
const MAIL_DOMAINS: u32 = 4;

/// What one host asked for: about 800 bytes.
#[derive(Default)]
struct Asked {
    /// Domains that look drawn; weight 1 until one is answered.
    drawn: Distinct<64>,
    missing: Coarse,
    mail: Distinct<8>,
    pace: Pace,
}

/// See the module.
pub struct Dga {
    settings: DgaSettings,
    hosts: Bounded<Ip, Asked>,
    below: Bounded<(Ip, u64), (Distinct<32>, Pace)>,
    /// Who asked whom for a domain last.
    asked: Bounded<u64, (Ip, Ip, Tick)>,
}

impl Detector for Dga {
    const KIND: Kind = Kind {
        id: "dga",
        severity: Severity::High,
        mitre: &["T1568.002"],
        en: Texts {
            title: "Made-up names",
            what: "A device looks up one made-up internet name after another. Malware does this to find its master, whose name changes daily so that it cannot be blocked.",
            why: "Within a few minutes it asked for many different domains that look drawn by lot, or that do not exist.",
            harmless: "A program that tests which names are free, a crawler, or a blocker of advertising that pretends that names do not exist.",
            todo: "Find out which program does this. If nobody can say, disconnect the device from the network and check it for malware.",
            silence: "Add the domain to allow under [detect.dga], or mute dga with this device as source.",
        },
        nl: Texts {
            title: "Verzonnen namen",
            what: "Een apparaat vraagt de ene na de andere verzonnen internetnaam op. Malware doet dat om zijn opdrachtgever te vinden, die elke dag een andere naam heeft om blokkades te ontlopen.",
            why: "Binnen enkele minuten vroeg het veel verschillende domeinen op die uit loting lijken te komen, of die niet bestaan.",
            harmless: "Een programma dat kijkt welke namen nog vrij zijn, een zoekrobot, of een advertentieblokker die doet alsof namen niet bestaan.",
            todo: "Zoek uit welk programma dit doet. Weet niemand het, haal het apparaat dan van het netwerk en controleer het op malware.",
            silence: "Zet het domein bij allow onder [detect.dga], of demp dga met dit apparaat als bron.",
        },
    };
    const INTEREST: u64 = interest::DNS;
    type Settings = DgaSettings;

    fn new(settings: &DgaSettings, keys: usize) -> Self {
        let keys = (keys / 8).max(16);
        Dga {
            settings: settings.clone(),
            hosts: Bounded::new(keys),
            below: Bounded::new(keys),
            asked: Bounded::new(keys * 4),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::Dns(seen) = observation else { return };
        let Some(question) = &seen.message.question else { return };
        let name = question.name.as_str();
        let domain = domain_of(name);
        let Some((label, top)) = domain.rsplit_once('.') else { return };
        if LOCAL.contains(&top) || self.allowed(name) {
            return;
        }
        let missing = seen.message.response && seen.message.rcode == NO_SUCH_NAME;
        match question.rtype {
            rtype::A | rtype::AAAA | rtype::HTTPS => {
                let label = label.split('.').next().unwrap_or(label);
                let drawn = look_drawn(label);
                if (drawn || missing) && !self.passed_on(cx, seen, domain) {
                    self.count(cx, seen, (name, domain), drawn, out);
                }
            }
            rtype::MX if !seen.message.response => {
                let (host, _) = self.hosts.entry(seen.client, Asked::default);
                *host.mail.seen(text_part(domain) as u32, cx.tick()).0 = 1;
            }
            _ => {}
        }
    }
}

const NO_SUCH_NAME: u8 = 3;

/// The part of a name that somebody registered, below dynamic DNS too.
fn domain_of(name: &str) -> &str {
    let domain = registered_domain(name);
    let below = name[..name.len() - domain.len()].trim_end_matches('.');
    if below.is_empty() || !DYNAMIC.contains(&domain) {
        return domain;
    }
    let last = below.rsplit('.').next().unwrap_or(below);
    &name[below.len() - last.len()..]
}

impl Dga {
    fn allowed(&self, name: &str) -> bool {
        let below = |domain: &String| {
            name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        self.settings.allow.iter().any(below)
    }

    /// Whether the client only passes on what another host asked it.
    fn passed_on(&mut self, cx: &Context<'_>, seen: &DnsSeen<'_>, domain: &str) -> bool {
        let now = cx.tick();
        let (held, new) = self.asked.entry(text_part(domain), || (seen.client, seen.server, now));
        let (client, server, at) = *held;
        let fresh = !new && now.within(at, PASSED_ON);
        if fresh && client != seen.client && server == seen.client {
            return true;
        }
        *held = (seen.client, seen.server, now);
        false
    }

    fn count(
        &mut self,
        cx: &Context<'_>,
        seen: &DnsSeen<'_>,
        (name, domain): (&str, &str),
        drawn: bool,
        out: &mut Findings,
    ) {
        let (s, now) = (&self.settings, cx.tick());
        let hash = text_part(domain);
        let missing = seen.message.response && seen.message.rcode == NO_SUCH_NAME;
        let (host, _) = self.hosts.entry(seen.client, Asked::default);
        if missing {
            host.missing.add(hash as u32, now, s.seconds);
        }
        if drawn {
            let answered = seen.message.response && !missing && seen.message.counts[1] > 0;
            let (weight, new) = host.drawn.seen(hash as u32, now);
            *weight = if answered { 0 } else { (*weight).max(u8::from(new || missing)) };
        }
        let (unanswered, _) = host.drawn.within(now, s.seconds);
        let (all, gone) = (host.drawn.held(now, s.seconds), host.missing.estimate(now, s.seconds));
        let mail = host.mail.held(now, s.seconds) >= MAIL_DOMAINS;
        let by_words = gone >= s.missing_names && !mail;
        if unanswered >= s.names || all >= s.drawn_names || by_words {
            if host.pace.due(now) {
                let summary = say!(
                    "{} looked up {} made-up domains within {} s, such as {domain}",
                    "{} zocht {} verzonnen domeinen op binnen {} s, zoals {domain}",
                    seen.client,
                    all.max(gone),
                    s.seconds
                );
                let evidence = evidence! {
                    "drawn_names" => all, "unanswered" => unanswered, "missing_names" => gone,
                    "threshold" => s.names, "threshold_drawn" => s.drawn_names,
                    "threshold_missing" => s.missing_names, "window_s" => s.seconds, "example" => domain,
                };
                tell(seen, Severity::High, &[ip_part(seen.client)], summary, evidence, out);
            }
            return;
        }
        let below = &name[..name.len() - domain.len()];
        if missing && is_one_label(below) {
            self.below(cx, seen, below, domain, out);
        }
    }

    /// One more name right below a domain that does not exist.
    fn below(&mut self, cx: &Context<'_>, seen: &DnsSeen<'_>, below: &str, domain: &str, out: &mut Findings) {
        let (s, now) = (&self.settings, cx.tick());
        let key = (seen.client, text_part(domain));
        let ((names, pace), _) = self.below.entry(key, Default::default);
        *names.seen(text_part(below) as u32, now).0 = 1;
        let (number, _) = names.within(now, s.seconds);
        if number < s.below_one || !pace.due(now) {
            return;
        }
        let summary = say!(
            "{} looked up {number} names below {domain} that do not exist within {} s",
            "{0} zocht binnen {1} s {number} niet-bestaande namen onder {domain} op",
            seen.client,
            s.seconds
        );
        let evidence = evidence! {
            "missing_names" => number, "threshold" => s.below_one, "window_s" => s.seconds, "domain" => domain,
            "example" => format!("{below}{domain}"),
        };
        tell(seen, Severity::Medium, &[ip_part(seen.client), key.1], summary, evidence, out);
    }
}

/// One label and its dot that is no number and no service: block lists ask for numbers.
fn is_one_label(below: &str) -> bool {
    below.strip_suffix('.').is_some_and(|label| {
        !label.contains('.') && !label.starts_with('_') && label.bytes().any(|b| b.is_ascii_alphabetic())
    })
}

fn tell(
    seen: &DnsSeen<'_>,
    severity: Severity,
    parts: &[u64],
    summary: Sentence,
    evidence: Evidence,
    out: &mut Findings,
) {
    let finding = Dga::KIND.finding(severity, parts, summary, evidence);
    let target = Subject::endpoint(seen.server, seen.port);
    out.push(between(finding, Some(Subject::ip(seen.client)), Some(target)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, mac};
    use crate::detect::window::mix;
    use crate::wire::{Parsed, dns};

    /// `rcode` of the answer; `None` is a question.
    fn dns_message(b: &mut Bench<Dga>, pair: (&str, &str), name: &str, rtype: u16, rcode: Option<u8>) {
        let flags = rcode.map_or([1, 0], |rcode| [0x81, 0x80 | rcode]);
        let answers = [0, u8::from(rcode == Some(0))];
        let mut bytes = [[0, 7], flags, [0, 1], answers, [0, 0], [0, 0]].concat();
        let mut question = Vec::new();
        for label in name.split('.') {
            question.push(label.len() as u8);
            question.extend(label.as_bytes());
        }
        bytes.extend([&question[..], &[0], &rtype.to_be_bytes(), &[0, 1]].concat());
        if rcode == Some(0) {
            bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 203, 0, 113, 9]);
        }
        let Parsed::Yes(message) = dns::parse(&bytes) else { panic!("test message") };
        let (client, server) = (ip(pair.0), ip(pair.1));
        b.see(&Observation::Dns(&DnsSeen { client, server, port: 53, mac: mac(3), message: &message }));
    }
    const PAIR: (&str, &str) = ("10.0.0.66", "10.0.0.1");
    fn ask(b: &mut Bench<Dga>, name: &str, rcode: u8) {
        dns_message(b, PAIR, name, rtype::A, None);
        dns_message(b, PAIR, name, rtype::A, Some(rcode));
        b.wait(1.0);
    }
    fn drawn(seed: u64, n: u64) -> String {
        (0..n).map(|i| (b'a' + (mix(seed * 100 + i) >> 20) as u8 % 26) as char).collect()
    }

    #[test]
    fn a_burst_of_drawn_domains_that_do_not_exist_is_one_alert() {
        for length in [8, 12, 20] {
            let mut b = Bench::<Dga>::new();
            for i in 0..60 {
                ask(
                    &mut b,
                    &format!("{}.{}", drawn(i, length), ["com", "net", "ru", "info"][i as usize % 4]),
                    3,
                );
            }
            assert_eq!((b.alerts(), b.last().severity), (1, Severity::High), "{length}");
        }
        let mut hex = Bench::<Dga>::new();
        for i in 0..30 {
            ask(&mut hex, &format!("{:012x}.top", mix(i) >> 16), 3);
        }
        assert_eq!(hex.alerts(), 1);
    }

    #[test]
    fn questions_alone_are_enough_and_so_are_many_that_exist() {
        let mut b = Bench::<Dga>::new();
        for i in 0..30 {
            dns_message(&mut b, PAIR, &format!("{}.biz", drawn(i, 14)), rtype::A, None);
            b.wait(2.0);
        }
        assert_eq!(b.alerts(), 1);
        let mut sinkhole = Bench::<Dga>::new();
        for i in 0..70 {
            ask(&mut sinkhole, &format!("{}.biz", drawn(i, 14)), 0);
        }
        assert_eq!(sinkhole.alerts(), 1);
    }

    #[test]
    fn words_strung_together_are_told_by_their_number() {
        let words =
            ["table", "garden", "paper", "window", "summer", "stone", "river", "music", "honest", "letter"];
        let mut b = Bench::<Dga>::new();
        for i in 0..200usize {
            let name = format!("{}{}{}.net", words[i % 10], words[i / 10 % 10], words[(i / 100 + 3) % 10]);
            ask(&mut b, &name, 3);
        }
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn names_below_one_domain_that_do_not_exist_are_worth_a_look() {
        let mut b = Bench::<Dga>::new();
        for i in 0..25 {
            dns_message(&mut b, PAIR, &format!("nx{i}.parent.example"), rtype::A, Some(3));
            b.wait(1.0);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
        let mut dynamic = Bench::<Dga>::new();
        for i in 0..30 {
            ask(&mut dynamic, &format!("{}.ddns.net", drawn(i, 12)), 3);
        }
        assert_eq!((dynamic.alerts(), dynamic.last().severity), (1, Severity::High));
    }

    #[test]
    fn a_resolver_that_passes_questions_on_is_not_blamed() {
        let mut b = Bench::<Dga>::new();
        for i in 0..40 {
            let name = format!("{}.com", drawn(i, 12));
            for (pair, rcode) in [
                (PAIR, None),
                (("10.0.0.1", "203.0.113.53"), None),
                (("10.0.0.1", "203.0.113.53"), Some(3)),
                (PAIR, Some(3)),
            ] {
                dns_message(&mut b, pair, &name, rtype::A, rcode);
            }
            b.wait(1.0);
        }
        assert_eq!(b.alerts(), 1);
        assert_eq!(b.last().source.as_ref().and_then(|s| s.ip), Some(ip("10.0.0.66")));
    }

    #[test]
    fn cdns_probes_lists_mail_servers_and_the_lan_stay_quiet() {
        let mut b = Bench::<Dga>::new();
        for i in 0..300u64 {
            ask(&mut b, &format!("d{}.cloudfront.net", drawn(i, 13)), 0);
            ask(&mut b, &format!("{}---sn-5hne6nsr.googlevideo.com", drawn(i, 3)), 0);
            ask(&mut b, &drawn(i, 12), 3);
            ask(&mut b, &format!("{}.lan", drawn(i, 12)), 3);
            ask(&mut b, &format!("{}.fritz.box", drawn(i, 9)), 3);
            ask(&mut b, &format!("{}.0.0.127.zen.spamhaus.org", i % 250), 3);
            ask(&mut b, &format!("{}.{}.168.192.in-addr.arpa", i % 250, i % 9), 3);
            ask(&mut b, &format!("{:032x}.avqs.mcafee.com", mix(i)), 3);
            ask(&mut b, &format!("www.{}.office.example", drawn(i, 6)), 3);
            dns_message(&mut b, PAIR, &format!("mail{i}.example"), rtype::MX, None);
            dns_message(&mut b, PAIR, &format!("spam{i}.example"), rtype::TXT, Some(3));
        }
        assert!(b.found.is_empty(), "{:?}", b.found[0]);
    }

    #[test]
    fn nineteen_are_not_enough_nor_are_a_hundred_spread_over_hours() {
        let mut b = Bench::<Dga>::new();
        for i in 0..19 {
            ask(&mut b, &format!("{:012x}.com", mix(i) >> 16), 3);
        }
        b.wait(400.0);
        for i in 0..100 {
            ask(&mut b, &format!("{}.com", drawn(i + 500, 12)), 3);
            b.wait(60.0);
        }
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_hosts_stays_within_its_tables() {
        let mut b = Bench::<Dga>::with(&DgaSettings::default(), 64);
        for i in 0..5_000u64 {
            let host = format!("10.{}.{}.9", i / 250, i % 250);
            dns_message(&mut b, (&host, "10.0.0.1"), &format!("{}.com", drawn(i, 12)), rtype::A, Some(3));
            dns_message(&mut b, (&host, "10.0.0.1"), &format!("{}.a.com", drawn(i, 12)), rtype::A, Some(3));
        }
        assert!(b.detector.hosts.len() <= 16 && b.detector.below.len() <= 16 && b.detector.asked.len() <= 64);
    }
}
