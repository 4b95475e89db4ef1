//! `/f/{tenant}/{function}[/{rest}]`, split by hand.

/// What every path of a function begins with.
pub(crate) const PREFIX: &str = "/f/";

/// The parts of an invocation's path, as they stand in it: nothing is decoded, so that an escaped
/// `/` or `.` is part of a name and not of the structure. Names hold no character that would need
/// escaping ([`steward_registry::Name`]); what is escaped names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route<'a> {
    pub tenant: &'a str,
    pub function: &'a str,
    /// Empty, or what follows the function, with its leading `/`.
    pub rest: &'a str,
}

impl<'a> Route<'a> {
    /// None where a tenant or a function is missing.
    pub fn split(path: &'a str) -> Option<Self> {
        let (tenant, after) = path.strip_prefix(PREFIX)?.split_once('/')?;
        let end = after.find('/').unwrap_or(after.len());
        let (function, rest) = after.split_at(end);
        (!tenant.is_empty() && !function.is_empty()).then_some(Self {
            tenant,
            function,
            rest,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_split_without_decoding() {
        for (path, tenant, function, rest) in [
            ("/f/default/echo", "default", "echo", ""),
            ("/f/default/echo/", "default", "echo", "/"),
            ("/f/default/echo/a/b", "default", "echo", "/a/b"),
            ("/f/default/echo//", "default", "echo", "//"),
            ("/f/default/echo/../../x", "default", "echo", "/../../x"),
            ("/f/%2e%2e/%2f/x", "%2e%2e", "%2f", "/x"),
            ("/f/../echo", "..", "echo", ""),
            ("/f/租户/函数/路", "租户", "函数", "/路"),
            ("/f/a\0b/c", "a\0b", "c", ""),
        ] {
            assert_eq!(
                Route::split(path),
                Some(Route {
                    tenant,
                    function,
                    rest
                }),
                "{path}"
            );
        }
    }

    #[test]
    fn what_lacks_a_tenant_or_a_function_is_no_route() {
        for path in [
            "",
            "/",
            "/f",
            "/f/",
            "/f//",
            "/f//echo",
            "/f/default",
            "/f/default/",
            "/f/default//x",
            "//f/a/b",
            "/F/a/b",
            "/api/v1/me",
        ] {
            assert_eq!(Route::split(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_make_up_the_path(path in "(/f/)?[a-z/%.é中]{0,40}") {
            if let Some(r) = Route::split(&path) {
                prop_assert_eq!(format!("/f/{}/{}{}", r.tenant, r.function, r.rest), path.clone());
                prop_assert!(!r.tenant.contains('/') && !r.function.contains('/'));
                prop_assert!(r.rest.is_empty() || r.rest.starts_with('/'));
            }
        }
    }
}
