//! Arguments of what is called and published.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::effect::{Action, idempotency_key};
use super::state::{Body, Vars};
use super::turn::{Begun, Outcome, Scene, Turn};
use crate::call::{Authentication, Call, HttpCall, OpenApiCall};
use crate::definition::model::{Called, Endpoint, Operation, Policy, Request, Task, Uri};
use crate::definition::template::Template;
use crate::{Error, ErrorKind, template};

/// The longest URI.
const MAX_URI: usize = 8 << 10;

impl Turn<'_> {
    pub(super) fn call(&mut self, task: &Task, called: &Called, begun: &Begun) -> Result<Outcome<Body>, Error> {
        let scene = self.scene(task, begun);
        let input = &*begun.input;
        // Without `with`, what is called gets the input of the task.
        let given = |with: &Option<Template>| with.as_ref().map_or_else(|| Ok(input.clone()), |w| scene.value(w, input));
        let call = match called {
            Called::Custom(id, with) => {
                let (id, given) = (*id, given(with)?);
                let key = format!("{}/function", begun.key);
                let outcome = self.begin(id, key, Vars::default(), given);
                return Ok(match outcome {
                    // Where the function would go on to is nothing to its caller.
                    Outcome::Done(value, _) => Outcome::Done(value, None),
                    outcome => outcome.map(|node| Body::Custom(Box::new(node))),
                });
            }
            Called::Extension(point, with) => {
                let mut given = given(with)?;
                if with.is_some() {
                    given = given.get_mut("payload").map(Value::take).unwrap_or_default();
                }
                self.unmarked(&given, "the payload of a step")?;
                return Ok(self.step(point, 0, given));
            }
            Called::Http(request) => Call::Http(scene.request(request)?),
            Called::OpenApi(operation) => Call::OpenApi(scene.operation(operation)?),
            Called::Function(function, with) => {
                let input = given(with)?;
                self.unmarked(&input, "the input of a function")?;
                Call::Function {
                    function: function.clone(),
                    input,
                }
            }
            Called::Model(model, with) => {
                let input = given(with)?;
                self.unmarked(&input, "the input of a model")?;
                Call::Model {
                    model: model.clone(),
                    input,
                }
            }
        };
        Ok(Outcome::Pending(Body::Effect(Action::Call(call))))
    }

    /// The event of an `emit`, complete.
    pub(super) fn event(&self, scene: &Scene<'_>, with: &Template, begun: &Begun) -> Result<Action, Error> {
        let Value::Object(given) = scene.value(with, &begun.input)? else {
            return Err(Error::new(ErrorKind::Expression, "the event is no object"));
        };
        let mut event = Map::new();
        event.insert("specversion".into(), "1.0".into());
        let mut id = idempotency_key(&self.facts.run, &begun.key);
        id.truncate(32);
        event.insert("id".into(), id.into());
        event.insert("time".into(), self.now.to_string().into());
        event.extend(given.into_iter().filter(|(_, value)| !value.is_null()));
        for key in ["id", "source", "type"] {
            if event.get(key).and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(Error::new(ErrorKind::Expression, format!("the event has no `{key}` that is a text")));
            }
        }
        if event.contains_key("data") {
            event.entry("datacontenttype").or_insert_with(|| "application/json".into());
        }
        let event = Value::Object(event);
        self.unmarked(&event, "the event")?;
        Ok(Action::Emit { event })
    }
}

impl Scene<'_> {
    fn request(&self, request: &Request) -> Result<HttpCall, Error> {
        let method = self.text(&request.method, self.input)?.to_ascii_uppercase();
        if !crate::definition::is_method(&method) {
            let method = crate::problem::shown(&method);
            return Err(Error::new(ErrorKind::Expression, format!("`{method}` is no method of a request")));
        }
        let (uri, authentication) = self.endpoint(&request.endpoint)?;
        let headers = self.pairs(&request.headers, "headers")?;
        Ok(HttpCall {
            method,
            uri,
            headers: headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
            query: self.pairs(&request.query, "query")?,
            body: request.body.as_ref().map(|body| self.value(body, self.input)).transpose()?,
            authentication,
            output: request.output,
            redirect: request.redirect,
        })
    }

    fn operation(&self, operation: &Operation) -> Result<OpenApiCall, Error> {
        let (document, document_authentication) = self.endpoint(&operation.document)?;
        let parameters = match &operation.parameters {
            Some(parameters) => self.value(parameters, self.input)?,
            None => json!({}),
        };
        let Value::Object(parameters) = parameters else {
            return Err(Error::new(ErrorKind::Expression, "`parameters` is no object"));
        };
        Ok(OpenApiCall {
            document,
            document_authentication,
            operation: operation.operation.clone(),
            parameters,
            authentication: operation.authentication.as_ref().map(|p| self.policy(p)).transpose()?,
            output: operation.output,
            redirect: operation.redirect,
        })
    }

    fn endpoint(&self, endpoint: &Endpoint) -> Result<(String, Option<Authentication>), Error> {
        let wrong = |reason: String| Error::new(ErrorKind::Expression, reason);
        let uri = match &endpoint.uri {
            Uri::Template(uri) => template::expand(uri, self.input).map_err(wrong)?,
            Uri::Computed(expr) => match self.compute(expr, self.input)? {
                Value::String(uri) => uri,
                _ => return Err(wrong(format!("`{}` is no text, so no URI", expr.text()))),
            },
        };
        let web = uri.split_once("://").is_some_and(|(s, _)| s.eq_ignore_ascii_case("http") || s.eq_ignore_ascii_case("https"));
        if !web || uri.len() > MAX_URI || uri.chars().any(|c| c.is_control() || c.is_whitespace()) {
            let uri = crate::problem::shown(&uri);
            return Err(wrong(format!("`{uri}` is no URI that can be asked: `https://` or `http://`, up to {MAX_URI} bytes, no spaces")));
        }
        let policy = endpoint.authentication.as_ref().map(|p: &Arc<Policy>| self.policy(p)).transpose()?;
        Ok((uri, policy))
    }

    fn policy(&self, policy: &Policy) -> Result<Authentication, Error> {
        Ok(match policy {
            Policy::Basic { username, password } => Authentication::Basic {
                username: self.text(username, self.input)?,
                password: self.text(password, self.input)?,
            },
            Policy::Bearer { token } => Authentication::Bearer {
                token: self.text(token, self.input)?,
            },
            Policy::BasicSecret(name) => Authentication::BasicSecret(name.clone()),
            Policy::BearerSecret(name) => Authentication::BearerSecret(name.clone()),
        })
    }

    /// Names and texts; `null` leaves a name out.
    fn pairs(&self, template: &Option<Template>, what: &str) -> Result<BTreeMap<String, String>, Error> {
        let Some(template) = template else {
            return Ok(BTreeMap::new());
        };
        let Value::Object(map) = self.value(template, self.input)? else {
            return Err(Error::new(ErrorKind::Expression, format!("`{what}` is no object")));
        };
        let mut pairs = BTreeMap::new();
        for (name, value) in map {
            let value = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => {
                    let name = crate::problem::shown(&name);
                    return Err(Error::new(ErrorKind::Expression, format!("`{name}` of `{what}` is no text")));
                }
            };
            pairs.insert(name, value);
        }
        Ok(pairs)
    }
}
