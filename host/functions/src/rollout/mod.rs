//! Which version of a function answers a call, and whether one on trial may stay.
//!
//! It is the mechanism of the models: a share of the calls, sticky by key; a guard that holds the candidate against the
//! stable version; a roll back that counts on this host at once and is written down in the background. A typed world has
//! no effects beside its answer, so that a call which a candidate fails is answered by the stable version. A step and a
//! `wasi:http` function may have charged a card by then: their failures are counted, and never repeated.

mod judged;
mod supervise;
mod trial;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use steward_capabilities::InvocationId;
use steward_monitoring::guard::Side;
use steward_registry::{FunctionSpec, World};
use steward_telemetry::TraceContext;

use crate::function::{BoxError, ResponseBody};
use crate::ready::Ready;
use crate::running::{Answered, InputBody};
use crate::{Function, FunctionsError};
use judged::judged;
pub use supervise::{FunctionStatus, TargetStatus, TrialStatus};
pub(crate) use trial::Trial;

/// Whom a call is for, as far as that chooses the version.
#[derive(Debug, Clone, Copy, Default)]
pub struct Whom<'a> {
    /// Calls with the same key meet the same version, where the rollout is sticky; so do those of the models that the
    /// function asks.
    pub key: Option<&'a str>,
    /// The headers of the request, for the rules about them.
    pub headers: Option<&'a HeaderMap>,
}

/// A call: its name, and whom it is for.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The name that its record and its log have.
    pub id: InvocationId,
    /// Whom it is for.
    pub whom: Whom<'a>,
    /// The trace that its caller named, for its record.
    pub trace: Option<TraceContext>,
}

impl Call<'_> {
    /// A call under a name of its own, for nobody in particular.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            id: InvocationId::new(),
            whom: Whom::default(),
            trace: None,
        }
    }
}

/// The version that was chosen for a call.
struct Chosen<'a> {
    ready: &'a Arc<Ready>,
    trial: Option<(&'a Arc<Trial>, Side)>,
}

impl Chosen<'_> {
    fn is_candidate(&self) -> bool {
        matches!(self.trial, Some((_, Side::Candidate)))
    }

    fn answered(&self, after: Duration) {
        if let Some((trial, side)) = self.trial {
            trial.answered(side, after);
        }
    }

    fn failed(&self, after: Duration) {
        if let Some((trial, side)) = self.trial {
            trial.failed(side, after);
        }
    }
}

/// The target at a place between 0 and 1, by shares. Those that are out of service have none; a
/// candidate comes first, so that a key in its share stays in it while the share grows.
fn at_place(spec: &FunctionSpec, place: f64, in_service: impl Fn(usize) -> bool) -> Option<usize> {
    let candidate = spec.rollout.candidate.as_ref();
    let is_candidate = |at: &usize| Some(&spec.targets[*at].version) == candidate;
    let mut order: Vec<usize> = (0..spec.targets.len())
        .filter(|at| in_service(*at))
        .collect();
    order.sort_by_key(|at| !is_candidate(at));
    let share = |at: usize| f64::from(spec.targets[at].percent);
    let total: f64 = order.iter().map(|at| share(*at)).sum();
    let mut end = 0.0;
    let found = order.iter().find(|at| {
        end += share(**at);
        place * total < end
    });
    found.or(order.last()).copied()
}

impl Function {
    /// The usual case needs no thought: one version, no rules.
    fn choose(&self, whom: &Whom<'_>) -> Chosen<'_> {
        if let [(_, only)] = self.targets.as_slice() {
            return Chosen {
                ready: only,
                trial: None,
            };
        }
        self.at(self.chosen(whom))
    }

    fn at(&self, at: usize) -> Chosen<'_> {
        let side = |trial: &Trial| match trial.at == at {
            true => Side::Candidate,
            false => Side::Stable,
        };
        let trial = self.trial.as_ref().filter(|trial| !trial.is_over());
        Chosen {
            ready: &self.targets[at].1,
            trial: trial.map(|trial| (trial, side(trial))),
        }
    }

