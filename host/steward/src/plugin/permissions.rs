//! What a plugin asks for, in plain words.

use serde_json::Value;
use steward_registry::{Permission, Permissions};

/// What one permission lets a plugin do.
fn in_words(permission: &Permission) -> String {
    match permission {
        Permission::Inference(model) => format!("use the model {model}"),
        Permission::Privacy(dataset) => format!(
            "ask about the dataset {dataset}: answers with noise, never rows, as far as the function's own budget goes"
        ),
        Permission::Http(origin) if origin.is_wildcard() => {
            format!("send requests to {origin}, which is every host below that name")
        }
        Permission::Http(origin) => format!("send requests to {origin}"),
        Permission::Secrets(secret) => format!("read the secret {secret}"),
        Permission::Keyvalue(bucket) => format!("read and write the keys of the bucket {bucket}"),
        Permission::Blobstore(container) => {
            format!("read and write the objects of the container {container}")
        }
        Permission::AppendEvents(types) => format!("append events of the type {types}"),
        Permission::ReadEvents(types) => format!("read events of the type {types}"),
    }
}

/// One line for each thing that a deployment must grant, with the option that grants it; empty where nothing is asked for.
pub fn told(requests: &Permissions) -> String {
    let line = |p: Permission| format!("{} ({})", in_words(&p), p.grant_option());
    requests.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The same of a manifest as a server shows it; nothing of one that this command cannot read.
pub fn told_of(manifest: &Value) -> String {
    let requests = serde_json::from_value(manifest["requests"].clone());
    requests.as_ref().map(told).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_request_is_a_line_with_the_option_that_grants_it() {
        let manifest = json!({ "requests": { "inference": ["minilm"], "privacy": ["orders"] } });
        assert_eq!(
            told_of(&manifest),
            "use the model minilm (--grant inference=minilm)\n\
             ask about the dataset orders: answers with noise, never rows, as far as the function's own budget goes \
             (--grant privacy=orders)"
        );
        for nothing in [
            json!({}),
            json!({ "requests": {} }),
            json!({ "requests": 7 }),
        ] {
            assert_eq!(told_of(&nothing), "");
        }
    }
}
