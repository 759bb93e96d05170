//! `dns_spoof`: somebody answers a DNS question in another's place.
//!
//! Evidence:
//! - one question gets two answers that contradict each other (no address in common, or an address and "no such name"),
//!   and more answers than it was asked;
//! - besides the server that was asked, another one answers the same question with other addresses;
//! - dozens of answers to one open question, none with its number: somebody guesses it.
//!
//! Not alarms: a question that was repeated, whose answers may differ; a client that asks several servers at once; the
//! same answer twice; truncated answers. Known false alarms: networks and countries that answer in the place of servers
//! abroad to block names, which is just this.

use super::settings::settings;
use super::window::{Pace, Tick, mix};
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part, text_part};
use crate::addr::{Ip, MacAddr};
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{DnsSeen, Observation, interest};
use crate::table::bounded::Bounded;
use crate::wire::dns::{Data, Message, Question};
use crate::words::say;

settings! {
    /// Settings of `dns_spoof`.
    DnsSpoofSettings {
        /// For how long the second of two answers counts after the question, seconds. 1 to 30; clients wait no longer.
        seconds: u32 = 10, 1..=30;
        /// Answers with wrong numbers to one open question that are guesses. 10 to 1000; honest servers send none.
        guesses: u32 = 30, 10..=1000;
    }
}

/// "No such name".
const NXDOMAIN: u8 = 3;
/// Servers of which it is remembered which station brings their answers.
const SERVERS: usize = 64;

/// What one answer said: about 80 bytes.
#[derive(Clone, Copy)]
struct Answer {
    server: Ip,
    mac: MacAddr,
    rcode: u8,
    first: Ip,
    count: u8,
    addresses: [u32; 8],
}

impl Answer {
    fn of(seen: &DnsSeen<'_>) -> Answer {
        let (mut first, mut count, mut addresses) = (Ip::UNSPECIFIED, 0, [0; 8]);
        for record in seen.message.records().filter(|r| r.section == 1) {
            if let Data::Address(ip) = record.data
                && let Some(place) = addresses.get_mut(count)
            {
                *place = ip_part(ip) as u32;
                count += 1;
                first = if count == 1 { ip } else { first };
            }
        }
        let (server, mac, rcode) = (seen.server, seen.mac, seen.message.rcode);
        Answer { server, mac, rcode, first, count: count as u8, addresses }
    }

    fn held(&self) -> &[u32] {
        &self.addresses[..usize::from(self.count)]
    }

    /// Whether both cannot be true.
    fn contradicts(&self, other: &Answer) -> bool {
        match (self.held(), other.held()) {
            ([], []) => false,
            ([], _) => self.rcode == NXDOMAIN,
            (_, []) => other.rcode == NXDOMAIN,
            (ours, theirs) => !ours.iter().any(|ip| theirs.contains(ip)),
        }
    }

    fn text(&self) -> String {
        if self.count > 0 { self.first.to_string() } else { "no such name".to_owned() }
    }
}

/// A server that was asked, how often, and how often it answered.
#[derive(Clone, Copy, Default)]
struct Asked {
    server: Ip,
    questions: u8,
    answers: u8,
}

/// One question by its number: about 250 bytes.
struct Transaction {
    at: Tick,
    asked: [Asked; 3],
    first: Option<Answer>,
    foreign: Option<Answer>,
}

/// Answers with wrong numbers to one client's question.
struct Guesses {
    at: Tick,
    wrong: u32,
    pace: Pace,
}

/// See the module.
pub struct DnsSpoof {
    settings: DnsSpoofSettings,
    transactions: Bounded<u64, Transaction>,
    guesses: Bounded<u64, Guesses>,
    /// Which station brings a server's answers, and by how many more than others.
    stations: Bounded<Ip, (MacAddr, u32)>,
    /// The last answer that nothing contradicted so far: its transaction, server and station.
    unopposed: Option<(u64, Ip, MacAddr)>,
    pace: Pace,
}

