//! Conformance: features in Gherkin, as the specification has them, run against the machine. What they call is answered by
//! a stand-in, as the services that they name answered when they were written.
//!
//! The features of `tests/features` are our own, those of `tests/specification/features` are the specification's. Further
//! ones run where `STEWARD_FIXTURES` names a folder that has them as `serverless-workflow/ctk/features`.

use serde_json::{Value, json};
use steward_workflow::{
    Authentication, Call, Error, ErrorKind, HttpCall, Run, Status, Workflow, http, openapi,
};

use crate::common::{begun, drive, facts};
use crate::gherkin::{Scenario, scenarios};

/// What the pet store, and whatever looks like it, answers.
fn answer(call: &Call) -> Result<Value, Error> {
    match call {
        Call::Http(call) => respond(call),
        Call::OpenApi(call) => respond(&openapi::resolve(call, &document())?),
        other => Err(Error::new(
            ErrorKind::Configuration,
            format!("the stand-in knows no {other:?}"),
        )),
    }
}

fn document() -> Value {
    json!({
        "swagger": "2.0", "host": "petstore.swagger.io", "basePath": "/v2", "schemes": ["https", "http"],
        "paths": {
            "/pet/findByStatus": {"get": {"operationId": "findPetsByStatus", "parameters": [{"name": "status", "in": "query", "required": true}]}},
            "/pet/{petId}": {"get": {"operationId": "getPetById", "parameters": [{"name": "petId", "in": "path", "required": true}]}},
        },
    })
}

fn respond(call: &HttpCall) -> Result<Value, Error> {
    let uri = call.full_uri();
    let path = uri.split_once("://").map_or("", |(_, rest)| {
        rest.split_once('/').map_or("", |(_, path)| path)
    });
    let pet = |id: u64| json!({"id": id, "name": "doggie", "status": "available", "photoUrls": []});
    let (status, body) = match path.split('?').next().unwrap_or_default() {
        "v2/pet/findByStatus" => (200, json!([pet(1), pet(2)])),
        path if path.starts_with("v2/pet/") => match path["v2/pet/".len()..].parse() {
            Ok(id) => (200, pet(id)),
            Err(_) => (
                404,
                json!({"code": 1, "type": "error", "message": "Pet not found"}),
            ),
        },
        path if path.starts_with("basic-auth/") => {
            let mut parts = path.split('/').skip(1).map(str::to_owned);
            let wanted = Authentication::Basic {
                username: parts.next().unwrap_or_default(),
                password: parts.next().unwrap_or_default(),
            };
            if call.authentication.as_ref() == Some(&wanted) {
                (200, json!({"authenticated": true}))
            } else {
                (401, Value::Null)
            }
        }
        _ => (404, Value::Null),
    };
    let headers = [("Content-Type".to_owned(), "application/json".to_owned())];
    let body = body.to_string().into_bytes();
    let answer = http::Answer {
        status,
        headers: &headers,
        body: &body,
    };
    http::output(call, &answer)
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, key| value.get(key))
}

fn quoted(text: &str) -> Vec<&str> {
    text.split('\'').skip(1).step_by(2).collect()
}

