//! The course of deployed models, written as event files that TensorBoard shows.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use steward_monitoring::tensorboard::{EventFile, EventFileError};
use steward_registry::{ModelTarget, Name, TenantId};

use crate::Models;
use crate::line::Line;
use crate::target::Target;

/// How often numbers are written.
const PERIOD: Duration = Duration::from_secs(10);
/// How often histograms are, in seconds: they are most of a file.
const HISTOGRAMS: f64 = 60.0;

/// One run of the board: weights in a role.
type Run = (TenantId, Name, &'static str, ModelTarget);

impl Models {
    /// Writes how every deployed model does, every ten seconds and for ever, as event files below
    /// `folder`: a run for each role and target, `TENANT/MODEL/ROLE-VERSION`. Steps are seconds since
    /// 1970, so that a run goes on where a host is started again.
    ///
    /// | tag | |
    /// | --- | --- |
    /// | `calls`, `errors`, `refused` | since the target was deployed on this host |
    /// | `latency/mean_ms`, `latency/p50_ms`, `latency/p99_ms` | of its calls |
    /// | `drift/scores_psi`, `drift/lengths_psi` | against what is normal for it |
    /// | `scores`, `lengths` | every minute, histograms of the latest answers, and of texts in code points |
    pub async fn record(&self, folder: PathBuf) {
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut board = Board {
            folder,
            runs: HashMap::new(),
        };
        let mut well = true;
        loop {
            period.tick().await;
            let models = self.clone();
            // Files are written on a thread that may wait for the disk.
            let written = tokio::task::spawn_blocking(move || {
                let outcome = board.write(&models);
                (board, outcome)
            });
            let Ok((back, outcome)) = written.await else {
                tracing::error!("the event files of models are not written any more");
                return;
            };
            board = back;
            match outcome {
                Ok(()) => well = true,
                // Said once, not every time.
                Err(error) => {
                    if std::mem::take(&mut well) {
                        tracing::warn!(%error, "the event files of models are not written; tried again");
                    }
                    board.runs.clear();
                }
            }
        }
    }
}

struct Board {
    folder: PathBuf,
    runs: HashMap<Run, Course>,
}

/// A run that is being written.
struct Course {
    file: EventFile,
    /// When its histograms were written last; 0 for never.
    drawn: f64,
}

impl Board {
    fn write(&mut self, models: &Models) -> Result<(), EventFileError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs_f64();
        let mut deployed = Vec::new();
        for line in models.lines() {
            let Some(current) = line.current() else {
                continue;
            };
            let trial = |role| move |trial: &crate::line::Trial| (role, trial.target.clone());
            let candidate = current.candidate.as_ref().map(trial("candidate"));
            let shadow = current.shadow.as_ref().map(trial("shadow"));
            let all = [Some(("stable", current.stable.clone())), candidate, shadow];
            for (role, target) in all.into_iter().flatten() {
                let run = run(&line, role, &target);
                let course = match self.runs.entry(run.clone()) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => entry.insert(Course {
                        file: EventFile::create(&place(&self.folder, &run))?,
                        drawn: 0.0,
                    }),
                };
                describe(course, &target, now)?;
                deployed.push(run);
            }
        }
        self.runs.retain(|run, _| deployed.contains(run));
        Ok(())
    }
}

fn run(line: &Line, role: &'static str, target: &Target) -> Run {
    let (tenant, name) = (line.tenant.clone(), line.name.clone());
    (tenant, name, role, target.target.clone())
}

/// Names and versions have no character that a path gives a meaning to.
fn place(folder: &Path, (tenant, model, role, target): &Run) -> PathBuf {
    folder
        .join(tenant.as_str())
        .join(model.as_str())
        .join(format!("{role}-{target}"))
}

fn describe(course: &mut Course, target: &Target, now: f64) -> Result<(), EventFileError> {
    let Course { file, drawn } = course;
    let step = now as i64;
    let watch = &target.watch;
    let [calls, errors, refused] = watch.counts();
    let durations = watch.durations();
    let ms = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e3);
    let drift = watch.drift();
    let numbers = [
        ("calls", Some(calls as f64)),
        ("errors", Some(errors as f64)),
        ("refused", Some(refused as f64)),
        ("latency/mean_ms", ms(durations.mean())),
        ("latency/p50_ms", ms(durations.quantile(0.5))),
        ("latency/p99_ms", ms(durations.quantile(0.99))),
        ("drift/scores_psi", drift.scores.map(|drift| drift.psi)),
        ("drift/lengths_psi", drift.lengths.map(|drift| drift.psi)),
    ];
    for (tag, number) in numbers {
        if let Some(number) = number {
            file.scalar(tag, step, now, number as f32)?;
        }
    }
    if now - *drawn >= HISTOGRAMS {
        for (tag, values) in [("scores", watch.scores()), ("lengths", watch.lengths())] {
            if !values.is_empty() {
                file.histogram(tag, step, now, &values)?;
                *drawn = now;
            }
        }
    }
    file.flush()
}
