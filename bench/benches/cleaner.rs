//! Megabytes per second of one core that the cleaner treats, and MinHash signatures, in the sandbox and natively.
//! Prints figures; asserts nothing.
//!
//!     cargo bench --workspace --bench cleaner

use anyhow::Context;
use steward_bench::cpu;
use steward_bench::steward::Host;
use steward_functions::contract::Document;
use steward_registry::{Manifest, Permissions};
use steward_sdk::cleaner::{Cleaner as _, Document as Native};
use text_cleaner::TextCleaner;

// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 256;
/// Words of a document of which a signature is made.
const WORDS: usize = 142;
const PIECES: [&str; 6] = [
    "Hello, I ordered a blue kettle on 3 May and it still has not arrived. Could you check what happened? ",
    "您好，我五月三日订购了一个蓝色水壶，到现在还没有收到。请帮我查一下是什么情况，谢谢！",
    "The update fixed the crash but the screen still flickers when I open the settings. ",
    "这个功能很好用，希望以后可以支持更多的语言。",
    "  Thanks  a lot for the quick answer,\r\n\r\n\r\nit works now.  ",
    "<p>I would like a refund for the <b>last</b> invoice &amp; the one before.</p>",
];

fn main() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?
        .block_on(run())
}

/// Messages of about a kilobyte, no two the same.
fn messages() -> Vec<String> {
    let message = |i: usize| {
        let mut text = format!("{i} ");
        for j in 0.. {
            text.push_str(PIECES[(i * 5 + j * (i % 3 + 1)) % PIECES.len()]);
            if text.len() > 1000 {
                break;
            }
        }
        text
    };
    (0..BATCH).map(message).collect()
}

fn documents_of_words() -> Vec<String> {
    let words: Vec<String> = (0..2000).map(|n| format!("w{n:x}")).collect();
    let document = |i: usize| {
        let of = |j: usize| words[(i * 7919 + j * j * 31 + j) % words.len()].as_str();
        (0..WORDS).map(of).collect::<Vec<_>>().join(" ")
    };
    (0..BATCH).map(document).collect()
}

fn wire(texts: &[String]) -> Vec<Document> {
    let document = |(id, text): (usize, &String)| Document {
        id: id.to_string(),
        text: text.clone(),
    };
    texts.iter().enumerate().map(document).collect()
}

fn native(texts: &[String]) -> Vec<Native> {
    let document = |(id, text): (usize, &String)| Native {
        id: id.to_string(),
        text: text.clone(),
    };
    texts.iter().enumerate().map(document).collect()
}

fn described(manifest: &str) -> anyhow::Result<steward_sdk::testing::Host> {
    steward_sdk::testing::Host::from_manifest(manifest).map_err(anyhow::Error::msg)
}

async fn run() -> anyhow::Result<()> {
    let host = Host::start().await?;
    let root = steward_tests::root();
    let manifest = std::fs::read_to_string(root.join("plugins/text-cleaner/steward.toml"))?;
    let component = std::fs::read(root.join("plugins/text-cleaner/target/text-cleaner.wasm"))
        .context("the component is not there: run `make build`")?;
    let hashing = [("minhash".to_owned(), "true".to_owned())];
    host.deploy_with("text-cleaner", &manifest, &component)
        .await?;
    let version = Manifest::parse(&manifest)?.plugin.version;
    let config = hashing.clone().into();
    host.deploy_as(
        "hasher",
        "text-cleaner",
        version,
        config,
        Permissions::default(),
    )
    .await?;

    let texts = messages();
    let megabytes = texts.iter().map(String::len).sum::<usize>() as f64 / 1e6;
    let batch = wire(&texts);
    let cleaner = host.functions.cleaner(&host.tenant, "text-cleaner").await?;
    let (cleaned, _) = cpu::rate(async || Ok(cleaner.clean(&batch).await.map(drop)?)).await?;
    let words = documents_of_words();
    let batch = wire(&words);
    let hasher = host.functions.cleaner(&host.tenant, "hasher").await?;
    let (hashed, _) = cpu::rate(async || Ok(hasher.fingerprint(&batch).await.map(drop)?)).await?;

    let failed = |e: steward_sdk::Error| anyhow::anyhow!("{e:?}");
    let batch = native(&texts);
    let inner = described(&manifest)?;
    let entered = inner.enter();
    let (cleaned_natively, _) = cpu::rate(async || {
        let plugin = TextCleaner::new().map_err(failed)?;
        plugin.clean(batch.clone()).map(drop).map_err(failed)
    })
    .await?;
    drop(entered);
    let batch = native(&words);
    let inner = described(&manifest)?;
    let [(key, value)] = hashing;
    let _entered = inner.config(&key, &value).enter();
    let (hashed_natively, _) = cpu::rate(async || {
        let plugin = TextCleaner::new().map_err(failed)?;
        plugin.fingerprint(batch.clone()).map(drop).map_err(failed)
    })
    .await?;

    println!("text-cleaner, in batches of {BATCH}, a second of one core");
    let row = |name: &str, inside: f64, native: f64, unit: f64| {
        println!(
            "{name:<52} {:>10.0} {:>10.0} {:>8.2}",
            inside * unit,
            native * unit,
            native / inside
        );
    };
    println!(
        "{:<52} {:>10} {:>10} {:>8}",
        "", "sandbox", "native", "ratio"
    );
    row(
        "messages of 1 kB, default rules, MB",
        cleaned,
        cleaned_natively,
        megabytes,
    );
    row(
        "MinHash signatures of 142 words, with the exact one",
        hashed,
        hashed_natively,
        BATCH as f64,
    );
    Ok(())
}
