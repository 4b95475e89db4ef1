//! What plugins and models have in common: immutable versions, aliases, and which version is meant.

use std::collections::BTreeMap;

use semver::Version;

use crate::db::{Write, lacks_parent};
use crate::id::{Name, TenantId};
use crate::rows;
use crate::{ModelVersion, PluginVersion, Registry, RegistryError};

/// The alias that says which version is meant where none is named.
pub(crate) const STABLE: &str = "stable";

/// The longest version text: it is part of an index key, which PostgreSQL bounds.
pub(crate) const MAX_VERSION_BYTES: usize = 128;

/// A record that is one version of something.
pub(crate) trait Versioned {
    fn name(&self) -> &Name;
    fn version(&self) -> &Version;
}

impl Versioned for PluginVersion {
    fn name(&self) -> &Name {
        &self.name
    }
    fn version(&self) -> &Version {
        &self.version
    }
}

impl Versioned for ModelVersion {
    fn name(&self) -> &Name {
        &self.name
    }
    fn version(&self) -> &Version {
        &self.version
    }
}

pub(crate) fn check_version(version: &Version) -> Result<String, RegistryError> {
    let text = version.to_string();
    if text.len() > MAX_VERSION_BYTES {
        return Err(RegistryError::Invalid(format!(
            "a version has at most {MAX_VERSION_BYTES} characters"
        )));
    }
    Ok(text)
}

/// Highest first.
pub(crate) fn sort<T: Versioned>(versions: &mut [T]) {
    versions.sort_by(|a, b| b.version().cmp(a.version()));
}

/// The highest version of each name, by name.
pub(crate) fn highest_of_each<T: Versioned>(versions: Vec<T>) -> Vec<T> {
    let mut highest = BTreeMap::<Name, T>::new();
    for version in versions {
        match highest.get(version.name()) {
            Some(other) if other.version() >= version.version() => {}
            _ => {
                highest.insert(version.name().clone(), version);
            }
        }
    }
    highest.into_values().collect()
}

/// Of these versions of one thing: the one that `stable` names, else the highest that is no
/// pre-release, else the highest.
pub(crate) fn latest<T: Versioned>(
    mut versions: Vec<T>,
    aliases: &BTreeMap<Name, Version>,
) -> Option<T> {
    sort(&mut versions);
    let place = match aliases.get(STABLE) {
        Some(stable) => versions.iter().position(|v| v.version() == stable),
        None => versions.iter().position(|v| v.version().pre.is_empty()),
    };
    versions.into_iter().nth(place.unwrap_or(0))
}

/// The alias table of plugins or of models.
pub(crate) struct Aliases {
    kind: &'static str,
    set: &'static str,
    clear: &'static str,
    of_one: &'static str,
}

macro_rules! aliases {
    ($kind:literal, $table:literal) => {
        Aliases {
            kind: $kind,
            set: concat!(
                "INSERT INTO ",
                $table,
                " (tenant, name, alias, version) VALUES ($1, $2, $3, $4) ",
                "ON CONFLICT (tenant, name, alias) DO UPDATE SET version = excluded.version"
            ),
            clear: concat!(
                "DELETE FROM ",
                $table,
                " WHERE tenant = $1 AND name = $2 AND alias = $3"
            ),
            of_one: concat!(
                "SELECT alias, version FROM ",
                $table,
                " WHERE tenant = $1 AND name = $2"
            ),
        }
    };
}

pub(crate) const PLUGIN_ALIASES: Aliases = aliases!("plugin version", "plugin_aliases");
pub(crate) const MODEL_ALIASES: Aliases = aliases!("model version", "model_aliases");

impl Aliases {
    /// Lets the alias name this version from now on.
    pub(crate) async fn set(
        &self,
        registry: &Registry,
        tenant: &TenantId,
        name: &Name,
        alias: &Name,
        version: &Version,
    ) -> Result<(), RegistryError> {
        let mut change: Write = registry.db.change().await?;
        self.write(&mut change, tenant, name, alias.as_str(), Some(version))
            .await?;
        change.commit().await
    }

    /// The same as a part of a larger change; without a version the alias names nothing any more.
    pub(crate) async fn write(
        &self,
        change: &mut Write,
        tenant: &TenantId,
        name: &Name,
        alias: &str,
        version: Option<&Version>,
    ) -> Result<(), RegistryError> {
        let statement = if version.is_some() {
            self.set
        } else {
            self.clear
        };
        let mut query = sqlx::query(statement)
            .bind(tenant.as_str())
            .bind(name.as_str())
            .bind(alias);
        if let Some(version) = version {
            query = query.bind(check_version(version)?);
        }
        match (query.execute(&mut **change).await, version) {
            (Ok(_), _) => Ok(()),
            (Err(e), Some(version)) if lacks_parent(&e) => Err(RegistryError::NotFound {
                kind: self.kind,
                name: format!("{name}@{version}"),
            }),
            (Err(e), _) => Err(e.into()),
        }
    }

    /// Every alias of one plugin or model.
    pub(crate) async fn of_one(
        &self,
        registry: &Registry,
        tenant: &TenantId,
        name: &Name,
    ) -> Result<BTreeMap<Name, Version>, RegistryError> {
        sqlx::query(self.of_one)
            .bind(tenant.as_str())
            .bind(name.as_str())
            .fetch_all(&registry.db.pool)
            .await?
            .iter()
            .map(|row| Ok((rows::parsed(row, "alias")?, rows::parsed(row, "version")?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    struct V(Name, Version);

    impl Versioned for V {
        fn name(&self) -> &Name {
            &self.0
        }
        fn version(&self) -> &Version {
            &self.1
        }
    }

    fn versions(list: &[&str]) -> Vec<V> {
        list.iter()
            .map(|v| V("a".parse().unwrap(), v.parse().unwrap()))
            .collect()
    }

    fn latest_of(list: &[&str], stable: Option<&str>) -> Option<String> {
        let aliases = stable
            .map(|v| ("stable".parse().unwrap(), v.parse().unwrap()))
            .into_iter()
            .collect();
        latest(versions(list), &aliases).map(|v| v.1.to_string())
    }

    #[test]
    fn latest_prefers_stable_then_releases_then_whatever_is_highest() {
        assert_eq!(latest_of(&[], None), None);
        assert_eq!(
            latest_of(&["1.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1"], None).unwrap(),
            "1.10.0"
        );
        assert_eq!(
            latest_of(&["1.0.0", "1.10.0"], Some("1.0.0")).unwrap(),
            "1.0.0"
        );
        assert_eq!(
            latest_of(&["1.0.0-rc.2", "1.0.0-rc.10"], None).unwrap(),
            "1.0.0-rc.10"
        );
    }

    #[test]
    fn highest_of_each_counts_as_semver_does() {
        let mut all = versions(&["0.9.0", "0.10.0", "0.2.0"]);
        all.push(V("b".parse().unwrap(), Version::new(1, 0, 0)));
        let highest = highest_of_each(all);
        assert_eq!(highest.len(), 2);
        assert_eq!(highest[0].1, Version::new(0, 10, 0));
    }
}
