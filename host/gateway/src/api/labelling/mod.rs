//! Labelling: projects, the work of annotators and judges, models that label beforehand, what comes in and goes out.

mod bodies;
pub(crate) mod files;
pub(crate) mod judging;
pub(crate) mod projects;
pub(crate) mod results;
pub(crate) mod work;

/// Where projects are listed.
const PATH: &str = "/api/v1/labelling";

/// Whether a path is one whose request may be as large, and may take as long, as an upload.
pub(crate) fn takes_its_time(method: &str, path: &str) -> bool {
    let project = path
        .strip_prefix(PATH)
        .and_then(|rest| rest.strip_prefix('/'));
    let Some((_, what)) = project.and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    match method {
        "POST" => ["tasks", "predictions", "weak", "imports", "snapshots"].contains(&what),
        "GET" => ["agreement", "results", "trust", "export"].contains(&what),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::takes_its_time;

    #[test]
    fn large_requests_are_those_of_a_whole_project() {
        assert!(takes_its_time("POST", "/api/v1/labelling/p/imports"));
        assert!(takes_its_time("GET", "/api/v1/labelling/p/results"));
        assert!(takes_its_time("POST", "/api/v1/labelling/p/weak"));
        for (method, path) in [
            ("GET", "/api/v1/labelling/p/imports"),
            ("POST", "/api/v1/labelling"),
            ("POST", "/api/v1/labelling/p"),
            ("POST", "/api/v1/labelling/p/tasks/t/annotations"),
            ("POST", "/api/v1/labellings/p/tasks"),
        ] {
            assert!(!takes_its_time(method, path), "{method} {path}");
        }
    }
}
