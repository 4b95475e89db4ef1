//! What `wit-bindgen` makes of the contract. Plugins use the modules above it.
//!
//! The shared imports are generated once and the worlds refer to them, so that a `Document` is
//! the same type everywhere. An import that a plugin never calls does not appear in its component.
#![allow(missing_docs, clippy::all)]

/// Everything a plugin of any kind may import of Steward.
pub mod imports {
    wit_bindgen::generate!({ path: "wit", world: "function-imports", generate_all });
}

/// The exports of the world `cleaner`.
pub mod cleaner {
    wit_bindgen::generate!({
        path: "wit",
        world: "cleaner",
        with: {
            "steward:types/types@0.1.0": crate::bindings::imports::steward::types::types,
            "steward:log/log@0.1.0": crate::bindings::imports::steward::log::log,
            "steward:config/config@0.1.0": crate::bindings::imports::steward::config::config,
            "steward:cleaning/cleaner@0.1.0": generate,
        },
        pub_export_macro: true,
        default_bindings_module: "steward_sdk::bindings::cleaner",
    });
}

/// The exports of the world `anonymizer`.
pub mod anonymizer {
    wit_bindgen::generate!({
        path: "wit",
        world: "anonymizer",
        with: {
            "steward:types/types@0.1.0": crate::bindings::imports::steward::types::types,
            "steward:log/log@0.1.0": crate::bindings::imports::steward::log::log,
            "steward:config/config@0.1.0": crate::bindings::imports::steward::config::config,
            "steward:inference/inference@0.1.0": crate::bindings::imports::steward::inference::inference,
            "steward:anonymization/anonymizer@0.1.0": generate,
        },
        pub_export_macro: true,
        default_bindings_module: "steward_sdk::bindings::anonymizer",
    });
}

/// The exports of the world `labeller`.
pub mod labeller {
    wit_bindgen::generate!({
        path: "wit",
        world: "labeller",
        with: {
            "steward:types/types@0.1.0": crate::bindings::imports::steward::types::types,
            "steward:log/log@0.1.0": crate::bindings::imports::steward::log::log,
            "steward:config/config@0.1.0": crate::bindings::imports::steward::config::config,
            "steward:inference/inference@0.1.0": crate::bindings::imports::steward::inference::inference,
            "steward:labelling/labeller@0.1.0": generate,
        },
        pub_export_macro: true,
        default_bindings_module: "steward_sdk::bindings::labeller",
    });
}

/// The exports of the world `step`.
#[cfg(any(not(target_family = "wasm"), target_os = "wasi"))]
pub mod step {
    wit_bindgen::generate!({
        path: "wit",
        world: "step",
        with: {
            "steward:types/types@0.1.0": crate::bindings::imports::steward::types::types,
            "steward:log/log@0.1.0": crate::bindings::imports::steward::log::log,
            "steward:config/config@0.1.0": crate::bindings::imports::steward::config::config,
            "steward:inference/inference@0.1.0": crate::bindings::imports::steward::inference::inference,
            "steward:privacy/privacy@0.1.0": crate::bindings::imports::steward::privacy::privacy,
            "steward:secrets/secrets@0.1.0": crate::bindings::imports::steward::secrets::secrets,
            "steward:events/events@0.1.0": crate::bindings::imports::steward::events::events,
            "steward:workflow/step@0.1.0": generate,
        },
        pub_export_macro: true,
        default_bindings_module: "steward_sdk::bindings::step",
    });
}
