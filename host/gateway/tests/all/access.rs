//! Who may do what, for every operation of the OpenAPI document: a new route cannot be forgotten. The routes that are
//! not in the document are looked at in `protocols.rs`.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use steward_registry::{Action, NewKey, Role};

use crate::host::{Answer, Host, NAME, workflow};

/// Whoever may publish makes a dataset by its first rows.
const NEW: &str = "/api/v1/datasets/{name}";

/// Whoever may publish sets a secret of any name.
const SECRET: &str = "/api/v1/secrets/{name}";
/// Whoever may manage keys sets people of a team of any id.
const PERSON: &str = "/api/v1/team/people/{person}";
/// Likewise a check-in of any name.
const CHECK_IN: &str = "/api/v1/team/check-ins/{check_in}";
/// Whoever may publish sets a survey of any name.
const SURVEY: &str = "/api/v1/feedback/surveys/{name}";
/// A digest that nobody shares.
const NO_DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The only operations without a key.
const OPEN: [&str; 6] = [
    "/",
    "/console/{file}",
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
];

struct Operation {
    method: Method,
    path: String,
    /// The action that the security requirement names; none for any good key.
    action: Option<Action>,
    open: bool,
    statuses: Vec<String>,
}

impl Operation {
    /// Every operation of the document.
    fn all() -> Vec<Self> {
        let document = serde_json::to_value(steward_gateway::openapi()).unwrap();
        let mut all = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let Ok(method) = method.to_uppercase().parse::<Method>() else {
                    continue;
                };
                let Some(responses) = operation["responses"].as_object() else {
                    continue;
                };
                let security = operation.get("security");
                let action = security
                    .and_then(|s| s[0]["key"][0].as_str())
                    .map(|name| name.parse().unwrap_or_else(|e| panic!("{path}: {e}")));
                all.push(Self {
                    method,
                    path: path.clone(),
                    action,
                    open: security.is_none(),
                    statuses: responses.keys().cloned().collect(),
                });
            }
        }
        assert!(all.len() > 30, "the document is complete");
        all
    }

    fn secured() -> impl Iterator<Item = Self> {
        Self::all().into_iter().filter(|operation| !operation.open)
    }

    /// The path with this in place of every name.
    fn at(&self, name: &str, host: &Host) -> String {
        let makes = (self.method == Method::POST && self.path == NEW)
            || (self.method == Method::PUT
                && [SECRET, PERSON, CHECK_IN, SURVEY].contains(&self.path.as_str()));
        let name = if makes { "made" } else { name };
        let path = self
            .path
            .replace("{tenant}", "default")
            .replace("{selector}", "1.0.0");
        let id = if name == NAME {
            host.spare.as_str()
        } else {
            "01arz3ndektsv4rrffq69g5fav"
        };
        let path = path
            .replace("{alias}", "stable")
            .replace("{point}", "checks")
            .replace("{trigger}", "absent")
            .replace("{rest}", "clean")
            .replace("{kind}", "rejects")
            .replace("{document}", "manifest")
            .replace("{principal}", id)
            .replace("{digest}", NO_DIGEST)
            .replace("{name}/{version}", &format!("{name}/1.0.0"))
            .replace("{id}", id);
        let path = path.replace("{version}", "1").replace("{task}", "1");
        let path = path.replace("{other}", name);
        let parts = [
            "{name}",
            "{function}",
            "{model}",
            "{dataset}",
            "{project}",
            "{cycle}",
            "{person}",
            "{check_in}",
            "{process}",
            "{candidate}",
        ];
        let path = parts
            .iter()
            .fold(path, |path, part| path.replace(part, name));
        assert!(!path.contains('{'), "a parameter without a value: {path}");
        path
    }

    /// A body that would do something.
    fn body(&self) -> Option<Value> {
        if self.method != Method::PUT && self.method != Method::POST {
            return None;
        }
        if self.path == SECRET {
            return Some(json!({"value": "x"}));
        }
        if self.path == SURVEY {
            return Some(json!({"metric": "nps", "question": "x"}));
        }
        if self.path == "/api/v1/triggers/{name}" {
            return Some(json!({"function": NAME, "on": {"http": {"paths": ["/x"]}}}));
        }
        if self.path.starts_with("/api/v1/plugin-shares/") {
            return Some(json!({"with": ["*"]}));
        }
        if let Some(team) = self.path.strip_prefix("/api/v1/team/") {
            return Some(team_body(team));
        }
        if self.path == "/api/v1/workflows/{name}/runs" {
            return Some(json!({"order": 7}));
        }
        Some(match self.path.rsplit('/').next().unwrap() {
            "tenants" => json!({"name": "made"}),
            "workflows" => json!({"definition": workflow("made", "1.0.0")}),
            "{tenant}" => json!({"quotas": {"keys": 1000}}),
            "{alias}" => json!({"version": "1.0.0"}),
            "{name}" => json!({"plugin": NAME, "targets": [{"version": "1.0.0", "percent": 100}]}),
            "embed" | "classify" | "classify-tokens" => json!({"texts": ["x"]}),
            "score-pairs" => json!({"pairs": [["x", "y"]]}),
            "quantize" => json!({"to": "int8"}),
            "prune" => json!({"sparsity": 0.5}),
            "evaluations" => json!({"dataset": "x", "rows": [{"text": "x", "label": "y"}]}),
            "deployment" => json!({"stable": {"version": "1.0.0"}}),
            "{function}" | "{rest}" => json!({"batch": []}),
            "runs" => {
                json!({"output": "x", "steps": [NAME], "duplicates": {"near": {"similarity": 0.8}}})
            }
            "train" => json!({"base": "x", "dataset": NAME}),
            "impact" => json!({"after": [NAME], "evaluation": NAME, "model": "x"}),
            "{principal}" => json!({"unit": "x", "accounting": "pure", "epsilon": 1}),
            "{dataset}" => json!({"ask": {"kind": "count"}, "spend": {"epsilon": 1}}),
            "trusted-keys" => {
                json!({"name": "x", "key": "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
            }
            "plugin-policy" => json!({"plugins": "any"}),
            // Nobody gives what they do not have: no more than the action that the route needs.
            "keys" if self.action == Some(Action::ManageTenants) => {
                json!({"name": "x", "role": "platform", "scopes": ["manage-tenants"]})
            }
            "keys" => json!({"name": "x", "role": "operator", "scopes": ["manage-keys"]}),
            "weak" => json!({"functions": [NAME]}),
            "{point}" => json!({"steps": []}),
            "approve" => json!({"approved": true}),
            "predictions" => json!({"model": NAME}),
            "snapshots" => json!({"output": "x"}),
            "ask" => json!({"anonymizer": "x", "respondents": [{"id": "x"}]}),
            "feedback" => json!({"anonymizer": "x", "feedback": []}),
            "interviews" => json!({"anonymizer": "x", "note": "x"}),
            "analyses" => json!({"function": "x"}),
            "experiments" => {
                json!({"function": "x", "arms": [{"name": "x@1.0.0"}, {"name": "x@1.1.0"}]})
            }
            "funnels" => json!({"function": "x", "steps": ["x", "y"]}),
            "retentions" | "paths" => json!({"function": "x"}),
            "scores" => json!({"function": "x", "survey": "x", "metric": "nps"}),
            "annotations" | "adjudications" | "gold" => json!({"label": "x"}),
            "guidelines" => json!({"text": "x"}),
            "overlap" => json!({"overlap": 2}),
            _ => json!({}),
        })
    }

    fn request(&self, host: &Host, name: &str) -> RequestBuilder {
        let request = host.ask(self.method.clone(), &self.at(name, host));
        match self.body() {
            Some(body) => request.json(&body),
            None => request,
        }
    }

    /// A HEAD has no body to look at.
    #[track_caller]
    fn refused(&self, answer: Answer, status: u16, code: &str) -> Answer {
        if self.method == Method::HEAD {
            assert_eq!(answer.status, status, "{} {}", self.method, self.path);
            return answer;
        }
        assert!(
            self.statuses.contains(&status.to_string()),
            "{} {} does not say that it answers {status}",
            self.method,
            self.path
        );
        answer.problem(status, code)
    }
}

/// The function answers as it did, and no run of the workflow was started.
pub async fn nothing_was_changed(host: &Host) {
    assert_eq!(host.call(0).await.is(200), json!([]));
    let runs = host.operator(Method::GET, "/api/v1/runs");
    assert_eq!(Answer::of(runs).await.is(200), json!([]));
    let workflow = host.operator(Method::GET, &format!("/api/v1/workflows/{NAME}"));
    assert_eq!(Answer::of(workflow).await.is(200)["version"], "1.0.0");
}

/// A body of a route of teams.
fn team_body(path: &str) -> Value {
    let scale = json!({"lowest": 1, "highest": 5, "step": 1});
    let criteria = json!([{"name": "x", "weight": 1}]);
    match path.rsplit('/').next().unwrap() {
        "{person}" => json!({"name": "x", "team": "x"}),
        "{cycle}" => json!({"criteria": criteria, "scale": scale, "function": NAME}),
        "{process}" => {
            let stage = json!({"name": "x", "criteria": criteria, "scale": scale, "raters": 1});
            json!({"stages": [stage], "function": NAME})
        }
        "{check_in}" => json!({"who": {"people": ["x"]}, "questions": ["x"], "cron": "@daily"}),
        "answers" => json!({"answers": ["x"]}),
        "goals" => json!({"goals": []}),
        "input" => json!({"ratings": [{"criterion": "x", "value": 3}]}),
        "calibrations" => json!({"revision": 1, "after": 3, "reason": "x"}),
        "sign-off" if path.starts_with("processes") => json!({"decision": "x", "reason": "x"}),
        "sign-off" => json!({"revision": 1}),
        "scores" => {
            json!({"stage": "x", "scores": [{"criterion": "x", "value": 3, "evidence": "x"}]})
        }
        "flow" => json!({
            "types": "x.*", "since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z",
        }),
        "attendance" => json!({
            "team": "x", "types": "x.*", "begin": "2026-01-01T00:00:00Z", "every_days": 7,
        }),
        "delivery" => json!({
            "team": "x", "types": "x.*",
            "since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z",
        }),
        _ => json!({}),
    }
}

#[test]
fn only_the_known_routes_are_open() {
    let mut open: Vec<_> = Operation::all()
        .into_iter()
        .filter(|o| o.open)
        .map(|o| o.path)
        .collect();
    open.sort();
    let mut known = OPEN.map(str::to_owned).to_vec();
    // A signature stands in for the key.
    known.push("/hooks/{tenant}/{trigger}".to_owned());
    known.sort();
    assert_eq!(open, known);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_key_opens_nothing() {
    let host = Host::start().await;
    let good = &host.keys["operator"];
    let (id, secret) = good.rsplit_once('_').unwrap();
    let wrong_secret = format!("{id}_{}", "A".repeat(secret.len()));
    let unknown = format!("stw_01arz3ndektsv4rrffq69g5fav_{secret}");
    let long = format!("Bearer stw_{}", "x".repeat(4000));
    for operation in Operation::secured() {
        let answer = Answer::of(operation.request(&host, NAME)).await;
        let answer = operation.refused(answer, 401, "missing-key");
        assert!(
            answer.headers["www-authenticate"]
                .to_str()
                .unwrap()
                .starts_with("Bearer ")
        );

        for garbage in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer stw_",
            "Basic c3R3OnN0dw==",
            good,
            long.as_str(),
        ] {
            let request = operation
                .request(&host, NAME)
                .header("authorization", garbage);
            operation.refused(Answer::of(request).await, 401, "invalid-key");
        }
        for (key, code) in [
            (&wrong_secret, "invalid-key"),
            (&unknown, "invalid-key"),
            (&host.revoked, "revoked-key"),
            (&host.expired, "expired-key"),
        ] {
            let answer = Answer::of(operation.request(&host, NAME).bearer_auth(key)).await;
            let answer = operation.refused(answer, 401, code);
            assert!(
                answer.headers["www-authenticate"]
                    .to_str()
                    .unwrap()
                    .contains("invalid_token")
            );
        }
    }
    nothing_was_changed(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_opens_what_it_allows_and_nothing_else() {
    let host = Host::start().await;
    for operation in Operation::secured() {
        for role in Role::ALL {
            let allowed = operation.action.is_none_or(|action| role.allows(action));
            // Where it is allowed, of something that is not there.
            let name = if allowed { "absent" } else { NAME };
            let request = operation
                .request(&host, name)
                .bearer_auth(&host.keys[role.as_str()]);
            let answer = Answer::of(request).await;
            if allowed {
                assert!(
                    ![401, 403].contains(&answer.status),
                    "{role} {} {}: {answer:?}",
                    operation.method,
                    operation.path
                );
            } else {
                operation.refused(answer, 403, "forbidden");
            }
        }
    }
    nothing_was_changed(&host).await;
}

/// For each action a key whose scopes name it alone, and one whose scopes name everything but it; the host knows them.
pub async fn narrow_keys(host: &Host) -> Vec<(Action, String, String)> {
    let tenant = "default".parse().unwrap();
    let key = async |scopes: Vec<String>| {
        let mut new = NewKey::new("narrow", Role::Platform);
        new.scopes = scopes.try_into().unwrap();
        let made = host.registry.create_key_with(&tenant, new).await.unwrap();
        made.1.to_string()
    };
    let mut narrow = Vec::new();
    for action in Action::ALL {
        narrow.push((
            action,
            key(vec![action.as_str().to_owned()]).await,
            key(everything_else(action)).await,
        ));
    }
    // The one that was made last is the last to be known.
    host.seen(&narrow[narrow.len() - 1].2).await;
    narrow
}

/// Scopes that name everything but what the operation needs.
fn everything_else(action: Action) -> Vec<String> {
    let others = Action::ALL.into_iter().filter(|other| *other != action);
    let others = others.map(|other| other.as_str().to_owned());
    let calls = ["function=another".to_owned(), "model=another".to_owned()];
    others.chain(calls).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_opens_what_it_names_and_nothing_else() {
    let host = Host::start().await;
    let narrow = narrow_keys(&host).await;
    for operation in Operation::secured() {
        for (action, only, without) in &narrow {
            let needed = operation.action.is_none_or(|needed| needed == *action);
            let of_absent = operation.request(&host, "absent");
            let answer = Answer::of(of_absent.bearer_auth(only)).await;
            if needed {
                assert!(
                    ![401, 403].contains(&answer.status),
                    "{action:?} {} {}: {answer:?}",
                    operation.method,
                    operation.path
                );
            } else {
                operation.refused(answer, 403, "out-of-scope");
            }
            if operation.action == Some(*action) {
                let request = operation.request(&host, NAME).bearer_auth(without);
                operation.refused(Answer::of(request).await, 403, "out-of-scope");
            }
        }
    }
    nothing_was_changed(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_finds_nothing() {
    let host = Host::start().await;
    for operation in Operation::secured() {
        let answer = Answer::of(operation.request(&host, NAME).bearer_auth(&host.other)).await;
        if operation.path.starts_with("/f/") {
            operation.refused(answer, 403, "wrong-tenant");
        } else if operation.action == Some(Action::ManageTenants) {
            operation.refused(answer, 403, "forbidden");
        } else if operation.method == Method::POST && operation.path == NEW {
            // It makes one of this name in its own tenant.
            assert_eq!(answer.status, 201, "{answer:?}");
        } else if operation.method == Method::PUT && operation.path == SECRET {
            // It sets one of this name in its own tenant.
            assert_eq!(answer.status, 200, "{answer:?}");
        } else if operation.method == Method::PUT
            && [PERSON, CHECK_IN, SURVEY].contains(&operation.path.as_str())
        {
            // It sets one of this id in its own tenant.
            assert_eq!(answer.status, 200, "{answer:?}");
        } else if ["/tasks", "/weak"]
            .iter()
            .any(|end| operation.path.ends_with(end))
        {
            // The project is looked for first.
            assert_eq!(
                answer.status, 404,
                "{} {}: {answer:?}",
                operation.method, operation.path
            );
        } else if operation.path.contains('{') {
            // Not found, unless what was sent is no sense for any tenant: that is seen before anything is looked for.
            assert!(
                [400, 404, 422].contains(&answer.status),
                "{} {}: {answer:?}",
                operation.method,
                operation.path
            );
        } else {
            let text = answer.body.to_string();
            assert!(
                !text.contains(NAME) && !text.contains(&host.spare),
                "{} {}: {text}",
                operation.method,
                operation.path
            );
        }
    }
    nothing_was_changed(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_routes_answer_without_a_key() {
    let host = Host::start().await;
    for path in OPEN {
        let path = path.replace("{file}", "console.css");
        let answer = Answer::of(host.ask(Method::GET, &path)).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
}
