//! Where a plugin comes from, on this machine and in words.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;
use steward_registry::Manifest;
use steward_supply::keys::MAX_KEY_FILE_BYTES;
use steward_supply::{KeyError, PublicKey, SigningKey, Subject, sha256};

use crate::failure::{Exit, Failure};
use crate::output::field;

/// Where the signatures of a component lie: `NAME.wasm.sig`.
pub fn beside(component: &Path) -> PathBuf {
    let mut path: OsString = component.into();
    path.push(".sig");
    path.into()
}

/// A file of at most so many bytes.
pub fn read(path: &Path, most: u64) -> Result<Bytes, Failure> {
    let failed = |e: std::io::Error| Failure::file("read", path, &e);
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > most {
        let what = format!(
            "{} has more than {most} bytes, which is the most that is read",
            path.display()
        );
        return Err(Failure::invalid(what));
    }
    Ok(bytes.into())
}

/// What is signed.
pub fn subject<'a>(
    manifest: &'a Manifest,
    version: &'a str,
    text: &str,
    component: &[u8],
) -> Subject<'a> {
    Subject {
        plugin: manifest.plugin.name.as_str(),
        version,
        component: sha256(component),
        manifest: sha256(text.as_bytes()),
    }
}

/// A public key: the line itself, or a file that holds it.
pub fn public_key(given: &str) -> Result<PublicKey, Failure> {
    let wrong = |e: KeyError| Failure::new(Exit::Invalid, format!("`{given}` is {e}"));
    if given.starts_with("ed25519:") {
        return given.parse().map_err(wrong);
    }
    PublicKey::read(&text(Path::new(given))?).map_err(wrong)
}

/// A private key from its file.
pub fn signing_key(path: &Path) -> Result<SigningKey, Failure> {
    SigningKey::read(&text(path)?).map_err(|e| {
        Failure::invalid(format!("{} is {e}", path.display()))
            .next("`steward plugin keygen` makes one")
    })
}

fn text(path: &Path) -> Result<String, Failure> {
    let bytes = read(path, MAX_KEY_FILE_BYTES as u64)?;
    String::from_utf8(bytes.into())
        .map_err(|_| Failure::invalid(format!("{} is not text", path.display())))
}

/// The keys that signed a version, one a line, with the name under which the tenant trusts them.
pub fn signers(supply: &Value) -> String {
    let signers = supply["signers"].as_array().map_or(&[][..], Vec::as_slice);
    let line = |signer: &Value| match field(signer, "/trusted_as") {
        name if name.is_empty() => format!("{} (not trusted)", field(signer, "/key")),
        name => format!("{name} ({})", field(signer, "/key")),
    };
    signers.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The same for a column: the names alone.
pub fn trusted_signers(supply: &Value) -> String {
    let signers = supply["signers"].as_array().map_or(&[][..], Vec::as_slice);
    let names = signers
        .iter()
        .map(|signer| match field(signer, "/trusted_as") {
            name if name.is_empty() => "(not trusted)".to_owned(),
            name => name,
        });
    names.collect::<Vec<_>>().join(", ")
}

/// What a component says of itself.
pub fn said(sections: &Value) -> String {
    let list = |name: &str| match sections[name].as_array() {
        Some(names) => names
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(", "),
        None => field(sections, &format!("/{name}")),
    };
    let lines = [
        ("written in", "languages"),
        ("made by", "tools"),
        ("with", "sdks"),
        ("version", "version"),
        ("source", "source"),
        ("revision", "revision"),
        ("licences", "licenses"),
        ("authors", "authors"),
        ("description", "description"),
        ("homepage", "homepage"),
    ];
    let lines = lines.into_iter().map(|(words, name)| (words, list(name)));
    lines
        .filter(|(_, value)| !value.is_empty())
        .map(|(words, value)| format!("{words} {value}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// How a version was built, as its publisher says.
pub fn built(provenance: &Value) -> String {
    let lines = [
        ("by", "/about/builder"),
        ("from", "/about/source"),
        ("at commit", "/about/commit"),
        ("as", "/about/build_type"),
    ];
    let lines = lines
        .into_iter()
        .map(|(words, at)| (words, field(provenance, at)));
    lines
        .filter(|(_, value)| !value.is_empty())
        .map(|(words, value)| format!("{words} {value}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// What a version is made of.
pub fn made_of(sbom: &Value) -> String {
    let Some(parts) = sbom["about"]["components"].as_u64() else {
        return String::new();
    };
    let licenses = sbom["about"]["licenses"].as_object();
    let mut licenses: Vec<(u64, &String)> = licenses
        .into_iter()
        .flatten()
        .map(|(name, count)| (count.as_u64().unwrap_or(0), name))
        .collect();
    licenses.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let licenses = licenses
        .iter()
        .map(|(count, name)| format!("{count} under {name}"));
    let mut lines = vec![format!("{parts} parts ({})", field(sbom, "/about/format"))];
    lines.extend(licenses);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn where_a_plugin_comes_from_is_said_in_words() {
        let supply = json!({ "signers": [{"key": "ed25519:a", "trusted_as": "release"}, {"key": "ed25519:b", "trusted_as": null}] });
        assert_eq!(
            signers(&supply),
            "release (ed25519:a)\ned25519:b (not trusted)"
        );
        assert_eq!(trusted_signers(&supply), "release, (not trusted)");
        assert_eq!(signers(&Value::Null), "");
        let sections = json!({ "languages": ["Rust", "C"], "licenses": "MIT" });
        assert_eq!(said(&sections), "written in Rust, C\nlicences MIT");
        let sbom = json!({ "about": { "format": "CycloneDX 1.5", "components": 4, "licenses": {"MIT": 1, "Apache-2.0": 3} } });
        assert_eq!(
            made_of(&sbom),
            "4 parts (CycloneDX 1.5)\n3 under Apache-2.0\n1 under MIT"
        );
        assert_eq!(made_of(&Value::Null), "");
        assert_eq!(
            built(&json!({ "about": { "commit": "abc" } })),
            "at commit abc"
        );
    }

    #[test]
    fn files_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), "12345");
        assert_eq!(read(&path, 4).unwrap_err().exit, Exit::Invalid);
        assert_eq!(
            read(&dir.path().join("none"), 4).unwrap_err().exit,
            Exit::NotFound
        );
        assert_eq!(beside(Path::new("t/x.wasm")), Path::new("t/x.wasm.sig"));
    }
}
