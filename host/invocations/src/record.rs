//! What is kept of one call.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use ulid::Ulid;

/// The most that is kept of the input of a failed call, in bytes.
pub const MAX_INPUT_BYTES: usize = 16 << 10;

/// What a call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// From its turn to its end, the last byte of its answer included, in microseconds.
    #[serde(rename = "wall_us", serialize_with = "micros")]
    pub wall: Duration,
    /// What it computed, in microseconds of one processor: the time of the guest, and what the host
    /// did for it on the same thread. Waits are not in it.
    #[serde(rename = "cpu_us", serialize_with = "micros")]
    pub cpu: Duration,
    /// How long it waited for its turn, in microseconds.
    #[serde(rename = "queued_us", serialize_with = "micros")]
    pub queued: Duration,
    /// Peak of the linear memory of its instance, in bytes.
    pub memory_bytes: u64,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Texts that it gave to models.
    pub inference_texts: u64,
    /// Tokens that models computed of them.
    pub inference_tokens: u64,
    /// Body of its request, in bytes.
    pub bytes_in: u64,
    /// Body of its answer, in bytes.
    pub bytes_out: u64,
    /// What it logged, in bytes, dropped lines included.
    pub log_bytes: u64,
}

fn micros<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

pub(crate) fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// The input of a call that failed, where its deployment allows that it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Input {
    /// What was sent, as text; bytes that are no UTF-8 are replaced.
    pub text: String,
    /// Whether there was more than is kept.
    pub cut: bool,
}

impl Input {
    /// Keeps at most [`MAX_INPUT_BYTES`].
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let kept = bytes.get(..MAX_INPUT_BYTES).unwrap_or(bytes);
        Self {
            text: String::from_utf8_lossy(kept).into_owned(),
            cut: bytes.len() > kept.len(),
        }
    }
}

/// One call of a function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Invocation {
    /// Names it in answers and logs; later ones sort after earlier ones.
    pub id: Ulid,
    /// The function.
    #[serde(serialize_with = "text")]
    pub function: Arc<str>,
    /// The version that answered.
    #[serde(serialize_with = "text")]
    pub version: Arc<str>,
    /// The revision of the function that it was a call of; 0 for a step of a job.
    pub revision: u32,
    /// When it got its turn.
    pub started_at: Timestamp,
    /// What its caller was told instead of an answer, as the code of a problem.
    pub problem: Option<&'static str>,
    /// Whether the function failed: a plugin that refuses its input does what it should.
    pub failed: bool,
    /// Status of the answer of a `wasi:http` function.
    pub status: Option<u16>,
    /// Whether an earlier call had used its instance.
    pub reused: bool,
    /// The trace that its request belongs to, as 32 hexadecimal digits; none where neither its caller nor a collector wants
    /// to know.
    pub trace: Option<String>,
    /// The models that answered it, as `name@version`, in the order in which each answered first.
    pub models: Vec<String>,
    /// What it used.
    #[serde(flatten)]
    pub cost: Cost,
    /// What it was given, if it failed and that may be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,
}

impl Invocation {
    /// Bytes that the record takes beside its own fixed size.
    pub(crate) fn extra_bytes(&self) -> usize {
        self.input.as_ref().map_or(0, |input| input.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_cut_and_says_so() {
        assert!(!Input::of(&[b'a'; MAX_INPUT_BYTES]).cut);
        let long = Input::of(&vec![b'a'; MAX_INPUT_BYTES + 1]);
        assert!(long.cut && long.text.len() == MAX_INPUT_BYTES);
        assert_eq!(Input::of(b"\xff\xfe").text, "\u{fffd}\u{fffd}");
    }
}
