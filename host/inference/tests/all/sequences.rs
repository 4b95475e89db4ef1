//! Models that hand a state from one call to the next.

use std::task::Poll;
use std::time::Instant;

use steward_inference::{
    Caller, InferenceError, MAX_CALLS_OF_SEQUENCE, Model, ModelConfig, Sequence, StateConfig, Task,
    Tensor,
};

use crate::onnx::{Graph, Kind, Side};
use crate::support::{refused, texts};
use crate::tensors::{floats, load};

/// Adds what it is given to what it was given before.
fn counter() -> Vec<u8> {
    Graph::default()
        .input("x", Kind::F32, &[Side::Fixed(1)])
        .input("state", Kind::F32, &[Side::Open("n")])
        .node("Add", &["x", "state"], "sum", &[])
        .node("Identity", &["sum"], "stateN", &[])
        .output("sum", Kind::F32, &[Side::Open("n")])
        .output("stateN", Kind::F32, &[Side::Open("n")])
        .build()
}

/// The same, but it multiplies two matrices of zeros first, so that no call is answered at once.
fn slow_counter() -> Vec<u8> {
    Graph::default()
        .input("x", Kind::F32, &[Side::Fixed(1)])
        .input("state", Kind::F32, &[Side::Open("n")])
        .integers("sides", &[1500, 1500])
        .node("ConstantOfShape", &["sides"], "zeros", &[])
        // From the input, so that nothing is computed when the model is loaded.
        .node("Add", &["zeros", "x"], "matrix", &[])
        .node("Sub", &["matrix", "x"], "still", &[])
        .node("MatMul", &["still", "still"], "product", &[])
        .node("ReduceSum", &["product"], "nothing", &[("keepdims", 0)])
        .node("Add", &["x", "state"], "both", &[])
        .node("Add", &["both", "nothing"], "sum", &[])
        .node("Identity", &["sum"], "stateN", &[])
        .output("sum", Kind::F32, &[Side::Open("n")])
        .output("stateN", Kind::F32, &[Side::Open("n")])
        .build()
}

fn config() -> ModelConfig {
    ModelConfig {
        state: vec![StateConfig {
            input: "state".into(),
            output: "stateN".into(),
            shape: vec![1],
        }],
        ..ModelConfig::new(Task::Tensors)
    }
}

fn sequence(id: &str) -> Sequence {
    Sequence {
        id: id.into(),
        ..Sequence::default()
    }
}

fn start(id: &str) -> Sequence {
    Sequence {
        start: true,
        ..sequence(id)
    }
}

fn end(id: &str) -> Sequence {
    Sequence {
        end: true,
        ..sequence(id)
    }
}

async fn add(model: &Model, sequence: &Sequence, number: f32) -> Result<f32, InferenceError> {
    let answer = model
        .infer_in_sequence(sequence, vec![floats("x", &[number])], None)
        .await?;
    assert_eq!(answer.len(), 1, "a state is not shown");
    let steward_inference::TensorData::F32(numbers) = &answer[0].data else {
        panic!("{answer:?}")
    };
    Ok(numbers[0])
}

#[tokio::test]
async fn a_call_begins_where_the_one_before_ended() {
    let model = load("sequences/counter", &counter(), &config())
        .await
        .unwrap();
    assert_eq!(add(&model, &start("甲"), 1.0).await.unwrap(), 1.0);
    assert_eq!(add(&model, &sequence("甲"), 2.0).await.unwrap(), 3.0);
    assert_eq!(add(&model, &start("b"), 10.0).await.unwrap(), 10.0);
    assert_eq!(add(&model, &sequence("甲"), 4.0).await.unwrap(), 7.0);
    // A new start forgets, and so does an end.
    assert_eq!(add(&model, &start("甲"), 1.0).await.unwrap(), 1.0);
    assert_eq!(add(&model, &end("甲"), 1.0).await.unwrap(), 2.0);
    let reason = refused(add(&model, &sequence("甲"), 1.0).await);
    assert!(
        reason.contains("no sequence `甲`") && reason.contains("sequence_start"),
        "{reason}"
    );
    assert_eq!(add(&model, &sequence("b"), 1.0).await.unwrap(), 11.0);
    let at_once = Sequence {
        end: true,
        ..start("c")
    };
    assert_eq!(add(&model, &at_once, 5.0).await.unwrap(), 5.0);
    refused(add(&model, &sequence("c"), 1.0).await);

    // Without a sequence the caller keeps the state, and with one it may see it.
    let by_hand = |number: f32, state: &[f32]| {
        let inputs = vec![floats("x", &[number]), floats("state", state)];
        let model = model.clone();
        async move { model.infer(inputs, None).await.unwrap() }
    };
    let first = by_hand(1.0, &[0.0]).await;
    let Tensor { data, shape, .. } = first[1].clone();
    assert_eq!(first[1].name, "stateN");
    let state = Tensor::new("state", shape, data);
    let second = model
        .infer(vec![floats("x", &[2.0]), state], None)
        .await
        .unwrap();
    assert_eq!(second[0], floats("sum", &[3.0]));
    let seen = texts(&["stateN"]);
    let inputs = vec![floats("x", &[1.0])];
    let answer = model
        .infer_in_sequence(&start("seen"), inputs, Some(&seen))
        .await
        .unwrap();
    assert_eq!(answer, [floats("stateN", &[1.0])]);
}

