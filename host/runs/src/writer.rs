//! The one who writes journals: what many runs have to write at the same time shares one transaction, and one wait for
//! the disk. Who hands something in is answered once it is there.

use steward_registry::workflows::{NewRun, RunWrite, Started};
use steward_registry::{Registry, RegistryError};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::RunsError;

/// What is written in one transaction, at most.
const MAX_AT_ONCE: usize = 512;

/// What became of what a run has handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is on disk.
    Done,
    /// Another host has the run: nothing of it was written, and nothing more may be done.
    Lost,
    /// Whether it was written is not known: the journal has to be read again.
    Unknown,
}

enum Job {
    Write(Box<RunWrite>, oneshot::Sender<Written>),
    Start(Box<NewRun>, oneshot::Sender<Result<Started, RunsError>>),
}

/// Takes what is to be written.
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
    /// Held by who writes.
    handed_in: Mutex<mpsc::Receiver<Job>>,
}

impl Writer {
    pub fn new() -> Self {
        let (jobs, handed_in) = mpsc::channel(4 * MAX_AT_ONCE);
        Self {
            jobs,
            handed_in: Mutex::new(handed_in),
        }
    }

    /// Writes what happened in a run.
    pub async fn write(&self, write: RunWrite) -> Written {
        let (done, answer) = oneshot::channel();
        if self
            .jobs
            .send(Job::Write(Box::new(write), done))
            .await
            .is_err()
        {
            return Written::Unknown;
        }
        answer.await.unwrap_or(Written::Unknown)
    }

    /// Starts a run.
    pub async fn start(&self, new: NewRun) -> Result<Started, RunsError> {
        let (done, answer) = oneshot::channel();
        let job = Job::Start(Box::new(new), done);
        self.jobs.send(job).await.map_err(|_| RunsError::Ending)?;
        answer.await.map_err(|_| RunsError::Ending)?
    }

    /// Writes what is handed in, until the future is dropped. Nobody is answered who was not written.
    pub async fn run(&self, registry: &Registry, host: &str) {
        let mut handed_in = self.handed_in.lock().await;
        let mut jobs = Vec::with_capacity(MAX_AT_ONCE);
        loop {
            if handed_in.recv_many(&mut jobs, MAX_AT_ONCE).await == 0 {
                return;
            }
            let (mut writes, mut written) = (Vec::new(), Vec::new());
            let (mut starts, mut started) = (Vec::new(), Vec::new());
            for job in jobs.drain(..) {
                match job {
                    Job::Write(write, done) => {
                        writes.push(*write);
                        written.push(done);
                    }
                    Job::Start(new, done) => {
                        starts.push(*new);
                        started.push(done);
                    }
                }
            }
            if !writes.is_empty() {
                for (done, answer) in written
                    .into_iter()
                    .zip(write(registry, host, &writes).await)
                {
                    let _ = done.send(answer);
                }
            }
            if !starts.is_empty() {
                for (done, answer) in started.into_iter().zip(start(registry, &starts).await) {
                    let _ = done.send(answer);
                }
            }
        }
    }
}

/// Writes all of it in one transaction. Where that fails for what one of them holds, it fails for that one alone.
async fn write(registry: &Registry, host: &str, writes: &[RunWrite]) -> Vec<Written> {
    let told = |held: bool| if held { Written::Done } else { Written::Lost };
    let error = match registry.write_runs(host, writes).await {
        Ok(held) => return held.into_iter().map(told).collect(),
        Err(error) => error,
    };
    tracing::warn!(%error, runs = writes.len(), "journals cannot be written together");
    // Where the database does not answer at all, it does not answer each of them either.
    if !has_answered(&error) || writes.len() == 1 {
        return vec![Written::Unknown; writes.len()];
    }
    let mut written = Vec::with_capacity(writes.len());
    for one in writes {
        let held = registry.write_runs(host, std::slice::from_ref(one)).await;
        written.push(match held.map(|held| held.first().copied()) {
            Ok(held) => held.map_or(Written::Unknown, told),
            Err(error) => {
                tracing::warn!(run = %one.run, %error, "a journal cannot be written; it is read again");
                Written::Unknown
            }
        });
    }
    written
}

/// Starts all of them in one transaction. Where that fails for what one of them holds, it fails for that one alone.
async fn start(registry: &Registry, starts: &[NewRun]) -> Vec<Result<Started, RunsError>> {
    let told = |answer: Result<Started, RegistryError>| answer.map_err(RunsError::from);
    let error = match registry.start_runs(starts).await {
        Ok(answers) => return answers.into_iter().map(told).collect(),
        Err(error) => error,
    };
    tracing::warn!(%error, runs = starts.len(), "runs cannot be started together");
    if !has_answered(&error) {
        return start_again(registry, starts).await;
    }
    if starts.len() == 1 {
        return vec![Err(error.into())];
    }
    let mut started = Vec::with_capacity(starts.len());
    for new in starts {
        // Each learns it from the registry itself: an error of a database is not to be copied.
        let one = registry.start_runs(std::slice::from_ref(new)).await;
        started.push(match one {
            Ok(mut all) => all.pop().map_or(Err(RunsError::Unknown), told),
            Err(error) if has_answered(&error) => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "whether a run was started is not known");
                Err(RunsError::Unknown)
            }
        });
    }
    started
}

/// After a transaction of which nobody knows whether it was committed: what has a key is the same run if it is started
/// again, and what has none could be two.
async fn start_again(registry: &Registry, starts: &[NewRun]) -> Vec<Result<Started, RunsError>> {
    let keyed: Vec<NewRun> = starts
        .iter()
        .filter(|new| new.key.is_some())
        .cloned()
        .collect();
    let again = match keyed.is_empty() {
        true => Vec::new(),
        false => registry.start_runs(&keyed).await.unwrap_or_else(|error| {
            tracing::warn!(%error, runs = keyed.len(), "whether runs were started is not known");
            Vec::new()
        }),
    };
    let mut again = again.into_iter();
    let answer = |new: &NewRun| match &new.key {
        Some(_) => again.next().map_or(Err(RunsError::Unknown), |answer| {
            answer.map_err(RunsError::from)
        }),
        None => Err(RunsError::Unknown),
    };
    starts.iter().map(answer).collect()
}

/// Whether the database has answered, so that nothing was done. Without an answer a commit may have been one.
fn has_answered(error: &RegistryError) -> bool {
    match error {
        RegistryError::Database(error) => error.as_database_error().is_some(),
        _ => true,
    }
}
