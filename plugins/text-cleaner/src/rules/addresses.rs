//! `emails` and `ips`: addresses of mail and of machines go, or a mask takes their place.
//!
//! This tidies texts that are to be read or learnt from. To protect people use an anonymizer: it has scores, context
//! and many more kinds.

use std::net::Ipv6Addr;

use crate::edits::{Edits, Rewrite};

/// Writes `with` in place of every mail address: a name, `@`, a domain that ends in letters.
pub fn emails(text: &str, with: &str) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = text[at..].find('@') {
        let sign = at + found;
        let name = bytes[at..sign]
            .iter()
            .rev()
            .take_while(|&&byte| is_name(byte))
            .count();
        let domain = bytes[sign + 1..]
            .iter()
            .take_while(|&&byte| is_name(byte))
            .count();
        let end = sign + 1 + ends_in_letters(&bytes[sign + 1..sign + 1 + domain]);
        if name > 0 && end > sign + 1 {
            edits.replace(sign - name, end, with);
            at = end;
        } else {
            at = sign + 1;
        }
    }
    edits.finish()
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'_')
}

/// How much of the run is a domain: up to the letters behind its last dot that letters follow; 0 where none is.
fn ends_in_letters(run: &[u8]) -> usize {
    for dot in (1..run.len())
        .rev()
        .filter(|&position| run[position] == b'.')
    {
        let letters = run[dot + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        if letters > 0 {
            return dot + 1 + letters;
        }
    }
    0
}

/// Writes `with` in place of every IP address, of version 4 or 6.
pub fn ips(text: &str, with: &str) -> Option<Rewrite> {
    let mut edits = Edits::new(text);
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes[at..]
        .iter()
        .position(|&byte| byte.is_ascii_hexdigit() || byte == b':')
    {
        let start = at + found;
        let run = &bytes[start..];
        if let Some(length) =
            version_4(run, &bytes[..start]).or_else(|| version_6(run, &bytes[..start]))
        {
            edits.replace(start, start + length, with);
            at = start + length;
        } else {
            // On from the end of the digits: a part of a number is no address.
            at = start
                + run
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .count()
                    .max(1);
        }
    }
    edits.finish()
}

/// Four numbers up to 255 with dots between, which are no part of a longer such chain (`1.2.3.4.5` is a version).
fn version_4(run: &[u8], before: &[u8]) -> Option<usize> {
    let mut at = 0;
    for part in 0..4 {
        if part > 0 {
            (run.get(at) == Some(&b'.')).then_some(())?;
            at += 1;
        }
        let digits = run[at..]
            .iter()
            .take(4)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let number = run[at..at + digits]
            .iter()
            .fold(0, |sum, &digit| sum * 10 + u32::from(digit - b'0'));
        let padded = digits > 1 && run[at] == b'0';
        (digits > 0 && digits < 4 && number <= 255 && !padded).then_some(())?;
        at += digits;
    }
    let goes_on = run.get(at) == Some(&b'.') && run.get(at + 1).is_some_and(u8::is_ascii_digit);
    let began_before =
        before.last() == Some(&b'.') && before.iter().rev().nth(1).is_some_and(u8::is_ascii_digit);
    (!goes_on && !began_before).then_some(at)
}

/// Eight groups with colons between, or fewer with `::`.
fn version_6(run: &[u8], before: &[u8]) -> Option<usize> {
    const LONGEST: usize = 39;
    if before
        .last()
        .is_some_and(|&byte| byte.is_ascii_hexdigit() || byte == b':')
    {
        return None;
    }
    let mut at = 0;
    let mut groups = 0;
    while at < LONGEST {
        let digits = run[at..]
            .iter()
            .take(4)
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        if digits == 0 {
            break;
        }
        groups += 1;
        at += digits;
        if groups == 8 {
            return Some(at);
        }
        if run.get(at) != Some(&b':') {
            break;
        }
        at += 1;
    }
    // The short form is easily something else (`std::cmp`): it has a digit and stands alone.
    let length = run
        .iter()
        .take(LONGEST)
        .take_while(|&&byte| byte.is_ascii_hexdigit() || byte == b':')
        .count();
    let run_of_groups = std::str::from_utf8(&run[..length]).ok()?;
    let groups = run_of_groups.trim_end_matches(':');
    let short = if run_of_groups[groups.len()..].starts_with("::") {
        &run_of_groups[..groups.len() + 2]
    } else {
        groups
    };
    let ended = run
        .get(short.len())
        .is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let alone = ended
        && before
            .last()
            .is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let told = short.bytes().any(|byte| byte.is_ascii_digit())
        && short.contains("::")
        && (groups.contains(':') || groups.len() > 4);
    (alone && told && short.parse::<Ipv6Addr>().is_ok()).then_some(short.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mail_addresses() {
        let masked = |text| emails(text, "[email]").map(|rewrite| rewrite.text);
        assert_eq!(
            masked("写信给 Jane.Doe+x@mail.example.com，谢谢").unwrap(),
            "写信给 [email]，谢谢"
        );
        assert_eq!(
            masked("a@b.co.2x, c@d_e.org.").unwrap(),
            "[email].2x, [email]."
        );
        for text in ["a@b", "@b.com", "a@b.45om", "a @ b.com", "@@@@"] {
            assert_eq!(masked(text), None, "{text}");
        }
    }

    #[test]
    fn machine_addresses() {
        let masked = |text| ips(text, "[ip]").map(|rewrite| rewrite.text);
        assert_eq!(
            masked("来自192.168.0.1的请求 8.8.8.8, x/10.0.0.9y").unwrap(),
            "来自[ip]的请求 [ip], x/[ip]y"
        );
        assert_eq!(
            masked("2001:db8:0:0:0:0:2:1 fe80::1 ::1 2001:db8::").unwrap(),
            "[ip] [ip] [ip] [ip]"
        );
        for text in [
            "1.2.3.4.5",
            "256.1.1.1",
            "1.2.3",
            "12:30:45",
            "std::cmp a::b 1::",
            "01.2.3.4",
            "3.14",
            "1234.1.1.1",
        ] {
            assert_eq!(masked(text), None, "{text}");
        }
    }

    #[test]
    fn hostile_texts_take_linear_time() {
        for piece in ["@", "a@", "a.", "1.", "a:", "::", "1", "f", "a@b.1."] {
            let text = piece.repeat(300_000);
            let begun = std::time::Instant::now();
            let _ = (emails(&text, ""), ips(&text, ""));
            assert!(begun.elapsed().as_secs() < 5, "{piece}");
        }
    }

    proptest! {
        #[test]
        fn masked_texts_have_none_left(text in "([a-c0-9]{1,3}|[@.: 中-])*") {
            for (rule, mask) in [(emails as fn(&str, &str) -> Option<Rewrite>, "[email]"), (ips, "[ip]")] {
                if let Some(rewrite) = rule(&text, mask) {
                    prop_assert!(rewrite.text.matches(mask).count() == rewrite.places as usize);
                }
            }
        }
    }
}
