//! An operation of an OpenAPI document as a request: OpenAPI 3 and Swagger 2.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use crate::call::{HttpCall, OpenApiCall};
use crate::template::escaped;
use crate::{Error, ErrorKind};

/// The largest document, in bytes: whoever fetches it reads no more.
pub const MAX_DOCUMENT: usize = 8 << 20;

/// The longest URI that a document makes, in bytes: each of its names may stand for others, and those for others again.
const MAX_URI: usize = 64 << 10;

const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Reads a document, JSON or YAML.
///
/// # Errors
/// A `configuration` error that says why it is none.
pub fn document(bytes: &[u8]) -> Result<Value, Error> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(wrong(format!(
            "the OpenAPI document is larger than {} MiB",
            MAX_DOCUMENT >> 20
        )));
    }
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| wrong("the OpenAPI document is no text".to_owned()))?;
    crate::definition::yaml(text)
        .map_err(|reason| wrong(format!("the OpenAPI document cannot be read: {reason}")))
}

/// The request of a call, by its document.
///
/// # Errors
/// A `configuration` error where the document has no such operation or no server, a `validation` error where a parameter
/// that the operation needs is missing.
pub fn resolve(call: &OpenApiCall, document: &Value) -> Result<HttpCall, Error> {
    let missing = || {
        wrong(format!(
            "the document has no operation `{}`",
            crate::problem::shown(&call.operation)
        ))
    };
    let paths = document
        .get("paths")
        .and_then(Value::as_object)
        .ok_or_else(missing)?;
    let (path, method, item, operation) = paths
        .iter()
        .flat_map(|(path, item)| {
            METHODS
                .iter()
                .filter_map(move |m| Some((path, *m, item, item.get(*m)?)))
        })
        .find(|(.., operation)| {
            operation.get("operationId").and_then(Value::as_str) == Some(&call.operation)
        })
        .ok_or_else(missing)?;
    let mut request = HttpCall {
        method: method.to_ascii_uppercase(),
        uri: String::new(),
        headers: BTreeMap::new(),
        query: BTreeMap::new(),
        body: None,
        authentication: call.authentication.clone(),
        output: call.output,
        redirect: call.redirect,
    };
    let mut path = path.clone();
    let mut cookies = Vec::new();
    let mut form = Vec::new();
    let mut known = HashSet::from(["body"]);
    // Those of the operation go before those of its path.
    let mut seen: HashSet<(&str, &str)> = HashSet::new();
    for parameter in [operation, item]
        .iter()
        .filter_map(|o| o.get("parameters")?.as_array())
        .flatten()
    {
        let parameter = referred(document, parameter);
        let text = |key: &str| {
            parameter
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (name, place) = (text("name"), text("in"));
        if !seen.insert((name, place)) {
            continue;
        }
        known.insert(name);
        let Some(value) = call.parameters.get(name).filter(|v| !v.is_null()) else {
            if place == "path"
                || parameter.get("required") == Some(&Value::Bool(true))
                    && !(place == "body" && call.parameters.contains_key("body"))
            {
                return Err(Error::new(
                    ErrorKind::Validation,
                    format!("the operation needs `{}`", crate::problem::shown(name)),
                ));
            }
            continue;
        };
        match place {
            "path" => path = filled(&path, name, &escaped(&plain(value), false))?,
            "query" => drop(request.query.insert(name.to_owned(), plain(value))),
            "header" => drop(
                request
                    .headers
                    .insert(name.to_ascii_lowercase(), plain(value)),
            ),
            "cookie" => cookies.push(format!("{name}={}", escaped(&plain(value), false))),
            "body" => request.body = Some(value.clone()),
            "formData" => form.push(format!(
                "{}={}",
                escaped(name, false),
                escaped(&plain(value), false)
            )),
            _ => {}
        }
    }
    if !cookies.is_empty() {
        request.headers.insert("cookie".into(), cookies.join("; "));
    }
    if !form.is_empty() {
        request.headers.insert(
            "content-type".into(),
            "application/x-www-form-urlencoded".into(),
        );
        request.body = Some(form.join("&").into());
    }
    if request.body.is_none() {
        request.body = call.parameters.get("body").cloned();
    }
    if let Some(unknown) = call
        .parameters
        .keys()
        .find(|key| !known.contains(key.as_str()))
    {
        return Err(Error::new(
            ErrorKind::Validation,
            format!(
                "the operation has no parameter `{}`",
                crate::problem::shown(unknown)
            ),
        ));
    }
    request.uri = format!("{}{path}", server(call, document, item, operation)?);
    Ok(request)
}

/// The URI that paths are behind, without a slash at its end.
fn server(
    call: &OpenApiCall,
    document: &Value,
    item: &Value,
    operation: &Value,
) -> Result<String, Error> {
    let (scheme, rest) = call
        .document
        .split_once("://")
        .unwrap_or(("https", &call.document));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let server = if document.get("swagger").is_some() {
        let text = |key: &str| document.get(key).and_then(Value::as_str);
        let schemes: Vec<&str> = document
            .get("schemes")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        // The safer one where there is a choice, as whoever wrote the document allows.
        let scheme = if schemes.is_empty() || schemes.contains(&scheme) && scheme == "https" {
            scheme
        } else if schemes.contains(&"https") {
            "https"
        } else {
            "http"
        };
        format!(
            "{scheme}://{}{}",
            text("host").unwrap_or(host),
            text("basePath").unwrap_or_default()
        )
    } else {
        let servers = [operation, item, document]
            .into_iter()
            .find_map(|o| o.get("servers")?.as_array()?.first());
        let mut url = servers
            .and_then(|s| s.get("url"))
            .and_then(Value::as_str)
            .unwrap_or("/")
            .to_owned();
        for (name, variable) in servers
            .and_then(|s| s.get("variables"))
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let value = variable
                .get("default")
                .and_then(Value::as_str)
                .unwrap_or_default();
            url = filled(&url, name, value)?;
        }
        if url.contains("://") {
            url
        } else if url.starts_with('/') {
            format!("{scheme}://{host}{url}")
        } else {
            let folder = rest
                .split(['?', '#'])
                .next()
                .and_then(|r| r.rsplit_once('/'))
                .map_or(rest, |(folder, _)| folder);
            format!("{scheme}://{folder}/{url}")
        }
    };
    if !(server.starts_with("https://") || server.starts_with("http://")) {
        return Err(wrong(
            "the server of the document is no `https://` or `http://` URI".to_owned(),
        ));
    }
    Ok(server.trim_end_matches('/').to_owned())
}

