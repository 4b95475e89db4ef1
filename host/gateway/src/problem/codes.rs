//! Every kind of problem: its code, its status and its title, in one table.
//!
//! The code is the last segment of the problem's `type` and never changes its meaning. Errors of
//! functions carry a code of their own ([`steward_functions::FunctionsError::code`]) and are found
//! here by it.

use http::StatusCode;

/// A kind of problem.
#[derive(Debug)]
pub struct Kind {
    /// Kebab-case, stable.
    pub code: &'static str,
    /// Status of the answer.
    pub status: StatusCode,
    /// The same words for every problem of the kind.
    pub title: &'static str,
}

impl Kind {
    /// The `type` of the problem.
    pub fn type_uri(&self) -> String {
        format!("{}{}", super::TYPE_BASE, self.code)
    }
}

/// The kind with this code; [`INTERNAL`] for a code that is not in the table.
pub(crate) fn of(code: &str) -> &'static Kind {
    ALL.iter()
        .copied()
        .find(|kind| kind.code == code)
        .unwrap_or(&INTERNAL)
}

macro_rules! kinds {
    ($($name:ident $code:literal $status:ident $title:literal)*) => {
        $(#[doc = $title] pub static $name: Kind = Kind { code: $code, status: StatusCode::$status, title: $title };)*
        /// Every kind, as the table has them.
        pub static ALL: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    // Who calls.
    MISSING_KEY           "missing-key"           UNAUTHORIZED                    "An API key is needed"
    INVALID_KEY           "invalid-key"           UNAUTHORIZED                    "The API key is not known"
    EXPIRED_KEY           "expired-key"           UNAUTHORIZED                    "The API key has expired"
    REVOKED_KEY           "revoked-key"           UNAUTHORIZED                    "The API key was revoked"
    INVALID_TOKEN         "invalid-token"         UNAUTHORIZED                    "The bearer token is not good"
    UNMAPPED_TOKEN        "unmapped-token"        FORBIDDEN                       "Nothing says what the holder of the bearer token may do"
    ISSUER_UNAVAILABLE    "issuer-unavailable"    SERVICE_UNAVAILABLE             "The keys of the issuer of the bearer token cannot be read"
    OUT_OF_SCOPE          "out-of-scope"          FORBIDDEN                       "The scopes of the API key do not allow this"
    FORBIDDEN             "forbidden"             FORBIDDEN                       "The role of the API key does not allow this"
    NOT_YOURS             "not-yours"             FORBIDDEN                       "It is about somebody whom the caller does not stand for"
    WRONG_TENANT          "wrong-tenant"          FORBIDDEN                       "The API key belongs to another tenant"

    // What is asked for.
    NO_SUCH_ROUTE         "no-such-route"         NOT_FOUND                       "There is nothing at this path"
    METHOD_NOT_ALLOWED    "method-not-allowed"    METHOD_NOT_ALLOWED              "This path does not answer to this method"
    NOT_FOUND             "not-found"             NOT_FOUND                       "There is no such thing in this tenant"
    UNKNOWN_TENANT        "unknown-tenant"        NOT_FOUND                       "There is no such tenant"
    UNKNOWN_FUNCTION      "unknown-function"      NOT_FOUND                       "There is no such function in this tenant"
    UNKNOWN_EXPORT        "unknown-export"        NOT_FOUND                       "The function has no such export"
    CONFLICT              "conflict"              CONFLICT                        "It exists already and cannot be changed"

    // What was sent.
    INVALID_PATH          "invalid-path"          BAD_REQUEST                     "A part of the path is not what it must be"
    INVALID_QUERY         "invalid-query"         BAD_REQUEST                     "The query is not what it must be"
    INVALID_JSON          "invalid-json"          BAD_REQUEST                     "The body is not JSON"
    INVALID_INPUT         "invalid-input"         BAD_REQUEST                     "The body does not have the shape that is asked for"
    INVALID_UPLOAD        "invalid-upload"        BAD_REQUEST                     "The body is not the form that is asked for"
    INCOMPLETE_BODY       "incomplete-body"       BAD_REQUEST                     "The body ended early"
    BODY_TOO_LARGE        "body-too-large"        PAYLOAD_TOO_LARGE               "The body is larger than what is accepted here"
    HEADERS_TOO_LARGE     "headers-too-large"     REQUEST_HEADER_FIELDS_TOO_LARGE "The header fields are too many or too large"
    BODY_TIMEOUT          "body-timeout"          REQUEST_TIMEOUT                 "The body came too slowly"

    // What was published or deployed.
    COMPONENT_TOO_LARGE   "component-too-large"   PAYLOAD_TOO_LARGE               "The component is larger than what is accepted"
    NOT_A_COMPONENT       "not-a-component"       UNPROCESSABLE_ENTITY            "The bytes are not WebAssembly"
    CORE_MODULE           "core-module"           UNPROCESSABLE_ENTITY            "The bytes are a core module, not a component"
    MALFORMED_COMPONENT   "malformed-component"   UNPROCESSABLE_ENTITY            "The component is damaged or cut short"
    UNUSABLE_COMPONENT    "unusable-component"    UNPROCESSABLE_ENTITY            "The component does not compile, link or start"
    WRONG_WORLD           "wrong-world"           UNPROCESSABLE_ENTITY            "The component does not fit the world of its manifest"
    FORBIDDEN_IMPORTS     "forbidden-imports"     UNPROCESSABLE_ENTITY            "The component imports what its world does not have"
    INVALID_MANIFEST      "invalid-manifest"      UNPROCESSABLE_ENTITY            "The manifest breaks a rule"
    MANIFEST_EXCESSIVE    "manifest-excessive"    UNPROCESSABLE_ENTITY            "The manifest requests what its world can never have"
    INVALID_SIGNATURE     "invalid-signature"     UNPROCESSABLE_ENTITY            "The signature does not fit the plugin"
    SIGNATURE_NEEDED      "signature-needed"      FORBIDDEN                       "This tenant accepts signed plugins only"
    INVALID_DOCUMENT      "invalid-document"      UNPROCESSABLE_ENTITY            "The SBOM or the provenance is not what it must be"
    GRANT_MISSING         "grant-missing"         FORBIDDEN                       "A capability is not granted"
    UNDECLARED_CONFIG     "undeclared-config"     UNPROCESSABLE_ENTITY            "The plugin has no such configuration key"
    INVALID_STEP          "invalid-step"          UNPROCESSABLE_ENTITY            "What the step says of itself breaks a rule"
    INVALID_FUNCTION      "invalid-function"      UNPROCESSABLE_ENTITY            "The deployment breaks a rule"
    INVALID               "invalid"               UNPROCESSABLE_ENTITY            "A value breaks a rule"

    // What the function did.
    FUNCTION_NOT_READY    "function-not-ready"    SERVICE_UNAVAILABLE             "The function is deployed but not ready on this host"
    WRONG_FACE            "wrong-face"            UNPROCESSABLE_ENTITY            "The function is not called like this"
    GUEST_INVALID_INPUT   "guest-invalid-input"   UNPROCESSABLE_ENTITY            "The plugin refused its input"
    GUEST_INVALID_CONFIG  "guest-invalid-config"  UNPROCESSABLE_ENTITY            "The plugin refused its configuration"
    GUEST_UNAVAILABLE     "guest-unavailable"     SERVICE_UNAVAILABLE             "The plugin depends on something that does not answer now"
    STEP_RETRYABLE        "step-retryable"        SERVICE_UNAVAILABLE             "The step asks to be run again later"
    GUEST_ERROR           "guest-error"           UNPROCESSABLE_ENTITY            "The plugin answered with an error"
    FUNCTION_FAILED       "function-failed"       BAD_GATEWAY                     "The function gave no answer"
    DEADLINE_EXCEEDED     "deadline-exceeded"     GATEWAY_TIMEOUT                 "The time limit was reached"
    CPU_TIME_EXCEEDED     "cpu-time-exceeded"     GATEWAY_TIMEOUT                 "The plugin computed for longer than its limit"
    TENANT_MEMORY_EXCEEDED "tenant-memory-exceeded" SERVICE_UNAVAILABLE            "The calls of the tenant have all the memory that they may have"
    TENANT_INSTANCES_EXCEEDED "tenant-instances-exceeded" SERVICE_UNAVAILABLE      "The tenant has all the instances that it may have"
    HANDLES_EXCEEDED      "handles-exceeded"      BAD_GATEWAY                     "The plugin holds more handles than its limit"
    INSTANCES_EXCEEDED    "instances-exceeded"    BAD_GATEWAY                     "The plugin is made of more instances than its limit"
    HOST_CALL_RATE_EXCEEDED "host-call-rate-exceeded" TOO_MANY_REQUESTS           "The plugin called the host too often in a second"
    MEMORY_EXCEEDED       "memory-exceeded"       BAD_GATEWAY                     "The plugin asked for more memory than its limit"
    STACK_OVERFLOW        "stack-overflow"        BAD_GATEWAY                     "The plugin recursed too deeply"
    HOST_CALLS_EXCEEDED   "host-calls-exceeded"   BAD_GATEWAY                     "The plugin called the host too often"
    GUEST_CRASHED         "guest-crashed"         BAD_GATEWAY                     "The plugin crashed"
    OUTPUT_TOO_LARGE      "output-too-large"      BAD_GATEWAY                     "The answer of the plugin exceeds its limit"
    OUTPUT_RATE_EXCEEDED  "output-rate-exceeded"  TOO_MANY_REQUESTS               "The functions of the tenant answered too many bytes in a second"
    INVALID_OUTPUT        "invalid-output"        BAD_GATEWAY                     "The answer of the plugin is not of its declared type"

    // Models.
    UNKNOWN_MODEL         "unknown-model"         NOT_FOUND                       "There is no such model in this tenant"
    MODEL_UNAVAILABLE     "model-unavailable"     SERVICE_UNAVAILABLE             "The model cannot run now"
    MODEL_MEMORY          "model-memory"          INSUFFICIENT_STORAGE            "The memory for models is not enough"
    INVALID_MODEL         "invalid-model"         UNPROCESSABLE_ENTITY            "The model is not what its configuration says"

    INVALID_DEPLOYMENT    "invalid-deployment"    UNPROCESSABLE_ENTITY            "The deployment of the model breaks a rule"
    DEPLOYMENT_CHANGED    "deployment-changed"    PRECONDITION_FAILED             "The deployment was changed meanwhile"
    GATE_NOT_MET          "gate-not-met"          UNPROCESSABLE_ENTITY            "The model was not measured as its deployment demands"
    MODEL_DEPLOYED        "model-deployed"        CONFLICT                        "The model is deployed"

    // Privacy.
    NO_BUDGET             "no-budget"             FORBIDDEN                       "The key has no privacy budget for the dataset"
    BUDGET_SPENT          "budget-spent"          PAYMENT_REQUIRED                "Too little of the privacy budget is left"

    // Events and triggers.
    INVALID_EVENT         "invalid-event"         BAD_REQUEST                     "The request is no CloudEvent that can be taken"
    INVALID_TRIGGER       "invalid-trigger"       UNPROCESSABLE_ENTITY            "The trigger breaks a rule"
    UNKNOWN_WEBHOOK       "unknown-webhook"       NOT_FOUND                       "There is no such webhook"
    UNVERIFIED_WEBHOOK    "unverified-webhook"    UNAUTHORIZED                    "The request is not signed as the webhook demands"
    ORIGIN_NOT_ALLOWED    "origin-not-allowed"    FORBIDDEN                       "Pages of this origin may not ask this"

    // Workflows.
    INVALID_WORKFLOW      "invalid-workflow"      UNPROCESSABLE_ENTITY            "The workflow cannot run here"

    // How much, and how fast.
    RATE_LIMITED          "rate-limited"          TOO_MANY_REQUESTS               "Requests come too fast"
    QUOTA_EXCEEDED        "quota-exceeded"        TOO_MANY_REQUESTS               "A quota of the tenant is used up until it begins anew"
    QUOTA_FULL            "quota-full"            FORBIDDEN                       "A quota of the tenant is full"

    // The host.
    TOO_MANY_REQUESTS     "too-many-requests"     TOO_MANY_REQUESTS               "Too much is running now"
    STORAGE_UNAVAILABLE   "storage-unavailable"   SERVICE_UNAVAILABLE             "The registry cannot be reached"
    NOT_READY             "not-ready"             SERVICE_UNAVAILABLE             "The host does not take requests now"
    ENGINE                "engine"                INTERNAL_SERVER_ERROR           "The WebAssembly engine failed"
    INTERNAL              "internal"              INTERNAL_SERVER_ERROR           "The host failed"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_kebab_case_and_errors() {
        for (i, kind) in ALL.iter().enumerate() {
            assert!(
                ALL[..i].iter().all(|k| k.code != kind.code),
                "{}",
                kind.code
            );
            assert!(
                kind.code
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{}",
                kind.code
            );
            assert!(kind.status.is_client_error() || kind.status.is_server_error());
            assert!(std::ptr::eq(of(kind.code), *kind));
        }
    }
}
