//! Paths of functions: which route answers a request, and what pages of other origins may ask.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method};
use steward_registry::events::{Cors, HttpTrigger, Trigger, TriggerOn};

/// A path with parts that are left open: `/orders/{id}` for one word, `/files/*` for everything below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    words: Vec<Word>,
    below: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Exact(String),
    Any,
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let wrong = || {
            let shown: String = given
                .chars()
                .take(80)
                .flat_map(char::escape_debug)
                .collect();
            format!(
                "`{shown}` is no path of a route: `/`, `/orders`, `/orders/{{id}}` for any one word, `/files/*` for everything below"
            )
        };
        let rest = given.strip_prefix('/').ok_or_else(wrong)?;
        if given.len() > 512 {
            return Err(wrong());
        }
        let (rest, below) = match rest.strip_suffix('*') {
            Some("") => {
                return Ok(Self {
                    words: Vec::new(),
                    below: true,
                });
            }
            Some(before) => (before.strip_suffix('/').ok_or_else(wrong)?, true),
            None => (rest, false),
        };
        let word = |word: &str| {
            let open = word.strip_prefix('{').and_then(|w| w.strip_suffix('}'));
            let plain = |w: &str| {
                w.bytes()
                    .all(|b| b.is_ascii_graphic() && !b"{}*?#%\\\"<>^`|".contains(&b))
            };
            match open {
                Some(name) if !name.is_empty() && plain(name) => Ok(Word::Any),
                None if plain(word) && word != "." && word != ".." => {
                    Ok(Word::Exact(word.to_owned()))
                }
                _ => Err(wrong()),
            }
        };
        let words = rest.split('/').map(word).collect::<Result<_, _>>()?;
        Ok(Self { words, below })
    }
}

impl Pattern {
    /// Whether a path is meant, as it stands in the request: nothing is decoded. No path is the path `/`.
    pub fn matches(&self, path: &str) -> bool {
        let mut words = path.strip_prefix('/').unwrap_or(path).split('/');
        for wanted in &self.words {
            match (words.next(), wanted) {
                (Some(word), Word::Exact(wanted)) if word == wanted => {}
                (Some(word), Word::Any) if !word.is_empty() => {}
                _ => return false,
            }
        }
        // `/files/*` is what is below, not the folder itself; `/*` is everything.
        match self.below {
            true => self.words.is_empty() || words.next().is_some(),
            false => words.next().is_none(),
        }
    }
}

/// A route of a function.
#[derive(Debug)]
pub struct Route {
    patterns: Vec<Pattern>,
    methods: Vec<Method>,
    /// Whether requests need no key.
    pub public: bool,
    cors: Option<Cors>,
}

impl Route {
    /// None where it holds a path or a method that is none: then nothing is let through by it.
    fn of(routes: &HttpTrigger) -> Option<Self> {
        Some(Self {
            patterns: routes
                .paths
                .iter()
                .map(|p| p.parse().ok())
                .collect::<Option<_>>()?,
            methods: routes
                .methods
                .iter()
                .map(|m| m.parse().ok())
                .collect::<Option<_>>()?,
            public: routes.public,
            cors: routes.cors.clone(),
        })
    }

    fn has_path(&self, path: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(path))
    }

    fn has_method(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }

    /// What a page of the request's origin may see of the answer. None where its origin may not ask.
    pub fn cors_headers(&self, request: &HeaderMap) -> Option<HeaderMap> {
        let cors = self.cors.as_ref()?;
        let origin = request.get(ORIGIN)?;
        let named = cors
            .origins
            .iter()
            .any(|o| o.as_bytes() == origin.as_bytes());
        let any = cors.origins.iter().any(|o| o == "*");
        if !named && !any {
            return None;
        }
        let mut headers = HeaderMap::new();
        let allowed = if named {
            origin.clone()
        } else {
            HeaderValue::from_static("*")
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        if cors.credentials {
            headers.insert(
                ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        if let Some(names) = list(&cors.expose) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, names);
        }
        Some(headers)
    }

    fn preflight(&self, request: &HeaderMap) -> Option<HeaderMap> {
        let cors = self.cors.as_ref()?;
        let mut headers = self.cors_headers(request)?;
        headers.remove(ACCESS_CONTROL_EXPOSE_HEADERS);
        let methods: Vec<String> = match self.methods.is_empty() {
            true => ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
                .map(String::from)
                .into(),
            false => self.methods.iter().map(Method::to_string).collect(),
        };
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, list(&methods)?);
        if let Some(names) = list(&cors.headers) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(cors.max_age_s));
        Some(headers)
    }
}

