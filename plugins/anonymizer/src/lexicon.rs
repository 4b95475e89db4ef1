//! Sorted word lists that are searched where they lie: an instance starts without building anything.

/// A list of words, one a line, sorted by bytes.
#[derive(Debug, Clone, Copy)]
pub struct Lexicon(&'static str);

/// Provinces, cities, counties and districts of China.
pub const PLACES: Lexicon = Lexicon(include_str!("../data/cn_places.txt"));

/// Provinces and cities of China without their ending.
pub const SHORT_PLACES: Lexicon = Lexicon(include_str!("../data/cn_places_short.txt"));

/// Chinese surnames.
pub const SURNAMES: Lexicon = Lexicon(include_str!("../data/cn_surnames.txt"));

/// The longest word of the lists, in characters.
pub const LONGEST: usize = 15;

impl Lexicon {
    /// Whether these characters are a word of the list.
    pub fn contains(self, word: &[char]) -> bool {
        let mut buffer = [0; LONGEST * 4];
        let mut length = 0;
        if word.len() > LONGEST {
            return false;
        }
        for c in word {
            length += c.encode_utf8(&mut buffer[length..]).len();
        }
        self.find(&buffer[..length])
    }

    fn find(self, word: &[u8]) -> bool {
        let text = self.0.as_bytes();
        let (mut low, mut high) = (0, text.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let start = text[low..middle]
                .iter()
                .rposition(|b| *b == b'\n')
                .map_or(low, |i| low + i + 1);
            let end = text[start..]
                .iter()
                .position(|b| *b == b'\n')
                .map_or(text.len(), |i| start + i);
            match text[start..end].cmp(word) {
                std::cmp::Ordering::Equal => return true,
                std::cmp::Ordering::Less => low = end + 1,
                std::cmp::Ordering::Greater => high = start,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(word: &str) -> Vec<char> {
        word.chars().collect()
    }

    #[test]
    fn the_lists_are_sorted_and_each_word_is_found() {
        for list in [PLACES, SHORT_PLACES, SURNAMES] {
            let words: Vec<&str> = list.0.lines().collect();
            assert!(words.windows(2).all(|two| two[0] < two[1]));
            assert!(words.iter().all(|word| list.contains(&chars(word))));
            assert!(words.iter().all(|word| word.chars().count() <= LONGEST));
        }
    }

    #[test]
    fn what_is_not_in_the_list_is_not_found() {
        for word in ["", "北京", "北京市朝", "zzz", "龘", &"县".repeat(20)] {
            assert!(!PLACES.contains(&chars(word)), "{word}");
        }
        assert!(SURNAMES.contains(&chars("欧阳")) && SURNAMES.contains(&['王']));
    }
}
