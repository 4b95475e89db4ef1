//! The cases that `steward plugin test` runs against the component, run natively.
#![allow(clippy::unwrap_used)]

#[test]
fn cases() {
    steward_sdk::testing::cleaner_cases::<text_cleaner::TextCleaner>(env!("CARGO_MANIFEST_DIR"));
}

/// The manifest states the defaults that the code has: with none of its keys set, nothing differs. It declares every
/// key that is ever read, and no other.
#[test]
fn the_manifest_states_the_defaults() {
    use std::collections::BTreeSet;
    use text_cleaner::settings::Settings;

    let manifest = include_str!("../steward.toml");
    let _host = steward_sdk::testing::Host::from_manifest(manifest)
        .unwrap()
        .enter();
    let mut keys = BTreeSet::new();
    let mut read = |changes: &[(&str, &str)]| {
        Settings::read(|key| {
            keys.insert(key);
            let value = steward_sdk::config::get(key)?;
            assert!(value.is_some(), "`{key}` has no default in steward.toml");
            let change = changes.iter().find(|(name, _)| *name == key);
            Ok::<_, steward_sdk::Error>(change.map(|(_, value)| (*value).to_owned()).or(value))
        })
        .unwrap()
    };
    assert_eq!(read(&[]), Settings::default());
    // Some keys are only read where a rule that needs them is on.
    let on = [
        ("also", "repeated-sentences"),
        ("links", "mask"),
        ("emails", "mask"),
        ("ips", "mask"),
        ("quality", "all"),
    ];
    let settings = read(&on);
    let unmasked = [("also", "repeated-sentences"), ("quality", "all")];
    assert_eq!(settings.quality, read(&unmasked).quality);
    let declared: BTreeSet<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("[config.")?.strip_suffix(']'))
        .collect();
    assert_eq!(
        keys, declared,
        "steward.toml declares other keys than are read"
    );
}
