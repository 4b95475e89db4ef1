//! Hardware addresses: `00:1a:2b:3c:4d:5e`, `00-1A-2B-3C-4D-5E`, `001a.2b3c.4d5e`,
//! `001a-2b3c-4d5e`.

use super::Sink;
use crate::entity::Entity;
use crate::text::{before, is_word};

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    let mut start = 0;
    while start < chars.len() {
        match number_end(chars, start) {
            Some((end, score)) => {
                sink.found(Entity::MAC_ADDRESS, start, end, score);
                start = end;
            }
            None => start += 1,
        }
    }
}

/// Where the address that begins at `start` ends, and how sure it is one.
fn number_end(chars: &[char], start: usize) -> Option<(usize, f32)> {
    if !chars[start].is_ascii_hexdigit() || before(chars, start).is_some_and(is_word) {
        return None;
    }
    let width = chars[start..]
        .iter()
        .take(5)
        .take_while(|c| c.is_ascii_hexdigit())
        .count();
    let separator = *chars.get(start + width)?;
    let groups = match (width, separator) {
        (2, ':' | '-') => 6,
        (4, '.' | '-') => 3,
        _ => return None,
    };
    let end = start + groups * (width + 1) - 1;
    let text = chars.get(start..end)?;
    let well_formed = text.iter().enumerate().all(|(i, c)| {
        if i % (width + 1) == width {
            *c == separator
        } else {
            c.is_ascii_hexdigit()
        }
    });
    // One more group on either side makes it something else.
    let joined = |c: Option<char>, beyond: Option<char>| match c {
        Some(c) if c == separator => beyond.is_some_and(|c| c.is_ascii_hexdigit()),
        Some(c) => is_word(c),
        None => false,
    };
    let more = joined(chars.get(end).copied(), chars.get(end + 1).copied())
        || joined(before(chars, start), start.checked_sub(2).map(|i| chars[i]))
            && !labelled(chars, start, separator);
    let digits = || text.iter().filter(|c| c.is_ascii_hexdigit());
    // Broadcast and the empty address name no device.
    let nobody = digits().all(|c| matches!(c, 'f' | 'F')) || digits().all(|c| *c == '0');
    if !well_formed || more || nobody {
        return None;
    }
    // Groups of digits alone are as likely a date, a telephone or a card number.
    let letters = digits().any(|c| c.is_ascii_alphabetic());
    match (letters, separator, width) {
        (true, ..) => Some((end, 0.9)),
        (false, ':', _) => Some((end, 0.85)),
        (false, '-', 2) | (false, '.', 4) => Some((end, 0.5)),
        _ => None,
    }
}

/// Whether the colon before `start` closes a word such as `MAC:`, not a group of an address.
fn labelled(chars: &[char], start: usize, separator: char) -> bool {
    separator == ':'
        && chars[..start - 1]
            .iter()
            .rev()
            .take(12)
            .take_while(|c| is_word(**c))
            .count()
            > 2
}

#[cfg(test)]
mod tests {
    use crate::recognizers::texts;

    fn macs(text: &str) -> Vec<String> {
        texts(super::scan, text)
    }

    #[test]
    fn the_usual_forms() {
        assert_eq!(
            macs("MAC地址00:1A:2B:3C:4D:5E已绑定"),
            ["00:1A:2B:3C:4D:5E"]
        );
        assert_eq!(macs("MAC:aa-bb-cc-dd-ee-01."), ["aa-bb-cc-dd-ee-01"]);
        assert_eq!(macs("mac:aa:bb:cc:dd:ee:01"), ["aa:bb:cc:dd:ee:01"]);
        assert_eq!(
            macs("0012.3456.789a / 0012-3456-789A"),
            ["0012.3456.789a", "0012-3456-789A"]
        );
    }

    #[test]
    fn what_only_resembles_one() {
        for text in [
            "FF:FF:FF:FF:FF:FF",
            "00:00:00:00:00:00",
            "00:1A:2B:3C:4D",
            "00:1A:2B:3C:4D:5E:6F",
            "00:1A:2B-3C:4D:5E",
            "g0:1A:2B:3C:4D:5E:",
            "1234-5678-9012",
            "a00:1A:2B:3C:4D:5E",
            "550e8400-e29b-41d4-a716-446655440000",
            "0",
            "aa:",
            "",
        ] {
            assert_eq!(macs(text), [""; 0], "{text}");
        }
    }
}