    /// The index of a target.
    fn chosen(&self, whom: &Whom<'_>) -> usize {
        let spec = &self.revision.spec;
        let over = self.trial.as_ref().filter(|trial| trial.is_over());
        let in_service = |at: usize| over.is_none_or(|trial| trial.at != at);
        let ruled = spec.rollout.headers.iter().find_map(|rule| {
            let given = whom.headers?.get(&rule.name)?;
            let fits = given.as_bytes() == rule.value.as_bytes();
            let at = spec.targets.iter().position(|t| t.version == rule.version);
            at.filter(|at| fits && in_service(*at))
        });
        ruled.unwrap_or_else(|| {
            let place = match whom.key.filter(|_| spec.rollout.sticky) {
                Some(key) => steward_models::place_of_key(&self.revision.tenant, &spec.name, key),
                None => fastrand(),
            };
            at_place(spec, place, in_service).unwrap_or(0)
        })
    }

    /// What answers if the candidate does not.
    fn stable(&self) -> Chosen<'_> {
        let spec = &self.revision.spec;
        let candidate = self.trial.as_ref().map(|trial| trial.at);
        let at = at_place(spec, fastrand(), |at| Some(at) != candidate);
        self.at(at.unwrap_or(0))
    }

    /// Calls an export of a typed function; none means `clean`, `anonymize`, `propose`, `evaluate`, `analyse` or `run`.
    /// What a version on trial fails, the stable version answers, unless it is a step.
    ///
    /// The input of `run` is the payload itself. Its context is that of the header fields of [`Whom::headers`], which
    /// [`crate::step`] names.
    ///
    /// # Errors
    /// [`FunctionsError::InvalidInput`], [`FunctionsError::UnknownExport`], [`FunctionsError::Guest`],
    /// [`FunctionsError::Trap`], [`FunctionsError::Busy`], [`FunctionsError::WrongFace`].
    pub async fn call(&self, export: Option<&str>, input: Value) -> Result<Value, FunctionsError> {
        let answered = self
            .call_as(Call::new(), export, input, InputBody::default())
            .await?;
        Ok(answered.value)
    }

    /// The same under a name that the caller knows already, and for somebody. `body` is what
    /// [`Function::body_of`] has of the input as it came, for the record of the call. Where a version
    /// on trial failed it, both versions leave a record under the same name.
    ///
    /// # Errors
    /// Those of [`Function::call`].
    pub async fn call_as(
        &self,
        call: Call<'_>,
        export: Option<&str>,
        input: Value,
        body: InputBody,
    ) -> Result<Answered, FunctionsError> {
        let chosen = self.choose(&call.whom);
        // A step may have charged a card by the time that it fails: it is not run a second time.
        if !chosen.is_candidate() || self.world == World::Step {
            return self.ask(&chosen, &call, export, input, &body).await;
        }
        let begin = Instant::now();
        let tried = self.ask_version(chosen.ready, &call, export, input.clone(), &body);
        let error = match tried.await {
            Ok(answer) => {
                chosen.answered(begin.elapsed());
                return Ok(answer);
            }
            Err(error) if !may_be_its_fault(&error) => return Err(error),
            Err(error) => error,
        };
        let after = begin.elapsed();
        let answer = self.ask(&self.stable(), &call, export, input, &body).await;
        // What both refuse is what was asked; what only one refuses is that one's fault.
        if answer.is_ok() || is_fault(&error) {
            chosen.failed(after);
        }
        answer
    }

    async fn ask(
        &self,
        chosen: &Chosen<'_>,
        call: &Call<'_>,
        export: Option<&str>,
        input: Value,
        body: &InputBody,
    ) -> Result<Answered, FunctionsError> {
        let begin = Instant::now();
        let answer = self
            .ask_version(chosen.ready, call, export, input, body)
            .await;
        match &answer {
            Ok(_) => chosen.answered(begin.elapsed()),
            Err(error) if is_fault(error) => chosen.failed(begin.elapsed()),
            Err(_) => {}
        }
        answer
    }

    /// Hands a request to a `wasi:http` function. Bodies are streamed both ways; the caller bounds
    /// the size of the request's.
    ///
    /// # Errors
    /// [`FunctionsError::NoAnswer`], [`FunctionsError::Trap`], [`FunctionsError::Busy`],
    /// [`FunctionsError::WrongFace`]. After a failure behind the head of the answer, its body ends
    /// with an error.
    pub async fn handle<B>(
        &self,
        call: Call<'_>,
        request: http::Request<B>,
    ) -> Result<http::Response<ResponseBody>, FunctionsError>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let headers = call.whom.headers.or(Some(request.headers()));
        let chosen = self.choose(&Whom {
            headers,
            ..call.whom
        });
        let begin = Instant::now();
        let answer = self.hand_over(chosen.ready, &call, request).await;
        let after = begin.elapsed();
        match answer {
            Ok(response) if response.status().is_server_error() => {
                chosen.failed(after);
                Ok(response)
            }
            Ok(response) => Ok(match chosen.trial {
                None => response,
                Some((trial, side)) => {
                    response.map(|body| judged(body, trial.clone(), side, after))
                }
            }),
            Err(error) => {
                if is_fault(&error) {
                    chosen.failed(after);
                }
                Err(error)
            }
        }
    }
}

