//! Plugins of the kind `labeller`: they propose labels for batches of texts, and bring together what annotators said.

use std::marker::PhantomData;

use crate::bindings::labeller::exports::steward::labelling::labeller::Guest;
pub use crate::bindings::labeller::exports::steward::labelling::labeller::{
    Annotation, Known, LabellingFunction, Measure, Number, Verdict, Vote,
};
pub use crate::{Document, Error};

/// Proposes labels, and brings together what annotators said.
pub trait Labeller: Sized {
    /// Reads the configuration. Runs before every call: a call gets a fresh instance.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`], which [`config`](crate::config) returns by itself, where a value is wrong.
    fn new() -> Result<Self, Error>;

    /// The labelling functions, in the order of the votes; at least one, their names unique.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] where the configuration makes none.
    fn functions(&self) -> Result<Vec<LabellingFunction>, Error>;

    /// Asks every labelling function about every document. The answer has one list per document, in order, and each
    /// list one vote per labelling function, in order; none is an abstention.
    ///
    /// # Errors
    /// Where the batch as a whole cannot be treated.
    fn propose(&self, batch: Vec<Document>) -> Result<Vec<Vec<Option<Vote>>>, Error>;

    /// Decides every task that was annotated: one verdict per task. `labels` are all that there are, in the order that
    /// decides between equals; `known` tells how good annotators are.
    ///
    /// Unless a plugin writes its own, it decides nothing, and the host's methods are there.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for annotations that contradict the interface.
    fn aggregate(
        &self,
        annotations: Vec<Annotation>,
        labels: Vec<String>,
        known: Vec<Known>,
    ) -> Result<Vec<Verdict>, Error> {
        let _ = (annotations, labels, known);
        Err(none("aggregate"))
    }

    /// How far annotators agree. Unless a plugin writes its own, it measures nothing.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for annotations that contradict the interface.
    fn agreement(
        &self,
        annotations: Vec<Annotation>,
        labels: Vec<String>,
    ) -> Result<Vec<Measure>, Error> {
        let _ = (annotations, labels);
        Err(none("agreement"))
    }
}

fn none(export: &str) -> Error {
    Error::Other(format!(
        "this labeller has no `{export}` of its own; it proposes labels alone"
    ))
}

/// Exports a type that implements [`Labeller`](crate::labeller::Labeller) from the component. Once per plugin.
#[macro_export]
macro_rules! export_labeller {
    ($labeller:ty) => {
        // Natively there is nothing to export, and linkers refuse such names.
        #[cfg(target_family = "wasm")]
        const _: () = {
            type __StewardExported = $crate::labeller::Exported<$labeller>;
            $crate::bindings::labeller::export!(__StewardExported with_types_in $crate::bindings::labeller);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            const fn is_a_labeller<T: $crate::labeller::Labeller>() {}
            is_a_labeller::<$labeller>();
        };
    };
}

/// Stands between the exported functions and the trait.
#[doc(hidden)]
pub struct Exported<L>(PhantomData<L>);

impl<L: Labeller + 'static> Guest for Exported<L> {
    fn functions() -> Result<Vec<LabellingFunction>, Error> {
        crate::panic::log_panics();
        L::new()?.functions()
    }

    fn propose(batch: Vec<Document>) -> Result<Vec<Vec<Option<Vote>>>, Error> {
        crate::panic::log_panics();
        L::new()?.propose(batch)
    }

    fn aggregate(
        annotations: Vec<Annotation>,
        labels: Vec<String>,
        known: Vec<Known>,
    ) -> Result<Vec<Verdict>, Error> {
        crate::panic::log_panics();
        L::new()?.aggregate(annotations, labels, known)
    }

    fn agreement(annotations: Vec<Annotation>, labels: Vec<String>) -> Result<Vec<Measure>, Error> {
        crate::panic::log_panics();
        L::new()?.agreement(annotations, labels)
    }
}