/// A URI with a value in the places of a name, unless that is too long.
fn filled(uri: &str, name: &str, value: &str) -> Result<String, Error> {
    let place = format!("{{{name}}}");
    let added = uri.matches(&place).count().saturating_mul(value.len());
    if uri.len().saturating_add(added) > MAX_URI {
        return Err(wrong(format!(
            "a URI of the OpenAPI document is longer than {} KiB",
            MAX_URI >> 10
        )));
    }
    Ok(uri.replace(&place, value))
}

/// What a `$ref` within the document points to; one step, as documents have it for parameters.
fn referred<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|r| r.strip_prefix('#'));
    pointer.and_then(|p| document.pointer(p)).unwrap_or(value)
}

/// A value as a parameter: lists with commas, as the default style of both versions has them.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn wrong(detail: String) -> Error {
    Error::new(ErrorKind::Configuration, detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(operation: &str, parameters: Value) -> OpenApiCall {
        OpenApiCall {
            document: "https://pets.example/v2/swagger.json".into(),
            document_authentication: None,
            operation: operation.into(),
            parameters: parameters.as_object().cloned().unwrap(),
            authentication: None,
            output: Default::default(),
            redirect: false,
        }
    }

    #[test]
    fn swagger_2_is_resolved() {
        let document = document(
            b"swagger: '2.0'\nhost: pets.example\nbasePath: /v2\nschemes: [http, https]\npaths:\n  /pet/{id}:\n    parameters: [{$ref: '#/parameters/id'}]\n    get: {operationId: getPet}\n    put: {operationId: putPet, parameters: [{name: pet, in: body, required: true}]}\n  /pet:\n    get: {operationId: find, parameters: [{name: status, in: query}]}\nparameters: {id: {name: id, in: path, required: true}}\n",
        )
        .unwrap();
        let request = resolve(&call("getPet", json!({"id": "a/1"})), &document).unwrap();
        assert_eq!(
            (request.method.as_str(), request.uri.as_str()),
            ("GET", "https://pets.example/v2/pet/a%2F1")
        );
        let request = resolve(&call("find", json!({"status": ["a", "b"]})), &document).unwrap();
        assert_eq!(
            request.full_uri(),
            "https://pets.example/v2/pet?status=a%2Cb"
        );
        let request = resolve(
            &call("putPet", json!({"id": 1, "body": {"name": "x"}})),
            &document,
        )
        .unwrap();
        assert_eq!(request.body, Some(json!({"name": "x"})));
        assert!(
            resolve(&call("getPet", json!({})), &document)
                .unwrap_err()
                .detail
                .unwrap()
                .contains("`id`")
        );
        assert!(
            resolve(&call("getPet", json!({"id": 1, "x": 2})), &document)
                .unwrap_err()
                .detail
                .unwrap()
                .contains("`x`")
        );
        assert!(
            resolve(&call("none", json!({})), &document)
                .unwrap_err()
                .is(ErrorKind::Configuration)
        );
    }

    #[test]
    fn servers_of_openapi_3_are_resolved() {
        let with = |servers: Value| json!({"openapi": "3.1.0", "servers": servers, "paths": {"/x": {"get": {"operationId": "x"}}}});
        for (servers, uri) in [
            (json!([]), "https://pets.example/x"),
            (json!([{"url": "/api/"}]), "https://pets.example/api/x"),
            (json!([{"url": "v3"}]), "https://pets.example/v2/v3/x"),
            (
                json!([{"url": "https://{region}.example", "variables": {"region": {"default": "eu"}}}]),
                "https://eu.example/x",
            ),
        ] {
            assert_eq!(
                resolve(&call("x", json!({})), &with(servers)).unwrap().uri,
                uri
            );
        }
        assert!(resolve(&call("x", json!({})), &with(json!([{"url": "ftp://x"}]))).is_err());
    }

    #[test]
    fn names_that_stand_for_each_other_make_no_long_uri() {
        let mut variables = serde_json::Map::new();
        for n in 0..60 {
            let next = format!("{{v{:02}}}", n + 1);
            variables.insert(format!("v{n:02}"), json!({"default": next.repeat(2)}));
        }
        let document = json!({
            "openapi": "3.1.0",
            "servers": [{"url": "https://{v00}.example", "variables": variables}],
            "paths": {
                "/x": {"get": {"operationId": "x"}},
                ("{id}".repeat(1000)): {"get": {
                    "operationId": "long", "servers": [{"url": "https://api.example"}],
                    "parameters": [{"name": "id", "in": "path"}],
                }},
            },
        });
        for (operation, parameters) in [("x", json!({})), ("long", json!({"id": "x".repeat(1000)}))]
        {
            let error = resolve(&call(operation, parameters), &document).unwrap_err();
            assert!(error.detail.unwrap().contains("64 KiB"));
        }
    }
}
