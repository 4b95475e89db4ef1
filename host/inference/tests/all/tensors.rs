//! Models of any kind, by tensors.

use std::time::{Duration, Instant};

use half::{bf16, f16};
use steward_inference::{
    Caller, ElementType, InferenceError, Model, ModelConfig, ModelFiles, Task, Tensor, TensorData,
};

use crate::onnx::{Graph, Kind, Side};
use crate::support::{INFERENCE, minilm, refused, texts};

pub async fn load(key: &str, graph: &[u8], config: &ModelConfig) -> Result<Model, InferenceError> {
    let folder = tempfile::tempdir().unwrap();
    let files = ModelFiles {
        model: folder.path().join("model.onnx"),
        tokenizer: None,
    };
    std::fs::write(&files.model, graph).unwrap();
    INFERENCE.load(key, &files, config).await
}

fn tensors() -> ModelConfig {
    ModelConfig::new(Task::Tensors)
}

pub fn floats(name: &str, numbers: &[f32]) -> Tensor {
    Tensor::new(
        name,
        vec![numbers.len() as i64],
        TensorData::F32(numbers.to_vec()),
    )
}

/// A graph that gives back what it takes.
fn echo(kind: Kind, shape: &[Side]) -> Vec<u8> {
    Graph::default()
        .input("x", kind, shape)
        .node("Identity", &["x"], "y", &[])
        .output("y", kind, shape)
        .build()
}

/// Looks up numbers; a place beyond the table is an error of the run.
fn table() -> Vec<u8> {
    Graph::default()
        .input("at", Kind::I64, &[Side::Open("n")])
        .floats("weights", &[3], &[1.5, 2.5, 3.5])
        .node("Gather", &["weights", "at"], "found", &[])
        .node("Neg", &["found"], "negative", &[])
        .output("found", Kind::F32, &[Side::Open("n")])
        .output("negative", Kind::F32, &[Side::Open("n")])
        .build()
}

#[tokio::test]
async fn every_type_goes_through_as_it_is() {
    let text = |text: &str| text.to_owned();
    let cases = [
        (
            Kind::F32,
            ElementType::F32,
            TensorData::F32(vec![0.5, -1e30]),
        ),
        (
            Kind::F64,
            ElementType::F64,
            TensorData::F64(vec![0.1, -1e300]),
        ),
        (
            Kind::F16,
            ElementType::F16,
            TensorData::F16(vec![f16::from_f32(0.5), f16::MAX]),
        ),
        (
            Kind::Bf16,
            ElementType::Bf16,
            TensorData::Bf16(vec![bf16::from_f32(0.5), bf16::MIN]),
        ),
        (Kind::I8, ElementType::I8, TensorData::I8(vec![i8::MIN, 1])),
        (
            Kind::I16,
            ElementType::I16,
            TensorData::I16(vec![i16::MIN, 1]),
        ),
        (
            Kind::I32,
            ElementType::I32,
            TensorData::I32(vec![i32::MIN, 1]),
        ),
        (
            Kind::I64,
            ElementType::I64,
            TensorData::I64(vec![i64::MIN, 1]),
        ),
        (Kind::U8, ElementType::U8, TensorData::U8(vec![u8::MAX, 1])),
        (
            Kind::U16,
            ElementType::U16,
            TensorData::U16(vec![u16::MAX, 1]),
        ),
        (
            Kind::U32,
            ElementType::U32,
            TensorData::U32(vec![u32::MAX, 1]),
        ),
        (
            Kind::U64,
            ElementType::U64,
            TensorData::U64(vec![u64::MAX, 1]),
        ),
        (
            Kind::Bool,
            ElementType::Bool,
            TensorData::Bool(vec![true, false]),
        ),
        (
            Kind::String,
            ElementType::String,
            TensorData::String(vec![text("你好😀"), text("")]),
        ),
    ];
    for (kind, element, data) in cases {
        let graph = echo(kind, &[Side::Open("n"), Side::Fixed(2)]);
        let model = load(&format!("tensors/{element}"), &graph, &tensors())
            .await
            .unwrap();
        let signature = model.signature();
        let (input, output) = (&signature.inputs[0], &signature.outputs[0]);
        assert_eq!((input.name.as_str(), output.name.as_str()), ("x", "y"));
        assert_eq!((input.element, output.element), (element, element));
        assert_eq!(input.shape, [-1, 2]);
        let answer = model
            .infer(vec![Tensor::new("x", vec![1, 2], data.clone())], None)
            .await
            .unwrap();
        assert_eq!(answer, [Tensor::new("y", vec![1, 2], data)], "{element}");
    }
}

#[tokio::test]
async fn a_file_may_say_something_about_itself() {
    let model = load("tensors/about", &table(), &tensors()).await.unwrap();
    assert_eq!(model.signature().metadata["dictionary"], "甲\n乙");
    assert_eq!(model.dimensions(), None);
    let about = minilm().await;
    let about = about.signature();
    assert_eq!(about.inputs[0].element, ElementType::String);
    assert_eq!(about.output("embedding").unwrap().shape, [-1, 384]);
}

#[tokio::test]
async fn outputs_come_as_they_are_asked_for() {
    let model = load("tensors/outputs", &table(), &tensors()).await.unwrap();
    let at = |numbers: &[i64]| {
        vec![Tensor::new(
            "at",
            vec![numbers.len() as i64],
            TensorData::I64(numbers.to_vec()),
        )]
    };
    let all = model.infer(at(&[2, 0]), None).await.unwrap();
    assert_eq!(
        all,
        [
            floats("found", &[3.5, 1.5]),
            floats("negative", &[-3.5, -1.5])
        ]
    );
    let wanted = texts(&["negative", "found"]);
    let turned = model.infer(at(&[1]), Some(&wanted)).await.unwrap();
    assert_eq!(
        turned,
        [floats("negative", &[-2.5]), floats("found", &[2.5])]
    );
    let one = model.infer(at(&[1]), Some(&wanted[..1])).await.unwrap();
    assert_eq!(one.len(), 1);
    let none = model.infer(at(&[]), None).await.unwrap();
    assert_eq!(none[0], floats("found", &[]));
}

