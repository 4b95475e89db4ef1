//! The typed worlds, generated from `wit/`: what the batch access of jobs speaks.
#![allow(missing_docs)]

/// World `cleaner`.
pub mod cleaner {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "steward:plugin/cleaner",
        exports: { default: async },
        with: {
            "steward:types/types": steward_capabilities::steward::types::types,
            "steward:log/log": steward_capabilities::steward::log::log,
            "steward:config/config": steward_capabilities::steward::config::config,
        },
        require_store_data_send: true,
    });
}

/// World `anonymizer`.
pub mod anonymizer {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "steward:plugin/anonymizer",
        exports: { default: async },
        with: {
            "steward:types/types": steward_capabilities::steward::types::types,
            "steward:log/log": steward_capabilities::steward::log::log,
            "steward:config/config": steward_capabilities::steward::config::config,
            "steward:inference/inference": steward_capabilities::steward::inference::inference,
        },
        require_store_data_send: true,
    });
}

/// World `labeller`.
pub mod labeller {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "steward:plugin/labeller",
        exports: { default: async },
        with: {
            "steward:types/types": steward_capabilities::steward::types::types,
            "steward:log/log": steward_capabilities::steward::log::log,
            "steward:config/config": steward_capabilities::steward::config::config,
            "steward:inference/inference": steward_capabilities::steward::inference::inference,
        },
        require_store_data_send: true,
    });
}

/// World `step`: its exports alone, compared with a component's when it is published.
pub mod step {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "steward:plugin/step",
        exports: { default: async },
        with: {
            "steward:types/types": steward_capabilities::steward::types::types,
            "steward:log/log": steward_capabilities::steward::log::log,
            "steward:config/config": steward_capabilities::steward::config::config,
            "steward:inference/inference": steward_capabilities::steward::inference::inference,
            "steward:privacy/privacy": steward_capabilities::steward::privacy::privacy,
            "steward:secrets/secrets": steward_capabilities::steward::secrets::secrets,
            "steward:events/events": steward_capabilities::steward::events::events,
        },
        require_store_data_send: true,
    });
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
