//! IP addresses, version 4 and 6, with a prefix length or a zone where one follows.

use std::net::Ipv6Addr;

use super::Sink;
use crate::context::announces_version;
use crate::entity::Entity;
use crate::text::{before, ends_alone, is_word, starts_alone};

/// The longest text of an IPv6 address, with an IPv4 address at its end.
const MAX_V6: usize = 45;

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    scan_v4(chars, sink);
    scan_v6(chars, sink);
}

fn scan_v4(chars: &[char], sink: &mut Sink<'_>) {
    for start in (0..chars.len()).filter(|&i| chars[i].is_ascii_digit()) {
        if !starts_alone(chars, start) {
            continue;
        }
        let Some((octets, end)) = read_v4(chars, start) else {
            continue;
        };
        if !ends_alone(chars, end) {
            continue;
        }
        let end = prefix_end(chars, end, 32);
        // `0.x` never names a host, and versions and sections have the same form.
        let doubtful = announces_version(chars, start) || octets[0] == 0 && octets != [0; 4];
        let low = octets.iter().all(|o| *o < 10);
        let score = if doubtful {
            0.3
        } else if low {
            0.6
        } else {
            0.85
        };
        sink.found(Entity::IP_ADDRESS, start, end, score);
    }
}

/// Four numbers up to 255, parted by full stops, and where they end.
fn read_v4(chars: &[char], start: usize) -> Option<([u16; 4], usize)> {
    let mut octets = [0; 4];
    let mut at = start;
    for (i, octet) in octets.iter_mut().enumerate() {
        if i > 0 {
            if chars.get(at) != Some(&'.') {
                return None;
            }
            at += 1;
        }
        let digits = chars[at..]
            .iter()
            .take(4)
            .take_while(|c| c.is_ascii_digit())
            .count();
        let text = &chars[at..at + digits];
        // `01` is part of a date or a version; `001` is an octet written at full width.
        if digits == 0 || digits > 3 || digits == 2 && text[0] == '0' {
            return None;
        }
        *octet = text
            .iter()
            .filter_map(|c| c.to_digit(10))
            .fold(0, |n, d| n * 10 + d as u16);
        if *octet > 255 {
            return None;
        }
        at += digits;
    }
    Some((octets, at))
}

fn scan_v6(chars: &[char], sink: &mut Sink<'_>) {
    let part = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.');
    let mut at = 0;
    while at < chars.len() {
        if !part(chars[at]) {
            at += 1;
            continue;
        }
        let mut end = at;
        while end < chars.len() && part(chars[end]) {
            end += 1;
        }
        if let Some((start, end, score)) = read_v6(chars, at, end) {
            sink.found(Entity::IP_ADDRESS, start, end, score);
        }
        at = end;
    }
}

/// The address within the run `[start, end)` of hexadecimal digits, colons and full stops.
fn read_v6(chars: &[char], mut start: usize, mut end: usize) -> Option<(usize, usize, f32)> {
    // `IP:2001:db8::1` leaves the colon of the label at the start, a sentence leaves its own
    // punctuation at the end.
    let pair = |i: usize| chars[i] == ':' && chars.get(i + 1) == Some(&':');
    let mut labelled = false;
    if chars[start] == ':' && !pair(start) {
        start += 1;
        labelled = true;
    }
    while end > start
        && (chars[end - 1] == '.' || chars[end - 1] == ':' && !(end - start >= 2 && pair(end - 2)))
    {
        end -= 1;
    }
    let run = &chars[start..end];
    if run.len() < 2 || run.len() > MAX_V6 || run.iter().filter(|c| **c == ':').count() < 2 {
        return None;
    }
    if !labelled && before(chars, start).is_some_and(is_word) {
        return None;
    }
    run.iter().collect::<String>().parse::<Ipv6Addr>().ok()?;
    let score = v6_score(run);
    if chars.get(end).is_some_and(|c| is_word(*c)) {
        return None;
    }
    let end = zone_end(chars, end);
    Some((start, prefix_end(chars, end, 128), score))
}