#[tokio::test]
async fn a_call_that_fails_is_an_error_of_its_own() {
    let model = load("tensors/fails", &table(), &tensors()).await.unwrap();
    let at = |number| vec![Tensor::new("at", vec![1], TensorData::I64(vec![number]))];
    for _ in 0..3 {
        let error = model.infer(at(99), None).await.unwrap_err();
        assert!(matches!(&error, InferenceError::Run(_)), "{error}");
        assert!(error.to_string().contains("out of data bounds"), "{error}");
        assert_eq!(
            model.infer(at(0), None).await.unwrap()[0],
            floats("found", &[1.5])
        );
    }
    assert!(refused(model.infer(Vec::new(), None).await).contains("`at` is missing"));
    let unknown = texts(&["lost"]);
    assert!(refused(model.infer(at(0), Some(&unknown)).await).contains("no output `lost`"));
    let wrong = vec![Tensor::new("at", vec![1], TensorData::I32(vec![0]))];
    assert!(refused(model.infer(wrong, None).await).contains("is i32; the model takes i64"));
}

#[tokio::test]
async fn numbers_that_are_none_pass_where_the_configuration_says_so() {
    let graph = echo(Kind::F32, &[Side::Open("n")]);
    let nan = || vec![floats("x", &[1.0, f32::NAN])];
    let strict = load("tensors/strict", &graph, &tensors()).await.unwrap();
    assert!(refused(strict.infer(nan(), None).await).contains("allow_non_finite"));
    let config = ModelConfig {
        allow_non_finite: true,
        ..tensors()
    };
    let lax = load("tensors/lax", &graph, &config).await.unwrap();
    let answer = lax.infer(nan(), None).await.unwrap();
    assert!(matches!(&answer[0].data, TensorData::F32(numbers) if numbers[1].is_nan()));
}

#[tokio::test]
async fn answers_are_bounded() {
    // Four bytes in, a gibibyte out.
    let graph = Graph::default()
        .input("side", Kind::I64, &[Side::Fixed(1)])
        .node("ConstantOfShape", &["side"], "y", &[])
        .output("y", Kind::F32, &[Side::Open("n")])
        .build();
    let model = load("tensors/large", &graph, &tensors()).await.unwrap();
    let side = |side| vec![Tensor::new("side", vec![1], TensorData::I64(vec![side]))];
    let error = model.infer(side(1 << 28), None).await.unwrap_err();
    assert!(
        error.to_string().contains("more bytes than the limit"),
        "{error}"
    );
    assert_eq!(
        model.infer(side(2), None).await.unwrap()[0],
        floats("y", &[0.0, 0.0])
    );
}

#[tokio::test]
async fn callers_wait_their_turn_and_may_leave() {
    let model = load("tensors/queue", &table(), &tensors()).await.unwrap();
    let at = |number| vec![Tensor::new("at", vec![1], TensorData::I64(vec![number]))];
    let late = model.with_caller(Caller::interactive("a").until(Instant::now()));
    let error = late.infer(at(0), None).await.unwrap_err();
    assert!(matches!(error, InferenceError::Late), "{error}");
    // A caller that leaves at once, and one that is answered all the same.
    for _ in 0..50 {
        let leaves = tokio::time::timeout(Duration::ZERO, model.infer(at(2), None));
        let _ = leaves.await;
    }
    let calls = (0..200).map(|number| {
        let model = model.with_caller(Caller::interactive(format!("tenant {}", number % 3)));
        async move {
            model
                .infer(at(number % 3), None)
                .await
                .unwrap()
                .swap_remove(0)
        }
    });
    let answers = futures::future::join_all(calls).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer, floats("found", &[[1.5, 2.5, 3.5][number % 3]]));
    }
}

#[tokio::test]
async fn tasks_are_kept_apart() {
    let model = load("tensors/tasks", &table(), &tensors()).await.unwrap();
    let batch = texts(&["好"]);
    for reason in [
        refused(model.embed(&batch).await),
        refused(model.classify(&batch, None).await),
        refused(model.tokenize(&batch, true).await.map(|_| ())),
        refused(model.decode(&[vec![1]], true).await),
        refused(model.score_pairs(&[]).await),
    ] {
        assert!(reason.contains("`tensors`"), "{reason}");
    }
    let reason = refused(minilm().await.infer(Vec::new(), None).await);
    assert!(reason.contains("`embed`"), "{reason}");
}

#[tokio::test]
async fn a_graph_that_nobody_can_call_is_refused() {
    let complex = Graph::default()
        .input("x", Kind::F32, &[Side::Open("n")])
        .node("SequenceConstruct", &["x"], "y", &[])
        .build();
    let error = load("tensors/none", &complex, &tensors())
        .await
        .err()
        .unwrap();
    assert!(error.to_string().contains("no output"), "{error}");
    let labels = ModelConfig {
        labels: texts(&["a", "b"]),
        ..tensors()
    };
    let graph = echo(Kind::F32, &[Side::Open("n"), Side::Fixed(3)]);
    let error = load("tensors/labels", &graph, &labels).await.err().unwrap();
    assert!(error.to_string().contains("2 labels"), "{error}");
}
