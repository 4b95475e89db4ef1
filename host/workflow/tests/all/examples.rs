//! The examples of the specification: each is a definition here, or is refused by the name of what is not supported.

use steward_workflow::Workflow;

/// What the refused ones are refused for, by what their files are named; the others are accepted.
const REFUSED: [(&str, &[&str]); 10] = [
    ("authentication-oauth2", &["oauth2"]),
    ("authentication-oidc", &["oidc"]),
    ("call-asyncapi", &["asyncapi"]),
    ("call-custom-function-cataloged", &["catalogs"]),
    ("call-grpc", &["grpc"]),
    ("call-mcp", &["mcp"]),
    ("mock-service-extension", &["use.extensions"]),
    ("run-container", &["container"]),
    ("run-return", &["container"]),
    ("run-s", &["script", "shell", "workflow"]),
];

#[test]
fn every_example_is_accepted_or_refused_by_name() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/specification/examples");
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    let mut wrong = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let words = REFUSED
            .iter()
            .find(|(prefix, _)| name.starts_with(prefix) && name != "run-subflow")
            .map(|(_, words)| *words);
        match (
            Workflow::parse(&std::fs::read_to_string(&file).unwrap()),
            words,
        ) {
            (Ok(workflow), None) => {
                // What is kept of a definition is a definition, and the same.
                let again = Workflow::parse(&workflow.source().to_string()).unwrap();
                assert_eq!(again.digest(), workflow.digest());
                accepted.push(name);
            }
            (Err(problems), Some(words)) => {
                let named = |reason: &str| {
                    reason.contains("not supported")
                        && words.iter().any(|word| reason.contains(word))
                };
                if !problems
                    .0
                    .iter()
                    .all(|p| named(&p.reason) && !p.pointer.is_empty())
                {
                    wrong.push(format!("{name}: {problems}"));
                }
                refused.push(name);
            }
            (Ok(_), Some(_)) => wrong.push(format!("{name} is accepted")),
            (Err(problems), None) => wrong.push(format!("{name}: {problems}")),
        }
    }
    println!(
        "{} accepted, {} refused by name",
        accepted.len(),
        refused.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(accepted.len() + refused.len(), 66);
}
