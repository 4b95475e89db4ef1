//! The console: a page of static files in the binary. It holds nothing of any tenant; what it shows it asks from the API, with
//! the key of whoever looks at it.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use steward_registry::Digest;

use crate::extract::InPath;
use crate::problem::{Problem, codes};

/// Where the parts of the page are.
pub(crate) const PREFIX: &str = "/console/";

/// Nothing but these files runs or is loaded, nothing is sent elsewhere, no text becomes code (a browser that knows Trusted
/// Types refuses every assignment of HTML), and no page has this one in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// What every file is sent with. Another page of the same origin gets no hold on the window in which somebody signs in.
const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    // A browser may keep it and asks whether it is still the same: an upgrade is seen at once.
    (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
];

/// One file of the page.
struct File {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    /// Of its bytes, with quotes.
    tag: LazyLock<String>,
}

macro_rules! files {
    ($($name:literal $kind:literal)*) => {
        [$(File {
            name: $name,
            kind: $kind,
            bytes: include_bytes!(concat!("../console/", $name)),
            tag: LazyLock::new(|| tag(include_bytes!(concat!("../console/", $name)))),
        }),*]
    };
}

static PAGE: [File; 1] = files! { "index.html" "text/html; charset=utf-8" };

static PARTS: [File; 10] = files! {
    "console.css"  "text/css; charset=utf-8"
    "mark.svg"     "image/svg+xml"
    "app.js"       "text/javascript; charset=utf-8"
    "api.js"       "text/javascript; charset=utf-8"
    "dom.js"       "text/javascript; charset=utf-8"
    "consent.js"   "text/javascript; charset=utf-8"
    "words.js"     "text/javascript; charset=utf-8"
    "functions.js" "text/javascript; charset=utf-8"
    "plugins.js"   "text/javascript; charset=utf-8"
    "lists.js"     "text/javascript; charset=utf-8"
};

fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", Digest::of(bytes))
}

impl File {
    fn answer(&self, asked: &HeaderMap) -> Response {
        let mut headers = HeaderMap::from_iter(HEADERS);
        // A digest in quotes has no character that a header may not have.
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            headers.insert(ETAG, tag);
        }
        if self.is_known(asked) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        (headers, Bytes::from_static(self.bytes)).into_response()
    }

    /// Whether the client has these very bytes already.
    fn is_known(&self, asked: &HeaderMap) -> bool {
        let tags = asked.get_all(IF_NONE_MATCH).iter();
        tags.filter_map(|tags| tags.to_str().ok())
            .flat_map(|tags| tags.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag.trim_start_matches("W/") == self.tag.as_str())
    }
}

/// The console, a page for people.
#[utoipa::path(get, path = "/", tag = "system",
    responses(
        (status = 200, description = "The page; it asks for a key", content_type = "text/html", body = String),
        (status = 304, description = "It is the one that `If-None-Match` names"),
    ))]
pub(crate) async fn page(asked: HeaderMap) -> Response {
    let [page] = &PAGE;
    page.answer(&asked)
}

/// A part of the console: its style, a script, its mark.
#[utoipa::path(get, path = "/console/{file}", tag = "system",
    params(("file" = String, Path, description = "Name of the file")),
    responses(
        (status = 200, description = "The file", content(
            (String = "text/javascript"), (String = "text/css"), (String = "image/svg+xml"),
        )),
        (status = 304, description = "It is the one that `If-None-Match` names"),
    ))]
pub(crate) async fn part(
    InPath(name): InPath<String>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let part = PARTS.iter().find(|file| file.name == name);
    let part = part.ok_or_else(|| {
        Problem::new(
            &codes::NO_SUCH_ROUTE,
            "the console has no such part; it is at `/`",
        )
    })?;
    Ok(part.answer(&asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
        let all = PAGE.iter().chain(&PARTS);
        all.map(|file| (file.name, std::str::from_utf8(file.bytes).unwrap()))
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere_and_makes_no_html_of_texts() {
        for (name, text) in texts() {
            // The name space of SVG is a name, not an address.
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for outside in ["http://", "https://", "@import", "url(", "//cdn"] {
                assert!(!text.contains(outside), "{name}: {outside}");
            }
            for unsafe_way in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "DOMParser",
                "createContextualFragment",
                "setHTMLUnsafe",
                "srcdoc",
                "eval(",
                "Function(",
                "localStorage.setItem(KEY",
                "document.cookie",
            ] {
                assert!(!text.contains(unsafe_way), "{name}: {unsafe_way}");
            }
        }
        let (_, page) = texts().next().unwrap();
        for inline in ["<style", "style=", "onclick", "onload", "<script>"] {
            assert!(!page.contains(inline), "{inline}");
        }
    }

    #[test]
    fn every_part_that_is_named_is_there() {
        let there = |name: &str| PARTS.iter().any(|file| file.name == name);
        for (name, text) in texts() {
            for before in [
                "from './",
                "href=\"/console/",
                "src=\"/console/",
                "'/console/",
            ] {
                for found in text.split(before).skip(1) {
                    let part = found.split(['\'', '"']).next().unwrap();
                    assert!(there(part), "{name} names {part}");
                }
            }
        }
    }

    #[test]
    fn a_tag_is_known_however_it_is_sent() {
        let [page] = &PAGE;
        let known = |value: &str| {
            let mut asked = HeaderMap::new();
            asked.insert(IF_NONE_MATCH, HeaderValue::from_str(value).unwrap());
            page.answer(&asked).status() == StatusCode::NOT_MODIFIED
        };
        let tag = page.tag.as_str();
        for sent in [tag, "*", &format!("W/{tag}"), &format!("\"a\", {tag}")] {
            assert!(known(sent), "{sent}");
        }
        for sent in ["", "\"a\"", tag.trim_matches('"')] {
            assert!(!known(sent), "{sent}");
        }
    }
}
