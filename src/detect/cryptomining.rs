//! `cryptomining`: a device mines a cryptocurrency, for its owner or, more often, for somebody who broke in.
//!
//! Evidence, any of: Stratum was read in the clear, on any port; a connection to a name of a known pool, other than its
//! website, on a port that is not the web's; a name of a pool's own kind (`stratum…`) or, several times, of a pool's
//! workers looked up (medium: whether it connects is not seen); a connection kept for long with little said on it, to a
//! port of pools and an address nobody looked up by another name (medium).
//!
//! Known false alarms: the owner mines on purpose. Not one: reading about mining, a pool's website.

use super::settings::settings;
use super::window::{Halves, Pace};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Evidence, Findings, Severity, Subject};
use crate::observe::{DnsSeen, Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::{App, Flow, State, proto};
use crate::time::SECOND;
use crate::wire::clean_text;
use crate::wire::dns::rtype;
use crate::wire::stratum::{Said, What};
use crate::words::{Sentence, say};

settings! {
    /// Settings of `cryptomining`.
    CryptominingSettings {
        /// Look-ups of a pool's worker names within half an hour that are told without a connection. 2 to 100; a page that
        /// lists pools makes a few.
        lookups: u32 = 6, 2..=100;
        /// How long a quiet connection to a port of pools lasts before it is told, seconds. 300 to 86400; calls and games end
        /// or say more.
        held_seconds: u32 = 900, 300..=86_400;
        /// Ports that pools listen on.
        ports: Vec<u16> = vec![3333, 3334, 3335, 3336, 4444, 5555, 6666, 7777, 8888, 9999, 14_433, 14_444, 45_560, 45_700];
        /// Domains of pools (with all below them).
        pools: Vec<String> = POOLS.iter().map(|d| (*d).to_owned()).collect();
        /// Addresses and domains of pools that may be used: your own mining.
        allow: Vec<String> = Vec::new();
    }
}

/// Pools that take strangers' work, for the coins that malware mines and for the large ones.
const POOLS: [&str; 36] = [
    "2miners.com",
    "antpool.com",
    "binance.pool",
    "braiins.com",
    "btc.com",
    "c3pool.com",
    "c3pool.org",
    "crypto-pool.fr",
    "dwarfpool.com",
    "ethermine.org",
    "f2pool.com",
    "flypool.org",
    "hashvault.pro",
    "herominers.com",
    "hiveon.net",
    "kryptex.network",
    "luxor.tech",
    "minergate.com",
    "minexmr.com",
    "miningocean.org",
    "miningpoolhub.com",
    "moneroocean.stream",
    "monerohash.com",
    "nanopool.org",
    "nicehash.com",
    "poolin.com",
    "prohashing.com",
    "rplant.xyz",
    "slushpool.com",
    "supportxmr.com",
    "unmineable.com",
    "viabtc.com",
    "woolypooly.com",
    "xmrpool.eu",
    "zergpool.com",
    "zpool.ca",
];
/// Names below a pool's domain that people read.
const PAGES: [&str; 18] = [
    "account", "api", "app", "assets", "auth", "blog", "cdn", "docs", "forum", "help", "img", "m", "mail",
    "new", "static", "status", "support", "www",
];
/// Half an hour, in which look-ups are counted.
const WINDOW: u32 = 1800;
/// Payload per second, both ways, that a miner does not reach: a job is a few hundred bytes and comes each half minute.
const QUIET_BYTES: i64 = 200;

/// What one host does: 60 bytes.
#[derive(Default)]
struct Miner {
    lookups: Halves<1>,
    lines: u32,
    shares: u32,
    agent: Option<Box<str>>,
    pace: Pace,
}

/// See the module.
pub struct Cryptomining {
    settings: CryptominingSettings,
    miners: Bounded<Ip, Miner>,
}

impl Detector for Cryptomining {
    const KIND: Kind = Kind {
        id: "cryptomining",
        severity: Severity::High,
        mitre: &["T1496"],
        en: Texts {
            title: "Cryptocurrency mining",
            what: "A device computes cryptocurrency. It costs power and speed, and when nobody in the house set it up, someone has broken in.",
            why: "It spoke the language of mining programs, or connected to a mining pool.",
            harmless: "Someone in the house mines on purpose.",
            todo: "Ask whose program this is. If nobody knows of it, disconnect the device, find the program that uses its processor fully, and check the device for malware.",
            silence: "Add the pool to allow under [detect.cryptomining], or mute cryptomining with this device as source.",
        },
        nl: Texts {
            title: "Cryptomunten delven",
            what: "Een apparaat berekent cryptomunten. Dat kost stroom en snelheid, en als niemand in huis het heeft ingesteld, is er iemand binnengedrongen.",
            why: "Het sprak de taal van delfprogramma's of maakte verbinding met een groep van delvers (een pool).",
            harmless: "Iemand in huis delft met opzet cryptomunten.",
            todo: "Vraag van wie dit programma is. Weet niemand ervan, koppel het apparaat dan los, zoek het programma dat de processor volledig belast en controleer het apparaat op malware.",
            silence: "Zet de pool bij allow onder [detect.cryptomining], of demp cryptomining met dit apparaat als bron.",
        },
    };
    const INTEREST: u64 =
        interest::STRATUM | interest::DNS | interest::FLOW_ESTABLISHED | interest::FLOW_ENDED;
    type Settings = CryptominingSettings;

    fn new(settings: &CryptominingSettings, keys: usize) -> Self {
        Cryptomining { settings: settings.clone(), miners: Bounded::new((keys / 4).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        match observation {
            Observation::Stratum(flow, said) => self.stratum(cx, flow, said, out),
            Observation::Dns(seen) if !seen.message.response => self.looked_up(cx, seen, out),
            Observation::FlowEstablished(flow) if is_outgoing(cx, flow) => self.connected(cx, flow, out),
            Observation::FlowEnded(flow) if is_outgoing(cx, flow) => self.ended(cx, flow, out),
            _ => {}
        }
    }
}

fn is_outgoing(cx: &Context<'_>, flow: &Flow) -> bool {
    flow.protocol == proto::TCP && !cx.inside.contains(flow.server)
}

fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

impl Cryptomining {
    fn allowed(&self, server: Ip, name: Option<&str>) -> bool {
        self.settings.allow.iter().any(|entry| match entry.parse::<Ip>() {
            Ok(ip) => ip == server,
            Err(_) => name.is_some_and(|name| is_below(name, entry)),
        })
    }

    /// Whether a name is one that miners, not people, use.
    fn is_worker_name(&self, name: &str) -> bool {
        let below =
            |domain: &String| name.strip_suffix(domain.as_str()).and_then(|rest| rest.strip_suffix('.'));
        self.settings
            .pools
            .iter()
            .find_map(below)
            .is_some_and(|below| !PAGES.contains(&below.split('.').next().unwrap_or(below)))
    }

    fn stratum(&mut self, cx: &Context<'_>, flow: &Flow, said: &Said<'_>, out: &mut Findings) {
        let name = cx.lookup.asked_as(flow.server);
        if self.allowed(flow.server, name) {
            return;
        }
        let (miner, _) = self.miners.entry(flow.client, Miner::default);
        miner.lines = miner.lines.saturating_add(1);
        miner.shares = miner.shares.saturating_add(u32::from(said.what == What::Share));
        if let Some(agent) = said.agent {
            miner.agent = Some(clean_text(agent, 64).into());
        }
        if !miner.pace.due(cx.tick()) {
            return;
        }
        let place = name.map_or_else(|| flow.server.to_string(), |n| format!("{n} ({})", flow.server));
        let summary = say!(
            "{} mines cryptocurrency at {place} port {}",
            "{} delft cryptomunten bij {place} poort {}",
            flow.client,
            flow.server_port
        );
        let evidence = evidence! {
            "evidence" => "stratum", "method" => said.method, "lines" => miner.lines, "shares" => miner.shares,
            "agent" => miner.agent, "threshold" => 1,
        };
        // A pool of the house's own is somebody's plan.
        let severity = if cx.inside.contains(flow.server) { Severity::Medium } else { Severity::High };
        tell(flow.client, endpoint(flow, name), severity, summary, evidence, out);
    }

    fn looked_up(&mut self, cx: &Context<'_>, seen: &DnsSeen<'_>, out: &mut Findings) {
        let Some(question) = &seen.message.question else { return };
        let name = question.name.as_str();
        if question.rtype != rtype::A || !self.is_worker_name(name) || cx.lookup.is_gateway(seen.client) {
            return;
        }
        if self.allowed(seen.server, Some(name)) {
            return;
        }
        let (now, threshold) = (cx.tick(), self.settings.lookups);
        let (miner, _) = self.miners.entry(seen.client, Miner::default);
        miner.lookups.add(now, WINDOW, [1]);
        let [lookups] = miner.lookups.totals(now, WINDOW);
        let own_kind = name.starts_with("stratum") || name.contains(".stratum");
        if miner.lines > 0 || !(own_kind || lookups >= threshold) || !miner.pace.due(now) {
            return;
        }
        let summary =
            say!("{} looked up the mining pool {name}", "{} zocht de miningpool {name} op", seen.client);
        let evidence = evidence! {
            "evidence" => "look-ups", "lookups" => lookups, "threshold" => threshold, "window_s" => WINDOW,
        };
        tell(seen.client, Subject::name(name), Severity::Medium, summary, evidence, out);
    }

    fn connected(&mut self, cx: &Context<'_>, flow: &Flow, out: &mut Findings) {
        if matches!(flow.server_port, 80 | 443) {
            return;
        }
        let Some(name) = cx.lookup.asked_as(flow.server) else { return };
        if !self.is_worker_name(name) || self.allowed(flow.server, Some(name)) {
            return;
        }
        let (miner, _) = self.miners.entry(flow.client, Miner::default);
        // What is read is better evidence than the name.
        if miner.lines > 0 || !miner.pace.due(cx.tick()) {
            return;
        }
        let summary = say!(
            "{} connected to the mining pool {name} port {}",
            "{} maakte verbinding met de miningpool {name} poort {}",
            flow.client,
            flow.server_port
        );
        let evidence = evidence! { "evidence" => "pool name", "port" => flow.server_port, "threshold" => 1 };
        tell(flow.client, endpoint(flow, Some(name)), Severity::High, summary, evidence, out);
    }

    fn ended(&mut self, cx: &Context<'_>, flow: &Flow, out: &mut Findings) {
        if !self.settings.ports.contains(&flow.server_port) {
            return;
        }
        let seconds = flow.last_at.since(flow.opened_at) / SECOND;
        let payload = i64::from(flow.payload_up) + i64::from(flow.payload_down);
        let held = seconds >= i64::from(self.settings.held_seconds) && payload < seconds * QUIET_BYTES;
        let both = flow.packets_up >= 20 && flow.packets_down >= 20 && flow.payload_down > flow.payload_up;
        let opened = !matches!(flow.state, State::Midstream | State::Refused);
        let unknown = matches!(flow.app, App::Unknown | App::Tls);
        let named = cx.lookup.asked_as(flow.server);
        if !(held && both && opened && unknown) || named.is_some() || self.allowed(flow.server, None) {
            return;
        }
        let (miner, _) = self.miners.entry(flow.client, Miner::default);
        if miner.lines > 0 || !miner.pace.due(cx.tick()) {
            return;
        }
        let summary = say!(
            "{} kept a quiet connection to {} port {} for {} min, as a miner does",
            "{} hield een rustige verbinding met {} poort {} {} min open, zoals een delfprogramma doet",
            flow.client,
            flow.server,
            flow.server_port,
            seconds / 60
        );
        let evidence = evidence! {
            "evidence" => "port and shape", "lasting_s" => seconds, "threshold_s" => self.settings.held_seconds,
            "payload_bytes" => payload, "port" => flow.server_port,
        };
        tell(flow.client, endpoint(flow, None), Severity::Medium, summary, evidence, out);
    }
}

fn endpoint(flow: &Flow, name: Option<&str>) -> Subject {
    let name = name.map(str::to_owned);
    Subject { ip: Some(flow.server), port: Some(flow.server_port), name, ..Subject::default() }
}

fn tell(
    client: Ip,
    target: Subject,
    severity: Severity,
    summary: Sentence,
    evidence: Evidence,
    out: &mut Findings,
) {
    // One host that mines is one incident, whatever pools it tries.
    let finding = Cryptomining::KIND.finding(severity, &[ip_part(client)], summary, evidence);
    out.push(between(finding, Some(Subject::ip(client)), Some(target)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, mac, tcp};
    use crate::time::Timestamp;
    use crate::wire::talk::Side;
    use crate::wire::{Parsed, dns};

    const POOL: &str = "203.0.113.33";

    fn line(b: &mut Bench<Cryptomining>, client: &str, what: What, agent: Option<&[u8]>) {
        let said = Said { side: Side::Client, what, method: "mining.subscribe", agent };
        b.see(&Observation::Stratum(&tcp(client, POOL, 443), &said));
        b.wait(2.0);
    }
    fn look_up(b: &mut Bench<Cryptomining>, name: &str) {
        let mut bytes = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            bytes.push(label.len() as u8);
            bytes.extend(label.as_bytes());
        }
        bytes.extend([0, 0, 1, 0, 1]);
        let Parsed::Yes(message) = dns::parse(&bytes) else { panic!("test message") };
        let (client, server) = (ip("10.0.0.66"), ip("10.0.0.1"));
        b.see(&Observation::Dns(&DnsSeen { client, server, port: 53, mac: mac(3), message: &message }));
        b.wait(20.0);
    }
    fn kept(port: u16, seconds: i64, up: u32, down: u32) -> Flow {
        let mut flow = tcp("10.0.0.66", POOL, port);
        (flow.opened_at, flow.last_at) = (Timestamp::from_secs(0), Timestamp::from_secs(seconds));
        (flow.payload_up, flow.payload_down, flow.state) = (up, down, State::Closed);
        (flow.packets_up, flow.packets_down) = (60, 80);
        flow
    }

    #[test]
    fn stratum_is_mining_on_any_port_and_one_host_is_one_alert() {
        let mut b = Bench::<Cryptomining>::new();
        line(&mut b, "10.0.0.66", What::Login, Some(b"xmrig/6.21\x1b[31m"));
        line(&mut b, "10.0.0.66", What::Share, None);
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::High));
        assert_eq!(b.last().evidence["agent"], "xmrig/6.21[31m");
        assert_eq!(b.last().evidence["shares"], 1);
        line(&mut b, "fd00::66", What::Login, None);
        assert_eq!(b.alerts(), 2);
    }

    #[test]
    fn a_connection_to_a_pool_by_name_is_mining_unless_it_is_the_website() {
        let mut b = Bench::<Cryptomining>::new();
        for (name, port, alerts) in [
            ("www.nanopool.org", 8443, 0),
            ("nanopool.org", 4444, 0),
            ("xmr-eu1.nanopool.org", 443, 0),
            ("xmr-eu1.nanopool.org.example", 14433, 0),
            ("xmr-eu1.nanopool.org", 14433, 1),
        ] {
            b.known.names.insert(ip(POOL), name.into());
            b.see(&Observation::FlowEstablished(&tcp("10.0.0.66", POOL, port)));
            assert_eq!(b.alerts(), alerts, "{name}");
        }
    }

    #[test]
    fn look_ups_alone_are_worth_a_look_when_they_go_on() {
        let mut b = Bench::<Cryptomining>::new();
        for name in ["www.f2pool.com", "2miners.com", "xmr.2miners.com", "eth.2miners.com", "rvn.2miners.com"]
        {
            look_up(&mut b, name);
        }
        assert!(b.found.is_empty());
        look_up(&mut b, "stratum.antpool.com");
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
        let mut again = Bench::<Cryptomining>::new();
        (0..6).for_each(|_| look_up(&mut again, "gulf.moneroocean.stream"));
        assert_eq!(again.alerts(), 1);
    }

    #[test]
    fn a_quiet_connection_held_for_long_counts_only_with_a_pools_port_and_no_other_name() {
        for (flow, alerts) in [
            (kept(3333, 3600, 9_000, 60_000), 1),
            (kept(3333, 600, 2_000, 9_000), 0),
            (kept(3333, 3600, 90_000, 9_000_000), 0),
            (kept(443, 3600, 9_000, 60_000), 0),
        ] {
            let mut b = Bench::<Cryptomining>::new();
            b.see(&Observation::FlowEnded(&flow));
            assert_eq!(b.alerts(), alerts, "{} {}", flow.server_port, flow.payload_down);
        }
        let mut b = Bench::<Cryptomining>::new();
        b.known.names.insert(ip(POOL), "chat.game.example".into());
        b.see(&Observation::FlowEnded(&kept(3333, 3600, 9_000, 60_000)));
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_hosts_stays_within_its_table_and_what_is_allowed_is_quiet() {
        let mut b = Bench::<Cryptomining>::with(&CryptominingSettings::default(), 64);
        for i in 0..5_000u32 {
            line(&mut b, &Ip::v4((0x0a00_0000 + i).to_be_bytes()).to_string(), What::Work, None);
        }
        assert!(b.detector.miners.len() <= 16);
        let allow = vec![POOL.to_owned()];
        let mut b = Bench::<Cryptomining>::with(&CryptominingSettings { allow, ..Default::default() }, 64);
        line(&mut b, "10.0.0.66", What::Login, None);
        assert!(b.found.is_empty());
    }
}
