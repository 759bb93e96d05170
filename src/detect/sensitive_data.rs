//! `sensitive_data`: card numbers, private keys or cloud keys travel readable.
//!
//! Evidence: requests, the beginnings of readable answers, and mail, looked through for private keys with their content,
//! keys of cloud services by their fixed form, and card numbers (issuer, length and check digit right) that are either
//! labelled as such or come in numbers. What was found is counted and never kept.
//!
//! Known false alarms: manuals and test data with example keys or card numbers. Not one: long numbers that are no cards
//! (times, ids of posts, tracking numbers), names of access keys in signed addresses, public keys and certificates.

use super::settings::settings;
use super::window::Pace;
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part};
use crate::addr::Ip;
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::Flow;
use crate::wire::http::attack::percent_decoded;
use crate::words::{Sentence, say, words};

settings! {
    /// Settings of `sensitive_data`.
    SensitiveDataSettings {
        /// Different card numbers, grouped as on a card but not labelled, in one message that count. 2 to 20; one in fifty
        /// numbers of sixteen digits looks like one by chance.
        unlabelled_cards: u32 = 3, 2..=20;
        /// Whether card numbers are looked for.
        cards: bool = true;
        /// Whether private keys and keys of cloud services are looked for.
        keys: bool = true;
    }
}

/// What one message held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    cards: u32,
    labelled: u32,
    private_keys: u32,
    cloud_keys: u32,
}

/// What one pair showed in all.
#[derive(Default)]
struct Shown {
    held: Held,
    pace: Pace,
}

/// See the module.
pub struct SensitiveData {
    settings: SensitiveDataSettings,
    shown: Bounded<(Ip, Ip), Shown>,
}

impl Detector for SensitiveData {
    const KIND: Kind = Kind {
        id: "sensitive_data",
        severity: Severity::High,
        mitre: &["T1040", "T1552.004"],
        en: Texts {
            title: "Secrets readable on the way",
            what: "Card numbers, private keys or keys of a cloud service travelled without encryption.",
            why: "A web request, a web page or a mail without encryption held them. They were counted, not kept.",
            harmless: "Examples in a manual, or test numbers of a developer.",
            todo: "Find out which program or site sends them and use it over HTTPS only. Replace a key that was shown; tell your bank if the cards are real.",
            silence: "Mute sensitive_data with this source and this target.",
        },
        nl: Texts {
            title: "Geheimen leesbaar onderweg",
            what: "Kaartnummers, geheime sleutels of sleutels van een clouddienst gingen onversleuteld over het netwerk.",
            why: "Een onversleuteld webverzoek, webpagina of e-mailbericht bevatte ze. Ze zijn geteld, niet bewaard.",
            harmless: "Voorbeelden in een handleiding, of testnummers van een ontwikkelaar.",
            todo: "Zoek uit welk programma of welke site ze verstuurt en gebruik die alleen via HTTPS. Vervang een sleutel die zichtbaar was; waarschuw uw bank als het om echte kaarten gaat.",
            silence: "Demp sensitive_data met deze bron en dit doel.",
        },
    };
    const INTEREST: u64 = interest::CONTENT;
    type Settings = SensitiveDataSettings;

