//! `weak_tls`: an encrypted connection whose encryption is worth little.
//!
//! Evidence: what the server chose (not what the client could do): SSL 3.0, TLS 1.0 or 1.1; a cipher without encryption,
//! for export, anonymous, RC4, DES or 3DES; and, where it is readable (TLS 1.2 and older), the certificate of a server
//! on the internet that has expired or that signed itself. One alert per server, with all reasons, as bad as the worst.
//!
//! TLS 1.0, 1.1 and 3DES are low: old devices still speak them with their makers' clouds, nobody at home can change
//! that, and nobody breaks them in passing. So is a certificate that ended less than `late_days` ago: makers forget.
//! Servers inside are low at most, and their certificates are not judged: routers, NAS and printers sign their own. So
//! does every Windows for remote desktop, wherever it stands.
//!
//! Known false alarms: a program that brings its own list of certificates may well know one that signed itself.

use super::settings::settings;
use super::window::Pace;
use super::{Context, Detector, Kind, Texts, between, evidence, ip_part, text_part};
use crate::alert::{Findings, Severity, Subject};
use crate::observe::{Observation, interest};
use crate::table::bounded::Bounded;
use crate::table::flows::Flow;
use crate::time::{SECOND, WallTime};
use crate::wire::tls::{Certificate, ServerHello};
use crate::words::{Words, say, words};

settings! {
    /// Settings of `weak_tls`.
    WeakTlsSettings {
        /// Whether TLS 1.0 and 1.1 are told of at all (low).
        old_versions: bool = true;
        /// Whether certificates of servers on the internet are judged.
        certificates: bool = true;
        /// Days that a certificate may be over before it is told, 0 to 365; people renew late.
        grace_days: u32 = 1, 0..=365;
        /// Days after which a certificate that is over is medium, 0 to 3650; before that it is carelessness.
        late_days: u32 = 365, 0..=3650;
    }
}

/// A reason that has not always been one.
const RC4: Words = words("the broken cipher RC4", "de gekraakte versleuteling RC4");
const TRIPLE_DES: Words = words("the old cipher 3DES", "de oude versleuteling 3DES");
const NOTHING: Words = words("no encryption at all", "helemaal geen versleuteling");
const EXPIRED: Words = words("a certificate that has expired", "een verlopen certificaat");
const SELF_SIGNED: Words = words(
    "a certificate that the server signed itself",
    "een certificaat dat de server zelf heeft ondertekend",
);
const SSL: Words =
    words("SSL 3.0, which anybody on the way can break", "SSL 3.0, dat iedereen onderweg kan kraken");
const OLD_TLS: Words = words("TLS 1.0 or 1.1, which is out of date", "TLS 1.0 of 1.1, dat verouderd is");
/// Before this nobody had netmonitor: a clock that says so is wrong. 2010, in seconds since 1970.
const CLOCK_IS_SET: i64 = 1_262_304_000;

/// Remote desktop, whose certificates are always the machine's own.
const REMOTE_DESKTOP: u16 = 3389;

/// A reason, and how bad it is by itself.
type Reason = (Words, Severity);

/// See the module.
pub struct WeakTls {
    settings: WeakTlsSettings,
    told: Bounded<u64, Pace>,
}

impl Detector for WeakTls {
    const KIND: Kind = Kind {
        id: "weak_tls",
        severity: Severity::Medium,
        mitre: &["T1573", "T1557"],
        en: Texts {
            title: "Weak encryption",
            what: "A connection is encrypted in a way that can be broken, or with a server that cannot prove who it is.",
            why: "The server chose an old version or a weak cipher, or its certificate has expired or vouches for itself.",
            harmless: "Old devices know no better, and some makers sign the certificates of their own clouds.",
            todo: "Bring the device or program up to date. Do not enter passwords where the certificate is wrong. If it is a device that gets no updates any more, think of replacing it.",
            silence: "Mute weak_tls with this server as the target.",
        },
        nl: Texts {
            title: "Zwakke versleuteling",
            what: "Een verbinding is versleuteld op een manier die te breken is, of met een server die niet kan bewijzen wie hij is.",
            why: "De server koos een oude versie of een zwakke versleuteling, of zijn certificaat is verlopen of door hemzelf ondertekend.",
            harmless: "Oude apparaten kunnen niet anders, en sommige fabrikanten ondertekenen de certificaten van hun eigen cloud.",
            todo: "Werk het apparaat of programma bij. Vul geen wachtwoorden in waar het certificaat niet klopt. Krijgt het apparaat geen updates meer, overweeg dan het te vervangen.",
            silence: "Demp weak_tls met deze server als doel.",
        },
    };
    const INTEREST: u64 = interest::TLS;
    type Settings = WeakTlsSettings;

