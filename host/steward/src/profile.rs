//! What `steward login` remembers: a server and a key, readable by their owner alone.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The largest profile that is read, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// A server and a key for it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub url: String,
    pub key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// Where the profile lies: `STEWARD_PROFILE`, else `steward/profile.toml` in the user's configuration.
pub fn path() -> Result<PathBuf, Failure> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("STEWARD_PROFILE")
        .or_else(|| set("XDG_CONFIG_HOME").map(|dir| dir.join("steward/profile.toml")))
        .or_else(|| set("HOME").map(|home| home.join(".config/steward/profile.toml")))
        .ok_or_else(|| {
            Failure::new(
                crate::failure::Exit::Failed,
                "there is no place for a profile: HOME is not set",
            )
            .next("set STEWARD_PROFILE to the path of a file")
        })
}

/// The profile; none where there is none.
pub fn load(path: &Path) -> Result<Option<Profile>, Failure> {
    let about = match std::fs::metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file("read", path, &error)),
    };
    let wrong = |why: String| {
        Failure::invalid(format!("the profile {} cannot be used", path.display()))
            .cause(why)
            .next("write it anew with `steward login`")
    };
    if about.len() > MAX_BYTES {
        return Err(wrong(format!(
            "it has {} bytes; at most {MAX_BYTES} are read",
            about.len()
        )));
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o077 != 0 {
        return Err(
            wrong("others can read it, and it holds a key".into()).next(format!(
                "`chmod 600 {}`, or write it anew with `steward login`",
                path.display()
            )),
        );
    }
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
    // The parser's message quotes the line, which may be that of the key.
    toml::from_str(&text)
        .map(Some)
        .map_err(|e| wrong(e.message().to_owned()))
}

/// Writes the profile: whole or not at all, and never readable by others, not even for a moment.
pub fn save(path: &Path, profile: &Profile) -> anyhow::Result<()> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let failed = |error: std::io::Error| Failure::file("write", path, &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    // Temporary files are made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(toml::to_string(profile)?.as_bytes())
        .map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_profile_is_private_and_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/profile.toml");
        assert!(load(&path).unwrap().is_none());
        let profile = Profile {
            url: "http://x".into(),
            key: "stw_x".into(),
            tenant: Some("default".into()),
        };
        save(&path, &profile).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(load(&path).unwrap().unwrap().key, "stw_x");

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(load(&path).is_err());
    }

    #[test]
    fn a_broken_profile_is_refused_without_showing_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("profile.toml");
        for broken in [
            "key = \"stw_secret",
            "url = 1\nkey = \"stw_secret\"",
            "\u{0}",
            "key = \"stw_secret\"\nextra = 1",
        ] {
            std::fs::write(&path, broken).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            let Err(failure) = load(&path) else {
                panic!("{broken}")
            };
            assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
        }
    }
}
