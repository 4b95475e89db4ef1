//! Bindings generated from the texts under `wit/`.

#![allow(missing_docs)]

pub mod keyvalue_draft {
    wasmtime::component::bindgen!({
        path: "wit/keyvalue-draft",
        world: "wasi:keyvalue/imports",
        imports: { default: async | trappable },
        with: { "wasi:keyvalue/store.bucket": crate::drafts::keyvalue::Bucket },
        require_store_data_send: true,
    });
}

pub mod keyvalue_draft2 {
    wasmtime::component::bindgen!({
        path: "wit/keyvalue-draft2",
        world: "wasi:keyvalue/imports",
        imports: { default: async | trappable },
        with: {
            "wasi:keyvalue/store.bucket": crate::drafts::keyvalue::Bucket,
            "wasi:keyvalue/atomics.cas": crate::drafts::keyvalue::Cas,
        },
        require_store_data_send: true,
    });
}

pub mod blobstore {
    wasmtime::component::bindgen!({
        path: "wit/blobstore",
        world: "wasi:blobstore/imports",
        imports: { default: async | trappable },
        with: {
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:blobstore/container.container": crate::drafts::blobstore::Container,
            "wasi:blobstore/container.stream-object-names": crate::drafts::blobstore::ObjectNames,
            "wasi:blobstore/types.incoming-value": crate::drafts::blobvalue::IncomingValue,
            "wasi:blobstore/types.outgoing-value": crate::drafts::blobvalue::OutgoingValue,
        },
        require_store_data_send: true,
    });
}

pub mod config_draft {
    wasmtime::component::bindgen!({
        path: "wit/config-draft",
        world: "wasi:config/imports",
        imports: { default: trappable },
        require_store_data_send: true,
    });
}

pub mod config_draft_2024_09_27 {
    wasmtime::component::bindgen!({
        path: "wit/config-draft-2024-09-27",
        world: "wasi:config/imports",
        imports: { default: trappable },
        require_store_data_send: true,
    });
}

pub mod config_rc1 {
    wasmtime::component::bindgen!({
        path: "wit/config-rc1",
        world: "wasi:config/imports",
        imports: { default: trappable },
        require_store_data_send: true,
    });
}

pub mod logging {
    wasmtime::component::bindgen!({
        path: "wit/logging",
        world: "wasi:logging/imports",
        imports: { default: trappable },
        require_store_data_send: true,
    });
}

pub mod nn {
    wasmtime::component::bindgen!({
        path: "wit/nn",
        world: "wasi:nn/ml",
        imports: { default: async | trappable },
        with: {
            "wasi:nn/tensor.tensor": crate::drafts::nn::GuestTensor,
            "wasi:nn/graph.graph": crate::drafts::nn::Graph,
            "wasi:nn/inference.graph-execution-context": crate::drafts::nn::Execution,
            "wasi:nn/errors.error": crate::drafts::nn::GuestError,
        },
        require_store_data_send: true,
    });
}
