//! A signature over a plugin: a DSSE envelope around an in-toto statement.
//!
//! What is signed is not the component alone: a manifest that asks for more would then pass under the signature of one
//! that asked for less. The statement names both by their SHA-256:
//!
//! ```json
//! {"_type":"https://in-toto.io/Statement/v1",
//!  "subject":[{"name":"text-cleaner.wasm","digest":{"sha256":"…"}},
//!             {"name":"steward.toml","digest":{"sha256":"…"}}],
//!  "predicateType":"https://steward.dev/plugin-signature/v1",
//!  "predicate":{"plugin":"text-cleaner","version":"1.0.0"}}
//! ```
//!
//! The envelope ([DSSE 1.0](https://github.com/secure-systems-lab/dsse/blob/v1.0.0/envelope.md)) signs its
//! *pre-authentication encoding*: `DSSEv1`, the type of the payload and the payload, each with its length. So no bytes
//! that were signed for another purpose pass as a statement, and no JSON has to be brought into a canonical form: the
//! very bytes that were signed are carried along. Statement and envelope are what the tools of in-toto and Sigstore
//! read and write.
//!
//! A `keyid` here is the public key itself. DSSE says that it must decide nothing, and it does not: whoever verifies
//! has a list of trusted keys, and a key that is not in it vouches for nothing.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};

use crate::keys::{PublicKey, SigningKey};

/// The largest envelope that is read, in bytes.
pub const MAX_ENVELOPE_BYTES: usize = 64 * 1024;
/// The most signatures of one envelope.
pub const MAX_SIGNATURES: usize = 8;

const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://steward.dev/plugin-signature/v1";
const MANIFEST: &str = "steward.toml";

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject<'a> {
    /// Name of the plugin.
    pub plugin: &'a str,
    /// Its version.
    pub version: &'a str,
    /// SHA-256 of the component.
    pub component: [u8; 32],
    /// SHA-256 of the manifest, byte for byte as it is sent.
    pub manifest: [u8; 32],
}

/// Why a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// More bytes than are read.
    #[error("the signature has {0} bytes; at most {MAX_ENVELOPE_BYTES} are read")]
    TooLarge(usize),
    /// Not an envelope, or not one around a statement about a plugin.
    #[error("the signature cannot be read: {0}")]
    Unreadable(String),
    /// Signed, but not by that key, or changed afterwards.
    #[error(
        "the signature by {0} does not fit what it stands under: it was changed, or is not of this key"
    )]
    Broken(PublicKey),
    /// No signature that can be verified here.
    #[error("no signature in it is by an Ed25519 key that it names")]
    NoneKnown,
    /// A signature of another component.
    #[error("it signs another component: sha256:{signed}, and this one is sha256:{given}")]
    Component {
        /// What was signed.
        signed: String,
        /// What is here.
        given: String,
    },
    /// A signature of another manifest.
    #[error("it signs another manifest: sha256:{signed}, and this one is sha256:{given}")]
    Manifest {
        /// What was signed.
        signed: String,
        /// What is here.
        given: String,
    },
    /// A signature of another plugin or version.
    #[error("it signs {signed}, and this is {given}")]
    Plugin {
        /// What was signed.
        signed: String,
        /// What is here.
        given: String,
    },
}

/// Signatures over one statement. This is what a `.wasm.sig` file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    payload_type: String,
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Signature {
    #[serde(default)]
    keyid: String,
    sig: String,
}

#[derive(Serialize, Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Artifact>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Serialize, Deserialize)]
struct Artifact {
    name: String,
    digest: Sha256,
}

#[derive(Serialize, Deserialize)]
struct Sha256 {
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Predicate {
    plugin: String,
    version: String,
}

impl Envelope {
    /// Signs.
    pub fn sign(subject: &Subject<'_>, key: &SigningKey) -> Self {
        let artifact = |name: String, digest: [u8; 32]| Artifact {
            name,
            digest: Sha256 {
                sha256: hex::encode(digest),
            },
        };
        let statement = Statement {
            kind: STATEMENT.into(),
            subject: vec![
                artifact(format!("{}.wasm", subject.plugin), subject.component),
                artifact(MANIFEST.into(), subject.manifest),
            ],
            predicate_type: PREDICATE.into(),
            predicate: Predicate {
                plugin: subject.plugin.into(),
                version: subject.version.into(),
            },
        };
        // Text and lists of text: nothing in it can fail to be written.
        let payload = serde_json::to_vec(&statement).unwrap_or_default();
        let mut envelope = Self {
            payload_type: PAYLOAD_TYPE.into(),
            payload: STANDARD.encode(&payload),
            signatures: Vec::new(),
        };
        envelope.add(&payload, key);
        envelope
    }

