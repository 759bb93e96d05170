//! The filter language of alerts: free words and typed tokens, read once and used by the list, the page, exports and
//! bulk actions alike.
//!
//! ```text
//! query  = term*                          all of them must match
//! term   = ["-"] ( name ":" values | word )
//! values = value ("," value)*             any of them
//! value  = [">=" | "<=" | ">" | "<"] word with the names `sev`, `id` and `count`
//! word   = characters without spaces, or "anything within quotes"
//! ```
//! A word with a colon that begins like no name (`fe80::1`, `02:00:00:aa:bb:cc`, `http://x`, anything quoted) is looked
//! for as it stands; `colour:red` is an error, so that a slip of the pen never shows everything.

use super::{Party, Severity, Subject};
use std::fmt;

/// Longest query, bytes: some hundred ids of a selection.
pub const LONGEST: usize = 16 * 1024;
/// Terms of a query: each costs a look at every alert.
pub const MOST_TERMS: usize = 64;

/// The names of tokens with what they take, as errors tell them.
pub const TOKENS: [(&str, &str); 9] = [
    ("kind", "a kind of alert, such as port_scan"),
    ("sev", "low, medium, high or critical, also >=medium or <high"),
    ("state", "open, acknowledged or all"),
    ("src", "who acts: an address, a network, a MAC or part of a name"),
    ("dst", "on whom: an address, a network, a MAC or part of a name"),
    ("ip", "either side: an address, a network, a MAC or part of a name"),
    ("port", "a port of either side"),
    ("id", "numbers of alerts, also >=100"),
    ("count", "how often it was seen, also >=100"),
];

/// A filter, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// All of them must match.
    pub terms: Vec<Term>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Whether it must not match.
    pub not: bool,
    /// What is looked at.
    pub test: Test,
}

/// What a term looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Summary, kind, names and addresses contain this, which is in lower case.
    Text(String),
    /// Any of these kinds.
    Kind(Vec<String>),
    /// Any of these severities.
    Severity(Vec<Severity>),
    /// Open, acknowledged: which of the two will do.
    State([bool; 2]),
    /// Any of these on the sides that are on.
    Party(Sides, Vec<Who>),
    /// A port of either side in any of these ranges.
    Port(Vec<Range>),
    /// A number in any of these ranges.
    Id(Vec<Range>),
    /// A count in any of these ranges.
    Count(Vec<Range>),
}

/// Both ends belong to it.
pub type Range = (u64, u64);

/// The sides of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides {
    /// Who acts.
    pub source: bool,
    /// On whom.
    pub target: bool,
}

/// Whom a filter names.
#[derive(Clone, Debug, PartialEq)]
pub enum Who {
    /// By address, network or station.
    Party(Party),
    /// The whole name, in lower case.
    Named(String),
    /// Part of the name, in lower case.
    Like(String),
}

impl Who {
    /// A party or a whole name.
    pub fn exactly(text: &str) -> Who {
        let text = text.trim();
        text.parse().map_or_else(|_: String| Who::Named(text.to_lowercase()), Who::Party)
    }

    fn is(&self, subject: Option<&Subject>) -> bool {
        let name = || subject?.name.as_deref().map(str::to_lowercase);
        match self {
            Who::Party(party) => party.is(subject, |_, _| false),
            Who::Named(wanted) => name().is_some_and(|name| name == *wanted),
            Who::Like(part) => name().is_some_and(|name| name.contains(part)),
        }
    }
}

/// The parts of an alert that filters look at.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Number.
    pub id: u64,
    /// Kind id.
    pub kind: &'a str,
    /// How bad.
    pub severity: Severity,
    /// How often.
    pub count: u64,
    /// Who acts.
    pub source: Option<&'a Subject>,
    /// On whom.
    pub target: Option<&'a Subject>,
    /// One sentence, in English and in Dutch.
    pub summary: [&'a str; 2],
    /// Whether somebody acknowledged it.
    pub acknowledged: bool,
}

