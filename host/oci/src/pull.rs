//! From a registry: every answer bounded, every digest verified.

use bytes::{Bytes, BytesMut};
use oci_client::RegistryOperation;
use oci_client::secrets::RegistryAuth;
use reqwest::header::ACCEPT;
use steward_supply::{provenance, sbom};

use crate::layout::{CYCLONE, Descriptor, IN_TOTO, INDEX, Index, MANIFEST, Manifest, SPDX};
use crate::{Client, MAX_COMPONENT_BYTES, OciError, Place, Plugin, digest, error};

/// The largest OCI manifest or list; registries need not take larger ones.
const MAX_MANIFEST: u64 = 4 << 20;
/// The most documents about one component that are looked at.
const MAX_DOCUMENTS: usize = 16;
/// How much of a refusal is read.
const MAX_REFUSAL: u64 = 4096;

impl Client {
    /// Fetches a plugin, with the digest that means it for ever.
    ///
    /// # Errors
    /// Every [`OciError`].
    pub async fn pull(&self, place: &Place) -> Result<(Plugin, String), OciError> {
        let token = self.token(place).await?;
        let manifest = self
            .manifest(place, &token, place.pointer())
            .await?
            .ok_or_else(|| OciError::Missing(place.to_string()))?;
        let found = digest(&manifest);
        let read = Manifest::read(&manifest)?;
        let (steward, signature) = read.of_steward()?;
        let component = self
            .blob(
                place,
                &token,
                read.component()?,
                "component",
                MAX_COMPONENT_BYTES,
            )
            .await?;
        let mut plugin = Plugin {
            component,
            manifest: steward,
            signature,
            ..Plugin::default()
        };
        self.documents(place, &token, &found, &mut plugin).await?;
        Ok((plugin, found))
    }

    /// Fetches the documents about an artifact. Of several of a kind the last one counts.
    async fn documents(
        &self,
        place: &Place,
        token: &Option<String>,
        of: &str,
        plugin: &mut Plugin,
    ) -> Result<(), OciError> {
        let index = match self.referrers(place, token, of).await? {
            Some(index) => index,
            None => self.tagged(place, token, of).await?,
        };
        for entry in index.manifests.iter().take(MAX_DOCUMENTS) {
            let (what, most, into) = match entry.artifact_type.as_deref() {
                Some(CYCLONE | SPDX) => ("SBOM", sbom::MAX_BYTES, &mut plugin.sbom),
                Some(IN_TOTO) => ("provenance", provenance::MAX_BYTES, &mut plugin.provenance),
                _ => continue,
            };
            entry.check(what, MAX_MANIFEST)?;
            let manifest = self
                .manifest(place, token, &entry.digest)
                .await?
                .ok_or_else(|| OciError::Missing(format!("the {what} {}", entry.digest)))?;
            let [layer] = &Manifest::read(&manifest)?.layers[..] else {
                return Err(OciError::NotAPlugin(format!(
                    "its {what} has not one layer"
                )));
            };
            *into = Some(self.blob(place, token, layer, what, most as u64).await?);
        }
        Ok(())
    }

    /// What the registry itself lists about an artifact; none where it keeps no such lists.
    pub(crate) async fn referrers(
        &self,
        place: &Place,
        token: &Option<String>,
        of: &str,
    ) -> Result<Option<Index>, OciError> {
        let path = format!("referrers/{of}");
        let list = self
            .get(place, token, &path, INDEX, "list", MAX_MANIFEST)
            .await?;
        list.map(|bytes| read_index(&bytes)).transpose()
    }

    /// What is listed under the tag that OCI 1.1 sets aside for registries that keep no lists.
    pub(crate) async fn tagged(
        &self,
        place: &Place,
        token: &Option<String>,
        of: &str,
    ) -> Result<Index, OciError> {
        let path = format!("manifests/{}", of.replace(':', "-"));
        match self
            .get(place, token, &path, INDEX, "list", MAX_MANIFEST)
            .await?
        {
            Some(bytes) => read_index(&bytes),
            None => Ok(Index::default()),
        }
    }

