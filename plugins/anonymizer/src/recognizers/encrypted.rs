//! What the operator of encryption wrote: `<ENTITY:…>`, so that the holder of the key finds it again.

use super::Sink;
use crate::entity::Entity;

/// The longest name of an entity, and the longest text that is read back, in characters.
const MAX_NAME: usize = 64;
const MAX_TEXT: usize = 8192;

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    let mut at = 0;
    while at < chars.len() {
        if chars[at] != ':' {
            at += 1;
            continue;
        }
        let name = |c: &char| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '_';
        let before = chars[..at]
            .iter()
            .rev()
            .take(MAX_NAME)
            .take_while(|c| name(c))
            .count();
        let text = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let behind = chars[at + 1..]
            .iter()
            .take(MAX_TEXT)
            .take_while(|c| text(c))
            .count();
        let start = at.checked_sub(before + 1);
        let open = start.is_some_and(|start| chars[start] == '<');
        let close = at + 1 + behind;
        if let Some(start) = start.filter(|_| open && before > 0 && chars.get(close) == Some(&'>'))
            && behind >= 22
        {
            sink.found(Entity::ENCRYPTED, start, close + 1, 1.0);
        }
        at = close.max(at + 1);
    }
}

#[cfg(test)]
mod tests {
    use crate::recognizers::texts;

    #[test]
    fn tokens_and_what_only_resembles_one() {
        let token = "<PHONE_NUMBER:AAAAAAAAAAAAAAAAAAAAAAAAAA-_>";
        assert_eq!(texts(super::scan, &format!("电话{token}。")), [token]);
        for text in [
            "<A:b>",
            "A:AAAAAAAAAAAAAAAAAAAAAAAAAA>",
            "<a:AAAAAAAAAAAAAAAAAAAAAAAAAA>",
            ":",
            "<:>",
        ] {
            assert_eq!(texts(super::scan, text), [""; 0], "{text}");
        }
    }
}
