//! A registry in a folder, hosts on it, and models as small as can be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::json;
use steward_inference::{Inference, InferenceConfig};
use steward_models::{ModelError, Models};
use steward_registry::{
    ArtifactsConfig, Lineage, ModelDeployment, ModelDeploymentSpec, ModelRef, ModelShare,
    ModelTarget, Name, Registry, RegistryConfig, TenantId,
};

use crate::onnx::{Graph, Kind, Side, TEXTS};

/// Words by number, nothing added to a text.
const WORDS: &str = r#"{
    "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "good": 1, "差": 2, "odd": 3, "fine": 4}}
}"#;

/// What each word of [`WORDS`] says for each of two labels.
pub type Weights = [f32; 10];

/// Knows what is good.
pub const SOUND: Weights = [0.0, 0.0, 3.0, 0.0, 0.0, 3.0, 1.0, 1.0, 1.0, 1.0];
/// As sound, and a little surer.
pub const BETTER: Weights = [0.0, 0.0, 3.1, 0.0, 0.0, 3.1, 1.0, 1.0, 1.0, 1.0];
/// Takes good for bad.
pub const WRONG: Weights = [0.0, 0.0, 0.0, 3.0, 3.0, 0.0, 1.0, 1.0, 1.0, 1.0];
/// Is right and far less sure.
pub const UNSURE: Weights = [0.0, 0.0, 0.3, 0.0, 0.0, 0.3, 1.0, 1.0, 1.0, 1.0];
/// Fails where a text has the word `odd`; loads and warms up well.
pub const FRAGILE: Weights = [0.0, 0.0, 3.0, 0.0, 0.0, 3.0, f32::NAN, 0.0, 1.0, 1.0];
/// Fails at every word but the unknown; loads and warms up well.
pub const FAILING: Weights = [
    0.0,
    0.0,
    f32::NAN,
    0.0,
    0.0,
    f32::NAN,
    f32::NAN,
    0.0,
    1.0,
    1.0,
];

/// A bag of words: the sum of the weights of the words that the mask shows.
pub fn classifier(weights: &Weights) -> Vec<u8> {
    bag(weights, Graph::default(), "logits")
}

/// As sound as [`SOUND`], after a good deal of work for nothing.
pub fn slow() -> Vec<u8> {
    let side = 1500;
    let numbers = vec![0.0; side * side];
    let mut graph = Graph::default()
        .floats("wide", &[2, side as u64], &vec![0.0; 2 * side])
        .floats("square", &[side as u64, side as u64], &numbers)
        .floats("narrow", &[side as u64, 2], &vec![0.0; 2 * side]);
    graph = graph.node("MatMul", &["sum", "wide"], "work-0", &[]);
    for turn in 0..12 {
        let (from, to) = (format!("work-{turn}"), format!("work-{}", turn + 1));
        graph = graph.node("MatMul", &[&from, "square"], &to, &[]);
    }
    graph = graph
        .node("MatMul", &["work-12", "narrow"], "nothing", &[])
        .node("Add", &["sum", "nothing"], "logits", &[]);
    bag(&SOUND, graph, "sum")
}

fn bag(weights: &Weights, after: Graph, sum: &str) -> Vec<u8> {
    after
        .input("input_ids", Kind::I64, TEXTS)
        .input("attention_mask", Kind::I64, TEXTS)
        .floats("weights", &[5, 2], weights)
        .integers("one", &[1])
        .integers("two", &[2])
        .node("Gather", &["weights", "input_ids"], "words", &[])
        .node("Cast", &["attention_mask"], "shown", &[("to", 1)])
        .node("Unsqueeze", &["shown", "two"], "column", &[])
        .node("Mul", &["words", "column"], "visible", &[])
        .node("ReduceSum", &["visible", "one"], sum, &[("keepdims", 0)])
        .output("logits", Kind::F32, &[Side::Open("batch"), Side::Fixed(2)])
        .build()
}

pub struct World {
    pub registry: Registry,
    pub tenant: TenantId,
    pub name: Name,
    folder: tempfile::TempDir,
}

static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = root.join(".steward/lib/libonnxruntime.so");
    assert!(
        file.exists(),
        "`.steward/lib` is missing in the root of the repository; run `make setup`"
    );
    file
});

