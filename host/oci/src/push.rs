//! To a registry: blobs first, the manifest last, so that what can be seen is complete.

use oci_client::Reference;
use reqwest::header::HeaderValue;
use steward_supply::{Provenance, Sbom, sha256};

use crate::layout::{self, CYCLONE, Descriptor, IN_TOTO, INDEX, MANIFEST, SPDX};
use crate::{About, Client, MAX_COMPONENT_BYTES, OciError, Place, Plugin, digest};

impl Client {
    /// Pushes a plugin under a tag; the digest that means it for ever.
    ///
    /// # Errors
    /// Every [`OciError`]. What was uploaded before an error is without a name, and registries collect it.
    pub async fn push(
        &self,
        place: &Place,
        plugin: &Plugin,
        about: &About,
    ) -> Result<String, OciError> {
        if place.digest().is_some() {
            return Err(OciError::Place {
                given: place.to_string(),
                reason: "what is pushed gets a tag, as `:1.0.0`; its digest follows from it".into(),
            });
        }
        if plugin.component.len() as u64 > MAX_COMPONENT_BYTES {
            return Err(OciError::TooLarge {
                what: "component",
                most: MAX_COMPONENT_BYTES,
            });
        }
        // Before anything is sent: a document that nobody could read is a mistake.
        let documents = documents(plugin)?;
        self.oci
            .store_auth_if_needed(place.registry(), &self.auth)
            .await;
        let config = layout::config(plugin, about);
        let manifest = layout::manifest(plugin, about, &config);
        self.blob_to(place, plugin.component.clone()).await?;
        self.blob_to(place, config.into()).await?;
        self.manifest_to(place, &place.0, &manifest, MANIFEST)
            .await?;
        let subject = Descriptor::of(MANIFEST, &manifest);
        self.attach(place, &subject, &documents).await?;
        Ok(subject.digest)
    }

    /// Pushes documents about an artifact, and lists them where the registry does not do that itself.
    async fn attach(
        &self,
        place: &Place,
        subject: &Descriptor,
        documents: &[(&'static str, bytes::Bytes)],
    ) -> Result<(), OciError> {
        if documents.is_empty() {
            return Ok(());
        }
        self.blob_to(place, bytes::Bytes::from_static(b"{}"))
            .await?;
        let mut entries = Vec::new();
        for (media_type, bytes) in documents {
            let manifest = layout::attachment(media_type, bytes, subject);
            let entry = Descriptor {
                artifact_type: Some((*media_type).to_owned()),
                ..Descriptor::of(MANIFEST, &manifest)
            };
            self.blob_to(place, bytes.clone()).await?;
            let at = place.at(&entry.digest);
            self.manifest_to(place, &at.0, &manifest, MANIFEST).await?;
            entries.push(entry);
        }
        let token = self.token(place).await?;
        if self
            .referrers(place, &token, &subject.digest)
            .await?
            .is_some()
        {
            return Ok(());
        }
        let mut list = self.tagged(place, &token, &subject.digest).await?.manifests;
        // A newer document of a kind takes the place of the one before.
        list.retain(|old| {
            !entries
                .iter()
                .any(|new| new.artifact_type == old.artifact_type)
        });
        list.extend(entries);
        let tag = Reference::with_tag(
            place.0.registry().to_owned(),
            place.repository().to_owned(),
            subject.digest.replace(':', "-"),
        );
        self.manifest_to(place, &tag, &layout::index(&list), INDEX)
            .await
    }

    async fn blob_to(&self, place: &Place, bytes: bytes::Bytes) -> Result<(), OciError> {
        let name = digest(&bytes);
        self.oci
            .push_blob(&place.0, bytes, &name)
            .await
            .map(drop)
            .map_err(|e| OciError::of_client(place.registry(), &e))
    }

    async fn manifest_to(
        &self,
        place: &Place,
        at: &Reference,
        bytes: &[u8],
        media_type: &'static str,
    ) -> Result<(), OciError> {
        self.oci
            .push_manifest_raw(at, bytes.to_vec(), HeaderValue::from_static(media_type))
            .await
            .map(drop)
            .map_err(|e| OciError::of_client(place.registry(), &e))
    }
}

fn documents(plugin: &Plugin) -> Result<Vec<(&'static str, bytes::Bytes)>, OciError> {
    let mut documents = Vec::new();
    if let Some(bytes) = &plugin.sbom {
        let kind = match Sbom::read(bytes)?.format.starts_with("SPDX") {
            true => SPDX,
            false => CYCLONE,
        };
        documents.push((kind, bytes.clone()));
    }
    if let Some(bytes) = &plugin.provenance {
        Provenance::read(bytes, &sha256(&plugin.component))?;
        documents.push((IN_TOTO, bytes.clone()));
    }
    Ok(documents)
}
