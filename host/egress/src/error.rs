//! What can go wrong on the way out.

/// Whatever the body of a request failed with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a request has no answer, or an answer no end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EgressError {
    /// The URI is no destination.
    #[error("the URI cannot be requested: {0}")]
    InvalidUri(&'static str),
    /// The method opens a tunnel.
    #[error("the method CONNECT is not sent")]
    InvalidMethod,
    /// The headers do not say one length.
    #[error("the header `content-length` does not fit the body")]
    InvalidLength,
    /// The head of the request is too large.
    #[error("the head of the request has more than {0} bytes")]
    RequestHeadTooLarge(usize),
    /// None of the addresses may be connected to.
    #[error("`{host}` is {what}, which functions do not reach")]
    Blocked {
        /// The host of the request.
        host: String,
        /// The kind of its address, as `a private address`.
        what: &'static str,
    },
    /// The name has no address.
    #[error("the name has no address")]
    NoSuchHost,
    /// No connection can be opened.
    #[error("no connection: {0}")]
    Connect(std::io::Error),
    /// TLS cannot be agreed on, or the certificate is not good for this host.
    #[error("no TLS: {0}")]
    Tls(std::io::Error),
    /// Not connected within the time for it.
    #[error("not connected within the time for it")]
    ConnectTimeout,
    /// No head of an answer within the time for it.
    #[error("no answer within the time for it")]
    FirstByteTimeout,
    /// Nothing more of the body within the time for it.
    #[error("the body of the answer stopped for longer than it may")]
    BetweenBytesTimeout,
    /// The call of the function has come to its deadline.
    #[error("the call has come to its deadline")]
    Deadline,
    /// More requests or connections at a time than there may be.
    #[error("too many requests at the same time")]
    TooMany,
    /// The head of the answer is too large.
    #[error("the head of the answer is too large")]
    ResponseHeadTooLarge,
    /// The answer ended before its end.
    #[error("the answer is not complete")]
    Incomplete,
    /// The body of the request failed.
    #[error("the body of the request failed")]
    RequestBody,
    /// What came is no HTTP.
    #[error("the peer does not speak HTTP: {0}")]
    Protocol(hyper::Error),
}

impl From<hyper::Error> for EgressError {
    fn from(error: hyper::Error) -> Self {
        let broken_off = std::error::Error::source(&error)
            .and_then(|source| source.downcast_ref::<std::io::Error>())
            .is_some_and(|source| {
                use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, UnexpectedEof};
                matches!(
                    source.kind(),
                    UnexpectedEof | ConnectionReset | ConnectionAborted
                )
            });
        if error.is_parse_too_large() {
            Self::ResponseHeadTooLarge
        } else if error.is_user() || error.is_body_write_aborted() {
            Self::RequestBody
        } else if broken_off
            || error.is_incomplete_message()
            || error.is_closed()
            || error.is_canceled()
        {
            Self::Incomplete
        } else {
            Self::Protocol(error)
        }
    }
}
