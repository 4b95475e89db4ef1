//! Counted use.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use steward_registry::{Name, Period, QuotaKind, TenantId};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, Read};
use crate::extract::InQuery;
use crate::gateway::Shared;
use crate::problem::{Problem, codes};

/// From when on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageQuery {
    /// RFC 3339; the minute that it falls into is included. None means a day ago.
    #[serde(default)]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// RFC 3339; minutes that begin from then on are left out. None means no end.
    #[serde(default)]
    #[param(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// What is added up: `minute`, `hour`, `day` or `month`, in UTC.
    #[serde(default)]
    #[param(inline)]
    pub by: Grain,
}

/// What is added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grain {
    #[default]
    Minute,
    Hour,
    Day,
    Month,
}

/// Use of one version of one function within one minute, hour, day or month.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Usage {
    #[schema(value_type = String, example = "default")]
    pub tenant: TenantId,
    #[schema(value_type = String, example = "text-cleaner")]
    pub function: Name,
    #[schema(value_type = String, example = "1.2.0")]
    pub version: semver::Version,
    /// Start of the minute, hour, day or month, in seconds since 1970.
    pub minute: i64,
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Wall time, in microseconds.
    pub wall_us: u64,
    /// What the calls computed, waits not included, in microseconds.
    pub cpu_us: u64,
    /// The largest memory of one call, in bytes.
    pub memory_bytes: u64,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Texts given to models.
    pub inference_texts: u64,
    /// Tokens that models computed of them, after texts were cut to what a model reads, the special ones included.
    pub inference_tokens: u64,
    /// Bodies of requests, in bytes.
    pub bytes_in: u64,
    /// Bodies of answers, in bytes.
    pub bytes_out: u64,
}

impl From<steward_registry::Usage> for Usage {
    fn from(u: steward_registry::Usage) -> Self {
        Self {
            tenant: u.tenant,
            function: u.function,
            version: u.version,
            minute: u.minute,
            calls: u.calls,
            errors: u.errors,
            wall_us: u.wall_us,
            cpu_us: u.cpu_us,
            memory_bytes: u.memory_bytes,
            host_calls: u.host_calls,
            inference_texts: u.inference_texts,
            inference_tokens: u.inference_tokens,
            bytes_in: u.bytes_in,
            bytes_out: u.bytes_out,
        }
    }
}

/// Use of one model within one minute, hour, day or month, by functions, calls from outside and jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelUsage {
    #[schema(value_type = String, example = "default")]
    pub tenant: TenantId,
    #[schema(value_type = String, example = "minilm")]
    pub model: Name,
    /// Start of the minute, hour, day or month, in seconds since 1970.
    pub minute: i64,
    /// Calls that were answered.
    pub calls: u64,
    /// Tokens that were computed for them, after texts were cut to what the model reads, the special ones included; none
    /// of a model that takes tensors.
    pub tokens: u64,
}

impl From<steward_registry::ModelUsage> for ModelUsage {
    fn from(u: steward_registry::ModelUsage) -> Self {
        Self {
            tenant: u.tenant,
            model: u.model,
            minute: u.minute,
            calls: u.calls,
            tokens: u.tokens,
        }
    }
}

/// A quota and its use.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Quota {
    #[schema(value_type = String, example = "invocations-per-day")]
    pub kind: QuotaKind,
    /// What it allows; none is no bound.
    pub limit: Option<u64>,
    /// What is used. Calls of the last seconds may be missing.
    pub used: u64,
    /// When its count begins anew; none for what is held until it is removed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resets_at: Option<Timestamp>,
}

impl From<steward_registry::QuotaUse> for Quota {
    fn from(q: steward_registry::QuotaUse) -> Self {
        Self {
            kind: q.kind,
            limit: q.limit,
            used: q.used,
            resets_at: q.resets_at,
        }
    }
}

/// Show what the functions of the tenant were used, by minute, hour, day or month.
///
/// Calls are written in batches: those of the last seconds may be missing.
#[utoipa::path(get, path = "/api/v1/usage", tag = "usage", security(("key" = ["read"])),
    params(UsageQuery),
    responses((status = 200, description = "Oldest first", body = Vec<Usage>)))]
pub(crate) async fn usage(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InQuery(query): InQuery<UsageQuery>,
) -> Result<Json<Vec<Usage>>, Problem> {
    let (since, until) = query.minutes()?;
    let usage = gateway.registry.usage(caller.tenant(), since).await?;
    let usage = usage.into_iter().filter(|used| used.minute < until);
    let sums = summed(usage, query.by);
    Ok(Json(sums.into_iter().map(Into::into).collect()))
}

/// Show what the models of the tenant were used, by minute, hour, day or month.
///
/// Calls are written in batches: those of the last seconds may be missing.
#[utoipa::path(get, path = "/api/v1/usage/models", tag = "usage", security(("key" = ["read"])),
    operation_id = "model_usage",
    params(UsageQuery),
    responses((status = 200, description = "Oldest first", body = Vec<ModelUsage>)))]