impl Detector for DnsSpoof {
    const KIND: Kind = Kind {
        id: "dns_spoof",
        severity: Severity::High,
        mitre: &["T1557", "T1584.002"],
        en: Texts {
            title: "Forged name answers",
            what: "Someone answers questions for internet names in the place of the real name server, to send people to other addresses than they asked for.",
            why: "One question got two answers that cannot both be true, an answer came from a server that was not asked, or dozens of guessed answers arrived.",
            harmless: "A provider or country that blocks certain names in this way.",
            todo: "Do not log in at the sites named until this is clear. Look for the station that is named, if there is one, and for alerts about address theft. Use encrypted DNS where you can.",
            silence: "Mute dns_spoof with the device that asked as the target.",
        },
        nl: Texts {
            title: "Vervalste naamantwoorden",
            what: "Iemand beantwoordt vragen naar internetnamen in de plaats van de echte naamserver, om mensen naar een ander adres te sturen dan ze vroegen.",
            why: "Eén vraag kreeg twee antwoorden die niet allebei waar kunnen zijn, er antwoordde een server die niet was gevraagd, of er kwamen tientallen gegokte antwoorden.",
            harmless: "Een provider of land dat bepaalde namen op deze manier blokkeert.",
            todo: "Log niet in op de genoemde sites totdat dit duidelijk is. Zoek het genoemde apparaat op, als er een is genoemd, en let op meldingen over adresdiefstal. Gebruik waar mogelijk versleutelde DNS.",
            silence: "Demp dns_spoof met het vragende apparaat als doel.",
        },
    };
    const INTEREST: u64 = interest::DNS;
    type Settings = DnsSpoofSettings;

    fn new(settings: &DnsSpoofSettings, keys: usize) -> Self {
        DnsSpoof {
            settings: settings.clone(),
            transactions: Bounded::new((keys / 8).max(16)),
            guesses: Bounded::new((keys / 8).max(16)),
            stations: Bounded::new(SERVERS),
            unopposed: None,
            pace: Pace::default(),
        }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        let Observation::Dns(seen) = observation else { return };
        let Some(question) = &seen.message.question else { return };
        if seen.message.opcode != 0 {
            return;
        }
        let name = mix(text_part(question.name.as_str()) ^ u64::from(question.rtype)) ^ ip_part(seen.client);
        let key = mix(name ^ u64::from(seen.message.id) << 48);
        if seen.message.response {
            self.answered(cx, seen, question, (key, name), out);
        } else {
            self.asked(cx, seen, (key, name));
        }
    }
}

impl DnsSpoof {
    fn asked(&mut self, cx: &Context<'_>, seen: &DnsSeen<'_>, (key, name): (u64, u64)) {
        let now = cx.tick();
        let (t, _) = self.transactions.entry(key, || Transaction::new(now));
        if !now.within(t.at, self.settings.seconds) {
            *t = Transaction::new(now);
        }
        t.at = now;
        if let Some(asked) = t.server(seen.server) {
            (asked.server, asked.questions) = (seen.server, asked.questions.saturating_add(1));
        }
        let fresh = || Guesses { at: now, wrong: 0, pace: Pace::default() };
        let (guesses, _) = self.guesses.entry(name, fresh);
        if !now.within(guesses.at, self.settings.seconds) {
            guesses.wrong = 0;
        }
        guesses.at = now;
    }

    fn answered(
        &mut self,
        cx: &Context<'_>,
        seen: &DnsSeen<'_>,
        question: &Question,
        (key, name): (u64, u64),
        out: &mut Findings,
    ) {
        let (s, now) = (&self.settings, cx.tick());
        let open = self.transactions.get_mut(&key).filter(|t| now.within(t.at, s.seconds));
        let Some(t) = open else { return self.guessed(cx, seen, question, name, out) };
        let answer = Answer::of(seen);
        if is_silent(seen.message, &answer) {
            return;
        }
        let found = t.takes(answer);
        let in_turn = t.first.is_some_and(|first| first.server == answer.server);
        match found {
            Some(pair) => {
                self.unopposed = self.unopposed.take().filter(|(of, ..)| *of != key);
                self.raise(cx, seen.client, question, pair, out);
            }
            None if in_turn => {
                if let Some((_, server, mac)) = self.unopposed.replace((key, answer.server, answer.mac)) {
                    self.brought(server, mac);
                }
            }
            None => {}
        }
    }

