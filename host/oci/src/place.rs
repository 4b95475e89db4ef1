//! `oci://HOST/REPOSITORY:TAG` and `oci://HOST/REPOSITORY@sha256:…`.

use std::fmt;
use std::str::FromStr;

use oci_client::Reference;

use crate::OciError;

/// What an address begins with.
pub const SCHEME: &str = "oci://";
/// The longest address.
const MAX_LENGTH: usize = 512;

/// Where a plugin is in a registry.
///
/// ```
/// let place: steward_oci::Place = "oci://registry.example.com/acme/text-cleaner:1.0.0".parse()?;
/// assert_eq!(place.registry(), "registry.example.com");
/// assert_eq!(place.name(), "text-cleaner");
/// # Ok::<(), steward_oci::OciError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(pub(crate) Reference);

impl Place {
    /// The host, and its port where it has one.
    pub fn registry(&self) -> &str {
        self.0.resolve_registry()
    }

    /// The last word of the repository: what its plugin is called where nothing else says.
    pub fn name(&self) -> &str {
        let repository = self.0.repository();
        repository.rsplit('/').next().unwrap_or(repository)
    }

    /// The digest, where the address has one: then it means the same bytes for ever.
    pub fn digest(&self) -> Option<&str> {
        self.0.digest()
    }

    /// The same repository at a digest.
    pub fn at(&self, digest: &str) -> Self {
        Self(self.0.clone_with_digest(digest.to_owned()))
    }

    pub(crate) fn repository(&self) -> &str {
        self.0.repository()
    }

    /// What manifests are asked for by: the digest, else the tag.
    pub(crate) fn pointer(&self) -> &str {
        self.0.digest().or(self.0.tag()).unwrap_or("latest")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.0.registry(), self.0.repository())?;
        match (self.0.digest(), self.0.tag()) {
            (Some(digest), _) => write!(f, "@{digest}"),
            (None, Some(tag)) => write!(f, ":{tag}"),
            (None, None) => Ok(()),
        }
    }
}

impl FromStr for Place {
    type Err = OciError;

    fn from_str(given: &str) -> Result<Self, OciError> {
        let wrong = |reason: &str| OciError::Place {
            given: given.chars().take(120).collect(),
            reason: reason.to_owned(),
        };
        let rest = given
            .strip_prefix(SCHEME)
            .ok_or_else(|| wrong("it begins with `oci://`"))?;
        if rest.len() > MAX_LENGTH {
            return Err(wrong("it is too long"));
        }
        let (host, repository) = rest.split_once('/').ok_or_else(|| {
            wrong("it names a host and a repository, as oci://HOST/REPOSITORY:TAG")
        })?;
        // Without this a first word that is no host would mean a repository of Docker's own registry.
        if !(host.contains(['.', ':']) || host == "localhost") {
            return Err(wrong("its first word is the host of the registry"));
        }
        if !repository.contains([':', '@']) {
            return Err(wrong(
                "it ends with a tag (`:1.0.0`) or a digest (`@sha256:…`)",
            ));
        }
        let reference: Reference = rest.parse().map_err(|e| wrong(&format!("{e}")))?;
        match reference.digest() {
            Some(digest) if !is_sha256(digest) => {
                Err(wrong("its digest is `sha256:` and 64 hexadecimal digits"))
            }
            _ => Ok(Self(reference)),
        }
    }
}

/// The only digests that are accepted: others would not be verified.
pub(crate) fn is_sha256(digest: &str) -> bool {
    digest.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64
            && hex
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_ports_tags_and_digests_are_told_apart() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (given, registry, name, pointer) in [
            (
                "oci://localhost:5000/acme/x:1.0.0".to_owned(),
                "localhost:5000",
                "x",
                "1.0.0",
            ),
            (
                format!("oci://127.0.0.1:5000/x@{digest}"),
                "127.0.0.1:5000",
                "x",
                digest.as_str(),
            ),
            ("oci://ghcr.io/a/b/c:v1".to_owned(), "ghcr.io", "c", "v1"),
        ] {
            let place: Place = given.parse().unwrap();
            assert_eq!(
                (place.registry(), place.name(), place.pointer()),
                (registry, name, pointer)
            );
            assert_eq!(place.to_string(), given);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "",
            "localhost/x:1",
            "oci://",
            "oci://localhost",
            "oci://acme/x:1",
            "oci://localhost/x",
            "oci://localhost/X:1",
            "oci://localhost/../x:1",
            "oci://localhost/x@sha256:00",
            "oci://localhost/x@sha512:00",
            "oci://user:password@localhost/x:1",
            "oci://localhost/x:1?y",
        ] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
        assert!(
            format!("oci://localhost/{}:1", "x".repeat(600))
                .parse::<Place>()
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn an_address_never_leaves_its_repository(text in "[ -~]{0,60}") {
            if let Ok(place) = format!("oci://localhost:5000/{text}").parse::<Place>() {
                prop_assert!(!place.repository().contains(".."), "{}", place);
                prop_assert!(!place.to_string().contains(['?', '#', ' ', '%']), "{}", place);
                prop_assert_eq!(place.registry(), "localhost:5000");
            }
        }
    }
}
