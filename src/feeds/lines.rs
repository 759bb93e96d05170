//! The lines of lists, in the forms in which their publishers write them.

use serde::{Deserialize, Serialize};

/// How a list is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Told by the address of a well-known publisher, else line by line.
    #[default]
    Auto,
    /// An address, network, domain or URL a line; what follows it is not read.
    Plain,
    /// A hosts file: an address that does not matter, then names.
    Hosts,
    /// Addresses and networks only.
    Cidr,
    /// abuse.ch Feodo Tracker: `ipblocklist.csv` or `ipblocklist.txt`.
    Feodotracker,
    /// abuse.ch URLhaus: CSV or text of URLs.
    Urlhaus,
    /// abuse.ch ThreatFox: CSV of addresses with port, domains, URLs.
    Threatfox,
    /// abuse.ch SSLBL: `ja3_fingerprints.csv` or `sslipblacklist.csv`.
    Sslbl,
    /// OpenPhish: a URL a line.
    Openphish,
    /// Exits of the Tor network: an address a line, or `ExitAddress` lines.
    Tor,
    /// Spamhaus DROP: text, or JSON lines.
    Drop,
}

impl Format {
    /// The format of a well-known publisher's list, by its address.
    pub fn of_url(url: &str) -> Format {
        let known = [
            ("feodotracker.abuse.ch", Format::Feodotracker),
            ("urlhaus.abuse.ch", Format::Urlhaus),
            ("urlhaus-api.abuse.ch", Format::Urlhaus),
            ("threatfox.abuse.ch", Format::Threatfox),
            ("threatfox-api.abuse.ch", Format::Threatfox),
            ("sslbl.abuse.ch", Format::Sslbl),
            ("openphish.com", Format::Openphish),
            ("torproject.org", Format::Tor),
            ("spamhaus.org", Format::Drop),
        ];
        let host = super::url::split(url).0.to_ascii_lowercase();
        let is =
            |name: &str| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        known.iter().find(|(name, _)| is(name)).map_or(Format::Auto, |(_, format)| *format)
    }

    /// What a list of this form is about, where its settings do not say.
    pub const fn category(self) -> super::Category {
        use super::Category;
        match self {
            Format::Feodotracker | Format::Sslbl => Category::C2,
            Format::Urlhaus | Format::Threatfox => Category::Malware,
            Format::Openphish => Category::Phishing,
            Format::Tor => Category::Tor,
            Format::Drop => Category::Attack,
            Format::Auto | Format::Plain | Format::Hosts | Format::Cidr => Category::Other,
        }
    }
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// An address or network, with or without port.
    Address(&'a str),
    /// An address, network or domain.
    Host(&'a str),
    /// A domain where only a part is bad.
    Site(&'a str),
    /// A URL; whether something bad is there now.
    Link(&'a str, bool),
    /// A JA3.
    Print(&'a str),
    /// Something that is not looked for in traffic, such as the hash of a file.
    Skipped,
    /// Nothing that this form has.
    Unreadable,
}

/// Names of columns, where a list has them as its first line.
const HEADINGS: [&str; 6] = ["first_seen_utc", "id", "ja3_md5", "firstseen", "listingdate", "dateadded"];

/// Reads one line.
pub(super) fn read<'a>(format: Format, line: &'a str, say: &mut dyn FnMut(Said<'a>)) {
    let line = line.trim_start_matches('\u{feff}').trim();
    if line.is_empty() || line.starts_with(['#', ';', '!', '/']) || line.starts_with("[Ad") {
        return;
    }
    match format {
        Format::Auto | Format::Drop if line.starts_with('{') => say(json(line)),
        Format::Auto | Format::Plain => plain(line, say),
        Format::Hosts => hosts(line, say),
        Format::Cidr | Format::Drop => say(Said::Address(words(line).next().unwrap_or(""))),
        Format::Tor => tor(line, say),
        Format::Openphish => say(link(words(line).next().unwrap_or(""), true)),
        Format::Feodotracker | Format::Urlhaus | Format::Threatfox | Format::Sslbl => {
            let fields = fields(line);
            let first = fields.first().copied().unwrap_or("").to_ascii_lowercase();
            if !HEADINGS.contains(&first.as_str()) {
                say(row(format, &fields));
            }
        }
    }
}

/// Words before a comment.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let line = line.split([';', '\t', ' ']).next().map_or(line, |first| match first.contains('#') {
        // A fragment of a URL is part of its word.
        true => line,
        false => line.split(['#', ';']).next().unwrap_or(""),
    });
    line.split([' ', '\t', ',', '"', ';']).filter(|w| !w.is_empty())
}

/// Tells a line by its looks.
fn plain<'a>(line: &'a str, say: &mut dyn FnMut(Said<'a>)) {
    let Some(first) = words(line).next() else { return };
    let sink = ["0.0.0.0", "127.0.0.1", "::", "::1", "255.255.255.255", "fe80::1%lo0"].contains(&first);
    if sink {
        return hosts(line, say);
    }
    match first.strip_prefix("||") {
        Some(filter) => say(Said::Host(filter.split(['^', '$']).next().unwrap_or(filter))),
        None if first.contains("://") => say(link(first, true)),
        None => say(Said::Host(first)),
    }
}

/// The names behind the address; the machine's own are no indicators.
fn hosts<'a>(line: &'a str, say: &mut dyn FnMut(Said<'a>)) {
    let own = |word: &str| {
        !word.contains('.') || word.starts_with("localhost") || word.parse::<crate::addr::Ip>().is_ok()
    };
    words(line).skip(1).filter(|word| !own(word)).for_each(|word| say(Said::Host(word)));
}

fn tor<'a>(line: &'a str, say: &mut dyn FnMut(Said<'a>)) {
    let mut words = words(line);
    match words.next() {
        Some("ExitAddress") => say(words.next().map_or(Said::Unreadable, Said::Address)),
        Some("ExitNode" | "Published" | "LastStatus") => {}
        Some(address) => say(Said::Address(address)),
        None => {}
    }
}

fn link(text: &str, live: bool) -> Said<'_> {
    if text.contains("://") { Said::Link(text, live) } else { Said::Unreadable }
}

/// A line of Spamhaus' JSON: `{"cidr":"192.0.2.0/24","sblid":"SBL1","rir":"ripencc"}`. Without that key it tells of the
/// list itself, or of what is not looked for.
fn json(line: &str) -> Said<'_> {
    let value = line.split_once("\"cidr\"").map(|(_, rest)| rest.trim_start_matches([':', ' ', '"']));
    match value.and_then(|rest| rest.split('"').next()) {
        Some(cidr) => Said::Address(cidr),
        None if line.ends_with('}') => Said::Skipped,
        None => Said::Unreadable,
    }
}