    fn new(settings: &SensitiveDataSettings, keys: usize) -> Self {
        SensitiveData { settings: settings.clone(), shown: Bounded::new((keys / 8).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        if let Observation::Content(flow, text) = observation {
            let mut held = Held::default();
            if self.settings.cards {
                cards(text, &mut held);
            }
            if self.settings.keys {
                keys(text, &mut held);
            }
            let cards = held.labelled > 0 || held.cards >= self.settings.unlabelled_cards;
            if cards || held.private_keys + held.cloud_keys > 0 {
                self.found(cx, flow, held, out);
            }
        }
    }
}

impl SensitiveData {
    fn found(&mut self, cx: &Context<'_>, flow: &Flow, held: Held, out: &mut Findings) {
        let (shown, _) = self.shown.entry((flow.client, flow.server), Shown::default);
        let all = &mut shown.held;
        all.cards = all.cards.saturating_add(held.cards);
        all.private_keys = all.private_keys.saturating_add(held.private_keys);
        all.cloud_keys = all.cloud_keys.saturating_add(held.cloud_keys);
        if !shown.pace.due(cx.tick()) {
            return;
        }
        let kinds = [
            (all.cards, words("card numbers", "kaartnummers")),
            (all.private_keys, words("private keys", "geheime sleutels")),
            (all.cloud_keys, words("keys of cloud services", "sleutels van clouddiensten")),
        ];
        let what = kinds.iter().filter(|(n, _)| *n > 0).map(|(_, what)| (*what).into());
        let what = what.reduce(|a: Sentence, b: Sentence| say!("{a} and {b}", "{a} en {b}"; a, b));
        let what = what.unwrap_or_default();
        let summary = say!(
            "{} and {} exchange {what} unencrypted",
            "{} en {} wisselen onversleuteld {what} uit",
            flow.client,
            flow.server;
            what
        );
        let evidence = evidence! {
            "card_numbers" => all.cards, "private_keys" => all.private_keys, "cloud_keys" => all.cloud_keys,
            "threshold_unlabelled_cards" => self.settings.unlabelled_cards,
        };
        let parts = [ip_part(flow.client), ip_part(flow.server)];
        let finding = Self::KIND.finding(Severity::High, &parts, summary, evidence);
        let target = Subject::endpoint(flow.server, flow.server_port);
        out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
    }
}

/// Most card numbers counted in one message.
const MAX_CARDS: usize = 32;

/// Counts different card numbers: digits, alone or in groups, that are not part of more digits or of a word.
fn cards(text: &[u8], held: &mut Held) {
    let mut seen = [0u64; MAX_CARDS];
    let mut at = 0;
    while let Some(start) = text[at..].iter().position(u8::is_ascii_digit).map(|n| at + n) {
        let (mut number, mut digits, mut end, mut groups) = (0u64, 0u32, start, 0);
        let separator = text.get(start + 4).copied().filter(|b| matches!(b, b' ' | b'-' | b'+'));
        while let Some(byte) = text.get(end) {
            if byte.is_ascii_digit() && digits < 20 {
                number = number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
                digits += 1;
            } else if Some(*byte) == separator && text.get(end + 1).is_some_and(u8::is_ascii_digit) {
                groups += 1;
            } else {
                break;
            }
            end += 1;
        }
        at = end.max(start + 1);
        let attached =
            |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'/'));
        let before = start.checked_sub(1).map(|n| &text[n]);
        if !is_card(number, digits) || attached(before) || attached(text.get(end).filter(|b| **b != b'.')) {
            continue;
        }
        let count = held.cards as usize;
        if count == MAX_CARDS || seen[..count].contains(&number) {
            continue;
        }
        let label = is_labelled(&text[start.saturating_sub(40)..start]);
        if label || groups >= 2 {
            seen[count] = number;
            held.cards += 1;
            held.labelled += u32::from(label);
        }
    }
}

/// Issuer, length (ISO/IEC 7812) and check digit: Visa, Mastercard, American Express, Discover, JCB, Diners, Maestro.
fn is_card(number: u64, digits: u32) -> bool {
    let head = |n: u32| number / 10u64.pow(digits.saturating_sub(n).min(19));
    let issuer = match digits {
        13 => head(1) == 4,
        14 => matches!(head(2), 36 | 38) || matches!(head(3), 300..=305),
        15 => matches!(head(2), 34 | 37),
        16 => {
            head(1) == 4
                || matches!(head(2), 51..=55 | 65)
                || matches!(head(4), 2221..=2720 | 6011 | 3528..=3589)
        }
        _ => false,
    };
    issuer && luhn(number) && !number.is_multiple_of(1_000_000)
}

fn luhn(number: u64) -> bool {
    let (mut rest, mut sum, mut double) = (number, 0, false);
    while rest > 0 {
        let digit = (rest % 10) * if double { 2 } else { 1 };
        sum += digit / 10 + digit % 10;
        (rest, double) = (rest / 10, !double);
    }
    sum % 10 == 0
}

