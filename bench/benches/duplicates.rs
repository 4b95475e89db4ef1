//! Near duplicates: recall and precision beside comparing each text with each, and documents a second, of the search
//! alone and of a whole job with the signatures made in the sandbox. Prints figures; asserts nothing.
//!
//!     cargo bench --workspace --bench duplicates

use std::path::Path;

use anyhow::Context;
use steward_bench::cpu;
use steward_bench::steward::Host;
use steward_data::{
    DEFAULT_BATCH, DEFAULT_MAX_LINE_BYTES, Deduplication, DuplicatesGiven, Fields, Format, Given,
    Input, Job, NearGiven,
};
use steward_duplicates::{Found, Near, Signer, Space, shingles};
use steward_registry::{Manifest, Permissions};

// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIMILARITY: f64 = 0.8;
/// Documents that are compared each with each.
const COMPARED: usize = 6_000;
/// Documents of the search whose speed is measured.
const DOCUMENTS: usize = 50_000;
/// Documents of a whole job.
const JOB: usize = 10_000;
/// Words of a document; each that differs takes five shingles away.
const WORDS: usize = 142;

fn main() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run())
}

/// Documents of both languages. Every third one has one to three relatives, in which one to six words differ: similarities
/// from 0.93 down to 0.65, most of them near 0.8.
fn documents(count: usize) -> Vec<String> {
    let mut seed = 7u64;
    let mut below = |n: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let word = |n: usize, chinese: bool| match chinese {
        true => char::from_u32(0x4E00 + n as u32).map_or_else(String::new, String::from),
        false => format!("w{n:x} "),
    };
    let mut documents = Vec::with_capacity(count + 3);
    while documents.len() < count {
        let chinese = below(2) == 0;
        let words: Vec<usize> = (0..WORDS).map(|_| below(5_000)).collect();
        let relatives = if below(3) == 0 { 1 + below(3) } else { 0 };
        for relative in 0..=relatives {
            let mut words = words.clone();
            let differ = if relative == 0 { 0 } else { 1 + below(6) };
            for _ in 0..differ {
                words[below(WORDS)] = below(5_000);
            }
            documents.push(words.iter().map(|&n| word(n, chinese)).collect());
        }
    }
    documents.truncate(count);
    documents
}

fn search(
    sets: &[Vec<u32>],
    signatures: &[[u32; Signer::VALUES]],
    bytes: usize,
) -> anyhow::Result<Found> {
    let dir = std::env::temp_dir();
    let mut near = Near::new(SIMILARITY, Signer::VALUES, &Space { dir, bytes })?;
    for (set, signature) in sets.iter().zip(signatures) {
        near.push(set, signature, 0.0)?;
    }
    Ok(near.finish()?)
}

fn jaccard(one: &[u32], other: &[u32]) -> f64 {
    let common = one
        .iter()
        .filter(|s| other.binary_search(s).is_ok())
        .count();
    common as f64 / (one.len() + other.len() - common).max(1) as f64
}

fn quality() -> anyhow::Result<()> {
    let documents = documents(COMPARED);
    let signer = Signer::default();
    let sets: Vec<Vec<u32>> = documents.iter().map(|text| shingles(text)).collect();
    let signatures: Vec<_> = sets.iter().map(|set| signer.signature(set)).collect();
    let found = search(&sets, &signatures, 1 << 28)?;
    let mut cluster: Vec<u32> = (0..COMPARED as u32).collect();
    for one in &found.clusters {
        cluster[one.kept as usize] = one.cluster;
    }
    for one in &found.duplicates {
        cluster[one.row as usize] = one.cluster;
    }
    let (mut pairs, mut together) = (0u32, 0u32);
    let (mut least, mut most) = (1.0f64, 0.0f64);
    for a in 0..COMPARED {
        for b in 0..a {
            let similarity = jaccard(&sets[a], &sets[b]);
            if similarity >= SIMILARITY {
                pairs += 1;
                together += u32::from(cluster[a] == cluster[b]);
            } else if similarity > 0.5 {
                least = least.min(similarity);
                most = most.max(similarity);
            }
        }
    }
    let dropped = found.duplicates.len();
    let alike = found
        .duplicates
        .iter()
        .filter(|one| one.similarity >= SIMILARITY)
        .count();
    println!(
        "near duplicates at {SIMILARITY}, {COMPARED} documents of {WORDS} words, each compared with each"
    );
    println!(
        "{:<64} {:>10.4}",
        "recall: pairs at least so similar that were put together",
        f64::from(together) / f64::from(pairs.max(1))
    );
    println!(
        "{:<64} {:>10.4}",
        "precision: dropped rows at least so like the row that stays",
        alike as f64 / dropped.max(1) as f64
    );
    println!("{:<64} {:>10}", "pairs at least so similar", pairs);
    println!(
        "{:<64} {:>10}",
        "pairs between 0.5 and that, which must not be taken for it",
        format!("{least:.2}–{most:.2}")
    );
    println!(
        "{:<64} {:>10}",
        "pairs that were compared, for they share a band", found.work.compared
    );
    Ok(())
}

