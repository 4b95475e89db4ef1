//! From options, variables and file to what the parts of the host take.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf, absolute};
use std::str::FromStr;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use steward_egress::{AddressPolicy, Detour, EgressConfig, Range};
use steward_functions::{TenantLimits, TenantPolicy};
use steward_gateway::GatewayConfig;
use steward_inference::{DeviceChoice, GpuConfig, InferenceConfig};
use steward_registry::{ArtifactsConfig, RegistryConfig, TenantId};
use steward_secrets::KeySource;
use steward_triggers::TriggersConfig;

use sysinfo::System;

use super::file::{File, Limits, S3, Tenant};
use super::{LogFormat, ModelArgs, ServeArgs, StoreArgs};
use crate::failure::{Exit, Failure};

/// What was decided.
#[derive(Debug)]
pub struct Settings {
    pub data_dir: PathBuf,
    pub registry: RegistryConfig,
    pub inference: InferenceConfig,
    /// Where the course of deployed models is written, if it is.
    pub tensorboard: Option<PathBuf>,
    pub gateway: GatewayConfig,
    /// What the calls of a tenant may have together.
    pub tenants: TenantPolicy,
    /// How requests of functions go out.
    pub egress: EgressConfig,
    /// Where the host key comes from.
    pub secrets: KeySource,
    pub triggers: TriggersConfig,
    pub log: String,
    pub log_format: Option<LogFormat>,
}

/// What the process finds around it; a parameter, so that tests need not touch the environment.
pub struct Around<'a> {
    pub folder: &'a Path,
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Settings {
    /// Settles every question from the options and from the process's surroundings.
    pub fn resolve(
        store: &StoreArgs,
        models: &ModelArgs,
        serve: &ServeArgs,
    ) -> Result<Self, Failure> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::settle(
            store,
            models,
            serve,
            &Around {
                folder: Path::new("."),
                variable: &variable,
            },
        )
    }

    fn settle(
        store: &StoreArgs,
        models: &ModelArgs,
        serve: &ServeArgs,
        around: &Around<'_>,
    ) -> Result<Self, Failure> {
        let file = File::load(store.config.as_deref(), around.folder)?;
        let data_dir = data_dir(store, &file, around)?;
        let registry = RegistryConfig {
            database_url: database_url(store, &file, &data_dir)?,
            artifacts: artifacts(store, &file, &data_dir, around)?,
        };
        let defaults = InferenceConfig::default();
        let inference = InferenceConfig {
            library: models
                .onnx_library
                .clone()
                .or(file.inference.library.clone()),
            threads: models
                .inference_threads
                .or(file.inference.threads)
                .unwrap_or(defaults.threads),
            max_loaded: file
                .inference
                .max_loaded
                .unwrap_or(defaults.max_loaded)
                .max(1),
            memory_bytes: model_memory(models, &file),
            device: device(models, &file)?,
            gpu: GpuConfig {
                index: file.inference.gpu.unwrap_or(0),
                memory_bytes: file.inference.gpu_memory_mib.map(mebibytes),
                engines: Some(data_dir.join("tensorrt")),
            },
        };
        let listen = serve.listen.or(file.listen);
        let egress = egress(serve, &file)?;
        let secrets = key_source(store, &file, &data_dir, around)?;
        Ok(Self {
            gateway: GatewayConfig {
                issuers: file.issuers,
                ..gateway(listen, file.drain_seconds, &file.limits)
            },
            tenants: tenants(serve, &file.tenants)?,
            log: serve
                .log
                .clone()
                .or(file.log)
                .unwrap_or_else(|| "info".into()),
            log_format: serve.log_format.or(file.log_format),
            tensorboard: serve.tensorboard.clone().or(file.tensorboard),
            egress,
            secrets,
            triggers: triggers(serve.event_days.or(file.event_days)),
            data_dir,
            registry,
            inference,
        })
    }
}

