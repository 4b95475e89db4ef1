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

/// Verhoeff (1969): the check digit of a number is right, over the dihedral group of ten elements.
pub fn verhoeff(digits: &[u8]) -> bool {
    // The permutation of each place, as powers of one.
    const POWERS: [[u8; 10]; 8] = {
        let one = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
        let mut powers = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]; 8];
        let mut i = 1;
        while i < 8 {
            let mut j = 0;
            while j < 10 {
                powers[i][j] = one[powers[i - 1][j] as usize];
                j += 1;
            }
            i += 1;
        }
        powers
    };
    // 0 to 4 turn a pentagon, 5 to 9 turn it over.
    let multiply = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b) % 5 + 5,
        (false, true) => (a + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let places = digits.iter().rev().enumerate();
    places.fold(0, |c, (i, d)| {
        multiply(c, POWERS[i % 8][usize::from(d % 10)])
    }) == 0
}

/// The check digit of ISO 7064 MOD 11,10 for the digits before it.
pub fn mod_11_10(digits: &[u8]) -> u8 {
    let product = digits.iter().fold(10, |product, d| {
        let sum = (u32::from(*d) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    ((11 - product) % 10) as u8
}

/// The sum of the values, each times its weight; values or weights without a partner count as
/// nothing.
pub fn weighted(values: &[u8], weights: &[u32]) -> u32 {
    let pairs = values.iter().zip(weights);
    pairs
        .map(|(value, weight)| u32::from(*value) * weight)
        .sum()
}

/// The check digit of ICAO Doc 9303 for digits and letters, letters counting from `A` = 10: weights
/// 7, 3 and 1 in turn, modulo 10.
pub fn icao(values: &[u8]) -> u8 {
    let weights = [7, 3, 1].into_iter().cycle();
    let sum: u32 = values
        .iter()
        .zip(weights)
        .map(|(v, w)| u32::from(*v) * w)
        .sum();
    (sum % 10) as u8
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
    fn verhoeff_of_the_paper_and_every_single_error() {
        assert!(verhoeff(&digits("2363")));
        let number = digits("3998765432");
        let check = (0..10).find(|c| verhoeff(&[number.clone(), vec![*c]].concat()));
        let number = [number, vec![check.unwrap()]].concat();
        for place in 0..number.len() {
            for wrong in (0..10).filter(|d| *d != number[place]) {
                let mut other = number.clone();
                other[place] = wrong;
                assert!(!verhoeff(&other));
            }
        }
    }

    #[test]
    fn iso_7064_mod_11_10_of_a_german_tax_number() {
        assert_eq!(mod_11_10(&digits("13669597")), 6);
        assert_eq!(mod_11_10(&digits("8609574271")), 9);
    }

    #[test]
    fn icao_of_the_example_of_doc_9303() {
        // L898902C3, whose check digit is 6.
        let values: Vec<u8> = "L898902C3"
            .chars()
            .map(|c| c.to_digit(36).unwrap() as u8)
            .collect();
        assert_eq!(icao(&values), 6);
    }

    #[test]
    fn mod_97_of_an_iban_moved_around_is_one() {
        assert_eq!(mod_97("370400440532013000DE89".chars()), 1);
        assert_ne!(mod_97("370400440532013001DE89".chars()), 1);
    }
}
