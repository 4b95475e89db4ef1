//! Plugins of the kind `anonymizer`: they find personal data in batches of texts and take it out.

mod treatment;

use std::marker::PhantomData;

use crate::bindings::anonymizer::exports::steward::anonymization::anonymizer::Guest;
pub use crate::bindings::anonymizer::exports::steward::anonymization::anonymizer::{
    Anonymized, Finding, Mask, Operator, Policy, Replacement, Rule,
};
pub use crate::{Document, Error, Span};
pub use treatment::{HashKey, treat, treat_with, without_overlaps};

/// Finds personal data and takes it out.
pub trait Anonymizer: Sized {
    /// Reads the configuration. Runs before every call: a call gets a fresh instance.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`], which [`config`](crate::config) returns by itself, where a value is wrong.
    fn new() -> Result<Self, Error>;

    /// Finds personal data: of the entities that are named; none: of those that the plugin looks for unless it is told
    /// otherwise. The answer has one list per document, in order; the findings of a document are sorted by start and do
    /// not overlap.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for an entity that the plugin does not know.
    fn detect(
        &self,
        batch: Vec<Document>,
        entities: Option<Vec<String>>,
    ) -> Result<Vec<Vec<Finding>>, Error>;

    /// Treats a batch under a policy; none: the policy of the configuration. The answer has one
    /// text per document, in order.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a policy that cannot be carried out.
    fn anonymize(
        &self,
        batch: Vec<Document>,
        policy: Option<Policy>,
    ) -> Result<Vec<Anonymized>, Error>;
}

/// Exports a type that implements [`Anonymizer`](crate::anonymizer::Anonymizer) from the component. Once per plugin.
#[macro_export]
macro_rules! export_anonymizer {
    ($anonymizer:ty) => {
        // Natively there is nothing to export, and linkers refuse such names.
        #[cfg(target_family = "wasm")]
        const _: () = {
            type __StewardExported = $crate::anonymizer::Exported<$anonymizer>;
            $crate::bindings::anonymizer::export!(__StewardExported with_types_in $crate::bindings::anonymizer);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            const fn is_a_anonymizer<T: $crate::anonymizer::Anonymizer>() {}
            is_a_anonymizer::<$anonymizer>();
        };
    };
}

/// Stands between the exported functions and the trait.
#[doc(hidden)]
pub struct Exported<A>(PhantomData<A>);

impl<A: Anonymizer + 'static> Guest for Exported<A> {
    fn detect(
        batch: Vec<Document>,
        entities: Option<Vec<String>>,
    ) -> Result<Vec<Vec<Finding>>, Error> {
        crate::panic::log_panics();
        A::new()?.detect(batch, entities)
    }

    fn anonymize(batch: Vec<Document>, policy: Option<Policy>) -> Result<Vec<Anonymized>, Error> {
        crate::panic::log_panics();
        A::new()?.anonymize(batch, policy)
    }
}