impl Query {
    /// Reads a query; `kinds` are the kinds there are. The error says what is wrong, and what is allowed.
    pub fn parse(text: &str, kinds: &[&str]) -> Result<Query, String> {
        if text.len() > LONGEST {
            return Err(format!("the filter has {} bytes; at most {LONGEST} are read", text.len()));
        }
        let mut rest = text.trim_start();
        let mut terms = Vec::new();
        while !rest.is_empty() {
            let (term, after) = term(rest, kinds)?;
            terms.extend(term);
            rest = after.trim_start();
            if terms.len() > MOST_TERMS {
                return Err(format!("the filter has more than {MOST_TERMS} terms"));
            }
        }
        Ok(Query { terms })
    }

    /// Whether an alert matches.
    pub fn matches(&self, seen: &Seen<'_>) -> bool {
        self.terms.iter().all(|term| term.matches(seen))
    }

    /// The lowest and the highest number that its `id:` terms leave: a list of alerts needs no look at all others.
    pub fn ids(&self) -> Range {
        let mut all = (0, u64::MAX);
        for term in self.terms.iter().filter(|term| !term.not) {
            if let Test::Id(ranges) = &term.test {
                let from = ranges.iter().map(|range| range.0).min().unwrap_or(0);
                let to = ranges.iter().map(|range| range.1).max().unwrap_or(u64::MAX);
                all = (all.0.max(from), all.1.min(to));
            }
        }
        all
    }

    /// Which state it asks for when it asks for nothing else.
    pub fn state_only(&self) -> Option<Option<bool>> {
        match self.terms.as_slice() {
            [] => Some(None),
            [Term { not, test: Test::State([open, acknowledged]) }] => match (open ^ not, acknowledged ^ not)
            {
                (true, true) => Some(None),
                (open, acknowledged) if open != acknowledged => Some(Some(acknowledged)),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Term {
    /// A condition that must hold.
    pub fn is(test: Test) -> Term {
        Term { not: false, test }
    }

    /// Whether it holds.
    pub fn matches(&self, seen: &Seen<'_>) -> bool {
        self.test.holds(seen) != self.not
    }
}

fn within(ranges: &[Range], n: u64) -> bool {
    ranges.iter().any(|(from, to)| (*from..=*to).contains(&n))
}

impl Test {
    fn holds(&self, seen: &Seen<'_>) -> bool {
        match self {
            Test::Text(text) => mentions(seen, text),
            Test::Kind(kinds) => kinds.iter().any(|kind| kind == seen.kind),
            Test::Severity(severities) => severities.contains(&seen.severity),
            Test::State(wanted) => wanted[usize::from(seen.acknowledged)],
            Test::Party(sides, who) => who
                .iter()
                .any(|who| sides.source && who.is(seen.source) || sides.target && who.is(seen.target)),
            Test::Port(ports) => {
                let mut sides = [seen.source, seen.target].into_iter().flatten();
                sides.any(|side| side.port.is_some_and(|port| within(ports, port.into())))
            }
            Test::Id(ids) => within(ids, seen.id),
            Test::Count(counts) => within(counts, seen.count),
        }
    }
}

fn mentions(seen: &Seen<'_>, text: &str) -> bool {
    let has = |hay: &str| hay.to_lowercase().contains(text);
    seen.summary.into_iter().any(has)
        || has(seen.kind)
        || [seen.source, seen.target].into_iter().flatten().any(|side| {
            side.name.as_deref().is_some_and(has)
                || side.ip.is_some_and(|ip| has(&ip.to_string()))
                || side.mac.is_some_and(|mac| has(&mac.to_string()))
        })
}

/// A word: what it says, whether any of it was quoted, and what follows it.
struct Word<'a> {
    text: String,
    quoted: bool,
    rest: &'a str,
}

/// Reads up to a space, or a comma where `commas` separate. A quotation mark begins and ends a stretch in which neither
/// counts; `\"` and `\\` within it are the characters themselves. One that is never closed reaches to the end.
fn word(from: &str, commas: bool) -> Word<'_> {
    let (mut text, mut quoted, mut within) = (String::new(), false, false);
    let mut chars = from.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => (quoted, within) = (true, !within),
            '\\' if within => {
                let next = chars.clone().next().map(|(_, c)| c).filter(|c| matches!(c, '"' | '\\'));
                text.push(next.unwrap_or(c));
                if next.is_some() {
                    chars.next();
                }
            }
            _ if within => text.push(c),
            ',' if commas => return Word { text, quoted, rest: &from[at..] },
            _ if c.is_whitespace() => return Word { text, quoted, rest: &from[at..] },
            _ => text.push(c),
        }
    }
    Word { text, quoted, rest: "" }
}

