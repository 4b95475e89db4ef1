//! Choices that a key makes: the same for the same finding, wherever it stands in a dataset.

use super::keys::MasterKey;

/// A stream of numbers, HMAC-SHA-256 of a counter.
pub struct Stream<'a> {
    key: &'a MasterKey,
    seed: [u8; 32],
    block: [u8; 32],
    counter: u64,
    used: usize,
}

impl<'a> Stream<'a> {
    /// For a finding. What it is written like does not count: `138 1234 5678` and `13812345678` are
    /// the same number.
    pub fn new(key: &'a MasterKey, entity: &str, found: &str) -> Self {
        let letters: String = found.chars().filter(|c| c.is_alphanumeric()).collect();
        let letters = letters.to_lowercase();
        let parts: [&[u8]; 3] = [
            b"steward anonymizer surrogate",
            entity.as_bytes(),
            letters.as_bytes(),
        ];
        let seed = key.mac(&parts);
        Self {
            key,
            seed,
            block: [0; 32],
            counter: 0,
            used: 32,
        }
    }

    /// The next 32 bits.
    pub fn next(&mut self) -> u32 {
        if self.used == 32 {
            self.block = self.key.mac(&[&self.seed, &self.counter.to_be_bytes()]);
            self.counter += 1;
            self.used = 0;
        }
        let at = self.used;
        self.used += 4;
        let [a, b, c, d] = [
            self.block[at],
            self.block[at + 1],
            self.block[at + 2],
            self.block[at + 3],
        ];
        u32::from_be_bytes([a, b, c, d])
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.next()) * u64::from(bound)) >> 32) as u32
    }

    /// One of some words.
    pub fn word<'w>(&mut self, words: &[&'w str]) -> &'w str {
        let place = self.below(words.len().max(1) as u32) as usize;
        words.get(place).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_for_the_same_finding_however_it_is_written() {
        let key = MasterKey::new("0123456789abcdef").unwrap();
        let numbers = |entity: &str, found: &str| {
            let mut stream = Stream::new(&key, entity, found);
            (0..20).map(|_| stream.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(numbers("A", "138 1234"), numbers("A", "1381234"));
        assert_ne!(numbers("A", "1381234"), numbers("B", "1381234"));
        assert_ne!(numbers("A", "1381234"), numbers("A", "1381235"));
        assert!(numbers("A", "x").iter().all(|n| *n < 1000));
    }
}
