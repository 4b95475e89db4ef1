//! Addresses of Bitcoin (Base58Check, and Bech32 of BIP 173 and BIP 350) and of Ethereum.

use sha2::{Digest, Sha256};

use super::Sink;
use crate::entity::Entity;
use crate::text::{before, ends_alone, is_word};

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// The longest address.
const MAX: usize = 90;

pub fn scan(chars: &[char], sink: &mut Sink<'_>) {
    let mut at = 0;
    while at < chars.len() {
        let candidate = matches!(chars[at], '1' | '3' | 'b' | 'B' | '0')
            && !before(chars, at).is_some_and(is_word);
        if !candidate {
            at += 1;
            continue;
        }
        let length = chars[at..]
            .iter()
            .take(MAX + 1)
            .take_while(|c| c.is_ascii_alphanumeric())
            .count();
        let end = at + length;
        let long_enough = (26..=MAX).contains(&length) && ends_alone(chars, end);
        if long_enough && let Some(score) = score(&chars[at..end]) {
            sink.found(Entity::CRYPTO, at, end, score);
        }
        at = end.max(at + 1);
    }
}

fn score(chars: &[char]) -> Option<f32> {
    let text: Vec<u8> = chars.iter().map(|c| *c as u8).collect();
    match text.as_slice() {
        [b'1' | b'3', ..] => base58_check(&text).then_some(1.0),
        [b'b', b'c', b'1', rest @ ..] => bech32(rest).then_some(1.0),
        [b'B', b'C', b'1', rest @ ..] => bech32(&rest.to_ascii_lowercase()).then_some(1.0),
        [b'0', b'x', rest @ ..] if rest.len() == 40 && rest.iter().all(u8::is_ascii_hexdigit) => {
            Some(0.9)
        }
        _ => None,
    }
}

/// Twenty-five bytes: version, hash, and the first four bytes of a double SHA-256.
fn base58_check(text: &[u8]) -> bool {
    let mut bytes = [0u8; 25];
    for letter in text {
        let Some(mut carry) = BASE58.iter().position(|b| b == letter) else {
            return false;
        };
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry > 0 {
            return false;
        }
    }
    let (body, check) = bytes.split_at(21);
    Sha256::digest(Sha256::digest(body)).starts_with(check)
}

/// The checksum over `bc` and the data part, of either version.
fn bech32(data: &[u8]) -> bool {
    let step = |check: u32, value: u32| {
        const GENERATORS: [u32; 5] = [
            0x3b6a_57b2,
            0x2650_8e6d,
            0x1ea1_19fa,
            0x3d42_33dd,
            0x2a14_62b3,
        ];
        let top = check >> 25;
        let next = (check & 0x01ff_ffff) << 5 ^ value;
        let bits = GENERATORS
            .iter()
            .enumerate()
            .filter(|(i, _)| top >> i & 1 == 1);
        bits.fold(next, |next, (_, generator)| next ^ generator)
    };
    let prefix = [3, 3, 0, 2, 3].into_iter();
    let mut check = prefix.fold(1, step);
    for letter in data {
        let Some(value) = BECH32.iter().position(|b| b == letter) else {
            return false;
        };
        check = step(check, value as u32);
    }
    matches!(check, 1 | 0x2bc8_30a3)
}

#[cfg(test)]
mod tests {
    use crate::recognizers::texts;

    #[test]
    fn addresses_of_each_kind() {
        for address in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "0xde0B295669a9FD93d5F28D9Ec85E40f4cb697BAe",
        ] {
            assert_eq!(texts(super::scan, &format!("钱包{address}，")), [address]);
        }
    }

    #[test]
    fn a_wrong_character_makes_it_none() {
        for text in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
            "0xde0B295669a9FD93d5F28D9Ec85E40f4cb697BA",
            "11111111111111111111111111111111111111111111111111",
            "x1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        ] {
            assert_eq!(texts(super::scan, text), [""; 0], "{text}");
        }
    }
}