/// How many bytes models may take together; none is no limit.
fn model_memory(models: &ModelArgs, file: &File) -> Option<u64> {
    let chosen = models.model_memory_mib.or(file.inference.memory_mib);
    match chosen.map(mebibytes) {
        Some(0) => None,
        Some(bytes) => Some(bytes),
        None => machine_memory().map(|memory| memory / 4 * 3),
    }
}

/// The memory of the machine, or of the cgroup that the process is in.
fn machine_memory() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory();
    let whole = system.total_memory();
    let own = system.cgroup_limits().map(|cgroup| cgroup.total_memory);
    let memory = own.map_or(whole, |own| own.min(whole));
    (memory > 0).then_some(memory)
}

/// The limits of the tenants: an option or variable is for those that the file does not name.
fn tenants(serve: &ServeArgs, file: &BTreeMap<String, Tenant>) -> Result<TenantPolicy, Failure> {
    let mib = |given: Option<u64>, otherwise: usize| {
        given.map_or(otherwise, |mib| {
            usize::try_from(mebibytes(mib)).unwrap_or(usize::MAX)
        })
    };
    let kib = |given: Option<u64>, otherwise: u64| {
        given.map_or(otherwise, |kib| kib.saturating_mul(1 << 10))
    };
    let limits = |given: &Tenant, otherwise: TenantLimits| TenantLimits {
        concurrency: given.concurrency.unwrap_or(otherwise.concurrency),
        memory_bytes: mib(given.memory_mib, otherwise.memory_bytes),
        table_elements: given.table_elements.unwrap_or(otherwise.table_elements),
        instances: given.instances.unwrap_or(otherwise.instances),
        host_calls_per_second: given
            .host_calls_per_second
            .unwrap_or(otherwise.host_calls_per_second),
        log_bytes: mib(given.log_mib, otherwise.log_bytes),
        log_bytes_per_second: kib(given.log_kib_per_second, otherwise.log_bytes_per_second),
        output_bytes_per_second: kib(
            given.output_kib_per_second,
            otherwise.output_bytes_per_second,
        ),
    };
    for (name, given) in file {
        if name != "*" {
            name.parse::<TenantId>()
                .map_err(|e| Failure::invalid(format!("`[tenants.{name}]`: {e}")))?;
        }
        if given.concurrency.is_some_and(|n| !(1..=1000).contains(&n)) {
            let text = format!("`[tenants.{name}] concurrency`: between 1 and 1000");
            return Err(Failure::invalid(text));
        }
    }
    let half = machine_memory().map_or(0, |memory| memory / 2);
    let host = TenantLimits {
        memory_bytes: usize::try_from(half).unwrap_or(usize::MAX),
        ..TenantLimits::default()
    };
    let others = limits(&file.get("*").copied().unwrap_or_default(), host);
    let options = Tenant {
        concurrency: serve.tenant_concurrency,
        memory_mib: serve.tenant_memory_mib,
        table_elements: serve.tenant_table_elements,
        instances: serve.tenant_instances,
        host_calls_per_second: serve.tenant_host_calls,
        log_mib: serve.tenant_log_mib,
        log_kib_per_second: serve.tenant_log_kib_per_second,
        output_kib_per_second: serve.tenant_output_kib_per_second,
    };
    let others = limits(&options, others);
    let named = file.iter().filter(|(name, _)| *name != "*");
    let named = named.map(|(name, given)| (name.clone(), limits(given, others)));
    Ok(TenantPolicy::new(others, named.collect()))
}

fn mebibytes(count: u64) -> u64 {
    count.saturating_mul(1 << 20)
}

fn device(models: &ModelArgs, file: &File) -> Result<DeviceChoice, Failure> {
    if let Some(device) = models.device {
        return Ok(device);
    }
    match &file.inference.device {
        Some(named) => named
            .parse()
            .map_err(|error| Failure::invalid(format!("`device` of `[inference]`: {error}"))),
        None => Ok(DeviceChoice::Auto),
    }
}

/// Settings of a command that only needs the registry.
pub fn store(args: &StoreArgs) -> Result<Settings, Failure> {
    Settings::resolve(args, &ModelArgs::default(), &ServeArgs::default())
}

