//! The calls of one function: the latest one by one, all of them as sums.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use steward_monitoring::latency::Durations;
use ulid::Ulid;

use crate::Invocation;
use crate::record::text;

/// Calls that are kept one by one; the oldest make room.
const KEPT: usize = 1000;
/// Bytes of all inputs that are kept.
const KEPT_INPUT_BYTES: usize = 256 << 10;

/// Sums over calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls.
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Wall time, in microseconds.
    pub wall_us: u64,
    /// Time of a processor, in microseconds.
    pub cpu_us: u64,
    /// The largest memory of one call, in bytes.
    pub memory_bytes: u64,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Texts given to models.
    pub inference_texts: u64,
    /// Tokens that models computed of them.
    pub inference_tokens: u64,
    /// Bodies of requests, in bytes.
    pub bytes_in: u64,
    /// Bodies of answers, in bytes.
    pub bytes_out: u64,
}

impl Totals {
    fn add(&mut self, call: &Invocation) {
        let micros = |d: Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
        let cost = &call.cost;
        self.calls += 1;
        self.errors += u64::from(call.failed);
        self.wall_us = self.wall_us.saturating_add(micros(cost.wall));
        self.cpu_us = self.cpu_us.saturating_add(micros(cost.cpu));
        self.memory_bytes = self.memory_bytes.max(cost.memory_bytes);
        self.host_calls = self.host_calls.saturating_add(cost.host_calls);
        self.inference_texts = self.inference_texts.saturating_add(cost.inference_texts);
        self.inference_tokens = self.inference_tokens.saturating_add(cost.inference_tokens);
        self.bytes_in = self.bytes_in.saturating_add(cost.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(cost.bytes_out);
    }
}

/// What the calls of one version came to since the host started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionStats {
    /// The version.
    #[serde(serialize_with = "text")]
    pub version: Arc<str>,
    /// Calls.
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Calls without an answer, by the code of their problem.
    pub problems: BTreeMap<&'static str, u64>,
    /// Wall time that half, 95 % and 99 % of the calls did not pass, in microseconds.
    pub wall_us: [u64; 3],
    /// The same of the time of a processor.
    pub cpu_us: [u64; 3],
    /// Time of a processor of all calls, in microseconds.
    pub cpu_total_us: u64,
    /// The largest memory of one call, in bytes.
    pub memory_bytes: u64,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Texts given to models.
    pub inference_texts: u64,
    /// Tokens that models computed of them.
    pub inference_tokens: u64,
    /// Bodies of requests, in bytes.
    pub bytes_in: u64,
    /// Bodies of answers, in bytes.
    pub bytes_out: u64,
}

/// The calls of one function. It outlives revisions, so that a roll out does not reset it.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    latest: VecDeque<Invocation>,
    input_bytes: usize,
    versions: Vec<Version>,
}

#[derive(Debug)]
struct Version {
    name: Arc<str>,
    totals: Totals,
    problems: BTreeMap<&'static str, u64>,
    wall: Durations,
    cpu: Durations,
    /// What has been taken over elsewhere.
    written: Totals,
    /// The largest memory since that.
    peak: u64,
}

impl Version {
    fn new(name: Arc<str>) -> Self {
        Self {
            name,
            totals: Totals::default(),
            problems: BTreeMap::new(),
            wall: Durations::default(),
            cpu: Durations::default(),
            written: Totals::default(),
            peak: 0,
        }
    }
}

impl Ledger {
    /// Adds a call that has ended.
    pub fn record(&self, call: Invocation) {
        let mut inner = self.0.lock();
        let at = match inner.versions.iter().position(|v| v.name == call.version) {
            Some(at) => at,
            None => {
                inner.versions.push(Version::new(call.version.clone()));
                inner.versions.len() - 1
            }
        };
        if let Some(version) = inner.versions.get_mut(at) {
            version.totals.add(&call);
            version.peak = version.peak.max(call.cost.memory_bytes);
            version.wall.record(call.cost.wall);
            version.cpu.record(call.cost.cpu);
            if let Some(problem) = call.problem {
                *version.problems.entry(problem).or_default() += 1;
            }
        }
        inner.input_bytes += call.extra_bytes();
        inner.latest.push_back(call);
        while inner.latest.len() > KEPT || inner.input_bytes > KEPT_INPUT_BYTES {
            match inner.latest.pop_front() {
                Some(oldest) => inner.input_bytes -= oldest.extra_bytes(),
                None => break,
            }
        }
    }

