//! Recommends items of a shop: `steward_recommendation` as a component.
//!
//! A workflow asks it to collect what happened (`/collect`), to measure (`/measure`) and to publish (`/publish`) what the
//! recommenders gave; whoever may call it asks for a customer (`/customers/ID`), an item (`/items/ID`) or a statistic
//! (`/statistics/NAME`).

mod answers;
mod refresh;
mod statistics;
mod store;

use std::collections::HashMap;

use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};
use wstd::http::{Body, Error, Method, Request, Response};

/// The largest body of a request.
const MAX_BODY_BYTES: usize = 8 << 20;

/// Why there is no answer: a status and a text for people.
struct Refusal(u16, String);

impl Refusal {
    fn wrong(why: impl Into<String>) -> Self {
        Self(400, why.into())
    }

    fn later(why: impl Into<String>) -> Self {
        Self(503, why.into())
    }
}

impl From<steward_sdk::Error> for Refusal {
    fn from(error: steward_sdk::Error) -> Self {
        match error {
            steward_sdk::Error::InvalidInput(why) => Self::wrong(why),
            steward_sdk::Error::Unavailable(why) => Self::later(why),
            steward_sdk::Error::InvalidConfig(why) | steward_sdk::Error::Other(why) => {
                Self(500, why)
            }
        }
    }
}

impl From<steward_sdk::inference::Error> for Refusal {
    fn from(error: steward_sdk::inference::Error) -> Self {
        steward_sdk::Error::from(error).into()
    }
}

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    steward_sdk::panic::log_panics();
    let (head, body) = request.into_parts();
    let body = match Limited::new(body.into_boxed_body(), MAX_BODY_BYTES)
        .collect()
        .await
    {
        Ok(body) => body.to_bytes(),
        Err(_) => return told(&Err(Refusal::wrong("the body is too large, or broke off"))),
    };
    let query: HashMap<String, String> =
        form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let decode = |part: &str| {
        percent_encoding::percent_decode_str(part)
            .decode_utf8_lossy()
            .into_owned()
    };
    let path: Vec<String> = head
        .uri
        .path()
        .trim_matches('/')
        .split('/')
        .map(decode)
        .collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    told(&match (&head.method, path.as_slice()) {
        (&Method::POST, ["collect"]) => refresh::collect(),
        (&Method::POST, ["measure"]) => refresh::measure(&body),
        (&Method::POST, ["publish"]) => refresh::publish(&body),
        (&Method::GET, ["customers", customer]) => answers::customer(customer, &query),
        (&Method::GET, ["items", item]) => answers::item(item, &query),
        (&Method::GET, ["statistics", name]) => statistics::tell(name),
        _ => Err(Refusal(
            404,
            "there are /customers/ID, /items/ID and /statistics/NAME to get; a workflow posts to /collect, /measure and /publish".into(),
        )),
    })
}

fn told(answer: &Result<Value, Refusal>) -> Result<Response<Body>, Error> {
    let (status, value) = match answer {
        Ok(value) => (200, value.clone()),
        Err(Refusal(status, why)) => (*status, json!({ "error": why })),
    };
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json");
    Ok(response.body(Body::from_json(&value)?)?)
}
