//! A step that does what its payload says: `{"do": …}`.

use serde_json::{Value, json};
use steward_sdk::events::{self, NewEvent};
use steward_sdk::http::Request;
use steward_sdk::step::{Context, Description, Error, Step};
use steward_sdk::{config, secrets};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasmcloud_component::wasi::blobstore::blobstore::create_container;
use wasmcloud_component::wasi::keyvalue::store;

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
                steward_sdk::inference::open(&text("name")).map_err(steward_sdk::Error::from)?;
                Ok(json!({"did": "opened"}))
            }
            "dataset" => match steward_sdk::privacy::open(&text("name")) {
                Ok(_) => Ok(json!({"did": "opened"})),
                Err(error) => Err(Error::Other(format!("{error:?}"))),
            },
            "bucket" => match store::open(&text("name")) {
                Ok(_) => Ok(json!({"did": "opened"})),
                Err(store::Error::AccessDenied) => Err(Error::Other("access-denied".into())),
                Err(store::Error::NoSuchStore) => Err(Error::Other("no-such-store".into())),
                Err(store::Error::Other(why)) => Err(Error::Other(why)),
            },
            "container" => match create_container(&text("name")) {
                Ok(_) => Ok(json!({"did": "made"})),
                Err(why) => Err(Error::Other(why)),
            },
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
