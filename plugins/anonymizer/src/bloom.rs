//! Which characters words begin with: a quick no for most places of a text.

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

/// One of 2048 bits: the low bits tell Chinese characters apart well enough.
const fn place(c: u32) -> usize {
    ((c ^ c >> 11) % 2048) as usize
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
}