/// Whether the text before a number calls it a card.
fn is_labelled(before: &[u8]) -> bool {
    // Only the name of this field: what stands behind the last separator of fields.
    let name =
        before.rsplit(|b| matches!(b, b'&' | b',' | b'\n' | b'{' | b';' | b'<')).next().unwrap_or_default();
    let name: Vec<u8> =
        name.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    let words: [&[u8]; 9] = [
        b"card",
        b"ccnum",
        b"ccnumber",
        b"ccno",
        b"visa",
        b"mastercard",
        b"amex",
        b"kaartnummer",
        b"cardnumber",
    ];
    let not: [&[u8]; 6] = [b"cardid", b"discard", b"vcard", b"postcard", b"giftcard", b"wildcard"];
    let has = |word: &&[u8]| name.windows(word.len()).any(|w| w == *word);
    (words.iter().any(has) || name == b"pan" || name == b"cc") && !not.iter().any(has)
}

/// Forms of keys of cloud services: how they begin, and how many letters and digits follow.
const FORMS: [(&[u8], usize); 6] =
    [(b"AKIA", 16), (b"ASIA", 16), (b"ghp_", 36), (b"glpat-", 20), (b"npm_", 36), (b"sk_live_", 24)];

/// Counts private keys and keys of cloud services.
fn keys(text: &[u8], held: &mut Held) {
    let mut named = 0;
    for at in memchr::memmem::find_iter(text, b"PRIVATE") {
        let rest = &text[at + 7..];
        if rest.starts_with(b" KEY") || rest.starts_with(b"+KEY") {
            let near = &text[at.saturating_sub(32)..text.len().min(at + 240)];
            held.private_keys += u32::from(is_private_key(near));
        }
    }
    for (prefix, length) in FORMS {
        let begins = |at: &usize| *at == 0 || !text[at - 1].is_ascii_alphanumeric();
        for at in memchr::memmem::find_iter(text, prefix).filter(begins) {
            let found = u32::from(is_token(&text[at..], prefix, length));
            *if prefix[0] == b'A' { &mut named } else { &mut held.cloud_keys } += found;
        }
    }
    // The name of an AWS key stands in signed addresses, too, where it is no secret.
    let signs: [&[u8]; 3] = [b"Signature=", b"X-Amz-", b"AWSAccessKeyId="];
    if named > 0 && !signs.iter().any(|sign| text.windows(sign.len()).any(|w| w == *sign)) {
        held.cloud_keys += named;
    }
}

fn is_token(rest: &[u8], prefix: &[u8], length: usize) -> bool {
    let upper = prefix[0] == b'A';
    let is =
        |b: &u8| if upper { b.is_ascii_uppercase() || b.is_ascii_digit() } else { b.is_ascii_alphanumeric() };
    let Some(key) = rest.strip_prefix(prefix) else { return false };
    key.get(..length).is_some_and(|key| key.iter().all(is)) && !key.get(length).is_some_and(is)
}

