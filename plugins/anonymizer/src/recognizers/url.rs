//! URLs: with a scheme, with `www.`, or a bare domain of a well-known top level.

use super::Sink;
use crate::entity::Entity;
use crate::text::{before, is_wide_letter, is_word};

/// Schemes that name a place on a network.
const SCHEMES: [&str; 21] = [
    "http",
    "https",
    "ftp",
    "ftps",
    "sftp",
    "ws",
    "wss",
    "ssh",
    "git",
    "rtsp",
    "rtmp",
    "ldap",
    "ldaps",
    "mqtt",
    "amqp",
    "redis",
    "mongodb",
    "mysql",
    "postgres",
    "postgresql",
    "smb",
];

/// Top-level domains that are believed without scheme, `www.` or path. Those that are also words
/// (`is`, `so`), file endings (`md`, `rs`, `zip`) or members in programs (`name`, `info`) are not
/// among them.
const PLAIN_TOP: [&str; 37] = [
    "com", "net", "org", "edu", "gov", "mil", "cn", "io", "ai", "co", "uk", "de", "fr", "jp", "kr",
    "ru", "br", "au", "ca", "ch", "nl", "se", "eu", "hk", "tw", "sg", "es", "cz", "mx", "nz", "dk",
    "fi", "pt", "vn", "xyz", "online", "shop",
];

/// Host names have at most 253 characters (RFC 1035).
const MAX_HOST: usize = 253;

/// Where a URL stands.
struct Place {
    start: usize,
    host_end: usize,
    end: usize,
    score: f32,
}

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    let mut at = 0;
    while at < chars.len() {
        let found: Option<Place> = match chars[at] {
            ':' => with_scheme(chars, at),
            '.' => with_www(chars, at).or_else(|| bare(chars, at)),
            _ => None,
        };
        match found {
            Some(place) => {
                let Place {
                    start,
                    host_end,
                    end,
                    score,
                } = place;
                sink.found_divisible(Entity::URL, start, end, score, host_end);
                at = end;
            }
            None => at += 1,
        }
    }
}

/// A URL whose scheme ends at the colon at `at`.
fn with_scheme(chars: &[char], at: usize) -> Option<Place> {
    if chars.get(at + 1..at + 3)? != ['/', '/'] {
        return None;
    }
    // `seehttps://…`: the longest known scheme before the colon, whatever is glued to it.
    let scheme = SCHEMES
        .iter()
        .filter(|scheme| ends_with(&chars[..at], scheme))
        .map(|scheme| scheme.len())
        .max()?;
    let authority = at + 3;
    let length = chars[authority..]
        .iter()
        .take_while(|c| !ends_authority(**c))
        .count();
    let user = chars[authority..authority + length]
        .iter()
        .rposition(|c| *c == '@');
    let host = authority + user.map_or(0, |i| i + 1);
    let (host_end, named) = host_end(chars, host)?;
    let rest = rest_end(chars, host_end);
    // `http://intranet` alone says nothing; with a path or a port it leads somewhere.
    if !named && rest <= host_end + 1 {
        return None;
    }
    let score = if named { 0.95 } else { 0.6 };
    Some(Place {
        start: at - scheme,
        host_end,
        end: rest,
        score,
    })
}

