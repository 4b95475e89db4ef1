//! `call` tasks.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::call::{FunctionRef, HttpOutput, ModelRef};
use crate::expression::inner;
use crate::problem::shown;
use crate::template;

use super::escaped;
use super::model::{Called, Endpoint, Given, Operation, Policy, Request, TaskId, Uri};
use super::read::{Reader, Scope, has_scheme};
use super::values::{NAME_RULE, is_name};

/// Protocols of the specification that are not spoken here, with what does the same.
const REFUSED: [(&str, &str); 4] = [
    (
        "grpc",
        "call a function that speaks it, or the service's HTTP interface",
    ),
    (
        "asyncapi",
        "publish with `emit` and consume with `listen`; messages of brokers come in as events",
    ),
    (
        "a2a",
        "call a function that speaks it, or the agent's HTTP interface",
    ),
    ("mcp", "call a function that speaks it"),
];

impl Reader {
    pub fn call(
        &mut self,
        map: &Map<String, Value>,
        pointer: &str,
        scope: &Scope,
    ) -> Option<Called> {
        let name = self.text(map, "call", pointer)?.to_owned();
        let at = format!("{pointer}/call");
        if let Some((_, instead)) = REFUSED.iter().find(|(protocol, _)| *protocol == name) {
            self.problem(&at, format!("`call: {name}` is not supported: {instead}"));
            return None;
        }
        match name.as_str() {
            "http" => return self.http(map, pointer, scope),
            "openapi" => return self.open_api(map, pointer, scope),
            _ => {}
        }
        let with_at = format!("{pointer}/with");
        if let Some(with) = map.get("with") {
            self.object(with, &with_at, "`with`")?;
        }
        let with = map
            .get("with")
            .map(|with| self.template(with, &with_at, scope));
        if let Some(rest) = name.strip_prefix("steward:") {
            let (rest, export) = self.export(rest, &at)?;
            let (name, version) = self.reference(&rest, &at, "steward")?;
            let function = FunctionRef {
                name,
                export,
                at: version,
            };
            self.references
                .functions
                .entry(function.clone())
                .or_insert_with(|| pointer.to_owned());
            if let Some(given) = map.get("with") {
                self.references.inputs.push(Given {
                    to: function.clone(),
                    value: given.clone(),
                    pointer: with_at,
                });
            }
            return Some(Called::Function(function, with));
        }
        if let Some(rest) = name.strip_prefix("model:") {
            let (name, version) = self.reference(rest, &at, "model")?;
            let model = ModelRef { name, at: version };
            self.references
                .models
                .entry(model.clone())
                .or_insert_with(|| pointer.to_owned());
            return Some(Called::Model(model, with));
        }
        if let Some(point) = name.strip_prefix("extension:") {
            if !is_name(point) {
                self.problem(
                    &at,
                    format!("`{}` names no extension point: {NAME_RULE}", shown(point)),
                );
                return None;
            }
            if let Some(given) = map.get("with").and_then(Value::as_object) {
                self.only(
                    given,
                    &with_at,
                    &["payload"],
                    "the `with` of an extension point",
                );
            }
            self.references
                .extensions
                .entry(point.to_owned())
                .or_insert_with(|| pointer.to_owned());
            if let Some(payload) = map.get("with").and_then(|with| with.get("payload")) {
                self.references.payloads.push(Given {
                    to: point.to_owned(),
                    value: payload.clone(),
                    pointer: format!("{with_at}/payload"),
                });
            }
            return Some(Called::Extension(point.to_owned(), with));
        }
        if self.used.functions.contains_key(&name) {
            return self.custom(&name, &at).map(|id| Called::Custom(id, with));
        }
        let reason = if has_scheme(&name) || name.contains('@') {
            format!(
                "`{}`: functions of catalogs are not supported; publish it as a plugin and call `steward:NAME`",
                shown(&name)
            )
        } else {
            format!(
                "there is no function `{}` in `use.functions`; a call is `http`, `openapi`, `steward:NAME`, `model:NAME`, `extension:POINT` or one of those",
                shown(&name)
            )
        };
        self.problem(&at, reason);
        None
    }

