//! The errors that a workflow can raise and catch: RFC 7807, with the types of the specification.

use serde::{Deserialize, Serialize};

/// What all types of the specification begin with.
const PREFIX: &str = "https://serverlessworkflow.io/spec/1.0.0/errors/";

/// The types of errors that the specification names, each with the status that it gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Something is not set up as the definition needs it; 400.
    Configuration,
    /// A value breaks its schema; 400.
    Validation,
    /// An expression cannot be computed; 400.
    Expression,
    /// The other side does not know who calls; 401.
    Authentication,
    /// The caller may not do this; 403.
    Authorization,
    /// A deadline has passed; 408.
    Timeout,
    /// The other side could not be reached, or answered with a status that is none of success; 500 without a status of its own.
    Communication,
    /// Anything else; 500.
    Runtime,
}

impl ErrorKind {
    /// The last part of its type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Validation => "validation",
            Self::Expression => "expression",
            Self::Authentication => "authentication",
            Self::Authorization => "authorization",
            Self::Timeout => "timeout",
            Self::Communication => "communication",
            Self::Runtime => "runtime",
        }
    }

    /// Its type, a URI.
    pub fn uri(self) -> String {
        format!("{PREFIX}{}", self.name())
    }

    /// The status of the specification.
    pub fn status(self) -> u16 {
        match self {
            Self::Configuration | Self::Validation | Self::Expression => 400,
            Self::Authentication => 401,
            Self::Authorization => 403,
            Self::Timeout => 408,
            Self::Communication | Self::Runtime => 500,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Configuration => "Not set up",
            Self::Validation => "Against its schema",
            Self::Expression => "Expression failed",
            Self::Authentication => "Not authenticated",
            Self::Authorization => "Not allowed",
            Self::Timeout => "Too late",
            Self::Communication => "Communication failed",
            Self::Runtime => "Failed",
        }
    }
}

/// An error of a workflow (RFC 7807): what a task raises, `catch` filters, and a run that failed ends with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}{}{}", .title.as_deref().unwrap_or(.kind), .detail.as_deref().map(|d| format!(": {d}")).unwrap_or_default(), .instance.as_deref().map(|i| format!(" ({i})")).unwrap_or_default())]
pub struct Error {
    /// A URI that says what kind of error this is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status, as HTTP has them.
    pub status: u16,
    /// A JSON pointer to the task that raised it, within the definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// What happened, in a few words that are the same for each occurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What happened here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Error {
    /// An error of a kind of the specification.
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind: kind.uri(),
            status: kind.status(),
            instance: None,
            title: Some(kind.title().to_owned()),
            detail: Some(shortened(detail.into())),
        }
    }

    /// The same with another status, such as that of an HTTP answer.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same, raised by the task at this pointer, unless it is known already who raised it.
    #[must_use]
    pub fn at(mut self, pointer: &str) -> Self {
        self.instance.get_or_insert_with(|| pointer.to_owned());
        self
    }

    /// Whether it is of this kind of the specification.
    pub fn is(&self, kind: ErrorKind) -> bool {
        self.kind.strip_prefix(PREFIX) == Some(kind.name())
    }
}

/// Details quote what came from outside, which may be long.
const MAX_DETAIL: usize = 2_000;

fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_DETAIL) {
        text.truncate(end);
        text.push('…');
    }
    text
}
