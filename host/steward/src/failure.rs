//! How a command fails: what happened, why, what to do next, and with which exit code.

use std::fmt;
use std::process::ExitCode;

use serde_json::{Value, json};
use steward_data::DataError;
use steward_duplicates::DuplicatesError;
use steward_functions::FunctionsError;
use steward_gateway::GatewayError;
use steward_models::ModelError;
use steward_registry::{ManifestError, RegistryError};

/// How the process ends. The numbers are part of the interface and documented in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Denied = 4,
    Conflict = 5,
    Invalid = 6,
    Unavailable = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The exit code for the status of an HTTP answer.
    pub fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Denied,
            404 | 410 => Self::NotFound,
            409 => Self::Conflict,
            429 | 502..=504 => Self::Unavailable,
            400..=499 => Self::Invalid,
            _ => Self::Failed,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::NotFound => "not-found",
            Self::Denied => "denied",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A failure with all that a person needs to get on.
#[derive(Debug, Clone)]
pub struct Failure {
    pub exit: Exit,
    pub what: String,
    pub causes: Vec<String>,
    pub next: Option<String>,
    /// The problem document of the server, where one came.
    pub problem: Option<Box<Value>>,
}

impl Failure {
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            causes: Vec::new(),
            next: None,
            problem: None,
        }
    }

    pub fn invalid(what: impl Into<String>) -> Self {
        Self::new(Exit::Invalid, what)
    }

    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// A file that cannot be read or written.
    pub fn file(action: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound => Exit::NotFound,
            _ => Exit::Failed,
        };
        Self::new(exit, format!("cannot {action} {}", path.display())).cause(error.to_string())
    }

    /// Why a server does not start; `option` names its address.
    pub fn of_gateway(error: GatewayError, option: &str) -> anyhow::Error {
        match error {
            GatewayError::Listen { .. } => Self::new(Exit::Failed, error.to_string())
                .next(format!(
                    "another program may have this address: name another with {option}"
                ))
                .into(),
            _ => error.into(),
        }
    }

    /// Turns whatever went wrong into a failure: the first error of the chain whose kind is known
    /// decides the exit code, the whole chain is shown.
    pub fn explain(error: &anyhow::Error) -> Self {
        let known = error.chain().find_map(|e| e.downcast_ref::<Self>());
        let mut failure = match known {
            Some(failure) => failure.clone(),
            None => Self::new(
                error.chain().find_map(exit_of).unwrap_or(Exit::Failed),
                error.to_string(),
            ),
        };
        if known.is_none() {
            for cause in error.chain().skip(1).map(ToString::to_string) {
                // Many errors repeat their source in their own text.
                if !failure.what.contains(&cause)
                    && !failure.causes.iter().any(|c| c.contains(&cause))
                {
                    failure.causes.push(cause);
                }
            }
        }
        failure
    }

    /// Whether the problem of the server is of this type, by the end of its URI.
    pub fn is_of(&self, kind: &str) -> bool {
        let given = self.problem.as_ref().and_then(|p| p["type"].as_str());
        given.and_then(|uri| uri.rsplit('/').next()) == Some(kind)
    }

    pub fn to_json(&self) -> Value {
        let mut error =
            json!({ "code": self.exit.code(), "exit": self.exit as u8, "message": self.what });
        if !self.causes.is_empty() {
            error["causes"] = json!(self.causes);
        }
        if let Some(next) = &self.next {
            error["next"] = json!(next);
        }
        if let Some(problem) = &self.problem {
            error["problem"] = (**problem).clone();
        }
        json!({ "error": error })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

/// The exit code for an error of our own crates.
fn exit_of(error: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    if let Some(error) = error.downcast_ref::<RegistryError>() {
        return Some(of_registry(error));
    }
    if let Some(error) = error.downcast_ref::<FunctionsError>() {
        return Some(of_functions(error));
    }
    if let Some(error) = error.downcast_ref::<ModelError>() {
        return Some(of_model(error));
    }
    if let Some(error) = error.downcast_ref::<DataError>() {
        return match error {
            DataError::Open { source, .. } => Some(of_functions(source)),
            DataError::Model { source, .. } => Some(of_model(source)),
            DataError::Invalid(_)
            | DataError::Format { .. }
            | DataError::Duplicates(DuplicatesError::Invalid(_)) => Some(Exit::Invalid),
            DataError::File { source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound => Some(Exit::NotFound),
                _ => Some(Exit::Failed),
            },
            _ => Some(Exit::Failed),
        };
    }
    error.downcast_ref::<ManifestError>().map(|_| Exit::Invalid)
}

fn of_registry(error: &RegistryError) -> Exit {
    match error {
        RegistryError::NotFound { .. } => Exit::NotFound,
        RegistryError::Conflict { .. } => Exit::Conflict,
        RegistryError::Invalid(_) | RegistryError::Signature(_) => Exit::Invalid,
        RegistryError::NotTrusted { .. } => Exit::Denied,
        _ => Exit::Failed,
    }
}

fn of_functions(error: &FunctionsError) -> Exit {
    match error {
        FunctionsError::Registry(error) => of_registry(error),
        FunctionsError::UnknownTenant { .. }
        | FunctionsError::UnknownFunction { .. }
        | FunctionsError::UnknownExport { .. } => Exit::NotFound,
        FunctionsError::Grant(_) => Exit::Denied,
        FunctionsError::NotAComponent(_)
        | FunctionsError::Misfit(_)
        | FunctionsError::Unusable(_)
        | FunctionsError::Manifest(_)
        | FunctionsError::InvalidSpec(_)
        | FunctionsError::WrongFace(_)
        | FunctionsError::InvalidInput { .. } => Exit::Invalid,
        FunctionsError::Busy { .. } => Exit::Unavailable,
        _ => Exit::Failed,
    }
}

fn of_model(error: &ModelError) -> Exit {
    match error {
        ModelError::Registry(error) => of_registry(error),
        ModelError::NoSuch { .. } => Exit::NotFound,
        ModelError::Config { .. } => Exit::Invalid,
        _ => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn the_kind_of_an_error_decides_the_exit_code_through_any_context() {
        let missing = RegistryError::NotFound {
            kind: "plugin",
            name: "x".into(),
        };
        let error = Err::<(), _>(missing)
            .context("cannot open the step")
            .unwrap_err();
        let failure = Failure::explain(&error);
        assert_eq!(failure.exit, Exit::NotFound);
        assert_eq!(failure.causes, ["there is no plugin `x`"]);
        assert_eq!(Failure::explain(&anyhow::anyhow!("?")).exit, Exit::Failed);
        let own = anyhow::Error::new(Failure::invalid("no").next("yes"));
        assert_eq!(Failure::explain(&own).to_json()["error"]["exit"], 6);
    }
}