    /// Takes the export out of `NAME/EXPORT` and `NAME/EXPORT@VERSION`.
    fn export(&mut self, text: &str, pointer: &str) -> Option<(String, Option<String>)> {
        let (named, version) = match text.find('@') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let Some((name, export)) = named.split_once('/') else {
            return Some((text.to_owned(), None));
        };
        if !is_name(export) {
            self.problem(
                pointer,
                format!("`{}` is no name of an export: {NAME_RULE}", shown(export)),
            );
            return None;
        }
        Some((format!("{name}{version}"), Some(export.to_owned())))
    }

    /// `NAME` or `NAME@SOMETHING`.
    fn reference(
        &mut self,
        text: &str,
        pointer: &str,
        scheme: &str,
    ) -> Option<(String, Option<String>)> {
        let (name, version) = text
            .split_once('@')
            .map_or((text, None), |(n, v)| (n, Some(v)));
        if !is_name(name) {
            self.problem(
                pointer,
                format!(
                    "`{}` is no name behind `{scheme}:`: {NAME_RULE}",
                    shown(name)
                ),
            );
            return None;
        }
        if let Some(version) = version {
            let digest = version.strip_prefix("sha256:");
            let fits = match digest {
                Some(hex) => {
                    scheme == "steward"
                        && hex.len() == 64
                        && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
                }
                None => {
                    let part = |c: char| c.is_ascii_alphanumeric() || "-._+".contains(c);
                    (1..=128).contains(&version.len()) && version.chars().all(part)
                }
            };
            if !fits {
                let what = if scheme == "steward" {
                    "an alias, or a digest as `sha256:` and 64 of 0-9 and a-f"
                } else {
                    "a version or an alias"
                };
                self.problem(
                    pointer,
                    format!("`{}` behind `@` is not {what}", shown(version)),
                );
                return None;
            }
        }
        Some((name.to_owned(), version.map(str::to_owned)))
    }

    /// A function of `use.functions`, read once however often it is called.
    fn custom(&mut self, name: &str, pointer: &str) -> Option<TaskId> {
        if let Some(id) = self.used.read_functions.get(name) {
            // One that is being read calls itself, by whatever way.
            if self.tasks.get(*id as usize).is_some_and(Option::is_none) && self.reading(*id) {
                self.problem(
                    pointer,
                    format!("the function `{}` calls itself", shown(name)),
                );
                return None;
            }
            return Some(*id);
        }
        let definition = self.used.functions.get(name)?.clone();
        let at = format!("/use/functions/{}", escaped(name));
        if !definition.get("call").is_some_and(Value::is_string) {
            self.problem(&at, "a function of `use.functions` is a `call` task: of `http`, `openapi`, `steward:NAME`, `model:NAME` or `extension:POINT`");
            return None;
        }
        let id = TaskId::try_from(self.tasks.len()).ok()?;
        self.used.read_functions.insert(name.to_owned(), id);
        self.used.reading.push(id);
        let read = |reader: &mut Self| {
            reader.task(name, &definition, &at, &Scope::new(), &Default::default())
        };
        let read = self.deeper(&at, read);
        self.used.reading.pop();
        read
    }

    fn reading(&self, id: TaskId) -> bool {
        self.used.reading.contains(&id)
    }

    /// Every function that is declared is read, so that a mistake is found in one that nothing calls yet.
    pub fn functions(&mut self) {
        let names: Vec<String> = self.used.functions.keys().cloned().collect();
        for name in names {
            self.custom(&name, &format!("/use/functions/{}/call", escaped(&name)));
        }
    }