    /// The latest calls that `wanted` says yes to, newest first, at most `limit`.
    pub fn latest(&self, limit: usize, wanted: impl Fn(&Invocation) -> bool) -> Vec<Invocation> {
        let inner = self.0.lock();
        let newest = inner.latest.iter().rev();
        newest
            .filter(|call| wanted(call))
            .take(limit)
            .cloned()
            .collect()
    }

    /// A call by its id, as long as it is among the latest.
    pub fn find(&self, id: Ulid) -> Option<Invocation> {
        let inner = self.0.lock();
        inner
            .latest
            .iter()
            .rev()
            .find(|call| call.id == id)
            .cloned()
    }

    /// What the calls of each version came to.
    pub fn stats(&self) -> Vec<VersionStats> {
        let inner = self.0.lock();
        inner
            .versions
            .iter()
            .map(|version| {
                let totals = version.totals;
                VersionStats {
                    version: version.name.clone(),
                    calls: totals.calls,
                    errors: totals.errors,
                    problems: version.problems.clone(),
                    wall_us: quantiles(&version.wall),
                    cpu_us: quantiles(&version.cpu),
                    cpu_total_us: totals.cpu_us,
                    memory_bytes: totals.memory_bytes,
                    host_calls: totals.host_calls,
                    inference_texts: totals.inference_texts,
                    inference_tokens: totals.inference_tokens,
                    bytes_in: totals.bytes_in,
                    bytes_out: totals.bytes_out,
                }
            })
            .collect()
    }

    /// The sums of each version since the start.
    pub fn totals(&self) -> Vec<(Arc<str>, Totals)> {
        let inner = self.0.lock();
        let totals = inner.versions.iter().map(|v| (v.name.clone(), v.totals));
        totals.collect()
    }

    /// What has come together since [`Ledger::written`]: the version, the difference, and the sums to
    /// say so of. The memory of a difference is the peak within it.
    pub fn unwritten(&self) -> Vec<(Arc<str>, Totals, Totals)> {
        let inner = self.0.lock();
        let grown = inner.versions.iter().filter_map(|version| {
            let (now, then) = (version.totals, version.written);
            (now.calls > then.calls).then(|| {
                let difference = Totals {
                    calls: now.calls - then.calls,
                    errors: now.errors - then.errors,
                    wall_us: now.wall_us - then.wall_us,
                    cpu_us: now.cpu_us - then.cpu_us,
                    memory_bytes: version.peak,
                    host_calls: now.host_calls - then.host_calls,
                    inference_texts: now.inference_texts - then.inference_texts,
                    inference_tokens: now.inference_tokens - then.inference_tokens,
                    bytes_in: now.bytes_in - then.bytes_in,
                    bytes_out: now.bytes_out - then.bytes_out,
                };
                (version.name.clone(), difference, now)
            })
        });
        grown.collect()
    }

    /// Takes note that the calls up to these sums are written.
    pub fn written(&self, version: &str, sums: Totals) {
        let mut inner = self.0.lock();
        let found = inner.versions.iter_mut().find(|v| &*v.name == version);
        if let Some(found) = found {
            found.written = sums;
            if found.totals.calls == sums.calls {
                // Nothing has come meanwhile whose peak this could be.
                found.peak = 0;
            }
        }
    }
}

