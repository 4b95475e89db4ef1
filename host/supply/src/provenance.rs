//! SLSA provenance: how, where and from what a component was built.
//!
//! Read are an in-toto statement with the predicate of [SLSA v1](https://slsa.dev/spec/v1.1/provenance) or
//! [v0.2](https://slsa.dev/spec/v0.2/provenance), bare, in a DSSE envelope, or in a Sigstore bundle as GitHub's
//! attestations are. It must name the component by its SHA-256. It is what whoever publishes *says*: a signature of its
//! own is not verified here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{DocumentError, line};

/// The largest document that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The longest text that is kept of it, in characters.
const MAX_TEXT: usize = 500;

/// What is shown of a provenance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// `https://slsa.dev/provenance/v1`
    pub predicate_type: String,
    /// Who built it: the id of a builder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builder: Option<String>,
    /// What kind of build it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_type: Option<String>,
    /// The repository that it was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The commit of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl Provenance {
    /// Reads what is shown of a provenance of the component with this SHA-256.
    ///
    /// # Errors
    /// Every [`DocumentError`].
    pub fn read(bytes: &[u8], component: &[u8; 32]) -> Result<Self, DocumentError> {
        let what = "provenance";
        if bytes.len() > MAX_BYTES {
            return Err(DocumentError::TooLarge {
                what,
                size: bytes.len(),
                most: MAX_BYTES,
            });
        }
        let unreadable = |reason: String| DocumentError::Unreadable { what, reason };
        let json = |bytes: &[u8]| {
            serde_json::from_slice::<Value>(bytes).map_err(|e| unreadable(format!("no JSON: {e}")))
        };
        let mut statement = json(bytes)?;
        // A bundle holds an envelope, which holds a statement.
        if let Some(envelope) = statement.get_mut("dsseEnvelope") {
            statement = envelope.take();
        }
        if let Some(payload) = statement["payload"].as_str() {
            let payload = STANDARD
                .decode(payload)
                .map_err(|_| unreadable("the payload of its envelope is not base64".into()))?;
            statement = json(&payload)?;
        }
        let kind = text(&statement, "/predicateType")
            .filter(|kind| kind.starts_with("https://slsa.dev/provenance/"))
            .ok_or_else(|| {
                unreadable(
                    "it is no in-toto statement with a predicate `https://slsa.dev/provenance/…`"
                        .into(),
                )
            })?;
        is_of(&statement, component)?;
        let first = |pointers: &[&str]| pointers.iter().find_map(|p| text(&statement, p));
        Ok(Self {
            predicate_type: kind,
            builder: first(&["/predicate/runDetails/builder/id", "/predicate/builder/id"]),
            build_type: first(&[
                "/predicate/buildDefinition/buildType",
                "/predicate/buildType",
            ]),
            source: first(&[
                "/predicate/buildDefinition/externalParameters/workflow/repository",
                "/predicate/buildDefinition/externalParameters/source/uri",
                "/predicate/buildDefinition/externalParameters/source",
                "/predicate/buildDefinition/resolvedDependencies/0/uri",
                "/predicate/invocation/configSource/uri",
                "/predicate/materials/0/uri",
            ]),
            commit: first(&[
                "/predicate/buildDefinition/resolvedDependencies/0/digest/gitCommit",
                "/predicate/buildDefinition/resolvedDependencies/0/digest/sha1",
                "/predicate/invocation/configSource/digest/sha1",
                "/predicate/materials/0/digest/sha1",
            ]),
        })
    }
}

fn is_of(statement: &Value, component: &[u8; 32]) -> Result<(), DocumentError> {
    let component = hex::encode(component);
    let subjects = statement["subject"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let digest = |subject: &Value| text(subject, "/digest/sha256");
    if subjects
        .iter()
        .any(|s| digest(s).as_ref() == Some(&component))
    {
        return Ok(());
    }
    let named: Vec<String> = subjects
        .iter()
        .take(4)
        .map(|subject| match digest(subject) {
            Some(digest) => format!("sha256:{digest}"),
            None => "something without a SHA-256".into(),
        })
        .collect();
    Err(DocumentError::OtherComponent {
        component,
        named: if named.is_empty() {
            "nothing".into()
        } else {
            named.join(", ")
        },
    })
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    let text = line(value.pointer(pointer)?.as_str()?, MAX_TEXT);
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn v1(digest: &str) -> Value {
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "other", "digest": {"sha256": "00"}}, {"name": "x.wasm", "digest": {"sha256": digest}}],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                    "externalParameters": {"workflow": {"ref": "refs/heads/main", "repository": "https://github.com/acme/x"}},
                    "resolvedDependencies": [{"uri": "git+https://github.com/acme/x@refs/heads/main", "digest": {"gitCommit": "abc123"}}]
                },
                "runDetails": {"builder": {"id": "https://github.com/actions/runner"}}
            }
        })
    }

    #[test]
    fn builder_source_and_commit_are_read_bare_enveloped_and_bundled() {
        let component = crate::sha256(b"x");
        let statement = v1(&hex::encode(component));
        let envelope = json!({ "payloadType": "application/vnd.in-toto+json", "payload": STANDARD.encode(statement.to_string()), "signatures": [] });
        let bundle = json!({ "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": envelope });
        for document in [statement, envelope, bundle] {
            let read = Provenance::read(document.to_string().as_bytes(), &component).unwrap();
            assert_eq!(read.builder.unwrap(), "https://github.com/actions/runner");
            assert_eq!(read.source.unwrap(), "https://github.com/acme/x");
            assert_eq!(read.commit.unwrap(), "abc123");
        }
    }

    #[test]
    fn the_older_predicate_is_read_too() {
        let component = crate::sha256(b"x");
        let document = json!({
            "subject": [{"digest": {"sha256": hex::encode(component)}}],
            "predicateType": "https://slsa.dev/provenance/v0.2",
            "predicate": {"builder": {"id": "b"}, "buildType": "t", "invocation": {"configSource": {"uri": "git+x", "digest": {"sha1": "c"}}}}
        });
        let read = Provenance::read(document.to_string().as_bytes(), &component).unwrap();
        assert_eq!(
            (
                read.builder.as_deref(),
                read.source.as_deref(),
                read.commit.as_deref()
            ),
            (Some("b"), Some("git+x"), Some("c"))
        );
    }

    #[test]
    fn a_provenance_of_something_else_is_refused() {
        let component = crate::sha256(b"x");
        let other = v1(&hex::encode(crate::sha256(b"y"))).to_string();
        assert!(matches!(
            Provenance::read(other.as_bytes(), &component),
            Err(DocumentError::OtherComponent { .. })
        ));
        let mut none = v1("");
        none["subject"] = json!([]);
        for wrong in [
            none.to_string(),
            "{}".into(),
            "[]".into(),
            "x".into(),
            r#"{"payload":"!"}"#.into(),
        ] {
            assert!(
                Provenance::read(wrong.as_bytes(), &component).is_err(),
                "{wrong}"
            );
        }
        let large = vec![b' '; MAX_BYTES + 1];
        assert!(matches!(
            Provenance::read(&large, &component),
            Err(DocumentError::TooLarge { .. })
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Provenance::read(&bytes, &[0; 32]);
        }
    }
}
