//! Signatures, the keys that a tenant trusts, and its policy.

use bytes::Bytes;
use steward_registry::{Manifest, PluginPolicy, Registry, RegistryError, Supplied, TenantId};
use steward_supply::{Envelope, Provenance, Sbom, SignatureError, SigningKey, Subject, sha256};

use crate::support::{Place, function, name, registry, tenant, version};

const COMPONENT: &[u8] = b"\0asm signed";

fn source(number: &str) -> String {
    format!(
        "# As it was sent.\n[plugin]\nname = \"cleaner\"\nversion = \"{number}\"\nworld = \"cleaner\"\n"
    )
}

fn signed(number: &str, source: &str, component: &[u8], keys: &[&SigningKey]) -> Supplied {
    let subject = Subject {
        plugin: "cleaner",
        version: number,
        component: sha256(component),
        manifest: sha256(source.as_bytes()),
    };
    let signature = keys.iter().fold(None, |envelope: Option<Envelope>, key| {
        Some(match envelope {
            None => Envelope::sign(&subject, key),
            Some(envelope) => envelope.sign_too(&subject, key).unwrap(),
        })
    });
    Supplied {
        manifest_source: Some(source.to_owned()),
        signature,
        ..Supplied::default()
    }
}

async fn publish(
    registry: &Registry,
    tenant: &TenantId,
    number: &str,
    supplied: Supplied,
) -> Result<(), RegistryError> {
    let manifest = Manifest::parse(&source(number)).unwrap();
    registry
        .publish_with(tenant, &manifest, COMPONENT.into(), "tester", supplied)
        .await
        .map(drop)
}

fn key() -> SigningKey {
    SigningKey::generate().unwrap().0
}

#[track_caller]
fn not_trusted(refused: Result<impl std::fmt::Debug, RegistryError>, why: &str) {
    match refused {
        Err(RegistryError::NotTrusted { reason, .. }) => assert!(reason.contains(why), "{reason}"),
        other => panic!("{other:?}"),
    }
}

