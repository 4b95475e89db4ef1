//! Signatures of the host: that something was said by it, or by a host with the same keys.

use ring::hmac;

use crate::{HostKey, KeyRing};

/// The key for one purpose: none of the others can be told from it.
fn own(key: &HostKey, purpose: &str) -> hmac::Key {
    let mut name = b"steward signature\0".to_vec();
    name.extend_from_slice(purpose.as_bytes());
    let own = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.bytes()), &name);
    hmac::Key::new(hmac::HMAC_SHA256, own.as_ref())
}

/// The id of the current key, and the MAC (HMAC-SHA-256) over a text for a purpose, in hexadecimal digits.
pub(crate) fn sign(ring: &KeyRing, purpose: &str, text: &[u8]) -> (String, String) {
    let key = ring.current();
    let mac = hmac::sign(&own(key, purpose), text);
    (key.id().to_owned(), hex::encode(mac))
}

/// Whether it is the MAC under the key of this id. Takes as long for a wrong one as for the right one.
pub(crate) fn verify(
    ring: &KeyRing,
    purpose: &str,
    text: &[u8],
    key_id: &str,
    signature: &str,
) -> bool {
    let (Some(key), Ok(given)) = (ring.find(key_id), hex::decode(signature)) else {
        return false;
    };
    hmac::verify(&own(key, purpose), text, &given).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_one_text_one_purpose_and_one_key() {
        let ring = KeyRing::of(HostKey::generate().unwrap());
        let (key, signature) = sign(&ring, "a", "好".as_bytes());
        let holds = |ring: &KeyRing, purpose: &str, text: &str, key: &str, signature: &str| {
            verify(ring, purpose, text.as_bytes(), key, signature)
        };
        assert!(holds(&ring, "a", "好", &key, &signature));
        assert!(!holds(&ring, "b", "好", &key, &signature));
        assert!(!holds(&ring, "a", "好 ", &key, &signature));
        assert!(!holds(&ring, "a", "好", "0", &signature));
        for bad in ["", "00", "zz", signature.get(2..).unwrap()] {
            assert!(!holds(&ring, "a", "好", &key, bad), "{bad}");
        }
        // An older key of the ring still says that it was this host.
        let renewed = ring.with(HostKey::generate().unwrap());
        assert!(holds(&renewed, "a", "好", &key, &signature));
        let other = KeyRing::of(HostKey::generate().unwrap());
        assert!(!holds(&other, "a", "好", &key, &signature));
    }
}
