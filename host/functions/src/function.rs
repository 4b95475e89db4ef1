//! A deployed function, as a request meets it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use serde_json::Value;
use steward_capabilities::policy::Face;
use steward_invocations::{FunctionTurns, MAX_INPUT_BYTES};
use steward_registry::{FunctionRevision, World};

use crate::answer::counted;
use crate::ready::{Ready, Runner};
use crate::rollout::{Call, Trial};
use crate::running::{Answered, InputBody, Running};
use crate::step::StepContract;
use crate::{FunctionsError, json};

pub(crate) use steward_invocations::Turn;

/// An error of a streamed body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer of a `wasi:http` function, streamed.
pub type ResponseBody = UnsyncBoxBody<Bytes, BoxError>;

/// A deployed function. Found by [`crate::Functions::find`]; keeps answering from its revision
/// while a new one is put in its place.
pub struct Function {
    pub(crate) revision: FunctionRevision,
    pub(crate) world: World,
    /// Versions with the upper end of their share, 1 to 100.
    pub(crate) targets: Vec<(u32, Arc<Ready>)>,
    pub(crate) turns: FunctionTurns,
    pub(crate) concurrency: u32,
    pub(crate) queue: u32,
    pub(crate) log_lines_per_second: Option<u32>,
    /// The version on trial.
    pub(crate) trial: Option<Arc<Trial>>,
}

impl Function {
    /// The kind of its plugin.
    pub fn world(&self) -> World {
        self.world
    }

    /// What is deployed.
    pub fn revision(&self) -> &FunctionRevision {
        &self.revision
    }

    /// Whether it answers to [`Function::call`] (typed) or to [`Function::handle`] (`wasi:http`).
    pub fn is_typed(&self) -> bool {
        self.targets
            .first()
            .is_some_and(|(_, ready)| ready.face == Face::Typed)
    }

    /// What a step takes and gives; none for a function of another world.
    pub fn step(&self) -> Option<&StepContract> {
        self.targets
            .iter()
            .find_map(|(_, ready)| match &ready.runner {
                Runner::Typed(typed) => typed.step.as_deref(),
                _ => None,
            })
    }

    /// Whether there is an export of this name. A function that speaks `wasi:http` has paths of its own, which nobody knows
    /// from outside.
    ///
    /// # Errors
    /// [`FunctionsError::UnknownExport`], with those that there are.
    pub fn check_export(&self, export: &str) -> Result<(), FunctionsError> {
        for (_, ready) in &self.targets {
            if let Runner::Typed(typed) = &ready.runner {
                typed.exports.find(Some(export))?;
            }
        }
        Ok(())
    }

    /// From now on the limits of all of its calls together are those of this revision.
    pub(crate) fn takes_over(&self) {
        self.turns.set_limits(self.concurrency, self.queue);
        for (_, ready) in &self.targets {
            ready.meter.set_revision(self.revision.revision);
            ready.book.set_lines_per_second(self.log_lines_per_second);
        }
    }

    /// Drops instances that have waited for too long.
    pub(crate) fn sweep(&self) {
        self.targets.iter().for_each(|(_, ready)| ready.sweep());
    }

    /// Waits for a turn; how long that took comes with it.
    async fn turn(&self) -> Result<(Turn, Duration), FunctionsError> {
        let asked = Instant::now();
        let turn = self
            .turns
            .take()
            .await
            .map_err(|busy| FunctionsError::Busy {
                retry_after: busy.retry_after,
            })?;
        Ok((turn, asked.elapsed()))
    }

    /// What the record of a call may hold of its input as it came.
    pub fn body_of(&self, bytes: &[u8]) -> InputBody {
        let kept = match self.revision.spec.debug.keep_failed_inputs {
            true => bytes.get(..MAX_INPUT_BYTES).unwrap_or(bytes).to_vec(),
            false => Vec::new(),
        };
        InputBody {
            bytes: bytes.len(),
            kept,
        }
    }

    /// Calls an export of one version.
    pub(crate) async fn ask_version(
        &self,
        ready: &Arc<Ready>,
        call: &Call<'_>,
        export: Option<&str>,
        input: Value,
        body: &InputBody,
    ) -> Result<Answered, FunctionsError> {
        let Runner::Typed(typed) = &ready.runner else {
            return Err(FunctionsError::WrongFace(
                "this function speaks wasi:http: it takes requests, not typed calls",
            ));
        };
        // Wrong input costs no instance and is no failure of the function.
        let export = typed.exports.find(export)?;
        let step = typed.step.as_ref().filter(|_| export.runs_a_step());
        let input = match step {
            Some(step) => step.arguments(call, &self.revision.spec.name, &input)?,
            None => input,
        };
        let arguments = json::arguments(&export.params, input)?;
        let (_turn, queued) = self.turn().await?;
        let running = Running::begin(&ready.meter, call, queued);
        running.received_whole(body);
        let (version, typed, export) = (ready.clone(), typed.clone(), export.clone());
        let step = step.cloned();
        let counted = running.clone();
        let call = ready.host.background.call(&ready.habit, async move {
            let answer = version.call(&typed, &export, &arguments, &counted).await?;
            match step {
                None => Ok(answer),
                Some(step) => step
                    .answer(&answer)
                    .map_err(|reason| FunctionsError::Unfaithful {
                        plugin: format!("{}@{}", version.plugin.name, version.plugin.version),
                        reason,
                    }),
            }
        });
        match call.await {
            Ok(value) => {
                running.complete();
                Ok(Answered { value, running })
            }
            Err(error) => {
                running.fail(&error);
                Err(error)
            }
        }
    }

    /// Hands a request to one version.
    pub(crate) async fn hand_over<B>(
        &self,
        ready: &Arc<Ready>,
        call: &Call<'_>,
        request: http::Request<B>,
    ) -> Result<http::Response<ResponseBody>, FunctionsError>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        if let Runner::Typed(_) = ready.runner {
            return Err(FunctionsError::WrongFace(
                "this function is typed: call it with POST and JSON",
            ));
        }
        let (turn, queued) = self.turn().await?;
        let running = Running::begin(&ready.meter, call, queued);
        let mut request = request.map(|body| counted(body, running.clone()));
        if let Some(context) = running.trace()
            && let Ok(value) = http::HeaderValue::try_from(context.to_string())
        {
            let headers = request.headers_mut();
            headers.insert(steward_telemetry::TraceContext::HEADER, value);
        }
        let answer = match &ready.runner {
            Runner::Http02(_) => ready.clone().handle02(request, running.clone(), turn).await,
            _ => ready.clone().handle03(request, running.clone(), turn).await,
        };
        answer.inspect_err(|error| running.fail(error))
    }
}
