//! Tokens of a stand-in issuer: which open something, and which nothing.
// A failed assumption should stop the test.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use steward_identity::{IdentityError, IssuerConfig, Issuers, Looks, MAX_TOKEN_BYTES};
use steward_tests::services::Issuer;

fn config(issuer: &Issuer, more: Value) -> IssuerConfig {
    let mut value = json!({"name": "login", "issuer": issuer.url, "audience": ["steward"], "tenant": "acme", "role": "viewer"});
    value
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    serde_json::from_value(value).unwrap()
}

fn issuers(configs: &[IssuerConfig]) -> Issuers {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Issuers::default().renewed(configs, []).unwrap()
}

fn with(mut claims: Value, key: &str, value: Value) -> Value {
    claims[key] = value;
    claims
}

fn unsigned(header: Value, claims: &Value, signature: &[u8]) -> String {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    format!(
        "{}.{}.{}",
        text(header.to_string().as_bytes()),
        text(claims.to_string().as_bytes()),
        text(signature)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_of_each_algorithm_names_its_principal() {
    let issuer = Issuer::start();
    let issuers = issuers(&[config(&issuer, json!({}))]);
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let token = issuer.token(algorithm, &issuer.claims("user-7"));
        let principal = issuers.authenticate(&token).await.unwrap();
        assert_eq!(
            (principal.id.as_str(), principal.tenant.as_str()),
            ("oidc:login:user-7", "acme")
        );
    }
    // An audience among several is an audience; a clock may be off a little.
    let claims = with(issuer.claims("u"), "aud", json!(["else", "steward"]));
    issuers
        .authenticate(&issuer.token("ES256", &claims))
        .await
        .unwrap();
    let now = claims["iat"].as_u64().unwrap();
    let skewed = with(
        with(issuer.claims("u"), "exp", json!(now - 30)),
        "nbf",
        json!(now + 30),
    );
    issuers
        .authenticate(&issuer.token("ES256", &skewed))
        .await
        .unwrap();
    assert_eq!(issuer.asked(), 1, "the keys were fetched once");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_else_is_refused() {
    let issuer = Issuer::start();
    let only = |more| issuers(&[config(&issuer, more)]);
    let issuers = only(json!({}));
    let good = issuer.claims("user");
    let now = good["iat"].as_u64().unwrap();
    let signed = |claims: &Value| issuer.token("ES256", claims);
    let refused = async |token: String| issuers.authenticate(&token).await.unwrap_err();

    for (key, value, error) in [
        ("exp", json!(now - 120), IdentityError::Expired),
        ("nbf", json!(now + 120), IdentityError::NotYet),
        ("aud", json!("else"), IdentityError::Audience),
        ("aud", json!([]), IdentityError::Audience),
        (
            "iss",
            json!("https://login.example.com"),
            IdentityError::UnknownIssuer,
        ),
        (
            "iss",
            json!(format!("{}/", issuer.url)),
            IdentityError::UnknownIssuer,
        ),
    ] {
        assert_eq!(
            refused(signed(&with(good.clone(), key, value.clone()))).await,
            error,
            "{key} {value}"
        );
    }
    // What must be there, in the form that it must have.
    for key in ["exp", "aud", "iss", "sub"] {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(key);
        refused(signed(&claims)).await;
        refused(signed(&with(good.clone(), key, json!({})))).await;
    }
    for value in [json!("soon"), json!({}), json!([now])] {
        assert!(matches!(
            refused(signed(&with(good.clone(), "nbf", value))).await,
            IdentityError::Malformed(_)
        ));
    }

    // `none`, in every spelling that a careless reader would take.
    for none in ["none", "None", "NONE", "nOnE", ""] {
        for signature in [&b""[..], b"x"] {
            let error = refused(unsigned(
                json!({"alg": none, "kid": "ES256-1"}),
                &good,
                signature,
            ))
            .await;
            assert!(
                matches!(error, IdentityError::Malformed(_)),
                "{none}: {error:?}"
            );
        }
    }
    // The public key taken for a shared secret.
    for secret in [
        issuer.published().to_string(),
        issuer.published()["keys"][2]["n"]
            .as_str()
            .unwrap()
            .to_owned(),
    ] {
        let header = json!({"alg": "HS256", "kid": "RS256-1"});
        let message = unsigned(header, &good, b"");
        let message = message.trim_end_matches('.');
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message.as_bytes()));
        assert_eq!(
            refused(format!("{message}.{tag}")).await,
            IdentityError::Algorithm
        );
    }
    // Another algorithm than the key's, another key than the token names, and one that does not exist.
    let header = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid});
    assert_eq!(
        refused(issuer.sign(header("RS256", "ES256-1"), "ES256", &good)).await,
        IdentityError::UnknownKey
    );
    assert_eq!(
        refused(issuer.sign(header("ES256", "ES256-1"), "EdDSA", &good)).await,
        IdentityError::Signature
    );
    assert_eq!(
        refused(issuer.sign(header("ES256", "nobody"), "ES256", &good)).await,
        IdentityError::UnknownKey
    );
    for other in ["HS384", "HS512", "RS384", "RS512", "PS256", "ES384"] {
        assert_eq!(
            refused(issuer.sign(header(other, "RS256-1"), "RS256", &good)).await,
            IdentityError::Algorithm,
            "{other}"
        );
    }
    // A key that the token brings along is nobody's.
    let brought = json!({"alg": "ES256", "jwk": issuer.published()["keys"][0], "jku": "http://127.0.0.1:1/keys", "kid": "mine"});
    assert_eq!(
        refused(issuer.sign(brought, "ES256", &good)).await,
        IdentityError::UnknownKey
    );
    let critical = json!({"alg": "ES256", "kid": "ES256-1", "crit": ["exp"]});
    assert!(matches!(
        refused(issuer.sign(critical, "ES256", &good)).await,
        IdentityError::Malformed(_)
    ));

    // One changed character of the claims or of the signature.
    let token = signed(&good);
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (head, _) = message.split_once('.').unwrap();
    let raised = URL_SAFE_NO_PAD.encode(with(good.clone(), "sub", json!("root")).to_string());
    assert_eq!(
        refused(format!("{head}.{raised}.{signature}")).await,
        IdentityError::Signature
    );
    assert_eq!(
        refused(format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 64]))).await,
        IdentityError::Signature
    );
    assert_eq!(
        refused(format!("{message}.")).await,
        IdentityError::Signature
    );
    for broken in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        &token[1..],
        &format!("{token}.x"),
        &"x".repeat(5000),
    ] {
        assert!(
            matches!(
                refused(broken.to_owned()).await,
                IdentityError::Malformed(_)
            ),
            "{broken}"
        );
    }
    let long = with(good.clone(), "groups", json!("x".repeat(MAX_TOKEN_BYTES)));
    assert_eq!(
        refused(signed(&long)).await,
        IdentityError::TooLarge(MAX_TOKEN_BYTES)
    );
    // All that made the issuer be asked once; twice at most where the test took half a minute.
    assert!(issuer.asked() <= 2, "{}", issuer.asked());

    // What the configuration does not allow.
    let narrow = only(json!({"algorithms": ["EdDSA"]}));
    assert_eq!(
        narrow.authenticate(&token).await.unwrap_err(),
        IdentityError::Algorithm
    );
    let strict = only(json!({"leeway_seconds": 0}));
    let late = signed(&with(good.clone(), "exp", json!(now - 10)));
    assert_eq!(
        strict.authenticate(&late).await.unwrap_err(),
        IdentityError::Expired
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_fetched_again_only_now_and_then() {
    let issuer = Issuer::start();
    let issuers = issuers(&[config(&issuer, json!({}))]);
    let old = issuer.token("ES256", &issuer.claims("u"));
    issuers.authenticate(&old).await.unwrap();
    issuer.renew_keys();
    let new = issuer.token("ES256", &issuer.claims("u"));
    // Within half a minute of the last look a stranger's ids cause no other.
    for _ in 0..20 {
        assert_eq!(
            issuers.authenticate(&new).await.unwrap_err(),
            IdentityError::UnknownKey
        );
    }
    assert_eq!(issuer.asked(), 1);
    // A host that never looked does so, and then knows the new key and not the old one.
    let fresh = Issuers::default()
        .renewed(&[config(&issuer, json!({}))], [])
        .unwrap();
    fresh.authenticate(&new).await.unwrap();
    assert_eq!(
        fresh.authenticate(&old).await.unwrap_err(),
        IdentityError::UnknownKey
    );
    // A changed neighbour does not make a host forget the keys of this one.
    let other = config(&issuer, json!({"name": "other", "audience": ["else"]}));
    let renewed = fresh
        .renewed(&[config(&issuer, json!({})), other], [])
        .unwrap();
    let asked = issuer.asked();
    renewed.authenticate(&new).await.unwrap();
    assert_eq!(issuer.asked(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_runs_takes_the_new_key_of_its_issuer_and_the_old_one_no_more() {
    let issuer = Issuer::start();
    let looking = |fresh: Duration| {
        let pause = Duration::ZERO;
        let none = Issuers::default().looking(Looks { fresh, pause });
        none.renewed(&[config(&issuer, json!({}))], []).unwrap()
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (long, not_at_all) = (looking(Duration::from_secs(600)), looking(Duration::ZERO));
    let old = issuer.token("ES256", &issuer.claims("u"));
    for issuers in [&long, &not_at_all] {
        issuers.authenticate(&old).await.unwrap();
    }
    issuer.renew_keys();
    // Nothing tells the first of the change yet; the second looks because its keys are too old.
    long.authenticate(&old).await.unwrap();
    not_at_all.authenticate(&old).await.unwrap_err();
    let new = issuer.token("ES256", &issuer.claims("u"));
    long.authenticate(&new).await.unwrap();
    not_at_all.authenticate(&new).await.unwrap();
    assert_eq!(
        long.authenticate(&old).await.unwrap_err(),
        IdentityError::UnknownKey
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_answers_nonsense_opens_nothing() {
    let issuer = Issuer::start();
    let token = issuer.token("ES256", &issuer.claims("u"));
    for published in [
        json!([]),
        json!({"keys": 7}),
        json!({"keys": vec![json!({"kty": "oct"}); 65]}),
        json!("x".repeat(300_000)),
    ] {
        issuer.publish(published);
        let issuers = issuers(&[config(&issuer, json!({}))]);
        let error = issuers.authenticate(&token).await.unwrap_err();
        assert_eq!(error, IdentityError::Unavailable("login".into()));
    }
    issuer.publish(json!({"keys": []}));
    let empty = issuers(&[config(&issuer, json!({}))]);
    assert_eq!(
        empty.authenticate(&token).await.unwrap_err(),
        IdentityError::UnknownKey
    );
    // One that speaks for another: the configuration names an issuer that the discovery does not.
    let liar = config(&issuer, json!({"issuer": format!("{}/", issuer.url)}));
    let liar_token = issuer.token(
        "ES256",
        &with(issuer.claims("u"), "iss", json!(format!("{}/", issuer.url))),
    );
    let error = issuers(&[liar])
        .authenticate(&liar_token)
        .await
        .unwrap_err();
    assert_eq!(error, IdentityError::Unavailable("login".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_share_an_issuer_by_their_audiences() {
    let issuer = Issuer::start();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tenant = |name: &str| {
        let value =
            json!({"name": "login", "issuer": issuer.url, "audience": [name], "role": "viewer"});
        let tenant = name.parse().unwrap();
        (
            name.parse().unwrap(),
            IssuerConfig::of_tenant(&tenant, &value).unwrap(),
        )
    };
    let issuers = Issuers::default()
        .renewed(&[], [tenant("acme"), tenant("beta")])
        .unwrap();
    for name in ["acme", "beta"] {
        let token = issuer.token("EdDSA", &with(issuer.claims("u"), "aud", json!(name)));
        let principal = issuers.authenticate(&token).await.unwrap();
        assert_eq!(
            (principal.tenant.as_str(), principal.id),
            (name, format!("oidc:{name}/login:u"))
        );
    }
    let token = issuer.token("EdDSA", &with(issuer.claims("u"), "aud", json!("gamma")));
    assert_eq!(
        issuers.authenticate(&token).await.unwrap_err(),
        IdentityError::Audience
    );
    // Two of one name in one place would be one principal.
    assert!(
        Issuers::default()
            .renewed(&[], [tenant("acme"), tenant("acme")])
            .is_err()
    );
}