    /// Signs beside the signatures that are there, in place of an older one by this key.
    ///
    /// # Errors
    /// What is there is of another plugin or broken, or there are [`MAX_SIGNATURES`] already.
    pub fn sign_too(
        mut self,
        subject: &Subject<'_>,
        key: &SigningKey,
    ) -> Result<Self, SignatureError> {
        self.verify(subject)?;
        let keyid = key.public().to_string();
        self.signatures.retain(|signature| signature.keyid != keyid);
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(too_many());
        }
        let payload = self.payload()?;
        self.add(&payload, key);
        Ok(self)
    }

    fn add(&mut self, payload: &[u8], key: &SigningKey) {
        self.signatures.push(Signature {
            keyid: key.public().to_string(),
            sig: STANDARD.encode(key.sign(&encoded(PAYLOAD_TYPE, payload))),
        });
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`SignatureError::TooLarge`], [`SignatureError::Unreadable`].
    pub fn read(bytes: &[u8]) -> Result<Self, SignatureError> {
        if bytes.len() > MAX_ENVELOPE_BYTES {
            return Err(SignatureError::TooLarge(bytes.len()));
        }
        let envelope: Self = serde_json::from_slice(bytes)
            .map_err(|e| SignatureError::Unreadable(format!("it is no DSSE envelope: {e}")))?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(SignatureError::Unreadable(format!(
                "it signs `{}`, not `{PAYLOAD_TYPE}`",
                crate::line(&envelope.payload_type, 80)
            )));
        }
        if envelope.signatures.len() > MAX_SIGNATURES {
            return Err(too_many());
        }
        Ok(envelope)
    }

    /// The file, with a line break at its end.
    pub fn to_json(&self) -> String {
        // Text and lists of text again.
        let mut json = serde_json::to_string(self).unwrap_or_default();
        json.push('\n');
        json
    }

    /// Whether the signatures hold and are of this plugin; the keys that made them. Whether a key is one to trust is
    /// for the caller to say. A signature by something that is no Ed25519 key is passed over, a broken one is not:
    /// nobody attaches that by accident.
    ///
    /// # Errors
    /// Every [`SignatureError`] but the size.
    pub fn verify(&self, subject: &Subject<'_>) -> Result<Vec<PublicKey>, SignatureError> {
        let payload = self.payload()?;
        let message = encoded(&self.payload_type, &payload);
        let mut keys = Vec::new();
        for signature in &self.signatures {
            let Ok(key) = signature.keyid.parse::<PublicKey>() else {
                continue;
            };
            let holds = decoded(&signature.sig).is_some_and(|bytes| key.verifies(&message, &bytes));
            if !holds {
                return Err(SignatureError::Broken(key));
            }
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        if keys.is_empty() {
            return Err(SignatureError::NoneKnown);
        }
        // Read only now: what nobody signed is not looked into.
        let statement: Statement = serde_json::from_slice(&payload)
            .map_err(|e| SignatureError::Unreadable(format!("it signs no statement: {e}")))?;
        statement.is_of(subject)?;
        Ok(keys)
    }

    fn payload(&self) -> Result<Vec<u8>, SignatureError> {
        decoded(&self.payload)
            .ok_or_else(|| SignatureError::Unreadable("its payload is not base64".into()))
    }
}

impl Statement {
    fn is_of(&self, subject: &Subject<'_>) -> Result<(), SignatureError> {
        if self.kind != STATEMENT || self.predicate_type != PREDICATE {
            return Err(SignatureError::Unreadable(format!(
                "it is a statement `{}`, not `{PREDICATE}`",
                crate::line(&self.predicate_type, 80)
            )));
        }
        let [component, manifest] = &self.subject[..] else {
            return Err(SignatureError::Unreadable(format!(
                "it names {} files, not a component and its manifest",
                self.subject.len()
            )));
        };
        if manifest.name != MANIFEST {
            return Err(SignatureError::Unreadable(format!(
                "its second file is `{}`, not `{MANIFEST}`",
                crate::line(&manifest.name, 80)
            )));
        }
        let given = hex::encode(subject.component);
        if component.digest.sha256 != given {
            return Err(SignatureError::Component {
                signed: crate::line(&component.digest.sha256, 64),
                given,
            });
        }
        let given = hex::encode(subject.manifest);
        if manifest.digest.sha256 != given {
            return Err(SignatureError::Manifest {
                signed: crate::line(&manifest.digest.sha256, 64),
                given,
            });
        }
        let Predicate { plugin, version } = &self.predicate;
        if (plugin.as_str(), version.as_str()) != (subject.plugin, subject.version) {
            return Err(SignatureError::Plugin {
                signed: crate::line(&format!("{plugin}@{version}"), 200),
                given: format!("{}@{}", subject.plugin, subject.version),
            });
        }
        Ok(())
    }
}

fn too_many() -> SignatureError {
    SignatureError::Unreadable(format!("it has more than {MAX_SIGNATURES} signatures"))
}

/// DSSE allows both alphabets.
fn decoded(text: &str) -> Option<Vec<u8>> {
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .ok()
}

