//! Names and digests that cannot be wrong.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A name that broke the rule; the text says which rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a {what}: {rule}")]
pub struct InvalidId {
    given: String,
    what: &'static str,
    rule: &'static str,
}

const NAME_RULE: &str =
    "1 to 63 characters, a-z, 0-9 and single hyphens between them, starting with a letter";

/// One rule for every name that can appear in a path, a URL or a table: it can hold no `/`, `.`,
/// upper case letter or control character, so it needs no escaping anywhere.
fn is_name(s: &str) -> bool {
    let bytes = s.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes[bytes.len() - 1] != b'-'
        && bytes.windows(2).all(|w| w != b"--")
        && bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

/// Shortens outside text before it goes into a message.
pub(crate) fn shown(s: &str) -> String {
    let mut short: String = s.chars().take(80).flat_map(char::escape_debug).collect();
    if s.chars().nth(80).is_some() {
        short.push('…');
    }
    short
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(s: &str) -> Result<Self, InvalidId> {
                if is_name(s) {
                    Ok(Self(s.to_owned()))
                } else {
                    Err(InvalidId { given: shown(s), what: $what, rule: NAME_RULE })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(s: String) -> Result<Self, InvalidId> {
                s.parse()
            }
        }

        impl From<$name> for String {
            fn from(n: $name) -> String {
                n.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type!(
    /// The isolation boundary: nothing of one tenant is visible to another.
    TenantId,
    "tenant name"
);
name_type!(
    /// The name of a plugin, function, model or alias.
    Name,
    "name"
);

/// The SHA-256 digest of an artifact. Displays as `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes of the digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 hexadecimal digits, without the `sha256:` prefix.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for Digest {
    type Err = InvalidId;
    fn from_str(s: &str) -> Result<Self, InvalidId> {
        let wrong = || InvalidId {
            given: shown(s),
            what: "digest",
            rule: "`sha256:` and 64 lower-case hexadecimal digits",
        };
        let digits = s.strip_prefix("sha256:").ok_or_else(wrong)?;
        if digits.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(wrong());
        }
        let mut bytes = [0u8; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| wrong())?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidId;
    fn try_from(s: String) -> Result<Self, InvalidId> {
        s.parse()
    }
}

impl From<Digest> for String {
    fn from(d: Digest) -> String {
        d.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A model and, optionally, which of its versions and variants: `name`, `name@1.2.0`, `name@alias`,
/// `name~int8` or `name@1.2.0~int8`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelRef {
    /// The model.
    pub name: Name,
    /// Which version; none means the alias `stable` where it is set, else the highest version.
    pub selector: Option<Selector>,
    /// Which variant of the version; none means the weights as they were pushed.
    pub variant: Option<Name>,
}

impl ModelRef {
    /// Whether who may use this may use `wanted`: a model by name includes each of its versions, a
    /// version each of its variants.
    pub fn covers(&self, wanted: &Self) -> bool {
        self.name == wanted.name
            && (self.selector.is_none() || self.selector == wanted.selector)
            && (self.variant.is_none() || self.variant == wanted.variant)
    }
}

/// A version by number or by alias.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selector {
    /// This version exactly.
    Version(semver::Version),
    /// Whatever version the alias names now.
    Alias(Name),
}

impl FromStr for Selector {
    type Err = InvalidId;
    fn from_str(s: &str) -> Result<Self, InvalidId> {
        match semver::Version::parse(s) {
            Ok(version) => Ok(Self::Version(version)),
            Err(_) => s.parse().map(Self::Alias),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(v) => v.fmt(f),
            Self::Alias(a) => a.fmt(f),
        }
    }
}

impl FromStr for ModelRef {
    type Err = InvalidId;
    fn from_str(s: &str) -> Result<Self, InvalidId> {
        let (s, variant) = match s.split_once('~') {
            None => (s, None),
            Some((s, variant)) => (s, Some(variant.parse()?)),
        };
        let (name, selector) = match s.split_once('@') {
            None => (s, None),
            Some((name, selector)) => (name, Some(selector.parse()?)),
        };
        Ok(Self {
            name: name.parse()?,
            selector,
            variant,
        })
    }
}

impl TryFrom<String> for ModelRef {
    type Error = InvalidId;
    fn try_from(s: String) -> Result<Self, InvalidId> {
        s.parse()
    }
}

impl From<ModelRef> for String {
    fn from(m: ModelRef) -> String {
        m.to_string()
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_str())?;
        if let Some(selector) = &self.selector {
            write!(f, "@{selector}")?;
        }
        match &self.variant {
            Some(variant) => write!(f, "~{variant}"),
            None => Ok(()),
        }
    }
}

/// A dataset, or one snapshot of it: `reviews` or `reviews@3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatasetRef {
    /// The dataset.
    pub name: Name,
    /// Which snapshot, from 1; none means the newest.
    pub snapshot: Option<u64>,
}

impl FromStr for DatasetRef {
    type Err = InvalidId;
    fn from_str(s: &str) -> Result<Self, InvalidId> {
        let (name, snapshot) = match s.split_once('@') {
            None => (s, None),
            Some((name, number)) => {
                let number = number.parse().ok().filter(|number| *number > 0);
                (
                    name,
                    Some(number.ok_or_else(|| InvalidId {
                        given: shown(s),
                        what: "dataset",
                        rule: "`name` or `name@number`, snapshots being numbered from 1",
                    })?),
                )
            }
        };
        Ok(Self {
            name: name.parse()?,
            snapshot,
        })
    }
}

impl TryFrom<String> for DatasetRef {
    type Error = InvalidId;
    fn try_from(s: String) -> Result<Self, InvalidId> {
        s.parse()
    }
}

impl From<DatasetRef> for String {
    fn from(d: DatasetRef) -> String {
        d.to_string()
    }
}

impl fmt::Display for DatasetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_str())?;
        match self.snapshot {
            Some(number) => write!(f, "@{number}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_nothing_that_needs_escaping() {
        for good in ["a", "text-cleaner", "m2", &"a".repeat(63)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "../etc",
            "a/b",
            "a.b",
            "A",
            "-a",
            "a-",
            "a--b",
            "1a",
            "名",
            "a\0",
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }

    #[test]
    fn digests_round_trip() {
        let digest = Digest::of(b"");
        let text = digest.to_string();
        assert_eq!(
            text,
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(text.parse::<Digest>().unwrap(), digest);
        for bad in ["", "sha256:", "md5:00", &text[..70], &text.to_uppercase()] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn model_references_name_a_version_an_alias_and_a_variant() {
        for text in ["m~int8", "m@1.0.0-rc.1+b~int8", "m@stable~fp16"] {
            let reference: ModelRef = text.parse().unwrap();
            assert!(reference.variant.is_some());
            assert_eq!(reference.to_string(), text);
        }
        for bad in ["m~", "~int8", "m~int8@1.0.0", "m~int8~fp16", "m~../x"] {
            assert!(bad.parse::<ModelRef>().is_err(), "{bad}");
        }

        assert_eq!("minilm".parse::<ModelRef>().unwrap().selector, None);
        assert!(matches!(
            "minilm@1.0.0".parse::<ModelRef>().unwrap().selector,
            Some(Selector::Version(_))
        ));
        assert!(matches!(
            "minilm@stable".parse::<ModelRef>().unwrap().selector,
            Some(Selector::Alias(_))
        ));
        assert!("minilm@../x".parse::<ModelRef>().is_err());
    }
}
