//! `steward.toml` of a host.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::LogFormat;
use crate::failure::Failure;

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 256 * 1024;

/// Everything that the file can set. A key that is not known is an error, so that a slip of the pen
/// does not leave a limit at its default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub listen: Option<SocketAddr>,
    pub data_dir: Option<PathBuf>,
    pub database_url: Option<String>,
    pub artifacts: Option<String>,
    pub log: Option<String>,
    pub log_format: Option<LogFormat>,
    pub drain_seconds: Option<u64>,
    #[serde(default)]
    pub s3: S3,
    #[serde(default)]
    pub inference: Inference,
    pub tensorboard: Option<PathBuf>,
    pub event_days: Option<u32>,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub egress: Egress,
    #[serde(default)]
    pub secrets: Secrets,
    /// `[[issuers]]`: whose bearer tokens are taken.
    #[serde(default)]
    pub issuers: Vec<steward_gateway::IssuerConfig>,
    /// By the name of the tenant; `*` are those that are not named.
    #[serde(default)]
    pub tenants: BTreeMap<String, Tenant>,
}

/// `[tenants.NAME]`: what all calls of a tenant may have together.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    pub concurrency: Option<u32>,
    pub memory_mib: Option<u64>,
    pub table_elements: Option<usize>,
    pub instances: Option<usize>,
    pub host_calls_per_second: Option<u64>,
    pub log_mib: Option<u64>,
    pub log_kib_per_second: Option<u64>,
    pub output_kib_per_second: Option<u64>,
}

/// `[s3]`: what the AWS_* variables say otherwise. Credentials come from the environment alone.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    pub region: Option<String>,
    pub endpoint: Option<String>,
    pub allow_http: Option<bool>,
}

/// `[inference]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inference {
    pub library: Option<PathBuf>,
    pub threads: Option<usize>,
    pub max_loaded: Option<usize>,
    pub memory_mib: Option<u64>,
    pub device: Option<String>,
    pub gpu: Option<u32>,
    pub gpu_memory_mib: Option<u64>,
}

/// `[egress]`: where requests of functions may go.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    #[serde(default)]
    pub allow: Vec<String>,
    pub ca: Option<PathBuf>,
    #[serde(default)]
    pub connect_to: Vec<String>,
}

/// `[secrets]`: where the host key comes from. The key itself has no place in this file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    pub key_file: Option<PathBuf>,
    pub key_command: Option<String>,
}

/// `[limits]`: see the operator's guide for what each bounds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub max_connections: Option<usize>,
    pub body_mib: Option<usize>,
    pub upload_mib: Option<usize>,
    pub model_mib: Option<usize>,
    pub dataset_mib: Option<usize>,
    pub buffered_mib: Option<usize>,
    pub header_seconds: Option<u64>,
    pub body_seconds: Option<u64>,
    pub request_seconds: Option<u64>,
    pub upload_seconds: Option<u64>,
}

impl File {
    /// Reads the file that was named, else `steward.toml` in `folder` where there is one.
    pub fn load(named: Option<&Path>, folder: &Path) -> Result<Self, Failure> {
        if let Some(path) = named {
            let text = read(path)?;
            return parse(&text, path);
        }
        let path = folder.join("steward.toml");
        if !path.is_file() {
            return Ok(Self::default());
        }
        let text = read(&path)?;
        // Plugins have a file of the same name. Whoever starts a host in the folder of a plugin means
        // the host, not that file.
        if text
            .parse::<toml::Table>()
            .is_ok_and(|table| table.contains_key("plugin"))
        {
            return Ok(Self::default());
        }
        parse(&text, &path)
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |e: std::io::Error| Failure::file("read", path, &e);
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MAX_BYTES {
        return Err(Failure::invalid(format!(
            "{} has {size} bytes; at most {MAX_BYTES} are read",
            path.display()
        )));
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn parse(text: &str, path: &Path) -> Result<File, Failure> {
    toml::from_str(text).map_err(|e| {
        Failure::invalid(format!(
            "{} is not a configuration of the host",
            path.display()
        ))
        .cause(e.to_string().trim_end())
        .next("the operator's guide (docs/operator.md) lists every key")
    })
}
