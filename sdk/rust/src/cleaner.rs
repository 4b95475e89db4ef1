//! Plugins of the kind `cleaner`: they clean and fingerprint batches of texts.

use std::marker::PhantomData;

use crate::bindings::cleaner::exports::steward::cleaning::cleaner::Guest;
pub use crate::bindings::cleaner::exports::steward::cleaning::cleaner::{
    Change, Cleaned, Outcome, Reason, Signature,
};
pub use crate::{Document, Error};

/// Cleans texts and finds duplicates.
pub trait Cleaner: Sized {
    /// Reads the configuration. Runs before every call: a call gets a fresh instance.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`], which [`config`](crate::config) returns by itself, where a value is wrong.
    fn new() -> Result<Self, Error>;

    /// Cleans a batch. The answer has one outcome per document, in order.
    ///
    /// # Errors
    /// Where the batch as a whole cannot be treated. A single bad text is an [`Outcome`].
    fn clean(&self, batch: Vec<Document>) -> Result<Vec<Outcome>, Error>;

    /// Fingerprints a batch, so that the host can find duplicates across batches.
    /// The answer has one signature per document, in order.
    ///
    /// Unless a plugin writes its own, it has none, and texts are the same where they are written the same.
    ///
    /// # Errors
    /// Where the batch as a whole cannot be treated.
    fn fingerprint(&self, batch: Vec<Document>) -> Result<Vec<Signature>, Error> {
        let none = |_| Signature {
            exact: String::new(),
            minhash: Vec::new(),
        };
        Ok(batch.into_iter().map(none).collect())
    }
}

/// Exports a type that implements [`Cleaner`](crate::cleaner::Cleaner) from the component. Once per plugin.
#[macro_export]
macro_rules! export_cleaner {
    ($cleaner:ty) => {
        // Natively there is nothing to export, and linkers refuse such names.
        #[cfg(target_family = "wasm")]
        const _: () = {
            type __StewardExported = $crate::cleaner::Exported<$cleaner>;
            $crate::bindings::cleaner::export!(__StewardExported with_types_in $crate::bindings::cleaner);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            const fn is_a_cleaner<T: $crate::cleaner::Cleaner>() {}
            is_a_cleaner::<$cleaner>();
        };
    };
}

/// Stands between the exported functions and the trait.
#[doc(hidden)]
pub struct Exported<C>(PhantomData<C>);

impl<C: Cleaner + 'static> Guest for Exported<C> {
    fn clean(batch: Vec<Document>) -> Result<Vec<Outcome>, Error> {
        crate::panic::log_panics();
        C::new()?.clean(batch)
    }

    fn fingerprint(batch: Vec<Document>) -> Result<Vec<Signature>, Error> {
        crate::panic::log_panics();
        C::new()?.fingerprint(batch)
    }
}
