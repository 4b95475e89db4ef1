//! Is late in every way a `wasi:http` 0.3 guest can be; the path says in which. `/echoes` answers each byte as it
//! comes, `/reads-and-panics` reads its request first.

use wasip3::clocks::monotonic_clock::{now, wait_for};
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{wit_bindgen, wit_future, wit_stream};

wasip3::http::service::export!(Waits);

struct Waits;

const AN_HOUR: u64 = 3_600_000_000_000;

impl wasip3::exports::http::handler::Guest for Waits {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        match path.as_str() {
            "/computes" => spin(),
            "/computes-for-a-while" => {
                let begun = now();
                while now() - begun < 150_000_000 {}
            }
            "/waits" => wait_for(AN_HOUR).await,
            "/echoes" => return Ok(echo(request)),
            "/reads-and-panics" => {
                let (done, processed) = wit_future::new(|| Ok(()));
                let (sent, _trailers) = Request::consume_body(request, processed);
                drop(done);
                panic!("after {} bytes", sent.collect().await.len());
            }
            _ => {}
        }
        let fields = Fields::new();
        if path == "/events" {
            fields.append("content-type", b"text/event-stream").unwrap();
        }
        let (mut body, reader) = wit_stream::new();
        let (trailers, trailers_reader) = wit_future::new(|| Ok(None));
        let (response, _) = Response::new(fields, Some(reader), trailers_reader);
        drop(trailers);
        wit_bindgen::spawn_local(async move {
            if path == "/events" {
                assert!(body.write_all(b"data: 1\n\n".to_vec()).await.is_empty());
                wait_for(AN_HOUR).await;
            }
            assert!(body.write_all(b"begun".to_vec()).await.is_empty());
            match path.as_str() {
                "/computes-in-its-body" => spin(),
                "/waits-in-its-body" => wait_for(AN_HOUR).await,
                "/goes-on-after-its-answer" => {
                    drop(body);
                    wait_for(AN_HOUR).await;
                }
                _ => {}
            }
        });
        Ok(response)
    }
}

fn echo(request: Request) -> Response {
    let (done, processed) = wit_future::new(|| Ok(()));
    let (mut sent, trailers) = Request::consume_body(request, processed);
    drop(done);
    let (mut body, reader) = wit_stream::new();
    let (response, _) = Response::new(Fields::new(), Some(reader), trailers);
    wit_bindgen::spawn_local(async move {
        while let Some(byte) = sent.next().await {
            assert!(body.write_all(vec![byte]).await.is_empty());
        }
    });
    response
}

fn spin() {
    let mut n = 0u64;
    while std::hint::black_box(n) < u64::MAX {
        n = n.wrapping_add(1) & 0xffff;
    }
}