/// Short forms without digits also stand in programs: `a::b`, `::`.
fn v6_score(run: &[char]) -> f32 {
    let groups = run
        .split(|c| *c == ':')
        .filter(|group| !group.is_empty())
        .count();
    let digits = run.iter().any(char::is_ascii_digit);
    match groups {
        0 => 0.1,
        1 | 2 if !digits => 0.3,
        1 => 0.6,
        _ => 0.85,
    }
}

/// Past `%eth0`, if that follows.
fn zone_end(chars: &[char], end: usize) -> usize {
    if chars.get(end) != Some(&'%') {
        return end;
    }
    let zone = chars[end + 1..]
        .iter()
        .take(16)
        .take_while(|c| c.is_ascii_alphanumeric())
        .count();
    if zone == 0 { end } else { end + 1 + zone }
}

/// Past `/24`, if a prefix length of at most `max` follows.
fn prefix_end(chars: &[char], end: usize, max: u32) -> usize {
    if chars.get(end) != Some(&'/') {
        return end;
    }
    let digits = chars[end + 1..]
        .iter()
        .take(4)
        .take_while(|c| c.is_ascii_digit())
        .count();
    let behind = end + 1 + digits;
    let bits = chars[end + 1..behind].iter().filter_map(|c| c.to_digit(10));
    let bits = bits.fold(0, |n, d| n * 10 + d);
    let fits = (1..=3).contains(&digits) && bits <= max && ends_alone(chars, behind);
    if fits { behind } else { end }
}

#[cfg(test)]
mod tests {
    use crate::recognizers::{found, texts};

    fn ips(text: &str) -> Vec<String> {
        texts(super::scan, text)
    }

    #[test]
    fn version_four() {
        assert_eq!(ips("服务器192.168.1.100的日志"), ["192.168.1.100"]);
        assert_eq!(ips("IP：10.0.0.1，10.0.0.2:8080"), ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(
            ips("Route is 10.0.0.0/8. Not 10.0.0.0/123"),
            ["10.0.0.0/8", "10.0.0.0"]
        );
        assert_eq!(ips("root@172.16.0.1"), ["172.16.0.1"]);
        assert_eq!(ips("１９２．１６８．１．１"), ["１９２．１６８．１．１"]);
        assert_eq!(ips("host 1.1.1.1"), ["1.1.1.1"]);
        for text in [
            "1.2.3.4.5",
            "300.168.1.1",
            "192.168.1",
            "IP192.168.1.1text",
            "v1.2.3.4",
            "01.02.03.04",
            "version 10.2.3.4",
            "版本号10.2.3.4",
            "1.2.3.256",
            "1..2.3.4",
            "0.1.2.3",
            "...",
        ] {
            assert_eq!(ips(text), [""; 0], "{text}");
        }
        assert_eq!(
            found(super::scan, "version 10.2.3.4", 0.3).len(),
            1,
            "weak, not lost"
        );
    }

    #[test]
    fn version_six() {
        assert_eq!(
            ips("连接2001:db8:85a3::8a2e:370:7334失败"),
            ["2001:db8:85a3::8a2e:370:7334"]
        );
        assert_eq!(ips("[2001:db8::1]:443"), ["2001:db8::1"]);
        assert_eq!(ips("IP:2001:db8::1."), ["2001:db8::1"]);
        assert_eq!(
            ips("fe80::1%eth0/64, ::1/128"),
            ["fe80::1%eth0/64", "::1/128"]
        );
        assert_eq!(ips("::ffff:192.168.1.0/96"), ["::ffff:192.168.1.0/96"]);
        assert_eq!(
            ips("684D:1111:222:3333:4444:5555:6:77"),
            ["684D:1111:222:3333:4444:5555:6:77"]
        );
        assert_eq!(ips("2001:db8::/32:"), ["2001:db8::/32"]);
        for text in [
            "aa:bb:cc:dd:ee:ff",
            "12:30:45",
            "std::vector",
            "a::b",
            "::",
            ":::",
            "2001::db8::1",
            "text2001:db8::1",
            "fe80::1text",
            "12345:db8::1",
            "2001:db8::256.1.1.1",
            ":",
            "::.",
        ] {
            assert_eq!(ips(text), [""; 0], "{text}");
        }
    }
}
