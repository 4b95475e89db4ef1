//! The signatures of jsonwebtoken, checked by ring: the cryptography that the host has already.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result, new_error};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use signature::{Error, Verifier};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Lets jsonwebtoken use ring, once in a process.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    // It fails where another is installed, and then the checks are that one's.
    ONCE.call_once(|| {
        let _ = PROVIDER.install_default();
    });
}

/// This host issues no tokens.
fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(new_error(ErrorKind::UnsupportedAlgorithm))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let plain = |algorithm: &'static dyn VerificationAlgorithm| -> Result<Key> {
        Ok(Key::Plain(algorithm, key.try_get_as_bytes()?.to_vec()))
    };
    let checked = match (algorithm, key.family(), key.kind()) {
        (Algorithm::RS256, AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            Key::Rsa(RsaPublicKeyComponents {
                n: n.clone(),
                e: e.clone(),
            })
        }
        (Algorithm::ES256, AlgorithmFamily::Ec, _) => plain(&ECDSA_P256_SHA256_FIXED)?,
        (Algorithm::EdDSA, AlgorithmFamily::Ed, _) => plain(&ED25519)?,
        _ => return Err(new_error(ErrorKind::InvalidAlgorithm)),
    };
    Ok(Box::new(Check {
        algorithm: *algorithm,
        key: checked,
    }))
}

struct Check {
    algorithm: Algorithm,
    key: Key,
}

enum Key {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    Plain(&'static dyn VerificationAlgorithm, Vec<u8>),
}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        match &self.key {
            Key::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            Key::Plain(algorithm, key) => {
                UnparsedPublicKey::new(*algorithm, key).verify(message, signature)
            }
        }
        .map_err(|_| Error::new())
    }
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
