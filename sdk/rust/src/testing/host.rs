//! The host of native tests: what a plugin imports, answered on the thread of the test.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Deserialize;

use super::dataset::Dataset;
use super::events::Log;
use crate::LabelScore;
use crate::bindings::imports::steward::config::config::Error as ConfigError;
use crate::bindings::imports::steward::log::log::{Field, Level};
use crate::inference::{Entity, Error as InferenceError, PairScore};
use crate::secrets::Error as SecretError;

thread_local! {
    static CURRENT: RefCell<Option<Rc<State>>> = const { RefCell::new(None) };
}

/// Describes what a plugin finds around it.
#[derive(Default)]
pub struct Host {
    state: State,
}

#[derive(Default)]
pub(super) struct State {
    /// The declared keys; none where a key has no value.
    config: BTreeMap<String, Option<String>>,
    models: BTreeMap<String, Rc<dyn Model>>,
    pub(super) datasets: BTreeMap<String, Rc<dyn Dataset>>,
    secrets: BTreeMap<String, Vec<u8>>,
    pub(super) events: RefCell<Log>,
    log: RefCell<Vec<Line>>,
    http: Option<Service>,
}

/// Answers requests.
type Service = Box<dyn Fn(&crate::http::Request) -> Result<crate::http::Response, crate::http::Error>>;

/// A line that the plugin wrote.
#[derive(Debug, Clone)]
pub struct Line {
    /// How urgent it is.
    pub level: Level,
    /// The text.
    pub message: String,
    /// The fields, in the order in which they were written.
    pub fields: Vec<(String, String)>,
}

/// A model with prepared answers. What a test does not need, it leaves out.
pub trait Model {
    /// Answers [`crate::inference::Model::embed`].
    ///
    /// # Errors
    /// Whatever the test wants the plugin to meet.
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, InferenceError> {
        let _ = texts;
        Err(InferenceError::InvalidInput(
            "this model does not embed".into(),
        ))
    }

    /// Answers [`crate::inference::Model::classify`].
    ///
    /// # Errors
    /// Whatever the test wants the plugin to meet.
    fn classify(
        &self,
        texts: &[String],
        labels: Option<&[String]>,
    ) -> Result<Vec<Vec<LabelScore>>, InferenceError> {
        let _ = (texts, labels);
        Err(InferenceError::InvalidInput(
            "this model does not classify".into(),
        ))
    }

    /// Answers [`crate::inference::Model::classify_tokens`].
    ///
    /// # Errors
    /// Whatever the test wants the plugin to meet.
    fn classify_tokens(&self, texts: &[String]) -> Result<Vec<Vec<Entity>>, InferenceError> {
        let _ = texts;
        Err(InferenceError::InvalidInput(
            "this model does not classify tokens".into(),
        ))
    }

    /// Answers [`crate::inference::Model::score_pairs`].
    ///
    /// # Errors
    /// Whatever the test wants the plugin to meet.
    fn score_pairs(&self, pairs: &[(String, String)]) -> Result<Vec<PairScore>, InferenceError> {
        let _ = pairs;
        Err(InferenceError::InvalidInput(
            "this model does not score pairs".into(),
        ))
    }
}

/// What of `steward.toml` matters to a test.
#[derive(Deserialize)]
struct ManifestConfig {
    #[serde(default)]
    config: BTreeMap<String, ConfigKey>,
}

#[derive(Deserialize)]
struct ConfigKey {
    default: Option<String>,
}

impl Host {
    /// A host that declares no key and has no model and no dataset.
    pub fn new() -> Self {
        Self::default()
    }

    /// A host that declares the keys of a `steward.toml`, with their defaults.
    ///
    /// # Errors
    /// The text of the TOML parser.
    pub fn from_manifest(steward_toml: &str) -> Result<Self, String> {
        let manifest: ManifestConfig =
            toml::from_str(steward_toml).map_err(|e| format!("steward.toml: {e}"))?;
        let mut host = Self::new();
        host.state.config = manifest
            .config
            .into_iter()
            .map(|(key, about)| (key, about.default))
            .collect();
        Ok(host)
    }

    /// Declares a key without a value.
    #[must_use]
    pub fn declare(mut self, key: &str) -> Self {
        self.state.config.insert(key.to_owned(), None);
        self
    }