    /// `mac` brought an answer of `server` that nothing contradicted.
    fn brought(&mut self, server: Ip, mac: MacAddr) {
        let (usual, _) = self.stations.entry(server, || (mac, 0));
        match usual {
            (held, count) if *held == mac => *count = count.saturating_add(1).min(100),
            (_, count) if *count > 0 => *count -= 1,
            _ => *usual = (mac, 1),
        }
    }

    /// The station that brings `server`'s answers, when that is beyond doubt. The tables do not tell: there an address is
    /// whose frames came last.
    fn usual(&self, server: Ip) -> Option<MacAddr> {
        self.stations.get(&server).filter(|(mac, count)| *count >= 1 && mac.is_station()).map(|(mac, _)| *mac)
    }

    /// The station that brought the false one of two answers in one server's name.
    fn forger(&self, one: &Answer, two: &Answer) -> Option<MacAddr> {
        let usual = self.usual(one.server)?;
        match (one.mac == usual, two.mac == usual) {
            (true, false) => Some(two.mac),
            (false, true) => Some(one.mac),
            _ => None,
        }
    }

    fn raise(
        &mut self,
        cx: &Context<'_>,
        client: Ip,
        question: &Question,
        (one, two, foreign): (Answer, Answer, bool),
        out: &mut Findings,
    ) {
        if !self.pace.due(cx.tick()) {
            return;
        }
        let name = question.name.as_str();
        let mac = self.forger(&one, &two).filter(|mac| mac.is_station());
        let by = match (foreign, mac) {
            (true, _) => say!(
                "{}, which was not asked, answered",
                "{}, waaraan niets gevraagd was, antwoordde",
                two.server
            ),
            (false, Some(mac)) => {
                say!("{mac} answered in the name of {}", "{mac} antwoordde uit naam van {}", two.server)
            }
            (false, None) => say!(
                "two answers came in the name of {}",
                "er kwamen twee antwoorden uit naam van {}",
                two.server
            ),
        };
        let summary = say!(
            "{client} asked for {name}: {by}: {} and {}",
            "{client} vroeg naar {name}: {by}: {} en {}",
            one.text(),
            two.text();
            by
        );
        let evidence = evidence! {
            "name" => name, "server" => one.server.to_string(), "answer_1" => one.text(), "answer_2" => two.text(),
            "from_other_server" => foreign.then(|| two.server.to_string()), "threshold" => 1,
            "window_s" => self.settings.seconds, "same_station" => one.mac == two.mac,
        };
        let (part, source) = match (foreign, mac) {
            (true, _) => (ip_part(two.server), Some(Subject::ip(two.server))),
            (false, mac) => (ip_part(two.server), mac.map(Subject::mac)),
        };
        let finding = Self::KIND.finding(Severity::High, &[1, part], summary, evidence);
        out.push(between(finding, source, Some(Subject::ip(client))));
    }

    /// An answer whose number fits no question.
    fn guessed(
        &mut self,
        cx: &Context<'_>,
        seen: &DnsSeen<'_>,
        question: &Question,
        name: u64,
        out: &mut Findings,
    ) {
        let (s, now) = (&self.settings, cx.tick());
        let Some(guesses) = self.guesses.get_mut(&name).filter(|g| now.within(g.at, s.seconds)) else {
            return;
        };
        guesses.wrong = guesses.wrong.saturating_add(1);
        if guesses.wrong < s.guesses || !guesses.pace.due(now) || !self.pace.due(now) {
            return;
        }
        let name = question.name.as_str();
        let summary = say!(
            "{} gets guessed answers for {name} in the name of {}: {} with wrong numbers",
            "{} krijgt gegokte antwoorden voor {name} uit naam van {}: {} met een verkeerd nummer",
            seen.client,
            seen.server,
            guesses.wrong
        );
        let evidence = evidence! {
            "name" => name, "server" => seen.server.to_string(), "guesses" => guesses.wrong,
            "threshold" => s.guesses, "window_s" => s.seconds,
        };
        let finding = Self::KIND.finding(Severity::High, &[2, ip_part(seen.client)], summary, evidence);
        let borrowed = seen.mac.is_station() && self.usual(seen.server).is_some_and(|mac| mac != seen.mac);
        let source = borrowed.then(|| Subject::mac(seen.mac));
        out.push(between(finding, source, Some(Subject::ip(seen.client))));
    }
}

