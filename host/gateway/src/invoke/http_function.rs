//! A `wasi:http` component: the request goes through, both bodies stream.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::CONTENT_SECURITY_POLICY;
use http::request;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt as _;
use steward_functions::{Call, Function};

use crate::body::{BodyError, BoundedBody, BoxError, Reply};
use crate::problem::{Problem, codes};

/// A page of a function has no origin of its own: functions of every tenant share one with the console, whose key such a
/// page could otherwise read, or whose requests it could take over with a service worker.
const SANDBOX: HeaderValue = HeaderValue::from_static(
    "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts",
);

/// Hands the request to the guest; `rest` is where the path begins that the guest sees.
pub(super) async fn handle(
    function: &Function,
    call: Call<'_>,
    mut head: request::Parts,
    rest: usize,
    mut body: BoundedBody,
) -> Result<Response<Reply>, Problem> {
    head.uri = seen_by_guest(&head.uri, rest)?;
    let mark = body.mark();
    let limit = body.limit();
    let body = body.map_err(BoxError::from).boxed_unsync();
    let outcome = function.handle(call, Request::from_parts(head, body)).await;
    if mark.is_some_and(|exceeded| exceeded.load(Ordering::Relaxed)) {
        return Err(BodyError::TooLarge { limit }.problem());
    }
    final_answer(outcome?)
}

/// Interim answers and a change of the protocol are the host's to make: behind a 101, a proxy would
/// take what follows on the connection for another protocol.
fn final_answer(mut answer: Response<Reply>) -> Result<Response<Reply>, Problem> {
    if answer.status().is_informational() {
        let detail = format!(
            "the function answered with the status {}, which is none of an answer",
            answer.status().as_u16()
        );
        return Err(Problem::new(&codes::FUNCTION_FAILED, detail));
    }
    // Beside what the function says itself: a browser keeps to all of them.
    answer
        .headers_mut()
        .append(CONTENT_SECURITY_POLICY, SANDBOX);
    Ok(answer)
}

/// The same URI without `/f/{tenant}/{function}`.
fn seen_by_guest(uri: &Uri, rest: usize) -> Result<Uri, Problem> {
    let whole = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let rest = whole.get(rest..).unwrap_or_default();
    let shown = if rest.starts_with('/') {
        Bytes::copy_from_slice(rest.as_bytes())
    } else {
        // Nothing, or only a query.
        Bytes::from(format!("/{rest}"))
    };
    let invalid = |e: &dyn std::fmt::Display| Problem::new(&codes::INVALID_PATH, e.to_string());
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::from_maybe_shared(shown).map_err(|e| invalid(&e))?);
    Uri::from_parts(parts).map_err(|e| invalid(&e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::full;

    #[test]
    fn an_interim_answer_is_no_answer() {
        for status in [100, 101, 103, 199] {
            let mut answer = Response::new(full(""));
            *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
            assert!(final_answer(answer).is_err(), "{status}");
        }
        assert!(final_answer(Response::new(full(""))).is_ok());
    }

    #[test]
    fn a_page_of_a_function_cannot_leave_its_sandbox() {
        let mut answer = Response::new(full("<script src=x></script>"));
        let own = HeaderValue::from_static("default-src *");
        answer
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, own.clone());
        let answer = final_answer(answer).unwrap();
        let policies = answer.headers().get_all(CONTENT_SECURITY_POLICY);
        let policies: Vec<_> = policies.iter().collect();
        assert_eq!(policies, [&own, &SANDBOX]);
        assert!(!SANDBOX.to_str().unwrap().contains("allow-same-origin"));
        assert!(!SANDBOX.to_str().unwrap().contains("top-navigation"));
    }

    #[test]
    fn the_guest_sees_what_follows_the_function() {
        for (given, seen) in [
            ("/f/t/n", "/"),
            ("/f/t/n/", "/"),
            ("/f/t/n?a=1", "/?a=1"),
            ("/f/t/n/a/b?c=%2f", "/a/b?c=%2f"),
            ("/f/t/n//x", "//x"),
            ("http://host:80/f/t/n/y", "http://host:80/y"),
        ] {
            assert_eq!(
                seen_by_guest(&given.parse().unwrap(), "/f/t/n".len()).unwrap(),
                seen,
                "{given}"
            );
        }
    }
}
