//! A bill of materials (SBOM): what a plugin is made of.
//!
//! Read are [CycloneDX](https://cyclonedx.org/docs/1.6/json/) and [SPDX 2](https://spdx.github.io/spdx-spec/v2.3/) as
//! JSON; written is CycloneDX 1.5.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{DocumentError, line};

/// The largest document that is read, in bytes.
pub const MAX_BYTES: usize = 4 << 20;
/// The most licences that are told apart.
const MAX_LICENSES: usize = 64;
/// The word for parts that name no licence.
const UNKNOWN: &str = "unknown";

/// What is shown of a bill of materials.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sbom {
    /// `CycloneDX 1.5`, `SPDX-2.3`
    pub format: String,
    /// How many parts it lists.
    pub components: usize,
    /// Licence (an SPDX expression, or what stands there) to the number of parts under it; those of rare licences
    /// beyond the 64th count under `others`.
    pub licenses: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    bom_format: Option<String>,
    spec_version: Option<String>,
    spdx_version: Option<String>,
    #[serde(default)]
    components: Vec<Component>,
    #[serde(default)]
    packages: Vec<SpdxPackage>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default)]
    licenses: Vec<LicenseChoice>,
}

#[derive(Deserialize)]
struct LicenseChoice {
    expression: Option<String>,
    license: Option<License>,
}

#[derive(Deserialize)]
struct License {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpdxPackage {
    license_concluded: Option<String>,
    license_declared: Option<String>,
}

impl Sbom {
    /// Reads what is shown of a document.
    ///
    /// # Errors
    /// [`DocumentError::TooLarge`], [`DocumentError::Unreadable`].
    pub fn read(bytes: &[u8]) -> Result<Self, DocumentError> {
        let what = "SBOM";
        if bytes.len() > MAX_BYTES {
            return Err(DocumentError::TooLarge {
                what,
                size: bytes.len(),
                most: MAX_BYTES,
            });
        }
        let unreadable = |reason: String| DocumentError::Unreadable { what, reason };
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|e| unreadable(format!("no JSON of a known shape: {e}")))?;
        let (format, licenses): (String, Vec<String>) =
            match (&document.bom_format, &document.spdx_version) {
                (Some(format), _) if format == "CycloneDX" => (
                    format!(
                        "CycloneDX {}",
                        document.spec_version.as_deref().unwrap_or("?")
                    ),
                    document
                        .components
                        .into_iter()
                        .map(Component::license)
                        .collect(),
                ),
                (_, Some(version)) => (
                    version.clone(),
                    document
                        .packages
                        .into_iter()
                        .map(SpdxPackage::license)
                        .collect(),
                ),
                _ => {
                    return Err(unreadable(
                        "it is neither CycloneDX (`bomFormat`) nor SPDX (`spdxVersion`)".into(),
                    ));
                }
            };
        let mut sbom = Self {
            format: line(&format, 40),
            components: licenses.len(),
            licenses: BTreeMap::new(),
        };
        for license in licenses {
            let known = sbom.licenses.len() < MAX_LICENSES || sbom.licenses.contains_key(&license);
            let name = if known { license } else { "others".to_owned() };
            *sbom.licenses.entry(name).or_default() += 1;
        }
        Ok(sbom)
    }
}

impl Component {
    fn license(self) -> String {
        let names: Vec<String> = self
            .licenses
            .into_iter()
            .filter_map(|choice| {
                let license = choice
                    .license
                    .and_then(|license| license.id.or(license.name));
                choice.expression.or(license)
            })
            .collect();
        named(names.join(" AND "))
    }
}

impl SpdxPackage {
    fn license(self) -> String {
        let said = |license: Option<String>| license.filter(|l| l != "NOASSERTION" && l != "NONE");
        named(
            said(self.license_concluded)
                .or(said(self.license_declared))
                .unwrap_or_default(),
        )
    }
}

fn named(license: String) -> String {
    let license = line(license.trim(), 120);
    if license.is_empty() {
        UNKNOWN.into()
    } else {
        license
    }
}

/// A package that a plugin is made of, for [`write()`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// An SPDX expression.
    pub license: Option<String>,
    /// Where it lives: a package URL, as `pkg:cargo/serde@1.0.228`.
    pub purl: String,
}