#[tokio::test]
async fn sequences_do_not_cross_tenants_or_models() {
    let model = load("sequences/one", &counter(), &config()).await.unwrap();
    let other = load("sequences/two", &counter(), &config()).await.unwrap();
    let anna = model.with_caller(Caller::interactive("anna"));
    let bela = model.with_caller(Caller::interactive("bela"));
    add(&anna, &start("s"), 5.0).await.unwrap();
    refused(add(&bela, &sequence("s"), 1.0).await);
    refused(
        add(
            &other.with_caller(Caller::interactive("anna")),
            &sequence("s"),
            1.0,
        )
        .await,
    );
    assert_eq!(add(&bela, &start("s"), 1.0).await.unwrap(), 1.0);
    assert_eq!(add(&anna, &sequence("s"), 1.0).await.unwrap(), 6.0);
    // How the same tenant calls makes no difference.
    let job = model.with_caller(Caller::bulk("anna"));
    assert_eq!(add(&job, &sequence("s"), 1.0).await.unwrap(), 7.0);
}

#[tokio::test]
async fn calls_of_a_sequence_are_in_order() {
    let model = load("sequences/order", &counter(), &config())
        .await
        .unwrap();
    add(&model, &start("s"), 0.0).await.unwrap();
    let calls = (1..=30).map(|number| {
        let model = model.clone();
        async move { add(&model, &sequence("s"), number as f32).await.unwrap() }
    });
    let sums = futures::future::join_all(calls).await;
    let expected: Vec<f32> = (1..=30).map(|n| (n * (n + 1) / 2) as f32).collect();
    assert_eq!(sums, expected);
}

