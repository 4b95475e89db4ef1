//! Hands the host every name that it is told, by every interface that takes one, and says what it got.
//!
//! `/keeps/NAME`: puts something into the bucket and the container of this name, and appends the event `NAME.made`.
//! `/reads/OWN`: reads by the names in the body, a JSON array, and answers with an array of what it got.
//! `/writes/OWN`: makes a key and an object of each of the names, in its own bucket and container.

use serde_json::json;
use steward_sdk::events::{self, Filter, NewEvent};
use steward_sdk::{config, inference, privacy, secrets};
use wasmcloud_component::wasi::blobstore::blobstore::{create_container, get_container};
use wasmcloud_component::wasi::blobstore::types::{IncomingValue, OutgoingValue};
use wasmcloud_component::wasi::keyvalue::store;
use wstd::http::{Body, Request, Response};

/// The name of the key and of the object that `/keeps` makes.
const KEY: &str = "mine";

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, wstd::http::Error> {
    steward_sdk::panic::log_panics();
    let (head, mut body) = request.into_parts();
    let body = body.contents().await?.to_vec();
    let names: Vec<String> = serde_json::from_slice(&body)?;
    let path: Vec<&str> = head.uri.path().trim_start_matches('/').split('/').collect();
    let answer = match path[..] {
        ["keeps", name] => match keeps(name) {
            Ok(()) => json!("kept"),
            Err(why) => json!({ "error": why }),
        },
        ["reads", own] => json!(reads(own, &names)),
        ["writes", own] => json!(writes(own, &names)),
        _ => json!("harmless"),
    };
    Ok(Response::new(Body::from_json(&answer)?))
}

fn keeps(name: &str) -> Result<(), String> {
    put_key(name, KEY)?;
    put_object(name, KEY)?;
    let event = NewEvent::new(&format!("{name}.made")).id("once");
    events::append(&[event]).map_err(|error| format!("{error:?}"))?;
    Ok(())
}

fn put_key(bucket: &str, key: &str) -> Result<(), String> {
    let bucket = store::open(&bucket.to_owned()).map_err(|_| "no bucket")?;
    let value = b"theirs".to_vec();
    bucket.set(&key.to_owned(), &value).map_err(|_| "the key is not set")?;
    Ok(())
}

fn put_object(container: &str, object: &str) -> Result<(), String> {
    let container = match get_container(&container.to_owned()) {
        Ok(container) => container,
        Err(_) => create_container(&container.to_owned())?,
    };
    let value = OutgoingValue::new_outgoing_value();
    let stream = value.outgoing_value_write_body().map_err(|()| "no body")?;
    container.write_data(&object.to_owned(), &value)?;
    stream.blocking_write_and_flush(b"theirs").map_err(|error| format!("{error:?}"))?;
    drop(stream);
    OutgoingValue::finish(value)?;
    Ok(())
}

/// Everything that the names gave.
fn reads(own: &str, names: &[String]) -> Vec<String> {
    let (own, key) = (own.to_owned(), KEY.to_owned());
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let mut got = Vec::new();
    for name in names {
        let mut tell = |kind: &str, what: String| got.push(format!("{kind} {name}: {what}"));
        if let Ok(bucket) = store::open(name) {
            tell("bucket", "open".into());
            if let Ok(Some(value)) = bucket.get(&key) {
                tell("key", text(value));
            }
        }
        if let Ok(container) = get_container(name) {
            tell("container", "open".into());
            if let Ok(value) = container.get_data(&key, 0, u64::MAX) {
                tell("object", IncomingValue::incoming_value_consume_sync(value).map_or_else(|why| why, text));
            }
        }
        if let Ok(secret) = secrets::get(name) {
            tell("secret", text(secret.reveal()));
        }
        if inference::open(name).is_ok() {
            tell("model", "open".into());
        }
        if privacy::open(name).is_ok() {
            tell("dataset", "open".into());
        }
        if let Ok(found) = events::query(&Filter::types(name))
            && !found.is_empty()
        {
            tell("events", found.len().to_string());
        }
        if let Ok(Some(value)) = config::get(name) {
            tell("config", value);
        }
        // As the name of a part of what is its own.
        if let Ok(bucket) = store::open(&own)
            && let Ok(Some(value)) = bucket.get(name)
        {
            tell("own key", text(value));
        }
        if let Ok(container) = get_container(&own)
            && container.has_object(name) == Ok(true)
        {
            tell("own object", "there".into());
        }
    }
    got
}

/// How many keys and objects were made.
fn writes(own: &str, names: &[String]) -> usize {
    let made = |name: &String| {
        usize::from(put_key(own, name).is_ok()) + usize::from(put_object(own, name).is_ok())
    };
    names.iter().map(made).sum()
}
