//! A keyed permutation of the numbers below any bound: FF1 (NIST SP 800-38G) over bits, walked until
//! the result lies below it.

use aes::Aes256;
use fpe::ff1::{FF1, FlexibleNumeralString};

/// FF1 wants a million values at least.
const MIN_BITS: u32 = 20;

/// Fewer values than this can be tried one by one, and the walk to them would take long.
const MIN_SIZE: u128 = 10_000;

/// More values than this are not one number any more.
const MAX_SIZE: u128 = 1 << 120;

/// The most steps of a walk: as many as the smallest size needs many times over.
const MAX_STEPS: u32 = 50_000;

/// Permutes the numbers below a bound, for each tweak in another way.
pub struct Permutation(FF1<Aes256>);

impl Permutation {
    /// Of this key.
    pub fn new(key: &[u8; 32]) -> Option<Self> {
        FF1::new(key, 2).ok().map(Self)
    }

    /// Where `value` goes among the numbers below `size`; none where there are too few or too many.
    pub fn forward(&self, tweak: &[u8], value: u128, size: u128) -> Option<u128> {
        self.walk(value, size, |bits| self.0.encrypt(tweak, &bits).ok())
    }

    /// Where `value` came from.
    pub fn back(&self, tweak: &[u8], value: u128, size: u128) -> Option<u128> {
        self.walk(value, size, |bits| self.0.decrypt(tweak, &bits).ok())
    }

    fn walk(
        &self,
        value: u128,
        size: u128,
        step: impl Fn(FlexibleNumeralString) -> Option<FlexibleNumeralString>,
    ) -> Option<u128> {
        if value >= size || !(MIN_SIZE..=MAX_SIZE).contains(&size) {
            return None;
        }
        let bits = (128 - (size - 1).leading_zeros()).max(MIN_BITS);
        let mut value = value;
        for _ in 0..MAX_STEPS {
            let numerals: Vec<u16> = (0..bits).rev().map(|i| (value >> i & 1) as u16).collect();
            let numerals: Vec<u16> = step(numerals.into())?.into();
            value = numerals
                .iter()
                .fold(0, |value, bit| value << 1 | u128::from(*bit));
            if value < size {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_number_goes_somewhere_else_and_comes_back() {
        let permutation = Permutation::new(&[7; 32]).unwrap();
        let size = 100_000;
        let seen: HashSet<u128> = (0..500)
            .map(|value| {
                let there = permutation.forward(b"x", value, size).unwrap();
                assert_eq!(permutation.back(b"x", there, size), Some(value));
                there
            })
            .collect();
        assert_eq!(seen.len(), 500);
        assert!(seen.iter().all(|value| *value < size));
    }

    #[test]
    fn key_and_tweak_count() {
        let one = Permutation::new(&[1; 32]).unwrap();
        let other = Permutation::new(&[2; 32]).unwrap();
        let size = 10u128.pow(16);
        let there = one.forward(b"a", 42, size).unwrap();
        assert_ne!(one.forward(b"b", 42, size), Some(there));
        assert_ne!(other.forward(b"a", 42, size), Some(there));
        assert_eq!(one.forward(b"a", size, size), None);
        assert_eq!(one.forward(b"a", 1, 9999), None);
    }
}
