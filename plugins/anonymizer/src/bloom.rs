//! Which characters words begin with, and which a set holds: a quick no for most places of a text.

/// The first characters of some words, as bits that some other characters share.
#[derive(Debug, Clone, Copy)]
pub struct FirstChars([u64; 32]);

impl FirstChars {
    /// Of these words, none of them empty.
    pub const fn of(words: &[&str]) -> Self {
        let mut bits = [0; 32];
        let mut i = 0;
        while i < words.len() {
            let place = place(first(words[i].as_bytes()));
            bits[place / 64] |= 1 << (place % 64);
            i += 1;
        }
        Self(bits)
    }

    /// Whether a word may begin with `c`.
    pub fn may_begin(&self, c: char) -> bool {
        let place = place(c as u32);
        self.0[place / 64] >> (place % 64) & 1 == 1
    }
}

/// The first two characters of some words, as bits that some other pairs share.
#[derive(Debug, Clone, Copy)]
pub struct FirstPairs([u64; 32]);

impl FirstPairs {
    /// Of nothing yet.
    pub const NONE: Self = Self([0; 32]);

    /// Of these words too.
    ///
    /// # Panics
    /// Where one of them has fewer than two characters: in a `const`, when the plugin is compiled.
    pub const fn and(mut self, words: &[&str]) -> Self {
        let mut i = 0;
        while i < words.len() {
            let word = words[i].as_bytes();
            let one = length(word[0]);
            assert!(word.len() > one, "a word has two characters");
            let place = pair(first(word), first(word.split_at(one).1));
            self.0[place / 64] |= 1 << (place % 64);
            i += 1;
        }
        self
    }

    /// Whether a word may begin with these two.
    pub fn may_begin(&self, one: char, two: char) -> bool {
        let place = pair(one as u32, two as u32);
        self.0[place / 64] >> (place % 64) & 1 == 1
    }
}

/// Some characters.
#[derive(Debug, Clone, Copy)]
pub struct CharSet {
    chars: &'static str,
    likely: [u64; 32],
}

impl CharSet {
    /// Those of a text.
    pub const fn of(chars: &'static str) -> Self {
        let bytes = chars.as_bytes();
        let mut likely = [0; 32];
        let mut at = 0;
        while at < bytes.len() {
            let place = place(first(bytes.split_at(at).1));
            likely[place / 64] |= 1 << (place % 64);
            at += length(bytes[at]);
        }
        Self { chars, likely }
    }

    /// Whether `c` is one of them.
    pub fn contains(&self, c: char) -> bool {
        let place = place(c as u32);
        self.likely[place / 64] >> (place % 64) & 1 == 1 && self.chars.contains(c)
    }
}

/// One of 2048 bits for two characters.
const fn pair(one: u32, two: u32) -> usize {
    (place(one) * 5 + place(two)) % 2048
}

/// One of 2048 bits: the low bits tell Chinese characters apart well enough.
const fn place(c: u32) -> usize {
    ((c ^ c >> 11) % 2048) as usize
}

/// How many bytes a character has that begins with this one.
const fn length(byte: u8) -> usize {
    match byte {
        0..0x80 => 1,
        0x80..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}

/// The first code point of valid UTF-8.
const fn first(text: &[u8]) -> u32 {
    match text[0] {
        b @ 0..0x80 => b as u32,
        b @ 0x80..0xE0 => (b as u32 & 0x1F) << 6 | text[1] as u32 & 0x3F,
        b @ 0xE0..0xF0 => {
            (b as u32 & 0x0F) << 12 | (text[1] as u32 & 0x3F) << 6 | text[2] as u32 & 0x3F
        }
        b => {
            (b as u32 & 0x07) << 18
                | (text[1] as u32 & 0x3F) << 12
                | (text[2] as u32 & 0x3F) << 6
                | text[3] as u32 & 0x3F
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_characters_pass_and_most_others_do_not() {
        const WORDS: FirstChars = FirstChars::of(&["姓名", "age", "élan", "😀"]);
        assert!(
            ['姓', 'a', 'é', '😀']
                .into_iter()
                .all(|c| WORDS.may_begin(c))
        );
        let others = ('\u{4E00}'..'\u{9FFF}')
            .filter(|c| WORDS.may_begin(*c))
            .count();
        assert!(others < 100, "{others}");
    }

    #[test]
    fn first_pairs_pass_and_most_others_do_not() {
        const WORDS: FirstPairs = FirstPairs::NONE
            .and(&["姓名", "age of", "né"])
            .and(&["😀a"]);
        for (one, two) in [('姓', '名'), ('a', 'g'), ('n', 'é'), ('😀', 'a')] {
            assert!(WORDS.may_begin(one, two));
        }
        let others = ('a'..='z').flat_map(|one| ('a'..='z').map(move |two| (one, two)));
        let pass = others.filter(|(one, two)| WORDS.may_begin(*one, *two));
        assert!(pass.count() < 5);
    }

    #[test]
    fn a_set_holds_its_characters_and_no_others() {
        const SET: CharSet = CharSet::of("部é😀x长");
        for c in '\0'..='\u{1FFFF}' {
            assert_eq!(SET.contains(c), "部é😀x长".contains(c), "{c}");
        }
    }
}
