//! From a value to what is stored, and back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use steward_registry::{Name, SealedSecret, TenantId};
use zeroize::Zeroizing;

use crate::key::KEY_BYTES;
use crate::{HostKey, KeyRing, Secret, SecretsError};

/// Encrypts a value for this tenant and name.
pub(crate) fn seal(
    key: &HostKey,
    tenant: &TenantId,
    name: &Name,
    value: &Secret,
) -> Result<SealedSecret, SecretsError> {
    let mut own = Zeroizing::new([0; KEY_BYTES]);
    SystemRandom::new()
        .fill(own.as_mut())
        .map_err(|_| SecretsError::Random)?;
    Ok(SealedSecret {
        key_id: key.id().to_owned(),
        wrapped_key: encrypt(key.bytes(), &wrapping(tenant, name, key.id()), own.as_ref())?,
        ciphertext: encrypt(&own, &binding(tenant, name), value.reveal())?,
    })
}

/// Decrypts what was encrypted for this tenant and name.
pub(crate) fn open(
    key: &HostKey,
    tenant: &TenantId,
    name: &Name,
    sealed: &SealedSecret,
) -> Result<Secret, SecretsError> {
    let damaged = || SecretsError::Damaged {
        name: name.to_string(),
    };
    let own = unwrap(key, tenant, name, sealed)?;
    let value = decrypt(&own, &binding(tenant, name), &sealed.ciphertext).ok_or_else(damaged)?;
    Ok(Secret::from_zeroizing(value))
}

/// The same secret under the current key of the ring. The value stays encrypted.
pub(crate) fn rewrap(
    ring: &KeyRing,
    tenant: &TenantId,
    name: &Name,
    sealed: &SealedSecret,
) -> Result<SealedSecret, SecretsError> {
    let old = ring
        .find(&sealed.key_id)
        .ok_or_else(|| SecretsError::UnknownKey {
            key_id: sealed.key_id.clone(),
        })?;
    let own = unwrap(old, tenant, name, sealed)?;
    let key = ring.current();
    Ok(SealedSecret {
        key_id: key.id().to_owned(),
        wrapped_key: encrypt(key.bytes(), &wrapping(tenant, name, key.id()), own.as_ref())?,
        ciphertext: sealed.ciphertext.clone(),
    })
}

fn unwrap(
    key: &HostKey,
    tenant: &TenantId,
    name: &Name,
    sealed: &SealedSecret,
) -> Result<Zeroizing<[u8; KEY_BYTES]>, SecretsError> {
    let damaged = || SecretsError::Damaged {
        name: name.to_string(),
    };
    let unwrapped = decrypt(
        key.bytes(),
        &wrapping(tenant, name, key.id()),
        &sealed.wrapped_key,
    )
    .filter(|own| own.len() == KEY_BYTES)
    .ok_or_else(damaged)?;
    let mut own = Zeroizing::new([0; KEY_BYTES]);
    own.copy_from_slice(&unwrapped);
    Ok(own)
}

/// What the ciphertext of a value is bound to. Names hold no NUL.
fn binding(tenant: &TenantId, name: &Name) -> String {
    format!("steward/secret/1\0{tenant}\0{name}")
}

/// What an encrypted key is bound to.
fn wrapping(tenant: &TenantId, name: &Name, key_id: &str) -> String {
    format!("steward/secret-key/1\0{tenant}\0{name}\0{key_id}")
}

fn cipher(key: &[u8; KEY_BYTES]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key)
        .ok()
        .map(LessSafeKey::new)
}

/// Nonce, ciphertext and tag, in base64. A nonce of 96 random bits is safe for 2³² messages under one key (NIST SP
/// 800-38D): the key of a value encrypts one, that of the host one for each time that a secret is set.
fn encrypt(key: &[u8; KEY_BYTES], bound_to: &str, plain: &[u8]) -> Result<String, SecretsError> {
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new()
        .fill(&mut nonce)
        .map_err(|_| SecretsError::Random)?;
    // As much room as it will take: a buffer that grows would leave the value behind.
    let mut sealed = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM.tag_len()));
    sealed.extend_from_slice(plain);
    cipher(key)
        .and_then(|cipher| {
            cipher
                .seal_in_place_append_tag(
                    Nonce::assume_unique_for_key(nonce),
                    Aad::from(bound_to),
                    &mut *sealed,
                )
                .ok()
        })
        .ok_or(SecretsError::Random)?;
    Ok(STANDARD.encode([&nonce[..], &sealed].concat()))
}

