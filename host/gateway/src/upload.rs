//! `multipart/form-data`: read as a stream, within limits, into named parts.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt::Display;
use std::str::FromStr;

use axum::extract::multipart::MultipartError;
use axum::extract::{FromRequest, Multipart, Request};
use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use crate::body::{BodyError, reserve};
use crate::extract::any_json;
use crate::gateway::Shared;
use crate::problem::{Problem, codes};

/// More parts than any form of this interface has.
const MAX_PARTS: usize = 16;
/// The longest name of a part, in bytes.
const MAX_NAME: usize = 128;

/// A body that says to be a form, not yet read.
pub(crate) struct Unread(Multipart);

impl FromRequest<Shared> for Unread {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Problem> {
        Multipart::from_request(request, state)
            .await
            .map(Self)
            .map_err(|e| {
                invalid(format!(
                    "{}: send `multipart/form-data` with a boundary",
                    e.body_text()
                ))
            })
    }
}

/// The parts of a form, by name. Each must be taken: a part that nobody takes is a mistake of the
/// sender, and is named.
pub(crate) struct Form {
    parts: BTreeMap<String, Bytes>,
    share: OwnedSemaphorePermit,
}

impl Form {
    /// Reads all parts. `limit` is that of the body, which the body itself enforces; so much of the
    /// memory for bodies is taken first.
    pub async fn read(
        gateway: &Shared,
        Unread(mut form): Unread,
        limit: usize,
    ) -> Result<Self, Problem> {
        let mut share = reserve(&gateway.buffers, limit)?;
        let mut parts = BTreeMap::new();
        let mut size = 0;
        while let Some(mut field) = form.next_field().await.map_err(unread)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name.is_empty() || name.len() > MAX_NAME {
                return Err(invalid(format!(
                    "a part has no name, or one of more than {MAX_NAME} bytes"
                )));
            }
            if parts.len() == MAX_PARTS {
                return Err(invalid(format!("the form has more than {MAX_PARTS} parts")));
            }
            let mut bytes = BytesMut::new();
            while let Some(chunk) = field.chunk().await.map_err(unread)? {
                bytes.extend_from_slice(&chunk);
            }
            size += bytes.len();
            if parts.insert(name.clone(), bytes.freeze()).is_some() {
                return Err(invalid(format!("the part `{name}` comes twice")));
            }
        }
        // What the form did not need goes back at once: what is done with it takes far longer than
        // reading it.
        let kept = size.div_ceil(1024);
        drop(share.split(share.num_permits().saturating_sub(kept)));
        Ok(Self { parts, share })
    }

    /// Takes a part that must be there.
    pub fn bytes(&mut self, name: &str) -> Result<Bytes, Problem> {
        self.parts.remove(name).ok_or_else(|| {
            let there: Vec<_> = self.parts.keys().map(|k| format!("`{k}`")).collect();
            let there = if there.is_empty() {
                "nothing else".to_owned()
            } else {
                there.join(", ")
            };
            invalid(format!(
                "the part `{name}` is missing; the form has {there}"
            ))
            .with("part", name)
        })
    }

    /// Takes a part that must be there and must be text.
    pub fn text(&mut self, name: &str) -> Result<String, Problem> {
        String::from_utf8(self.bytes(name)?.into()).map_err(|e| {
            invalid(format!(
                "the part `{name}` is not UTF-8: {}",
                e.utf8_error()
            ))
            .with("part", name)
        })
    }

    /// Takes a part that must be there and must be JSON of some shape.
    pub fn json<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Problem> {
        let json = any_json(&self.bytes(name)?)?;
        serde_path_to_error::deserialize(json)
            .map_err(|e| invalid(format!("the part `{name}`: {e}")).with("part", name))
    }

    /// Takes a part that may be left out.
    pub fn take(&mut self, name: &str) -> Option<Bytes> {
        self.parts.remove(name)
    }

    /// Takes a part that may be left out, and must be text.
    pub fn optional(&mut self, name: &str) -> Result<Option<String>, Problem> {
        match self.parts.contains_key(name) {
            false => Ok(None),
            true => self.text(name).map(Some),
        }
    }

    /// Takes a part that must be there and must be a word of some kind.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<T, Problem> {
        let text = self.text(name)?;
        text.trim()
            .parse()
            .map_err(|e| invalid(format!("the part `{name}`: {e}")).with("part", name))
    }

    /// Takes every part that is left and the share of memory that the parts take.
    pub fn rest(self) -> (BTreeMap<String, Bytes>, OwnedSemaphorePermit) {
        (self.parts, self.share)
    }

    /// Says that every part was taken.
    pub fn finish(self) -> Result<OwnedSemaphorePermit, Problem> {
        match self.parts.keys().next() {
            None => Ok(self.share),
            Some(name) => Err(invalid(format!(
                "the form has a part `{name}`, which is not asked for"
            ))
            .with("part", name.as_str())),
        }
    }
}

pub(crate) fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(&codes::INVALID_UPLOAD, detail)
}

fn unread(error: MultipartError) -> Problem {
    error
        .source()
        .and_then(BodyError::problem_in)
        .unwrap_or_else(|| invalid(error.body_text()))
}
