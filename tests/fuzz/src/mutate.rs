//! Mutations of bytes, from a seed.

/// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators"): quick, and
/// the same on every machine.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds must not begin alike, and the state must not be zero.
        let mixed = (seed ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        Self(mixed | 1)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below this; 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        match end {
            0 => 0,
            end => (self.number() % end as u64) as usize,
        }
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }
}

/// Numbers at which parsers go wrong, as they are written in LEB128, varints and words.
const EDGES: &[&[u8]] = &[
    &[0],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0],
    &[0, 0, 0, 0x80],
    &[0xff, 0xff, 0xff, 0x7f],
];

/// The longest input that a mutation makes.
const MAX_BYTES: usize = 256 << 10;

/// One to eight mutations of an input. `others` are inputs to take pieces from, `words` what means
/// something to the parser.
pub fn mutated(rng: &mut Rng, input: &[u8], others: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=rng.below(8) {
        once(rng, &mut bytes, others, words);
    }
    bytes.truncate(MAX_BYTES);
    bytes
}

fn once(rng: &mut Rng, bytes: &mut Vec<u8>, others: &[Vec<u8>], words: &[&str]) {
    let at = rng.below(bytes.len() + 1);
    let end = (at + 1 + rng.below(16)).min(bytes.len());
    match rng.below(10) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = rng.number() as u8;
            }
        }
        2 => drop(bytes.drain(at.min(end)..end)),
        3 => {
            let edge = rng.pick(EDGES).copied().unwrap_or_default();
            bytes.splice(at..at, edge.iter().copied());
        }
        4 => {
            let edge = rng.pick(EDGES).copied().unwrap_or_default();
            let over = (at + edge.len()).min(bytes.len());
            bytes.splice(at..over, edge.iter().copied());
        }
        5 => bytes.truncate(at),
        6 => {
            // A piece again and again: depth and number where the piece is a beginning.
            let piece = bytes[at.min(end)..end].to_vec();
            let times = 1 << rng.below(13);
            if piece.len() * times < MAX_BYTES {
                bytes.splice(at..at, piece.repeat(times));
            }
        }
        7 => {
            let word = rng.pick(words).copied().unwrap_or_default();
            bytes.splice(at..at, word.bytes());
        }
        8 => {
            if let Some(other) = rng.pick(others) {
                let from = rng.below(other.len() + 1);
                let to = (from + rng.below(256)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
        }
        _ => {
            let random: Vec<u8> = (0..rng.below(16)).map(|_| rng.number() as u8).collect();
            bytes.splice(at..at, random);
        }
    }
}