    fn new(settings: &WeakTlsSettings, keys: usize) -> Self {
        WeakTls { settings: settings.clone(), told: Bounded::new((keys / 4).max(16)) }
    }

    fn observe(&mut self, cx: &Context<'_>, observation: &Observation<'_>, out: &mut Findings) {
        if let Observation::TlsServer(flow, hello) = observation {
            let version = match hello.version {
                0x0300 => Some((SSL, Severity::Medium)),
                0x0301 | 0x0302 => Some((OLD_TLS, Severity::Low)),
                _ => None,
            };
            let version = version.filter(|(_, bad)| *bad > Severity::Low || self.settings.old_versions);
            let cipher = weak_cipher(hello.cipher).filter(|_| hello.version < 0x0304);
            let cipher = cipher.map(|reason| as_seen_then(reason, cx.lookup.wall().secs()));
            let certificate = hello.certificate.as_ref().and_then(|c| self.certificate(cx, flow, c));
            let mut reasons: Vec<Reason> = [cipher, version, certificate].into_iter().flatten().collect();
            reasons.sort_by_key(|(_, bad)| std::cmp::Reverse(*bad));
            if !reasons.is_empty() {
                self.found(cx, flow, hello, &reasons, out);
            }
        }
    }
}

impl WeakTls {
    fn certificate(&self, cx: &Context<'_>, flow: &Flow, certificate: &Certificate) -> Option<Reason> {
        if !self.settings.certificates || flow.inside[1] || flow.server_port == REMOTE_DESKTOP {
            return None;
        }
        let now = cx.lookup.wall().secs();
        let over_days = now.saturating_sub(certificate.valid.1).div_euclid(86_400);
        if now > CLOCK_IS_SET && over_days >= i64::from(self.settings.grace_days) {
            let late = over_days >= i64::from(self.settings.late_days);
            Some((EXPIRED, if late { Severity::Medium } else { Severity::Low }))
        } else {
            certificate.self_signed.then_some((SELF_SIGNED, Severity::Medium))
        }
    }

    fn found(
        &mut self,
        cx: &Context<'_>,
        flow: &Flow,
        hello: &ServerHello,
        reasons: &[Reason],
        out: &mut Findings,
    ) {
        let [(first, worst), ..] = reasons else { return };
        let subject = hello.certificate.as_ref().map(|c| c.subject.as_str()).filter(|s| !s.is_empty());
        // A service on many addresses is one incident by its name.
        let who = subject.map_or(ip_part(flow.server), text_part);
        let (pace, _) = self.told.entry(who, Pace::default);
        if !pace.due(cx.tick()) {
            return;
        }
        let severity = if flow.inside[1] { Severity::Low } else { *worst };
        let name = subject.map_or_else(String::new, |s| format!(" ({s})"));
        let summary = say!(
            "{} talks to {}{name} with {first}",
            "{} praat met {}{name} met {first}",
            flow.client,
            flow.server;
            first
        );
        let certificate = hello.certificate.as_ref();
        let until = certificate.map(|c| WallTime::from_micros(c.valid.1.saturating_mul(SECOND)).to_string());
        let reasons: Vec<&str> = reasons.iter().map(|(text, _)| text.en).collect();
        let evidence = evidence! {
            "reasons" => reasons, "version" => version(hello.version), "cipher" => format!("0x{:04x}", hello.cipher),
            "subject" => subject, "issuer" => certificate.map(|c| c.issuer.as_str()), "valid_until" => until,
            "grace_days" => self.settings.grace_days, "late_days" => self.settings.late_days,
        };
        let finding = Self::KIND.finding(severity, &[who], summary, evidence);
        let target = Subject::endpoint(flow.server, flow.server_port);
        out.push(between(finding, Some(Subject::ip(flow.client)), Some(target)));
    }
}

