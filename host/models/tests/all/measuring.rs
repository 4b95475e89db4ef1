//! What models score, and what variants are beside the version they were made of.

use std::path::Path;

use serde_json::{Value, json};
use steward_inference::Pruning;
use steward_models::{Evaluation, EvaluationRow, LabelledSpan, ModelError, Models};
use steward_registry::{ModelDeploymentSpec, ModelGate, ModelShare};

use crate::support::{SOUND, World, classifier, stable, target};

/// A model as installed, under the name and with the configuration of the repository.
async fn push(world: &World, number: &str, name: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let home = root.join(".steward/models").join(name);
    let read = |file: &str| std::fs::read(home.join(file)).expect("run `make setup`");
    let config = root.join("examples/models").join(name).join("model.toml");
    let config: Value = toml::from_str(&std::fs::read_to_string(config).unwrap()).unwrap();
    let files = [
        ("model.onnx", read("model.onnx")),
        ("tokenizer.json", read("tokenizer.json")),
    ];
    world.push_files(number, files.into(), config).await;
}

fn row(text: &str) -> EvaluationRow {
    EvaluationRow {
        text: text.into(),
        ..EvaluationRow::default()
    }
}

fn labelled(text: &str, label: &str, lang: &str) -> EvaluationRow {
    EvaluationRow {
        label: Some(label.into()),
        lang: Some(lang.into()),
        ..row(text)
    }
}

fn pair(text: &str, other: &str, score: f64) -> EvaluationRow {
    EvaluationRow {
        text_pair: Some(other.into()),
        score: Some(score),
        ..row(text)
    }
}

