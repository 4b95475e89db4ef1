//! Bodies stream both ways.

use bytes::Bytes;
use futures::SinkExt as _;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::standin::{Peer, egress, head, send};

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_answered_before_the_next_is_sent() {
    // Echoes the bytes of the chunked body as they come, framing and all.
    let peer = Peer::start(|mut stream| async move {
        let head = head(&mut stream).await.unwrap();
        assert!(
            head.to_lowercase().contains("transfer-encoding: chunked"),
            "{head}"
        );
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            .await
            .unwrap();
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            stream.write_all(&buffer[..read]).await.unwrap();
        }
    })
    .await;
    let (mut parts, body) =
        futures::channel::mpsc::channel::<Result<Frame<Bytes>, std::io::Error>>(1);
    let request = http::Request::post(peer.url())
        .body(StreamBody::new(body))
        .unwrap();
    let egress = egress();
    let mut answer = send(&egress, "acme", request, egress.timeouts())
        .await
        .unwrap()
        .into_body();
    for part in ["first", "second", "第三"] {
        parts.send(Ok(Frame::data(part.into()))).await.unwrap();
        let echoed = answer.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(echoed, part);
    }
    drop(parts);
    assert!(answer.frame().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_fails_is_no_body_that_ends() {
    let (seen, mut bytes) = tokio::sync::mpsc::unbounded_channel();
    let peer = Peer::start(move |mut stream| {
        let seen = seen.clone();
        async move {
            head(&mut stream).await;
            let mut all = Vec::new();
            let _ = stream.read_to_end(&mut all).await;
            seen.send(all).unwrap();
        }
    })
    .await;
    let parts = [
        Ok(Frame::data(Bytes::from_static(b"part"))),
        Err(std::io::Error::other("the guest is gone")),
    ];
    let request = http::Request::post(peer.url())
        .body(StreamBody::new(futures::stream::iter(parts)))
        .unwrap();
    let egress = egress();
    assert!(
        send(&egress, "acme", request, egress.timeouts())
            .await
            .is_err()
    );
    let all = bytes.recv().await.unwrap();
    assert!(
        !all.ends_with(b"0\r\n\r\n"),
        "the peer was told that the body is whole"
    );
}
