//! Models: files that were stored before, versions, references.

use std::collections::BTreeMap;

use serde_json::json;
use steward_registry::{ArtifactRef, Digest, Lineage, Registry, RegistryError};

use crate::support::{Place, name, registry, tenant, version};

async fn files(registry: &Registry, text: &'static str) -> BTreeMap<String, ArtifactRef> {
    let model = registry.artifacts().put(text.into()).await.unwrap();
    let tokenizer = registry.artifacts().put("{}".into()).await.unwrap();
    [
        ("model.onnx".to_owned(), model),
        ("tokenizer.json".to_owned(), tokenizer),
    ]
    .into()
}

pub async fn a_version_is_registered_once(place: &Place) {
    let (registry, acme) = registry(place).await;
    let minilm = name("minilm");
    let files = files(&registry, "onnx").await;
    // Keys stay in the order they came in, and text may hold anything.
    let config = json!({"task": "classify", "labels": ["正面", "负面", "\u{0}"], "a": 1.5});
    let pushed = registry
        .push_model(
            &acme,
            &minilm,
            &version("1.0.0"),
            &config,
            files.clone(),
            &Lineage::default(),
            "ann",
        )
        .await
        .unwrap();
    assert_eq!((&pushed.files, &pushed.config), (&files, &config));
    let again = registry
        .push_model(
            &acme,
            &minilm,
            &version("1.0.0"),
            &json!({}),
            files.clone(),
            &Lineage::default(),
            "bob",
        )
        .await;
    match again {
        Err(RegistryError::Conflict {
            kind: "model version",
            name,
            detail,
        }) => {
            assert_eq!(name, "minilm@1.0.0");
            assert!(
                detail.contains(&files["model.onnx"].digest.to_string()),
                "{detail}"
            );
        }
        other => panic!("{other:?}"),
    }
    let found = registry
        .model_version(&acme, &minilm, &"1.0.0".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(found, pushed);
    assert_eq!(found.config.to_string(), config.to_string());
    assert_eq!(registry.models(&acme).await.unwrap(), [pushed]);
}

pub async fn references_are_resolved(place: &Place) {
    let (registry, acme) = registry(place).await;
    let minilm = name("minilm");
    let files = files(&registry, "onnx").await;
    for number in ["1.0.0", "1.2.0", "2.0.0-beta.1"] {
        registry
            .push_model(
                &acme,
                &minilm,
                &version(number),
                &json!({}),
                files.clone(),
                &Lineage::default(),
                "t",
            )
            .await
            .unwrap();
    }
    let resolve = async |reference: &str| {
        registry
            .resolve_model(&acme, &reference.parse().unwrap())
            .await
            .map(|m| m.version.to_string())
    };
    assert_eq!(resolve("minilm").await.unwrap(), "1.2.0");
    assert_eq!(resolve("minilm@1.0.0").await.unwrap(), "1.0.0");
    assert!(matches!(
        resolve("minilm@stable").await,
        Err(RegistryError::NotFound { .. })
    ));
    assert!(matches!(
        resolve("absent").await,
        Err(RegistryError::NotFound { kind: "model", .. })
    ));
    registry
        .set_model_alias(&acme, &minilm, &name("stable"), &version("1.0.0"))
        .await
        .unwrap();
    registry
        .set_model_alias(&acme, &minilm, &name("candidate"), &version("2.0.0-beta.1"))
        .await
        .unwrap();
    assert_eq!(resolve("minilm").await.unwrap(), "1.0.0");
    assert_eq!(resolve("minilm@candidate").await.unwrap(), "2.0.0-beta.1");
    assert_eq!(
        registry.all_model_aliases().await.unwrap(),
        [
            (
                acme.clone(),
                minilm.clone(),
                name("candidate"),
                version("2.0.0-beta.1")
            ),
            (
                acme.clone(),
                minilm.clone(),
                name("stable"),
                version("1.0.0")
            ),
        ]
    );
    let numbers: Vec<_> = registry
        .all_models()
        .await
        .unwrap()
        .into_iter()
        .map(|m| m.version.to_string())
        .collect();
    assert_eq!(numbers, ["2.0.0-beta.1", "1.2.0", "1.0.0"]);
    assert_eq!(
        registry.model_versions(&acme, &minilm).await.unwrap().len(),
        3
    );
    let missing = registry
        .set_model_alias(&acme, &minilm, &name("stable"), &version("9.0.0"))
        .await;
    assert!(matches!(
        missing,
        Err(RegistryError::NotFound {
            kind: "model version",
            ..
        })
    ));
}

pub async fn variants_belong_to_a_version(place: &Place) {
    let (registry, acme) = registry(place).await;
    let (minilm, int8) = (name("minilm"), name("int8"));
    let files = files(&registry, "onnx").await;
    for number in ["1.0.0", "1.1.0"] {
        let version = version(number);
        registry
            .push_model(
                &acme,
                &minilm,
                &version,
                &json!({}),
                files.clone(),
                &Lineage::default(),
                "t",
            )
            .await
            .unwrap();
    }
    let smaller = registry.artifacts().put("int8".into()).await.unwrap();
    let before = registry.revision().await.unwrap();
    let report = json!({ "similarity": { "mean": 0.99 } });
    let add = async |number: &str, file: ArtifactRef| {
        let version = version(number);
        registry
            .add_model_variant(&acme, &minilm, &version, &int8, file, &report, "ann")
            .await
    };
    let added = add("1.0.0", smaller).await.unwrap();
    assert_eq!((added.file, &added.report), (smaller, &report));
    assert!(registry.revision().await.unwrap() > before);
    assert!(matches!(
        add("1.0.0", smaller).await,
        Err(RegistryError::Conflict { kind: "model variant", name, .. }) if name == "minilm@1.0.0~int8"
    ));
    assert!(matches!(
        add("3.0.0", smaller).await,
        Err(RegistryError::NotFound {
            kind: "model version",
            ..
        })
    ));
    let absent = ArtifactRef {
        digest: Digest::of(b"absent"),
        size: 6,
    };
    assert!(matches!(
        add("1.1.0", absent).await,
        Err(RegistryError::NotFound {
            kind: "artifact",
            ..
        })
    ));
    // Every way to a version shows its variants, and only its own.
    let with = BTreeMap::from([(int8.clone(), added)]);
    let resolved = registry
        .resolve_model(&acme, &"minilm@1.0.0~int8".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(resolved.variants, with);
    let versions = registry.model_versions(&acme, &minilm).await.unwrap();
    let variants: Vec<_> = versions.into_iter().map(|v| v.variants).collect();
    assert_eq!(variants, [BTreeMap::new(), with.clone()]);
    let all = registry.all_models().await.unwrap();
    assert_eq!(all.into_iter().map(|v| v.variants.len()).sum::<usize>(), 1);
}

pub async fn what_breaks_a_rule_is_refused(place: &Place) {
    let (registry, acme) = registry(place).await;
    let good = files(&registry, "onnx").await;
    let empty = json!({});
    let stored = good["model.onnx"];
    let one = |file: &str, artifact| BTreeMap::from([(file.to_owned(), artifact)]);
    let push = async |whose, config, files| {
        registry
            .push_model(
                whose,
                &name("m"),
                &version("1.0.0"),
                config,
                files,
                &Lineage::default(),
                "t",
            )
            .await
            .unwrap_err()
    };
    for bad in [
        "",
        "../model.onnx",
        "a/b",
        ".hidden",
        "名.onnx",
        "a\0",
        &"a".repeat(65),
    ] {
        assert!(
            matches!(
                push(&acme, &empty, one(bad, stored)).await,
                RegistryError::Invalid(_)
            ),
            "{bad}"
        );
    }
    let short = ArtifactRef {
        size: stored.size + 1,
        ..stored
    };
    assert!(matches!(
        push(&acme, &empty, one("model.onnx", short)).await,
        RegistryError::Invalid(_)
    ));
    assert!(matches!(
        push(&acme, &empty, BTreeMap::new()).await,
        RegistryError::Invalid(_)
    ));
    let fat = json!({ "description": "x".repeat(300 * 1024) });
    assert!(matches!(
        push(&acme, &fat, good.clone()).await,
        RegistryError::Invalid(_)
    ));
    let absent = ArtifactRef {
        digest: Digest::of(b"absent"),
        size: 6,
    };
    let missing = push(&acme, &empty, one("model.onnx", absent)).await;
    assert!(matches!(
        missing,
        RegistryError::NotFound {
            kind: "artifact",
            ..
        }
    ));
    let missing = push(&tenant("nobody"), &empty, good).await;
    assert!(matches!(
        missing,
        RegistryError::NotFound { kind: "tenant", .. }
    ));
    assert!(registry.all_models().await.unwrap().is_empty());
}
