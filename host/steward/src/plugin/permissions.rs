//! What a plugin asks for, in plain words.

use serde_json::Value;
use steward_registry::manifest::Requests;

/// One line for each thing that a deployment must grant, with the option that grants it; empty where nothing is asked for.
pub fn told(requests: &Requests) -> String {
    let models = requests
        .inference
        .iter()
        .map(|model| format!("use the model {model} (--grant inference={model})"));
    let datasets = requests.privacy.iter().map(|dataset| {
        format!(
            "ask about the dataset {dataset}: answers with noise, never rows, as far as the function's own budget goes \
             (--grant privacy={dataset})"
        )
    });
    models.chain(datasets).collect::<Vec<_>>().join("\n")
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