async fn speed() -> anyhow::Result<()> {
    let documents = documents(DOCUMENTS);
    let signer = Signer::default();
    let sets: Vec<Vec<u32>> = documents.iter().map(|text| shingles(text)).collect();
    let signatures: Vec<_> = sets.iter().map(|set| signer.signature(set)).collect();
    println!("\nbands, comparison and clusters of {DOCUMENTS} documents, a second of one core");
    for (name, bytes) in [
        ("in memory", 1 << 30),
        ("in 16 MiB, the rest in files", 1 << 24),
    ] {
        let (rate, _) = cpu::rate(async || search(&sets, &signatures, bytes).map(drop)).await?;
        println!("{name:<64} {:>10.0} documents", rate * DOCUMENTS as f64);
    }
    Ok(())
}

async fn job(folder: &Path, duplicates: Deduplication) -> anyhow::Result<()> {
    let job = Job {
        input: Input::File(folder.join("in.jsonl")),
        given: Given::default(),
        output: folder.join("out.jsonl"),
        output_format: Format::JsonLines,
        rejects: folder.join("rejects.jsonl"),
        dropped: None,
        fields: Fields::default(),
        max_line_bytes: DEFAULT_MAX_LINE_BYTES,
        batch: DEFAULT_BATCH,
        jobs: std::thread::available_parallelism().map_or(1, usize::from) + 1,
        keep_duplicates: false,
        steps: Vec::new(),
        duplicates: Some(duplicates),
    };
    job.run(|_| {}).await?;
    Ok(())
}

async fn whole() -> anyhow::Result<()> {
    let host = Host::start().await?;
    let root = steward_tests::root();
    let manifest = std::fs::read_to_string(root.join("plugins/text-cleaner/steward.toml"))?;
    let component = std::fs::read(root.join("plugins/text-cleaner/target/text-cleaner.wasm"))
        .context("the component is not there: run `make build`")?;
    host.deploy_with("text-cleaner", &manifest, &component)
        .await?;
    let version = Manifest::parse(&manifest)?.plugin.version;
    let config = [("minhash".to_owned(), "true".to_owned())].into();
    host.deploy_as(
        "hasher",
        "text-cleaner",
        version,
        config,
        Permissions::default(),
    )
    .await?;
    let folder = tempfile::tempdir()?;
    let rows: String = documents(JOB)
        .iter()
        .map(|text| format!("{}\n", serde_json::json!({ "text": text })))
        .collect();
    std::fs::write(folder.path().join("in.jsonl"), rows)?;
    println!("\na whole job over {JOB} documents, from file to file");
    println!("{:<44} {:>16} {:>18}", "", "of one core", "by the clock");
    for (name, function) in [
        ("signatures from the sandbox", "hasher"),
        ("signatures of the host", "text-cleaner"),
    ] {
        let given = DuplicatesGiven {
            near: Some(NearGiven {
                similarity: SIMILARITY,
                function: Some(function.to_owned()),
            }),
            ..DuplicatesGiven::default()
        };
        let opened = Deduplication::open(&host.functions, &host.models, &host.tenant, &given, None);
        let opened = opened.await?;
        let work = async || job(folder.path(), opened.clone()).await;
        let (core, clock) = cpu::rate(work).await?;
        let (core, clock) = (core * JOB as f64, clock * JOB as f64);
        println!("{name:<44} {core:>10.0} docs/s {clock:>10.0} docs/s");
    }
    Ok(())
}

async fn run() -> anyhow::Result<()> {
    quality()?;
    speed().await?;
    whole().await
}
