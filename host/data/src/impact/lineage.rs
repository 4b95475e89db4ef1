//! What lies between two snapshots.

use std::collections::{BTreeSet, VecDeque};

use serde_json::{Value, json};
use steward_registry::{DatasetRef, DatasetSnapshot, Registry, RegistryError, TenantId};

use super::LossKind;
use crate::DataError;

/// How many snapshots are looked at on the way back.
const MAX_VISITED: usize = 200;

/// What lies between two snapshots.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Between {
    /// What a difference between both is called.
    pub kind: LossKind,
    /// What was done, the first first, as the lineage says it; none where it does not lead from one to the other.
    pub steps: Option<Vec<Value>>,
}

/// Goes back from one snapshot until the other is reached.
pub(super) async fn between(
    registry: &Registry,
    tenant: &TenantId,
    before: &DatasetSnapshot,
    after: &DatasetSnapshot,
) -> Result<Between, DataError> {
    let mut visited = BTreeSet::new();
    let mut waiting = VecDeque::from([(after.clone(), Vec::<Value>::new())]);
    while let Some((snapshot, done)) = waiting.pop_front() {
        if snapshot.reference() == before.reference() {
            return Ok(Between {
                kind: kind(&done),
                steps: Some(done),
            });
        }
        if visited.len() == MAX_VISITED || !visited.insert(snapshot.reference().to_string()) {
            continue;
        }
        let mut steps = of(&snapshot.lineage);
        steps.extend(done);
        for from in sources(&snapshot.lineage) {
            match registry.snapshot(tenant, &from).await {
                Ok(source) => waiting.push_back((source, steps.clone())),
                Err(RegistryError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(Between {
        kind: LossKind::Treatment,
        steps: None,
    })
}

/// The snapshots that a snapshot was made of. Only those that are named with their number: the newest is another by now.
fn sources(lineage: &Value) -> Vec<DatasetRef> {
    let names: Vec<&Value> = match &lineage["from"] {
        Value::Array(several) => several.iter().collect(),
        one => vec![one],
    };
    let parsed = names.iter().filter_map(|name| name.as_str()?.parse().ok());
    parsed
        .filter(|from: &DatasetRef| from.snapshot.is_some())
        .collect()
}

/// What made a snapshot, as steps with `uses` and `kind`.
fn of(lineage: &Value) -> Vec<Value> {
    if let Some(project) = lineage.pointer("/labelling/project") {
        return vec![json!({ "uses": project, "kind": "label" })];
    }
    match lineage["steps"].as_array() {
        Some(steps) if !steps.is_empty() => steps
            .iter()
            .map(|step| json!({ "uses": step["uses"], "kind": step["kind"], "digest": step["digest"] }))
            .collect(),
        // A run without steps can only leave rows out.
        _ if lineage["run"].is_string() => {
            vec![json!({ "uses": format!("run {}", lineage["run"].as_str().unwrap_or_default()), "kind": "clean" })]
        }
        _ => Vec::new(),
    }
}

/// What a difference over these steps is called.
fn kind(steps: &[Value]) -> LossKind {
    let any = |kind: &str| steps.iter().any(|step| step["kind"] == kind);
    match (any("clean"), any("anonymize")) {
        (true, false) => LossKind::Cleaning,
        (false, true) => LossKind::Privacy,
        _ => LossKind::Treatment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_say_what_a_difference_is_called() {
        let run = |kinds: &[&str]| {
            let steps: Vec<Value> = kinds
                .iter()
                .map(|kind| json!({ "uses": "x@1.0.0", "kind": kind, "digest": "sha256:0" }))
                .collect();
            kind(&of(&json!({ "from": "a@1", "run": "01X", "steps": steps })))
        };
        assert_eq!(run(&["clean"]), LossKind::Cleaning);
        assert_eq!(run(&[]), LossKind::Cleaning);
        assert_eq!(run(&["anonymize"]), LossKind::Privacy);
        assert_eq!(run(&["anonymize", "classify"]), LossKind::Privacy);
        assert_eq!(run(&["clean", "anonymize"]), LossKind::Treatment);
        assert_eq!(run(&["classify"]), LossKind::Treatment);
        assert_eq!(kind(&of(&json!({ "uploaded": true }))), LossKind::Treatment);
        let labelled = of(&json!({ "labelling": { "project": "intents" }, "from": ["a@1"] }));
        assert_eq!(labelled[0]["uses"], "intents");
    }

    #[test]
    fn sources_are_snapshots_with_their_number() {
        let named = |from: Value| {
            let found = sources(&json!({ "from": from }));
            found
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(named(json!("a@1")), "a@1");
        assert_eq!(named(json!(["a@1", "b@2", "c", 7])), "a@1 b@2");
        assert_eq!(named(Value::Null), "");
    }
}
