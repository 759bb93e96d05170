//! `dns_tunnel`: data is carried out, or a connection is run, inside DNS names.
//!
//! Evidence, per host and registered domain over two minutes: new names below the domain (repeats and retransmissions do not
//! count), how many of them look encoded, their bytes, record types that carry data (NULL, TXT, CNAME, MX, KEY, private), and
//! bytes of the answers. It fires on many new encoded names, on data types with new names each time, or on NULL queries,
//! which nothing else uses; over an hour on twice as many encoded names, for tunnels that take their time. A response whose question was not seen counts as the question. Names below something that is no
//! top-level domain (tunnels that speak straight to their server) are counted together, per host.
//!
//! Not alarms: reverse lookups, names of CDNs (few per domain and minute, not encoded throughout), block lists
//! (short labels), DKIM, mDNS (another observation). Known false alarms: virus scanners that ask their maker about
//! every file by DNS (their domains are in `allow`); the router that forwards a tunnel is told besides the host.

use super::letters::look_drawn;
use super::settings::settings;
use super::window::{Coarse, Distinct, Halves, Pace, Tick};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part, text_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{DnsSeen, Observation, interest};
use crate::table::bounded::Bounded;
use crate::wire::dns::{registered_domain, rtype};
use crate::words::{Sentence, say, words};

settings! {
    /// Settings of `dns_tunnel`.
    DnsTunnelSettings {
        /// New names that look encoded, within two minutes. 10 to 200; browsing meets a handful per domain.
        encoded_names: u32 = 30, 10..=200;
        /// Bytes in those names below the domain. 200 to 100000; thirty names of a block list have fewer.
        name_bytes: u32 = 900, 200..=100_000;
        /// New names asked with a type that carries data, within two minutes. 5 to 200.
        data_names: u32 = 20, 5..=200;
        /// New names that look encoded, within an hour, for tunnels that take their time. 30 to 200; with three times the bytes
        /// of `name_bytes`, which names of content networks do not reach.
        slow_names: u32 = 60, 30..=200;
        /// Domains (with all below them) that may carry data in names.
        allow: Vec<String> = ALLOW.iter().map(|d| (*d).to_owned()).collect();
    }
}

/// Reputation services of virus scanners and mail filters.
const ALLOW: [&str; 14] = [
    "avast.com",
    "avqs.mcafee.com",
    "avts.mcafee.com",
    "barracudacentral.org",
    "bitdefender.net",
    "dnswl.org",
    "e5.sk",
    "kaspersky-labs.com",
    "mailspike.net",
    "sophosxl.net",
    "spamcop.net",
    "spamhaus.org",
    "surbl.org",
    "uribl.com",
];

const WINDOW: u32 = 120;
const HOUR: u32 = 3600;

/// Names of one host below one domain: about 550 bytes.
#[derive(Default)]
struct Names {
    recent: Distinct<32>,
    distinct: Coarse,
    /// New names, of them encoded, their bytes, of them asked with data types, of them NULL; bytes of answers.
    counts: Halves<6>,
    /// Encoded names of an hour, and their bytes.
    slow: Coarse,
    slow_bytes: Halves<1>,
    pace: Pace,
}

/// See the module.
pub struct DnsTunnel {
    settings: DnsTunnelSettings,
    names: Bounded<(Ip, u64), Names>,
}

impl Detector for DnsTunnel {
    const KIND: Kind = Kind {
        id: "dns_tunnel",
        severity: Severity::High,
        mitre: &["T1071.004", "T1048.003", "T1572"],
        en: Texts {
            title: "Data hidden in DNS",
            what: "A device puts data into name lookups. That way it can reach the outside past a firewall, or carry data out unnoticed.",
            why: "It looked up many new, long or meaningless names below one domain within two minutes, more than names are for.",
            harmless: "A virus scanner or mail filter that asks its maker about files or addresses by DNS; a VPN that uses DNS on purpose.",
            todo: "Find out which program does this. If nobody set it up, disconnect the device, check it for malware, and block the domain.",
            silence: "Add the domain to allow under [detect.dns_tunnel].",
        },
        nl: Texts {
            title: "Gegevens verstopt in DNS",
            what: "Een apparaat stopt gegevens in naamaanvragen. Zo kan het langs een firewall naar buiten, of ongemerkt gegevens wegsluizen.",
            why: "Binnen twee minuten vroeg het veel nieuwe, lange of betekenisloze namen onder één domein op, meer dan waar namen voor bedoeld zijn.",
            harmless: "Een virusscanner of mailfilter die via DNS bij de maker navraag doet over bestanden of adressen; een VPN die bewust DNS gebruikt.",
            todo: "Zoek uit welk programma dit doet. Heeft niemand het ingesteld, koppel het apparaat dan los, controleer het op malware en blokkeer het domein.",
            silence: "Zet het domein bij allow onder [detect.dns_tunnel].",
        },
    };
    const INTEREST: u64 = interest::DNS;
    type Settings = DnsTunnelSettings;

