//! What both commands give to a component: the user is its operator.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use steward_capabilities::Capabilities;
use steward_egress::{AddressPolicy, Egress, EgressConfig, Range};
use steward_engine::{Engine, EngineConfig, MAX_COMPONENT_BYTES};
use steward_functions::{Ambient, FolderAccess, Functions, LogBook, Standalone};
use steward_inference::{Inference, InferenceConfig};
use steward_models::Models;
use steward_registry::{
    ArtifactsConfig, Limits, Name, Origin, Permission, Registry, RegistryConfig, TenantId,
};
use tempfile::TempDir;

use crate::failure::{Exit, Failure};
use crate::output::printable;

/// How often the log of a component is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What a component gets.
#[derive(Debug, Args)]
pub struct Given {
    /// Set an environment variable; without a value it is taken from this process
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = parse_variable)]
    pub env: Vec<(String, String)>,
    /// Show a folder to the component, under its own name or another; it may read and write there
    #[arg(long, value_name = "FOLDER[::NAME]", value_parser = parse_folder)]
    pub dir: Vec<(PathBuf, String)>,
    /// Show a folder to the component that it may only read
    #[arg(long, value_name = "FOLDER[::NAME]", value_parser = parse_folder)]
    pub read_only_dir: Vec<(PathBuf, String)>,
    /// Set a configuration key, for `wasi:config` and `steward:config`
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    pub config: Vec<(String, String)>,
    /// Allow a bucket or a container: `keyvalue=BUCKET`, `blobstore=CONTAINER`. What is in them is gone when the command ends
    #[arg(long, value_name = "KIND=NAME")]
    pub grant: Vec<Permission>,
    /// Allow HTTP requests to an origin: `https://api.example.com`
    #[arg(long, value_name = "ORIGIN")]
    pub allow_http: Vec<Origin>,
    /// Allow sockets, to anywhere
    #[arg(long)]
    pub network: bool,
    /// Memory of the component [default: 128; a command 1024]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub memory_mib: Option<u32>,
}

/// A host for one component, with a registry that nobody keeps.
pub struct Bench {
    pub functions: Functions,
    _folder: TempDir,
}

impl Bench {
    pub async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let registry = Registry::open(&RegistryConfig {
            database_url: format!("sqlite://{}", folder.path().join("steward.db").display()),
            artifacts: ArtifactsConfig::Local(folder.path().join("artifacts")),
        })
        .await?;
        registry.ensure_tenant(&tenant()).await?;
        let engine = Engine::new(&EngineConfig {
            cache_dir: cache(folder.path()),
        })
        .context("the WebAssembly engine does not start")?;
        let inference = Inference::new(InferenceConfig::default());
        let models_dir = folder.path().join("models");
        let models = Models::start(registry.clone(), inference, models_dir).await?;
        // Whoever names an origin on the command line may reach it, wherever it is.
        let everywhere = ["0.0.0.0/0", "::/0"].map(str::parse);
        let everywhere = everywhere.into_iter().collect::<Result<Vec<Range>, _>>()?;
        let egress = Egress::new(EgressConfig {
            addresses: AddressPolicy::opening(everywhere),
            ..EgressConfig::default()
        })
        .context("requests of the component cannot be sent")?;
        let capabilities = Capabilities::from(models)
            .with_stores(registry.clone())
            .with_egress(egress);
        let functions = Functions::start(registry, engine, capabilities).await?;
        Ok(Self {
            functions,
            _folder: folder,
        })
    }
}

/// Compiled components are kept for the next time, where the user has a folder for that.
fn cache(otherwise: &Path) -> PathBuf {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.filter(|path| path.is_absolute()).or_else(home);
    let folder = base.map(|base| base.join("steward").join("components"));
    folder
        .filter(|folder| std::fs::create_dir_all(folder).is_ok())
        .unwrap_or_else(|| otherwise.join("cache"))
}

fn tenant() -> TenantId {
    // It is a name: a test below parses it.
    #[allow(clippy::unwrap_used)]
    "default".parse().unwrap()
}

/// The component in a file, bounded before it is read.
pub fn read(file: &Path) -> anyhow::Result<Bytes> {
    let place = || format!("cannot read {}", file.display());
    let size = match std::fs::metadata(file) {
        Ok(found) => found.len(),
        Err(error) => {
            let failure = match error.kind() {
                std::io::ErrorKind::NotFound => Failure::new(Exit::NotFound, place()),
                _ => Failure::new(Exit::Failed, place()),
            };
            return Err(failure.cause(error.to_string()).into());
        }
    };
    if size > MAX_COMPONENT_BYTES as u64 {
        let what = format!(
            "{} has {size} bytes; a component has at most {MAX_COMPONENT_BYTES}",
            file.display()
        );
        return Err(Failure::invalid(what).into());
    }
    Ok(std::fs::read(file).with_context(place)?.into())
}

