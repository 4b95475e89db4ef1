//! A registry that lies, on a loopback port.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::layout::{self, CONFIG, LAYER};
use crate::{About, Options};

/// An answer to a path.
#[derive(Clone)]
enum Answer {
    Bytes(Vec<u8>),
    /// Bytes without an end.
    Endless,
}

/// Serves what it is told to, without any check of its own; anything else is 404.
fn registry(answers: HashMap<String, Answer>) -> Place {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answers = Arc::new(answers);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answers = answers.clone();
            std::thread::spawn(move || serve(stream, &answers));
        }
    });
    format!("oci://127.0.0.1:{port}/acme/x:1").parse().unwrap()
}

fn serve(mut stream: TcpStream, answers: &HashMap<String, Answer>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?)
        .lines()
        .map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    while lines.next().is_some_and(|line| !line.is_empty()) {}
    match answers.get(path.strip_prefix("/v2/acme/x/").unwrap_or(&path)) {
        Some(Answer::Bytes(bytes)) => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                bytes.len()
            )
            .ok()?;
            stream.write_all(bytes).ok()
        }
        Some(Answer::Endless) => {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").ok()?;
            while stream.write_all(&[b' '; 65536]).is_ok() {}
            Some(())
        }
        None => write!(
            stream,
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        .ok(),
    }
}

async fn pulled(
    answers: impl IntoIterator<Item = (String, Answer)>,
) -> Result<(Plugin, String), OciError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let place = registry(answers.into_iter().collect());
    let options = Options {
        plain_http: true,
        credentials: None,
    };
    Client::new(options).unwrap().pull(&place).await
}

fn plugin() -> (Plugin, Vec<u8>) {
    let plugin = Plugin {
        component: b"\0asm component".as_slice().into(),
        manifest: Some("[plugin]\n".into()),
        ..Plugin::default()
    };
    let about = About::default();
    let manifest = layout::manifest(&plugin, &about, &layout::config(&plugin, &about));
    (plugin, manifest)
}

fn blob(bytes: &[u8]) -> String {
    format!("blobs/{}", digest(bytes))
}

#[tokio::test]
async fn a_component_is_pulled_with_what_is_said_about_it() {
    let (plugin, manifest) = plugin();
    let (sbom, subject) = (b"{}".to_vec(), Descriptor::of(MANIFEST, &manifest));
    let attachment = layout::attachment(CYCLONE, &sbom, &subject);
    let entry = Descriptor {
        artifact_type: Some(CYCLONE.into()),
        ..Descriptor::of(MANIFEST, &attachment)
    };
    let index = layout::index(&[entry]);
    let common = [
        ("manifests/1".to_owned(), Answer::Bytes(manifest.clone())),
        (
            blob(&plugin.component),
            Answer::Bytes(plugin.component.to_vec()),
        ),
        (
            format!("manifests/{}", digest(&attachment)),
            Answer::Bytes(attachment),
        ),
        (blob(&sbom), Answer::Bytes(sbom.clone())),
    ];
    // By the registry's own list, by the tag, and not at all.
    let list = format!("referrers/{}", digest(&manifest));
    let tag = format!("manifests/{}", digest(&manifest).replace(':', "-"));
    for (path, found) in [(Some(list), true), (Some(tag), true), (None, false)] {
        let index = path.map(|path| (path, Answer::Bytes(index.clone())));
        let (got, at) = pulled(common.clone().into_iter().chain(index))
            .await
            .unwrap();
        assert_eq!(at, digest(&manifest));
        assert_eq!(
            (&got.component, &got.manifest),
            (&plugin.component, &plugin.manifest)
        );
        assert_eq!(got.sbom.is_some(), found);
    }
}

#[tokio::test]
async fn other_bytes_than_those_that_are_named_are_refused() {
    let (plugin, manifest) = plugin();
    let mut other = plugin.component.to_vec();
    other[5] = b'C';
    let refused = pulled([
        ("manifests/1".to_owned(), Answer::Bytes(manifest.clone())),
        (blob(&plugin.component), Answer::Bytes(other)),
    ])
    .await;
    assert!(
        matches!(
            refused,
            Err(OciError::Digest {
                what: "component",
                ..
            })
        ),
        "{refused:?}"
    );
    let missing = pulled([("manifests/1".to_owned(), Answer::Bytes(manifest))]).await;
    assert!(matches!(missing, Err(OciError::Missing(_))), "{missing:?}");
    assert!(matches!(pulled([]).await, Err(OciError::Missing(_))));
}

#[tokio::test]
async fn a_manifest_by_digest_is_verified() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (_, manifest) = plugin();
    let wanted = digest(b"another");
    let place = registry([(format!("manifests/{wanted}"), Answer::Bytes(manifest))].into());
    let client = Client::new(Options {
        plain_http: true,
        credentials: None,
    })
    .unwrap();
    let refused = client.pull(&place.at(&wanted)).await;
    assert!(
        matches!(
            refused,
            Err(OciError::Digest {
                what: "manifest",
                ..
            })
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn bodies_without_end_are_given_up() {
    let refused = pulled([("manifests/1".to_owned(), Answer::Endless)]).await;
    assert!(
        matches!(
            refused,
            Err(OciError::TooLarge {
                what: "manifest",
                ..
            })
        ),
        "{refused:?}"
    );
    let (plugin, manifest) = plugin();
    let refused = pulled([
        ("manifests/1".to_owned(), Answer::Bytes(manifest)),
        (blob(&plugin.component), Answer::Endless),
    ])
    .await;
    assert!(
        matches!(
            refused,
            Err(OciError::TooLarge {
                what: "component",
                ..
            })
        ),
        "{refused:?}"
    );
    // One that says to be too large is not asked for at all.
    let huge = json!({
        "config": Descriptor::of(CONFIG, b""),
        "layers": [Descriptor { size: MAX_COMPONENT_BYTES + 1, ..Descriptor::of(LAYER, b"") }]
    });
    let refused = pulled([(
        "manifests/1".to_owned(),
        Answer::Bytes(huge.to_string().into_bytes()),
    )])
    .await;
    assert!(
        matches!(refused, Err(OciError::TooLarge { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_named() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let place: Place = format!("oci://127.0.0.1:{port}/x:1").parse().unwrap();
    let client = Client::new(Options {
        plain_http: true,
        credentials: None,
    })
    .unwrap();
    let refused = client.pull(&place).await.unwrap_err();
    assert!(matches!(refused, OciError::Network { .. }), "{refused}");
    assert!(refused.to_string().contains(&port.to_string()), "{refused}");
}