/// `-----BEGIN … PRIVATE KEY-----` with base64 behind it, as it stands, in a form, or in JSON.
fn is_private_key(near: &[u8]) -> bool {
    let near = percent_decoded(near, true);
    let Some(begin) = near.windows(11).position(|w| w == b"-----BEGIN ") else { return false };
    let Some(end) = near.windows(16).position(|w| w == b"PRIVATE KEY-----") else { return false };
    if begin > end {
        return false;
    }
    let mut body = &near[end + 16..];
    while let Some(rest) = body
        .strip_prefix(b"\\n")
        .or(body.strip_prefix(b"\\r"))
        .or(body.strip_prefix(b"\n"))
        .or(body.strip_prefix(b"\r"))
    {
        body = rest;
    }
    let encrypted = body.starts_with(b"Proc-Type:");
    let base64 =
        body.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b' ')).count();
    encrypted || base64 >= 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::bench::{self, Bench, ip, tcp};
    use crate::table::flows::proto;
    use proptest::prelude::*;

    fn held(text: &str) -> Held {
        let mut held = Held::default();
        cards(text.as_bytes(), &mut held);
        keys(text.as_bytes(), &mut held);
        held
    }

    fn alerts(text: &str) -> usize {
        let mut b = Bench::<SensitiveData>::new();
        b.see(&Observation::Content(&tcp("10.0.0.5", "203.0.113.9", 80), text.as_bytes()));
        b.alerts()
    }

    #[test]
    fn a_card_number_is_found_in_a_form_in_json_and_in_mail() {
        for text in [
            "name=Anna&cardnumber=4539578763621486&cvv=123",
            "cc_number=4539+5787+6362+1486&x=1",
            r#"{"amount":12,"card": {"cardNumber": "5555555555554444"}}"#,
            "Hi,\r\nmy credit card: 3782 822463 10005\r\n",
            "Kaartnummer: 4539-5787-6362-1486.",
        ] {
            assert_eq!((held(text).labelled, alerts(text)), (1, 1), "{text}");
        }
        assert_eq!(alerts("4539 5787 6362 1486\n5555 5555 5555 4444\n4111 1111 1111 1111\n"), 1);
    }

    #[test]
    fn numbers_that_are_no_cards_are_silent() {
        for text in [
            "id=4539578763621486&next=5555555555554444&t=4111111111111111",
            "cardnumber=4539578763621487",
            "card=45395787636214861",
            "card=x4539578763621486",
            "discardid=4539578763621486",
            "card=4000000000000000",
            "GET /f?card=1700000000000123",
            "4539 5787 6362 1486 and once more 4539 5787 6362 1486",
        ] {
            assert_eq!(alerts(text), 0, "{text}");
        }
    }

    #[test]
    fn keys_are_found_and_what_only_looks_like_them_is_not() {
        let body = "MIIEpAIBAAKCAQEA0123456789abcdefghijklmnopqrstuv";
        for text in [
            format!("-----BEGIN RSA PRIVATE KEY-----\r\n{body}"),
            format!("key=-----BEGIN+PRIVATE+KEY-----%0D%0A{body}"),
            format!(r#"{{"private_key":"-----BEGIN PRIVATE KEY-----\n{body}"}}"#),
            "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n".to_owned(),
        ] {
            assert_eq!(held(&text).private_keys, 1, "{text}");
        }
        assert_eq!(held("aws_access_key_id = AKIAIOSFODNN7EXAMPLE").cloud_keys, 1);
        assert_eq!(held(&format!("token: ghp_{}", "a1".repeat(18))).cloud_keys, 1);
        for text in [
            format!("-----BEGIN PUBLIC KEY-----\n{body}"),
            "paste it between -----BEGIN PRIVATE KEY----- and the end".to_owned(),
            "/b?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1&Signature=x".to_owned(),
            "XAKIAIOSFODNN7EXAMPLE AKIAshort".to_owned(),
        ] {
            assert_eq!((held(&text), alerts(&text)), (Held::default(), 0), "{text}");
        }
    }

    #[test]
    fn what_was_found_is_nowhere_in_the_alert_and_more_of_it_is_the_same_alert() {
        let mut b = Bench::<SensitiveData>::new();
        for _ in 0..5 {
            let flow = tcp("10.0.0.5", "203.0.113.9", 80);
            b.see(&Observation::Content(&flow, b"cardnumber=4539578763621486"));
            b.wait(5.0);
        }
        assert_eq!((b.alerts(), b.last().evidence["card_numbers"].as_u64()), (1, Some(5)));
        assert!(!format!("{:?}", b.found).contains("4539"));
    }

    #[test]
    fn each_half_can_be_switched_off() {
        let settings = SensitiveDataSettings { cards: false, keys: false, ..Default::default() };
        let mut b = Bench::<SensitiveData>::with(&settings, 4096);
        let text = b"cardnumber=4539578763621486 AKIAIOSFODNN7EXAMPLE";
        b.see(&Observation::Content(&tcp("10.0.0.5", "203.0.113.9", 80), text));
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_made_up_sources_stays_within_its_table() {
        let mut b = Bench::<SensitiveData>::with(&Default::default(), 64);
        for i in 0..2_000u32 {
            let flow = bench::flow(Ip::v4(i.to_be_bytes()), 4000, ip("10.0.0.9"), 80, proto::TCP);
            b.see(&Observation::Content(&flow, b"cardnumber=4539578763621486"));
        }
        assert!(b.detector.shown.len() <= 16);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "[0-9 +-]{0,90}", key in "(-----BEGIN | PRIVATE KEY-----|%0A|\\\\n|AKIA|ghp_|[A-Z]){0,12}") {
            let _ = (held(&String::from_utf8_lossy(&bytes)), held(&text), held(&key));
        }
    }
}
