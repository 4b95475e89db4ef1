//! Check digits.

/// Luhn (ISO/IEC 7812-1 annex B): every second digit from the right doubled, the sum of all
/// decimal digits divisible by ten.
pub fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, &d)| {
            let d = u32::from(d);
            if i % 2 == 0 {
                d
            } else {
                d * 2 - if d > 4 { 9 } else { 0 }
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The check character of a Chinese resident ID (GB 11643, ISO 7064 MOD 11-2) for its first 17
/// digits: `0` to `9` or `X`.
pub fn mod_11_2(digits: &[u8]) -> char {
    let product = digits
        .iter()
        .fold(0u32, |p, &d| (p + u32::from(d)) * 2 % 11);
    char::from_digit((12 - product) % 11, 10).unwrap_or('X')
}

/// The remainder by 97 (ISO 7064 MOD 97-10) of digits and letters, letters counting from `A` = 10.
/// Characters that are neither count as nothing.
pub fn mod_97(chars: impl IntoIterator<Item = char>) -> u32 {
    chars
        .into_iter()
        .filter_map(|c| c.to_digit(36))
        .fold(0, |rest, value| {
            let shift = if value < 10 { 10 } else { 100 };
            (rest * shift + value) % 97
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(s: &str) -> Vec<u8> {
        s.bytes().map(|b| b - b'0').collect()
    }

    #[test]
    fn luhn_of_published_test_numbers() {
        assert!(luhn(&digits("4012888888881881")));
        assert!(luhn(&digits("79927398713")));
        assert!(!luhn(&digits("79927398710")));
    }

    #[test]
    fn resident_id_check_of_the_standard() {
        // The example of GB 11643.
        assert_eq!(mod_11_2(&digits("11010519491231002")), 'X');
        assert_eq!(mod_11_2(&digits("44052418800101001")), '4');
    }

    #[test]
    fn every_single_digit_error_is_caught() {
        let id = digits("11010519491231002");
        for place in 0..id.len() {
            for wrong in (0..10).filter(|d| *d != id[place]) {
                let mut other = id.clone();
                other[place] = wrong;
                assert_ne!(mod_11_2(&other), 'X', "digit {place} as {wrong}");
            }
        }
    }

    #[test]
    fn mod_97_of_an_iban_moved_around_is_one() {
        assert_eq!(mod_97("370400440532013000DE89".chars()), 1);
        assert_ne!(mod_97("370400440532013001DE89".chars()), 1);
    }
}
