//! Plugins in registries of OCI artifacts: pushed, and pulled by tag or digest.
//!
//! The layout is that of the [Wasm OCI artifact](https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/),
//! which `wkg` and the runtimes of the Bytecode Alliance read and write: a manifest with a config of the type
//! `application/vnd.wasm.config.v0+json` and exactly one layer, `application/wasm`. They refuse a second layer, so what
//! Steward adds stands beside it:
//!
//! - the manifest of the plugin (`steward.toml`) and its signatures are annotations of the OCI manifest, so that the
//!   digest of that manifest covers component, manifest and signatures at once;
//! - a bill of materials and a provenance are artifacts of their own that name the first one as their `subject`, as
//!   `oras attach` makes them. Registries without the referrers API keep their list under the tag that OCI 1.1 sets
//!   aside for it.
//!
//! Everything that a registry sends is bounded before it is read, and everything that is named by a digest is verified
//! against it.
#![deny(missing_docs)]

pub mod credentials;
mod error;
mod layout;
pub mod place;
mod pull;
mod push;

use std::time::Duration;

use bytes::Bytes;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;

pub use credentials::Credentials;
pub use error::OciError;
pub use place::Place;

/// The largest component, in bytes.
pub const MAX_COMPONENT_BYTES: u64 = 64 << 20;

/// A plugin and what travels with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plugin {
    /// The component.
    pub component: Bytes,
    /// `steward.toml`, byte for byte; none where another tool pushed the component.
    pub manifest: Option<String>,
    /// A DSSE envelope over both.
    pub signature: Option<String>,
    /// A bill of materials: CycloneDX or SPDX, as JSON.
    pub sbom: Option<Bytes>,
    /// SLSA provenance.
    pub provenance: Option<Bytes>,
}

/// What is shown of a plugin in a registry, and what other tools find it by.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Interfaces that the component imports.
    pub imports: Vec<String>,
    /// Interfaces that the component exports.
    pub exports: Vec<String>,
    /// When it was made; the same time makes the same digest.
    pub created: jiff::Timestamp,
    /// Standard annotations (`org.opencontainers.image.…`), by the last word of their names.
    pub annotations: Vec<(&'static str, String)>,
}

/// How to talk to a registry.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Without TLS: for a registry on this machine.
    pub plain_http: bool,
    /// Who asks.
    pub credentials: Option<Credentials>,
}

/// A client of registries.
pub struct Client {
    /// For authentication and uploads.
    oci: oci_client::Client,
    /// For downloads, which are bounded.
    http: reqwest::Client,
    auth: RegistryAuth,
    scheme: &'static str,
}

impl Client {
    /// Sets a client up. The process has installed a provider for TLS before.
    ///
    /// # Errors
    /// [`OciError::Network`] where the machine has no certificates, and the like.
    pub fn new(options: Options) -> Result<Self, OciError> {
        let (connect, read) = (Duration::from_secs(10), Duration::from_secs(60));
        let failed = |e: &dyn std::error::Error| OciError::Network {
            registry: "any registry".into(),
            reason: error::chain(e),
        };
        let http = reqwest::Client::builder()
            .connect_timeout(connect)
            .read_timeout(read)
            // A registry may send a client on to where its blobs are, but never out of TLS.
            .https_only(!options.plain_http)
            .user_agent(concat!("steward/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| failed(&e))?;
        let oci = oci_client::Client::try_from(ClientConfig {
            protocol: match options.plain_http {
                true => ClientProtocol::Http,
                false => ClientProtocol::Https,
            },
            connect_timeout: Some(connect),
            read_timeout: Some(read),
            user_agent: concat!("steward/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        })
        .map_err(|e| failed(&e))?;
        Ok(Self {
            oci,
            http,
            auth: match options.credentials {
                Some(who) => RegistryAuth::Basic(who.username, who.password),
                None => RegistryAuth::Anonymous,
            },
            scheme: if options.plain_http { "http" } else { "https" },
        })
    }
}

/// `sha256:…`
fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(steward_supply::sha256(bytes)))
}
