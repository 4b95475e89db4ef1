//! What a run waits for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::call::{Call, WorkflowRef};

/// One thing that a run waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Which step this is: the task, with the iterations, visits and attempts that lead to it, as
    /// `/do/1/checkup[3]/do/0/call`. It is the same in every replay, and no other step of the run has it.
    pub key: String,
    /// The task: a JSON pointer into the definition.
    pub task: String,
    /// What is to be done.
    pub action: Action,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Action {
    /// Something is to be called. Answered by [`What::Completed`](crate::What::Completed) with the result, or
    /// [`What::Failed`](crate::What::Failed).
    Call(Call),
    /// An event is to be published. Answered by [`What::Completed`](crate::What::Completed); its output is the event as it
    /// was published, or `null` where that is the one given here.
    Emit {
        /// The event: CloudEvents 1.0 in structured JSON. Its `id` is the same in every replay.
        event: Value,
    },
    /// A time is to be waited for. Answered by [`What::Fired`](crate::What::Fired).
    Wait {
        /// When.
        until: Timestamp,
        /// What for.
        why: Waiting,
    },
    /// Events are to be waited for. Answered by [`What::Event`](crate::What::Event), as often as
    /// [`Run::accepts`](crate::Run::accepts) one.
    Listen {
        /// The types that are asked for; empty where any type may be.
        types: Vec<String>,
    },
    /// Another workflow is to be run. Answered by [`What::Completed`](crate::What::Completed) with its output once it ends
    /// (or once it is started, where it is not awaited), or [`What::Failed`](crate::What::Failed) with its error.
    Subflow {
        /// Which.
        workflow: WorkflowRef,
        /// Its input.
        input: Value,
        /// Whether its end is waited for.
        wait: bool,
    },
}

/// What a time is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waiting {
    /// A `wait` task.
    Task,
    /// The next attempt of a `try`.
    Retry,
    /// The end of what is given to a task, an attempt or the run: other effects go on beside it, and it goes with them.
    Timeout,
}

impl Effect {
    /// A key for whoever carries out a side effect only once: 64 hexadecimal digits, the SHA-256 of the run and the step.
    /// It is the same for every attempt of a `try`, since the answer of one that failed may only have been lost.
    ///
    /// ```
    /// # use steward_workflow::idempotency_key;
    /// assert_eq!(idempotency_key("run-1", "/do/0/pay").len(), 64);
    /// assert_ne!(idempotency_key("run-1", "/do/0/pay"), idempotency_key("run-1", "/do/0/pay@2"));
    /// assert_eq!(idempotency_key("run-1", "/do/0/safe/try/0/pay"), idempotency_key("run-1", "/do/0/safe[1]/try/0/pay"));
    /// ```
    pub fn idempotency_key(&self, run: &str) -> String {
        idempotency_key(run, &self.key)
    }
}

/// See [`Effect::idempotency_key`].
pub fn idempotency_key(run: &str, key: &str) -> String {
    attempt_key(run, &without_attempts(key))
}

/// The same for one attempt of a `try`: of what failed once something new may be made.
pub fn attempt_key(run: &str, key: &str) -> String {
    let mut hash = Sha256::new();
    // The length keeps two pairs apart whose texts, one behind the other, are the same.
    hash.update((run.len() as u64).to_be_bytes());
    hash.update(run);
    hash.update(key);
    hex::encode(hash.finalize())
}

/// The key of a step without the numbers of the attempts that lead to it: `/do/0/safe[1]/try/0/pay` is the step
/// `/do/0/safe/try/0/pay`. Iterations stay, since nothing but an attempt has `/try` behind its number.
fn without_attempts(key: &str) -> String {
    let mut parts = key.split("/try/").peekable();
    let mut all = String::with_capacity(key.len());
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            all.push_str(part);
            break;
        }
        let attempt = part
            .strip_suffix(']')
            .and_then(|part| part.rsplit_once('['))
            .filter(|(_, number)| number.bytes().all(|b| b.is_ascii_digit()));
        all.push_str(attempt.map_or(part, |(step, _)| step));
        all.push_str("/try/");
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_one_step_and_iterations_are_not() {
        for (key, step) in [
            ("/do/0/a", "/do/0/a"),
            ("/do/0/a[3]/do/1/b@2", "/do/0/a[3]/do/1/b@2"),
            ("/do/0/a[2]/try/0/b", "/do/0/a/try/0/b"),
            (
                "/do/0/e[1]/do/0/a[12]/try/0/b[1]/try/3/c",
                "/do/0/e[1]/do/0/a/try/0/b/try/3/c",
            ),
            ("/do/0/a@2[1]/try/0/b/steps/1", "/do/0/a@2/try/0/b/steps/1"),
        ] {
            assert_eq!(without_attempts(key), step);
        }
    }
}
