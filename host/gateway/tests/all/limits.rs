//! What a client may send, and how long it may take.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::{Body, Method};
use serde_json::Value;
use steward_gateway::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::host::{Answer, Host};

const SHORT: Duration = Duration::from_millis(300);

fn small() -> Limits {
    Limits {
        max_body_bytes: 64 << 10,
        max_upload_bytes: 256 << 10,
        max_model_bytes: 512 << 10,
        ..Limits::default()
    }
}

/// A body without a declared length.
fn chunked(bytes: usize) -> Body {
    let chunks = (0..bytes.div_ceil(1024)).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024]));
    Body::wrap_stream(futures::stream::iter(chunks))
}

/// Sends bytes and reads until the other side closes.
async fn raw(addr: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is an end as well.
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer))
        .await
        .expect("the connection is closed");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_declared_or_not() {
    let host = Host::with(small()).await;
    for (path, limit) in [
        ("/f/default/echo", 64 << 10),
        ("/api/v1/keys", 64 << 10),
        ("/api/v1/plugins", 256 << 10),
        ("/api/v1/plugins/check", 256 << 10),
        ("/api/v1/models", 512 << 10),
    ] {
        let form = "multipart/form-data; boundary=x";
        // Far beyond what the sockets hold: the client is still sending when it is refused.
        let declared = host
            .operator(Method::POST, path)
            .header("content-type", form)
            .body(vec![b' '; 16 << 20]);
        let answer = Answer::of(declared).await.problem(413, "body-too-large");
        assert_eq!(answer.body["limit"], limit, "{path}");
        let undeclared = host
            .operator(Method::POST, path)
            .header("content-type", form)
            .body(chunked(2 << 20));
        let answer = Answer::of(undeclared).await.problem(413, "body-too-large");
        assert_eq!(answer.body["limit"], limit, "{path}");
    }
    let spaces = " ".repeat((64 << 10) - 20);
    let exact = host
        .operator(Method::POST, "/f/default/echo")
        .body(format!("{{\"batch\":[]}}{spaces}"));
    Answer::of(exact).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_together_stay_within_the_memory_for_bodies() {
    let limits = Limits {
        max_buffered_bytes: 8 << 10,
        ..small()
    };
    let host = Host::with(limits).await;
    let answer = Answer::of(
        host.operator(Method::POST, "/f/default/echo")
            .body(" ".repeat(16 << 10)),
    )
    .await;
    let answer = answer.problem(429, "too-many-requests");
    assert_eq!(answer.headers["retry-after"], "1");
    host.call(0).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_or_too_large_headers_are_refused() {
    let host = Host::start().await;
    let mut many = host.ask(Method::GET, "/livez");
    for i in 0..70 {
        many = many.header(format!("x-{i}"), "v");
    }
    Answer::of(many).await.problem(431, "headers-too-large");
    let large = host
        .ask(Method::GET, "/livez")
        .header("x-large", "v".repeat(40 << 10));
    Answer::of(large).await.problem(431, "headers-too-large");

    // Beyond what the HTTP library reads, it answers by itself.
    let fields: String = (0..150).map(|i| format!("x-{i}: v\r\n")).collect();
    let answer = raw(
        host.addr,
        format!("GET /livez HTTP/1.1\r\nhost: x\r\n{fields}\r\n").as_bytes(),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let huge = "v".repeat(2 * Limits::READ_BUFFER);
    let answer = raw(
        host.addr,
        format!("GET /livez HTTP/1.1\r\nhost: x\r\nx-huge: {huge}").as_bytes(),
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 431") || answer.is_empty(),
        "{answer}"
    );
    Answer::of(host.ask(Method::GET, "/livez")).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let host = Host::with(Limits {
        header_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    for beginning in [
        "",
        "G",
        "PRI * HT",
        "GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ",
    ] {
        let begin = Instant::now();
        let answer = raw(host.addr, beginning.as_bytes()).await;
        assert!(
            begin.elapsed() >= SHORT,
            "{beginning:?} was cut off at once"
        );
        assert!(!answer.contains(" 200 "), "{answer}");
    }
    // A head that comes byte by byte is one that does not come.
    let mut stream = TcpStream::connect(host.addr).await.unwrap();
    let drip = async {
        loop {
            if stream.write_all(b"x").await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), drip)
        .await
        .expect("the connection is closed");
    Answer::of(host.ask(Method::GET, "/livez")).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let host = Host::with(Limits {
        body_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let key = &host.keys["operator"];
    for path in ["/f/default/echo", "/api/v1/keys"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 100\r\n\r\n{{"
        );
        let answer = raw(host.addr, head.as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 408") && answer.contains("body-timeout"),
            "{answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_drips_is_not_waited_for() {
    let host = Host::with(Limits {
        request_timeout: Duration::from_millis(600),
        ..Limits::default()
    })
    .await;
    let key = &host.keys["operator"];
    let mut stream = TcpStream::connect(host.addr).await.unwrap();
    let head = format!(
        "POST /f/default/echo HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 100000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut read, mut write) = stream.split();
    let drip = async {
        while write.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = [0u8; 12];
    tokio::select! {
        () = drip => {}
        outcome = tokio::time::timeout(Duration::from_secs(20), read.read_exact(&mut answer)) => {
            outcome.expect("an answer comes").unwrap();
        }
    }
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_over_the_limit_wait() {
    let host = Host::with(Limits {
        max_connections: 1,
        ..Limits::default()
    })
    .await;
    let held = TcpStream::connect(host.addr).await.unwrap();
    // Ours is the one connection that is served; the next one gets its answer once ours is gone.
    let waiting = tokio::spawn(Answer::of(host.ask(Method::GET, "/livez")));
    let early = tokio::time::timeout(SHORT, async {
        while !waiting.is_finished() {
            tokio::task::yield_now().await
        }
    })
    .await;
    assert!(early.is_err(), "a connection over the limit was served");
    drop(held);
    waiting.await.unwrap().is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_wire_ends_its_connection_alone() {
    let host = Host::start().await;
    for garbage in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"\xff\xfe\xfd\r\n\r\n",
        b"GET /f/\xff\xfe/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage after the preface, long enough for a frame head",
        b"POST /f/default/echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\nZZ\r\n",
        b"POST /f/default/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
    ] {
        let answer = raw(host.addr, garbage).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    let body: Value = Answer::of(host.ask(Method::GET, "/livez")).await.is(200);
    assert_eq!(body["status"], "ok");
}
