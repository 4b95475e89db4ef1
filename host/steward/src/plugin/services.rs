//! The services of a case: what it recorded, in the place of the network.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use steward_egress::StandIn;
use steward_sdk::testing::{Given, Replay};

/// Answers for the case that runs.
#[derive(Clone, Default)]
pub struct Services(Arc<Mutex<Replay>>);

impl Services {
    /// Begins a case.
    pub fn begin(&self, given: &Given) {
        *self.0.lock() = Replay::new(given.http.clone());
    }

    /// How the case went, with what it sent.
    ///
    /// # Errors
    /// What differs, for people.
    pub fn judge(&self, ran: Result<(), String>) -> Result<(), String> {
        match (ran, self.0.lock().judge()) {
            (Err(why), Err(sent)) => Err(format!("{why}; {sent}")),
            (ran, played) => ran.and(played),
        }
    }
}

impl StandIn for Services {
    fn answer(&self, origin: &str, request: http::Request<Bytes>) -> Option<http::Response<Bytes>> {
        let path = request.uri().path_and_query();
        let url = format!("{origin}{}", path.map_or("/", |path| path.as_str()));
        let method = request.method().as_str();
        let recorded = self.0.lock().answer(method, &url, request.body())?;
        let mut answer = http::Response::builder().status(recorded.status);
        for (name, value) in recorded.fields() {
            answer = answer.header(name, value);
        }
        answer.body(Bytes::from(recorded.bytes())).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_case_is_judged_by_what_it_sent_too() {
        let services = Services::default();
        let given = json!({"http": [{"method": "POST", "url": "https://a.example/x?y=1", "status": 201, "body": [1]}]});
        let given: Given = serde_json::from_value(given).unwrap();
        services.begin(&given);
        assert!(services.judge(Ok(())).is_err());
        let request = http::Request::post("/x?y=1").body(Bytes::new()).unwrap();
        let answer = services.answer("https://a.example", request).unwrap();
        assert_eq!(
            (answer.status().as_u16(), &**answer.body()),
            (201, &b"[1]"[..])
        );
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(services.judge(Ok(())), Ok(()));
        assert_eq!(services.judge(Err("x".into())), Err("x".into()));
        services.begin(&given);
        let request = http::Request::get("/").body(Bytes::new()).unwrap();
        assert!(services.answer("https://a.example", request).is_none());
        let why = services.judge(Err("x".into())).unwrap_err();
        assert!(why.contains("GET https://a.example/"), "{why}");
    }
}
