//! A principal and its tenant in memory: what counts along with every request.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use jiff::Timestamp;
use steward_registry::{Period, Principal, QuotaExceeded, QuotaKind, QuotaUse, Rate, Tenant};

use super::bucket::{self, Bucket};
use crate::problem::{Problem, codes};

/// `draft-ietf-httpapi-ratelimit-headers`: which policy, and what is left of it.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Whoever asks: a principal, what it counts, and its tenant.
pub(crate) struct Known {
    pub principal: Principal,
    pub counts: Arc<Counts>,
    pub tenant_state: Arc<TenantState>,
}

impl Deref for Known {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.principal
    }
}

/// What one principal counts. It outlives changes of the principal.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    bucket: Bucket,
    /// Microseconds since 1970; 0 is never.
    used_at: AtomicI64,
    written_at: AtomicI64,
}

impl Counts {
    /// When it was used since it was written last.
    pub fn unwritten(&self) -> Option<(i64, Timestamp)> {
        let used = self.used_at.load(Ordering::Relaxed);
        let written = self.written_at.load(Ordering::Relaxed);
        (used > written).then(|| Timestamp::from_microsecond(used).ok().map(|at| (used, at)))?
    }

    pub fn written(&self, used: i64) {
        self.written_at.fetch_max(used, Ordering::Relaxed);
    }

    /// When it was used last, since the start of the host.
    pub fn used_at(&self) -> Option<Timestamp> {
        match self.used_at.load(Ordering::Relaxed) {
            0 => None,
            used => Timestamp::from_microsecond(used).ok(),
        }
    }
}

/// What one tenant counts, under its settings.
pub(crate) struct TenantState {
    pub tenant: Tenant,
    bucket: Arc<Bucket>,
    quotas: Vec<Arc<Counted>>,
}

/// A quota whose use grows by the minute, and how much of it is used.
struct Counted {
    kind: QuotaKind,
    limit: u64,
    used: AtomicU64,
    /// Seconds since 1970.
    ends: AtomicI64,
}

impl TenantState {
    /// With new settings; what was counted before them goes on.
    pub fn new(tenant: Tenant, old: Option<&TenantState>) -> Self {
        let quotas = tenant.settings.quotas.iter().filter_map(|(&kind, &limit)| {
            kind.period()?;
            let mut kept = old.into_iter().flat_map(|old| &old.quotas);
            let kept = kept.find(|quota| quota.kind == kind && quota.limit == limit);
            Some(kept.cloned().unwrap_or_else(|| {
                Arc::new(Counted {
                    kind,
                    limit,
                    used: AtomicU64::new(0),
                    ends: AtomicI64::new(0),
                })
            }))
        });
        Self {
            quotas: quotas.collect(),
            bucket: old.map_or_else(Arc::default, |old| old.bucket.clone()),
            tenant,
        }
    }

    /// Whether the registry must be asked for what is used.
    pub fn has_counted_quotas(&self) -> bool {
        !self.quotas.is_empty()
    }

    /// Takes over what all hosts have written. What this host counted is part of it a little later, so that the
    /// larger of both is what is used.
    pub fn refresh(&self, used: &[QuotaUse], now: Timestamp) {
        for quota in &self.quotas {
            quota.begin_anew(now);
            if let Some(found) = used.iter().find(|found| found.kind == quota.kind) {
                quota.used.fetch_max(found.used, Ordering::Relaxed);
            }
        }
    }

    /// Refuses a call of a model where the tenant has used up what models may compute for it. What the call computes is
    /// counted when it has been computed.
    pub fn infer(&self) -> Result<(), Problem> {
        for quota in self.quotas.iter().filter(|q| q.kind.bounds_models()) {
            quota.begin_anew(Timestamp::now());
            quota.count()?;
        }
        Ok(())
    }

    /// Counts a call of a function, or refuses it.
    pub fn call(&self) -> Result<(), Problem> {
        if self.quotas.is_empty() {
            return Ok(());
        }
        let now = Timestamp::now();
        for (i, quota) in self.quotas.iter().enumerate() {
            quota.begin_anew(now);
            if let Err(problem) = quota.count() {
                // It was counted by those before, and is not made.
                for counted in &self.quotas[..i] {
                    counted.uncount();
                }
                return Err(problem);
            }
        }
        Ok(())
    }
}

impl Counted {
    fn begin_anew(&self, now: Timestamp) {
        let ends = self.ends.load(Ordering::Relaxed);
        if now.as_second() < ends {
            return;
        }
        let period = self.kind.period().unwrap_or(Period::Month);
        let next = period.around(now).1.as_second();
        // One of those who come at the same time begins the period.
        let begun = self
            .ends
            .compare_exchange(ends, next, Ordering::Relaxed, Ordering::Relaxed);
        // The first period goes on from what the registry knows.
        if begun.is_ok() && ends != 0 {
            self.used.store(0, Ordering::Relaxed);
        }
    }

