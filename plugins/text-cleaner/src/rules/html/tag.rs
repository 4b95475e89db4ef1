//! Reads one tag, and tells a tag from `a < b`, `<3`, `<name>` and `<someone@example.com>`.

use super::elements;

/// A tag as it stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    /// The name of the element, as written.
    pub name: &'a str,
    /// `</name>`
    pub closes: bool,
    /// Whether it can only be a tag: it closes, closes itself, has attributes, or names an element of HTML.
    pub certain: bool,
    /// Where it ends, in bytes from the beginning of the text.
    pub end: usize,
}

/// Quotes that the rest of the text does not have: looking for them again would make the time quadratic.
#[derive(Debug, Default, Clone, Copy)]
pub struct Missing {
    double: bool,
    single: bool,
}

/// Reads a tag whose `<` stands at `start`, and which a letter or `/` follows.
///
/// # Errors
/// Where reading stopped, if it is no tag. What lies before is text and need not be looked at again.
pub fn read<'a>(text: &'a str, start: usize, missing: &mut Missing) -> Result<Tag<'a>, usize> {
    let mut reader = Reader {
        text,
        at: start + 1,
    };
    let closes = reader.skip(b'/');
    let name = reader.name();
    if name.is_empty() || name.ends_with(':') {
        return Err(reader.at);
    }
    let mut has_attributes = false;
    loop {
        let mut apart = reader.space();
        let mut closes_itself = false;
        while reader.skip(b'/') {
            apart = true;
            closes_itself = true;
            reader.space();
        }
        match reader.peek() {
            Some(b'>') => {
                let certain = closes
                    || closes_itself
                    || has_attributes
                    || name.contains(':')
                    || elements::gap(name).is_some();
                return Ok(Tag {
                    name,
                    closes,
                    certain,
                    end: reader.at + 1,
                });
            }
            Some(byte) if apart && is_attribute_start(byte) => {
                has_attributes |= reader.attribute(missing)?;
            }
            _ => return Err(reader.at),
        }
    }
}

/// The name in `name>`, which is what follows `</`.
pub fn closing_name(text: &str) -> Option<&str> {
    let mut reader = Reader { text, at: 0 };
    let name = reader.name();
    reader.space();
    (!name.is_empty() && reader.peek() == Some(b'>')).then_some(name)
}

fn is_attribute_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':' | b'@' | b'*' | b'#' | b'[' | b'(')
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Reads on while `wanted`, which is true of ASCII only, so that the slice ends between characters.
    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|byte| byte.is_ascii() && wanted(byte))
        {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn space(&mut self) -> bool {
        !self.take(|byte| byte.is_ascii_whitespace()).is_empty()
    }

    fn name(&mut self) -> &'a str {
        if !self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            return "";
        }
        self.take(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-'))
    }

    /// Reads an attribute; true when it has a value.
    ///
    /// An attribute without a value must be one that HTML knows: `a <b and c> d` is no tag.
    fn attribute(&mut self, missing: &mut Missing) -> Result<bool, usize> {
        let name = self.take(|byte| !byte.is_ascii_whitespace() && !b"/>=<\"'".contains(&byte));
        let after_name = self.at;
        self.space();
        if !self.skip(b'=') {
            // The space belongs to what follows: without it, the next attribute would seem glued to this one.
            self.at = after_name;
            return if elements::may_be_bare(name) {
                Ok(false)
            } else {
                Err(self.at)
            };
        }
        self.space();
        let (quote, missing) = match self.peek() {
            Some(b'"') => ('"', &mut missing.double),
            Some(b'\'') => ('\'', &mut missing.single),
            _ => return self.bare_value(),
        };
        self.at += 1;
        if !*missing && let Some(length) = self.text[self.at..].find(quote) {
            self.at += length + 1;
            return Ok(true);
        }
        *missing = true;
        Err(self.at)
    }

    /// Reads a value without quotes, which may hold any character but these.
    fn bare_value(&mut self) -> Result<bool, usize> {
        let rest = &self.text[self.at..];
        let length =
            rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '<' | '"' | '\''));
        self.at += length.unwrap_or(rest.len());
        match self.peek() {
            Some(byte) if byte == b'>' || byte.is_ascii_whitespace() => Ok(true),
            _ => Err(self.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Option<usize> {
        read(text, 0, &mut Missing::default())
            .ok()
            .map(|tag| tag.end)
    }

    #[test]
    fn tags() {
        for text in [
            "<p>",
            "</p>",
            "<br/>",
            "<br />",
            "<INPUT disabled>",
            "<a href='x' rel=nofollow target = \"_blank\">",
            "<img src=a.png/>",
            "<td\n  class=\"价格\">",
            "<o:p>",
            "<div data-x v-on:click=\"go()\">",
            "<a title=\"1 > 2\">",
        ] {
            assert_eq!(end(text), Some(text.len()), "{text}");
        }
    }

    #[test]
    fn no_tags() {
        for text in [
            "<3",
            "<b",
            "<b and c>",
            "<p.length; i++>",
            "<li@example.com>",
            "<https://example.com>",
            "<a href=\"x>",
            "<b<i>",
            "<a \"b\">",
            "</>",
            "<名>",
        ] {
            assert_eq!(end(text), None, "{text}");
        }
    }

    #[test]
    fn unknown_names_are_uncertain() {
        let certain = |text| read(text, 0, &mut Missing::default()).unwrap().certain;
        assert!(!certain("<name>"));
        assert!(!certain("<String>"));
        assert!(certain("</name>"));
        assert!(certain("<name/>"));
        assert!(certain("<name id=1>"));
    }
}
