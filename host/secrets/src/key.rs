//! The keys of the host.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::SecretsError;

/// Bytes of a key of AES-256.
pub(crate) const KEY_BYTES: usize = 32;
/// Keys in one ring.
const MAX_KEYS: usize = 16;
/// The longest text of a ring.
pub(crate) const MAX_TEXT_BYTES: usize = 16 * 1024;

/// A key under which the keys of values are encrypted.
#[derive(Clone)]
pub struct HostKey {
    id: String,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl HostKey {
    /// A new one.
    ///
    /// # Errors
    /// [`SecretsError::Random`]
    pub fn generate() -> Result<Self, SecretsError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        SystemRandom::new()
            .fill(bytes.as_mut())
            .map_err(|_| SecretsError::Random)?;
        Ok(Self::of(bytes))
    }

    fn of(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let hash = Sha256::new()
            .chain_update(b"steward host key\0")
            .chain_update(bytes.as_ref())
            .finalize();
        let id = hex::encode(hash.get(..8).unwrap_or_default());
        Self { id, bytes }
    }

    /// Which key it is; says nothing of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// As it stands in files: base64.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.bytes.as_ref()))
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostKey({})", self.id)
    }
}

/// The key of the host, and older ones that some secrets are still encrypted under.
#[derive(Debug, Clone)]
pub struct KeyRing {
    current: HostKey,
    older: Vec<HostKey>,
}

impl KeyRing {
    /// Reads a ring: one key a line, 32 bytes in base64. The first is the current one. Empty lines and those that begin
    /// with `#` say nothing.
    ///
    /// # Errors
    /// [`SecretsError::Key`], with the number of the line.
    pub fn parse(text: &str) -> Result<Self, SecretsError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(SecretsError::Key(format!(
                "more than {MAX_TEXT_BYTES} bytes"
            )));
        }
        let mut keys = Vec::new();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || {
                SecretsError::Key(format!(
                    "line {} is not {KEY_BYTES} bytes in base64; `openssl rand -base64 {KEY_BYTES}` makes such a key",
                    n + 1
                ))
            };
            let decoded = Zeroizing::new(STANDARD.decode(line).map_err(|_| wrong())?);
            let mut bytes = Zeroizing::new([0; KEY_BYTES]);
            if decoded.len() != KEY_BYTES {
                return Err(wrong());
            }
            bytes.copy_from_slice(&decoded);
            keys.push(HostKey::of(bytes));
            if keys.len() > MAX_KEYS {
                return Err(SecretsError::Key(format!("more than {MAX_KEYS} keys")));
            }
        }
        let mut keys = keys.into_iter();
        let current = keys
            .next()
            .ok_or_else(|| SecretsError::Key("there is no key in it".into()))?;
        Ok(Self {
            current,
            older: keys.collect(),
        })
    }

    /// A ring of one.
    pub fn of(key: HostKey) -> Self {
        Self {
            current: key,
            older: Vec::new(),
        }
    }

    /// The key for what is encrypted now.
    pub fn current(&self) -> &HostKey {
        &self.current
    }

    /// The key of this id.
    pub fn find(&self, id: &str) -> Option<&HostKey> {
        self.keys().find(|key| key.id() == id)
    }

    /// Every key, the current one first.
    pub fn keys(&self) -> impl Iterator<Item = &HostKey> {
        std::iter::once(&self.current).chain(&self.older)
    }

    /// The same with a new current key.
    #[must_use]
    pub fn with(&self, key: HostKey) -> Self {
        Self {
            current: key,
            older: self.keys().cloned().collect(),
        }
    }

    /// The current key and those of the older ones that are wanted.
    #[must_use]
    pub fn keeping(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let older = self.older.iter().filter(|key| wanted(key.id()));
        Self {
            current: self.current.clone(),
            older: older.cloned().collect(),
        }
    }

    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(MAX_KEYS * 64));
        for key in self.keys() {
            text.push_str(&key.to_text());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_is_the_current_one_and_none_is_shown() {
        let ring = KeyRing::of(HostKey::generate().unwrap());
        let old = ring.current().id().to_owned();
        let ring = ring.with(HostKey::generate().unwrap());
        let text = ring.to_text();
        let read = KeyRing::parse(&format!("# kept by two people\n\n{}", *text)).unwrap();
        assert_eq!(read.current().id(), ring.current().id());
        assert!(read.find(&old).is_some() && read.find("0").is_none());
        assert!(read.keeping(|_| false).find(&old).is_none());
        let shown = format!("{read:?}");
        assert!(text.lines().all(|key| !shown.contains(key)), "{shown}");
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        for bad in [
            "",
            "\n# nothing\n",
            "AAAA",
            "not base64!",
            &"A".repeat(44),
            &"A".repeat(20_000),
        ] {
            let refused = KeyRing::parse(bad).unwrap_err().to_string();
            assert!(
                bad.trim().len() < 4 || !refused.contains(bad.trim()),
                "{refused}"
            );
        }
        let zeros = STANDARD.encode([0; KEY_BYTES]);
        assert!(KeyRing::parse(&zeros).is_ok());
        assert!(KeyRing::parse(&format!("{zeros}\n").repeat(17)).is_err());
    }
}