/// Whether an answer says nothing that another could contradict.
fn is_silent(message: &Message<'_>, answer: &Answer) -> bool {
    message.truncated || (answer.count == 0 && answer.rcode != NXDOMAIN)
}

impl Transaction {
    fn new(at: Tick) -> Self {
        Transaction { at, asked: [Asked::default(); 3], first: None, foreign: None }
    }

    /// The place of `server` among those asked, or a free one.
    fn server(&mut self, server: Ip) -> Option<&mut Asked> {
        let at = self.asked.iter().position(|a| a.server == server);
        let at = at.or_else(|| self.asked.iter().position(|a| a.questions == 0))?;
        Some(&mut self.asked[at])
    }

    /// Takes an answer in. Gives two that contradict each other, the doubtful one last, and whether that comes from a
    /// server that was not asked.
    fn takes(&mut self, answer: Answer) -> Option<(Answer, Answer, bool)> {
        let all = self.asked.iter().all(|a| a.questions > 0);
        let asked = self.asked.iter_mut().find(|a| a.questions > 0 && a.server == answer.server);
        let Some(asked) = asked else {
            if all {
                return None;
            }
            self.foreign = self.foreign.or(Some(answer));
            let first = self.first.filter(|first| first.contradicts(&answer))?;
            return Some((first, answer, true));
        };
        asked.answers = asked.answers.saturating_add(1);
        let too_many = asked.answers > asked.questions;
        let Some(first) = self.first else {
            self.first = Some(answer);
            let foreign = self.foreign.filter(|foreign| foreign.contradicts(&answer))?;
            return Some((answer, foreign, true));
        };
        (too_many && first.server == answer.server && first.contradicts(&answer))
            .then_some((first, answer, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{Bench, ip, mac};
    use crate::wire::{Parsed, dns};

    fn bytes(id: u16, response: bool, rcode: u8, name: &str, addresses: &[[u8; 4]]) -> Vec<u8> {
        let flags = if response { 0x8180 | u16::from(rcode) } else { 0x0100 };
        let head = [id, flags, 1, addresses.len() as u16, 0, 0];
        let mut m: Vec<u8> = head.iter().flat_map(|w| w.to_be_bytes()).collect();
        for label in name.split('.') {
            m.push(label.len() as u8);
            m.extend(label.bytes());
        }
        m.extend([0, 0, 1, 0, 1]);
        for address in addresses {
            m.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            m.extend(address);
        }
        m
    }

    struct Talk {
        b: Bench<DnsSpoof>,
        client: Ip,
        name: String,
    }

    impl Talk {
        fn new() -> Talk {
            Talk { b: Bench::new(), client: ip("fd00::20"), name: "www.bank.example".into() }
        }
        fn see(&mut self, server: &str, station: u8, message: &[u8]) {
            let Parsed::Yes(message) = dns::parse(message) else { panic!("a message") };
            let (client, server) = (self.client, ip(server));
            let seen = DnsSeen { client, server, port: 53, mac: mac(station), message: &message };
            self.b.see(&Observation::Dns(&seen));
            self.b.wait(0.02);
        }
        fn ask(&mut self, server: &str, id: u16) {
            let m = bytes(id, false, 0, &self.name, &[]);
            self.see(server, 20, &m);
        }
        fn answer(&mut self, server: &str, station: u8, id: u16, addresses: &[[u8; 4]]) {
            let rcode = if addresses.is_empty() { NXDOMAIN } else { 0 };
            let m = bytes(id, true, rcode, &self.name, addresses);
            self.see(server, station, &m);
        }
    }

    const TRUE: [u8; 4] = [198, 51, 100, 9];
    const FALSE: [u8; 4] = [203, 0, 113, 66];

    #[test]
    fn two_answers_to_one_question_are_one_alert_and_a_station_on_the_lan_is_named() {
        let mut t = Talk::new();
        for id in 0..5 {
            t.ask("9.9.9.9", id);
            t.answer("9.9.9.9", 1, id, &[TRUE]);
        }
        assert!(t.b.found.is_empty());
        for id in 10..14 {
            t.ask("9.9.9.9", id);
            t.answer("9.9.9.9", 66, id, &[FALSE]);
            t.answer("9.9.9.9", 1, id, &[TRUE]);
            t.b.wait(2.0);
        }
        assert_eq!((t.b.alerts(), t.b.last().severity), (1, Severity::High));
        assert_eq!(t.b.last().source, Some(Subject::mac(mac(66))));
        assert_eq!(t.b.last().target, Some(Subject::ip(ip("fd00::20"))));
    }

    #[test]
    fn an_injected_answer_from_outside_is_found_without_a_source() {
        let mut t = Talk::new();
        t.ask("9.9.9.9", 7);
        t.answer("9.9.9.9", 1, 7, &[FALSE]);
        t.answer("9.9.9.9", 1, 7, &[]);
        assert!(t.b.alerts() == 1 && t.b.last().source.is_none());
    }

    #[test]
    fn a_server_that_was_not_asked_is_named_whoever_is_first() {
        for first in [true, false] {
            let mut t = Talk::new();
            t.ask("9.9.9.9", 7);
            if first {
                t.answer("192.168.1.66", 66, 7, &[FALSE]);
            }
            t.answer("9.9.9.9", 1, 7, &[TRUE]);
            if !first {
                t.answer("192.168.1.66", 66, 7, &[FALSE]);
            }
            assert_eq!(t.b.last().source, Some(Subject::ip(ip("192.168.1.66"))));
        }
    }

    #[test]
    fn guessed_numbers_are_found() {
        let mut t = Talk::new();
        t.ask("9.9.9.9", 7);
        for id in 100..200 {
            t.answer("9.9.9.9", 1, id, &[FALSE]);
        }
        assert_eq!((t.b.alerts(), t.b.last().evidence["threshold"].as_u64()), (1, Some(30)));
    }

    #[test]
    fn repeated_questions_several_servers_and_repeated_answers_are_none() {
        let mut t = Talk::new();
        t.ask("9.9.9.9", 1);
        t.ask("9.9.9.9", 1);
        t.answer("9.9.9.9", 1, 1, &[TRUE]);
        t.answer("9.9.9.9", 1, 1, &[FALSE]);
        t.ask("9.9.9.9", 2);
        t.ask("8.8.8.8", 2);
        t.answer("9.9.9.9", 1, 2, &[TRUE]);
        t.answer("8.8.8.8", 1, 2, &[FALSE]);
        t.ask("9.9.9.9", 3);
        t.answer("9.9.9.9", 1, 3, &[TRUE, FALSE]);
        t.answer("9.9.9.9", 1, 3, &[FALSE, [1, 2, 3, 4]]);
        for id in 500..700 {
            t.client = ip("fd00::21");
            t.answer("9.9.9.9", 1, id, &[FALSE]);
        }
        assert!(t.b.found.is_empty(), "{:?}", t.b.found);
    }

    #[test]
    fn a_flood_of_questions_stays_within_its_tables() {
        let mut t = Talk { b: Bench::with(&DnsSpoofSettings::default(), 64), ..Talk::new() };
        for i in 0..5_000u16 {
            t.name = format!("n{i}.example");
            t.ask("9.9.9.9", i);
            t.answer("9.9.9.9", 1, i, &[TRUE]);
        }
        assert!(
            t.b.found.is_empty() && t.b.detector.transactions.len() <= 16 && t.b.detector.guesses.len() <= 16
        );
    }
}