pub(crate) async fn models(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
    InQuery(query): InQuery<UsageQuery>,
) -> Result<Json<Vec<ModelUsage>>, Problem> {
    let (since, until) = query.minutes()?;
    let usage = gateway.registry.model_usage(caller.tenant(), since).await?;
    let usage = usage.into_iter().filter(|used| used.minute < until);
    let sums = summed(usage, query.by);
    Ok(Json(sums.into_iter().map(Into::into).collect()))
}

/// Show the quotas of the tenant and what is used of them.
#[utoipa::path(get, path = "/api/v1/quotas", tag = "usage", security(("key" = ["read"])),
    responses((status = 200, description = "Every kind, also those without a bound", body = Vec<Quota>)))]
pub(crate) async fn quotas(
    caller: Caller<Read>,
    State(gateway): State<Shared>,
) -> Result<Json<Vec<Quota>>, Problem> {
    let now = Timestamp::now();
    let quotas = gateway.registry.quotas(caller.tenant(), now).await?;
    Ok(Json(quotas.into_iter().map(Into::into).collect()))
}

/// What is counted by the minute and adds up.
trait Counted {
    /// What it is of.
    type Of: Ord;

    fn of(&self) -> Self::Of;
    fn minute(&mut self) -> &mut i64;
    fn add(&mut self, more: &Self);
}

impl Counted for steward_registry::Usage {
    type Of = (Name, semver::Version);

    fn of(&self) -> Self::Of {
        (self.function.clone(), self.version.clone())
    }
    fn minute(&mut self) -> &mut i64 {
        &mut self.minute
    }
    fn add(&mut self, more: &Self) {
        self.add(more);
    }
}

impl Counted for steward_registry::ModelUsage {
    type Of = Name;

    fn of(&self) -> Self::Of {
        self.model.clone()
    }
    fn minute(&mut self) -> &mut i64 {
        &mut self.minute
    }
    fn add(&mut self, more: &Self) {
        self.add(more);
    }
}

/// One entry for each function and version, or each model, in each period, oldest first.
fn summed<T: Counted>(usage: impl Iterator<Item = T>, by: Grain) -> Vec<T> {
    let mut sums: BTreeMap<(i64, T::Of), T> = BTreeMap::new();
    for mut used in usage {
        let begin = by.start(*used.minute());
        *used.minute() = begin;
        match sums.entry((begin, used.of())) {
            Entry::Vacant(place) => {
                place.insert(used);
            }
            Entry::Occupied(mut sum) => sum.get_mut().add(&used),
        }
    }
    sums.into_values().collect()
}

impl UsageQuery {
    /// The start of the first minute, and when it ends, both in seconds since 1970.
    fn minutes(&self) -> Result<(i64, i64), Problem> {
        let since = match self.since {
            Some(since) => since,
            None => Timestamp::now()
                .checked_sub(SignedDuration::from_hours(24))
                .map_err(|e| Problem::new(&codes::INTERNAL, e.to_string()))?,
        };
        Ok((
            since.as_second().div_euclid(60) * 60,
            self.until.map_or(i64::MAX, Timestamp::as_second),
        ))
    }
}

impl Grain {
    /// Where the period begins that a moment falls into, both in seconds since 1970.
    fn start(self, second: i64) -> i64 {
        let period = match self {
            Self::Minute => return second.div_euclid(60) * 60,
            Self::Hour => return second.div_euclid(3600) * 3600,
            Self::Day => Period::Day,
            Self::Month => Period::Month,
        };
        Timestamp::from_second(second).map_or(second, |at| period.around(at).0.as_second())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_add_up_what_falls_into_them() {
        let used = |at: &str, function: &str| steward_registry::Usage {
            tenant: "acme".parse().unwrap(),
            function: function.parse().unwrap(),
            version: semver::Version::new(1, 0, 0),
            minute: at.parse::<Timestamp>().unwrap().as_second(),
            calls: 1,
            errors: 0,
            wall_us: 10,
            cpu_us: 5,
            memory_bytes: 7,
            host_calls: 1,
            inference_texts: 1,
            inference_tokens: 3,
            bytes_in: 1,
            bytes_out: 1,
        };
        let all = || {
            [
                used("2024-02-28T23:59:00Z", "a"),
                used("2024-02-29T00:00:00Z", "a"),
                used("2024-02-29T00:01:00Z", "a"),
                used("2024-02-29T01:01:00Z", "b"),
            ]
            .into_iter()
        };
        let calls = |by| -> Vec<u64> { summed(all(), by).iter().map(|u| u.calls).collect() };
        assert_eq!(calls(Grain::Minute), [1, 1, 1, 1]);
        assert_eq!(calls(Grain::Hour), [1, 2, 1]);
        assert_eq!(calls(Grain::Day), [1, 2, 1]);
        assert_eq!(calls(Grain::Month), [3, 1]);
        let month = &summed(all(), Grain::Month)[0];
        assert_eq!((month.minute, month.wall_us), (1_706_745_600, 30));
        assert_eq!(month.inference_tokens, 9);
        // The largest memory is no sum.
        assert_eq!((month.cpu_us, month.memory_bytes), (15, 7));
    }
}
