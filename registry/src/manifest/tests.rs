//! Manifests: good ones, garbage, and those that ask for too much.

use super::*;

const FULL: &str = r#"
[plugin]
name = "anonymizer"
version = "1.2.0-rc.1"
world = "anonymizer"
description = "掩盖个人信息"
license = "Apache-2.0"

[requests]
inference = ["rampart", "minilm@stable", "minilm@1.0.0"]

[config.policy]
description = "mask, replace, redact or hash"
default = "mask"

[config.hash_key]
secret = true

[limits]
memory_mib = 256
timeout_ms = 10000
concurrency = 32
"#;

fn plugin(rest: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(&format!(
        "[plugin]\nname = \"a\"\nversion = \"1.0.0\"\nworld = \"cleaner\"\n{rest}"
    ))
}

#[test]
fn a_full_manifest_is_read_and_survives_json() {
    let manifest = Manifest::parse(FULL).unwrap();
    assert_eq!(manifest.plugin.world, World::Anonymizer);
    assert_eq!(manifest.requests.inference.len(), 3);
    assert_eq!(manifest.config["policy"].default.as_deref(), Some("mask"));
    assert!(manifest.config["hash_key"].secret && !manifest.config["policy"].secret);
    assert_eq!(manifest.limits.timeout_ms, Some(10_000));
    let json = serde_json::to_string(&manifest).unwrap();
    assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
}

#[test]
fn what_is_not_said_is_not_asked_for() {
    let manifest = plugin("").unwrap();
    assert_eq!(manifest.requests, Permissions::default());
    assert_eq!(manifest.limits, Limits::default());
    assert!(manifest.config.is_empty() && manifest.plugin.license.is_empty());
}

#[test]
fn garbage_is_refused_with_the_place() {
    for (bad, place) in [
        ("", "plugin"),
        ("\0", "steward.toml"),
        ("][", "steward.toml"),
        ("{\"plugin\": {}}", "steward.toml"),
        ("[plugin]\nname = \"a\"", "version"),
        (
            "[plugin]\nname = 7\nversion = \"1.0.0\"\nworld = \"cleaner\"",
            "name",
        ),
        (
            "[plugin]\nname = \"../a\"\nversion = \"1.0.0\"\nworld = \"cleaner\"",
            "../a",
        ),
        (
            "[plugin]\nname = \"a\"\nversion = \"1.0\"\nworld = \"cleaner\"",
            "version",
        ),
        (
            "[plugin]\nname = \"a\"\nversion = \"1.0.0\"\nworld = \"kernel\"",
            "kernel",
        ),
    ] {
        match Manifest::parse(bad) {
            Err(ManifestError::Syntax(text)) => {
                assert!(
                    format!("steward.toml: {text}").contains(place),
                    "{bad}: {text}"
                );
            }
            other => panic!("{bad}: {other:?}"),
        }
    }
    for bad in [
        "author = \"me\"",
        "[network]\nallow = [\"*\"]",
        "[requests]\nnetwork = [\"https://example.com\"]",
        "[requests]\ninference = \"minilm\"",
        "[requests]\ninference = [\"minilm@../x\"]",
        "[limits]\nmemory_mib = -1",
        "[limits]\nmemory_mib = 1.5",
        "[limits]\nmemory_mib = 99999999999",
        "[limits]\nfuel = 1",
        "[config.a]\ndefault = 1",
        "[plugin]",
    ] {
        assert!(
            matches!(plugin(bad), Err(ManifestError::Syntax(_))),
            "{bad}"
        );
    }
}

#[test]
fn a_cleaner_that_asks_for_a_model_is_refused_with_the_reason() {
    let refused = plugin("[requests]\ninference = [\"minilm\"]").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "steward.toml: `[requests] inference` is not for the world `cleaner`: \
         it sees raw data and uses no models"
    );
    // Asking for nothing is no offence.
    assert!(plugin("[requests]\ninference = []").is_ok());
}

#[test]
fn only_functions_steps_and_feedback_ask_about_datasets() {
    for world in World::ALL {
        let asking = |datasets: &str| {
            Manifest::parse(&format!(
                "[plugin]\nname = \"a\"\nversion = \"1.0.0\"\nworld = \"{world}\"\n[requests]\nprivacy = [{datasets}]"
            ))
        };
        assert!(asking("").is_ok());
        let may = matches!(world, World::Function | World::Step | World::Feedback);
        assert_eq!(asking("\"orders\"").is_ok(), may);
        assert_eq!(world.may_have(PermissionKind::Privacy), may);
    }
    let refused = plugin("[requests]\nprivacy = [\"orders\"]").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "steward.toml: `[requests] privacy` is not for the world `cleaner`: \
         it sees raw data, and learns nothing of other data; only functions, steps and feedback plugins ask"
    );
    for bad in ["privacy = \"orders\"", "privacy = [\"orders@1\"]"] {
        let refused = plugin(&format!("[requests]\n{bad}"));
        assert!(matches!(refused, Err(ManifestError::Syntax(_))), "{bad}");
    }
    let many: Vec<String> = (0..17).map(|n| format!("\"d{n}\"")).collect();
    let function = FULL
        .replace("world = \"anonymizer\"", "world = \"function\"")
        .replace(
            "[requests]",
            &format!("[requests]\nprivacy = [{}]", many.join(", ")),
        );
    assert!(matches!(
        Manifest::parse(&function),
        Err(ManifestError::Invalid(_))
    ));
    // Who asks about nothing is written as before there were questions.
    let json = serde_json::to_string(&Manifest::parse(FULL).unwrap()).unwrap();
    assert!(!json.contains("privacy"), "{json}");
}

