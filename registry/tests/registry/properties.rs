//! What holds for every text.

use proptest::prelude::*;
use proptest::string::string_regex;
use steward_registry::{ApiKey, Digest, Manifest, ModelRef, Name, Selector, TenantId};

/// Texts that are nearly what is wanted: random text alone would never come close.
fn nearly(pattern: &str) -> impl Strategy<Value = String> + use<> {
    let good = string_regex(pattern).unwrap();
    (good, any::<prop::sample::Index>(), any::<char>(), 0..4u8).prop_map(
        |(text, place, other, how)| {
            let mut chars: Vec<char> = text.chars().collect();
            let place = place.index(chars.len());
            match how {
                0 => chars[place] = other,
                1 => chars.insert(place, other),
                2 => drop(chars.remove(place)),
                _ => {}
            }
            chars.into_iter().collect()
        },
    )
}

const KEY: &str = "stw_[0-7][0-9a-hjkmnp-tv-z]{25}_[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]";
const NAME: &str = "[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,10}){0,4}";

proptest! {
    // A failure prints its input; no file is left behind.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_good_key_is_read_and_has_one_spelling(text in string_regex(KEY).unwrap()) {
        let key = ApiKey::parse(&text).unwrap();
        prop_assert_eq!(key.to_string(), text.clone());
        prop_assert_eq!(key.id(), &text[4..30]);
        let shown = format!("{key:?}");
        prop_assert!(!shown.contains(&text[31..]));
    }

    #[test]
    fn a_text_is_a_key_or_an_error_that_hides_it(text in nearly(KEY)) {
        match ApiKey::parse(&text) {
            Ok(key) => prop_assert_eq!(key.to_string(), text),
            // The same words whatever was given: a key with a slip in it is still half a secret.
            Err(e) => prop_assert_eq!(e.to_string(), ApiKey::parse("").unwrap_err().to_string()),
        }
    }

    #[test]
    fn anything_may_be_asked_for(text in any::<String>()) {
        let _ = ApiKey::parse(&text);
        let _ = text.parse::<TenantId>();
        let _ = text.parse::<Selector>();
        let _ = text.parse::<ModelRef>();
        let _ = text.parse::<Digest>();
        let _ = Manifest::parse(&text);
    }

    #[test]
    fn every_good_name_is_read(text in string_regex(NAME).unwrap()) {
        let name: Name = text.parse().unwrap();
        prop_assert_eq!(name.as_str(), text);
    }

    #[test]
    fn a_name_holds_what_the_rule_allows_and_nothing_else(text in nearly(NAME)) {
        let allowed = (1..=63).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.split('-').all(|part| {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            });
        prop_assert_eq!(text.parse::<Name>().is_ok(), allowed);
        prop_assert_eq!(text.parse::<TenantId>().is_ok(), allowed);
    }

    #[test]
    fn references_are_written_as_they_are_read(text in nearly("[a-z]{1,5}@([0-9]\\.[0-9]\\.[0-9]|[a-z]{1,5})")) {
        if let Ok(reference) = text.parse::<ModelRef>() {
            prop_assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn digests_tell_bytes_apart(bytes in any::<Vec<u8>>(), place in any::<prop::sample::Index>()) {
        let digest = Digest::of(&bytes);
        prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        if !bytes.is_empty() {
            let mut other = bytes.clone();
            other[place.index(bytes.len())] ^= 1;
            prop_assert_ne!(Digest::of(&other), digest);
        }
    }
}