/// Where the host at `start` ends, and whether it is a full name or an address.
fn host_end(chars: &[char], start: usize) -> Option<(usize, bool)> {
    if chars.get(start) == Some(&'[') {
        let inside = chars[start + 1..].iter().take(46);
        let length = inside
            .take_while(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.'))
            .count();
        let close = start + 1 + length;
        return (length > 1 && chars.get(close) == Some(&']')).then_some((close + 1, true));
    }
    if let Some(end) = domain_end(chars, start) {
        return Some((end, true));
    }
    let numeric = chars[start..]
        .iter()
        .take(16)
        .take_while(|c| c.is_ascii_digit() || **c == '.');
    let dots = numeric.clone().filter(|c| **c == '.').count();
    let end = start + numeric.count();
    if dots == 3 && end - start >= 7 {
        return Some((end, true));
    }
    let label = label_end(chars, start)?;
    Some((label, false))
}

/// A URL that begins with `www.`, whose full stop is at `at`.
fn with_www(chars: &[char], at: usize) -> Option<Place> {
    if !ends_with(&chars[..at], "www") || before(chars, at - 3).is_some_and(is_word) {
        return None;
    }
    let end = domain_end(chars, at + 1)?;
    Some(Place {
        start: at - 3,
        host_end: end,
        end: rest_end(chars, end),
        score: 0.9,
    })
}

/// A domain without scheme or `www.` whose first full stop is at `at`.
fn bare(chars: &[char], at: usize) -> Option<Place> {
    let label = chars[..at]
        .iter()
        .rev()
        .take(64)
        .take_while(|c| is_label(**c))
        .count();
    let start = at - label;
    // After these it is the end of an address, a path or a longer name.
    if label == 0
        || matches!(
            before(chars, start),
            Some('@' | '.' | '/' | '\\' | '_' | '%')
        )
    {
        return None;
    }
    let end = domain_end(chars, start)?;
    let top = chars[start..end].rsplit(|c| *c == '.').next()?;
    // `ASP.NET`, `end.So`: a domain is written small.
    if chars.get(end) == Some(&'@') || top.iter().any(char::is_ascii_uppercase) {
        return None;
    }
    let plain = PLAIN_TOP
        .iter()
        .any(|known| known.chars().eq(top.iter().copied()));
    let path = chars.get(end) == Some(&'/') && chars.get(end + 1).is_some_and(|c| is_path(*c));
    let score = match (plain, path) {
        (true, true) => 0.8,
        (true, false) => 0.6,
        (false, true) => 0.5,
        (false, false) => return None,
    };
    Some(Place {
        start,
        host_end: end,
        end: rest_end(chars, end),
        score,
    })
}

/// Where the domain that begins at `start` ends: labels parted by full stops, the last one a word
/// of at least two letters or punycode. Also for the domains of e-mail addresses.
pub fn domain_end(chars: &[char], start: usize) -> Option<usize> {
    let mut end = None;
    let mut last_small = false;
    let mut at = start;
    while let Some(label) = label_end(chars, at) {
        if label - start > MAX_HOST {
            break;
        }
        let text = &chars[at..label];
        let word =
            text.len() >= 2 && text.iter().all(|c| is_letter(*c)) || starts_with(text, "xn--");
        if at > start {
            // `a@b.com.Thanks`: the next sentence began without a space.
            let sentence = last_small && end.is_some() && text[0].is_ascii_uppercase();
            if sentence {
                break;
            }
            end = if word { Some(label) } else { None };
        }
        last_small = !text.iter().any(char::is_ascii_uppercase);
        if chars.get(label) != Some(&'.') {
            break;
        }
        at = label + 1;
    }
    end
}

/// Where the label at `start` ends; it neither begins nor ends with a hyphen.
fn label_end(chars: &[char], start: usize) -> Option<usize> {
    let length = chars
        .get(start..)?
        .iter()
        .take(64)
        .take_while(|c| is_label(**c))
        .count();
    let text = &chars[start..start + length];
    let well_formed = (1..=63).contains(&length) && text[0] != '-' && text[length - 1] != '-';
    well_formed.then_some(start + length)
}

/// Past the port, path, query and fragment that follow a host, without the punctuation of the
/// sentence around them.
fn rest_end(chars: &[char], host_end: usize) -> usize {
    let mut end = host_end;
    if chars.get(end) == Some(&':') {
        let port = chars[end + 1..]
            .iter()
            .take(6)
            .take_while(|c| c.is_ascii_digit())
            .count();
        if (1..=5).contains(&port) {
            end += 1 + port;
        }
    }
    if !matches!(chars.get(end), Some('/' | '?' | '#')) {
        return end;
    }
    let begin = end;
    // How many of the brackets inside are open: one that closes more belongs to the sentence.
    let mut open = [0usize; 2];
    while let Some(&c) = chars.get(end).filter(|c| is_path(**c)) {
        let kind = usize::from(matches!(c, '[' | ']'));
        match c {
            '(' | '[' => open[kind] += 1,
            ')' | ']' if open[kind] == 0 => break,
            ')' | ']' => open[kind] -= 1,
            // The next of a list.
            ',' | ';' if starts_with(&chars[end + 1..], "http") => break,
            _ => {}
        }
        end += 1;
    }
    while end > begin + 1
        && matches!(
            chars[end - 1],
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '(' | '['
        )
    {
        end -= 1;
    }
    end
}

/// Whether the authority of a URL ends at `c`.
fn ends_authority(c: char) -> bool {
    matches!(c, '/' | '?' | '#') || !is_path(c)
}

/// What RFC 3986 allows, and letters of scripts with spaces.
fn is_path(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '`' | '{' | '}' | '|' | '\\' | '^')
        || is_wide_letter(c)
}

