//! What a `call` task calls: as it is written, and as it is done.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A deployed function of the tenant: `steward:NAME`, `steward:NAME@ALIAS` or `steward:NAME@sha256:…`, each also as
/// `steward:NAME/EXPORT`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FunctionRef {
    /// The name of the function.
    pub name: String,
    /// The export of a typed plugin; of the world `function` the path. None for the one that a call without a name means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<String>,
    /// What stands behind `@`: an alias, or a digest as `sha256:` and 64 hexadecimal digits; none for what is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

impl FunctionRef {
    /// The digest, where it names one.
    pub fn digest(&self) -> Option<&str> {
        self.at.as_deref().filter(|at| at.starts_with("sha256:"))
    }

    /// The alias, where it names one.
    pub fn alias(&self) -> Option<&str> {
        self.at.as_deref().filter(|at| !at.starts_with("sha256:"))
    }
}

impl fmt::Display for FunctionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.export {
            Some(export) => named(
                f,
                "steward",
                &format!("{}/{export}", self.name),
                self.at.as_deref(),
            ),
            None => named(f, "steward", &self.name, self.at.as_deref()),
        }
    }
}

/// A model: `model:NAME` or `model:NAME@VERSION-OR-ALIAS`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModelRef {
    /// The name of the model.
    pub name: String,
    /// What stands behind `@`: a version or an alias; none for what is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        named(f, "model", &self.name, self.at.as_deref())
    }
}

fn named(f: &mut fmt::Formatter<'_>, scheme: &str, name: &str, at: Option<&str>) -> fmt::Result {
    match at {
        Some(at) => write!(f, "{scheme}:{name}@{at}"),
        None => write!(f, "{scheme}:{name}"),
    }
}

/// Another workflow, that a run of this one starts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkflowRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its version, as it is written; `latest` for the newest.
    pub version: String,
}

/// A call whose arguments are computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "target", rename_all = "kebab-case")]
pub enum Call {
    /// A request. Its result is what [`crate::http::output`] makes of the answer.
    Http(HttpCall),
    /// An operation of an OpenAPI document, which [`crate::openapi::resolve`] makes a request.
    OpenApi(OpenApiCall),
    /// A function of the tenant. Its result is what the function answers.
    Function {
        /// Which.
        function: FunctionRef,
        /// Its input: the arguments of the task.
        input: Value,
    },
    /// A model. Its result is what the model answers.
    Model {
        /// Which.
        model: ModelRef,
        /// Its input: the arguments of the task, as `{"texts": […]}` or `{"pairs": […]}`.
        input: Value,
    },
    /// A step that somebody added to an extension point. Its result is the payload for the next step.
    Step {
        /// The extension point.
        point: String,
        /// The step, as it stands in [`crate::Facts::extensions`].
        step: String,
        /// What the step before it answered; for the first one, the payload of the task.
        payload: Value,
    },
}

/// What a request is answered with, for the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpOutput {
    /// The body, read by its type.
    #[default]
    Content,
    /// The body in Base64.
    Raw,
    /// Request, status, headers and body.
    Response,
}

/// A request.
///
/// Where the definition asks for a secret, its texts hold a mark in its place: see [`crate::secrets`]. `Debug` shows no
/// more than the method.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpCall {
    /// In capitals.
    pub method: String,
    /// Without `query`.
    pub uri: String,
    /// By their names, in small letters.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What goes behind `?`, beside what the URI has there: names and values, neither of them escaped.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// A text is sent as it is, anything else as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// How the caller is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// What the task gets.
    #[serde(default)]
    pub output: HttpOutput,
    /// Whether an answer of 300 to 399 is a success.
    #[serde(default)]
    pub redirect: bool,
}

impl fmt::Debug for HttpCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCall")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// An operation of an OpenAPI document.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenApiCall {
    /// The URI of the document.
    pub document: String,
    /// How the caller is known where the document is fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_authentication: Option<Authentication>,
    /// The `operationId`.
    pub operation: String,
    /// By the names of the operation's parameters; `body` is that of the request.
    pub parameters: serde_json::Map<String, Value>,
    /// How the caller is known where the operation is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// What the task gets.
    #[serde(default)]
    pub output: HttpOutput,
    /// Whether an answer of 300 to 399 is a success.
    #[serde(default)]
    pub redirect: bool,
}

impl fmt::Debug for OpenApiCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenApiCall")
            .field("document", &self.document)
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

/// How a caller is known to the other side of a request.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authentication {
    /// HTTP Basic.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
    /// HTTP Basic, with what a secret holds: a JSON object of `username` and `password`.
    BasicSecret(String),
    /// A bearer token.
    Bearer {
        /// The token.
        token: String,
    },
    /// A bearer token, with what a secret holds: a JSON object of `token`, or the token.
    BearerSecret(String),
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } | Self::BasicSecret(_) => "Basic",
            Self::Bearer { .. } | Self::BearerSecret(_) => "Bearer",
        })
    }
}
