//! Which share of the calls a key belongs to.

use sha2::{Digest as _, Sha256};
use steward_registry::{Name, TenantId};

/// The place of a key between 0 and 1, evenly spread over all keys.
///
/// It is the number in the first 53 bits of the SHA-256 digest of `{tenant}/{model}\n{key}`, the most
/// significant first, divided by 2^53. A candidate with a share of `p` percent gets the keys
/// whose place is below `p / 100`: a key that is in the share at 10 percent is in it at 20, and the
/// keys of one model tell nothing about those of another.
pub fn place_of_key(tenant: &TenantId, model: &Name, key: &str) -> f64 {
    let digest = Sha256::digest(format!("{tenant}/{model}\n{key}"));
    let first = digest.iter().take(8);
    let number = first.fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    // As many bits as a float has: rounded from more, the place could be 1, which is in no share.
    (number >> 11) as f64 / 2f64.powi(53)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(model: &str, key: &str) -> f64 {
        place_of_key(&"acme".parse().unwrap(), &model.parse().unwrap(), key)
    }

    #[test]
    fn keys_are_spread_evenly_and_apart_for_each_model() {
        let keys: Vec<String> = (0..10_000).map(|n| format!("用户-{n}")).collect();
        let share = |model: &str, below: f64| -> Vec<&String> {
            keys.iter()
                .filter(|key| place(model, key) < below)
                .collect()
        };
        let ten = share("m", 0.1);
        assert!((850..1150).contains(&ten.len()), "{}", ten.len());
        let other = share("other", 0.1);
        let both = ten.iter().filter(|key| other.contains(key)).count();
        assert!((50..160).contains(&both), "{both}");
    }

    #[test]
    fn the_place_is_that_of_the_documented_hash() {
        // `printf 'acme/m\nanna' | sha256sum | cut -c1-16`
        let first = u64::from_str_radix(FIRST_OF_ANNA, 16).unwrap();
        assert!((place("m", "anna") - first as f64 / 2f64.powi(64)).abs() < 1e-15);
    }

    const FIRST_OF_ANNA: &str = "150fe994d70f31a2";
}
