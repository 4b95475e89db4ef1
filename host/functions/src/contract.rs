//! The typed worlds, generated from `wit/`: what the batch access of jobs speaks.
#![allow(missing_docs)]

/// The bindings of one world. Each imports the types, the log and the configuration; the others of its interfaces are named,
/// and all of them are those that the host has implemented already.
macro_rules! world {
    ($(#[$about:meta])* $module:ident: $world:tt $(, $interface:tt is $name:ident)*) => {
        $(#[$about])*
        pub mod $module {
            wasmtime::component::bindgen!({
                path: "../../wit",
                world: $world,
                exports: { default: async },
                with: {
                    "steward:types/types": steward_capabilities::steward::types::types,
                    "steward:log/log": steward_capabilities::steward::log::log,
                    "steward:config/config": steward_capabilities::steward::config::config,
                    $($interface: steward_capabilities::steward::$name::$name,)*
                },
                require_store_data_send: true,
            });
        }
    };
}

world! {
    /// World `cleaner`.
    cleaner: "steward:plugin/cleaner"
}

world! {
    /// World `anonymizer`.
    anonymizer: "steward:plugin/anonymizer",
    "steward:inference/inference" is inference
}

world! {
    /// World `labeller`.
    labeller: "steward:plugin/labeller",
    "steward:inference/inference" is inference
}

world! {
    /// World `team`.
    team: "steward:plugin/team",
    "steward:inference/inference" is inference,
    "steward:events/events" is events
}

world! {
    /// World `feedback`.
    feedback: "steward:plugin/feedback",
    "steward:inference/inference" is inference,
    "steward:events/events" is events,
    "steward:privacy/privacy" is privacy
}

world! {
    /// World `step`: its exports alone, compared with a component's when it is published.
    step: "steward:plugin/step",
    "steward:inference/inference" is inference,
    "steward:privacy/privacy" is privacy,
    "steward:secrets/secrets" is secrets,
    "steward:events/events" is events
}

pub use anonymizer::exports::steward::anonymization::anonymizer::{
    Anonymized, Finding, Mask, Operator, Policy, Replacement, Rule,
};
pub use cleaner::exports::steward::cleaning::cleaner::{
    Change, Cleaned, Outcome, Reason, Signature,
};
pub use labeller::exports::steward::labelling::labeller::{
    Annotation, Known, LabellingFunction, Verdict, Vote,
};
pub use steward_capabilities::steward::types::types::{Document, Error, LabelScore, Span};
