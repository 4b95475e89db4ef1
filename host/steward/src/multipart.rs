//! A `multipart/form-data` body of known length that streams its files.

use std::path::PathBuf;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use indicatif::ProgressBar;
use tokio::io::AsyncReadExt;

use crate::failure::Failure;

/// How much of a file is read at a time.
const CHUNK: usize = 256 * 1024;

/// One part after the other.
pub struct Multipart {
    boundary: String,
    parts: Vec<(Bytes, Content)>,
    length: u64,
}

enum Content {
    Bytes(Bytes),
    File(PathBuf, u64),
}

impl Multipart {
    pub fn new() -> Self {
        // 128 random bits: no content holds them by accident, and nobody can know them before.
        Self {
            boundary: format!("steward-{}", hex::encode(rand::random::<[u8; 16]>())),
            parts: Vec::new(),
            length: 0,
        }
    }

    /// Adds a value. `name` and the others are constants of ours and need no escaping.
    pub fn bytes(mut self, name: &str, content_type: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        self.push(name, content_type, length, Content::Bytes(bytes));
        self
    }

    /// Adds a file, which is read while it is sent.
    pub async fn file(mut self, name: &str, path: PathBuf) -> Result<Self, Failure> {
        let about = tokio::fs::metadata(&path)
            .await
            .map_err(|e| Failure::file("read", &path, &e))?;
        if !about.is_file() {
            return Err(Failure::invalid(format!(
                "{} is not a file",
                path.display()
            )));
        }
        self.push(
            name,
            "application/octet-stream",
            about.len(),
            Content::File(path, about.len()),
        );
        Ok(self)
    }

    fn push(&mut self, name: &str, content_type: &str, length: u64, content: Content) {
        let head = Bytes::from(format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\nContent-Type: {content_type}\r\n\r\n",
            self.boundary
        ));
        self.length += head.len() as u64 + length + 2;
        self.parts.push((head, content));
    }

    fn tail(&self) -> Bytes {
        Bytes::from(format!("--{}--\r\n", self.boundary))
    }

    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Length of the whole body.
    pub fn length(&self) -> u64 {
        self.length + self.tail().len() as u64
    }

    /// The body, telling the bar how far it is.
    pub fn into_stream(self, bar: ProgressBar) -> BoxStream<'static, std::io::Result<Bytes>> {
        let tail = self.tail();
        stream::iter(self.parts)
            .flat_map(|(head, content)| {
                let content = match content {
                    Content::Bytes(bytes) => stream::once(async { Ok(bytes) }).boxed(),
                    Content::File(path, length) => read(path, length).boxed(),
                };
                let (head, end) = (
                    stream::once(async { Ok(head) }),
                    stream::once(async { Ok(Bytes::from_static(b"\r\n")) }),
                );
                head.chain(content).chain(end)
            })
            .chain(stream::once(async { Ok(tail) }))
            .inspect(move |chunk| {
                if let Ok(chunk) = chunk {
                    bar.inc(chunk.len() as u64);
                }
            })
            .boxed()
    }
}

/// Exactly `length` bytes: a file that shrinks while it is sent is an error, one that grows is cut, so
/// that the announced length of the body stays true.
pub fn read(
    path: PathBuf,
    length: u64,
) -> impl futures::Stream<Item = std::io::Result<Bytes>> + Send {
    stream::try_unfold((None, length), move |(file, left)| {
        let path = path.clone();
        async move {
            if left == 0 {
                return Ok(None);
            }
            let mut file = match file {
                Some(file) => file,
                None => tokio::fs::File::open(&path).await?,
            };
            let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
            let n = file.read(&mut chunk).await?;
            if n == 0 {
                return Err(std::io::Error::new(
                    std::io::ErrorKind::UnexpectedEof,
                    format!("{} became shorter", path.display()),
                ));
            }
            chunk.truncate(n);
            Ok(Some((Bytes::from(chunk), (Some(file), left - n as u64))))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_body_is_as_long_as_announced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, vec![7; CHUNK * 2 + 5]).unwrap();
        let body = Multipart::new()
            .bytes("manifest", "text/plain", "x = 1")
            .file("component", path)
            .await
            .unwrap();
        let (length, kind) = (body.length(), body.content_type());
        let chunks: Vec<_> = body.into_stream(ProgressBar::hidden()).collect().await;
        let bytes = chunks
            .into_iter()
            .collect::<std::io::Result<Vec<_>>>()
            .unwrap()
            .concat();
        assert_eq!(bytes.len() as u64, length);
        let boundary = kind.split("boundary=").nth(1).unwrap();
        assert!(bytes.starts_with(format!("--{boundary}\r\n").as_bytes()));
        assert!(bytes.ends_with(format!("\r\n--{boundary}--\r\n").as_bytes()));
        assert!(
            Multipart::new()
                .file("component", dir.path().into())
                .await
                .is_err()
        );
    }
}
