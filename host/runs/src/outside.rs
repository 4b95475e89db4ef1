//! What runs do within the platform itself: events, and runs of other workflows.

use bytes::Bytes;
use serde_json::Value;
use steward_registry::events::Event;
use steward_registry::workflows::NewRun;
use steward_registry::{Name, RegistryError};
use steward_triggers::cloudevents::{self, Structured};
use steward_workflow::{Error, ErrorKind, WorkflowRef, attempt_key};
use ulid::Ulid;

use crate::effects::Caller;
use crate::trace::traced;
use crate::{Runs, RunsError};

/// An event in structured JSON, as definitions see it; none where its data is nested deeper than JSON is read.
pub(crate) fn structured(event: &Event) -> Option<Value> {
    let text = serde_json::to_string(&Structured(event.clone())).ok()?;
    serde_json::from_str(&text).ok()
}

impl Runs {
    /// Appends an event to the log. Its id is the same for every try of the step: what is there already is not doubled.
    pub(crate) async fn emit(&self, caller: &Caller<'_>, event: &Value) -> Result<Value, Error> {
        let wrong = |why: String| Error::new(ErrorKind::Validation, why);
        let json = Bytes::from(event.to_string());
        let new = cloudevents::from_json(&json).map_err(|e| wrong(e.to_string()))?;
        if new.is_of_host() {
            return Err(wrong(format!(
                "`source`: `{}` is for events of the host itself",
                new.source
            )));
        }
        let by = format!("run:{}", caller.run);
        let new = traced(new, caller.span);
        let appended = self.events().append(caller.tenant, &[new], &by).await;
        match appended {
            Ok(_) => {
                self.0.news.notify_one();
                Ok(Value::Null)
            }
            Err(error @ RegistryError::Invalid(_)) => Err(wrong(error.to_string())),
            Err(error) => Err(Error::new(ErrorKind::Runtime, error.to_string())),
        }
    }

    /// Starts a run of another workflow as a part of this one; the same for every try of the step.
    pub(crate) async fn begin_part(
        &self,
        caller: &Caller<'_>,
        workflow: &WorkflowRef,
        input: &Value,
    ) -> Result<Ulid, Error> {
        let wrong = |why: String| Error::new(ErrorKind::Configuration, why);
        let name: Name = workflow
            .name
            .parse()
            .map_err(|e: steward_registry::InvalidId| wrong(e.to_string()))?;
        let version = match workflow.version.as_str() {
            "latest" => {
                let found = self.registry().workflow(caller.tenant, &name).await;
                let found = found.map_err(|e| match e {
                    RegistryError::NotFound { .. } => wrong(e.to_string()),
                    e => Error::new(ErrorKind::Runtime, e.to_string()),
                });
                found?.version
            }
            version => version
                .parse()
                .map_err(|e: semver::Error| wrong(format!("`version`: {e}")))?,
        };
        let started = self.begin_run(NewRun {
            tenant: caller.tenant.clone(),
            workflow: name,
            version,
            // Not the key of all attempts of a `try`: one that failed is no answer to the next.
            key: Some(attempt_key(&caller.run.to_string(), caller.step)),
            // What it calls is settled when it begins: where that fails, it is kept with its error.
            pins: Value::Null,
            input: input.clone(),
            parent: Some(caller.run),
            replay: None,
            traceparent: Some(caller.span.to_string()),
            by: format!("run:{}", caller.run),
        });
        match started.await {
            Ok(started) => Ok(started.id),
            Err(RunsError::Registry(
                error @ (RegistryError::NotFound { .. } | RegistryError::Invalid(_)),
            )) => Err(wrong(error.to_string())),
            Err(error) => Err(Error::new(ErrorKind::Runtime, error.to_string())),
        }
    }
}
