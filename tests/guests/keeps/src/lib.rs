//! Does with buckets, containers, configuration and models what the path says, and answers in JSON:
//! `/increment/counts/visits/3`, `/swap/counts/visits/3`, `/set/counts/name` with the value as the body.
//! The older drafts are spoken through the bindings of another project, the newer ones through those of
//! the host's own texts.

use serde_json::{Value, json};
use wasmcloud_component::wasi::keyvalue::{atomics, batch, store};
use wasmcloud_component::wasi::{blobstore, config, logging};
use wstd::http::{Body, Request, Response};

mod second {
    wit_bindgen::generate!({
        path: "../../../host/capabilities/wit/keyvalue-draft2",
        world: "wasi:keyvalue/imports",
        generate_all,
    });
}

mod rc1 {
    wit_bindgen::generate!({
        path: "../../../host/capabilities/wit/config-rc1",
        world: "wasi:config/imports",
        generate_all,
    });
}

mod ml {
    wit_bindgen::generate!({
        path: "../../../host/capabilities/wit/nn",
        world: "wasi:nn/ml",
        generate_all,
    });
}

use ml::wasi::nn::{errors, graph, tensor};
use second::wasi::keyvalue::atomics::{self as swaps, Cas, CasError};
use second::wasi::keyvalue::store as store2;

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, wstd::http::Error> {
    let (head, mut body) = request.into_parts();
    let body = body.contents().await?.to_vec();
    let path: Vec<&str> = head.uri.path().trim_start_matches('/').split('/').collect();
    let answer = answer(&path, body).unwrap_or_else(|why| json!({ "error": why }));
    Ok(Response::new(Body::from_json(&answer)?))
}

/// The bindings of `wasmcloud-component` take owned text by reference.
fn own(text: &str) -> String {
    text.to_owned()
}

fn told(error: store::Error) -> String {
    match error {
        store::Error::NoSuchStore => "no-such-store".into(),
        store::Error::AccessDenied => "access-denied".into(),
        store::Error::Other(why) => why,
    }
}

fn told2(error: store2::Error) -> String {
    match error {
        store2::Error::NoSuchStore => "no-such-store".into(),
        store2::Error::AccessDenied => "access-denied".into(),
        store2::Error::Other(why) => why,
    }
}

fn failed(error: errors::Error) -> String {
    format!("{:?}: {}", error.code(), error.data())
}

fn answer(path: &[&str], body: Vec<u8>) -> Result<Value, String> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let number = |text: &&str| text.parse::<u64>().map_err(|e| e.to_string());
    Ok(match path {
        ["open", bucket] => {
            store::open(&own(bucket)).map_err(told)?;
            json!("open")
        }
        ["increment", bucket, key, by] => {
            let bucket = store::open(&own(bucket)).map_err(told)?;
            json!(atomics::increment(&bucket, &own(key), number(by)?).map_err(told)?)
        }
        ["decrement", bucket, key, by] => {
            let bucket = store2::open(bucket).map_err(told2)?;
            let by = -(number(by)? as i64);
            json!(swaps::increment(&bucket, key, by).map_err(told2)?)
        }
        ["swap", bucket, key, by] => {
            let bucket = store2::open(bucket).map_err(told2)?;
            let (mut tries, by) = (0, number(by)?);
            let mut cas = Cas::new(&bucket, key).map_err(told2)?;
            loop {
                tries += 1;
                let current = cas.current().map_err(told2)?;
                let current = current.map_or(0, |bytes| text(bytes).parse::<u64>().unwrap_or(0));
                match swaps::swap(cas, (current + by).to_string().as_bytes()) {
                    Ok(()) => break json!({ "value": current + by, "tries": tries }),
                    Err(CasError::CasFailed(again)) => cas = again,
                    Err(CasError::StoreError(error)) => return Err(told2(error)),
                }
            }
        }
        ["stale", bucket, key] => {
            let bucket = store2::open(bucket).map_err(told2)?;
            let cas = Cas::new(&bucket, key).map_err(told2)?;
            bucket.set(key, b"between").map_err(told2)?;
            match swaps::swap(cas, b"mine") {
                Err(CasError::CasFailed(again)) => {
                    let current = again.current().map_err(told2)?.map(text);
                    json!({ "stale": true, "current": current })
                }
                Err(CasError::StoreError(error)) => return Err(told2(error)),
                Ok(()) => json!({ "stale": false }),
            }
        }
        ["get", bucket, key] => {
            let bucket = store::open(&own(bucket)).map_err(told)?;
            json!(bucket.get(&own(key)).map_err(told)?.map(text))
        }
        ["set", bucket, key] => {
            let bucket = store::open(&own(bucket)).map_err(told)?;
            bucket.set(&own(key), &body).map_err(told)?;
            json!(bucket.exists(&own(key)).map_err(told)?)
        }
        ["delete", bucket, key] => {
            let bucket = store::open(&own(bucket)).map_err(told)?;
            bucket.delete(&own(key)).map_err(told)?;
            json!(bucket.exists(&own(key)).map_err(told)?)
        }
        ["fill", bucket, count] => {
            let bucket = store::open(&own(bucket)).map_err(told)?;
            let keys: Vec<String> = (0..number(count)?).map(|n| format!("键-{n}")).collect();
            for keys in keys.chunks(500) {
                let pairs: Vec<_> = keys.iter().map(|key| (key.clone(), b"v".to_vec())).collect();
                batch::set_many(&bucket, &pairs).map_err(told)?;
            }
            let some = vec![keys[0].clone(), own("missing")];
            let found = batch::get_many(&bucket, &some).map_err(told)?;
            json!(found.iter().map(Option::is_some).collect::<Vec<_>>())
        }
        ["keys", bucket] => {
            let old = store::open(&own(bucket)).map_err(told)?;
            let new = store2::open(bucket).map_err(told2)?;
            let (mut keys, mut pages, mut cursor) = (Vec::new(), 0, None);
            loop {
                let page = old.list_keys(cursor).map_err(told)?;
                keys.extend(page.keys);
                pages += 1;
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
            }
            let (mut again, mut cursor) = (Vec::new(), None);
            loop {
                let page = new.list_keys(cursor.as_deref()).map_err(told2)?;
                again.extend(page.keys);
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
            }
            let same = keys == again;
            keys.sort();
            keys.dedup();
            json!({ "keys": keys.len(), "pages": pages, "same": same })
        }
        ["config"] => {
            let level = logging::logging::Level::Critical;
            logging::logging::log(level, &own("测试"), &own("asked for it"));
            let all = rc1::wasi::config::store::get_all().map_err(|e| format!("{e:?}"))?;
            let one = config::store::get(&own("greeting")).map_err(|e| format!("{e:?}"))?;
            let none = config::store::get(&own("not-declared")).map_err(|e| format!("{e:?}"))?;
            json!({ "all": all, "one": one, "none": none })
        }
        ["blob", name, size] => blob(name, number(size)? as usize)?,
        ["container", name] => {
            let made = blobstore::blobstore::create_container(&own(name));
            json!(made?.name()?)
        }
        ["load", encoding, builders, rows] => {
            let encoding = match *encoding {
                "onnx" => graph::GraphEncoding::Onnx,
                "autodetect" => graph::GraphEncoding::Autodetect,
                _ => graph::GraphEncoding::Openvino,
            };
            let builders = vec![body; number(builders)? as usize];
            let loaded = graph::load(&builders, encoding, graph::ExecutionTarget::Gpu);
            compute(loaded.map_err(failed)?, number(rows)? as u32)?
        }
        ["compute", model, rows] => {
            compute(graph::load_by_name(model).map_err(failed)?, number(rows)? as u32)?
        }
        other => return Err(format!("no such thing: {other:?}")),
    })
}