    /// Declares a key with a value.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.state
            .config
            .insert(key.to_owned(), Some(value.to_owned()));
        self
    }

    /// Whether the key is declared.
    pub fn declares(&self, key: &str) -> bool {
        self.state.config.contains_key(key)
    }

    /// Permissions a model.
    #[must_use]
    pub fn model(mut self, name: &str, model: impl Model + 'static) -> Self {
        self.state.models.insert(name.to_owned(), Rc::new(model));
        self
    }

    /// Permissions a dataset.
    #[must_use]
    pub fn dataset(mut self, name: &str, dataset: impl Dataset + 'static) -> Self {
        self.state
            .datasets
            .insert(name.to_owned(), Rc::new(dataset));
        self
    }

    /// Grants a secret with this value.
    #[must_use]
    pub fn secret(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.state.secrets.insert(name.to_owned(), value.into());
        self
    }

    /// Lets the plugin append events of these types, as the manifest names them: `com.example.*`.
    #[must_use]
    pub fn append_events(self, types: &str) -> Self {
        self.state
            .events
            .borrow_mut()
            .may_append
            .push(types.to_owned());
        self
    }

    /// Lets the plugin read events of these types.
    #[must_use]
    pub fn read_events(self, types: &str) -> Self {
        self.state
            .events
            .borrow_mut()
            .may_read
            .push(types.to_owned());
        self
    }

    /// Puts an event into the log, with whatever source and number it has.
    #[must_use]
    pub fn event(self, event: crate::events::Event) -> Self {
        self.state.events.borrow_mut().events.push(event);
        self
    }

    /// Answers requests of [`crate::http`]; without, each is denied.
    #[must_use]
    pub fn http(
        mut self,
        service: impl Fn(&crate::http::Request) -> Result<crate::http::Response, crate::http::Error> + 'static,
    ) -> Self {
        self.state.http = Some(Box::new(service));
        self
    }

    /// Makes this the host of the thread until the answer is dropped.
    pub fn enter(self) -> Entered {
        let state = Rc::new(self.state);
        let before = CURRENT.replace(Some(Rc::clone(&state)));
        Entered { state, before }
    }
}

/// The host of this thread, as long as this lives.
#[must_use = "the host is left as soon as this is dropped"]
pub struct Entered {
    state: Rc<State>,
    before: Option<Rc<State>>,
}

impl Entered {
    /// The events in the log.
    pub fn events(&self) -> Vec<crate::events::Event> {
        self.state.events.borrow().events.clone()
    }

    /// The lines written so far.
    pub fn log(&self) -> Vec<Line> {
        self.state.log.borrow().clone()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.before.take());
    }
}

/// Outside of any host there is no key, no model and no dataset, and log lines are lost.
pub(super) fn current() -> Rc<State> {
    CURRENT.with_borrow(|current| current.clone().unwrap_or_default())
}

pub(crate) fn config(key: &str) -> Result<Option<String>, ConfigError> {
    current()
        .config
        .get(key)
        .cloned()
        .ok_or_else(|| ConfigError::Undeclared(key.to_owned()))
}

pub(crate) fn log(level: Level, message: &str, fields: Vec<Field>) {
    let fields = fields
        .into_iter()
        .map(|field| (field.key, field.value))
        .collect();
    current().log.borrow_mut().push(Line {
        level,
        message: message.to_owned(),
        fields,
    });
}

pub(crate) fn http(request: &crate::http::Request) -> Result<crate::http::Response, crate::http::Error> {
    match &current().http {
        Some(service) => service(request),
        None => Err(crate::http::Error::Denied(request.url.clone())),
    }
}

/// What [`crate::secrets::Secret`] holds natively.
pub(crate) struct HeldSecret(Vec<u8>);

impl HeldSecret {
    pub(crate) fn reveal(&self) -> Vec<u8> {
        self.0.clone()
    }
}

pub(crate) fn secret(name: &str) -> Result<HeldSecret, SecretError> {
    let found = current().secrets.get(name).cloned();
    found
        .map(HeldSecret)
        .ok_or_else(|| SecretError::NoSuch(name.to_owned()))
}

/// What [`crate::inference::Model`] holds natively.
pub(crate) struct OpenModel(Rc<dyn Model>);

pub(crate) fn open(name: &str) -> Result<OpenModel, InferenceError> {
    let found = current().models.get(name).map(Rc::clone);
    found
        .map(OpenModel)
        .ok_or_else(|| InferenceError::NoSuch(name.to_owned()))
}

impl OpenModel {
    pub(crate) fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, InferenceError> {
        self.0.embed(texts)
    }

    pub(crate) fn classify(
        &self,
        texts: &[String],
        labels: Option<&[String]>,
    ) -> Result<Vec<Vec<LabelScore>>, InferenceError> {
        self.0.classify(texts, labels)
    }

    pub(crate) fn classify_tokens(
        &self,
        texts: &[String],
    ) -> Result<Vec<Vec<Entity>>, InferenceError> {
        self.0.classify_tokens(texts)
    }

    pub(crate) fn score_pairs(
        &self,
        pairs: &[(String, String)],
    ) -> Result<Vec<PairScore>, InferenceError> {
        self.0.score_pairs(pairs)
    }
}

impl std::fmt::Debug for OpenModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenModel")
    }
}