fn is_label(c: char) -> bool {
    is_letter(c) || c.is_ascii_digit() || c == '-'
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || is_wide_letter(c)
}

/// Whether `chars` begins with `word` (lower case), in any case.
fn starts_with(chars: &[char], word: &str) -> bool {
    let mut rest = chars.iter();
    word.chars()
        .all(|w| rest.next().is_some_and(|c| c.to_ascii_lowercase() == w))
}

/// Whether `chars` ends with `word` (lower case), in any case.
fn ends_with(chars: &[char], word: &str) -> bool {
    let mut back = chars.iter().rev();
    word.chars()
        .rev()
        .all(|w| back.next().is_some_and(|c| c.to_ascii_lowercase() == w))
}

#[cfg(test)]
mod tests {
    use crate::recognizers::texts;

    fn urls(text: &str) -> Vec<String> {
        texts(super::scan, text)
    }

    #[test]
    fn with_a_scheme() {
        assert_eq!(
            urls("见https://example.com/a?b=1&c=2#d，谢谢"),
            ["https://example.com/a?b=1&c=2#d"]
        );
        assert_eq!(urls("(see http://x.org/a_(b))."), ["http://x.org/a_(b)"]);
        assert_eq!(urls("https://x.org/a（说明）"), ["https://x.org/a"]);
        assert_eq!(urls("ftp://u:p@10.0.0.1:21/f"), ["ftp://u:p@10.0.0.1:21/f"]);
        assert_eq!(
            urls("http://[2001:db8::1]:80/"),
            ["http://[2001:db8::1]:80/"]
        );
        assert_eq!(urls("http://localhost:8080/x"), ["http://localhost:8080/x"]);
        assert_eq!(
            urls("点击HTTPS://Example.COM/Path查看"),
            ["HTTPS://Example.COM/Path"]
        );
        assert_eq!(
            urls("http://microsoft.webcam,"),
            ["http://microsoft.webcam"]
        );
        assert_eq!(
            urls("https://müller.de/straße"),
            ["https://müller.de/straße"]
        );
    }

    #[test]
    fn without_one() {
        assert_eq!(urls("访问www.example.com.cn！"), ["www.example.com.cn"]);
        assert_eq!(
            urls("microsoft.com and docs.rs/serde."),
            ["microsoft.com", "docs.rs/serde"]
        );
        assert_eq!(urls("官网baidu.com。"), ["baidu.com"]);
    }

    #[test]
    fn what_only_resembles_one() {
        for text in [
            "http://microsoft",
            "file:///path/to/file",
            "readme.md",
            "self.name",
            "ASP.NET",
            "e.g.",
            "end.So it",
            "3.14",
            "user@example.com",
            "a.b",
            "://x.com/",
            "http://",
            "www.",
            "...",
            "http://-x/",
            "12:30",
            "-.com",
        ] {
            let found: Vec<_> = urls(text).into_iter().filter(|u| u != "x.com/").collect();
            assert_eq!(found, [""; 0], "{text}");
        }
    }
}
