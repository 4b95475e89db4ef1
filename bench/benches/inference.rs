//! Texts per second of an embedding model, beside the bare ONNX Runtime loop. Prints ratios; asserts nothing.
//!
//!     cargo bench --workspace --bench inference

use std::borrow::Cow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;
use serde_json::json;
use steward_bench::load::Load;
use steward_bench::median;
use steward_bench::steward::Host;
use steward_inference::{
    Inference, InferenceConfig, ModelConfig, ModelFiles, Precision, Quantization, Task,
};
use tokenizers::Tokenizer;

// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 3;
const SECONDS: u32 = 5;
/// As many callers as the load generator has connections.
const CALLERS: usize = 32;
const TEXTS: usize = 2048;
/// The variables that ask for the bare loop: batches of so many texts, of this file.
const BARE_BATCH: &str = "STEWARD_BENCH_BARE_BATCH";
const BARE_MODEL: &str = "STEWARD_BENCH_BARE_MODEL";

fn main() -> anyhow::Result<()> {
    let folder = steward_tests::home().join("models/minilm");
    let files = ModelFiles {
        model: folder.join("model.onnx"),
        tokenizer: Some(folder.join("tokenizer.json")),
    };
    let tokenizer = folder.join("tokenizer.json");
    let mut tokenizer = Tokenizer::from_file(&tokenizer)
        .map_err(|error| anyhow::anyhow!("{}: {error}; run `make setup`", tokenizer.display()))?;
    tokenizer.with_padding(None);
    let texts = texts(&tokenizer)?;
    if let (Ok(batch), Some(model)) = (std::env::var(BARE_BATCH), std::env::var_os(BARE_MODEL)) {
        let rate = bare_loop(Path::new(&model), &tokenizer, &texts, batch.parse()?)?;
        println!("{rate}");
        return Ok(());
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run(files, Arc::new(texts)))
}

