//! Quotas: how much of the host a tenant may use, and how much it does.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use crate::db::Write;
use crate::id::{TenantId, shown};
use crate::tenants::no_such_tenant;
use crate::{ArtifactRef, Registry, RegistryError, TenantSettings, rows};

/// When a count begins anew, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// At midnight.
    Day,
    /// On the first of the month.
    Month,
}

impl Period {
    /// The period that a moment falls into: from (included) and to (excluded).
    pub fn around(self, at: Timestamp) -> (Timestamp, Timestamp) {
        let day = Offset::UTC.to_datetime(at).date();
        let (from, to) = match self {
            Self::Day => (day, day.checked_add(1.day())),
            Self::Month => {
                let first = day.first_of_month();
                (first, first.checked_add(1.month()))
            }
        };
        let start = |date: Date| Offset::UTC.to_timestamp(date.to_datetime(Time::midnight()));
        // The last period of the calendar has no end.
        (
            start(from).unwrap_or(Timestamp::MIN),
            to.and_then(start).unwrap_or(Timestamp::MAX),
        )
    }
}

/// How the use of a quota is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    /// What there is now: each statement gives a number for the tenant `$1`; their sum counts.
    Held(&'static [&'static str]),
    /// What was counted in a period: a column of a table by the minute, divided by this.
    Counted(Period, &'static str, &'static str, u64),
}

/// What functions were used.
const OF_FUNCTIONS: &str = "usage_minutes";
/// What models were used.
const OF_MODELS: &str = "model_usage_minutes";

/// Statements for the bytes that a tenant keeps. Those of models are read from their lists of files.
const STORED: &[&str] = &[
    "SELECT COALESCE(CAST(SUM(size) AS BIGINT), 0) AS value FROM plugin_versions WHERE tenant = $1 AND origin IS NULL",
    "SELECT COALESCE(CAST(SUM(size) AS BIGINT), 0) AS value FROM dataset_snapshots WHERE tenant = $1",
    "SELECT COALESCE(CAST(SUM(bytes) AS BIGINT), 0) AS value FROM keyvalue_buckets WHERE tenant = $1",
    "SELECT COALESCE(CAST(SUM(bytes) AS BIGINT), 0) AS value FROM blob_containers WHERE tenant = $1",
];

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $word:literal $measure:expr;)*) => {
        /// What a quota bounds. A new kind is a line of this table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum QuotaKind { $($(#[$doc])* $name,)* }

        impl QuotaKind {
            /// Every kind.
            pub const ALL: &[QuotaKind] = &[$(Self::$name),*];

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            fn measure(self) -> Measure {
                match self { $(Self::$name => $measure,)* }
            }
        }
    };
}

kinds! {
    /// Bytes of plugins, models and datasets that the tenant put there, and of what its functions keep in buckets and
    /// containers. What two versions share counts twice. What a function writes is bounded by its bucket alone; beyond the
    /// quota nothing else is taken.
    StorageBytes "storage-bytes" Measure::Held(STORED);
    /// Deployed functions.
    Functions "functions" Measure::Held(&[
        "SELECT COUNT(*) AS value FROM functions WHERE tenant = $1 AND deleted_at IS NULL"]);
    /// Plugins, whatever the number of their versions.
    Plugins "plugins" Measure::Held(&[
        "SELECT COUNT(DISTINCT name) AS value FROM plugin_versions WHERE tenant = $1"]);
    /// Keys that are not revoked.
    Keys "keys" Measure::Held(&[
        "SELECT COUNT(*) AS value FROM principals WHERE tenant = $1 AND revoked_at IS NULL"]);
    /// Calls of functions in a day.
    InvocationsPerDay "invocations-per-day" Measure::Counted(Period::Day, OF_FUNCTIONS, "calls", 1);
    /// Calls of functions in a month.
    InvocationsPerMonth "invocations-per-month" Measure::Counted(Period::Month, OF_FUNCTIONS, "calls", 1);
    /// Seconds that calls of functions took in a month, waiting included.
    WallSecondsPerMonth "wall-seconds-per-month" Measure::Counted(Period::Month, OF_FUNCTIONS, "wall_us", 1_000_000);
    /// Seconds that functions computed in a month, waiting not included.
    CpuSecondsPerMonth "cpu-seconds-per-month" Measure::Counted(Period::Month, OF_FUNCTIONS, "cpu_us", 1_000_000);
    /// Texts that functions gave to models in a month.
    InferenceTextsPerMonth "inference-texts-per-month" Measure::Counted(Period::Month, OF_FUNCTIONS, "inference_texts", 1);
    /// Tokens that models computed in a month, for functions, calls from outside and jobs.
    InferenceTokensPerMonth "inference-tokens-per-month" Measure::Counted(Period::Month, OF_MODELS, "tokens", 1);
}