    /// A manifest by tag or digest; none where there is none.
    async fn manifest(
        &self,
        place: &Place,
        token: &Option<String>,
        pointer: &str,
    ) -> Result<Option<Bytes>, OciError> {
        let path = format!("manifests/{pointer}");
        let accept = format!("{MANIFEST}, {INDEX}");
        let bytes = self
            .get(place, token, &path, &accept, "manifest", MAX_MANIFEST)
            .await?;
        if let Some(bytes) = &bytes
            && pointer.starts_with("sha256:")
        {
            verify("manifest", pointer, bytes)?;
        }
        Ok(bytes)
    }

    async fn blob(
        &self,
        place: &Place,
        token: &Option<String>,
        blob: &Descriptor,
        what: &'static str,
        most: u64,
    ) -> Result<Bytes, OciError> {
        blob.check(what, most)?;
        let path = format!("blobs/{}", blob.digest);
        let bytes = self
            .get(place, token, &path, "*/*", what, blob.size)
            .await?
            .ok_or_else(|| OciError::Missing(format!("the {what} {}", blob.digest)))?;
        verify(what, &blob.digest, &bytes)?;
        Ok(bytes)
    }

    /// Who we are, in the way that the registry wants to hear it.
    pub(crate) async fn token(&self, place: &Place) -> Result<Option<String>, OciError> {
        self.oci
            .auth(&place.0, &self.auth, RegistryOperation::Pull)
            .await
            .map_err(|e| OciError::of_client(place.registry(), &e))
    }

    /// One answer of at most `most` bytes; none for 404.
    async fn get(
        &self,
        place: &Place,
        token: &Option<String>,
        path: &str,
        accept: &str,
        what: &'static str,
        most: u64,
    ) -> Result<Option<Bytes>, OciError> {
        let registry = place.registry();
        let url = format!(
            "{}://{registry}/v2/{}/{path}",
            self.scheme,
            place.repository()
        );
        let mut request = self.http.get(url).header(ACCEPT, accept);
        request = match (token, &self.auth) {
            (Some(token), _) => request.bearer_auth(token),
            (None, RegistryAuth::Basic(name, password)) => request.basic_auth(name, Some(password)),
            (None, _) => request,
        };
        let broken = |e: reqwest::Error| OciError::Network {
            registry: registry.to_owned(),
            reason: error::chain(&e.without_url()),
        };
        let response = request.send().await.map_err(broken)?;
        let status = response.status().as_u16();
        match status {
            200..=299 => bounded(response, most)
                .await
                .map_err(broken)?
                .ok_or(OciError::TooLarge { what, most })
                .map(Some),
            404 => Ok(None),
            _ => {
                let said = bounded(response, MAX_REFUSAL).await.ok().flatten();
                let said = said.unwrap_or_default();
                Err(OciError::of_status(
                    registry,
                    status,
                    &String::from_utf8_lossy(&said),
                ))
            }
        }
    }
}

/// The body, or none where it is larger.
async fn bounded(
    mut response: reqwest::Response,
    most: u64,
) -> Result<Option<Bytes>, reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if (body.len() + chunk.len()) as u64 > most {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body.freeze()))
}

fn verify(what: &'static str, wanted: &str, bytes: &[u8]) -> Result<(), OciError> {
    let found = digest(bytes);
    if found == wanted {
        return Ok(());
    }
    Err(OciError::Digest {
        what,
        wanted: wanted.to_owned(),
        found,
    })
}

fn read_index(bytes: &[u8]) -> Result<Index, OciError> {
    serde_json::from_slice(bytes)
        .map_err(|e| OciError::NotAPlugin(format!("the list of its documents cannot be read: {e}")))
}

#[cfg(test)]
mod tests;
