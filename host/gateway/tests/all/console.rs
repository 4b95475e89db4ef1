//! The console as it is served: to anybody, with strict headers, and nothing of any tenant in it.

use reqwest::Method;

use crate::host::{Answer, Host, NAME};

const PARTS: [(&str, &str); 4] = [
    ("/", "text/html; charset=utf-8"),
    ("/console/app.js", "text/javascript; charset=utf-8"),
    ("/console/console.css", "text/css; charset=utf-8"),
    ("/console/mark.svg", "image/svg+xml"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_part_has_strict_headers_and_holds_nothing_of_a_tenant() {
    let host = Host::start().await;
    for (path, kind) in PARTS {
        let answer = Answer::of(host.ask(Method::GET, path)).await;
        let header = |name: &str| answer.headers[name].to_str().unwrap();
        assert_eq!(header("content-type"), kind, "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("cache-control"), "no-cache");
        let policy = header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.split("; ").any(|p| p == part), "{part} in {policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );

        // A key changes nothing of it, and so it reveals nothing.
        let tag = answer.headers["etag"].clone();
        let text = answer.is(200).to_string();
        assert!(!text.contains(NAME) && !text.contains("stw_"), "{path}");
        let with_key = Answer::of(host.operator(Method::GET, path)).await;
        assert_eq!(with_key.headers["etag"], tag);
        assert_eq!(with_key.is(200).to_string(), text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_has_is_not_sent_again() {
    let host = Host::start().await;
    let mut tags = std::collections::HashSet::new();
    for (path, _) in PARTS {
        let first = Answer::of(host.ask(Method::GET, path)).await;
        let tag = first.headers["etag"].to_str().unwrap().to_owned();
        let again = host.ask(Method::GET, path).header("if-none-match", &tag);
        let again = Answer::of(again).await;
        // Strict all the same: a browser takes the headers of a 304 in place of those it kept.
        let policy = &first.headers["content-security-policy"];
        assert_eq!(&again.headers["content-security-policy"], policy);
        assert_eq!(again.headers["etag"], tag.as_str());
        assert_eq!(again.is(304), "");
        let other = host.ask(Method::GET, path).header("if-none-match", "\"x\"");
        Answer::of(other).await.is(200);
        assert!(tags.insert(tag), "{path} has the tag of another");
        let head = Answer::of(host.ask(Method::HEAD, path)).await;
        assert_eq!(head.headers["etag"], first.headers["etag"]);
        assert_eq!(head.is(200), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_in_nobodys_way() {
    let host = Host::start().await;
    for absent in [
        "/console",
        "/console/",
        "/console/absent.js",
        "/console/index.html",
        "/console/..%2fapp.js",
        "/console/app.js/x",
        "/functions",
        "/index.html",
    ] {
        Answer::of(host.ask(Method::GET, absent))
            .await
            .problem(404, "no-such-route");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        for (path, _) in PARTS {
            Answer::of(host.operator(method.clone(), path))
                .await
                .problem(405, "method-not-allowed");
        }
    }
    // What needs a key needs it as before.
    Answer::of(host.ask(Method::GET, "/api/v1/functions"))
        .await
        .problem(401, "missing-key");
    Answer::of(host.operator(Method::GET, "/api/v1/functions"))
        .await
        .is(200);
}
