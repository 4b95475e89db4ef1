//! The description of the interface, generated from the handlers.

use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContactBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr,
    ResponseBuilder,
};
use utoipa::openapi::{ContentBuilder, LicenseBuilder};

use crate::api;
use crate::problem::MEDIA_TYPE;

/// The name of the security scheme.
const KEY: &str = "key";

/// The OpenAPI 3.1 document of the interface of this project: what is managed, and the calls of functions. The
/// protocols of other model servers (`/v1`, `/v2`, gRPC) are described where they come from, and are not in it:
/// [`steward_protocols::routes`](steward_protocols::routes()) has their routes.
///
/// Each operation that needs an API key names in its security requirement the action that the role
/// of the key must allow: `invoke`, `read`, `publish`, `manage-keys`, `manage-tenants`, or none for any good key.
///
/// ```
/// let document = steward_gateway::openapi();
/// assert!(document.paths.paths.contains_key("/f/{tenant}/{function}"));
/// ```
pub fn openapi() -> OpenApi {
    let mut document = api::routes().into_openapi();
    // The hot path is not in the router; its description is kept beside the others.
    add::<invocation::__path_invoke>(&mut document);
    add::<invocation::__path_invoke_rest>(&mut document);
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            add_problems(operation);
        }
    }
    document
}

/// Title, version and the way to authenticate.
pub(crate) fn described() -> OpenApi {
    let mut components = Components::new();
    components.add_security_scheme(
        KEY,
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("stw_<id>_<secret>")
                .description(Some("An API key, as `steward key create` shows it once, or a token of a configured OpenID provider."))
                .build(),
        ),
    );
    let mut schemas = Vec::new();
    ProblemBody::schemas(&mut schemas);
    components.schemas.extend(schemas);
    components.schemas.insert(
        ProblemBody::name().into_owned(),
        <ProblemBody as utoipa::PartialSchema>::schema(),
    );
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Steward")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "A serverless WebAssembly plugin platform. The tenant of `/api/v1` is that of the key.",
                ))
                .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
                .contact(Some(ContactBuilder::new().url(Some(env!("CARGO_PKG_REPOSITORY"))).build()))
                .build(),
        )
        .components(Some(components))
        .build()
}

/// What every problem looks like. Kinds may add members of their own, as `path`, `line` or `imports`.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[allow(dead_code, reason = "it describes what the problem module writes")]
struct ProblemBody {
    /// `https://steward.dev/problems/` and the code of the kind.
    #[schema(
        format = "uri",
        example = "https://steward.dev/problems/unknown-function"
    )]
    r#type: String,
    /// The same words for every problem of the kind.
    title: String,
    /// The status of the answer.
    #[schema(example = 404)]
    status: u16,
    /// What was wrong with this request.
    detail: String,
}

fn add<P: utoipa::Path>(document: &mut OpenApi) {
    let (path, methods, operation) = (P::path(), P::methods(), P::operation());
    document.paths.add_path_operation(path, methods, operation);
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
        &mut item.head,
        &mut item.options,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

/// The problems that an operation can answer follow from its shape; those of its subject stand at
/// its handler.
fn add_problems(operation: &mut Operation) {
    let mut add = |status: &str, description: &str| {
        let content = ContentBuilder::new()
            .schema(Some(RefOr::Ref(Ref::from_schema_name(ProblemBody::name()))))
            .build();
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| {
                ResponseBuilder::new()
                    .description(description)
                    .content(MEDIA_TYPE, content)
                    .build()
                    .into()
            });
    };
    let has_key = operation.security.as_ref().is_some_and(|s| !s.is_empty());
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let names_something = parameters
        .iter()
        .any(|p| matches!(p, RefOr::T(p) if p.parameter_in == ParameterIn::Path));
    let has_input = !parameters.is_empty() || operation.request_body.is_some();
    let has_body = operation.request_body.is_some();
    if has_key {
        add(
            "429",
            "The key, its tenant or this host has too much to do, or a quota is used up; `Retry-After` says when to come back",
        );
        add("401", "The key is missing, unknown, expired or revoked");
        add(
            "403",
            "The role of the key, its scopes, or its tenant, do not allow this",
        );
    }
    if names_something {
        add("404", "There is no such thing in this tenant");
    }
    if has_input {
        add(
            "400",
            "The path, the query or the body is not what it must be",
        );
    }
    if has_body {
        add("408", "The body came too slowly");
        add("413", "The body is larger than what is accepted here");
    }
    add("431", "The header fields are too many or too large");
    add("default", "Anything else that went wrong");
}

/// Descriptions of the hot path.
mod invocation {
    /// Call a function.
    ///
    /// A typed function (`cleaner`, `anonymizer`, `labeller`, `team`, `feedback`) answers to POST: the body is a JSON object with
    /// the parameters of its first export, the answer is the result. A `step` gets the body as its payload; the header fields
    /// `steward-run`, `steward-step`, `idempotency-key` and `steward-attempt` are its context. A `wasi:http` function answers
    /// to every method and gets the request as it is, with the path `/`.
    #[utoipa::path(
        method(post, get, put, patch, delete, head, options),
        path = "/f/{tenant}/{function}",
        tag = "invoke",
        params(
            ("tenant" = String, Path, description = "Tenant of the key"),
            ("function" = String, Path, description = "Name of the function"),
        ),
        request_body(content = serde_json::Value, description = "What the function takes", example = json!({"batch": [{"id": "1", "text": "ｈｅｌｌｏ"}]})),
        responses(
            (status = 200, description = "What the function answers", body = serde_json::Value),
            (status = 405, description = "A typed function answers to POST alone"),
            (status = 422, description = "The plugin answered with an error of its own"),
            (status = 502, description = "The plugin failed or broke a limit"),
            (status = 503, description = "Something that the plugin needs does not answer now"),
            (status = 504, description = "The time limit of the function was reached"),
        ),
        security(("key" = ["invoke"])),
    )]
    #[allow(
        dead_code,
        reason = "it carries the description of the hot path, which is not in the router"
    )]
    pub(super) fn invoke() {}

    /// Call an export of a typed function, or a path of a `wasi:http` function.
    ///
    /// For a typed function `rest` is the name of the export (`clean`, `fingerprint`, `detect`,
    /// `anonymize`, `evaluate`); for a `wasi:http` function it is the path that the guest sees and may hold `/`.
    #[utoipa::path(
        method(post, get, put, patch, delete, head, options),
        path = "/f/{tenant}/{function}/{rest}",
        tag = "invoke",
        params(
            ("tenant" = String, Path, description = "Tenant of the key"),
            ("function" = String, Path, description = "Name of the function"),
            ("rest" = String, Path, description = "Export, or path for the guest"),
        ),
        request_body(content = serde_json::Value, description = "What the export takes"),
        responses(
            (status = 200, description = "What the function answers", body = serde_json::Value),
            (status = 405, description = "A typed function answers to POST alone"),
            (status = 422, description = "The plugin answered with an error of its own"),
            (status = 502, description = "The plugin failed or broke a limit"),
            (status = 503, description = "Something that the plugin needs does not answer now"),
            (status = 504, description = "The time limit of the function was reached"),
        ),
        security(("key" = ["invoke"])),
    )]
    #[allow(
        dead_code,
        reason = "it carries the description of the hot path, which is not in the router"
    )]
    pub(super) fn invoke_rest() {}
}
