//! Domains as they stand on the wire: lower case, other scripts in punycode.

/// A domain as it stands on the wire: lower case, other scripts in punycode. `None` when it is no domain.
pub(super) fn ascii_name(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    for label in text.split('.') {
        if !name.is_empty() {
            name.push('.');
        }
        if label.is_ascii() {
            name.push_str(&label.to_ascii_lowercase());
        } else {
            name.push_str("xn--");
            punycode(&label.to_lowercase().chars().collect::<Vec<char>>(), &mut name)?;
        }
    }
    let ok = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let top = name.rsplit('.').next()?;
    let valid = name.len() <= 253 && name.split('.').all(ok) && !top.bytes().all(|b| b.is_ascii_digit());
    valid.then_some(name)
}

/// Appends the punycode of a label (RFC 3492, 6.3).
fn punycode(label: &[char], out: &mut String) -> Option<()> {
    let start = out.len();
    out.extend(label.iter().filter(|c| c.is_ascii()));
    let basic = (out.len() - start) as u32;
    let (mut done, mut n, mut delta, mut bias) = (basic, 128u32, 0u32, 72u32);
    if basic > 0 {
        out.push('-');
    }
    while (done as usize) < label.len() && label.len() <= 63 {
        let next = label.iter().map(|c| *c as u32).filter(|c| *c >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(done + 1)?)?;
        n = next;
        for c in label.iter().map(|c| *c as u32) {
            delta = delta.checked_add(u32::from(c < n))?;
            if c == n {
                push_number(delta, bias, out);
                bias = adapt(delta, done + 1, done == basic);
                delta = 0;
                done += 1;
            }
        }
        delta = delta.checked_add(1)?;
        n += 1;
    }
    Some(())
}

fn push_number(mut q: u32, bias: u32, out: &mut String) {
    let digit = |d: u32| if d < 26 { (b'a' + d as u8) as char } else { (b'0' + (d - 26) as u8) as char };
    for k in (36u32..).step_by(36) {
        let t = k.saturating_sub(bias).clamp(1, 26);
        if q < t {
            break;
        }
        out.push(digit(t + (q - t) % (36 - t)));
        q = (q - t) / (36 - t);
    }
    out.push(digit(q));
}

fn adapt(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > 35 * 26 / 2 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}