    fn arguments<'a>(
        &mut self,
        map: &'a Map<String, Value>,
        pointer: &str,
        what: &str,
    ) -> Option<&'a Map<String, Value>> {
        match map.get("with") {
            Some(with) => self.object(with, &format!("{pointer}/with"), "`with`"),
            None => {
                self.problem(pointer, format!("`with` is missing: {what}"));
                None
            }
        }
    }

    fn http(&mut self, map: &Map<String, Value>, pointer: &str, scope: &Scope) -> Option<Called> {
        let with = self.arguments(map, pointer, "`method` and `endpoint`")?;
        let at = format!("{pointer}/with");
        self.only(
            with,
            &at,
            &[
                "method", "endpoint", "headers", "body", "query", "output", "redirect",
            ],
            "the `with` of `call: http`",
        );
        if let Some(method) = self.needed(with, "method", &at)
            && inner(method).is_none()
            && !is_method(method)
        {
            self.problem(
                &format!("{at}/method"),
                format!("`{}` is no method", shown(method)),
            );
        }
        let endpoint = self.endpoint(with, "endpoint", &at, pointer, scope);
        self.pairs(with, "headers", &at);
        self.pairs(with, "query", &at);
        Some(Called::Http(Box::new(Request {
            method: self.value(with, "method", &at, scope)?,
            headers: self.value(with, "headers", &at, scope),
            query: self.value(with, "query", &at, scope),
            body: self.value(with, "body", &at, scope),
            output: self.http_output(with, &at),
            redirect: self.flag(with, "redirect", &at).unwrap_or(false),
            endpoint: endpoint?,
        })))
    }

    /// Names and texts, or an expression that answers with such.
    fn pairs(&mut self, map: &Map<String, Value>, key: &str, pointer: &str) {
        let at = format!("{pointer}/{key}");
        match map.get(key) {
            None => {}
            Some(Value::Object(pairs)) => {
                for (name, value) in pairs {
                    if !matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_)) {
                        self.problem(&format!("{at}/{}", escaped(name)), format!("a value of `{key}` is a text"));
                    }
                }
            }
            Some(Value::String(text)) if inner(text).is_some() => {}
            Some(_) => self.problem(&at, format!("`{key}` is an object of names and texts, or an expression between `${{` and `}}`")),
        }
    }

    fn http_output(&mut self, map: &Map<String, Value>, pointer: &str) -> HttpOutput {
        match self
            .word(map, "output", pointer, &["content", "raw", "response"])
            .as_deref()
        {
            Some("raw") => HttpOutput::Raw,
            Some("response") => HttpOutput::Response,
            _ => HttpOutput::Content,
        }
    }

    /// An endpoint: a URI template, an expression, or an object of one of them and a way to authenticate.
    fn endpoint(
        &mut self,
        map: &Map<String, Value>,
        key: &str,
        pointer: &str,
        task: &str,
        scope: &Scope,
    ) -> Option<Endpoint> {
        let at = format!("{pointer}/{key}");
        match map.get(key) {
            None => {
                self.problem(pointer, format!("`{key}` is missing"));
                None
            }
            Some(Value::String(uri)) => Some(Endpoint {
                uri: self.uri(uri, &at, task, scope)?,
                authentication: None,
            }),
            Some(value) => {
                let map = self.object(value, &at, &format!("`{key}`"))?;
                self.only(map, &at, &["uri", "authentication"], &format!("`{key}`"));
                let authentication = map
                    .get("authentication")
                    .and_then(|a| self.authentication(a, &format!("{at}/authentication"), scope));
                let uri = self.needed(map, "uri", &at)?.to_owned();
                Some(Endpoint {
                    uri: self.uri(&uri, &format!("{at}/uri"), task, scope)?,
                    authentication,
                })
            }
        }
    }

    fn uri(&mut self, uri: &str, pointer: &str, task: &str, scope: &Scope) -> Option<Uri> {
        if inner(uri).is_some() {
            self.references
                .endpoints
                .entry(uri.to_owned())
                .or_insert_with(|| task.to_owned());
            return self.compiled(uri, pointer, scope).map(Uri::Computed);
        }
        let web = uri
            .get(..8)
            .is_some_and(|s| s.eq_ignore_ascii_case("https://"))
            || uri
                .get(..7)
                .is_some_and(|s| s.eq_ignore_ascii_case("http://"));
        if !web {
            self.problem(
                pointer,
                format!(
                    "`{}` is no URI that can be asked: it begins with `https://` or `http://`",
                    shown(uri)
                ),
            );
            return None;
        }
        if let Err(reason) = template::names(uri) {
            self.problem(pointer, reason);
            return None;
        }
        let (scheme, rest) = uri.split_once("://").unwrap_or_default();
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        self.references
            .endpoints
            .entry(format!("{scheme}://{host}"))
            .or_insert_with(|| task.to_owned());
        Some(Uri::Template(uri.to_owned()))
    }

    /// How a caller is known, here or by the name of a policy of `use.authentications`.
    pub fn authentication(
        &mut self,
        value: &Value,
        pointer: &str,
        scope: &Scope,
    ) -> Option<Arc<Policy>> {
        let map = self.object(value, pointer, "`authentication`")?;
        if let Some(name) = map.get("use") {
            self.only(map, pointer, &["use"], "`authentication`");
            let policy = name
                .as_str()
                .and_then(|name| self.used.authentications.get(name).cloned());
            let declared = name
                .as_str()
                .is_some_and(|name| self.used.refused_authentications.contains(name));
            if policy.is_none() && !declared {
                let name = name.as_str().unwrap_or_default();
                self.problem(
                    &format!("{pointer}/use"),
                    format!("`use.authentications` has no `{}`", shown(name)),
                );
            }
            return policy;
        }
        let (kind, value) = self.single(value, pointer, "a way to authenticate")?;
        let at = format!("{pointer}/{kind}");
        match kind.as_str() {
            "basic" | "bearer" => {}
            "digest" | "oauth2" | "oidc" => {
                self.problem(&at, format!("`{kind}` is not supported: requests of workflows authenticate with `basic` or `bearer`; a function can do more, with the secrets that it is granted"));
                return None;
            }
            _ => {
                self.problem(
                    &at,
                    format!(
                        "`{}` is no way to authenticate: `basic` and `bearer` are",
                        shown(kind)
                    ),
                );
                return None;
            }
        }
        let map = self.object(value, &at, &format!("`{kind}`"))?;
        if map.contains_key("use") {
            self.only(map, &at, &["use"], &format!("`{kind}`"));
            let name = self.text(map, "use", &at)?.to_owned();
            if !self.used.secrets.contains(&name) {
                self.problem(
                    &format!("{at}/use"),
                    format!("`use.secrets` has no `{}`", shown(&name)),
                );
            }
            return Some(Arc::new(if kind == "basic" {
                Policy::BasicSecret(name)
            } else {
                Policy::BearerSecret(name)
            }));
        }
        if kind == "basic" {
            self.only(map, &at, &["username", "password"], "`basic`");
            self.needed(map, "username", &at);
            self.needed(map, "password", &at);
            return Some(Arc::new(Policy::Basic {
                username: self.text_value(map, "username", &at, scope)?,
                password: self.text_value(map, "password", &at, scope)?,
            }));
        }
        self.only(map, &at, &["token"], "`bearer`");
        self.needed(map, "token", &at);
        Some(Arc::new(Policy::Bearer {
            token: self.text_value(map, "token", &at, scope)?,
        }))
    }

    fn open_api(
        &mut self,
        map: &Map<String, Value>,
        pointer: &str,
        scope: &Scope,
    ) -> Option<Called> {
        let with = self.arguments(map, pointer, "`document` and `operationId`")?;
        let at = format!("{pointer}/with");
        let known = [
            "document",
            "operationId",
            "parameters",
            "authentication",
            "output",
            "redirect",
        ];
        self.only(with, &at, &known, "the `with` of `call: openapi`");
        let operation = self.needed(with, "operationId", &at).map(str::to_owned);
        let document = match with.get("document") {
            None => {
                self.problem(
                    &at,
                    "`document` is missing: `endpoint` within it says where it is",
                );
                None
            }
            Some(document) => {
                let at = format!("{at}/document");
                self.object(document, &at, "`document`").and_then(|map| {
                    self.only(map, &at, &["name", "endpoint"], "`document`");
                    self.endpoint(map, "endpoint", &at, pointer, scope)
                })
            }
        };
        if let Some(parameters) = with.get("parameters") {
            self.object(parameters, &format!("{at}/parameters"), "`parameters`");
        }
        let parameters = self.value(with, "parameters", &at, scope);
        let authentication = with
            .get("authentication")
            .and_then(|a| self.authentication(a, &format!("{at}/authentication"), scope));
        Some(Called::OpenApi(Box::new(Operation {
            parameters,
            authentication,
            output: self.http_output(with, &at),
            redirect: self.flag(with, "redirect", &at).unwrap_or(false),
            document: document?,
            operation: operation?,
        })))
    }
}

/// A method, as a token of HTTP.
pub(crate) fn is_method(method: &str) -> bool {
    (1..=20).contains(&method.len()) && method.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
}