/// The pre-authentication encoding of DSSE 1.0.
fn encoded(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject() -> Subject<'static> {
        Subject {
            plugin: "text-cleaner",
            version: "1.0.0",
            component: crate::sha256(b"component"),
            manifest: crate::sha256(b"manifest"),
        }
    }

    fn key() -> SigningKey {
        SigningKey::generate().unwrap().0
    }

    #[test]
    fn the_encoding_is_that_of_the_standard() {
        // The example of the DSSE protocol.
        assert_eq!(
            encoded("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn what_is_signed_is_verified_after_a_trip_through_a_file() {
        let (one, two) = (key(), key());
        let envelope = Envelope::sign(&subject(), &one);
        let read = Envelope::read(envelope.to_json().as_bytes()).unwrap();
        assert_eq!(read.verify(&subject()).unwrap(), [one.public()]);
        let both = read.sign_too(&subject(), &two).unwrap();
        let keys = both.verify(&subject()).unwrap();
        assert_eq!(keys, [one.public(), two.public()]);
        // Signed again by the same key there is one signature of it.
        let again = both.sign_too(&subject(), &one).unwrap();
        assert_eq!(again.signatures.len(), 2);
    }

    #[test]
    fn another_component_manifest_plugin_or_version_is_refused_by_its_name() {
        let envelope = Envelope::sign(&subject(), &key());
        let other = crate::sha256(b"other");
        let component = Subject {
            component: other,
            ..subject()
        };
        assert!(matches!(
            envelope.verify(&component),
            Err(SignatureError::Component { .. })
        ));
        let manifest = Subject {
            manifest: other,
            ..subject()
        };
        assert!(matches!(
            envelope.verify(&manifest),
            Err(SignatureError::Manifest { .. })
        ));
        for other in [
            Subject {
                plugin: "x",
                ..subject()
            },
            Subject {
                version: "1.0.1",
                ..subject()
            },
        ] {
            assert!(matches!(
                envelope.verify(&other),
                Err(SignatureError::Plugin { .. })
            ));
        }
    }

    #[test]
    fn a_signature_under_another_name_or_another_payload_is_broken() {
        let (mine, other) = (key(), key());
        let mut envelope = Envelope::sign(&subject(), &mine);
        envelope.signatures[0].keyid = other.public().to_string();
        assert_eq!(
            envelope.verify(&subject()),
            Err(SignatureError::Broken(other.public()))
        );
        let mut envelope = Envelope::sign(&subject(), &mine);
        envelope.payload = Envelope::sign(
            &Subject {
                version: "2.0.0",
                ..subject()
            },
            &mine,
        )
        .payload;
        assert_eq!(
            envelope.verify(&subject()),
            Err(SignatureError::Broken(mine.public()))
        );
        envelope.signatures.clear();
        assert_eq!(envelope.verify(&subject()), Err(SignatureError::NoneKnown));
    }

    #[test]
    fn what_was_signed_for_another_purpose_is_no_signature_of_a_plugin() {
        let key = key();
        let statement = serde_json::json!({
            "_type": STATEMENT, "subject": [], "predicateType": "https://slsa.dev/provenance/v1", "predicate": {"plugin": "", "version": ""}
        })
        .to_string();
        let mut envelope = Envelope::sign(&subject(), &key);
        envelope.payload = STANDARD.encode(&statement);
        envelope.signatures.clear();
        envelope.add(statement.as_bytes(), &key);
        assert!(matches!(
            envelope.verify(&subject()),
            Err(SignatureError::Unreadable(_))
        ));
        // The payload signed bare, without the encoding.
        let mut bare = Envelope::sign(&subject(), &key);
        bare.signatures[0].sig = STANDARD.encode(key.sign(&bare.payload().unwrap()));
        assert_eq!(
            bare.verify(&subject()),
            Err(SignatureError::Broken(key.public()))
        );
    }

    #[test]
    fn files_that_are_too_large_or_hold_too_much_are_refused() {
        let large = vec![b' '; MAX_ENVELOPE_BYTES + 1];
        assert_eq!(
            Envelope::read(&large),
            Err(SignatureError::TooLarge(large.len()))
        );
        let mut many = Envelope::sign(&subject(), &key());
        let one = many.signatures[0].clone();
        many.signatures.resize(MAX_SIGNATURES + 1, one);
        assert!(Envelope::read(many.to_json().as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_byte_of_an_envelope_can_be_changed(at in 0usize..2000, to in any::<u8>()) {
            let key = key();
            let json = Envelope::sign(&subject(), &key).to_json();
            let mut bytes = json.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] = to;
            // Either nothing that matters was changed, or it does not verify.
            let verified = Envelope::read(&bytes).and_then(|e| e.verify(&subject()));
            if let Ok(keys) = verified {
                prop_assert_eq!(keys, vec![key.public()]);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Envelope::read(&bytes).and_then(|e| e.verify(&subject()));
        }
    }
}