pub async fn what_comes_along_is_kept_with_the_version(place: &Place) {
    let (registry, acme) = registry(place).await;
    let (cleaner, one, two) = (name("cleaner"), key(), key());
    let mut supplied = signed("1.0.0", &source("1.0.0"), COMPONENT, &[&one, &two]);
    let sbom =
        Bytes::from_static(br#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{}]}"#);
    supplied.sbom = Some((sbom.clone(), Sbom::read(&sbom).unwrap()));
    let built = Provenance {
        builder: Some("https://ci.example.com".into()),
        ..Provenance::default()
    };
    supplied.provenance = Some((Bytes::from_static(b"{}"), built.clone()));
    supplied.sections.languages = vec!["Rust".into()];
    publish(&registry, &acme, "1.0.0", supplied.clone())
        .await
        .unwrap();

    let published = registry
        .plugin_version(&acme, &cleaner, &"1.0.0".parse().unwrap())
        .await
        .unwrap();
    let kept = registry
        .plugin_supply(&acme, &cleaner, &version("1.0.0"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.manifest_source, source("1.0.0"));
    assert_eq!(
        kept.signers(&published).unwrap(),
        [one.public(), two.public()]
    );
    assert_eq!(kept.sections, supplied.sections);
    assert_eq!(kept.provenance.unwrap().about, built);
    let file = kept.sbom.unwrap().file;
    assert_eq!(registry.artifacts().get(&file.digest).await.unwrap(), sbom);

    // A version that came without anything has nothing, and another tenant's has nothing either.
    publish(&registry, &acme, "1.1.0", Supplied::default())
        .await
        .unwrap();
    for (tenant, number) in [(&acme, "1.1.0"), (&tenant("globex"), "1.0.0")] {
        let kept = registry
            .plugin_supply(tenant, &cleaner, &version(number))
            .await;
        assert_eq!(kept.unwrap(), None);
    }
}

pub async fn a_signature_that_does_not_hold_is_refused_whatever_the_policy(place: &Place) {
    let (registry, acme) = registry(place).await;
    let (number, text, key) = ("1.0.0", source("1.0.0"), key());
    let other_manifest = format!("{text}\n[requests]\n");
    let tampered = [
        signed(number, &text, b"\0asm other", &[&key]),
        Supplied {
            manifest_source: Some(other_manifest.clone()),
            ..signed(number, &text, COMPONENT, &[&key])
        },
        // The signature fits the text, and the text is not the manifest that is published.
        signed(
            number,
            &text.replace("cleaner\"\n", "cleaner\"\ndescription = \"x\"\n"),
            COMPONENT,
            &[&key],
        ),
    ];
    for policy in [PluginPolicy::Any, PluginPolicy::Signed] {
        registry
            .set_plugin_policy(&acme, policy, "tester")
            .await
            .unwrap();
        for supplied in &tampered {
            let refused = publish(&registry, &acme, number, supplied.clone()).await;
            assert!(
                matches!(refused, Err(RegistryError::Signature(_))),
                "{refused:?}"
            );
        }
    }
    let component = publish(&registry, &acme, number, tampered[0].clone()).await;
    assert!(matches!(
        component,
        Err(RegistryError::Signature(SignatureError::Component { .. }))
    ));
    let manifest = publish(&registry, &acme, number, tampered[1].clone()).await;
    assert!(matches!(
        manifest,
        Err(RegistryError::Signature(SignatureError::Manifest { .. }))
    ));
    assert!(registry.plugins(&acme).await.unwrap().is_empty());
}

pub async fn only_what_a_trusted_key_signed_is_published_and_deployed(place: &Place) {
    let (registry, acme) = registry(place).await;
    let (release, stranger) = (key(), key());
    publish(&registry, &acme, "0.9.0", Supplied::default())
        .await
        .unwrap();
    registry
        .set_plugin_policy(&acme, PluginPolicy::Signed, "tester")
        .await
        .unwrap();
    registry
        .add_trusted_key(&acme, &name("release"), release.public(), "tester")
        .await
        .unwrap();

    let unsigned = signed("1.0.0", &source("1.0.0"), COMPONENT, &[]);
    not_trusted(
        publish(&registry, &acme, "1.0.0", unsigned.clone()).await,
        "has no signature",
    );
    not_trusted(
        publish(&registry, &acme, "1.0.0", Supplied::default()).await,
        "has no signature",
    );
    let strange = signed("1.0.0", &source("1.0.0"), COMPONENT, &[&stranger]);
    not_trusted(
        publish(&registry, &acme, "1.0.0", strange).await,
        &stranger.public().to_string(),
    );
    let both = signed("1.0.0", &source("1.0.0"), COMPONENT, &[&stranger, &release]);
    publish(&registry, &acme, "1.0.0", both).await.unwrap();
    // What is refused leaves nothing; another tenant has a policy of its own.
    assert_eq!(
        registry
            .plugin_versions(&acme, &name("cleaner"))
            .await
            .unwrap()
            .len(),
        2
    );
    let globex = tenant("globex");
    registry.create_tenant(&globex).await.unwrap();
    publish(&registry, &globex, "1.0.0", unsigned)
        .await
        .unwrap();
    assert_eq!(
        registry.plugin_policy(&globex).await.unwrap(),
        PluginPolicy::Any
    );

    // The older version was published before the policy: it is not deployed under it.
    not_trusted(
        registry
            .put_function(&acme, &function("f", "cleaner", &[("0.9.0", 100)]), "t")
            .await,
        "has no signature",
    );
    let split = function("f", "cleaner", &[("1.0.0", 90), ("0.9.0", 10)]);
    not_trusted(
        registry.put_function(&acme, &split, "t").await,
        "has no signature",
    );
    let good = function("f", "cleaner", &[("1.0.0", 100)]);
    registry.put_function(&acme, &good, "t").await.unwrap();
    registry.put_function(&acme, &good, "t").await.unwrap();
    assert!(registry.unvouched(&acme).await.unwrap().is_empty());

    // A key that is taken back: what runs goes on, and is named; nothing of it is deployed again.
    let removed = registry
        .remove_trusted_key(&acme, &name("release"))
        .await
        .unwrap();
    assert_eq!(removed.key, release.public());
    assert_eq!(
        registry.function(&acme, &name("f")).await.unwrap().spec,
        good
    );
    let unvouched = registry.unvouched(&acme).await.unwrap();
    assert_eq!(unvouched.len(), 1);
    assert_eq!(unvouched[0].version, version("1.0.0"));
    not_trusted(
        registry.put_function(&acme, &good, "t").await,
        "does not trust",
    );
    not_trusted(
        registry
            .put_function_after(&acme, &good, "back", Some(2), "t")
            .await,
        "does not trust",
    );
    not_trusted(
        registry
            .check_trusted(&acme, &name("cleaner"), &version("1.0.0"))
            .await,
        "does not trust",
    );
    registry
        .set_plugin_policy(&acme, PluginPolicy::Any, "tester")
        .await
        .unwrap();
    registry
        .put_function_after(&acme, &good, "back", Some(2), "t")
        .await
        .unwrap();
}

pub async fn a_key_has_one_name(place: &Place) {
    let (registry, acme) = registry(place).await;
    let (one, two) = (key().public(), key().public());
    let add = async |name_: &str, key| {
        registry
            .add_trusted_key(&acme, &name(name_), key, "tester")
            .await
    };
    add("b", one).await.unwrap();
    add("a", two).await.unwrap();
    let keys = registry.trusted_keys(&acme).await.unwrap();
    assert_eq!(
        keys.iter().map(|k| k.name.as_str()).collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(keys[1].key, one);
    for (taken, key) in [("c", one), ("a", self::key().public())] {
        let refused = add(taken, key).await;
        assert!(
            matches!(refused, Err(RegistryError::Conflict { .. })),
            "{refused:?}"
        );
    }
    let nobody = registry
        .add_trusted_key(&tenant("nobody"), &name("a"), one, "t")
        .await;
    assert!(
        matches!(nobody, Err(RegistryError::NotFound { kind: "tenant", .. })),
        "{nobody:?}"
    );
    let nobody = registry
        .set_plugin_policy(&tenant("nobody"), PluginPolicy::Signed, "t")
        .await;
    assert!(
        matches!(nobody, Err(RegistryError::NotFound { kind: "tenant", .. })),
        "{nobody:?}"
    );
    registry
        .remove_trusted_key(&acme, &name("a"))
        .await
        .unwrap();
    let again = registry.remove_trusted_key(&acme, &name("a")).await;
    assert!(
        matches!(again, Err(RegistryError::NotFound { .. })),
        "{again:?}"
    );
    add("c", two).await.unwrap();
}
