//! Dictionaries that are part of the component: finite-state maps that are read where they lie.
//!
//! A call runs in a fresh instance, so that a dictionary which had to be built first would cost each call a tenth of a
//! second. These cost nothing until they are asked. `data/README.md` says what they are made of.

use fst::raw::{Fst, Output};

/// A key that a text begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// How many bytes of the text it has.
    pub bytes: usize,
    /// What the dictionary says of it.
    pub number: u64,
}

/// A map from keys to numbers, and the texts that numbers may point to.
pub struct Dictionary {
    map: Fst<&'static [u8]>,
    texts: &'static [u8],
    /// Whether any key begins with the byte.
    begins: [bool; 256],
}

impl Dictionary {
    /// Opens a file of `data/`.
    ///
    /// # Panics
    /// Where the bytes are no such file. They are part of the program, and a test opens all of them.
    pub fn open(bytes: &'static [u8]) -> Self {
        let (length, rest) = bytes.split_at(4);
        let length = length
            .iter()
            .rev()
            .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        let (map, texts) = rest.split_at(length);
        let map = Fst::new(map).expect("a dictionary of this program");
        let mut begins = [false; 256];
        for transition in map.root().transitions() {
            begins[usize::from(transition.inp)] = true;
        }
        Self { map, texts, begins }
    }

    /// Whether a key may begin with this byte.
    pub fn may_begin(&self, byte: u8) -> bool {
        self.begins[usize::from(byte)]
    }

    /// The longest key that the text begins with.
    pub fn longest(&self, text: &[u8]) -> Option<Match> {
        let mut longest = None;
        self.each_prefix(text.iter().copied(), |found| longest = Some(found));
        longest
    }

    /// Every key that the text begins with, from the shortest to the longest. An empty key is none.
    pub fn each_prefix(&self, text: impl Iterator<Item = u8>, mut found: impl FnMut(Match)) {
        let mut node = self.map.root();
        let mut sum = Output::zero();
        for (position, byte) in text.enumerate() {
            let Some(index) = node.find_input(byte) else {
                return;
            };
            let transition = node.transition(index);
            sum = sum.cat(transition.out);
            node = self.map.node(transition.addr);
            if node.is_final() {
                found(Match {
                    bytes: position + 1,
                    number: sum.cat(node.final_output()).value(),
                });
            }
        }
    }

    /// The text that a number points to; none where it is 0.
    pub fn text(&self, number: u64) -> Option<&'static str> {
        let place = usize::try_from(number.checked_sub(1)?).ok()?;
        let length = usize::from(*self.texts.get(place)?);
        let bytes = self.texts.get(place + 1..place + 1 + length)?;
        std::str::from_utf8(bytes).ok()
    }
}

impl std::fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dictionary({} keys)", self.map.len())
    }
}

/// The dictionary in `data/NAME.bin`, opened when it is first asked for.
macro_rules! dictionary {
    ($name:literal) => {{
        static DICTIONARY: std::sync::LazyLock<$crate::dictionary::Dictionary> =
            std::sync::LazyLock::new(|| {
                $crate::dictionary::Dictionary::open(include_bytes!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/data/",
                    $name,
                    ".bin"
                )))
            });
        &*DICTIONARY
    }};
}
pub(crate) use dictionary;