    fn new(settings: &DnsTunnelSettings, keys: usize) -> Self {
        DnsTunnel { settings: settings.clone(), names: Bounded::new((keys / 2).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::Dns(seen) = observation else { return };
        let Some(question) = seen.message.question else { return };
        let name = question.name.as_str();
        if name.ends_with(".arpa") || name.ends_with(".local") {
            return;
        }
        let domain = base_of(name);
        let below = name[..name.len() - domain.len()].trim_end_matches('.');
        if below.is_empty() || self.allowed(name) {
            return;
        }
        self.count(cx, seen, domain, below, question.rtype, out);
    }
}

impl Names {
    /// Notes a name and the length of its answer; whether the name is new.
    fn add(&mut self, now: Tick, below: &str, asked: u16, answer: u32) -> bool {
        let hash = text_part(below) as u32;
        let (_, new) = self.recent.seen(hash, now);
        if !new {
            self.counts.add(now, WINDOW, [0, 0, 0, 0, 0, answer]);
            return false;
        }
        self.distinct.add(hash, now, WINDOW);
        let (data, bytes) = (carries_data(asked), below.len() as u32);
        // What carries data is encoded when it is short, too: tunnels at rest only count.
        let encoded = looks_encoded(below) || (data && below.split('.').any(look_drawn));
        if encoded {
            self.slow.add(hash, now, HOUR);
            self.slow_bytes.add(now, HOUR, [bytes]);
        }
        let null = asked == rtype::NULL;
        self.counts.add(
            now,
            WINDOW,
            [1, u32::from(encoded), bytes, u32::from(data), u32::from(null), answer],
        );
        true
    }
}

impl DnsTunnel {
    fn allowed(&self, name: &str) -> bool {
        let below = |domain: &String| {
            name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        self.settings.allow.iter().any(below)
    }

    fn count(
        &mut self,
        cx: &Context<'_>,
        seen: &DnsSeen<'_>,
        domain: &str,
        below: &str,
        asked: u16,
        out: &mut Findings,
    ) {
        let now = cx.tick();
        let (names, _) = self.names.entry((seen.client, text_part(domain)), Names::default);
        let answer = if seen.message.response { seen.message.len } else { 0 };
        if !names.add(now, below, asked, answer) {
            return;
        }
        let [all, encoded, bytes, data, null, answered] = names.counts.totals(now, WINDOW);
        let s = &self.settings;
        let by_names = encoded >= s.encoded_names && encoded * 2 > all && bytes >= s.name_bytes;
        let by_type = data >= s.data_names && data * 2 > all && (encoded * 3 > data || answered >= 10_000);
        let by_null = null >= s.data_names.min(10);
        // The estimate holds the counts honest: names that come round again are not new.
        let distinct = names.distinct.estimate(now, WINDOW);
        let fast = (by_names || by_type || by_null) && distinct >= s.data_names.min(10);
        let slow_names = names.slow.estimate(now, HOUR);
        let by_hour = slow_names >= s.slow_names && names.slow_bytes.totals(now, HOUR)[0] >= s.name_bytes * 3;
        if !(fast || by_hour) || !names.pace.due(now) {
            return;
        }
        let place = if domain.is_empty() {
            words("no real domain", "geen echt domein").into()
        } else {
            Sentence::same(domain)
        };
        let (number, window) = if fast { (all, WINDOW) } else { (slow_names, HOUR) };
        let summary = say!(
            "{} asked for {number} new names below {place} within {} minutes",
            "{} vroeg binnen {} minuten naar {number} nieuwe namen onder {place}",
            seen.client,
            window / 60;
            place
        );
        let evidence = evidence! {
            "names" => all, "encoded_names" => encoded, "name_bytes" => bytes, "data_types" => data,
            "null_queries" => null, "answer_bytes" => answered, "threshold" => s.encoded_names,
            "threshold_data" => s.data_names, "encoded_in_an_hour" => slow_names, "threshold_slow" => s.slow_names,
            "window_s" => window, "domain" => place.en, "server" => seen.server.to_string(),
        };
        let parts = [ip_part(seen.client), text_part(domain)];
        let finding = Self::KIND.finding(Severity::High, &parts, summary, evidence);
        let mut target = Subject::endpoint(seen.server, seen.port);
        target.name = (!domain.is_empty()).then(|| domain.to_owned());
        out.push(between(finding, Some(Subject::ip(seen.client)), Some(target)));
    }
}

/// The registered domain, or nothing when the last label is no top-level domain.
fn base_of(name: &str) -> &str {
    let tld = name.rsplit('.').next().unwrap_or(name);
    let real = tld.starts_with("xn--") || (tld.len() <= 18 && tld.bytes().all(|b| b.is_ascii_lowercase()));
    if real && !looks_encoded(tld) { registered_domain(name) } else { "" }
}

/// Types whose answers carry free data, or that nothing ordinary asks about many names.
const fn carries_data(asked: u16) -> bool {
    const KEY: u16 = 25;
    matches!(asked, rtype::NULL | rtype::TXT | rtype::CNAME | rtype::MX | KEY) || asked >= 65_280
}

/// Whether the labels below a domain look like data: bytes that are no text, very long labels, or long ones in which
/// letters and digits alternate or vowels are missing.
fn looks_encoded(below: &str) -> bool {
    below.len() >= 80 || below.contains('?') || below.split('.').any(label_looks_encoded)
}

fn label_looks_encoded(label: &str) -> bool {
    if label.len() >= 40 {
        return true;
    }
    if label.len() < 16 {
        return false;
    }
    let digit = |b: u8| b.is_ascii_digit();
    let (mut switches, mut letters, mut vowels) = (0, 0usize, 0usize);
    for pair in label.as_bytes().windows(2) {
        switches += u32::from(digit(pair[0]) != digit(pair[1]) && pair[0] != b'-' && pair[1] != b'-');
    }
    for b in label.bytes() {
        letters += usize::from(b.is_ascii_alphabetic());
        vowels += usize::from(matches!(b, b'a' | b'e' | b'i' | b'o' | b'u' | b'y'));
    }
    let hex = label.bytes().all(|b| b.is_ascii_hexdigit()) && label.bytes().any(digit);
    switches >= 5 || hex || (letters >= 16 && vowels * 5 < letters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, mac};
    use crate::detect::window::mix;
    use crate::wire::{Parsed, dns};

    fn ask(b: &mut Bench<DnsTunnel>, name: &str, rtype: u16, response: bool) {
        let flags: u16 = if response { 0x8180 } else { 0x0100 };
        let mut bytes = [[0, 7], flags.to_be_bytes(), [0, 1], [0, 0], [0, 0], [0, 0]].concat();
        for label in name.split('.') {
            bytes.push(label.len() as u8);
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        bytes.extend([rtype.to_be_bytes(), [0, 1]].concat());
        let Parsed::Yes(message) = dns::parse(&bytes) else { panic!("test message") };
        let (client, server) = (ip("10.0.2.30"), ip("10.0.2.20"));
        b.see(&Observation::Dns(&DnsSeen { client, server, port: 53, mac: mac(3), message: &message }));
    }

    #[test]
    fn names_full_of_data_are_a_tunnel_whatever_the_domain() {
        for domain in ["tunnel.example", "x.example.co.uk"] {
            let mut b = Bench::<DnsTunnel>::new();
            for i in 0..75u64 {
                ask(&mut b, &format!("{:016x}{:016x}.{domain}", mix(i), mix(i + 99)), rtype::MX, false);
                ask(&mut b, &format!("{:016x}{:016x}.{domain}", mix(i), mix(i + 99)), rtype::MX, true);
                b.wait(0.8);
            }
            assert_eq!((b.alerts(), b.last().severity), (1, Severity::High), "{domain}");
        }
        let mut b = Bench::<DnsTunnel>::new();
        for i in 0..75u64 {
            ask(&mut b, &format!("dnscat.{:016x}{:016x}", mix(i), mix(i + 99)), rtype::TXT, false);
            b.wait(0.8);
        }
        assert_eq!(b.alerts(), 1, "without a domain");
    }

    #[test]
    fn short_null_queries_are_a_tunnel() {
        let mut b = Bench::<DnsTunnel>::new();
        for i in 0..100u64 {
            ask(&mut b, &format!("pae{:05x}.pirate.sea", mix(i) & 0xfffff), rtype::NULL, false);
            b.wait(0.2);
        }
        assert_eq!(b.alerts(), 1);
    }

    #[test]
    fn browsing_block_lists_reverse_lookups_and_scanners_stay_quiet() {
        let mut b = Bench::<DnsTunnel>::new();
        for i in 0..400u64 {
            ask(&mut b, &format!("host{i}.cdn{}.example.com", i % 7), rtype::A, false);
            ask(&mut b, &format!("{}.{}.0.10.in-addr.arpa", i % 250, i % 9), rtype::PTR, false);
            ask(&mut b, &format!("{}.{}.2.203.bl.example.net", i % 250, i % 9), rtype::A, false);
            ask(&mut b, &format!("{:016x}{:016x}.avqs.mcafee.com", mix(i), mix(i)), rtype::TXT, false);
            ask(&mut b, &format!("selector{}._domainkey.mail{i}.example{i}.org", i % 3), rtype::TXT, false);
            ask(&mut b, &format!("{:016x}{:016x}.asset.example.io", mix(i % 9), mix(i % 9)), rtype::A, false);
            b.wait(0.3);
        }
        assert!(b.found.is_empty(), "{:?}", b.found);
    }

    #[test]
    fn just_below_the_threshold_is_none() {
        let mut b = Bench::<DnsTunnel>::new();
        for i in 0..29u64 {
            ask(&mut b, &format!("{:016x}{:016x}.tunnel.example", mix(i), mix(i + 99)), rtype::A, false);
            b.wait(1.0);
        }
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_random_domains_stays_within_its_table() {
        let mut b = Bench::<DnsTunnel>::with(&DnsTunnelSettings::default(), 64);
        for i in 0..20_000u64 {
            ask(&mut b, &format!("{:016x}{:016x}.d{i}.example", mix(i), mix(i)), rtype::A, false);
            ask(&mut b, &format!("www.d{i}.com"), rtype::A, false);
        }
        assert!(b.detector.names.len() <= 32);
    }

    #[test]
    fn the_registered_domain_is_found() {
        assert_eq!(base_of("paeicg4i.pirate.sea"), "pirate.sea");
        assert_eq!(base_of("a.b.example.co.uk"), "example.co.uk");
        assert_eq!(base_of("example.com"), "example.com");
        assert_eq!(base_of("dnscat.546b03f50000"), "");
        assert_eq!(base_of("printer"), "printer");
    }

    #[test]
    fn encoded_names_are_told_from_names_that_machines_chose() {
        for encoded in [
            "546b03f50000000000a6023ed4df184d6ac5c2628b47714fdee584fed739",
            "a35c00f5005703c8b1b8cd00",
            "mzxw6ytboi4tknzqgq3tqmjs",
            "rdfed4??xl",
        ] {
            assert!(looks_encoded(encoded), "{encoded}");
        }
        for plain in [
            "www",
            "r3---sn-5hne6nsr",
            "media-ams4-1.cdn",
            "d3a8f2.cloudfront",
            "2.0.0.127.zen",
            "safebrowsing-cache",
            "ec2-52-28-104-11.eu-central-1.compute",
            "selector1._domainkey",
            "very-long-but-readable-host-name",
        ] {
            assert!(!looks_encoded(plain), "{plain}");
        }
    }
}
