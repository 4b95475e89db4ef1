//! A call without HTTP: a fresh instance, the call, and the end of the instance.

use std::time::Instant;

use serde_json::json;
use steward_bench::bare::State;
use steward_bench::median;
use steward_bench::steward::Host;
use steward_engine::Lane;
use steward_functions::contract::cleaner::CleanerPre;
use steward_functions::contract::{Document, Outcome};
use steward_tests::batch;
use wasmtime::component::Linker;

use crate::guest;

/// The same cleaner in each language; the median of so many calls.
const LANGUAGES: [(&str, &str, usize); 4] = [
    ("Rust", "cleaner-rust", 20_000),
    ("C", "cleaner-c", 20_000),
    ("JavaScript", "cleaner-javascript", 1000),
    ("Python", "cleaner-python", 1000),
];

pub(crate) async fn run(host: &Host) -> anyhow::Result<()> {
    of_rust(host).await?;
    println!("\nin process, the cleaner of the templates, fresh instance a call");
    println!("{:<58} {:>12}", "", "µs");
    for (language, name, calls) in LANGUAGES {
        let manifest = format!(
            "[plugin]\nname = \"{name}\"\nversion = \"1.0.0\"\nworld = \"cleaner\"\n\
             [config.min_chars]\n[config.drop_duplicates]\n"
        );
        host.deploy_with(name, &manifest, &guest(name)?).await?;
        let cleaner = host.functions.cleaner(&host.tenant, name).await?;
        let took = timed(calls, async || {
            let outcomes = cleaner.clean(&documents()).await?;
            anyhow::ensure!(outcomes.len() == 1);
            Ok(())
        })
        .await?;
        println!("{language:<58} {took:>12.1}");
    }
    Ok(())
}

fn documents() -> [Document; 1] {
    [Document {
        id: "1".into(),
        text: "  a small text  ".into(),
    }]
}

/// Times `call` one by one and returns the median in microseconds.
async fn timed(
    calls: usize,
    mut call: impl AsyncFnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    for _ in 0..calls / 10 {
        call().await?;
    }
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let start = Instant::now();
        call().await?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(&mut times))
}

/// Instantiate + call + drop, beside what wasmtime needs alone.
async fn of_rust(host: &Host) -> anyhow::Result<()> {
    let component = guest("trim")?;
    let compiled = host.engine.compile(&component)?;
    let mut linker = Linker::<State>::new(host.engine.lane(Lane::Plain));
    // The guest imports log and config; nothing in this bench calls them.
    linker.define_unknown_imports_as_traps(&compiled)?;
    let pre = linker.instantiate_pre(&compiled)?;
    let pre = CleanerPre::new(pre)?;
    let documents = documents();

    let bare = timed(20_000, async || {
        let mut store = host.engine.store(Lane::Plain, State::new());
        let guest = pre.instantiate_async(&mut store).await?;
        let outcomes = guest
            .steward_cleaning_cleaner()
            .call_clean(&mut store, &documents)
            .await?;
        anyhow::ensure!(matches!(outcomes.as_deref(), Ok([Outcome::Changed(_)])));
        Ok(())
    })
    .await?;

    let function = host.functions.find("default", "trim")?;
    let input = batch(&["  a small text  "]);
    let json = timed(20_000, async || {
        let answer = function.call(None, input.clone()).await?;
        anyhow::ensure!(answer[0]["changed"]["text"] == json!("a small text"));
        Ok(())
    })
    .await?;

    let cleaner = host.functions.cleaner(&host.tenant, "trim").await?;
    let typed = timed(20_000, async || {
        let outcomes = cleaner.clean(&documents).await?;
        anyhow::ensure!(matches!(outcomes[..], [Outcome::Changed(_)]));
        Ok(())
    })
    .await?;

    println!("in process, one document: instantiate + call + drop, median of 20,000");
    println!("{:<58} {:>12} {:>9}", "", "µs", "ratio");
    println!(
        "{:<58} {bare:>12.1} {:>9.2}",
        "bare wasmtime call, typed, same engine settings", 1.0
    );
    println!(
        "{:<58} {typed:>12.1} {:>9.2}",
        "Steward, typed (limits, grants, metering)",
        typed / bare
    );
    println!(
        "{:<58} {json:>12.1} {:>9.2}",
        "Steward, JSON in and out",
        json / bare
    );
    Ok(())
}