/// One term and what follows it; `None` for a mark that says nothing (a lone `-`, an empty quotation).
fn term<'a>(text: &'a str, kinds: &[&str]) -> Result<(Option<Term>, &'a str), String> {
    let (not, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if let Some((name, values)) = name_of(text)? {
        let (test, rest) = token(name, values, kinds)?;
        return Ok((Some(Term { not, test }), rest));
    }
    let word = word(text, false);
    let text = word.text.to_lowercase();
    Ok(((!text.is_empty()).then_some(Term { not, test: Test::Text(text) }), word.rest))
}

/// The token's name and what follows its colon; `None` when the word is free text.
fn name_of(text: &str) -> Result<Option<(&'static str, &str)>, String> {
    let bare = &text[..text.find(char::is_whitespace).unwrap_or(text.len())];
    let Some((name, after)) = bare.split_once(':') else { return Ok(None) };
    let letters = |c: char| c.is_ascii_alphabetic() || c == '_';
    let address = bare.chars().all(|c| c.is_ascii_hexdigit() || ":./-[]%".contains(c));
    if name.is_empty() || !name.chars().all(letters) || after.starts_with("//") || address {
        return Ok(None);
    }
    let values = &text[name.len() + 1..];
    let known = match name.to_ascii_lowercase().as_str() {
        "severity" => "sev",
        "source" | "from" => "src",
        "target" | "to" => "dst",
        other => TOKENS.iter().map(|(name, _)| *name).find(|name| *name == other).unwrap_or(""),
    };
    if known.is_empty() {
        let names: Vec<&str> = TOKENS.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "{name}: is no token; there are {}. Put \"{bare}\" in quotes to look for it as it stands",
            names.join(":, ") + ":"
        ));
    }
    Ok(Some((known, values)))
}

fn token<'a>(name: &'static str, text: &'a str, kinds: &[&str]) -> Result<(Test, &'a str), String> {
    let takes = TOKENS.iter().find(|(n, _)| *n == name).map_or("", |(_, takes)| *takes);
    let (mut values, mut rest) = (Vec::new(), text);
    loop {
        let word = word(rest, true);
        if !word.text.is_empty() {
            values.push((word.text, word.quoted));
        }
        match word.rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => {
                rest = word.rest;
                break;
            }
        }
    }
    if values.is_empty() {
        return Err(format!("{name}: needs a value: {takes}"));
    }
    let wrong = |value: &str| format!("{name}:{value} is not understood; {name}: takes {takes}");
    let test = match name {
        "kind" => Test::Kind(each(&values, |value| kind(value, kinds))?),
        "sev" => {
            let severities = |value: &str| severities(value).ok_or_else(|| wrong(value));
            Test::Severity(each(&values, severities)?.concat())
        }
        "state" => {
            let states = each(&values, |value| state(value).ok_or_else(|| wrong(value)))?;
            Test::State(states.iter().fold([false; 2], |all, one| [all[0] | one[0], all[1] | one[1]]))
        }
        "src" | "dst" | "ip" => {
            let sides = Sides { source: name != "dst", target: name != "src" };
            let who = values.iter().map(|(value, quoted)| who(value, *quoted).ok_or_else(|| wrong(value)));
            Test::Party(sides, who.collect::<Result<_, _>>()?)
        }
        "port" => Test::Port(each(&values, |v| range(v, u16::MAX.into()).ok_or_else(|| wrong(v)))?),
        "id" => Test::Id(each(&values, |v| range(v, u64::MAX).ok_or_else(|| wrong(v)))?),
        _ => Test::Count(each(&values, |v| range(v, u64::MAX).ok_or_else(|| wrong(v)))?),
    };
    Ok((test, rest))
}

fn each<T>(values: &[(String, bool)], read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    values.iter().map(|(value, _)| read(value)).collect()
}

