//! `feed_match`: an address, domain, URL or TLS fingerprint on a loaded list shows up in the traffic.
//!
//! Evidence: addresses of either side of a flow as it opens, names asked for by DNS, named in TLS and QUIC hellos, and named
//! as HTTP hosts, URLs of HTTP requests, JA3 of TLS hellos; a domain also holds for those below it. Direction decides: an
//! inside host that contacts a listed one is critical (high while it has only asked for the name), a listed one that
//! contacts us is low, medium once it was answered. What is about Tor is always low. A host that is listed for one URL is
//! medium, the URL itself critical. A fingerprint is medium: harmless programs can share it. Lists are read elsewhere
//! ([`crate::feeds`]) and swapped in as a whole.
//!
//! Known false alarms: shared hosting and CDN addresses on address lists; a list that blocks advertising rather than
//! malware; a resolver that asks on behalf of others (the router is told besides the device); a library that malware
//! and others use alike has one fingerprint.

use super::settings::settings;
use super::window::Pace;
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part, text_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::feeds::{Category, Feeds, List};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{Flow, State};
use crate::words::{Sentence, say, words};
use std::sync::Arc;

/// Characters of a URL that are told.
const MAX_URL: usize = 200;

settings! {
    /// Settings of `feed_match`.
    FeedMatchSettings {
        /// Also tell when a listed address contacts us without being answered: the noise of the internet, where a port
        /// is open to it.
        unanswered: bool = true;
        /// Domains (with all below them) and addresses that are on a list by mistake.
        allow: Vec<String> = Vec::new();
    }
}

/// See the module.
pub struct FeedMatch {
    settings: FeedMatchSettings,
    feeds: Arc<Feeds>,
    told: Bounded<(Ip, u64), Told>,
}

#[derive(Default)]
struct Told {
    pace: Pace,
    severity: Option<Severity>,
    times: u32,
}

/// One match.
struct Match<'a> {
    ours: Ip,
    severity: Severity,
    list: &'a List,
    indicator: String,
    how: &'static str,
    flow: Option<&'a Flow>,
    /// What was asked for there, when that is listed by itself.
    url: Option<String>,
}

impl Detector for FeedMatch {
    const KIND: Kind = Kind {
        id: "feed_match",
        severity: Severity::Critical,
        mitre: &["T1071", "T1568"],
        en: Texts {
            title: "Contact with a known bad address",
            what: "A device has to do with an address, a name or a program that is on a list of malware, fraud or attack sources.",
            why: "The address, name, web page or way of encrypting in the traffic is on one of the lists that you loaded.",
            harmless: "Addresses change hands and many sites can share one; a list may also be about advertising. A way of encrypting (JA3) can be shared by harmless programs. A listed scanner that merely knocks at your door is everyday noise.",
            todo: "If one of your devices made contact, find out which program did it, disconnect the device and check it for malware. If the contact came from outside, make sure that nothing answered.",
            silence: "Add the domain or address to allow under [detect.feed_match], or mute feed_match with exactly this device and this address.",
        },
        nl: Texts {
            title: "Contact met een bekend kwaadaardig adres",
            what: "Een apparaat heeft te maken met een adres, naam of programma op een lijst van malware, oplichting of aanvallers.",
            why: "Het adres, de naam, de webpagina of de manier van versleutelen in het verkeer staat op een van de lijsten die u hebt geladen.",
            harmless: "Adressen wisselen van eigenaar en veel sites kunnen er één delen; een lijst kan ook over reclame gaan. Onschuldige programma's kunnen dezelfde manier van versleutelen (JA3) hebben. Een bekende scanner die alleen aanklopt, is alledaagse ruis.",
            todo: "Zocht een van uw apparaten contact, zoek dan uit welk programma dat deed, koppel het apparaat los en controleer het op malware. Kwam het contact van buiten, ga dan na dat niets heeft geantwoord.",
            silence: "Zet het domein of adres bij allow onder [detect.feed_match], of demp feed_match met precies dit apparaat en dit adres.",
        },
    };
    const INTEREST: u64 = interest::FLOW_OPENED
        | interest::FLOW_ANSWERED
        | interest::FLOW_ENDED
        | interest::DNS
        | interest::TLS
        | interest::HTTP;
    type Settings = FeedMatchSettings;

