//! Who asks a registry: a name and a password, given or from Docker's configuration.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::OciError;

/// More bytes than a configuration has.
const MAX_BYTES: u64 = 1 << 20;

/// A name and a password, or a token in its place. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who.
    pub username: String,
    /// The password or token.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.username)
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: std::collections::BTreeMap<String, Auth>,
    creds_store: Option<String>,
    cred_helpers: std::collections::BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
}

/// Where Docker keeps its configuration: `DOCKER_CONFIG`, else `~/.docker`.
pub fn file() -> Option<PathBuf> {
    let given = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let folder = given("DOCKER_CONFIG").or_else(|| Some(given("HOME")?.join(".docker")))?;
    Some(folder.join("config.json"))
}

/// What the configuration in a file has for a registry; none where there is no such file or nothing for it.
///
/// # Errors
/// [`OciError::Credentials`] for a file that cannot be read, and where the password is in a helper's keeping.
pub fn of(registry: &str, file: &Path) -> Result<Option<Credentials>, OciError> {
    let size = match std::fs::metadata(file) {
        Ok(about) => about.len(),
        Err(_) => return Ok(None),
    };
    let wrong = |why: String| OciError::Credentials(format!("{}: {why}", file.display()));
    if size > MAX_BYTES {
        return Err(wrong(format!("it has more than {MAX_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(file).map_err(|e| wrong(e.to_string()))?;
    read(registry, &text).map_err(wrong)
}

fn read(registry: &str, text: &str) -> Result<Option<Credentials>, String> {
    // The text of the error would repeat what stands there.
    let config: Config = serde_json::from_str(text)
        .map_err(|e| format!("no JSON of the known shape at line {}", e.line()))?;
    let names = [
        registry.to_owned(),
        format!("https://{registry}"),
        format!("http://{registry}"),
    ];
    let known = names.iter().find_map(|name| config.auths.get(name));
    if let Some(auth) = known
        .and_then(|known| known.auth.as_deref())
        .filter(|auth| !auth.is_empty())
    {
        let broken = || format!("what it has for {registry} is not base64 of `name:password`");
        let bytes = STANDARD.decode(auth.trim()).map_err(|_| broken())?;
        let text = String::from_utf8(bytes).map_err(|_| broken())?;
        let (username, password) = text.split_once(':').ok_or_else(broken)?;
        return Ok(Some(Credentials {
            username: username.to_owned(),
            password: password.to_owned(),
        }));
    }
    let helper = config.cred_helpers.get(registry);
    match helper.or(config.creds_store.as_ref().filter(|_| known.is_some())) {
        Some(helper) => Err(format!(
            "the password for {registry} is kept by `docker-credential-{helper}`, which is not asked here: give it with --username and --password-stdin"
        )),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_password_are_found_by_the_host() {
        // `name:pass:word`
        let text = r#"{"auths":{"localhost:5000":{"auth":"bmFtZTpwYXNzOndvcmQ="},"https://b.example.com":{"auth":"bmFtZTp4"},"c.example.com":{}}}"#;
        let found = read("localhost:5000", text).unwrap().unwrap();
        assert_eq!(
            (found.username.as_str(), found.password.as_str()),
            ("name", "pass:word")
        );
        assert!(!format!("{found:?}").contains("pass"), "{found:?}");
        assert!(read("b.example.com", text).unwrap().is_some());
        for nothing in ["c.example.com", "localhost:5001", "localhost"] {
            assert_eq!(read(nothing, text).unwrap(), None, "{nothing}");
        }
        assert_eq!(read("x", "{}").unwrap(), None);
    }

    #[test]
    fn a_helper_and_a_broken_file_are_named_without_their_contents() {
        let helper = read("x", r#"{"auths":{"x":{}},"credsStore":"secretservice"}"#).unwrap_err();
        assert!(
            helper.contains("docker-credential-secretservice"),
            "{helper}"
        );
        assert_eq!(
            read("y", r#"{"auths":{"x":{}},"credsStore":"s"}"#).unwrap(),
            None
        );
        let broken = read("x", r#"{"auths":{"x":{"auth":"!secret"}}}"#).unwrap_err();
        assert!(!broken.contains("secret"), "{broken}");
        assert!(read("x", "{").is_err());
        assert_eq!(of("x", Path::new("/nowhere/config.json")).unwrap(), None);
    }
}