fn quantiles(durations: &Durations) -> [u64; 3] {
    [0.5, 0.95, 0.99].map(|share| {
        let at = durations.quantile(share).unwrap_or_default();
        u64::try_from(at.as_micros()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{Cost, Input};

    fn call(version: &str, wall: u64, problem: Option<&'static str>) -> Invocation {
        Invocation {
            id: Ulid::generate(),
            function: "f".into(),
            version: version.into(),
            revision: 1,
            started_at: Timestamp::UNIX_EPOCH,
            problem,
            failed: problem.is_some(),
            status: None,
            reused: false,
            trace: None,
            models: Vec::new(),
            cost: Cost {
                wall: Duration::from_micros(wall),
                cpu: Duration::from_micros(wall / 2),
                memory_bytes: wall,
                host_calls: 2,
                ..Cost::default()
            },
            input: None,
        }
    }

    #[test]
    fn calls_are_found_newest_first_and_by_id() {
        let ledger = Ledger::default();
        let calls = [
            call("1.0.0", 10, None),
            call("1.0.0", 20, Some("guest-crashed")),
            call("1.1.0", 30, None),
        ];
        for call in &calls {
            ledger.record(call.clone());
        }
        let walls = |wanted: &dyn Fn(&Invocation) -> bool, limit| {
            let found = ledger.latest(limit, wanted);
            found
                .iter()
                .map(|c| c.cost.wall.as_micros())
                .collect::<Vec<_>>()
        };
        assert_eq!(walls(&|_| true, 2), [30, 20]);
        assert_eq!(walls(&|c| c.failed, 9), [20]);
        assert_eq!(ledger.find(calls[0].id), Some(calls[0].clone()));
        assert_eq!(ledger.find(Ulid::nil()), None);
    }

    #[test]
    fn versions_are_counted_apart() {
        let ledger = Ledger::default();
        for wall in 1..=100 {
            ledger.record(call("1.0.0", wall * 1000, None));
        }
        ledger.record(call("1.1.0", 7, Some("stack-overflow")));
        let stats = ledger.stats();
        assert_eq!((stats[0].calls, stats[0].errors), (100, 0));
        for (found, exact) in stats[0].wall_us.iter().zip([50_000, 95_000, 99_000]) {
            assert!(found.abs_diff(exact) <= exact / 64, "{found} for {exact}");
        }
        assert_eq!(stats[0].memory_bytes, 100_000);
        assert_eq!(stats[1].problems, BTreeMap::from([("stack-overflow", 1)]));
    }

    #[test]
    fn what_is_written_is_not_written_again() {
        let ledger = Ledger::default();
        ledger.record(call("1.0.0", 10, None));
        ledger.record(call("1.0.0", 20, None));
        let first = ledger.unwritten();
        let (version, grown, sums) = &first[0];
        assert_eq!(
            (grown.calls, grown.wall_us, grown.memory_bytes),
            (2, 30, 20)
        );
        // Not written: all of it is still there.
        assert_eq!(ledger.unwritten(), first);
        ledger.record(call("1.0.0", 5, Some("x")));
        ledger.written(version, *sums);
        let (_, grown, sums) = ledger.unwritten()[0].clone();
        assert_eq!((grown.calls, grown.errors, grown.wall_us), (1, 1, 5));
        ledger.written("1.0.0", sums);
        assert!(ledger.unwritten().is_empty());
        // The next peak is that of the next calls alone.
        ledger.record(call("1.0.0", 3, None));
        assert_eq!(ledger.unwritten()[0].1.memory_bytes, 3);
    }

    #[test]
    fn a_flood_of_failures_is_bounded() {
        let ledger = Ledger::default();
        for _ in 0..3000 {
            let mut failed = call("1.0.0", 1, Some("guest-crashed"));
            failed.input = Some(Input::of(&[b'x'; 1000]));
            ledger.record(failed);
        }
        let inner = ledger.0.lock();
        assert!(inner.input_bytes <= KEPT_INPUT_BYTES && inner.latest.len() <= KEPT);
        assert_eq!(inner.versions[0].totals.calls, 3000);
    }
}
