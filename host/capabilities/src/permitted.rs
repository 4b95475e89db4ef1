//! What manifest and tenant agree on.

use std::sync::Arc;

use steward_registry::{Permission, Permissions};

use crate::Denial;

/// The requests of a manifest and the grants of a deployment. Only what is in both is allowed.
#[derive(Clone, Default)]
pub struct Permitted(Arc<Lists>);

#[derive(Default)]
struct Lists {
    requested: Permissions,
    granted: Permissions,
}

impl Permitted {
    /// Holds requests against grants.
    ///
    /// # Errors
    /// [`Denial::NotGranted`], [`Denial::MoreNotGranted`] for requests without a grant: better refused when it is deployed than
    /// found out by a caller.
    pub(crate) fn new(requested: &Permissions, granted: &Permissions) -> Result<Self, Denial> {
        if let Some(denial) = Denial::of_missing(requested.ungranted(granted).collect()) {
            return Err(denial);
        }
        Ok(Self(Arc::new(Lists {
            requested: requested.clone(),
            granted: granted.clone(),
        })))
    }

    /// Whether the guest may have this.
    ///
    /// # Errors
    /// [`Denial::NotRequested`], [`Denial::NotGranted`].
    pub(crate) fn check(&self, wanted: &Permission) -> Result<(), Denial> {
        if !self.0.requested.cover(wanted) {
            return Err(Denial::not_requested(wanted));
        }
        if !self.0.granted.cover(wanted) {
            return Err(Denial::not_granted(wanted));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(permissions: &[&str]) -> Permissions {
        permissions
            .iter()
            .map(|p| p.parse::<Permission>().unwrap())
            .collect()
    }

    fn permitted(requested: &[&str], granted: &[&str]) -> Result<Permitted, Denial> {
        Permitted::new(&of(requested), &of(granted))
    }

    #[test]
    fn a_request_without_a_grant_names_both_lines() {
        let told = |requested: &[&str], granted: &[&str]| {
            permitted(requested, granted).err().unwrap().to_string()
        };
        assert_eq!(
            told(&["inference=minilm"], &[]),
            "not granted: the plugin's manifest says `[requests] inference = [\"minilm\"]`; to allow it, deploy with \
             `--grant inference=minilm`"
        );
        assert_eq!(
            told(&["privacy=orders", "privacy=visits"], &["privacy=orders"]),
            "not granted: the plugin's manifest says `[requests] privacy = [\"visits\"]`; to allow it, deploy with \
             `--grant privacy=visits`"
        );
    }

    #[test]
    fn all_that_is_missing_is_told_at_once() {
        let told = permitted(&["http=https://a.example.com", "secrets=token"], &[])
            .err()
            .unwrap()
            .to_string();
        assert_eq!(
            told,
            "not granted: send requests to https://a.example.com (`[requests] http = [\"https://a.example.com\"]`), read \
             the secret token (`[requests] secrets = [\"token\"]`); to allow it, deploy with \
             `--grant http=https://a.example.com` `--grant secrets=token`"
        );
    }

    #[test]
    fn of_the_hosts_below_a_star_the_tenant_says_which() {
        let asked = &["http=https://*.example.com"];
        let narrow = permitted(asked, &["http=https://acme.example.com"]).unwrap();
        let check = |permitted: &Permitted, wanted: &str| permitted.check(&wanted.parse().unwrap());
        assert!(check(&narrow, "http=https://acme.example.com").is_ok());
        let other = check(&narrow, "http=https://other.example.com");
        assert!(matches!(other, Err(Denial::NotGranted { .. })));
        let below = permitted(asked, &["http=https://*.eu.example.com"]).unwrap();
        assert!(check(&below, "http=https://a.eu.example.com").is_ok());
        assert!(check(&below, "http=https://a.example.com").is_err());
        // What is not below it grants nothing of it.
        for given in [
            "http=https://example.com",
            "http=http://acme.example.com",
            "http=https://acme.example.com:8443",
            "http=https://acme.example.org",
            "secrets=acme",
        ] {
            assert!(permitted(asked, &[given]).is_err(), "{given}");
        }
        // A host that is named is that host.
        let named = &["http=https://acme.example.com"];
        assert!(permitted(named, &["http=https://a.acme.example.com"]).is_err());
    }

    #[test]
    fn both_must_agree() {
        let all = permitted(
            &["inference=minilm"],
            &["inference=minilm", "inference=other"],
        )
        .unwrap();
        let check = |permitted: &Permitted, wanted: &str| permitted.check(&wanted.parse().unwrap());
        assert!(check(&all, "inference=minilm").is_ok());
        assert!(check(&all, "inference=minilm@1.0.0").is_ok());
        let unasked = check(&all, "inference=other");
        assert!(matches!(unasked, Err(Denial::NotRequested { .. })));
        // A name of one kind is none of another.
        assert!(check(&all, "privacy=minilm").is_err());
        // A right to one version is no right to another.
        let narrow = permitted(&["inference=minilm@1.0.0"], &["inference=minilm"]).unwrap();
        assert!(check(&narrow, "inference=minilm@1.0.0").is_ok());
        assert!(check(&narrow, "inference=minilm@2.0.0").is_err());
        assert!(check(&narrow, "inference=minilm").is_err());
        assert!(check(&narrow, "inference=minilm@1.0.0~int8").is_ok());
        assert!(permitted(&["inference=minilm"], &["inference=minilm~int8"]).is_err());
    }
}
