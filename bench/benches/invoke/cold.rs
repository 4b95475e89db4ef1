//! A function that this host has never run: its deployment read from the registry, its compiled code from the cache,
//! linked, instantiated, and the first byte of its answer.

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

pub(crate) async fn run(host: &Host) -> anyhow::Result<()> {
    // A second host of the same registry and cache: what the first one deploys, it has not seen.
    let second = host.second().await?;
    println!(
        "\ncold start: from the registry and the cache of compiled code to the first byte, median of {ROUNDS}"
    );
    println!("{:<58} {:>12} {:>12}", "", "ms", "then, ms");
    for language in ["rust", "c", "javascript", "python"] {
        let name: Name = format!("function-{language}").parse()?;
        let manifest = Manifest::parse(&format!(
            "[plugin]\nname = \"{name}\"\nversion = \"1.0.0\"\nworld = \"function\"\n"
        ))?;
        host.publish(&manifest, &guest(name.as_str())?).await?;
        let (mut cold, mut warm) = (Vec::new(), Vec::new());
        while cold.len() < ROUNDS {
            let version = manifest.plugin.version.clone();
            let (config, grants) = (BTreeMap::new(), Permissions::default());
            host.deploy_as(name.as_str(), name.as_str(), version, config, grants)
                .await?;
            // Its own look at the registry, twice a second, may have come first.
            let unknown = second.find("default", name.as_str()).is_err();
            let begin = Instant::now();
            second.refresh().await?;
            first_byte(&second, &name).await?;
            if unknown {
                cold.push(begin.elapsed().as_secs_f64() * 1e3);
            }
            let begin = Instant::now();
            first_byte(&second, &name).await?;
            warm.push(begin.elapsed().as_secs_f64() * 1e3);
            host.functions.delete(&host.tenant, &name).await?;
            second.refresh().await?;
        }
        let (cold, warm) = (median(&mut cold), median(&mut warm));
        println!("{:<58} {cold:>12.2} {warm:>12.2}", name.as_str());
    }
    Ok(())
}

async fn first_byte(functions: &Functions, name: &Name) -> anyhow::Result<()> {
    let function = functions.find("default", name.as_str())?;
    let request = http::Request::get("http://steward/").body(Empty::<Bytes>::new())?;
    let answer = function.handle(Call::new(), request).await?;
    let first = answer.into_body().frame().await;
    anyhow::ensure!(first.is_some(), "{name} answered with nothing");
    Ok(())
}
