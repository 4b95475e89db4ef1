//! Plugins of the kind `step`: one step of a workflow, a typed payload in, a typed answer out.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use steward_sdk::step::{Context, Description, Error, Step};
//!
//! struct Greet;
//!
//! #[derive(Deserialize)]
//! struct Input {
//!     who: String,
//! }
//!
//! #[derive(Serialize)]
//! struct Output {
//!     text: String,
//! }
//!
//! impl Step for Greet {
//!     type Input = Input;
//!     type Output = Output;
//!
//!     fn describe() -> Description {
//!         Description {
//!             name: "greet".into(),
//!             summary: "Greets somebody".into(),
//!             input_schema: r#"{"type":"object","required":["who"],"properties":{"who":{"type":"string"}}}"#.into(),
//!             output_schema: r#"{"type":"object","required":["text"],"properties":{"text":{"type":"string"}}}"#.into(),
//!         }
//!     }
//!
//!     fn new() -> Result<Self, Error> {
//!         Ok(Self)
//!     }
//!
//!     fn run(&self, _context: &Context, input: Input) -> Result<Output, Error> {
//!         Ok(Output { text: format!("Hello {}", input.who) })
//!     }
//! }
//!
//! steward_sdk::export_step!(Greet);
//! # fn main() {}
//! ```
//!
//! What a step reaches beside its payload is what its manifest requests and the deployment grants: requests to other services
//! ([`http`](crate::http)), secrets, events, models, questions about datasets.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::step::exports::steward::workflow::step::Guest;
pub use crate::bindings::step::exports::steward::workflow::step::{
    Context, Description, Error, Retry,
};

/// One step of a workflow.
pub trait Step: Sized {
    /// The payload, as JSON has it.
    type Input: DeserializeOwned;
    /// The answer, as JSON has it.
    type Output: Serialize;

    /// What the step is. It must always say the same: the host asks once for each deployment.
    fn describe() -> Description;

    /// Reads the configuration. Runs before every run: a run gets a fresh instance.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`], which [`config`](crate::config) returns by itself, where a value is wrong.
    fn new() -> Result<Self, Error>;

    /// Runs the step once. The host has held the payload against the schema of [`Step::describe`].
    ///
    /// # Errors
    /// [`Error::Retryable`] where another attempt may succeed: the workflow makes it. The others end the step.
    fn run(&self, context: &Context, input: Self::Input) -> Result<Self::Output, Error>;
}

impl Error {
    /// Something does not answer now; the workflow decides when to try again.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retryable(Retry {
            reason: reason.into(),
            after_ms: None,
        })
    }

    /// Not before so many milliseconds have passed.
    pub fn retry_after(reason: impl Into<String>, milliseconds: u64) -> Self {
        Self::Retryable(Retry {
            reason: reason.into(),
            after_ms: Some(milliseconds),
        })
    }
}

/// So that `?` works with configuration and models.
impl From<crate::Error> for Error {
    fn from(error: crate::Error) -> Self {
        match error {
            crate::Error::InvalidInput(text) => Self::InvalidInput(text),
            crate::Error::InvalidConfig(text) => Self::InvalidConfig(text),
            crate::Error::Unavailable(text) => Self::retry(text),
            crate::Error::Other(text) => Self::Other(text),
        }
    }
}

impl From<crate::secrets::Error> for Error {
    fn from(error: crate::secrets::Error) -> Self {
        crate::Error::from(error).into()
    }
}

impl From<crate::http::Error> for Error {
    fn from(error: crate::http::Error) -> Self {
        use crate::http::Error as Http;
        match error {
            Http::Invalid(_) | Http::Denied(_) => Self::InvalidConfig(error.to_string()),
            Http::Failed(_) => Self::retry(error.to_string()),
            Http::TooLarge(_) => Self::Other(error.to_string()),
        }
    }
}

impl From<crate::events::Error> for Error {
    fn from(error: crate::events::Error) -> Self {
        use crate::events::Error as Events;
        match error {
            Events::Denied(text) => Self::InvalidConfig(text),
            Events::InvalidInput(text) => Self::InvalidInput(text),
            Events::Unavailable(text) => Self::retry(text),
            Events::Other(text) => Self::Other(text),
        }
    }
}

/// Exports a type that implements [`Step`](crate::step::Step) from the component. Once per plugin.
#[macro_export]
macro_rules! export_step {
    ($step:ty) => {
        // Natively there is nothing to export, and linkers refuse such names.
        #[cfg(target_family = "wasm")]
        const _: () = {
            type __StewardExported = $crate::step::Exported<$step>;
            $crate::bindings::step::export!(__StewardExported with_types_in $crate::bindings::step);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            const fn is_a_step<T: $crate::step::Step>() {}
            is_a_step::<$step>();
        };
    };
}

/// Runs a step on JSON texts, as the component does.
pub(crate) fn run<S: Step>(context: &Context, payload: &str) -> Result<String, Error> {
    let input = serde_json::from_str(payload)
        .map_err(|e| Error::InvalidInput(format!("the payload: {e}")))?;
    let output = S::new()?.run(context, input)?;
    serde_json::to_string(&output)
        .map_err(|e| Error::Other(format!("the answer cannot be written as JSON: {e}")))
}

/// Stands between the exported functions and the trait.
#[doc(hidden)]
pub struct Exported<S>(PhantomData<S>);

impl<S: Step + 'static> Guest for Exported<S> {
    fn describe() -> Description {
        crate::panic::log_panics();
        S::describe()
    }

    fn run(context: Context, payload: String) -> Result<String, Error> {
        crate::panic::log_panics();
        run::<S>(&context, &payload)
    }
}