impl QuotaKind {
    /// When its count begins anew; none for what is held.
    pub fn period(self) -> Option<Period> {
        match self.measure() {
            Measure::Held(_) => None,
            Measure::Counted(period, ..) => Some(period),
        }
    }

    /// Whether each call counts as one, so that a host can count along.
    pub fn counts_calls(self) -> bool {
        matches!(
            self.measure(),
            Measure::Counted(_, OF_FUNCTIONS, "calls", 1)
        )
    }

    /// Whether it bounds what models compute, whoever asks them.
    pub fn bounds_models(self) -> bool {
        matches!(self.measure(), Measure::Counted(_, OF_MODELS, ..))
    }
}

impl fmt::Display for QuotaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for QuotaKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|kind| kind.as_str()).collect();
            format!(
                "`{}` is not a quota; there are {}",
                shown(text),
                all.join(", ")
            )
        })
    }
}

impl Serialize for QuotaKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for QuotaKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A quota that is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaExceeded {
    /// Which one.
    pub kind: QuotaKind,
    /// What it allows.
    pub limit: u64,
    /// What is used, without what was asked for.
    pub used: u64,
    /// When its count begins anew; none for what is held until it is removed.
    pub resets_at: Option<Timestamp>,
}

impl fmt::Display for QuotaExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind, limit, used, ..
        } = self;
        write!(
            f,
            "the quota `{kind}` of the tenant is {limit}, and {used} are used"
        )?;
        match self.resets_at {
            Some(at) => write!(f, "; it begins anew at {at}"),
            None => Ok(()),
        }
    }
}

/// A quota and its use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuotaUse {
    /// Which one.
    pub kind: QuotaKind,
    /// What it allows; none is no bound.
    pub limit: Option<u64>,
    /// What is used.
    pub used: u64,
    /// When its count begins anew.
    pub resets_at: Option<Timestamp>,
}

impl Registry {
    /// What a tenant uses of every quota, at a moment. Calls of the last seconds may be missing.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Database`].
    pub async fn quotas(
        &self,
        tenant: &TenantId,
        at: Timestamp,
    ) -> Result<Vec<QuotaUse>, RegistryError> {
        let limits = self.tenant(tenant).await?.settings.quotas;
        let mut connection = self.db.pool.acquire().await?;
        let mut all = Vec::new();
        for &kind in QuotaKind::ALL {
            all.push(QuotaUse {
                kind,
                limit: limits.get(&kind).copied(),
                used: used(&mut connection, tenant, kind, at).await?,
                resets_at: kind.period().map(|period| period.around(at).1),
            });
        }
        Ok(all)
    }
}

