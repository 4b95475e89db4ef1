//! How a plugin is laid out in a registry.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::place::is_sha256;
use crate::{About, OciError, Plugin, digest};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.wasm.config.v0+json";
pub(crate) const LAYER: &str = "application/wasm";
pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub(crate) const CYCLONE: &str = "application/vnd.cyclonedx+json";
pub(crate) const SPDX: &str = "application/spdx+json";
pub(crate) const IN_TOTO: &str = "application/vnd.in-toto+json";

const STEWARD_MANIFEST: &str = "dev.steward.plugin.manifest";
const STEWARD_SIGNATURE: &str = "dev.steward.plugin.signature";
/// The longest `steward.toml`, in bytes.
const MAX_STEWARD_MANIFEST: usize = 64 * 1024;

/// A blob, as a manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: digest(bytes),
            size: bytes.len() as u64,
            artifact_type: None,
        }
    }

    /// Whether it may be fetched: named by a digest that can be verified, and not too large.
    pub fn check(&self, what: &'static str, most: u64) -> Result<(), OciError> {
        if !is_sha256(&self.digest) {
            return Err(OciError::NotAPlugin(format!(
                "the {what} is not named by a SHA-256"
            )));
        }
        if self.size > most {
            return Err(OciError::TooLarge { what, most });
        }
        Ok(())
    }
}

/// An OCI manifest, as far as it is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    #[serde(default)]
    pub annotations: Map<String, Value>,
}

/// A list of artifacts, as far as it is read.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
}

impl Manifest {
    /// Reads the manifest of a component.
    pub fn read(bytes: &[u8]) -> Result<Self, OciError> {
        let not = |why: String| Err(OciError::NotAPlugin(why));
        let value: Value = match serde_json::from_slice(bytes) {
            Ok(value) => value,
            Err(e) => return not(format!("its manifest is no JSON: {e}")),
        };
        if value.get("manifests").is_some() {
            return not("it is a list of several artifacts; name the one by its digest".into());
        }
        serde_json::from_value(value)
            .or_else(|e| not(format!("its manifest is not one of an OCI artifact: {e}")))
    }

    /// The one layer of a component.
    pub fn component(&self) -> Result<&Descriptor, OciError> {
        let not = |why: String| Err(OciError::NotAPlugin(why));
        let shown = |text: &str| text.chars().take(80).collect::<String>();
        if self.config.media_type != CONFIG {
            return not(format!(
                "its config is `{}`, not `{CONFIG}`",
                shown(&self.config.media_type)
            ));
        }
        match &self.layers[..] {
            [layer] if layer.media_type == LAYER => Ok(layer),
            [layer] => not(format!(
                "its layer is `{}`, not `{LAYER}`",
                shown(&layer.media_type)
            )),
            layers => not(format!("it has {} layers, not one", layers.len())),
        }
    }

    /// `steward.toml` and the signatures.
    pub fn of_steward(&self) -> Result<(Option<String>, Option<String>), OciError> {
        let take = |name: &str, what: &'static str, most: usize| match self.annotations.get(name) {
            Some(Value::String(text)) if text.len() <= most => Ok(Some(text.clone())),
            Some(Value::String(_)) => Err(OciError::TooLarge {
                what,
                most: most as u64,
            }),
            Some(_) => Err(OciError::NotAPlugin(format!(
                "its annotation `{name}` is no text"
            ))),
            None => Ok(None),
        };
        Ok((
            take(
                STEWARD_MANIFEST,
                "manifest of the plugin",
                MAX_STEWARD_MANIFEST,
            )?,
            take(
                STEWARD_SIGNATURE,
                "signature",
                steward_supply::signature::MAX_ENVELOPE_BYTES,
            )?,
        ))
    }
}

/// The config of a component.
pub(crate) fn config(plugin: &Plugin, about: &About) -> Vec<u8> {
    json!({
        "created": about.created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "author": null,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [digest(&plugin.component)],
        "component": { "exports": about.exports, "imports": about.imports, "target": null },
    })
    .to_string()
    .into_bytes()
}