/// Texts per second of the bare loop, in a process of its own: ONNX Runtime is set up once in each.
fn bare(files: &ModelFiles, batch: usize) -> anyhow::Result<f64> {
    let output = Command::new(std::env::current_exe()?)
        .env(BARE_BATCH, batch.to_string())
        .env(BARE_MODEL, &files.model)
        .stderr(Stdio::inherit())
        .output()?;
    anyhow::ensure!(output.status.success(), "the bare loop failed");
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

async fn run(files: ModelFiles, texts: Arc<Vec<String>>) -> anyhow::Result<()> {
    let config = ModelConfig::new(Task::Embed);
    let inference = Inference::new(InferenceConfig::default());
    inference.library_status()?;
    let wanted = Quantization {
        to: Precision::Int8,
        min_similarity: None,
        texts: texts[..512].to_vec(),
    };
    let made = inference.quantize(&files, &config, wanted).await?;
    let folder = tempfile::tempdir()?;
    let int8 = ModelFiles {
        model: folder.path().join("model.onnx"),
        tokenizer: files.tokenizer.clone(),
    };
    std::fs::write(&int8.model, &made.model)?;

    println!("all-MiniLM-L6-v2, texts of 20 to 60 tokens");
    let fp32 = compare("fp32", &inference, &files, &texts).await?;
    let int8 = compare("int8", &inference, &int8, &texts).await?;
    println!("\nint8 beside fp32, made by this host");
    println!("{:<58} {:>8.2}", "texts/s over HTTP, ratio", int8 / fp32);
    println!(
        "{:<58} {:>8.2}",
        "texts/s of a thread in batches of 8, ratio", made.report.speedup
    );
    let similarity = made.report.similarity;
    println!("{:<58} {:>8.4}", "cosine, mean", similarity.mean);
    println!("{:<58} {:>8.4}", "cosine, least", similarity.min);
    let size = made.report.bytes as f64 / made.report.fp32_bytes as f64;
    println!("{:<58} {size:>8.2}", "bytes, ratio");
    Ok(())
}

/// Measures one form of the model in every way, by turns, and returns the rate over HTTP.
async fn compare(
    form: &str,
    inference: &Inference,
    files: &ModelFiles,
    texts: &Arc<Vec<String>>,
) -> anyhow::Result<f64> {
    let config = ModelConfig::new(Task::Embed);
    let model = inference.load(form, files, &config).await?;
    let host = Host::start().await?;
    host.push_model("minilm", files, &config).await?;
    let bodies = texts
        .iter()
        .map(|text| json!({ "texts": [text] }).to_string());
    let bodies = bodies.collect();
    let over_http = Load::posts(host.addr, "/api/v1/models/minilm/embed", bodies).key(&host.key);
    tokio::task::block_in_place(|| over_http.run(2))?;
    let guest = steward_tests::root();
    let manifest = std::fs::read_to_string(guest.join("tests/guests/embeds/steward.toml"))?;
    let component = std::fs::read(guest.join("target/test-guests/embeds.wasm"))
        .context("the guest is not there: run `make build`")?;
    host.deploy_with("embeds", &manifest, &component).await?;
    let documents = texts
        .iter()
        .map(|text| json!({ "batch": [{ "id": "1", "text": text }] }).to_string());
    let by_plugin = Load::posts(host.addr, "/f/default/embeds/detect", documents.collect());
    let by_plugin = by_plugin.key(&host.key);
    let mut shares = Vec::new();

    let mut rates: Vec<(String, Vec<f64>)> = Vec::new();
    let mut note =
        |name: String, rate: f64| match rates.iter_mut().find(|(known, _)| *known == name) {
            Some((_, rates)) => rates.push(rate),
            None => rates.push((name, vec![rate])),
        };
    for _ in 0..ROUNDS {
        for batch in [1, 8, 32] {
            let rate = tokio::task::block_in_place(|| bare(files, batch))?;
            note(
                format!("bare ONNX Runtime loop, unsorted batches of {batch}"),
                rate,
            );
        }
        let rate = in_process(&model, texts).await?;
        note(
            "Steward in process, 32 callers with a text each".into(),
            rate,
        );
        let rate = tokio::task::block_in_place(|| by_plugin.run(SECONDS))?;
        note(
            "a plugin that embeds, 32 clients with a text each".into(),
            rate,
        );
        let before = cpu()?;
        let rate = tokio::task::block_in_place(|| over_http.run(SECONDS))?;
        let after = cpu()?;
        let (all, models) = (after.0 - before.0, after.1 - before.1);
        shares.push((all - models) as f64 / all.max(1) as f64);
        note(
            "Steward over HTTP, 32 clients with a text each".into(),
            rate,
        );
    }

    let best: Vec<f64> = (0..ROUNDS)
        .map(|round| {
            rates[..3]
                .iter()
                .map(|(_, rates)| rates[round])
                .fold(0.0, f64::max)
        })
        .collect();
    println!(
        "\n{form:<58} {:>8} {:>30}",
        "texts/s", "ratio to the best bare loop"
    );
    for (name, rates) in &rates {
        let mut ratios: Vec<f64> = rates
            .iter()
            .zip(&best)
            .map(|(rate, best)| rate / best)
            .collect();
        let ratio = median(&mut ratios);
        println!(
            "{name:<58} {:>8.0} {ratio:>30.2}",
            median(&mut rates.clone())
        );
    }
    let top = rates
        .iter()
        .find(|(name, _)| name.contains("in process"))
        .map_or(0.0, |(_, rates)| median(&mut rates.clone()));
    println!(
        "{:<58} {:>8.1}",
        "CPU time over HTTP outside of the model's threads, %",
        100.0 * median(&mut shares)
    );
    println!(
        "{:<58} {:>8} {:>30}",
        "a text in process at 80 % of that load", "ms", "99th percentile / median"
    );
    for (arrivals, name) in [
        (Arrivals::Even, "one after the other"),
        (Arrivals::Random, "at random"),
    ] {
        let mut times = paced(&model, texts, 0.8 * top, arrivals).await?;
        times.sort_unstable();
        let quantile = |q: f64| times[((times.len() - 1) as f64 * q) as usize].as_secs_f64() * 1e3;
        let (half, most) = (quantile(0.5), quantile(0.99));
        println!(
            "{:<58} {:>8} {:>30.2}",
            format!("{} texts that come {name}", times.len()),
            format!("{half:.0} {most:.0}"),
            most / half
        );
    }
    Ok(rates
        .last()
        .map_or(0.0, |(_, rates)| median(&mut rates.clone())))
}

/// The CPU time of this process so far and that of the threads that run models, in clock ticks.
fn cpu() -> anyhow::Result<(u64, u64)> {
    let (mut all, mut models) = (0, 0);
    for task in std::fs::read_dir("/proc/self/task")? {
        let Ok(stat) = std::fs::read_to_string(task?.path().join("stat")) else {
            continue; // It has ended since.
        };
        // The name, in brackets, may hold anything; after it, fields 12 and 13 are the user and the system time.
        let (name, rest) = stat.rsplit_once(')').context("a name in brackets")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        all += ticks;
        if name.ends_with("(steward-model") {
            models += ticks;
        }
    }
    Ok((all, models))
}

/// When texts come.
#[derive(Clone, Copy)]
enum Arrivals {
    /// One after the other, in equal steps.
    Even,
    /// At times that nobody has agreed on: a Poisson process.
    Random,
}

/// How long each text takes that comes at its time, so many a second, whether those before it are done or not.
async fn paced(
    model: &steward_inference::Model,
    texts: &Arc<Vec<String>>,
    rate: f64,
    arrivals: Arrivals,
) -> anyhow::Result<Vec<Duration>> {
    let begin = tokio::time::Instant::now();
    let mut at = 0.0;
    let mut state = 7u64;
    let mut calls = Vec::new();
    for n in 0.. {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Of 53 bits, above 0 and below 1.
        let uniform = ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        at += match arrivals {
            Arrivals::Even => 1.0 / rate,
            Arrivals::Random => -uniform.ln() / rate,
        };
        if at > 2.0 * f64::from(SECONDS) {
            break;
        }
        let due = begin + Duration::from_secs_f64(at);
        tokio::time::sleep_until(due).await;
        let (model, texts) = (model.clone(), Arc::clone(texts));
        calls.push(tokio::spawn(async move {
            let text = &texts[n % texts.len()];
            model.embed(std::slice::from_ref(text)).await?;
            anyhow::Ok(due.elapsed())
        }));
    }
    let mut times = Vec::with_capacity(calls.len());
    for call in calls {
        times.push(call.await??);
    }
    Ok(times)
}

/// Words of one token each, so many that the text has 20 to 60 tokens with its two special ones. Always the same.
fn texts(tokenizer: &Tokenizer) -> anyhow::Result<Vec<String>> {
    let mut words: Vec<String> = tokenizer
        .get_vocab(false)
        .into_keys()
        .filter(|word| word.len() > 2 && word.bytes().all(|b| b.is_ascii_lowercase()))
        .collect();
    words.sort_unstable();
    let mut state = 1u64;
    let mut random = |below: usize| {
        // Knuth's MMIX generator.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut texts = Vec::with_capacity(TEXTS);
    for _ in 0..TEXTS {
        let count = 18 + random(41);
        let text: Vec<&str> = (0..count)
            .map(|_| words[random(words.len())].as_str())
            .collect();
        texts.push(text.join(" "));
    }
    let encoded = tokenizer
        .encode(texts[0].as_str(), true)
        .map_err(|e| anyhow::anyhow!("{e}"))?;
    anyhow::ensure!(
        (20..=60).contains(&encoded.len()),
        "{} tokens",
        encoded.len()
    );
    Ok(texts)
}

/// One session with all cores, as a loop in a script would have it.
fn bare_session(model: &Path) -> anyhow::Result<Session> {
    let cores = std::thread::available_parallelism()?.get();
    let library = std::env::var_os("ORT_DYLIB_PATH").map_or_else(
        || steward_tests::home().join("lib/libonnxruntime.so"),
        Into::into,
    );
    let environment = ort::init_from(library)?.build()?;
    environment.set_log_level(ort::logging::LogLevel::Warning);
    let builder = || {
        Session::builder(&environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(cores)?
            .commit_from_file(model)
    };
    Ok(builder()?)
}

/// Tokenize, pad, run, pool and scale, in batches in the order of arrival.
fn bare_loop(
    model: &Path,
    tokenizer: &Tokenizer,
    texts: &[String],
    batch: usize,
) -> anyhow::Result<f64> {
    let mut session = bare_session(model)?;
    let inputs: Vec<String> = session
        .inputs()
        .iter()
        .map(|input| input.name().to_owned())
        .collect();
    let begin = Instant::now();
    let mut done = 0;
    for texts in texts.chunks(batch).cycle() {
        let rows: Vec<Vec<i64>> = texts
            .iter()
            .map(|text| {
                let encoding = tokenizer
                    .encode_fast(text.as_str(), true)
                    .map_err(|e| anyhow::anyhow!("{e}"))?;
                Ok(encoding.get_ids().iter().map(|&id| i64::from(id)).collect())
            })
            .collect::<anyhow::Result<_>>()?;
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut ids = Vec::with_capacity(rows.len() * width);
        let mut mask = Vec::with_capacity(rows.len() * width);
        for row in &rows {
            ids.extend(
                row.iter()
                    .copied()
                    .chain(std::iter::repeat_n(0, width - row.len())),
            );
            mask.extend(
                std::iter::repeat_n(1, row.len()).chain(std::iter::repeat_n(0, width - row.len())),
            );
        }
        let shape = [rows.len(), width];
        let named = |name: &String| {
            let numbers = match name.as_str() {
                "input_ids" => ids.clone(),
                "attention_mask" => mask.clone(),
                _ => vec![0i64; rows.len() * width],
            };
            let value: SessionInputValue<'_> = Tensor::from_array((shape, numbers))?.into();
            Ok((Cow::from(name.clone()), value))
        };
        let values = inputs.iter().map(named).collect::<ort::Result<Vec<_>>>()?;
        let outputs = session.run(values)?;
        let (shape, data) = outputs[0].try_extract_tensor::<f32>()?;
        let size = *shape.last().context("a shape")? as usize;
        for (row, vectors) in rows.iter().zip(data.chunks_exact(width * size)) {
            let mut sum = vec![0.0f32; size];
            for vector in vectors.chunks_exact(size).take(row.len()) {
                sum.iter_mut()
                    .zip(vector)
                    .for_each(|(sum, number)| *sum += number);
            }
            let length = sum.iter().map(|number| number * number).sum::<f32>().sqrt();
            sum.iter_mut().for_each(|number| *number /= length);
            std::hint::black_box(sum);
        }
        done += texts.len();
        if begin.elapsed() >= Duration::from_secs(SECONDS.into()) {
            break;
        }
    }
    Ok(done as f64 / begin.elapsed().as_secs_f64())
}

async fn in_process(
    model: &steward_inference::Model,
    texts: &Arc<Vec<String>>,
) -> anyhow::Result<f64> {
    let next = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now();
    let caller = || {
        let (model, texts, next) = (model.clone(), Arc::clone(texts), Arc::clone(&next));
        tokio::spawn(async move {
            let mut done = 0usize;
            while begin.elapsed() < Duration::from_secs(SECONDS.into()) {
                let text = &texts[next.fetch_add(1, Ordering::Relaxed) % texts.len()];
                model.embed(std::slice::from_ref(text)).await?;
                done += 1;
            }
            anyhow::Ok(done)
        })
    };
    let callers: Vec<_> = (0..CALLERS).map(|_| caller()).collect();
    let mut done = 0;
    for caller in callers {
        done += caller.await??;
    }
    Ok(done as f64 / begin.elapsed().as_secs_f64())
}
