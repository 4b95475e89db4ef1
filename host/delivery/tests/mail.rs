//! E-mail over TLS: who is spoken to, and what goes to nobody else.
#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use steward_delivery::Outward;
use steward_egress::{AddressPolicy, Egress, EgressConfig, Resolve};
use steward_registry::events::{
    EmailTarget, Event, EventsTrigger, NewEvent, Outside, Trigger, TriggerOn, TriggerSpec,
};
use steward_registry::{Name, TenantId};
use steward_triggers::deliver::{Deliver, Undelivered};
use steward_triggers::{SecretError, Secrets};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What a relay was told, line by line.
type Told = Arc<Mutex<Vec<String>>>;

/// How a relay speaks TLS.
#[derive(Clone, Copy, PartialEq)]
enum Speaks {
    TlsAtOnce,
    StartTls,
    NoTls,
}

/// A relay with the certificate of `api.example.com`.
async fn relay(speaks: Speaks) -> (SocketAddr, Told) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let told = Told::default();
    let certificate = include_bytes!("../../egress/tests/certificates/peer.pem");
    let key = include_bytes!("../../egress/tests/certificates/peer.key");
    let tls = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate).unwrap()],
            PrivateKeyDer::from_pem_slice(key).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let seen = told.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, seen) = (acceptor.clone(), seen.clone());
            tokio::spawn(async move {
                match speaks {
                    Speaks::TlsAtOnce => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            talk(stream, &seen, true, false).await;
                        }
                    }
                    Speaks::NoTls => drop(talk(stream, &seen, true, false).await),
                    Speaks::StartTls => {
                        let Some(stream) = talk(stream, &seen, true, true).await else {
                            return;
                        };
                        if let Ok(stream) = acceptor.accept(stream).await {
                            talk(stream, &seen, false, false).await;
                        }
                    }
                }
            });
        }
    });
    (address, told)
}

