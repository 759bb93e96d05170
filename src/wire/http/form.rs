//! Log-ins inside requests: a password field in a query, a form, a JSON document or a multipart body.
//!
//! What looks hashed or encrypted (long, or the length of a digest in hexadecimal digits) is no readable password.

use super::Content;
use super::attack::percent_decoded;
use crate::wire::credential::{Protocol, Seen};

/// Fields looked at.
const FIELDS: usize = 64;
/// A longer value is encrypted.
const LONGEST: usize = 64;

/// The log-in in the query of a request target.
pub fn in_target(target: &str) -> Option<Seen> {
    let query = target.split_once('?')?.1.as_bytes();
    may_hold_password(query).then(|| login(pairs(query)))?
}

/// The log-in in a request body, or in the beginning of one.
pub fn in_body(content: Content, body: &[u8]) -> Option<Seen> {
    match content {
        Content::Form => login(pairs(body)),
        Content::Json => login(json(body).map(|(n, v)| (n.to_vec(), v.to_vec()))),
        Content::Multipart => login(parts(body).map(|(n, v)| (n.to_vec(), v.to_vec()))),
        // Many pages post forms without saying so.
        Content::Text if body.contains(&b'=') && !body.contains(&b'\n') => login(pairs(body)),
        _ => None,
    }
}

fn login(fields: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Option<Seen> {
    let (mut user, mut found) = (Vec::new(), false);
    for (name, value) in fields.take(FIELDS) {
        let name: Vec<u8> =
            name.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
        if is_password(&name) {
            found |= is_readable(&value);
        } else if user.is_empty() && is_user(&name) {
            user = value;
        }
    }
    found.then(|| Seen::new(Protocol::HttpForm, &user))
}

/// Whether any word for a password can be in it; most queries hold none and are not taken apart.
fn may_hold_password(query: &[u8]) -> bool {
    query.windows(2).any(|w| {
        matches!(w, [b'p' | b'P', b'a' | b'A' | b's' | b'S' | b'w' | b'W'] | [b'w' | b'W', b'a' | b'A'])
    })
}

fn is_password(name: &[u8]) -> bool {
    const ENDS: [&[u8]; 6] = [b"password", b"passwd", b"pwd", b"passwort", b"wachtwoord", b"passphrase"];
    const WHOLE: [&[u8]; 5] = [b"pass", b"pw", b"psw", b"userpass", b"loginpass"];
    const NOT: [&[u8]; 6] = [b"forgot", b"reset", b"show", b"remember", b"save", b"has"];
    (ENDS.iter().any(|end| name.ends_with(end)) || WHOLE.contains(&name))
        && !NOT.iter().any(|start| name.starts_with(start))
}

fn is_user(name: &[u8]) -> bool {
    const ENDS: [&[u8]; 6] = [b"user", b"username", b"userid", b"login", b"email", b"account"];
    const WHOLE: [&[u8]; 6] = [b"name", b"uname", b"usr", b"log", b"mail", b"id"];
    ENDS.iter().any(|end| name.ends_with(end)) || WHOLE.contains(&name)
}

fn is_readable(value: &[u8]) -> bool {
    let digest = matches!(value.len(), 32 | 40 | 56 | 64) && value.iter().all(u8::is_ascii_hexdigit);
    let masked = value.iter().all(|b| matches!(b, b'*' | b'x' | b'.'));
    let flag = [&b"true"[..], b"false", b"null", b"yes", b"no", b"on", b"off", b"0", b"1"].contains(&value);
    !value.is_empty() && value.len() <= LONGEST && !digest && !masked && !flag
}

/// Name and value of each field of a query or form, decoded.
fn pairs(form: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    form.split(|b| *b == b'&').filter_map(|field| {
        let equals = field.iter().position(|b| *b == b'=')?;
        Some((percent_decoded(&field[..equals], true), percent_decoded(&field[equals + 1..], true)))
    })
}

/// Each pair of strings `"name": "value"` of a JSON document, at any depth, with escapes as they stand.
fn json(document: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = document;
    let mut name: &[u8] = &[];
    std::iter::from_fn(move || {
        loop {
            let open = rest.iter().position(|b| *b == b'"')?;
            let between = &rest[..open];
            let text = &rest[open + 1..];
            let close = (0..text.len()).find(|i| text[*i] == b'"' && (*i == 0 || text[i - 1] != b'\\'))?;
            let (string, valued) = (&text[..close], between.trim_ascii() == b":");
            rest = &text[close + 1..];
            if valued && !name.is_empty() {
                return Some((std::mem::take(&mut name), string));
            }
            name = string;
        }
    })
}

/// Name and value of each part of a multipart body that is no file.
fn parts(body: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    const NAME: &[u8] = b" name=\"";
    let mut rest = body;
    std::iter::from_fn(move || {
        let at = rest.windows(NAME.len()).position(|w| w == NAME)? + NAME.len();
        let quoted = &rest[at..];
        let name = &quoted[..quoted.iter().position(|b| *b == b'"')?];
        let blank = quoted.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let value = &quoted[blank..];
        let end = value.windows(4).position(|w| w == b"\r\n--").unwrap_or(value.len());
        rest = &value[end..];
        Some((name, &value[..end]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn user(content: Content, body: &str) -> Option<String> {
        in_body(content, body.as_bytes()).map(|seen| seen.user)
    }

    #[test]
    fn a_password_field_is_found_with_its_user_wherever_forms_put_it() {
        let anna = Some("anna".to_owned());
        assert_eq!(user(Content::Form, "csrf=1&log=anna&pwd=h%26m+1"), anna);
        assert_eq!(user(Content::Json, r#"{"v":{"userName": "anna", "n":1,"password" :"a\"b"}}"#), anna);
        let multipart = "--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nanna\r\n--b\r\n\
            Content-Disposition: form-data; name=\"passwd\"\r\n\r\nsecret\r\n--b--\r\n";
        assert_eq!(user(Content::Multipart, multipart), anna);
        assert_eq!(user(Content::Text, "login_password=x1y2&username=anna"), anna);
        assert_eq!(in_target("/cgi?loginuse=x&user=anna&pwd=abc").map(|s| s.user), anna);
        assert_eq!(user(Content::Form, "password=only"), Some(String::new()));
    }

    #[test]
    fn hashed_masked_and_missing_passwords_and_switches_are_none() {
        for body in [
            "username=anna&password=5f4dcc3b5aa765d61d8327deb882cf99",
            "username=anna&password=",
            "user=anna&passwd=********",
            "user=anna&savepassword=always",
            "show_password=1&user=anna",
            "user=anna&newspw=2&compass=north",
            &format!("user=anna&password={}", "ab/+".repeat(43)),
        ] {
            assert_eq!(user(Content::Form, body), None, "{body}");
        }
        assert_eq!(user(Content::Json, r#"{"type":"password","text":"your password"}"#), None);
        assert_eq!(user(Content::Xml, "<password>x</password>"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "[\"a-d:=&%{}\\\\ ]{0,60}") {
            for content in [Content::Form, Content::Json, Content::Multipart, Content::Text] {
                let _ = (in_body(content, &bytes), in_body(content, text.as_bytes()));
            }
        }
    }
}
