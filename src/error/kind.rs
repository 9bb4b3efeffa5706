//! Kinds of errors.

/// What kind of failure an [`Error`](super::Error) is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The set-up cannot work: an argument of a constructor, or the client below the layer. The text says what is
    /// wrong and what to do.
    Configuration,
    /// The request is for an origin that the credential is not bound to. It was not sent.
    ForeignOrigin,
    /// The client below sent the request elsewhere: it followed a redirect to another origin, or used a proxy for a
    /// loopback address. The credential may have been sent there: replace it. Only a reqwest client can do this, and
    /// only with such settings.
    SentElsewhere,
    /// The request would show the credential: it goes over plain HTTP, its method is TRACE or CONNECT, or its
    /// `Connection` header names the credential's header. It was not sent.
    Insecure,
    /// The headers that each request carries beside its token (a DPoP proof, say) could not be made: see
    /// [`PerRequest`](crate::scheme::PerRequest). The request was not sent.
    Proof,
    /// There is no usable token because the exchange failed; see [`Error::exchange`](super::Error::exchange).
    Exchange,
    /// A refused token has no successor now; see [`Error::recovery`](super::Error::recovery). The refused token stays current.
    NoSuccessor,
    /// No exchange ended in time, or the caller's deadline (gRPC's `grpc-timeout`, the timeout of a reqwest request)
    /// ended while the request waited here. The request was not sent. A running exchange continues.
    Timeout,
    /// The exchange needs a token of its own source, so it would wait for itself.
    Reentrant,
    /// The future was polled outside a tokio runtime, or in one without a timer.
    Runtime,
}

crate::basics::as_str::impl_as_str!(ErrorKind {
    Configuration => "configuration",
    ForeignOrigin => "foreign_origin",
    SentElsewhere => "sent_elsewhere",
    Insecure => "insecure",
    Proof => "proof",
    Exchange => "exchange",
    NoSuccessor => "no_successor",
    Timeout => "timeout",
    Reentrant => "reentrant",
    Runtime => "runtime",
});
