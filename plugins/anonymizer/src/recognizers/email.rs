//! E-mail addresses: a local part, `@`, a domain whose last label is a word.

use super::Sink;
use super::url::domain_end;
use crate::entity::Entity;
use crate::text::{before, is_wide_letter};

/// RFC 5321: a local part has at most 64 octets.
const MAX_LOCAL: usize = 64;

/// Endings of files, not of domains: `icon@2x.png`.
const FILE_ENDINGS: [&str; 8] = ["png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js"];

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    for at in (0..chars.len()).filter(|&i| chars[i] == '@') {
        if let Some(start) = local_start(chars, at)
            && let Some(end) = domain_end(chars, at + 1)
            && !is_file(&chars[at + 1..end])
        {
            sink.found(Entity::EMAIL_ADDRESS, start, end, 0.95);
        }
    }
}

/// Where the local part before `at` begins.
///
/// Of the characters that RFC 5321 allows, `/ = & ? #` and their like are taken as what stands
/// between an address and something else, as in `mail=a@b.example` and `a@b.example/c@d.example`.
fn local_start(chars: &[char], at: usize) -> Option<usize> {
    let mut start = at;
    while let Some(c) = before(chars, start) {
        let dots = c == '.' && chars[start] == '.';
        if dots || !(is_atom(c) || matches!(c, '.' | '\'')) {
            break;
        }
        start -= 1;
        if at - start > MAX_LOCAL {
            return None;
        }
    }
    // Quotes, hyphens and full stops of the sentence before it.
    while start < at && !(chars[start].is_ascii_alphanumeric() || is_open(chars[start])) {
        start += 1;
    }
    let ends_well = before(chars, at).is_some_and(is_atom);
    (start < at && ends_well).then_some(start)
}

fn is_atom(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '%' | '+' | '-') || is_wide_letter(c)
}

/// What may begin a local part beside ASCII letters and digits.
fn is_open(c: char) -> bool {
    c == '_' || is_wide_letter(c)
}

fn is_file(domain: &[char]) -> bool {
    let ending = domain.iter().rev().take_while(|c| **c != '.').count();
    let ending = domain[domain.len() - ending..]
        .iter()
        .map(char::to_ascii_lowercase);
    FILE_ENDINGS
        .iter()
        .any(|known| ending.clone().eq(known.chars()))
}

#[cfg(test)]
mod tests {
    use crate::recognizers::texts;

    fn emails(text: &str) -> Vec<String> {
        texts(super::scan, text)
    }

    #[test]
    fn addresses_in_both_languages() {
        assert_eq!(
            emails("邮箱zhang.san+vip@qq.com，谢谢"),
            ["zhang.san+vip@qq.com"]
        );
        assert_eq!(
            emails("请发至：li_si@mail.tsinghua.edu.cn。"),
            ["li_si@mail.tsinghua.edu.cn"]
        );
        assert_eq!(
            emails("Write to o'brien@example.co.uk."),
            ["o'brien@example.co.uk"]
        );
        assert_eq!(
            emails("ｕｓｅｒ＠ｅｘａｍｐｌｅ．ｃｏｍ"),
            ["ｕｓｅｒ＠ｅｘａｍｐｌｅ．ｃｏｍ"]
        );
        assert_eq!(emails("jörg@müller.de"), ["jörg@müller.de"]);
        assert_eq!(
            emails("user@xn--80ak6aa92e.com"),
            ["user@xn--80ak6aa92e.com"]
        );
        assert_eq!(emails("13812345678@163.com"), ["13812345678@163.com"]);
    }

    #[test]
    fn what_stands_around_an_address_is_not_part_of_it() {
        assert_eq!(emails("mail=a@b.org&x=1"), ["a@b.org"]);
        assert_eq!(emails("<a@b.org>;'c@d.net'"), ["a@b.org", "c@d.net"]);
        assert_eq!(emails("mailto:a@b.org/c@d.net"), ["a@b.org", "c@d.net"]);
        assert_eq!(emails("wait...me@x.io...ok"), ["me@x.io"]);
        assert_eq!(emails("mail me@x.com.Thanks"), ["me@x.com"]);
    }

    #[test]
    fn handles_versions_and_files_are_no_addresses() {
        for text in [
            "info@presidio.",
            "@scope/pkg.js",
            "lodash@4.17.21",
            "root@localhost",
            "icon@2x.png",
            "a@b",
            "user@@x",
            "@",
            "a@.com",
            "a@-x.com",
            "x.@y.com",
            "me@1.2.3.4",
        ] {
            assert_eq!(emails(text), [""; 0], "{text}");
        }
        assert_eq!(emails(&format!("{}@x.com", "a".repeat(65))), [""; 0]);
    }
}
