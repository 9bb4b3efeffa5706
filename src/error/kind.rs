//! Kinds of errors.

/// What kind of failure an [`Error`](super::Error) is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something given to a constructor, or put below the layer, cannot work; the text says what and how to mend
    /// it.
    Configuration,
    /// The request is for an origin that this credential is not bound to. It was not sent. (Or a client that
    /// follows redirects by itself, such as reqwest's, led it there: the text says so.)
    ForeignOrigin,
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
    /// No exchange came to an end in time, or the caller's own deadline (gRPC's `grpc-timeout`, the timeout of
    /// a request of reqwest's) ended while its request waited here, and it was not sent. The exchange under way is
    /// not cut short by this.
    Timeout,
    /// The exchange went through the source that it was to supply, and would have waited for itself.
    Reentrant,
    /// The future was polled outside a tokio runtime, or in one without a timer.
    Runtime,
}

crate::basics::as_str::impl_as_str!(ErrorKind {
    Configuration => "configuration",
    ForeignOrigin => "foreign_origin",
    Insecure => "insecure",
    Proof => "proof",
    Exchange => "exchange",
    NoSuccessor => "no_successor",
    Timeout => "timeout",
    Reentrant => "reentrant",
    Runtime => "runtime",
});