#[tokio::test]
async fn so_many_calls_of_a_sequence_may_wait() {
    // The first of them is being computed while the others come.
    let model = load("sequences/crowd", &slow_counter(), &config())
        .await
        .unwrap();
    add(&model, &start("s"), 0.0).await.unwrap();
    let mut waiting = Vec::new();
    let mut turned_away = 0;
    for _ in 0..MAX_CALLS_OF_SEQUENCE + 5 {
        let model = model.clone();
        let mut call = Box::pin(async move { add(&model, &sequence("s"), 0.0).await });
        match futures::poll!(&mut call) {
            Poll::Pending => waiting.push(call),
            Poll::Ready(Err(InferenceError::Overloaded { .. })) => turned_away += 1,
            Poll::Ready(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((waiting.len(), turned_away), (MAX_CALLS_OF_SEQUENCE, 5));
}

#[tokio::test]
async fn the_sequence_that_was_not_used_the_longest_makes_room() {
    let narrow = ModelConfig {
        max_sequences: 3,
        ..config()
    };
    let model = load("sequences/narrow", &counter(), &narrow).await.unwrap();
    let anna = model.with_caller(Caller::interactive("anna"));
    let bela = model.with_caller(Caller::interactive("bela"));
    add(&bela, &start("only"), 1.0).await.unwrap();
    add(&anna, &start("a"), 1.0).await.unwrap();
    add(&anna, &start("b"), 1.0).await.unwrap();
    add(&anna, &sequence("a"), 1.0).await.unwrap();
    add(&anna, &start("c"), 1.0).await.unwrap();
    // Whoever has most makes room, not the one who was there first.
    refused(add(&anna, &sequence("b"), 1.0).await);
    assert_eq!(add(&bela, &sequence("only"), 1.0).await.unwrap(), 2.0);
    assert_eq!(add(&anna, &sequence("a"), 1.0).await.unwrap(), 3.0);
}

#[tokio::test]
async fn a_call_that_fails_or_is_given_up_leaves_the_state_as_it_was() {
    let model = load("sequences/fails", &counter(), &config())
        .await
        .unwrap();
    add(&model, &start("s"), 3.0).await.unwrap();
    // The state becomes infinite, which is none to go on with.
    add(&model, &start("wide"), f32::MAX).await.unwrap();
    let error = add(&model, &sequence("wide"), f32::MAX).await.unwrap_err();
    assert!(error.to_string().contains("not a finite number"), "{error}");
    assert_eq!(add(&model, &sequence("wide"), 0.0).await.unwrap(), f32::MAX);
    let late = model.with_caller(Caller::interactive("").until(Instant::now()));
    let error = add(&late, &sequence("s"), 1.0).await.unwrap_err();
    assert!(matches!(error, InferenceError::Late), "{error}");
    assert_eq!(add(&model, &sequence("s"), 1.0).await.unwrap(), 4.0);
    // A start that is refused at once changes nothing.
    refused(add_two(&model, &start("s")).await);
    assert_eq!(add(&model, &sequence("s"), 1.0).await.unwrap(), 5.0);

    let model = load("sequences/slow", &slow_counter(), &config())
        .await
        .unwrap();
    // Polled once: it waits for its answer, and never hears it.
    let given_up = |sequence: Sequence| {
        let model = model.clone();
        let call = async move { add(&model, &sequence, 1.0).await };
        assert!(futures::FutureExt::now_or_never(call).is_none());
    };
    add(&model, &start("s"), 3.0).await.unwrap();
    given_up(sequence("s"));
    assert_eq!(add(&model, &sequence("s"), 1.0).await.unwrap(), 4.0);
    // A start that is given up has ended what was before.
    given_up(start("s"));
    refused(add(&model, &sequence("s"), 1.0).await);
}

/// A call whose inputs are refused before anything is done.
async fn add_two(model: &Model, sequence: &Sequence) -> Result<Vec<Tensor>, InferenceError> {
    let inputs = vec![floats("x", &[1.0]), floats("state", &[1.0])];
    model.infer_in_sequence(sequence, inputs, None).await
}

#[tokio::test]
async fn states_must_be_those_of_the_model() {
    let wrong = |input: &str, output: &str, shape: &[u32]| ModelConfig {
        state: vec![StateConfig {
            input: input.into(),
            output: output.into(),
            shape: shape.to_vec(),
        }],
        ..ModelConfig::new(Task::Tensors)
    };
    for (config, expected) in [
        (wrong("lost", "stateN", &[1]), "the input `lost`"),
        (wrong("state", "lost", &[1]), "the output `lost`"),
        (wrong("state", "stateN", &[1, 1]), "the shape [1, 1]"),
        (wrong("x", "sum", &[2]), "[1] for `x`"),
    ] {
        let error = load("sequences/wrong", &counter(), &config)
            .await
            .err()
            .unwrap();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let model = load("sequences/sent", &counter(), &config()).await.unwrap();
    let reason = refused(add_two(&model, &start("s")).await);
    assert!(reason.contains("which the host keeps"), "{reason}");
    let reason = refused(add(&model, &start(&"长".repeat(100)), 1.0).await);
    assert!(reason.contains("300 bytes"), "{reason}");
    let plain = load(
        "sequences/plain",
        &counter(),
        &ModelConfig::new(Task::Tensors),
    )
    .await
    .unwrap();
    let reason = refused(add(&plain, &start("s"), 1.0).await);
    assert!(reason.contains("no sequences"), "{reason}");
}

#[tokio::test]
async fn a_state_that_changes_its_shape_is_refused() {
    let growing = Graph::default()
        .input("x", Kind::F32, &[Side::Fixed(1)])
        .input("state", Kind::F32, &[Side::Open("n")])
        .node("Concat", &["x", "state"], "stateN", &[("axis", 0)])
        .output("stateN", Kind::F32, &[Side::Open("m")])
        .build();
    let model = load("sequences/growing", &growing, &config())
        .await
        .unwrap();
    let inputs = vec![floats("x", &[1.0])];
    let error = model
        .infer_in_sequence(&start("s"), inputs, None)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("[2]; it is configured with [1]"),
        "{error}"
    );
}
