//! Who may do what, for every route of the protocols of other model servers: a new route cannot be forgotten.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use steward_protocols::{Route, routes};
use steward_registry::{Action, Role};

use crate::access::{narrow_keys, nothing_was_changed};
use crate::host::{Host, NAME};

/// A model that is in no tenant. Its name is as long as the other's, so that two answers can be compared byte by byte.
const ABSENT: &str = "gone";

const GRPC: &str = "/inference.GRPCInferenceService/";

/// Codes of gRPC.
const NOT_FOUND: &str = "5";
const PERMISSION_DENIED: &str = "7";
const UNAUTHENTICATED: &str = "16";

/// The routes that ask for a caller.
fn secured() -> Vec<Route> {
    let all = routes();
    assert!(all.len() > 30, "the list is complete: {}", all.len());
    all.into_iter().filter(|route| !route.open).collect()
}

/// The method of gRPC; none for a route of HTTP.
fn rpc(route: &Route) -> Option<&str> {
    route.path.strip_prefix(GRPC)
}

/// What a caller must be allowed, all of it. A route that nobody has thought about is a failure.
fn needs(route: &Route) -> &'static [Action] {
    use Action::{Invoke, Publish, Read};
    if let Some(method) = rpc(route) {
        return match method {
            "RepositoryIndex" => &[Read],
            "ModelStatistics" => &[Read, Invoke],
            "RepositoryModelLoad" => &[Publish, Invoke],
            "RepositoryModelUnload" => &[Publish],
            "ModelReady" | "ModelMetadata" | "ModelInfer" | "ModelStreamInfer" | "ModelConfig" => {
                &[Invoke]
            }
            other => panic!("who may do `{other}`?"),
        };
    }
    let path = route.path.replace("/versions/{version}", "");
    match path.as_str() {
        "/v1/models" | "/v1/models/{model}" | "/v2/models/stats" | "/v2/repository/index" => {
            &[Read]
        }
        "/v2/models/{model}/stats" => &[Read, Invoke],
        "/v2/repository/models/{model}/load" => &[Publish, Invoke],
        "/v2/repository/models/{model}/unload" => &[Publish],
        "/v1/embeddings"
        | "/v2/models/{model}"
        | "/v2/models/{model}/ready"
        | "/v2/models/{model}/config"
        | "/v2/models/{model}/infer"
        | "/v2/models/{model}/tokenize"
        | "/v2/models/{model}/decode" => &[Invoke],
        other => panic!("who may do `{other}`?"),
    }
}

/// Whether the route is about one model, whose name is in its path or its body.
fn names_a_model(route: &Route) -> bool {
    let lists = [
        "/v1/models",
        "/v2/models/stats",
        "/v2/repository/index",
        "/inference.GRPCInferenceService/RepositoryIndex",
    ];
    !lists.contains(&route.path.as_str())
}

/// A request that would do something with the model of this name.
fn request(host: &Host, route: &Route, model: &str) -> RequestBuilder {
    if let Some(method) = rpc(route) {
        let asked = host.ask(Method::POST, &route.path);
        return asked
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(message(method, model));
    }
    let path = route.path.replace("{version}", "1.0.0");
    let asked = host.ask(route.method.clone(), &path.replace("{model}", model));
    if route.method == Method::GET {
        return asked;
    }
    asked.json(&body(route, model))
}

/// A message of gRPC, in its frame: the name of a model is the first field, or the second one behind that of the
/// repository.
fn message(method: &str, model: &str) -> Vec<u8> {
    let field = match method {
        "ServerLive" | "ServerReady" | "ServerMetadata" | "RepositoryIndex" => None,
        "RepositoryModelLoad" | "RepositoryModelUnload" => Some(2u8),
        _ => Some(1),
    };
    let content = field.map_or_else(Vec::new, |field| {
        let length = u8::try_from(model.len()).unwrap();
        [&[(field << 3) | 2, length][..], model.as_bytes()].concat()
    });
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[0u8][..], &length[..], &content[..]].concat()
}

fn body(route: &Route, model: &str) -> Value {
    match route.path.rsplit('/').next().unwrap() {
        "embeddings" => json!({"model": model, "input": "x"}),
        "infer" => {
            json!({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["x"]}]})
        }
        "tokenize" => json!({"texts": ["x"]}),
        "decode" => json!({"ids": [[1]]}),
        _ => json!({}),
    }
}

/// An answer as its protocol has it.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    /// The code of gRPC, where the head says it.
    code: Option<String>,
    challenge: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        Self {
            status: response.status().as_u16(),
            code: header("grpc-status"),
            challenge: header("www-authenticate"),
            body: response.bytes().await.unwrap().to_vec(),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether nobody is known who asks.
    fn is_unauthenticated(&self, route: &Route) -> bool {
        match rpc(route) {
            Some(_) => self.code.as_deref() == Some(UNAUTHENTICATED),
            None => {
                self.status == 401
                    && self
                        .challenge
                        .as_ref()
                        .is_some_and(|it| it.starts_with("Bearer"))
            }
        }
    }

    /// Whether who asks may not do this.
    fn is_forbidden(&self, route: &Route) -> bool {
        match rpc(route) {
            // The stream is open: its answers say what was refused.
            Some("ModelStreamInfer") => {
                let text = self.text();
                ["may not invoke", "no scope of the key"]
                    .iter()
                    .any(|why| text.contains(why))
            }
            Some(_) => self.code.as_deref() == Some(PERMISSION_DENIED),
            None => self.status == 403,
        }
    }

    fn is_refused(&self, route: &Route) -> bool {
        self.is_unauthenticated(route) || self.is_forbidden(route)
    }
}

