//! What a plugin asks for, in plain words.

use serde_json::Value;
use steward_registry::words::{Abilities, Asked, Changes};
use steward_registry::{Permission, Permissions};

/// One line for each thing that a deployment must grant, with the option that grants it; empty where nothing is asked for.
pub fn told(requests: &Permissions) -> String {
    let line = |p: Permission| format!("{} ({})", p.in_words().en, p.grant_option());
    requests.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The same of a manifest as a server shows it; nothing of one that this command cannot read.
pub fn told_of(manifest: &Value) -> String {
    let requests = serde_json::from_value(manifest["requests"].clone());
    requests.as_ref().map(told).unwrap_or_default()
}

/// What the plugin cannot do, by the `permissions` of an answer: first what no grant can change.
pub fn cannot(permissions: &Value) -> String {
    let Ok(abilities) = serde_json::from_value::<Abilities>(permissions.clone()) else {
        return String::new();
    };
    let of = |never: bool| {
        let words = abilities
            .cannot
            .iter()
            .filter(|cannot| cannot.never == never);
        words
            .map(|cannot| cannot.words.en.clone())
            .collect::<Vec<_>>()
    };
    let mut lines = Vec::new();
    for line in of(true) {
        lines.push(format!("{line}, whatever is granted"));
    }
    for line in of(false) {
        lines.push(format!("{line}: it does not ask for it"));
    }
    lines.join("\n")
}

/// What is new since the version before, by the `permissions` of an answer; empty where there is none.
pub fn changed(permissions: &Value) -> String {
    let Ok(changes) = serde_json::from_value::<Changes>(permissions["changes"].clone()) else {
        return String::new();
    };
    let line = |sign: char, asked: &Asked| format!("{sign} {} ({})", asked.words.en, asked.grant);
    let added = changes.added.iter().map(|asked| line('+', asked));
    let removed = changes.removed.iter().map(|asked| line('-', asked));
    let lines: Vec<String> = added.chain(removed).collect();
    match lines.is_empty() {
        true => format!("asks for nothing else than {}", changes.since),
        false => format!("since {}:\n{}", changes.since, lines.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_plugin_cannot_do_and_what_is_new_is_said() {
        let permissions = json!({
            "asks": [],
            "cannot": [
                { "en": "read a secret", "zh": "读取机密", "never": false },
                { "en": "use a model", "zh": "使用模型", "never": true },
            ],
            "changes": {
                "since": "1.0.0",
                "added": [{ "kind": "secrets", "name": "a", "grant": "--grant secrets=a", "en": "read the secret a", "zh": "" }],
                "removed": [],
            },
        });
        assert_eq!(
            cannot(&permissions),
            "use a model, whatever is granted\nread a secret: it does not ask for it"
        );
        assert_eq!(
            changed(&permissions),
            "since 1.0.0:\n+ read the secret a (--grant secrets=a)"
        );
        assert_eq!(
            (cannot(&json!(7)), changed(&json!({}))),
            (String::new(), String::new())
        );
    }

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
