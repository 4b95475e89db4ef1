//! Settings of the host: options, then `STEWARD_*` variables, then a file, then defaults.

mod file;
mod settings;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;
use steward_egress::{Detour, Range};
use steward_inference::DeviceChoice;

pub use settings::{Settings, store};

/// Where the host keeps its data.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Storage")]
pub struct StoreArgs {
    /// Folder for database, artifacts and caches [default: ./steward-data, or $XDG_DATA_HOME/steward]
    #[arg(long, value_name = "DIR", env = "STEWARD_DATA_DIR")]
    pub data_dir: Option<PathBuf>,

    /// Metadata: `sqlite:///path/file.db` or `postgres://user@host/db` [default: DIR/steward.db]
    #[arg(
        long,
        value_name = "URL",
        env = "STEWARD_DATABASE_URL",
        hide_env_values = true
    )]
    pub database_url: Option<String>,

    /// Artifacts: a folder, or `s3://bucket/prefix` with the AWS_* variables [default: DIR/artifacts]
    #[arg(long, value_name = "PLACE", env = "STEWARD_ARTIFACTS")]
    pub artifacts: Option<String>,

    /// File with the host key that secrets are encrypted under; made where it is not there. STEWARD_SECRETS_KEY holds the
    /// key itself instead [default: DIR/secrets.key]
    #[arg(long, value_name = "FILE", env = "STEWARD_SECRETS_KEY_FILE")]
    pub secrets_key_file: Option<PathBuf>,

    /// Shell command that prints the host key, as a key management service keeps it
    #[arg(
        long,
        value_name = "COMMAND",
        env = "STEWARD_SECRETS_KEY_COMMAND",
        hide_env_values = true
    )]
    pub secrets_key_command: Option<String>,

    /// Configuration file [default: ./steward.toml, unless that is the manifest of a plugin]
    #[arg(long, value_name = "FILE", env = "STEWARD_CONFIG")]
    pub config: Option<PathBuf>,
}

/// How the host runs models.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Models")]
pub struct ModelArgs {
    /// ONNX Runtime's shared library [default: ORT_DYLIB_PATH, else the usual places]
    #[arg(long, value_name = "FILE", env = "STEWARD_ONNX_LIBRARY")]
    pub onnx_library: Option<PathBuf>,

    /// Batches of a model that are computed at a time, a thread each; 0 is one for each core [default: 0]
    #[arg(long, value_name = "N", env = "STEWARD_INFERENCE_THREADS")]
    pub inference_threads: Option<usize>,

    /// What models are computed on: `auto` takes a GPU where CUDA can be used and else the processor; `cpu`, `cuda`
    /// and `tensorrt` take that or fail [default: auto]
    #[arg(long, value_name = "DEVICE", env = "STEWARD_DEVICE")]
    pub device: Option<DeviceChoice>,

    /// Memory that models may take together, in MiB; one more, and those go that were not asked for the longest, unless
    /// they are deployed. 0 is no limit [default: three quarters of the memory of the machine, or of its cgroup]
    #[arg(long, value_name = "MIB", env = "STEWARD_MODEL_MEMORY_MIB")]
    pub model_memory_mib: Option<u64>,
}

/// How the host serves.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Server")]
pub struct ServeArgs {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:7300]
    #[arg(long, value_name = "ADDRESS", env = "STEWARD_LISTEN")]
    pub listen: Option<SocketAddr>,

    /// Calls of one tenant that run at the same time, of all of its functions; others wait [default: 500]
    #[arg(long, value_name = "N", env = "STEWARD_TENANT_CONCURRENCY",
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub tenant_concurrency: Option<u32>,

    /// Memory of all running calls of one tenant, in MiB; 0 is no limit [default: half of the memory of the machine, or
    /// of its cgroup]
    #[arg(long, value_name = "MIB", env = "STEWARD_TENANT_MEMORY_MIB")]
    pub tenant_memory_mib: Option<u64>,

    /// Calls of host functions by all calls of one tenant, in a second; 0 is no limit [default: 0]
    #[arg(long, value_name = "N", env = "STEWARD_TENANT_HOST_CALLS")]
    pub tenant_host_calls: Option<u64>,

    /// Elements of the tables of all running calls of one tenant; 0 is no limit [default: 0]
    #[arg(long, value_name = "N", env = "STEWARD_TENANT_TABLE_ELEMENTS")]
    pub tenant_table_elements: Option<usize>,

    /// Instances of one tenant at a time, those that wait for their next call included; 0 is no limit [default: 0]
    #[arg(long, value_name = "N", env = "STEWARD_TENANT_INSTANCES")]
    pub tenant_instances: Option<usize>,

    /// What is kept of the logs of one tenant's functions, in MiB, an even part for each function; 0 is no limit
    /// [default: 256]
    #[arg(long, value_name = "MIB", env = "STEWARD_TENANT_LOG_MIB")]
    pub tenant_log_mib: Option<u64>,

    /// What all functions of one tenant log in a second, in KiB; 0 is no limit [default: 0]
    #[arg(long, value_name = "KIB", env = "STEWARD_TENANT_LOG_KIB_PER_SECOND")]
    pub tenant_log_kib_per_second: Option<u64>,

    /// What all functions of one tenant answer in a second, in KiB; 0 is no limit [default: 0]
    #[arg(long, value_name = "KIB", env = "STEWARD_TENANT_OUTPUT_KIB_PER_SECOND")]
    pub tenant_output_kib_per_second: Option<u64>,

    /// What to log: `info`, `debug`, `steward_gateway=debug,warn` … [default: info]
    #[arg(long, value_name = "FILTER", env = "STEWARD_LOG")]
    pub log: Option<String>,

    /// Folder of TensorBoard's event files, which deployed models are written to [default: none are written]
    #[arg(long, value_name = "DIR", env = "STEWARD_TENSORBOARD")]
    pub tensorboard: Option<PathBuf>,

    /// Addresses inside that functions may send requests to, where they are granted the host: `10.1.0.0/16`, `::1` …; may
    /// be given more than once [default: public addresses alone]
    #[arg(
        long,
        value_name = "CIDR",
        env = "STEWARD_EGRESS_ALLOW",
        value_delimiter = ','
    )]
    pub egress_allow: Vec<Range>,

    /// Certificates in PEM that functions trust beside those of the public authorities
    #[arg(long, value_name = "FILE", env = "STEWARD_EGRESS_CA")]
    pub egress_ca: Option<PathBuf>,

    /// Connections of functions that go to another address than their host has: `api.example.com:443=10.1.2.3:8443`; may
    /// be given more than once
    #[arg(
        long,
        value_name = "HOST:PORT=ADDRESS:PORT",
        env = "STEWARD_EGRESS_CONNECT_TO",
        value_delimiter = ','
    )]
    pub egress_connect_to: Vec<Detour>,

    /// How many days events and dead letters are kept; 0 keeps them for ever [default: 30]
    #[arg(long, value_name = "DAYS", env = "STEWARD_EVENT_DAYS")]
    pub event_days: Option<u32>,

    /// Form of the log [default: pretty on a terminal, else json]
    #[arg(long, value_name = "FORM", env = "STEWARD_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Lines for people
    Pretty,
    /// One JSON object a line
    Json,
}

impl StoreArgs {
    /// What the `STEWARD_*` variables say, without any option.
    pub fn from_environment() -> Result<Self, clap::Error> {
        #[derive(clap::Parser)]
        struct Alone {
            #[command(flatten)]
            store: StoreArgs,
        }
        <Alone as clap::Parser>::try_parse_from(["steward"]).map(|alone| alone.store)
    }
}