/// Asks a model of the kinds of files about rows of the same bytes.
fn compute(graph: graph::Graph, rows: u32) -> Result<Value, String> {
    let context = graph.init_execution_context().map_err(failed)?;
    let numbers = vec![32i32; rows as usize * 2048];
    let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    let input = tensor::Tensor::new(&vec![rows, 2048], tensor::TensorType::I32, &bytes);
    let outputs = context.compute(vec![("bytes".to_owned(), input)]).map_err(failed)?;
    let shown = outputs.iter().map(|(name, tensor)| {
        let data = tensor.data();
        let sums = data.chunks_exact(4 * 214).map(|row| {
            let numbers = row.chunks_exact(4);
            let numbers = numbers.map(|n| f32::from_le_bytes([n[0], n[1], n[2], n[3]]));
            numbers.sum::<f32>()
        });
        json!({
            "name": name,
            "dimensions": tensor.dimensions(),
            "type": format!("{:?}", tensor.ty()),
            "sums": sums.collect::<Vec<_>>(),
        })
    });
    Ok(shown.collect())
}

/// Writes an object piece by piece, reads a part of it, lists, copies, moves and deletes.
fn blob(name: &str, size: usize) -> Result<Value, String> {
    let name = &own(name);
    use blobstore::blobstore::{copy_object, create_container, get_container, move_object};
    use blobstore::types::{IncomingValue, ObjectId, OutgoingValue};
    let container = match get_container(&own("files")) {
        Ok(container) => container,
        Err(_) => create_container(&own("files"))?,
    };
    let value = OutgoingValue::new_outgoing_value();
    let stream = value.outgoing_value_write_body().map_err(|()| "no body")?;
    container.write_data(name, &value)?;
    let before = container.has_object(name)?;
    let piece: Vec<u8> = (0..4096).map(|n| (n % 251) as u8).collect();
    let mut left = size;
    while left > 0 {
        let now = left.min(piece.len());
        stream
            .blocking_write_and_flush(&piece[..now])
            .map_err(|e| format!("{e:?}"))?;
        left -= now;
    }
    drop(stream);
    OutgoingValue::finish(value)?;
    let info = container.object_info(name)?;
    let part = IncomingValue::incoming_value_consume_sync(container.get_data(name, 4090, 4100)?)?;
    let whole = container.get_data(name, 0, u64::MAX)?;
    let announced = whole.size();
    let stream = IncomingValue::incoming_value_consume_async(whole)?;
    let mut read = 0;
    while let Ok(bytes) = stream.blocking_read(64 << 10) {
        read += bytes.len();
    }
    drop(stream);
    let id = |object: &str| ObjectId {
        container: "files".into(),
        object: object.into(),
    };
    copy_object(&id(name), &id("副本"))?;
    move_object(&id("副本"), &id("moved"))?;
    let listing = container.list_objects()?;
    let (mut names, end) = listing.read_stream_object_names(10)?;
    names.sort();
    container.delete_objects(&vec![own("moved")])?;
    Ok(json!({
        "before": before,
        "size": info.size,
        "part": part,
        "announced": announced,
        "read": read,
        "names": names,
        "end": end,
        "after": container.has_object(&own("moved"))?,
        "elsewhere": get_container(&own("others")).map(|_| ()).err(),
    }))
}