/// A row of abuse.ch's CSV.
fn row<'a>(format: Format, fields: &[&'a str]) -> Said<'a> {
    let address = || fields.iter().find(|field| field.parse::<crate::addr::Ip>().is_ok());
    match format {
        Format::Feodotracker => address().map_or(Said::Unreadable, |ip| Said::Address(ip)),
        Format::Urlhaus => {
            let url = fields.iter().find(|field| field.contains("://"));
            url.map_or(Said::Unreadable, |url| link(url, !fields.contains(&"offline")))
        }
        Format::Threatfox => threat(fields),
        _ => match fields.first() {
            Some(print) if is_hex(print, 32) => Said::Print(print),
            _ if fields.get(1).is_some_and(|hash| is_hex(hash, 40)) => Said::Skipped,
            _ => address().map_or(Said::Unreadable, |ip| Said::Address(ip)),
        },
    }
}

/// ThreatFox: the value stands before its type; seven fields behind that, whether a harmless site was broken into.
fn threat<'a>(fields: &[&'a str]) -> Said<'a> {
    let types = ["ip:port", "domain", "url", "envelope_from", "body_from"];
    let at = fields.iter().position(|f| types.contains(f) || f.ends_with("_hash"));
    let Some((at, value)) = at.and_then(|at| Some((at, *fields.get(at.checked_sub(1)?)?))) else {
        return Said::Unreadable;
    };
    let compromised = fields.get(at + 7).is_some_and(|f| matches!(*f, "1" | "True" | "true"));
    match fields[at] {
        "ip:port" => Said::Address(value),
        "domain" if compromised => Said::Site(value),
        "domain" => Said::Host(value),
        "url" => link(value, true),
        _ => Said::Skipped,
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The fields of a line of CSV, quoted or not (RFC 4180); a doubled quote inside stays doubled.
fn fields(line: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let mut end = 0;
                while let Some(at) = quoted[end..].find('"') {
                    end += at;
                    if !quoted[end..].starts_with("\"\"") {
                        break;
                    }
                    end += 2;
                }
                if end >= quoted.len() || !quoted[end..].starts_with('"') {
                    (quoted, "")
                } else {
                    (&quoted[..end], &quoted[end + 1..])
                }
            }
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        out.push(field.trim());
        match after.split_once(',') {
            Some((_, more)) => rest = more,
            None => return out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(format: Format, line: &str) -> Vec<Said<'_>> {
        let mut all = Vec::new();
        read(format, line, &mut |one| all.push(one));
        all
    }

    #[test]
    fn abuse_ch_lists_are_read_as_published() {
        use Format::*;
        for (format, line, wanted) in [
            (
                Feodotracker,
                "\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\",\"last_online\",\"malware\"",
                None,
            ),
            (
                Feodotracker,
                "\"2026-01-17 07:30:05\",\"203.0.113.7\",\"443\",\"online\",\"2026-01-18\",\"Dridex\"",
                Some(Said::Address("203.0.113.7")),
            ),
            (Feodotracker, "203.0.113.8", Some(Said::Address("203.0.113.8"))),
            (
                Urlhaus,
                "\"31\",\"2026-01-01 10:00:00\",\"http://bad.example/a,b?q=\"\"x\"\"\",\"online\",\"\",\"malware_download\",\"elf,Mozi\",\
                 \"https://urlhaus.abuse.ch/url/31/\",\"someone\"",
                Some(Said::Link("http://bad.example/a,b?q=\"\"x\"\"", true)),
            ),
            (
                Urlhaus,
                "\"32\",\"2026-01-01 10:00:00\",\"http://203.0.113.9:81/i\",\"offline\",\"\",\"\",\"\",\"https://urlhaus.abuse.ch/url/32/\",\"x\"",
                Some(Said::Link("http://203.0.113.9:81/i", false)),
            ),
            (Urlhaus, "http://bad.example/b", Some(Said::Link("http://bad.example/b", true))),
            (
                Threatfox,
                "\"2026-01-01 10:00:00\", \"1\", \"203.0.113.10:4444\", \"ip:port\", \"botnet_cc\", \"win.x\", \"None\", \"X\", \"\", \"100\", \"0\", \"\"",
                Some(Said::Address("203.0.113.10:4444")),
            ),
            (
                Threatfox,
                "\"2026-01-01 10:00:00\", \"2\", \"shop.example\", \"domain\", \"payload_delivery\", \"js.x\", \"\", \"X\", \"\", \"100\", \"True\", \"\"",
                Some(Said::Site("shop.example")),
            ),
            (
                Threatfox,
                "\"2026-01-01\", \"3\", \"0123456789abcdef0123456789abcdef\", \"md5_hash\", \"payload\", \"win.x\", \"\", \"X\"",
                Some(Said::Skipped),
            ),
            (
                Sslbl,
                "0123456789abcdef0123456789abcdef,2026-01-01 00:00:00,2026-01-02 00:00:00,Dridex",
                Some(Said::Print("0123456789abcdef0123456789abcdef")),
            ),
            (Sslbl, "2026-01-01 00:00:00,203.0.113.11,443", Some(Said::Address("203.0.113.11"))),
            (
                Sslbl,
                "2026-01-01 00:00:00,0123456789abcdef0123456789abcdef01234567,Dridex C&C",
                Some(Said::Skipped),
            ),
        ] {
            assert_eq!(said(format, line).first().copied(), wanted, "{line}");
        }
    }

    #[test]
    fn other_publishers_lists_are_read_as_published() {
        use Format::*;
        for (format, line, wanted) in [
            (
                Openphish,
                "https://login.bad.example/x#y",
                Some(Said::Link("https://login.bad.example/x#y", true)),
            ),
            (Openphish, "no url", Some(Said::Unreadable)),
            (Tor, "ExitAddress 203.0.113.12 2026-01-01 00:00:00", Some(Said::Address("203.0.113.12"))),
            (Tor, "ExitNode 0123456789ABCDEF", None),
            (Tor, "203.0.113.13", Some(Said::Address("203.0.113.13"))),
            (Drop, "203.0.113.0/24 ; SBL123", Some(Said::Address("203.0.113.0/24"))),
            (Drop, "; Spamhaus DROP List 2026/01/01", None),
            (
                Drop,
                "{\"cidr\":\"198.51.100.0/24\",\"sblid\":\"SBL1\",\"rir\":\"apnic\"}",
                Some(Said::Address("198.51.100.0/24")),
            ),
            (Drop, "{\"type\":\"metadata\",\"timestamp\":1,\"size\":2,\"records\":3}", Some(Said::Skipped)),
            (Hosts, "192.0.2.1 bad.example # why", Some(Said::Host("bad.example"))),
            (Cidr, "198.51.100.0/24,why", Some(Said::Address("198.51.100.0/24"))),
            (Auto, "||ads.example^$third-party", Some(Said::Host("ads.example"))),
        ] {
            assert_eq!(said(format, line).first().copied(), wanted, "{line}");
        }
        assert_eq!(Format::of_url("https://feodotracker.abuse.ch/downloads/ipblocklist.csv"), Feodotracker);
        assert_eq!(Format::of_url("https://notspamhaus.org/x"), Auto);
    }

    proptest! {
        #[test]
        fn no_line_breaks_the_reading(text in "\\PC{0,80}") {
            for format in [Format::Auto, Format::Hosts, Format::Urlhaus, Format::Threatfox, Format::Sslbl, Format::Tor, Format::Drop] {
                said(format, &text);
            }
        }
    }
}