    fn new(settings: &FeedMatchSettings, keys: usize) -> Self {
        FeedMatch {
            settings: settings.clone(),
            feeds: Arc::new(Feeds::default()),
            told: Bounded::new((keys / 8).max(16)),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        if self.feeds.is_empty() {
            return;
        }
        let feeds = Arc::clone(&self.feeds);
        let found = match observation {
            Observation::FlowOpened(flow) => by_address(cx, &feeds, flow, false),
            Observation::FlowAnswered(flow) => by_address(cx, &feeds, flow, true),
            Observation::FlowEnded(flow) if flow.state == State::Midstream => {
                by_address(cx, &feeds, flow, true)
            }
            Observation::Dns(seen) if !seen.message.response => {
                let name = seen.message.question.as_ref().map(|q| q.name);
                name.and_then(|n| by_name(&feeds, seen.client, n.as_str(), "DNS query", Severity::High, None))
            }
            Observation::TlsClient(flow, hello) => {
                if let Some(found) = by_print(cx, &feeds, flow, &hello.ja3) {
                    self.tell(cx, &found, out);
                }
                hello.server_name.as_deref().and_then(|name| {
                    by_name(&feeds, flow.client, name, "TLS server name", Severity::Critical, Some(flow))
                })
            }
            Observation::HttpRequest(flow, request) => request.host.as_deref().and_then(|name| {
                by_url(&feeds, flow, name, &request.target).or_else(|| {
                    by_name(&feeds, flow.client, name, "HTTP host", Severity::Critical, Some(flow))
                })
            }),
            _ => None,
        };
        if let Some(found) = found {
            self.tell(cx, &found, out);
        }
    }

    /// What was told before stays told.
    fn set_feeds(&mut self, feeds: &Arc<Feeds>) {
        self.feeds = Arc::clone(feeds);
    }
}

impl FeedMatch {
    fn tell(&mut self, cx: &Context<'_>, found: &Match<'_>, out: &mut Findings) {
        let allowed = |entry: &String| {
            found
                .indicator
                .strip_suffix(entry.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let they_came = found.flow.is_some_and(|f| f.server == found.ours);
        let noise = they_came && found.severity == Severity::Low && !self.settings.unanswered;
        if noise || self.settings.allow.iter().any(allowed) {
            return;
        }
        let parts = [ip_part(found.ours), text_part(&found.indicator)];
        let (told, _) = self.told.entry((found.ours, parts[1]), Told::default);
        told.times = told.times.saturating_add(1);
        let worse = told.severity.is_none_or(|s| found.severity > s);
        if !told.pace.due(cx.tick()) && !worse {
            return;
        }
        told.severity = told.severity.max(Some(found.severity));
        let severity = told.severity.unwrap_or(found.severity);
        let mut evidence = evidence! {
            "indicator" => found.indicator, "list" => found.list.name, "seen_in" => found.how, "times" => told.times,
            "threshold" => 1,
        };
        if found.list.category != Category::Other {
            evidence.insert("category".to_owned(), found.list.category.name().into());
        }
        if let Some(url) = &found.url {
            evidence.insert("url".to_owned(), url.as_str().into());
        }
        let summary = sentence(found, they_came, severity > Severity::Low);
        let (ours, theirs) = (Subject::ip(found.ours), theirs(found));
        let (source, target) =
            if they_came { (theirs, Subject { port: Some(found.port()), ..ours }) } else { (ours, theirs) };
        out.push(between(
            Self::KIND.finding(severity, &parts, summary, evidence),
            Some(source),
            Some(target),
        ));
    }
}

fn sentence(found: &Match<'_>, they_came: bool, answered: bool) -> Sentence {
    let list = &found.list.name;
    if they_came {
        let answered =
            if answered { words(", and was answered", " en kreeg antwoord") } else { words("", "") };
        return say!(
            "{} from list {list} contacted {} port {}{answered}",
            "{} van lijst {list} zocht contact met {} poort {}{answered}",
            found.indicator,
            found.ours,
            found.port();
            answered
        );
    }
    let what = found.url.as_ref().unwrap_or(&found.indicator);
    let did = match found.how {
        "DNS query" => words("looked up", "zocht het adres op van"),
        "HTTP URL" => words("asked for", "vroeg om"),
        "JA3" => words("encrypts like a program with JA3", "versleutelt als een programma met JA3"),
        _ => words("contacted", "zocht contact met"),
    };
    say!(
        "{} {did} {what}, which is on list {list}",
        "{} {did} {what}, dat op lijst {list} staat",
        found.ours;
        did
    )
}

impl Match<'_> {
    fn port(&self) -> u16 {
        self.flow.map_or(0, |flow| flow.server_port)
    }
}

/// The listed side.
fn theirs(found: &Match<'_>) -> Subject {
    let is_name = found.how != "JA3" && found.indicator.parse::<Ip>().is_err();
    let name = is_name.then(|| found.indicator.clone());
    let (ip, port) = match found.flow {
        Some(flow) if flow.server == found.ours => (Some(flow.client), None),
        Some(flow) => (Some(flow.server), Some(flow.server_port)),
        None => (None, None),
    };
    Subject { ip, port, name, ..Subject::default() }
}

fn by_address<'a>(cx: &Context<'_>, feeds: &'a Feeds, flow: &'a Flow, answered: bool) -> Option<Match<'a>> {
    let side = |ours: Ip, theirs: Ip, severity| {
        let list = if cx.inside.contains(theirs) { return None } else { feeds.address(theirs)? };
        let severity = if list.category == Category::Tor { Severity::Low } else { severity };
        let indicator = theirs.to_string();
        Some(Match { ours, severity, list, indicator, how: "address", flow: Some(flow), url: None })
    };
    let theirs = if answered { Severity::Medium } else { Severity::Low };
    // A server that is not inside is contacted, whoever the client is: with settings that do not know our own public
    // addresses both are outside.
    let contacted = side(flow.client, flow.server, Severity::Critical);
    if contacted.as_ref().is_some_and(|found| found.list.category == Category::Tor) {
        // Who uses Tor is told by `anonymizer`.
        return None;
    }
    contacted.or_else(|| side(flow.server, flow.client, theirs))
}