    fn count(&self) -> Result<(), Problem> {
        let step = u64::from(self.kind.counts_calls());
        let counted = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                (used < self.limit).then(|| used.saturating_add(step))
            });
        counted.map(drop).map_err(|used| {
            Problem::from(QuotaExceeded {
                kind: self.kind,
                limit: self.limit,
                used,
                resets_at: Timestamp::from_second(self.ends.load(Ordering::Relaxed)).ok(),
            })
        })
    }

    fn uncount(&self) {
        if self.kind.counts_calls() {
            self.used.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Known {
    /// Counts the request, or says that it comes too early.
    pub fn admit(&self) -> Result<(), Problem> {
        let used = Timestamp::now().as_microsecond();
        self.counts.used_at.store(used, Ordering::Relaxed);
        let settings = &self.tenant_state.tenant.settings;
        let of_key = self.principal.rate.as_ref().or(settings.key_rate.as_ref());
        if of_key.is_none() && settings.rate.is_none() {
            return Ok(());
        }
        let now = bucket::now();
        if let Some(rate) = of_key {
            let taken = self.counts.bucket.take(rate, now);
            taken.map_err(|wait| too_fast("key", rate, wait))?;
        }
        if let Some(rate) = &settings.rate {
            let taken = self.tenant_state.bucket.take(rate, now);
            taken.map_err(|wait| too_fast("tenant", rate, wait))?;
        }
        Ok(())
    }
}

fn too_fast(whose: &str, rate: &Rate, wait: Duration) -> Problem {
    let Rate { per_second, burst } = *rate;
    let burst = burst.unwrap_or(per_second);
    // Whole seconds, rounded up: a client that comes too early only adds to the load.
    let seconds = (wait.as_nanos().div_ceil(1_000_000_000)).max(1) as u64;
    let detail = format!(
        "the {whose} may ask {per_second} times a second, {burst} times at once; come back in {seconds} s"
    );
    let mut problem = Problem::new(&codes::RATE_LIMITED, detail)
        .with("limited", whose)
        .with("per_second", per_second)
        .with("burst", burst)
        .header(RETRY_AFTER, HeaderValue::from(seconds));
    let policy = format!("\"{whose}\";q={burst};w={}", burst.div_ceil(per_second));
    for (name, value) in [
        (RATE_LIMIT_POLICY, policy),
        (RATE_LIMIT, format!("\"{whose}\";r=0;t={seconds}")),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            problem = problem.header(name, value);
        }
    }
    problem
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use steward_registry::TenantSettings;

    use super::*;

    fn state(quotas: &[(QuotaKind, u64)], old: Option<&TenantState>) -> TenantState {
        let settings = TenantSettings {
            quotas: quotas.iter().copied().collect::<BTreeMap<_, _>>(),
            ..TenantSettings::default()
        };
        let tenant = Tenant {
            name: "acme".parse().unwrap(),
            created_at: Timestamp::UNIX_EPOCH,
            settings,
        };
        TenantState::new(tenant, old)
    }

    #[test]
    fn calls_are_counted_exactly_and_a_refused_one_is_not() {
        let state = state(
            &[
                (QuotaKind::InvocationsPerDay, 5),
                (QuotaKind::InvocationsPerMonth, 3),
            ],
            None,
        );
        for _ in 0..3 {
            state.call().unwrap();
        }
        for _ in 0..10 {
            assert_eq!(state.call().unwrap_err().status(), 429);
        }
        let used: Vec<u64> = state
            .quotas
            .iter()
            .map(|q| q.used.load(Ordering::Relaxed))
            .collect();
        assert_eq!(used, [3, 3]);
    }

    #[test]
    fn what_others_wrote_counts_and_settings_change_without_forgetting() {
        let first = state(&[(QuotaKind::InvocationsPerDay, 5)], None);
        first.call().unwrap();
        let now = Timestamp::now();
        let written = |used| QuotaUse {
            kind: QuotaKind::InvocationsPerDay,
            limit: Some(5),
            used,
            resets_at: None,
        };
        // This host's own call, written and read again, is not counted twice.
        first.refresh(&[written(1)], now);
        first.call().unwrap();
        first.refresh(&[written(4)], now);
        let second = state(
            &[
                (QuotaKind::InvocationsPerDay, 5),
                (QuotaKind::WallSecondsPerMonth, 9),
            ],
            Some(&first),
        );
        second.call().unwrap();
        assert!(second.call().is_err());
        // A day later it begins anew.
        let tomorrow = now + jiff::SignedDuration::from_hours(25);
        second.refresh(&[written(0)], tomorrow);
        assert_eq!(second.quotas[0].used.load(Ordering::Relaxed), 0);
    }
}
