//! An object on its way from a guest into the store: a stream with a bounded number of pieces under
//! way, and the task at its other end.

use bytes::Bytes;
use steward_registry::blobs::MAX_BLOB_BYTES;
use steward_registry::{BlobUpload, Registry, RegistryError, StoredBlob};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::Turns;

/// The most that a guest writes at a time.
const PIECE: usize = 64 << 10;
/// Pieces that wait for the store.
const PIECES: usize = 4;

/// The end that the guest writes to.
pub(super) struct BodyStream {
    pieces: mpsc::Sender<Bytes>,
    _stream: OwnedSemaphorePermit,
}

/// What becomes of the body. Dropped, the upload is taken back.
pub(super) struct Body {
    ended: oneshot::Sender<()>,
    stored: oneshot::Receiver<Result<StoredBlob, String>>,
}

/// Begins an upload. `turns` is who may upload on this host; the upload waits for it, and the guest for
/// the upload.
pub(super) fn begin(
    registry: Registry,
    upload: BlobUpload,
    turns: Turns,
    stream: OwnedSemaphorePermit,
) -> (BodyStream, Body) {
    let (pieces, mut received) = mpsc::channel::<Bytes>(PIECES);
    let (ended, mut end) = oneshot::channel();
    let (mut sender, stored) = oneshot::channel();
    tokio::spawn(async move {
        let outcome = tokio::select! {
            outcome = send(upload, turns, &mut received, &mut end) => outcome,
            // The call is over: nobody will give these bytes a name.
            () = sender.closed() => return,
        };
        if let Err(Ok(unwanted)) = sender.send(outcome) {
            let removed = registry.remove_blobs(&[unwanted.stored_as]).await;
            if let Err(error) = removed {
                tracing::warn!(%error, "bytes of no object stay in the store");
            }
        }
    });
    let stream = BodyStream {
        pieces,
        _stream: stream,
    };
    (stream, Body { ended, stored })
}

async fn send(
    mut upload: BlobUpload,
    turns: Turns,
    received: &mut mpsc::Receiver<Bytes>,
    end: &mut oneshot::Receiver<()>,
) -> Result<StoredBlob, String> {
    let told = |error: RegistryError| {
        tracing::warn!(%error, "an object is not stored");
        "the object could not be stored".to_owned()
    };
    let _turn = turns.take().await?;
    let mut open = true;
    loop {
        let piece = tokio::select! {
            biased;
            piece = received.recv() => piece,
            // The guest has finished the object with its stream still open: what it wrote counts.
            _ = &mut *end, if open => {
                open = false;
                received.close();
                continue;
            }
        };
        let Some(piece) = piece else { break };
        if upload.size() + piece.len() as u64 > MAX_BLOB_BYTES {
            if let Err(error) = upload.abort().await {
                tracing::debug!(%error, "an upload is not taken back");
            }
            return Err(format!(
                "the object has more than {MAX_BLOB_BYTES} bytes, which is the most that is kept in one"
            ));
        }
        upload.write(&piece).await.map_err(told)?;
    }
    upload.finish().await.map_err(told)
}

impl Body {
    /// Ends the body and waits until it is stored.
    pub(super) async fn stored(self) -> Result<StoredBlob, String> {
        let _ = self.ended.send(());
        match self.stored.await {
            Ok(outcome) => outcome,
            Err(_) => Err("the object could not be stored".to_owned()),
        }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for BodyStream {
    async fn ready(&mut self) {
        // A closed stream is ready too: to say so.
        let _ = self.pieces.reserve().await;
    }
}

impl OutputStream for BodyStream {
    fn check_write(&mut self) -> StreamResult<usize> {
        if self.pieces.is_closed() {
            return Err(StreamError::Closed);
        }
        Ok(match self.pieces.capacity() {
            0 => 0,
            _ => PIECE,
        })
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > PIECE {
            return Err(StreamError::trap("more was written than was permitted"));
        }
        match self.pieces.try_send(bytes) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(StreamError::Closed),
            Err(mpsc::error::TrySendError::Full(_)) => {
                Err(StreamError::trap("more was written than was permitted"))
            }
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        // The object counts once it is finished, and that waits for every byte.
        match self.pieces.is_closed() {
            true => Err(StreamError::Closed),
            false => Ok(()),
        }
    }
}