fn by_name<'a>(
    feeds: &'a Feeds,
    client: Ip,
    name: &str,
    how: &'static str,
    severity: Severity,
    flow: Option<&'a Flow>,
) -> Option<Match<'a>> {
    if !client.is_unicast() {
        return None;
    }
    let (list, indicator) = feeds.domain(name)?;
    let severity = match list {
        List { category: Category::Tor, .. } => Severity::Low,
        // Something bad was at this host; other things there may be harmless, and which it was is not seen.
        List { of_url: true, .. } => severity.min(Severity::Medium),
        _ => severity,
    };
    Some(Match { ours: client, severity, list, indicator: indicator.to_owned(), how, flow, url: None })
}

/// A listed URL. It is the same incident as a match of its host or address.
fn by_url<'a>(feeds: &'a Feeds, flow: &'a Flow, host: &str, target: &str) -> Option<Match<'a>> {
    let list = feeds.url(host, target)?;
    let by_address = || feeds.address(flow.server).map(|_| flow.server.to_string());
    let indicator = feeds.domain(host).map(|(_, held)| held.to_owned()).or_else(by_address);
    let path = if target.starts_with('/') { format!("{host}{target}") } else { target.to_owned() };
    Some(Match {
        ours: flow.client,
        severity: Severity::Critical,
        list,
        indicator: indicator.unwrap_or_else(|| host.to_owned()),
        how: "HTTP URL",
        flow: Some(flow),
        url: Some(crate::wire::clean_text(path.as_bytes(), MAX_URL)),
    })
}

