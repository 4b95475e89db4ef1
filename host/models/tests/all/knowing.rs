//! Which model bytes are.

use serde_json::json;

use crate::support::{BETTER, SOUND, World, classifier};

#[tokio::test]
async fn a_graph_is_known_by_its_bytes_whatever_it_is_called() {
    let (sound, better) = (classifier(&SOUND), classifier(&BETTER));
    let world = World::with(&[("1.0.0", sound.clone()), ("1.1.0", better.clone())]).await;
    let config = json!({ "task": "classify", "labels": ["好评", "差评"] });
    world.push("1.2.0", sound.clone(), config).await;
    let (registry, tenant) = (&world.registry, &world.tenant);
    let number = |text: &str| text.parse().unwrap();
    registry
        .set_model_alias(
            tenant,
            &world.name,
            &"tried".parse().unwrap(),
            &number("1.1.0"),
        )
        .await
        .unwrap();
    let variant = classifier(&[0.5; 10]);
    let file = registry.artifacts().put(variant.clone().into()).await;
    registry
        .add_model_variant(
            tenant,
            &world.name,
            &number("1.1.0"),
            &"int8".parse().unwrap(),
            file.unwrap(),
            &json!({}),
            "test",
        )
        .await
        .unwrap();
    let models = world.host().await;
    let called = async |tenant: &str, bytes: &[u8]| -> Vec<Vec<String>> {
        let same = models.with_graph(&tenant.parse().unwrap(), bytes).await;
        let references = |named: &steward_models::Named| {
            let all = named.references.iter();
            all.map(ToString::to_string).collect()
        };
        same.iter().map(references).collect()
    };
    assert_eq!(called("acme", &sound).await, [["m@1.2.0"], ["m@1.0.0"]]);
    assert_eq!(called("acme", &better).await, [["m@1.1.0", "m@tried"]]);
    assert_eq!(
        called("acme", &variant).await,
        [["m@1.1.0~int8", "m@tried~int8"]]
    );
    // The bytes of another file of the version, as many bytes that differ, fewer, none; and another tenant.
    let tokenizer = b"{}".as_slice();
    let mut turned = sound.clone();
    *turned.last_mut().unwrap() ^= 1;
    let short = &sound[..sound.len() - 1];
    for bytes in [tokenizer, &turned[..], short, b""] {
        assert!(called("acme", bytes).await.is_empty());
    }
    assert!(called("other", &sound).await.is_empty());
    // The weights that are meant are those that are opened.
    let same = models.with_graph(tenant, &better).await;
    let opened = models.open(tenant, &same[0].resolved.reference()).await;
    assert_eq!(opened.unwrap().target().to_string(), "1.1.0");
}