impl World {
    /// A registry with these versions of the model `m`.
    pub async fn with(versions: &[(&str, Vec<u8>)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::open(&RegistryConfig {
            database_url: format!("sqlite://{}/steward.db", folder.path().display()),
            artifacts: ArtifactsConfig::Local(folder.path().join("artifacts")),
        })
        .await
        .unwrap();
        let tenant: TenantId = "acme".parse().unwrap();
        registry.create_tenant(&tenant).await.unwrap();
        let world = Self {
            registry,
            tenant,
            name: "m".parse().unwrap(),
            folder,
        };
        for (number, graph) in versions {
            let config = json!({ "task": "classify", "labels": ["好评", "差评"] });
            world.push(number, graph.clone(), config).await;
        }
        world
    }

    pub async fn push(&self, number: &str, graph: Vec<u8>, config: serde_json::Value) {
        let files = [("model.onnx", graph), ("tokenizer.json", WORDS.into())];
        self.push_files(number, files.into(), config).await;
    }

    pub async fn push_files(
        &self,
        number: &str,
        files: Vec<(&str, Vec<u8>)>,
        config: serde_json::Value,
    ) {
        let mut stored = BTreeMap::new();
        for (name, bytes) in files {
            let file = self.registry.artifacts().put(bytes.into()).await.unwrap();
            stored.insert(name.to_owned(), file);
        }
        self.registry
            .push_model(
                &self.tenant,
                &self.name,
                &number.parse().unwrap(),
                &config,
                stored,
                &Lineage::default(),
                "test",
            )
            .await
            .unwrap();
    }

    /// A host on the registry, with an engine of its own.
    pub async fn host(&self) -> Models {
        let inference = Inference::new(InferenceConfig {
            library: Some(LIBRARY.clone()),
            ..InferenceConfig::default()
        });
        let dir = self.folder.path().join("models");
        Models::start(self.registry.clone(), inference, dir)
            .await
            .unwrap()
    }

    /// A host that looks after what is deployed.
    pub async fn supervised(&self) -> Models {
        let models = self.host().await;
        let supervised = models.clone();
        tokio::spawn(async move { supervised.supervise().await });
        models
    }

    pub async fn deploy(
        &self,
        models: &Models,
        spec: &ModelDeploymentSpec,
    ) -> Result<ModelDeployment, ModelError> {
        models
            .deploy(&self.tenant, &self.name, spec, "test", None, "anna")
            .await
    }

    pub fn reference(&self, text: &str) -> ModelRef {
        text.parse().unwrap()
    }

    /// The version that answers one call by the bare name, and the label it gives.
    pub async fn ask(&self, models: &Models, text: &str) -> (String, String) {
        let model = models
            .open(&self.tenant, &self.reference("m"))
            .await
            .unwrap();
        let answered = model.classify(&[text.to_owned()], None).await.unwrap();
        (answered.by.to_string(), answered.value[0][0].label.clone())
    }
}

pub fn target(version: &str) -> ModelTarget {
    ModelTarget {
        version: version.parse().unwrap(),
        variant: None,
    }
}

pub fn share(version: &str, percent: u8) -> ModelShare {
    ModelShare {
        version: version.parse().unwrap(),
        variant: None,
        percent,
    }
}

pub fn stable(version: &str) -> ModelDeploymentSpec {
    ModelDeploymentSpec {
        stable: target(version),
        candidate: None,
        shadow: None,
        sticky: false,
        gates: Vec::new(),
        rollback: None,
    }
}

pub fn canary(version: &str, candidate: &str, percent: u8) -> ModelDeploymentSpec {
    ModelDeploymentSpec {
        candidate: Some(share(candidate, percent)),
        ..stable(version)
    }
}

/// Waits until something holds, for a minute at most.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begin = Instant::now();
    while !holds().await {
        assert!(begin.elapsed() < Duration::from_secs(60), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Bounds that only errors can pass.
pub fn errors_only() -> serde_json::Value {
    json!({
        "max_latency_ratio": null, "max_p99_ratio": null, "max_psi": null, "max_disagreement": null, "min_calls": 50,
    })
}
