//! A step that does what its payload says: `{"do": …}`.

use serde_json::{Value, json};
use steward_sdk::events::{self, NewEvent};
use steward_sdk::http::Request;
use steward_sdk::privacy::{Query, Spend};
use steward_sdk::step::{Context, Description, Error, Step};
use steward_sdk::{config, secrets};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

mod keys {
    wit_bindgen::generate!({
        path: "../../../host/capabilities/wit/keyvalue-draft2",
        world: "wasi:keyvalue/imports",
        generate_all,
    });
}

mod objects {
    wit_bindgen::generate!({
        path: "../../../host/capabilities/wit/blobstore",
        world: "wasi:blobstore/imports",
        generate_all,
    });
}

struct Steps;

steward_sdk::export_step!(Steps);

impl Step for Steps {
    type Input = Value;
    type Output = Value;

    fn describe() -> Description {
        let lie = config::get("lie").ok().flatten().unwrap_or_default();
        if lie == "never" {
            loop {
                std::hint::spin_loop();
            }
        }
        let input = json!({
            "type": "object",
            "required": ["do"],
            "properties": {"do": {"type": "string"}, "url": {"type": "string"}, "name": {"type": "string", "maxLength": 30}, "port": {"type": "integer"}},
            "additionalProperties": false
        });
        let output = json!({"type": "object", "required": ["did"], "properties": {"did": {"type": "string"}}});
        Description {
            name: if lie == "name" { "No Name!".into() } else { "steps".into() },
            summary: "Does what it is told".into(),
            input_schema: match lie.as_str() {
                "schema" => "{".into(),
                "keyword" => r#"{"unevaluatedProperties":false}"#.into(),
                _ => input.to_string(),
            },
            output_schema: output.to_string(),
        }
    }

    fn new() -> Result<Self, Error> {
        Ok(Self)
    }

    fn run(&self, context: &Context, input: Value) -> Result<Value, Error> {
        let text = |name: &str| input[name].as_str().unwrap_or_default().to_owned();
        let what = text("do");
        match what.as_str() {
            "tell" => Ok(json!({
                "did": "told", "run": context.run_id, "step": context.step_key,
                "key": context.idempotency_key, "attempt": context.attempt,
            })),
            "break" => Ok(json!({"did": 7})),
            "later" => Err(Error::retry_after("not now", 2500)),
            "refuse" => Err(Error::InvalidInput("not this".into())),
            "fail" => Err(Error::Other("it went wrong".into())),
            "panic" => panic!("as it was told"),
            "send" => {
                let answer = Request::post(&text("url")).json("{}").send()?;
                Ok(json!({"did": "sent", "status": answer.status}))
            }
            "secret" => {
                let secret = secrets::get(&text("name"))?.reveal_text()?;
                Ok(json!({"did": "read", "secret": secret}))
            }
            "append" => {
                let appended = events::append(&[NewEvent::new(&text("name"))])?;
                Ok(json!({"did": "appended", "events": appended.len()}))
            }
            "query" => {
                let found = events::query(&events::Filter::types(&text("name")))?;
                Ok(json!({"did": "queried", "events": found.len()}))
            }
            "model" => {
                let model = steward_sdk::inference::open(&text("name")).map_err(steward_sdk::Error::from)?;
                let vectors = model.embed(&["hello".to_owned()]).map_err(steward_sdk::Error::from)?;
                Ok(json!({"did": "embedded", "numbers": vectors[0].len()}))
            }
            "dataset" => ask(&text("name")).map_err(|error| Error::Other(format!("{error:?}"))),
            "keyvalue" => count(&text("name")).map_err(|error| Error::Other(format!("{error:?}"))),
            "blobstore" => keep(&text("name")).map_err(Error::Other),
            "file" => match std::fs::read("/etc/passwd") {
                Ok(_) => Ok(json!({"did": "read"})),
                Err(error) => Err(Error::Other(error.to_string())),
            },
            "socket" => connect(input["port"].as_u64().unwrap_or_default() as u16),
            "environment" => Ok(json!({"did": "looked", "variables": std::env::vars().count()})),
            other => Err(Error::InvalidInput(format!("nobody does `{other}`"))),
        }
    }
}

fn ask(dataset: &str) -> Result<Value, steward_sdk::privacy::Error> {
    let dataset = steward_sdk::privacy::open(dataset)?;
    let answer = dataset.ask(&Query::count(Spend::epsilon(5.0)).rows_per_unit(2))?;
    Ok(json!({"did": "asked", "snapshot": dataset.snapshot(), "rows": answer.number()}))
}

fn count(bucket: &str) -> Result<Value, keys::wasi::keyvalue::store::Error> {
    let bucket = keys::wasi::keyvalue::store::open(bucket)?;
    let count = keys::wasi::keyvalue::atomics::increment(&bucket, "visits", 1)?;
    Ok(json!({"did": "counted", "count": count}))
}

/// Writes an object and reads it again.
fn keep(container: &str) -> Result<Value, String> {
    use objects::wasi::blobstore::blobstore::create_container;
    use objects::wasi::blobstore::types::{IncomingValue, OutgoingValue};
    let container = create_container(container)?;
    let value = OutgoingValue::new_outgoing_value();
    let stream = value.outgoing_value_write_body().map_err(|()| "no body")?;
    container.write_data("greeting", &value)?;
    stream.blocking_write_and_flush("你好".as_bytes()).map_err(|e| format!("{e:?}"))?;
    drop(stream);
    OutgoingValue::finish(value)?;
    let kept = container.get_data("greeting", 0, u64::MAX)?;
    let read = IncomingValue::incoming_value_consume_sync(kept)?;
    Ok(json!({"did": "kept", "read": String::from_utf8_lossy(&read)}))
}

/// Opens a socket to this machine, past `wasi:http`.
fn connect(port: u16) -> Result<Value, Error> {
    let failed = |what: &str, code: ErrorCode| Error::Other(format!("{what}: {code:?}"));
    let socket = create_tcp_socket(IpAddressFamily::Ipv4).map_err(|e| failed("create", e))?;
    let address = IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (127, 0, 0, 1) });
    socket.start_connect(&instance_network(), address).map_err(|e| failed("connect", e))?;
    socket.subscribe().block();
    socket.finish_connect().map_err(|e| failed("connect", e))?;
    Ok(json!({"did": "connected"}))
}