fn list(names: &[String]) -> Option<HeaderValue> {
    match names.is_empty() {
        true => None,
        false => HeaderValue::from_str(&names.join(", ")).ok(),
    }
}

/// What a function with routes does with a request.
#[derive(Debug)]
pub enum Admission {
    /// A route takes it.
    Route(Arc<Routes>, usize),
    /// The gateway answers a preflight itself, with these header fields: none where the origin may not ask.
    Preflight(Option<HeaderMap>),
    /// No route has the path.
    NoPath,
    /// Routes have the path, for these methods alone.
    Methods(Vec<Method>),
}

/// The routes of one function, by the name of their triggers.
#[derive(Debug, Default)]
pub struct Routes(Vec<Route>);

impl Routes {
    /// A route by its place.
    pub fn get(&self, at: usize) -> Option<&Route> {
        self.0.get(at)
    }

    /// The first route that takes the path and the method.
    pub fn admit(self: &Arc<Self>, method: &Method, path: &str, headers: &HeaderMap) -> Admission {
        let asked = headers
            .get(ACCESS_CONTROL_REQUEST_METHOD)
            .filter(|_| *method == Method::OPTIONS && headers.contains_key(ORIGIN))
            .map(|value| Method::from_bytes(value.as_bytes()));
        if let Some(asked) = asked {
            let with_cors = |route: &&Route| route.cors.is_some() && route.has_path(path);
            let mut routes = self.0.iter().filter(with_cors).peekable();
            // Where nothing is said of other origins, the question is the function's to answer.
            if routes.peek().is_some() {
                let route = routes.find(|r| asked.as_ref().is_ok_and(|m| r.has_method(m)));
                return Admission::Preflight(route.and_then(|route| route.preflight(headers)));
            }
        }
        let mut methods = Vec::new();
        let mut any = false;
        for (at, route) in self.0.iter().enumerate().filter(|(_, r)| r.has_path(path)) {
            if route.has_method(method) {
                return Admission::Route(Arc::clone(self), at);
            }
            any = true;
            methods.extend(route.methods.iter().cloned());
        }
        match any {
            true => Admission::Methods(methods),
            false => Admission::NoPath,
        }
    }
}

/// The routes of every function, by tenant and function.
#[derive(Debug, Default)]
pub(crate) struct Table(HashMap<String, HashMap<String, Arc<Routes>>>);