/// Speaks SMTP until the end, or until `STARTTLS`; then the stream is given back.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    told: &Told,
    greet: bool,
    offer: bool,
) -> Option<S> {
    let mut stream = BufReader::new(stream);
    if greet {
        stream.write_all(b"220 relay\r\n").await.ok()?;
    }
    let mut data = false;
    loop {
        stream.flush().await.ok()?;
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        told.lock().unwrap().push(line.trim_end().to_owned());
        let answer: &[u8] = match line.split([' ', '\r']).next()? {
            _ if data => match line.as_str() {
                ".\r\n" => {
                    data = false;
                    b"250 taken\r\n"
                }
                _ => continue,
            },
            "EHLO" if offer => b"250-relay\r\n250 STARTTLS\r\n",
            "EHLO" => b"250-relay\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n",
            "STARTTLS" => {
                stream.write_all(b"220 go on\r\n").await.ok()?;
                stream.flush().await.ok()?;
                return Some(stream.into_inner());
            }
            "AUTH" => b"235 welcome\r\n",
            "DATA" => {
                data = true;
                b"354 go on\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer).await.ok()?;
    }
}

/// Every name is of this machine.
struct Here;

#[async_trait]
impl Resolve for Here {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
    }
}

/// One secret for everything.
struct Login;

#[async_trait]
impl Secrets for Login {
    async fn get(&self, _: &TenantId, _: &Name) -> Result<Option<String>, SecretError> {
        Ok(Some("user:pass:word\n".into()))
    }
}

/// Nothing comes this far.
struct Nowhere;

#[async_trait]
impl Deliver for Nowhere {
    async fn deliver(&self, _: &Trigger, _: &Event, _: u32) -> Result<(), Undelivered> {
        Err(Undelivered::Failed("a function".into()))
    }
}

fn outward(trusting: bool, open: bool) -> Outward<Nowhere> {
    let root = include_bytes!("../../egress/tests/certificates/ca.pem");
    let mut config = EgressConfig::default();
    if trusting {
        config.extra_roots = vec![CertificateDer::from_pem_slice(root).unwrap()];
    }
    if open {
        config.addresses = AddressPolicy::opening(["127.0.0.1".parse().unwrap()]);
    }
    let egress = Egress::with_resolver(config, Arc::new(Here)).unwrap();
    Outward::new(egress, Arc::new(Login), Nowhere)
}

fn trigger(relay: String) -> Trigger {
    Trigger {
        tenant: "default".parse().unwrap(),
        name: "mails".parse().unwrap(),
        spec: TriggerSpec {
            function: None,
            to: Some(Outside::Email(EmailTarget {
                relay,
                credentials: Some("login".parse().unwrap()),
                from: "steward@example.com".into(),
                to: vec!["li@example.com".into()],
                subject: None,
            })),
            on: TriggerOn::Events(EventsTrigger {
                types: "*".parse().unwrap(),
                subject: None,
            }),
            path: "/".into(),
            delivery: Default::default(),
            enabled: true,
        },
        next_at: None,
        delivered: 0,
        attempts: 0,
        died: 0,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        created_by: "test".into(),
    }
}

async fn send(outward: &Outward<Nowhere>, relay: String) -> Result<(), Undelivered> {
    let event = Event {
        seq: 7,
        event: NewEvent::new("/shop", "com.example.order.paid"),
        appended_at: Timestamp::UNIX_EPOCH,
        appended_by: "test".into(),
    };
    outward.deliver(&trigger(relay), &event, 1).await
}

/// Whether anybody was told the password, plain or in base64.
fn heard_password(told: &Told) -> bool {
    let told = told.lock().unwrap();
    told.iter()
        .any(|line| line.starts_with("AUTH") || line.contains("pass:word"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_and_a_password_go_to_a_relay_whose_certificate_is_good() {
    for (speaks, scheme) in [(Speaks::TlsAtOnce, "smtps"), (Speaks::StartTls, "smtp")] {
        let (address, told) = relay(speaks).await;
        let relay = format!("{scheme}://api.example.com:{}", address.port());
        send(&outward(true, true), relay).await.unwrap();
        let told = told.lock().unwrap();
        // `\0user\0pass:word` in base64.
        let login = "AUTH PLAIN AHVzZXIAcGFzczp3b3Jk";
        assert!(told.iter().any(|line| line == login), "{told:?}");
        assert!(
            told.iter().any(|line| line == "RCPT TO:<li@example.com>"),
            "{told:?}"
        );
        assert!(
            told.iter()
                .any(|line| line == "Message-ID: <mails-7@example.com>"),
            "{told:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_hears_a_password() {
    for (speaks, scheme, host, trusting) in [
        // A certificate of nobody who is known, and one of another host.
        (Speaks::TlsAtOnce, "smtps", "api.example.com", false),
        (Speaks::TlsAtOnce, "smtps", "other.example.com", true),
        (Speaks::StartTls, "smtp", "other.example.com", true),
        // A relay, or somebody on the way, that leaves `STARTTLS` out.
        (Speaks::NoTls, "smtp", "api.example.com", true),
    ] {
        let (address, told) = relay(speaks).await;
        let relay = format!("{scheme}://{host}:{}", address.port());
        let refused = send(&outward(trusting, true), relay).await.unwrap_err();
        assert!(matches!(refused, Undelivered::Failed(_)), "{refused:?}");
        assert!(!heard_password(&told), "{scheme} {host}: {told:?}");
    }
    let (address, told) = relay(Speaks::NoTls).await;
    let relay_url = format!("smtp+plain://api.example.com:{}", address.port());
    let refused = send(&outward(true, true), relay_url).await.unwrap_err();
    assert!(matches!(refused, Undelivered::Refused(_)), "{refused:?}");
    assert!(told.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_inside_is_not_reached_unless_the_operator_opened_it() {
    let (address, told) = relay(Speaks::TlsAtOnce).await;
    let relay = format!("smtps://api.example.com:{}", address.port());
    let Err(Undelivered::Failed(why)) = send(&outward(true, false), relay).await else {
        panic!("it is refused");
    };
    assert!(why.contains("a loopback address"), "{why}");
    assert!(told.lock().unwrap().is_empty());
}