#[test]
fn limits_stay_within_their_ranges() {
    for (key, low, high) in [
        ("memory_mib", 1_u32, 1024),
        ("table_elements", 1, 1_000_000),
        ("instances", 1, 64),
        ("handles", 1, 100_000),
        ("cpu_ms", 1, 300_000),
        ("timeout_ms", 1, 300_000),
        ("host_calls", 1, 10_000_000),
        ("host_calls_per_second", 1, 10_000_000),
        ("log_kib", 0, 1024),
        ("log_lines_per_second", 1, 100_000),
        ("output_kib", 1, 1_048_576),
        ("concurrency", 1, 1000),
        ("queue", 0, 10_000),
    ] {
        for good in [low, high] {
            assert!(
                plugin(&format!("[limits]\n{key} = {good}")).is_ok(),
                "{key} {good}"
            );
        }
        for bad in [low.wrapping_sub(1), high + 1, u32::MAX] {
            match plugin(&format!("[limits]\n{key} = {bad}")) {
                Err(ManifestError::Invalid(text)) => {
                    assert!(
                        text.contains(key) && text.contains(&high.to_string()),
                        "{text}"
                    );
                }
                other => panic!("{key} {bad}: {other:?}"),
            }
        }
    }
}

#[test]
fn reuse_is_asked_for_and_has_its_ranges() {
    assert_eq!(plugin("").unwrap().function.reuse, None);
    let asked = plugin("[function.reuse]\n").unwrap();
    let default = Reuse {
        requests: 1000,
        idle_ms: 30_000,
    };
    assert_eq!(asked.function.reuse, Some(default));
    let json = serde_json::to_string(&asked).unwrap();
    assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), asked);
    let inline = plugin("[function]\nreuse = { requests = 2, idle_ms = 600000 }").unwrap();
    assert_eq!(inline.function.reuse.map(|r| r.requests), Some(2));
    for bad in [
        "requests = 1",
        "requests = 1000001",
        "idle_ms = 0",
        "idle_ms = 600001",
    ] {
        let refused = plugin(&format!("[function.reuse]\n{bad}"));
        assert!(matches!(refused, Err(ManifestError::Invalid(_))), "{bad}");
    }
    assert!(matches!(
        plugin("[function.reuse]\nseconds = 1"),
        Err(ManifestError::Syntax(_))
    ));
}

#[test]
fn more_than_is_read_or_kept_is_refused() {
    let longest = "#".repeat(MAX_MANIFEST_BYTES);
    assert!(
        matches!(Manifest::parse(&longest), Err(ManifestError::Syntax(_))),
        "read, and found empty"
    );
    let too_long = "#".repeat(MAX_MANIFEST_BYTES + 1);
    assert_eq!(
        Manifest::parse(&too_long),
        Err(ManifestError::TooLarge(MAX_MANIFEST_BYTES + 1))
    );

    let models: Vec<String> = (0..17).map(|i| format!("\"m{i}\"")).collect();
    let many = FULL.replace(
        "[\"rampart\", \"minilm@stable\", \"minilm@1.0.0\"]",
        &format!("[{}]", models.join(", ")),
    );
    assert!(matches!(
        Manifest::parse(&many),
        Err(ManifestError::Invalid(_))
    ));
    let keys: String = (0..65).map(|i| format!("[config.k{i}]\n")).collect();
    assert!(matches!(plugin(&keys), Err(ManifestError::Invalid(_))));
    for key in [
        "\"\"",
        "Upper",
        "\"a.b\"",
        "\"名\"",
        "\"a b\"",
        &"k".repeat(64),
    ] {
        assert!(
            matches!(
                plugin(&format!("[config.{key}]")),
                Err(ManifestError::Invalid(_))
            ),
            "{key}"
        );
    }
    let version = format!("version = \"1.0.0-{}\"", "a".repeat(200));
    let long_version = FULL.replace("version = \"1.2.0-rc.1\"", &version);
    assert!(matches!(
        Manifest::parse(&long_version),
        Err(ManifestError::Invalid(_))
    ));
}

#[test]
fn only_worlds_that_may_infer_say_so() {
    for world in World::ALL {
        assert_eq!(world.as_str().parse::<World>().unwrap(), world);
        assert_eq!(
            world.may_have(PermissionKind::Inference),
            world != World::Cleaner
        );
    }
    assert!("Cleaner".parse::<World>().is_err() && "".parse::<World>().is_err());
}