/// The manifest of a component, and the descriptor of its config.
pub(crate) fn manifest(plugin: &Plugin, about: &About, config: &[u8]) -> Vec<u8> {
    let mut annotations = Map::new();
    for (name, value) in &about.annotations {
        annotations.insert(
            format!("org.opencontainers.image.{name}"),
            value.as_str().into(),
        );
    }
    if let Some(text) = &plugin.manifest {
        annotations.insert(STEWARD_MANIFEST.into(), text.as_str().into());
    }
    if let Some(envelope) = &plugin.signature {
        annotations.insert(STEWARD_SIGNATURE.into(), envelope.as_str().into());
    }
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": Descriptor::of(CONFIG, config),
        "layers": [Descriptor::of(LAYER, &plugin.component)],
        "annotations": annotations,
    })
    .to_string()
    .into_bytes()
}

/// The manifest of a document about another artifact.
pub(crate) fn attachment(media_type: &str, document: &[u8], subject: &Descriptor) -> Vec<u8> {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": media_type,
        "config": Descriptor::of(EMPTY, b"{}"),
        "layers": [Descriptor::of(media_type, document)],
        "subject": subject,
    })
    .to_string()
    .into_bytes()
}

/// The list of documents about an artifact, for registries that keep none themselves.
pub(crate) fn index(manifests: &[Descriptor]) -> Vec<u8> {
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests })
        .to_string()
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plugin() -> Plugin {
        Plugin {
            component: b"\0asm".as_slice().into(),
            manifest: Some("[plugin]\n".into()),
            signature: Some("{}\n".into()),
            ..Plugin::default()
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let about = About::default();
        let config = config(&plugin(), &about);
        let manifest = Manifest::read(&manifest(&plugin(), &about, &config)).unwrap();
        assert_eq!(manifest.component().unwrap().digest, digest(b"\0asm"));
        assert_eq!(
            manifest.of_steward().unwrap(),
            (Some("[plugin]\n".into()), Some("{}\n".into()))
        );
    }

    #[test]
    fn the_config_has_every_member_that_wkg_reads() {
        let config: Value = serde_json::from_slice(&config(&plugin(), &About::default())).unwrap();
        assert_eq!(config["created"], "1970-01-01T00:00:00Z");
        for member in ["author", "architecture", "os", "layerDigests", "component"] {
            assert!(config.get(member).is_some(), "{member}");
        }
        assert!(config["component"]["exports"].is_array());
    }

    #[test]
    fn other_artifacts_are_refused_with_their_reason() {
        let layer = json!({"mediaType": LAYER, "digest": digest(b""), "size": 0});
        let wasm = json!({"mediaType": CONFIG, "digest": digest(b""), "size": 0});
        let image = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "x", "size": 0});
        for (manifest, why) in [
            (json!({"manifests": []}), "several"),
            (json!({}), "not one of an OCI artifact"),
            (json!({"config": image, "layers": [layer]}), "its config"),
            (json!({"config": wasm, "layers": []}), "0 layers"),
            (
                json!({"config": wasm, "layers": [layer, layer]}),
                "2 layers",
            ),
            (json!({"config": wasm, "layers": [image]}), "its layer"),
        ] {
            let read = Manifest::read(manifest.to_string().as_bytes());
            let refused = read
                .and_then(|m| m.component().map(drop))
                .unwrap_err()
                .to_string();
            assert!(refused.contains(why), "{refused}");
        }
        let long = json!({"config": wasm, "layers": [layer], "annotations": {STEWARD_MANIFEST: "x".repeat(70_000)}});
        let read = Manifest::read(long.to_string().as_bytes()).unwrap();
        assert!(matches!(read.of_steward(), Err(OciError::TooLarge { .. })));
        let huge = Descriptor {
            size: u64::MAX,
            ..Descriptor::of(LAYER, b"")
        };
        assert!(matches!(
            huge.check("component", 10),
            Err(OciError::TooLarge { .. })
        ));
        let weak = Descriptor {
            digest: "md5:00".into(),
            ..Descriptor::of(LAYER, b"")
        };
        assert!(weak.check("component", 10).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Manifest::read(&bytes).and_then(|m| m.component().map(drop));
        }
    }
}