fn decrypt(key: &[u8; KEY_BYTES], bound_to: &str, stored: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = STANDARD.decode(stored).ok()?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
    let mut plain = Zeroizing::new(sealed.to_vec());
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let length = cipher(key)?
        .open_in_place(nonce, Aad::from(bound_to), &mut plain)
        .ok()?
        .len();
    plain.truncate(length);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    fn name(name: &str) -> Name {
        name.parse().unwrap()
    }

    #[test]
    fn a_row_that_was_moved_opens_nothing() {
        let key = HostKey::generate().unwrap();
        let value = Secret::new(b"hunter2".to_vec()).unwrap();
        let (acme, token) = (tenant("acme"), name("token"));
        let sealed = seal(&key, &acme, &token, &value).unwrap();
        assert_eq!(
            open(&key, &acme, &token, &sealed).unwrap().reveal(),
            b"hunter2"
        );
        for (tenant, name) in [
            (tenant("other"), token.clone()),
            (acme.clone(), name("tokens")),
        ] {
            assert!(matches!(
                open(&key, &tenant, &name, &sealed),
                Err(SecretsError::Damaged { .. })
            ));
        }
        let other = HostKey::generate().unwrap();
        assert!(open(&other, &acme, &token, &sealed).is_err());
        // Two envelopes of one name share nothing: their parts cannot be mixed.
        let second = seal(&key, &acme, &token, &value).unwrap();
        assert_ne!(sealed.ciphertext, second.ciphertext);
        let mixed = SealedSecret {
            ciphertext: second.ciphertext,
            ..sealed.clone()
        };
        assert!(open(&key, &acme, &token, &mixed).is_err());
        assert!(!format!("{sealed:?}{value:?}").contains("hunter2"));
    }

    #[test]
    fn a_new_host_key_leaves_the_ciphertext_of_the_value_alone() {
        let (acme, token) = (tenant("acme"), name("token"));
        let ring = KeyRing::of(HostKey::generate().unwrap());
        let value = Secret::new("密码".into()).unwrap();
        let sealed = seal(ring.current(), &acme, &token, &value).unwrap();
        let ring = ring.with(HostKey::generate().unwrap());
        let again = rewrap(&ring, &acme, &token, &sealed).unwrap();
        assert_eq!(
            (again.key_id.as_str(), &again.ciphertext),
            (ring.current().id(), &sealed.ciphertext)
        );
        assert_ne!(again.wrapped_key, sealed.wrapped_key);
        let opened = open(ring.current(), &acme, &token, &again).unwrap();
        assert_eq!(opened.reveal(), "密码".as_bytes());
        let without = ring.keeping(|_| false);
        assert!(matches!(
            rewrap(&without, &acme, &token, &sealed),
            Err(SecretsError::UnknownKey { .. })
        ));
    }

    #[test]
    fn values_are_bounded() {
        assert!(Secret::new(Vec::new()).is_err());
        assert!(Secret::new(vec![0; crate::MAX_SECRET_BYTES]).is_ok());
        assert!(Secret::new(vec![0; crate::MAX_SECRET_BYTES + 1]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_was_changed_is_damaged(value in proptest::collection::vec(any::<u8>(), 1..200), at: usize, bit in 0..8u8) {
            let (acme, token) = (tenant("acme"), name("token"));
            let key = HostKey::generate().unwrap();
            let sealed = seal(&key, &acme, &token, &Secret::new(value.clone()).unwrap()).unwrap();
            let opened = open(&key, &acme, &token, &sealed).unwrap();
            prop_assert_eq!(opened.reveal(), &value[..]);
            let flipped = |text: &str| {
                let mut bytes = STANDARD.decode(text).unwrap();
                let at = at % bytes.len();
                bytes[at] ^= 1 << bit;
                STANDARD.encode(bytes)
            };
            let changed = SealedSecret { ciphertext: flipped(&sealed.ciphertext), ..sealed.clone() };
            prop_assert!(open(&key, &acme, &token, &changed).is_err());
            let changed = SealedSecret { wrapped_key: flipped(&sealed.wrapped_key), ..sealed.clone() };
            prop_assert!(open(&key, &acme, &token, &changed).is_err());
        }

        #[test]
        fn any_text_is_damaged_and_no_panic(text in "\\PC{0,60}") {
            prop_assert!(decrypt(&[0; KEY_BYTES], "", &text).is_none());
        }
    }
}
