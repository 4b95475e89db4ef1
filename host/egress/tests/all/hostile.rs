//! Peers that mean no good.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use steward_egress::{Destination, EgressError, Request, Timeouts, Turns};
use tokio::io::AsyncWriteExt;

use crate::standin::{OK, Peer, answer_all, egress, get, get_for, head, soon, text};

/// Reads the head of a request, writes this, and keeps the connection.
async fn saying(bytes: &'static [u8]) -> Peer {
    Peer::start(move |mut stream| async move {
        head(&mut stream).await;
        stream.write_all(bytes).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_never_answers_is_given_up() {
    let peer = saying(b"").await;
    let silent = get_for(&egress(), "acme", &peer.url(), soon()).await;
    assert!(matches!(silent, Err(EgressError::FirstByteTimeout)));
    // Half a head is none.
    let peer = saying(b"HTTP/1.1 200 OK\r\nx: ").await;
    let half = get_for(&egress(), "acme", &peer.url(), soon()).await;
    assert!(matches!(half, Err(EgressError::FirstByteTimeout)));
    let peer = saying(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    let timeouts = Timeouts {
        first_byte: Duration::from_secs(5),
        ..soon()
    };
    let body = get_for(&egress(), "acme", &peer.url(), timeouts)
        .await
        .unwrap();
    assert!(matches!(
        text(body).await,
        Err(EgressError::BetweenBytesTimeout)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_trickles_is_stopped_by_the_deadline_of_the_call() {
    let peer = Peer::start(|mut stream| async move {
        head(&mut stream).await;
        let mut sent = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
            .await;
        while sent.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            sent = stream.write_all(b"x").await;
        }
    })
    .await;
    let (egress, start) = (egress(), Instant::now());
    let request = http::Request::get(peer.url())
        .body(Empty::<Bytes>::new())
        .unwrap();
    let request = Request {
        tenant: "acme",
        destination: Destination::of(request.uri()).unwrap(),
        request,
        turns: &Turns::default(),
        timeouts: Timeouts {
            first_byte: Duration::from_secs(5),
            between_bytes: Duration::from_secs(5),
            ..soon()
        },
        deadline: start + Duration::from_secs(2),
    };
    let answer = egress.send(request).await.unwrap();
    assert!(matches!(text(answer).await, Err(EgressError::Deadline)));
    assert!(start.elapsed() >= Duration::from_secs(2) && start.elapsed() < Duration::from_secs(15));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_without_end_is_cut_off() {
    let peer = Peer::start(|mut stream| async move {
        head(&mut stream).await;
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        while sent.is_ok() {
            sent = stream.write_all(&[b'x'; 4096]).await;
        }
    })
    .await;
    let endless = get(&egress(), &peer.url()).await;
    assert!(matches!(endless, Err(EgressError::ResponseHeadTooLarge)));
    let many = Peer::answering(format!(
        "HTTP/1.1 200 OK\r\n{}\r\n",
        "a: b\r\n".repeat(1000)
    ))
    .await;
    let refused = get(&egress(), &many.url()).await;
    assert!(matches!(refused, Err(EgressError::ResponseHeadTooLarge)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_an_error_and_no_panic() {
    for bytes in [
        &b"SSH-2.0-OpenSSH_9.9\r\n"[..],
        b"HTTP/1.1 999999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        let peer = saying(bytes).await;
        assert!(
            get_for(&egress(), "acme", &peer.url(), soon())
                .await
                .is_err(),
            "{bytes:?}"
        );
    }
    let peer =
        saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n")
            .await;
    let timeouts = Timeouts {
        first_byte: Duration::from_secs(5),
        ..soon()
    };
    let chunked = get_for(&egress(), "acme", &peer.url(), timeouts)
        .await
        .unwrap();
    assert!(text(chunked).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_not_a_short_answer() {
    let peer = Peer::start(|mut stream| async move {
        head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
            .await
            .unwrap();
    })
    .await;
    let answer = get(&egress(), &peer.url()).await.unwrap();
    assert!(matches!(text(answer).await, Err(EgressError::Incomplete)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_answer_in_one_packet_is_nobodys() {
    // Response splitting: what follows the first answer must never answer another request.
    let two: Arc<str> = format!("{OK}HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong").into();
    let peer = Peer::start(move |stream| answer_all(stream, two.clone())).await;
    let egress = egress();
    for _ in 0..5 {
        if let Ok(answer) = get(&egress, &peer.url()).await {
            let body = answer.into_body().collect().await.map(|b| b.to_bytes());
            assert!(body.is_err() || body.is_ok_and(|b| b == "ok"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens() {
    // A port that no system gives to whoever asks for any.
    assert!(matches!(
        get(&egress(), "http://127.0.0.1:1/").await,
        Err(EgressError::Connect(_))
    ));
}
