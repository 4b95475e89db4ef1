//! The address that was checked is the address that is connected to.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use steward_egress::{Egress, EgressError};

use crate::standin::{Answers, OK, Peer, answer_all, config, egress, get, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_name_server_that_changes_its_answer_gains_nothing() {
    // The opened address closes its connections, so that each request needs a new one; the other listens on the same
    // port and must never be reached.
    let peer =
        Peer::answering("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
            .await;
    let inside = tokio::net::TcpListener::bind(("127.0.0.2", peer.address.port()))
        .await
        .unwrap();
    let names = Answers::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let asked = names.asked.clone();
    let egress = Egress::with_resolver(config(), Arc::new(names)).unwrap();
    let url = format!("http://rebinds.example.com:{}/", peer.address.port());
    assert_eq!(text(get(&egress, &url).await.unwrap()).await.unwrap(), "ok");
    assert_eq!(
        asked.load(Ordering::SeqCst),
        1,
        "one look-up for one connection"
    );
    for _ in 0..3 {
        let refused = get(&egress, &url).await.err().unwrap();
        assert!(
            matches!(
                refused,
                EgressError::Blocked {
                    what: "a loopback address",
                    ..
                }
            ),
            "{refused}"
        );
    }
    let nobody = tokio::time::timeout(std::time::Duration::from_millis(50), inside.accept()).await;
    assert!(nobody.is_err(), "the second address was connected to");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_addresses_those_that_may_be_are_tried() {
    let peer = Peer::answering(OK).await;
    let port = peer.address.port();
    let url = format!("http://mixed.example.com:{port}/");
    let names = Answers::new(&[&["10.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254"]]);
    let egress = Egress::with_resolver(config(), Arc::new(names)).unwrap();
    assert_eq!(text(get(&egress, &url).await.unwrap()).await.unwrap(), "ok");
    let names = Answers::new(&[&["10.0.0.1", "::1"]]);
    let egress = Egress::with_resolver(config(), Arc::new(names)).unwrap();
    let refused = get(&egress, &url).await.err().unwrap();
    assert!(
        matches!(
            refused,
            EgressError::Blocked {
                what: "a private address",
                ..
            }
        ),
        "{refused}"
    );
    let egress = Egress::with_resolver(config(), Arc::new(Answers::new(&[]))).unwrap();
    assert!(matches!(
        get(&egress, &url).await,
        Err(EgressError::NoSuchHost)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_in_urls_are_held_against_the_same_policy() {
    let egress = egress();
    for inner in [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[fd00:ec2::254]/",
        "http://10.0.0.1/",
        "http://127.0.0.2/",
        "http://[::1]/",
        "http://0.0.0.0/",
    ] {
        let refused = get(&egress, inner).await.err().unwrap();
        assert!(
            matches!(refused, EgressError::Blocked { .. }),
            "{inner}: {refused}"
        );
    }
    for odd in [
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://169.254.43518/",
        "http://0251.0376.0251.0376/",
    ] {
        let refused = get(&egress, odd).await.err().unwrap();
        assert!(
            matches!(refused, EgressError::InvalidUri(_)),
            "{odd}: {refused}"
        );
    }
    // `localhost` is a name like any other: what counts is its address.
    let refused = get(
        &Egress::new(steward_egress::EgressConfig::default()).unwrap(),
        "http://localhost/",
    )
    .await;
    assert!(matches!(refused, Err(EgressError::Blocked { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_an_answer_and_where_it_leads_is_checked_again() {
    let to = "http://169.254.169.254/latest/meta-data/iam/security-credentials/";
    let peer = Peer::answering(format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"
    ))
    .await;
    let egress = egress();
    let answer = get(&egress, &peer.url()).await.unwrap();
    assert_eq!(answer.status(), 302);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(location, to);
    assert!(matches!(
        get(&egress, &location).await,
        Err(EgressError::Blocked {
            what: "the metadata service of a cloud",
            ..
        })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_the_destination_whatever_the_guest_says() {
    let (sender, mut heads) = tokio::sync::mpsc::unbounded_channel();
    let peer = Peer::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            let head = crate::standin::head(&mut stream).await.unwrap();
            sender.send(head).unwrap();
            answer_all(stream, OK.into()).await;
        }
    })
    .await;
    let request = http::Request::get(peer.url())
        .header("host", "metadata.google.internal")
        .header("connection", "keep-alive, x-hop")
        .header("x-hop", "1")
        .header("transfer-encoding", "chunked")
        .body(http_body_util::Empty::new())
        .unwrap();
    let egress = egress();
    let sent = crate::standin::send(&egress, "acme", request, crate::standin::soon());
    // The stand-in answers the next head only; what it read of this one is what is looked at.
    assert!(sent.await.is_err());
    let head = heads.recv().await.unwrap();
    assert_eq!(
        head,
        format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", peer.address)
    );
}
