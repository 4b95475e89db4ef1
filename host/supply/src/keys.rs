//! Ed25519 keys (RFC 8032) as people keep them: a private key in a PEM file (PKCS#8, RFC 8410), a public key on one line.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SecureRandom as _;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

/// What a public key on a line begins with.
const PREFIX: &str = "ed25519:";
/// More bytes than a file with one key has.
pub const MAX_KEY_FILE_BYTES: usize = 4096;
/// What stands before the 32 bytes of a private key: PKCS#8, version 1, the algorithm Ed25519.
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// What stands before the 32 bytes of a public key: a SubjectPublicKeyInfo with the algorithm Ed25519.
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Why a key is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a public key.
    #[error(
        "not a public key: it is `ed25519:` and 43 characters of base64, or a PEM file that begins with `-----BEGIN PUBLIC KEY-----`; {0}"
    )]
    Public(String),
    /// Not a private key.
    #[error(
        "not a private key: it is a PEM file that begins with `-----BEGIN PRIVATE KEY-----` and holds an Ed25519 key; {0}"
    )]
    Private(String),
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    Random,
}

/// The public half of a key: what a tenant trusts.
///
/// ```
/// use steward_supply::PublicKey;
/// let line = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
/// let key: PublicKey = line.parse()?;
/// assert_eq!(key.to_string(), line);
/// # Ok::<(), steward_supply::KeyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads the line, or the PEM file that other tools write (`openssl pkey -pubout`).
    ///
    /// # Errors
    /// [`KeyError::Public`]
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if !text.starts_with("-----BEGIN") {
            return text.parse();
        }
        let der = pem(text, "PUBLIC KEY").map_err(KeyError::Public)?;
        der.strip_prefix(&SPKI)
            .and_then(|key| <[u8; 32]>::try_from(key).ok())
            .map(Self)
            .ok_or_else(|| KeyError::Public("this one holds a key of another kind".into()))
    }

    /// Whether this is a signature by this key over these bytes.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let wrong = |why: &str| KeyError::Public(why.to_owned());
        let encoded = text
            .strip_prefix(PREFIX)
            .ok_or_else(|| wrong("this one begins otherwise"))?;
        if encoded.len() != 43 {
            return Err(wrong("this one has another length"));
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| wrong("this one has other characters"))?;
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| wrong("this one is too long"))?;
        Ok(Self(bytes))
    }
}

/// The private half of a key. It is never shown, not in `Debug` either.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

impl SigningKey {
    /// A new key and the PEM file to keep it in. The file is PKCS#8 version 1, which OpenSSL reads as well.
    ///
    /// # Errors
    /// [`KeyError::Random`]
    pub fn generate() -> Result<(Self, String), KeyError> {
        let mut der = [0; PKCS8.len() + 32];
        let (head, seed) = der.split_at_mut(PKCS8.len());
        head.copy_from_slice(&PKCS8);
        ring::rand::SystemRandom::new()
            .fill(seed)
            .map_err(|_| KeyError::Random)?;
        let key = Self::of_der(&der)?;
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der)
        );
        Ok((key, pem))
    }

    /// Reads a PEM file.
    ///
    /// # Errors
    /// [`KeyError::Private`]; its text never repeats what stood in the file.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
            let why = "this one is locked by a password: unlock it with `openssl pkey` into a file that only you can read";
            return Err(KeyError::Private(why.into()));
        }
        Self::of_der(&pem(text, "PRIVATE KEY").map_err(KeyError::Private)?)
    }

    fn of_der(der: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map_err(|e| KeyError::Private(format!("this one is refused: {e}")))?;
        let public = <[u8; 32]>::try_from(pair.public_key().as_ref())
            .map_err(|_| KeyError::Private("its public half has another length".into()))?;
        Ok(Self {
            pair,
            public: PublicKey(public),
        })
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The 64 bytes of a signature over these bytes.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

/// The bytes of the one block in a PEM file (RFC 7468).
fn pem(text: &str, label: &str) -> Result<Vec<u8>, String> {
    if text.len() > MAX_KEY_FILE_BYTES {
        return Err("this one is too large to hold one key".into());
    }
    let inner = text
        .trim()
        .strip_prefix(&format!("-----BEGIN {label}-----"))
        .and_then(|rest| rest.strip_suffix(&format!("-----END {label}-----")))
        .ok_or("this one begins or ends otherwise")?;
    let encoded: String = inner.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD
        .decode(encoded)
        .map_err(|_| "what stands in it is not base64".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410, 10.3 and 10.1.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    /// The same private key in version 2, with attributes and the public half beside it.
    const PRIVATE_2: &str = "-----BEGIN PRIVATE KEY-----\nMHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\noB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\nZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PRIVATE KEY-----\n";

    #[test]
    fn the_keys_of_the_standard_are_read() {
        let key = SigningKey::read(PRIVATE).unwrap();
        assert_eq!(key.public(), PublicKey::read(PUBLIC).unwrap());
        assert_eq!(key.public(), key.public().to_string().parse().unwrap());
        assert_eq!(SigningKey::read(PRIVATE_2).unwrap().public(), key.public());
        assert!(!format!("{key:?}").contains("1O5y"), "{key:?}");
    }

    #[test]
    fn a_signature_of_the_standard_verifies() {
        // RFC 8032, 7.1, test 2.
        let key: PublicKey = format!(
            "{PREFIX}{}",
            URL_SAFE_NO_PAD.encode(
                hex::decode("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
                    .unwrap()
            )
        )
        .parse()
        .unwrap();
        let signature = hex::decode(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        )
        .unwrap();
        assert!(key.verifies(&[0x72], &signature));
        assert!(!key.verifies(&[0x73], &signature));
        assert!(!key.verifies(&[0x72], &signature[1..]));
    }

    #[test]
    fn a_new_key_is_read_again_and_signs() {
        let (key, pem) = SigningKey::generate().unwrap();
        let again = SigningKey::read(&pem).unwrap();
        assert_eq!(key.public(), again.public());
        assert!(key.public().verifies(b"x", &again.sign(b"x")));
        let (other, _) = SigningKey::generate().unwrap();
        assert_ne!(other.public(), key.public());
        assert!(!other.public().verifies(b"x", &key.sign(b"x")));
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        for wrong in [
            "",
            "ed25519:",
            "ed25519:AAAA",
            "ssh-ed25519 AAAA",
            "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            PRIVATE,
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ==\n-----END PUBLIC KEY-----",
        ] {
            assert!(PublicKey::read(wrong).is_err(), "{wrong}");
        }
        let secret = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK\n-----END PRIVATE KEY-----";
        for wrong in ["", PUBLIC, secret, "-----BEGIN ENCRYPTED PRIVATE KEY-----"] {
            let error = SigningKey::read(wrong).unwrap_err().to_string();
            assert!(!error.contains("MC4C"), "{error}");
        }
    }
}
