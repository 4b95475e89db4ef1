//! Misbehaves over `wasi:http` 0.3 in every way that the tests know; the path says in which.

use wasip3::cli::exit;
use wasip3::clocks::monotonic_clock::{now, wait_for};
use wasip3::http::types::{ErrorCode, Fields, Request, Response, Scheme};
use wasip3::random::random;
use wasip3::{wit_bindgen, wit_future, wit_stream};

wasip3::http::service::export!(Hostile);

struct Hostile;

const A_MILLISECOND: u64 = 1_000_000;
const AN_HOUR: u64 = 3_600_000 * A_MILLISECOND;

impl wasip3::exports::http::handler::Guest for Hostile {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        match path.as_str() {
            "/answers-with-an-error-code" => return Err(ErrorCode::InternalError(Some("it does not like you".into()))),
            "/reads-the-clock-for-ever" => loop {
                std::hint::black_box(now());
            },
            "/draws-random-bytes-for-ever" => loop {
                std::hint::black_box(random::get_random_bytes(1 << 20));
            },
            "/panics" => panic!("it gave up"),
            "/exits" => exit::exit(Ok(())),
            "/waits-a-million-times" => {
                for _ in 0..1_000_000 {
                    wait_for(1).await;
                }
            }
            "/leaks-streams" => loop {
                std::mem::forget(wit_stream::new::<u8>());
            },
            "/leaks-fields" => loop {
                std::mem::forget(Fields::new());
            },
            "/leaks-tasks" => loop {
                // Each waits for an hour, and the guest waits for none of them.
                for _ in 0..1000 {
                    wit_bindgen::spawn_local(wait_for(AN_HOUR));
                }
                wait_for(A_MILLISECOND).await;
            },
            "/calls-out" => {
                let said = call_out(&query).await;
                return Ok(whole(said));
            }
            "/floods-stderr" => loop {
                eprintln!("{}", "flood ".repeat(100));
            },
            _ => {}
        }
        if path == "/answers-without-a-body" {
            // Its trailers are never given.
            let (trailers, reader) = wit_future::new(|| Ok(None));
            let (response, _) = Response::new(Fields::new(), None, reader);
            std::mem::forget(trailers);
            return Ok(response);
        }
        let fields = Fields::new();
        match path.as_str() {
            "/says-a-length-that-is-too-small" => fields.append("content-length", b"3").unwrap(),
            "/says-a-length-that-is-too-large" => fields.append("content-length", b"400").unwrap(),
            _ => {}
        }
        let (mut body, reader) = wit_stream::new();
        let (trailers, trailers_reader) = wit_future::new(|| Ok(None));
        let (response, _) = Response::new(fields, Some(reader), trailers_reader);
        wit_bindgen::spawn_local(async move {
            match path.as_str() {
                "/writes-for-ever" => while body.write_all(vec![b'x'; 4096]).await.is_empty() {},
                "/trickles" => while body.write_all(vec![b'x']).await.is_empty() {
                    wait_for(10 * A_MILLISECOND).await;
                },
                "/traps-in-its-body" => {
                    body.write_all(b"begun".to_vec()).await;
                    panic!("in the middle");
                }
                "/fails-in-its-trailers" => {
                    body.write_all(b"begun".to_vec()).await;
                    drop(body);
                    let _ = trailers.write(Err(ErrorCode::InternalError(None))).await;
                    return;
                }
                "/computes-after-its-answer" => {
                    body.write_all(b"answered".to_vec()).await;
                    drop(body);
                    drop(trailers);
                    spin();
                    return;
                }
                "/traps-after-its-answer" => {
                    body.write_all(b"answered".to_vec()).await;
                    drop(body);
                    drop(trailers);
                    // The answer is on its way by then, also on a busy machine.
                    wait_for(300 * A_MILLISECOND).await;
                    panic!("after the end");
                }
                "/says-a-length-that-is-too-small" | "/says-a-length-that-is-too-large" => {
                    body.write_all(SMUGGLED.to_vec()).await;
                }
                _ => {
                    body.write_all(b"harmless".to_vec()).await;
                }
            }
            drop(trailers);
        });
        Ok(response)
    }
}

/// What would be the next answer on the connection, if the length before it were believed.
const SMUGGLED: &[u8] = b"123HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled";

fn whole(text: String) -> Response {
    let (mut body, reader) = wit_stream::new();
    let (trailers, trailers_reader) = wit_future::new(|| Ok(None));
    let (response, _) = Response::new(Fields::new(), Some(reader), trailers_reader);
    drop(trailers);
    wit_bindgen::spawn_local(async move {
        body.write_all(text.into_bytes()).await;
    });
    response
}

fn spin() {
    let mut n = 0u64;
    while std::hint::black_box(n) < u64::MAX {
        n = n.wrapping_add(1) & 0xffff;
    }
}

async fn call_out(authority: &str) -> String {
    let mut said = Vec::new();
    for scheme in [Scheme::Http, Scheme::Https, Scheme::Other("file".into())] {
        let (trailers, reader) = wit_future::new(|| Ok(None));
        drop(trailers);
        let (request, _) = Request::new(Fields::new(), None, reader, None);
        let set = request.set_scheme(Some(&scheme)).and_then(|()| request.set_authority(Some(authority)));
        if set.is_err() {
            said.push("not-an-authority".to_owned());
            continue;
        }
        let _ = request.set_path_with_query(Some("/latest/meta-data/"));
        said.push(match wasip3::http::client::send(request).await {
            Ok(response) => format!("ANSWERED {}", response.get_status_code()),
            Err(code) => format!("{code:?}"),
        });
    }
    said.join("\n")
}