async fn measured(
    world: &World,
    models: &Models,
    reference: &str,
    rows: Vec<EvaluationRow>,
) -> Result<Value, ModelError> {
    let evaluation = Evaluation {
        dataset: "评测".into(),
        rows,
        labels: Vec::new(),
    };
    let model = world.reference(reference);
    let measured = models
        .evaluate(&world.tenant, &model, &evaluation, "anna")
        .await?;
    assert_eq!(measured.dataset, "评测");
    let kept = world
        .registry
        .model_evaluations(&world.tenant, &world.name, &measured.target.version)
        .await
        .unwrap();
    let kept = kept.iter().find(|kept| kept.target == measured.target);
    // The numbers have been to JSON and back.
    let (kept, given) = (&kept.unwrap().report, &measured.report);
    assert_eq!(
        (&kept["rows"], &kept["task"]),
        (&given["rows"], &given["task"])
    );
    let names = |report: &Value| -> Vec<String> {
        report["metrics"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(names(kept), names(given));
    Ok(measured.report)
}

#[track_caller]
fn near(report: &Value, metric: &str, expected: f64) {
    let found = report["metrics"][metric].as_f64();
    let found = found.unwrap_or_else(|| panic!("no `{metric}` in {report}"));
    assert!(
        (found - expected).abs() < 1e-6,
        "{metric}: {found}, not {expected}"
    );
}

#[tokio::test]
async fn a_classifier_is_measured_by_labels_and_by_language() {
    let world = World::with(&[("1.0.0", classifier(&SOUND))]).await;
    let models = world.host().await;
    let rows = vec![
        labelled("good", "好评", "en"),
        labelled("good good", "好评", "en"),
        labelled("差", "差评", "zh"),
        // It cannot know.
        labelled("good", "差评", "zh"),
    ];
    let report = measured(&world, &models, "m", rows).await.unwrap();
    near(&report, "accuracy", 0.75);
    near(&report, "accuracy[lang=en]", 1.0);
    near(&report, "accuracy[lang=zh]", 0.5);
    // 好评: precision 2/3, recall 1; 差评: precision 1, recall 1/2.
    near(&report, "macro_f1", (0.8 + 2.0 / 3.0) / 2.0);
    let (once, twice) = ((1.0 + (-3f64).exp()).ln(), (1.0 + (-6f64).exp()).ln());
    near(
        &report,
        "log_loss",
        (once + twice + once + once + 3.0) / 4.0,
    );
    assert_eq!(
        report["labels"]["差评"],
        json!({
            "precision": 1.0, "recall": 0.5, "f1": 2.0 / 3.0, "support": 2,
        })
    );
    for metric in ["texts_per_second", "p50_ms", "p99_ms"] {
        assert!(
            report["metrics"][metric].as_f64().unwrap() > 0.0,
            "{metric}"
        );
    }
    assert_eq!(
        (&report["rows"], &report["task"]),
        (&json!(4), &json!("classify"))
    );
}

#[tokio::test]
async fn rows_that_do_not_fit_are_named() {
    let world = World::with(&[("1.0.0", classifier(&SOUND))]).await;
    let models = world.host().await;
    for (rows, says) in [
        (vec![], "1 to 20000 rows"),
        (
            vec![labelled("good", "好评", "en"), row("good")],
            "row 1 has no `label`",
        ),
        (
            vec![labelled("good", "spam", "en")],
            "row 0 has the label `spam`",
        ),
    ] {
        let error = measured(&world, &models, "m", rows).await.unwrap_err();
        assert!(
            matches!(error, ModelError::Evaluation(_)) && error.to_string().contains(says),
            "{error}"
        );
    }
    let absent = measured(&world, &models, "m@9.9.9", vec![row("x")])
        .await
        .unwrap_err();
    assert!(matches!(absent, ModelError::NoSuch { .. }));
}

#[tokio::test]
async fn a_token_classifier_is_measured_by_whole_entities() {
    let world = World::with(&[]).await;
    push(&world, "1.0.0", "rampart").await;
    let models = world.host().await;
    let text = "客户 wrote: my email is anna@example.com, thanks";
    let start = text.chars().count() - "anna@example.com, thanks".len();
    let span = |start: usize, label: &str| LabelledSpan {
        start: start as u32,
        end: (start + "anna@example.com".len()) as u32,
        label: label.into(),
    };
    let entities = |spans: Vec<LabelledSpan>| EvaluationRow {
        entities: Some(spans),
        ..row(text)
    };
    let right = vec![entities(vec![span(start, "EMAIL")])];
    let report = measured(&world, &models, "m", right).await.unwrap();
    near(&report, "recall", 1.0);
    let shifted = vec![entities(vec![span(start + 1, "EMAIL")])];
    let report = measured(&world, &models, "m", shifted).await.unwrap();
    near(&report, "recall", 0.0);
    assert_eq!(report["labels"]["EMAIL"]["support"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_encoder_and_what_is_left_of_it_are_measured_by_pairs_and_admitted_by_gates() {
    let world = World::with(&[]).await;
    push(&world, "1.0.0", "minilm").await;
    let models = world.host().await;
    let rows = || {
        vec![
            pair(
                "The cat sits on the mat.",
                "A cat is sitting on a mat.",
                5.0,
            ),
            pair(
                "my parcel never arrived",
                "the package was not delivered",
                4.5,
            ),
            pair("I want my money back", "please refund my order", 4.0),
            pair(
                "the app crashes at start",
                "how do I change my address?",
                1.0,
            ),
            pair("good morning", "the invoice shows the wrong amount", 0.0),
        ]
    };
    let report = measured(&world, &models, "m", rows()).await.unwrap();
    assert!(
        report["metrics"]["spearman"].as_f64().unwrap() > 0.6,
        "{report}"
    );
    assert!(
        report["metrics"]["pearson"].as_f64().unwrap() > 0.6,
        "{report}"
    );

    let wanted = Pruning {
        sparsity: 0.3,
        global: false,
        texts: Vec::new(),
    };
    let (model, variant) = (world.reference("m"), "pruned-30".parse().unwrap());
    let (_, made) = models
        .prune(&world.tenant, &model, &variant, wanted, "anna")
        .await
        .unwrap();
    let number = |name: &str| made.report[name].as_f64().unwrap();
    assert!(
        (number("zeros") / number("parameters") - 0.3).abs() < 0.01,
        "{}",
        made.report["zeros"]
    );
    assert!(number("compressed_bytes") < 0.95 * number("original_compressed_bytes"));
    assert!(made.report["similarity"]["mean"].as_f64().unwrap() > 0.8);

    let report = measured(&world, &models, "m~pruned-30", rows())
        .await
        .unwrap();
    let similarity = report["metrics"]["similarity_mean"].as_f64().unwrap();
    assert!((0.8..0.9999).contains(&similarity), "{report}");
    assert!(report["metrics"]["similarity_min"].as_f64().unwrap() <= similarity);
    assert!(report["metrics"]["speedup"].as_f64().unwrap() > 0.0);

    // A variant is admitted by what it is beside the original.
    world.deploy(&models, &stable("1.0.0")).await.unwrap();
    let gated = |metric: &str, dataset: Option<&str>, min: f64| ModelDeploymentSpec {
        candidate: Some(ModelShare {
            version: target("1.0.0").version,
            variant: Some(variant.clone()),
            percent: 10,
        }),
        gates: vec![ModelGate {
            metric: metric.into(),
            dataset: dataset.map(str::to_owned),
            min: Some(min),
            max: None,
        }],
        ..stable("1.0.0")
    };
    let refused = world
        .deploy(&models, &gated("similarity_mean", None, 0.9999))
        .await;
    let error = refused.unwrap_err().to_string();
    assert!(
        error.contains("m@1.0.0~pruned-30") && error.contains("at least 0.9999"),
        "{error}"
    );
    world
        .deploy(&models, &gated("similarity_mean", Some("评测"), 0.8))
        .await
        .unwrap();
}
