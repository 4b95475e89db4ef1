//! What an issuer publishes, over HTTPS and bounded.

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::Deserialize;

use crate::config::safe_url;

/// The longest answer, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// From the question to the end of the answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A client that follows nobody elsewhere: keys come from the address that was configured, or not at all.
pub(crate) fn client() -> Result<Client, String> {
    Client::builder()
        .redirect(Policy::none())
        .timeout(TIMEOUT)
        .connect_timeout(TIMEOUT)
        .user_agent(concat!("steward/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| e.to_string())
}

/// Where the keys of an issuer are, by its own word (OpenID Connect Discovery 1.0, section 4).
pub(crate) async fn discover(client: &Client, issuer: &str) -> Result<Url, String> {
    #[derive(Deserialize)]
    struct Discovered {
        issuer: String,
        jwks_uri: String,
    }
    let place = format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    );
    let bytes = get(client, safe_url(&place)?).await?;
    let found: Discovered =
        serde_json::from_slice(&bytes).map_err(|e| format!("its configuration: {e}"))?;
    // Section 4.3: else whoever answers there could speak for another.
    if found.issuer != issuer {
        return Err("its configuration is that of another issuer".into());
    }
    safe_url(&found.jwks_uri)
}

/// The body of a 200, whole.
pub(crate) async fn get(client: &Client, url: Url) -> Result<Vec<u8>, String> {
    let answer = client
        .get(url)
        .send()
        .await
        .map_err(|e| e.without_url().to_string())?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(format!("it answered with {}", answer.status()));
    }
    let mut bytes = Vec::new();
    let mut pieces = answer.bytes_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|e| e.without_url().to_string())?;
        if bytes.len() + piece.len() > MAX_BYTES {
            return Err(format!("its answer has more than {MAX_BYTES} bytes"));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}