/// Refuses where the tenant has a quota of this kind and `more` do not fit into it. In the
/// transaction of the change: whoever changes the same tenant waits.
pub(crate) async fn room(
    write: &mut Write,
    tenant: &TenantId,
    kind: QuotaKind,
    more: u64,
) -> Result<(), RegistryError> {
    let row =
        sqlx::query("UPDATE tenants SET settings = settings WHERE name = $1 AND deleted_at IS NULL RETURNING settings")
            .bind(tenant.as_str())
            .fetch_optional(&mut **write)
            .await?
            .ok_or_else(|| no_such_tenant(tenant))?;
    let settings: TenantSettings = rows::json(&row, "settings")?;
    let Some(&limit) = settings.quotas.get(&kind) else {
        return Ok(());
    };
    let used = used(write, tenant, kind, rows::now()).await?;
    if used.saturating_add(more) <= limit {
        return Ok(());
    }
    Err(RegistryError::Quota(QuotaExceeded {
        kind,
        limit,
        used,
        resets_at: None,
    }))
}

async fn used(
    connection: &mut sqlx::AnyConnection,
    tenant: &TenantId,
    kind: QuotaKind,
    at: Timestamp,
) -> Result<u64, RegistryError> {
    match kind.measure() {
        Measure::Held(statements) => {
            let mut sum = 0_u64;
            for &statement in statements {
                let row = sqlx::query(statement)
                    .bind(tenant.as_str())
                    .fetch_one(&mut *connection)
                    .await?;
                sum = sum.saturating_add(rows::count(&row, "value")?);
            }
            if kind == QuotaKind::StorageBytes {
                sum = sum.saturating_add(model_bytes(connection, tenant).await?);
            }
            Ok(sum)
        }
        Measure::Counted(period, table, column, unit) => {
            let (from, to) = period.around(at);
            // Table and column are words of the table above, never of a request.
            let statement = sqlx::AssertSqlSafe(format!(
                "SELECT COALESCE(CAST(SUM({column}) AS BIGINT), 0) AS value FROM {table} \
                 WHERE tenant = $1 AND minute >= $2 AND minute < $3"
            ));
            let row = sqlx::query(statement)
                .bind(tenant.as_str())
                .bind(from.as_second())
                .bind(to.as_second())
                .fetch_one(connection)
                .await?;
            Ok(rows::count::<u64>(&row, "value")? / unit)
        }
    }
}

async fn model_bytes(
    connection: &mut sqlx::AnyConnection,
    tenant: &TenantId,
) -> Result<u64, RegistryError> {
    let mut sum = 0_u64;
    let versions = sqlx::query("SELECT files FROM model_versions WHERE tenant = $1")
        .bind(tenant.as_str())
        .fetch_all(&mut *connection)
        .await?;
    for row in &versions {
        let files: BTreeMap<String, ArtifactRef> = rows::json(row, "files")?;
        sum = files
            .values()
            .fold(sum, |sum, file| sum.saturating_add(file.size));
    }
    let variants = sqlx::query("SELECT file FROM model_variants WHERE tenant = $1")
        .bind(tenant.as_str())
        .fetch_all(connection)
        .await?;
    for row in &variants {
        let file: ArtifactRef = rows::json(row, "file")?;
        sum = sum.saturating_add(file.size);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_at_midnight_in_utc() {
        let at: Timestamp = "2024-02-29T23:59:59.9Z".parse().unwrap();
        let text = |(from, to): (Timestamp, Timestamp)| format!("{from} {to}");
        assert_eq!(
            text(Period::Day.around(at)),
            "2024-02-29T00:00:00Z 2024-03-01T00:00:00Z"
        );
        assert_eq!(
            text(Period::Month.around(at)),
            "2024-02-01T00:00:00Z 2024-03-01T00:00:00Z"
        );
        // The ends of time are no panic.
        for at in [Timestamp::MIN, Timestamp::MAX] {
            for period in [Period::Day, Period::Month] {
                let (from, to) = period.around(at);
                assert!(from <= at && at <= to);
            }
        }
    }

    #[test]
    fn every_kind_is_found_by_its_word() {
        for &kind in QuotaKind::ALL {
            assert_eq!(kind.as_str().parse::<QuotaKind>().unwrap(), kind);
        }
        assert!("calls".parse::<QuotaKind>().is_err());
    }
}