/// Absolute, because the database URL needs it and because the process may change its folder.
fn data_dir(store: &StoreArgs, file: &File, around: &Around<'_>) -> Result<PathBuf, Failure> {
    let here = around.folder.join("steward-data");
    let chosen = store
        .data_dir
        .clone()
        .or_else(|| file.data_dir.clone())
        .unwrap_or_else(|| match (around.variable)("XDG_DATA_HOME") {
            Some(shared) if !here.is_dir() => Path::new(&shared).join("steward"),
            _ => here,
        });
    absolute(&chosen).map_err(|e| Failure::file("find", &chosen, &e))
}

fn database_url(store: &StoreArgs, file: &File, data_dir: &Path) -> Result<String, Failure> {
    if let Some(url) = store
        .database_url
        .clone()
        .or_else(|| file.database_url.clone())
    {
        return Ok(url);
    }
    let path = data_dir.join("steward.db");
    match path.to_str() {
        Some(path) => Ok(format!("sqlite://{path}")),
        None => Err(Failure::invalid(format!(
            "the path {} is not UTF-8",
            path.display()
        ))),
    }
}

fn artifacts(
    store: &StoreArgs,
    file: &File,
    data_dir: &Path,
    around: &Around<'_>,
) -> Result<ArtifactsConfig, Failure> {
    let Some(place) = store.artifacts.clone().or_else(|| file.artifacts.clone()) else {
        return Ok(ArtifactsConfig::Local(data_dir.join("artifacts")));
    };
    match place.split_once("://") {
        None => Ok(ArtifactsConfig::Local(place.into())),
        Some(("file", path)) => Ok(ArtifactsConfig::Local(path.into())),
        Some(("s3", rest)) => s3(rest, &file.s3, around),
        Some((scheme, _)) => Err(Failure::invalid(format!(
            "artifacts cannot be kept in `{scheme}://`"
        ))
        .next("give a folder or `s3://bucket/prefix`")),
    }
}

fn s3(rest: &str, file: &S3, around: &Around<'_>) -> Result<ArtifactsConfig, Failure> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(Failure::invalid("`s3://` names no bucket").next("give `s3://bucket/prefix`"));
    }
    let variable = |name: &str| (around.variable)(name);
    let credential = |name: &str| {
        variable(name).ok_or_else(|| {
            Failure::new(
                Exit::Invalid,
                format!("artifacts in s3://{bucket} need the variable {name}"),
            )
            .next("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment of the host")
        })
    };
    let endpoint = variable("AWS_ENDPOINT_URL_S3")
        .or_else(|| variable("AWS_ENDPOINT_URL"))
        .or_else(|| variable("AWS_ENDPOINT"))
        .or_else(|| file.endpoint.clone());
    Ok(ArtifactsConfig::S3 {
        bucket: bucket.to_owned(),
        prefix: prefix.trim_matches('/').to_owned(),
        region: variable("AWS_REGION")
            .or_else(|| variable("AWS_DEFAULT_REGION"))
            .or_else(|| file.region.clone())
            .unwrap_or_else(|| "us-east-1".into()),
        endpoint,
        access_key_id: credential("AWS_ACCESS_KEY_ID")?,
        secret_access_key: credential("AWS_SECRET_ACCESS_KEY")?,
        allow_http: variable("AWS_ALLOW_HTTP")
            .map(|v| v == "true" || v == "1")
            .or(file.allow_http)
            .unwrap_or(false),
    })
}