impl Given {
    pub fn standalone(self, file: &Path, args: Vec<String>, limits: Limits) -> Standalone {
        let folders = |named: Vec<(PathBuf, String)>, access| {
            named
                .into_iter()
                .map(move |(folder, name)| (folder, name, access))
        };
        let program = file.file_name().unwrap_or_default().to_string_lossy();
        let grants = self.grant.into_iter();
        Standalone {
            tenant: tenant(),
            name: name_of(file),
            grants: grants
                .chain(self.allow_http.into_iter().map(Permission::Http))
                .collect(),
            config: self.config.into_iter().collect(),
            limits: Limits {
                memory_mib: self.memory_mib.or(limits.memory_mib),
                ..limits
            },
            timeout: None,
            ambient: Ambient {
                env: self.env,
                args: [program.into_owned()].into_iter().chain(args).collect(),
                folders: folders(self.dir, FolderAccess::ReadWrite)
                    .chain(folders(self.read_only_dir, FolderAccess::Read))
                    .collect(),
                stdio: true,
                network: self.network,
            },
        }
    }
}

/// The name of the file as far as it is one.
fn name_of(file: &Path) -> Name {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let kebab = stem.to_lowercase().replace('_', "-");
    // The other name is one: a test below parses it.
    #[allow(clippy::unwrap_used)]
    kebab
        .parse()
        .unwrap_or_else(|_| "component".parse().unwrap())
}

/// Shows what a component logs, beside its output, on standard error. Dropped, it shows no more.
pub struct Shown {
    book: Arc<LogBook>,
    task: tokio::task::JoinHandle<()>,
    next: Arc<parking_lot::Mutex<u64>>,
}

impl Shown {
    pub fn follow(book: &Arc<LogBook>) -> Self {
        let next = Arc::new(parking_lot::Mutex::new(0));
        let (seen, followed) = (next.clone(), book.clone());
        let task = tokio::spawn(async move {
            loop {
                show(&followed, &seen);
                tokio::time::sleep(LOOK).await;
            }
        });
        Self {
            book: book.clone(),
            task,
            next,
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.task.abort();
        show(&self.book, &self.next);
    }
}

fn show(book: &LogBook, next: &parking_lot::Mutex<u64>) {
    let mut next = next.lock();
    for line in book.read(*next, usize::MAX) {
        *next = line.seq + 1;
        let fields: String = line
            .fields
            .iter()
            .map(|(key, value)| format!(" {key}={value}"))
            .collect();
        // Who closed standard error does not want to know.
        let _ = writeln!(
            std::io::stderr(),
            "[{}] {}{}",
            line.level,
            printable(&line.message),
            printable(&fields)
        );
    }
}

fn parse_pair(given: &str) -> Result<(String, String), String> {
    match given.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it is KEY=VALUE".into()),
    }
}

fn parse_variable(given: &str) -> Result<(String, String), String> {
    match given.split_once('=') {
        Some(_) => parse_pair(given),
        None => match std::env::var(given) {
            Ok(value) => Ok((given.to_owned(), value)),
            Err(_) => Err(format!("the variable `{given}` is not set here")),
        },
    }
}

fn parse_folder(given: &str) -> Result<(PathBuf, String), String> {
    let (folder, name) = given.split_once("::").unwrap_or((given, given));
    if folder.is_empty() || name.is_empty() {
        return Err("it is FOLDER or FOLDER::NAME".into());
    }
    Ok((folder.into(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_name() {
        assert_eq!(tenant().as_str(), "default");
        for (file, name) in [
            ("a/http_counter.wasm", "http-counter"),
            ("数据.wasm", "component"),
            ("", "component"),
            ("..", "component"),
        ] {
            assert_eq!(name_of(Path::new(file)).as_str(), name, "{file}");
        }
    }

    #[test]
    fn folders_have_names_of_their_own() {
        assert_eq!(parse_folder("a").unwrap(), ("a".into(), "a".into()));
        assert_eq!(parse_folder("/x::/").unwrap(), ("/x".into(), "/".into()));
        assert!(parse_folder("::x").is_err() && parse_folder("x::").is_err());
    }
}
