//! Answers in the place of the network.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;

use crate::Destination;

/// What a connection holds on its way.
const PIPE_BYTES: usize = 64 << 10;
/// The largest body of a request.
const MAX_BODY_BYTES: usize = 16 << 20;

/// Answers every request that would go to the network, as a test of a function needs it.
pub trait StandIn: Send + Sync + 'static {
    /// The answer of a service at an origin (`https://api.example.com`); none breaks the connection off.
    fn answer(&self, origin: &str, request: http::Request<Bytes>) -> Option<http::Response<Bytes>>;
}

/// A connection to it. There is no TLS in it, whatever the destination says.
pub(crate) fn connect(stand_in: &Arc<dyn StandIn>, destination: &Destination) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
    let origin: Arc<str> = destination.to_string().into();
    let stand_in = stand_in.clone();
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (stand_in, origin) = (stand_in.clone(), origin.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
            let body = body.map_err(std::io::Error::other)?;
            let request = http::Request::from_parts(head, body.to_bytes());
            let answer = stand_in.answer(&origin, request);
            let answer = answer.ok_or_else(|| std::io::Error::other("nobody answers this"))?;
            Ok::<_, std::io::Error>(answer.map(Full::new))
        }
    });
    tokio::spawn(async move {
        let served = http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
        if let Err(error) = served.await {
            tracing::debug!(%error, "a connection to a stand-in ended");
        }
    });
    ours
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use http_body_util::Empty;

    use super::*;
    use crate::{Egress, EgressConfig, Request, Turns};

    struct Echo;

    impl StandIn for Echo {
        fn answer(
            &self,
            origin: &str,
            request: http::Request<Bytes>,
        ) -> Option<http::Response<Bytes>> {
            let path = request.uri().path();
            (path != "/nobody").then(|| http::Response::new(format!("{origin}{path}").into()))
        }
    }

    #[tokio::test]
    async fn every_origin_is_answered_without_a_look_up() {
        let egress = Egress::with_stand_in(EgressConfig::default(), Arc::new(Echo)).unwrap();
        let turns = Turns::default();
        for (url, whole) in [
            ("https://no-such.invalid/a", true),
            ("http://no-such.invalid:81/b", true),
            ("https://169.254.169.254/c", true),
            ("https://no-such.invalid/nobody", false),
        ] {
            let request = http::Request::get(url).body(Empty::<Bytes>::new()).unwrap();
            let sent = egress.send(Request {
                tenant: "acme",
                destination: Destination::of(request.uri()).unwrap(),
                request,
                turns: &turns,
                timeouts: egress.timeouts(),
                deadline: Instant::now() + Duration::from_secs(30),
            });
            match sent.await {
                Ok(answer) => {
                    let body = answer.into_body().collect().await.unwrap().to_bytes();
                    assert_eq!(body, url);
                }
                Err(error) => assert!(!whole, "{url}: {error}"),
            }
        }
    }
}