fn kind(value: &str, kinds: &[&str]) -> Result<String, String> {
    let wanted = value.to_ascii_lowercase();
    if kinds.contains(&wanted.as_str()) {
        return Ok(wanted);
    }
    Err(format!("kind:{value} is no kind of alert; there are {}", kinds.join(", ")))
}

/// The comparison that a value begins with, and the rest.
fn compared(value: &str) -> (&'static str, &str) {
    let sign = [">=", "<=", ">", "<"].into_iter().find(|sign| value.starts_with(sign)).unwrap_or("");
    (sign, &value[sign.len()..])
}

fn severities(value: &str) -> Option<Vec<Severity>> {
    let (sign, name) = compared(value);
    let named = Severity::ALL.into_iter().find(|s| s.name().eq_ignore_ascii_case(name))?;
    let fits = |s: &Severity| match sign {
        ">=" => *s >= named,
        "<=" => *s <= named,
        ">" => *s > named,
        "<" => *s < named,
        _ => *s == named,
    };
    Some(Severity::ALL.into_iter().filter(fits).collect())
}

fn state(value: &str) -> Option<[bool; 2]> {
    match value.to_ascii_lowercase().as_str() {
        "open" => Some([true, false]),
        "acknowledged" => Some([false, true]),
        "all" => Some([true, true]),
        _ => None,
    }
}

fn range(value: &str, most: u64) -> Option<Range> {
    let (sign, digits) = compared(value);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let n: u64 = digits.parse().ok().filter(|n| plain && *n <= most)?;
    Some(match sign {
        ">=" => (n, u64::MAX),
        "<=" => (0, n),
        // Nothing is above the highest or below the lowest: a range that is empty.
        ">" => n.checked_add(1).map_or((1, 0), |n| (n, u64::MAX)),
        "<" => n.checked_sub(1).map_or((1, 0), |n| (0, n)),
        _ => (n, n),
    })
}

/// `None` for what looks like an address and is none: a name is never meant by it.
fn who(value: &str, quoted: bool) -> Option<Who> {
    if let Ok(party) = value.parse() {
        return Some(Who::Party(party));
    }
    let numbers = |c: char| c.is_ascii_digit() || c == '.' || c == '/';
    let hexes = |c: char| c.is_ascii_hexdigit() || c == ':' || c == '/' || c == '.';
    let four = value.contains('.') && value.chars().all(numbers);
    let six = value.contains(':') && value.chars().all(hexes);
    let network = value.split_once('/').is_some_and(|(ip, _)| ip.parse::<Party>().is_ok());
    (quoted || !(four || six || network)).then(|| Who::Like(value.to_lowercase()))
}

/// The query as it would be typed; reading it again gives the same.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, term) in self.terms.iter().enumerate() {
            f.write_str(if at > 0 { " " } else { "" })?;
            term.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.not { "-" } else { "" })?;
        let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let list = |name: &str, values: Vec<String>| format!("{name}:{}", values.join(","));
        let ranges = |name: &str, all: &[Range]| list(name, all.iter().map(written).collect());
        let text = match &self.test {
            Test::Text(text) => quote(text),
            Test::Kind(kinds) => list("kind", kinds.clone()),
            Test::Severity(all) => list("sev", all.iter().map(|s| s.name().to_owned()).collect()),
            Test::State([true, true]) => "state:all".to_owned(),
            Test::State([open, _]) => format!("state:{}", if *open { "open" } else { "acknowledged" }),
            Test::Party(sides, who) => {
                let name = if !sides.target {
                    "src"
                } else if !sides.source {
                    "dst"
                } else {
                    "ip"
                };
                let value = |who: &Who| match who {
                    Who::Party(party) => party.to_string(),
                    Who::Named(name) | Who::Like(name) => quote(name),
                };
                list(name, who.iter().map(value).collect())
            }
            Test::Port(all) => ranges("port", all),
            Test::Id(all) => ranges("id", all),
            Test::Count(all) => ranges("count", all),
        };
        f.write_str(&text)
    }
}

fn written(range: &Range) -> String {
    match *range {
        (from, u64::MAX) if from < u64::MAX => format!(">={from}"),
        (from, to) if from == to => from.to_string(),
        (from, to) if from > to => "<0".to_owned(),
        (_, to) => format!("<={to}"),
    }
}

#[cfg(test)]
mod tests;
