//! Bindings of the interfaces that the host offers, generated from `wit/`.

#![allow(missing_docs)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "steward:plugin/function-imports",
    imports: {
        default: trappable,
        "steward:inference/inference.open": async | trappable,
        "steward:inference/inference.[method]model.embed": async | trappable,
        "steward:inference/inference.[method]model.classify": async | trappable,
        "steward:inference/inference.[method]model.classify-tokens": async | trappable,
        "steward:inference/inference.[method]model.score-pairs": async | trappable,
        "steward:privacy/privacy.open": async | trappable,
        "steward:privacy/privacy.[method]dataset.budget": async | trappable,
        "steward:privacy/privacy.[method]dataset.ask": async | trappable,
        "steward:secrets/secrets.get": async | trappable,
        "steward:events/events.append": async | trappable,
        "steward:events/events.query": async | trappable,
    },
    with: {
        "steward:inference/inference.model": crate::inference::GuestModel,
        "steward:privacy/privacy.dataset": crate::privacy::GuestDataset,
        "steward:secrets/secrets.secret": crate::secrets::GuestSecret,
    },
    require_store_data_send: true,
});