fn version(version: u16) -> String {
    match version {
        0x0300 => "SSL 3.0".to_owned(),
        0x0301..=0x0304 => format!("TLS 1.{}", version - 0x0301),
        other => format!("0x{other:04x}"),
    }
}

/// RC4 was what everybody used until RFC 7465 forbade it in February 2015: in a capture from before it is low.
fn as_seen_then((what, bad): Reason, wall_s: i64) -> Reason {
    const FORBIDDEN: i64 = 1_422_748_800;
    let ordinary = what == RC4 && (CLOCK_IS_SET..FORBIDDEN).contains(&wall_s);
    (what, if ordinary { Severity::Low } else { bad })
}

/// What is weak about a cipher suite of TLS 1.2 and older (IANA TLS Cipher Suites).
fn weak_cipher(suite: u16) -> Option<Reason> {
    let what = match suite {
        0x0000..=0x0002 | 0x002c..=0x002e | 0x003b | 0x00b0 | 0x00b1 | 0x00b4 | 0x00b5 | 0x00b8 | 0x00b9 => {
            NOTHING
        }
        0xc001 | 0xc006 | 0xc00b | 0xc010 | 0xc015 | 0xc039..=0xc03b => NOTHING,
        0x0003 | 0x0006 | 0x0008 | 0x000b | 0x000e | 0x0011 | 0x0014 | 0x0017 | 0x0019 | 0x0026..=0x002b => {
            words(
                "a cipher for export, which is weak on purpose",
                "een expres zwak gehouden exportversleuteling",
            )
        }
        0x0018 | 0x001a | 0x001b | 0x0034 | 0x003a | 0x006c | 0x006d | 0x00a6 | 0x00a7 | 0xc016..=0xc019 => {
            words(
                "a cipher that proves nothing about the server",
                "een versleuteling die niets over de server bewijst",
            )
        }
        0x0004 | 0x0005 | 0x0020 | 0x0024 | 0x008a | 0x008e | 0x0092 | 0xc002 | 0xc007 | 0xc00c | 0xc011
        | 0xc033 => RC4,
        0x0009 | 0x000c | 0x000f | 0x0012 | 0x0015 | 0x001e | 0x0022 => {
            words("the broken cipher DES", "de gekraakte versleuteling DES")
        }
        0x000a | 0x000d | 0x0010 | 0x0013 | 0x0016 | 0x001f | 0x0023 | 0x008b | 0x008f | 0x0093 => TRIPLE_DES,
        0xc003 | 0xc008 | 0xc00d | 0xc012 | 0xc01a..=0xc01c | 0xc034 => TRIPLE_DES,
        _ => return None,
    };
    Some((what, if what == TRIPLE_DES { Severity::Low } else { Severity::Medium }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Ip;
    use crate::detect::bench::{self, Bench, ip, tcp};
    use crate::table::flows::proto;

    const GOOD: u16 = 0xc02f;

    fn says(
        b: &mut Bench<WeakTls>,
        server: &str,
        version: u16,
        cipher: u16,
        certificate: Option<(i64, bool)>,
    ) {
        let mut flow = tcp("192.168.1.5", server, 443);
        flow.inside = [true, b.inside.contains(ip(server))];
        let certificate = certificate.map(|(until, self_signed)| Certificate {
            subject: "cloud.example".into(),
            valid: (0, until),
            self_signed,
            ..Certificate::default()
        });
        b.see(&Observation::TlsServer(
            &flow,
            &ServerHello { version, cipher, certificate, ..ServerHello::default() },
        ));
        b.wait(5.0);
    }

    fn bench_in(year: i64) -> Bench<WeakTls> {
        let mut b = Bench::<WeakTls>::new();
        b.known.wall_s = (year - 1970) * 31_557_600;
        b
    }

    #[test]
    fn a_cipher_that_everybody_used_then_is_low_in_a_capture_from_then() {
        for (year, want) in [(2012, Severity::Low), (2020, Severity::Medium)] {
            let mut b = bench_in(year);
            says(&mut b, "203.0.113.9", 0x0303, 0x0005, None);
            assert_eq!(b.last().severity, want);
        }
    }

    #[test]
    fn what_was_chosen_decides_how_bad_it_is() {
        use Severity::{Low, Medium};
        for (server, version, cipher, want) in [
            ("203.0.113.9", 0x0300, GOOD, Some(Medium)),
            ("203.0.113.9", 0x0301, GOOD, Some(Low)),
            ("203.0.113.9", 0x0302, GOOD, Some(Low)),
            ("203.0.113.9", 0x0303, 0x0005, Some(Medium)),
            ("2001:db8::9", 0x0303, 0x0003, Some(Medium)),
            ("203.0.113.9", 0x0303, 0x000a, Some(Low)),
            ("203.0.113.9", 0x0301, 0x0005, Some(Medium)),
            ("192.168.1.1", 0x0303, 0x0005, Some(Low)),
            ("203.0.113.9", 0x0303, GOOD, None),
            ("203.0.113.9", 0x0304, 0x1301, None),
        ] {
            let mut b = bench_in(2026);
            says(&mut b, server, version, cipher, None);
            assert_eq!(b.found.first().map(|f| f.severity), want, "{server} {version:x} {cipher:x}");
        }
    }

    #[test]
    fn certificates_are_judged_outside_and_by_the_time_of_the_capture() {
        let until_2020 = 50 * 31_557_600;
        for (year, server, until, own, want) in [
            (2026, "203.0.113.9", until_2020, false, Some("has expired")),
            (2020, "203.0.113.9", until_2020, false, None),
            (2019, "203.0.113.9", until_2020, false, None),
            (1970, "203.0.113.9", until_2020, false, None),
            (2019, "203.0.113.9", until_2020, true, Some("signed itself")),
            (2026, "192.168.1.1", until_2020, true, None),
        ] {
            let mut b = bench_in(year);
            says(&mut b, server, 0x0303, GOOD, Some((until, own)));
            let summary = b.found.first().map(|f| f.summary.en.clone());
            assert_eq!(summary.is_some(), want.is_some(), "{year} {server}");
            assert!(want.is_none_or(|want| summary.is_some_and(|s| s.contains(want))));
        }
        let mut b = bench_in(2020);
        b.known.wall_s += 30 * 86_400;
        says(&mut b, "203.0.113.9", 0x0303, GOOD, Some((until_2020, false)));
        assert_eq!(b.last().severity, Severity::Low, "a month late");
        b.known.wall_s += 400 * 86_400;
        says(&mut b, "203.0.113.9", 0x0303, GOOD, Some((until_2020, false)));
        assert_eq!((b.alerts(), b.last().severity), (1, Severity::Medium));
    }

    #[test]
    fn remote_desktop_signs_for_itself_everywhere() {
        let mut b = bench_in(2026);
        let flow = tcp("192.168.1.5", "203.0.113.9", 3389);
        let certificate =
            Some(Certificate { self_signed: true, valid: (0, i64::MAX), ..Certificate::default() });
        let hello = ServerHello { version: 0x0303, cipher: GOOD, certificate, ..ServerHello::default() };
        b.see(&Observation::TlsServer(&flow, &hello));
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_service_on_many_addresses_is_one_alert_and_settings_silence_their_part() {
        let mut b = bench_in(2026);
        (1..50).for_each(|i| says(&mut b, &format!("203.0.113.{i}"), 0x0303, GOOD, Some((1, false))));
        assert_eq!(b.alerts(), 1);
        let settings =
            WeakTlsSettings { old_versions: false, certificates: false, ..WeakTlsSettings::default() };
        let mut b = Bench::<WeakTls>::with(&settings, 4096);
        b.known.wall_s = 56 * 31_557_600;
        says(&mut b, "203.0.113.9", 0x0301, GOOD, Some((1, true)));
        assert!(b.found.is_empty());
    }

    #[test]
    fn a_flood_of_made_up_servers_stays_within_its_table() {
        let mut b = Bench::<WeakTls>::with(&WeakTlsSettings::default(), 64);
        for i in 0..5_000u32 {
            let flow = bench::flow(ip("10.0.0.9"), 4000, Ip::v4(i.to_be_bytes()), 443, proto::TCP);
            let hello = ServerHello { version: 0x0300, ..ServerHello::default() };
            b.see(&Observation::TlsServer(&flow, &hello));
        }
        assert!(b.detector.told.len() <= 16);
    }
}