/// Runs a scenario; what does not hold is the error.
fn check(scenario: &Scenario) -> Result<(), String> {
    let (mut definition, mut input) = (None, Value::Null);
    let (mut status, mut order) = (None, Vec::new());
    for step in &scenario.steps {
        let document = step.document.as_deref().unwrap_or_default();
        let text = step.text.trim_end_matches(':');
        let output = |status: &Option<Status>| match status {
            Some(Status::Completed { output }) => Ok(output.clone()),
            other => Err(format!("the workflow did not complete: {other:?}")),
        };
        let has = |holds: bool| {
            if holds {
                Ok(())
            } else {
                Err(format!("{}: {status:?}", step.text))
            }
        };
        match text {
            "a workflow with definition" => {
                definition = Some(Workflow::parse(document).map_err(|p| p.to_string())?)
            }
            "the workflow input is" => input = yaml(document),
            "the workflow is executed" => {
                let workflow = definition.clone().ok_or("no definition")?;
                let (mut run, first) = Run::start(workflow, input.clone(), facts());
                let (_, moments) = drive(&mut run, first, &mut answer);
                order = begun(&moments);
                status = Some(run.status());
            }
            "the workflow should complete" => drop(output(&status)?),
            "the workflow should complete with output" => has(output(&status)? == yaml(document))?,
            "the workflow should fault" => has(matches!(status, Some(Status::Faulted { .. })))?,
            "the workflow should fault with error" => match &status {
                Some(Status::Faulted { error }) => {
                    let error = serde_json::to_value(error).unwrap();
                    let wanted = yaml(document);
                    has(wanted
                        .as_object()
                        .unwrap()
                        .iter()
                        .all(|(key, value)| error.get(key) == Some(value)))?;
                }
                other => return Err(format!("the workflow did not fault: {other:?}")),
            },
            text if text.starts_with("the workflow output should have properties") => {
                let output = output(&status)?;
                has(quoted(text).iter().all(|path| at(&output, path).is_some()))?;
            }
            text if text.starts_with("the workflow output should have a '")
                && text.ends_with(" items") =>
            {
                let count: usize = text
                    .rsplit(' ')
                    .nth(1)
                    .and_then(|n| n.parse().ok())
                    .ok_or("no number")?;
                let output = output(&status)?;
                has(at(&output, quoted(text)[0])
                    .and_then(Value::as_array)
                    .map(Vec::len)
                    == Some(count))?;
            }
            text if text.starts_with("the workflow output should have a '")
                && text.ends_with("with value") =>
            {
                let output = output(&status)?;
                has(at(&output, quoted(text)[0]) == Some(&yaml(document)))?;
            }
            text if text.ends_with(" should run first") => {
                has(order.first().map(String::as_str) == text.split(' ').next())?
            }
            text if text.ends_with(" should run last") => {
                has(order.last().map(String::as_str) == text.split(' ').next())?
            }
            unknown => return Err(format!("the step `{unknown}` is not known")),
        }
    }
    Ok(())
}

fn run_all(folder: &std::path::Path) -> (usize, Vec<String>) {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "feature"));
    files.sort();
    let (mut count, mut wrong) = (0, Vec::new());
    for file in files {
        let all = scenarios(&std::fs::read_to_string(&file).unwrap());
        assert!(!all.is_empty(), "{} has no scenario", file.display());
        for scenario in all {
            count += 1;
            if let Err(reason) = check(&scenario) {
                wrong.push(format!("{}: {}: {reason}", file.display(), scenario.name));
            }
        }
    }
    (count, wrong)
}

#[test]
fn our_own_features_hold() {
    let (count, wrong) =
        run_all(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/features"));
    assert!(
        count >= 10 && wrong.is_empty(),
        "{count} scenarios, {wrong:#?}"
    );
}

#[test]
fn a_scenario_that_does_not_hold_says_so() {
    let feature = "Scenario: wrong\n Given a workflow with definition:\n \"\"\"\n document: { dsl: 1.0.3, namespace: test, name: test, version: 1.0.0 }\n do: [ { a: { set: { x: 1 } } } ]\n \"\"\"\n When the workflow is executed\n Then the workflow should complete with output:\n \"\"\"\n x: 2\n \"\"\"\n";
    assert!(check(&scenarios(feature)[0]).is_err());
}

#[test]
fn the_features_of_the_specification_hold() {
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![(own.join("tests/specification/features"), 13)];
    if let Some(fixtures) = std::env::var_os("STEWARD_FIXTURES") {
        let more = std::path::Path::new(&fixtures).join("serverless-workflow/ctk/features");
        folders.push((more, 1));
    }
    for (folder, least) in folders {
        let (count, wrong) = run_all(&folder);
        println!("{count} scenarios of {}", folder.display());
        assert!(
            count >= least && wrong.is_empty(),
            "{count} scenarios, {wrong:#?}"
        );
    }
}
