//! A function that this host does not serve: its deployment read from the registry, its compiled code from the cache,
//! linked, instantiated, and the first byte of its answer. Once where the host reads and proves the code for the first time
//! in its life, and again where it has proven it before.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use steward_bench::median;
use steward_bench::steward::Host;
use steward_functions::{Call, Functions};
use steward_registry::{Manifest, Name, Permissions};

use crate::guest;

const ROUNDS: usize = 30;
/// Hosts that read and prove the code of each function for the first time in their life.
const LIVES: usize = 5;

pub(crate) async fn run(host: &Host) -> anyhow::Result<()> {
    println!(
        "\ncold start: from the registry and the cache of compiled code to the first byte; the first time in the life of a \
         host, again in a host that has proven the code, and warm; medians of {LIVES} and {ROUNDS}"
    );
    println!(
        "{:<46} {:>16} {:>12} {:>12}",
        "ms", "first in a life", "again", "warm"
    );
    for language in ["rust", "c", "javascript", "python"] {
        let name: Name = format!("function-{language}").parse()?;
        let manifest = Manifest::parse(&format!(
            "[plugin]\nname = \"{name}\"\nversion = \"1.0.0\"\nworld = \"function\"\n"
        ))?;
        host.publish(&manifest, &guest(name.as_str())?).await?;
        let (mut first, mut again, mut warm) = (Vec::new(), Vec::new(), Vec::new());
        while first.len() < LIVES {
            let other = another(host).await?;
            first.extend(start(host, &other, &name, &manifest, &mut warm).await?);
        }
        warm.clear();
        let other = another(host).await?;
        start(host, &other, &name, &manifest, &mut warm).await?;
        while again.len() < ROUNDS {
            again.extend(start(host, &other, &name, &manifest, &mut warm).await?);
        }
        let [first, again, warm] = [first, again, warm].map(|mut times| median(&mut times));
        println!(
            "{:<46} {first:>16.2} {again:>12.2} {warm:>12.2}",
            name.as_str()
        );
    }
    Ok(())
}

/// Another host of the same registry and cache: what the first one deploys, it has not seen.
async fn another(host: &Host) -> anyhow::Result<Functions> {
    let other = host.second().await?;
    other.refresh().await?;
    Ok(other)
}

/// Deploys a function and removes it; the milliseconds to the first byte of the other host, unless its own look at the
/// registry, twice a second, came first.
async fn start(
    host: &Host,
    other: &Functions,
    name: &Name,
    manifest: &Manifest,
    warm: &mut Vec<f64>,
) -> anyhow::Result<Option<f64>> {
    let version = manifest.plugin.version.clone();
    let (config, grants) = (BTreeMap::new(), Permissions::default());
    host.deploy_as(name.as_str(), name.as_str(), version, config, grants)
        .await?;
    let unknown = other.find("default", name.as_str()).is_err();
    let begin = Instant::now();
    other.refresh().await?;
    first_byte(other, name).await?;
    let cold = begin.elapsed().as_secs_f64() * 1e3;
    let begin = Instant::now();
    first_byte(other, name).await?;
    warm.push(begin.elapsed().as_secs_f64() * 1e3);
    host.functions.delete(&host.tenant, name).await?;
    other.refresh().await?;
    Ok(unknown.then_some(cold))
}

async fn first_byte(functions: &Functions, name: &Name) -> anyhow::Result<()> {
    let function = functions.find("default", name.as_str())?;
    let request = http::Request::get("http://steward/").body(Empty::<Bytes>::new())?;
    let answer = function.handle(Call::new(), request).await?;
    let first = answer.into_body().frame().await;
    anyhow::ensure!(first.is_some(), "{name} answered with nothing");
    Ok(())
}