/// Writes a bill of materials in CycloneDX 1.5. There is no time and no random number in it: the same parts make the
/// same bytes.
pub fn write(of: &Part, mut parts: Vec<Part>) -> Value {
    parts.sort();
    parts.dedup();
    let component = |part: &Part| {
        let mut json = json!({
            "type": "library", "bom-ref": part.purl, "name": part.name, "version": part.version, "purl": part.purl
        });
        if let Some(license) = &part.license {
            // Cargo once wrote `MIT/Apache-2.0` for a choice.
            let expression = license.replace('/', " OR ");
            json["licenses"] = json!([{ "expression": expression }]);
        }
        json
    };
    let mut root = component(of);
    root["type"] = json!("application");
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "tools": { "components": [{ "type": "application", "name": "steward", "version": env!("CARGO_PKG_VERSION") }] },
            "component": root
        },
        "components": parts.iter().map(component).collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_and_licences_of_both_formats_are_counted() {
        let cyclone = json!({
            "bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
                {"name": "a", "licenses": [{"license": {"id": "MIT"}}]},
                {"name": "b", "licenses": [{"expression": "MIT OR Apache-2.0"}]},
                {"name": "c", "licenses": [{"license": {"name": "Own"}}, {"license": {"id": "MIT"}}]},
                {"name": "d"}
            ]
        });
        let sbom = Sbom::read(cyclone.to_string().as_bytes()).unwrap();
        assert_eq!(
            (sbom.format.as_str(), sbom.components),
            ("CycloneDX 1.6", 4)
        );
        let licenses: Vec<_> = sbom.licenses.keys().map(String::as_str).collect();
        assert_eq!(
            licenses,
            ["MIT", "MIT OR Apache-2.0", "Own AND MIT", "unknown"]
        );
        let spdx = json!({
            "spdxVersion": "SPDX-2.3", "packages": [
                {"licenseConcluded": "MIT"}, {"licenseConcluded": "NOASSERTION", "licenseDeclared": "MIT"}, {}
            ]
        });
        let sbom = Sbom::read(spdx.to_string().as_bytes()).unwrap();
        assert_eq!(
            (
                sbom.format.as_str(),
                sbom.licenses["MIT"],
                sbom.licenses["unknown"]
            ),
            ("SPDX-2.3", 2, 1)
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let part = |name: &str, license: Option<&str>| Part {
            name: name.into(),
            version: "1.0.0".into(),
            license: license.map(Into::into),
            purl: format!("pkg:cargo/{name}@1.0.0"),
        };
        let parts = vec![
            part("b", Some("MIT/Apache-2.0")),
            part("a", None),
            part("a", None),
        ];
        let written = write(&part("x", Some("Apache-2.0")), parts);
        let sbom = Sbom::read(written.to_string().as_bytes()).unwrap();
        assert_eq!(
            (sbom.format.as_str(), sbom.components),
            ("CycloneDX 1.5", 2)
        );
        assert_eq!(sbom.licenses["MIT OR Apache-2.0"], 1);
        assert_eq!(written["metadata"]["component"]["name"], "x");
    }

    #[test]
    fn other_documents_are_refused_and_licences_are_bounded() {
        for wrong in [
            "",
            "{}",
            "[]",
            r#"{"bomFormat":"x"}"#,
            r#"{"bomFormat":"CycloneDX","components":7}"#,
        ] {
            assert!(Sbom::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(Sbom::read(&vec![b' '; MAX_BYTES + 1]).is_err());
        let components: Vec<_> = (0..200)
            .map(|i| json!({"licenses": [{"license": {"name": format!("L\u{1b}{i:03}")}}]}))
            .collect();
        let many = json!({"bomFormat": "CycloneDX", "components": components}).to_string();
        let sbom = Sbom::read(many.as_bytes()).unwrap();
        assert_eq!(
            (
                sbom.components,
                sbom.licenses.len(),
                sbom.licenses["others"]
            ),
            (200, 65, 136)
        );
        assert!(sbom.licenses.contains_key("L000"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Sbom::read(&bytes);
        }
    }
}
