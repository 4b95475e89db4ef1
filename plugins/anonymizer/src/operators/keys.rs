//! Keys, and what is derived from them.

use aes_siv::siv::Aes256Siv;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac};
use sha2::Sha256;

/// The shortest key, in bytes: a shorter one could be found by trying.
const MIN: usize = 16;

/// The key of hashes, pseudonyms and surrogates. Each use has a key of its own derived from it, so
/// that one tells nothing of another.
#[derive(Clone)]
pub struct MasterKey(Hmac<Sha256>);

impl MasterKey {
    /// Takes the bytes of a configuration value as they are.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(value: &str) -> Result<Self, String> {
        if value.len() < MIN {
            return Err(format!(
                "a key has at least {MIN} bytes, this one has {}",
                value.len()
            ));
        }
        Hmac::new_from_slice(value.as_bytes())
            .map(Self)
            .map_err(|e| e.to_string())
    }

    /// HMAC-SHA-256 of some parts, each with its length before it.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// The first 16 hexadecimal digits of the HMAC-SHA-256 of what was found, as the operator
    /// `keyed-hash` writes them.
    pub fn hash(&self, found: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(found.as_bytes());
        hex(&mac.finalize().into_bytes()[..8])
    }
}

/// In hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|b| [digit(b >> 4), digit(b & 15)])
        .collect()
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

/// The key of encryption that can be undone: AES-256-SIV (RFC 5297). Equal findings become equal
/// texts; a text that was changed is refused.
pub struct EncryptionKey([u8; 64]);

impl EncryptionKey {
    /// Derives the key from a configuration value.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(value: &str) -> Result<Self, String> {
        let master = MasterKey::new(value)?;
        let mut key = [0; 64];
        for (half, purpose) in key.chunks_mut(32).zip(["encryption 1", "encryption 2"]) {
            half.copy_from_slice(&master.mac(&[b"steward anonymizer", purpose.as_bytes()]));
        }
        Ok(Self(key))
    }

    /// `<ENTITY:…>`, the name of the entity authenticated with the text.
    pub fn encrypt(&self, entity: &str, found: &str) -> String {
        let sealed = self
            .cipher()
            .and_then(|mut cipher| cipher.encrypt([entity.as_bytes()], found.as_bytes()).ok());
        match sealed {
            Some(sealed) => format!("<{entity}:{}>", BASE64_URL_SAFE_NO_PAD.encode(sealed)),
            // Nothing that was found stays where it cannot be encrypted.
            None => format!("<{entity}>"),
        }
    }

    /// What a text of [`Self::encrypt`] holds; none where it is none of this key.
    pub fn decrypt(&self, token: &str) -> Option<String> {
        let (entity, text) = token
            .strip_prefix('<')?
            .strip_suffix('>')?
            .split_once(':')?;
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let open = self.cipher()?.decrypt([entity.as_bytes()], &sealed).ok()?;
        String::from_utf8(open).ok()
    }

    fn cipher(&self) -> Option<Aes256Siv> {
        Aes256Siv::new_from_slice(&self.0).ok()
    }
}

impl std::fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EncryptionKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_keys_are_refused_and_no_key_is_shown() {
        assert!(MasterKey::new("fifteen bytes..").is_err());
        let key = MasterKey::new("0123456789abcdef").unwrap();
        assert_eq!(format!("{key:?}"), "MasterKey");
        // printf 13812345678 | openssl dgst -sha256 -hmac 0123456789abcdef
        assert_eq!(key.hash("13812345678"), "9a6a05aaf6e16b45");
    }

    #[test]
    fn another_key_or_a_changed_text_gives_nothing() {
        let key = EncryptionKey::new("0123456789abcdef").unwrap();
        let token = key.encrypt("URL", "https://例子.cn");
        assert_eq!(key.encrypt("URL", "https://例子.cn"), token);
        assert_eq!(key.decrypt(&token).as_deref(), Some("https://例子.cn"));
        assert_eq!(
            EncryptionKey::new("0123456789abcdeg")
                .unwrap()
                .decrypt(&token),
            None
        );
        for wrong in [
            "",
            "<URL>",
            "<URL:>",
            "<URL:!!!>",
            &token.replace("URL", "VIN"),
        ] {
            assert_eq!(key.decrypt(wrong), None, "{wrong}");
        }
    }
}
