//! What a plugin in Rust is made of, by what cargo resolved.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use steward_supply::sbom::{self, Part};

use crate::failure::Failure;
use crate::plugin::project::{Project, cargo};
use crate::plugin::toolchain::triple_of;
use crate::whole::Whole;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl Package {
    /// A procedural macro runs in the compiler: its code does not come into the component.
    fn is_macro(&self) -> bool {
        self.targets
            .iter()
            .any(|target| target.kind.iter().any(|kind| kind == "proc-macro"))
    }

    fn part(&self) -> Part {
        Part {
            name: self.name.clone(),
            version: self.version.clone(),
            license: self.license.clone(),
            purl: format!("pkg:cargo/{}@{}", self.name, self.version),
        }
    }
}

/// Writes the bill of materials of the plugin in this folder: `target/NAME.cdx.json`.
///
/// # Errors
/// No Rust package, or what cargo says.
pub fn write(dir: &Path) -> anyhow::Result<PathBuf> {
    let project = Project::open(dir)?;
    let triple = triple_of(project.manifest.plugin.world);
    let output = cargo()
        .args([
            "metadata",
            "--format-version",
            "1",
            "--filter-platform",
            triple,
        ])
        .current_dir(&project.dir)
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(
            Failure::invalid("cargo cannot say what this package is made of")
                .cause(said.trim())
                .into(),
        );
    }
    let metadata =
        serde_json::from_slice(&output.stdout).context("cannot read what `cargo metadata` says")?;
    let (root, parts) = parts(&metadata, &project.dir.join("Cargo.toml"))
        .with_context(|| format!("cargo knows no package in {}", project.dir.display()))?;
    let name = &project.manifest.plugin.name;
    let path = dir.join("target").join(format!("{name}.cdx.json"));
    let mut file = Whole::create(&path)?;
    file.write(format!("{:#}\n", sbom::write(&root, parts)).as_bytes())?;
    file.keep()?;
    Ok(path)
}

/// The package and everything that is linked into it: no macros, and nothing of build scripts and tests.
fn parts(metadata: &Metadata, cargo_toml: &Path) -> Option<(Part, Vec<Part>)> {
    let packages: HashMap<&str, &Package> = metadata
        .packages
        .iter()
        .map(|p| (p.id.as_str(), p))
        .collect();
    let nodes: HashMap<&str, &Node> = metadata
        .resolve
        .nodes
        .iter()
        .map(|n| (n.id.as_str(), n))
        .collect();
    let root = metadata.packages.iter().find(|p| {
        p.manifest_path
            .canonicalize()
            .is_ok_and(|path| path == cargo_toml)
    })?;
    let (mut seen, mut open) = (HashSet::from([root.id.as_str()]), vec![root.id.as_str()]);
    let mut parts = Vec::new();
    while let Some(id) = open.pop() {
        let linked = nodes.get(id).into_iter().flat_map(|node| &node.deps);
        let linked = linked.filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind.is_none()));
        for dependency in linked {
            let Some(package) = packages.get(dependency.pkg.as_str()) else {
                continue;
            };
            if !package.is_macro() && seen.insert(&package.id) {
                parts.push(package.part());
                open.push(&package.id);
            }
        }
    }
    Some((root.part(), parts))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_linked_counts_and_macros_and_tools_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let cargo_toml = dir.path().canonicalize().unwrap().join("Cargo.toml");
        std::fs::write(&cargo_toml, "").unwrap();
        let package = |id: &str, kind: &str, path: &Path| json!({"id": id, "name": id, "version": "1.0.0", "license": "MIT", "manifest_path": path, "targets": [{"kind": [kind]}]});
        let dep =
            |to: &str, kind: serde_json::Value| json!({"pkg": to, "dep_kinds": [{"kind": kind}]});
        let other = Path::new("/elsewhere/Cargo.toml");
        let metadata = json!({
            "packages": [
                package("me", "cdylib", &cargo_toml), package("a", "lib", other), package("b", "lib", other),
                package("macro", "proc-macro", other), package("of-macro", "lib", other), package("tool", "lib", other)
            ],
            "resolve": {"nodes": [
                {"id": "me", "deps": [dep("a", json!(null)), dep("macro", json!(null)), dep("tool", json!("build")), dep("tool", json!("dev"))]},
                {"id": "a", "deps": [dep("b", json!(null)), dep("me", json!("dev"))]},
                {"id": "b", "deps": [dep("a", json!(null))]},
                {"id": "macro", "deps": [dep("of-macro", json!(null))]}
            ]}
        });
        let metadata: Metadata = serde_json::from_value(metadata).unwrap();
        let (root, mut found) = parts(&metadata, &cargo_toml).unwrap();
        found.sort();
        let names: Vec<_> = found.iter().map(|part| part.name.as_str()).collect();
        assert_eq!((root.name.as_str(), names), ("me", vec!["a", "b"]));
        assert_eq!(found[0].purl, "pkg:cargo/a@1.0.0");
        assert!(parts(&metadata, other).is_none());
    }
}