/// Public addresses, and what the operator opened.
fn egress(serve: &ServeArgs, file: &File) -> Result<EgressConfig, Failure> {
    let ranges: Vec<Range> = either(&serve.egress_allow, &file.egress.allow, "allow")?;
    let detours: Vec<Detour> = either(
        &serve.egress_connect_to,
        &file.egress.connect_to,
        "connect_to",
    )?;
    let extra_roots = match serve.egress_ca.as_ref().or(file.egress.ca.as_ref()) {
        None => Vec::new(),
        Some(path) => {
            let wrong = |why: String| {
                Failure::invalid(format!("{} holds no certificates in PEM", path.display()))
                    .cause(why)
            };
            let text = std::fs::read(path).map_err(|e| Failure::file("read", path, &e))?;
            let roots = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
            let roots = roots.map_err(|e| wrong(e.to_string()))?;
            if roots.is_empty() {
                return Err(wrong("there is none in it".into()));
            }
            roots
        }
    };
    Ok(EgressConfig {
        addresses: AddressPolicy::opening(ranges),
        extra_roots,
        detours,
        ..EgressConfig::default()
    })
}

/// What the command line says, or else a list of `[egress]` in the file.
fn either<T>(given: &[T], listed: &[String], key: &str) -> Result<Vec<T>, Failure>
where
    T: Clone + FromStr<Err: fmt::Display>,
{
    if !given.is_empty() {
        return Ok(given.to_vec());
    }
    let read = |text: &String| {
        let wrong = |e| Failure::invalid(format!("`{key}` of `[egress]`: {e}"));
        text.parse::<T>().map_err(wrong)
    };
    listed.iter().map(read).collect()
}

/// One source of the host key. Two that are named are a mistake: they could hold different keys.
fn key_source(
    store: &StoreArgs,
    file: &File,
    data_dir: &Path,
    around: &Around<'_>,
) -> Result<KeySource, Failure> {
    let of_options = [
        store.secrets_key_file.clone().map(KeySource::File),
        store.secrets_key_command.clone().map(KeySource::Command),
        (around.variable)("STEWARD_SECRETS_KEY").map(|key| KeySource::Text(key.into())),
    ];
    let of_file = [
        file.secrets.key_file.clone().map(KeySource::File),
        file.secrets.key_command.clone().map(KeySource::Command),
    ];
    for sources in [of_options.to_vec(), of_file.to_vec()] {
        let mut named = sources.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(source), None) => return Ok(source),
            (Some(_), Some(_)) => {
                return Err(Failure::invalid("the host key has more than one source")
                    .next("name a file, a command or the variable STEWARD_SECRETS_KEY, and only one of them"));
            }
            (None, _) => {}
        }
    }
    Ok(KeySource::File(data_dir.join("secrets.key")))
}

/// How long events are kept; 0 days are for ever.
fn triggers(event_days: Option<u32>) -> TriggersConfig {
    let mut config = TriggersConfig::default();
    if let Some(days) = event_days {
        let kept = Duration::from_secs(u64::from(days) * 24 * 3600);
        config.retention = (days > 0).then_some(kept);
    }
    config
}

fn gateway(listen: Option<SocketAddr>, drain_seconds: Option<u64>, file: &Limits) -> GatewayConfig {
    let mut config = GatewayConfig {
        addr: listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 7300))),
        ..GatewayConfig::default()
    };
    let mib = |value: Option<usize>, limit: &mut usize| {
        if let Some(value) = value {
            *limit = value.saturating_mul(1 << 20);
        }
    };
    let seconds = |value: Option<u64>, limit: &mut Duration| {
        if let Some(value) = value {
            *limit = Duration::from_secs(value);
        }
    };
    let limits = &mut config.limits;
    limits.max_connections = file.max_connections.unwrap_or(limits.max_connections);
    mib(file.body_mib, &mut limits.max_body_bytes);
    mib(file.upload_mib, &mut limits.max_upload_bytes);
    mib(file.model_mib, &mut limits.max_model_bytes);
    mib(file.dataset_mib, &mut limits.max_dataset_bytes);
    mib(file.buffered_mib, &mut limits.max_buffered_bytes);
    seconds(file.header_seconds, &mut limits.header_timeout);
    seconds(file.body_seconds, &mut limits.body_timeout);
    seconds(file.request_seconds, &mut limits.request_timeout);
    seconds(file.upload_seconds, &mut limits.upload_timeout);
    seconds(drain_seconds, &mut config.drain_timeout);
    config
}

#[cfg(test)]
mod tests;
