//! The cases that `steward plugin test` runs against the component, run natively.
#![allow(clippy::unwrap_used)]

#[test]
fn cases() {
    steward_sdk::testing::cleaner_cases::<text_cleaner::TextCleaner>(env!("CARGO_MANIFEST_DIR"));
}

/// The manifest states the defaults that the code has: with none of its keys set, nothing differs.
#[test]
fn the_manifest_states_the_defaults() {
    use text_cleaner::settings::Settings;

    let manifest = include_str!("../steward.toml");
    let _host = steward_sdk::testing::Host::from_manifest(manifest)
        .unwrap()
        .enter();
    let mut keys = Vec::new();
    let settings = Settings::read(|key| {
        keys.push(key);
        let value = steward_sdk::config::get(key)?;
        assert!(value.is_some(), "`{key}` has no default in steward.toml");
        Ok::<_, steward_sdk::Error>(value)
    });
    assert_eq!(settings.unwrap(), Settings::default());
    let declared = manifest
        .lines()
        .filter(|line| line.starts_with("[config."))
        .count();
    assert_eq!(
        keys.len(),
        declared,
        "steward.toml declares keys that are never read"
    );
}