/// A listed fingerprint of a client inside that speaks to somebody outside.
fn by_print<'a>(cx: &Context<'_>, feeds: &'a Feeds, flow: &'a Flow, ja3: &str) -> Option<Match<'a>> {
    if cx.inside.contains(flow.server) || !cx.inside.contains(flow.client) {
        return None;
    }
    let (list, indicator) = (feeds.ja3(ja3)?, ja3.to_owned());
    let severity = if list.category == Category::Tor { Severity::Low } else { Severity::Medium };
    Some(Match { ours: flow.client, severity, list, indicator, how: "JA3", flow: Some(flow), url: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Inside;
    use crate::detect::bench::{self, Bench, ip, tcp};
    use crate::feeds::{Builder, Format};
    use crate::wire::tls::ClientHello;

    fn bench() -> Bench<FeedMatch> {
        let mut b = Bench::<FeedMatch>::new();
        let mut lists = Builder::new(1, &Inside::default());
        let bad =
            "203.0.113.0/28\nevil.example\n10.0.0.5\nhttp://shop.example/bad.exe\nhttp://203.0.113.99/i\n";
        lists.add("drop", Category::Other, Format::Auto, bad);
        lists.add(
            "ja3",
            Category::C2,
            Format::Sslbl,
            "0123456789abcdef0123456789abcdef,2026-01-01,2026-01-01,X\n",
        );
        lists.add("tor", Category::Tor, Format::Tor, "203.0.113.200\n");
        b.detector.set_feeds(&Arc::new(Feeds::new(vec![Arc::new(lists.build())])));
        b
    }

    fn request(host: &str, target: &str) -> crate::wire::http::Request {
        crate::wire::http::Request { host: Some(host.into()), target: target.into(), ..Default::default() }
    }

    #[test]
    fn a_listed_url_is_critical_and_its_host_alone_is_medium() {
        let mut b = bench();
        let flow = tcp("10.0.0.7", "198.51.100.9", 80);
        b.see(&Observation::HttpRequest(&flow, &request("shop.example", "/index.html")));
        assert_eq!(b.last().severity, Severity::Medium);
        b.see(&Observation::HttpRequest(&flow, &request("shop.example", "/bad.exe")));
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Critical));
        assert_eq!(b.last().evidence["url"], "shop.example/bad.exe");
    }

    #[test]
    fn a_listed_url_at_an_address_is_one_alert_with_the_address() {
        let mut b = bench();
        let flow = tcp("10.0.0.7", "203.0.113.99", 80);
        b.see(&Observation::FlowOpened(&flow));
        b.see(&Observation::HttpRequest(&flow, &request("203.0.113.99", "/i")));
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn a_listed_fingerprint_counts_towards_the_outside_only() {
        let mut b = bench();
        let hello = ClientHello { ja3: "0123456789abcdef0123456789abcdef".into(), ..ClientHello::default() };
        b.see(&Observation::TlsClient(&tcp("10.0.0.7", "10.0.0.8", 443), &hello));
        assert!(b.found.is_empty());
        b.see(&Observation::TlsClient(&tcp("10.0.0.7", "198.51.100.9", 443), &hello));
        assert_eq!(b.last().severity, Severity::Medium);
        assert_eq!(b.last().evidence["category"], "c2");
        assert!(b.last().target.as_ref().is_some_and(|t| t.name.is_none()));
    }

    #[test]
    fn who_comes_from_tor_is_low_and_who_goes_there_is_told_by_another_kind() {
        let mut b = bench();
        b.see(&Observation::FlowOpened(&tcp("10.0.0.7", "203.0.113.200", 443)));
        b.see(&Observation::FlowAnswered(&tcp("203.0.113.200", "10.0.0.8", 443)));
        assert!(b.found.len() == 1 && b.found.iter().all(|f| f.severity == Severity::Low));
    }

    #[test]
    fn contacting_a_listed_address_is_critical_and_one_alert() {
        let mut b = bench();
        for _ in 0..100 {
            b.see(&Observation::FlowOpened(&tcp("10.0.0.7", "203.0.113.6", 443)));
            b.wait(0.1);
        }
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Critical));
        assert!(b.found.len() <= 11);
        assert_eq!(b.last().source, Some(Subject::ip(ip("10.0.0.7"))));
    }

    #[test]
    fn a_listed_address_that_knocks_is_low_and_medium_when_answered() {
        let mut b = bench();
        let flow = tcp("203.0.113.6", "10.0.0.7", 22);
        b.see(&Observation::FlowOpened(&flow));
        assert_eq!(b.last().severity, Severity::Low);
        b.see(&Observation::FlowAnswered(&flow));
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
        assert_eq!(b.last().source, Some(Subject::ip(ip("203.0.113.6"))));
    }

    #[test]
    fn a_listed_domain_holds_for_names_below_it() {
        let mut b = bench();
        let hello = ClientHello { server_name: Some("www.evil.example".into()), ..ClientHello::default() };
        b.see(&Observation::TlsClient(&tcp("10.0.0.7", "198.51.100.9", 443), &hello));
        assert_eq!(b.last().severity, Severity::Critical);
        assert_eq!(b.last().target.as_ref().and_then(|t| t.name.as_deref()), Some("evil.example"));
        let hello = ClientHello { server_name: Some("notevil.example".into()), ..ClientHello::default() };
        b.see(&Observation::TlsClient(&tcp("10.0.0.7", "198.51.100.9", 443), &hello));
        assert_eq!(b.found.len(), 1);
    }

    #[test]
    fn inside_traffic_allowed_entries_and_empty_lists_are_quiet() {
        let mut b = bench();
        b.see(&Observation::FlowOpened(&tcp("10.0.0.7", "10.0.0.5", 443)));
        b.see(&Observation::FlowOpened(&tcp("10.0.0.7", "203.0.113.16", 443)));
        assert!(b.found.is_empty());
        let allow = vec!["203.0.113.6".to_owned()];
        let feeds = Arc::clone(&b.detector.feeds);
        let mut b = Bench::<FeedMatch>::with(&FeedMatchSettings { allow, ..Default::default() }, 64);
        b.see(&Observation::FlowOpened(&tcp("10.0.0.7", "203.0.113.7", 443)));
        b.detector.set_feeds(&feeds);
        b.see(&Observation::FlowOpened(&tcp("10.0.0.7", "203.0.113.6", 443)));
        assert!(b.found.is_empty());
        b.see(&Observation::FlowOpened(&tcp("10.0.0.7", "203.0.113.7", 443)));
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn a_flood_of_random_hosts_stays_within_its_table() {
        let mut b = bench();
        for i in 0..20_000u32 {
            let client = Ip::v4((0x0a00_0000 + i).to_be_bytes());
            b.see(&Observation::FlowOpened(&bench::flow(client, 4000, ip("203.0.113.6"), 80, 6)));
        }
        assert!(b.detector.told.len() <= 512);
    }
}
