//! TLS: who is spoken to, and in which version of HTTP.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use steward_egress::{Egress, EgressConfig, EgressError};
use tokio_rustls::TlsAcceptor;

use crate::standin::{Answers, Peer, config, get, text};

fn root() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(include_bytes!("../certificates/ca.pem")).unwrap()
}

/// A peer with the certificate of `api.example.com` and `*.below.example.com`.
async fn peer(protocol: &'static str) -> Peer {
    let certificate =
        CertificateDer::from_pem_slice(include_bytes!("../certificates/peer.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../certificates/peer.key")).unwrap();
    let mut tls =
        ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
    tls.alpn_protocols = vec![protocol.into()];
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    Peer::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let service = hyper::service::service_fn(
                |request: http::Request<hyper::body::Incoming>| async move {
                    let host = match request.uri().host() {
                        Some(host) => host.to_owned(),
                        None => request.headers()["host"].to_str().unwrap().to_owned(),
                    };
                    let told = format!("{:?} {host}", request.version());
                    Ok::<_, std::convert::Infallible>(http::Response::new(
                        http_body_util::Full::new(bytes::Bytes::from(told)),
                    ))
                },
            );
            let executor = hyper_util::rt::TokioExecutor::new();
            let _ = hyper_util::server::conn::auto::Builder::new(executor)
                .serve_connection(hyper_util::rt::TokioIo::new(stream), service)
                .await;
        }
    })
    .await
}

fn trusting_config(roots: Vec<CertificateDer<'static>>) -> EgressConfig {
    EgressConfig {
        extra_roots: roots,
        ..config()
    }
}

/// Every name is this machine.
fn loopback() -> Arc<Answers> {
    Arc::new(Answers::new(&[&["127.0.0.1"]]))
}

fn egress(roots: Vec<CertificateDer<'static>>) -> Egress {
    Egress::with_resolver(trusting_config(roots), loopback()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_where_the_peer_speaks_it_and_one_connection_for_many() {
    for (protocol, version) in [("h2", "HTTP/2.0"), ("http/1.1", "HTTP/1.1")] {
        let peer = peer(protocol).await;
        let egress = egress(vec![root()]);
        let url = format!("https://api.example.com:{}/", peer.address.port());
        let told = text(get(&egress, &url).await.unwrap()).await.unwrap();
        assert!(
            told.starts_with(version) && told.contains("api.example.com"),
            "{told}"
        );
        if protocol == "h2" {
            let many =
                (0..20).map(|_| async { text(get(&egress, &url).await.unwrap()).await.unwrap() });
            assert!(
                futures::future::join_all(many)
                    .await
                    .iter()
                    .all(|answer| *answer == told)
            );
            assert_eq!(peer.connections(), 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_the_only_connection_shares_it_where_the_peer_speaks_http_2() {
    let peer = peer("h2").await;
    let config = EgressConfig {
        connections_per_tenant: 1,
        ..trusting_config(vec![root()])
    };
    let egress = Egress::with_resolver(config, loopback()).unwrap();
    let url = format!("https://api.example.com:{}/", peer.address.port());
    let many = (0..20).map(|_| async { text(get(&egress, &url).await.unwrap()).await.unwrap() });
    let answers = futures::future::join_all(many).await;
    assert!(answers.iter().all(|told| told.starts_with("HTTP/2.0")));
    assert_eq!(peer.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_host_or_of_nobody_is_refused() {
    let peer = peer("http/1.1").await;
    let port = peer.address.port();
    let trusting = egress(vec![root()]);
    for (egress, host) in [
        (&trusting, "other.example.com"),
        (&trusting, "127.0.0.1"),
        (&egress(Vec::new()), "api.example.com"),
    ] {
        let refused = get(egress, &format!("https://{host}:{port}/")).await;
        assert!(matches!(refused, Err(EgressError::Tls(_))), "{host}");
    }
    let below = format!("https://a.below.example.com:{port}/");
    assert!(get(&trusting, &below).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detour_changes_where_the_connection_goes_and_not_who_must_answer() {
    let peer = peer("http/1.1").await;
    let to = |host: &str| format!("{host}=127.0.0.1:{}", peer.address.port());
    let nobody = Arc::new(Answers::new(&[]));
    let detoured = |config: EgressConfig| {
        let config = EgressConfig {
            extra_roots: vec![root()],
            detours: ["api.example.com:443", "other.example.com:443"]
                .map(|host| to(host).parse().unwrap())
                .to_vec(),
            ..config
        };
        Egress::with_resolver(config, nobody.clone()).unwrap()
    };
    let egress = detoured(config());
    let told = text(get(&egress, "https://api.example.com/").await.unwrap());
    let told = told.await.unwrap();
    assert!(told.contains("api.example.com"), "{told}");
    // The certificate is still asked for.
    let refused = get(&egress, "https://other.example.com/").await;
    assert!(matches!(refused, Err(EgressError::Tls(_))));
    // Another port is another destination.
    let refused = get(&egress, "https://api.example.com:444/").await;
    assert!(matches!(refused, Err(EgressError::NoSuchHost)));
    // An address that nobody opened is not connected to.
    let closed = detoured(EgressConfig::default());
    let refused = get(&closed, "https://api.example.com/").await;
    assert!(matches!(refused, Err(EgressError::Blocked { .. })));
}
