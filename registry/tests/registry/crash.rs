//! kill -9 during a publish leaves all of it or nothing, and nothing that was acknowledged is lost.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use steward_registry::{ArtifactsConfig, Digest, Registry, RegistryConfig, RegistryError};

use crate::support::{Kind, Place, manifest, tenant};

const DATABASE: &str = "STEWARD_CRASH_DATABASE";
const ARTIFACTS: &str = "STEWARD_CRASH_ARTIFACTS";
const FROM: &str = "STEWARD_CRASH_FROM";
const PLUGINS: [&str; 3] = ["cleaner", "anonymizer", "scorer"];

/// The bytes of a version follow from its name, so that whoever finds it knows what it must hold.
fn component(plugin: &str, number: u64) -> Bytes {
    format!("{plugin} {number} ").repeat(4000).into()
}

/// Runs in the process that is killed: publishes without end, and says what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publish_until_killed() {
    let Ok(database_url) = std::env::var(DATABASE) else {
        return; // not the child
    };
    let artifacts = std::env::var(ARTIFACTS).unwrap();
    let artifacts = match artifacts.strip_prefix("s3 ") {
        None => ArtifactsConfig::Local(artifacts.into()),
        Some(s3) => {
            let (endpoint, rest) = s3.split_once(' ').unwrap();
            let (bucket, prefix) = rest.split_once(' ').unwrap();
            ArtifactsConfig::S3 {
                bucket: bucket.into(),
                prefix: prefix.into(),
                region: "us-east-1".into(),
                endpoint: Some(endpoint.into()),
                access_key_id: "tester".into(),
                secret_access_key: "tester".into(),
                allow_http: true,
            }
        }
    };
    let from: u64 = std::env::var(FROM).unwrap().parse().unwrap();
    let registry = Registry::open(&RegistryConfig {
        database_url,
        artifacts,
    })
    .await
    .unwrap();
    registry.ensure_tenant(&tenant("acme")).await.unwrap();
    let publishers = PLUGINS.map(|plugin| {
        let registry = registry.clone();
        tokio::spawn(async move {
            for number in from.. {
                let manifest = manifest(plugin, &format!("1.0.{number}"));
                match registry
                    .publish(
                        &tenant("acme"),
                        &manifest,
                        component(plugin, number),
                        "child",
                    )
                    .await
                {
                    Ok(_) => {
                        // One write, on a line of its own: the test harness writes there too.
                        let line = format!("\nacknowledged {plugin} {number}\n");
                        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                    }
                    // Published by a process that was killed before it could say so.
                    Err(RegistryError::Conflict { .. }) => {}
                    Err(e) => panic!("{e}"),
                }
            }
        })
    });
    for publisher in publishers {
        publisher.await.unwrap();
    }
}

fn child(config: &RegistryConfig, from: u64) -> Child {
    let artifacts = match &config.artifacts {
        ArtifactsConfig::Local(folder) => folder.display().to_string(),
        ArtifactsConfig::S3 {
            bucket,
            prefix,
            endpoint,
            ..
        } => {
            format!("s3 {} {bucket} {prefix}", endpoint.as_ref().unwrap())
        }
    };
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::publish_until_killed", "--nocapture"])
        .env(DATABASE, &config.database_url)
        .env(ARTIFACTS, artifacts)
        .env(FROM, from.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What is there after a crash: every version with its bytes, checked against what it must hold.
async fn check(
    config: &RegistryConfig,
    acknowledged: &BTreeMap<&str, u64>,
) -> BTreeMap<&'static str, u64> {
    let registry = Registry::open(config).await.unwrap();
    let (mut highest, mut rows) = (BTreeMap::new(), 0);
    for plugin in PLUGINS {
        let versions = match registry
            .plugin_versions(&tenant("acme"), &plugin.parse().unwrap())
            .await
        {
            Ok(versions) => versions,
            Err(RegistryError::NotFound { .. }) => Vec::new(),
            Err(e) => panic!("{e}"),
        };
        for version in &versions {
            let expected = component(plugin, version.version.patch);
            assert_eq!(version.digest, Digest::of(&expected));
            assert_eq!(
                registry.artifacts().get(&version.digest).await.unwrap(),
                expected
            );
        }
        // Published in order: none is missing between those that are there.
        let numbers: Vec<u64> = versions.iter().rev().map(|v| v.version.patch).collect();
        assert_eq!(
            numbers,
            (0..versions.len() as u64).collect::<Vec<_>>(),
            "{plugin}"
        );
        let said = acknowledged.get(plugin).map_or(0, |n| n + 1);
        assert!(
            versions.len() as u64 >= said,
            "{plugin}: {said} acknowledged, {} there",
            versions.len()
        );
        rows += versions.len() as i64;
        highest.insert(plugin, versions.len() as u64);
    }
    // The revision counts the tenant and every version: it moved with each, and with nothing else.
    let tenants = registry.tenants().await.unwrap().len() as i64;
    assert_eq!(registry.revision().await.unwrap(), tenants + rows);
    highest
}

async fn crash(kind: Kind, rounds: u32) {
    let place = Place::start(kind);
    let config = place.fresh().await;
    let mut acknowledged = BTreeMap::<&str, u64>::new();
    let (mut from, mut there) = (0, BTreeMap::new());
    for round in 0..rounds {
        let mut child = child(&config, from);
        // Killed while it opens, at its first publish, or some publishes later; and at another moment
        // of that publish each time. The delay chooses the moment: nothing is waited for with it.
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let after = if round % 4 == 0 { 0 } else { round % 7 * 2 + 1 };
        let delay = Duration::from_micros(u64::from(round) * 7919 % 25_000);
        let mut seen = 0;
        let mut killed = after == 0;
        if killed {
            std::thread::sleep(delay);
            child.kill().unwrap();
        }
        // What it said before it died is still in the pipe, and counts.
        for line in lines {
            let line = line.unwrap();
            let Some(rest) = line.strip_prefix("acknowledged ") else {
                continue;
            };
            // The last line may be cut off by the kill: then it was not said.
            let Some((plugin, number)) = rest.split_once(' ') else {
                continue;
            };
            let Some(plugin) = PLUGINS.into_iter().find(|p| *p == plugin) else {
                continue;
            };
            let number: u64 = number.parse().unwrap();
            let highest = acknowledged.entry(plugin).or_insert(number);
            *highest = number.max(*highest);
            seen += 1;
            if seen == after && !killed {
                std::thread::sleep(delay);
                child.kill().unwrap();
                killed = true;
            }
        }
        let status = child.wait().unwrap();
        assert!(
            killed && status.code().is_none(),
            "the child ended by itself: {status}"
        );
        place.settle(&config).await;
        there = check(&config, &acknowledged).await;
        from = *there.values().min().unwrap();
    }
    let total: u64 = acknowledged.values().map(|n| n + 1).sum();
    let complete: u64 = there.values().sum();
    eprintln!("{rounds} kills: {total} versions acknowledged, {complete} complete, no other trace");
    assert!(total > u64::from(rounds), "{total}");
}

#[tokio::test]
async fn sqlite_and_a_folder_survive_kill_9() {
    crash(Kind::SqliteLocal, 40).await;
}

#[tokio::test]
async fn postgresql_and_s3_survive_kill_9() {
    crash(Kind::PostgresS3, 12).await;
}
