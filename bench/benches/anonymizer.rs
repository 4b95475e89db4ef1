//! Texts per second of one core that the anonymizer searches, in the sandbox and natively. Prints figures; asserts
//! nothing.
//!
//!     cargo bench --workspace --bench anonymizer

use anonymizer::PersonalData;
use anyhow::Context;
use steward_bench::cpu;
use steward_bench::steward::Host;
use steward_functions::contract::Document;
use steward_sdk::anonymizer::{Anonymizer as _, Document as Native};

// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 256;
/// What texts are made of: most say nothing of anybody.
const PIECES: [&str; 12] = [
    "Please let me know when the order arrives. ",
    "The update fixed the crash but the screen still flickers. ",
    "订单已经发货，预计三天后到达，请注意查收。",
    "这个功能很好用，希望以后可以支持更多的语言。",
    "My card 4012 8888 8888 1881 was charged twice. ",
    "请联系王芳，手机13912345678，谢谢。",
    "Write to ann.lee@example.org or call +1 415 555 0132. ",
    "服务器10.0.0.1从昨天开始无法连接。",
    "I would like a refund for the last invoice of this year. ",
    "Version 2.4.1 of the app is slower than 2.3.9 on my phone. ",
    "身份证11010519491231002X，请核对后回复。",
    "Thanks a lot for the quick answer, it works now. ",
];

fn main() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?
        .block_on(run())
}

fn texts() -> impl Iterator<Item = String> {
    (0..BATCH).map(|i| {
        let pieces = (0..4).map(|j| PIECES[(i * 7 + j * (i % 5 + 1)) % PIECES.len()]);
        pieces.collect::<String>().chars().take(84).collect()
    })
}

async fn run() -> anyhow::Result<()> {
    let host = Host::start().await?;
    let root = steward_tests::root();
    let manifest = std::fs::read_to_string(root.join("plugins/anonymizer/steward.toml"))?;
    let component = std::fs::read(root.join("plugins/anonymizer/target/anonymizer.wasm"))
        .context("the component is not there: run `make build`")?;
    host.deploy_with("anonymizer", &manifest, &component)
        .await?;
    let plugin = host
        .functions
        .anonymizer(&host.tenant, "anonymizer")
        .await?;
    let batch: Vec<Document> = texts()
        .enumerate()
        .map(|(id, text)| Document {
            id: id.to_string(),
            text,
        })
        .collect();
    let (inside, _) = cpu::rate(async || {
        plugin.anonymize(&batch, None).await?;
        Ok(())
    })
    .await?;

    let _host = steward_sdk::testing::Host::from_manifest(&manifest)
        .map_err(anyhow::Error::msg)?
        .enter();
    let batch: Vec<Native> = texts()
        .enumerate()
        .map(|(id, text)| Native {
            id: id.to_string(),
            text,
        })
        .collect();
    let (native, _) = cpu::rate(async || {
        // The configuration is read in every call, as in the sandbox.
        let plugin = PersonalData::new().map_err(|e| anyhow::anyhow!("{e:?}"))?;
        let treated = plugin.anonymize(batch.clone(), None);
        treated.map(drop).map_err(|e| anyhow::anyhow!("{e:?}"))
    })
    .await?;

    println!("anonymizer, texts of 84 characters in batches of {BATCH}, a second of one core");
    println!(
        "{:<44} {:>10.0}",
        "in the sandbox, texts",
        inside * BATCH as f64
    );
    println!(
        "{:<44} {:>10.0}",
        "the same code natively, texts",
        native * BATCH as f64
    );
    println!(
        "{:<44} {:>10.2}",
        "time in the sandbox, native is 1",
        native / inside
    );
    Ok(())
}
