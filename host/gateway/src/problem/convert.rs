//! Errors of the other crates, as problems. Statuses and titles are in the table of
//! [`super::codes`]; what is added here is what machines can use.

use std::time::Duration;

use http::header::{HeaderValue, RETRY_AFTER};
use jiff::Timestamp;
use steward_data::DataError;
use steward_duplicates::DuplicatesError;
use steward_functions::policy::Misfit;
use steward_functions::{Denial, FunctionsError, TrapKind};
use steward_inference::InferenceError;
use steward_models::{GateFailure, ModelError};
use steward_privacy::PrivacyError;
use steward_registry::words::Asked;
use steward_registry::{InvalidId, Permission, QuotaExceeded, RegistryError};
use steward_runs::RunsError;
use steward_secrets::SecretsError;
use steward_triggers::webhook::Unverified;
use steward_triggers::{Refused, TriggersError};

use super::{Kind, Problem, codes};

/// What a client is told where the reason is this host's own and may hold paths or addresses.
const IN_THE_LOG: &str = "the log of the host says why";

impl Problem {
    /// Too much is running; `Retry-After` says when to come back.
    pub fn busy(detail: impl Into<String>, retry_after: Duration) -> Self {
        // Whole seconds, rounded up: a client that comes too early only adds to the load.
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        Self::new(&codes::TOO_MANY_REQUESTS, detail).header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// A failure of this host: the reason goes to the log.
    fn logged(kind: &'static Kind, error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(%error, code = kind.code, "a request failed");
        Self::new(kind, IN_THE_LOG)
    }
}

impl From<FunctionsError> for Problem {
    fn from(error: FunctionsError) -> Self {
        let kind = codes::of(error.code());
        let detail = error.to_string();
        match error {
            FunctionsError::Registry(error) => error.into(),
            FunctionsError::Inference(error) => error.into(),
            FunctionsError::Engine(error) => Self::logged(kind, &error),
            FunctionsError::Busy { retry_after } => Self::busy(detail, retry_after),
            FunctionsError::Retryable {
                retry_after: Some(after),
                ..
            } => {
                let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
                Self::new(kind, detail).header(RETRY_AFTER, HeaderValue::from(seconds))
            }
            FunctionsError::InvalidInput { path, .. } => Self::new(kind, detail).with("path", path),
            FunctionsError::UnknownExport { export, .. } => {
                Self::new(kind, detail).with("export", export)
            }
            FunctionsError::Trap {
                kind: limit,
                invocation,
            } => {
                let problem = Self::new(kind, detail).with("invocation", invocation.to_string());
                match limit {
                    // Other calls had the rest of this second, or of what the tenant has.
                    TrapKind::HostCallRate
                    | TrapKind::OutputRate
                    | TrapKind::TenantMemory
                    | TrapKind::TenantInstances => {
                        problem.header(RETRY_AFTER, HeaderValue::from_static("1"))
                    }
                    _ => problem,
                }
            }
            FunctionsError::Misfit(Misfit::ForbiddenImports { imports, .. }) => {
                Self::new(kind, detail).with("imports", imports.0)
            }
            FunctionsError::Grant(
                Denial::NotGranted {
                    manifest_line,
                    grant,
                }
                | Denial::NotRequested {
                    manifest_line,
                    grant,
                },
            ) => Self::new(kind, detail)
                .with("manifest_line", manifest_line)
                .with("grant", grant),
            FunctionsError::Grant(Denial::MoreNotGranted { missing }) => {
                let grant = options(&missing);
                Self::new(kind, detail)
                    .with("added", asked(missing))
                    .with("grant", grant)
            }
            FunctionsError::Grant(Denial::Widens { added, .. }) => {
                let next = format!(
                    "roll back with `{}`, if the function shall have it again",
                    options(&added)
                );
                Self::new(kind, detail)
                    .with("added", asked(added))
                    .with("next", next)
            }
            FunctionsError::Grant(Denial::UndeclaredConfig { key, .. }) => {
                Self::new(kind, detail).with("key", key)
            }
            _ => Self::new(kind, detail),
        }
    }
}

impl From<ModelError> for Problem {
    fn from(error: ModelError) -> Self {
        let detail = error.to_string();
        match error {
            ModelError::Registry(error) => error.into(),
            ModelError::Inference(error) => error.into(),
            ModelError::NoSuch { .. } => Self::new(&codes::UNKNOWN_MODEL, detail),
            ModelError::Deployment(_) => Self::new(&codes::INVALID_DEPLOYMENT, detail),
            ModelError::Evaluation(_) => Self::new(&codes::INVALID_INPUT, detail),
            ModelError::Deployed { .. } => Self::new(&codes::MODEL_DEPLOYED, detail),
            ModelError::GateNotMet(failures) => {
                let failures: Vec<serde_json::Value> = failures.iter().map(gate).collect();
                Self::new(&codes::GATE_NOT_MET, detail).with("gates", failures)
            }
            _ => Self::new(&codes::INVALID_MODEL, detail),
        }
    }
}

/// Permissions with what they mean, for machines.
fn asked(permissions: Vec<Permission>) -> serde_json::Value {
    let asked: Vec<_> = permissions.into_iter().map(Asked::from).collect();
    // A list of texts always has a form in JSON.
    serde_json::to_value(asked).unwrap_or_default()
}

/// The options that give them.
fn options(permissions: &[Permission]) -> String {
    let each = permissions.iter().map(Permission::grant_option);
    each.collect::<Vec<_>>().join(" ")
}

/// A gate that is not passed, for machines.
fn gate(failure: &GateFailure) -> serde_json::Value {
    serde_json::json!({
        "target": failure.target.to_string(),
        "metric": failure.metric,
        "dataset": failure.dataset,
        "found": failure.found,
        "min": failure.min,
        "max": failure.max,
    })
}

impl From<DataError> for Problem {
    fn from(error: DataError) -> Self {
        let detail = error.to_string();
        match error {
            DataError::Registry(error) | DataError::Privacy(PrivacyError::Registry(error)) => {
                error.into()
            }
            DataError::Privacy(PrivacyError::NoBudget { .. }) => {
                Self::new(&codes::NO_BUDGET, detail)
            }
            DataError::Privacy(PrivacyError::Refused { left, limit, .. }) => {
                Self::new(&codes::BUDGET_SPENT, detail)
                    .with("left", left.to_string())
                    .with("limit", limit)
            }
            DataError::Privacy(PrivacyError::Invalid(_) | PrivacyError::Accounting { .. }) => {
                Self::new(&codes::INVALID, detail)
            }
            DataError::Open { source, .. } => Self::from(source),
            DataError::Function { function, source } => {
                Self::from(source).with("function", function.to_string())
            }
            DataError::Model { source, .. } => Self::from(*source),
            DataError::Table(_)
            | DataError::Invalid(_)
            | DataError::Format { .. }
            | DataError::Duplicates(DuplicatesError::Invalid(_)) => {
                Self::new(&codes::INVALID, detail)
            }
            _ => Self::logged(&codes::STORAGE_UNAVAILABLE, &error),
        }
    }
}

impl From<TriggersError> for Problem {
    fn from(error: TriggersError) -> Self {
        match error {
            TriggersError::Registry(error) => error.into(),
            other => Self::new(&codes::INVALID_TRIGGER, other.to_string()),
        }
    }
}

impl From<RunsError> for Problem {
    fn from(error: RunsError) -> Self {
        let detail = error.to_string();
        match error {
            RunsError::Registry(error) => error.into(),
            RunsError::Definition(_) => Self::new(&codes::INVALID_WORKFLOW, detail),
            RunsError::Ending => Self::new(&codes::NOT_READY, detail),
            RunsError::Unknown => Self::new(&codes::STORAGE_UNAVAILABLE, detail),
            RunsError::Unavailable(_) => Self::logged(&codes::STORAGE_UNAVAILABLE, &error),
            _ => Self::new(&codes::INVALID, detail),
        }
    }
}

impl From<Refused> for Problem {
    fn from(error: Refused) -> Self {
        let detail = error.to_string();
        match error {
            Refused::Registry(error) => error.into(),
            Refused::Unknown(_) => Self::new(&codes::UNKNOWN_WEBHOOK, detail),
            Refused::Unverified(Unverified::Secret) | Refused::Secret(_) => {
                tracing::error!(%error, "a webhook cannot be checked");
                Self::new(&codes::NOT_READY, IN_THE_LOG)
            }
            Refused::Unverified(_) => Self::new(&codes::UNVERIFIED_WEBHOOK, detail),
            _ => Self::new(&codes::INVALID_EVENT, detail),
        }
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        let detail = error.to_string();
        match error {
            RegistryError::NotFound { kind, .. } => {
                Self::new(&codes::NOT_FOUND, detail).with("kind", kind)
            }
            RegistryError::Conflict {
                kind: "deployment", ..
            } => Self::new(&codes::DEPLOYMENT_CHANGED, detail),
            RegistryError::Conflict { kind, .. } => {
                Self::new(&codes::CONFLICT, detail).with("kind", kind)
            }
            RegistryError::Invalid(_) => Self::new(&codes::INVALID, detail),
            RegistryError::Quota(exceeded) => exceeded.into(),
            RegistryError::Signature(_) => Self::new(&codes::INVALID_SIGNATURE, detail),
            RegistryError::NotTrusted { plugin, next, .. } => {
                Self::new(&codes::SIGNATURE_NEEDED, detail)
                    .with("plugin", plugin)
                    .with("next", next)
            }
            RegistryError::Damaged { .. } => Self::logged(&codes::INTERNAL, &error),
            _ => Self::logged(&codes::STORAGE_UNAVAILABLE, &error),
        }
    }
}

impl From<QuotaExceeded> for Problem {
    fn from(exceeded: QuotaExceeded) -> Self {
        let detail = exceeded.to_string();
        let QuotaExceeded {
            kind, limit, used, ..
        } = exceeded;
        let problem = match exceeded.resets_at {
            // What is held stays used until somebody removes it: coming back does not help.
            None => Self::new(&codes::QUOTA_FULL, detail),
            Some(at) => {
                let seconds = at.duration_since(Timestamp::now()).as_secs().max(1);
                Self::new(&codes::QUOTA_EXCEEDED, detail)
                    .with("resets_at", at.to_string())
                    .header(RETRY_AFTER, HeaderValue::from(seconds))
            }
        };
        problem
            .with("quota", kind.as_str())
            .with("limit", limit)
            .with("used", used)
    }
}

impl From<InferenceError> for Problem {
    fn from(error: InferenceError) -> Self {
        let detail = error.to_string();
        match error {
            InferenceError::InvalidInput(_) => Self::new(&codes::INVALID_INPUT, detail),
            InferenceError::Config(_) => Self::new(&codes::INVALID_MODEL, detail),
            InferenceError::Overloaded { retry_after } => Self::busy(detail, retry_after),
            InferenceError::Memory { .. } => Self::new(&codes::MODEL_MEMORY, detail),
            InferenceError::Late => Self::new(&codes::DEADLINE_EXCEEDED, detail),
            // The operator's to mend, and the text says how; it names files of this host, which the
            // log may do and an answer may not.
            InferenceError::Library { .. } => {
                tracing::error!(%error, "a model cannot run");
                Self::new(
                    &codes::MODEL_UNAVAILABLE,
                    "the host has no usable ONNX Runtime library; the log of the host says where it was looked for",
                )
            }
            InferenceError::ModelFile { reason, .. } => Self::new(
                &codes::INVALID_MODEL,
                format!("the file of the model: {reason}"),
            ),
            InferenceError::Tokenizer { reason, .. } => Self::new(
                &codes::INVALID_MODEL,
                format!("the tokenizer of the model: {reason}"),
            ),
            _ => Self::logged(&codes::MODEL_UNAVAILABLE, &error),
        }
    }
}

impl From<SecretsError> for Problem {
    fn from(error: SecretsError) -> Self {
        match error {
            SecretsError::Registry(error) => error.into(),
            SecretsError::Invalid(_) => Self::new(&codes::INVALID, error.to_string()),
            _ => Self::logged(&codes::STORAGE_UNAVAILABLE, &error),
        }
    }
}

impl From<InvalidId> for Problem {
    fn from(error: InvalidId) -> Self {
        Self::new(&codes::INVALID_PATH, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use steward_registry::ManifestError;

    use super::*;

    fn status(error: FunctionsError) -> u16 {
        Problem::from(error).into_reply().status().as_u16()
    }

    #[test]
    fn what_the_guest_says_and_what_it_does_are_told_apart() {
        let guest = |case: &str| FunctionsError::Guest {
            case: case.into(),
            message: "no".into(),
        };
        assert_eq!(status(guest("invalid-input")), 422);
        assert_eq!(status(guest("invalid-config")), 422);
        assert_eq!(status(guest("unavailable")), 503);
        assert_eq!(status(guest("other")), 422);
    }

    #[test]
    fn every_way_to_fail_has_a_place_in_the_table() {
        let kinds = [
            TrapKind::Timeout,
            TrapKind::Cpu,
            TrapKind::TenantMemory,
            TrapKind::TenantInstances,
            TrapKind::Handles,
            TrapKind::Instances,
            TrapKind::HostCallRate,
            TrapKind::Memory,
            TrapKind::StackOverflow,
            TrapKind::OutputTooLarge,
            TrapKind::OutputRate,
            TrapKind::InvalidOutput,
            TrapKind::HostCalls,
            TrapKind::Crash,
        ];
        let mut codes: Vec<&str> = kinds.iter().map(|kind| kind.code()).collect();
        codes.extend(
            [
                FunctionsError::Unusable(String::new()),
                FunctionsError::Manifest(ManifestError::TooLarge(1)),
                FunctionsError::InvalidSpec(String::new()),
                FunctionsError::UnknownTenant {
                    tenant: String::new(),
                    function: String::new(),
                },
                FunctionsError::UnknownFunction {
                    tenant: String::new(),
                    function: String::new(),
                },
                FunctionsError::UnknownExport {
                    export: String::new(),
                    exports: String::new(),
                },
                FunctionsError::WrongFace(""),
                FunctionsError::InvalidInput {
                    path: String::new(),
                    reason: String::new(),
                },
                FunctionsError::Busy {
                    retry_after: Duration::ZERO,
                },
            ]
            .iter()
            .map(FunctionsError::code),
        );
        for code in codes {
            assert_eq!(codes::of(code).code, code);
        }
    }

    #[test]
    fn reasons_of_the_host_stay_in_its_log() {
        let error = RegistryError::File {
            path: "/secret/place".into(),
            source: std::io::Error::other("x"),
        };
        let problem = Problem::from(error);
        assert!(!format!("{problem:?}").contains("secret"));
    }

    #[test]
    fn a_busy_answer_names_whole_seconds() {
        let reply = Problem::busy("wait", Duration::from_millis(1_200)).into_reply();
        assert_eq!(reply.headers()[RETRY_AFTER], "2");
    }
}