/// Whether the version did what no version may do.
fn is_fault(error: &FunctionsError) -> bool {
    matches!(
        error,
        FunctionsError::Trap { .. }
            | FunctionsError::Unfaithful { .. }
            | FunctionsError::NoAnswer(_)
            | FunctionsError::Unusable(_)
    )
}

/// Whether another version may do better: not where the host was asked for what it cannot give.
fn may_be_its_fault(error: &FunctionsError) -> bool {
    is_fault(error)
        || matches!(
            error,
            FunctionsError::Guest { .. }
                | FunctionsError::InvalidInput { .. }
                | FunctionsError::UnknownExport { .. }
        )
}

/// A quick random number, 0 to below 1: the split needs to be even, not secret.
fn fastrand() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    thread_local! {
        static STATE: std::cell::Cell<u64> = std::cell::Cell::new(RandomState::new().build_hasher().finish() | 1);
    }
    STATE.with(|state| {
        // xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators").
        let mut x = state.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        state.set(x);
        // As many bits as a float has.
        (x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / 2f64.powi(53)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(targets: &[(&str, u8)], candidate: Option<&str>) -> FunctionSpec {
        let targets: Vec<_> = targets
            .iter()
            .map(|(version, percent)| json!({ "version": version, "percent": percent }))
            .collect();
        let rollout = json!({ "candidate": candidate });
        serde_json::from_value(
            json!({ "name": "f", "plugin": "p", "targets": targets, "rollout": rollout }),
        )
        .unwrap()
    }

    fn share(spec: &FunctionSpec, at: usize, in_service: impl Fn(usize) -> bool) -> usize {
        let places = (0..1000).map(|n| f64::from(n) / 1000.0);
        places
            .filter(|place| at_place(spec, *place, &in_service) == Some(at))
            .count()
    }

    #[test]
    fn places_fall_to_targets_by_their_share() {
        let split = spec(&[("1.0.0", 60), ("0.9.0", 30), ("1.1.0", 10)], None);
        for (at, expected) in [(0, 600), (1, 300), (2, 100)] {
            assert_eq!(share(&split, at, |_| true), expected);
        }
        // One that is out of service leaves the others their proportion.
        assert_eq!(share(&split, 0, |at| at != 2), 667);
        assert_eq!(share(&split, 2, |at| at != 2), 0);
        assert_eq!(at_place(&split, 0.5, |_| false), None);
    }

    #[test]
    fn a_key_in_the_share_of_a_candidate_stays_in_it_as_it_grows() {
        for place in (0..1000).map(|n| f64::from(n) / 1000.0) {
            let is_in = |percent: u8| {
                let spec = spec(
                    &[("1.0.0", 100 - percent), ("1.1.0", percent)],
                    Some("1.1.0"),
                );
                at_place(&spec, place, |_| true) == Some(1)
            };
            assert!(!is_in(10) || is_in(20), "{place}");
            assert_eq!(is_in(10), place < 0.1, "{place}");
        }
    }

    #[test]
    fn a_version_without_a_share_gets_nothing_by_chance() {
        let spec = spec(&[("1.0.0", 100), ("1.1.0", 0)], Some("1.1.0"));
        assert_eq!(share(&spec, 1, |_| true), 0);
        assert!(
            (0..10_000)
                .map(|_| fastrand())
                .all(|x| (0.0..1.0).contains(&x))
        );
    }
}