impl Table {
    /// Of triggers that are in the order of their names.
    pub(crate) fn of<'a>(triggers: impl IntoIterator<Item = &'a Trigger>) -> Self {
        let mut table: HashMap<String, HashMap<String, Routes>> = HashMap::new();
        for trigger in triggers {
            let TriggerOn::Http(http) = &trigger.spec.on else {
                continue;
            };
            // Switched off or not, it says that the function has routes: a function is never opened by switching one off.
            let Some(function) = trigger.spec.function.as_ref().map(ToString::to_string) else {
                continue;
            };
            let tenant = table.entry(trigger.tenant.to_string()).or_default();
            let routes = tenant.entry(function).or_default();
            match Route::of(http) {
                Some(route) if trigger.spec.enabled => routes.0.push(route),
                Some(_) => {}
                None => {
                    tracing::error!(tenant = %trigger.tenant, trigger = %trigger.name, "a route cannot be read")
                }
            }
        }
        let arcs = |routes: HashMap<String, Routes>| {
            routes
                .into_iter()
                .map(|(name, routes)| (name, Arc::new(routes)))
                .collect()
        };
        Self(
            table
                .into_iter()
                .map(|(tenant, routes)| (tenant, arcs(routes)))
                .collect(),
        )
    }

    pub(crate) fn get(&self, tenant: &str, function: &str) -> Option<&Arc<Routes>> {
        self.0.get(tenant)?.get(function)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn patterns_match_whole_words() {
        for (pattern, path, matches) in [
            ("/", "", true),
            ("/", "/", true),
            ("/", "/a", false),
            ("/*", "", true),
            ("/*", "/a/b", true),
            ("/orders", "/orders", true),
            ("/orders", "/orders/", false),
            ("/orders", "/Orders", false),
            ("/orders/{id}", "/orders/7", true),
            ("/orders/{id}", "/orders/", false),
            ("/orders/{id}", "/orders/7/items", false),
            ("/orders/{id}/items", "/orders/7/items", true),
            ("/files/*", "/files", false),
            ("/files/*", "/files/", true),
            ("/files/*", "/files/a/b", true),
            ("/files/*", "/filesystem/a", false),
            // Nothing is decoded: an escaped word is another word, and a dot is a dot.
            ("/orders", "/%6frders", false),
            ("/orders", "/x/../orders", false),
        ] {
            assert_eq!(
                pattern.parse::<Pattern>().unwrap().matches(path),
                matches,
                "{pattern} {path}"
            );
        }
        for bad in [
            "", "a", "/a*", "/*/a", "/{}", "/{a", "/a b", "/é", "/..", "/a/./b", "/a?b", "/a%20b",
            "/{a}{b}",
        ] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
    }

    fn routes(all: &[Value]) -> Arc<Routes> {
        let route =
            |value: &Value| Route::of(&serde_json::from_value(value.clone()).unwrap()).unwrap();
        Arc::new(Routes(all.iter().map(route).collect()))
    }

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let value = |v: &str| HeaderValue::from_str(v).unwrap();
        fields
            .iter()
            .map(|(n, v)| (n.parse().unwrap(), value(v)))
            .collect()
    }

    #[test]
    fn the_first_route_that_fits_answers() {
        let routes = routes(&[
            json!({ "paths": ["/health"], "methods": ["GET"], "public": true }),
            json!({ "paths": ["/*"], "methods": ["GET", "POST"] }),
        ]);
        let admit = |method: &str, path: &str| {
            routes.admit(&method.parse().unwrap(), path, &HeaderMap::new())
        };
        assert!(matches!(admit("GET", "/health"), Admission::Route(_, 0)));
        assert!(matches!(admit("POST", "/health"), Admission::Route(_, 1)));
        assert!(matches!(admit("GET", "/other"), Admission::Route(_, 1)));
        let Admission::Methods(methods) = admit("DELETE", "/other") else {
            panic!()
        };
        assert_eq!(methods, [Method::GET, Method::POST]);
        // One that is switched off leaves the function closed.
        assert!(matches!(
            Arc::new(Routes::default()).admit(&Method::GET, "/", &HeaderMap::new()),
            Admission::NoPath
        ));
    }

    #[test]
    fn preflights_are_answered_for_the_origins_that_are_named() {
        let routes = routes(&[json!({
            "paths": ["/api/*"], "methods": ["POST"],
            "cors": { "origins": ["https://shop.example"], "headers": ["content-type", "x-a"], "credentials": true, "expose": ["x-b"] },
        })]);
        let ask = |origin: &str, method: &str, path: &str| {
            let fields = headers(&[
                ("origin", origin),
                ("access-control-request-method", method),
            ]);
            routes.admit(&Method::OPTIONS, path, &fields)
        };
        let Admission::Preflight(Some(allowed)) = ask("https://shop.example", "POST", "/api/x")
        else {
            panic!()
        };
        assert_eq!(
            allowed["access-control-allow-origin"],
            "https://shop.example"
        );
        assert_eq!(allowed["access-control-allow-methods"], "POST");
        assert_eq!(allowed["access-control-allow-headers"], "content-type, x-a");
        assert_eq!(allowed["access-control-allow-credentials"], "true");
        assert_eq!(allowed["access-control-max-age"], "600");
        assert_eq!(allowed["vary"], "Origin");
        for (origin, method, path) in [
            ("https://evil.example", "POST", "/api/x"),
            ("https://shop.example.evil.example", "POST", "/api/x"),
            ("null", "POST", "/api/x"),
            ("https://shop.example", "DELETE", "/api/x"),
        ] {
            assert!(
                matches!(ask(origin, method, path), Admission::Preflight(None)),
                "{origin} {method}"
            );
        }
        assert!(matches!(
            ask("https://shop.example", "POST", "/other"),
            Admission::NoPath
        ));
        // An answer says what a page may read, and nothing to others.
        let Admission::Route(all, at) = routes.admit(&Method::POST, "/api/x", &HeaderMap::new())
        else {
            panic!()
        };
        let route = all.get(at).unwrap();
        let shown = route
            .cors_headers(&headers(&[("origin", "https://shop.example")]))
            .unwrap();
        assert_eq!(shown["access-control-expose-headers"], "x-b");
        assert!(
            route
                .cors_headers(&headers(&[("origin", "https://evil.example")]))
                .is_none()
        );
        assert!(route.cors_headers(&HeaderMap::new()).is_none());
    }

    proptest! {
        #[test]
        fn any_pattern_is_read_or_refused(pattern in "[/a-z{}*.%é ]{0,20}", path in "[/a-z.%]{0,20}") {
            if let Ok(pattern) = pattern.parse::<Pattern>() {
                let _ = pattern.matches(&path);
            }
        }
    }
}
