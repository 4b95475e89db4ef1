//! Connections are kept, shared within a tenant, and bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Empty;
use steward_egress::{Destination, Egress, EgressConfig, EgressError, Request, Turns};
use tokio::io::AsyncWriteExt;

use crate::standin::{OK, Peer, answer_all, config, egress, get, get_for, head, soon, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_used_again_by_its_tenant_and_by_no_other() {
    let peer = Peer::answering(OK).await;
    let egress = egress();
    for _ in 0..50 {
        assert_eq!(
            text(get(&egress, &peer.url()).await.unwrap())
                .await
                .unwrap(),
            "ok"
        );
        until(|| egress.idle("acme") == 1).await;
    }
    assert_eq!(peer.connections(), 1);
    let other = get_for(&egress, "other", &peer.url(), egress.timeouts())
        .await
        .unwrap();
    assert_eq!(text(other).await.unwrap(), "ok");
    assert_eq!(peer.connections(), 2);
}

async fn until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "it never came to that"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_peer_closed_is_replaced() {
    // Each connection answers once, without saying that it is the last answer.
    let peer = Peer::start(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
    })
    .await;
    let egress = egress();
    for n in 1..=10 {
        assert_eq!(
            text(get(&egress, &peer.url()).await.unwrap())
                .await
                .unwrap(),
            "ok"
        );
        assert_eq!(peer.connections(), n);
        // None is idle before it is kept either: what is waited for is the end of the connection.
        until(|| egress.stats().connections == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn open_connections_are_bounded_and_the_oldest_idle_one_makes_room() {
    let peers = [
        Peer::answering(OK).await,
        Peer::answering(OK).await,
        Peer::answering(OK).await,
    ];
    let config = EgressConfig {
        connections_per_tenant: 2,
        ..config()
    };
    let egress = Egress::new(config).unwrap();
    for peer in &peers {
        assert_eq!(
            text(get(&egress, &peer.url()).await.unwrap())
                .await
                .unwrap(),
            "ok"
        );
        until(|| egress.idle("acme") >= 1).await;
    }
    until(|| egress.idle("acme") == 2).await;
    // Two answers that have not come to their end hold both connections: a third request waits, and is told so.
    let endless = Peer::start(|mut stream| async move {
        head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
            .await
            .unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let held = [
        get(&egress, &endless.url()).await.unwrap(),
        get(&egress, &endless.url()).await.unwrap(),
    ];
    assert_eq!(endless.connections(), 2);
    let mut timeouts = soon();
    timeouts.connect = Duration::from_millis(200);
    let third = get_for(&egress, "acme", &peers[2].url(), timeouts).await;
    assert!(matches!(third, Err(EgressError::ConnectTimeout)));
    drop(held);
    assert_eq!(
        text(get(&egress, &peers[2].url()).await.unwrap())
            .await
            .unwrap(),
        "ok"
    );
}

/// Where one connection is all there may be, the second request waits until the answer of the first has ended, which it does
/// at a `notify`.
async fn waits_for_the_only_one(
    config: EgressConfig,
    first: &Peer,
    second: &Peer,
    rest: &tokio::sync::Notify,
) {
    let egress = Egress::new(config).unwrap();
    let held = get(&egress, &first.url()).await.unwrap();
    let waiting = tokio::spawn({
        let (egress, url) = (egress.clone(), second.url());
        async move { text(get(&egress, &url).await.unwrap()).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    rest.notify_one();
    assert_eq!(text(held).await.unwrap(), "ok");
    assert_eq!(waiting.await.unwrap(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_becomes_idle_makes_room_for_who_waits_already() {
    let rest = Arc::new(tokio::sync::Notify::new());
    let wanted = rest.clone();
    let first = Peer::start(move |mut stream| {
        let wanted = wanted.clone();
        async move {
            head(&mut stream).await;
            let (half, other) = OK.split_at(OK.len() - 1);
            stream.write_all(half.as_bytes()).await.unwrap();
            wanted.notified().await;
            stream.write_all(other.as_bytes()).await.unwrap();
            // It stays open.
            head(&mut stream).await;
        }
    })
    .await;
    let second = Peer::answering(OK).await;
    for config in [
        EgressConfig {
            connections_per_tenant: 1,
            ..config()
        },
        EgressConfig {
            connections: 1,
            ..config()
        },
    ] {
        waits_for_the_only_one(config, &first, &second, &rest).await;
    }
    assert_eq!(second.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_becomes_idle_is_taken_by_who_waits_for_one_to_the_same_peer() {
    let rest = Arc::new(tokio::sync::Notify::new());
    let wanted = rest.clone();
    let peer = Peer::start(move |mut stream| {
        let wanted = wanted.clone();
        async move {
            head(&mut stream).await;
            let (half, other) = OK.split_at(OK.len() - 1);
            stream.write_all(half.as_bytes()).await.unwrap();
            wanted.notified().await;
            stream.write_all(other.as_bytes()).await.unwrap();
            answer_all(stream, OK.into()).await;
        }
    })
    .await;
    for (config, opened) in [
        (
            EgressConfig {
                connections_per_tenant: 1,
                ..config()
            },
            1,
        ),
        (
            EgressConfig {
                connections: 1,
                ..config()
            },
            2,
        ),
    ] {
        waits_for_the_only_one(config, &peer, &peer, &rest).await;
        assert_eq!(peer.connections(), opened);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_host_closes_what_has_waited_the_longest_whoever_kept_it() {
    let peer = Peer::answering(OK).await;
    let config = EgressConfig {
        connections: 2,
        ..config()
    };
    let egress = Egress::new(config).unwrap();
    for tenant in ["first", "second", "third", "first"] {
        let answer = get_for(&egress, tenant, &peer.url(), egress.timeouts())
            .await
            .unwrap();
        assert_eq!(text(answer).await.unwrap(), "ok");
        until(|| egress.idle(tenant) == 1).await;
    }
    assert_eq!((egress.idle("second"), egress.idle("third")), (0, 1));
    assert_eq!(peer.connections(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_requests_of_a_function_are_on_their_way_and_no_more() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // Each waits for three others: four at a time there are.
    let four = Arc::new(tokio::sync::Barrier::new(4));
    let counts = (now.clone(), most.clone());
    let peer = Peer::start(move |mut stream| {
        let ((now, most), four) = (counts.clone(), four.clone());
        async move {
            while head(&mut stream).await.is_some() {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                four.wait().await;
                now.fetch_sub(1, Ordering::SeqCst);
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let (egress, turns) = (egress(), Turns::new(4));
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (egress, turns, url) = (egress.clone(), turns.clone(), peer.url());
        sending.spawn(async move {
            let request = http::Request::get(url).body(Empty::<Bytes>::new()).unwrap();
            let request = Request {
                tenant: "acme",
                destination: Destination::of(request.uri()).unwrap(),
                request,
                turns: &turns,
                timeouts: egress.timeouts(),
                deadline: Instant::now() + Duration::from_secs(20),
            };
            text(egress.send(request).await.unwrap()).await.unwrap()
        });
    }
    assert!(sending.join_all().await.iter().all(|answer| answer == "ok"));
    assert_eq!(most.load(Ordering::SeqCst), 4);
    assert!(peer.connections() <= 8, "{}", peer.connections());
}
