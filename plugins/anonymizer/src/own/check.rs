//! Check digits that patterns of the configuration may ask for.

use serde::Deserialize;

use crate::checksum::{luhn, mod_11_2, mod_97, verhoeff};

/// A check digit that a pattern may ask for, of the digits and letters of what it found.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    Luhn,
    Verhoeff,
    Mod97,
    #[serde(rename = "mod11_2")]
    Mod11And2,
}

impl Check {
    /// Whether the digits and letters of a piece of text pass.
    pub fn passes(self, found: &str) -> bool {
        let letters: Vec<char> = found.chars().filter(char::is_ascii_alphanumeric).collect();
        let digits: Vec<u8> = letters
            .iter()
            .filter_map(|c| c.to_digit(10))
            .map(|d| d as u8)
            .collect();
        match self {
            Self::Luhn => digits.len() > 1 && luhn(&digits),
            Self::Verhoeff => digits.len() > 1 && verhoeff(&digits),
            Self::Mod97 => letters.len() > 2 && mod_97(letters.iter().copied()) == 1,
            Self::Mod11And2 => letters.split_last().is_some_and(|(last, body)| {
                let body: Vec<u8> = body
                    .iter()
                    .filter_map(|c| c.to_digit(10))
                    .map(|d| d as u8)
                    .collect();
                body.len() > 1 && mod_11_2(&body) == last.to_ascii_uppercase()
            }),
        }
    }
}
