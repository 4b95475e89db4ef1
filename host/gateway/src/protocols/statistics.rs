//! What models have done, in Triton's words.

use std::time::{Duration, UNIX_EPOCH};

use steward_inference::{ModelStats, Timing};
use steward_protocols::{BatchStatistics, InferStatistics, ModelStatistics, StatisticDuration};
use steward_registry::{ModelRef, ModelVersion, TenantId};

/// A model in memory, by the parts of its key: `tenant/name@version`, with `~variant` behind it where there is one.
pub(super) struct Key<'a> {
    name: &'a str,
    version: &'a str,
    variant: Option<&'a str>,
}

impl<'a> Key<'a> {
    /// The parts, where the model is one of this tenant's.
    pub fn of(key: &'a str, tenant: &TenantId) -> Option<Self> {
        let own = key.strip_prefix(tenant.as_str())?.strip_prefix('/')?;
        let (name, version) = own.split_once('@')?;
        let (version, variant) = match version.split_once('~') {
            Some((version, variant)) => (version, Some(variant)),
            None => (version, None),
        };
        Some(Self {
            name,
            version,
            variant,
        })
    }

    /// Whether it is what `asked` names, which is `version` of its model.
    pub fn is(&self, asked: &ModelRef, version: &ModelVersion) -> bool {
        self.name == version.name.as_str()
            && self.version == version.version.to_string()
            && self.variant == asked.variant.as_ref().map(|variant| variant.as_str())
    }
}

/// The statistics of a model in memory.
pub(super) fn statistics(key: &Key<'_>, stats: &ModelStats) -> ModelStatistics {
    let variant = key.variant.map(|variant| format!("~{variant}"));
    let last_used = stats
        .last_used
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let failed = stats.failed + stats.refused + stats.late + stats.cancelled;
    let batches = stats.batches.iter().map(|batch| BatchStatistics {
        batch_size: batch.rows,
        compute_infer: duration(batch.count, batch.compute),
        ..BatchStatistics::default()
    });
    ModelStatistics {
        name: format!("{}{}", key.name, variant.unwrap_or_default()),
        version: key.version.to_owned(),
        last_inference: last_used.map_or(0, |at| whole(at.as_millis())),
        inference_count: stats.rows(),
        execution_count: stats.compute.count,
        inference_stats: InferStatistics {
            success: timing(&stats.call),
            // How long a call took that was not answered is not kept.
            fail: duration(failed, Duration::ZERO),
            queue: timing(&stats.queue),
            compute_input: timing(&stats.tokenize),
            compute_infer: timing(&stats.compute),
            ..InferStatistics::default()
        },
        batch_stats: batches.collect(),
        // What ONNX Runtime holds for one model is not known.
        memory_usage: Vec::new(),
    }
}

fn timing(timing: &Timing) -> StatisticDuration {
    duration(timing.count, timing.sum)
}

fn duration(count: u64, time: Duration) -> StatisticDuration {
    StatisticDuration {
        count,
        ns: whole(time.as_nanos()),
    }
}

fn whole(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_whose_and_what_it_is() {
        let tenant: TenantId = "acme".parse().unwrap();
        let parts = |key| Key::of(key, &tenant).map(|key| (key.name, key.version, key.variant));
        assert_eq!(parts("acme/m@1.0.0"), Some(("m", "1.0.0", None)));
        assert_eq!(
            parts("acme/m@1.0.0~int8"),
            Some(("m", "1.0.0", Some("int8")))
        );
        assert_eq!(parts("acme-two/m@1.0.0"), None);
        assert_eq!(parts("other/m@1.0.0"), None);
    }
}
