//! Where the key of the host comes from.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

use crate::key::MAX_TEXT_BYTES;
use crate::{HostKey, KeyRing, SecretsError};

/// How long a command may take.
const COMMAND: Duration = Duration::from_secs(30);

/// Where the key of the host comes from. Each holds the text that [`KeyRing::parse`] reads.
#[derive(Clone)]
pub enum KeySource {
    /// A file. Where it is not there it is made, with a new key, for its owner alone.
    File(PathBuf),
    /// The text itself, as an environment variable held it.
    Text(Zeroizing<String>),
    /// What a shell command prints: the way to a key management service.
    Command(String),
}

/// Without the text.
impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Text(_) => f.write_str("Text(***)"),
            Self::Command(_) => f.write_str("Command(***)"),
        }
    }
}

impl KeySource {
    /// Reads the keys.
    ///
    /// # Errors
    /// [`SecretsError::Key`] where they cannot be had, or a file can be read by everybody.
    pub async fn load(&self) -> Result<KeyRing, SecretsError> {
        match self {
            Self::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || load_file(&path)).await;
                read.map_err(|_| SecretsError::Key("it could not be read".into()))?
            }
            Self::Text(text) => KeyRing::parse(text),
            Self::Command(command) => KeyRing::parse(&printed(command).await?),
        }
    }

    /// Puts these keys in the place of those that the file holds.
    ///
    /// # Errors
    /// [`SecretsError::Key`] where the keys are not kept in a file, or it cannot be written.
    pub fn replace(&self, ring: &KeyRing) -> Result<(), SecretsError> {
        let Self::File(path) = self else {
            return Err(SecretsError::Key(
                "it is not kept in a file: put the new key first where it is kept, and leave the old one behind it".into(),
            ));
        };
        // Whoever reads meanwhile reads the old file or the new one, never a half.
        let draft = write_draft(path, ring).map_err(|e| failed(path, &e))?;
        std::fs::rename(&draft, path).map_err(|e| failed(path, &e))?;
        sync_folder(path).map_err(|e| failed(path, &e))
    }
}

fn failed(path: &Path, error: &io::Error) -> SecretsError {
    SecretsError::Key(format!("{}: {error}", path.display()))
}

fn load_file(path: &Path) -> Result<KeyRing, SecretsError> {
    match std::fs::File::open(path) {
        Ok(file) => read_file(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let ring = KeyRing::of(HostKey::generate()?);
            let draft = write_draft(path, &ring).map_err(|e| failed(path, &e))?;
            // A link fails where another host was faster: then its key is the key.
            let linked = std::fs::hard_link(&draft, path);
            let _ = std::fs::remove_file(&draft);
            match linked {
                Ok(()) => {
                    sync_folder(path).map_err(|e| failed(path, &e))?;
                    tracing::info!(file = %path.display(), key_id = ring.current().id(), "a host key was made: keep a copy of it, without it no secret can be read");
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(path, &error)),
            }
            let file = std::fs::File::open(path).map_err(|e| failed(path, &e))?;
            read_file(path, file)
        }
        Err(error) => Err(failed(path, &error)),
    }
}

fn read_file(path: &Path, file: std::fs::File) -> Result<KeyRing, SecretsError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file
            .metadata()
            .map_err(|e| failed(path, &e))?
            .permissions()
            .mode();
        if mode & 0o007 != 0 {
            return Err(SecretsError::Key(format!(
                "everybody on this machine can reach {0}; next: chmod 600 {0}",
                path.display()
            )));
        }
    }
    let mut text = Zeroizing::new(String::with_capacity(MAX_TEXT_BYTES + 1));
    file.take(MAX_TEXT_BYTES as u64 + 1)
        .read_to_string(&mut text)
        .map_err(|e| failed(path, &e))?;
    KeyRing::parse(&text).map_err(|error| match error {
        SecretsError::Key(why) => SecretsError::Key(format!("{}: {why}", path.display())),
        other => other,
    })
}

/// Writes a file beside this one that only its owner can read, and waits for the disk.
fn write_draft(path: &Path, ring: &KeyRing) -> io::Result<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.{}", std::process::id(), ring.current().id()));
    let draft = path.with_file_name(name);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    let written = file
        .write_all(ring.to_text().as_bytes())
        .and_then(|()| file.sync_all());
    if let Err(error) = written {
        let _ = std::fs::remove_file(&draft);
        return Err(error);
    }
    Ok(draft)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// What a command prints. What it says on standard error goes to the log of the host, unseen by this process.
async fn printed(command: &str) -> Result<Zeroizing<String>, SecretsError> {
    let failed = |why: String| SecretsError::Key(format!("the command for it {why}"));
    let mut child = tokio::process::Command::new("sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| failed(format!("does not start: {e}")))?;
    let mut text = Zeroizing::new(String::with_capacity(MAX_TEXT_BYTES + 1));
    let run = async {
        if let Some(stdout) = child.stdout.take() {
            let mut bounded = stdout.take(MAX_TEXT_BYTES as u64 + 1);
            bounded
                .read_to_string(&mut text)
                .await
                .map_err(|e| failed(format!("prints no text: {e}")))?;
        }
        let status = child.wait().await.map_err(|e| failed(e.to_string()))?;
        match status.success() {
            true => Ok(()),
            false => Err(failed(format!("failed with {status}"))),
        }
    };
    match tokio::time::timeout(COMMAND, run).await {
        Ok(done) => done?,
        Err(_) => return Err(failed(format!("takes more than {} s", COMMAND.as_secs()))),
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn a_file_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.key");
        let source = KeySource::File(path.clone());
        let many: Vec<_> = (0..8)
            .map(|_| {
                let source = source.clone();
                tokio::spawn(async move { source.load().await.unwrap().current().id().to_owned() })
            })
            .collect();
        let mut ids = Vec::new();
        for id in many {
            ids.push(id.await.unwrap());
        }
        ids.dedup();
        assert_eq!(ids.len(), 1, "all hosts have one key");
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no draft is left"
        );

        let ring = source.load().await.unwrap();
        let next = ring.with(HostKey::generate().unwrap());
        source.replace(&next).unwrap();
        let read = source.load().await.unwrap();
        assert_eq!(read.current().id(), next.current().id());
        assert!(read.find(&ids[0]).is_some());
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let refused = source.load().await.unwrap_err().to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }

    #[tokio::test]
    async fn a_command_is_asked_and_its_failure_is_said() {
        let key = HostKey::generate().unwrap();
        let text = key.to_text();
        let source = KeySource::Command(format!("echo '{}'", *text));
        assert_eq!(source.load().await.unwrap().current().id(), key.id());
        assert!(!format!("{source:?}").contains(text.as_str()));
        for (command, said) in [
            ("exit 3", "exit status: 3"),
            ("echo x", "line 1"),
            ("true", "no key"),
            ("yes", ""),
        ] {
            let refused = KeySource::Command(command.into())
                .load()
                .await
                .unwrap_err()
                .to_string();
            assert!(refused.contains(said), "{refused}");
        }
        assert!(source.replace(&KeyRing::of(key)).is_err());
    }

    #[tokio::test]
    async fn a_variable_holds_the_key_itself() {
        let key = HostKey::generate().unwrap();
        let source = KeySource::Text(key.to_text());
        assert_eq!(source.load().await.unwrap().current().id(), key.id());
        assert!(!format!("{source:?}").contains(key.to_text().as_str()));
    }
}