#[test]
fn only_the_known_routes_are_open() {
    let open: Vec<String> = routes()
        .into_iter()
        .filter(|route| route.open)
        .map(|route| route.path)
        .collect();
    assert_eq!(
        open,
        [
            "/v2",
            "/v2/health/live",
            "/v2/health/ready",
            "/inference.GRPCInferenceService/ServerLive",
            "/inference.GRPCInferenceService/ServerReady",
            "/inference.GRPCInferenceService/ServerMetadata",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn open_routes_answer_without_a_key() {
    let host = Host::start().await;
    for route in routes().iter().filter(|route| route.open) {
        let answer = Answer::of(request(&host, route, NAME)).await;
        assert_eq!(answer.status, 200, "{route:?}: {answer:?}");
        // A code in the head is that of an error.
        assert!(answer.code.is_none(), "{route:?}: {answer:?}");
        assert!(!answer.text().contains(NAME), "{route:?}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_key_opens_no_model() {
    let host = Host::start().await;
    let good = &host.keys["operator"];
    let (id, secret) = good.rsplit_once('_').unwrap();
    let wrong_secret = format!("{id}_{}", "A".repeat(secret.len()));
    let unknown = format!("stw_01arz3ndektsv4rrffq69g5fav_{secret}");
    for route in secured() {
        let answer = Answer::of(request(&host, &route, NAME)).await;
        assert!(answer.is_unauthenticated(&route), "{route:?}: {answer:?}");
        for garbage in ["", "Bearer", "Bearer stw_", "Basic c3R3OnN0dw==", good] {
            let asked = request(&host, &route, NAME).header("authorization", garbage);
            let answer = Answer::of(asked).await;
            assert!(
                answer.is_unauthenticated(&route),
                "{garbage:?} {route:?}: {answer:?}"
            );
        }
        for key in [&wrong_secret, &unknown, &host.revoked, &host.expired] {
            let answer = Answer::of(request(&host, &route, NAME).bearer_auth(key)).await;
            assert!(answer.is_unauthenticated(&route), "{route:?}: {answer:?}");
        }
    }
    nothing_was_changed(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_opens_what_it_allows_of_models_and_nothing_else() {
    let host = Host::start().await;
    for route in secured() {
        for role in Role::ALL {
            let allowed = needs(&route).iter().all(|action| role.allows(*action));
            // Where it is allowed, of a model that is not there.
            let model = if allowed { ABSENT } else { NAME };
            let key = &host.keys[role.as_str()];
            let answer = Answer::of(request(&host, &route, model).bearer_auth(key)).await;
            if allowed {
                assert!(!answer.is_refused(&route), "{role} {route:?}: {answer:?}");
            } else {
                assert!(answer.is_forbidden(&route), "{role} {route:?}: {answer:?}");
            }
        }
    }
    nothing_was_changed(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_opens_what_it_names_of_models_and_nothing_else() {
    let host = Host::start().await;
    let narrow = narrow_keys(&host).await;
    for route in secured() {
        let needed = needs(&route);
        for (action, only, without) in &narrow {
            let enough = needed.iter().all(|needed| needed == action);
            let model = if enough { ABSENT } else { NAME };
            let answer = Answer::of(request(&host, &route, model).bearer_auth(only)).await;
            if enough {
                assert!(
                    !answer.is_refused(&route),
                    "{action:?} {route:?}: {answer:?}"
                );
            } else {
                assert!(
                    answer.is_forbidden(&route),
                    "{action:?} {route:?}: {answer:?}"
                );
            }
            if needed.contains(action) {
                let answer = Answer::of(request(&host, &route, NAME).bearer_auth(without)).await;
                assert!(
                    answer.is_forbidden(&route),
                    "all but {action:?} {route:?}: {answer:?}"
                );
            }
        }
    }
    nothing_was_changed(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_model_looks_like_one_that_is_not_there() {
    let host = Host::start().await;
    for route in secured() {
        let ask = async |model: &str| {
            Answer::of(request(&host, &route, model).bearer_auth(&host.other)).await
        };
        let (there, nowhere) = (ask(NAME).await, ask(ABSENT).await);
        assert!(!there.is_refused(&route), "{route:?}: {there:?}");
        assert_eq!(
            (there.status, &there.code),
            (nowhere.status, &nowhere.code),
            "{route:?}: {there:?}"
        );
        assert_eq!(
            there.text().replace(NAME, ABSENT),
            nowhere.text(),
            "{route:?}"
        );
        match rpc(&route) {
            // Both answer: that it is not ready, and what is wrong with each request.
            Some("ModelReady" | "ModelStreamInfer") => {}
            Some(_) if names_a_model(&route) => {
                assert_eq!(
                    there.code.as_deref(),
                    Some(NOT_FOUND),
                    "{route:?}: {there:?}"
                );
            }
            None if names_a_model(&route) => {
                assert_eq!(there.status, 404, "{route:?}: {there:?}");
            }
            _ => assert!(
                there.status == 200 && !there.text().contains(NAME),
                "{route:?}: {there:?}"
            ),
        }
    }
    nothing_was_changed(&host).await;
}
